/* The public interface of a task. Promises:
 *   - a handler sees what was dispatched, and each of the four ways to settle has its outcome
 *   - a handler that settles nothing has failed; a second settle is refused
 *   - a kept task outlives its handler, and frees the thread with it
 *   - a cancel is told once, on the callback thread or at once, and never after the settle, which waits for it
 *   - a task whose dispatch has ended or gone on is stale; one that beats is not timed out */
#include "e2e/api_lib.h"

struct seen {
    struct event event;
    weft_dispatch_id id;
    uint32_t attempt, remaining_ms;
    char type[WEFT_NAME_MAX + 1], content_type[WEFT_CONTENT_TYPE_MAX + 1], payload[32];
};

static void look(weft_task *task, void *context)
{
    struct seen *seen = context;
    weft_bytes payload = weft_task_payload(task);
    memcpy(seen->payload, payload.data, payload.size);
    seen->id = weft_task_dispatch(task);
    seen->attempt = weft_task_attempt(task);
    seen->remaining_ms = weft_task_remaining_ms(task);
    if (weft_task_activity_type(task)) strcpy(seen->type, weft_task_activity_type(task));
    if (weft_task_content_type(task)) strcpy(seen->content_type, weft_task_content_type(task));
    thread_check_true(!weft_task_cancelled(task));
    thread_check_ok(weft_task_complete_as(task, WEFT_TEXT("done"), "text/plain"));
}

static void a_handler_sees_what_was_dispatched(void **state)
{
    (void)state;
    weft_node *node = open_node();
    struct seen seen = {.attempt = 0};
    weft_dispatch_options options = WEFT_DISPATCH_OPTIONS;
    weft_reply reply;
    register_worker(node, CHANNEL, look, &seen);
    reply = dispatch(node, CHANNEL, "plain");
    check_eq(seen.remaining_ms, WEFT_FOREVER);
    check_str(seen.type, "");
    check_str(seen.content_type, "");
    check_str(reply.content_type, "text/plain");
    check_reply_text(&reply, "done");

    options.activity_type = "resize";
    options.content_type = "image/png";
    options.schedule_to_close_ms = 60000;
    check_ok(weft_dispatch(node, CHANNEL, WEFT_TEXT("pixel"), &options, &reply));
    check_str(seen.payload, "pixel");
    check_str(seen.type, "resize");
    check_str(seen.content_type, "image/png");
    check_eq(seen.attempt, 1);
    check_true(seen.remaining_ms > 0 && seen.remaining_ms <= 60000);
    check_true(seen.id.number == reply.id.number && seen.id.session == reply.id.session);
    check_reply_text(&reply, "done");
    check_ok(weft_node_close(node, 10000));
}

/* --- settling --------------------------------------------------------------------------------- */

static void never(weft_task *task, void *context)
{
    (void)task;
    (void)context;
    abort();
}

/* Does what the payload says. */
static void obey(weft_task *task, void *context)
{
    (void)context;
    weft_bytes payload = weft_task_payload(task);
    switch (*(const char *)payload.data) {
    case 'c': thread_check_ok(weft_task_complete(task, (weft_bytes){0})); break;
    case 'f': thread_check_ok(weft_task_fail(task, "no.way", "it cannot be done")); break;
    case 'F': thread_check_ok(weft_task_fail(task, "no-words", NULL)); break;
    case 'a': thread_check_ok(weft_task_acknowledge_cancel(task)); break;
    case 'd': thread_check_ok(weft_task_abandon(task)); break;
    case 'n': return;
    case 'e':
        thread_check_err(weft_task_fail(task, "", "x"), WEFT_EINVAL);
        thread_check_err(weft_task_fail(task, "no blanks", "x"), WEFT_EINVAL);
        thread_check_err(weft_task_fail(task, NULL, "x"), WEFT_EINVAL);
        thread_check_err(weft_task_complete(task, (weft_bytes){NULL, 1}), WEFT_EINVAL);
        thread_check_err(weft_task_complete_as(task, payload, ""), WEFT_EINVAL);
        thread_check_err(weft_task_on_cancel(task, NULL, NULL), WEFT_EINVAL);
        thread_check_ok(weft_task_complete(task, payload));
        break;
    }
    thread_check_err(weft_task_complete(task, payload), WEFT_EINVAL); /* settled before */
    thread_check_err(weft_task_abandon(task), WEFT_EINVAL);
    thread_check_err(weft_task_keep(task), WEFT_EINVAL);
    thread_check_err(weft_task_on_cancel(task, never, NULL), WEFT_EINVAL);
    thread_check_true(weft_task_payload(task).size == payload.size); /* lends until the handler returns */
}

