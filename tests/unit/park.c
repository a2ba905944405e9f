/* park.h promises:
 *   - a permit given before the sleep is not lost, and two permits are one
 *   - park without a permit returns false at its deadline and not before, and at once where that has passed
 *   - a sleeper is woken by unpark, and by nothing else: not by a signal, not by a stray futex wake
 *   - what was written before unpark is seen after park (the thread sanitizer checks it in the ping-pong)
 *   - no permit is lost between two threads, whether they sleep at every turn or race against deadlines
 *   - the sleeper may give its memory back as soon as park has returned
 *   - a nudge ends one sleep, the one that is or the next, without a permit, and takes none; settled, it ends none
 *   - whoever gives the permit of one who is away says so to his seat, once; no permit is lost to that, nor to nudges
 */
#include "base/park.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "lib/check.h"
#include "lib/sanitized.h"

/* While a thread is in a syscall that the sanitizer does not know. */
#define HANDLERS_ARE_DEFERRED THREAD_SANITIZED

enum { ASLEEP = 2 }; /* of park.word */

static pthread_t start(void *(*body)(void *), void *argument)
{
    pthread_t thread;
    check_eq(pthread_create(&thread, NULL, body, argument), 0);
    return thread;
}

static void join(pthread_t thread)
{
    check_eq(pthread_join(thread, NULL), 0);
}

static void wait_until_asleep(struct park *park)
{
    while (atomic_load(&park->word) != ASLEEP)
        sched_yield();
}

static void park_takes_a_permit_that_was_given_before(void **state)
{
    (void)state;
    struct park park;
    weft__park_init(&park);
    weft__unpark(&park);
    check_true(weft__park(&park, PARK_FOREVER));
}

static void park_takes_a_waiting_permit_although_the_deadline_has_passed(void **state)
{
    (void)state;
    struct park park;
    weft__park_init(&park);
    weft__unpark(&park);
    check_true(weft__park(&park, 0));
}

static void park_counts_two_permits_as_one(void **state)
{
    (void)state;
    struct park park;
    weft__park_init(&park);
    weft__unpark(&park);
    weft__unpark(&park);
    check_true(weft__park(&park, PARK_FOREVER));
    check_true(!weft__park(&park, 0));
}

static void park_returns_false_at_its_deadline_and_not_before(void **state)
{
    (void)state;
    struct park park;
    weft__park_init(&park);
    uint64_t deadline_ns = weft__clock_after_ms(weft__clock_ns(), 5);
    check_true(!weft__park(&park, deadline_ns));
    check_true(weft__clock_ns() >= deadline_ns);
}

static void park_works_on_after_a_deadline(void **state)
{
    (void)state;
    struct park park;
    weft__park_init(&park);
    check_true(!weft__park(&park, weft__clock_ns()));
    weft__unpark(&park);
    check_true(weft__park(&park, PARK_FOREVER));
}

struct sleeper {
    struct park park;
    uint64_t deadline_ns;
    atomic_int returned; /* 0 = not yet, 1 = true, 2 = false */
};

static void *sleeper_body(void *argument)
{
    struct sleeper *sleeper = argument;
    bool given = weft__park(&sleeper->park, sleeper->deadline_ns);
    atomic_store(&sleeper->returned, given ? 1 : 2);
    return NULL;
}

static void park_is_woken_by_unpark(void **state)
{
    (void)state;
    uint64_t deadlines[] = {PARK_FOREVER, PARK_FOREVER - 1, weft__clock_after_ms(weft__clock_ns(), 60000)};
    for (size_t i = 0; i < sizeof deadlines / sizeof *deadlines; i++) {
        struct sleeper sleeper = {.deadline_ns = deadlines[i]};
        pthread_t thread = start(sleeper_body, &sleeper);
        wait_until_asleep(&sleeper.park);
        weft__unpark(&sleeper.park);
        join(thread);
        check_eq(atomic_load(&sleeper.returned), 1);
    }
}

static atomic_int signals_seen;

static void count_signal(int number)
{
    (void)number;
    atomic_fetch_add(&signals_seen, 1);
}

