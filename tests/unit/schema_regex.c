/* Patterns: what is ECMA-262 and what is not, what matches what, and that a match ends. The rows follow ECMA-262,
 * edition 11, section 21.2, with the flag u. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/failmem.h"
#include "schema/regex_translate.h"

enum { YES = REGEX_YES, NO = REGEX_NO, BUDGET = 10 * 1000 * 1000 };

#define COUNT(list) (sizeof(list) / sizeof *(list))

static struct regex_scratch *scratch;

/* --- what matches ----------------------------------------------------------------------------- */

struct row {
    const char *pattern, *subject;
    unsigned answer;
};

static const struct row characters[] = {
    {"", "", YES},
    {"", "x", YES},
    {"b", "abc", YES},
    {"b", "aBc", NO},
    {"^b", "abc", NO},
    {"^abc$", "abc", YES},
    {"^abc$", "abc\n", NO},
    {"^abc$", "x\nabc", NO},
    {"c$", "abc\n", NO},
    {"^$", "", YES},
    {"$^", "", YES},
    {"^.$", "x", YES},
    {"^.$", "\n", NO},
    {"^.$", "\r", NO},
    {"^.$", "\xe2\x80\xa8", NO},
    {"^.$", "\xe2\x80\xa9", NO},
    {"^.$", "\xc2\x85", YES},
    {"^.$", "\v", YES},
    {"^.$", "\xf0\x9f\x98\x80", YES},
    {"^..$", "\xf0\x9f\x98\x80", NO},
    {"^\xf0\x9f\x98\x80{2}$", "\xf0\x9f\x98\x80\xf0\x9f\x98\x80", YES},
    {"^\\t\\n\\v\\f\\r$", "\t\n\v\f\r", YES},
    {"^\\cA\\cz\\cM$", "\x01\x1a\r", YES},
    {"^\\x41\\u0042$", "AB", YES},
    {"^\\u{43}\\u{000043}$", "CC", YES},
    {"^\\u{1F600}$", "\xf0\x9f\x98\x80", YES},
    {"^\\ud83d\\ude00$", "\xf0\x9f\x98\x80", YES},
    {"^\\uD83D\\uDE00+$", "\xf0\x9f\x98\x80\xf0\x9f\x98\x80", YES},
    {"\\ud83d", "\xf0\x9f\x98\x80", NO},
    {"^\\ude00?x$", "x", YES},
    {"\\ud83d\\u0041", "A", NO},
    {"^\\^\\$\\\\\\.\\*\\+\\?\\(\\)\\[\\]\\{\\}\\|\\/$", "^$\\.*+?()[]{}|/", YES},
    {"^a/b$", "a/b", YES},
    {"^#- ,=!<>:&~'\"@%;_`$", "#- ,=!<>:&~'\"@%;_`", YES},
};

