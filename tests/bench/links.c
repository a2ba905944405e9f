/* How soon a dead process's worker is off the registry. Readiness is seen by a thread that does nothing but wait on a
 * pidfd of its own; the entry is pruned at the time that the event `lost` tells, which is read under the lock in the
 * hold that does it. A thread that waits needs its own time to wake, as weft's monitor does: where it wakes later, the
 * difference is 0. */
#include "bench.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weft/weft.h>

enum { DEATHS = 300 };

static atomic_ullong lost_ns;

static void heard(const weft_node_event *event, void *context)
{
    (void)context;
    if (event->kind == WEFT_NODE_WORKER_LOST) atomic_store(&lost_ns, event->at_ns);
}

struct waiter {
    int pidfd;
    uint64_t ready_ns;
};

static void *wait_ready(void *argument)
{
    struct waiter *waiter = argument;
    struct pollfd fd = {.fd = waiter->pidfd, .events = POLLIN};
    while (poll(&fd, 1, -1) < 0 && errno == EINTR)
        continue;
    waiter->ready_ns = bench_now_ns();
    return NULL;
}

static void die_once(weft_node *node, uint64_t *from_ready_ns, uint64_t *from_kill_ns)
{
    weft_worker_options o = WEFT_WORKER_OPTIONS;
    struct waiter waiter;
    weft_worker *worker;
    pthread_t thread;
    pid_t pid = fork();
    if (pid == 0) {
        for (;;)
            pause();
    }
    if (pid < 0 || weft_participant_process(node, NULL, pid, 0, &o.participant) ||
        weft_worker_register(node, "dispatch.bench.links", NULL, NULL, &o, &worker))
        bench_die("watch a child");
    waiter.pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (waiter.pidfd < 0 || pthread_create(&thread, NULL, wait_ready, &waiter)) bench_die("wait on a pidfd");
    atomic_store(&lost_ns, 0);
    usleep(1000); /* until everybody sleeps */
    uint64_t kill_ns = bench_now_ns();
    kill(pid, SIGKILL);
    pthread_join(thread, NULL);
    while (!atomic_load(&lost_ns))
        usleep(50);
    uint64_t pruned_ns = atomic_load(&lost_ns);
    *from_ready_ns = pruned_ns > waiter.ready_ns ? pruned_ns - waiter.ready_ns : 0;
    *from_kill_ns = pruned_ns - kill_ns;
    close(waiter.pidfd);
    weft_worker_unregister(worker);
    weft_participant_release(o.participant);
    waitpid(pid, NULL, 0);
}

static double killed_p99_us;

static double pruned_p99_us(void)
{
    static uint64_t ready[DEATHS], killed[DEATHS];
    const weft_hooks hooks = {.event = heard};
    weft_node_options options = WEFT_NODE_OPTIONS;
    weft_node *node;
    options.hooks = &hooks;
    if (weft_node_open(&options, &node) || weft_channel_declare(node, "dispatch.bench.links", NULL))
        bench_die("open a node");
    for (int i = 0; i < DEATHS; i++)
        die_once(node, &ready[i], &killed[i]);
    while (weft_node_close(node, 1000) == WEFT_EBUSY)
        continue;
    qsort(ready, DEATHS, sizeof *ready, bench_by_time);
    qsort(killed, DEATHS, sizeof *killed, bench_by_time);
    killed_p99_us = (double)killed[DEATHS * 99 / 100] / 1e3;
    return (double)ready[DEATHS * 99 / 100] / 1e3;
}

/* Of the deaths that the row before has measured last, or of others. */
static double from_kill_p99_us(void)
{
    if (killed_p99_us <= 0) (void)pruned_p99_us();
    double us = killed_p99_us;
    killed_p99_us = 0;
    return us;
}

const struct bench bench_links[] = {{.name = "link_ready",
                                     .metric = "p99 from a pidfd's readiness to the worker off the registry",
                                     .unit = "us",
                                     .measure = pruned_p99_us,
                                     .against = "goal",
                                     .goal = 200,
                                     .at_most = 1,
                                     .rounds = 3},
                                    {.name = "link_kill",
                                     .metric = "p99 from kill() to the worker off the registry",
                                     .unit = "us",
                                     .measure = from_kill_p99_us,
                                     .against = "goal",
                                     .goal = 10000,
                                     .at_most = 1,
                                     .rounds = 3},
                                    {0}};
