/* Who takes little, and what is too much, over each transport. Promises:
 *   - a client node that takes nothing of what waits for it gets no more tasks than fit, others have the rest; its connection is
 *     closed after stall_ms, with the reason where that can be said, and its session ends as if it had been cut
 *   - a payload that is larger than the other end takes fails alone: the call, the result or the task, and says so; the session
 *     goes on
 *   - a worker that is unregistered has said all that it had to say, however large
 *   - bad addresses are told, and harm nothing */
#include "e2e/wire_relay.h"

#include "frame/frame.h"

#define OTHER "dispatch.test.other"

enum { CALLS = 40, LARGE = 200000 };

static char payload[4 << 20];

static void send_frame(int fd, const struct frame *frame)
{
    unsigned char bytes[4096];
    size_t size = (size_t)(weft__frame_write(frame, false, bytes) - bytes);
    check_eq(send(fd, bytes, size, MSG_NOSIGNAL), size);
}

static void echo_task(weft_task *task, void *context)
{
    (void)context;
    thread_check_ok(weft_task_complete(task, WEFT_TEXT("done")));
}

/* Greets, announces a worker that takes all, and never reads. */
__attribute__((noinline)) static int taker_of_nothing(const char *url)
{
    struct frame hello = {
        .kind = FRAME_HELLO,
        .hello = {.lowest = PROTOCOL_LOWEST, .highest = PROTOCOL_HIGHEST, .epoch = 1, .resume_ms = 50}};
    const struct frame reg = {.kind = FRAME_REGISTER,
                              .reg = {.worker = 1, .max_concurrent = CALLS, .channel = CHANNEL}};
    int fd = connect_to(url);
    check_true(fd >= 0);
    memset(hello.hello.instance, 0x17, sizeof hello.hello.instance);
    send_frame(fd, &hello);
    send_frame(fd, &reg);
    return fd;
}

static void who_takes_nothing_is_passed_over_and_let_go(void **state)
{
    const struct way *way = *state;
    weft_listen_options options = WEFT_LISTEN_OPTIONS;
    weft_worker_options few = WEFT_WORKER_OPTIONS;
    weft_completions *completions;
    weft_worker *worker;
    struct site site;
    unsigned died = 0, served = 0;
    options.beat_ms = 20;
    options.beats_missed_max = 100000; /* that it says nothing is not the point */
    options.stall_ms = 200;
    open_site(&site, way, &options);
    check_ok(weft_channel_declare(site.node, CHANNEL, NULL));
    check_ok(weft_completions_open(site.node, CALLS, &completions));
    int fd = taker_of_nothing(site.url);
    weft_channel_info info;
    do
        check_ok(weft_channel_info_get(site.node, CHANNEL, &info));
    while (info.workers == 0);
    for (int i = 0; i < CALLS; i++) {
        check_ok(weft_dispatch_submit(completions, CHANNEL, (weft_bytes){payload, LARGE}, NULL, 0, NULL));
        usleep(1000); /* so that what is being written is seen not to be taken */
    }
    check_true(stats_of(site.node).attempts_running < CALLS); /* 8 MB: more than any socket takes, and the line */
    few.max_concurrent = 1;
    check_ok(weft_worker_register(site.node, CHANNEL, echo_task, NULL, &few, &worker));
    for (int i = 0; i < CALLS; i++) {
        weft_reply reply;
        size_t count;
        check_ok(weft_completions_next(completions, 20000, &reply, 1, &count));
        died += reply.outcome == WEFT_WORKER_DIED;
        served += reply.outcome == WEFT_COMPLETED;
        weft_reply_release(&reply);
    }
    check_eq(died + served, CALLS);
    check_true(died > 0 && served > 0);
    close(fd);
    close_all_of(site.node);
}

static void too_large_fails_alone(void **state)
{
    const struct way *way = *state;
    weft_listen_options options = WEFT_LISTEN_OPTIONS;
    weft_worker *worker;
    weft_reply reply;
    weft_ping ping;
    struct site site;
    options.frame_bytes_max = 65536;
    open_site(&site, way, &options);
    weft_node *client = dial_named(site.url, NULL);
    check_ok(weft_channel_declare(site.node, CHANNEL, NULL));
    check_ok(weft_worker_register(client, CHANNEL, echo_task, NULL, NULL, &worker));
    const weft_bytes large = {payload, LARGE};
    check_ok(weft_dispatch(client, CHANNEL, large, NULL, &reply));
    check_eq(reply.outcome, WEFT_REJECTED);
    check_str(reply.code, "payload_too_large");
    weft_reply_release(&reply);
    check_ok(weft_dispatch(site.node, CHANNEL, large, NULL, &reply));
    check_eq(reply.outcome, WEFT_FAILED);
    check_str(reply.code, "payload_too_large");
    weft_reply_release(&reply);
    check_ok(weft_dispatch(client, CHANNEL, WEFT_TEXT("small"), NULL, &reply));
    check_eq(reply.outcome, WEFT_COMPLETED);
    weft_reply_release(&reply);
    check_ok(weft_node_ping(client, 20000, &ping));
    check_true(!ping.resumed);
    close_all_of(client);
    close_all_of(site.node);
}

static void give_much(weft_task *task, void *context)
{
    (void)context;
    thread_check_ok(weft_task_complete(task, (weft_bytes){payload, sizeof payload}));
}

static void a_large_result_comes_before_its_workers_end(void **state)
{
    struct site site;
    weft_worker *worker;
    weft_completions *completions;
    weft_reply reply;
    open_site(&site, *state, NULL);
    weft_node *client = dial_named(site.url, NULL);
    check_ok(weft_channel_declare(site.node, CHANNEL, NULL));
    check_ok(weft_completions_open(site.node, CALLS, &completions));
    for (int i = 0; i < 5; i++) {
        check_ok(weft_worker_register(client, CHANNEL, give_much, NULL, NULL, &worker));
        check_ok(weft_dispatch_submit(completions, CHANNEL, WEFT_TEXT("x"), NULL, 0, NULL));
        weft_worker_info info;
        do /* it was done */
            check_ok(weft_worker_info_get(worker, &info));
        while (info.completed == 0);
        check_ok(weft_worker_unregister(worker));
        size_t count;
        check_ok(weft_completions_next(completions, 20000, &reply, 1, &count));
        check_eq(reply.outcome, WEFT_COMPLETED);
        check_eq(reply.payload.size, sizeof payload);
        weft_reply_release(&reply);
    }
    close_all_of(client);
    close_all_of(site.node);
}

static void bad_addresses_are_told(void **state)
{
    static const char *const urls[] = {"bogus://x", "", ",", "tcp://", "tcp://127.0.0.1:0", "ipc://relative"};
    weft_node *node;
    (void)state;
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        weft_error error = weft_node_dial(urls[i], NULL, &node);
        check_true(error == WEFT_EINVAL || error == WEFT_ELOST);
        check_true(weft_error_message()[0]);
    }
}

int main(int argc, char **argv)
{
    play_role(argc, argv, NULL, 0);
    const struct CMUnitTest tests[] = {
        OVER_EACH(who_takes_nothing_is_passed_over_and_let_go),
        OVER_EACH(too_large_fails_alone),
        OVER_EACH(a_large_result_comes_before_its_workers_end),
        cmocka_unit_test(bad_addresses_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
