/* A channel with some workers, as a pool: what people expect who have written one by hand. Promises:
 *   - the health of a worker is one call: in flight, completed, errored
 *   - round robin is exactly that, over as many dispatches as you like
 *   - least loaded takes the least loaded, of equals the one registered first
 *   - an empty pool fails at once where that was asked for, by the channel or by the dispatch; else it waits
 *   - an inline handler runs in the thread that dispatches
 *   - no worker ever has more than its capacity, however many ask
 *   - a dead worker is skipped at once, and its name is free
 *   - each worker has a state of its own, made once and freed once */
#include "e2e/api_lib.h"

enum { POOL_MAX = 3 };

static const char *const names[POOL_MAX] = {"anna", "berta", "clara"};

/* Three workers on CHANNEL, in this order. */
struct pool {
    weft_node *node;
    weft_worker *workers[POOL_MAX];
    weft_participant *owners[POOL_MAX];
    weft_completions *completions;
};

static void fill(struct pool *pool, weft_policy policy, weft_handler handler, void *context,
                 weft_worker_options options)
{
    weft_channel_options channel = WEFT_CHANNEL_OPTIONS;
    channel.policy = policy;
    check_ok(weft_node_open(NULL, &pool->node));
    check_ok(weft_completions_open(pool->node, 1024, &pool->completions));
    check_ok(weft_channel_declare(pool->node, CHANNEL, &channel));
    for (int i = 0; i < POOL_MAX; i++) {
        char owner[32];
        snprintf(owner, sizeof owner, "owner-of-%s", names[i]);
        check_ok(weft_participant_declare(pool->node, owner, &pool->owners[i]));
        options.name = names[i];
        options.participant = pool->owners[i];
        check_ok(weft_worker_register(pool->node, CHANNEL, handler, context, &options, &pool->workers[i]));
    }
}

static void empty(struct pool *pool)
{
    for (int i = 0; i < POOL_MAX; i++) {
        check_ok(weft_worker_unregister(pool->workers[i]));
        weft_participant_release(pool->owners[i]);
    }
    check_ok(weft_completions_close(pool->completions));
    check_ok(weft_node_close(pool->node, WEFT_FOREVER));
}

static weft_worker_options capacity(uint32_t max_concurrent)
{
    weft_worker_options options = WEFT_WORKER_OPTIONS;
    options.max_concurrent = max_concurrent;
    return options;
}

static weft_worker_info health(weft_worker *worker)
{
    weft_worker_info info;
    check_ok(weft_worker_info_get(worker, &info));
    return info;
}

/* Dispatches one, which is handed out at once. */
static void give(struct pool *pool)
{
    weft_ticket ticket;
    check_ok(weft_dispatch_submit(pool->completions, CHANNEL, WEFT_TEXT("1"), NULL, 0, &ticket));
    check_admission(&ticket, WEFT_ADMISSION_ACCEPTED);
}

/* How many each has in flight: "2 1 1". */
static void check_loads(struct pool *pool, const char *expected)
{
    char loads[64];
    snprintf(loads, sizeof loads, "%u %u %u", health(pool->workers[0]).in_flight, health(pool->workers[1]).in_flight,
             health(pool->workers[2]).in_flight);
    check_str(loads, expected);
}

/* The worker's oldest task, done. */
static void finish_one(weft_worker *worker)
{
    weft_task *task;
    check_ok(weft_worker_next(worker, soon(), &task));
    check_ok(weft_task_complete(task, weft_task_payload(task)));
}

/* --- who gets it ------------------------------------------------------------------------------ */

static void round_robin_is_an_exact_sequence(void **state)
{
    (void)state;
    struct pool pool;
    fill(&pool, WEFT_ROUND_ROBIN, echo, NULL, capacity(100)); /* enough for all, so that nobody is passed over */
    for (int i = 0; i < 300; i++) {
        weft_reply reply = dispatch(pool.node, CHANNEL, "1");
        check_str(reply.worker, names[i % POOL_MAX]);
        weft_reply_release(&reply);
    }
    empty(&pool);
}

