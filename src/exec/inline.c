#include "exec/inline.h"

#include "exec/batch.h"
#include "exec/frame.h"
#include "exec/group.h"
#include "exec/node.h"

void weft__inline_run(weft_node *node)
{
    if (weft__frame_find(node, FRAME_INLINE)) return;
    struct batch batch;
    struct harvest harvest = {.results_count = 0};
    struct frame frame = {.kind = FRAME_INLINE, .node = node};
    weft__batch_init(&batch, node, NULL);
    for (;;) {
        struct core_task *task;
        uint64_t now_ns = weft__enter(node);
        if (harvest.results_count) weft__core_results(node->core, now_ns, harvest.results, harvest.results_count);
        size_t count = weft__core_take(node->core, now_ns, &node->inline_tasks, &task, 1);
        weft__leave_bare(node);
        if (!count) break;
        weft__batch_load(&batch, &task, 1, true);
        weft__batch_run(&batch, &frame, &harvest);
    }
    weft__batch_fini(&batch);
}

/* Without threads to move it to, this one runs it: late beats never. */
void weft__inline_move(weft_node *node)
{
    if (weft__group_start(node->group)) {
        weft__inline_run(node);
        return;
    }
    (void)weft__enter(node);
    weft__core_move(node->core, &node->inline_tasks, &node->group->core.dest);
    weft__leave_bare(node);
}
