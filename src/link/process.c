/* Note HARVEST. A watch is armed while its pidfd stands in the epoll set, and it goes in and out under the monitor's
 * lock. An event that epoll_wait reported before the lock was taken may name a watch that has been removed, freed, and
 * whose memory is another's by now. So the thread sleeps in an epoll_wait whose event it throws away, takes the lock,
 * and asks again without waiting: what that second call reports is armed, and stays so until the lock is given back.
 * Pidfds are level-triggered and stay readable, so the event thrown away comes again, and nothing is lost.
 *
 * Note PINNED. The pidfd names one process for ever; the pid only while that process was not reaped. /proc/<pid> is
 * read between opening the pidfd and finding, by the pidfd, that the process lives: it cannot have been reaped in
 * between, so what was read under its pid was its own. */
#include "link/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/assert.h"

static int forbid_cancel(void);
static void allow_cancel(int state);
static weft_error start(struct process_monitor *monitor);
static void *watch_processes(void *argument);

/* Opening -------------------------------------------------------------------------------------------------------- */

/* Field 22 of /proc/<pid>/stat. Field 2 is the name in parentheses, and may itself hold spaces and parentheses. */
static bool parse_start_time(const char *stat, uint64_t *start_time)
{
    const char *at = strrchr(stat, ')');
    for (int field = 2; at && field < 22; field++)
        at = strchr(at + 1, ' ');
    if (!at) return false;
    char *end;
    errno = 0;
    unsigned long long value = strtoull(at + 1, &end, 10);
    if (errno || end == at + 1 || *end != ' ') return false;
    *start_time = value;
    return true;
}

static weft_error read_start_time(int32_t pid, uint64_t *start_time)
{
    char path[32], stat[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, stat, sizeof stat - 1);
    int failure = size < 0 ? errno : 0;
    if (fd >= 0) close(fd);
    if (failure) return failure == ENOENT || failure == ESRCH ? WEFT_ENOTFOUND : WEFT_ESYSTEM;
    stat[size] = 0;
    return parse_start_time(stat, start_time) ? WEFT_OK : WEFT_ESYSTEM;
}

weft_error weft__process_start_time(int32_t pid, uint64_t *start_time)
{
    int cancel = forbid_cancel();
    weft_error error = read_start_time(pid, start_time);
    allow_cancel(cancel);
    return error;
}

/* A pidfd is readable from the end of the process's last thread on. */
static bool is_dead(int pidfd)
{
    struct pollfd poll_fd = {.fd = pidfd, .events = POLLIN};
    return poll(&poll_fd, 1, 0) != 0;
}

/* See note PINNED. */
static weft_error check_identity(int pidfd, int32_t pid, uint64_t start_time)
{
    uint64_t found = 0;
    weft_error error = start_time ? read_start_time(pid, &found) : WEFT_OK;
    if (is_dead(pidfd)) return WEFT_ENOTFOUND;
    if (error) return WEFT_ESYSTEM; /* it lives, yet /proc does not show it to us */
    return found == start_time ? WEFT_OK : WEFT_ENOTFOUND;
}

static weft_error open_pinned(int32_t pid, uint64_t start_time, int *pidfd)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0); /* close-on-exec by itself */
    if (fd < 0) {
        /* EINVAL, or ENOENT from Linux 6.14 on: not positive, or the number of a thread. */
        return errno == ESRCH || errno == EINVAL || errno == ENOENT ? WEFT_ENOTFOUND : WEFT_ESYSTEM;
    }
    weft_error error = check_identity(fd, pid, start_time);
    if (error) {
        close(fd);
        return error;
    }
    *pidfd = fd;
    return WEFT_OK;
}

weft_error weft__process_watch_open(struct process_watch *watch, int32_t pid, uint64_t start_time)
{
    *watch = (struct process_watch){.pidfd = -1, .pid = pid};
    int cancel = forbid_cancel();
    weft_error error = open_pinned(pid, start_time, &watch->pidfd);
    allow_cancel(cancel);
    return error;
}

