/* What each keyword says: sections 10 and 11 of the core, section 6 of validation; and, of draft-07, what differs. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "lib/slow_internal.h"

#include <pcre2.h>
#include <stdio.h>
#include <string.h>

#include "lib/check.h"

enum { DEPTH_MAX = 200, STEPS_MAX = 200000 };

/* The resources that evaluation has gone through, from the innermost: section 7.1, dynamic scope. */
struct scope {
    const struct scope *outer;
    const char *base;
};

/* A schema that meets a value. */
struct at {
    struct slow_schema *all;
    const struct slow_place *place;
    json_t *schema, *value;
    const struct scope *scope;
    json_t *seen; /* a set: the properties or indexes that were evaluated */
};

static bool valid(struct slow_schema *all, json_t *schema, json_t *value, const struct scope *outer, json_t *seen);

/* --- what keywords share --------------------------------------------------------------------------------------------------- */

/* A schema for a part of the value: what it sees there is no matter of ours. */
static bool part_valid(struct at *at, json_t *schema, json_t *part)
{
    json_t *seen = json_object();
    bool ok = valid(at->all, schema, part, at->scope, seen);
    json_decref(seen);
    return ok;
}

/* A schema for the same value: what it has seen counts, if it holds. */
static bool in_place(struct at *at, json_t *schema)
{
    json_t *seen = json_object();
    bool ok = valid(at->all, schema, at->value, at->scope, seen);
    if (ok) {
        json_object_update(at->seen, seen);
    }
    json_decref(seen);
    return ok;
}

static void see(struct at *at, const char *key)
{
    json_object_set_new(at->seen, key, json_true());
}

static void see_index(struct at *at, size_t index)
{
    char key[24];
    snprintf(key, sizeof key, "%zu", index);
    see(at, key);
}

static bool seen_index(struct at *at, size_t index)
{
    char key[24];
    snprintf(key, sizeof key, "%zu", index);
    return json_object_get(at->seen, key) != NULL;
}

static long double number(json_t *value)
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
        return number(a) == number(b);
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

static bool matches(const char *pattern, size_t pattern_size, const char *text, size_t size)
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

/* --- validation, section 6 ------------------------------------------------------------------------------------------------- */

static bool is_type(json_t *value, const char *type)
{
    static const char *const names[] = {
        [JSON_OBJECT] = "object", [JSON_ARRAY] = "array",  [JSON_STRING] = "string", [JSON_INTEGER] = "integer",
        [JSON_REAL] = "number",   [JSON_TRUE] = "boolean", [JSON_FALSE] = "boolean", [JSON_NULL] = "null"};
    if (strcmp(type, "number") == 0) {
        return json_is_number(value);
    }
    if (strcmp(type, "integer") == 0) {
        return json_is_number(value) && fraction(number(value)) == 0;
    }
    return strcmp(names[json_typeof(value)], type) == 0;
}

static bool type(struct at *at, json_t *types)
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

static bool enumeration(struct at *at, json_t *values)
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

static bool constant(struct at *at, json_t *value)
{
    return equal(value, at->value);
}

/* Near enough is a multiple: 19.99 and 0.01 are not what doubles hold of them. */
static bool multiple_of(struct at *at, json_t *divisor)
{
    long double quotient = number(at->value) / number(divisor), size = quotient < 0 ? -quotient : quotient;
    return !json_is_number(at->value) || fraction(quotient) < 1e-12L * (1 + size);
}

static bool maximum(struct at *at, json_t *bound)
{
    return !json_is_number(at->value) || number(at->value) <= number(bound);
}

static bool exclusive_maximum(struct at *at, json_t *bound)
{
    return !json_is_number(at->value) || number(at->value) < number(bound);
}

static bool minimum(struct at *at, json_t *bound)
{
    return !json_is_number(at->value) || number(at->value) >= number(bound);
}

static bool exclusive_minimum(struct at *at, json_t *bound)
{
    return !json_is_number(at->value) || number(at->value) > number(bound);
}

static bool max_length(struct at *at, json_t *bound)
{
    return !json_is_string(at->value) || (long double)code_points(at->value) <= number(bound);
}

static bool min_length(struct at *at, json_t *bound)
{
    return !json_is_string(at->value) || (long double)code_points(at->value) >= number(bound);
}

