/* Note QUIET. A connection ends when it is closed and the last call of its pipe is over (busy is 0). Only then its line is
 * taken down, since a write under way reads the line's memory; and only then the next connection is attached. */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/clock.h"
#include "exec/node.h"
#include "remote/remote.h"
#include "remote/session_inside.h"

enum { ROOM_BUSY = 65536, FRAMES_MAX = 64, SMALL_READ = FIRST_BYTES, SMALL_READS = 16, REFUSED_MS = 1000 };

static const char NOT_GREETED[] = "nothing that greets has come in time";

static bool note_half(struct session *session);
static void go_on(struct conn *conn);

static void put_greeting(struct conn *conn, const struct frame *greeting)
{
    conn->greeting_size = weft__frame_size(greeting);
    WEFT_ASSERT(conn->greeting && conn->greeting_size <= GREETING_BYTES);
    (void)weft__frame_write(greeting, false, conn->greeting);
}

/* Called with the session's lock, for one that is held. False: what the other end says it has got cannot be. */
static bool attach(struct session *session, struct conn *conn)
{
    if (session->over || weft__line_up(session->line, conn->received)) return false;
    session->conn = conn;
    session->why = WEFT_OK;
    conn->attached = true;
    if (session->ops->welcome) {
        struct frame frame;
        session->ops->welcome(session, &frame);
        put_greeting(conn, &frame);
    }
    return true;
}

static void conn_free(struct conn *conn)
{
    struct remote *remote = conn->remote;
    struct mem *mem = &remote->node->mem;
    weft__timer_gone(remote, &conn->timer);
    weft__pipe_free(conn->pipe);
    if (conn->session) weft__session_drop(conn->session);
    if (conn->buffer != conn->first) weft__mem_free(mem, conn->buffer);
    weft__mem_free(mem, conn->greeting);
    weft__lock(&remote->lock);
    list_remove(&conn->on_remote);
    remote->conns_count--;
    remote->greeting_count -= !conn->greeted;
    weft__unlock(&remote->lock);
    weft__mem_free(mem, conn);
}

static void refuse(struct conn *conn, weft_error error)
{
    weft__conn_refuse(conn, error, "the session cannot be taken up from there");
}

/* Its session has none any more: the one that waited, or none, and the end is told. Note QUIET. */
static void detached(struct conn *conn, struct session *session)
{
    const char *sentence = "the connection was closed";
    char *said = NULL;
    weft_error why = WEFT_ECLOSED;
    weft__lock(&session->lock);
    weft__line_down(session->line);
    (void)note_half(session);
    conn->attached = false;
    session->conn = NULL;
    session->writing = false;
    if (session->why) {
        why = session->why;
        said = session->sentence;
        session->sentence = NULL;
        sentence = said ? said : weft_error_text(why);
    }
    struct conn *next = session->next;
    session->next = NULL;
    bool ends = why == WEFT_EPROTOCOL; /* the session, for a guest: who waits comes again, to another one */
    bool there = weft__conn_hold(next), taken = there && !ends && attach(session, next);
    weft__unlock(&session->lock);
    if (!taken) session->ops->down(session, why, sentence);
    weft__mem_free(&session->remote->node->mem, said);
    if (taken)
        go_on(next);
    else if (there && ends)
        weft__conn_close(next);
    else if (there)
        refuse(next, WEFT_EPROTOCOL);
    if (there) weft__conn_release(next);
}

/* Note QUIET. */
static void conn_over(struct errand *errand)
{
    struct conn *conn = list_record(errand, struct conn, errand);
    struct session *session = conn->session;
    if (session && conn->attached) {
        detached(conn, session);
    } else {
        bool late = !conn->greeted && atomic_load(&conn->refused);
        if (session) {
            weft__lock(&session->lock);
            if (session->next == conn) session->next = NULL;
            weft__unlock(&session->lock);
        }
        conn->ops->lost(conn, late ? WEFT_ETIMEDOUT : WEFT_ECLOSED, late ? NOT_GREETED : "the connection was closed");
    }
    conn_free(conn);
}

