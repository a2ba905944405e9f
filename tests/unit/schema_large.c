/* Large schemas. Promises:
 *   - who writes a schema cannot make it compile much longer than its size asks for
 *   - nor take much more memory by long URIs
 *   - a value is looked up in a long enum
 *   - references into large objects and arrays lead where they should */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <weft/schema.h>

#include "lib/check.h"

/* Some ten times what it takes under a sanitizer, and a fraction of what a square of the size would. */
enum { SECONDS_MAX = 4 };

/* A text that is being written. */
struct text {
    FILE *file;
    char *at;
    size_t size;
};

static void begin(struct text *text)
{
    text->file = open_memstream(&text->at, &text->size);
    check_true(text->file != NULL);
}

static weft_bytes end(struct text *text)
{
    check_eq(fclose(text->file), 0);
    return (weft_bytes){text->at, text->size};
}

static weft_error compile(weft_bytes json, const weft_schema_source *sources, size_t count, weft_schema **schema)
{
    weft_schema_options options = WEFT_SCHEMA_OPTIONS;
    options.schema_bytes_max = 16 << 20;
    options.sources = sources;
    options.sources_count = count;
    clock_t before = clock();
    weft_error error = weft_schema_compile(json, &options, schema);
    check_true((clock() - before) / CLOCKS_PER_SEC < SECONDS_MAX);
    if (error) fprintf(stderr, "%s\n", weft_error_message());
    return error;
}

static void check_valid(const weft_schema *schema, const char *document, weft_error error)
{
    weft_validator *validator;
    check_ok(weft_validator_open(NULL, &validator));
    check_err(weft_validate(validator, schema, weft_text(document)), error);
    weft_validator_close(validator);
}

/* --- dynamic references ----------------------------------------------------------------------- */

/* Each anchor is found only when the one before it is compiled. */
static void dynamic_anchors_that_lead_to_each_other_compile_in_time(void **state)
{
    (void)state;
    enum { COUNT = 1200 };
    struct text base, extension;
    begin(&base);
    begin(&extension);
    fputs("{\"$id\":\"http://x/base\",\"$defs\":{\"d\":true", base.file);
    fputs("{\"$id\":\"http://x/extension\",\"$defs\":{\"d\":{\"$dynamicRef\":\"base#n0\"}", extension.file);
    for (int i = 0; i <= COUNT; i++)
        fprintf(base.file, ",\"d%d\":{\"$dynamicAnchor\":\"n%d\"}", i, i);
    for (int i = 0; i < COUNT; i++)
        fprintf(extension.file, ",\"d%d\":{\"$dynamicAnchor\":\"n%d\",\"items\":{\"$dynamicRef\":\"base#n%d\"}}", i, i,
                i + 1);
    fprintf(extension.file, ",\"last\":{\"$dynamicAnchor\":\"n%d\",\"type\":\"null\"}}}", COUNT);
    fputs("}}", base.file);
    weft_schema_source sources[] = {{"http://x/base", end(&base)}, {"http://x/extension", end(&extension)}};
    weft_schema *schema;
    check_ok(compile(weft_text("{\"$id\":\"http://x/r\",\"$ref\":\"extension#/$defs/d\"}"), sources, 2, &schema));
    check_valid(schema, "[[[[7]]]]", WEFT_OK);
    weft_schema_release(schema);
    check_ok(compile(weft_text("{\"$ref\":\"http://x/extension#/$defs/d1199\"}"), sources, 2, &schema));
    check_valid(schema, "[null]", WEFT_OK);
    check_valid(schema, "[7]", WEFT_EMISMATCH);
    weft_schema_release(schema);
    free(base.at);
    free(extension.at);
}

static void many_dynamic_names_compile_in_time(void **state)
{
    (void)state;
    enum { COUNT = 25000 };
    struct text text;
    begin(&text);
    weft_schema *schema;
    fputs("{\"$id\":\"http://x/r\",\"$defs\":{\"d\":true", text.file);
    for (int i = 0; i < COUNT; i++)
        fprintf(text.file, ",\"d%d\":{\"$dynamicAnchor\":\"n%d\",\"minimum\":%d}", i, i, i);
    fputs("},\"prefixItems\":[true", text.file);
    for (int i = 0; i < COUNT; i++)
        fprintf(text.file, ",{\"$dynamicRef\":\"#n%d\"}", i);
    fputs("]}", text.file);
    check_ok(compile(end(&text), NULL, 0, &schema));
    check_valid(schema, "[0,0,1,2]", WEFT_OK);
    check_valid(schema, "[0,0,1,1]", WEFT_EMISMATCH);
    weft_schema_release(schema);
    free(text.at);
}

/* --- pointers --------------------------------------------------------------------------------- */

static void many_pointers_into_a_large_object_compile_in_time(void **state)
{
    (void)state;
    enum { COUNT = 40000 };
    struct text text;
    begin(&text);
    weft_schema *schema;
    fputs("{\"$defs\":{\"d\":true", text.file);
    for (int i = 0; i < COUNT; i++)
        fprintf(text.file, ",\"d%d\":{\"minimum\":%d}", i, i);
    fputs("},\"prefixItems\":[true", text.file);
    for (int i = 0; i < COUNT; i++)
        fprintf(text.file, ",{\"$ref\":\"#/$defs/d%d\"}", i);
    fputs("],\"oneOf\":[true", text.file);
    for (int i = COUNT; i > 0; i--)
        fprintf(text.file, ",{\"$ref\":\"#/prefixItems/%d\"}", i);
    fputs("]}", text.file);
    check_ok(compile(end(&text), NULL, 0, &schema));
    weft_schema_release(schema);
    free(text.at);
}

