/* report.h: what the rounds of a row gave, as a table or as JSON, and whether weft reaches what it is to reach. */
#ifndef WEFT_TESTS_BENCH_PEERS_REPORT_H
#define WEFT_TESTS_BENCH_PEERS_REPORT_H

#include "race.h"

enum { CONTENDERS_MAX = 32, ROUNDS_MAX = 99 };

struct result {
    const struct contender *contender;
    double values[FIGURES_MAX][ROUNDS_MAX]; /* the first is NAN where there is no such figure */
    bool lost;                              /* a heat failed: none of its figures count */
};

struct report {
    const struct row *row;
    const struct result *results;
    int count, rounds;
    const char *against; /* whom the ratios are to; NULL: weft, or where that is not raced the best peer */
    bool json;
};

void report_print(const struct report *report);

/* What weft is to reach, from the same run. */
struct goal {
    const char *row;
    int figure;
    const char *contender;
    const char *against; /* NULL: the best of those that a user could pick instead */
    double limit;        /* of the ratio; at most, where less is better */
    double absolute;     /* in place of the ratio, of the value itself */
};

extern const struct goal goals[]; /* ends with a row without a name */

#endif
