/* schema_compile.c: weft_schema_compile and weft_schema_id. Promises:
 *   - what is no schema is refused with its code, and a sentence that says where and what
 *   - what stands behind a keyword is refused exactly when the meta-schema refuses it
 *   - references lead where they should, and who leads nowhere, or round in a circle, is told
 *   - texts that mean the same have the same id
 *   - memory that is refused leaves nothing behind */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weft/schema.h>

#include "lib/check.h"
#include "lib/failmem.h"
#include "schema/keyword.h"

#define LITERAL(text)                                                                                                  \
    {                                                                                                                  \
        text, sizeof(text) - 1                                                                                         \
    }

static weft_error compile(const char *text, const weft_schema_options *options)
{
    weft_schema *schema;
    weft_error error = weft_schema_compile(weft_text(text), options, &schema);
    if (!error) weft_schema_release(schema);
    return error;
}

/* Each row: a text, its code, and what the message must hold. */
struct refused {
    const char *text;
    weft_error error;
    const char *says;
};

static void check_refused(const struct refused *rows, size_t count, const weft_schema_options *options)
{
    for (size_t i = 0; i < count; i++) {
        weft_error error = compile(rows[i].text, options);
        bool says = error && strstr(weft_error_message(), rows[i].says);
        if (error != rows[i].error || !says)
            fprintf(stderr, "%s\n    %s: %s\n", rows[i].text, weft_error_name(error),
                    error ? weft_error_message() : "");
        check_err(error, rows[i].error);
        check_true(says);
    }
}

#define CHECK_REFUSED(rows, options) check_refused(rows, sizeof(rows) / sizeof *(rows), options)

/* --- what is no schema ------------------------------------------------------------------------ */

static void what_is_no_schema_is_refused(void **state)
{
    (void)state;
    static const struct refused rows[] = {
        {"", WEFT_EINVAL, "the schema: byte 0: "},
        {"{\"type\":\"string\"", WEFT_EINVAL, "the schema: byte 16: "},
        {"{\"a\":1,\"a\":2}", WEFT_EINVAL, "the schema: byte 8: "},
        {"7", WEFT_EINVAL, "#: expected a schema: an object, true or false"},
        {"{\"type\":\"text\"}", WEFT_EINVAL, "#/type: expected \"string\", \"number\", "},
        {"{\"type\":[\"null\",7]}", WEFT_EINVAL, "got the number 7"},
        {"{\"type\":[]}", WEFT_EINVAL, "got an array of 0 items"},
        {"{\"required\":[\"a\",\"b\",\"a\"]}", WEFT_EINVAL, "#/required: expected strings that all differ"},
        {"{\"properties\":{\"age\":{\"minimum\":\"1\"}}}", WEFT_EINVAL,
         "#/properties/age/minimum: expected a number, got the string \"1\""},
        {"{\"properties\":{\"a/b~c\":{\"maxLength\":-1}}}", WEFT_EINVAL,
         "#/properties/a~1b~0c/maxLength: expected an integer that is not negative, got the number -1"},
        {"{\"allOf\":[true,{\"anyOf\":[]}]}", WEFT_EINVAL, "#/allOf/1/anyOf: expected at least one schema"},
        {"{\"items\":[true]}", WEFT_EINVAL,
         "#/items: expected a schema (an object, true or false), got an array of 1 item"},
        {"{\"multipleOf\":0}", WEFT_EINVAL, "#/multipleOf: expected a number greater than 0"},
        {"{\"$anchor\":\"#a\"}", WEFT_EINVAL, "#/$anchor: expected a name"},
        {"{\"$id\":\"https://example.org/s\",\"$defs\":{\"a\":{\"type\":1}}}", WEFT_EINVAL,
         "https://example.org/s#/$defs/a/type: expected"},
        {"{\"$schema\":\"a\\u0000b\"}", WEFT_EINVAL, "#/$schema: expected a string without the character U+0000"},
        {"{\"$id\":\"a\\u0000b\"}", WEFT_EINVAL, "#/$id: expected a string without the character U+0000"},
        {"{\"$defs\":{\"a\":{\"$anchor\":\"x\"},\"b\":{\"$anchor\":\"x\"}}}", WEFT_EINVAL,
         "#/$defs/b/$anchor: another schema is already known as \"#x\""},
        {"{\"pattern\":\"(a\"}", WEFT_EINVAL, "#/pattern: the pattern \"(a\", at byte "},
        {"{\"patternProperties\":{\"a{2,1}\":true}}", WEFT_EINVAL, "#/patternProperties: the pattern \"a{2,1}\""},
        {"{\"$ref\":\"#/a%zz\"}", WEFT_EINVAL, "#/$ref: \"#/a%zz\" is not a URI reference"},
        {"{\"$ref\":\"#/a%00b\"}", WEFT_EINVAL, "#/$ref: \"#/a%00b\" is not a URI reference"},
        {"{\"enum\":[7],\"$ref\":\"#/enum/0\"}", WEFT_EINVAL, "#/enum/0: expected a schema"},
        {"{\"$schema\":\"http://json-schema.org/draft-07/schema#\",\"$ref\":\"#/definitions/"
         "a\",\"definitions\":{\"a\":{}},"
         "\"maxLength\":\"1\"}",
         WEFT_EINVAL, "#/maxLength: expected an integer"},
        {"{\"$schema\":\"http://json-schema.org/draft-07/schema#\",\"$ref\":\"#/definitions/"
         "a\",\"definitions\":{\"a\":{},"
         "\"b\":{\"maxLength\":\"1\"}}}",
         WEFT_EINVAL, "#/definitions/b/maxLength: expected an integer"},
    };
    CHECK_REFUSED(rows, NULL);
}

