/* guest_hears.c: what a guest has sent, into the core.
 *
 * The frames of one read enter in their order, in as few holds of the core's lock as there may be: messages are made and
 * payloads held against the schemas that they probably have to meet before it (prepare), and what is to be answered is put
 * after it (answer). A payload that must be looked at once more lets go of the lock in between. */
#include <stdio.h>
#include <string.h>

#include "api/request.h"
#include "base/clock.h"
#include "exec/node.h"
#include "remote/guest.h"
#include "remote/serve.h"
#include "remote/session_inside.h"
#include "remote/station.h"
#include "remote/tells.h"

enum { BATCH = 64 };

/* One frame on its way. */
struct step {
    const struct frame *frame;
    struct message *message; /* its payload; NULL: taken, or it has none */
    const char *wrong;       /* with a result, which is its worker's failure then; NULL = nothing */
    weft_error error;        /* what comes of it, where somebody wants to know */
    uint32_t value;          /* of the answer */
    struct core_admitted admitted;
    char sentence[ERROR_TEXT_MAX];
};

struct steps {
    struct guest *guest;
    weft_node *node;
    uint64_t now_ns;
    struct step *step;
};

/* --- before the lock -------------------------------------------------------------------------- */

static struct message *copied(const weft_node *node, weft_bytes payload, const char *content_type)
{
    return weft__message_new(&node->mem, payload.data, payload.size, content_type);
}

/* False: it is not let in, and whoever waits for an answer is told why. A result that cannot be is its worker's failure. */
static bool check(struct step *step)
{
    const char *wrong = weft__guest_check(step->frame);
    if (!wrong || step->frame->kind == FRAME_RESULT) return true;
    step->error = WEFT_EINVAL;
    (void)snprintf(step->sentence, sizeof step->sentence, "%s: %s", weft__frame_name(step->frame->kind), wrong);
    return false;
}

/* False: no memory. */
static bool prepare(weft_node *node, struct step *step)
{
    const struct frame *f = step->frame;
    switch (f->kind) {
    case FRAME_DISPATCH:
        step->message = copied(node, f->dispatch.payload, f->dispatch.content_type);
        if (step->message) weft__contract_guess(node, step->message, weft__name_hash(f->dispatch.channel));
        break;
    case FRAME_PUBLISH:
        step->message = weft__event_new(&node->mem, f->publish.channel, f->publish.payload.data,
                                        f->publish.payload.size, f->publish.content_type);
        if (step->message) weft__contract_guess(node, step->message, weft__name_hash(f->publish.channel));
        break;
    case FRAME_PROGRESS:
    case FRAME_PARTIAL: step->message = copied(node, f->said.payload, NULL); break;
    case FRAME_RESULT:
        step->wrong = weft__guest_check(f);
        if (step->wrong)
            step->message = copied(node, weft_text(step->wrong), "protocol");
        else if (f->result.kind == CORE_RESULT_COMPLETE)
            step->message = copied(node, f->result.payload, f->result.content_type);
        else if (f->result.kind == CORE_RESULT_FAIL)
            step->message = copied(node, f->result.payload, f->result.code ? f->result.code : "failed");
        else
            return true;
        break;
    default: return true;
    }
    return step->message != NULL;
}

/* --- inside ----------------------------------------------------------------------------------- */

/* Marks a dispatch whose caller wants to be told of how it goes; nobody calls it. */
static void told_by_frames(const weft_update *update, void *context)
{
    (void)update;
    (void)context;
}

