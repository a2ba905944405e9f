/* process.h promises:
 *   - a start time is field 22 of /proc/<pid>/stat, whatever the process is called; there is none without a process
 *   - open refuses a process with another start time, one that is dead, reaped or not, and what is no process; it keeps
 *     no descriptor then; a process that got a dead one's pid is not taken for it
 *   - open and add report a lack of descriptors or threads, change nothing, and work when called again
 *   - descriptors are close-on-exec
 *   - `fired` is called once for each watch, also for many at once and for several on one process, also if the process
 *     was dead when the watch was armed, and not before the last thread of the process has ended
 *   - the cause has a child's exit code, or its signal and whether it dumped core; the child is left to be reaped
 *   - a process that is no child is watched as well, and its cause is unknown, or known if the kernel says
 *   - a removed watch never fires, and its memory may be freed at once, also where remove races with the death
 *   - remove waits for `fired` if it runs for the watch, but not within `fired`; there it may remove any watch
 *   - a thread that is cancelled while it waits in remove finishes it first
 *   - the monitor starts no thread before the first add; stop leaves no thread and no descriptor
 *   - `fired` runs on a thread called weft-monitor, which takes no signals, and may open and add
 */
#include "link/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/list.h"
#include "lib/check.h"

/* The children ----------------------------------------------------------------------------------------------------- */

enum { CODE = 256 }; /* END: an exit code, or CODE + a signal that the child sends itself */

/* A child that waits until it is released, and then ends as it was told. */
struct child {
    pid_t pid;
    int gate; /* closed = released; -1 = was closed */
};

static _Noreturn void end_as_told(int end)
{
    if (end > CODE) {
        signal(end - CODE, SIG_DFL);
        raise(end - CODE);
    }
    _exit(end);
}

static void wait_for_end_of_file(int fd)
{
    char byte;
    while (read(fd, &byte, 1) < 0 && errno == EINTR) {
    }
}

static struct child start_child(int end)
{
    int gate[2];
    check_eq(pipe2(gate, O_CLOEXEC), 0);
    pid_t pid = fork();
    check_true(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(gate[1]);
        wait_for_end_of_file(gate[0]);
        end_as_told(end);
    }
    close(gate[0]);
    return (struct child){.pid = pid, .gate = gate[1]};
}

/* A child that executes this test again, in the role. */
static struct child exec_child(const char *role)
{
    int gate[2];
    check_eq(pipe2(gate, O_CLOEXEC), 0);
    pid_t pid = fork();
    check_true(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(gate[0], STDIN_FILENO);
        execl("/proc/self/exe", "process_watch", role, (char *)NULL);
        _exit(127);
    }
    close(gate[0]);
    return (struct child){.pid = pid, .gate = gate[1]};
}

static void release_child(struct child *child)
{
    close(child->gate);
    child->gate = -1;
}

/* Returns when it is a zombie. */
static void await_death(const struct child *child)
{
    siginfo_t info;
    check_eq(waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOWAIT), 0);
}

static int reap_child(struct child *child)
{
    int status;
    if (child->gate >= 0) release_child(child);
    check_eq(waitpid(child->pid, &status, 0), child->pid);
    return status;
}

static void kill_child(struct child *child)
{
    check_eq(kill(child->pid, SIGKILL), 0);
}

/* What was fired --------------------------------------------------------------------------------------------------- */

/* A watch, and what `fired` said of it. */
struct target {
    struct process_watch watch;
    atomic_uint count;
    weft_cause cause;
    char thread_name[32];
    sigset_t blocked;
    void (*inside)(struct target *target); /* called by `fired`; NULL = nothing */
    struct target *other;                  /* for inside */
};

static struct process_monitor monitor;
static sem_t fired_count;

static void await_fired(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        while (sem_wait(&fired_count))
            check_eq(errno, EINTR);
    }
}

static void target_fired(void *context, struct process_watch *watch, weft_cause cause)
{
    thread_check_true(context == &fired_count);
    struct target *target = list_record(watch, struct target, watch);
    target->cause = cause;
    pthread_getname_np(pthread_self(), target->thread_name, sizeof target->thread_name);
    pthread_sigmask(SIG_SETMASK, NULL, &target->blocked);
    atomic_fetch_add(&target->count, 1);
    if (target->inside) target->inside(target);
    sem_post(&fired_count); /* not target's: inside may have freed it */
}

static struct target *watch_pid(pid_t pid)
{
    struct target *target = calloc(1, sizeof *target);
    check_true(target);
    check_ok(weft__process_watch_open(&target->watch, pid, 0));
    return target;
}

static struct target *watch_child(const struct child *child)
{
    return watch_pid(child->pid);
}

static void arm(struct target *target)
{
    check_ok(weft__process_monitor_add(&monitor, &target->watch));
}

static void forget(struct target *target)
{
    weft__process_monitor_remove(&monitor, &target->watch);
    free(target);
}

static void check_cause(weft_cause got, weft_cause_kind kind, int32_t value)
{
    check_eq(got.kind, kind);
    check_eq(got.value, value);
}

