/* The public interface of idempotency keys, with real threads and deaths. Promises:
 *   - many threads that ask for the same keys at once: one execution a key, one outcome each
 *   - the first caller's process is killed while another has joined: the work goes on
 *   - another payload, type or content type is a conflict; the same in another buffer is not
 *   - a repeat after the end gets the same result, to the byte; with dedup_ms 0 it runs again
 *   - every way to dispatch joins; every way to leave leaves alone
 *   - closing the node ends it for all who wait */
#include <signal.h>
#include <sys/wait.h>

#include "e2e/api_lib.h"

static weft_reply ask(weft_node *node, const char *key, const char *text)
{
    weft_dispatch_options options = WEFT_DISPATCH_OPTIONS;
    weft_reply reply;
    options.key = key;
    check_ok(weft_dispatch(node, CHANNEL, weft_text(text), &options, &reply));
    return reply;
}

static weft_channel_info info_now(weft_node *node)
{
    weft_channel_info info;
    check_ok(weft_channel_info_get(node, CHANNEL, &info));
    return info;
}

static void updated(const weft_update *update, void *context)
{
    (void)update;
    (void)context;
}

static void refuses_with_the_reason(void **state)
{
    (void)state;
    char key[WEFT_KEY_MAX + 2];
    weft_node *node = open_node();
    weft_dispatch_options options = WEFT_DISPATCH_OPTIONS;
    weft_reply reply;
    memset(key, 'k', sizeof key);
    key[WEFT_KEY_MAX + 1] = '\0';
    options.key = key;
    check_err(weft_dispatch(node, CHANNEL, WEFT_TEXT("a"), &options, &reply), WEFT_EINVAL);
    check_true(strstr(weft_error_message(), "key") != NULL);
    options.key = "";
    check_err(weft_dispatch(node, CHANNEL, WEFT_TEXT("a"), &options, &reply), WEFT_EINVAL);
    key[WEFT_KEY_MAX] = '\0';
    options.key = key;
    options.updated = updated;
    check_err(weft_dispatch(node, CHANNEL, WEFT_TEXT("a"), &options, &reply), WEFT_EINVAL);
    check_true(strstr(weft_error_message(), "updated") != NULL);
    options.updated = NULL;
    weft_worker *worker = register_worker(node, CHANNEL, echo, NULL);
    check_ok(weft_dispatch(node, CHANNEL, WEFT_TEXT("a"), &options, &reply));
    check_reply_text(&reply, "a");
    check_ok(weft_worker_unregister(worker));
    close_node(node);
}

static void another_request_under_the_same_key_is_a_conflict(void **state)
{
    (void)state;
    weft_node *node = open_node();
    weft_dispatch_options options = WEFT_DISPATCH_OPTIONS;
    weft_reply reply;
    weft_worker *worker = register_worker(node, CHANNEL, echo, NULL);
    char same[] = "pay 5";
    reply = ask(node, "k", "pay 5");
    check_reply_text(&reply, "pay 5");
    reply = ask(node, "k", same);
    check_eq(reply.attempts, 1);
    check_reply_text(&reply, "pay 5");
    reply = ask(node, "k", "pay 6");
    check_reply_code(&reply, WEFT_REJECTED, "conflict");
    reply = ask(node, "k", "pay 55");
    check_reply_code(&reply, WEFT_REJECTED, "conflict");
    options.key = "k";
    options.content_type = "text/plain";
    check_ok(weft_dispatch(node, CHANNEL, WEFT_TEXT("pay 5"), &options, &reply));
    check_reply_code(&reply, WEFT_REJECTED, "conflict");
    options.content_type = NULL;
    options.activity_type = "text/plain";
    check_ok(weft_dispatch(node, CHANNEL, WEFT_TEXT("pay 5"), &options, &reply));
    check_reply_code(&reply, WEFT_REJECTED, "conflict");
    check_eq(info_now(node).rejected_by[WEFT_REJECTED_CONFLICT], 4);
    check_eq(info_now(node).completed, 1);
    check_eq(info_now(node).joined, 1);
    check_ok(weft_worker_unregister(worker));
    close_node(node);
}

