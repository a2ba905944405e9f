/* task.c: the life of an attempt.
 *
 *                assign                take                 settled and its handler returned
 *   dispatch ------------> ASSIGNED ----------> TAKEN ------------------------------------------> released
 *      ^                      |                   |  its worker is gone, and nobody runs it
 *      |  unassign: never     |                   +-------------------------------------> released, LOST --> freed
 *      +---- begun -----------+-------------------+                                     (the handle is still held)
 *
 * An attempt has two ends. Its dispatch settles, or goes on without it; and it is released: its worker's slot is free,
 * since the work has really stopped. An attempt between the two is orphaned: counted, shown, and its result refused.
 *
 * An attempt that is lost while its handler may still run is fenced: it keeps its dispatch, which waits for the release
 * and is then queued again; unless the channel is overlapping, where it does not wait. */
#include "core/state.h"

#include "base/clock.h"

static void hold_worker_name(struct core_dispatch *dispatch, const struct core_worker *worker)
{
    weft__name_drop(dispatch->worker_name);
    dispatch->worker_name = weft__name_hold(worker->name);
}

static void orphan(struct core_task *task)
{
    if (task->orphaned) return;
    task->orphaned = true;
    task->worker->orphaned++;
    task->worker->channel->orphaned++;
}

/* A cancel notice that was not taken is taken back: nobody is told of a cancel after the task was settled. */
static void retract_notice(struct core_task *task)
{
    if (task->cancel_dest && list_linked(&task->cancel_item.on))
        weft__dest_remove(task->cancel_dest, &task->cancel_item);
    task->cancel_dest = NULL;
}

static void free_record(struct core *core, struct core_task *task)
{
    retract_notice(task);
    weft__message_drop(task->payload);
    weft__class_drop(core, task->class);
    weft__slotmap_give(&core->tasks, task);
    weft__quiet_changed(core);
}

static void leave_thread(struct core_task *task)
{
    if (!task->in_handler) return;
    task->in_handler = false;
    if (task->worker->group) task->worker->group->busy--;
}

/* --- records ----------------------------------------------------------------------------------------------------------
 *
 * There are never more tasks than slots of workers (and lost ones), nor than what dispatches may need. So the lesser of
 * the two is kept ready: an idle worker needs no record, nor does what waits. Both sides change by as much as tasks
 * come and go, or were reserved before, so an assignment finds its record. */

bool weft__tasks_reserve(struct core *core, uint64_t capacity, uint64_t potential)
{
    uint64_t slots = core->capacity + capacity + core->tasks_lost;
    uint64_t needs = core->tasks.live_count + core->potential + potential;
    uint64_t tasks = slots < needs ? slots : needs;
    if (tasks > core->tasks.slots_max) return false;
    return weft__slotmap_ensure(&core->tasks, (uint32_t)tasks) &&
           weft__heap_ensure(&core->timers, (uint32_t)tasks + core->timed_count + 1);
}

/* Where a crash re-dispatches, a task that is lost may stay in somebody's hands while the next is made. */
void weft__potential(struct core *core, struct core_dispatch *dispatch)
{
    unsigned potential = 0;
    if (dispatch->state != DISPATCH_SETTLED)
        potential =
            dispatch->redispatches ? (unsigned)dispatch->attempts_max - dispatch->attempts : !weft__task_of(dispatch);
    core->potential += potential;
    core->potential -= dispatch->potential;
    dispatch->potential = (uint8_t)potential;
}

/* --- the beginning ---------------------------------------------------------------------------- */

