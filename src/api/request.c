#include "api/request.h"

#include <sodium.h>
#include <string.h>

#include "api/error.h"
#include "exec/node.h"
#include "exec/participant.h"
#include "exec/reply.h"
#include "remote/client.h"

enum { COPIED_UNASKED = 65536 }; /* a payload up to that is copied before its channel was looked at */

static weft_error check_options(const weft_node *node, const weft_dispatch_options *o)
{
    if (o->version != 1)
        return weft__error(WEFT_EINVAL,
                           "dispatch: options.version is not 1: initialise them with WEFT_DISPATCH_OPTIONS");
    if (o->priority < WEFT_PRIORITY_URGENT || o->priority > WEFT_PRIORITY_LOW)
        return weft__error(WEFT_EINVAL, "dispatch: priority %d is none of weft_priority", (int)o->priority);
    if (o->activity_type && !weft__word_valid(o->activity_type, ".:/"))
        return weft__error(WEFT_EINVAL, "dispatch: activity_type %.80s is not 1 to 64 of [A-Za-z0-9_.:/-]",
                           o->activity_type);
    weft_error error = weft__error_content_type("dispatch", o->content_type);
    if (error) return error;
    if (o->flags & ~(uint32_t)WEFT_OWNER_THREAD)
        return weft__error(WEFT_EINVAL, "dispatch: flags 0x%x: only WEFT_OWNER_THREAD is one of a dispatch's",
                           o->flags);
    if ((o->flags & WEFT_OWNER_THREAD) && o->participant)
        return weft__error(WEFT_EINVAL, "dispatch: it hangs on the participant or on the thread, not on both");
    if (o->participant && o->participant->node != node)
        return weft__error(WEFT_EINVAL, "dispatch: the participant is one of another node");
    if ((unsigned)o->on_crash > WEFT_CRASH_REDISPATCH)
        return weft__error(WEFT_EINVAL, "dispatch: on_crash %d is none of weft_crash", (int)o->on_crash);
    if ((unsigned)o->no_worker > WEFT_NO_WORKER_REJECT)
        return weft__error(WEFT_EINVAL, "dispatch: no_worker %d is none of weft_no_worker", (int)o->no_worker);
    if (o->attempts_max > CORE_ATTEMPTS_MAX)
        return weft__error(WEFT_EINVAL, "dispatch: attempts_max of %u is over %d", o->attempts_max, CORE_ATTEMPTS_MAX);
    if (o->updated && (o->window < 1 || o->window > WEFT_WINDOW_MAX))
        return weft__error(WEFT_EINVAL, "dispatch: window of %u is outside 1 to %d", o->window, WEFT_WINDOW_MAX);
    if (o->key && (!*o->key || strnlen(o->key, WEFT_KEY_MAX + 1) > WEFT_KEY_MAX))
        return weft__error(WEFT_EINVAL, "dispatch: key is not 1 to %d bytes", WEFT_KEY_MAX);
    if (o->key && o->updated)
        return weft__error(WEFT_EINVAL, "dispatch: what has a key may be asked for by many: updated is not for it");
    return WEFT_OK;
}

static void digest_text(crypto_generichash_state *state, const char *text)
{
    uint64_t bytes = text ? strlen(text) + 1 : 0;
    crypto_generichash_update(state, (const unsigned char *)&bytes, sizeof bytes);
    if (text) crypto_generichash_update(state, (const unsigned char *)text, bytes);
}

/* Of all that a repeat must have in common with the first. Each part comes after its length, so none can run into the
 * next. */
void weft__request_digest(struct core_request *request)
{
    const struct message *payload = request->payload;
    crypto_generichash_state state;
    uint64_t bytes = payload->size_bytes;
    crypto_generichash_init(&state, NULL, 0, CORE_DIGEST_BYTES);
    crypto_generichash_update(&state, (const unsigned char *)&bytes, sizeof bytes);
    crypto_generichash_update(&state, payload->bytes, bytes);
    digest_text(&state, weft__message_content_type(payload));
    digest_text(&state, request->activity_type);
    crypto_generichash_final(&state, request->digest, CORE_DIGEST_BYTES);
    request->key_hash = weft__name_hash(request->key);
}

/* Whether a payload that takes long to copy is more than its channel takes: asked before it is copied. A second hold
 * of the lock, beside what 64 KiB cost: about a hundredth. */
static bool exceeds(weft_node *node, const char *channel, uint64_t hash, size_t size_bytes)
{
    if (size_bytes <= COPIED_UNASKED) return false;
    (void)weft__enter(node);
    bool fits = weft__core_dispatch_fits(node->core, channel, hash, size_bytes);
    weft__leave(node);
    return !fits;
}

/* Of a client node: what is asked for goes along with the payload, and is the node's to look at. Here it is a call of the
 * uplink. */
static weft_error go_out(weft_node *node, struct core_request *request, weft_bytes payload, const char *content_type)
{
    if (!weft__channel_name_valid(request->channel)) return weft__error_channel_name(request->channel);
    request->too_large = weft__client_too_large(node, payload.size); /* whatever its channel takes */
    if (request->too_large) payload.size = 0;
    struct message *call = weft__client_call(node, request, payload, content_type);
    if (!call) return weft__error(WEFT_ENOMEM, "dispatch: %s: no memory for %zu bytes", request->channel, payload.size);
    *request = (struct core_request){.channel = WEFT_UPLINK_CHANNEL,
                                     .channel_hash = weft__name_hash(WEFT_UPLINK_CHANNEL),
                                     .payload = call,
                                     .session = request->session,
                                     .schedule_to_close_ms = request->schedule_to_close_ms,
                                     .detached = request->detached,
                                     .too_large = request->too_large,
                                     .updated = request->updated,
                                     .updated_context = request->updated_context,
                                     .window = request->window};
    return WEFT_OK;
}

