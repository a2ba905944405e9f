/* Note SEAT. Who leads waits in an aio of the pipe's, and whoever has his permit cancels that. It may come late, when he has left, and
 * pipe and node are freed. So what it goes by is a seat of the process's, where the aio stands while he leads: what comes late
 * finds none, or ends another's wait for nothing, who begins it again. The seat's lock is held over the cancel: nng looks up which
 * stream the aio waits for first, and the stream must not be freed in between.
 *
 * Note UNSERVED. `pipe` is one with a read that nobody does, from when it is offered or a leader leaves it, until it is taken. It is
 * taken, or withdrawn before it is freed, under the lead's lock; so it is there. */
#include "net/lead.h"

#include "base/clock.h"
#include "base/fork.h"
#include "net/lead_seat.h"
#include "net/pipe_state.h"

enum { SEATS = 64 };
#define KEEP_NS (8 * NS_PER_MS) /* ticks go on so long after the last turn */

static struct {
    atomic_bool taken;
    bool made;
    struct lock lock; /* never ends: what comes late takes it */
    nng_aio *aio;     /* under the lock; NULL = nobody leads */
} seats[SEATS];

/* Who sleeps, on its stack. */
struct follower {
    struct list_node on;
    struct park *park;
};

static void rouse(unsigned seat)
{
    weft__lock(&seats[seat].lock);
    if (seats[seat].aio) nng_aio_cancel(seats[seat].aio);
    weft__unlock(&seats[seat].lock);
}

static int take_seat(void)
{
    weft__park_rouse = rouse;
    for (int i = 0; i < SEATS; i++) {
        if (atomic_exchange(&seats[i].taken, true)) continue;
        if (!seats[i].made) weft__lock_init(&seats[i].lock, LOCK_SEAT);
        seats[i].made = true;
        return i;
    }
    return -1;
}

/* NULL: nobody is roused any more. */
static void seat_aio(unsigned seat, nng_aio *aio)
{
    weft__lock(&seats[seat].lock);
    seats[seat].aio = aio;
    weft__unlock(&seats[seat].lock);
}

void weft__lead_init(struct lead *lead, void (*watch)(void *context), void *context)
{
    *lead = (struct lead){.watch = watch, .context = context};
    weft__lock_init(&lead->lock, LOCK_LEAD);
    list_init(&lead->followers);
    atomic_init(&lead->watched, false);
    lead->seat = take_seat();
}

void weft__lead_fini(struct lead *lead)
{
    if (lead->seat >= 0) atomic_store(&seats[lead->seat].taken, false);
    weft__lock_fini(&lead->lock);
}

bool weft__lead_seated(const struct lead *lead)
{
    return lead->seat >= 0;
}

/* With the lock: nobody leads for now. */
static void serve(struct lead *lead)
{
    weft__pipe_serve(lead->pipe);
    lead->pipe = NULL;
}

/* With the lock: the next is to take up what is unserved. Where there is none, it is left to who is expected to come; true:
 * somebody is to look after it. */
static bool pass_on(struct lead *lead, bool expected)
{
    if (!lead->pipe || lead->led) return false;
    struct list_node *on = list_pop_front(&lead->followers);
    if (on) weft__nudge(list_record(on, struct follower, on)->park);
    if (!on && (lead->shared || !expected)) serve(lead);
    return lead->pipe && !on && !atomic_exchange(&lead->watched, true);
}

void weft__lead_share(struct lead *lead)
{
    weft__lock(&lead->lock);
    lead->shared = true;
    weft__unlock(&lead->lock);
}

void weft__lead_offer(struct lead *lead, struct pipe *pipe)
{
    weft__lock(&lead->lock);
    bool watch = false;
    if (lead->led || (lead->pipe && lead->pipe != pipe)) {
        weft__pipe_serve(pipe); /* the one before it is not over: who leads that may wait there for long */
    } else if (weft__pipe_unserved(pipe)) {
        lead->pipe = pipe;
        watch = pass_on(lead, lead->waits_count != lead->waits_seen);
        lead->waits_seen = lead->waits_count;
    }
    weft__unlock(&lead->lock);
    if (watch) lead->watch(lead->context);
}

