/* Note WHO. A read is done by nng (its poller reads, one of its task threads tells of it), or by a thread that has the pipe: a
 * reader, or of a client node's pipe a leader. Who has it (held) does each read that it is asked for (asked), mostly by the
 * function that it has just called. A pipe that is busy is given away; one that is not is nng's, which costs no thread. So is TLS,
 * where nng ends the stream with a read that is cancelled.
 *
 * Note YIELD. Where much comes there is more soon. Who would ask for it at once would mostly find nothing, and have nng watch
 * the socket, which costs two calls of the system and two switches of threads when it comes. So others are let run once
 * before: on a busy machine they produce it meanwhile; on an idle one it costs next to nothing. */
#include <sched.h>

#include "base/clock.h"
#include "base/fork.h"
#include "net/lead.h"
#include "net/lead_seat.h"
#include "net/pipe_state.h"
#include "net/reader.h"

/* So many reads within BUSY_NS are busy. */
enum { BUSY_READS = 4 };
#define BUSY_NS (10 * NS_PER_MS)
#define NEAR_NS (2 * NS_PER_MS)

/* With the lock, as this one begins. */
static bool busy(struct pipe *pipe)
{
    uint64_t now_ns = weft__clock_ns();
    if (now_ns > pipe->reads_since_ns + BUSY_NS) {
        pipe->reads_since_ns = now_ns;
        pipe->reads_count = 0;
    }
    return ++pipe->reads_count >= BUSY_READS && !pipe->closed;
}

void weft__pipe_read(struct pipe *pipe, void *bytes, size_t size, pipe_done done, void *context)
{
    if (weft__forked) return;
    struct lead *offered = NULL;
    int state = hold_cancel();
    weft__lock(&pipe->lock);
    weft__pipe_prepare(&pipe->read, bytes, size, done, context);
    pipe->asked = true;
    if (!pipe->held && busy(pipe)) {
        offered = pipe->lead;
        pipe->held = !offered && pipe->kind != URL_TLS && weft__reader_take(pipe);
    }
    if (!pipe->held && !offered) {
        pipe->asked = false;
        weft__pipe_start(pipe, &pipe->read, pipe->read.aio);
    }
    weft__unlock(&pipe->lock);
    if (offered) weft__lead_offer(offered, pipe);
    let_cancel(state);
}

/* With the lock: by nng, where nobody has it. */
static void serve(struct pipe *pipe)
{
    if (pipe->held || !pipe->asked) return;
    pipe->asked = false;
    pipe->reads_count = 0;
    weft__pipe_start(pipe, &pipe->read, pipe->read.aio);
}

void weft__pipe_serve(struct pipe *pipe)
{
    weft__lock(&pipe->lock);
    serve(pipe);
    weft__unlock(&pipe->lock);
}

/* By who has it no more. True: a read is asked for, and is whoever's takes it. */
static bool let_go(struct pipe *pipe, bool serves)
{
    weft__lock(&pipe->lock);
    pipe->held = false;
    if (serves || pipe->closed) serve(pipe);
    bool asked = pipe->asked;
    if (pipe->gone) weft__unpark(pipe->gone);
    weft__unlock(&pipe->lock);
    return asked;
}

void weft__pipe_read_closed(struct pipe *pipe)
{
    if (!pipe->lead) return; /* who has it learns of it */
    weft__pipe_serve(pipe);
    weft__lead_withdraw(pipe->lead, pipe);
}

void weft__pipe_read_await(struct pipe *pipe)
{
    struct park park;
    weft__park_init(&park);
    weft__lock(&pipe->lock);
    bool held = pipe->held;
    if (held) pipe->gone = &park;
    weft__unlock(&pipe->lock);
    if (!held) return;
    (void)weft__park(&park, PARK_FOREVER);
    weft__lock(&pipe->lock); /* he has given it with the lock held */
    weft__unlock(&pipe->lock);
}

