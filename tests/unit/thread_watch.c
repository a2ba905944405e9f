/* thread.h promises:
 *   - a watch fires once when its thread returns, calls pthread_exit or is cancelled: in that thread, with no lock held
 *   - the watches of a thread fire in the order they were added, however many; those of other threads do not
 *   - a watch that was removed, by any thread, never fires; also where remove races with the death; its memory may be
 *     freed at once
 *   - remove waits for `fired` if another thread runs it for the watch; within `fired` it does not wait, and may remove
 *     any watch; a thread that is cancelled while it waits finishes remove first
 *   - `fired` may add watches, which fire in the same thread, for as many rounds as the C library grants; what is left
 *     can be removed
 *   - a watch that has fired is not touched any more, and may be freed or added again
 *   - find sees the armed watches of the calling thread alone, in the order they were added
 *   - a lack of keys and of memory is reported, and arms nothing
 *   - in a forked child nothing fires
 */
#include "link/thread.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/lock.h"
#include "lib/check.h"
#include "lib/sanitized.h"

/* A watch, and what `fired` said of it. */
struct target {
    struct thread_watch watch;
    unsigned count;
    unsigned turn; /* when it fired: 1, 2, 3 ... */
    pthread_t thread;
    void (*inside)(struct target *target); /* called by `fired`; NULL = nothing */
    struct target *other;                  /* for inside */
};

static atomic_uint turns;

static void target_fired(struct thread_watch *watch)
{
    struct target *target = list_record(watch, struct target, watch);
    target->count++;
    target->turn = atomic_fetch_add(&turns, 1) + 1;
    target->thread = pthread_self();
    if (target->inside) target->inside(target);
}

static void arm(struct target *target)
{
    thread_check_ok(weft__thread_watch_add(&target->watch, target_fired));
}

static int set_up(void **state)
{
    (void)state;
    atomic_store(&turns, 0);
    return 0;
}

static void wait_for(sem_t *semaphore)
{
    while (sem_wait(semaphore))
        thread_check_eq(errno, EINTR);
}

/* Runs the body in a thread until it has ended, and returns what it said. */
static void *run(void *(*body)(void *), void *argument)
{
    pthread_t thread;
    void *result;
    check_eq(pthread_create(&thread, NULL, body, argument), 0);
    check_eq(pthread_join(thread, &result), 0);
    return result;
}

/* The exit code of a forked child that ran the body; 0 = all checks held. */
static int run_child(void (*body)(void))
{
    pid_t child = fork();
    check_true(child >= 0);
    if (child == 0) {
        alarm(60);
        signal(SIGSEGV, SIG_DFL); /* cmocka would go on with the next test, here */
        body();
        _exit(0);
    }
    int status;
    check_eq(waitpid(child, &status, 0), child);
    return status;
}

/* Scarcity: first of all tests, since a process takes its key once ------------------------------------------------ */

static void find_no_key(void)
{
    pthread_key_t key;
    while (pthread_key_create(&key, NULL) == 0) {
    }
    struct target target = {0};
    thread_check_err(weft__thread_watch_add(&target.watch, target_fired), WEFT_ESYSTEM);
    thread_check_true(!weft__thread_watch_find(NULL, NULL));
    weft__thread_watch_remove(&target.watch);
}

static void add_reports_a_lack_of_keys(void **state)
{
    (void)state;
    check_eq(run_child(find_no_key), 0);
}

/* The bound is one for the stack as well: grows it beforehand. */
static void grow_stack(void)
{
    volatile char room[262144];
    for (size_t i = 0; i < sizeof room; i += 1024)
        room[i] = 1;
}