static void pointers_find_each_member_and_element(void **state)
{
    (void)state;
    weft_schema *schema;
    for (int count = 1; count <= 40; count++) {
        for (int i = 0; i <= count; i++) {
            struct text text;
            begin(&text);
            fputs("{\"x\":{\"z\":0", text.file);
            for (int k = 1; k <= count; k++)
                fprintf(text.file, ",\"\\u0064/%d~\":{\"const\":%d}", k, k);
            fputs("},\"y\":[0", text.file);
            for (int k = 1; k <= count; k++)
                fprintf(text.file, ",{\"const\":%d}", k);
            fprintf(text.file, "],\"prefixItems\":[{\"$ref\":\"#/x/d~1%d~0\"},{\"$ref\":\"#/y/%d\"}]}", i + 1, i + 1);
            weft_error error = weft_schema_compile(end(&text), NULL, &schema);
            check_err(error, i == count ? WEFT_ENOTFOUND : WEFT_OK);
            if (!error) {
                char document[32];
                snprintf(document, sizeof document, "[%d,%d]", i + 1, i + 1);
                check_valid(schema, document, WEFT_OK);
                check_valid(schema, "[0]", WEFT_EMISMATCH);
                snprintf(document, sizeof document, "[%d,0]", i + 1);
                check_valid(schema, document, WEFT_EMISMATCH);
                weft_schema_release(schema);
            }
            free(text.at);
        }
    }
}

/* --- URIs ------------------------------------------------------------------------------------- */

static void a_long_base_uri_is_not_written_for_ever(void **state)
{
    (void)state;
    enum { BASE_BYTES = 500000, COUNT = 10000 };
    static const char *const keywords[] = {"{\"$ref\":\"#/allOf/", "{\"$id\":\"", "{\"$anchor\":\"a"};
    for (size_t row = 0; row < sizeof keywords / sizeof *keywords; row++) {
        struct text text;
        weft_schema *schema;
        begin(&text);
        fputs("{\"$id\":\"http://x/", text.file);
        for (int i = 0; i < BASE_BYTES; i++)
            fputs("a", text.file);
        fputs("/\",\"allOf\":[true", text.file);
        for (int i = 0; i < COUNT; i++)
            fprintf(text.file, ",%s%d\"}", keywords[row], i);
        fputs("]}", text.file);
        check_err(compile(end(&text), NULL, 0, &schema), WEFT_ELIMIT);
        free(text.at);
    }
}

/* --- sources, enums --------------------------------------------------------------------------- */

/* The last of them describes all of them. */
static void many_sources_with_a_dialect_of_their_own_compile_in_time(void **state)
{
    (void)state;
    enum { COUNT = 20000, EACH_BYTES = 96 };
    static const char meta[] = "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"$vocabulary\":"
                               "{\"https://json-schema.org/draft/2020-12/vocab/core\":true}}";
    weft_schema_source *sources = calloc(COUNT + 1, sizeof *sources);
    char(*uris)[16] = calloc(COUNT, sizeof *uris), (*texts)[EACH_BYTES] = calloc(COUNT, sizeof *texts);
    weft_schema *schema;
    for (int i = 0; i < COUNT; i++) {
        (void)snprintf(uris[i], sizeof uris[i], "x:%d", i);
        (void)snprintf(texts[i], EACH_BYTES, "{\"$id\":\"y:%d\",\"$schema\":\"x:meta\",\"type\":\"null\"}", i);
        sources[i] = (weft_schema_source){uris[i], weft_text(texts[i])};
    }
    sources[COUNT] = (weft_schema_source){"x:meta", weft_text(meta)};
    check_ok(compile(WEFT_TEXT("{\"$ref\":\"x:7\"}"), sources, COUNT + 1, &schema));
    check_valid(schema, "7", WEFT_OK); /* its dialect has no "type" */
    weft_schema_release(schema);
    free(sources);
    free(uris);
    free(texts);
}

/* One by one they would take more steps than there are. */
static void a_value_is_looked_up_in_a_long_enum(void **state)
{
    (void)state;
    enum { COUNT = 20000 };
    struct text text, document;
    weft_schema *schema;
    begin(&text);
    begin(&document);
    fputs("{\"items\":{\"enum\":[null", text.file);
    fputs("[null", document.file);
    for (int i = 0; i < COUNT; i++) {
        fprintf(text.file, ",\"value %d\",%d", i, i);
        fprintf(document.file, ",%d.0,\"value\\u0020%d\",\"value %d\"", i, i, i);
    }
    fputs("]}}", text.file);
    fputs("]", document.file);
    check_ok(compile(end(&text), NULL, 0, &schema));
    (void)end(&document);
    check_valid(schema, document.at, WEFT_OK);
    check_valid(schema, "[\"value 7\",\"value 20000\"]", WEFT_EMISMATCH);
    check_valid(schema, "[7,20000]", WEFT_EMISMATCH);
    weft_schema_release(schema);
    free(text.at);
    free(document.at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dynamic_anchors_that_lead_to_each_other_compile_in_time),
        cmocka_unit_test(many_dynamic_names_compile_in_time),
        cmocka_unit_test(many_pointers_into_a_large_object_compile_in_time),
        cmocka_unit_test(pointers_find_each_member_and_element),
        cmocka_unit_test(a_long_base_uri_is_not_written_for_ever),
        cmocka_unit_test(many_sources_with_a_dialect_of_their_own_compile_in_time),
        cmocka_unit_test(a_value_is_looked_up_in_a_long_enum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
