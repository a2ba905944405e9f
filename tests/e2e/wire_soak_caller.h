/* wire_soak_caller.h: a process of callers. In each round its threads dispatch in all ways, stream, cancel, let times run out,
 * repeat keys, publish; and then wait until everything they asked for has come to its one end, and is what it has to be. */
#ifndef WEFT_TESTS_E2E_WIRE_SOAK_CALLER_H
#define WEFT_TESTS_E2E_WIRE_SOAK_CALLER_H

#include "e2e/wire_soak.h"

enum { CALLS_MAX = 1024, OUTSTANDING_MAX = 256, PATIENCE_MS = 30000, STREAMS_MAX = 64, OUTCOMES = WEFT_NODE_LOST + 1 };

/* What was asked for. */
struct call {
    struct call *next; /* where it is free */
    uint32_t slot;
    size_t size;
    uint8_t what;
    bool once;
    const char *channel;
    atomic_bool open;
    atomic_uint attempt; /* its stream's */
    uint64_t parts;      /* of that attempt */
    weft_dispatch_id id;
};

static struct {
    weft_node *node;
    atomic_bool stop; /* the round is over */
    unsigned number;  /* which cast */
    unsigned seed;
    atomic_uint next_slot, streams_open;
    atomic_ullong asked, ended, outcomes[OUTCOMES], parts, published, asks;
    pthread_mutex_t mutex; /* guards free */
    struct call *free, calls[CALLS_MAX];
} caller = {.mutex = PTHREAD_MUTEX_INITIALIZER};

/* --- calls ---------------------------------------------------------------------------------------- */

static struct call *take_call(void)
{
    pthread_mutex_lock(&caller.mutex);
    struct call *call = caller.free;
    thread_check_true(call != NULL);
    caller.free = call->next;
    pthread_mutex_unlock(&caller.mutex);
    return call;
}

static void give_call(struct call *call)
{
    pthread_mutex_lock(&caller.mutex);
    call->next = caller.free;
    caller.free = call;
    pthread_mutex_unlock(&caller.mutex);
}

/* Its payload, to be freed; where its runs are counted begins at 0. */
static unsigned char *begin_call(unsigned *state, struct call *call, const char *channel)
{
    call->slot = caller.number * OWN_SLOTS + atomic_fetch_add(&caller.next_slot, 1) % OWN_SLOTS;
    call->size = random_size(state);
    call->what = (uint8_t)roll(state, 32);
    call->channel = channel;
    call->once = channel != channels[1] && channel != channels[2];
    call->parts = 0;
    call->attempt = 0;
    call->id = (weft_dispatch_id){0, 0};
    ledger[call->slot] = 0;
    unsigned char *bytes = malloc(call->size);
    thread_check_true(bytes != NULL);
    fill_payload(bytes, call->size, call->slot, call->what);
    call->open = true;
    caller.asked++;
    return bytes;
}

/* It was refused, and nothing of it is to come. */
static void unask(struct call *call)
{
    call->open = false;
    caller.asked--;
}

/* The one end that it has. */
static void account(struct call *call, const weft_reply *reply)
{
    unsigned runs = ledger[call->slot];
    thread_check_true(atomic_exchange(&call->open, false)); /* once */
    thread_check_true(reply->outcome > WEFT_OUTCOME_NONE && reply->outcome <= WEFT_NODE_LOST);
    caller.ended++;
    caller.outcomes[reply->outcome]++;
    if (call->once) thread_check_true(runs <= 1);
    if (reply->admission != WEFT_ADMISSION_SENT)
        thread_check_true(runs <= reply->attempts);
    else /* nobody here knows how often */
        thread_check_true(reply->outcome == WEFT_TIMED_OUT || reply->outcome == WEFT_NODE_LOST ||
                          reply->outcome == WEFT_CANCELLED);
    if (reply->outcome != WEFT_COMPLETED) return;
    thread_check_true(runs >= 1);
    thread_check_true(payload_is(reply->payload, call->size, call->slot, call->what));
}