static void find_no_memory(void)
{
    grow_stack();
    /* The C library keeps the first 32 values of a thread in the thread itself. */
    pthread_key_t keys[40];
    for (int i = 0; i < 40; i++)
        thread_check_eq(pthread_key_create(&keys[i], NULL), 0);
    struct rlimit before;
    getrlimit(RLIMIT_AS, &before);
    struct rlimit none = {.rlim_cur = 1, .rlim_max = before.rlim_max};
    setrlimit(RLIMIT_AS, &none);
    void *volatile block; /* as a compiler may take malloc for granted */
    for (size_t size = 65536; size >= 8; size /= 2) {
        while ((block = malloc(size))) {
        }
    }
    struct target target = {0};
    weft_error error = weft__thread_watch_add(&target.watch, target_fired);
    setrlimit(RLIMIT_AS, &before);
    thread_check_err(error, WEFT_ENOMEM);
    weft__thread_watch_remove(&target.watch);
    arm(&target);
    weft__thread_watch_remove(&target.watch);
}

static void add_reports_a_lack_of_memory_and_may_be_called_again(void **state)
{
    (void)state;
    if (SANITIZED) skip(); /* their allocators do not live with such a bound */
    check_eq(run_child(find_no_memory), 0);
}

/* Deaths ----------------------------------------------------------------------------------------------------------- */

static void *arm_and_return(void *argument)
{
    arm(argument);
    return argument;
}

static void *arm_and_exit(void *argument)
{
    arm(argument);
    pthread_exit(argument);
}

static sem_t armed;
static pthread_mutex_t never_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;

static void unlock_never(void *argument)
{
    (void)argument;
    pthread_mutex_unlock(&never_mutex);
}

/* Waits until it is cancelled, in a way that the thread sanitizer can follow. */
static void *arm_and_wait(void *argument)
{
    arm(argument);
    pthread_mutex_lock(&never_mutex);
    pthread_cleanup_push(unlock_never, NULL);
    sem_post(&armed);
    while (true)
        pthread_cond_wait(&never, &never_mutex);
    pthread_cleanup_pop(1);
    return NULL;
}

static void check_fired(const struct target *target, pthread_t thread)
{
    check_eq(target->count, 1);
    check_eq(target->watch.thread, 0);
    check_true(pthread_equal(target->thread, thread));
}

static void fires_in_a_thread_that_returns_or_exits(void **state)
{
    (void)state;
    void *(*const bodies[])(void *) = {arm_and_return, arm_and_exit};
    for (int i = 0; i < 2; i++) {
        struct target target = {0};
        pthread_t thread;
        void *result;
        check_eq(pthread_create(&thread, NULL, bodies[i], &target), 0);
        check_eq(pthread_join(thread, &result), 0);
        check_true(result == &target);
        check_fired(&target, thread);
    }
}

static void fires_in_a_thread_that_is_cancelled(void **state)
{
    (void)state;
    struct target target = {0};
    pthread_t thread;
    void *result;
    sem_init(&armed, 0, 0);
    check_eq(pthread_create(&thread, NULL, arm_and_wait, &target), 0);
    wait_for(&armed);
    check_eq(pthread_cancel(thread), 0);
    check_eq(pthread_join(thread, &result), 0);
    check_true(result == PTHREAD_CANCELED);
    check_fired(&target, thread);
}

static void *arm_and_detach(void *argument)
{
    pthread_detach(pthread_self());
    return arm_and_return(argument);
}

static sem_t detached_fired;

static void post_detached_fired(struct target *target)
{
    (void)target;
    sem_post(&detached_fired);
}

static void fires_in_a_detached_thread(void **state)
{
    (void)state;
    struct target target = {.inside = post_detached_fired};
    pthread_t thread;
    sem_init(&detached_fired, 0, 0);
    check_eq(pthread_create(&thread, NULL, arm_and_detach, &target), 0);
    wait_for(&detached_fired);
    check_fired(&target, thread);
}

/* The lowest rank: with WEFT_LOCK_CHECK, taking it below a held one would abort; without, calling in would hang. */
static void take_the_lowest_rank(struct target *target)
{
    struct lock lock;
    weft__lock_init(&lock, LOCK_PROCESS);
    weft__lock(&lock);
    weft__unlock(&lock);
    weft__lock_fini(&lock);
    weft__thread_watch_remove(&target->watch);
}

static void fired_holds_no_lock(void **state)
{
    (void)state;
    struct target target = {.inside = take_the_lowest_rank};
    run(arm_and_return, &target);
    check_eq(target.count, 1);
}

