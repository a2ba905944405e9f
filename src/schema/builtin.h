/* builtin.h: the schemas of weft's own things as JSON: schemas/ of the source, as a table. tools/embed.sh
 * makes it. */
#ifndef WEFT_SCHEMA_BUILTIN_H
#define WEFT_SCHEMA_BUILTIN_H

#include <stddef.h>

struct builtin_schema {
    const char *uri; /* "urn:weft:schema:listing": its $id */
    const char *json;
    size_t size_bytes;
};

/* Ends with a row without a URI. */
extern const struct builtin_schema weft__builtin_schemas[];

/* By its URI, which has no fragment; NULL: none of ours. */
const struct builtin_schema *weft__builtin_schema(const char *uri);

#endif
