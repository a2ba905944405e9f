/* The public interface of workers. Promises:
 *   - a registration is refused with the code of its reason, and then nothing of it is left (its state neither)
 *   - a worker gets what its activity types and capacity allow
 *   - unregister waits for its handlers, gives what was not begun to others, and frees the state once
 *   - drain waits, within its time, until what the worker has is released
 *   - a pull worker's tasks are fetched by threads or by an epoll loop, and none is lost; ends are told to all who
 *     wait */
#include <sys/epoll.h>

#include "e2e/api_lib.h"
#include "exec/node.h" /* to see who is inside a call */
#include "exec/worker.h"

static void *no_state(void *context)
{
    (void)context;
    return NULL;
}

struct states {
    atomic_uint made, freed;
};

static struct states states;

static void *state_new(void *context)
{
    thread_check_true(context == &states);
    atomic_fetch_add(&states.made, 1);
    return malloc(1);
}

static void state_free(void *state)
{
    atomic_fetch_add(&states.freed, 1);
    free(state);
}

static void refuses_with_the_reason(void **state)
{
    (void)state;
    weft_node *node = open_node();
    weft_node *stranger = open_node();
    weft_worker_options o = WEFT_WORKER_OPTIONS;
    weft_worker *worker, *second;
    weft_participant *foreign;
    const char *types[] = {"a", "not valid"};
    const char *many[WEFT_ACTIVITY_TYPES_MAX + 1] = {NULL};
    weft_worker_info info;
    weft_task *task;
    int fd;
#define REFUSED(code, field, value)                                                                                    \
    o = (weft_worker_options)WEFT_WORKER_OPTIONS;                                                                      \
    o.state_new = state_new, o.state_free = state_free;                                                                \
    o.field = value;                                                                                                   \
    check_err(weft_worker_register(node, CHANNEL, echo, &states, &o, &worker), code)
    check_err(weft_worker_register(NULL, CHANNEL, echo, NULL, NULL, &worker), WEFT_EINVAL);
    check_err(weft_worker_register(node, NULL, echo, NULL, NULL, &worker), WEFT_EINVAL);
    check_err(weft_worker_register(node, CHANNEL, echo, NULL, NULL, NULL), WEFT_EINVAL);
    check_err(weft_worker_register(node, "x", echo, NULL, NULL, &worker), WEFT_EINVAL);
    check_err(weft_worker_register(node, "dispatch.test.absent", echo, NULL, NULL, &worker), WEFT_ENOCHANNEL);
    check_true(strstr(weft_error_message(), "dispatch.test.absent") != NULL);
    check_ok(weft_participant_declare(stranger, "foreign", &foreign));
    REFUSED(WEFT_EINVAL, version, 2);
    REFUSED(WEFT_EINVAL, name, "not valid");
    REFUSED(WEFT_EINVAL, max_concurrent, 0);
    REFUSED(WEFT_EINVAL, max_concurrent, WEFT_CONCURRENT_MAX + 1);
    REFUSED(WEFT_EINVAL, flags, 64);
    REFUSED(WEFT_EINVAL, participant, foreign);
    REFUSED(WEFT_EINVAL, activity_types_count, 1);
    REFUSED(WEFT_EINVAL, state_new, NULL); /* state_free alone */
    REFUSED(WEFT_ENOMEM, state_new, no_state);
    o = (weft_worker_options)WEFT_WORKER_OPTIONS;
    o.activity_types = types;
    o.activity_types_count = 2;
    check_err(weft_worker_register(node, CHANNEL, echo, NULL, &o, &worker), WEFT_EINVAL);
    for (size_t i = 0; i < WEFT_ACTIVITY_TYPES_MAX + 1; i++)
        many[i] = "a";
    o.activity_types = many;
    o.activity_types_count = WEFT_ACTIVITY_TYPES_MAX + 1;
    check_err(weft_worker_register(node, CHANNEL, echo, NULL, &o, &worker), WEFT_EINVAL);
    o = (weft_worker_options)WEFT_WORKER_OPTIONS;
    o.flags = WEFT_INLINE;
    check_err(weft_worker_register(node, CHANNEL, NULL, NULL, &o, &worker), WEFT_EINVAL);
    check_eq(atomic_load(&states.made), atomic_load(&states.freed));

    o = (weft_worker_options)WEFT_WORKER_OPTIONS;
    o.name = "one";
    check_ok(weft_worker_register(node, CHANNEL, echo, NULL, &o, &worker));
    REFUSED(WEFT_EEXIST, name, "one");
    check_true(strstr(weft_error_message(), "one") != NULL);
    check_eq(atomic_load(&states.made), atomic_load(&states.freed));
    check_eq(atomic_load(&states.made), 1);
    check_err(weft_worker_next(worker, 0, &task), WEFT_EINVAL);
    check_err(weft_worker_fd(worker, &fd), WEFT_EINVAL);
    check_err(weft_worker_next(NULL, 0, &task), WEFT_EINVAL);
    check_err(weft_worker_fd(NULL, &fd), WEFT_EINVAL);
    check_err(weft_worker_drain(NULL, 0), WEFT_EINVAL);
    check_err(weft_worker_info_get(NULL, &info), WEFT_EINVAL);
    check_err(weft_worker_info_get(worker, NULL), WEFT_EINVAL);
    check_ok(weft_worker_register(node, CHANNEL, echo, NULL, NULL, &second)); /* gets a name */
    check_ok(weft_worker_info_get(second, &info));
    check_true(strncmp(info.name, "worker-", 7) == 0);
    check_str(info.participant, "process");
    check_ok(weft_worker_unregister(NULL));
    weft_participant_release(foreign);
    close_node(stranger);
    check_ok(weft_node_close(node, 10000));
}

