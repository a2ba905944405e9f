/* resolve.c: from a reference to the schema that it means: a URI against the base, then a resource, then what the
 * fragment says: nothing, a JSON Pointer, an anchor. Nothing is fetched; the meta-schemas and weft's own are read when
 * somebody asks for one. */
#include "schema/compile.h"

#include <string.h>

#include "schema/builtin.h"
#include "schema/meta.h"
#include "schema/uri.h"

static const struct meta_schema *meta_find(const struct meta_schema *rows, const char *uri)
{
    for (; rows->uri; rows++)
        if (strcmp(rows->uri, uri) == 0) return rows;
    return NULL;
}

/* The library's own schemas do not count as the user's bytes, and say themselves what draft they are. */
static bool own_read(struct compiler *c, const char *uri, const char *json, uint32_t *record)
{
    size_t left = c->bytes_left;
    c->bytes_left = strlen(json);
    bool read = weft__source_add(c, (weft_bytes){json, strlen(json)}, uri, record);
    c->bytes_left = left;
    return read;
}

/* The root of a resource; PROGRAM_NONE: nobody has it. */
static bool find_resource(struct compiler *c, const char *uri, uint32_t *record)
{
    *record = weft__name_find(c, uri);
    if (*record != PROGRAM_NONE) return true;
    const struct meta_schema *meta = meta_find(weft__meta_2020_12, uri);
    if (!meta) meta = meta_find(weft__meta_draft_7, uri);
    if (meta) return own_read(c, meta->uri, meta->json, record);
    const struct builtin_schema *builtin = weft__builtin_schema(uri);
    return !builtin || own_read(c, builtin->uri, builtin->json, record);
}

/* A schema that stands where none was looked for, such as in an unknown keyword, or beside a $ref of draft-07, is one
 * from now on. *target is PROGRAM_NONE where it leads nowhere. */
static bool find_pointer(struct compiler *c, const char *pointer, uint32_t *target)
{
    const char *rest;
    const struct json_value *value = weft__pointer_walk(c, pointer, target, &rest);
    if (!value) *target = PROGRAM_NONE;
    if (!value) return !c->error;
    const struct record *at = &c->records.items[*target];
    if (!*rest && !at->ignored) return true;
    uint32_t index = (uint32_t)(value - weft__record_doc(c, *target)->values);
    if (!*rest) return weft__schema_scan(c, index, at->parent, at->token, false, target);
    return weft__schema_scan(c, index, *target, rest + 1, false, target);
}

static bool find_anchor(struct compiler *c, const char *uri, const char *anchor, uint32_t *target, const char **dynamic)
{
    char *name = weft__uri_alloc(c, strlen(uri) + strlen(anchor) + 3);
    if (!name) return false;
    char *end = stpcpy(name, uri);
    stpcpy(stpcpy(end, "##"), anchor);
    if (weft__name_find(c, name) != PROGRAM_NONE) *dynamic = anchor;
    stpcpy(end + 1, anchor);
    *target = weft__name_find(c, name);
    return true;
}

bool weft__resolve(struct compiler *c, uint32_t record, const char *keyword, const struct json_value *reference,
                   uint32_t *target, const char **anchor)
{
    const char *base = weft__record_resource(c, record)->uri;
    char *said = weft__compile_string(c, record, keyword, reference);
    char *uri = said ? weft__uri_alloc(c, strlen(base) + strlen(said) + 4) : NULL;
    if (!uri) return false;
    char *fragment = weft__uri_cut_fragment(weft__uri_resolve(uri, base, said));
    if (fragment && !weft__uri_decode(fragment))
        return weft__compile_error_at(c, WEFT_EINVAL, record, keyword, "\"%.200s\" is not a URI reference", said);
    if (!find_resource(c, uri, target)) return false;
    if (*target == PROGRAM_NONE)
        return weft__compile_error_at(c, WEFT_ENOTFOUND, record, keyword,
                                      "\"%.100s\" leads to <%.200s>, which is none of the sources", said, uri);
    *anchor = NULL;
    if (fragment && *fragment == '/') {
        if (!find_pointer(c, fragment, target)) return false;
    } else if (fragment && *fragment) {
        if (!find_anchor(c, weft__record_resource(c, *target)->uri, fragment, target, anchor)) return false;
    }
    if (*target != PROGRAM_NONE) return true;
    return weft__compile_error_at(c, WEFT_ENOTFOUND, record, keyword, "\"%.200s\" leads to no schema in %s", said,
                                  *uri ? uri : "this document");
}
