/* What comes back: a worker of one type dies with 2,000 in hand, and before and behind these 100,000 of another type wait. Each
 * goes to its place by arrival in the channel's queue. Against the same where nothing else waits. */
#include "bench.h"

#include <weft/weft.h>

enum { IN_HAND = 2000, WAITING = 50000 };
#define CHANNEL "dispatch.bench.back"

static void dispatch_many(weft_node *node, const char *type, int count)
{
    weft_dispatch_options options = WEFT_DISPATCH_OPTIONS;
    weft_ticket ticket;
    options.activity_type = type;
    options.detached = true;
    for (int i = 0; i < count; i++)
        if (weft_dispatch_async(node, CHANNEL, WEFT_TEXT("x"), &options, NULL, NULL, 0, &ticket)) bench_die("dispatch");
}

/* Microseconds for each that comes back. */
static double measure(int waiting)
{
    static const char *const type = "in-hand";
    weft_node *node;
    weft_participant *participant;
    weft_worker *worker;
    weft_task *task;
    weft_channel_info info;
    weft_channel_options options = WEFT_CHANNEL_OPTIONS;
    weft_worker_options worker_options = WEFT_WORKER_OPTIONS;
    options.depth_max = IN_HAND + 2 * WAITING;
    options.on_crash = WEFT_CRASH_REDISPATCH;
    worker_options.max_concurrent = IN_HAND;
    worker_options.activity_types = &type;
    worker_options.activity_types_count = 1;
    if (weft_node_open(NULL, &node) || weft_channel_declare(node, CHANNEL, &options) ||
        weft_participant_declare(node, "one", &participant))
        bench_die("a node");
    worker_options.participant = participant;
    if (weft_worker_register(node, CHANNEL, NULL, NULL, &worker_options, &worker)) bench_die("register a worker");
    dispatch_many(node, "waiting", waiting);
    dispatch_many(node, type, IN_HAND);
    dispatch_many(node, "waiting", waiting);
    for (int i = 0; i < IN_HAND; i++)
        if (weft_worker_next(worker, 0, &task)) bench_die("take a task");

    uint64_t start_ns = bench_now_ns();
    if (weft_participant_dead(participant, 0)) bench_die("end a participant");
    do {
        if (weft_channel_info_get(node, CHANNEL, &info)) bench_die("look at the channel");
    } while (info.queued < (uint32_t)(IN_HAND + 2 * waiting));
    double us = (double)(bench_now_ns() - start_ns) / 1e3 / IN_HAND;
    weft_worker_unregister(worker);
    weft_participant_release(participant);
    (void)weft_node_close(node, 0);
    return us;
}

static double among_many(void)
{
    return measure(WAITING);
}

static double alone(void)
{
    return measure(0);
}

const struct bench bench_back[] = {{.name = "comes_back",
                                    .metric = "2000 in hand come back among 100000 that wait",
                                    .unit = "us each",
                                    .measure = among_many,
                                    .against = "where nothing else waits",
                                    .measure_against = alone,
                                    .goal = 50,
                                    .at_most = 1,
                                    .rounds = 5},
                                   {0}};