/* Its record was reserved when the worker registered: this cannot fail. */
void weft__assign(struct core *core, struct core_dispatch *dispatch, struct core_worker *worker)
{
    WEFT_ASSERT(worker->in_flight < worker->max_concurrent);
    WEFT_ASSERT(weft__session_works(worker->session) && !worker->ended);
    struct core_channel *channel = weft__channel_of(dispatch);
    struct core_task *task = weft__slotmap_take(&core->tasks);
    __builtin_prefetch(worker->name, 1); /* the outcome will tell it */
    dispatch->state = DISPATCH_ASSIGNED;
    dispatch->task = task;
    dispatch->attempts++;
    weft__potential(core, dispatch);
    dispatch->queued_ns += core->now_ns - dispatch->waiting_since_ns;
    dispatch->waiting_since_ns = core->now_ns;
    task->payload = weft__message_hold(dispatch->payload);
    task->class = dispatch->class;
    task->class->refs++;
    task->id = weft__dispatch_id(dispatch);
    task->attempt = dispatch->attempts;
    task->timed = dispatch->start_to_close_ms != WEFT_FOREVER || dispatch->heartbeat_ms != WEFT_FOREVER;
    task->streams = weft__stream_of(dispatch) != NULL;
    task->deadline_ns = dispatch->close_deadline_ns;
    task->worker_context = worker->context;
    task->dispatch = dispatch;
    task->worker = worker;
    if (channel->hidden || dispatch->handed) task->origin = dispatch;
    task->state = CORE_TASK_ASSIGNED;
    task->in_handler = worker->handled || worker->remote;
    list_init(&task->cancel_item.on);
    if (worker->remote || channel->hidden) task->cancel_dest = worker->dest;
    list_push_back(&worker->tasks, &task->on_worker);
    worker->in_flight++;
    channel->in_flight++;
    core->stats.attempts_running++;
    if (task->in_handler && worker->group) worker->group->busy++;
    weft__index_update(core, worker);
    weft__index_chosen(worker);
    task->dest = worker->dest;
    weft__dest_append(core, task->dest, &task->item, CORE_ITEM_TASK);
}

void weft__task_take(struct core *core, struct core_task *task)
{
    weft__dest_remove(task->dest, &task->item);
    task->state = CORE_TASK_TAKEN;
    task->worker->seen_ns = core->now_ns;
    struct core_dispatch *dispatch = task->dispatch;
    dispatch->started = true;
    dispatch->entered_ns = dispatch->beat_ns = core->now_ns;
    if (task->timed || dispatch->timer.position) weft__dispatch_timer(core, dispatch);
    if (task->streams) weft__stream_taken(core, task);
    if (task->timed && task->origin) weft__handed_started(core, task);
}

size_t weft__core_take(struct core *core, uint64_t now_ns, struct core_dest *dest, struct core_task **tasks, size_t max)
{
    core->now_ns = now_ns;
    size_t n = 0;
    for (struct list_node *node; n < max && (node = list_first(&dest->fifo));) {
        struct core_task *task = list_record(list_record(node, struct core_item, on), struct core_task, item);
        bool alone = task->timed || (task->streams && weft__stream_restarts(task));
        if (alone && n > 0) break;
        tasks[n++] = task;
        weft__task_take(core, task);
        if (alone) break;
    }
    return n;
}

void weft__core_move(struct core *core, struct core_dest *from, struct core_dest *to)
{
    for (struct list_node *node; (node = list_first(&from->fifo));) {
        struct core_item *item = list_record(node, struct core_item, on);
        weft__dest_remove(from, item);
        list_record(item, struct core_task, item)->dest = to;
        weft__dest_append(core, to, item, CORE_ITEM_TASK);
    }
}

/* --- the end ---------------------------------------------------------------------------------- */

/* The slot is free. held: somebody still has the handle, and the record waits for what he says. */
static void release(struct core *core, struct core_task *task, bool held)
{
    struct core_worker *worker = task->worker;
    struct core_channel *channel = worker->channel;
    struct core_dispatch *dispatch = task->dispatch;
    if (task->origin) weft__origin_over(core, task);
    leave_thread(task);
    WEFT_ASSERT(worker->in_flight > 0 && channel->in_flight > 0);
    worker->in_flight--;
    channel->in_flight--;
    core->stats.attempts_running--;
    if (task->orphaned) {
        worker->orphaned--;
        channel->orphaned--;
    }
    list_remove(&task->on_worker);
    task->dispatch = NULL;
    task->worker = NULL;
    if (held) {
        task->state = CORE_TASK_LOST;
        core->tasks_lost++;
        channel->hanging_count++; /* of which its class is */
        weft__quiet_changed(core);
        worker->reserved--; /* the record keeps that share */
        core->capacity--;
    } else {
        free_record(core, task);
    }
    weft__index_update(core, worker);
    if (dispatch) {
        dispatch->task = NULL;
        weft__potential(core, dispatch);
        dispatch->waiting_since_ns = core->now_ns;
    }
    if (dispatch && dispatch->handed) {
        weft__handed_back(core, dispatch);
    } else if (dispatch) {
        weft__place(core, dispatch);
        weft__dispatch_timer(core, dispatch);
    }
    weft__serve_freed(core, worker);
    weft__worker_changed(core, worker);
    weft__channel_changed(core, channel);
}

void weft__task_cancel(struct core *core, struct core_task *task)
{
    if (atomic_load_explicit(&task->cancelled, memory_order_relaxed)) return;
    atomic_store_explicit(&task->cancelled, true, memory_order_release);
    if (task->cancel_dest) weft__dest_append(core, task->cancel_dest, &task->cancel_item, CORE_ITEM_CANCEL);
}