/* Some have not come to an end. */
static void complain(void)
{
    for (int i = 0; i < CALLS_MAX; i++) {
        const struct call *call = &caller.calls[i];
        if (call->open)
            (void)fprintf(stderr, "no end: %016" PRIx64 "-%" PRIu64 ", %zu bytes, deed %u, on %s, begun %u times\n",
                          call->id.session, call->id.number, call->size, call->what, call->channel, ledger[call->slot]);
    }
    if (getenv("SOAK_HALTS")) pause(); /* for a debugger */
    thread_check_str("something has come to no end", "all comes to its end");
}

static weft_dispatch_options random_options(unsigned *state)
{
    weft_dispatch_options options = WEFT_DISPATCH_OPTIONS;
    options.priority = (weft_priority)(1 + roll(state, 4));
    options.start_to_close_ms = roll(state, 8) ? 0 : 5;
    options.heartbeat_ms = roll(state, 8) ? 0 : 5;
    options.schedule_to_close_ms = roll(state, 16) ? 0 : 2;
    options.activity_type = roll(state, 8) ? NULL : "common";
    options.content_type = roll(state, 2) ? NULL : "application/octet-stream";
    options.sticky_key = roll(state, 2) ? "some key" : NULL;
    return options;
}

static const char *random_channel(unsigned *state)
{
    unsigned which = roll(state, CHANNELS + 1);
    return which < CHANNELS ? channels[which] : pulled;
}

/* --- many at a time ------------------------------------------------------------------------------- */

static unsigned fetch(weft_completions *completions, uint32_t timeout_ms)
{
    weft_reply replies[32];
    size_t count = 0;
    unsigned fetched = 0;
    while (weft_completions_next(completions, timeout_ms, replies, 32, &count) == WEFT_OK)
        for (size_t i = 0; i < count; i++) {
            struct call *call = (struct call *)(uintptr_t)replies[i].token;
            account(call, &replies[i]);
            give_call(call);
            weft_reply_release(&replies[i]);
            fetched++;
        }
    return fetched;
}

/* {0, 0}: it was not taken. */
static weft_dispatch_id submit_one(unsigned *state, weft_completions *completions)
{
    const char *channel = random_channel(state);
    weft_dispatch_options options = random_options(state);
    struct call *call = take_call();
    unsigned char *bytes = begin_call(state, call, channel);
    weft_ticket ticket = {0};
    weft_error error =
        weft_dispatch_submit(completions, channel, (weft_bytes){bytes, call->size}, &options, (uintptr_t)call, &ticket);
    free(bytes);
    if (!error) return call->id = ticket.id;
    thread_check_true(error == WEFT_EAGAIN || error == WEFT_EREJECTED);
    unask(call);
    give_call(call);
    return (weft_dispatch_id){0, 0};
}

static void *submit_many(void *argument)
{
    unsigned state = caller.seed + (unsigned)(uintptr_t)argument;
    unsigned outstanding = 0;
    weft_dispatch_id recent[64] = {{0, 0}};
    weft_completions *completions;
    thread_check_ok(weft_completions_open(caller.node, OUTSTANDING_MAX, &completions));
    while (!caller.stop) {
        for (unsigned i = 1 + roll(&state, 64); i > 0; i--) {
            weft_dispatch_id submitted = submit_one(&state, completions);
            outstanding += submitted.session != 0;
            recent[roll(&state, 64)] = submitted;
        }
        weft_dispatch_id id = recent[roll(&state, 64)];
        if (id.session) (void)weft_dispatch_cancel(caller.node, id);
        outstanding -= fetch(completions, roll(&state, 2) ? 0 : 1);
    }
    for (uint64_t until_ms = now_ms() + PATIENCE_MS; outstanding;) {
        outstanding -= fetch(completions, 100);
        if (outstanding && now_ms() > until_ms) complain();
    }
    thread_check_ok(weft_completions_close(completions));
    return NULL;
}

/* --- streams -------------------------------------------------------------------------------------- */

/* Parts come in order, in each attempt from 1. */
static void updated(const weft_update *update, void *context)
{
    struct call *call = context;
    thread_check_true(call->open);
    if (update->kind == WEFT_UPDATE_RESTARTED) call->parts = 0;
    if (update->kind != WEFT_UPDATE_PARTIAL) return;
    thread_check_eq(update->number, call->parts + 1);
    call->parts++;
    caller.parts++;
}

static void stream_ended(const weft_reply *reply, void *context)
{
    struct call *call = context;
    account(call, reply);
    give_call(call);
    caller.streams_open--;
}

