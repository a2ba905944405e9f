/* calls.c: the callers' side: dispatching and cancelling. */
#include <string.h>

#include "sim/contracts.h"
#include "sim/keys.h"
#include "sim/letters.h"
#include "sim/model.h"
#include "sim/seeing.h"

#include "base/clock.h"

/* --- dispatching ------------------------------------------------------------------------------ */

static const char *const type_names[] = {NULL, "resize", "encode", "probe", "thumbnail", "mux"};

static uint32_t draw_time_ms(struct world *world, uint32_t one_in)
{
    if (!once_in(world, one_in)) return 0;
    return once_in(world, 4) ? WEFT_FOREVER : rng_between(&world->rng, 1, 30);
}

static void fill(struct world *world, struct sim_request *draft)
{
    draft->request.channel = world->channels[draft->channel].name;
    draft->request.channel_hash = world->channels[draft->channel].hash;
    draft->request.activity_type = type_names[draft->type];
    draft->request.activity_type_hash = draft->type ? weft__name_hash(type_names[draft->type]) : 0;
    draft->request.dest = draft->dest == NONE ? NULL : world->dests[draft->dest].core;
    draft->request.token = world->free_calls[world->free_count - 1];
    draft->request.context = world;
    draft->request.updated_context = world;
    draft->request.context2 = &world->calls[draft->request.token];
}

/* A new number; now and then one that is known. */
static weft_dispatch_id stranger_id(struct world *world, uint64_t session)
{
    uint32_t other = once_in(world, 8) ? any_call(world) : NONE;
    if (other != NONE && world->calls[other].strange && world->calls[other].id.session == session)
        return world->calls[other].id;
    return (weft_dispatch_id){session, ++world->serial};
}

static bool draw_call(struct world *world, struct sim_request *draft)
{
    uint32_t session = likely_session(world);
    if (session == NONE) return false;
    *draft = (struct sim_request){.session = session,
                                  .channel = likely_channel(world),
                                  .dest = draw(world, 2 + world->shape.queues),
                                  .type = world->shape.types ? draw(world, world->shape.types + 1) : 0,
                                  .size_bytes = once_in(world, 6) ? draw(world, 900) : draw(world, 64),
                                  .caller_dead = world->sessions[session].fired,
                                  .text = once_in(world, 5),
                                  .wrong = once_in(world, 12),
                                  .request.session = world->sessions[session].handle};
    if (draft->dest == 1) draft->dest = NONE; /* the inline tasks' is no place for outcomes */
    struct core_request *request = &draft->request;
    request->priority = (uint8_t)draw(world, CORE_PRIORITIES);
    request->detached = percent(world, world->shape.detached);
    request->waits = once_in(world, 2);
    if (request->detached && !once_in(world, 4)) draft->dest = NONE;
    if (draft->dest != NONE && percent(world, world->shape.streams)) {
        request->updated = model_updated;
        request->window = 1 + draw(world, WINDOW_MAX);
    }
    if (percent(world, world->shape.far)) {
        request->id = stranger_id(world, request->session);
        request->credit = request->updated && once_in(world, 2);
        if (draft->dest != NONE && !once_in(world, 4)) draft->dest = world->sessions[session].line;
    }
    if (percent(world, world->shape.sticky)) request->sticky_hash = draw(world, 5) * UINT64_C(0x1234567890abcdef) + 1;
    request->on_crash = percent(world, world->shape.redispatch) ? WEFT_CRASH_REDISPATCH : (uint8_t)draw(world, 2);
    request->no_worker = (uint8_t)draw(world, 3);
    request->attempts_max = once_in(world, 6) ? rng_between(&world->rng, 1, 16) : 0;
    request->schedule_to_start_ms = draw_time_ms(world, 12);
    request->start_to_close_ms = draw_time_ms(world, 12);
    request->schedule_to_close_ms = draw_time_ms(world, 12);
    request->heartbeat_ms = draw_time_ms(world, 24);
    return true;
}

/* Workers of the channel that could take the type some day: those there surely are, and those that may not have been
 * worked off. */