void weft__lead_withdraw(struct lead *lead, struct pipe *pipe)
{
    weft__lock(&lead->lock);
    if (lead->pipe == pipe) lead->pipe = NULL;
    weft__unlock(&lead->lock);
}

/* The pipe that is his now; NULL: he follows. */
static struct pipe *take(struct lead *lead, struct follower *self)
{
    weft__lock(&lead->lock);
    lead->waits_count++;
    struct pipe *pipe = lead->led ? NULL : lead->pipe;
    if (pipe) lead->pipe = NULL; /* Note UNSERVED */
    if (pipe && !weft__pipe_hold(pipe)) pipe = NULL;
    if (pipe) {
        lead->led = true;
        lead->turns_count++;
    } else {
        list_push_back(&lead->followers, &self->on);
    }
    weft__unlock(&lead->lock);
    return pipe;
}

static void leave(struct lead *lead, struct pipe *pipe)
{
    weft__lock(&lead->lock);
    lead->led = false;
    if (weft__pipe_let_go(pipe)) {
        if (lead->pipe && lead->pipe != pipe)
            weft__pipe_serve(pipe);
        else
            lead->pipe = pipe;
    }
    bool watch = pass_on(lead, true);
    weft__unlock(&lead->lock);
    if (watch) lead->watch(lead->context);
}

static void read_for_all(struct lead *lead, struct pipe *pipe, struct park *park, uint64_t deadline_ns)
{
    unsigned seat = (unsigned)lead->seat;
    seat_aio(seat, weft__pipe_led_aio(pipe));
    weft__pipe_read_while(pipe, park, seat, deadline_ns);
    seat_aio(seat, NULL);
    leave(lead, pipe);
}

/* He has slept. True: it would be his turn; where he does not take it, the next one does. */
static bool stop_following(struct lead *lead, struct follower *self, bool goes)
{
    weft__lock(&lead->lock);
    bool turn = !list_linked(&self->on);
    if (!turn) list_remove(&self->on);
    weft__nudge_settled(self->park);
    bool watch = turn && goes && pass_on(lead, true);
    weft__unlock(&lead->lock);
    if (watch) lead->watch(lead->context);
    return turn;
}

bool weft__lead_park(struct lead *lead, struct park *park, uint64_t deadline_ns)
{
    if (lead->seat < 0 || weft__forked) return weft__park(park, deadline_ns);
    struct follower self = {.park = park};
    list_init(&self.on);
    int state = hold_cancel();
    bool woken = false;
    for (bool goes = false, near = weft__pipe_too_near(deadline_ns); !goes;) {
        struct pipe *pipe = near ? NULL : take(lead, &self);
        bool followed = !near && !pipe;
        if (pipe) {
            read_for_all(lead, pipe, park, deadline_ns);
            goes = weft__park_given(park) || weft__clock_ns() >= deadline_ns;
            if (goes) woken = weft__park(park, 0);
        } else {
            woken = weft__park(park, deadline_ns);
            goes = near || woken || weft__clock_ns() >= deadline_ns;
        }
        near = weft__pipe_too_near(deadline_ns); /* then he would not take his turn */
        if (followed && !stop_following(lead, &self, goes || near)) goes = true;
    }
    let_cancel(state);
    return woken;
}

bool weft__lead_tick(struct lead *lead, uint64_t now_ns)
{
    weft__lock(&lead->lock);
    bool turned = lead->turns_count != lead->turns_seen, unserved = lead->pipe && !lead->led;
    lead->turns_seen = lead->turns_count;
    if (turned) lead->busy_ns = now_ns;
    if (unserved && !turned) {
        serve(lead);
        unserved = false;
    }
    bool watched = unserved || now_ns < lead->busy_ns + KEEP_NS;
    if (!watched) atomic_store(&lead->watched, false);
    weft__unlock(&lead->lock);
    return watched;
}
