/* The public interface of what a task says before its outcome. Promises:
 *   - weft_dispatch tells it in the thread that waits, weft_dispatch_async on the callback thread,
 *     weft_completions_next in the thread that fetches; parts in order, of progress the last word, all of it before the
 *     outcome
 *   - beyond the window a task is refused, or waits: for room, for its time, or until nobody waits for it any more
 *   - it waits neither in an inline handler nor in a callback; in a handler it lends its thread
 *   - a killed process's task is run again: its caller is told that it restarts, and hears nothing of the old one after
 *     that
 *   - `updated` may cancel its dispatch, and dispatch; what would wait for itself is refused
 *   - each error code of the headers comes when its reason is there
 *   - thousands of parts from many tasks to many callers: none is lost, none comes twice, none out of order */
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include "e2e/api_lib.h"

/* What a caller has heard, as text: "1 a 2 b ~half *2" for parts, progress and a restart (with its attempt). */
struct ear {
    pthread_mutex_t mutex;
    struct event heard;
    char text[512];
    pthread_t thread; /* of the last call */
    weft_dispatch_id id;
    uint64_t token;
    struct event *wait_for; /* before it returns */
    void (*then)(struct ear *ear, const weft_update *update);
    void *what;
};

static void listen_in(const weft_update *update, void *context)
{
    struct ear *ear = context;
    char word[64];
    int size = (int)update->payload.size;
    const char *text = update->payload.data;
    if (update->kind == WEFT_UPDATE_PARTIAL)
        snprintf(word, sizeof word, "%s%llu:%.*s", *ear->text ? " " : "", (unsigned long long)update->number, size,
                 text);
    else if (update->kind == WEFT_UPDATE_PROGRESS)
        snprintf(word, sizeof word, "%s~%.*s", *ear->text ? " " : "", size, text);
    else
        snprintf(word, sizeof word, "%s*%u", *ear->text ? " " : "", update->attempt);
    pthread_mutex_lock(&ear->mutex);
    strncat(ear->text, word, sizeof ear->text - strlen(ear->text) - 1);
    ear->thread = pthread_self();
    ear->id = update->id;
    ear->token = update->token;
    pthread_mutex_unlock(&ear->mutex);
    event_give(&ear->heard);
    if (ear->wait_for) event_await(ear->wait_for, 1);
    if (ear->then) ear->then(ear, update);
}

static weft_dispatch_options hearing(struct ear *ear, uint32_t window)
{
    weft_dispatch_options options = WEFT_DISPATCH_OPTIONS;
    pthread_mutex_init(&ear->mutex, NULL);
    options.updated = listen_in;
    options.updated_context = ear;
    options.window = window;
    return options;
}

static weft_bytes part_text(unsigned number)
{
    static _Thread_local char text[16];
    snprintf(text, sizeof text, "%c", (char)('a' + number % 26));
    return weft_text(text);
}

/* A handler: says so many parts, waiting for its caller; completes. */
static void speak_parts(weft_task *task, void *context)
{
    unsigned parts = *(unsigned *)context;
    for (unsigned i = 0; i < parts; i++)
        thread_check_ok(weft_task_partial(task, part_text(i), WEFT_FOREVER));
    thread_check_ok(weft_task_complete(task, WEFT_TEXT("all")));
}

static weft_worker *pull_worker(weft_node *node, weft_participant *participant)
{
    weft_worker_options options = WEFT_WORKER_OPTIONS;
    weft_worker *worker;
    options.max_concurrent = 8;
    options.participant = participant;
    check_ok(weft_worker_register(node, CHANNEL, NULL, NULL, &options, &worker));
    return worker;
}

static weft_task *next_task(weft_worker *worker)
{
    weft_task *task;
    check_ok(weft_worker_next(worker, WEFT_FOREVER, &task));
    return task;
}

static weft_dispatch_id submit_hearing(weft_completions *completions, struct ear *ear, uint32_t window)
{
    weft_dispatch_options options = hearing(ear, window);
    weft_ticket ticket;
    check_ok(weft_dispatch_submit(completions, CHANNEL, WEFT_TEXT("x"), &options, 77, &ticket));
    return ticket.id;
}

/* A fetch that tells what there is, and has no outcome to give; from a client node what was said is on its way. */
static void hear_until(weft_completions *completions, const struct ear *ear, const char *text, uint32_t timeout_ms)
{
    weft_reply reply;
    size_t count;
    do {
        check_err(weft_completions_next(completions, timeout_ms, &reply, 1, &count),
                  timeout_ms ? WEFT_ETIMEDOUT : WEFT_EAGAIN);
        check_eq(count, 0);
    } while (dialled() && strcmp(ear->text, text) != 0);
    check_str(ear->text, text);
}

/* --- who is told, where ----------------------------------------------------------------------- */

static void waiting_thread_is_told_before_the_outcome(void **state)
{
    (void)state;
    weft_node *node = open_node();
    unsigned parts = 5;
    weft_reply reply;
    struct ear ear = {.text = ""};
    weft_dispatch_options options = hearing(&ear, 2);
    register_worker(node, CHANNEL, speak_parts, &parts);
    check_ok(weft_dispatch(node, CHANNEL, WEFT_TEXT("x"), &options, &reply));
    check_str(ear.text, "1:a 2:b 3:c 4:d 5:e");
    check_true(pthread_equal(ear.thread, pthread_self()));
    check_true(ear.id.number == reply.id.number && ear.id.session == reply.id.session);
    check_reply_text(&reply, "all");
    check_ok(weft_node_close(node, 10000));
}

struct called {
    struct event ended;
    struct ear ear;
    char text[512]; /* what was heard by the end */
    pthread_t thread;
};

static void note_end(const weft_reply *reply, void *context)
{
    struct called *called = context;
    thread_check_eq(reply->outcome, WEFT_COMPLETED);
    memcpy(called->text, called->ear.text, sizeof called->text);
    called->thread = pthread_self();
    event_give(&called->ended);
}

