/* What 100,000 of each take: counted by the node's own allocator, what malloc adds included; and the growth of tables. */
#include "bench.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include <weft/weft.h>

enum { COUNT = 100000, PAYLOAD_BYTES = 1000, MALLOC_HEADER = 8 };

static struct {
    size_t records, payloads; /* bytes in use; payloads: blocks that hold one */
} used;

static size_t *kind_of(size_t size)
{
    return size >= PAYLOAD_BYTES && size < PAYLOAD_BYTES + 64 ? &used.payloads : &used.records;
}

/* One thread allocates at a time: the node's own have nothing to do. */
static void *counted_alloc(void *context, size_t size)
{
    (void)context;
    size_t *block = malloc(sizeof(size_t) * 2 + size);
    if (!block) return NULL;
    block[0] = size;
    *kind_of(size) += ((size + MALLOC_HEADER + 15) & ~(size_t)15) < 32 ? 32 : (size + MALLOC_HEADER + 15) & ~(size_t)15;
    return block + 2;
}

static void counted_free(void *context, void *memory)
{
    (void)context;
    if (!memory) return;
    size_t *block = (size_t *)memory - 2, size = block[0];
    *kind_of(size) -= ((size + MALLOC_HEADER + 15) & ~(size_t)15) < 32 ? 32 : (size + MALLOC_HEADER + 15) & ~(size_t)15;
    free(block);
}

static weft_node *node;

static void open_node(void)
{
    static const weft_allocator counted = {counted_alloc, counted_free, NULL};
    weft_node_options options = WEFT_NODE_OPTIONS;
    options.allocator = &counted;
    options.channels_max = 2 * COUNT;
    if (weft_node_open(&options, &node)) bench_die("open a node");
}

static void close_node(void)
{
    if (weft_node_close(node, 0)) bench_die("close the node");
}

static void answer(weft_task *task, void *context)
{
    (void)context;
    weft_task_complete(task, weft_task_payload(task));
}

static double a_queued_dispatch(void)
{
    static const char payload[PAYLOAD_BYTES];
    weft_completions *completions;
    weft_channel_options options = WEFT_CHANNEL_OPTIONS;
    options.depth_max = COUNT;
    options.bytes_max = UINT64_MAX;
    open_node();
    if (weft_channel_declare(node, "dispatch.bench.memory", &options) ||
        weft_completions_open(node, COUNT, &completions))
        bench_die("declare a channel");
    size_t before = used.records;
    for (uint64_t i = 0; i < COUNT; i++)
        if (weft_dispatch_submit(completions, "dispatch.bench.memory", (weft_bytes){payload, sizeof payload}, NULL, i,
                                 NULL))
            bench_die("dispatch");
    size_t after = used.records;
    close_node();
    return (double)(after - before) / COUNT;
}

static double an_idle_worker(void)
{
    weft_worker **workers = malloc(COUNT * sizeof(*workers)), *first;
    open_node();
    if (!workers || weft_channel_declare(node, "dispatch.bench.memory", NULL) ||
        weft_worker_register(node, "dispatch.bench.memory", answer, NULL, NULL, &first))
        bench_die("declare a channel");
    size_t before = used.records;
    for (int i = 0; i < COUNT; i++)
        if (weft_worker_register(node, "dispatch.bench.memory", answer, NULL, NULL, &workers[i])) bench_die("register");
    size_t after = used.records;
    close_node();
    free(workers);
    return (double)(after - before) / COUNT;
}

static double an_idle_channel(void)
{
    open_node();
    size_t before = used.records;
    for (int i = 0; i < COUNT; i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "dispatch.bench.memory-%06d", i);
        if (weft_channel_declare(node, name, NULL)) bench_die("declare");
    }
    size_t after = used.records;
    close_node();
    return (double)(after - before) / COUNT;
}

#define MEMORY(what, limit, function)                                                                                  \
    {                                                                                                                  \
        .name = "memory " what, .metric = "bytes, of 100,000, with what malloc adds", .unit = "bytes",                 \
        .measure = function, .against = "what is allowed", .goal = limit, .at_most = 1, .rounds = 1                    \
    }

const struct bench bench_memory[] = {
    MEMORY("queued dispatch", 256, a_queued_dispatch), /* besides its payload's buffer */
    MEMORY("idle worker", 512, an_idle_worker),
    MEMORY("idle channel", 1024, an_idle_channel),
    {0}};