static void bounds_are_told(void **state)
{
    (void)state;
    weft_node_options options = WEFT_NODE_OPTIONS;
    weft_node *node;
    weft_worker *worker;
    options.workers_max = 1;
    check_ok(weft_node_open(&options, &node));
    check_ok(weft_channel_declare(node, CHANNEL, NULL));
    worker = register_worker(node, CHANNEL, echo, NULL);
    check_err(weft_worker_register(node, CHANNEL, echo, NULL, NULL, &worker), WEFT_ELIMIT);
    check_true(strstr(weft_error_message(), "workers_max") != NULL);
    close_node(node);
}

static void types_choose_the_worker(void **state)
{
    (void)state;
    weft_node *node = open_node();
    weft_worker_options options = WEFT_WORKER_OPTIONS;
    weft_dispatch_options dispatch_options = WEFT_DISPATCH_OPTIONS;
    const char *resize[] = {"resize"}, *crop[] = {"crop", "image/rotate:90"};
    weft_worker *resizer, *cropper;
    weft_reply reply;
    options.name = "resizer", options.activity_types = resize, options.activity_types_count = 1;
    check_ok(weft_worker_register(node, CHANNEL, echo, NULL, &options, &resizer));
    options.name = "cropper", options.activity_types = crop, options.activity_types_count = 2;
    check_ok(weft_worker_register(node, CHANNEL, echo, NULL, &options, &cropper));
    const char *asked[] = {"resize", "crop", "image/rotate:90"}, *expected[] = {"resizer", "cropper", "cropper"};
    for (int i = 0; i < 3; i++) {
        dispatch_options.activity_type = asked[i];
        check_ok(weft_dispatch(node, CHANNEL, WEFT_TEXT("1"), &dispatch_options, &reply));
        check_str(reply.worker, expected[i]);
        check_reply_text(&reply, "1");
    }
    check_ok(weft_node_close(node, 10000));
}

static void *unregister(void *worker)
{
    thread_check_ok(weft_worker_unregister(worker));
    return NULL;
}

