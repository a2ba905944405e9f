/* endings.c: what may end a dispatch or its attempt: see model.h. */
#include <string.h>

#include "base/clock.h"
#include "sim/keys.h"
#include "sim/letters.h"
#include "sim/model.h"

static const struct {
    weft_outcome outcome;
    const char *code;
} endings[ENDINGS_COUNT] = {
    [END_COMPLETED] = {WEFT_COMPLETED, NULL},
    [END_FAILED] = {WEFT_FAILED, NULL},
    [END_NOT_CANCELLED] = {WEFT_FAILED, "not_cancelled"},
    [END_WORKER_DIED] = {WEFT_WORKER_DIED, "worker_died"},
    [END_ABANDONED] = {WEFT_WORKER_DIED, "abandoned"},
    [END_LATE_CLOSE] = {WEFT_TIMED_OUT, "schedule_to_close"},
    [END_LATE_START] = {WEFT_TIMED_OUT, "schedule_to_start"},
    [END_LATE_RUN] = {WEFT_TIMED_OUT, "start_to_close"},
    [END_LATE_BEAT] = {WEFT_TIMED_OUT, "heartbeat"},
    [END_CANCELLED] = {WEFT_CANCELLED, "cancelled"},
    [END_CALLER_DIED] = {WEFT_CANCELLED, "caller_died"},
    [END_CALLER_CLOSED] = {WEFT_CANCELLED, "caller_closed"},
    [END_GRACE] = {WEFT_CANCELLED, "cancel_grace"},
    [END_NODE_CLOSED] = {WEFT_CANCELLED, "node_closed"},
    [END_SHED] = {WEFT_REJECTED, "shed"},
};

static const char *word(weft_outcome outcome)
{
    static const char *const words[] = {
#define WORD(name, number, text) [number] = text,
        WEFT_OUTCOMES(WORD)
#undef WORD
    };
    return words[outcome];
}

enum ending model_ending(weft_outcome outcome, const char *code)
{
    unsigned i = 0;
    for (; i < ENDINGS_COUNT; i++) {
        if (endings[i].outcome != outcome || !endings[i].code != !code) continue;
        if (!code || strcmp(endings[i].code, code) == 0) break;
    }
    return (enum ending)i;
}

weft_outcome model_outcome(enum ending ending)
{
    return endings[ending].outcome;
}

const char *model_code(enum ending ending)
{
    return endings[ending].code;
}

/* --- losses ----------------------------------------------------------------------------------- */

/* What this event says of the call's current attempt: that it was given up, or that its handler has returned from it. */
static void said(const struct world *world, const struct sim_call *call, bool *given_up, bool *returned)
{
    *given_up = *returned = false;
    if (world->event.kind != EV_RESULTS) return;
    for (uint32_t i = 0; i < world->event.results_count; i++) {
        if (&world->calls[world->event.results[i].call] != call || world->event.results[i].settled_before ||
            world->event.results[i].call_serial != call->serial || world->event.results[i].attempt != call->spent + 1U)
            continue;
        enum core_result_kind kind = world->event.results[i].kind;
        bool unsettled = kind == CORE_RESULT_NONE && world->event.results[i].returned && !world->event.results[i].kept;
        *given_up = kind == CORE_RESULT_ABANDON || unsettled;
        *returned = kind == CORE_RESULT_NONE && world->event.results[i].returned;
    }
}

/* Whether the call's attempt may have been lost by the end of its worker, or been given up. */
static bool may_be_lost(const struct world *world, const struct sim_call *call, bool *given_up)
{
    bool returned;
    said(world, call, given_up, &returned);
    if (!call->taken) return false;
    const struct sim_worker *worker = &world->workers[call->worker];
    bool by_end = worker_ended(world, worker) && (world->event.kind == EV_STEP || returned);
    return *given_up || by_end;
}

static void keep_name(struct world *world, struct sim_call *call)
{
    if (call->worker != NONE) memcpy(call->worker_name, world->workers[call->worker].name, sizeof call->worker_name);
}

void model_lost(struct world *world, struct sim_call *call)
{
    unsigned long long number = (unsigned long long)call->arrival;
    struct sim_worker *worker = &world->workers[call->worker];
    bool given_up;
    EXPECT(world, may_be_lost(world, call, &given_up), "dispatch %llu lost its attempt for no reason", number);
    EXPECT(world, call->redispatches, "dispatch %llu runs at most once, and is dispatched again", number);
    EXPECT(world, !call->cancelling, "dispatch %llu is dispatched again though cancelled", number);
    EXPECT(world, !world->closing, "dispatch %llu is dispatched again though the node closes", number);
    EXPECT(world, call->spent + 1 < call->attempts_max, "dispatch %llu: its last attempt is dispatched again", number);
    bool by_death = false;
    if (!given_up) {
        weft_worker_info info;
        EXPECT(world, weft__core_worker_info(world->core, world->now_ns, worker->handle, &info) == WEFT_OK,
               "a worker is gone early");
        by_death = info.state == WEFT_WORKER_DEAD;
    }
    call->tried[call->tried_count++] = by_death ? model_key_of_session(world, worker) : model_key_of_worker(worker);
    call->retry_ns = world->now_ns + world->channels[call->channel].options.redispatch_wait_ms * NS_PER_MS;
    call->spent++;
    call->taken = call->begun = false;
    model_broken(call);
    keep_name(world, call);
    world->stats.redispatched++;
    world->losses++;
    cover(COVER_REDISPATCHED);
}

