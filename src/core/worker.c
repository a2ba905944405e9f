/* worker.c: the registry: weak entries for workers, and the groups whose threads they share.
 *
 *   register                armed (session.c)       drain               unregister, session dead, channel deleted
 *   --------> not in index ------------------> READY -----> DRAINING       any ------> ended ------> forgotten
 *
 * An ended worker is off every list of the registry at once; what it had is worked off in later holds: what it has not
 * begun goes to others, what it holds is lost, and a handler that still runs keeps its slot until it returns. The
 * record stays until the owner of the registration lets go of it.
 */
#include "core/state.h"

#include <stdio.h>
#include <string.h>

#include "base/mix.h"

/* --- groups ----------------------------------------------------------------------------------- */

weft_error weft__core_group_add(struct core *core, struct core_group *group, uint32_t limit)
{
    if (core->closing) return WEFT_ECLOSED;
    if (core->groups_count >= CORE_GROUPS_MAX) return WEFT_ELIMIT;
    core->groups_count++;
    weft__core_dest_init(&group->dest);
    list_init(&group->seats);
    list_init(&group->hungry);
    list_init(&group->turns);
    group->subscriptions = 0;
    group->limit = limit;
    group->busy = 0;
    list_push_back(&core->groups, &group->on_core);
    return WEFT_OK;
}

weft_error weft__core_group_remove(struct core *core, struct core_group *group, char *message)
{
    struct list_node *seat = list_first(&group->seats);
    if (seat) {
        const struct seat *used = list_record(seat, struct seat, on_group);
        snprintf(message, ERROR_TEXT_MAX, "%u workers of %s are registered on the group: unregister them first",
                 used->members_count, used->class->channel->name);
        return WEFT_EBUSY;
    }
    if (group->subscriptions > 0) {
        snprintf(message, ERROR_TEXT_MAX, "%u subscriptions are heard on the group: unsubscribe them first",
                 group->subscriptions);
        return WEFT_EBUSY;
    }
    if (group->busy > 0) {
        snprintf(message, ERROR_TEXT_MAX, "%u handlers still run on the group", group->busy);
        return WEFT_EBUSY;
    }
    list_remove(&group->on_core);
    core->groups_count--;
    return WEFT_OK;
}

void weft__core_group_limit(struct core *core, uint64_t now_ns, struct core_group *group, uint32_t limit)
{
    core->now_ns = now_ns;
    group->limit = limit;
    uint32_t excess = group->busy > limit ? group->busy - limit : 0;
    struct list_node *end = &group->dest.fifo, *node = end;
    for (int n = 0; excess > 0 && node->prev != end && n < CORE_HOLD_MAX; n++, excess--)
        node = node->prev;
    while (node != end) { /* of these newest ones the oldest goes first, to whoever is free */
        struct core_task *task = list_record(list_record(node, struct core_item, on), struct core_task, item);
        node = node->next;
        if (!task->origin) weft__task_unassign(core, task); /* what was handed is nobody else's */
    }
    weft__serve_group(core, group);
}

/* --- registration ----------------------------------------------------------------------------- */

static void members_drop(struct core *core, struct core_worker *worker)
{
    for (uint32_t i = 0; i < worker->members_count; i++) {
        struct core_class *class = worker->members[i].seat->class;
        weft__seat_drop(core, worker->members[i].seat);
        weft__class_drop(core, class);
    }
    if (worker->members != &worker->own) weft__mem_free(core->mem, worker->members);
    weft__mem_free(core->mem, worker->points);
    weft__understanding_drop(core, worker->channel, worker->understands);
    worker->understands = NULL;
    worker->members = NULL;
    worker->points = NULL;
    worker->members_count = 0;
}

static weft_error member_make(struct core *core, struct core_worker *draft, const char *type, struct core_group *group)
{
    weft_error error = WEFT_ENOMEM;
    uint64_t hash = type ? weft__name_hash(type) : 0;
    struct core_class *class = weft__class_get(core, draft->channel, hash, type, &error);
    if (!class) return error;
    for (uint32_t i = 0; i < draft->members_count; i++)
        if (draft->members[i].seat->class == class) return WEFT_OK; /* named twice */
    class->refs++;
    struct seat *seat = weft__seat_get(core, class, group, draft->understands);
    if (!seat) {
        weft__class_drop(core, class);
        return WEFT_ENOMEM;
    }
    draft->members[draft->members_count++] = (struct membership){.seat = seat};
    return WEFT_OK;
}

