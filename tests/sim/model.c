#include "sim/model.h"

#include <string.h>

#include "base/clock.h"
#include "sim/contracts.h"

/* --- admission -------------------------------------------------------------------------------- */

static uint32_t inherit(uint32_t asked, uint32_t channels)
{
    return asked ? asked : channels;
}

uint32_t model_admit(struct world *world, const struct core_request *request, const struct core_admitted *admitted,
                     uint32_t session, uint32_t channel, uint32_t dest, uint32_t type)
{
    const weft_channel_options *o = &world->channels[channel].options;
    uint32_t index = world->free_calls[--world->free_count];
    struct sim_call *call = &world->calls[index];
    uint64_t now_ns = world->now_ns;
    *call = (struct sim_call){
        .id = admitted->id,
        .arrival = ++world->stats.dispatched,
        .admitted_ns = now_ns,
        .start_deadline_ns = sim_after(now_ns, inherit(request->schedule_to_start_ms, o->schedule_to_start_ms)),
        .close_deadline_ns = sim_after(now_ns, inherit(request->schedule_to_close_ms, o->schedule_to_close_ms)),
        .start_to_close_ms = inherit(request->start_to_close_ms, o->start_to_close_ms),
        .heartbeat_ms = inherit(request->heartbeat_ms, o->heartbeat_ms),
        .payload = request->payload,
        .serial = ++world->serial,
        .session = session,
        .session_serial = world->sessions[session].serial,
        .channel = channel,
        .dest = dest,
        .type = type,
        .schema = contracts_met(world, request->payload),
        .at_live = world->live_count,
        .priority = request->priority,
        .attempts_max = (uint8_t)inherit(request->attempts_max, o->attempts_max),
        .admission = (uint8_t)admitted->admission,
        .detached = request->detached,
        .window = request->updated ? request->window : 0,
        .strange = request->id.number != 0,
        .credit = request->credit,
        .announced = 1,
        .redispatches = inherit(request->on_crash, o->on_crash) == WEFT_CRASH_REDISPATCH,
        .life = CALL_OPEN,
        .worker = NONE,
        .state = 0,
    };
    world->live[world->live_count++] = index;
    world->stats.dispatches_open++;
    return index;
}

void model_forget(struct world *world, struct sim_call *call)
{
    uint32_t last = world->live[--world->live_count];
    world->live[call->at_live] = last;
    world->calls[last].at_live = call->at_live;
    call->life = CALL_FREE;
    world->free_calls[world->free_count++] = (uint32_t)(call - world->calls);
}

/* --- who may have it -------------------------------------------------------------------------- */

uint64_t model_key_of_worker(const struct sim_worker *worker)
{
    return worker->id * 2 + 1;
}

uint64_t model_key_of_session(const struct world *world, const struct sim_worker *worker)
{
    return world->sessions[worker->session].name * UINT64_C(2);
}

static unsigned tries(const struct world *world, const struct sim_call *call, const struct sim_worker *worker)
{
    unsigned n = 0;
    for (unsigned i = 0; i < call->tried_count; i++)
        n += call->tried[i] == model_key_of_worker(worker) || call->tried[i] == model_key_of_session(world, worker);
    return n;
}

bool model_excluded(const struct world *world, const struct sim_call *call, const struct sim_worker *worker)
{
    return call->tried_count && world->now_ns < call->retry_ns && tries(world, call, worker) > 0;
}

bool model_takes(const struct sim_worker *worker, const struct sim_call *call)
{
    return worker->types == 0 || (call->type && (worker->types & 1U << call->type));
}

bool model_understands(const struct sim_worker *worker, const struct sim_call *call)
{
    return !worker->understands || !call->schema || worker->understands & 1U << (call->schema - 1);
}

bool model_can(const struct sim_worker *worker, const struct sim_call *call)
{
    return model_takes(worker, call) && model_understands(worker, call);
}

void model_assigned(struct world *world, struct sim_call *call, const struct core_task *task)
{
    struct sim_worker *worker = task->worker_context;
    unsigned long long number = (unsigned long long)call->arrival;
    EXPECT(world, worker->handle, "dispatch %llu was assigned to a worker that is not there", number);
    const struct sim_session *session = &world->sessions[worker->session];
    const struct sim_channel *channel = &world->channels[worker->channel];
    EXPECT(world, !session->bar, "dispatch %llu was assigned to %s, whose session is barred", number, worker->name);
    EXPECT(world, session->armed, "dispatch %llu was assigned to %s before its link was armed", number, worker->name);
    EXPECT(world, !session->fired, "dispatch %llu was assigned to %s after its link had fired", number, worker->name);
    EXPECT(world, !worker->unregistered, "dispatch %llu was assigned to the removed %s", number, worker->name);
    EXPECT(world, !worker->draining, "dispatch %llu was assigned to the draining %s", number, worker->name);
    EXPECT(world, worker->channel == call->channel && worker->channel_serial == channel->serial,
           "dispatch %llu was assigned to %s of another channel", number, worker->name);
    EXPECT(world, channel->life == CHANNEL_OPEN || channel->life == CHANNEL_DRAINING,
           "dispatch %llu was assigned on a channel that hands out nothing", number);
    EXPECT(world, model_takes(worker, call), "dispatch %llu was assigned to %s, which does not take its type", number,
           worker->name);
    EXPECT(world, model_understands(worker, call),
           "dispatch %llu was assigned to %s, which does not understand its schema", number, worker->name);
    EXPECT(world, contracts_met(world, task->payload) == call->schema, "dispatch %llu: its schema has changed", number);
    EXPECT(world, !model_excluded(world, call, worker), "dispatch %llu was assigned to %s, which it died of", number,
           worker->name);
    EXPECT(world, task->attempt == call->spent + 1U, "dispatch %llu: its attempt has number %u after %u were spent",
           number, task->attempt, call->spent);
    EXPECT(world, task->attempt <= call->attempts_max, "dispatch %llu: attempt %u of %u", number, task->attempt,
           call->attempts_max);
    if (tries(world, call, worker)) cover(COVER_RETRY_TRIED);
    call->assigned_event = world->events;
    call->worker = (uint32_t)(worker - world->workers);
    call->worker_serial = worker->serial;
    call->taken = false;
}

