/* node.c: the edge of weft/node.h: a node's life.
 *
 *     open      core, default group, participant of the process, service thread
 *     close 1   admit nothing more, wait until nothing is open              (at most timeout_ms)
 *           2   settle what is left; calls that block return
 *           3   wait for handlers, calls inside and callbacks               (LAST_MS at least; WEFT_EBUSY: again)  
 *           4   stop threads, then links; free
 */
#include <weft/node.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/completions.h"
#include "api/error.h"
#include "api/subscription.h"
#include "api/worker.h"
#include "base/assert.h"
#include "base/clock.h"
#include "exec/scope.h"
#include "exec/node.h"
#include "exec/participant.h"
#include "remote/client_ask.h"
#include "remote/station.h"
#include "remote/uplink.h"
#include "schema/seed.h"

enum { LAST_MS = 100, THREADS_LEAST = 2 };

/* --- open ------------------------------------------------------------------------------------- */

static weft_error check_options(const weft_node_options *o)
{
    if (o->version != 1)
        return weft__error(WEFT_EINVAL, "node: options.version is not 1: initialise them with WEFT_NODE_OPTIONS");
    if (o->threads > GROUP_THREADS_MAX || o->threads_max > GROUP_THREADS_MAX)
        return weft__error(WEFT_EINVAL, "node: more than %d threads", GROUP_THREADS_MAX);
    if (o->threads_max && o->threads_max < o->threads)
        return weft__error(WEFT_EINVAL, "node: threads_max of %u is less than its %u threads", o->threads_max,
                           o->threads);
    const struct {
        const char *name;
        uint32_t value;
    } bounds[] = {{"channels_max", o->channels_max},           {"workers_max", o->workers_max},
                  {"participants_max", o->participants_max},   {"dispatches_max", o->dispatches_max},
                  {"subscriptions_max", o->subscriptions_max}, {"schemas_max", o->schemas_max}};
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++)
        if (!bounds[i].value || bounds[i].value >= 1U << SLOT_INDEX_BITS)
            return weft__error(WEFT_EINVAL, "node: %s of %u is outside 1 to 2^%d - 1", bounds[i].name, bounds[i].value,
                               SLOT_INDEX_BITS);
    if (o->allocator && (!o->allocator->alloc || !o->allocator->free))
        return weft__error(WEFT_EINVAL, "node: the allocator's %s is NULL", !o->allocator->alloc ? "alloc" : "free");
    return WEFT_OK;
}

static weft_node *node_new(const struct mem *mem, const weft_node_options *o, uint64_t public_session)
{
    const struct core_limits limits = {.channels_max = o->channels_max,
                                       .workers_max = o->workers_max,
                                       .sessions_max = o->participants_max,
                                       .dispatches_max = o->dispatches_max,
                                       .outcome_keep_ms = o->outcome_keep_ms,
                                       .subscriptions_max = o->subscriptions_max,
                                       .schemas_max = o->schemas_max,
                                       .public_session = public_session,
                                       .seed = weft__schema_seed()};
    weft_node *node = weft__mem_zalloc(mem, sizeof(*node));
    if (!node) return NULL;
    node->mem = *mem;
    node->core = weft__core_new(&node->mem, &limits, weft__clock_ns());
    if (!node->core) {
        weft__mem_free(mem, node);
        return NULL;
    }
    weft__lock_init(&node->lock, LOCK_NODE);
    weft__lock_init(&node->core_lock, LOCK_CORE);
    struct list_node *lists[] = {&node->groups,  &node->callers,       &node->changes,
                                 &node->workers, &node->subscriptions, &node->completions};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        list_init(lists[i]);
    weft__core_dest_init(&node->inline_tasks);
    weft__participants_init(node);
    weft__callbacks_init(&node->callbacks);
    return node;
}

/* What has no thread any more, or never had one. */
static void node_free(weft_node *node)
{
    struct mem mem = node->mem;
    struct uplink *uplink = node->uplink;
    weft__participants_fini(node);
    weft__core_free(node->core); /* its records know the groups */
    weft__contracts_fini(node);
    if (uplink) weft__uplink_destroy(uplink);
    for (struct list_node *on; (on = list_first(&node->groups));)
        weft__group_free(list_record(on, weft_group, on_node));
    weft__lock_fini(&node->core_lock);
    weft__lock_fini(&node->lock);
    weft__mem_free(&mem, node);
}

