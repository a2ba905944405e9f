/* lock.h: mutexes with a rank. A thread takes locks in rising rank; test builds (WEFT_LOCK_CHECK) keep the locks a
 * thread holds and abort with both names on a reversed or equal pair. The reason of each edge: docs/locking.md. */
#ifndef WEFT_BASE_LOCK_H
#define WEFT_BASE_LOCK_H

#include <pthread.h>

enum lock_rank {
    LOCK_PROCESS = 5,  /* the default node, the table of owner threads */
    LOCK_STATION = 7,  /* the guests of a listening node */
    LOCK_REMOTE = 8,   /* connections and sessions of one node, timers */
    LOCK_NODE = 10,    /* open and close, groups, participants of one node */
    LOCK_BATCH = 15,   /* what one executor has taken and not handed in; the guard enters the core with it */
    LOCK_CORE = 20,    /* everything in src/core: no call out, no wait while held */
    LOCK_SESSION = 25, /* the line of one session, and its connection */
    LOCK_CLERK = 28,   /* what guests asked, and where it stands */
    LOCK_MONITOR = 30, /* the table of watched processes */
    LOCK_LEAD = 75,    /* who reads for whom of a client node's threads */
    LOCK_PIPE = 80,    /* one pipe: nothing is begun after its close */
    LOCK_SEAT = 85,    /* an aio that another thread cancels */
    LOCK_LOG = 90      /* takes nothing */
};

struct lock {
    pthread_mutex_t mutex;
    enum lock_rank rank;
};

void weft__lock_init(struct lock *lock, enum lock_rank rank);
void weft__lock_fini(struct lock *lock);
void weft__lock(struct lock *lock);
void weft__unlock(struct lock *lock);

/* Aborts in test builds unless the calling thread holds it. */
#ifdef WEFT_LOCK_CHECK
void weft__lock_assert_held(const struct lock *lock);
#else
static inline void weft__lock_assert_held(const struct lock *lock)
{
    (void)lock;
}
#endif

#endif
