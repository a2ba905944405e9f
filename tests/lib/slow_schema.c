/* Which schemas there are, under which URIs and anchors, and where references lead: sections 8 and 9 of the core. */
#include "lib/slow_internal.h"

#include <stdlib.h>
#include <string.h>

#include "lib/check.h"

/* Keywords that hold schemas. */
enum holds { HOLDS_ONE, HOLDS_LIST, HOLDS_MAP, HOLDS_ONE_OR_LIST };

static const struct holder {
    const char *keyword;
    int drafts;
    enum holds holds;
} holders[] = {
    {"$defs", SLOW_IN_2020, HOLDS_MAP},
    {"definitions", SLOW_IN_BOTH, HOLDS_MAP}, /* in 2020-12 by its meta-schema, as a deprecated name */
    {"allOf", SLOW_IN_BOTH, HOLDS_LIST},
    {"anyOf", SLOW_IN_BOTH, HOLDS_LIST},
    {"oneOf", SLOW_IN_BOTH, HOLDS_LIST},
    {"not", SLOW_IN_BOTH, HOLDS_ONE},
    {"if", SLOW_IN_BOTH, HOLDS_ONE},
    {"then", SLOW_IN_BOTH, HOLDS_ONE},
    {"else", SLOW_IN_BOTH, HOLDS_ONE},
    {"dependentSchemas", SLOW_IN_2020, HOLDS_MAP},
    {"dependencies", SLOW_IN_7, HOLDS_MAP},
    {"prefixItems", SLOW_IN_2020, HOLDS_LIST},
    {"items", SLOW_IN_BOTH, HOLDS_ONE_OR_LIST},
    {"additionalItems", SLOW_IN_7, HOLDS_ONE},
    {"contains", SLOW_IN_BOTH, HOLDS_ONE},
    {"properties", SLOW_IN_BOTH, HOLDS_MAP},
    {"patternProperties", SLOW_IN_BOTH, HOLDS_MAP},
    {"additionalProperties", SLOW_IN_BOTH, HOLDS_ONE},
    {"propertyNames", SLOW_IN_BOTH, HOLDS_ONE},
    {"unevaluatedItems", SLOW_IN_2020, HOLDS_ONE},
    {"unevaluatedProperties", SLOW_IN_2020, HOLDS_ONE},
    {"contentSchema", SLOW_IN_2020, HOLDS_ONE},
};

static void index_schema(struct slow_schema *all, json_t *schema, const char *base, weft_draft draft, bool asserts);

