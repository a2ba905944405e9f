/* session.c: putting single frames, closing, failing, beats, and the life of a session. */
#include <stdio.h>

#include "base/assert.h"
#include "base/clock.h"
#include "exec/node.h"
#include "remote/remote.h"
#include "remote/session_inside.h"

static void session_free(struct errand *errand);

void weft__session_say(struct session *session, weft_error error, const char *sentence)
{
    if (session->why) return;
    session->why = error;
    weft__mem_free(&session->remote->node->mem, session->sentence);
    session->sentence = sentence ? weft__mem_text(&session->remote->node->mem, sentence) : NULL;
}

/* Who waits for room. On its stack. */
struct waiting {
    struct list_node on;
    struct park park;
};

void weft__session_let_in(struct session *session)
{
    for (struct list_node *on; (on = list_pop_front(&session->crowd));)
        weft__unpark(&list_record(on, struct waiting, on)->park);
}

weft_error weft__session_put(struct session *session, uint64_t lane, const struct frame *frame, struct message *message)
{
    weft__lock(&session->lock);
    uint64_t most = session->waiting_bytes_most;
    weft_error error = session->over ? WEFT_ECLOSED
                       : most && weft__line_waiting(session->line) > 2 * most
                           ? WEFT_ESLOW
                           : weft__line_put(session->line, lane, frame, message);
    bool much = most && weft__line_waiting(session->line) > most;
    weft__unlock(&session->lock);
    if (error == WEFT_ENOMEM) weft__session_fail(session, error, "no memory for what it is to be sent");
    if (error == WEFT_ESLOW)
        weft__session_fail(session, error, "it comes back for more and takes nothing of what waits");
    if (error) return error;
    weft__session_write(session, false);
    if (much) weft__session_close(session, WEFT_ESLOW, "more waits for the other end than it may cause");
    return WEFT_OK;
}

void weft__session_frame_max(struct session *session, uint32_t bytes)
{
    weft__lock(&session->lock);
    weft__line_frame_max(session->line, bytes);
    weft__unlock(&session->lock);
}

uint32_t weft__session_generation(struct session *session)
{
    weft__lock(&session->lock);
    uint32_t generation = session->generation;
    weft__unlock(&session->lock);
    return generation;
}

weft_error weft__session_try_put(struct session *session, uint32_t generation, uint64_t lane, const struct frame *frame)
{
    weft__lock(&session->lock);
    weft_error error = session->over                       ? WEFT_ECLOSED
                       : session->generation != generation ? WEFT_ELOST
                                                           : weft__line_put(session->line, lane, frame, NULL);
    weft__unlock(&session->lock);
    if (!error) weft__session_write(session, false);
    return error;
}

weft_error weft__session_put_waiting(struct session *session, uint64_t lane, const struct frame *frame)
{
    weft__lock(&session->lock);
    while (!session->over && weft__line_full(session->line)) {
        struct waiting waiting;
        weft__park_init(&waiting.park);
        list_push_back(&session->crowd, &waiting.on);
        weft__unlock(&session->lock);
        (void)weft__park(&waiting.park, PARK_FOREVER);
        weft__lock(&session->lock);
    }
    weft__unlock(&session->lock);
    return weft__session_try_put(session, weft__session_generation(session), lane, frame);
}

void weft__session_close(struct session *session, weft_error error, const char *sentence)
{
    struct frame frame = {.kind = error ? FRAME_ERROR : FRAME_GOODBYE};
    if (error) frame.error = (struct frame_error){.code = (uint16_t)error, .sentence = sentence};
    weft__lock(&session->lock);
    struct conn *conn = session->conn;
    if (error) weft__session_say(session, error, sentence);
    bool there = weft__conn_hold(conn);
    if (there) (void)weft__line_put_now(session->line, &frame);
    bool waits = there && error && error != WEFT_ESLOW && (session->writing || conn->greeting_size);
    if (waits) conn->last = true;
    weft__unlock(&session->lock);
    if (!there) return;
    weft__session_flush(session);
    if (error && !waits) weft__conn_close(conn); /* what could be written at once was */
    weft__conn_release(conn);
}

/* On the remote's thread. */
static void broken(struct errand *errand)
{
    struct session *session = list_record(errand, struct session, broken);
    atomic_store(&session->failing, false); /* before: what fails while this is dealt with is another failure */
    session->ops->failed(session);
    weft__session_drop(session);
}

void weft__session_fail(struct session *session, weft_error error, const char *sentence)
{
    if (atomic_exchange(&session->failing, true)) return;
    weft__session_hold(session);
    weft__session_close(session, error, sentence);
    weft__remote_leave(session->remote, &session->broken);
}

