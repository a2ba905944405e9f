/* schema_validate.c: weft_validate and weft_validate_all. Promises:
 *   - each keyword says where a document fails, where the schema says so, and what was expected
 *   - weft_validate's message is the first mismatch; weft_validate_all tells each, until it is stopped
 *   - where names may stand twice in an object, the last of each is all that any keyword sees
 *   - documents that exceed a bound end with WEFT_ELIMIT in time, whatever the schema
 *   - telling of mismatches has a bound too
 *   - depth takes the stack that the header says; threads share schemas
 *   - after some documents a validator allocates no more; memory that is refused leaves nothing behind */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <weft/schema.h>

#include "lib/check.h"
#include "lib/failmem.h"
#include "lib/sanitized.h"

static weft_schema *compiled(const char *text, const weft_schema_options *options)
{
    weft_schema *schema = NULL;
    weft_error error = weft_schema_compile(weft_text(text), options, &schema);
    if (error) fprintf(stderr, "%s: %s\n", text, weft_error_message());
    check_ok(error);
    return schema;
}

static weft_validator *opened(void)
{
    weft_validator *validator = NULL;
    check_ok(weft_validator_open(NULL, &validator));
    return validator;
}

static weft_error validate(const char *schema_text, const weft_schema_options *options, const char *document)
{
    weft_schema *schema = compiled(schema_text, options);
    weft_validator *validator = opened();
    weft_error error = weft_validate(validator, schema, weft_text(document));
    weft_validator_close(validator);
    weft_schema_release(schema);
    return error;
}

/* --- what is told ----------------------------------------------------------------------------- */

/* All mismatches, a line each: "instance|schema|keyword|message". */
struct told {
    char text[8192];
    size_t size;
    unsigned count, stop_at;
};

static bool note(const weft_mismatch *m, void *context)
{
    struct told *told = context;
    told->size += (size_t)snprintf(told->text + told->size, sizeof told->text - told->size, "%s|%s|%s|%s\n",
                                   m->instance, m->schema, m->keyword, m->message);
    check_true(told->size < sizeof told->text);
    return ++told->count != told->stop_at;
}

static void check_told(const char *schema_text, const weft_schema_options *options, const char *document,
                       const char *expected)
{
    weft_schema *schema = compiled(schema_text, options);
    weft_validator *validator = opened();
    struct told told = {.text = ""};
    weft_error error = weft_validate_all(validator, schema, weft_text(document), note, &told);
    check_str(told.text, expected);
    check_err(error, *expected ? WEFT_EMISMATCH : WEFT_OK);
    check_err(weft_validate(validator, schema, weft_text(document)), error);
    weft_validator_close(validator);
    weft_schema_release(schema);
}

struct row {
    const char *schema, *document, *told;
};

static void check_rows(const struct row *rows, size_t count, const weft_schema_options *options)
{
    for (size_t i = 0; i < count; i++)
        check_told(rows[i].schema, options, rows[i].document, rows[i].told);
}

#define CHECK_ROWS(rows, options) check_rows(rows, sizeof(rows) / sizeof *(rows), options)

static void types_and_values(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"{\"type\":\"string\"}", "7", "|#/type|type|expected a string, got the number 7\n"},
        {"{\"type\":\"integer\"}", "1.5", "|#/type|type|expected an integer, got the number 1.5\n"},
        {"{\"type\":\"integer\"}", "15e-1", "|#/type|type|expected an integer, got the number 15e-1\n"},
        {"{\"type\":\"integer\"}", "1.0e2", ""},
        {"{\"type\":[\"integer\",\"null\",\"object\"]}", "\"a\"",
         "|#/type|type|expected an integer, an object or null, got the string \"a\"\n"},
        {"{\"type\":\"boolean\"}", "[1,2]", "|#/type|type|expected true or false, got an array of 2 items\n"},
        {"{\"type\":\"array\"}", "{\"a\":1}", "|#/type|type|expected an array, got an object of 1 property\n"},
        {"{\"type\":\"object\"}", "null", "|#/type|type|expected an object, got null\n"},
        {"{\"const\":{\"a\":[1.0]}}", "{\"a\":[1]}", ""},
        {"{\"const\":\"x\"}", "\"y\"", "|#/const|const|expected \"x\", got the string \"y\"\n"},
        {"{\"enum\":[1,\"a\",null]}", "2", "|#/enum|enum|expected one of 1, \"a\", null, got the number 2\n"},
        {"{\"enum\":[\"a\\n\"]}", "\"a\\u000a\"", ""},
        {"{\"enum\":[\"a\\n\"]}", "\"a\\u000b\"", "|#/enum|enum|expected \"a\\n\", got the string \"a\\u000b\"\n"},
        {"{\"enum\":[]}", "true", "|#/enum|enum|expected none of all values, got true\n"},
        {"{\"type\":\"string\",\"enum\":[\"a\"]}", "7",
         "|#/type|type|expected a string, got the number 7\n|#/enum|enum|expected \"a\", got the number 7\n"},
        {"false", "7", "|#||nothing is allowed here, got the number 7\n"},
    };
    CHECK_ROWS(rows, NULL);
}