/* Entries of /proc/self/NAME: threads or descriptors. */
static unsigned count_own(const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/%s", name);
    DIR *directory = opendir(path);
    check_true(directory);
    unsigned count = 0;
    for (const struct dirent *entry; (entry = readdir(directory));)
        count += entry->d_name[0] != '.';
    closedir(directory);
    return count;
}

/* Lets the process have up to three descriptors more. Returns the limit to go back to. */
static struct rlimit limit_descriptors(unsigned more)
{
    int next[4]; /* the numbers it would get */
    for (unsigned i = 0; i < 4; i++)
        next[i] = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
    for (unsigned i = 0; i < 4; i++)
        check_eq(close(next[i]), 0);
    struct rlimit before, limit;
    check_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    limit = (struct rlimit){.rlim_cur = (rlim_t)next[more], .rlim_max = before.rlim_max};
    check_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    return before;
}

/* A thread that was joined may stand in /proc for a moment more. */
static void await_threads(unsigned count)
{
    while (count_own("task") > count)
        sched_yield();
}

static unsigned threads_at_start;

static void *note_tid(void *argument)
{
    *(pid_t *)argument = gettid();
    return NULL;
}

/* With the thread that a sanitizer starts beside the first one of ours. */
static void count_threads_at_start(void)
{
    pthread_t thread;
    pid_t tid;
    if (pthread_create(&thread, NULL, note_tid, &tid)) abort();
    pthread_join(thread, NULL);
    while (tgkill(getpid(), tid, 0) == 0)
        sched_yield();
    threads_at_start = count_own("task");
}

static int set_up(void **state)
{
    (void)state;
    weft__process_monitor_init(&monitor, target_fired, &fired_count);
    return sem_init(&fired_count, 0, 0);
}

static int tear_down(void **state)
{
    (void)state;
    weft__process_monitor_stop(&monitor);
    return sem_destroy(&fired_count);
}

/* Start times ------------------------------------------------------------------------------------------------------ */

static uint64_t boot_ticks(void)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    uint64_t per_s = (uint64_t)sysconf(_SC_CLK_TCK);
    return (uint64_t)now.tv_sec * per_s + (uint64_t)now.tv_nsec * per_s / 1000000000;
}

static void start_time_is_when_the_process_was_started(void **state)
{
    (void)state;
    uint64_t before = boot_ticks(), start_time;
    struct child child = start_child(0);
    uint64_t after = boot_ticks();
    check_ok(weft__process_start_time(child.pid, &start_time));
    check_true(start_time + 1 >= before && start_time <= after); /* the kernel's two clocks may differ by a tick */
    reap_child(&child);
}

static void start_time_is_read_past_any_name(void **state)
{
    (void)state;
    static const char *const names[] = {"a b", "a) S 1 2 3", ")", "(((", ") ) ) 7 8 9", "", "\n) R 5\n"};
    char before[16];
    uint64_t plain, odd;
    prctl(PR_GET_NAME, before);
    check_ok(weft__process_start_time(getpid(), &plain));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        check_eq(prctl(PR_SET_NAME, names[i]), 0);
        check_ok(weft__process_start_time(getpid(), &odd));
        check_eq(odd, plain);
    }
    prctl(PR_SET_NAME, before);
}

static void start_time_of_no_process_is_not_found(void **state)
{
    (void)state;
    uint64_t start_time = 77;
    struct child child = start_child(0);
    reap_child(&child);
    check_err(weft__process_start_time(child.pid, &start_time), WEFT_ENOTFOUND);
    check_err(weft__process_start_time(0, &start_time), WEFT_ENOTFOUND);
    check_err(weft__process_start_time(-1, &start_time), WEFT_ENOTFOUND);
    check_err(weft__process_start_time(INT32_MIN, &start_time), WEFT_ENOTFOUND);
    check_eq(start_time, 77);
}

static void start_time_reports_a_lack_of_descriptors(void **state)
{
    (void)state;
    uint64_t start_time = 77;
    struct rlimit before = limit_descriptors(0);
    weft_error error = weft__process_start_time(getpid(), &start_time);
    setrlimit(RLIMIT_NOFILE, &before);
    check_err(error, WEFT_ESYSTEM);
    check_eq(start_time, 77);
}

/* Open ------------------------------------------------------------------------------------------------------------- */

static void refuses(pid_t pid, uint64_t start_time)
{
    struct process_watch watch;
    unsigned descriptors = count_own("fd");
    check_err(weft__process_watch_open(&watch, pid, start_time), WEFT_ENOTFOUND);
    check_eq(watch.pidfd, -1);
    check_eq(count_own("fd"), descriptors);
    weft__process_monitor_remove(&monitor, &watch);
}

static void open_compares_the_start_time(void **state)
{
    (void)state;
    uint64_t start_time;
    struct process_watch watch;
    struct child child = start_child(0);
    check_ok(weft__process_start_time(child.pid, &start_time));
    refuses(child.pid, start_time + 1);
    refuses(child.pid, start_time - 1);
    refuses(child.pid, UINT64_MAX);
    check_ok(weft__process_watch_open(&watch, child.pid, start_time));
    check_eq(watch.pid, child.pid);
    weft__process_monitor_remove(&monitor, &watch);
    reap_child(&child);
}

