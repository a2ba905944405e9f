/* cmd_call.c: weft call: one dispatch, or one for each line of the standard input, many at a time. One thread: it waits for the
 * standard input and for outcomes at once. */
#include "verb.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reply.h"

const char help_call[] =
    "Dispatches PAYLOAD on CHANNEL, waits for the outcome, and prints the result as it came. PAYLOAD \"-\",\n"
    "or none: the standard input. With --lines each line of that is a payload (NDJSON, blank lines are\n"
    "passed over), many are outstanding at a time, and the results are printed in the order of the lines,\n"
    "each with an end of line.\n"
    "\n"
    "What does not complete is said on the standard error. When weft call ends by a signal, the node\n"
    "cancels what it has asked for.\n"
    "\n"
    "Options:\n" PLACE_HELP
    "  --lines             a payload for each line of the standard input; of at most 16777216 bytes\n"
    "  --outstanding N     with --lines: so many at a time, 1 to 65536 (256)\n"
    "  --type TYPE         the activity type: only workers that take it, or every type\n"
    "  --content-type TYPE of the payloads\n"
    "  --priority WORD     urgent, high, normal (without it) or low\n"
    "  --key KEY           idempotency: repeats of a key are one dispatch, and get its outcome\n"
    "  --sticky KEY        on a sticky channel: the same worker for the same key\n"
    "  --timeout-ms N      in all; beyond, the outcome is timed_out. Without it what the channel says\n"
    "  --start-ms N        to wait for a worker, likewise\n"
    "  --run-ms N          for one attempt, likewise\n"
    "  --no-worker WORD    wait or reject, where no worker is registered; else what the channel says\n"
    "  --on-crash WORD     fail or redispatch, when a worker dies; else what the channel says\n"
    "  --attempts-max N    with redispatch, 1 to 16; else what the channel says\n"
    "  --detach            do not wait: print the dispatch's ID, for weft why, when the node has it\n"
    "  --id                say the ID of each dispatch on the standard error (with --detach: output)\n"
    "  --json              an object for each outcome, in one line, as it comes: as in\n"
    "                      schemas/dispatch-response.schema.json; \"request\" is the payload's number,\n"
    "                      from 1, which is that of its line. With --detach: of how each went out, as in\n"
    "                      schemas/dispatch-acknowledgement.schema.json, with its ID\n"
    "\n"
    "Exit status:\n"
    "  0 completed; 1 failed; 2 wrong usage, or a file; 3 the node cannot be reached;\n"
    "  4 worker_died; 5 timed_out; 6 cancelled; 7 rejected; 8 node_lost: the node is gone, and may have\n"
    "  done it. With --lines: that of the first line that did not complete; with --detach: that the node\n"
    "  did not admit\n";

enum { SENT_MAX = 1024, AGAIN_MS = 100, AGAIN_MAX = 100 };

/* A detached dispatch that the node has not confirmed. */
struct sent {
    weft_ticket ticket;
    uint64_t number; /* of its payload */
};

struct call {
    const char *channel;
    weft_dispatch_options options;
    bool lines, json, detach, id;
    uint32_t outstanding_max;
    weft_node *node;
    weft_completions *completions;
    int fd;              /* of the completions */
    uint32_t open;       /* submitted, and no reply yet */
    weft_reply *replies; /* of outstanding_max: in the order of the payloads, those that wait for one before them */
    uint64_t *numbers;   /* of the payload in that place */
    uint64_t submitted, printed;
    uint64_t first_bad; /* number of the payload whose status it is */
    int status;
    struct sent *sent; /* SENT_MAX: with detach */
    size_t sent_count;
};

/* --- outcomes --------------------------------------------------------------------------------------------------------- */

static void note(struct call *call, uint64_t number, int status)
{
    if (status == VERB_YES || (call->status && call->first_bad <= number)) return;
    call->status = status;
    call->first_bad = number;
}

static void put_plainly(struct call *call, const weft_reply *reply, uint64_t number)
{
    char which[32] = "";
    if (call->lines) snprintf(which, sizeof(which), "line %" PRIu64 ": ", number);
    if (reply->outcome != WEFT_COMPLETED) {
        const char *code = reply->code && strcmp(reply->code, weft_outcome_name(reply->outcome)) ? reply->code : NULL;
        verb_error("%s%s%s%s%s%s", which, weft_outcome_name(reply->outcome), code ? ", " : "", code ? code : "",
                   reply->message ? ": " : "", reply->message ? reply->message : "");
        return;
    }
    size_t size = reply->payload.size;
    bool ended = size && ((const char *)reply->payload.data)[size - 1] == '\n';
    fwrite(reply->payload.data, 1, size, stdout);
    if (!ended && (call->lines || isatty(STDOUT_FILENO))) putchar('\n');
}

