#include "lib/random_schema.h"

#include <stdlib.h>
#include <string.h>

#include "lib/check.h"

enum { DEPTH_MAX = 4, SCHEMAS_MAX = 40 };

struct maker {
    struct rng *rng;
    weft_draft draft;
    json_t *pool;
    int theme; /* which keywords are met more often */
    int schemas_left;
    int rank;         /* of the definition that is being made; see put_ref */
    bool dyn_at_root; /* $dynamicAnchors are at the roots of resources, not in the definitions y */
};

/* Where a schema is made. */
struct spot {
    int depth;
    bool bound; /* it meets the value that its definition meets, not a part of that */
};

static const char *const patterns[] = {"^a", "b$", "[ab]", "^$", "^.$", "a|é", "^(a|b)+$", "^[^a]*$"};
static const char *const types[] = {"null", "boolean", "integer", "number", "string", "array", "object"};

#define ONE_OF(rng, list) ((list)[rng_below(rng, sizeof(list) / sizeof *(list))])

static json_t *make(struct maker *maker, struct spot spot);

static struct spot in_place(struct spot spot)
{
    return (struct spot){spot.depth + 1, spot.bound};
}

static struct spot apart(struct spot spot)
{
    return (struct spot){spot.depth + 1, false};
}

/* --- keywords --------------------------------------------------------------------------------- */

static json_t *mentioned(struct maker *maker)
{
    json_t *value = random_document(maker->rng, NULL);
    json_array_append(maker->pool, value);
    return value;
}

static void put(json_t *to, const char *keyword, json_t *argument)
{
    check_eq(json_object_set_new(to, keyword, argument), 0);
}

static json_t *count(struct maker *maker)
{
    return json_integer(rng_below(maker->rng, 4));
}

static json_t *some_names(struct maker *maker)
{
    json_t *list = json_array();
    uint32_t first = rng_below(maker->rng, 5), amount = rng_below(maker->rng, 3);
    for (uint32_t i = 0; i < amount; i++) {
        json_array_append_new(list, json_string(random_names[(first + i) % RANDOM_NAMES]));
    }
    return list;
}

static json_t *list_of_schemas(struct maker *maker, struct spot spot)
{
    json_t *list = json_array();
    for (uint32_t left = rng_between(maker->rng, 1, 3); left > 0; left--) {
        json_array_append_new(list, make(maker, spot));
    }
    return list;
}

static json_t *map_of_schemas(struct maker *maker, struct spot spot)
{
    json_t *map = json_object();
    for (uint32_t left = rng_between(maker->rng, 1, 3); left > 0; left--) {
        json_object_set_new(map, ONE_OF(maker->rng, random_names), make(maker, spot));
    }
    return map;
}

static void put_type(struct maker *maker, json_t *to, struct spot spot)
{
    (void)spot;
    uint32_t first = rng_below(maker->rng, 7), amount = rng_between(maker->rng, 1, 4);
    if (amount == 1) {
        put(to, "type", json_string(types[first]));
        return;
    }
    json_t *list = json_array();
    for (uint32_t i = 0; i < amount; i++) {
        json_array_append_new(list, json_string(types[(first + i) % 7]));
    }
    put(to, "type", list);
}

static void put_enum(struct maker *maker, json_t *to, struct spot spot)
{
    (void)spot;
    json_t *list = json_array();
    for (uint32_t left = rng_between(maker->rng, 1, 4); left > 0; left--) {
        json_array_append_new(list, mentioned(maker));
    }
    put(to, "enum", list);
}

static void put_const(struct maker *maker, json_t *to, struct spot spot)
{
    (void)spot;
    put(to, "const", mentioned(maker));
}

static void put_bound(struct maker *maker, json_t *to, struct spot spot)
{
    static const char *const bounds[] = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"};
    static const double divisors[] = {0.25, 0.5, 1, 1.5, 2, 3};
    (void)spot;
    if (rng_once_in(maker->rng, 4)) {
        put(to, "multipleOf", json_real(ONE_OF(maker->rng, divisors)));
    } else {
        put(to, ONE_OF(maker->rng, bounds), random_number(maker->rng));
    }
}

