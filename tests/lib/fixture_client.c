#include "lib/fixture_client.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/namemap.h"

/* The fixture calls the core, never its own verbs. */
#undef send
#undef hand
#undef deliver
#undef uplink

enum { HANDED_MAX = 4096, NAME_SIZE = 24, NODE = 7000 };

/* One the node has handed; the index is its token, and half of its id. */
struct known_hand {
    char name[NAME_SIZE + 12];
    weft_dispatch_id local;
};

static struct {
    struct core_dest wire;
    struct known_hand handed[HANDED_MAX];
    uint64_t handed_count;
} c;

__attribute__((format(printf, 1, 2))) static void note(const char *format, ...)
{
    char line[128];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    world_note(line);
}

void world_forget_node(void)
{
    c.handed_count = 0;
    weft__core_dest_init(&c.wire);
}

static struct message *text_of(const char *text, const char *content_type)
{
    struct message *message = weft__message_new(&world.messages.mem, text, strlen(text), content_type);
    check_true_at(world_site(), message != NULL);
    return message;
}

/* --- what goes to the node -------------------------------------------------------------------- */

static void note_outcome(const struct core_outcome *outcome)
{
    static const char *const words[] = {[CORE_RESULT_COMPLETE] = "complete",
                                        [CORE_RESULT_FAIL] = "failed:",
                                        [CORE_RESULT_CANCEL_ACK] = "cancelled",
                                        [CORE_RESULT_ABANDON] = "abandoned:",
                                        [CORE_RESULT_DIED] = "lost:"};
    const char *name = c.handed[outcome->token].name;
    if (outcome->said == CORE_RESULT_GIVEN_BACK) {
        check_true_at(world_site(), !outcome->runs_on && !outcome->message);
        note("%s given back", name);
        return;
    }
    const char *word = words[outcome->said];
    const char *code = outcome->code ? outcome->code : weft__message_content_type(outcome->message);
    note("%s ends %s%s%s", name, word, word[strlen(word) - 1] == ':' ? code : "", outcome->runs_on ? ", runs on" : "");
    check_eq_at(world_site(), outcome->said == CORE_RESULT_COMPLETE, !code);
    weft__message_drop(outcome->message);
}

static void note_update(const struct core_outcome *update)
{
    const char *name = c.handed[update->token].name;
    const char *text = (const char *)update->message->bytes;
    if (update->update == WEFT_UPDATE_PARTIAL)
        note("%s part %" PRIu64 " %s", name, update->number, text);
    else
        note("%s says %s", name, text);
    weft__message_drop(update->message);
}

static bool send_oldest(void)
{
    struct core_taken taken;
    switch (weft__core_next(world.core, world_now_ns(), &c.wire, &taken)) {
    case CORE_ITEM_TASK: note("%s goes out", world_name_of(taken.task->id)); return true;
    case CORE_ITEM_CANCEL: note("%s is called off", world_name_of(taken.task->id)); return true;
    case CORE_ITEM_HEARD: note("%s heard of %u", world_name_of(taken.task->id), taken.count); return true;
    case CORE_ITEM_STARTED: note("%s starts", c.handed[taken.token].name); return true;
    case CORE_ITEM_RELEASED: note("%s returns", c.handed[taken.token].name); return true;
    case CORE_ITEM_OUTCOME: note_outcome(&taken.outcome); return true;
    case CORE_ITEM_UPDATE: note_update(&taken.outcome); return true;
    default: return false;
    }
}

void world_send(int count)
{
    for (int n = 0; (count == 0 || n < count) && send_oldest(); n++)
        ;
    world_after_entry();
}

/* --- calls ------------------------------------------------------------------------------------ */

void world_uplink(const char *session)
{
    weft__core_dest_init(&c.wire);
    weft_error error = weft__core_uplink_open(world.core, world_now_ns(), world_handle_of(session), &c.wire);
    world_after_entry();
    world_result(error);
}

static struct core_task *task_of(const char *name)
{
    struct core_task *task = weft__core_uplink_task(world.core, world_id_of(name).number);
    if (!task) world_broken("the node speaks of what did not go out, or has its answer", name);
    return task;
}

