/* weft_many.c: weft among many: 10,000 workers on 1,000 channels, and 10 on 1, by the same code. */
#include "weft.h"

#include <stdio.h>
#include <unistd.h>

enum { CHANNELS_MAX = 1000, OUTSTANDING_MAX = 4096, HANDS = 26 /* of each: 10 of them take all that is outstanding */ };

static weft_node *node;
static weft_completions *completions;
static char names[CHANNELS_MAX][32];
static unsigned channels;

static void name_channels(unsigned count)
{
    channels = count;
    for (unsigned i = 0; i < count; i++)
        (void)snprintf(names[i], sizeof names[i], "dispatch.race.of-%u", i);
}

static void serve(int port, unsigned count)
{
    name_channels(count);
    weft_must(weft_node_open(NULL, &node));
    for (unsigned i = 0; i < count; i++)
        weft_must(weft_channel_declare(node, names[i], NULL));
    weft_race_listen(node, port);
    for (;;)
        pause();
}

static void open_client(int port, unsigned count)
{
    name_channels(count);
    node = weft_race_dial(port);
    weft_must(weft_completions_open(node, OUTSTANDING_MAX, &completions));
}

/* One channel after the other. */
static void submit(weft_bytes payload)
{
    static unsigned next;
    weft_must(weft_dispatch_submit(completions, names[next++ % channels], payload, NULL, 0, NULL));
}

static void flush(void)
{
}

static int collect(void)
{
    return weft_race_collect(completions);
}

/* Where the row has two processes of workers, each has half of them. */
static void work(int port, int window, unsigned count, unsigned workers)
{
    weft_worker *worker;
    weft_worker_options options = WEFT_WORKER_OPTIONS;
    weft_group_options one = WEFT_GROUP_OPTIONS;
    unsigned own = window == 1 ? workers : workers / 2;
    name_channels(count);
    node = weft_race_dial(port);
    one.threads = 1;
    options.max_concurrent = HANDS;
    weft_must(weft_group_open(node, &one, &options.group));
    for (unsigned i = 0; i < own; i++)
        weft_must(weft_worker_register(node, names[i % count], weft_race_answer, NULL, &options, &worker));
    ready();
    for (;;)
        pause();
}

#define AMONG(which, count, workers)                                                                                   \
    static void serve_##which(int port)                                                                                \
    {                                                                                                                  \
        serve(port, count);                                                                                            \
    }                                                                                                                  \
    static void open_##which(int port)                                                                                 \
    {                                                                                                                  \
        open_client(port, count);                                                                                      \
    }                                                                                                                  \
    static void work_##which(int port, int window)                                                                     \
    {                                                                                                                  \
        work(port, window, count, workers);                                                                            \
    }                                                                                                                  \
    const struct contender contender_weft_##which = {.name = "of-" #workers,                                           \
                                                     .heavy = true,                                                    \
                                                     .bare = true,                                                     \
                                                     .serve = serve_##which,                                           \
                                                     .open = open_##which,                                             \
                                                     .submit = submit,                                                 \
                                                     .flush = flush,                                                   \
                                                     .collect = collect,                                               \
                                                     .work = work_##which}

AMONG(ten, 1, 10);
AMONG(many, 1000, 10000);
