/* neighbours.cc: see neighbours.h. */
#include "neighbours.h"

#include <vector>

#include <jansson.h>
#include <simdjson.h>

extern "C" {
#include "bench.h"
}
#include "tasks.h"

double bench_simdjson_ns(int size)
{
    static simdjson::dom::parser parser;
    static std::vector<simdjson::padded_string> padded[TASKS_SIZES];
    std::vector<simdjson::padded_string> &texts = padded[size];
    if (texts.empty())
        for (const weft_bytes &variant : bench_tasks(size)->variants)
            texts.emplace_back(static_cast<const char *>(variant.data), variant.size);
    int count = bench_tasks_count(size);
    uint64_t start_ns = bench_now_ns();
    for (int i = 0; i < count; i++)
        if (parser.parse(texts[static_cast<size_t>(i % TASK_VARIANTS)]).error()) bench_die("simdjson");
    return static_cast<double>(bench_now_ns() - start_ns) / count;
}

double bench_jansson_ns(int size)
{
    const struct tasks *tasks = bench_tasks(size);
    int count = bench_tasks_count(size);
    uint64_t start_ns = bench_now_ns();
    for (int i = 0; i < count; i++) {
        weft_bytes text = tasks->variants[i % TASK_VARIANTS];
        json_t *tree = json_loadb(static_cast<const char *>(text.data), text.size, 0, nullptr);
        if (!tree) bench_die("jansson");
        json_decref(tree);
    }
    return static_cast<double>(bench_now_ns() - start_ns) / count;
}
