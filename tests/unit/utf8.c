/* utf8.c: where characters end. Promises:
 *   - a size is that of a whole character of RFC 3629, and 0 of anything else
 *   - a text that is cut to any size is the longest of whole characters
 *   - a text with cuts in it is mended: what is whole stays, and nothing of a cut character is left at its end
 *   - weft_error_message is UTF-8 and as long as can be, wherever its parts were cut */
#include "base/utf8.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <weft/weft.h>

#include "api/error.h"
#include "lib/check.h"

/* The plain way: decodes to a code point, and looks at its value. 0: none. */
static size_t slow_size(const unsigned char *p, size_t left)
{
    static const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t size = p[0] >> 5 == 6 ? 2 : p[0] >> 4 == 14 ? 3 : p[0] >> 3 == 30 ? 4 : 0;
    if (!size || left < size) return 0;
    unsigned value = p[0] & (0x7fU >> size);
    for (size_t i = 1; i < size; i++) {
        if (p[i] >> 6 != 2) return 0;
        value = value << 6 | (p[i] & 0x3fU);
    }
    return value >= least[size] && value <= 0x10ffff && value >> 11 != 0x1b ? size : 0;
}

static void a_size_is_that_of_a_whole_character(void **state)
{
    (void)state;
    static const unsigned char edges[] = {0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff};
    enum { EDGES = sizeof edges };
    for (unsigned lead = 0x80; lead < 0x100; lead++)
        for (unsigned rest = 0; rest < EDGES * EDGES * EDGES; rest++)
            for (size_t left = 1; left <= 4; left++) {
                const unsigned char text[] = {(unsigned char)lead, edges[rest % EDGES], edges[rest / EDGES % EDGES],
                                              edges[rest / EDGES / EDGES]};
                const char *p = (const char *)text;
                if (weft__utf8_size(p, p + left) != slow_size(text, left))
                    check_eq_at(CHECK_SITE("another size"), weft__utf8_size(p, p + left), slow_size(text, left));
            }
}

static const char mixed[] = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\xa7\xb5z"; /* 1, 2, 3, 4 and 1 bytes */

static bool is_utf8(const char *text)
{
    const char *end = text + strlen(text);
    while (text < end) {
        size_t size = (unsigned char)*text < 0x80 ? 1 : slow_size((const unsigned char *)text, (size_t)(end - text));
        if (!size) return false;
        text += size;
    }
    return true;
}

static void a_text_is_cut_between_characters(void **state)
{
    (void)state;
    static const size_t fit[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11, 11};
    for (size_t max = 0; max < sizeof fit / sizeof *fit; max++)
        check_eq(weft__utf8_fit(mixed, strlen(mixed), max), fit[max]);
    check_eq(weft__utf8_fit("", 0, 0), 0);
}

static void check_mended(const char *text, const char *expected)
{
    char copy[64];
    (void)snprintf(copy, sizeof copy, "%s", text);
    weft__utf8_mend(copy);
    check_str(copy, expected);
}

static void what_is_cut_is_mended(void **state)
{
    (void)state;
    check_mended("", "");
    check_mended(mixed, mixed);
    check_mended("a\xc3", "a");
    check_mended("a\xe2\x82", "a");
    check_mended("\xf0\x9f\xa7", "");
    check_mended("\xe2\x82: b", "?: b");
    check_mended("a\xf0\x9f\xa7\xc3\xa9", "a?\xc3\xa9");
    check_mended("\xff\xfe a \xed\xa0\x80 b \xc0\x80", "? a ? b ");
    check_mended("caf\xe9.x", "caf?.x");
}

static void check_message(size_t size_min, size_t size_max)
{
    const char *message = weft_error_message();
    size_t size = strlen(message);
    check_true(is_utf8(message));
    check_true(size >= size_min && size <= size_max);
}

static void messages_are_utf8_wherever_they_are_cut(void **state)
{
    (void)state;
    static const char *const characters[] = {"\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\xa7\xb5"};
    for (size_t c = 0; c < 3; c++)
        for (size_t before = 0; before < 8; before++) {
            char text[2048] = "";
            memset(text, 'a', before);
            while (strlen(text) < 1500)
                strcat(text, characters[c]);
            (void)weft__error(WEFT_EINVAL, "%s", text);
            check_message(508, 511);
            (void)weft__error(WEFT_EINVAL, "%.77s: too long", text);
            check_message(77 + 10 - 3, 77 + 10);
            check_true(strstr(weft_error_message(), ": too long") != NULL);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_size_is_that_of_a_whole_character),
        cmocka_unit_test(a_text_is_cut_between_characters),
        cmocka_unit_test(what_is_cut_is_mended),
        cmocka_unit_test(messages_are_utf8_wherever_they_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
