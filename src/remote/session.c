/* Note PUMPS. A pump may be run by any thread that leaves the core, and what it takes from the core may wake other pumps.
 * They are run one after the other by the outermost, not inside each other, or a chain of them would need a stack as deep as
 * there are sessions.
 *
 * Note QUIET. A connection ends when it is closed and the last call of its pipe is over (busy is 0). Only then its line is
 * taken down, since a write under way reads the line's memory; and only then the next connection is attached.
 *
 * Note BATCH. What many threads leave behind each other is worth waiting for. The pump writes what it has taken in one go, in
 * its own thread, and on a client node it lets it gather before (weft__hurry). A frame that is put by itself is written at once
 * where the other end has got all that was sent: nothing is likely to come meanwhile. Else the write is told of by another
 * thread, which takes a moment, and what comes in that moment leaves together. */
#include "remote/session.h"

#include <stdio.h>

#include <string.h>

#include "base/assert.h"
#include "base/clock.h"
#include "exec/node.h"
#include "remote/remote.h"

enum { ROOM_BUSY = 65536, FRAMES_MAX = 64, SMALL_READ = FIRST_BYTES, SMALL_READS = 16, MUCH_BYTES = 65536 };

static void flush(struct session *session);
static bool note_half(struct session *session);
static void go_on(struct conn *conn);
static void session_free(struct errand *errand);
static void broken(struct errand *errand);
static void pump_woken(struct waiter *waiter);

/* --- connections ------------------------------------------------------------------------------ */

static void say(struct session *session, weft_error error, const char *sentence)
{
    if (session->why) return;
    session->why = error;
    (void)snprintf(session->sentence, sizeof session->sentence, "%s", sentence ? sentence : weft_error_text(error));
}

static void put_greeting(struct conn *conn, const struct frame *greeting)
{
    conn->greeting_size = weft__frame_size(greeting);
    WEFT_ASSERT(conn->greeting_size <= sizeof conn->greeting);
    (void)weft__frame_write(greeting, false, conn->greeting);
}

/* Called with the session's lock, for one that is held. False: what the other end says it has got cannot be. */
static bool attach(struct session *session, struct conn *conn)
{
    if (session->over || weft__line_up(session->line, conn->received)) return false;
    session->conn = conn;
    session->why = WEFT_OK;
    session->sentence[0] = '\0';
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
    char sentence[FRAME_SENTENCE_MAX] = "the connection was closed";
    weft_error why = WEFT_ECLOSED;
    weft__lock(&session->lock);
    weft__line_down(session->line);
    (void)note_half(session);
    conn->attached = false;
    session->conn = NULL;
    session->writing = false;
    if (session->why) {
        why = session->why;
        memcpy(sentence, session->sentence, sizeof sentence);
    }
    struct conn *next = session->next;
    session->next = NULL;
    bool there = weft__conn_hold(next), taken = there && attach(session, next);
    weft__unlock(&session->lock);
    if (!taken) session->ops->down(session, why, sentence);
    if (taken) go_on(next);
    if (there && !taken) refuse(next, WEFT_EPROTOCOL);
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
        if (session) {
            weft__lock(&session->lock);
            if (session->next == conn) session->next = NULL;
            weft__unlock(&session->lock);
        }
        conn->ops->lost(conn, WEFT_ECLOSED, "the connection was closed");
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
static void close_saying(struct conn *conn, struct session *session, weft_error error, const char *sentence)
{
    if (session) {
        weft__lock(&session->lock);
        if (conn->attached) say(session, error, sentence);
        weft__unlock(&session->lock);
    }
    weft__conn_close(conn);
}

static void greeting_written(void *context, weft_error error, size_t size);
static bool is_last(struct conn *conn, struct session *session);

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
    weft__lock(&conn->remote->lock);
    conn->greeting_size = left;
    struct session *session = conn->session; /* it may come now: then attaching flushes */
    weft__unlock(&conn->remote->lock);
    if (error)
        close_saying(conn, session, error, NULL);
    else if (left)
        write_greeting(conn);
    else if (atomic_load(&conn->refused))
        weft__conn_close(conn);
    else if (session)
        flush(session);
    if (session && !left && is_last(conn, session)) weft__conn_close(conn);
    weft__conn_release(conn);
}