/* Its classes and seats, and on a sticky channel its points; what was made is in the draft, also on failure. */
static weft_error members_make(struct core *core, struct core_worker *draft, const struct core_worker_spec *spec)
{
    size_t count = spec->activity_types_count ? spec->activity_types_count : 1;
    draft->members = count == 1 ? &draft->own : weft__mem_zalloc(core->mem, count * sizeof(struct membership));
    if (!draft->members) return WEFT_ENOMEM;
    for (size_t i = 0; i < count; i++) {
        const char *type = spec->activity_types_count ? spec->activity_types[i] : NULL;
        weft_error error = member_make(core, draft, type, spec->group);
        if (error) return error;
    }
    if (draft->channel->options.policy != WEFT_STICKY) return WEFT_OK;
    size_t points = (size_t)draft->members_count * RING_POINTS;
    draft->points = weft__mem_zalloc(core->mem, points * sizeof(struct ring_point));
    return draft->points ? WEFT_OK : WEFT_ENOMEM;
}

/* The points depend on the worker's name alone, so that it gets its keys back when it comes back. */
static void members_finish(struct core_worker *worker)
{
    for (uint32_t i = 0; i < worker->members_count; i++) {
        struct membership *member = &worker->members[i];
        member->worker = worker;
        list_init(&member->on_turn);
        for (uint64_t p = 0; worker->points && p < RING_POINTS; p++) {
            uint64_t place = weft__mix(worker->name_hash + p * UINT64_C(0x9e3779b97f4a7c15));
            worker->points[(size_t)i * RING_POINTS + p] = (struct ring_point){.place = place, .worker = worker};
        }
    }
}

static weft_error reserve(struct core *core, struct core_channel *channel, const struct core_worker_spec *spec)
{
    if (!weft__slotmap_ensure(&core->workers, core->workers.live_count + 1) ||
        !weft__tasks_reserve(core, spec->max_concurrent, 0) || !weft__namemap_reserve(&channel->worker_names))
        return WEFT_ENOMEM;
    if (!channel->deaths) channel->deaths = weft__mem_zalloc(core->mem, WEFT_DEATHS_KEPT * sizeof(struct death));
    return channel->deaths ? WEFT_OK : WEFT_ENOMEM;
}

weft_error weft__worker_make(struct core *core, struct core_session *session, struct core_channel *channel,
                             const struct core_worker_spec *spec, struct core_worker **made, char *message)
{
    char own_name[32];
    const char *text = spec->name;
    uint64_t id = core->worker_id + 1;
    uint64_t hash = 0;
    for (;; id++) {
        if (!spec->name) {
            snprintf(own_name, sizeof(own_name), "worker-%llu", (unsigned long long)id);
            text = own_name;
        }
        hash = weft__name_hash(text);
        if (!weft__namemap_find(&channel->worker_names, hash, text)) break;
        if (!spec->name) continue; /* the host gave that name to another: the next number will do */
        snprintf(message, ERROR_TEXT_MAX, "%s: there is a worker '%s' already", channel->name, text);
        return WEFT_EEXIST;
    }
    struct core_worker draft = {.channel = channel, .name_hash = hash, .members = NULL};
    draft.name = weft__name_new(core->mem, text);
    weft_error error = draft.name ? reserve(core, channel, spec) : WEFT_ENOMEM;
    bool sets_full = false;
    if (!error) {
        error = weft__understanding_get(core, channel, spec, &draft.understands, message);
        sets_full = error == WEFT_ELIMIT;
    }
    if (!error) error = members_make(core, &draft, spec);
    if (error) {
        members_drop(core, &draft);
        weft__name_drop(draft.name);
        if (error == WEFT_ELIMIT && !sets_full)
            snprintf(message, ERROR_TEXT_MAX, "%s: it has %d activity types already", channel->name, CORE_TYPES_MAX);
        return error;
    }

    struct core_worker *worker = weft__slotmap_take(&core->workers);
    draft.slot = worker->slot;
    *worker = draft;
    if (draft.members == &draft.own) worker->members = &worker->own;
    core->worker_id = id;
    worker->id = id;
    worker->session = session;
    worker->dest = spec->dest;
    worker->group = spec->group;
    worker->context = spec->context;
    worker->handled = spec->handled;
    worker->max_concurrent = worker->reserved = spec->max_concurrent;
    worker->remote = spec->remote;
    worker->seen_turn = session->turn;
    worker->seen_ns = core->now_ns;
    list_init(&worker->tasks);
    list_init(&worker->idle_waiters);
    list_init(&worker->work.on);
    members_finish(worker);
    for (uint32_t i = 0; i < worker->members_count; i++)
        worker->members[i].seat->class->workers_count++;
    core->capacity += worker->reserved;
    session->hanging_count++;
    channel->workers_count++;
    channel->hanging_count++;
    list_push_back(&session->workers, &worker->on_session);
    list_push_back(&channel->workers, &worker->on_channel);
    weft__namemap_add(&channel->worker_names, hash, worker->name->text, worker);
    *made = worker;
    return WEFT_OK;
}