static void unregister_waits_for_the_handler(void **state)
{
    (void)state;
    weft_node *node = open_node();
    weft_worker_options options = WEFT_WORKER_OPTIONS;
    struct stop stop = {.began.count = 0};
    weft_completions *completions;
    weft_worker *worker;
    weft_worker_info info;
    options.max_concurrent = 1;
    check_ok(weft_completions_open(node, 4, &completions));
    check_ok(weft_worker_register(node, CHANNEL, halt, &stop, &options, &worker));
    submit(completions, CHANNEL, "held", 0);
    submit(completions, CHANNEL, "waits", 1);
    event_await(&stop.began, 1);
    check_err(weft_worker_drain(worker, 0), WEFT_ETIMEDOUT);
    check_err(weft_worker_drain(worker, 1), WEFT_ETIMEDOUT);
    check_ok(weft_worker_info_get(worker, &info));
    check_eq(info.state, WEFT_WORKER_DRAINING);
    check_eq(info.in_flight, 1);
    pthread_t thread = start(unregister, worker);
    weft_channel_info channel;
    do {
        check_ok(weft_channel_info_get(node, CHANNEL, &channel));
    } while (channel.workers_eligible > 0 || (!dialled() && channel.workers > 0)); /* it is chosen no more, though its
                                                      handler runs: until then the node of a client node lists it */
    weft_worker *heir = register_worker(node, CHANNEL, echo, NULL);
    weft_reply reply = next_reply(completions);
    check_eq(reply.token, 1);
    check_eq(reply.attempts, 1); /* what was not begun spent none */
    check_reply_text(&reply, "waits");
    event_give(&stop.go_on);
    join(thread);
    reply = next_reply(completions); /* a handler that runs may end */
    check_reply_text(&reply, "held");
    check_ok(weft_worker_drain(heir, 1000));
    check_ok(weft_completions_close(completions));
    check_ok(weft_node_close(node, 10000));
}

struct self {
    weft_worker *worker;
    weft_error unregister, drain;
};

static void end_itself(weft_task *task, void *context)
{
    struct self *self = context;
    self->unregister = weft_worker_unregister(self->worker);
    self->drain = weft_worker_drain(self->worker, WEFT_FOREVER);
    thread_check_ok(weft_task_complete(task, (weft_bytes){0}));
}

static void a_handler_does_not_wait_for_itself(void **state)
{
    (void)state;
    weft_node *node = open_node();
    struct self self = {.unregister = WEFT_OK};
    self.worker = register_worker(node, CHANNEL, end_itself, &self);
    weft_reply reply = dispatch(node, CHANNEL, "1");
    check_reply_text(&reply, "");
    check_eq(self.unregister, WEFT_EDEADLK);
    check_eq(self.drain, WEFT_EDEADLK);
    reply = dispatch(node, CHANNEL, "1"); /* nothing has changed */
    check_reply_text(&reply, "");
    check_ok(weft_node_close(node, 10000));
}

static void the_state_is_made_and_freed_once(void **state)
{
    (void)state;
    weft_node *node = open_node();
    weft_worker_options options = WEFT_WORKER_OPTIONS;
    weft_worker *first, *second;
    atomic_store(&states.made, 0);
    atomic_store(&states.freed, 0);
    options.state_new = state_new;
    options.state_free = state_free;
    check_ok(weft_worker_register(node, CHANNEL, echo, &states, &options, &first));
    check_ok(weft_worker_register(node, CHANNEL, echo, &states, &options, &second));
    weft_reply reply = dispatch(node, CHANNEL, "1");
    check_reply_text(&reply, "1");
    check_ok(weft_worker_unregister(first));
    check_eq(atomic_load(&states.freed), 1);
    check_ok(weft_node_close(node, 10000)); /* ends the other */
    check_eq(atomic_load(&states.made), 2);
    check_eq(atomic_load(&states.freed), 2);
}

/* --- pulling ---------------------------------------------------------------------------------- */

static weft_worker *pull(weft_node *node, const char *channel, uint32_t max_concurrent)
{
    weft_worker_options options = WEFT_WORKER_OPTIONS;
    weft_worker *worker;
    options.max_concurrent = max_concurrent;
    check_ok(weft_worker_register(node, channel, NULL, NULL, &options, &worker));
    return worker;
}

