/* audit_life.c: sessions, workers, dispatches and tasks: that each record is what its state says. See audit.h. */
#include "base/clock.h"
#include "lib/audit_internal.h"

/* --- workers and sessions --------------------------------------------------------------------- */

static bool tasks_of_worker(struct tally *tally, const struct core_worker *worker)
{
    uint32_t count = 0, orphaned = 0, busy = 0;
    for (const struct list_node *node = worker->tasks.next; node != &worker->tasks; node = node->next, count++) {
        const struct core_task *task = list_record(node, struct core_task, on_worker);
        HOLDS(task->worker == worker, "task of worker", worker->id);
        orphaned += task->orphaned;
        busy += task->in_handler;
    }
    HOLDS(count == worker->in_flight, "worker", worker->id);
    HOLDS(orphaned == worker->orphaned, "worker", worker->id);
    tally->in_flight += count;
    if (!worker->channel) return true;
    struct channel_tally *sums = &tally->channels[slot_number(&worker->channel->slot)];
    sums->in_flight += count;
    sums->orphaned += orphaned;
    if (!worker->group || !busy) return true;
    uint32_t i = 0;
    for (const struct list_node *node = tally->core->groups.next; node != &worker->group->on_core; node = node->next)
        i++;
    tally->groups_busy[i] += busy;
    return true;
}

static bool standing(struct tally *tally, const struct core_worker *worker)
{
    const struct core_session *session = worker->session;
    HOLDS(list_linked(&worker->on_channel) && list_linked(&worker->on_session), "worker", worker->id);
    HOLDS(worker->channel && worker->members_count > 0, "worker", worker->id);
    for (uint32_t i = 0; i < worker->members_count; i++)
        HOLDS(worker->members[i].seat->understands == worker->understands, "worker", worker->id);
    HOLDS(worker->reserved == worker->max_concurrent, "worker", worker->id);
    bool eligible = weft__refusal(tally->core, worker, NULL) == WEFT_RULE_ELIGIBLE;
    if (eligible != worker->indexed) {
        bool owed = tally->has_work && (list_linked(&session->work.on) || list_linked(&worker->channel->work.on));
        HOLDS(owed, "worker (index)", worker->id);
        HOLDS(session->state != CORE_SESSION_ARMING, "worker (index)", worker->id);
        HOLDS(eligible || !weft__session_works(session), "worker (index)", worker->id);
        HOLDS(!eligible || worker->seen_turn != session->turn, "worker (index)", worker->id);
    }
    HOLDS(session->state != CORE_SESSION_DEAD || list_linked(&session->work.on), "worker of a dead session",
          worker->id);
    HOLDS(!worker->channel->deleted || list_linked(&worker->channel->work.on), "worker of a deleted channel",
          worker->id);
    HOLDS(list_empty(&worker->idle_waiters) || worker->in_flight > 0, "worker", worker->id);
    struct channel_tally *sums = &tally->channels[slot_number(&worker->channel->slot)];
    sums->workers++;
    sums->class_refs -= worker->members_count; /* what is left is held by dispatches and tasks */
    sums->members -= worker->members_count;
    if (worker->draining) sums->draining -= worker->members_count;
    if (worker->indexed) {
        sums->eligible++;
        sums->eligible_members -= worker->members_count;
    }
    return true;
}

static bool ended(const struct tally *tally, const struct core_worker *worker)
{
    bool work = list_linked(&worker->work.on);
    HOLDS(!worker->indexed && worker->members_count == 0 && !worker->members, "ended worker", worker->id);
    HOLDS(!worker->understands, "ended worker", worker->id);
    bool listed = list_linked(&worker->on_channel) || list_linked(&worker->on_session);
    HOLDS(!listed || (worker->remote && !worker->channel), "ended worker", worker->id);
    HOLDS(!work || tally->has_work, "ended worker", worker->id);
    HOLDS((worker->channel != NULL) == (work || worker->in_flight > 0), "ended worker", worker->id);
    HOLDS(list_empty(&worker->idle_waiters) || work || worker->in_flight > 0, "ended worker", worker->id);
    if (work) return true;
    for (const struct list_node *node = worker->tasks.next; node != &worker->tasks; node = node->next) {
        const struct core_task *task = list_record(node, struct core_task, on_worker);
        HOLDS(task->state == CORE_TASK_TAKEN && task->in_handler, "task of ended worker", worker->id);
    }
    return true;
}

