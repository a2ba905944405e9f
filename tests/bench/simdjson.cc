#include <simdjson.h>

#include "json_tasks.h"

void bench_simdjson_parse(const char *text, size_t size_bytes)
{
    static simdjson::dom::parser parser;
    simdjson::dom::element root;
    if (parser.parse(text, size_bytes, false).get(root)) abort();
}