static void takers(const struct world *world, const struct sim_request *draft, bool *surely, bool *maybe)
{
    struct sim_call call = {.type = draft->type, .schema = contracts_met(world, draft->request.payload)};
    *surely = *maybe = false;
    for (uint32_t i = 0; i < world->shape.workers; i++) {
        const struct sim_worker *worker = &world->workers[i];
        const struct sim_channel *channel = &world->channels[draft->channel];
        if (!worker->handle || worker->unregistered || worker->draining || worker->channel != draft->channel ||
            worker->channel_serial != channel->serial || !model_can(worker, &call))
            continue;
        if (world->sessions[worker->session].fired)
            *maybe = true;
        else
            *surely = true;
    }
}

static void expect_rejection(struct world *world, const struct sim_request *draft, const struct core_admitted *admitted,
                             const weft_channel_info *before)
{
    const struct sim_channel *channel = &world->channels[draft->channel];
    const weft_channel_options *o = &channel->options;
    const char *reason = admitted->reason;
    bool surely, maybe;
    takers(world, draft, &surely, &maybe);
    uint32_t no_worker = draft->request.no_worker ? draft->request.no_worker : o->no_worker;
    bool unwanted = no_worker == WEFT_NO_WORKER_REJECT && !surely;
    bool large = draft->request.payload->size_bytes > o->payload_bytes_max;
    EXPECT(world, admitted->admission == WEFT_ADMISSION_REJECTED && !admitted->id.number, "rejected, and has an id");
    if (channel->life == CHANNEL_DRAINING) {
        EXPECT(world, strcmp(reason, "draining") == 0, "a draining channel rejects: %s", reason);
        cover(COVER_REFUSED_DRAINING);
    } else if (large) {
        EXPECT(world, strcmp(reason, "payload_too_large") == 0, "a large payload is rejected: %s", reason);
        cover(COVER_REFUSED_PAYLOAD);
    } else if (strcmp(reason, "no_worker") == 0) {
        EXPECT(world, unwanted, "rejected for want of a worker that is there");
        cover(COVER_REFUSED_NO_WORKER);
    } else {
        EXPECT(world, strcmp(reason, "queue_full") == 0, "rejected: %s", reason);
        EXPECT(world, !unwanted || maybe, "no_worker should have come before %s", reason);
        bool room =
            before->queued < o->depth_max &&
            before->queued_bytes + sizeof(struct core_dispatch) + draft->request.payload->charge_bytes <= o->bytes_max;
        EXPECT(world, !room, "rejected for want of room, and there is");
        EXPECT(world, admitted->retry_after_ms > 0, "a full queue, and no time to retry after");
        size_t charge_bytes = sizeof(struct core_dispatch) + draft->request.payload->charge_bytes;
        bool blocks = draft->request.waits && o->queue_full == WEFT_BLOCK && charge_bytes <= o->bytes_max;
        EXPECT(world, admitted->blocks == blocks, "a full queue says wrongly whether it blocks");
        cover(COVER_REFUSED_QUEUE_FULL);
    }
    world->stats.rejected += !admitted->blocks; /* who waits is not rejected yet */
}

static void expect_admission(struct world *world, const struct sim_request *draft, const struct core_admitted *admitted,
                             const weft_channel_info *before)
{
    const struct sim_channel *channel = &world->channels[draft->channel];
    const weft_channel_options *o = &channel->options;
    bool surely, maybe;
    takers(world, draft, &surely, &maybe);
    uint32_t no_worker = draft->request.no_worker ? draft->request.no_worker : o->no_worker;
    EXPECT(world, channel->life != CHANNEL_DRAINING, "a draining channel admits");
    EXPECT(world, draft->request.payload->size_bytes <= o->payload_bytes_max, "a payload too large is admitted");
    EXPECT(world, no_worker != WEFT_NO_WORKER_REJECT || surely || maybe, "admitted for no worker");
    if (admitted->admission == WEFT_ADMISSION_ACCEPTED) {
        cover(COVER_ADMITTED_ACCEPTED);
        return;
    }
    EXPECT(world, admitted->admission == WEFT_ADMISSION_DEFERRED, "admitted in no way");
    bool room =
        before->queued < o->depth_max &&
        before->queued_bytes + sizeof(struct core_dispatch) + draft->request.payload->charge_bytes <= o->bytes_max;
    weft_channel_info after;
    (void)weft__core_channel_info(world->core, world->now_ns, channel->name, &after);
    EXPECT(world, room || after.queued <= before->queued, "a full queue takes one more");
    cover(COVER_ADMITTED_DEFERRED);
}