bool audit_worker(struct tally *tally, const struct core_worker *worker)
{
    HOLDS(worker->in_flight <= worker->max_concurrent, "worker", worker->id);
    HOLDS(worker->in_flight <= worker->reserved, "worker", worker->id);
    HOLDS(worker->dest->items_count > 0 || list_empty(&worker->dest->fifo), "worker", worker->id);
    HOLDS(worker->dest->items_count == 0 || !list_empty(&worker->dest->fifo), "worker", worker->id);
    tally->sessions_hanging[slot_number(&worker->session->slot)]++;
    if (worker->channel) tally->channels[slot_number(&worker->channel->slot)].hanging++;
    tally->reserved += worker->reserved;
    if (worker->remote && !audit_remote_worker(tally, worker)) return false;
    return (worker->ended ? ended(tally, worker) : standing(tally, worker)) && tasks_of_worker(tally, worker);
}

bool audit_session(struct tally *tally, const struct core_session *session)
{
    uint64_t name = session->slot.handle;
    bool work = list_linked(&session->work.on);
    HOLDS(session->hanging_count == tally->sessions_hanging[slot_number(&session->slot)], "session", name);
    HOLDS(session->holders_count > 0 || session->hanging_count > 0 || work, "session", name);
    HOLDS(!work || tally->has_work, "session", name);
    if (session->state == CORE_SESSION_DEAD) {
        HOLDS(work || list_empty(&session->workers), "dead session", name);
        HOLDS(work || list_empty(&session->dispatches), "dead session", name);
        HOLDS(work || list_empty(&session->subscriptions), "dead session", name);
    }
    return audit_bar(session);
}

/* --- destinations ----------------------------------------------------------------------------- */

static const struct core_dest *dest_of(const struct core_item *item)
{
    switch (item->kind) {
    case CORE_ITEM_TASK: return list_record(item, struct core_task, item)->dest;
    case CORE_ITEM_OUTCOME: return list_record(item, struct core_dispatch, item)->dest;
    case CORE_ITEM_CANCEL: return list_record(item, struct core_task, cancel_item)->cancel_dest;
    case CORE_ITEM_NOTES: return list_record(item, struct core_notes, item)->dest;
    case CORE_ITEM_UPDATE: return list_record(item, struct core_update, item)->stream->dispatch->dest;
    case CORE_ITEM_EVENTS: return list_record(item, struct core_subscription, item)->dest;
    case CORE_ITEM_STARTED: return list_record(item, struct core_task, item)->origin->dest;
    case CORE_ITEM_HEARD: return list_record(item, struct core_task, item)->dest;
    case CORE_ITEM_RELEASED: return list_record(item, struct core_dispatch, item)->dest;
    case CORE_ITEM_ROOM: return list_record(item, struct core_stream, room_item)->room_dest;
    case CORE_ITEM_WORKER: return list_record(item, struct core_worker, end_item)->dest;
    }
    return NULL;
}

/* Whoever is first in a destination counts all that stand there: so each destination is walked once. */
bool audit_item(struct tally *tally, const struct core_item *first, const struct core_dest *dest)
{
    tally->items++;
    if (first->on.prev != &dest->fifo) return true;
    uint32_t count = 0;
    for (const struct list_node *node = dest->fifo.next; node != &dest->fifo; node = node->next, count++)
        HOLDS(dest_of(list_record(node, struct core_item, on)) == dest, "items in a destination", dest->items_count);
    HOLDS(count == dest->items_count, "items in a destination", dest->items_count);
    tally->walked_items += count;
    return true;
}

bool audit_notes(struct tally *tally, const struct core_notes *notes)
{
    bool some = notes->count > 0 || notes->missed > 0;
    HOLDS(notes->count <= CORE_NOTES_MAX && notes->first < CORE_NOTES_MAX, "notes", notes->count);
    HOLDS(list_linked(&notes->item.on) == some, "notes", notes->count);
    return !some || audit_item(tally, &notes->item, notes->dest);
}

