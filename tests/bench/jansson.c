#include <jansson.h>

#include "bench.h"
#include "tasks.h"

void bench_jansson_parse(weft_bytes text)
{
    json_error_t error;
    json_t *root = json_loadb(text.data, text.size, 0, &error);
    if (!root) bench_die(error.text);
    json_decref(root);
}
