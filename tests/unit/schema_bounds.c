/* schema_bounds.c: what is seen at once to match, by a node's bounds or a name's slot. Promises:
 *   - values at the edges of all bounds fare as they do where a node has none
 *   - a key is told from others by each of its bytes, of whatever size it is and wherever in the document */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weft/schema.h>

#include "lib/check.h"

#define COUNT(list) (sizeof(list) / sizeof *(list))

static weft_validator *validator;

static weft_schema *compiled(const char *text)
{
    weft_schema *schema;
    weft_error error = weft_schema_compile(weft_text(text), NULL, &schema);
    if (error) fail_msg("%s: %s", text, weft_error_message());
    return schema;
}

static weft_error verdict(const weft_schema *schema, const char *document, char message[256])
{
    weft_error error = weft_validate(validator, schema, weft_text(document));
    snprintf(message, 256, "%s", error ? weft_error_message() : "");
    return error;
}

/* keywords: such that "not" makes no difference, but that the node has an op for any value. */
static void compare(const char *keywords, const char *const *documents, size_t count)
{
    char text[512], got[256], expected[256];
    snprintf(text, sizeof text, "{%s}", keywords);
    weft_schema *schema = compiled(text);
    snprintf(text, sizeof text, "{%s,\"not\":{\"const\":\"no such value\"}}", keywords);
    weft_schema *slow = compiled(text);
    for (size_t i = 0; i < count; i++) {
        weft_error error = verdict(schema, documents[i], got);
        if (error != verdict(slow, documents[i], expected) || strcmp(got, expected) != 0)
            fail_msg("{%s}: %s: \"%s\", expected \"%s\"", keywords, documents[i], got, expected);
    }
    weft_schema_release(schema);
    weft_schema_release(slow);
}

static const char *const numbers[] = {"0",
                                      "1",
                                      "-1",
                                      "2",
                                      "0.5",
                                      "-0.5",
                                      "1.5",
                                      "-1.5",
                                      "0.999",
                                      "1.0",
                                      "1e1",
                                      "10.01",
                                      "9.99",
                                      "1e-18",
                                      "-1e-18",
                                      "1e-19",
                                      "-1e-19",
                                      "1e400",
                                      "-1e400",
                                      "1e-400",
                                      "1e18",
                                      "1e19",
                                      "0.1234567890123456789012345",
                                      "922337203685477580.7",
                                      "9.223372036854775807",
                                      "9223372036854775806",
                                      "9223372036854775807",
                                      "9223372036854775808",
                                      "9223372036854775806.5",
                                      "-9223372036854775806",
                                      "-9223372036854775807",
                                      "-9223372036854775808",
                                      "-9223372036854775809",
                                      "-9.223372036854775807"};

static void numbers_at_the_edges(void **state)
{
    (void)state;
    static const char *const keywords[] = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"};
    char text[256];
    for (size_t i = 0; i < COUNT(keywords); i++)
        for (size_t k = 0; k < COUNT(numbers); k++) {
            snprintf(text, sizeof text, "\"%s\":%s", keywords[i], numbers[k]);
            compare(text, numbers, COUNT(numbers));
            snprintf(text, sizeof text, "\"type\":\"integer\",\"%s\":%s", keywords[i], numbers[k]);
            compare(text, numbers, COUNT(numbers));
        }
    compare("\"minimum\":0,\"exclusiveMinimum\":1,\"maximum\":10,\"exclusiveMaximum\":10.5", numbers, COUNT(numbers));
    compare("\"minimum\":2,\"maximum\":1", numbers, COUNT(numbers));
    compare("\"minimum\":0,\"multipleOf\":0.5", numbers, COUNT(numbers));
    compare("\"type\":[\"integer\",\"string\"]", numbers, COUNT(numbers));
    compare("\"type\":\"string\",\"minimum\":0", numbers, COUNT(numbers));
}

