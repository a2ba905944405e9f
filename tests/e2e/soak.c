/* Everything at once, for as long as you like: SOAK_S seconds (default 2; by hand: make test T=soak SOAK_S=600
 * TIMEOUT=900). Promises:
 *   - memory has no slope: what the node holds when nothing is under way, and what the process has, is in the last
 *     third of the run not more than in the middle third
 *   - at the end the counters add up to what was seen from outside, and nothing is left
 *
 * It goes in rounds. In each, threads dispatch in all ways, stream, cancel, let times run out, die with tasks in
 * hand, kill processes, register and unregister, declare and delete channels, publish to quick, slow and stuck
 * subscribers, and look into the node. Then all of that ends, what is open comes to its end, and memory is measured. */
#include <inttypes.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "e2e/api_lib.h"

enum { CHANNELS = 3, BORROWED = 4, RECENT = 64, SAMPLES_MAX = 4096, ROUNDS_LEAST = 12 };

static const char *const channels[CHANNELS] = {"dispatch.soak.plain", "dispatch.soak.again", "dispatch.soak.over"};
static const char news[] = "event.soak.news", letters[] = "dispatch.soak.letters", keyed[] = "dispatch.soak.keyed";

static struct {
    weft_node *node;
    weft_worker *workers[CHANNELS + 1];
    unsigned seed;
    atomic_bool stop; /* the round is over */
    _Atomic int64_t live_bytes, live_blocks;
    atomic_ullong admitted, outcomes[8], async_open, published, heard, updates, events, told, repeats, fetched,
        put_back;
    _Atomic uint64_t recent[RECENT][2];
} world;

/* --- memory ----------------------------------------------------------------------------------- */

/* In front of each block its size. */
static void *counting_alloc(void *context, size_t size)
{
    (void)context;
    max_align_t *block = malloc(sizeof(max_align_t) + size);
    if (!block) return NULL;
    *(size_t *)block = size;
    world.live_bytes += (int64_t)size;
    world.live_blocks++;
    return block + 1;
}

static void counting_free(void *context, void *block)
{
    (void)context;
    if (!block) return;
    max_align_t *whole = (max_align_t *)block - 1;
    world.live_bytes -= (int64_t) * (size_t *)whole;
    world.live_blocks--;
    free(whole);
}

static const weft_allocator allocator = {.alloc = counting_alloc, .free = counting_free};

/* Resident memory means nothing where a sanitizer keeps what was freed. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { RESIDENT_COUNTS = 0 };
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
enum { RESIDENT_COUNTS = 0 };
#else
enum { RESIDENT_COUNTS = 1 };
#endif
#else
enum { RESIDENT_COUNTS = 1 };
#endif

static uint64_t resident_bytes(void)
{
    unsigned long long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    check_true(file && fscanf(file, "%*u %llu", &pages) == 1);
    fclose(file);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static struct sample {
    double at_s;
    uint64_t live_bytes, resident_bytes, dispatched;
} samples[SAMPLES_MAX];
static size_t samples_count;

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Of samples from..to; the field at that offset. */
static uint64_t median(size_t from, size_t to, size_t offset)
{
    static uint64_t values[SAMPLES_MAX];
    for (size_t i = from; i < to; i++)
        values[i - from] = *(const uint64_t *)((const char *)&samples[i] + offset);
    qsort(values, to - from, sizeof *values, compare);
    return values[(to - from) / 2];
}

/* slack: what a third of any length may add, since tables keep room for the largest crowd that there was, and a larger
 * one may come late. In ten minutes it is a byte for each 50 dispatches. */
static void check_no_slope(const char *what, size_t offset, uint64_t slack)
{
    uint64_t middle = median(samples_count / 3, 2 * samples_count / 3, offset);
    uint64_t last = median(2 * samples_count / 3, samples_count, offset);
    print_message("%s: %" PRIu64 " KiB in the middle third, %" PRIu64 " KiB in the last\n", what, middle / 1024,
                  last / 1024);
    check_true(last <= middle + middle / 50 + slack);
}

