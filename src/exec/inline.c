#include "exec/inline.h"

#include "base/clock.h"
#include "exec/batch.h"
#include "exec/scope.h"
#include "exec/group.h"
#include "exec/node.h"

size_t weft__inline_take(weft_node *node, struct core_task **tasks)
{
    if (!node->inline_tasks.items_count || weft__scope_find(node, SCOPE_INLINE)) return 0;
    node->inline_runners_count++;
    return weft__core_take(node->core, weft__clock_ns(), &node->inline_tasks, tasks, INLINE_MAX);
}

/* One at a time: a result does not wait for the next handler. */
void weft__inline_run(weft_node *node, struct core_task **tasks, size_t count)
{
    struct batch batch;
    struct harvest harvest;
    struct scope scope = {.kind = SCOPE_INLINE, .node = node};
    weft__batch_init(&batch, node, NULL);
    for (size_t i = 0; i < count; i++) {
        if (i > 0) weft__leave_bare(node);
        weft__batch_load(&batch, &tasks[i], 1, true);
        weft__batch_run(&batch, &scope, &harvest);
        uint64_t now_ns = weft__enter(node);
        weft__core_results(node->core, now_ns, harvest.results, harvest.results_count);
    }
    node->inline_runners_count--;
    weft__batch_fini(&batch);
}

bool weft__inline_move_due(weft_node *node)
{
    return node->inline_tasks.items_count > 0 && node->inline_runners_count == 0;
}

/* Without threads to move them to, this one runs them: late beats never. */
void weft__inline_move(weft_node *node)
{
    struct core_task *tasks[INLINE_MAX];
    bool started = weft__group_start(node->group) == WEFT_OK;
    (void)weft__enter(node);
    if (!weft__inline_move_due(node)) return;
    if (started) {
        weft__core_move(node->core, &node->inline_tasks, &node->group->core.dest);
        return;
    }
    size_t count = weft__inline_take(node, tasks);
    weft__leave_bare(node);
    weft__inline_run(node, tasks, count);
}
