/* Executor groups: the threads that run handlers. Promises:
 *   - a group runs at most as many handlers at a time as it has threads; the host's lent threads count
 *   - while handlers are quick a thread takes several tasks, and nobody's result waits for a stranger's slow handler
 *     then: finished ones are told, what was not begun goes to another thread
 *   - a handler blocked in weft has its thread replaced up to threads_max, then the call is WEFT_EDEADLK
 *   - an inline handler runs in the thread that dispatches, inside its call, and never on top of another
 *   - each error code comes with its reason */
#include <sched.h>

#include "base/clock.h"
#include "e2e/api_lib.h"
#include "exec/node.h" /* to see whether a group is in quick mode */

static weft_worker *register_on(weft_node *node, weft_group *group, const char *channel, weft_handler handler,
                                void *context, uint32_t flags)
{
    weft_worker_options options = WEFT_WORKER_OPTIONS;
    weft_worker *worker;
    options.group = group;
    options.max_concurrent = 64;
    options.flags = flags;
    check_ok(weft_worker_register(node, channel, handler, context, &options, &worker));
    return worker;
}

static weft_group *open_group(weft_node *node, uint32_t threads, uint32_t threads_max)
{
    weft_group_options options = WEFT_GROUP_OPTIONS;
    weft_group *group;
    options.threads = threads;
    options.threads_max = threads_max;
    check_ok(weft_group_open(node, &options, &group));
    return group;
}

static void refuses_with_the_reason(void **state)
{
    (void)state;
    weft_node *node = open_node();
    weft_node *stranger = open_node();
    weft_group_options o = WEFT_GROUP_OPTIONS;
    weft_worker_options worker_options = WEFT_WORKER_OPTIONS;
    weft_group *group, *foreign = open_group(stranger, 1, 1);
    weft_worker *worker;
#define REFUSED(field, value)                                                                                          \
    o = (weft_group_options)WEFT_GROUP_OPTIONS;                                                                        \
    o.field = value;                                                                                                   \
    check_err(weft_group_open(node, &o, &group), WEFT_EINVAL)
    check_err(weft_group_open(NULL, NULL, &group), WEFT_EINVAL);
    check_err(weft_group_open(node, NULL, NULL), WEFT_EINVAL);
    REFUSED(version, 9);
    REFUSED(name, "no good");
    REFUSED(threads, 100000);
    REFUSED(threads_max, 1);
    REFUSED(batch_max, 0);
    REFUSED(batch_max, 17);
    check_err(weft_group_run(NULL, 0), WEFT_EINVAL);
    worker_options.group = foreign;
    check_err(weft_worker_register(node, CHANNEL, echo, NULL, &worker_options, &worker), WEFT_EINVAL);
    worker_options.group = open_group(node, 1, 1);
    check_err(weft_worker_register(node, CHANNEL, NULL, NULL, &worker_options, &worker), WEFT_EINVAL);
    worker_options.flags = WEFT_INLINE;
    check_err(weft_worker_register(node, CHANNEL, echo, NULL, &worker_options, &worker), WEFT_EINVAL);

    worker = register_on(node, worker_options.group, CHANNEL, echo, NULL, 0);
    check_err(weft_group_close(worker_options.group), WEFT_EBUSY);
    check_true(strstr(weft_error_message(), CHANNEL) != NULL);
    check_ok(weft_worker_unregister(worker));
    check_ok(weft_group_close(worker_options.group));
    check_ok(weft_group_close(NULL));
    weft_error error;
    unsigned opened = 0;
    while (!(error = weft_group_open(node, NULL, &group)))
        opened++;
    check_eq(error, WEFT_ELIMIT);
    check_true(opened >= 60);
    close_node(stranger);
    close_node(node); /* closes those that are left */
}

/* --- how many at a time ----------------------------------------------------------------------- */

