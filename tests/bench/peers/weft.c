/* weft.c: weft itself, as a user would race it: against include/weft alone. */
#include "weft.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "payload.h"

#define EVENTS "event.race.events"

enum { FETCHED_MAX = 256, OUTSTANDING_MAX = 4096 };

void weft_must(weft_error error)
{
    if (error) fail("weft: %s", weft_error_message());
}

/* --- the node --------------------------------------------------------------------------------- */

/* Beats come each second, so that what an idle connection needs no more is given back while that is measured; and who is
 * silent for long is not cut off. */
void weft_race_listen(weft_node *own, int port)
{
    char url[64];
    weft_listen_options options = WEFT_LISTEN_OPTIONS;
    options.beat_ms = 1000;
    options.beats_missed_max = 300;
    (void)snprintf(url, sizeof url, "tcp://127.0.0.1:%d", port);
    weft_must(weft_node_listen(own, url, &options, NULL));
}

static void serve_channels(int port, bool validates)
{
    weft_node *node;
    weft_channel_options tasks = WEFT_CHANNEL_OPTIONS;
    weft_must(weft_node_open(NULL, &node));
    if (validates) {
        weft_schema *schema;
        weft_must(weft_schema_compile(payload_schema(), NULL, &schema));
        weft_must(weft_schema_register(node, "task", schema));
        tasks.schema = "task";
    }
    tasks.on_crash = WEFT_CRASH_REDISPATCH;
    tasks.attempts_max = 16;
    weft_must(weft_channel_declare(node, TASKS, &tasks));
    weft_must(weft_channel_declare(node, EVENTS, NULL));
    weft_race_listen(node, port);
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

weft_node *weft_race_dial(int port)
{
    weft_node *dialled;
    char url[64];
    (void)snprintf(url, sizeof url, "tcp://127.0.0.1:%d", port);
    weft_must(weft_node_dial(url, NULL, &dialled));
    return dialled;
}

static void dial(int port)
{
    node = weft_race_dial(port);
}

static void open_client(int port)
{
    dial(port);
    weft_must(weft_completions_open(node, OUTSTANDING_MAX, &completions));
}

static void submit(weft_bytes payload)
{
    weft_must(weft_dispatch_submit(completions, TASKS, payload, NULL, 0, NULL));
}

static void flush(void)
{
}

int weft_race_collect(weft_completions *from)
{
    static weft_reply replies[FETCHED_MAX];
    size_t count;
    weft_must(weft_completions_next(from, WEFT_FOREVER, replies, FETCHED_MAX, &count));
    for (size_t i = 0; i < count; i++) {
        if (replies[i].outcome != WEFT_COMPLETED)
            fail("weft: %s: %s", weft_outcome_name(replies[i].outcome), replies[i].code);
        reply_taken(replies[i].payload);
        weft_reply_release(&replies[i]);
    }
    return (int)count;
}

static int collect(void)
{
    return weft_race_collect(completions);
}

/* --- workers ---------------------------------------------------------------------------------- */

void weft_race_answer(weft_task *task, void *context)
{
    (void)context;
    weft_must(weft_task_complete(task, weft_task_payload(task)));
}

static void work(int port, int window)
{
    weft_worker *worker;
    weft_worker_options options = WEFT_WORKER_OPTIONS;
    weft_group_options one = WEFT_GROUP_OPTIONS;
    dial(port);
    one.threads = 1;
    options.max_concurrent = (uint32_t)window;
    weft_must(weft_group_open(node, &one, &options.group));
    weft_must(weft_worker_register(node, TASKS, weft_race_answer, NULL, &options, &worker));
    ready();
    for (;;)
        pause();
}

static void keep(weft_task *task, void *context)
{
    (void)context;
    weft_must(weft_task_keep(task));
    took();
}

static void hold(int port)
{
    weft_worker *worker;
    dial(port);
    weft_must(weft_worker_register(node, TASKS, keep, NULL, NULL, &worker));
    ready();
    for (;;)
        pause();
}

/* --- fan-out ---------------------------------------------------------------------------------- */

static void publish(weft_bytes payload)
{
    weft_publish_options options = WEFT_PUBLISH_OPTIONS;
    options.flags = WEFT_NO_WAIT;
    weft_must(weft_publish(node, EVENTS, payload, &options, NULL));
}

static void subscribe(int port)
{
    weft_subscribe_options options = WEFT_SUBSCRIBE_OPTIONS;
    options.items_max = WEFT_INBOX_MAX;
    dial(port);
    weft_must(weft_subscribe(node, EVENTS, NULL, NULL, &options, &subscription));
}

static int heard(void)
{
    static weft_event events[FETCHED_MAX];
    size_t count;
    weft_must(weft_subscription_next(subscription, WEFT_FOREVER, events, FETCHED_MAX, &count));
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
                                         .hold_bare = weft_hold_bare,
                                         .hands_max = 15, /* attempts are 16 */
                                         .publish = publish,
                                         .subscribe = subscribe,
                                         .heard = heard,
                                         .idle = weft_idle,
                                         .idle_shared = weft_idle_shared,
                                         .settle_s = 3};

const struct contender contender_weft_opaque = {.name = "weft opaque",
                                                .serve = serve_opaque,
                                                .open = open_client,
                                                .submit = submit,
                                                .flush = flush,
                                                .collect = collect,
                                                .work = work};
