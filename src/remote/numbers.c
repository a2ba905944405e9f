#include "remote/numbers.h"

#include "base/assert.h"
#include "base/mix.h"
#include "schema/seed.h"

enum { ROOM_FIRST = 4 };

static uint32_t home(const struct numbers *numbers, uint64_t number)
{
    return (uint32_t)weft__mix(weft__mix(number ^ numbers->seed) + (numbers->seed >> 32 | numbers->seed << 32)) &
           (numbers->room - 1);
}

static struct number_pair *slot_of(const struct numbers *numbers, uint64_t number)
{
    uint32_t at = home(numbers, number);
    while (numbers->pairs[at].handle && numbers->pairs[at].number != number)
        at = (at + 1) & (numbers->room - 1);
    return &numbers->pairs[at];
}

void weft__numbers_init(struct numbers *numbers, const struct mem *mem)
{
    *numbers = (struct numbers){.mem = mem, .seed = weft__schema_seed()};
}

void weft__numbers_fini(struct numbers *numbers)
{
    weft__mem_free(numbers->mem, numbers->pairs);
    *numbers = (struct numbers){.mem = numbers->mem, .seed = numbers->seed};
}

bool weft__numbers_ready(struct numbers *numbers)
{
    if ((numbers->count + 1) * 4 <= numbers->room * 3) return true;
    struct numbers larger = *numbers;
    larger.room = numbers->room ? numbers->room * 2 : ROOM_FIRST;
    larger.pairs = weft__mem_zalloc(numbers->mem, larger.room * sizeof(*larger.pairs));
    if (!larger.pairs) return false;
    for (uint32_t i = 0; i < numbers->room; i++)
        if (numbers->pairs[i].handle) *slot_of(&larger, numbers->pairs[i].number) = numbers->pairs[i];
    weft__mem_free(numbers->mem, numbers->pairs);
    *numbers = larger;
    return true;
}

void weft__numbers_add(struct numbers *numbers, uint64_t number, uint64_t handle)
{
    struct number_pair *pair = slot_of(numbers, number);
    WEFT_ASSERT(!pair->handle && handle);
    *pair = (struct number_pair){number, handle};
    numbers->count++;
}

uint64_t weft__numbers_find(const struct numbers *numbers, uint64_t number)
{
    return numbers->room ? slot_of(numbers, number)->handle : 0;
}

/* What stands behind it closes up, so that no chain is broken. */
uint64_t weft__numbers_remove(struct numbers *numbers, uint64_t number)
{
    if (!numbers->room) return 0;
    struct number_pair *pair = slot_of(numbers, number);
    uint64_t handle = pair->handle;
    if (!handle) return 0;
    uint32_t hole = (uint32_t)(pair - numbers->pairs), mask = numbers->room - 1;
    for (uint32_t at = (hole + 1) & mask; numbers->pairs[at].handle; at = (at + 1) & mask) {
        uint32_t from = home(numbers, numbers->pairs[at].number);
        if (((at - from) & mask) < ((at - hole) & mask)) continue;
        numbers->pairs[hole] = numbers->pairs[at];
        hole = at;
    }
    numbers->pairs[hole] = (struct number_pair){0, 0};
    numbers->count--;
    return handle;
}
