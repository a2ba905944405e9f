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

/* The digits at the beginning of eight bytes, each a byte of *digits, the first lowest; where what is none begins, a bit of
 * each is set in *others, exactly so up to a byte behind the first that is above '0' + 0x89. */
SCAN_INLINE void numeral_word(const char *p, uint64_t *digits, uint64_t *others)
{
    *digits = scan_word(p) ^ SCAN_BYTES('0');
    *others = ((*digits + SCAN_BYTES(0x76)) | *digits) & SCAN_BYTES(0x80);
}

/* The value of the first count digits, 1 to 8. */
SCAN_INLINE uint64_t numeral_value(uint64_t digits, unsigned count)
{
    digits <<= 64 - 8 * count; /* as if zeros stood before them */
    digits = (digits * 10 + (digits >> 8)) & UINT64_C(0x00ff00ff00ff00ff);
    digits = (digits * 100 + (digits >> 16)) & UINT64_C(0x0000ffff0000ffff);
    return (digits * 10000 + (digits >> 32)) & UINT64_C(0xffffffff);
}

/* As weft__numeral_scan, for one of at most seven digits, or six and a point, which is not at the text's end. NULL: it is
 * none of these, or wrong. */
SCAN_INLINE const char *weft__numeral_short(const char *p, const char *end, struct json_value *value)
{
    if (end - p < 9) return NULL;
    bool negative = *p == '-';
    p += negative;
    uint64_t digits, others;
    numeral_word(p, &digits, &others);
    if (!others) return NULL;
    unsigned count = (unsigned)__builtin_ctzll(others) >> 3, places = 0;
    if (count == 0 || (*p == '0' && count > 1)) return NULL;
    if (p[count] == '.') {
        others &= others - 1;
        unsigned size_bytes = (unsigned)__builtin_ctzll(others | UINT64_C(1) << 63) >> 3;
        places = size_bytes - count - 1;
        if (places == 0 || p[size_bytes - 1] == '0') return NULL;
        uint64_t whole = (UINT64_C(1) << 8 * count) - 1;
        digits = (digits & whole) | (digits >> 8 & ~whole);
        p++;
        count += places;
    }
    p += count;
    if (numeral_is_digit(*p) || *p == '.' || (*p | 0x20) == 'e') return NULL;
    uint64_t number = numeral_value(digits, count);
    value->flags = 0;
    value->exponent = (int16_t) - (int)places;
    value->mantissa = negative ? -(int64_t)number : (int64_t)number;
    return p;
}

#endif
