/* outcomes.c: the callers' side: learning how it ended, and not wanting to any more. */
#include <string.h>

#include "sim/keys.h"
#include "sim/model.h"

static void expect_outcome(struct world *world, struct sim_call *call, const struct core_outcome *outcome)
{
    unsigned long long number = (unsigned long long)call->arrival;
    EXPECT(world, call->life == CALL_ENDED, "the outcome of dispatch %llu, which has not ended", number);
    EXPECT(world, outcome->id.number == call->id.number && outcome->id.session == call->id.session,
           "dispatch %llu: another's id", number);
    EXPECT(world, model_ending(outcome->outcome, outcome->code) == call->ending, "dispatch %llu has a second outcome",
           number);
    EXPECT(world, call->words_count == 0, "the outcome of dispatch %llu comes before what its task said", number);
    EXPECT(world, outcome->message == call->result, "dispatch %llu: another's result", number);
    EXPECT(world, outcome->attempts == call->attempts, "dispatch %llu: %u attempts and not %u", number,
           outcome->attempts, call->attempts);
    EXPECT(world, (uint8_t)outcome->admission == call->admission, "dispatch %llu: another admission", number);
    EXPECT(world, outcome->context == world && outcome->context2 == (call->strange ? NULL : call),
           "dispatch %llu: another's context", number);
    EXPECT(world, strcmp(outcome->worker, call->worker_name) == 0, "dispatch %llu: worker '%s' and not '%s'", number,
           outcome->worker, call->worker_name);
    uint64_t spent_ns = outcome->queued_ns + outcome->started_ns + outcome->run_ns;
    EXPECT(world, spent_ns <= call->ended_ns - call->admitted_ns, "dispatch %llu took longer than time has passed",
           number);
    if (call->attempts <= 1 && !call->spent && call->exact)
        EXPECT(world, spent_ns == call->ended_ns - call->admitted_ns, "dispatch %llu: some of its time is missing",
               number);
    weft__message_drop(outcome->message);
    model_forget(world, call);
}

/* The task whose cancel notice was taken. */
static void noticed(struct world *world, const struct core_task *task)
{
    for (uint32_t i = 0; i < world->tasks_count; i++) {
        struct sim_task *held = &world->tasks[i];
        if (held->task != task) continue;
        EXPECT(world, held->asked && !held->noticed && !held->settled, "a cancel notice that nobody waits for");
        held->noticed = true;
        cover(COVER_NOTICE);
        return;
    }
    sim_fail(world, "a cancel notice of a task that nobody holds");
}

void outcome_got(struct world *world, const struct sim_dest *dest, enum core_item_kind kind,
                 struct core_outcome *outcome, const struct core_task *cancelled)
{
    if (kind == CORE_ITEM_OUTCOME && asker_outcome(world, dest, outcome)) {
        cover(COVER_OUTCOME_TAKEN);
    } else if (kind == CORE_ITEM_OUTCOME) {
        struct sim_call *call = &world->calls[outcome->token];
        TRACE(world, "outcome of dispatch %llu: %d %s", (unsigned long long)call->arrival, (int)outcome->outcome,
              outcome->code ? outcome->code : "");
        EXPECT(world, &world->dests[call->dest] == dest, "an outcome at another's destination");
        expect_outcome(world, call, outcome);
        cover(COVER_OUTCOME_TAKEN);
    } else if (kind == CORE_ITEM_UPDATE) {
        struct sim_call *call = &world->calls[outcome->token];
        TRACE(world, "update of dispatch %llu: %d", (unsigned long long)call->arrival, (int)outcome->update);
        EXPECT(world, &world->dests[call->dest] == dest, "an update at another's destination");
        model_heard(world, call, outcome);
    } else {
        EXPECT(world, kind == CORE_ITEM_CANCEL, "an item of kind %d in a destination of outcomes", (int)kind);
        TRACE(world, "cancel notice");
        noticed(world, cancelled);
    }
}

