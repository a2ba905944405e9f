/* against.c: what it takes to parse and validate a task, against what others take for the same documents. */
#include "ajv.h"
#include "bench.h"
#include "neighbours.h"
#include "tasks.h"

#include <stddef.h>

#include <weft/schema.h>

static double parse_and_validate(int size)
{
    static weft_schema *schema;
    static weft_validator *validator;
    if (!schema && (weft_schema_compile(bench_task_schema(), NULL, &schema) || weft_validator_open(NULL, &validator)))
        bench_die("compile the schema of tasks");
    const struct tasks *tasks = bench_tasks(size);
    int count = bench_tasks_count(size);
    uint64_t start_ns = bench_now_ns();
    for (int i = 0; i < count; i++)
        if (weft_validate(validator, schema, tasks->variants[i % TASK_VARIANTS])) bench_die("validate a task");
    return (double)(bench_now_ns() - start_ns) / count;
}

#define MEASURES(suffix, size)                                                                                         \
    static double weft_##suffix(void)                                                                                  \
    {                                                                                                                  \
        return parse_and_validate(size);                                                                               \
    }                                                                                                                  \
    static double ajv_##suffix(void)                                                                                   \
    {                                                                                                                  \
        return bench_ajv_ns(size);                                                                                     \
    }                                                                                                                  \
    static double simdjson_##suffix(void)                                                                              \
    {                                                                                                                  \
        return bench_simdjson_ns(size);                                                                                \
    }                                                                                                                  \
    static double jansson_##suffix(void)                                                                               \
    {                                                                                                                  \
        return bench_jansson_ns(size);                                                                                 \
    }

MEASURES(300, TASKS_300)
MEASURES(1k, TASKS_1K)
MEASURES(4k, TASKS_4K)

#define ROW(other, suffix, label, what, most)                                                                          \
    .name = "schema_" #suffix "_" #other, .metric = "parse and validate a task of " label, .unit = "ns",               \
    .measure = weft_##suffix, .against = what, .measure_against = other##_##suffix, .goal = most, .at_most = 1,        \
    .rounds = 21

#define ROWS(suffix, label)                                                                                            \
    {ROW(ajv, suffix, label, "JSON.parse and a compiled ajv, in node", 0.4), .missing = bench_ajv_missing},            \
        {ROW(simdjson, suffix, label, "simdjson's DOM parse alone", 2.5)},                                             \
    {                                                                                                                  \
        ROW(jansson, suffix, label, "jansson's parse alone", 1 / 6.0)                                                  \
    }

const struct bench bench_against[] = {ROWS(300, "300 B"), ROWS(1k, "1 KiB"), ROWS(4k, "4 KiB"), {0}};
