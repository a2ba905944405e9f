/* Note PUMPS. A pump may be run by any thread that leaves the core, and what it takes from the core may wake other pumps.
 * They are run one after the other by the outermost, not inside each other, or a chain of them would need a stack as deep as
 * there are sessions.
 *
 * Note QUIET. A connection ends when it is closed and the last call of its pipe is over (busy is 0). Only then its line is
 * taken down, since a write under way reads the line's memory; and only then the next connection is attached.
 *
 * Note BATCH. A write that is told of by another thread costs a switch, and while it is under way what comes meanwhile gathers and
 * leaves together: with much under way that is what is wanted. Where the other end has got all that was sent nothing is
 * likely to come meanwhile, and a write at once costs no switch: a single round trip is a third shorter so. */
#include "remote/session.h"

#include <stdio.h>

#include <string.h>

#include "base/assert.h"
#include "base/clock.h"
#include "exec/node.h"
#include "remote/remote.h"

enum { ROOM_BUSY = 65536, FRAMES_MAX = 64, SMALL_READ = 1024, SMALL_READS = 16 };

static void flush(struct session *session);
static void go_on(struct conn *conn);
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

/* Takes what waits for the last one to end. Called with the session's lock. */
static struct conn *attach_next(struct session *session)
{
    struct conn *conn = session->next;
    session->next = NULL;
    if (!conn || session->over || session->spoilt) return NULL;
    if (weft__line_up(session->line, session->next_received)) return NULL;
    session->conn = conn;
    session->why = WEFT_OK;
    session->sentence[0] = '\0';
    conn->attached = true;
    if (session->ops->welcome) {
        struct frame frame;
        session->ops->welcome(session, &frame);
        put_greeting(conn, &frame);
    }
    return conn;
}

/* Note QUIET. */
static void conn_over(struct conn *conn)
{
    struct remote *remote = conn->remote;
    struct session *session = conn->session;
    struct conn *next = NULL, *refused = NULL;
    bool down = false;
    weft_error why = WEFT_ECLOSED;
    char sentence[FRAME_SENTENCE_MAX] = "the connection was closed";
    if (session) {
        weft__lock(&session->lock);
        if (session->next == conn) session->next = NULL;
        if (conn->attached) {
            weft__line_down(session->line);
            conn->attached = false;
            session->conn = NULL;
            session->writing = false;
            if (session->why) {
                why = session->why;
                memcpy(sentence, session->sentence, sizeof sentence);
            }
            refused = session->next;
            next = attach_next(session);
            if (next) refused = NULL;
            down = !next;
        }
        weft__unlock(&session->lock);
    }
    if (next) go_on(next);
    if (refused) weft__conn_refuse(refused, WEFT_EPROTOCOL, "the session cannot be taken up again from there");
    if (down) session->ops->down(session, why, sentence);
    if (!session) conn->ops->lost(conn, why, sentence);
    weft__lock(&remote->lock);
    list_remove(&conn->on_remote);
    list_push_back(&remote->ended, &conn->on_remote);
    weft__unlock(&remote->lock);
    weft__unpark(&remote->park);
}

static void conn_done(struct conn *conn)
{
    if (atomic_fetch_sub_explicit(&conn->busy, 1, memory_order_acq_rel) == 1) conn_over(conn);
}

void weft__conn_release(struct conn *conn)
{
    conn_done(conn);
}

/* By who is in a call of its own already. */
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
    conn_done(conn);
}

