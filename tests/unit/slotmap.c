/* slotmap.h promises:
 *   - a taken record is found by its handle, at an address that never changes, aligned to 16 and zeroed
 *   - find refuses 0, handles of no slot, stale handles, and the handle that a free slot will have next
 *   - a given-back record stays readable and shows another handle than it had
 *   - slots are reused first in first out; no handle is given out twice while generations or indices last
 *   - a slot whose generations are spent makes room for a fresh one, or starts again where there is no memory for that
 *   - ensure makes as many slots as asked for, at most slots_max; when it fails, nothing has changed
 *   - next walks the live records in index order, while they are given back too
 *   - memory is the records, rounded up to a chunk, and the table of chunks
 *   - fini frees all, and is harmless on zeroed memory
 *   - any mix of calls gives what a queue and an array of generations would give
 */
#include "base/slotmap.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/check.h"
#include "lib/failmem.h"

enum { CHUNK_SLOTS = 1 << SLOT_CHUNK_BITS };

struct record {
    struct slot slot;
    unsigned char body[40];
};

static struct failmem failmem;
static struct slotmap map;

static int set_up(void **state)
{
    (void)state;
    failmem_init(&failmem);
    weft__slotmap_init(&map, &failmem.mem, sizeof(struct record), 1000);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    weft__slotmap_fini(&map);
    return failmem.live_blocks == 0 ? 0 : -1;
}

static struct record *take(void)
{
    check_true(weft__slotmap_ensure(&map, map.live_count + 1));
    return weft__slotmap_take(&map);
}

static uint32_t index_of(uint64_t handle)
{
    return (uint32_t)handle & ((UINT32_C(1) << SLOT_INDEX_BITS) - 1);
}

static uint64_t generation_of(uint64_t handle)
{
    return handle >> SLOT_INDEX_BITS;
}

static void slotmap_finds_what_was_taken(void **state)
{
    (void)state;
    struct record *first = take(), *second = take();
    check_eq(first->slot.handle, UINT64_C(1) << SLOT_INDEX_BITS);
    check_eq(second->slot.handle, (UINT64_C(1) << SLOT_INDEX_BITS) + 1);
    check_true(weft__slotmap_find(&map, first->slot.handle) == first);
    check_true(weft__slotmap_find(&map, second->slot.handle) == second);
    check_eq(map.live_count, 2);
}

static void slotmap_find_refuses_handles_never_given_out(void **state)
{
    (void)state;
    check_true(weft__slotmap_find(&map, 0) == NULL);
    check_true(weft__slotmap_find(&map, UINT64_C(1) << SLOT_INDEX_BITS) == NULL);

    struct record *record = take();
    uint64_t handle = record->slot.handle;
    check_true(weft__slotmap_find(&map, 0) == NULL);
    check_true(weft__slotmap_find(&map, handle + 1) == NULL);
    check_true(weft__slotmap_find(&map, handle + CHUNK_SLOTS) == NULL);
    check_true(weft__slotmap_find(&map, index_of(handle)) == NULL);
    check_true(weft__slotmap_find(&map, UINT64_MAX) == NULL);
}

static void slotmap_find_refuses_a_stale_handle(void **state)
{
    (void)state;
    struct record *record = take();
    uint64_t stale = record->slot.handle;
    weft__slotmap_give(&map, record);
    check_true(record->slot.handle != stale);
    check_true(weft__slotmap_find(&map, stale) == NULL);

    struct record *next = take();
    check_true(next == record);
    check_true(weft__slotmap_find(&map, stale) == NULL);
    check_eq(generation_of(next->slot.handle), 2);
}

static void slotmap_find_refuses_the_next_handle_of_a_free_slot(void **state)
{
    (void)state;
    check_true(weft__slotmap_ensure(&map, 1));
    check_true(weft__slotmap_find(&map, UINT64_C(1) << SLOT_INDEX_BITS) == NULL);
    struct record *record = take();
    weft__slotmap_give(&map, record);
    check_true(weft__slotmap_find(&map, record->slot.handle) == NULL);
}

static void slotmap_gives_zeroed_records(void **state)
{
    (void)state;
    for (int round = 0; round < 3; round++) {
        struct record *record = take();
        for (size_t i = 0; i < sizeof record->body; i++)
            check_eq(record->body[i], 0);
        memset(record->body, 0xff, sizeof record->body);
        weft__slotmap_give(&map, record);
    }
}

