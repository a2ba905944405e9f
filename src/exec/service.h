/* service.h: the one thread that every node has: it sleeps until something times out, and looks after batches. */
#ifndef WEFT_EXEC_SERVICE_H
#define WEFT_EXEC_SERVICE_H

#include <pthread.h>

#include "exec/gate.h"

struct service {
    pthread_t thread;
    struct waiter waiter;
    uint32_t batches_count; /* (l) of several tasks, that are neither handed in nor unloaded */
    uint64_t guarded_ns;    /* (l) when there was cause to guard last */
    bool guarding;          /* (l) it looks at the batches each millisecond */
    bool stopping;          /* (l) */
};

/* False: errno says why. */
bool weft__service_start(weft_node *node);
void weft__service_stop(weft_node *node);

/* It is to look after who reads (weft__lead_tick), from now on. Outside. */
void weft__service_watch(void *node);

/* It is to look in a millisecond, at the latest. Inside. */
void weft__service_guard(weft_node *node, uint64_t now_ns);

#endif
