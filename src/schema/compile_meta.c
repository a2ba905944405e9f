/* compile_meta.c: a meta-schema of somebody else, from the sources: it is compiled, with what describes it in turn, and the
 * schema is a document to it. */
#include "schema/compile.h"

#include "api/error.h"

static bool tell(const weft_mismatch *mismatch, void *context)
{
    struct compiler *c = context;
    weft__compile_error(c, WEFT_EINVAL, "#%.120s: %s, as its meta-schema has it", mismatch->instance,
                        mismatch->message);
    return false;
}

/* The sentences are theirs. */
static bool check(struct compiler *c, const weft_schema *meta, weft_bytes json)
{
    const weft_allocator allocator = {c->mem.alloc, c->mem.free, c->mem.context};
    weft_validator *validator;
    weft_error error = weft_validator_open(&allocator, &validator);
    if (error) return c->error = error, false;
    error = weft_validate_all(validator, meta, json, tell, c);
    weft_validator_close(validator);
    if (error && !c->error) c->error = error;
    return !c->error;
}

/* As deep as meta-schemas describe each other, which source.c bounds. */
bool weft__meta_check(struct compiler *c, weft_bytes json)
{
    uint32_t meta = c->resources.items[c->records.items[0].resource].meta;
    if (!meta) return true;
    weft_schema_options options = *c->options;
    weft_schema *schema;
    options.uri = options.sources[meta - 1].uri;
    options.assert_formats = false;
    c->error = weft_schema_compile(options.sources[meta - 1].json, &options, &schema);
    if (c->error) return false;
    bool matches = check(c, schema, json);
    weft_schema_release(schema);
    return matches;
}
