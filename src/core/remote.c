/* remote.c: what a node does for sessions whose participants live in other processes. See remote.h.
 *
 *   dispatches of strangers, by their own ids (ids.c)          its one destination
 *   ------------------------------------------------> core ------------------------------> outcomes, updates, tasks,
 *   results, progress, partial results, by the task's handle                               cancels, room, events, ends
 *
 * A remote worker differs from one that pulls here in three things. It says two times that a task is over: with the result,
 * and when its handler has returned; between them the slot is in use. When it ends, nobody here holds what it held. And
 * what it is to be told of a task (cancel it; there is room for more) stands behind the task in the same FIFO, so it
 * cannot come first. Barring its session is in session.c, since it is done as death is. */
#include "core/state.h"

static void take_task(struct core *core, struct core_task *task, struct core_taken *taken)
{
    weft__task_take(core, task);
    taken->task = task;
    const struct core_stream *stream = weft__stream_of(task->dispatch);
    taken->window = stream ? stream->window : 0;
    taken->room = weft__stream_room(task->dispatch);
}

static void take_room(struct core_dest *dest, struct core_stream *stream, struct core_taken *taken)
{
    taken->task = weft__task_of(stream->dispatch);
    taken->room = stream->room;
    stream->room = 0;
    weft__dest_remove(dest, &stream->room_item);
}

static void take_end(struct core_dest *dest, struct core_worker *worker, struct core_taken *taken)
{
    taken->worker = worker->slot.handle;
    taken->worker_context = worker->context;
    weft__dest_remove(dest, &worker->end_item);
}

/* It stands there as long as its inbox has something; but behind the others now, so that it does not keep them out. */
static void take_events(struct core_dest *dest, struct core_subscription *subscription, struct core_taken *taken)
{
    taken->subscription = subscription->slot.handle;
    taken->subscription_context = subscription->context;
    list_remove(&subscription->item.on);
    list_push_back(&dest->fifo, &subscription->item.on);
}

enum core_item_kind weft__core_next(struct core *core, uint64_t now_ns, struct core_dest *dest,
                                    struct core_taken *taken)
{
    core->now_ns = now_ns;
    struct list_node *node = list_first(&dest->fifo);
    if (!node) return 0;
    struct core_item *item = list_record(node, struct core_item, on);
    *taken = (struct core_taken){.kind = item->kind};
    switch (item->kind) {
    case CORE_ITEM_TASK: take_task(core, list_record(item, struct core_task, item), taken); break;
    case CORE_ITEM_OUTCOME:
    case CORE_ITEM_UPDATE:
    case CORE_ITEM_CANCEL: weft__core_outcome_take(core, now_ns, dest, &taken->outcome, &taken->task); break;
    case CORE_ITEM_EVENTS: take_events(dest, list_record(item, struct core_subscription, item), taken); break;
    case CORE_ITEM_ROOM: take_room(dest, list_record(item, struct core_stream, room_item), taken); break;
    case CORE_ITEM_WORKER: take_end(dest, list_record(item, struct core_worker, end_item), taken); break;
    case CORE_ITEM_STARTED:
    case CORE_ITEM_RELEASED:
    case CORE_ITEM_HEARD: weft__origin_item_take(core, dest, item, taken); break;
    case CORE_ITEM_NOTES: WEFT_ASSERT(item->kind != CORE_ITEM_NOTES);
    }
    return taken->kind;
}

uint64_t weft__core_task_handle(const struct core_task *task)
{
    return task->slot.handle;
}

struct core_task *weft__core_task_find(struct core *core, uint64_t session, uint64_t handle)
{
    struct core_task *task = weft__slotmap_find(&core->tasks, handle);
    if (!task || task->state != CORE_TASK_TAKEN || !task->worker->remote) return NULL;
    return task->worker->session->slot.handle == session ? task : NULL;
}

void weft__core_started(struct core *core, uint64_t now_ns, struct core_task *task)
{
    core->now_ns = now_ns;
    weft__seen(core, task);
    if (__atomic_load_n(&task->started_ns, __ATOMIC_RELAXED)) return;
    __atomic_store_n(&task->started_ns, now_ns, __ATOMIC_RELAXED);
    struct core_dispatch *dispatch = task->dispatch;
    if (!dispatch || task->fenced) return;
    dispatch->entered_ns = dispatch->beat_ns = now_ns;
    weft__dispatch_timer(core, dispatch);
}

void weft__core_room(struct core *core, uint64_t now_ns, weft_dispatch_id id, uint32_t count)
{
    core->now_ns = now_ns;
    struct core_dispatch *dispatch = weft__dispatch_find(core, id);
    if (dispatch) weft__stream_room_made(core, dispatch, count);
}
