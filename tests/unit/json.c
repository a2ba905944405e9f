/* Writing JSON: commas between members and elements and nowhere else; strings that are valid whatever they hold. */
#include "api/json.h"

#include <string.h>

#include "lib/check.h"

static void commas_stand_between_what_is_beside_each_other(void **state)
{
    (void)state;
    struct json json = {.text = NULL};
    weft__json_open(&json, NULL, '{');
    weft__json_number(&json, "a", UINT64_MAX);
    weft__json_signed(&json, "b", INT64_MIN);
    weft__json_open(&json, "c", '[');
    weft__json_bool(&json, NULL, true);
    weft__json_open(&json, NULL, '{');
    weft__json_close(&json, '}');
    weft__json_text(&json, NULL, NULL);
    weft__json_open(&json, NULL, '[');
    weft__json_close(&json, ']');
    weft__json_close(&json, ']');
    weft__json_bool(&json, "d", false);
    weft__json_close(&json, '}');
    check_true(!json.failed);
    check_str(json.text, "{\"a\":18446744073709551615,\"b\":-9223372036854775808,\"c\":[true,{},null,[]],\"d\":false}");
    check_eq(strlen(json.text), json.used);
    weft__json_drop(&json);
    weft__json_drop(&json);
}

static void check_string(const char *value, const char *expected)
{
    struct json json = {.text = NULL};
    weft__json_text(&json, NULL, value);
    check_str(json.text, expected);
    weft__json_drop(&json);
}

static void strings_are_escaped(void **state)
{
    (void)state;
    check_string("", "\"\"");
    check_string("plain", "\"plain\"");
    check_string("\"quoted\\", "\"\\\"quoted\\\\\"");
    check_string("a\nb\x01\x7f", "\"a\\u000ab\\u0001\\u007f\"");
    check_string("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\xa7\xb5",
                 "\"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\xa7\xb5\"");
}

static void what_is_no_utf8_is_replaced(void **state)
{
    (void)state;
    check_string("\xff", "\"\\ufffd\"");
    check_string("\x80x", "\"\\ufffdx\"");
    check_string("\xc3", "\"\\ufffd\"");
    check_string("\xe2\x82", "\"\\ufffd\\ufffd\"");
    check_string("\xc0\xaf", "\"\\ufffd\\ufffd\"");
    check_string("\xe0\x80\x80", "\"\\ufffd\\ufffd\\ufffd\"");
    check_string("\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\"");
    check_string("\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\"");
}

static void text_grows_as_long_as_need_be(void **state)
{
    (void)state;
    static char long_text[100000];
    struct json json = {.text = NULL};
    memset(long_text, 'x', sizeof long_text - 1);
    for (int i = 0; i < 20; i++)
        weft__json_text(&json, NULL, long_text);
    check_eq(json.used, 20 * (sizeof long_text - 1 + 2) + 19);
    check_eq(strlen(json.text), json.used);
    weft__json_drop(&json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commas_stand_between_what_is_beside_each_other),
        cmocka_unit_test(strings_are_escaped),
        cmocka_unit_test(what_is_no_utf8_is_replaced),
        cmocka_unit_test(text_grows_as_long_as_need_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