static void callback_thread_is_told_before_the_outcome(void **state)
{
    (void)state;
    weft_node *node = open_node();
    unsigned parts = 6;
    struct called called = {.text = ""};
    weft_dispatch_options options = hearing(&called.ear, 2);
    register_worker(node, CHANNEL, speak_parts, &parts);
    check_ok(weft_dispatch_async(node, CHANNEL, WEFT_TEXT("x"), &options, note_end, &called, 5, NULL));
    event_await(&called.ended, 1);
    check_str(called.text, "1:a 2:b 3:c 4:d 5:e 6:f");
    check_eq(called.ear.token, 5);
    check_true(pthread_equal(called.thread, called.ear.thread) && !pthread_equal(called.thread, pthread_self()));
    check_ok(weft_node_close(node, 10000));
}

static void fetching_thread_is_told_before_what_came_after(void **state)
{
    (void)state;
    weft_node *node = open_node();
    weft_completions *completions;
    weft_reply replies[4];
    size_t count;
    int fd;
    struct ear ear = {.text = ""};
    check_ok(weft_completions_open(node, 8, &completions));
    check_ok(weft_completions_fd(completions, &fd));
    weft_worker *worker = pull_worker(node, NULL);
    submit_hearing(completions, &ear, 4);
    weft_task *task = next_task(worker);
    check_true(weft_task_streams(task));
    check_err(weft_completions_next(completions, 0, replies, 4, &count), WEFT_EAGAIN);

    struct pollfd ready = {.fd = fd, .events = POLLIN};
    uint64_t times;
    check_true(read(fd, &times, sizeof times) == -1 || times > 0); /* what it may have told too often */
    check_ok(weft_task_progress(task, WEFT_TEXT("half")));
    check_eq(poll(&ready, 1, -1), 1);
    check_eq(read(fd, &times, sizeof times), sizeof times);
    hear_until(completions, &ear, "~half", 0);
    check_true(pthread_equal(ear.thread, pthread_self()));

    check_ok(weft_task_partial(task, WEFT_TEXT("a"), 0));
    hear_until(completions, &ear, "~half 1:a", 1);

    check_ok(weft_task_progress(task, WEFT_TEXT("more")));
    check_ok(weft_task_partial(task, WEFT_TEXT("b"), 0));
    check_ok(weft_task_progress(task, WEFT_TEXT("most")));
    check_ok(weft_task_complete(task, WEFT_TEXT("all")));
    check_ok(weft_completions_next(completions, WEFT_FOREVER, replies, 4, &count));
    check_eq(count, 1);
    const char *all = "~half 1:a 2:b ~most"; /* of progress the last; over a wire also what left before that came */
    check_true(strcmp(ear.text, all) == 0 || (dialled() && strcmp(ear.text, "~half 1:a ~more 2:b ~most") == 0));
    check_eq(ear.token, 77);
    check_true(ear.id.number == replies[0].id.number);
    check_reply_text(&replies[0], "all");
    check_ok(weft_completions_close(completions));
    check_ok(weft_node_close(node, 10000));
}

static void more(struct ear *ear, const weft_update *update)
{
    (void)update;
    check_ok(weft_task_partial(ear->what, WEFT_TEXT("x"), 0));
}

static void endless_talk_does_not_keep_who_only_asks(void **state)
{
    (void)state;
    not_dialled("over a wire the room that a part leaves comes back later: so fast nobody can talk");
    weft_node *node = open_node();
    weft_completions *completions;
    weft_reply reply;
    size_t count;
    struct ear ear = {.text = ""};
    check_ok(weft_completions_open(node, 8, &completions));
    weft_worker *worker = pull_worker(node, NULL);
    submit_hearing(completions, &ear, 1);
    ear.what = next_task(worker);
    ear.then = NULL;
    check_ok(weft_task_partial(ear.what, WEFT_TEXT("x"), 0));
    ear.then = more;
    check_err(weft_completions_next(completions, 0, &reply, 1, &count), WEFT_EAGAIN);
    check_str(ear.text, "1:x");
    check_err(weft_completions_next(completions, 1, &reply, 1, &count), WEFT_ETIMEDOUT);
    check_ok(weft_task_complete(ear.what, WEFT_TEXT("all")));
    ear.then = NULL;
    reply = next_reply(completions);
    check_reply_text(&reply, "all");
    check_ok(weft_completions_close(completions));
    check_ok(weft_node_close(node, 10000));
}

static void who_did_not_ask_is_told_nothing(void **state)
{
    (void)state;
    weft_node *node = open_node();
    weft_completions *completions;
    check_ok(weft_completions_open(node, 8, &completions));
    weft_worker *worker = pull_worker(node, NULL);
    submit(completions, CHANNEL, "x", 0);
    weft_task *task = next_task(worker);
    check_true(!weft_task_streams(task));
    check_true(!weft_task_streams(NULL));
    for (int i = 0; i < 1000; i++)
        check_ok(weft_task_partial(task, WEFT_TEXT("x"), 0));
    check_ok(weft_task_progress(task, WEFT_TEXT("x")));
    check_ok(weft_task_complete(task, WEFT_TEXT("all")));
    weft_reply reply = next_reply(completions);
    check_reply_text(&reply, "all");
    check_ok(weft_completions_close(completions));
    check_ok(weft_node_close(node, 10000));
}

/* --- the window ------------------------------------------------------------------------------- */

struct caller {
    weft_node *node;
    weft_dispatch_options options;
    weft_reply reply;
};

static void *call(void *argument)
{
    struct caller *caller = argument;
    thread_check_ok(weft_dispatch(caller->node, CHANNEL, WEFT_TEXT("x"), &caller->options, &caller->reply));
    return NULL;
}

