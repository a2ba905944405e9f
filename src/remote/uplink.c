/* uplink.c: the life of a client node's session: dialling, resuming, losing, parting. */
#include "remote/uplink.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/error.h"
#include "base/clock.h"
#include "exec/node.h"
#include "exec/participant.h"
#include "link/process.h"
#include "remote/client.h"
#include "remote/remote.h"

#define GATHERS_NS (NS_PER_MS / 5)
enum {
    BACKOFF_FIRST_MS = 50,
    BACKOFF_MAX_MS = 2000,
    STEADY_MS = 1000, /* a connection that lives shorter is a failure like others */
    GREETING_MS = 3000,
    ATTEMPT_MS = 5000,
    GOODBYE_MS = 100,
    STALL_MS = 30000,
    BURY_MS = 10
};

static const struct line_limits line_limits = {
    .window_bytes = 1 << 20, .waiting_bytes = 1 << 20, .frame_max = FRAME_LARGE_MAX};

static void dial_next(struct uplink *uplink);

struct parked {
    struct list_node on;
    struct park park;
};

/* With the lock: whoever waits for a change of what it guards. */
static void changed(struct uplink *uplink)
{
    for (struct list_node *on; (on = list_pop_front(&uplink->waiters));)
        weft__unpark(&list_record(on, struct parked, on)->park);
}

/* Called with the lock, returns with it. False: the deadline has passed. */
static bool await_change(struct uplink *uplink, uint64_t deadline_ns)
{
    struct parked parked;
    list_init(&parked.on);
    weft__park_init(&parked.park);
    list_push_back(&uplink->waiters, &parked.on);
    weft__unlock(&uplink->lock);
    bool woken = weft__park(&parked.park, deadline_ns);
    weft__lock(&uplink->lock);
    list_remove(&parked.on);
    return woken;
}

/* --- attempts --------------------------------------------------------------------------------- */

/* Full jitter, as in "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015): many clients of one node do not come back
 * in step. */
static uint64_t backoff_ns(uint32_t failures)
{
    uint32_t rounds = failures < 6 ? failures : 6;
    uint32_t most_ms = (uint32_t)BACKOFF_FIRST_MS << rounds;
    if (most_ms > BACKOFF_MAX_MS) most_ms = BACKOFF_MAX_MS;
    return (BACKOFF_FIRST_MS / 2 + randombytes_uniform(most_ms)) * NS_PER_MS;
}

static uint64_t lost_at(const struct uplink *uplink)
{
    if (!uplink->down_ns || !uplink->was_up || uplink->options.lost_ms == WEFT_FOREVER) return UINT64_MAX;
    uint32_t lost_ms = uplink->options.lost_ms;
    if (uplink->lost) return weft__clock_after_ms(uplink->lost_ns, lost_ms ? lost_ms : BACKOFF_FIRST_MS);
    return weft__clock_after_ms(uplink->down_ns, lost_ms);
}

/* With the lock. The timer is for whichever comes first. */
static uint64_t due_at(const struct uplink *uplink)
{
    uint64_t lost_ns = lost_at(uplink);
    return uplink->again_ns && uplink->again_ns < lost_ns ? uplink->again_ns : lost_ns;
}

static void set_timer(struct uplink *uplink)
{
    weft__lock(&uplink->lock);
    uint64_t at_ns = uplink->closing ? UINT64_MAX : due_at(uplink);
    weft__unlock(&uplink->lock);
    weft__timer_at(&uplink->remote, &uplink->again, at_ns);
}

/* With the lock: the next address is tried later, or at once where it is the next of a round. */
static void failed(struct uplink *uplink, const char *sentence)
{
    size_t size = strlen(uplink->said);
    if (uplink->url == 0) size = 0;
    (void)snprintf(uplink->said + size, sizeof uplink->said - size, "%s%.60s: %.120s", size ? "; " : "",
                   uplink->urls[uplink->url], sentence);
    uplink->url = (uplink->url + 1) % uplink->urls_count;
    uint64_t wait_ns = uplink->url ? 0 : backoff_ns(uplink->failures++);
    uplink->again_ns = weft__clock_ns() + wait_ns;
    changed(uplink);
}

