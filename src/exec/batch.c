/* Note UNLOAD. Who unloads posts the current task's staged result while it holds the batch's lock, so that the thread of
 * the batch, which takes the lock after the handler, cannot tell the core `returned` before. That is why the batch's lock
 * ranks below the core's. Tasks whose cancellation somebody wants to be told of, and those that are cancelled already,
 * are settled directly even in a batch: their answer depends on what the core says. */
#include "exec/batch.h"

#include <string.h>

#include "base/assert.h"
#include "base/clock.h"
#include "exec/group.h"
#include "exec/node.h"
#include "exec/worker.h"

#define STUCK_NS NS_PER_MS /* a handler that runs longer has its batch unloaded by the service thread */

void weft__batch_init(struct batch *batch, weft_node *node, weft_group *group)
{
    *batch = (struct batch){.node = node, .group = group, .direct = true};
    weft__lock_init(&batch->lock, LOCK_BATCH);
}

void weft__batch_fini(struct batch *batch)
{
    WEFT_ASSERT(batch->count == 0 && !batch->guarded);
    weft__lock_fini(&batch->lock);
}

void weft__batch_guard(struct batch *batch, bool guarded, uint64_t now_ns)
{
    if (batch->guarded == guarded) return;
    batch->guarded = guarded;
    if (guarded) {
        batch->node->service.batches_count++;
        weft__service_guard(batch->node, now_ns);
    } else {
        batch->node->service.batches_count--;
    }
}

void weft__batch_load(struct batch *batch, struct core_task **tasks, size_t count, bool staging)
{
    WEFT_ASSERT(count > 0 && count <= BATCH_MAX);
    for (size_t i = 0; i < count; i++) {
        tasks[i]->shell.context = batch->node;
        tasks[i]->shell.executor = batch;
    }
    weft__lock(&batch->lock);
    memcpy(batch->tasks, tasks, count * sizeof(*tasks));
    batch->count = (uint32_t)count;
    batch->begun = batch->handed = 0;
    batch->direct = !staging;
    weft__unlock(&batch->lock);
    batch->slowest_ns = 0;
}

/* The next task to enter; NULL: none is left. */
static struct core_task *begin(struct batch *batch, uint64_t now_ns)
{
    struct core_task *task = NULL;
    weft__lock(&batch->lock);
    if (batch->begun < batch->count) {
        task = batch->tasks[batch->begun++];
        batch->begun_ns = now_ns;
    }
    weft__unlock(&batch->lock);
    return task;
}

/* Before the handler would be entered: nobody waits for the result any more. */
static void skip(struct batch *batch, struct core_task *task)
{
    weft__lock(&batch->lock);
    task->shell.staged_kind = CORE_RESULT_SKIPPED;
    weft__unlock(&batch->lock);
}

/* The handler has returned: if nobody said how it went, and nobody will, it has failed. */
static void finish(struct batch *batch, struct core_task *task)
{
    weft__lock(&batch->lock);
    bool unsettled = task->shell.staged_kind == SAID_NOTHING && !task->shell.kept;
    weft__unlock(&batch->lock);
    if (!unsettled) return;
    if (atomic_load_explicit(&task->cancelled, memory_order_acquire)) {
        (void)weft__batch_settle(task, CORE_RESULT_CANCEL_ACK, NULL);
        return;
    }
    static const char sentence[] = "the handler returned and had neither settled nor kept the task";
    struct message *message = weft__message_new(&batch->node->mem, sentence, sizeof sentence - 1, "unsettled");
    (void)weft__batch_settle(task, message ? CORE_RESULT_FAIL : CORE_RESULT_ABANDON, message);
}

static void run(struct batch *batch, struct scope *scope, struct core_task *task, uint64_t now_ns)
{
    batch->inside_ns = 0;
    if (atomic_load_explicit(&task->cancelled, memory_order_acquire)) {
        skip(batch, task);
        return;
    }
    weft_worker *worker = task->worker_context;
    __atomic_store_n(&task->started_ns, now_ns, __ATOMIC_RELAXED); /* closing reads it to say how long */
    scope->worker = worker;
    scope->task = task;
    worker->handler((weft_task *)task, worker->context);
    finish(batch, task);
}

static struct core_result result_of(struct core_task *task, bool returned)
{
    bool staged = task->shell.staged_kind != SAID_NOTHING && task->shell.staged_kind != SAID_DIRECTLY;
    struct core_result result = {.task = task,
                                 .message = task->shell.staged,
                                 .kind = staged ? (enum core_result_kind)task->shell.staged_kind : CORE_RESULT_NONE,
                                 .returned = returned,
                                 .kept = task->shell.kept};
    if (staged) task->shell.staged_kind = SAID_DIRECTLY;
    task->shell.staged = NULL;
    return result;
}

