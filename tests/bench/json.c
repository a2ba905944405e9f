/* Parsing alone, of tasks, against simdjson's DOM (which checks no duplicate keys, and whose text has room behind it) and
 * jansson. What is wanted of parsing and validating together is in against.c. */
#include "bench.h"
#include "schema/json.h"
#include "tasks.h"

static void parse(weft_bytes text)
{
    static const struct json_limits limits = {1u << 20, 256, false};
    static struct json_parser parser;
    struct json_doc doc;
    struct json_fault fault;
    if (!parser.mem) weft__json_parser_init(&parser, &weft__mem_libc, 20261121);
    if (weft__json_parse(&parser, text.data, text.size, &limits, &doc, &fault)) bench_die(fault.sentence);
}

#define MEASURE(who, size, take)                                                                                       \
    static double who##_##size(void)                                                                                   \
    {                                                                                                                  \
        return bench_tasks_ns(TASKS_##size, take);                                                                     \
    }

#define SIZE(size)                                                                                                     \
    MEASURE(weft, size, parse)                                                                                         \
    MEASURE(simdjson, size, bench_simdjson_parse)                                                                      \
    MEASURE(jansson, size, bench_jansson_parse)

SIZE(300)
SIZE(1K)
SIZE(4K)

#define ROW(size, other, limit)                                                                                        \
    {                                                                                                                  \
        .name = "json_parse_" #size "_" #other, .metric = "a task of so many bytes to the tape", .unit = "ns",         \
        .measure = weft_##size, .against = #other, .measure_against = other##_##size, .goal = limit, .at_most = 1,     \
        .rounds = 21                                                                                                   \
    }

const struct bench bench_json[] = {ROW(300, simdjson, 1.5),
                                   ROW(1K, simdjson, 1.5),
                                   ROW(4K, simdjson, 1.5),
                                   ROW(300, jansson, 0.1),
                                   ROW(1K, jansson, 0.1),
                                   ROW(4K, jansson, 0.1),
                                   {0}};
