/* events.c: event channels, those who publish there and those who hear it, and the model of what everybody must have got.
 *
 * The model has an inbox of its own for each subscription. What a publish must do to it is done by the simplest loop over
 * all of them; after each event the core's inboxes must be the same, message by message. So whatever is taken was due, in
 * its order, and says how many were lost before it. */
#include <stdlib.h>
#include <string.h>

#include "sim/contracts.h"
#include "sim/model.h"

#include "base/clock.h"

static const char *const patterns[] = {"event.sim.*", "*.*.e1", "event.sim.e0*", "*.*.*", "dispatch.*.*"};

void events_make(struct world *world)
{
    world->event_channels = calloc(world->shape.event_channels + 1, sizeof *world->event_channels);
    world->subscriptions = calloc(world->shape.subscriptions + 1, sizeof *world->subscriptions);
    WEFT_ASSERT(world->event_channels && world->subscriptions);
    for (uint32_t i = 0; i < world->shape.event_channels; i++) {
        struct sim_event_channel *channel = &world->event_channels[i];
        snprintf(channel->name, sizeof channel->name, "event.sim.e%u", i);
        channel->hash = weft__name_hash(channel->name);
    }
}

/* --- what must follow ------------------------------------------------------------------------- */

static const struct sim_event_channel *channel_of(const struct world *world, const struct sim_subscription *s)
{
    return s->channel == NONE ? NULL : &world->event_channels[s->channel];
}

/* Nothing comes any more; its end may be left to steps. */
static bool ends(const struct world *world, const struct sim_subscription *s)
{
    const struct sim_event_channel *channel = channel_of(world, s);
    return s->cut || s->unsubscribed || s->settled || world->sessions[s->session].fired ||
           (channel && channel->serial != s->channel_serial);
}

static bool hears(const struct world *world, const struct sim_subscription *s, uint32_t channel)
{
    if (s->channel != NONE) return s->channel == channel;
    return weft__pattern_match(s->pattern, world->event_channels[channel].name);
}

static uint64_t bytes_of(const struct sim_subscription *s)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < s->items; i++)
        bytes += s->inbox[i].charge;
    return bytes;
}

static struct sim_entry pop(struct sim_subscription *s)
{
    struct sim_entry entry = s->inbox[0];
    memmove(&s->inbox[0], &s->inbox[1], --s->items * sizeof *s->inbox);
    return entry;
}

static void lost(struct world *world, struct sim_subscription *s, uint32_t channel, uint32_t channel_serial)
{
    struct sim_event_channel *at = &world->event_channels[channel];
    if (at->serial == channel_serial) at->dropped++;
    s->dropped++;
    world->stats.dropped++;
}

static void evict(struct world *world, struct sim_subscription *s)
{
    struct sim_entry entry = pop(s);
    *(s->items ? &s->inbox[0].dropped : &s->gap) += entry.dropped + 1;
    s->evicted++;
    lost(world, s, entry.channel, entry.channel_serial);
    cover(COVER_EVICTED);
}

static bool full(const struct sim_subscription *s, uint64_t charge)
{
    return s->items >= s->items_max || bytes_of(s) + charge > s->bytes_max;
}

static bool stalls(struct world *world, struct sim_subscription *s)
{
    uint64_t since_ns = s->progress_ns;
    if (s->unseen_calls) s->progress_ns = world->now_ns;
    if (s->unseen_calls && world->now_ns - since_ns >= s->stall_ms * NS_PER_MS) cover(COVER_NOT_CUT_CALLED);
    s->unseen_calls = 0;
    return s->items > 0 && world->now_ns - s->progress_ns >= s->stall_ms * NS_PER_MS;
}

