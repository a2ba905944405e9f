/* workers.c: those who work, and the groups whose threads they share. */
#include <string.h>

#include "sim/contracts.h"
#include "sim/model.h"

/* What its end meets. */
void cover_end(const struct world *world, uint32_t worker)
{
    for (uint32_t i = 0; i < world->tasks_count; i++) {
        const struct sim_task *task = &world->tasks[i];
        if (task->worker != worker || task->worker_serial != world->workers[worker].serial) continue;
        if (!task->handled)
            cover(COVER_WORKER_END_TAKEN);
        else if (!task->returned)
            cover(task->begun ? COVER_WORKER_END_HANDLER : COVER_WORKER_END_BATCH);
    }
    for (uint32_t i = 0; i < world->live_count; i++) {
        const struct sim_call *call = &world->calls[world->live[i]];
        if (call->life == CALL_OPEN && call->state == DISPATCH_ASSIGNED && !call->taken && call->worker == worker)
            cover(COVER_WORKER_END_ASSIGNED);
    }
}

/* --- workers ---------------------------------------------------------------------------------- */

bool worker_ended(const struct world *world, const struct sim_worker *worker)
{
    const struct sim_session *session = &world->sessions[worker->session];
    const struct sim_channel *channel = &world->channels[worker->channel];
    return worker->unregistered || session->fired || channel->life == CHANNEL_NONE ||
           channel->serial != worker->channel_serial;
}

/* Whether a worker of the channel has the name: yes, no, or its end may not have been worked off. */
static void bearers(const struct world *world, uint32_t channel, const char *name, bool *surely, bool *maybe)
{
    *surely = *maybe = false;
    for (uint32_t i = 0; i < world->shape.workers; i++) {
        const struct sim_worker *worker = &world->workers[i];
        if (!worker->handle || worker->unregistered || worker->channel != channel ||
            worker->channel_serial != world->channels[channel].serial || strcmp(worker->name, name) != 0)
            continue;
        if (!worker_ended(world, worker))
            *surely = true;
        else
            *maybe = true;
    }
}

static uint32_t workers_count(const struct world *world)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < world->shape.workers; i++)
        count += world->workers[i].handle != 0;
    return count;
}

static weft_error expected_registration(const struct world *world, const struct sim_worker *worker, const char *name,
                                        bool *maybe_taken)
{
    const struct sim_session *session = &world->sessions[worker->session];
    const struct sim_channel *channel = &world->channels[worker->channel];
    bool taken = false;
    *maybe_taken = false;
    if (world->closing) return WEFT_ECLOSED;
    if (session->fired) return WEFT_EDEAD;
    if (workers_count(world) >= world->shape.limits.workers_max) return WEFT_ELIMIT;
    if (channel->life == CHANNEL_NONE) {
        bool made = worker->channel >= world->shape.channels && world->templates;
        if (!made) return WEFT_ENOCHANNEL;
        return world->core->channels.live_count >= world->shape.limits.channels_max ? WEFT_ELIMIT : WEFT_OK;
    }
    if (name) bearers(world, worker->channel, name, &taken, maybe_taken);
    return taken ? WEFT_EEXIST : WEFT_OK;
}

/* Which worker it is to be. */
static bool draw_worker(struct world *world, struct sim_worker *worker)
{
    uint32_t session = likely_session(world);
    if (session == NONE) return false;
    uint32_t group = draw(world, world->shape.groups), kind = draw(world, 5);
    *worker = (struct sim_worker){.session = session,
                                  .channel = likely_channel(world),
                                  .group = group,
                                  .max_concurrent = once_in(world, 8) ? draw(world, 20) + 1 : draw(world, 3) + 1};
    worker->kind = kind < 2 ? WORKER_PULLS : kind < 4 ? WORKER_GROUP : WORKER_INLINE;
    if (percent(world, world->shape.far)) worker->kind = WORKER_FAR;
    if (worker->kind == WORKER_GROUP && !world->groups[group].added) return false;
    if (world->shape.types && !once_in(world, 3))
        worker->types = (draw(world, (1U << world->shape.types) - 1) + 1) << 1;
    worker->understands = contracts_draw_understanding(world);
    return true;
}

