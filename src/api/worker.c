/* worker.c: the edge of weft/worker.h. The registration's handle outlives the core's worker; it goes with unregister, or
 * with the node. */
#include "api/worker.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "api/error.h"
#include "base/fork.h"
#include "exec/scope.h"
#include "exec/node.h"
#include "exec/participant.h"
#include "remote/client.h"
#include "remote/client_ask.h"

/* --- registering ------------------------------------------------------------------------------ */

static weft_error check_options(weft_node *node, const weft_handler handler, const weft_worker_options *o)
{
    if (o->version != 1)
        return weft__error(WEFT_EINVAL, "worker: options.version is not 1: initialise them with WEFT_WORKER_OPTIONS");
    if (o->name && !weft__word_valid(o->name, "."))
        return weft__error(WEFT_EINVAL, "worker %.80s: not a name: 1 to 64 of [A-Za-z0-9_.-]", o->name);
    if (o->max_concurrent < 1 || o->max_concurrent > WEFT_CONCURRENT_MAX)
        return weft__error(WEFT_EINVAL, "worker: max_concurrent of %u is outside 1 to %d", o->max_concurrent,
                           WEFT_CONCURRENT_MAX);
    if (o->flags & ~(uint32_t)(WEFT_OWNER_THREAD | WEFT_INLINE))
        return weft__error(WEFT_EINVAL, "worker: flags 0x%x are none of weft_worker_flags", o->flags);
    if ((o->flags & WEFT_OWNER_THREAD) && o->participant)
        return weft__error(WEFT_EINVAL, "worker: it hangs on the participant or on the thread, not on both");
    if (o->participant && o->participant->node != node)
        return weft__error(WEFT_EINVAL, "worker: the participant is one of another node");
    if (o->group && o->group->node != node) return weft__error(WEFT_EINVAL, "worker: the group is one of another node");
    if (!handler && (o->group || (o->flags & WEFT_INLINE)))
        return weft__error(WEFT_EINVAL, "worker: a pull worker runs in no group, and not inline");
    if (o->group && (o->flags & WEFT_INLINE)) return weft__error(WEFT_EINVAL, "worker: an inline one runs in no group");
    if (o->state_free && !o->state_new) return weft__error(WEFT_EINVAL, "worker: state_free without state_new");
    return WEFT_OK;
}

static weft_error check_types(const weft_worker_options *o)
{
    if (o->activity_types_count > WEFT_ACTIVITY_TYPES_MAX)
        return weft__error(WEFT_EINVAL, "worker: %zu activity types, at most %d", o->activity_types_count,
                           WEFT_ACTIVITY_TYPES_MAX);
    if (o->schema_ids_count > WEFT_SCHEMA_IDS_MAX)
        return weft__error(WEFT_EINVAL, "worker: %zu schema ids, at most %d", o->schema_ids_count, WEFT_SCHEMA_IDS_MAX);
    if (o->schema_ids_count && !o->schema_ids) return weft__error(WEFT_EINVAL, "worker: schema_ids is NULL");
    if (o->activity_types_count && !o->activity_types)
        return weft__error(WEFT_EINVAL, "worker: activity_types is NULL");
    for (size_t i = 0; i < o->activity_types_count; i++)
        if (!o->activity_types[i] || !weft__word_valid(o->activity_types[i], ".:/"))
            return weft__error(WEFT_EINVAL, "worker: activity type %zu: not 1 to 64 of [A-Za-z0-9_.:/-]", i);
    return WEFT_OK;
}

