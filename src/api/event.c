/* event.c: the edge of weft/event.h. A subscription's handle outlives the core's record; it goes with unsubscribe, or
 * with the node.
 *
 * Note BATCH. Who parks costs each publisher a wake-up, and itself a switch, for every event or two, which is ten times
 * what an event costs. So who found nothing lets the others run before it looks again, and parks only then: while events
 * come quickly they stand there in batches by the time it has its turn. Measured with 4 subscribers on 2 processors: 10
 * to 16 million deliveries a second, instead of 1.5. On an idle machine a yield is less than a microsecond. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "api/error.h"
#include "api/subscription.h"
#include "base/clock.h"
#include "exec/scope.h"
#include "exec/node.h"
#include "exec/participant.h"
#include "remote/client.h"
#include "remote/client_ask.h"

enum {
    COPIED_UNASKED = 65536, /* a payload up to that is copied before its channel was looked at */
    YIELDS = 2
};

/* Whom it hangs on. */
static weft_error owner_of(weft_node *node, weft_participant *participant, uint32_t flags, const char *what,
                           uint64_t *session)
{
    weft_participant *owner = participant ? participant : node->process;
    weft_error error = WEFT_OK;
    if (flags & ~(uint32_t)WEFT_OWNER_THREAD)
        return weft__error(WEFT_EINVAL, "%s: flags 0x%x: only WEFT_OWNER_THREAD is one here", what, flags);
    if ((flags & WEFT_OWNER_THREAD) && participant)
        return weft__error(WEFT_EINVAL, "%s: it hangs on the participant or on the thread, not on both", what);
    if (owner->node != node) return weft__error(WEFT_EINVAL, "%s: the participant is one of another node", what);
    if (flags & WEFT_OWNER_THREAD) error = weft__participant_of_thread(node, NULL, &owner);
    if (error) return weft__error(error, "%s: this thread cannot be watched: %s", what, weft_error_text(error));
    *session = owner->session;
    return WEFT_OK;
}

/* --- publishing ------------------------------------------------------------------------------- */

static weft_error check_publish(weft_node *node, const char *channel, weft_bytes payload, const weft_publish_options *o)
{
    if (!node || !channel || (!payload.data && payload.size))
        return weft__error_null("weft_publish", !node ? "node" : !channel ? "channel" : "payload");
    if (!weft__channel_name_valid(channel)) return weft__error_channel_name(channel);
    if (payload.size >= UINT32_MAX) return weft__error(WEFT_EINVAL, "%s: the payload is 4 GiB or more", channel);
    if (o->version != 1)
        return weft__error(WEFT_EINVAL, "publish: options.version is not 1: initialise them with WEFT_PUBLISH_OPTIONS");
    return weft__error_content_type("publish", o->content_type);
}

/* Asked before a large payload is copied. */
static weft_error check_fits(weft_node *node, const char *channel, uint64_t hash, size_t size_bytes)
{
    if (size_bytes <= COPIED_UNASKED) return WEFT_OK;
    (void)weft__enter(node);
    bool fits = weft__core_publish_fits(node->core, channel, hash, size_bytes);
    weft__leave(node);
    if (fits) return WEFT_OK;
    return weft__error(WEFT_ELIMIT, "%s: %zu bytes are over its payload_bytes_max", channel, size_bytes);
}

/* The message has not met what its channel asks for now: holds it against that, outside, until that is so no more. Called
 * inside, returns inside, with the call counted. */
static weft_error meet_and_publish(weft_node *node, struct core_publication *publication, uint32_t *heard,
                                   char *sentence)
{
    struct mismatch mismatch;
    weft_error error = WEFT_ESTALE;
    weft__call_begin(node);
    while (error == WEFT_ESTALE) {
        weft__leave(node);
        error =
            weft__contract_meet(node, publication->message, publication->channel_hash, *publication->wanted, &mismatch);
        uint64_t now_ns = weft__enter(node);
        if (!error) error = weft__core_publish(node->core, now_ns, publication, heard, sentence);
    }
    if (error != WEFT_EMISMATCH) return error;
    weft__core_publish_refuse(node->core, publication->channel, publication->channel_hash);
    (void)snprintf(sentence, ERROR_TEXT_MAX, "%.140s: %.360s", publication->channel, mismatch.sentence);
    return error;
}

/* Takes the message, whatever comes of it. */
static weft_error publish(weft_node *node, struct core_publication *publication, uint32_t *heard, char *sentence)
{
    weft__contract_guess(node, publication->message, publication->channel_hash);
    uint64_t now_ns = weft__enter(node);
    weft_error error = weft__core_publish(node->core, now_ns, publication, heard, sentence);
    if (error != WEFT_ESTALE) {
        weft__leave(node);
        if (error) weft__message_drop(publication->message);
        return error;
    }
    error = meet_and_publish(node, publication, heard, sentence);
    if (error) {
        weft__leave(node);
        weft__message_drop(publication->message); /* before the call is over: after that the node may be gone */
        (void)weft__enter(node);
    }
    weft__leave_call(node);
    return error;
}

