/* tasks.h: the documents of the benches of JSON and schemas: tasks of 300 bytes, 1 KiB and 4 KiB, each in 32 variants
 * that match tests/bench/data/task.schema.json. */
#ifndef WEFT_TESTS_BENCH_TASKS_H
#define WEFT_TESTS_BENCH_TASKS_H

#include <weft/types.h>

enum { TASKS_300, TASKS_1K, TASKS_4K, TASKS_SIZES };
enum { TASK_VARIANTS = 32 };

struct tasks {
    weft_bytes variants[TASK_VARIANTS]; /* with room behind their ends, as simdjson needs */
};

#ifdef __cplusplus
extern "C" {
#endif

/* Made when they are first asked for; live as long as the process. */
const struct tasks *bench_tasks(int size);
weft_bytes bench_task_schema(void);

/* How many documents a measurement takes: each variant, again and again. */
int bench_tasks_count(int size);

/* The time of this thread that take takes for one of them, in ns, when it has been given each before. */
double bench_tasks_ns(int size, void (*take)(weft_bytes text));

/* In simdjson.cc: parses to its DOM. In jansson.c: parses, and frees. */
void bench_simdjson_parse(weft_bytes text);
void bench_jansson_parse(weft_bytes text);

#ifdef __cplusplus
}
#endif

#endif
