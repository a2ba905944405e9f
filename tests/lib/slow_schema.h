/* slow_schema.h: JSON Schema read aloud: an interpreter of 2020-12 and draft-07 that follows the specification section
 * by section and cares for nothing else. Tests compare the compiler with it.
 *
 * It is on jansson and PCRE2, so it knows what these hold: integers of 64 bits, doubles, keys without NUL, and of
 * patterns what Perl and ECMA-262 have in common. "format" and the content keywords are annotations. The meta-schemas
 * are known by their names only. */
#ifndef WEFT_TESTS_SLOW_SCHEMA_H
#define WEFT_TESTS_SLOW_SCHEMA_H

#include <jansson.h>

#include <weft/schema.h>

struct slow_schema;

/* NULL: jansson can not hold it. */
json_t *slow_json(const char *text, size_t size);

/* Gives: free it. NULL: jansson can not hold it. */
struct slow_schema *slow_schema_new(weft_bytes json, weft_draft draft, const weft_schema_source *sources, size_t count);
void slow_schema_free(struct slow_schema *schema);

enum slow_verdict {
    SLOW_INVALID,
    SLOW_VALID,
    SLOW_LOST /* a reference leads nowhere, or round and round; or it takes too long */
};
enum slow_verdict slow_schema_validate(struct slow_schema *schema, json_t *instance);

/* What a URI with a pointer leads to: a schema, or what a keyword says. Lends, NULL: nothing. */
json_t *slow_schema_at(struct slow_schema *schema, const char *uri);
/* What a pointer (RFC 6901) leads to in a value. Lends; NULL: nothing. */
json_t *slow_pointer(json_t *value, const char *pointer);

#endif
