/* compile_check.c: whether what stands behind a keyword is what the meta-schema of its draft wants there. By hand,
 * because a meta-schema says "does not match" where a person needs a sentence, and because it is quicker than to run
 * one; a test compares the answers. Schemas within are checked when they are compiled. */
#include "schema/compile.h"

#include <string.h>

#include "schema/number.h"
#include "schema/sentence.h"

struct checked {
    struct compiler *c;
    uint32_t record;
    const struct keyword_row *row;
    const struct json_doc *doc;
};

static bool refuse(const struct checked *k, const char *expected, const struct json_value *value)
{
    struct sentence sentence = {.size_bytes = 0};
    weft__say_what(&sentence, k->doc, value);
    return weft__compile_error_at(k->c, WEFT_EINVAL, k->record, k->row->name, "expected %s, got %s", expected,
                                  sentence.text);
}

static bool kind_is(const struct checked *k, const struct json_value *value, enum json_kind kind, const char *expected)
{
    return value->kind == kind || refuse(k, expected, value);
}

static bool is_boolean(const struct json_value *value)
{
    return value->kind == JSON_TRUE || value->kind == JSON_FALSE;
}

static bool schema_check(const struct checked *k, const struct json_value *value)
{
    return value->kind == JSON_OBJECT || is_boolean(value) || refuse(k, "a schema (an object, true or false)", value);
}

