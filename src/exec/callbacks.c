/* Note CANCEL. A task stays valid until it is settled, and a settle waits for its cancel callback. So the callback thread
 * takes a cancel notice alone, marks the task in that hold, and calls at once: whoever holds the task then waits for this
 * one call, and not for those that stood before it in the FIFO, which may themselves wait for the task. */
#include "exec/callbacks.h"

#include "base/assert.h"
#include "base/fork.h"
#include "exec/batch.h"
#include "exec/scope.h"
#include "exec/hooks.h"
#include "exec/node.h"
#include "exec/reply.h"
#include "base/thread.h"
#include "exec/update.h"

enum { TAKE_MAX = 64 };

static void call_cancelled(weft_node *node, struct core_task *task);

void weft__callbacks_init(struct callbacks *callbacks)
{
    weft__core_dest_init(&callbacks->dest);
    weft__waiter_init(&callbacks->waiter);
}

/* What was taken in one hold: up to TAKE_MAX outcomes and updates, or one cancel notice, or one note. */
struct taken {
    size_t count;
    struct core_outcome outcomes[TAKE_MAX];
    struct core_task *cancelled; /* NULL: none */
    bool noted;
    struct core_note note;
};

static void take(weft_node *node, uint64_t now_ns, struct taken *taken)
{
    struct core_dest *dest = &node->callbacks.dest;
    taken->count = 0;
    taken->cancelled = NULL;
    taken->noted = false;
    for (struct list_node *on; taken->count < TAKE_MAX && (on = list_first(&dest->fifo));) {
        enum core_item_kind kind = list_record(on, struct core_item, on)->kind;
        bool alone = kind == CORE_ITEM_CANCEL || kind == CORE_ITEM_NOTES;
        if (alone && taken->count > 0) break; /* Note CANCEL */
        if (kind == CORE_ITEM_NOTES) {
            weft__core_note_take(node->core, &taken->note);
            taken->noted = true;
            break;
        }
        enum core_item_kind got =
            weft__core_outcome_take(node->core, now_ns, dest, &taken->outcomes[taken->count], &taken->cancelled);
        WEFT_ASSERT(got == kind);
        if (kind == CORE_ITEM_CANCEL) {
            taken->cancelled->shell.cancel_call = CANCEL_RUNS;
            break;
        }
        taken->count++;
    }
}

static void call_ended(struct core_outcome *outcome)
{
    weft_reply reply;
    weft__reply_fill(&reply, outcome);
    ended_function ended = (ended_function)(uintptr_t)outcome->context2;
    ended(&reply, outcome->context);
    weft__fork_check();
    weft_reply_release(&reply);
}

static void *callbacks_main(void *argument)
{
    weft_node *node = argument;
    struct callbacks *callbacks = &node->callbacks;
    struct taken taken;
    struct scope scope = {.kind = SCOPE_CALLBACK, .node = node};
    weft__scope_push(&scope);
    for (;;) {
        uint64_t now_ns = weft__enter(node);
        take(node, now_ns, &taken);
        bool idle = !taken.count && !taken.cancelled && !taken.noted;
        callbacks->calling = !idle;
        if (idle && callbacks->stopping) break;
        if (idle) weft__hurry(node);
        if (idle) (void)weft__core_dest_wait(&callbacks->dest, &callbacks->waiter.core);
        weft__leave_inside(node);
        for (size_t i = 0; i < taken.count; i++) {
            struct core_outcome *outcome = &taken.outcomes[i];
            outcome->update ? weft__update_tell(outcome) : call_ended(outcome);
        }
        if (taken.cancelled) call_cancelled(node, taken.cancelled);
        if (taken.noted) weft__hooks_call(&node->hooks, &taken.note);
        if (idle) weft__sleep(node, &callbacks->waiter, PARK_FOREVER);
    }
    callbacks->ended = true;
    weft__changed(node);
    weft__leave_inside(node);
    weft__scope_pop(&scope);
    return NULL;
}

/* --- life ------------------------------------------------------------------------------------- */

weft_error weft__callbacks_start(weft_node *node)
{
    weft__lock(&node->lock);
    if (!node->callbacks.started)
        node->callbacks.started = weft__thread_start(&node->callbacks.thread, "weft-callbacks", callbacks_main, node);
    bool started = node->callbacks.started;
    weft__unlock(&node->lock);
    return started ? WEFT_OK : WEFT_ESYSTEM;
}

bool weft__callbacks_finish(weft_node *node, uint64_t deadline_ns)
{
    struct callbacks *callbacks = &node->callbacks;
    struct waiter waiter;
    uint64_t now_ns;
    bool in_time = true;
    callbacks->stopping = true;
    weft__waiter_wake(node, &callbacks->waiter);
    while (callbacks->started && !callbacks->ended && in_time) {
        bool busy =
            callbacks->calling || callbacks->dest.items_count > 0; /* with users' code, which may take its time */
        weft__waiter_init(&waiter);
        weft__await(node, &waiter);
        in_time = weft__wait(node, &waiter, busy ? deadline_ns : PARK_FOREVER, &now_ns);
    }
    return in_time;
}

void weft__callbacks_stop(weft_node *node)
{
    if (node->callbacks.started) weft__thread_join(node->callbacks.thread);
    node->callbacks.started = false;
}

/* --- cancel callbacks ------------------------------------------------------------------------- */

/* The task is marked CANCEL_RUNS. After the call it may be gone, if the callback settled it. */
static void call_cancelled(weft_node *node, struct core_task *task)
{
    struct scope scope = {.kind = SCOPE_CANCEL, .node = node, .task = task};
    weft__scope_push(&scope);
    task->shell.on_cancel((weft_task *)task, task->shell.on_cancel_context);
    weft__scope_pop(&scope);
    (void)weft__enter(node);
    if (!scope.settled) task->shell.cancel_call = CANCEL_RAN;
    weft__changed(node);
    weft__leave_bare(node);
}

static weft_error ask(weft_node *node, struct core_task *task, void (*cancelled)(weft_task *task, void *context),
                      void *context, bool *call_now, struct departure *departure)
{
    (void)weft__enter(node);
    bool refused = task->settled || task->shell.on_cancel;
    if (!refused) {
        task->shell.on_cancel = cancelled;
        task->shell.on_cancel_context = context;
        *call_now = !weft__core_task_on_cancel(node->core, task, &node->callbacks.dest);
        if (*call_now) task->shell.cancel_call = CANCEL_RUNS;
    }
    weft__depart(node, departure);
    return refused ? WEFT_EINVAL : WEFT_OK;
}

weft_error weft__callbacks_on_cancel(struct core_task *task, void (*cancelled)(weft_task *task, void *context),
                                     void *context)
{
    weft_node *node = task->shell.context;
    struct batch *batch = task->shell.executor;
    struct departure departure;
    bool call_now = false;
    weft__departure_init(&departure);
    if (batch) weft__lock(&batch->lock); /* who settles it in the batch looks at on_cancel under this lock */
    weft_error error = batch && task->shell.staged_kind != SAID_NOTHING
                           ? WEFT_EINVAL
                           : ask(node, task, cancelled, context, &call_now, &departure);
    if (batch) weft__unlock(&batch->lock);
    weft__act(node, &departure);
    if (call_now) call_cancelled(node, task);
    return error;
}
