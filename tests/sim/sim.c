/* sim.c: the simulator as a program: any number of worlds, any seed, and how to see a failure again. */
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "sim/run.h"

enum { DEFAULT_MS = 10000, EXIT_BROKEN = 1, EXIT_USAGE = 2, COVERED_AFTER = 20000000 };

static const char usage[] =
    "sim: runs random worlds against weft's core and its model, and stops at the first promise that is broken.\n"
    "\n"
    "    --seed N       of the first world (default: a random one, which is printed)\n"
    "    --events N     stops after so many events\n"
    "    --seconds T    stops after so many seconds (default: 10, if --events is not given)\n"
    "    --world SIZE   small: some 20 records each, audited after every event; large: some hundreds, audited every\n"
    "                   1000 events; mixed: small ones, and a large one now and then (default)\n"
    "    --trace        prints every event\n"
    "    --json         prints the result as JSON\n"
    "    --help         prints this\n"
    "\n"
    "Exit status: 0 = all promises were kept; 1 = one was broken, or a run of more than 20 million events has not met\n"
    "everything it should; 2 = wrong usage.\n";

static enum world_size size = WORLD_MIXED;

static const char replay[] =
    "stopped after %" PRIu64 " events\nagain: sim --world %s --seed 0x%" PRIx64 " --events %" PRIu64 "\n";

/* The process is stopped by an assertion, a fault or a sanitizer, which say why on stderr: this adds where it
 * happened. */
static void say_where(void)
{
    char text[160];
    uint64_t events, all_events, seed = sim_seed_now(&events, &all_events);
    int length = snprintf(text, sizeof text, replay, all_events, sim_size_name(size), seed, events);
    ssize_t ignored = write(STDERR_FILENO, text, (size_t)length);
    (void)ignored;
}

static void on_signal(int number)
{
    say_where();
    if (number == SIGABRT) _exit(EXIT_BROKEN);
    (void)signal(number, SIG_DFL); /* the fault comes again */
}

/* Of the sanitizers, where there is one: it takes the faults, too. */
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static void watch_for_the_end(void)
{
    (void)signal(SIGABRT, on_signal);
    if (__sanitizer_set_death_callback) {
        __sanitizer_set_death_callback(say_where);
        return;
    }
    (void)signal(SIGSEGV, on_signal);
    (void)signal(SIGBUS, on_signal);
}

static bool parse_size(const char *text)
{
    for (unsigned i = WORLD_SMALL; i <= WORLD_MIXED; i++)
        if (strcmp(text, sim_size_name((enum world_size)i)) == 0) {
            size = (enum world_size)i;
            return true;
        }
    return false;
}

static bool parse_number(const char *text, uint64_t *number)
{
    char *end;
    *number = strtoull(text, &end, 0);
    return *text >= '0' && *text <= '9' && !*end;
}

/* True: go on; false: *status is what to exit with. */
static bool parse(int argc, char **argv, struct sim_options *options, bool *json, int *status)
{
    static const struct option longs[] = {
        {"seed", required_argument, NULL, 's'},    {"events", required_argument, NULL, 'e'},
        {"seconds", required_argument, NULL, 't'}, {"world", required_argument, NULL, 'w'},
        {"trace", no_argument, NULL, 'v'},         {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0}};
    *status = EXIT_USAGE;
    for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
        bool good = true;
        switch (c) {
        case 's': good = parse_number(optarg, &options->seed); break;
        case 'e': good = parse_number(optarg, &options->events_max) && options->events_max; break;
        case 't': good = parse_number(optarg, &options->milliseconds) && options->milliseconds; break;
        case 'w': good = parse_size(optarg); break;
        case 'v': options->trace = stdout; break;
        case 'j': *json = true; break;
        case 'h':
            fputs(usage, stdout);
            *status = 0;
            return false;
        default: return false; /* getopt has said what is wrong */
        }
        if (c == 't') options->milliseconds *= 1000;
        if (good) continue;
        fprintf(stderr, "sim: '%s' will not do; --help says what will\n", optarg);
        return false;
    }
    if (optind < argc) {
        fprintf(stderr, "sim: '%s' is one word too many; --help says what there is\n", argv[optind]);
        return false;
    }
    return true;
}

static void print_json(const struct sim_report *report)
{
    printf("{\"events\": %" PRIu64 ", \"worlds\": %" PRIu64 ", \"seconds\": %.3f, \"events_per_second\": %.0f, ",
           report->events, report->worlds, (double)report->nanoseconds / 1e9,
           (double)report->events * 1e9 / (double)report->nanoseconds);
    printf("\"failed\": %s, \"seed\": \"0x%" PRIx64 "\", \"world_events\": %" PRIu64 ", \"met\": {",
           report->failure[0] ? "true" : "false", report->seed, report->world_events);
    for (unsigned i = 0; i < COVERS_COUNT; i++)
        printf("%s\"%s\": %" PRIu64, i ? ", " : "", cover_texts[i], covers[i]);
    printf("}}\n");
}

static void print_report(const struct sim_report *report)
{
    for (unsigned i = 0; i < COVERS_COUNT && !report->failure[0]; i++)
        printf("%14" PRIu64 "  %s\n", covers[i], cover_texts[i]);
    printf("%" PRIu64 " events in %" PRIu64 " worlds, %.2f s, %.2f M events/s\n", report->events, report->worlds,
           (double)report->nanoseconds / 1e9, (double)report->events * 1e3 / (double)report->nanoseconds);
}

int main(int argc, char **argv)
{
    struct sim_options options = {.size = WORLD_MIXED};
    struct sim_report report;
    bool json = false;
    int status;
    if (getrandom(&options.seed, sizeof options.seed, 0) != sizeof options.seed) return EXIT_USAGE;
    if (!parse(argc, argv, &options, &json, &status)) return status;
    options.size = size;
    options.progress = json ? NULL : stdout;
    if (!options.events_max && !options.milliseconds) options.milliseconds = DEFAULT_MS;
    watch_for_the_end();
    if (!json) printf("seed 0x%" PRIx64 ", %s worlds\n", options.seed, sim_size_name(size));
    fflush(stdout);

    bool kept = sim_run(&options, &report);
    if (json)
        print_json(&report);
    else
        print_report(&report);
    fflush(stdout);
    unsigned missing = kept && report.events > COVERED_AFTER ? sim_uncovered(stderr) : 0;
    if (!kept) fprintf(stderr, "broken: %s\n", report.failure);
    if (!kept) fprintf(stderr, replay, report.events, sim_size_name(size), report.seed, report.world_events);
    return kept && !missing ? 0 : EXIT_BROKEN;
}