static void print_samples(void)
{
    print_message("       s   live KiB   rss KiB   dispatched\n");
    size_t step = samples_count > 20 ? samples_count / 20 : 1;
    for (size_t i = 0; i < samples_count; i += step)
        print_message("%8.1f %10" PRIu64 " %9" PRIu64 " %12" PRIu64 "\n", samples[i].at_s, samples[i].live_bytes / 1024,
                      samples[i].resident_bytes / 1024, samples[i].dispatched);
}

/* --- workers ---------------------------------------------------------------------------------- */

static void stream(weft_task *task)
{
    (void)weft_task_progress(task, WEFT_TEXT("some"));
    for (int i = 0; i < 3; i++)
        (void)weft_task_partial(task, WEFT_TEXT("a part of the result"), 1);
}

static void cancelled(weft_task *task, void *context)
{
    (void)task;
    (void)context;
}

/* What a task does is in its first byte, so that a re-dispatch does the same. pulled: it is settled, as it must. */
static void work(weft_task *task, void *pulled)
{
    weft_bytes payload = weft_task_payload(task);
    if (weft_task_streams(task)) stream(task);
    switch (*(const unsigned char *)payload.data % 16) {
    case 0: (void)weft_task_fail(task, "unlucky", "it rolled a zero"); return;
    case 1: (void)weft_task_abandon(task); return;
    case 2: (void)weft_task_heartbeat(task); break;
    case 3:
        if (pulled) break;
        return; /* settles nothing: it has failed */
    case 4: (void)weft_task_on_cancel(task, cancelled, NULL); break;
    case 5:
        if (weft_task_keep(task)) break; /* it was pulled */
        (void)weft_task_complete_as(task, payload, "text/plain");
        return;
    default: break;
    }
    if (weft_task_cancelled(task))
        (void)weft_task_acknowledge_cancel(task);
    else
        (void)weft_task_complete(task, payload);
}

static weft_worker *hire(const char *channel, weft_handler handler, const weft_worker_options *options)
{
    weft_worker *worker;
    thread_check_ok(weft_worker_register(world.node, channel, handler, NULL, options, &worker));
    return worker;
}

/* A thread that takes some tasks and dies, one time in two with a task in hand, which it returns: whose memory waits for
 * somebody to say how it went, or for the end of the node. */
static void *mortal(void *argument)
{
    unsigned state = *(unsigned *)argument;
    weft_worker_options options = WEFT_WORKER_OPTIONS;
    weft_task *task, *held = NULL;
    options.flags = WEFT_OWNER_THREAD;
    options.max_concurrent = 1 + roll(&state, 3);
    weft_worker *worker = hire(channels[roll(&state, CHANNELS)], NULL, &options);
    for (unsigned left = 1 + roll(&state, 40); left > 0 && weft_worker_next(worker, 5, &task) == WEFT_OK; left--)
        if (left > 1 || roll(&state, 2))
            work(task, worker);
        else
            held = task;
    thread_check_ok(weft_worker_unregister(worker));
    return held;
}

static void threads_die(unsigned *state)
{
    pthread_t thread;
    void *held;
    unsigned seed = roll(state, 1u << 20);
    thread_check_eq(pthread_create(&thread, NULL, mortal, &seed), 0);
    pthread_join(thread, &held);
    if (held) thread_check_err(weft_task_complete(held, (weft_bytes){0}), WEFT_ESTALE);
}

static void processes_die(unsigned *state)
{
    char *arguments[] = {"sleep", "1000", NULL};
    weft_worker_options options = WEFT_WORKER_OPTIONS;
    weft_participant *participant;
    pid_t pid;
    thread_check_eq(posix_spawnp(&pid, "sleep", NULL, NULL, arguments, environ), 0);
    thread_check_ok(weft_participant_process(world.node, NULL, pid, 0, &participant));
    options.participant = participant;
    weft_worker *worker = hire(channels[roll(state, CHANNELS)], work, &options);
    weft_participant_release(participant);
    for (unsigned i = roll(state, 50); i > 0; i--)
        sched_yield();
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    thread_check_ok(weft_worker_unregister(worker));
}

