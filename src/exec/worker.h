/* worker.h: what is behind a registration's handle. */
#ifndef WEFT_EXEC_WORKER_H
#define WEFT_EXEC_WORKER_H

#include <weft/worker.h>

#include "core/core.h"
#include "exec/gate.h"

struct weft_worker {
    weft_node *node;      /* all set at registration, but for what says (l) */
    uint64_t handle;      /* of the core's */
    weft_handler handler; /* NULL: a pull worker */
    void *context;
    void (*state_free)(void *state); /* NULL: the context is the user's */
    struct list_node on_node;        /* (l) */
    struct core_dest inbox;          /* pull: its tasks */
    struct waiter watch;             /* pull: with the eventfd, where one was asked for */
    uint32_t callers_count;          /* (l) calls inside that wait on it */
    char channel[WEFT_CHANNEL_NAME_MAX + 1];
};

#endif