static void round_robin_passes_over_who_is_full_and_goes_on_behind_it(void **state)
{
    (void)state;
    struct pool pool;
    fill(&pool, WEFT_ROUND_ROBIN, NULL, NULL, capacity(2));
    give(&pool), give(&pool), give(&pool), give(&pool);
    check_loads(&pool, "2 1 1"); /* anna is full */
    give(&pool), give(&pool);
    check_loads(&pool, "2 2 2");
    finish_one(pool.workers[1]);
    finish_one(pool.workers[0]);
    give(&pool); /* berta was free first */
    check_loads(&pool, "1 2 2");
    give(&pool);
    check_loads(&pool, "2 2 2");
    for (int i = 0; i < POOL_MAX; i++)
        finish_one(pool.workers[i]), finish_one(pool.workers[i]);
    empty(&pool);
}

static void least_loaded_takes_the_first_registered_of_equals(void **state)
{
    (void)state;
    struct pool pool;
    fill(&pool, WEFT_LEAST_LOADED, NULL, NULL, capacity(4));
    static const char *const loads[] = {"1 0 0", "1 1 0", "1 1 1", "2 1 1", "2 2 1", "2 2 2"};
    for (int i = 0; i < 6; i++) {
        give(&pool);
        check_loads(&pool, loads[i]);
    }
    finish_one(pool.workers[2]); /* the least loaded now */
    give(&pool);
    check_loads(&pool, "2 2 2");
    finish_one(pool.workers[1]);
    finish_one(pool.workers[2]); /* these two are equals */
    give(&pool);
    check_loads(&pool, "2 2 1");
    give(&pool);
    check_loads(&pool, "2 2 2");
    for (int i = 0; i < POOL_MAX; i++)
        finish_one(pool.workers[i]), finish_one(pool.workers[i]);
    empty(&pool);
}

/* --- how they are ----------------------------------------------------------------------------- */

static void fail_on_f(weft_task *task, void *context)
{
    (void)context;
    if (*(const char *)weft_task_payload(task).data == 'f')
        thread_check_ok(weft_task_fail(task, "asked_to", NULL));
    else
        thread_check_ok(weft_task_complete(task, weft_task_payload(task)));
}

static void health_is_one_call(void **state)
{
    (void)state;
    struct pool pool;
    weft_worker_options options = capacity(1);
    options.flags = WEFT_INLINE; /* the slot is free when the call returns */
    fill(&pool, WEFT_ROUND_ROBIN, fail_on_f, NULL, options);
    static const char payloads[] = "okffok"; /* anna: o f, berta: k o, clara: f k */
    for (int i = 0; i < 6; i++) {
        weft_reply reply = dispatch(pool.node, CHANNEL, (char[2]){payloads[i], '\0'});
        check_eq(reply.outcome, payloads[i] == 'f' ? WEFT_FAILED : WEFT_COMPLETED);
        weft_reply_release(&reply);
        while (dialled() && health(pool.workers[i % POOL_MAX]).in_flight > 0) /* there it is free a moment later */
            continue;
    }
    weft_worker_info anna = health(pool.workers[0]), berta = health(pool.workers[1]);
    check_str(anna.name, "anna");
    check_str(anna.participant, "owner-of-anna");
    check_eq(anna.state, WEFT_WORKER_READY); /* errors of its handler do not make a worker ill */
    check_eq(anna.max_concurrent, 1);
    check_eq(anna.in_flight, 0);
    check_eq(anna.completed, 1);
    check_eq(anna.errored, 1);
    check_eq(berta.completed, 2);
    check_eq(berta.errored, 0);
    check_true(anna.id < berta.id);
    empty(&pool);
}

static void a_held_task_shows_in_flight(void **state)
{
    (void)state;
    struct pool pool;
    struct stop stop = {0};
    fill(&pool, WEFT_ROUND_ROBIN, halt, &stop, capacity(1));
    give(&pool);
    event_await(&stop.began, 1);
    check_loads(&pool, "1 0 0");
    check_eq(health(pool.workers[0]).completed, 0);
    event_give(&stop.go_on);
    weft_reply reply = next_reply(pool.completions);
    check_reply_text(&reply, "1");
    check_ok(weft_worker_drain(pool.workers[0], WEFT_FOREVER)); /* the slot is free, too */
    check_loads(&pool, "0 0 0");
    check_eq(health(pool.workers[0]).completed, 1);
    empty(&pool);
}

/* --- nobody there ----------------------------------------------------------------------------- */

