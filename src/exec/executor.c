/* executor.c: the loop of a thread that runs handlers. One entry into the core hands in what the last batch brought and
 * takes the next one; where there is none, it leaves the thread's waiter in the same hold.
 *
 * Quick mode. A task by itself costs two entries and a wake-up, which is much beside a handler of a few microseconds. So
 * when QUICK_RUN handlers in a row ran less than QUICK_NS, each thread takes up to batch_max tasks at a time and hands in
 * their results together; when one ran long, they take one at a time again. The service thread looks after batches that
 * hang in a slow handler: it is woken by the first batch after a pause.
 *
 * A caller that is a little slower than the handlers, since it validates what it sends, would wake a sleeping thread for
 * each task, which costs both of them several times the task. So a thread that finds nothing in quick mode lets others
 * run, twice, before it sleeps: measured with tasks of 300 bytes, 1.5 µs of processor time each instead of 3.4. */
#include "exec/executor.h"

#include <sched.h>

#include "base/assert.h"
#include "base/clock.h"
#include "exec/node.h"
#include "exec/turn.h"

#define QUICK_NS UINT64_C(10000)
enum { QUICK_RUN = 16, YIELDS = 2 };

enum turn { TURN_RUN = 1, TURN_HEAR, TURN_YIELD, TURN_SLEEP, TURN_END };

/* What it has taken to do. */
struct work_taken {
    struct core_task *tasks[BATCH_MAX];
    size_t tasks_count;
    struct core_turn turn;
};

static void pace(weft_group *group, uint64_t now_ns, const struct harvest *harvest)
{
    uint32_t count = (uint32_t)harvest->results_count;
    if (harvest->slowest_ns > BATCH_SLOW_NS) {
        weft__group_slow(group, now_ns);
    } else if (harvest->slowest_ns > QUICK_NS) {
        group->quick_count = 0;
    } else if (group->ahead < group->batch_max && (group->quick_count += count) >= QUICK_RUN) {
        group->ahead = group->batch_max;
        weft__group_update(group, now_ns);
    }
}

static void hand_in(struct executor *executor, uint64_t now_ns)
{
    struct harvest *harvest = &executor->harvest;
    struct core *core = executor->group->node->core;
    weft__batch_guard(&executor->batch, false, now_ns);
    if (!harvest->results_count && !harvest->rest_count) return;
    weft__core_results(core, now_ns, harvest->results, harvest->results_count);
    if (harvest->rest_count) weft__core_give_back(core, now_ns, harvest->rest, harvest->rest_count);
    pace(executor->group, now_ns, harvest);
    harvest->results_count = harvest->rest_count = 0;
}

/* Leaves the running ones. Somebody else has to see to what it was woken for. */
static void step_aside(weft_group *group)
{
    group->running_count--;
    if (group->core.dest.items_count > 0 || !list_empty(&group->core.turns))
        weft__core_dest_wake(group->node->core, &group->core.dest);
}

/* Tasks and turns, one after the other, so that neither starves. What it leaves of the other is for another thread: it
 * may have been this one alone that was woken for both. */
static enum turn take_work(struct executor *executor, uint64_t now_ns, struct work_taken *taken)
{
    weft_group *group = executor->group;
    struct core *core = group->node->core;
    bool turn = !list_empty(&group->core.turns);
    bool hear = turn && (!executor->heard_last || group->core.dest.items_count == 0);
    executor->heard_last = false;
    if (hear) {
        weft__turn_begin(executor, now_ns, &taken->turn);
    } else {
        taken->tasks_count = weft__core_take(core, now_ns, &group->core.dest, taken->tasks, group->ahead);
        if (taken->tasks_count == 0) return TURN_SLEEP;
        weft__batch_guard(&executor->batch, taken->tasks_count > 1, now_ns);
    }
    bool more = hear ? group->core.dest.items_count > 0 : turn;
    if (more || !list_empty(&group->core.turns)) weft__core_dest_wake(core, &group->core.dest);
    return hear ? TURN_HEAR : TURN_RUN;
}