/* draft: its session, channel, group, types, kind and max_concurrent. name NULL: the core makes one. */
void worker_register(struct world *world, uint32_t index, const struct sim_worker *wanted, const char *name)
{
    static const char *const types[] = {NULL, "resize", "encode", "probe", "thumbnail", "mux"};
    const char *takes[8];
    struct sim_worker draft = *wanted, *worker = &world->workers[index];
    draft.serial = ++world->serial;
    draft.channel_serial = world->channels[draft.channel].serial;
    draft.dest = worker->dest;
    draft.idle = worker->idle;
    struct sim_channel *channel = &world->channels[draft.channel];
    struct sim_group *group = draft.kind == WORKER_GROUP ? &world->groups[draft.group] : NULL;
    char message[ERROR_TEXT_MAX];
    bool maybe;
    if (draft.kind == WORKER_PULLS) dest_open(world, draft.dest, &world->dests[draft.dest].own);
    struct core_worker_spec spec = {.channel = channel->name,
                                    .channel_hash = channel->hash,
                                    .name = name,
                                    .activity_types = takes,
                                    .max_concurrent = draft.max_concurrent,
                                    .session = world->sessions[draft.session].handle,
                                    .group = group ? &group->core : NULL,
                                    .dest = world
                                                ->dests[draft.kind == WORKER_PULLS    ? draft.dest
                                                        : draft.kind == WORKER_INLINE ? 1
                                                        : draft.kind == WORKER_FAR ? world->sessions[draft.session].line
                                                                                   : group->dest]
                                                .core,
                                    .handled = draft.kind != WORKER_PULLS && draft.kind != WORKER_FAR,
                                    .remote = draft.kind == WORKER_FAR,
                                    .context = worker};
    for (uint32_t i = 1; i <= world->shape.types; i++)
        if (draft.types & 1U << i) takes[spec.activity_types_count++] = types[i];
    uint8_t ids[2 * SIM_SCHEMAS][SCHEMA_ID_BYTES];
    spec.schema_ids = (const uint8_t(*)[SCHEMA_ID_BYTES])ids;
    spec.schema_ids_count = contracts_ids(world, draft.understands, ids);
    if (spec.activity_types_count > 0 && once_in(world, 8)) takes[spec.activity_types_count++] = takes[0];

    sim_enter(world, EV_REGISTER, true);
    uint64_t handle = 0;
    weft_error expected = expected_registration(world, &draft, spec.name, &maybe);
    weft_error error = weft__core_worker_register(world->core, world->now_ns, &spec, &handle, message);
    TRACE(world, "register worker %u (kind %d, %u at a time, types %x) of session %u on %s: %d", index, draft.kind,
          draft.max_concurrent, draft.types, draft.session, channel->name, (int)error);
    if (!sim_ran_out(world, error, COVER_ENOMEM_REGISTER))
        EXPECT(world, error == expected || (maybe && error == WEFT_EEXIST), "register: %d and not %d", (int)error,
               (int)expected);
    if (error == WEFT_EEXIST) cover(COVER_EEXIST);
    if (error == WEFT_EDEAD) cover(COVER_EDEAD);
    if (error == WEFT_ENOCHANNEL) cover(COVER_ENOCHANNEL);
    if (error == WEFT_ELIMIT) cover(COVER_ELIMIT);
    if (error == WEFT_ECLOSED) cover(COVER_ECLOSED);
    if (error) {
        if (draft.kind == WORKER_PULLS) dest_close(world, draft.dest);
        sim_leave(world);
        return;
    }
    weft_worker_info info;
    EXPECT(world, weft__core_worker_info(world->core, world->now_ns, handle, &info) == WEFT_OK,
           "a new worker is not there");
    *worker = draft;
    worker->handle = handle;
    worker->id = info.id;
    snprintf(worker->name, sizeof worker->name, "%.23s", info.name);
    EXPECT(world, !name || strcmp(worker->name, name) == 0, "a worker has another name than it was given");
    world->sessions[worker->session].workers++;
    if (channel->life == CHANNEL_NONE) {
        struct core_channel *made = weft__channel_find(world->core, channel->hash, channel->name);
        EXPECT(world, channel_same(made->options, world->template_options), "made from another template");
        contracts_renewed(world, channel->name, &world->template_options, &channel->contract, true);
        channel->options = world->template_options;
        channel->life = CHANNEL_OPEN;
        channel->turns = 0;
        memset(&channel->told, 0, sizeof channel->told);
        cover(COVER_FROM_TEMPLATE);
    }
    sim_leave(world);
}

bool act_register(struct world *world)
{
    uint32_t index = draw(world, world->shape.workers);
    struct sim_worker draft;
    char name[24];
    if (world->workers[index].handle || !draw_worker(world, &draft)) return false;
    snprintf(name, sizeof name, "hand-%u", draw(world, 4));
    worker_register(world, index, &draft, once_in(world, 3) ? name : NULL);
    return true;
}

bool act_worker_drain(struct world *world)
{
    uint32_t index = draw(world, world->shape.workers);
    struct sim_worker *worker = &world->workers[index];
    if (!worker->handle || worker->draining) return false;
    sim_enter(world, EV_WORKER_DRAIN, false);
    TRACE(world, "drain worker %u", index);
    weft__core_worker_drain(world->core, worker->handle);
    worker->draining = true;
    cover(COVER_WORKER_DRAINED);
    if (!worker->idle.waiting && weft__core_worker_wait_idle(world->core, worker->handle, &worker->idle.core)) {
        worker->idle.waiting = true;
        cover(COVER_WORKER_IDLE_WAIT);
    }
    sim_leave(world);
    return true;
}

void worker_unregister(struct world *world, uint32_t index)
{
    struct sim_worker *worker = &world->workers[index];
    sim_enter(world, EV_UNREGISTER, false);
    TRACE(world, "unregister worker %u", index);
    if (!worker_ended(world, worker)) cover_end(world, index);
    weft__core_worker_unregister(world->core, world->now_ns, worker->handle);
    worker->unregistered = true;
    sim_leave(world);
}

