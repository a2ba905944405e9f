/* process.h: the deaths of processes of this host, by pidfd, children or not.
 *
 * One monitor thread sleeps in epoll_wait for all of a node; nothing is polled. A watch is opened (the process is
 * pinned and checked), then armed; `fired` is called once, on the monitor thread, without any lock of this room's held.
 * None of these calls is a cancellation point. */
#ifndef WEFT_LINK_PROCESS_H
#define WEFT_LINK_PROCESS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <weft/types.h>

#include "base/lock.h"

struct process_watch {
    int pidfd; /* -1 = closed */
    int32_t pid;
    bool armed; /* its pidfd stands in the epoll set; under the monitor's lock */
};

struct process_monitor {
    /* set at init */
    void (*fired)(void *context, struct process_watch *watch, weft_cause cause);
    void *context;
    /* under the lock (LOCK_MONITOR) */
    struct lock lock;
    bool started;
    bool stopping;
    uint32_t armed_count;
    struct process_watch *firing; /* its `fired` is being called */
    pthread_cond_t fired_done;    /* firing has changed */
    /* set when started */
    int epoll_fd;
    int wake_fd; /* eventfd; ends the thread's sleep */
    pthread_t thread;
};

/* Starts no thread yet. */
void weft__process_monitor_init(struct process_monitor *monitor,
                                void (*fired)(void *context, struct process_watch *watch, weft_cause cause),
                                void *context);

/* Stops and joins the thread. Every watch was removed before. Harmless on a monitor that never started. The monitor is
 * spent: only init makes it usable again. Not from within `fired`. */
void weft__process_monitor_stop(struct process_monitor *monitor);

/* Pins the process: pidfd_open, then the start time (0 = any) is compared, then that the pidfd is still alive, so that
 * a pid that was reused in between is noticed. WEFT_ENOTFOUND: no such process, another start time, or dead and not yet
 * reaped; WEFT_ESYSTEM: no descriptor, no pidfd or no /proc to be had. On failure the watch is closed. */
weft_error weft__process_watch_open(struct process_watch *watch, int32_t pid, uint64_t start_time);

/* Arms it; starts the monitor thread if need be. `fired` may be called before this returns; the process may be dead
 * already. After `fired` the watch is disarmed but still open. WEFT_ESYSTEM: not armed.
 *
 * The cause is WEFT_CAUSE_EXITED or WEFT_CAUSE_SIGNALED for a child that was not yet reaped, and from Linux 6.15 on
 * also for any process that was reaped already when the monitor looked. It is WEFT_CAUSE_UNKNOWN for all others, and
 * for a child that another thread is reaping at that very moment. Nothing is ever reaped here. */
weft_error weft__process_monitor_add(struct process_monitor *monitor, struct process_watch *watch);

/* Disarms and closes it, armed or not: when this returns, `fired` is not running for it and never will. Called from
 * within `fired`, it does not wait for itself. Any other thread: blocks while `fired` runs for it, so it holds nothing
 * that `fired` waits for. Harmless on a closed watch. */
void weft__process_monitor_remove(struct process_monitor *monitor, struct process_watch *watch);

/* What weft_process_start_time says. WEFT_ENOTFOUND; WEFT_ESYSTEM: no descriptor to be had. */
weft_error weft__process_start_time(int32_t pid, uint64_t *start_time);

#endif
