/* format.h: what the keyword "format" may name, and whether a string is one. */
#ifndef WEFT_SCHEMA_FORMAT_H
#define WEFT_SCHEMA_FORMAT_H

#include <stdbool.h>
#include <stddef.h>

/* text: UTF-8, decoded, not terminated, and may hold NULs. Allocates nothing; time linear in its size. Those of 2020-12
 * are known, but for idn-hostname: that takes the tables of an IDNA library. */
struct format {
    const char *name;
    bool (*valid)(const char *text, size_t size_bytes);
};

/* NULL: not one that is known. */
const struct format *weft__format_find(const char *name, size_t size_bytes);

#endif
