/* uplink_hears.c: what the node has sent, into the client's core: verdicts on calls, tasks for the workers of this process,
 * events. Messages are made before the core's lock is taken, and the frames of one read enter in few holds. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "exec/node.h"
#include "remote/tells.h"
#include "remote/uplink.h"

enum { BATCH = 64 };

struct step {
    const struct frame *frame;
    struct message *message; /* NULL: taken, or there is none */
    enum frame_kind reply;   /* what the node is to be told of a task that nobody here takes; 0 = nothing */
    bool no_more;            /* and that its worker takes nothing any more, lest it is sent again for ever */
};

struct steps {
    struct uplink *uplink;
    struct core *core;
    uint64_t now_ns;
    struct step *step;
    char *sentence;
};

/* --- before the lock -------------------------------------------------------------------------- */

static void schema_ended(struct named_schema *schema)
{
    weft_node *node = schema->context;
    weft__mem_free(&node->mem, schema);
}

/* A contract that says no more than which schema a payload has met at the node. The last few are kept: by the reading thread,
 * of which there is one at a time. NULL: no memory. Lends. */
static struct contract *contract_of(struct uplink *uplink, const unsigned char *id)
{
    const struct mem *mem = &uplink->node->mem;
    for (size_t i = 0; i < UPLINK_CONTRACTS; i++)
        if (uplink->contracts[i] && memcmp(uplink->contracts[i]->request->id, id, SCHEMA_ID_BYTES) == 0)
            return uplink->contracts[i];
    struct named_schema *named = weft__mem_zalloc(mem, sizeof(*named));
    if (!named) return NULL;
    atomic_init(&named->refs, 1);
    memcpy(named->id, id, SCHEMA_ID_BYTES);
    named->context = uplink->node;
    named->end = schema_ended;
    struct contract *contract = weft__contract_new(mem, 0, named, NULL, true);
    weft__named_schema_drop(named);
    if (!contract) return NULL;
    struct contract **place = &uplink->contracts[uplink->contracts_next++ % UPLINK_CONTRACTS];
    weft__contract_drop(*place);
    return *place = contract;
}

static bool meet(struct uplink *uplink, struct message *message, const unsigned char *schema_id)
{
    if (!schema_id) return true;
    struct contract *contract = contract_of(uplink, schema_id);
    if (contract) weft__message_meet(message, contract);
    return contract != NULL;
}

static bool prepare_outcome(const struct mem *mem, struct step *step)
{
    const struct frame_outcome *f = &step->frame->outcome;
    bool completed = f->outcome == WEFT_COMPLETED && !f->error;
    if (!completed && !f->payload.size && !(f->outcome == WEFT_FAILED && f->code)) return true;
    step->message = weft__message_new(mem, f->payload.data, f->payload.size, completed ? f->content_type : f->code);
    return step->message != NULL;
}

/* False: no memory. */
static bool prepare(struct uplink *uplink, struct step *step)
{
    const struct mem *mem = &uplink->node->mem;
    const struct frame *f = step->frame;
    switch (f->kind) {
    case FRAME_OUTCOME: return prepare_outcome(mem, step);
    case FRAME_UPDATE:
        if (f->update.kind == WEFT_UPDATE_RESTARTED) return true;
        step->message = weft__message_new(mem, f->update.payload.data, f->update.payload.size, NULL);
        return step->message != NULL;
    case FRAME_TASK:
        step->message = weft__message_new(mem, f->task.payload.data, f->task.payload.size, f->task.content_type);
        return step->message && meet(uplink, step->message, f->task.schema_id);
    case FRAME_EVENT:
        step->message =
            weft__event_new(mem, f->event.channel, f->event.payload.data, f->event.payload.size, f->event.content_type);
        if (!step->message || !meet(uplink, step->message, f->event.schema_id)) return false;
        weft__event_stamp(step->message, f->event.number, f->event.publisher, f->event.published_wall_ns);
        return true;
    default: return true;
    }
}

/* --- inside ----------------------------------------------------------------------------------- */

static weft_error verdict(struct steps *s)
{
    const struct frame_outcome *f = &s->step->frame->outcome;
    struct core_task *task = weft__core_uplink_task(s->core, f->call);
    if (!task) return WEFT_OK; /* its caller has gone */
    const struct core_verdict verdict = {.outcome = f->error ? WEFT_REJECTED : (weft_outcome)f->outcome,
                                         .admission = f->error ? WEFT_ADMISSION_REJECTED : (weft_admission)f->admission,
                                         .error = (weft_error)f->error,
                                         .attempts = f->attempts,
                                         .retry_after_ms = f->retry_after_ms,
                                         .queued_ns = f->queued_ns,
                                         .started_ns = f->started_ns,
                                         .run_ns = f->run_ns,
                                         .code = f->code,
                                         .worker = f->worker,
                                         .message = s->step->message};
    weft_error error = weft__core_verdict(s->core, s->now_ns, task, &verdict);
    if (!error) s->step->message = NULL;
    if (error != WEFT_ENOMEM && error != WEFT_EPROTOCOL) s->uplink->out--;
    if (error == WEFT_EPROTOCOL) (void)snprintf(s->sentence, FRAME_SENTENCE_MAX, "an outcome that cannot be");
    return error == WEFT_ESTALE ? WEFT_OK : error;
}

