#include "lib/check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static pid_t tests_thread; /* the one cmocka may longjmp in */

__attribute__((constructor)) static void note_tests_thread(void)
{
    tests_thread = gettid();
}

/* Prints in one call, so that what two threads print stays apart; then ends the test. */
__attribute__((format(printf, 2, 3))) static void fail_at(struct check_site site, const char *format, ...)
{
    char reason[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);

    if (gettid() == tests_thread) {
        print_error("%s:%d: %s: %s\n", site.file, site.line, site.text, reason);
        _fail(site.file, site.line);
    }
    fprintf(stderr, "%s:%d: in a thread or child of the test: %s: %s\n", site.file, site.line, site.text, reason);
    abort();
}

/* An integer as both signs would read it, where they differ. */
static const char *number(uint64_t value, char text[48])
{
    if (value <= INT64_MAX) {
        snprintf(text, 48, "%" PRIu64, value);
    } else {
        snprintf(text, 48, "%" PRId64 " (or %" PRIu64 ")", (int64_t)value, value);
    }
    return text;
}

void check_error_at(struct check_site site, weft_error got, weft_error expected)
{
    if (got == expected) return;
    fail_at(site, "got %s (%d), expected %s (%d)", weft_error_name(got), (int)got, weft_error_name(expected),
            (int)expected);
}

void check_eq_at(struct check_site site, uint64_t got, uint64_t expected)
{
    char got_text[48], expected_text[48];
    if (got == expected) return;
    fail_at(site, "%s is not %s", number(got, got_text), number(expected, expected_text));
}

void check_str_at(struct check_site site, const char *got, const char *expected)
{
    if (got == expected || (got && expected && strcmp(got, expected) == 0)) return;
    const char *got_quote = got ? "\"" : "";
    const char *expected_quote = expected ? "\"" : "";
    fail_at(site, "%s%s%s is not %s%s%s", got_quote, got ? got : "NULL", got_quote, expected_quote,
            expected ? expected : "NULL", expected_quote);
}

void check_true_at(struct check_site site, bool holds)
{
    if (!holds) fail_at(site, "is false");
}