static void what_this_library_does_not_know_is_refused(void **state)
{
    (void)state;
    static const struct refused rows[] = {
        {"{\"$schema\":\"https://example.org/mine\"}", WEFT_EUNSUPPORTED,
         "#/$schema: \"$schema\" is \"https://example.org/mine\", which is neither 2020-12 nor draft-07"},
        {"{\"$schema\":\"http://json-schema.org/draft-04/schema#\"}", WEFT_EUNSUPPORTED, "#/$schema: "},
        {"{\"$defs\":{\"a\":{\"$id\":\"x\",\"$schema\":\"https://json-schema.org/draft/2019-09/schema\"}}}",
         WEFT_EUNSUPPORTED, "x#/$schema: "},
        {"{\"pattern\":\"(?<=a+)b\"}", WEFT_EUNSUPPORTED, "#/pattern: "},
    };
    CHECK_REFUSED(rows, NULL);
}

static void a_reference_that_leads_nowhere_is_named(void **state)
{
    (void)state;
    static const struct refused rows[] = {
        {"{\"$ref\":\"#/$defs/a\"}", WEFT_ENOTFOUND, "#/$ref: \"#/$defs/a\" leads to no schema in this document"},
        {"{\"$ref\":\"#a\"}", WEFT_ENOTFOUND, "#/$ref: \"#a\" leads to no schema"},
        {"{\"$dynamicRef\":\"#a\"}", WEFT_ENOTFOUND, "#/$dynamicRef: \"#a\" leads to no schema"},
        {"{\"$ref\":\"other.json\"}", WEFT_ENOTFOUND,
         "\"other.json\" leads to <other.json>, which is none of the sources"},
        {"{\"$id\":\"https://example.org/d/s\",\"items\":{\"$ref\":\"../x#/y\"}}", WEFT_ENOTFOUND,
         "https://example.org/d/s#/items/$ref: \"../x#/y\" leads to <https://example.org/x>"},
        {"{\"allOf\":[{}],\"$ref\":\"#/allOf/01\"}", WEFT_ENOTFOUND, "#/$ref: "},
        {"{\"allOf\":[{}],\"$ref\":\"#/allOf/1\"}", WEFT_ENOTFOUND, "#/$ref: "},
        {"{\"$defs\":{\"~\":{}},\"$ref\":\"#/$defs/~\"}", WEFT_ENOTFOUND, "#/$ref: "},
    };
    CHECK_REFUSED(rows, NULL);
}

static void who_refers_to_itself_without_end_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"$ref\":\"#\"}",
        "{\"$ref\":\"#/$defs/a\",\"$defs\":{\"a\":{\"$ref\":\"#/$defs/b\"},\"b\":{\"$ref\":\"#/$defs/a\"}}}",
        "{\"anyOf\":[true,{\"not\":{\"$ref\":\"#\"}}]}",
        "{\"if\":true,\"else\":{\"$ref\":\"#\"}}",
        "{\"dependentSchemas\":{\"a\":{\"oneOf\":[{\"$ref\":\"#\"}]}}}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        check_err(compile(texts[i], NULL), WEFT_EINVAL);
        check_true(strstr(weft_error_message(), "refers to itself without end") != NULL);
    }
    check_ok(compile(
        "{\"properties\":{\"a\":{\"$ref\":\"#\"}},\"items\":{\"$ref\":\"#\"},\"contains\":{\"$ref\":\"#\"}}", NULL));
}

