/* equal.c: looking for members, and comparing values. */
#include <string.h>

#include "base/assert.h"
#include "schema/number.h"

enum { STEP_BYTES = 64 };

/* The two documents of a comparison. */
struct pair {
    const struct json_doc *a, *b;
    uint32_t *steps;
};

static bool values_equal(const struct pair *pair, const struct json_value *a, const struct json_value *b);

const struct json_value *weft__json_member(const struct json_doc *doc, const struct json_value *object,
                                           const char *name)
{
    WEFT_ASSERT(object->kind == JSON_OBJECT);
    size_t size_bytes = strlen(name);
    const struct json_value *key = object + 1;
    for (uint32_t i = 0; i < object->count; i++, key = weft__json_next(doc, key + 1))
        if (weft__json_is(doc, key, name, size_bytes)) return key + 1;
    return NULL;
}

/* One is always left where they suffice: 0 tells that they did not. */
static bool take(uint32_t *steps, uint32_t text_bytes)
{
    uint32_t count = 1 + text_bytes / STEP_BYTES;
    if (count >= *steps) *steps = 0;
    if (*steps) *steps -= count;
    return *steps > 0;
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* The key of that name. Looks first where it is likely: at `from`, a key or the end. */
static const struct json_value *search(const struct json_doc *doc, const struct json_value *object,
                                       const struct json_value *from, const struct json_doc *name_doc,
                                       const struct json_value *name, uint32_t *steps)
{
    const struct json_value *behind = weft__json_next(doc, object), *key = from;
    for (uint32_t i = 0; i < object->count; i++, key = weft__json_next(doc, key + 1)) {
        if (key == behind) key = object + 1;
        if (!take(steps, smaller(key->size_bytes, name->size_bytes))) return NULL;
        if (weft__json_same_string(doc, key, name_doc, name)) return key;
    }
    return NULL;
}

static bool objects_equal(const struct pair *pair, const struct json_value *a, const struct json_value *b)
{
    if (a->count != b->count) return false;
    const struct json_value *key = a + 1, *likely = b + 1;
    for (uint32_t i = 0; i < a->count; i++, key = weft__json_next(pair->a, key + 1)) {
        const struct json_value *found = search(pair->b, b, likely, pair->a, key, pair->steps);
        if (!found || !values_equal(pair, key + 1, found + 1)) return false;
        likely = weft__json_next(pair->b, found + 1);
    }
    return true;
}

static bool arrays_equal(const struct pair *pair, const struct json_value *a, const struct json_value *b)
{
    if (a->count != b->count) return false;
    const struct json_value *x = a + 1, *y = b + 1;
    for (uint32_t i = 0; i < a->count; i++, x = weft__json_next(pair->a, x), y = weft__json_next(pair->b, y))
        if (!values_equal(pair, x, y)) return false;
    return true;
}

static bool numbers_equal(const struct pair *pair, const struct json_value *a, const struct json_value *b)
{
    if ((a->flags ^ b->flags) & JSON_LONG) return false;
    if (!(a->flags & JSON_LONG)) return a->mantissa == b->mantissa && a->exponent == b->exponent;
    return take(pair->steps, a->size_bytes) && take(pair->steps, b->size_bytes) &&
           weft__number_compare(pair->a, a, pair->b, b) == 0;
}

/* Recursive: as deep as the documents, JSON_DEPTH_MAX at most. */
static bool values_equal(const struct pair *pair, const struct json_value *a, const struct json_value *b)
{
    if (!take(pair->steps, 0) || a->kind != b->kind) return false;
    switch ((enum json_kind)a->kind) {
    case JSON_NULL:
    case JSON_FALSE:
    case JSON_TRUE: return true;
    case JSON_NUMBER: return numbers_equal(pair, a, b);
    case JSON_STRING:
        return take(pair->steps, smaller(a->size_bytes, b->size_bytes)) &&
               weft__json_same_string(pair->a, a, pair->b, b);
    case JSON_ARRAY: return arrays_equal(pair, a, b);
    case JSON_OBJECT: return objects_equal(pair, a, b);
    }
    return false;
}

bool weft__json_equal(const struct json_doc *a_doc, const struct json_value *a, const struct json_doc *b_doc,
                      const struct json_value *b, uint32_t *steps)
{
    return values_equal(&(struct pair){.a = a_doc, .b = b_doc, .steps = steps}, a, b);
}
