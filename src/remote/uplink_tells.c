/* uplink_tells.c: what a client's core has for its node, as frames: calls and what becomes of them; what the workers of this
 * process say of tasks. Each item's lane keeps it in order with what it belongs to.
 *
 * A call travels through the core as a message that holds the payload and, at its end, the rest of the frame: so it is copied
 * once where it is made, and once into the line. */
#include <string.h>

#include "base/assert.h"
#include "base/clock.h"
#include "exec/node.h"
#include "remote/tells.h"
#include "remote/uplink.h"

/* At the end of a call's message; the texts stand in front of it. */
struct call {
    struct frame_dispatch frame;
};

static size_t text_bytes(const char *text)
{
    return text ? strlen(text) + 1 : 0;
}

static const char *copy_text(char **to, const char *text)
{
    if (!text) return NULL;
    size_t bytes = text_bytes(text);
    char *copy = memcpy(*to, text, bytes);
    *to += bytes;
    return copy;
}

struct message *weft__call_new(const struct mem *mem, const struct frame_dispatch *call)
{
    size_t bytes = text_bytes(call->channel) + text_bytes(call->activity_type) + text_bytes(call->key);
    size_t extra_bytes = ((bytes + 7) & ~(size_t)7) + sizeof(struct call);
    struct message *message =
        weft__message_new_with_extra(mem, call->payload.data, call->payload.size, call->content_type, extra_bytes);
    if (!message) return NULL;
    char *texts = weft__message_extra(message, extra_bytes);
    struct call *own = weft__message_extra(message, sizeof(struct call));
    own->frame = *call;
    own->frame.channel = copy_text(&texts, call->channel);
    own->frame.activity_type = copy_text(&texts, call->activity_type);
    own->frame.key = copy_text(&texts, call->key);
    own->frame.content_type = weft__message_content_type(message);
    own->frame.payload = (weft_bytes){message->bytes, message->size_bytes};
    return message;
}

/* --- inside ----------------------------------------------------------------------------------- */

/* The node's number for what was handed under that serial; 0: it is of a session that is lost. over: there is no more of it. */
static uint64_t node_task(struct uplink *uplink, uint64_t serial, bool over)
{
    uint64_t task = weft__numbers_find(&uplink->hands, serial);
    if (task && over) {
        (void)weft__numbers_remove(&uplink->hands, serial);
        (void)weft__numbers_remove(&uplink->tasks, task);
    }
    return task;
}

void weft__uplink_taken(struct session *session, struct haul *haul, size_t index)
{
    struct uplink *uplink = list_record(session, struct uplink, session);
    const struct core_taken *taken = &haul->items[index];
    struct task_told *told = &haul->tasks[index];
    told->payload = NULL;
    told->gone = told->too_large = false;
    haul->era = uplink->era;
    uplink->out += taken->kind == CORE_ITEM_TASK;
    switch (taken->kind) {
    case CORE_ITEM_TASK: told->payload = weft__message_hold(taken->task->payload); /* fall through */
    case CORE_ITEM_CANCEL: told->gone = !taken->task->dispatch;                    /* fall through */
    case CORE_ITEM_HEARD: told->handle = taken->task->id.number; break;
    case CORE_ITEM_OUTCOME: told->handle = node_task(uplink, taken->outcome.token, !taken->outcome.runs_on); break;
    case CORE_ITEM_RELEASED: told->handle = node_task(uplink, taken->token, true); break;
    case CORE_ITEM_STARTED: told->handle = node_task(uplink, taken->token, false); break;
    case CORE_ITEM_UPDATE: told->handle = node_task(uplink, taken->outcome.token, false); break;
    default: break;
    }
}

/* --- under the session's lock ----------------------------------------------------------------- */

static weft_error put_call(struct line *line, const struct task_told *told)
{
    const struct call *call = weft__message_extra(told->payload, sizeof(struct call));
    struct frame frame = {.kind = FRAME_DISPATCH, .dispatch = call->frame};
    frame.dispatch.call = told->handle;
    return weft__line_put(line, told->handle, &frame, told->payload);
}

/* In the place of what is more than the node takes: its worker's failure. */
static weft_error put_too_large(struct line *line, uint64_t task, bool runs_on)
{
    const struct frame frame = {.kind = FRAME_RESULT,
                                .result = {.task = task,
                                           .kind = FRAME_RESULT_FAIL,
                                           .runs_on = runs_on,
                                           .code = "payload_too_large",
                                           .payload = weft_text("more than the node takes in one frame")}};
    return weft__line_put(line, task, &frame, NULL);
}