static void strings_at_the_edges(void **state)
{
    (void)state;
    static const char *const strings[] = {"\"\"",
                                          "\"a\"",
                                          "\"ab\"",
                                          "\"abc\"",
                                          "\"\xc3\xa9\"",
                                          "\"\xc3\xa9\xc3\xa9\"",
                                          "\"a\xc3\xa9\"",
                                          "\"\xf0\x9f\x98\x80\"",
                                          "\"\\u0061\"",
                                          "\"\\u0061b\"",
                                          "\"\\ud83d\\ude00\"",
                                          "\"\\ud83d\\ude00\\ud83d\\ude00\"",
                                          "\"\\ud83d\\ude00x\"",
                                          "\"\\n\\n\"",
                                          "\"aaaaaaaaaaaa\"",
                                          "\"aaaaaaaaaaaaa\"",
                                          "\"\\u0061\\u0061\\u0061\\u0061\"",
                                          "12",
                                          "null",
                                          "[]"};
    char text[256];
    for (int count = 0; count < 15; count++) {
        snprintf(text, sizeof text, "\"minLength\":%d", count);
        compare(text, strings, COUNT(strings));
        snprintf(text, sizeof text, "\"type\":[\"string\",\"null\"],\"maxLength\":%d", count);
        compare(text, strings, COUNT(strings));
    }
    compare("\"minLength\":1,\"maxLength\":2,\"pattern\":\"^[a-c]{2}$\"", strings, COUNT(strings));
    compare("\"pattern\":\"^ab?$\"", strings, COUNT(strings));
    compare("\"pattern\":\"^[\\\\\\\\u0-9]{6}$\"", strings, COUNT(strings));
    compare("\"maxLength\":4294967296", strings, COUNT(strings));
    compare("\"type\":\"number\",\"minLength\":1", strings, COUNT(strings));
}

/* A document with one member, whose name may stand near the end; in memory of its own, so that a read beyond it is
 * seen. */
static weft_error lookup(const weft_schema *schema, const char *name, int spaces)
{
    char text[256];
    size_t size = (size_t)snprintf(text, sizeof text, "{\"%s\":0}%*s", name, spaces, "");
    char *document = malloc(size);
    check_true(document);
    memcpy(document, text, size);
    weft_error error = weft_validate(validator, schema, (weft_bytes){document, size});
    free(document);
    return error;
}

static void check_name(const char *name, bool escaped)
{
    char text[256], other[128];
    snprintf(text, sizeof text, "{\"properties\":{\"%s\":{\"type\":\"null\"}},\"additionalProperties\":{\"const\":0}}",
             name);
    weft_schema *schema = compiled(text);
    for (int spaces = 0; spaces < 24; spaces += 23) {
        check_err(lookup(schema, name, spaces), WEFT_EMISMATCH);
        for (size_t i = 0; i < strlen(name) && !escaped; i++) {
            snprintf(other, sizeof other, "%s", name);
            other[i] = '~';
            check_ok(lookup(schema, other, spaces));
            other[i] = '\0';
            check_ok(lookup(schema, other, spaces));
        }
        snprintf(other, sizeof other, "%s ", name);
        check_ok(lookup(schema, other, spaces));
    }
    weft_schema_release(schema);
}

static void names_of_all_sizes(void **state)
{
    (void)state;
    char name[64] = "", escaped[80];
    for (size_t size = 0; size < 40; size++) {
        check_name(name, false);
        snprintf(escaped, sizeof escaped, "%s\\u0041", name);
        check_name(escaped, true);
        name[size] = (char)('a' + size % 26);
    }
}

/* So many that their slots are often taken. */
static void many_names(void **state)
{
    (void)state;
    enum { NAMES = 200 };
    char text[16 * 1024], name[16], *at = text;
    at += sprintf(at, "{\"properties\":{\"0\":{\"type\":\"null\"}");
    for (int i = 1; i < NAMES; i++)
        at += sprintf(at, ",\"%d\":{\"const\":%d}", i, i);
    sprintf(at, "},\"required\":[\"1\",\"199\"],\"additionalProperties\":false}");
    weft_schema *schema = compiled(text);
    at = text + sprintf(text, "{\"1\":1");
    for (int i = 2; i < NAMES; i++)
        at += sprintf(at, ",\"%d\":%d", i, i);
    sprintf(at, "}");
    check_ok(weft_validate(validator, schema, weft_text(text)));
    for (int i = 2; i < NAMES; i++) {
        sprintf(name, "\"%d\":", i);
        char *colon = strchr(strstr(text, name), ':'), digit = colon[1];
        colon[1] = digit == '9' ? '8' : (char)(digit + 1);
        check_err(weft_validate(validator, schema, weft_text(text)), WEFT_EMISMATCH);
        colon[1] = digit;
    }
    check_err(weft_validate(validator, schema, WEFT_TEXT("{\"1\":1,\"199\":199,\"200\":200}")), WEFT_EMISMATCH);
    check_err(weft_validate(validator, schema, WEFT_TEXT("{\"1\":1,\"198\":198}")), WEFT_EMISMATCH);
    weft_schema_release(schema);
}

static int open_validator(void **state)
{
    (void)state;
    return weft_validator_open(NULL, &validator) ? -1 : 0;
}

static int close_validator(void **state)
{
    (void)state;
    weft_validator_close(validator);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_at_the_edges),
        cmocka_unit_test(strings_at_the_edges),
        cmocka_unit_test(names_of_all_sizes),
        cmocka_unit_test(many_names),
    };
    return cmocka_run_group_tests(tests, open_validator, close_validator);
}