/* The last lets go of it: the rest is the remote's thread's, since he may have any lock. */
void weft__conn_release(struct conn *conn)
{
    if (atomic_fetch_sub_explicit(&conn->busy, 1, memory_order_acq_rel) != 1) return;
    conn->errand.run = conn_over;
    weft__remote_leave(conn->remote, &conn->errand);
}

/* By who is in a call of its own already, or holds it. */
static void conn_busy(struct conn *conn)
{
    atomic_fetch_add_explicit(&conn->busy, 1, memory_order_relaxed);
}

bool weft__conn_hold(struct conn *conn)
{
    int busy = conn ? atomic_load_explicit(&conn->busy, memory_order_relaxed) : 0;
    while (busy > 0)
        if (atomic_compare_exchange_weak_explicit(&conn->busy, &busy, busy + 1, memory_order_acquire,
                                                  memory_order_relaxed))
            return true;
    return false;
}

void weft__conn_close(struct conn *conn)
{
    if (atomic_exchange(&conn->closing, true)) return;
    weft__pipe_close(conn->pipe);
    weft__conn_release(conn);
}

/* By who is in a call of it, or holds it. What ends one that is not attached is no news of the session's. */
void weft__conn_close_saying(struct conn *conn, struct session *session, weft_error error, const char *sentence)
{
    if (session) {
        weft__lock(&session->lock);
        if (conn->attached) weft__session_say(session, error, sentence);
        weft__unlock(&session->lock);
    }
    weft__conn_close(conn);
}

static void greeting_written(void *context, weft_error error, size_t size);

static void write_greeting(struct conn *conn)
{
    conn_busy(conn);
    weft__pipe_write(conn->pipe, conn->greeting, conn->greeting_size, greeting_written, conn);
}

/* The rest of it, or the line's bytes after it, or the end. */
static void greeting_written(void *context, weft_error error, size_t size)
{
    struct conn *conn = context;
    size_t left = error ? 0 : conn->greeting_size - size;
    memmove(conn->greeting, conn->greeting + size, left);
    if (!left && conn->ops->welcome) { /* an idle connection is to be small */
        weft__mem_free(&conn->remote->node->mem, conn->greeting);
        conn->greeting = NULL;
    }
    weft__lock(&conn->remote->lock);
    conn->greeting_size = left;
    struct session *session = conn->session; /* it may come now: then attaching flushes */
    weft__unlock(&conn->remote->lock);
    if (error)
        weft__conn_close_saying(conn, session, error, NULL);
    else if (left)
        write_greeting(conn);
    else if (atomic_load(&conn->refused))
        weft__conn_close(conn);
    else if (session)
        weft__session_flush(session);
    if (session && !left && weft__conn_is_last(conn, session)) weft__conn_close(conn);
    weft__conn_release(conn);
}

/* Whether it was only to say the last word, which has to wait for what is being written. */
bool weft__conn_is_last(struct conn *conn, struct session *session)
{
    weft__lock(&session->lock);
    bool last = conn->last;
    weft__unlock(&session->lock);
    return last;
}

static void greeting_due(struct timer *timer, uint64_t now_ns)
{
    struct conn *conn = list_record(timer, struct conn, timer);
    (void)now_ns;
    if (!weft__conn_hold(conn)) return;
    if (atomic_load(&conn->refused))
        weft__conn_close(conn);
    else
        weft__conn_refuse(conn, WEFT_ETIMEDOUT, NOT_GREETED);
    weft__conn_release(conn);
}

static void got(void *context, weft_error error, size_t size);

static void read_more(struct conn *conn)
{
    conn_busy(conn);
    weft__pipe_read(conn->pipe, conn->buffer + conn->have, conn->room - conn->have, got, conn);
}

