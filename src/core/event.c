/* event.c: subscriptions, publishing, and the turns in which callbacks hear.
 *
 *   subscribe         publish: one hold, all of the audience        take, turn
 *   ---------> lives ----------------------------------------> inbox ---------> taken
 *                |                                               | full: drop_oldest
 *                | death, delete, lack of progress, settle       +---------> lost: counted, and told by what comes next
 *                v
 *              ended: nothing comes any more; what is in the inbox can be taken, then the end is told
 *                | unsubscribe, forget
 *                v
 *              freed
 *
 * All subscribers have an event when the hold ends, so they see a channel's events in one order. Memory is reserved for
 * all of them before anybody gets it. The audience of a channel is put together when it is first needed after a change,
 * from the subscribers by its name and the patterns that match; their bounds are what keeps a publish to one hold.
 *
 * A callback subscription that has something stands on its group's list of turns, unless a thread of the group is in a
 * turn of it already: so its calls come one at a time and in order. */
#include "core/state.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

_Static_assert(WEFT_SUBSCRIBERS_MAX + WEFT_PATTERNS_MAX <= CORE_HOLD_MAX, "a publish is one hold");

enum { NAME_ALIGN = 8, QUANTUM_LEAST = 1 };

/* --- events ----------------------------------------------------------------------------------- */

static struct core_event *event_of(struct message *message)
{
    return weft__message_extra(message, sizeof(struct core_event));
}

/* The name stands before the rest: the channel may be gone when the event is looked at. */
struct message *weft__event_new(const struct mem *mem, const char *channel, const void *data, size_t size_bytes,
                                const char *content_type)
{
    size_t name_bytes = (strlen(channel) + 1 + NAME_ALIGN - 1) / NAME_ALIGN * NAME_ALIGN;
    size_t extra_bytes = name_bytes + sizeof(struct core_event);
    struct message *message = weft__message_new_with_extra(mem, data, size_bytes, content_type, extra_bytes);
    if (!message) return NULL;
    char *name = weft__message_extra(message, extra_bytes);
    memcpy(name, channel, strlen(channel) + 1);
    *event_of(message) = (struct core_event){.channel = name};
    return message;
}

void weft__event_stamp(struct message *message, uint64_t number, uint64_t publisher, uint64_t published_wall_ns)
{
    struct core_event *event = event_of(message);
    event->number = number;
    event->publisher = publisher;
    event->published_wall_ns = published_wall_ns;
}

/* --- turns ------------------------------------------------------------------------------------ */

static void turn_due(struct core *core, struct core_subscription *subscription)
{
    if (subscription->in_turn || list_linked(&subscription->on_turns)) return;
    list_push_back(&subscription->group->turns, &subscription->on_turns);
    core->turns_due++;
    weft__wake(core, &subscription->group->dest.waiters, false);
}

static void turn_not_due(struct core *core)
{
    WEFT_ASSERT(core->turns_due > 0);
    core->turns_due--;
    weft__quiet_changed(core);
}

static bool wants_turn(const struct core_subscription *subscription)
{
    return !subscription->unsubscribed &&
           (subscription->inbox.items > 0 || (subscription->ended && subscription->tells));
}

/* It has something now. */
static void ready(struct core *core, struct core_subscription *subscription)
{
    if (subscription->group)
        turn_due(core, subscription);
    else if (!list_linked(&subscription->item.on))
        weft__dest_append(core, subscription->dest, &subscription->item, CORE_ITEM_EVENTS);
}

/* It may have nothing any more. */
static void unready(struct core *core, struct core_subscription *subscription)
{
    if (subscription->inbox.items > 0 && !subscription->unsubscribed) return;
    bool told = !subscription->ended || !subscription->tells;
    if (list_linked(&subscription->item.on) && told) weft__dest_remove(subscription->dest, &subscription->item);
    if (!list_linked(&subscription->on_turns) || wants_turn(subscription)) return;
    list_remove(&subscription->on_turns);
    turn_not_due(core);
}