static weft_worker *worker_new(weft_node *node, const char *channel, weft_handler handler, void *context,
                               const weft_worker_options *options)
{
    size_t name_bytes = strlen(channel) + 1;
    weft_worker *worker = weft__mem_zalloc(&node->mem, sizeof(*worker) + name_bytes);
    if (!worker) return NULL;
    worker->node = node;
    worker->handler = handler;
    worker->context = context;
    memcpy(worker->channel, channel, name_bytes);
    list_init(&worker->on_node);
    if (!handler) {
        worker->pull = weft__mem_zalloc(&node->mem, sizeof(*worker->pull));
        if (!worker->pull) goto failed;
        weft__core_dest_init(&worker->pull->inbox);
        weft__waiter_init(&worker->pull->watch);
    }
    if (!options->state_new) return worker;
    struct scope scope = {.kind = SCOPE_FOUND, .node = node};
    weft__call_open(node);
    weft__scope_push(&scope);
    worker->context = options->state_new(context);
    weft__fork_check();
    weft__scope_pop(&scope);
    weft__call_close(node);
    worker->state_free = options->state_free;
    if (worker->context) return worker;
failed:
    weft__mem_free(&node->mem, worker->pull);
    weft__mem_free(&node->mem, worker);
    return NULL;
}

void weft__worker_free(weft_worker *worker)
{
    if (worker->pull) weft__waiter_close(worker->node, &worker->pull->watch);
    if (worker->state_free) worker->state_free(worker->context);
    weft__mem_free(&worker->node->mem, worker->pull);
    weft__mem_free(&worker->node->mem, worker);
}

/* Whom it hangs on, and where it runs. */
static weft_error place(weft_node *node, weft_worker *worker, const weft_worker_options *options,
                        struct core_worker_spec *spec)
{
    weft_participant *owner = options->participant ? options->participant : node->process;
    weft_error error = WEFT_OK;
    if (options->flags & WEFT_OWNER_THREAD) error = weft__participant_of_thread(node, NULL, &owner);
    if (error) return weft__error(error, "worker: this thread cannot be watched: %s", weft_error_text(error));
    spec->session = owner->session;
    spec->handled = worker->handler != NULL;
    if (!worker->handler) {
        spec->dest = &worker->pull->inbox;
    } else if (options->flags & WEFT_INLINE) {
        spec->dest = &node->inline_tasks;
    } else {
        weft_group *group = options->group ? options->group : node->group;
        error = weft__group_start(group);
        spec->group = &group->core;
        spec->dest = &group->core.dest;
    }
    return weft__error(error, "worker: no thread to be had for its group: %s", strerror(errno));
}

static weft_error enrol(weft_worker *worker, const struct core_worker_spec *spec)
{
    char sentence[ERROR_TEXT_MAX] = "";
    weft_node *node = worker->node;
    uint64_t now_ns = weft__enter(node);
    weft_error error = node->uplink ? weft__core_mirror(node->core, spec->channel, spec->channel_hash) : WEFT_OK;
    if (!error) error = weft__core_worker_register(node->core, now_ns, spec, &worker->handle, sentence);
    if (!error) list_push_back(&node->workers, &worker->on_node);
    weft__leave(node);
    return weft__error_told(error, spec->channel, sentence);
}

weft_error weft_worker_register(weft_node *node, const char *channel, weft_handler handler, void *context,
                                const weft_worker_options *options, weft_worker **registered)
{
    const weft_worker_options defaults = WEFT_WORKER_OPTIONS;
    if (weft__forked) return weft__error_forked(__func__);
    if (!options) options = &defaults;
    if (!node || !channel || !registered)
        return weft__error_null(__func__, !node ? "node" : !channel ? "channel" : "worker");
    if (!weft__channel_name_valid(channel)) return weft__error_channel_name(channel);
    weft_error error = check_options(node, handler, options);
    if (!error) error = check_types(options);
    if (error) return error;

    weft_worker *worker = worker_new(node, channel, handler, context, options);
    if (!worker) return weft__error(WEFT_ENOMEM, "%s: no memory for a worker, or its state_new failed", channel);
    struct core_worker_spec spec = {.channel = worker->channel,
                                    .channel_hash = weft__name_hash(channel),
                                    .name = options->name,
                                    .activity_types = options->activity_types,
                                    .activity_types_count = options->activity_types_count,
                                    .max_concurrent = options->max_concurrent,
                                    .schema_ids = options->schema_ids,
                                    .schema_ids_count = options->schema_ids_count,
                                    .context = worker};
    error = place(node, worker, options, &spec);
    if (!error) error = enrol(worker, &spec);
    if (error) {
        weft__worker_free(worker);
        return error;
    }
    if (node->uplink) error = weft__client_register(worker, options);
    if (!error) *registered = worker;
    return error;
}