static void put_count(struct maker *maker, json_t *to, struct spot spot)
{
    static const char *const counts[] = {"minLength", "maxLength",     "minItems",
                                         "maxItems",  "minProperties", "maxProperties"};
    (void)spot;
    put(to, ONE_OF(maker->rng, counts), count(maker));
}

static void put_pattern(struct maker *maker, json_t *to, struct spot spot)
{
    (void)spot;
    put(to, "pattern", json_string(ONE_OF(maker->rng, patterns)));
}

static void put_unique(struct maker *maker, json_t *to, struct spot spot)
{
    (void)spot;
    put(to, "uniqueItems", json_boolean(!rng_once_in(maker->rng, 4)));
}

static void put_required(struct maker *maker, json_t *to, struct spot spot)
{
    (void)spot;
    put(to, "required", some_names(maker));
}

static void put_dependent_required(struct maker *maker, json_t *to, struct spot spot)
{
    (void)spot;
    json_t *map = json_object();
    put(map, ONE_OF(maker->rng, random_names), some_names(maker));
    put(to, "dependentRequired", map);
}

static void put_several(struct maker *maker, json_t *to, struct spot spot)
{
    static const char *const several[] = {"allOf", "anyOf", "oneOf"};
    put(to, ONE_OF(maker->rng, several), list_of_schemas(maker, in_place(spot)));
}

static void put_not(struct maker *maker, json_t *to, struct spot spot)
{
    put(to, "not", make(maker, in_place(spot)));
}

static void put_condition(struct maker *maker, json_t *to, struct spot spot)
{
    put(to, "if", make(maker, in_place(spot)));
    if (!rng_once_in(maker->rng, 3)) {
        put(to, "then", make(maker, in_place(spot)));
    }
    if (!rng_once_in(maker->rng, 3)) {
        put(to, "else", make(maker, in_place(spot)));
    }
}

static void put_dependent_schemas(struct maker *maker, json_t *to, struct spot spot)
{
    put(to, "dependentSchemas", map_of_schemas(maker, in_place(spot)));
}

static void put_dependencies(struct maker *maker, json_t *to, struct spot spot)
{
    json_t *map = map_of_schemas(maker, in_place(spot));
    put(map, ONE_OF(maker->rng, random_names), some_names(maker));
    put(to, "dependencies", map);
}

static void put_prefix(struct maker *maker, json_t *to, struct spot spot)
{
    put(to, "prefixItems", list_of_schemas(maker, apart(spot)));
}

static void put_items(struct maker *maker, json_t *to, struct spot spot)
{
    put(to, "items", make(maker, apart(spot)));
}

static void put_items_list(struct maker *maker, json_t *to, struct spot spot)
{
    put(to, "items", list_of_schemas(maker, apart(spot)));
    put(to, "additionalItems", make(maker, apart(spot)));
}

static void put_contains(struct maker *maker, json_t *to, struct spot spot)
{
    put(to, "contains", make(maker, apart(spot)));
    if (rng_once_in(maker->rng, 2)) {
        put(to, "minContains", count(maker));
    }
    if (rng_once_in(maker->rng, 2)) {
        put(to, "maxContains", count(maker));
    }
}

static void put_properties(struct maker *maker, json_t *to, struct spot spot)
{
    put(to, "properties", map_of_schemas(maker, apart(spot)));
}

static void put_pattern_properties(struct maker *maker, json_t *to, struct spot spot)
{
    json_t *map = json_object();
    for (uint32_t left = rng_between(maker->rng, 1, 2); left > 0; left--) {
        put(map, ONE_OF(maker->rng, patterns), make(maker, apart(spot)));
    }
    put(to, "patternProperties", map);
}

static void put_additional(struct maker *maker, json_t *to, struct spot spot)
{
    put(to, "additionalProperties", make(maker, apart(spot)));
}

static void put_names(struct maker *maker, json_t *to, struct spot spot)
{
    put(to, "propertyNames", make(maker, apart(spot)));
}

static void put_unevaluated_items(struct maker *maker, json_t *to, struct spot spot)
{
    put(to, "unevaluatedItems", rng_once_in(maker->rng, 2) ? json_false() : make(maker, apart(spot)));
}

