/* mem.h: the seam for memory. One user of it is the host's allocator, the other the tests' failing one. */
#ifndef WEFT_BASE_MEM_H
#define WEFT_BASE_MEM_H

#include <stddef.h>

struct mem {
    void *(*alloc)(void *context, size_t size_bytes); /* NULL on failure; aligned as malloc's */
    void (*free)(void *context, void *block);         /* accepts NULL */
    void *context;
};

/* malloc and free of the C library. */
extern const struct mem weft__mem_libc;

/* Uninitialised, zeroed, and grown blocks. NULL on failure; grow leaves the old block as it was then. */
void *weft__mem_alloc(const struct mem *mem, size_t size_bytes);
void *weft__mem_zalloc(const struct mem *mem, size_t size_bytes);
void *weft__mem_grow(const struct mem *mem, void *block, size_t old_bytes, size_t new_bytes);
void weft__mem_free(const struct mem *mem, void *block);

/* A copy of the text with its terminator; NULL on failure. */
char *weft__mem_text(const struct mem *mem, const char *text);

#endif