/* The session is given up: nobody asks it any more, and nothing of it goes out. */
static void lose_all(struct uplink *uplink)
{
    weft__lock(&uplink->lock);
    uplink->lost = true;
    uplink->broken = false;
    uplink->lost_ns = weft__clock_ns();
    changed(uplink);
    weft__unlock(&uplink->lock);
    weft__uplink_lose(uplink);
}

static void again_due(struct timer *timer, uint64_t now_ns)
{
    struct uplink *uplink = list_record(timer, struct uplink, again);
    weft__lock(&uplink->lock);
    bool lose = !uplink->closing && now_ns >= lost_at(uplink);
    bool dial =
        !uplink->closing && !uplink->parted && uplink->again_ns && now_ns >= uplink->again_ns && !uplink->dialling;
    if (dial) uplink->again_ns = 0;
    struct dial *spent = dial ? uplink->dial : NULL;
    if (dial) uplink->dial = NULL;
    weft__unlock(&uplink->lock);
    if (lose) lose_all(uplink);
    if (spent) weft__dial_free(spent);
    if (dial) dial_next(uplink);
    set_timer(uplink);
}

static void fill_hello(struct uplink *uplink, struct frame *frame)
{
    *frame = (struct frame){.kind = FRAME_HELLO,
                            .hello = {.anew = uplink->lost,
                                      .lowest = PROTOCOL_LOWEST,
                                      .highest = PROTOCOL_HIGHEST,
                                      .epoch = ++uplink->epoch,
                                      .received = weft__line_received(uplink->session.line),
                                      .resume_ms = uplink->options.resume_ms,
                                      .pid = (int32_t)getpid(),
                                      .start_time = uplink->start_time,
                                      .name = uplink->name[0] ? uplink->name : NULL}};
    memcpy(frame->hello.instance, uplink->instance, INSTANCE_BYTES);
}

static const struct session_ops uplink_ops;

static void dialled(void *context, weft_error error, const char *sentence, struct pipe *pipe)
{
    struct uplink *uplink = context;
    struct frame hello;
    weft__lock(&uplink->lock);
    uplink->dialling = false;
    bool closing = uplink->closing;
    if (closing) changed(uplink);
    if (error && !closing) failed(uplink, sentence);
    weft__lock(&uplink->session.lock);
    if (!error && !closing) fill_hello(uplink, &hello);
    weft__unlock(&uplink->session.lock);
    weft__unlock(&uplink->lock);
    if (!error && closing) weft__remote_reap(&uplink->remote, pipe);
    if (closing) return;
    if (!error) weft__pipe_lead_by(pipe, &uplink->lead);
    if (!error && !weft__conn_new(&uplink->remote, &uplink_ops, uplink, pipe, GREETING_MS, &hello)) {
        weft__lock(&uplink->lock);
        failed(uplink, "no memory for a connection");
        weft__unlock(&uplink->lock);
    }
    set_timer(uplink);
}

static void dial_next(struct uplink *uplink)
{
    char sentence[FRAME_SENTENCE_MAX];
    struct dial *dial;
    weft__lock(&uplink->lock);
    bool closing = uplink->closing;
    const char *url = uplink->urls[uplink->url];
    uplink->dialling = uplink->starting = !closing;
    weft__unlock(&uplink->lock);
    if (closing) return;
    weft_error error = weft__pipe_dial(&uplink->node->mem, url, strncmp(url, "tls", 3) ? NULL : &uplink->tls,
                                       ATTEMPT_MS, dialled, uplink, &dial, sentence);
    weft__lock(&uplink->lock);
    if (error) {
        uplink->dialling = false;
        failed(uplink, sentence);
    } else {
        uplink->dial = dial;
        if (uplink->closing) weft__dial_cancel(dial);
    }
    uplink->starting = false;
    if (uplink->closing) changed(uplink);
    weft__unlock(&uplink->lock);
}

