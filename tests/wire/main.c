/* main.c: the simulation of nodes and clients as a program. */
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/random.h>

#include "wire/wire.h"

enum { DEFAULT_S = 10, EXIT_BROKEN = 1, EXIT_USAGE = 2 };

static const char usage[] =
    "sim-wire: runs random worlds of nodes and clients, with all of the library but its sockets, clock and scheduling "
    "of\n"
    "threads, and stops at the first promise that is broken.\n"
    "\n"
    "    --seed N       of the first world (default: a random one, which is printed)\n"
    "    --worlds N     stops after so many\n"
    "    --seconds T    starts no world after so many seconds (default: 10, if --worlds is not given)\n"
    "    --trace        prints what happens\n"
    "    --help         prints this\n"
    "\n"
    "Exit status: 0 = all promises were kept; 1 = one was broken; 2 = wrong usage.\n";

static bool parse_number(const char *text, uint64_t *number)
{
    char *end;
    *number = strtoull(text, &end, 0);
    return *text >= '0' && *text <= '9' && !*end;
}

static void print_report(void)
{
    double seconds = (double)report.nanoseconds / 1e9;
    printf("%" PRIu64 " worlds, %" PRIu64 " steps in %.1f s: %.0f steps/s\n", report.worlds, report.steps, seconds,
           (double)report.steps / seconds);
    printf("%" PRIu64 " connections: %" PRIu64 " sessions, taken up again %" PRIu64 " times; %" PRIu64
           " frames, %" PRIu64 " of them again\n",
           report.connections, report.anew, report.resumed, report.frames, report.resent);
    printf("%" PRIu64 " jobs:", report.jobs);
    for (int i = 1; i < 8; i++)
        printf(" %" PRIu64 " %s%s", report.outcomes[i], weft_outcome_name((weft_outcome)i), i < 7 ? "," : "\n");
}

int main(int argc, char **argv)
{
    static const struct option longs[] = {
        {"seed", required_argument, NULL, 's'},    {"worlds", required_argument, NULL, 'w'},
        {"seconds", required_argument, NULL, 't'}, {"trace", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0}};
    uint64_t seed, worlds = 0, seconds = 0;
    FILE *tracing = NULL;
    if (getrandom(&seed, sizeof seed, 0) != sizeof seed) return EXIT_USAGE;
    for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
        bool good = true;
        switch (c) {
        case 's': good = parse_number(optarg, &seed); break;
        case 'w': good = parse_number(optarg, &worlds) && worlds; break;
        case 't': good = parse_number(optarg, &seconds) && seconds; break;
        case 'v': tracing = stdout; break;
        case 'h': fputs(usage, stdout); return 0;
        default: return EXIT_USAGE; /* getopt has said what is wrong */
        }
        if (good) continue;
        fprintf(stderr, "sim-wire: '%s' will not do; --help says what will\n", optarg);
        return EXIT_USAGE;
    }
    if (!worlds && !seconds) seconds = DEFAULT_S;
    wire_watch();
    printf("seed 0x%" PRIx64 "\n", seed);
    fflush(stdout);
    struct rng seeds = {seed};
    do {
        wire_run(seed, tracing);
        seed = rng_next(&seeds);
    } while (worlds ? report.worlds < worlds : report.nanoseconds < seconds * 1000000000);
    print_report();
    return 0;
}
