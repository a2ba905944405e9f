/* dispatch.c: dispatching and waiting, or being called; what is fetched by its number. The queue of outcomes:
 * completions.c. */
#include <weft/dispatch.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "api/error.h"
#include "api/request.h"
#include "base/clock.h"
#include "exec/scope.h"
#include "exec/node.h"
#include "exec/reply.h"
#include "exec/update.h"
#include "remote/client_ask.h"

static weft_error deadlock(const char *where)
{
    const struct scope *scope = weft__scope;
    while ((scope->kind == SCOPE_UPDATED || scope->kind == SCOPE_FOUND) && scope->outer)
        scope = scope->outer;
    return weft__error(WEFT_EDEADLK, "%s: called from %s", where,
                       scope->executor ? "a handler or subscriber whose group has no thread left to take its place: "
                                         "give the group, or the node, a larger threads_max"
                       : scope->kind == SCOPE_INLINE ? "an inline handler"
                                                     : "a callback");
}

/* --- and wait --------------------------------------------------------------------------------- */

/* What is left of a time of the request after the wait for room; 0 (the channel's) and WEFT_FOREVER stay. */
static uint32_t less(uint32_t time_ms, uint64_t waited_ms)
{
    if (!time_ms || time_ms == WEFT_FOREVER) return time_ms;
    return time_ms > waited_ms ? time_ms - (uint32_t)waited_ms : 1;
}

/* Inside: admits it, waiting for room where the channel lets its callers wait. */
static weft_error admit(weft_node *node, const struct core_request *asked, struct core_admitted *admitted,
                        struct mismatch *mismatch, uint64_t *now_ns)
{
    const uint64_t since_ns = *now_ns;
    struct core_request request = *asked;
    uint64_t deadline_ns = 0;
    for (request.waits = true;;) {
        struct waiter waiter;
        weft_error error = weft__request_dispatch(node, &request, admitted, mismatch, now_ns);
        if (error != WEFT_EREJECTED || !admitted->blocks) return error;
        if (!deadline_ns) deadline_ns = weft__deadline(since_ns, admitted->block_ms);
        request.waits = *now_ns < deadline_ns;
        weft__waiter_init(&waiter);
        if (!request.waits || !weft__core_channel_wait_room(node->core, admitted->channel, &waiter.core)) continue;
        (void)weft__wait(node, &waiter, deadline_ns, now_ns);
        uint64_t waited_ms = (*now_ns - since_ns) / NS_PER_MS;
        request.schedule_to_start_ms = less(asked->schedule_to_start_ms, waited_ms);
        request.schedule_to_close_ms = less(asked->schedule_to_close_ms, waited_ms);
    }
}

/* Inside: the outcome that comes to dest, and before it what the task says. */
static void await_outcome(weft_node *node, struct core_dest *dest, struct executor *lent, struct core_outcome *outcome,
                          uint64_t *now_ns)
{
    enum core_item_kind kind;
    struct core_task *none;
    while ((kind = weft__core_outcome_take(node->core, *now_ns, dest, outcome, &none)) != CORE_ITEM_OUTCOME) {
        struct waiter waiter;
        weft__waiter_init(&waiter);
        if (kind == CORE_ITEM_UPDATE)
            *now_ns = weft__update_between(node, outcome, lent, NULL);
        else if (weft__core_dest_wait(dest, &waiter.core))
            (void)weft__wait(node, &waiter, PARK_FOREVER, now_ns);
    }
}

/* The sentence of a mismatch is a message like that of a failure; without memory for it the code must do. */
static void reply_rejected(weft_node *node, weft_reply *reply, const struct core_admitted *admitted,
                           const struct mismatch *mismatch)
{
    size_t size = strlen(mismatch->sentence);
    struct message *sentence = size ? weft__message_new(&node->mem, mismatch->sentence, size, NULL) : NULL;
    *reply = (weft_reply){.outcome = WEFT_REJECTED,
                          .admission = WEFT_ADMISSION_REJECTED,
                          .retry_after_ms = admitted->retry_after_ms,
                          .code = admitted->reason,
                          .message = sentence ? (const char *)sentence->bytes : NULL,
                          .memory = sentence};
}

/* Of a client node: what the node that it has dialled did not dispatch at all. */
static weft_error refused(struct core_outcome *outcome, const char *channel)
{
    const struct core_request of = {.channel = channel};
    char sentence[ERROR_TEXT_MAX] = "";
    if (outcome->message) (void)snprintf(sentence, sizeof sentence, "%s", (const char *)outcome->message->bytes);
    weft__message_drop(outcome->message);
    if (!*sentence) return weft__request_report(&of, outcome->error, NULL, NULL);
    return weft__error_told(outcome->error, channel, sentence);
}