static void park_sleeps_on_through_signals(void **state)
{
    (void)state;
    enum { SIGNALS = 50 };
    if (HANDLERS_ARE_DEFERRED) skip();
    struct sigaction action = {.sa_handler = count_signal}, old;
    check_eq(sigaction(SIGUSR1, &action, &old), 0);
    struct sleeper sleeper = {.deadline_ns = PARK_FOREVER};
    pthread_t thread = start(sleeper_body, &sleeper);
    for (int i = 1; i <= SIGNALS; i++) {
        wait_until_asleep(&sleeper.park);
        check_eq(pthread_kill(thread, SIGUSR1), 0);
        while (atomic_load(&signals_seen) < i)
            sched_yield();
        check_eq(atomic_load(&sleeper.returned), 0);
    }
    weft__unpark(&sleeper.park);
    join(thread);
    check_eq(atomic_load(&sleeper.returned), 1);
    check_eq(sigaction(SIGUSR1, &old, NULL), 0);
}

static void park_sleeps_on_after_a_stray_wake(void **state)
{
    (void)state;
    struct sleeper sleeper = {.deadline_ns = PARK_FOREVER};
    pthread_t thread = start(sleeper_body, &sleeper);
    for (int woken = 0; woken < 50;) {
        long count = syscall(SYS_futex, &sleeper.park.word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0);
        check_true(count >= 0);
        woken += (int)count;
        check_eq(atomic_load(&sleeper.returned), 0);
        sched_yield();
    }
    weft__unpark(&sleeper.park);
    join(thread);
    check_eq(atomic_load(&sleeper.returned), 1);
}

struct rally {
    struct park ping, pong;
    long ball; /* plain on purpose: guarded by the permits alone */
    long rounds;
};

static void *rally_body(void *argument)
{
    struct rally *rally = argument;
    for (long i = 0; i < rally->rounds; i++) {
        thread_check_true(weft__park(&rally->ping, PARK_FOREVER));
        rally->ball++;
        weft__unpark(&rally->pong);
    }
    return NULL;
}

static void play(long rounds)
{
    struct rally rally = {.rounds = rounds};
    weft__park_init(&rally.ping);
    weft__park_init(&rally.pong);
    pthread_t thread = start(rally_body, &rally);
    for (long i = 0; i < rounds; i++) {
        rally.ball++;
        weft__unpark(&rally.ping);
        check_true(weft__park(&rally.pong, PARK_FOREVER));
        check_eq(rally.ball, 2 * (i + 1));
    }
    join(thread);
}

static void park_loses_no_permit_in_ten_thousand_turns(void **state)
{
    (void)state;
    play(10000);
}

/* A wake-up on one's own processor costs a tenth of one across, so here there is time for more. */
static void park_loses_no_permit_in_a_hundred_thousand_turns_on_one_processor(void **state)
{
    (void)state;
    cpu_set_t all, one;
    check_eq(sched_getaffinity(0, sizeof all, &all), 0);
    CPU_ZERO(&one);
    CPU_SET((size_t)sched_getcpu(), &one);
    check_eq(sched_setaffinity(0, sizeof one, &one), 0);
    play(100000);
    check_eq(sched_setaffinity(0, sizeof all, &all), 0);
}

enum { GIFTS = 20000 };

struct race {
    struct park park;
    atomic_long taken;
};

/* Deadlines from the past to 30 us ahead, so that they meet the permit before, in and after the sleep. */
static void *taker_body(void *argument)
{
    struct race *race = argument;
    for (uint64_t turn = 0; atomic_load(&race->taken) < GIFTS; turn++)
        if (weft__park(&race->park, weft__clock_ns() + turn % 31 * 1000)) atomic_fetch_add(&race->taken, 1);
    return NULL;
}

/* Each permit is given only after the one before was taken: a lost one would leave the giver here for ever. */
static void give_one_after_the_other(struct race *race)
{
    for (long i = 0; i < GIFTS; i++) {
        weft__unpark(&race->park);
        while (atomic_load(&race->taken) == i)
            sched_yield();
        check_eq(atomic_load(&race->taken), i + 1);
    }
}

static void park_loses_no_permit_to_a_deadline(void **state)
{
    (void)state;
    struct race race = {0};
    weft__park_init(&race.park);
    pthread_t thread = start(taker_body, &race);
    give_one_after_the_other(&race);
    join(thread);
    check_true(!weft__park(&race.park, 0));
}

static void *unpark_body(void *argument)
{
    weft__unpark(argument);
    return NULL;
}

