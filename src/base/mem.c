#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static void *libc_alloc(void *context, size_t size_bytes)
{
    (void)context;
    return malloc(size_bytes);
}

static void libc_free(void *context, void *block)
{
    (void)context;
    free(block);
}

const struct mem weft__mem_libc = {.alloc = libc_alloc, .free = libc_free};

void *weft__mem_alloc(const struct mem *mem, size_t size_bytes)
{
    return mem->alloc(mem->context, size_bytes);
}

void *weft__mem_zalloc(const struct mem *mem, size_t size_bytes)
{
    void *block = weft__mem_alloc(mem, size_bytes);
    return block ? memset(block, 0, size_bytes) : NULL;
}

void *weft__mem_grow(const struct mem *mem, void *block, size_t old_bytes, size_t new_bytes)
{
    void *grown = weft__mem_alloc(mem, new_bytes);
    if (!grown) return NULL;
    if (old_bytes) memcpy(grown, block, old_bytes);
    weft__mem_free(mem, block);
    return grown;
}

void weft__mem_free(const struct mem *mem, void *block)
{
    mem->free(mem->context, block);
}

char *weft__mem_text(const struct mem *mem, const char *text)
{
    size_t size_bytes = strlen(text) + 1;
    char *copy = weft__mem_alloc(mem, size_bytes);
    return copy ? memcpy(copy, text, size_bytes) : NULL;
}