static const struct row sets[] = {
    {"^\\d$", "7", YES},
    {"^\\d$", "\xd9\xa7", NO},
    {"^\\D$", "\xd9\xa7", YES},
    {"^\\D$", "7", NO},
    {"^\\w+$", "aZ_09", YES},
    {"\\w", "\xc3\xa9", NO},
    {"^\\W$", "\xc3\xa9", YES},
    {"\\W", "aZ_09", NO},
    {"^\\s+$", "\t\n\v\f\r \xc2\xa0\xe1\x9a\x80\xe2\x80\x80\xe2\x80\x8a\xe2\x80\xa8\xe2\x80\xa9", YES},
    {"^\\s+$", "\xe2\x80\xaf\xe2\x81\x9f\xe3\x80\x80\xef\xbb\xbf", YES},
    {"\\S", "\t\n\v\f\r \xc2\xa0\xe1\x9a\x80\xe2\x80\x80\xe2\x80\x8a\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaf\xef\xbb\xbf",
     NO},
    {"\\s", "\xc2\x85\xe1\xa0\x8e\xe2\x80\x8b\x1c\x1f", NO},
    {"^\\S+$", "\xc2\x85\xe1\xa0\x8e\xe2\x80\x8b\x1c\x1f", YES},
    {"^[abc]$", "b", YES},
    {"^[abc]$", "d", NO},
    {"^[^abc]$", "d", YES},
    {"^[^abc]$", "\n", YES},
    {"^[^abc]$", "a", NO},
    {"[]", "x", NO},
    {"a[]*b", "ab", YES},
    {"^[]{0,2}?$", "", YES},
    {"^[^]$", "\n", YES},
    {"^[^][^]$", "\xf0\x9f\x98\x80\n", YES},
    {"^[a-c-e]+$", "ab-e", YES},
    {"^[a-c-e]+$", "d", NO},
    {"^[-a]+$", "-a", YES},
    {"^[a-]+$", "-a", YES},
    {"^[--/]+$", "-./", YES},
    {"^[\\-x]+$", "-x", YES},
    {"^[+--]$", ",", YES},
    {"^[\\]\\[]+$", "[]", YES},
    {"^[[a]+$", "[a", YES},
    {"^[[:alpha:]\\]+$", "a]]", YES},
    {"^[[.a.\\]=]$", ".", YES},
    {"^[\\^a]$", "^", YES},
    {"^[a^]$", "^", YES},
    {"^[.*+?(){}|$]+$", ".*+?(){}|$", YES},
    {"^[.]$", "x", NO},
    {"^[\\b]$", "\b", YES},
    {"^[\\0\\x01\\cB]{3}$", "\x01\x02\x01", YES},
    {"^[\\d\\-x]+$", "7-x", YES},
    {"^[\\d-]+$", "7-", YES},
    {"^[\\s\\S]$", "\n", YES},
    {"^[\\w\\W\\d]$", "\xc3\xa9", YES},
    {"[^\\d\\D]", "7", NO},
    {"^[\\S]$", "\xc2\xa0", NO},
    {"^[\\Sx]$", "y", YES},
    {"^[^\\S]$", "\xc2\xa0", YES},
    {"^[^\\S]$", "x", NO},
    {"^[^\\s]$", "x", YES},
    {"^[^\\s]$", "\xef\xbb\xbf", NO},
    {"^[^\\W]$", "_", YES},
    {"^[^\\W]$", "\xc3\xa9", NO},
    {"^[^\\D1]$", "2", YES},
    {"^[^\\D1]$", "1", NO},
    {"^[\\u{1F600}-\\u{1F64F}]$", "\xf0\x9f\x99\x8f", YES},
    {"^[\xf0\x9f\x98\x80-\xf0\x9f\x99\x8f]$", "\xf0\x9f\x99\x90", NO},
    {"^[\\ud83d\\ude00]$", "\xf0\x9f\x98\x80", YES},
    {"^[\\ud800-\\udfff]$", "\xf0\x9f\x98\x80", NO},
    {"^[^\\ud800-\\udfff]$", "\xf0\x9f\x98\x80", YES},
    {"^[\\u0000-\\uffff]$", "\xef\xbf\xbd", YES},
    {"^[\\ud7ff-\\udbff]$", "\xed\x9f\xbf", YES},
    {"^[\\udc00-\\ue000]$", "\xee\x80\x80", YES},
    {"^[\xc3\xa0-\xc3\xbc]+$", "\xc3\xa9\xc3\xbc", YES},
};

static const struct row properties[] = {
    {"^\\p{Letter}+$", "a\xc3\xa9\xce\xb1", YES},
    {"^\\p{L}+$", "a1", NO},
    {"^\\p{Lu}\\p{Ll}$", "\xc3\x89\xc3\xa9", YES},
    {"^\\p{Uppercase_Letter}\\p{gc=Lowercase_Letter}$", "Ab", YES},
    {"^\\p{General_Category=Decimal_Number}$", "\xd9\xa7", YES},
    {"^\\p{Nd}\\p{digit}$", "1\xd9\xa7", YES},
    {"^\\p{punct}\\p{Sc}\\p{cntrl}$", "!\xe2\x82\xac\n", YES},
    {"^\\p{LC}$", "\xc3\xa9", YES},
    {"\\P{L}", "abc", NO},
    {"^\\P{Lu}$", "a", YES},
    {"^[\\p{Lu}\\p{Nd}_]+$", "A_7", YES},
    {"^[^\\p{Lu}]+$", "a7", YES},
    {"^[^\\p{Lu}]+$", "aB", NO},
    {"^[^\\P{L}]$", "\xc3\xa9", YES},
    {"^\\p{Script=Greek}+$", "\xce\xb1\xce\xb2", YES},
    {"^\\p{sc=Grek}$", "a", NO},
    {"^\\p{Script_Extensions=Devanagari}$", "\xe0\xa5\xa4", YES},
    {"^\\p{Script=Devanagari}$", "\xe0\xa5\xa4", NO},
    {"^\\p{scx=Deva}$", "\xe0\xa5\xa4", YES},
    {"^\\p{Script=Han}\\p{Script=Hira}$", "\xe6\xbc\xa2\xe3\x81\x82", YES},
    {"^\\p{ASCII}+$", "a~", YES},
    {"\\P{ASCII}", "a~", NO},
    {"^\\p{Any}$", "\xf0\x9f\x98\x80", YES},
    {"^\\p{Assigned}$", "\xcd\xb8", NO},
    {"^\\P{Assigned}$", "\xcd\xb8", YES},
    {"^[\\P{Assigned}]$", "a", NO},
    {"^[^\\P{Assigned}]$", "a", YES},
    {"^\\p{Alphabetic}\\p{Alpha}$", "\xc3\xa9z", YES},
    {"^\\p{White_Space}\\p{space}$", "\xc2\x85 ", YES},
    {"^\\p{Emoji_Presentation}$", "\xf0\x9f\x98\x80", YES},
    {"^\\p{ID_Start}\\p{IDC}*$", "a1\xc3\xa9", YES},
    {"^\\p{Hex_Digit}+$", "0aF", YES},
};