weft_error weft_publish(weft_node *node, const char *channel, weft_bytes payload, const weft_publish_options *options,
                        uint32_t *heard)
{
    const weft_publish_options defaults = WEFT_PUBLISH_OPTIONS;
    const weft_publish_options *o = options ? options : &defaults;
    char sentence[ERROR_TEXT_MAX] = "";
    struct contract *wanted = NULL;
    struct core_publication publication = {.channel = channel, .wanted = &wanted};
    if (weft__forked) return weft__error_forked(__func__);
    weft_error error = check_publish(node, channel, payload, o);
    if (!error && options)
        error = owner_of(node, o->participant, o->flags & ~(uint32_t)WEFT_NO_WAIT, "publish", &publication.session);
    if (error) return error;
    if (!options) publication.session = node->process->session;
    if (node->uplink) return weft__client_publish(node, channel, payload, o, publication.session, heard);
    publication.channel_hash = weft__name_hash(channel);
    error = check_fits(node, channel, publication.channel_hash, payload.size);
    if (error) return error;
    publication.message = weft__event_new(&node->mem, channel, payload.data, payload.size, o->content_type);
    if (!publication.message) return weft__error(WEFT_ENOMEM, "%s: no memory for %zu bytes", channel, payload.size);
    publication.wall_ns = weft__clock_wall_ns();

    uint32_t heard_by = 0;
    error = publish(node, &publication, &heard_by, sentence);
    if (!error && heard) *heard = heard_by;
    return weft__error_told(error, channel, sentence);
}

/* --- subscribing ------------------------------------------------------------------------------ */

static weft_error check_options(weft_node *node, bool pulls, const weft_subscribe_options *o)
{
    if (o->version != 1)
        return weft__error(WEFT_EINVAL,
                           "subscribe: options.version is not 1: initialise them with WEFT_SUBSCRIBE_OPTIONS");
    if ((unsigned)o->slow > WEFT_DISCONNECT)
        return weft__error(WEFT_EINVAL, "subscribe: slow %d is none of weft_slow", (int)o->slow);
    if (o->items_max < 1 || o->items_max > WEFT_INBOX_MAX)
        return weft__error(WEFT_EINVAL, "subscribe: items_max of %u is outside 1 to %d", o->items_max, WEFT_INBOX_MAX);
    if (o->bytes_max == 0) return weft__error(WEFT_EINVAL, "subscribe: bytes_max is 0: no event would fit");
    if (o->stall_ms == 0 && o->slow == WEFT_DISCONNECT)
        return weft__error(WEFT_EINVAL, "subscribe: stall_ms is 0; WEFT_FOREVER means that nobody is cut off");
    if (pulls && (o->group || o->ended))
        return weft__error(WEFT_EINVAL, "subscribe: group and ended are for those with a callback");
    if (o->group && o->group->node != node)
        return weft__error(WEFT_EINVAL, "subscribe: the group is one of another node");
    return WEFT_OK;
}

static weft_error check_pattern(const char *pattern)
{
    bool valid = strchr(pattern, '*') ? weft__pattern_valid(pattern) : weft__channel_name_valid(pattern);
    size_t kind_bytes = strcspn(pattern, ".");
    if (!valid) return weft__error(WEFT_EINVAL, "%.80s: neither a channel's name nor a pattern of some", pattern);
    if (memchr(pattern, '*', kind_bytes) || (kind_bytes == 5 && memcmp(pattern, "event", 5) == 0)) return WEFT_OK;
    return weft__error(WEFT_EINVAL, "%s: only event channels are subscribed to", pattern);
}

static weft_subscription *subscription_new(weft_node *node, const char *pattern,
                                           void (*heard)(const weft_event *event, void *context), void *context,
                                           const weft_subscribe_options *options)
{
    weft_subscription *subscription = weft__mem_zalloc(&node->mem, sizeof(*subscription));
    if (!subscription) return NULL;
    subscription->node = node;
    subscription->heard = heard;
    subscription->ended = options->ended;
    subscription->context = context;
    memcpy(subscription->pattern, pattern, strlen(pattern) + 1);
    weft__core_dest_init(&subscription->inbox);
    weft__waiter_init(&subscription->watch);
    list_init(&subscription->on_node);
    return subscription;
}

