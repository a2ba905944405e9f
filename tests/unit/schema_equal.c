/* Members by name, equality as JSON Schema has it, within its steps; and the canonical form of RFC 8785. */
#include "schema/canonical.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/failmem.h"
#include "lib/json_text.h"

static struct json_parser parsers[2];

static int set_up(void **state)
{
    (void)state;
    weft__json_parser_init(&parsers[0], &weft__mem_libc, 1);
    weft__json_parser_init(&parsers[1], &weft__mem_libc, 2); /* hashes differ: equality is of texts */
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    weft__json_parser_fini(&parsers[0]);
    weft__json_parser_fini(&parsers[1]);
    return 0;
}

static struct json_doc parse_by(struct json_parser *parser, const char *text, bool duplicate_keys)
{
    const struct json_limits limits = {1u << 30, JSON_DEPTH_MAX, duplicate_keys};
    struct json_doc doc;
    struct json_fault fault;
    check_ok(weft__json_parse(parser, text, strlen(text), &limits, &doc, &fault));
    return doc;
}

static bool equal_in(const char *a, const char *b, bool duplicate_keys, uint32_t *steps)
{
    struct json_doc a_doc = parse_by(&parsers[0], a, duplicate_keys), b_doc = parse_by(&parsers[1], b, duplicate_keys);
    return weft__json_equal(&a_doc, a_doc.values, &b_doc, b_doc.values, steps);
}

static void check_equal(const char *a, const char *b, bool expected)
{
    for (int duplicates = 0; duplicates < 2; duplicates++) {
        uint32_t steps = 100000, other = 100000;
        check_eq_at(CHECK_SITE(a), equal_in(a, b, duplicates, &steps), expected);
        check_eq_at(CHECK_SITE(b), equal_in(b, a, duplicates, &other), expected);
        check_true(steps > 0 && other > 0);
    }
}

static void values_are_equal_by_what_they_mean(void **state)
{
    (void)state;
    static const char *const classes[][4] = {
        /* those of a row are equal, those of two rows are not */
        {"null", " null "},
        {"false"},
        {"true"},
        {"0", "-0.0", "0e7", "0.00000000000000000000000000000"},
        {"1", "1.0", "10e-1", "1.00000000000000000000000000000"},
        {"12345678901234567890123", "12345678901234567890123.0", "1.2345678901234567890123e22"},
        {"12345678901234567890124"},
        {"1e400", "10e399"},
        {"1e40000", "10e39999"},
        {"\"\""},
        {"\"0\""},
        {"\"a\\n\\u00e9\"", "\"\\u0061\\u000a\xc3\xa9\"", "\"a\\n\xc3\xa9\""},
        {"\"a\\n\\u00e8\"", "\"\\u0061\\u000a\xc3\xa8\""},
        {"\"\\ud83e\\uddf5\"", "\"\xf0\x9f\xa7\xb5\""},
        {"\"e\\u0301\"", "\"e\xcc\x81\""},
        {"[]", "[ ]"},
        {"{}", "{ }"},
        {"[[]]"},
        {"[1,2]", "[1.0,2e0]"},
        {"[2,1]"},
        {"[1]"},
        {"[1,2,3]"},
        {"{\"a\":1}", "{\"\\u0061\":1.0}"},
        {"{\"a\":2}"},
        {"{\"b\":1}"},
        {"{\"a\":1,\"b\":[1,{\"x\":null}],\"c\":{}}", "{\"c\":{},\"a\":1,\"b\":[1,{\"x\":null}]}",
         "{\"b\":[1,{\"\\u0078\":null}],\"c\":{},\"a\":1}"},
        {"{\"a\":1,\"b\":[1,{\"x\":null}],\"d\":{}}"},
        {"{\"a\":1,\"b\":[1,{\"x\":false}],\"c\":{}}"},
        {"{\"a\":1,\"b\":[1,{\"x\":null}],\"c\":[]}"},
        {"{\"a\":1,\"b\":[1,{\"x\":null}]}"},
    };
    enum { ROWS = sizeof classes / sizeof *classes };
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < ROWS; j++)
            for (int k = 0; k < 4 && classes[i][k]; k++)
                for (int l = 0; l < 4 && classes[j][l]; l++)
                    check_equal(classes[i][k], classes[j][l], i == j);
}