static void without_dedup_ms_a_key_lives_as_long_as_its_dispatch(void **state)
{
    (void)state;
    weft_channel_options options = WEFT_CHANNEL_OPTIONS;
    weft_node *node;
    check_ok(weft_node_open(NULL, &node));
    options.dedup_ms = 0;
    check_ok(weft_channel_declare(node, CHANNEL, &options));
    weft_worker *worker = register_worker(node, CHANNEL, echo, NULL);
    weft_reply reply = ask(node, "k", "a");
    check_reply_text(&reply, "a");
    reply = ask(node, "k", "b");
    check_reply_text(&reply, "b");
    check_eq(info_now(node).keys, 0);
    check_ok(weft_worker_unregister(worker));
    close_node(node);
}

/* The service thread forgets it: waited for by looking, not by sleeping so long. */
static void key_is_forgotten_when_its_time_is_over(void **state)
{
    (void)state;
    weft_channel_options options = WEFT_CHANNEL_OPTIONS;
    weft_node *node;
    check_ok(weft_node_open(NULL, &node));
    options.dedup_ms = 5;
    check_ok(weft_channel_declare(node, CHANNEL, &options));
    weft_worker *worker = register_worker(node, CHANNEL, echo, NULL);
    weft_reply reply = ask(node, "k", "a");
    check_reply_text(&reply, "a");
    while (info_now(node).keys > 0)
        sched_yield();
    reply = ask(node, "k", "b");
    check_reply_text(&reply, "b");
    check_ok(weft_worker_unregister(worker));
    close_node(node);
}

/* --- who leaves ------------------------------------------------------------------------------- */

static void first_caller_is_killed_and_the_work_goes_on_for_the_other(void **state)
{
    (void)state;
    weft_node *node = open_node();
    char *argv[] = {"sleep", "1000", NULL};
    struct stop stop = {.began = {.count = 0}};
    weft_dispatch_options options = WEFT_DISPATCH_OPTIONS;
    weft_completions *first, *second;
    weft_participant *caller;
    weft_ticket ticket;
    pid_t pid;
    pthread_mutex_init(&stop.began.mutex, NULL);
    check_eq(posix_spawnp(&pid, "sleep", NULL, NULL, argv, environ), 0);
    check_ok(weft_participant_process(node, "caller", pid, 0, &caller));
    check_ok(weft_completions_open(node, 4, &first));
    check_ok(weft_completions_open(node, 4, &second));
    weft_worker *worker = register_worker(node, CHANNEL, halt, &stop);
    options.key = "k";
    options.participant = caller;
    check_ok(weft_dispatch_submit(first, CHANNEL, WEFT_TEXT("a"), &options, 1, &ticket));
    check_admission(&ticket, WEFT_ADMISSION_ACCEPTED);
    event_await(&stop.began, 1);
    options.participant = NULL;
    check_ok(weft_dispatch_submit(second, CHANNEL, WEFT_TEXT("a"), &options, 2, &ticket));
    check_admission(&ticket, WEFT_ADMISSION_ACCEPTED);
    check_eq(kill(pid, SIGKILL), 0);
    check_eq(waitpid(pid, NULL, 0), pid);
    weft_reply reply = next_reply(first);
    check_eq(reply.token, 1);
    check_reply_code(&reply, WEFT_CANCELLED, "caller_died");
    event_give(&stop.go_on);
    reply = next_reply(second);
    check_eq(reply.token, 2);
    check_eq(reply.id.number, ticket.id.number);
    check_reply_text(&reply, "a");
    check_eq(stop.began.count, 1);
    weft_participant_release(caller);
    check_ok(weft_worker_unregister(worker));
    check_ok(weft_completions_close(first));
    check_ok(weft_completions_close(second));
    close_node(node);
}

struct called {
    struct event event;
    weft_outcome outcome;
};

static void ended(const weft_reply *reply, void *context)
{
    struct called *called = context;
    called->outcome = reply->outcome;
    event_give(&called->event);
}

static void *ask_and_wait(void *argument)
{
    weft_reply reply = ask(argument, "k", "a");
    check_reply_text(&reply, "a");
    return NULL;
}