/* Whether it was only to say the last word, which has to wait for what is being written. */
static bool is_last(struct conn *conn, struct session *session)
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
    weft__conn_refuse(conn, WEFT_ETIMEDOUT, "nothing that greets has come in time");
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
    struct conn *conn = weft__mem_zalloc(&remote->node->mem, sizeof(*conn));
    if (conn && !weft__timer_ready(remote, &conn->timer, greeting_due)) {
        weft__mem_free(&remote->node->mem, conn);
        conn = NULL;
    }
    if (!conn) {
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
    if (conn->greeting_size) { /* something of it is still on its way */
        weft__conn_close(conn);
        return;
    }
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
        say(session, WEFT_ECLOSED, "superseded by a newer connection of the same session");
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
        close_saying(conn, conn->session, (weft_error)frame->error.code, frame->error.sentence);
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
    if (!deal(conn, &need)) return false;
    flush(conn->session); /* acknowledgements */
    look_delivered(conn->session);
    if (fit(conn, size, need)) return true;
    close_saying(conn, conn->session, WEFT_ENOMEM, "no memory for what it sends");
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
        close_saying(conn, conn->session, error, error == WEFT_ECLOSED ? "the other end closed the connection" : NULL);
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
    flush(session);
    if (!atomic_load(&conn->closing)) consume(conn, 0);
}

/* --- writing ---------------------------------------------------------------------------------- */

static void pump(struct session *session);

/* Who waits for room. On its stack. */
struct waiting {
    struct list_node on;
    struct park park;
};

/* With the session's lock. */
static void let_in(struct session *session)
{
    for (struct list_node *on; (on = list_pop_front(&session->crowd));)
        weft__unpark(&list_record(on, struct waiting, on)->park);
}

/* A write of the line's bytes is over. True: there is room again for what the pump has. */
static bool line_written(struct session *session, size_t size)
{
    weft__lock(&session->lock);
    session->writing = false;
    weft__line_written(session->line, size);
    bool resumes = session->stalled && weft__line_roomy(session->line);
    if (resumes) session->stalled = false;
    if (weft__line_roomy(session->line)) let_in(session);
    weft__unlock(&session->lock);
    return resumes;
}

static void written(void *context, weft_error error, size_t size)
{
    struct conn *conn = context;
    struct session *session = conn->session;
    bool resumes = line_written(session, error ? 0 : size);
    if (error) close_saying(conn, session, error, error == WEFT_ECLOSED ? "the other end closed the connection" : NULL);
    if (resumes)
        pump_woken(&session->waiter);
    else
        flush(session);
    if (is_last(conn, session)) weft__conn_close(conn);
    weft__conn_release(conn);
}

/* The connection, held, and the bytes that are to be written on it now; NULL: none are. */
static struct conn *next_write(struct session *session, weft_bytes *bytes, bool *idle)
{
    weft__lock(&session->lock);
    struct conn *conn = session->conn;
    *idle = weft__line_idle(session->line);
    bool writes =
        conn && !session->writing && !conn->greeting_size && !atomic_load(&conn->closing) && weft__conn_hold(conn);
    *bytes = writes ? weft__line_write(session->line) : (weft_bytes){NULL, 0};
    if (bytes->size) session->writing = true;
    weft__unlock(&session->lock);
    if (writes && !bytes->size) weft__conn_release(conn);
    return bytes->size ? conn : NULL;
}

/* at_once: else only where the line is idle. Note BATCH. */
static void write_on(struct session *session, bool at_once)
{
    bool resumes = false, idle;
    weft_bytes bytes;
    for (struct conn *conn; (conn = next_write(session, &bytes, &idle));) {
        size_t size = at_once || idle ? weft__pipe_try_write(conn->pipe, bytes.data, bytes.size) : 0;
        if (!size) {
            weft__pipe_write(conn->pipe, bytes.data, bytes.size, written, conn);
            break;
        }
        resumes |= line_written(session, size);
        weft__conn_release(conn);
    }
    if (resumes) pump_woken(&session->waiter);
}

