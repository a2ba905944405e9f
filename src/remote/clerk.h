/* clerk.h: the thread of a listening node for what its guests ask and cannot have at once: listings, which take a while, and
 * waiting for something. So the threads that read go on reading.
 *
 *     take -> ready --run--> answered
 *               ^      \--> waits (in the core, for a change) --woken, or its time is over--> ready
 *
 * What waits costs no thread: it leaves a waiter in the core. All of a job but its place in `ready` is the clerk's own. */
#ifndef WEFT_REMOTE_CLERK_H
#define WEFT_REMOTE_CLERK_H

#include <pthread.h>

#include "base/heap.h"
#include "base/list.h"
#include "base/lock.h"
#include "base/park.h"
#include "frame/frame.h"

struct ask_row;
struct session;

enum { CLERK_JOBS_MAX = 4096, CLERK_SHARE_MAX = 1024 /* of one session */ };

struct clerk {
    weft_node *node;
    struct lock lock;
    struct list_node ready; /* (k) under the lock, as are all of these */
    struct list_node jobs;  /* (k) all there are */
    uint32_t jobs_count;    /* (k) */
    struct heap due;        /* (k) of those that wait, by their deadlines */
    bool started, stopping; /* (k) */
    struct park *closer;    /* (k) who waits for the last job */
    struct park park;
    pthread_t thread;
};

void weft__clerk_init(struct clerk *clerk, weft_node *node);

/* Takes a job: an ask of the session's; its body is copied. timeout_ms: where it has to wait, from now. WEFT_ENOMEM; WEFT_ELIMIT:
 * there are CLERK_JOBS_MAX, or CLERK_SHARE_MAX of this session; WEFT_ESYSTEM: no thread; WEFT_ECLOSED: also where the session is
 * over. */
weft_error weft__clerk_take(struct clerk *clerk, struct session *session, const struct ask_row *row,
                            const struct frame_ask *ask, uint32_t timeout_ms);

/* The session is over: nothing more is done for it, nor taken. */
void weft__clerk_forget(struct clerk *clerk, struct session *session);

/* finish: waits until there is no job, or the deadline. stop: all jobs end, unanswered, and no more are taken; then its thread is
 * gone. fini: when no session is left that could ask. */
void weft__clerk_fini(struct clerk *clerk);
void weft__clerk_finish(struct clerk *clerk, uint64_t deadline_ns);
void weft__clerk_stop(struct clerk *clerk);

#endif
