/* Note PUMPS. A pump may be run by any thread that leaves the core, and what it takes from the core may wake other pumps.
 * They are run one after the other by the outermost, not inside each other, or a chain of them would need a stack as deep as
 * there are sessions.
 *
 * Note BATCH. What many threads leave behind each other is worth waiting for. A frame that is put by itself is written at once
 * where the other end has got all that was sent: nothing is likely to come meanwhile. Else the write is told of by another
 * thread, which takes a moment, and what comes in that moment leaves together. The pump writes what it has taken in its own
 * thread. At a client node, where BURST items come within a window, it lets them gather before: whoever is about to wait here
 * pumps (weft__hurry). A host's loop does not wait here, so with one nothing gathers, and the pump writes as a single frame is. */
#include "base/assert.h"
#include "base/clock.h"
#include "exec/node.h"
#include "remote/remote.h"
#include "remote/session_inside.h"

enum { MUCH_BYTES = 65536, BURST = 32 };
#define WINDOW_NS NS_PER_MS

/* --- writing ---------------------------------------------------------------------------------- */

/* A write of the line's bytes is over. True: there is room again for what the pump has. */
static bool line_written(struct session *session, size_t size)
{
    weft__lock(&session->lock);
    session->writing = false;
    weft__line_written(session->line, size);
    bool resumes = session->stalled && weft__line_roomy(session->line);
    if (resumes) session->stalled = false;
    if (weft__line_roomy(session->line)) weft__session_let_in(session);
    weft__unlock(&session->lock);
    return resumes;
}

static void written(void *context, weft_error error, size_t size)
{
    struct conn *conn = context;
    struct session *session = conn->session;
    bool resumes = line_written(session, error ? 0 : size);
    if (error)
        weft__conn_close_saying(conn, session, error,
                                error == WEFT_ECLOSED ? "the other end closed the connection" : NULL);
    if (resumes)
        weft__session_pump_woken(&session->waiter);
    else
        weft__session_flush(session);
    if (weft__conn_is_last(conn, session)) weft__conn_close(conn);
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
    bool last = writes && !bytes->size && conn->last;
    weft__unlock(&session->lock);
    if (last) weft__conn_close(conn); /* the last word was written here, and not by the pipe */
    if (writes && !bytes->size) weft__conn_release(conn);
    return bytes->size ? conn : NULL;
}

/* at_once: else only where the line is idle. Note BATCH. */
void weft__session_write(struct session *session, bool at_once)
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
    if (resumes) weft__session_pump_woken(&session->waiter);
}

void weft__session_flush(struct session *session)
{
    weft__session_write(session, true);
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
        bool closes =
            error == WEFT_ECLOSED && weft__core_closing(core); /* which is no end of what is announced elsewhere */
        if (error != WEFT_EAGAIN && !closes) haul->events_ended = error;
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
    if (much) weft__session_flush(session);
}

/* Inside, as it rests. Note BATCH. */
static uint64_t gathers_until(struct session *session, uint64_t now_ns)
{
    if (!session->gathers_ns || atomic_load(&session->remote->node->hosted)) return 0;
    if (now_ns > session->window_ns + WINDOW_NS) {
        session->bursts = session->window_count >= BURST;
        session->window_ns = now_ns;
        session->window_count = 0;
    }
    return session->bursts || session->window_count >= BURST ? now_ns + session->gathers_ns : 0;
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
        session->window_count += (uint32_t)haul.count;
        bool rests = haul.count == 0 && !session->pump_over && /* else nobody would wake it */
                     weft__core_dest_wait(&session->dest, &session->waiter.core);
        if (rests) session->dest.gathers_until_ns = gathers_until(session, now_ns);
        if (session->awaited_count) weft__changed(node);
        weft__leave_inside(node);
        if (rests) return;
        put(session, &haul);
    }
}

#define RELIEF_NS NS_PER_MS

static _Thread_local struct session *due; /* the newest first */
static _Thread_local bool pumping;        /* whoever is due is pumped further out */
static _Thread_local uint64_t held_ns;    /* since when that is because of weft__pumps_hold; 0 = it is not */

static void pump_due(void)
{
    for (struct session *session; (session = due);) {
        due = session->next_pump;
        weft__session_hold(session);
        pump(session);
        weft__session_write(session, !atomic_load(&session->remote->node->hosted));
        weft__session_drop(session);
    }
    pumping = false;
}

/* Note PUMPS. */
void weft__session_pump_woken(struct waiter *waiter)
{
    struct session *session = list_record(waiter, struct session, waiter);
    session->next_pump = due;
    due = session;
    if (pumping) return;
    pumping = true;
    pump_due();
}

bool weft__pumps_hold(void)
{
    bool held = !pumping;
    pumping = true;
    if (held) held_ns = weft__clock_ns();
    return held;
}

void weft__pumps_go(bool held)
{
    if (!held) return;
    held_ns = 0;
    pump_due();
}

void weft__pumps_relieve(void)
{
    if (!due || !held_ns || weft__clock_ns() < held_ns + RELIEF_NS) return;
    weft__pumps_go(true);
    (void)weft__pumps_hold();
}

void weft__session_resume(struct session *session)
{
    weft__lock(&session->lock);
    bool stalled = session->stalled;
    session->stalled = false;
    weft__session_let_in(session);
    weft__unlock(&session->lock);
    if (stalled) weft__session_pump_woken(&session->waiter);
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
    while (in_time && !(list_linked(&session->waiter.core.on) && !session->dest.items_count) && !session->pump_over &&
           session->put_count < count && (count == UINT64_MAX || !node->closed)) {
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
