/* group.c: the life of a group and of its threads, and lending; what a thread does is in executor.c. */
#include "exec/group.h"

#include <errno.h>
#include <string.h>

#include "base/assert.h"
#include "exec/executor.h"
#include "exec/node.h"
#include "base/thread.h"

/* --- life ------------------------------------------------------------------------------------- */

weft_error weft__group_new(weft_node *node, const char *name, uint32_t threads, uint32_t threads_max,
                           uint32_t batch_max, weft_group **made)
{
    weft_group *group = weft__mem_zalloc(&node->mem, sizeof(*group));
    if (!group) return WEFT_ENOMEM;
    group->node = node;
    memcpy(group->name, name, strlen(name) + 1);
    group->core.name = group->name;
    group->threads = group->target = threads;
    group->threads_max = threads_max;
    group->batch_max = batch_max;
    group->ahead = 1;
    list_init(&group->on_node);
    list_init(&group->executors);
    list_init(&group->spares);
    (void)weft__enter(node);
    weft_error error =
        weft__core_closing(node->core) ? WEFT_ECLOSED : weft__core_group_add(node->core, &group->core, threads);
    weft__leave(node);
    if (error) {
        weft__mem_free(&node->mem, group);
        return error;
    }
    weft__lock(&node->lock);
    list_push_back(&node->groups, &group->on_node);
    weft__unlock(&node->lock);
    *made = group;
    return WEFT_OK;
}

void weft__group_free(weft_group *group)
{
    weft_node *node = group->node;
    weft__lock(&node->lock);
    list_remove(&group->on_node);
    weft__unlock(&node->lock);
    weft__mem_free(&node->mem, group);
}

void weft__group_update(weft_group *group, uint64_t now_ns)
{
    uint32_t free = group->target > group->turns_count ? group->target - group->turns_count : 0;
    uint32_t limit = free * group->ahead + group->blocked_count;
    weft__core_group_limit(group->node->core, now_ns, &group->core, limit);
}

void weft__group_slow(weft_group *group, uint64_t now_ns)
{
    group->quick_count = 0;
    if (group->ahead == 1) return;
    group->ahead = 1;
    weft__group_update(group, now_ns);
}

/* --- threads ---------------------------------------------------------------------------------- */

void weft__executor_init(struct executor *executor, weft_group *group, bool lent)
{
    executor->group = group;
    executor->lent = lent;
    list_init(&executor->on_group);
    weft__waiter_init(&executor->waiter);
    weft__batch_init(&executor->batch, group->node, group);
    executor->harvest.results_count = executor->harvest.rest_count = 0;
    executor->harvest.slowest_ns = 0;
    executor->hearing = executor->heard_last = false;
    executor->yields = 0;
}

/* Under the node's lock, so that the guard sees whole executors only. */
static weft_error start_thread(weft_group *group)
{
    weft__lock_assert_held(&group->node->lock);
    struct executor *executor = weft__mem_alloc(&group->node->mem, sizeof(*executor));
    if (!executor) return WEFT_ENOMEM;
    weft__executor_init(executor, group, false);
    if (!weft__thread_start(&executor->thread, group->name, weft__executor_main, executor)) {
        weft__batch_fini(&executor->batch);
        weft__mem_free(&group->node->mem, executor);
        return WEFT_ESYSTEM;
    }
    list_push_back(&group->executors, &executor->on_group);
    group->started_count++;
    return WEFT_OK;
}

/* Counted before they run, or they would take themselves for too many. */
weft_error weft__group_start(weft_group *group)
{
    weft_node *node = group->node;
    weft_error error = WEFT_OK;
    struct departure departure;
    weft__departure_init(&departure);
    weft__lock(&node->lock);
    uint32_t missing = group->started_count < group->threads ? group->threads - group->started_count : 0;
    uint32_t counted = missing;
    if (missing) {
        (void)weft__enter(node);
        group->running_count += missing;
        weft__depart(node, &departure);
    }
    for (; missing && !error; missing -= !error)
        error = start_thread(group);
    int reason = errno;
    if (error) {
        (void)weft__enter(node);
        group->running_count -= missing;
        weft__depart(node, &departure);
    }
    weft__unlock(&node->lock);
    if (counted) weft__act(node, &departure);
    errno = reason;
    return error;
}

