/* The public interface of participants, with real deaths. Promises:
 *   - a killed process's workers are chosen no more; its tasks end worker_died, or run elsewhere where the channel says
 *     so
 *   - a thread that ends with a task in hand is a death; so is a declared one
 *   - a dead caller's dispatches are cancelled, detached ones go on
 *   - the cause and the record of a death are told; each error code comes with its reason
 *   - a participant may be released right after registering: its link stays armed */
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "e2e/api_lib.h"

static void kill_and_reap(pid_t pid)
{
    check_eq(kill(pid, SIGKILL), 0);
    check_eq(waitpid(pid, NULL, 0), pid);
}

static weft_worker *register_for(weft_node *node, weft_participant *participant, weft_handler handler, void *context,
                                 uint32_t flags)
{
    weft_worker_options options = WEFT_WORKER_OPTIONS;
    weft_worker *worker;
    options.participant = participant;
    options.max_concurrent = 4;
    options.flags = flags;
    check_ok(weft_worker_register(node, CHANNEL, handler, context, &options, &worker));
    return worker;
}

static void refuses_with_the_reason(void **state)
{
    (void)state;
    weft_node_options node_options = WEFT_NODE_OPTIONS;
    weft_node *node;
    weft_participant *participant, *second;
    uint64_t start_time;
    node_options.participants_max = 2; /* one is the process itself */
    check_ok(weft_node_open(&node_options, &node));
    check_err(weft_participant_process(NULL, "x", getpid(), 0, &participant), WEFT_EINVAL);
    check_err(weft_participant_process(node, "not valid", getpid(), 0, &participant), WEFT_EINVAL);
    check_err(weft_participant_process(node, "x", 0, 0, &participant), WEFT_EINVAL);
    check_err(weft_participant_process(node, "x", getpid(), 0, NULL), WEFT_EINVAL);
    check_err(weft_participant_process(node, "x", getpid(), 1, &participant), WEFT_ENOTFOUND); /* another start */
    check_err(weft_participant_process(node, "x", INT32_MAX, 0, &participant), WEFT_ENOTFOUND);
    check_err(weft_participant_declare(node, NULL, &participant), WEFT_EINVAL);
    check_err(weft_participant_dead(NULL, 0), WEFT_EINVAL);
    check_err(weft_process_start_time(INT32_MAX, &start_time), WEFT_ENOTFOUND);
    check_err(weft_process_start_time(getpid(), NULL), WEFT_EINVAL);
    check_true(!weft_participant_alive(NULL, NULL));
    weft_participant_release(NULL);

    check_ok(weft_process_start_time(getpid(), &start_time));
    check_ok(weft_participant_process(node, "me", getpid(), start_time, &participant));
    check_err(weft_participant_declare(node, "me", &second), WEFT_EEXIST);
    check_err(weft_participant_declare(node, "other", &second), WEFT_ELIMIT);
    check_true(strstr(weft_error_message(), "participants_max") != NULL);
    check_true(weft_participant_alive(participant, NULL));
    weft_participant_release(participant);
    check_ok(weft_participant_declare(node, "me", &participant)); /* the name and the place are free again */
    check_ok(weft_participant_dead(participant, 3));
    check_err(weft_participant_dead(participant, 4), WEFT_EDEAD);
    weft_cause cause;
    check_true(!weft_participant_alive(participant, &cause));
    check_eq(cause.kind, WEFT_CAUSE_DECLARED);
    check_eq(cause.value, 3);
    weft_participant_release(participant);
    close_node(node);
}

