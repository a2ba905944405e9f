/* The same promises of the same source, compiled for machines without SSE2. */
#define WEFT_JSON_PORTABLE 1

#include "schema/regex_fixed.c"

#include "unit/schema_regex_fixed.c"
