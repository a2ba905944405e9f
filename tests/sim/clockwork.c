/* clockwork.c: time, the steps that entries leave to be done, and those who only ask. */
#include <string.h>

#include "sim/keys.h"
#include "sim/model.h"
#include "sim/seeing.h"

#include "base/clock.h"

/* --- time ------------------------------------------------------------------------------------- */

/* After the tick nothing may be open that has run out of time. */
static void expect_in_time(struct world *world)
{
    for (uint32_t i = 0; i < world->live_count; i++) {
        const struct sim_call *call = &world->calls[world->live[i]];
        if (call->life != CALL_OPEN) continue;
        enum ending overdue = model_overdue(world, call);
        EXPECT(world, overdue == ENDINGS_COUNT, "dispatch %llu is open, and should have ended %s",
               (unsigned long long)call->arrival, model_code(overdue));
    }
    askers_in_time(world);
}

static void sleep_again(struct world *world)
{
    if (world->sleeper.waiting) return;
    world->sleeper.waiting = true;
    weft__core_sleep(world->core, &world->sleeper.core, weft__core_due(world->core));
}

void tick_all(struct world *world)
{
    do {
        sim_enter(world, EV_TICK, false);
        TRACE(world, "tick");
        weft__core_tick(world->core, world->now_ns);
        sim_leave(world);
    } while (weft__core_due(world->core) <= world->now_ns);
    expect_in_time(world);
}

bool act_tick(struct world *world)
{
    uint64_t due_ns = weft__core_due(world->core);
    if (due_ns > world->now_ns && !once_in(world, 10)) return false;
    if (due_ns < world->now_ns) cover(COVER_TICK_LATE);
    for (uint32_t i = 0; i < world->live_count; i++) {
        const struct sim_call *call = &world->calls[world->live[i]];
        if (call->life == CALL_OPEN && call->state == DISPATCH_QUEUED && call->tried_count &&
            call->retry_ns <= world->now_ns && call->retry_ns == due_ns)
            cover(COVER_RETRY_WAITED);
    }
    tick_all(world);
    sleep_again(world);
    return true;
}

/* To when the next is due, or some time beyond. */
bool act_jump(struct world *world)
{
    uint64_t due_ns = weft__core_due(world->core);
    if (due_ns == CORE_NEVER) due_ns = world->now_ns + draw(world, 50) * NS_PER_MS;
    if (due_ns > world->now_ns) world->now_ns = due_ns;
    if (once_in(world, 3)) world->now_ns += draw(world, 100) * NS_PER_MS;
    TRACE(world, "time passes");
    return act_tick(world);
}

/* --- steps ------------------------------------------------------------------------------------ */

bool act_step(struct world *world)
{
    if (!weft__core_has_work(world->core)) return false;
    if (world->event.kind != EV_STEP && world->event.had_work) cover(COVER_STEP_DELAYED);
    sim_enter(world, EV_STEP, false);
    bool more = weft__core_step(world->core, world->now_ns);
    TRACE(world, "step%s", more ? ": more to do" : "");
    EXPECT(world, more == weft__core_has_work(world->core), "a step says wrongly whether there is more");
    if (more) cover(COVER_STEP_MORE);
    sim_leave(world);
    return true;
}

/* --- asking ----------------------------------------------------------------------------------- */

static void expect_no_counter_back(struct world *world, struct sim_channel *channel, const weft_channel_info *info)
{
    const weft_channel_info *told = &channel->told;
    bool on = info->dispatched >= told->dispatched && info->completed >= told->completed &&
              info->failed >= told->failed && info->worker_died >= told->worker_died &&
              info->timed_out >= told->timed_out && info->cancelled >= told->cancelled &&
              info->rejected >= told->rejected && info->redispatched >= told->redispatched &&
              info->fenced >= told->fenced && info->deaths >= told->deaths;
    EXPECT(world, on, "a counter of %s goes backwards", channel->name);
    channel->told = *info;
}

