/* The public interface of dispatching. Promises:
 *   - a dispatch has its outcome in the reply, with what the worker gave and where the time went
 *   - admission is told at once: accepted, deferred, rejected with the reason
 *   - async: one call of `ended` for each admitted one, in order, on one thread of weft's; completions: in order, bounded
 *   - each error code of the headers comes when its reason is there, and nothing was dispatched then
 *   - cancel, times, priorities and detached dispatches do what they say; a full queue blocks, rejects or sheds
 *   - an eventfd is readable when there is something to fetch, and an epoll loop loses none */
#include <sys/epoll.h>

#include "e2e/api_lib.h"

static void replies_with_the_result(void **state)
{
    (void)state;
    weft_node *node = open_node();
    weft_worker_options options = WEFT_WORKER_OPTIONS;
    weft_worker *worker;
    options.name = "echo";
    check_ok(weft_worker_register(node, CHANNEL, echo, NULL, &options, &worker));
    weft_reply reply = dispatch(node, CHANNEL, "\"hello\"");
    check_eq(reply.attempts, 1);
    check_str(reply.worker, "echo");
    check_eq(reply.admission, WEFT_ADMISSION_ACCEPTED);
    check_true(reply.id.number != 0 && !reply.content_type);
    check_reply_text(&reply, "\"hello\"");
    check_true(!reply.memory && !reply.outcome);
    weft_reply_release(&reply);
    weft_reply_release(NULL);
    check_ok(weft_node_close(node, 10000));
}

static void refuses_bad_arguments(void **state)
{
    (void)state;
    weft_node *node = open_node();
    weft_reply reply;
    weft_ticket ticket;
    weft_completions *completions;
    int fd;
    size_t count;
    weft_bytes none = {0};
    weft_dispatch_options o = WEFT_DISPATCH_OPTIONS;
    check_ok(weft_completions_open(node, 1, &completions));
    check_err(weft_dispatch(NULL, CHANNEL, none, NULL, &reply), WEFT_EINVAL);
    check_err(weft_dispatch(node, NULL, none, NULL, &reply), WEFT_EINVAL);
    check_err(weft_dispatch(node, CHANNEL, none, NULL, NULL), WEFT_EINVAL);
    check_err(weft_dispatch(node, CHANNEL, (weft_bytes){NULL, 1}, NULL, &reply), WEFT_EINVAL);
    check_err(weft_dispatch(node, "nonsense", none, NULL, &reply), WEFT_EINVAL);
    check_ok(weft_channel_declare(node, "event.test.news", NULL));
    check_err(weft_dispatch(node, "event.test.news", none, NULL, &reply), WEFT_EINVAL);
    check_err(weft_dispatch(node, "dispatch.test.absent", none, NULL, &reply), WEFT_ENOCHANNEL);
    check_true(strstr(weft_error_message(), "dispatch.test.absent") != NULL);
    if (dialled()) {
        check_refused(completions, "dispatch.test.absent", "", NULL, "no_channel");
    } else {
        check_err(weft_dispatch_async(node, "dispatch.test.absent", none, NULL, NULL, NULL, 0, &ticket),
                  WEFT_ENOCHANNEL);
        check_err(weft_dispatch_submit(completions, "dispatch.test.absent", none, NULL, 0, NULL), WEFT_ENOCHANNEL);
    }
    check_err(weft_dispatch_submit(NULL, CHANNEL, none, NULL, 0, NULL), WEFT_EINVAL);
    check_err(weft_completions_open(node, 0, &completions), WEFT_EINVAL);
    check_err(weft_completions_open(NULL, 1, &completions), WEFT_EINVAL);
    check_err(weft_completions_next(completions, 0, &reply, 0, &count), WEFT_EINVAL);
    check_err(weft_completions_next(NULL, 0, &reply, 1, &count), WEFT_EINVAL);
    check_err(weft_completions_fd(NULL, &fd), WEFT_EINVAL);
    check_err(weft_dispatch_cancel(NULL, (weft_dispatch_id){0}), WEFT_EINVAL);
    check_err(weft_dispatch_fetch(NULL, (weft_dispatch_id){0}, 0, &reply), WEFT_EINVAL);
#define BAD(field, value)                                                                                              \
    o = (weft_dispatch_options)WEFT_DISPATCH_OPTIONS;                                                                  \
    o.field = value;                                                                                                   \
    check_err(weft_dispatch(node, CHANNEL, none, &o, &reply), WEFT_EINVAL)
    BAD(version, 0);
    check_true(strstr(weft_error_message(), "WEFT_DISPATCH_OPTIONS") != NULL);
    BAD(priority, (weft_priority)0);
    BAD(priority, (weft_priority)5);
    BAD(activity_type, "");
    BAD(activity_type, "no blanks");
    BAD(content_type, "");
    BAD(flags, 4);
    BAD(flags, WEFT_INLINE);
    BAD(on_crash, (weft_crash)9);
    BAD(no_worker, (weft_no_worker)9);
    BAD(attempts_max, 17);
#undef BAD
    check_ok(weft_completions_close(completions));
    check_ok(weft_completions_close(NULL));
    close_node(node);
}