struct conn *weft__conn_new(struct remote *remote, const struct session_ops *ops, void *context, struct pipe *pipe,
                            uint32_t timeout_ms, const struct frame *greeting)
{
    struct mem *mem = &remote->node->mem;
    struct conn *conn = weft__mem_zalloc(mem, sizeof(*conn));
    if (conn) conn->greeting = weft__mem_alloc(mem, GREETING_BYTES);
    if (!conn || !conn->greeting || !weft__timer_ready(remote, &conn->timer, greeting_due)) {
        if (conn) weft__mem_free(mem, conn->greeting);
        weft__mem_free(mem, conn);
        weft__pipe_free(pipe);
        return NULL;
    }
    conn->remote = remote;
    conn->pipe = pipe;
    conn->ops = ops;
    conn->context = context;
    conn->buffer = conn->first;
    conn->room = sizeof conn->first;
    atomic_init(&conn->closing, false);
    atomic_init(&conn->busy, 2); /* until it is closed; and until this function is done with it */
    list_init(&conn->on_remote);
    weft__lock(&remote->lock);
    bool stopping = remote->stopping;
    list_push_back(&remote->conns, &conn->on_remote);
    remote->conns_count++;
    remote->greeting_count++;
    weft__unlock(&remote->lock);
    if (stopping) weft__conn_close(conn);
    weft__timer_at(remote, &conn->timer, weft__clock_after_ms(weft__clock_ns(), timeout_ms));
    if (greeting) {
        put_greeting(conn, greeting);
        write_greeting(conn);
    }
    read_more(conn);
    weft__conn_release(conn);
    return conn;
}

/* On the remote's thread, for one that is held. */
void weft__conn_refuse(struct conn *conn, weft_error error, const char *sentence)
{
    struct frame frame = {.kind = FRAME_ERROR, .error = {.code = (uint16_t)error, .sentence = sentence}};
    if (atomic_load(&conn->closing) || atomic_exchange(&conn->refused, true)) return;
    if (conn->greeting_size || !conn->greeting) { /* something of it is still on its way; or it has greeted */
        weft__conn_close(conn);
        return;
    }
    /* Before a handshake nothing can be written, and that may never come. */
    weft__timer_at(conn->remote, &conn->timer, weft__clock_after_ms(weft__clock_ns(), REFUSED_MS));
    put_greeting(conn, &frame);
    write_greeting(conn);
}

static void close_held(struct conn *conn, bool held)
{
    if (!held) return;
    weft__conn_close(conn);
    weft__conn_release(conn);
}

void weft__conn_attach(struct conn *conn, struct session *session, uint64_t received)
{
    weft_error error = WEFT_OK;
    weft__session_hold(session); /* the connection's */
    conn->received = received;
    weft__lock(&conn->remote->lock);
    conn->session = session;
    weft__unlock(&conn->remote->lock);
    weft__lock(&session->lock);
    struct conn *old = session->conn, *displaced = session->next;
    bool old_there = weft__conn_hold(old), displaced_there = weft__conn_hold(displaced);
    if (session->over) {
        error = WEFT_ECLOSED;
    } else if (old) { /* be it over or not: its end is still to be dealt with */
        session->next = conn;
        weft__session_say(session, WEFT_ECLOSED, "superseded by a newer connection of the same session");
    } else if (!attach(session, conn)) {
        error = WEFT_EPROTOCOL;
    }
    weft__unlock(&session->lock);
    close_held(displaced, displaced_there);
    close_held(old, old_there);
    if (error) refuse(conn, error);
}

/* --- reading ---------------------------------------------------------------------------------- */

static bool of_connection(const struct frame *frame)
{
    return frame->kind < FRAME_PART;
}

static void connection_frame(struct conn *conn, const struct frame *frame)
{
    if (frame->kind == FRAME_GOODBYE) {
        conn->session->ops->goodbye(conn->session);
    } else if (frame->kind == FRAME_ERROR) {
        weft__conn_close_saying(conn, conn->session, (weft_error)frame->error.code, frame->error.sentence);
    } else {
        char sentence[FRAME_SENTENCE_MAX];
        (void)snprintf(sentence, sizeof sentence, "%s in the middle of a connection", weft__frame_name(frame->kind));
        weft__session_close(conn->session, WEFT_EPROTOCOL, sentence);
    }
}

