/* far.c: what lives elsewhere: sessions that are barred, workers whose tasks run in other processes, callers who make their
 * own ids. All that goes to one of them stands in one line, drained by weft__core_next. */
#include "sim/model.h"

/* --- barred ----------------------------------------------------------------------------------- */

bool act_bar(struct world *world)
{
    uint32_t index = draw(world, world->shape.sessions);
    struct sim_session *session = &world->sessions[index];
    if (!session->handle) return false;
    enum core_bar bar = once_in(world, 3) ? (enum core_bar)(1 + draw(world, 2)) : CORE_BAR_NONE;
    if (bar == session->bar && !once_in(world, 8)) return false;
    sim_enter(world, EV_BAR, false);
    TRACE(world, "bar session %u: %d", index, (int)bar);
    weft__core_session_bar(world->core, world->now_ns, session->handle, bar);
    if (!session->fired) {
        cover(bar == CORE_BAR_DETACHED ? COVER_DETACHED : bar ? COVER_BACKLOGGED : COVER_UNBARRED);
        session->bar = bar;
    }
    sim_leave(world);
    return true;
}

/* --- the line --------------------------------------------------------------------------------- */

static struct sim_task *held_of(struct world *world, const struct core_task *task)
{
    for (uint32_t i = 0; i < world->tasks_count; i++)
        if (world->tasks[i].task == task) return &world->tasks[i];
    sim_fail(world, "a session is told of a task that it does not have");
}

static uint32_t room_of(const struct sim_call *call)
{
    return call->window ? call->window - call->parts_count - call->out : 0;
}

static void got_task(struct world *world, const struct core_taken *taken)
{
    const struct sim_call *call = &world->calls[taken->task->dispatch->token];
    const struct sim_worker *worker = taken->task->worker_context;
    EXPECT(world, worker->kind == WORKER_FAR, "a task in the line of another worker");
    model_taken(world, taken->task, ++world->batches);
    struct sim_task *held = &world->tasks[world->tasks_count - 1];
    EXPECT(world, taken->room == room_of(call), "dispatch %llu has room for %u parts, and is told %u",
           (unsigned long long)call->arrival, room_of(call), taken->room);
    held->room = taken->room;
    cover(COVER_FAR_TAKEN);
}

static void got_room(struct world *world, const struct core_taken *taken)
{
    struct sim_task *held = held_of(world, taken->task);
    EXPECT(world, taken->room > 0 && model_current(world, held), "room is told to a stale task");
    held->room += taken->room;
    cover(COVER_FAR_ROOM);
}

static void got_end(struct world *world, const struct core_taken *taken)
{
    struct sim_worker *worker = taken->worker_context;
    EXPECT(world, worker->handle == taken->worker && worker_ended(world, worker) && !worker->told_over,
           "the end of %s is told, and it has not come or was told before", worker->name);
    worker->told_over = true;
    cover(COVER_FAR_OVER);
}

bool line_deliver(struct world *world, uint32_t session)
{
    struct sim_dest *dest = &world->dests[world->sessions[session].line];
    struct core_taken taken;
    sim_enter(world, EV_DELIVER, false);
    enum core_item_kind kind = weft__core_next(world->core, world->now_ns, dest->core, &taken);
    TRACE(world, "deliver to session %u: kind %d", session, (int)kind);
    if (kind == CORE_ITEM_TASK)
        got_task(world, &taken);
    else if (kind == CORE_ITEM_ROOM)
        got_room(world, &taken);
    else if (kind == CORE_ITEM_WORKER)
        got_end(world, &taken);
    else if (kind)
        outcome_got(world, dest, kind, &taken.outcome, taken.task);
    else
        dest_sleep(world, dest);
    sim_leave(world);
    return kind != 0;
}

bool act_deliver(struct world *world)
{
    uint32_t session = draw(world, world->shape.sessions);
    const struct sim_dest *dest = &world->dests[world->sessions[session].line];
    if (dest->waiting == CONSUMERS || world->tasks_count == world->tasks_room) return false;
    if (!dest->core->items_count && !once_in(world, 8)) return false;
    (void)line_deliver(world, session);
    return true;
}

/* --- room ------------------------------------------------------------------------------------- */

bool model_full(const struct sim_call *call)
{
    return call->window && room_of(call) == 0;
}

bool model_far_waits(const struct sim_call *call)
{
    return call->far && call->taken && model_full(call);
}

bool act_room(struct world *world)
{
    uint32_t index = any_call(world);
    if (index == NONE) return false;
    struct sim_call *call = &world->calls[index];
    if (!call->out && !once_in(world, 20)) return false;
    uint32_t count = draw(world, 4);
    sim_enter(world, EV_ROOM, false);
    TRACE(world, "room for %u parts of dispatch %llu", count, (unsigned long long)call->arrival);
    weft__core_room(world->core, world->now_ns, call->id, count);
    if (call->window) {
        uint32_t made = count < call->out ? count : call->out;
        if (made && call->life == CALL_OPEN && model_far_waits(call)) call->beat_ns = world->now_ns;
        if (made) cover(COVER_CREDIT);
        call->out -= made;
    }
    sim_leave(world);
    return true;
}

/* --- after each event ------------------------------------------------------------------------- */

/* What the core has released nobody has any more. */
void far_released(struct world *world)
{
    for (uint32_t i = world->tasks_count; i-- > 0;) {
        const struct sim_task *held = &world->tasks[i];
        if (!held->far) continue;
        const struct sim_worker *worker = &world->workers[held->worker];
        bool gone = worker->serial != held->worker_serial || worker_ended(world, worker);
        const struct core_task *found = weft__core_task_find(world->core, held->session, held->handle);
        EXPECT(world, !found || found == held->task, "the handle of a task leads to another");
        EXPECT(world, found || gone, "a task is gone, and its worker is there");
        EXPECT(world, !found || !gone || weft__core_has_work(world->core), "an ended worker elsewhere keeps a task");
        if (found) continue;
        cover(COVER_FAR_RELEASED);
        model_drop_task(world, i);
    }
}

void observe_far(struct world *world)
{
    for (uint32_t i = 0; i < world->tasks_count; i++) {
        const struct sim_task *held = &world->tasks[i];
        const struct sim_call *call = held->far ? model_current(world, held) : NULL;
        const struct core_stream *stream = call && call->window ? weft__stream_of(held->task->dispatch) : NULL;
        if (!stream) continue;
        EXPECT(world, held->room + stream->room == room_of(call),
               "dispatch %llu has room for %u parts; its task knows of %u, and is to be told of %u",
               (unsigned long long)call->arrival, room_of(call), held->room, stream->room);
    }
    for (uint32_t i = 0; i < world->shape.workers; i++) {
        const struct sim_worker *worker = &world->workers[i];
        if (!worker->handle || worker->kind != WORKER_FAR) continue;
        const struct core_worker *record = weft__slotmap_find(&world->core->workers, worker->handle);
        if (!record->ended || record->channel) continue;
        EXPECT(world, worker->told_over != list_linked(&record->end_item.on), "the end of %s is not told, or twice",
               worker->name);
    }
}
