/* What somebody new to weft ran into. Promises:
 *   - a thread that waits for an outcome, or a task, is woken though an eventfd is armed for the same queue
 *   - a loop that fetched less than it asked for is told of what comes next
 *   - late results of tasks whose worker is gone are counted on the channel, too
 *   - the node of the process is closed as such only
 *   - closing waits for a handler nobody waits for, as long as it was told to
 *   - what was shed is counted, so that the outcomes add up */
#include <poll.h>
#include <sched.h>

#include "api_lib.h"

static struct event entered, go_on;

static void answer_when_told(weft_task *task, void *context)
{
    (void)context;
    event_give(&entered);
    event_await(&go_on, entered.count);
    (void)weft_task_complete(task, weft_task_payload(task));
}

static void answer(weft_task *task, void *context)
{
    (void)context;
    (void)weft_task_complete(task, weft_task_payload(task));
}

static void *tell(void *argument)
{
    (void)argument;
    event_await(&entered, 1);
    while (!main_sleeps())
        sched_yield();
    event_give(&go_on);
    return NULL;
}

static void a_sleeping_thread_is_woken_before_a_loop(void **state)
{
    (void)state;
    weft_node *node = open_node();
    weft_completions *completions;
    weft_reply reply;
    size_t count;
    int fd;
    entered.count = go_on.count = 0;
    weft_worker *worker = register_worker(node, CHANNEL, answer_when_told, NULL);
    check_ok(weft_completions_open(node, 8, &completions));
    check_ok(weft_completions_fd(completions, &fd));
    check_ok(weft_dispatch_submit(completions, CHANNEL, WEFT_TEXT("1"), NULL, 0, NULL));
    check_err(weft_completions_next(completions, 0, &reply, 1, &count), WEFT_EAGAIN); /* arms it */
    pthread_t thread = start(tell, NULL);
    check_ok(weft_completions_next(completions, WEFT_FOREVER, &reply, 1, &count));
    check_eq(count, 1);
    weft_reply_release(&reply);
    pthread_join(thread, NULL);
    check_ok(weft_completions_close(completions));
    check_ok(weft_worker_unregister(worker));
    check_ok(weft_node_close(node, 1000));
}

static void a_short_fetch_arms_the_eventfd(void **state)
{
    (void)state;
    weft_node *node = open_node();
    weft_completions *completions;
    weft_reply replies[8];
    uint64_t told;
    size_t count;
    int fd;
    weft_worker *worker = register_worker(node, CHANNEL, answer, NULL);
    check_ok(weft_completions_open(node, 8, &completions));
    check_ok(weft_completions_fd(completions, &fd));
    for (int i = 0; i < 3; i++) {
        struct pollfd watched = {.fd = fd, .events = POLLIN};
        check_ok(weft_dispatch_submit(completions, CHANNEL, WEFT_TEXT("1"), NULL, 0, NULL));
        weft_error error;
        do { /* it may be told once too often, never too seldom */
            check_eq(poll(&watched, 1, -1), 1);
            check_eq(read(fd, &told, sizeof(told)), sizeof(told));
            error = weft_completions_next(completions, 0, replies, 8, &count);
        } while (error == WEFT_EAGAIN);
        check_ok(error);
        check_eq(count, 1);
        weft_reply_release(&replies[0]);
    }
    check_ok(weft_completions_close(completions));
    check_ok(weft_worker_unregister(worker));
    check_ok(weft_node_close(node, 1000));
}