/* As many as are whole, FRAMES_MAX at most. A large one is the last, since it stands in the line's memory. */
static weft_error read_frames(struct session *session, weft_bytes *bytes, struct frame *frames, size_t *count,
                              size_t *need, char *sentence)
{
    weft_error error = WEFT_OK;
    weft__lock(&session->lock);
    for (*count = 0; *count < FRAMES_MAX && !error;) {
        struct frame *frame = &frames[*count];
        error = weft__line_read(session->line, bytes, frame, need, sentence);
        if (error) break;
        ++*count;
        if (of_connection(frame) || frame->size > FRAME_BODY_MAX + FRAME_HEADER_BYTES) break;
    }
    if (note_half(session) && (!error || error == WEFT_EAGAIN)) {
        (void)snprintf(sentence, FRAME_SENTENCE_MAX, "more has come of large frames, of all sessions, than may wait");
        error = WEFT_ENOMEM;
    }
    weft__unlock(&session->lock);
    return error;
}

/* With the session's lock. True: with what has come of a large frame here now, all sessions have more than they may. */
static bool note_half(struct session *session)
{
    struct remote *remote = session->remote;
    uint64_t now_bytes = weft__line_half(session->line), before_bytes = session->half_bytes;
    session->half_bytes = now_bytes;
    if (now_bytes == before_bytes) return false;
    uint64_t all_bytes = atomic_fetch_add(&remote->half_bytes, now_bytes - before_bytes) + now_bytes - before_bytes;
    return now_bytes > before_bytes && remote->half_bytes_max && all_bytes > remote->half_bytes_max;
}

static void counted(struct session *session, size_t count)
{
    weft__lock(&session->lock);
    weft__line_count(session->line, (uint32_t)count);
    weft__unlock(&session->lock);
}

/* Deals with all whole frames of the buffer. False: the connection is to be closed, or was. */
static bool deal(struct conn *conn, size_t *need)
{
    struct session *session = conn->session;
    weft_bytes bytes = {conn->buffer, conn->have};
    for (weft_error error = WEFT_OK; !error;) {
        struct frame frames[FRAMES_MAX];
        char sentence[FRAME_SENTENCE_MAX] = "";
        size_t count, dealt = 0;
        error = read_frames(session, &bytes, frames, &count, need, sentence);
        bool other = count > 0 && of_connection(&frames[count - 1]);
        size_t own = count - other;
        weft_error bad = own ? session->ops->frames(session, frames, own, &dealt, sentence) : WEFT_OK;
        counted(session, dealt);
        if (bad || (error && error != WEFT_EAGAIN)) {
            weft__session_close(session, bad ? bad : error, sentence);
            return false;
        }
        if (other) connection_frame(conn, &frames[count - 1]);
        if (atomic_load(&conn->closing)) return false;
    }
    memmove(conn->buffer, bytes.data, bytes.size);
    conn->have = bytes.size;
    return true;
}

/* True: more has to come. */
static bool greet(struct conn *conn)
{
    struct frame frame;
    char sentence[FRAME_SENTENCE_MAX];
    size_t need;
    enum frame_reading reading =
        weft__frame_read(conn->buffer, conn->have, conn->ops->hears, sizeof conn->first, &frame, &need, sentence);
    if (reading == FRAME_MORE) return true;
    if (atomic_load(&conn->refused)) return false; /* it comes too late */
    if (reading == FRAME_WHOLE && frame.kind != FRAME_HELLO && frame.kind != FRAME_WELCOME &&
        frame.kind != FRAME_ERROR) {
        (void)snprintf(sentence, sizeof sentence, "%s before the greeting", weft__frame_name(frame.kind));
        reading = FRAME_BAD;
    }
    weft__timer_gone(conn->remote, &conn->timer);
    weft__lock(&conn->remote->lock);
    conn->remote->greeting_count--;
    weft__unlock(&conn->remote->lock);
    conn->greeted = true;
    if (reading == FRAME_BAD) {
        weft__conn_refuse(conn, WEFT_EPROTOCOL, sentence);
        return false;
    }
    conn->ops->greeted(conn, &frame);
    conn->have -= frame.size;
    memmove(conn->buffer, conn->buffer + frame.size, conn->have);
    return false;
}