/* --- connections ------------------------------------------------------------------------------ */

/* Refusals that the next attempt would meet again. */
static bool is_final(weft_error error)
{
    return error == WEFT_EUNSUPPORTED || error == WEFT_EINVAL || error == WEFT_EEXIST;
}

/* Greeted and not attached: the node has what it cannot have, or has not what it had: there is no going on with that. */
static void lost_conn(struct conn *conn, weft_error error, const char *sentence)
{
    struct uplink *uplink = conn->context;
    (void)error;
    if (!uplink) return; /* it was told */
    weft__lock(&uplink->lock);
    bool lose = conn->session && !uplink->closing;
    weft__unlock(&uplink->lock);
    if (lose) lose_all(uplink);
    weft__lock(&uplink->lock);
    if (!uplink->down_ns) uplink->down_ns = weft__clock_ns();
    failed(uplink, sentence);
    weft__unlock(&uplink->lock);
    set_timer(uplink);
}

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

static void announce_all(struct uplink *uplink)
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

/* With the lock: what makes it no welcome; NULL: nothing. */
static const char *wrong_with(const struct uplink *uplink, const struct frame *frame)
{
    const struct frame_welcome *welcome = &frame->welcome;
    if (frame->kind == FRAME_ERROR && frame->error.sentence) return frame->error.sentence;
    if (frame->kind != FRAME_WELCOME) return "it does not say welcome";
    if (welcome->version < PROTOCOL_LOWEST || welcome->version > PROTOCOL_HIGHEST)
        return "it answers in a version that was not offered";
    if (!welcome->beat_ms || !welcome->beats_missed_max || welcome->frame_max < FRAME_BODY_MAX)
        return "its welcome names beats, or a size of frames, that cannot be";
    if (welcome->resumed && uplink->lost) return "it goes on with a session that was given up";
    return NULL;
}

static void not_welcome(struct conn *conn, const struct frame *frame, const char *wrong)
{
    struct uplink *uplink = conn->context;
    weft__lock(&uplink->lock);
    weft_error code = frame->kind == FRAME_ERROR ? (weft_error)frame->error.code : WEFT_OK;
    if (is_final(code) && !uplink->was_up) uplink->refused = code;
    failed(uplink, wrong);
    weft__unlock(&uplink->lock);
    conn->context = NULL;
    weft__conn_close(conn);
    set_timer(uplink);
}

static void welcomed(struct conn *conn, const struct frame *frame)
{
    struct uplink *uplink = conn->context;
    const struct frame_welcome *welcome = &frame->welcome;
    weft__lock(&uplink->lock);
    const char *wrong = wrong_with(uplink, frame);
    bool anew = !wrong && !welcome->resumed && uplink->was_up, lost = uplink->lost;
    weft__unlock(&uplink->lock);
    if (wrong) {
        not_welcome(conn, frame, wrong);
        return;
    }
    if (anew && !lost) lose_all(uplink);
    weft__lock(&uplink->lock);
    uplink->was_up = true;
    uplink->lost = false;
    uplink->said[0] = '\0';
    uplink->down_ns = 0;
    uplink->up_ns = weft__clock_ns();
    uplink->resumed = welcome->resumed;
    memcpy(uplink->node_id, welcome->node, INSTANCE_BYTES);
    (void)snprintf(uplink->own_name, sizeof uplink->own_name, "%s", welcome->name ? welcome->name : "");
    uplink->session.beat_ms = welcome->beat_ms;
    uplink->session.beats_missed_max = welcome->beats_missed_max;
    weft__unlock(&uplink->lock);
    weft__session_frame_max(&uplink->session, welcome->frame_max);
    atomic_store(&uplink->frame_max, welcome->frame_max < FRAME_LARGE_MAX ? welcome->frame_max : FRAME_LARGE_MAX);
    if (anew) announce_all(uplink);
    weft__conn_attach(conn, &uplink->session, welcome->received);
}