static void slow_caller_bounds_what_waits_for_him(void **state)
{
    (void)state;
    weft_node *node = open_node();
    struct ear ear = {.text = ""};
    struct event go_on = {.count = 0};
    struct caller caller = {.node = node, .options = hearing(&ear, 2)};
    weft_worker *worker = pull_worker(node, NULL);
    ear.wait_for = &go_on;
    pthread_t thread = start(call, &caller);
    weft_task *task = next_task(worker);
    check_ok(weft_task_partial(task, WEFT_TEXT("a"), 0));
    event_await(&ear.heard, 1); /* and is busy with it */
    check_ok(weft_task_partial(task, WEFT_TEXT("b"), 0));
    check_ok(weft_task_partial(task, WEFT_TEXT("c"), soon()));
    check_err(weft_task_partial(task, WEFT_TEXT("d"), 0), WEFT_EAGAIN);
    check_err(weft_task_partial(task, WEFT_TEXT("d"), 1), WEFT_ETIMEDOUT);
    check_true(strstr(weft_error_message(), "window") != NULL);
    check_ok(weft_task_progress(task, WEFT_TEXT("half"))); /* never waits */
    event_give(&go_on);
    check_ok(weft_task_partial(task, WEFT_TEXT("d"), WEFT_FOREVER));
    check_ok(weft_task_complete(task, WEFT_TEXT("all")));
    join(thread);
    check_str(ear.text, "1:a 2:b 3:c ~half 4:d");
    check_reply_text(&caller.reply, "all");
    check_ok(weft_node_close(node, 10000));
}

struct sender {
    weft_task *task;
    struct event begins;
    weft_error error;
};

static void *send(void *argument)
{
    struct sender *sender = argument;
    event_give(&sender->begins);
    sender->error = weft_task_partial(sender->task, WEFT_TEXT("late"), WEFT_FOREVER);
    return NULL;
}

/* Who waits for a caller that goes away: by closing his queue, by dying, by cancelling in vain; by the node's end. */
static void task_that_waits_for_a_caller_who_goes_away_is_stale(void **state)
{
    (void)state;
    enum { BY_CLOSE, BY_DEATH, BY_TIME, BY_NODE, WAYS };
    for (int way = 0; way < WAYS; way++) {
        weft_node *node = open_node();
        weft_completions *completions;
        weft_participant *participant;
        struct ear ear = {.text = ""};
        weft_dispatch_options options = hearing(&ear, 1);
        check_ok(weft_completions_open(node, 8, &completions));
        check_ok(weft_participant_declare(node, "caller", &participant));
        weft_worker *worker = pull_worker(node, NULL);
        options.participant = participant;
        if (way == BY_TIME) options.schedule_to_close_ms = 20;
        check_ok(weft_dispatch_submit(completions, CHANNEL, WEFT_TEXT("x"), &options, 0, NULL));
        struct sender sender = {.task = next_task(worker)};
        check_ok(weft_task_partial(sender.task, WEFT_TEXT("a"), 0));
        pthread_t thread = start(send, &sender);
        event_await(&sender.begins, 1);
        if (way == BY_CLOSE) check_ok(weft_completions_close(completions));
        if (way == BY_DEATH) check_ok(weft_participant_dead(participant, 0));
        if (way == BY_NODE) check_err(weft_node_close(node, 10), WEFT_EBUSY); /* for the task is held */
        join(thread);
        check_err(sender.error, WEFT_ESTALE);
        check_true(weft_task_cancelled(sender.task));
        weft_error error = weft_task_progress(sender.task, WEFT_TEXT("x"));
        check_true(error == WEFT_ESTALE || (dialled() && !error)); /* there it is only told to stop */
        check_err(weft_task_partial(sender.task, WEFT_TEXT("x"), WEFT_FOREVER), WEFT_ESTALE);
        check_ok(weft_task_acknowledge_cancel(sender.task));
        if (way != BY_CLOSE) {
            weft_reply reply = next_reply(completions);
            check_true(strcmp(ear.text, "1:a") == 0 || (dialled() && !*ear.text)); /* it may be on its way */
            check_true(reply.outcome == (way == BY_TIME ? WEFT_TIMED_OUT : WEFT_CANCELLED));
            weft_reply_release(&reply);
        }
        weft_participant_release(participant);
        if (way != BY_CLOSE) check_ok(weft_completions_close(completions));
        check_ok(weft_node_close(node, 10000));
    }
}

static void say_three_inline(weft_task *task, void *context)
{
    weft_error *errors = context;
    thread_check_ok(weft_task_partial(task, WEFT_TEXT("a"), WEFT_FOREVER));
    thread_check_ok(weft_task_partial(task, WEFT_TEXT("b"), WEFT_FOREVER));
    errors[0] = weft_task_partial(task, WEFT_TEXT("c"), WEFT_FOREVER);
    errors[1] = weft_task_partial(task, WEFT_TEXT("c"), 0);
    thread_check_ok(weft_task_complete(task, WEFT_TEXT("all")));
}

static void inline_handler_does_not_wait_for_itself(void **state)
{
    (void)state;
    not_dialled("inline handlers run on the default group of a client node");
    weft_node *node = open_node();
    weft_worker_options worker_options = WEFT_WORKER_OPTIONS;
    weft_worker *worker;
    weft_reply reply;
    weft_error errors[2] = {WEFT_OK, WEFT_OK};
    struct ear ear = {.text = ""};
    weft_dispatch_options options = hearing(&ear, 2);
    worker_options.flags = WEFT_INLINE;
    check_ok(weft_worker_register(node, CHANNEL, say_three_inline, errors, &worker_options, &worker));
    check_ok(weft_dispatch(node, CHANNEL, WEFT_TEXT("x"), &options, &reply));
    check_err(errors[0], WEFT_EDEADLK);
    check_err(errors[1], WEFT_EAGAIN);
    check_str(ear.text, "1:a 2:b");
    check_reply_text(&reply, "all");
    check_ok(weft_node_close(node, 10000));
}

