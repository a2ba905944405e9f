/* guest_check.c: what a peer asks for is looked at as closely as what a caller of this process does: names, numbers, and what
 * does not go together. The layout of frames is the reader's (frame.h); what the core is sure of must be so before it. */
#include <stdio.h>
#include <string.h>

#include "remote/guest.h"

static const char *check_content_type(const char *text)
{
    return weft__content_type_valid(text) ? NULL : "content_type is not 1 to 127 of printable ASCII";
}

static const char *check_channel(const char *name)
{
    return weft__channel_name_valid(name) ? NULL : "channel: no name of a channel: kind.namespace.name";
}

static const char *check_dispatch(const struct frame_dispatch *f)
{
    if (!f->call) return "call is 0";
    if (f->activity_type && !weft__word_valid(f->activity_type, ".:/"))
        return "activity_type is not 1 to 64 of [A-Za-z0-9_.:/-]";
    if (f->attempts_max > CORE_ATTEMPTS_MAX) return "attempts_max is over 16";
    if (f->streams && (f->window < 1 || f->window > WEFT_WINDOW_MAX)) return "window is outside 1 to 256";
    if (f->streams && f->key) return "what has a key may be asked for by many: it does not stream";
    return check_content_type(f->content_type);
}

static const char *check_register(const struct frame_register *f)
{
    if (!f->worker) return "worker is 0";
    if (f->name && !weft__word_valid(f->name, ".")) return "name is not 1 to 64 of [A-Za-z0-9_.-]";
    if (f->max_concurrent < 1 || f->max_concurrent > WEFT_CONCURRENT_MAX) return "max_concurrent is outside 1 to 65536";
    for (uint32_t i = 0; i < f->activity_types_count; i++)
        if (!weft__word_valid(f->activity_types[i], ".:/"))
            return "an activity type is not 1 to 64 of [A-Za-z0-9_.:/-]";
    return check_channel(f->channel);
}

static const char *check_subscribe(const struct frame_subscribe *f)
{
    bool several = strchr(f->pattern, '*') != NULL;
    size_t kind_bytes = strcspn(f->pattern, ".");
    if (!f->subscription) return "subscription is 0";
    if (several ? !weft__pattern_valid(f->pattern) : !weft__channel_name_valid(f->pattern))
        return "pattern: neither a channel's name nor a pattern of some";
    if (!memchr(f->pattern, '*', kind_bytes) && strncmp(f->pattern, "event.", 6) != 0)
        return "pattern: only event channels are subscribed to";
    if (f->items_max < 1 || f->items_max > WEFT_INBOX_MAX) return "items_max is outside 1 to 65536";
    if (!f->bytes_max) return "bytes_max is 0: no event would fit";
    return !f->stall_ms && f->slow == WEFT_DISCONNECT ? "stall_ms is 0" : NULL;
}

const char *weft__guest_check(const struct frame *frame)
{
    const char *wrong = NULL;
    switch (frame->kind) {
    case FRAME_DISPATCH: return check_dispatch(&frame->dispatch);
    case FRAME_REGISTER: return check_register(&frame->reg);
    case FRAME_SUBSCRIBE: return check_subscribe(&frame->subscribe);
    case FRAME_PUBLISH:
        wrong = check_channel(frame->publish.channel);
        return wrong ? wrong : check_content_type(frame->publish.content_type);
    case FRAME_RESULT:
        if (frame->result.kind == CORE_RESULT_FAIL && frame->result.code && !weft__word_valid(frame->result.code, "."))
            return "code is not 1 to 64 of [A-Za-z0-9_.-]";
        if (frame->result.kind == CORE_RESULT_MISMATCH) return "what is no match is the node's to say";
        return check_content_type(frame->result.content_type);
    default: return NULL;
    }
}