static struct executor *take_executor(weft_group *group)
{
    weft__lock(&group->node->lock);
    struct list_node *on = list_pop_front(&group->executors);
    weft__unlock(&group->node->lock);
    return on ? list_record(on, struct executor, on_group) : NULL;
}

void weft__group_stop(weft_group *group)
{
    weft_node *node = group->node;
    (void)weft__enter(node);
    group->stopping = true;
    for (struct list_node *on; (on = list_first(&group->spares));)
        weft__waiter_wake(node, list_record(on, struct waiter, core.on));
    while (!list_empty(&group->core.dest.waiters))
        weft__core_dest_wake(node->core, &group->core.dest);
    weft__leave(node);
    for (struct executor *executor; (executor = take_executor(group));) {
        WEFT_ASSERT(!executor->lent);
        weft__thread_join(executor->thread);
        weft__batch_fini(&executor->batch);
        weft__mem_free(&node->mem, executor);
    }
}

/* --- lending ---------------------------------------------------------------------------------- */

/* The executor whose handler the calling thread is in, looking through callbacks; NULL where there is none to lend. */
static weft_error blocked_executor(weft_node *node, struct executor **executor)
{
    const struct scope *scope = weft__scope;
    *executor = NULL;
    if (weft__scope_find(node, SCOPE_CALLBACK)) return WEFT_EDEADLK;
    bool lent = false;
    for (; scope && scope->kind >= SCOPE_CANCEL; scope = scope->outer)
        lent |= scope->kind == SCOPE_UPDATED && scope->executor;
    if (!scope || scope->kind == SCOPE_CALLBACK) return WEFT_OK;
    if (scope->kind == SCOPE_INLINE) return WEFT_EDEADLK;
    if (!lent) *executor = scope->executor;
    return WEFT_OK;
}

bool weft__must_not_wait(weft_node *node)
{
    struct executor *executor;
    return blocked_executor(node, &executor) != WEFT_OK;
}

/* Inside. The task of a blocked handler is still one that the group holds; a turn is none. */
static void block(struct executor *executor, bool begins, uint64_t now_ns)
{
    weft_group *group = executor->group;
    uint32_t *count = executor->hearing ? &group->turns_count : &group->blocked_count;
    bool more = executor->hearing ? !begins : begins;
    WEFT_ASSERT(more || *count > 0);
    *count += more ? 1 : UINT32_MAX;
    weft__group_update(group, now_ns);
}

/* Puts a thread that there is in this one's place: one that is too many since another handler went on, or a spare, whose
 * coming makes up for this one's going. False: there is none. */
static bool replace(struct executor *executor)
{
    weft_group *group = executor->group;
    weft_node *node = group->node;
    uint64_t now_ns = weft__enter(node);
    struct list_node *spare = list_first(&group->spares);
    bool replaced = spare || group->running_count > group->target;
    if (group->running_count > group->target) {
        group->running_count--;
    } else if (spare) {
        weft__waiter_wake(node, list_record(spare, struct waiter, core.on));
    }
    if (replaced) block(executor, true, now_ns);
    weft__leave_bare(node);
    return replaced;
}

static bool start_substitute(struct executor *executor)
{
    weft_group *group = executor->group;
    weft_node *node = group->node;
    weft__lock(&node->lock);
    bool started = group->started_count < group->threads_max && start_thread(group) == WEFT_OK;
    weft__unlock(&node->lock);
    if (!started) return false;
    uint64_t now_ns = weft__enter(node);
    block(executor, true, now_ns);
    weft__leave_bare(node);
    return true;
}

weft_error weft__lend(weft_node *node, struct executor **lent)
{
    struct executor *executor;
    *lent = NULL;
    weft_error error = blocked_executor(node, &executor);
    if (error || !executor) return error;

    struct departure departure;
    weft__departure_init(&departure);
    weft__batch_unload(&executor->batch, 0, &departure);
    weft__act(executor->group->node, &departure);
    if (!replace(executor) && !start_substitute(executor)) return WEFT_EDEADLK;
    *lent = executor;
    return WEFT_OK;
}

void weft__lend_end(struct executor *lent)
{
    if (!lent) return;
    weft_group *group = lent->group;
    uint64_t now_ns = weft__enter(group->node);
    group->running_count++;
    block(lent, false, now_ns);
    weft__leave_bare(group->node);
}
