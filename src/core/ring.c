/* ring.c: see ring.h. */
#include "core/ring.h"

#include <string.h>

enum { BITS_LEAST = 6 };

void weft__ring_init(struct ring *ring, const struct mem *mem)
{
    *ring = (struct ring){.mem = mem};
}

void weft__ring_fini(struct ring *ring)
{
    if (ring->arcs) weft__mem_free(ring->mem, ring->arcs);
    ring->arcs = NULL;
}

static size_t words(unsigned bits)
{
    return ((size_t)1 << bits) / 64;
}

static size_t arc_of(const struct ring *ring, uint64_t place)
{
    return (size_t)(place >> (64 - ring->bits));
}

static bool before(const struct ring_point *a, const struct ring_point *b)
{
    return a->place != b->place ? a->place < b->place : (uintptr_t)a->worker < (uintptr_t)b->worker;
}

static void insert(struct ring *ring, struct ring_point *point)
{
    size_t arc = arc_of(ring, point->place);
    struct ring_point **at = &ring->arcs[arc];
    while (*at && before(*at, point))
        at = &(*at)->next;
    point->next = *at;
    *at = point;
    ring->filled[arc / 64] |= UINT64_C(1) << arc % 64;
    ring->summary[arc / 4096] |= UINT64_C(1) << arc / 64 % 64;
}

bool weft__ring_reserve(struct ring *ring, uint32_t points)
{
    unsigned bits = ring->arcs ? ring->bits : BITS_LEAST;
    while (((uint64_t)1 << bits) < points)
        bits++;
    if (ring->arcs && bits == ring->bits) return true;
    size_t arcs = (size_t)1 << bits;
    size_t summary_words = (words(bits) + 63) / 64;
    struct ring grown = {.mem = ring->mem, .bits = bits, .count = ring->count};
    grown.arcs =
        weft__mem_zalloc(ring->mem, arcs * sizeof(*grown.arcs) + (words(bits) + summary_words) * sizeof(*grown.filled));
    if (!grown.arcs) return false;
    grown.filled = (uint64_t *)(void *)(grown.arcs + arcs);
    grown.summary = grown.filled + words(bits);
    for (size_t arc = 0; ring->arcs && arc < (size_t)1 << ring->bits; arc++)
        for (struct ring_point *point = ring->arcs[arc], *next; point; point = next) {
            next = point->next;
            insert(&grown, point);
        }
    weft__ring_fini(ring);
    *ring = grown;
    return true;
}

void weft__ring_add(struct ring *ring, struct ring_point *point)
{
    insert(ring, point);
    ring->count++;
}

void weft__ring_remove(struct ring *ring, struct ring_point *point)
{
    size_t arc = arc_of(ring, point->place);
    struct ring_point **at = &ring->arcs[arc];
    while (*at != point)
        at = &(*at)->next;
    *at = point->next;
    ring->count--;
    if (ring->arcs[arc]) return;
    ring->filled[arc / 64] &= ~(UINT64_C(1) << arc % 64);
    if (ring->filled[arc / 64] == 0) ring->summary[arc / 4096] &= ~(UINT64_C(1) << arc / 64 % 64);
}

/* The first filled arc at or after that one; -1: none to the end of the circle. */
static int64_t filled_from(const struct ring *ring, size_t arc)
{
    if (arc >> ring->bits) return -1;
    uint64_t word = ring->filled[arc / 64] >> arc % 64;
    if (word) return (int64_t)arc + __builtin_ctzll(word);
    size_t summary_words = (words(ring->bits) + 63) / 64;
    size_t next = arc / 64 + 1;
    for (size_t s = next / 64; s < summary_words; s++) {
        uint64_t summary = ring->summary[s];
        if (s == next / 64) summary &= ~UINT64_C(0) << next % 64;
        if (!summary) continue;
        size_t w = s * 64 + (size_t)__builtin_ctzll(summary);
        return (int64_t)(w * 64) + __builtin_ctzll(ring->filled[w]);
    }
    return -1;
}

static struct ring_point *first_from(const struct ring *ring, size_t arc)
{
    int64_t filled = filled_from(ring, arc);
    if (filled < 0) filled = filled_from(ring, 0);
    return ring->arcs[filled];
}

struct ring_point *weft__ring_at(const struct ring *ring, uint64_t place)
{
    if (ring->count == 0) return NULL;
    size_t arc = arc_of(ring, place);
    for (struct ring_point *point = ring->arcs[arc]; point; point = point->next)
        if (point->place >= place) return point;
    return first_from(ring, arc + 1);
}

struct ring_point *weft__ring_after(const struct ring *ring, const struct ring_point *point)
{
    return point->next ? point->next : first_from(ring, arc_of(ring, point->place) + 1);
}
