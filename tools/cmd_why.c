/* cmd_why.c: weft why. */
#include "verb.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char help_why[] =
    "Says why a dispatch waits, or what would become of a request, and of each worker of the channel the\n"
    "first rule that refuses it, from the predicate that decides. Changes nothing.\n"
    "\n"
    "An ID is what weft call --id prints, \"SESSION:NUMBER\"; a CHANNEL is asked of a request with the\n"
    "options below, which say nothing with an ID.\n"
    "\n"
    "Options:\n" PLACE_HELP "  --type TYPE         the request's activity type\n"
    "  --priority WORD     urgent, high, normal (without it) or low\n"
    "  --sticky KEY        its sticky key\n"
    "  --no-worker WORD    wait or reject, where no worker is registered; else what the channel says\n"
    "  --json              a document as in schemas/why.schema.json\n"
    "\n"
    "Exit status:\n"
    "  0 answered; 1 no such dispatch or channel; 2 wrong usage; 3 the node cannot be reached\n";

enum { TYPE = 1, PRIORITY, STICKY, NO_WORKER, JSON };

static const struct option known[] = {PLACE_OPTIONS,
                                      {"type", required_argument, NULL, TYPE},
                                      {"priority", required_argument, NULL, PRIORITY},
                                      {"sticky", required_argument, NULL, STICKY},
                                      {"no-worker", required_argument, NULL, NO_WORKER},
                                      {"json", no_argument, NULL, JSON},
                                      {0}};

/* "SESSION:NUMBER". */
static bool is_id(const char *text, weft_dispatch_id *id)
{
    char *end;
    if (*text < '0' || *text > '9') return false;
    errno = 0;
    id->session = strtoull(text, &end, 10);
    if (*end != ':' || end[1] < '0' || end[1] > '9') return false;
    id->number = strtoull(end + 1, &end, 10);
    return !*end && !errno;
}

static void put_why(const weft_why *why)
{
    put_plain(stdout, why->sentence);
    putchar('\n');
    for (size_t i = 0; i < why->refusals_count; i++) {
        const weft_refusal *refusal = &why->refusals[i];
        printf("  %-20s %-14s ", refusal->worker.name, weft_rule_name(refusal->rule));
        put_plain(stdout, refusal->sentence);
        putchar('\n');
    }
}

static int ask(weft_node *node, const char *what, const weft_dispatch_options *options, bool json)
{
    weft_dispatch_id id;
    weft_why why;
    weft_error error = is_id(what, &id) ? weft_why_get(node, id, &why) : weft_dispatch_why(node, what, options, &why);
    if (error == WEFT_ENOTFOUND) return verb_error("no such dispatch: %s (it has ended, or never was)", what), VERB_NO;
    if (error == WEFT_ENOCHANNEL) return verb_failed(error), VERB_NO;
    if (error) return verb_failed(error);
    char *text;
    size_t size;
    if (!json)
        put_why(&why);
    else if ((error = weft_why_json(&why, &text, &size)) == WEFT_OK) {
        fwrite(text, 1, size, stdout);
        putchar('\n');
        weft_text_release(text);
    }
    weft_why_release(&why);
    return error ? verb_failed(error) : VERB_YES;
}

int cmd_why(int argc, char **argv)
{
    struct place place = PLACE_VALUES;
    weft_dispatch_options options = WEFT_DISPATCH_OPTIONS;
    bool json = false, good = true;
    weft_node *node;
    for (int option; good && (option = option_next(argc, argv, known)) != -1;) {
        switch (option) {
        case TYPE: options.activity_type = optarg; break;
        case PRIORITY: good = option_priority(optarg, &options.priority); break;
        case STICKY: options.sticky_key = optarg; break;
        case NO_WORKER: good = option_no_worker(optarg, &options.no_worker); break;
        case JSON: json = true; break;
        default: good = place_option(&place, option, optarg);
        }
    }
    if (!good) return VERB_ERROR;
    if (optind + 1 != argc) return verb_usage("one ID or CHANNEL is wanted");
    int status = place_dial(&place, &node);
    if (status) return status;
    status = ask(node, argv[optind], &options, json);
    (void)weft_node_close(node, 1000);
    return status;
}
