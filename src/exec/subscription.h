/* subscription.h: what is behind a subscription's handle. */
#ifndef WEFT_EXEC_SUBSCRIPTION_H
#define WEFT_EXEC_SUBSCRIPTION_H

#include <weft/event.h>

#include "core/core.h"
#include "exec/gate.h"

struct weft_subscription {
    weft_node *node;                                       /* all set when it is made, but for what says (l) */
    uint64_t handle;                                       /* of the core's */
    void (*heard)(const weft_event *event, void *context); /* NULL: it pulls */
    void (*ended)(weft_error why, void *context);          /* NULL: nobody wants to know */
    void *context;
    struct list_node on_node; /* (l) */
    struct core_dest inbox;   /* pull: stands for what waits in the core */
    struct waiter watch;      /* pull: with the eventfd, where one was asked for */
    uint32_t callers_count;   /* (l) calls inside that wait on it */
    bool end_told;            /* (l) of a client node: to the node */
    char pattern[WEFT_CHANNEL_NAME_MAX + 1];
};

/* The event as the public header has it. Gives the entry's reference. */
void weft__event_fill(weft_event *event, const struct inbox_entry *entry);

#endif
