#include "schema/keys.h"

#include <string.h>

#include "base/assert.h"

enum {
    FEW = 16, /* keys that are compared pair by pair */
    SCRATCH_MIN = 1024
};

/* --- hashes ----------------------------------------------------------------------------------- */

static uint32_t hash_bytes(const struct keys_hash *hash, const char *p, size_t size_bytes)
{
    uint64_t state = hash->secrets[0];
    for (; size_bytes >= 16; p += 16, size_bytes -= 16)
        state = keys_hash_block(scan_word(p), scan_word(p + 8), state, hash);
    char last[16] = {0};
    if (size_bytes) memcpy(last, p, size_bytes);
    return keys_hash_last(scan_word(last), scan_word(last + 8), size_bytes, state, hash);
}

uint32_t weft__json_hash(uint32_t seed, const char *decoded, size_t size_bytes)
{
    struct keys_hash hash = weft__keys_hash_init(seed);
    return hash_bytes(&hash, decoded, size_bytes);
}

/* Makes sure of so many bytes. */
static bool scratch(struct json_parser *parser, uint32_t size_bytes)
{
    if (parser->scratch_bytes >= size_bytes) return true;
    if (size_bytes < SCRATCH_MIN) size_bytes = SCRATCH_MIN;
    if (size_bytes / 2 < parser->scratch_bytes && parser->scratch_bytes <= UINT32_MAX / 2) {
        size_bytes = parser->scratch_bytes * 2;
    }
    void *grown = weft__mem_alloc(parser->mem, size_bytes);
    if (!grown) return false;
    if (parser->scratch) weft__mem_free(parser->mem, parser->scratch);
    parser->scratch = grown;
    parser->scratch_bytes = size_bytes;
    return true;
}

bool weft__keys_hash(const struct keys_hash *hash, struct json_parser *parser, const char *text, struct json_value *key)
{
    const struct json_doc doc = {.text = text};
    const char *p = text + key->at;
    size_t size_bytes = key->size_bytes;
    if (key->flags & JSON_ESCAPED) {
        if (!scratch(parser, key->size_bytes)) return false;
        size_bytes = weft__json_decode(&doc, key, parser->scratch);
        p = parser->scratch;
    }
    key->hash = hash_bytes(hash, p, size_bytes);
    return true;
}

/* --- twice? ----------------------------------------------------------------------------------- */

static bool same(const char *text, const struct json_value *a, const struct json_value *b)
{
    const struct json_doc doc = {.text = text};
    return a->hash == b->hash && weft__json_same_string(&doc, a, &doc, b);
}

static const struct json_value *next_key(const struct json_value *values, const struct json_value *key)
{
    const struct json_value *value = key + 1;
    return value->kind >= JSON_ARRAY ? values + value->next : value + 1;
}

static weft_error check_few(const struct json_value *values, const char *text, const struct json_value *object,
                            const struct json_value **twice)
{
    const struct json_value *keys[FEW], *key = object + 1;
    uint64_t seen = 0;
    for (uint32_t i = 0; i < object->count; i++, key = next_key(values, key)) {
        uint64_t bit = UINT64_C(1) << (key->hash & 63);
        if (seen & bit) {
            for (uint32_t j = 0; j < i; j++)
                if (same(text, keys[j], key)) {
                    *twice = key;
                    return WEFT_EINVAL;
                }
        }
        seen |= bit;
        keys[i] = key;
    }
    return WEFT_OK;
}

/* A set of indices, open addressing, at most half full; 0, the root, is no key and marks a free place. */
static weft_error check_many(struct json_parser *parser, const char *text, const struct json_value *object,
                             const struct json_value **twice)
{
    const struct json_value *values = parser->values, *key = object + 1;
    if (object->count > UINT32_MAX / 16) return WEFT_ENOMEM;
    uint32_t room = 64;
    while (room < object->count * 2)
        room *= 2;
    if (!scratch(parser, room * (uint32_t)sizeof(uint32_t))) return WEFT_ENOMEM;
    uint32_t *set = memset(parser->scratch, 0, room * sizeof *set);
    for (uint32_t i = 0; i < object->count; i++, key = next_key(values, key)) {
        uint32_t place = key->hash & (room - 1);
        for (; set[place]; place = (place + 1) & (room - 1))
            if (same(text, values + set[place], key)) {
                *twice = key;
                return WEFT_EINVAL;
            }
        set[place] = (uint32_t)(key - values);
    }
    return WEFT_OK;
}

weft_error weft__keys_check(struct json_parser *parser, const char *text, const struct json_value *object,
                            const struct json_value **twice)
{
    return object->count > FEW ? check_many(parser, text, object, twice)
                               : check_few(parser->values, text, object, twice);
}