/* The cause ------------------------------------------------------------------------------------------------------ */

/* From <linux/pidfd.h> of Linux 6.15, as far as needed. Older kernels refuse the call or leave the bit out. */
struct pidfd_exit_info {
    uint64_t mask;
    uint64_t cgroup_id;
    uint32_t ids[11];
    int32_t exit_code; /* as waitpid(2) gives it; there once the process was reaped */
};
_Static_assert(sizeof(struct pidfd_exit_info) == 64, "the size is a part of the request's number");

#define PIDFD_EXIT_INFO_REQUEST _IOWR(0xFF, 11, struct pidfd_exit_info)
#define PIDFD_EXIT_INFO_BIT (UINT64_C(1) << 3)

static weft_cause exited(int code)
{
    return (weft_cause){.kind = WEFT_CAUSE_EXITED, .value = code};
}

static weft_cause signaled(int signal, bool core)
{
    return (weft_cause){.kind = WEFT_CAUSE_SIGNALED, .value = signal, .core = core};
}

/* A child that was not reaped is asked by waitid, which leaves it to be reaped by its owner; one that was, by its
 * pidfd. */
static weft_cause cause_of_death(int pidfd)
{
    siginfo_t child = {0};
    if (waitid(P_PIDFD, (id_t)pidfd, &child, WEXITED | WNOHANG | WNOWAIT) == 0 && child.si_pid) {
        if (child.si_code == CLD_EXITED) return exited(child.si_status);
        return signaled(child.si_status, child.si_code == CLD_DUMPED);
    }
    struct pidfd_exit_info info = {.mask = PIDFD_EXIT_INFO_BIT};
    if (ioctl(pidfd, PIDFD_EXIT_INFO_REQUEST, &info) == 0 && info.mask & PIDFD_EXIT_INFO_BIT) {
        int status = info.exit_code;
        return WIFEXITED(status) ? exited(WEXITSTATUS(status)) : signaled(WTERMSIG(status), WCOREDUMP(status));
    }
    return (weft_cause){.kind = WEFT_CAUSE_UNKNOWN};
}

/* The monitor ---------------------------------------------------------------------------------------------------- */

void weft__process_monitor_init(struct process_monitor *monitor,
                                void (*fired)(void *context, struct process_watch *watch, weft_cause cause),
                                void *context)
{
    *monitor = (struct process_monitor){.fired = fired, .context = context, .epoll_fd = -1, .wake_fd = -1};
    weft__lock_init(&monitor->lock, LOCK_MONITOR);
    pthread_cond_init(&monitor->fired_done, NULL);
}

void weft__process_monitor_stop(struct process_monitor *monitor)
{
    int cancel = forbid_cancel();
    weft__lock(&monitor->lock);
    WEFT_ASSERT(monitor->armed_count == 0);
    monitor->stopping = true;
    bool started = monitor->started;
    weft__unlock(&monitor->lock);

    if (started) {
        WEFT_ASSERT(!pthread_equal(pthread_self(), monitor->thread));
        eventfd_write(monitor->wake_fd, 1);
        pthread_join(monitor->thread, NULL);
        close(monitor->wake_fd);
        close(monitor->epoll_fd);
    }
    pthread_cond_destroy(&monitor->fired_done);
    weft__lock_fini(&monitor->lock);
    allow_cancel(cancel);
}

weft_error weft__process_monitor_add(struct process_monitor *monitor, struct process_watch *watch)
{
    int cancel = forbid_cancel();
    weft__lock(&monitor->lock);
    WEFT_ASSERT(!monitor->stopping);
    WEFT_ASSERT(watch->pidfd >= 0);
    WEFT_ASSERT(!watch->armed);
    weft_error error = monitor->started ? WEFT_OK : start(monitor);
    if (!error) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = watch};
        if (epoll_ctl(monitor->epoll_fd, EPOLL_CTL_ADD, watch->pidfd, &event)) {
            error = WEFT_ESYSTEM;
        } else {
            watch->armed = true;
            monitor->armed_count++;
        }
    }
    weft__unlock(&monitor->lock);
    allow_cancel(cancel);
    return error;
}

