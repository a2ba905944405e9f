/* Events to four pulling subscribers, in one process: one thread publishes, four take batches and release them. Against
 * what one would write by hand for the same: each payload copied into four ring buffers, each with its mutex and
 * condition variable, drained by four threads in batches; who fills one waits while it is full. The publisher stays
 * within what the inboxes hold, so that nothing is dropped: what is measured is what everybody got. */
#include "bench.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <weft/weft.h>

enum { SUBSCRIBERS = 4, EVENTS = 1000000, WINDOW = 8192, TAKE = 256, PAYLOAD = 64 };
#define CHANNEL "event.bench.fanout"

static const char payload[PAYLOAD];

/* --- weft ------------------------------------------------------------------------------------- */

struct drainer {
    pthread_t thread;
    weft_subscription *subscription;
    _Alignas(64) atomic_ulong taken;
};

static void *drain(void *argument)
{
    struct drainer *drainer = argument;
    unsigned long taken = 0;
    uint64_t number = 0;
    while (taken < EVENTS) {
        weft_event events[TAKE];
        size_t count;
        if (weft_subscription_next(drainer->subscription, WEFT_FOREVER, events, TAKE, &count)) bench_die("take");
        for (size_t i = 0; i < count; i++) {
            if (events[i].number != ++number || events[i].payload.size != PAYLOAD) bench_die("an event is missing");
            weft_event_release(&events[i]);
        }
        taken += count;
        atomic_store_explicit(&drainer->taken, taken, memory_order_release);
    }
    return NULL;
}

/* Nobody is further behind than an inbox holds. */
static void keep_within(struct drainer *drainers, unsigned long published)
{
    for (int i = 0; i < SUBSCRIBERS; i++)
        while (published - atomic_load_explicit(&drainers[i].taken, memory_order_acquire) >= WINDOW)
            sched_yield();
}

static double published(void)
{
    static struct drainer drainers[SUBSCRIBERS];
    weft_node *node;
    weft_subscribe_options options = WEFT_SUBSCRIBE_OPTIONS;
    options.items_max = WINDOW;
    memset(drainers, 0, sizeof drainers);
    if (weft_node_open(NULL, &node) || weft_channel_declare(node, CHANNEL, NULL)) bench_die("open a node");
    for (int i = 0; i < SUBSCRIBERS; i++)
        if (weft_subscribe(node, CHANNEL, NULL, NULL, &options, &drainers[i].subscription) ||
            pthread_create(&drainers[i].thread, NULL, drain, &drainers[i]))
            bench_die("subscribe");
    uint64_t start_ns = bench_now_ns();
    for (unsigned long i = 0; i < EVENTS; i++) {
        uint32_t heard;
        if (i % TAKE == 0) keep_within(drainers, i + TAKE);
        if (weft_publish(node, CHANNEL, (weft_bytes){payload, PAYLOAD}, NULL, &heard) || heard != SUBSCRIBERS)
            bench_die("publish");
    }
    for (int i = 0; i < SUBSCRIBERS; i++)
        pthread_join(drainers[i].thread, NULL);
    double seconds = (double)(bench_now_ns() - start_ns) / 1e9;
    if (weft_node_close(node, 1000)) bench_die("close the node");
    return (double)EVENTS * SUBSCRIBERS / seconds;
}

/* --- by hand ---------------------------------------------------------------------------------- */

struct ring {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t filled, drained;
    unsigned long put, got;
    char items[WINDOW][PAYLOAD];
};

static void *drain_ring(void *argument)
{
    struct ring *ring = argument;
    char batch[TAKE][PAYLOAD];
    for (unsigned long got = 0; got < EVENTS;) {
        pthread_mutex_lock(&ring->mutex);
        while (ring->put == ring->got)
            pthread_cond_wait(&ring->filled, &ring->mutex);
        unsigned count = 0;
        for (; count < TAKE && ring->got < ring->put; count++)
            memcpy(batch[count], ring->items[ring->got++ % WINDOW], PAYLOAD);
        pthread_cond_signal(&ring->drained);
        pthread_mutex_unlock(&ring->mutex);
        got += count;
    }
    return NULL;
}

static void put(struct ring *ring)
{
    pthread_mutex_lock(&ring->mutex);
    while (ring->put - ring->got == WINDOW)
        pthread_cond_wait(&ring->drained, &ring->mutex);
    memcpy(ring->items[ring->put++ % WINDOW], payload, PAYLOAD);
    pthread_cond_signal(&ring->filled);
    pthread_mutex_unlock(&ring->mutex);
}

static double copied(void)
{
    struct ring *rings = calloc(SUBSCRIBERS, sizeof *rings);
    if (!rings) bench_die("allocate");
    for (int i = 0; i < SUBSCRIBERS; i++) {
        pthread_mutex_init(&rings[i].mutex, NULL);
        pthread_cond_init(&rings[i].filled, NULL);
        pthread_cond_init(&rings[i].drained, NULL);
        if (pthread_create(&rings[i].thread, NULL, drain_ring, &rings[i])) bench_die("start a thread");
    }
    uint64_t start_ns = bench_now_ns();
    for (unsigned long i = 0; i < EVENTS; i++)
        for (int r = 0; r < SUBSCRIBERS; r++)
            put(&rings[r]);
    for (int i = 0; i < SUBSCRIBERS; i++)
        pthread_join(rings[i].thread, NULL);
    double seconds = (double)(bench_now_ns() - start_ns) / 1e9;
    free(rings);
    return (double)EVENTS * SUBSCRIBERS / seconds;
}

const struct bench bench_fanout[] = {{.name = "fan_out",
                                      .metric = "fan-out in process to 4 subscribers, 64 bytes, pulled by 4 threads",
                                      .unit = "deliveries/s",
                                      .measure = published,
                                      .against = "copied into 4 rings, a mutex and condition variable each",
                                      .measure_against = copied,
                                      .goal = 1,
                                      .rounds = 9},
                                     {.name = "fan_out_goal",
                                      .metric = "the same",
                                      .unit = "deliveries/s",
                                      .measure = published,
                                      .against = "five million a second",
                                      .goal = 5e6,
                                      .rounds = 9},
                                     {0}};
