/* remote.c: the thread of a node's sessions: errands and timers. It sleeps until something is left or due; it polls nothing. */
#include "remote/remote.h"

#include <sched.h>

#include "base/clock.h"
#include "exec/node.h"
#include "base/thread.h"

bool weft__timer_ready(struct remote *remote, struct timer *timer, void (*due)(struct timer *timer, uint64_t now_ns))
{
    timer->node.position = 0;
    timer->due = due;
    weft__lock(&remote->lock);
    bool ready = weft__heap_ensure(&remote->timers, remote->timers_count + 1);
    remote->timers_count += ready;
    weft__unlock(&remote->lock);
    return ready;
}

void weft__timer_at(struct remote *remote, struct timer *timer, uint64_t at_ns)
{
    uint64_t first_ns = UINT64_MAX;
    weft__lock(&remote->lock);
    (void)weft__heap_first(&remote->timers, &first_ns);
    if (at_ns == UINT64_MAX || !timer->due)
        weft__heap_remove(&remote->timers, &timer->node);
    else
        weft__heap_set(&remote->timers, &timer->node, at_ns);
    weft__unlock(&remote->lock);
    if (at_ns < first_ns) weft__unpark(&remote->park);
}

void weft__timer_gone(struct remote *remote, struct timer *timer)
{
    weft__lock(&remote->lock);
    weft__heap_remove(&remote->timers, &timer->node);
    if (timer->due) remote->timers_count--;
    timer->due = NULL;
    weft__unlock(&remote->lock);
}

/* --- the thread ------------------------------------------------------------------------------- */

/* The remote may be gone as soon as the last errand has run: so its end waits for who is in here. */
void weft__remote_leave(struct remote *remote, struct errand *errand)
{
    atomic_fetch_add(&remote->leaving_count, 1);
    errand->next = atomic_load(&remote->errands);
    while (!atomic_compare_exchange_weak(&remote->errands, &errand->next, errand)) {
    }
    weft__unpark(&remote->park);
    atomic_fetch_sub(&remote->leaving_count, 1);
}

/* All that were left, in their order. False: there are none. */
static bool run_errands(struct remote *remote)
{
    struct errand *newest = atomic_exchange(&remote->errands, NULL), *first = NULL;
    if (!newest) return false;
    for (struct errand *next; newest; newest = next) {
        next = newest->next;
        newest->next = first;
        first = newest;
    }
    for (struct errand *next; first; first = next) {
        next = first->next; /* it may be left again, or be gone */
        first->run(first);
    }
    return true;
}

/* Frees a pipe, or fires one timer that is due. Called with the lock, which it lets go of; false: there was nothing, and
 * *until_ns says until when. */
static bool work(struct remote *remote, uint64_t *until_ns)
{
    if (remote->refused_count) {
        struct pipe *pipe = remote->refused[--remote->refused_count];
        weft__unlock(&remote->lock);
        weft__pipe_free(pipe);
        return true;
    }
    *until_ns = PARK_FOREVER;
    struct heap_node *first = weft__heap_first(&remote->timers, until_ns);
    uint64_t now_ns = weft__clock_ns();
    if (!first || *until_ns > now_ns) return false;
    struct timer *timer = list_record(first, struct timer, node);
    void (*due)(struct timer * timer, uint64_t now_ns) = timer->due;
    weft__heap_remove(&remote->timers, first);
    weft__unlock(&remote->lock);
    due(timer, now_ns);
    return true;
}

static void *remote_main(void *argument)
{
    struct remote *remote = argument;
    (void)weft__gate_own(true);
    for (;;) {
        uint64_t until_ns;
        if (run_errands(remote)) continue;
        weft__lock(&remote->lock);
        if (work(remote, &until_ns)) continue;
        bool over =
            remote->stopping && list_empty(&remote->conns) && list_empty(&remote->sessions) && !remote->refused_count;
        weft__unlock(&remote->lock);
        if (over) return NULL;
        (void)weft__park(&remote->park, until_ns);
    }
}

weft_error weft__remote_start(struct remote *remote, weft_node *node)
{
    remote->node = node;
    weft__lock_init(&remote->lock, LOCK_REMOTE);
    weft__heap_init(&remote->timers, &node->mem);
    list_init(&remote->conns);
    list_init(&remote->sessions);
    weft__park_init(&remote->park);
    weft__net_begin(); /* also while it dials anew */
    if (weft__thread_start(&remote->thread, "weft-remote", remote_main, remote)) return WEFT_OK;
    weft__net_end();
    weft__lock_fini(&remote->lock);
    return WEFT_ESYSTEM;
}

/* Where too many stand there already the acceptor's thread does it: it waits for nothing, since nothing of the pipe is under
 * way. */
void weft__remote_reap(struct remote *remote, struct pipe *pipe)
{
    weft__pipe_close(pipe);
    weft__lock(&remote->lock);
    bool fits = remote->refused_count < sizeof remote->refused / sizeof *remote->refused;
    if (fits) remote->refused[remote->refused_count++] = pipe;
    weft__unlock(&remote->lock);
    if (fits)
        weft__unpark(&remote->park);
    else
        weft__pipe_free(pipe);
}

/* One connection after the other: closing may end it, and with it its place in the list. */
static void close_all(struct remote *remote)
{
    weft__lock(&remote->lock);
    remote->stopping = true;
    for (struct list_node *on = remote->conns.next; on != &remote->conns;) {
        struct conn *conn = list_record(on, struct conn, on_remote);
        if (atomic_load(&conn->closing) || !weft__conn_hold(conn)) {
            on = on->next;
            continue;
        }
        weft__unlock(&remote->lock);
        weft__conn_close(conn);
        weft__conn_release(conn);
        weft__lock(&remote->lock);
        on = remote->conns.next;
    }
    weft__unlock(&remote->lock);
}

void weft__remote_stop(struct remote *remote)
{
    close_all(remote);
    weft__unpark(&remote->park);
    weft__thread_join(remote->thread);
    while (atomic_load(&remote->leaving_count) > 0)
        (void)sched_yield(); /* some instructions */
    weft__heap_fini(&remote->timers);
    weft__lock_fini(&remote->lock);
    weft__net_end();
}
