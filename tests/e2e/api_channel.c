/* The public interface of channels. Promises:
 *   - declaring again the same is fine, otherwise the first difference is named; bad names and options are refused
 *   - a template makes a channel when a worker registers on one that nobody declared
 *   - pause admits and hands out nothing; resume hands out; drain waits until nothing waits or runs; delete ends workers
 *   - what is told of a channel is consistent in itself */
#include "e2e/api_lib.h"

static void declares_once(void **state)
{
    (void)state;
    weft_node_options node_options = WEFT_NODE_OPTIONS;
    weft_channel_options o = WEFT_CHANNEL_OPTIONS;
    weft_node *node;
    node_options.channels_max = 2;
    check_ok(weft_node_open(&node_options, &node));
    check_ok(weft_channel_declare(node, CHANNEL, NULL));
    check_ok(weft_channel_declare(node, CHANNEL, &o));
    o.depth_max = 5;
    check_err(weft_channel_declare(node, CHANNEL, &o), WEFT_EDIFFERS);
    check_true(strstr(weft_error_message(), "depth_max") != NULL);
    check_err(weft_channel_declare(NULL, CHANNEL, NULL), WEFT_EINVAL);
    check_err(weft_channel_declare(node, NULL, NULL), WEFT_EINVAL);
    static const char *const bad[] = {"",          "dispatch",       "dispatch.a",  "dispatch.a.", "dispatch.a.b.c",
                                      "other.a.b", "dispatch.a b.c", "dispatch.*.b"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        check_err(weft_channel_declare(node, bad[i], NULL), WEFT_EINVAL);
    o.version = 0;
    check_err(weft_channel_declare(node, OTHER, &o), WEFT_EINVAL);
    check_true(strstr(weft_error_message(), "WEFT_CHANNEL_OPTIONS") != NULL);
    o = (weft_channel_options)WEFT_CHANNEL_OPTIONS;
    o.attempts_max = 99;
    check_err(weft_channel_declare(node, OTHER, &o), WEFT_EINVAL);
    o = (weft_channel_options)WEFT_CHANNEL_OPTIONS;
    o.durable = true;
    check_err(weft_channel_declare(node, OTHER, &o), WEFT_EUNSUPPORTED);
    check_ok(weft_channel_declare(node, "event.test.news", NULL));
    check_err(weft_channel_declare(node, OTHER, NULL), WEFT_ELIMIT);
    check_true(strstr(weft_error_message(), "channels_max") != NULL);
    close_node(node);
}

static void a_template_makes_channels(void **state)
{
    (void)state;
    weft_node *node = open_node();
    weft_channel_options o = WEFT_CHANNEL_OPTIONS;
    weft_channel_info info;
    o.policy = WEFT_STICKY;
    check_err(weft_channel_template(node, "dispatch", &o), WEFT_EINVAL);
    check_err(weft_channel_template(NULL, "dispatch.media.*", &o), WEFT_EINVAL);
    check_ok(weft_channel_template(node, "dispatch.media.*", &o));
    check_err(weft_channel_info_get(node, "dispatch.media.resize", &info), WEFT_ENOCHANNEL);
    register_worker(node, "dispatch.media.resize", echo, NULL);
    check_ok(weft_channel_info_get(node, "dispatch.media.resize", &info));
    check_eq(info.policy, WEFT_STICKY);
    check_eq(info.workers, 1);
    weft_reply reply = dispatch(node, "dispatch.media.resize", "1");
    check_reply_text(&reply, "1");
    weft_error error;
    unsigned count = 1;
    char pattern[64];
    do {
        snprintf(pattern, sizeof pattern, "dispatch.t%u.*", count);
        error = weft_channel_template(node, pattern, NULL);
        count += !error;
    } while (!error);
    check_eq(error, WEFT_ELIMIT);
    check_eq(count, 256);
    check_ok(weft_node_close(node, 10000));
}

static void pause_holds_and_resume_hands_out(void **state)
{
    (void)state;
    weft_node *node = open_node();
    weft_completions *completions;
    weft_channel_info info;
    register_worker(node, CHANNEL, echo, NULL);
    check_ok(weft_completions_open(node, 8, &completions));
    check_ok(weft_channel_pause(node, CHANNEL));
    check_ok(weft_channel_pause(node, CHANNEL));
    weft_ticket ticket;
    for (uint64_t i = 0; i < 3; i++) {
        check_ok(weft_dispatch_submit(completions, CHANNEL, WEFT_TEXT("1"), NULL, i, &ticket));
        check_admission(&ticket, WEFT_ADMISSION_DEFERRED);
    }
    check_ok(weft_channel_info_get(node, CHANNEL, &info));
    check_eq(info.state, WEFT_CHANNEL_PAUSED);
    check_eq(info.queued, 3);
    check_eq(info.queued_by_priority[WEFT_PRIORITY_NORMAL - 1], 3);
    check_eq(info.dispatched, 3);
    check_true(info.queued_bytes > 3);
    check_str(info.name, CHANNEL);
    check_ok(weft_channel_resume(node, CHANNEL));
    for (uint64_t i = 0; i < 3; i++) {
        weft_reply reply = next_reply(completions);
        check_true(reply.queued_ns > 0);
        check_reply_text(&reply, "1");
    }
    check_err(weft_channel_pause(node, OTHER), WEFT_ENOCHANNEL);
    check_err(weft_channel_resume(node, OTHER), WEFT_ENOCHANNEL);
    check_err(weft_channel_pause(NULL, OTHER), WEFT_EINVAL);
    check_err(weft_channel_resume(node, NULL), WEFT_EINVAL);
    check_ok(weft_completions_close(completions));
    check_ok(weft_node_close(node, 10000));
}

struct drainer {
    weft_node *node;
    weft_error error;
};

static void *drain(void *argument)
{
    struct drainer *drainer = argument;
    drainer->error = weft_channel_drain(drainer->node, CHANNEL, WEFT_FOREVER);
    return NULL;
}

static void await_state(weft_node *node, weft_channel_state expected)
{
    weft_channel_info info;
    do {
        check_ok(weft_channel_info_get(node, CHANNEL, &info));
    } while (info.state != expected);
}

static void drain_waits_for_what_runs(void **state)
{
    (void)state;
    weft_node *node = open_node();
    struct stop stop = {.began.count = 0};
    struct drainer drainer = {.node = node};
    weft_completions *completions;
    weft_worker *worker = register_worker(node, CHANNEL, halt, &stop);
    check_ok(weft_completions_open(node, 8, &completions));
    submit(completions, CHANNEL, "1", 0);
    event_await(&stop.began, 1);
    check_err(weft_channel_drain(node, CHANNEL, 0), WEFT_ETIMEDOUT);
    check_err(weft_channel_drain(node, CHANNEL, 1), WEFT_ETIMEDOUT);
    struct refusal refusal = refused_async(node, CHANNEL, WEFT_TEXT("1"), NULL);
    check_str(refusal.reason, "draining");
    check_err(weft_channel_pause(node, CHANNEL), WEFT_EINVAL);
    check_err(weft_channel_delete(node, CHANNEL), WEFT_EBUSY);
    pthread_t thread = start(drain, &drainer);
    event_give(&stop.go_on);
    join(thread);
    check_ok(drainer.error);
    await_state(node, WEFT_CHANNEL_DRAINED);
    check_ok(weft_channel_drain(node, CHANNEL, 0));
    check_ok(weft_channel_resume(node, CHANNEL));
    weft_reply reply = next_reply(completions);
    check_reply_text(&reply, "1");
    check_err(weft_channel_drain(node, OTHER, 0), WEFT_ENOCHANNEL);
    check_err(weft_channel_drain(node, NULL, 0), WEFT_EINVAL);

    check_ok(weft_channel_delete(node, CHANNEL));
    check_err(weft_channel_delete(node, CHANNEL), WEFT_ENOCHANNEL);
    check_err(weft_dispatch(node, CHANNEL, WEFT_TEXT("1"), NULL, &reply), WEFT_ENOCHANNEL);
    weft_worker_info info;
    do { /* a client node is told of it */
        check_ok(weft_worker_info_get(worker, &info));
    } while (dialled() && info.state != WEFT_WORKER_REMOVED);
    check_eq(info.state, WEFT_WORKER_REMOVED);
    check_ok(weft_worker_unregister(worker));            /* its owner's to end */
    check_ok(weft_channel_declare(node, CHANNEL, NULL)); /* the name is free */
    check_ok(weft_completions_close(completions));
    check_ok(weft_node_close(node, 10000));
}

/* Somebody else resumes, or the node closes: who drains is told. */
static void a_drain_that_is_undone_returns(void **state)
{
    (void)state;
    weft_node *node = open_node();
    struct drainer drainer = {.node = node};
    weft_ticket ticket;
    check_ok(weft_dispatch_async(node, CHANNEL, WEFT_TEXT("1"), NULL, NULL, NULL, 0, &ticket));
    pthread_t thread = start(drain, &drainer);
    await_state(node, WEFT_CHANNEL_DRAINING);
    check_ok(weft_channel_resume(node, CHANNEL));
    join(thread);
    check_eq(drainer.error, WEFT_ETIMEDOUT);
    thread = start(drain, &drainer);
    await_state(node, WEFT_CHANNEL_DRAINING);
    close_node(node);
    join(thread);
    check_true(drainer.error == WEFT_ECLOSED || drainer.error == WEFT_OK); /* closing settles what it waited for */
}

/* --- what is told ----------------------------------------------------------------------------- */

struct found {
    unsigned count, stop_after;
    char last[WEFT_CHANNEL_NAME_MAX + 1];
};

static bool note(const weft_channel_info *info, void *context)
{
    struct found *found = context;
    strcpy(found->last, info->name);
    return ++found->count != found->stop_after;
}

static void find_lists_what_matches(void **state)
{
    (void)state;
    weft_node *node = open_node();
    struct found all = {0}, some = {0}, first = {.stop_after = 1}, none = {0};
    for (unsigned i = 0; i < 1000; i++) {
        char name[64];
        snprintf(name, sizeof name, "dispatch.%s.c%u", i % 4 ? "many" : "few", i);
        check_ok(weft_channel_declare(node, name, NULL));
    }
    check_ok(weft_channel_find(node, "*.*.*", note, &all));
    check_eq(all.count, 1001);
    check_ok(weft_channel_find(node, "dispatch.few.*", note, &some));
    check_eq(some.count, 250);
    check_ok(weft_channel_find(node, "*.*.*", note, &first));
    check_eq(first.count, 1);
    check_ok(weft_channel_find(node, "dispatch.few.c1", note, &none));
    check_eq(none.count, 0);
    check_err(weft_channel_find(node, "few", note, &none), WEFT_EINVAL);
    check_err(weft_channel_find(node, "*.*.*", NULL, &none), WEFT_EINVAL);
    close_node(node);
}

static void counters_add_up(void **state)
{
    (void)state;
    weft_node *node = open_node();
    weft_channel_info info;
    weft_node_stats stats;
    weft_death death;
    size_t count = 7;
    register_worker(node, CHANNEL, echo, NULL);
    for (int i = 0; i < 10; i++) {
        weft_reply reply = dispatch(node, CHANNEL, "1");
        check_reply_text(&reply, "1");
    }
    check_ok(weft_channel_drain(node, CHANNEL, WEFT_FOREVER)); /* the last slot is released */
    check_ok(weft_channel_info_get(node, CHANNEL, &info));
    check_eq(info.dispatched, 10);
    check_eq(info.completed, 10);
    check_eq(info.in_flight, 0);
    check_eq(info.workers, 1);
    check_eq(info.workers_eligible, 1);
    check_ok(weft_node_stats_get(node, &stats));
    check_eq(stats.dispatched, 10);
    check_eq(stats.completed, 10);
    check_eq(stats.channels, 1);
    check_eq(stats.workers, 1);
    check_eq(stats.participants, dialled() ? 2 : 1); /* the processes of both nodes */
    check_eq(stats.dispatches_open, 0);
    check_ok(weft_channel_deaths(node, CHANNEL, &death, 1, &count));
    check_eq(count, 0);
    check_err(weft_channel_deaths(node, OTHER, &death, 1, &count), WEFT_ENOCHANNEL);
    check_err(weft_channel_deaths(node, CHANNEL, NULL, 1, &count), WEFT_EINVAL);
    check_err(weft_channel_info_get(node, OTHER, &info), WEFT_ENOCHANNEL);
    check_err(weft_channel_info_get(node, CHANNEL, NULL), WEFT_EINVAL);
    check_err(weft_node_stats_get(node, NULL), WEFT_EINVAL);
    check_ok(weft_node_close(node, 10000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(declares_once),
        cmocka_unit_test(a_template_makes_channels),
        cmocka_unit_test(pause_holds_and_resume_hands_out),
        cmocka_unit_test(drain_waits_for_what_runs),
        cmocka_unit_test(a_drain_that_is_undone_returns),
        cmocka_unit_test(find_lists_what_matches),
        cmocka_unit_test(counters_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