static void park_lets_the_sleeper_free_its_memory_at_once(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++) {
        struct park *park = malloc(sizeof *park);
        check_true(park != NULL);
        weft__park_init(park);
        pthread_t thread = start(unpark_body, park);
        check_true(weft__park(park, PARK_FOREVER));
        free(park);
        join(thread);
    }
}

/* --- nudges ----------------------------------------------------------------------------------- */

static uint64_t in_5_ms(void)
{
    return weft__clock_after_ms(weft__clock_ns(), 5);
}

/* It sleeps to the end: no permit is there, and no nudge. */
static void check_sleeps(struct park *park)
{
    uint64_t deadline_ns = in_5_ms();
    check_true(!weft__park(park, deadline_ns));
    check_true(weft__clock_ns() >= deadline_ns);
}

static void nudge_ends_a_sleep_without_a_permit(void **state)
{
    (void)state;
    struct sleeper sleeper = {.deadline_ns = PARK_FOREVER};
    pthread_t thread = start(sleeper_body, &sleeper);
    wait_until_asleep(&sleeper.park);
    weft__nudge(&sleeper.park);
    join(thread);
    check_eq(atomic_load(&sleeper.returned), 2);
    check_sleeps(&sleeper.park);
}

static void a_nudge_before_the_sleep_ends_that_one_alone(void **state)
{
    (void)state;
    struct park park;
    weft__park_init(&park);
    weft__nudge(&park);
    weft__nudge(&park);
    check_true(!weft__park(&park, PARK_FOREVER));
    check_sleeps(&park);
}

static void a_nudge_takes_no_permit(void **state)
{
    (void)state;
    struct park park;
    weft__park_init(&park);
    weft__unpark(&park);
    weft__nudge(&park);
    check_true(weft__park_given(&park));
    check_true(weft__park(&park, 0));
    weft__nudge(&park);
    check_true(!weft__park_given(&park));
    weft__unpark(&park);
    check_true(weft__park_given(&park));
    check_true(weft__park(&park, 0));
    check_sleeps(&park);
}

static void a_nudge_that_is_settled_ends_no_sleep(void **state)
{
    (void)state;
    struct park park;
    weft__park_init(&park);
    weft__nudge(&park);
    weft__nudge_settled(&park);
    check_sleeps(&park);
    weft__nudge_settled(&park);
    check_sleeps(&park);
}

static void settling_a_nudge_takes_no_permit(void **state)
{
    (void)state;
    struct park park;
    weft__park_init(&park);
    weft__nudge(&park);
    weft__unpark(&park);
    weft__nudge_settled(&park);
    check_true(weft__park(&park, 0));
}

static void *nudge_body(void *argument)
{
    struct race *race = argument;
    while (atomic_load(&race->taken) < GIFTS) {
        weft__nudge(&race->park);
        sched_yield();
    }
    return NULL;
}

static void *nudged_taker_body(void *argument)
{
    struct race *race = argument;
    while (atomic_load(&race->taken) < GIFTS) {
        if (weft__park(&race->park, PARK_FOREVER)) atomic_fetch_add(&race->taken, 1);
        weft__nudge_settled(&race->park);
    }
    return NULL;
}

static void park_loses_no_permit_to_nudges(void **state)
{
    (void)state;
    struct race race = {0};
    weft__park_init(&race.park);
    pthread_t taker = start(nudged_taker_body, &race), nudger = start(nudge_body, &race);
    give_one_after_the_other(&race);
    join(taker);
    join(nudger);
}

/* --- away ------------------------------------------------------------------------------------- */

static atomic_uint roused_count, roused_seat;

static void note_roused(unsigned seat)
{
    atomic_store(&roused_seat, seat);
    atomic_fetch_add(&roused_count, 1);
}

static void prepare_rouse(void (*rouse)(unsigned seat))
{
    atomic_store(&roused_count, 0);
    weft__park_rouse = rouse;
}

static void a_permit_of_who_is_away_is_told_to_his_seat_once(void **state)
{
    (void)state;
    struct park park;
    prepare_rouse(note_roused);
    for (unsigned seat = 0; seat < 70; seat += 23) {
        atomic_store(&roused_count, 0);
        weft__park_init(&park);
        check_true(weft__park_away(&park, seat));
        check_true(!weft__park_given(&park));
        weft__unpark(&park);
        weft__unpark(&park);
        check_eq(atomic_load(&roused_count), 1);
        check_eq(atomic_load(&roused_seat), seat);
        check_true(weft__park_back(&park));
        check_true(weft__park(&park, 0));
        check_sleeps(&park);
    }
}

