/* worker.h: what the other entry points need of a worker's. */
#ifndef WEFT_API_WORKER_H
#define WEFT_API_WORKER_H

#include "exec/worker.h"

/* Closes its eventfd, frees its state and the handle. No task of it is left, and it stands on no list. */
void weft__worker_free(weft_worker *worker);

#endif