weft_error weft__core_worker_register(struct core *core, uint64_t now_ns, const struct core_worker_spec *spec,
                                      uint64_t *handle, char *message)
{
    core->now_ns = now_ns;
    if (core->closing) return WEFT_ECLOSED;
    struct core_session *session = weft__slotmap_find(&core->sessions, spec->session);
    if (!session || session->state == CORE_SESSION_DEAD) return WEFT_EDEAD;
    if (core->workers.live_count - weft__hidden_count(core) >= core->limits.workers_max) {
        snprintf(message, ERROR_TEXT_MAX, "%s: workers_max of %u reached", spec->channel, core->limits.workers_max);
        return WEFT_ELIMIT;
    }
    weft_error error;
    uint64_t serial = core->channel_serial;
    struct core_channel *channel = weft__channel_for_worker(core, spec->channel_hash, spec->channel, &error, message);
    if (!channel) return error;
    error = WEFT_OK;
    if (channel->kind != CHANNEL_DISPATCH) {
        snprintf(message, ERROR_TEXT_MAX, "%s: only a dispatch channel has workers", channel->name);
        error = WEFT_EINVAL;
    }
    struct core_worker *worker;
    if (!error) error = weft__worker_make(core, session, channel, spec, &worker, message);
    if (error) {
        if (core->channel_serial != serial) weft__channel_remove(core, channel); /* made for this worker */
        return error;
    }
    if (core->channel_serial != serial) weft__note_channel(core, WEFT_NODE_CHANNEL_DECLARED, channel);
    weft__note(core, WEFT_NODE_REGISTERED, channel->name, worker->name->text, session->name, (weft_cause){0}, 0);
    weft__note_level(core, channel);
    weft__index_update(core, worker);
    weft__serve_worker(core, worker);
    *handle = worker->slot.handle;
    return WEFT_OK;
}

/* --- the end of a worker ---------------------------------------------------------------------- */

void weft__worker_end(struct core *core, struct core_worker *worker, weft_worker_state state)
{
    WEFT_ASSERT(!worker->ended);
    struct core_channel *channel = worker->channel;
    worker->ended = true;
    worker->end_state = state;
    weft__index_update(core, worker);
    list_remove(&worker->on_session);
    list_remove(&worker->on_channel);
    weft__namemap_remove(&channel->worker_names, worker->name_hash, worker->name->text);
    channel->workers_count--;
    bool dead = state == WEFT_WORKER_DEAD;
    if (!channel->hidden)
        weft__note(core, dead ? WEFT_NODE_WORKER_LOST : WEFT_NODE_UNREGISTERED, channel->name, worker->name->text,
                   worker->session->name, dead ? worker->session->cause : (weft_cause){0}, worker->in_flight);
    weft__note_level(core, channel);
    for (uint32_t i = 0; i < worker->members_count; i++) {
        worker->members[i].seat->class->workers_count--;
        worker->members[i].seat->class->draining_count -= worker->draining;
        worker->members[i].seat->draining_count -= worker->draining;
    }
    members_drop(core, worker);
    weft__core_dest_wake(core, worker->dest); /* who waits for a pull worker's next task learns of the end */
    weft__work_add(core, &worker->work, WORK_WORKER);
}

/* Its session is detached: what it was assigned and has not taken goes to others, so many of the newest at a time, of
 * which the oldest goes first. In the one FIFO of a remote worker what was taken stood before all that was not. */
bool weft__worker_retract(struct core *core, struct core_worker *worker)
{
    if (!worker->remote) return true;
    struct list_node *end = &worker->tasks, *node = end;
    while (node->prev != end && list_record(node->prev, struct core_task, on_worker)->state == CORE_TASK_ASSIGNED) {
        if (core->budget-- <= 0) break;
        node = node->prev;
    }
    while (node != end) {
        struct core_task *task = list_record(node, struct core_task, on_worker);
        node = node->next;
        weft__task_unassign(core, task);
    }
    return core->budget > 0;
}

/* From the oldest task to the newest, so that who is free gets the oldest of those that go to others. A task whose
 * handler still runs stays; it goes to the end of the list, where the walk ends. */
static void work_ended(struct core *core, struct core_worker *worker)
{
    bool dead = worker->end_state == WEFT_WORKER_DEAD;
    while (!list_empty(&worker->tasks)) {
        struct core_task *task = list_record(worker->tasks.next, struct core_task, on_worker);
        if (task->seen_end) break;
        if (core->budget-- <= 0) {
            weft__work_add(core, &worker->work, WORK_WORKER);
            return;
        }
        task->seen_end = true;
        if (task->state == CORE_TASK_ASSIGNED) {
            weft__task_unassign(core, task);
            continue;
        }
        if (worker->left && !task->settled) {
            weft__task_unassign(core, task);
            continue;
        }
        list_remove(&task->on_worker);
        list_push_back(&worker->tasks, &task->on_worker);
        if (dead || worker->remote || !task->in_handler) weft__task_lost(core, task, weft__tried_key(worker, dead));
    }
    weft__worker_changed(core, worker);
}

