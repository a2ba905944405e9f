/* worker.h: what is behind a registration's handle. */
#ifndef WEFT_EXEC_WORKER_H
#define WEFT_EXEC_WORKER_H

#include <weft/worker.h>

#include "core/core.h"
#include "exec/gate.h"

/* What only a pull worker needs. */
struct pull {
    struct core_dest inbox; /* its tasks */
    struct waiter watch;    /* with the eventfd, where one was asked for */
};

struct weft_worker {
    weft_node *node;      /* all set at registration, but for what says (l) */
    uint64_t handle;      /* of the core's */
    weft_handler handler; /* NULL: a pull worker */
    void *context;
    void (*state_free)(void *state); /* NULL: the context is the user's */
    struct list_node on_node;        /* (l) */
    struct pull *pull;               /* NULL: it has a handler */
    uint32_t callers_count;          /* (l) calls inside that wait on it */
    bool end_told;                   /* (l) of a client node: to the node */
    char channel[];
};

#endif