/* On the callback thread: to say more than it has heard yet. */
static void say_in_callback(struct ear *ear, const weft_update *update)
{
    weft_task *task = ear->what;
    if (update->number != 1) return;
    weft_error error;
    do { /* from a client node the room comes back a moment later, and this thread must not wait for it */
        error = weft_task_partial(task, WEFT_TEXT("b"), dialled() ? 0 : WEFT_FOREVER);
    } while (dialled() && error == WEFT_EAGAIN);
    thread_check_ok(error);
    thread_check_err(weft_task_partial(task, WEFT_TEXT("c"), WEFT_FOREVER), WEFT_EDEADLK);
    thread_check_err(weft_task_partial(task, WEFT_TEXT("c"), 0), WEFT_EAGAIN);
    thread_check_ok(weft_task_complete(task, WEFT_TEXT("all")));
}

static void callback_does_not_wait_for_itself(void **state)
{
    (void)state;
    weft_node *node = open_node();
    struct called called = {.text = ""};
    weft_dispatch_options options = hearing(&called.ear, 1);
    weft_worker *worker = pull_worker(node, NULL);
    check_ok(weft_dispatch_async(node, CHANNEL, WEFT_TEXT("x"), &options, note_end, &called, 0, NULL));
    called.ear.what = next_task(worker);
    called.ear.then = say_in_callback;
    check_ok(weft_task_partial(called.ear.what, WEFT_TEXT("a"), 0));
    event_await(&called.ended, 1);
    check_str(called.text, "1:a 2:b");
    check_ok(weft_node_close(node, 10000));
}

/* One thread, which may have a substitute: while a handler waits for its caller, another handler runs. */
static void handler_that_waits_for_its_caller_lends_its_thread(void **state)
{
    (void)state;
    weft_node *node = open_node();
    weft_group_options group_options = WEFT_GROUP_OPTIONS;
    weft_worker_options worker_options = WEFT_WORKER_OPTIONS;
    weft_group *group;
    weft_worker *speaker, *other;
    unsigned parts = 3;
    struct ear ear = {.text = ""};
    weft_completions *completions;
    group_options.threads = 1;
    group_options.threads_max = 2;
    check_ok(weft_group_open(node, &group_options, &group));
    check_ok(weft_channel_declare(node, OTHER, NULL));
    worker_options.group = group;
    check_ok(weft_worker_register(node, CHANNEL, speak_parts, &parts, &worker_options, &speaker));
    check_ok(weft_worker_register(node, OTHER, echo, NULL, &worker_options, &other));
    check_ok(weft_completions_open(node, 8, &completions));
    submit_hearing(completions, &ear, 1); /* and does not fetch: its handler waits after the first part */
    weft_reply reply = dispatch(node, OTHER, "meanwhile");
    check_reply_text(&reply, "meanwhile");
    check_str(ear.text, "");
    reply = next_reply(completions);
    check_str(ear.text, "1:a 2:b 3:c");
    check_reply_text(&reply, "all");
    check_ok(weft_completions_close(completions));
    check_ok(weft_node_close(node, 10000));
}

/* The same without a substitute: it waits all the same. */
static void handler_without_a_substitute_waits_all_the_same(void **state)
{
    (void)state;
    weft_node *node = open_node();
    weft_group_options group_options = WEFT_GROUP_OPTIONS;
    weft_worker_options worker_options = WEFT_WORKER_OPTIONS;
    weft_group *group;
    weft_worker *worker;
    unsigned parts = 100;
    weft_reply reply;
    struct ear ear = {.text = ""};
    weft_dispatch_options options = hearing(&ear, 1);
    group_options.threads = group_options.threads_max = 1;
    check_ok(weft_group_open(node, &group_options, &group));
    worker_options.group = group;
    check_ok(weft_worker_register(node, CHANNEL, speak_parts, &parts, &worker_options, &worker));
    for (int i = 0; i < 3; i++) {
        ear.text[0] = '\0';
        check_ok(weft_dispatch(node, CHANNEL, WEFT_TEXT("x"), &options, &reply));
        check_true(strncmp(ear.text, "1:a 2:b 3:c 4:d 5:e", 19) == 0);
        check_reply_text(&reply, "all");
    }
    check_eq(ear.heard.count, 300);
    check_ok(weft_node_close(node, 10000));
}

/* --- another attempt -------------------------------------------------------------------------- */