enum { MANY = 10000 };

static void *arm_many(void *argument)
{
    struct target *targets = argument;
    for (int i = 0; i < MANY; i++)
        arm(&targets[i]);
    return NULL;
}

static void many_watches_of_a_thread_fire_in_the_order_they_were_added(void **state)
{
    (void)state;
    struct target *targets = calloc(MANY, sizeof *targets);
    check_true(targets);
    run(arm_many, targets);
    for (unsigned i = 0; i < MANY; i++) {
        check_eq(targets[i].count, 1);
        check_eq(targets[i].turn, i + 1);
    }
    free(targets);
}

enum { THREADS = 40, EACH = 25 };

struct crowd_member {
    pthread_t thread;
    struct target targets[EACH];
    bool removes; /* every other one of them, itself */
};

static void *crowd_body(void *argument)
{
    struct crowd_member *member = argument;
    for (int i = 0; i < EACH; i++)
        arm(&member->targets[i]);
    for (int i = 0; member->removes && i < EACH; i += 2)
        weft__thread_watch_remove(&member->targets[i].watch);
    return NULL;
}

static void many_threads_fire_their_own_watches(void **state)
{
    (void)state;
    struct crowd_member *crowd = calloc(THREADS, sizeof *crowd);
    check_true(crowd);
    for (int t = 0; t < THREADS; t++) {
        crowd[t].removes = t % 2;
        check_eq(pthread_create(&crowd[t].thread, NULL, crowd_body, &crowd[t]), 0);
    }
    for (int t = 0; t < THREADS; t++)
        check_eq(pthread_join(crowd[t].thread, NULL), 0);
    for (int t = 0; t < THREADS; t++) {
        for (int i = 0; i < EACH; i++) {
            bool removed = crowd[t].removes && i % 2 == 0;
            check_eq(crowd[t].targets[i].count, removed ? 0 : 1);
            if (!removed) check_true(pthread_equal(crowd[t].targets[i].thread, crowd[t].thread));
        }
    }
    free(crowd);
}

/* More threads, one after another, than there are rows; a long-lived one keeps its own watch all the while. */
static void *arm_and_wait_to_return(void *argument)
{
    arm(argument);
    sem_post(&armed);
    wait_for(&detached_fired);
    return NULL;
}

static void threads_that_come_and_go_leave_the_watch_of_another_alone(void **state)
{
    (void)state;
    struct target lasting = {0};
    pthread_t thread;
    sem_init(&armed, 0, 0);
    sem_init(&detached_fired, 0, 0);
    check_eq(pthread_create(&thread, NULL, arm_and_wait_to_return, &lasting), 0);
    wait_for(&armed);
    for (int i = 0; i < 2500; i++) {
        struct target target = {0};
        run(arm_and_return, &target);
        check_eq(target.count, 1);
    }
    check_eq(lasting.count, 0);
    sem_post(&detached_fired);
    check_eq(pthread_join(thread, NULL), 0);
    check_fired(&lasting, thread);
}

/* Removing --------------------------------------------------------------------------------------------------------- */

static void *arm_and_remove(void *argument)
{
    struct target *target = argument;
    arm(target);
    weft__thread_watch_remove(&target->watch);
    weft__thread_watch_remove(&target->watch); /* not armed: harmless */
    return NULL;
}

static void removed_watch_never_fires(void **state)
{
    (void)state;
    struct target target = {0};
    run(arm_and_remove, &target);
    check_eq(target.count, 0);
}

static void watch_removed_by_another_thread_never_fires(void **state)
{
    (void)state;
    struct target target = {0};
    pthread_t thread;
    sem_init(&armed, 0, 0);
    check_eq(pthread_create(&thread, NULL, arm_and_wait, &target), 0);
    wait_for(&armed);
    weft__thread_watch_remove(&target.watch);
    check_eq(target.watch.thread, 0);
    pthread_cancel(thread);
    check_eq(pthread_join(thread, NULL), 0);
    check_eq(target.count, 0);
}