static void admission_says_why_not(void **state)
{
    (void)state;
    weft_node *node = open_node();
    weft_channel_options options = WEFT_CHANNEL_OPTIONS;
    weft_dispatch_options rejecting = WEFT_DISPATCH_OPTIONS;
    weft_ticket ticket;
    weft_reply reply;
    options.depth_max = 1;
    options.payload_bytes_max = 4;
    check_ok(weft_channel_declare(node, OTHER, &options));
    rejecting.no_worker = WEFT_NO_WORKER_REJECT;

    struct refusal refusal = refused_async(node, OTHER, WEFT_TEXT("x"), &rejecting);
    check_str(refusal.reason, "no_worker");
    refusal = refused_async(node, OTHER, WEFT_TEXT("xxxxx"), NULL);
    check_str(refusal.reason, "payload_too_large");
    check_ok(weft_dispatch_async(node, OTHER, WEFT_TEXT("x"), NULL, NULL, NULL, 0, &ticket));
    check_admission(&ticket, WEFT_ADMISSION_DEFERRED);
    check_true(!ticket.reason && ticket.id.number);
    refusal = refused_async(node, OTHER, WEFT_TEXT("x"), NULL);
    check_str(refusal.reason, "queue_full");
    check_true(refusal.retry_after_ms > 0);

    reply = dispatch(node, OTHER, "x"); /* waiting for the outcome: the rejection is the outcome */
    check_eq(reply.admission, WEFT_ADMISSION_REJECTED);
    check_true(reply.retry_after_ms > 0 && reply.attempts == 0);
    check_reply_code(&reply, WEFT_REJECTED, "queue_full");
    close_node(node);
}

/* --- async ------------------------------------------------------------------------------------ */

struct told {
    struct event event;
    uint64_t tokens[64];
    pthread_t thread;
    weft_node *node;
    weft_error dispatched_inside;
};

static void tell(const weft_reply *reply, void *context)
{
    struct told *told = context;
    thread_check_eq(reply->outcome, WEFT_COMPLETED);
    if (told->event.count) thread_check_true(pthread_equal(told->thread, pthread_self()));
    told->thread = pthread_self();
    told->tokens[told->event.count] = reply->token;
    event_give(&told->event);
}

static void calls_back_in_order(void **state)
{
    (void)state;
    weft_node *node = open_node();
    weft_worker *worker = register_worker(node, CHANNEL, echo, NULL);
    struct told told = {.node = node};
    for (uint64_t i = 0; i < 64; i++)
        check_ok(weft_dispatch_async(node, CHANNEL, WEFT_TEXT("1"), NULL, tell, &told, i, NULL));
    event_await(&told.event, 64);
    for (uint64_t i = 0; i < 64; i++)
        check_eq(told.tokens[i], i);
    check_ok(weft_worker_unregister(worker));
    check_ok(weft_node_close(node, 10000));
}

