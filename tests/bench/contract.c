/* What a schema costs: dispatches of tasks of 300 bytes, and back, to a channel that has one and to a channel that has
 * none. */
#include "bench.h"
#include "tasks.h"

#include <weft/weft.h>

#define CHANNEL "dispatch.bench.contract"

static double dispatches(bool validated)
{
    weft_node *node;
    weft_schema *schema;
    weft_channel_options options = WEFT_CHANNEL_OPTIONS;
    if (validated) options.schema = "task";
    if (weft_node_open(NULL, &node) || weft_schema_compile(bench_task_schema(), NULL, &schema) ||
        weft_schema_register(node, "task", schema) || weft_channel_declare(node, CHANNEL, &options))
        bench_die("open a node with a schema");
    weft_schema_release(schema);
    return bench_outstanding(node, CHANNEL, bench_tasks(TASKS_300)->variants, TASK_VARIANTS);
}

static double per_dispatch_ns(bool validated)
{
    return 1e9 / dispatches(validated);
}

static double with_schema(void)
{
    return per_dispatch_ns(true);
}

static double without_schema(void)
{
    return per_dispatch_ns(false);
}

const struct bench bench_contract[] = {
    {.name = "contract",
     .metric = "a dispatch of a validated task of 300 bytes and back, 512 outstanding",
     .unit = "ns",
     .measure = with_schema,
     .against = "the same, not validated",
     .measure_against = without_schema,
     .goal = 1.5,
     .at_most = 1,
     .rounds = 9},
    {0}};
