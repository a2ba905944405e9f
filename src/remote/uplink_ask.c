/* uplink_ask.c: what a client node asks of its node, and what it has announced there: that is announced anew to the node that answers
 * after a session was lost. */
#include <stdio.h>
#include <string.h>

#include "api/error.h"
#include "base/clock.h"
#include "exec/node.h"
#include "remote/ask.h"
#include "remote/uplink_inside.h"

static uint32_t *ask_in(struct frame *frame)
{
    switch (frame->kind) {
    case FRAME_REGISTER: return &frame->reg.ask;
    case FRAME_UNREGISTER:
    case FRAME_DRAIN: return &frame->worker.ask;
    case FRAME_PUBLISH: return &frame->publish.ask;
    case FRAME_SUBSCRIBE: return &frame->subscribe.ask;
    case FRAME_UNSUBSCRIBE: return &frame->of_subscription.ask;
    default: return &frame->ask.ask;
    }
}

/* With the lock. Never 0. */
static uint32_t next_ask(struct uplink *uplink)
{
    if (++uplink->ask_number == 0) uplink->ask_number = 1;
    return uplink->ask_number;
}

void weft__uplink_announce_all(struct uplink *uplink)
{
    weft__lock(&uplink->lock);
    for (struct list_node *on = uplink->standing.next; on != &uplink->standing; on = on->next) {
        struct standing *standing = list_record(on, struct standing, on);
        char sentence[FRAME_SENTENCE_MAX];
        struct frame frame;
        size_t need;
        if (!standing->stands) continue;
        if (weft__frame_read(standing->bytes, standing->size, 'C', SIZE_MAX, &frame, &need, sentence) != FRAME_WHOLE)
            continue;
        *ask_in(&frame) = standing->asked = next_ask(uplink);
        list_remove(&standing->on_anew);
        list_push_back(&uplink->anew, &standing->on_anew);
        (void)weft__session_put(&uplink->session, 0, &frame, NULL);
    }
    weft__unlock(&uplink->lock);
}

/* With the lock: why nothing goes to the node. */
static weft_error no_way(const struct uplink *uplink)
{
    if (uplink->closing || uplink->hushed) return WEFT_ECLOSED;
    return uplink->lost ? WEFT_ELOST : WEFT_OK;
}

static weft_error ask(struct uplink *uplink, struct frame *frame, uint32_t timeout_ms, struct standing *standing,
                      struct asking *asking)
{
    *asking = (struct asking){.standing = standing};
    weft__park_init(&asking->park);
    list_init(&asking->on);
    uint64_t deadline_ns = weft__deadline(weft__clock_ns(), timeout_ms);
    weft__lock(&uplink->lock);
    weft_error error = no_way(uplink);
    uint32_t generation = weft__session_generation(&uplink->session); /* of which it is told when that is lost */
    if (error == WEFT_ELOST) weft__uplink_said(uplink, asking->sentence, sizeof asking->sentence);
    if (standing)
        list_push_back(&uplink->standing, &standing->on); /* in one hold: who takes it away looks who asks for it */
    if (!error) {
        *ask_in(frame) = asking->ask = next_ask(uplink);
        list_push_back(&uplink->asking, &asking->on);
    }
    weft__unlock(&uplink->lock);
    if (error) return error;
    bool in_order = frame->kind == FRAME_ASK && frame->ask.operation != ASK_PING; /* behind what is large, too */
    error = weft__session_try_put(&uplink->session, generation, in_order ? LINE_BEHIND_ALL : 0, frame);
    bool woken = !error && weft__lead_park(&uplink->lead, &asking->park, deadline_ns);
    weft__lock(&uplink->lock);
    list_remove(&asking->on);
    bool done = asking->done;
    weft__unlock(&uplink->lock);
    if (done && !woken) (void)weft__park(&asking->park, PARK_FOREVER); /* its wake-up is on its way */
    if (error) return error;
    return done ? asking->error : WEFT_ETIMEDOUT;
}

/* A call that closing waits for. */
weft_error weft__uplink_ask(struct uplink *uplink, struct frame *frame, uint32_t timeout_ms, struct asking *asking)
{
    weft_node *node = uplink->node;
    weft__call_open(node);
    weft_error error = ask(uplink, frame, timeout_ms, NULL, asking);
    weft__call_close(node);
    return error;
}

weft_error weft__uplink_send(struct uplink *uplink, uint64_t lane, const struct frame *frame)
{
    weft__lock(&uplink->lock);
    weft_error error = no_way(uplink);
    weft__unlock(&uplink->lock);
    return error ? error : weft__session_put_waiting(&uplink->session, lane, frame);
}

/* With the lock: takes him off the list and wakes him. */
static void tell(struct asking *asking)
{
    list_remove(&asking->on);
    asking->done = true;
    weft__unpark(&asking->park);
}

/* With the lock: what was announced anew. Taken off the list where it was refused; else NULL. */
static struct standing *answered_anew(struct uplink *uplink, const struct frame_answer *answer)
{
    for (struct list_node *on = uplink->anew.next; on != &uplink->anew; on = on->next) {
        struct standing *standing = list_record(on, struct standing, on_anew);
        if (standing->asked != answer->ask) continue;
        list_remove(&standing->on_anew);
        if (answer->error) list_remove(&standing->on);
        return answer->error ? standing : NULL;
    }
    return NULL;
}

