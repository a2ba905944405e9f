/* heap.h: deadlines in order. A 4-ary array heap whose elements know where they stand, so that any of them can be
 * moved or removed in O(log n). Equal deadlines leave in an order that depends only on the calls made. */
#ifndef WEFT_BASE_HEAP_H
#define WEFT_BASE_HEAP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mem.h"

struct heap_node {
    uint32_t position; /* 1 + index in the array; 0 = in no heap */
};

struct heap_entry {
    uint64_t key;
    struct heap_node *node;
};

struct heap {
    const struct mem *mem;
    struct heap_entry *entries;
    uint32_t count;
    uint32_t room; /* entries allocated */
};

void weft__heap_init(struct heap *heap, const struct mem *mem);
void weft__heap_fini(struct heap *heap);

/* Makes room for count entries in all. False: out of memory, nothing changed. */
bool weft__heap_ensure(struct heap *heap, uint32_t count);

/* Inserts, or moves if it is in the heap. Room was made with ensure: it never fails. */
void weft__heap_set(struct heap *heap, struct heap_node *node, uint64_t key);

/* Removes, if it is in the heap. */
void weft__heap_remove(struct heap *heap, struct heap_node *node);

/* The node with the least key, and that key; NULL when empty. */
struct heap_node *weft__heap_first(const struct heap *heap, uint64_t *key);

#endif