/* The pidfd is taken out by name: closing it would not do where a forked child has a copy. */
static void disarm(struct process_monitor *monitor, struct process_watch *watch)
{
    weft__lock_assert_held(&monitor->lock);
    int failed = epoll_ctl(monitor->epoll_fd, EPOLL_CTL_DEL, watch->pidfd, NULL);
    WEFT_ASSERT(!failed);
    watch->armed = false;
    monitor->armed_count--;
}

void weft__process_monitor_remove(struct process_monitor *monitor, struct process_watch *watch)
{
    int cancel = forbid_cancel();
    weft__lock(&monitor->lock);
    if (watch->armed) disarm(monitor, watch);
    while (monitor->firing == watch && !pthread_equal(pthread_self(), monitor->thread))
        pthread_cond_wait(&monitor->fired_done, &monitor->lock.mutex);
    int pidfd = watch->pidfd;
    watch->pidfd = -1;
    weft__unlock(&monitor->lock);
    if (pidfd >= 0) close(pidfd);
    allow_cancel(cancel);
}

/* The monitor thread --------------------------------------------------------------------------------------------- */

/* Signals are the host's: the thread is born with all of them blocked. */
static int create_deaf_thread(struct process_monitor *monitor)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failure = pthread_create(&monitor->thread, NULL, watch_processes, monitor);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failure;
}

static weft_error start(struct process_monitor *monitor)
{
    weft__lock_assert_held(&monitor->lock);
    struct epoll_event wake = {.events = EPOLLIN, .data.ptr = NULL};
    monitor->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (monitor->epoll_fd < 0) return WEFT_ESYSTEM;
    monitor->wake_fd = eventfd(0, EFD_CLOEXEC);
    if (monitor->wake_fd < 0) goto no_wake;
    if (epoll_ctl(monitor->epoll_fd, EPOLL_CTL_ADD, monitor->wake_fd, &wake)) goto no_thread;
    if (create_deaf_thread(monitor)) goto no_thread;
    monitor->started = true;
    return WEFT_OK;

no_thread:
    close(monitor->wake_fd);
no_wake:
    close(monitor->epoll_fd);
    return WEFT_ESYSTEM;
}

/* A watch whose process is dead, armed until now; NULL = none, or woken to stop. See note HARVEST. */
static struct process_watch *next_dead(struct process_monitor *monitor)
{
    weft__lock_assert_held(&monitor->lock);
    struct epoll_event event;
    return epoll_wait(monitor->epoll_fd, &event, 1, 0) == 1 ? event.data.ptr : NULL;
}

/* Gives the lock back for the call. The watch may be gone when `fired` returns. */
static void fire(struct process_monitor *monitor, struct process_watch *watch)
{
    disarm(monitor, watch);
    monitor->firing = watch;
    weft__unlock(&monitor->lock);
    monitor->fired(monitor->context, watch, cause_of_death(watch->pidfd));
    weft__lock(&monitor->lock);
    monitor->firing = NULL;
    pthread_cond_broadcast(&monitor->fired_done);
}

static void *watch_processes(void *argument)
{
    struct process_monitor *monitor = argument;
    pthread_setname_np(pthread_self(), "weft-monitor");
    for (;;) {
        struct epoll_event thrown_away;
        int count = epoll_wait(monitor->epoll_fd, &thrown_away, 1, -1);
        WEFT_ASSERT(count == 1 || errno == EINTR);
        weft__lock(&monitor->lock);
        struct process_watch *watch;
        while ((watch = next_dead(monitor)))
            fire(monitor, watch);
        bool stopping = monitor->stopping;
        weft__unlock(&monitor->lock);
        if (stopping) return NULL;
    }
}

/* A thread that was cancelled in close(2) or pthread_cond_wait would take a descriptor or the lock with it. */
static int forbid_cancel(void)
{
    int state;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    return state;
}

static void allow_cancel(int state)
{
    pthread_setcancelstate(state, NULL);
}
