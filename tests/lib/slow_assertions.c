/* What each keyword of the validation vocabulary says: section 6 of validation. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "lib/slow_internal.h"

#include <pcre2.h>
#include <string.h>

#include "lib/check.h"

long double slow_number(json_t *value)
{
    return json_is_integer(value) ? (long double)json_integer_value(value) : (long double)json_real_value(value);
}

/* How far it is from an integer. */
static long double fraction(long double value)
{
    if (value <= -0x1p62L || value >= 0x1p62L) {
        return 0; /* doubles of that size are integers */
    }
    long double distance = value - (long double)(long long)(value < 0 ? value - 0.5L : value + 0.5L);
    return distance < 0 ? -distance : distance;
}

static bool equal(json_t *a, json_t *b)
{
    size_t i;
    const char *key;
    json_t *element;
    if (json_is_number(a) && json_is_number(b)) {
        return slow_number(a) == slow_number(b);
    }
    if (json_typeof(a) != json_typeof(b)) {
        return false;
    }
    if (json_is_array(a)) {
        bool same = json_array_size(a) == json_array_size(b);
        json_array_foreach(a, i, element)
        {
            same = same && equal(element, json_array_get(b, i));
        }
        return same;
    }
    if (json_is_object(a)) {
        bool same = json_object_size(a) == json_object_size(b);
        json_object_foreach(a, key, element)
        {
            same = same && json_object_get(b, key) && equal(element, json_object_get(b, key));
        }
        return same;
    }
    return json_equal(a, b);
}

static size_t code_points(json_t *string)
{
    size_t points = 0;
    for (size_t i = 0; i < json_string_length(string); i++) {
        points += (json_string_value(string)[i] & 0xC0) != 0x80;
    }
    return points;
}

bool slow_matches(const char *pattern, size_t pattern_size, const char *text, size_t size)
{
    int error;
    size_t where;
    pcre2_code *code =
        pcre2_compile((PCRE2_SPTR)pattern, pattern_size, PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_MATCH_UNSET_BACKREF,
                      &error, &where, NULL);
    check_true(code);
    pcre2_match_data *match = pcre2_match_data_create_from_pattern(code, NULL);
    bool found = pcre2_match(code, (PCRE2_SPTR)text, size, 0, 0, match, NULL) >= 0;
    pcre2_match_data_free(match);
    pcre2_code_free(code);
    return found;
}

static bool is_type(json_t *value, const char *type)
{
    static const char *const names[] = {
        [JSON_OBJECT] = "object", [JSON_ARRAY] = "array",  [JSON_STRING] = "string", [JSON_INTEGER] = "integer",
        [JSON_REAL] = "number",   [JSON_TRUE] = "boolean", [JSON_FALSE] = "boolean", [JSON_NULL] = "null"};
    if (strcmp(type, "number") == 0) {
        return json_is_number(value);
    }
    if (strcmp(type, "integer") == 0) {
        return json_is_number(value) && fraction(slow_number(value)) == 0;
    }
    return strcmp(names[json_typeof(value)], type) == 0;
}

static bool type(struct slow_at *at, json_t *types)
{
    size_t i;
    json_t *one;
    bool any = json_is_string(types) && is_type(at->value, json_string_value(types));
    json_array_foreach(types, i, one)
    {
        any = any || is_type(at->value, json_string_value(one));
    }
    return any;
}

static bool enumeration(struct slow_at *at, json_t *values)
{
    size_t i;
    json_t *one;
    bool any = false;
    json_array_foreach(values, i, one)
    {
        any = any || equal(one, at->value);
    }
    return any;
}

static bool constant(struct slow_at *at, json_t *value)
{
    return equal(value, at->value);
}

/* Near enough is a multiple: 19.99 and 0.01 are not what doubles hold of them. */
static bool multiple_of(struct slow_at *at, json_t *divisor)
{
    long double quotient = slow_number(at->value) / slow_number(divisor), size = quotient < 0 ? -quotient : quotient;
    return !json_is_number(at->value) || fraction(quotient) < 1e-12L * (1 + size);
}

