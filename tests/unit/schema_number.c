/* Numbers of JSON: compared, divided, counted and written by their exact value, whatever their text. Random ones
 * against arithmetic by hand on a row of decimal digits, and the canonical form against the exact digits of doubles. */
#include "schema/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/json_text.h"
#include "schema/numeral.h"

static struct json_parser parser;
static uint64_t random_state;

static int set_up(void **state)
{
    (void)state;
    const char *seed = getenv("SEED");
    weft__json_parser_init(&parser, &weft__mem_libc, 1);
    random_state = seed ? strtoull(seed, NULL, 10) | 1 : 20261121;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    weft__json_parser_fini(&parser);
    return 0;
}

static uint64_t below(uint64_t bound)
{
    return (json_random(&random_state) >> 8) % bound;
}

/* Two numbers, in an array; the texts may be those of two documents, and the functions must not mix them up. */
struct two {
    struct json_doc a_doc, b_doc;
    struct json_value a, b;
};

static struct json_doc parse(const char *text, struct json_value *number)
{
    const struct json_limits limits = {.size_bytes_max = 1u << 30, .depth_max = 0};
    struct json_doc doc;
    struct json_fault fault;
    check_ok(weft__json_parse(&parser, text, strlen(text), &limits, &doc, &fault));
    *number = doc.values[0];
    doc.values = NULL;
    return doc;
}

static struct two both(const char *a, const char *b)
{
    struct two two;
    two.a_doc = parse(a, &two.a);
    two.b_doc = parse(b, &two.b);
    return two;
}

static int compare(const char *a, const char *b)
{
    struct two two = both(a, b);
    int order = weft__number_compare(&two.a_doc, &two.a, &two.b_doc, &two.b);
    int other = weft__number_compare(&two.b_doc, &two.b, &two.a_doc, &two.a);
    check_eq((order > 0) - (order < 0), (other < 0) - (other > 0));
    return (order > 0) - (order < 0);
}

static bool multiple(const char *number, const char *divisor)
{
    struct two two = both(number, divisor);
    check_true(weft__number_divides(&two.b_doc, &two.b));
    return weft__number_is_multiple(&two.a_doc, &two.a, &two.b_doc, &two.b);
}

static bool integer(const char *text)
{
    struct json_value number;
    struct json_doc doc = parse(text, &number);
    return weft__number_is_integer(&doc, &number);
}

/* --- by example ------------------------------------------------------------------------------- */

static void numbers_are_ordered_by_their_value(void **state)
{
    (void)state;
    static const char *const rising[] = {"-1e1000000000",
                                         "-1e400",
                                         "-9223372036854775809",
                                         "-9223372036854775808",
                                         "-9223372036854775807",
                                         "-1e18",
                                         "-1.00000000000000000000000001",
                                         "-1",
                                         "-0.99999999999999999999999999",
                                         "-1e-32768",
                                         "-1e-1000000000",
                                         "0",
                                         "1e-1000000000",
                                         "1e-32769",
                                         "1e-32768",
                                         "0.1",
                                         "0.10000000000000000001",
                                         "0.10000000000000000002",
                                         "0.11",
                                         "1",
                                         "1.5",
                                         "2",
                                         "9.5",
                                         "10",
                                         "9007199254740992",
                                         "9007199254740993",
                                         "9223372036854775807",
                                         "9223372036854775807.5",
                                         "9223372036854775808",
                                         "18446744073709551615",
                                         "18446744073709551616",
                                         "99999999999999999999",
                                         "1e20",
                                         "100000000000000000000.1",
                                         "1e399",
                                         "1e400",
                                         "1e32767",
                                         "1e32768",
                                         "1.0000000000000000000001e32768",
                                         "1e1000000000"};
    enum { COUNT = sizeof rising / sizeof *rising };
    for (int i = 0; i < COUNT; i++)
        for (int j = 0; j < COUNT; j++)
            check_eq_at(CHECK_SITE(rising[i]), (uint64_t)compare(rising[i], rising[j]), (uint64_t)((i > j) - (i < j)));
}

