/* canonical.h: the canonical form of a JSON document, RFC 8785: the same for all texts that mean the same. */
#ifndef WEFT_SCHEMA_CANONICAL_H
#define WEFT_SCHEMA_CANONICAL_H

#include "schema/json.h"

/* Gives *text, of mem: size bytes and a terminator. WEFT_EUNSUPPORTED: *at is the offset of a number that has no
 * canonical form; WEFT_ENOMEM. */
weft_error weft__json_canonical(const struct mem *mem, const struct json_doc *doc, char **text, size_t *size_bytes,
                                uint32_t *at);

#endif