static void who_has_a_permit_does_not_go_away(void **state)
{
    (void)state;
    struct park park;
    prepare_rouse(note_roused);
    weft__park_init(&park);
    weft__unpark(&park);
    check_true(!weft__park_away(&park, 5));
    check_true(weft__park_back(&park));
    check_true(weft__park(&park, 0));
    check_eq(atomic_load(&roused_count), 0);
}

static void who_is_back_is_not_roused(void **state)
{
    (void)state;
    struct park park;
    prepare_rouse(note_roused);
    weft__park_init(&park);
    check_true(weft__park_away(&park, 5));
    check_true(!weft__park_back(&park));
    weft__unpark(&park);
    check_eq(atomic_load(&roused_count), 0);
    check_true(weft__park(&park, 0));
}

static void a_nudge_leaves_who_is_away_alone(void **state)
{
    (void)state;
    struct park park;
    prepare_rouse(note_roused);
    weft__park_init(&park);
    check_true(weft__park_away(&park, 9));
    weft__nudge(&park);
    check_eq(atomic_load(&roused_count), 0);
    weft__unpark(&park);
    check_eq(atomic_load(&roused_count), 1);
    check_eq(atomic_load(&roused_seat), 9);
    check_true(weft__park_back(&park));
    check_true(weft__park(&park, 0));
}

static sem_t elsewhere; /* where the one below waits */

static void rouse_there(unsigned seat)
{
    thread_check_eq(seat, 3);
    sem_post(&elsewhere);
}

static void *goes_away_body(void *argument)
{
    struct race *race = argument;
    for (unsigned turn = 0; atomic_load(&race->taken) < GIFTS; turn++) {
        if (weft__park_away(&race->park, 3) && turn % 3) sem_wait(&elsewhere);
        bool given = weft__park_back(&race->park);
        if (given) thread_check_true(weft__park(&race->park, 0));
        if (given) atomic_fetch_add(&race->taken, 1);
    }
    return NULL;
}

static void no_permit_is_lost_by_going_away(void **state)
{
    (void)state;
    struct race race = {0};
    check_eq(sem_init(&elsewhere, 0, 0), 0);
    prepare_rouse(rouse_there);
    weft__park_init(&race.park);
    pthread_t taker = start(goes_away_body, &race);
    give_one_after_the_other(&race);
    join(taker);
    check_eq(sem_destroy(&elsewhere), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(park_takes_a_permit_that_was_given_before),
        cmocka_unit_test(park_takes_a_waiting_permit_although_the_deadline_has_passed),
        cmocka_unit_test(park_counts_two_permits_as_one),
        cmocka_unit_test(park_returns_false_at_its_deadline_and_not_before),
        cmocka_unit_test(park_works_on_after_a_deadline),
        cmocka_unit_test(park_is_woken_by_unpark),
        cmocka_unit_test(park_sleeps_on_through_signals),
        cmocka_unit_test(park_sleeps_on_after_a_stray_wake),
        cmocka_unit_test(park_loses_no_permit_in_ten_thousand_turns),
        cmocka_unit_test(park_loses_no_permit_in_a_hundred_thousand_turns_on_one_processor),
        cmocka_unit_test(park_loses_no_permit_to_a_deadline),
        cmocka_unit_test(park_lets_the_sleeper_free_its_memory_at_once),
        cmocka_unit_test(nudge_ends_a_sleep_without_a_permit),
        cmocka_unit_test(a_nudge_before_the_sleep_ends_that_one_alone),
        cmocka_unit_test(a_nudge_takes_no_permit),
        cmocka_unit_test(a_nudge_that_is_settled_ends_no_sleep),
        cmocka_unit_test(settling_a_nudge_takes_no_permit),
        cmocka_unit_test(park_loses_no_permit_to_nudges),
        cmocka_unit_test(a_permit_of_who_is_away_is_told_to_his_seat_once),
        cmocka_unit_test(who_has_a_permit_does_not_go_away),
        cmocka_unit_test(who_is_back_is_not_roused),
        cmocka_unit_test(a_nudge_leaves_who_is_away_alone),
        cmocka_unit_test(no_permit_is_lost_by_going_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