static void dispatch(struct steps *s)
{
    struct step *step = s->step;
    const struct frame_dispatch *f = &step->frame->dispatch;
    struct mismatch mismatch = {.counted = true, .inside = true};
    struct core_request request = {
        .channel = f->channel,
        .channel_hash = weft__name_hash(f->channel),
        .activity_type = f->activity_type,
        .activity_type_hash = f->activity_type ? weft__name_hash(f->activity_type) : 0,
        .payload = step->message,
        .sticky_hash = f->sticky_hash,
        .session = s->guest->core_session,
        .id = {s->guest->public_session, f->call},
        .dest = &s->guest->session.dest,
        .token = f->call,
        .schedule_to_start_ms = f->schedule_to_start_ms,
        .start_to_close_ms = f->start_to_close_ms,
        .schedule_to_close_ms = f->schedule_to_close_ms,
        .heartbeat_ms = f->heartbeat_ms,
        .attempts_max = f->attempts_max,
        .priority = f->priority,
        .on_crash = f->on_crash,
        .no_worker = f->no_worker,
        .detached = f->detached,
        .updated = f->streams ? told_by_frames : NULL,
        .window = f->window,
        .credit = f->streams,
        .said_bytes_max = weft__said_max(s->guest->station->options.frame_bytes_max),
        .key = f->key,
    };
    if (f->key) weft__request_digest(&request);
    step->error = weft__request_dispatch(s->node, &request, &step->admitted, &mismatch, &s->now_ns);
    if (!step->error)
        step->message = NULL;
    else
        (void)snprintf(step->sentence, sizeof step->sentence, "%s", mismatch.sentence);
}

static void publish(struct steps *s)
{
    struct step *step = s->step;
    const struct frame_publish *f = &step->frame->publish;
    struct contract *wanted = NULL;
    struct core_publication publication = {.channel = f->channel,
                                           .channel_hash = weft__name_hash(f->channel),
                                           .message = step->message,
                                           .session = s->guest->core_session,
                                           .publisher = s->guest->public_session,
                                           .wall_ns = weft__clock_wall_ns(),
                                           .wanted = &wanted};
    struct mismatch mismatch;
    while ((step->error = weft__core_publish(s->node->core, s->now_ns, &publication, &step->value, step->sentence)) ==
           WEFT_ESTALE) {
        weft__leave_inside(s->node);
        weft_error error = weft__contract_meet(s->node, step->message, publication.channel_hash, wanted, &mismatch);
        s->now_ns = weft__enter(s->node);
        if (!error) continue;
        step->error = error;
        if (error != WEFT_EMISMATCH) break;
        weft__core_publish_refuse(s->node->core, f->channel, publication.channel_hash);
        (void)snprintf(step->sentence, sizeof step->sentence, "%.140s: %.360s", f->channel, mismatch.sentence);
        break;
    }
    if (!step->error) step->message = NULL;
}

static void subscribe(struct steps *s)
{
    struct step *step = s->step;
    const struct frame_subscribe *f = &step->frame->subscribe;
    struct guest *guest = s->guest;
    uint64_t handle;
    const struct core_subscription_spec spec = {.pattern = f->pattern,
                                                .hash = weft__name_hash(f->pattern),
                                                .session = guest->core_session,
                                                .slow = (weft_slow)f->slow,
                                                .items_max = f->items_max,
                                                .bytes_max = f->bytes_max,
                                                .stall_ms = f->stall_ms,
                                                .event_bytes_max =
                                                    weft__said_max(guest->station->options.frame_bytes_max),
                                                .dest = &guest->session.dest,
                                                .tells = true,
                                                .context = (void *)(uintptr_t)f->subscription};
    if (weft__numbers_find(&guest->subscriptions, f->subscription))
        step->error = WEFT_EEXIST;
    else if (!weft__numbers_ready(&guest->subscriptions))
        step->error = WEFT_ENOMEM;
    else
        step->error = weft__core_subscribe(s->node->core, s->now_ns, &spec, &handle, step->sentence);
    if (!step->error) weft__numbers_add(&guest->subscriptions, f->subscription, handle);
}

static void unsubscribe(struct steps *s)
{
    struct inbox inbox = {0};
    uint64_t handle = weft__numbers_remove(&s->guest->subscriptions, s->step->frame->of_subscription.subscription);
    s->step->error = handle ? WEFT_OK : WEFT_ENOTFOUND;
    if (!handle) return;
    weft__core_unsubscribe(s->node->core, s->now_ns, handle);
    weft__core_subscription_forget(s->node->core, handle, &inbox);
    weft__inbox_free(&inbox, &s->node->mem);
}

