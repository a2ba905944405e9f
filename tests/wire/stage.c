#include "wire/stage.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/lock.h"
#include "base/park.h"
#include "base/thread.h"
#include "schema/seed.h"

enum { THREADS_MAX = 512, STEP_NS = 2000 };

struct thread {
    pthread_t id;
    char name[24];
    sem_t go;
    void *(*main)(void *argument);
    void *argument;
    bool (*ready)(void *context); /* NULL: nothing but time lets it go on */
    void *context;
    uint64_t until_ns;
    bool waits; /* for these */
    bool over;
    bool joined; /* by the library; or nobody will */
};

struct rng stage_rng;
uint64_t stage_now_ns;

static struct thread *threads[THREADS_MAX];
static uint32_t threads_count;
static uint32_t interrupt_in;
static uint64_t (*due)(void);
static uint64_t wall_ns;
static sem_t director;
static _Thread_local struct thread *self; /* NULL: the director */

/* --- taking turns ----------------------------------------------------------------------------- */

static void take_turn(sem_t *mine)
{
    while (sem_wait(mine))
        ; /* a signal has come */
}

static void to_director(void)
{
    sem_post(&director);
    take_turn(&self->go);
}

static void *thread_main(void *argument)
{
    self = argument;
    take_turn(&self->go);
    self->main(self->argument);
    self->over = true;
    sem_post(&director);
    return NULL;
}

static struct thread *start(const char *name, void *(*main)(void *argument), void *argument)
{
    struct thread *thread = calloc(1, sizeof *thread);
    WEFT_ASSERT(thread && threads_count < THREADS_MAX);
    (void)snprintf(thread->name, sizeof thread->name, "%s", name);
    thread->main = main;
    thread->argument = argument;
    sem_init(&thread->go, 0, 0);
    int failed = pthread_create(&thread->id, NULL, thread_main, thread);
    WEFT_ASSERT(!failed);
    threads[threads_count++] = thread;
    return thread;
}

void stage_thread(const char *name, void *(*main)(void *argument), void *argument)
{
    start(name, main, argument)->joined = true;
}

bool stage_await(bool (*ready)(void *context), void *context, uint64_t until_ns)
{
    WEFT_ASSERT(self);
    self->ready = ready;
    self->context = context;
    self->until_ns = until_ns;
    self->waits = true;
    to_director();
    return ready && ready(context);
}

void stage_sleep(uint64_t for_ns)
{
    (void)stage_await(NULL, NULL, stage_now_ns + for_ns);
}

void stage_yield(void)
{
    if (self) to_director();
}

static void interrupt(void)
{
    if (self && rng_once_in(&stage_rng, interrupt_in)) to_director();
}

/* --- directing -------------------------------------------------------------------------------- */

static bool can_go_on(const struct thread *thread)
{
    if (thread->over) return false;
    return !thread->waits || stage_now_ns >= thread->until_ns || (thread->ready && thread->ready(thread->context));
}

static void remove_over(void)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < threads_count; i++) {
        struct thread *thread = threads[i];
        bool gone = thread->over && thread->joined;
        if (!gone) threads[kept++] = thread;
        if (!gone) continue;
        pthread_join(thread->id, NULL);
        sem_destroy(&thread->go);
        free(thread);
    }
    threads_count = kept;
}

static struct thread *choose(void)
{
    struct thread *able[THREADS_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < threads_count; i++)
        if (can_go_on(threads[i])) able[count++] = threads[i];
    return count ? able[rng_below(&stage_rng, count)] : NULL;
}

static uint64_t next_ns(void)
{
    uint64_t first_ns = due ? due() : STAGE_NEVER;
    for (uint32_t i = 0; i < threads_count; i++)
        if (!threads[i]->over && threads[i]->waits && threads[i]->until_ns < first_ns) first_ns = threads[i]->until_ns;
    return first_ns;
}

bool stage_step(void)
{
    WEFT_ASSERT(!self);
    remove_over();
    stage_now_ns += rng_below(&stage_rng, STEP_NS); /* what is done takes time */
    struct thread *thread = choose();
    while (!thread) {
        uint64_t at_ns = next_ns();
        if (at_ns == STAGE_NEVER) return false;
        WEFT_ASSERT(at_ns > stage_now_ns);
        stage_now_ns = at_ns;
        thread = choose();
    }
    thread->waits = false;
    sem_post(&thread->go);
    take_turn(&director);
    return true;
}

void stage_print(void)
{
    for (uint32_t i = 0; i < threads_count; i++)
        printf("  thread %s: %s%s\n", threads[i]->name, threads[i]->over ? "over" : "waits",
               threads[i]->until_ns == STAGE_NEVER ? "" : " for a time");
}

/* --- what is random --------------------------------------------------------------------------- */

