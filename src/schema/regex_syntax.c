/* regex_syntax.c: alternatives, terms, groups and quantifiers; what a match may cost; and where it is watched. */
#include "schema/regex_translate.h"

#include <stdio.h>
#include <string.h>

enum {
    REPEAT_MAX = 65535, /* PCRE2's */
    ENDLESS = REPEAT_MAX + 1,
    TOO_MANY = ENDLESS + 1,
    UNWATCHED_MAX = 64, /* characters in a row that are compared without a callout */
};

static const char callout[] = "(?C)";

struct repeat {
    uint32_t min, max;
    bool lazy;
};

static bool disjunction(struct regex_walk *walk, struct regex_cost *cost);

/* --- reading and writing ---------------------------------------------------------------------- */

bool weft__regex_refuse(struct regex_walk *walk, size_t at, weft_error error, const char *sentence)
{
    walk->error = error;
    walk->fault = (struct regex_fault){.at = at, .sentence = sentence};
    return false;
}

bool weft__regex_unsupported(struct regex_walk *walk, size_t at, const char *sentence)
{
    if (!walk->error) weft__regex_refuse(walk, at, WEFT_EUNSUPPORTED, sentence);
    return true;
}

void weft__regex_put(struct regex_walk *walk, const char *text, size_t size_bytes)
{
    if (walk->used_bytes <= walk->seek && walk->seek < walk->used_bytes + size_bytes) walk->source_at = walk->term_at;
    if (walk->out) memcpy(walk->out + walk->used_bytes, text, size_bytes);
    walk->used_bytes += size_bytes;
    if (walk->room_bytes < walk->used_bytes) walk->room_bytes = walk->used_bytes;
}

void weft__regex_put_text(struct regex_walk *walk, const char *text)
{
    weft__regex_put(walk, text, strlen(text));
}

void weft__regex_put_number(struct regex_walk *walk, unsigned number)
{
    char text[16];
    snprintf(text, sizeof text, "%u", number);
    weft__regex_put_text(walk, text);
}

int weft__regex_peek(const struct regex_walk *walk, size_t ahead)
{
    return ahead < walk->size_bytes - walk->at ? (unsigned char)walk->pattern[walk->at + ahead] : -1;
}

int32_t weft__regex_decode(const struct regex_walk *walk, size_t *at)
{
    static const int32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    if (*at >= walk->size_bytes) return -1;
    unsigned char lead = (unsigned char)walk->pattern[*at];
    if (lead < 0x80) {
        *at += 1;
        return lead;
    }
    size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || walk->size_bytes - *at < length) return -1;
    int32_t code_point = lead & (0x7f >> length);
    for (size_t i = 1; i < length; i++) {
        unsigned char next = (unsigned char)walk->pattern[*at + i];
        if ((next & 0xc0) != 0x80) return -1;
        code_point = code_point << 6 | (next & 0x3f);
    }
    bool surrogate = code_point >= 0xd800 && code_point <= 0xdfff;
    if (surrogate || code_point < smallest[length] || code_point > 0x10ffff) return -1;
    *at += length;
    return code_point;
}

static bool next_is(struct regex_walk *walk, const char *text)
{
    size_t length = strlen(text);
    if (walk->size_bytes - walk->at < length || memcmp(walk->pattern + walk->at, text, length) != 0) return false;
    walk->at += length;
    return true;
}

/* --- costs ------------------------------------------------------------------------------------ */

static struct regex_cost one_after_the_other(struct regex_cost a, struct regex_cost b)
{
    return (struct regex_cost){.width = a.width + b.width,
                               .choices = a.choices * b.choices,
                               .degree = a.degree + b.degree,
                               .exponential = a.exponential || b.exponential};
}

static struct regex_cost one_or_the_other(struct regex_cost a, struct regex_cost b)
{
    return (struct regex_cost){.width = a.width + b.width,
                               .choices = a.choices + b.choices,
                               .degree = a.degree > b.degree ? a.degree : b.degree,
                               .exponential = a.exponential || b.exponential};
}

static struct regex_cost repeated(struct regex_cost cost, struct repeat repeat)
{
    if (repeat.max == 0) return (struct regex_cost){.width = 1, .choices = 1};
    bool endless = repeat.max == ENDLESS;
    bool one_way = cost.choices <= 1 && cost.degree == 0 && !cost.exponential;
    if (repeat.max > 1 && !one_way) cost.exponential = true;
    if (endless) cost.degree++;
    cost.width *= endless ? repeat.min + 1 : repeat.max;
    if (!endless) cost.choices += repeat.max - repeat.min;
    return cost;
}

