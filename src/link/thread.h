/* thread.h: the deaths of threads of this process: return, pthread_exit, cancellation.
 *
 * A watch hangs on the calling thread's thread-specific data, whose destructor the C library runs in the dying thread.
 * Nothing is polled, and nothing is allocated. None of these calls is a cancellation point. Each takes LOCK_PROCESS,
 * the lowest rank: the caller holds no other lock of weft's. The end of the process is no death of a thread. */
#ifndef WEFT_LINK_THREAD_H
#define WEFT_LINK_THREAD_H

#include <stdbool.h>
#include <stdint.h>

#include <weft/types.h>

#include "base/list.h"

/* The caller's memory, all zero before its first use; it may be freed once it has fired or was removed, and when it was
 * never armed. */
struct thread_watch {
    void (*fired)(struct thread_watch *watch); /* called once, in the dying thread, without a lock of this room's */
    /* this room's */
    struct list_node on_row;
    uintptr_t thread; /* its number; 0 = not armed, fired, or removed */
};

/* Watches the calling thread. Its watches fire in the order they were added. `fired` may add another, which fires after
 * the rest, in the next round of destructors; the C library bounds the rounds (PTHREAD_DESTRUCTOR_ITERATIONS), and what
 * was added in the last one never fires. WEFT_ENOMEM; WEFT_ESYSTEM: no thread-specific key to be had, now or ever. */
weft_error weft__thread_watch_add(struct thread_watch *watch, void (*fired)(struct thread_watch *watch));

/* When this returns, `fired` is not running for it and never will (called from within it: does not wait for itself).
 * From any other thread it blocks while `fired` runs for it, so it holds nothing that `fired` waits for; and the
 * `fired` of two threads must not remove each other's watches. Harmless on a watch that is not armed. */
void weft__thread_watch_remove(struct thread_watch *watch);

/* The first watch of the calling thread for which match returns true, or NULL: how a node finds the participant that it
 * made for this thread before. match runs under this room's lock: it compares, and calls nothing of this room's. */
struct thread_watch *weft__thread_watch_find(bool (*match)(struct thread_watch *watch, const void *context),
                                             const void *context);

#endif