static void open_refuses_the_dead(void **state)
{
    (void)state;
    uint64_t start_time;
    struct child child = start_child(0);
    check_ok(weft__process_start_time(child.pid, &start_time));
    release_child(&child);
    await_death(&child);
    refuses(child.pid, 0);
    refuses(child.pid, start_time);
    reap_child(&child);
    refuses(child.pid, 0);
    refuses(child.pid, start_time);
}

static sem_t thread_may_end;

static void *note_tid_and_wait(void *argument)
{
    atomic_store((atomic_int *)argument, gettid());
    while (sem_wait(&thread_may_end)) {
    }
    return NULL;
}

static void open_refuses_what_is_no_process(void **state)
{
    (void)state;
    refuses(0, 0);
    refuses(-1, 0);
    refuses(INT32_MIN, 0);

    pthread_t thread;
    atomic_int tid = 0;
    sem_init(&thread_may_end, 0, 0);
    check_eq(pthread_create(&thread, NULL, note_tid_and_wait, &tid), 0);
    while (!atomic_load(&tid))
        sched_yield();
    refuses(tid, 0);
    sem_post(&thread_may_end);
    check_eq(pthread_join(thread, NULL), 0);
}

/* Starts a child under the pid of a dead one; 0: that is not allowed here. */
static pid_t start_child_as(pid_t pid)
{
    struct clone_request {
        uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size,
            cgroup;
    } request = {.exit_signal = SIGCHLD, .set_tid = (uint64_t)(uintptr_t)&pid, .set_tid_size = 1};
    pid_t child = (pid_t)syscall(SYS_clone3, &request, sizeof request);
    if (child == 0) {
        syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            syscall(SYS_pause);
    }
    return child < 0 ? 0 : child;
}

static void open_and_fired_are_not_fooled_by_a_reused_pid(void **state)
{
    (void)state;
    uint64_t start_time, later;
    struct child child = start_child(3);
    struct target *old = watch_child(&child);
    check_ok(weft__process_start_time(child.pid, &start_time));
    reap_child(&child);

    pid_t stranger;
    do {
        stranger = start_child_as(child.pid);
        if (!stranger) break;
        check_eq(stranger, child.pid);
        check_ok(weft__process_start_time(stranger, &later));
        if (later != start_time) break;
        kill(stranger, SIGKILL); /* born in the same tick */
        check_eq(waitpid(stranger, NULL, 0), stranger);
    } while (true);

    arm(old); /* its process is dead, whoever has the pid now */
    await_fired(1);
    check_true(old->cause.kind == WEFT_CAUSE_UNKNOWN ||
               (old->cause.kind == WEFT_CAUSE_EXITED && old->cause.value == 3));
    forget(old);
    if (!stranger) {
        print_message("a pid cannot be chosen here: the half with a reused one is skipped\n");
        return;
    }
    refuses(stranger, start_time);
    struct process_watch watch;
    check_ok(weft__process_watch_open(&watch, stranger, later));
    weft__process_monitor_remove(&monitor, &watch);
    kill(stranger, SIGKILL);
    check_eq(waitpid(stranger, NULL, 0), stranger);
}

static void open_sets_close_on_exec(void **state)
{
    (void)state;
    struct process_watch watch;
    check_ok(weft__process_watch_open(&watch, getpid(), 0));
    check_true(fcntl(watch.pidfd, F_GETFD) & FD_CLOEXEC);
    check_ok(weft__process_monitor_add(&monitor, &watch));
    check_true(fcntl(monitor.epoll_fd, F_GETFD) & FD_CLOEXEC);
    check_true(fcntl(monitor.wake_fd, F_GETFD) & FD_CLOEXEC);
    weft__process_monitor_remove(&monitor, &watch);
}

static void open_reports_a_lack_of_descriptors(void **state)
{
    (void)state;
    uint64_t start_time;
    check_ok(weft__process_start_time(getpid(), &start_time));
    weft_error error = WEFT_OK;
    for (unsigned more = 0; more < 2; more++) { /* the pidfd, the file in /proc */
        struct process_watch watch;
        struct rlimit before = limit_descriptors(more);
        error = weft__process_watch_open(&watch, getpid(), start_time);
        setrlimit(RLIMIT_NOFILE, &before);
        check_err(error, WEFT_ESYSTEM);
        check_eq(watch.pidfd, -1);
    }
    struct process_watch watch;
    struct rlimit before = limit_descriptors(2);
    error = weft__process_watch_open(&watch, getpid(), start_time);
    setrlimit(RLIMIT_NOFILE, &before);
    check_ok(error);
    weft__process_monitor_remove(&monitor, &watch);
}

/* The monitor ------------------------------------------------------------------------------------------------------ */

