/* Note RISING. With WEFT_LOCK_CHECK each thread keeps the locks it holds, in the order it took them. As each was
 * allowed only above the one before, the last is the highest, and one comparison checks a lock against all of them;
 * locks given back out of order leave the rest sorted. If every thread takes locks in rising rank, no circle of
 * threads waiting for each other can close. Equal ranks count as reversed: two threads could take the pair crosswise,
 * and the same lock twice is a deadlock by itself. The check comes before the wait, so that it speaks up even on a run
 * where nobody else holds the other lock.
 *
 * Note YIELD. The core's lock is held for as long as what one read has brought takes to enter: too long to spin, and to sleep
 * and be woken costs more than that. So others are let run, the holder among them, before it is slept for. Measured with
 * three busy connections on two processors: a third of the futex calls, half of the switches. */
#include "base/lock.h"

#include <sched.h>
#include <stddef.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/fork.h"

#ifdef WEFT_LOCK_CHECK

enum { HELD_MAX = 8 };

static _Thread_local const struct lock *held[HELD_MAX];
static _Thread_local unsigned held_count;

static const char *rank_name(enum lock_rank rank)
{
    switch (rank) {
    case LOCK_PROCESS: return "process";
    case LOCK_STATION: return "station";
    case LOCK_REMOTE: return "remote";
    case LOCK_NODE: return "node";
    case LOCK_BATCH: return "batch";
    case LOCK_CORE: return "core";
    case LOCK_SESSION: return "session";
    case LOCK_CLERK: return "clerk";
    case LOCK_MONITOR: return "monitor";
    case LOCK_LEAD: return "lead";
    case LOCK_PIPE: return "pipe";
    case LOCK_SEAT: return "seat";
    case LOCK_LOG: return "log";
    }
    return "unknown";
}

static unsigned held_position(const struct lock *lock)
{
    unsigned position = 0;
    while (position < held_count && held[position] != lock)
        position++;
    return position;
}

static void check_take(const struct lock *lock)
{
    if (held_count && held[held_count - 1]->rank >= lock->rank) {
        const struct lock *above = held[held_count - 1];
        char text[128];
        snprintf(text, sizeof text, "lock %s (%d) taken while lock %s (%d) is held", rank_name(lock->rank),
                 (int)lock->rank, rank_name(above->rank), (int)above->rank);
        weft__assert_failed(__FILE__, __LINE__, text);
    }
    WEFT_ASSERT(held_count < HELD_MAX);
    held[held_count++] = lock;
}

static void check_give(const struct lock *lock)
{
    weft__lock_assert_held(lock);
    held_count--;
    for (unsigned position = held_position(lock); position < held_count; position++)
        held[position] = held[position + 1];
}

void weft__lock_assert_held(const struct lock *lock)
{
    if (held_position(lock) < held_count) return;
    char text[64];
    snprintf(text, sizeof text, "lock %s (%d) is not held", rank_name(lock->rank), (int)lock->rank);
    weft__assert_failed(__FILE__, __LINE__, text);
}

#else

static void check_take(const struct lock *lock)
{
    (void)lock;
}

static void check_give(const struct lock *lock)
{
    (void)lock;
}

#endif

enum { YIELDS = 4 };

/* Adaptive: spins for a moment before it sleeps, as our critical sections are shorter than a wake-up. */
void weft__lock_init(struct lock *lock, enum lock_rank rank)
{
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ADAPTIVE_NP);
    int failed = pthread_mutex_init(&lock->mutex, &attributes);
    WEFT_ASSERT(!failed);
    pthread_mutexattr_destroy(&attributes);
    lock->rank = rank;
}

void weft__lock_fini(struct lock *lock)
{
    int failed = pthread_mutex_destroy(&lock->mutex);
    WEFT_ASSERT(!failed);
}

void weft__lock(struct lock *lock)
{
    weft__fork_check();
    check_take(lock);
    for (int i = 0; lock->rank == LOCK_CORE && i < YIELDS; i++) { /* Note YIELD */
        if (!pthread_mutex_trylock(&lock->mutex)) return;
        (void)sched_yield();
    }
    int failed = pthread_mutex_lock(&lock->mutex);
    WEFT_ASSERT(!failed);
}

void weft__unlock(struct lock *lock)
{
    check_give(lock);
    int failed = pthread_mutex_unlock(&lock->mutex);
    WEFT_ASSERT(!failed);
}