static struct inbox_entry take_one(struct core *core, struct core_subscription *subscription)
{
    subscription->taken++;
    return weft__inbox_pop(&subscription->inbox, core->mem);
}

static void took(struct core *core, struct core_subscription *subscription)
{
    subscription->taken_ns = subscription->progress_ns = core->now_ns;
}

bool weft__core_turn_take(struct core *core, uint64_t now_ns, struct core_group *group, struct core_turn *turn)
{
    struct list_node *node = list_pop_front(&group->turns);
    if (!node) return false;
    core->now_ns = now_ns;
    struct core_subscription *subscription = list_record(node, struct core_subscription, on_turns);
    subscription->in_turn = true;
    turn->subscription = subscription;
    turn->context = subscription->context;
    turn->count = 0;
    while (turn->count < subscription->quantum && subscription->inbox.items > 0)
        turn->entries[turn->count++] = take_one(core, subscription);
    took(core, subscription);
    turn->ended = WEFT_OK;
    if (subscription->inbox.items > 0 || !subscription->ended || !subscription->tells) return true;
    turn->ended = subscription->ended;
    subscription->tells = false;
    return true;
}

void weft__core_turn_done(struct core *core, uint64_t now_ns, struct core_subscription *subscription, bool slow)
{
    core->now_ns = now_ns;
    WEFT_ASSERT(subscription->in_turn);
    subscription->in_turn = false;
    subscription->quantum = slow                                        ? QUANTUM_LEAST
                            : 2 * subscription->quantum < CORE_TURN_MAX ? 2 * subscription->quantum
                                                                        : CORE_TURN_MAX;
    weft__wake(core, &subscription->idle_waiters, true);
    if (wants_turn(subscription))
        list_push_back(&subscription->group->turns, &subscription->on_turns);
    else
        turn_not_due(core);
}

bool weft__core_call_begin(struct core_subscription *subscription)
{
    return !atomic_load_explicit(&subscription->silent, memory_order_acquire);
}

void weft__core_call_end(struct core_subscription *subscription)
{
    atomic_fetch_add_explicit(&subscription->calls, 1, memory_order_relaxed);
}

bool weft__core_any_turn(const struct core *core, uint32_t *cursor, const char **pattern, uint64_t *since_ns)
{
    int32_t budget = CORE_HOLD_MAX;
    const struct core_subscription *s;
    while ((s = weft__next_live(&core->subscriptions, cursor, &budget)) && !s->in_turn)
        ;
    *pattern = s ? s->pattern : NULL;
    *since_ns = s ? s->taken_ns : 0;
    return s || *cursor >= core->subscriptions.slots_made;
}

/* --- losing ----------------------------------------------------------------------------------- */

static void widen(uint32_t *gap, uint32_t lost)
{
    *gap = lost > UINT32_MAX - *gap ? UINT32_MAX : *gap + lost;
}

/* An event of that channel, which may be gone. */
static void count_dropped(struct core *core, struct core_subscription *subscription, const struct message *message)
{
    struct core_channel *channel = weft__slotmap_find(&core->channels, weft__event_of(message)->channel_handle);
    if (channel) channel->audience->dropped++;
    subscription->dropped++;
    core->stats.dropped++;
}

/* It never comes into the inbox; what comes next says so. */
static void pass_over(struct core *core, struct core_subscription *subscription, const struct message *message)
{
    widen(&subscription->gap, 1);
    count_dropped(core, subscription, message);
}

/* The oldest is lost; what comes next says so. */
static void evict(struct core *core, struct core_subscription *subscription)
{
    struct inbox_entry entry = weft__inbox_pop(&subscription->inbox, core->mem);
    struct inbox_entry *next = weft__inbox_first(&subscription->inbox);
    widen(next ? &next->dropped : &subscription->gap, entry.dropped);
    widen(next ? &next->dropped : &subscription->gap, 1);
    count_dropped(core, subscription, entry.message);
    subscription->evicted++;
    weft__message_drop(entry.message);
}

/* One makes room for one; what a large one takes beyond that is left to steps, so that the hold is short: until then the
 * inbox has more bytes than it may. */