static void add_reports_a_lack_of_descriptors_and_may_be_called_again(void **state)
{
    (void)state;
    struct child child = start_child(0);
    struct target *target = watch_child(&child);
    unsigned descriptors = count_own("fd");
    await_threads(threads_at_start);
    for (unsigned more = 0; more < 2; more++) { /* the epoll set, the eventfd */
        struct rlimit before = limit_descriptors(more);
        weft_error error = weft__process_monitor_add(&monitor, &target->watch);
        setrlimit(RLIMIT_NOFILE, &before);
        check_err(error, WEFT_ESYSTEM);
        check_eq(count_own("fd"), descriptors);
        check_eq(count_own("task"), threads_at_start);
    }
    arm(target);
    reap_child(&child);
    await_fired(1);
    check_eq(target->count, 1);
    forget(target);
}

static void add_reports_a_lack_of_threads_and_may_be_called_again(void **state)
{
    (void)state;
    struct process_watch watch;
    pthread_attr_t before, huge;
    check_ok(weft__process_watch_open(&watch, getpid(), 0));
    unsigned descriptors = count_own("fd");
    check_eq(pthread_getattr_default_np(&before), 0);
    check_eq(pthread_getattr_default_np(&huge), 0);
    check_eq(pthread_attr_setstacksize(&huge, SIZE_MAX / 4), 0); /* no room for that */
    check_eq(pthread_setattr_default_np(&huge), 0);
    weft_error error = weft__process_monitor_add(&monitor, &watch);
    check_eq(pthread_setattr_default_np(&before), 0);
    pthread_attr_destroy(&before);
    pthread_attr_destroy(&huge);
    check_err(error, WEFT_ESYSTEM);
    check_eq(count_own("fd"), descriptors);
    sigset_t own;
    pthread_sigmask(SIG_SETMASK, NULL, &own);
    check_eq(sigismember(&own, SIGTERM), 0);
    check_ok(weft__process_monitor_add(&monitor, &watch));
    weft__process_monitor_remove(&monitor, &watch);
}

static void monitor_starts_no_thread_before_the_first_add(void **state)
{
    (void)state;
    unsigned descriptors = count_own("fd");
    await_threads(threads_at_start);
    struct process_monitor unused;
    weft__process_monitor_init(&unused, target_fired, NULL);
    check_eq(count_own("task"), threads_at_start);
    check_eq(count_own("fd"), descriptors);
    weft__process_monitor_stop(&unused);
}

static void stop_leaves_no_thread_and_no_descriptor(void **state)
{
    (void)state;
    struct child child = start_child(0);
    unsigned descriptors = count_own("fd");
    await_threads(threads_at_start);
    for (int round = 0; round < 3; round++) {
        struct process_monitor short_lived;
        struct process_watch watch;
        weft__process_monitor_init(&short_lived, target_fired, &fired_count);
        check_ok(weft__process_watch_open(&watch, child.pid, 0));
        check_ok(weft__process_monitor_add(&short_lived, &watch));
        check_eq(count_own("task"), threads_at_start + 1);
        weft__process_monitor_remove(&short_lived, &watch);
        weft__process_monitor_stop(&short_lived);
        await_threads(threads_at_start);
        check_eq(count_own("fd"), descriptors);
    }
    reap_child(&child);
}

static void fired_runs_on_a_deaf_thread_called_weft_monitor(void **state)
{
    (void)state;
    struct child child = start_child(0);
    struct target *target = watch_child(&child);
    arm(target);
    sigset_t own;
    pthread_sigmask(SIG_SETMASK, NULL, &own);
    check_eq(sigismember(&own, SIGTERM), 0);
    reap_child(&child);
    await_fired(1);
    check_str(target->thread_name, "weft-monitor");
    static const int signals[] = {SIGTERM, SIGINT, SIGCHLD, SIGALRM, SIGUSR1, SIGPROF, SIGPIPE};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        check_eq(sigismember(&target->blocked, signals[i]), 1);
    forget(target);
}

/* Causes ----------------------------------------------------------------------------------------------------------- */

/* The cause of a child that ended as told, which afterwards can still be reaped. */
static weft_cause cause_of(int end, int *status)
{
    struct child child = start_child(end);
    struct target *target = watch_child(&child);
    arm(target);
    release_child(&child);
    await_fired(1);
    weft_cause cause = target->cause;
    check_eq(target->count, 1);
    forget(target);
    *status = reap_child(&child);
    return cause;
}

static void cause_has_the_exit_code_of_a_child_which_is_left_to_be_reaped(void **state)
{
    (void)state;
    static const int codes[] = {0, 1, 3, 127, 255};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        int status;
        check_cause(cause_of(codes[i], &status), WEFT_CAUSE_EXITED, codes[i]);
        check_true(WIFEXITED(status));
        check_eq(WEXITSTATUS(status), codes[i]);
    }
}

static void cause_has_the_signal_of_a_child_which_is_left_to_be_reaped(void **state)
{
    (void)state;
    static const int signals[] = {SIGKILL, SIGTERM, SIGUSR1};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        struct child child = start_child(0);
        struct target *target = watch_child(&child);
        arm(target);
        check_eq(kill(child.pid, signals[i]), 0);
        await_fired(1);
        check_cause(target->cause, WEFT_CAUSE_SIGNALED, signals[i]);
        check_true(!target->cause.core);
        forget(target);
        int status = reap_child(&child);
        check_true(WIFSIGNALED(status));
        check_eq(WTERMSIG(status), signals[i]);
    }
}