void model_unassigned(struct world *world, struct sim_call *call)
{
    EXPECT(world, !call->taken || call->giving_back, "dispatch %llu was taken, and is back without a loss",
           (unsigned long long)call->arrival);
    call->taken = false;
    call->unassigned_event = world->events;
    call->unassigned_order = call->giving_back ? call->taken_order : call->assigned_event;
    call->unassigned_worker = call->worker;
    world->unassigns++;
    cover(COVER_UNASSIGNED);
}

/* --- in somebody's hands ---------------------------------------------------------------------- */

static void expect_alone(struct world *world, const struct sim_call *call, uint32_t serial, uint32_t attempt)
{
    for (uint32_t i = 0; i < world->tasks_count; i++) {
        const struct sim_task *other = &world->tasks[i];
        if (&world->calls[other->call] != call || other->call_serial != serial) continue;
        const struct sim_worker *worker = &world->workers[other->worker];
        bool gone = worker->serial != other->worker_serial || worker_ended(world, worker);
        bool running = other->handled && !other->returned;
        if (running) {
            EXPECT(world, world->channels[call->channel].options.overlapping,
                   "dispatch %llu: attempt %u is taken while attempt %u still runs", (unsigned long long)call->arrival,
                   attempt, other->attempt);
            cover(COVER_OVERLAPPING);
        } else {
            EXPECT(world, gone, "dispatch %llu: attempt %u is taken while attempt %u is held by a living worker",
                   (unsigned long long)call->arrival, attempt, other->attempt);
        }
    }
}

void model_taken(struct world *world, struct core_task *task, uint32_t batch)
{
    EXPECT(world, task->dispatch, "a task without a dispatch was taken");
    uint32_t index = (uint32_t)task->dispatch->token;
    struct sim_call *call = &world->calls[index];
    unsigned long long number = (unsigned long long)call->arrival;
    EXPECT(world, call->life == CALL_OPEN && call->id.number == task->id.number && call->id.session == task->id.session,
           "a task of a dispatch that is not open was taken");
    EXPECT(world, call->state == DISPATCH_ASSIGNED && call->task == task->slot.handle,
           "dispatch %llu: its task was taken and not assigned", number);
    EXPECT(world, !call->taken && !call->begun, "dispatch %llu runs a second time without a loss", number);
    EXPECT(world, task->attempt == call->spent + 1U, "dispatch %llu: attempt %u was taken after %u were spent", number,
           task->attempt, call->spent);
    EXPECT(world, task->payload == call->payload, "dispatch %llu: another's payload", number);
    EXPECT(world, !atomic_load_explicit(&task->cancelled, memory_order_relaxed), "dispatch %llu: taken when cancelled",
           number);
    expect_alone(world, call, call->serial, task->attempt);
    call->taken = true;
    call->taken_order = world->taken_count + 1;
    call->taken_ns = call->beat_ns = world->now_ns;
    if (world->tasks_count == world->tasks_room) sim_fail(world, "more tasks are held than there are slots");
    const struct sim_worker *worker = &world->workers[call->worker];
    bool far = worker->kind == WORKER_FAR;
    call->far = far;
    call->awaited = far && task->timed;
    world->tasks[world->tasks_count++] = (struct sim_task){.task = task,
                                                           .call = index,
                                                           .call_serial = call->serial,
                                                           .worker = call->worker,
                                                           .worker_serial = call->worker_serial,
                                                           .attempt = task->attempt,
                                                           .batch = batch,
                                                           .order = ++world->taken_count,
                                                           .handled = worker->kind != WORKER_PULLS,
                                                           .begun = worker->kind == WORKER_PULLS,
                                                           .far = far,
                                                           .asked = far,
                                                           .session = world->sessions[worker->session].handle,
                                                           .handle = task->slot.handle};
    if (worker->kind == WORKER_PULLS) call->begun = true;
    model_announce(world, call, task->attempt);
}

void model_drop_task(struct world *world, uint32_t task)
{
    world->tasks[task] = world->tasks[--world->tasks_count];
}

struct sim_call *model_current(struct world *world, const struct sim_task *task)
{
    struct sim_call *call = &world->calls[task->call];
    bool current = call->life == CALL_OPEN && call->serial == task->call_serial && call->taken &&
                   task->attempt == call->spent + 1U;
    return current ? call : NULL;
}

bool model_fenced(const struct sim_call *call, const struct sim_task *task)
{
    return call->life == CALL_OPEN && call->serial == task->call_serial && call->state == DISPATCH_FENCED &&
           task->attempt == call->spent;
}
