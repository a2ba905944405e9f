/* source.c: texts into documents, and a walk over each that finds its schemas: where resources begin, under which URIs
 * and anchors they are known. What is wrong with a source is told to who refers to it: a collection of schemas may well
 * hold some that this library cannot read. */
#include "schema/compile.h"

#include <stdio.h>
#include <string.h>

#include "schema/seed.h"
#include "schema/uri.h"

/* --- names ------------------------------------------------------------------------------------ */

uint64_t weft__name_key(const struct compiler *c, const char *name)
{
    return weft__json_hash(c->seed, name, strlen(name)) * UINT64_C(0x9e3779b97f4a7c15);
}

uint32_t weft__name_find(struct compiler *c, const char *name)
{
    const uint32_t *record = weft__namemap_find(&c->names, weft__name_key(c, name), name);
    return record ? *record : PROGRAM_NONE;
}

/* Who comes first keeps the name; twice in the schema itself it is a mistake. */
static bool name_add(struct compiler *c, const char *name, uint32_t record, const char *keyword)
{
    uint32_t known = weft__name_find(c, name);
    if (known == PROGRAM_NONE) {
        uint32_t *kept = weft__compile_alloc(c, sizeof *kept);
        if (!kept) return false;
        if (!weft__namemap_reserve(&c->names)) return weft__compile_error(c, WEFT_ENOMEM, "schema: out of memory");
        *kept = record;
        weft__namemap_add(&c->names, weft__name_key(c, name), name, kept);
        return true;
    }
    if (known == record || c->records.items[record].source || c->records.items[known].source) return true;
    return weft__compile_error_at(c, WEFT_EINVAL, record, keyword, "another schema is already known as \"%.200s\"",
                                  name);
}

char *weft__uri_join(struct compiler *c, const char *a, const char *b, const char *d)
{
    char *joined = weft__uri_alloc(c, strlen(a) + strlen(b) + strlen(d) + 1);
    if (joined) stpcpy(stpcpy(stpcpy(joined, a), b), d);
    return joined;
}

char *weft__compile_string(struct compiler *c, uint32_t record, const char *keyword, const struct json_value *string)
{
    char *text = weft__compile_alloc(c, string->size_bytes + (size_t)1);
    if (!text) return NULL;
    size_t size_bytes = weft__json_decode(weft__record_doc(c, record), string, text);
    text[size_bytes] = '\0';
    if (strlen(text) == size_bytes) return text;
    weft__compile_error_at(c, WEFT_EINVAL, record, keyword, "expected a string without the character U+0000");
    return NULL;
}

/* --- the walk --------------------------------------------------------------------------------- */

static size_t escape(char *to, const char *text, size_t size)
{
    char *at = to;
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '~' || text[i] == '/') {
            *at++ = '~';
            *at++ = text[i] == '~' ? '0' : '1';
        } else {
            *at++ = text[i];
        }
    }
    return (size_t)(at - to);
}

/* keyword or keyword/key or keyword/index, escaped as in a JSON Pointer. */
static const char *token_of_key(struct compiler *c, const struct json_doc *doc, const char *keyword,
                                const struct json_value *key)
{
    if (!key) return keyword;
    size_t prefix = strlen(keyword), size = key->size_bytes;
    char *token = weft__compile_alloc(c, prefix + 3 * size + 2);
    if (!token) return NULL;
    char *decoded = token + prefix + 1 + 2 * size; /* behind what it becomes at most */
    size = weft__json_decode(doc, key, decoded);
    memcpy(token, keyword, prefix);
    token[prefix] = '/';
    size = escape(token + prefix + 1, decoded, size);
    token[prefix + 1 + size] = '\0';
    return token;
}

static const char *token_of_index(struct compiler *c, const char *keyword, uint32_t index)
{
    size_t size = strlen(keyword) + 12;
    char *token = weft__compile_alloc(c, size);
    if (token) (void)snprintf(token, size, "%s/%u", keyword, index);
    return token;
}