static void a_group_runs_as_many_as_it_has_threads(void **state)
{
    (void)state;
    weft_node *node = open_node();
    weft_group *group = open_group(node, 2, 2);
    struct stop stop = {.began.count = 0};
    weft_completions *completions;
    weft_channel_info info;
    register_on(node, group, CHANNEL, halt, &stop, 0);
    check_ok(weft_completions_open(node, 8, &completions));
    for (uint64_t i = 0; i < 5; i++)
        submit(completions, CHANNEL, "1", i);
    event_await(&stop.began, 2);
    check_ok(weft_channel_info_get(node, CHANNEL, &info));
    check_eq(info.in_flight, dialled() ? 5 : 2); /* at the node: what waits at a client for a thread is its worker's */
    check_eq(info.queued, dialled() ? 0 : 3);
    check_eq(stop.began.count, 2);
    event_give(&stop.go_on);
    for (uint64_t i = 0; i < 5; i++) {
        weft_reply reply = next_reply(completions);
        check_reply_text(&reply, "1");
    }
    check_ok(weft_completions_close(completions));
    check_ok(weft_node_close(node, 10000));
}

struct host {
    weft_group *group;
    uint32_t timeout_ms;
    weft_error error;
    pthread_t thread;
};

static void *lend(void *argument)
{
    struct host *host = argument;
    host->error = weft_group_run(host->group, host->timeout_ms);
    return NULL;
}

static void the_hosts_threads_count(void **state)
{
    (void)state;
    weft_node *node = open_node();
    weft_group *group = open_group(node, 0, 0);
    struct stop stop = {.began.count = 0};
    struct host hosts[2] = {{group, WEFT_FOREVER, WEFT_OK, 0}, {group, WEFT_FOREVER, WEFT_OK, 0}};
    weft_completions *completions;
    weft_worker *worker = register_on(node, group, CHANNEL, halt, &stop, 0);
    check_ok(weft_completions_open(node, 8, &completions));
    for (uint64_t i = 0; i < 3; i++)
        submit(completions, CHANNEL, "1", i);
    check_ok(weft_group_run(group, 0)); /* no time: runs nothing */
    weft_channel_info info;
    check_ok(weft_channel_info_get(node, CHANNEL, &info));
    check_eq(info.in_flight, dialled() ? 3 : 0);
    check_eq(stop.began.count, 0);
    for (int i = 0; i < 2; i++)
        hosts[i].thread = start(lend, &hosts[i]);
    event_await(&stop.began, 2);
    check_err(weft_group_close(group), WEFT_EBUSY);
    event_give(&stop.go_on);
    for (int i = 0; i < 3; i++) {
        weft_reply reply = next_reply(completions);
        check_reply_text(&reply, "1");
    }
    check_ok(weft_worker_unregister(worker));
    check_err(weft_group_close(group), WEFT_EBUSY); /* they are inside */
    check_true(strstr(weft_error_message(), "lent") != NULL);
    check_ok(weft_completions_close(completions));
    check_ok(weft_node_close(node, 10000)); /* ends them */
    for (int i = 0; i < 2; i++) {
        join(hosts[i].thread);
        check_eq(hosts[i].error, WEFT_ECLOSED);
    }
}

static void a_lent_thread_that_leaves_loses_no_task(void **state)
{
    (void)state;
    enum { TOTAL = 300 };
    weft_node *node = open_node();
    weft_group *group = open_group(node, 1, 1);
    weft_completions *completions;
    register_on(node, group, CHANNEL, echo, NULL, 0);
    check_ok(weft_completions_open(node, TOTAL, &completions));
    for (uint64_t i = 0; i < TOTAL; i++) {
        struct host host = {group, (uint32_t)(i % 2), WEFT_EINVAL, 0};
        host.thread = start(lend, &host);
        submit(completions, CHANNEL, "1", i);
        weft_reply reply = next_reply(completions);
        check_reply_text(&reply, "1");
        join(host.thread);
        check_eq(host.error, WEFT_OK);
    }
    check_ok(weft_completions_close(completions));
    check_ok(weft_node_close(node, 10000));
}

/* --- batches ---------------------------------------------------------------------------------- */

static bool is_quick(weft_group *group)
{
    (void)weft__enter(group->node);
    bool quick = group->ahead > 1;
    weft__leave(group->node);
    return quick;
}

/* Quick tasks until the group takes several at a time. A preempted handler is a slow one: it may take some rounds. */
static void warm_up(weft_node *node, weft_group *group)
{
    while (!is_quick(group)) {
        weft_reply reply = dispatch(node, CHANNEL, "quick");
        weft_reply_release(&reply);
    }
}