void weft__subscription_free(weft_subscription *subscription)
{
    weft__waiter_close(subscription->node, &subscription->watch);
    weft__mem_free(&subscription->node->mem, subscription);
}

static weft_error enrol(weft_subscription *subscription, const weft_subscribe_options *o, uint64_t session)
{
    weft_node *node = subscription->node;
    weft_group *group = o->group ? o->group : node->group;
    char sentence[ERROR_TEXT_MAX] = "";
    weft_error started = subscription->heard ? weft__group_start(group) : WEFT_OK;
    if (started == WEFT_ESYSTEM)
        return weft__error(started, "subscribe: no thread to be had for its group: %s", strerror(errno));
    if (started) return weft__error_plain(started, "subscribe");
    const struct core_subscription_spec spec = {.pattern = subscription->pattern,
                                                .hash = weft__name_hash(subscription->pattern),
                                                .session = session,
                                                .slow = o->slow,
                                                .items_max = o->items_max,
                                                .bytes_max = o->bytes_max,
                                                .stall_ms = o->stall_ms,
                                                .group = subscription->heard ? &group->core : NULL,
                                                .dest = subscription->heard ? NULL : &subscription->inbox,
                                                .tells = subscription->ended != NULL,
                                                .context = subscription};
    uint64_t now_ns = weft__enter(node);
    bool mirrored = node->uplink && !strchr(subscription->pattern, '*');
    weft_error error = mirrored ? weft__core_mirror(node->core, spec.pattern, spec.hash) : WEFT_OK;
    if (!error) error = weft__core_subscribe(node->core, now_ns, &spec, &subscription->handle, sentence);
    if (!error) list_push_back(&node->subscriptions, &subscription->on_node);
    weft__leave(node);
    return weft__error_told(error, subscription->pattern, sentence);
}

weft_error weft_subscribe(weft_node *node, const char *pattern, void (*heard)(const weft_event *event, void *context),
                          void *context, const weft_subscribe_options *options, weft_subscription **subscribed)
{
    const weft_subscribe_options defaults = WEFT_SUBSCRIBE_OPTIONS;
    const weft_subscribe_options *o = options ? options : &defaults;
    uint64_t session = 0;
    if (weft__forked) return weft__error_forked(__func__);
    if (!node || !pattern || !subscribed)
        return weft__error_null(__func__, !node ? "node" : !pattern ? "pattern" : "subscription");
    weft_error error = check_pattern(pattern);
    if (!error) error = check_options(node, !heard, o);
    if (!error) error = owner_of(node, o->participant, o->flags, "subscribe", &session);
    if (error) return error;
    weft_subscription *subscription = subscription_new(node, pattern, heard, context, o);
    if (!subscription) return weft__error(WEFT_ENOMEM, "%s: no memory for a subscription", pattern);
    error = enrol(subscription, o, session);
    if (error) {
        weft__subscription_free(subscription);
        return error;
    }
    if (node->uplink) error = weft__client_subscribe(subscription, o);
    if (!error) *subscribed = subscription;
    return error;
}

weft_error weft_unsubscribe(weft_subscription *subscription)
{
    struct waiter waiter;
    struct executor *lent;
    struct inbox inbox;
    if (weft__forked) return weft__error_forked(__func__);
    if (!subscription) return WEFT_OK;
    if (weft__scope_in_subscription(subscription))
        return weft__error(WEFT_EDEADLK, "%s: unsubscribed from its own callback", subscription->pattern);
    weft_node *node = subscription->node;
    (void)weft__lend(node, &lent);
    if (node->uplink) weft__client_unsubscribe(subscription);
    uint64_t now_ns = weft__enter(node);
    weft__call_begin(node);
    weft__core_unsubscribe(node->core, now_ns, subscription->handle);
    for (;;) {
        weft__waiter_init(&waiter);
        if (subscription->callers_count > 0) {
            weft__core_dest_wake(node->core, &subscription->inbox); /* one tells the next */
            weft__await(node, &waiter);
        } else if (!weft__core_subscription_wait_idle(node->core, subscription->handle, &waiter.core)) {
            break;
        }
        (void)weft__wait(node, &waiter, PARK_FOREVER, &now_ns);
    }
    weft__core_subscription_forget(node->core, subscription->handle, &inbox);
    list_remove(&subscription->on_node);
    weft__leave(node);
    weft__inbox_free(&inbox, &node->mem);
    weft__subscription_free(subscription);
    (void)weft__enter(node);
    weft__leave_call(node);
    weft__lend_end(lent);
    return WEFT_OK;
}

/* --- pulling ---------------------------------------------------------------------------------- */