/* Whether it has the event. */
static bool must_get(struct world *world, struct sim_subscription *s, const struct sim_entry *event)
{
    struct sim_event_channel *channel = &world->event_channels[event->channel];
    if (full(s, event->charge) && s->slow == WEFT_DROP_OLDEST && event->charge <= s->bytes_max) {
        uint64_t before = s->evicted;
        while (full(s, event->charge))
            evict(world, s);
        if (s->evicted > before + 1) cover(COVER_EVICTED_MANY);
    } else if (full(s, event->charge)) {
        s->gap++;
        lost(world, s, event->channel, event->channel_serial);
        cover(COVER_NEWEST_DROPPED);
        if (s->slow != WEFT_DISCONNECT) return false;
        s->cut = stalls(world, s);
        cover(s->cut ? COVER_CUT : COVER_NOT_CUT);
        channel->cut += s->cut;
        world->stats.cut += s->cut;
        return false;
    }
    if (s->items == 0) s->progress_ns = world->now_ns;
    s->inbox[s->items] = *event;
    s->inbox[s->items++].dropped = s->gap;
    if (s->gap) cover(COVER_GAP_TOLD);
    s->gap = 0;
    s->delivered++;
    return true;
}

static uint32_t all_must_get(struct world *world, const struct sim_entry *event)
{
    uint32_t heard = 0;
    for (uint32_t i = 0; i < world->shape.subscriptions; i++) {
        struct sim_subscription *s = &world->subscriptions[i];
        if (!s->handle || !hears(world, s, event->channel)) continue;
        if (!s->unsubscribed && world->sessions[s->session].fired) cover(COVER_PUBLISHED_TO_DEAD);
        if (!ends(world, s)) heard += must_get(world, s, event);
    }
    return heard;
}

static void must_be(struct world *world, struct sim_subscription *s, const struct inbox_entry *entry)
{
    struct sim_entry due = pop(s);
    EXPECT(world, entry->message == due.message && entry->dropped == due.dropped, "a subscriber got another event");
    const struct core_event *event = weft__event_of(entry->message);
    EXPECT(world, event->number == due.number && strcmp(event->channel, world->event_channels[due.channel].name) == 0,
           "an event says that it is another");
    const struct contract *met = entry->message->contract;
    EXPECT(world, (met ? met->generation : 0) == due.generation, "an event has met another contract by now");
    s->taken++;
    weft__message_drop(entry->message);
}

/* --- channels --------------------------------------------------------------------------------- */

static void declare(struct world *world, uint32_t index)
{
    struct sim_event_channel *channel = &world->event_channels[index];
    char message[ERROR_TEXT_MAX];
    weft_channel_options options = WEFT_CHANNEL_OPTIONS;
    options.payload_bytes_max = once_in(world, 3) ? 100 : 2000;
    contracts_draw(world, &options, false);
    sim_enter(world, EV_EVENT_CHANNEL, true);
    weft_error expected = WEFT_OK;
    if (world->closing)
        expected = WEFT_ECLOSED;
    else if (world->core->channels.live_count >= world->shape.limits.channels_max)
        expected = WEFT_ELIMIT;
    else if (!contracts_known(world, &options))
        expected = WEFT_ENOTFOUND;
    weft_error error = weft__core_channel_declare(world->core, world->now_ns, channel->name, &options, message);
    TRACE(world, "declare %s: %d", channel->name, (int)error);
    if (!sim_ran_out(world, error, COVER_ENOMEM_DECLARE))
        EXPECT(world, error == expected, "declare: %d and not %d", (int)error, (int)expected);
    if (!error) {
        channel->life = CHANNEL_OPEN;
        channel->serial = ++world->serial;
        channel->payload_bytes_max = options.payload_bytes_max;
        channel->schema = options.schema;
        contracts_renewed(world, channel->name, &options, &channel->contract, false);
        channel->published = channel->delivered = channel->dropped = channel->cut = 0;
    }
    sim_leave(world);
}

static void delete (struct world *world, struct sim_event_channel *channel)
{
    char message[ERROR_TEXT_MAX];
    for (uint32_t i = 0; i < world->shape.subscriptions; i++) {
        const struct sim_subscription *s = &world->subscriptions[i];
        if (s->handle && channel_of(world, s) == channel && !ends(world, s)) cover(COVER_EVENT_CHANNEL_DELETED);
    }
    sim_enter(world, EV_EVENT_CHANNEL, false);
    weft_error error = weft__core_channel_delete(world->core, world->now_ns, channel->name, message);
    TRACE(world, "delete %s: %d", channel->name, (int)error);
    EXPECT(world, !error, "delete: %d", (int)error);
    channel->life = CHANNEL_NONE;
    channel->serial = ++world->serial;
    sim_leave(world);
}