/* Inside: what to do next; takes the tasks or leaves the waiter. */
static enum turn next_turn(struct executor *executor, uint64_t now_ns, uint64_t deadline_ns, struct work_taken *taken)
{
    weft_group *group = executor->group;
    weft_node *node = group->node;
    bool back = node->closed ? list_empty(&group->core.turns) : now_ns >= deadline_ns; /* ends are told yet */
    if (group->stopping || (executor->lent && back)) {
        step_aside(group);
        return TURN_END;
    }
    if (group->running_count > group->target && !executor->lent) {
        step_aside(group);
        list_push_back(&group->spares, &executor->waiter.core.on);
        return TURN_SLEEP;
    }
    enum turn turn = take_work(executor, now_ns, taken);
    if (turn != TURN_SLEEP) {
        executor->yields = group->ahead > 1 ? YIELDS : 0;
        return turn;
    }
    if (executor->yields > 0 && !group->stopping && !node->closed) {
        executor->yields--;
        return TURN_YIELD;
    }
    bool left = weft__core_dest_wait(&group->core.dest, &executor->waiter.core);
    WEFT_ASSERT(left);
    return TURN_SLEEP;
}

static void serve(struct executor *executor, uint64_t deadline_ns)
{
    weft_node *node = executor->group->node;
    struct scope scope = {.kind = SCOPE_HANDLER, .node = node, .executor = executor};
    for (;;) {
        struct work_taken taken;
        uint64_t now_ns = weft__enter(node);
        hand_in(executor, now_ns);
        if (executor->hearing) weft__turn_end(executor, now_ns);
        enum turn turn = next_turn(executor, now_ns, deadline_ns, &taken);
        if ((turn != TURN_RUN && turn != TURN_YIELD) || executor->group->ahead == 1) weft__hurry(node);
        weft__leave_inside(node);
        if (turn == TURN_END) return;
        if (turn == TURN_YIELD) {
            (void)sched_yield(); /* Quick mode */
            continue;
        }
        if (turn == TURN_SLEEP) {
            weft__sleep_leading(node, &executor->waiter, deadline_ns);
            continue;
        }
        if (turn == TURN_HEAR) {
            weft__turn_run(executor, &taken.turn);
            continue;
        }
        weft__batch_load(&executor->batch, taken.tasks, taken.tasks_count, taken.tasks_count > 1);
        weft__batch_run(&executor->batch, &scope, &executor->harvest);
    }
}

void *weft__executor_main(void *argument)
{
    serve(argument, PARK_FOREVER);
    return NULL;
}

/* --- the host's threads ----------------------------------------------------------------------- */

static void count_lent(weft_group *group, struct executor *executor, bool inside)
{
    weft_node *node = group->node;
    uint64_t now_ns = weft__enter(node);
    if (inside) {
        list_push_back(&node->callers, &executor->waiter.on_node);
        group->running_count++;
        group->target++;
        group->lent_count++;
    } else {
        list_remove(&executor->waiter.on_node);
        group->target--;
        group->lent_count--;
    }
    weft__group_update(group, now_ns);
    weft__leave(node);
}

void weft__group_lend_host(weft_group *group, uint64_t deadline_ns)
{
    weft_node *node = group->node;
    struct executor executor;
    weft__executor_init(&executor, group, true);
    weft__lock(&node->lock);
    list_push_back(&group->executors, &executor.on_group);
    weft__unlock(&node->lock);

    count_lent(group, &executor, true);
    serve(&executor, deadline_ns);
    weft__lock(&node->lock);
    list_remove(&executor.on_group);
    weft__unlock(&node->lock);
    count_lent(group, &executor, false); /* from here on the group may be closed */
    weft__batch_fini(&executor.batch);
}

/* --- the guard -------------------------------------------------------------------------------- */

void weft__groups_guard(weft_node *node, uint64_t now_ns, struct departure *departure)
{
    weft__lock(&node->lock);
    for (struct list_node *g = node->groups.next; g != &node->groups; g = g->next) {
        weft_group *group = list_record(g, weft_group, on_node);
        for (struct list_node *e = group->executors.next; e != &group->executors; e = e->next)
            weft__batch_unload(&list_record(e, struct executor, on_group)->batch, now_ns, departure);
    }
    weft__unlock(&node->lock);
}