/* Takes it. Whoever has it here learns of it by its end, and the hooks are told. */
static void refused_anew(struct uplink *uplink, struct standing *standing, weft_error why)
{
    weft_node *node = uplink->node;
    uint64_t now_ns = weft__enter(node);
    if (standing->kind == FRAME_REGISTER)
        weft__core_worker_refused(node->core, now_ns, standing->number, why);
    else
        weft__core_subscription_refused(node->core, now_ns, standing->number, why);
    weft__leave_inside(node);
    weft__mem_free(&node->mem, standing);
}

void weft__uplink_answered(struct uplink *uplink, const struct frame_answer *answer)
{
    const struct mem *mem = &uplink->node->mem;
    unsigned char *body = answer->body.size ? weft__mem_alloc(mem, answer->body.size) : NULL;
    if (body) memcpy(body, answer->body.data, answer->body.size);
    weft__lock(&uplink->lock);
    struct standing *refused = answered_anew(uplink, answer);
    for (struct list_node *on = uplink->asking.next; on != &uplink->asking; on = on->next) {
        struct asking *asking = list_record(on, struct asking, on);
        if (asking->ask != answer->ask) continue;
        asking->error = answer->body.size && !body ? WEFT_ENOMEM : (weft_error)answer->error;
        asking->value = answer->value;
        asking->body = body;
        asking->body_size = body ? answer->body.size : 0;
        body = NULL;
        (void)snprintf(asking->sentence, sizeof asking->sentence, "%s", answer->sentence ? answer->sentence : "");
        if (asking->standing) asking->standing->stands = asking->error == WEFT_OK;
        tell(asking);
        break;
    }
    weft__unlock(&uplink->lock);
    weft__mem_free(mem, body); /* nobody waits for it any more */
    if (refused) refused_anew(uplink, refused, (weft_error)answer->error);
}

/* Every ask ends so. */
void weft__uplink_tell_all(struct uplink *uplink, weft_error error)
{
    weft__lock(&uplink->lock);
    for (struct list_node *on; (on = list_first(&uplink->asking));) {
        struct asking *asking = list_record(on, struct asking, on);
        asking->error = error;
        weft__uplink_said(uplink, asking->sentence, sizeof asking->sentence);
        tell(asking);
    }
    weft__unlock(&uplink->lock);
}

void weft__uplink_tell_lost(struct uplink *uplink)
{
    weft__uplink_tell_all(uplink, WEFT_ELOST);
}

void weft__uplink_hush(struct uplink *uplink)
{
    weft__lock(&uplink->lock);
    uplink->hushed = true;
    weft__unlock(&uplink->lock);
    weft__uplink_tell_all(uplink, WEFT_ECLOSED);
}

/* Takes it off the list; NULL: it is not there. */
static struct standing *take_standing(struct uplink *uplink, enum frame_kind kind, uint64_t number)
{
    struct standing *found = NULL;
    weft__lock(&uplink->lock);
    for (struct list_node *on = uplink->standing.next; on != &uplink->standing && !found; on = on->next) {
        struct standing *standing = list_record(on, struct standing, on);
        if (standing->kind == kind && standing->number == number) found = standing;
    }
    if (found) list_remove(&found->on);
    if (found) list_remove(&found->on_anew);
    for (struct list_node *on = uplink->asking.next; found && on != &uplink->asking; on = on->next) {
        struct asking *asking = list_record(on, struct asking, on);
        if (asking->standing == found) asking->standing = NULL; /* its answer is still to come */
    }
    weft__unlock(&uplink->lock);
    return found;
}

weft_error weft__uplink_announce(struct uplink *uplink, struct frame *frame, uint64_t number, struct asking *asking)
{
    const struct mem *mem = &uplink->node->mem;
    size_t size = weft__frame_size(frame);
    struct standing *standing = weft__mem_alloc(mem, sizeof(*standing) + size);
    if (!standing) return WEFT_ENOMEM;
    standing->kind = frame->kind;
    standing->number = number;
    standing->size = size;
    standing->stands = false;
    list_init(&standing->on_anew);
    *ask_in(frame) = 0;
    (void)weft__frame_write(frame, false, standing->bytes);
    weft__call_open(uplink->node);
    weft_error error = ask(uplink, frame, WEFT_FOREVER, standing, asking);
    weft__call_close(uplink->node);
    if (error == WEFT_ELOST) /* the next session may have heard of it */
        weft__uplink_gone(uplink, frame->kind == FRAME_REGISTER ? FRAME_UNREGISTER : FRAME_UNSUBSCRIBE, number, false);
    else if (error)
        weft__mem_free(mem, take_standing(uplink, frame->kind, number));
    return error;
}

void weft__uplink_gone(struct uplink *uplink, enum frame_kind kind, uint64_t number, bool told)
{
    enum frame_kind stands = kind == FRAME_UNREGISTER ? FRAME_REGISTER : FRAME_SUBSCRIBE;
    struct standing *found = take_standing(uplink, stands, number);
    struct frame frame = {.kind = kind};
    if (kind == FRAME_UNREGISTER)
        frame.worker = (struct frame_worker){.worker = number, .told = told};
    else
        frame.of_subscription.subscription = number;
    if (!found) return;
    weft__mem_free(&uplink->node->mem, found);
    (void)weft__session_put(&uplink->session, LINE_BEHIND_ALL, &frame, NULL); /* behind results, however large */
}

void weft__uplink_forget(struct uplink *uplink, enum frame_kind kind, uint64_t number)
{
    weft__mem_free(&uplink->node->mem, take_standing(uplink, kind, number));
}