static void drain_or_resume(struct world *world, struct sim_event_channel *channel)
{
    struct core_waiter waiter;
    weft__core_waiter_init(&waiter);
    sim_enter(world, EV_EVENT_CHANNEL, false);
    bool drain = channel->life == CHANNEL_OPEN;
    weft_error error = drain ? weft__core_channel_drain(world->core, world->now_ns, channel->name, &waiter)
                             : weft__core_channel_resume(world->core, world->now_ns, channel->name);
    TRACE(world, "%s %s: %d", drain ? "drain" : "resume", channel->name, (int)error);
    EXPECT(world, !error, "an event channel is drained at once: %d", (int)error);
    EXPECT(world, weft__core_channel_pause(world->core, world->now_ns, channel->name) == WEFT_EINVAL,
           "an event channel was paused");
    channel->life = drain ? CHANNEL_DRAINING : CHANNEL_OPEN;
    sim_leave(world);
}

bool act_event_channel(struct world *world)
{
    if (!world->shape.event_channels) return false;
    uint32_t index = draw(world, world->shape.event_channels);
    struct sim_event_channel *channel = &world->event_channels[index];
    if (channel->life == CHANNEL_NONE) {
        if (world->closing && !once_in(world, 10)) return false;
        declare(world, index);
    } else if (channel->life == CHANNEL_DRAINING || once_in(world, 8)) {
        drain_or_resume(world, channel);
    } else if (once_in(world, 8)) {
        delete (world, channel);
    } else {
        return false;
    }
    return true;
}

/* --- publishing ------------------------------------------------------------------------------- */

static weft_error expected_of_publish(const struct world *world, uint32_t session, uint32_t channel,
                                      const struct message *message)
{
    size_t size_bytes = message->size_bytes;
    const struct sim_event_channel *at = &world->event_channels[channel];
    if (world->closing) return WEFT_ECLOSED;
    if (world->sessions[session].fired) return WEFT_EDEAD;
    if (at->life == CHANNEL_NONE) return WEFT_ENOCHANNEL;
    if (size_bytes > at->payload_bytes_max) return WEFT_ELIMIT;
    if (at->life != CHANNEL_OPEN) return WEFT_ECLOSED;
    return contracts_stale(&at->contract, message) ? WEFT_ESTALE : WEFT_OK;
}

bool act_publish(struct world *world)
{
    static const unsigned char bytes[256];
    char text[ERROR_TEXT_MAX];
    if (!world->shape.event_channels) return false;
    uint32_t heard = 0, session = likely_session(world);
    uint32_t index = draw(world, world->shape.event_channels);
    struct sim_event_channel *channel = &world->event_channels[index];
    if (session == NONE || (world->closing && !once_in(world, 10))) return false;
    size_t size_bytes = once_in(world, 5) ? draw(world, sizeof bytes) : draw(world, 32);
    struct contract *wanted = NULL;
    struct core_publication publication = {
        .wanted = &wanted,
        .channel = channel->name,
        .channel_hash = channel->hash,
        .message = weft__event_new(&world->memory.mem, channel->name, bytes, size_bytes, NULL),
        .session = world->sessions[session].handle,
        .wall_ns = world->now_ns};
    WEFT_ASSERT(publication.message);
    contracts_bring(world, &channel->contract, publication.message);
    struct sim_entry event = {.message = publication.message,
                              .charge = weft__inbox_charge(publication.message),
                              .number = channel->published + 1,
                              .generation = channel->contract.generation,
                              .channel = index,
                              .channel_serial = channel->serial};
    weft_error expected = expected_of_publish(world, session, index, publication.message);
    sim_enter(world, EV_PUBLISH, true);
    weft_error error = weft__core_publish(world->core, world->now_ns, &publication, &heard, text);
    TRACE(world, "publish %zu bytes on %s from session %u: %d, heard by %u", size_bytes, channel->name, session,
          (int)error, heard);
    if (!sim_ran_out(world, error, COVER_ENOMEM_PUBLISH))
        EXPECT(world, error == expected, "publish: %d and not %d", (int)error, (int)expected);
    if (error) weft__message_drop(publication.message);
    if (error == WEFT_ESTALE) contracts_look(world, &channel->contract, wanted);
    if (error == WEFT_ELIMIT) cover(COVER_EVENT_LARGE);
    if (error == WEFT_ECLOSED && !world->closing) cover(COVER_PUBLISHED_DRAINED);
    if (!error) {
        channel->published++;
        world->stats.published++;
        uint32_t due = all_must_get(world, &event);
        EXPECT(world, heard == due, "%u heard it, and should be %u", heard, due);
        channel->delivered += heard;
        world->stats.delivered += heard;
        cover(heard ? COVER_PUBLISHED : COVER_PUBLISHED_NOWHERE);
    }
    sim_leave(world);
    return true;
}