static void a_bound_that_is_exceeded_is_named(void **state)
{
    (void)state;
    weft_schema_options options = WEFT_SCHEMA_OPTIONS;
    weft_schema_source source = {"https://example.org/s", WEFT_TEXT("{\"a\":12}")};
    options.schema_bytes_max = 12;
    check_err(compile("{\"title\":\"1234\"}", &options), WEFT_ELIMIT);
    check_ok(compile("{\"t\":\"1234\"}", &options));
    options.sources = &source; /* together */
    options.sources_count = 1;
    check_err(compile("{\"t\":\"1234\"}", &options), WEFT_ELIMIT);
    check_true(strstr(weft_error_message(), "https://example.org/s: ") != NULL);
    options = (weft_schema_options)WEFT_SCHEMA_OPTIONS;
    options.depth_max = 2;
    check_ok(compile("{\"not\":{}}", &options));
    check_err(compile("{\"not\":{\"not\":{}}}", &options), WEFT_ELIMIT);
}

static void options_are_checked(void **state)
{
    (void)state;
    weft_schema_options good = WEFT_SCHEMA_OPTIONS, bad[12];
    weft_schema_source source = {NULL, WEFT_TEXT("{}")}, null = {"a:b", {NULL, 1}},
                       relative = {"a/b:c", WEFT_TEXT("{}")}, fragment = {"a:b#c", WEFT_TEXT("{}")},
                       empty = {"a:b#", WEFT_TEXT("{}")};
    weft_allocator allocator = {NULL, NULL, NULL};
    weft_schema *schema;
    for (size_t i = 0; i < 12; i++)
        bad[i] = good;
    bad[0].version = 2;
    bad[1].draft = 0;
    bad[2].depth_max = 1025;
    bad[3].depth_max = 0;
    bad[4].schema_bytes_max = 0;
    bad[5].sources_count = 1;
    bad[6].sources = &source, bad[6].sources_count = 1;
    bad[7].sources = &null, bad[7].sources_count = 1;
    bad[8].allocator = &allocator;
    bad[9].steps_max = 0;
    bad[10].sources = &relative, bad[10].sources_count = 1;
    bad[11].sources = &fragment, bad[11].sources_count = 1;
    for (size_t i = 0; i < 12; i++)
        check_err(compile("{}", &bad[i]), WEFT_EINVAL);
    check_true(strstr(weft_error_message(), "a:b#c") != NULL);
    good.sources = &empty, good.sources_count = 1;
    check_ok(compile("{\"$ref\":\"a:b\"}", &good));
    good = (weft_schema_options)WEFT_SCHEMA_OPTIONS;
    check_true(weft_schema_hold(NULL) == NULL);
    check_true(weft_schema_builtin(0, NULL) != NULL);
    check_err(weft_schema_compile(WEFT_TEXT("{}"), &good, NULL), WEFT_EINVAL);
    check_err(weft_schema_compile((weft_bytes){NULL, 1}, &good, &schema), WEFT_EINVAL);
    check_err(weft_schema_compile((weft_bytes){NULL, 0}, &good, &schema), WEFT_EINVAL);
    check_ok(compile("{}", &good));
    check_ok(compile("true", NULL));
}

/* --- the meta-schemas ---------------------------------------------------------------------------------------------- */

