/* world.c: drawing a world from its seed, its life, and its end. */
#include "sim/world.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "lib/audit.h"
#include "sim/keys.h"
#include "sim/contracts.h"
#include "sim/letters.h"
#include "sim/model.h"
#include "sim/seeing.h"

/* --- telling ---------------------------------------------------------------------------------- */

void sim_fail(struct world *world, const char *format, ...)
{
    char what[768];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    snprintf(world->sentence, sizeof world->sentence, "event %llu: %s", (unsigned long long)world->events, what);
    longjmp(*world->failed, 1);
}

void sim_trace(struct world *world, const char *format, ...)
{
    fprintf(world->trace, "%6llu %14.6f ms  ", (unsigned long long)world->events,
            (double)world->now_ns / (double)NS_PER_MS);
    va_list arguments;
    va_start(arguments, format);
    vfprintf(world->trace, format, arguments);
    va_end(arguments);
    fputc('\n', world->trace);
}

/* --- around an entry -------------------------------------------------------------------------- */

void sim_enter(struct world *world, enum event_kind kind, bool may_allocate)
{
    world->events++;
    if (!once_in(world, 3)) world->now_ns += draw(world, world->shape.pace_ns);
    world->event.kind = kind;
    world->event.had_work = weft__core_has_work(world->core);
    world->event.results_count = 0;
    world->event.may_allocate = may_allocate;
    world->event.refused = may_allocate && once_in(world, world->shape.out_of_memory);
    if (world->event.refused) {
        failmem_fail_once(&world->memory, 1 + draw(world, 8));
        world->event.digest = audit_digest(world->core);
    }
    world->event.allocations = world->memory.allocations;
}

bool sim_ran_out(struct world *world, weft_error error, enum cover what)
{
    bool refused = world->event.refused && world->memory.refused > 0;
    EXPECT(world, refused == (error == WEFT_ENOMEM), "memory %s, and the entry said %d",
           refused ? "ran out" : "was there", (int)error);
    if (!refused) return false;
    EXPECT(world, audit_digest(world->core) == world->event.digest, "memory ran out, and something has changed");
    cover(what);
    return true;
}

void sim_leave(struct world *world)
{
    EXPECT(world, world->event.may_allocate || world->memory.allocations == world->event.allocations,
           "an entry that must not fail asked for memory");
    if (world->event.refused) failmem_fail_once(&world->memory, 0);
    observe(world);
}

/* --- drawing ---------------------------------------------------------------------------------- */

static const struct {
    sim_action act;
    uint8_t weight;
    bool vital; /* never drawn away */
} actions[EVENTS_COUNT] = {
    [EV_ATTACH] = {act_attach, 10, true},
    [EV_ARM] = {act_arm, 10, true},
    [EV_FIRE] = {act_fire, 4, false},
    [EV_HOLD] = {act_hold, 1, false},
    [EV_RELEASE] = {act_release, 4, true},
    [EV_GROUP_ADD] = {act_group_add, 3, true},
    [EV_GROUP_REMOVE] = {act_group_remove, 1, false},
    [EV_GROUP_LIMIT] = {act_group_limit, 3, false},
    [EV_REGISTER] = {act_register, 20, true},
    [EV_WORKER_DRAIN] = {act_worker_drain, 1, false},
    [EV_UNREGISTER] = {act_unregister, 6, true},
    [EV_FORGET] = {act_forget, 10, true},
    [EV_DECLARE] = {act_declare, 4, true},
    [EV_TEMPLATE] = {act_template, 1, false},
    [EV_PAUSE] = {act_pause, 1, false},
    [EV_RESUME] = {act_resume, 4, true},
    [EV_DRAIN] = {act_drain, 1, false},
    [EV_DELETE] = {act_delete, 1, false},
    [EV_DISPATCH] = {act_dispatch, 50, true},
    [EV_CANCEL] = {act_cancel, 4, false},
    [EV_OUTCOME] = {act_outcome, 40, true},
    [EV_FETCH] = {act_fetch, 6, false},
    [EV_ABANDON] = {act_abandon, 1, false},
    [EV_TAKE] = {act_take, 50, true},
    [EV_BEGIN] = {act_begin, 20, true},
    [EV_RESULTS] = {act_results, 30, true},
    [EV_GIVE_BACK] = {act_give_back, 4, false},
    [EV_HEARTBEAT] = {act_heartbeat, 6, false},
    [EV_ON_CANCEL] = {act_on_cancel, 10, false},
    [EV_PROGRESS] = {act_progress, 10, false},
    [EV_PARTIAL] = {act_partial, 30, false},
    [EV_EVENT_CHANNEL] = {act_event_channel, 4, true},
    [EV_SUBSCRIBE] = {act_subscribe, 12, true},
    [EV_PUBLISH] = {act_publish, 40, true},
    [EV_EVENTS] = {act_events, 15, true},
    [EV_TURN] = {act_turn, 15, true},
    [EV_TURN_DONE] = {act_turn_done, 15, true},
    [EV_UNSUBSCRIBE] = {act_unsubscribe, 6, true},
    [EV_FORGET_SUBSCRIPTION] = {act_forget_subscription, 6, true},
    [EV_MOVE] = {act_move, 2, false},
    [EV_TICK] = {act_tick, 12, true},
    [EV_JUMP] = {act_jump, 2, false},
    [EV_STEP] = {act_step, 12, true},
    [EV_ASK] = {act_ask, 2, true},
    [EV_LETTER] = {act_letter, 6, false},
    [EV_KEY] = {act_key, 20, false},
    [EV_CONTRACT] = {act_contract, 6, false},
    [EV_BAR] = {act_bar, 6, false},
    [EV_DELIVER] = {act_deliver, 50, true},
    [EV_ROOM] = {act_room, 12, false},
    [EV_QUIET] = {act_quiet, 1, true},
};

