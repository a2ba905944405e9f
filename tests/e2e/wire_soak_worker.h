/* wire_soak_worker.h: a process of workers, which does what tasks ask of it until it is told to end or killed: handlers on all
 * channels, a thread that pulls, one whose workers come and go, and subscribers that are quick, slow or stuck. */
#ifndef WEFT_TESTS_E2E_WIRE_SOAK_WORKER_H
#define WEFT_TESTS_E2E_WIRE_SOAK_WORKER_H

#include "e2e/wire_soak.h"

static struct {
    weft_node *node;
    weft_worker *workers[CHANNELS + 1];
    atomic_bool stop;
    pthread_mutex_t mutex; /* guards kept */
    weft_task *kept[64];
    unsigned kept_count;
} crew = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void say_parts(weft_task *task)
{
    (void)weft_task_progress(task, WEFT_TEXT("some"));
    for (int i = 0; i < 3; i++)
        if (weft_task_partial(task, WEFT_TEXT("a part of the result"), 200)) return;
}

static void cancel_is_seen(weft_task *task, void *context)
{
    (void)task;
    (void)context;
}

/* Another thread answers it later. */
static bool keep_for_later(weft_task *task)
{
    pthread_mutex_lock(&crew.mutex);
    bool fits = crew.kept_count < sizeof crew.kept / sizeof *crew.kept && weft_task_keep(task) == WEFT_OK;
    if (fits) crew.kept[crew.kept_count++] = task;
    pthread_mutex_unlock(&crew.mutex);
    return fits;
}

static void await_cancel(weft_task *task)
{
    (void)weft_task_on_cancel(task, cancel_is_seen, NULL);
    for (int i = 0; i < 20 && !weft_task_cancelled(task); i++)
        usleep(1000); /* its work */
}

/* What is left to do when the deed is done. */
static void answer(weft_task *task)
{
    if (weft_task_cancelled(task))
        (void)weft_task_acknowledge_cancel(task);
    else
        (void)weft_task_complete(task, weft_task_payload(task));
}

/* callback: it is called by a group's thread, and may keep the task, or settle nothing. */
static void do_deed(weft_task *task, bool callback)
{
    struct deed deed;
    weft_bytes payload = weft_task_payload(task);
    memcpy(&deed, payload.data, HEAD_BYTES);
    if (deed.slot < LEDGER_SLOTS) ledger[deed.slot]++;
    if (weft_task_streams(task)) say_parts(task);
    switch (deed.what) {
    case 0: (void)weft_task_fail(task, "unlucky", "it rolled a zero"); return;
    case 1: (void)weft_task_abandon(task); return;
    case 2: (void)weft_task_heartbeat(task); break;
    case 3:
        if (callback) return; /* settles nothing: it has failed */
        break;
    case 4: await_cancel(task); break;
    case 5:
        if (callback && keep_for_later(task)) return;
        break;
    case 6: usleep(2000); break;
    case 7:
        answer(task);
        if (callback) usleep(1000); /* its handler runs on */
        return;
    default: break;
    }
    answer(task);
}

static void handle(weft_task *task, void *context)
{
    (void)context;
    do_deed(task, true);
}

static void *answer_kept(void *argument)
{
    (void)argument;
    for (bool over = false; !over;) {
        over = crew.stop;
        for (;;) {
            pthread_mutex_lock(&crew.mutex);
            weft_task *task = crew.kept_count ? crew.kept[--crew.kept_count] : NULL;
            pthread_mutex_unlock(&crew.mutex);
            if (!task) break;
            answer(task);
        }
        usleep(500);
    }
    return NULL;
}

static weft_worker *hire(const char *channel, weft_handler handler, uint32_t max_concurrent)
{
    weft_worker_options options = WEFT_WORKER_OPTIONS;
    weft_worker *worker = NULL;
    options.max_concurrent = max_concurrent;
    weft_error error = weft_worker_register(crew.node, channel, handler, NULL, &options, &worker);
    thread_check_true(!error || error == WEFT_ELOST); /* the node is away just now */
    return error ? NULL : worker;
}