static void every_way_to_ask_joins(void **state)
{
    (void)state;
    weft_node *node = open_node();
    struct stop stop = {.began = {.count = 0}};
    struct called called = {.outcome = WEFT_OUTCOME_NONE};
    weft_dispatch_options options = WEFT_DISPATCH_OPTIONS;
    weft_completions *completions;
    weft_ticket detached, leaves;
    weft_reply reply;
    check_ok(weft_completions_open(node, 4, &completions));
    weft_worker *worker = register_worker(node, CHANNEL, halt, &stop);
    options.key = "k";
    check_ok(weft_dispatch_submit(completions, CHANNEL, WEFT_TEXT("a"), &options, 1, NULL));
    event_await(&stop.began, 1);
    pthread_t thread = start(ask_and_wait, node);
    check_ok(weft_dispatch_async(node, CHANNEL, WEFT_TEXT("a"), &options, ended, &called, 0, NULL));
    options.detached = true;
    check_ok(weft_dispatch_async(node, CHANNEL, WEFT_TEXT("a"), &options, NULL, NULL, 0, &detached));
    options.detached = false;
    options.schedule_to_close_ms = 1;
    check_ok(weft_dispatch(node, CHANNEL, WEFT_TEXT("a"), &options, &reply)); /* waits for so long, and no longer */
    check_reply_code(&reply, WEFT_TIMED_OUT, "schedule_to_close");
    options.schedule_to_close_ms = 0;
    check_ok(weft_dispatch_submit(completions, CHANNEL, WEFT_TEXT("a"), &options, 2, &leaves));
    while (info_now(node).joined < 5) /* the thread, too; and what is cancelled before it has gone out joins nothing */
        sched_yield();
    check_ok(weft_dispatch_cancel(node, leaves.id));
    check_err(weft_dispatch_fetch(node, detached.id, 0, &reply), WEFT_EAGAIN);
    event_give(&stop.go_on);
    check_ok(weft_dispatch_fetch(node, detached.id, WEFT_FOREVER, &reply));
    check_reply_text(&reply, "a");
    event_await(&called.event, 1);
    check_eq(called.outcome, WEFT_COMPLETED);
    join(thread);
    reply = next_reply(completions);
    check_eq(reply.token, 2);
    check_reply_code(&reply, WEFT_CANCELLED, "cancelled");
    reply = next_reply(completions);
    check_eq(reply.token, 1);
    check_reply_text(&reply, "a");
    check_eq(stop.began.count, 1);
    check_eq(info_now(node).dispatched, 1);
    check_ok(weft_worker_unregister(worker));
    check_ok(weft_completions_close(completions));
    close_node(node);
}

static void closing_ends_it_for_all_who_wait(void **state)
{
    (void)state;
    weft_node *node = open_node();
    struct called called = {.outcome = WEFT_OUTCOME_NONE};
    weft_dispatch_options options = WEFT_DISPATCH_OPTIONS;
    options.key = "k";
    for (unsigned i = 0; i < 400; i++)
        check_ok(weft_dispatch_async(node, CHANNEL, WEFT_TEXT("a"), &options, ended, &called, i, NULL));
    weft_error error;
    do {
        error = weft_node_close(node, 1); /* the callbacks may take longer */
    } while (error == WEFT_EBUSY);
    check_ok(error);
    check_eq(called.event.count, 400);
    check_eq(called.outcome, WEFT_CANCELLED);
}

/* --- races ------------------------------------------------------------------------------------ */

enum { CALLERS = 6, ROUNDS = 300, KEYS = 8 };

static struct {
    weft_node *node;
    atomic_uint executed[ROUNDS / KEYS + 1][KEYS];
    atomic_uint results; /* other than completed, or of other bytes */
    pthread_barrier_t barrier;
} race;

/* The result names the execution: all who asked must have the same. */
static void execute(weft_task *task, void *context)
{
    (void)context;
    unsigned what[2];
    memcpy(what, weft_task_payload(task).data, sizeof what);
    unsigned result[3] = {what[0], what[1], atomic_fetch_add(&race.executed[what[0]][what[1]], 1)};
    (void)weft_task_complete(task, (weft_bytes){result, sizeof result});
}

/* Over a wire a task has begun when it is on its way: cancelled there by the first to ask, it ends so for who joins then. */
static bool may_end_cancelled(unsigned round, unsigned key)
{
    return dialled() && key == round % KEYS;
}