static void slotmap_records_are_aligned_and_never_move(void **state)
{
    (void)state;
    struct record *records[1000];
    for (uint32_t i = 0; i < 1000; i++) {
        records[i] = take();
        check_eq((uintptr_t)records[i] % 16, 0);
    }
    for (uint32_t i = 0; i < 1000; i++)
        check_true(weft__slotmap_find(&map, UINT64_C(1) << SLOT_INDEX_BITS | i) == records[i]);
}

static void slotmap_reuses_slots_first_in_first_out(void **state)
{
    (void)state;
    struct record *a = take(), *b = take(), *c = take();
    weft__slotmap_give(&map, b);
    weft__slotmap_give(&map, c);
    weft__slotmap_give(&map, a);
    check_true(take() == b);
    check_true(take() == c);
    check_true(take() == a);
}

static void slotmap_ensure_refuses_more_than_slots_max(void **state)
{
    (void)state;
    check_true(weft__slotmap_ensure(&map, 1000));
    check_true(weft__slotmap_ensure(&map, 10));
    check_eq(map.slots_count, 1000);
    uint64_t allocations = failmem.allocations;
    check_true(!weft__slotmap_ensure(&map, 1001));
    check_eq(map.slots_count, 1000);
    check_eq(failmem.allocations, allocations);
}

static void slotmap_ensure_counts_live_and_free_slots_together(void **state)
{
    (void)state;
    check_true(weft__slotmap_ensure(&map, 3));
    struct record *record = take();
    check_true(weft__slotmap_ensure(&map, 3));
    check_eq(map.slots_count, 3);
    weft__slotmap_give(&map, record);
    check_eq(map.slots_count, 3);
}

static void slotmap_ensure_without_memory_changes_nothing(void **state)
{
    (void)state;
    for (uint32_t before = 0; before <= 2 * CHUNK_SLOTS; before += CHUNK_SLOTS / 2) {
        for (uint64_t nth = 1;; nth++) {
            weft__slotmap_fini(&map);
            set_up(NULL);
            check_true(weft__slotmap_ensure(&map, before));
            uint64_t handle = before ? take()->slot.handle : 0;
            struct slotmap old = map;
            uint64_t live_blocks = failmem.live_blocks, live_bytes = failmem.live_bytes;

            failmem_fail_once(&failmem, nth);
            bool made = weft__slotmap_ensure(&map, 300);
            if (made && !failmem.refused) break;
            check_true(!made);
            check_eq(memcmp(&map, &old, sizeof map), 0);
            check_eq(failmem.live_blocks, live_blocks);
            check_eq(failmem.live_bytes, live_bytes);
            if (before) check_true(weft__slotmap_find(&map, handle) != NULL);

            check_true(weft__slotmap_ensure(&map, 300));
            for (uint32_t i = map.live_count; i < 300; i++)
                (void)weft__slotmap_take(&map);
            check_eq(map.live_count, 300);
        }
    }
}

static void slotmap_next_walks_live_records_in_index_order(void **state)
{
    (void)state;
    uint32_t cursor = 0;
    check_true(weft__slotmap_next(&map, &cursor) == NULL);

    struct record *records[100];
    for (int i = 0; i < 100; i++)
        records[i] = take();
    for (int i = 0; i < 100; i += 3)
        weft__slotmap_give(&map, records[i]);
    for (int i = 0; i < 100; i++)
        if (i % 3) check_true(weft__slotmap_next(&map, &cursor) == records[i]);
    check_true(weft__slotmap_next(&map, &cursor) == NULL);
    check_true(weft__slotmap_next(&map, &cursor) == NULL);
}

static void slotmap_next_lets_the_record_be_given_back(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++)
        take();
    uint32_t cursor = 0, seen = 0;
    for (struct record *record; (record = weft__slotmap_next(&map, &cursor)); seen++)
        weft__slotmap_give(&map, record);
    check_eq(seen, 100);
    check_eq(map.live_count, 0);
}

