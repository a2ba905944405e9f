/* Real threads, real processes, real deaths, for a while: STRESS_S seconds (default 3; a minute in the thread
 * sanitizer's run). Promises:
 *   - every admitted dispatch has exactly one outcome, whoever dies, cancels, drains or unregisters meanwhile
 *   - the node's counters add up to what the callers saw, and nothing is open, held or registered at the end
 * The schedule is the machine's; what each thread does comes from the printed seed. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <weft/weft.h>

#include "e2e/api_lib.h"

enum { CALLERS = 2, OWNERS = 2, RECENT = 64 };

static const char *const channels[] = {"dispatch.stress.plain", "dispatch.stress.again", "dispatch.stress.over"};
enum { CHANNELS = 3 };

static struct {
    weft_node *node;
    unsigned seed;
    atomic_bool stop;
    atomic_ullong admitted, outcomes[8], refused;
    _Atomic uint64_t recent[RECENT][2];
} world;

static void count(weft_outcome outcome)
{
    atomic_fetch_add(&world.outcomes[outcome], 1);
}

/* --- workers ---------------------------------------------------------------------------------- */

/* What a task does is in its first byte, so that a re-dispatch does the same. */
static void work(weft_task *task, void *context)
{
    (void)context;
    weft_bytes payload = weft_task_payload(task);
    switch (*(const unsigned char *)payload.data % 16) {
    case 0: weft_task_fail(task, "unlucky", "it rolled a zero"); return;
    case 1: weft_task_abandon(task); return;
    case 2: weft_task_heartbeat(task); break;
    case 3:
        if (weft_task_cancelled(task)) {
            weft_task_acknowledge_cancel(task);
            return;
        }
        break;
    case 4: return; /* settles nothing: it has failed */
    case 5: sched_yield(); break;
    default: break;
    }
    weft_task_complete(task, payload);
}

/* Takes some tasks, then ends; one time in two with a task in hand. */
static void *owner(void *argument)
{
    unsigned state = *(unsigned *)argument;
    weft_worker_options options = WEFT_WORKER_OPTIONS;
    weft_worker *worker;
    weft_task *task;
    options.flags = WEFT_OWNER_THREAD;
    options.max_concurrent = 1 + roll(&state, 3);
    thread_check_ok(weft_worker_register(world.node, channels[roll(&state, CHANNELS)], NULL, NULL, &options, &worker));
    for (unsigned left = 1 + roll(&state, 40); left > 0 && weft_worker_next(worker, 20, &task) == WEFT_OK; left--)
        if (left > 1 || roll(&state, 2)) work(task, NULL);
    if (roll(&state, 2)) weft_worker_unregister(worker);
    return NULL;
}

static void *owners(void *argument)
{
    unsigned state = world.seed + (unsigned)(uintptr_t)argument;
    while (!atomic_load(&world.stop)) {
        pthread_t thread;
        unsigned seed = roll(&state, 1u << 20);
        thread_check_eq(pthread_create(&thread, NULL, owner, &seed), 0);
        pthread_join(thread, NULL);
    }
    return NULL;
}

static void churn_declared(unsigned *state)
{
    weft_participant *participant;
    weft_worker_options options = WEFT_WORKER_OPTIONS;
    weft_worker *workers[3];
    thread_check_ok(weft_participant_declare(world.node, "declared", &participant));
    options.participant = participant;
    unsigned count_workers = 1 + roll(state, 3);
    for (unsigned i = 0; i < count_workers; i++) {
        options.max_concurrent = 1 + roll(state, 4);
        thread_check_ok(
            weft_worker_register(world.node, channels[roll(state, CHANNELS)], work, NULL, &options, &workers[i]));
    }
    sched_yield();
    if (roll(state, 3)) thread_check_ok(weft_participant_dead(participant, 7));
    for (unsigned i = 0; i < count_workers; i++)
        thread_check_ok(weft_worker_unregister(workers[i]));
    weft_participant_release(participant);
}

static void churn_process(unsigned *state)
{
    char *argv[] = {"sleep", "1000", NULL};
    pid_t pid;
    weft_participant *participant;
    weft_worker_options options = WEFT_WORKER_OPTIONS;
    weft_worker *worker;
    thread_check_eq(posix_spawnp(&pid, "sleep", NULL, NULL, argv, environ), 0);
    thread_check_ok(weft_participant_process(world.node, NULL, pid, 0, &participant));
    options.participant = participant;
    thread_check_ok(weft_worker_register(world.node, channels[roll(state, CHANNELS)], work, NULL, &options, &worker));
    weft_participant_release(participant);
    for (unsigned i = roll(state, 50); i > 0; i--)
        sched_yield();
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    thread_check_ok(weft_worker_unregister(worker));
}

