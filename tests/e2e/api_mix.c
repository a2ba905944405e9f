/* Everything that handlers may do, all at once: they are quick and slow, block in weft, dispatch further, keep their
 * tasks and give them to other threads, run inline; callers cancel meanwhile. Promises:
 *   - each admitted dispatch has exactly one outcome, and the node's counters say the same as its callers'
 *   - nothing is left open, held or running at the end
 * MIX=n dispatches for each caller (4000); the schedule is the machine's. */
#include "e2e/api_lib.h"

enum { CALLERS = 3, WINDOW = 64, SHELF = 64 };

static const char *const channels[] = {"dispatch.mix.a", "dispatch.mix.b", "dispatch.mix.c", "dispatch.mix.inline"};

static struct {
    weft_node *node;
    unsigned per_caller;
    atomic_uint sent, ended[8], inner_sent, inner_ended;
    /* kept tasks, for a thread that settles them */
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    weft_task *shelf[SHELF];
    unsigned shelved;
    bool stop;
} mix = {.mutex = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER};

static void inner_ended(const weft_reply *reply, void *context)
{
    (void)reply;
    (void)context;
    atomic_fetch_add(&mix.inner_ended, 1);
}

static void cancelled(weft_task *task, void *context)
{
    (void)context;
    thread_check_true(weft_task_cancelled(task));
}

/* The first byte says what to do, the second how deep it is. A blocking call at most once, to a channel further on. */
static void call_further(weft_task *task, unsigned channel)
{
    weft_reply reply;
    weft_error error = weft_dispatch(mix.node, channels[channel + 1], WEFT_TEXT("qq"), NULL, &reply);
    if (!error) {
        atomic_fetch_add(&mix.inner_sent, 1);
        atomic_fetch_add(&mix.inner_ended, 1);
        weft_reply_release(&reply);
    } else {
        thread_check_true(error == WEFT_EDEADLK);
    }
    (void)weft_task_complete(task, (weft_bytes){0});
}

static void spin(unsigned rounds)
{
    for (volatile unsigned i = 0; i < rounds; i++) {
    }
}

static void keep(weft_task *task)
{
    if (weft_task_on_cancel(task, cancelled, NULL)) abort();
    thread_check_ok(weft_task_keep(task));
    pthread_mutex_lock(&mix.mutex);
    while (mix.shelved == SHELF)
        pthread_cond_wait(&mix.cond, &mix.mutex);
    mix.shelf[mix.shelved++] = task;
    pthread_cond_broadcast(&mix.cond);
    pthread_mutex_unlock(&mix.mutex);
}

static void handle(weft_task *task, void *context)
{
    unsigned channel = (unsigned)(uintptr_t)context;
    weft_bytes payload = weft_task_payload(task);
    switch (*(const char *)payload.data) {
    case 's': spin(300000); break;
    case 'd': call_further(task, channel); return;
    case 'a':
        atomic_fetch_add(&mix.inner_sent, 1);
        if (weft_dispatch_async(mix.node, channels[channel + 1], WEFT_TEXT("qq"), NULL, inner_ended, NULL, 0, NULL))
            abort();
        break;
    case 'k': keep(task); return;
    case 'f': (void)weft_task_fail(task, "f", "f"); return;
    case 'x': (void)weft_task_abandon(task); return;
    case 'n': return;
    default: break;
    }
    (void)weft_task_complete(task, payload);
}

static void *settle_kept(void *argument)
{
    (void)argument;
    for (;;) {
        pthread_mutex_lock(&mix.mutex);
        while (!mix.shelved && !mix.stop)
            pthread_cond_wait(&mix.cond, &mix.mutex);
        weft_task *task = mix.shelved ? mix.shelf[--mix.shelved] : NULL;
        pthread_cond_broadcast(&mix.cond);
        pthread_mutex_unlock(&mix.mutex);
        if (!task) return NULL;
        (void)weft_task_complete(task, (weft_bytes){0});
    }
}

static unsigned fetch(weft_completions *completions, uint32_t timeout_ms)
{
    weft_reply replies[16];
    size_t count = 0;
    (void)weft_completions_next(completions, timeout_ms, replies, 16, &count);
    for (size_t i = 0; i < count; i++) {
        atomic_fetch_add(&mix.ended[replies[i].outcome], 1);
        weft_reply_release(&replies[i]);
    }
    return (unsigned)count;
}