static void declared_ones_die(unsigned *state)
{
    static const char *const types[] = {"rare", "common"};
    weft_worker_options options = WEFT_WORKER_OPTIONS;
    weft_participant *participant;
    weft_worker *workers[3];
    char name[32];
    snprintf(name, sizeof name, "of-%d", gettid());
    thread_check_ok(weft_participant_declare(world.node, name, &participant));
    options.participant = participant;
    options.activity_types = types;
    options.activity_types_count = roll(state, 3);
    unsigned count = 1 + roll(state, 3);
    for (unsigned i = 0; i < count; i++)
        workers[i] = hire(channels[roll(state, CHANNELS)], work, &options);
    sched_yield();
    if (roll(state, 3)) thread_check_ok(weft_participant_dead(participant, 7));
    for (unsigned i = 0; i < count; i++)
        thread_check_ok(weft_worker_unregister(workers[i]));
    weft_participant_release(participant);
}

static void *deaths(void *argument)
{
    unsigned state = world.seed + (unsigned)(uintptr_t)argument;
    while (!world.stop)
        switch (roll(&state, 4)) {
        case 0: processes_die(&state); break;
        case 1: declared_ones_die(&state); break;
        default: threads_die(&state); break;
        }
    return NULL;
}

/* --- callers ---------------------------------------------------------------------------------- */

static void count_outcome(weft_outcome outcome)
{
    world.outcomes[outcome]++;
}

static void ended(const weft_reply *reply, void *context)
{
    (void)context;
    count_outcome(reply->outcome);
    world.async_open--;
}

static void updated(const weft_update *update, void *context)
{
    (void)context;
    thread_check_true(update->kind >= WEFT_UPDATE_PROGRESS && update->kind <= WEFT_UPDATE_RESTARTED);
    world.updates++;
}

static weft_dispatch_options random_options(unsigned *state)
{
    weft_dispatch_options options = WEFT_DISPATCH_OPTIONS;
    options.priority = (weft_priority)(1 + roll(state, 4));
    options.start_to_close_ms = roll(state, 4) ? 0 : 50;
    options.heartbeat_ms = roll(state, 4) ? 0 : 50;
    options.schedule_to_close_ms = roll(state, 16) ? 100 : 1;
    options.activity_type = roll(state, 8) ? NULL : "rare";
    options.content_type = roll(state, 2) ? NULL : "application/octet-stream";
    options.sticky_key = roll(state, 2) ? "some key" : NULL;
    if (roll(state, 4) == 0) options.updated = updated, options.window = 1 + roll(state, 4);
    return options;
}

static void remember(unsigned *state, weft_dispatch_id id)
{
    unsigned at = roll(state, RECENT);
    world.recent[at][0] = id.session;
    world.recent[at][1] = id.number;
}

static void wait_for_it(const char *channel, weft_bytes payload, const weft_dispatch_options *options)
{
    weft_reply reply;
    thread_check_ok(weft_dispatch(world.node, channel, payload, options, &reply));
    if (reply.admission != WEFT_ADMISSION_REJECTED) {
        world.admitted++;
        count_outcome(reply.outcome);
    }
    weft_reply_release(&reply);
}

static void detach_and_fetch(const char *channel, weft_bytes payload, weft_dispatch_options *options)
{
    weft_ticket ticket;
    weft_reply reply;
    options->detached = true;
    options->updated = NULL;
    if (weft_dispatch_async(world.node, channel, payload, options, NULL, NULL, 0, &ticket)) return;
    world.admitted++;
    thread_check_ok(weft_dispatch_fetch(world.node, ticket.id, WEFT_FOREVER, &reply));
    count_outcome(reply.outcome);
    weft_reply_release(&reply);
}