static void ask_channel(struct world *world, uint32_t index)
{
    struct sim_channel *channel = &world->channels[index];
    weft_channel_info info;
    weft_error error = weft__core_channel_info(world->core, world->now_ns, channel->name, &info);
    EXPECT(world, error == (channel->life == CHANNEL_NONE ? WEFT_ENOCHANNEL : WEFT_OK), "info: %d", (int)error);
    if (error) {
        cover(COVER_ENOCHANNEL);
        return;
    }
    uint32_t queued[CORE_PRIORITIES] = {0}, sum = 0, workers = 0, dead = 0;
    uint64_t oldest_ns = world->now_ns;
    for (uint32_t i = 0; i < world->live_count; i++) {
        const struct sim_call *call = &world->calls[world->live[i]];
        if (call->life != CALL_OPEN || call->channel != index || call->state != DISPATCH_QUEUED) continue;
        queued[call->priority]++;
        sum++;
        if (call->waiting_ns < oldest_ns) oldest_ns = call->waiting_ns;
    }
    for (uint32_t i = 0; i < world->shape.workers; i++) {
        const struct sim_worker *worker = &world->workers[i];
        if (!worker->handle || worker->channel != index || worker->channel_serial != channel->serial) continue;
        workers += !worker_ended(world, worker);
        dead += !worker->unregistered && worker_ended(world, worker);
    }
    EXPECT(world, info.queued == sum, "%s has %u waiting and says %u", channel->name, sum, info.queued);
    for (unsigned p = 0; p < CORE_PRIORITIES; p++)
        EXPECT(world, info.queued_by_priority[p] == queued[p], "%s has %u waiting of priority %u and says %u",
               channel->name, queued[p], p, info.queued_by_priority[p]);
    EXPECT(world, info.workers >= workers && info.workers <= workers + dead, "%s has %u workers and says %u",
           channel->name, workers, info.workers);
    EXPECT(world, info.oldest_wait_ns <= world->now_ns - oldest_ns, "%s: its oldest waits longer than any",
           channel->name);
    EXPECT(world, strcmp(info.name, channel->name) == 0, "%s calls itself %s", channel->name, info.name);
    expect_no_counter_back(world, channel, &info);
    weft_death deaths[WEFT_DEATHS_KEPT];
    size_t count;
    EXPECT(world, weft__core_channel_deaths(world->core, channel->name, deaths, WEFT_DEATHS_KEPT, &count) == WEFT_OK,
           "a channel that is there has no deaths");
    EXPECT(world, count == (info.deaths < WEFT_DEATHS_KEPT ? info.deaths : WEFT_DEATHS_KEPT), "deaths are missing");
    for (size_t i = 0; i < count; i++)
        EXPECT(world, deaths[i].workers_lost > 0 && deaths[i].participant[0], "a death without a loss");
}

static void ask_all_channels(struct world *world)
{
    weft_channel_info info;
    uint64_t cursor = 0;
    uint32_t found = 0, there = 0;
    while (weft__core_channel_next(world->core, world->now_ns, "dispatch.*.c*", &cursor, &info))
        found += info.name[0] != '\0';
    for (uint32_t i = 0; i < world->channels_count; i++)
        there += world->channels[i].life != CHANNEL_NONE;
    EXPECT(world, found == there, "%u channels were found of %u", found, there);
}

bool act_ask(struct world *world)
{
    sim_enter(world, EV_ASK, false);
    TRACE(world, "ask");
    switch (draw(world, 6)) {
    case 0: ask_channel(world, draw(world, world->channels_count)); break;
    case 1: ask_all_channels(world); break;
    case 2: {
        const char *worker, *channel;
        const struct core_task *task;
        uint32_t cursor = 0;
        while (!weft__core_any_task(world->core, &cursor, &task, &worker, &channel))
            EXPECT(world, cursor % CORE_HOLD_MAX == 0 && !task, "a page of tasks of another length");
        bool running = false;
        for (uint32_t i = 0; i < world->tasks_count; i++)
            running |= world->tasks[i].handled && !world->tasks[i].returned;
        EXPECT(world, task || !running, "a handler runs, and it finds none");
        EXPECT(world, !task || (worker[0] && channel[0]), "a task of nobody");
        break;
    }
    case 3: ask_listing(world); break;
    default: ask_why(world);
    }
    sim_leave(world);
    return true;
}

/* --- waiting ---------------------------------------------------------------------------------- */

bool act_quiet(struct world *world)
{
    if (world->quiet.waiting) return false;
    sim_enter(world, EV_QUIET, false);
    bool tasks = once_in(world, 2);
    world->quiet.waiting = weft__core_wait_quiet(world->core, tasks, &world->quiet.core);
    TRACE(world, "wait for quiet: %d", world->quiet.waiting);
    bool quiet = world->stats.dispatches_open == 0 && askers_open(world, NONE) == 0 && world->core->turns_due == 0 &&
                 (!tasks || world->core->tasks.live_count == world->core->tasks_lost);
    EXPECT(world, world->quiet.waiting == !quiet, "quiet is not what it says");
    if (world->quiet.waiting) cover(COVER_QUIET_WAIT);
    sim_leave(world);
    return true;
}