static void flush(struct session *session)
{
    write_on(session, true);
}

void weft__session_flush(struct session *session)
{
    flush(session);
}

/* Inside. */
static void take_haul(struct session *session, struct core *core, uint64_t now_ns, struct haul *haul)
{
    haul->count = haul->events_count = 0;
    haul->events_ended = WEFT_OK;
    while (haul->count < HAUL_MAX) {
        struct core_taken *taken = &haul->items[haul->count];
        enum core_item_kind kind = weft__core_next(core, now_ns, &session->dest, taken);
        if (!kind) return;
        if (session->ops->taken) session->ops->taken(session, haul, haul->count);
        haul->count++;
        if (kind != CORE_ITEM_EVENTS) continue;
        weft_error error =
            weft__core_events_take(core, now_ns, taken->subscription, haul->events, HAUL_MAX, &haul->events_count);
        if (error) haul->events_count = 0;
        if (error != WEFT_EAGAIN) haul->events_ended = error;
        return;
    }
}

enum pump { PUMP_GOES, PUMP_FULL, PUMP_STALLED, PUMP_OVER };

/* Whether it may go on. Stalled: from then on it is another's, who made room. */
static enum pump look_at_line(struct session *session)
{
    weft__lock(&session->lock);
    enum pump state = session->over                     ? PUMP_OVER
                      : !weft__line_full(session->line) ? PUMP_GOES
                      : session->backlogged             ? PUMP_STALLED
                                                        : PUMP_FULL;
    session->stalled = state == PUMP_STALLED;
    weft__unlock(&session->lock);
    return state;
}

/* The line is full, which is told before the pump stalls; or has room again. */
static void turn_backlogged(struct session *session, bool backlogged)
{
    if (session->backlogged == backlogged) return;
    session->backlogged = backlogged;
    if (session->ops->backlogged) session->ops->backlogged(session, backlogged);
}

/* What is much leaves before there is more. */
static void put(struct session *session, struct haul *haul)
{
    weft__lock(&session->lock);
    weft_error error = session->over ? WEFT_OK : session->ops->put(session, haul);
    bool much = weft__line_waiting(session->line) >= MUCH_BYTES;
    weft__unlock(&session->lock);
    session->ops->spent(session, haul);
    if (error) weft__session_fail(session, error, "what it was to be sent is lost");
    if (much) flush(session);
}

/* Until nothing is left, or the line is full. */
static void pump(struct session *session)
{
    weft_node *node = session->remote->node;
    for (enum pump state;;) {
        struct haul haul;
        state = look_at_line(session);
        if (state == PUMP_FULL) {
            turn_backlogged(session, true);
            continue;
        }
        if (state == PUMP_OVER) weft__session_drop(session); /* the pump's */
        if (state != PUMP_GOES) return;
        turn_backlogged(session, false);
        uint64_t now_ns = weft__enter(node);
        session->put_count = session->taken_count;
        take_haul(session, node->core, now_ns, &haul);
        session->taken_count += haul.count;
        bool rests = haul.count == 0 && !session->pump_over && /* else nobody would wake it */
                     weft__core_dest_wait(&session->dest, &session->waiter.core);
        if (rests) session->dest.gathers_until_ns = now_ns + session->gathers_ns;
        if (session->awaited_count) weft__changed(node);
        weft__leave_inside(node);
        if (rests) return;
        put(session, &haul);
    }
}

/* Note PUMPS. */
static void pump_woken(struct waiter *waiter)
{
    static _Thread_local struct session *first;
    static _Thread_local bool pumping;
    struct session *session = list_record(waiter, struct session, waiter);
    session->next_pump = first;
    first = session;
    if (pumping) return;
    for (pumping = true; (session = first);) {
        first = session->next_pump;
        weft__session_hold(session);
        pump(session);
        flush(session);
        weft__session_drop(session);
    }
    pumping = false;
}