static void *race_caller(void *argument)
{
    unsigned self = (unsigned)(uintptr_t)argument;
    weft_completions *completions;
    thread_check_ok(weft_completions_open(race.node, KEYS, &completions));
    for (unsigned round = 0; round < ROUNDS / KEYS; round++) {
        weft_dispatch_id ids[KEYS];
        pthread_barrier_wait(&race.barrier);
        for (unsigned i = 0; i < KEYS; i++) {
            char key[32];
            unsigned what[2] = {round, (i + self) % KEYS};
            weft_dispatch_options options = WEFT_DISPATCH_OPTIONS;
            weft_ticket ticket;
            snprintf(key, sizeof key, "%u-%u", what[0], what[1]);
            options.key = key;
            thread_check_ok(weft_dispatch_submit(completions, CHANNEL, (weft_bytes){what, sizeof what}, &options,
                                                 what[1], &ticket));
            ids[i] = ticket.id;
        }
        if (self == 0) (void)weft_dispatch_cancel(race.node, ids[round % KEYS]); /* leaves alone */
        for (unsigned i = 0; i < KEYS; i++) {
            weft_reply reply;
            size_t count;
            unsigned result[3] = {0};
            thread_check_ok(weft_completions_next(completions, WEFT_FOREVER, &reply, 1, &count));
            bool left =
                reply.outcome == WEFT_CANCELLED && (self == 0 || may_end_cancelled(round, (unsigned)reply.token));
            if (reply.payload.size == sizeof result) memcpy(result, reply.payload.data, sizeof result);
            if (!left &&
                (reply.outcome != WEFT_COMPLETED || result[0] != round || result[1] != reply.token || result[2] != 0))
                atomic_fetch_add(&race.results, 1);
            weft_reply_release(&reply);
        }
    }
    (void)weft_completions_close(completions);
    return NULL;
}

static void many_threads_with_the_same_keys_make_one_execution_a_key(void **state)
{
    (void)state;
    pthread_t callers[CALLERS];
    weft_worker *workers[2];
    weft_worker_options options = WEFT_WORKER_OPTIONS;
    options.max_concurrent = 4;
    race.node = open_node();
    check_eq(pthread_barrier_init(&race.barrier, NULL, CALLERS), 0);
    for (int i = 0; i < 2; i++)
        check_ok(weft_worker_register(race.node, CHANNEL, execute, NULL, &options, &workers[i]));
    for (uintptr_t i = 0; i < CALLERS; i++)
        callers[i] = start(race_caller, (void *)i);
    for (int i = 0; i < CALLERS; i++)
        join(callers[i]);
    for (unsigned round = 0; round < ROUNDS / KEYS; round++)
        for (unsigned i = 0; i < KEYS; i++)
            check_true(race.executed[round][i] == 1 || may_end_cancelled(round, i));
    check_eq(race.results, 0);
    weft_channel_info info = info_now(race.node);
    check_true(info.completed <= ROUNDS / KEYS * KEYS);
    check_true(info.completed >= ROUNDS / KEYS * (dialled() ? KEYS - 1 : KEYS));
    check_eq(info.dispatched, info.completed + info.cancelled); /* one that all had left before it began */
    const uint64_t asked = ROUNDS / KEYS * KEYS * CALLERS;
    check_true(info.dispatched + info.joined <= asked); /* what is cancelled before it is sent is not heard of there */
    check_true(info.dispatched + info.joined >= asked - (dialled() ? ROUNDS / KEYS : 0));
    for (int i = 0; i < 2; i++)
        check_ok(weft_worker_unregister(workers[i]));
    check_eq(pthread_barrier_destroy(&race.barrier), 0);
    check_ok(weft_node_close(race.node, WEFT_FOREVER));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_with_the_reason),
        cmocka_unit_test(another_request_under_the_same_key_is_a_conflict),
        cmocka_unit_test(without_dedup_ms_a_key_lives_as_long_as_its_dispatch),
        cmocka_unit_test(key_is_forgotten_when_its_time_is_over),
        cmocka_unit_test(first_caller_is_killed_and_the_work_goes_on_for_the_other),
        cmocka_unit_test(every_way_to_ask_joins),
        cmocka_unit_test(closing_ends_it_for_all_who_wait),
        cmocka_unit_test(many_threads_with_the_same_keys_make_one_execution_a_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
