/* arena.h: memory in blocks that are given back as a whole. */
#ifndef WEFT_BASE_ARENA_H
#define WEFT_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/mem.h"

struct arena_block;

struct arena {
    struct mem mem; /* by value: what it holds may outlive who made it */
    struct arena_block *blocks;
    size_t used, room; /* of the first */
};

void weft__arena_init(struct arena *arena, const struct mem *mem);
void weft__arena_fini(struct arena *arena);

/* Aligned as for pointers and numbers; NULL: out of memory. */
void *weft__arena_alloc(struct arena *arena, size_t size_bytes);
char *weft__arena_text(struct arena *arena, const char *text);

/* An array that grows: makes room for one more. False: out of memory. What was outgrown stays in the arena. */
bool weft__arena_grow(struct arena *arena, void **array, size_t count, size_t *room, size_t element_bytes);

#endif
