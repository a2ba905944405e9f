#include "base/arena.h"

#include <stdint.h>
#include <string.h>

enum { BLOCK_BYTES = 64 * 1024, GROW_FIRST = 16 };

struct arena_block {
    struct arena_block *next;
    uint64_t bytes[];
};

void weft__arena_init(struct arena *arena, const struct mem *mem)
{
    *arena = (struct arena){.mem = *mem};
}

void weft__arena_fini(struct arena *arena)
{
    for (struct arena_block *block; (block = arena->blocks);) {
        arena->blocks = block->next;
        weft__mem_free(&arena->mem, block);
    }
    arena->used = arena->room = 0;
}

/* What is larger than a block has one of its own, behind the first, whose rest stays in use. */
static void *alloc_large(struct arena *arena, size_t size_bytes)
{
    struct arena_block *block = weft__mem_alloc(&arena->mem, sizeof(*block) + size_bytes);
    if (!block) return NULL;
    struct arena_block **at = arena->blocks ? &arena->blocks->next : &arena->blocks;
    if (!arena->blocks) arena->used = arena->room = 0;
    block->next = *at;
    *at = block;
    return block->bytes;
}

void *weft__arena_alloc(struct arena *arena, size_t size_bytes)
{
    size_bytes = size_bytes ? (size_bytes + 7) & ~(size_t)7 : 8;
    if (size_bytes > BLOCK_BYTES / 4) return alloc_large(arena, size_bytes);
    if (arena->used + size_bytes > arena->room) {
        struct arena_block *block = weft__mem_alloc(&arena->mem, sizeof(*block) + BLOCK_BYTES);
        if (!block) return NULL;
        block->next = arena->blocks;
        arena->blocks = block;
        arena->used = 0;
        arena->room = BLOCK_BYTES;
    }
    void *block = (char *)arena->blocks->bytes + arena->used;
    arena->used += size_bytes;
    return block;
}

char *weft__arena_text(struct arena *arena, const char *text)
{
    size_t size_bytes = strlen(text) + 1;
    char *copy = weft__arena_alloc(arena, size_bytes);
    return copy ? memcpy(copy, text, size_bytes) : NULL;
}

bool weft__arena_grow(struct arena *arena, void **array, size_t count, size_t *room, size_t element_bytes)
{
    if (count < *room) return true;
    size_t more = *room ? 2 * *room : GROW_FIRST;
    void *grown = weft__arena_alloc(arena, more * element_bytes);
    if (!grown) return false;
    if (count) memcpy(grown, *array, count * element_bytes);
    *array = grown;
    *room = more;
    return true;
}