/* Those that have none before them any more. */
static void put_in_order(struct call *call)
{
    for (; call->printed < call->submitted; call->printed++) {
        size_t place = call->printed % call->outstanding_max;
        weft_reply *reply = &call->replies[place];
        if (!reply->outcome) return;
        put_plainly(call, reply, call->numbers[place]);
        weft_reply_release(reply);
        *reply = (weft_reply){0};
    }
}

/* The token is the place in the order, from 0. */
static void ended(struct call *call, weft_reply *reply)
{
    size_t place = reply->token % call->outstanding_max;
    uint64_t number = call->numbers[place];
    call->open--;
    note(call, number, reply_status(reply));
    call->replies[place] = *reply;
    if (call->json) {
        reply_json(reply, call->channel, number);
        weft_reply_release(&call->replies[place]);
        call->replies[place] = (weft_reply){.outcome = reply->outcome};
        while (call->printed < call->submitted && call->replies[call->printed % call->outstanding_max].outcome)
            call->replies[call->printed++ % call->outstanding_max].outcome = WEFT_OUTCOME_NONE;
    } else {
        put_in_order(call);
    }
}

static bool fetch(struct call *call)
{
    weft_reply replies[64];
    size_t count;
    uint64_t ignored;
    weft_error error;
    while (read(call->fd, &ignored, sizeof(ignored)) < 0 && errno == EINTR) {
    }
    do {
        error = weft_completions_next(call->completions, 0, replies, 64, &count);
        for (size_t i = 0; i < count; i++)
            ended(call, &replies[i]);
    } while (!error);
    if (error != WEFT_EAGAIN) note(call, 0, verb_failed(error));
    return error == WEFT_EAGAIN;
}

/* --- dispatching ------------------------------------------------------------------------------------------------------ */

static void refused(struct call *call, uint64_t number, weft_error error, const weft_ticket *ticket)
{
    if (error != WEFT_EREJECTED) {
        note(call, number, verb_failed(error));
        return;
    }
    const weft_reply reply = {.outcome = WEFT_REJECTED,
                              .admission = WEFT_ADMISSION_REJECTED,
                              .retry_after_ms = ticket->retry_after_ms,
                              .code = ticket->reason,
                              .message = weft_error_message()};
    note(call, number, VERB_REJECTED);
    if (call->json && call->detach)
        ticket_json(ticket, number);
    else if (call->json)
        reply_json(&reply, call->channel, number);
    else
        put_plainly(call, &reply, number);
}

static void put_id(const struct call *call, const weft_ticket *ticket, uint64_t number)
{
    if (call->detach && call->json)
        ticket_json(ticket, number);
    else if (call->detach || call->id)
        fprintf(call->detach ? stdout : stderr, "%" PRIu64 ":%" PRIu64 "\n", ticket->id.session, ticket->id.number);
}

/* The node's word on it, if there is one by now: it was refused, or lost, or is over; none: it has been admitted, where the node was
 * heard since. */
static void confirmed(struct call *call, struct sent *sent, bool heard)
{
    weft_reply reply = {0};
    bool over = weft_dispatch_fetch(call->node, sent->ticket.id, 0, &reply) == WEFT_OK;
    if (over ? reply.outcome != WEFT_REJECTED && reply.outcome != WEFT_NODE_LOST : heard) {
        put_id(call, &sent->ticket, sent->number);
    } else if (over && reply.admission == WEFT_ADMISSION_REJECTED && call->json) {
        sent->ticket.admission = WEFT_ADMISSION_REJECTED;
        sent->ticket.reason = reply.code;
        sent->ticket.retry_after_ms = reply.retry_after_ms;
        ticket_json(&sent->ticket, sent->number);
        note(call, sent->number, VERB_REJECTED);
    } else {
        if (!over) reply = (weft_reply){.outcome = WEFT_NODE_LOST, .message = "the node has not said that it has it"};
        put_plainly(call, &reply, sent->number);
        note(call, sent->number, reply_status(&reply));
    }
    if (over) weft_reply_release(&reply);
}

