/* The simulation's events a second in small worlds, all invariants checked after each. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double small_worlds(void)
{
    const char *program = getenv("WEFT_SIM");
    char command[4096], line[4096];
    double per_second = 0;
    snprintf(command, sizeof(command), "%s --world small --seed 1 --events 3000000 --json",
             program ? program : "build/release/sim");
    FILE *pipe = popen(command, "r");
    if (!pipe) bench_die("run the simulation");
    while (fgets(line, sizeof(line), pipe)) {
        const char *at = strstr(line, "\"events_per_second\":");
        if (at) per_second = atof(at + strlen("\"events_per_second\":"));
    }
    if (pclose(pipe) || per_second <= 0) bench_die("the simulation failed: run `make sim`");
    return per_second;
}

const struct bench bench_simulation[] = {{.name = "simulation",
                                          .metric = "events in small worlds, every invariant after each",
                                          .unit = "events/s",
                                          .measure = small_worlds,
                                          .against = "a million a second",
                                          .goal = 1e6,
                                          .rounds = 5},
                                         {0}};