/* What a task has come to; never begun: it is given back. */
static weft_error put_result(struct line *line, uint64_t task, const struct core_outcome *outcome)
{
    const char *said = outcome->message ? weft__message_content_type(outcome->message) : NULL;
    bool completed = outcome->said == CORE_RESULT_COMPLETE;
    if (outcome->said == CORE_RESULT_GIVEN_BACK) return weft__put_number(line, FRAME_GIVE_BACK, task);
    const struct frame frame = {.kind = FRAME_RESULT,
                                .result = {.task = task,
                                           .kind = (uint8_t)outcome->said,
                                           .runs_on = outcome->runs_on,
                                           .run_ns = outcome->run_ns,
                                           .code = completed       ? NULL
                                                   : outcome->code ? outcome->code
                                                                   : said,
                                           .content_type = completed ? said : NULL,
                                           .payload = weft__payload_of(outcome->message)}};
    weft_error error = weft__line_put(line, task, &frame, outcome->message);
    if (error != WEFT_ELIMIT) return error;
    const struct frame failed = {.kind = FRAME_RESULT,
                                 .result = {.task = task,
                                            .kind = FRAME_RESULT_FAIL,
                                            .runs_on = outcome->runs_on,
                                            .run_ns = outcome->run_ns,
                                            .code = "payload_too_large",
                                            .payload = WEFT_TEXT("the result is larger than a frame may be")}};
    return weft__line_put(line, task, &failed, NULL);
}

static weft_error put_said(struct line *line, uint64_t task, const struct core_outcome *update)
{
    if (update->update == WEFT_UPDATE_RESTARTED) return WEFT_OK; /* the node knows which attempt it is */
    const struct frame frame = {.kind = update->update == WEFT_UPDATE_PROGRESS ? FRAME_PROGRESS : FRAME_PARTIAL,
                                .said = {.task = task, .payload = weft__payload_of(update->message)}};
    weft_error error = weft__line_put(line, task, &frame, update->message);
    return error == WEFT_ELIMIT ? put_too_large(line, task, true) : error;
}

weft_error weft__uplink_put(struct session *session, struct haul *haul)
{
    const struct uplink *uplink = list_record(session, struct uplink, session);
    struct line *line = session->line;
    weft_error error = WEFT_OK;
    if (haul->era != uplink->era) return WEFT_OK;
    for (size_t i = 0; i < haul->count && !error; i++) {
        const struct core_taken *taken = &haul->items[i];
        struct task_told *told = &haul->tasks[i];
        const struct frame room = {.kind = FRAME_ROOM, .room = {told->handle, taken->count}};
        const struct frame cancel = {.kind = FRAME_CANCEL, .call = {.call = told->handle, .gone = told->gone}};
        if (!told->handle) continue;
        switch (taken->kind) {
        case CORE_ITEM_TASK: error = put_call(line, told); break;
        case CORE_ITEM_CANCEL: error = weft__line_put(line, told->handle, &cancel, NULL); break;
        case CORE_ITEM_HEARD: error = weft__line_put(line, told->handle, &room, NULL); break;
        case CORE_ITEM_OUTCOME: error = put_result(line, told->handle, &taken->outcome); break;
        case CORE_ITEM_RELEASED: error = weft__put_number(line, FRAME_RELEASED, told->handle); break;
        case CORE_ITEM_STARTED: error = weft__put_number(line, FRAME_STARTED, told->handle); break;
        case CORE_ITEM_UPDATE: error = put_said(line, told->handle, &taken->outcome); break;
        default: break;
        }
        if (error != WEFT_ELIMIT) continue;
        told->too_large = taken->kind == CORE_ITEM_TASK;
        error = WEFT_OK;
    }
    return error;
}

/* A call that no frame holds. */
static void reject(struct uplink *uplink, uint64_t number)
{
    const struct core_verdict verdict = {
        .outcome = WEFT_REJECTED, .admission = WEFT_ADMISSION_REJECTED, .code = "payload_too_large"};
    weft_node *node = uplink->node;
    uint64_t now_ns = weft__enter(node);
    struct core_task *task = weft__core_uplink_task(node->core, number);
    if (task && weft__core_verdict(node->core, now_ns, task, &verdict) != WEFT_ENOMEM) uplink->out--;
    weft__leave_inside(node);
}

void weft__uplink_spent(struct session *session, struct haul *haul)
{
    struct uplink *uplink = list_record(session, struct uplink, session);
    for (size_t i = 0; i < haul->count; i++) {
        enum core_item_kind kind = haul->items[i].kind;
        if (haul->tasks[i].too_large) reject(uplink, haul->tasks[i].handle);
        weft__message_drop(haul->tasks[i].payload);
        if (kind == CORE_ITEM_OUTCOME || kind == CORE_ITEM_UPDATE) weft__message_drop(haul->items[i].outcome.message);
    }
}