weft_error weft_dispatch(weft_node *node, const char *channel, weft_bytes payload, const weft_dispatch_options *options,
                         weft_reply *reply)
{
    struct core_request request;
    struct core_admitted admitted;
    struct mismatch mismatch = {.counted = true};
    struct core_outcome outcome;
    struct core_dest dest;
    struct executor *lent;
    if (weft__forked) return weft__error_forked(__func__);
    if (!reply) return weft__error_null(__func__, "reply");
    weft_error error = weft__request_fill(node, channel, payload, options, &request);
    if (error) return error;
    if (weft__lend(node, &lent)) {
        weft__request_drop(&request);
        return deadlock(channel);
    }
    weft__request_guess(node, &request);
    weft__core_dest_init(&dest);
    request.dest = &dest;
    uint64_t now_ns = weft__enter(node);
    weft__call_begin(node);
    error = admit(node, &request, &admitted, &mismatch, &now_ns);
    if (!error) await_outcome(node, &dest, lent, &outcome, &now_ns);
    if (error == WEFT_EREJECTED) reply_rejected(node, reply, &admitted, &mismatch);
    weft__request_leave(node, &request, error, &mismatch);
    weft__lend_end(lent);
    if (!error && outcome.error) return refused(&outcome, channel);
    if (!error) weft__reply_fill(reply, &outcome);
    if (error == WEFT_EREJECTED) error = WEFT_OK;
    return weft__request_report(&request, error, &admitted, NULL);
}

/* --- and be called ---------------------------------------------------------------------------- */

weft_error weft_dispatch_async(weft_node *node, const char *channel, weft_bytes payload,
                               const weft_dispatch_options *options,
                               void (*ended)(const weft_reply *reply, void *context), void *context, uint64_t token,
                               weft_ticket *ticket)
{
    struct core_request request;
    struct core_admitted admitted = {.admission = WEFT_ADMISSION_NONE};
    struct mismatch mismatch = {.counted = false};
    if (weft__forked) return weft__error_forked(__func__);
    weft_error error = weft__request_fill(node, channel, payload, options, &request);
    if (error) return error;
    if (request.updated && !ended) {
        weft__request_drop(&request);
        return weft__error(WEFT_EINVAL, "%s: updated without ended: nobody waits who could be told", channel);
    }
    if (ended && weft__callbacks_start(node)) {
        weft__request_drop(&request);
        return weft__error(WEFT_ESYSTEM, "%s: no callback thread to be had: %s", channel, strerror(errno));
    }
    request.dest = ended ? &node->callbacks.dest : NULL;
    request.token = token;
    request.context = context;
    request.context2 = weft__ended_pack(ended);
    weft__request_guess(node, &request);
    uint64_t now_ns = weft__enter(node);
    error = weft__request_dispatch(node, &request, &admitted, &mismatch, &now_ns);
    weft__request_leave(node, &request, error, &mismatch);
    if (!error || error == WEFT_EREJECTED) weft__ticket_fill(node, ticket, &admitted);
    return weft__request_report(&request, error, &admitted, &mismatch);
}

weft_error weft_dispatch_cancel(weft_node *node, weft_dispatch_id id)
{
    if (weft__forked) return weft__error_forked(__func__);
    if (!node) return weft__error_null(__func__, "node");
    uint64_t now_ns = weft__enter(node);
    weft_error error = weft__core_cancel(node->core, now_ns, id);
    weft__leave(node);
    if (error && node->uplink) return weft__client_cancel(node, id);
    return weft__error_plain(error, "weft_dispatch_cancel");
}

/* --- detached --------------------------------------------------------------------------------- */

/* Of this process's own. */
static weft_error fetch(weft_node *node, weft_dispatch_id id, uint32_t timeout_ms, weft_reply *reply)
{
    struct core_outcome outcome;
    uint64_t now_ns = weft__enter(node);
    uint64_t deadline_ns = weft__deadline(now_ns, timeout_ms);
    weft_error error;
    weft__call_begin(node);
    for (bool in_time = timeout_ms > 0;;) {
        struct waiter waiter;
        weft__waiter_init(&waiter);
        error = weft__core_outcome_fetch(node->core, id, &outcome, in_time ? &waiter.core : NULL);
        if (error != WEFT_EAGAIN) break;
        if (!in_time) {
            error = timeout_ms ? WEFT_ETIMEDOUT : WEFT_EAGAIN;
            break;
        }
        in_time = weft__wait(node, &waiter, deadline_ns, &now_ns);
    }
    weft__leave_call(node);
    if (!error) weft__reply_fill(reply, &outcome);
    return error;
}

weft_error weft_dispatch_fetch(weft_node *node, weft_dispatch_id id, uint32_t timeout_ms, weft_reply *reply)
{
    struct executor *lent = NULL;
    if (weft__forked) return weft__error_forked(__func__);
    if (!node || !reply) return weft__error_null(__func__, !node ? "node" : "reply");
    if (timeout_ms && weft__lend(node, &lent)) return deadlock("weft_dispatch_fetch");
    weft_error error = fetch(node, id, timeout_ms, reply);
    bool elsewhere = error == WEFT_ENOTFOUND && node->uplink;
    error =
        elsewhere ? weft__client_fetch(node, id, timeout_ms, reply) : weft__error_plain(error, "weft_dispatch_fetch");
    weft__lend_end(lent);
    return error;
}

/* --- names ------------------------------------------------------------------------------------ */

const char *weft_priority_name(weft_priority priority)
{
    static const char *const names[] = {"none", "urgent", "high", "normal", "low"};
    return (unsigned)priority < sizeof names / sizeof *names ? names[priority] : "none";
}

const char *weft_admission_name(weft_admission admission)
{
    static const char *const names[] = {"none", "accepted", "deferred", "rejected", "sent"};
    return (unsigned)admission < sizeof names / sizeof *names ? names[admission] : "none";
}