static const char *const values[] = {"null",
                                     "true",
                                     "0",
                                     "1",
                                     "-1",
                                     "1.0",
                                     "1.5",
                                     "1e400",
                                     "-0",
                                     "\"\"",
                                     "\"a\"",
                                     "\"#\"",
                                     "\"a#\"",
                                     "\"a#b\"",
                                     "\"A_1.-\"",
                                     "\"1a\"",
                                     "\"string\"",
                                     "\"integer\"",
                                     "[]",
                                     "[1]",
                                     "[\"a\"]",
                                     "[\"a\",\"a\"]",
                                     "[\"null\"]",
                                     "[\"null\",\"null\"]",
                                     "[\"null\",\"x\"]",
                                     "[true]",
                                     "[{}]",
                                     "[{},{\"type\":1}]",
                                     "[[]]",
                                     "{}",
                                     "{\"a\":1}",
                                     "{\"a\":true}",
                                     "{\"a\":{}}",
                                     "{\"a\":{\"type\":1}}",
                                     "{\"a\":[]}",
                                     "{\"a\":[\"b\"]}",
                                     "{\"a\":[\"b\",\"b\"]}",
                                     "{\"a\":[1]}",
                                     "{\"type\":1}",
                                     "{\"type\":\"null\"}",
                                     "{\"a\":\"b\"}",
                                     "{\"a\":null}",
                                     "{\"not\":{\"maxItems\":1.0}}",
                                     "{\"not\":{\"maxItems\":-1}}"};

static weft_schema *meta_schema(const char *uri)
{
    char text[128];
    weft_schema *schema;
    snprintf(text, sizeof text, "{\"$ref\":\"%s\"}", uri);
    check_ok(weft_schema_compile(weft_text(text), NULL, &schema));
    return schema;
}

/* What else can be wrong with a schema than its shape: where a reference leads, what a "$schema" is. */
static bool is_shape(weft_error error)
{
    return error == WEFT_OK || (error == WEFT_EINVAL && !strstr(weft_error_message(), "refers to itself"));
}

static void compare(const weft_schema *meta, weft_draft draft, const char *keyword, const char *value)
{
    char text[256];
    weft_validator *validator;
    weft_schema_options options = WEFT_SCHEMA_OPTIONS;
    options.draft = draft;
    snprintf(text, sizeof text, "{\"%s\":%s}", keyword, value);
    weft_error compiled = compile(text, &options);
    if (!is_shape(compiled)) return;
    check_ok(weft_validator_open(NULL, &validator));
    weft_error valid = weft_validate(validator, meta, weft_text(text));
    if (!compiled != !valid)
        fprintf(stderr, "%s: compiled: %s, by the meta-schema: %s\n", text, weft_error_name(compiled),
                weft_error_name(valid));
    check_eq(!compiled, !valid);
    weft_validator_close(validator);
}

static void compare_all(const char *uri, weft_draft draft)
{
    weft_schema *meta = meta_schema(uri);
    for (size_t keyword = 1; keyword < KEYWORD_COUNT; keyword++)
        for (size_t i = 0; i < sizeof values / sizeof *values; i++)
            compare(meta, draft, weft__keywords[keyword].name, values[i]);
    weft_schema_release(meta);
}

static void shapes_are_refused_when_the_meta_schema_refuses_them(void **state)
{
    (void)state;
    compare_all("https://json-schema.org/draft/2020-12/schema", WEFT_DRAFT_2020_12);
    compare_all("http://json-schema.org/draft-07/schema#", WEFT_DRAFT_7);
}

static const char mine[] = "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"$vocabulary\":{"
                           "\"https://json-schema.org/draft/2020-12/vocab/core\":true,"
                           "\"https://json-schema.org/draft/2020-12/vocab/applicator\":true,"
                           "\"https://example.org/vocab/colours\":false},"
                           "\"$dynamicAnchor\":\"meta\",\"$ref\":\"https://json-schema.org/draft/2020-12/schema\","
                           "\"properties\":{\"title\":{\"maxLength\":5}}}";
static const char theirs[] = "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"$vocabulary\":{"
                             "\"https://example.org/vocab/colours\":true}}";
static const char asserting[] = "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"$vocabulary\":{"
                                "\"https://json-schema.org/draft/2020-12/vocab/core\":true,"
                                "\"https://json-schema.org/draft/2020-12/vocab/format-assertion\":false},"
                                "\"properties\":{\"title\":{\"format\":\"ipv4\"}}}";
static const weft_schema_source metas[] = {
    {"https://example.org/mine", LITERAL(mine)},
    {"https://example.org/theirs", LITERAL(theirs)},
    {"https://example.org/asserting", LITERAL(asserting)},
    {"https://example.org/itself", LITERAL("{\"$schema\":\"https://example.org/itself\"}")}};

