/* meta.h: the schemas of schemas, as the specifications give them. */
#ifndef WEFT_SCHEMA_META_H
#define WEFT_SCHEMA_META_H

struct meta_schema {
    const char *uri; /* without a fragment */
    const char *json;
};

/* Ends with a row without a URI. */
extern const struct meta_schema weft__meta_2020_12[], weft__meta_draft_7[];

#endif