static void a_killed_process_is_a_death(void **state)
{
    (void)state;
    weft_node *node = open_node();
    weft_participant *participant;
    weft_completions *completions;
    weft_task *task;
    pid_t pid = spawn_sleeper();
    check_ok(weft_participant_process(node, "helper", pid, 0, &participant));
    weft_worker *worker = register_for(node, participant, NULL, NULL, 0);
    weft_worker_options options = WEFT_WORKER_OPTIONS;
    weft_worker *late;
    check_ok(weft_completions_open(node, 4, &completions));
    submit(completions, CHANNEL, "1", 0);
    check_ok(weft_worker_next(worker, WEFT_FOREVER, &task));
    kill_and_reap(pid);
    weft_reply reply = next_reply(completions);
    check_reply_code(&reply, WEFT_WORKER_DIED, "worker_died");
    check_err(weft_worker_next(worker, WEFT_FOREVER, &(weft_task *){NULL}), WEFT_EDEAD);
    check_err(weft_worker_next(worker, 0, &(weft_task *){NULL}), WEFT_EDEAD);
    check_err(weft_task_complete(task, WEFT_TEXT("late")), WEFT_ESTALE);

    weft_worker_info info;
    weft_death deaths[2];
    size_t count;
    weft_cause cause;
    check_ok(weft_worker_info_get(worker, &info));
    check_eq(info.state, WEFT_WORKER_DEAD);
    check_str(info.participant, "helper");
    check_ok(weft_channel_deaths(node, CHANNEL, deaths, 2, &count));
    check_eq(count, dialled() ? 0 : 1); /* of a client node's own the node knows none */
    for (size_t i = 0; i < count; i++) {
        check_str(deaths[i].participant, "helper");
        check_eq(deaths[i].workers_lost, 1);
        check_eq(deaths[i].attempts_held, 1);
        check_true(deaths[i].seen_ns > 0 && deaths[i].seen_wall_ns > deaths[i].seen_ns);
    }
    check_true(!weft_participant_alive(participant, &cause));
    check_true(cause.kind == WEFT_CAUSE_SIGNALED || cause.kind == WEFT_CAUSE_UNKNOWN); /* we may have reaped it first */
    options.participant = participant;
    check_err(weft_worker_register(node, CHANNEL, echo, NULL, &options, &late), WEFT_EDEAD);
    weft_participant_release(participant);
    check_ok(weft_worker_unregister(worker));
    check_ok(weft_completions_close(completions));
    check_ok(weft_node_close(node, 10000));
}

static void what_it_held_runs_elsewhere_where_the_channel_says_so(void **state)
{
    (void)state;
    weft_node *node;
    weft_channel_options options = WEFT_CHANNEL_OPTIONS;
    weft_participant *participant;
    weft_completions *completions;
    weft_task *task;
    options.on_crash = WEFT_CRASH_REDISPATCH;
    check_ok(weft_node_open(NULL, &node));
    check_ok(weft_channel_declare(node, CHANNEL, &options));
    check_ok(weft_completions_open(node, 4, &completions));
    pid_t pid = spawn_sleeper();
    check_ok(weft_participant_process(node, NULL, pid, 0, &participant));
    weft_worker *worker = register_for(node, participant, NULL, NULL, 0);
    weft_participant_release(participant); /* the link stays armed */
    submit(completions, CHANNEL, "1", 0);
    check_ok(weft_worker_next(worker, WEFT_FOREVER, &task));
    register_worker(node, CHANNEL, echo, NULL);
    kill_and_reap(pid);
    weft_reply reply = next_reply(completions);
    check_eq(reply.attempts, 2);
    check_reply_text(&reply, "1");
    check_err(weft_task_abandon(task), WEFT_ESTALE);
    check_ok(weft_completions_close(completions));
    check_ok(weft_node_close(node, 10000));
}

/* --- threads ---------------------------------------------------------------------------------- */

struct owner {
    weft_node *node;
    weft_worker *worker;
    struct event holds, may_end;
    bool by_exit;
};

static void *own_and_die(void *argument)
{
    struct owner *owner = argument;
    weft_worker_options options = WEFT_WORKER_OPTIONS;
    weft_task *task;
    options.flags = WEFT_OWNER_THREAD;
    thread_check_ok(weft_worker_register(owner->node, CHANNEL, NULL, NULL, &options, &owner->worker));
    thread_check_ok(weft_worker_next(owner->worker, WEFT_FOREVER, &task));
    event_give(&owner->holds);
    event_await(&owner->may_end, 1);
    if (owner->by_exit) pthread_exit(NULL);
    return NULL;
}

