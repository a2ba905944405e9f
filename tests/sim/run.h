/* run.h: many worlds one after another, each with the next seed. */
#ifndef WEFT_SIM_RUN_H
#define WEFT_SIM_RUN_H

#include <stdio.h>

#include "sim/world.h"

struct sim_options {
    uint64_t seed;         /* of the first world; each world's seed follows from that of the one before */
    uint64_t events_max;   /* 0 = no bound */
    uint64_t milliseconds; /* 0 = no bound */
    enum world_size size;
    FILE *trace;    /* NULL = none */
    FILE *progress; /* a line every some seconds; NULL = none */
};

struct sim_report {
    uint64_t seed;           /* of the world that failed */
    uint64_t worlds, events; /* in all */
    uint64_t world_events;   /* of the last world */
    uint64_t nanoseconds;
    char failure[1100]; /* "" = none */
};

/* False: a promise was broken, and report says which, and where. */
bool sim_run(const struct sim_options *options, struct sim_report *report);

/* Prints what was not met so far, of all that is worth meeting (cover.h). How many that are. */
unsigned sim_uncovered(FILE *file);

/* The world that runs now, for who is told by a signal that it has stopped the process: its seed, its events, and those
 * of all worlds. */
uint64_t sim_seed_now(uint64_t *events, uint64_t *all_events);

const char *sim_size_name(enum world_size size);

#endif