/* Whether a core is dumped depends on the host; the child's own reaping says. */
static void cause_says_whether_a_child_dumped_core(void **state)
{
    (void)state;
    char directory[] = "/tmp/weft-core-XXXXXX";
    check_true(mkdtemp(directory));
    struct child child = {.gate = -1};
    int gate[2];
    check_eq(pipe2(gate, O_CLOEXEC), 0);
    child.pid = fork();
    check_true(child.pid >= 0);
    if (child.pid == 0) {
        struct rlimit limit;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        getrlimit(RLIMIT_CORE, &limit);
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_CORE, &limit);
        dup2(gate[0], STDIN_FILENO);
        if (chdir(directory)) _exit(126);
        execl("/bin/sh", "sh", "-c", "read line; kill -SEGV $$", (char *)NULL); /* its core is a small one */
        _exit(127);
    }
    close(gate[0]);
    child.gate = gate[1];
    struct target *target = watch_child(&child);
    arm(target);
    release_child(&child);
    await_fired(1);
    int status = reap_child(&child);
    DIR *files = opendir(directory);
    for (const struct dirent *file; (file = readdir(files));)
        unlinkat(dirfd(files), file->d_name, 0);
    closedir(files);
    check_eq(rmdir(directory), 0);

    check_cause(target->cause, WEFT_CAUSE_SIGNALED, SIGSEGV);
    check_eq(target->cause.core, WCOREDUMP(status) ? 1 : 0);
    if (!WCOREDUMP(status)) print_message("this host dumps no core\n");
    forget(target);
}

static void cause_is_told_of_an_executed_program(void **state)
{
    (void)state;
    struct child child = exec_child("exit-7");
    struct target *target = watch_child(&child);
    arm(target);
    release_child(&child);
    await_fired(1);
    check_cause(target->cause, WEFT_CAUSE_EXITED, 7);
    forget(target);
    reap_child(&child);
}

/* Whether this kernel keeps the exit status of a process that was reaped. */
static bool kernel_tells_of_the_reaped(void)
{
    struct child child = start_child(5);
    int pidfd = (int)syscall(SYS_pidfd_open, child.pid, 0);
    check_true(pidfd >= 0);
    reap_child(&child);
    uint64_t info[8] = {8};
    int failed = ioctl(pidfd, _IOWR(0xFF, 11, uint64_t[8]), info);
    close(pidfd);
    return !failed && info[0] & 8;
}

static void cause_of_a_reaped_child_is_what_the_kernel_kept(void **state)
{
    (void)state;
    bool kept = kernel_tells_of_the_reaped();
    static const int ends[] = {0, 3, CODE + SIGKILL, CODE + SIGTERM};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        struct child child = start_child(ends[i]);
        struct target *target = watch_child(&child);
        reap_child(&child);
        arm(target);
        await_fired(1);
        if (!kept) {
            check_cause(target->cause, WEFT_CAUSE_UNKNOWN, 0);
        } else if (ends[i] < CODE) {
            check_cause(target->cause, WEFT_CAUSE_EXITED, ends[i]);
        } else {
            check_cause(target->cause, WEFT_CAUSE_SIGNALED, ends[i] - CODE);
        }
        forget(target);
    }
}

static void grandchild_whose_parent_is_gone_is_watched(void **state)
{
    (void)state;
    int answer[2];
    check_eq(pipe2(answer, O_CLOEXEC), 0);
    pid_t child = fork();
    check_true(child >= 0);
    if (child == 0) {
        pid_t pid = fork();
        if (pid == 0) {
            alarm(60); /* outlives no test that broke off */
            for (;;)
                pause();
        }
        _exit(pid > 0 && write(answer[1], &pid, sizeof pid) == sizeof pid ? 0 : 1);
    }
    pid_t grandchild;
    check_eq(read(answer[0], &grandchild, sizeof grandchild), sizeof grandchild);
    int status;
    check_eq(waitpid(child, &status, 0), child);
    check_eq(status, 0);
    close(answer[0]);
    close(answer[1]);

    struct target *target = watch_pid(grandchild);
    arm(target);
    check_eq(syscall(SYS_pidfd_send_signal, target->watch.pidfd, SIGKILL, NULL, 0), 0);
    await_fired(1);
    check_eq(target->count, 1);
    if (target->cause.kind != WEFT_CAUSE_UNKNOWN) check_cause(target->cause, WEFT_CAUSE_SIGNALED, SIGKILL);
    forget(target);
}

/* Deaths ----------------------------------------------------------------------------------------------------------- */

/* Its letter in /proc. */
static char state_of(pid_t pid)
{
    char path[64], text[512];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = read(fd, text, sizeof text - 1);
    check_true(size > 0);
    close(fd);
    text[size] = 0;
    return strrchr(text, ')')[2];
}