static void enrol(struct steps *s)
{
    struct step *step = s->step;
    const struct frame_register *f = &step->frame->reg;
    struct guest *guest = s->guest;
    uint64_t handle;
    const struct core_worker_spec spec = {.channel = f->channel,
                                          .channel_hash = weft__name_hash(f->channel),
                                          .name = f->name,
                                          .activity_types = f->activity_types,
                                          .activity_types_count = f->activity_types_count,
                                          .max_concurrent = f->max_concurrent,
                                          .session = guest->core_session,
                                          .dest = &guest->session.dest,
                                          .remote = true,
                                          .schema_ids = f->schema_ids,
                                          .schema_ids_count = f->schema_ids_count,
                                          .context = (void *)(uintptr_t)f->worker};
    if (weft__numbers_find(&guest->workers, f->worker))
        step->error = WEFT_EEXIST;
    else if (!weft__numbers_ready(&guest->workers))
        step->error = WEFT_ENOMEM;
    else
        step->error = weft__core_worker_register(s->node->core, s->now_ns, &spec, &handle, step->sentence);
    if (!step->error) weft__numbers_add(&guest->workers, f->worker, handle);
}

static void unregister(struct steps *s)
{
    const struct frame_worker *f = &s->step->frame->worker;
    uint64_t handle = weft__numbers_remove(&s->guest->workers, f->worker);
    s->step->error = handle ? WEFT_OK : WEFT_ENOTFOUND;
    if (!handle) return;
    if (f->told)
        weft__core_worker_left(s->node->core, s->now_ns, handle);
    else
        weft__core_worker_unregister(s->node->core, s->now_ns, handle); /* its record goes with the item that says so */
}

static void drain(struct steps *s)
{
    uint64_t handle = weft__numbers_find(&s->guest->workers, s->step->frame->worker.worker);
    s->step->error = handle ? WEFT_OK : WEFT_ENOTFOUND;
    if (handle) weft__core_worker_drain(s->node->core, handle);
}

/* A result that breaks its channel's contract is its worker's failure. Lets go of the lock to look. */
static struct core_task *meet_result(struct steps *s, struct core_task *task, enum core_result_kind *kind)
{
    struct step *step = s->step;
    const struct contract *contract = task->payload->contract;
    if (*kind != CORE_RESULT_COMPLETE || !contract || !contract->result) return task;
    struct mismatch mismatch;
    struct message *payload = weft__message_hold(task->payload);
    weft__leave_inside(s->node);
    weft__pumps_relieve();
    weft_bytes result = {step->message->bytes, step->message->size_bytes};
    weft_error error =
        weft__contract_result(s->node, payload, result, weft__message_content_type(step->message), &mismatch);
    if (error) {
        const char *sentence = error == WEFT_EMISMATCH ? mismatch.sentence : "no memory to look at the result";
        struct message *failure =
            weft__message_new(&s->node->mem, sentence, strlen(sentence), "result_schema_mismatch");
        *kind = failure ? CORE_RESULT_MISMATCH : CORE_RESULT_ABANDON;
        weft__message_drop(step->message);
        step->message = failure;
    }
    weft__message_drop(payload);
    s->now_ns = weft__enter(s->node);
    return weft__core_task_find(s->node->core, s->guest->core_session, step->frame->result.task);
}

/* More than a frame to its caller holds, or than its channel takes, whose bound is not known where it was said: its worker's
 * failure. (Our own clients do not say what no frame holds.) */