static void *remove_all_then_arm_again(void *argument)
{
    struct target *target = argument;
    for (int i = 0; i < 3; i++)
        arm_and_remove(target);
    arm(target);
    return NULL;
}

static void removed_or_fired_watch_may_be_added_again(void **state)
{
    (void)state;
    struct target target = {0};
    run(remove_all_then_arm_again, &target);
    check_eq(target.count, 1);
    run(arm_and_return, &target);
    check_eq(target.count, 2);
    arm(&target); /* this thread lives on */
    weft__thread_watch_remove(&target.watch);
    check_eq(target.count, 2);
}

static void remove_self_and_other(struct target *target)
{
    weft__thread_watch_remove(&target->other->watch);
    weft__thread_watch_remove(&target->watch);
    free(target->other);
    free(target);
}

static void *arm_a_pair(void *argument)
{
    struct target *last = argument, *first = calloc(1, sizeof *first), *second = calloc(1, sizeof *second);
    thread_check_true(first && second);
    first->inside = second->inside = remove_self_and_other;
    first->other = second;
    second->other = first;
    arm(first);
    arm(second);
    arm(last);
    return NULL;
}

static void fired_may_remove_its_own_and_other_watches_and_free_them(void **state)
{
    (void)state;
    struct target last = {0};
    run(arm_a_pair, &last);
    check_eq(last.count, 1);
    check_eq(last.turn, 2); /* of the pair, the first alone has fired */
}

static void free_target(struct target *target)
{
    memset((void *)target, 0xA5, sizeof *target);
    free(target);
}

static void *arm_twenty(void *argument)
{
    struct target **targets = argument;
    for (int i = 0; i < 20; i++)
        arm(targets[i]);
    return NULL;
}

static void watch_that_has_fired_may_be_freed(void **state)
{
    (void)state;
    struct target *targets[20];
    for (int i = 0; i < 20; i++) {
        targets[i] = calloc(1, sizeof *targets[i]);
        check_true(targets[i]);
        targets[i]->inside = free_target;
    }
    run(arm_twenty, targets);
    check_eq(turns, 20);
}

/* A `fired` that runs until it is let go. */
static sem_t inside_fired, let_go, removing;
static bool finished; /* plain on purpose: remove orders it */

static void run_until_let_go(struct target *target)
{
    (void)target;
    sem_post(&inside_fired);
    wait_for(&let_go);
    finished = true;
}

static void *remove_body(void *argument)
{
    struct target *target = argument;
    sem_post(&removing);
    weft__thread_watch_remove(&target->watch);
    thread_check_true(finished);
    free(target);
    return &finished;
}

struct removal {
    pthread_t dying, remover;
};

/* A thread whose death is being fired, and another that removes the watch meanwhile. */
static struct removal remove_while_fired_runs(void)
{
    sem_init(&inside_fired, 0, 0);
    sem_init(&let_go, 0, 0);
    sem_init(&removing, 0, 0);
    finished = false;
    struct removal removal;
    struct target *target = calloc(1, sizeof *target);
    check_true(target);
    target->inside = run_until_let_go;
    check_eq(pthread_create(&removal.dying, NULL, arm_and_return, target), 0);
    wait_for(&inside_fired);
    check_eq(pthread_create(&removal.remover, NULL, remove_body, target), 0);
    wait_for(&removing);
    for (int i = 0; i < 100; i++)
        sched_yield(); /* most often it is waiting by then; it must pass either way */
    return removal;
}

static void remove_waits_while_another_thread_runs_fired(void **state)
{
    (void)state;
    for (int round = 0; round < 50; round++) {
        struct removal removal = remove_while_fired_runs();
        void *result;
        sem_post(&let_go);
        check_eq(pthread_join(removal.remover, &result), 0);
        check_true(result == &finished);
        check_eq(pthread_join(removal.dying, NULL), 0);
    }
}

static void other_watches_are_added_removed_and_fire_while_one_fired_runs(void **state)
{
    (void)state;
    struct removal removal = remove_while_fired_runs();
    struct target removed = {0}, fired = {0};
    run(arm_and_remove, &removed);
    run(arm_and_return, &fired);
    check_eq(removed.count, 0);
    check_eq(fired.count, 1);
    sem_post(&let_go);
    check_eq(pthread_join(removal.remover, NULL), 0);
    check_eq(pthread_join(removal.dying, NULL), 0);
}