static weft_error expected_error(const struct world *world, const struct sim_request *draft)
{
    if (world->closing) return WEFT_ECLOSED;
    if (world->channels[draft->channel].life == CHANNEL_NONE) return WEFT_ENOCHANNEL;
    if (draft->caller_dead) return WEFT_EDEAD;
    for (uint32_t i = 0; draft->request.id.number && i < world->live_count; i++) {
        const struct sim_call *other = &world->calls[world->live[i]];
        if (other->strange && other->id.number == draft->request.id.number &&
            other->id.session == draft->request.id.session)
            return WEFT_EEXIST;
    }
    if (world->core->dispatches.live_count >= world->shape.limits.dispatches_max) return WEFT_ELIMIT;
    return WEFT_OK;
}

static void cover_error(weft_error error)
{
    if (error == WEFT_ECLOSED) cover(COVER_ECLOSED);
    if (error == WEFT_ENOCHANNEL) cover(COVER_ENOCHANNEL);
    if (error == WEFT_EDEAD) cover(COVER_EDEAD);
    if (error == WEFT_ELIMIT) cover(COVER_ELIMIT);
    if (error == WEFT_EEXIST) cover(COVER_STRANGER_KNOWN);
}

/* Leaves a blocked caller's waiter where there is room for one. */
static void block(struct world *world, const struct sim_request *draft, const struct core_admitted *admitted)
{
    for (uint32_t i = 0; i < ROOM_WAITERS; i++) {
        struct room_waiter *room = &world->rooms[i];
        if (room->busy) continue;
        room->session = draft->session;
        room->handle = draft->request.session;
        room->session_serial = world->sessions[draft->session].serial;
        room->channel = draft->channel;
        room->type = draft->type;
        room->priority = draft->request.priority;
        room->size_bytes = draft->size_bytes;
        room->text = draft->text;
        room->busy = true;
        room->woken = false;
        room->waiter.waiting = weft__core_channel_wait_room(world->core, admitted->channel, &room->waiter.core);
        EXPECT(world, room->waiter.waiting, "the queue is full, and there is room");
        cover(COVER_BLOCK_WAIT);
        return;
    }
}

/* Whether who brings it has to look at what the channel asks for now. */
static bool is_stale(const struct world *world, const struct sim_request *draft)
{
    const struct sim_channel *channel = &world->channels[draft->channel];
    bool known = !world->closing && channel->life != CHANNEL_NONE && !draft->caller_dead;
    return known && draft->request.payload->size_bytes <= channel->options.payload_bytes_max &&
           contracts_stale(&channel->contract, draft->request.payload);
}

/* It was; then only that comes of it. */
static void expect_stale(struct world *world, const struct sim_request *draft, bool stale, weft_error error,
                         struct core_admitted *admitted)
{
    EXPECT(world, stale == (error == WEFT_ESTALE), "the payload %s met what its channel asks for now",
           stale ? "has not" : "has");
    if (stale) contracts_look(world, &world->channels[draft->channel].contract, admitted->contract);
}

/* What a bringer does who has looked, and found that the payload does not match. */
static bool refuse(struct world *world, struct sim_request *draft)
{
    struct sim_channel *channel = &world->channels[draft->channel];
    const struct contract *contract = channel->contract.looked;
    struct core_admitted admitted;
    bool content_type = contract && draft->text && !contract->opaque;
    bool mismatch = contract && draft->wrong && !(draft->text && contract->opaque);
    if (!contract || !contract->request || !(content_type || mismatch)) return false;
    sim_enter(world, EV_DISPATCH, false);
    weft_rejection reason = content_type ? WEFT_REJECTED_CONTENT_TYPE : WEFT_REJECTED_SCHEMA_MISMATCH;
    weft_error expected = channel->life == CHANNEL_NONE ? WEFT_ENOCHANNEL : WEFT_EREJECTED;
    if (world->closing) expected = WEFT_ECLOSED;
    weft_error error = weft__core_dispatch_refuse(world->core, world->now_ns, &draft->request, reason, &admitted);
    TRACE(world, "refuse a payload on %s: %d", channel->name, (int)error);
    EXPECT(world, error == expected, "refuse: %d and not %d", (int)error, (int)expected);
    if (error == WEFT_EREJECTED) {
        EXPECT(world, strcmp(admitted.reason, content_type ? "content_type" : "schema_mismatch") == 0,
               "a mismatch is rejected: %s", admitted.reason);
        world->stats.rejected++;
        cover(COVER_REFUSED_MISMATCH);
    }
    sim_leave(world);
    return true;
}