weft_error weft__request_fill(weft_node *node, const char *channel, weft_bytes payload,
                              const weft_dispatch_options *options, struct core_request *request)
{
    const weft_dispatch_options defaults = WEFT_DISPATCH_OPTIONS;
    const weft_dispatch_options *o = options ? options : &defaults;
    if (!node || !channel || (!payload.data && payload.size))
        return weft__error_null("dispatch", !node ? "node" : !channel ? "channel" : "payload");
    if (payload.size >= UINT32_MAX)
        return weft__error(WEFT_EINVAL, "dispatch: %s: the payload is 4 GiB or more", channel);
    weft_error error = options ? check_options(node, o) : WEFT_OK;
    if (error) return error;
    weft_participant *owner = o->participant ? o->participant : node->process;
    if (o->flags & WEFT_OWNER_THREAD) error = weft__participant_of_thread(node, NULL, &owner);
    if (error) return weft__error(error, "dispatch: this thread cannot be watched: %s", weft_error_text(error));

    uint64_t hash = weft__name_hash(channel);
    *request = (struct core_request){
        .channel = channel,
        .channel_hash = hash,
        .activity_type = o->activity_type,
        .activity_type_hash = o->activity_type ? weft__name_hash(o->activity_type) : 0,
        .sticky_hash = o->sticky_key ? weft__name_hash(o->sticky_key) : 0,
        .session = owner->session,
        .schedule_to_start_ms = o->schedule_to_start_ms,
        .start_to_close_ms = o->start_to_close_ms,
        .schedule_to_close_ms = o->schedule_to_close_ms,
        .heartbeat_ms = o->heartbeat_ms,
        .attempts_max = o->attempts_max,
        .priority = (uint8_t)(o->priority - 1),
        .on_crash = (uint8_t)o->on_crash,
        .no_worker = (uint8_t)o->no_worker,
        .detached = o->detached,
        .updated = o->updated,
        .updated_context = o->updated_context,
        .window = o->window,
        .key = o->key,
    };
    if (node->uplink) return go_out(node, request, payload, o->content_type);
    request->too_large =
        !o->key && exceeds(node, channel, hash, payload.size); /* what a key stands for is compared first */
    request->payload =
        weft__message_new(&node->mem, payload.data, request->too_large ? 0 : payload.size, o->content_type);
    if (!request->payload)
        return weft__error(WEFT_ENOMEM, "dispatch: %s: no memory for %zu bytes", channel, payload.size);
    if (o->key) weft__request_digest(request);
    return WEFT_OK;
}

void weft__request_drop(struct core_request *request)
{
    weft__message_drop(request->payload);
    request->payload = NULL;
}

weft_error weft__request_dispatch(weft_node *node, struct core_request *request, struct core_admitted *admitted,
                                  struct mismatch *mismatch, uint64_t *now_ns)
{
    weft_error error;
    mismatch->sentence[0] = '\0';
    while ((error = weft__core_dispatch(node->core, *now_ns, request, admitted)) == WEFT_ESTALE) {
        if (!mismatch->counted) weft__call_begin(node);
        mismatch->counted = true;
        if (mismatch->inside)
            weft__leave_inside(node);
        else
            weft__leave(node);
        error = weft__contract_meet(node, request->payload, request->channel_hash, admitted->contract, mismatch);
        *now_ns = weft__enter(node);
        if (error == WEFT_EMISMATCH)
            return weft__core_dispatch_refuse(node->core, *now_ns, request, mismatch->reason, admitted);
        if (error) return error;
    }
    return error;
}

void weft__request_leave(weft_node *node, struct core_request *request, weft_error error,
                         const struct mismatch *mismatch)
{
    if (error || !mismatch->counted) {
        weft__leave(node);
        if (error) weft__request_drop(request); /* before the call is over: after that the node may be gone */
        if (!mismatch->counted) return;
        (void)weft__enter(node);
    }
    weft__leave_call(node);
}

weft_error weft__request_report(const struct core_request *request, weft_error error,
                                const struct core_admitted *admitted, const struct mismatch *mismatch)
{
    if (error == WEFT_ENOCHANNEL && !weft__channel_name_valid(request->channel))
        return weft__error_channel_name(request->channel);
    if (error == WEFT_EINVAL) return weft__error(error, "%s: " REPLY_NOT_DISPATCH, request->channel);
    if (error == WEFT_EREJECTED && mismatch && mismatch->sentence[0])
        return weft__error(error, "%s: rejected: %s: %s", request->channel, admitted->reason, mismatch->sentence);
    if (error == WEFT_EREJECTED) return weft__error(error, "%s: rejected: %s", request->channel, admitted->reason);
    if (error == WEFT_ELIMIT)
        return weft__error(error, "%s: dispatches_max of the node, or the activity types of a channel",
                           request->channel);
    return weft__error_plain(error, request->channel);
}

void weft__ticket_fill(const weft_node *node, weft_ticket *ticket, const struct core_admitted *admitted)
{
    bool sent = node->uplink && admitted->admission != WEFT_ADMISSION_REJECTED;
    if (!ticket) return;
    *ticket = (weft_ticket){.id = admitted->id,
                            .admission = sent ? WEFT_ADMISSION_SENT : admitted->admission,
                            .retry_after_ms = admitted->retry_after_ms,
                            .reason = admitted->reason};
}