/* Closing waits for it, since the session is no connection's yet. */
static void greeted(struct conn *conn, const struct frame *frame)
{
    struct uplink *uplink = conn->context;
    weft__lock(&uplink->lock);
    bool closing = uplink->closing;
    uplink->greeting_count += !closing;
    weft__unlock(&uplink->lock);
    if (closing) {
        weft__conn_close(conn);
        return;
    }
    welcomed(conn, frame);
    weft__lock(&uplink->lock);
    uplink->greeting_count--;
    if (uplink->closing) changed(uplink);
    weft__unlock(&uplink->lock);
}

static void tell_away(struct uplink *uplink, bool away)
{
    (void)weft__enter(uplink->node);
    weft__core_uplink_away(uplink->node->core, away);
    weft__leave_inside(uplink->node);
}

static void went_up(struct session *session)
{
    struct uplink *uplink = list_record(session, struct uplink, session);
    tell_away(uplink, false);
    weft__lock(&uplink->lock);
    changed(uplink);
    weft__unlock(&uplink->lock);
    weft__timer_at(&uplink->remote, &session->timer, weft__clock_after_ms(weft__clock_ns(), session->beat_ms));
    set_timer(uplink);
    weft__session_flush(session);
}

static void went_down(struct session *session, weft_error error, const char *sentence)
{
    struct uplink *uplink = list_record(session, struct uplink, session);
    (void)error;
    tell_away(uplink, true);
    uint64_t now_ns = weft__clock_ns();
    weft__lock(&uplink->lock);
    bool steady = now_ns - uplink->up_ns >= STEADY_MS * NS_PER_MS, broken = uplink->broken;
    uplink->down_ns = now_ns;
    if (steady) uplink->failures = 0;
    uplink->broken = false;
    if (uplink->parted) {
        uplink->parting = false;
    } else if (!uplink->closing) {
        (void)snprintf(uplink->said, sizeof uplink->said, "%.60s: %.120s", uplink->urls[uplink->url], sentence);
        uplink->again_ns = now_ns + (uplink->failures ? backoff_ns(uplink->failures) : 0); /* at once, the first time */
        uplink->failures++;
    }
    changed(uplink);
    weft__unlock(&uplink->lock);
    if (broken) lose_all(uplink);
    set_timer(uplink);
}

/* What the node was to be sent is lost, so the session is; as soon as nothing of its connection runs. */
static void session_failed(struct session *session)
{
    struct uplink *uplink = list_record(session, struct uplink, session);
    weft__lock(&uplink->lock);
    bool down = uplink->down_ns != 0;
    uplink->broken = !down;
    weft__unlock(&uplink->lock);
    if (down)
        lose_all(uplink);
    else /* it may have been attached since it failed */
        weft__session_close(session, WEFT_ENOMEM, "what the node was to be sent is lost");
    set_timer(uplink);
}

static void said_goodbye(struct session *session)
{
    struct uplink *uplink = list_record(session, struct uplink, session);
    weft__lock(&uplink->lock);
    bool parted = uplink->parted;
    uplink->parting = false;
    changed(uplink);
    weft__unlock(&uplink->lock);
    if (!parted) weft__session_close(session, WEFT_ECLOSED, "the node said goodbye: it closes");
}

static void delivered(struct session *session);

static void beat(struct session *session, uint64_t now_ns)
{
    struct uplink *uplink = list_record(session, struct uplink, session);
    weft__lock(&uplink->lock);
    bool up = !uplink->down_ns && !uplink->closing;
    weft__unlock(&uplink->lock);
    if (!up) return;
    weft__session_beat(session, now_ns);
    weft__timer_at(&uplink->remote, &session->timer, weft__clock_after_ms(now_ns, session->beat_ms));
}

