/* ring.h: a consistent-hash ring (Karger et al. 1997) of the eligible members of a seat, as a treap (Seidel and Aragon
 * 1996) keyed by the points' hashes: its shape depends only on the set of points, never on the order they came in.
 * Insertion, removal and look-up are O(log n). Points are the caller's memory. */
#ifndef WEFT_CORE_RING_H
#define WEFT_CORE_RING_H

#include <stdint.h>

struct membership;

struct ring_point {
    struct ring_point *left, *right;
    uint64_t hash;   /* place on the ring; the key, made unique by the pointer's member */
    uint64_t weight; /* heap order: a parent's is not less than its children's */
    struct membership *member;
};

/* Adds the point, whose hash, weight and member are set. */
void weft__ring_add(struct ring_point **root, struct ring_point *point);

/* Removes the point, which is on the ring. */
void weft__ring_remove(struct ring_point **root, struct ring_point *point);

/* The first point at or after the hash, going round; NULL: the ring is empty. */
struct ring_point *weft__ring_at(struct ring_point *root, uint64_t hash);

/* The next one after the point, going round: itself, if it is alone. */
struct ring_point *weft__ring_after(struct ring_point *root, const struct ring_point *point);

#endif