static void close_saying(struct conn *conn, weft_error error, const char *sentence)
{
    if (conn->session) {
        weft__lock(&conn->session->lock);
        say(conn->session, error, sentence);
        weft__unlock(&conn->session->lock);
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
    weft__lock(&conn->remote->lock);
    conn->greeting_size = left;
    struct session *session = conn->session; /* it may come now: then attaching flushes */
    weft__unlock(&conn->remote->lock);
    if (error)
        close_saying(conn, error, NULL);
    else if (left)
        write_greeting(conn);
    else if (conn->refused)
        weft__conn_close(conn);
    else if (session)
        flush(session);
    conn_done(conn);
}

static void greeting_due(struct timer *timer, uint64_t now_ns)
{
    struct conn *conn = list_record(timer, struct conn, timer);
    (void)now_ns;
    weft__conn_refuse(conn, WEFT_ETIMEDOUT, "nothing that greets has come in time");
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
    conn_done(conn);
    return conn;
}

void weft__conn_refuse(struct conn *conn, weft_error error, const char *sentence)
{
    struct frame frame = {.kind = FRAME_ERROR, .error = {.code = (uint16_t)error, .sentence = sentence}};
    if (atomic_load(&conn->closing)) return;
    if (conn->greeting_size) { /* something of it is still on its way */
        weft__conn_close(conn);
        return;
    }
    conn->refused = true;
    put_greeting(conn, &frame);
    write_greeting(conn);
}

weft_error weft__conn_attach(struct conn *conn, struct session *session, uint64_t received)
{
    struct conn *old = NULL, *displaced = NULL;
    bool waits = false;
    weft_error error = WEFT_OK;
    weft__session_hold(session); /* the connection's */
    weft__lock(&conn->remote->lock);
    conn->session = session;
    weft__unlock(&conn->remote->lock);
    weft__lock(&session->lock);
    if (session->over) {
        error = WEFT_ECLOSED;
    } else if (session->conn) {
        waits = true;
        old = weft__conn_hold(session->conn) ? session->conn : NULL;
        displaced = weft__conn_hold(session->next) ? session->next : NULL;
        session->next = conn;
        session->next_received = received;
        say(session, WEFT_ECLOSED, "superseded by a newer connection of the same session");
    } else {
        session->next = conn;
        session->next_received = received;
        if (!attach_next(session)) error = WEFT_EPROTOCOL;
    }
    weft__unlock(&session->lock);
    if (displaced) {
        weft__conn_close(displaced);
        conn_done(displaced);
    }
    if (old) {
        weft__conn_close(old);
        conn_done(old);
    }
    if (error) weft__conn_refuse(conn, error, "the session cannot be taken up from there");
    if (error || waits) return error;
    if (session->ops->welcome) write_greeting(conn);
    if (session->ops->up) session->ops->up(session);
    return WEFT_OK;
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
        close_saying(conn, (weft_error)frame->error.code, frame->error.sentence);
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
    weft__unlock(&session->lock);
    return error;
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
        size_t count;
        error = read_frames(session, &bytes, frames, &count, need, sentence);
        bool other = count > 0 && of_connection(&frames[count - 1]);
        size_t own = count - other, dealt = 0;
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

static bool greet(struct conn *conn)
{
    struct frame frame;
    char sentence[FRAME_SENTENCE_MAX];
    size_t need;
    enum frame_reading reading =
        weft__frame_read(conn->buffer, conn->have, conn->ops->hears, sizeof conn->first, &frame, &need, sentence);
    if (reading == FRAME_MORE) return true;
    if (reading == FRAME_WHOLE && frame.kind != FRAME_HELLO && frame.kind != FRAME_WELCOME &&
        frame.kind != FRAME_ERROR) {
        (void)snprintf(sentence, sizeof sentence, "%s before the greeting", weft__frame_name(frame.kind));
        reading = FRAME_BAD;
    }
    weft__timer_gone(conn->remote, &conn->timer);
    weft__lock(&conn->remote->lock);
    conn->remote->greeting_count--;
    conn->greeted = true;
    weft__unlock(&conn->remote->lock);
    if (reading == FRAME_BAD) {
        weft__conn_refuse(conn, WEFT_EPROTOCOL, sentence);
        return false;
    }
    conn->ops->greeted(conn, &frame);
    conn->have -= frame.size;
    memmove(conn->buffer, conn->buffer + frame.size, conn->have);
    return conn->session && !atomic_load(&conn->closing) && !conn->refused;
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

/* What stands in the buffer, and then what comes. */
static void consume(struct conn *conn, size_t size)
{
    size_t need = 0;
    if (!conn->greeted && !greet(conn)) return;
    if (conn->greeted) {
        weft__lock(&conn->session->lock);
        bool attached = conn->attached;
        conn->waits = !attached; /* it goes on when it is */
        weft__unlock(&conn->session->lock);
        if (!attached) return;
        if (!deal(conn, &need)) return;
        flush(conn->session); /* acknowledgements */
        look_delivered(conn->session);
    }
    if (fit(conn, size, need))
        read_more(conn);
    else
        close_saying(conn, WEFT_ENOMEM, "no memory for what it sends");
}

static void got(void *context, weft_error error, size_t size)
{
    struct conn *conn = context;
    if (error) {
        close_saying(conn, error, error == WEFT_ECLOSED ? "the other end closed the connection" : NULL);
    } else {
        conn->have += size;
        atomic_store_explicit(&conn->heard_ns, weft__clock_ns(), memory_order_relaxed);
        consume(conn, size);
    }
    conn_done(conn);
}

/* It was attached by the end of its predecessor: greets, and reads what it was not yet to read. */
static void go_on(struct conn *conn)
{
    struct session *session = conn->session;
    conn_busy(conn);
    if (session->ops->welcome) write_greeting(conn);
    if (session->ops->up) session->ops->up(session);
    weft__lock(&conn->session->lock);
    bool waits = conn->waits;
    conn->waits = false;
    weft__unlock(&conn->session->lock);
    if (waits && !atomic_load(&conn->closing)) consume(conn, 0);
    conn_done(conn);
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
    if (error) close_saying(conn, error, error == WEFT_ECLOSED ? "the other end closed the connection" : NULL);
    if (resumes)
        pump_woken(&session->waiter);
    else
        flush(session);
    conn_done(conn);
}

/* The connection, held, and the bytes that are to be written on it now; NULL: none are. Note BATCH. */
static struct conn *next_write(struct session *session, weft_bytes *bytes, bool *at_once)
{
    weft__lock(&session->lock);
    struct conn *conn = session->conn;
    *at_once = weft__line_idle(session->line);
    bool writes =
        conn && !session->writing && !conn->greeting_size && !atomic_load(&conn->closing) && weft__conn_hold(conn);
    *bytes = writes ? weft__line_write(session->line) : (weft_bytes){NULL, 0};
    if (bytes->size) session->writing = true;
    weft__unlock(&session->lock);
    if (writes && !bytes->size) conn_done(conn);
    return bytes->size ? conn : NULL;
}

static void flush(struct session *session)
{
    bool resumes = false, at_once;
    weft_bytes bytes;
    for (struct conn *conn; (conn = next_write(session, &bytes, &at_once));) {
        size_t size = at_once ? weft__pipe_try_write(conn->pipe, bytes.data, bytes.size) : 0;
        if (!size) {
            weft__pipe_write(conn->pipe, bytes.data, bytes.size, written, conn);
            break;
        }
        resumes |= line_written(session, size);
        conn_done(conn);
    }
    if (resumes) pump_woken(&session->waiter);
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

/* What was taken is nowhere else: who goes on without it would wait for ever, or believe what is not so. */
void weft__session_spoil(struct session *session, weft_error error)
{
    weft__lock(&session->lock);
    bool first = !session->spoilt && !session->over;
    if (first) session->spoilt = true;
    weft__unlock(&session->lock);
    if (!first) return;
    weft__session_close(session, error, "no memory for what it is to be sent");
    session->ops->spoilt(session);
}

/* Until nothing is left, or the line is full. */
static void pump(struct session *session)
{
    weft_node *node = session->remote->node;
    for (;;) {
        struct haul haul;
        weft__lock(&session->lock);
        bool over = session->over;
        session->stalled = !over && (session->spoilt || weft__line_full(session->line));
        bool stalled = session->stalled;
        weft__unlock(&session->lock);
        if (stalled) return;
        if (over) {
            weft__session_drop(session); /* the pump's */
            return;
        }
        uint64_t now_ns = weft__enter(node);
        session->put_count = session->taken_count;
        take_haul(session, node->core, now_ns, &haul);
        session->taken_count += haul.count;
        bool rests = haul.count == 0 && weft__core_dest_wait(&session->dest, &session->waiter.core);
        if (session->awaited_count) weft__changed(node);
        weft__leave_inside(node);
        if (rests) return;
        weft__lock(&session->lock);
        weft_error error = session->over ? WEFT_OK : session->ops->put(session, &haul);
        weft__unlock(&session->lock);
        session->ops->spent(session, &haul);
        if (error) weft__session_spoil(session, error);
        flush(session);
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
    session->stalled = session->spoilt = false;
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

/* Until it rests, or has put so many. False: the deadline has passed. */
static bool await_pump(struct session *session, uint64_t count, uint64_t deadline_ns, uint64_t now_ns)
{
    weft_node *node = session->remote->node;
    session->awaited_count++;
    bool in_time = true;
    while (in_time && !list_linked(&session->waiter.core.on) && !session->pump_over && !session->adrift &&
           session->put_count < count) {
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
    weft__unlock(&session->lock);
    if (!error) flush(session);
    return error;
}

void weft__session_must_put(struct session *session, uint64_t lane, const struct frame *frame)
{
    weft_error error = weft__session_put(session, lane, frame, NULL);
    if (error && error != WEFT_ECLOSED) weft__session_spoil(session, error);
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
    return weft__session_put(session, lane, frame, NULL);
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
    weft__unlock(&session->lock);
    if (!there) return;
    flush(session);
    if (error) weft__conn_close(conn); /* what could be written at once was */
    conn_done(conn);
}

/* A tick that comes much too late is our own pause: what the other end has sent meanwhile is read first. */
void weft__session_beat(struct session *session, uint64_t now_ns)
{
    uint64_t beat_ns = session->beat_ms * NS_PER_MS;
    bool paused = session->beat_ns && now_ns > session->beat_ns + beat_ns + beat_ns * session->beats_missed_max / 2;
    session->beat_ns = now_ns;
    weft__lock(&session->lock);
    struct conn *conn = session->conn;
    bool there = weft__conn_hold(conn);
    weft__line_beat(session->line, false);
    weft__unlock(&session->lock);
    if (!there) return;
    uint64_t heard_ns = atomic_load_explicit(&conn->heard_ns, memory_order_relaxed);
    if (!paused && now_ns > heard_ns + beat_ns * session->beats_missed_max)
        close_saying(conn, WEFT_ETIMEDOUT, "the other end has given no sign of life");
    else
        flush(session);
    conn_done(conn);
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
    if (!session->line) return WEFT_ENOMEM;
    if (!weft__timer_ready(remote, &session->timer, beat_due)) {
        weft__line_free(session->line);
        return WEFT_ENOMEM;
    }
    atomic_init(&session->refs, 1);
    weft__core_dest_init(&session->dest);
    weft__waiter_init(&session->waiter);
    session->waiter.woken = pump_woken;
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

void weft__session_drop(struct session *session)
{
    struct remote *remote = session->remote;
    if (atomic_fetch_sub_explicit(&session->refs, 1, memory_order_acq_rel) != 1) return;
    weft__lock(&remote->lock);
    list_remove(&session->on_remote);
    list_push_back(&remote->dropped, &session->on_remote);
    weft__unlock(&remote->lock);
    weft__unpark(&remote->park);
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
        conn_done(next);
    }
    if (there) {
        weft__conn_close(conn);
        conn_done(conn);
    }
    if (was_over) return;
    (void)weft__enter(node);
    bool rests = weft__core_unwait(&session->waiter.core);
    session->pump_over = true;
    weft__changed(node);
    weft__leave_inside(node);
    if (stalled || rests) weft__session_drop(session); /* the pump's: it will not run any more */
}

/* On the remote's thread. */
void weft__session_free(struct session *session)
{
    weft__timer_gone(session->remote, &session->timer);
    weft__line_free(session->line);
    weft__lock_fini(&session->lock);
    session->ops->free(session);
}

void weft__conn_free(struct conn *conn)
{
    struct mem *mem = &conn->remote->node->mem;
    weft__timer_gone(conn->remote, &conn->timer);
    weft__pipe_free(conn->pipe);
    if (conn->session) weft__session_drop(conn->session);
    if (conn->buffer != conn->first) weft__mem_free(mem, conn->buffer);
    weft__mem_free(mem, conn);
}