static bool resource_add(struct compiler *c, const char *uri, uint32_t record, const struct resource *like,
                         const struct json_value *schema)
{
    struct resource resource = *like, *added = LIST_ADD(c, &c->resources);
    if (!added) return false;
    resource.uri = uri;
    resource.record = record;
    resource.anchors = 0;
    resource.entered = false;
    *added = resource;
    c->records.items[record].resource = (uint32_t)(c->resources.count - 1);
    if (schema && schema->kind == JSON_STRING) {
        char *said = weft__compile_string(c, record, "$schema", schema);
        resource.draft = 0;
        resource.meta = 0;
        if (!said || !weft__dialect_read(c, said, &resource)) return false;
        c->resources.items[c->resources.count - 1] = resource;
    }
    return name_add(c, uri, record, "$id");
}

static bool anchor_add(struct compiler *c, uint32_t record, const char *keyword, const char *anchor)
{
    const char *name = weft__uri_join(c, weft__record_resource(c, record)->uri, "#", anchor);
    return name && name_add(c, name, record, keyword);
}

/* "$id": a new resource, and in draft-07 perhaps an anchor, or only that. */
static bool read_id(struct compiler *c, uint32_t record, const struct json_value *id, const struct json_value *schema)
{
    struct resource outer = *weft__record_resource(c, record);
    char *said = weft__compile_string(c, record, "$id", id);
    char *uri = said ? weft__uri_alloc(c, strlen(said) + strlen(outer.uri) + 4) : NULL;
    if (!uri) return false;
    const char *anchor = weft__uri_cut_fragment(weft__uri_resolve(uri, outer.uri, said));
    bool anchored = anchor && *anchor, only = *said == '#' || !*said || (anchored && strcmp(uri, outer.uri) == 0);
    if (!only && !resource_add(c, uri, record, &outer, schema)) return false;
    if (!only) c->records.items[record].parent = PROGRAM_NONE;
    return !anchored || anchor_add(c, record, "$id", anchor);
}

static bool read_anchor(struct compiler *c, uint32_t record, const char *keyword, const struct json_value *value)
{
    if (!value || value->kind != JSON_STRING) return true;
    const char *name = weft__compile_string(c, record, keyword, value);
    return name && anchor_add(c, record, keyword, name);
}

static bool read_dynamic_anchor(struct compiler *c, uint32_t record, const struct json_value *value)
{
    if (!value || value->kind != JSON_STRING) return true;
    const char *name = weft__compile_string(c, record, "$dynamicAnchor", value);
    if (!name || !anchor_add(c, record, "$dynamicAnchor", name)) return false;
    if (!weft__dynamic_anchor_add(c, record, name)) return false;
    name = weft__uri_join(c, weft__record_resource(c, record)->uri, "##", name);
    return name && name_add(c, name, record, "$dynamicAnchor");
}

/* Members of a schema that say who it is. */
struct identity {
    const struct json_value *id, *schema, *ref, *anchor, *dynamic_anchor;
};

static struct identity read_identity(const struct json_doc *doc, const struct json_value *object)
{
    struct identity identity = {0};
    struct {
        const char *name;
        const struct json_value **value;
    } rows[] = {{"$id", &identity.id},
                {"$schema", &identity.schema},
                {"$ref", &identity.ref},
                {"$anchor", &identity.anchor},
                {"$dynamicAnchor", &identity.dynamic_anchor}};
    const struct json_value *key = object + 1;
    for (uint32_t i = 0; i < object->count; i++, key = weft__json_next(doc, key + 1)) {
        if (!(key->flags & JSON_ESCAPED) && (!key->size_bytes || *weft__json_raw(doc, key) != '$')) continue;
        for (size_t row = 0; row < sizeof rows / sizeof *rows; row++)
            if (weft__json_is(doc, key, rows[row].name, strlen(rows[row].name))) *rows[row].value = key + 1;
    }
    return identity;
}