static void make_room(struct core *core, struct core_subscription *subscription, uint64_t charge)
{
    struct inbox *inbox = &subscription->inbox;
    evict(core, subscription);
    while (inbox->items > 0 && inbox->bytes + charge > subscription->bytes_max) {
        if (core->budget-- <= 0) {
            weft__work_add(core, &subscription->work, WORK_SUBSCRIPTION);
            return;
        }
        evict(core, subscription);
    }
}

void weft__subscription_work(struct core *core, struct core_subscription *subscription)
{
    while (subscription->inbox.bytes > subscription->bytes_max) {
        if (core->budget-- <= 0) {
            weft__work_add(core, &subscription->work, WORK_SUBSCRIPTION);
            return;
        }
        evict(core, subscription);
    }
}

/* Judged when its inbox is full. Calls of a turn are progress, too: they are seen when it is judged next, so that one
 * which goes on is never taken for one that does not. */
static bool stalls(const struct core *core, struct core_subscription *subscription)
{
    uint32_t calls = atomic_load_explicit(&subscription->calls, memory_order_relaxed);
    if (calls != subscription->calls_seen) subscription->progress_ns = core->now_ns;
    subscription->calls_seen = calls;
    if (subscription->inbox.items == 0 || subscription->stall_ms == WEFT_FOREVER) return false;
    return core->now_ns - subscription->progress_ns >= subscription->stall_ms * NS_PER_MS;
}

static bool is_full(const struct core_subscription *subscription, uint64_t charge)
{
    const struct inbox *inbox = &subscription->inbox;
    return inbox->items >= subscription->items_max || inbox->bytes + charge > subscription->bytes_max;
}

/* --- publishing ------------------------------------------------------------------------------- */

static struct audience *audience_get(struct core *core, struct core_channel *channel)
{
    if (channel->audience) return channel->audience;
    struct audience *audience = weft__mem_zalloc(core->mem, sizeof(*audience));
    if (!audience) return NULL;
    list_init(&audience->subscribers);
    audience->stale = true;
    channel->audience = audience;
    return audience;
}

void weft__audience_free(struct core *core, struct core_channel *channel)
{
    if (channel->audience) weft__mem_free(core->mem, channel->audience->all);
    weft__mem_free(core->mem, channel->audience);
    channel->audience = NULL;
}

static bool ensure_room(struct core *core, struct audience *audience, uint32_t count)
{
    if (count <= audience->all_room) return true;
    uint32_t room = audience->all_room ? audience->all_room : 4;
    while (room < count)
        room *= 2;
    struct core_subscription **all = weft__mem_alloc(core->mem, room * sizeof(struct core_subscription *));
    if (!all) return false;
    weft__mem_free(core->mem, audience->all);
    audience->all = all;
    audience->all_room = room;
    audience->stale = true;
    return true;
}

/* Puts together who hears the channel now. False: out of memory. */
static bool gather(struct core *core, const struct core_channel *channel)
{
    struct audience *audience = channel->audience;
    if (!audience->stale && audience->patterns_generation == core->patterns_generation) return true;
    struct core_subscription *matching[WEFT_PATTERNS_MAX];
    uint32_t matching_count = 0, count = 0;
    for (struct list_node *node = core->patterns.next; node != &core->patterns; node = node->next) {
        struct core_subscription *subscription = list_record(node, struct core_subscription, on_audience);
        if (weft__pattern_match(subscription->pattern, channel->name)) matching[matching_count++] = subscription;
    }
    if (!ensure_room(core, audience, audience->subscribers_count + matching_count)) return false;
    for (struct list_node *node = audience->subscribers.next; node != &audience->subscribers; node = node->next)
        audience->all[count++] = list_record(node, struct core_subscription, on_audience);
    for (uint32_t i = 0; i < matching_count; i++)
        audience->all[count++] = matching[i];
    audience->all_count = count;
    audience->stale = false;
    audience->patterns_generation = core->patterns_generation;
    return true;
}

