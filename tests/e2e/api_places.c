/* What may be called from where: the table of docs/embedding.md. Promises:
 *   - in a handler, and where events are heard, a dispatch waits, for a substitute takes the thread's place
 *   - inline handlers and callbacks are told WEFT_EDEADLK instead of waiting for a dispatch
 *   - nobody lends a thread that is weft's already, or closes the node under its own feet
 *   - what waits for the end of a place is refused in that place
 *   - asking without waiting, publishing and looking are allowed everywhere */
#include "api_lib.h"

#define NEWS "event.test.news"
#define ECHO "dispatch.test.echo"

/* What each call answered in a place. */
struct answers {
    weft_node *node;
    weft_group *group, *other;
    weft_worker *worker;             /* whose place it is, if it is a handler */
    weft_subscription *subscription; /* likewise, where events are heard */
    struct event done;
    weft_error async, publish, info, dispatch, run, close, group_close, other_close, unregister, drain, unsubscribe;
};

static void ask_everything(struct answers *a)
{
    weft_channel_info info;
    weft_reply reply;
    a->async = weft_dispatch_async(a->node, ECHO, WEFT_TEXT("1"), NULL, NULL, NULL, 0, NULL);
    a->publish = weft_publish(a->node, "event.test.unheard", WEFT_TEXT("1"), NULL, NULL);
    a->info = weft_channel_info_get(a->node, ECHO, &info);
    a->dispatch = weft_dispatch(a->node, ECHO, WEFT_TEXT("1"), NULL, &reply);
    if (!a->dispatch) weft_reply_release(&reply);
    a->run = weft_group_run(a->group, 0);
    a->close = weft_node_close(a->node, 0);
    a->group_close = weft_group_close(a->group);
    a->other_close = weft_group_close(a->other);
    if (a->worker) a->unregister = weft_worker_unregister(a->worker);
    if (a->worker) a->drain = weft_worker_drain(a->worker, 0);
    if (a->subscription) a->unsubscribe = weft_unsubscribe(a->subscription);
    event_give(&a->done);
}

static void in_handler(weft_task *task, void *context)
{
    ask_everything(context);
    thread_check_ok(weft_task_complete(task, WEFT_TEXT("")));
}

static void in_ended(const weft_reply *reply, void *context)
{
    (void)reply;
    ask_everything(context);
}

static void in_cancelled(weft_task *task, void *context)
{
    (void)task;
    ask_everything(context);
}

static void in_heard(const weft_event *event, void *context)
{
    (void)event;
    ask_everything(context);
}

static void open_places(struct answers *a)
{
    *a = (struct answers){.node = NULL};
    weft_group_options one = WEFT_GROUP_OPTIONS;
    one.threads = 1;
    check_ok(weft_node_open(NULL, &a->node));
    check_ok(weft_channel_declare(a->node, CHANNEL, NULL));
    check_ok(weft_channel_declare(a->node, ECHO, NULL));
    check_ok(weft_channel_declare(a->node, NEWS, NULL));
    check_ok(weft_channel_declare(a->node, "event.test.unheard", NULL));
    check_ok(weft_group_open(a->node, &one, &a->group));
    check_ok(weft_group_open(a->node, &one, &a->other));
    register_worker(a->node, ECHO, echo, NULL);
}

static void check_everywhere(const struct answers *a)
{
    check_ok(a->async);
    check_ok(a->publish);
    check_ok(a->info);
    check_err(a->run, WEFT_EDEADLK);
    check_err(a->close, WEFT_EDEADLK);
    check_ok(a->other_close);
    check_ok(weft_node_close(a->node, 10000));
}

static void run_handler(struct answers *a, bool is_inline)
{
    weft_worker_options options = WEFT_WORKER_OPTIONS;
    if (is_inline)
        options.flags = WEFT_INLINE;
    else
        options.group = a->group;
    check_ok(weft_worker_register(a->node, CHANNEL, in_handler, a, &options, &a->worker));
    weft_reply reply = dispatch(a->node, CHANNEL, "1");
    check_reply_text(&reply, "");
    check_err(a->unregister, WEFT_EDEADLK);
    check_err(a->drain, WEFT_EDEADLK);
}

static void a_handler_may_wait_but_not_for_itself(void **state)
{
    struct answers a;
    (void)state;
    open_places(&a);
    run_handler(&a, false);
    check_ok(a.dispatch);
    check_err(a.group_close, WEFT_EDEADLK);
    check_everywhere(&a);
}

static void an_inline_handler_does_not_wait(void **state)
{
    struct answers a;
    (void)state;
    not_dialled("inline handlers run on the default group of a client node");
    open_places(&a);
    run_handler(&a, true);
    check_err(a.dispatch, WEFT_EDEADLK);
    check_ok(a.group_close);
    check_everywhere(&a);
}

static void a_callback_does_not_wait(void **state)
{
    struct answers a;
    (void)state;
    open_places(&a);
    check_ok(weft_dispatch_async(a.node, ECHO, WEFT_TEXT("1"), NULL, in_ended, &a, 0, NULL));
    event_await(&a.done, 1);
    check_err(a.dispatch, WEFT_EDEADLK);
    check_ok(a.group_close);
    check_everywhere(&a);
}

static void a_cancel_callback_does_not_wait(void **state)
{
    struct answers a;
    weft_worker *worker;
    weft_ticket ticket;
    weft_task *task;
    (void)state;
    open_places(&a);
    check_ok(weft_worker_register(a.node, CHANNEL, NULL, NULL, NULL, &worker));
    check_ok(weft_dispatch_async(a.node, CHANNEL, WEFT_TEXT("1"), NULL, NULL, NULL, 0, &ticket));
    check_ok(weft_worker_next(worker, WEFT_FOREVER, &task));
    check_ok(weft_task_on_cancel(task, in_cancelled, &a));
    check_ok(weft_dispatch_cancel(a.node, ticket.id));
    event_await(&a.done, 1);
    check_ok(weft_task_acknowledge_cancel(task));
    check_err(a.dispatch, WEFT_EDEADLK);
    check_ok(a.group_close);
    check_everywhere(&a);
}

static void who_hears_may_wait_but_not_for_itself(void **state)
{
    struct answers a;
    weft_subscribe_options options = WEFT_SUBSCRIBE_OPTIONS;
    (void)state;
    open_places(&a);
    options.group = a.group;
    check_ok(weft_subscribe(a.node, NEWS, in_heard, &a, &options, &a.subscription));
    check_ok(weft_publish(a.node, NEWS, WEFT_TEXT("1"), NULL, NULL));
    event_await(&a.done, 1);
    check_ok(a.dispatch);
    check_err(a.group_close, WEFT_EDEADLK);
    check_err(a.unsubscribe, WEFT_EDEADLK);
    check_everywhere(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_handler_may_wait_but_not_for_itself),
        cmocka_unit_test(an_inline_handler_does_not_wait),
        cmocka_unit_test(a_callback_does_not_wait),
        cmocka_unit_test(a_cancel_callback_does_not_wait),
        cmocka_unit_test(who_hears_may_wait_but_not_for_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
