/* Note ROWS. Other threads take watches off at any time, also while the watched thread goes away. So nothing here lives
 * in the thread: it has a number, kept as its thread-specific value, and its watches stand on one of the rows of a
 * table that is always there, where they carry the number. Numbers are given in turn, so the rows are about equally
 * long. A number is used once: a thread that adds a watch while it is dying, its value taken away by then, gets a new
 * one, and so the loop over the watches of the old number ends.
 *
 * Note FIRING. A watch belongs to its owner again as soon as its `fired` has returned, and that may free it, so its
 * state cannot say that `fired` is running. The dying thread keeps that on its own stack, on a list that removers
 * search. */
#include "link/thread.h"

#include <errno.h>
#include <pthread.h>

#include "base/assert.h"
#include "base/fork.h"
#include "base/lock.h"

enum { ROWS = 1024 };

struct firing {
    const struct thread_watch *watch;
    pthread_t thread;
    struct list_node on_firings;
};

/* set once */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static int key_failure;

/* under the lock (LOCK_PROCESS) */
static struct lock table_lock;
static struct list_node rows[ROWS];
static uintptr_t last_number;
static struct list_node firings;
static pthread_cond_t fired_done = PTHREAD_COND_INITIALIZER;

static void thread_ends(void *value);

static void set_up(void)
{
    weft__lock_init(&table_lock, LOCK_PROCESS);
    for (int i = 0; i < ROWS; i++)
        list_init(&rows[i]);
    list_init(&firings);
    key_failure = weft__fork_arm() ? pthread_key_create(&key, thread_ends) : ENOMEM;
}

static struct list_node *row_of(uintptr_t number)
{
    return &rows[number % ROWS];
}

/* The first watch of that thread for which match (NULL = any) returns true. */
static struct thread_watch *
first_watch(uintptr_t number, bool (*match)(struct thread_watch *watch, const void *context), const void *context)
{
    weft__lock_assert_held(&table_lock);
    struct list_node *row = row_of(number);
    for (struct list_node *node = row->next; node != row; node = node->next) {
        struct thread_watch *watch = list_record(node, struct thread_watch, on_row);
        if (watch->thread == number && (!match || match(watch, context))) return watch;
    }
    return NULL;
}

static void disarm(struct thread_watch *watch)
{
    weft__lock_assert_held(&table_lock);
    list_remove(&watch->on_row);
    watch->thread = 0;
}

/* The calling thread's number, given to it if it has none; 0: out of memory. */
static uintptr_t own_number(void)
{
    weft__lock_assert_held(&table_lock);
    uintptr_t number = (uintptr_t)pthread_getspecific(key);
    if (number) return number;
    number = last_number + 1;
    if (pthread_setspecific(key, (void *)number)) return 0;
    last_number = number;
    return number;
}

weft_error weft__thread_watch_add(struct thread_watch *watch, void (*fired)(struct thread_watch *watch))
{
    pthread_once(&once, set_up);
    if (key_failure) return WEFT_ESYSTEM;
    weft__lock(&table_lock);
    WEFT_ASSERT(!watch->thread);
    uintptr_t number = own_number();
    if (number) {
        watch->fired = fired;
        watch->thread = number;
        list_push_back(row_of(number), &watch->on_row);
    }
    weft__unlock(&table_lock);
    return number ? WEFT_OK : WEFT_ENOMEM;
}

/* Whether another thread runs the watch's `fired`. */
static bool fires_elsewhere(const struct thread_watch *watch)
{
    weft__lock_assert_held(&table_lock);
    for (struct list_node *node = firings.next; node != &firings; node = node->next) {
        struct firing *firing = list_record(node, struct firing, on_firings);
        if (firing->watch == watch) return !pthread_equal(firing->thread, pthread_self());
    }
    return false;
}

/* A thread that was cancelled in pthread_cond_wait would take the lock with it. */
void weft__thread_watch_remove(struct thread_watch *watch)
{
    pthread_once(&once, set_up);
    int cancel;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
    weft__lock(&table_lock);
    if (watch->thread) disarm(watch);
    while (fires_elsewhere(watch))
        pthread_cond_wait(&fired_done, &table_lock.mutex);
    weft__unlock(&table_lock);
    pthread_setcancelstate(cancel, NULL);
}

struct thread_watch *weft__thread_watch_find(bool (*match)(struct thread_watch *watch, const void *context),
                                             const void *context)
{
    pthread_once(&once, set_up);
    uintptr_t number = key_failure ? 0 : (uintptr_t)pthread_getspecific(key);
    if (!number) return NULL;
    weft__lock(&table_lock);
    struct thread_watch *watch = first_watch(number, match, context);
    weft__unlock(&table_lock);
    return watch;
}

/* Gives the lock back for the call. The watch may be gone when `fired` returns. */
static void fire(struct thread_watch *watch)
{
    struct firing firing = {.watch = watch, .thread = pthread_self()};
    disarm(watch);
    list_push_back(&firings, &firing.on_firings);
    weft__unlock(&table_lock);
    watch->fired(watch);
    weft__lock(&table_lock);
    list_remove(&firing.on_firings);
    pthread_cond_broadcast(&fired_done);
}

/* The key's destructor. In a forked child the watches and the lock are copies: those threads live on in the parent, and
 * whoever held the lock at the fork will not give the copy back. */
static void thread_ends(void *value)
{
    if (weft__forked) return;
    struct thread_watch *watch;
    weft__lock(&table_lock);
    while ((watch = first_watch((uintptr_t)value, NULL, NULL)))
        fire(watch);
    weft__unlock(&table_lock);
}
