/* keys.h: the keys of objects: their hashes, and whether one stands twice.
 *
 * The hash multiplies blocks of 16 bytes, each half mixed with a secret of 64 bits: without it nobody can tell which keys
 * collide, so a set of them takes time in proportion to its keys. */
#ifndef WEFT_SCHEMA_KEYS_H
#define WEFT_SCHEMA_KEYS_H

#include "schema/json.h"
#include "schema/scan.h"

struct keys_hash {
    uint64_t secrets[2];
};

static inline struct keys_hash weft__keys_hash_init(uint32_t seed)
{
    uint64_t state = seed + UINT64_C(0x9e3779b97f4a7c15);
    struct keys_hash hash;
    for (int i = 0; i < 2; i++) {
        state = (state ^ state >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        state = (state ^ state >> 27) * UINT64_C(0x94d049bb133111eb);
        hash.secrets[i] = state ^= state >> 31;
    }
    return hash;
}

__extension__ typedef unsigned __int128 keys_wide;

static inline uint64_t keys_hash_block(uint64_t state, const struct keys_hash *hash, uint64_t low, uint64_t high)
{
    keys_wide product = (keys_wide)(low ^ state) * (high ^ hash->secrets[1]);
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t keys_hash_begin(const struct keys_hash *hash, size_t size_bytes)
{
    return hash->secrets[0] + size_bytes * UINT64_C(0x9e3779b97f4a7c15);
}

static inline uint32_t keys_hash_end(uint64_t state)
{
    return (uint32_t)(state ^ state >> 32);
}

/* Sets value->hash. False: out of memory. */
bool weft__keys_hash_any(const struct keys_hash *hash, struct json_parser *parser, const char *text,
                         struct json_value *key);

static inline bool weft__keys_hash_of(const struct keys_hash *hash, struct json_parser *parser, const char *text,
                                      const char *end, struct json_value *key)
{
    static const uint64_t masks[18][2] = {
#define KEYS_MASK(bytes) (UINT64_MAX >> (64 - 8 * (bytes)))
        {0, 0},
        {KEYS_MASK(1), 0},
        {KEYS_MASK(2), 0},
        {KEYS_MASK(3), 0},
        {KEYS_MASK(4), 0},
        {KEYS_MASK(5), 0},
        {KEYS_MASK(6), 0},
        {KEYS_MASK(7), 0},
        {UINT64_MAX, 0},
        {UINT64_MAX, KEYS_MASK(1)},
        {UINT64_MAX, KEYS_MASK(2)},
        {UINT64_MAX, KEYS_MASK(3)},
        {UINT64_MAX, KEYS_MASK(4)},
        {UINT64_MAX, KEYS_MASK(5)},
        {UINT64_MAX, KEYS_MASK(6)},
        {UINT64_MAX, KEYS_MASK(7)},
        {UINT64_MAX, UINT64_MAX},
#undef KEYS_MASK
    };
    const char *p = text + key->at;
    uint32_t size_bytes = key->size_bytes;
    if (size_bytes > 16 || end - p < 16 || (key->flags & JSON_ESCAPED)) {
        return weft__keys_hash_any(hash, parser, text, key);
    }
    uint64_t low = scan_word(p) & masks[size_bytes][0], high = scan_word(p + 8) & masks[size_bytes][1];
    key->hash = keys_hash_end(keys_hash_block(keys_hash_begin(hash, size_bytes), hash, low, high));
    return true;
}

/* object: closed, of at least two members. WEFT_EINVAL: *twice is a key that stood there before; WEFT_ENOMEM. */
weft_error weft__keys_check(struct json_parser *parser, const char *text, const struct json_value *object,
                            const struct json_value **twice);

#endif
