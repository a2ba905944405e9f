/* A host's loop with an eventfd, where the thread that writes the eventfd is stopped before the write or after it.
 * Promises:
 *   - who is woken while the other is still on its way out of the write sleeps again, and is told of what comes next
 *   - what is fetched before the eventfd was written leaves another wake possible, and close waits for every write */
#include <dlfcn.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <sys/syscall.h>

#include "e2e/api_lib.h"

enum { TOTAL = 20, SPINS = 100, WAKES_MAX = 3 * TOTAL + 10 };

static atomic_int watched = -1; /* the eventfd whose writes by other threads are stopped */
static atomic_bool before;      /* before the write, until told; or after it, until the first thread sleeps */
static atomic_uint wakes, written;
static struct event stopped, go_on;

/* In the place of the C library's. Only a futex's sixth argument is there, on the stack; five are in registers, given or not. */
long syscall(long number, ...)
{
    static long (*_Atomic real)(long, ...);
    long a[6] = {0};
    va_list list;
    va_start(list, number);
    for (int i = 0; i < (number == SYS_futex ? 6 : 5); i++)
        a[i] = va_arg(list, long);
    va_end(list);
    if (!real) real = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
    bool stop = number == SYS_write && (int)a[0] == atomic_load(&watched) && gettid() != getpid();
    if (stop && atomic_load(&before)) {
        event_give(&stopped);
        event_await(&go_on, 1);
        atomic_fetch_add(&written, 1);
    }
    unsigned seen = atomic_load(&wakes);
    long result = real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    while (stop && !atomic_load(&before) && !main_sleeps() && atomic_load(&wakes) - seen < SPINS)
        sched_yield();
    return result;
}

/* --- after the write -------------------------------------------------------------------------- */

static void answer(weft_task *task, void *context)
{
    (void)context;
    (void)weft_task_complete(task, weft_task_payload(task));
}

static unsigned fetch_outcomes(void *from)
{
    weft_reply replies[4];
    size_t count;
    unsigned got = 0;
    weft_error error;
    for (; !(error = weft_completions_next(from, 0, replies, 4, &count)); got += (unsigned)count)
        for (size_t i = 0; i < count; i++)
            weft_reply_release(&replies[i]);
    check_eq(error, WEFT_EAGAIN);
    return got;
}

static unsigned fetch_tasks(void *from)
{
    weft_task *task;
    unsigned got = 0;
    weft_error error;
    for (; !(error = weft_worker_next(from, 0, &task)); got++)
        check_ok(weft_task_complete(task, weft_task_payload(task)));
    check_eq(error, WEFT_EAGAIN);
    return got;
}

static unsigned fetch_events(void *from)
{
    weft_event events[4];
    size_t count;
    unsigned got = 0;
    weft_error error;
    for (; !(error = weft_subscription_next(from, 0, events, 4, &count)); got += (unsigned)count)
        for (size_t i = 0; i < count; i++)
            weft_event_release(&events[i]);
    check_eq(error, WEFT_EAGAIN);
    return got;
}

/* Sleeps on the fd alone until all have come. */
static void loop(int fd, unsigned (*fetch)(void *from), void *from)
{
    atomic_store(&wakes, 0);
    for (unsigned got = 0; got < TOTAL; got += fetch(from)) {
        struct pollfd polled = {.fd = fd, .events = POLLIN};
        uint64_t told;
        check_eq(poll(&polled, 1, -1), 1);
        atomic_fetch_add(&wakes, 1);
        check_eq(read(fd, &told, sizeof(told)), sizeof(told));
    }
    check_true(atomic_load(&wakes) <= WAKES_MAX);
    atomic_store(&watched, -1);
}

