/* scope.h: what users' code this thread is inside of: how a call knows that it would wait for itself. */
#ifndef WEFT_EXEC_SCOPE_H
#define WEFT_EXEC_SCOPE_H

#include <weft/types.h>

#include "core/core.h"

enum scope_kind {
    SCOPE_HANDLER = 1, /* on a thread of a group */
    SCOPE_INLINE,      /* in the thread of who dispatched */
    SCOPE_HEARD,       /* likewise: what a subscriber hears */
    SCOPE_CALLBACK,    /* the callback thread */
    SCOPE_CANCEL,      /* a task's cancel callback, on top of any of these or of none */
    SCOPE_UPDATED,     /* what a caller is told, in the thread that waits or fetches; the same */
    SCOPE_FOUND        /* what a call asks or tells the host, in the calling thread; the same */
};

/* On the stack of who calls the user's code. Handlers nest: an inline one in one of a group. */
struct scope {
    enum scope_kind kind;
    weft_node *node;
    struct executor
        *executor;          /* SCOPE_HANDLER, SCOPE_HEARD; SCOPE_UPDATED: whose thread its call has lent; NULL = none */
    struct batch *batch;    /* of the task, where a handler runs */
    weft_worker *worker;    /* handlers */
    struct core_task *task; /* handlers, SCOPE_CANCEL */
    weft_subscription *subscription;     /* SCOPE_HEARD */
    const weft_completions *completions; /* SCOPE_UPDATED: whose outcomes are fetched; NULL = none */
    bool settled;                        /* SCOPE_CANCEL: the callback settled its task, whose memory may be gone */
    struct scope *outer;
};

extern _Thread_local struct scope *weft__scope;

void weft__scope_push(struct scope *scope);
void weft__scope_pop(struct scope *scope);

/* The innermost scope of that kind on the node; NULL: none. */
struct scope *weft__scope_find(const weft_node *node, enum scope_kind kind);

/* Whether this thread is inside any users' code called by the node; in a handler of that worker; hears for that
 * subscription; is in a handler of a worker of that channel of the node; in the cancel callback of that task (its
 * scope); in `updated`, called while those are fetched. */
bool weft__scope_in_node(const weft_node *node);
bool weft__scope_in_worker(const weft_worker *worker);
bool weft__scope_in_subscription(const weft_subscription *subscription);
bool weft__scope_in_channel(const weft_node *node, const char *channel);
struct scope *weft__scope_of_cancel(const struct core_task *task);
bool weft__scope_in_completions(const weft_completions *completions);

#endif