static void *stream_some(void *argument)
{
    unsigned state = caller.seed + (unsigned)(uintptr_t)argument;
    while (!caller.stop) {
        if (caller.streams_open >= STREAMS_MAX) {
            usleep(200);
            continue;
        }
        const char *channel = random_channel(&state);
        weft_dispatch_options options = random_options(&state);
        struct call *call = take_call();
        unsigned char *bytes = begin_call(&state, call, channel);
        weft_ticket ticket;
        options.updated = roll(&state, 4) ? updated : NULL;
        options.updated_context = call;
        options.window = 1 + roll(&state, 4);
        caller.streams_open++;
        weft_error error = weft_dispatch_async(caller.node, channel, (weft_bytes){bytes, call->size}, &options,
                                               stream_ended, call, 0, &ticket);
        free(bytes);
        if (!error) continue;
        thread_check_err(error, WEFT_EREJECTED);
        unask(call);
        give_call(call);
        caller.streams_open--;
    }
    for (uint64_t until_ms = now_ms() + PATIENCE_MS; caller.streams_open;) {
        usleep(500); /* each ends with a call, which only counts */
        if (now_ms() > until_ms) complain();
    }
    return NULL;
}

/* --- one at a time -------------------------------------------------------------------------------- */

static void repeat_a_key(unsigned *state)
{
    weft_dispatch_options options = WEFT_DISPATCH_OPTIONS;
    unsigned char bytes[64];
    weft_reply reply;
    char key[16];
    snprintf(key, sizeof key, "key-%u", roll(state, 16));
    options.key = key;
    fill_payload(bytes, sizeof bytes, LEDGER_SLOTS, 31);
    thread_check_ok(weft_dispatch(caller.node, keyed, (weft_bytes){bytes, sizeof bytes}, &options, &reply));
    thread_check_true(reply.outcome > WEFT_OUTCOME_NONE && reply.outcome <= WEFT_NODE_LOST);
    if (reply.outcome == WEFT_COMPLETED) thread_check_true(payload_is(reply.payload, sizeof bytes, LEDGER_SLOTS, 31));
    weft_reply_release(&reply);
}

static void *wait_for_each(void *argument)
{
    unsigned state = caller.seed + (unsigned)(uintptr_t)argument;
    while (!caller.stop) {
        const char *channel = random_channel(&state);
        weft_dispatch_options options = random_options(&state);
        weft_reply reply;
        if (roll(&state, 8) == 0) {
            repeat_a_key(&state);
            continue;
        }
        struct call *call = take_call();
        unsigned char *bytes = begin_call(&state, call, channel);
        thread_check_ok(weft_dispatch(caller.node, channel, (weft_bytes){bytes, call->size}, &options, &reply));
        free(bytes);
        account(call, &reply);
        give_call(call);
        weft_reply_release(&reply);
    }
    return NULL;
}

/* --- events --------------------------------------------------------------------------------------- */

static void *publish(void *argument)
{
    unsigned state = caller.seed + (unsigned)(uintptr_t)argument;
    while (!caller.stop) {
        weft_publish_options options = WEFT_PUBLISH_OPTIONS;
        unsigned char payload[512] = "news";
        bool waits = roll(&state, 8) == 0;
        uint32_t heard;
        options.flags = waits ? 0 : WEFT_NO_WAIT;
        weft_error error =
            weft_publish(caller.node, news, (weft_bytes){payload, 1 + roll(&state, 511)}, &options, &heard);
        thread_check_true(!error || error == WEFT_ELOST);
        caller.published += !error;
        if (roll(&state, 16) == 0) usleep(roll(&state, 2000)); /* its work */
    }
    return NULL;
}

/* --- onlookers ------------------------------------------------------------------------------------ */

/* The node may be away, or another that does not know of it. */
static bool answered(weft_error error)
{
    thread_check_true(!error || error == WEFT_ELOST || error == WEFT_ENOTFOUND || error == WEFT_EAGAIN ||
                      error == WEFT_ESTALE || error == WEFT_ETIMEDOUT);
    caller.asks += !error;
    return !error;
}

static bool see_letter(const weft_letter *letter, void *context)
{
    (void)context;
    thread_check_true(letter->attempts_count > 0 || letter->outcome == WEFT_TIMED_OUT);
    return true;
}