static bool maximum(struct slow_at *at, json_t *bound)
{
    return !json_is_number(at->value) || slow_number(at->value) <= slow_number(bound);
}

static bool exclusive_maximum(struct slow_at *at, json_t *bound)
{
    return !json_is_number(at->value) || slow_number(at->value) < slow_number(bound);
}

static bool minimum(struct slow_at *at, json_t *bound)
{
    return !json_is_number(at->value) || slow_number(at->value) >= slow_number(bound);
}

static bool exclusive_minimum(struct slow_at *at, json_t *bound)
{
    return !json_is_number(at->value) || slow_number(at->value) > slow_number(bound);
}

static bool max_length(struct slow_at *at, json_t *bound)
{
    return !json_is_string(at->value) || (long double)code_points(at->value) <= slow_number(bound);
}

static bool min_length(struct slow_at *at, json_t *bound)
{
    return !json_is_string(at->value) || (long double)code_points(at->value) >= slow_number(bound);
}

static bool pattern(struct slow_at *at, json_t *expression)
{
    return !json_is_string(at->value) || slow_matches(json_string_value(expression), json_string_length(expression),
                                                      json_string_value(at->value), json_string_length(at->value));
}

static bool max_items(struct slow_at *at, json_t *bound)
{
    return !json_is_array(at->value) || (long double)json_array_size(at->value) <= slow_number(bound);
}

static bool min_items(struct slow_at *at, json_t *bound)
{
    return !json_is_array(at->value) || (long double)json_array_size(at->value) >= slow_number(bound);
}

static bool unique_items(struct slow_at *at, json_t *wanted)
{
    bool twice = false;
    for (size_t i = 0; i < json_array_size(at->value); i++) {
        for (size_t j = 0; j < i; j++) {
            twice = twice || equal(json_array_get(at->value, i), json_array_get(at->value, j));
        }
    }
    return !json_is_true(wanted) || !twice;
}

static bool max_properties(struct slow_at *at, json_t *bound)
{
    return !json_is_object(at->value) || (long double)json_object_size(at->value) <= slow_number(bound);
}

static bool min_properties(struct slow_at *at, json_t *bound)
{
    return !json_is_object(at->value) || (long double)json_object_size(at->value) >= slow_number(bound);
}

bool slow_required(struct slow_at *at, json_t *names)
{
    size_t i;
    json_t *name;
    bool all = true;
    json_array_foreach(names, i, name)
    {
        all = all && (!json_is_object(at->value) || json_object_get(at->value, json_string_value(name)));
    }
    return all;
}

static bool dependent_required(struct slow_at *at, json_t *map)
{
    const char *key;
    json_t *names;
    bool all = true;
    json_object_foreach(map, key, names)
    {
        all = (!json_object_get(at->value, key) || slow_required(at, names)) && all;
    }
    return all;
}

const struct slow_keyword slow_assertions[] = {
    {"type", SLOW_IN_BOTH, type},
    {"enum", SLOW_IN_BOTH, enumeration},
    {"const", SLOW_IN_BOTH, constant},
    {"multipleOf", SLOW_IN_BOTH, multiple_of},
    {"maximum", SLOW_IN_BOTH, maximum},
    {"exclusiveMaximum", SLOW_IN_BOTH, exclusive_maximum},
    {"minimum", SLOW_IN_BOTH, minimum},
    {"exclusiveMinimum", SLOW_IN_BOTH, exclusive_minimum},
    {"maxLength", SLOW_IN_BOTH, max_length},
    {"minLength", SLOW_IN_BOTH, min_length},
    {"pattern", SLOW_IN_BOTH, pattern},
    {"maxItems", SLOW_IN_BOTH, max_items},
    {"minItems", SLOW_IN_BOTH, min_items},
    {"uniqueItems", SLOW_IN_BOTH, unique_items},
    {"maxProperties", SLOW_IN_BOTH, max_properties},
    {"minProperties", SLOW_IN_BOTH, min_properties},
    {"required", SLOW_IN_BOTH, slow_required},
    {"dependentRequired", SLOW_IN_2020, dependent_required},
    {NULL, 0, NULL},
};