static weft_error validate(const char *schema_text, const weft_schema_options *options, const char *document)
{
    weft_schema *schema;
    weft_validator *validator;
    check_ok(weft_schema_compile(weft_text(schema_text), options, &schema));
    check_ok(weft_validator_open(NULL, &validator));
    weft_error error = weft_validate(validator, schema, weft_text(document));
    weft_validator_close(validator);
    weft_schema_release(schema);
    return error;
}

static void a_meta_schema_of_ones_own_is_obeyed(void **state)
{
    (void)state;
    weft_schema_options options = WEFT_SCHEMA_OPTIONS;
    options.sources = metas;
    options.sources_count = sizeof metas / sizeof *metas;
    static const struct refused rows[] = {
        {"{\"$schema\":\"https://example.org/mine\",\"not\":{\"title\":\"too long\"}}", WEFT_EINVAL,
         "#/not/title: expected at most 5 characters, got 8: \"too long\", as its meta-schema has it"},
        {"{\"$schema\":\"https://example.org/mine\",\"maxLength\":-1}", WEFT_EINVAL,
         "#/maxLength: expected at least 0"},
        {"{\"$schema\":\"https://example.org/theirs\"}", WEFT_EUNSUPPORTED,
         "requires the vocabulary \"https://example.org/vocab/colours\", which is not known"},
        {"{\"$schema\":\"https://example.org/asserting\",\"format\":\"colour\"}", WEFT_EUNSUPPORTED,
         "#/format: the format \"colour\" is not known, and must be asserted"},
        {"{\"$schema\":\"https://example.org/itself\"}", WEFT_EUNSUPPORTED, "which is neither 2020-12 nor draft-07"}};
    CHECK_REFUSED(rows, &options);
    const char *schema = "{\"$schema\":\"https://example.org/mine\",\"items\":{\"maxLength\":1},\"maxItems\":1}";
    check_err(validate("{\"$schema\":\"https://example.org/asserting\",\"format\":\"ipv4\"}", &options, "\"x\""),
              WEFT_EMISMATCH);
    options.assert_formats = true; /* in the schema; in its meta-schema they say no more than before */
    check_ok(compile("{\"$schema\":\"https://example.org/asserting\",\"title\":\"x\"}", &options));
    check_ok(validate(schema, &options, "[\"abc\",2]")); /* without the vocabulary of validation: */
    check_err(validate("{\"items\":{\"maxLength\":1}}", &options, "[\"abc\"]"), WEFT_EMISMATCH);
}

/* --- sources ---------------------------------------------------------------------------------- */

static void references_find_the_sources(void **state)
{
    (void)state;
    static const weft_schema_source sources[] = {
        {"https://example.org/a/numbers.json", LITERAL("{\"$defs\":{\"even\":{\"multipleOf\":2},\"odd\":{\"$anchor\":"
                                                       "\"odd\",\"not\":{\"$ref\":\"#/$defs/even\"}}}}")},
        {"https://example.org/a/seven.json",
         LITERAL(
             "{\"$schema\":\"http://json-schema.org/draft-07/schema#\",\"items\":[{\"$ref\":\"numbers.json#odd\"}]}")},
        {"https://example.org/a/broken.json",
         LITERAL("{\"$schema\":\"https://example.org/unknown\",\"$defs\":{\"x\":{\"type\":7}}}")}};
    weft_schema_options options = WEFT_SCHEMA_OPTIONS;
    options.sources = sources;
    options.sources_count = 3;
    options.uri = "https://example.org/a/b/root.json"; /* the base; what nobody refers to may be broken */
    check_ok(validate("{\"$ref\":\"../numbers.json#/$defs/even\"}", &options, "4"));
    check_err(validate("{\"$ref\":\"../numbers.json#/$defs/even\"}", &options, "3"), WEFT_EMISMATCH);
    check_err(validate("{\"$ref\":\"../seven.json\"}", &options, "[4]"), WEFT_EMISMATCH);
    check_ok(validate("{\"$ref\":\"../seven.json\"}", &options, "[3,4]"));
    check_err(compile("{\"$ref\":\"../broken.json\"}", &options), WEFT_EUNSUPPORTED);
    check_ok(validate("{\"$ref\":\"root.json#/$defs/a\",\"$defs\":{\"a\":{\"type\":\"null\"}}}", &options, "null"));
}