/* --- the end ---------------------------------------------------------------------------------- */

weft_error weft_worker_unregister(weft_worker *worker)
{
    struct waiter waiter;
    struct executor *lent;
    if (weft__forked) return weft__error_forked(__func__);
    if (!worker) return WEFT_OK;
    if (weft__scope_in_worker(worker))
        return weft__error(WEFT_EDEADLK, "%s: a worker unregistered from its own handler", worker->channel);
    weft_node *node = worker->node;
    (void)weft__lend(node, &lent);
    if (node->uplink) weft__client_drain(worker);
    uint64_t now_ns = weft__enter(node);
    weft__call_begin(node);
    weft__core_worker_unregister(node->core, now_ns, worker->handle);
    for (;;) {
        weft__waiter_init(&waiter);
        if (worker->callers_count > 0) {
            if (worker->pull) weft__core_dest_wake(node->core, &worker->pull->inbox); /* one tells the next */
            weft__await(node, &waiter);
        } else if (!weft__core_worker_wait_idle(node->core, worker->handle, &waiter.core)) {
            break;
        }
        (void)weft__wait(node, &waiter, PARK_FOREVER, &now_ns);
    }
    weft__core_worker_forget(node->core, worker->handle);
    list_remove(&worker->on_node);
    weft__leave(node);
    if (node->uplink) weft__client_unregister(worker);
    weft__worker_free(worker);
    (void)weft__enter(node);
    weft__leave_call(node);
    weft__lend_end(lent);
    return WEFT_OK;
}

/* A call that waits on the worker: unregister waits for its end. */
static void caller_begin(weft_worker *worker)
{
    weft__call_begin(worker->node);
    worker->callers_count++;
}

static void caller_end(weft_worker *worker)
{
    if (--worker->callers_count == 0) weft__changed(worker->node);
}

weft_error weft_worker_drain(weft_worker *worker, uint32_t timeout_ms)
{
    struct waiter waiter;
    struct executor *lent;
    if (weft__forked) return weft__error_forked(__func__);
    if (!worker) return weft__error_null(__func__, "worker");
    if (weft__scope_in_worker(worker))
        return weft__error(WEFT_EDEADLK, "%s: a worker drained from its own handler", worker->channel);
    weft_node *node = worker->node;
    (void)weft__lend(node, &lent);
    if (node->uplink) weft__client_drain(worker);
    uint64_t now_ns = weft__enter(node);
    uint64_t deadline_ns = weft__deadline(now_ns, timeout_ms);
    caller_begin(worker);
    weft_error error = WEFT_OK;
    weft__core_worker_drain(node->core, worker->handle);
    for (bool in_time = true;;) {
        weft__waiter_init(&waiter);
        if (!weft__core_worker_wait_idle(node->core, worker->handle, &waiter.core)) break;
        if (node->closed || !in_time) {
            (void)weft__core_unwait(&waiter.core);
            error = node->closed ? WEFT_ECLOSED : WEFT_ETIMEDOUT;
            break;
        }
        in_time = weft__wait(node, &waiter, deadline_ns, &now_ns);
    }
    caller_end(worker);
    weft__leave_call(node);
    weft__lend_end(lent);
    return weft__error_plain(error, "weft_worker_drain");
}

/* --- pulling ---------------------------------------------------------------------------------- */

/* Inside, with the inbox empty: whether no task will come any more. */
static weft_error no_more(weft_worker *worker, uint64_t now_ns)
{
    weft_worker_info info;
    if (worker->node->closed) return WEFT_ECLOSED;
    if (weft__core_worker_info(worker->node->core, now_ns, worker->handle, &info)) return WEFT_ECLOSED;
    if (info.state == WEFT_WORKER_DEAD) return WEFT_EDEAD;
    weft_error refused = weft__core_worker_why(worker->node->core, worker->handle);
    if (refused) return refused;
    return info.state == WEFT_WORKER_DRAINING || info.state == WEFT_WORKER_REMOVED ? WEFT_ECLOSED : WEFT_OK;
}

