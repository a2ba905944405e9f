/* uri.h: references, RFC 3986: just what "$id" and "$ref" need. */
#ifndef WEFT_SCHEMA_URI_H
#define WEFT_SCHEMA_URI_H

#include <stdbool.h>
#include <stddef.h>

/* The reference seen from base, which may be "", into `to`, which has room for both and 4 bytes. A fragment of the
 * reference stays; one of base is left out. Returns to. */
char *weft__uri_resolve(char *to, const char *base, const char *reference);

/* Whether it begins with a scheme. */
bool weft__uri_is_absolute(const char *uri);

/* Cuts the fragment off and returns it, without "#"; NULL: there is none. */
char *weft__uri_cut_fragment(char *uri);

/* %41 becomes A, in place. False: a % without two hexadecimal digits, or a %00. */
bool weft__uri_decode(char *text);

#endif