static void each_way_to_settle_has_its_outcome(void **state)
{
    (void)state;
    weft_node *node = open_node();
    weft_worker *worker = register_worker(node, CHANNEL, obey, NULL);
    weft_reply reply = dispatch(node, CHANNEL, "complete");
    check_reply_text(&reply, "");
    reply = dispatch(node, CHANNEL, "fail");
    check_str(reply.message, "it cannot be done");
    check_reply_code(&reply, WEFT_FAILED, "no.way");
    reply = dispatch(node, CHANNEL, "Fail");
    check_str(reply.message, "");
    check_reply_code(&reply, WEFT_FAILED, "no-words");
    reply = dispatch(node, CHANNEL, "acknowledge");
    check_reply_code(&reply, WEFT_FAILED, "not_cancelled"); /* nobody had asked */
    reply = dispatch(node, CHANNEL, "die");
    check_reply_code(&reply, WEFT_WORKER_DIED, "abandoned");
    reply = dispatch(node, CHANNEL, "nothing");
    check_true(reply.message && strstr(reply.message, "handler") != NULL);
    check_reply_code(&reply, WEFT_FAILED, "unsettled");
    reply = dispatch(node, CHANNEL, "errors");
    check_reply_text(&reply, "errors");
    weft_worker_info info;
    check_ok(weft_worker_unregister(worker));
    worker = register_worker(node, CHANNEL, obey, NULL);
    check_ok(weft_worker_info_get(worker, &info));
    check_eq(info.completed, 0);
    check_err(weft_task_complete(NULL, (weft_bytes){0}), WEFT_EINVAL);
    check_err(weft_task_fail(NULL, "x", "x"), WEFT_EINVAL);
    check_err(weft_task_abandon(NULL), WEFT_EINVAL);
    check_err(weft_task_acknowledge_cancel(NULL), WEFT_EINVAL);
    check_err(weft_task_heartbeat(NULL), WEFT_EINVAL);
    check_err(weft_task_keep(NULL), WEFT_EINVAL);
    check_ok(weft_node_close(node, 10000));
}

/* --- keeping ---------------------------------------------------------------------------------- */

struct shelf {
    struct event kept;
    weft_task *tasks[16];
    bool settle_before_return;
};

static void keep(weft_task *task, void *context)
{
    struct shelf *shelf = context;
    thread_check_ok(weft_task_keep(task));
    thread_check_err(weft_task_keep(task), WEFT_EINVAL);
    if (shelf->settle_before_return) {
        thread_check_ok(weft_task_complete(task, WEFT_TEXT("early")));
        return;
    }
    shelf->tasks[shelf->kept.count] = task;
    event_give(&shelf->kept);
}