/* Some events are more frequent in one world than in another, and some never happen in it: each world is another mixture,
 * and some reach what an even one would not (swarm testing: Groce et al. 2012). */
static void fill_lottery(struct world *world)
{
    static const uint8_t factors[] = {0, 1, 2, 2, 2, 4, 8};
    uint32_t weights[EVENTS_COUNT] = {0}, sum = 0, at = 0, used = 0;
    for (uint32_t i = 0; i < EVENTS_COUNT; i++) {
        if (!actions[i].act) continue;
        weights[i] = actions[i].weight * (uint32_t)factors[draw(world, sizeof factors)];
        if (actions[i].vital && !weights[i]) weights[i] = actions[i].weight;
        sum += weights[i];
    }
    for (uint32_t i = 0; i < EVENTS_COUNT; i++) {
        used += weights[i];
        while (at < sizeof world->lottery && (uint64_t)at * sum < (uint64_t)used * sizeof world->lottery)
            world->lottery[at++] = (uint8_t)i;
    }
}

static void draw_small(struct shape *shape, struct rng *rng)
{
    *shape = (struct shape){.sessions = rng_between(rng, 2, 4),
                            .session_names = rng_between(rng, 2, 5),
                            .workers = rng_between(rng, 1, 5),
                            .channels = rng_between(rng, 1, 2),
                            .templated = rng_below(rng, 2),
                            .groups = rng_between(rng, 1, 2),
                            .queues = rng_between(rng, 1, 2),
                            .calls = rng_between(rng, 2, 10),
                            .subscriptions = rng_below(rng, 3) ? rng_between(rng, 1, 8) : 0,
                            .event_channels = rng_between(rng, 1, 3),
                            .types = rng_below(rng, 3),
                            .life = rng_between(rng, 500, 8000),
                            .audit_every = 1,
                            .take_max = rng_between(rng, 1, 6),
                            .results_max = rng_between(rng, 1, 4)};
}

static void draw_large(struct shape *shape, struct rng *rng)
{
    *shape = (struct shape){.sessions = rng_between(rng, 8, 40),
                            .session_names = rng_between(rng, 8, 50),
                            .workers = rng_between(rng, 30, 400),
                            .channels = rng_between(rng, 2, 12),
                            .templated = 3,
                            .groups = rng_between(rng, 2, 8),
                            .queues = 4,
                            .calls = rng_between(rng, 100, 3000),
                            .subscriptions = rng_between(rng, 0, 200),
                            .event_channels = rng_between(rng, 1, 4),
                            .types = rng_below(rng, 6),
                            .life = rng_between(rng, 4000, 16000),
                            .audit_every = 1000,
                            .take_max = 16,
                            .results_max = RESULTS_MAX};
}