static void of_keys_that_stand_twice_the_last_counts(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool equal;
    } cases[] = {{"{\"a\":1,\"a\":2}", "{\"a\":2}", true},
                 {"{\"a\":1,\"a\":2}", "{\"a\":1}", false},
                 {"{\"a\":1,\"\\u0061\":2}", "{\"a\":3,\"a\":2}", true},
                 {"{\"a\":1,\"b\":2}", "{\"a\":1,\"a\":1}", false},
                 {"{\"a\":1,\"a\":1}", "{\"a\":1,\"b\":1}", false},
                 {"{\"a\":[],\"b\":0,\"a\":1}", "{\"b\":0,\"a\":1}", true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t steps = 1000;
        check_eq_at(CHECK_SITE(cases[i].a), equal_in(cases[i].a, cases[i].b, true, &steps), cases[i].equal);
        check_eq_at(CHECK_SITE(cases[i].b), equal_in(cases[i].b, cases[i].a, true, &steps), cases[i].equal);
    }
    struct json_doc doc = parse_by(&parsers[0], "{\"a\":1,\"b\":2,\"\\u0061\":3}", true);
    check_eq(weft__json_member(&doc, doc.values, "a")->mantissa, 3);
}

static void members_are_found_by_their_decoded_name(void **state)
{
    (void)state;
    struct json_doc doc = parse_by(&parsers[0], "{\"a\":{\"b\":0},\"\\u0062\":2,\"\":3,\"c\":[1]}", false);
    check_true(weft__json_member(&doc, doc.values, "a") == doc.values + 2);
    check_eq(weft__json_member(&doc, doc.values, "b")->mantissa, 2);
    check_eq(weft__json_member(&doc, doc.values, "")->mantissa, 3);
    check_eq(weft__json_member(&doc, doc.values, "c")->count, 1);
    check_true(!weft__json_member(&doc, doc.values, "d"));
    doc = parse_by(&parsers[0], "{}", false);
    check_true(!weft__json_member(&doc, doc.values, ""));
}

/* Each number of steps short of enough ends with false and 0. */
static void a_comparison_keeps_within_its_steps(void **state)
{
    (void)state;
    static const char a[] = "{\"a\":[1,2,{\"x\":12345678901234567890123}],\"b\":\"a string\",\"c\":{}}",
                      b[] = "{\"c\":{},\"b\":\"a string\",\"a\":[1,2,{\"x\":12345678901234567890123}]}";
    for (int duplicates = 0; duplicates < 2; duplicates++) {
        uint32_t steps = 1000;
        check_true(equal_in(a, b, duplicates, &steps));
        uint32_t needed = 1000 - steps + 1; /* one is left where they suffice */
        for (uint32_t given = 0; given < needed; given++) {
            steps = given;
            check_true(!equal_in(a, b, duplicates, &steps));
            check_eq(steps, 0);
        }
        steps = needed;
        check_true(equal_in(a, b, duplicates, &steps));
        check_eq(steps, 1);
    }
    char text[6500];
    text[0] = '"';
    memset(text + 1, 'x', 6400);
    strcpy(text + 6401, "\"");
    uint32_t steps = 1000;
    check_true(equal_in(text, text, false, &steps));
    check_true(steps < 900); /* long texts cost by their size */
}

/* --- the canonical form ----------------------------------------------------------------------- */

static void check_canonical(const char *text, const char *expected, bool duplicate_keys)
{
    struct json_doc doc = parse_by(&parsers[0], text, duplicate_keys);
    struct failmem failmem;
    char *canonical;
    size_t size_bytes;
    uint32_t at;
    failmem_init(&failmem);
    for (uint64_t nth = 1;; nth++) {
        failmem_fail_once(&failmem, nth);
        weft_error error = weft__json_canonical(&failmem.mem, &doc, &canonical, &size_bytes, &at);
        if (failmem.refused == 0) {
            check_ok(error);
            break;
        }
        check_err(error, WEFT_ENOMEM);
        check_eq(failmem.live_blocks, 0);
    }
    check_str(canonical, expected);
    check_eq(size_bytes, strlen(expected));
    weft__mem_free(&failmem.mem, canonical);
    check_eq(failmem.live_blocks, 0);
}

