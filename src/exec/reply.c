#include "exec/reply.h"

#include <string.h>

#include "base/fork.h"

/* A client node's dispatch that its node did not take: what weft_dispatch returns there, as a word. */
static const char *refusal(weft_error error)
{
    switch (error) {
    case WEFT_ENOCHANNEL: return "no_channel";
    case WEFT_ELIMIT: return "limit";
    case WEFT_ENOMEM: return "no_memory";
    case WEFT_ECLOSED: return "closed";
    default: return "refused";
    }
}

/* And as a sentence, where its node sent none. */
static const char *told(weft_error error)
{
    return error == WEFT_EINVAL ? REPLY_NOT_DISPATCH : weft_error_text(error);
}

void weft__reply_fill(weft_reply *reply, struct core_outcome *outcome)
{
    struct message *message = outcome->message;
    *reply = (weft_reply){.id = outcome->id,
                          .outcome = outcome->outcome,
                          .admission = outcome->admission,
                          .attempts = outcome->attempts,
                          .retry_after_ms = outcome->retry_after_ms,
                          .code = outcome->code,
                          .token = outcome->token,
                          .queued_ns = outcome->queued_ns,
                          .started_ns = outcome->started_ns,
                          .run_ns = outcome->run_ns,
                          .memory = message};
    memcpy(reply->worker, outcome->worker, sizeof reply->worker);
    outcome->message = NULL;
    if (outcome->error) {
        reply->code = refusal(outcome->error);
        reply->message = message && message->size_bytes ? (const char *)message->bytes : told(outcome->error);
        return;
    }
    if (!message) return;
    if (outcome->outcome == WEFT_COMPLETED) {
        reply->payload = (weft_bytes){.data = message->bytes, .size = message->size_bytes};
        reply->content_type = weft__message_content_type(message);
    } else {
        reply->message = (const char *)message->bytes; /* ends with a zero of message.c's */
        if (!reply->code) reply->code = weft__message_content_type(message);
    }
}

void weft_reply_release(weft_reply *reply)
{
    if (!reply) return;
    if (!weft__forked) weft__message_drop(reply->memory); /* the allocator is the host's, and may take locks */
    *reply = (weft_reply){.outcome = WEFT_OUTCOME_NONE};
}
