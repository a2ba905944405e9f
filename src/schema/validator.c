/* validator.c: the edge of weft/schema.h: validators. */
#include "schema/validate.h"

#include "api/error.h"
#include "schema/seed.h"

weft_error weft_validator_open(const weft_allocator *allocator, weft_validator **validator)
{
    if (!validator) return weft__error_null("validator", "validator");
    if (allocator && (!allocator->alloc || !allocator->free))
        return weft__error(WEFT_EINVAL, "validator: the allocator's %s is NULL", !allocator->alloc ? "alloc" : "free");
    struct mem mem = weft__mem_libc;
    if (allocator) mem = (struct mem){allocator->alloc, allocator->free, allocator->context};
    weft_validator *made = weft__mem_zalloc(&mem, sizeof *made);
    if (!made) return weft__error_plain(WEFT_ENOMEM, "validator");
    made->mem = mem;
    weft__json_parser_init(&made->parser, &made->mem, weft__schema_seed());
    made->regex = weft__regex_scratch_new(&made->mem);
    if (!made->regex) {
        weft_validator_close(made);
        return weft__error_plain(WEFT_ENOMEM, "validator");
    }
    *validator = made;
    return WEFT_OK;
}

void weft_validator_close(weft_validator *validator)
{
    if (!validator) return;
    struct mem mem = validator->mem;
    weft__json_parser_fini(&validator->parser);
    weft__regex_scratch_free(validator->regex);
    weft__mem_free(&mem, validator->text.items);
    weft__mem_free(&mem, validator->marks.items);
    weft__mem_free(&mem, validator->scope.items);
    weft__mem_free(&mem, validator->unique.items);
    weft__mem_free(&mem, validator->path.items);
    weft__mem_free(&mem, validator->pointer.items);
    weft__mem_free(&mem, validator->place.items);
    weft__mem_free(&mem, validator);
}

static weft_error parse(weft_validator *validator, const weft_schema *schema, weft_bytes json, struct json_doc *doc)
{
    const struct json_limits limits = {.size_bytes_max = schema->document_bytes_max,
                                       .depth_max = schema->depth_max,
                                       .duplicate_keys = schema->duplicate_keys};
    struct json_fault fault;
    weft_error error =
        weft__json_parse(&validator->parser, json.data ? json.data : "", json.size, &limits, doc, &fault);
    if (!error) return WEFT_OK;
    if (error == WEFT_ENOMEM) return weft__error_plain(error, "validate");
    return weft__error(error, "the document: byte %u: %s", fault.at, fault.sentence);
}

static weft_error validate(weft_validator *validator, const weft_schema *schema, weft_bytes json,
                           bool (*found)(const weft_mismatch *mismatch, void *context), void *context)
{
    struct json_doc doc;
    weft_error error = parse(validator, schema, json, &doc);
    if (error) return error;
    struct run run = {.program = &schema->program,
                      .doc = &doc,
                      .validator = validator,
                      .steps = schema->steps_max,
                      .steps_max = schema->steps_max,
                      .regex_budget = schema->steps_max,
                      .depth = 4 * schema->depth_max,
                      .first = !found,
                      .marks = MARKS_NONE,
                      .resource = PROGRAM_NONE,
                      .found = found,
                      .context = context};
    if (weft__run(&run, 0, doc.values)) return WEFT_OK;
    return run.stop ? run.stop : WEFT_EMISMATCH;
}

weft_error weft_validate(weft_validator *validator, const weft_schema *schema, weft_bytes json)
{
    if (!validator) return weft__error_null("validate", "validator");
    if (!schema) return weft__error_null("validate", "schema");
    if (!json.data && json.size) return weft__error_null("validate", "json");
    return validate(validator, schema, json, NULL, NULL);
}

weft_error weft_validate_all(weft_validator *validator, const weft_schema *schema, weft_bytes json,
                             bool (*found)(const weft_mismatch *mismatch, void *context), void *context)
{
    if (!validator) return weft__error_null("validate_all", "validator");
    if (!schema) return weft__error_null("validate_all", "schema");
    if (!found) return weft__error_null("validate_all", "found");
    if (!json.data && json.size) return weft__error_null("validate_all", "json");
    weft_error error = validate(validator, schema, json, found, context);
    if (error == WEFT_EMISMATCH) weft__error(error, "the document does not match its schema");
    return error;
}