static void a_kept_task_frees_its_thread(void **state)
{
    (void)state;
    weft_node *node = open_node();
    weft_group_options group_options = WEFT_GROUP_OPTIONS;
    weft_worker_options options = WEFT_WORKER_OPTIONS;
    weft_worker *worker;
    weft_completions *completions;
    struct shelf shelf = {.settle_before_return = false};
    group_options.threads = 1;
    options.max_concurrent = 8;
    check_ok(weft_group_open(node, &group_options, &options.group));
    check_ok(weft_worker_register(node, CHANNEL, keep, &shelf, &options, &worker));
    check_ok(weft_completions_open(node, 16, &completions));
    for (uint64_t i = 0; i < 9; i++)
        submit(completions, CHANNEL, "1", i);
    event_await(&shelf.kept, 8); /* one thread has entered all eight; the ninth waits for a slot */
    weft_worker_info info;
    check_ok(weft_worker_info_get(worker, &info));
    check_eq(info.in_flight, 8);
    check_ok(weft_task_fail(shelf.tasks[7], "x", "x"));
    weft_reply reply = next_reply(completions);
    check_eq(reply.token, 7);
    check_reply_code(&reply, WEFT_FAILED, "x");
    event_await(&shelf.kept, 9);
    for (uint64_t i = 9; i-- > 0;) {
        if (i == 7) continue;
        check_ok(weft_task_complete(shelf.tasks[i], WEFT_TEXT("late")));
        reply = next_reply(completions);
        check_eq(reply.token, i);
        check_reply_text(&reply, "late");
    }
    check_ok(weft_completions_close(completions));
    check_ok(weft_node_close(node, 10000));
}

static void a_kept_task_may_be_settled_before_its_handler_returns(void **state)
{
    (void)state;
    weft_node *node = open_node();
    struct shelf shelf = {.settle_before_return = true};
    register_worker(node, CHANNEL, keep, &shelf);
    for (int i = 0; i < 100; i++) {
        weft_reply reply = dispatch(node, CHANNEL, "1");
        check_reply_text(&reply, "early");
    }
    check_ok(weft_node_close(node, 10000));
}

/* --- cancelling ------------------------------------------------------------------------------- */

struct cancel {
    struct event began, told, go_on, called;
    weft_task *task;
    atomic_uint calls;
    pthread_t handler, caller;
    weft_error settle;
};

static void note_cancel(weft_task *task, void *context)
{
    struct cancel *cancel = context;
    thread_check_true(weft_task_cancelled(task));
    cancel->caller = pthread_self();
    atomic_fetch_add(&cancel->calls, 1);
    event_give(&cancel->told);
}

static void wait_for_cancel(weft_task *task, void *context)
{
    struct cancel *cancel = context;
    cancel->handler = pthread_self();
    thread_check_ok(weft_task_on_cancel(task, note_cancel, cancel));
    thread_check_err(weft_task_on_cancel(task, note_cancel, cancel), WEFT_EINVAL);
    event_give(&cancel->began);
    event_await(&cancel->told, 1);
    thread_check_ok(weft_task_acknowledge_cancel(task));
}

static void a_cancel_is_told_and_acknowledged(void **state)
{
    (void)state;
    weft_node *node = open_node();
    struct cancel cancel = {.calls = 0};
    weft_completions *completions;
    register_worker(node, CHANNEL, wait_for_cancel, &cancel);
    check_ok(weft_completions_open(node, 1, &completions));
    weft_dispatch_id id = submit(completions, CHANNEL, "1", 0);
    event_await(&cancel.began, 1);
    check_ok(weft_dispatch_cancel(node, id));
    weft_reply reply = next_reply(completions);
    check_reply_code(&reply, WEFT_CANCELLED, "cancelled");
    check_eq(cancel.calls, 1);
    check_true(!pthread_equal(cancel.caller, cancel.handler));
    check_ok(weft_completions_close(completions));
    check_ok(weft_node_close(node, 10000));
}

static void wait_until_cancelled(weft_task *task, void *context)
{
    struct cancel *cancel = context;
    event_give(&cancel->began);
    event_await(&cancel->go_on, 1);
    while (!weft_task_cancelled(task)) /* from a node it comes a moment later */
        thread_check_true(dialled());
    cancel->handler = pthread_self();
    thread_check_ok(weft_task_on_cancel(task, note_cancel, cancel)); /* at once, in this thread */
    thread_check_eq(cancel->calls, 1);
    thread_check_true(pthread_equal(cancel->caller, cancel->handler));
}

