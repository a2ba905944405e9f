/* Readers (src/net/reader.h), with real sockets:
 *   - the function of a busy pipe is called on a thread of its own, that of one with little to read is not
 *   - there are 16 of them; more busy pipes get their bytes as well; one that is silent gives its reader up to another
 *   - close ends the read of a reader; free waits for it; weft__net_fini ends them all, and they come again */
#include "e2e/net_flow.h"

enum { READERS = 16 };

static const struct way tcp_way = {.name = "tcp", .url = "tcp://127.0.0.1:0"};

static struct flow *open_plain(void)
{
    return open_flow(&tcp_way, NULL);
}

static void bounce_until_read(struct flow *flow)
{
    do
        flow_bounce(flow);
    while (!atomic_load(&flow->by_reader));
}

static void a_busy_pipe_is_read_by_a_thread_of_its_own(void **state)
{
    (void)state;
    FOR_EACH_WAY(way)
    {
        struct door door;
        if (!open_door(&door, way)) continue;
        close_door(&door);
        struct flow *flow = open_flow(way, NULL);
        for (int i = 0; i < 100 && way->tls; i++) { /* but TLS */
            flow_bounce(flow);
            check_true(!atomic_load(&flow->by_reader));
        }
        if (!way->tls) bounce_until_read(flow);
        pthread_t reader = atomic_load(&flow->thread);
        for (int i = 0; i < 100; i++) {
            flow_bounce(flow);
            check_true(way->tls || pthread_equal(atomic_load(&flow->thread), reader));
        }
        close_flow(flow);
    }
}

static void a_pipe_with_little_to_read_is_not(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        struct flow *flow = open_plain();
        for (int j = 0; j < 3; j++) {
            flow_bounce(flow);
            check_true(!atomic_load(&flow->by_reader));
        }
        close_flow(flow);
    }
}

struct sender {
    struct flow *flow;
    pthread_t thread;
};

static void *send_much(void *argument)
{
    struct sender *sender = argument;
    for (int i = 0; i < 300; i++)
        flow_send(sender->flow, 1 + (size_t)i);
    return NULL;
}

static void more_busy_pipes_than_readers_get_all_their_bytes(void **state)
{
    (void)state;
    enum { MANY = READERS + 8 };
    struct sender senders[MANY];
    for (int i = 0; i < MANY; i++)
        senders[i] = (struct sender){.flow = open_plain()};
    for (int i = 0; i < MANY; i++)
        senders[i].thread = start(send_much, &senders[i]);
    for (int i = 0; i < MANY; i++) {
        join(senders[i].thread);
        flow_await_bytes(senders[i].flow);
        check_true(threads_named("weft-reader") <= READERS);
    }
    for (int i = 0; i < MANY; i++)
        close_flow(senders[i].flow);
}

static void the_reader_of_a_silent_pipe_goes_to_a_busy_one(void **state)
{
    (void)state;
    struct flow *silent[READERS], *busy = open_plain();
    for (int i = 0; i < READERS; i++) {
        silent[i] = open_plain();
        bounce_until_read(silent[i]);
    }
    check_eq(threads_named("weft-reader"), READERS);
    bounce_until_read(busy);
    check_eq(threads_named("weft-reader"), READERS);
    for (int i = 0; i < READERS; i++) /* who has lost it still gets what comes */
        flow_bounce(silent[i]);
    for (int i = 0; i < READERS; i++)
        close_flow(silent[i]);
    close_flow(busy);
}

static void close_ends_the_read_of_a_reader(void **state)
{
    (void)state;
    struct flow *flow = open_plain();
    bounce_until_read(flow);
    weft__pipe_close(flow->pair.near.pipe);
    flow_await_call(flow);
    check_true(atomic_load(&flow->ended));
    close_flow(flow);
}

static void *free_it(void *argument)
{
    struct flow *flow = argument;
    weft__pipe_free(flow->pair.near.pipe);
    thread_check_true(
        atomic_load(&flow->ended)); /* the call that was under way has asked for more, and that has ended */
    return NULL;
}

static void free_waits_for_a_reader_inside_the_function(void **state)
{
    (void)state;
    struct stop stop = {0};
    struct flow *flow = open_plain();
    bounce_until_read(flow);
    flow->stop = &stop;
    flow_send(flow, 1);
    event_await(&stop.began, 1);
    pthread_t thread = start(free_it, flow);
    char byte;
    check_eq(read_some(&flow->pair.far, &byte, 1), 0); /* it is closed */
    event_give(&stop.go_on);
    join(thread);
    flow->pair.near.pipe = NULL;
    close_flow(flow);
}

static void readers_end_with_the_transport_and_come_again(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct flow *flow = open_plain();
        bounce_until_read(flow);
        check_true(threads_named("weft-reader") > 0);
        check_true(!weft__net_fini());
        close_flow(flow);
        check_true(weft__net_fini());
        while (threads_named("weft-reader")) /* the kernel lists one that was joined for a moment */
            sched_yield();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_busy_pipe_is_read_by_a_thread_of_its_own),
        cmocka_unit_test(a_pipe_with_little_to_read_is_not),
        cmocka_unit_test(more_busy_pipes_than_readers_get_all_their_bytes),
        cmocka_unit_test(the_reader_of_a_silent_pipe_goes_to_a_busy_one),
        cmocka_unit_test(close_ends_the_read_of_a_reader),
        cmocka_unit_test(free_waits_for_a_reader_inside_the_function),
        cmocka_unit_test(readers_end_with_the_transport_and_come_again),
    };
    return cmocka_run_group_tests(tests, net_set_up, net_tear_down);
}