static void dispatch_inside(const weft_reply *reply, void *context)
{
    struct told *told = context;
    weft_reply inner;
    (void)reply;
    told->dispatched_inside = weft_dispatch(told->node, CHANNEL, WEFT_TEXT("1"), NULL, &inner);
    thread_check_err(weft_dispatch_fetch(told->node, (weft_dispatch_id){1, 1}, 1, &inner), WEFT_EDEADLK);
    thread_check_err(weft_node_close(told->node, 0), WEFT_EDEADLK);
    thread_check_ok(weft_dispatch_async(told->node, CHANNEL, WEFT_TEXT("1"), NULL, tell, told, 7, NULL));
}

static void the_callback_thread_does_not_wait_for_itself(void **state)
{
    (void)state;
    weft_node *node = open_node();
    register_worker(node, CHANNEL, echo, NULL);
    struct told told = {.node = node};
    check_ok(weft_dispatch_async(node, CHANNEL, WEFT_TEXT("1"), NULL, dispatch_inside, &told, 0, NULL));
    event_await(&told.event, 1);
    check_eq(told.dispatched_inside, WEFT_EDEADLK);
    check_eq(told.tokens[0], 7);
    check_ok(weft_node_close(node, 10000));
}

/* --- completions ------------------------------------------------------------------------------ */

static void completions_are_bounded_and_in_order(void **state)
{
    (void)state;
    weft_node *node = open_node();
    weft_completions *completions;
    weft_reply replies[8];
    size_t count = 99;
    check_ok(weft_completions_open(node, 3, &completions));
    check_err(weft_completions_next(completions, 0, replies, 8, &count), WEFT_EAGAIN);
    check_err(weft_completions_next(completions, 1, replies, 8, &count), WEFT_ETIMEDOUT);
    for (uint64_t i = 0; i < 3; i++)
        submit(completions, CHANNEL, "1", i);
    check_err(weft_dispatch_submit(completions, CHANNEL, WEFT_TEXT("1"), NULL, 3, NULL), WEFT_EAGAIN);
    register_worker(node, CHANNEL, echo, NULL);
    for (uint64_t got = 0; got < 3; got += count) {
        check_ok(weft_completions_next(completions, WEFT_FOREVER, replies, 8, &count));
        for (size_t i = 0; i < count; i++) {
            check_eq(replies[i].token, got + i);
            check_reply_text(&replies[i], "1");
        }
    }
    submit(completions, CHANNEL, "1", 4); /* there is room again */
    submit(completions, CHANNEL, "1", 5);
    check_ok(weft_completions_close(completions)); /* with two open or not fetched */
    check_ok(weft_node_close(node, 10000));
}

/* One loop, thousands of outcomes, nothing lost: each wait is for the fd alone. */
static void an_epoll_loop_loses_none(void **state)
{
    (void)state;
    enum { TOTAL = 3000, WINDOW = 7 };
    weft_node *node = open_node();
    weft_completions *completions;
    int fd, again;
    register_worker(node, CHANNEL, echo, NULL);
    check_ok(weft_completions_open(node, WINDOW, &completions));
    check_ok(weft_completions_fd(completions, &fd));
    check_ok(weft_completions_fd(completions, &again));
    check_eq(fd, again);
    int epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN};
    check_eq(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), 0);
    unsigned sent = 0, done = 0;
    while (done < TOTAL) {
        for (; sent < TOTAL && sent - done < WINDOW; sent++)
            submit(completions, CHANNEL, "1", sent);
        check_eq(epoll_wait(epoll, &event, 1, -1), 1);
        uint64_t counter;
        check_eq(read(fd, &counter, sizeof counter), sizeof counter);
        weft_reply replies[4];
        size_t count;
        weft_error error;
        while (!(error = weft_completions_next(completions, 0, replies, 4, &count)))
            for (size_t i = 0; i < count; i++, done++)
                weft_reply_release(&replies[i]);
        check_eq(error, WEFT_EAGAIN);
    }
    close(epoll);
    check_ok(weft_completions_close(completions));
    check_ok(weft_node_close(node, 10000));
}

/* --- cancel, times, detached ------------------------------------------------------------------ */

