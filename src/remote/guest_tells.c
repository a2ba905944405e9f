/* guest_tells.c: what the core has for a guest, as frames. Each item's lane keeps it in order with what it belongs to. */
#include <stdio.h>

#include "base/clock.h"
#include "exec/node.h"
#include "remote/station.h"
#include "remote/tells.h"

static const unsigned char *schema_id(const struct message *message)
{
    const struct named_schema *schema = weft__message_schema(message);
    return schema ? schema->id : NULL;
}

static uint32_t remaining_ms(uint64_t deadline_ns, uint64_t now_ns)
{
    if (deadline_ns == CORE_NEVER) return WEFT_FOREVER;
    uint64_t ms = deadline_ns > now_ns ? (deadline_ns - now_ns) / NS_PER_MS : 0;
    return ms < WEFT_FOREVER - 1 ? (uint32_t)ms : WEFT_FOREVER - 1;
}

void weft__guest_taken(struct session *session, struct haul *haul, size_t index)
{
    const struct core_taken *taken = &haul->items[index];
    struct task_told *told = &haul->tasks[index];
    struct guest *guest = list_record(session, struct guest, session);
    if (taken->kind == CORE_ITEM_WORKER) { /* its number may be another one's by now */
        uint64_t number = (uintptr_t)taken->worker_context;
        bool known = weft__numbers_find(&guest->workers, number) == taken->worker;
        told->handle = known ? weft__numbers_remove(&guest->workers, number) : 0;
        weft__core_worker_forget(guest->station->node->core, taken->worker);
    }
    const struct core_task *task = taken->task;
    if (!task) return;
    told->handle = weft__core_task_handle(task);
    told->too_large = false;
    if (taken->kind != CORE_ITEM_TASK) return;
    const char *type = weft__core_task_type(task);
    told->worker = (uintptr_t)task->worker_context;
    told->id = task->id;
    told->deadline_ns = task->deadline_ns;
    told->payload = weft__message_hold(task->payload);
    told->attempt = task->attempt;
    told->timed = task->timed;
    told->streams = task->streams;
    told->window = (uint16_t)taken->window;
    told->room = (uint16_t)taken->room;
    (void)snprintf(told->activity_type, sizeof told->activity_type, "%s", type ? type : "");
}

static weft_error put_task(struct line *line, const struct task_told *task, uint64_t now_ns)
{
    const struct frame frame = {.kind = FRAME_TASK,
                                .task = {.task = task->handle,
                                         .worker = task->worker,
                                         .id = task->id,
                                         .attempt = task->attempt,
                                         .remaining_ms = remaining_ms(task->deadline_ns, now_ns),
                                         .timed = task->timed,
                                         .streams = task->streams,
                                         .window = task->window,
                                         .room = task->room,
                                         .schema_id = schema_id(task->payload),
                                         .activity_type = task->activity_type[0] ? task->activity_type : NULL,
                                         .content_type = weft__message_content_type(task->payload),
                                         .payload = weft__payload_of(task->payload)}};
    return weft__line_put(line, task->handle, &frame, task->payload);
}

static weft_error put_room(struct line *line, uint64_t task, uint32_t count)
{
    const struct frame frame = {.kind = FRAME_TASK_ROOM, .room = {.number = task, .count = count}};
    return weft__line_put(line, task, &frame, NULL);
}

/* Of a worker or a subscription, by the client's number, that has ended here and not by its own word. */
static weft_error put_ended(struct line *line, enum frame_kind kind, uint64_t number, weft_error why)
{
    struct frame frame = {.kind = kind};
    if (kind == FRAME_WORKER_ENDED)
        frame.worker = (struct frame_worker){.ask = (uint32_t)why, .worker = number};
    else
        frame.of_subscription = (struct frame_of_subscription){.ask = (uint32_t)why, .subscription = number};
    return weft__line_put(line, number, &frame, NULL);
}

static weft_error put_outcome(struct line *line, const struct core_outcome *outcome)
{
    const struct message *message = outcome->message;
    const char *said = message ? weft__message_content_type(message) : NULL;
    bool completed = outcome->outcome == WEFT_COMPLETED;
    const struct frame frame = {.kind = FRAME_OUTCOME,
                                .outcome = {.call = outcome->token,
                                            .outcome = (uint8_t)outcome->outcome,
                                            .admission = (uint8_t)outcome->admission,
                                            .attempts = (uint8_t)outcome->attempts,
                                            .queued_ns = outcome->queued_ns,
                                            .started_ns = outcome->started_ns,
                                            .run_ns = outcome->run_ns,
                                            .code = completed || outcome->code ? outcome->code : said,
                                            .worker = outcome->worker[0] ? outcome->worker : NULL,
                                            .content_type = completed ? said : NULL,
                                            .payload = weft__payload_of(message)}};
    weft_error error = weft__line_put(line, outcome->token, &frame, outcome->message);
    if (error != WEFT_ELIMIT) return error;
    struct frame failed = frame;
    failed.outcome.outcome = WEFT_FAILED;
    failed.outcome.code = TOO_LARGE_CODE;
    failed.outcome.content_type = NULL;
    failed.outcome.payload = WEFT_TEXT(TOO_LARGE_SENTENCE);
    return weft__line_put(line, outcome->token, &failed, NULL);
}

