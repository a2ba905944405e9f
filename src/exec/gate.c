/* Note PERMIT. A waiter stands on one list at a time, under the lock. Who takes it off a list to wake it clears its link
 * in that same hold, so that weft__core_unwait tells the two cases apart: it was still waiting and is its owner's
 * again, or its wake is on its way and its owner must stay until it came. The departure that wakes it reads `next`
 * first; after the wake it touches nothing of it.
 *
 * Note AGAIN. An eventfd's waiter must not be left while `next` is in use. So the departure reads `next`, then clears
 * `taken`, and only then writes the eventfd. Who finds `taken` set has read the eventfd before that write, which makes it
 * readable once more: it need do nothing, and waits for no one. Who has read what the departure wrote finds `taken` clear,
 * and leaves the waiter. (The kernel orders the read behind the write that it read.) Between the two the waiter may be
 * left, and taken by another departure: each writes once, and all that comes of it is a wake too many, never one too few.
 * Each counts in `writers` from the hold that took the waiter until it has written; after that it touches nothing of it,
 * but the last for whom close waits. While close does, no more can take it: it stands on no list. */
#include "exec/gate.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/clock.h"
#include "exec/scope.h"
#include "exec/inline.h"
#include "exec/node.h"
#include "exec/participant.h"
#include "net/lead.h"

enum { CLOSES = 1, WRITER = 2 }; /* in waiter->writers */

static void take_wakes(weft_node *node, struct departure *departure);
static void write_event(int fd);
static void close_event(int fd);

/* --- waiters ---------------------------------------------------------------------------------- */

void weft__waiter_init(struct waiter *waiter)
{
    weft__core_waiter_init(&waiter->core);
    list_init(&waiter->on_node);
    waiter->next = NULL;
    weft__park_init(&waiter->park);
    waiter->fd = -1;
    waiter->woken = NULL;
    atomic_init(&waiter->taken, false);
    atomic_init(&waiter->writers, 0);
}

void weft__leave_watching(weft_node *node, struct core_dest *dest, struct waiter *waiter)
{
    bool told = waiter->fd < 0 || list_linked(&waiter->core.on) ||
                atomic_load_explicit(&waiter->taken, memory_order_acquire); /* Note AGAIN */
    if (!told && !weft__core_dest_watch(dest, &waiter->core))
        write_event(waiter->fd); /* under the lock: after it the waiter may be closed */
    weft__hurry(node);
    weft__leave(node);
}

bool weft__waiter_watch(weft_node *node, struct core_dest *dest, struct waiter *waiter, int *fd)
{
    int made = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (made < 0) return false;
    (void)weft__enter(node);
    bool first = waiter->fd < 0;
    if (first) waiter->fd = made;
    if (node->lead) weft__lead_share(node->lead);
    atomic_store(&node->hosted, true);
    *fd = waiter->fd;
    if (first) write_event(made); /* an end may have come before it: the first look tells */
    weft__leave_watching(node, dest, waiter);
    if (!first) close_event(made);
    return true;
}

void weft__waiter_close(weft_node *node, struct waiter *waiter)
{
    if (waiter->fd < 0) return;
    (void)weft__enter(node);
    (void)weft__core_unwait(&waiter->core);
    weft__leave_bare(node);
    if (atomic_fetch_add_explicit(&waiter->writers, CLOSES, memory_order_acquire) > 0)
        (void)weft__park(&waiter->park, PARK_FOREVER);
    close_event(waiter->fd);
    waiter->fd = -1;
}

/* close and write are cancellation points, and a thread that was cancelled there would leave others asleep. (By its own
 * name: the thread sanitizer knows the end of a descriptor by close alone.) */
static void close_event(int fd)
{
    int state;
    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    (void)close(fd);
    (void)pthread_setcancelstate(state, &state);
}

/* It fails only where the eventfd is readable anyway. */
static void write_event(int fd)
{
    (void)syscall(SYS_write, fd, &(uint64_t){1}, sizeof(uint64_t));
}

static void wake(struct waiter *waiter)
{
    if (waiter->woken) {
        waiter->woken(waiter);
        return;
    }
    if (waiter->fd < 0) {
        weft__unpark(&waiter->park);
        return;
    }
    atomic_store_explicit(&waiter->taken, false, memory_order_release); /* Note AGAIN */
    write_event(waiter->fd);
    unsigned writers = atomic_fetch_sub_explicit(&waiter->writers, WRITER, memory_order_acq_rel);
    if (writers == WRITER + CLOSES) weft__unpark(&waiter->park);
}