static void process_is_dead_when_its_last_thread_has_ended(void **state)
{
    (void)state;
    struct child child = exec_child("leader-exits"); /* its first thread ends at once, the other reads */
    struct target *target = watch_child(&child);
    arm(target);

    while (state_of(child.pid) != 'Z')
        sched_yield();                             /* until the first thread has ended */
    struct target *sentinel = watch_child(&child); /* not dead to open either */
    struct child other = start_child(0);
    struct target *other_target = watch_child(&other);
    arm(other_target);
    reap_child(&other);
    await_fired(1); /* of a death that came later */
    check_eq(other_target->count, 1);
    check_eq(target->count, 0);

    release_child(&child);
    await_fired(1);
    check_eq(target->count, 1);
    check_cause(target->cause, WEFT_CAUSE_EXITED, 9);
    check_eq(WEXITSTATUS(reap_child(&child)), 9);
    forget(target);
    forget(sentinel);
    forget(other_target);
}

enum { MANY = 200 };

static void two_hundred_processes_that_die_at_once_fire_once_each(void **state)
{
    (void)state;
    static struct child children[MANY];
    static struct target *targets[MANY];
    for (int i = 0; i < MANY; i++) {
        children[i] = start_child(0);
        targets[i] = watch_child(&children[i]);
        arm(targets[i]);
    }
    for (int i = 0; i < MANY; i++)
        kill_child(&children[i]);
    await_fired(MANY);
    for (int i = 0; i < MANY; i++) {
        check_eq(targets[i]->count, 1);
        check_cause(targets[i]->cause, WEFT_CAUSE_SIGNALED, SIGKILL);
    }
    for (int i = 0; i < MANY; i++)
        reap_child(&children[i]);
    for (int i = 0; i < MANY; i++) {
        weft__process_monitor_remove(&monitor, &targets[i]->watch);
        check_eq(targets[i]->count, 1);
        free(targets[i]);
    }
}

static void every_watch_of_a_process_fires(void **state)
{
    (void)state;
    struct child child = start_child(4);
    struct target *targets[20];
    for (int i = 0; i < 20; i++) {
        targets[i] = watch_child(&child);
        arm(targets[i]);
    }
    release_child(&child);
    await_fired(20);
    for (int i = 0; i < 20; i++) {
        check_eq(targets[i]->count, 1);
        check_cause(targets[i]->cause, WEFT_CAUSE_EXITED, 4);
        forget(targets[i]);
    }
    reap_child(&child);
}

static void watch_armed_after_the_death_fires(void **state)
{
    (void)state;
    struct child child = start_child(6);
    struct target *target = watch_child(&child);
    release_child(&child);
    await_death(&child);
    arm(target);
    await_fired(1);
    check_cause(target->cause, WEFT_CAUSE_EXITED, 6);
    forget(target);
    reap_child(&child);
}

/* Removing --------------------------------------------------------------------------------------------------------- */

static void removed_watch_never_fires(void **state)
{
    (void)state;
    struct child child = start_child(0);
    struct target *removed = watch_child(&child), *never_armed = watch_child(&child), *kept = watch_child(&child);
    arm(removed);
    arm(kept);
    weft__process_monitor_remove(&monitor, &removed->watch);
    weft__process_monitor_remove(&monitor, &never_armed->watch);
    check_eq(removed->watch.pidfd, -1);
    check_eq(never_armed->watch.pidfd, -1);
    weft__process_monitor_remove(&monitor, &removed->watch); /* closed: harmless */
    kill_child(&child);
    await_fired(1);
    check_eq(kept->count, 1);
    forget(kept);
    weft__process_monitor_stop(&monitor); /* nothing can fire any more */
    check_eq(removed->count, 0);
    check_eq(never_armed->count, 0);
    free(removed);
    free(never_armed);
    reap_child(&child);
    weft__process_monitor_init(&monitor, target_fired, &fired_count);
}

/* A forked child has copies of the pidfds, which keep an epoll set from forgetting what was merely closed. */
static void removed_watch_never_fires_though_a_forked_child_has_its_descriptor(void **state)
{
    (void)state;
    struct child child = start_child(0);
    struct target *removed = watch_child(&child);
    arm(removed);
    struct child holder = start_child(0);
    forget(removed);
    struct target *kept = watch_child(&child);
    arm(kept);
    kill_child(&child);
    await_fired(1);
    check_eq(kept->count, 1);
    forget(kept);
    reap_child(&child);
    reap_child(&holder);
}

static void remove_self(struct target *target)
{
    weft__process_monitor_remove(&monitor, &target->watch);
    free(target);
}

static void fired_may_remove_its_own_watch_and_free_it(void **state)
{
    (void)state;
    struct child child = start_child(0);
    for (int i = 0; i < 10; i++) {
        struct target *target = watch_child(&child);
        target->inside = remove_self;
        arm(target);
    }
    kill_child(&child);
    await_fired(10);
    reap_child(&child);
}

static atomic_uint survivors;

static void remove_other(struct target *target)
{
    struct target *other = target->other;
    atomic_fetch_add(&survivors, 1);
    thread_check_eq(other->count, 0);
    weft__process_monitor_remove(&monitor, &other->watch);
    weft__process_monitor_remove(&monitor, &target->watch);
    free(other);
    free(target);
}

