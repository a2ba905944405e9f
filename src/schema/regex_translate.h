/* regex_translate.h: a pattern of ECMA-262, edition 11, with the flag u, checked against its grammar (21.2.1) and
 * written down as one of PCRE2. Shared by regex.c and the files of the translator:
 *
 *     regex_syntax.c     alternatives, terms, groups, quantifiers
 *     regex_class.c      escapes and classes of characters
 *     regex_name.c       names of groups and references to them
 *     regex_property.c   Unicode properties
 *
 * A pattern is walked several times, by the same code: to collect its groups; to check what refers to them and to
 * measure; to write. What is written depends on PCRE2_UTF, DOTALL, DOLLAR_ENDONLY and MATCH_UNSET_BACKREF. */
#ifndef WEFT_SCHEMA_REGEX_TRANSLATE_H
#define WEFT_SCHEMA_REGEX_TRANSLATE_H

#include "schema/regex.h"

/* A callout of a number stands before a reference to that group; that of the largest, before those to all further
 * ones. */
enum { REGEX_DEPTH_MAX = 200, REGEX_GROUPS_MAX = REGEX_SIZE_MAX / 2, REGEX_CALLOUT_MAX = 255 };

/* Groups of all kinds, in the order in which they open; 0 is the pattern. */
struct regex_group {
    uint16_t parent;
    uint16_t capture; /* its number; 0: it captures nothing */
    uint16_t name_at; /* 0: it has none */
    bool alternatives;
    bool optional; /* may be left out */
    bool repeats;  /* may be met more than once */
    bool around;   /* a lookahead or lookbehind */
    bool closed;   /* the walk has left it */
};

/* How long a match can take: at most width * choices * n to the degree, for n characters from a given start. */
struct regex_cost {
    double width;     /* characters that are compared besides those of unbounded repeats */
    double choices;   /* ways through, likewise */
    unsigned degree;  /* unbounded repeats, one after the other */
    bool exponential; /* a repeat of what has choices */
};

struct regex_walk {
    const char *pattern;
    size_t size_bytes;
    size_t at;
    bool again;   /* groups is complete */
    bool watched; /* callouts are written wherever a match spends time */

    char *out; /* NULL: measures */
    size_t used_bytes;
    size_t room_bytes; /* the most that used_bytes was: some is taken back */
    size_t seek;       /* an offset in what is written; it comes from ... */
    size_t source_at;  /* ... the term at this offset of the pattern */
    size_t term_at;

    weft_error error;
    struct regex_fault fault;

    /* It has a positive lookahead, whose first character 10.42 takes for one that is matched; or alternatives, which
     * its JIT looks ahead in wrongly. */
    bool start_unknown;
    struct regex_cost cost; /* of the whole */
    unsigned depth, behind; /* of groups; of lookbehinds */
    uint16_t group;         /* the innermost */
    uint16_t groups_count, groups_all, captures_count, captures_all;
    struct regex_group groups[REGEX_GROUPS_MAX + 1];
};

/* Walks twice. WEFT_EINVAL, WEFT_EUNSUPPORTED, WEFT_ELIMIT: walk->fault says why. A pattern that is EUNSUPPORTED has no
 * other fault. */
weft_error weft__regex_check(struct regex_walk *walk, const char *pattern, size_t size_bytes);

/* Of a pattern that has been checked. Returns the size; out: NULL, or walk->room_bytes after a call with NULL. */
size_t weft__regex_write(struct regex_walk *walk, bool watched, char *out);

/* Where in the pattern the byte comes from that was written at offset. */
size_t weft__regex_source(struct regex_walk *walk, bool watched, size_t offset);

/* For tests: patterns are compiled as if there were no JIT; all are watched. */
extern struct regex_trial {
    bool interpreted, watched;
} weft__regex_trial;

/* --- between the files ------------------------------------------------------------------------ */

/* False, always: the walk ends. */
bool weft__regex_refuse(struct regex_walk *walk, size_t at, weft_error error, const char *sentence);
/* True: the walk goes on, for a worse fault may follow. */
bool weft__regex_unsupported(struct regex_walk *walk, size_t at, const char *sentence);

void weft__regex_put(struct regex_walk *walk, const char *text, size_t size_bytes);
void weft__regex_put_text(struct regex_walk *walk, const char *text);
void weft__regex_put_number(struct regex_walk *walk, unsigned number);

/* The byte so many on, or -1. */
int weft__regex_peek(const struct regex_walk *walk, size_t ahead);
/* The code point at an offset, which moves behind it; -1: it is no UTF-8, or the end. */
int32_t weft__regex_decode(const struct regex_walk *walk, size_t *at);

/* A \u escape whose \ is at the offset, which moves behind it; -1: it is none. */
int32_t weft__regex_unicode_escape(const struct regex_walk *walk, size_t *at);
/* What follows a \, which is passed; neither an assertion nor a reference. */
bool weft__regex_escape(struct regex_walk *walk, size_t begin);
/* '[' is next. */
bool weft__regex_class(struct regex_walk *walk);
void weft__regex_put_char(struct regex_walk *walk, int32_t code_point);

/* Passes the name and its '>'; gives the group the name. */
bool weft__regex_name_group(struct regex_walk *walk, struct regex_group *group);
/* \ is passed: a digit or a k is next. */
bool weft__regex_reference(struct regex_walk *walk, size_t begin);

struct regex_property {
    weft_error error; /* WEFT_EINVAL: there is none of that name; WEFT_EUNSUPPORTED */
    const char *prefix, *code;
    bool inverted;
};

/* text: what stands between the braces. */
struct regex_property weft__regex_property(const char *text, size_t size_bytes);

#endif
