/* origin.h: what a schema was compiled from, so that another process can compile the same. */
#ifndef WEFT_SCHEMA_ORIGIN_H
#define WEFT_SCHEMA_ORIGIN_H

#include <weft/schema.h>

struct schema_origin {
    weft_bytes json;
    weft_schema_options options; /* allocator is NULL */
};

/* Lends, as long as the schema lives. */
const struct schema_origin *weft__schema_origin(const weft_schema *schema);

#endif