static void numbers_of_one_value_are_equal(void **state)
{
    (void)state;
    static const char *const same[][2] = {
        {"1", "1.0"},
        {"0", "-0"},
        {"0", "0e999999999999"},
        {"1e2", "100"},
        {"1e20", "100000000000000000000"},
        {"12345678901234567890123", "12345678901234567890123.000"},
        {"12345678901234567890123", "1.2345678901234567890123e22"},
        {"0.00012345678901234567890123", "12345678901234567890123e-26"},
        {"1e400", "10000e396"},
        {"1e-400", "0.0001e-396"},
        {"-1e40000", "-0.1E+40001"},
    };
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        check_eq_at(CHECK_SITE(same[i][0]), (uint64_t)compare(same[i][0], same[i][1]), 0);
}

static void integers_are_told_by_their_value(void **state)
{
    (void)state;
    static const char *const integers[] = {"0",
                                           "-0.0",
                                           "1.0",
                                           "1e0",
                                           "1.5e1",
                                           "1e400",
                                           "1e1000000000",
                                           "100e-2",
                                           "-7",
                                           "1e32768",
                                           "123e-0",
                                           "12345678901234567890123",
                                           "12345678901234567890.00",
                                           "1234567890123456789010e-1"};
    static const char *const others[] = {"0.1",
                                         "1.5",
                                         "1e-1",
                                         "15e-1",
                                         "1e-400",
                                         "-1.0000000000000000000000001",
                                         "1e-1000000000",
                                         "0.12345678901234567890123",
                                         "1234567890123456789012e-1"};
    for (size_t i = 0; i < sizeof integers / sizeof *integers; i++)
        check_true_at(CHECK_SITE(integers[i]), integer(integers[i]));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        check_true_at(CHECK_SITE(others[i]), !integer(others[i]));
}

static void check_multiple(const char *number, const char *divisor, bool expected)
{
    char negative[128] = "-";
    check_eq_at(CHECK_SITE(number), multiple(number, divisor), expected);
    if (strlen(number) < 100) check_eq_at(CHECK_SITE(number), multiple(strcat(negative, number), divisor), expected);
}

static void multiples_are_exact(void **state)
{
    (void)state;
    check_multiple("19.99", "0.01", true);
    check_multiple("19.995", "0.01", false);
    check_multiple("4.35", "0.01", true);
    check_multiple("0.3", "0.1", true);
    check_multiple("0", "7", true);
    check_multiple("0", "0.7", true);
    check_multiple("0.0", "1e400", true);
    check_multiple("10", "2.5", true);
    check_multiple("10", "3", false);
    check_multiple("1e308", "0.5", true);
    check_multiple("1e308", "0.123456789", false);
    check_multiple("12391239123", "0.00000001", true);
    check_multiple("0.00751", "0.0001", false);
    check_multiple("0.0075", "0.0001", true);
    check_multiple("100", "1e1", true);
    check_multiple("105", "1e1", false);
    check_multiple("1e400", "1e399", true);
    check_multiple("1e399", "1e400", false);
    check_multiple("1e1000000000", "7", false);
    check_multiple("7e1000000000", "7", true);
    check_multiple("1e1000000000", "1e-1000000000", true);
    check_multiple("1e-1000000000", "1e1000000000", false);
    check_multiple("1e1000000000", "18446744073709551557", false); /* the largest prime of 64 bits */
    check_multiple("1e1000000000", "99999999999999999999999999999999999997", false);
    check_multiple("9223372036854775808", "2", true);
    check_multiple("9223372036854775807", "2", false);
    check_multiple("18446744073709551557", "18446744073709551557", true);
    check_multiple("36893488147419103114", "18446744073709551557", true);
    check_multiple("36893488147419103115", "18446744073709551557", false);
    check_multiple("99999999999999999999999999999999999999", "3", true);
    check_multiple("99999999999999999999999999999999999999", "99999999999999999999999999999999999999", true);
    check_multiple("299999999999999999999999999999999999997", "99999999999999999999999999999999999999", true);
    check_multiple("299999999999999999999999999999999999998", "99999999999999999999999999999999999999", false);
    check_multiple("3.00", "1.5", true);
    check_multiple("4.5", "1.5", true);
    check_multiple("4.6", "1.5", false);
    check_multiple("12345678901234567890.5", "0.5", true);
    check_multiple("12345678901234567890.25", "0.5", false);
}

