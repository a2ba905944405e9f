/* json.h: RFC 8259, strictly, in one pass: a text in, a tape of its values out.
 *
 * The tape holds the values in the order of the text: an array is followed by its elements, an object by key, value,
 * key, value; each with what is in it. Strings stay where they are in the text, with their escapes, until somebody
 * wants them decoded. Numbers are decimal and exact: nothing is rounded, and no locale is asked. What fits has one
 * form, whatever its text was: 0 is 0; an integer of 64 bits (but INT64_MIN) has exponent 0; others have no trailing
 * zeros. So two such numbers are equal where mantissa and exponent are, and equal to no LONG one.
 *
 * Refused: bytes that are not UTF-8, escaped lone surrogates, control characters in strings, what follows the value, a
 * byte order mark, a key that stands twice in its object (unless allowed), and what exceeds a bound. */
#ifndef WEFT_SCHEMA_JSON_H
#define WEFT_SCHEMA_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weft/error.h>

#include "base/mem.h"

enum json_kind { JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

enum json_flag {
    JSON_ESCAPED = 1, /* STRING: there is a backslash in it */
    JSON_ASCII = 2,   /* STRING: each byte of its text is ASCII (so where it is not ESCAPED, a byte is a code point) */
    JSON_LONG = 4     /* NUMBER: does not fit mantissa and exponent; see number.h */
};

struct json_value {
    uint8_t kind, flags;
    int16_t exponent; /* NUMBER: of ten */
    uint32_t at;      /* STRING: offset of the byte behind its first quote; others: of its first byte */
    union {
        int64_t mantissa; /* NUMBER: its value is mantissa * 10^exponent */
        struct {
            uint32_t size_bytes; /* of the text from `at` on: STRING, without quotes; LONG number */
            uint32_t hash; /* STRING: of its decoded bytes, by weft__json_hash with the parser's seed; of keys only */
        };
        struct {
            uint32_t count; /* ARRAY: elements; OBJECT: members */
            uint32_t next;  /* index of the value behind the last that is in it */
        };
    };
};

struct json_doc {
    const char *text; /* borrowed: lives and stays as long as the document is looked at */
    uint32_t size_bytes;
    uint32_t count; /* of values; the first is the root */
    const struct json_value *values;
};

enum { JSON_DEPTH_MAX = 1024 };

struct json_limits {
    uint32_t size_bytes_max, depth_max; /* depth: of nested arrays and objects, at most JSON_DEPTH_MAX */
    bool duplicate_keys;                /* allowed: of each name the last member is on the tape, and no other */
};

/* What is wrong with a text. */
struct json_fault {
    uint32_t at;          /* byte offset */
    const char *sentence; /* static: "a string is not closed" */
};

/* Memory to parse with, used again from one document to the next: after some it allocates no more. One thread at a
 * time. */
struct json_parser {
    const struct mem *mem;
    uint32_t seed; /* of the hashes: nobody outside should know it */
    struct json_value *values;
    uint32_t room;
    void *scratch; /* for escaped keys, and those of large objects */
    uint32_t scratch_bytes;
};

void weft__json_parser_init(struct json_parser *parser, const struct mem *mem, uint32_t seed);
void weft__json_parser_fini(struct json_parser *parser);

/* The document is good until the parser parses the next. WEFT_EINVAL: *fault says what and where; WEFT_ELIMIT: it
 * exceeds a bound, *fault says which; WEFT_ENOMEM. */
weft_error weft__json_parse(struct json_parser *parser, const char *text, size_t size_bytes,
                            const struct json_limits *limits, struct json_doc *doc, struct json_fault *fault);

/* The value behind, on the same level. */
static inline const struct json_value *weft__json_next(const struct json_doc *doc, const struct json_value *value)
{
    return value->kind >= JSON_ARRAY ? doc->values + value->next : value + 1;
}

/* --- strings ---------------------------------------------------------------------------------- */

uint32_t weft__json_hash(uint32_t seed, const char *decoded, size_t size_bytes);

/* Its bytes as they stand, where it is not ESCAPED. */
static inline const char *weft__json_raw(const struct json_doc *doc, const struct json_value *string)
{
    return doc->text + string->at;
}

/* Decodes it into `to`, which has room for its size_bytes (no decoded string is longer than its text): returns the
 * decoded size. */
size_t weft__json_decode(const struct json_doc *doc, const struct json_value *string, char *to);

/* Code points, decoded. */
uint32_t weft__json_points(const struct json_doc *doc, const struct json_value *string);

/* Whether the decoded string is these bytes; whether two strings, perhaps of two documents, are the same. */
bool weft__json_is(const struct json_doc *doc, const struct json_value *string, const char *decoded, size_t size_bytes);
bool weft__json_same_string(const struct json_doc *a_doc, const struct json_value *a, const struct json_doc *b_doc,
                            const struct json_value *b);

/* --- looking ---------------------------------------------------------------------------------- */

/* The value of a member by its decoded name; NULL: there is none. Linear. */
const struct json_value *weft__json_member(const struct json_doc *doc, const struct json_value *object,
                                           const char *name);

/* Whether two values are equal as JSON Schema has it: numbers by their value, objects whatever their order. Takes from
 * *steps one for each value that it looks at, and one for each 64 bytes of text; false, with *steps at 0, where they
 * are used up. */
bool weft__json_equal(const struct json_doc *a_doc, const struct json_value *a, const struct json_doc *b_doc,
                      const struct json_value *b, uint32_t *steps);

#endif