static void cancel_ends_what_waits_at_once(void **state)
{
    (void)state;
    weft_node *node = open_node();
    weft_completions *completions;
    check_ok(weft_completions_open(node, 8, &completions));
    weft_dispatch_id id = submit(completions, CHANNEL, "1", 0);
    check_ok(weft_dispatch_cancel(node, id));
    weft_reply reply = next_reply(completions);
    check_true(reply.id.number == id.number && reply.id.session == id.session);
    check_reply_code(&reply, WEFT_CANCELLED, "cancelled");
    check_err(weft_dispatch_cancel(node, id), WEFT_ENOTFOUND);
    check_err(weft_dispatch_cancel(node, (weft_dispatch_id){0, 0}), WEFT_ENOTFOUND);
    check_ok(weft_completions_close(completions));
    close_node(node);
}

static void times_run_out(void **state)
{
    (void)state;
    weft_node *node = open_node();
    weft_dispatch_options options = WEFT_DISPATCH_OPTIONS;
    weft_reply reply;
    options.schedule_to_start_ms = 1;
    check_ok(weft_dispatch(node, CHANNEL, WEFT_TEXT("1"), &options, &reply));
    check_reply_code(&reply, WEFT_TIMED_OUT, "schedule_to_start");
    options.schedule_to_start_ms = 0;
    options.schedule_to_close_ms = 1;
    check_ok(weft_dispatch(node, CHANNEL, WEFT_TEXT("1"), &options, &reply));
    check_reply_code(&reply, WEFT_TIMED_OUT, "schedule_to_close");

    struct stop stop = {.began.count = 0};
    weft_worker *worker = register_worker(node, CHANNEL, halt, &stop);
    options.schedule_to_close_ms = 0;
    options.start_to_close_ms = 1;
    check_ok(weft_dispatch(node, CHANNEL, WEFT_TEXT("1"), &options, &reply));
    check_reply_code(&reply, WEFT_TIMED_OUT, "start_to_close");
    event_give(&stop.go_on);
    check_ok(weft_worker_unregister(worker));
    check_ok(weft_node_close(node, 10000));
}

static void detached_ones_are_fetched_once(void **state)
{
    (void)state;
    weft_node *node = open_node();
    weft_dispatch_options options = WEFT_DISPATCH_OPTIONS;
    weft_ticket ticket;
    weft_reply reply;
    options.detached = true;
    check_ok(weft_dispatch_async(node, CHANNEL, WEFT_TEXT("1"), &options, NULL, NULL, 5, &ticket));
    check_err(weft_dispatch_fetch(node, ticket.id, 0, &reply), WEFT_EAGAIN);
    check_err(weft_dispatch_fetch(node, ticket.id, 1, &reply), WEFT_ETIMEDOUT);
    register_worker(node, CHANNEL, echo, NULL);
    check_ok(weft_dispatch_fetch(node, ticket.id, WEFT_FOREVER, &reply));
    check_eq(reply.token, 5);
    check_reply_text(&reply, "1");
    check_err(weft_dispatch_fetch(node, ticket.id, 0, &reply), WEFT_ENOTFOUND);
    check_ok(weft_dispatch_async(node, CHANNEL, WEFT_TEXT("1"), NULL, NULL, NULL, 5, &ticket));
    check_err(weft_dispatch_fetch(node, ticket.id, 0, &reply), WEFT_ENOTFOUND); /* not detached */
    check_ok(weft_node_close(node, 10000));
}

/* --- a full queue ----------------------------------------------------------------------------- */

struct caller {
    weft_node *node;
    uint32_t schedule_to_start_ms;
    weft_error error;
    weft_outcome outcome;
    const char *code;
};

static void *call(void *argument)
{
    struct caller *caller = argument;
    weft_dispatch_options options = WEFT_DISPATCH_OPTIONS;
    weft_reply reply;
    options.schedule_to_start_ms = caller->schedule_to_start_ms;
    caller->error = weft_dispatch(caller->node, OTHER, WEFT_TEXT("1"), &options, &reply);
    if (caller->error) return NULL;
    caller->outcome = reply.outcome;
    caller->code = reply.outcome == WEFT_REJECTED ? reply.code : NULL;
    weft_reply_release(&reply);
    return NULL;
}