/* With the session's lock, at each beat. True: something waits, and for too long none of it was taken, nor anything acknowledged. */
static bool too_slow(struct session *session, uint64_t now_ns)
{
    uint64_t progress = weft__line_progress(session->line);
    bool waits = weft__line_waiting(session->line) > 0, takes = progress != session->seen_progress;
    session->seen_progress = progress;
    if (!session->conn || !waits || takes || session->stall_ms == WEFT_FOREVER) {
        session->slow_since_ns = 0;
        return false;
    }
    if (!session->slow_since_ns) session->slow_since_ns = now_ns;
    return now_ns - session->slow_since_ns >= session->stall_ms * NS_PER_MS;
}

/* Without a sign of life for so long it is gone. */
static uint64_t silence_ns(const struct session *session)
{
    uint64_t beat_ns = session->beat_ms * NS_PER_MS, most = UINT64_MAX / 4 / beat_ns;
    return beat_ns * (session->beats_missed_max < most ? session->beats_missed_max : most);
}

/* A tick that comes much too late is our own pause: what the other end has sent meanwhile is read first. */
void weft__session_beat(struct session *session, uint64_t now_ns)
{
    uint64_t beat_ns = session->beat_ms * NS_PER_MS;
    bool paused = session->beat_ns && now_ns > session->beat_ns + beat_ns + silence_ns(session) / 2;
    session->beat_ns = now_ns;
    weft__lock(&session->lock);
    struct conn *conn = session->conn;
    bool there = weft__conn_hold(conn), slow = too_slow(session, now_ns);
    weft__line_beat(session->line, false);
    weft__unlock(&session->lock);
    if (!there) return;
    uint64_t heard_ns = atomic_load_explicit(&conn->heard_ns, memory_order_relaxed);
    if (!paused && now_ns > heard_ns + silence_ns(session))
        weft__conn_close_saying(conn, session, WEFT_ETIMEDOUT, "the other end has given no sign of life");
    else if (!paused && slow)
        weft__session_close(session, WEFT_ESLOW, "the other end takes nothing of what waits for it");
    else
        weft__session_flush(session);
    weft__conn_release(conn);
}

/* --- life ------------------------------------------------------------------------------------- */

static void beat_due(struct timer *timer, uint64_t now_ns)
{
    struct session *session = list_record(timer, struct session, timer);
    session->ops->beat(session, now_ns);
}

weft_error weft__session_init(struct session *session, struct remote *remote, const struct session_ops *ops, char by,
                              const struct line_limits *limits)
{
    session->remote = remote;
    session->ops = ops;
    session->line = weft__line_new(&remote->node->mem, by, limits);
    if (!session->line || !weft__timer_ready(remote, &session->timer, beat_due)) {
        weft__line_free(session->line);
        session->remote = NULL; /* nothing of it is there */
        return WEFT_ENOMEM;
    }
    atomic_init(&session->refs, 1);
    weft__core_dest_init(&session->dest);
    weft__waiter_init(&session->waiter);
    session->waiter.woken = weft__session_pump_woken;
    session->gone.run = session_free;
    session->broken.run = broken;
    atomic_init(&session->failing, false);
    weft__lock_init(&session->lock, LOCK_SESSION);
    list_init(&session->crowd);
    list_init(&session->on_remote);
    weft__lock(&remote->lock);
    list_push_back(&remote->sessions, &session->on_remote);
    weft__unlock(&remote->lock);
    return WEFT_OK;
}

void weft__session_hold(struct session *session)
{
    atomic_fetch_add_explicit(&session->refs, 1, memory_order_relaxed);
}

/* On the remote's thread. */
static void session_free(struct errand *errand)
{
    struct session *session = list_record(errand, struct session, gone);
    struct remote *remote = session->remote;
    weft__timer_gone(remote, &session->timer);
    weft__mem_free(&remote->node->mem, session->sentence);
    weft__line_free(session->line); /* of which nothing is half there: that went with its connection */
    weft__lock_fini(&session->lock);
    weft__lock(&remote->lock);
    list_remove(&session->on_remote);
    weft__unlock(&remote->lock);
    session->ops->free(session);
}

void weft__session_drop(struct session *session)
{
    if (atomic_fetch_sub_explicit(&session->refs, 1, memory_order_acq_rel) == 1)
        weft__remote_leave(session->remote, &session->gone);
}

void weft__session_over(struct session *session)
{
    weft_node *node = session->remote->node;
    weft__lock(&session->lock);
    bool stalled = session->stalled;
    bool was_over = session->over;
    struct conn *conn = session->conn, *next = session->next;
    session->over = true;
    session->stalled = false;
    weft__session_let_in(session);
    session->next = NULL;
    bool there = weft__conn_hold(conn), next_there = weft__conn_hold(next);
    weft__unlock(&session->lock);
    if (next_there) {
        weft__conn_close(next);
        weft__conn_release(next);
    }
    if (there) {
        weft__conn_close(conn);
        weft__conn_release(conn);
    }
    if (was_over) return;
    (void)weft__enter(node);
    bool rests = weft__core_unwait(&session->waiter.core);
    session->pump_over = true;
    weft__changed(node);
    weft__leave_inside(node);
    if (stalled || rests) weft__session_drop(session); /* the pump's: it will not run any more */
}