/* *ignored: what stands beside a $ref of draft-07, $id included, is not looked at. */
static bool identify(struct compiler *c, uint32_t record, bool *ignored)
{
    const struct json_doc *doc = weft__record_doc(c, record);
    struct identity identity = read_identity(doc, weft__record_value(c, record));
    bool whole = c->records.items[record].value == 0;
    *ignored = identity.ref && weft__record_resource(c, record)->draft == WEFT_DRAFT_7;
    if (*ignored) return true;
    if (identity.id && identity.id->kind == JSON_STRING &&
        !read_id(c, record, identity.id, whole ? NULL : identity.schema))
        return false;
    if (weft__record_resource(c, record)->draft != WEFT_DRAFT_2020_12) return true;
    return read_anchor(c, record, "$anchor", identity.anchor) &&
           read_dynamic_anchor(c, record, identity.dynamic_anchor);
}

static bool scan_child(struct compiler *c, uint32_t parent, const struct json_value *value, const char *token,
                       bool ignored)
{
    if (value->kind != JSON_OBJECT && value->kind != JSON_TRUE && value->kind != JSON_FALSE) return true;
    uint32_t index = (uint32_t)(value - weft__record_doc(c, parent)->values), child;
    return token && weft__schema_scan(c, index, parent, token, ignored, &child);
}

static bool scan_array(struct compiler *c, uint32_t record, const char *keyword, const struct json_value *array,
                       bool ignored)
{
    const struct json_doc *doc = weft__record_doc(c, record); /* no source is added meanwhile */
    const struct json_value *value = array + 1;
    for (uint32_t i = 0; i < array->count; i++, value = weft__json_next(doc, value))
        if (!scan_child(c, record, value, token_of_index(c, keyword, i), ignored)) return false;
    return true;
}

static bool scan_map(struct compiler *c, uint32_t record, const char *keyword, const struct json_value *map,
                     bool ignored)
{
    const struct json_doc *doc = weft__record_doc(c, record); /* no source is added meanwhile */
    const struct json_value *key = map + 1;
    for (uint32_t i = 0; i < map->count; i++, key = weft__json_next(doc, key + 1))
        if (!scan_child(c, record, key + 1, token_of_key(c, doc, keyword, key), ignored)) return false;
    return true;
}

static bool scan_keyword(struct compiler *c, uint32_t record, const struct keyword_row *row,
                         const struct json_value *value, bool ignored)
{
    switch ((enum shape)row->shape) {
    case SHAPE_SCHEMA: return scan_child(c, record, value, row->name, ignored);
    case SHAPE_SCHEMAS: return value->kind != JSON_ARRAY || scan_array(c, record, row->name, value, ignored);
    case SHAPE_SCHEMA_OR_SCHEMAS:
        if (value->kind == JSON_ARRAY) return scan_array(c, record, row->name, value, ignored);
        return scan_child(c, record, value, row->name, ignored);
    case SHAPE_SCHEMA_MAP:
    case SHAPE_DEPENDENCIES: return value->kind != JSON_OBJECT || scan_map(c, record, row->name, value, ignored);
    default: return true;
    }
}

/* A reader who does not know the draft cannot tell what in it is a schema. */
static bool scan_object(struct compiler *c, uint32_t record)
{
    bool ignored = c->records.items[record].ignored;
    if (!ignored && !identify(c, record, &ignored)) return false;
    const struct resource resource = *weft__record_resource(c, record);
    if (!resource.draft) return true;
    const struct json_value *object = weft__record_value(c, record), *key = object + 1;
    const struct json_doc *doc = weft__record_doc(c, record);
    for (uint32_t i = 0; i < object->count; i++, key = weft__json_next(doc, key + 1)) {
        const struct keyword_row *row =
            weft__keyword_find(&c->keywords, doc, key, resource.draft, resource.vocabularies);
        if (!scan_keyword(c, record, row, key + 1, ignored)) return false;
    }
    return true;
}

