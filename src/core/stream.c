/* stream.c: what a task tells its caller before the outcome: parts of the result, each of them, and how far it is, of
 * which only the last word counts.
 *
 *     destination of     ... [part 7] ... [part 8] ... [how far] ... ... [outcome]
 *     the caller               |            |            |
 *     the stream            partials[window], a ring     progress        restart
 *
 * Each one that waits for the caller is an item of its own in the FIFO to which the outcome will be appended: so they
 * come in the order in which they were sent, before the outcome, and a talkative task keeps nobody else from being
 * heard. The memory for all items is made at admission; a message is its sender's to make.
 *
 * Where an attempt is not the first, its caller is told so before all it sends, when it is taken; what its
 * predecessor sent and nobody has fetched is dropped then. The window is of one hold's size at the most, since one
 * hold drops it. */
#include "core/state.h"

_Static_assert((int)WEFT_WINDOW_MAX <= (int)CORE_HOLD_MAX, "one hold drops what stands in a window");

struct core_stream *weft__stream_new(struct core *core, const struct core_request *request)
{
    WEFT_ASSERT(request->window > 0 && request->window <= WEFT_WINDOW_MAX && request->dest);
    size_t bytes = sizeof(struct core_stream) + request->window * sizeof(struct core_update);
    struct core_stream *stream = weft__mem_zalloc(core->mem, bytes);
    if (!stream) return NULL;
    stream->updated = request->updated;
    stream->updated_context = request->updated_context;
    stream->window = request->window;
    stream->credit = request->credit;
    stream->said_bytes_max = request->said_bytes_max;
    stream->attempt = 1;
    list_init(&stream->waiters);
    list_init(&stream->room_item.on);
    struct core_update *own[] = {&stream->progress, &stream->restart};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        own[i]->stream = stream;
        list_init(&own[i]->item.on);
    }
    for (uint32_t i = 0; i < stream->window; i++) {
        stream->partials[i].stream = stream;
        list_init(&stream->partials[i].item.on);
    }
    return stream;
}

void weft__stream_free(struct core *core, struct core_stream *stream)
{
    if (!stream) return;
    weft__message_drop(stream->progress.message);
    for (uint32_t i = 0; i < stream->window; i++)
        weft__message_drop(stream->partials[i].message);
    weft__mem_free(core->mem, stream);
}

/* --- what waits for the caller ---------------------------------------------------------------- */

static struct core_update *nth(struct core_stream *stream, uint32_t n)
{
    return &stream->partials[(stream->first + n) % stream->window];
}

static void send(struct core *core, struct core_update *update, struct message *message)
{
    update->message = message;
    weft__dest_append(core, update->stream->dispatch->dest, &update->item, CORE_ITEM_UPDATE);
}

static void drop(struct core_update *update)
{
    if (!list_linked(&update->item.on)) return;
    weft__dest_remove(update->stream->dispatch->dest, &update->item);
    weft__message_drop(update->message);
    update->message = NULL;
}

static uint32_t drop_all(struct core_stream *stream)
{
    uint32_t dropped = stream->count + 2;
    for (; stream->count > 0; stream->count--) {
        drop(nth(stream, 0));
        stream->first = (stream->first + 1) % stream->window;
    }
    drop(&stream->progress);
    drop(&stream->restart);
    return dropped;
}

/* --- room -------------------------------------------------------------------------------------- */

static uint32_t room_of(const struct core_stream *stream)
{
    return stream->window - stream->count - stream->out;
}

uint32_t weft__stream_room(const struct core_dispatch *dispatch)
{
    const struct core_stream *stream = weft__stream_of(dispatch);
    return stream ? room_of(stream) : 0;
}

/* The attempt that sends, where it runs elsewhere. NULL: it does not. */
static struct core_task *sender(const struct core_stream *stream)
{
    struct core_task *task = weft__task_of(stream->dispatch);
    bool sends = task && task->state == CORE_TASK_TAKEN && !task->fenced && task->worker->remote;
    return sends ? task : NULL;
}

