/* compile_meta.c: a meta-schema of somebody else, from the sources: it is compiled, with what describes it in turn,
 * and the schema is a document to it. */
#include "schema/compile.h"

#include "schema/sentence.h"

static bool tell(const weft_mismatch *mismatch, void *context)
{
    struct sentence *sentence = context;
    weft__say(sentence, "#%.120s: %s, as its meta-schema has it", mismatch->instance, mismatch->message);
    return false;
}

/* What else goes wrong has left its sentence. */
static bool check(struct compiler *c, const weft_schema *meta, weft_bytes json)
{
    const weft_allocator allocator = {c->mem.alloc, c->mem.free, c->mem.context};
    struct sentence sentence = {.size_bytes = 0};
    weft_validator *validator;
    c->error = weft_validator_open(&allocator, &validator);
    if (c->error) return false;
    c->error = weft_validate_all(validator, meta, json, tell, &sentence);
    weft_validator_close(validator);
    return c->error == WEFT_EMISMATCH ? weft__compile_error(c, WEFT_EINVAL, "%s", sentence.text) : !c->error;
}

/* As deep as meta-schemas describe each other, which source.c bounds. */
bool weft__meta_check(struct compiler *c, weft_bytes json)
{
    const struct resource *resource = weft__record_resource(c, 0);
    uint32_t meta = resource->meta;
    if (!meta || !resource->draft) return true; /* without a draft it is refused when it is compiled */
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