/* Repeats of a few keys; what joins is not admitted anew, and has the same outcome. */
static void repeat_a_key(unsigned *state)
{
    weft_dispatch_options options = random_options(state);
    weft_reply reply;
    char key[16];
    snprintf(key, sizeof key, "key-%u", roll(state, 16));
    options.key = key;
    options.updated = NULL;
    options.activity_type = options.content_type = NULL;
    thread_check_ok(weft_dispatch(world.node, keyed, WEFT_TEXT("keyed"), &options, &reply));
    thread_check_true(reply.outcome != WEFT_OUTCOME_NONE);
    world.repeats++;
    weft_reply_release(&reply);
}

static void call(unsigned *state, weft_completions *completions)
{
    unsigned char bytes[256] = {(unsigned char)roll(state, 256)};
    weft_bytes payload = {bytes, 1 + roll(state, sizeof bytes - 1)};
    const char *channel = channels[roll(state, CHANNELS)];
    weft_dispatch_options options = random_options(state);
    weft_ticket ticket;
    weft_error error;
    unsigned way = roll(state, 11);
    if (way == 0) {
        wait_for_it(channel, payload, &options);
        return;
    }
    if (way == 1) {
        detach_and_fetch(channel, payload, &options);
        return;
    }
    if (way == 10) {
        repeat_a_key(state);
        return;
    }
    if (way < 5) {
        world.async_open++;
        error = weft_dispatch_async(world.node, channel, payload, &options, ended, NULL, 0, &ticket);
        if (error) world.async_open--;
    } else {
        error = weft_dispatch_submit(completions, channel, payload, &options, 0, &ticket);
    }
    thread_check_true(!error || error == WEFT_EREJECTED || error == WEFT_EAGAIN);
    if (error) return;
    world.admitted++;
    remember(state, ticket.id);
}

static void fetch(weft_completions *completions)
{
    weft_reply replies[32];
    size_t count = 0;
    while (weft_completions_next(completions, 0, replies, 32, &count) == WEFT_OK)
        for (size_t i = 0; i < count; i++) {
            count_outcome(replies[i].outcome);
            weft_reply_release(&replies[i]);
        }
}

/* Lets what is open end: drained channels are resumed by the round. */
static void *caller(void *argument)
{
    unsigned state = world.seed + (unsigned)(uintptr_t)argument;
    weft_completions *completions;
    thread_check_ok(weft_completions_open(world.node, 256, &completions));
    while (!world.stop) {
        for (unsigned i = roll(&state, 32); i > 0; i--)
            call(&state, completions);
        fetch(completions);
        unsigned at = roll(&state, RECENT);
        (void)weft_dispatch_cancel(world.node, (weft_dispatch_id){world.recent[at][0], world.recent[at][1]});
    }
    for (int i = 0; i < CHANNELS; i++)
        thread_check_ok(weft_channel_drain(world.node, channels[i], WEFT_FOREVER));
    fetch(completions);
    thread_check_ok(weft_completions_close(completions));
    return NULL;
}

/* --- channels, events, onlookers -------------------------------------------------------------- */

/* Names come again, but not in a row. */
static void *channels_come_and_go(void *argument)
{
    unsigned state = world.seed + (unsigned)(uintptr_t)argument;
    while (!world.stop) {
        char name[64];
        weft_channel_options options = WEFT_CHANNEL_OPTIONS;
        weft_worker_options worker_options = WEFT_WORKER_OPTIONS;
        options.policy = (weft_policy)roll(&state, 3);
        worker_options.flags = roll(&state, 2) ? WEFT_INLINE : 0;
        snprintf(name, sizeof name, "dispatch.soak.borrowed-%u", roll(&state, BORROWED));
        thread_check_ok(weft_channel_declare(world.node, name, &options));
        weft_worker *worker = hire(name, work, &worker_options);
        for (unsigned i = roll(&state, 8); i > 0; i--)
            wait_for_it(name, (weft_bytes){"x", 1}, NULL);
        thread_check_ok(weft_channel_pause(world.node, name));
        thread_check_ok(weft_channel_resume(world.node, name));
        if (roll(&state, 2)) thread_check_ok(weft_worker_unregister(worker)), worker = NULL;
        thread_check_ok(weft_channel_drain(world.node, name, WEFT_FOREVER));
        thread_check_ok(weft_channel_delete(world.node, name));
        if (worker) thread_check_ok(weft_worker_unregister(worker));
    }
    return NULL;
}