static void numbers(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"{\"minimum\":5}", "3", "|#/minimum|minimum|expected at least 5, got the number 3\n"},
        {"{\"minimum\":5}", "5.0", ""},
        {"{\"maximum\":5}", "1e400", "|#/maximum|maximum|expected at most 5, got the number 1e400\n"},
        {"{\"exclusiveMinimum\":5}", "5e0",
         "|#/exclusiveMinimum|exclusiveMinimum|expected more than 5, got the number 5e0\n"},
        {"{\"exclusiveMaximum\":18446744073709551616}", "18446744073709551616",
         "|#/exclusiveMaximum|exclusiveMaximum|expected less than 18446744073709551616, got the number "
         "18446744073709551616\n"},
        {"{\"exclusiveMaximum\":18446744073709551616}", "18446744073709551615", ""},
        {"{\"multipleOf\":0.01}", "19.99", ""},
        {"{\"multipleOf\":0.01}", "19.999",
         "|#/multipleOf|multipleOf|expected a multiple of 0.01, got the number 19.999\n"},
    };
    CHECK_ROWS(rows, NULL);
}

static void strings(void **state)
{
    (void)state;
    weft_schema_options options = WEFT_SCHEMA_OPTIONS;
    static const struct row rows[] = {
        {"{\"minLength\":3}", "\"\\ud83d\\ude00b\"",
         "|#/minLength|minLength|expected at least 3 characters, got 2: \"\\ud83d\\ude00b\"\n"},
        {"{\"maxLength\":1}", "\"\xc3\xa9\"", ""},
        {"{\"maxLength\":1}", "\"ab\"", "|#/maxLength|maxLength|expected at most 1 character, got 2: \"ab\"\n"},
        {"{\"pattern\":\"^[a-z]+$\"}", "\"a1\"",
         "|#/pattern|pattern|expected a match of the pattern ^[a-z]+$, got the string \"a1\"\n"},
        {"{\"pattern\":\"^[a-z]+$\"}", "\"\\u0061b\"", ""},
        {"{\"format\":\"ipv4\"}", "\"1.2.3.400\"",
         "|#/format|format|expected the format ipv4, got the string \"1.2.3.400\"\n"},
        {"{\"format\":\"ipv4\"}", "\"1.2.3.\\u0034\"", ""},
        {"{\"format\":\"colour\"}", "\"?\"", ""},
    };
    options.assert_formats = true;
    CHECK_ROWS(rows, &options);
    check_told("{\"format\":\"ipv4\",\"contentEncoding\":\"base64\"}", NULL, "\"?\"", ""); /* annotations */
}

static void arrays(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"{\"items\":{\"type\":\"null\"}}", "[null,1,null,2]",
         "/1|#/items/type|type|expected null, got the number 1\n/3|#/items/type|type|expected null, got the number "
         "2\n"},
        {"{\"prefixItems\":[{\"type\":\"null\"}],\"items\":false}", "[null,1]",
         "/1|#/items|items|no item is allowed here, got the number 1\n"},
        {"{\"prefixItems\":[true,false]}", "[1,2]", "/1|#/prefixItems/1||no item is allowed here, got the number 2\n"},
        {"{\"minItems\":2}", "[1]", "|#/minItems|minItems|expected at least 2 items, got 1\n"},
        {"{\"maxItems\":1}", "[1,2]", "|#/maxItems|maxItems|expected at most 1 item, got 2\n"},
        {"{\"contains\":{\"const\":1}}", "[2,3]",
         "|#/contains|contains|expected at least 1 item, got 0 that match contains\n"},
        {"{\"contains\":{\"const\":1},\"minContains\":2}", "[1,3]",
         "|#/minContains|minContains|expected at least 2 items, got 1 that matches contains\n"},
        {"{\"contains\":{\"const\":1},\"maxContains\":1}", "[1,1]",
         "|#/maxContains|maxContains|expected at most 1 item, got 2 that match contains\n"},
        {"{\"contains\":{\"const\":1},\"minContains\":0}", "[]", ""},
        {"{\"uniqueItems\":true}", "[1,{\"a\":1,\"b\":2},{\"b\":2.0,\"a\":1.0}]",
         "|#/uniqueItems|uniqueItems|expected items that all differ, but items 1 and 2 are equal\n"},
        {"{\"uniqueItems\":true}", "[1,2,3,4,5,6,7,8,\"\\u0061\",10,\"a\"]",
         "|#/uniqueItems|uniqueItems|expected items that all differ, but items 8 and 10 are equal\n"},
        {"{\"uniqueItems\":true}", "[0,1,true,false,null,\"0\",[0],[1],[true],{\"a\":0},{\"a\":false},1e400,1e401]",
         ""},
        {"{\"uniqueItems\":true}", "[0,1,2,3,4,5,6,7,8,1e400,10e399]",
         "|#/uniqueItems|uniqueItems|expected items that all differ, but items 9 and 10 are equal\n"},
        {"{\"uniqueItems\":true}", "[0,1,2,3,4,5,6,7,{\"a\":1,\"b\":[2]},{\"\\u0062\":[2.0],\"a\":1}]",
         "|#/uniqueItems|uniqueItems|expected items that all differ, but items 8 and 9 are equal\n"},
        {"{\"prefixItems\":[true],\"unevaluatedItems\":false}", "[1,2]",
         "/1|#/unevaluatedItems|unevaluatedItems|no item is allowed here, got the number 2\n"},
    };
    CHECK_ROWS(rows, NULL);
}