static const struct row groups[] = {
    {"a|b", "b", YES},
    {"^(?:a|b|)$", "", YES},
    {"^a|b$", "ax", YES},
    {"|x", "", YES},
    {"^(a)(b)\\2\\1$", "abba", YES},
    {"^(a)(b)\\2\\1$", "abab", NO},
    {"^(?<first>a|b)\\k<first>$", "bb", YES},
    {"^(?<first>a|b)\\k<first>$", "ab", NO},
    {"^(?<$_\xc3\xa9>x)\\k<$_\\u00e9>$", "xx", YES},
    {"^(?<\\u{61}b>x)\\k<ab>y$", "xxy", YES},
    {"^\\k<later>(?<later>a)$", "a", YES},
    {"^\\1(a)$", "a", YES},
    {"^(a\\1)$", "a", YES},
    {"^(a\\1)+$", "aa", YES},
    {"^(?:\\1(a))+$", "aa", YES},
    {"^\\1{2,}(a)?$", "", YES},
    {"^(?:(a)|b)\\1$", "b", YES},
    {"^(?:(a)|b)\\1$", "ab", NO},
    {"^(b)?\\1{1,}$", "", YES},
    {"^(?:(a)b)+\\1$", "ababa", YES},
    {"^(a)(b)(c)(d)(e)(f)(g)(h)(i)(j)\\10$", "abcdefghijj", YES},
    {"^(?!(a))\\1b", "b", YES},
    {"(1|)b*1", "1", YES},
    {"(?:a|)[ab]+[ab]", "ab", YES},
    {"(?:[^a]|[ab][ab]a|[ab])[ab]*[^b]+", "aaa", YES},
    {"a(?=b)", "ab", YES},
    {"a(?=b)", "ac", NO},
    {"a(?!b)", "ac", YES},
    {"a(?!b)", "ab", NO},
    {"(?=a)a", "a", YES},
    {"(?=a)\\w*a", "a", YES},
    {"^(?=(a+))a*b\\1$", "aaba", NO},
    {"^(?=.*\\d)(?=.*[a-z]).{4,}$", "ab1c", YES},
    {"^(?=.*\\d)(?=.*[a-z]).{4,}$", "abcd", NO},
    {"(?<=a)b", "ab", YES},
    {"(?<=a)b", "cb", NO},
    {"(?<!a)b", "cb", YES},
    {"(?<!a)b", "ab", NO},
    {"(?<=ab|c)d", "cd", YES},
    {"(?<=\\$\\d{2})x", "$42x", YES},
    {"(?<=^|,)x", "a,x", YES},
    {"\\bfoo\\b", "a foo.", YES},
    {"\\bfoo\\b", "afoo", NO},
    {"\\b\xc3\xa9", "a\xc3\xa9", YES},
    {"\\Boo", "foo", YES},
};

static const struct row quantifiers[] = {
    {"^a*$", "", YES},
    {"^a+$", "", NO},
    {"^a?$", "aa", NO},
    {"^a{2}$", "aa", YES},
    {"^a{2}$", "aaa", NO},
    {"^a{2,}$", "aaaa", YES},
    {"^a{2,3}$", "aaaa", NO},
    {"^a{0}$", "", YES},
    {"^a{0,0}b$", "b", YES},
    {"^a{002,03}$", "aa", YES},
    {"^a*?b+?c??d{1,2}?$", "aabbd", YES},
    {"^(a*)*$", "b", NO},
    {"^(?:a?){3}b$", "ab", YES},
    {"^(?:ab){2}$", "abab", YES},
    {"^[ab]{2}\\d+$", "ba12", YES},
    {"^(?:a{64}){2}$", "a", NO},
    {"^a{3}a*b", "aaab", YES},
    {"^\\S(|(.|\\n)*\\S)$", "a b\nc", YES},
    {"^\\S(|(.|\\n)*\\S)$", "a b\nc ", NO},
};

