#include "exec/frame.h"

#include <string.h>

#include "base/assert.h"
#include "exec/worker.h"

_Thread_local struct frame *weft__frame;

void weft__frame_push(struct frame *frame)
{
    frame->outer = weft__frame;
    weft__frame = frame;
}

void weft__frame_pop(struct frame *frame)
{
    WEFT_ASSERT(weft__frame == frame);
    weft__frame = frame->outer;
}

struct frame *weft__frame_find(const weft_node *node, enum frame_kind kind)
{
    struct frame *frame = weft__frame;
    while (frame && (frame->node != node || frame->kind != kind))
        frame = frame->outer;
    return frame;
}

bool weft__frame_in_node(const weft_node *node)
{
    const struct frame *frame = weft__frame;
    while (frame && frame->node != node)
        frame = frame->outer;
    return frame != NULL;
}

static bool in_handler(const struct frame *frame)
{
    return frame->kind == FRAME_HANDLER || frame->kind == FRAME_INLINE;
}

bool weft__frame_in_worker(const weft_worker *worker)
{
    const struct frame *frame = weft__frame;
    while (frame && !(in_handler(frame) && frame->worker == worker))
        frame = frame->outer;
    return frame != NULL;
}

bool weft__frame_in_subscription(const weft_subscription *subscription)
{
    const struct frame *frame = weft__frame;
    while (frame && !(frame->kind == FRAME_HEARD && frame->subscription == subscription))
        frame = frame->outer;
    return frame != NULL;
}

bool weft__frame_in_channel(const weft_node *node, const char *channel)
{
    const struct frame *frame = weft__frame;
    while (frame && !(frame->node == node && in_handler(frame) && strcmp(frame->worker->channel, channel) == 0))
        frame = frame->outer;
    return frame != NULL;
}

struct frame *weft__frame_of_cancel(const struct core_task *task)
{
    struct frame *frame = weft__frame;
    while (frame && !(frame->kind == FRAME_CANCEL && frame->task == task))
        frame = frame->outer;
    return frame;
}

bool weft__frame_in_completions(const weft_completions *completions)
{
    const struct frame *frame = weft__frame;
    while (frame && !(frame->kind == FRAME_UPDATED && frame->completions == completions))
        frame = frame->outer;
    return frame != NULL;
}
