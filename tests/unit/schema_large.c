/* Large schemas. Promises:
 *   - who writes a schema cannot make it compile much longer than its size asks for */
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

/* --- dynamic references -------------------------------------------------------------------------------------------- */

/* Each anchor is found only when the one before it is compiled. */
static void dynamic_anchors_that_lead_to_each_other_compile_in_time(void **state)
{
    (void)state;
    enum { COUNT = 1600 };
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
    check_ok(compile(weft_text("{\"$ref\":\"http://x/extension#/$defs/d1599\"}"), sources, 2, &schema));
    check_valid(schema, "[null]", WEFT_OK);
    check_valid(schema, "[7]", WEFT_EMISMATCH);
    weft_schema_release(schema);
    free(base.at);
    free(extension.at);
}

static void many_dynamic_names_compile_in_time(void **state)
{
    (void)state;
    enum { COUNT = 40000 };
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dynamic_anchors_that_lead_to_each_other_compile_in_time),
        cmocka_unit_test(many_dynamic_names_compile_in_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
