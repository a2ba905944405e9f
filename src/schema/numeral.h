/* numeral.h: the text of a number, RFC 8259 section 6. */
#ifndef WEFT_SCHEMA_NUMERAL_H
#define WEFT_SCHEMA_NUMERAL_H

#include "schema/json.h"
#include "schema/scan.h"

enum { NUMERAL_EXPONENT_MAX = 1000000000 };

/* Scans one at p, which is a digit or a minus: fills in the value, but for `at`, and returns what is behind it. NULL:
 * WEFT_EINVAL or WEFT_ELIMIT, *fault says what and where (counted from p). */
const char *weft__numeral_scan(const char *p, const char *end, struct json_value *value, weft_error *error,
                               struct json_fault *fault);

/* The digits of a number that matter: without zeros before the first and behind the last. */
struct numeral_digits {
    const char *p;    /* the first; among them may stand a point */
    uint32_t count;   /* 0: the number is 0 */
    int64_t exponent; /* of ten, of the last */
    bool negative;
};

enum { NUMERAL_ROOM = 20 };

/* text: a valid number. A number's may stand in room. */
struct numeral_digits weft__numeral_digits(const char *text, size_t size_bytes);
struct numeral_digits weft__numeral_of(const struct json_doc *doc, const struct json_value *number,
                                       char room[NUMERAL_ROOM]);

/* Takes the first off them; 0 when they are used up. */
static inline int weft__numeral_digit(struct numeral_digits *digits)
{
    if (digits->count == 0) return 0;
    digits->count--;
    if (*digits->p == '.') digits->p++;
    return *digits->p++ - '0';
}

/* 10^0 to 10^19. */
extern const uint64_t weft__numeral_tens[20];

static inline bool numeral_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* As weft__numeral_scan, for one of at most 18 digits, without an exponent and not at the text's end. NULL: it is none of
 * these, or wrong. Digit by digit: most numbers are short, and the processor guesses how short. */
SCAN_INLINE const char *weft__numeral_short(const char *p, const char *end, struct json_value *value)
{
    enum { DIGITS = 18, LOOKAHEAD = 1 + DIGITS + 1 + 1 };
    if (end - p < LOOKAHEAD) return NULL;
    bool negative = *p == '-';
    p += negative;
    const char *start = p, *most = p + DIGITS;
    uint64_t number = 0;
    for (; numeral_is_digit(*p); p++) {
        if (p == most) return NULL;
        number = number * 10 + (uint64_t)(*p - '0');
    }
    if (p == start || (*start == '0' && p - start > 1)) return NULL;
    ptrdiff_t places = 0;
    if (*p == '.') {
        start = ++p;
        for (; numeral_is_digit(*p); p++) {
            if (p > most) return NULL;
            number = number * 10 + (uint64_t)(*p - '0');
        }
        places = p - start;
        if (places == 0) return NULL;
        for (const char *last = p; places && *--last == '0'; places--)
            number /= 10;
    }
    if ((*p | 0x20) == 'e') return NULL;
    value->flags = 0;
    value->exponent = (int16_t)-places;
    value->mantissa = negative ? -(int64_t)number : (int64_t)number;
    return p;
}

#endif
