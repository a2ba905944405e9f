/* One outstanding dispatch to a callback worker and back, in one process, against what the machine asks at least for
 * two threads to hand something over and back: two futex hand-offs. */
#include "bench.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#include <weft/weft.h>

#include "base/park.h"

enum { TRIPS = 5000 };
#define CHANNEL "dispatch.bench.round_trip"

static void answer(weft_task *task, void *context)
{
    (void)context;
    weft_task_complete(task, weft_task_payload(task));
}

static double dispatch_and_back(void)
{
    weft_node *node;
    weft_worker *worker;
    weft_reply reply;
    if (weft_node_open(NULL, &node) || weft_channel_declare(node, CHANNEL, NULL) ||
        weft_worker_register(node, CHANNEL, answer, NULL, NULL, &worker))
        bench_die("open a node");
    uint64_t start_ns = 0;
    for (int i = -TRIPS / 10; i < TRIPS; i++) {
        if (i == 0) start_ns = bench_now_ns();
        if (weft_dispatch(node, CHANNEL, WEFT_TEXT("\"hello\""), NULL, &reply) || reply.outcome != WEFT_COMPLETED)
            bench_die("dispatch");
        weft_reply_release(&reply);
    }
    double us = (double)(bench_now_ns() - start_ns) / TRIPS / 1000;
    if (weft_worker_unregister(worker) || weft_node_close(node, 1000)) bench_die("close the node");
    return us;
}

static struct park there, back;

static void *other(void *context)
{
    (void)context;
    for (int i = 0; i < TRIPS; i++) {
        while (!weft__park(&there, PARK_FOREVER)) {
        }
        weft__unpark(&back);
    }
    return NULL;
}

static double two_hand_offs(void)
{
    pthread_t thread;
    weft__park_init(&there);
    weft__park_init(&back);
    if (pthread_create(&thread, NULL, other, NULL)) bench_die("start a thread");
    uint64_t start_ns = bench_now_ns();
    for (int i = 0; i < TRIPS; i++) {
        weft__unpark(&there);
        while (!weft__park(&back, PARK_FOREVER)) {
        }
    }
    double us = (double)(bench_now_ns() - start_ns) / TRIPS / 1000;
    pthread_join(thread, NULL);
    return us;
}

const struct bench bench_round_trip[] = {{.name = "round_trip",
                                          .metric = "dispatch to a callback worker and back, 1 outstanding",
                                          .unit = "us",
                                          .measure = dispatch_and_back,
                                          .against = "two futex hand-offs between two threads",
                                          .measure_against = two_hand_offs,
                                          .goal = 2.5,
                                          .at_most = 1,
                                          .rounds = 15},
                                         {0}};