struct batch_watch {
    weft_node *node;
    struct event slow_began, go_on;
    pthread_t slow_thread;
    _Atomic pthread_t after_thread; /* of one of those after it */
    bool blocks_in_weft;
    uint64_t late_ns; /* the slow one is entered so much later than its batch was taken */
    unsigned batch_size;
};

/* "slow" waits, or blocks in a call; all others are quick. */
static void quick_or_slow(weft_task *task, void *context)
{
    struct batch_watch *watch = context;
    weft_bytes payload = weft_task_payload(task);
    if (*(const char *)payload.data == 's') {
        struct batch *batch = weft__scope->batch;
        weft__lock(&batch->lock); /* the guard may be at it */
        watch->batch_size = batch->direct ? 1 : batch->count;
        batch->begun_ns += watch->late_ns;
        weft__unlock(&batch->lock);
        watch->slow_thread = pthread_self();
        event_give(&watch->slow_began);
        if (watch->blocks_in_weft) {
            weft_reply reply;
            thread_check_ok(weft_dispatch(watch->node, OTHER, payload, NULL, &reply));
            weft_reply_release(&reply);
        } else {
            event_await(&watch->go_on, 1);
        }
    } else if (*(const char *)payload.data == 'a') {
        atomic_store(&watch->after_thread, pthread_self());
    }
    thread_check_ok(weft_task_complete(task, payload));
}

/* Ten tasks handed out in one entry, the fifth slow: the nine others end while it hangs. How often they stood in one
 * batch is the machine's to say; once is enough to know that the guard works. */
static bool ten_with_a_slow_one(bool blocks_in_weft, uint64_t late_ns)
{
    weft_node *node = open_node();
    struct batch_watch watch = {.node = node, .blocks_in_weft = blocks_in_weft, .late_ns = late_ns};
    weft_group *group = open_group(node, 2, 3);
    weft_completions *completions;
    struct stop stop = {.began.count = 0};
    check_ok(weft_channel_declare(node, OTHER, NULL));
    register_worker(node, OTHER, halt, &stop);
    register_on(node, group, CHANNEL, quick_or_slow, &watch, 0);
    check_ok(weft_completions_open(node, 16, &completions));
    warm_up(node, group);
    check_ok(weft_channel_pause(node, CHANNEL));
    for (uint64_t i = 0; i < 10; i++)
        submit(completions, CHANNEL, i == 4 ? "slow" : i < 4 ? "before" : "after", i);
    check_ok(weft_channel_resume(node, CHANNEL));
    event_await(&watch.slow_began, 1);
    uint64_t seen = 0;
    for (int i = 0; i < 9; i++) {
        weft_reply reply = next_reply(completions);
        check_true(reply.token != 4);
        check_eq(reply.attempts, 1);
        seen |= UINT64_C(1) << reply.token;
        weft_reply_release(&reply);
    }
    check_eq(seen, 0x3ef);
    check_true(!pthread_equal(watch.slow_thread, atomic_load(&watch.after_thread)));
    event_give(&watch.go_on);
    event_give(&stop.go_on);
    weft_reply reply = next_reply(completions);
    check_eq(reply.token, 4);
    check_reply_text(&reply, "slow");
    check_ok(weft_completions_close(completions));
    check_ok(weft_node_close(node, 10000));
    return watch.batch_size > 1;
}

static void a_slow_handler_holds_up_no_strangers(void **state)
{
    (void)state;
    while (!ten_with_a_slow_one(false, 0)) {
    }
}

/* A busy machine may leave a thread standing for long between taking its batch and entering a handler. */
static void nor_where_its_thread_stood_still_before(void **state)
{
    (void)state;
    while (!ten_with_a_slow_one(false, 50 * NS_PER_MS)) {
    }
}

static void nor_does_one_that_blocks_in_weft(void **state)
{
    (void)state;
    while (!ten_with_a_slow_one(true, 0)) {
    }
}

/* In a batch, too, each ends as it says; what was cancelled before its turn is not run. */
static void mixed(weft_task *task, void *context)
{
    atomic_uint *runs = context;
    weft_bytes payload = weft_task_payload(task);
    atomic_fetch_add(runs, 1);
    switch (*(const char *)payload.data) {
    case 'c': thread_check_ok(weft_task_complete(task, payload)); break;
    case 'f': thread_check_ok(weft_task_fail(task, "f", "f")); break;
    case 'd': thread_check_ok(weft_task_abandon(task)); break;
    case 'k':
        thread_check_ok(weft_task_keep(task));
        thread_check_ok(weft_task_complete(task, payload));
        return;
    default: return;
    }
    thread_check_err(weft_task_complete(task, payload), WEFT_EINVAL);
}

