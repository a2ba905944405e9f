/* ajv.h: JSON.parse and a compiled ajv in node, in a process of its own that measures on request: tests/bench/ajv. */
#ifndef WEFT_TESTS_BENCH_AJV_H
#define WEFT_TESTS_BENCH_AJV_H

/* Why it cannot be measured here; NULL: it can. Starts it. */
const char *bench_ajv_missing(void);

/* Nanoseconds a document of bench_tasks(size) takes there, of the time of its main thread: what other threads of node
 * help, with garbage, is not counted. */
double bench_ajv_ns(int size);

#endif