/* The hooks of a client node are called from when its host has it: where the dial fails, nobody is to be waited for. */
static weft_error build(weft_node *node, const weft_node_options *o, bool calls)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    uint32_t threads = o->threads ? o->threads : processors > THREADS_LEAST ? (uint32_t)processors : THREADS_LEAST;
    if (threads > GROUP_THREADS_MAX) threads = GROUP_THREADS_MAX;
    if (o->threads_max && o->threads_max < threads) threads = o->threads_max;
    weft_error error = weft__group_new(node, "weft-default", threads, o->threads_max ? o->threads_max : 4 * threads,
                                       BATCH_MAX, &node->group);
    if (!error) error = weft__participant_new(node, PARTICIPANT_SELF, "process", 0, 0, &node->process);
    if (!error && o->hooks) {
        node->hooks = *o->hooks;
        error = weft__core_notes_open(node->core, &node->callbacks.dest);
    }
    if (!error && !weft__service_start(node)) error = WEFT_ESYSTEM;
    if (!error && o->hooks && calls) {
        error = weft__callbacks_start(node);
        if (error) weft__service_stop(node);
    }
    return error;
}

weft_error weft__node_open(const weft_node_options *options, uint64_t public_session, weft_node **opened)
{
    const weft_node_options defaults = WEFT_NODE_OPTIONS;
    if (!options) options = &defaults;
    weft_error error = check_options(options);
    if (error) return error;
    if (!weft__fork_arm()) return weft__error(WEFT_ENOMEM, "node: no memory to watch for forks");
    const weft_allocator *allocator = options->allocator;
    struct mem mem = weft__mem_libc;
    if (allocator) mem = (struct mem){allocator->alloc, allocator->free, allocator->context};

    weft_node *node = node_new(&mem, options, public_session);
    if (!node) return weft__error(WEFT_ENOMEM, "node: no memory");
    error = build(node, options, !public_session);
    if (error) {
        int reason = errno;
        node_free(node);
        if (error == WEFT_ESYSTEM) return weft__error(error, "node: no thread to be had: %s", strerror(reason));
        return weft__error_plain(error, "node");
    }
    *opened = node;
    return WEFT_OK;
}

weft_error weft_node_open(const weft_node_options *options, weft_node **node)
{
    if (weft__forked) return weft__error_forked(__func__);
    return node ? weft__node_open(options, 0, node) : weft__error_null(__func__, "node");
}

/* --- close ------------------------------------------------------------------------------------ */

/* Between two holds of the core, each of which is short. */
static void breathe(weft_node *node, uint64_t *now_ns)
{
    weft__leave(node);
    *now_ns = weft__enter(node);
}

static uint32_t ms_since(uint64_t since_ns, uint64_t now_ns)
{
    return since_ns && since_ns < now_ns ? (uint32_t)((now_ns - since_ns) / NS_PER_MS) : 0;
}

/* Inside. Who still runs or holds a task, or is inside a call. */
static weft_error busy(weft_node *node, uint64_t now_ns)
{
    const struct core_task *task;
    const char *worker, *channel, *heard;
    uint64_t turn_ns;
    uint32_t tasks_cursor = 0, turns_cursor = 0;
    while (!weft__core_any_task(node->core, &tasks_cursor, &task, &worker, &channel))
        breathe(node, &now_ns);
    if (task)
        return weft__error(WEFT_EBUSY, "node: worker %s of %s has held a task for %u ms", worker, channel,
                           ms_since(__atomic_load_n(&task->started_ns, __ATOMIC_RELAXED), now_ns));
    while (!weft__core_any_turn(node->core, &turns_cursor, &heard, &turn_ns))
        breathe(node, &now_ns);
    if (heard)
        return weft__error(WEFT_EBUSY, "node: a subscriber of %s has been called for %u ms", heard,
                           ms_since(turn_ns, now_ns));
    if (!node->calls_count)
        return weft__error(WEFT_EBUSY,
                           "node: a subscriber has yet to be told of its end: no thread of its group is free");
    return weft__error(WEFT_EBUSY, "node: %u calls of other threads are still inside", node->calls_count);
}