static void cancelled_thread_finishes_remove_first(void **state)
{
    (void)state;
    struct removal removal = remove_while_fired_runs();
    void *result;
    check_eq(pthread_cancel(removal.remover), 0);
    sem_post(&let_go);
    check_eq(pthread_join(removal.remover, &result), 0);
    check_true(result == &finished);
    check_eq(pthread_join(removal.dying, NULL), 0);
}

enum { RACES = 1000 };

struct race {
    struct target target;
    atomic_bool started;
};

static void *race_body(void *argument)
{
    struct race *race = argument;
    arm(&race->target);
    sem_post(&armed);
    while (!atomic_load(&race->started))
        sched_yield();
    return NULL;
}

/* The remover tries to be just as late as the death: it spins for longer if it came first, else for less. */
static int next_delay(int delay, bool was_late)
{
    return was_late ? delay - delay / 8 : delay < 1000000 ? delay + delay / 8 + 10 : 0;
}

static void spin_for(int delay)
{
    for (volatile int spin = 0; spin < delay; spin++) {
    }
}

static void remove_may_race_with_the_death(void **state)
{
    (void)state;
    unsigned fired = 0;
    int delay = 0;
    for (int round = 0; round < RACES; round++) {
        struct race *race = calloc(1, sizeof *race);
        pthread_t thread;
        check_true(race);
        sem_init(&armed, 0, 0);
        check_eq(pthread_create(&thread, NULL, race_body, race), 0);
        wait_for(&armed);
        atomic_store(&race->started, true);
        spin_for(delay);
        weft__thread_watch_remove(&race->target.watch);
        unsigned count = race->target.count;
        memset((void *)&race->target, 0xA5, sizeof race->target);
        check_true(count <= 1);
        fired += count;
        delay = next_delay(delay, count);
        check_eq(turns, fired);
        check_eq(pthread_join(thread, NULL), 0);
        check_eq(turns, fired);
        free(race);
    }
    print_message("%u of %d fired, the others were removed before\n", fired, RACES);
}

/* Rounds ----------------------------------------------------------------------------------------------------------- */

static void arm_other(struct target *target)
{
    arm(target->other);
}

static void fired_may_add_a_watch_which_fires_in_the_same_thread(void **state)
{
    (void)state;
    struct target added = {0}, first = {.inside = arm_other, .other = &added};
    pthread_t thread;
    check_eq(pthread_create(&thread, NULL, arm_and_return, &first), 0);
    check_eq(pthread_join(thread, NULL), 0);
    check_fired(&first, thread);
    check_fired(&added, thread);
    check_eq(added.turn, 2);
}

static void watch_that_adds_itself_for_ever_fires_a_bounded_number_of_times(void **state)
{
    (void)state;
    if (SANITIZED) skip(); /* they have ended the thread for themselves before the last round */
    struct target target = {.inside = arm_other};
    target.other = &target;
    run(arm_and_return, &target);
    check_eq(target.count, PTHREAD_DESTRUCTOR_ITERATIONS);
    check_true(target.watch.thread != 0); /* still armed, of a thread that is gone */
    struct target later = {0};
    run(arm_and_return, &later);
    check_eq(later.count, 1);
    check_eq(target.count, PTHREAD_DESTRUCTOR_ITERATIONS);
    weft__thread_watch_remove(&target.watch);
    check_eq(target.watch.thread, 0);
}

/* Find ------------------------------------------------------------------------------------------------------------- */

static bool is_any(struct thread_watch *watch, const void *context)
{
    (void)watch;
    (void)context;
    return true;
}

static bool is_that(struct thread_watch *watch, const void *context)
{
    return watch == context;
}

static void *find_any(void *argument)
{
    (void)argument;
    return weft__thread_watch_find(is_any, NULL);
}