/* --- subscribing ------------------------------------------------------------------------------ */

static void init_waiter(struct sim_waiter *waiter, enum waiter_kind kind, uint32_t owner)
{
    weft__core_waiter_init(&waiter->core);
    waiter->kind = kind;
    waiter->owner = owner;
    waiter->waiting = false;
}

static void draw_subscription(struct world *world, uint32_t index, uint32_t session, struct sim_subscription *s)
{
    *s = (struct sim_subscription){.session = session,
                                   .channel = draw(world, world->shape.event_channels),
                                   .group = NONE,
                                   .slow = (weft_slow)draw(world, 3),
                                   .items_max = once_in(world, 4) ? 100 + draw(world, 100) : 1 + draw(world, 6),
                                   .bytes_max = once_in(world, 3) ? 200 + draw(world, 1000) : 1 << 20,
                                   .stall_ms = 1 + draw(world, 20),
                                   .told = once_in(world, 2),
                                   .quantum = 1};
    s->pattern = world->event_channels[s->channel].name;
    if (once_in(world, 3)) {
        s->channel = NONE;
        s->pattern = patterns[draw(world, sizeof patterns / sizeof *patterns)];
    }
    uint32_t group = draw(world, world->shape.groups);
    if (world->groups[group].added && once_in(world, 2)) s->group = group;
    if (s->group == NONE) s->told = false;
    s->tells = s->told;
    weft__core_dest_init(&s->dest);
    init_waiter(&s->no_turn, WAITS_NO_TURN, index);
    for (int i = 0; i < CONSUMERS; i++)
        init_waiter(&s->consumers[i], WAITS_EVENTS, index);
}

static weft_error expected_of_subscribe(const struct world *world, const struct sim_subscription *s)
{
    uint32_t by_pattern = 0, by_name = 0;
    for (uint32_t i = 0; i < world->shape.subscriptions; i++) {
        const struct sim_subscription *other = &world->subscriptions[i];
        const struct core_subscription *record = weft__slotmap_find(&world->core->subscriptions, other->handle);
        if (!other->handle || !record || record->ended) continue;
        by_pattern += other->channel == NONE;
        by_name += other->channel == s->channel && other->channel_serial == s->channel_serial;
    }
    if (world->closing) return WEFT_ECLOSED;
    if (world->sessions[s->session].fired) return WEFT_EDEAD;
    if (world->core->subscriptions.live_count >= world->shape.limits.subscriptions_max) return WEFT_ELIMIT;
    if (s->channel == NONE) return by_pattern < WEFT_PATTERNS_MAX ? WEFT_OK : WEFT_ELIMIT;
    if (world->event_channels[s->channel].life == CHANNEL_NONE) return WEFT_ENOCHANNEL;
    return by_name < WEFT_SUBSCRIBERS_MAX ? WEFT_OK : WEFT_ELIMIT;
}