static void an_empty_pool_fails_at_once_where_that_was_asked_for(void **state)
{
    (void)state;
    weft_node *node = open_node();
    weft_channel_options channel = WEFT_CHANNEL_OPTIONS;
    weft_dispatch_options options = WEFT_DISPATCH_OPTIONS;
    weft_reply reply;
    options.no_worker = WEFT_NO_WORKER_REJECT; /* the dispatch asks */
    check_ok(weft_dispatch(node, CHANNEL, WEFT_TEXT("1"), &options, &reply));
    check_reply_code(&reply, WEFT_REJECTED, "no_worker");
    channel.no_worker = WEFT_NO_WORKER_REJECT; /* the channel asks, for all of its dispatches */
    check_ok(weft_channel_declare(node, OTHER, &channel));
    struct refusal refusal = refused_async(node, OTHER, WEFT_TEXT("1"), NULL);
    check_str(refusal.reason, "no_worker");
    weft_worker *worker = register_worker(node, CHANNEL, echo, NULL);
    check_ok(weft_dispatch(node, CHANNEL, WEFT_TEXT("1"), &options, &reply));
    check_reply_text(&reply, "1");
    check_ok(weft_worker_unregister(worker));
    check_ok(weft_dispatch(node, CHANNEL, WEFT_TEXT("1"), &options, &reply)); /* empty again */
    check_reply_code(&reply, WEFT_REJECTED, "no_worker");
    check_ok(weft_node_close(node, WEFT_FOREVER));
}

static void an_empty_pool_waits_where_not(void **state)
{
    (void)state;
    weft_node *node = open_node();
    weft_completions *completions;
    weft_ticket ticket;
    check_ok(weft_completions_open(node, 8, &completions));
    check_ok(weft_dispatch_submit(completions, CHANNEL, WEFT_TEXT("1"), NULL, 0, &ticket));
    check_admission(&ticket, WEFT_ADMISSION_DEFERRED);
    register_worker(node, CHANNEL, echo, NULL);
    weft_reply reply = next_reply(completions);
    check_eq(reply.attempts, 1); /* waiting spends none */
    check_reply_text(&reply, "1");
    check_ok(weft_node_close(node, WEFT_FOREVER));
}

/* --- where it runs ---------------------------------------------------------------------------- */

static void tell_thread(weft_task *task, void *context)
{
    pthread_t *where = context;
    *where = pthread_self();
    thread_check_ok(weft_task_complete(task, weft_task_payload(task)));
}

static void an_inline_handler_runs_in_the_thread_that_dispatches(void **state)
{
    (void)state;
    not_dialled("inline handlers run on the default group of a client node");
    struct pool pool;
    pthread_t where = 0;
    weft_worker_options options = capacity(1);
    options.flags = WEFT_INLINE;
    unsigned threads = own_count("task");
    fill(&pool, WEFT_ROUND_ROBIN, tell_thread, &where, options);
    for (int i = 0; i < 6; i++) {
        where = 0;
        weft_reply reply = dispatch(pool.node, CHANNEL, "1");
        check_true(pthread_equal(where, pthread_self()));
        check_str(reply.worker, names[i % POOL_MAX]);
        check_reply_text(&reply, "1");
    }
    check_eq(own_count("task"), threads + 1); /* the service: no thread of a group was needed */
    empty(&pool);
}

/* --- how much at a time ----------------------------------------------------------------------- */

struct gauge {
    atomic_uint now, most;
};

static void watch_gauge(weft_task *task, void *context)
{
    struct gauge *gauge = context;
    unsigned now = atomic_fetch_add(&gauge->now, 1) + 1, most = gauge->most;
    while (now > most && !atomic_compare_exchange_weak(&gauge->most, &most, now))
        continue;
    sched_yield(); /* so that others could come in, if they were let */
    atomic_fetch_sub(&gauge->now, 1);
    (void)weft_task_complete(task, weft_task_payload(task));
}

