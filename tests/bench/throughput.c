/* Many outstanding dispatches to a callback worker, in one process: one thread dispatches and fetches the outcomes, one
 * thread of a group runs the handler. And many parts of one result, from a handler to the thread that waits for it. */
#include "bench.h"

#include <stddef.h>

#include <weft/weft.h>

enum { DISPATCHES = 1000000, OUTSTANDING = 512, PARTS = 1000000 };
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

double bench_outstanding(weft_node *node, const char *channel, const weft_bytes *payloads, size_t payloads_count)
{
    weft_group *group;
    weft_worker *worker;
    weft_completions *completions;
    weft_group_options group_options = WEFT_GROUP_OPTIONS;
    weft_worker_options worker_options = WEFT_WORKER_OPTIONS;
    group_options.threads = 1;
    worker_options.max_concurrent = 64;
    if (weft_group_open(node, &group_options, &group)) bench_die("open a group");
    worker_options.group = group;
    if (weft_worker_register(node, channel, answer, NULL, &worker_options, &worker) ||
        weft_completions_open(node, OUTSTANDING, &completions))
        bench_die("register a worker");
    uint64_t start_ns = bench_now_ns();
    size_t sent = 0, done = 0;
    while (done < DISPATCHES) {
        if (sent < DISPATCHES && sent - done < OUTSTANDING) {
            if (weft_dispatch_submit(completions, channel, payloads[sent % payloads_count], NULL, sent, NULL))
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

static double many_outstanding(void)
{
    const weft_bytes hello = WEFT_TEXT("\"hello\"");
    weft_node *node;
    if (weft_node_open(NULL, &node) || weft_channel_declare(node, CHANNEL, NULL)) bench_die("open a node");
    return bench_outstanding(node, CHANNEL, &hello, 1);
}

static void say_parts(weft_task *task, void *context)
{
    (void)context;
    for (int i = 0; i < PARTS; i++)
        if (weft_task_partial(task, WEFT_TEXT("\"hello\""), WEFT_FOREVER)) bench_die("send a part");
    weft_task_complete(task, weft_task_payload(task));
}

static void count_part(const weft_update *update, void *context)
{
    uint64_t *parts = context;
    if (update->number != ++*parts) bench_die("a part is missing");
}

static double partial_results(void)
{
    weft_node *node;
    weft_worker *worker;
    weft_reply reply;
    weft_dispatch_options options = WEFT_DISPATCH_OPTIONS;
    uint64_t parts = 0;
    options.updated = count_part;
    options.updated_context = &parts;
    options.window = WEFT_WINDOW_MAX;
    if (weft_node_open(NULL, &node) || weft_channel_declare(node, CHANNEL, NULL) ||
        weft_worker_register(node, CHANNEL, say_parts, NULL, NULL, &worker))
        bench_die("register a worker");
    uint64_t start_ns = bench_now_ns();
    if (weft_dispatch(node, CHANNEL, WEFT_TEXT("x"), &options, &reply)) bench_die("dispatch");
    double per_second = (double)PARTS / ((double)(bench_now_ns() - start_ns) / 1e9);
    if (reply.outcome != WEFT_COMPLETED || parts != PARTS) bench_die("parts are missing");
    weft_reply_release(&reply);
    if (weft_worker_unregister(worker) || weft_node_close(node, 1000)) bench_die("close the node");
    return per_second;
}

const struct bench bench_throughput[] = {{.name = "throughput",
                                          .metric = "dispatches to a callback worker and back, 512 outstanding",
                                          .unit = "dispatches/s",
                                          .measure = many_outstanding,
                                          .against = "a million a second",
                                          .goal = 1e6,
                                          .rounds = 9},
                                         {.name = "streaming",
                                          .metric = "partial results of one task, window of 256",
                                          .unit = "parts/s",
                                          .measure = partial_results,
                                          .against = "dispatches, 512 outstanding",
                                          .measure_against = many_outstanding,
                                          .goal = 1,
                                          .rounds = 5},
                                         {0}};
