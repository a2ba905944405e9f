/* When the operating system refuses, and when it takes. Promises:
 *   - without a thread or a descriptor to be had, the call that needs it is WEFT_ESYSTEM, says why, and leaves nothing;
 *     what does not need one goes on
 *   - no call of weft's is a cancellation point: a thread with a pending cancel does not lose a wake-up or a lock on
 *     its way
 *   - weft's threads take no signals of the host's, and have names; a fault in a handler reaches the host's signal
 *     handler */
#include <dirent.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

#include "e2e/api_lib.h"

/* From now on no thread can be started: none can have a stack of that size. */
static void refuse_threads(bool refuse)
{
    static size_t usual;
    pthread_attr_t attributes;
    check_eq(pthread_getattr_default_np(&attributes), 0);
    if (refuse) check_eq(pthread_attr_getstacksize(&attributes, &usual), 0);
    check_eq(pthread_attr_setstacksize(&attributes, refuse ? (size_t)1 << 46 : usual), 0);
    check_eq(pthread_setattr_default_np(&attributes), 0);
    check_eq(pthread_attr_destroy(&attributes), 0);
}

static void refuse_descriptors(bool refuse)
{
    static struct rlimit usual;
    if (refuse) check_eq(getrlimit(RLIMIT_NOFILE, &usual), 0);
    struct rlimit none = {.rlim_cur = 0, .rlim_max = usual.rlim_max};
    check_eq(setrlimit(RLIMIT_NOFILE, refuse ? &none : &usual), 0);
}

static void never(const weft_reply *reply, void *context)
{
    (void)reply;
    (void)context;
    abort();
}

static void on_cancel(weft_task *task, void *context)
{
    (void)task;
    (void)context;
}

static void no_thread_is_told(void **state)
{
    (void)state;
    weft_node *node, *other;
    weft_worker *worker, *puller;
    weft_worker_options inline_options = WEFT_WORKER_OPTIONS;
    weft_task *task;
    unsigned threads = own_count("task");
    refuse_threads(true);
    check_err(weft_node_open(NULL, &other), WEFT_ESYSTEM);
    check_true(strstr(weft_error_message(), "Resource") || strstr(weft_error_message(), "memory"));
    check_eq(own_count("task"), threads);
    refuse_threads(false);
    node = open_node();

    refuse_threads(true);
    check_ok(weft_channel_declare(node, OTHER, NULL));
    check_err(weft_worker_register(node, CHANNEL, echo, NULL, NULL, &worker), WEFT_ESYSTEM);
    check_err(weft_dispatch_async(node, OTHER, WEFT_TEXT("1"), NULL, never, NULL, 0, NULL), WEFT_ESYSTEM);
    check_ok(weft_worker_register(node, OTHER, NULL, NULL, NULL, &puller)); /* pulling needs none */
    check_ok(weft_dispatch_async(node, OTHER, WEFT_TEXT("1"), NULL, NULL, NULL, 0, NULL));
    check_ok(weft_worker_next(puller, WEFT_FOREVER, &task));
    check_err(weft_task_on_cancel(task, on_cancel, NULL), WEFT_ESYSTEM);
    check_ok(weft_task_complete(task, WEFT_TEXT("1")));
    inline_options.flags = WEFT_INLINE;
    check_ok(weft_worker_register(node, CHANNEL, echo, NULL, &inline_options, &worker)); /* nor does an inline one */
    weft_reply reply = dispatch(node, CHANNEL, "1");
    check_reply_text(&reply, "1");
    refuse_threads(false);
    check_ok(weft_worker_register(node, CHANNEL, echo, NULL, NULL, &worker));
    check_ok(weft_node_close(node, 10000));
}

static weft_error inner;

static void dispatch_on(weft_task *task, void *context)
{
    weft_reply reply;
    inner = weft_dispatch(context, OTHER, WEFT_TEXT("1"), NULL, &reply);
    if (!inner) weft_reply_release(&reply);
    thread_check_ok(weft_task_complete(task, (weft_bytes){0}));
}

