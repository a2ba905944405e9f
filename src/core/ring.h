/* ring.h: a consistent-hash ring (Karger et al. 1997): points at fixed places of a circle of 2^64; a key belongs to the
 * first point at or after it.
 *
 * As places are hashes, they are spread evenly: the circle is cut into as many arcs as there may be points, each with the
 * sorted list of its own, about one. Which arcs have any is a bitmap of two levels, so that a ring that was left with few
 * points is as quick as a full one. All calls but reserve are O(1) in the mean. Points are the caller's memory. */
#ifndef WEFT_CORE_RING_H
#define WEFT_CORE_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mem.h"

struct core_worker;

struct ring_point {
    struct ring_point *next; /* in its arc, by place */
    uint64_t place;
    struct core_worker *worker;
};

struct ring {
    const struct mem *mem;
    struct ring_point **arcs;
    uint64_t *filled;  /* bit: the arc has a point */
    uint64_t *summary; /* bit: that word of filled is not 0 */
    unsigned bits;     /* arcs = 1 << bits */
    uint32_t count;
};

/* Zeroed memory is an empty ring, but for mem. */
void weft__ring_init(struct ring *ring, const struct mem *mem);
void weft__ring_fini(struct ring *ring);

/* Makes room for that many points in all. False: out of memory, nothing has changed. */
bool weft__ring_reserve(struct ring *ring, uint32_t points);

/* Adds a point whose place and worker are set; room was reserved. Equal places are ordered by worker. */
void weft__ring_add(struct ring *ring, struct ring_point *point);

/* Removes a point that is on the ring. */
void weft__ring_remove(struct ring *ring, struct ring_point *point);

/* The first point at or after the place, going round; NULL: the ring is empty. */
struct ring_point *weft__ring_at(const struct ring *ring, uint64_t place);

/* The next after a point of the ring, going round: itself, if it is alone. */
struct ring_point *weft__ring_after(const struct ring *ring, const struct ring_point *point);

#endif
