/* race.h: one heat: a server, its workers and a client are started, a figure is taken, and they are killed. */
#ifndef WEFT_TESTS_BENCH_PEERS_RACE_H
#define WEFT_TESTS_BENCH_PEERS_RACE_H

#include "contender.h"

enum { FIGURES_MAX = 2 };

struct figure {
    const char *name, *unit;
    bool less_is_better;
};

struct row {
    const char *name, *title;
    int payload, window, workers;
    bool own;                           /* of a crash: from when the process has ended */
    struct figure figures[FIGURES_MAX]; /* the first is the one that counts */
    bool (*takes_part)(const struct contender *contender);
    /* False, after the reason on stderr: it could not be measured. A figure that it lacks stays NAN. */
    bool (*measure)(const struct row *row, const struct contender *contender, double *values);
};

extern const struct row rows[]; /* ends with a row without a name */

/* How long a heat is measured, and how many are killed or idle in one. */
struct race_size {
    double seconds;
    int kills, idle;
};
extern struct race_size race_size;

#endif
