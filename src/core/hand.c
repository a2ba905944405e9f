/* hand.c: tasks that a node has assigned to workers of this process. See remote.h.
 *
 *   weft__core_hand              taken           settled, its handler returned
 *   ---------------> ASSIGNED ----------> TAKEN -------------------------------> released
 *                       |                   |
 *                       |                   +-- settled, its handler runs on: the outcome says so, RELEASED follows
 *                       +-- its worker ends, or it is not begun: its outcome is "given back"
 *
 * Here each is a dispatch of nobody's, for one attempt, which is assigned when it is made. So all that may happen to a
 * task happens to it by the code that is there; but it never waits in a queue, and goes to no other worker. Its outcome
 * is what the node is to be told.
 *
 * What a worker has in hand is bounded by its capacity, here as there: the node frees a slot when it is told that the
 * attempt is over, which is after it was released here. A node that hands more than it may is told WEFT_EBUSY. The limits
 * of groups are not the node's to know: what is more than their threads waits in the FIFO of the group. */
#include "core/state.h"

#include <string.h>

static bool make_stream(struct core *core, const struct core_hand *hand, struct core_extras **extras)
{
    *extras = NULL;
    if (!hand->streams) return true;
    const struct core_request request = {
        .dest = hand->dest, .window = hand->window, .credit = true, .said_bytes_max = hand->said_bytes_max};
    *extras = weft__mem_zalloc(core->mem, sizeof(**extras));
    if (!*extras) return false;
    (*extras)->stream = weft__stream_new(core, &request);
    if ((*extras)->stream) return true;
    weft__mem_free(core->mem, *extras);
    return false;
}

static weft_error reserve(struct core *core, struct core_channel *channel, const struct core_hand *hand,
                          struct core_extras **extras, struct core_class **class)
{
    weft_error error = WEFT_ENOMEM;
    if (!channel->latency) channel->latency = weft__mem_zalloc(core->mem, sizeof(*channel->latency));
    if (!channel->latency || !weft__slotmap_ensure(&core->dispatches, core->dispatches.live_count + 1) ||
        !weft__tasks_reserve(core, 0, 1) || !make_stream(core, hand, extras))
        return WEFT_ENOMEM;
    *class = weft__class_get(core, channel, hand->activity_type_hash, hand->activity_type, &error);
    if (*class) return WEFT_OK;
    if (*extras) weft__stream_free(core, (*extras)->stream);
    weft__mem_free(core->mem, *extras);
    return error;
}

static struct core_dispatch *make(struct core *core, const struct core_hand *hand, struct core_extras *extras,
                                  struct core_class *class)
{
    struct core_dispatch *dispatch = weft__slotmap_take(&core->dispatches);
    class->refs++;
    dispatch->class = class;
    dispatch->extras = extras;
    if (extras) {
        extras->stream->dispatch = dispatch;
        extras->stream->attempt = hand->attempt;
        extras->stream->out = hand->window - hand->room;
    }
    dispatch->handed = true;
    dispatch->session_id = core->limits.public_session ? core->limits.public_session : hand->worker;
    dispatch->arrival = ++core->arrival;
    dispatch->dest = hand->dest;
    dispatch->token = hand->token;
    dispatch->payload = hand->payload;
    dispatch->admission = WEFT_ADMISSION_ACCEPTED;
    dispatch->attempts_max = (uint8_t)hand->attempt;
    dispatch->attempts = (uint8_t)(hand->attempt - 1);
    dispatch->start_to_close_ms = dispatch->heartbeat_ms = WEFT_FOREVER; /* the node looks after them */
    dispatch->start_deadline_ns = dispatch->close_deadline_ns = CORE_NEVER;
    dispatch->waiting_since_ns = core->now_ns;
    list_init(&dispatch->on_session);
    list_push_back(&dispatch->dest->open, &dispatch->item.on);
    return dispatch;
}

weft_error weft__core_hand(struct core *core, uint64_t now_ns, const struct core_hand *hand, weft_dispatch_id *local)
{
    core->now_ns = now_ns;
    if (core->settling) return WEFT_ECLOSED;
    struct core_worker *worker = weft__slotmap_find(&core->workers, hand->worker);
    bool takes = worker && !worker->ended && !worker->draining; /* who drains has been promised no more */
    if (!takes || worker->session->state != CORE_SESSION_ARMED) return WEFT_ENOTFOUND;
    if (worker->channel->hidden || hand->attempt < 1 || hand->attempt > CORE_ATTEMPTS_MAX) return WEFT_EPROTOCOL;
    if (hand->streams && (hand->window < 1 || hand->window > WEFT_WINDOW_MAX || hand->room > hand->window))
        return WEFT_EPROTOCOL;
    if (worker->in_flight >= worker->max_concurrent) return WEFT_EBUSY;
    if (core->dispatches.live_count >= core->limits.dispatches_max) return WEFT_ELIMIT;
    struct core_extras *extras;
    struct core_class *class;
    struct core_channel *channel = worker->channel;
    weft_error error = reserve(core, channel, hand, &extras, &class);
    if (error) return error;

    struct core_dispatch *dispatch = make(core, hand, extras, class);
    channel->open++;
    channel->dispatched++;
    core->stats.dispatched++;
    core->stats.dispatches_open++;
    weft__assign(core, dispatch, worker);
    struct core_task *task = dispatch->task;
    task->id = hand->id;
    task->deadline_ns = hand->deadline_ns;
    task->timed = hand->timed;
    *local = (weft_dispatch_id){dispatch->session_id, dispatch->slot.handle};
    return WEFT_OK;
}

void weft__handed_started(struct core *core, struct core_task *task)
{
    weft__dest_append(core, task->origin->dest, &task->item, CORE_ITEM_STARTED);
}

void weft__handed_back(struct core *core, struct core_dispatch *dispatch)
{
    weft__settle(core, dispatch, WEFT_CANCELLED, "given_back", NULL);
}

/* Before all that stands there: it is older. */
void weft__handed_requeue(struct core *core, struct core_task *task)
{
    if (!task->dispatch || task->dispatch->cancelling) return;
    weft__handed_unheard(task->dispatch);
    task->state = CORE_TASK_ASSIGNED;
    task->started_ns = 0;
    memset(&task->shell, 0, sizeof(task->shell));
    task->dest->items_count++;
    task->item.kind = CORE_ITEM_TASK;
    list_push_front(&task->dest->fifo, &task->item.on);
    weft__core_dest_wake(core, task->dest);
}

void weft__handed_unheard(struct core_dispatch *dispatch)
{
    struct core_task *task = dispatch->state == DISPATCH_SETTLED ? dispatch->left : weft__task_of(dispatch);
    if (task && task->state == CORE_TASK_TAKEN && list_linked(&task->item.on))
        weft__dest_remove(dispatch->dest, &task->item);
}
