/* The public interface of dead letters, with real deaths. Promises:
 *   - what was tried on two processes that were killed is kept, with both in its history, and its caller learns the
 *     outcome all the same; put back, it completes
 *   - the payload is whole, at the limit of the channel
 *   - a letter that was fetched is its holder's, also when the channel that kept it is gone
 *   - found runs without locks: it may fetch, put back, dispatch
 *   - each error code comes with its reason */
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "e2e/api_lib.h"

#define DEAD "dispatch.test.dead"

static weft_node *open_with_letters(weft_crash on_crash)
{
    weft_channel_options options = WEFT_CHANNEL_OPTIONS;
    weft_node *node;
    check_ok(weft_node_open(NULL, &node));
    check_ok(weft_channel_declare(node, DEAD, NULL));
    options.dead_letter = DEAD;
    options.on_crash = on_crash;
    options.attempts_max = 2;
    check_ok(weft_channel_declare(node, CHANNEL, &options));
    return node;
}

/* Dispatched, and nobody there in time. */
static void let_die(weft_node *node, weft_bytes payload)
{
    weft_dispatch_options options = WEFT_DISPATCH_OPTIONS;
    weft_reply reply;
    options.schedule_to_start_ms = 1;
    options.content_type = "text/plain";
    options.activity_type = "thumb";
    check_ok(weft_dispatch(node, CHANNEL, payload, &options, &reply));
    check_reply_code(&reply, WEFT_TIMED_OUT, "schedule_to_start");
}

static void refuses_with_the_reason(void **state)
{
    (void)state;
    weft_node *node;
    weft_letter letter;
    weft_channel_options options = WEFT_CHANNEL_OPTIONS;
    check_ok(weft_node_open(NULL, &node));
    options.dead_letter = DEAD;
    check_err(weft_channel_declare(node, CHANNEL, &options), WEFT_ENOCHANNEL);
    check_true(strstr(weft_error_message(), DEAD) != NULL);
    check_ok(weft_channel_declare(node, DEAD, NULL));
    check_ok(weft_channel_declare(node, CHANNEL, &options));
    check_ok(weft_channel_declare(node, CHANNEL, &options));
    check_err(weft_channel_declare(node, CHANNEL, NULL), WEFT_EDIFFERS);
    check_err(weft_channel_delete(node, DEAD), WEFT_EBUSY);
    check_true(strstr(weft_error_message(), "dead-letter channel") != NULL);
    check_err(weft_letter_fetch(NULL, DEAD, 0, &letter), WEFT_EINVAL);
    check_err(weft_letter_fetch(node, NULL, 0, &letter), WEFT_EINVAL);
    check_err(weft_letter_fetch(node, DEAD, 0, NULL), WEFT_EINVAL);
    check_err(weft_letter_fetch(node, DEAD, 0, &letter), WEFT_ENOTFOUND);
    check_err(weft_letter_fetch(node, DEAD, UINT64_MAX, &letter), WEFT_ENOTFOUND);
    check_err(weft_letter_fetch(node, OTHER, 0, &letter), WEFT_ENOCHANNEL);
    check_err(weft_letter_put_back(NULL, DEAD, 0, NULL), WEFT_EINVAL);
    check_err(weft_letter_put_back(node, DEAD, 0, NULL), WEFT_ENOTFOUND);
    check_err(weft_letter_put_back(node, OTHER, 0, NULL), WEFT_ENOCHANNEL);
    check_err(weft_letters_find(node, DEAD, NULL, NULL), WEFT_EINVAL);
    weft_letter_release(NULL);
    memset(&letter, 0, sizeof letter);
    weft_letter_release(&letter);
    close_node(node);
}

/* A process, with a worker that the test pulls for it. */
struct helper {
    pid_t pid;
    weft_participant *participant;
    weft_worker *worker;
};

static struct helper hire(weft_node *node, const char *name)
{
    struct helper helper = {.pid = spawn_sleeper()};
    weft_worker_options options = WEFT_WORKER_OPTIONS;
    check_ok(weft_participant_process(node, name, helper.pid, 0, &helper.participant));
    options.participant = helper.participant;
    options.name = name;
    check_ok(weft_worker_register(node, CHANNEL, NULL, NULL, &options, &helper.worker));
    return helper;
}

static void take_and_die(struct helper *helper, weft_task **task)
{
    check_ok(weft_worker_next(helper->worker, WEFT_FOREVER, task));
    check_eq(kill(helper->pid, SIGKILL), 0);
    check_eq(waitpid(helper->pid, NULL, 0), helper->pid);
}

static void bury(struct helper *helper, weft_task *task)
{
    check_err(weft_task_complete(task, WEFT_TEXT("late")), WEFT_ESTALE);
    check_ok(weft_worker_unregister(helper->worker));
    weft_participant_release(helper->participant);
}