static void session_freed(struct session *session)
{
    (void)session; /* a part of the uplink, which is freed with its node */
}

static const struct session_ops uplink_ops = {.hears = 'N',
                                              .greeted = greeted,
                                              .up = went_up,
                                              .frames = weft__uplink_frames,
                                              .taken = weft__uplink_taken,
                                              .put = weft__uplink_put,
                                              .spent = weft__uplink_spent,
                                              .goodbye = said_goodbye,
                                              .delivered = delivered,
                                              .down = went_down,
                                              .lost = lost_conn,
                                              .failed = session_failed,
                                              .beat = beat,
                                              .free = session_freed};

/* --- asking ----------------------------------------------------------------------------------- */

static weft_error ask(struct uplink *uplink, struct frame *frame, uint32_t timeout_ms, struct standing *standing,
                      struct asking *asking)
{
    *asking = (struct asking){.standing = standing};
    weft__park_init(&asking->park);
    list_init(&asking->on);
    uint64_t deadline_ns = weft__deadline(weft__clock_ns(), timeout_ms);
    weft__lock(&uplink->lock);
    weft_error error = uplink->closing || uplink->hushed ? WEFT_ECLOSED : uplink->lost ? WEFT_ELOST : WEFT_OK;
    uint32_t generation = weft__session_generation(&uplink->session); /* of which it is told when that is lost */
    if (error == WEFT_ELOST) (void)snprintf(asking->sentence, sizeof asking->sentence, "%.200s", uplink->said);
    if (!error) {
        *ask_in(frame) = asking->ask = next_ask(uplink);
        list_push_back(&uplink->asking, &asking->on);
    }
    weft__unlock(&uplink->lock);
    if (error) return error;
    error = weft__session_try_put(&uplink->session, generation, 0, frame);
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
    weft_error error = uplink->closing || uplink->hushed ? WEFT_ECLOSED : uplink->lost ? WEFT_ELOST : WEFT_OK;
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
static void tell_all(struct uplink *uplink, weft_error error)
{
    weft__lock(&uplink->lock);
    for (struct list_node *on; (on = list_first(&uplink->asking));) {
        struct asking *asking = list_record(on, struct asking, on);
        asking->error = error;
        (void)snprintf(asking->sentence, sizeof asking->sentence, "%.200s", uplink->said);
        tell(asking);
    }
    weft__unlock(&uplink->lock);
}

void weft__uplink_tell_lost(struct uplink *uplink)
{
    tell_all(uplink, WEFT_ELOST);
}

void weft__uplink_hush(struct uplink *uplink)
{
    weft__lock(&uplink->lock);
    uplink->hushed = true;
    weft__unlock(&uplink->lock);
    tell_all(uplink, WEFT_ECLOSED);
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
    weft__lock(&uplink->lock);
    list_push_back(&uplink->standing, &standing->on);
    weft__unlock(&uplink->lock);
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

/* --- deaths of this process's own --------------------------------------------------------------- */

static void bury(struct timer *timer, uint64_t now_ns)
{
    struct uplink *uplink = list_record(timer, struct uplink, buries);
    uint64_t later_ns = weft__clock_after_ms(now_ns, BURY_MS);
    if (!weft__client_bury(uplink->node, later_ns))
        weft__timer_at(&uplink->remote, timer, weft__clock_after_ms(later_ns, BURY_MS));
}

/* A thread may end when the node has begun to be torn down: its end is not awaited before that of the participants. */
static void somebody_died(weft_node *node)
{
    struct uplink *uplink = node->uplink;
    weft__lock(&uplink->lock);
    if (!uplink->closing) weft__timer_at(&uplink->remote, &uplink->buries, 0);
    weft__unlock(&uplink->lock);
}

/* --- opening and closing ---------------------------------------------------------------------- */

static weft_error split_urls(struct uplink *uplink, const char *urls)
{
    char sentence[FRAME_SENTENCE_MAX];
    uplink->texts = weft__mem_text(&uplink->node->mem, urls);
    if (!uplink->texts) return weft__error(WEFT_ENOMEM, "dial: no memory");
    char *rest = NULL;
    for (char *url = strtok_r(uplink->texts, ", ", &rest); url; url = strtok_r(NULL, ", ", &rest)) {
        if (!weft__url_check(url, false, sentence)) return weft__error(WEFT_EINVAL, "dial: %s", sentence);
        if (strlen(url) > WEFT_URL_MAX || uplink->urls_count == UPLINK_URLS_MAX)
            return weft__error(WEFT_EINVAL, "dial: at most %d addresses of %d bytes", UPLINK_URLS_MAX, WEFT_URL_MAX);
        uplink->urls[uplink->urls_count++] = url;
    }
    return uplink->urls_count ? WEFT_OK : weft__error(WEFT_EINVAL, "dial: no address is given");
}

static weft_error check(const char *urls, const weft_dial_options *o, weft_node **node)
{
    if (!urls || !node) return weft__error_null("weft_node_dial", !urls ? "urls" : "node");
    if (o->version != 1)
        return weft__error(WEFT_EINVAL, "dial: options.version is not 1: initialise them with WEFT_DIAL_OPTIONS");
    if (o->name && !weft__word_valid(o->name, "."))
        return weft__error(WEFT_EINVAL, "dial: name %.80s is not 1 to 64 of [A-Za-z0-9_.-]", o->name);
    return WEFT_OK;
}

static bool copy_tls(struct uplink *uplink, const weft_dial_options *o)
{
    const char *from[] = {o->tls_ca_file, o->tls_cert_key_file, o->tls_server_name};
    for (size_t i = 0; i < sizeof from / sizeof *from; i++) {
        if (from[i]) uplink->tls_texts[i] = weft__mem_text(&uplink->node->mem, from[i]);
        if (from[i] && !uplink->tls_texts[i]) return false;
    }
    uplink->tls = (struct pipe_tls){
        .ca_file = uplink->tls_texts[0], .cert_key_file = uplink->tls_texts[1], .server_name = uplink->tls_texts[2]};
    return true;
}

/* Everything but the connection. What fails is freed by who called. */
static weft_error build(struct uplink *uplink, const char *urls, const weft_dial_options *o)
{
    weft_node *node = uplink->node;
    if (!copy_tls(uplink, o)) return weft__error(WEFT_ENOMEM, "dial: no memory");
    uplink->options = *o;
    uplink->options.node = NULL;
    uplink->options.name = NULL;
    if (o->name) (void)snprintf(uplink->name, sizeof uplink->name, "%s", o->name);
    weft_error error = split_urls(uplink, urls);
    if (error) return error;
    if (weft__process_start_time((int32_t)getpid(), &uplink->start_time)) uplink->start_time = 0;
    uplink->spare = weft__line_new(&node->mem, 'C', &line_limits);
    if (!uplink->spare || !weft__timer_ready(&uplink->remote, &uplink->again, again_due) ||
        !weft__timer_ready(&uplink->remote, &uplink->buries, bury) ||
        weft__session_init(&uplink->session, &uplink->remote, &uplink_ops, 'C', &line_limits))
        return weft__error(WEFT_ENOMEM, "dial: no memory");
    uplink->seated = true;
    uplink->session.beat_ms = 5000;
    uplink->session.beats_missed_max = 3;
    uplink->session.stall_ms = STALL_MS;
    uint64_t now_ns = weft__enter(node);
    error = weft__core_uplink_open(node->core, now_ns, node->process->session, &uplink->session.dest);
    uplink->session.gathers_ns = GATHERS_NS;
    node->gathers = &uplink->session.dest;
    node->lead = &uplink->lead;
    if (!error) weft__session_pump_ready(&uplink->session);
    weft__leave(node);
    return error ? weft__error_plain(error, "dial") : WEFT_OK;
}

static weft_error uplink_new(weft_node *node, const unsigned char *instance, uint64_t public_session,
                             struct uplink **made)
{
    struct uplink *uplink = weft__mem_zalloc(&node->mem, sizeof(*uplink));
    if (!uplink) return weft__error(WEFT_ENOMEM, "dial: no memory");
    uplink->node = node;
    uplink->public_session = public_session;
    memcpy(uplink->instance, instance, INSTANCE_BYTES);
    list_init(&uplink->asking);
    list_init(&uplink->standing);
    list_init(&uplink->anew);
    list_init(&uplink->waiters);
    weft__numbers_init(&uplink->tasks, &node->mem);
    weft__numbers_init(&uplink->hands, &node->mem);
    weft__lock_init(&uplink->lock, LOCK_STATION);
    weft__lead_init(&uplink->lead, weft__service_watch, node);
    uplink->down_ns = weft__clock_ns();
    weft_error error = weft__remote_start(&uplink->remote, node);
    if (error) {
        weft__lead_fini(&uplink->lead);
        weft__lock_fini(&uplink->lock);
        weft__mem_free(&node->mem, uplink);
        return weft__error(error, "dial: no thread to be had");
    }
    *made = uplink;
    return WEFT_OK;
}

static weft_error await_first(struct uplink *uplink)
{
    uint64_t deadline_ns = weft__deadline(weft__clock_ns(), uplink->options.dial_timeout_ms);
    weft_error error = WEFT_OK;
    weft__lock(&uplink->lock);
    while (!uplink->was_up && !uplink->refused && !error)
        if (!await_change(uplink, deadline_ns)) error = WEFT_ELOST;
    if (uplink->refused) error = uplink->refused;
    if (uplink->was_up) error = WEFT_OK;
    if (error) (void)weft__error(error, "dial: %s", uplink->said[0] ? uplink->said : "no answer in time");
    weft__unlock(&uplink->lock);
    return error;
}

static weft_error dial_node(const char *urls, const weft_dial_options *options, weft_node **dialled)
{
    unsigned char instance[INSTANCE_BYTES];
    uint64_t public_session;
    weft_node *node;
    randombytes_buf(instance, sizeof instance);
    instance[6] &= 0x1f; /* below 2^53: a number that every reader of JSON reads as it stands */
    instance[7] = 0;
    memcpy(&public_session, instance, sizeof public_session);
    public_session |= CORE_STRANGE_SESSION;
    memcpy(instance, &public_session, sizeof public_session);
    weft_error error = weft__node_open(options->node, public_session, &node);
    if (error) return error;
    error = uplink_new(node, instance, public_session, &node->uplink);
    if (!error) error = build(node->uplink, urls, options);
    if (!error) {
        dial_next(node->uplink);
        set_timer(node->uplink);
        error = await_first(node->uplink);
    }
    if (!error && options->node && options->node->hooks && weft__callbacks_start(node))
        error = weft__error(WEFT_ESYSTEM, "dial: no thread for the hooks to be had");
    if (error) {
        char said[ERROR_TEXT_MAX];
        (void)snprintf(said, sizeof said, "%s", weft_error_message());
        (void)weft_node_close(node, 0);
        return weft__error(error, "%s", said);
    }
    node->died = somebody_died;
    *dialled = node;
    return WEFT_OK;
}

weft_error weft_node_dial(const char *urls, const weft_dial_options *options, weft_node **dialled)
{
    const weft_dial_options defaults = WEFT_DIAL_OPTIONS;
    int cancel;
    if (weft__forked) return weft__error_forked(__func__);
    if (!options) options = &defaults;
    weft_error error = check(urls, options, dialled);
    if (error) return error;
    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel); /* random bytes and files are cancellation points */
    error = dial_node(urls, options, dialled);
    (void)pthread_setcancelstate(cancel, NULL);
    return error;
}

/* All that was put has been got: the last word can be said. */
static void delivered(struct session *session)
{
    struct uplink *uplink = list_record(session, struct uplink, session);
    weft__lock(&uplink->lock);
    uplink->parted = true;
    weft__unlock(&uplink->lock);
    weft__session_close(session, WEFT_OK, NULL);
}

/* Goodbye is said when everything before it was got, and answered when it was dealt with. A connection that breaks before that is
 * made anew. */
void weft__uplink_part(struct uplink *uplink, uint64_t deadline_ns)
{
    struct session *session = &uplink->session;
    weft__lock(&uplink->lock);
    bool was_up = uplink->was_up;
    weft__unlock(&uplink->lock);
    if (!was_up) return;
    uint64_t least_ns = weft__clock_after_ms(weft__clock_ns(), GOODBYE_MS);
    if (deadline_ns < least_ns) deadline_ns = least_ns;
    weft__session_await_pump(session, deadline_ns);
    weft__lock(&uplink->lock);
    bool up = uplink->was_up && !uplink->down_ns, parting = uplink->was_up && !uplink->lost;
    uplink->parting = parting;
    weft__unlock(&uplink->lock);
    if (!parting) return;
    weft__lock(&session->lock);
    bool at_once = weft__line_unacknowledged(session->line) == 0;
    session->wants_delivered = !at_once;
    if (!at_once) weft__line_beat(session->line, true);
    weft__unlock(&session->lock);
    if (at_once && !up) return;
    if (at_once)
        delivered(session);
    else
        weft__session_flush(session);
    weft__lock(&uplink->lock);
    while (uplink->parting && !uplink->lost && !(uplink->parted && uplink->down_ns) &&
           await_change(uplink, deadline_ns)) {
    }
    uplink->parted = true;
    weft__unlock(&uplink->lock);
}

void weft__uplink_close(struct uplink *uplink)
{
    weft__lock(&uplink->lock);
    uplink->closing = true;
    struct dial *dial = uplink->dial;
    if (dial) weft__dial_cancel(dial);
    while (uplink->dialling || uplink->starting || uplink->greeting_count)
        (void)await_change(uplink, PARK_FOREVER);
    dial = uplink->dial;
    uplink->dial = NULL;
    weft__unlock(&uplink->lock);
    weft__dial_free(dial); /* its call has returned then */
    weft__timer_gone(&uplink->remote, &uplink->again);
    weft__timer_gone(&uplink->remote, &uplink->buries);
    tell_all(uplink, WEFT_ECLOSED);
    if (uplink->seated) {
        weft__session_over(&uplink->session);
        weft__session_drop(&uplink->session);
    }
    weft__remote_stop(&uplink->remote);
}

void weft__uplink_destroy(struct uplink *uplink)
{
    const struct mem *mem = &uplink->node->mem;
    weft__line_free(uplink->spare);
    for (struct list_node *on; (on = list_pop_front(&uplink->standing));)
        weft__mem_free(mem, list_record(on, struct standing, on));
    for (size_t i = 0; i < UPLINK_CONTRACTS; i++)
        weft__contract_drop(uplink->contracts[i]);
    weft__numbers_fini(&uplink->tasks);
    weft__numbers_fini(&uplink->hands);
    for (size_t i = 0; i < sizeof uplink->tls_texts / sizeof *uplink->tls_texts; i++)
        weft__mem_free(mem, uplink->tls_texts[i]);
    weft__mem_free(mem, uplink->texts);
    weft__lead_fini(&uplink->lead);
    weft__lock_fini(&uplink->lock);
    weft__mem_free(mem, uplink);
}