static void say_too_much(struct steps *s, uint64_t number, const char *sentence)
{
    weft__leave_inside(s->node);
    struct core_result result = {.kind = CORE_RESULT_FAIL};
    result.message = weft__message_new(&s->node->mem, sentence, strlen(sentence), "payload_too_large");
    s->now_ns = weft__enter(s->node);
    if (!result.message) result.kind = CORE_RESULT_ABANDON;
    result.task = weft__core_task_find(s->node->core, s->guest->core_session, number);
    if (result.task)
        weft__core_results(s->node->core, s->now_ns, &result, 1);
    else
        weft__message_drop(result.message);
}

static void say(struct steps *s, struct core_task *task)
{
    struct step *step = s->step;
    const struct frame *f = step->frame;
    struct core *core = s->node->core;
    if (f->said.payload.size > weft__core_payload_max(task)) {
        say_too_much(s, f->said.task, "what the task had to say is over the channel's payload_bytes_max");
        return;
    }
    weft_error error = f->kind == FRAME_PROGRESS
                           ? weft__core_progress(core, s->now_ns, task, step->message)
                           : weft__core_partial(core, s->now_ns, task, step->message, NULL, false);
    if (!error) step->message = NULL;
    if (error == WEFT_ELIMIT) say_too_much(s, f->said.task, "what it tells is larger than a frame of this node may be");
}

/* What a task that the node knows no more has to say is dropped: it was told so, or is about to be. */
static void of_task(struct steps *s)
{
    struct step *step = s->step;
    const struct frame *f = step->frame;
    struct core *core = s->node->core;
    struct core_task *task = weft__core_task_find(core, s->guest->core_session, f->of_task.task);
    if (!task) return;
    struct core_result result = {.task = task};
    switch (f->kind) {
    case FRAME_STARTED: weft__core_started(core, s->now_ns, task); break;
    case FRAME_ALIVE: (void)weft__core_heartbeat(core, s->now_ns, task); break;
    case FRAME_GIVE_BACK:
        if (!task->settled) weft__core_give_back(core, s->now_ns, &task, 1);
        break;
    case FRAME_PROGRESS:
    case FRAME_PARTIAL: say(s, task); break;
    case FRAME_RELEASED:
        result.returned = true;
        weft__core_results(core, s->now_ns, &result, 1);
        break;
    default:
        result.kind = step->wrong ? CORE_RESULT_FAIL : (enum core_result_kind)f->result.kind;
        if (result.kind == CORE_RESULT_SKIPPED && !atomic_load(&task->cancelled)) result.kind = CORE_RESULT_ABANDON;
        result.task = meet_result(s, task, &result.kind);
        if (!result.task) return;
        result.message = step->message;
        result.returned = !f->result.runs_on;
        step->message = NULL;
        weft__core_results(core, s->now_ns, &result, 1);
    }
}

static void enter_step(struct steps *s)
{
    const struct frame *f = s->step->frame;
    struct guest *guest = s->guest;
    const weft_dispatch_id id = {guest->public_session, f->kind == FRAME_ROOM ? f->room.number : f->call.call};
    switch (f->kind) {
    case FRAME_DISPATCH: dispatch(s); break;
    case FRAME_CANCEL:
        if (f->call.gone)
            (void)weft__core_gone(s->node->core, s->now_ns, id);
        else
            (void)weft__core_cancel(s->node->core, s->now_ns, id);
        break;
    case FRAME_ROOM: weft__core_room(s->node->core, s->now_ns, id, f->room.count); break;
    case FRAME_REGISTER: enrol(s); break;
    case FRAME_UNREGISTER: unregister(s); break;
    case FRAME_DRAIN: drain(s); break;
    case FRAME_PUBLISH: publish(s); break;
    case FRAME_SUBSCRIBE: subscribe(s); break;
    case FRAME_UNSUBSCRIBE: unsubscribe(s); break;
    default: of_task(s); break;
    }
}

/* --- after it --------------------------------------------------------------------------------- */