static void a_million_digits_are_divided_in_linear_time(void **state)
{
    (void)state;
    enum { DIGITS = 1000000 };
    char *text = malloc(DIGITS + 16);
    memset(text, '9', DIGITS);
    strcpy(text + DIGITS, "e1000000");
    check_true(multiple(text, "99999999999999999999")); /* 20 digits, which divide the row */
    check_true(multiple(text, "0.01"));
    check_true(!multiple(text, "99999999999999999999999999999999999998"));
    check_eq(compare(text, text), 0);
    text[DIGITS - 1] = '8';
    check_true(!multiple(text, "99999999999999999999"));
    free(text);
}

static void what_may_divide(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool divides;
    } cases[] = {{"1", true},
                 {"0", false},
                 {"-1", false},
                 {"0.01", true},
                 {"1e400", true},
                 {"1e-400", true},
                 {"0e9", false},
                 {"-1e400", false},
                 {"99999999999999999999999999999999999999", true},
                 {"100000000000000000000000000000000000000", true},
                 {"100000000000000000000000000000000000001", false},
                 {"0.99999999999999999999999999999999999999000", true},
                 {"9.99999999999999999999999999999999999999", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct json_value number;
        struct json_doc doc = parse(cases[i].text, &number);
        check_eq_at(CHECK_SITE(cases[i].text), weft__number_divides(&doc, &number), cases[i].divides);
    }
}

static void counts_are_integers_that_are_not_negative(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is;
        uint32_t count;
    } cases[] = {{"0", true, 0},
                 {"-0.0", true, 0},
                 {"2.0", true, 2},
                 {"1e3", true, 1000},
                 {"4294967295", true, UINT32_MAX},
                 {"4294967296", true, UINT32_MAX},
                 {"1e30", true, UINT32_MAX},
                 {"1e400", true, UINT32_MAX},
                 {"1e100000", true, UINT32_MAX},
                 {"12345678901234567890123", true, UINT32_MAX},
                 {"-12345678901234567890123", false, 0},
                 {"-1", false, 0},
                 {"0.5", false, 0},
                 {"1e-1", false, 0},
                 {"-1e100000", false, 0},
                 {"12345678901234567890.5", false, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct json_value number;
        struct json_doc doc = parse(cases[i].text, &number);
        uint32_t count = 0;
        check_eq_at(CHECK_SITE(cases[i].text), weft__number_count(&doc, &number, &count), cases[i].is);
        check_eq_at(CHECK_SITE(cases[i].text), count, cases[i].count);
    }
}

/* --- at random, against arithmetic by hand ---------------------------------------------------- */

enum { PLACES = 120, ROW = 260 }; /* digits behind the point, and all */

struct row {
    bool negative;
    int digits[ROW]; /* the highest first; the last PLACES stand behind the point */
};

static struct row row_of(const char *text)
{
    struct row row = {.negative = *text == '-'};
    const char *e = strpbrk(text, "eE");
    long exponent = e ? strtol(e + 1, NULL, 10) : 0;
    const char *p = text + row.negative;
    size_t whole = strcspn(p, ".eE");
    long at = ROW - PLACES - (long)whole - exponent;
    for (; p < (e ? e : text + strlen(text)); p++) {
        if (*p == '.') continue;
        check_true(*p == '0' || (at >= 0 && at < ROW));
        if (*p != '0') row.digits[at] = *p - '0';
        at++;
    }
    return row;
}

static int compare_digits(const int a[ROW], const int b[ROW])
{
    for (int i = 0; i < ROW; i++)
        if (a[i] != b[i]) return a[i] < b[i] ? -1 : 1;
    return 0;
}

static bool is_zero(const int digits[ROW])
{
    static const int zero[ROW];
    return compare_digits(digits, zero) == 0;
}

static int compare_rows(const struct row *a, const struct row *b)
{
    if (is_zero(a->digits) && is_zero(b->digits)) return 0;
    if (a->negative != b->negative) return a->negative ? -1 : 1;
    return a->negative ? compare_digits(b->digits, a->digits) : compare_digits(a->digits, b->digits);
}

/* Long division: the rest takes digit after digit, and the divisor is taken off it while it can be. */
static bool divide(const struct row *number, const struct row *divisor)
{
    int rest[ROW] = {0};
    for (int next = 0; next < ROW; next++) {
        memmove(rest, rest + 1, (ROW - 1) * sizeof *rest);
        rest[ROW - 1] = number->digits[next];
        while (compare_digits(rest, divisor->digits) >= 0)
            for (int i = ROW - 1, borrow = 0; i >= 0; i--) {
                rest[i] -= divisor->digits[i] + borrow;
                borrow = rest[i] < 0;
                rest[i] += 10 * borrow;
            }
    }
    return is_zero(rest);
}