static void *churn(void *argument)
{
    unsigned state = world.seed + (unsigned)(uintptr_t)argument;
    while (!atomic_load(&world.stop)) {
        switch (roll(&state, 8)) {
        case 0: churn_process(&state); break;
        case 1:
            if (weft_channel_pause(world.node, channels[0]) == WEFT_OK)
                thread_check_ok(weft_channel_resume(world.node, channels[0]));
            else
                thread_check_true(atomic_load(&world.stop)); /* a caller drains it already */
            break;
        default: churn_declared(&state); break;
        }
    }
    return NULL;
}

/* --- callers ---------------------------------------------------------------------------------- */

static void remember(unsigned *state, weft_dispatch_id id)
{
    unsigned at = roll(state, RECENT);
    atomic_store(&world.recent[at][0], id.session);
    atomic_store(&world.recent[at][1], id.number);
}

static void ended(const weft_reply *reply, void *context)
{
    (void)context;
    count(reply->outcome);
}

static weft_dispatch_options random_options(unsigned *state)
{
    weft_dispatch_options options = WEFT_DISPATCH_OPTIONS;
    options.priority = (weft_priority)(1 + roll(state, 4));
    options.start_to_close_ms = roll(state, 4) ? 0 : 50;
    options.heartbeat_ms = roll(state, 4) ? 0 : 50;
    options.schedule_to_close_ms = roll(state, 16) ? 2000 : 1;
    options.activity_type = roll(state, 8) ? NULL : "rare"; /* served by workers that take all */
    return options;
}

/* Nobody waits for ever where no worker may come: everything is bounded by its time. */
static void call(unsigned *state, weft_completions *completions)
{
    unsigned char payload[16] = {(unsigned char)roll(state, 256)};
    weft_bytes bytes = {payload, sizeof(payload)};
    const char *channel = channels[roll(state, CHANNELS)];
    weft_dispatch_options options = random_options(state);
    weft_ticket ticket;
    weft_reply reply;
    weft_error error;
    switch (roll(state, 8)) {
    case 0:
        thread_check_ok(weft_dispatch(world.node, channel, bytes, &options, &reply));
        if (reply.admission != WEFT_ADMISSION_REJECTED) atomic_fetch_add(&world.admitted, 1), count(reply.outcome);
        weft_reply_release(&reply);
        return;
    case 1:
    case 2:
    case 3: error = weft_dispatch_async(world.node, channel, bytes, &options, ended, NULL, 0, &ticket); break;
    default: error = weft_dispatch_submit(completions, channel, bytes, &options, 0, &ticket); break;
    }
    if (error == WEFT_OK) {
        atomic_fetch_add(&world.admitted, 1);
        remember(state, ticket.id);
    } else {
        thread_check_true(error == WEFT_EREJECTED || error == WEFT_EAGAIN);
        atomic_fetch_add(&world.refused, 1);
    }
}

static void fetch(weft_completions *completions, uint32_t timeout_ms)
{
    weft_reply replies[32];
    size_t got = 0;
    while (weft_completions_next(completions, timeout_ms, replies, 32, &got) == WEFT_OK)
        for (size_t i = 0; i < got; i++) {
            count(replies[i].outcome);
            weft_reply_release(&replies[i]);
        }
}

static void *caller(void *argument)
{
    unsigned state = world.seed + (unsigned)(uintptr_t)argument;
    weft_completions *completions;
    thread_check_ok(weft_completions_open(world.node, 256, &completions));
    while (!atomic_load(&world.stop)) {
        for (unsigned i = roll(&state, 32); i > 0; i--)
            call(&state, completions);
        fetch(completions, 0);
        unsigned at = roll(&state, RECENT);
        weft_dispatch_id id = {atomic_load(&world.recent[at][0]), atomic_load(&world.recent[at][1])};
        (void)weft_dispatch_cancel(world.node, id); /* it may have ended */
    }
    thread_check_ok(weft_channel_resume(world.node, channels[0]));
    for (int i = 0; i < CHANNELS; i++)
        while (weft_channel_drain(world.node, channels[i], 30000) == WEFT_ETIMEDOUT)
            continue; /* another caller has resumed it */
    fetch(completions, 0);
    thread_check_ok(weft_completions_close(completions));
    return NULL;
}

