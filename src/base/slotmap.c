/* Slots are made one by one, in index order, inside chunks that are allocated as a whole; a new slot joins the tail of
 * the free list like one that was given back. So the list is never longer than the most that were ever asked for, and
 * slots_made - slots_count of the slots are spent and on no list. */
#include "base/slotmap.h"

#include <string.h>

#include "base/assert.h"

enum { CHUNK_SLOTS = 1 << SLOT_CHUNK_BITS, INDEX_COUNT = 1 << SLOT_INDEX_BITS, CHUNKS_MIN = 4 };

static const uint64_t generation_step = UINT64_C(1) << SLOT_INDEX_BITS;

static bool make_slots(struct slotmap *map, uint32_t more);
static bool reserve_chunks(struct slotmap *map, uint32_t chunks_count);
static void push_free(struct slotmap *map, struct slot *slot);
static uint32_t slot_index(const struct slot *slot);

void weft__slotmap_init(struct slotmap *map, const struct mem *mem, uint32_t record_bytes, uint32_t slots_max)
{
    WEFT_ASSERT(record_bytes >= sizeof(struct slot));
    WEFT_ASSERT(slots_max <= INDEX_COUNT);
    *map = (struct slotmap){
        .mem = mem,
        .record_bytes = (record_bytes + 15) & ~UINT32_C(15),
        .slots_max = slots_max,
        .generation_max = (UINT64_C(1) << SLOT_GENERATION_BITS) - 1,
    };
}

void weft__slotmap_fini(struct slotmap *map)
{
    for (uint32_t i = 0; i < map->chunks_count; i++)
        weft__mem_free(map->mem, map->chunks[i]);
    if (map->chunks) weft__mem_free(map->mem, map->chunks);
    *map = (struct slotmap){0};
}

bool weft__slotmap_ensure(struct slotmap *map, uint32_t slots_count)
{
    if (slots_count <= map->slots_count) return true;
    if (slots_count > map->slots_max) return false;
    if (!make_slots(map, slots_count - map->slots_count)) return false;
    map->slots_count = slots_count;
    return true;
}

void *weft__slotmap_take(struct slotmap *map)
{
    WEFT_ASSERT(map->free_head);
    struct slot *slot = weft__slotmap_at(map, map->free_head - 1);
    WEFT_ASSERT(!slot->live);
    map->free_head = slot->next_free;
    map->live_count++;
    slot->next_free = 0;
    slot->live = 1;
    memset(slot + 1, 0, map->record_bytes - sizeof *slot);
    return slot;
}

void weft__slotmap_give(struct slotmap *map, void *record)
{
    struct slot *slot = record;
    WEFT_ASSERT(weft__slotmap_find(map, slot->handle) == slot);
    slot->live = 0;
    map->live_count--;
    if (slot->handle >> SLOT_INDEX_BITS < map->generation_max) {
        slot->handle += generation_step;
        push_free(map, slot);
    } else if (make_slots(map, 1)) {
        slot->handle = 0;
    } else {
        slot->handle = generation_step | slot_index(slot);
        push_free(map, slot);
    }
}

void *weft__slotmap_next(const struct slotmap *map, uint32_t *cursor)
{
    while (*cursor < map->slots_made) {
        struct slot *slot = weft__slotmap_at(map, (*cursor)++);
        if (slot->live) return slot;
    }
    return NULL;
}

/* False: out of memory or of indices, nothing changed. */
static bool make_slots(struct slotmap *map, uint32_t more)
{
    if (more > INDEX_COUNT - map->slots_made) return false;
    if (!reserve_chunks(map, (map->slots_made + more + CHUNK_SLOTS - 1) / CHUNK_SLOTS)) return false;
    for (; more; more--) {
        uint32_t index = map->slots_made++;
        struct slot *slot = weft__slotmap_at(map, index);
        *slot = (struct slot){.handle = generation_step | index};
        push_free(map, slot);
    }
    return true;
}

/* The old table of chunks is given up last, when nothing can fail any more. */
static bool reserve_chunks(struct slotmap *map, uint32_t chunks_count)
{
    if (chunks_count <= map->chunks_count) return true;
    uint32_t chunks_max = map->chunks_max ? map->chunks_max : CHUNKS_MIN;
    while (chunks_max < chunks_count)
        chunks_max *= 2;
    void **chunks = map->chunks;
    if (chunks_max > map->chunks_max) {
        chunks = weft__mem_alloc(map->mem, chunks_max * sizeof *chunks);
        if (!chunks) return false;
        if (map->chunks) memcpy(chunks, map->chunks, map->chunks_count * sizeof *chunks);
    }

    uint32_t reserved = map->chunks_count;
    for (; reserved < chunks_count; reserved++) {
        chunks[reserved] = weft__mem_alloc(map->mem, (size_t)CHUNK_SLOTS * map->record_bytes);
        if (!chunks[reserved]) goto fail_after_some;
    }

    if (map->chunks && chunks != map->chunks) weft__mem_free(map->mem, map->chunks);
    map->chunks = chunks;
    map->chunks_max = chunks_max;
    map->chunks_count = chunks_count;
    return true;

fail_after_some:
    while (reserved > map->chunks_count)
        weft__mem_free(map->mem, chunks[--reserved]);
    if (chunks != map->chunks) weft__mem_free(map->mem, chunks);
    return false;
}

static void push_free(struct slotmap *map, struct slot *slot)
{
    uint32_t link = slot_index(slot) + 1;
    slot->next_free = 0;
    if (map->free_head)
        weft__slotmap_at(map, map->free_tail - 1)->next_free = link;
    else
        map->free_head = link;
    map->free_tail = link;
}

static uint32_t slot_index(const struct slot *slot)
{
    return (uint32_t)slot->handle & (INDEX_COUNT - 1);
}
