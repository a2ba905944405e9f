#include "remote/serve.h"

#include <stdio.h>
#include <string.h>

#include "api/error.h"
#include "exec/node.h"
#include "exec/reply.h"
#include "remote/station.h"
#include "remote/tells.h"

/* Answers to different asks need not be in order, and a large one is not to hold up the others: each has a lane of its own, where
 * no task or call is. */
#define ANSWER_LANE(ask) (UINT64_C(1) << 63 | (ask))

enum { ANSWER_HEAD_MAX = 512 };

/* --- one ask ---------------------------------------------------------------------------------- */

weft_error weft__ask_open(struct ask_call *call, struct session *session, const struct ask_row *row, uint32_t number,
                          weft_bytes body, char *sentence)
{
    struct guest *guest = list_record(session, struct guest, session);
    weft_node *node = session->remote->node;
    size_t most = guest->station->options.frame_bytes_max;
    call->node = node;
    call->guest = guest;
    call->row = row;
    call->number = number;
    call->out = (struct shape_out){.mem = &node->mem};
    call->out.most = (most < FRAME_LARGE_MAX ? most : FRAME_LARGE_MAX) - ANSWER_HEAD_MAX;
    weft__arena_init(&call->arena, &node->mem);
    char what[FRAME_SENTENCE_MAX];
    weft_error error = weft__shape_read(body, row->arguments, &call->arena, false, &call->arguments, what);
    if (error == WEFT_EPROTOCOL) (void)snprintf(sentence, FRAME_SENTENCE_MAX, "%s: %.120s", row->name, what);
    return error;
}

void weft__ask_close(struct ask_call *call)
{
    weft__arena_fini(&call->arena);
    weft__shape_out_free(&call->out);
}

weft_error weft__ask_give(struct ask_call *call, const void *given)
{
    weft__shape_write(&call->out, call->row->gives, given);
    if (call->out.error == WEFT_ELIMIT)
        return weft__error(WEFT_ELIMIT, "%s: more than %zu bytes, which is what one answer may have", call->row->name,
                           call->out.most);
    return weft__error_plain(call->out.error, call->row->name);
}

weft_error weft__ask_give_reply(struct ask_call *call, weft_reply *reply)
{
    weft_error error = weft__ask_give(call, reply);
    if (error == WEFT_ELIMIT) {
        weft__shape_out_free(&call->out);
        reply->outcome = WEFT_FAILED;
        reply->code = TOO_LARGE_CODE;
        reply->message = TOO_LARGE_SENTENCE;
        reply->content_type = NULL;
        reply->payload = (weft_bytes){NULL, 0};
        error = weft__ask_give(call, reply);
    }
    weft_reply_release(reply);
    return error;
}

static void put_answer(struct session *session, uint32_t ask, weft_error error, weft_bytes body)
{
    const struct frame frame = {
        .kind = FRAME_ANSWER,
        .answer = {
            .ask = ask, .error = (uint16_t)error, .sentence = error ? weft_error_message() : NULL, .body = body}};
    (void)weft__session_put(session, ANSWER_LANE(ask), &frame, NULL);
}

void weft__ask_answer(struct ask_call *call, weft_error error)
{
    bool told = !error || error == WEFT_EREJECTED;
    weft_bytes body = {told ? call->out.bytes : NULL, told ? call->out.size : 0};
    put_answer(&call->guest->session, call->number, error, body);
}

/* --- what waits ------------------------------------------------------------------------------- */

/* It was drained, or somebody resumed or deleted it; draining was begun before, and is not begun again. */
static weft_error look_drained(struct ask_call *call, uint64_t now_ns, struct core_waiter *waiter)
{
    const char *name = call->arguments.drain.name;
    weft_channel_info info;
    weft_error error = weft__core_channel_info(call->node->core, now_ns, name, &info);
    if (error || info.state == WEFT_CHANNEL_DRAINED) return error;
    if (info.state != WEFT_CHANNEL_DRAINING) return WEFT_ETIMEDOUT;
    return weft__core_channel_drain(call->node->core, now_ns, name, waiter);
}

weft_error weft__ask_look(struct ask_call *call, uint64_t now_ns, struct core_waiter *waiter,
                          struct core_outcome *outcome)
{
    if (call->node->closed) return WEFT_ECLOSED;
    if (call->row->number == ASK_CHANNEL_DRAIN) return look_drained(call, now_ns, waiter);
    return weft__core_outcome_fetch(call->node->core, call->arguments.fetch.id, outcome, waiter);
}

weft_error weft__ask_told(struct ask_call *call, weft_error error, struct core_outcome *outcome)
{
    weft_reply reply;
    const char *name = call->row->number == ASK_CHANNEL_DRAIN ? call->arguments.drain.name : "weft_dispatch_fetch";
    if (error == WEFT_ETIMEDOUT && call->row->number == ASK_CHANNEL_DRAIN)
        return weft__error(error, "the channel is not drained yet");
    if (error || call->row->number == ASK_CHANNEL_DRAIN) return weft__error_plain(error, name);
    weft__reply_fill(&reply, outcome);
    return weft__ask_give_reply(call, &reply);
}

/* How long it may wait; 0: it has not to. */
static uint32_t waits_for(const struct ask_call *call, weft_error error)
{
    if (call->row->number == ASK_CHANNEL_DRAIN && error == WEFT_ETIMEDOUT) return call->arguments.drain.timeout_ms;
    if (call->row->number == ASK_DISPATCH_FETCH && error == WEFT_EAGAIN) return call->arguments.fetch.timeout_ms;
    return 0;
}

/* --- all of them ------------------------------------------------------------------------------ */

weft_error weft__ask_serve(struct session *session, const struct frame_ask *ask, char *sentence)
{
    const struct ask_row *row = weft__ask_row(ask->operation);
    struct ask_call call;
    if (!row) {
        weft_error unknown = weft__error(WEFT_EUNSUPPORTED, "ask: there is no operation %u", ask->operation);
        put_answer(session, ask->ask, unknown, (weft_bytes){NULL, 0});
        return WEFT_OK;
    }
    weft_error error = weft__ask_open(&call, session, row, ask->ask, ask->body, sentence);
    if (error != WEFT_EPROTOCOL) {
        struct clerk *clerk = &call.guest->station->clerk;
        weft_error done = error ? weft__error_plain(error, row->name) : WEFT_OK;
        if (!done && row->manner != ASK_BY_CLERK) done = weft__ask_do(&call);
        uint32_t wait_ms = row->manner == ASK_BY_CLERK ? WEFT_FOREVER : waits_for(&call, done);
        bool goes_on = wait_ms && !error;
        if (goes_on) done = weft__clerk_take(clerk, session, row, ask, wait_ms);
        if (!goes_on || done) weft__ask_answer(&call, done);
        error = WEFT_OK;
    }
    weft__ask_close(&call);
    return error;
}
