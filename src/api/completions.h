/* completions.h: what the other entry points need of a queue of outcomes. */
#ifndef WEFT_API_COMPLETIONS_H
#define WEFT_API_COMPLETIONS_H

#include <weft/dispatch.h>

#include "core/core.h"
#include "exec/gate.h"

struct weft_completions {
    weft_node *node;            /* (c) */
    uint32_t outstanding_max;   /* (c) */
    uint32_t outstanding_count; /* (l) admitted and not fetched */
    struct core_dest dest;      /* (l) */
    struct waiter watch;        /* with the eventfd, where one was asked for */
    struct list_node on_node;   /* (l) */
};

/* Closes its eventfd and frees the handle. The core knows it no more; it stands on no list. */
void weft__completions_free(weft_completions *completions);

#endif