static void two_killed_processes_are_a_letter_s_history_and_put_back_it_completes(void **state)
{
    (void)state;
    weft_node *node = open_with_letters(WEFT_CRASH_REDISPATCH);
    weft_completions *completions;
    weft_task *tasks[2];
    weft_letter letter;
    weft_ticket ticket;
    struct timespec now;
    check_ok(weft_completions_open(node, 4, &completions));
    struct helper first = hire(node, "first");
    weft_dispatch_id id = submit(completions, CHANNEL, "precious", 7);
    take_and_die(&first, &tasks[0]);
    struct helper second = hire(node, "second");
    take_and_die(&second, &tasks[1]);
    weft_reply reply = next_reply(completions);
    check_eq(reply.attempts, 2);
    check_reply_code(&reply, WEFT_WORKER_DIED, "worker_died");

    check_ok(weft_letter_fetch(node, DEAD, 0, &letter));
    clock_gettime(CLOCK_REALTIME, &now);
    check_str(letter.channel, CHANNEL);
    check_eq(letter.dispatch.number, id.number);
    check_eq(letter.outcome, WEFT_WORKER_DIED);
    check_str(letter.code, "worker_died");
    check_eq(letter.priority, WEFT_PRIORITY_NORMAL);
    check_true(!letter.activity_type && !letter.content_type);
    check_eq(letter.payload.size, strlen("precious"));
    check_true(memcmp(letter.payload.data, "precious", letter.payload.size) == 0);
    check_eq(letter.attempts_count, 2);
    for (uint32_t i = 0; i < 2; i++) {
        const weft_attempt *attempt = &letter.attempts[i];
        check_eq(attempt->attempt, i + 1);
        check_str(attempt->worker, i ? "second" : "first");
        check_str(attempt->participant, dialled() ? "client" : i ? "second" : "first");
        check_str(attempt->code, "worker_died");
        check_true(attempt->cause.kind == WEFT_CAUSE_UNKNOWN ||
                   attempt->cause.value == SIGKILL); /* we may have reaped */
        check_true(attempt->run_ns > 0);
    }
    uint64_t now_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
    check_true(letter.came_wall_ns <= now_ns && letter.came_wall_ns > now_ns - UINT64_C(60000000000));
    weft_letter_release(&letter);
    check_true(!letter.memory && !letter.id);

    let_die(node, WEFT_TEXT("again"));
    weft_worker *worker = register_worker(node, CHANNEL, echo, NULL);
    check_ok(weft_letter_put_back(node, DEAD, 0, &ticket));
    check_ok(weft_dispatch_fetch(node, ticket.id, WEFT_FOREVER, &reply));
    check_reply_text(&reply, "again");
    check_eq(info_of(node, DEAD).letters, 0);
    check_eq(info_of(node, CHANNEL).dead_lettered, 2);

    bury(&first, tasks[0]);
    bury(&second, tasks[1]);
    check_ok(weft_worker_unregister(worker));
    check_ok(weft_completions_close(completions));
    close_node(node);
}

static void payload_at_the_limit_is_whole(void **state)
{
    (void)state;
    weft_node *node = open_with_letters(WEFT_CRASH_FAIL);
    size_t size = 16777216; /* payload_bytes_max */
    unsigned char *bytes = malloc(size);
    weft_letter letter;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)(i * 31 >> 3);
    let_die(node, (weft_bytes){bytes, size});
    check_ok(weft_letter_fetch(node, DEAD, 0, &letter));
    check_eq(letter.payload.size, size);
    check_true(memcmp(letter.payload.data, bytes, size) == 0);
    check_str(letter.content_type, "text/plain");
    check_str(letter.activity_type, "thumb");
    check_eq(letter.attempts_count, 0);
    free(bytes);

    check_ok(weft_channel_delete(node, CHANNEL));
    check_ok(weft_channel_delete(node, DEAD));
    check_str(letter.channel, CHANNEL); /* it is ours */
    check_str(letter.activity_type, "thumb");
    weft_letter_release(&letter);
    close_node(node);
}

static void letter_stays_where_it_is_not_admitted_again(void **state)
{
    (void)state;
    weft_node *node = open_with_letters(WEFT_CRASH_FAIL);
    weft_ticket ticket;
    weft_letter letter;
    let_die(node, WEFT_TEXT("a"));
    check_ok(weft_channel_drain(node, CHANNEL, 0));
    check_err(weft_letter_put_back(node, DEAD, 0, &ticket), WEFT_EREJECTED);
    check_str(ticket.reason, "draining");
    check_true(strstr(weft_error_message(), "draining") != NULL);
    check_ok(weft_channel_delete(node, CHANNEL));
    check_err(weft_letter_put_back(node, DEAD, 0, NULL), WEFT_ENOCHANNEL);
    check_true(strstr(weft_error_message(), "came from") != NULL);
    check_err(weft_channel_delete(node, DEAD), WEFT_EBUSY);
    check_true(strstr(weft_error_message(), "1 dead letters") != NULL);
    check_ok(weft_letter_fetch(node, DEAD, 0, &letter));
    weft_letter_release(&letter);
    close_node(node);
}

struct looker {
    weft_node *node;
    unsigned seen, stop_at;
    uint64_t last_id;
};