static void slotmap_retires_a_slot_whose_generations_are_spent(void **state)
{
    (void)state;
    map.generation_max = 3;
    uint64_t given[300];
    struct record *other = take();
    uint64_t other_handle = other->slot.handle;
    for (int i = 0; i < 300; i++) {
        struct record *record = take();
        given[i] = record->slot.handle;
        weft__slotmap_give(&map, record);
        check_true(record->slot.handle != given[i]);
        check_eq(map.slots_count, 2);
        for (int past = 0; past <= i; past++)
            check_true(weft__slotmap_find(&map, given[past]) == NULL);
        for (int past = 0; past < i; past++)
            check_true(given[past] != given[i]);
    }
    check_eq(generation_of(given[2]), 3);
    check_eq(generation_of(given[3]), 1);
    check_eq(map.slots_made, 2 + 100);
    check_true(weft__slotmap_find(&map, other_handle) == other);
}

static void slotmap_replaces_spent_slots_at_its_bound_too(void **state)
{
    (void)state;
    map.slots_max = CHUNK_SLOTS;
    map.generation_max = 1;
    for (uint32_t i = 0; i < CHUNK_SLOTS; i++)
        take();
    uint32_t cursor = 0;
    for (uint32_t i = 0; i < CHUNK_SLOTS; i++)
        weft__slotmap_give(&map, weft__slotmap_next(&map, &cursor));
    check_eq(map.slots_count, CHUNK_SLOTS);
    for (uint32_t i = 0; i < CHUNK_SLOTS; i++)
        check_eq(index_of(take()->slot.handle), CHUNK_SLOTS + i);
}

static void slotmap_starts_generations_again_without_memory_for_a_fresh_slot(void **state)
{
    (void)state;
    map.generation_max = 2;
    for (uint32_t i = 0; i < CHUNK_SLOTS; i++)
        take();
    struct record *record = weft__slotmap_find(&map, UINT64_C(1) << SLOT_INDEX_BITS | 7);
    failmem_fail_from(&failmem, 1);
    static const uint64_t expected[] = {2, 1, 2, 1};
    for (int i = 0; i < 4; i++) {
        weft__slotmap_give(&map, record);
        check_true(take() == record);
        check_eq(generation_of(record->slot.handle), expected[i]);
        check_true(weft__slotmap_find(&map, record->slot.handle) == record);
    }
    check_eq(map.slots_count, CHUNK_SLOTS);
    check_eq(failmem.refused, 2);
}

static void slotmap_generations_reach_40_bits(void **state)
{
    (void)state;
    check_eq(map.generation_max, UINT64_C(0xffffffffff));
    struct record *record = take();
    record->slot.handle = UINT64_C(0xfffffffffe) << SLOT_INDEX_BITS;
    weft__slotmap_give(&map, record);
    check_true(take() == record);
    check_eq(record->slot.handle, UINT64_C(0xffffffffff) << SLOT_INDEX_BITS);
    weft__slotmap_give(&map, record);
    check_eq(take()->slot.handle, (UINT64_C(1) << SLOT_INDEX_BITS) + 1);
}

static void slotmap_memory_is_the_records_and_little_more(void **state)
{
    (void)state;
    check_eq(failmem.live_blocks, 0);
    check_true(weft__slotmap_ensure(&map, 1));
    check_true(failmem.live_bytes <= CHUNK_SLOTS * 64 + 64);
    check_true(weft__slotmap_ensure(&map, 1000));
    check_eq(map.record_bytes, (sizeof(struct record) + 15) / 16 * 16);
    check_true(failmem.live_bytes <= (1000 + CHUNK_SLOTS) * (map.record_bytes + 1));
}

static void slotmap_fini_is_harmless_on_zeroed_memory(void **state)
{
    (void)state;
    struct slotmap zeroed = {0};
    weft__slotmap_fini(&zeroed);
    weft__slotmap_fini(&zeroed);
}

/* The model: indices in the order in which they become free, a generation and the taken record of each. */

enum { STEPS = 100000, INDICES_MAX = 1 << 17 };

static uint32_t queue[INDICES_MAX + STEPS];
static uint64_t generations[INDICES_MAX];
static struct record *records[INDICES_MAX];
static uint64_t issued[STEPS];
static uint64_t random_state;

static uint32_t random_below(uint32_t bound)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)((random_state >> 32) * bound >> 32);
}