/* All that the delivery to them can need. False: out of memory. */
static bool reserve(struct core *core, const struct audience *audience)
{
    for (uint32_t i = 0; i < audience->all_count; i++)
        if (!weft__inbox_reserve(&audience->all[i]->inbox, core->mem)) return false;
    return true;
}

/* Whether it has the event now. Its link may have fired, and its end not be worked off. audience: NULL where a node has
 * sent it. */
static bool deliver(struct core *core, struct audience *audience, struct core_subscription *subscription,
                    struct message *message, uint64_t charge)
{
    if (subscription->session->state == CORE_SESSION_DEAD) return false;
    if (subscription->event_bytes_max && message->size_bytes > subscription->event_bytes_max) {
        pass_over(core, subscription, message);
        return false;
    }
    bool full = is_full(subscription, charge);
    if (full && subscription->slow == WEFT_DROP_OLDEST && charge <= subscription->bytes_max) {
        make_room(core, subscription, charge);
    } else if (full) {
        pass_over(core, subscription, message);
        if (subscription->slow == WEFT_DISCONNECT && stalls(core, subscription)) {
            if (audience) audience->cut++;
            core->stats.cut++;
            weft__note(core, WEFT_NODE_CUT, subscription->pattern, NULL, subscription->session->name,
                       (weft_cause){.kind = WEFT_CAUSE_UNKNOWN}, 0);
            weft__subscription_end(core, subscription, WEFT_ESLOW);
        }
        return false;
    }
    if (subscription->inbox.items == 0) subscription->progress_ns = core->now_ns;
    weft__inbox_push(&subscription->inbox, message, subscription->gap);
    subscription->gap = 0;
    subscription->delivered++;
    ready(core, subscription);
    return true;
}

static uint32_t deliver_all(struct core *core, struct audience *audience, struct message *message)
{
    uint32_t heard = 0;
    uint64_t charge = weft__inbox_charge(message);
    core->budget = CORE_HOLD_MAX - (int32_t)audience->all_count;
    for (uint32_t i = 0; i < audience->all_count; i++)
        heard += deliver(core, audience, audience->all[i], message, charge);
    if (heard > 1) weft__message_hold_times(message, heard - 1);
    if (heard == 0) weft__message_drop(message);
    return heard;
}

static weft_error publish_on(struct core *core, struct core_channel *channel, const struct core_publication *p,
                             uint32_t *heard, char *message)
{
    if (channel->kind != CHANNEL_EVENT) {
        snprintf(message, ERROR_TEXT_MAX, "%s: only event channels carry events", channel->name);
        return WEFT_EINVAL;
    }
    if (p->message->size_bytes > channel->options.payload_bytes_max) {
        snprintf(message, ERROR_TEXT_MAX, "%s: %zu bytes are over its payload_bytes_max of %u", channel->name,
                 p->message->size_bytes, channel->options.payload_bytes_max);
        return WEFT_ELIMIT;
    }
    if (channel->state != WEFT_CHANNEL_OPEN) {
        snprintf(message, ERROR_TEXT_MAX, "%s: the channel is drained", channel->name);
        return WEFT_ECLOSED;
    }
    if (p->message->contract != channel->contract) {
        *p->wanted = weft__contract_hold(channel->contract);
        return WEFT_ESTALE;
    }
    struct audience *audience = audience_get(core, channel);
    if (!audience || !gather(core, channel) || !reserve(core, audience)) return WEFT_ENOMEM;

    weft__event_stamp(p->message, ++audience->published,
                      p->publisher ? p->publisher : p->session & ~CORE_STRANGE_SESSION, p->wall_ns);
    event_of(p->message)->channel_handle = channel->slot.handle;
    core->stats.published++;
    *heard = deliver_all(core, audience, p->message);
    audience->delivered += *heard;
    core->stats.delivered += *heard;
    return WEFT_OK;
}