static void check_row(const struct row *row, struct regex *regex)
{
    uint32_t budget = BUDGET;
    unsigned answer = weft__regex_match(regex, scratch, row->subject, strlen(row->subject), &budget);
    if (answer != row->answer) fail_msg("/%s/ on \"%s\": %u", row->pattern, row->subject, answer);
}

static void check_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct regex *regex;
        struct regex_fault fault;
        weft_error error = weft__regex_new(&weft__mem_libc, rows[i].pattern, strlen(rows[i].pattern), &regex, &fault);
        if (error) fail_msg("/%s/ refused at %zu: %s", rows[i].pattern, fault.at, fault.sentence);
        check_true(weft__regex_valid(rows[i].pattern, strlen(rows[i].pattern)));
        check_row(&rows[i], regex);
        weft__regex_free(regex);
    }
}

/* Each as it comes, then always with callouts, then without a JIT, then both. */
static void check_ways(const struct row *rows, size_t count)
{
    for (unsigned way = 0; way < 4; way++) {
        weft__regex_trial = (struct regex_trial){.watched = way & 1, .interpreted = way & 2};
        check_rows(rows, count);
    }
    weft__regex_trial = (struct regex_trial){0};
}

static void characters_are_those_of_ecma(void **state)
{
    (void)state;
    check_ways(characters, COUNT(characters));
}

static void sets_are_those_of_ecma(void **state)
{
    (void)state;
    check_ways(sets, COUNT(sets));
}

static void properties_are_those_of_unicode(void **state)
{
    (void)state;
    check_ways(properties, COUNT(properties));
}

static void groups_and_references_are_those_of_ecma(void **state)
{
    (void)state;
    check_ways(groups, COUNT(groups));
}

static void quantifiers_are_those_of_ecma(void **state)
{
    (void)state;
    check_ways(quantifiers, COUNT(quantifiers));
}

static void a_nul_is_a_character(void **state)
{
    (void)state;
    static const char pattern[] = "^a\0[\0]\\0\\x00$", subject[] = "a\0\0\0";
    struct regex *regex;
    struct regex_fault fault;
    uint32_t budget = BUDGET;
    check_ok(weft__regex_new(&weft__mem_libc, pattern, sizeof pattern - 1, &regex, &fault));
    check_eq(weft__regex_match(regex, scratch, subject, sizeof subject - 1, &budget), NO);
    check_eq(weft__regex_match(regex, scratch, "a\0\0\0\0", 5, &budget), YES);
    weft__regex_free(regex);
}

/* --- what is refused -------------------------------------------------------------------------- */

struct refusal {
    const char *pattern;
    weft_error error;
    size_t at;
};

