#include "schema/number.h"

#include "base/assert.h"
#include "schema/numeral.h"

/* GCC's and Clang's, on every machine of 64 bits. */
__extension__ typedef unsigned __int128 wide;
__extension__ typedef __int128 signed_wide;

enum { DIVISOR_DIGITS_MAX = 38, BLOCK_DIGITS = 18 };

static uint64_t magnitude(int64_t mantissa)
{
    return mantissa < 0 ? 0 - (uint64_t)mantissa : (uint64_t)mantissa;
}

static bool is_long(const struct json_value *number)
{
    return number->flags & JSON_LONG;
}

/* --- comparing -------------------------------------------------------------------------------- */

static int order(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int compare_digits(struct numeral_digits a, struct numeral_digits b)
{
    int a_sign = a.count == 0 ? 0 : a.negative ? -1 : 1, b_sign = b.count == 0 ? 0 : b.negative ? -1 : 1;
    if (a_sign != b_sign || a_sign == 0) return order(a_sign, b_sign);
    int64_t a_height = a.exponent + a.count, b_height = b.exponent + b.count;
    if (a_height != b_height) return a_height < b_height ? -a_sign : a_sign;
    while (a.count || b.count) {
        int difference = weft__numeral_digit(&a) - weft__numeral_digit(&b);
        if (difference) return difference < 0 ? -a_sign : a_sign;
    }
    return 0;
}

/* Of two mantissas, the first of which has an exponent larger by `by`. */
static int compare_scaled(int64_t a, int64_t b, int by)
{
    if (a == 0 || by > 18) return a ? (a < 0 ? -1 : 1) : order(0, b);
    signed_wide scaled = (signed_wide)a * (int64_t)weft__numeral_tens[by];
    return (scaled > b) - (scaled < b);
}

int weft__number_compare(const struct json_doc *a_doc, const struct json_value *a, const struct json_doc *b_doc,
                         const struct json_value *b)
{
    if (!is_long(a) && !is_long(b)) {
        if (a->exponent == b->exponent) return order(a->mantissa, b->mantissa);
        return a->exponent > b->exponent ? compare_scaled(a->mantissa, b->mantissa, a->exponent - b->exponent)
                                         : -compare_scaled(b->mantissa, a->mantissa, b->exponent - a->exponent);
    }
    char a_room[NUMERAL_ROOM], b_room[NUMERAL_ROOM];
    return compare_digits(weft__numeral_of(a_doc, a, a_room), weft__numeral_of(b_doc, b, b_room));
}

/* --- integers --------------------------------------------------------------------------------- */

bool weft__number_is_integer(const struct json_doc *doc, const struct json_value *number)
{
    if (!is_long(number)) return number->exponent >= 0;
    return weft__numeral_digits(doc->text + number->at, number->size_bytes).exponent >= 0;
}

bool weft__number_count(const struct json_doc *doc, const struct json_value *number, uint32_t *count)
{
    if (!weft__number_is_integer(doc, number)) return false;
    if (is_long(number)) { /* no integer below 2^63 is */
        if (doc->text[number->at] == '-') return false;
        *count = UINT32_MAX;
        return true;
    }
    if (number->mantissa < 0) return false;
    *count = number->exponent || number->mantissa > UINT32_MAX ? UINT32_MAX : (uint32_t)number->mantissa;
    return true;
}

/* --- multiples -------------------------------------------------------------------------------------------------------
 *
 * N * 10^a is a multiple of D * 10^b, where k = a - b is not negative, if D divides N * 10^k: computed modulo D, which
 * is below 10^38, so that twice a remainder fits 128 bits. Where k is negative, 10^-k must divide N first. */

static wide add_mod(wide a, wide b, wide modulus)
{
    wide sum = a + b;
    return sum >= modulus ? sum - modulus : sum;
}

static wide multiply_mod(wide a, wide b, wide modulus)
{
    if (modulus <= UINT64_MAX) return a * b % modulus;
    wide product = 0;
    for (; b; b >>= 1) {
        if (b & 1) product = add_mod(product, a, modulus);
        a = add_mod(a, a, modulus);
    }
    return product;
}

static wide power_mod(wide base, uint64_t exponent, wide modulus)
{
    wide power = 1 % modulus;
    for (base %= modulus; exponent; exponent >>= 1) {
        if (exponent & 1) power = multiply_mod(power, base, modulus);
        base = multiply_mod(base, base, modulus);
    }
    return power;
}

static wide digits_mod(struct numeral_digits digits, wide modulus)
{
    wide rest = 0;
    WEFT_ASSERT(modulus > 0); /* weft__number_divides */
    while (digits.count) {
        uint32_t count = digits.count < BLOCK_DIGITS ? digits.count : BLOCK_DIGITS;
        uint64_t block = 0;
        for (uint32_t i = 0; i < count; i++)
            block = block * 10 + (uint64_t)weft__numeral_digit(&digits);
        rest = multiply_mod(rest, weft__numeral_tens[count] % modulus, modulus);
        rest = add_mod(rest, block % modulus, modulus);
    }
    return rest;
}

bool weft__number_divides(const struct json_doc *doc, const struct json_value *divisor)
{
    char room[NUMERAL_ROOM];
    struct numeral_digits digits = weft__numeral_of(doc, divisor, room);
    return digits.count > 0 && digits.count <= DIVISOR_DIGITS_MAX && !digits.negative;
}

static bool long_is_multiple(struct numeral_digits number, struct numeral_digits divisor)
{
    if (number.count == 0) return true;
    if (number.exponent < divisor.exponent) return false; /* its last digit is no zero */
    uint64_t power = (uint64_t)(number.exponent - divisor.exponent);
    wide modulus = 0;
    while (divisor.count) {
        unsigned digit = (unsigned)weft__numeral_digit(&divisor);
        modulus = modulus * 10 + digit;
    }
    WEFT_ASSERT(modulus > 0);
    return multiply_mod(digits_mod(number, modulus), power_mod(10, power, modulus), modulus) == 0;
}

bool weft__number_is_multiple(const struct json_doc *doc, const struct json_value *number,
                              const struct json_doc *divisor_doc, const struct json_value *divisor)
{
    int power = number->exponent - divisor->exponent;
    if (is_long(number) || is_long(divisor) || power > 19) {
        char number_room[NUMERAL_ROOM], divisor_room[NUMERAL_ROOM];
        return long_is_multiple(weft__numeral_of(doc, number, number_room),
                                weft__numeral_of(divisor_doc, divisor, divisor_room));
    }
    uint64_t n = magnitude(number->mantissa), d = magnitude(divisor->mantissa);
    if (n == 0) return true;
    for (; power < 0; power++, n /= 10)
        if (n % 10) return false;
    return power ? (wide)n * weft__numeral_tens[power] % d == 0 : n % d == 0;
}
