/* role.h: what the processes of a race do, but for the server. */
#ifndef WEFT_TESTS_BENCH_PEERS_ROLE_H
#define WEFT_TESTS_BENCH_PEERS_ROLE_H

#include "contender.h"

enum { SUBSCRIBERS = 4 };

/* The arguments of every role, in this order behind its name. */
struct role {
    const struct contender *contender;
    int port;
    int payload;
    int window;     /* dispatches outstanding; for idle workers: how many */
    double seconds; /* to measure */
    int index;      /* of a subscriber */
};

/* Runs `bench-peers --role NAME ...`; never returns. Client, publisher and idle say one line with their figures, worker
 * and subscriber "ready", who holds a task also "took" and when, in ns. */
__attribute__((noreturn)) void role_run(int argc, char **argv);

#endif