/* --- dispatches ------------------------------------------------------------------------------- */

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t after(uint64_t since_ns, uint32_t ms)
{
    return ms == WEFT_FOREVER ? CORE_NEVER : weft__clock_after_ms(since_ns, ms);
}

/* What runs out first: the timer stands at it. One that was assigned from the queue may still have that of its wait for
 * an untried worker: it fires early, once. */
static bool timer_right(struct tally *tally, const struct core_dispatch *dispatch)
{
    const struct core *core = tally->core;
    uint64_t due_ns = dispatch->close_deadline_ns, set_ns = CORE_NEVER;
    bool assigned = dispatch->state == DISPATCH_ASSIGNED, may_be_early = false;
    if (dispatch->timer.position) {
        HOLDS(dispatch->timer.position <= core->timers.count, "timer of dispatch", dispatch->arrival);
        const struct heap_entry *entry = &core->timers.entries[dispatch->timer.position - 1];
        HOLDS(entry->node == &dispatch->timer, "timer of dispatch", dispatch->arrival);
        set_ns = entry->key;
        tally->timers++;
    }
    if (assigned && weft__task_of(dispatch)->state == CORE_TASK_TAKEN) {
        bool counts = !weft__task_awaited(dispatch->task);
        due_ns = counts ? earlier(due_ns, after(dispatch->entered_ns, dispatch->start_to_close_ms)) : due_ns;
        due_ns = counts ? earlier(due_ns, after(dispatch->beat_ns, dispatch->heartbeat_ms)) : due_ns;
        if (dispatch->cancelling) due_ns = earlier(due_ns, dispatch->grace_ns);
    } else if (dispatch->state != DISPATCH_SETTLED && dispatch->state != DISPATCH_JOINED) {
        if (!dispatch->started) due_ns = earlier(due_ns, dispatch->start_deadline_ns);
        may_be_early = assigned;
        uint64_t retry_ns = dispatch->tried_count > 0 ? dispatch->extras->retry_ns : 0;
        if (dispatch->state == DISPATCH_QUEUED && retry_ns > core->now_ns)
            due_ns = earlier(due_ns, retry_ns);
        else if (dispatch->state == DISPATCH_QUEUED && retry_ns)
            may_be_early = set_ns == retry_ns;
    }
    HOLDS(set_ns == due_ns || (may_be_early && set_ns < due_ns), "timer of dispatch", dispatch->arrival);
    return true;
}

static bool settled(struct tally *tally, const struct core_dispatch *dispatch)
{
    uint64_t name = dispatch->arrival;
    HOLDS(!dispatch->class && !dispatch->session, "settled dispatch", name);
    HOLDS(dispatch->outcome >= WEFT_COMPLETED && dispatch->outcome <= WEFT_NODE_LOST, "settled dispatch", name);
    HOLDS(dispatch->potential == 0, "settled dispatch", name);
    HOLDS(!list_linked(&dispatch->on_session), "settled dispatch", name);
    HOLDS(list_linked(&dispatch->item.on) == (dispatch->dest != NULL), "settled dispatch", name);
    const struct core_task *left = dispatch->left;
    if (left) HOLDS(left->origin == dispatch && !left->dispatch && left->worker, "task of settled dispatch", name);
    if (dispatch->told && left)
        return true; /* it waits for the end of its task, which comes to dest, if it is handed */
    HOLDS(dispatch->dest || dispatch->detached, "settled dispatch", name);
    HOLDS((dispatch->close_deadline_ns == CORE_NEVER) == (dispatch->dest != NULL), "settled dispatch", name);
    if (!dispatch->dest) return true;
    HOLDS(dispatch->item.kind == (dispatch->told ? CORE_ITEM_RELEASED : CORE_ITEM_OUTCOME), "settled dispatch", name);
    return audit_item(tally, &dispatch->item, dispatch->dest);
}

