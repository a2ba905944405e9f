/* unique.c: whether the items of an array all differ. A few are compared with each other; many are hashed first, so
 * that equal values have equal hashes: numbers by their digits, objects whatever the order of their members. */
#include "schema/validate.h"

#include <string.h>

#include "schema/numeral.h"

enum { FEW = 8 };

static uint32_t mix(uint32_t hash, uint32_t more)
{
    hash = (hash ^ more) * UINT32_C(0x9e3779b1);
    return hash ^ hash >> 15;
}

/* By its first digits, and where they stand. */
static uint32_t hash_number(const struct json_doc *doc, const struct json_value *number)
{
    char room[NUMERAL_ROOM];
    struct numeral_digits digits = weft__numeral_of(doc, number, room);
    uint32_t hash = mix(digits.count, digits.negative && digits.count);
    hash = mix(hash, digits.count ? (uint32_t)digits.exponent : 0);
    for (int i = 0; i < 18 && digits.count; i++)
        hash = mix(hash, (uint32_t)weft__numeral_digit(&digits));
    return hash;
}

/* As deep as the document. 0 with run->stop set: out of memory. */
static uint32_t hash_value(struct run *run, const struct json_value *value)
{
    const struct json_value *child = value + 1;
    uint32_t hash = value->kind + 1u;
    size_t size_bytes;
    switch ((enum json_kind)value->kind) {
    case JSON_NULL:
    case JSON_FALSE:
    case JSON_TRUE: return mix(hash, hash);
    case JSON_NUMBER: return hash_number(run->doc, value);
    case JSON_STRING: {
        const char *text = weft__run_text(run, value, &size_bytes);
        return text ? weft__json_hash(run->validator->parser.seed, text, size_bytes) : 0;
    }
    case JSON_ARRAY:
        for (uint32_t i = 0; i < value->count; i++, child = weft__json_next(run->doc, child))
            hash = mix(hash, hash_value(run, child));
        return hash;
    case JSON_OBJECT:
        for (uint32_t i = 0; i < value->count; i++, child = weft__json_next(run->doc, child + 1))
            hash += mix(child->hash, hash_value(run, child + 1));
        return hash;
    }
    return hash;
}

static bool compare_all(struct run *run, const struct json_value *array, uint32_t *x, uint32_t *y)
{
    const struct json_value *a = array + 1;
    for (*x = 0; *x < array->count; ++*x, a = weft__json_next(run->doc, a)) {
        const struct json_value *b = weft__json_next(run->doc, a);
        for (*y = *x + 1; *y < array->count; ++*y, b = weft__json_next(run->doc, b))
            if (weft__run_equal(run, run->doc, a, b) || run->stop) return !run->stop;
    }
    return false;
}

static uint32_t item_number(const struct run *run, const struct json_value *array, uint32_t value)
{
    const struct json_value *item = array + 1;
    uint32_t number = 0;
    for (; item < run->doc->values + value; item = weft__json_next(run->doc, item))
        number++;
    return number;
}

bool weft__run_same_items(struct run *run, const struct json_value *array, uint32_t *x, uint32_t *y)
{
    if (array->count <= FEW) return compare_all(run, array, x, y);
    size_t room = 32;
    while (room < 2 * (size_t)array->count)
        room *= 2;
    run->steps -= array->next - (array - run->doc->values);
    if (run->steps < 0)
        return weft__run_stop(run, WEFT_ELIMIT, NULL, "the document takes more than %u steps to validate",
                              run->steps_max);
    if (!RUN_ROOM(run, &run->validator->unique, room)) return false;
    struct unique_slot *slots = run->validator->unique.items;
    memset(slots, 0, room * sizeof *slots);
    const struct json_value *item = array + 1;
    for (uint32_t i = 0; i < array->count; i++, item = weft__json_next(run->doc, item)) {
        uint32_t hash = hash_value(run, item) | 1;
        if (run->stop) return false;
        size_t at = hash >> 1 & (room - 1);
        for (; slots[at].hash; at = (at + 1) & (room - 1)) {
            if (slots[at].hash != hash) continue;
            bool same = weft__run_equal(run, run->doc, run->doc->values + slots[at].value, item);
            if (run->stop) return false;
            if (!same) continue;
            *x = item_number(run, array, slots[at].value);
            *y = i;
            return true;
        }
        slots[at] = (struct unique_slot){hash, (uint32_t)(item - run->doc->values)};
    }
    return false;
}