/* --- the run ---------------------------------------------------------------------------------- */

static void open_world(weft_worker **workers, size_t workers_count)
{
    weft_channel_options options = WEFT_CHANNEL_OPTIONS;
    options.depth_max = 16;
    options.cancel_grace_ms = 5;
    check_ok(weft_node_open(NULL, &world.node));
    check_ok(weft_channel_declare(world.node, channels[0], &options));
    options.on_crash = WEFT_CRASH_REDISPATCH;
    options.policy = WEFT_LEAST_LOADED;
    options.queue_full = WEFT_SHED_LOWEST;
    check_ok(weft_channel_declare(world.node, channels[1], &options));
    options.overlapping = true;
    options.policy = WEFT_STICKY;
    options.queue_full = WEFT_BLOCK;
    check_ok(weft_channel_declare(world.node, channels[2], &options));
    for (size_t i = 0; i < workers_count; i++)
        check_ok(weft_worker_register(world.node, channels[i % CHANNELS], work, NULL, NULL, &workers[i]));
}

static void every_dispatch_ends_once_whoever_dies(void **state)
{
    (void)state;
    weft_worker *workers[CHANNELS];
    pthread_t threads[CALLERS + OWNERS + 1];
    const char *seconds = getenv("STRESS_S");
    const char *seed = getenv("SEED");
    world.seed = seed ? (unsigned)strtoul(seed, NULL, 0) : (unsigned)time(NULL);
    print_message("SEED=%u\n", world.seed);
    open_world(workers, CHANNELS);
    unsigned n = 0;
    for (uintptr_t i = 0; i < OWNERS; i++, n++)
        check_eq(pthread_create(&threads[n], NULL, owners, (void *)(100 + i)), 0);
    check_eq(pthread_create(&threads[n++], NULL, churn, (void *)(uintptr_t)200), 0);
    unsigned first_caller = n;
    for (uintptr_t i = 0; i < CALLERS; i++, n++)
        check_eq(pthread_create(&threads[n], NULL, caller, (void *)(300 + i)), 0);
    sleep(seconds && *seconds ? (unsigned)atoi(seconds) : 3); /* the length of the run, not a wait for anything */
    atomic_store(&world.stop, true);
    for (unsigned i = 0; i < first_caller; i++)
        pthread_join(threads[i], NULL);
    for (unsigned i = first_caller; i < n; i++)
        pthread_join(threads[i], NULL);

    weft_node_stats stats;
    check_ok(weft_node_stats_get(world.node, &stats));
    check_eq(stats.dispatches_open, 0);
    check_eq(stats.attempts_running, 0);
    check_eq(stats.dispatched, atomic_load(&world.admitted));
    check_true(stats.deaths > 0 && stats.completed > 0 && stats.redispatched > 0);
    for (size_t i = 0; i < CHANNELS; i++)
        check_ok(weft_worker_unregister(workers[i]));
    check_ok(weft_node_close(world.node, 5000)); /* the last callbacks have run */
    check_eq(stats.completed, atomic_load(&world.outcomes[WEFT_COMPLETED]));
    check_eq(stats.failed, atomic_load(&world.outcomes[WEFT_FAILED]));
    check_eq(stats.worker_died, atomic_load(&world.outcomes[WEFT_WORKER_DIED]));
    check_eq(stats.timed_out, atomic_load(&world.outcomes[WEFT_TIMED_OUT]));
    check_eq(stats.cancelled, atomic_load(&world.outcomes[WEFT_CANCELLED]));
    unsigned long long all = 0;
    for (int i = 0; i < 8; i++)
        all += atomic_load(&world.outcomes[i]);
    check_eq(all, atomic_load(&world.admitted));
    print_message("%llu dispatches, %llu refused; %llu deaths, %llu re-dispatched, %llu late results refused\n",
                  (unsigned long long)stats.dispatched, (unsigned long long)atomic_load(&world.refused),
                  (unsigned long long)stats.deaths, (unsigned long long)stats.redispatched,
                  (unsigned long long)stats.fenced);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_dispatch_ends_once_whoever_dies)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