static bool whole(const struct row *row)
{
    for (int i = ROW - PLACES; i < ROW; i++)
        if (row->digits[i]) return false;
    return true;
}

static size_t some_digits(char *to, uint64_t most, bool zero_first)
{
    static const char few[] = "0000012359";
    size_t count = 1 + below(most);
    for (size_t i = 0; i < count; i++)
        to[i] = below(2) ? few[below(10)] : (char)('0' + below(10));
    if (!zero_first && to[0] == '0') count = 1;
    return count;
}

static void some_number(char text[128], uint64_t digits_most)
{
    char *p = text;
    if (below(4) == 0) *p++ = '-';
    p += some_digits(p, digits_most, false);
    if (below(2)) {
        *p++ = '.';
        p += some_digits(p, digits_most, true);
    }
    p += below(2) ? sprintf(p, "e%d", (int)below(60) - 30) : 0;
    *p = '\0';
}

static void random_numbers_agree_with_arithmetic_by_hand(void **state)
{
    (void)state;
    for (int round = 0; round < 2500; round++) {
        char a[128], b[128];
        uint64_t most = below(2) ? 4 : 24;
        some_number(a, most);
        some_number(b, below(2) ? most : 3);
        if (below(4) == 0) strcpy(b, a);
        if (below(8) == 0 && strlen(b) < 100 && !strpbrk(b, ".eE")) strcat(b, ".00");
        struct row x = row_of(a), y = row_of(b);
        if (compare(a, b) != compare_rows(&x, &y) || integer(a) != whole(&x)) {
            print_error("%s and %s\n", a, b);
            check_true(false);
        }
        struct json_value divisor;
        struct json_doc doc = parse(b, &divisor);
        if (!weft__number_divides(&doc, &divisor)) {
            char room[NUMERAL_ROOM];
            check_true(y.negative || is_zero(y.digits) || weft__numeral_of(&doc, &divisor, room).count > 38);
        } else if (multiple(a, b) != divide(&x, &y)) {
            print_error("%s as a multiple of %s\n", a, b);
            check_true(false);
        }
    }
}

/* --- the canonical form ----------------------------------------------------------------------- */

static void check_canonical(const char *text, const char *expected)
{
    struct json_value number;
    struct json_doc doc = parse(text, &number);
    char canonical[33] = "none";
    bool is = weft__number_canonical(&doc, &number, canonical);
    check_str(is ? canonical : "none", expected);
}

static void the_canonical_form_is_what_ecma_262_writes(void **state)
{
    (void)state;
    /* RFC 8785, appendix B, and the edges of the five ways in which a number is written */
    static const char *const same[] = {"0",
                                       "5e-324",
                                       "-5e-324",
                                       "1.7976931348623157e+308",
                                       "-1.7976931348623157e+308",
                                       "9007199254740992",
                                       "-9007199254740992",
                                       "295147905179352830000",
                                       "9.999999999999997e+22",
                                       "1e+23",
                                       "1.0000000000000001e+23",
                                       "999999999999999700000",
                                       "999999999999999900000",
                                       "1e+21",
                                       "9.999999999999997e-7",
                                       "0.000001",
                                       "333333333.3333332",
                                       "333333333.33333325",
                                       "333333333.3333333",
                                       "333333333.3333334",
                                       "333333333.33333343",
                                       "-0.0000033333333333333333",
                                       "1424953923781206.2",
                                       "100000000000000000000",
                                       "1.5e+21",
                                       "123456789012345680000",
                                       "1e-7",
                                       "1.5e-7",
                                       "0.0000015",
                                       "0.1",
                                       "-1.5",
                                       "2.2250738585072014e-308",
                                       "2.225073858507201e-308",
                                       "1.7976931348623155e+308",
                                       "5.684341886080802e-14"}; /* 2^-44 */
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        check_canonical(same[i], same[i]);
    check_canonical("-0", "0");
    check_canonical("-0.0e7", "0");
    check_canonical("1E30", "1e+30");
    check_canonical("4.50", "4.5");
    check_canonical("2e-3", "0.002");
    check_canonical("0.000000000000000000000000001", "1e-27");
    check_canonical("1000000000000000000000", "1e+21");
    check_canonical("10e-8", "1e-7");
}