void call_dispatch(struct world *world, struct sim_request *draft)
{
    static const unsigned char bytes[1024];
    struct core_admitted admitted;
    weft_channel_info before = {.queued = 0};
    fill(world, draft);
    if (refuse(world, draft)) return;
    draft->request.payload =
        weft__message_new(&world->memory.mem, bytes, draft->size_bytes, draft->text ? "text/plain" : NULL);
    contracts_bring(world, &world->channels[draft->channel].contract, draft->request.payload);
    weft_error expected = expected_error(world, draft);
    sim_enter(world, EV_DISPATCH, true);
    world->event.channel = draft->channel;
    world->event.priority = draft->request.priority;
    (void)weft__core_channel_info(world->core, world->now_ns, draft->request.channel, &before);
    struct forecast forecast;
    forecast_make(world, &draft->request, &forecast);
    bool stale = is_stale(world, draft);
    weft_error error = weft__core_dispatch(world->core, world->now_ns, &draft->request, &admitted);
    TRACE(world, "dispatch on %s type %u priority %u from session %u: %d %s", draft->request.channel, draft->type,
          draft->request.priority, draft->session, (int)error, error == WEFT_EREJECTED ? admitted.reason : "");
    bool ran_out = sim_ran_out(world, error, COVER_ENOMEM_DISPATCH);
    expect_stale(world, draft, stale, error, &admitted);
    if (stale) {
        weft__message_drop(draft->request.payload);
        sim_leave(world);
        if (!once_in(world, 4)) call_dispatch(world, draft);
        return;
    }
    if (!ran_out && (expected || (error && error != WEFT_EREJECTED)))
        EXPECT(world, error == expected, "dispatch: %d and not %d", (int)error, (int)expected);
    if (!ran_out) forecast_check(world, &forecast, error, &admitted, &before);
    cover_error(error);
    if (error == WEFT_EREJECTED) {
        expect_rejection(world, draft, &admitted, &before);
        if (admitted.blocks) block(world, draft, &admitted);
    }
    if (error) {
        weft__message_drop(draft->request.payload);
    } else {
        expect_admission(world, draft, &admitted, &before);
        uint32_t index =
            model_admit(world, &draft->request, &admitted, draft->session, draft->channel, draft->dest, draft->type);
        EXPECT(world, index == draft->request.token, "the simulator lost count");
        TRACE(world, "  it is dispatch %llu", (unsigned long long)world->calls[index].arrival);
    }
    sim_leave(world);
}

/* A blocked caller that was woken tries again. */
static bool retry_blocked(struct world *world)
{
    for (uint32_t i = 0; i < ROOM_WAITERS; i++) {
        struct room_waiter *room = &world->rooms[i];
        if (!room->woken || !world->free_count) continue;
        const struct sim_session *session = &world->sessions[room->session];
        bool gone = !session->handle || session->serial != room->session_serial;
        room->busy = room->woken = false;
        struct sim_request draft = {
            .session = room->session,
            .caller_dead = gone || session->fired,
            .channel = room->channel,
            .dest = 0,
            .type = room->type,
            .size_bytes = room->size_bytes,
            .text = room->text,
            .request = {.session = room->handle, .priority = (uint8_t)room->priority, .waits = true}};
        call_dispatch(world, &draft);
        return true;
    }
    return false;
}

/* --- with a key ------------------------------------------------------------------------------- */

/* Whether what is remembered may have had to make room. */
static bool may_be_evicted(const weft_channel_options *o)
{
    const weft_channel_options ample = WEFT_CHANNEL_OPTIONS;
    return o->dedup_max < KEY_NAMES || o->bytes_max < ample.bytes_max;
}