/* Inside: the next task, or why there is none. */
static weft_error try_next(weft_worker *worker, uint64_t now_ns, struct core_task **task)
{
    weft_node *node = worker->node;
    if (weft__core_take(node->core, now_ns, &worker->pull->inbox, task, 1) > 0) {
        (*task)->shell.context = node;
        (*task)->shell.kept = true; /* it has no handler to outlive */
        __atomic_store_n(&(*task)->started_ns, now_ns, __ATOMIC_RELAXED);
        return WEFT_OK;
    }
    weft_error error = no_more(worker, now_ns);
    if (!error) return WEFT_EAGAIN;
    weft__core_dest_wake(node->core, &worker->pull->inbox); /* the next that waits learns of it, too */
    return error;
}

weft_error weft_worker_next(weft_worker *worker, uint32_t timeout_ms, weft_task **task)
{
    struct waiter waiter;
    struct executor *lent = NULL;
    struct core_task *taken = NULL;
    if (weft__forked) return weft__error_forked(__func__);
    if (!worker || !task) return weft__error_null(__func__, !worker ? "worker" : "task");
    if (worker->handler)
        return weft__error(WEFT_EINVAL, "%s: the worker has a handler, it does not pull", worker->channel);
    weft_node *node = worker->node;
    if (timeout_ms) (void)weft__lend(node, &lent);
    uint64_t now_ns = weft__enter(node);
    uint64_t deadline_ns = weft__deadline(now_ns, timeout_ms);
    if (!timeout_ms) {
        weft_error error = try_next(worker, now_ns, &taken);
        if (error == WEFT_EAGAIN) {
            weft__leave_watching(node, &worker->pull->inbox, &worker->pull->watch);
        } else {
            weft__leave(node);
        }
        if (!error) *task = (weft_task *)taken;
        return weft__error_plain(error, "weft_worker_next");
    }
    caller_begin(worker);
    weft_error error;
    while ((error = try_next(worker, now_ns, &taken)) == WEFT_EAGAIN) {
        weft__waiter_init(&waiter);
        if (!weft__core_dest_wait(&worker->pull->inbox, &waiter.core)) continue;
        if (weft__wait(node, &waiter, deadline_ns, &now_ns)) continue;
        error = WEFT_ETIMEDOUT;
        break;
    }
    caller_end(worker);
    weft__leave_call(node);
    weft__lend_end(lent);
    if (!error) *task = (weft_task *)taken;
    return weft__error_plain(error, "weft_worker_next");
}

weft_error weft_worker_fd(weft_worker *worker, int *fd)
{
    if (weft__forked) return weft__error_forked(__func__);
    if (!worker || !fd) return weft__error_null(__func__, !worker ? "worker" : "fd");
    if (worker->handler)
        return weft__error(WEFT_EINVAL, "%s: the worker has a handler, it does not pull", worker->channel);
    if (weft__waiter_watch(worker->node, &worker->pull->inbox, &worker->pull->watch, fd)) return WEFT_OK;
    return weft__error(WEFT_ESYSTEM, "%s: no eventfd: %s", worker->channel, strerror(errno));
}

weft_error weft_worker_info_get(weft_worker *worker, weft_worker_info *info)
{
    if (weft__forked) return weft__error_forked(__func__);
    if (!worker || !info) return weft__error_null(__func__, !worker ? "worker" : "info");
    uint64_t now_ns = weft__enter(worker->node);
    weft_error error = weft__core_worker_info(worker->node->core, now_ns, worker->handle, info);
    weft__leave(worker->node);
    if (!error && worker->node->uplink) weft__client_worker_info(worker, info);
    return weft__error_plain(error, worker->channel);
}