static bool is_anchor(const char *text)
{
    static const char first[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_", rest[] = "-.0123456789";
    if (!*text || !strchr(first, *text)) return false;
    while (*++text)
        if (!strchr(first, *text) && !strchr(rest, *text)) return false;
    return true;
}

static bool name_check(const struct checked *k, const struct json_value *value)
{
    if (!kind_is(k, value, JSON_STRING, "a string")) return false;
    const char *text = weft__compile_string(k->c, k->record, k->row->name, value);
    if (!text) return false;
    if (k->row->shape == SHAPE_ANCHOR)
        return is_anchor(text) || refuse(k,
                                         "a name of letters, digits, \"-\", \"_\" and \".\" that begins with a "
                                         "letter or \"_\"",
                                         value);
    const char *hash = strchr(text, '#');
    return !hash || !hash[1] || refuse(k, "a URI without a fragment", value);
}

static bool number_check(const struct checked *k, const struct json_value *value)
{
    uint32_t count;
    if (value->kind != JSON_NUMBER)
        return refuse(k, k->row->shape == SHAPE_COUNT ? "an integer that is not negative" : "a number", value);
    if (k->row->shape == SHAPE_COUNT)
        return weft__number_count(k->doc, value, &count) || refuse(k, "an integer that is not negative", value);
    if (k->row->shape == SHAPE_DIVISOR)
        return weft__number_divides(k->doc, value) ||
               refuse(k, "a number greater than 0, of at most 38 significant digits", value);
    return true;
}

static bool differ(const struct checked *k, const struct json_value *array)
{
    struct compiler *c = k->c;
    uint32_t room = 16;
    while (room < 2 * (uint64_t)array->count && room < UINT32_C(1) << 30)
        room *= 2;
    uint32_t *table = weft__compile_alloc(c, room * sizeof *table); /* values; 0 = free */
    if (!table) return false;
    memset(table, 0, room * sizeof *table);
    const struct json_value *item = array + 1;
    for (uint32_t i = 0; i < array->count; i++, item++) {
        char *text = weft__compile_alloc(c, item->size_bytes);
        if (!text) return false;
        uint32_t at = weft__json_hash(c->seed, text, weft__json_decode(k->doc, item, text)) & (room - 1);
        for (; table[at]; at = (at + 1) & (room - 1))
            if (weft__json_same_string(k->doc, k->doc->values + table[at], k->doc, item))
                return refuse(k, "strings that all differ, of which one stands there twice:", item);
        table[at] = (uint32_t)(item - k->doc->values);
    }
    return true;
}

static bool strings_check(const struct checked *k, const struct json_value *value)
{
    if (!kind_is(k, value, JSON_ARRAY, "an array of strings")) return false;
    const struct json_value *item = value + 1;
    for (uint32_t i = 0; i < value->count; i++, item++)
        if (!kind_is(k, item, JSON_STRING, "an array of strings")) return false;
    return differ(k, value);
}

static bool is_type(const struct json_doc *doc, const struct json_value *value)
{
    static const char *const names[] = {"string", "number", "integer", "object", "array", "boolean", "null"};
    if (value->kind != JSON_STRING) return false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (weft__json_is(doc, value, names[i], strlen(names[i]))) return true;
    return false;
}

static bool type_check(const struct checked *k, const struct json_value *value)
{
    static const char expected[] = "\"string\", \"number\", \"integer\", \"object\", \"array\", \"boolean\", \"null\" "
                                   "or an array of them";
    if (value->kind != JSON_ARRAY) return is_type(k->doc, value) || refuse(k, expected, value);
    if (!value->count) return refuse(k, expected, value);
    const struct json_value *item = value + 1;
    for (uint32_t i = 0; i < value->count; i++, item = weft__json_next(k->doc, item))
        if (!is_type(k->doc, item)) return refuse(k, expected, item);
    return differ(k, value);
}

static bool schemas_check(const struct checked *k, const struct json_value *value)
{
    if (!kind_is(k, value, JSON_ARRAY, "an array of schemas")) return false;
    if (!value->count) return refuse(k, "at least one schema", value);
    const struct json_value *item = value + 1;
    for (uint32_t i = 0; i < value->count; i++, item = weft__json_next(k->doc, item))
        if (!schema_check(k, item)) return false;
    return true;
}

static bool map_check(const struct checked *k, const struct json_value *value,
                      bool (*check)(const struct checked *k, const struct json_value *value))
{
    if (!kind_is(k, value, JSON_OBJECT, "an object")) return false;
    const struct json_value *key = value + 1;
    for (uint32_t i = 0; i < value->count; i++, key = weft__json_next(k->doc, key + 1))
        if (!check(k, key + 1)) return false;
    return true;
}

static bool boolean_check(const struct checked *k, const struct json_value *value)
{
    return is_boolean(value) || refuse(k, "true or false", value);
}

static bool dependency_check(const struct checked *k, const struct json_value *value)
{
    return value->kind == JSON_ARRAY ? strings_check(k, value) : schema_check(k, value);
}

bool weft__keyword_check(struct compiler *c, uint32_t record, const struct keyword_row *row,
                         const struct json_value *value)
{
    const struct checked k = {c, record, row, weft__record_doc(c, record)};
    switch ((enum shape)row->shape) {
    case SHAPE_ANY: return true;
    case SHAPE_STRING: return kind_is(&k, value, JSON_STRING, "a string");
    case SHAPE_ID:
    case SHAPE_ANCHOR: return name_check(&k, value);
    case SHAPE_BOOLEAN: return boolean_check(&k, value);
    case SHAPE_BOOLEAN_MAP: return map_check(&k, value, boolean_check);
    case SHAPE_NUMBER:
    case SHAPE_DIVISOR:
    case SHAPE_COUNT: return number_check(&k, value);
    case SHAPE_ARRAY: return kind_is(&k, value, JSON_ARRAY, "an array");
    case SHAPE_STRINGS: return strings_check(&k, value);
    case SHAPE_STRINGS_MAP: return map_check(&k, value, strings_check);
    case SHAPE_TYPE: return type_check(&k, value);
    case SHAPE_SCHEMA: return schema_check(&k, value);
    case SHAPE_SCHEMAS: return schemas_check(&k, value);
    case SHAPE_SCHEMA_OR_SCHEMAS: return value->kind == JSON_ARRAY ? schemas_check(&k, value) : schema_check(&k, value);
    case SHAPE_SCHEMA_MAP: return map_check(&k, value, schema_check);
    case SHAPE_DEPENDENCIES: return map_check(&k, value, dependency_check);
    }
    return true;
}