/* After a task of it was released, or the last of an ended one was looked at. */
void weft__worker_changed(struct core *core, struct core_worker *worker)
{
    if (worker->in_flight > 0 || (worker->ended && list_linked(&worker->work.on))) return;
    weft__wake(core, &worker->idle_waiters, true);
    struct core_channel *channel = worker->channel;
    if (!worker->ended || !channel) return;
    worker->channel = NULL;
    if (worker->remote) weft__dest_append(core, worker->dest, &worker->end_item, CORE_ITEM_WORKER);
    channel->hanging_count--;
    weft__channel_changed(core, channel);
}

void weft__worker_work(struct core *core, struct core_worker *worker)
{
    if (worker->ended)
        work_ended(core, worker);
    else
        weft__serve_worker(core, worker);
}

void weft__core_worker_drain(struct core *core, uint64_t handle)
{
    struct core_worker *worker = weft__slotmap_find(&core->workers, handle);
    if (!worker || worker->ended) return;
    for (uint32_t i = 0; i < worker->members_count && !worker->draining; i++) {
        worker->members[i].seat->class->draining_count++;
        worker->members[i].seat->draining_count++;
    }
    worker->draining = true;
    weft__index_update(core, worker);
    weft__core_dest_wake(core, worker->dest);
}

void weft__core_worker_refused(struct core *core, uint64_t now_ns, uint64_t handle, weft_error why)
{
    core->now_ns = now_ns;
    struct core_worker *worker = weft__slotmap_find(&core->workers, handle);
    if (!worker || worker->ended) return;
    worker->refused = why;
    weft__note(core, WEFT_NODE_WORKER_REFUSED, worker->channel->name, worker->name->text, worker->session->name,
               (weft_cause){.kind = WEFT_CAUSE_UNKNOWN}, why);
    weft__core_worker_drain(core, handle);
}

weft_error weft__core_worker_why(const struct core *core, uint64_t handle)
{
    const struct core_worker *worker = weft__slotmap_find(&core->workers, handle);
    return worker ? worker->refused : WEFT_OK;
}

void weft__core_worker_unregister(struct core *core, uint64_t now_ns, uint64_t handle)
{
    core->now_ns = now_ns;
    struct core_worker *worker = weft__slotmap_find(&core->workers, handle);
    if (!worker || worker->ended) return;
    bool dead = worker->session->state == CORE_SESSION_DEAD; /* whose work has not come to it yet */
    if (dead) weft__channel_death(worker->channel, worker->session, 1, worker->in_flight);
    weft__worker_end(core, worker, dead ? WEFT_WORKER_DEAD : WEFT_WORKER_REMOVED);
}

void weft__core_worker_left(struct core *core, uint64_t now_ns, uint64_t handle)
{
    struct core_worker *worker = weft__slotmap_find(&core->workers, handle);
    if (worker && worker->remote) worker->left = true;
    weft__core_worker_unregister(core, now_ns, handle);
}

bool weft__core_worker_wait_idle(struct core *core, uint64_t handle, struct core_waiter *waiter)
{
    struct core_worker *worker = weft__slotmap_find(&core->workers, handle);
    if (!worker || (worker->in_flight == 0 && !(worker->ended && list_linked(&worker->work.on)))) return false;
    list_push_back(&worker->idle_waiters, &waiter->on);
    return true;
}

void weft__core_worker_forget(struct core *core, uint64_t handle)
{
    struct core_worker *worker = weft__slotmap_find(&core->workers, handle);
    if (!worker) return;
    WEFT_ASSERT(worker->ended && worker->in_flight == 0);
    struct core_session *session = worker->session;
    list_remove(&worker->work.on);
    if (worker->remote && list_linked(&worker->end_item.on)) weft__dest_remove(worker->dest, &worker->end_item);
    core->capacity -= worker->reserved;
    weft__name_drop(worker->name);
    weft__slotmap_give(&core->workers, worker);
    session->hanging_count--;
    weft__session_changed(core, session);
}

weft_error weft__core_worker_info(struct core *core, uint64_t now_ns, uint64_t handle, weft_worker_info *info)
{
    core->now_ns = now_ns;
    const struct core_worker *worker = weft__slotmap_find(&core->workers, handle);
    if (!worker) return WEFT_ENOTFOUND;
    weft__worker_fill(core, worker, info);
    return WEFT_OK;
}