static const struct refusal refusals[] = {
    {"^\\S(|(.|\\n)*\\S)\\Z", WEFT_EINVAL, 15},
    {"\\A", WEFT_EINVAL, 0},
    {"ab\\a", WEFT_EINVAL, 2},
    {"\\e", WEFT_EINVAL, 0},
    {"\\Q", WEFT_EINVAL, 0},
    {"\\G", WEFT_EINVAL, 0},
    {"\\K", WEFT_EINVAL, 0},
    {"\\R", WEFT_EINVAL, 0},
    {"\\h", WEFT_EINVAL, 0},
    {"\\-", WEFT_EINVAL, 0},
    {"\\ ", WEFT_EINVAL, 0},
    {"\\_", WEFT_EINVAL, 0},
    {"\\\xc3\xa9", WEFT_EINVAL, 0},
    {"a\\", WEFT_EINVAL, 1},
    {"\\c", WEFT_EINVAL, 0},
    {"\\c1", WEFT_EINVAL, 0},
    {"[\\c_]", WEFT_EINVAL, 1},
    {"\\x4", WEFT_EINVAL, 0},
    {"\\x4g", WEFT_EINVAL, 0},
    {"\\u004", WEFT_EINVAL, 0},
    {"\\u{}", WEFT_EINVAL, 0},
    {"\\u{110000}", WEFT_EINVAL, 0},
    {"\\u{41", WEFT_EINVAL, 0},
    {"\\u{ 41}", WEFT_EINVAL, 0},
    {"\\01", WEFT_EINVAL, 0},
    {"\\00", WEFT_EINVAL, 0},
    {"\\1", WEFT_EINVAL, 0},
    {"(a)x\\2", WEFT_EINVAL, 4},
    {"(?:a)\\1", WEFT_EINVAL, 5},
    {"\\99999999999999999999", WEFT_EINVAL, 0},
    {"[\\1]", WEFT_EINVAL, 1},
    {"[\\00]", WEFT_EINVAL, 1},
    {"[\\B]", WEFT_EINVAL, 1},
    {"[\\k]", WEFT_EINVAL, 1},
    {"[z-a]", WEFT_EINVAL, 1},
    {"[a\\d-x]", WEFT_EINVAL, 2},
    {"[a-\\d]", WEFT_EINVAL, 1},
    {"[\\p{L}-z]", WEFT_EINVAL, 1},
    {"x[a", WEFT_EINVAL, 1},
    {"[a-", WEFT_EINVAL, 0},
    {"[", WEFT_EINVAL, 0},
    {"[\\]", WEFT_EINVAL, 0},
    {"a]", WEFT_EINVAL, 1},
    {"a}", WEFT_EINVAL, 1},
    {"{", WEFT_EINVAL, 0},
    {"a{", WEFT_EINVAL, 1},
    {"a{,3}", WEFT_EINVAL, 1},
    {"a{1", WEFT_EINVAL, 1},
    {"a{1,", WEFT_EINVAL, 1},
    {"a{1,2", WEFT_EINVAL, 1},
    {"a{x}", WEFT_EINVAL, 1},
    {"a{2,1}", WEFT_EINVAL, 1},
    {"a{99999999999999999999,99999999999999999998}", WEFT_EINVAL, 1},
    {"*", WEFT_EINVAL, 0},
    {"a|+", WEFT_EINVAL, 2},
    {"(?)", WEFT_EINVAL, 0},
    {"a**", WEFT_EINVAL, 2},
    {"a++", WEFT_EINVAL, 2},
    {"a???", WEFT_EINVAL, 3},
    {"a{2}{3}", WEFT_EINVAL, 4},
    {"^*", WEFT_EINVAL, 1},
    {"$?", WEFT_EINVAL, 1},
    {"\\b+", WEFT_EINVAL, 2},
    {"(?=a)*", WEFT_EINVAL, 5},
    {"(?!a){2}", WEFT_EINVAL, 5},
    {"(?<=a)?", WEFT_EINVAL, 6},
    {"x(a", WEFT_EINVAL, 1},
    {"a)", WEFT_EINVAL, 1},
    {"(?:", WEFT_EINVAL, 0},
    {"(?i)a", WEFT_EINVAL, 0},
    {"(?i:a)", WEFT_EINVAL, 0},
    {"(?>a)", WEFT_EINVAL, 0},
    {"(?|a)", WEFT_EINVAL, 0},
    {"(?#a)", WEFT_EINVAL, 0},
    {"(?R)", WEFT_EINVAL, 0},
    {"(?P<n>a)", WEFT_EINVAL, 0},
    {"(?'n'a)", WEFT_EINVAL, 0},
    {"(?C)", WEFT_EINVAL, 0},
    {"(*FAIL)", WEFT_EINVAL, 1},
    {"(?<>a)", WEFT_EINVAL, 3},
    {"(?<1>a)", WEFT_EINVAL, 3},
    {"(?<a-b>a)", WEFT_EINVAL, 4},
    {"(?<a", WEFT_EINVAL, 4},
    {"(?<\xe2\x82\xac>a)", WEFT_EINVAL, 3},
    {"(?<\\x61>a)", WEFT_EINVAL, 3},
    {"(?<a>x)(?<a>y)", WEFT_EINVAL, 10},
    {"(?<a>x)|(?<\\u0061>y)", WEFT_EINVAL, 11},
    {"\\k", WEFT_EINVAL, 0},
    {"\\k<a", WEFT_EINVAL, 4},
    {"\\k<a>", WEFT_EINVAL, 0},
    {"(?<a>x)\\k<b>", WEFT_EINVAL, 7},
    {"\\p", WEFT_EINVAL, 0},
    {"\\pL", WEFT_EINVAL, 0},
    {"\\p{", WEFT_EINVAL, 0},
    {"\\p{}", WEFT_EINVAL, 0},
    {"\\p{letter}", WEFT_EINVAL, 0},
    {"\\p{L&}", WEFT_EINVAL, 0},
    {"\\p{^L}", WEFT_EINVAL, 0},
    {"\\p{ L}", WEFT_EINVAL, 0},
    {"\\p{Greek}", WEFT_EINVAL, 0},
    {"\\p{Script=greek}", WEFT_EINVAL, 0},
    {"\\p{Script}", WEFT_EINVAL, 0},
    {"\\p{gc=Greek}", WEFT_EINVAL, 0},
    {"\\p{Alphabetic=True}", WEFT_EINVAL, 0},
    {"\\p{Xan}", WEFT_EINVAL, 0},
    {"a\xff", WEFT_EINVAL, 1},
    {"[\xc3]", WEFT_EINVAL, 1},
    {"\xed\xa0\x80", WEFT_EINVAL, 0},

    {"x\\p{Changes_When_NFKC_Casefolded}", WEFT_EUNSUPPORTED, 1},
    {"x(?<=a*)b", WEFT_EUNSUPPORTED, 1},
    {"(?<=(a)\\1)b", WEFT_EUNSUPPORTED, 7},
    {"a{70000}", WEFT_EUNSUPPORTED, 1},
    {"a{99999999999999999998,99999999999999999999}", WEFT_EUNSUPPORTED, 1},
    {"^(?:(a)|b)*\\1$", WEFT_EUNSUPPORTED, 11},
    {"^(?:(a)?b\\1)*$", WEFT_EUNSUPPORTED, 9},
    {"(?:(?=(a)))*\\1", WEFT_EUNSUPPORTED, 12},
};