static bool look(const weft_letter *letter, void *context)
{
    struct looker *looker = context;
    weft_letter taken;
    check_true(letter->id > looker->last_id);
    looker->last_id = letter->id;
    check_eq(letter->payload.size, 1);
    check_ok(weft_letter_fetch(looker->node, DEAD, letter->id, &taken));
    check_eq(*(const char *)taken.payload.data, *(const char *)letter->payload.data);
    weft_letter_release(&taken);
    let_die(looker->node, WEFT_TEXT("n")); /* one that comes meanwhile is not seen */
    return ++looker->seen != looker->stop_at;
}

static void found_may_call_weft_and_stop(void **state)
{
    (void)state;
    weft_node *node = open_with_letters(WEFT_CRASH_FAIL);
    struct looker looker = {.node = node};
    for (int i = 0; i < 5; i++)
        let_die(node, WEFT_TEXT("x"));
    check_ok(weft_letters_find(node, DEAD, look, &looker));
    check_eq(looker.seen, 5);
    check_eq(info_of(node, DEAD).letters, 5);
    looker = (struct looker){.node = node, .stop_at = 2};
    check_ok(weft_letters_find(node, DEAD, look, &looker));
    check_eq(looker.seen, 2);
    check_ok(weft_letters_find(node, CHANNEL, look, &looker)); /* where none stand */
    check_eq(looker.seen, 2);
    check_err(weft_letters_find(node, OTHER, look, &looker), WEFT_ENOCHANNEL);
    close_node(node);
}

/* --- many at once ----------------------------------------------------------------------------- */

enum { DISPATCHES = 400, PUTTERS = 3 };

struct crowd {
    weft_node *node;
    atomic_uint refused; /* attempts that the worker gave up */
    atomic_uint done;
    atomic_bool stop;
};

/* Gives up each first attempt: what is put back is another dispatch, which it completes. */
static void give_up_once(weft_task *task, void *context)
{
    struct crowd *crowd = context;
    weft_bytes payload = weft_task_payload(task);
    static atomic_uchar seen[DISPATCHES];
    unsigned number;
    memcpy(&number, payload.data, sizeof number);
    if (atomic_exchange(&seen[number], 1)) {
        atomic_fetch_add(&crowd->done, 1);
        (void)weft_task_complete(task, payload);
    } else {
        atomic_fetch_add(&crowd->refused, 1);
        (void)weft_task_abandon(task);
    }
}

static bool count_letter(const weft_letter *letter, void *context)
{
    (void)letter;
    (void)context;
    return true;
}

static void *put_all_back(void *argument)
{
    struct crowd *crowd = argument;
    while (!atomic_load(&crowd->stop)) {
        weft_error error = weft_letter_put_back(crowd->node, DEAD, 0, NULL);
        if (error && error != WEFT_ENOTFOUND) abort();
        if (error) (void)weft_letters_find(crowd->node, DEAD, count_letter, NULL);
    }
    return NULL;
}

static void each_letter_is_put_back_once_by_many(void **state)
{
    (void)state;
    struct crowd crowd = {.node = open_with_letters(WEFT_CRASH_FAIL)};
    weft_completions *completions;
    pthread_t putters[PUTTERS];
    weft_worker *worker = register_worker(crowd.node, CHANNEL, give_up_once, &crowd);
    check_ok(weft_completions_open(crowd.node, DISPATCHES, &completions));
    for (int i = 0; i < PUTTERS; i++)
        putters[i] = start(put_all_back, &crowd);
    for (unsigned i = 0; i < DISPATCHES; i++)
        check_ok(weft_dispatch_submit(completions, CHANNEL, (weft_bytes){&i, sizeof i}, NULL, i, NULL));
    for (unsigned i = 0; i < DISPATCHES; i++) {
        weft_reply reply = next_reply(completions);
        check_reply_code(&reply, WEFT_WORKER_DIED, "abandoned");
    }
    while (atomic_load(&crowd.done) < DISPATCHES)
        sched_yield();
    atomic_store(&crowd.stop, true);
    for (int i = 0; i < PUTTERS; i++)
        join(putters[i]);
    check_eq(crowd.refused, DISPATCHES);
    check_eq(crowd.done, DISPATCHES);
    check_eq(info_of(crowd.node, DEAD).letters, 0);
    check_eq(info_of(crowd.node, CHANNEL).dead_lettered, DISPATCHES);
    check_ok(weft_worker_unregister(worker));
    check_ok(weft_completions_close(completions));
    check_ok(weft_node_close(crowd.node, WEFT_FOREVER));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_with_the_reason),
        cmocka_unit_test(two_killed_processes_are_a_letter_s_history_and_put_back_it_completes),
        cmocka_unit_test(payload_at_the_limit_is_whole),
        cmocka_unit_test(letter_stays_where_it_is_not_admitted_again),
        cmocka_unit_test(found_may_call_weft_and_stop),
        cmocka_unit_test(each_letter_is_put_back_once_by_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