weft_error weft__core_publish(struct core *core, uint64_t now_ns, const struct core_publication *p, uint32_t *heard,
                              char *message)
{
    core->now_ns = now_ns;
    if (core->closing) return WEFT_ECLOSED;
    const struct core_session *session = weft__slotmap_find(&core->sessions, p->session);
    if (!session || session->state == CORE_SESSION_DEAD) return WEFT_EDEAD;
    weft_error error;
    uint64_t serial = core->channel_serial;
    struct core_channel *channel = weft__channel_for_worker(core, p->channel_hash, p->channel, &error, message);
    if (!channel) return error;
    error = publish_on(core, channel, p, heard, message);
    bool made = core->channel_serial != serial; /* for this event */
    if (made && error) weft__channel_remove(core, channel);
    if (made && !error) weft__note_channel(core, WEFT_NODE_CHANNEL_DECLARED, channel);
    return error;
}

weft_error weft__core_deliver(struct core *core, uint64_t now_ns, uint64_t handle, struct message *message,
                              uint32_t dropped)
{
    core->now_ns = now_ns;
    struct core_subscription *subscription = weft__slotmap_find(&core->subscriptions, handle);
    if (!subscription || subscription->ended || subscription->session->state == CORE_SESSION_DEAD)
        return WEFT_ENOTFOUND;
    if (!weft__inbox_reserve(&subscription->inbox, core->mem)) return WEFT_ENOMEM;
    widen(&subscription->gap, dropped);
    subscription->dropped += dropped;
    core->stats.dropped += dropped;
    core->budget = CORE_HOLD_MAX;
    bool heard = deliver(core, NULL, subscription, message, weft__inbox_charge(message));
    core->stats.delivered += heard;
    if (subscription->ended) return subscription->ended;
    if (!heard) weft__message_drop(message);
    return WEFT_OK;
}

void weft__core_publish_refuse(struct core *core, const char *name, uint64_t hash)
{
    struct core_channel *channel = weft__channel_find(core, hash, name);
    if (channel) channel->mismatched++;
}

bool weft__core_publish_fits(struct core *core, const char *name, uint64_t hash, size_t size_bytes)
{
    const struct core_channel *channel = weft__channel_find(core, hash, name);
    return !channel || channel->kind != CHANNEL_EVENT || size_bytes <= channel->options.payload_bytes_max;
}

/* --- subscribing ------------------------------------------------------------------------------ */

/* The channel of a name, with an audience; NULL where it is a pattern. */
static weft_error find_channel(struct core *core, const struct core_subscription_spec *spec,
                               struct core_channel **channel, char *message)
{
    weft_error error;
    *channel = NULL;
    if (strchr(spec->pattern, '*')) {
        if (!weft__pattern_valid(spec->pattern)) return WEFT_EINVAL;
        if (core->patterns_count < WEFT_PATTERNS_MAX) return WEFT_OK;
        snprintf(message, ERROR_TEXT_MAX, "%s: there are %d subscriptions by pattern already", spec->pattern,
                 WEFT_PATTERNS_MAX);
        return WEFT_ELIMIT;
    }
    *channel = weft__channel_for_worker(core, spec->hash, spec->pattern, &error, message);
    if (!*channel) return error;
    if ((*channel)->kind != CHANNEL_EVENT) {
        snprintf(message, ERROR_TEXT_MAX, "%s: only event channels are subscribed to", spec->pattern);
        return WEFT_EINVAL;
    }
    struct audience *audience = audience_get(core, *channel);
    if (!audience) return WEFT_ENOMEM;
    if (audience->subscribers_count < WEFT_SUBSCRIBERS_MAX) return WEFT_OK;
    snprintf(message, ERROR_TEXT_MAX, "%s: it has %d subscribers by its name already", spec->pattern,
             WEFT_SUBSCRIBERS_MAX);
    return WEFT_ELIMIT;
}