/* fetches: what the first attempt said is heard before its process is killed; else some of it is never heard. */
static void killed_in_the_middle(bool fetches)
{
    weft_node *node;
    weft_channel_options channel_options = WEFT_CHANNEL_OPTIONS;
    weft_completions *completions;
    weft_participant *helper;
    weft_reply reply;
    struct ear ear = {.text = ""};
    struct sender sender;
    channel_options.on_crash = WEFT_CRASH_REDISPATCH;
    check_ok(weft_node_open(NULL, &node));
    check_ok(weft_channel_declare(node, CHANNEL, &channel_options));
    check_ok(weft_completions_open(node, 8, &completions));
    pid_t pid = spawn_sleeper();
    check_ok(weft_participant_process(node, "helper", pid, 0, &helper));
    weft_worker *doomed = pull_worker(node, helper);
    submit_hearing(completions, &ear, 2);
    weft_task *task = next_task(doomed);
    check_eq(weft_task_attempt(task), 1);
    check_ok(weft_task_partial(task, WEFT_TEXT("x"), 0));
    if (fetches) hear_until(completions, &ear, "1:x", 0);
    check_ok(weft_task_progress(task, WEFT_TEXT("half")));
    check_ok(weft_task_partial(task, WEFT_TEXT("y"), 0));
    if (fetches) check_ok(weft_task_partial(task, WEFT_TEXT("z"), soon()));
    sender = (struct sender){.task = task};
    pthread_t thread = start(send, &sender); /* waits for its caller, and is told */
    event_await(&sender.begins, 1);
    weft_worker *heir = pull_worker(node, NULL);
    check_eq(kill(pid, SIGKILL), 0);
    check_eq(waitpid(pid, NULL, 0), pid);
    join(thread);
    check_err(sender.error, WEFT_ESTALE);
    weft_task *second = next_task(heir);
    check_eq(weft_task_attempt(second), 2);
    check_err(weft_task_partial(task, WEFT_TEXT("late"), 0), WEFT_ESTALE);
    check_err(weft_task_progress(task, WEFT_TEXT("late")), WEFT_ESTALE);
    check_ok(weft_task_partial(second, WEFT_TEXT("X"), soon()));
    check_ok(weft_task_partial(second, WEFT_TEXT("Y"), soon()));
    check_ok(weft_task_complete(second, WEFT_TEXT("all")));
    reply = next_reply(completions);
    check_str(ear.text, fetches ? "1:x *2 1:X 2:Y" : "*2 1:X 2:Y");
    check_eq(reply.attempts, 2);
    check_reply_text(&reply, "all");
    check_err(weft_task_abandon(task), WEFT_ESTALE);
    weft_participant_release(helper);
    check_ok(weft_completions_close(completions));
    check_ok(weft_node_close(node, 10000));
}

static void killed_process_restarts_the_stream(void **state)
{
    (void)state;
    killed_in_the_middle(true);
    killed_in_the_middle(false);
}

/* --- what `updated` may do -------------------------------------------------------------------- */

static void cancel_own(struct ear *ear, const weft_update *update)
{
    if (update->number == 1) thread_check_ok(weft_dispatch_cancel(ear->what, update->id));
}

/* A handler: says parts until it is cancelled. */
static void speak_until_cancelled(weft_task *task, void *context)
{
    (void)context;
    while (!weft_task_cancelled(task)) {
        weft_error error = weft_task_partial(task, WEFT_TEXT("x"), 1);
        thread_check_true(!error || error == WEFT_ETIMEDOUT || error == WEFT_ESTALE);
    }
    thread_check_ok(weft_task_acknowledge_cancel(task));
}

static void updated_may_cancel_its_dispatch(void **state)
{
    (void)state;
    weft_node *node = open_node();
    weft_reply reply;
    struct ear ear = {.text = "", .what = node, .then = cancel_own};
    weft_dispatch_options options = hearing(&ear, 1);
    register_worker(node, CHANNEL, speak_until_cancelled, NULL);
    check_ok(weft_dispatch(node, CHANNEL, WEFT_TEXT("x"), &options, &reply));
    check_reply_code(&reply, WEFT_CANCELLED, "cancelled");
    check_true(strncmp(ear.text, "1:x", 3) == 0);

    weft_completions *completions;
    check_ok(weft_completions_open(node, 8, &completions));
    submit_hearing(completions, &ear, 1);
    reply = next_reply(completions);
    check_reply_code(&reply, WEFT_CANCELLED, "cancelled");
    check_ok(weft_completions_close(completions));
    check_ok(weft_node_close(node, 10000));
}

static void dispatch_another(struct ear *ear, const weft_update *update)
{
    (void)update;
    weft_reply reply;
    thread_check_ok(weft_dispatch(ear->what, OTHER, WEFT_TEXT("in between"), NULL, &reply));
    thread_check_eq(reply.outcome, WEFT_COMPLETED);
    weft_reply_release(&reply);
}

struct nested {
    weft_node *node;
    struct ear ear;
};

/* A handler that dispatches, and dispatches again from what it is told meanwhile. */
static void dispatch_within(weft_task *task, void *context)
{
    struct nested *nested = context;
    weft_dispatch_options options = hearing(&nested->ear, 1);
    weft_reply reply;
    nested->ear.then = dispatch_another;
    nested->ear.what = nested->node;
    thread_check_ok(weft_dispatch(nested->node, CHANNEL, WEFT_TEXT("x"), &options, &reply));
    thread_check_eq(reply.outcome, WEFT_COMPLETED);
    weft_reply_release(&reply);
    thread_check_ok(weft_task_complete(task, WEFT_TEXT("all")));
}

static void updated_may_dispatch_in_the_waiting_thread(void **state)
{
    (void)state;
    weft_node *node = open_node();
    unsigned parts = 4;
    weft_reply reply;
    struct ear ear = {.text = "", .what = node, .then = dispatch_another};
    weft_dispatch_options options = hearing(&ear, 1);
    check_ok(weft_channel_declare(node, OTHER, NULL));
    register_worker(node, CHANNEL, speak_parts, &parts);
    register_worker(node, OTHER, echo, NULL);
    check_ok(weft_dispatch(node, CHANNEL, WEFT_TEXT("x"), &options, &reply));
    check_reply_text(&reply, "all");
    check_str(ear.text, "1:a 2:b 3:c 4:d");
    check_ok(weft_node_close(node, 10000));
}

/* Its thread is lent already: the one substitute runs what is dispatched from within. */
static void updated_of_a_handler_lends_no_second_thread(void **state)
{
    (void)state;
    weft_node_options node_options = WEFT_NODE_OPTIONS;
    weft_node *node;
    weft_completions *completions;
    node_options.threads = 1;
    node_options.threads_max = 2;
    check_ok(weft_node_open(&node_options, &node));
    check_ok(weft_channel_declare(node, CHANNEL, NULL));
    check_ok(weft_channel_declare(node, OTHER, NULL));
    check_ok(weft_channel_declare(node, "dispatch.test.outer", NULL));
    struct nested nested = {.node = node};
    weft_worker *worker = pull_worker(node, NULL);
    register_worker(node, OTHER, echo, NULL);
    register_worker(node, "dispatch.test.outer", dispatch_within, &nested);
    check_ok(weft_completions_open(node, 8, &completions));
    submit(completions, "dispatch.test.outer", "x", 0);
    weft_task *task = next_task(worker);
    for (unsigned i = 0; i < 3; i++)
        check_ok(weft_task_partial(task, part_text(i), WEFT_FOREVER));
    check_ok(weft_task_complete(task, WEFT_TEXT("x")));
    weft_reply reply = next_reply(completions);
    check_reply_text(&reply, "all");
    check_str(nested.ear.text, "1:a 2:b 3:c");
    check_ok(weft_completions_close(completions));
    check_ok(weft_node_close(node, 10000));
}