void world_answer(const char *name, weft_outcome outcome, const struct answered *answered)
{
    char result[64];
    struct core_verdict verdict = {.outcome = outcome,
                                   .error = answered->error,
                                   .admission = WEFT_ADMISSION_DEFERRED,
                                   .attempts = answered->attempts ? answered->attempts : 1,
                                   .retry_after_ms = answered->retry_after_ms,
                                   .queued_ns = answered->queued_ns,
                                   .started_ns = answered->started_ns,
                                   .run_ns = answered->run_ns,
                                   .code = answered->code,
                                   .worker = answered->worker};
    snprintf(result, sizeof result, "%s#%u", name, verdict.attempts);
    if (outcome == WEFT_COMPLETED)
        verdict.message = text_of(result, NULL);
    else if (answered->sentence)
        verdict.message = text_of(answered->sentence, answered->code);
    weft_error error = weft__core_verdict(world.core, world_now_ns(), task_of(name), &verdict);
    if (error) weft__message_drop(verdict.message);
    world_after_entry();
    world_result(error);
}

void world_lose_node(int unused)
{
    (void)unused;
    uint32_t most = UINT32_MAX;
    while (weft__core_uplink_lost(world.core, world_now_ns(), &most))
        world_after_entry();
    world_after_entry();
}

void world_node_away(bool away)
{
    weft__core_uplink_away(world.core, away);
    world_after_entry();
}

bool world_is_out(const char *name)
{
    return weft__core_uplink_task(world.core, world_id_of(name).number) != NULL;
}

void world_update_came(const char *name, weft_update_kind kind, uint32_t attempt, uint64_t number, const char *text)
{
    const struct core_said said = {
        .kind = kind, .attempt = attempt, .number = number, .message = text ? text_of(text, NULL) : NULL};
    weft_error error = weft__core_update(world.core, world_now_ns(), task_of(name), &said);
    if (error) weft__message_drop(said.message);
    world_after_entry();
    world_result(error);
}

/* --- tasks ------------------------------------------------------------------------------------ */

void world_mirror(const char *name)
{
    weft_error error = weft__core_mirror(world.core, name, weft__name_hash(name));
    if (!error) world_on(name);
    world_after_entry();
    world_result(error);
}

void world_hand(const char *name, const char *to, const struct handed *handed)
{
    if (c.handed_count == HANDED_MAX) world_broken("the fixture has no room for another", name);
    struct known_hand *known = &c.handed[c.handed_count];
    uint32_t attempt = handed->attempt ? handed->attempt : 1;
    const struct core_hand said = {.worker = world_handle_of_worker(to),
                                   .id = {NODE, c.handed_count + 1},
                                   .attempt = attempt,
                                   .deadline_ns = handed->deadline_ms ? handed->deadline_ms * NS_PER_MS : CORE_NEVER,
                                   .timed = handed->timed,
                                   .streams = handed->window > 0,
                                   .window = handed->window,
                                   .room = handed->window - handed->taken,
                                   .activity_type = handed->type,
                                   .activity_type_hash = handed->type ? weft__name_hash(handed->type) : 0,
                                   .payload = text_of(name, NULL),
                                   .dest = &c.wire,
                                   .token = c.handed_count};
    snprintf(known->name, sizeof known->name, "%s#%u", name, attempt);
    weft_error error = weft__core_hand(world.core, world_now_ns(), &said, &known->local);
    if (error) {
        weft__message_drop(said.payload);
    } else {
        world_know(name, said.id);
        c.handed_count++;
    }
    world_after_entry();
    world_result(error);
}

static weft_dispatch_id local_of(const char *name)
{
    for (uint64_t i = c.handed_count; i-- > 0;)
        if (strcmp(c.handed[i].name, name) == 0) return c.handed[i].local;
    world_broken("no task of that name was handed", name);
    return (weft_dispatch_id){0};
}

void world_call_off(const char *name)
{
    weft_error error = weft__core_cancel(world.core, world_now_ns(), local_of(name));
    world_after_entry();
    world_result(error);
}

void world_make_room(const char *name, uint32_t count)
{
    weft__core_room(world.core, world_now_ns(), local_of(name), count);
    world_after_entry();
}

void world_close_wire(int unused)
{
    (void)unused;
    while (weft__core_dest_abandon(world.core, world_now_ns(), &c.wire))
        world_after_entry();
    world_after_entry();
}

/* --- events ----------------------------------------------------------------------------------- */

void world_event_came(const char *name, const char *to, uint32_t dropped)
{
    struct message *message = weft__event_new(&world.messages.mem, "event.media.done", name, strlen(name), NULL);
    check_true_at(world_site(), message != NULL);
    weft__event_stamp(message, 1, NODE, 2 * NS_PER_S);
    weft_error error = weft__core_deliver(world.core, world_now_ns(), world_subscription_handle(to), message, dropped);
    if (error) weft__message_drop(message);
    world_after_entry();
    world_result(error);
}