bool act_subscribe(struct world *world)
{
    char text[ERROR_TEXT_MAX];
    uint32_t session = likely_session(world);
    if (session == NONE || !world->shape.subscriptions) return false;
    uint32_t index = draw(world, world->shape.subscriptions);
    struct sim_subscription *s = &world->subscriptions[index];
    if (s->handle || (world->closing && !once_in(world, 10))) return false;
    draw_subscription(world, index, session, s);
    if (s->channel != NONE) s->channel_serial = world->event_channels[s->channel].serial;
    const struct core_subscription_spec spec = {.pattern = s->pattern,
                                                .hash = weft__name_hash(s->pattern),
                                                .session = world->sessions[session].handle,
                                                .slow = s->slow,
                                                .items_max = s->items_max,
                                                .bytes_max = s->bytes_max,
                                                .stall_ms = s->stall_ms,
                                                .group = s->group == NONE ? NULL : &world->groups[s->group].core,
                                                .dest = s->group == NONE ? &s->dest : NULL,
                                                .tells = s->tells,
                                                .context = s};
    weft_error expected = expected_of_subscribe(world, s);
    sim_enter(world, EV_SUBSCRIBE, true);
    uint64_t handle = 0;
    weft_error error = weft__core_subscribe(world->core, world->now_ns, &spec, &handle, text);
    TRACE(world, "subscription %u to %s of session %u: %d", index, s->pattern, session, (int)error);
    if (!sim_ran_out(world, error, COVER_ENOMEM_SUBSCRIBE))
        EXPECT(world, error == expected, "subscribe: %d and not %d", (int)error, (int)expected);
    if (!error) {
        s->handle = handle;
        s->progress_ns = world->now_ns;
        world->sessions[session].subscriptions++;
    }
    sim_leave(world);
    return true;
}

static void unsubscribe(struct world *world, uint32_t index)
{
    struct sim_subscription *s = &world->subscriptions[index];
    sim_enter(world, EV_UNSUBSCRIBE, false);
    TRACE(world, "unsubscribe %u", index);
    if (s->in_turn) cover(COVER_UNSUBSCRIBED_IN_TURN);
    if (s->items) cover(COVER_UNSUBSCRIBED_FULL);
    weft__core_unsubscribe(world->core, world->now_ns, s->handle);
    s->unsubscribed = true;
    s->tells = false;
    s->stamp = 0;
    sim_leave(world);
}

bool act_unsubscribe(struct world *world)
{
    if (!world->shape.subscriptions) return false;
    uint32_t index = draw(world, world->shape.subscriptions);
    struct sim_subscription *s = &world->subscriptions[index];
    if (!s->handle || s->unsubscribed || (!ends(world, s) && !once_in(world, 4))) return false;
    unsubscribe(world, index);
    return true;
}

static void forget(struct world *world, uint32_t index)
{
    struct sim_subscription *s = &world->subscriptions[index];
    struct inbox inbox;
    sim_enter(world, EV_FORGET_SUBSCRIPTION, false);
    bool waits = weft__core_subscription_wait_idle(world->core, s->handle, &s->no_turn.core);
    TRACE(world, "forget subscription %u%s", index, waits ? ": in a turn" : "");
    EXPECT(world, waits == s->in_turn, "a subscription is %s a turn", waits ? "not in" : "in");
    s->no_turn.waiting = waits;
    if (!waits) {
        for (int i = 0; i < CONSUMERS; i++)
            if (s->consumers[i].waiting) (void)weft__core_unwait(&s->consumers[i].core);
        weft__core_subscription_forget(world->core, s->handle, &inbox);
        weft__inbox_free(&inbox, &world->memory.mem);
        s->handle = 0;
        world->sessions[s->session].subscriptions--;
    }
    sim_leave(world);
}

bool act_forget_subscription(struct world *world)
{
    if (!world->shape.subscriptions) return false;
    uint32_t index = draw(world, world->shape.subscriptions);
    struct sim_subscription *s = &world->subscriptions[index];
    if (!s->handle || !s->unsubscribed || s->no_turn.waiting) return false;
    forget(world, index);
    return true;
}

/* --- pulling ---------------------------------------------------------------------------------- */