static void close_what_it_is_called_by(struct ear *ear, const weft_update *update)
{
    (void)update;
    weft_completions *completions = ear->what;
    thread_check_err(weft_completions_close(completions), WEFT_EDEADLK);
}

static void close_node_from_within(struct ear *ear, const weft_update *update)
{
    (void)update;
    thread_check_err(weft_node_close(ear->what, 10), WEFT_EDEADLK);
}

static void fetch_within(struct ear *ear, const weft_update *update)
{
    weft_reply reply;
    size_t count;
    if (update->number != 1) return;
    thread_check_ok(weft_completions_next(ear->what, WEFT_FOREVER, &reply, 1, &count));
    thread_check_eq(reply.outcome, WEFT_COMPLETED);
    weft_reply_release(&reply);
    thread_check_ok(weft_dispatch_submit(ear->what, OTHER, WEFT_TEXT("after it"), NULL, 0, NULL));
}

static void updated_does_not_end_what_calls_it(void **state)
{
    (void)state;
    weft_node *node = open_node();
    weft_completions *completions;
    weft_reply reply;
    unsigned parts = 2;
    register_worker(node, CHANNEL, speak_parts, &parts);
    check_ok(weft_completions_open(node, 8, &completions));
    struct ear ear = {.text = "", .what = completions, .then = close_what_it_is_called_by};
    submit_hearing(completions, &ear, 1);
    reply = next_reply(completions);
    check_reply_text(&reply, "all");
    ear.then = close_node_from_within;
    ear.what = node;
    submit_hearing(completions, &ear, 1);
    reply = next_reply(completions);
    check_reply_text(&reply, "all");
    weft_dispatch_options options = hearing(&ear, 1);
    check_ok(weft_dispatch(node, CHANNEL, WEFT_TEXT("x"), &options, &reply));
    check_reply_text(&reply, "all");
    check_str(ear.text, "1:a 2:b 1:a 2:b 1:a 2:b");
    ear.then = fetch_within; /* it takes the outcome itself, and asks for another */
    ear.what = completions;
    check_ok(weft_channel_declare(node, OTHER, NULL));
    register_worker(node, OTHER, echo, NULL);
    submit_hearing(completions, &ear, 2);
    reply = next_reply(completions);
    check_reply_text(&reply, "after it");
    check_eq(ear.heard.count, 8);
    check_ok(weft_completions_close(completions));
    check_ok(weft_node_close(node, 10000));
}

/* The node is closed while a thread that only asks is in `updated`: closing waits for it. */
struct asker {
    weft_completions *completions;
    struct ear *ear;
};

static void *ask_once(void *argument)
{
    struct asker *asker = argument;
    weft_reply reply;
    weft_error error;
    size_t count;
    do {
        error = weft_completions_next(asker->completions, 0, &reply, 1, &count);
        thread_check_true(error == WEFT_EAGAIN || error == WEFT_ECLOSED);
    } while (dialled() && !*asker->ear->text); /* until it has come */
    return NULL;
}

static void closing_waits_for_who_is_told(void **state)
{
    (void)state;
    weft_node *node = open_node();
    struct event go_on = {.count = 0};
    struct ear ear = {.text = "", .wait_for = &go_on};
    weft_completions *completions;
    check_ok(weft_completions_open(node, 8, &completions));
    weft_worker *worker = pull_worker(node, NULL);
    submit_hearing(completions, &ear, 1);
    weft_task *task = next_task(worker);
    check_ok(weft_task_partial(task, WEFT_TEXT("a"), 0));
    struct asker asker = {completions, &ear};
    pthread_t thread = start(ask_once, &asker);
    event_await(&ear.heard, 1);
    check_err(weft_node_close(node, 1), WEFT_EBUSY); /* the task is held */
    check_ok(weft_task_acknowledge_cancel(task));
    check_err(weft_node_close(node, 1), WEFT_EBUSY); /* the call is inside */
    check_true(strstr(weft_error_message(), "calls of other threads") != NULL);
    event_give(&go_on);
    check_ok(weft_node_close(node, 10000));
    join(thread);
}

/* --- refusals --------------------------------------------------------------------------------- */

static void settle_and_go_on(weft_task *task, void *context)
{
    struct event *done = context;
    thread_check_ok(weft_task_complete(task, WEFT_TEXT("all")));
    thread_check_err(weft_task_progress(task, WEFT_TEXT("x")), WEFT_EINVAL);
    thread_check_err(weft_task_partial(task, WEFT_TEXT("x"), WEFT_FOREVER), WEFT_EINVAL);
    event_give(done);
}

static void settled_task_says_no_more(void **state)
{
    (void)state;
    enum { MANY = 200 };
    weft_node *node = open_node();
    struct event done = {.count = 0};
    struct ear ear = {.text = ""};
    weft_completions *completions;
    weft_worker_options options = WEFT_WORKER_OPTIONS;
    weft_worker *worker;
    options.max_concurrent = 64;
    check_ok(weft_worker_register(node, CHANNEL, settle_and_go_on, &done, &options, &worker));
    check_ok(weft_completions_open(node, MANY, &completions));
    for (int i = 0; i < MANY; i++) /* so many that they are taken together */
        submit_hearing(completions, &ear, 1);
    for (int i = 0; i < MANY; i++) {
        weft_reply reply = next_reply(completions);
        check_reply_text(&reply, "all");
    }
    event_await(&done, MANY);
    check_str(ear.text, "");
    check_ok(weft_completions_close(completions));
    check_ok(weft_node_close(node, 10000));
}