static void a_cancel_that_was_before_is_told_at_once(void **state)
{
    (void)state;
    weft_node *node = open_node();
    struct cancel cancel = {.calls = 0};
    weft_completions *completions;
    register_worker(node, CHANNEL, wait_until_cancelled, &cancel);
    check_ok(weft_completions_open(node, 1, &completions));
    weft_dispatch_id id = submit(completions, CHANNEL, "1", 0);
    event_await(&cancel.began, 1);
    check_ok(weft_dispatch_cancel(node, id));
    event_give(&cancel.go_on);
    weft_reply reply = next_reply(completions); /* a handler that returns unsettled has acknowledged */
    check_reply_code(&reply, WEFT_CANCELLED, "cancelled");
    check_ok(weft_completions_close(completions));
    check_ok(weft_node_close(node, 10000));
}

/* The callback stays inside until the settle of another thread is under way, which must wait for it. */
static void linger(weft_task *task, void *context)
{
    struct cancel *cancel = context;
    (void)task;
    event_give(&cancel->told);
    event_await(&cancel->go_on, 1);
    for (int i = 0; i < 1000; i++)
        sched_yield(); /* time for a settle that does not wait to get ahead */
    atomic_store(&cancel->calls, 1);
}

static void keep_with_cancel(weft_task *task, void *context)
{
    struct cancel *cancel = context;
    cancel->task = task;
    thread_check_ok(weft_task_on_cancel(task, linger, cancel));
    thread_check_ok(weft_task_keep(task));
    event_give(&cancel->began);
}

static void settling_waits_for_the_cancel_callback(void **state)
{
    (void)state;
    weft_node *node = open_node();
    struct cancel cancel = {.calls = 0};
    weft_completions *completions;
    register_worker(node, CHANNEL, keep_with_cancel, &cancel);
    check_ok(weft_completions_open(node, 1, &completions));
    weft_dispatch_id id = submit(completions, CHANNEL, "1", 0);
    event_await(&cancel.began, 1);
    check_ok(weft_dispatch_cancel(node, id));
    event_await(&cancel.told, 1);
    event_give(&cancel.go_on);
    check_ok(weft_task_complete(cancel.task, WEFT_TEXT("1")));
    check_eq(atomic_load(&cancel.calls), 1);
    weft_reply reply = next_reply(completions);
    check_reply_text(&reply, "1"); /* within the grace the result wins */
    check_ok(weft_completions_close(completions));
    check_ok(weft_node_close(node, 10000));
}

/* Settles the task from within: that must not wait for itself. */
static void settle_inside(weft_task *task, void *context)
{
    struct cancel *cancel = context;
    cancel->settle = weft_task_acknowledge_cancel(task);
    event_give(&cancel->called);
}

static void keep_to_settle_inside(weft_task *task, void *context)
{
    struct cancel *cancel = context;
    thread_check_ok(weft_task_on_cancel(task, settle_inside, cancel));
    thread_check_ok(weft_task_keep(task));
    event_give(&cancel->began);
}

static void a_cancel_callback_may_settle_its_task(void **state)
{
    (void)state;
    weft_node *node = open_node();
    struct cancel cancel = {.settle = WEFT_EINVAL};
    weft_completions *completions;
    register_worker(node, CHANNEL, keep_to_settle_inside, &cancel);
    check_ok(weft_completions_open(node, 1, &completions));
    for (unsigned i = 1; i <= 50; i++) {
        weft_dispatch_id id = submit(completions, CHANNEL, "1", 0);
        event_await(&cancel.began, i);
        check_ok(weft_dispatch_cancel(node, id));
        weft_reply reply = next_reply(completions);
        check_reply_code(&reply, WEFT_CANCELLED, "cancelled");
        event_await(&cancel.called, i);
        check_eq(cancel.settle, WEFT_OK);
    }
    check_ok(weft_completions_close(completions));
    check_ok(weft_node_close(node, 10000));
}

