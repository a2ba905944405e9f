/* uplink.c: how the connection of a client node comes and goes: dialling, being greeted, up, down, and lost. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/error.h"
#include "base/clock.h"
#include "exec/node.h"
#include "remote/remote.h"
#include "remote/uplink_inside.h"

enum {
    BACKOFF_FIRST_MS = 50,
    BACKOFF_MAX_MS = 2000,
    STEADY_MS = 1000, /* a connection that lives shorter is a failure like others */
    GREETING_MS = 3000,
    ATTEMPT_MS = 5000
};

struct parked {
    struct list_node on;
    struct park park;
};

void weft__uplink_changed(struct uplink *uplink)
{
    for (struct list_node *on; (on = list_pop_front(&uplink->waiters));)
        weft__unpark(&list_record(on, struct parked, on)->park);
}

bool weft__uplink_await_change(struct uplink *uplink, uint64_t deadline_ns)
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

void weft__uplink_set_timer(struct uplink *uplink)
{
    weft__lock(&uplink->lock);
    uint64_t at_ns = uplink->closing ? UINT64_MAX : due_at(uplink);
    weft__unlock(&uplink->lock);
    weft__timer_at(&uplink->remote, &uplink->again, at_ns);
}

void weft__uplink_note(struct uplink *uplink, const char *sentence)
{
    (void)snprintf(uplink->said[uplink->url], SAID_MAX, "%s", sentence);
}

/* Each has its share of the room that the others leave. */
void weft__uplink_said(const struct uplink *uplink, char *text, size_t size)
{
    size_t have = 0, count = 0;
    for (uint32_t i = 0; i < uplink->urls_count; i++)
        count += uplink->said[i][0] != '\0';
    *text = '\0';
    for (uint32_t i = 0; i < uplink->urls_count; i++) {
        if (!uplink->said[i][0]) continue;
        size_t room = (size - have) / count--;
        (void)snprintf(text + have, room, "%s%.60s: %s", have ? "; " : "", uplink->urls[i], uplink->said[i]);
        have += strlen(text + have);
    }
}

/* With the lock: when the next address must have answered. One of several has its share of the time in which somebody waits for
 * one of them, so that one that hangs leaves the others theirs. */
static uint64_t turn_ends(const struct uplink *uplink)
{
    uint64_t now_ns = weft__clock_ns(), until_ns = uplink->first_ns;
    if (uplink->was_up) until_ns = uplink->lost ? UINT64_MAX : lost_at(uplink);
    if (uplink->urls_count == 1 || until_ns == UINT64_MAX) return UINT64_MAX;
    return until_ns > now_ns ? now_ns + (until_ns - now_ns) / (uplink->urls_count - uplink->tried) : now_ns;
}

/* With the lock: what its turn leaves of so many; not 0. */
static uint32_t in_turn(const struct uplink *uplink, uint32_t most_ms)
{
    uint64_t now_ns = weft__clock_ns();
    uint64_t left_ms = uplink->turn_ns > now_ns ? (uplink->turn_ns - now_ns) / NS_PER_MS : 0;
    return left_ms < most_ms ? (uint32_t)left_ms + 1 : most_ms;
}

/* With the lock: the next address is tried later, or at once where it is the next of a round. */
static void failed(struct uplink *uplink, const char *sentence)
{
    weft__uplink_note(uplink, sentence);
    uplink->url = (uplink->url + 1) % uplink->urls_count;
    uplink->tried = (uplink->tried + 1) % uplink->urls_count;
    uint64_t wait_ns = uplink->tried ? 0 : backoff_ns(uplink->failures++);
    uplink->again_ns = weft__clock_ns() + wait_ns;
    weft__uplink_changed(uplink);
}

/* The session is given up: nobody asks it any more, and nothing of it goes out. */
static void lose_all(struct uplink *uplink)
{
    weft__lock(&uplink->lock);
    uplink->lost = true;
    uplink->broken = false;
    uplink->lost_ns = weft__clock_ns();
    weft__uplink_changed(uplink);
    weft__unlock(&uplink->lock);
    weft__uplink_lose(uplink);
}

void weft__uplink_again_due(struct timer *timer, uint64_t now_ns)
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
    if (dial) weft__uplink_dial_next(uplink);
    weft__uplink_set_timer(uplink);
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