void weft__waiter_wake(weft_node *node, struct waiter *waiter)
{
    weft__lock_assert_held(&node->core_lock);
    if (weft__core_unwait(&waiter->core)) list_push_back(weft__core_wakes(node->core), &waiter->core.on);
}

void weft__wake_callers(weft_node *node)
{
    for (struct list_node *on = node->callers.next; on != &node->callers; on = on->next)
        weft__waiter_wake(node, list_record(on, struct waiter, on_node));
}

void weft__await(weft_node *node, struct waiter *waiter)
{
    list_push_back(&node->changes, &waiter->core.on);
}

void weft__changed(weft_node *node)
{
    weft__lock_assert_held(&node->core_lock);
    for (struct list_node *on; (on = list_pop_front(&node->changes));)
        list_push_back(weft__core_wakes(node->core), on);
}

/* --- in and out ------------------------------------------------------------------------------- */

uint64_t weft__enter(weft_node *node)
{
    weft__lock(&node->core_lock);
    return weft__clock_ns();
}

void weft__departure_init(struct departure *departure)
{
    departure->leaver = LEAVER_BARE;
    departure->wakes = NULL;
    departure->more = departure->inline_move = false;
    departure->inline_count = 0;
    list_init(&departure->ended);
}

void weft__hurry(weft_node *node)
{
    if (node->gathers && node->gathers->items_count) weft__core_dest_wake(node->core, node->gathers);
}

static void take(weft_node *node, struct departure *departure)
{
    weft__lock_assert_held(&node->core_lock);
    if (node->gathers && node->gathers->items_count && !list_empty(&node->gathers->waiters))
        weft__service_guard(node, weft__clock_ns());
    struct list_node *ended = weft__core_ended(node->core);
    bool in_fired = departure->leaver == LEAVER_FIRED;
    if (in_fired && !list_empty(ended)) weft__waiter_wake(node, &node->service.waiter);
    for (struct list_node *on; !in_fired && (on = list_pop_front(ended));)
        if (weft__participant_claim(on)) list_push_back(&departure->ended, on);
    take_wakes(node, departure);
    departure->more = weft__core_has_work(node->core);
    if (departure->leaver == LEAVER_USER && !departure->inline_count)
        departure->inline_count = weft__inline_take(node, departure->inline_tasks);
    else if (departure->leaver != LEAVER_BARE)
        departure->inline_move = weft__inline_move_due(node);
}

static void take_wakes(weft_node *node, struct departure *departure)
{
    struct list_node *wakes = weft__core_wakes(node->core);
    for (struct list_node *on; (on = list_pop_front(wakes));) {
        struct waiter *waiter = list_record(on, struct waiter, core.on);
        if (waiter->fd >= 0) {
            atomic_store_explicit(&waiter->taken, true, memory_order_relaxed);
            (void)atomic_fetch_add_explicit(&waiter->writers, WRITER, memory_order_relaxed);
        }
        waiter->next = departure->wakes;
        departure->wakes = waiter;
    }
}

/* Wakes and disarms: what one hold left to be done. */
static void act_once(weft_node *node, struct departure *departure)
{
    while (departure->wakes) {
        struct waiter *waiter = departure->wakes;
        departure->wakes = waiter->next; /* Note PERMIT: it may be gone after the wake */
        wake(waiter);
    }
    for (struct list_node *on; (on = list_pop_front(&departure->ended));)
        weft__participant_end(node, on);
}

void weft__depart(weft_node *node, struct departure *departure)
{
    take(node, departure);
    weft__unlock(&node->core_lock);
}

void weft__act(weft_node *node, struct departure *departure)
{
    act_once(node, departure);
    while (departure->more) {
        uint64_t now_ns = weft__enter(node);
        (void)weft__core_step(node->core, now_ns);
        weft__depart(node, departure);
        act_once(node, departure);
    }
}

/* Whether there was something to do for inline tasks; then this thread is inside again. */
static bool see_to_inline(weft_node *node, struct departure *departure)
{
    if (departure->inline_count)
        weft__inline_run(node, departure->inline_tasks, departure->inline_count);
    else if (departure->inline_move)
        weft__inline_move(node);
    return departure->inline_count || departure->inline_move;
}

