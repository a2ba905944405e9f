/* json_tasks.h: task documents to parse and validate, alike and different: strings, numbers, a nested object, an
 * array. */
#ifndef WEFT_TESTS_BENCH_JSON_TASKS_H
#define WEFT_TESTS_BENCH_JSON_TASKS_H

#include <stddef.h>
#include <stdint.h>

enum { JSON_TASKS = 32 };

struct json_tasks {
    char *texts[JSON_TASKS]; /* with room behind their ends, as simdjson needs */
    size_t sizes_bytes[JSON_TASKS];
};

#ifdef __cplusplus
extern "C" {
#endif

/* Compact documents of about so many bytes, the same in each run. Lends, for the run. size_bytes: 300, 1024 or 4096. */
const struct json_tasks *bench_json_tasks(size_t size_bytes);

/* The time that parse takes for one of them, in ns of this thread: it is given each of them, again and again. */
double bench_json_parse_ns(const struct json_tasks *tasks, void (*parse)(const char *text, size_t size_bytes));

/* In simdjson.cc: parses to its DOM. */
void bench_simdjson_parse(const char *text, size_t size_bytes);

/* In jansson.c: parses, refusing keys that stand twice, and frees. */
void bench_jansson_parse(const char *text, size_t size_bytes);

#ifdef __cplusplus
}
#endif

#endif