static void a_caller_waits_for_room(void **state)
{
    (void)state;
    not_dialled("WEFT_BLOCK rejects what comes from a client node");
    weft_node *node = open_node();
    weft_channel_options options = WEFT_CHANNEL_OPTIONS;
    options.depth_max = 1;
    options.queue_full = WEFT_BLOCK;
    check_ok(weft_channel_declare(node, OTHER, &options));
    struct caller callers[6] = {{.node = NULL}};
    pthread_t threads[6];
    for (int i = 0; i < 6; i++) { /* one is queued, five wait for room */
        callers[i].node = node;
        threads[i] = start(call, &callers[i]);
    }
    struct caller late = {.node = node, .schedule_to_start_ms = 1};
    weft_channel_info info;
    do {
        check_ok(weft_channel_info_get(node, OTHER, &info));
    } while (info.queued == 0);
    call(&late);
    check_eq(late.error, WEFT_OK);
    check_eq(late.outcome, WEFT_REJECTED);
    check_str(late.code, "queue_full");
    register_worker(node, OTHER, echo, NULL);
    for (int i = 0; i < 6; i++) {
        join(threads[i]);
        check_eq(callers[i].error, WEFT_OK);
        check_eq(callers[i].outcome, WEFT_COMPLETED);
    }
    check_ok(weft_node_close(node, 10000));
}

static void limits_and_deaths_are_told(void **state)
{
    (void)state;
    weft_node_options node_options = WEFT_NODE_OPTIONS;
    weft_dispatch_options options = WEFT_DISPATCH_OPTIONS;
    weft_participant *participant;
    weft_node *node;
    weft_reply reply;
    node_options.dispatches_max = 1;
    check_ok(weft_node_open(&node_options, &node));
    check_ok(weft_channel_declare(node, CHANNEL, NULL));
    check_ok(weft_participant_declare(node, "caller", &participant));
    options.participant = participant;
    weft_completions *completions;
    check_ok(weft_completions_open(node, 8, &completions));
    check_ok(weft_dispatch_submit(completions, CHANNEL, WEFT_TEXT("1"), &options, 0, NULL));
    check_err(weft_dispatch(node, CHANNEL, WEFT_TEXT("1"), NULL, &reply), WEFT_ELIMIT);
    check_ok(weft_participant_dead(participant, 0));
    reply = next_reply(completions); /* its caller died */
    check_reply_code(&reply, WEFT_CANCELLED, "caller_died");
    check_err(weft_dispatch(node, CHANNEL, WEFT_TEXT("1"), &options, &reply), WEFT_EDEAD);
    weft_participant_release(participant);
    check_ok(weft_completions_close(completions));
    close_node(node);
}

static void names_are_words(void **state)
{
    (void)state;
    check_str(weft_priority_name(WEFT_PRIORITY_URGENT), "urgent");
    check_str(weft_priority_name(WEFT_PRIORITY_HIGH), "high");
    check_str(weft_priority_name(WEFT_PRIORITY_NORMAL), "normal");
    check_str(weft_priority_name(WEFT_PRIORITY_LOW), "low");
    check_str(weft_priority_name((weft_priority)77), "none");
    check_str(weft_admission_name(WEFT_ADMISSION_ACCEPTED), "accepted");
    check_str(weft_admission_name(WEFT_ADMISSION_DEFERRED), "deferred");
    check_str(weft_admission_name(WEFT_ADMISSION_REJECTED), "rejected");
    check_str(weft_admission_name((weft_admission)-1), "none");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies_with_the_result),
        cmocka_unit_test(refuses_bad_arguments),
        cmocka_unit_test(admission_says_why_not),
        cmocka_unit_test(calls_back_in_order),
        cmocka_unit_test(the_callback_thread_does_not_wait_for_itself),
        cmocka_unit_test(completions_are_bounded_and_in_order),
        cmocka_unit_test(an_epoll_loop_loses_none),
        cmocka_unit_test(cancel_ends_what_waits_at_once),
        cmocka_unit_test(times_run_out),
        cmocka_unit_test(detached_ones_are_fetched_once),
        cmocka_unit_test(a_caller_waits_for_room),
        cmocka_unit_test(limits_and_deaths_are_told),
        cmocka_unit_test(names_are_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
