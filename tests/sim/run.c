#include "sim/run.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"

enum { PROGRESS_S = 5 };

static struct world world; /* large, and the signal handler's; so is what worlds before it have seen */
static uint64_t events_before;

const char *sim_size_name(enum world_size size)
{
    static const char *const names[] = {[WORLD_SMALL] = "small", [WORLD_LARGE] = "large", [WORLD_MIXED] = "mixed"};
    return names[size];
}

uint64_t sim_seed_now(uint64_t *events, uint64_t *all_events)
{
    *events = world.events;
    *all_events = events_before + world.events;
    return world.seed;
}

bool sim_run(const struct sim_options *options, struct sim_report *report)
{
    uint64_t start_ns = weft__clock_ns(), said_ns = start_ns;
    *report = (struct sim_report){.seed = options->seed};
    world.trace = options->trace;
    while (!report->failure[0]) {
        uint64_t left = options->events_max ? options->events_max - report->events : UINT64_MAX;
        events_before = report->events;
        const char *failure = sim_live(&world, report->seed, options->size, left);
        report->worlds++;
        report->events += report->world_events = world.events;
        if (failure) {
            snprintf(report->failure, sizeof report->failure, "%s", failure);
            break;
        }
        uint64_t now_ns = weft__clock_ns();
        report->nanoseconds = now_ns - start_ns;
        if (options->progress && now_ns - said_ns > PROGRESS_S * NS_PER_S) {
            fprintf(options->progress, "%.1f M events, %" PRIu64 " worlds, %.2f M events/s\n",
                    (double)report->events / 1e6, report->worlds,
                    (double)report->events * 1e3 / (double)report->nanoseconds);
            fflush(options->progress);
            said_ns = now_ns;
        }
        if (options->events_max && report->events >= options->events_max) break;
        if (options->milliseconds && report->nanoseconds >= options->milliseconds * NS_PER_MS) break;
        struct rng rng = {.state = report->seed};
        report->seed = rng_next(&rng);
    }
    report->nanoseconds = weft__clock_ns() - start_ns;
    return !report->failure[0];
}

unsigned sim_uncovered(FILE *file)
{
    unsigned missing = 0;
    for (unsigned i = 0; i < COVERS_COUNT; i++) {
        if (covers[i]) continue;
        fprintf(file, "never met: %s\n", cover_texts[i]);
        missing++;
    }
    return missing;
}
