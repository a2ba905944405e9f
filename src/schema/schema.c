/* schema.c: the edge of weft/schema.h: schemas. */
#include "schema/compile.h"

#include <stdatomic.h>
#include <string.h>

#include "api/error.h"
#include "schema/origin.h"
#include "schema/seed.h"
#include "schema/uri.h"

static weft_error check_source(const weft_schema_source *source)
{
    if (!source->uri || !*source->uri) return weft__error(WEFT_EINVAL, "schema: a source has no URI");
    if (!weft__uri_is_absolute(source->uri))
        return weft__error(WEFT_EINVAL, "schema: the URI of a source, \"%.200s\", is not absolute", source->uri);
    const char *fragment = strchr(source->uri, '#');
    if (fragment && fragment[1])
        return weft__error(WEFT_EINVAL, "schema: the URI of a source, \"%.200s\", has a fragment", source->uri);
    if (!source->json.data && source->json.size)
        return weft__error(WEFT_EINVAL, "schema: the source %.200s is NULL", source->uri);
    return WEFT_OK;
}

static weft_error check_options(const weft_schema_options *o)
{
    if (o->version != 1)
        return weft__error(WEFT_EINVAL, "schema: options.version is not 1: initialise them with WEFT_SCHEMA_OPTIONS");
    if (o->draft != WEFT_DRAFT_2020_12 && o->draft != WEFT_DRAFT_7)
        return weft__error(WEFT_EINVAL, "schema: options.draft is not WEFT_DRAFT_2020_12 or WEFT_DRAFT_7");
    if (o->depth_max < 1 || o->depth_max > JSON_DEPTH_MAX)
        return weft__error(WEFT_EINVAL, "schema: options.depth_max is not 1 to %d", JSON_DEPTH_MAX);
    if (o->schema_bytes_max < 1 || o->schema_bytes_max > 1u << 28 || o->document_bytes_max < 1 || o->steps_max < 1)
        return weft__error(WEFT_EINVAL, "schema: a bound of the options is 0, or schema_bytes_max more than %u",
                           1u << 28);
    if (o->allocator && (!o->allocator->alloc || !o->allocator->free))
        return weft__error(WEFT_EINVAL, "schema: the allocator's %s is NULL", !o->allocator->alloc ? "alloc" : "free");
    if (!o->sources && o->sources_count) return weft__error(WEFT_EINVAL, "schema: options.sources is NULL");
    for (size_t i = 0; i < o->sources_count; i++) {
        weft_error error = check_source(&o->sources[i]);
        if (error) return error;
    }
    return WEFT_OK;
}

enum { URI_BYTES_MIN = 16 << 20, URI_BYTES_EACH = 64 };

/* What URIs may take together, by the size of all texts. */
static size_t uri_bytes_max(weft_bytes json, const weft_schema_options *options)
{
    size_t size_bytes = json.size;
    for (size_t i = 0; i < options->sources_count && size_bytes < options->schema_bytes_max; i++)
        size_bytes += options->sources[i].json.size;
    if (size_bytes > options->schema_bytes_max) size_bytes = options->schema_bytes_max;
    return URI_BYTES_MIN + URI_BYTES_EACH * size_bytes;
}

static void compiler_init(struct compiler *c, const weft_schema_options *options)
{
    const weft_allocator *allocator = options->allocator;
    *c = (struct compiler){.mem = weft__mem_libc,
                           .options = options,
                           .seed = weft__schema_seed(),
                           .draft = options->draft,
                           .bytes_left = options->schema_bytes_max};
    if (allocator) c->mem = (struct mem){allocator->alloc, allocator->free, allocator->context};
    weft__arena_init(&c->arena, &c->mem);
    weft__namemap_init(&c->names, &c->mem);
    weft__namemap_init(&c->source_names, &c->mem);
    weft__namemap_init(&c->dynamics, &c->mem);
    weft__keyword_table_init(&c->keywords, c->seed);
}

static void compiler_fini(struct compiler *c)
{
    for (size_t i = 0; i < c->sources.count; i++)
        weft__json_parser_fini(&c->sources.items[i].parser);
    for (size_t i = 0; i < c->regexes.count; i++)
        weft__regex_free(c->regexes.items[i].regex);
    weft__namemap_fini(&c->names);
    weft__namemap_fini(&c->source_names);
    weft__namemap_fini(&c->dynamics);
    weft__arena_fini(&c->arena);
}

