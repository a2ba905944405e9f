#include "schema/numeral.h"

const uint64_t weft__numeral_tens[20] = {1,
                                         10,
                                         100,
                                         1000,
                                         10000,
                                         100000,
                                         1000000,
                                         10000000,
                                         100000000,
                                         1000000000,
                                         10000000000,
                                         100000000000,
                                         1000000000000,
                                         10000000000000,
                                         100000000000000,
                                         1000000000000000,
                                         10000000000000000,
                                         100000000000000000,
                                         1000000000000000000,
                                         10000000000000000000u};

static const char *digits_skip(const char *p, const char *end)
{
    while (p < end && numeral_is_digit(*p))
        p++;
    return p;
}

/* What is behind the number at p, and behind its e, if it has one. NULL: it is none, *sentence and *where. */
static const char *grammar(const char *p, const char *end, const char **exponent, const char **sentence,
                           const char **where)
{
    *exponent = NULL;
    const char *digits = p += p < end && *p == '-';
    p = digits_skip(p, end);
    *where = digits;
    *sentence = "a number has no digit";
    if (p == digits) return NULL;
    *sentence = "a number begins with a zero and goes on";
    if (*digits == '0' && p - digits > 1) return NULL;
    if (p < end && *p == '.') {
        *where = digits = ++p;
        p = digits_skip(p, end);
        *sentence = "a number has no digit behind its point";
        if (p == digits) return NULL;
    }
    if (p < end && (*p | 0x20) == 'e') {
        *exponent = ++p;
        if (p < end && (*p == '+' || *p == '-')) p++;
        *where = digits = p;
        p = digits_skip(p, end);
        *sentence = "a number has no digit in its exponent";
        if (p == digits) return NULL;
    }
    return p;
}

/* Of a valid number, from behind its e. Beyond a bound it stays there. */
static int64_t exponent_read(const char *p, const char *end)
{
    bool negative = *p == '-';
    int64_t exponent = 0;
    for (p += negative || *p == '+'; p < end && exponent <= NUMERAL_EXPONENT_MAX; p++)
        exponent = exponent * 10 + (*p - '0');
    return negative ? -exponent : exponent;
}

struct numeral_digits weft__numeral_digits(const char *text, size_t size_bytes)
{
    const char *end = text + size_bytes, *p = text + (*text == '-');
    struct numeral_digits digits = {.negative = p > text};
    const char *point = NULL, *last = NULL, *last_point = NULL;
    int64_t count = 0, zeros = 0; /* zeros: behind the last that is none */
    for (; p < end && (*p | 0x20) != 'e'; p++) {
        if (*p == '.') {
            point = p;
        } else if (*p != '0') {
            if (!last) digits.p = p;
            count += zeros + 1;
            zeros = 0;
            last = p;
            last_point = point;
        } else if (last) {
            zeros++;
        }
    }
    if (!last) return (struct numeral_digits){.p = text};
    const char *units = point ? point : p;
    digits.exponent = last_point ? last_point - last : units - last - 1;
    if (p < end) digits.exponent += exponent_read(p + 1, end);
    digits.count = (uint32_t)count;
    return digits;
}

struct numeral_digits weft__numeral_of(const struct json_doc *doc, const struct json_value *number,
                                       char room[NUMERAL_ROOM])
{
    if (number->flags & JSON_LONG) return weft__numeral_digits(doc->text + number->at, number->size_bytes);
    char *end = room + NUMERAL_ROOM, *p = end;
    int64_t mantissa = number->mantissa;
    uint64_t rest = mantissa < 0 ? 0 - (uint64_t)mantissa : (uint64_t)mantissa;
    do
        *--p = (char)('0' + rest % 10);
    while (rest /= 10);
    struct numeral_digits digits = weft__numeral_digits(p, (size_t)(end - p));
    digits.negative = mantissa < 0;
    if (digits.count) digits.exponent += number->exponent;
    return digits;
}

/* Whether it fits; then it has its one form. */
static bool fit(struct numeral_digits digits, struct json_value *value)
{
    if (digits.count > 19) return false;
    uint64_t number = 0;
    while (digits.count)
        number = number * 10 + (uint64_t)weft__numeral_digit(&digits);
    if (number > INT64_MAX) return false;
    if (number == 0) digits.exponent = 0;
    if (digits.exponent > 0 && digits.exponent < 19 && number <= INT64_MAX / weft__numeral_tens[digits.exponent]) {
        number *= weft__numeral_tens[digits.exponent];
        digits.exponent = 0;
    }
    if (digits.exponent < INT16_MIN || digits.exponent > INT16_MAX) return false;
    value->exponent = (int16_t)digits.exponent;
    value->mantissa = digits.negative ? -(int64_t)number : (int64_t)number;
    return true;
}

const char *weft__numeral_scan(const char *p, const char *end, struct json_value *value, weft_error *error,
                               struct json_fault *fault)
{
    const char *exponent, *where;
    const char *behind = grammar(p, end, &exponent, &fault->sentence, &where);
    if (!behind) {
        *error = WEFT_EINVAL;
        fault->at = (uint32_t)(where - p);
        return NULL;
    }
    size_t size_bytes = (size_t)(behind - p);
    struct numeral_digits digits = weft__numeral_digits(p, size_bytes);
    value->flags = 0;
    if (fit(digits, value)) return behind;
    int64_t power = exponent ? exponent_read(exponent, behind) : 0;
    if (power < -NUMERAL_EXPONENT_MAX || power > NUMERAL_EXPONENT_MAX) {
        *error = WEFT_ELIMIT;
        *fault = (struct json_fault){.sentence = "a number has an exponent of more than 1000000000"};
        return NULL;
    }
    value->flags = JSON_LONG;
    value->exponent = 0;
    value->size_bytes = (uint32_t)size_bytes;
    value->hash = 0;
    return behind;
}
