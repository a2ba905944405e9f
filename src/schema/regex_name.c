/* regex_name.c: names of groups, and what refers to a group. PCRE2 is given numbers only. */
#include "schema/regex_translate.h"

/* --- names (RegExpIdentifierName) ------------------------------------------------------------- */

/* What is no letter among the code points above ASCII, by blocks: the Unicode tables that would tell exactly are
 * PCRE2's. */
static bool foreign_letter(int32_t c)
{
    static const int32_t excluded[][2] = {
        {0x80, 0xa9},       {0xab, 0xb4},       {0xb6, 0xb6},        {0xb8, 0xb9},     {0xbb, 0xbf},
        {0xd7, 0xd7},       {0xf7, 0xf7},       {0x1680, 0x1680},    {0x2000, 0x200b}, {0x200e, 0x203e},
        {0x2041, 0x2053},   {0x2055, 0x2070},   {0x207a, 0x207e},    {0x208a, 0x208e}, {0x20a0, 0x20cf},
        {0x2190, 0x2bff},   {0x2e00, 0x2fff},   {0x3000, 0x3004},    {0x3008, 0x3020}, {0x3030, 0x3030},
        {0xd800, 0xf8ff},   {0xfdd0, 0xfdef},   {0xfe10, 0xfe1f},    {0xfeff, 0xfeff}, {0xffe0, 0xffff},
        {0x1f000, 0x1faff}, {0xe0000, 0xe00ff}, {0xe01f0, 0x10ffff},
    };
    for (size_t i = 0; i < sizeof excluded / sizeof *excluded; i++)
        if (c >= excluded[i][0] && c <= excluded[i][1]) return false;
    return true;
}

static bool name_char(int32_t c, bool first)
{
    if (c >= 0x80) return foreign_letter(c) && !(first && (c == 0x200c || c == 0x200d));
    if (c >= '0' && c <= '9') return !first;
    return c == '$' || c == '_' || ((c | 32) >= 'a' && (c | 32) <= 'z');
}

/* The next character of a name, which may be escaped; -1: none that may stand there. */
static int32_t next_char(const struct regex_walk *walk, size_t *at, bool first)
{
    size_t next = *at;
    bool escaped = next < walk->size_bytes && walk->pattern[next] == '\\';
    int32_t c = escaped ? weft__regex_unicode_escape(walk, &next) : weft__regex_decode(walk, &next);
    if (c < 0 || !name_char(c, first)) return -1;
    *at = next;
    return c;
}

/* Passes a name and its '>'. */
static bool pass_name(struct regex_walk *walk)
{
    size_t begin = walk->at;
    while (next_char(walk, &walk->at, walk->at == begin) >= 0)
        ;
    if (walk->at == begin || weft__regex_peek(walk, 0) != '>')
        return weft__regex_refuse(walk, walk->at, WEFT_EINVAL, "this is no name of a group");
    walk->at++;
    return true;
}

static bool same_name(const struct regex_walk *walk, size_t a, size_t b)
{
    int32_t c;
    do {
        c = next_char(walk, &a, false);
        if (c != next_char(walk, &b, false)) return false;
    } while (c >= 0);
    return true;
}

/* 0: none */
static uint16_t find_name(const struct regex_walk *walk, size_t name_at, uint16_t groups_count)
{
    for (uint16_t i = 1; i < groups_count; i++)
        if (walk->groups[i].name_at && same_name(walk, walk->groups[i].name_at, name_at)) return i;
    return 0;
}

bool weft__regex_name_group(struct regex_walk *walk, struct regex_group *group)
{
    size_t name_at = walk->at;
    if (!pass_name(walk)) return false;
    if (walk->again) return true;
    group->name_at = 0;
    if (find_name(walk, name_at, walk->groups_count))
        return weft__regex_refuse(walk, name_at, WEFT_EINVAL, "two groups have this name");
    group->name_at = (uint16_t)name_at;
    return true;
}

/* --- references ------------------------------------------------------------------------------- */

/* Whether the group can keep what it matched in an earlier turn of a repeat around it: ECMA-262 forgets that, PCRE2 does
 * not. It cannot if each turn goes through the group. */
static bool outlives_a_turn(const struct regex_walk *walk, uint16_t index)
{
    bool skipped = false;
    for (uint16_t i = index; i; i = walk->groups[i].parent) {
        const struct regex_group *group = &walk->groups[i];
        if (skipped && group->repeats) return true;
        if (group->optional || group->around || walk->groups[group->parent].alternatives) skipped = true;
    }
    return false;
}

static uint16_t find_capture(const struct regex_walk *walk, unsigned number)
{
    uint16_t i = 1;
    while (walk->groups[i].capture != number)
        i++;
    return i;
}

/* A group that is yet to come, or not finished, has nothing when it is referred to: its repeat has just begun a turn. */
static bool refer(struct regex_walk *walk, size_t begin, uint16_t index)
{
    const struct regex_group *group = &walk->groups[index];
    if (walk->behind) return weft__regex_unsupported(walk, begin, "a reference to a group within a lookbehind");
    if (!group->closed) {
        weft__regex_put_text(walk, "(?:)");
        return true;
    }
    if (outlives_a_turn(walk, index))
        return weft__regex_unsupported(walk, begin, "a reference to a group that a turn of its repeat may leave out");
    weft__regex_put_text(walk, "(?:"); /* repeated bare, a group that has nothing does not match in 10.42's JIT */
    if (walk->watched) {
        weft__regex_put_text(walk, "(?C");
        weft__regex_put_number(walk, group->capture < REGEX_CALLOUT_MAX ? group->capture : REGEX_CALLOUT_MAX);
        weft__regex_put_text(walk, ")");
    }
    weft__regex_put_text(walk, "\\g{");
    weft__regex_put_number(walk, group->capture);
    weft__regex_put_text(walk, "})");
    return true;
}

static bool named_reference(struct regex_walk *walk, size_t begin)
{
    walk->at++;
    if (weft__regex_peek(walk, 0) != '<')
        return weft__regex_refuse(walk, begin, WEFT_EINVAL, "\\k needs the name of a group");
    size_t name_at = ++walk->at;
    if (!pass_name(walk)) return false;
    if (!walk->again) return true;
    uint16_t index = find_name(walk, name_at, walk->groups_all);
    if (!index) return weft__regex_refuse(walk, begin, WEFT_EINVAL, "no group has this name");
    return refer(walk, begin, index);
}

bool weft__regex_reference(struct regex_walk *walk, size_t begin)
{
    if (weft__regex_peek(walk, 0) == 'k') return named_reference(walk, begin);
    unsigned number = 0;
    for (int c; (c = weft__regex_peek(walk, 0)) >= '0' && c <= '9'; walk->at++)
        if (number <= REGEX_GROUPS_MAX) number = number * 10 + (unsigned)(c - '0');
    if (!walk->again) return true;
    if (number > walk->captures_all)
        return weft__regex_refuse(walk, begin, WEFT_EINVAL, "there is no group of this number");
    return refer(walk, begin, find_capture(walk, number));
}