static weft_error wait_for_handlers(weft_node *node, uint64_t deadline_ns, uint64_t now_ns)
{
    for (bool in_time = true;;) {
        struct waiter waiter;
        weft__waiter_init(&waiter);
        if (!weft__core_wait_quiet(node->core, true, &waiter.core)) {
            if (node->calls_count == 0) return WEFT_OK;
            weft__await(node, &waiter);
        }
        if (!in_time) {
            (void)weft__core_unwait(&waiter.core);
            return busy(node, now_ns);
        }
        in_time = weft__wait(node, &waiter, deadline_ns, &now_ns);
    }
}

/* Inside. What the host's loops watch is readable now. */
static void wake_pullers(weft_node *node)
{
    for (struct list_node *on = node->workers.next; on != &node->workers; on = on->next) {
        weft_worker *worker = list_record(on, weft_worker, on_node);
        if (worker->pull) weft__core_dest_wake(node->core, &worker->pull->inbox);
    }
}

/* The ends of subscriptions on groups where no thread is left to tell of them. A group with something due stays. */
static void tell_ends(weft_node *node)
{
    for (weft_group *group;;) {
        group = NULL;
        weft__lock(&node->lock);
        (void)weft__enter(node);
        for (struct list_node *g = node->groups.next; g != &node->groups && !group; g = g->next) {
            weft_group *next = list_record(g, weft_group, on_node);
            if (!list_empty(&next->core.turns) && list_empty(&next->executors)) group = next;
        }
        weft__leave_bare(node);
        weft__unlock(&node->lock);
        if (!group) return;
        weft__group_lend_host(group, 0);
    }
}

/* Of a client node: what was settled here is still to end there, which nobody waits for: the goodbye cancels it. */
static void give_up_calls(weft_node *node)
{
    uint32_t most = UINT32_MAX;
    for (bool more = true; more;) {
        uint64_t now_ns = weft__enter(node);
        more = weft__core_uplink_lost(node->core, now_ns, &most);
        weft__leave(node);
    }
}

/* Phases 1 to 3. */
static weft_error wind_down(weft_node *node, uint32_t timeout_ms)
{
    struct waiter waiter;
    uint64_t now_ns = weft__enter(node);
    uint64_t deadline_ns = weft__deadline(now_ns, timeout_ms);
    struct station *station = node->station;
    weft__core_close(node->core);
    weft__wake_callers(node);
    do {
        weft__waiter_init(&waiter);
    } while (weft__core_wait_quiet(node->core, false, &waiter.core) && weft__wait(node, &waiter, deadline_ns, &now_ns));

    node->closed = true;
    weft__core_settle_all(node->core);
    weft__wake_callers(node);
    wake_pullers(node);
    weft__leave(node);
    if (node->uplink) weft__uplink_hush(node->uplink);
    tell_ends(node);
    if (station) weft__station_part(station, deadline_ns);
    if (node->uplink) give_up_calls(node);

    now_ns = weft__enter(node);
    uint64_t last_ns = weft__clock_after_ms(now_ns, timeout_ms < LAST_MS ? timeout_ms : LAST_MS);
    if (deadline_ns < last_ns)
        deadline_ns = last_ns; /* handlers have all of the time, and a moment after the settling */
    weft_error error = wait_for_handlers(node, deadline_ns, now_ns);
    if (!error && !weft__callbacks_finish(node, deadline_ns))
        error = weft__error(WEFT_EBUSY, "node: a callback has not returned");
    weft__leave(node);
    if (!error && node->uplink) weft__uplink_part(node->uplink, deadline_ns);
    return error;
}

