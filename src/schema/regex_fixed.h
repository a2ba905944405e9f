/* regex_fixed.h: patterns that are no more than a row of bytes: from ^ to $, characters and classes of ASCII, each
 * perhaps repeated a fixed number of times, such as ^[A-Z]{3}-[0-9]{4}$. They are matched here, sixteen bytes at a
 * time, in a time that their size bounds. */
#ifndef WEFT_SCHEMA_REGEX_FIXED_H
#define WEFT_SCHEMA_REGEX_FIXED_H

#include "schema/scan.h"

enum { FIXED_SIZE_MAX = 64, FIXED_RANGES_MAX = 4, FIXED_BLOCK = 16 };

/* Each of the bytes is of one of the ranges that has it: from, and so many more. */
struct regex_fixed_block {
    uint8_t from[FIXED_RANGES_MAX][FIXED_BLOCK], span[FIXED_RANGES_MAX][FIXED_BLOCK];
};

/* Where it is as long as a block, the last block lies at the end, over bytes of the one before; where it is shorter,
 * zeros are behind it, in the subject as in the block. */
struct regex_fixed {
    uint32_t size_bytes, ranges; /* ranges: the most that one of its bytes has */
    struct regex_fixed_block blocks[FIXED_SIZE_MAX / FIXED_BLOCK];
};

/* pattern: known to be valid. False: it is none. */
bool weft__regex_fixed_of(const char *pattern, size_t size_bytes, struct regex_fixed *fixed);

bool weft__regex_fixed_match(const struct regex_fixed *fixed, const char *subject, size_t size_bytes);

#endif
