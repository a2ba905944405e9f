/* The parser of JSON takes what RFC 8259 calls JSON and nothing else: samples by its rules, as they are, truncated and
 * with each byte replaced, and mutants, against the plain grammar of tests/lib. SEED=n repeats a run's mutants. */
#include "schema/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/json_text.h"

static struct json_parser parser;

static const struct json_limits lenient = {
    .size_bytes_max = 1u << 30, .depth_max = JSON_DEPTH_MAX, .duplicate_keys = true};

static int set_up(void **state)
{
    (void)state;
    weft__json_parser_init(&parser, &weft__mem_libc, 0x5eed);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    weft__json_parser_fini(&parser);
    return 0;
}

/* --- what is JSON ----------------------------------------------------------------------------- */

struct sample {
    const char *text;
    size_t size_bytes;
};

#define S(text)                                                                                                        \
    {                                                                                                                  \
        text, sizeof(text) - 1                                                                                         \
    }

/* RFC 8259, rule by rule, at its edges. */
static const struct sample valid[] = {
    /* values and white space, sections 2 and 3 */
    S("null"),
    S("true"),
    S("false"),
    S(" \t\r\n null \t\r\n "),
    S("[null,true,false]"),
    S("[ null , true , false ]"),
    S("\"\""),
    S("0"),
    S("{}"),
    S("[]"),
    S("{ }"),
    S("[\n]"),
    S("[[]]"),
    S("[{}]"),
    S("{\"a\":{}}"),
    S("[[],[],{}]"),
    S("{\"a\":[{\"b\":[{\"c\":[]}]}],\"d\":{}}"),
    S(" [ [ ] , { } ] "),
    S("{\"a\" : 1 , \"b\" : [ 2 ] }"),
    S("{\n    \"a\": [\n        1,\n        2\n    ],\n    \"b\": {}\n}\n"),
    S("[1]\n"),
    S("\r\n[\r\n1\r\n]\r\n"),
    /* objects, section 4 */
    S("{\"\":0}"),
    S("{\"a\":1,\"b\":2,\"ab\":3}"),
    S("{\"a\":{\"a\":{\"a\":1}}}"),
    S("{\"a\\u0000\":1,\"a\":2}"),
    S("{\"0123456789abcde\":1,\"0123456789abcdef\":2,\"0123456789abcdefg\":3}"),
    S("{\"a key of more than sixteen bytes\":1,\"a key of more than sixteen byteS\":2}"),
    S("{\"k\\u00e9y\":\"v\",\"kéz\":\"w\"}"),
    S("{\"\\\"\":1,\"\\\\\":2}"),
    /* numbers, section 6 */
    S("-0"),
    S("-1"),
    S("10"),
    S("1234567"),
    S("12345678"),
    S("123456789"),
    S("1234567890123456"),
    S("12345678901234567"),
    S("-12345678901234567890123456789"),
    S("0.0"),
    S("-0.0"),
    S("1.5"),
    S("0.1"),
    S("123.456789"),
    S("12345678.12345678"),
    S("0.00000000000000000000000000000001"),
    S("1e1"),
    S("1E1"),
    S("1e+1"),
    S("1e-1"),
    S("0e0"),
    S("-0E-0"),
    S("1.5e10"),
    S("1.50E+010"),
    S("1e0000000000000000000000000000001"),
    S("[0,-1,1.5,1e9]"),
    S("[1 ,2]"),
    S("[1\t]"),
    S("{\"a\":1}"),
    S("[123456789012345678901234567890,1]"),
    S("[1.7976931348623157e308,5e-324,1e400]"),
    S("[9223372036854775807,-9223372036854775808,18446744073709551616]"),
    S("[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20]"),
    S("[1234567,1234567.8,1.2345678,123456.7,0.123456]"),
    /* strings, sections 7 and 8 */
    S("\"a\""),
    S("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""),
    S("\"\\u0000\""),
    S("\"\\u001f\\u0020\\uFFFF\\uabcd\\uABCD\""),
    S("\"\\ud800\\udc00\""),
    S("\"\\uDBFF\\uDFFF\""),
    S("\"\\ud834\\udd1e\\u0041\""),
    S("\"\x7f\""),
    S("\"\xc2\x80\xdf\xbf\""),
    S("\"\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf\""),
    S("\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\""),
    S("\"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\xa7\xb5\""),
    S("\"0123456789abcde\""),
    S("\"0123456789abcdef\""),
    S("\"0123456789abcdefg\""),
    S("\"0123456789abcdef0123456789abcde\""),
    S("\"0123456789abcdef0123456789abcdef\""),
    S("\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0\""),
    S("\"0123456789abcd\\n0123456789abcdef\""),
    S("\"0123456789abcde\xc3\xbc 0123456789abcdef\""),
    S("\"\xef\xbb\xbf\""),
    S("\"\xe2\x80\xa8\xe2\x80\xa9\""),
    S("\"/*[{,:}]*/\""),
    S("\"\\\\\""),
    S("\"\\\\\\\"\""),
};

static const struct sample invalid[] = {
    S(""),
    S(" "),
    S("\n"),
    S(","),
    S(":"),
    S("]"),
    S("}"),
    S("\xef\xbb\xbf"),
    S("\xef\xbb\xbf{}"),
    S("\xef\xbb{}"),
    S("\xff\xfe[\0]\0"),
    S("\0"),
    S("[]\0"),
    S("[\0]"),
    S("[1\0]"),
    S("1\0"),
    S("{\"a\"\0:1}"),
    S("{\"a\":\0 1}"),
    /* literals */
    S("nul"),
    S("nulll"),
    S("Null"),
    S("NULL"),
    S("tru"),
    S("True"),
    S("truefalse"),
    S("fals"),
    S("falsy"),
    S("nan"),
    S("NaN"),
    S("Infinity"),
    S("-Infinity"),
    S("undefined"),
    S("[tru]"),
    S("[nullx]"),
    S("t"),
    S("f"),
    S("n"),
    /* arrays */
    S("["),
    S("[1"),
    S("[1,"),
    S("[,"),
    S("[,]"),
    S("[,1]"),
    S("[1,]"),
    S("[1,,2]"),
    S("[1 2]"),
    S("[1]]"),
    S("[1}"),
    S("[[1]"),
    S("[\"a\":1]"),
    S("[1;2]"),
    S("[:]"),
    S("[]]"),
    S("[][]"),
    S("[],"),
    S("[] []"),
    S("[1\v]"),
    S("[\f]"),
    S("[\xc2\xa0]"),
    S("[\xe2\x80\xa8]"),
    S("[1/**/]"),
    S("//\n1"),
    S("#\n1"),
    S("[1]x"),
    S("1 1"),
    S("1,2"),
    /* objects */
    S("{"),
    S("{\"a\""),
    S("{\"a\":"),
    S("{\"a\":1"),
    S("{\"a\":1,"),
    S("{,}"),
    S("{\"a\":1,}"),
    S("{\"a\"}"),
    S("{\"a\",1}"),
    S("{\"a\" 1}"),
    S("{\"a\"::1}"),
    S("{:1}"),
    S("{a:1}"),
    S("{'a':1}"),
    S("{1:1}"),
    S("{null:1}"),
    S("{[]:1}"),
    S("{\"a\":1]"),
    S("{\"a\":1 \"b\":2}"),
    S("{\"a\":1,,\"b\":2}"),
    S("{\"a\":}"),
    S("{\"a\":,}"),
    S("{\"a\"=1}"),
    S("{}}"),
    S("{{}}"),
    S("{\"a\":1}}"),
    S("{\"a\":1;}"),
    S("{\"a\":1:2}"),
    S("{\"a\":'1'}"),
    /* numbers */
    S("-"),
    S("+1"),
    S("--1"),
    S("-+1"),
    S("01"),
    S("00"),
    S("-01"),
    S("-00"),
    S("1."),
    S("-1."),
    S(".5"),
    S("-.5"),
    S("1.e1"),
    S("1..2"),
    S("1.2.3"),
    S("1e"),
    S("1e+"),
    S("1e-"),
    S("1E"),
    S("1e1.5"),
    S("1ee1"),
    S("1e+-1"),
    S("0x10"),
    S("0b1"),
    S("1_000"),
    S("1,000"),
    S("1f"),
    S("1a"),
    S("- 1"),
    S("1 .5"),
    S("1e 1"),
    S("0e"),
    S("0.e1"),
    S("[1.]"),
    S("[-]"),
    S("[-a]"),
    S("[01]"),
    S("[012345678]"),
    S("[1.,2]"),
    S("[1e,2]"),
    S("[1.5.5,0,0,0,0,0,0]"),
    S("[0123456789,1,2,3,4,5,6,7,8,9]"),
    S("[1.x,0,0,0,0,0,0,0,0,0]"),
    S("[12345678.,0,0,0,0,0,0,0,0,0,0,0,0]"),
    S("[1234567..1,0,0,0,0,0,0,0]"),
    S("[1/2]"),
    S("[1:2]"),
    S("\xef\xbc\x91"),
    /* strings */
    S("\""),
    S("\"a"),
    S("\"\\\""),
    S("\"\\"),
    S("'a'"),
    S("\"a\"b\""),
    S("\"\\a\""),
    S("\"\\x41\""),
    S("\"\\0\""),
    S("\"\\'\""),
    S("\"\\U0041\""),
    S("\"\\u\""),
    S("\"\\u004\""),
    S("\"\\u00g1\""),
    S("\"\\u 041\""),
    S("\"\\u+041\""),
    S("\"\\u-041\""),
    S("\"\\\0\""),
    S("\"\\\n\""),
    S("\"\n\""),
    S("\"\t\""),
    S("\"\0\""),
    S("\"\x1f\""),
    S("\"a\0b\""),
    S("\"\\ud800\""),
    S("\"\\udc00\""),
    S("\"\\udfff\""),
    S("\"\\ud800\\ud800\""),
    S("\"\\ud800\\u0041\""),
    S("\"\\ud800x\""),
    S("\"\\ud800\\n\""),
    S("\"\\udc00\\ud800\""),
    S("\"\\ud800\\udc0\""),
    S("\"\\ud800\\\""),
    S("\"\\ud800\\udbff\""),
    S("\"\\ud800\\ue000\""),
    S("\"\\ud800u0041\""),
    S("\"\\ud83d\xed\xb0\x80\""),
    S("\"\x80\""),
    S("\"\xbf\""),
    S("\"\xc0\x80\""),
    S("\"\xc1\xbf\""),
    S("\"\xc2\""),
    S("\"\xc2\x7f\""),
    S("\"\xc2\xc0\""),
    S("\"\xe0\x80\x80\""),
    S("\"\xe0\x9f\xbf\""),
    S("\"\xe1\x80\""),
    S("\"\xe1\""),
    S("\"\xed\xa0\x80\""),
    S("\"\xed\xbf\xbf\""),
    S("\"\xed\xa0\x80\xed\xb0\x80\""),
    S("\"\xf0\x80\x80\x80\""),
    S("\"\xf0\x8f\xbf\xbf\""),
    S("\"\xf4\x90\x80\x80\""),
    S("\"\xf5\x80\x80\x80\""),
    S("\"\xf0\x90\x80\""),
    S("\"\xf8\x88\x80\x80\x80\""),
    S("\"\xfe\""),
    S("\"\xff\""),
    S("\"\xe2\x82\""),
    S("\"\xf0\x9f\xa7\xc0\""),
    S("{\"\xff\":1}"),
    S("{\"\\ud800\":1}"),
    S("{\"a\nb\":1}"),
    S("\"0123456789abcde\xff 0123456789abcdef\""),
    S("\"0123456789abcdef0123456789abcdef\x01\""),
    S("\"0123456789abcdef0123456789abcdef"),
};

enum { VALID = sizeof valid / sizeof *valid, INVALID = sizeof invalid / sizeof *invalid };

static const char *printed(const char *text, size_t size_bytes)
{
    static char line[1024];
    size_t used = 0;
    for (size_t i = 0; i < size_bytes && used < sizeof line - 8; i++) {
        bool plain = text[i] >= 0x20 && text[i] < 0x7f;
        used += (size_t)snprintf(line + used, 8, plain ? "%c" : "<%02x>", (unsigned char)text[i]);
    }
    line[used] = '\0';
    return line;
}

static void check_sample(const char *text, size_t size_bytes, bool good)
{
    struct json_doc doc;
    struct json_fault fault;
    weft_error error = json_parse_guarded(&parser, text, size_bytes, &lenient, &doc, &fault);
    if (error == WEFT_ELIMIT) return; /* an exponent is out of bounds, whatever follows it */
    if ((error == WEFT_OK) == good) return;
    print_error("%s: %s\n", good ? "refused" : "accepted", printed(text, size_bytes));
    check_true(false);
}

static void what_is_json_is_accepted(void **state)
{
    (void)state;
    for (int i = 0; i < VALID; i++) {
        check_true(json_grammatical(valid[i].text, valid[i].size_bytes));
        check_sample(valid[i].text, valid[i].size_bytes, true);
    }
}

static void what_is_no_json_is_refused(void **state)
{
    (void)state;
    for (int i = 0; i < INVALID; i++) {
        check_true(!json_grammatical(invalid[i].text, invalid[i].size_bytes));
        check_sample(invalid[i].text, invalid[i].size_bytes, false);
    }
}

/* Each sample, and each in an array and an object among neighbours, which is another way through the parser. */
static void each_sample(void (*each)(char *text, size_t size_bytes))
{
    static const char *const frames[][2] = {
        {"", ""}, {"[", "]"}, {"{\"a\":", "}"}, {"[0,{\"key\":\"value\"},", ",[1.25,\"0123456789abcdef\"]]"}};
    for (int i = 0; i < VALID + INVALID; i++) {
        const struct sample *sample = i < VALID ? &valid[i] : &invalid[i - VALID];
        for (size_t f = 0; f < sizeof frames / sizeof *frames; f++) {
            char text[256];
            size_t before = strlen(frames[f][0]), behind = strlen(frames[f][1]);
            memcpy(text, frames[f][0], before);
            memcpy(text + before, sample->text, sample->size_bytes);
            memcpy(text + before + sample->size_bytes, frames[f][1], behind);
            each(text, before + sample->size_bytes + behind);
        }
    }
}

static void truncate_everywhere(char *text, size_t size_bytes)
{
    for (size_t i = 0; i <= size_bytes; i++)
        check_sample(text, i, json_grammatical(text, i));
}

static void it_agrees_with_the_grammar_at_each_truncation(void **state)
{
    (void)state;
    each_sample(truncate_everywhere);
}

static void replace_everywhere(char *text, size_t size_bytes)
{
    static const char bytes[] = "\0\t\n\x1f \"+,-./019:;EX[\\]ae{fnut}\x7f\x80\xa0\xbf\xc1\xc3\xe0\xed\xf0\xf4\xff";
    for (size_t i = 0; i < size_bytes; i++) {
        char kept = text[i];
        for (size_t b = 0; b < sizeof bytes - 1; b++) {
            text[i] = bytes[b];
            check_sample(text, size_bytes, json_grammatical(text, size_bytes));
        }
        text[i] = kept;
    }
}

static void it_agrees_with_the_grammar_with_each_byte_replaced(void **state)
{
    (void)state;
    each_sample(replace_everywhere);
}

static void all_strings_of_two_and_three_bytes_agree_with_the_grammar(void **state)
{
    (void)state;
    char text[4] = "\"..\"";
    for (int a = 0; a < 256; a++)
        for (int b = 0; b < 256; b++) {
            text[1] = (char)a;
            text[2] = (char)b;
            check_sample(text, 4, json_grammatical(text, 4));
            check_sample(text + 1, 2, json_grammatical(text + 1, 2));
        }
}

static void mutants_agree_with_the_grammar(void **state)
{
    (void)state;
    static const char start[] = "{\"id\":\"0f\\u00e9\",\"n\":[1,-2.50,3e-7,true,null,{\"k\":\"gr\xc3\xbc\xc3\x9f\"}],"
                                "\"a key that is long\":false, \"pair\" : \"\\ud83e\\uddf5\", \"e\":{},\"f\":[]}";
    const char *seed_text = getenv("SEED");
    uint64_t seed = seed_text ? strtoull(seed_text, NULL, 10) : 20261121, random = seed | 1;
    char text[512];
    for (int round = 0; round < 3000; round++) {
        size_t size_bytes = sizeof start - 1;
        memcpy(text, start, size_bytes);
        for (int i = 0; i < 12; i++) {
            size_bytes = json_mutate(text, size_bytes, sizeof text, &random);
            check_sample(text, size_bytes, json_grammatical(text, size_bytes));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_json_is_accepted),
        cmocka_unit_test(what_is_no_json_is_refused),
        cmocka_unit_test(it_agrees_with_the_grammar_at_each_truncation),
        cmocka_unit_test(it_agrees_with_the_grammar_with_each_byte_replaced),
        cmocka_unit_test(all_strings_of_two_and_three_bytes_agree_with_the_grammar),
        cmocka_unit_test(mutants_agree_with_the_grammar),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
