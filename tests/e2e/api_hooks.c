/* Hooks: what happens on a node is told, on its callback thread, one call at a time, in order; each event as a
 * sentence, too.
 *
 *   - a hook may call what callbacks may
 *   - one that is slow misses events, and is told how many; nobody waits for it
 *   - what happened before a close is told before it returns
 */
#include "api_lib.h"

enum { TOLD_MAX = 4096, SENTENCE_SIZE = 160 };

struct listener {
    weft_node *node;
    pthread_t thread; /* that of the first call */
    atomic_uint inside;
    struct event told;
    unsigned count, sentences_count;
    weft_node_event_kind kinds[TOLD_MAX];
    uint64_t counts[TOLD_MAX], at_ns[TOLD_MAX];
    char sentences[16][SENTENCE_SIZE];
    weft_log_level levels[16];
    struct event go_on; /* where it halts, it waits for this in its first call */
    struct event halted;
    bool halts;
};

static void enter_hook(struct listener *listener)
{
    thread_check_eq(atomic_fetch_add(&listener->inside, 1), 0);
    if (!listener->count && !listener->sentences_count) listener->thread = pthread_self();
    thread_check_true(pthread_equal(listener->thread, pthread_self()));
}

static void hear(const weft_node_event *event, void *context)
{
    struct listener *listener = context;
    enter_hook(listener);
    unsigned n = listener->count++;
    if (listener->halts && n == 0) {
        event_give(&listener->halted);
        event_await(&listener->go_on, 1);
    }
    thread_check_true(n < TOLD_MAX && event->channel && event->worker && event->participant);
    listener->kinds[n] = event->kind;
    listener->counts[n] = event->count;
    listener->at_ns[n] = event->at_ns;
    atomic_fetch_sub(&listener->inside, 1);
    event_give(&listener->told);
}

static void read_sentence(weft_log_level level, const char *sentence, void *context)
{
    struct listener *listener = context;
    enter_hook(listener);
    unsigned n = listener->sentences_count++;
    if (n < 16) {
        snprintf(listener->sentences[n], SENTENCE_SIZE, "%s", sentence);
        listener->levels[n] = level;
    }
    atomic_fetch_sub(&listener->inside, 1);
}

static weft_node *open_heard(struct listener *listener, bool logs)
{
    weft_hooks hooks = {.event = hear, .log = logs ? read_sentence : NULL, .context = listener};
    weft_node_options options = WEFT_NODE_OPTIONS;
    options.hooks = &hooks;
    check_ok(weft_node_open(&options, &listener->node));
    memset(&hooks, 0xff, sizeof hooks); /* it was copied */
    return listener->node;
}

/* What waits is cancelled at once; the hook has the time it needs. */
static void close_heard(weft_node *node)
{
    weft_error error;
    while ((error = weft_node_close(node, 0)) == WEFT_EBUSY)
        ;
    check_ok(error);
}

static void life_of_a_worker_is_told_in_order_and_in_words(void **state)
{
    (void)state;
    static struct listener listener;
    weft_worker_options o = WEFT_WORKER_OPTIONS;
    weft_task *tasks[2];
    weft_node *node = open_heard(&listener, true);
    check_ok(weft_channel_declare(node, "dispatch.media.resize", NULL));
    check_ok(weft_participant_declare(node, "pid-42", &o.participant));
    o.name = "w3";
    o.max_concurrent = 2;
    weft_worker *worker;
    check_ok(weft_worker_register(node, "dispatch.media.resize", NULL, NULL, &o, &worker));
    for (int i = 0; i < 3; i++)
        check_ok(weft_dispatch_async(node, "dispatch.media.resize", WEFT_TEXT("x"), NULL, NULL, NULL, 0, NULL));
    for (int i = 0; i < 2; i++)
        check_ok(weft_worker_next(worker, WEFT_FOREVER, &tasks[i]));
    check_ok(weft_participant_dead(o.participant, 7));
    for (int i = 0; i < 2; i++)
        (void)weft_task_complete(tasks[i], WEFT_TEXT(""));
    check_ok(weft_worker_unregister(worker));
    weft_participant_release(o.participant);
    close_heard(node);
    static const char *const sentences[] = {
        "channel dispatch.media.resize was declared",
        "worker w3 of dispatch.media.resize was registered by pid-42",
        "participant pid-42 died: declared dead (7)",
        "worker w3 of dispatch.media.resize was lost with pid-42, and held 2 attempts",
        "work waits on dispatch.media.resize, and no worker is registered there",
        "no work waits on dispatch.media.resize without a worker any more",
    };
    static const weft_log_level levels[] = {WEFT_LOG_INFO,    WEFT_LOG_INFO,    WEFT_LOG_WARNING,
                                            WEFT_LOG_WARNING, WEFT_LOG_WARNING, WEFT_LOG_INFO};
    const unsigned first = dialled() ? 1 : 0; /* a client node tells of what is in its own process */
    const unsigned count = dialled() ? 3 : 6;
    check_eq(listener.sentences_count, count);
    check_eq(listener.count, count);
    for (unsigned i = 0; i < count; i++) {
        check_str(listener.sentences[i], sentences[first + i]);
        check_eq(listener.levels[i], levels[first + i]);
        check_true(i == 0 || listener.at_ns[i - 1] <= listener.at_ns[i]);
    }
    check_eq(listener.kinds[3 - first], WEFT_NODE_WORKER_LOST);
    check_eq(listener.counts[3 - first], 2);
    check_true(!pthread_equal(listener.thread, pthread_self()));
}

