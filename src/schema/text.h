/* text.h: what stands between the quotes of a string: UTF-8 and escapes. */
#ifndef WEFT_SCHEMA_TEXT_H
#define WEFT_SCHEMA_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "schema/json.h"

/* Scans a string that starts behind its quote and up to p holds no byte that needs a look, fills in the value's size
 * and flags, and returns what is behind its other quote. NULL: *sentence and *where say what is wrong. */
const char *weft__text_scan(const char *start, const char *p, const char *end, struct json_value *value,
                            const char **sentence, const char **where);

/* The bytes of a decoded string, one after another. */
struct text_cursor {
    const char *p, *end;
    char pending[4];
    size_t pending_count, pending_used;
};

static inline struct text_cursor weft__text_open(const struct json_doc *doc, const struct json_value *string)
{
    const char *p = weft__json_raw(doc, string);
    return (struct text_cursor){.p = p, .end = p + string->size_bytes};
}

/* -1: there are no more. */
int weft__text_next(struct text_cursor *cursor);

#endif