static void put_unevaluated_properties(struct maker *maker, json_t *to, struct spot spot)
{
    put(to, "unevaluatedProperties", rng_once_in(maker->rng, 2) ? json_false() : make(maker, apart(spot)));
}

/* Each resource has the definitions x and y and the anchors mark, which is x, and dyn; see make_resource. What goes
 * round and round at one value has no verdict, and is refused: so at the value that a definition meets it refers only to
 * such of higher rank. */
static void put_ref(struct maker *maker, json_t *to, struct spot spot)
{
    static const struct {
        const char *uri;
        weft_draft draft; /* 0: both */
        int rank;
    } references[] = {
        {"#", 0, 0},
        {"root", 0, 0},
        {"//m.test/m/root", 0, 0},
        {"/m/r", 0, 1},
        {"r", 0, 1},
        {"s", 0, 2},
        {"#mark", 0, 3},
        {"r#mark", 0, 3},
        {"//m.test/m/s#mark", 0, 3},
        {"#/$defs/x", WEFT_DRAFT_2020_12, 3},
        {"#/$defs/y", WEFT_DRAFT_2020_12, 4},
        {"s#/%24defs/y", WEFT_DRAFT_2020_12, 4},
        {"#/definitions/x", WEFT_DRAFT_7, 3},
        {"#/definitions/y", WEFT_DRAFT_7, 4},
        {"r#/%64efinitions/y", WEFT_DRAFT_7, 4},
        {"#dyn", WEFT_DRAFT_2020_12, 4},
        {"s#dyn", WEFT_DRAFT_2020_12, 4},
    };
    uint32_t i = rng_below(maker->rng, sizeof references / sizeof *references);
    int rank = references[i].rank == 4 && maker->dyn_at_root ? 0 : references[i].rank;
    if ((references[i].draft == 0 || references[i].draft == maker->draft) && (!spot.bound || rank > maker->rank)) {
        put(to, "$ref", json_string(references[i].uri));
    }
}

static void put_dynamic_ref(struct maker *maker, json_t *to, struct spot spot)
{
    static const char *const references[] = {"#dyn", "#dyn", "r#dyn", "s#dyn", "root#dyn", "#mark", "#/$defs/y"};
    const char *uri = ONE_OF(maker->rng, references);
    if (!spot.bound || (maker->rank < 3 && !maker->dyn_at_root)) {
        put(to, "$dynamicRef", json_string(uri));
    }
}

enum { IN_7 = 1, IN_2020 = 2, IN_BOTH = 3 };

/* What one schema has seen and another has not; where $dynamicRef leads. */
enum { ALL = 1, SEEING = 2, SCOPES = 4 };

static const struct row {
    int drafts, themes;
    void (*put)(struct maker *maker, json_t *to, struct spot spot);
} rows[] = {
    {IN_BOTH, ALL | SCOPES, put_type},
    {IN_BOTH, ALL, put_enum},
    {IN_BOTH, ALL, put_const},
    {IN_BOTH, ALL, put_bound},
    {IN_BOTH, ALL, put_count},
    {IN_BOTH, ALL, put_count},
    {IN_BOTH, ALL, put_pattern},
    {IN_BOTH, ALL, put_unique},
    {IN_BOTH, ALL | SEEING, put_required},
    {IN_2020, ALL, put_dependent_required},
    {IN_BOTH, ALL | SEEING | SCOPES, put_several},
    {IN_BOTH, ALL | SEEING, put_several},
    {IN_BOTH, ALL, put_not},
    {IN_BOTH, ALL | SEEING | SCOPES, put_condition},
    {IN_2020, ALL | SEEING, put_dependent_schemas},
    {IN_7, ALL | SEEING, put_dependencies},
    {IN_2020, ALL | SEEING, put_prefix},
    {IN_2020, ALL | SEEING | SCOPES, put_prefix},
    {IN_BOTH, ALL | SCOPES, put_items},
    {IN_7, ALL | SEEING, put_items_list},
    {IN_BOTH, ALL | SEEING, put_contains},
    {IN_BOTH, ALL | SEEING, put_properties},
    {IN_BOTH, ALL | SEEING | SCOPES, put_properties},
    {IN_BOTH, ALL | SEEING, put_pattern_properties},
    {IN_BOTH, ALL | SCOPES, put_additional},
    {IN_BOTH, ALL, put_names},
    {IN_2020, ALL | SEEING, put_unevaluated_items},
    {IN_2020, ALL | SEEING, put_unevaluated_items},
    {IN_2020, ALL | SEEING, put_unevaluated_properties},
    {IN_2020, ALL | SEEING, put_unevaluated_properties},
    {IN_BOTH, ALL | SEEING | SCOPES, put_ref},
    {IN_BOTH, ALL | SCOPES, put_ref},
    {IN_2020, ALL | SEEING | SCOPES, put_dynamic_ref},
    {IN_2020, ALL | SCOPES, put_dynamic_ref},
};