/* Nobody refers to the anchor but a $dynamicRef, by its name, and it stands in a source that is entered on the way. */
static void dynamic_references_find_anchors_of_the_sources(void **state)
{
    (void)state;
    static const weft_schema_source sources[] = {
        {"https://example.org/list",
         LITERAL("{\"items\":{\"$dynamicRef\":\"#item\"},\"$defs\":{\"item\":{\"$dynamicAnchor\":\"item\"}}}")},
        {"https://example.org/texts",
         LITERAL("{\"$ref\":\"list\",\"$defs\":{\"item\":{\"$dynamicAnchor\":\"item\",\"type\":\"string\"}}}")}};
    weft_schema_options options = WEFT_SCHEMA_OPTIONS;
    options.sources = sources;
    options.sources_count = 2;
    options.uri = "https://example.org/root";
    check_ok(validate("{\"$ref\":\"list\"}", &options, "[1]"));
    check_ok(validate("{\"$ref\":\"texts\"}", &options, "[\"a\"]"));
    check_err(validate("{\"$ref\":\"texts\"}", &options, "[1]"), WEFT_EMISMATCH);
}

static void what_stands_beside_a_ref_of_draft_7_does_nothing(void **state)
{
    (void)state;
    weft_schema_options options = WEFT_SCHEMA_OPTIONS;
    options.draft = WEFT_DRAFT_7;
    const char *schema = "{\"$ref\":\"#/definitions/a\",\"maxLength\":1,\"definitions\":{\"a\":{\"type\":\"string\"},"
                         "\"b\":{\"$ref\":\"#/nowhere\"}}}";
    check_ok(validate(schema, &options, "\"abc\""));
    check_err(validate(schema, &options, "7"), WEFT_EMISMATCH);
}

/* What an $id of draft-07 leads to with a fragment is an anchor; and where it has the URI of its base, no more. */
static void an_id_of_draft_7_may_be_an_anchor(void **state)
{
    (void)state;
    static const char *const ids[] = {"#z", "y#z", "http://x/y#z", "http://x/w#z"};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        char schema[512];
        snprintf(
            schema, sizeof schema,
            "{\"$schema\":\"http://json-schema.org/draft-07/schema#\",\"$id\":\"http://x/y\",\"definitions\":{\"a\":{"
            "\"$id\":\"%s\",\"type\":\"number\"},\"b\":{\"$id\":\"#b\"}},\"allOf\":[{\"$ref\":\"%s\"},{\"$ref\":\"#b\"}"
            "]}",
            ids[i], ids[i]);
        check_ok(validate(schema, NULL, "7"));
        check_err(validate(schema, NULL, "true"), WEFT_EMISMATCH);
        check_true(strstr(weft_error_message(), "expected a number") != NULL);
    }
    check_err(
        compile("{\"$schema\":\"http://json-schema.org/draft-07/schema#\",\"$id\":\"http://x/y\",\"definitions\":{"
                "\"a\":{\"$id\":\"y#z\"},\"b\":{\"$id\":\"#z\"}}}",
                NULL),
        WEFT_EINVAL);
}

/* --- ids -------------------------------------------------------------------------------------- */

static void id_of(const char *text, uint8_t id[WEFT_SCHEMA_ID_BYTES])
{
    weft_schema *schema;
    check_ok(weft_schema_compile(weft_text(text), NULL, &schema));
    check_ok(weft_schema_id(schema, id));
    weft_schema_release(schema);
}

static void texts_that_mean_the_same_have_the_same_id(void **state)
{
    (void)state;
    uint8_t a[WEFT_SCHEMA_ID_BYTES], b[WEFT_SCHEMA_ID_BYTES], c[WEFT_SCHEMA_ID_BYTES];
    id_of("{\"type\":\"string\",\"maxLength\":10}", a);
    id_of(" { \"maxLength\" : 1.0e1 , \"\\u0074ype\" : \"string\" } ", b);
    id_of("{\"type\":\"string\",\"maxLength\":11}", c);
    check_true(memcmp(a, b, sizeof a) == 0);
    check_true(memcmp(a, c, sizeof a) != 0);
    /* b2sum -l 256 of {"maxLength":10,"type":"string"} */
    static const uint8_t known[] = {0x8d, 0xb0, 0xe0, 0x19, 0xeb, 0x75, 0x2c, 0x52, 0x64, 0x6b, 0xfa,
                                    0xbd, 0x62, 0x1f, 0xb3, 0xee, 0xa8, 0xd8, 0xda, 0x75, 0x17, 0xcb,
                                    0x33, 0x02, 0x36, 0x22, 0x3e, 0xff, 0xa8, 0xdb, 0x2e, 0x1c};
    check_true(memcmp(a, known, sizeof a) == 0);
}