/* --- quantifiers ------------------------------------------------------------------------------ */

static bool decimal(struct regex_walk *walk, uint32_t *value)
{
    uint32_t number = 0;
    size_t begin = walk->at;
    for (int c; (c = weft__regex_peek(walk, 0)) >= '0' && c <= '9'; walk->at++)
        number = number > REPEAT_MAX ? number : number * 10 + (uint32_t)(c - '0');
    *value = number > REPEAT_MAX ? TOO_MANY : number;
    return walk->at > begin;
}

/* Whether the digits from a to the comma are a larger number than those from b to the brace. */
static bool larger(const struct regex_walk *walk, size_t a, size_t b)
{
    while (walk->pattern[a] == '0')
        a++;
    while (walk->pattern[b] == '0')
        b++;
    size_t a_digits = (size_t)((const char *)memchr(walk->pattern + a, ',', walk->size_bytes - a) - walk->pattern) - a;
    size_t b_digits = (size_t)((const char *)memchr(walk->pattern + b, '}', walk->size_bytes - b) - walk->pattern) - b;
    if (a_digits != b_digits) return a_digits > b_digits;
    return memcmp(walk->pattern + a, walk->pattern + b, a_digits) > 0;
}

static bool braces(struct regex_walk *walk, size_t begin, struct repeat *repeat)
{
    size_t first_at = ++walk->at, second_at = first_at;
    if (!decimal(walk, &repeat->min)) return weft__regex_refuse(walk, begin, WEFT_EINVAL, "a { needs a number");
    repeat->max = repeat->min;
    if (weft__regex_peek(walk, 0) == ',') {
        second_at = ++walk->at;
        if (!decimal(walk, &repeat->max)) repeat->max = ENDLESS, second_at = first_at;
    }
    if (weft__regex_peek(walk, 0) != '}')
        return weft__regex_refuse(walk, begin, WEFT_EINVAL, "a quantifier is not closed");
    if (second_at != first_at && larger(walk, first_at, second_at))
        return weft__regex_refuse(walk, begin, WEFT_EINVAL, "the numbers of the quantifier are out of order");
    walk->at++;
    if (repeat->min != TOO_MANY && repeat->max != TOO_MANY) return true;
    return weft__regex_unsupported(walk, begin, "a repeat of more than 65535");
}

/* {1, 1} where there is none. */
static bool quantifier(struct regex_walk *walk, struct repeat *repeat)
{
    *repeat = (struct repeat){1, 1, false};
    size_t begin = walk->at;
    switch (weft__regex_peek(walk, 0)) {
    case '*': *repeat = (struct repeat){0, ENDLESS, false}; break;
    case '+': *repeat = (struct repeat){1, ENDLESS, false}; break;
    case '?': *repeat = (struct repeat){0, 1, false}; break;
    case '{':
        if (!braces(walk, begin, repeat)) return false;
        walk->at--;
        break;
    default: return true;
    }
    walk->at++;
    repeat->lazy = next_is(walk, "?");
    return true;
}

static void put_braces(struct regex_walk *walk, uint32_t min, uint32_t max, bool lazy)
{
    if (min == 1 && max == 1) return;
    weft__regex_put_text(walk, "{");
    weft__regex_put_number(walk, min);
    if (max != min) weft__regex_put_text(walk, ",");
    if (max != min && max != ENDLESS) weft__regex_put_number(walk, max);
    weft__regex_put_text(walk, lazy ? "}?" : "}");
}

/* Puts a callout before what was written from the offset on. */
static void insert_callout(struct regex_walk *walk, size_t offset)
{
    size_t written_bytes = walk->used_bytes - offset;
    weft__regex_put_text(walk, callout); /* for its room */
    if (!walk->out) return;
    memmove(walk->out + offset + sizeof callout - 1, walk->out + offset, written_bytes);
    memcpy(walk->out + offset, callout, sizeof callout - 1);
}

/* The mandatory part of a long row, in pieces with a callout each. */
static void put_pieces(struct regex_walk *walk, const char *atom, size_t atom_bytes, uint32_t pieces)
{
    weft__regex_put_text(walk, "(?:");
    weft__regex_put(walk, atom, atom_bytes);
    put_braces(walk, UNWATCHED_MAX, UNWATCHED_MAX, false);
    weft__regex_put_text(walk, callout);
    weft__regex_put_text(walk, ")");
    put_braces(walk, pieces, pieces, false);
}

/* The atom was written from the offset on. A group has a callout of its own for each turn. Another atom that may run
 * far has one before and one after it, so that the run can be measured; what it must run is cut into pieces, which come
 * last. */
