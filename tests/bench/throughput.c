/* Many outstanding dispatches to a callback worker, in one process: one thread dispatches and fetches the outcomes, one
 * thread of a group runs the handler. */
#include "bench.h"

#include <stddef.h>

#include <weft/weft.h>

enum { DISPATCHES = 1000000, OUTSTANDING = 512 };
#define CHANNEL "dispatch.bench.throughput"

static void answer(weft_task *task, void *context)
{
    (void)context;
    weft_task_complete(task, weft_task_payload(task));
}

static size_t fetch(weft_completions *completions)
{
    weft_reply replies[64];
    size_t count = 0;
    if (weft_completions_next(completions, WEFT_FOREVER, replies, 64, &count)) bench_die("fetch");
    for (size_t i = 0; i < count; i++) {
        if (replies[i].outcome != WEFT_COMPLETED) bench_die("an outcome that is not completed");
        weft_reply_release(&replies[i]);
    }
    return count;
}

static double many_outstanding(void)
{
    weft_node *node;
    weft_group *group;
    weft_worker *worker;
    weft_completions *completions;
    weft_group_options group_options = WEFT_GROUP_OPTIONS;
    weft_worker_options worker_options = WEFT_WORKER_OPTIONS;
    group_options.threads = 1;
    worker_options.max_concurrent = 64;
    if (weft_node_open(NULL, &node) || weft_channel_declare(node, CHANNEL, NULL) ||
        weft_group_open(node, &group_options, &group))
        bench_die("open a node");
    worker_options.group = group;
    if (weft_worker_register(node, CHANNEL, answer, NULL, &worker_options, &worker) ||
        weft_completions_open(node, OUTSTANDING, &completions))
        bench_die("register a worker");
    uint64_t start_ns = bench_now_ns();
    size_t sent = 0, done = 0;
    while (done < DISPATCHES) {
        if (sent < DISPATCHES && sent - done < OUTSTANDING) {
            if (weft_dispatch_submit(completions, CHANNEL, WEFT_TEXT("\"hello\""), NULL, sent, NULL))
                bench_die("dispatch");
            sent++;
        } else {
            done += fetch(completions);
        }
    }
    double per_second = (double)DISPATCHES / ((double)(bench_now_ns() - start_ns) / 1e9);
    if (weft_completions_close(completions) || weft_worker_unregister(worker) || weft_node_close(node, 1000))
        bench_die("close the node");
    return per_second;
}

const struct bench bench_throughput[] = {{.name = "throughput",
                                          .metric = "dispatches to a callback worker and back, 512 outstanding",
                                          .unit = "dispatches/s",
                                          .measure = many_outstanding,
                                          .against = "a million a second",
                                          .goal = 1e6,
                                          .rounds = 9},
                                         {0}};