void model_never_lost(struct world *world, struct sim_call *call)
{
    EXPECT(world, call->spent > 0 && call->tried_count > 0, "given back, and nothing was lost");
    call->spent--;
    call->tried_count--;
    call->retracted = true;
    cover(COVER_GIVE_BACK_FENCED);
}

/* --- the end ---------------------------------------------------------------------------------- */

enum ending model_overdue(const struct world *world, const struct sim_call *call)
{
    uint64_t now_ns = world->now_ns;
    bool started = call->taken || call->spent > 0;
    if (now_ns >= call->close_deadline_ns) return END_LATE_CLOSE;
    if (!started && now_ns >= call->start_deadline_ns) return END_LATE_START;
    bool runs = call->taken && !call->awaited;
    if (runs && now_ns >= sim_after(call->taken_ns, call->start_to_close_ms)) return END_LATE_RUN;
    if (runs && !call->waiting && !model_far_waits(call) && now_ns >= sim_after(call->beat_ns, call->heartbeat_ms))
        return END_LATE_BEAT;
    if (call->cancelling && now_ns >= call->grace_ns) return END_GRACE;
    return ENDINGS_COUNT;
}

/* By a result of its current attempt; message: what its outcome must bring. */
static uint32_t endings_by_results(const struct world *world, const struct sim_call *call,
                                   const struct message **message)
{
    uint32_t cancelled = call->cancelling ? 1U << END_CANCELLED : 0;
    bool last = !call->redispatches || call->spent + 1 >= call->attempts_max || world->closing;
    bool given_up;
    if (!call->taken) return 0;
    if (may_be_lost(world, call, &given_up)) {
        if (cancelled) return cancelled;
        return last ? 1U << (given_up ? END_ABANDONED : END_WORKER_DIED) : 0;
    }
    for (uint32_t i = 0; i < world->event.results_count; i++) {
        if (&world->calls[world->event.results[i].call] != call || world->event.results[i].settled_before ||
            world->event.results[i].call_serial != call->serial || world->event.results[i].attempt != call->spent + 1U)
            continue;
        *message = world->event.results[i].message;
        switch (world->event.results[i].kind) {
        case CORE_RESULT_COMPLETE: return 1U << END_COMPLETED;
        case CORE_RESULT_FAIL: return 1U << END_FAILED;
        case CORE_RESULT_SKIPPED: *message = NULL; return cancelled;
        case CORE_RESULT_CANCEL_ACK: *message = NULL; return cancelled ? cancelled : 1U << END_NOT_CANCELLED;
        default: return 0;
        }
    }
    return 0;
}

static uint32_t endings_by_step(const struct world *world, const struct sim_call *call)
{
    const struct sim_session *session = &world->sessions[call->session];
    uint32_t set = world->settling ? 1U << END_NODE_CLOSED : 0;
    bool caller_dead = session->serial != call->session_serial || !session->handle || session->fired;
    if (caller_dead && !call->detached && !call->keyed) set |= 1U << END_CALLER_DIED;
    bool given_up;
    if (!may_be_lost(world, call, &given_up)) return set;
    bool last = !call->redispatches || call->spent + 1 >= call->attempts_max || world->closing;
    if (call->cancelling)
        set |= 1U << END_CANCELLED;
    else if (last)
        set |= 1U << END_WORKER_DIED;
    return set;
}

/* How it may have ended in this event: a bit for each ending. */
static uint32_t may_end_as(const struct world *world, const struct sim_call *call, const struct message **message)
{
    const struct event *event = &world->event;
    uint32_t index = (uint32_t)(call - world->calls);
    enum ending overdue;
    *message = NULL;
    switch (event->kind) {
    case EV_RESULTS: return endings_by_results(world, call, message);
    case EV_STEP: return endings_by_step(world, call);
    case EV_TICK: overdue = model_overdue(world, call); return overdue == ENDINGS_COUNT ? 0 : 1U << overdue;
    case EV_CANCEL: return event->call == index && !call->taken ? 1U << END_CANCELLED : 0;
    case EV_GIVE_BACK: return call->cancelling && call->giving_back ? 1U << END_CANCELLED : 0;
    case EV_ABANDON: return call->dest == event->dest && !call->detached ? 1U << END_CALLER_CLOSED : 0;
    case EV_DISPATCH:
        return call->channel == event->channel && call->state == DISPATCH_QUEUED && call->priority > event->priority &&
                       world->channels[call->channel].options.queue_full == WEFT_SHED_LOWEST
                   ? 1U << END_SHED
                   : 0;
    default: return 0;
    }
}

