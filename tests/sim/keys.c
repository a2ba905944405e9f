#include "sim/keys.h"

#include <string.h>

#include "base/clock.h"

/* --- who asks --------------------------------------------------------------------------------- */

static bool is_open(const struct sim_asker *asker)
{
    return asker->used && !asker->ended;
}

uint32_t askers_open(const struct world *world, uint32_t channel)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < ASKERS_MAX; i++)
        count += is_open(&world->askers[i]) && (channel == NONE || world->askers[i].channel == channel);
    return count;
}

uint32_t askers_known(const struct world *world)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < ASKERS_MAX; i++)
        count += world->askers[i].used;
    return count;
}

struct sim_asker *asker_free(struct world *world)
{
    for (uint32_t i = 0; i < ASKERS_MAX; i++)
        if (!world->askers[i].used) return &world->askers[i];
    return NULL;
}

static bool caller_dead(const struct world *world, const struct sim_asker *asker)
{
    const struct sim_session *session = &world->sessions[asker->session];
    return session->serial != asker->session_serial || !session->handle || session->fired;
}

bool askers_hang(const struct world *world, uint32_t session)
{
    for (uint32_t i = 0; i < ASKERS_MAX; i++) {
        const struct sim_asker *asker = &world->askers[i];
        if (is_open(asker) && asker->session == session && asker->session_serial == world->sessions[session].serial &&
            !(asker->detached && world->sessions[session].fired))
            return true;
    }
    return false;
}

void askers_in_time(struct world *world)
{
    for (uint32_t i = 0; i < ASKERS_MAX; i++)
        EXPECT(world, !is_open(&world->askers[i]) || world->askers[i].close_deadline_ns > world->now_ns,
               "one who asked waits longer than it wanted to");
}

void askers_abandoned(struct world *world, uint32_t dest)
{
    for (uint32_t i = 0; i < ASKERS_MAX; i++) {
        struct sim_asker *asker = &world->askers[i];
        if (!asker->used || asker->dest != dest) continue;
        const struct core_dispatch *record = weft__dispatch_find(world->core, asker->id);
        if (asker->ended && !record)
            asker->used = false;
        else if (asker->detached && record && !record->dest)
            asker->dest = NONE;
    }
}

/* --- keys ------------------------------------------------------------------------------------- */

struct sim_key *key_now(struct world *world, uint32_t index)
{
    struct sim_key *key = &world->keys[index];
    if (key->life == KEY_ENDED && world->now_ns >= key->forget_ns) key->life = KEY_UNKNOWN;
    return key;
}

uint32_t keys_open(const struct world *world, uint32_t channel)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < KEY_NAMES; i++)
        count += world->keys[channel * KEY_NAMES + i].life == KEY_OPEN;
    return count;
}

void keys_deleted(struct world *world, uint32_t channel)
{
    for (uint32_t i = 0; i < KEY_NAMES; i++)
        world->keys[channel * KEY_NAMES + i].life = KEY_UNKNOWN;
}

bool key_unwanted(const struct world *world, const struct sim_call *call)
{
    return !world->keys[call->key].wanted;
}

uint32_t keys_say(const struct world *world, const struct sim_call *call, uint32_t may)
{
    const struct sim_key *key = &world->keys[call->key];
    if (!call->keyed || !key->told) return may;
    uint32_t left = 0;
    for (unsigned i = 0; i < ENDINGS_COUNT; i++)
        left |= model_outcome((enum ending)i) == key->outcome ? may & 1U << i : 0;
    return left;
}

/* It was taken with others, and this event says that its handler was not entered. */
static bool never_begun(const struct world *world, const struct sim_call *call)
{
    const struct event *event = &world->event;
    for (uint32_t i = 0; i < event->results_count; i++)
        if (&world->calls[event->results[i].call] == call && event->results[i].call_serial == call->serial &&
            event->results[i].kind == CORE_RESULT_SKIPPED)
            return true;
    return event->kind == EV_GIVE_BACK && call->giving_back;
}

void key_ended(struct world *world, const struct sim_call *call, enum ending ending, const struct message *message)
{
    struct sim_key *key = &world->keys[call->key];
    uint32_t dedup_ms = world->channels[call->channel].options.dedup_ms;
    bool begun = call->spent > 0 || (call->taken && !never_begun(world, call));
    EXPECT(world, key->life == KEY_OPEN, "a key ended twice");
    EXPECT(world, !key->told || key->outcome == model_outcome(ending), "those who asked are told another outcome");
    EXPECT(world, !key->told || key->result == (ending <= END_FAILED ? message : NULL),
           "those who asked are given another's result");
    key->life = begun && dedup_ms ? KEY_ENDED : KEY_UNKNOWN;
    key->forget_ns = dedup_ms == WEFT_FOREVER ? UINT64_MAX : world->now_ns + dedup_ms * NS_PER_MS;
}