static void slow_hook_misses_events_and_is_told_how_many(void **state)
{
    (void)state;
    not_dialled("a client node's hooks are not told of channels");
    static struct listener listener = {.halts = true};
    enum { PAUSES = 700 };
    weft_node *node = open_heard(&listener, false);
    check_ok(weft_channel_declare(node, CHANNEL, NULL)); /* it halts in this one */
    event_await(&listener.halted, 1);
    for (int i = 0; i < PAUSES; i++) {
        check_ok(weft_channel_pause(node, CHANNEL));
        check_ok(weft_channel_resume(node, CHANNEL));
    }
    event_give(&listener.go_on);
    event_await(&listener.told, 1 + 1024 + 1);
    check_ok(weft_channel_pause(node, CHANNEL));
    close_heard(node);
    check_eq(listener.count, 1 + 1024 + 1 + 1);
    for (unsigned i = 0; i < 1024; i++)
        check_eq(listener.kinds[1 + i], i % 2 ? WEFT_NODE_RESUMED : WEFT_NODE_PAUSED);
    check_eq(listener.kinds[1025], WEFT_NODE_MISSED);
    check_eq(listener.counts[1025], 2 * PAUSES - 1024);
    check_eq(listener.kinds[1026], WEFT_NODE_PAUSED);
}

/* --- what a hook may do ----------------------------------------------------------------------- */

struct caller {
    struct event ended;
    weft_node *node;
    bool asked;
};

static void ended(const weft_reply *reply, void *context)
{
    struct caller *caller = context;
    thread_check_eq(reply->outcome, WEFT_COMPLETED);
    event_give(&caller->ended);
}

static void calls_back(const weft_node_event *event, void *context)
{
    struct caller *caller = context;
    if (event->kind != WEFT_NODE_REGISTERED || caller->asked) return;
    caller->asked = true;
    weft_listing *listing;
    weft_reply reply;
    thread_check_ok(weft_node_inspect(caller->node, NULL, &listing));
    thread_check_eq(listing->channels_count, 1);
    weft_listing_release(listing);
    thread_check_err(weft_dispatch(caller->node, CHANNEL, WEFT_TEXT("x"), NULL, &reply), WEFT_EDEADLK);
    thread_check_ok(weft_dispatch_async(caller->node, CHANNEL, WEFT_TEXT("x"), NULL, ended, caller, 0, NULL));
}

static void hook_may_call_what_callbacks_may(void **state)
{
    (void)state;
    struct caller caller = {.asked = false};
    const weft_hooks hooks = {.event = calls_back, .context = &caller};
    weft_node_options options = WEFT_NODE_OPTIONS;
    options.hooks = &hooks;
    check_ok(weft_node_open(&options, &caller.node));
    check_ok(weft_channel_declare(caller.node, CHANNEL, NULL));
    weft_worker *worker = register_worker(caller.node, CHANNEL, echo, NULL);
    event_await(&caller.ended, 1);
    check_ok(weft_worker_unregister(worker));
    check_ok(weft_node_close(caller.node, WEFT_FOREVER));
}

static void hooks_start_the_callback_thread_and_end_it(void **state)
{
    (void)state;
    not_dialled("the threads of sessions and transport come and go beside it");
    unsigned threads = own_count("task");
    static struct listener listener;
    weft_node *node = open_heard(&listener, true);
    check_eq(own_count("task"), threads + 2);
    close_heard(node);
    check_eq(own_count("task"), threads);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(life_of_a_worker_is_told_in_order_and_in_words),
        cmocka_unit_test(slow_hook_misses_events_and_is_told_how_many),
        cmocka_unit_test(hook_may_call_what_callbacks_may),
        cmocka_unit_test(hooks_start_the_callback_thread_and_end_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
