/* utf8.c: where characters end. Promises:
 *   - a size is that of a whole character of RFC 3629, and 0 of anything else
 *   - a text that is cut to any size is the longest of whole characters
 *   - of a text with cuts in it is shown what is whole, and nothing of a cut character at its end
 *   - nothing that steers a terminal, ends a line or turns the direction of reading is shown as it is, and all else is
 *   - as much is shown as there is room for, in whole characters and escapes
 *   - weft_error_message is UTF-8 and as long as can be, wherever its parts were cut, and shown like that */
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

static void check_shown(const char *text, const char *expected)
{
    char shown[64];
    check_eq(weft__utf8_show(shown, sizeof shown, text, strlen(text)), strlen(text));
    check_str(shown, expected);
}

static void what_is_cut_is_left_out(void **state)
{
    (void)state;
    check_shown("", "");
    check_shown(mixed, mixed);
    check_shown("a\xc3", "a");
    check_shown("a\xe2\x82", "a");
    check_shown("\xf0\x9f\xa7", "");
    check_shown("\xe2\x82: b", "?: b");
    check_shown("a\xf0\x9f\xa7\xc3\xa9", "a?\xc3\xa9");
    check_shown("\xff\xfe a \xed\xa0\x80 b \xc0\x80", "? a ? b ");
    check_shown("caf\xe9.x", "caf?.x");
}

/* As UTF-8; returns its size. */
static size_t encode(char *to, unsigned point)
{
    static const unsigned leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    size_t size = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    for (size_t i = size; i-- > 1; point >>= 6)
        to[i] = (char)(0x80 | (point & 0x3f));
    to[0] = (char)(leads[size] | point);
    return size;
}

static void what_steers_is_escaped_and_nothing_else(void **state)
{
    (void)state;
    static const struct {
        unsigned from, to;
    } escaped[] = {{0, 0x1f}, {0x7f, 0x9f}, {0x61c, 0x61c}, {0x200e, 0x200f}, {0x2028, 0x202e}, {0x2066, 0x2069}};
    size_t row = 0;
    for (unsigned point = 0; point <= 0x10ffff; point++) {
        if (point >> 11 == 0x1b) continue; /* surrogates */
        if (row < sizeof escaped / sizeof *escaped && point > escaped[row].to) row++;
        bool is_escaped = row < sizeof escaped / sizeof *escaped && point >= escaped[row].from;
        char text[5] = "", expected[16], shown[16];
        size_t size = encode(text, point);
        if (is_escaped)
            (void)snprintf(expected, sizeof expected, "\\u%04x", point);
        else
            (void)snprintf(expected, sizeof expected, "%s", text);
        if (weft__utf8_show(shown, sizeof shown, text, size) != size || strcmp(shown, expected) != 0) {
            print_error("U+%04X\n", point);
            check_str(shown, expected);
        }
    }
}

static void as_much_is_shown_as_there_is_room_for(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t room_bytes, taken_bytes;
        const char *shown;
    } rows[] = {{"a\033\xc3\xa9z", 1, 0, ""},
                {"a\033\xc3\xa9z", 2, 1, "a"},
                {"a\033\xc3\xa9z", 7, 1, "a"},
                {"a\033\xc3\xa9z", 8, 2, "a\\u001b"},
                {"a\033\xc3\xa9z", 9, 2, "a\\u001b"},
                {"a\033\xc3\xa9z", 10, 4, "a\\u001b\xc3\xa9"},
                {"a\033\xc3\xa9z", 11, 5, "a\\u001b\xc3\xa9z"},
                {"\xff\xfe\n", 7, 2, ""},
                {"\xff\xfe\n", 8, 3, "?\\u000a"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char shown[16];
        memset(shown, 'x', sizeof shown);
        size_t taken = weft__utf8_show(shown, rows[i].room_bytes, rows[i].text, strlen(rows[i].text));
        check_str(shown, rows[i].shown);
        check_eq(taken, rows[i].taken_bytes);
        check_eq(shown[rows[i].room_bytes], 'x');
    }
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
    (void)weft__error(WEFT_EINVAL, "%s: no", "\033]0;a\a");
    check_str(weft_error_message(), "\\u001b]0;a\\u0007: no");
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
        cmocka_unit_test(what_is_cut_is_left_out),
        cmocka_unit_test(what_steers_is_escaped_and_nothing_else),
        cmocka_unit_test(as_much_is_shown_as_there_is_room_for),
        cmocka_unit_test(messages_are_utf8_wherever_they_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