static void sleep_on(struct world *world, struct sim_subscription *s)
{
    for (int i = 0; i < CONSUMERS; i++) {
        struct sim_waiter *consumer = &s->consumers[i];
        if (consumer->waiting) continue;
        weft__core_waiter_init(&consumer->core);
        consumer->waiting = once_in(world, 3) ? weft__core_dest_watch(&s->dest, &consumer->core)
                                              : weft__core_dest_wait(&s->dest, &consumer->core);
        EXPECT(world, consumer->waiting, "nothing was there to take, and it says that there is");
        return;
    }
}

bool act_events(struct world *world)
{
    if (!world->shape.subscriptions) return false;
    uint32_t index = draw(world, world->shape.subscriptions);
    struct sim_subscription *s = &world->subscriptions[index];
    if (!s->handle || s->group != NONE || (!s->items && ends(world, s) && !once_in(world, 8))) return false;
    struct inbox_entry entries[16];
    size_t max = 1 + draw(world, 16), count = 0;
    bool gone = s->unsubscribed;
    sim_enter(world, EV_EVENTS, false);
    weft_error error = weft__core_events_take(world->core, world->now_ns, s->handle, entries, max, &count);
    TRACE(world, "subscription %u takes %zu of %zu: %d", index, count, max, (int)error);
    size_t due = gone ? 0 : s->items < max ? s->items : max;
    EXPECT(world, count == due, "%zu events were taken, and %zu were due", count, due);
    EXPECT(world, !count == (error != WEFT_OK), "events: %d", (int)error);
    for (size_t i = 0; i < count; i++)
        must_be(world, s, &entries[i]);
    if (count) s->progress_ns = world->now_ns;
    if (count) cover(COVER_EVENTS_TAKEN);
    if (error && error != WEFT_EAGAIN) {
        EXPECT(world, ends(world, s), "an end was told before it came: %d", (int)error);
        cover(COVER_ENDED_TOLD);
    }
    if (error == WEFT_EAGAIN) sleep_on(world, s);
    sim_leave(world);
    return true;
}

/* --- turns ------------------------------------------------------------------------------------ */

/* The turn that waits longest. */
static void begin_turn(struct world *world, struct sim_group *group)
{
    struct core_turn turn;
    sim_enter(world, EV_TURN, false);
    bool taken = weft__core_turn_take(world->core, world->now_ns, &group->core, &turn);
    EXPECT(world, taken, "a turn waits, and none is taken");
    struct sim_subscription *s = turn.context;
    uint32_t index = (uint32_t)(s - world->subscriptions);
    TRACE(world, "turn of subscription %u: %zu events, end %d", index, turn.count, (int)turn.ended);
    for (uint32_t i = 0; i < world->shape.subscriptions; i++) {
        const struct sim_subscription *other = &world->subscriptions[i];
        EXPECT(world, !other->handle || other->group != s->group || !other->stamp || other->stamp >= s->stamp,
               "a subscription waits longer for its turn");
    }
    EXPECT(world, s->handle && !s->in_turn && !s->unsubscribed, "a turn of a subscription that is in one, or gone");
    size_t due = s->items < s->quantum ? s->items : s->quantum;
    EXPECT(world, turn.count == due, "a turn has %zu events, and %zu were due", turn.count, due);
    for (size_t i = 0; i < turn.count; i++) {
        weft__message_hold(turn.entries[i].message);
        must_be(world, s, &turn.entries[i]);
    }
    if (turn.ended) {
        EXPECT(world, s->tells && s->items == 0 && ends(world, s), "an end was told that was not due");
        s->tells = false;
        cover(COVER_TURN_ENDED);
    }
    EXPECT(world, turn.count || turn.ended, "a turn of nothing");
    cover(COVER_TURN);
    s->progress_ns = world->now_ns;
    s->turn = turn;
    s->in_turn = true;
    s->stamp = 0;
    s->called = 0;
    group->awake = false;
    if (!list_empty(&group->core.turns)) weft__core_dest_wake(world->core, &group->core.dest); /* as the shell does */
    sim_leave(world);
}

bool act_turn(struct world *world)
{
    struct sim_group *group = &world->groups[draw(world, world->shape.groups)];
    if (!group->added || list_empty(&group->core.turns)) return false;
    begin_turn(world, group);
    return true;
}

