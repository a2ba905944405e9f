/* builtin.c: see builtin.h. */
#include "schema/builtin.h"

#include <string.h>

#include <weft/schema.h>

const struct builtin_schema *weft__builtin_schema(const char *uri)
{
    for (const struct builtin_schema *schema = weft__builtin_schemas; schema->uri; schema++)
        if (strcmp(schema->uri, uri) == 0) return schema;
    return NULL;
}

const char *weft_schema_builtin(size_t index, weft_bytes *json)
{
    for (size_t i = 0; i <= index; i++)
        if (!weft__builtin_schemas[i].uri) return NULL;
    const struct builtin_schema *schema = &weft__builtin_schemas[index];
    if (json) *json = (weft_bytes){schema->json, schema->size_bytes};
    return schema->uri;
}