static weft_error put_update(struct line *line, const struct core_outcome *update)
{
    const struct frame frame = {.kind = FRAME_UPDATE,
                                .update = {.call = update->token,
                                           .kind = (uint8_t)update->update,
                                           .attempt = update->attempts,
                                           .number = update->number,
                                           .payload = weft__payload_of(update->message)}};
    return weft__line_put(line, update->token, &frame, update->message);
}

static weft_error put_event(struct line *line, uint64_t subscription, const struct inbox_entry *entry)
{
    const struct core_event *event = weft__event_of(entry->message);
    const struct frame frame = {.kind = FRAME_EVENT,
                                .event = {.subscription = subscription,
                                          .number = event->number,
                                          .publisher = event->publisher,
                                          .published_wall_ns = event->published_wall_ns,
                                          .dropped = entry->dropped,
                                          .schema_id = schema_id(entry->message),
                                          .channel = event->channel,
                                          .content_type = weft__message_content_type(entry->message),
                                          .payload = weft__payload_of(entry->message)}};
    return weft__line_put(line, subscription, &frame, entry->message);
}

weft_error weft__guest_put(struct session *session, struct haul *haul)
{
    struct line *line = session->line;
    uint64_t now_ns = weft__clock_ns();
    weft_error error = WEFT_OK;
    for (size_t i = 0; i < haul->count && !error; i++) {
        const struct core_taken *taken = &haul->items[i];
        switch (taken->kind) {
        case CORE_ITEM_TASK: error = put_task(line, &haul->tasks[i], now_ns); break;
        case CORE_ITEM_ROOM: error = put_room(line, haul->tasks[i].handle, taken->room); break;
        case CORE_ITEM_WORKER:
            if (haul->tasks[i].handle)
                error = put_ended(line, FRAME_WORKER_ENDED, (uintptr_t)taken->worker_context, WEFT_ECLOSED);
            break;
        case CORE_ITEM_CANCEL: error = weft__put_number(line, FRAME_TASK_CANCEL, haul->tasks[i].handle); break;
        case CORE_ITEM_OUTCOME: error = put_outcome(line, &taken->outcome); break;
        case CORE_ITEM_UPDATE: error = put_update(line, &taken->outcome); break;
        case CORE_ITEM_EVENTS:
            for (size_t e = 0; e < haul->events_count && !error; e++)
                error = put_event(line, (uintptr_t)taken->subscription_context, &haul->events[e]);
            if (haul->events_ended && !error)
                error = put_ended(line, FRAME_SUBSCRIPTION_ENDED, (uintptr_t)taken->subscription_context,
                                  haul->events_ended);
            break;
        default: break;
        }
        bool missed = taken->kind == CORE_ITEM_UPDATE && taken->outcome.update == WEFT_UPDATE_PARTIAL;
        if (error != WEFT_ELIMIT || missed) continue; /* the parts of a result are whole, or there is no session */
        haul->tasks[i].too_large = taken->kind == CORE_ITEM_TASK;
        error = WEFT_OK;
    }
    return error;
}

/* A task that no frame holds: no worker over there will ever get it. */
static void fail(struct guest *guest, uint64_t handle)
{
    static const char sentence[] = "the payload is larger than a frame of this node may be";
    weft_node *node = guest->session.remote->node;
    struct message *message = weft__message_new(&node->mem, sentence, sizeof sentence - 1, "payload_too_large");
    uint64_t now_ns = weft__enter(node);
    struct core_result result = {.task = weft__core_task_find(node->core, guest->core_session, handle),
                                 .kind = message ? CORE_RESULT_FAIL : CORE_RESULT_ABANDON,
                                 .message = message,
                                 .returned = true};
    if (result.task) weft__core_results(node->core, now_ns, &result, 1);
    weft__leave_inside(node);
    if (!result.task) weft__message_drop(message);
}

void weft__guest_spent(struct session *session, struct haul *haul)
{
    struct guest *guest = list_record(session, struct guest, session);
    for (size_t i = 0; i < haul->count; i++) {
        enum core_item_kind kind = haul->items[i].kind;
        if (kind == CORE_ITEM_TASK && haul->tasks[i].too_large) fail(guest, haul->tasks[i].handle);
        if (kind == CORE_ITEM_TASK) weft__message_drop(haul->tasks[i].payload);
        if (kind == CORE_ITEM_OUTCOME || kind == CORE_ITEM_UPDATE) weft__message_drop(haul->items[i].outcome.message);
    }
    for (size_t e = 0; e < haul->events_count; e++)
        weft__message_drop(haul->events[e].message);
}
