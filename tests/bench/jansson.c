#include <jansson.h>

#include "bench.h"
#include "json_tasks.h"

void bench_jansson_parse(const char *text, size_t size_bytes)
{
    json_error_t error;
    json_t *root = json_loadb(text, size_bytes, JSON_REJECT_DUPLICATES, &error);
    if (!root) bench_die(error.text);
    json_decref(root);
}
