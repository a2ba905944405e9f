#include "base/thread.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>

/* A fault that is blocked kills the process past the host's handler: a crash report, a runtime's own SIGSEGV. */
static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};

bool weft__thread_start(pthread_t *thread, const char *name, void *(*main)(void *argument), void *argument)
{
    sigset_t all, before;
    sigfillset(&all);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        sigdelset(&all, faults[i]);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* inherited */
    int failed = pthread_create(thread, NULL, main, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = failed;
    if (failed) return false;
    char cut[16];
    (void)snprintf(cut, sizeof cut, "%.15s", name);
    (void)pthread_setname_np(*thread, cut); /* only for who looks */
    return true;
}

void weft__thread_join(pthread_t thread)
{
    int cancel;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
    (void)pthread_join(thread, NULL);
    pthread_setcancelstate(cancel, NULL);
}