static void a_thread_that_ends_with_a_task_is_a_death(void **state)
{
    (void)state;
    weft_node *node = open_node();
    weft_completions *completions;
    check_ok(weft_completions_open(node, 4, &completions));
    for (int by_exit = 0; by_exit < 2; by_exit++) {
        struct owner owner = {.node = node, .by_exit = by_exit};
        pthread_t thread = start(own_and_die, &owner);
        submit(completions, CHANNEL, "1", 0);
        event_await(&owner.holds, 1);
        event_give(&owner.may_end);
        weft_reply reply = next_reply(completions);
        check_reply_code(&reply, WEFT_WORKER_DIED, "worker_died");
        join(thread);
        weft_death death;
        size_t count;
        check_ok(weft_channel_deaths(node, CHANNEL, &death, 1, &count));
        check_eq(count, dialled() ? 0 : 1);
        if (count > 0) check_eq(death.cause.kind, WEFT_CAUSE_THREAD_EXITED);
        if (count > 0) check_true(strncmp(death.participant, "thread-", 7) == 0);
        check_ok(weft_worker_unregister(owner.worker));
    }
    check_ok(weft_completions_close(completions));
    check_ok(weft_node_close(node, 10000));
}

struct named {
    weft_node *node;
    weft_participant *participant;
    weft_dispatch_id plain, detached;
    weft_completions *completions;
};

static void *name_and_dispatch(void *argument)
{
    struct named *named = argument;
    weft_participant *again, *other;
    weft_dispatch_options options = WEFT_DISPATCH_OPTIONS;
    weft_ticket ticket;
    thread_check_ok(weft_participant_thread(named->node, "caller", &named->participant));
    thread_check_ok(weft_participant_thread(named->node, NULL, &again)); /* once for each thread and node */
    thread_check_true(again == named->participant);
    thread_check_err(weft_participant_thread(named->node, "renamed", &other), WEFT_EEXIST);
    weft_participant_release(again);
    options.flags = WEFT_OWNER_THREAD;
    thread_check_ok(weft_dispatch_submit(named->completions, CHANNEL, WEFT_TEXT("1"), &options, 1, &ticket));
    named->plain = ticket.id;
    options.detached = true;
    thread_check_ok(weft_dispatch_async(named->node, CHANNEL, WEFT_TEXT("2"), &options, NULL, NULL, 2, &ticket));
    named->detached = ticket.id;
    return NULL;
}

static void a_dead_callers_dispatches_are_cancelled(void **state)
{
    (void)state;
    weft_node *node = open_node();
    struct named named = {.node = node};
    weft_reply reply;
    weft_cause cause;
    char text[64];
    check_ok(weft_completions_open(node, 4, &named.completions));
    join(start(name_and_dispatch, &named));
    reply = next_reply(named.completions);
    check_reply_code(&reply, WEFT_CANCELLED, "caller_died");
    check_true(!weft_participant_alive(named.participant, &cause));
    check_str(weft_cause_text(cause, text, sizeof text), "thread exited");
    weft_participant_release(named.participant);
    register_worker(node, CHANNEL, echo, NULL);
    check_ok(weft_dispatch_fetch(node, named.detached, WEFT_FOREVER, &reply));
    check_reply_text(&reply, "2");
    check_ok(weft_completions_close(named.completions));
    check_ok(weft_node_close(node, 10000));
}

/* What hangs on one may be worked off by the thread of another. */
static void *dispatch_and_die(void *argument)
{
    struct named *named = argument;
    weft_dispatch_options options = WEFT_DISPATCH_OPTIONS;
    options.flags = WEFT_OWNER_THREAD;
    thread_check_ok(weft_dispatch_submit(named->completions, CHANNEL, WEFT_TEXT("1"), &options, 0, NULL));
    return NULL;
}

static void threads_may_die_together(void **state)
{
    (void)state;
    enum { THREADS = 16 };
    struct named named = {.node = open_node()};
    pthread_t threads[THREADS];
    check_ok(weft_completions_open(named.node, THREADS, &named.completions));
    for (int round = 0; round < 100; round++) {
        for (int i = 0; i < THREADS; i++)
            threads[i] = start(dispatch_and_die, &named);
        for (int i = 0; i < THREADS; i++) {
            weft_reply reply = next_reply(named.completions);
            check_reply_code(&reply, WEFT_CANCELLED, "caller_died");
        }
        for (int i = 0; i < THREADS; i++)
            join(threads[i]);
    }
    check_ok(weft_completions_close(named.completions));
    check_ok(weft_node_close(named.node, 10000));
}

