#include "exec/hooks.h"

#include <stdio.h>

#include "base/fork.h"

static weft_log_level say_lost(const struct core_note *note, char *text, size_t size)
{
    (void)snprintf(text, size, "worker %s of %s was lost with %s, and held %llu attempt%s", note->worker, note->channel,
                   note->participant, (unsigned long long)note->count, note->count == 1 ? "" : "s");
    return WEFT_LOG_WARNING;
}

static weft_log_level say_died(const struct core_note *note, char *text, size_t size)
{
    char cause[96];
    if (note->cause.kind == WEFT_CAUSE_RELEASED) { /* its host wanted it so */
        (void)snprintf(text, size, "participant %s has left", note->participant);
        return WEFT_LOG_INFO;
    }
    (void)snprintf(text, size, "participant %s died: %s", note->participant,
                   weft_cause_text(note->cause, cause, sizeof cause));
    return WEFT_LOG_WARNING;
}

/* The note as a sentence, and its level. */
static weft_log_level note_text(const struct core_note *note, char *text, size_t size)
{
#define SAY(level, ...) return ((void)snprintf(text, size, __VA_ARGS__), WEFT_LOG_##level)
    const char *channel = note->channel;
    unsigned long long count = note->count;
    switch (note->kind) {
    case WEFT_NODE_CHANNEL_DECLARED: SAY(INFO, "channel %s was declared", channel);
    case WEFT_NODE_CHANNEL_DELETED: SAY(INFO, "channel %s was deleted", channel);
    case WEFT_NODE_PAUSED: SAY(INFO, "channel %s is paused", channel);
    case WEFT_NODE_RESUMED: SAY(INFO, "channel %s is open again", channel);
    case WEFT_NODE_DRAINED: SAY(INFO, "channel %s is drained", channel);
    case WEFT_NODE_REGISTERED:
        SAY(INFO, "worker %s of %s was registered by %s", note->worker, channel, note->participant);
    case WEFT_NODE_UNREGISTERED: SAY(INFO, "worker %s of %s was unregistered", note->worker, channel);
    case WEFT_NODE_WORKER_LOST: return say_lost(note, text, size);
    case WEFT_NODE_DIED: return say_died(note, text, size);
    case WEFT_NODE_DEGRADED: SAY(WARNING, "work waits on %s, and no worker is registered there", channel);
    case WEFT_NODE_RECOVERED: SAY(INFO, "no work waits on %s without a worker any more", channel);
    case WEFT_NODE_FULL: SAY(WARNING, "%s has begun to reject for want of room", channel);
    case WEFT_NODE_LETTER: SAY(WARNING, "a dead letter came to %s", channel);
    case WEFT_NODE_LETTER_DROPPED: SAY(ERROR, "%s dropped its oldest dead letter for want of room", channel);
    case WEFT_NODE_CUT: SAY(WARNING, "a subscriber of %s was cut off for lack of progress", channel);
    case WEFT_NODE_REFUSED: SAY(WARNING, "%s: an event was refused by the node", note->channel); break;
    case WEFT_NODE_WORKER_REFUSED:
        SAY(ERROR, "worker %s of %s has ended: the node that came back refuses it: %s", note->worker, channel,
            weft_error_text((weft_error)count));
    case WEFT_NODE_SUBSCRIBER_REFUSED:
        SAY(ERROR, "a subscription of %s has ended: the node that came back refuses it: %s", channel,
            weft_error_text((weft_error)count));
    case WEFT_NODE_NO_DESCRIPTORS: SAY(ERROR, "no descriptors are left: connections wait");
    case WEFT_NODE_MISSED: SAY(ERROR, "%llu events were missed: the hook was too slow", count);
    }
#undef SAY
    (void)snprintf(text, size, "event %d", (int)note->kind);
    return WEFT_LOG_INFO;
}

void weft__hooks_call(const weft_hooks *hooks, const struct core_note *note)
{
    if (hooks->event) {
        const weft_node_event event = {.kind = note->kind,
                                       .channel = note->channel,
                                       .worker = note->worker,
                                       .participant = note->participant,
                                       .cause = note->cause,
                                       .count = note->count,
                                       .at_ns = note->at_ns};
        hooks->event(&event, hooks->context);
        weft__fork_check();
    }
    if (hooks->log) {
        char sentence[512];
        weft_log_level level = note_text(note, sentence, sizeof sentence);
        hooks->log(level, sentence, hooks->context);
    }
}
