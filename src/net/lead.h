/* lead.h: threads that wait for what a pipe brings read it themselves, one at a time.
 *
 * A client's thread that has nothing to do but wait would be woken by the thread that reads. So it reads: the one that leads has the
 * pipe, and calls its function, until what it waits for has come; the others (followers) sleep, and the next of them leads
 * when it has left. That saves a switch of threads each way, half of what a round trip costs a client. Where nobody waits for
 * a moment (weft__lead_tick) the transport's threads read on; and they do all along where little comes. */
#ifndef WEFT_NET_LEAD_H
#define WEFT_NET_LEAD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/lock.h"
#include "base/park.h"

struct pipe;

/* Who may lead in turn. */
struct lead {
    struct lock lock;
    struct pipe *pipe; /* under the lock, as is what follows: has a read that somebody is to do; NULL = there is none */
    bool led;          /* somebody has it */
    struct list_node followers; /* who sleeps */
    uint32_t waits_count;       /* how often somebody has begun to wait; */
    uint32_t waits_seen;        /* and had when a read was offered last */
    bool shared;                /* a host's loop waits for what comes, too: no read is left to who may come */
    uint32_t turns_count;       /* how often somebody has led */
    uint32_t turns_seen;        /* at the last tick */
    uint64_t busy_ns;           /* at a tick: when there was a new one */
    int seat;                   /* among those that the process has; -1 = none: nobody leads */
    atomic_bool watched;        /* ticks come */
    void (*watch)(void *context);
    void *context;
};

/* watch: outside, any thread: weft__lead_tick is to be called each millisecond or so, as long as it returns true. */
void weft__lead_init(struct lead *lead, void (*watch)(void *context), void *context);
void weft__lead_fini(struct lead *lead); /* no pipe is left */

/* As weft__park, and reads meanwhile. Not from a function of a pipe's, nor under a lock; what the pipe's function does the
 * caller does. */
bool weft__lead_park(struct lead *lead, struct park *park, uint64_t deadline_ns);

/* From now on what comes may be for somebody who waits elsewhere, in a loop of the host's. */
void weft__lead_share(struct lead *lead);

bool weft__lead_tick(struct lead *lead, uint64_t now_ns);

#endif