static void objects(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"{\"properties\":{\"customer\":{\"properties\":{\"email\":{\"type\":\"string\"}}}}}",
         "{\"customer\":{\"email\":7}}",
         "/customer/email|#/properties/customer/properties/email/type|type|expected a string, got the number 7\n"},
        {"{\"properties\":{\"a/b~c\":{\"type\":\"null\"}}}", "{\"a/b\\u007ec\":7}",
         "/a~1b~0c|#/properties/a~1b~0c/type|type|expected null, got the number 7\n"},
        {"{\"required\":[\"a\",\"b\",\"c\"]}", "{\"b\":1}",
         "|#/required|required|the property \"a\" is missing\n|#/required|required|the property \"c\" is missing\n"},
        {"{\"properties\":{\"a\":true},\"additionalProperties\":false}", "{\"a\":1,\"b\":2}",
         "/b|#/additionalProperties|additionalProperties|the property \"b\" is not allowed\n"},
        {"{\"properties\":{\"a\":false}}", "{\"a\":1}", "/a|#/properties/a||the property \"a\" is not allowed\n"},
        {"{\"patternProperties\":{\"^x\":{\"type\":\"null\"}},\"additionalProperties\":{\"type\":\"string\"}}",
         "{\"x\":1,\"y\":2}",
         "/x|#/patternProperties/^x/type|type|expected null, got the number 1\n"
         "/y|#/additionalProperties/type|type|expected a string, got the number 2\n"},
        {"{\"propertyNames\":{\"maxLength\":1}}", "{\"p\":{\"a\":1},\"ab\":2}",
         "|#/propertyNames/maxLength|maxLength|the name \"ab\": expected at most 1 character, got 2: \"ab\"\n"},
        {"{\"propertyNames\":false}", "{\"a\":1}",
         "|#/propertyNames|propertyNames|the name \"a\": nothing is allowed here, got the string \"a\"\n"},
        {"{\"minProperties\":2}", "{\"a\":1}",
         "|#/minProperties|minProperties|expected at least 2 properties, got 1\n"},
        {"{\"maxProperties\":1}", "{\"a\":1,\"b\":2}",
         "|#/maxProperties|maxProperties|expected at most 1 property, got 2\n"},
        {"{\"dependentRequired\":{\"a\":[\"b\"]}}", "{\"a\":1}",
         "|#/dependentRequired/a|dependentRequired|the property \"b\" is missing, which must be there where \"a\" "
         "is\n"},
        {"{\"$schema\":\"http://json-schema.org/draft-07/schema#\",\"dependencies\":{\"~a/\":[\"b\"]}}", "{\"~a/\":1}",
         "|#/dependencies/~0a~1|dependencies|the property \"b\" is missing, which must be there where \"~a/\" is\n"},
        {"{\"dependentSchemas\":{\"a\":{\"required\":[\"b\"]}}}", "{\"a\":1}",
         "|#/dependentSchemas/a/required|required|the property \"b\" is missing\n"},
        {"{\"properties\":{\"a\":true},\"unevaluatedProperties\":false}", "{\"a\":1,\"b\":2}",
         "/b|#/unevaluatedProperties|unevaluatedProperties|the property \"b\" is not allowed\n"},
    };
    CHECK_ROWS(rows, NULL);
}

static void combinations(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"{\"allOf\":[{\"type\":\"null\"},{\"const\":1}]}", "2",
         "|#/allOf/0/type|type|expected null, got the number 2\n|#/allOf/1/const|const|expected 1, got the number 2\n"},
        {"{\"anyOf\":[{\"type\":\"null\"},{\"const\":1}]}", "2",
         "|#/anyOf|anyOf|matches none of the 2 schemas of anyOf, got the number 2\n"
         "|#/anyOf/0/type|type|expected null, got the number 2\n|#/anyOf/1/const|const|expected 1, got the number 2\n"},
        {"{\"oneOf\":[{\"type\":\"null\"},{\"const\":1}]}", "2",
         "|#/oneOf|oneOf|matches none of the 2 schemas of oneOf, got the number 2\n"
         "|#/oneOf/0/type|type|expected null, got the number 2\n|#/oneOf/1/const|const|expected 1, got the number 2\n"},
        {"{\"oneOf\":[false,{\"minimum\":1},{\"minimum\":2}]}", "2",
         "|#/oneOf|oneOf|matches both schema 1 and 2 of oneOf, where exactly one may match\n"},
        {"{\"not\":{\"type\":\"number\"}}", "2",
         "|#/not|not|matches the schema of not, which it must not, got the number 2\n"},
        {"{\"if\":{\"minimum\":5},\"then\":{\"multipleOf\":5},\"else\":{\"multipleOf\":2}}", "7",
         "|#/then/multipleOf|multipleOf|expected a multiple of 5, got the number 7\n"},
        {"{\"if\":{\"minimum\":5},\"then\":{\"multipleOf\":5},\"else\":{\"multipleOf\":2}}", "3",
         "|#/else/multipleOf|multipleOf|expected a multiple of 2, got the number 3\n"},
        {"{\"$id\":\"https://example.org/s\",\"items\":{\"$ref\":\"t#/$defs/"
         "a\"},\"$defs\":{\"b\":{\"$id\":\"t\",\"$defs\":{\"a\":"
         "{\"type\":\"null\"}}}}}",
         "[1]", "/0|https://example.org/t#/$defs/a/type|type|expected null, got the number 1\n"},
    };
    CHECK_ROWS(rows, NULL);
}