static weft_error update(struct steps *s)
{
    const struct frame_update *f = &s->step->frame->update;
    struct core_task *task = weft__core_uplink_task(s->core, f->call);
    if (!task) return WEFT_OK;
    const struct core_said said = {
        .kind = (weft_update_kind)f->kind, .attempt = f->attempt, .number = f->number, .message = s->step->message};
    weft_error error = weft__core_update(s->core, s->now_ns, task, &said);
    if (!error) s->step->message = NULL;
    if (error == WEFT_EPROTOCOL) (void)snprintf(s->sentence, FRAME_SENTENCE_MAX, "an update that is out of order");
    return error == WEFT_ESTALE ? WEFT_OK : error;
}

static weft_error task(struct steps *s)
{
    const struct frame_task *f = &s->step->frame->task;
    struct uplink *uplink = s->uplink;
    uint64_t deadline_ns =
        f->remaining_ms == WEFT_FOREVER ? CORE_NEVER : weft__clock_after_ms(s->now_ns, f->remaining_ms);
    const struct core_hand hand = {.worker = f->worker,
                                   .id = f->id,
                                   .attempt = f->attempt,
                                   .deadline_ns = deadline_ns,
                                   .timed = f->timed,
                                   .streams = f->streams,
                                   .window = f->window,
                                   .room = f->room,
                                   .said_bytes_max = weft__said_max(atomic_load(&uplink->frame_max)),
                                   .activity_type = f->activity_type,
                                   .activity_type_hash = f->activity_type ? weft__name_hash(f->activity_type) : 0,
                                   .payload = s->step->message,
                                   .dest = &uplink->session.dest,
                                   .token = uplink->serial + 1};
    weft_dispatch_id local;
    if (weft__numbers_find(&uplink->tasks, f->task)) {
        (void)snprintf(s->sentence, FRAME_SENTENCE_MAX, "a task whose number is in use");
        return WEFT_EPROTOCOL;
    }
    bool ready = weft__numbers_ready(&uplink->tasks) && weft__numbers_ready(&uplink->hands);
    weft_error error = ready ? weft__core_hand(s->core, s->now_ns, &hand, &local) : WEFT_ENOMEM;
    if (error) {
        s->step->reply = FRAME_GIVE_BACK;
        s->step->no_more = error == WEFT_ECLOSED || error == WEFT_ENOTFOUND;
        return error == WEFT_EPROTOCOL ? error : WEFT_OK;
    }
    s->step->message = NULL;
    uplink->serial++;
    weft__numbers_add(&uplink->tasks, f->task, local.number);
    weft__numbers_add(&uplink->hands, uplink->serial, f->task);
    return WEFT_OK;
}

static weft_dispatch_id local_of(const struct uplink *uplink, uint64_t task)
{
    return (weft_dispatch_id){uplink->public_session, weft__numbers_find(&uplink->tasks, task)};
}

static weft_error event(struct steps *s)
{
    const struct frame_event *f = &s->step->frame->event;
    weft_error error = weft__core_deliver(s->core, s->now_ns, f->subscription, s->step->message, f->dropped);
    if (!error) s->step->message = NULL;
    if (error == WEFT_ESLOW || error == WEFT_ENOTFOUND) s->step->reply = FRAME_UNSUBSCRIBE;
    return error == WEFT_ENOMEM ? error : WEFT_OK;
}

static weft_error enter_step(struct steps *s)
{
    const struct frame *f = s->step->frame;
    struct uplink *uplink = s->uplink;
    switch (f->kind) {
    case FRAME_OUTCOME: return verdict(s);
    case FRAME_UPDATE: return update(s);
    case FRAME_TASK: return task(s);
    case FRAME_EVENT: return event(s);
    case FRAME_TASK_CANCEL:
        (void)weft__core_cancel(s->core, s->now_ns, local_of(uplink, f->of_task.task));
        return WEFT_OK;
    case FRAME_TASK_ROOM:
        weft__core_room(s->core, s->now_ns, local_of(uplink, f->room.number), f->room.count);
        return WEFT_OK;
    case FRAME_WORKER_ENDED: weft__core_worker_unregister(s->core, s->now_ns, f->worker.worker); return WEFT_OK;
    case FRAME_SUBSCRIPTION_ENDED:
        weft__core_subscription_over(s->core, s->now_ns, f->of_subscription.subscription,
                                     (weft_error)f->of_subscription.ask);
        return WEFT_OK;
    default: return WEFT_OK;
    }
}

/* --- after it --------------------------------------------------------------------------------- */

/* Of an event that was published without waiting: the body is its channel. */
static void refused(struct uplink *uplink, const struct frame_answer *answer)
{
    char channel[WEFT_CHANNEL_NAME_MAX + 1];
    (void)snprintf(channel, sizeof channel, "%.*s", (int)answer->body.size, (const char *)answer->body.data);
    uint64_t now_ns = weft__enter(uplink->node);
    weft__core_refused(uplink->node->core, now_ns, channel);
    weft__leave_inside(uplink->node);
}