json_t *slow_json(const char *text, size_t size)
{
    return json_loadb(text, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
}

static const char *text_of(json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static char *copy(const char *text)
{
    char *copied = strdup(text);
    check_true(copied);
    return copied;
}

/* --- what there is ---------------------------------------------------------------------------- */

static void add_resource(struct slow_schema *all, const char *uri, json_t *schema)
{
    all->resources = realloc(all->resources, (all->resources_count + 1) * sizeof *all->resources);
    check_true(all->resources);
    all->resources[all->resources_count++] = (struct slow_resource){copy(uri), schema};
}

static void add_anchor(struct slow_schema *all, const char *base, const char *name, json_t *schema, bool dynamic)
{
    if (!name) {
        return;
    }
    all->anchors = realloc(all->anchors, (all->anchors_count + 1) * sizeof *all->anchors);
    check_true(all->anchors);
    all->anchors[all->anchors_count++] = (struct slow_anchor){copy(base), copy(name), schema, dynamic};
}

static void add_place(struct slow_schema *all, json_t *schema, const char *base, weft_draft draft, bool asserts)
{
    all->places = realloc(all->places, (all->places_count + 1) * sizeof *all->places);
    check_true(all->places);
    all->places[all->places_count++] = (struct slow_place){schema, copy(base), draft, asserts};
}

struct slow_place *slow_place_of(struct slow_schema *all, json_t *schema)
{
    for (size_t i = 0; json_is_object(schema) && i < all->places_count; i++) {
        if (all->places[i].schema == schema) {
            return all->places + i;
        }
    }
    return NULL;
}

struct slow_anchor *slow_anchor_find(struct slow_schema *all, const char *base, const char *name)
{
    for (size_t i = 0; i < all->anchors_count; i++) {
        if (strcmp(all->anchors[i].base, base) == 0 && strcmp(all->anchors[i].name, name) == 0) {
            return all->anchors + i;
        }
    }
    return NULL;
}

static json_t *find_resource(struct slow_schema *all, const char *uri)
{
    for (size_t i = 0; i < all->resources_count; i++) {
        if (strcmp(all->resources[i].uri, uri) == 0) {
            return all->resources[i].schema;
        }
    }
    return NULL;
}

/* --- indexing --------------------------------------------------------------------------------- */

static void index_held(struct slow_schema *all, json_t *held, enum holds holds, const char *base, weft_draft draft,
                       bool asserts)
{
    size_t i;
    const char *key;
    json_t *schema;
    if (holds == HOLDS_MAP) {
        json_object_foreach(held, key, schema)
        {
            index_schema(all, schema, base, draft, asserts);
        }
    } else if (holds == HOLDS_LIST || json_is_array(held)) {
        json_array_foreach(held, i, schema)
        {
            index_schema(all, schema, base, draft, asserts);
        }
    } else {
        index_schema(all, held, base, draft, asserts);
    }
}

/* "$schema": the draft by its name; a meta-schema of somebody else's is 2020-12 with the vocabularies that it says. */
static void read_dialect(struct slow_schema *all, json_t *schema, weft_draft *draft, bool *asserts)
{
    const char *name = text_of(schema, "$schema");
    if (!name) {
        return;
    }
    if (strncmp(name, "http://json-schema.org/draft-07/schema", 38) == 0) {
        *draft = WEFT_DRAFT_7;
        *asserts = true;
        return;
    }
    *draft = WEFT_DRAFT_2020_12;
    json_t *vocabularies = json_object_get(find_resource(all, name), "$vocabulary");
    *asserts = !vocabularies || json_object_get(vocabularies, "https://json-schema.org/draft/2020-12/vocab/validation");
}

/* "$id" and the anchors; *base becomes the new one, to be freed. */
static void read_names(struct slow_schema *all, json_t *schema, char **base, weft_draft draft)
{
    const char *id = text_of(schema, "$id");
    if (id && !(draft == WEFT_DRAFT_7 && json_object_get(schema, "$ref"))) {
        char *uri = slow_uri_resolve(*base, id), *fragment = strchr(uri, '#');
        if (fragment) {
            *fragment++ = 0;
        }
        if (*id != '#') { /* draft-07: an $id that is a fragment alone is an anchor and nothing else */
            add_resource(all, uri, schema);
        }
        if (fragment && *fragment) {
            add_anchor(all, uri, fragment, schema, false);
        }
        free(*base);
        *base = uri;
    }
    if (draft == WEFT_DRAFT_2020_12) {
        add_anchor(all, *base, text_of(schema, "$anchor"), schema, false);
        add_anchor(all, *base, text_of(schema, "$dynamicAnchor"), schema, true);
    }
}

static void index_schema(struct slow_schema *all, json_t *schema, const char *outer_base, weft_draft draft,
                         bool asserts)
{
    if (!json_is_object(schema)) {
        return;
    }
    char *base = copy(outer_base);
    read_dialect(all, schema, &draft, &asserts);
    read_names(all, schema, &base, draft);
    add_place(all, schema, base, draft, asserts);
    for (size_t i = 0; i < sizeof holders / sizeof *holders; i++) {
        json_t *held = json_object_get(schema, holders[i].keyword);
        if (held && (holders[i].drafts & (draft == WEFT_DRAFT_7 ? SLOW_IN_7 : SLOW_IN_2020))) {
            index_held(all, held, holders[i].holds, base, draft, asserts);
        }
    }
    free(base);
}

struct slow_schema *slow_schema_new(weft_bytes json, weft_draft draft, const weft_schema_source *sources, size_t count)
{
    json_t *root = slow_json(json.data, json.size);
    if (!root) {
        return NULL;
    }
    struct slow_schema *all = calloc(1, sizeof *all);
    check_true(all);
    all->root = root;
    all->documents = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *source = slow_json(sources[i].json.data, sources[i].json.size);
        check_true(source);
        check_eq(json_array_append_new(all->documents, source), 0);
        add_resource(all, sources[i].uri, source);
        index_schema(all, source, sources[i].uri, draft, true);
    }
    check_eq(json_array_append_new(all->documents, root), 0);
    add_resource(all, "", root);
    index_schema(all, root, "", draft, true);
    return all;
}

void slow_schema_free(struct slow_schema *all)
{
    for (size_t i = 0; i < all->places_count; i++) {
        free(all->places[i].base);
    }
    for (size_t i = 0; i < all->anchors_count; i++) {
        free(all->anchors[i].base);
        free(all->anchors[i].name);
    }
    for (size_t i = 0; i < all->resources_count; i++) {
        free(all->resources[i].uri);
    }
    free(all->places);
    free(all->anchors);
    free(all->resources);
    json_decref(all->documents);
    free(all);
}

/* --- following -------------------------------------------------------------------------------- */

static int hex(char c)
{
    const char *digits = "0123456789abcdef", *at = strchr(digits, c | 0x20);
    return c && at ? (int)(at - digits) : -1;
}

static void decode_percents(char *text)
{
    char *to = text;
    for (; *text; text++) {
        if (*text == '%' && hex(text[1]) >= 0 && hex(text[2]) >= 0) {
            *to++ = (char)(hex(text[1]) * 16 + hex(text[2]));
            text += 2;
        } else {
            *to++ = *text;
        }
    }
    *to = 0;
}

/* RFC 6901, section 4: ~1 first, then ~0. */
static void decode_tildes(char *token)
{
    char *to = token;
    for (; *token; token++) {
        bool tilde = *token == '~' && (token[1] == '0' || token[1] == '1');
        *to++ = !tilde ? *token : token[1] == '0' ? '~' : '/';
        token += tilde;
    }
    *to = 0;
}

static json_t *step(json_t *at, const char *token)
{
    if (json_is_object(at)) {
        return json_object_get(at, token);
    }
    bool index = *token && token[strspn(token, "0123456789")] == 0 && (*token != '0' || !token[1]);
    return index ? json_array_get(at, strtoul(token, NULL, 10)) : NULL;
}

/* pointer: begins with a slash. Schemas beneath keywords that nobody knows are met here for the first time. */
static json_t *follow_pointer(struct slow_schema *all, json_t *at, char *pointer)
{
    char *base = copy(slow_place_of(all, at) ? slow_place_of(all, at)->base : "");
    struct slow_place near = slow_place_of(all, at) ? *slow_place_of(all, at) : (struct slow_place){0};
    char *rest = pointer + 1, *token;
    while (at && (token = strsep(&rest, "/"))) {
        decode_tildes(token);
        at = step(at, token);
        struct slow_place *place = slow_place_of(all, at);
        if (place) {
            near = *place;
            free(base);
            base = copy(place->base);
        }
    }
    if (json_is_object(at) && !slow_place_of(all, at)) {
        index_schema(all, at, base, near.draft, near.asserts);
    }
    free(base);
    return at;
}

json_t *slow_follow(struct slow_schema *all, const char *base, const char *reference, struct slow_anchor **anchor)
{
    char *uri = slow_uri_resolve(base, reference), *fragment = strchr(uri, '#');
    if (fragment) {
        *fragment++ = 0;
        decode_percents(fragment);
    }
    json_t *found = find_resource(all, uri);
    *anchor = NULL;
    if (found && fragment && *fragment == '/') {
        found = follow_pointer(all, found, fragment);
    } else if (found && fragment && *fragment) {
        struct slow_place *place = slow_place_of(all, found);
        *anchor = place ? slow_anchor_find(all, place->base, fragment) : NULL;
        found = *anchor ? (*anchor)->schema : NULL;
    }
    free(uri);
    return found;
}

json_t *slow_schema_at(struct slow_schema *all, const char *uri)
{
    struct slow_anchor *anchor;
    return slow_follow(all, "", uri, &anchor);
}

json_t *slow_pointer(json_t *value, const char *pointer)
{
    char *tokens = copy(pointer), *rest = tokens, *token = strsep(&rest, "/");
    json_t *at = *token ? NULL : value;
    while (at && (token = strsep(&rest, "/"))) {
        decode_tildes(token);
        at = step(at, token);
    }
    free(tokens);
    return at;
}