/* Who waits here is woken, who may wait elsewhere is told; and who had no room was alive all the time. */
static void made_room(struct core *core, struct core_stream *stream, uint32_t count)
{
    for (uint32_t i = 0; i < count && !list_empty(&stream->waiters); i++)
        weft__wake(core, &stream->waiters, false);
    struct core_task *task = sender(stream);
    if (!task || count == 0) return;
    if (room_of(stream) == count) (void)weft__core_heartbeat(core, core->now_ns, task);
    stream->room += count;
    stream->room_dest = task->dest;
    if (!list_linked(&stream->room_item.on))
        weft__dest_append(core, stream->room_dest, &stream->room_item, CORE_ITEM_ROOM);
}

void weft__stream_room_made(struct core *core, struct core_dispatch *dispatch, uint32_t count)
{
    struct core_stream *stream = weft__stream_of(dispatch);
    if (!stream) return;
    if (count > stream->out) count = stream->out;
    stream->out -= count;
    made_room(core, stream, count);
}

void weft__stream_room_forget(struct core_dispatch *dispatch)
{
    struct core_stream *stream = weft__stream_of(dispatch);
    if (!stream) return;
    if (list_linked(&stream->room_item.on)) weft__dest_remove(stream->room_dest, &stream->room_item);
    stream->room = 0;
}

/* --- what is handed out ------------------------------------------------------------------------ */

void weft__update_hand_out(struct core *core, struct core_update *update, struct core_outcome *outcome)
{
    struct core_stream *stream = update->stream;
    const struct core_dispatch *dispatch = stream->dispatch;
    *outcome = (struct core_outcome){.id = weft__dispatch_id(dispatch),
                                     .attempts = stream->attempt,
                                     .message = update->message,
                                     .token = dispatch->token,
                                     .context = dispatch->context,
                                     .context2 = dispatch->strange ? NULL : dispatch->context2,
                                     .update = WEFT_UPDATE_PARTIAL,
                                     .updated = stream->updated,
                                     .updated_context = stream->updated_context};
    update->message = NULL;
    if (update == &stream->progress) {
        outcome->update = WEFT_UPDATE_PROGRESS;
    } else if (update == &stream->restart) {
        outcome->update = WEFT_UPDATE_RESTARTED;
    } else {
        WEFT_ASSERT(stream->count > 0 && update == nth(stream, 0));
        outcome->number = stream->sent - stream->count + 1;
        stream->first = (stream->first + 1) % stream->window;
        stream->count--;
        if (stream->credit)
            stream->out++;
        else
            made_room(core, stream, 1);
        weft__uplink_heard(core, dispatch, 1);
    }
}

void weft__update_forget(struct core *core, struct core_update *update)
{
    struct core_outcome outcome;
    weft__update_hand_out(core, update, &outcome);
    weft__message_drop(outcome.message);
}

/* --- its course ------------------------------------------------------------------------------- */

bool weft__stream_restarts(const struct core_task *task)
{
    const struct core_stream *stream = weft__stream_of(task->dispatch);
    return stream && stream->attempt != task->attempt;
}

/* One that was taken, not begun and given back has the number of the next, which is then announced already. */
void weft__stream_taken(struct core *core, const struct core_task *task)
{
    if (!weft__stream_restarts(task)) return;
    weft__stream_restarted(core, weft__stream_of(task->dispatch), task->attempt);
}

void weft__stream_restarted(struct core *core, struct core_stream *stream, uint32_t attempt)
{
    weft__uplink_heard(core, stream->dispatch, stream->count);
    (void)drop_all(stream);
    stream->attempt = attempt;
    stream->sent = stream->progress_after = 0;
    send(core, &stream->restart, NULL);
}

void weft__stream_broken(struct core *core, struct core_dispatch *dispatch)
{
    struct core_stream *stream = weft__stream_of(dispatch);
    if (!stream) return;
    stream->waiting_count = 0;
    weft__stream_room_forget(dispatch);
    weft__wake(core, &stream->waiters, true);
}

