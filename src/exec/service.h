/* service.h: the one thread that every node has: it sleeps until something times out, and looks after batches. */
#ifndef WEFT_EXEC_SERVICE_H
#define WEFT_EXEC_SERVICE_H

#include <pthread.h>

#include "exec/gate.h"

struct service {
    pthread_t thread;
    struct waiter waiter;
    uint64_t batched_ns; /* (l) when a batch of several was taken last */
    bool guarding;       /* (l) it looks at the batches each millisecond */
    bool stopping;       /* (l) */
};

/* False: errno says why. */
bool weft__service_start(weft_node *node);
void weft__service_stop(weft_node *node);

/* It is to look after who reads (weft__lead_tick), from now on. Outside. */
void weft__service_watch(void *node);

/* A batch of several was taken. Inside. */
void weft__service_guard(weft_node *node, uint64_t now_ns);

#endif