static void *caller(void *argument)
{
    static const char kinds[] = "qqqqqqqqqqqqqqqqqqqqsdakfxn";
    unsigned state = (unsigned)(uintptr_t)argument;
    weft_completions *completions;
    weft_dispatch_id recent = {0, 0};
    unsigned done = 0;
    thread_check_ok(weft_completions_open(mix.node, WINDOW, &completions));
    for (unsigned sent = 0; done < mix.per_caller;
         done += fetch(completions, sent - done < WINDOW ? 0 : WEFT_FOREVER)) {
        bool calm = roll(&state, 8) > 0; /* quick ones in a row, so that there are batches */
        for (unsigned burst = 1 + roll(&state, 32); sent < mix.per_caller && sent - done < WINDOW && burst > 0;
             burst--) {
            char payload[2] = {calm ? 'q' : kinds[roll(&state, sizeof kinds - 1)], 'q'};
            weft_ticket ticket;
            weft_error error = weft_dispatch_submit(completions, channels[roll(&state, 3)],
                                                    (weft_bytes){payload, sizeof payload}, NULL, sent, &ticket);
            thread_check_ok(error);
            atomic_fetch_add(&mix.sent, 1);
            sent++;
            if (roll(&state, 16) == 0) (void)weft_dispatch_cancel(mix.node, recent);
            recent = ticket.id;
        }
        if (sent == mix.per_caller && done < sent) done += fetch(completions, WEFT_FOREVER);
    }
    thread_check_ok(weft_completions_close(completions));
    return NULL;
}

static void open_mix(void)
{
    weft_group_options group_options = WEFT_GROUP_OPTIONS;
    weft_channel_options channel_options = WEFT_CHANNEL_OPTIONS;
    weft_worker_options options = WEFT_WORKER_OPTIONS;
    weft_group *group;
    weft_worker *worker;
    check_ok(weft_node_open(NULL, &mix.node));
    channel_options.cancel_grace_ms = 1;
    group_options.threads_max = 5;
    check_ok(weft_group_open(mix.node, &group_options, &group));
    options.max_concurrent = 32;
    for (uintptr_t i = 0; i < 4; i++) {
        options.group = i < 2 ? group : NULL;
        options.flags = i == 3 ? WEFT_INLINE : 0;
        check_ok(weft_channel_declare(mix.node, channels[i], &channel_options));
        check_ok(weft_worker_register(mix.node, channels[i], handle, (void *)i, &options, &worker));
    }
}

static void each_dispatch_ends_once_whatever_handlers_do(void **state)
{
    (void)state;
    pthread_t callers[CALLERS];
    const char *count = getenv("MIX");
    mix.per_caller = count ? (unsigned)atoi(count) : 4000;
    open_mix();
    pthread_t settler = start(settle_kept, NULL);
    for (uintptr_t i = 0; i < CALLERS; i++)
        callers[i] = start(caller, (void *)(i + 1));
    for (int i = 0; i < CALLERS; i++)
        join(callers[i]);
    for (int i = 0; i < 4; i++)
        check_ok(weft_channel_drain(mix.node, channels[i], WEFT_FOREVER));
    pthread_mutex_lock(&mix.mutex);
    mix.stop = true;
    pthread_cond_broadcast(&mix.cond);
    pthread_mutex_unlock(&mix.mutex);
    join(settler);
    weft_node_stats stats;
    unsigned ended = 0;
    check_ok(weft_node_stats_get(mix.node, &stats));
    check_ok(weft_node_close(mix.node, 10000)); /* the last callbacks have run */
    for (int i = 0; i < 8; i++)
        ended += atomic_load(&mix.ended[i]);
    check_eq(ended, CALLERS * mix.per_caller);
    check_eq(atomic_load(&mix.inner_ended), atomic_load(&mix.inner_sent));
    const uint64_t sent = ended + atomic_load(&mix.inner_sent);
    check_true(stats.dispatched <= sent); /* a client node may end what is cancelled before it has left */
    check_true(stats.dispatched >= (dialled() ? sent - atomic_load(&mix.ended[WEFT_CANCELLED]) : sent));
    check_eq(stats.dispatches_open, 0);
    check_eq(stats.attempts_running, 0);
    check_eq(stats.failed, atomic_load(&mix.ended[WEFT_FAILED]));
    check_eq(stats.worker_died, atomic_load(&mix.ended[WEFT_WORKER_DIED]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_dispatch_ends_once_whatever_handlers_do)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
