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

static struct json_value *next_key(struct json_value *values, struct json_value *key)
{
    struct json_value *value = key + 1;
    return value->kind >= JSON_ARRAY ? values + value->next : value + 1;
}

static weft_error check_few(struct json_value *values, const char *text, struct json_value *object,
                            const struct json_value **twice)
{
    struct json_value *keys[FEW], *key = object + 1;
    uint32_t different = 0;
    uint64_t seen = 0;
    for (uint32_t i = 0; i < object->count; i++, key = next_key(values, key)) {
        uint64_t bit = UINT64_C(1) << (key->hash & 63);
        uint32_t place = seen & bit ? 0 : different;
        while (place < different && !same(text, keys[place], key))
            place++;
        if (place == different) {
            different++;
        } else if (twice) {
            *twice = key;
            return WEFT_EINVAL;
        } else {
            keys[place]->flags |= KEY_DROPPED;
        }
        seen |= bit;
        keys[place] = key;
    }
    object->count = different;
    return WEFT_OK;
}

/* A set of indices, open addressing, at most half full; 0, the root, is no key and marks a free place. */
static weft_error check_many(struct json_parser *parser, const char *text, struct json_value *object,
                             const struct json_value **twice)
{
    struct json_value *values = parser->values, *key = object + 1;
    if (object->count > UINT32_MAX / 16) return WEFT_ENOMEM;
    uint32_t room = 64, different = 0;
    while (room < object->count * 2)
        room *= 2;
    if (!scratch(parser, room * (uint32_t)sizeof(uint32_t))) return WEFT_ENOMEM;
    uint32_t *set = memset(parser->scratch, 0, room * sizeof *set);
    for (uint32_t i = 0; i < object->count; i++, key = next_key(values, key)) {
        uint32_t place = key->hash & (room - 1);
        while (set[place] && !same(text, values + set[place], key))
            place = (place + 1) & (room - 1);
        if (!set[place]) {
            different++;
        } else if (twice) {
            *twice = key;
            return WEFT_EINVAL;
        } else {
            values[set[place]].flags |= KEY_DROPPED;
        }
        set[place] = (uint32_t)(key - values);
    }
    object->count = different;
    return WEFT_OK;
}

weft_error weft__keys_check(struct json_parser *parser, const char *text, struct json_value *object,
                            const struct json_value **twice)
{
    return object->count > FEW ? check_many(parser, text, object, twice)
                               : check_few(parser->values, text, object, twice);
}

uint32_t weft__keys_squeeze(struct json_value *values, uint32_t count)
{
    uint32_t open[JSON_DEPTH_MAX], depth = 0, to = 0, from = 0;
    while (from < count) {
        while (depth && values[open[depth - 1]].next == from)
            values[open[--depth]].next = to;
        const struct json_value *value = &values[from];
        if (value->kind == JSON_STRING && value->flags & KEY_DROPPED) {
            from = (uint32_t)(next_key(values, &values[from]) - values);
            continue;
        }
        if (value->kind >= JSON_ARRAY) open[depth++] = to;
        values[to++] = values[from++];
    }
    while (depth)
        values[open[--depth]].next = to;
    return to;
}