/* Two bytes a character, of which 64 would take one and a half. */
/* More values than are compared one by one. */
static void a_long_enum_takes_what_it_lists_by_value(void **state)
{
    (void)state;
#define LONG_ENUM                                                                                                      \
    "{\"enum\":[\"a\",\"b\",\"\\u0063\\n\",\"\",\"\xc3\xa9\",\"12345678901234567\",1,2.50,-3e2,0,"                     \
    "12345678901234567890123,"                                                                                         \
    "1e400,null,[1],{\"x\":1,\"y\":2},\"b\",\"\\ud83e\\uddf5\"]}"
    static const char *const in[] = {"\"a\"",
                                     "\"\\u0061\"",
                                     "\"b\"",
                                     "\"c\\n\"",
                                     "\"\\u0063\\u000A\"",
                                     "\"\"",
                                     "\"\xc3\xa9\"",
                                     "\"\\u00e9\"",
                                     "\"12345678901234567\"",
                                     "1",
                                     "1.0",
                                     "10e-1",
                                     "2.5",
                                     "-300",
                                     "0",
                                     "-0.0",
                                     "12345678901234567890123.0",
                                     "10e399",
                                     "null",
                                     "[1.0]",
                                     "{\"y\":2,\"x\":1}",
                                     "\"\xf0\x9f\xa7\xb5\"",
                                     "\"\\ud83e\\uddf5\""},
                             *const out[] = {"\"c\"",
                                             "\"A\"",
                                             "\"1\"",
                                             "\"1234567890123456\"",
                                             "\"ab\"",
                                             "2",
                                             "25",
                                             "300",
                                             "1e399",
                                             "true",
                                             "12345678901234567890124",
                                             "[1,1]",
                                             "[]",
                                             "{}",
                                             "{\"x\":1}",
                                             "\"\\ud83e\\uddf6\"",
                                             "false",
                                             "1e-1",
                                             "\"null\"",
                                             "\"\\u0000\""};
    for (size_t i = 0; i < sizeof in / sizeof *in; i++)
        check_told(LONG_ENUM, NULL, in[i], "");
    for (size_t i = 0; i < sizeof out / sizeof *out; i++)
        check_err(validate(LONG_ENUM, NULL, out[i]), WEFT_EMISMATCH);
}

/* As if the others were not there: for no keyword are they. */
static void of_names_that_stand_twice_the_last_counts(void **state)
{
    (void)state;
    weft_schema_options options = WEFT_SCHEMA_OPTIONS;
    static const struct row rows[] = {
        {"{\"properties\":{\"a\":{\"type\":\"null\"}}}", "{\"a\":1,\"a\":null}", ""},
        {"{\"properties\":{\"a\":{\"type\":\"null\"}}}", "{\"a\":null,\"b\":{\"c\":[0]},\"\\u0061\":2}",
         "/a|#/properties/a/type|type|expected null, got the number 2\n"},
        {"{\"properties\":{\"a\":{\"properties\":{\"b\":false}}}}", "{\"a\":{\"b\":1},\"a\":{\"c\":2}}", ""},
        {"{\"required\":[\"a\",\"b\"]}", "{\"a\":1,\"a\":2}", "|#/required|required|the property \"b\" is missing\n"},
        {"{\"maxProperties\":1}", "{\"a\":1,\"a\":{\"b\":2},\"a\":3}", ""},
        {"{\"minProperties\":2}", "{\"a\":1,\"a\":2,\"a\":3}",
         "|#/minProperties|minProperties|expected at least 2 properties, got 1\n"},
        {"{\"patternProperties\":{\"^a\":{\"minimum\":2}}}", "{\"a\":1,\"ab\":2,\"a\":2}", ""},
        {"{\"additionalProperties\":{\"minimum\":2}}", "{\"a\":3,\"a\":1}",
         "/a|#/additionalProperties/minimum|minimum|expected at least 2, got the number 1\n"},
        {"{\"propertyNames\":{\"maxLength\":0}}", "{\"a\":1,\"a\":1}",
         "|#/propertyNames/maxLength|maxLength|the name \"a\": expected at most 0 characters, got 1: \"a\"\n"},
        {"{\"dependentRequired\":{\"a\":[\"b\"]}}", "{\"a\":1,\"b\":2,\"b\":3}", ""},
        {"{\"dependentSchemas\":{\"a\":{\"maxProperties\":1}}}", "{\"a\":1,\"a\":2}", ""},
        {"{\"properties\":{\"a\":true},\"unevaluatedProperties\":false}", "{\"a\":1,\"b\":2,\"b\":3,\"a\":4}",
         "/b|#/unevaluatedProperties|unevaluatedProperties|the property \"b\" is not allowed\n"},
        {"{\"anyOf\":[{\"properties\":{\"b\":{\"const\":2}}},true],\"unevaluatedProperties\":{\"minimum\":9}}",
         "{\"a\":1,\"b\":1,\"a\":9,\"b\":2}", ""},
        {"{\"const\":{\"a\":1,\"b\":2}}", "{\"b\":2,\"a\":7,\"b\":2,\"a\":1}", ""},
        {"{\"enum\":[{\"a\":1},{\"a\":2}]}", "{\"a\":1,\"a\":2}", ""},
        {"{\"uniqueItems\":true}", "[{\"a\":1},{\"a\":2,\"a\":1}]",
         "|#/uniqueItems|uniqueItems|expected items that all differ, but items 0 and 1 are equal\n"},
        {"{\"uniqueItems\":true}", "[1,2,3,4,5,6,7,8,{\"a\":0,\"a\":[1]},{\"a\":[1]}]",
         "|#/uniqueItems|uniqueItems|expected items that all differ, but items 8 and 9 are equal\n"},
        {"{\"uniqueItems\":true}", "[1,2,3,4,5,6,7,8,{\"a\":0,\"a\":[1]},{\"a\":0}]", ""},
        {"{\"items\":{\"type\":\"integer\"}}", "[{\"a\":[],\"a\":{\"a\":1,\"a\":2}},7,\"x\"]",
         "/0|#/items/type|type|expected an integer, got an object of 1 property\n"
         "/2|#/items/type|type|expected an integer, got the string \"x\"\n"},
    };
    options.duplicate_keys = true;
    CHECK_ROWS(rows, &options);
    check_err(validate("true", NULL, "{\"a\":1,\"b\":{\"a\":1,\"a\":1}}"), WEFT_EINVAL);
    check_str(weft_error_message(), "the document: byte 19: a key stands twice in its object");
    check_err(validate("true", &options, "{\"a\":01,\"a\":1}"),
              WEFT_EINVAL); /* what does not count is JSON all the same */
    weft_schema *schema;
    check_err(weft_schema_compile(WEFT_TEXT("{\"const\":{\"a\":1,\"a\":1}}"), &options, &schema), WEFT_EINVAL);
}