static const char *random_name(void)
{
    return "stage";
}

static uint32_t random_number(void)
{
    return (uint32_t)rng_next(&stage_rng);
}

static void random_bytes(void *const to, const size_t size)
{
    for (size_t i = 0; i < size; i++)
        ((unsigned char *)to)[i] = (unsigned char)rng_next(&stage_rng);
}

uint32_t weft__schema_seed(void)
{
    return random_number();
}

void stage_interrupt(uint32_t one_in)
{
    interrupt_in = one_in;
}

void stage_due(uint64_t (*when)(void))
{
    due = when;
}

/* On one processor, since one runs at a time: to hand over costs a third then. */
static void stay_here(void)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET((size_t)sched_getcpu(), &one);
    (void)sched_setaffinity(0, sizeof one, &one);
}

void stage_open(uint64_t seed)
{
    static bool stays;
    if (!stays) stay_here();
    stays = true;
    static randombytes_implementation random_ones = {
        .implementation_name = random_name, .random = random_number, .buf = random_bytes};
    randombytes_set_implementation(&random_ones);
    stage_rng = (struct rng){seed};
    stage_now_ns = NS_PER_S;
    wall_ns = UINT64_C(1700000000) * NS_PER_S;
    interrupt_in = 0;
    due = NULL;
    sem_init(&director, 0, 0);
}

const char *stage_close(void)
{
    remove_over();
    sem_destroy(&director);
    return threads_count ? threads[0]->name : NULL;
}

/* --- in the place of base/clock.c ------------------------------------------------------------- */

uint64_t weft__clock_ns(void)
{
    return stage_now_ns;
}

uint64_t weft__clock_wall_ns(void)
{
    return wall_ns + stage_now_ns;
}

uint64_t weft__clock_after_ms(uint64_t now_ns, uint64_t ms)
{
    return ms > (UINT64_MAX - now_ns) / NS_PER_MS ? UINT64_MAX : now_ns + ms * NS_PER_MS;
}

/* --- in the place of base/lock.c -------------------------------------------------------------- */

void weft__lock_init(struct lock *lock, enum lock_rank rank)
{
    pthread_mutex_init(&lock->mutex, NULL);
    lock->rank = rank;
}

void weft__lock_fini(struct lock *lock)
{
    int failed = pthread_mutex_destroy(&lock->mutex);
    WEFT_ASSERT(!failed);
}

static bool is_free(void *mutex)
{
    if (pthread_mutex_trylock(mutex)) return false;
    pthread_mutex_unlock(mutex);
    return true;
}

void weft__lock(struct lock *lock)
{
    interrupt();
    while (pthread_mutex_trylock(&lock->mutex))
        (void)stage_await(is_free, &lock->mutex, STAGE_NEVER);
}

void weft__unlock(struct lock *lock)
{
    int failed = pthread_mutex_unlock(&lock->mutex);
    WEFT_ASSERT(!failed);
    interrupt();
}

#ifdef WEFT_LOCK_CHECK
void weft__lock_assert_held(const struct lock *lock)
{
    (void)lock; /* the other tests look at that */
}
#endif

/* --- in the place of base/park.c -------------------------------------------------------------- */

enum { EMPTY = 0, GIVEN = 1 };

void weft__park_init(struct park *park)
{
    atomic_init(&park->word, EMPTY);
}

static bool is_given(void *park)
{
    return atomic_load(&((struct park *)park)->word) == GIVEN;
}

bool weft__park(struct park *park, uint64_t deadline_ns)
{
    interrupt();
    if (!is_given(park)) (void)stage_await(is_given, park, deadline_ns);
    return atomic_exchange(&park->word, EMPTY) == GIVEN;
}

bool weft__park_given(const struct park *park)
{
    return atomic_load(&park->word) == GIVEN;
}

void weft__unpark(struct park *park)
{
    atomic_store(&park->word, GIVEN);
    interrupt();
}

/* --- in the place of base/thread.c ------------------------------------------------------------ */

bool weft__thread_start(pthread_t *thread, const char *name, void *(*main)(void *argument), void *argument)
{
    *thread = start(name, main, argument)->id;
    interrupt();
    return true;
}

static bool is_over(void *thread)
{
    return ((struct thread *)thread)->over;
}

void weft__thread_join(pthread_t id)
{
    struct thread *thread = NULL;
    for (uint32_t i = 0; i < threads_count && !thread; i++)
        if (!threads[i]->joined && pthread_equal(threads[i]->id, id)) thread = threads[i];
    WEFT_ASSERT(thread);
    while (!thread->over)
        (void)stage_await(is_over, thread, STAGE_NEVER);
    thread->joined = true;
}

/* The two that spin a moment before they sleep let others run. */
int sched_yield(void)
{
    stage_yield();
    return 0;
}