static void late_results_of_the_dead_are_the_channels_too(void **state)
{
    (void)state;
    weft_node *node = open_node();
    weft_participant *participant;
    weft_worker_options options = WEFT_WORKER_OPTIONS;
    weft_channel_info info;
    weft_worker *worker;
    weft_task *task;
    check_ok(weft_participant_declare(node, "mortal", &participant));
    options.participant = participant;
    check_ok(weft_worker_register(node, CHANNEL, NULL, NULL, &options, &worker));
    check_ok(weft_dispatch_async(node, CHANNEL, WEFT_TEXT("1"), NULL, NULL, NULL, 0, NULL));
    check_ok(weft_worker_next(worker, WEFT_FOREVER, &task));
    check_ok(weft_participant_dead(participant, 0));
    check_err(weft_task_complete(task, WEFT_TEXT("2")), WEFT_ESTALE);
    do { /* a client node tells its node of the death; what comes late has not left */
        check_ok(weft_channel_info_get(node, CHANNEL, &info));
    } while (dialled() && info.in_flight > 0);
    check_eq(info.fenced, dialled() ? 0 : 1);
    check_eq(info.worker_died, 1);
    check_ok(weft_worker_unregister(worker));
    weft_participant_release(participant);
    check_ok(weft_node_close(node, 1000));
}

static void the_node_of_the_process_is_closed_as_such(void **state)
{
    (void)state;
    weft_node *node, *again;
    check_ok(weft_node_default(&node));
    check_err(weft_node_close(node, 0), WEFT_EINVAL);
    check_ok(weft_node_default(&again));
    check_true(node == again);
    check_ok(weft_channel_declare(again, CHANNEL, NULL));
    check_ok(weft_process_fini(1000));
}

static void closing_waits_for_a_handler_that_nobody_waits_for(void **state)
{
    (void)state;
    weft_node *node = open_node();
    weft_dispatch_options options = WEFT_DISPATCH_OPTIONS;
    weft_reply reply;
    entered.count = go_on.count = 0;
    (void)register_worker(node, CHANNEL, answer_when_told, NULL);
    options.start_to_close_ms = 1;
    check_ok(weft_dispatch(node, CHANNEL, WEFT_TEXT("1"), &options, &reply));
    check_eq(reply.outcome, WEFT_TIMED_OUT);
    check_str(reply.code, "start_to_close");
    weft_reply_release(&reply);
    check_err(weft_node_close(node, 0), WEFT_EBUSY);
    pthread_t thread = start(tell, NULL);
    check_ok(weft_node_close(node, 60000));
    pthread_join(thread, NULL);
}

static void what_was_shed_is_counted(void **state)
{
    (void)state;
    weft_node *node;
    weft_channel_options options = WEFT_CHANNEL_OPTIONS;
    weft_dispatch_options urgent = WEFT_DISPATCH_OPTIONS;
    weft_node_stats stats;
    weft_channel_info info;
    options.depth_max = 1;
    options.queue_full = WEFT_SHED_LOWEST;
    urgent.priority = WEFT_PRIORITY_URGENT;
    check_ok(weft_node_open(NULL, &node));
    check_ok(weft_channel_declare(node, CHANNEL, &options));
    check_ok(weft_dispatch_async(node, CHANNEL, WEFT_TEXT("1"), NULL, NULL, NULL, 0, NULL));
    check_ok(weft_dispatch_async(node, CHANNEL, WEFT_TEXT("2"), &urgent, NULL, NULL, 0, NULL));
    struct refusal refusal = refused_async(node, CHANNEL, WEFT_TEXT("3"), NULL);
    check_str(refusal.reason, "queue_full");
    check_ok(weft_node_stats_get(node, &stats));
    check_ok(weft_channel_info_get(node, CHANNEL, &info));
    check_eq(stats.rejected, 2);
    check_eq(stats.shed, 1);
    check_eq(info.shed, 1);
    check_eq(stats.dispatched, stats.dispatches_open + stats.shed);
    check_ok(weft_node_close(node, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sleeping_thread_is_woken_before_a_loop),
        cmocka_unit_test(a_short_fetch_arms_the_eventfd),
        cmocka_unit_test(late_results_of_the_dead_are_the_channels_too),
        cmocka_unit_test(the_node_of_the_process_is_closed_as_such),
        cmocka_unit_test(closing_waits_for_a_handler_that_nobody_waits_for),
        cmocka_unit_test(what_was_shed_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
