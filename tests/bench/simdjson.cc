#include <simdjson.h>

#include "tasks.h"

void bench_simdjson_parse(weft_bytes text)
{
    static simdjson::dom::parser parser;
    simdjson::dom::element root;
    if (parser.parse(static_cast<const char *>(text.data), text.size, false).get(root)) abort();
}
