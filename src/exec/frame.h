/* frame.h: what users' code this thread is inside of: how a call knows that it would wait for itself. */
#ifndef WEFT_EXEC_FRAME_H
#define WEFT_EXEC_FRAME_H

#include <weft/types.h>

#include "core/core.h"

enum frame_kind {
    FRAME_HANDLER = 1, /* on a thread of a group */
    FRAME_INLINE,      /* in the thread of who dispatched */
    FRAME_HEARD,       /* likewise: what a subscriber hears */
    FRAME_CALLBACK,    /* the callback thread */
    FRAME_CANCEL,      /* a task's cancel callback, on top of any of these or of none */
    FRAME_UPDATED,     /* what a caller is told, in the thread that waits or fetches; the same */
    FRAME_FOUND        /* what a call asks or tells the host, in the calling thread; the same */
};

/* On the stack of who calls the user's code. Handlers nest: an inline one in one of a group. */
struct frame {
    enum frame_kind kind;
    weft_node *node;
    struct executor
        *executor;          /* FRAME_HANDLER, FRAME_HEARD; FRAME_UPDATED: whose thread its call has lent; NULL = none */
    struct batch *batch;    /* of the task, where a handler runs */
    weft_worker *worker;    /* handlers */
    struct core_task *task; /* handlers, FRAME_CANCEL */
    weft_subscription *subscription;     /* FRAME_HEARD */
    const weft_completions *completions; /* FRAME_UPDATED: whose outcomes are fetched; NULL = none */
    bool settled;                        /* FRAME_CANCEL: the callback settled its task, whose memory may be gone */
    struct frame *outer;
};

extern _Thread_local struct frame *weft__frame;

void weft__frame_push(struct frame *frame);
void weft__frame_pop(struct frame *frame);

/* The innermost frame of that kind on the node; NULL: none. */
struct frame *weft__frame_find(const weft_node *node, enum frame_kind kind);

/* Whether this thread is inside any users' code called by the node; in a handler of that worker; hears for that
 * subscription; is in a handler of a worker of that channel of the node; in the cancel callback of that task (its
 * frame); in `updated`, called while those are fetched. */
bool weft__frame_in_node(const weft_node *node);
bool weft__frame_in_worker(const weft_worker *worker);
bool weft__frame_in_subscription(const weft_subscription *subscription);
bool weft__frame_in_channel(const weft_node *node, const char *channel);
struct frame *weft__frame_of_cancel(const struct core_task *task);
bool weft__frame_in_completions(const weft_completions *completions);

#endif