static weft_error subscription_new(struct core *core, const char *pattern, struct core_subscription **made)
{
    char *own = weft__mem_text(core->mem, pattern);
    if (!own || !weft__slotmap_ensure(&core->subscriptions, core->subscriptions.live_count + 1)) {
        weft__mem_free(core->mem, own);
        return WEFT_ENOMEM;
    }
    struct core_subscription *subscription = weft__slotmap_take(&core->subscriptions);
    subscription->pattern = own;
    subscription->id = ++core->subscription_id;
    subscription->quantum = QUANTUM_LEAST;
    subscription->taken_ns = subscription->progress_ns = core->now_ns;
    atomic_init(&subscription->calls, 0);
    atomic_init(&subscription->silent, false);
    struct list_node *nodes[] = {&subscription->item.on,    &subscription->on_turns, &subscription->on_audience,
                                 &subscription->on_session, &subscription->work.on,  &subscription->idle_waiters};
    for (size_t i = 0; i < sizeof(nodes) / sizeof(*nodes); i++)
        list_init(nodes[i]);
    *made = subscription;
    return WEFT_OK;
}

weft_error weft__core_subscribe(struct core *core, uint64_t now_ns, const struct core_subscription_spec *spec,
                                uint64_t *handle, char *message)
{
    core->now_ns = now_ns;
    if (core->closing) return WEFT_ECLOSED;
    struct core_session *session = weft__slotmap_find(&core->sessions, spec->session);
    if (!session || session->state == CORE_SESSION_DEAD) return WEFT_EDEAD;
    if (core->subscriptions.live_count >= core->limits.subscriptions_max) {
        snprintf(message, ERROR_TEXT_MAX, "%s: subscriptions_max of %u reached", spec->pattern,
                 core->limits.subscriptions_max);
        return WEFT_ELIMIT;
    }
    struct core_channel *channel;
    struct core_subscription *subscription = NULL;
    uint64_t serial = core->channel_serial;
    weft_error error = find_channel(core, spec, &channel, message);
    if (!error) error = subscription_new(core, spec->pattern, &subscription);
    if (error) {
        if (core->channel_serial != serial && channel) weft__channel_remove(core, channel); /* made for this one */
        return error;
    }
    subscription->session = session;
    subscription->slow = spec->slow;
    subscription->items_max = spec->items_max;
    subscription->bytes_max = spec->bytes_max;
    subscription->stall_ms = spec->stall_ms;
    subscription->event_bytes_max = spec->event_bytes_max;
    subscription->group = spec->group;
    subscription->dest = spec->dest;
    subscription->tells = spec->tells;
    subscription->context = spec->context;
    subscription->channel = channel;
    if (core->channel_serial != serial) weft__note_channel(core, WEFT_NODE_CHANNEL_DECLARED, channel);
    if (spec->group) spec->group->subscriptions++;
    session->hanging_count++;
    list_push_back(&session->subscriptions, &subscription->on_session);
    if (channel) {
        list_push_back(&channel->audience->subscribers, &subscription->on_audience);
        channel->audience->subscribers_count++;
        channel->audience->stale = true;
    } else {
        list_push_back(&core->patterns, &subscription->on_audience);
        core->patterns_count++;
        core->patterns_generation++;
    }
    *handle = subscription->slot.handle;
    return WEFT_OK;
}

/* --- the end of a subscription ---------------------------------------------------------------- */

void weft__subscription_end(struct core *core, struct core_subscription *subscription, weft_error why)
{
    WEFT_ASSERT(!subscription->ended);
    subscription->ended = why;
    list_remove(&subscription->on_audience);
    list_remove(&subscription->on_session);
    if (subscription->channel) {
        subscription->channel->audience->subscribers_count--;
        subscription->channel->audience->stale = true;
        subscription->channel = NULL;
    } else {
        core->patterns_count--;
        core->patterns_generation++;
    }
    if (subscription->dest && subscription->tells)
        ready(core, subscription);
    else if (subscription->dest)
        weft__core_dest_wake(core, subscription->dest); /* who waits for the next event learns of it */
    else if (wants_turn(subscription))
        turn_due(core, subscription);
}