static void leave(weft_node *node, enum leaver leaver)
{
    struct departure departure;
    do {
        weft__departure_init(&departure);
        departure.leaver = leaver;
        weft__depart(node, &departure);
        weft__act(node, &departure);
    } while (see_to_inline(node, &departure));
}

static _Thread_local bool own_thread;

bool weft__gate_own(bool own)
{
    bool was = own_thread;
    own_thread = own;
    return was;
}

static enum leaver user(void)
{
    return own_thread ? LEAVER_INSIDE : LEAVER_USER;
}

void weft__leave(weft_node *node)
{
    leave(node, user());
}

void weft__leave_inside(weft_node *node)
{
    leave(node, LEAVER_INSIDE);
}

void weft__leave_bare(weft_node *node)
{
    leave(node, LEAVER_BARE);
}

/* --- calls that block ------------------------------------------------------------------------- */

uint64_t weft__deadline(uint64_t now_ns, uint32_t timeout_ms)
{
    return timeout_ms == WEFT_FOREVER ? PARK_FOREVER : weft__clock_after_ms(now_ns, timeout_ms);
}

void weft__call_begin(weft_node *node)
{
    node->calls_count++;
}

/* The count falls in a hold that leaves nothing to be done but wakes, whose memory is the woken one's: so the node is not
 * touched after it, and may be freed by who sees that no call is inside. */
static void leave_call(weft_node *node, enum leaver leaver)
{
    for (;;) {
        struct departure departure;
        weft__departure_init(&departure);
        departure.leaver = leaver;
        take(node, &departure);
        bool last =
            !departure.more && !departure.inline_count && !departure.inline_move && list_empty(&departure.ended);
        if (last) {
            WEFT_ASSERT(node->calls_count > 0);
            if (--node->calls_count == 0 && weft__core_closing(node->core)) weft__changed(node);
            take_wakes(node, &departure);
        }
        weft__unlock(&node->core_lock);
        if (last) {
            act_once(NULL, &departure);
            return;
        }
        weft__act(node, &departure);
        if (!see_to_inline(node, &departure)) (void)weft__enter(node);
    }
}

void weft__leave_call(weft_node *node)
{
    leave_call(node, user());
}

void weft__call_open(weft_node *node)
{
    (void)weft__enter(node);
    weft__call_begin(node);
    weft__leave(node);
}

void weft__call_close(weft_node *node)
{
    (void)weft__enter(node);
    weft__leave_call(node);
}

void weft__leave_fired(weft_node *node)
{
    leave_call(node, LEAVER_FIRED);
}

static bool park_leading(weft_node *node, struct waiter *waiter, uint64_t deadline_ns)
{
    if (!node->lead) return weft__park(&waiter->park, deadline_ns);
    return weft__lead_park(node->lead, &waiter->park, deadline_ns);
}

bool weft__wait(weft_node *node, struct waiter *waiter, uint64_t deadline_ns, uint64_t *now_ns)
{
    list_push_back(&node->callers, &waiter->on_node);
    weft__hurry(node);
    weft__leave(node);
    bool woken = own_thread ? weft__park(&waiter->park, deadline_ns) : park_leading(node, waiter, deadline_ns);
    *now_ns = weft__enter(node);
    if (!woken && !weft__core_unwait(&waiter->core)) { /* Note PERMIT: its wake is on its way */
        weft__leave_bare(node);
        woken = weft__park(&waiter->park, PARK_FOREVER);
        *now_ns = weft__enter(node);
    }
    list_remove(&waiter->on_node);
    return woken;
}

static void slept(weft_node *node, struct waiter *waiter, bool woken)
{
    if (woken) return;
    (void)weft__enter(node);
    bool taken_back = weft__core_unwait(&waiter->core);
    weft__leave_bare(node);
    if (!taken_back) (void)weft__park(&waiter->park, PARK_FOREVER); /* Note PERMIT */
}

void weft__sleep(weft_node *node, struct waiter *waiter, uint64_t deadline_ns)
{
    slept(node, waiter, weft__park(&waiter->park, deadline_ns));
}

void weft__sleep_leading(weft_node *node, struct waiter *waiter, uint64_t deadline_ns)
{
    slept(node, waiter, park_leading(node, waiter, deadline_ns));
}