static void nobody_ended(const weft_reply *reply, void *context)
{
    (void)reply;
    (void)context;
}

static void refuses_with_the_reason(void **state)
{
    (void)state;
    weft_node *node;
    weft_channel_options channel_options = WEFT_CHANNEL_OPTIONS;
    weft_completions *completions;
    weft_reply reply;
    struct ear ear = {.text = ""};
    weft_dispatch_options options = hearing(&ear, 0);
    channel_options.payload_bytes_max = 4;
    check_ok(weft_node_open(NULL, &node));
    check_ok(weft_channel_declare(node, CHANNEL, &channel_options));
    check_ok(weft_completions_open(node, 8, &completions));
    check_err(weft_dispatch(node, CHANNEL, WEFT_TEXT("x"), &options, &reply), WEFT_EINVAL);
    options.window = WEFT_WINDOW_MAX + 1;
    check_err(weft_dispatch_submit(completions, CHANNEL, WEFT_TEXT("x"), &options, 0, NULL), WEFT_EINVAL);
    check_true(strstr(weft_error_message(), "window") != NULL);
    options.window = WEFT_WINDOW_MAX;
    check_err(weft_dispatch_async(node, CHANNEL, WEFT_TEXT("x"), &options, NULL, NULL, 0, NULL), WEFT_EINVAL);
    check_true(strstr(weft_error_message(), "ended") != NULL);
    options.detached = true;
    check_err(weft_dispatch_async(node, CHANNEL, WEFT_TEXT("x"), &options, NULL, NULL, 0, NULL), WEFT_EINVAL);
    check_ok(weft_dispatch_async(node, CHANNEL, WEFT_TEXT("x"), &options, nobody_ended, NULL, 0, NULL));
    options.updated = NULL;
    options.window = 0; /* which nobody asks about then */
    check_ok(weft_dispatch_submit(completions, CHANNEL, WEFT_TEXT("x"), &options, 0, NULL));

    weft_worker *worker = pull_worker(node, NULL);
    for (int streams = 1; streams >= 0; streams--) {
        weft_task *task = next_task(worker);
        check_eq(weft_task_streams(task), streams);
        if (!dialled()) {
            check_err(weft_task_progress(task, WEFT_TEXT("large")), WEFT_EINVAL);
            check_err(weft_task_partial(task, WEFT_TEXT("large"), 0), WEFT_EINVAL);
            check_true(strstr(weft_error_message(), "payload_bytes_max") != NULL);
        }
        check_err(weft_task_progress(NULL, WEFT_TEXT("x")), WEFT_EINVAL);
        check_err(weft_task_partial(NULL, WEFT_TEXT("x"), 0), WEFT_EINVAL);
        check_err(weft_task_progress(task, (weft_bytes){NULL, 1}), WEFT_EINVAL);
        check_err(weft_task_partial(task, (weft_bytes){NULL, 1}, 0), WEFT_EINVAL);
        check_ok(weft_task_progress(task, (weft_bytes){NULL, 0}));
        check_ok(weft_task_partial(task, WEFT_TEXT("four"), 0));
        check_ok(weft_task_complete(task, WEFT_TEXT("all")));
    }
    reply = next_reply(completions);
    check_reply_text(&reply, "all");
    check_ok(weft_completions_close(completions));
    check_ok(weft_node_close(node, 10000));
}

/* A client node does not know the bound: there it is the task's failure. */
static void more_than_its_channel_takes_is_not_told(void **state)
{
    (void)state;
    weft_node *node;
    weft_channel_options channel_options = WEFT_CHANNEL_OPTIONS;
    weft_completions *completions;
    weft_reply reply;
    channel_options.payload_bytes_max = 4;
    check_ok(weft_node_open(NULL, &node));
    check_ok(weft_channel_declare(node, CHANNEL, &channel_options));
    check_ok(weft_completions_open(node, 8, &completions));
    weft_worker *worker = pull_worker(node, NULL);
    for (int part = 0; part < 2; part++) {
        struct ear ear = {.text = ""};
        submit_hearing(completions, &ear, 4);
        weft_task *task = next_task(worker);
        weft_error error =
            part ? weft_task_partial(task, WEFT_TEXT("large"), 0) : weft_task_progress(task, WEFT_TEXT("large"));
        check_err(error, dialled() ? WEFT_OK : WEFT_EINVAL);
        if (dialled()) {
            reply = next_reply(completions);
            check_reply_code(&reply, WEFT_FAILED, "payload_too_large");
            (void)weft_task_complete(task, WEFT_TEXT("all"));
        } else {
            check_ok(weft_task_complete(task, WEFT_TEXT("all")));
            reply = next_reply(completions);
            check_reply_text(&reply, "all");
        }
        check_str(ear.text, "");
    }
    while (info_of(node, CHANNEL).in_flight > 0) /* the slots are free when the tasks are over */
        check_true(dialled());
    check_ok(weft_completions_close(completions));
    check_ok(weft_node_close(node, 10000));
}

/* --- many ------------------------------------------------------------------------------------- */

enum { CALLERS = 3, CALLS = 40, PARTS = 50 };

/* What one caller hears of one dispatch. */
struct count {
    uint64_t parts;
    uint64_t progress; /* the last word */
    bool ended;
};

