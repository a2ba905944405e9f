/* group.h: executor groups: the threads that run handlers.
 *
 * The core hands a group at most `limit` tasks at a time:
 *
 *     limit = (threads that may run (target) - turns) x tasks that each takes ahead + handlers that are blocked in weft
 *
 * target is the group's own threads and the host's lent ones. turns are threads that call for a subscriber (turn.c) and
 * are not blocked themselves. A blocked handler, or subscriber, has its thread replaced by a spare or a new one, up to
 * threads_max; when it goes on, there is one thread too many, and the next to finish becomes a spare. */
#ifndef WEFT_EXEC_GROUP_H
#define WEFT_EXEC_GROUP_H

#include <pthread.h>

#include <weft/group.h>

#include "core/core.h"
#include "exec/batch.h"
#include "exec/gate.h"

enum { GROUP_THREADS_MAX = 4096 };

struct weft_group {
    struct core_group core;        /* (l) */
    weft_node *node;               /* (c) */
    char name[WEFT_NAME_MAX + 1];  /* (c) */
    uint32_t threads, threads_max; /* (c) */
    uint32_t batch_max;            /* (c) */
    struct list_node on_node;      /* (n) */
    struct list_node executors;    /* (n) */
    uint32_t started_count;        /* (n) own threads, spares included */
    struct list_node spares;       /* (l) waiters of parked ones */
    uint32_t target;               /* (l) */
    uint32_t running_count;        /* (l) threads neither blocked nor spare */
    uint32_t blocked_count;        /* (l) handlers */
    uint32_t turns_count;          /* (l) */
    uint32_t lent_count;           /* (l) threads of the host's inside */
    uint32_t ahead;                /* (l) 1, or batch_max while handlers are quick */
    uint32_t quick_count;          /* (l) quick handlers in a row */
    bool stopping;                 /* (l) */
};

struct executor {
    weft_group *group;
    pthread_t thread;          /* own ones */
    bool lent;                 /* the host's thread */
    struct list_node on_group; /* (n) */
    struct waiter waiter;
    struct batch batch;
    struct harvest harvest; /* its thread's; so are the next */
    bool hearing;           /* it is in a turn: */
    bool hears_slowly;
    struct core_subscription *hears;
    bool heard_last; /* what it did last was a turn: a task comes before the next */
    int yields;      /* so often it lets others run before it sleeps */
};

/* Makes a group and adds it to the core; starts no thread. WEFT_ENOMEM, WEFT_ELIMIT, WEFT_ECLOSED. Free: nothing of it
 * runs. */
weft_error weft__group_new(weft_node *node, const char *name, uint32_t threads, uint32_t threads_max,
                           uint32_t batch_max, weft_group **group);
void weft__group_free(weft_group *group);

/* Starts its threads, if they are not there. WEFT_ESYSTEM, errno says why; WEFT_ENOMEM. Blocks for the starts. */
weft_error weft__group_start(weft_group *group);

/* Ends its threads and joins them. No task is in its hands, none comes any more. */
void weft__group_stop(weft_group *group);

/* Runs handlers in the calling thread until the deadline, or until the node is closed. */
void weft__group_lend_host(weft_group *group, uint64_t deadline_ns);

/* A handler was slow: each thread takes one task at a time again. Inside. */
void weft__group_slow(weft_group *group, uint64_t now_ns);

/* Before and after a handler blocks in a call on the node: puts another thread in its place, in its own group, which
 * may be one of another node. Nothing where the calling thread is in no handler (*lent NULL). WEFT_EDEADLK: no thread
 * to be had, an inline handler, or the callback thread of the node. In `updated`, called by a call that has lent it:
 * nothing either. */
weft_error weft__lend(weft_node *node, struct executor **lent);
void weft__lend_end(struct executor *lent);

/* Whether the calling thread is in an inline handler, or the callback thread of the node: others wait for it. */
bool weft__must_not_wait(weft_node *node);

/* Unloads the batches that a slow handler holds up. What is to be done comes into the departure. Takes the node's
 * lock. */
void weft__groups_guard(weft_node *node, uint64_t now_ns, struct departure *departure);

#endif