/* Where its own result ended the dispatch the worker knows; otherwise it is told that nobody waits any more. */
void weft__task_leave(struct core *core, struct core_task *task)
{
    struct core_dispatch *dispatch = task->dispatch;
    if (!task->worker->channel->hidden) hold_worker_name(dispatch, task->worker); /* else the node says who had it */
    task->dispatch = NULL;
    if (task->state == CORE_TASK_ASSIGNED) {
        weft__dest_remove(task->dest, &task->item);
        release(core, task, false);
        return;
    }
    if (!task->settled) weft__task_cancel(core, task);
    orphan(task);
}

void weft__task_unassign(struct core *core, struct core_task *task)
{
    struct core_dispatch *dispatch = task->dispatch;
    if (task->state == CORE_TASK_ASSIGNED) weft__dest_remove(task->dest, &task->item);
    if (dispatch) weft__stream_room_forget(dispatch);
    if (dispatch && dispatch->cancelling) {
        if (dispatch->attempts == 1) dispatch->started = false;
        weft__settle(core, dispatch, WEFT_CANCELLED, "cancelled", NULL);
    } else if (dispatch) {
        dispatch->attempts--;
        if (task->fenced) { /* it cannot have died of what was never begun */
            dispatch->tried_count--;
            weft__letter_retract(dispatch);
        }
        dispatch->queued_ns += core->now_ns - dispatch->waiting_since_ns;
        if (dispatch->attempts == 0) dispatch->started = false;
    }
    release(core, task, false);
}

/* What the crash policy says: another attempt, or the end. */
static void crash(struct core *core, struct core_task *task, uint64_t tried_key, const char *code)
{
    struct core_dispatch *dispatch = task->dispatch;
    struct core_channel *channel = weft__channel_of(dispatch);
    if (dispatch->cancelling) {
        weft__settle(core, dispatch, WEFT_CANCELLED, "cancelled", NULL);
        return;
    }
    weft__letter_attempt(core, task, code);
    if (!dispatch->redispatches || dispatch->attempts >= dispatch->attempts_max || core->closing) {
        weft__settle(core, dispatch, WEFT_WORKER_DIED, code, NULL);
        return;
    }
    weft__stream_broken(core, dispatch);
    dispatch->extras->tried[dispatch->tried_count++] = tried_key;
    uint32_t wait_ms = channel->options.redispatch_wait_ms;
    dispatch->extras->retry_ns = weft__clock_after_ms(core->now_ns, wait_ms == WEFT_FOREVER ? CORE_NEVER : wait_ms);
    hold_worker_name(dispatch, task->worker);
    channel->redispatched++;
    core->stats.redispatched++;
    task->fenced = true;
    orphan(task);
    dispatch->state = DISPATCH_FENCED;
    if (channel->options.overlapping && task->in_handler) {
        task->dispatch = NULL;
        dispatch->task = NULL;
        dispatch->waiting_since_ns = core->now_ns;
        weft__place(core, dispatch);
    }
    weft__dispatch_timer(core, dispatch);
}

/* Its worker has ended. A handler of ours that still runs keeps the slot; what a dead participant held is gone with
 * it, and what a remote one held nobody here holds. */
void weft__task_lost(struct core *core, struct core_task *task, uint64_t tried_key)
{
    if (task->dispatch && !task->fenced) crash(core, task, tried_key, "worker_died");
    weft__task_cancel(core, task);
    if (task->worker->remote)
        release(core, task, false);
    else if (task->in_handler)
        orphan(task);
    else
        release(core, task, true);
}

static void count_fenced(struct core *core, struct core_task *task)
{
    core->stats.fenced++;
    task->class->channel->fenced++; /* which outlives the task, also a lost one */
}

