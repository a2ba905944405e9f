/* tasks.h: the documents of the benches of JSON and schemas: tasks of 300 bytes, 1 KiB and 4 KiB, each in 32 variants that
 * match tests/bench/data/task.schema.json. */
#ifndef WEFT_TESTS_BENCH_TASKS_H
#define WEFT_TESTS_BENCH_TASKS_H

#include <weft/types.h>

enum { TASKS_300, TASKS_1K, TASKS_4K, TASKS_SIZES };
enum { TASK_VARIANTS = 32 };

struct tasks {
    const char *name; /* "300 B" */
    weft_bytes variants[TASK_VARIANTS];
};

#ifdef __cplusplus
extern "C" {
#endif

/* Made when they are first asked for; live as long as the process. */
const struct tasks *bench_tasks(int size);
weft_bytes bench_task_schema(void);

/* Documents a round shall go through: some milliseconds' work, for whom it is slowest. A multiple of TASK_VARIANTS. */
int bench_tasks_count(int size);

#ifdef __cplusplus
}
#endif

#endif
