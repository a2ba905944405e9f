/* What each applicator and reference says: sections 8, 10 and 11 of the core; and, of draft-07, what differs. */
#include "lib/slow_internal.h"

#include <stdio.h>
#include <string.h>

#include "lib/check.h"

enum { DEPTH_MAX = 200, STEPS_MAX = 200000 };

static bool valid(struct slow_schema *all, json_t *schema, json_t *value, const struct slow_scope *outer, json_t *seen);

/* --- what keywords share ---------------------------------------------------------------------- */

/* A schema for a part of the value: what it sees there is no matter of ours. */
static bool part_valid(struct slow_at *at, json_t *schema, json_t *part)
{
    json_t *seen = json_object();
    bool ok = valid(at->all, schema, part, at->scope, seen);
    json_decref(seen);
    return ok;
}

/* A schema for the same value: what it has seen counts, if it holds. */
static bool in_place(struct slow_at *at, json_t *schema)
{
    json_t *seen = json_object();
    bool ok = valid(at->all, schema, at->value, at->scope, seen);
    if (ok) {
        json_object_update(at->seen, seen);
    }
    json_decref(seen);
    return ok;
}

static void see(struct slow_at *at, const char *key)
{
    json_object_set_new(at->seen, key, json_true());
}

static void see_index(struct slow_at *at, size_t index)
{
    char key[24];
    snprintf(key, sizeof key, "%zu", index);
    see(at, key);
}

static bool seen_index(struct slow_at *at, size_t index)
{
    char key[24];
    snprintf(key, sizeof key, "%zu", index);
    return json_object_get(at->seen, key) != NULL;
}

/* --- applicators, section 10 ------------------------------------------------------------------ */

static size_t count_valid(struct slow_at *at, json_t *schemas)
{
    size_t i, count = 0;
    json_t *schema;
    json_array_foreach(schemas, i, schema)
    {
        count += in_place(at, schema);
    }
    return count;
}

static bool all_of(struct slow_at *at, json_t *schemas)
{
    return count_valid(at, schemas) == json_array_size(schemas);
}

static bool any_of(struct slow_at *at, json_t *schemas)
{
    return count_valid(at, schemas) > 0;
}

static bool one_of(struct slow_at *at, json_t *schemas)
{
    return count_valid(at, schemas) == 1;
}

static bool not(struct slow_at * at, json_t *schema)
{
    return !part_valid(at, schema, at->value);
}

static bool condition(struct slow_at *at, json_t *schema)
{
    json_t *chosen = json_object_get(at->schema, in_place(at, schema) ? "then" : "else");
    return !chosen || in_place(at, chosen);
}

static bool dependent_schemas(struct slow_at *at, json_t *map)
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

static bool dependencies(struct slow_at *at, json_t *map)
{
    const char *key;
    json_t *needs;
    bool all = true;
    json_object_foreach(map, key, needs)
    {
        if (json_object_get(at->value, key)) {
            all = (json_is_array(needs) ? slow_required(at, needs) : in_place(at, needs)) && all;
        }
    }
    return all;
}

/* Elements from an index on against one schema, or each against its own. */
static bool elements(struct slow_at *at, size_t from, json_t *schema)
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

static bool prefix_items(struct slow_at *at, json_t *schemas)
{
    return elements(at, 0, schemas);
}

static bool items(struct slow_at *at, json_t *schema)
{
    return elements(at, json_array_size(json_object_get(at->schema, "prefixItems")), schema);
}

static bool items_of_draft_7(struct slow_at *at, json_t *schema)
{
    return elements(at, 0, schema);
}

static bool additional_items(struct slow_at *at, json_t *schema)
{
    json_t *before = json_object_get(at->schema, "items");
    return !json_is_array(before) || elements(at, json_array_size(before), schema);
}

static size_t count_contained(struct slow_at *at, json_t *schema)
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

static bool contains(struct slow_at *at, json_t *schema)
{
    json_t *least = NULL, *most = NULL;
    if (at->place->asserts) {
        least = json_object_get(at->schema, "minContains");
        most = json_object_get(at->schema, "maxContains");
    }
    long double count = (long double)count_contained(at, schema);
    return !json_is_array(at->value) ||
           (count >= (least ? slow_number(least) : 1) && (!most || count <= slow_number(most)));
}

static bool contains_of_draft_7(struct slow_at *at, json_t *schema)
{
    return !json_is_array(at->value) || count_contained(at, schema) > 0;
}

static bool properties(struct slow_at *at, json_t *map)
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

static bool pattern_properties(struct slow_at *at, json_t *map)
{
    const char *expression, *key;
    json_t *schema, *member;
    bool all = true;
    json_object_foreach(map, expression, schema)
    {
        json_object_foreach(at->value, key, member)
        {
            if (slow_matches(expression, strlen(expression), key, strlen(key))) {
                all = part_valid(at, schema, member) && all;
                see(at, key);
            }
        }
    }
    return all;
}

