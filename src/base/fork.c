/* Note EARLY. The handlers that pthread_atfork has for a child run in the order in which they were registered, and
 * one of the host's may call weft. So ours is registered when the library is loaded (with a program that is linked
 * statically, ahead of its own constructors), and not when the first node is opened. What decides whether it marks
 * the child is `armed`, which the first node sets: who forks before that can use weft in the child, and in the
 * parent. Both go through one pthread_once, for a constructor that runs before ours may open a node. pthread_once is
 * also what glibc keeps usable in a child that is forked while another thread is inside of it. */
#include "base/fork.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

bool weft__forked;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int failure;
static atomic_bool armed;

static void mark_child(void)
{
    if (atomic_load_explicit(&armed, memory_order_relaxed)) weft__forked = true;
}

static void watch_forks(void)
{
    failure = pthread_atfork(NULL, NULL, mark_child);
}

__attribute__((constructor(101))) static void watch_forks_early(void)
{
    (void)pthread_once(&once, watch_forks);
}

bool weft__fork_arm(void)
{
    watch_forks_early();
    if (!failure) atomic_store_explicit(&armed, true, memory_order_relaxed);
    return !failure;
}

_Noreturn void weft__fork_stop(void)
{
    static const char line[] = "weft: a child that was forked in a handler or callback has returned from it: it must "
                               "exec or _exit there\n";
    ssize_t ignored = write(STDERR_FILENO, line, sizeof line - 1);
    (void)ignored;
    abort();
}
