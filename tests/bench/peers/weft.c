/* weft.c: weft itself, as a user would race it: against include/weft alone. */
#include "contender.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <weft/weft.h>

#include "payload.h"

#define TASKS "dispatch.race.tasks"
#define EVENTS "event.race.events"

enum { FETCHED_MAX = 256, OUTSTANDING_MAX = 4096 };

static void must(weft_error error)
{
    if (error) fail("weft: %s", weft_error_message());
}

/* --- the node --------------------------------------------------------------------------------- */

static void serve_channels(int port, bool validates)
{
    weft_node *node;
    char url[64];
    weft_channel_options tasks = WEFT_CHANNEL_OPTIONS;
    weft_listen_options listen = WEFT_LISTEN_OPTIONS;
    must(weft_node_open(NULL, &node));
    if (validates) {
        weft_schema *schema;
        must(weft_schema_compile(payload_schema(), NULL, &schema));
        must(weft_schema_register(node, "task", schema));
        tasks.schema = "task";
    }
    tasks.on_crash = WEFT_CRASH_REDISPATCH;
    tasks.attempts_max = 16;
    must(weft_channel_declare(node, TASKS, &tasks));
    must(weft_channel_declare(node, EVENTS, NULL));
    (void)snprintf(url, sizeof url, "tcp://127.0.0.1:%d", port);
    must(weft_node_listen(node, url, &listen, NULL));
    for (;;)
        pause();
}

static void serve(int port)
{
    serve_channels(port, true);
}

static void serve_opaque(int port)
{
    serve_channels(port, false);
}

/* --- clients ---------------------------------------------------------------------------------- */

static weft_node *node;
static weft_completions *completions;
static weft_subscription *subscription;

static void dial(int port)
{
    char url[64];
    (void)snprintf(url, sizeof url, "tcp://127.0.0.1:%d", port);
    must(weft_node_dial(url, NULL, &node));
}

static void open_client(int port)
{
    dial(port);
    must(weft_completions_open(node, OUTSTANDING_MAX, &completions));
}

static void submit(weft_bytes payload)
{
    must(weft_dispatch_submit(completions, TASKS, payload, NULL, 0, NULL));
}

static void flush(void)
{
}

static int collect(void)
{
    static weft_reply replies[FETCHED_MAX];
    size_t count;
    must(weft_completions_next(completions, WEFT_FOREVER, replies, FETCHED_MAX, &count));
    for (size_t i = 0; i < count; i++) {
        if (replies[i].outcome != WEFT_COMPLETED)
            fail("weft: %s: %s", weft_outcome_name(replies[i].outcome), replies[i].code);
        reply_taken(replies[i].payload);
        weft_reply_release(&replies[i]);
    }
    return (int)count;
}

/* --- workers ---------------------------------------------------------------------------------- */

static void answer(weft_task *task, void *context)
{
    (void)context;
    must(weft_task_complete(task, weft_task_payload(task)));
}

static void work(int port, int window)
{
    weft_worker *worker;
    weft_worker_options options = WEFT_WORKER_OPTIONS;
    weft_group_options one = WEFT_GROUP_OPTIONS;
    dial(port);
    one.threads = 1;
    options.max_concurrent = (uint32_t)window;
    must(weft_group_open(node, &one, &options.group));
    must(weft_worker_register(node, TASKS, answer, NULL, &options, &worker));
    ready();
    for (;;)
        pause();
}

static void keep(weft_task *task, void *context)
{
    (void)context;
    must(weft_task_keep(task));
    took();
}

static void hold(int port)
{
    weft_worker *worker;
    dial(port);
    must(weft_worker_register(node, TASKS, keep, NULL, NULL, &worker));
    ready();
    for (;;)
        pause();
}

/* --- fan-out ---------------------------------------------------------------------------------- */

static void publish(weft_bytes payload)
{
    weft_publish_options options = WEFT_PUBLISH_OPTIONS;
    options.flags = WEFT_NO_WAIT;
    must(weft_publish(node, EVENTS, payload, &options, NULL));
}

static void subscribe(int port)
{
    weft_subscribe_options options = WEFT_SUBSCRIBE_OPTIONS;
    options.items_max = WEFT_INBOX_MAX;
    dial(port);
    must(weft_subscribe(node, EVENTS, NULL, NULL, &options, &subscription));
}

static int heard(void)
{
    static weft_event events[FETCHED_MAX];
    size_t count;
    must(weft_subscription_next(subscription, WEFT_FOREVER, events, FETCHED_MAX, &count));
    for (size_t i = 0; i < count; i++)
        weft_event_release(&events[i]);
    return (int)count;
}

const struct contender contender_weft = {.name = "weft",
                                         .serve = serve,
                                         .open = open_client,
                                         .submit = submit,
                                         .flush = flush,
                                         .collect = collect,
                                         .work = work,
                                         .hold = hold,
                                         .hands_max = 16,
                                         .publish = publish,
                                         .subscribe = subscribe,
                                         .heard = heard};

const struct contender contender_weft_opaque = {.name = "weft opaque",
                                                .serve = serve_opaque,
                                                .open = open_client,
                                                .submit = submit,
                                                .flush = flush,
                                                .collect = collect,
                                                .work = work};
