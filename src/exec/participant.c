/* Note CLAIM. A participant's object is freed by whoever takes it off node->participants under the core's lock: a
 * departure that found it on the core's `ended`, or closing. The other one then lets it be. `fired` runs while its
 * watch is being removed at the latest, and removing waits for it: so the object is there as long as fired runs, and
 * fired counts as a call inside before it does anything that could end the object.
 *
 * Note CROSSWISE. Removing a watch waits for its `fired`. So `fired` itself removes none, or two dying threads could
 * wait for each other: what it leaves on the core's `ended` is taken by the service thread. */
#include "exec/participant.h"

#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "exec/node.h"

/* --- links ------------------------------------------------------------------------------------ */

static void fired(weft_participant *participant, weft_cause cause)
{
    weft_node *node = participant->node;
    uint64_t wall_ns = weft__clock_wall_ns();
    uint64_t now_ns = weft__enter(node);
    weft__call_begin(node);
    (void)weft__core_session_fired(node->core, now_ns, wall_ns, participant->session, cause);
    if (participant->kind == PARTICIPANT_THREAD) /* its own hold */
        weft__core_session_release(node->core, now_ns, wall_ns, participant->session);
    void (*died)(weft_node *) = node->died;
    if (died) weft__call_begin(node); /* it is there until it was told */
    weft__leave_fired(node);
    if (!died) return;
    died(node);
    (void)weft__enter(node);
    weft__leave_fired(node);
}

static void process_fired(void *context, struct process_watch *watch, weft_cause cause)
{
    (void)context;
    fired(list_record(watch, weft_participant, process), cause);
}

static void thread_fired(struct thread_watch *watch)
{
    fired(list_record(watch, weft_participant, thread), (weft_cause){.kind = WEFT_CAUSE_THREAD_EXITED});
}

static weft_error arm(weft_participant *participant)
{
    switch (participant->kind) {
    case PARTICIPANT_PROCESS: return weft__process_monitor_add(&participant->node->monitor, &participant->process);
    case PARTICIPANT_THREAD: return weft__thread_watch_add(&participant->thread, thread_fired);
    case PARTICIPANT_SELF:
    case PARTICIPANT_DECLARED: break;
    }
    return WEFT_OK;
}

static void disarm(weft_participant *participant)
{
    if (participant->process.pidfd >= 0)
        weft__process_monitor_remove(&participant->node->monitor, &participant->process);
    if (participant->kind == PARTICIPANT_THREAD) weft__thread_watch_remove(&participant->thread);
}

/* --- life ------------------------------------------------------------------------------------- */

/* Inside. One of a thread is made in that thread. */
static void link_told(weft_participant *participant)
{
    static const weft_link_kind links[] = {[PARTICIPANT_SELF] = WEFT_LINK_NODE,
                                           [PARTICIPANT_PROCESS] = WEFT_LINK_PROCESS,
                                           [PARTICIPANT_THREAD] = WEFT_LINK_THREAD,
                                           [PARTICIPANT_DECLARED] = WEFT_LINK_DECLARED};
    int32_t watched = participant->kind == PARTICIPANT_PROCESS  ? participant->process.pid
                      : participant->kind == PARTICIPANT_THREAD ? participant->tid
                                                                : 0;
    weft__core_session_link(participant->node->core, participant->session, links[participant->kind], watched);
}

static weft_error attach(weft_participant *participant, const char *name)
{
    weft_node *node = participant->node;
    bool declared = participant->kind == PARTICIPANT_DECLARED;
    (void)weft__enter(node);
    weft_error error =
        weft__core_session_attach(node->core, name, declared, &participant->ended, &participant->session);
    if (!error) {
        link_told(participant);
        list_push_back(&node->participants, &participant->on_node);
    }
    weft__leave(node);
    return error;
}

weft_error weft__participant_new(weft_node *node, enum participant_kind kind, const char *name, int32_t pid,
                                 uint64_t start_time, weft_participant **made)
{
    weft_participant *participant = weft__mem_zalloc(&node->mem, sizeof(*participant));
    if (!participant) return WEFT_ENOMEM;
    participant->node = node;
    participant->kind = kind;
    participant->process.pidfd = -1;
    if (kind == PARTICIPANT_THREAD) participant->tid = (int32_t)syscall(SYS_gettid);
    list_init(&participant->ended);
    list_init(&participant->on_node);

    weft_error error =
        kind == PARTICIPANT_PROCESS ? weft__process_watch_open(&participant->process, pid, start_time) : WEFT_OK;
    if (!error) error = attach(participant, name);
    if (error) {
        disarm(participant);
        weft__mem_free(&node->mem, participant);
        return error;
    }
    error = arm(participant);
    if (error) {
        weft__participant_release(participant); /* the last hold: frees it */
        return error;
    }
    uint64_t now_ns = weft__enter(node);
    if (kind == PARTICIPANT_THREAD) weft__core_session_hold(node->core, participant->session);
    (void)weft__core_session_armed(node->core, now_ns,
                                   participant->session); /* WEFT_EDEAD: it is told to who uses it */
    weft__leave(node);
    *made = participant;
    return WEFT_OK;
}

void weft__participant_release(weft_participant *participant)
{
    weft_node *node = participant->node;
    uint64_t wall_ns = weft__clock_wall_ns();
    uint64_t now_ns = weft__enter(node);
    weft__core_session_release(node->core, now_ns, wall_ns, participant->session);
    weft__leave(node);
    if (node->died) node->died(node);
}

bool weft__participant_claim(struct list_node *ended)
{
    weft_participant *participant = list_record(ended, weft_participant, ended);
    if (!list_linked(&participant->on_node)) return false;
    list_remove(&participant->on_node);
    return true;
}

void weft__participant_end(weft_node *node, struct list_node *ended)
{
    weft_participant *participant = list_record(ended, weft_participant, ended);
    disarm(participant);
    weft__mem_free(&node->mem, participant);
}

void weft__participants_init(weft_node *node)
{
    list_init(&node->participants);
    weft__process_monitor_init(&node->monitor, process_fired, node);
}

void weft__participants_fini(weft_node *node)
{
    for (;;) {
        (void)weft__enter(node);
        struct list_node *on = list_pop_front(&node->participants);
        weft__leave_bare(node);
        if (!on) break;
        weft__participant_end(node, &list_record(on, weft_participant, on_node)->ended);
    }
    struct waiter waiter;
    uint64_t now_ns = weft__enter(node);
    while (node->calls_count > 0) { /* dying threads, about to leave `fired` */
        weft__waiter_init(&waiter);
        weft__await(node, &waiter);
        (void)weft__wait(node, &waiter, PARK_FOREVER, &now_ns);
    }
    weft__leave_bare(node);
    weft__process_monitor_stop(&node->monitor);
}

/* --- the calling thread's --------------------------------------------------------------------- */

static bool of_node(struct thread_watch *watch, const void *node)
{
    return watch->fired == thread_fired && list_record(watch, weft_participant, thread)->node == node;
}

weft_error weft__participant_of_thread(weft_node *node, const char *name, weft_participant **participant)
{
    struct thread_watch *watch = weft__thread_watch_find(of_node, node);
    if (watch) {
        *participant = list_record(watch, weft_participant, thread);
        return WEFT_OK;
    }
    char own_name[32];
    (void)snprintf(own_name, sizeof own_name, "thread-%ld", syscall(SYS_gettid));
    weft_error error = weft__participant_new(node, PARTICIPANT_THREAD, name ? name : own_name, 0, 0, participant);
    if (!error) weft__participant_release(*participant); /* the thread's own hold stays */
    return error;
}