static void a_number_without_a_canonical_form_has_no_id(void **state)
{
    (void)state;
    uint8_t id[WEFT_SCHEMA_ID_BYTES];
    weft_schema *schema;
    check_ok(weft_schema_compile(WEFT_TEXT("{\"maximum\":1e400}"), NULL, &schema));
    check_err(weft_schema_id(schema, id), WEFT_EUNSUPPORTED);
    check_true(strstr(weft_error_message(), "byte 11") != NULL);
    check_err(weft_schema_id(NULL, id), WEFT_EINVAL);
    check_err(weft_schema_id(schema, NULL), WEFT_EINVAL);
    check_true(weft_schema_hold(schema) == schema);
    weft_schema_release(schema);
    check_err(weft_schema_id(schema, id), WEFT_EUNSUPPORTED); /* somebody holds it still */
    weft_schema_release(schema);
    weft_schema_release(NULL);
}

/* --- memory ----------------------------------------------------------------------------------- */

static const char large[] =
    "{\"$schema\":\"https://example.org/mine\",\"$id\":\"https://example.org/large\",\"$dynamicAnchor\":\"x\","
    "\"properties\":{\"a\":{\"$ref\":\"http://json-schema.org/draft-07/schema#\"},\"b\":{\"$dynamicRef\":\"#x\"},"
    "\"c\":{\"pattern\":\"^[a-z]+$\",\"enum\":[1,\"x\",{\"y\":[]}]},\"d\":{\"prefixItems\":[true,{\"const\":1}]}},"
    "\"patternProperties\":{\"^x\":false},\"oneOf\":[{\"$ref\":\"#/x-mine/"
    "20\"},{\"$ref\":\"#z\"}],\"x-mine\":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,{\"$defs\":{}}],"
    "\"$defs\":{\"z\":{\"$anchor\":\"z\",\"required\":[\"p\",\"q\"],\"dependencies\":{\"a\":[\"b\"]},\"minimum\":1e999}"
    "}}";

static void compiling_without_memory_leaves_nothing_behind(void **state)
{
    (void)state;
    struct failmem failmem;
    failmem_init(&failmem);
    weft_allocator allocator = {failmem.mem.alloc, failmem.mem.free, failmem.mem.context};
    weft_schema_options options = WEFT_SCHEMA_OPTIONS;
    options.allocator = &allocator;
    options.sources = metas;
    options.sources_count = 1;
    uint64_t nth = 1, done = 0;
    for (;; nth++) {
        weft_schema *schema = NULL;
        failmem_fail_once(&failmem, nth);
        weft_error error = weft_schema_compile(weft_text(large), &options, &schema);
        if (error) check_err(error, WEFT_ENOMEM);
        done += !error; /* patterns do without what would make them faster */
        check_eq(!schema, error != 0);
        weft_schema_release(schema);
        check_eq(failmem.live_blocks, 0);
        if (!failmem.refused) break;
    }
    check_true(nth > 20 && done < nth / 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_schema_is_refused),
        cmocka_unit_test(what_this_library_does_not_know_is_refused),
        cmocka_unit_test(a_reference_that_leads_nowhere_is_named),
        cmocka_unit_test(who_refers_to_itself_without_end_is_refused),
        cmocka_unit_test(a_bound_that_is_exceeded_is_named),
        cmocka_unit_test(options_are_checked),
        cmocka_unit_test(shapes_are_refused_when_the_meta_schema_refuses_them),
        cmocka_unit_test(a_meta_schema_of_ones_own_is_obeyed),
        cmocka_unit_test(references_find_the_sources),
        cmocka_unit_test(dynamic_references_find_anchors_of_the_sources),
        cmocka_unit_test(what_stands_beside_a_ref_of_draft_7_does_nothing),
        cmocka_unit_test(an_id_of_draft_7_may_be_an_anchor),
        cmocka_unit_test(texts_that_mean_the_same_have_the_same_id),
        cmocka_unit_test(a_number_without_a_canonical_form_has_no_id),
        cmocka_unit_test(compiling_without_memory_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
