/* callbacks.h: the callback thread of a node: calls users' `ended` and `cancelled` functions and the node's hooks, one
 * at a time, in the order in which the core decided. It is started when somebody first needs it. */
#ifndef WEFT_EXEC_CALLBACKS_H
#define WEFT_EXEC_CALLBACKS_H

#include <pthread.h>

#include <weft/dispatch.h>

#include "core/core.h"
#include "exec/gate.h"

struct callbacks {
    struct core_dest dest;
    struct waiter waiter;
    pthread_t thread;
    bool started;  /* (n) */
    bool stopping; /* (l) */
    bool calling;  /* (l) it makes the calls that it took */
    bool ended;    /* (l) the thread has made its last call */
};

typedef void (*ended_function)(const weft_reply *reply, void *context);

void weft__callbacks_init(struct callbacks *callbacks);

/* WEFT_ESYSTEM, errno says why. Takes the node's lock. */
weft_error weft__callbacks_start(weft_node *node);

/* Lets it end when everything is delivered. False: it has not by the deadline. Inside, and enters anew; no task is held
 * and no dispatch open. */
bool weft__callbacks_finish(weft_node *node, uint64_t deadline_ns);

/* After finish: joins it. */
void weft__callbacks_stop(weft_node *node);

/* Asks for the call; makes it at once, in this thread, where the task is cancelled already. The thread was started.
 * WEFT_EINVAL: settled, or a callback is set. */
weft_error weft__callbacks_on_cancel(struct core_task *task, void (*cancelled)(weft_task *task, void *context),
                                     void *context);

/* A function in a context pointer, which POSIX lets pass. */
static inline void *weft__ended_pack(ended_function ended)
{
    return (void *)(uintptr_t)ended;
}

#endif