static void expect_key_rejection(struct world *world, const struct sim_request *draft, const struct sim_key *key,
                                 const struct core_admitted *admitted, const weft_channel_info *before)
{
    const weft_channel_options *o = &world->channels[draft->channel].options;
    bool same = key->variant == draft->variant && key->type == draft->type;
    if (strcmp(admitted->reason, "conflict") == 0) {
        EXPECT(world, key->life != KEY_UNKNOWN && !same, "a conflict with nothing");
        world->stats.rejected++;
        cover(COVER_KEY_CONFLICT);
        return;
    }
    EXPECT(world, key->life == KEY_UNKNOWN || (key->life == KEY_ENDED && may_be_evicted(o)), "a repeat is rejected: %s",
           admitted->reason);
    bool full = keys_open(world, draft->channel) >= o->dedup_max;
    EXPECT(world, full == (strcmp(admitted->reason, "keys_full") == 0), "with %u keys open rejected: %s",
           keys_open(world, draft->channel), admitted->reason);
    if (full) {
        world->stats.rejected++;
        cover(COVER_KEYS_FULL);
        return;
    }
    expect_rejection(world, draft, admitted, before);
}

/* The inner dispatch is known as a call that nobody made. */
static void admit_key(struct world *world, const struct sim_request *draft, struct sim_key *key,
                      const struct core_admitted *admitted, const weft_channel_info *before)
{
    const weft_channel_options *o = &world->channels[draft->channel].options;
    const struct core_dispatch *asker = weft__dispatch_find(world->core, admitted->id);
    const struct core_dispatch *inner = asker ? asker->key->inner : NULL;
    EXPECT(world, inner && asker->state == DISPATCH_JOINED, "a new key, and nobody waits");
    EXPECT(world, key->life == KEY_UNKNOWN || (key->life == KEY_ENDED && may_be_evicted(o)),
           "a second dispatch of a key that is known");
    if (key->life == KEY_ENDED) cover(COVER_KEY_EVICTED);
    EXPECT(world, keys_open(world, draft->channel) < o->dedup_max, "a key too many");
    expect_admission(world, draft, admitted, before);
    struct core_request request = draft->request;
    struct core_admitted known = *admitted;
    request.detached = false;
    known.id = (weft_dispatch_id){inner->session_id, inner->slot.handle};
    uint32_t index = model_admit(world, &request, &known, 0, draft->channel, NONE, draft->type);
    struct sim_call *call = &world->calls[index];
    call->keyed = true;
    call->key = draft->key;
    call->session_serial = NONE;
    *key = (struct sim_key){
        .life = KEY_OPEN, .serial = ++world->serial, .call = index, .variant = draft->variant, .type = draft->type};
    cover(COVER_KEY_FIRST);
}

static void join_key(struct world *world, const struct sim_request *draft, struct sim_key *key)
{
    EXPECT(world, key->life != KEY_UNKNOWN, "a repeat of what nobody asked for");
    EXPECT(world, key->variant == draft->variant && key->type == draft->type, "a repeat with another payload joins");
    world->stats.joined++;
    cover(key->life == KEY_OPEN ? COVER_KEY_JOINED : COVER_KEY_ANSWERED);
}

static weft_error expected_key_error(const struct world *world, const struct sim_request *draft,
                                     const struct sim_key *key)
{
    weft_error error = expected_error(world, draft);
    if (error && error != WEFT_ELIMIT) return error;
    uint32_t records = world->core->dispatches.live_count + (key->life == KEY_UNKNOWN ? 2 : 1);
    return records > world->shape.limits.dispatches_max ? WEFT_ELIMIT : WEFT_OK;
}

static void draw_keyed(struct world *world, struct sim_request *draft, struct sim_asker *asker)
{
    static const char *const names[KEY_NAMES] = {"a", "order-17", "b", "a key with blanks"};
    uint32_t name = draw(world, KEY_NAMES);
    draft->asker = asker;
    draft->key = draft->channel * KEY_NAMES + name;
    draft->variant = once_in(world, 10);
    draft->size_bytes = 8 + draft->variant;
    if (!once_in(world, 10)) draft->type = world->shape.types ? name % (world->shape.types + 1) : 0;
    draft->request.waits = false;
    draft->request.updated = NULL; /* the two do not go together */
    draft->request.credit = false;
    draft->request.id = (weft_dispatch_id){0, 0}; /* the simulator finds who asked by context2 */
    fill(world, draft);
    draft->request.context2 = asker;
    draft->request.key = names[name];
    draft->request.key_hash = weft__name_hash(names[name]);
    draft->request.digest[0] = (unsigned char)draft->variant;
    draft->request.digest[1] = (unsigned char)draft->type;
}

