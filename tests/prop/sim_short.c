/* Some seconds of the simulation (tests/sim), with a seed that stays the same and with one that does not. Promises:
 *   - no random schedule of events breaks a promise of the core: see tests/sim/model.h and tests/lib/audit.h
 *   - the same seed gives the same worlds */
#include "lib/check.h"

#include <inttypes.h>
#include <string.h>
#include <sys/random.h>

#include "sim/run.h"

enum { MILLISECONDS = 2000, FIXED_EVENTS = 1000000 };

static struct sim_report run(const struct sim_options *options)
{
    struct sim_report report;
    print_message("again: sim --world %s --seed 0x%" PRIx64 "\n", sim_size_name(options->size), options->seed);
    if (!sim_run(options, &report)) {
        print_error("broken: %s\nagain: sim --world %s --seed 0x%" PRIx64 " --events %" PRIu64 "\n", report.failure,
                    sim_size_name(options->size), report.seed, report.world_events);
        fail();
    }
    print_message("%" PRIu64 " events in %" PRIu64 " worlds\n", report.events, report.worlds);
    return report;
}

static void no_promise_is_broken_with_a_fixed_seed(void **state)
{
    (void)state;
    (void)run(&(struct sim_options){
        .seed = 20240229, .events_max = FIXED_EVENTS, .milliseconds = MILLISECONDS, .size = WORLD_SMALL});
}

static void no_promise_is_broken_with_a_random_seed(void **state)
{
    (void)state;
    struct sim_options options = {.milliseconds = MILLISECONDS, .size = WORLD_MIXED};
    check_eq(getrandom(&options.seed, sizeof options.seed, 0), sizeof options.seed);
    (void)run(&options);
}

static void same_seed_gives_the_same_worlds(void **state)
{
    (void)state;
    const struct sim_options options = {.seed = 7, .events_max = 20000, .size = WORLD_SMALL};
    struct sim_report first = run(&options), second = run(&options);
    check_eq(first.events, second.events);
    check_eq(first.worlds, second.worlds);
    check_eq(first.seed, second.seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_promise_is_broken_with_a_fixed_seed),
        cmocka_unit_test(no_promise_is_broken_with_a_random_seed),
        cmocka_unit_test(same_seed_gives_the_same_worlds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
