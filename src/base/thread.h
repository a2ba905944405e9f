/* thread.h: how weft starts a thread of its own: named, with every signal blocked but faults, so that signals stay
 * the host's, and its handler of faults is asked for those in users' code, too. */
#ifndef WEFT_BASE_THREAD_H
#define WEFT_BASE_THREAD_H

#include <pthread.h>
#include <stdbool.h>

/* name: copies, cut to 15 bytes. False: errno says why. */
bool weft__thread_start(pthread_t *thread, const char *name, void *(*main)(void *argument), void *argument);

/* Joins it. Not a cancellation point, as no call of weft's is. */
void weft__thread_join(pthread_t thread);

#endif