static void the_canonical_form_is_that_of_rfc_8785(void **state)
{
    (void)state;
    check_canonical("null", "null", false);
    check_canonical(" [ true , false , null , { } , [ ] ] ", "[true,false,null,{},[]]", false);
    /* strings: section 3.2.2.2 */
    check_canonical("\"\\u0000\\u0001\\b\\t\\n\\u000b\\f\\r\\u001F\\u0020\\\"\\\\\\/\\u007f\\u0080\\u2028\\uFFFF\"",
                    "\"\\u0000\\u0001\\b\\t\\n\\u000b\\f\\r\\u001f \\\"\\\\/\x7f\xc2\x80\xe2\x80\xa8\xef\xbf\xbf\"",
                    false);
    check_canonical("\"\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\\"\\/\"",
                    "\"\xe2\x82\xac$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"", false);
    check_canonical("\"\\ud83e\\uddf5\"", "\"\xf0\x9f\xa7\xb5\"", false);
    /* numbers: section 3.2.2.3 */
    check_canonical("[333333333.3333333,1E30,4.50,2e-3,0.000000000000000000000000001,-0]",
                    "[333333333.3333333,1e+30,4.5,0.002,1e-27,0]", false);
    /* order of names: section 3.2.3; a surrogate pair, \ud83d\ude00, is before \ufb33 */
    check_canonical(
        "{\"\\u20ac\":\"Euro Sign\",\"\\r\":\"Carriage Return\",\"\\ufb33\":\"Hebrew Letter Dalet With Dagesh\","
        "\"1\":\"One\",\"\\ud83d\\ude00\":\"Emoji: Grinning Face\",\"\\u0080\":\"Control\","
        "\"\\u00f6\":\"Latin Small Letter O With Diaeresis\"}",
        "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\xc2\x80\":\"Control\","
        "\"\xc3\xb6\":\"Latin Small Letter O With Diaeresis\",\"\xe2\x82\xac\":\"Euro Sign\","
        "\"\xf0\x9f\x98\x80\":\"Emoji: Grinning Face\",\"\xef\xac\xb3\":\"Hebrew Letter Dalet With Dagesh\"}",
        false);
    check_canonical(
        "{\"b\":1,\"\":2,\"ab\":3,\"a\":4,\"B\":5,\"a\\u0000\":6,\"\\ue000\":7,\"\\udbff\\udfff\":8,\"\\uffff\":9}",
        "{\"\":2,\"B\":5,\"a\":4,\"a\\u0000\":6,\"ab\":3,\"b\":1,\"\xf4\x8f\xbf\xbf\":8,\"\xee\x80\x80\":7,"
        "\"\xef\xbf\xbf\":9}",
        false);
    check_canonical("{\"z\":{\"b\":[{\"y\":1,\"x\":2}],\"a\":0},\"a\":{}}",
                    "{\"a\":{},\"z\":{\"a\":0,\"b\":[{\"x\":2,\"y\":1}]}}", false);
    check_canonical("{\"b\":1,\"a\":2,\"b\":3,\"a\":4,\"a\":5}", "{\"a\":5,\"b\":3}", true);
}

static void members_of_any_number_are_sorted(void **state)
{
    (void)state;
    for (int count = 1; count < 200; count += count < 20 ? 1 : 37) {
        char text[4096] = "{", expected[4096] = "{";
        size_t used = 1, wanted = 1;
        for (int i = 0; i < count; i++) {
            used += (size_t)sprintf(text + used, "%s\"%04d\":%d", i ? "," : "", i * 7919 % 10007, i);
            wanted += (size_t)sprintf(expected + wanted, "%s\"", i ? "," : "");
            int least = -1, which = 0; /* selection sort: the smallest name above the last */
            static int last;
            if (i == 0) last = -1;
            for (int j = 0; j < count; j++) {
                int name = j * 7919 % 10007;
                if (name > last && (least < 0 || name < least)) least = name, which = j;
            }
            last = least;
            wanted += (size_t)sprintf(expected + wanted, "%04d\":%d", least, which);
        }
        strcpy(text + used, "}");
        strcpy(expected + wanted, "}");
        check_canonical(text, expected, false);
    }
}

static void a_number_without_a_canonical_form_is_refused_with_its_place(void **state)
{
    (void)state;
    struct json_doc doc = parse_by(&parsers[0], "{\"a\":[1,9007199254740993,1e400]}", false);
    struct failmem failmem;
    char *canonical;
    size_t size_bytes;
    uint32_t at = 0;
    failmem_init(&failmem);
    check_err(weft__json_canonical(&failmem.mem, &doc, &canonical, &size_bytes, &at), WEFT_EUNSUPPORTED);
    check_eq(at, 8);
    check_eq(failmem.live_blocks, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_equal_by_what_they_mean),
        cmocka_unit_test(of_keys_that_stand_twice_the_last_counts),
        cmocka_unit_test(members_are_found_by_their_decoded_name),
        cmocka_unit_test(a_comparison_keeps_within_its_steps),
        cmocka_unit_test(the_canonical_form_is_that_of_rfc_8785),
        cmocka_unit_test(members_of_any_number_are_sorted),
        cmocka_unit_test(a_number_without_a_canonical_form_is_refused_with_its_place),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