static int compare_handles(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

static void slotmap_agrees_with_its_model(uint64_t seed, uint64_t generation_max, uint32_t live_max)
{
    print_message("seed %llu\n", (unsigned long long)seed);
    random_state = seed;
    map.generation_max = generation_max;
    uint32_t head = 0, tail = 0, made = 0, slots = 0, issued_count = 0, live_count = 0;
    static uint32_t live[INDICES_MAX];
    memset(records, 0, sizeof records);

    for (int step = 0; step < STEPS; step++) {
        uint32_t choice = random_below(16);
        if (choice == 0) {
            uint32_t wanted = random_below(live_max + 1);
            check_true(weft__slotmap_ensure(&map, wanted));
            for (; slots < wanted; slots++) {
                generations[made] = 1;
                queue[tail++] = made++;
            }
        } else if (choice < 8 && head < tail) {
            uint32_t index = queue[head++];
            struct record *record = weft__slotmap_take(&map);
            check_eq(record->slot.handle, generations[index] << SLOT_INDEX_BITS | index);
            check_eq(record->body[5], 0);
            record->body[5] = (unsigned char)index;
            records[index] = record;
            issued[issued_count++] = record->slot.handle;
            live[live_count++] = index;
        } else if (choice < 14 && live_count) {
            uint32_t at = random_below(live_count);
            uint32_t index = live[at];
            live[at] = live[--live_count];
            check_eq(records[index]->body[5], (unsigned char)index);
            weft__slotmap_give(&map, records[index]);
            records[index] = NULL;
            if (generations[index]++ < generation_max) {
                queue[tail++] = index;
            } else {
                generations[made] = 1;
                queue[tail++] = made++;
            }
        } else if (issued_count) {
            uint64_t handle = issued[random_below(issued_count)];
            uint32_t index = index_of(handle);
            bool current = records[index] && generations[index] == generation_of(handle);
            check_true(weft__slotmap_find(&map, handle) == (current ? records[index] : NULL));
        }
        check_eq(map.live_count, live_count);
        check_eq(map.slots_count, slots);
        check_eq(map.slots_made, made);
    }

    uint32_t cursor = 0;
    for (uint32_t index = 0; index < made; index++)
        if (records[index]) check_true(weft__slotmap_next(&map, &cursor) == records[index]);
    check_true(weft__slotmap_next(&map, &cursor) == NULL);

    qsort(issued, issued_count, sizeof *issued, compare_handles);
    for (uint32_t i = 1; i < issued_count; i++)
        check_true(issued[i - 1] != issued[i]);
}

static uint64_t seed_of_this_run(void)
{
    const char *given = getenv("SEED");
    return (given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL)) | 1;
}

static void slotmap_agrees_with_its_model_on_random_calls(void **state)
{
    (void)state;
    slotmap_agrees_with_its_model(seed_of_this_run(), (UINT64_C(1) << SLOT_GENERATION_BITS) - 1, 200);
}

static void slotmap_agrees_with_its_model_when_generations_are_few(void **state)
{
    (void)state;
    slotmap_agrees_with_its_model(seed_of_this_run(), 2, 50);
}

#define slotmap_test(body) cmocka_unit_test_setup_teardown(body, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        slotmap_test(slotmap_finds_what_was_taken),
        slotmap_test(slotmap_find_refuses_handles_never_given_out),
        slotmap_test(slotmap_find_refuses_a_stale_handle),
        slotmap_test(slotmap_find_refuses_the_next_handle_of_a_free_slot),
        slotmap_test(slotmap_gives_zeroed_records),
        slotmap_test(slotmap_records_are_aligned_and_never_move),
        slotmap_test(slotmap_reuses_slots_first_in_first_out),
        slotmap_test(slotmap_ensure_refuses_more_than_slots_max),
        slotmap_test(slotmap_ensure_counts_live_and_free_slots_together),
        slotmap_test(slotmap_ensure_without_memory_changes_nothing),
        slotmap_test(slotmap_next_walks_live_records_in_index_order),
        slotmap_test(slotmap_next_lets_the_record_be_given_back),
        slotmap_test(slotmap_retires_a_slot_whose_generations_are_spent),
        slotmap_test(slotmap_replaces_spent_slots_at_its_bound_too),
        slotmap_test(slotmap_starts_generations_again_without_memory_for_a_fresh_slot),
        slotmap_test(slotmap_generations_reach_40_bits),
        slotmap_test(slotmap_memory_is_the_records_and_little_more),
        slotmap_test(slotmap_fini_is_harmless_on_zeroed_memory),
        slotmap_test(slotmap_agrees_with_its_model_on_random_calls),
        slotmap_test(slotmap_agrees_with_its_model_when_generations_are_few),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