static bool open(struct tally *tally, const struct core_dispatch *dispatch)
{
    uint64_t name = dispatch->arrival;
    const struct core_task *task = weft__task_of(dispatch);
    bool queued = dispatch->state == DISPATCH_QUEUED;
    HOLDS(dispatch->class && !weft__channel_of(dispatch)->deleted, "open dispatch", name);
    HOLDS(dispatch->payload, "open dispatch", name);
    bool keyed = dispatch->extras && dispatch->extras->key;
    bool handed = dispatch->handed;
    HOLDS((dispatch->session || dispatch->detached || keyed) != handed, "open dispatch", name);
    HOLDS(!handed || (task && task->origin == dispatch && dispatch->dest), "handed dispatch", name);
    HOLDS(!dispatch->told, "open dispatch", name);
    HOLDS(!keyed || (!dispatch->session && !dispatch->dest), "open dispatch with a key", name);
    HOLDS(list_linked(&dispatch->on_session) == (dispatch->session != NULL), "open dispatch", name);
    HOLDS(list_linked(&dispatch->item.on) == (dispatch->dest != NULL), "open dispatch", name);
    HOLDS(!queued || (list_linked(&dispatch->on_class) && list_linked(&dispatch->on_channel)), "open dispatch", name);
    HOLDS((task == NULL) == queued, "open dispatch", name);
    HOLDS(dispatch->attempts <= dispatch->attempts_max, "open dispatch", name);
    HOLDS(dispatch->tried_count == 0 || dispatch->redispatches, "open dispatch", name);
    if (task) {
        HOLDS(task->dispatch == dispatch && task->attempt == dispatch->attempts, "open dispatch", name);
        HOLDS(task->fenced == (dispatch->state == DISPATCH_FENCED), "open dispatch", name);
    }
    if (dispatch->cancelling) HOLDS(task && task->state == CORE_TASK_TAKEN && !task->fenced, "open dispatch", name);
    unsigned lost = dispatch->attempts - (dispatch->state == DISPATCH_ASSIGNED ? 1U : 0U);
    HOLDS((handed || dispatch->tried_count == lost) && lost < dispatch->attempts_max, "open dispatch", name);
    struct channel_tally *sums = &tally->channels[slot_number(&weft__channel_of(dispatch)->slot)];
    sums->open++;
    sums->class_refs--;
    tally->open++;
    tally->potential += dispatch->potential;
    if (dispatch->session) tally->sessions_hanging[slot_number(&dispatch->session->slot)]++;
    return true;
}

/* --- streams ---------------------------------------------------------------------------------- */

/* First that it goes on, then its parts in order, with what it says of how far it is among them; then the outcome. */
static bool in_order(const struct core_stream *stream, const struct core_dispatch *dispatch)
{
    const struct list_node *fifo = &dispatch->dest->fifo;
    uint64_t name = dispatch->arrival;
    uint32_t parts = 0, progress_after = 0;
    bool ended = false, any = false;
    for (const struct list_node *node = fifo->next; node != fifo; node = node->next) {
        if (node == &dispatch->item.on) ended = true;
        if (list_record(node, struct core_item, on)->kind != CORE_ITEM_UPDATE) continue;
        const struct core_update *update =
            list_record(list_record(node, struct core_item, on), struct core_update, item);
        if (update->stream != stream) continue;
        HOLDS(!ended, "what comes after its end, dispatch", name);
        HOLDS(update != &stream->restart || !any, "what comes before it restarts, dispatch", name);
        any = true;
        if (update == &stream->progress) progress_after = parts;
        if (update == &stream->progress || update == &stream->restart) continue;
        HOLDS(update == &stream->partials[(stream->first + parts) % stream->window], "part of dispatch", name);
        parts++;
    }
    HOLDS(parts == stream->count, "parts of dispatch", name);
    if (list_linked(&stream->progress.item.on))
        HOLDS(stream->sent - stream->count + progress_after == stream->progress_after, "progress of dispatch", name);
    return true;
}