/* More room while much comes, or for a frame that needs it; and the small buffer again when little comes. */
static bool fit(struct conn *conn, size_t size, size_t need)
{
    struct mem *mem = &conn->remote->node->mem;
    bool small = conn->buffer == conn->first;
    conn->small_reads = size < SMALL_READ && conn->have == 0 ? conn->small_reads + 1 : 0;
    if (small && (conn->have == conn->room || need > conn->room || size == conn->room)) {
        unsigned char *buffer = weft__mem_alloc(mem, ROOM_BUSY);
        if (!buffer) return conn->have < conn->room;
        memcpy(buffer, conn->buffer, conn->have);
        conn->buffer = buffer;
        conn->room = ROOM_BUSY;
    } else if (!small && conn->small_reads >= SMALL_READS) {
        weft__mem_free(mem, conn->buffer);
        conn->buffer = conn->first;
        conn->room = sizeof conn->first;
    }
    return conn->have < conn->room;
}

static void look_delivered(struct session *session)
{
    weft__lock(&session->lock);
    bool delivered = session->wants_delivered && weft__line_unacknowledged(session->line) == 0;
    if (delivered) session->wants_delivered = false;
    weft__unlock(&session->lock);
    if (delivered) session->ops->delivered(session);
}

/* What stands in the buffer of one that is attached, of which so much is new. False: nothing is to be read any more. */
static bool take_in(struct conn *conn, size_t size)
{
    size_t need = 0;
    bool held = weft__pumps_hold();
    bool goes_on = deal(conn, &need);
    weft__pumps_go(held);
    if (!goes_on) return false;
    weft__session_flush(conn->session); /* acknowledgements */
    look_delivered(conn->session);
    if (fit(conn, size, need)) return true;
    weft__conn_close_saying(conn, conn->session, WEFT_ENOMEM, "no memory for what it sends");
    return false;
}

static void consume(struct conn *conn, size_t size)
{
    if (take_in(conn, size)) read_more(conn);
}

/* The remote's thread reads the greeting. One that waits to be attached is read on then. */
static void greeting_came(struct errand *errand)
{
    struct conn *conn = list_record(errand, struct conn, errand);
    if (greet(conn))
        read_more(conn);
    else if (conn->attached)
        go_on(conn);
    weft__conn_release(conn);
}

static void got(void *context, weft_error error, size_t size)
{
    struct conn *conn = context;
    if (error) {
        weft__conn_close_saying(conn, conn->session, error,
                                error == WEFT_ECLOSED ? "the other end closed the connection" : NULL);
    } else {
        conn->have += size;
        atomic_store_explicit(&conn->heard_ns, weft__clock_ns(), memory_order_relaxed);
        if (!conn->greeted) {
            conn->errand.run = greeting_came; /* it holds the connection */
            weft__remote_leave(conn->remote, &conn->errand);
            return;
        }
        consume(conn, size);
    }
    weft__conn_release(conn);
}

/* It was attached: greets, tells, and reads. On the remote's thread, for one that is held. */
static void go_on(struct conn *conn)
{
    struct session *session = conn->session;
    if (session->ops->welcome) write_greeting(conn);
    session->ops->up(session);
    weft__session_resume(session); /* it may have got before what waited here to be sent */
    weft__session_flush(session);
    if (!atomic_load(&conn->closing)) consume(conn, 0);
}