static void dialled(void *context, weft_error error, const char *sentence, struct pipe *pipe)
{
    struct uplink *uplink = context;
    struct frame hello;
    weft__lock(&uplink->lock);
    uplink->dialling = false;
    bool closing = uplink->closing;
    if (closing) weft__uplink_changed(uplink);
    if (error && !closing) failed(uplink, sentence);
    weft__lock(&uplink->session.lock);
    if (!error && !closing) fill_hello(uplink, &hello);
    weft__unlock(&uplink->session.lock);
    uint32_t greeting_ms = in_turn(uplink, GREETING_MS);
    weft__unlock(&uplink->lock);
    if (!error && closing) weft__remote_reap(&uplink->remote, pipe);
    if (closing) return;
    if (!error) weft__pipe_lead_by(pipe, &uplink->lead);
    if (!error && !weft__conn_new(&uplink->remote, &weft__uplink_ops, uplink, pipe, greeting_ms, &hello)) {
        weft__lock(&uplink->lock);
        failed(uplink, "no memory for a connection");
        weft__unlock(&uplink->lock);
    }
    weft__uplink_set_timer(uplink);
}

void weft__uplink_dial_next(struct uplink *uplink)
{
    char sentence[FRAME_SENTENCE_MAX];
    struct dial *dial;
    weft__lock(&uplink->lock);
    bool closing = uplink->closing;
    const char *url = uplink->urls[uplink->url];
    uplink->dialling = uplink->starting = !closing;
    uplink->turn_ns = turn_ends(uplink);
    uint32_t attempt_ms = in_turn(uplink, ATTEMPT_MS);
    weft__unlock(&uplink->lock);
    if (closing) return;
    weft_error error = weft__pipe_dial(&uplink->node->mem, url, strncmp(url, "tls", 3) ? NULL : &uplink->tls,
                                       attempt_ms, dialled, uplink, &dial, sentence);
    weft__lock(&uplink->lock);
    if (error) {
        uplink->dialling = false;
        failed(uplink, sentence);
    } else {
        uplink->dial = dial;
        if (uplink->closing) weft__dial_cancel(dial);
    }
    uplink->starting = false;
    if (uplink->closing) weft__uplink_changed(uplink);
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
    if (!uplink) return; /* it was told */
    weft__lock(&uplink->lock);
    bool lose = conn->session && !uplink->closing;
    weft__unlock(&uplink->lock);
    if (lose) lose_all(uplink);
    weft__lock(&uplink->lock);
    if (!uplink->down_ns) uplink->down_ns = weft__clock_ns();
    failed(uplink, error == WEFT_ETIMEDOUT ? UPLINK_SILENT : sentence);
    weft__unlock(&uplink->lock);
    weft__uplink_set_timer(uplink);
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
    weft__uplink_set_timer(uplink);
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
    uplink->tried = 0;
    memset(uplink->said, 0, sizeof uplink->said);
    uplink->down_ns = 0;
    uplink->up_ns = weft__clock_ns();
    uplink->resumed = welcome->resumed;
    memcpy(uplink->node_id, welcome->node, INSTANCE_BYTES);
    (void)snprintf(uplink->own_name, sizeof uplink->own_name, "%s", welcome->name ? welcome->name : "");
    uplink->session.beat_ms = welcome->beat_ms;
    uplink->session.beats_missed_max = welcome->beats_missed_max;
    weft__unlock(&uplink->lock);
    weft__session_frame_max(&uplink->session, welcome->frame_max);
    atomic_store(&uplink->frame_max, welcome->frame_max);
    if (anew) weft__uplink_announce_all(uplink);
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
    if (uplink->closing) weft__uplink_changed(uplink);
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
    weft__uplink_changed(uplink);
    weft__unlock(&uplink->lock);
    weft__timer_at(&uplink->remote, &session->timer, weft__clock_after_ms(weft__clock_ns(), session->beat_ms));
    weft__uplink_set_timer(uplink);
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
        weft__uplink_note(uplink, sentence);
        uplink->again_ns = now_ns + (uplink->failures ? backoff_ns(uplink->failures) : 0); /* at once, the first time */
        uplink->failures++;
    }
    weft__uplink_changed(uplink);
    weft__unlock(&uplink->lock);
    if (broken) lose_all(uplink);
    weft__uplink_set_timer(uplink);
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
    weft__uplink_set_timer(uplink);
}

static void said_goodbye(struct session *session)
{
    struct uplink *uplink = list_record(session, struct uplink, session);
    weft__lock(&uplink->lock);
    bool parted = uplink->parted;
    uplink->parting = false;
    weft__uplink_changed(uplink);
    weft__unlock(&uplink->lock);
    if (!parted) weft__session_close(session, WEFT_ECLOSED, "the node said goodbye: it closes");
}

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

const struct session_ops weft__uplink_ops = {.hears = 'N',
                                             .greeted = greeted,
                                             .up = went_up,
                                             .frames = weft__uplink_frames,
                                             .taken = weft__uplink_taken,
                                             .put = weft__uplink_put,
                                             .spent = weft__uplink_spent,
                                             .goodbye = said_goodbye,
                                             .delivered = weft__uplink_delivered,
                                             .down = went_down,
                                             .lost = lost_conn,
                                             .failed = session_failed,
                                             .beat = beat,
                                             .free = session_freed};