static bool record_at(struct compiler *c, uint32_t source, uint32_t value, uint32_t *record)
{
    uint32_t *at = &c->sources.items[source].records[value];
    if (!*at) {
        if (!LIST_ADD(c, &c->records)) return false;
        *at = (uint32_t)c->records.count;
    }
    *record = *at - 1;
    c->records.items[*record] = (struct record){
        .source = source, .value = value, .parent = PROGRAM_NONE, .node = NODE_NONE, .place = PROGRAM_NONE};
    return true;
}

bool weft__schema_scan(struct compiler *c, uint32_t value, uint32_t parent, const char *token, bool ignored,
                       uint32_t *record)
{
    if (!record_at(c, c->records.items[parent].source, value, record)) return false;
    struct record *added = &c->records.items[*record];
    added->parent = parent;
    added->token = token;
    added->resource = c->records.items[parent].resource;
    added->ignored = ignored;
    return weft__record_value(c, *record)->kind != JSON_OBJECT || scan_object(c, *record);
}

/* --- sources ---------------------------------------------------------------------------------- */

static bool parse(struct compiler *c, struct source *source, weft_bytes json)
{
    struct json_limits limits = {.size_bytes_max = (uint32_t)c->bytes_left, .depth_max = c->options->depth_max};
    struct json_fault fault = {0};
    const char *name = *source->uri ? source->uri : "the schema";
    weft_error error =
        weft__json_parse(&source->parser, json.data ? json.data : "", json.size, &limits, &source->doc, &fault);
    if (error == WEFT_ENOMEM) return weft__compile_error(c, error, "schema: out of memory");
    if (error) return weft__compile_error(c, error, "%.200s: byte %u: %s", name, fault.at, fault.sentence);
    c->bytes_left -= json.size;
    source->records = weft__compile_alloc(c, source->doc.count * sizeof *source->records);
    if (source->records) memset(source->records, 0, source->doc.count * sizeof *source->records);
    return source->records;
}

static bool source_parse(struct compiler *c, weft_bytes json, const char *uri)
{
    struct source *source = LIST_ADD(c, &c->sources);
    if (!source) return false;
    *source = (struct source){0};
    weft__json_parser_init(&source->parser, &c->mem, c->seed);
    char *base = weft__compile_alloc(c, strlen(uri) + 4);
    if (!base) return false;
    weft__uri_cut_fragment(weft__uri_resolve(base, "", uri));
    source->uri = base;
    if (!parse(c, source, json)) return false;
    return c->sources.count == 1 || weft__source_names_add(c);
}

/* Its root, and the walk from there. */
static bool source_scan(struct compiler *c, uint32_t source, uint32_t *record)
{
    if (!record_at(c, source, 0, record)) return false;
    const struct json_doc *doc = weft__record_doc(c, *record);
    struct resource resource = {.draft = c->draft, .vocabularies = VOCABULARY_DEFAULT};
    if (!resource_add(c, c->sources.items[source].uri, *record, &resource, weft__root_string(doc, "$schema")))
        return false;
    if (source == 0 && weft__record_resource(c, *record)->draft) c->draft = weft__record_resource(c, *record)->draft;
    return doc->values->kind != JSON_OBJECT || scan_object(c, *record);
}

bool weft__source_add(struct compiler *c, weft_bytes json, const char *uri, uint32_t *record)
{
    return source_parse(c, json, uri) && source_scan(c, (uint32_t)(c->sources.count - 1), record);
}

bool weft__sources_read(struct compiler *c, weft_bytes json)
{
    const weft_schema_options *o = c->options;
    if (!source_parse(c, json, o->uri ? o->uri : "")) return false;
    for (size_t i = 0; i < o->sources_count; i++)
        if (!source_parse(c, o->sources[i].json, o->sources[i].uri)) return false;
    uint32_t record;
    for (uint32_t i = 0; i <= o->sources_count; i++)
        if (!source_scan(c, i, &record)) return false;
    return true;
}