static void long_values_are_cut_between_characters(void **state)
{
    (void)state;
    char document[512], expected[512];
    char *to = stpcpy(document, "\"x"), *wanted = stpcpy(expected, "|#/type|type|expected null, got the string \"x");
    for (int i = 0; i < 100; i++)
        to = stpcpy(to, "\xc3\xa9");
    for (int i = 0; i < 31; i++)
        wanted = stpcpy(wanted, "\xc3\xa9");
    stpcpy(to, "\"");
    stpcpy(wanted, "...\"\n");
    check_told("{\"type\":\"null\"}", NULL, document, expected);
}

/* Where: a name of so many As and then only characters of two bytes. */
static void a_long_place_is_cut_between_characters(void **state)
{
    (void)state;
    for (size_t before = 0; before < 2; before++) {
        char name[512] = "", document[1024], expected[512];
        memset(name, 'a', before);
        while (strlen(name) < 200)
            strcat(name, "\xc3\xa9");
        (void)snprintf(document, sizeof document, "{\"%s\":1}", name);
        (void)snprintf(expected, sizeof expected, "/%.*s...: expected null, got the number 1", before ? 119 : 118,
                       name);
        check_err(validate("{\"additionalProperties\":{\"type\":\"null\"}}", NULL, document), WEFT_EMISMATCH);
        check_str(weft_error_message(), expected);

        (void)snprintf(document, sizeof document, "{\"$id\":\"urn:%s\",\"type\":\"strin\"}", name);
        (void)snprintf(expected, sizeof expected, "urn:%.*s#/type: ", before ? 115 : 116, name);
        weft_schema *schema;
        check_err(weft_schema_compile(weft_text(document), NULL, &schema), WEFT_EINVAL);
        check_eq(strncmp(weft_error_message(), expected, strlen(expected)), 0);
    }
}

static void the_message_is_the_first_mismatch(void **state)
{
    (void)state;
    check_err(validate("{\"properties\":{\"customer\":{\"properties\":{\"email\":{\"type\":\"string\"}}}}}", NULL,
                       "{\"customer\":{\"email\":7}}"),
              WEFT_EMISMATCH);
    check_str(weft_error_message(), "/customer/email: expected a string, got the number 7");
    check_err(validate("{\"minimum\":1,\"multipleOf\":2}", NULL, "-1"), WEFT_EMISMATCH);
    check_str(weft_error_message(), "the document: expected at least 1, got the number -1");
    check_err(validate("true", NULL, "[1,"), WEFT_EINVAL);
    check_true(strncmp(weft_error_message(), "the document: byte 3: ", 22) == 0);
    check_err(validate("true", NULL, "{\"a\":1,\"a\":2}"), WEFT_EINVAL);
    check_err(validate("true", NULL, ""), WEFT_EINVAL);
}

static void who_is_told_may_stop(void **state)
{
    (void)state;
    weft_schema *schema = compiled("{\"items\":{\"anyOf\":[{\"type\":\"null\"},{\"type\":\"string\"}]}}", NULL);
    weft_validator *validator = opened();
    for (unsigned stop_at = 1; stop_at <= 6; stop_at++) {
        struct told told = {.stop_at = stop_at};
        check_err(weft_validate_all(validator, schema, WEFT_TEXT("[1,2]"), note, &told), WEFT_EMISMATCH);
        check_eq(told.count, stop_at);
    }
    weft_validator_close(validator);
    weft_schema_release(schema);
}

static void arguments_are_checked(void **state)
{
    (void)state;
    weft_schema *schema = compiled("true", NULL);
    weft_validator *validator = opened();
    weft_allocator allocator = {NULL, NULL, NULL};
    struct told told = {.count = 0};
    weft_bytes one = WEFT_TEXT("1");
    check_err(weft_validate(NULL, schema, one), WEFT_EINVAL);
    check_err(weft_validate(validator, NULL, one), WEFT_EINVAL);
    check_err(weft_validate(validator, schema, (weft_bytes){NULL, 1}), WEFT_EINVAL);
    check_err(weft_validate_all(NULL, schema, one, note, &told), WEFT_EINVAL);
    check_err(weft_validate_all(validator, NULL, one, note, &told), WEFT_EINVAL);
    check_err(weft_validate_all(validator, schema, one, NULL, &told), WEFT_EINVAL);
    check_err(weft_validate_all(validator, schema, (weft_bytes){NULL, 1}, note, &told), WEFT_EINVAL);
    check_err(weft_validator_open(NULL, NULL), WEFT_EINVAL);
    check_err(weft_validator_open(&allocator, &validator), WEFT_EINVAL);
    check_ok(weft_validate_all(validator, schema, one, note, &told));
    weft_validator_close(validator);
    weft_validator_close(NULL);
    weft_schema_release(schema);
}

