#include "base/namemap.h"

#include <endian.h>
#include <string.h>

#include "base/assert.h"

enum { ROOM_MIN = 8, ROOM_MAX = 1 << 28 };

static bool entry_is(const struct namemap_entry *entry, uint64_t hash, const char *name);
static void insert(struct namemap_entry *entries, uint32_t room, struct namemap_entry entry);

/* Eight bytes, the first lowest, whatever the host's byte order. */
static uint64_t load_word(const char *text)
{
    uint64_t word;
    memcpy(&word, text, sizeof word);
    return le64toh(word);
}

/* A word at a time, FNV-1a's way: xor in, multiply by an odd number, fold the high half down. Each step is a bijection
 * of the state, so that names of one length which differ in one word never collide before the end, and the end
 * (the finalizer of MurmurHash3) is one too. */
uint64_t weft__name_hash(const char *name)
{
    size_t length = strlen(name);
    uint64_t hash = UINT64_C(0xcbf29ce484222325) + length;
    for (; length >= 8; name += 8, length -= 8) {
        hash = (hash ^ load_word(name)) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 32;
    }
    uint64_t rest = 0;
    while (length)
        rest = rest << 8 | (unsigned char)name[--length];
    hash = (hash ^ rest) * UINT64_C(0x9e3779b97f4a7c15);
    hash = (hash ^ hash >> 33) * UINT64_C(0xff51afd7ed558ccd);
    hash = (hash ^ hash >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
    return hash ^ hash >> 33;
}

void weft__namemap_init(struct namemap *map, const struct mem *mem)
{
    *map = (struct namemap){.mem = mem};
}

void weft__namemap_fini(struct namemap *map)
{
    if (map->entries) weft__mem_free(map->mem, map->entries);
    *map = (struct namemap){0};
}

/* At most five sixths full: a search of linear probing stays within a few entries, and always meets a free one. */
bool weft__namemap_reserve(struct namemap *map)
{
    if (map->count < map->room / 6 * 5) return true;
    WEFT_ASSERT(map->room < ROOM_MAX);
    uint32_t room = map->room ? map->room * 2 : ROOM_MIN;
    struct namemap_entry *entries = weft__mem_zalloc(map->mem, room * sizeof *entries);
    if (!entries) return false;

    for (uint32_t i = 0; i < map->room; i++)
        if (map->entries[i].name) insert(entries, room, map->entries[i]);
    if (map->entries) weft__mem_free(map->mem, map->entries);
    map->entries = entries;
    map->room = room;
    return true;
}

void weft__namemap_add(struct namemap *map, uint64_t hash, const char *name, void *record)
{
    WEFT_ASSERT(map->count < map->room / 6 * 5);
    WEFT_ASSERT(!weft__namemap_find(map, hash, name));
    insert(map->entries, map->room, (struct namemap_entry){.hash = hash, .name = name, .record = record});
    map->count++;
}

void *weft__namemap_find(const struct namemap *map, uint64_t hash, const char *name)
{
    if (!map->count) return NULL;
    uint32_t mask = map->room - 1;
    for (uint32_t i = (uint32_t)hash & mask; map->entries[i].name; i = (i + 1) & mask)
        if (entry_is(&map->entries[i], hash, name)) return map->entries[i].record;
    return NULL;
}

/* Backward shift: every entry after the hole that may stand there (its home is not between the hole and itself) moves
 * in and leaves a hole of its own, so searches need no tombstones. Knuth, TAOCP 3, 6.4, algorithm R. */
void weft__namemap_remove(struct namemap *map, uint64_t hash, const char *name)
{
    WEFT_ASSERT(map->count);
    uint32_t mask = map->room - 1;
    uint32_t hole = (uint32_t)hash & mask;
    while (!entry_is(&map->entries[hole], hash, name)) {
        WEFT_ASSERT(map->entries[hole].name);
        hole = (hole + 1) & mask;
    }
    for (uint32_t i = (hole + 1) & mask; map->entries[i].name; i = (i + 1) & mask) {
        uint32_t from_home = (i - (uint32_t)map->entries[i].hash) & mask;
        uint32_t from_hole = (i - hole) & mask;
        if (from_home < from_hole) continue;
        map->entries[hole] = map->entries[i];
        hole = i;
    }
    map->entries[hole] = (struct namemap_entry){0};
    map->count--;
}

static bool entry_is(const struct namemap_entry *entry, uint64_t hash, const char *name)
{
    return entry->name && entry->hash == hash && strcmp(entry->name, name) == 0;
}

static void insert(struct namemap_entry *entries, uint32_t room, struct namemap_entry entry)
{
    uint32_t i = (uint32_t)entry.hash & (room - 1);
    while (entries[i].name)
        i = (i + 1) & (room - 1);
    entries[i] = entry;
}
