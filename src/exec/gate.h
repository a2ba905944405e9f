/* gate.h: the way into the core and out again.
 *
 *     now = weft__enter(node);      locks, then reads the clock
 *     ... entries of the core ...
 *     weft__leave(node);            takes what is to be done, unlocks, does it, and the core's further steps
 *
 * What the core decided under its lock is done after it: waiters are woken, links of ended participants are disarmed.
 * No system call is made, and no user's code runs, while the lock is held. */
#ifndef WEFT_EXEC_GATE_H
#define WEFT_EXEC_GATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <weft/types.h>

#include "base/list.h"
#include "base/park.h"
#include "core/core.h"
#include "exec/inline.h"

/* Who waits for the core: a thread that parks, or a host's loop that watches an eventfd. A parked thread's waiter is used
 * once a wait; an eventfd's is left again whenever the host has found nothing. */
struct waiter {
    struct core_waiter core;  /* on a list of the core's or of the node's while it waits (l) */
    struct list_node on_node; /* in node->callers while its call blocks (l) */
    struct waiter *next;      /* of those that one departure wakes: its alone */
    struct park park;
    int fd;                               /* -1: a thread parks */
    void (*woken)(struct waiter *waiter); /* set: it is called instead, outside; no fd, nobody parks */
    atomic_bool taken;                    /* to be woken: `next` is in use, and the fd will be written */
    atomic_uint writers; /* departures that have yet to write the fd, twice each; 1 more: its owner waits for them */
};

void weft__waiter_init(struct waiter *waiter);

/* Leaves an eventfd's waiter on the destination, or writes the fd where there is something already. Takes the place of
 * weft__leave. Where the fd will be written all the same the host has another look to come, so that none is lost. */
void weft__leave_watching(weft_node *node, struct core_dest *dest, struct waiter *waiter);

/* The waiter's eventfd, opened at the first call, and left on the destination. False: errno says why. */
bool weft__waiter_watch(weft_node *node, struct core_dest *dest, struct waiter *waiter, int *fd);

/* Takes it back, waits for a write under way, closes the eventfd. Harmless where none is open. */
void weft__waiter_close(weft_node *node, struct waiter *waiter);

/* Who leaves: what it may do. */
enum leaver {
    LEAVER_BARE = 0, /* leaves inline tasks to others */
    LEAVER_USER,     /* a user's thread: runs inline tasks */
    LEAVER_INSIDE,   /* one of weft's: hands them to the default group, unless a user's thread is about to run them */
    LEAVER_FIRED     /* inside `fired`: the same, and disarms nothing: Note CROSSWISE of participant.c */
};

/* What one or more holds of the lock left to be done. */
struct departure {
    enum leaver leaver;
    struct waiter *wakes;
    struct list_node ended; /* participants */
    bool more;              /* the core has work */
    bool inline_move;       /* there are inline tasks for the default group */
    size_t inline_count;    /* inline tasks that this thread runs: */
    struct core_task *inline_tasks[INLINE_MAX];
};

/* Locks the core and returns the time, which is read after that. */
uint64_t weft__enter(weft_node *node);

/* Unlocks and does what is to be done, as LEAVER_USER, _INSIDE and _BARE. */
void weft__leave(weft_node *node);
void weft__leave_inside(weft_node *node);
void weft__leave_bare(weft_node *node);

/* From here on this thread leaves as one of weft's where it would as a user's: one that is, and one that makes calls of the public
 * interface that somebody elsewhere has asked for. false: no more. What it was. */
bool weft__gate_own(bool own);

/* When a call that got timeout_ms gives up; WEFT_FOREVER: never. */
uint64_t weft__deadline(uint64_t now_ns, uint32_t timeout_ms);

/* A call that may block, and the `fired` of a link, is counted while it is inside, so that closing can wait for it:
 * begin in its first hold of the lock; the last hold ends with leave_call, or leave_fired, after which the node may be
 * gone. */
void weft__call_begin(weft_node *node);
void weft__leave_call(weft_node *node);

/* Around a call of many holds that waits for nobody. */
void weft__call_open(weft_node *node);
void weft__call_close(weft_node *node);
void weft__leave_fired(weft_node *node);

/* The same as LEAVER_BARE in two halves, for who holds another lock: depart unlocks, act does. */
void weft__departure_init(struct departure *departure);
void weft__depart(weft_node *node, struct departure *departure);
void weft__act(weft_node *node, struct departure *departure);

/* Called inside, the waiter left on some list: leaves, parks, enters again; *now is the time then. False: the deadline
 * has passed, and the waiter was taken back. True: woken; look again. */
bool weft__wait(weft_node *node, struct waiter *waiter, uint64_t deadline_ns, uint64_t *now_ns);

/* The same for weft's own threads, called outside after the waiter was left; returns outside, in either case. leading: for one
 * that runs handlers: of a client node it may read meanwhile. */
void weft__sleep(weft_node *node, struct waiter *waiter, uint64_t deadline_ns);
void weft__sleep_leading(weft_node *node, struct waiter *waiter, uint64_t deadline_ns);

/* Inside: what gathers for the other node leaves now, by who leaves the core: before a thread sleeps, since nobody else may
 * have something for it soon. */
void weft__hurry(weft_node *node);

/* Inside: wakes one that was left, if it still waits; all blocked calls; all that wait for a change of the shell's own
 * state (weft__await leaves one). */
void weft__waiter_wake(weft_node *node, struct waiter *waiter);
void weft__wake_callers(weft_node *node);
void weft__await(weft_node *node, struct waiter *waiter);
void weft__changed(weft_node *node);

#endif
