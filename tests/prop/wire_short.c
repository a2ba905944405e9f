/* wire_short.c: some seconds' worth of random worlds of nodes and clients: their network, crashes and restarts; tests/wire says what
 * is promised. Prints its seed; sim-wire --seed runs one again. */
#include "lib/check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "wire/wire.h"

enum { FOR_MS = 1500 };

static uint64_t chosen_seed;

static void worlds_keep_their_promises(void **state)
{
    (void)state;
    struct rng seeds = {chosen_seed};
    for (uint64_t seed = chosen_seed; report.nanoseconds < FOR_MS * UINT64_C(1000000); seed = rng_next(&seeds))
        (void)wire_run(seed, NULL);
    printf("%" PRIu64 " worlds, %" PRIu64 " jobs, %" PRIu64 " frames\n", report.worlds, report.jobs, report.frames);
}

/* Else a seed would be worth nothing; and what it depends on besides is memory that nobody has written, or a clock. */
static void what_happens_follows_from_the_seed(void **state)
{
    (void)state;
    for (uint64_t seed = chosen_seed; seed < chosen_seed + 3; seed++) {
        uint64_t once = wire_run(seed, NULL);
        if (wire_run(seed, NULL) != once) fail_msg("seed 0x%" PRIx64 " was another world the second time", seed);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(worlds_keep_their_promises),
                                       cmocka_unit_test(what_happens_follows_from_the_seed)};
    if (argc > 1)
        chosen_seed = strtoull(argv[1], NULL, 0);
    else if (getrandom(&chosen_seed, sizeof chosen_seed, 0) != sizeof chosen_seed)
        return 2;
    printf("seed 0x%" PRIx64 "\n", chosen_seed);
    fflush(stdout);
    wire_watch();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