static void no_substitute_is_a_deadlock(void **state)
{
    (void)state;
    weft_node *node = open_node();
    check_ok(weft_channel_declare(node, OTHER, NULL));
    register_worker(node, CHANNEL, dispatch_on, node);
    register_worker(node, OTHER, echo, NULL);
    refuse_threads(true);
    weft_reply reply = dispatch(node, CHANNEL, "1");
    check_reply_text(&reply, "");
    check_eq(inner, WEFT_EDEADLK);
    refuse_threads(false);
    reply = dispatch(node, CHANNEL, "1");
    check_reply_text(&reply, "");
    check_eq(inner, WEFT_OK);
    check_ok(weft_node_close(node, 10000));
}

static void no_descriptor_is_told(void **state)
{
    (void)state;
    weft_node *node = open_node();
    weft_completions *completions;
    weft_worker *worker;
    weft_participant *participant;
    int fd;
    check_ok(weft_completions_open(node, 1, &completions));
    check_ok(weft_worker_register(node, CHANNEL, NULL, NULL, NULL, &worker));
    refuse_descriptors(true);
    weft_error of_completions = weft_completions_fd(completions, &fd), of_worker = weft_worker_fd(worker, &fd);
    weft_error of_process = weft_participant_process(node, "x", getppid(), 0, &participant);
    refuse_descriptors(false);
    check_eq(of_completions, WEFT_ESYSTEM);
    check_eq(of_worker, WEFT_ESYSTEM);
    check_eq(of_process, WEFT_ESYSTEM);
    check_true(strstr(weft_error_message(), "open files") != NULL);
    check_ok(weft_worker_fd(worker, &fd));
    check_ok(weft_completions_fd(completions, &fd));
    check_ok(weft_participant_process(node, "x", getppid(), 0, &participant)); /* the name is free */
    close_node(node);
}

/* --- cancellation ----------------------------------------------------------------------------- */

struct doomed {
    weft_node *node;
    weft_worker *puller;
    atomic_uint rounds;
};

static void *call_everything(void *argument)
{
    struct doomed *doomed = argument;
    weft_node *node = doomed->node;
    weft_completions *completions;
    weft_participant *participant;
    weft_worker_options options = WEFT_WORKER_OPTIONS;
    weft_worker *worker;
    weft_group *group;
    weft_reply reply;
    weft_task *task;
    weft_node *other;
    size_t count;
    int fd;
    thread_check_eq(pthread_cancel(pthread_self()), 0); /* from here on every cancellation point ends it */
    thread_check_ok(weft_dispatch(node, CHANNEL, WEFT_TEXT("1"), NULL, &reply));
    weft_reply_release(&reply);
    thread_check_ok(weft_completions_open(node, 4, &completions));
    thread_check_ok(weft_completions_fd(completions, &fd));
    thread_check_ok(weft_dispatch_submit(completions, OTHER, WEFT_TEXT("1"), NULL, 0, NULL)); /* wakes an eventfd */
    thread_check_ok(weft_worker_next(doomed->puller, WEFT_FOREVER, &task));
    thread_check_err(weft_worker_next(doomed->puller, 1, &task), WEFT_ETIMEDOUT);
    thread_check_ok(weft_task_complete(task, (weft_bytes){0})); /* and another */
    thread_check_ok(weft_completions_next(completions, WEFT_FOREVER, &reply, 1, &count));
    weft_reply_release(&reply);
    thread_check_ok(weft_completions_close(completions));
    thread_check_ok(weft_participant_thread(node, NULL, &participant));
    weft_participant_release(participant);
    thread_check_ok(weft_participant_process(node, NULL, getppid(), 0, &participant));
    weft_participant_release(participant);
    thread_check_ok(weft_group_open(node, NULL, &group));
    options.group = group;
    thread_check_ok(weft_worker_register(node, CHANNEL, echo, NULL, &options, &worker));
    thread_check_ok(weft_worker_drain(worker, WEFT_FOREVER));
    thread_check_ok(weft_worker_unregister(worker));
    thread_check_ok(weft_group_run(group, 1));
    thread_check_ok(weft_group_close(group));
    thread_check_ok(weft_node_open(NULL, &other));
    thread_check_ok(weft_node_close(other, 1));
    atomic_fetch_add(&doomed->rounds, 1);
    pthread_testcancel();
    abort();
}

