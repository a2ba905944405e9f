/* A schema and a document: the first line, and the rest. A schema compiles or is refused with a sentence; validation
 * stops within its bounds, gives the same answer in both ways, and each mismatch names a place that the document
 * has. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <weft/schema.h>

#include "schema/json.h"

static const char other[] =
    "{\"$id\":\"http://x/o\",\"$dynamicAnchor\":\"a\",\"$defs\":{\"b\":{\"$anchor\":\"b\",\"items\":{"
    "\"$dynamicRef\":\"#a\"}}},\"properties\":{\"a\":{\"$ref\":\"r\"}}}";
static const char mine[] = "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"$vocabulary\":{"
                           "\"https://json-schema.org/draft/2020-12/vocab/core\":true,"
                           "\"https://json-schema.org/draft/2020-12/vocab/format-assertion\":true}}";

struct told {
    struct json_doc doc;
    unsigned count;
};

static bool index_of(const char *token, size_t size, uint32_t *index)
{
    *index = 0;
    for (size_t i = 0; i < size; i++) {
        if (token[i] < '0' || token[i] > '9') return false;
        *index = *index * 10 + (uint32_t)(token[i] - '0');
    }
    return size > 0;
}

static char *unescape(const char *token, size_t size)
{
    char *text = malloc(size + 1), *to = text;
    for (size_t i = 0; i < size; i++) {
        if (token[i] == '~')
            *to++ = token[++i] == '0' ? '~' : '/';
        else
            *to++ = token[i];
    }
    *to = '\0';
    return text;
}

static const struct json_value *child(const struct json_doc *doc, const struct json_value *value, const char *token,
                                      size_t size)
{
    uint32_t index;
    if (value->kind == JSON_OBJECT) {
        char *name = unescape(token, size);
        const struct json_value *member = weft__json_member(doc, value, name);
        free(name);
        return member;
    }
    if (value->kind != JSON_ARRAY || !index_of(token, size, &index) || index >= value->count) return NULL;
    const struct json_value *item = value + 1;
    while (index--)
        item = weft__json_next(doc, item);
    return item;
}

/* A name with a NUL in it does not fit in a pointer's text. */
static bool told(const weft_mismatch *mismatch, void *context)
{
    struct told *t = context;
    const struct json_value *value = t->doc.values;
    for (const char *at = mismatch->instance; value && *at;) {
        size_t size = strcspn(++at, "/");
        value = child(&t->doc, value, at, size);
        at += size;
    }
    if (!value && !strstr(t->doc.text, "\\u0000")) abort();
    if (!*mismatch->message || !strchr(mismatch->schema, '#')) abort();
    return ++t->count < 1000;
}

static void validate(weft_validator *validator, const weft_schema *schema, const char *text, size_t size)
{
    static struct json_parser parser;
    static const struct json_limits limits = {.size_bytes_max = 1 << 20, .depth_max = 1024};
    struct told t = {.count = 0};
    struct json_fault fault;
    char *copy = malloc(size + 1); /* an overread faults, a search for a terminator does not */
    memcpy(copy, text, size);
    copy[size] = '\0';
    weft_bytes json = {copy, size};
    weft_error first = weft_validate(validator, schema, json);
    if (!parser.mem) weft__json_parser_init(&parser, &weft__mem_libc, 1);
    if (first != WEFT_EINVAL && weft__json_parse(&parser, copy, size, &limits, &t.doc, &fault) == WEFT_OK) {
        weft_error all = weft_validate_all(validator, schema, json, told, &t);
        if (first == WEFT_OK && all != WEFT_OK) abort();
        if (first == WEFT_EMISMATCH && all != WEFT_EMISMATCH && all != WEFT_ELIMIT) abort();
        if (all == WEFT_EMISMATCH && !t.count) abort();
    }
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static weft_validator *validator;
    const weft_schema_source sources[] = {{"http://x/o", {other, sizeof other - 1}},
                                          {"http://x/m", {mine, sizeof mine - 1}}};
    weft_schema_options options = WEFT_SCHEMA_OPTIONS;
    const uint8_t *end = memchr(data, '\n', size);
    weft_schema *schema;
    if (!end) return 0;
    if (!validator && weft_validator_open(NULL, &validator)) abort();
    options.uri = "http://x/r";
    options.sources = sources;
    options.sources_count = 2;
    options.steps_max = 100000;
    options.draft = size % 2 ? WEFT_DRAFT_2020_12 : WEFT_DRAFT_7;
    options.assert_formats = size % 3 == 0;
    weft_error error = weft_schema_compile((weft_bytes){data, (size_t)(end - data)}, &options, &schema);
    if (error) {
        if (error == WEFT_ENOMEM || !*weft_error_message()) abort();
        return 0;
    }
    validate(validator, schema, (const char *)end + 1, size - (size_t)(end - data) - 1);
    weft_schema_release(schema);
    return 0;
}