static void find_sees_the_watches_of_the_calling_thread_alone(void **state)
{
    (void)state;
    struct target targets[3] = {0};
    check_true(!weft__thread_watch_find(is_any, NULL));
    for (int i = 0; i < 3; i++)
        arm(&targets[i]);
    check_true(weft__thread_watch_find(is_any, NULL) == &targets[0].watch);
    for (int i = 0; i < 3; i++)
        check_true(weft__thread_watch_find(is_that, &targets[i].watch) == &targets[i].watch);
    check_true(!run(find_any, NULL));

    weft__thread_watch_remove(&targets[0].watch);
    check_true(weft__thread_watch_find(is_any, NULL) == &targets[1].watch);
    check_true(!weft__thread_watch_find(is_that, &targets[0].watch));
    weft__thread_watch_remove(&targets[1].watch);
    weft__thread_watch_remove(&targets[2].watch);
    check_true(!weft__thread_watch_find(is_any, NULL));
}

/* Forking ---------------------------------------------------------------------------------------------------------- */

static void exit_99(struct target *target)
{
    (void)target;
    _exit(99);
}

static pthread_key_t last_key;
static int last_calls;

/* Ends the child after the first round of destructors, without the reports that a sanitizer makes at the exit. */
static void exit_0_in_second_round(void *value)
{
    if (++last_calls == 2) _exit(0);
    pthread_setspecific(last_key, value);
}

/* The child's only thread returns from here as well. */
static void *arm_and_fork(void *argument)
{
    struct target *target = argument;
    arm(target);
    pid_t child = fork();
    if (child == 0) {
        target->inside = exit_99;
        alarm(60);
        pthread_key_create(&last_key, exit_0_in_second_round);
        pthread_setspecific(last_key, target);
        return NULL;
    }
    int status = -1;
    waitpid(child, &status, 0);
    return status == 0 ? target : NULL;
}

static void nothing_fires_in_a_forked_child(void **state)
{
    (void)state;
    struct target target = {0};
    check_true(run(arm_and_fork, &target) == &target);
    check_eq(target.count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(add_reports_a_lack_of_keys),
        cmocka_unit_test(add_reports_a_lack_of_memory_and_may_be_called_again),
        cmocka_unit_test_setup(fires_in_a_thread_that_returns_or_exits, set_up),
        cmocka_unit_test_setup(fires_in_a_thread_that_is_cancelled, set_up),
        cmocka_unit_test_setup(fires_in_a_detached_thread, set_up),
        cmocka_unit_test_setup(fired_holds_no_lock, set_up),
        cmocka_unit_test_setup(many_watches_of_a_thread_fire_in_the_order_they_were_added, set_up),
        cmocka_unit_test_setup(many_threads_fire_their_own_watches, set_up),
        cmocka_unit_test_setup(threads_that_come_and_go_leave_the_watch_of_another_alone, set_up),
        cmocka_unit_test_setup(removed_watch_never_fires, set_up),
        cmocka_unit_test_setup(watch_removed_by_another_thread_never_fires, set_up),
        cmocka_unit_test_setup(removed_or_fired_watch_may_be_added_again, set_up),
        cmocka_unit_test_setup(fired_may_remove_its_own_and_other_watches_and_free_them, set_up),
        cmocka_unit_test_setup(watch_that_has_fired_may_be_freed, set_up),
        cmocka_unit_test_setup(remove_waits_while_another_thread_runs_fired, set_up),
        cmocka_unit_test_setup(other_watches_are_added_removed_and_fire_while_one_fired_runs, set_up),
        cmocka_unit_test_setup(cancelled_thread_finishes_remove_first, set_up),
        cmocka_unit_test_setup(remove_may_race_with_the_death, set_up),
        cmocka_unit_test_setup(fired_may_add_a_watch_which_fires_in_the_same_thread, set_up),
        cmocka_unit_test_setup(watch_that_adds_itself_for_ever_fires_a_bounded_number_of_times, set_up),
        cmocka_unit_test_setup(find_sees_the_watches_of_the_calling_thread_alone, set_up),
        cmocka_unit_test_setup(nothing_fires_in_a_forked_child, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