bool call_keyed(struct world *world)
{
    static const unsigned char bytes[16];
    struct sim_request draft;
    struct core_admitted admitted;
    weft_channel_info before = {.queued = 0};
    struct sim_asker *asker = asker_free(world);
    if (!asker || !world->free_count || !draw_call(world, &draft)) return false;
    draw_keyed(world, &draft, asker);
    const weft_channel_options *o = &world->channels[draft.channel].options;
    draft.request.payload = weft__message_new(&world->memory.mem, bytes, draft.size_bytes, NULL);
    contracts_bring(world, &world->channels[draft.channel].contract, draft.request.payload);
    sim_enter(world, EV_DISPATCH, true);
    struct sim_key *key = key_now(world, draft.key);
    weft_error expected = expected_key_error(world, &draft, key);
    world->event.channel = draft.channel;
    world->event.priority = draft.request.priority;
    (void)weft__core_channel_info(world->core, world->now_ns, draft.request.channel, &before);
    bool stale = is_stale(world, &draft);
    weft_error error = weft__core_dispatch(world->core, world->now_ns, &draft.request, &admitted);
    TRACE(world, "dispatch on %s with key %u: %d %s", draft.request.channel, draft.key, (int)error,
          error == WEFT_EREJECTED ? admitted.reason : "");
    expect_stale(world, &draft, stale, error, &admitted);
    if (stale) {
        weft__message_drop(draft.request.payload);
        sim_leave(world);
        return true;
    }
    bool unsure = error == WEFT_ELIMIT && key->life == KEY_ENDED && may_be_evicted(o); /* it takes two, if it was */
    if (!sim_ran_out(world, error, COVER_ENOMEM_DISPATCH) && error != WEFT_EREJECTED && !unsure)
        EXPECT(world, error == expected, "dispatch with a key: %d and not %d", (int)error, (int)expected);
    cover_error(error);
    if (error == WEFT_EREJECTED) expect_key_rejection(world, &draft, key, &admitted, &before);
    if (error) {
        weft__message_drop(draft.request.payload);
        sim_leave(world);
        return true;
    }
    bool first = world->core->stats.dispatched > world->stats.dispatched;
    if (first)
        admit_key(world, &draft, key, &admitted, &before);
    else
        join_key(world, &draft, key);
    uint32_t close_ms =
        draft.request.schedule_to_close_ms ? draft.request.schedule_to_close_ms : o->schedule_to_close_ms;
    *asker = (struct sim_asker){
        .used = true,
        .detached = draft.request.detached,
        .id = admitted.id,
        .key = draft.key,
        .key_serial = key->serial,
        .channel = draft.channel,
        .session = draft.session,
        .session_serial = world->sessions[draft.session].serial,
        .dest = draft.dest,
        .close_deadline_ns = first || close_ms == WEFT_FOREVER ? UINT64_MAX : world->now_ns + close_ms * NS_PER_MS,
        .admission = (uint8_t)admitted.admission};
    sim_leave(world);
    return true;
}

/* --- dead letters ----------------------------------------------------------------------------- */