bool act_unregister(struct world *world)
{
    uint32_t index = draw(world, world->shape.workers);
    struct sim_worker *worker = &world->workers[index];
    if (!worker->handle || worker->unregistered) return false;
    if (!worker_ended(world, worker) && !worker->draining && !once_in(world, 4)) return false;
    worker_unregister(world, index);
    return true;
}

/* False: it is not idle yet. */
bool worker_forget(struct world *world, uint32_t index)
{
    struct sim_worker *worker = &world->workers[index];
    if (worker->idle.waiting) return false;
    sim_enter(world, EV_FORGET, false);
    bool waits = weft__core_worker_wait_idle(world->core, worker->handle, &worker->idle.core);
    TRACE(world, "forget worker %u%s", index, waits ? ": not idle yet" : "");
    if (waits) {
        worker->idle.waiting = true;
        cover(COVER_WORKER_IDLE_WAIT);
    } else {
        weft__core_worker_forget(world->core, worker->handle);
        weft_worker_info info;
        EXPECT(world, weft__core_worker_info(world->core, world->now_ns, worker->handle, &info) == WEFT_ENOTFOUND,
               "a forgotten worker is still there");
        worker->handle = 0;
        worker->serial = 0;
        world->sessions[worker->session].workers--;
        if (worker->kind == WORKER_PULLS) dest_close(world, worker->dest);
    }
    sim_leave(world);
    return !waits;
}

bool act_forget(struct world *world)
{
    uint32_t index = draw(world, world->shape.workers);
    struct sim_worker *worker = &world->workers[index];
    if (!worker->handle || !worker->unregistered || worker->idle.waiting) return false;
    (void)worker_forget(world, index);
    return true;
}

/* --- groups ----------------------------------------------------------------------------------- */

void group_add(struct world *world, uint32_t index, uint32_t limit)
{
    struct sim_group *group = &world->groups[index];
    sim_enter(world, EV_GROUP_ADD, false);
    weft_error error = weft__core_group_add(world->core, &group->core, limit);
    TRACE(world, "add group %u of %u: %d", index, limit, (int)error);
    EXPECT(world, error == (world->closing ? WEFT_ECLOSED : WEFT_OK), "group add: %d", (int)error);
    if (error) cover(COVER_ECLOSED);
    if (!error) {
        group->added = true;
        dest_open(world, group->dest, &group->core.dest);
    }
    sim_leave(world);
}

bool act_group_add(struct world *world)
{
    uint32_t index = draw(world, world->shape.groups);
    if (world->groups[index].added) return false;
    group_add(world, index, draw(world, world->shape.workers + 2));
    return true;
}

bool group_remove(struct world *world, uint32_t index)
{
    struct sim_group *group = &world->groups[index];
    char message[ERROR_TEXT_MAX];
    bool busy = group->core.busy > 0 || !list_empty(&group->core.seats) || group->core.subscriptions > 0;
    sim_enter(world, EV_GROUP_REMOVE, false);
    weft_error error = weft__core_group_remove(world->core, &group->core, message);
    TRACE(world, "remove group %u: %d", index, (int)error);
    EXPECT(world, error == (busy ? WEFT_EBUSY : WEFT_OK), "group remove: %d", (int)error);
    cover(error ? COVER_EBUSY : COVER_GROUP_REMOVED);
    if (!error) {
        for (uint32_t i = 0; i < world->shape.workers; i++) {
            const struct sim_worker *worker = &world->workers[i];
            EXPECT(world,
                   !worker->handle || worker->kind != WORKER_GROUP || worker->group != index ||
                       worker_ended(world, worker),
                   "a group was removed under the worker %s", worker->name);
        }
        group->added = false;
        dest_close(world, group->dest);
    }
    sim_leave(world);
    return !error;
}

bool act_group_remove(struct world *world)
{
    uint32_t index = draw(world, world->shape.groups);
    struct sim_group *group = &world->groups[index];
    if (!group->added || group->core.dest.items_count > 0) return false; /* moved here: inline tasks */
    if (!once_in(world, 8)) return false;
    (void)group_remove(world, index);
    return true;
}

void group_limit(struct world *world, uint32_t index, uint32_t limit)
{
    struct sim_group *group = &world->groups[index];
    cover(limit < group->core.limit ? COVER_GROUP_SHRUNK : COVER_GROUP_GROWN);
    sim_enter(world, EV_GROUP_LIMIT, false);
    TRACE(world, "group %u takes %u", index, limit);
    weft__core_group_limit(world->core, world->now_ns, &group->core, limit);
    sim_leave(world);
}

bool act_group_limit(struct world *world)
{
    uint32_t index = draw(world, world->shape.groups);
    if (!world->groups[index].added || !once_in(world, 3)) return false;
    group_limit(world, index, draw(world, world->shape.workers + 3));
    return true;
}