/* --- bounds ----------------------------------------------------------------------------------- */

static void sizes_and_depths_are_bounded(void **state)
{
    (void)state;
    weft_schema_options options = WEFT_SCHEMA_OPTIONS;
    options.document_bytes_max = 4;
    check_ok(validate("true", &options, "[12]"));
    check_err(validate("true", &options, "[123]"), WEFT_ELIMIT);
    options = (weft_schema_options)WEFT_SCHEMA_OPTIONS;
    options.depth_max = 3;
    check_ok(validate("{\"items\":{\"$ref\":\"#\"}}", &options, "[[[]]]"));
    check_err(validate("{\"items\":{\"$ref\":\"#\"}}", &options, "[[[[]]]]"), WEFT_ELIMIT);
}

/* Each doubles what the one before it costs. */
static char *exponential(const char *keyword, int depth)
{
    char *text = malloc((size_t)depth * 160 + 64), *at = text;
    at += sprintf(at, "{\"$ref\":\"#/$defs/0\",\"$defs\":{");
    for (int i = 0; i < depth; i++)
        at += sprintf(at, "\"%d\":{\"%s\":[{\"$ref\":\"#/$defs/%d\"},{\"$ref\":\"#/$defs/%d\"}]},", i, keyword, i + 1,
                      i + 1);
    sprintf(at, "\"%d\":{\"type\":\"null\"}}}", depth);
    return text;
}

static void exponential_schemas_end(void **state)
{
    (void)state;
    static const char *const keywords[] = {"anyOf", "oneOf"};
    weft_schema_options options = WEFT_SCHEMA_OPTIONS;
    options.steps_max = 500000;
    for (int i = 0; i < 2; i++) {
        char *text = exponential(keywords[i], 60);
        check_err(validate(text, &options, "1"), WEFT_ELIMIT);
        check_true(strstr(weft_error_message(), "more than 500000 steps") != NULL);
        free(text);
    }
    char *text = exponential("allOf", 60); /* one failure is enough for allOf, not for who wants all */
    weft_schema *schema = compiled(text, &options);
    weft_validator *validator = opened();
    check_err(weft_validate(validator, schema, WEFT_TEXT("1")), WEFT_EMISMATCH);
    check_err(weft_validate(validator, schema, WEFT_TEXT("null")), WEFT_ELIMIT);
    weft_validator_close(validator);
    weft_schema_release(schema);
    free(text);
}

/* "#a" is the outer one when the scope has it, which leads back. */
static const char circle[] =
    "{\"$id\":\"https://example.org/r\",\"$dynamicAnchor\":\"a\",\"$ref\":\"t\",\"$defs\":{\"t\":{"
    "\"$id\":\"t\",\"$dynamicRef\":\"#a\",\"$defs\":{\"b\":{\"$dynamicAnchor\":\"a\"}}}}}";

static void circles_that_no_compiler_sees_end(void **state)
{
    (void)state;
    check_err(validate(circle, NULL, "{\"x\":1}"), WEFT_ELIMIT);
    check_true(strstr(weft_error_message(), "without end") != NULL);
}

static char *repeated(const char *open, const char *item, const char *close, size_t count)
{
    char *text = malloc(strlen(open) + strlen(item) * count + strlen(close) + 1), *at = text;
    at = stpcpy(at, open);
    for (size_t i = 0; i < count; i++)
        at = stpcpy(at, item);
    stpcpy(at, close);
    return text;
}

/* Quick where it can be, bounded where it cannot: many items that are the same but for what a hash does not see. */
static void large_arrays_of_items_that_differ(void **state)
{
    (void)state;
    enum { COUNT = 50000 };
    char *text = malloc(COUNT * 8 + 16), *at = text;
    *at++ = '[';
    for (int i = 0; i < COUNT; i++)
        at += sprintf(at, "%d,", i);
    stpcpy(at, "0.5]");
    check_ok(validate("{\"uniqueItems\":true}", NULL, text));
    stpcpy(at, "77]");
    check_err(validate("{\"uniqueItems\":true}", NULL, text), WEFT_EMISMATCH);
    check_true(strstr(weft_error_message(), "items 77 and 50000 are equal") != NULL);
    free(text);
}

static void a_pattern_that_is_too_hard_ends(void **state)
{
    (void)state;
    char *text = repeated("[\"", "a", "!\"]", 5000);
    check_err(validate("{\"items\":{\"pattern\":\"^(a|aa)+$\"}}", NULL, text), WEFT_ELIMIT);
    check_true(strncmp(weft_error_message(), "/0: ", 4) == 0);
    free(text);
}

struct weighed {
    size_t count, bytes;
};

static bool weigh(const weft_mismatch *m, void *context)
{
    struct weighed *weighed = context;
    weighed->count++;
    weighed->bytes += strlen(m->instance) + strlen(m->schema) + strlen(m->message);
    return true;
}

