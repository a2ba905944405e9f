/* The parser of JSON: takes what RFC 8259 calls JSON and nothing else, whatever the text; says what is wrong and where;
 * keeps its bounds and its memory; and its tape tells what the text says. */
#include "schema/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/failmem.h"
#include "lib/json_text.h"

static struct json_parser parser;

static const struct json_limits wide = {.size_bytes_max = 1u << 30, .depth_max = JSON_DEPTH_MAX},
                                lenient = {
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

static weft_error parse_bytes(const char *text, size_t size_bytes, const struct json_limits *limits,
                              struct json_doc *doc, struct json_fault *fault)
{
    weft_error error = weft__json_parse(&parser, json_guarded(text, size_bytes), size_bytes, limits, doc, fault);
    if (error) {
        check_true(fault->sentence && *fault->sentence);
        check_true(fault->at <= size_bytes);
    } else {
        json_check_tape(doc);
    }
    return error;
}

static struct json_doc parsed(const char *text)
{
    struct json_doc doc;
    struct json_fault fault;
    check_ok(parse_bytes(text, strlen(text), &wide, &doc, &fault));
    return doc;
}

/* --- what is JSON ---------------------------------------------------------------------------------------------------------- */

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
    weft_error error = parse_bytes(text, size_bytes, &lenient, &doc, &fault);
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

/* --- what is wrong, and where ------------------------------------------------------------------------------------------------ */

static void check_fault(const char *text, uint32_t at, const char *sentence)
{
    struct json_doc doc;
    struct json_fault fault;
    check_err(parse_bytes(text, strlen(text), &wide, &doc, &fault), WEFT_EINVAL);
    check_str(fault.sentence, sentence);
    check_eq(fault.at, at);
}

static void it_says_what_is_wrong_and_where(void **state)
{
    (void)state;
    check_fault("", 0, "the text ends where a value is due");
    check_fault("{\"a\": ", 6, "the text ends where a value is due");
    check_fault("[1 ", 3, "the text ends within an array or object");
    check_fault("[1,]", 3, "a value is missing");
    check_fault("[nil]", 1, "no value begins so");
    check_fault("[1 2]", 3, "a comma or the closing bracket is missing");
    check_fault("[1}", 2, "a comma or the closing bracket is missing");
    check_fault("{\"a\":1,}", 7, "a key is missing: a string in quotes");
    check_fault("{a:1}", 1, "a key is missing: a string in quotes");
    check_fault("{\"a\" 1}", 5, "a colon is missing behind a key");
    check_fault("[] []", 3, "something stands behind the value");
    check_fault("\xef\xbb\xbf[]", 0, "a byte order mark stands before the value");
    check_fault("\"abc", 4, "a string is not closed");
    check_fault("\"0123456789abcdef\n\"", 17, "a control character stands in a string: it must be escaped");
    check_fault("\"ab\xff\"", 3, "a string is not UTF-8");
    check_fault("\"ab\\x\"", 3, "no escape begins so");
    check_fault("\"ab\\u12\"", 3, "\\u is followed by less than four hexadecimal digits");
    check_fault("\"ab\\udc00\"", 3, "half of a surrogate pair stands alone");
    check_fault("[-]", 2, "a number has no digit");
    check_fault("[012]", 1, "a number begins with a zero and goes on");
    check_fault("[1.]", 3, "a number has no digit behind its point");
    check_fault("[1e+]", 4, "a number has no digit in its exponent");
    check_fault("{\"a\":{\"b\":1,\"b\":2}}", 13, "a key stands twice in its object");
}

/* --- bounds ---------------------------------------------------------------------------------------------------------------- */

static void check_limit(const char *text, struct json_limits limits, const char *sentence)
{
    struct json_doc doc;
    struct json_fault fault;
    weft_error error = parse_bytes(text, strlen(text), &limits, &doc, &fault);
    check_error_at(CHECK_SITE(text), error, sentence ? WEFT_ELIMIT : WEFT_OK);
    if (sentence) check_str(fault.sentence, sentence);
}

static void sizes_and_depths_beyond_their_bound_are_refused(void **state)
{
    (void)state;
    static const char deep[] = "arrays and objects are nested too deeply";
    check_limit("[[1]]", (struct json_limits){5, 2, false}, NULL);
    check_limit("[[1]]", (struct json_limits){4, 2, false}, "the text is too long");
    check_limit("[[1]]", (struct json_limits){5, 1, false}, deep);
    check_limit("{\"a\":{}}", (struct json_limits){9, 1, false}, deep);
    check_limit("[[],[],{}]", (struct json_limits){20, 2, false}, NULL);
    check_limit("1", (struct json_limits){1, 0, false}, NULL);
    check_limit("[]", (struct json_limits){2, 0, false}, deep);

    char text[2 * JSON_DEPTH_MAX + 3] = "";
    memset(text, '[', JSON_DEPTH_MAX);
    memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
    check_limit(text, wide, NULL);
    memset(text, '[', JSON_DEPTH_MAX + 1);
    memset(text + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
    check_limit(text, wide, deep);

    enum { HUGE_BYTES = 3000000 };
    char *huge = malloc(HUGE_BYTES + 1);
    huge[HUGE_BYTES] = '\0';
    memset(huge, '[', HUGE_BYTES);
    check_limit(huge, wide, deep);
    for (int i = 0; i + 5 <= HUGE_BYTES; i += 5)
        memcpy(huge + i, "{\"\":[", 5);
    check_limit(huge, wide, deep);
    free(huge);
}

static void exponents_beyond_their_bound_are_refused(void **state)
{
    (void)state;
    static const char far[] = "a number has an exponent of more than 1000000000";
    check_limit("1e1000000000", wide, NULL);
    check_limit("-1e-1000000000", wide, NULL);
    check_limit("1e1000000001", wide, far);
    check_limit("[1.5e-1000000001]", wide, far);
    check_limit("1e99999999999999999999999999999999999999", wide, far);
    check_limit("0e99999999999999999999999999999999999999", wide, NULL);
}

/* --- the tape -------------------------------------------------------------------------------------------------------------- */

static void the_tape_holds_the_values_in_their_order(void **state)
{
    (void)state;
    struct json_doc doc = parsed("{\"a\":[1,\"x\\n\",{}],\"\xc3\xbc\":null}");
    check_eq(doc.count, 8);
    const struct json_value *v = doc.values;
    check_eq(v[0].kind, JSON_OBJECT);
    check_eq(v[0].count, 2);
    check_eq(v[0].next, 8);
    check_eq(v[1].kind, JSON_STRING);
    check_eq(v[1].flags, JSON_ASCII);
    check_eq(v[1].at, 2);
    check_eq(v[1].size_bytes, 1);
    check_eq(v[1].hash, weft__json_hash(parser.seed, "a", 1));
    check_eq(v[2].kind, JSON_ARRAY);
    check_eq(v[2].count, 3);
    check_eq(v[2].next, 6);
    check_eq(v[3].kind, JSON_NUMBER);
    check_eq(v[3].mantissa, 1);
    check_eq(v[4].flags, JSON_ESCAPED | JSON_ASCII);
    check_eq(v[4].size_bytes, 3);
    check_eq(v[5].kind, JSON_OBJECT);
    check_eq(v[5].count, 0);
    check_eq(v[5].next, 6);
    check_eq(v[6].flags, 0);
    check_eq(v[6].size_bytes, 2);
    check_eq(v[7].kind, JSON_NULL);
    check_true(weft__json_next(&doc, v + 2) == v + 6);
    check_true(weft__json_next(&doc, v + 7) == v + 8);
}

static void check_number(const char *text, int64_t mantissa, int exponent)
{
    /* alone, at the end of the text, and with much behind it: other ways through the parser */
    static const char *const frames[] = {"%s", "[%s]", "[%s,\"a string behind the number that is long\"]"};
    for (int f = 0; f < 3; f++) {
        char whole[256];
        (void)snprintf(whole, sizeof whole, frames[f], text);
        struct json_doc doc = parsed(whole);
        const struct json_value *number = doc.values + (f > 0);
        check_eq_at(CHECK_SITE(text), number->flags, 0);
        check_eq_at(CHECK_SITE(text), (uint64_t)number->mantissa, (uint64_t)mantissa);
        check_eq_at(CHECK_SITE(text), (uint64_t)number->exponent, (uint64_t)exponent);
        if (*text != '-') {
            char negative[128] = "-";
            check_number(strcat(negative, text), -mantissa, exponent);
        }
    }
}

static void numbers_have_one_form(void **state)
{
    (void)state;
    check_number("0", 0, 0);
    check_number("0.000", 0, 0);
    check_number("0.0000000000000000000000000", 0, 0);
    check_number("0e5", 0, 0);
    check_number("0.00e-99999999999", 0, 0);
    check_number("1", 1, 0);
    check_number("1.0", 1, 0);
    check_number("1.000000000000000000000000000000", 1, 0);
    check_number("100", 100, 0);
    check_number("1e2", 100, 0);
    check_number("0.01e4", 100, 0);
    check_number("10000e-2", 100, 0);
    check_number("1.50", 15, -1);
    check_number("19.99", 1999, -2);
    check_number("0.001", 1, -3);
    check_number("1234567", 1234567, 0);
    check_number("12345678", 12345678, 0);
    check_number("123456789012345", 123456789012345, 0);
    check_number("1234567890123456", 1234567890123456, 0);
    check_number("1234567890123456789", 1234567890123456789, 0);
    check_number("9223372036854775807", INT64_MAX, 0);
    check_number("922337203685477580.7", INT64_MAX, -1);
    check_number("1e18", 1000000000000000000, 0);
    check_number("9e18", 9000000000000000000, 0);
    check_number("1e19", 1, 19);
    check_number("100000000000000000000", 1, 20);
    check_number("12345678901234567890", 1234567890123456789, 1);
    check_number("12345.678", 12345678, -3);
    check_number("1234567.8", 12345678, -1);
    check_number("12345678.1234567", 123456781234567, -7);
    check_number("12345678.12345678", 1234567812345678, -8);
    check_number("0.1234567890", 123456789, -9);
    check_number("1e32767", 1, 32767);
    check_number("1e-32768", 1, -32768);
    check_number("0.5e-32767", 5, -32768);
    check_number("120.50e+1", 1205, 0);
    check_number("1E-7", 1, -7);
}

static void numbers_that_do_not_fit_are_long(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "9223372036854775808",    "-9223372036854775808", "1e32768",    "1e-32769",
        "1234567890.12345678901", "1e1000000000",         "0.1e-32768", "12345678901234567890123",
        "99999999999999999999e-5"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct json_doc doc = parsed(texts[i]);
        check_eq(doc.values->flags, JSON_LONG);
        check_eq(doc.values->at, 0);
        check_eq(doc.values->size_bytes, strlen(texts[i]));
    }
}

/* --- keys -------------------------------------------------------------------------------------------------------------------- */

/* An object of so many keys, "k0", "k1" and so on; the last is `last` where that is not NULL. */
static char *object_of(int count, const char *last)
{
    char *text = malloc((size_t)count * 24 + 64), *p = text;
    *p++ = '{';
    for (int i = 0; i < count; i++) {
        if (last && i == count - 1)
            p += sprintf(p, "\"%s\":[{}],", last);
        else
            p += sprintf(p, "\"k%d\":[{}],", i);
    }
    memcpy(count ? p - 1 : p, "}", 2);
    return text;
}

static void check_object(int count, const char *last, weft_error expected, const struct json_limits *limits)
{
    char *text = object_of(count, last);
    struct json_doc doc;
    struct json_fault fault;
    check_err(parse_bytes(text, strlen(text), limits, &doc, &fault), expected);
    if (expected) check_eq(fault.at, strlen(text) - strlen(last) - 7);
    free(text);
}

static void keys_that_stand_twice_are_refused(void **state)
{
    (void)state;
    for (int count = 2; count < 70; count++) {
        for (int same = 0; same < count - 1; same++) {
            char last[16];
            (void)snprintf(last, sizeof last, "k%d", same);
            check_object(count, last, WEFT_EINVAL, &wide);
            check_object(count, last, WEFT_OK, &lenient);
        }
        check_object(count, NULL, WEFT_OK, &wide);
    }
    for (int count = 100; count <= 100000; count *= 10) {
        check_object(count, "k57", WEFT_EINVAL, &wide);
        check_object(count, "\\u006b57", WEFT_EINVAL, &wide);
        check_object(count, NULL, WEFT_OK, &wide);
    }
}

static void keys_are_compared_decoded(void **state)
{
    (void)state;
    struct json_doc doc;
    struct json_fault fault;
    static const char *const twice[] = {
        "{\"a\":1,\"\\u0061\":2}",
        "{\"\\u0061\":1,\"a\":2}",
        "{\"\\n\":1,\"\\u000a\":2}",
        "{\"\\/\":1,\"/\":2}",
        "{\"\\u00e9\":1,\"\xc3\xa9\":2}",
        "{\"\\ud83e\\uddf5\":1,\"\xf0\x9f\xa7\xb5\":2}",
        "{\"\":1,\"\":2}",
        "{\"a key of more than sixteen bytes\":1,\"b\":1,\"a key of more than\\u0020sixteen bytes\":2}",
        "{\"0123456789abcdef\":1,\"0123456789\\u0061bcdef\":2}",
        "{\"\\u0000\":1,\"\\u0000\":2}",
    };
    static const char *const different[] = {"{\"a\":1,\"A\":2}",
                                            "{\"\":1,\"\\u0000\":2,\"\\u0000\\u0000\":3}",
                                            "{\"a\":{\"a\":1},\"b\":{\"a\":1}}",
                                            "{\"e\\u0301\":1,\"\\u00e9\":2}",
                                            "{\"0123456789abcdef\":1,\"0123456789abcdef\\u0000\":2}",
                                            "{\"\\\\u0061\":1,\"a\":2}"};
    for (size_t i = 0; i < sizeof twice / sizeof *twice; i++) {
        check_err(parse_bytes(twice[i], strlen(twice[i]), &wide, &doc, &fault), WEFT_EINVAL);
        check_str(fault.sentence, "a key stands twice in its object");
    }
    for (size_t i = 0; i < sizeof different / sizeof *different; i++)
        parsed(different[i]);
}

static void a_key_has_the_hash_of_its_bytes_wherever_it_stands(void **state)
{
    (void)state;
    char name[72] = "", text[160];
    for (size_t size_bytes = 0; size_bytes < 70; size_bytes++) {
        uint32_t hash = weft__json_hash(parser.seed, name, size_bytes);
        for (int f = 0; f < 3; f++) {
            static const char *const frames[] = {"{\"%s\":0}", "{\"%s\":\"long enough to read ahead\"}",
                                                 "{\"\\u%04x%s\":0}"};
            if (f < 2)
                (void)snprintf(text, sizeof text, frames[f], name);
            else if (size_bytes)
                (void)snprintf(text, sizeof text, "{\"\\u%04x%s\":0}", name[0], name + 1);
            struct json_doc doc = parsed(text);
            check_eq(doc.values[1].hash, hash);
        }
        check_true(hash != weft__json_hash(parser.seed + 1, name, size_bytes));
        name[size_bytes] = (char)('a' + size_bytes % 26);
    }
}

/* --- strings ----------------------------------------------------------------------------------------------------------------- */

static void check_string(const char *text, const char *decoded, size_t size_bytes, uint32_t points)
{
    struct json_doc doc = parsed(text);
    char room[256];
    check_true(doc.values->size_bytes <= sizeof room);
    check_eq(weft__json_decode(&doc, doc.values, room), size_bytes);
    check_true(memcmp(room, decoded, size_bytes) == 0);
    check_eq(weft__json_points(&doc, doc.values), points);
    check_true(weft__json_is(&doc, doc.values, decoded, size_bytes));
    check_true(!weft__json_is(&doc, doc.values, decoded, size_bytes + 1));
    if (size_bytes) {
        check_true(!weft__json_is(&doc, doc.values, decoded, size_bytes - 1));
        room[size_bytes - 1]++;
        check_true(!weft__json_is(&doc, doc.values, room, size_bytes));
    }
}

static void strings_are_decoded_and_counted_in_code_points(void **state)
{
    (void)state;
#define D(decoded) decoded, sizeof(decoded) - 1
    check_string("\"\"", D(""), 0);
    check_string("\"abc\"", D("abc"), 3);
    check_string("\"a\\u0000b\"", D("a\0b"), 3);
    check_string("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", D("\"\\/\b\f\n\r\t"), 8);
    check_string("\"\\u007f\\u0080\\u07ff\\u0800\\uffff\"", D("\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf"), 5);
    check_string("\"\\ud800\\udc00\\udbff\\udfff\"", D("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"), 2);
    check_string("\"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\xa7\xb5 and more than eight bytes \xc3\xbc\"",
                 D("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\xa7\xb5 and more than eight bytes \xc3\xbc"), 36);
    check_string("\"\xf0\x9f\xa7\xb5\xf0\x9f\xa7\xb5\xf0\x9f\xa7\xb5\"",
                 D("\xf0\x9f\xa7\xb5\xf0\x9f\xa7\xb5\xf0\x9f\xa7\xb5"), 3);
    check_string("\"\xf0\x9f\xa7\xb5\\n\xc3\xbc\\ud83e\\uddf5x\"", D("\xf0\x9f\xa7\xb5\n\xc3\xbc\xf0\x9f\xa7\xb5x"), 5);
#undef D
}

/* --- memory ------------------------------------------------------------------------------------------------------------------ */

/* Once it has seen a document, another of its size costs no allocation; and no refused one leaves it unusable. */
static void memory_is_used_again_and_its_lack_is_an_error(void **state)
{
    (void)state;
    struct failmem failmem;
    struct json_parser own;
    struct json_doc doc;
    struct json_fault fault;
    char *text = object_of(500, "\\u006c");
    size_t size_bytes = strlen(text);
    failmem_init(&failmem);
    weft__json_parser_init(&own, &failmem.mem, 7);
    for (uint64_t nth = 1;; nth++) {
        failmem_fail_once(&failmem, nth);
        weft_error error = weft__json_parse(&own, text, size_bytes, &wide, &doc, &fault);
        if (failmem.refused == 0) {
            check_ok(error);
            check_true(nth >= 3); /* values and scratch: some had to be refused */
            break;
        }
        check_err(error, WEFT_ENOMEM);
        check_str(fault.sentence, "out of memory");
        weft__json_parser_fini(&own);
        check_eq(failmem.live_blocks, 0);
        weft__json_parser_init(&own, &failmem.mem, 7);
    }
    failmem_fail_once(&failmem, 1);
    for (int i = 0; i < 3; i++)
        check_ok(weft__json_parse(&own, text, size_bytes, &wide, &doc, &fault));
    check_ok(weft__json_parse(&own, "[1,2,3]", 7, &wide, &doc, &fault));
    check_eq(failmem.allocations, 0);
    weft__json_parser_fini(&own);
    check_eq(failmem.live_blocks, 0);
    free(text);
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
        cmocka_unit_test(it_says_what_is_wrong_and_where),
        cmocka_unit_test(sizes_and_depths_beyond_their_bound_are_refused),
        cmocka_unit_test(exponents_beyond_their_bound_are_refused),
        cmocka_unit_test(the_tape_holds_the_values_in_their_order),
        cmocka_unit_test(numbers_have_one_form),
        cmocka_unit_test(numbers_that_do_not_fit_are_long),
        cmocka_unit_test(keys_that_stand_twice_are_refused),
        cmocka_unit_test(keys_are_compared_decoded),
        cmocka_unit_test(a_key_has_the_hash_of_its_bytes_wherever_it_stands),
        cmocka_unit_test(strings_are_decoded_and_counted_in_code_points),
        cmocka_unit_test(memory_is_used_again_and_its_lack_is_an_error),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
