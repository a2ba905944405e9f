/* bench.h: how fast, against what, in one run. Machines are shared and noisy: a figure and what it is measured against
 * are taken in turn, round by round, and the ratio is the median of the rounds' ratios. */
#ifndef WEFT_TESTS_BENCH_H
#define WEFT_TESTS_BENCH_H

#include <stddef.h>
#include <stdint.h>

#include <weft/types.h>

struct bench {
    const char *name;
    const char *metric;
    const char *unit;
    double (*measure)(void);
    const char *against;             /* what the ratio's divisor is; NULL = none */
    double (*measure_against)(void); /* NULL = `goal` itself */
    double goal;                     /* of the ratio */
    int at_most;                     /* the goal is an upper bound, not a lower one */
    int rounds;
    const char *(*missing)(void); /* why it cannot be measured here, or NULL; NULL = it always can */
};

/* One table for each file of this directory; ends with a row without a name. */
extern const struct bench bench_select[], bench_round_trip[], bench_throughput[], bench_fanout[], bench_simulation[],
    bench_memory[], bench_inspect[], bench_links[], bench_contract[], bench_json[], bench_schema[], bench_against[],
    bench_frame[], bench_net[], bench_line[], bench_client[], bench_back[];

uint64_t bench_now_ns(void);
int bench_by_time(const void *a, const void *b); /* for qsort: uint64_t, rising */

/* throughput.c: dispatches a second to a callback worker on that channel and back, 512 outstanding; closes the node. */
double bench_outstanding(weft_node *node, const char *channel, const weft_bytes *payloads, size_t payloads_count);

/* Fails the run with a sentence. */
__attribute__((noreturn)) void bench_die(const char *what);

#endif