static bool take_outcome(struct world *world, struct sim_dest *dest)
{
    struct core_outcome outcome;
    struct core_task *cancelled = NULL;
    sim_enter(world, EV_OUTCOME, false);
    enum core_item_kind kind = weft__core_outcome_take(world->core, world->now_ns, dest->core, &outcome, &cancelled);
    if (kind)
        outcome_got(world, dest, kind, &outcome, cancelled);
    else
        dest_sleep(world, dest);
    sim_leave(world);
    return kind != 0;
}

bool act_outcome(struct world *world)
{
    uint32_t index = draw(world, 2 + world->shape.queues);
    struct sim_dest *dest = &world->dests[index];
    if (index == 1 || dest->waiting == CONSUMERS) return false;
    if (!dest->core->items_count && !once_in(world, 4)) return false;
    (void)take_outcome(world, dest);
    return true;
}

void dest_drain(struct world *world, uint32_t index, uint32_t max)
{
    struct sim_dest *dest = &world->dests[index];
    while (max-- > 0 && dest->role != DEST_INLINE && dest->core->items_count)
        (void)take_outcome(world, dest);
}

bool act_fetch(struct world *world)
{
    uint32_t index = any_call(world);
    if (index == NONE) return false;
    struct sim_call *call = &world->calls[index];
    bool fetchable = call->detached && call->dest == NONE;
    if (!fetchable && !once_in(world, 20)) return false;
    struct core_outcome outcome;
    bool waits = !world->fetcher.waiting && once_in(world, 2);
    sim_enter(world, EV_FETCH, false);
    weft_error error = weft__core_outcome_fetch(world->core, call->id, &outcome, waits ? &world->fetcher.core : NULL);
    TRACE(world, "fetch dispatch %llu: %d", (unsigned long long)call->arrival, (int)error);
    weft_error expected = !fetchable ? WEFT_ENOTFOUND : call->life == CALL_OPEN ? WEFT_EAGAIN : WEFT_OK;
    EXPECT(world, error == expected, "fetch: %d and not %d", (int)error, (int)expected);
    if (error == WEFT_ENOTFOUND) cover(COVER_ENOTFOUND);
    if (error == WEFT_EAGAIN) {
        cover(COVER_FETCH_EARLY);
        if (waits) {
            world->fetcher.waiting = true;
            world->fetched_call = index;
            world->fetched_serial = call->serial;
        }
    }
    if (!error) {
        expect_outcome(world, call, &outcome);
        cover(COVER_FETCHED);
    }
    sim_leave(world);
    return true;
}

/* Nobody wants the queue's outcomes any more; then its memory serves another. */
void dest_abandon(struct world *world, uint32_t index)
{
    struct sim_dest *dest = &world->dests[index];
    bool more = true;
    while (more) {
        sim_enter(world, EV_ABANDON, false);
        world->event.dest = index;
        more = weft__core_dest_abandon(world->core, world->now_ns, dest->core);
        TRACE(world, "abandon queue %u", index);
        for (uint32_t i = world->live_count; i-- > 0;) {
            struct sim_call *call = &world->calls[world->live[i]];
            if (call->dest != index) continue;
            const struct core_dispatch *record = weft__dispatch_find(world->core, call->id);
            if (call->life == CALL_ENDED && !record)
                model_forget(world, call);
            else if (call->detached && record && !record->dest) {
                call->dest = NONE;
                model_deaf(world, call);
            }
        }
        askers_abandoned(world, index);
        sim_leave(world);
    }
    for (uint32_t i = 0; i < world->live_count; i++)
        EXPECT(world, world->calls[world->live[i]].dest != index, "a dispatch still goes to an abandoned queue");
    cover(COVER_DEST_ABANDONED);
    dest_close(world, index);
    memset(&dest->own, 0xa5, sizeof dest->own);
    dest_open(world, index, &dest->own);
}

bool act_abandon(struct world *world)
{
    if (!once_in(world, 6)) return false;
    dest_abandon(world, 2 + draw(world, world->shape.queues));
    return true;
}