static void hear(const weft_event *event, void *context)
{
    (void)context;
    thread_check_true(event->payload.size > 0);
    world.events++;
}

static weft_subscription *listen(const char *pattern, void (*heard)(const weft_event *event, void *context),
                                 weft_slow slow, uint32_t items_max)
{
    weft_subscribe_options options = WEFT_SUBSCRIBE_OPTIONS;
    weft_subscription *subscription;
    options.slow = slow;
    options.items_max = items_max;
    options.stall_ms = 5;
    thread_check_ok(weft_subscribe(world.node, pattern, heard, NULL, &options, &subscription));
    return subscription;
}

static void *publish(void *argument)
{
    unsigned state = world.seed + (unsigned)(uintptr_t)argument;
    while (!world.stop) {
        weft_subscription *ears[4] = {listen(news, hear, WEFT_DROP_OLDEST, 64),
                                      listen("event.*.*", hear, WEFT_DROP_NEWEST, 16),
                                      listen(news, NULL, WEFT_DROP_OLDEST, 8), /* slow */
                                      listen(news, NULL, WEFT_DISCONNECT, 8)}; /* stuck */
        for (unsigned i = 100 + roll(&state, 400); i > 0; i--) {
            char payload[128] = "news";
            uint32_t heard_by;
            weft_event event;
            size_t count;
            thread_check_ok(
                weft_publish(world.node, news, (weft_bytes){payload, 1 + roll(&state, 127)}, NULL, &heard_by));
            world.published++;
            world.heard += heard_by;
            if (roll(&state, 4) == 0 && weft_subscription_next(ears[2], 0, &event, 1, &count) == WEFT_OK)
                weft_event_release(&event);
        }
        for (int i = 0; i < 4; i++)
            thread_check_ok(weft_unsubscribe(ears[i]));
    }
    return NULL;
}

static bool see_letter(const weft_letter *letter, void *context)
{
    (void)context;
    thread_check_true(letter->attempts_count > 0 || letter->outcome == WEFT_TIMED_OUT);
    return true;
}

/* What has no other reader; one in two goes back to where it came from. */
static void *read_letters(void *argument)
{
    unsigned state = world.seed + (unsigned)(uintptr_t)argument;
    while (!world.stop) {
        weft_letter letter;
        weft_ticket ticket;
        thread_check_ok(weft_letters_find(world.node, letters, see_letter, NULL));
        if (roll(&state, 2)) {
            if (weft_letter_put_back(world.node, letters, 0, &ticket) == WEFT_OK) {
                weft_reply reply;
                world.admitted++;
                world.put_back++;
                thread_check_ok(weft_dispatch_fetch(world.node, ticket.id, WEFT_FOREVER, &reply));
                count_outcome(reply.outcome);
                weft_reply_release(&reply);
            }
        } else if (weft_letter_fetch(world.node, letters, 0, &letter) == WEFT_OK) {
            world.fetched++;
            weft_letter_release(&letter);
        }
        usleep(200);
    }
    return NULL;
}