/* A batch at a time, each answered behind the next. */
static void *pull(void *argument)
{
    (void)argument;
    while (!crew.stop) {
        weft_worker *worker = hire(pulled, NULL, 8);
        weft_task *tasks[8], *task;
        weft_error error = WEFT_OK;
        for (int batch = 0; worker && batch < 100 && !crew.stop && !error; batch++) {
            int count = 0;
            while (count < 8 && !(error = weft_worker_next(worker, count ? 0 : 20, &task)))
                tasks[count++] = task;
            thread_check_true(!error || error == WEFT_EAGAIN || error == WEFT_ETIMEDOUT || error == WEFT_ECLOSED);
            while (count > 0)
                do_deed(tasks[--count], false);
            if (error != WEFT_ECLOSED) error = WEFT_OK;
        }
        thread_check_ok(weft_worker_unregister(worker));
    }
    return NULL;
}

static void *come_and_go(void *argument)
{
    unsigned state = (unsigned)getpid() + (unsigned)(uintptr_t)argument;
    while (!crew.stop) {
        weft_worker *worker = hire(channels[roll(&state, CHANNELS)], handle, 1 + roll(&state, 3));
        usleep(roll(&state, 3000)); /* its life */
        if (worker && roll(&state, 2)) (void)weft_worker_drain(worker, 50);
        thread_check_ok(weft_worker_unregister(worker));
    }
    return NULL;
}

/* --- subscribers ---------------------------------------------------------------------------------- */

static void hear_event(const weft_event *event, void *context)
{
    (void)context;
    thread_check_true(event->payload.size > 0);
}

static weft_subscription *listen_to(const char *pattern, void (*heard)(const weft_event *event, void *context),
                                    weft_slow slow, uint32_t items_max)
{
    weft_subscribe_options options = WEFT_SUBSCRIBE_OPTIONS;
    weft_subscription *subscription = NULL;
    options.slow = slow;
    options.items_max = items_max;
    options.stall_ms = 20;
    weft_error error = weft_subscribe(crew.node, pattern, heard, NULL, &options, &subscription);
    thread_check_true(!error || error == WEFT_ELOST);
    return error ? NULL : subscription;
}

/* Of one channel: they come in order, and who has missed some is told how many. A new session counts anew. */
static void *listen_slowly(void *argument)
{
    unsigned state = (unsigned)getpid();
    (void)argument;
    while (!crew.stop) {
        weft_subscription *ears[] = {listen_to(news, hear_event, WEFT_DROP_NEWEST, 64),
                                     listen_to("event.*.*", hear_event, WEFT_DROP_OLDEST, 16),
                                     listen_to(news, NULL, WEFT_DISCONNECT, 8) /* stuck */};
        weft_subscription *slow = listen_to(news, NULL, WEFT_DROP_OLDEST, 8);
        for (int i = 0; slow && i < 100 && !crew.stop; i++) {
            weft_event event;
            size_t count;
            weft_error error = weft_subscription_next(slow, 20, &event, 1, &count);
            if (error == WEFT_ECLOSED || error == WEFT_EDEAD) break;
            if (!error) weft_event_release(&event);
            usleep(roll(&state, 500)); /* it is slow */
        }
        thread_check_ok(weft_unsubscribe(slow));
        for (size_t i = 0; i < sizeof ears / sizeof *ears; i++)
            thread_check_ok(weft_unsubscribe(ears[i]));
    }
    return NULL;
}

/* worker URLS LEDGER */
static int play_worker(char **arguments)
{
    void *(*const mains[])(void *) = {answer_kept, pull, come_and_go, listen_slowly};
    enum { THREADS = sizeof mains / sizeof *mains };
    pthread_t threads[THREADS];
    char line[64];
    open_ledger(arguments[1]);
    crew.node = dial_counted(arguments[0]);
    for (int i = 0; i < CHANNELS; i++)
        crew.workers[i] = hire(channels[i], handle, 4);
    crew.workers[CHANNELS] = hire(keyed, handle, 4);
    for (int i = 0; i < THREADS; i++)
        threads[i] = start(mains[i], NULL);
    say("ready");
    while (hear(line, sizeof line) && strcmp(line, "end"))
        ;
    crew.stop = true;
    for (int i = 1; i < THREADS; i++)
        join(threads[i]);
    for (int i = 0; i <= CHANNELS; i++)
        thread_check_ok(weft_worker_unregister(crew.workers[i]));
    join(threads[0]);
    close_counted(crew.node);
    say("closed");
    return 0;
}

#endif
