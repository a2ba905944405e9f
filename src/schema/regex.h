/* regex.h: regular expressions of ECMA-262 (edition 11), as JSON Schema recommends: with the flag u, without the flag
 * i, m, s or y.
 *
 * The syntax is checked and translated here, piece by piece; PCRE2 does the matching, and nothing reaches it that this
 * page does not know: no inline options, possessive quantifiers, \A, verbs or callouts.
 *
 * Not to be had, and said so: a lookbehind whose length varies, a reference within a lookbehind, a reference to a group
 * that a turn of its repeat may leave out (ECMA-262 forgets what it matched, PCRE2 does not), a repeat of more than
 * 65535, a pattern that is too large with its repeats written out, \p{Changes_When_NFKC_Casefolded}. Unicode properties
 * are those of PCRE2. */
#ifndef WEFT_SCHEMA_REGEX_H
#define WEFT_SCHEMA_REGEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weft/error.h>

#include "base/mem.h"

struct regex;         /* compiled; any number of threads at a time */
struct regex_scratch; /* memory to match with; one thread at a time */

struct regex_fault {
    size_t at;            /* byte offset in the pattern */
    const char *sentence; /* static, or PCRE2's: "a group is not closed" */
};

/* A match takes at most REGEX_MATCH_STEPS, and REGEX_BYTE_STEPS for each byte of the subject. A step is a repeat that has
 * tried one more length, a turn of a group, or 32 characters passed: some 10 ns, with Unicode properties up to 100. */
enum { REGEX_SIZE_MAX = 4096, REGEX_MATCH_STEPS = 250000, REGEX_BYTE_STEPS = 8 };

/* pattern: UTF-8, decoded. WEFT_EINVAL: *fault says what and where; WEFT_EUNSUPPORTED: it is ECMA-262 and cannot be had,
 * likewise; WEFT_ELIMIT: too long, or its groups too deep, likewise; WEFT_ENOMEM. */
weft_error weft__regex_new(const struct mem *mem, const char *pattern, size_t size_bytes, struct regex **regex,
                           struct regex_fault *fault);
void weft__regex_free(struct regex *regex); /* accepts NULL */

/* It is matched in a few nanoseconds, which no budget counts: a row of at most 64 characters. See regex_fixed.h. */
bool weft__regex_is_fixed(const struct regex *regex);

/* Whether the pattern is one, by its syntax: for format "regex". One that cannot be had is; one beyond WEFT_ELIMIT is
 * not. Allocates nothing. */
bool weft__regex_valid(const char *pattern, size_t size_bytes);

struct regex_scratch *weft__regex_scratch_new(const struct mem *mem);
void weft__regex_scratch_free(struct regex_scratch *scratch); /* accepts NULL */

enum regex_answer { REGEX_NO, REGEX_YES, REGEX_TOO_HARD };

/* Whether it matches somewhere in the subject: UTF-8, which is known to be valid. *budget: steps that the matches of a
 * whole document may take together. REGEX_TOO_HARD: the steps of the match or the budget are used up, or the memory for
 * what it could still try (4 MiB: about 100000 turns of a group). Allocates nothing, but where PCRE2 has no JIT. */
enum regex_answer weft__regex_match(const struct regex *regex, struct regex_scratch *scratch, const char *subject,
                                    size_t size_bytes, uint32_t *budget);

#endif