/* Phase 4. */
static void tear_down(weft_node *node)
{
    struct list_node *on;
    if (node->station) weft__station_free(node->station);
    if (node->uplink) weft__uplink_close(node->uplink);
    for (struct list_node *g = node->groups.next; g != &node->groups; g = g->next)
        weft__group_stop(list_record(g, weft_group, on_node));
    weft__callbacks_stop(node);
    weft__service_stop(node);
    while ((on = list_pop_front(&node->workers)))
        weft__worker_free(list_record(on, weft_worker, on_node));
    while ((on = list_pop_front(&node->subscriptions)))
        weft__subscription_free(list_record(on, weft_subscription, on_node));
    while ((on = list_pop_front(&node->completions)))
        weft__completions_free(list_record(on, weft_completions, on_node));
    node_free(node);
}

static weft_error close_node(weft_node *node, uint32_t timeout_ms)
{
    if (!node) return WEFT_OK;
    if (weft__scope_in_node(node))
        return weft__error(WEFT_EDEADLK, "node: closed from one of its handlers or callbacks");
    weft__lock(&node->lock);
    bool taken = node->closing;
    node->closing = true;
    weft__unlock(&node->lock);
    if (taken) return weft__error(WEFT_EBUSY, "node: another thread is closing it");
    weft_error error = wind_down(node, timeout_ms);
    if (error) {
        weft__lock(&node->lock);
        node->closing = false;
        weft__unlock(&node->lock);
        return error;
    }
    tear_down(node);
    return WEFT_OK;
}

/* --- the node of the process ------------------------------------------------------------------ */

static struct lock process_lock;
static pthread_once_t process_once = PTHREAD_ONCE_INIT;
static weft_node *process_node; /* under the lock, like the next */
static bool process_closing;    /* it admits nothing any more */
static bool process_in_fini;

static void process_init(void)
{
    (void)weft__fork_arm(); /* where that fails no node is opened */
    weft__lock_init(&process_lock, LOCK_PROCESS);
}

weft_error weft_node_default(weft_node **node)
{
    weft_error error = WEFT_OK;
    if (weft__forked) return weft__error_forked(__func__);
    if (!node) return weft__error_null(__func__, "node");
    (void)pthread_once(&process_once, process_init);
    weft__lock(&process_lock);
    if (process_closing)
        error = weft__error(WEFT_ECLOSED, "node: that of the process is being closed");
    else if (!process_node)
        error = weft_node_open(NULL, &process_node);
    if (!error) *node = process_node;
    weft__unlock(&process_lock);
    return error;
}

weft_error weft_node_close(weft_node *node, uint32_t timeout_ms)
{
    if (weft__forked) return weft__error_forked(__func__);
    (void)pthread_once(&process_once, process_init);
    weft__lock(&process_lock);
    bool of_process = node && node == process_node;
    weft__unlock(&process_lock);
    return of_process ? weft__error(WEFT_EINVAL, "node: that of the process is closed by weft_process_fini")
                      : close_node(node, timeout_ms);
}

weft_error weft_process_fini(uint32_t timeout_ms)
{
    if (weft__forked) return weft__error_forked(__func__);
    (void)pthread_once(&process_once, process_init);
    weft__lock(&process_lock);
    weft_node *node = process_node;
    bool taken = process_in_fini;
    process_in_fini = true;
    if (!taken) process_closing = node && !weft__scope_in_node(node);
    weft__unlock(&process_lock);
    if (taken) return weft__error(WEFT_EBUSY, "node: another thread is closing that of the process");
    weft_error error = close_node(node, timeout_ms);
    weft__lock(&process_lock);
    if (!error) {
        process_node = NULL;
        process_closing = false;
    }
    process_in_fini = false;
    weft__unlock(&process_lock);
    return error;
}

void weft_panic_hook(void (*panic)(const char *sentence, void *context), void *context)
{
    if (!weft__forked) weft__panic_set(panic, context); /* which waits for others that set it */
}

weft_error weft_node_stats_get(weft_node *node, weft_node_stats *stats)
{
    if (weft__forked) return weft__error_forked(__func__);
    if (!node || !stats) return weft__error_null(__func__, !node ? "node" : "stats");
    if (node->uplink) return weft__client_node_stats(node, stats);
    (void)weft__enter(node);
    weft__core_stats(node->core, stats);
    weft__leave(node);
    return WEFT_OK;
}
