/* What being a node's client costs the core: a call that goes out and its verdict, a task that is handed in and its
 * result, against a dispatch to a worker of this process, from request to outcome. No threads, no clock, no wire. */
#include "bench.h"

#include "core/core.h"

enum { TRIPS = 300000 };
#define CHANNEL "dispatch.bench.client"

struct fabric {
    struct core *core;
    uint64_t session, hash, worker;
    struct core_dest inbox, outcomes, wire;
    struct message *payload;
    uint64_t now_ns;
};

static void fabric_open(struct fabric *f)
{
    const struct core_limits limits = {
        .channels_max = 1, .workers_max = 1, .sessions_max = 1, .dispatches_max = 16, .public_session = 7};
    char message[ERROR_TEXT_MAX];
    f->core = weft__core_new(&weft__mem_libc, &limits, 0);
    f->hash = weft__name_hash(CHANNEL);
    f->payload = weft__message_new(&weft__mem_libc, "x", 1, NULL);
    f->now_ns = 1;
    weft__core_dest_init(&f->inbox);
    weft__core_dest_init(&f->outcomes);
    weft__core_dest_init(&f->wire);
    if (!f->core || !f->payload || weft__core_session_attach(f->core, "bench", false, NULL, &f->session) ||
        weft__core_session_armed(f->core, 0, f->session) || weft__core_uplink_open(f->core, 0, f->session, &f->wire) ||
        weft__core_mirror(f->core, CHANNEL, f->hash))
        bench_die("make a core");
    struct core_worker_spec spec = {
        .channel = CHANNEL, .channel_hash = f->hash, .max_concurrent = 2, .session = f->session, .dest = &f->inbox};
    if (weft__core_worker_register(f->core, 0, &spec, &f->worker, message)) bench_die("register a worker");
}

static void request(struct fabric *f, const char *channel, uint64_t hash)
{
    const struct core_request request = {.channel = channel,
                                         .channel_hash = hash,
                                         .payload = weft__message_hold(f->payload),
                                         .session = f->session,
                                         .dest = &f->outcomes,
                                         .priority = 2};
    struct core_admitted admitted;
    if (weft__core_dispatch(f->core, f->now_ns, &request, &admitted)) bench_die("dispatch");
}

static void run(struct fabric *f)
{
    struct core_task *task;
    if (weft__core_take(f->core, f->now_ns, &f->inbox, &task, 1) != 1) bench_die("take");
    struct core_result result = {.task = task, .kind = CORE_RESULT_COMPLETE};
    weft__core_results(f->core, f->now_ns, &result, 1);
}

static void hear(struct fabric *f)
{
    struct core_task *cancelled;
    struct core_outcome outcome;
    weft__core_outcome_take(f->core, f->now_ns, &f->outcomes, &outcome, &cancelled);
    if (outcome.outcome != WEFT_COMPLETED) bench_die("complete");
}

static void here(struct fabric *f)
{
    request(f, CHANNEL, f->hash);
    run(f);
    hear(f);
}

static void out(struct fabric *f)
{
    static uint64_t hash;
    if (!hash) hash = weft__name_hash(WEFT_UPLINK_CHANNEL);
    const struct core_verdict verdict = {
        .outcome = WEFT_COMPLETED, .admission = WEFT_ADMISSION_ACCEPTED, .attempts = 1, .worker = "worker-1"};
    struct core_taken taken;
    request(f, WEFT_UPLINK_CHANNEL, hash);
    if (weft__core_next(f->core, f->now_ns, &f->wire, &taken) != CORE_ITEM_TASK) bench_die("send");
    struct core_task *task = weft__core_uplink_task(f->core, taken.task->id.number);
    if (!task || weft__core_verdict(f->core, f->now_ns, task, &verdict)) bench_die("answer");
    hear(f);
}

static void in(struct fabric *f)
{
    const struct core_hand hand = {.worker = f->worker,
                                   .id = {1, f->now_ns},
                                   .attempt = 1,
                                   .deadline_ns = CORE_NEVER,
                                   .payload = weft__message_hold(f->payload),
                                   .dest = &f->wire};
    weft_dispatch_id local;
    struct core_taken taken;
    if (weft__core_hand(f->core, f->now_ns, &hand, &local)) bench_die("hand");
    run(f);
    if (weft__core_next(f->core, f->now_ns, &f->wire, &taken) != CORE_ITEM_OUTCOME) bench_die("send");
    if (taken.outcome.said != CORE_RESULT_COMPLETE) bench_die("complete");
}

static double measure(void (*trip)(struct fabric *f))
{
    struct fabric f;
    fabric_open(&f);
    for (; f.now_ns < TRIPS / 10; f.now_ns++)
        trip(&f);
    uint64_t start_ns = bench_now_ns();
    for (int i = 0; i < TRIPS; i++, f.now_ns++)
        trip(&f);
    double ns = (double)(bench_now_ns() - start_ns) / TRIPS;
    weft__message_drop(f.payload);
    weft__core_free(f.core);
    return ns;
}

static double measure_here(void)
{
    return measure(here);
}

static double measure_out(void)
{
    return measure(out);
}

static double measure_in(void)
{
    return measure(in);
}

#define AGAINST                                                                                                        \
    .unit = "ns", .against = "a dispatch to a worker here", .measure_against = measure_here, .goal = 1.1,              \
    .at_most = 1, .rounds = 9

const struct bench bench_client[] = {
    {.name = "client_call", .metric = "call through the core of a client", .measure = measure_out, AGAINST},
    {.name = "client_task", .metric = "task through the core of a client", .measure = measure_in, AGAINST},
    {0}};