static void *look(void *argument)
{
    unsigned state = world.seed + (unsigned)(uintptr_t)argument;
    weft_schema *schema;
    weft_validator *validator;
    thread_check_ok(weft_schema_compile(WEFT_TEXT("{\"$ref\":\"urn:weft:schema:listing\"}"), NULL, &schema));
    thread_check_ok(weft_validator_open(NULL, &validator));
    while (!world.stop) {
        weft_listing *listing;
        weft_latency latency;
        weft_why why;
        char *text;
        thread_check_ok(weft_node_inspect(world.node, NULL, &listing));
        thread_check_ok(weft_listing_json(listing, &text, NULL));
        thread_check_ok(weft_validate(validator, schema, weft_text(text)));
        weft_text_release(text);
        weft_listing_release(listing);
        thread_check_ok(weft_channel_latency_get(world.node, channels[roll(&state, CHANNELS)], &latency));
        thread_check_ok(weft_dispatch_why(world.node, channels[0], NULL, &why));
        weft_why_release(&why);
        unsigned at = roll(&state, RECENT);
        if (weft_why_get(world.node, (weft_dispatch_id){world.recent[at][0], world.recent[at][1]}, &why) == WEFT_OK)
            weft_why_release(&why);
        usleep(500);
    }
    weft_validator_close(validator);
    weft_schema_release(schema);
    return NULL;
}

static void told(const weft_node_event *event, void *context)
{
    (void)context;
    thread_check_true(weft_node_event_name(event->kind) != NULL);
    world.told++;
}

/* --- the run ---------------------------------------------------------------------------------- */

static void open_world(void)
{
    static const weft_hooks hooks = {.event = told};
    weft_node_options node_options = WEFT_NODE_OPTIONS;
    weft_channel_options options = WEFT_CHANNEL_OPTIONS;
    node_options.allocator = &allocator;
    node_options.hooks = &hooks;
    check_ok(weft_node_open(&node_options, &world.node));
    check_ok(weft_channel_declare(world.node, news, NULL));
    options.depth_max = 8;
    check_ok(weft_channel_declare(world.node, letters, &options));
    options.dedup_ms = 20;
    options.dedup_max = 8;
    options.cancel_grace_ms = 5;
    options.schedule_to_close_ms = 200; /* of what is put back: it may have died of all who could take it */
    check_ok(weft_channel_declare(world.node, keyed, &options));
    options.dead_letter = letters;
    check_ok(weft_channel_declare(world.node, channels[0], &options));
    options.on_crash = WEFT_CRASH_REDISPATCH;
    options.policy = WEFT_LEAST_LOADED;
    options.queue_full = WEFT_SHED_LOWEST;
    check_ok(weft_channel_declare(world.node, channels[1], &options));
    options.overlapping = true;
    options.policy = WEFT_STICKY;
    options.queue_full = WEFT_BLOCK;
    check_ok(weft_channel_declare(world.node, channels[2], &options));
    for (int i = 0; i < CHANNELS; i++)
        world.workers[i] = hire(channels[i], work, NULL);
    world.workers[CHANNELS] = hire(keyed, work, NULL);
}

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void round_of(double length_s, unsigned number)
{
    void *(*const mains[])(void *) = {deaths,  deaths, caller,      caller, channels_come_and_go,
                                      publish, look,   read_letters};
    enum { THREADS = sizeof mains / sizeof *mains };
    pthread_t threads[THREADS];
    world.stop = false;
    for (unsigned i = 0; i < THREADS; i++)
        threads[i] = start(mains[i], (void *)(uintptr_t)(100 * number + i));
    usleep((useconds_t)(length_s * 1e6)); /* the length of the round, not a wait for anything */
    world.stop = true;
    for (unsigned i = 0; i < THREADS; i++)
        join(threads[i]);
    for (int i = 0; i < CHANNELS; i++)
        check_ok(weft_channel_resume(world.node, channels[i]));
    check_ok(weft_channel_drain(world.node, keyed, WEFT_FOREVER));
    check_ok(weft_channel_resume(world.node, keyed));
    for (weft_letter letter; weft_letter_fetch(world.node, letters, 0, &letter) == WEFT_OK; world.fetched++)
        weft_letter_release(&letter);
    while (world.async_open) /* their channels are drained: only callbacks are to come */
        usleep(100);
}