static bool update_right(struct tally *tally, const struct core_stream *stream, const struct core_update *update,
                         bool stands, bool speaks)
{
    uint64_t name = stream->dispatch->arrival;
    HOLDS(update->stream == stream, "update of dispatch", name);
    HOLDS(list_linked(&update->item.on) == stands, "update of dispatch", name);
    HOLDS((update->message != NULL) == (stands && speaks), "update of dispatch", name);
    HOLDS(!stands || update->item.kind == CORE_ITEM_UPDATE, "update of dispatch", name);
    return !stands || audit_item(tally, &update->item, stream->dispatch->dest);
}

static bool stream_right(struct tally *tally, const struct core_dispatch *dispatch)
{
    const struct core_stream *stream = weft__stream_of(dispatch);
    uint64_t name = dispatch->arrival;
    if (!stream) return true;
    HOLDS(stream->dispatch == dispatch && dispatch->dest, "stream of dispatch", name);
    HOLDS(stream->first < stream->window && stream->count <= stream->window, "stream of dispatch", name);
    HOLDS(stream->sent >= stream->count && stream->progress_after <= stream->sent, "stream of dispatch", name);
    HOLDS(stream->attempt >= 1 && stream->attempt <= dispatch->attempts_max, "stream of dispatch", name);
    for (uint32_t i = 0; i < stream->window; i++) {
        bool stands = (i + stream->window - stream->first) % stream->window < stream->count;
        if (!update_right(tally, stream, &stream->partials[i], stands, true)) return false;
    }
    bool progress = list_linked(&stream->progress.item.on), restart = list_linked(&stream->restart.item.on);
    if (!update_right(tally, stream, &stream->progress, progress, true)) return false;
    if (!update_right(tally, stream, &stream->restart, restart, false)) return false;
    HOLDS(!restart || stream->attempt > 1, "stream of dispatch", name);
    uint32_t left = 0;
    for (const struct list_node *node = stream->waiters.next; node != &stream->waiters; node = node->next)
        left++;
    HOLDS(left <= stream->waiting_count, "who waits to send for dispatch", name);
    HOLDS(left < stream->waiting_count || left == 0 || stream->count + stream->out == stream->window,
          "who waits to send, and there is room, for dispatch", name);
    if (stream->waiting_count > 0) {
        HOLDS(dispatch->state == DISPATCH_ASSIGNED, "who waits to send for dispatch", name);
        const struct core_task *task = dispatch->task;
        HOLDS(task->state == CORE_TASK_TAKEN && task->attempt == stream->attempt && task->streams,
              "who waits to send for dispatch", name);
    }
    if (!audit_room(tally, stream)) return false;
    return stream->count + progress + restart == 0 || in_order(stream, dispatch);
}

static bool joined(struct tally *tally, const struct core_dispatch *dispatch)
{
    uint64_t name = dispatch->slot.handle;
    HOLDS(dispatch->key && list_linked(&dispatch->on_key) && !dispatch->payload, "joined dispatch", name);
    HOLDS(dispatch->session || dispatch->detached, "joined dispatch", name);
    HOLDS(list_linked(&dispatch->on_session) == (dispatch->session != NULL), "joined dispatch", name);
    HOLDS(list_linked(&dispatch->item.on) == (dispatch->dest != NULL), "joined dispatch", name);
    if (dispatch->session) tally->sessions_hanging[slot_number(&dispatch->session->slot)]++;
    tally->joined++;
    return true;
}

bool audit_dispatch(struct tally *tally, const struct core_dispatch *dispatch)
{
    if (!audit_id(tally, dispatch)) return false;
    if (dispatch->state == DISPATCH_JOINED) return joined(tally, dispatch) && timer_right(tally, dispatch);
    bool right = dispatch->state == DISPATCH_SETTLED ? settled(tally, dispatch) : open(tally, dispatch);
    if (dispatch->extras && dispatch->extras->letter) tally->reserved_letters++;
    return right && audit_reserved(dispatch) && timer_right(tally, dispatch) && stream_right(tally, dispatch);
}

/* --- tasks ------------------------------------------------------------------------------------ */