/* The letter goes where it came from, as another dispatch, which nobody waits for. */
bool call_put_back(struct world *world, const char *keeper, uint32_t index)
{
    struct sim_letter letter = world->letters[index];
    struct core_admitted admitted;
    weft_channel_info before = {.queued = 0};
    bool origin_gone;
    uint32_t session = likely_session(world);
    if (session == NONE || !world->free_count) return false;
    struct sim_request draft = {.session = session,
                                .channel = letter.channel,
                                .dest = NONE,
                                .type = letter.type,
                                .caller_dead = world->sessions[session].fired,
                                .request = {.session = world->sessions[session].handle,
                                            .priority = letter.priority,
                                            .attempts_max = letter.attempts_max,
                                            .on_crash = letter.redispatches ? WEFT_CRASH_REDISPATCH : WEFT_CRASH_FAIL,
                                            .detached = true}};
    fill(world, &draft);
    draft.request.payload = (struct message *)(uintptr_t)letter.payload;
    weft_error expected = expected_error(world, &draft);
    sim_enter(world, EV_DISPATCH, true);
    world->event.channel = draft.channel;
    world->event.priority = letter.priority;
    (void)weft__core_channel_info(world->core, world->now_ns, draft.request.channel, &before);
    weft_error error = weft__core_letter_put_back(world->core, world->now_ns, keeper, letter.id, draft.request.session,
                                                  &admitted, &origin_gone);
    TRACE(world, "put back the letter of dispatch %llu: %d", (unsigned long long)letter.arrival, (int)error);
    bool ran_out = sim_ran_out(world, error, COVER_ENOMEM_DISPATCH);
    if (!ran_out && (expected || (error && error != WEFT_EREJECTED)))
        EXPECT(world, error == expected, "put back: %d and not %d", (int)error, (int)expected);
    EXPECT(world, origin_gone == (error == WEFT_ENOCHANNEL), "put back: which channel is gone");
    if (error == WEFT_EREJECTED) {
        expect_rejection(world, &draft, &admitted, &before);
        cover(COVER_LETTER_STAYS);
    }
    if (!error) {
        expect_admission(world, &draft, &admitted, &before);
        uint32_t call = model_admit(world, &draft.request, &admitted, session, draft.channel, NONE, draft.type);
        struct core_dispatch *record = weft__dispatch_find(world->core, admitted.id);
        record->token = call; /* the simulator finds its calls by them */
        record->context = world;
        record->context2 = &world->calls[call];
        world->letters[index] = world->letters[--world->letters_count];
        world->letters_taken++;
        cover(COVER_LETTER_PUT_BACK);
    }
    sim_leave(world);
    return true;
}

bool act_dispatch(struct world *world)
{
    struct sim_request draft;
    if (!world->free_count) return false;
    if (once_in(world, 4) && retry_blocked(world)) return true;
    if (!draw_call(world, &draft)) return false;
    call_dispatch(world, &draft);
    return true;
}

/* --- cancelling ------------------------------------------------------------------------------- */

uint32_t any_call(struct world *world)
{
    return world->live_count ? world->live[draw(world, world->live_count)] : NONE;
}

/* wrong: by an id that is not the call's. */
void call_cancel(struct world *world, uint32_t index, bool wrong)
{
    struct sim_call *call = &world->calls[index];
    weft_dispatch_id id = call->id;
    if (wrong) id.session ^= UINT64_C(1) << 63;
    sim_enter(world, EV_CANCEL, false);
    world->event.call = index;
    weft_error error = weft__core_cancel(world->core, world->now_ns, id);
    TRACE(world, "cancel dispatch %llu: %d", (unsigned long long)call->arrival, (int)error);
    weft_error expected = wrong || call->life == CALL_ENDED ? WEFT_ENOTFOUND : WEFT_OK;
    EXPECT(world, error == expected, "cancel: %d and not %d", (int)error, (int)expected);
    if (error) cover(COVER_ENOTFOUND);
    bool running = !error && call->taken;
    if (running && call->cancelling)
        cover(COVER_CANCEL_TWICE);
    else if (running) {
        uint32_t grace_ms = world->channels[call->channel].options.cancel_grace_ms;
        call->cancelling = true;
        call->grace_ns = grace_ms == WEFT_FOREVER ? UINT64_MAX : world->now_ns + grace_ms * NS_PER_MS;
        cover(COVER_CANCEL_RUNNING);
    }
    uint32_t serial = call->serial;
    sim_leave(world);
    bool open = call->life == CALL_OPEN && call->serial == serial;
    EXPECT(world, error || running == open, "a cancelled dispatch %s", open ? "goes on" : "ended while it runs");
}

bool act_cancel(struct world *world)
{
    uint32_t index = any_call(world);
    if (index == NONE) return false;
    if (world->calls[index].life == CALL_ENDED && !once_in(world, 8)) return false;
    call_cancel(world, index, once_in(world, 30));
    return true;
}
