/* What a client node has for the other node leaves, over each transport:
 *   - the first after a pause at once, in the call that gave it; what comes behind it soon, though nobody waits or calls
 *   - more than is to gather at once, too, and all before a thread waits
 *   - results that another thread gives of kept tasks as well */
#include "e2e/wire_lib.h"

#include "base/clock.h"
#include "exec/node.h"

enum { BURSTS = 150, BURST_MAX = 20 };

/* Handlers of the node that was dialled: how many have been entered. */
static struct event handled;

static void count_and_echo(weft_task *task, void *context)
{
    (void)context;
    thread_check_ok(weft_task_complete(task, weft_task_payload(task)));
    event_give(&handled);
}

struct stage {
    struct site site;
    weft_node *client;
    weft_completions *completions;
    int fd;
    uint64_t sent, done;
};

static void open_stage(struct stage *stage, void *way)
{
    weft_worker *worker;
    memset(stage, 0, sizeof *stage);
    memset(&handled, 0, sizeof handled);
    open_site(&stage->site, way, NULL);
    check_ok(weft_worker_register(stage->site.node, CHANNEL, count_and_echo, NULL, NULL, &worker));
    stage->client = dial_named(stage->site.url, NULL);
    check_ok(weft_completions_open(stage->client, 4096, &stage->completions));
    check_ok(weft_completions_fd(stage->completions, &stage->fd));
}

static void close_stage(struct stage *stage)
{
    check_eq(stage->done, stage->sent);
    check_ok(weft_completions_close(stage->completions));
    close_all_of(stage->client);
    close_all_of(stage->site.node);
}

static void submit_some(struct stage *stage, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        submit(stage->completions, CHANNEL, "1", stage->sent++);
}

/* Takes what has ended, told by the eventfd alone. */
static void await_ends(struct stage *stage)
{
    while (stage->done < stage->sent) {
        struct pollfd polled = {.fd = stage->fd, .events = POLLIN};
        check_eq(poll(&polled, 1, -1), 1);
        uint64_t counter;
        check_eq(read(stage->fd, &counter, sizeof counter), sizeof counter);
        weft_reply replies[16];
        size_t count;
        while (!weft_completions_next(stage->completions, 0, replies, 16, &count))
            for (size_t i = 0; i < count; i++, stage->done++)
                weft_reply_release(&replies[i]);
    }
}

/* Nothing stands there, who takes it rests, and the time to gather is over. */
static bool paused(weft_node *client)
{
    uint64_t now_ns = weft__enter(client);
    struct core_dest *dest = client->gathers;
    bool paused = !dest->items_count && !list_empty(&dest->waiters) && now_ns > dest->gathers_until_ns;
    weft__leave_bare(client);
    return paused;
}

/* Something stands there, and who takes it was not woken. */
static bool stays(weft_node *client)
{
    (void)weft__enter(client);
    bool stays = client->gathers->items_count && !list_empty(&client->gathers->waiters);
    weft__leave_bare(client);
    return stays;
}

static void the_first_after_a_pause_leaves_in_its_call(void **state)
{
    struct stage stage;
    open_stage(&stage, *state);
    for (int i = 0; i < 50; i++) {
        await_true(paused(stage.client));
        submit_some(&stage, 1);
        check_true(!stays(stage.client));
        event_await(&handled, (unsigned)stage.sent);
    }
    await_ends(&stage);
    close_stage(&stage);
}

/* Each burst falls into the time to gather after the one before. Its thread calls nothing of the library until it has come. */
static void what_comes_behind_leaves_by_itself(void **state)
{
    struct stage stage;
    unsigned seed = 3;
    open_stage(&stage, *state);
    uint64_t since_ms = now_ms();
    for (int i = 0; i < BURSTS; i++) {
        submit_some(&stage, 1 + roll(&seed, BURST_MAX));
        event_await(&handled, (unsigned)stage.sent);
    }
    check_true(now_ms() - since_ms < 20000); /* by itself, and not with a beat of the connection */
    await_ends(&stage);
    close_stage(&stage);
}

static void an_eventfd_tells_of_all_that_was_submitted(void **state)
{
    struct stage stage;
    unsigned seed = 4;
    open_stage(&stage, *state);
    uint64_t since_ms = now_ms();
    for (int i = 0; i < BURSTS; i++) {
        submit_some(&stage, 1 + roll(&seed, BURST_MAX));
        await_ends(&stage);
    }
    check_true(now_ms() - since_ms < 20000);
    close_stage(&stage);
}

static void many_leave_while_more_are_submitted(void **state)
{
    struct stage stage;
    open_stage(&stage, *state);
    submit_some(&stage, 10 * GATHERED_MAX);
    await_ends(&stage);
    close_stage(&stage);
}

/* --- results of kept tasks -------------------------------------------------------------------- */

/* Tasks that the client's worker has kept. */
static struct {
    pthread_mutex_t mutex;
    weft_task *tasks[BURST_MAX];
    unsigned count;
    struct event came;
} kept = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void keep(weft_task *task, void *context)
{
    (void)context;
    thread_check_ok(weft_task_keep(task));
    pthread_mutex_lock(&kept.mutex);
    thread_check_true(kept.count < BURST_MAX);
    kept.tasks[kept.count++] = task;
    pthread_mutex_unlock(&kept.mutex);
    event_give(&kept.came);
}

static void results_of_kept_tasks_leave_by_themselves(void **state)
{
    struct site site;
    weft_completions *completions;
    unsigned sent = 0;
    open_site(&site, *state, NULL);
    memset(&kept.came, 0, sizeof kept.came);
    weft_node *client = dial_named(site.url, NULL);
    weft_worker *worker = register_named(client, "keeper", BURST_MAX, keep, NULL);
    check_ok(weft_completions_open(site.node, BURST_MAX, &completions));
    uint64_t since_ms = now_ms();
    for (unsigned i = 0, seed = 7; i < BURSTS; i++) {
        unsigned count = 1 + roll(&seed, BURST_MAX - 1);
        for (unsigned j = 0; j < count; j++, sent++)
            submit(completions, CHANNEL, "1", sent);
        event_await(&kept.came, sent);
        for (unsigned j = 0; j < count; j++)
            check_ok(weft_task_complete(kept.tasks[j], WEFT_TEXT("2")));
        kept.count = 0;
        for (unsigned j = 0; j < count; j++) { /* waits at the other node */
            weft_reply reply = next_reply(completions);
            check_reply_text(&reply, "2");
        }
    }
    check_true(now_ms() - since_ms < 20000);
    check_ok(weft_completions_close(completions));
    check_ok(weft_worker_unregister(worker));
    close_all_of(client);
    close_all_of(site.node);
}

int main(void)
{
    scratch_make();
    const struct CMUnitTest tests[] = {
        OVER_EACH(the_first_after_a_pause_leaves_in_its_call), OVER_EACH(what_comes_behind_leaves_by_itself),
        OVER_EACH(an_eventfd_tells_of_all_that_was_submitted), OVER_EACH(many_leave_while_more_are_submitted),
        OVER_EACH(results_of_kept_tasks_leave_by_themselves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