static void bring_in(struct batch *batch, struct harvest *harvest)
{
    harvest->results_count = harvest->rest_count = 0;
    harvest->slowest_ns = batch->slowest_ns;
    weft__lock(&batch->lock);
    for (uint32_t i = batch->handed; i < batch->begun; i++)
        harvest->results[harvest->results_count++] = result_of(batch->tasks[i], true);
    for (uint32_t i = batch->begun; i < batch->count; i++)
        harvest->rest[harvest->rest_count++] = batch->tasks[i];
    batch->count = batch->begun = batch->handed = 0;
    weft__unlock(&batch->lock);
}

void weft__batch_run(struct batch *batch, struct scope *scope, struct harvest *harvest)
{
    scope->batch = batch;
    weft__scope_push(scope);
    uint64_t now_ns = weft__clock_ns();
    for (struct core_task *task; (task = begin(batch, now_ns));) {
        run(batch, scope, task, now_ns);
        uint64_t end_ns = weft__clock_ns();
        uint64_t ran_ns = end_ns - now_ns - batch->inside_ns;
        if (ran_ns > batch->slowest_ns) batch->slowest_ns = ran_ns;
        if (ran_ns > BATCH_SLOW_NS) break;
        now_ns = end_ns;
    }
    weft__scope_pop(scope);
    bring_in(batch, harvest);
}

/* --- settling --------------------------------------------------------------------------------- */

/* In a batch: whether that was all; the outcome in *error. */
static bool settled_in_batch(struct batch *batch, struct core_task *task, enum core_result_kind kind,
                             struct message *message, weft_error *error)
{
    weft__lock(&batch->lock);
    bool before = task->shell.staged_kind != SAID_NOTHING;
    bool staged = !before && !batch->direct && !task->shell.on_cancel &&
                  !atomic_load_explicit(&task->cancelled, memory_order_acquire);
    if (staged) {
        task->shell.staged_kind = kind;
        task->shell.staged = message;
    } else if (!before) {
        task->shell.staged_kind = SAID_DIRECTLY;
    }
    weft__unlock(&batch->lock);
    if (before) weft__message_drop(message);
    *error = before ? WEFT_EINVAL : WEFT_OK;
    return before || staged;
}

static weft_error settle_directly(weft_node *node, struct core_task *task, enum core_result_kind kind,
                                  struct message *message)
{
    struct core_result result = {.task = task, .message = message, .kind = kind};
    struct waiter waiter;
    uint64_t now_ns = weft__enter(node);
    if (task->settled) {
        weft__leave(node);
        weft__message_drop(message);
        return WEFT_EINVAL;
    }
    struct scope *cancelling = weft__scope_of_cancel(task);
    while (task->shell.cancel_call == CANCEL_RUNS && !cancelling) {
        weft__waiter_init(&waiter);
        weft__await(node, &waiter);
        (void)weft__wait(node, &waiter, PARK_FOREVER, &now_ns);
    }
    if (cancelling) cancelling->settled = true;
    weft__core_results(node->core, now_ns, &result, 1);
    weft__hurry(node);
    weft__leave(node);
    return result.accepted ? WEFT_OK : WEFT_ESTALE;
}

weft_error weft__batch_settle(struct core_task *task, enum core_result_kind kind, struct message *message)
{
    weft_node *node = task->shell.context;
    struct batch *batch = task->shell.executor;
    weft_error error;
    if (batch && settled_in_batch(batch, task, kind, message, &error)) return error;
    bool own = weft__scope && weft__scope->batch == batch && batch;
    uint64_t since_ns = own ? weft__clock_ns() : 0;
    error = settle_directly(node, task, kind, message);
    if (own) batch->inside_ns += weft__clock_ns() - since_ns;
    return error;
}

/* --- unloading -------------------------------------------------------------------------------- */

void weft__batch_unload(struct batch *batch, uint64_t now_ns, struct departure *departure)
{
    struct core_result results[BATCH_MAX];
    size_t results_count = 0;
    weft__lock(&batch->lock);
    bool several = !batch->direct && batch->begun > 0 && batch->count - batch->handed > 1;
    if (several && (!now_ns || now_ns > batch->begun_ns + STUCK_NS)) {
        uint32_t current = batch->begun - 1;
        for (uint32_t i = batch->handed; i < current; i++)
            results[results_count++] = result_of(batch->tasks[i], true);
        struct core_result result = result_of(batch->tasks[current], false);
        if (result.kind != CORE_RESULT_NONE) results[results_count++] = result;
        now_ns = weft__enter(batch->node);
        weft__core_results(batch->node->core, now_ns, results, results_count);
        weft__core_give_back(batch->node->core, now_ns, batch->tasks + batch->begun, batch->count - batch->begun);
        weft__group_slow(batch->group, now_ns);
        weft__batch_guard(batch, false, now_ns);
        weft__depart(batch->node, departure); /* Note UNLOAD */
        batch->handed = current;
        batch->count = batch->begun;
        batch->direct = true;
    }
    weft__unlock(&batch->lock);
}
