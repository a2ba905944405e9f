/* namemap.h: names to records. Open addressing with linear probing and backward-shift deletion; the records own the
 * names. Hash is SipHash-free on purpose: names are validated, short, and the table's bound is the attack's bound. */
#ifndef WEFT_BASE_NAMEMAP_H
#define WEFT_BASE_NAMEMAP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mem.h"

struct namemap_entry {
    uint64_t hash;
    const char *name; /* NULL = free */
    void *record;
};

struct namemap {
    const struct mem *mem;
    struct namemap_entry *entries;
    uint32_t count;
    uint32_t room; /* power of two, or 0 */
};

/* 64 bits that depend on every byte and are well mixed. The same on every host. */
uint64_t weft__name_hash(const char *name);

void weft__namemap_init(struct namemap *map, const struct mem *mem);
void weft__namemap_fini(struct namemap *map);

/* Makes room for one more. False: out of memory, nothing changed. */
bool weft__namemap_reserve(struct namemap *map);

/* Adds; the name is not in the map, room was reserved. Borrows the name until it is removed. */
void weft__namemap_add(struct namemap *map, uint64_t hash, const char *name, void *record);

/* The record, or NULL. */
void *weft__namemap_find(const struct namemap *map, uint64_t hash, const char *name);

/* Removes the name, which is in the map. */
void weft__namemap_remove(struct namemap *map, uint64_t hash, const char *name);

#endif