static void each_of_a_batch_ends_as_it_says(void **state)
{
    (void)state;
    static const char *const texts[] = {"c", "f", "d", "k", "nothing"};
    static const weft_outcome outcomes[] = {WEFT_COMPLETED, WEFT_FAILED, WEFT_WORKER_DIED, WEFT_COMPLETED, WEFT_FAILED};
    weft_node *node = open_node();
    weft_group *group = open_group(node, 1, 1);
    weft_completions *completions;
    atomic_uint runs = 0;
    register_on(node, group, CHANNEL, mixed, &runs, 0);
    check_ok(weft_completions_open(node, 64, &completions));
    for (unsigned round = 1; round <= 200; round++) {
        check_ok(weft_channel_pause(node, CHANNEL));
        for (uint64_t i = 0; i < 20; i++)
            submit(completions, CHANNEL, texts[i % 5], i);
        check_ok(weft_channel_resume(node, CHANNEL));
        for (uint64_t i = 0; i < 20; i++) {
            weft_reply reply = next_reply(completions);
            check_str(weft_outcome_name(reply.outcome), weft_outcome_name(outcomes[reply.token % 5]));
            weft_reply_release(&reply);
        }
        check_eq(atomic_load(&runs), round * 20);
    }
    weft_node_stats stats;
    check_ok(weft_node_stats_get(node, &stats));
    check_eq(stats.dispatched, 4000);
    check_eq(stats.completed, 1600);
    check_ok(weft_completions_close(completions));
    check_ok(weft_node_close(node, 10000));
}

/* --- lending ---------------------------------------------------------------------------------- */

/* Dispatches to its own channel, one level deeper, until that is a deadlock. */
struct ladder {
    weft_node *node;
    atomic_uint levels, deadlocks;
};

static void climb(weft_task *task, void *context)
{
    struct ladder *ladder = context;
    weft_reply reply;
    atomic_fetch_add(&ladder->levels, 1);
    weft_error error = weft_dispatch(ladder->node, CHANNEL, WEFT_TEXT("1"), NULL, &reply);
    if (error == WEFT_EDEADLK) {
        thread_check_true(strstr(weft_error_message(), "no thread") != NULL);
        atomic_fetch_add(&ladder->deadlocks, 1);
    } else {
        thread_check_ok(error);
        thread_check_eq(reply.outcome, WEFT_COMPLETED);
        weft_reply_release(&reply);
    }
    thread_check_ok(weft_task_complete(task, (weft_bytes){0}));
}

static void a_blocked_handler_is_replaced_up_to_threads_max(void **state)
{
    (void)state;
    weft_node *node = open_node();
    struct ladder ladder = {.node = node};
    weft_group *group = open_group(node, 1, 5);
    register_on(node, group, CHANNEL, climb, &ladder, 0);
    unsigned threads_before = own_count("task");
    for (unsigned i = 1; i <= 20; i++) {
        weft_reply reply = dispatch(node, CHANNEL, "1");
        check_reply_text(&reply, "");
        check_eq(atomic_load(&ladder.levels), 5 * i); /* five threads: four block, the fifth is told */
        check_eq(atomic_load(&ladder.deadlocks), i);
    }
    check_true(own_count("task") <= threads_before + 4); /* the substitutes are kept */
    check_ok(weft_node_close(node, 10000));
}

/* Two nodes whose handlers call each other's: each lends in its own group. */
struct neighbours {
    weft_node *nodes[2];
};

static void bounce(weft_task *task, void *context)
{
    struct neighbours *neighbours = context;
    weft_bytes payload = weft_task_payload(task);
    char left = *(const char *)payload.data;
    if (left > '0') {
        char text[2] = {(char)(left - 1), 0};
        weft_reply reply;
        thread_check_ok(weft_dispatch(neighbours->nodes[left % 2], CHANNEL, weft_text(text), NULL, &reply));
        thread_check_eq(reply.outcome, WEFT_COMPLETED);
        weft_reply_release(&reply);
    }
    thread_check_ok(weft_task_complete(task, payload));
}