static void capacity_is_never_exceeded(void **state)
{
    (void)state;
    for (uint32_t limit = 1; limit <= 3; limit++) {
        weft_node_options node_options = WEFT_NODE_OPTIONS;
        weft_node *node;
        weft_worker *worker;
        weft_completions *completions;
        struct gauge gauge = {0};
        weft_worker_options options = capacity(limit);
        node_options.threads = 8;
        check_ok(weft_node_open(&node_options, &node));
        check_ok(weft_channel_declare(node, CHANNEL, NULL));
        check_ok(weft_completions_open(node, 1000, &completions));
        check_ok(weft_worker_register(node, CHANNEL, watch_gauge, &gauge, &options, &worker));
        for (uint64_t i = 0; i < 1000; i++)
            submit(completions, CHANNEL, "1", i);
        for (uint64_t i = 0; i < 1000; i++) {
            weft_reply reply = next_reply(completions);
            check_reply_text(&reply, "1");
            check_true(health(worker).in_flight <= limit);
        }
        check_true(gauge.most >= 1 && gauge.most <= limit);
        check_ok(weft_node_close(node, WEFT_FOREVER));
    }
}

/* --- who dies --------------------------------------------------------------------------------- */

static void a_dead_worker_is_skipped_at_once(void **state)
{
    (void)state;
    struct pool pool;
    weft_worker *again;
    weft_worker_options options = capacity(100);
    fill(&pool, WEFT_ROUND_ROBIN, echo, NULL, options);
    check_ok(weft_participant_dead(pool.owners[1], 1));
    check_eq(health(pool.workers[1]).state, WEFT_WORKER_DEAD);
    for (int i = 0; i < 100; i++) {
        weft_reply reply = dispatch(pool.node, CHANNEL, "1");
        check_str(reply.worker, names[i % 2 ? 2 : 0]);
        check_eq(reply.attempts, 1); /* not one was tried with the dead one */
        check_reply_text(&reply, "1");
    }
    options.name = names[1];
    check_ok(weft_worker_register(pool.node, CHANNEL, echo, NULL, &options, &again));
    check_ok(weft_worker_unregister(again));
    empty(&pool);
}

/* --- what each has ---------------------------------------------------------------------------- */

struct tally {
    atomic_uint made, freed;
};

struct own {
    struct tally *tally;
    unsigned number;
    atomic_uint calls;
};

static void *own_new(void *context)
{
    struct own *own = calloc(1, sizeof *own);
    own->tally = context;
    own->number = atomic_fetch_add(&own->tally->made, 1);
    return own;
}

static void own_free(void *state)
{
    struct own *own = state;
    thread_check_eq(own->calls, 10);
    atomic_fetch_add(&own->tally->freed, 1);
    free(own);
}

static void answer_number(weft_task *task, void *context)
{
    struct own *own = context;
    char text[8];
    atomic_fetch_add(&own->calls, 1);
    snprintf(text, sizeof text, "%u", own->number);
    thread_check_ok(weft_task_complete(task, weft_text(text)));
}

static void each_worker_has_a_state_of_its_own(void **state)
{
    (void)state;
    struct pool pool;
    struct tally tally = {0};
    weft_worker_options options = capacity(100);
    options.state_new = own_new;
    options.state_free = own_free;
    fill(&pool, WEFT_ROUND_ROBIN, answer_number, &tally, options);
    check_eq(tally.made, POOL_MAX);
    for (int i = 0; i < 10 * POOL_MAX; i++) {
        weft_reply reply = dispatch(pool.node, CHANNEL, "1");
        check_reply_text(&reply, (char[2]){(char)('0' + i % POOL_MAX), '\0'});
    }
    check_ok(weft_participant_dead(pool.owners[0], 0)); /* its state waits for its owner all the same */
    check_eq(tally.freed, 0);
    empty(&pool);
    check_eq(tally.made, POOL_MAX);
    check_eq(tally.freed, POOL_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_robin_is_an_exact_sequence),
        cmocka_unit_test(round_robin_passes_over_who_is_full_and_goes_on_behind_it),
        cmocka_unit_test(least_loaded_takes_the_first_registered_of_equals),
        cmocka_unit_test(health_is_one_call),
        cmocka_unit_test(a_held_task_shows_in_flight),
        cmocka_unit_test(an_empty_pool_fails_at_once_where_that_was_asked_for),
        cmocka_unit_test(an_empty_pool_waits_where_not),
        cmocka_unit_test(an_inline_handler_runs_in_the_thread_that_dispatches),
        cmocka_unit_test(capacity_is_never_exceeded),
        cmocka_unit_test(a_dead_worker_is_skipped_at_once),
        cmocka_unit_test(each_worker_has_a_state_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
