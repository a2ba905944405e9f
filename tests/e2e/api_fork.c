/* What becomes of a child of fork(). Promises:
 *   - in a child each call that returns a weft_error returns WEFT_EFORKED, with a sentence that says what to do, and
 *     each that returns none is harmless: wherever the fork happened, whatever locks were held, in a child of a
 *     child as well
 *   - it never waits for anything (an alarm ends a child that does), also on its way out: exit, thread-exit
 *     destructors
 *   - exec makes a process like any other; vfork and posix_spawn go unnoticed; the parent goes on
 *   - who forks before the first node is opened can use weft in the child, and in the parent
 *   - a child that returns from the handler or callback in which it was forked is stopped with one line
 *   - a child handler of pthread_atfork's that calls weft is told, too
 *
 * Uses nothing but the public interface, so that it can be linked with the shared library as well: api_fork.sh does. */
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "e2e/api_lib.h"
#include "lib/calls.h"
#include "lib/sanitized.h"

/* --- children --------------------------------------------------------------------------------- */

enum { CHILD_S = 30 }; /* more than any needs; one that hangs is ended by then */

static const struct call *volatile *under_way; /* what the last child was about to call, in shared memory */

static int set_up(void **state)
{
    (void)state;
    under_way = mmap(NULL, sizeof *under_way, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return under_way == MAP_FAILED ? -1 : 0;
}

static void check_child(pid_t child, int expected)
{
    int status;
    thread_check_true(child > 0);
    while (waitpid(child, &status, 0) != child)
        continue;
    if (status != expected && *under_way)
        fprintf(stderr, "a child was stopped in %s %s\n", (*under_way)->name, (*under_way)->variant);
    thread_check_eq(status, expected);
}

/* The rest of a child's life: every call, each answered as the table says. */
_Noreturn static void child_calls_everything(struct cast *cast)
{
    alarm(CHILD_S);
    for (size_t i = 0; i < calls_count; i++) {
        /* What works in a child allocates, and another thread may have had the sanitizer's own lock at the fork. */
        if (ADDRESS_SANITIZED && calls[i].in_child != IN_CHILD_REFUSED) continue;
        *under_way = &calls[i];
        weft_error error = calls[i].call(cast);
        weft_error expected = calls[i].in_child == IN_CHILD_REFUSED ? WEFT_EFORKED : WEFT_OK;
        if (error != expected) fprintf(stderr, "%s %s: %s\n", calls[i].name, calls[i].variant, weft_error_name(error));
        thread_check_err(error, expected);
        if (error && !(strstr(weft_error_message(), calls[i].name) && strstr(weft_error_message(), "exec"))) {
            fprintf(stderr, "%s says: %s\n", calls[i].name, weft_error_message());
            abort();
        }
    }
    *under_way = NULL;
    _exit(0);
}

/* The program again, as --use: a process of its own that uses weft. */
_Noreturn static void child_execs(void)
{
    char *arguments[] = {"api_fork", "--use", NULL};
    alarm(CHILD_S);
    execv("/proc/self/exe", arguments);
    _exit(127);
}

/* Forks here and now: one child that makes every call, and has a child that does; one that execs. */
static void fork_all(struct cast *cast)
{
    pid_t child = fork();
    if (child == 0) {
        child = fork();
        if (child == 0) child_calls_everything(cast);
        check_child(child, 0);
        child_calls_everything(cast);
    }
    check_child(child, 0);
    child = fork();
    if (child == 0) child_execs();
    check_child(child, 0);
}

/* A node's whole life; what --use does. */
static void use(void)
{
    weft_node *node;
    weft_worker *worker;
    weft_reply reply;
    thread_check_ok(weft_node_open(NULL, &node));
    thread_check_ok(weft_channel_declare(node, CHANNEL, NULL));
    thread_check_ok(weft_worker_register(node, CHANNEL, echo, NULL, NULL, &worker));
    thread_check_ok(weft_dispatch(node, CHANNEL, WEFT_TEXT("1"), NULL, &reply));
    thread_check_eq(reply.outcome, WEFT_COMPLETED);
    weft_reply_release(&reply);
    thread_check_ok(weft_worker_unregister(worker));
    thread_check_ok(weft_node_close(node, WEFT_FOREVER));
}

/* --- before the first node -------------------------------------------------------------------- */

/* The host's own, registered ahead of any call of weft's: where there is a node to ask, what does it say? */
static weft_node *asked_at_fork;
static weft_error said_at_fork;

static void host_at_fork(void)
{
    weft_node_stats stats;
    if (asked_at_fork) said_at_fork = weft_node_stats_get(asked_at_fork, &stats);
}

/* The first test: nothing was opened yet. */
static void who_forks_before_the_first_node_can_use_weft_in_both(void **state)
{
    (void)state;
    uint64_t start_time;
    check_eq(pthread_atfork(NULL, NULL, host_at_fork), 0);
    check_ok(weft_process_start_time(getpid(), &start_time)); /* makes nothing that a child could miss */
    pid_t child = fork();
    if (child == 0) {
        alarm(CHILD_S);
        use();
        pid_t grandchild = fork(); /* of one that used weft */
        if (grandchild == 0) {
            weft_node *node;
            thread_check_err(weft_node_open(NULL, &node), WEFT_EFORKED);
            _exit(0);
        }
        check_child(grandchild, 0);
        _exit(0);
    }
    use();
    check_child(child, 0);
}

/* --- everywhere ------------------------------------------------------------------------------- */

static void every_call_has_a_row(void **state)
{
    (void)state;
    calls_check_complete();
}

static void every_call_is_refused_in_a_child_of_an_idle_process(void **state)
{
    (void)state;
    for (uint32_t threads = 2; threads <= 4; threads += 2) {
        struct cast cast;
        cast_open(&cast, threads, NULL);
        fork_all(&cast);
        cast_close(&cast);
    }
}

/* An allocator that forks when told to: the core's lock is held then. */
struct forking {
    struct cast *cast;
    bool due;
    unsigned forks;
};

static void *forking_alloc(void *context, size_t size)
{
    struct forking *forking = context;
    if (forking->due) {
        forking->due = false;
        forking->forks++;
        fork_all(forking->cast);
    }
    return malloc(size);
}

static void forking_free(void *context, void *block)
{
    (void)context;
    free(block);
}

static void no_call_touches_a_lock(void **state)
{
    (void)state;
    struct cast cast;
    struct forking forking = {.cast = &cast};
    const weft_allocator allocator = {.alloc = forking_alloc, .free = forking_free, .context = &forking};
    cast_open(&cast, 2, &allocator);
    forking.due = true;
    check_ok(weft_channel_declare(cast.node, "dispatch.test.declared_under_the_lock", NULL));
    check_eq(forking.forks, 1);
    cast_close(&cast);
}

/* Where users' code runs. 0 threads: only the host's, lent. */
struct place {
    struct cast *cast;
    weft_group *group;
    struct event done;
};

static void fork_in_handler(weft_task *task, void *context)
{
    struct place *place = context;
    fork_all(place->cast);
    thread_check_ok(weft_task_progress(task, WEFT_TEXT("half of it")));
    thread_check_ok(weft_task_complete(task, weft_task_payload(task)));
    event_give(&place->done);
}

static void fork_in_updated(const weft_update *update, void *context)
{
    struct place *place = context;
    thread_check_eq(update->kind, WEFT_UPDATE_PROGRESS);
    fork_all(place->cast);
    event_give(&place->done);
}

static void fork_in_ended(const weft_reply *reply, void *context)
{
    struct place *place = context;
    thread_check_eq(reply->outcome, WEFT_COMPLETED);
    fork_all(place->cast);
    event_give(&place->done);
}

static void fork_in_cancelled(weft_task *task, void *context)
{
    struct place *place = context;
    (void)task;
    fork_all(place->cast);
    event_give(&place->done);
}

static void fork_in_heard(const weft_event *event, void *context)
{
    struct place *place = context;
    (void)event;
    fork_all(place->cast);
    event_give(&place->done);
}

static bool fork_in_found(const weft_channel_info *info, void *context)
{
    struct place *place = context;
    (void)info;
    fork_all(place->cast);
    event_give(&place->done);
    return false;
}

static void *fork_in_state_new(void *context)
{
    struct place *place = context;
    fork_all(place->cast);
    return place;
}

static void fork_in_state_free(void *state)
{
    struct place *place = state;
    fork_all(place->cast);
}

static void *lend(void *group)
{
    thread_check_err(weft_group_run(group, WEFT_FOREVER), WEFT_ECLOSED);
    return NULL;
}

static void fork_wherever_users_code_runs(uint32_t threads, uint32_t flags)
{
    struct cast cast;
    struct place place = {.cast = &cast};
    weft_group_options group = WEFT_GROUP_OPTIONS;
    weft_worker_options options = WEFT_WORKER_OPTIONS;
    weft_dispatch_options dispatched = WEFT_DISPATCH_OPTIONS;
    weft_subscribe_options heard = WEFT_SUBSCRIBE_OPTIONS;
    weft_subscription *subscription;
    weft_worker *worker;
    weft_task *task;
    pthread_t lent;
    cast_open(&cast, 2, NULL);
    group.threads = threads;
    check_ok(weft_group_open(cast.node, &group, &place.group));
    if (!threads) lent = start(lend, place.group);
    check_ok(weft_channel_declare(cast.node, CHANNEL, NULL));
    options.flags = flags;
    if (!flags) options.group = place.group;
    options.state_new = fork_in_state_new;
    options.state_free = fork_in_state_free;
    check_ok(weft_worker_register(cast.node, CHANNEL, fork_in_handler, &place, &options, &worker));

    dispatched.updated = fork_in_updated;
    dispatched.updated_context = &place;
    check_ok(weft_dispatch_async(cast.node, CHANNEL, WEFT_TEXT("1"), &dispatched, fork_in_ended, &place, 0, NULL));
    event_await(&place.done, 3); /* handler, updated and ended */
    check_ok(weft_worker_next(cast.pull, 0, &task));
    check_ok(weft_task_on_cancel(task, fork_in_cancelled, &place));
    check_ok(weft_dispatch_cancel(cast.node, weft_task_dispatch(task)));
    event_await(&place.done, 4);
    check_ok(weft_task_acknowledge_cancel(task));
    check_ok(weft_channel_find(cast.node, CHANNEL, fork_in_found, &place));
    event_await(&place.done, 5);
    heard.group = place.group;
    check_ok(weft_subscribe(cast.node, CALLS_NEWS, fork_in_heard, &place, &heard, &subscription));
    check_ok(weft_publish(cast.node, CALLS_NEWS, WEFT_TEXT("1"), NULL, NULL));
    event_await(&place.done, 6);
    check_ok(weft_unsubscribe(subscription));
    check_ok(weft_worker_unregister(worker));
    cast_close(&cast);
    if (!threads) join(lent);
}

static void and_wherever_users_code_runs_on_lent_threads(void **state)
{
    (void)state;
    fork_wherever_users_code_runs(0, 0);
}

static void and_on_one_thread(void **state)
{
    (void)state;
    fork_wherever_users_code_runs(1, 0);
}

static void and_on_several(void **state)
{
    (void)state;
    fork_wherever_users_code_runs(4, 0);
}

static void and_inline(void **state)
{
    (void)state;
    fork_wherever_users_code_runs(1, WEFT_INLINE);
}

/* Other threads are inside calls, of whichever lock: the node's, the process's, that of the table of threads. */
struct crowd {
    weft_node *node;
    atomic_bool enough;
    atomic_uint rounds[4];
};

static void *dispatch_on(void *argument)
{
    struct crowd *crowd = argument;
    while (!crowd->enough) {
        weft_reply reply;
        thread_check_ok(weft_dispatch(crowd->node, CALLS_ECHO, WEFT_TEXT("1"), NULL, &reply));
        weft_reply_release(&reply);
        crowd->rounds[0]++;
    }
    return NULL;
}

static void *register_on(void *argument)
{
    struct crowd *crowd = argument;
    while (!crowd->enough) {
        weft_worker *worker;
        thread_check_ok(weft_worker_register(crowd->node, CALLS_ECHO, echo, NULL, NULL, &worker));
        thread_check_ok(weft_worker_unregister(worker));
        crowd->rounds[1]++;
    }
    return NULL;
}

static void *open_on(void *argument)
{
    struct crowd *crowd = argument;
    while (!crowd->enough) {
        weft_node *node;
        thread_check_ok(weft_node_default(&node));
        thread_check_ok(weft_process_fini(WEFT_FOREVER));
        crowd->rounds[2]++;
    }
    return NULL;
}

static void *die(void *node)
{
    weft_participant *participant;
    thread_check_ok(weft_participant_thread(node, NULL, &participant));
    weft_participant_release(participant);
    return NULL;
}

static void *die_on(void *argument)
{
    struct crowd *crowd = argument;
    while (!crowd->enough) {
        pthread_t thread;
        thread_check_eq(pthread_create(&thread, NULL, die, crowd->node), 0);
        thread_check_eq(pthread_join(thread, NULL), 0);
        crowd->rounds[3]++;
    }
    return NULL;
}

static void and_while_other_threads_are_inside(void **state)
{
    (void)state;
    struct cast cast;
    cast_open(&cast, 4, NULL);
    struct crowd crowd = {.node = cast.node};
    void *(*const mains[])(void *) = {dispatch_on, register_on, open_on, die_on};
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        threads[i] = start(mains[i], &crowd);
    for (int i = 0; i < 4; i++)
        while (!crowd.rounds[i])
            sched_yield();
    for (int round = 0; round < 40; round++) {
        pid_t child = fork();
        if (child == 0) child_calls_everything(&cast);
        check_child(child, 0);
    }
    crowd.enough = true;
    for (int i = 0; i < 4; i++)
        join(threads[i]);
    cast_close(&cast);
}

/* --- on the way out --------------------------------------------------------------------------- */

/* In place of the leak sanitizer's look at memory that only the parent's threads know. */
static void end_quietly(void)
{
    _exit(0);
}

/* The fork is in a thread that is a participant; the child ends as threads and processes end by themselves. */
static void *fork_and_return(void *argument)
{
    struct cast *cast = argument;
    weft_participant *participant;
    thread_check_ok(weft_participant_thread(cast->node, NULL, &participant));
    weft_participant_release(participant);
    pid_t child = fork();
    if (child == 0) {
        alarm(CHILD_S);
        atexit(end_quietly);
        return NULL; /* the only thread: the process exits with 0 */
    }
    check_child(child, 0);
    return NULL;
}

static void a_childs_only_thread_may_return(void **state)
{
    (void)state;
    struct cast cast;
    weft_node_stats stats;
    cast_open(&cast, 2, NULL);
    join(start(fork_and_return, &cast));
    check_ok(weft_node_stats_get(cast.node, &stats));
    check_eq(stats.deaths, 1);
    cast_close(&cast);
}

static void a_host_that_cleans_up_in_the_child_is_told(void **state)
{
    (void)state;
    struct cast cast;
    cast_open(&cast, 2, NULL);
    asked_at_fork = cast.node;
    pid_t child = fork();
    if (child == 0) {
        alarm(CHILD_S);
        thread_check_err(said_at_fork, WEFT_EFORKED);
        _exit(0);
    }
    check_child(child, 0);
    check_ok(said_at_fork);
    asked_at_fork = NULL;
    cast_close(&cast);
}

/* --- not noticed ------------------------------------------------------------------------------ */

static void spawning_goes_unnoticed(void **state)
{
    (void)state;
    char *arguments[] = {"api_fork", "--use", NULL};
    weft_reply reply;
    struct cast cast;
    pid_t child;
    cast_open(&cast, 2, NULL);
    check_eq(posix_spawn(&child, "/proc/self/exe", NULL, NULL, arguments, environ), 0);
    check_child(child, 0);
    child = vfork();
    if (child == 0) {
        execv("/proc/self/exe", arguments);
        _exit(127);
    }
    check_child(child, 0);
    check_ok(weft_dispatch(cast.node, CALLS_ECHO, WEFT_TEXT("1"), NULL, &reply));
    check_reply_text(&reply, "1");
    cast_close(&cast);
}

/* --- returning -------------------------------------------------------------------------------- */

/* A child that forgets where it is. Its standard error goes to a pipe. */
struct astray {
    int pipe[2];
    pid_t child;
    struct event forked;
};

static void go_astray(struct astray *astray)
{
    thread_check_eq(pipe(astray->pipe), 0);
    pid_t child = fork();
    if (child == 0) {
        alarm(CHILD_S);
        dup2(astray->pipe[1], STDERR_FILENO);
        return;
    }
    astray->child = child;
    close(astray->pipe[1]);
    event_give(&astray->forked);
}

static void return_from_handler(weft_task *task, void *context)
{
    go_astray(context);
    (void)weft_task_complete(task, weft_task_payload(task));
}

static void return_from_ended(const weft_reply *reply, void *context)
{
    (void)reply;
    if (!((struct astray *)context)->child) go_astray(context);
}

static void check_stopped(struct astray *astray)
{
    char line[512];
    int status;
    event_await(&astray->forked, 1);
    ssize_t size = read(astray->pipe[0], line, sizeof line - 1);
    check_true(size > 0);
    line[size] = '\0';
    check_str(line,
              "weft: a child that was forked in a handler or callback has returned from it: it must exec or _exit "
              "there\n");
    check_eq(waitpid(astray->child, &status, 0), astray->child);
    check_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    close(astray->pipe[0]);
}

static void a_child_that_returns_from_a_handler_is_stopped(void **state)
{
    (void)state;
    for (uint32_t flags = 0; flags <= WEFT_INLINE; flags += WEFT_INLINE) {
        struct astray astray = {.child = 0};
        weft_node *node = open_node();
        weft_worker_options options = WEFT_WORKER_OPTIONS;
        weft_worker *worker;
        options.flags = flags;
        check_ok(weft_worker_register(node, CHANNEL, return_from_handler, &astray, &options, &worker));
        weft_reply reply = dispatch(node, CHANNEL, "1");
        check_reply_text(&reply, "1");
        check_stopped(&astray);
        check_ok(weft_node_close(node, WEFT_FOREVER));
    }
}

static void a_child_that_returns_from_a_callback_is_stopped(void **state)
{
    (void)state;
    struct astray astray = {.child = 0};
    weft_node *node = open_node();
    register_worker(node, CHANNEL, echo, NULL);
    for (int i = 0; i < 10; i++) /* the others are not called in the child */
        check_ok(weft_dispatch_async(node, CHANNEL, WEFT_TEXT("1"), NULL, return_from_ended, &astray, 0, NULL));
    check_stopped(&astray);
    check_ok(weft_node_close(node, WEFT_FOREVER));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_forks_before_the_first_node_can_use_weft_in_both),
        cmocka_unit_test(every_call_has_a_row),
        cmocka_unit_test(every_call_is_refused_in_a_child_of_an_idle_process),
        cmocka_unit_test(no_call_touches_a_lock),
        cmocka_unit_test(and_wherever_users_code_runs_on_lent_threads),
        cmocka_unit_test(and_on_one_thread),
        cmocka_unit_test(and_on_several),
        cmocka_unit_test(and_inline),
        cmocka_unit_test(and_while_other_threads_are_inside),
        cmocka_unit_test(a_childs_only_thread_may_return),
        cmocka_unit_test(a_host_that_cleans_up_in_the_child_is_told),
        cmocka_unit_test(spawning_goes_unnoticed),
        cmocka_unit_test(a_child_that_returns_from_a_handler_is_stopped),
        cmocka_unit_test(a_child_that_returns_from_a_callback_is_stopped),
    };
    if (argc > 1 && strcmp(argv[1], "--use") == 0) {
        use();
        return 0;
    }
    return cmocka_run_group_tests(tests, set_up, NULL);
}