void weft__session_resume(struct session *session)
{
    weft__lock(&session->lock);
    bool stalled = session->stalled;
    session->stalled = false;
    let_in(session);
    weft__unlock(&session->lock);
    if (stalled) pump_woken(&session->waiter);
}

void weft__session_pump_ready(struct session *session)
{
    weft__session_hold(session); /* the pump's */
    bool rests = weft__core_dest_wait(&session->dest, &session->waiter.core);
    WEFT_ASSERT(rests); /* nothing goes to a session before it has a pump */
    (void)rests;
}

/* Until it rests, or has put so many: then not beyond the node's closing. False: the deadline has passed. */
static bool await_pump(struct session *session, uint64_t count, uint64_t deadline_ns, uint64_t now_ns)
{
    weft_node *node = session->remote->node;
    session->awaited_count++;
    weft__hurry(node);
    bool in_time = true;
    while (in_time && !list_linked(&session->waiter.core.on) && !session->pump_over && session->put_count < count &&
           (count == UINT64_MAX || !node->closed)) {
        struct waiter waiter;
        weft__waiter_init(&waiter);
        weft__await(node, &waiter);
        in_time = weft__wait(node, &waiter, deadline_ns, &now_ns);
    }
    session->awaited_count--;
    weft__leave(node);
    return in_time;
}

void weft__session_await_pump(struct session *session, uint64_t deadline_ns)
{
    uint64_t now_ns = weft__enter(session->remote->node);
    (void)await_pump(session, UINT64_MAX, deadline_ns, now_ns);
}

bool weft__session_await_put(struct session *session, uint64_t deadline_ns)
{
    uint64_t now_ns = weft__enter(session->remote->node);
    return await_pump(session, session->taken_count + session->dest.items_count, deadline_ns, now_ns);
}

weft_error weft__session_put(struct session *session, uint64_t lane, const struct frame *frame, struct message *message)
{
    weft__lock(&session->lock);
    weft_error error = session->over ? WEFT_ECLOSED : weft__line_put(session->line, lane, frame, message);
    bool much =
        !error && session->waiting_bytes_most && weft__line_waiting(session->line) > session->waiting_bytes_most;
    weft__unlock(&session->lock);
    if (error == WEFT_ENOMEM) weft__session_fail(session, error, "no memory for what it is to be sent");
    if (!error) write_on(session, false);
    if (much) weft__session_close(session, WEFT_ESLOW, "more waits for the other end than it may cause");
    return error;
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
    if (!error) write_on(session, false);
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
    if (error) say(session, error, sentence);
    bool there = weft__conn_hold(conn);
    if (there) (void)weft__line_put_now(session->line, &frame);
    bool waits = there && error && error != WEFT_ESLOW && (session->writing || conn->greeting_size);
    if (waits) conn->last = true;
    weft__unlock(&session->lock);
    if (!there) return;
    flush(session);
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

/* A tick that comes much too late is our own pause: what the other end has sent meanwhile is read first. */
void weft__session_beat(struct session *session, uint64_t now_ns)
{
    uint64_t beat_ns = session->beat_ms * NS_PER_MS;
    bool paused = session->beat_ns && now_ns > session->beat_ns + beat_ns + beat_ns * session->beats_missed_max / 2;
    session->beat_ns = now_ns;
    weft__lock(&session->lock);
    struct conn *conn = session->conn;
    bool there = weft__conn_hold(conn), slow = too_slow(session, now_ns);
    weft__line_beat(session->line, false);
    weft__unlock(&session->lock);
    if (!there) return;
    uint64_t heard_ns = atomic_load_explicit(&conn->heard_ns, memory_order_relaxed);
    if (!paused && now_ns > heard_ns + beat_ns * session->beats_missed_max)
        close_saying(conn, session, WEFT_ETIMEDOUT, "the other end has given no sign of life");
    else if (!paused && slow)
        weft__session_close(session, WEFT_ESLOW, "the other end takes nothing of what waits for it");
    else
        flush(session);
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
    session->waiter.woken = pump_woken;
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
    let_in(session);
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
