/* park.h: one thread sleeps, another wakes it. A permit that is given before the sleep is not lost, and giving twice is
 * giving once. Linux futex(2). The sleeper owns the memory; a waker may touch the word's address (never its contents)
 * after the sleeper has gone on: a stray FUTEX_WAKE on a reused address is a spurious wake-up, which every caller of
 * park must expect. */
#ifndef WEFT_BASE_PARK_H
#define WEFT_BASE_PARK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define PARK_FOREVER UINT64_MAX

struct park {
    atomic_uint word; /* 0 = empty, 1 = permit given, 2 = asleep, 3 = nudged, beyond: its seat elsewhere */
};

void weft__park_init(struct park *park);

/* Sleeps until a permit is there, then takes it: true. False: the deadline (CLOCK_MONOTONIC ns) has passed, and no
 * permit was taken. Synchronizes with the unpark it took. Only one thread parks on a word at a time. */
bool weft__park(struct park *park, uint64_t deadline_ns);

/* Gives the permit; a syscall only where the other sleeps. Any thread. */
void weft__unpark(struct park *park);

/* Makes a sleeper return false before the deadline, or the owner that is about to sleep; by who knows that the memory is there.
 * settled: a nudge that the owner has not slept on is forgotten; none can come meanwhile. */
void weft__nudge(struct park *park);
void weft__nudge_settled(struct park *park);

/* The owner waits elsewhere, as number `seat`: whoever gives the permit calls weft__park_rouse with that. False: it was given
 * already, and was not taken. back: it waits there no more; true: the permit was given, and was not taken. */
bool weft__park_away(struct park *park, unsigned seat);
bool weft__park_back(struct park *park);
bool weft__park_given(const struct park *park);
extern void (*_Atomic weft__park_rouse)(
    unsigned seat); /* set before the first is away; may come late, for another that sits there */

#endif
