/* host_threads: handlers run on threads of the host's own, which it starts, names, pins and joins as it likes. The
 * group has no thread itself (threads = 0); each thread that calls weft_group_run is lent to it.
 *
 * Each task waits until three of them run at the same time, so all three threads of the pool must take part. It prints:
 *
 *   3 tasks met, each on a thread of the pool
 *   the threads came back: 3
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <weft/weft.h>

#define CHANNEL "dispatch.example.meet"

enum { THREADS = 3 };

struct pool {
    weft_group *group;
    pthread_t threads[THREADS];
    pthread_barrier_t meeting;
    atomic_bool stopping;
};

static _Thread_local bool in_pool;

static void must(weft_error error, const char *what)
{
    if (error == WEFT_OK) return;
    fprintf(stderr, "host_threads: %s: %s: %s\n", what, weft_error_name(error), weft_error_message());
    exit(1);
}

/* A thread of the pool: a tenth of a second for weft at most, then whatever else the pool does, and again. */
static void *pool_main(void *argument)
{
    struct pool *pool = argument;
    in_pool = true;
    while (!atomic_load(&pool->stopping)) {
        must(weft_group_run(pool->group, 100), "lend the thread");
        /* the pool's other work */
    }
    return pool;
}

static void meet(weft_task *task, void *context)
{
    struct pool *pool = context;
    pthread_barrier_wait(&pool->meeting);
    if (in_pool)
        weft_task_complete(task, WEFT_TEXT("met"));
    else
        weft_task_fail(task, "stranger", "this is no thread of the pool");
}

static unsigned dispatch_all(weft_node *node)
{
    weft_completions *completions;
    unsigned met = 0;
    must(weft_completions_open(node, THREADS, &completions), "open a queue of outcomes");
    for (int i = 0; i < THREADS; i++)
        must(weft_dispatch_submit(completions, CHANNEL, WEFT_TEXT(""), NULL, 0, NULL), "dispatch");
    for (int i = 0; i < THREADS; i++) {
        weft_reply reply;
        size_t count;
        must(weft_completions_next(completions, WEFT_FOREVER, &reply, 1, &count), "wait for an outcome");
        met += reply.outcome == WEFT_COMPLETED;
        weft_reply_release(&reply);
    }
    must(weft_completions_close(completions), "close the queue of outcomes");
    return met;
}

int main(void)
{
    struct pool pool = {.stopping = false};
    weft_node *node;
    weft_worker *worker;
    weft_group_options group = WEFT_GROUP_OPTIONS;
    weft_worker_options options = WEFT_WORKER_OPTIONS;
    unsigned back = 0;
    must(weft_node_open(NULL, &node), "open a node");
    must(weft_channel_declare(node, CHANNEL, NULL), "declare the channel");
    group.name = "pool";
    group.threads = 0; /* none of the node's */
    must(weft_group_open(node, &group, &pool.group), "open a group");
    pthread_barrier_init(&pool.meeting, NULL, THREADS);
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&pool.threads[i], NULL, pool_main, &pool)) return 1;

    options.group = pool.group;
    options.max_concurrent = THREADS;
    must(weft_worker_register(node, CHANNEL, meet, &pool, &options, &worker), "register a worker");
    printf("%u tasks met, each on a thread of the pool\n", dispatch_all(node));

    must(weft_worker_unregister(worker), "unregister the worker");
    atomic_store(&pool.stopping, true); /* none comes back for more: the group will be gone */
    for (int i = 0; i < THREADS; i++) {
        void *came_back = NULL;
        pthread_join(pool.threads[i], &came_back);
        back += came_back == &pool;
    }
    printf("the threads came back: %u\n", back);
    must(weft_node_close(node, 1000), "close the node");
    pthread_barrier_destroy(&pool.meeting);
    return 0;
}
