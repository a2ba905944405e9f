#include "exec/thread.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>

bool weft__thread_start(pthread_t *thread, const char *name, void *(*main)(void *argument), void *argument)
{
    sigset_t all, before;
    sigfillset(&all);
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