static void measure(double since_s)
{
    weft_node_stats stats;
    check_ok(weft_node_stats_get(world.node, &stats));
    check_eq(stats.dispatches_open, 0);
    check_eq(stats.subscriptions, 0);
    check_eq(stats.channels, CHANNELS + 3);
    if (samples_count == SAMPLES_MAX) return;
    samples[samples_count++] = (struct sample){.at_s = now_s() - since_s,
                                               .live_bytes = (uint64_t)world.live_bytes,
                                               .resident_bytes = resident_bytes(),
                                               .dispatched = stats.dispatched};
}

static void check_counters(void)
{
    weft_node_stats stats;
    weft_channel_info keys;
    check_ok(weft_node_stats_get(world.node, &stats));
    check_ok(weft_channel_info_get(world.node, keyed, &keys)); /* these ended for several at once */
    check_eq(stats.dispatched - keys.dispatched, world.admitted);
    check_eq(stats.completed - keys.completed, world.outcomes[WEFT_COMPLETED]);
    check_eq(stats.failed - keys.failed, world.outcomes[WEFT_FAILED]);
    check_eq(stats.worker_died - keys.worker_died, world.outcomes[WEFT_WORKER_DIED]);
    check_eq(stats.timed_out - keys.timed_out, world.outcomes[WEFT_TIMED_OUT]);
    check_eq(stats.cancelled - keys.cancelled, world.outcomes[WEFT_CANCELLED]);
    check_eq(stats.shed - keys.shed, world.outcomes[WEFT_REJECTED]);
    check_eq(stats.dead_lettered, world.fetched + world.put_back + stats.letters_dropped);
    check_eq(stats.dispatched,
             stats.completed + stats.failed + stats.worker_died + stats.timed_out + stats.cancelled + stats.shed);
    check_eq(stats.published, world.published);
    check_eq(stats.delivered, world.heard);
    check_true(stats.deaths && stats.redispatched && stats.timed_out && stats.cancelled && stats.dropped);
    check_true(stats.joined && stats.dead_lettered && world.put_back);
    print_message(
        "%llu dispatches, %llu deaths, %llu re-dispatched, %llu timed out, %llu cancelled, %llu shed; %llu "
        "updates; %llu events to %llu; %llu node events; %llu repeats, %llu joined; "
        "%llu letters, %llu put back, %llu dropped\n",
        (unsigned long long)stats.dispatched, (unsigned long long)stats.deaths, (unsigned long long)stats.redispatched,
        (unsigned long long)stats.timed_out, (unsigned long long)stats.cancelled, (unsigned long long)stats.shed,
        (unsigned long long)world.updates, (unsigned long long)stats.published, (unsigned long long)stats.delivered,
        (unsigned long long)world.told, (unsigned long long)world.repeats, (unsigned long long)stats.joined,
        (unsigned long long)stats.dead_lettered, (unsigned long long)world.put_back,
        (unsigned long long)stats.letters_dropped);
}

static void memory_has_no_slope(void **state)
{
    (void)state;
    const char *seconds = getenv("SOAK_S"), *seed = getenv("SEED");
    double length_s = seconds && *seconds ? atof(seconds) : 2;
    world.seed = seed && *seed ? (unsigned)strtoul(seed, NULL, 0) : (unsigned)time(NULL);
    print_message("SEED=%u\n", world.seed);
    open_world();
    double since_s = now_s(), round_s = length_s / 200 > 1 ? 1 : length_s / 200 < 0.02 ? 0.02 : length_s / 200;
    for (unsigned number = 1; number <= ROUNDS_LEAST || now_s() - since_s < length_s; number++) {
        round_of(round_s, number);
        measure(since_s);
    }
    print_samples();
    check_no_slope("held by the node", offsetof(struct sample, live_bytes), 128 * 1024);
    if (RESIDENT_COUNTS) check_no_slope("resident", offsetof(struct sample, resident_bytes), 4 * 1024 * 1024);
    for (int i = 0; i <= CHANNELS; i++)
        check_ok(weft_worker_unregister(world.workers[i]));
    check_counters();
    check_ok(weft_node_close(world.node, WEFT_FOREVER));
    check_eq(world.live_blocks, 0);
    check_eq(world.live_bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(memory_has_no_slope)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