static bool assigned(struct tally *tally, const struct core_task *task, uint64_t name)
{
    HOLDS(task->dispatch && task->dispatch->state == DISPATCH_ASSIGNED, "assigned task", name);
    HOLDS(weft__task_of(task->dispatch) == task && task->worker, "assigned task", name);
    HOLDS(list_linked(&task->item.on) && task->item.kind == CORE_ITEM_TASK, "assigned task", name);
    HOLDS(!task->fenced && !task->orphaned && !task->settled, "assigned task", name);
    HOLDS(!atomic_load_explicit(&task->cancelled, memory_order_relaxed), "assigned task", name);
    return audit_item(tally, &task->item, task->dest);
}

static bool taken(struct tally *tally, const struct core_task *task, uint64_t name)
{
    const struct core_dispatch *dispatch = task->dispatch;
    bool cancelled = atomic_load_explicit(&task->cancelled, memory_order_relaxed);
    HOLDS(task->worker, "taken task", name);
    bool stands = list_linked(&task->item.on), handed = task->origin && task->origin->handed;
    HOLDS(!stands || task->item.kind == (handed ? CORE_ITEM_STARTED : CORE_ITEM_HEARD), "taken task", name);
    HOLDS(!stands || handed || task->heard > 0, "taken task", name);
    if (stands && !audit_item(tally, &task->item, handed ? task->origin->dest : task->dest)) return false;
    HOLDS(task->orphaned == (!dispatch || task->fenced), "taken task", name);
    HOLDS(!dispatch || weft__task_of(dispatch) == task, "taken task", name);
    HOLDS(!dispatch || dispatch->state == (task->fenced ? DISPATCH_FENCED : DISPATCH_ASSIGNED), "taken task", name);
    HOLDS(!task->settled || (task->in_handler && task->orphaned), "taken task", name);
    HOLDS(dispatch || cancelled || task->settled, "taken task", name);
    HOLDS(!cancelled || !dispatch || task->fenced || dispatch->cancelling, "taken task", name);
    HOLDS(!dispatch || !dispatch->cancelling || cancelled, "taken task", name);
    return true;
}

static bool lost(struct tally *tally, const struct core_task *task, uint64_t name)
{
    HOLDS(!task->worker && !task->dispatch && !task->origin && !task->in_handler && !task->settled, "lost task", name);
    HOLDS(!list_linked(&task->item.on) && !list_linked(&task->on_worker), "lost task", name);
    HOLDS(atomic_load_explicit(&task->cancelled, memory_order_relaxed), "lost task", name);
    tally->lost++;
    tally->channels[slot_number(&task->class->channel->slot)].hanging++;
    return true;
}

/* What went out, or was handed, and it alone has an origin, to its end. */
static bool origin_right(const struct core_task *task, uint64_t name)
{
    const struct core_dispatch *origin = task->origin;
    bool hidden = task->class->channel->hidden;
    HOLDS(!origin || !task->dispatch || task->dispatch == origin, "origin of task", name);
    HOLDS(!origin || task->dispatch || (origin->state == DISPATCH_SETTLED && origin->left == task), "origin of task",
          name);
    HOLDS(!hidden || origin || !task->worker, "task that went out", name);
    HOLDS(!origin || hidden != origin->handed, "origin of task", name);
    return true;
}

bool audit_task(struct tally *tally, const struct core_task *task)
{
    uint64_t name = task->id.number;
    if (!origin_right(task, name)) return false;
    HOLDS(task->payload && task->class && task->class->refs > 0, "task", name);
    tally->channels[slot_number(&task->class->channel->slot)].class_refs--;
    if (list_linked(&task->cancel_item.on)) {
        HOLDS(task->cancel_dest && task->cancel_item.kind == CORE_ITEM_CANCEL, "cancel notice of task", name);
        HOLDS(atomic_load_explicit(&task->cancelled, memory_order_relaxed), "cancel notice of task", name);
        HOLDS(!task->settled, "cancel notice of task", name);
        if (!audit_item(tally, &task->cancel_item, task->cancel_dest)) return false;
    }
    switch (task->state) {
    case CORE_TASK_ASSIGNED: return assigned(tally, task, name);
    case CORE_TASK_TAKEN: return taken(tally, task, name);
    case CORE_TASK_LOST: return lost(tally, task, name);
    }
    HOLDS(task->state == CORE_TASK_ASSIGNED, "the state of task", name);
    return false;
}