static void what_is_not_ecma_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(refusals); i++) {
        const struct refusal *row = &refusals[i];
        struct regex *regex = NULL;
        struct regex_fault fault = {0};
        weft_error error = weft__regex_new(&weft__mem_libc, row->pattern, strlen(row->pattern), &regex, &fault);
        if (error != row->error || (row->error == WEFT_EINVAL && fault.at != row->at))
            fail_msg("/%s/: error %d at %zu: %s", row->pattern, error, fault.at, fault.sentence);
        check_true(regex == NULL && fault.sentence && *fault.sentence);
        check_eq(weft__regex_valid(row->pattern, strlen(row->pattern)), row->error != WEFT_EINVAL);
    }
}

static void a_worse_fault_behind_what_is_unsupported_is_found(void **state)
{
    (void)state;
    struct regex *regex;
    struct regex_fault fault;
    check_err(weft__regex_new(&weft__mem_libc, "a{70000}(", 9, &regex, &fault), WEFT_EINVAL);
    check_eq(fault.at, 8);
    check_true(!weft__regex_valid("a{70000}(", 9));
}

static void size_and_depth_have_bounds(void **state)
{
    (void)state;
    static char pattern[REGEX_SIZE_MAX + 1];
    struct regex *regex;
    struct regex_fault fault;
    memset(pattern, 'a', sizeof pattern);
    check_ok(weft__regex_new(&weft__mem_libc, pattern, REGEX_SIZE_MAX, &regex, &fault));
    weft__regex_free(regex);
    check_err(weft__regex_new(&weft__mem_libc, pattern, sizeof pattern, &regex, &fault), WEFT_ELIMIT);

    memset(pattern, '(', REGEX_DEPTH_MAX);
    memset(pattern + REGEX_DEPTH_MAX, ')', REGEX_DEPTH_MAX);
    check_ok(weft__regex_new(&weft__mem_libc, pattern, (size_t)2 * REGEX_DEPTH_MAX, &regex, &fault));
    weft__regex_free(regex);
    memset(pattern, '(', REGEX_DEPTH_MAX + 1);
    check_err(weft__regex_new(&weft__mem_libc, pattern, REGEX_DEPTH_MAX + 1, &regex, &fault), WEFT_ELIMIT);
    check_eq(fault.at, REGEX_DEPTH_MAX);

    check_err(weft__regex_new(&weft__mem_libc, "(?:a{999}){999}", 15, &regex, &fault), WEFT_EUNSUPPORTED);
    for (size_t i = 0; i < REGEX_SIZE_MAX; i++)
        pattern[i] = "()"[i % 2];
    check_ok(weft__regex_new(&weft__mem_libc, pattern, REGEX_SIZE_MAX, &regex, &fault));
    weft__regex_free(regex);
}

