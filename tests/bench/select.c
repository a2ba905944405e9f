/* The cost of a dispatch through the core, from request to outcome, among many workers and among few: what differs is
 * the selection. No threads, no clock: the core alone. */
#include "bench.h"

#include <stdlib.h>

#include "core/core.h"

enum { FEW = 10, MANY = 10000, DISPATCHES = 300000 };
#define CHANNEL "dispatch.bench.select"

struct fabric {
    struct core *core;
    uint64_t session;
    uint64_t hash;
    struct core_dest inbox, outcomes;
    struct message *payload;
};

static void fabric_open(struct fabric *f, weft_policy policy, int workers)
{
    struct core_limits limits = {.channels_max = 1, .workers_max = MANY, .sessions_max = 1, .dispatches_max = 16};
    weft_channel_options options = WEFT_CHANNEL_OPTIONS;
    char message[ERROR_TEXT_MAX];
    options.policy = policy;
    f->core = weft__core_new(&weft__mem_libc, &limits, 0);
    f->hash = weft__name_hash(CHANNEL);
    f->payload = weft__message_new(&weft__mem_libc, "x", 1, NULL);
    weft__core_dest_init(&f->inbox);
    weft__core_dest_init(&f->outcomes);
    if (!f->core || !f->payload || weft__core_channel_declare(f->core, 1, CHANNEL, &options, message) ||
        weft__core_session_attach(f->core, "bench", false, NULL, &f->session) ||
        weft__core_session_armed(f->core, 0, f->session))
        bench_die("make a core");
    for (int i = 0; i < workers; i++) {
        struct core_worker_spec spec = {
            .channel = CHANNEL, .channel_hash = f->hash, .max_concurrent = 2, .session = f->session, .dest = &f->inbox};
        uint64_t worker;
        if (weft__core_worker_register(f->core, 0, &spec, &worker, message)) bench_die("register a worker");
    }
}

static void round_trip(struct fabric *f, uint64_t now_ns)
{
    struct core_request request = {.channel = CHANNEL,
                                   .channel_hash = f->hash,
                                   .payload = weft__message_hold(f->payload),
                                   .session = f->session,
                                   .dest = &f->outcomes,
                                   .priority = 2,
                                   .sticky_hash = now_ns * UINT64_C(0x9e3779b97f4a7c15)};
    struct core_admitted admitted;
    struct core_task *task, *cancelled;
    struct core_outcome outcome;
    if (weft__core_dispatch(f->core, now_ns, &request, &admitted) ||
        weft__core_take(f->core, now_ns, &f->inbox, &task, 1) != 1)
        bench_die("dispatch");
    struct core_result result = {.task = task, .kind = CORE_RESULT_COMPLETE};
    weft__core_results(f->core, now_ns, &result, 1);
    weft__core_outcome_take(f->core, now_ns, &f->outcomes, &outcome, &cancelled);
    if (outcome.outcome != WEFT_COMPLETED) bench_die("complete");
}

static double measure(weft_policy policy, int workers)
{
    struct fabric f;
    fabric_open(&f, policy, workers);
    uint64_t now_ns = 1;
    for (; now_ns < DISPATCHES / 10; now_ns++)
        round_trip(&f, now_ns);
    uint64_t start_ns = bench_now_ns();
    for (int i = 0; i < DISPATCHES; i++)
        round_trip(&f, now_ns++);
    double ns = (double)(bench_now_ns() - start_ns) / DISPATCHES;
    weft__message_drop(f.payload);
    weft__core_free(f.core);
    return ns;
}

static double round_robin_many(void)
{
    return measure(WEFT_ROUND_ROBIN, MANY);
}

static double round_robin_few(void)
{
    return measure(WEFT_ROUND_ROBIN, FEW);
}

static double least_loaded_many(void)
{
    return measure(WEFT_LEAST_LOADED, MANY);
}

static double least_loaded_few(void)
{
    return measure(WEFT_LEAST_LOADED, FEW);
}

static double sticky_many(void)
{
    return measure(WEFT_STICKY, MANY);
}

static double sticky_few(void)
{
    return measure(WEFT_STICKY, FEW);
}

#define ROW(policy)                                                                                                    \
    {                                                                                                                  \
        .name = "select_" #policy, .metric = "dispatch through the core among 10000 workers", .unit = "ns",            \
        .measure = policy##_many, .against = "among 10 workers", .measure_against = policy##_few, .goal = 1.5,         \
        .at_most = 1, .rounds = 9                                                                                      \
    }

const struct bench bench_select[] = {ROW(round_robin), ROW(least_loaded), ROW(sticky), {0}};
