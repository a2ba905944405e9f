/* Patterns that are a row of ASCII characters. Promises:
 *   - those that are one are known as such, and no others
 *   - they match what PCRE2 matches: with each byte of a subject replaced by each other, one taken away or added
 *   - no byte outside of the subject is read */
#include "schema/regex_fixed.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/check.h"
#include "schema/regex_translate.h"

/* A pattern, and a subject that it matches. */
struct row {
    const char *pattern, *subject;
};

static const struct row fixed_rows[] = {
    {"^a$", "a"},
    {"^[A-Z]{2}$", "NL"},
    {"^[A-Z]{3}-[0-9]{4}$", "ABC-0123"},
    {"^[a-z]{7}$", "abcdefz"},
    {"^\\d{3}[.]\\d{5}$", "012.56789"},
    {"^\\w{4}-\\w$", "aZ_0-9"},
    {"^[\\d.]{0}x$", "x"},
    {"^[a-]{2}[-a]{2}[a-c-]{2}$", "a-a-b-"},
    {"^[+--]{3}$", "+,-"},
    {"^[\\^\\]\\-]{3}\\{\\}$", "^]-{}"},
    {"^[\\d-]{4}/\\/$", "1-2-//"},
    {"^[ -~]{15}$", " ~abc\"\\/{}[]^$."},
    {"^[0-9a-f]{16}$", "0123456789abcdef"},
    {"^[0-9a-f]{17}$", "0123456789abcdef0"},
    {"^sha-[0-9A-Fa-f]{28}$", "sha-0123456789abcdefABCDEF012345"},
    {"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$", "8f14e45f-ceea-467f-9b3a-5d1c27a40e62"},
    {"^[0-9a-f]{64}$", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"},
};

static const char *const other_patterns[] = {"",
                                             "^",
                                             "$",
                                             "^$",
                                             "a",
                                             "^a",
                                             "a$",
                                             "^a\\$",
                                             "^a+$",
                                             "^a?$",
                                             "^a*$",
                                             "^a{1,2}$",
                                             "^a{1,}$",
                                             "^a{2}?$",
                                             "^a|b$",
                                             "^(a)$",
                                             "^.$",
                                             "^[^a]$",
                                             "^[]$",
                                             "^\\D$",
                                             "^\\W$",
                                             "^\\s$",
                                             "^\\b$",
                                             "^\\n$",
                                             "^\\u0061$",
                                             "^\\x61",
                                             "^[\\s]$",
                                             "^\\x61",
                                             "^[\\b]$",
                                             "^a^b$",
                                             "^a$b$",
                                             "^\\p{Lu}$",
                                             "^\xc3\xa9$",
                                             "^[\xc3\xa9]$",
                                             "^[a-\xc3\xa9]$",
                                             "^a{65}$",
                                             "^a{64}b$",
                                             "^[abcde]$",
                                             "^[\\w.]$",
                                             "^[a-\\u0063]$",
                                             "^[a\\u0063]$",
                                             "^a{0}$"};

#define COUNT(list) (sizeof(list) / sizeof *(list))

static struct regex_scratch *scratch;

static void a_row_of_characters_is_known(void **state)
{
    (void)state;
    struct regex_fixed fixed;
    for (size_t i = 0; i < COUNT(fixed_rows); i++) {
        const struct row *row = &fixed_rows[i];
        if (!weft__regex_fixed_of(row->pattern, strlen(row->pattern), &fixed)) fail_msg("/%s/", row->pattern);
        check_eq(fixed.size_bytes, strlen(row->subject));
    }
    for (size_t i = 0; i < COUNT(other_patterns); i++)
        if (weft__regex_fixed_of(other_patterns[i], strlen(other_patterns[i]), &fixed))
            fail_msg("/%s/", other_patterns[i]);
}

/* The subject in memory of its own, so that a read beyond it is seen. */
static bool matches(const struct regex_fixed *fixed, const char *subject, size_t size)
{
    char *copy = malloc(size + !size);
    check_true(copy);
    memcpy(copy, subject, size);
    bool answer = weft__regex_fixed_match(fixed, copy, size);
    free(copy);
    return answer;
}

static void compare(const struct row *row, const struct regex_fixed *fixed, const struct regex *regex,
                    const char *subject, size_t size)
{
    uint32_t budget = 1000 * 1000;
    bool expected = weft__regex_match(regex, scratch, subject, size, &budget) == REGEX_YES;
    if (matches(fixed, subject, size) == expected) return;
    fail_msg("/%s/ on \"%.*s\": expected %d", row->pattern, (int)size, subject, expected);
}

static void compare_variants(const struct row *row, const struct regex_fixed *fixed, const struct regex *regex)
{
    char subject[2 * FIXED_SIZE_MAX];
    size_t size = strlen(row->subject);
    for (size_t at = 0; at < size; at++) {
        memcpy(subject, row->subject, size);
        for (int byte = 0; byte < 0x80; byte++) {
            subject[at] = (char)byte;
            compare(row, fixed, regex, subject, size);
        }
        if (at + 1 == size) continue;
        memcpy(subject + at, "\xc3\xa9", 2);
        compare(row, fixed, regex, subject, size);
    }
    memcpy(subject, row->subject, size);
    subject[size] = subject[size - 1];
    for (size_t other = 0; other <= size + 1; other++)
        compare(row, fixed, regex, subject, other);
    memset(subject, 0, sizeof subject);
    for (size_t other = 0; other <= sizeof subject; other++)
        compare(row, fixed, regex, subject, other);
}

static void they_match_what_pcre2_matches(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(fixed_rows); i++) {
        const struct row *row = &fixed_rows[i];
        struct regex_fixed fixed;
        struct regex *regex;
        struct regex_fault fault;
        check_true(weft__regex_fixed_of(row->pattern, strlen(row->pattern), &fixed));
        weft__regex_trial = (struct regex_trial){.watched = true};
        check_ok(weft__regex_new(&weft__mem_libc, row->pattern, strlen(row->pattern), &regex, &fault));
        weft__regex_trial = (struct regex_trial){0};
        check_true(!weft__regex_is_fixed(regex));
        check_true(matches(&fixed, row->subject, strlen(row->subject)));
        compare_variants(row, &fixed, regex);
        weft__regex_free(regex);
    }
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
        cmocka_unit_test(a_row_of_characters_is_known),
        cmocka_unit_test(they_match_what_pcre2_matches),
    };
    return cmocka_run_group_tests(tests, open_scratch, close_scratch);
}
