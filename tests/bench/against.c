/* against.c: what it takes to parse and validate a task, against what others take for the same documents; simdjson and
 * jansson only parse. All are measured in time of their thread: what else the machine does matters little. */
#include "ajv.h"
#include "bench.h"
#include "tasks.h"

#include <stddef.h>

#include <weft/schema.h>

static void parse_and_validate(weft_bytes text)
{
    static weft_schema *schema;
    static weft_validator *validator;
    if (!schema && (weft_schema_compile(bench_task_schema(), NULL, &schema) || weft_validator_open(NULL, &validator)))
        bench_die("compile the schema of tasks");
    if (weft_validate(validator, schema, text)) bench_die("validate a task");
}

#define MEASURE(who, size, take)                                                                                       \
    static double who##_##size(void)                                                                                   \
    {                                                                                                                  \
        return bench_tasks_ns(TASKS_##size, take);                                                                     \
    }

#define SIZE(size)                                                                                                     \
    MEASURE(weft, size, parse_and_validate)                                                                            \
    MEASURE(simdjson, size, bench_simdjson_parse)                                                                      \
    MEASURE(jansson, size, bench_jansson_parse)                                                                        \
    static double ajv_##size(void)                                                                                     \
    {                                                                                                                  \
        return bench_ajv_ns(TASKS_##size);                                                                             \
    }

SIZE(300)
SIZE(1K)
SIZE(4K)

#define ROW(size, other, what, limit)                                                                                  \
    .name = "schema_" #size "_" #other, .metric = "parse and validate a task of so many bytes", .unit = "ns",          \
    .measure = weft_##size, .against = what, .measure_against = other##_##size, .goal = limit, .at_most = 1,           \
    .rounds = 21

#define ROW_AJV(size)                                                                                                  \
    {                                                                                                                  \
        ROW(size, ajv, "JSON.parse and a compiled ajv, in node", 0.4), .missing = bench_ajv_missing                    \
    }
#define ROW_SIMDJSON(size)                                                                                             \
    {                                                                                                                  \
        ROW(size, simdjson, "simdjson's DOM parse alone", 2.5)                                                         \
    }
#define ROW_JANSSON(size)                                                                                              \
    {                                                                                                                  \
        ROW(size, jansson, "jansson's parse alone", 1 / 6.0)                                                           \
    }

const struct bench bench_against[] = {
    ROW_AJV(300),     ROW_AJV(1K),      ROW_AJV(4K),     ROW_SIMDJSON(300), ROW_SIMDJSON(1K),
    ROW_SIMDJSON(4K), ROW_JANSSON(300), ROW_JANSSON(1K), ROW_JANSSON(4K),   {0}};