/* --- after each event ------------------------------------------------------------------------- */

/* Whether it may have left for a reason of its own, with that code. */
static bool own_reason(const struct world *world, const struct sim_asker *asker, const char *code)
{
    switch (world->event.kind) {
    case EV_CANCEL: return world->asker == (uint32_t)(asker - world->askers) && (!code || !strcmp(code, "cancelled"));
    case EV_ABANDON:
        return asker->dest == world->event.dest && !asker->detached && (!code || !strcmp(code, "caller_closed"));
    case EV_TICK: return world->now_ns >= asker->close_deadline_ns && (!code || !strcmp(code, "schedule_to_close"));
    case EV_STEP:
        return (caller_dead(world, asker) && !asker->detached && (!code || !strcmp(code, "caller_died"))) ||
               (world->settling && (!code || !strcmp(code, "node_closed")));
    default: return false;
    }
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* It was told the outcome of the key: the first says which, and the others get the same. */
static void expect_same(struct world *world, struct sim_key *key, const struct sim_asker *asker)
{
    if (!key->told) {
        key->told = true;
        key->outcome = asker->outcome;
        key->attempts = asker->attempts;
        key->code = asker->code;
        key->result = asker->result;
        memcpy(key->worker_name, asker->worker_name, sizeof key->worker_name);
        return;
    }
    EXPECT(world, key->outcome == asker->outcome && same_text(key->code, asker->code), "two outcomes of one key");
    EXPECT(world, key->result == asker->result, "two results of one key");
    EXPECT(world, key->attempts == asker->attempts && strcmp(key->worker_name, asker->worker_name) == 0,
           "the outcome of one key differs");
}

static void asker_ended(struct world *world, struct sim_asker *asker, const struct core_dispatch *record)
{
    struct sim_key *key = &world->keys[asker->key];
    bool kept = asker->dest != NONE || asker->detached;
    bool mine = asker->key_serial == key->serial; /* else another has the key by now */
    const char *code = record ? weft__code_text(record) : NULL;
    EXPECT(world, record || !kept || world->event.kind == EV_ABANDON, "one who asked is gone without an outcome");
    bool own = own_reason(world, asker, code) && (!record || code);
    asker->ended = true;
    if (!own && mine && key->life == KEY_OPEN) {
        const struct core_dispatch *inner = weft__dispatch_find(world->core, world->calls[key->call].id);
        EXPECT(world, !inner, "one who asked is told the end of what goes on");
        key->wanted = true;
    }
    if (own) cover(COVER_KEY_LEFT);
    asker->keep_until_ns = world->now_ns + world->shape.limits.outcome_keep_ms * NS_PER_MS;
    if (!record) {
        asker->used = false;
        return;
    }
    asker->outcome = record->outcome;
    asker->code = code;
    asker->attempts = record->attempts;
    asker->result = record->result;
    snprintf(asker->worker_name, sizeof asker->worker_name, "%s", record->worker_name ? record->worker_name->text : "");
    if (!own && mine) expect_same(world, key, asker);
}

static void observe_asker(struct world *world, struct sim_asker *asker)
{
    const struct core_dispatch *record = weft__dispatch_find(world->core, asker->id);
    if (asker->ended) {
        bool forgotten = world->event.kind == EV_TICK && asker->dest == NONE && world->now_ns >= asker->keep_until_ns;
        EXPECT(world, record || forgotten, "the outcome of one who asked is gone");
        if (!record) asker->used = false;
    } else if (!record || record->state == DISPATCH_SETTLED) {
        asker_ended(world, asker, record);
    } else {
        EXPECT(world, record->state == DISPATCH_JOINED, "one who asked does the work");
        struct sim_key *key = &world->keys[asker->key];
        if (asker->key_serial == key->serial) key->wanted = true;
    }
}

void askers_observe(struct world *world)
{
    for (uint32_t i = 0; i < world->channels_count * KEY_NAMES; i++)
        world->keys[i].wanted = false;
    for (uint32_t i = 0; i < ASKERS_MAX; i++)
        if (world->askers[i].used) observe_asker(world, &world->askers[i]);
}

/* What nobody asks for any more, and is open still, runs and has been told to stop. */
void keys_observe(struct world *world)
{
    bool done = !weft__core_has_work(world->core);
    for (uint32_t i = 0; i < world->channels_count * KEY_NAMES; i++) {
        const struct sim_key *key = &world->keys[i];
        if (key->life != KEY_OPEN || key->wanted) continue;
        struct sim_call *call = &world->calls[key->call];
        EXPECT(world, call->taken && call->state == DISPATCH_ASSIGNED, "nobody asks for dispatch %llu, and it waits",
               (unsigned long long)call->arrival);
        if (call->cancelling) continue;
        uint32_t grace_ms = world->channels[call->channel].options.cancel_grace_ms;
        call->cancelling = true;
        call->grace_ns = grace_ms == WEFT_FOREVER ? UINT64_MAX : world->now_ns + grace_ms * NS_PER_MS;
        cover(COVER_KEY_ABANDONED);
    }
    for (uint32_t i = 0; done && i < ASKERS_MAX; i++) {
        const struct sim_asker *asker = &world->askers[i];
        if (!is_open(asker)) continue;
        EXPECT(world, !world->settling, "one who asked is left after all were settled");
        EXPECT(world, asker->detached || !caller_dead(world, asker), "one who asked outlives its participant");
        const struct sim_key *key = &world->keys[asker->key];
        EXPECT(world, asker->key_serial == key->serial && key->life == KEY_OPEN, "one who asked was not told the end");
    }
}

/* --- outcomes --------------------------------------------------------------------------------- */

static void expect_outcome(struct world *world, struct sim_asker *asker, const struct core_outcome *outcome)
{
    EXPECT(world, asker->used && asker->ended, "the outcome of one who asked, and it has not ended");
    EXPECT(world, outcome->id.number == asker->id.number && outcome->id.session == asker->id.session,
           "one who asked: another's id");
    EXPECT(world, outcome->outcome == (weft_outcome)asker->outcome && same_text(outcome->code, asker->code),
           "one who asked has a second outcome");
    EXPECT(world, outcome->message == asker->result && outcome->attempts == asker->attempts,
           "one who asked: another's result");
    EXPECT(world, (uint8_t)outcome->admission == asker->admission && outcome->context == world,
           "one who asked: another's admission");
    EXPECT(world, strcmp(outcome->worker, asker->worker_name) == 0, "one who asked: another's worker");
    weft__message_drop(outcome->message);
    asker->used = false;
}

bool asker_outcome(struct world *world, const struct sim_dest *dest, const struct core_outcome *outcome)
{
    struct sim_asker *asker = outcome->context2;
    if (asker < world->askers || asker >= world->askers + ASKERS_MAX) return false;
    EXPECT(world, &world->dests[asker->dest] == dest, "an outcome at another's destination");
    TRACE(world, "outcome of asker %u: %d", (unsigned)(asker - world->askers), (int)outcome->outcome);
    expect_outcome(world, asker, outcome);
    return true;
}

static void fetch(struct world *world, struct sim_asker *asker)
{
    struct core_outcome outcome;
    bool fetchable = asker->detached && asker->dest == NONE;
    sim_enter(world, EV_FETCH, false);
    weft_error error = weft__core_outcome_fetch(world->core, asker->id, &outcome, NULL);
    TRACE(world, "fetch asker %u: %d", (unsigned)(asker - world->askers), (int)error);
    weft_error expected = !fetchable ? WEFT_ENOTFOUND : asker->ended ? WEFT_OK : WEFT_EAGAIN;
    EXPECT(world, error == expected, "fetch: %d and not %d", (int)error, (int)expected);
    if (!error) expect_outcome(world, asker, &outcome);
    sim_leave(world);
}

static void leave(struct world *world, struct sim_asker *asker)
{
    sim_enter(world, EV_CANCEL, false);
    world->event.call = NONE;
    world->asker = (uint32_t)(asker - world->askers);
    weft_error error = weft__core_cancel(world->core, world->now_ns, asker->id);
    TRACE(world, "cancel asker %u: %d", world->asker, (int)error);
    EXPECT(world, error == (asker->ended ? WEFT_ENOTFOUND : WEFT_OK), "cancel: %d", (int)error);
    sim_leave(world);
    EXPECT(world, !is_open(asker), "one who cancelled still waits");
    world->asker = NONE;
}

bool act_key(struct world *world)
{
    struct sim_asker *asker = &world->askers[draw(world, ASKERS_MAX)];
    if (!world->keyed) return false;
    if (!asker->used || once_in(world, 2)) return call_keyed(world);
    if (once_in(world, 3))
        leave(world, asker);
    else
        fetch(world, asker);
    return true;
}
