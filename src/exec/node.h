/* node.h: a node, as the rooms of the shell see it.
 *
 * Fields by who may touch them: (c) set at open; (n) under the node's lock; (l) under the core's; others guard
 * themselves. Locks are taken in the order node, batch, core. */
#ifndef WEFT_EXEC_NODE_H
#define WEFT_EXEC_NODE_H

#include <weft/node.h>

#include "base/lock.h"
#include "base/mem.h"
#include "core/core.h"
#include "exec/callbacks.h"
#include "exec/contract.h"
#include "exec/gate.h"
#include "exec/group.h"
#include "exec/service.h"
#include "link/process.h"

struct weft_node {
    struct mem mem;            /* (c) */
    struct core *core;         /* (c) the pointer; (l) what it points to */
    weft_participant *process; /* (c) on whom hangs what names nobody else */
    weft_group *group;         /* (c) the default group */
    weft_hooks hooks;          /* (c) */

    struct lock lock;
    struct list_node groups; /* (n) */
    bool closing;            /* (n) a thread is in weft_node_close */

    struct lock core_lock;
    struct list_node callers;       /* (l) waiters of calls that block: closing wakes them */
    struct list_node changes;       /* (l) waiters for a change of what follows, see weft__changed */
    struct list_node participants;  /* (l) who takes one off here frees it */
    struct list_node workers;       /* (l) */
    struct list_node subscriptions; /* (l) */
    struct list_node completions;   /* (l) */
    struct core_dest inline_tasks;  /* (l) of inline workers */
    uint32_t inline_runners_count;  /* (l) users' threads that are to run them */
    uint32_t calls_count;           /* (l) calls inside that may block */
    bool closed;                    /* (l) what was open is settled: calls that block return */

    struct process_monitor monitor;
    struct service service;
    struct callbacks callbacks;
    struct contracts contracts;

    struct station *station;       /* (n) once; where it listens; NULL = nowhere */
    void (*died)(weft_node *node); /* (c) a participant has, or may have: called outside; NULL = nobody wants to know */
    struct core_dest *gathers;     /* (l) of a client node: all that goes to the other, see weft__hurry */
    atomic_bool hosted;            /* a loop of the host's waits for what comes here: nothing gathers */
    struct lead *lead;             /* (l) of a client node: who waits reads from the other; (c) once it is dialled */
    struct uplink *uplink;         /* (c) to the node that a client node has dialled; NULL = an embedded node */
};

/* weft_node_open, with the half of its dispatches' public ids that names it; 0: an embedded node. */
weft_error weft__node_open(const weft_node_options *options, uint64_t public_session, weft_node **node);

#endif