void sim_draw(struct shape *shape, struct rng *rng, enum world_size size)
{
    bool large = size == WORLD_LARGE || (size == WORLD_MIXED && rng_below(rng, 40) == 0);
    if (large)
        draw_large(shape, rng);
    else
        draw_small(shape, rng);
    static const uint32_t paces_ns[] = {1, 1000, 100000, 1000000, 5000000};
    static const uint32_t lates[] = {0, 2, 8, 40};
    static const uint32_t refusals[] = {0, 4, 20, 100};
    shape->pace_ns = paces_ns[rng_below(rng, large ? 3 : 5)];
    shape->step_late = lates[rng_below(rng, 4)];
    shape->out_of_memory = refusals[rng_below(rng, 4)];
    shape->detached = rng_below(rng, 3) * 20;
    shape->redispatch = rng_below(rng, 4) * 33;
    shape->sticky = rng_below(rng, 3) * 40;
    shape->streams = rng_below(rng, 3) * 40;
    shape->far = rng_below(rng, 3) * 35;
    bool tight = rng_below(rng, 4) == 0;
    shape->limits =
        (struct core_limits){.channels_max = tight ? shape->channels + 1 : 64,
                             .workers_max = tight ? shape->workers - shape->workers / 3 : 4096,
                             .sessions_max = tight ? shape->sessions - 1 : 256,
                             .dispatches_max = tight ? shape->calls - shape->calls / 3 : 65536,
                             .outcome_keep_ms = rng_between(rng, 1, 200),
                             .strange_max = rng_below(rng, 3) ? rng_between(rng, 1, 3) : 0, /* 0: as in life */
                             .schemas_max = tight ? SIM_SCHEMAS - 1 : SIM_SCHEMAS,
                             .subscriptions_max = tight ? shape->subscriptions - shape->subscriptions / 3 : 4096};
}

/* --- the beginning ---------------------------------------------------------------------------- */

static void *zeroed(size_t count, size_t size_bytes)
{
    void *block = calloc(count ? count : 1, size_bytes);
    WEFT_ASSERT(block);
    return block;
}

static void waiter_init(struct sim_waiter *waiter, enum waiter_kind kind, uint32_t owner)
{
    weft__core_waiter_init(&waiter->core);
    waiter->kind = kind;
    waiter->owner = owner;
    waiter->waiting = false;
}

void dest_open(struct world *world, uint32_t index, struct core_dest *core)
{
    struct sim_dest *dest = &world->dests[index];
    dest->core = core;
    dest->serial = ++world->serial;
    dest->waiting = 0;
    dest->shadow_count = 0;
    for (int i = 0; i < CONSUMERS; i++)
        waiter_init(&dest->consumers[i], WAITS_DEST, index);
    if (core == &dest->own) weft__core_dest_init(core);
}

void dest_close(struct world *world, uint32_t index)
{
    struct sim_dest *dest = &world->dests[index];
    for (int i = 0; i < CONSUMERS; i++)
        if (dest->consumers[i].waiting) (void)weft__core_unwait(&dest->consumers[i].core);
    dest->core = NULL;
}

static void make_dests(struct world *world)
{
    const struct shape *shape = &world->shape;
    uint32_t next = 2;
    world->dests_count = 2 + shape->queues + shape->groups + shape->workers + shape->sessions;
    world->dests = zeroed(world->dests_count, sizeof *world->dests);
    world->dests[0].role = DEST_CALLBACKS;
    world->dests[1].role = DEST_INLINE;
    dest_open(world, 0, &world->dests[0].own);
    dest_open(world, 1, &world->dests[1].own);
    for (uint32_t i = 0; i < shape->queues; i++, next++) {
        world->dests[next].role = DEST_QUEUE;
        dest_open(world, next, &world->dests[next].own);
    }
    for (uint32_t i = 0; i < shape->groups; i++, next++) {
        world->dests[next].role = DEST_GROUP;
        world->dests[next].owner = i;
        world->groups[i].dest = next;
    }
    for (uint32_t i = 0; i < shape->workers; i++, next++) {
        world->dests[next].role = DEST_INBOX;
        world->dests[next].owner = i;
        world->workers[i].dest = next;
        waiter_init(&world->workers[i].idle, WAITS_IDLE, i);
    }
    for (uint32_t i = 0; i < shape->sessions; i++, next++) {
        world->dests[next].role = DEST_LINE;
        world->dests[next].owner = i;
        world->sessions[i].line = next;
        dest_open(world, next, &world->dests[next].own);
    }
}