/* True: it was this attempt's to say. Consumes the message. */
static bool apply(struct core *core, struct core_task *task, enum core_result_kind kind, struct message *message)
{
    struct core_dispatch *dispatch = task->dispatch;
    task->settled = true;
    retract_notice(task);
    if (!dispatch || task->fenced) {
        weft__message_drop(message);
        if (kind == CORE_RESULT_CANCEL_ACK || kind == CORE_RESULT_SKIPPED) return true;
        count_fenced(core, task);
        return false;
    }
    switch (kind) {
    case CORE_RESULT_COMPLETE:
        task->worker->completed++;
        weft__settle(core, dispatch, WEFT_COMPLETED, NULL, message);
        return true;
    case CORE_RESULT_MISMATCH: weft__channel_of(dispatch)->results_mismatched++; /* fall through */
    case CORE_RESULT_FAIL:
        task->worker->errored++;
        weft__settle(core, dispatch, WEFT_FAILED, NULL, message);
        return true;
    case CORE_RESULT_SKIPPED:
        if (dispatch->attempts == 1) dispatch->started = false;
        weft__settle(core, dispatch, WEFT_CANCELLED, "cancelled", NULL);
        break;
    case CORE_RESULT_CANCEL_ACK:
        if (dispatch->cancelling)
            weft__settle(core, dispatch, WEFT_CANCELLED, "cancelled", NULL);
        else
            weft__settle(core, dispatch, WEFT_FAILED, "not_cancelled", NULL);
        break;
    case CORE_RESULT_DIED:
        weft__core_worker_drain(core,
                                task->worker->slot.handle); /* its end is on its way: no other attempt is for it */
        crash(core, task, weft__tried_key(task->worker, false), "worker_died");
        break;
    case CORE_RESULT_ABANDON:
    case CORE_RESULT_NONE:
    case CORE_RESULT_GIVEN_BACK:
        task->worker->errored++;
        crash(core, task, weft__tried_key(task->worker, false), "abandoned");
        break;
    }
    weft__message_drop(message);
    return true;
}

static void result(struct core *core, struct core_result *r)
{
    struct core_task *task = r->task;
    weft__seen(core, task);
    bool says = r->kind != CORE_RESULT_NONE || (r->returned && !r->kept);
    if (task->settled || !says) {
        weft__message_drop(r->message);
        r->accepted = false;
    } else {
        r->accepted = apply(core, task, r->kind, r->message);
    }
    r->message = NULL;
    if (task->state == CORE_TASK_LOST) {
        if (!task->settled) return;
        struct core_channel *channel = task->class->channel;
        core->tasks_lost--;
        free_record(core, task);
        channel->hanging_count--;
        weft__channel_changed(core, channel);
        return;
    }
    struct core_worker *worker = task->worker;
    struct core_group *group = r->returned && task->in_handler ? worker->group : NULL;
    if (r->returned) leave_thread(task);
    if (task->settled && !task->in_handler)
        release(core, task, false);
    else if (r->returned && worker->ended)
        weft__task_lost(core, task, weft__tried_key(worker, worker->end_state == WEFT_WORKER_DEAD));
    if (group) weft__serve_group(core, group);
}

void weft__core_results(struct core *core, uint64_t now_ns, struct core_result *results, size_t count)
{
    core->now_ns = now_ns;
    for (size_t i = 0; i < count; i++)
        result(core, &results[i]);
}

void weft__task_over(struct core *core, struct core_task *task)
{
    task->settled = true;
    retract_notice(task);
    release(core, task, false);
}

/* What was handed is this worker's: while it is there, it is to take it again. */
void weft__core_give_back(struct core *core, uint64_t now_ns, struct core_task **tasks, size_t count)
{
    core->now_ns = now_ns;
    for (size_t i = count; i-- > 0;) {
        WEFT_ASSERT(tasks[i]->state == CORE_TASK_TAKEN && !tasks[i]->settled);
        if (tasks[i]->origin && !tasks[i]->worker->ended) weft__handed_requeue(core, tasks[i]);
    }
    for (size_t i = 0; i < count; i++)
        if (tasks[i]->state == CORE_TASK_TAKEN) weft__task_unassign(core, tasks[i]);
}

/* --- what its holder asks --------------------------------------------------------------------- */

bool weft__core_heartbeat(struct core *core, uint64_t now_ns, struct core_task *task)
{
    core->now_ns = now_ns;
    struct core_dispatch *dispatch = task->dispatch;
    weft__seen(core, task);
    if (!dispatch || task->fenced) return false;
    dispatch->beat_ns = now_ns;
    if (dispatch->heartbeat_ms != WEFT_FOREVER) weft__dispatch_timer(core, dispatch);
    return true;
}

bool weft__core_task_on_cancel(struct core *core, struct core_task *task, struct core_dest *dest)
{
    (void)core;
    if (atomic_load_explicit(&task->cancelled, memory_order_relaxed)) return false;
    task->cancel_dest = dest;
    return true;
}

const char *weft__core_task_type(const struct core_task *task)
{
    return task->class->name;
}

uint64_t weft__core_payload_max(const struct core_task *task)
{
    return task->class->channel->options.payload_bytes_max;
}
