/* number_canonical.c: numbers as ECMA-262 writes doubles (Number::toString), which RFC 8785 asks for. Slow, and in no
 * hurry.
 *
 * A number is exact here, and its canonical form names it, if the shortest digits of the double nearest to it are its
 * own. Doubles are read and written by the C library, in a way that leaves a locale nothing to say: with an exponent
 * and without a point. */
#include "schema/number.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/numeral.h"

enum { DIGITS_MAX = 17 }; /* so many tell any double from the next */

/* A positive number: its digits as an integer, times 10^exponent. */
struct decimal {
    char digits[DIGITS_MAX + 1];
    int64_t exponent;
};

static double nearest(const struct decimal *decimal)
{
    char text[48];
    (void)snprintf(text, sizeof text, "%se%" PRId64, decimal->digits, decimal->exponent);
    return strtod(text, NULL);
}

static struct decimal rounded(double number, int digits_count)
{
    struct decimal decimal;
    char text[48];
    (void)snprintf(text, sizeof text, "%.*e", digits_count - 1, number);
    const char *e = strchr(text, 'e');
    size_t used = 0;
    for (const char *p = text; p < e; p++)
        if (*p >= '0' && *p <= '9') decimal.digits[used++] = *p;
    decimal.digits[used] = '\0';
    decimal.exponent = strtol(e + 1, NULL, 10) - (digits_count - 1);
    return decimal;
}

/* Its last digit is the next larger. False: they are all nines. */
static bool increment(struct decimal *decimal)
{
    size_t i = strlen(decimal->digits);
    while (i > 0 && decimal->digits[i - 1] == '9')
        decimal->digits[--i] = '0';
    if (i == 0) return false;
    decimal->digits[i - 1]++;
    return true;
}

/* The closest of the shortest that the double is nearest to. Below a power of two doubles lie twice as dense as above
 * it: so one that is further from it, but above, may be one when the closest is not (2^-44: 5.684341886080802e-14). */
static struct decimal shortest(double number)
{
    struct decimal decimal;
    for (int count = 1; count <= DIGITS_MAX; count++) {
        decimal = rounded(number, count);
        if (nearest(&decimal) == number) break; /* at the latest with DIGITS_MAX */
        struct decimal above = decimal;
        if (increment(&above) && nearest(&above) == number) return above;
    }
    return decimal;
}

static char *put(char *to, const char *digits, size_t count)
{
    memcpy(to, digits, count);
    return to + count;
}

static char *put_zeros(char *to, int64_t count)
{
    memset(to, '0', (size_t)count);
    return to + count;
}

/* ECMA-262, Number::toString, steps 6 to 10, with its names for k and n. */
static void write_decimal(const struct decimal *decimal, char *to)
{
    const char *digits = decimal->digits;
    int64_t k = (int64_t)strlen(digits), n = k + decimal->exponent;
    if (k <= n && n <= 21) {
        to = put_zeros(put(to, digits, (size_t)k), n - k);
    } else if (0 < n && n <= 21) {
        to = put(put(to, digits, (size_t)n), ".", 1);
        to = put(to, digits + n, (size_t)(k - n));
    } else if (-6 < n && n <= 0) {
        to = put_zeros(put(to, "0.", 2), -n);
        to = put(to, digits, (size_t)k);
    } else {
        to = put(to, digits, 1);
        if (k > 1) to = put(put(to, ".", 1), digits + 1, (size_t)k - 1);
        to += snprintf(to, 6, "e%+d", (int)(n - 1));
    }
    *to = '\0';
}

bool weft__number_canonical(const struct json_doc *doc, const struct json_value *number, char text[33])
{
    char room[NUMERAL_ROOM];
    struct numeral_digits digits = weft__numeral_of(doc, number, room);
    if (digits.count == 0) {
        memcpy(text, "0", 2);
        return true;
    }
    if (digits.count > DIGITS_MAX) return false;
    struct decimal exact = {.exponent = digits.exponent}, told;
    for (size_t i = 0; digits.count; i++)
        exact.digits[i] = (char)('0' + weft__numeral_digit(&digits));
    double is = nearest(&exact);
    if (is == 0 || isinf(is)) return false;
    told = shortest(is);
    if (told.exponent != exact.exponent || strcmp(told.digits, exact.digits) != 0) return false;
    if (digits.negative) *text++ = '-';
    write_decimal(&exact, text);
    return true;
}