static void make_names(struct world *world)
{
    for (uint32_t i = 0; i < world->channels_count; i++) {
        struct sim_channel *channel = &world->channels[i];
        const char *where = i < world->shape.channels ? "sim" : "made";
        snprintf(channel->name, sizeof channel->name, "dispatch.%s.c%u", where, i);
        channel->hash = weft__name_hash(channel->name);
        channel->serial = ++world->serial;
        waiter_init(&channel->drained, WAITS_DRAINED, i);
    }
}

void sim_make(struct world *world)
{
    const struct shape *shape = &world->shape;
    failmem_init(&world->memory);
    world->now_ns = NS_PER_S + draw(world, 1000000);
    world->channels_count = shape->channels + shape->templated;
    world->tasks_room = shape->workers * 32 + 64;
    world->sessions = zeroed(shape->sessions, sizeof *world->sessions);
    world->workers = zeroed(shape->workers, sizeof *world->workers);
    world->channels = zeroed(world->channels_count, sizeof *world->channels);
    world->groups = zeroed(shape->groups, sizeof *world->groups);
    world->calls = zeroed(shape->calls, sizeof *world->calls);
    world->tasks = zeroed(world->tasks_room, sizeof *world->tasks);
    world->letters = zeroed(LETTERS_MAX, sizeof *world->letters);
    world->keys = zeroed((size_t)world->channels_count * KEY_NAMES, sizeof *world->keys);
    world->asker = NONE;
    world->live = zeroed(shape->calls, sizeof *world->live);
    world->free_calls = zeroed(shape->calls, sizeof *world->free_calls);
    for (uint32_t i = shape->calls; i-- > 0;)
        world->free_calls[world->free_count++] = i;
    make_names(world);
    make_dests(world);
    for (uint32_t i = 0; i < ROOM_WAITERS; i++)
        waiter_init(&world->rooms[i].waiter, WAITS_ROOM, i);
    for (uint32_t i = 0; i < SENDERS; i++)
        waiter_init(&world->senders[i].waiter, WAITS_WINDOW, i);
    waiter_init(&world->sleeper, WAITS_DUE, 0);
    waiter_init(&world->quiet, WAITS_QUIET, 0);
    waiter_init(&world->fetcher, WAITS_OUTCOME, 0);
    events_make(world);
    contracts_make(world);
    fill_lottery(world);
    world->core = weft__core_new(&world->memory.mem, &shape->limits, world->now_ns);
    WEFT_ASSERT(world->core);
    if (world->seed & 1) notes_open(world);
}

static void unmake(struct world *world)
{
    for (uint32_t i = 0; i < world->dests_count; i++)
        free(world->dests[i].shadow);
    free(world->sessions);
    free(world->workers);
    free(world->channels);
    free(world->groups);
    free(world->dests);
    free(world->calls);
    free(world->tasks);
    free(world->letters);
    free(world->keys);
    free(world->event_channels);
    free(world->subscriptions);
    free(world->live);
    free(world->free_calls);
}

/* --- life and end ----------------------------------------------------------------------------- */

void sim_steps(struct world *world)
{
    while (weft__core_has_work(world->core))
        (void)act_step(world);
}

static void live(struct world *world, uint64_t events_max)
{
    letters_declare(world);
    observe_notes(world);
    world->keyed = once_in(world, 2);
    for (uint32_t i = 0; i < world->channels_count; i++) {
        weft_channel_options options;
        channel_draw(world, &options);
        if (i < world->shape.channels) channel_declare(world, i, &options);
    }
    uint64_t last = world->shape.life < events_max ? world->shape.life : events_max;
    for (uint64_t idle = 0; world->events < last && idle < 100000; idle++) {
        if (weft__core_has_work(world->core) && !once_in(world, world->shape.step_late))
            (void)act_step(world);
        else if (!actions[world->lottery[draw(world, 256)]].act(world))
            continue;
        idle = 0;
    }
}

