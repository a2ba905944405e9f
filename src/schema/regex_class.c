/* regex_class.c: sets of characters: escapes, classes, and how a character is written for PCRE2. */
#include "schema/regex_translate.h"

#include <stdio.h>
#include <string.h>

/* WhiteSpace and LineTerminator (11.2, 11.3), and all others, as they stand in a class. */
static const char spaces[] =
    "\\x{9}-\\x{d}\\x{20}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}"
    "\\x{3000}\\x{feff}";
static const char others[] = "\\x{0}-\\x{8}\\x{e}-\\x{1f}\\x{21}-\\x{9f}\\x{a1}-\\x{167f}\\x{1681}-\\x{1fff}"
                             "\\x{200b}-\\x{2027}\\x{202a}-\\x{202e}\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}"
                             "\\x{3001}-\\x{fefe}\\x{ff00}-\\x{10ffff}";

/* PCRE2 has [], but 10.42 gets its repeats wrong. */
static const char nothing[] = "[^\\x{0}-\\x{10ffff}]";

enum { SURROGATE_FIRST = 0xd800, TRAIL_FIRST = 0xdc00, SURROGATE_LAST = 0xdfff };

/* An atom of a class, or an escape: a character, or a set that has been written. */
struct atom {
    int32_t code_point; /* -1: a set */
    char set;           /* d, D, s, S, w, W, p or P */
};

static bool in(int c, const char *set)
{
    return c > 0 && strchr(set, c);
}

static int hex_digit(int c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if ((c | 32) >= 'a' && (c | 32) <= 'f') return (c | 32) - 'a' + 10;
    return -1;
}

static bool surrogate(int32_t code_point)
{
    return code_point >= SURROGATE_FIRST && code_point <= SURROGATE_LAST;
}

/* --- writing ---------------------------------------------------------------------------------- */

/* A surrogate is in no UTF-8: where one is asked for nothing matches. */
void weft__regex_put_char(struct regex_walk *walk, int32_t code_point)
{
    char text[sizeof nothing];
    bool plain = (code_point >= '0' && code_point <= '9') || ((code_point | 32) >= 'a' && (code_point | 32) <= 'z');
    if (surrogate(code_point))
        snprintf(text, sizeof text, "%s", nothing);
    else if (plain && code_point < 0x80)
        snprintf(text, sizeof text, "%c", (char)code_point);
    else
        snprintf(text, sizeof text, "\\x{%x}", (unsigned)code_point);
    weft__regex_put_text(walk, text);
}

static void put_range(struct regex_walk *walk, int32_t first, int32_t last)
{
    if (surrogate(first)) first = SURROGATE_LAST + 1;
    if (surrogate(last)) last = SURROGATE_FIRST - 1;
    if (first > last) return;
    weft__regex_put_char(walk, first);
    if (first == last) return;
    weft__regex_put_text(walk, "-");
    weft__regex_put_char(walk, last);
}

static void put_set(struct regex_walk *walk, char set, bool in_class)
{
    const char text[] = {'\\', set, '\0'};
    if (!in(set, "sS")) {
        weft__regex_put_text(walk, text);
        return;
    }
    if (!in_class) weft__regex_put_text(walk, set == 's' ? "[" : "[^");
    weft__regex_put_text(walk, in_class && set == 'S' ? others : spaces);
    if (!in_class) weft__regex_put_text(walk, "]");
}

/* --- escapes ---------------------------------------------------------------------------------- */

/* So many hexadecimal digits at an offset, which moves behind them; -1. */
static int32_t hex_digits(const struct regex_walk *walk, size_t *at, size_t count)
{
    int32_t value = 0;
    for (size_t i = 0; i < count; i++) {
        int digit = *at + i < walk->size_bytes ? hex_digit(walk->pattern[*at + i]) : -1;
        if (digit < 0) return -1;
        value = value * 16 + digit;
    }
    *at += count;
    return value;
}

static int32_t braced_code_point(const struct regex_walk *walk, size_t *at)
{
    int32_t value = 0;
    size_t i = *at, digits = 0;
    for (; i < walk->size_bytes && hex_digit(walk->pattern[i]) >= 0; i++, digits++) {
        value = value * 16 + hex_digit(walk->pattern[i]);
        if (value > 0x10ffff) return -1;
    }
    if (!digits || i == walk->size_bytes || walk->pattern[i] != '}') return -1;
    *at = i + 1;
    return value;
}

static bool escape_at(const struct regex_walk *walk, size_t at, char letter)
{
    return walk->size_bytes - at >= 2 && walk->pattern[at] == '\\' && walk->pattern[at + 1] == letter;
}

int32_t weft__regex_unicode_escape(const struct regex_walk *walk, size_t *at)
{
    size_t i = *at;
    if (!escape_at(walk, i, 'u')) return -1;
    i += 2;
    bool braced = i < walk->size_bytes && walk->pattern[i] == '{';
    if (braced) i++;
    int32_t value = braced ? braced_code_point(walk, &i) : hex_digits(walk, &i, 4);
    if (value < 0) return -1;
    if (!braced && value >= SURROGATE_FIRST && value < TRAIL_FIRST && escape_at(walk, i, 'u')) {
        size_t next = i + 2;
        int32_t trail = hex_digits(walk, &next, 4);
        if (trail >= TRAIL_FIRST && trail <= SURROGATE_LAST) {
            value = 0x10000 + (value - SURROGATE_FIRST) * 0x400 + (trail - TRAIL_FIRST);
            i = next;
        }
    }
    *at = i;
    return value;
}