static void outcomes_wake_once(void **state)
{
    (void)state;
    weft_node *node = open_node();
    weft_completions *completions;
    int fd;
    register_worker(node, CHANNEL, answer, NULL);
    check_ok(weft_completions_open(node, TOTAL, &completions));
    check_ok(weft_completions_fd(completions, &fd));
    atomic_store(&watched, fd);
    for (unsigned i = 0; i < TOTAL; i++)
        submit(completions, CHANNEL, "1", i);
    loop(fd, fetch_outcomes, completions);
    check_ok(weft_completions_close(completions));
    check_ok(weft_node_close(node, 10000));
}

static void *dispatch_all(void *node)
{
    for (unsigned i = 0; i < TOTAL; i++)
        thread_check_ok(weft_dispatch_async(node, CHANNEL, WEFT_TEXT("1"), NULL, NULL, NULL, 0, NULL));
    return NULL;
}

static void tasks_wake_once(void **state)
{
    (void)state;
    weft_node *node = open_node();
    weft_worker *worker = register_worker(node, CHANNEL, NULL, NULL);
    int fd;
    check_ok(weft_worker_fd(worker, &fd));
    atomic_store(&watched, fd);
    pthread_t thread = start(dispatch_all, node);
    loop(fd, fetch_tasks, worker);
    join(thread);
    check_ok(weft_worker_unregister(worker));
    check_ok(weft_node_close(node, 10000));
}

static void *publish_all(void *node)
{
    for (unsigned i = 0; i < TOTAL; i++)
        thread_check_ok(weft_publish(node, "event.test.news", WEFT_TEXT("1"), NULL, NULL));
    return NULL;
}

static void events_wake_once(void **state)
{
    (void)state;
    weft_node *node = open_node();
    weft_subscription *subscription;
    int fd;
    check_ok(weft_channel_declare(node, "event.test.news", NULL));
    check_ok(weft_subscribe(node, "event.test.news", NULL, NULL, NULL, &subscription));
    check_ok(weft_subscription_fd(subscription, &fd));
    atomic_store(&watched, fd);
    pthread_t thread = start(publish_all, node);
    loop(fd, fetch_events, subscription);
    join(thread);
    check_ok(weft_unsubscribe(subscription));
    check_ok(weft_node_close(node, 10000));
}

/* --- before the write ------------------------------------------------------------------------- */

static void *complete(void *task)
{
    thread_check_ok(weft_task_complete(task, WEFT_TEXT("1")));
    return NULL;
}

static void *let_go(void *argument)
{
    while (!main_sleeps())
        sched_yield();
    event_give(&go_on);
    return argument;
}

static void close_waits_for_every_write(void **state)
{
    (void)state;
    if (dialled()) skip(); /* one thread tells of all outcomes there */
    weft_node *node = open_node();
    weft_worker *worker = register_worker(node, CHANNEL, NULL, NULL);
    weft_completions *completions;
    weft_task *task;
    pthread_t threads[3];
    uint64_t told;
    int fd;
    check_ok(weft_completions_open(node, 3, &completions));
    check_ok(weft_completions_fd(completions, &fd));
    check_eq(read(fd, &told, sizeof(told)), sizeof(told));
    atomic_store(&before, true);
    atomic_store(&watched, fd);
    for (unsigned i = 0; i < 3; i++) {
        submit(completions, CHANNEL, "1", i);
        check_ok(weft_worker_next(worker, WEFT_FOREVER, &task));
        threads[i] = start(complete, task);
        event_await(&stopped, i + 1);
        check_eq(fetch_outcomes(completions), 1); /* not told yet; another may be */
    }
    check_eq(atomic_load(&written), 0);
    pthread_t thread = start(let_go, NULL);
    check_ok(weft_completions_close(completions));
    check_eq(atomic_load(&written), 3);
    atomic_store(&watched, -1);
    join(thread);
    for (unsigned i = 0; i < 3; i++)
        join(threads[i]);
    check_ok(weft_worker_unregister(worker));
    check_ok(weft_node_close(node, 10000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outcomes_wake_once),
        cmocka_unit_test(tasks_wake_once),
        cmocka_unit_test(events_wake_once),
        cmocka_unit_test(close_waits_for_every_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