static void a_task_is_pulled_and_settled(void **state)
{
    (void)state;
    weft_node *node = open_node();
    weft_worker *worker = pull(node, CHANNEL, 1);
    weft_completions *completions;
    weft_task *task = NULL;
    check_err(weft_worker_next(worker, 0, &task), WEFT_EAGAIN);
    check_err(weft_worker_next(worker, 1, &task), WEFT_ETIMEDOUT);
    check_true(task == NULL);
    check_ok(weft_completions_open(node, 2, &completions));
    submit(completions, CHANNEL, "1", 0);
    submit(completions, CHANNEL, "2", 1);
    check_ok(weft_worker_next(worker, WEFT_FOREVER, &task));
    weft_task *none;
    check_err(weft_worker_next(worker, 0, &none), WEFT_EAGAIN); /* its one slot is taken */
    check_ok(weft_task_complete(task, WEFT_TEXT("one")));
    weft_reply reply = next_reply(completions);
    check_reply_text(&reply, "one");
    check_ok(weft_worker_next(worker, soon(), &task));
    check_ok(weft_task_complete(task, WEFT_TEXT("two")));
    reply = next_reply(completions);
    check_reply_text(&reply, "two");
    check_ok(weft_worker_drain(worker, WEFT_FOREVER));
    check_err(weft_worker_next(worker, 0, &none), WEFT_ECLOSED); /* draining and empty */
    check_err(weft_worker_next(worker, WEFT_FOREVER, &none), WEFT_ECLOSED);
    check_ok(weft_completions_close(completions));
    check_ok(weft_node_close(node, 10000));
}

static void what_a_gone_pull_worker_holds_is_as_by_a_death(void **state)
{
    (void)state;
    weft_node *node = open_node();
    weft_worker *worker = pull(node, CHANNEL, 4);
    weft_completions *completions;
    weft_task *task;
    check_ok(weft_completions_open(node, 2, &completions));
    submit(completions, CHANNEL, "held", 0);
    submit(completions, CHANNEL, "not begun", 1);
    check_ok(weft_worker_next(worker, WEFT_FOREVER, &task));
    check_ok(weft_worker_unregister(worker));
    weft_reply reply = next_reply(completions);
    check_eq(reply.token, 0);
    check_reply_code(&reply, WEFT_WORKER_DIED, "worker_died");
    check_true(weft_task_cancelled(task));
    check_eq(weft_task_payload(task).size, 4); /* lends still */
    check_err(weft_task_complete(task, WEFT_TEXT("late")), WEFT_ESTALE);
    register_worker(node, CHANNEL, echo, NULL);
    reply = next_reply(completions);
    check_reply_text(&reply, "not begun");
    check_ok(weft_completions_close(completions));
    check_ok(weft_node_close(node, 10000));
}

struct puller {
    weft_worker *worker;
    weft_error end;
    atomic_uint *pulled;
};

static void *pull_all(void *argument)
{
    struct puller *puller = argument;
    weft_task *task;
    while (!(puller->end = weft_worker_next(puller->worker, WEFT_FOREVER, &task))) {
        atomic_fetch_add(puller->pulled, 1);
        thread_check_ok(weft_task_complete(task, weft_task_payload(task)));
    }
    return NULL;
}

static void several_threads_pull_and_all_learn_the_end(void **state)
{
    (void)state;
    enum { THREADS = 4, TOTAL = 1000 };
    weft_node *node = open_node();
    weft_worker *worker = pull(node, CHANNEL, 64);
    weft_completions *completions;
    struct puller pullers[THREADS];
    pthread_t threads[THREADS];
    atomic_uint pulled = 0;
    check_ok(weft_completions_open(node, TOTAL, &completions));
    for (int i = 0; i < THREADS; i++) {
        pullers[i] = (struct puller){.worker = worker, .pulled = &pulled};
        threads[i] = start(pull_all, &pullers[i]);
    }
    for (uint64_t i = 0; i < TOTAL; i++)
        submit(completions, CHANNEL, "1", i);
    for (uint64_t i = 0; i < TOTAL; i++) {
        weft_reply reply = next_reply(completions);
        check_reply_text(&reply, "1");
    }
    check_eq(atomic_load(&pulled), TOTAL);
    check_ok(weft_worker_drain(worker, WEFT_FOREVER));
    for (int i = 0; i < THREADS; i++) {
        join(threads[i]);
        check_eq(pullers[i].end, WEFT_ECLOSED);
    }
    check_ok(weft_completions_close(completions));
    check_ok(weft_node_close(node, 10000));
}