static void finish(struct uplink *uplink, const struct step *step)
{
    const struct frame *f = step->frame;
    if (step->reply == FRAME_GIVE_BACK) {
        const struct frame reply = {.kind = FRAME_GIVE_BACK, .of_task = {.task = f->task.task}};
        const struct frame drain = {.kind = FRAME_DRAIN, .worker = {.worker = f->task.worker}};
        if (step->no_more) (void)weft__session_put(&uplink->session, f->task.task, &drain, NULL);
        (void)weft__session_put(&uplink->session, f->task.task, &reply, NULL);
    } else if (step->reply == FRAME_UNSUBSCRIBE) {
        weft__uplink_gone(uplink, FRAME_UNSUBSCRIBE, f->event.subscription, false);
    } else if (f->kind == FRAME_SUBSCRIPTION_ENDED) {
        weft__uplink_gone(uplink, FRAME_UNSUBSCRIBE, f->of_subscription.subscription, false);
    } else if (f->kind == FRAME_WORKER_ENDED) {
        weft__uplink_forget(uplink, FRAME_REGISTER, f->worker.worker);
    } else if (f->kind == FRAME_ANSWER && !f->answer.ask) {
        refused(uplink, &f->answer);
    } else if (f->kind == FRAME_ANSWER) {
        weft__uplink_answered(uplink, &f->answer);
    }
    weft__message_drop(step->message);
}

/* What there is no memory for comes again, with all that follows it; what cannot be is dealt with. */
weft_error weft__uplink_frames(struct session *session, const struct frame *frames, size_t count, size_t *dealt,
                               char *sentence)
{
    struct uplink *uplink = list_record(session, struct uplink, session);
    weft_node *node = uplink->node;
    struct step steps[BATCH];
    struct steps s = {.uplink = uplink, .core = node->core, .sentence = sentence};
    weft_error error = WEFT_OK;
    size_t ready = 0;
    for (; ready < count; ready++) {
        steps[ready] = (struct step){.frame = &frames[ready]};
        if (!prepare(uplink, &steps[ready])) break;
    }
    if (ready < count) {
        weft__message_drop(steps[ready].message);
        (void)snprintf(sentence, FRAME_SENTENCE_MAX, "no memory for the payload of a frame");
        error = WEFT_ENOMEM;
    }
    s.now_ns = weft__enter(node);
    for (*dealt = 0; *dealt < ready; ++*dealt) {
        s.step = &steps[*dealt];
        weft_error bad = enter_step(&s);
        if (bad) error = bad;
        if (bad == WEFT_ENOMEM) break;
    }
    weft__leave_inside(node);
    for (size_t i = 0; i < ready; i++)
        if (i < *dealt)
            finish(uplink, &steps[i]);
        else
            weft__message_drop(steps[i].message);
    return error;
}

/* --- losing ----------------------------------------------------------------------------------- */

struct loss {
    struct line *line;
    struct numbers tasks;
    uint32_t calls;
};

/* In one hold of both locks: what is taken from the core from now on goes to the next session, and nothing of before does. */
static struct loss begin_era(struct uplink *uplink, struct line *line)
{
    weft_node *node = uplink->node;
    struct session *session = &uplink->session;
    (void)weft__enter(node);
    struct loss loss = {.line = session->line, .tasks = uplink->tasks, .calls = uplink->out};
    weft__lock(&session->lock);
    session->line = line;
    session->generation++;
    uplink->era++;
    weft__unlock(&session->lock);
    uplink->out = 0;
    weft__numbers_init(&uplink->tasks, &node->mem);
    weft__numbers_fini(&uplink->hands);
    weft__leave_inside(node);
    return loss;
}

/* In holds: what the workers here have of a session that is lost is cancelled, and what they say of it is dropped. */
static void cancel_hands(struct uplink *uplink, const struct numbers *tasks)
{
    weft_node *node = uplink->node;
    for (uint32_t i = 0; i < tasks->room; i++) {
        if (!tasks->pairs[i].handle) continue;
        uint64_t now_ns = weft__enter(node);
        (void)weft__core_cancel(node->core, now_ns, (weft_dispatch_id){uplink->public_session, tasks->pairs[i].handle});
        weft__leave_inside(node);
    }
}

/* The line that was given up is the next spare one: so losing needs no memory. */
void weft__uplink_lose(struct uplink *uplink)
{
    weft_node *node = uplink->node;
    struct loss loss = begin_era(uplink, uplink->spare);
    for (bool more = true; more;) {
        uint64_t now_ns = weft__enter(node);
        more = weft__core_uplink_lost(node->core, now_ns, &loss.calls);
        weft__leave_inside(node);
    }
    cancel_hands(uplink, &loss.tasks);
    weft__numbers_fini(&loss.tasks);
    weft__uplink_tell_lost(uplink);
    weft__line_reset(loss.line);
    uplink->spare = loss.line;
    weft__session_resume(&uplink->session);
}
