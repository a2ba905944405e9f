/* dialect.c: the draft and the vocabularies that a "$schema" means, perhaps by way of sources that are meta-schemas. */
#include "schema/compile.h"

#include <string.h>

#include "schema/uri.h"

enum { META_DEPTH_MAX = 8 }; /* of custom meta-schemas, each described by the next */

static const char uri_2020_12[] = "https://json-schema.org/draft/2020-12/schema";
static const char uri_draft_7[] = "http://json-schema.org/draft-07/schema";
static const char uri_vocabulary[] = "https://json-schema.org/draft/2020-12/vocab/";

const struct json_value *weft__root_string(const struct json_doc *doc, const char *name)
{
    if (doc->values->kind != JSON_OBJECT) return NULL;
    const struct json_value *value = weft__json_member(doc, doc->values, name);
    return value && value->kind == JSON_STRING ? value : NULL;
}

/* --- sources by name -------------------------------------------------------------------------- */

/* The source that is known as that URI, by its $id or where it was found, the first of them; NULL. */
static const struct source *source_find(const struct compiler *c, const char *uri)
{
    const uint32_t *index = weft__namemap_find(&c->source_names, weft__name_key(c, uri), uri);
    return index ? &c->sources.items[*index] : NULL;
}

static bool source_name(struct compiler *c, const char *name, uint32_t *index)
{
    uint64_t key = weft__name_key(c, name);
    if (weft__namemap_find(&c->source_names, key, name)) return true;
    if (!weft__namemap_reserve(&c->source_names)) return weft__compile_error(c, WEFT_ENOMEM, "schema: out of memory");
    weft__namemap_add(&c->source_names, key, name, index);
    return true;
}

bool weft__source_names_add(struct compiler *c)
{
    const struct source *source = &c->sources.items[c->sources.count - 1];
    const struct json_value *id = weft__root_string(&source->doc, "$id");
    uint32_t *index = weft__compile_alloc(c, sizeof *index);
    char *text = id ? weft__compile_alloc(c, id->size_bytes + (size_t)1) : NULL;
    if (!index || (id && !text)) return false;
    *index = (uint32_t)(c->sources.count - 1);
    if (!source_name(c, source->uri, index)) return false;
    if (!id) return true;
    size_t size_bytes = weft__json_decode(&source->doc, id, text);
    text[size_bytes] = '\0';
    return strlen(text) != size_bytes || source_name(c, text, index);
}

/* --- drafts and vocabularies ------------------------------------------------------------------ */

static uint32_t vocabulary_bit(const char *uri)
{
    static const struct {
        const char *name;
        uint32_t bits;
    } rows[] = {{"core", VOCABULARY_CORE},
                {"applicator", VOCABULARY_APPLICATOR},
                {"unevaluated", VOCABULARY_UNEVALUATED},
                {"validation", VOCABULARY_VALIDATION},
                {"meta-data", VOCABULARY_META_DATA},
                {"format-annotation", VOCABULARY_FORMAT},
                {"format-assertion", VOCABULARY_FORMAT | VOCABULARY_ASSERTION},
                {"content", VOCABULARY_CONTENT}};
    size_t prefix = sizeof uri_vocabulary - 1;
    if (strncmp(uri, uri_vocabulary, prefix) != 0) return 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(uri + prefix, rows[i].name) == 0) return rows[i].bits;
    return 0;
}

/* What "$vocabulary" of a meta-schema asks for; one that is required and unknown: its URI into *unknown. */
static bool read_vocabularies(struct compiler *c, const struct json_doc *doc, uint32_t *vocabularies,
                              const char **unknown)
{
    const struct json_value *map = weft__json_member(doc, doc->values, "$vocabulary");
    *vocabularies = VOCABULARY_DEFAULT;
    if (!map || map->kind != JSON_OBJECT) return true;
    *vocabularies = VOCABULARY_CORE;
    const struct json_value *key = map + 1;
    for (uint32_t i = 0; i < map->count; i++, key = weft__json_next(doc, key + 1)) {
        char *uri = weft__compile_alloc(c, key->size_bytes + (size_t)1);
        if (!uri) return false;
        uri[weft__json_decode(doc, key, uri)] = '\0';
        uint32_t bits = vocabulary_bit(uri);
        if (!bits && key[1].kind == JSON_TRUE) *unknown = uri;
        *vocabularies |= bits;
    }
    return true;
}

bool weft__dialect_read(struct compiler *c, char *uri, struct resource *resource)
{
    const char *said = uri, *missing = NULL;
    bool outer = true;
    uint32_t vocabularies = VOCABULARY_DEFAULT;
    for (unsigned depth = 0; depth < META_DEPTH_MAX; depth++) {
        char *fragment = weft__uri_cut_fragment(uri);
        if (!fragment || !*fragment) {
            weft_draft draft = strcmp(uri, uri_2020_12) == 0 ? WEFT_DRAFT_2020_12 : WEFT_DRAFT_7;
            if (draft == WEFT_DRAFT_2020_12 || strcmp(uri, uri_draft_7) == 0) {
                resource->draft = draft;
                resource->vocabularies = draft == WEFT_DRAFT_7 ? VOCABULARY_DEFAULT : vocabularies;
                break;
            }
        }
        const struct source *meta = source_find(c, uri);
        const struct json_value *next = meta ? weft__root_string(&meta->doc, "$schema") : NULL;
        if (!next) break;
        if (outer) resource->meta = (uint32_t)(meta - c->sources.items);
        if (outer && !read_vocabularies(c, &meta->doc, &vocabularies, &missing)) return false;
        outer = false;
        uri = weft__compile_alloc(c, next->size_bytes + (size_t)1);
        if (!uri) return false;
        uri[weft__json_decode(&meta->doc, next, uri)] = '\0';
    }
    if (missing && resource->draft == WEFT_DRAFT_2020_12) {
        resource->draft = 0;
        resource->unknown =
            weft__uri_join(c, "its meta-schema requires the vocabulary \"", missing, "\", which is not known");
    } else if (!resource->draft) {
        resource->unknown =
            weft__uri_join(c, "\"$schema\" is \"", said,
                           "\", which is neither 2020-12 nor draft-07, nor a source that leads to one of them");
    }
    return !c->error;
}