static void handlers_of_two_nodes_may_call_each_other(void **state)
{
    (void)state;
    struct neighbours neighbours = {{open_node(), open_node()}};
    for (int i = 0; i < 2; i++)
        register_on(neighbours.nodes[i], open_group(neighbours.nodes[i], 1, 8), CHANNEL, bounce, &neighbours, 0);
    for (int i = 0; i < 200; i++) {
        weft_reply reply = dispatch(neighbours.nodes[i % 2], CHANNEL, "7");
        check_reply_text(&reply, "7");
    }
    for (int i = 0; i < 2; i++)
        check_ok(weft_node_close(neighbours.nodes[i], 10000));
}

struct sub {
    weft_node *node;
    weft_error run, close, group_close;
    weft_group *group;
};

static void forbidden(weft_task *task, void *context)
{
    struct sub *sub = context;
    sub->run = weft_group_run(sub->group, 0);
    sub->group_close = weft_group_close(sub->group);
    sub->close = weft_node_close(sub->node, 0);
    thread_check_err(weft_channel_drain(sub->node, CHANNEL, WEFT_FOREVER), WEFT_EDEADLK);
    thread_check_ok(weft_task_complete(task, (weft_bytes){0}));
}

static void a_handler_may_not_wait_for_itself(void **state)
{
    (void)state;
    weft_node *node = open_node();
    struct sub sub = {.node = node, .group = open_group(node, 1, 1)};
    register_on(node, sub.group, CHANNEL, forbidden, &sub, 0);
    weft_reply reply = dispatch(node, CHANNEL, "1");
    check_reply_text(&reply, "");
    check_eq(sub.run, WEFT_EDEADLK);
    check_eq(sub.group_close, WEFT_EDEADLK);
    check_eq(sub.close, WEFT_EDEADLK);
    check_ok(weft_node_close(node, 10000));
}

/* A handler that fetches from a queue of its own: its thread is replaced, too. */
static void fan_out(weft_task *task, void *context)
{
    weft_node *node = context;
    weft_completions *completions;
    thread_check_ok(weft_completions_open(node, 8, &completions));
    for (uint64_t i = 0; i < 8; i++)
        thread_check_ok(weft_dispatch_submit(completions, OTHER, WEFT_TEXT("1"), NULL, i, NULL));
    for (size_t got = 0, count; got < 8; got += count) {
        weft_reply replies[8];
        thread_check_ok(weft_completions_next(completions, WEFT_FOREVER, replies, 8, &count));
        for (size_t i = 0; i < count; i++)
            weft_reply_release(&replies[i]);
    }
    thread_check_ok(weft_completions_close(completions));
    thread_check_ok(weft_task_complete(task, (weft_bytes){0}));
}

static void a_handler_may_fetch_from_its_own_group(void **state)
{
    (void)state;
    weft_node *node = open_node();
    weft_group *group = open_group(node, 1, 2);
    check_ok(weft_channel_declare(node, OTHER, NULL));
    register_on(node, group, CHANNEL, fan_out, node, 0);
    register_on(node, group, OTHER, echo, NULL, 0);
    for (int i = 0; i < 50; i++) {
        weft_reply reply = dispatch(node, CHANNEL, "1");
        check_reply_text(&reply, "");
    }
    check_ok(weft_node_close(node, 10000));
}

/* --- inline ----------------------------------------------------------------------------------- */

struct line {
    weft_node *node;
    pthread_t thread;
    unsigned depth, deepest, runs, more;
    weft_error sync;
};

static void in_line(weft_task *task, void *context)
{
    struct line *line = context;
    weft_reply reply;
    line->thread = pthread_self();
    line->runs++;
    if (++line->depth > line->deepest) line->deepest = line->depth;
    line->sync = weft_dispatch(line->node, CHANNEL, WEFT_TEXT("1"), NULL, &reply);
    if (line->more-- > 0) {
        thread_check_ok(weft_dispatch_async(line->node, CHANNEL, WEFT_TEXT("1"), NULL, NULL, NULL, 0, NULL));
        thread_check_ok(weft_task_complete(task, weft_task_payload(task)));
    } else {
        line->more = 0;
        thread_check_ok(weft_task_complete(task, weft_task_payload(task)));
    }
    line->depth--;
}