/* --- what a match costs ----------------------------------------------------------------------- */

struct work {
    const char *pattern, *head, *unit, *tail; /* the subject: units between head and tail */
    unsigned answer_4k, answer_1m;            /* for 4 KiB, and for 1 MiB */
};

enum { HARD = REGEX_TOO_HARD };

static const struct work works[] = {
    {"^[a-z]+$", "", "a", "", YES, YES},
    {"^[^,]*,x", "", "a", "", NO, NO},
    {"^[\\s\\S]*$", "", "a\n", "", YES, YES},
    {"^(?:[a-z]+ ?)+$", "", "lorem ipsum ", "", YES, HARD},
    {"^\\S(|(.|\\n)*\\S)$", "", "a\n", "b", YES, HARD},
    {"[a-z]+@[a-z]+\\.com", "", "a", "@1.com", NO, HARD},
    {"[0-9]+", "", "a", "1", YES, YES},
    {"(\\w+) \\1b", "", "lorem ipsum dolor ", "b", NO, HARD},
    {"^(\"(?:[^\"\\\\]|\\\\.)*\",?)+$", "", "\"a\\\"b\",", "", YES, HARD},
    {"^(?=.*\\d)(?=.*[a-z]).{4,}$", "1", "a", "", YES, YES},
    {"^(?:a?){30}a{30}$", "", "a", "", HARD, HARD},
    {"^(a+)+$", "", "a", "!", HARD, HARD},
    {"^(a|a)*$", "", "a", "!", HARD, HARD},
    {"^(a|aa)+$", "", "a", "!", HARD, HARD},
    {"^(\\w+\\s?)*$", "", "a", "!", HARD, HARD},
    {"^(([a-z])+.)+[A-Z]([a-z])+$", "", "a", "", HARD, HARD},
    {"(a+)+b", "", "a", "cb!ab", HARD, HARD},
    {"(x+x+)+y", "", "x", "!y", HARD, HARD},
    {"^a*a*a*a*b", "", "a", "cb", HARD, HARD},
    {"(.*)*x", "", "a", "\nx", HARD, HARD},
    {"(?:a{1000}){60}b", "", "a", "cb", NO, HARD},
    {"\\s+$", "", " ", "x", HARD, HARD},
    {"(a+)\\1b", "", "a", "cb", HARD, HARD},
    {"(?=(a+))a*b", "", "a", "cb", HARD, HARD},
    {"(?!.*b.*b)a+c", "", "a", "dc", HARD, HARD},
};

/* The subject; free it. */
static char *subject_of(const struct work *work, size_t least, size_t *size_bytes)
{
    size_t head = strlen(work->head), unit = strlen(work->unit), tail = strlen(work->tail);
    size_t units = (least + unit - 1) / unit;
    char *subject = malloc(head + units * unit + tail + 1);
    memcpy(subject, work->head, head);
    for (size_t i = 0; i < units; i++)
        memcpy(subject + head + i * unit, work->unit, unit);
    memcpy(subject + head + units * unit, work->tail, tail + 1);
    *size_bytes = head + units * unit + tail;
    return subject;
}

static void check_work(const struct work *work, const struct regex *regex, size_t least, unsigned answer)
{
    uint32_t budget = 2 * 1000 * 1000;
    size_t size_bytes;
    char *subject = subject_of(work, least, &size_bytes);
    unsigned got = weft__regex_match(regex, scratch, subject, size_bytes, &budget);
    if (got != answer) fail_msg("/%s/ on %zu bytes: %u, budget left %u", work->pattern, size_bytes, got, budget);
    free(subject);
}

static void honest_patterns_answer_and_hostile_ones_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(works); i++) {
        struct regex *regex;
        struct regex_fault fault;
        check_ok(weft__regex_new(&weft__mem_libc, works[i].pattern, strlen(works[i].pattern), &regex, &fault));
        check_work(&works[i], regex, 4096, works[i].answer_4k);
        check_work(&works[i], regex, 1 << 20, works[i].answer_1m);
        weft__regex_free(regex);
    }
}