/* Of a dispatch that was not let in. */
static void answer_dispatch(struct guest *guest, const struct step *step)
{
    const struct frame_dispatch *f = &step->frame->dispatch;
    struct frame frame = {.kind = FRAME_OUTCOME, .outcome = {.call = f->call, .error = (uint16_t)step->error}};
    if (step->error == WEFT_EREJECTED) {
        frame.outcome.error = 0;
        frame.outcome.outcome = WEFT_REJECTED;
        frame.outcome.admission = WEFT_ADMISSION_REJECTED;
        frame.outcome.retry_after_ms = step->admitted.retry_after_ms;
        frame.outcome.code = step->admitted.reason;
    }
    frame.outcome.payload = weft_text(step->sentence);
    (void)weft__session_put(&guest->session, f->call, &frame, NULL);
}

static uint32_t ask_of(const struct frame *f)
{
    switch (f->kind) {
    case FRAME_REGISTER: return f->reg.ask;
    case FRAME_UNREGISTER:
    case FRAME_DRAIN: return f->worker.ask;
    case FRAME_PUBLISH: return f->publish.ask;
    case FRAME_SUBSCRIBE: return f->subscribe.ask;
    case FRAME_UNSUBSCRIBE: return f->of_subscription.ask;
    default: return 0;
    }
}

static void answer(struct guest *guest, struct step *step)
{
    uint32_t ask = ask_of(step->frame);
    if (step->frame->kind == FRAME_DISPATCH && step->error) answer_dispatch(guest, step);
    bool unasked = step->frame->kind == FRAME_PUBLISH && !ask && step->error;
    if (ask || unasked) {
        const char *sentence = step->sentence[0] ? step->sentence : NULL;
        const struct frame frame = {.kind = FRAME_ANSWER,
                                    .answer = {.ask = ask,
                                               .error = (uint16_t)step->error,
                                               .value = step->value,
                                               .sentence = sentence,
                                               .body = weft_text(unasked ? step->frame->publish.channel : NULL)}};
        (void)weft__session_put(&guest->session, 0, &frame, NULL);
    }
    weft__message_drop(step->message);
}

/* --- all of it -------------------------------------------------------------------------------- */

/* Up to BATCH that need no ask. Returns how many were dealt with: for the next there was no memory. */
static size_t hear(struct guest *guest, const struct frame *frames, size_t count)
{
    weft_node *node = guest->session.remote->node;
    struct step steps[BATCH];
    struct steps s = {.guest = guest, .node = node};
    size_t ready = 0;
    for (; ready < count; ready++) {
        struct step *step = &steps[ready];
        step->frame = &frames[ready];
        step->message = NULL;
        step->error = WEFT_OK;
        step->value = 0;
        step->wrong = NULL;
        step->sentence[0] = '\0';
        if (!check(step)) continue;
        weft__pumps_relieve();
        if (!prepare(node, step)) break;
    }
    s.now_ns = weft__enter(node);
    for (size_t i = 0; i < ready; i++) {
        s.step = &steps[i];
        if (!s.step->error && !guest->gone) enter_step(&s);
    }
    weft__leave_inside(node);
    for (size_t i = 0; i < ready; i++)
        answer(guest, &steps[i]);
    return ready;
}

weft_error weft__guest_frames(struct session *session, const struct frame *frames, size_t count, size_t *dealt,
                              char *sentence)
{
    struct guest *guest = list_record(session, struct guest, session);
    weft_error error = WEFT_OK;
    for (*dealt = 0; *dealt < count && !error;) {
        size_t to = *dealt;
        while (to < count && frames[to].kind != FRAME_ASK)
            to++;
        if (to > *dealt) *dealt += hear(guest, frames + *dealt, to - *dealt);
        if (*dealt < to) {
            (void)snprintf(sentence, FRAME_SENTENCE_MAX, "no memory for the payload of a frame");
            error = WEFT_ENOMEM;
        } else if (to < count) {
            weft__pumps_relieve();
            error = weft__ask_serve(session, &frames[to].ask, sentence);
            ++*dealt;
        }
    }
    return error;
}