static void close_world(struct world *world, uint32_t last_events)
{
    sim_enter(world, EV_CLOSE, false);
    TRACE(world, "close");
    weft__core_close(world->core);
    world->closing = true;
    world->templates = 0;
    sim_leave(world);
    if (world->stats.dispatches_open) cover(COVER_CLOSED_BUSY);
    for (uint32_t i = last_events; i > 0; i--)
        (void)actions[world->lottery[draw(world, 256)]].act(world);
    sim_enter(world, EV_SETTLE_ALL, false);
    TRACE(world, "settle all");
    world->settling = true;
    weft__core_settle_all(world->core);
    sim_leave(world);
    for (uint32_t i = last_events; i > 0; i--)
        (void)actions[world->lottery[draw(world, 256)]].act(world);
    sim_steps(world);
    EXPECT(world, world->stats.dispatches_open == 0 && askers_open(world, NONE) == 0, "open after all were settled");
}

/* Everybody goes, in a random order of kinds; nothing of them may stay. */
static void empty(struct world *world)
{
    for (uint32_t i = 0; i < world->shape.sessions; i++)
        if (world->sessions[i].handle && !world->sessions[i].fired && once_in(world, 2)) session_fire(world, i);
    for (uint32_t i = 0; i < world->shape.workers; i++)
        if (world->workers[i].handle && !world->workers[i].unregistered) worker_unregister(world, i);
    senders_give_up(world);
    while (world->tasks_count)
        task_finish(world, draw(world, world->tasks_count));
    sim_steps(world);
    events_empty(world);
    for (uint32_t i = 0; i < world->shape.workers; i++)
        if (world->workers[i].handle) EXPECT(world, worker_forget(world, i), "a worker without tasks is not idle");
    for (uint32_t i = 0; i < world->shape.groups; i++)
        if (world->groups[i].added) EXPECT(world, group_remove(world, i), "a group without workers is busy");
    for (uint32_t i = 0; i < 2 + world->shape.queues; i++) {
        if (world->dests[i].role == DEST_QUEUE && once_in(world, 2))
            dest_abandon(world, i);
        else
            dest_drain(world, i, UINT32_MAX);
    }
    for (uint32_t i = 0; i < world->shape.sessions; i++)
        while (world->dests[world->sessions[i].line].core->items_count)
            (void)line_deliver(world, i);
    for (uint32_t i = 0; i < world->shape.sessions; i++)
        while (world->sessions[i].handle && world->sessions[i].holders)
            session_release(world, i);
    sim_steps(world);
    world->now_ns += 1000 * NS_PER_S;
    tick_all(world);
    sim_steps(world);
}

static void expect_nothing(struct world *world)
{
    struct core_waiter waiter;
    weft__core_waiter_init(&waiter);
    EXPECT(world, !weft__core_wait_quiet(world->core, true, &waiter), "it is not quiet at the end");
    EXPECT(world, world->live_count == 0 && askers_known(world) == 0, "%u dispatches are left", world->live_count);
    weft_node_stats stats;
    weft__core_stats(world->core, &stats);
    EXPECT(world, stats.workers == 0 && stats.participants == 0, "%u workers and %u sessions are left", stats.workers,
           stats.participants);
    EXPECT(world, stats.attempts_running == 0, "%u attempts run at the end", stats.attempts_running);
    EXPECT(world,
           world->core->dispatches.live_count == 0 && world->core->tasks.live_count == 0 &&
               world->core->capacity == 0 && world->core->potential == 0,
           "records are left");
    contracts_forget(world);
    weft__core_free(world->core);
    world->core = NULL;
    contracts_end(world);
    EXPECT(world, world->memory.live_blocks == 0, "%llu blocks were not freed",
           (unsigned long long)world->memory.live_blocks);
}

void sim_end(struct world *world, uint32_t last_events)
{
    close_world(world, last_events / 2);
    empty(world);
    expect_nothing(world);
    unmake(world);
}

const char *sim_live(struct world *world, uint64_t seed, enum world_size size, uint64_t events_max)
{
    FILE *trace = world->trace;
    jmp_buf failed;
    memset(world, 0, sizeof *world);
    world->trace = trace;
    world->failed = &failed;
    world->seed = seed;
    world->rng.state = seed;
    sim_draw(&world->shape, &world->rng, size);
    sim_make(world);
    if (setjmp(failed)) return world->sentence; /* what it had is left as it is, to be looked at */
    live(world, events_max);
    sim_end(world, draw(world, 80));
    return NULL;
}
