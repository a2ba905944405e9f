/* Looking into a node of 1,000 channels and 10,000 workers; and what a dispatch has to wait for that. The dispatches go
 * to an inline worker: so they share the node's lock with who looks, and nothing else but the processor. */
#include "bench.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <weft/weft.h>

enum { CHANNELS = 1000, WORKERS = 10000, DISPATCHES = 20000 };

static weft_node *node;

static void echo(weft_task *task, void *context)
{
    (void)context;
    weft_task_complete(task, weft_task_payload(task));
}

/* Made once: ten workers of two activity types a channel, and something of a third that waits. */
static void make_node(void)
{
    const char *types[] = {"resize", "thumbnail"};
    weft_worker_options o = WEFT_WORKER_OPTIONS;
    weft_dispatch_options d = WEFT_DISPATCH_OPTIONS;
    weft_worker *worker;
    char name[64];
    if (node) return;
    if (weft_node_open(NULL, &node)) bench_die("open a node");
    o.activity_types = types;
    o.activity_types_count = 2;
    d.activity_type = "ocr";
    for (int i = 0; i < CHANNELS; i++) {
        snprintf(name, sizeof name, "dispatch.bench.c%d", i);
        if (weft_channel_declare(node, name, NULL)) bench_die("declare");
        for (int w = 0; w < WORKERS / CHANNELS; w++)
            if (weft_worker_register(node, name, NULL, NULL, &o, &worker)) bench_die("register");
        if (weft_dispatch_async(node, name, WEFT_TEXT("x"), &d, NULL, NULL, 0, NULL)) bench_die("dispatch");
    }
    o = (weft_worker_options){WEFT_WORKER_OPTIONS_VALUES};
    o.flags = WEFT_INLINE;
    if (weft_channel_declare(node, "dispatch.bench.inline", NULL) ||
        weft_worker_register(node, "dispatch.bench.inline", echo, NULL, &o, &worker))
        bench_die("register");
}

static double inspect_once_ms(void)
{
    weft_listing *listing;
    uint64_t start_ns = bench_now_ns();
    if (weft_node_inspect(node, NULL, &listing)) bench_die("inspect");
    double ms = (double)(bench_now_ns() - start_ns) / 1e6;
    if (listing->channels_count != CHANNELS + 1 || listing->stats.workers != WORKERS + 1) bench_die("count");
    weft_listing_release(listing);
    return ms;
}

static double inspect_ms(void)
{
    make_node();
    (void)inspect_once_ms();
    double least = inspect_once_ms(); /* of three: others run on the machine, too */
    for (int i = 0; i < 2; i++) {
        double ms = inspect_once_ms();
        if (ms < least) least = ms;
    }
    return least;
}

/* --- dispatches meanwhile --------------------------------------------------------------------- */

static atomic_bool looking;

static void *look(void *unused)
{
    (void)unused;
    while (atomic_load(&looking))
        (void)inspect_once_ms();
    return NULL;
}

static double dispatch_p99_us(void)
{
    static uint64_t times[DISPATCHES];
    make_node();
    for (int i = 0; i < DISPATCHES; i++) {
        weft_reply reply;
        uint64_t start_ns = bench_now_ns();
        if (weft_dispatch(node, "dispatch.bench.inline", WEFT_TEXT("x"), NULL, &reply)) bench_die("dispatch");
        times[i] = bench_now_ns() - start_ns;
        weft_reply_release(&reply);
    }
    qsort(times, DISPATCHES, sizeof *times, bench_by_time);
    return (double)times[DISPATCHES * 99 / 100] / 1e3;
}

static double inspected_p99_us(void)
{
    pthread_t thread;
    make_node();
    atomic_store(&looking, true);
    if (pthread_create(&thread, NULL, look, NULL)) bench_die("start a thread");
    double us = dispatch_p99_us();
    atomic_store(&looking, false);
    pthread_join(thread, NULL);
    return us;
}

const struct bench bench_inspect[] = {{.name = "inspect",
                                       .metric = "weft_node_inspect of 1000 channels and 10000 workers",
                                       .unit = "ms",
                                       .measure = inspect_ms,
                                       .against = "goal",
                                       .goal = 10,
                                       .at_most = 1,
                                       .rounds = 9},
                                      {.name = "inspect_dispatch",
                                       .metric = "p99 of an inline dispatch while the node is inspected in a loop",
                                       .unit = "us",
                                       .measure = inspected_p99_us,
                                       .against = "nobody inspects",
                                       .measure_against = dispatch_p99_us,
                                       .goal = 50,
                                       .at_most = 1,
                                       .rounds = 9},
                                      {0}};
