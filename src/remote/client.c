#include "remote/client.h"

#include <stdio.h>
#include <string.h>

#include "api/error.h"
#include "exec/node.h"
#include "remote/uplink.h"

weft_error weft__client_told(const struct asking *asking, weft_error error, const char *of)
{
    if (!error) return WEFT_OK;
    if (asking->sentence[0]) return weft__error(error, "%s", asking->sentence);
    return weft__error_plain(error, of);
}

/* --- dispatching ------------------------------------------------------------------------------ */

bool weft__client_too_large(weft_node *node, size_t size_bytes)
{
    return size_bytes > atomic_load(&node->uplink->frame_max);
}

struct message *weft__client_call(weft_node *node, const struct core_request *r, weft_bytes payload,
                                  const char *content_type)
{
    const struct frame_dispatch call = {.sticky_hash = r->sticky_hash,
                                        .schedule_to_start_ms = r->schedule_to_start_ms,
                                        .start_to_close_ms = r->start_to_close_ms,
                                        .schedule_to_close_ms = r->schedule_to_close_ms,
                                        .heartbeat_ms = r->heartbeat_ms,
                                        .priority = r->priority,
                                        .on_crash = r->on_crash,
                                        .no_worker = r->no_worker,
                                        .attempts_max = (uint8_t)r->attempts_max,
                                        .window = (uint16_t)r->window,
                                        .detached = r->detached,
                                        .streams = r->updated != NULL,
                                        .channel = r->channel,
                                        .activity_type = r->activity_type,
                                        .content_type = content_type,
                                        .key = r->key,
                                        .payload = payload};
    return weft__call_new(&node->mem, &call);
}

/* --- workers ---------------------------------------------------------------------------------- */

weft_error weft__client_register(weft_worker *worker, const weft_worker_options *o)
{
    struct asking asking;
    struct frame frame = {.kind = FRAME_REGISTER,
                          .reg = {.worker = worker->handle,
                                  .max_concurrent = o->max_concurrent,
                                  .channel = worker->channel,
                                  .name = o->name,
                                  .activity_types_count = (uint32_t)o->activity_types_count,
                                  .schema_ids = o->schema_ids,
                                  .schema_ids_count = (uint32_t)o->schema_ids_count}};
    for (size_t i = 0; i < o->activity_types_count; i++)
        frame.reg.activity_types[i] = o->activity_types[i];
    weft_error error = weft__uplink_announce(worker->node->uplink, &frame, worker->handle, &asking);
    if (!error) return WEFT_OK;
    char channel[WEFT_CHANNEL_NAME_MAX + 1];
    (void)snprintf(channel, sizeof channel, "%s", worker->channel);
    (void)weft_worker_unregister(worker);
    return weft__client_told(&asking, error, channel);
}

void weft__client_drain(weft_worker *worker)
{
    const struct frame frame = {.kind = FRAME_DRAIN, .worker = {.worker = worker->handle}};
    (void)weft__session_put(&worker->node->uplink->session, 0, &frame, NULL);
}

/* Behind what its tasks had to say. */
void weft__client_unregister(weft_worker *worker)
{
    struct uplink *uplink = worker->node->uplink;
    (void)weft__session_await_put(&uplink->session, PARK_FOREVER);
    weft__uplink_gone(uplink, FRAME_UNREGISTER, worker->handle, true);
}

/* --- events ----------------------------------------------------------------------------------- */

static weft_error may_speak(weft_node *node, uint64_t session)
{
    (void)weft__enter(node);
    bool closing = weft__core_closing(node->core);
    bool alive = weft__core_session_alive(node->core, session, NULL, NULL);
    weft__leave(node);
    return closing ? WEFT_ECLOSED : alive ? WEFT_OK : WEFT_EDEAD;
}

weft_error weft__client_publish(weft_node *node, const char *channel, weft_bytes payload, const weft_publish_options *o,
                                uint64_t publisher, uint32_t *heard)
{
    struct asking asking;
    struct frame frame = {
        .kind = FRAME_PUBLISH,
        .publish = {.channel = channel, .content_type = o ? o->content_type : NULL, .payload = payload}};
    weft_error refused = may_speak(node, publisher);
    if (refused) return weft__error_plain(refused, channel);
    uint32_t frame_max = atomic_load(&node->uplink->frame_max);
    if (weft__frame_size(&frame) > frame_max)
        return weft__error(WEFT_ELIMIT,
                           "%s: an event of %zu bytes is more than a frame of %u to the node holds: its "
                           "frame_bytes_max",
                           channel, payload.size, frame_max);
    if (o && (o->flags & WEFT_NO_WAIT)) {
        if (heard) *heard = 0;
        return weft__error_plain(weft__uplink_send(node->uplink, weft__name_hash(channel), &frame), channel);
    }
    weft_error error = weft__uplink_ask(node->uplink, &frame, WEFT_FOREVER, &asking);
    if (!error && heard) *heard = asking.value;
    return weft__client_told(&asking, error, channel);
}