static void fired_may_remove_another_watch_whose_process_is_dead_too(void **state)
{
    (void)state;
    for (int round = 0; round < 50; round++) {
        struct child child = start_child(0);
        struct target *pair[] = {watch_child(&child), watch_child(&child)};
        pair[0]->inside = pair[1]->inside = remove_other;
        pair[0]->other = pair[1];
        pair[1]->other = pair[0];
        atomic_store(&survivors, 0);
        arm(pair[0]);
        arm(pair[1]);
        struct target *last = watch_child(&child);
        arm(last);
        kill_child(&child);
        await_fired(2); /* of one of the pair, and the last */
        forget(last);
        check_eq(survivors, 1);
        reap_child(&child);
        weft__process_monitor_stop(&monitor);
        check_eq(sem_trywait(&fired_count), -1);
        weft__process_monitor_init(&monitor, target_fired, &fired_count);
    }
}

static void add_other(struct target *target)
{
    thread_check_ok(weft__process_watch_open(&target->other->watch, target->other->watch.pid, 0));
    thread_check_ok(weft__process_monitor_add(&monitor, &target->other->watch));
}

static void fired_may_open_and_add_another_watch(void **state)
{
    (void)state;
    struct child child = start_child(0), second = start_child(8);
    struct target *target = watch_child(&child), *added = calloc(1, sizeof *added);
    check_true(added);
    added->watch.pid = second.pid;
    target->inside = add_other;
    target->other = added;
    arm(target);
    kill_child(&child);
    await_fired(1);
    release_child(&second);
    await_fired(1);
    check_cause(added->cause, WEFT_CAUSE_EXITED, 8);
    forget(target);
    forget(added);
    reap_child(&child);
    reap_child(&second);
}

/* A `fired` that runs until it is let go. */
static sem_t inside_fired, let_go;
static bool finished; /* plain on purpose: remove orders it */

static void run_until_let_go(struct target *target)
{
    (void)target;
    sem_post(&inside_fired);
    while (sem_wait(&let_go)) {
    }
    finished = true;
}

static sem_t removing;

static void *remove_body(void *argument)
{
    struct target *target = argument;
    sem_post(&removing);
    weft__process_monitor_remove(&monitor, &target->watch);
    thread_check_true(finished);
    free(target);
    return &finished;
}

/* A child whose death is being fired, and a thread that removes the watch meanwhile. */
static pthread_t remove_while_fired_runs(struct child *child)
{
    sem_init(&inside_fired, 0, 0);
    sem_init(&let_go, 0, 0);
    sem_init(&removing, 0, 0);
    finished = false;
    *child = start_child(0);
    struct target *target = watch_child(child);
    target->inside = run_until_let_go;
    arm(target);
    kill_child(child);
    while (sem_wait(&inside_fired)) {
    }
    pthread_t remover;
    check_eq(pthread_create(&remover, NULL, remove_body, target), 0);
    while (sem_wait(&removing)) {
    }
    for (int i = 0; i < 100; i++)
        sched_yield(); /* most often it is waiting by then; it must pass either way */
    return remover;
}

static void remove_waits_while_fired_runs(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) {
        struct child child;
        void *result;
        pthread_t remover = remove_while_fired_runs(&child);
        sem_post(&let_go);
        check_eq(pthread_join(remover, &result), 0);
        check_true(result == &finished);
        await_fired(1);
        reap_child(&child);
    }
}

static void remove_of_another_watch_does_not_wait_for_fired(void **state)
{
    (void)state;
    struct child child, other = start_child(0);
    struct target *other_target = watch_child(&other);
    arm(other_target);
    pthread_t remover = remove_while_fired_runs(&child);
    forget(other_target); /* while the `fired` of the first still runs */
    sem_post(&let_go);
    check_eq(pthread_join(remover, NULL), 0);
    await_fired(1);
    reap_child(&child);
    reap_child(&other);
}

static void cancelled_thread_finishes_remove_first(void **state)
{
    (void)state;
    struct child child;
    pthread_t remover = remove_while_fired_runs(&child);
    check_eq(pthread_cancel(remover), 0);
    sem_post(&let_go);
    void *result;
    check_eq(pthread_join(remover, &result), 0);
    check_true(result == &finished);
    await_fired(1);
    reap_child(&child);
}

enum { RACES = 1000, RACES_A_CHILD = 50 };

/* The remover tries to be just as late as the death: it spins for longer if it came first, else for less. */
static int next_delay(int delay, bool was_late)
{
    return was_late ? delay - delay / 8 : delay < 1000000 ? delay + delay / 8 + 10 : 0;
}

static void spin_for(int delay)
{
    for (volatile int spin = 0; spin < delay; spin++) {
    }
}

static atomic_uint race_fired;

static void count_race(struct target *target)
{
    thread_check_eq(target->watch.pidfd < 0, 0);
    atomic_fetch_add(&race_fired, 1);
}

/* The process is dead, so that arming it sets the monitor off, and removing it comes at about the same time; the memory
 * is freed, poisoned and given out again at once. */