/* A callback settles the task whose cancel notice stands behind it. */
static void settle_the_other(const weft_reply *reply, void *context)
{
    struct cancel *cancel = context;
    (void)reply;
    if (cancel->task) cancel->settle = weft_task_complete(cancel->task, WEFT_TEXT("1"));
    event_give(&cancel->called);
    event_await(&cancel->go_on, 1);
}

static void keep_with_note(weft_task *task, void *context)
{
    struct cancel *cancel = context;
    thread_check_ok(weft_task_on_cancel(task, note_cancel, cancel));
    thread_check_ok(weft_task_keep(task));
    cancel->task = task;
    event_give(&cancel->began);
}

static void a_settle_in_a_callback_overtakes_the_cancel(void **state)
{
    (void)state;
    weft_node *node = open_node();
    struct cancel cancel = {.settle = WEFT_EINVAL};
    weft_completions *completions;
    weft_ticket ticket;
    check_ok(weft_channel_declare(node, OTHER, NULL));
    check_ok(weft_completions_open(node, 1, &completions));
    for (int i = 0; i < 2; i++) { /* the first blocks the callback thread, before there is a task */
        check_ok(weft_dispatch_async(node, OTHER, WEFT_TEXT("1"), NULL, settle_the_other, &cancel, 0, &ticket));
        check_ok(weft_dispatch_cancel(node, ticket.id));
        if (i == 0) event_await(&cancel.called, 1);
        if (i > 0) break;
        register_worker(node, CHANNEL, keep_with_note, &cancel);
        submit(completions, CHANNEL, "1", 0);
        event_await(&cancel.began, 1);
    }
    weft_node_stats stats;
    check_ok(weft_node_stats_get(node, &stats));
    check_eq(stats.dispatches_open, 1);
    check_ok(weft_dispatch_cancel(node, (weft_dispatch_id){ticket.id.session, weft_task_dispatch(cancel.task).number}));
    event_give(&cancel.go_on);
    weft_reply reply = next_reply(completions);
    check_reply_text(&reply, "1");
    event_await(&cancel.called, 2);
    check_eq(cancel.settle, WEFT_OK);
    check_eq(atomic_load(&cancel.calls), 0); /* it was settled before it was told */
    check_ok(weft_completions_close(completions));
    check_ok(weft_node_close(node, 10000));
}

/* A race, many times over: once the settle has returned, no call is under way and none comes. */
struct race {
    struct event ready;
    weft_task *task;
    atomic_bool settled;
    atomic_uint calls;
};

static void not_after_the_settle(weft_task *task, void *context)
{
    struct race *race = context;
    (void)task;
    thread_check_true(!atomic_load(&race->settled));
    atomic_fetch_add(&race->calls, 1);
    sched_yield();
    thread_check_true(!atomic_load(&race->settled));
}

static void keep_for_the_race(weft_task *task, void *context)
{
    struct race *race = context;
    race->task = task;
    thread_check_ok(weft_task_on_cancel(task, not_after_the_settle, race));
    thread_check_ok(weft_task_keep(task));
    event_give(&race->ready);
}

struct canceller {
    weft_node *node;
    weft_dispatch_id id;
};

static void *cancel_it(void *argument)
{
    struct canceller *canceller = argument;
    (void)weft_dispatch_cancel(canceller->node, canceller->id);
    return NULL;
}

static void no_cancel_comes_after_the_settle(void **state)
{
    (void)state;
    weft_node *node = open_node();
    struct race race = {.calls = 0};
    weft_completions *completions;
    register_worker(node, CHANNEL, keep_for_the_race, &race);
    check_ok(weft_completions_open(node, 1, &completions));
    for (unsigned i = 1; i <= 200; i++) {
        struct canceller canceller = {node, submit(completions, CHANNEL, "1", 0)};
        event_await(&race.ready, i);
        pthread_t thread = start(cancel_it, &canceller);
        (void)weft_task_complete(race.task, WEFT_TEXT("1"));
        atomic_store(&race.settled, true);
        join(thread);
        weft_reply reply = next_reply(completions);
        weft_reply_release(&reply);
        atomic_store(&race.settled, false);
    }
    check_ok(weft_completions_close(completions));
    check_ok(weft_node_close(node, 10000));
}