/* Asks the node something: it answers in order, so it has then heard of all that was dispatched before, and refused what it would. */
static void confirm(struct call *call)
{
    weft_channel_info info;
    weft_error error = WEFT_OK;
    for (int tries = 0; call->sent_count > 0 && tries < AGAIN_MAX; tries++) {
        error = weft_channel_info_get(call->node, call->channel, &info);
        if (error != WEFT_ELOST) break;
        usleep(AGAIN_MS * 1000); /* another session begins, or none */
    }
    for (size_t i = 0; i < call->sent_count; i++)
        confirmed(call, &call->sent[i], error == WEFT_OK || error == WEFT_ENOCHANNEL);
    call->sent_count = 0;
}

static void detach(struct call *call, weft_bytes payload, uint64_t number)
{
    struct sent *sent = &call->sent[call->sent_count];
    *sent = (struct sent){.number = number};
    weft_error error =
        weft_dispatch_async(call->node, call->channel, payload, &call->options, NULL, NULL, 0, &sent->ticket);
    if (error)
        refused(call, number, error, &sent->ticket);
    else if (++call->sent_count == SENT_MAX)
        confirm(call);
}

static void dispatch(struct call *call, weft_bytes payload, uint64_t number)
{
    weft_ticket ticket = {0};
    size_t place = call->submitted % call->outstanding_max;
    if (call->detach) {
        detach(call, payload, number);
        return;
    }
    call->numbers[place] = number;
    weft_error error =
        weft_dispatch_submit(call->completions, call->channel, payload, &call->options, call->submitted, &ticket);
    if (error) {
        refused(call, number, error, &ticket);
        return;
    }
    put_id(call, &ticket, number);
    call->submitted++;
    call->open++;
}

static bool has_room(const struct call *call)
{
    return call->submitted - call->printed < call->outstanding_max;
}

/* As many lines as have come, and have room. False: there are no more. */
static bool dispatch_lines(struct call *call, struct lines *lines)
{
    const char *text;
    size_t size;
    enum line line = LINE_NONE;
    while (has_room(call) && (line = lines_there(lines, &text, &size)) != LINE_NONE && line != LINE_END) {
        if (line == LINE_LONG)
            note(call, lines->number, verb_error("line %zu: longer than %zu bytes", lines->number, lines->bytes_max));
        else if (!is_blank(text, size))
            dispatch(call, (weft_bytes){text, size}, lines->number);
    }
    return line != LINE_END;
}

/* --- running ---------------------------------------------------------------------------------------------------------- */

static bool wait_for(struct call *call, struct lines *lines)
{
    struct pollfd fds[] = {{.fd = call->fd, .events = POLLIN}, {.fd = -1, .events = POLLIN}};
    if (lines && has_room(call)) fds[1].fd = lines->fd;
    fflush(stdout);
    while (poll(fds, 2, -1) < 0 && errno == EINTR) {
    }
    if (fds[0].revents && !fetch(call)) return false;
    if (!fds[1].revents || lines_fill(lines)) return true;
    note(call, lines->number + 1, verb_error("the standard input: %s", strerror(errno)));
    return false;
}

static void call_lines(struct call *call)
{
    struct lines lines = {.fd = STDIN_FILENO, .bytes_max = DOCUMENT_BYTES_MAX};
    bool more = true;
    while (!ferror(stdout) && ((more = more && dispatch_lines(call, &lines)) || call->open)) {
        confirm(call); /* before it waits */
        if (!wait_for(call, more ? &lines : NULL)) break;
    }
    lines_fini(&lines);
}

static void call_once(struct call *call, const char *payload)
{
    char *text = NULL;
    size_t size;
    const char *why;
    if (payload && strcmp(payload, "-") != 0) {
        dispatch(call, weft_text(payload), 1);
    } else if (read_file("-", DOCUMENT_BYTES_MAX, &text, &size, &why)) {
        dispatch(call, (weft_bytes){text, size}, 1);
    } else {
        note(call, 1, verb_error("the standard input: %s", why));
    }
    free(text);
    while (call->open && wait_for(call, NULL)) {
    }
}

