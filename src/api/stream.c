/* stream.c: the edge of what a task sends to its caller before the outcome (weft/task.h). */
#include <weft/task.h>

#include "api/error.h"
#include "exec/batch.h"
#include "exec/node.h"

static struct core_task *core_of(weft_task *task)
{
    return (struct core_task *)task;
}

bool weft_task_streams(const weft_task *task)
{
    return task && ((const struct core_task *)task)->streams;
}

/* What waits in a batch to be handed in is settled for its holder, though the core does not know it yet. */
static bool settled_in_batch(const struct core_task *task)
{
    struct batch *batch = task->shell.executor;
    if (!batch) return false;
    weft__lock(&batch->lock);
    bool settled = task->shell.staged_kind != SAID_NOTHING;
    weft__unlock(&batch->lock);
    return settled;
}

/* Checks what is to be sent, and makes the message where somebody wants to know. */
static weft_error make(weft_task *task, weft_bytes payload, const char *call, struct message **message)
{
    *message = NULL;
    if (!task || (!payload.data && payload.size)) return weft__error_null(call, !task ? "task" : "payload");
    const struct core_task *core_task = core_of(task);
    uint64_t most = weft__core_payload_max(core_task);
    if (payload.size > most || payload.size >= UINT32_MAX)
        return weft__error(WEFT_EINVAL, "%s: %zu bytes are over the channel's payload_bytes_max of %llu", call,
                           payload.size, (unsigned long long)most);
    if (settled_in_batch(core_task)) return weft__error(WEFT_EINVAL, "%s: the task is settled", call);
    if (!core_task->streams) return WEFT_OK;
    weft_node *node = core_task->shell.context;
    *message = weft__message_new(&node->mem, payload.data, payload.size, NULL);
    return *message ? WEFT_OK : weft__error(WEFT_ENOMEM, "%s: no memory for %zu bytes", call, payload.size);
}

static weft_error report(weft_error error, weft_bytes payload, uint32_t most, const char *call)
{
    if (error == WEFT_ELIMIT)
        return weft__error(error,
                           "%s: %zu bytes are more than the %u that a frame between here and the caller holds: "
                           "frame_bytes_max of the node",
                           call, payload.size, most);
    if (error == WEFT_EINVAL) return weft__error(error, "%s: the task is settled", call);
    if (error == WEFT_EAGAIN || error == WEFT_ETIMEDOUT)
        return weft__error(error, "%s: the caller has yet to fetch as many as its window holds", call);
    if (error == WEFT_EDEADLK)
        return weft__error(error, "%s: would wait for the caller in an inline handler or a callback", call);
    return weft__error_plain(error, call);
}

weft_error weft_task_progress(weft_task *task, weft_bytes payload)
{
    static const char call[] = "weft_task_progress";
    struct message *message;
    if (weft__forked) return weft__error_forked(__func__);
    weft_error error = make(task, payload, call, &message);
    if (error) return error;
    weft_node *node = core_of(task)->shell.context;
    uint64_t now_ns = weft__enter(node);
    error = weft__core_progress(node->core, now_ns, core_of(task), message);
    uint32_t most = error == WEFT_ELIMIT ? weft__core_said_max(core_of(task)) : 0;
    weft__leave(node);
    if (error) weft__message_drop(message);
    return report(error, payload, most, call);
}

/* Inside. Waits until it was sent, the task is stale, or the deadline has passed. */
static weft_error wait_and_send(weft_node *node, struct core_task *task, struct message *message, uint64_t deadline_ns,
                                uint64_t now_ns)
{
    for (bool in_time = true, waited = false;; waited = true) {
        struct waiter waiter;
        weft__waiter_init(&waiter);
        struct core_waiter *left = in_time ? &waiter.core : NULL;
        weft_error error = weft__core_partial(node->core, now_ns, task, message, left, waited);
        if (error != WEFT_EAGAIN) return error;
        if (!in_time) return WEFT_ETIMEDOUT;
        in_time = weft__wait(node, &waiter, deadline_ns, &now_ns);
    }
}

weft_error weft_task_partial(weft_task *task, weft_bytes payload, uint32_t timeout_ms)
{
    static const char call[] = "weft_task_partial";
    struct message *message;
    struct executor *lent = NULL;
    if (weft__forked) return weft__error_forked(__func__);
    weft_error error = make(task, payload, call, &message);
    if (error) return error;
    struct core_task *core_task = core_of(task);
    weft_node *node = core_task->shell.context;
    uint64_t now_ns = weft__enter(node);
    uint64_t deadline_ns = weft__deadline(now_ns, timeout_ms);
    weft__call_begin(node);
    error = weft__core_partial(node->core, now_ns, core_task, message, NULL, false);
    if (error == WEFT_EAGAIN && timeout_ms && weft__must_not_wait(node)) {
        error = WEFT_EDEADLK;
    } else if (error == WEFT_EAGAIN && timeout_ms) {
        weft__leave(node);
        (void)weft__lend(node, &lent); /* with no substitute to be had it waits all the same */
        now_ns = weft__enter(node);
        error = wait_and_send(node, core_task, message, deadline_ns, now_ns);
    }
    uint32_t most = error == WEFT_ELIMIT ? weft__core_said_max(core_task) : 0;
    if (error) {
        weft__leave(node);
        weft__message_drop(message); /* before the call is over: after that the node may be gone */
        (void)weft__enter(node);
    }
    weft__leave_call(node);
    weft__lend_end(lent);
    return report(error, payload, most, call);
}