static bool is_named(struct slow_at *at, const char *name)
{
    const char *expression;
    json_t *schema;
    bool named = json_object_get(json_object_get(at->schema, "properties"), name) != NULL;
    json_object_foreach(json_object_get(at->schema, "patternProperties"), expression, schema)
    {
        named = named || slow_matches(expression, strlen(expression), name, strlen(name));
    }
    return named;
}

static bool additional_properties(struct slow_at *at, json_t *schema)
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

static bool property_names(struct slow_at *at, json_t *schema)
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

/* --- unevaluated, section 11 ------------------------------------------------------------------ */

static bool unevaluated_items(struct slow_at *at, json_t *schema)
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

static bool unevaluated_properties(struct slow_at *at, json_t *schema)
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

/* --- references, section 8.2.3 ---------------------------------------------------------------- */

static bool apply(struct slow_at *at, json_t *target)
{
    at->all->lost = at->all->lost || !target;
    return target && in_place(at, target);
}

static bool reference(struct slow_at *at, json_t *uri)
{
    struct slow_anchor *anchor;
    return apply(at, slow_follow(at->all, at->place->base, json_string_value(uri), &anchor));
}

static json_t *outermost(struct slow_schema *all, const struct slow_scope *scope, const char *name)
{
    json_t *found = scope ? outermost(all, scope->outer, name) : NULL;
    struct slow_anchor *here = scope && !found ? slow_anchor_find(all, scope->base, name) : NULL;
    return here && here->dynamic ? here->schema : found;
}

static bool dynamic_reference(struct slow_at *at, json_t *uri)
{
    struct slow_anchor *anchor;
    json_t *target = slow_follow(at->all, at->place->base, json_string_value(uri), &anchor);
    if (anchor && anchor->dynamic) {
        json_t *found = outermost(at->all, at->scope, anchor->name);
        target = found ? found : target;
    }
    return apply(at, target);
}

/* --- all together ----------------------------------------------------------------------------- */

/* In an order in which what a keyword depends on goes before. */
static const struct slow_keyword keywords[] = {
    {"$ref", SLOW_IN_2020, reference},
    {"$dynamicRef", SLOW_IN_2020, dynamic_reference},
    {"allOf", SLOW_IN_BOTH, all_of},
    {"anyOf", SLOW_IN_BOTH, any_of},
    {"oneOf", SLOW_IN_BOTH, one_of},
    {"not", SLOW_IN_BOTH, not },
    {"if", SLOW_IN_BOTH, condition},
    {"dependentSchemas", SLOW_IN_2020, dependent_schemas},
    {"dependencies", SLOW_IN_7, dependencies},
    {"prefixItems", SLOW_IN_2020, prefix_items},
    {"items", SLOW_IN_2020, items},
    {"items", SLOW_IN_7, items_of_draft_7},
    {"additionalItems", SLOW_IN_7, additional_items},
    {"contains", SLOW_IN_2020, contains},
    {"contains", SLOW_IN_7, contains_of_draft_7},
    {"properties", SLOW_IN_BOTH, properties},
    {"patternProperties", SLOW_IN_BOTH, pattern_properties},
    {"additionalProperties", SLOW_IN_BOTH, additional_properties},
    {"propertyNames", SLOW_IN_BOTH, property_names},
    {"unevaluatedItems", SLOW_IN_2020, unevaluated_items},
    {"unevaluatedProperties", SLOW_IN_2020, unevaluated_properties},
    {NULL, 0, NULL},
};

static bool hold(struct slow_at *at, const struct slow_keyword *rows, int draft)
{
    bool all = true;
    for (; rows->name; rows++) {
        json_t *argument = json_object_get(at->schema, rows->name);
        if (argument && (rows->of & draft)) {
            all = rows->holds(at, argument) && all;
        }
    }
    return all;
}

static bool all_hold(struct slow_at *at)
{
    int draft = at->place->draft == WEFT_DRAFT_7 ? SLOW_IN_7 : SLOW_IN_2020;
    json_t *ref = json_object_get(at->schema, "$ref");
    if (draft == SLOW_IN_7 && json_is_string(ref)) { /* draft-07, section 8.3: all other properties are ignored */
        return reference(at, ref);
    }
    bool asserted = !at->place->asserts || hold(at, slow_assertions, draft);
    return hold(at, keywords, draft) && asserted;
}

static bool valid(struct slow_schema *all, json_t *schema, json_t *value, const struct slow_scope *outer, json_t *seen)
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
    struct slow_scope scope = {outer, place.base};
    struct slow_at at = {all, &place, schema, value, &scope, seen};
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