/* --- stale ------------------------------------------------------------------------------------ */

static void pull(weft_node *node, weft_worker **worker)
{
    check_ok(weft_worker_register(node, CHANNEL, NULL, NULL, NULL, worker));
}

static void a_late_result_is_refused(void **state)
{
    (void)state;
    weft_node *node = open_node();
    weft_dispatch_options options = WEFT_DISPATCH_OPTIONS;
    weft_completions *completions;
    weft_worker *worker;
    weft_task *task;
    pull(node, &worker);
    check_ok(weft_completions_open(node, 4, &completions));
    options.heartbeat_ms = 1;
    check_ok(weft_dispatch_submit(completions, CHANNEL, WEFT_TEXT("1"), &options, 0, NULL));
    check_ok(weft_worker_next(worker, WEFT_FOREVER, &task));
    check_err(weft_task_keep(task), WEFT_EINVAL); /* it has no handler */
    weft_reply reply = next_reply(completions);
    check_reply_code(&reply, WEFT_TIMED_OUT, "heartbeat");
    while (!weft_task_cancelled(task)) /* from a node it comes a moment later */
        check_true(dialled());
    check_err(weft_task_heartbeat(task), dialled() ? WEFT_OK : WEFT_ESTALE); /* there it is only told to stop, */
    check_err(weft_task_complete(task, WEFT_TEXT("late")), dialled() ? WEFT_OK : WEFT_ESTALE); /* and this counted */
    weft_node_stats stats;
    do {
        check_ok(weft_node_stats_get(node, &stats));
    } while (dialled() && stats.fenced == 0);
    check_eq(stats.fenced, 1);
    check_eq(stats.timed_out, 1);

    options.heartbeat_ms = 60000;
    check_ok(weft_dispatch_submit(completions, CHANNEL, WEFT_TEXT("1"), &options, 0, NULL));
    check_ok(weft_worker_next(worker, WEFT_FOREVER, &task));
    check_ok(weft_task_heartbeat(task));
    check_ok(weft_task_complete(task, weft_task_payload(task)));
    reply = next_reply(completions);
    check_reply_text(&reply, "1");
    check_ok(weft_completions_close(completions));
    check_ok(weft_node_close(node, 10000));
}

static void nothing_is_read_from_no_task(void **state)
{
    (void)state;
    check_eq(weft_task_payload(NULL).size, 0);
    check_true(!weft_task_content_type(NULL) && !weft_task_activity_type(NULL));
    check_eq(weft_task_attempt(NULL), 0);
    check_eq(weft_task_dispatch(NULL).number, 0);
    check_eq(weft_task_remaining_ms(NULL), 0);
    check_true(!weft_task_cancelled(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_handler_sees_what_was_dispatched),
        cmocka_unit_test(each_way_to_settle_has_its_outcome),
        cmocka_unit_test(a_kept_task_frees_its_thread),
        cmocka_unit_test(a_kept_task_may_be_settled_before_its_handler_returns),
        cmocka_unit_test(a_cancel_is_told_and_acknowledged),
        cmocka_unit_test(a_cancel_that_was_before_is_told_at_once),
        cmocka_unit_test(settling_waits_for_the_cancel_callback),
        cmocka_unit_test(a_cancel_callback_may_settle_its_task),
        cmocka_unit_test(a_settle_in_a_callback_overtakes_the_cancel),
        cmocka_unit_test(no_cancel_comes_after_the_settle),
        cmocka_unit_test(a_late_result_is_refused),
        cmocka_unit_test(nothing_is_read_from_no_task),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