/* Its outcome is kept for whoever fetches it. */
static void detach_and_fetch(unsigned *state)
{
    weft_dispatch_options options = WEFT_DISPATCH_OPTIONS;
    const char *channel = random_channel(state);
    struct call *call = take_call();
    unsigned char *bytes = begin_call(state, call, channel);
    weft_ticket ticket;
    weft_reply reply;
    options.detached = true;
    bool told = weft_dispatch_async(caller.node, channel, (weft_bytes){bytes, call->size}, &options, NULL, NULL, 0,
                                    &ticket) == WEFT_OK;
    free(bytes);
    if (told) told = answered(weft_dispatch_fetch(caller.node, ticket.id, 10000, &reply));
    if (told) account(call, &reply);
    if (told) weft_reply_release(&reply);
    if (!told) unask(call);
    give_call(call);
}

static void *look(void *argument)
{
    unsigned state = caller.seed + (unsigned)(uintptr_t)argument;
    while (!caller.stop) {
        weft_listing *listing;
        weft_letter letter;
        weft_why why;
        char *text;
        if (answered(weft_node_inspect(caller.node, NULL, &listing))) {
            thread_check_ok(weft_listing_json(listing, &text, NULL));
            weft_text_release(text);
            weft_listing_release(listing);
        }
        if (answered(weft_dispatch_why(caller.node, random_channel(&state), NULL, &why))) weft_why_release(&why);
        (void)answered(weft_letters_find(caller.node, letters, see_letter, NULL));
        if (answered(weft_letter_fetch(caller.node, letters, 0, &letter))) weft_letter_release(&letter);
        detach_and_fetch(&state);
        usleep(roll(&state, 5000)); /* its work */
    }
    return NULL;
}

/* --- rounds --------------------------------------------------------------------------------------- */

static void *(*const caller_mains[])(void *) = {submit_many, stream_some, wait_for_each, wait_for_each, publish, look};
enum { CALLER_THREADS = sizeof caller_mains / sizeof *caller_mains };

static void begin_round(pthread_t *threads)
{
    caller.stop = false;
    caller.seed += 1000;
    for (unsigned i = 0; i < CALLER_THREADS; i++)
        threads[i] = start(caller_mains[i], (void *)(uintptr_t)i);
}

static void end_round(const pthread_t *threads)
{
    caller.stop = true;
    for (unsigned i = 0; i < CALLER_THREADS; i++)
        join(threads[i]);
    thread_check_eq(caller.asked, caller.ended);
}

/* How each ended, since the round before. */
static void say_rested(void)
{
    unsigned long long n[OUTCOMES];
    for (int i = 0; i < OUTCOMES; i++)
        n[i] = atomic_exchange(&caller.outcomes[i], 0);
    say("rested %llu %llu %llu %llu %llu %llu %llu %llu %llu %llu", n[WEFT_COMPLETED], n[WEFT_FAILED],
        n[WEFT_WORKER_DIED], n[WEFT_TIMED_OUT], n[WEFT_CANCELLED], n[WEFT_REJECTED], n[WEFT_NODE_LOST],
        (unsigned long long)atomic_exchange(&caller.asks, 0), (unsigned long long)atomic_exchange(&caller.parts, 0),
        (unsigned long long)atomic_exchange(&caller.published, 0));
}

/* caller URLS LEDGER NUMBER SEED */
static int play_caller(char **arguments)
{
    pthread_t threads[CALLER_THREADS];
    char line[64];
    open_ledger(arguments[1]);
    caller.number = (unsigned)strtoul(arguments[2], NULL, 10);
    caller.seed = (unsigned)strtoul(arguments[3], NULL, 10);
    caller.next_slot = (unsigned)getpid() * 7919; /* not where the one before it was */
    for (int i = 0; i < CALLS_MAX; i++)
        give_call(&caller.calls[i]);
    caller.node = dial_counted(arguments[0]);
    say("ready");
    while (hear(line, sizeof line) && strcmp(line, "end")) {
        if (strcmp(line, "go") == 0) begin_round(threads);
        if (strcmp(line, "rest") == 0) end_round(threads), say_rested();
    }
    close_counted(caller.node);
    say("closed");
    return 0;
}

#endif