static int run(struct call *call, const char *payload)
{
    call->replies = calloc(call->outstanding_max, sizeof(*call->replies));
    call->numbers = calloc(call->outstanding_max, sizeof(*call->numbers));
    call->sent = calloc(call->detach ? SENT_MAX : 1, sizeof(*call->sent));
    if (!call->replies || !call->numbers || !call->sent)
        note(call, 0, verb_error("out of memory"));
    else if (weft_completions_open(call->node, call->outstanding_max, &call->completions) ||
             weft_completions_fd(call->completions, &call->fd))
        note(call, 0, verb_failed(WEFT_ENOMEM));
    else if (call->lines)
        call_lines(call);
    else
        call_once(call, payload);
    confirm(call);
    for (uint32_t i = 0; call->replies && i < call->outstanding_max; i++)
        weft_reply_release(&call->replies[i]);
    (void)weft_completions_close(call->completions);
    free(call->replies);
    free(call->numbers);
    free(call->sent);
    return call->status;
}

enum {
    LINES = 1,
    OUTSTANDING,
    TYPE,
    CONTENT_TYPE,
    PRIORITY,
    KEY,
    STICKY,
    TIMEOUT,
    START,
    RUN,
    NO_WORKER,
    ON_CRASH,
    ATTEMPTS,
    DETACH,
    ID,
    JSON
};

static const struct option known[] = {PLACE_OPTIONS,
                                      {"lines", no_argument, NULL, LINES},
                                      {"outstanding", required_argument, NULL, OUTSTANDING},
                                      {"type", required_argument, NULL, TYPE},
                                      {"content-type", required_argument, NULL, CONTENT_TYPE},
                                      {"priority", required_argument, NULL, PRIORITY},
                                      {"key", required_argument, NULL, KEY},
                                      {"sticky", required_argument, NULL, STICKY},
                                      {"timeout-ms", required_argument, NULL, TIMEOUT},
                                      {"start-ms", required_argument, NULL, START},
                                      {"run-ms", required_argument, NULL, RUN},
                                      {"no-worker", required_argument, NULL, NO_WORKER},
                                      {"on-crash", required_argument, NULL, ON_CRASH},
                                      {"attempts-max", required_argument, NULL, ATTEMPTS},
                                      {"detach", no_argument, NULL, DETACH},
                                      {"id", no_argument, NULL, ID},
                                      {"json", no_argument, NULL, JSON},
                                      {0}};

static bool take(struct call *call, struct place *place, int option)
{
    weft_dispatch_options *o = &call->options;
    switch (option) {
    case LINES: return call->lines = true;
    case OUTSTANDING: return option_number("--outstanding", optarg, 1, 65536, &call->outstanding_max);
    case TYPE: o->activity_type = optarg; return true;
    case CONTENT_TYPE: o->content_type = optarg; return true;
    case PRIORITY: return option_priority(optarg, &o->priority);
    case KEY: o->key = optarg; return true;
    case STICKY: o->sticky_key = optarg; return true;
    case TIMEOUT: return option_number("--timeout-ms", optarg, 1, WEFT_FOREVER - 1, &o->schedule_to_close_ms);
    case START: return option_number("--start-ms", optarg, 1, WEFT_FOREVER - 1, &o->schedule_to_start_ms);
    case RUN: return option_number("--run-ms", optarg, 1, WEFT_FOREVER - 1, &o->start_to_close_ms);
    case NO_WORKER: return option_no_worker(optarg, &o->no_worker);
    case ON_CRASH: return option_on_crash(optarg, &o->on_crash);
    case ATTEMPTS: return option_number("--attempts-max", optarg, 1, 16, &o->attempts_max);
    case DETACH: return call->detach = o->detached = true;
    case ID: return call->id = true;
    case JSON: return call->json = true;
    default: return place_option(place, option, optarg);
    }
}

int cmd_call(int argc, char **argv)
{
    struct place place = PLACE_VALUES;
    struct call call = {.options = WEFT_DISPATCH_OPTIONS, .outstanding_max = 256};
    for (int option; (option = option_next(argc, argv, known)) != -1;)
        if (!take(&call, &place, option)) return VERB_ERROR;
    if (optind == argc) return verb_usage("which CHANNEL?");
    if (optind + 2 < argc) return verb_usage("one PAYLOAD is wanted: quote it from the shell");
    if (call.lines && optind + 1 < argc && strcmp(argv[optind + 1], "-") != 0)
        return verb_usage("--lines reads payloads from the standard input: what is %s?", argv[optind + 1]);
    if (call.lines && call.options.key) return verb_usage("--key is for one dispatch, not for --lines");
    call.channel = argv[optind];
    int status = place_dial(&place, &call.node);
    if (status) return status;
    status = run(&call, optind + 1 < argc ? argv[optind + 1] : NULL);
    (void)weft_node_close(call.node, call.detach ? 0 : 1000); /* what is detached goes on without us */
    return status;
}
