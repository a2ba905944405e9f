/* tells.h: what both ends put into lines. */
#ifndef WEFT_REMOTE_TELLS_H
#define WEFT_REMOTE_TELLS_H

#include "frame/line.h"

enum { ALONG_MAX = 1024 }; /* what goes along with the payload of an update, or of an event, takes less than that */

/* How a call ends whose result no frame takes. */
#define TOO_LARGE_CODE "payload_too_large"
#define TOO_LARGE_SENTENCE "the result is larger than a frame of this node may be"

/* The largest payload of which an update, or an event, is surely a frame. */
static inline uint32_t weft__said_max(uint32_t frame_bytes_max)
{
    return frame_bytes_max - ALONG_MAX;
}

static inline weft_bytes weft__payload_of(const struct message *message)
{
    return message ? (weft_bytes){message->bytes, message->size_bytes} : (weft_bytes){NULL, 0};
}

/* A frame that says no more than which task it is about. */
static inline weft_error weft__put_number(struct line *line, enum frame_kind kind, uint64_t task)
{
    const struct frame frame = {.kind = kind, .of_task = {.task = task}};
    return weft__line_put(line, task, &frame, NULL);
}

#endif
