/* clock.h promises:
 *   - clock_ns never runs backwards and is CLOCK_MONOTONIC; the wall clock counts from 1970
 *   - after_ms adds milliseconds, and what would overflow is UINT64_MAX
 */
#include "base/clock.h"

#include <time.h>

#include "lib/check.h"

static void clock_is_monotonic(void **state)
{
    (void)state;
    struct timespec before, after;
    clock_gettime(CLOCK_MONOTONIC, &before);
    uint64_t first_ns = weft__clock_ns();
    uint64_t second_ns = weft__clock_ns();
    clock_gettime(CLOCK_MONOTONIC, &after);
    check_true((uint64_t)before.tv_sec * NS_PER_S + (uint64_t)before.tv_nsec <= first_ns);
    check_true(first_ns <= second_ns);
    check_true(second_ns <= (uint64_t)after.tv_sec * NS_PER_S + (uint64_t)after.tv_nsec);
}

static void clock_wall_counts_from_1970(void **state)
{
    (void)state;
    uint64_t before_s = (uint64_t)time(NULL);
    uint64_t wall_s = weft__clock_wall_ns() / NS_PER_S;
    check_true(wall_s + 1 >= before_s); /* time() may lag by a tick */
    check_true(wall_s <= (uint64_t)time(NULL) + 1);
}

static void clock_after_ms_adds_milliseconds(void **state)
{
    (void)state;
    check_eq(weft__clock_after_ms(5, 0), 5);
    check_eq(weft__clock_after_ms(5, 3), 5 + 3 * NS_PER_MS);
    check_eq(weft__clock_after_ms(NS_PER_S, 1000), 2 * NS_PER_S);
}

static void clock_after_ms_saturates(void **state)
{
    (void)state;
    uint64_t ms_max = UINT64_MAX / NS_PER_MS;
    check_eq(weft__clock_after_ms(0, UINT64_MAX), UINT64_MAX);
    check_eq(weft__clock_after_ms(0, ms_max), ms_max * NS_PER_MS);
    check_eq(weft__clock_after_ms(0, ms_max + 1), UINT64_MAX);
    check_eq(weft__clock_after_ms(UINT64_MAX - NS_PER_MS, 1), UINT64_MAX);
    check_eq(weft__clock_after_ms(UINT64_MAX - NS_PER_MS - 1, 1), UINT64_MAX - 1);
    check_eq(weft__clock_after_ms(UINT64_MAX - NS_PER_MS + 1, 1), UINT64_MAX);
    check_eq(weft__clock_after_ms(UINT64_MAX, 0), UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clock_is_monotonic),
        cmocka_unit_test(clock_wall_counts_from_1970),
        cmocka_unit_test(clock_after_ms_adds_milliseconds),
        cmocka_unit_test(clock_after_ms_saturates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