/* A long name in many pointers. */
static void what_is_told_is_bounded(void **state)
{
    (void)state;
    enum { COUNT = 5000, NAME_BYTES = 10000 };
    weft_schema_options options = WEFT_SCHEMA_OPTIONS;
    options.steps_max = 500000;
    char *name = repeated("", "k", "", NAME_BYTES), *falses = repeated("", "false,", "", COUNT), *text, *document;
    check_true(asprintf(&text, "{\"properties\":{\"%s\":{\"allOf\":[%strue]}}}", name, falses) > 0);
    check_true(asprintf(&document, "{\"%s\":1}", name) > 0);
    weft_schema *schema = compiled(text, &options);
    weft_validator *validator = opened();
    struct weighed weighed = {0};
    check_err(weft_validate_all(validator, schema, weft_text(document), weigh, &weighed), WEFT_ELIMIT);
    check_true(strstr(weft_error_message(), "takes more than 500000 steps") != NULL);
    check_true(weighed.count > 10);
    check_true(weighed.bytes <= 17 * (size_t)options.steps_max);
    check_err(weft_validate(validator, schema, weft_text(document)), WEFT_EMISMATCH);
    weft_validator_close(validator);
    weft_schema_release(schema);
    free(name);
    free(falses);
    free(text);
    free(document);
}

/* Of which a sentence says the beginning. */
static void a_long_number_is_not_read_for_each_sentence(void **state)
{
    (void)state;
    enum { COUNT = 20000, DIGITS = 500000 };
    char *falses = repeated("{\"allOf\":[", "{\"type\":\"null\"},", "true]}", COUNT);
    char *document = repeated("1.", "0", "", DIGITS);
    weft_schema *schema = compiled(falses, NULL);
    weft_validator *validator = opened();
    struct weighed weighed = {0};
    clock_t before = clock();
    check_err(weft_validate_all(validator, schema, weft_text(document), weigh, &weighed), WEFT_EMISMATCH);
    check_true((clock() - before) / CLOCKS_PER_SEC < 4);
    check_eq(weighed.count, COUNT);
    weft_validator_close(validator);
    weft_schema_release(schema);
    free(falses);
    free(document);
}

/* As deep as it goes, and through what takes most, on the stack that the header says, and a page or two for the rest. */
static void *run_deep(void *context)
{
    (void)context;
    weft_schema_options options = WEFT_SCHEMA_OPTIONS;
    static const char schema[] =
        "{\"$id\":\"https://example.org/r\",\"$dynamicAnchor\":\"a\",\"unevaluatedProperties\":"
        "false,\"anyOf\":[{\"$ref\":\"t\"}],\"$defs\":{\"t\":{\"$id\":\"t\",\"oneOf\":[{"
        "\"$dynamicRef\":\"#a\"}],\"$defs\":{\"b\":{\"$dynamicAnchor\":\"a\"}}}}}";
    thread_check_err(validate(schema, &options, "{\"x\":1}"), WEFT_ELIMIT);
    char *open = repeated("", "{\"a\":", "{}", 255), *text = repeated(open, "}", "", 255);
    free(open);
    thread_check_ok(
        validate("{\"additionalProperties\":{\"allOf\":[{\"type\":\"object\"},{\"$ref\":\"#\"}]}}", &options, text));
    free(text);
    return NULL;
}

static void depth_takes_no_more_stack_than_said(void **state)
{
    (void)state;
    pthread_attr_t attributes;
    pthread_t thread;
    size_t stack_bytes = 256 * 3 * 1024 + 64 * 1024;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, SANITIZED ? 64 * stack_bytes : stack_bytes);
    check_eq(pthread_create(&thread, &attributes, run_deep, NULL), 0);
    check_eq(pthread_join(thread, NULL), 0);
    pthread_attr_destroy(&attributes);
}

/* A schema is anybody's. */
static void *validate_often(void *context)
{
    weft_schema *schema = context;
    weft_validator *validator;
    thread_check_ok(weft_validator_open(NULL, &validator));
    for (int i = 0; i < 200; i++) {
        thread_check_ok(weft_validate(validator, schema, WEFT_TEXT("{\"name\":\"ab\",\"x-1\":[]}")));
        thread_check_err(weft_validate(validator, schema, WEFT_TEXT("{\"name\":\"AB\"}")), WEFT_EMISMATCH);
        weft_schema_release(weft_schema_hold(schema));
    }
    weft_validator_close(validator);
    weft_schema_release(schema);
    return NULL;
}

static void threads_share_a_schema(void **state)
{
    (void)state;
    pthread_t threads[4];
    weft_schema *schema =
        compiled("{\"properties\":{\"name\":{\"pattern\":\"^[a-z]+$\"}},\"patternProperties\":{\"^x-\":"
                 "{\"maxItems\":2}}}",
                 NULL);
    for (int i = 0; i < 4; i++)
        check_eq(pthread_create(&threads[i], NULL, validate_often, weft_schema_hold(schema)), 0);
    weft_schema_release(schema);
    for (int i = 0; i < 4; i++)
        check_eq(pthread_join(threads[i], NULL), 0);
}

/* Who tells of each of many does not look for each from the beginning. */
static bool count_one(const weft_mismatch *mismatch, void *context)
{
    (void)mismatch;
    ++*(unsigned *)context;
    return true;
}

static void many_mismatches_are_found_in_their_order(void **state)
{
    (void)state;
    unsigned count = 0;
    char *text = repeated("[0", ",{\"a\":[1,2]}", "]", 10000);
    weft_schema *schema = compiled("{\"items\":{\"properties\":{\"a\":{\"items\":{\"const\":0}}}}}", NULL);
    weft_validator *validator = opened();
    check_err(weft_validate_all(validator, schema, weft_text(text), count_one, &count), WEFT_EMISMATCH);
    check_eq(count, 20000);
    weft_validator_close(validator);
    weft_schema_release(schema);
    free(text);
}

/* --- memory ----------------------------------------------------------------------------------- */