static void put_quantifier(struct regex_walk *walk, struct repeat repeat, size_t offset, bool group)
{
    bool far = walk->watched && !group && repeat.max - repeat.min > UNWATCHED_MAX;
    uint32_t pieces = walk->watched && !group ? repeat.min / UNWATCHED_MAX : 0, cut = pieces * UNWATCHED_MAX;
    size_t atom_bytes = walk->used_bytes - offset;
    if (far) insert_callout(walk, offset);
    const char *atom = walk->out ? walk->out + walk->used_bytes - atom_bytes : NULL;
    put_braces(walk, repeat.min - cut, repeat.max == ENDLESS ? ENDLESS : repeat.max - cut, repeat.lazy);
    if (walk->watched && repeat.min != repeat.max) weft__regex_put_text(walk, callout);
    if (pieces) put_pieces(walk, atom, atom_bytes, pieces);
}

/* --- groups ----------------------------------------------------------------------------------- */

/* What opens a group: the longer ones first. */
static const struct opening {
    const char *text;
    bool captures, named, around, behind;
} openings[] = {
    {"(?:", false, false, false, false}, {"(?=", false, false, true, false}, {"(?!", false, false, true, false},
    {"(?<=", false, false, true, true},  {"(?<!", false, false, true, true}, {"(?<", true, true, false, false},
    {"(?", false, false, false, false},  {"(", true, false, false, false},
};

static const struct opening *opening_of(struct regex_walk *walk)
{
    const struct opening *opening = openings;
    while (!next_is(walk, opening->text))
        opening++;
    return opening;
}

static bool open_group(struct regex_walk *walk, const struct opening *opening, uint16_t index)
{
    struct regex_group *group = &walk->groups[index];
    if (!walk->again) *group = (struct regex_group){.parent = walk->group, .around = opening->around};
    if (strcmp(opening->text, "(?=") == 0) walk->start_unknown = true;
    if (opening->captures) group->capture = ++walk->captures_count;
    if (opening->named && !weft__regex_name_group(walk, group)) return false;
    weft__regex_put_text(walk, opening->captures ? "(" : opening->text);
    if (walk->watched && group->repeats) weft__regex_put_text(walk, callout);
    return true;
}

static bool group(struct regex_walk *walk, size_t begin, uint16_t *index, struct regex_cost *cost)
{
    const struct opening *opening = opening_of(walk);
    if (strcmp(opening->text, "(?") == 0)
        return weft__regex_refuse(walk, begin, WEFT_EINVAL, "no group begins like this");
    if (walk->depth == REGEX_DEPTH_MAX)
        return weft__regex_refuse(walk, begin, WEFT_ELIMIT, "groups are nested too deeply");
    uint16_t outer = walk->group, inner = walk->groups_count++;
    if (!open_group(walk, opening, inner)) return false;

    walk->depth++;
    walk->behind += opening->behind;
    walk->group = inner;
    if (!disjunction(walk, cost)) return false;
    if (!next_is(walk, ")")) return weft__regex_refuse(walk, begin, WEFT_EINVAL, "a group is not closed");
    walk->group = outer;
    walk->behind -= opening->behind;
    walk->depth--;
    walk->groups[inner].closed = true;
    weft__regex_put_text(walk, ")");
    *index = inner;
    return true;
}

/* --- terms ------------------------------------------------------------------------------------ */

static bool literal(struct regex_walk *walk, size_t begin)
{
    int32_t c = weft__regex_decode(walk, &walk->at);
    if (c < 0) return weft__regex_refuse(walk, begin, WEFT_EINVAL, "this is not UTF-8");
    if (c < 0x80 && c && strchr("*+?{", c))
        return weft__regex_refuse(walk, begin, WEFT_EINVAL, "there is nothing to repeat");
    if (c == ']' || c == '}')
        return weft__regex_refuse(walk, begin, WEFT_EINVAL,
                                  "nothing was opened that this closes: write a \\ before it");
    weft__regex_put_char(walk, c);
    return true;
}

static bool escaped(struct regex_walk *walk, size_t begin, struct regex_cost *cost)
{
    walk->at++;
    int c = weft__regex_peek(walk, 0);
    if (c != 'k' && (c < '1' || c > '9')) return weft__regex_escape(walk, begin);
    cost->degree = 1; /* as long as what the group matched */
    return weft__regex_reference(walk, begin);
}