static bool property(struct regex_walk *walk, size_t begin, char letter)
{
    const char *text = walk->pattern + walk->at + 1;
    const char *end = weft__regex_peek(walk, 0) == '{' ? memchr(text, '}', walk->size_bytes - walk->at - 1) : NULL;
    if (!end) return weft__regex_refuse(walk, begin, WEFT_EINVAL, "\\p needs a property in braces");
    struct regex_property property = weft__regex_property(text, (size_t)(end - text));
    if (property.error == WEFT_EINVAL)
        return weft__regex_refuse(walk, begin, WEFT_EINVAL, "there is no such Unicode property");
    walk->at = (size_t)(end - walk->pattern) + 1;
    if (property.error) return weft__regex_unsupported(walk, begin, "this Unicode property is not known to PCRE2");

    weft__regex_put_text(walk, (letter == 'P') != property.inverted ? "\\P{" : "\\p{");
    weft__regex_put_text(walk, property.prefix);
    weft__regex_put_text(walk, property.code);
    weft__regex_put_text(walk, "}");
    return true;
}

/* Those that are one character; c has been passed. -1: none of them. */
static int32_t character_escape(struct regex_walk *walk, size_t begin, int c, bool in_class)
{
    static const char letters[] = "tnvfr", controls[] = "\t\n\v\f\r";
    int next = weft__regex_peek(walk, 0);
    if (in(c, letters)) return controls[strchr(letters, c) - letters];
    if (in(c, "^$\\.*+?()[]{}|/")) return c;
    if (in_class && c == '-') return '-';
    if (in_class && c == 'b') return '\b';
    if (c == '0') return next >= '0' && next <= '9' ? -1 : 0;
    if (c == 'c') {
        if ((next | 32) < 'a' || (next | 32) > 'z') return -1;
        walk->at++;
        return next & 31;
    }
    if (c == 'x') return hex_digits(walk, &walk->at, 2);
    if (c != 'u') return -1;
    walk->at = begin;
    return weft__regex_unicode_escape(walk, &walk->at);
}

static bool escape(struct regex_walk *walk, size_t begin, bool in_class, struct atom *atom)
{
    int c = weft__regex_peek(walk, 0);
    if (c < 0) return weft__regex_refuse(walk, begin, WEFT_EINVAL, "nothing follows the \\");
    walk->at++;
    if (in(c, "dDsSwWpP")) {
        *atom = (struct atom){.code_point = -1, .set = (char)c};
        if (in(c, "pP")) return property(walk, begin, (char)c);
        put_set(walk, (char)c, in_class);
        return true;
    }
    *atom = (struct atom){.code_point = character_escape(walk, begin, c, in_class)};
    if (atom->code_point < 0) return weft__regex_refuse(walk, begin, WEFT_EINVAL, "there is no such escape");
    return true;
}

bool weft__regex_escape(struct regex_walk *walk, size_t begin)
{
    struct atom atom = {0};
    if (!escape(walk, begin, false, &atom)) return false;
    if (atom.code_point >= 0) weft__regex_put_char(walk, atom.code_point);
    return true;
}

/* --- classes ---------------------------------------------------------------------------------- */

static bool class_atom(struct regex_walk *walk, struct atom *atom)
{
    size_t begin = walk->at;
    if (weft__regex_peek(walk, 0) == '\\') {
        walk->at++;
        return escape(walk, begin, true, atom);
    }
    *atom = (struct atom){.code_point = weft__regex_decode(walk, &walk->at)};
    return atom->code_point >= 0 || weft__regex_refuse(walk, begin, WEFT_EINVAL, "this is not UTF-8");
}

/* An atom, or two and what is between them. sets: those met so far. */
static bool class_range(struct regex_walk *walk, unsigned *sets)
{
    struct atom first = {0}, last = {0};
    size_t begin = walk->at;
    if (!class_atom(walk, &first)) return false;
    if (first.set) *sets |= 1u << (first.set & 31) << (first.set >= 'a' ? 1 : 0);
    if (weft__regex_peek(walk, 0) != '-' || weft__regex_peek(walk, 1) == ']' || weft__regex_peek(walk, 1) < 0) {
        if (!first.set) put_range(walk, first.code_point, first.code_point);
        return true;
    }
    walk->at++;
    if (!class_atom(walk, &last)) return false;
    if (first.set || last.set)
        return weft__regex_refuse(walk, begin, WEFT_EINVAL, "a range has a character at both ends, not a set");
    if (first.code_point > last.code_point)
        return weft__regex_refuse(walk, begin, WEFT_EINVAL, "the range is out of order");
    put_range(walk, first.code_point, last.code_point);
    return true;
}

/* Whether a set and its complement are there: [\s\S], the usual way to say any character. */
static bool everything(unsigned sets)
{
    for (const char *c = "dsw"; *c; c++) {
        unsigned pair = 3u << (*c & 31);
        if ((sets & pair) == pair) return true;
    }
    return false;
}

bool weft__regex_class(struct regex_walk *walk)
{
    size_t begin = walk->at++;
    bool inverted = weft__regex_peek(walk, 0) == '^';
    if (inverted) walk->at++;

    size_t used_bytes = walk->used_bytes;
    unsigned sets = 0;
    weft__regex_put_text(walk, inverted ? "[^" : "[");
    size_t empty_bytes = walk->used_bytes;
    while (weft__regex_peek(walk, 0) != ']') {
        if (weft__regex_peek(walk, 0) < 0) return weft__regex_refuse(walk, begin, WEFT_EINVAL, "a class is not closed");
        if (!class_range(walk, &sets)) return false;
    }
    walk->at++;

    bool all = everything(sets);
    if (all || walk->used_bytes == empty_bytes) {
        walk->used_bytes = used_bytes;
        weft__regex_put_text(walk, all == inverted ? nothing : ".");
        return true;
    }
    weft__regex_put_text(walk, "]");
    return true;
}