/* Some of its calls; whether there are more. */
static bool call(struct world *world, struct sim_subscription *s, size_t calls)
{
    while (calls-- > 0 && s->called < s->turn.count) {
        bool silent = s->unsubscribed || s->settled;
        bool begun = weft__core_call_begin(s->turn.subscription);
        EXPECT(world, begun != silent, "a call is %s made, and nobody may hear it", begun ? "" : "not");
        if (!begun) {
            cover(COVER_TURN_BROKEN_OFF);
            return false;
        }
        weft__core_call_end(s->turn.subscription);
        weft__message_drop(s->turn.entries[s->called++].message);
        s->unseen_calls++;
    }
    return s->called < s->turn.count;
}

static void end_turn(struct world *world, struct sim_subscription *s)
{
    bool slow = once_in(world, 10);
    while (s->called < s->turn.count)
        weft__message_drop(s->turn.entries[s->called++].message);
    sim_enter(world, EV_TURN_DONE, false);
    TRACE(world, "end of the turn of subscription %u", (uint32_t)(s - world->subscriptions));
    s->in_turn = false;
    s->quantum = slow ? 1 : 2 * s->quantum < CORE_TURN_MAX ? 2 * s->quantum : CORE_TURN_MAX;
    weft__core_turn_done(world->core, world->now_ns, s->turn.subscription, slow);
    world->groups[s->group].awake = true; /* who hands in looks again */
    sim_leave(world);
}

bool act_turn_done(struct world *world)
{
    if (!world->shape.subscriptions) return false;
    struct sim_subscription *s = &world->subscriptions[draw(world, world->shape.subscriptions)];
    if (!s->handle || !s->in_turn) return false;
    if (!call(world, s, draw(world, 8))) end_turn(world, s);
    return true;
}

/* --- after each event ------------------------------------------------------------------------- */

void events_woken(struct world *world, struct sim_waiter *waiter)
{
    const struct sim_subscription *s = &world->subscriptions[waiter->owner];
    if (waiter->kind == WAITS_NO_TURN) {
        EXPECT(world, !s->in_turn, "who waits for the end of a turn was woken in it");
        return;
    }
    cover(COVER_EVENTS_WAKE);
    for (int i = 0; waiter->core.watches && i < CONSUMERS; i++)
        EXPECT(world, !s->consumers[i].waiting || s->consumers[i].core.watches,
               "a loop that watches was told, and a thread sleeps");
}

/* The settling of all is worked off in steps: what it has come to can be seen from the outside. */
static void settled(struct world *world, struct sim_subscription *s, const struct core_subscription *record)
{
    if (!world->settling || !record->ended) return;
    bool silent = atomic_load_explicit(&record->silent, memory_order_relaxed);
    s->settled = s->settled || s->group == NONE || silent;
    if (s->group == NONE || !silent || s->unsubscribed) return;
    while (s->items > record->inbox.items) {
        evict(world, s);
        cover(COVER_SETTLED_UNHEARD);
    }
}

static void expect_ended(struct world *world, const struct sim_subscription *s, const struct core_subscription *record)
{
    bool due = ends(world, s);
    EXPECT(world, !record->ended || due, "a subscription ended for no reason: %d", (int)record->ended);
    if (record->ended == WEFT_ESLOW) EXPECT(world, s->cut, "cut off for no reason");
    if (record->ended == WEFT_EDEAD) EXPECT(world, world->sessions[s->session].fired, "ended by no death");
    EXPECT(world, !s->cut || record->ended, "one that is cut off has not ended");
    EXPECT(world, !due || record->ended || weft__core_has_work(world->core), "a subscription should have ended");
    EXPECT(world, !world->settling || record->ended || weft__core_has_work(world->core),
           "a subscription lives after all was settled");
}