static bool pattern(struct at *at, json_t *expression)
{
    return !json_is_string(at->value) || matches(json_string_value(expression), json_string_length(expression),
                                                 json_string_value(at->value), json_string_length(at->value));
}

static bool max_items(struct at *at, json_t *bound)
{
    return !json_is_array(at->value) || (long double)json_array_size(at->value) <= number(bound);
}

static bool min_items(struct at *at, json_t *bound)
{
    return !json_is_array(at->value) || (long double)json_array_size(at->value) >= number(bound);
}

static bool unique_items(struct at *at, json_t *wanted)
{
    bool twice = false;
    for (size_t i = 0; i < json_array_size(at->value); i++) {
        for (size_t j = 0; j < i; j++) {
            twice = twice || equal(json_array_get(at->value, i), json_array_get(at->value, j));
        }
    }
    return !json_is_true(wanted) || !twice;
}

static bool max_properties(struct at *at, json_t *bound)
{
    return !json_is_object(at->value) || (long double)json_object_size(at->value) <= number(bound);
}

static bool min_properties(struct at *at, json_t *bound)
{
    return !json_is_object(at->value) || (long double)json_object_size(at->value) >= number(bound);
}

static bool required(struct at *at, json_t *names)
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

static bool dependent_required(struct at *at, json_t *map)
{
    const char *key;
    json_t *names;
    bool all = true;
    json_object_foreach(map, key, names)
    {
        all = (!json_object_get(at->value, key) || required(at, names)) && all;
    }
    return all;
}

/* --- applicators, section 10 ------------------------------------------------------------------------------------------------ */

static size_t count_valid(struct at *at, json_t *schemas)
{
    size_t i, count = 0;
    json_t *schema;
    json_array_foreach(schemas, i, schema)
    {
        count += in_place(at, schema);
    }
    return count;
}

static bool all_of(struct at *at, json_t *schemas)
{
    return count_valid(at, schemas) == json_array_size(schemas);
}

static bool any_of(struct at *at, json_t *schemas)
{
    return count_valid(at, schemas) > 0;
}

static bool one_of(struct at *at, json_t *schemas)
{
    return count_valid(at, schemas) == 1;
}

static bool not(struct at * at, json_t *schema)
{
    return !part_valid(at, schema, at->value);
}

static bool condition(struct at *at, json_t *schema)
{
    json_t *chosen = json_object_get(at->schema, in_place(at, schema) ? "then" : "else");
    return !chosen || in_place(at, chosen);
}

static bool dependent_schemas(struct at *at, json_t *map)
{
    const char *key;
    json_t *schema;
    bool all = true;
    json_object_foreach(map, key, schema)
    {
        all = (!json_object_get(at->value, key) || in_place(at, schema)) && all;
    }
    return all;
}

static bool dependencies(struct at *at, json_t *map)
{
    const char *key;
    json_t *needs;
    bool all = true;
    json_object_foreach(map, key, needs)
    {
        if (json_object_get(at->value, key)) {
            all = (json_is_array(needs) ? required(at, needs) : in_place(at, needs)) && all;
        }
    }
    return all;
}

/* Elements from an index on against one schema, or each against its own. */
static bool elements(struct at *at, size_t from, json_t *schema)
{
    bool all = true;
    size_t count = json_is_array(schema) ? json_array_size(schema) : json_array_size(at->value);
    for (size_t i = from; i < count && i < json_array_size(at->value); i++) {
        json_t *own = json_is_array(schema) ? json_array_get(schema, i) : schema;
        all = part_valid(at, own, json_array_get(at->value, i)) && all;
        see_index(at, i);
    }
    return all;
}

static bool prefix_items(struct at *at, json_t *schemas)
{
    return elements(at, 0, schemas);
}

static bool items(struct at *at, json_t *schema)
{
    return elements(at, json_array_size(json_object_get(at->schema, "prefixItems")), schema);
}

static bool items_of_draft_7(struct at *at, json_t *schema)
{
    return elements(at, 0, schema);
}

static bool additional_items(struct at *at, json_t *schema)
{
    json_t *before = json_object_get(at->schema, "items");
    return !json_is_array(before) || elements(at, json_array_size(before), schema);
}

static size_t count_contained(struct at *at, json_t *schema)
{
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(at->value); i++) {
        if (part_valid(at, schema, json_array_get(at->value, i))) {
            see_index(at, i);
            count++;
        }
    }
    return count;
}