static size_t text_bytes(const char *text)
{
    return text ? strlen(text) + 1 : 0;
}

static const void *copy(char **to, const void *from, size_t size)
{
    if (!from) return NULL;
    char *begin = *to;
    if (size) memcpy(begin, from, size);
    *to += size;
    return begin;
}

/* In one block, which goes with the schema. NULL: out of memory. */
static struct schema_origin *origin_new(const struct mem *mem, weft_bytes json, const weft_schema_options *o)
{
    size_t size = sizeof(struct schema_origin) + o->sources_count * sizeof(weft_schema_source);
    size_t texts = json.size + text_bytes(o->uri);
    for (size_t i = 0; i < o->sources_count; i++)
        texts += text_bytes(o->sources[i].uri) + o->sources[i].json.size;
    struct schema_origin *origin = weft__mem_alloc(mem, size + texts);
    if (!origin) return NULL;
    weft_schema_source *sources = (weft_schema_source *)(origin + 1);
    char *to = (char *)origin + size;
    origin->options = *o;
    origin->options.allocator = NULL;
    origin->options.sources = sources;
    origin->options.uri = copy(&to, o->uri, text_bytes(o->uri));
    origin->json = (weft_bytes){copy(&to, json.data, json.size), json.size};
    for (size_t i = 0; i < o->sources_count; i++) {
        const weft_schema_source *source = &o->sources[i];
        sources[i].uri = copy(&to, source->uri, text_bytes(source->uri));
        sources[i].json = (weft_bytes){copy(&to, source->json.data, source->json.size), source->json.size};
    }
    return origin;
}

/* In the end: with what it was compiled from. */
static void finish(struct compiler *c, weft_bytes json, struct weft_schema **schema)
{
    struct weft_schema *made;
    struct schema_origin *origin = origin_new(&c->mem, json, c->options);
    if (!origin) {
        (void)weft__compile_error(c, WEFT_ENOMEM, "schema: out of memory");
    } else if (!weft__compile_finish(c, &made)) {
        weft__mem_free(&c->mem, origin);
    } else {
        made->origin = origin;
        *schema = made;
    }
}

weft_error weft_schema_compile(weft_bytes json, const weft_schema_options *options, weft_schema **schema)
{
    static const weft_schema_options defaults = WEFT_SCHEMA_OPTIONS;
    if (!schema) return weft__error_null("schema", "schema");
    if (!json.data && json.size) return weft__error_null("schema", "json");
    if (!options) options = &defaults;
    weft_error error = check_options(options);
    if (error) return error;
    struct compiler c;
    compiler_init(&c, options);
    c.uri_bytes_left = uri_bytes_max(json, options);
    if (weft__sources_read(&c, json) && weft__meta_check(&c, json) && weft__compile(&c)) finish(&c, json, schema);
    compiler_fini(&c);
    return c.error;
}

weft_schema *weft_schema_hold(weft_schema *schema)
{
    if (schema) atomic_fetch_add_explicit(&schema->references, 1, memory_order_relaxed);
    return schema;
}

void weft_schema_release(weft_schema *schema)
{
    if (!schema || atomic_fetch_sub_explicit(&schema->references, 1, memory_order_acq_rel) != 1) return;
    struct mem mem = schema->mem;
    for (uint32_t i = 0; i < schema->program.regexes_count; i++)
        weft__regex_free(schema->program.regexes[i].regex);
    weft__mem_free(&mem, schema->origin);
    weft__mem_free(&mem, schema);
}

const struct schema_origin *weft__schema_origin(const weft_schema *schema)
{
    return schema->origin;
}

weft_error weft_schema_id(const weft_schema *schema, uint8_t id[WEFT_SCHEMA_ID_BYTES])
{
    if (!schema) return weft__error_null("schema_id", "schema");
    if (!id) return weft__error_null("schema_id", "id");
    if (!schema->has_id)
        return weft__error(WEFT_EUNSUPPORTED,
                           "schema_id: the number at byte %u has no canonical form: no double has that value",
                           schema->id_fault);
    memcpy(id, schema->id, sizeof schema->id);
    return WEFT_OK;
}