static void an_inline_handler_runs_in_the_callers_thread(void **state)
{
    (void)state;
    not_dialled("inline handlers run on the default group of a client node");
    weft_node *node = open_node();
    struct line line = {.node = node};
    weft_completions *completions;
    register_on(node, NULL, CHANNEL, in_line, &line, WEFT_INLINE);
    weft_reply reply = dispatch(node, CHANNEL, "1");
    check_reply_text(&reply, "1");
    check_true(pthread_equal(line.thread, pthread_self()));
    check_eq(line.sync, WEFT_EDEADLK);
    check_ok(weft_completions_open(node, 8, &completions));
    submit(completions, CHANNEL, "2", 0);
    check_eq(line.runs, 2); /* inside the call */
    size_t count;
    check_ok(weft_completions_next(completions, soon(), &reply, 1, &count));
    check_reply_text(&reply, "2");
    line.more = 1000; /* each dispatches the next: they do not pile up */
    submit(completions, CHANNEL, "3", 0);
    check_eq(line.runs, 1003);
    check_eq(line.deepest, 1);
    check_ok(weft_completions_close(completions));
    check_ok(weft_node_close(node, 10000));
}

/* The link's thread brings the re-dispatch; no handler runs there. */
static void note_thread(weft_task *task, void *context)
{
    char *name = context;
    for (int i = 0; i < 20000 && strncmp(name, "weft", 4) != 0; i++) {
        pthread_getname_np(pthread_self(), name, 16);
        usleep(1000); /* who starts a thread names it, a moment later */
    }
    thread_check_ok(weft_task_complete(task, (weft_bytes){0}));
}

static void *die_with_a_task(void *node)
{
    static char name[16];
    weft_worker_options options = WEFT_WORKER_OPTIONS;
    weft_worker *worker;
    weft_task *task;
    options.flags = WEFT_OWNER_THREAD;
    thread_check_ok(weft_worker_register(node, CHANNEL, NULL, NULL, &options, &worker));
    thread_check_ok(weft_worker_next(worker, WEFT_FOREVER, &task));
    options.flags = WEFT_INLINE;
    options.name = "inline";
    thread_check_ok(weft_worker_register(node, CHANNEL, note_thread, name, &options, &worker));
    return name;
}

static void a_redispatch_of_an_inline_worker_runs_on_the_default_group(void **state)
{
    (void)state;
    weft_node *node;
    weft_channel_options options = WEFT_CHANNEL_OPTIONS;
    weft_completions *completions;
    void *name;
    options.on_crash = WEFT_CRASH_REDISPATCH;
    check_ok(weft_node_open(NULL, &node));
    check_ok(weft_channel_declare(node, CHANNEL, &options));
    check_ok(weft_completions_open(node, 1, &completions));
    submit(completions, CHANNEL, "1", 0);
    pthread_t thread = start(die_with_a_task, node);
    check_eq(pthread_join(thread, &name), 0);
    weft_reply reply = next_reply(completions);
    check_str(reply.worker, "inline");
    check_eq(reply.attempts, 2);
    check_reply_text(&reply, "");
    check_str(name, "weft-default");
    check_ok(weft_completions_close(completions));
    check_ok(weft_node_close(node, 10000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_with_the_reason),
        cmocka_unit_test(a_group_runs_as_many_as_it_has_threads),
        cmocka_unit_test(the_hosts_threads_count),
        cmocka_unit_test(a_lent_thread_that_leaves_loses_no_task),
        cmocka_unit_test(a_slow_handler_holds_up_no_strangers),
        cmocka_unit_test(nor_where_its_thread_stood_still_before),
        cmocka_unit_test(nor_does_one_that_blocks_in_weft),
        cmocka_unit_test(each_of_a_batch_ends_as_it_says),
        cmocka_unit_test(a_blocked_handler_is_replaced_up_to_threads_max),
        cmocka_unit_test(handlers_of_two_nodes_may_call_each_other),
        cmocka_unit_test(a_handler_may_not_wait_for_itself),
        cmocka_unit_test(a_handler_may_fetch_from_its_own_group),
        cmocka_unit_test(an_inline_handler_runs_in_the_callers_thread),
        cmocka_unit_test(a_redispatch_of_an_inline_worker_runs_on_the_default_group),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
