/* keys.h: the keys of objects: their hashes, and whether one stands twice.
 *
 * The hash multiplies blocks of 16 bytes, each half mixed with a secret of 64 bits: without it nobody can tell which
 * keys collide, so a set of them takes time in proportion to its keys. */
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

SCAN_INLINE uint64_t keys_hash_block(uint64_t low, uint64_t high, uint64_t state, const struct keys_hash *hash)
{
    keys_wide product = (keys_wide)(low ^ state) * (high ^ hash->secrets[1]);
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Of the last block, which has fewer than 16 bytes, and behind them zeros: the last of these tells how many they
 * are. */
SCAN_INLINE uint32_t keys_hash_last(uint64_t low, uint64_t high, uint64_t size_bytes, uint64_t state,
                                    const struct keys_hash *hash)
{
    return (uint32_t)keys_hash_block(low, high | size_bytes << 56, state, hash);
}

/* Of a key of fewer than 16 bytes, none escaped, which stands where 16 can be read. */
SCAN_INLINE uint32_t weft__keys_hash_short(const struct keys_hash *hash, const char *p, size_t size_bytes)
{
#define KEYS_MASK(bytes) (UINT64_MAX >> (64 - 8 * (bytes)))
    static const uint64_t masks[16][2] = {{0, 0},
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
                                          {UINT64_MAX, KEYS_MASK(7)}};
#undef KEYS_MASK
    uint64_t low = scan_word(p) & masks[size_bytes][0], high = scan_word(p + 8) & masks[size_bytes][1];
    return keys_hash_last(low, high, size_bytes, hash->secrets[0], hash);
}

/* Of any: sets key->hash. False: out of memory. */
bool weft__keys_hash(const struct keys_hash *hash, struct json_parser *parser, const char *text,
                     struct json_value *key);

/* A sieve for the keys of one object, by two small parts of their hashes: all that stand twice get stuck in it, and few
 * others. */
struct keys_seen {
    uint64_t low, high;
};

SCAN_INLINE struct keys_seen weft__keys_see(struct keys_seen seen, uint32_t hash)
{
    uint32_t low = hash & 63, high = hash >> 26;
    uint64_t both = (seen.low >> low) & (seen.high >> high) & 1;
    return (struct keys_seen){.low = seen.low | UINT64_C(1) << low | (0 - both),
                              .high = seen.high | UINT64_C(1) << high};
}

SCAN_INLINE bool weft__keys_twice(struct keys_seen seen)
{
    return seen.low == UINT64_MAX;
}

/* A flag of a key that stands again further on in its object. It and its value are to go. */
enum { KEY_DROPPED = 0x80 };

/* object: closed, of at least two members. WEFT_EINVAL: *twice is a key that stood there before. Where twice is NULL the
 * last of each name counts: the others are KEY_DROPPED, and object->count is without them. WEFT_ENOMEM. */
weft_error weft__keys_check(struct json_parser *parser, const char *text, struct json_value *object,
                            const struct json_value **twice);

/* Takes what is dropped out of a whole tape, in one pass; returns how many values are left. */
uint32_t weft__keys_squeeze(struct json_value *values, uint32_t count);

#endif
