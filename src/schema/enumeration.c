/* enumeration.c: enum. A few values are compared one by one; of many, strings and numbers (but LONG ones) are found in a
 * hash table of the program's lists: indices of constants, open and linear, 0 is free. */
#include <string.h>

#include "schema/compile.h"
#include "schema/validate.h"

enum { FEW = 8, NUMBER_BYTES = sizeof(int64_t) + sizeof(int16_t), STEP_BYTES = 64 };

static bool is_keyed(const struct json_value *value)
{
    return value->kind == JSON_STRING || (value->kind == JSON_NUMBER && !(value->flags & JSON_LONG));
}

static uint32_t hash_number(uint32_t seed, const struct json_value *number)
{
    char bytes[NUMBER_BYTES];
    memcpy(bytes, &number->mantissa, sizeof number->mantissa);
    memcpy(bytes + sizeof number->mantissa, &number->exponent, sizeof number->exponent);
    return weft__json_hash(seed, bytes, sizeof bytes);
}

/* --- compiling -------------------------------------------------------------------------------- */

static bool hash_of(struct compiler *c, const struct json_doc *doc, const struct json_value *value, uint32_t *hash)
{
    if (value->kind == JSON_NUMBER) {
        *hash = hash_number(c->seed, value);
        return true;
    }
    char *text = weft__compile_alloc(c, value->size_bytes);
    if (text) *hash = weft__json_hash(c->seed, text, weft__json_decode(doc, value, text));
    return text;
}

static bool make_table(struct compiler *c, const struct json_doc *doc, const struct json_value *array, struct op *op)
{
    const struct json_value *item = array + 1;
    uint32_t room = 2 * FEW, hash;
    while (room < 2 * (uint64_t)array->count)
        room *= 2;
    c->lists.items = weft__list_room(c, c->lists.items, c->lists.count, &c->lists.room, room, sizeof *c->lists.items);
    if (c->error) return false;
    op->b = (uint32_t)c->lists.count;
    op->c = room - 1;
    c->lists.count += room;
    uint32_t *table = c->lists.items + op->b;
    for (uint32_t i = 0; i < array->count; i++, item = weft__json_next(doc, item)) {
        if (!is_keyed(item)) continue;
        if (!hash_of(c, doc, item, &hash)) return false;
        uint32_t at = hash & op->c;
        while (table[at])
            at = (at + 1) & op->c;
        table[at] = op->a + (uint32_t)(item - array);
    }
    return true;
}

bool weft__compile_enum(struct compiler *c, uint32_t record, const struct json_value *array)
{
    uint32_t constant;
    if (!array) return true;
    if (!weft__constant_add(c, record, array, &constant)) return false;
    struct op *op = weft__emit(c, OP_ENUM, KEYWORD_ENUM);
    if (!op) return false;
    op->a = constant;
    return array->count <= FEW || make_table(c, weft__record_doc(c, record), array, op);
}

/* --- validating ------------------------------------------------------------------------------- */

static bool same_text(const struct json_doc *constants, const struct json_value *constant, const struct json_doc *doc,
                      const struct json_value *value)
{
    return constant->size_bytes == value->size_bytes &&
           memcmp(weft__json_raw(constants, constant), weft__json_raw(doc, value), value->size_bytes) == 0;
}

/* A string's way is the one that is walked most. */
static bool find_among_few(struct run *run, const struct op *op, const struct json_value *value)
{
    const struct json_doc *constants = &run->program->constants;
    const struct json_value *array = constants->values + op->a, *item = array + 1;
    if (!weft__take(run, array->count / 8)) return false;
    bool plain = value->kind == JSON_STRING && !(value->flags & JSON_ESCAPED);
    for (uint32_t i = 0; i < array->count && !run->stop; i++, item = weft__json_next(constants, item)) {
        if (item->kind != value->kind) continue;
        if (plain && !(item->flags & JSON_ESCAPED)) {
            if (same_text(constants, item, run->doc, value)) return true;
        } else if (weft__run_equal(run, constants, item, value)) {
            return true;
        }
    }
    return false;
}

static bool is_same(const struct run *run, const struct json_value *item, const struct json_value *value)
{
    if (item->kind != value->kind) return false;
    if (item->kind == JSON_NUMBER) return item->mantissa == value->mantissa && item->exponent == value->exponent;
    return weft__json_same_string(&run->program->constants, item, run->doc, value);
}

static bool find_in_table(struct run *run, const struct op *op, const struct json_value *value)
{
    const uint32_t *table = run->program->lists + op->b;
    uint32_t seed = run->validator->parser.seed, hash;
    size_t size_bytes;
    if (value->kind == JSON_STRING) {
        const char *text =
            weft__take(run, value->size_bytes / STEP_BYTES) ? weft__run_text(run, value, &size_bytes) : NULL;
        if (!text) return false;
        hash = weft__json_hash(seed, text, size_bytes);
    } else {
        hash = hash_number(seed, value);
    }
    for (uint32_t at = hash & op->c; table[at]; at = (at + 1) & op->c)
        if (is_same(run, run->program->constants.values + table[at], value)) return true;
    return false;
}

bool weft__run_enum(struct run *run, uint32_t node, const struct op *op, const struct json_value *value)
{
    bool found = op->c && is_keyed(value) ? find_in_table(run, op, value) : find_among_few(run, op, value);
    return found || (!run->stop && weft__fail(run, node, op, value, 0, 0));
}
