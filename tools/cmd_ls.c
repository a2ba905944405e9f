/* cmd_ls.c: weft ls: a listing as tables. */
#include "verb.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

const char help_ls[] =
    "Lists the channels of the node that match PATTERN (\"dispatch.media.*\"; without it all): their state,\n"
    "workers, what waits and runs, and what became of the rest.\n"
    "\n"
    "Options:\n" PLACE_HELP "  --workers           below each channel its workers\n"
    "  --deaths            below each channel its last deaths, newest first\n"
    "  --json              a document as in schemas/listing.schema.json: all of it\n"
    "\n"
    "Exit status:\n"
    "  0 listed; 1 no channel matches; 2 wrong usage; 3 the node cannot be reached\n";

enum { WORKERS = 1, DEATHS, JSON };

static const struct option known[] = {PLACE_OPTIONS,
                                      {"workers", no_argument, NULL, WORKERS},
                                      {"deaths", no_argument, NULL, DEATHS},
                                      {"json", no_argument, NULL, JSON},
                                      {0}};

struct view {
    bool workers, deaths, json;
};

static void put_worker(const weft_worker_listing *worker)
{
    const weft_worker_info *info = &worker->info;
    char load[32];
    snprintf(load, sizeof(load), "%" PRIu32 " of %" PRIu32, info->in_flight, info->max_concurrent);
    printf("  %-24s %-9s %-24s %-8s %7d %10s %9" PRIu64 " %8" PRIu64 " ", info->name,
           info->detached ? "detached" : weft_worker_state_name(info->state), info->participant,
           weft_link_kind_name(info->link), (int)info->watched, load, info->completed, info->errored);
    for (size_t i = 0; i < worker->activity_types_count; i++)
        printf("%s%s", i ? "," : "", worker->activity_types[i]);
    puts(worker->activity_types_count ? "" : "-");
}

static void put_workers(const weft_channel_listing *channel)
{
    if (!channel->workers_count) return;
    printf("  %-24s %-9s %-24s %-8s %7s %10s %9s %8s %s\n", "WORKER", "STATE", "PARTICIPANT", "LINK", "PID",
           "IN FLIGHT", "COMPLETED", "ERRORED", "TYPES");
    for (size_t i = 0; i < channel->workers_count; i++)
        put_worker(&channel->workers[i]);
}

static void put_death(const weft_death *death)
{
    time_t seconds = (time_t)(death->seen_wall_ns / 1000000000);
    unsigned milliseconds = (unsigned)(death->seen_wall_ns / 1000000 % 1000);
    char when[32], cause[64];
    struct tm day;
    gmtime_r(&seconds, &day);
    strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &day);
    printf("  %-24s %s.%03uZ  %-24s %7" PRIu32 " %13" PRIu32 "\n", death->participant, when, milliseconds,
           weft_cause_text(death->cause, cause, sizeof(cause)), death->workers_lost, death->attempts_held);
}

static void put_deaths(const weft_channel_listing *channel)
{
    if (!channel->deaths_count) return;
    printf("  %-24s %-24s  %-24s %7s %13s\n", "DIED", "SEEN", "CAUSE", "WORKERS", "ATTEMPTS HELD");
    for (size_t i = 0; i < channel->deaths_count; i++)
        put_death(&channel->deaths[i]);
}

static void put_head(void)
{
    printf("%-36s %-8s %7s %6s %9s %10s %9s %7s %11s %9s %8s %12s %6s\n", "CHANNEL", "STATE", "WORKERS", "QUEUED",
           "IN FLIGHT", "DISPATCHED", "COMPLETED", "FAILED", "WORKER DIED", "TIMED OUT", "REJECTED", "REDISPATCHED",
           "DEATHS");
}

static void put_channel(const weft_channel_listing *channel, const struct view *view)
{
    const weft_channel_info *i = &channel->info;
    if (strncmp(i->name, "event.", 6) == 0) {
        printf("%-36s %-8s %" PRIu32 " subscribers, %" PRIu64 " published, %" PRIu64 " delivered, %" PRIu64
               " dropped, %" PRIu64 " cut\n",
               i->name, weft_channel_state_name(i->state), i->subscribers, i->published, i->delivered, i->dropped,
               i->cut);
        return;
    }
    printf("%-36s %-8s %7" PRIu32 " %6" PRIu32 " %9" PRIu32 " %10" PRIu64 " %9" PRIu64 " %7" PRIu64 " %11" PRIu64
           " %9" PRIu64 " %8" PRIu64 " %12" PRIu64 " %6" PRIu64 "\n",
           i->name, weft_channel_state_name(i->state), i->workers, i->queued, i->in_flight, i->dispatched, i->completed,
           i->failed, i->worker_died, i->timed_out, i->rejected, i->redispatched, i->deaths);
    if (view->workers) put_workers(channel);
    if (view->deaths) put_deaths(channel);
}

static int list(weft_node *node, const char *pattern, const struct view *view)
{
    weft_listing *listing;
    weft_error error = weft_node_inspect(node, pattern, &listing);
    if (error) return verb_failed(error);
    int status = listing->channels_count || !pattern ? VERB_YES : VERB_NO;
    if (view->json) {
        char *text;
        size_t size;
        error = weft_listing_json(listing, &text, &size);
        if (!error) {
            fwrite(text, 1, size, stdout);
            putchar('\n');
            weft_text_release(text);
        }
    } else if (listing->channels_count) {
        put_head();
        for (size_t i = 0; i < listing->channels_count; i++)
            put_channel(&listing->channels[i], view);
    } else {
        verb_error(pattern ? "no channel matches" : "the node has no channel: weftd --channel declares one");
    }
    weft_listing_release(listing);
    return error ? verb_failed(error) : status;
}

int cmd_ls(int argc, char **argv)
{
    struct place place = PLACE_VALUES;
    struct view view = {0};
    bool good = true;
    weft_node *node;
    for (int option; good && (option = option_next(argc, argv, known)) != -1;) {
        switch (option) {
        case WORKERS: view.workers = true; break;
        case DEATHS: view.deaths = true; break;
        case JSON: view.json = true; break;
        default: good = place_option(&place, option, optarg);
        }
    }
    if (!good) return VERB_ERROR;
    if (optind + 1 < argc) return verb_usage("one PATTERN is wanted: quote it from the shell");
    int status = place_dial(&place, &node);
    if (status) return status;
    status = list(node, optind < argc ? argv[optind] : NULL, &view);
    (void)weft_node_close(node, 1000);
    return status;
}
