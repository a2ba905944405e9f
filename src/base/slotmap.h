/* slotmap.h: records behind generational handles.
 *
 * A handle is a 40-bit generation above a 24-bit index; 0 is no record. Slots are reused in FIFO order, so that a
 * stale handle stays detectable for as long as possible; a slot whose generations are spent is retired once a fresh
 * one could be made in its stead. Records stand in chunks and never move. Not locked: the owner's lock guards it.
 *
 * A record's first member is struct slot. A given-back record's memory stays readable until fini: a late reader
 * sees a slot with another generation, never a fault.
 */
#ifndef WEFT_BASE_SLOTMAP_H
#define WEFT_BASE_SLOTMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"

enum { SLOT_INDEX_BITS = 24, SLOT_GENERATION_BITS = 40 };
enum { SLOT_CHUNK_BITS = 5 }; /* 32 records a chunk: an idle map is small, a full one makes few allocations */

struct slot {
    uint64_t handle;    /* of the live record; of the next one to live here while free */
    uint32_t next_free; /* index + 1 of the next free slot; 0 = last */
    uint32_t live;      /* 1 while taken */
};

struct slotmap {
    const struct mem *mem;
    void **chunks;
    uint32_t chunks_count;
    uint32_t chunks_max;   /* room in the chunks array */
    uint32_t record_bytes; /* rounded up to 16 */
    uint32_t slots_count;  /* slots that exist, spent ones excepted */
    uint32_t slots_made;   /* indices made so far, spent ones included */
    uint32_t slots_max;    /* bound; at most 1 << 24 */
    uint32_t live_count;
    uint32_t free_head; /* index + 1 of the slot taken next; 0 = none */
    uint32_t free_tail;
    uint64_t generation_max; /* (1 << 40) - 1; tests lower it */
};

/* Holds mem. slots_max bounds the live records. Allocates nothing. */
void weft__slotmap_init(struct slotmap *map, const struct mem *mem, uint32_t record_bytes, uint32_t slots_max);

/* Frees the memory of every record, live or not. Harmless on zeroed memory. */
void weft__slotmap_fini(struct slotmap *map);

/* Makes sure that at least slots_count slots exist in all, live and free together; it makes no more than those, so that
 * few stay in use where few are asked for. False: out of memory or over the bound, and nothing has changed. */
bool weft__slotmap_ensure(struct slotmap *map, uint32_t slots_count);

/* A zeroed record with its slot filled in. The caller made room with ensure: it never fails. */
void *weft__slotmap_take(struct slotmap *map);

/* Gives a live record back: its handle is stale from now on. Allocates only where its generations are spent. */
void weft__slotmap_give(struct slotmap *map, void *record);

/* The slot at an index below slots_made. */
static inline struct slot *weft__slotmap_at(const struct slotmap *map, uint32_t index)
{
    char *chunk = map->chunks[index >> SLOT_CHUNK_BITS];
    uint32_t position = index & ((UINT32_C(1) << SLOT_CHUNK_BITS) - 1);
    return (struct slot *)(void *)(chunk + (size_t)position * map->record_bytes);
}

/* The live record of that handle, or NULL: stale, 0, or never given out. */
static inline void *weft__slotmap_find(const struct slotmap *map, uint64_t handle)
{
    uint32_t index = (uint32_t)handle & ((UINT32_C(1) << SLOT_INDEX_BITS) - 1);
    if (index >= map->slots_made) return NULL;
    struct slot *slot = weft__slotmap_at(map, index);
    return slot->handle == handle && slot->live ? slot : NULL;
}

/* Walks the live records in index order: *cursor starts at 0; NULL at the end. The record may be given back. */
void *weft__slotmap_next(const struct slotmap *map, uint32_t *cursor);

#endif
