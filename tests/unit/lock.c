/* lock.h promises:
 *   - a lock excludes: threads that count under it lose no count
 *   - locks may be taken in rising rank and given back in any order
 *   - in test builds, taking a lower or an equal rank, or the same lock again, aborts with one line naming both; giving
 *     back or asserting a lock that the thread does not hold aborts with one line naming it
 */
#include "base/lock.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/check.h"

static struct lock node_lock, core_lock, other_core_lock, log_lock;

static int set_up(void **state)
{
    (void)state;
    weft__lock_init(&node_lock, LOCK_NODE);
    weft__lock_init(&core_lock, LOCK_CORE);
    weft__lock_init(&other_core_lock, LOCK_CORE);
    weft__lock_init(&log_lock, LOCK_LOG);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    weft__lock_fini(&node_lock);
    weft__lock_fini(&core_lock);
    weft__lock_fini(&other_core_lock);
    weft__lock_fini(&log_lock);
    return 0;
}

enum { THREADS = 4, COUNTS = 50000 };

static long counter; /* plain on purpose: guarded by core_lock */

static void *count_body(void *argument)
{
    (void)argument;
    for (int i = 0; i < COUNTS; i++) {
        weft__lock(&core_lock);
        weft__lock_assert_held(&core_lock);
        counter++;
        weft__unlock(&core_lock);
    }
    return NULL;
}

static void lock_loses_no_count_of_four_threads(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    counter = 0;
    for (int i = 0; i < THREADS; i++)
        check_eq(pthread_create(&threads[i], NULL, count_body, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        check_eq(pthread_join(threads[i], NULL), 0);
    check_eq(counter, THREADS * COUNTS);
}

static void lock_accepts_rising_ranks_given_back_in_any_order(void **state)
{
    (void)state;
    struct lock *locks[] = {&node_lock, &core_lock, &log_lock};
    static const int orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (size_t order = 0; order < sizeof orders / sizeof *orders; order++) {
        for (int i = 0; i < 3; i++)
            weft__lock(locks[i]);
        for (int i = 0; i < 3; i++) {
            weft__lock_assert_held(locks[orders[order][i]]);
            weft__unlock(locks[orders[order][i]]);
        }
    }
}

static void lock_may_be_taken_again_after_it_was_given_back(void **state)
{
    (void)state;
    weft__lock(&core_lock);
    weft__unlock(&core_lock);
    weft__lock(&node_lock);
    weft__lock(&core_lock);
    weft__unlock(&node_lock);
    weft__unlock(&core_lock);
}

#ifdef WEFT_LOCK_CHECK

/* What the body wrote to stderr before it aborted, in a child; anything but an abort fails the test. */
static const char *abort_line(void (*body)(void))
{
    static char text[1024];
    int pipe_ends[2];
    check_eq(pipe(pipe_ends), 0);
    pid_t child = fork();
    check_true(child >= 0);
    if (child == 0) {
        signal(SIGABRT, SIG_DFL); /* the sanitizer's and cmocka's own handlers print reports */
        dup2(pipe_ends[1], STDERR_FILENO);
        body();
        _exit(0);
    }
    close(pipe_ends[1]);
    size_t length = 0;
    ssize_t got;
    while ((got = read(pipe_ends[0], text + length, sizeof text - 1 - length)) > 0)
        length += (size_t)got;
    text[length] = 0;
    close(pipe_ends[0]);
    int status;
    check_eq(waitpid(child, &status, 0), child);
    check_true(WIFSIGNALED(status));
    check_eq(WTERMSIG(status), SIGABRT);
    check_true(length && strchr(text, '\n') == text + length - 1);
    return text;
}

static void take_reversed(void)
{
    weft__lock(&core_lock);
    weft__lock(&node_lock);
}

static void take_equal(void)
{
    weft__lock(&core_lock);
    weft__lock(&other_core_lock);
}

static void take_twice(void)
{
    weft__lock(&core_lock);
    weft__lock(&core_lock);
}

static void take_reversed_after_a_middle_one_was_given_back(void)
{
    weft__lock(&node_lock);
    weft__lock(&core_lock);
    weft__lock(&log_lock);
    weft__unlock(&core_lock);
    weft__lock(&other_core_lock);
}

static void assert_another_held(void)
{
    weft__lock(&core_lock);
    weft__lock_assert_held(&other_core_lock);
}

static void give_what_is_not_held(void)
{
    weft__unlock(&core_lock);
}

static void *take_core_body(void *argument)
{
    (void)argument;
    weft__lock(&core_lock);
    return NULL;
}

static void assert_one_held_by_another_thread(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, take_core_body, NULL) == 0) pthread_join(thread, NULL);
    weft__lock_assert_held(&core_lock);
}

static void lock_aborts_on_a_reversed_rank(void **state)
{
    (void)state;
    const char *reversed = "lock node (10) taken while lock core (20) is held\n";
    const char *equal = "lock core (20) taken while lock core (20) is held\n";
    const char *later = "lock core (20) taken while lock log (90) is held\n";
    check_true(strstr(abort_line(take_reversed), reversed));
    check_true(strstr(abort_line(take_equal), equal));
    check_true(strstr(abort_line(take_twice), equal));
    check_true(strstr(abort_line(take_reversed_after_a_middle_one_was_given_back), later));
}

static void lock_aborts_on_a_lock_that_is_not_held(void **state)
{
    (void)state;
    const char *line = "lock core (20) is not held\n";
    check_true(strstr(abort_line(assert_another_held), line));
    check_true(strstr(abort_line(give_what_is_not_held), line));
    check_true(strstr(abort_line(assert_one_held_by_another_thread), line));
}

#else

/* A release build keeps no ranks, and reports that as skipped. */
static void lock_ranks_are_checked_with_WEFT_LOCK_CHECK_only(void **state)
{
    (void)state;
    skip();
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lock_loses_no_count_of_four_threads),
        cmocka_unit_test(lock_accepts_rising_ranks_given_back_in_any_order),
        cmocka_unit_test(lock_may_be_taken_again_after_it_was_given_back),
#ifdef WEFT_LOCK_CHECK
        cmocka_unit_test(lock_aborts_on_a_reversed_rank),
        cmocka_unit_test(lock_aborts_on_a_lock_that_is_not_held),
#else
        cmocka_unit_test(lock_ranks_are_checked_with_WEFT_LOCK_CHECK_only),
#endif
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