static void expect_inbox(struct world *world, const struct sim_subscription *s, const struct core_subscription *record)
{
    const struct inbox *inbox = &record->inbox;
    EXPECT(world, inbox->items == s->items && inbox->bytes == bytes_of(s),
           "an inbox has %u items of %llu bytes, and should have %u", inbox->items, (unsigned long long)inbox->bytes,
           s->items);
    const struct inbox_chunk *chunk = inbox->head;
    for (uint32_t i = 0, at = inbox->first; i < s->items; i++, at++) {
        if (at == INBOX_CHUNK) {
            chunk = chunk->next;
            at = 0;
        }
        EXPECT(world, chunk->entries[at].message == s->inbox[i].message, "another event stands in an inbox");
        EXPECT(world, chunk->entries[at].dropped == s->inbox[i].dropped, "an event says that %u were lost, not %u",
               chunk->entries[at].dropped, s->inbox[i].dropped);
    }
    EXPECT(world, record->gap == s->gap, "%u were lost since, and it says %u", s->gap, record->gap);
    EXPECT(world, record->delivered == s->delivered && record->taken == s->taken, "what was delivered is miscounted");
    EXPECT(world, record->dropped == s->dropped && record->evicted == s->evicted, "what was dropped is miscounted");
}

/* Those that wait for a turn keep their order, and new ones stand behind them. */
static void expect_turns(struct world *world, struct sim_group *group)
{
    uint64_t last = 0;
    if (list_empty(&group->core.turns)) group->awake = false;
    for (const struct list_node *node = group->core.turns.next; node != &group->core.turns; node = node->next) {
        const struct core_subscription *record = list_record(node, struct core_subscription, on_turns);
        struct sim_subscription *s = record->context;
        if (!s->stamp) s->stamp = ++world->turn_stamp;
        EXPECT(world, s->stamp > last, "a subscription went before one that waits longer for its turn");
        last = s->stamp;
    }
    EXPECT(world, !last || group->awake || world->dests[group->dest].waiting < CONSUMERS,
           "all threads of a group sleep, and a turn waits");
}

void observe_events(struct world *world)
{
    bool large = world->shape.audit_every > 1;
    bool all = !large || world->settling || world->events % 32 == 0;
    for (uint32_t i = 0; all && i < world->shape.subscriptions; i++) {
        struct sim_subscription *s = &world->subscriptions[i];
        if (!s->handle) continue;
        const struct core_subscription *record = weft__slotmap_find(&world->core->subscriptions, s->handle);
        EXPECT(world, record && record->in_turn == s->in_turn, "a subscription is not what its owner knows");
        settled(world, s, record);
        expect_ended(world, s, record);
        expect_inbox(world, s, record);
        if (!list_linked(&record->on_turns)) s->stamp = 0;
        bool sleep = s->group == NONE;
        for (int c = 0; c < CONSUMERS; c++)
            sleep = sleep && s->consumers[c].waiting;
        EXPECT(world, !sleep || s->items == 0 || s->unsubscribed, "all who pull sleep, and events wait");
    }
    for (uint32_t i = 0; i < world->shape.groups; i++)
        if (world->groups[i].added) expect_turns(world, &world->groups[i]);
    if (!world->shape.event_channels || world->events % 16) return;
    const struct sim_event_channel *channel = &world->event_channels[world->events / 16 % world->shape.event_channels];
    weft_channel_info info;
    if (weft__core_channel_info(world->core, world->now_ns, channel->name, &info)) return;
    EXPECT(world, info.published == channel->published && info.delivered == channel->delivered,
           "%s miscounts its events", channel->name);
    EXPECT(world, info.dropped == channel->dropped && info.cut == channel->cut, "%s miscounts what was lost",
           channel->name);
}

/* --- the end ---------------------------------------------------------------------------------- */

void events_empty(struct world *world)
{
    for (uint32_t g = 0; g < world->shape.groups; g++)
        while (world->groups[g].added && once_in(world, 2) && !list_empty(&world->groups[g].core.turns))
            begin_turn(world, &world->groups[g]);
    for (uint32_t i = 0; i < world->shape.subscriptions; i++) {
        struct sim_subscription *s = &world->subscriptions[i];
        if (!s->handle) continue;
        bool before = once_in(world, 2);
        if (!s->unsubscribed && before) unsubscribe(world, i);
        if (s->in_turn) end_turn(world, s);
        if (!s->unsubscribed) unsubscribe(world, i);
        forget(world, i);
        EXPECT(world, !s->handle, "a subscription is in a turn that has ended");
    }
}