/* Inside: what there is, or why there is nothing. */
static weft_error try_next(weft_subscription *subscription, uint64_t now_ns, struct inbox_entry *entries, size_t max,
                           size_t *count)
{
    weft_node *node = subscription->node;
    weft_error error = weft__core_events_take(node->core, now_ns, subscription->handle, entries, max, count);
    if (error != WEFT_EAGAIN || !node->closed) return error;
    weft__core_dest_wake(node->core, &subscription->inbox); /* the next that waits learns of it, too */
    return WEFT_ECLOSED;
}

/* The same, waiting for it. */
static weft_error await_next(weft_subscription *subscription, uint32_t timeout_ms, struct inbox_entry *entries,
                             size_t max, size_t *count)
{
    struct waiter waiter;
    struct executor *lent;
    weft_error error;
    weft_node *node = subscription->node;
    int yields = YIELDS;
    (void)weft__lend(node, &lent);
    uint64_t now_ns = weft__enter(node);
    uint64_t deadline_ns = weft__deadline(now_ns, timeout_ms);
    weft__call_begin(node);
    subscription->callers_count++;
    while ((error = try_next(subscription, now_ns, entries, max, count)) == WEFT_EAGAIN) {
        if (yields-- > 0) {
            weft__leave(node);
            (void)sched_yield(); /* Note BATCH */
            now_ns = weft__enter(node);
            continue;
        }
        weft__waiter_init(&waiter);
        if (!weft__core_dest_wait(&subscription->inbox, &waiter.core)) continue;
        if (weft__wait(node, &waiter, deadline_ns, &now_ns)) continue;
        error = WEFT_ETIMEDOUT;
        break;
    }
    if (--subscription->callers_count == 0) weft__changed(node);
    weft__leave_call(node);
    weft__lend_end(lent);
    return error;
}

weft_error weft_subscription_next(weft_subscription *subscription, uint32_t timeout_ms, weft_event *events, size_t max,
                                  size_t *count)
{
    struct inbox_entry entries[CORE_HOLD_MAX];
    size_t taken = 0;
    weft_error error;
    if (weft__forked) return weft__error_forked(__func__);
    if (!subscription || !events || !count)
        return weft__error_null(__func__, !subscription ? "subscription" : !events ? "events" : "count");
    if (!max) return weft__error(WEFT_EINVAL, "weft_subscription_next: max is 0");
    if (subscription->heard)
        return weft__error(WEFT_EINVAL, "%s: the subscription has a callback, it does not pull", subscription->pattern);
    if (timeout_ms) {
        error = await_next(subscription, timeout_ms, entries, max, &taken);
    } else {
        weft_node *node = subscription->node;
        uint64_t now_ns = weft__enter(node);
        error = try_next(subscription, now_ns, entries, max, &taken);
        if (error == WEFT_EAGAIN)
            weft__leave_watching(node, &subscription->inbox, &subscription->watch);
        else
            weft__leave(node);
    }
    for (size_t i = 0; i < taken; i++)
        weft__event_fill(&events[i], &entries[i]);
    if (!error) *count = taken;
    return weft__error_plain(error, "weft_subscription_next");
}

weft_error weft_subscription_fd(weft_subscription *subscription, int *fd)
{
    if (weft__forked) return weft__error_forked(__func__);
    if (!subscription || !fd) return weft__error_null(__func__, !subscription ? "subscription" : "fd");
    if (subscription->heard)
        return weft__error(WEFT_EINVAL, "%s: the subscription has a callback, it does not pull", subscription->pattern);
    if (weft__waiter_watch(subscription->node, &subscription->inbox, &subscription->watch, fd)) return WEFT_OK;
    return weft__error(WEFT_ESYSTEM, "%s: no eventfd: %s", subscription->pattern, strerror(errno));
}

void weft_event_release(weft_event *event)
{
    if (!event) return;
    if (!weft__forked) weft__message_drop(event->memory); /* the allocator is the host's, and may take locks */
    *event = (weft_event){0};
}

/* --- what is told ----------------------------------------------------------------------------- */

weft_error weft_subscription_info_get(weft_subscription *subscription, weft_subscription_info *info)
{
    if (weft__forked) return weft__error_forked(__func__);
    if (!subscription || !info) return weft__error_null(__func__, !subscription ? "subscription" : "info");
    weft_node *node = subscription->node;
    uint64_t now_ns = weft__enter(node);
    weft_error error = weft__core_subscription_info(node->core, now_ns, subscription->handle, info);
    weft__leave(node);
    if (!error && node->uplink) weft__client_subscription_info(subscription, info);
    return weft__error_plain(error, subscription->pattern);
}

const char *weft_slow_name(weft_slow slow)
{
    static const char *const names[] = {"drop_oldest", "drop_newest", "disconnect"};
    return (unsigned)slow < sizeof names / sizeof *names ? names[slow] : "none";
}