static void what_no_double_says_has_no_canonical_form(void **state)
{
    (void)state;
    static const char *const none[] = {"9007199254740993",
                                       "1e400",
                                       "-1e400",
                                       "1e-400",
                                       "4.9e-324",
                                       "2.4e-324",
                                       "1e1000000000",
                                       "1e-1000000000",
                                       "0.10000000000000000001",
                                       "0.10000000000000001",
                                       "0.1000000000000000055511151231257827",
                                       "1.7976931348623158e308",
                                       "1.7976931348623159e308",
                                       "333333333.33333329",
                                       "18446744073709551615",
                                       "18446744073709551616",
                                       "123456789012345678",
                                       "5.6843418860808015e-14"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        check_canonical(none[i], "none");
}

/* The exact digits of a double, cut after `count`, or that and one more in the last; then its exponent. */
static void cut(double number, int count, bool up, char text[64])
{
    char exact[1200];
    (void)snprintf(exact, sizeof exact, "%.1100e", number); /* d.ddd, all of them, then zeros */
    long exponent = strtol(strchr(exact, 'e') + 1, NULL, 10);
    memmove(exact + 1, exact + 2, 1100);
    uint64_t digits = 0;
    for (int i = 0; i < count; i++)
        digits = digits * 10 + (uint64_t)(exact[i] - '0');
    (void)snprintf(text, 64, "%llue%ld", (unsigned long long)digits + up, exponent - count + 1);
}

/* Whether the digits that the cut leaves are less than a half, or that and the last before them is even. */
static bool lower_is_closer(double number, int count)
{
    char exact[1200];
    (void)snprintf(exact, sizeof exact, "%.1100e", number);
    memmove(exact + 1, exact + 2, 1100);
    bool half = exact[count] == '5' && strspn(exact + count + 1, "0") >= (size_t)(1100 - count);
    return half ? exact[count - 1] % 2 == 0 : exact[count] < '5';
}

/* The shortest digits which are read as the number, the closest of these, and no other. */
static void check_double(double number)
{
    char lower[64], upper[64], text[33];
    bool low = false, high = false;
    int count = 0;
    while (!low && !high) {
        cut(number, ++count, false, lower);
        cut(number, count, true, upper);
        low = strtod(lower, NULL) == number;
        high = strtod(upper, NULL) == number;
    }
    bool is_lower = low && (!high || lower_is_closer(number, count));
    const char *expected = is_lower ? lower : upper;
    struct json_value value;
    struct json_doc doc = parse(expected, &value);
    check_true_at(CHECK_SITE(expected), weft__number_canonical(&doc, &value, text));
    check_eq_at(CHECK_SITE(expected), (uint64_t)compare(text, expected), 0);
    check_canonical(text, text);
    if (low && high) check_canonical(is_lower ? upper : lower, "none");
}

static double double_of(uint64_t bits)
{
    double number;
    memcpy(&number, &bits, sizeof number);
    return number;
}

static void the_canonical_form_of_any_double_is_its_shortest(void **state)
{
    (void)state;
    for (uint64_t exponent = 0; exponent < 0x7ff; exponent += 8) { /* powers of two, and the doubles below them */
        check_double(double_of(exponent ? exponent << 52 : 1));
        check_double(double_of((exponent << 52) + 0xfffffffffffff));
    }
    for (int place = 0; place < 52; place++) /* subnormal ones */
        check_double(double_of(UINT64_C(1) << place));
    for (int round = 0; round < 200; round++) {
        double number = double_of(json_random(&random_state) & INT64_MAX);
        if (isfinite(number) && number > 0) check_double(number);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_ordered_by_their_value),
        cmocka_unit_test(numbers_of_one_value_are_equal),
        cmocka_unit_test(integers_are_told_by_their_value),
        cmocka_unit_test(multiples_are_exact),
        cmocka_unit_test(a_million_digits_are_divided_in_linear_time),
        cmocka_unit_test(what_may_divide),
        cmocka_unit_test(counts_are_integers_that_are_not_negative),
        cmocka_unit_test(random_numbers_agree_with_arithmetic_by_hand),
        cmocka_unit_test(the_canonical_form_is_what_ecma_262_writes),
        cmocka_unit_test(what_no_double_says_has_no_canonical_form),
        cmocka_unit_test(the_canonical_form_of_any_double_is_its_shortest),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
