/* Parsing alone, of task documents, against simdjson's DOM (which checks no duplicate keys, and whose text has room
 * behind it) and jansson. What is wanted of parsing and validating together is at most 2.5 times simdjson and a sixth
 * of jansson. */
#include "bench.h"
#include "json_tasks.h"
#include "schema/json.h"

static void parse(const char *text, size_t size_bytes)
{
    static const struct json_limits limits = {1u << 20, 256, false};
    static struct json_parser parser;
    struct json_doc doc;
    struct json_fault fault;
    if (!parser.mem) weft__json_parser_init(&parser, &weft__mem_libc, 20261121);
    if (weft__json_parse(&parser, text, size_bytes, &limits, &doc, &fault)) bench_die(fault.sentence);
}

#define SIZE(bytes)                                                                                                    \
    static double weft_##bytes(void)                                                                                   \
    {                                                                                                                  \
        return bench_json_parse_ns(bench_json_tasks(bytes), parse);                                                    \
    }                                                                                                                  \
    static double simdjson_##bytes(void)                                                                               \
    {                                                                                                                  \
        return bench_json_parse_ns(bench_json_tasks(bytes), bench_simdjson_parse);                                     \
    }                                                                                                                  \
    static double jansson_##bytes(void)                                                                                \
    {                                                                                                                  \
        return bench_json_parse_ns(bench_json_tasks(bytes), bench_jansson_parse);                                      \
    }

SIZE(300)
SIZE(1024)
SIZE(4096)

#define ROW(bytes, other, limit)                                                                                       \
    {                                                                                                                  \
        .name = "json_parse_" #bytes " " #other, .metric = "a task of so many bytes to the tape", .unit = "ns",        \
        .measure = weft_##bytes, .against = #other, .measure_against = other##_##bytes, .goal = limit, .at_most = 1,   \
        .rounds = 7                                                                                                    \
    }

const struct bench bench_json[] = {ROW(300, simdjson, 1.5),
                                   ROW(1024, simdjson, 1.5),
                                   ROW(4096, simdjson, 1.5),
                                   ROW(300, jansson, 0.1),
                                   ROW(1024, jansson, 0.1),
                                   ROW(4096, jansson, 0.1),
                                   {0}};