static void draining_ends_those_who_pull(void **state)
{
    (void)state;
    weft_node *node = open_node();
    atomic_uint pulled = 0;
    for (int round = 0; round < 50; round++) {
        weft_worker *worker = pull(node, CHANNEL, 1);
        struct puller pullers[3];
        pthread_t threads[3];
        for (int i = 0; i < 3; i++) {
            pullers[i] = (struct puller){.worker = worker, .pulled = &pulled};
            threads[i] = start(pull_all, &pullers[i]);
        }
        check_ok(weft_worker_drain(worker, WEFT_FOREVER));
        for (int i = 0; i < 3; i++)
            join(threads[i]);
        check_ok(weft_worker_unregister(worker));
    }
    check_ok(weft_node_close(node, 10000));
}

static bool is_inside(weft_worker *worker, unsigned count)
{
    (void)weft__enter(worker->node);
    bool inside = worker->callers_count == count;
    weft__leave(worker->node);
    return inside;
}

static void unregister_waits_for_those_who_pull(void **state)
{
    (void)state;
    weft_node *node = open_node();
    atomic_uint pulled = 0;
    for (int round = 0; round < 50; round++) {
        weft_worker *worker = pull(node, CHANNEL, 1);
        struct puller pullers[3];
        pthread_t threads[3];
        for (int i = 0; i < 3; i++) {
            pullers[i] = (struct puller){.worker = worker, .pulled = &pulled};
            threads[i] = start(pull_all, &pullers[i]);
        }
        while (!is_inside(worker, 3)) {
        }
        check_ok(weft_worker_unregister(worker));
        for (int i = 0; i < 3; i++) {
            join(threads[i]);
            check_eq(pullers[i].end, WEFT_ECLOSED);
        }
    }
    check_ok(weft_node_close(node, 10000));
}

/* The end of the channel is told to a host's loop through the eventfd, too. */
static void an_epoll_loop_pulls_all_and_learns_the_end(void **state)
{
    (void)state;
    enum { TOTAL = 2000, WINDOW = 5 };
    weft_node *node = open_node();
    weft_worker *worker = pull(node, CHANNEL, 3);
    weft_completions *completions;
    int fd, again;
    check_ok(weft_completions_open(node, WINDOW, &completions));
    submit(completions, CHANNEL, "1", 0); /* before there is an fd: it is readable at once */
    unsigned sent = 1, taken = 0, done = 0;
    check_ok(weft_worker_fd(worker, &fd));
    check_ok(weft_worker_fd(worker, &again));
    check_eq(fd, again);
    int epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN};
    check_eq(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), 0);
    weft_error error = WEFT_EAGAIN;
    while (error == WEFT_EAGAIN) {
        uint64_t counter;
        weft_task *task;
        check_eq(epoll_wait(epoll, &event, 1, -1), 1);
        check_eq(read(fd, &counter, sizeof counter), sizeof counter);
        for (; !(error = weft_worker_next(worker, 0, &task)); taken++)
            check_ok(weft_task_complete(task, weft_task_payload(task)));
        weft_reply replies[WINDOW];
        size_t count = 0;
        while (!weft_completions_next(completions, done < taken ? soon() : 0, replies, WINDOW, &count))
            for (size_t i = 0; i < count; i++, done++)
                check_reply_text(&replies[i], "1");
        for (; sent < TOTAL && sent - done < WINDOW; sent++)
            submit(completions, CHANNEL, "1", sent);
        if (done == TOTAL) check_ok(weft_channel_delete(node, CHANNEL));
        if (done == TOTAL) done++;
    }
    check_eq(error, WEFT_ECLOSED);
    check_eq(done, TOTAL + 1);
    close(epoll);
    check_ok(weft_worker_unregister(worker));
    check_ok(weft_completions_close(completions));
    check_ok(weft_node_close(node, 10000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_with_the_reason),
        cmocka_unit_test(bounds_are_told),
        cmocka_unit_test(types_choose_the_worker),
        cmocka_unit_test(unregister_waits_for_the_handler),
        cmocka_unit_test(a_handler_does_not_wait_for_itself),
        cmocka_unit_test(the_state_is_made_and_freed_once),
        cmocka_unit_test(a_task_is_pulled_and_settled),
        cmocka_unit_test(what_a_gone_pull_worker_holds_is_as_by_a_death),
        cmocka_unit_test(several_threads_pull_and_all_learn_the_end),
        cmocka_unit_test(draining_ends_those_who_pull),
        cmocka_unit_test(unregister_waits_for_those_who_pull),
        cmocka_unit_test(an_epoll_loop_pulls_all_and_learns_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
