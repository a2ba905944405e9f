/* The same promises of the same sources, compiled for machines without SSE2. */
#define WEFT_JSON_PORTABLE 1

#include "schema/json.c"
#include "schema/keys.c"
#include "schema/text.c"

#include "unit/schema_json_grammar.c"