uint32_t weft__stream_end(struct core *core, struct core_dispatch *dispatch)
{
    struct core_stream *stream = weft__stream_of(dispatch);
    if (!stream) return 0;
    if (weft__stream_waits(dispatch)) (void)weft__core_heartbeat(core, core->now_ns, dispatch->task);
    weft__stream_broken(core, dispatch);
    weft__uplink_heard(core, dispatch, stream->count);
    uint32_t dropped = drop_all(stream);
    weft__stream_free(core, stream);
    dispatch->extras->stream = NULL;
    return dropped;
}

bool weft__stream_waits(const struct core_dispatch *dispatch)
{
    const struct core_stream *stream = weft__stream_of(dispatch);
    return stream && (stream->waiting_count > 0 || (room_of(stream) == 0 && sender(stream)));
}

/* --- what a task says ------------------------------------------------------------------------- */

/* Whether it may speak, which is a sign of life. */
static weft_error may_speak(struct core *core, uint64_t now_ns, struct core_task *task)
{
    core->now_ns = now_ns;
    if (task->settled) return WEFT_EINVAL;
    return weft__core_heartbeat(core, now_ns, task) ? WEFT_OK : WEFT_ESTALE;
}

static bool too_large(const struct core_stream *stream, const struct message *message)
{
    return stream->said_bytes_max && message->size_bytes > stream->said_bytes_max;
}

uint32_t weft__core_said_max(const struct core_task *task)
{
    const struct core_stream *stream = task->dispatch ? weft__stream_of(task->dispatch) : NULL;
    return stream ? stream->said_bytes_max : 0;
}

/* Replaces what was not fetched, where that stands; but not ahead of parts that were sent since. */
static void put_progress(struct core *core, struct core_stream *stream, struct message *message)
{
    struct core_update *progress = &stream->progress;
    if (!list_linked(&progress->item.on)) {
        send(core, progress, message);
    } else {
        weft__message_drop(progress->message);
        progress->message = message;
        if (stream->progress_after != stream->sent) {
            WEFT_ASSERT(stream->count > 0);
            list_remove(&progress->item.on);
            list_push_front(&nth(stream, stream->count - 1)->item.on, &progress->item.on);
        }
    }
    stream->progress_after = stream->sent;
}

weft_error weft__core_progress(struct core *core, uint64_t now_ns, struct core_task *task, struct message *message)
{
    weft_error error = may_speak(core, now_ns, task);
    if (error) return error;
    struct core_stream *stream = weft__stream_of(task->dispatch);
    if (stream && too_large(stream, message)) return WEFT_ELIMIT;
    if (stream)
        put_progress(core, stream, message);
    else
        weft__message_drop(message);
    return WEFT_OK;
}

/* One that was handed is to stop: whether somebody still waits for it the node alone knows, so nothing here waits for room. */
void weft__stream_stop(struct core *core, struct core_dispatch *dispatch)
{
    struct core_stream *stream = weft__stream_of(dispatch);
    if (stream && dispatch->handed) weft__wake(core, &stream->waiters, true);
}

weft_error weft__core_partial(struct core *core, uint64_t now_ns, struct core_task *task, struct message *message,
                              struct core_waiter *waiter, bool waited)
{
    weft_error error = may_speak(core, now_ns, task);
    if (error) return error;
    struct core_stream *stream = weft__stream_of(task->dispatch);
    if (!stream) {
        weft__message_drop(message);
        return WEFT_OK;
    }
    WEFT_ASSERT(!waited || stream->waiting_count > 0);
    stream->waiting_count -= waited;
    if (too_large(stream, message)) return WEFT_ELIMIT;
    if (room_of(stream) == 0) {
        if (task->dispatch->handed && task->dispatch->cancelling) return WEFT_ESTALE;
        if (waiter) {
            list_push_back(&stream->waiters, &waiter->on);
            stream->waiting_count++;
        }
        return WEFT_EAGAIN;
    }
    stream->count++;
    stream->sent++;
    send(core, nth(stream, stream->count - 1), message);
    return WEFT_OK;
}
