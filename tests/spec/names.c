/* Names: of channels, patterns over them, and words.
 *
 *   - a channel's name is <kind>.<namespace>.<name>: a known kind, parts of 1 to 64 of [A-Za-z0-9_-]
 *   - a pattern is a name in whose parts a * stands for any run of characters, none included; it never goes past a dot
 *   - a word is 1 to 64 of [A-Za-z0-9_-] and what else is allowed for it
 *   - matching agrees with the obvious definition on every short pattern and name, and is quick on long ones
 */
#include <stdio.h>
#include <string.h>

#include "lib/fixture.h"

static const char *part_of(size_t length)
{
    static char parts[4][80];
    static int turn;
    char *part = parts[turn++ % 4];
    memset(part, 'x', length);
    part[length] = '\0';
    return part;
}

static const char *joined(const char *kind, const char *space, const char *name)
{
    static char text[256];
    snprintf(text, sizeof(text), "%s.%s.%s", kind, space, name);
    return text;
}

spec(channel_name_has_a_known_kind_and_two_parts_more)
{
    check_true(weft__channel_name_valid("dispatch.media.resize"));
    check_true(weft__channel_name_valid("event.media.resized"));
    check_true(weft__channel_name_valid("signal.a.b"));
    check_true(weft__channel_name_valid("history.a.b"));
    check_true(weft__channel_name_valid("dispatch.A-Z_09.x-_Y"));
    const char *const wrong[] = {"",
                                 ".",
                                 "..",
                                 "dispatch",
                                 "dispatch.media",
                                 "dispatch..resize",
                                 "dispatch.media.",
                                 ".media.resize",
                                 "dispatch.media.resize.",
                                 "dispatch.media.resize.more",
                                 "Dispatch.media.resize",
                                 "dispatches.media.resize",
                                 "disp.media.resize",
                                 "work.media.resize",
                                 "dispatch.me dia.resize",
                                 "dispatch.media.res\xc3\xa9",
                                 "dispatch.media.*",
                                 "dispatch.media.re/size",
                                 "dispatch.media.resize\n"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        if (weft__channel_name_valid(wrong[i])) check_str(wrong[i], "refused");
}

spec(parts_have_1_to_64_characters)
{
    check_true(weft__channel_name_valid(joined("dispatch", part_of(1), part_of(1))));
    check_true(weft__channel_name_valid(joined("dispatch", part_of(64), part_of(64))));
    check_true(!weft__channel_name_valid(joined("dispatch", part_of(65), part_of(1))));
    check_true(!weft__channel_name_valid(joined("dispatch", part_of(1), part_of(65))));
    check_eq(strlen(joined("dispatch", part_of(64), part_of(64))), WEFT_CHANNEL_NAME_MAX);
}

spec(longest_name_is_kept_whole)
{
    char name[WEFT_CHANNEL_NAME_MAX + 1];
    snprintf(name, sizeof(name), "%s", joined("dispatch", part_of(64), part_of(64)));
    channel(name);
    check_str(channel_now().name, name);
}

spec(pattern_is_a_name_with_stars)
{
    const char *const valid[] = {"dispatch.media.resize", "*.*.*",    "dispatch.media.*",
                                 "dispatch.*media*.r*z*", "***.**.*", "d*.*.x",
                                 "work.media.resize"};
    const char *const wrong[] = {"",     "*",       "*.*",  "dispatch.*", "dispatch.media.*.*", "dispatch..*",
                                 "*.*.", "a.b.c d", "a.b.?"};
    for (size_t i = 0; i < sizeof(valid) / sizeof(*valid); i++)
        if (!weft__pattern_valid(valid[i])) check_str(valid[i], "accepted");
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        if (weft__pattern_valid(wrong[i])) check_str(wrong[i], "refused");
    check_true(weft__pattern_valid(joined("*", part_of(64), part_of(64))));
    check_true(!weft__pattern_valid(joined("*", part_of(65), part_of(1))));
}

spec(star_stands_for_any_run_of_characters_of_its_part)
{
    struct {
        const char *pattern, *name;
        bool matches;
    } table[] = {
        {"dispatch.media.resize", "dispatch.media.resize", true},
        {"dispatch.media.resize", "dispatch.media.resized", false},
        {"dispatch.media.resized", "dispatch.media.resize", false},
        {"dispatch.media.*", "dispatch.media.resize", true},
        {"dispatch.media.*", "dispatch.other.resize", false},
        {"dispatch.*.resize", "dispatch.media.resize", true},
        {"*.*.*", "dispatch.media.resize", true},
        {"dispatch.media.re*", "dispatch.media.re", true},
        {"dispatch.media.re*", "dispatch.media.r", false},
        {"dispatch.media.*e", "dispatch.media.resize", true},
        {"dispatch.media.*e", "dispatch.media.crop", false},
        {"dispatch.media.*s*z*", "dispatch.media.resize", true},
        {"dispatch.media.*z*s*", "dispatch.media.resize", false},
        {"dispatch.media.**", "dispatch.media.resize", true},
        {"dispatch.media.*resize", "dispatch.media.resize", true},
        {"dispatch.media.aab", "dispatch.media.aaab", false},
        {"dispatch.media.*aab", "dispatch.media.aaab", true},
        {"dispatch.*", "dispatch.media.resize", false},
        {"dispatch.*resize", "dispatch.media.resize", false},
        {"dispatch.m*e", "dispatch.media.resize", false},
        {"dispatch.m*.e*", "dispatch.media.resize", false},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
        if (weft__pattern_match(table[i].pattern, table[i].name) != table[i].matches)
            check_str(table[i].pattern, table[i].name);
}

static bool obvious(const char *pattern, const char *name)
{
    if (*pattern == '*') return obvious(pattern + 1, name) || (*name && *name != '.' && obvious(pattern, name + 1));
    return *pattern == *name && (!*name || obvious(pattern + 1, name + 1));
}

/* The number-th text of that length over the letters. */
static void spell(char *text, size_t length, size_t number, const char *letters)
{
    size_t base = strlen(letters);
    for (size_t i = 0; i < length; i++, number /= base)
        text[i] = letters[number % base];
    text[length] = '\0';
}

static size_t power(size_t base, size_t exponent)
{
    return exponent ? base * power(base, exponent - 1) : 1;
}

spec(matching_agrees_with_the_obvious_on_everything_short)
{
    enum { PATTERN_MAX = 5, NAME_MAX_LENGTH = 5 };
    char pattern[8], name[8];
    for (size_t p = 0; p <= PATTERN_MAX; p++)
        for (size_t i = 0; i < power(4, p); i++) {
            spell(pattern, p, i, "ab*.");
            for (size_t n = 0; n <= NAME_MAX_LENGTH; n++)
                for (size_t j = 0; j < power(3, n); j++) {
                    spell(name, n, j, "ab.");
                    if (weft__pattern_match(pattern, name) != obvious(pattern, name)) check_str(pattern, name);
                }
        }
}

spec(matching_a_long_name_with_many_stars_takes_no_longer_for_it)
{
    char pattern[WEFT_CHANNEL_NAME_MAX + 1], name[WEFT_CHANNEL_NAME_MAX + 1];
    char stars[65], letters[65];
    for (int i = 0; i < 64; i++)
        stars[i] = i % 2 ? 'a' : '*';
    memset(letters, 'a', 64);
    stars[64] = letters[64] = '\0';
    stars[63] = 'b';
    snprintf(pattern, sizeof(pattern), "dispatch.%s.%s", stars, stars);
    snprintf(name, sizeof(name), "dispatch.%s.%s", letters, letters);
    for (int i = 0; i < 1000; i++)
        check_true(!weft__pattern_match(pattern, name));
}

spec(word_is_1_to_64_of_its_characters)
{
    check_true(weft__word_valid("a", ""));
    check_true(weft__word_valid("A-Z_09", ""));
    check_true(weft__word_valid(part_of(64), ""));
    check_true(!weft__word_valid("", ""));
    check_true(!weft__word_valid(part_of(65), ""));
    check_true(!weft__word_valid("a.b", ""));
    check_true(weft__word_valid("a.b", "."));
    check_true(!weft__word_valid("a/b", "."));
    check_true(!weft__word_valid("a b", ""));
    check_true(!weft__word_valid("\xc3\xa9", ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        promised(channel_name_has_a_known_kind_and_two_parts_more),
        promised(parts_have_1_to_64_characters),
        promised(longest_name_is_kept_whole),
        promised(pattern_is_a_name_with_stars),
        promised(star_stands_for_any_run_of_characters_of_its_part),
        promised(matching_agrees_with_the_obvious_on_everything_short),
        promised(matching_a_long_name_with_many_stars_takes_no_longer_for_it),
        promised(word_is_1_to_64_of_its_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