/* What nobody asks for any more is cancelled. */
static uint32_t may_end(const struct world *world, const struct sim_call *call, const struct message **message)
{
    uint32_t may = may_end_as(world, call, message);
    if (call->keyed && key_unwanted(world, call)) may |= 1U << END_CANCELLED | 1U << END_GRACE;
    return may;
}

static uint64_t *counter(weft_node_stats *stats, weft_outcome outcome)
{
    switch (outcome) {
    case WEFT_COMPLETED: return &stats->completed;
    case WEFT_FAILED: return &stats->failed;
    case WEFT_WORKER_DIED: return &stats->worker_died;
    case WEFT_TIMED_OUT: return &stats->timed_out;
    case WEFT_CANCELLED: return &stats->cancelled;
    default: return &stats->rejected;
    }
}

bool model_sure(const struct world *world, const struct sim_call *call)
{
    const struct message *message;
    uint32_t may = keys_say(world, call, letters_say(world, call, may_end(world, call, &message))), outcomes = 0;
    for (unsigned i = 0; i < ENDINGS_COUNT; i++)
        if (may & 1U << i) outcomes |= 1U << endings[i].outcome;
    return (outcomes & (outcomes - 1)) == 0;
}

/* Where the outcome was not kept for anybody, only the node's counters say which it was. */
static enum ending deduce(struct world *world, uint32_t may)
{
    weft_node_stats *counted = &world->core->stats;
    for (unsigned i = 0; i < ENDINGS_COUNT; i++) {
        if (!(may & 1U << i)) continue;
        if (*counter(counted, endings[i].outcome) > *counter(&world->stats, endings[i].outcome)) return (enum ending)i;
    }
    return ENDINGS_COUNT;
}

/* In a step its attempt may have been lost before it ended for another reason; that loss was counted. */
static bool lost_before_the_end(struct world *world, const struct sim_call *call)
{
    bool given_up;
    bool goes_on = call->redispatches && !call->cancelling && !world->closing && call->spent + 1 < call->attempts_max;
    if (!may_be_lost(world, call, &given_up) || !goes_on) return false;
    world->hidden_losses++;
    return true;
}

void model_ended(struct world *world, struct sim_call *call, const struct core_dispatch *record)
{
    unsigned long long number = (unsigned long long)call->arrival;
    const struct message *message;
    uint32_t may = may_end(world, call, &message);
    enum ending ending = record ? model_ending((weft_outcome)record->outcome, weft__code_text(record))
                                : deduce(world, keys_say(world, call, letters_say(world, call, may)));
    EXPECT(world, ending != ENDINGS_COUNT, "dispatch %llu ended as none does", number);
    EXPECT(world, may & 1U << ending, "dispatch %llu ended %s (%s), and had no reason to", number,
           word(endings[ending].outcome), endings[ending].code ? endings[ending].code : "-");
    enum event_kind kind = world->event.kind; /* one that ends several may have moved it before */
    bool exact = kind != EV_STEP && kind != EV_TICK && kind != EV_ABANDON;
    bool had_task = call->state == DISPATCH_ASSIGNED;
    call->attempts = call->spent + had_task;
    if (had_task) keep_name(world, call);
    call->exact = exact;
    unsigned most = call->spent + 1U + (!exact && lost_before_the_end(world, call));
    call->ending = ending;
    call->ended_ns = world->now_ns;
    call->keep_until_ns = sim_after(world->now_ns, world->shape.limits.outcome_keep_ms);
    call->result = ending <= END_FAILED ? message : NULL;
    call->life = CALL_ENDED;
    model_broken(call);
    if (ending == END_WORKER_DIED || ending == END_ABANDONED) {
        if (call->redispatches) cover(COVER_ATTEMPTS_SPENT);
    }
    cover((enum cover)ending);
    (*counter(&world->stats, endings[ending].outcome))++;
    world->stats.dispatches_open--;
    if (call->keyed) key_ended(world, call, ending, message);
    if (!record) {
        letters_ended(world, call, ending, false);
        model_forget(world, call);
        return;
    }
    if (!exact && record->attempts != call->attempts) {
        EXPECT(world, record->attempts >= call->spent && record->attempts <= most,
               "dispatch %llu ended with %u attempts after %u were spent", number, record->attempts, call->spent);
        call->attempts = record->attempts;
        snprintf(call->worker_name, sizeof call->worker_name, "%s",
                 record->worker_name ? record->worker_name->text : "");
    } else if (!exact && !call->taken && record->worker_name) {
        snprintf(call->worker_name, sizeof call->worker_name, "%s", record->worker_name->text);
    }
    EXPECT(world, record->result == (ending <= END_FAILED ? message : NULL),
           "dispatch %llu ended with a message that is not its own", number);
    letters_ended(world, call, ending, true);
}