static void a_budget_is_spent_and_then_nothing_matches(void **state)
{
    (void)state;
    static char subject[4096];
    struct regex *regex;
    struct regex_fault fault;
    uint32_t budget = 1000;
    memset(subject, 'a', sizeof subject);
    check_ok(weft__regex_new(&weft__mem_libc, "^[a-z]+$", 8, &regex, &fault));
    unsigned matches = 0;
    while (weft__regex_match(regex, scratch, subject, sizeof subject, &budget) == REGEX_YES)
        matches++;
    check_eq(budget, 0);
    check_eq(matches, 1000 / (1 + sizeof subject / 32));
    weft__regex_free(regex);

    budget = 2 * BUDGET;
    check_ok(weft__regex_new(&weft__mem_libc, "^(a+)+$", 7, &regex, &fault));
    check_eq(weft__regex_match(regex, scratch, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", 42, &budget),
             REGEX_TOO_HARD);
    uint32_t spent = 2 * BUDGET - budget;
    check_true(spent >= REGEX_MATCH_STEPS && spent <= REGEX_MATCH_STEPS + 42 * REGEX_BYTE_STEPS + 8);
    budget = 100;
    check_eq(weft__regex_match(regex, scratch, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", 42, &budget),
             REGEX_TOO_HARD);
    check_eq(budget, 0);
    weft__regex_free(regex);
}

/* --- memory ----------------------------------------------------------------------------------- */

static void refused_memory_is_an_error_and_leaves_nothing(void **state)
{
    (void)state;
    struct failmem failmem;
    struct regex *regex = NULL;
    struct regex_fault fault;
    failmem_init(&failmem);
    uint64_t nth = 0;
    do {
        failmem_fail_once(&failmem, ++nth);
        weft_error error = weft__regex_new(&failmem.mem, "^(?<n>a+)+\\k<n>$", 16, &regex, &fault);
        if (failmem.refused) {
            check_err(error, WEFT_ENOMEM);
            check_eq(failmem.live_blocks, 0);
        }
    } while (failmem.refused);
    check_true(nth > 3);
    weft__regex_free(regex);

    struct regex_scratch *mine;
    for (nth = 1; failmem_fail_once(&failmem, nth), !(mine = weft__regex_scratch_new(&failmem.mem)); nth++)
        check_eq(failmem.live_blocks, 0);
    check_true(nth > 3);
    weft__regex_scratch_free(mine);
    check_eq(failmem.live_blocks, 0);
}

static void a_match_and_a_check_of_syntax_need_no_memory(void **state)
{
    (void)state;
    struct failmem failmem;
    struct regex *regex;
    struct regex_fault fault;
    static char subject[8192];
    uint32_t budget = BUDGET;
    failmem_init(&failmem);
    struct regex_scratch *mine = weft__regex_scratch_new(&failmem.mem);
    check_ok(weft__regex_new(&failmem.mem, "^(?:(a)|b)+$", 12, &regex, &fault));
    memset(subject, 'a', sizeof subject);
    failmem_fail_from(&failmem, 1);
    check_eq(weft__regex_match(regex, mine, subject, sizeof subject, &budget), YES);
    check_eq(weft__regex_match(regex, mine, "abc", 3, &budget), NO);
    check_true(weft__regex_valid("^(?:(a)|b)+$", 12));
    check_eq(failmem.allocations, 0);
    weft__regex_free(regex);
    weft__regex_scratch_free(mine);
    check_eq(failmem.live_blocks, 0);
}

static int open_scratch(void **state)
{
    (void)state;
    scratch = weft__regex_scratch_new(&weft__mem_libc);
    return scratch ? 0 : -1;
}

static int close_scratch(void **state)
{
    (void)state;
    weft__regex_scratch_free(scratch);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(characters_are_those_of_ecma),
        cmocka_unit_test(sets_are_those_of_ecma),
        cmocka_unit_test(properties_are_those_of_unicode),
        cmocka_unit_test(groups_and_references_are_those_of_ecma),
        cmocka_unit_test(quantifiers_are_those_of_ecma),
        cmocka_unit_test(a_nul_is_a_character),
        cmocka_unit_test(what_is_not_ecma_is_refused),
        cmocka_unit_test(a_worse_fault_behind_what_is_unsupported_is_found),
        cmocka_unit_test(size_and_depth_have_bounds),
        cmocka_unit_test(honest_patterns_answer_and_hostile_ones_end),
        cmocka_unit_test(a_budget_is_spent_and_then_nothing_matches),
        cmocka_unit_test(refused_memory_is_an_error_and_leaves_nothing),
        cmocka_unit_test(a_match_and_a_check_of_syntax_need_no_memory),
    };
    return cmocka_run_group_tests(tests, open_scratch, close_scratch);
}