/* Begins what it is asked for; false: nothing. */
static bool begin_next(struct pipe *pipe, nng_aio *aio)
{
    weft__lock(&pipe->lock);
    bool asked = pipe->asked;
    pipe->asked = false;
    if (asked) weft__pipe_start(pipe, &pipe->read, aio);
    weft__unlock(&pipe->lock);
    return asked;
}

/* It was not done. */
static void ask_again(struct pipe *pipe)
{
    weft__lock(&pipe->lock);
    pipe->asked = true;
    weft__unlock(&pipe->lock);
}

/* --- a reader --------------------------------------------------------------------------------- */

void weft__pipe_read_on(struct pipe *pipe, struct reader *reader, nng_aio *aio)
{
    while (begin_next(pipe, aio)) {
        nng_aio_wait(aio);
        if (nng_aio_result(aio) == NNG_ECANCELED) {
            ask_again(pipe);
            break;
        }
        weft__reader_has_read(reader);
        weft__pipe_ended(pipe, &pipe->read, aio);
        (void)sched_yield(); /* Note YIELD */
    }
    weft__reader_settle(reader);
    (void)let_go(pipe, true);
}

/* --- a leader --------------------------------------------------------------------------------- */

void weft__pipe_lead_by(struct pipe *pipe, struct lead *lead)
{
    if (pipe->kind == URL_TLS || !weft__lead_seated(lead) || nng_aio_alloc(&pipe->led, NULL, NULL)) return;
    weft__lock(&pipe->lock);
    pipe->lead = lead;
    weft__unlock(&pipe->lock);
}

bool weft__pipe_hold(struct pipe *pipe)
{
    weft__lock(&pipe->lock);
    bool held = pipe->asked && !pipe->held && !pipe->closed;
    if (held) pipe->held = true;
    weft__unlock(&pipe->lock);
    return held;
}

bool weft__pipe_unserved(struct pipe *pipe)
{
    weft__lock(&pipe->lock);
    bool unserved = pipe->asked && !pipe->held;
    weft__unlock(&pipe->lock);
    return unserved;
}

bool weft__pipe_let_go(struct pipe *pipe)
{
    return let_go(pipe, false);
}

bool weft__pipe_too_near(uint64_t deadline_ns)
{
    return deadline_ns != PARK_FOREVER && weft__clock_ns() + NEAR_NS > deadline_ns;
}

/* Less rather than more: nng counts whole milliseconds. */
static nng_duration left_ms(uint64_t deadline_ns)
{
    if (deadline_ns == PARK_FOREVER) return NNG_DURATION_INFINITE;
    uint64_t now_ns = weft__clock_ns(), left_ns = deadline_ns > now_ns + NEAR_NS ? deadline_ns - now_ns : NEAR_NS;
    return left_ns > INT32_MAX * NS_PER_MS ? INT32_MAX : (nng_duration)(left_ns / NS_PER_MS - 1);
}

nng_aio *weft__pipe_led_aio(struct pipe *pipe)
{
    return pipe->led;
}

void weft__pipe_read_while(struct pipe *pipe, struct park *park, unsigned seat, uint64_t deadline_ns)
{
    nng_aio *aio =
        pipe->led; /* its own, since nng_aio_free waits for a timeout that comes late and goes for the stream */
    do {
        nng_aio_set_timeout(aio, left_ms(deadline_ns));
        if (!begin_next(pipe, aio)) return;
        if (!weft__park_away(park, seat)) nng_aio_cancel(aio);
        nng_aio_wait(aio);
        (void)weft__park_back(park);
        int result = nng_aio_result(aio);
        if (result == NNG_ECANCELED || result == NNG_ETIMEDOUT)
            ask_again(pipe);
        else
            weft__pipe_ended(pipe, &pipe->read, aio);
    } while (!weft__park_given(park) && !weft__pipe_too_near(deadline_ns));
}
