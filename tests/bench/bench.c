/* bench: prints a table, and with --json one object a line: {"bench", "metric", "value", "unit", "against", "ratio"}.
 * Words on the command line choose benches whose name contains one of them. */
#include "bench.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <weft/weft.h>

enum { ROUNDS_MAX = 64 };

static const struct bench *const tables[] = {
    bench_round_trip, bench_throughput, bench_fanout,   bench_select, bench_simulation, bench_memory,
    bench_inspect,    bench_links,      bench_contract, bench_json,   bench_schema,     bench_against,
    bench_frame,      bench_net,        bench_line,     bench_client, bench_back};

int bench_by_time(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

uint64_t bench_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

void bench_die(const char *what)
{
    fprintf(stderr, "bench: %s: %s\n", what, weft_error_message());
    exit(1);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof(*values), by_value);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

static void run(const struct bench *bench, bool json)
{
    const char *missing = bench->missing ? bench->missing() : NULL;
    if (missing) {
        fprintf(stderr, "%s: not measured: %s\n", bench->name, missing);
        return;
    }
    double values[ROUNDS_MAX], others[ROUNDS_MAX], ratios[ROUNDS_MAX];
    for (int i = 0; i < bench->rounds; i++) {
        values[i] = bench->measure();
        others[i] = bench->measure_against ? bench->measure_against() : bench->goal;
        ratios[i] = values[i] / others[i];
    }
    double ratio = median(ratios, bench->rounds), other = median(others, bench->rounds);
    double value = median(values, bench->rounds), least = values[0], most = values[bench->rounds - 1];
    double goal = bench->measure_against ? bench->goal : 1;
    bool holds = bench->at_most ? ratio <= goal : ratio >= goal;
    if (json) {
        printf("{\"bench\": \"%s\", \"metric\": \"%s\", \"value\": %.1f, \"unit\": \"%s\", \"against\": \"%s\", "
               "\"ratio\": %.3f}\n",
               bench->name, bench->metric, value, bench->unit, bench->against, ratio);
    } else {
        printf("%-30s %12.1f %-13s [%.1f .. %.1f]\n%30s %12.1f %-13s %s\n%30s %12.2f %-13s (wanted: %s %.2f)\n",
               bench->name, value, bench->unit, least, most, "against", other, bench->unit, bench->against, "ratio",
               ratio, holds ? "holds" : "DOES NOT HOLD", bench->at_most ? "at most" : "at least", goal);
    }
    fflush(stdout);
}

static bool chosen(const char *name, int argc, char **argv)
{
    bool any = false;
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] == '-') continue;
        any = true;
        if (strstr(name, argv[i])) return true;
    }
    return !any;
}

int main(int argc, char **argv)
{
    bool json = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            json = true;
        } else if (argv[i][0] == '-') {
            printf("usage: bench [--json] [WORD...]\n\nMeasures all benches, or those whose name contains a WORD.\n");
            return strcmp(argv[i], "--help") != 0;
        }
    }
    for (size_t t = 0; t < sizeof(tables) / sizeof(*tables); t++)
        for (const struct bench *bench = tables[t]; bench->name; bench++)
            if (chosen(bench->name, argc, argv)) run(bench, json);
    return 0;
}