/* The channel is deleted. One that is left for the next step still stands on its list, and the channel waits for it. */
void weft__audience_end(struct core *core, struct core_channel *channel)
{
    if (!channel->audience) return;
    for (struct list_node *node; (node = list_first(&channel->audience->subscribers));) {
        if (core->budget-- <= 0) {
            weft__work_add(core, &channel->work, WORK_CHANNEL);
            return;
        }
        weft__subscription_end(core, list_record(node, struct core_subscription, on_audience), WEFT_ECLOSED);
    }
}

/* What is not heard by now is not heard at all. False: the budget is spent. */
static bool settle(struct core *core, struct core_subscription *subscription)
{
    if (!subscription->ended) weft__subscription_end(core, subscription, WEFT_ECLOSED);
    if (!subscription->group || subscription->unsubscribed) return true;
    atomic_store_explicit(&subscription->silent, true, memory_order_release);
    while (subscription->inbox.items > 0) {
        if (core->budget-- <= 0) return false;
        evict(core, subscription);
    }
    unready(core, subscription);
    return true;
}

bool weft__subscriptions_settle(struct core *core)
{
    uint32_t *cursor = &core->settle_subscriptions_cursor;
    for (struct core_subscription *next; (next = weft__next_live(&core->subscriptions, cursor, &core->budget));) {
        if (settle(core, next)) continue;
        --*cursor;
        return false;
    }
    return *cursor >= core->subscriptions.slots_made;
}

void weft__core_unsubscribe(struct core *core, uint64_t now_ns, uint64_t handle)
{
    core->now_ns = now_ns;
    struct core_subscription *subscription = weft__slotmap_find(&core->subscriptions, handle);
    if (!subscription || subscription->unsubscribed) return;
    subscription->tells = false;
    subscription->unsubscribed = true;
    atomic_store_explicit(&subscription->silent, true, memory_order_release);
    if (!subscription->ended) weft__subscription_end(core, subscription, WEFT_ECLOSED);
    unready(core, subscription);
}

bool weft__core_subscription_wait_idle(struct core *core, uint64_t handle, struct core_waiter *waiter)
{
    struct core_subscription *subscription = weft__slotmap_find(&core->subscriptions, handle);
    if (!subscription || !subscription->in_turn) return false;
    list_push_back(&subscription->idle_waiters, &waiter->on);
    return true;
}

void weft__core_subscription_forget(struct core *core, uint64_t handle, struct inbox *inbox)
{
    *inbox = (struct inbox){0};
    struct core_subscription *subscription = weft__slotmap_find(&core->subscriptions, handle);
    if (!subscription) return;
    WEFT_ASSERT(subscription->unsubscribed && !subscription->in_turn);
    struct core_session *session = subscription->session;
    *inbox = subscription->inbox;
    list_remove(&subscription->work.on);
    if (subscription->group) subscription->group->subscriptions--;
    weft__mem_free(core->mem, subscription->pattern);
    weft__slotmap_give(&core->subscriptions, subscription);
    session->hanging_count--;
    weft__session_changed(core, session);
}

void weft__subscriptions_free(struct core *core)
{
    uint32_t cursor = 0;
    for (struct core_subscription *s; (s = weft__slotmap_next(&core->subscriptions, &cursor));) {
        weft__inbox_free(&s->inbox, core->mem);
        weft__mem_free(core->mem, s->pattern);
    }
    weft__slotmap_fini(&core->subscriptions);
}

/* --- taking ----------------------------------------------------------------------------------- */

weft_error weft__core_events_take(struct core *core, uint64_t now_ns, uint64_t handle, struct inbox_entry *entries,
                                  size_t max, size_t *count)
{
    core->now_ns = now_ns;
    struct core_subscription *subscription = weft__slotmap_find(&core->subscriptions, handle);
    if (!subscription) return WEFT_ECLOSED;
    size_t n = 0;
    while (n < max && n < CORE_HOLD_MAX && subscription->inbox.items > 0 && !subscription->unsubscribed)
        entries[n++] = take_one(core, subscription);
    *count = n;
    if (n == 0) {
        if (!subscription->ended) return WEFT_EAGAIN;
        subscription->tells = false;
        unready(core, subscription);
        weft__core_dest_wake(core, subscription->dest); /* the next that waits learns of it, too */
        return subscription->ended;
    }
    took(core, subscription);
    unready(core, subscription);
    if (subscription->inbox.items > 0 || subscription->ended) weft__core_dest_wake(core, subscription->dest);
    return WEFT_OK;
}

