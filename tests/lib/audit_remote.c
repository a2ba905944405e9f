/* audit_remote.c: what is elsewhere: barred sessions, remote workers, ids of strangers, windows with credit. See
 * audit.h. */
#include "lib/audit_internal.h"

/* Nothing waits in the FIFO for who has no connection. */
bool audit_bar(const struct core_session *session)
{
    uint64_t name = session->slot.handle;
    if (session->state == CORE_SESSION_DEAD || list_linked(&session->work.on)) return true;
    for (const struct list_node *node = session->workers.next; node != &session->workers; node = node->next) {
        const struct core_worker *worker = list_record(node, struct core_worker, on_session);
        HOLDS(worker->seen_turn == session->turn || session->state == CORE_SESSION_ARMING, "worker of session", name);
        if (session->bar != CORE_BAR_DETACHED || !worker->remote || list_empty(&worker->tasks)) continue;
        const struct core_task *last = list_record(worker->tasks.prev, struct core_task, on_worker);
        HOLDS(last->state != CORE_TASK_ASSIGNED, "assigned to a detached worker of session", name);
    }
    return true;
}

/* What it has not taken stands behind what it has; and nobody here holds what it had. */
bool audit_remote_worker(struct tally *tally, const struct core_worker *worker)
{
    bool assigned = false;
    HOLDS(!worker->group && !worker->handled, "remote worker", worker->id);
    for (const struct list_node *node = worker->tasks.next; node != &worker->tasks; node = node->next) {
        const struct core_task *task = list_record(node, struct core_task, on_worker);
        HOLDS(!assigned || task->state == CORE_TASK_ASSIGNED || worker->ended, "taken behind assigned", worker->id);
        HOLDS(task->settled || task->cancel_dest == worker->dest, "cancel notices of remote worker", worker->id);
        assigned |= task->state == CORE_TASK_ASSIGNED;
    }
    if (!worker->ended) return true;
    HOLDS(list_empty(&worker->tasks) || list_linked(&worker->work.on), "ended remote worker", worker->id);
    if (worker->channel) return true;
    HOLDS(!list_linked(&worker->end_item.on) || worker->end_item.kind == CORE_ITEM_WORKER, "end", worker->id);
    return !list_linked(&worker->end_item.on) || audit_item(tally, &worker->end_item, worker->dest);
}

bool audit_room(struct tally *tally, const struct core_stream *stream)
{
    uint64_t name = stream->dispatch->arrival;
    const struct core_task *task = weft__task_of(stream->dispatch);
    bool told = list_linked(&stream->room_item.on);
    HOLDS(stream->count + stream->out <= stream->window, "window of dispatch", name);
    HOLDS(stream->credit || stream->out == 0, "window of dispatch", name);
    HOLDS(told == (stream->room > 0), "room of dispatch", name);
    if (!told) return true;
    HOLDS(task && task->state == CORE_TASK_TAKEN && !task->fenced && !task->settled, "room of dispatch", name);
    HOLDS(task->worker->remote && stream->room_dest == task->dest, "room of dispatch", name);
    HOLDS(stream->room_item.kind == CORE_ITEM_ROOM, "room of dispatch", name);
    return audit_item(tally, &stream->room_item, stream->room_dest);
}

bool audit_id(struct tally *tally, const struct core_dispatch *dispatch)
{
    tally->strange += dispatch->strange;
    HOLDS(!dispatch->strange || (dispatch->number && dispatch->session_id), "id of dispatch", dispatch->slot.handle);
    HOLDS(weft__dispatch_find(tally->core, weft__dispatch_id(dispatch)) == dispatch, "dispatch", dispatch->slot.handle);
    return true;
}

bool audit_ids(const struct tally *tally)
{
    const struct core_ids *ids = &tally->core->ids;
    uint32_t count = 0;
    for (uint32_t i = 0; i < ids->room; i++)
        count += ids->entries[i] != NULL;
    HOLDS(count == ids->count && count == tally->strange, "ids of strangers", count);
    HOLDS(count == 0 || count < ids->room, "room for ids of strangers", count);
    return true;
}
