/* cmd_ping.c: weft ping. */
#include "verb.h"

#include <time.h>

const char help_ping[] =
    "Asks the node for a sign of life, and prints who answered and how long it took.\n"
    "\n"
    "Options:\n" PLACE_HELP "  --count N           ask so many times (1)\n"
    "  --interval-ms N     with a pause in between (1000)\n"
    "  --timeout-ms N      an answer is missing after so long (5000)\n"
    "  --json              an object a line: {\"url\", \"node\", \"pid\", \"version\", \"round_trip_ns\", "
    "\"resumed\"}\n"
    "\n"
    "Exit status:\n"
    "  0 it answered, each time; 1 an answer was missing; 2 wrong usage; 3 the node cannot be reached\n";

enum { COUNT = 1, INTERVAL, TIMEOUT, JSON };

static const struct option known[] = {PLACE_OPTIONS,
                                      {"count", required_argument, NULL, COUNT},
                                      {"interval-ms", required_argument, NULL, INTERVAL},
                                      {"timeout-ms", required_argument, NULL, TIMEOUT},
                                      {"json", no_argument, NULL, JSON},
                                      {0}};

static void put_ping(const weft_ping *ping, bool json)
{
    char id[2 * sizeof(ping->node_id) + 1];
    for (size_t i = 0; i < sizeof(ping->node_id); i++)
        snprintf(id + 2 * i, 3, "%02x", ping->node_id[i]);
    if (json) {
        fputs("{\"url\": ", stdout);
        put_json_string(ping->url);
        fputs(", \"version\": ", stdout);
        put_json_string(ping->version);
        printf(", \"node\": \"%s\", \"pid\": %d, \"round_trip_ns\": %llu, \"resumed\": %s}\n", id, ping->pid,
               (unsigned long long)ping->round_trip_ns, ping->resumed ? "true" : "false");
    } else {
        put_plain(stdout, ping->url);
        printf(": node %.8s, pid %d, weft ", id, ping->pid);
        put_plain(stdout, ping->version);
        printf(", %.3f ms\n", (double)ping->round_trip_ns / 1e6);
    }
    fflush(stdout);
}

int cmd_ping(int argc, char **argv)
{
    struct place place = PLACE_VALUES;
    uint32_t count = 1, interval_ms = 1000, timeout_ms = 5000;
    bool json = false, good = true;
    weft_node *node;
    for (int option; good && (option = option_next(argc, argv, known)) != -1;) {
        switch (option) {
        case COUNT: good = option_number("--count", optarg, 1, UINT32_MAX, &count); break;
        case INTERVAL: good = option_number("--interval-ms", optarg, 0, UINT32_MAX, &interval_ms); break;
        case TIMEOUT: good = option_number("--timeout-ms", optarg, 1, WEFT_FOREVER, &timeout_ms); break;
        case JSON: json = true; break;
        default: good = place_option(&place, option, optarg);
        }
    }
    if (!good) return VERB_ERROR;
    if (optind < argc) return verb_usage("what is %s? The node is named with --connect", argv[optind]);
    int status = place_dial(&place, &node);
    if (status) return status;
    for (uint32_t i = 0; i < count; i++) {
        const struct timespec pause = {interval_ms / 1000, (long)(interval_ms % 1000) * 1000000};
        weft_ping ping;
        if (i) (void)nanosleep(&pause, NULL);
        if (weft_node_ping(node, timeout_ms, &ping)) {
            verb_error("%s", weft_error_message());
            status = VERB_NO;
        } else {
            put_ping(&ping, json);
        }
    }
    (void)weft_node_close(node, 1000);
    return status;
}