void weft__core_refused(struct core *core, uint64_t now_ns, const char *channel)
{
    core->now_ns = now_ns;
    weft__note(core, WEFT_NODE_REFUSED, channel, NULL, NULL, (weft_cause){0}, 0);
}

void weft__core_subscription_refused(struct core *core, uint64_t now_ns, uint64_t handle, weft_error why)
{
    core->now_ns = now_ns;
    struct core_subscription *subscription = weft__slotmap_find(&core->subscriptions, handle);
    if (!subscription || subscription->ended) return;
    weft__note(core, WEFT_NODE_SUBSCRIBER_REFUSED, subscription->pattern, NULL, subscription->session->name,
               (weft_cause){.kind = WEFT_CAUSE_UNKNOWN}, why);
    weft__subscription_end(core, subscription, why);
}

void weft__core_subscription_over(struct core *core, uint64_t now_ns, uint64_t handle, weft_error why)
{
    core->now_ns = now_ns;
    struct core_subscription *subscription = weft__slotmap_find(&core->subscriptions, handle);
    if (subscription && !subscription->ended) weft__subscription_end(core, subscription, why);
}

/* --- what is told ----------------------------------------------------------------------------- */

void weft__audience_info(const struct core *core, const struct core_channel *channel, weft_channel_info *info)
{
    if (channel->kind != CHANNEL_EVENT) return;
    const struct audience *audience = channel->audience;
    for (struct list_node *node = core->patterns.next; node != &core->patterns; node = node->next)
        info->subscribers +=
            weft__pattern_match(list_record(node, struct core_subscription, on_audience)->pattern, channel->name);
    if (!audience) return;
    info->subscribers += audience->subscribers_count;
    info->published = audience->published;
    info->delivered = audience->delivered;
    info->dropped = audience->dropped;
    info->cut = audience->cut;
}

static void info_fill(const struct core *core, const struct core_subscription *subscription,
                      weft_subscription_info *info)
{
    bool dead = !subscription->ended && subscription->session->state == CORE_SESSION_DEAD;
    *info = (weft_subscription_info){.id = subscription->id,
                                     .slow = subscription->slow,
                                     .ended = dead ? WEFT_EDEAD : subscription->ended,
                                     .items = subscription->inbox.items,
                                     .items_max = subscription->items_max,
                                     .bytes = subscription->inbox.bytes,
                                     .bytes_max = subscription->bytes_max,
                                     .delivered = subscription->delivered,
                                     .taken = subscription->taken,
                                     .dropped = subscription->dropped,
                                     .last_seen_ns = core->now_ns - subscription->taken_ns};
    snprintf(info->pattern, sizeof(info->pattern), "%s", subscription->pattern);
    snprintf(info->participant, sizeof(info->participant), "%s", subscription->session->name);
}

weft_error weft__core_subscription_info(struct core *core, uint64_t now_ns, uint64_t handle,
                                        weft_subscription_info *info)
{
    core->now_ns = now_ns;
    const struct core_subscription *subscription = weft__slotmap_find(&core->subscriptions, handle);
    if (!subscription) return WEFT_ENOTFOUND;
    info_fill(core, subscription, info);
    return WEFT_OK;
}

bool weft__core_subscriptions_next(struct core *core, uint64_t now_ns, uint64_t *cursor, weft_subscription_info *rows,
                                   size_t max, size_t *count)
{
    core->now_ns = now_ns;
    uint32_t index = (uint32_t)*cursor;
    int32_t budget = CORE_HOLD_MAX;
    *count = 0;
    for (const struct core_subscription *s;
         *count < max && (s = weft__next_live(&core->subscriptions, &index, &budget));)
        info_fill(core, s, &rows[(*count)++]);
    *cursor = index;
    return index < core->subscriptions.slots_made || *count > 0;
}
