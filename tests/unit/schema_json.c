/* The parser of JSON says what is wrong and where, keeps its bounds and its memory, and its tape tells what the text
 * says. */
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

static struct json_doc parsed(const char *text)
{
    struct json_doc doc;
    struct json_fault fault;
    check_ok(json_parse_guarded(&parser, text, strlen(text), &wide, &doc, &fault));
    return doc;
}

/* --- what is wrong, and where ----------------------------------------------------------------- */

static void check_fault(const char *text, uint32_t at, const char *sentence)
{
    struct json_doc doc;
    struct json_fault fault;
    check_err(json_parse_guarded(&parser, text, strlen(text), &wide, &doc, &fault), WEFT_EINVAL);
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
    check_fault("\"\x1f\"", 1, "a control character stands in a string: it must be escaped");
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

/* --- bounds ----------------------------------------------------------------------------------- */

static void check_limit(const char *text, struct json_limits limits, const char *sentence)
{
    struct json_doc doc;
    struct json_fault fault;
    weft_error error = json_parse_guarded(&parser, text, strlen(text), &limits, &doc, &fault);
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

/* --- the tape --------------------------------------------------------------------------------- */

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

/* --- keys ------------------------------------------------------------------------------------- */

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
    check_err(json_parse_guarded(&parser, text, strlen(text), limits, &doc, &fault), expected);
    if (expected) check_eq(fault.at, strlen(text) - strlen(last) - 7);
    free(text);
}

static void keys_that_stand_twice_are_refused(void **state)
{
    (void)state;
    for (int count = 2; count < 70; count += count < 24 ? 1 : 15) {
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

/* Those that go may hold others that go, and stand in others that stay. */
static void where_keys_may_stand_twice_the_last_is_kept(void **state)
{
    (void)state;
    enum { DEPTH = JSON_DEPTH_MAX - 2 };
    static char text[DEPTH * 32];
    char *p = text;
    for (int i = 0; i < DEPTH; i++)
        p += sprintf(p, "{\"a\":[%d,{}],\"b\":7,\"a\":", i);
    p += sprintf(p, "true");
    memset(p, '}', DEPTH);
    struct json_doc doc;
    struct json_fault fault;
    check_ok(json_parse_guarded(&parser, text, strlen(text), &lenient, &doc, &fault));
    check_eq(doc.count, 1 + 4 * DEPTH);
    const struct json_value *value = doc.values;
    for (int i = 0; i < DEPTH; i++, value += 4) {
        check_eq(value->kind, JSON_OBJECT);
        check_eq(value->count, 2);
        check_eq(value->next, doc.count);
        check_true(weft__json_is(&doc, value + 1, "b", 1) && weft__json_is(&doc, value + 3, "a", 1));
        check_eq(value[3].flags, JSON_ASCII);
    }
    check_eq(value->kind, JSON_TRUE);

    static const char twice[] = "[{\"a\":1,\"a\":{\"b\":[],\"b\":{\"c\":0}},\"a\":[2]},3,{\"d\":4,\"d\":5}]";
    check_ok(json_parse_guarded(&parser, twice, strlen(twice), &lenient, &doc, &fault));
    check_eq(doc.count, 9);
    check_eq(doc.values[1].count, 1);
    check_eq(doc.values[1].next, 5);
    check_eq(doc.values[5].mantissa, 3);
    check_eq(doc.values[8].mantissa, 5);
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
        check_err(json_parse_guarded(&parser, twice[i], strlen(twice[i]), &wide, &doc, &fault), WEFT_EINVAL);
        check_str(fault.sentence, "a key stands twice in its object");
    }
    for (size_t i = 0; i < sizeof different / sizeof *different; i++)
        parsed(different[i]);
}

static void an_escaped_key_may_be_long(void **state)
{
    tear_down(state); /* a parser that has no memory yet */
    set_up(state);
    static char ks[20000], text[2 * sizeof ks + 32];
    memset(ks, 'k', sizeof ks - 1);
    (void)snprintf(text, sizeof text, "{\"%s\\u0061\":1,\"%sa\":2}", ks, ks);
    struct json_doc doc;
    struct json_fault fault;
    check_err(json_parse_guarded(&parser, text, strlen(text), &wide, &doc, &fault), WEFT_EINVAL);
    check_eq(fault.at, sizeof ks - 1 + 13);
    text[2] = 'K';
    parsed(text);
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

/* --- strings ---------------------------------------------------------------------------------- */

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

/* --- memory ----------------------------------------------------------------------------------- */

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
        cmocka_unit_test(it_says_what_is_wrong_and_where),
        cmocka_unit_test(sizes_and_depths_beyond_their_bound_are_refused),
        cmocka_unit_test(exponents_beyond_their_bound_are_refused),
        cmocka_unit_test(the_tape_holds_the_values_in_their_order),
        cmocka_unit_test(numbers_have_one_form),
        cmocka_unit_test(numbers_that_do_not_fit_are_long),
        cmocka_unit_test(keys_that_stand_twice_are_refused),
        cmocka_unit_test(where_keys_may_stand_twice_the_last_is_kept),
        cmocka_unit_test(keys_are_compared_decoded),
        cmocka_unit_test(an_escaped_key_may_be_long),
        cmocka_unit_test(a_key_has_the_hash_of_its_bytes_wherever_it_stands),
        cmocka_unit_test(strings_are_decoded_and_counted_in_code_points),
        cmocka_unit_test(memory_is_used_again_and_its_lack_is_an_error),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