static void no_call_is_a_cancellation_point(void **state)
{
    (void)state;
    weft_node *node = open_node();
    struct doomed doomed = {.node = node};
    void *end;
    int fd;
    check_ok(weft_channel_declare(node, OTHER, NULL));
    check_ok(weft_worker_register(node, OTHER, NULL, NULL, NULL, &doomed.puller));
    check_ok(weft_worker_fd(doomed.puller, &fd));
    register_worker(node, CHANNEL, echo, NULL);
    for (unsigned i = 1; i <= 20; i++) {
        pthread_t thread = start(call_everything, &doomed);
        check_eq(pthread_join(thread, &end), 0);
        check_true(end == PTHREAD_CANCELED);
        check_eq(atomic_load(&doomed.rounds), i);
    }
    check_ok(weft_node_close(node, 10000));
}

/* --- threads ---------------------------------------------------------------------------------- */

static void told(const weft_reply *reply, void *context)
{
    (void)reply;
    event_give(context);
}

/* Reads a line that starts so from a thread's status. */
static void status_line(const char *thread, const char *key, char *line, size_t size)
{
    char path[300];
    snprintf(path, sizeof path, "/proc/self/task/%s/status", thread);
    FILE *file = fopen(path, "r");
    check_true(file != NULL);
    while (fgets(line, (int)size, file) && strncmp(line, key, strlen(key)) != 0) {
    }
    fclose(file);
}

/* The threads whose name is weft's; each of them blocks the signals. */
static unsigned count_deaf_threads(void)
{
    unsigned count = 0;
    DIR *directory = opendir("/proc/self/task");
    for (struct dirent *entry; (entry = readdir(directory));) {
        char name[256] = "", blocked[256] = "";
        if (entry->d_name[0] == '.') continue;
        status_line(entry->d_name, "Name:", name, sizeof name);
        status_line(entry->d_name, "SigBlk:", blocked, sizeof blocked);
        if (strncmp(name, "Name:\tweft-", 11) != 0) continue;
        unsigned long long mask = strtoull(blocked + 7, NULL, 16);
        check_true(mask & 1ULL << (SIGTERM - 1) && mask & 1ULL << (SIGALRM - 1) && mask & 1ULL << (SIGCHLD - 1));
        count++;
    }
    closedir(directory);
    return count;
}

static void tell_mask(weft_task *task, void *context)
{
    pthread_sigmask(SIG_BLOCK, NULL, context);
    (void)weft_task_complete(task, weft_task_payload(task));
}

static void faults_of_handlers_are_not_blocked(void **state)
{
    (void)state;
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};
    weft_node *node = open_node();
    sigset_t mask;
    sigfillset(&mask);
    register_worker(node, CHANNEL, tell_mask, &mask);
    weft_reply reply = dispatch(node, CHANNEL, "1");
    check_reply_text(&reply, "1");
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        check_eq(sigismember(&mask, faults[i]), 0);
    check_eq(sigismember(&mask, SIGTERM), 1);
    check_ok(weft_node_close(node, 10000));
}

static void threads_have_names_and_block_signals(void **state)
{
    (void)state;
    weft_node *node = open_node();
    struct event event = {.count = 0};
    weft_participant *participant;
    register_worker(node, CHANNEL, echo, NULL);
    check_ok(weft_dispatch_async(node, CHANNEL, WEFT_TEXT("1"), NULL, told, &event, 0, NULL));
    check_ok(weft_participant_process(node, "parent", getppid(), 0, &participant));
    event_await(&event, 1);
    while (count_deaf_threads() < 5) { /* service, callbacks, two of the default group; the monitor names itself late */
    }
    check_ok(weft_node_close(node, 10000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_thread_is_told),
        cmocka_unit_test(no_substitute_is_a_deadlock),
        cmocka_unit_test(no_descriptor_is_told),
        cmocka_unit_test(no_call_is_a_cancellation_point),
        cmocka_unit_test(threads_have_names_and_block_signals),
        cmocka_unit_test(faults_of_handlers_are_not_blocked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