static bool atom(struct regex_walk *walk, uint16_t *index, struct regex_cost *cost)
{
    size_t begin = walk->at;
    *cost = (struct regex_cost){.width = 1, .choices = 1};
    switch (weft__regex_peek(walk, 0)) {
    case '(': return group(walk, begin, index, cost);
    case '[': return weft__regex_class(walk);
    case '\\': return escaped(walk, begin, cost);
    case '.':
        walk->at++;
        weft__regex_put_text(walk, "[^\\n\\r\\x{2028}\\x{2029}]");
        return true;
    default: return literal(walk, begin);
    }
}

/* ^, $, \b, \B */
static bool assertion(struct regex_walk *walk)
{
    static const char *const texts[] = {"^", "$", "\\b", "\\B"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (next_is(walk, texts[i])) {
            weft__regex_put_text(walk, texts[i]);
            return true;
        }
    return false;
}

static bool term(struct regex_walk *walk, struct regex_cost *cost)
{
    walk->term_at = walk->at;
    *cost = (struct regex_cost){.width = 1, .choices = 1};
    if (assertion(walk)) return true;

    size_t written_at = walk->used_bytes;
    uint16_t index = 0;
    struct repeat repeat;
    if (!atom(walk, &index, cost)) return false;
    if (index && walk->groups[index].around) return true;
    if (!quantifier(walk, &repeat)) return false;
    if (index) walk->groups[index].optional = repeat.min == 0;
    if (index) walk->groups[index].repeats = repeat.max > 1;
    put_quantifier(walk, repeat, written_at, index);
    *cost = repeated(*cost, repeat);
    return true;
}

static bool alternative(struct regex_walk *walk, struct regex_cost *cost)
{
    *cost = (struct regex_cost){.width = 1, .choices = 1};
    for (int c; (c = weft__regex_peek(walk, 0)) >= 0 && c != '|' && c != ')';) {
        struct regex_cost more;
        if (!term(walk, &more)) return false;
        *cost = one_after_the_other(*cost, more);
    }
    return true;
}

static bool disjunction(struct regex_walk *walk, struct regex_cost *cost)
{
    if (!alternative(walk, cost)) return false;
    while (next_is(walk, "|")) {
        struct regex_cost more;
        walk->groups[walk->group].alternatives = walk->start_unknown = true;
        weft__regex_put_text(walk, "|");
        if (!alternative(walk, &more)) return false;
        *cost = one_or_the_other(*cost, more);
    }
    return true;
}

/* --- walks ------------------------------------------------------------------------------------ */

static bool pass(struct regex_walk *walk)
{
    walk->at = walk->term_at = 0;
    walk->used_bytes = walk->room_bytes = 0;
    walk->group = walk->captures_count = 0;
    for (uint16_t i = 1; walk->again && i < walk->groups_all; i++)
        walk->groups[i].closed = false;
    walk->groups_count = 1;
    walk->depth = walk->behind = 0;
    if (walk->watched) weft__regex_put_text(walk, "(?C)(?:");
    if (!disjunction(walk, &walk->cost)) return false;
    if (walk->at < walk->size_bytes)
        return weft__regex_refuse(walk, walk->at, WEFT_EINVAL, "no group was opened that this closes");
    if (walk->watched) weft__regex_put_text(walk, ")");
    walk->groups_all = walk->groups_count;
    walk->captures_all = walk->captures_count;
    return true;
}

weft_error weft__regex_check(struct regex_walk *walk, const char *pattern, size_t size_bytes)
{
    walk->pattern = pattern;
    walk->size_bytes = size_bytes;
    walk->again = walk->watched = walk->start_unknown = false;
    walk->out = NULL;
    walk->seek = SIZE_MAX;
    walk->error = WEFT_OK;
    walk->groups[0] = (struct regex_group){0};
    if (size_bytes > REGEX_SIZE_MAX) {
        weft__regex_refuse(walk, REGEX_SIZE_MAX, WEFT_ELIMIT, "the pattern is too long");
        return walk->error;
    }
    if (!pass(walk)) return walk->error;
    walk->again = true;
    (void)pass(walk); /* walk->error says it */
    return walk->error;
}

size_t weft__regex_write(struct regex_walk *walk, bool watched, char *out)
{
    walk->watched = watched;
    walk->out = out;
    (void)pass(walk); /* it was checked */
    return walk->used_bytes;
}

size_t weft__regex_source(struct regex_walk *walk, bool watched, size_t offset)
{
    walk->seek = offset;
    walk->source_at = walk->size_bytes;
    (void)weft__regex_write(walk, watched, NULL);
    walk->seek = SIZE_MAX;
    return walk->source_at;
}