static bool contains(struct at *at, json_t *schema)
{
    json_t *least = NULL, *most = NULL;
    if (at->place->asserts) {
        least = json_object_get(at->schema, "minContains");
        most = json_object_get(at->schema, "maxContains");
    }
    long double count = (long double)count_contained(at, schema);
    return !json_is_array(at->value) || (count >= (least ? number(least) : 1) && (!most || count <= number(most)));
}

static bool contains_of_draft_7(struct at *at, json_t *schema)
{
    return !json_is_array(at->value) || count_contained(at, schema) > 0;
}

static bool properties(struct at *at, json_t *map)
{
    const char *key;
    json_t *schema;
    bool all = true;
    json_object_foreach(map, key, schema)
    {
        json_t *member = json_object_get(at->value, key);
        if (member) {
            all = part_valid(at, schema, member) && all;
            see(at, key);
        }
    }
    return all;
}

static bool pattern_properties(struct at *at, json_t *map)
{
    const char *expression, *key;
    json_t *schema, *member;
    bool all = true;
    json_object_foreach(map, expression, schema)
    {
        json_object_foreach(at->value, key, member)
        {
            if (matches(expression, strlen(expression), key, strlen(key))) {
                all = part_valid(at, schema, member) && all;
                see(at, key);
            }
        }
    }
    return all;
}

static bool is_named(struct at *at, const char *name)
{
    const char *expression;
    json_t *schema;
    bool named = json_object_get(json_object_get(at->schema, "properties"), name) != NULL;
    json_object_foreach(json_object_get(at->schema, "patternProperties"), expression, schema)
    {
        named = named || matches(expression, strlen(expression), name, strlen(name));
    }
    return named;
}

static bool additional_properties(struct at *at, json_t *schema)
{
    const char *key;
    json_t *member;
    bool all = true;
    json_object_foreach(at->value, key, member)
    {
        if (!is_named(at, key)) {
            all = part_valid(at, schema, member) && all;
            see(at, key);
        }
    }
    return all;
}

static bool property_names(struct at *at, json_t *schema)
{
    const char *key;
    json_t *member;
    bool all = true;
    json_object_foreach(at->value, key, member)
    {
        json_t *name = json_string(key);
        all = part_valid(at, schema, name) && all;
        json_decref(name);
    }
    return all;
}

/* --- unevaluated, section 11 -------------------------------------------------------------------------------------------------- */

static bool unevaluated_items(struct at *at, json_t *schema)
{
    bool all = true;
    for (size_t i = 0; i < json_array_size(at->value); i++) {
        if (!seen_index(at, i)) {
            all = part_valid(at, schema, json_array_get(at->value, i)) && all;
            see_index(at, i);
        }
    }
    return all;
}

static bool unevaluated_properties(struct at *at, json_t *schema)
{
    const char *key;
    json_t *member;
    bool all = true;
    json_object_foreach(at->value, key, member)
    {
        if (!json_object_get(at->seen, key)) {
            all = part_valid(at, schema, member) && all;
            see(at, key);
        }
    }
    return all;
}

/* --- references, section 8.2.3 -------------------------------------------------------------------------------------------------- */

static bool apply(struct at *at, json_t *target)
{
    at->all->lost = at->all->lost || !target;
    return target && in_place(at, target);
}

static bool reference(struct at *at, json_t *uri)
{
    struct slow_anchor *anchor;
    return apply(at, slow_follow(at->all, at->place->base, json_string_value(uri), &anchor));
}

static json_t *outermost(struct slow_schema *all, const struct scope *scope, const char *name)
{
    json_t *found = scope ? outermost(all, scope->outer, name) : NULL;
    struct slow_anchor *here = scope && !found ? slow_anchor_find(all, scope->base, name) : NULL;
    return here && here->dynamic ? here->schema : found;
}

static bool dynamic_reference(struct at *at, json_t *uri)
{
    struct slow_anchor *anchor;
    json_t *target = slow_follow(at->all, at->place->base, json_string_value(uri), &anchor);
    if (anchor && anchor->dynamic) {
        json_t *found = outermost(at->all, at->scope, anchor->name);
        target = found ? found : target;
    }
    return apply(at, target);
}

/* --- all together ---------------------------------------------------------------------------------------------------------------- */

enum { IN_7 = 1, IN_2020 = 2, IN_BOTH = 3, ASSERTS = 4 /* of the validation vocabulary */ };

