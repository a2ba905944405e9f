/* The life of a node. Promises:
 *   - the program of the README does what it says
 *   - closing returns in every state: what can end within the time ends, the rest is settled `cancelled`; blocked calls
 *     return WEFT_ECLOSED; a handler still running is WEFT_EBUSY with its name, and close may be called again
 *   - after it nothing is left: no thread, descriptor or byte
 *   - memory that cannot be had is WEFT_ENOMEM at whichever allocation, and nothing leaks
 *   - the node of the process is opened once and ends with weft_process_fini */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "e2e/api_lib.h"
#include "lib/failmem.h"

static void the_readme_program_works(void **state)
{
    (void)state;
    weft_node *node;
    weft_worker *worker;
    weft_reply reply;
    check_ok(weft_node_open(NULL, &node));
    check_ok(weft_channel_declare(node, "dispatch.demo.greet", NULL));
    check_ok(weft_worker_register(node, "dispatch.demo.greet", echo, NULL, NULL, &worker));
    check_ok(weft_dispatch(node, "dispatch.demo.greet", WEFT_TEXT("\"hello\""), NULL, &reply));
    check_eq(reply.attempts, 1);
    check_reply_text(&reply, "\"hello\"");
    check_ok(weft_node_close(node, 10000));
}

static void options_are_checked(void **state)
{
    (void)state;
    weft_node_options o = WEFT_NODE_OPTIONS;
    weft_node *node;
    check_err(weft_node_open(NULL, NULL), WEFT_EINVAL);
#define REFUSED(field, value)                                                                                          \
    o = (weft_node_options)WEFT_NODE_OPTIONS;                                                                          \
    o.field = value;                                                                                                   \
    check_err(weft_node_open(&o, &node), WEFT_EINVAL);                                                                 \
    check_true(strstr(weft_error_message(), #field) != NULL)
    REFUSED(version, 0);
    REFUSED(channels_max, 0);
    REFUSED(workers_max, 0);
    REFUSED(participants_max, 0);
    REFUSED(dispatches_max, 0);
    REFUSED(dispatches_max, UINT32_MAX);
    REFUSED(allocator, &(weft_allocator){.context = NULL});
    REFUSED(threads, 1000000);
    o = (weft_node_options)WEFT_NODE_OPTIONS;
    o.threads = 4;
    o.threads_max = 3;
    check_err(weft_node_open(&o, &node), WEFT_EINVAL);
    check_ok(weft_node_close(NULL, 0));
}

/* --- closing in every state ------------------------------------------------------------------- */

static void what_is_open_may_end_within_the_time(void **state)
{
    (void)state;
    weft_node *node = open_node();
    weft_completions *completions;
    check_ok(weft_completions_open(node, 64, &completions));
    register_worker(node, CHANNEL, echo, NULL);
    for (uint64_t i = 0; i < 64; i++)
        submit(completions, CHANNEL, "1", i);
    check_ok(weft_node_close(node, WEFT_FOREVER)); /* nobody fetches them: they end all the same */
}

struct late {
    weft_node *node;
    weft_completions *completions;
    weft_worker *worker, *holder;
    struct event ready;
    weft_error errors[5];
    unsigned completed, cancelled;
};

static void *fetch_until_closed(void *argument)
{
    struct late *late = argument;
    weft_reply reply;
    size_t count;
    event_give(&late->ready);
    while (!(late->errors[0] = weft_completions_next(late->completions, WEFT_FOREVER, &reply, 1, &count))) {
        if (reply.outcome == WEFT_COMPLETED) late->completed++;
        if (reply.outcome == WEFT_CANCELLED) late->cancelled++;
        weft_reply_release(&reply);
    }
    return NULL;
}

static void *pull_until_closed(void *argument)
{
    struct late *late = argument;
    weft_task *task;
    event_give(&late->ready);
    while (!(late->errors[1] = weft_worker_next(late->worker, WEFT_FOREVER, &task)))
        (void)weft_task_complete(task, (weft_bytes){0});
    return NULL;
}

static void *run_until_closed(void *argument)
{
    struct late *late = argument;
    weft_group_options options = WEFT_GROUP_OPTIONS;
    weft_group *group;
    options.threads = 0;
    thread_check_ok(weft_group_open(late->node, &options, &group));
    event_give(&late->ready);
    late->errors[2] = weft_group_run(group, WEFT_FOREVER);
    return NULL;
}

static void *dispatch_until_closed(void *argument)
{
    struct late *late = argument;
    weft_reply reply;
    event_give(&late->ready);
    while (!(late->errors[3] = weft_dispatch(late->node, CHANNEL, WEFT_TEXT("1"), NULL, &reply)))
        weft_reply_release(&reply);
    return NULL;
}

static void *drain_until_closed(void *argument)
{
    struct late *late = argument;
    event_give(&late->ready);
    late->errors[4] = weft_worker_drain(late->holder, WEFT_FOREVER);
    return NULL;
}

static void blocked_calls_return_and_outcomes_are_not_lost(void **state)
{
    (void)state;
    for (int round = 0; round < 40; round++) {
        weft_node *node = open_node();
        struct late late = {.node = node};
        weft_task *held; /* while it is, the node is not freed under the feet of who is between two calls */
        pthread_t threads[5];
        unsigned sent = 0;
        check_ok(weft_channel_declare(node, OTHER, NULL));
        check_ok(weft_channel_declare(node, "dispatch.test.held", NULL));
        check_ok(weft_worker_register(node, "dispatch.test.held", NULL, NULL, NULL, &late.holder));
        check_ok(weft_dispatch_async(node, "dispatch.test.held", WEFT_TEXT("1"), NULL, NULL, NULL, 0, NULL));
        check_ok(weft_worker_next(late.holder, WEFT_FOREVER, &held));
        check_ok(weft_completions_open(node, 64, &late.completions));
        check_ok(weft_worker_register(node, CHANNEL, NULL, NULL, NULL, &late.worker));
        for (; sent < 20; sent++)
            submit(late.completions, sent % 2 ? CHANNEL : OTHER, "1", sent); /* nobody works on the other */
        threads[0] = start(fetch_until_closed, &late);
        threads[1] = start(pull_until_closed, &late);
        threads[2] = start(run_until_closed, &late);
        threads[3] = start(dispatch_until_closed, &late);
        threads[4] = start(drain_until_closed, &late);
        event_await(&late.ready, 5);
        check_err(weft_node_close(node, round % 2 ? 0 : 5), WEFT_EBUSY);
        for (int i = 0; i < 5; i++)
            join(threads[i]);
        check_err(weft_task_abandon(held), WEFT_ESTALE);
        check_ok(weft_node_close(node, 0));
        for (int i = 0; i < 5; i++)
            check_eq(late.errors[i], WEFT_ECLOSED);
        check_eq(late.completed + late.cancelled, sent);
        check_true(late.cancelled >= 10);
    }
}

static void a_running_handler_is_named(void **state)
{
    (void)state;
    weft_node *node = open_node();
    struct stop stop = {.began.count = 0};
    weft_worker_options options = WEFT_WORKER_OPTIONS;
    weft_worker *worker;
    weft_completions *completions;
    weft_reply reply;
    options.name = "sluggard";
    check_ok(weft_worker_register(node, CHANNEL, halt, &stop, &options, &worker));
    check_ok(weft_completions_open(node, 1, &completions));
    submit(completions, CHANNEL, "1", 0);
    event_await(&stop.began, 1);
    check_err(weft_node_close(node, 0), WEFT_EBUSY);
    check_true(strstr(weft_error_message(), "sluggard") && strstr(weft_error_message(), CHANNEL));
    reply = next_reply(completions); /* it was settled nevertheless */
    check_reply_code(&reply, WEFT_CANCELLED, "node_closed");
    check_err(weft_dispatch(node, CHANNEL, WEFT_TEXT("1"), NULL, &reply), WEFT_ECLOSED);
    check_err(weft_dispatch_async(node, CHANNEL, WEFT_TEXT("1"), NULL, NULL, NULL, 0, NULL), WEFT_ECLOSED);
    check_err(weft_worker_register(node, CHANNEL, echo, NULL, NULL, &worker), WEFT_ECLOSED);
    check_err(weft_channel_declare(node, OTHER, NULL), WEFT_ECLOSED);
    check_err(weft_channel_template(node, "dispatch.x.*", NULL), WEFT_ECLOSED);
    check_err(weft_channel_pause(node, CHANNEL), WEFT_ECLOSED);
    check_err(weft_channel_find(node, "*.*.*", (bool (*)(const weft_channel_info *, void *))NULL, NULL), WEFT_EINVAL);
    check_err(weft_completions_open(node, 1, &completions), WEFT_ECLOSED);
    weft_participant *participant;
    weft_group *group;
    check_err(weft_participant_declare(node, "x", &participant), WEFT_ECLOSED);
    check_err(weft_participant_thread(node, "x", &participant), WEFT_ECLOSED);
    check_err(weft_group_open(node, NULL, &group), WEFT_ECLOSED);
    check_err(weft_node_close(node, 1), WEFT_EBUSY);
    event_give(&stop.go_on);
    weft_error error;
    while ((error = weft_node_close(node, 10000)) == WEFT_EBUSY) {
    }
    check_ok(error);
}

static void wait_in_callback(const weft_reply *reply, void *context)
{
    struct stop *stop = context;
    (void)reply;
    event_give(&stop->began);
    event_await(&stop->go_on, 1);
}

static void the_last_callbacks_are_delivered(void **state)
{
    (void)state;
    weft_node *node = open_node();
    struct stop stop = {.began.count = 0};
    for (int i = 0; i < 100; i++)
        check_ok(weft_dispatch_async(node, CHANNEL, WEFT_TEXT("1"), NULL, wait_in_callback, &stop, 0, NULL));
    check_err(weft_node_close(node, 0), WEFT_EBUSY); /* the first of them hangs */
    check_true(strstr(weft_error_message(), "callback") != NULL);
    event_await(&stop.began, 1);
    event_give(&stop.go_on);
    weft_error error;
    while ((error = weft_node_close(node, 10000)) == WEFT_EBUSY) {
    }
    check_ok(error);
    check_eq(stop.began.count, 100);
}

static void kept_and_pulled_tasks_hold_it_up(void **state)
{
    (void)state;
    weft_node *node = open_node();
    weft_worker_options options = WEFT_WORKER_OPTIONS;
    weft_worker *worker;
    weft_task *task;
    options.name = "puller";
    check_ok(weft_worker_register(node, CHANNEL, NULL, NULL, &options, &worker));
    check_ok(weft_dispatch_async(node, CHANNEL, WEFT_TEXT("1"), NULL, NULL, NULL, 0, NULL));
    check_ok(weft_worker_next(worker, WEFT_FOREVER, &task));
    check_err(weft_node_close(node, 0), WEFT_EBUSY);
    check_true(strstr(weft_error_message(), "puller") != NULL);
    check_true(weft_task_cancelled(task));
    check_err(weft_task_complete(task, WEFT_TEXT("late")), WEFT_ESTALE);
    check_ok(weft_node_close(node, 0));
}

/* --- nothing is left -------------------------------------------------------------------------- */

static void *own_a_little(void *node)
{
    weft_participant *participant;
    thread_check_ok(weft_participant_thread(node, NULL, &participant));
    return NULL;
}

static void count_callback(const weft_reply *reply, void *context)
{
    (void)reply;
    event_give(context);
}

static void use_everything(weft_node *node)
{
    weft_completions *completions;
    weft_worker_options options = WEFT_WORKER_OPTIONS;
    weft_worker *worker;
    weft_group *group;
    weft_participant *participant;
    int fd;
    check_ok(weft_channel_declare(node, CHANNEL, NULL));
    check_ok(weft_channel_declare(node, OTHER, NULL));
    check_ok(weft_group_open(node, NULL, &group));
    options.group = group;
    check_ok(weft_worker_register(node, CHANNEL, echo, NULL, &options, &worker));
    check_ok(weft_worker_register(node, OTHER, NULL, NULL, NULL, &worker));
    check_ok(weft_worker_fd(worker, &fd));
    check_ok(weft_participant_process(node, "itself", getpid(), 0, &participant));
    check_ok(weft_completions_open(node, 8, &completions));
    check_ok(weft_completions_fd(completions, &fd));
    for (uint64_t i = 0; i < 8; i++)
        submit(completions, i % 2 ? CHANNEL : OTHER, "1", i);
    join(start(own_a_little, node));
    struct event event = {.count = 0};
    check_ok(weft_dispatch_async(node, CHANNEL, WEFT_TEXT("1"), NULL, count_callback, &event, 0, NULL));
    event_await(&event, 1);
    check_ok(weft_channel_drain(node, CHANNEL, WEFT_FOREVER)); /* its handlers have returned; the other's tasks wait */
}

static void a_thousand_nodes_leave_nothing(void **state)
{
    (void)state;
    struct failmem failmem;
    failmem_init(&failmem);
    weft_allocator allocator = {failmem.mem.alloc, failmem.mem.free, failmem.mem.context};
    weft_node_options options = WEFT_NODE_OPTIONS;
    options.allocator = &allocator;
    unsigned threads = own_count("task"), descriptors = own_count("fd");
    for (int i = 0; i < 1000; i++) {
        weft_node *node;
        check_ok(weft_node_open(&options, &node));
        if (i % 10 == 0) use_everything(node);
        weft_error error;
        while ((error = weft_node_close(node, i % 2 ? 0 : 1)) == WEFT_EBUSY) { /* the callback is about to return */
        }
        check_ok(error);
        check_eq(failmem.live_blocks, 0);
    }
    await_descriptors(descriptors);
    while (own_count("task") != threads) { /* a joined thread may be on its way out of the kernel */
    }
}

static void many_nodes_at_a_time(void **state)
{
    (void)state;
    enum { NODES = 100 };
    weft_node *nodes[NODES];
    unsigned threads = own_count("task");
    for (int i = 0; i < NODES; i++)
        nodes[i] = open_node();
    if (!dialled()) check_eq(own_count("task"), threads + NODES); /* one thread a node */
    for (int i = 0; i < NODES; i++) {
        register_worker(nodes[i], CHANNEL, echo, NULL);
        weft_reply reply = dispatch(nodes[i], CHANNEL, "1");
        check_reply_text(&reply, "1");
    }
    for (int i = 0; i < NODES; i++)
        check_ok(weft_node_close(nodes[i], 10000));
}

/* --- out of memory ---------------------------------------------------------------------------- */

static unsigned refusals;

/* ENOMEM is an answer of every call; nothing else but success is. */
static bool fine(weft_error error)
{
    if (error == WEFT_ENOMEM) refusals++;
    check_true(error == WEFT_OK || error == WEFT_ENOMEM);
    return error == WEFT_OK;
}

/* Without memory for the result it gives the task up, which needs none. */
static void try_echo(weft_task *task, void *context)
{
    (void)context;
    weft_error error = weft_task_complete(task, weft_task_payload(task));
    thread_check_true(error == WEFT_OK || error == WEFT_ENOMEM);
    if (error) thread_check_ok(weft_task_abandon(task));
    if (error) refusals++;
}

static void try_all(const weft_node_options *options)
{
    weft_node *node;
    weft_worker *worker, *puller;
    weft_completions *completions;
    weft_group *group;
    weft_participant *participant;
    weft_reply reply = {.outcome = WEFT_OUTCOME_NONE};
    weft_task *task;
    weft_worker_options worker_options = WEFT_WORKER_OPTIONS;
    if (!fine(weft_node_open(options, &node))) return;
    bool declared = fine(weft_channel_declare(node, CHANNEL, NULL));
    bool other = fine(weft_channel_declare(node, OTHER, NULL));
    if (fine(weft_group_open(node, NULL, &group))) worker_options.group = group;
    if (fine(weft_participant_declare(node, "host", &participant))) worker_options.participant = participant;
    worker_options.max_concurrent = 40;
    bool serves = declared && fine(weft_worker_register(node, CHANNEL, try_echo, NULL, &worker_options, &worker));
    if (serves && fine(weft_dispatch(node, CHANNEL, WEFT_TEXT("1"), NULL, &reply)))
        check_true(reply.outcome == WEFT_COMPLETED || reply.outcome == WEFT_WORKER_DIED);
    weft_reply_release(&reply);
    bool pulls = other && fine(weft_worker_register(node, OTHER, NULL, NULL, NULL, &puller));
    if (pulls && fine(weft_dispatch_async(node, OTHER, WEFT_TEXT("1"), NULL, NULL, NULL, 0, NULL))) {
        check_ok(weft_worker_next(puller, WEFT_FOREVER, &task));
        if (!fine(weft_task_complete(task, WEFT_TEXT("1")))) check_ok(weft_task_abandon(task));
    }
    if (fine(weft_completions_open(node, 8, &completions))) {
        if (other) (void)fine(weft_dispatch_submit(completions, OTHER, WEFT_TEXT("1"), NULL, 0, NULL));
        check_ok(weft_completions_close(completions));
    }
    check_ok(weft_node_close(node, 10000));
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    not_dialled("what fails between two calls ends the connection, which is made anew: tests/fault/wire_sweep.c");
    struct failmem failmem;
    failmem_init(&failmem);
    weft_allocator allocator = {failmem.mem.alloc, failmem.mem.free, failmem.mem.context};
    weft_node_options options = WEFT_NODE_OPTIONS;
    options.allocator = &allocator;
    uint64_t nth = 0;
    do {
        refusals = 0;
        failmem_fail_once(&failmem, ++nth);
        try_all(&options);
        check_eq(failmem.live_blocks, 0);
        check_true(refusals > 0 || failmem.refused == 0);
    } while (failmem.refused > 0);
    check_true(nth > 20);
}

/* --- the node of the process ------------------------------------------------------------------ */

static void the_process_has_one_node(void **state)
{
    (void)state;
    weft_node *node, *again;
    check_err(weft_node_default(NULL), WEFT_EINVAL);
    check_ok(weft_process_fini(0)); /* none was opened */
    check_ok(weft_node_default(&node));
    check_ok(weft_node_default(&again));
    check_true(node == again);
    check_ok(weft_channel_declare(node, CHANNEL, NULL));
    struct stop stop = {.began.count = 0};
    register_worker(node, CHANNEL, halt, &stop);
    check_ok(weft_dispatch_async(node, CHANNEL, WEFT_TEXT("1"), NULL, NULL, NULL, 0, NULL));
    event_await(&stop.began, 1);
    check_err(weft_process_fini(0), WEFT_EBUSY);
    check_err(weft_node_default(&node), WEFT_ECLOSED);
    event_give(&stop.go_on);
    weft_error error;
    while ((error = weft_process_fini(1000)) == WEFT_EBUSY) {
    }
    check_ok(error);
    check_ok(weft_node_default(&node)); /* and may have another one */
    check_ok(weft_process_fini(0));
}

static void words_and_sentences(void **state)
{
    (void)state;
    char text[40];
    check_str(weft_version(), WEFT_VERSION);
    check_str(weft_error_name(WEFT_OK), "WEFT_OK");
    check_str(weft_error_name(WEFT_ESYSTEM), "WEFT_ESYSTEM");
    check_str(weft_error_name((weft_error)99), "WEFT_E?");
    check_str(weft_error_text(WEFT_EDEAD), "the participant is dead");
    check_true(strlen(weft_error_text((weft_error)99)) > 0);
    check_str(weft_outcome_name(WEFT_WORKER_DIED), "worker_died");
    check_str(weft_outcome_name(WEFT_OUTCOME_NONE), "none");
    check_str(weft_outcome_name((weft_outcome)99), "none");
    check_eq(weft_text("four").size, 4);
    check_eq(weft_text(NULL).size, 0);
    check_str(weft_cause_text((weft_cause){WEFT_CAUSE_EXITED, 3, false}, text, sizeof text), "exit code 3");
    check_str(weft_cause_text((weft_cause){WEFT_CAUSE_SIGNALED, SIGKILL, false}, text, sizeof text),
              "signal 9 (Killed)");
    check_str(weft_cause_text((weft_cause){WEFT_CAUSE_SIGNALED, SIGSEGV, true}, text, sizeof text),
              "signal 11 (Segmentation fault), core du"); /* cut */
    check_str(weft_cause_text((weft_cause){WEFT_CAUSE_THREAD_EXITED, 0, false}, text, sizeof text), "thread exited");
    check_str(weft_cause_text((weft_cause){WEFT_CAUSE_UNKNOWN, 0, false}, text, sizeof text), "unknown");
    check_err(weft_node_open(NULL, NULL), WEFT_EINVAL);
    check_str(weft_error_message(), "weft_node_open: node is NULL");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_readme_program_works),
        cmocka_unit_test(options_are_checked),
        cmocka_unit_test(what_is_open_may_end_within_the_time),
        cmocka_unit_test(blocked_calls_return_and_outcomes_are_not_lost),
        cmocka_unit_test(a_running_handler_is_named),
        cmocka_unit_test(the_last_callbacks_are_delivered),
        cmocka_unit_test(kept_and_pulled_tasks_hold_it_up),
        cmocka_unit_test(a_thousand_nodes_leave_nothing),
        cmocka_unit_test(many_nodes_at_a_time),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(the_process_has_one_node),
        cmocka_unit_test(words_and_sentences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