/* A thread may be a participant of many nodes, and end while they close. */
struct everywhere {
    weft_node *nodes[8];
    struct event ready;
};

static void *own_everywhere(void *argument)
{
    struct everywhere *everywhere = argument;
    weft_participant *participant;
    for (int i = 0; i < 8; i++)
        thread_check_ok(weft_participant_thread(everywhere->nodes[i], NULL, &participant));
    event_give(&everywhere->ready);
    return NULL;
}

static void threads_may_end_while_their_nodes_close(void **state)
{
    (void)state;
    for (int round = 0; round < 30; round++) {
        struct everywhere everywhere = {.ready.count = 0};
        pthread_t threads[4];
        for (int i = 0; i < 8; i++)
            everywhere.nodes[i] = open_node();
        for (int i = 0; i < 4; i++)
            threads[i] = start(own_everywhere, &everywhere);
        event_await(&everywhere.ready, 4);
        for (int i = 0; i < 8; i++)
            check_ok(weft_node_close(everywhere.nodes[i], 10000));
        for (int i = 0; i < 4; i++)
            join(threads[i]);
    }
}

/* --- declared --------------------------------------------------------------------------------- */

static void who_nobody_can_declare_dead_any_more_is_dead(void **state)
{
    (void)state;
    weft_node *node = open_node();
    weft_participant *participant;
    check_ok(weft_participant_declare(node, "robot.7", &participant));
    weft_worker *worker = register_for(node, participant, NULL, NULL, 0);
    check_err(weft_worker_next(worker, 0, &(weft_task *){NULL}), WEFT_EAGAIN);
    weft_participant_release(participant);
    check_err(weft_worker_next(worker, WEFT_FOREVER, &(weft_task *){NULL}), WEFT_EDEAD);
    weft_death death;
    size_t count;
    check_ok(weft_channel_deaths(node, CHANNEL, &death, 1, &count));
    check_eq(count, dialled() ? 0 : 1);
    if (count > 0) check_eq(death.cause.kind, WEFT_CAUSE_RELEASED);
    check_ok(weft_worker_unregister(worker));
    check_ok(weft_node_close(node, 10000));
}

static void a_handler_of_a_dead_participant_keeps_its_thread_and_is_refused(void **state)
{
    (void)state;
    weft_node *node = open_node();
    weft_participant *participant;
    weft_completions *completions;
    struct stop stop = {.began.count = 0};
    check_ok(weft_completions_open(node, 4, &completions));
    check_ok(weft_participant_declare(node, "robot", &participant));
    weft_worker *worker = register_for(node, participant, halt, &stop, 0);
    submit(completions, CHANNEL, "1", 0);
    event_await(&stop.began, 1);
    check_ok(weft_participant_dead(participant, 0));
    weft_reply reply = next_reply(completions);
    check_reply_code(&reply, WEFT_WORKER_DIED, "worker_died");
    weft_node_stats stats;
    check_ok(weft_node_stats_get(node, &stats));
    if (!dialled()) check_eq(stats.attempts_running, 1);
    event_give(&stop.go_on);
    check_ok(weft_worker_unregister(worker)); /* waits for it */
    check_ok(weft_node_stats_get(node, &stats));
    check_eq(stats.attempts_running, 0);
    check_eq(stats.worker_died, 1);
    check_eq(stats.deaths, dialled() ? 0 : 1);
    check_eq(stats.fenced, dialled() ? 0 : 1);
    weft_participant_release(participant);
    check_ok(weft_completions_close(completions));
    check_ok(weft_node_close(node, 10000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_with_the_reason),
        cmocka_unit_test(a_killed_process_is_a_death),
        cmocka_unit_test(what_it_held_runs_elsewhere_where_the_channel_says_so),
        cmocka_unit_test(a_thread_that_ends_with_a_task_is_a_death),
        cmocka_unit_test(a_dead_callers_dispatches_are_cancelled),
        cmocka_unit_test(threads_may_die_together),
        cmocka_unit_test(threads_may_end_while_their_nodes_close),
        cmocka_unit_test(who_nobody_can_declare_dead_any_more_is_dead),
        cmocka_unit_test(a_handler_of_a_dead_participant_keeps_its_thread_and_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