/* In an order in which what a keyword depends on goes before. */
static const struct keyword {
    const char *name;
    int of;
    bool (*holds)(struct at *at, json_t *argument);
} keywords[] = {
    {"type", IN_BOTH | ASSERTS, type},
    {"enum", IN_BOTH | ASSERTS, enumeration},
    {"const", IN_BOTH | ASSERTS, constant},
    {"multipleOf", IN_BOTH | ASSERTS, multiple_of},
    {"maximum", IN_BOTH | ASSERTS, maximum},
    {"exclusiveMaximum", IN_BOTH | ASSERTS, exclusive_maximum},
    {"minimum", IN_BOTH | ASSERTS, minimum},
    {"exclusiveMinimum", IN_BOTH | ASSERTS, exclusive_minimum},
    {"maxLength", IN_BOTH | ASSERTS, max_length},
    {"minLength", IN_BOTH | ASSERTS, min_length},
    {"pattern", IN_BOTH | ASSERTS, pattern},
    {"maxItems", IN_BOTH | ASSERTS, max_items},
    {"minItems", IN_BOTH | ASSERTS, min_items},
    {"uniqueItems", IN_BOTH | ASSERTS, unique_items},
    {"maxProperties", IN_BOTH | ASSERTS, max_properties},
    {"minProperties", IN_BOTH | ASSERTS, min_properties},
    {"required", IN_BOTH | ASSERTS, required},
    {"dependentRequired", IN_2020 | ASSERTS, dependent_required},
    {"$ref", IN_2020, reference},
    {"$dynamicRef", IN_2020, dynamic_reference},
    {"allOf", IN_BOTH, all_of},
    {"anyOf", IN_BOTH, any_of},
    {"oneOf", IN_BOTH, one_of},
    {"not", IN_BOTH, not },
    {"if", IN_BOTH, condition},
    {"dependentSchemas", IN_2020, dependent_schemas},
    {"dependencies", IN_7, dependencies},
    {"prefixItems", IN_2020, prefix_items},
    {"items", IN_2020, items},
    {"items", IN_7, items_of_draft_7},
    {"additionalItems", IN_7, additional_items},
    {"contains", IN_2020, contains},
    {"contains", IN_7, contains_of_draft_7},
    {"properties", IN_BOTH, properties},
    {"patternProperties", IN_BOTH, pattern_properties},
    {"additionalProperties", IN_BOTH, additional_properties},
    {"propertyNames", IN_BOTH, property_names},
    {"unevaluatedItems", IN_2020, unevaluated_items},
    {"unevaluatedProperties", IN_2020, unevaluated_properties},
};

static bool all_hold(struct at *at)
{
    int draft = at->place->draft == WEFT_DRAFT_7 ? IN_7 : IN_2020;
    json_t *ref = json_object_get(at->schema, "$ref");
    if (draft == IN_7 && json_is_string(ref)) { /* draft-07, section 8.3: all other properties are ignored */
        return reference(at, ref);
    }
    bool all = true;
    for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++) {
        json_t *argument = json_object_get(at->schema, keywords[i].name);
        if (argument && (keywords[i].of & draft) && (at->place->asserts || !(keywords[i].of & ASSERTS))) {
            all = keywords[i].holds(at, argument) && all;
        }
    }
    return all;
}

static bool valid(struct slow_schema *all, json_t *schema, json_t *value, const struct scope *outer, json_t *seen)
{
    const struct slow_place *found = slow_place_of(all, schema);
    if (!found) {
        return json_is_true(schema);
    }
    if (all->lost || all->depth >= DEPTH_MAX || ++all->steps > STEPS_MAX) {
        all->lost = true;
        return false;
    }
    struct slow_place place = *found; /* following references adds places, and moves them */
    struct scope scope = {outer, place.base};
    struct at at = {all, &place, schema, value, &scope, seen};
    all->depth++;
    bool holds = all_hold(&at);
    all->depth--;
    return holds;
}

enum slow_verdict slow_schema_validate(struct slow_schema *all, json_t *instance)
{
    all->depth = all->steps = 0;
    all->lost = false;
    json_t *seen = json_object();
    bool holds = valid(all, all->root, instance, NULL, seen);
    json_decref(seen);
    return all->lost ? SLOW_LOST : holds ? SLOW_VALID : SLOW_INVALID;
}