/* --- schemas ---------------------------------------------------------------------------------- */

static json_t *make_object(struct maker *maker, struct spot spot)
{
    json_t *schema = json_object();
    int draft = maker->draft == WEFT_DRAFT_7 ? IN_7 : IN_2020;
    int theme = rng_once_in(maker->rng, 4) ? ALL : maker->theme;
    uint32_t left = spot.depth < DEPTH_MAX && maker->schemas_left > 0 ? rng_between(maker->rng, 1, 4) : 0;
    maker->schemas_left--;
    while (left > 0) {
        const struct row *row = &ONE_OF(maker->rng, rows);
        if ((row->drafts & draft) && (row->themes & theme)) {
            row->put(maker, schema, spot);
            left--;
        }
    }
    return schema;
}

static json_t *make(struct maker *maker, struct spot spot)
{
    if (rng_once_in(maker->rng, 8)) {
        return json_boolean(!rng_once_in(maker->rng, 3));
    }
    json_t *schema = make_object(maker, spot);
    if (json_object_size(schema) == 0 && !rng_once_in(maker->rng, 4)) {
        put_type(maker, schema, spot);
    }
    return schema;
}

static json_t *make_definition(struct maker *maker, int rank)
{
    maker->rank = rank;
    return make_object(maker, (struct spot){rank < 3 ? 1 : 2, true});
}

/* What references to the resource may name. In draft-07 a schema with a $ref has nothing else: no $id. */
static json_t *make_resource(struct maker *maker, const char *id, int rank)
{
    bool of_7 = maker->draft == WEFT_DRAFT_7;
    json_t *schema = make_definition(maker, rank), *definitions = json_object();
    json_t *x = make_definition(maker, 3), *y = make_definition(maker, 4);
    if (maker->theme == SCOPES) { /* that it matters to which one a $dynamicRef leads */
        put_type(maker, y, (struct spot){0});
    }
    if (of_7) {
        json_object_del(schema, "$ref");
        json_object_del(x, "$ref");
        put(x, "$id", json_string("#mark"));
    } else {
        put(x, "$anchor", json_string("mark"));
        put(maker->dyn_at_root ? schema : y, rng_once_in(maker->rng, 4) ? "$anchor" : "$dynamicAnchor",
            json_string("dyn"));
    }
    put(schema, "$id", json_string(id));
    put(definitions, "x", x);
    put(definitions, "y", y);
    put(schema, of_7 ? "definitions" : "$defs", definitions);
    return schema;
}

json_t *random_schema(struct rng *rng, weft_draft draft, json_t *pool)
{
    struct maker maker = {.rng = rng, .draft = draft, .pool = pool, .schemas_left = SCHEMAS_MAX};
    maker.theme = 1 << rng_below(rng, 3);
    maker.dyn_at_root = rng_once_in(rng, 3);
    const char *definitions = draft == WEFT_DRAFT_7 ? "definitions" : "$defs";
    json_t *root = make_resource(&maker, "https://m.test/m/root", 0);
    json_t *r = make_resource(&maker, "r", 1), *s = make_resource(&maker, "s", 2);
    put(json_object_get(rng_once_in(rng, 3) ? r : root, definitions), "s", s);
    put(json_object_get(root, definitions), "r", r);
    return root;
}