/* Something of all that takes memory: escapes, marks, dynamic scope, unique items, patterns, pointers. */
static const char varied[] =
    "{\"$id\":\"https://example.org/v\",\"$dynamicAnchor\":\"v\",\"type\":\"object\",\"properties\":{"
    "\"next\":{\"$dynamicRef\":\"#v\"},\"tags\":{\"uniqueItems\":true,\"contains\":{\"const\":\"x\"}},"
    "\"sub\":{\"$ref\":\"s\"},\"name\":{\"pattern\":\"^[a-z\\\\n]+$\",\"maxLength\":9,\"enum\":[\"ab\",\"a\\n\"]}},"
    "\"anyOf\":[{\"patternProperties\":{\"^x-\":true}},{\"required\":[\"y\"]}],\"unevaluatedProperties\":false,"
    "\"$defs\":{\"s\":{\"$id\":\"s\",\"items\":{\"$dynamicRef\":\"#v\"},"
    "\"$defs\":{\"v\":{\"$dynamicAnchor\":\"v\"}}}}}";
static const char good[] = "{\"next\":{\"tags\":[\"x\",1,2,3,4,5,6,7,8,9,\"\\u0061\",{\"a\":[1]}]},"
                           "\"sub\":[{},{\"x-\\u0061\":1}],\"name\":\"a\\n\"}";
static const char *const documents[] = {
    good,
    "{\"next\":{\"\\u006e\\u0061me\":\"A\\n\"}}",
    "{\"sub\":[{\"tags\":[\"x\",1,2,3,4,5,6,7,8,9,1.0]}]}",
    "{\"sub\":[{},{\"y\\u00e9\":1}]}",
    "[1",
};

static weft_error validate_all_of(weft_validator *validator, const weft_schema *schema)
{
    for (size_t i = 0; i < sizeof documents / sizeof *documents; i++) {
        struct told told = {.count = 0};
        weft_error expected = i == 0 ? WEFT_OK : i == 4 ? WEFT_EINVAL : WEFT_EMISMATCH;
        weft_error error = weft_validate(validator, schema, weft_text(documents[i]));
        if (error == expected) error = weft_validate_all(validator, schema, weft_text(documents[i]), note, &told);
        if (error == WEFT_ENOMEM) return error;
        check_err(error, expected);
    }
    return WEFT_OK;
}

static void a_validator_that_is_warm_allocates_nothing(void **state)
{
    (void)state;
    struct failmem failmem;
    failmem_init(&failmem);
    weft_allocator allocator = {failmem.mem.alloc, failmem.mem.free, failmem.mem.context};
    weft_schema_options options = WEFT_SCHEMA_OPTIONS;
    weft_validator *validator;
    options.allocator = &allocator;
    weft_schema *schema = compiled(varied, &options);
    check_ok(weft_validator_open(&allocator, &validator));
    check_ok(validate_all_of(validator, schema));
    failmem_fail_from(&failmem, 1); /* counts from here on, too */
    for (int i = 0; i < 100; i++)
        check_ok(validate_all_of(validator, schema));
    check_eq(failmem.allocations, 0);
    weft_validator_close(validator);
    weft_schema_release(schema);
    check_eq(failmem.live_blocks, 0);
}

static void validating_without_memory_leaves_nothing_behind(void **state)
{
    (void)state;
    struct failmem failmem;
    failmem_init(&failmem);
    weft_allocator allocator = {failmem.mem.alloc, failmem.mem.free, failmem.mem.context};
    weft_schema *schema = compiled(varied, NULL);
    uint64_t nth = 1;
    for (bool refused = true; refused; nth++) {
        weft_validator *validator = NULL;
        failmem_fail_once(&failmem, nth);
        weft_error error = weft_validator_open(&allocator, &validator);
        if (!error) error = validate_all_of(validator, schema);
        refused = failmem.refused > 0;
        check_err(error, refused ? WEFT_ENOMEM : WEFT_OK);
        if (validator) check_ok(validate_all_of(validator, schema)); /* again, with memory */
        weft_validator_close(validator);
        check_eq(failmem.live_blocks, 0);
    }
    check_true(nth > 8);
    weft_schema_release(schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_and_values),
        cmocka_unit_test(numbers),
        cmocka_unit_test(strings),
        cmocka_unit_test(arrays),
        cmocka_unit_test(objects),
        cmocka_unit_test(combinations),
        cmocka_unit_test(a_long_enum_takes_what_it_lists_by_value),
        cmocka_unit_test(of_names_that_stand_twice_the_last_counts),
        cmocka_unit_test(long_values_are_cut_between_characters),
        cmocka_unit_test(a_long_place_is_cut_between_characters),
        cmocka_unit_test(the_message_is_the_first_mismatch),
        cmocka_unit_test(who_is_told_may_stop),
        cmocka_unit_test(arguments_are_checked),
        cmocka_unit_test(sizes_and_depths_are_bounded),
        cmocka_unit_test(exponential_schemas_end),
        cmocka_unit_test(circles_that_no_compiler_sees_end),
        cmocka_unit_test(large_arrays_of_items_that_differ),
        cmocka_unit_test(a_pattern_that_is_too_hard_ends),
        cmocka_unit_test(what_is_told_is_bounded),
        cmocka_unit_test(a_long_number_is_not_read_for_each_sentence),
        cmocka_unit_test(depth_takes_no_more_stack_than_said),
        cmocka_unit_test(threads_share_a_schema),
        cmocka_unit_test(many_mismatches_are_found_in_their_order),
        cmocka_unit_test(a_validator_that_is_warm_allocates_nothing),
        cmocka_unit_test(validating_without_memory_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