weft_error weft__client_subscribe(weft_subscription *subscription, const weft_subscribe_options *o)
{
    struct asking asking;
    struct frame frame = {.kind = FRAME_SUBSCRIBE,
                          .subscribe = {.subscription = subscription->handle,
                                        .slow = (uint8_t)o->slow,
                                        .items_max = o->items_max,
                                        .stall_ms = o->stall_ms,
                                        .bytes_max = o->bytes_max,
                                        .pattern = subscription->pattern}};
    weft_error error = weft__uplink_announce(subscription->node->uplink, &frame, subscription->handle, &asking);
    if (!error) return WEFT_OK;
    char pattern[sizeof subscription->pattern];
    memcpy(pattern, subscription->pattern, sizeof pattern);
    (void)weft_unsubscribe(subscription);
    return weft__client_told(&asking, error, pattern);
}

void weft__client_unsubscribe(weft_subscription *subscription)
{
    weft__uplink_gone(subscription->node->uplink, FRAME_UNSUBSCRIBE, subscription->handle, false);
}

/* --- deaths ----------------------------------------------------------------------------------- */

enum { BURIED_A_HOLD = 64 };

struct burial {
    enum frame_kind kind;
    uint64_t handle;
};

/* Inside. Those whose tasks have ended, too, but for handlers that still run; *more where one is not so far. */
static size_t dead_workers(weft_node *node, uint64_t now_ns, struct burial *dead, size_t max, bool *more)
{
    size_t count = 0;
    for (struct list_node *on = node->workers.next; on != &node->workers && count < max; on = on->next) {
        weft_worker *worker = list_record(on, weft_worker, on_node);
        weft_worker_info info;
        if (worker->end_told || weft__core_worker_info(node->core, now_ns, worker->handle, &info)) continue;
        if (info.state != WEFT_WORKER_DEAD) continue;
        if (info.in_flight > info.orphaned) {
            *more = true;
            continue;
        }
        worker->end_told = true;
        dead[count++] = (struct burial){FRAME_UNREGISTER, worker->handle};
    }
    return count;
}

static size_t dead_subscriptions(weft_node *node, uint64_t now_ns, struct burial *dead, size_t max)
{
    size_t count = 0;
    for (struct list_node *on = node->subscriptions.next; on != &node->subscriptions && count < max; on = on->next) {
        weft_subscription *subscription = list_record(on, weft_subscription, on_node);
        weft_subscription_info info;
        if (subscription->end_told || weft__core_subscription_info(node->core, now_ns, subscription->handle, &info))
            continue;
        subscription->end_told = info.ended == WEFT_EDEAD;
        if (subscription->end_told) dead[count++] = (struct burial){FRAME_UNSUBSCRIBE, subscription->handle};
    }
    return count;
}

/* What could not be told: those who are still there are found again. */
static void exhume(weft_node *node, const struct burial *dead, size_t count)
{
    (void)weft__enter(node);
    for (size_t i = 0; i < count; i++) {
        struct list_node *list = dead[i].kind == FRAME_UNREGISTER ? &node->workers : &node->subscriptions;
        for (struct list_node *on = list->next; on != list; on = on->next) {
            if (list == &node->workers && list_record(on, weft_worker, on_node)->handle == dead[i].handle)
                list_record(on, weft_worker, on_node)->end_told = false;
            if (list != &node->workers && list_record(on, weft_subscription, on_node)->handle == dead[i].handle)
                list_record(on, weft_subscription, on_node)->end_told = false;
        }
    }
    weft__leave_inside(node);
}

bool weft__client_bury(weft_node *node, uint64_t deadline_ns)
{
    struct burial dead[2 * BURIED_A_HOLD];
    bool more = false;
    for (size_t count = 1; count;) {
        uint64_t now_ns = weft__enter(node);
        count = dead_workers(node, now_ns, dead, BURIED_A_HOLD, &more);
        count += dead_subscriptions(node, now_ns, dead + count, BURIED_A_HOLD);
        weft__leave_inside(node);
        if (count && !weft__session_await_put(&node->uplink->session, deadline_ns)) {
            exhume(node, dead, count);
            return false;
        }
        for (size_t i = 0; i < count; i++)
            weft__uplink_gone(node->uplink, dead[i].kind, dead[i].handle, true);
    }
    return !more;
}
