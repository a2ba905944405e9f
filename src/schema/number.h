/* number.h: numbers of JSON, exactly. 1.0 is 1, 1e400 is larger than 1e399, 19.99 is a multiple of 0.01. */
#ifndef WEFT_SCHEMA_NUMBER_H
#define WEFT_SCHEMA_NUMBER_H

#include "schema/json.h"

/* negative, 0, positive: as a is less than b, equal, greater. */
int weft__number_compare(const struct json_doc *a_doc, const struct json_value *a, const struct json_doc *b_doc,
                         const struct json_value *b);

bool weft__number_is_integer(const struct json_doc *doc, const struct json_value *number);

/* What multipleOf may name: greater than 0, with at most 38 significant digits. */
bool weft__number_divides(const struct json_doc *doc, const struct json_value *divisor);

/* Whether number is divisor times an integer. Time: linear in the digits of number, whatever its exponent. */
bool weft__number_is_multiple(const struct json_doc *doc, const struct json_value *number,
                              const struct json_doc *divisor_doc, const struct json_value *divisor);

/* The number as a count for minLength, maxItems ...: an integer, not negative; more than UINT32_MAX is that. False: it
 * is none. */
bool weft__number_count(const struct json_doc *doc, const struct json_value *number, uint32_t *count);

/* As RFC 8785 (ECMA-262, Number::toString) writes the double that it is: at most 32 bytes and a terminator. False: no
 * double has exactly that value as far as its shortest form tells (9007199254740993, 1e400, 0.10000000000000000001). */
bool weft__number_canonical(const struct json_doc *doc, const struct json_value *number, char text[33]);

#endif