static void remove_may_race_with_fired(void **state)
{
    (void)state;
    struct target *targets[RACES_A_CHILD];
    unsigned fired = 0;
    int delay = 0;
    for (int round = 0; round < RACES / RACES_A_CHILD; round++) {
        struct child child = start_child(0);
        for (int i = 0; i < RACES_A_CHILD; i++) {
            targets[i] = watch_child(&child);
            targets[i]->inside = count_race;
        }
        kill_child(&child);
        await_death(&child);
        for (int i = 0; i < RACES_A_CHILD; i++) {
            arm(targets[i]);
            spin_for(delay);
            weft__process_monitor_remove(&monitor, &targets[i]->watch);
            unsigned count = atomic_load(&targets[i]->count);
            fired += count;
            delay = next_delay(delay, count);
            check_true(count <= 1);
            memset((void *)targets[i], 0xA5, sizeof *targets[i]);
            free(targets[i]);
        }
        reap_child(&child);
        check_eq(atomic_load(&race_fired), fired);
    }
    print_message("%u of %d fired, the others were removed before\n", fired, RACES);
    await_fired(fired);
    check_eq(sem_trywait(&fired_count), -1);
}

/* The same with deaths that come on their own, of which the monitor learns at the same time as the remover kills. */
static void remove_may_race_with_a_death(void **state)
{
    (void)state;
    for (int round = 0; round < 100; round++) {
        struct child child = start_child(0);
        struct target *target = watch_child(&child);
        arm(target);
        kill_child(&child);
        if (round % 2) await_death(&child);
        weft__process_monitor_remove(&monitor, &target->watch);
        unsigned count = atomic_load(&target->count);
        check_true(count <= 1);
        free(target);
        await_fired(count);
        reap_child(&child);
    }
    check_eq(sem_trywait(&fired_count), -1);
}

/* Roles of this program as a child --------------------------------------------------------------------------------- */

static void *exit_9_when_told(void *argument)
{
    (void)argument;
    wait_for_end_of_file(STDIN_FILENO);
    _exit(9);
}

static int play(const char *role)
{
    if (strcmp(role, "exit-7") == 0) {
        wait_for_end_of_file(STDIN_FILENO);
        return 7;
    }
    pthread_t thread;
    if (pthread_create(&thread, NULL, exit_9_when_told, NULL)) return 1;
    syscall(SYS_exit, 0); /* this thread's end, not the process's */
    return 1;
}

int main(int argc, char **argv)
{
    if (argc > 1) return play(argv[1]);
    count_threads_at_start();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(start_time_is_when_the_process_was_started),
        cmocka_unit_test(start_time_is_read_past_any_name),
        cmocka_unit_test(start_time_of_no_process_is_not_found),
        cmocka_unit_test(start_time_reports_a_lack_of_descriptors),
        cmocka_unit_test_setup_teardown(open_compares_the_start_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(open_refuses_the_dead, set_up, tear_down),
        cmocka_unit_test_setup_teardown(open_refuses_what_is_no_process, set_up, tear_down),
        cmocka_unit_test_setup_teardown(open_and_fired_are_not_fooled_by_a_reused_pid, set_up, tear_down),
        cmocka_unit_test_setup_teardown(open_sets_close_on_exec, set_up, tear_down),
        cmocka_unit_test_setup_teardown(open_reports_a_lack_of_descriptors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(add_reports_a_lack_of_descriptors_and_may_be_called_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(add_reports_a_lack_of_threads_and_may_be_called_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(monitor_starts_no_thread_before_the_first_add, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stop_leaves_no_thread_and_no_descriptor, set_up, tear_down),
        cmocka_unit_test_setup_teardown(fired_runs_on_a_deaf_thread_called_weft_monitor, set_up, tear_down),
        cmocka_unit_test_setup_teardown(cause_has_the_exit_code_of_a_child_which_is_left_to_be_reaped, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(cause_has_the_signal_of_a_child_which_is_left_to_be_reaped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(cause_says_whether_a_child_dumped_core, set_up, tear_down),
        cmocka_unit_test_setup_teardown(cause_is_told_of_an_executed_program, set_up, tear_down),
        cmocka_unit_test_setup_teardown(cause_of_a_reaped_child_is_what_the_kernel_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(grandchild_whose_parent_is_gone_is_watched, set_up, tear_down),
        cmocka_unit_test_setup_teardown(process_is_dead_when_its_last_thread_has_ended, set_up, tear_down),
        cmocka_unit_test_setup_teardown(two_hundred_processes_that_die_at_once_fire_once_each, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_watch_of_a_process_fires, set_up, tear_down),
        cmocka_unit_test_setup_teardown(watch_armed_after_the_death_fires, set_up, tear_down),
        cmocka_unit_test_setup_teardown(removed_watch_never_fires, set_up, tear_down),
        cmocka_unit_test_setup_teardown(removed_watch_never_fires_though_a_forked_child_has_its_descriptor, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(fired_may_remove_its_own_watch_and_free_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(fired_may_remove_another_watch_whose_process_is_dead_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(fired_may_open_and_add_another_watch, set_up, tear_down),
        cmocka_unit_test_setup_teardown(remove_waits_while_fired_runs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(remove_of_another_watch_does_not_wait_for_fired, set_up, tear_down),
        cmocka_unit_test_setup_teardown(cancelled_thread_finishes_remove_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(remove_may_race_with_fired, set_up, tear_down),
        cmocka_unit_test_setup_teardown(remove_may_race_with_a_death, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