static void count_words(const weft_update *update, void *context)
{
    struct count *count = context;
    uint64_t said;
    thread_check_true(!count->ended);
    thread_check_eq(update->payload.size, sizeof said);
    memcpy(&said, update->payload.data, sizeof said);
    if (update->kind == WEFT_UPDATE_PARTIAL) {
        thread_check_eq(update->number, count->parts + 1);
        thread_check_eq(said, ++count->parts);
    } else {
        thread_check_true(said > count->progress || (said == 0 && count->progress == 0));
        thread_check_true(said <= count->parts);
        count->progress = said;
    }
}

/* A handler: numbers its parts; after each says how many there were. */
static void count_up(weft_task *task, void *context)
{
    (void)context;
    for (uint64_t i = 1; i <= PARTS; i++) {
        thread_check_ok(weft_task_partial(task, (weft_bytes){&i, sizeof i}, WEFT_FOREVER));
        thread_check_ok(weft_task_progress(task, (weft_bytes){&i, sizeof i}));
    }
    thread_check_ok(weft_task_complete(task, WEFT_TEXT("all")));
}

struct crowd {
    weft_node *node;
    struct count counts[CALLERS][CALLS];
    struct event ended;
};

static weft_dispatch_options counting(struct count *count)
{
    weft_dispatch_options options = WEFT_DISPATCH_OPTIONS;
    options.updated = count_words;
    options.updated_context = count;
    options.window = 3;
    return options;
}

static void *wait_for_many(void *argument)
{
    struct crowd *crowd = argument;
    for (int i = 0; i < CALLS; i++) {
        struct count *count = &crowd->counts[0][i];
        weft_dispatch_options options = counting(count);
        weft_reply reply;
        thread_check_ok(weft_dispatch(crowd->node, CHANNEL, WEFT_TEXT("x"), &options, &reply));
        thread_check_eq(reply.outcome, WEFT_COMPLETED);
        count->ended = true;
        weft_reply_release(&reply);
    }
    return NULL;
}

static void end_count(const weft_reply *reply, void *context)
{
    struct crowd *crowd = context;
    thread_check_eq(reply->outcome, WEFT_COMPLETED);
    crowd->counts[1][reply->token].ended = true;
    event_give(&crowd->ended);
}

static void *fetch_many(void *argument)
{
    struct crowd *crowd = argument;
    weft_completions *completions;
    weft_reply replies[8];
    thread_check_ok(weft_completions_open(crowd->node, CALLS, &completions));
    for (int i = 0; i < CALLS; i++) {
        weft_dispatch_options options = counting(&crowd->counts[2][i]);
        thread_check_ok(weft_dispatch_submit(completions, CHANNEL, WEFT_TEXT("x"), &options, (uint64_t)i, NULL));
    }
    for (size_t count, ended = 0; ended < CALLS; ended += count) {
        thread_check_ok(weft_completions_next(completions, WEFT_FOREVER, replies, 8, &count));
        for (size_t i = 0; i < count; i++) {
            thread_check_eq(replies[i].outcome, WEFT_COMPLETED);
            crowd->counts[2][replies[i].token].ended = true;
            weft_reply_release(&replies[i]);
        }
    }
    thread_check_ok(weft_completions_close(completions));
    return NULL;
}

static void of_thousands_of_parts_none_is_lost(void **state)
{
    (void)state;
    weft_node *node = open_node();
    static struct crowd crowd;
    weft_worker_options options = WEFT_WORKER_OPTIONS;
    weft_worker *worker;
    crowd = (struct crowd){.node = node};
    options.max_concurrent = 16;
    check_ok(weft_worker_register(node, CHANNEL, count_up, NULL, &options, &worker));
    pthread_t waits = start(wait_for_many, &crowd), fetches = start(fetch_many, &crowd);
    for (int i = 0; i < CALLS; i++) {
        weft_dispatch_options called = counting(&crowd.counts[1][i]);
        check_ok(weft_dispatch_async(node, CHANNEL, WEFT_TEXT("x"), &called, end_count, &crowd, (uint64_t)i, NULL));
    }
    join(waits);
    join(fetches);
    event_await(&crowd.ended, CALLS);
    for (int c = 0; c < CALLERS; c++)
        for (int i = 0; i < CALLS; i++) {
            check_true(crowd.counts[c][i].ended);
            check_eq(crowd.counts[c][i].parts, PARTS);
            check_eq(crowd.counts[c][i].progress, PARTS);
        }
    check_ok(weft_node_close(node, 10000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waiting_thread_is_told_before_the_outcome),
        cmocka_unit_test(callback_thread_is_told_before_the_outcome),
        cmocka_unit_test(fetching_thread_is_told_before_what_came_after),
        cmocka_unit_test(endless_talk_does_not_keep_who_only_asks),
        cmocka_unit_test(who_did_not_ask_is_told_nothing),
        cmocka_unit_test(slow_caller_bounds_what_waits_for_him),
        cmocka_unit_test(task_that_waits_for_a_caller_who_goes_away_is_stale),
        cmocka_unit_test(inline_handler_does_not_wait_for_itself),
        cmocka_unit_test(callback_does_not_wait_for_itself),
        cmocka_unit_test(handler_that_waits_for_its_caller_lends_its_thread),
        cmocka_unit_test(handler_without_a_substitute_waits_all_the_same),
        cmocka_unit_test(killed_process_restarts_the_stream),
        cmocka_unit_test(updated_may_cancel_its_dispatch),
        cmocka_unit_test(updated_may_dispatch_in_the_waiting_thread),
        cmocka_unit_test(updated_of_a_handler_lends_no_second_thread),
        cmocka_unit_test(updated_does_not_end_what_calls_it),
        cmocka_unit_test(closing_waits_for_who_is_told),
        cmocka_unit_test(settled_task_says_no_more),
        cmocka_unit_test(refuses_with_the_reason),
        cmocka_unit_test(more_than_its_channel_takes_is_not_told),
        cmocka_unit_test(of_thousands_of_parts_none_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
