/* The end, for whoever is not looking. Promises:
 *   - the end of a subscription is told, also on a group that has no thread but those that the host lends
 *   - closing from what a walk or a registration calls is WEFT_EDEADLK; closed by another thread meanwhile, the walk
 *     returns WEFT_ECLOSED, and the close waits for it
 *   - an eventfd that is asked for after the end is readable, and so is that of a pull worker when the node closes
 *   - who waits inside a call when the node is closed leaves without touching what is gone */
#include <poll.h>

#include "e2e/api_lib.h"

#define NEWS "event.test.news"
#define DEAD "dispatch.test.dead"

static void heard(const weft_event *event, void *context)
{
    (void)event;
    event_give(context);
}

static weft_error told;

static void ended(weft_error why, void *context)
{
    (void)context;
    told = why;
}

static weft_group *group_without_threads(weft_node *node)
{
    weft_group *group;
    weft_group_options options = WEFT_GROUP_OPTIONS;
    options.threads = 0;
    check_ok(weft_group_open(node, &options, &group));
    return group;
}

static void subscribe_on(weft_node *node, weft_group *group, struct event *event)
{
    weft_subscription *subscription;
    weft_subscribe_options options = WEFT_SUBSCRIBE_OPTIONS;
    options.group = group;
    options.ended = ended;
    told = WEFT_OK;
    check_ok(weft_channel_declare(node, NEWS, NULL));
    check_ok(weft_subscribe(node, NEWS, heard, event, &options, &subscription));
}

static void end_is_told_on_a_group_without_threads(void **state)
{
    (void)state;
    struct event event = {.count = 0};
    weft_node *node = open_node();
    subscribe_on(node, group_without_threads(node), &event);
    close_node(node);
    check_eq(told, WEFT_ECLOSED);
}

static void *lend(void *group)
{
    thread_check_eq(weft_group_run(group, WEFT_FOREVER), WEFT_ECLOSED);
    return NULL;
}

static void end_is_told_on_a_thread_that_is_lent(void **state)
{
    (void)state;
    struct event event = {.count = 0};
    weft_node *node = open_node();
    weft_group *group = group_without_threads(node);
    subscribe_on(node, group, &event);
    pthread_t thread = start(lend, group);
    check_ok(weft_publish(node, NEWS, WEFT_TEXT("1"), NULL, NULL));
    event_await(&event, 1);
    check_ok(weft_node_close(node, WEFT_FOREVER));
    join(thread);
    check_eq(told, WEFT_ECLOSED);
}

/* --- closed from within, and meanwhile -------------------------------------------------------- */

static bool found_channel(const weft_channel_info *info, void *node)
{
    (void)info;
    check_err(weft_node_close(node, 0), WEFT_EDEADLK);
    return true;
}

static bool found_letter(const weft_letter *letter, void *node)
{
    (void)letter;
    check_err(weft_node_close(node, 0), WEFT_EDEADLK);
    return true;
}

static void *make_state(void *node)
{
    check_err(weft_node_close(node, 0), WEFT_EDEADLK);
    return node;
}

static void leave_letter(weft_node *node, const char *channel)
{
    weft_reply reply;
    weft_channel_options options = WEFT_CHANNEL_OPTIONS;
    options.dead_letter = DEAD;
    options.schedule_to_start_ms = 1;
    check_ok(weft_channel_declare(node, DEAD, NULL));
    check_ok(weft_channel_declare(node, channel, &options));
    for (int i = 0; i < 2; i++) {
        check_ok(weft_dispatch(node, channel, WEFT_TEXT("1"), NULL, &reply));
        check_eq(reply.outcome, WEFT_TIMED_OUT);
        weft_reply_release(&reply);
    }
}

static void closing_from_what_a_call_calls_is_a_deadlock(void **state)
{
    (void)state;
    weft_node *node = open_node();
    weft_worker *worker;
    weft_worker_options options = WEFT_WORKER_OPTIONS;
    leave_letter(node, OTHER);
    check_ok(weft_channel_find(node, "*.*.*", found_channel, node));
    check_ok(weft_letters_find(node, DEAD, found_letter, node));
    options.state_new = make_state;
    check_ok(weft_worker_register(node, CHANNEL, echo, node, &options, &worker));
    close_node(node);
}

struct walk {
    weft_node *node;
    bool letters;
    struct event inside, closing;
    weft_error error;
};

static bool hold_walk(struct walk *walk)
{
    event_give(&walk->inside);
    event_await(&walk->closing, 1);
    return true;
}

static bool hold_letters(const weft_letter *letter, void *walk)
{
    (void)letter;
    return hold_walk(walk);
}

static bool hold_channels(const weft_channel_info *info, void *walk)
{
    (void)info;
    return hold_walk(walk);
}

static void *walk_main(void *argument)
{
    struct walk *walk = argument;
    walk->error = walk->letters ? weft_letters_find(walk->node, DEAD, hold_letters, walk)
                                : weft_channel_find(walk->node, "*.*.*", hold_channels, walk);
    return NULL;
}

static void walk_that_is_under_way_is_waited_for(void **state)
{
    (void)state;
    for (int letters = 0; letters < 2; letters++) {
        struct walk walk = {.node = open_node(), .letters = letters};
        leave_letter(walk.node, OTHER);
        pthread_t thread = start(walk_main, &walk);
        event_await(&walk.inside, 1);
        check_err(weft_node_close(walk.node, 0), WEFT_EBUSY);
        event_give(&walk.closing);
        check_ok(weft_node_close(walk.node, WEFT_FOREVER));
        join(thread);
        check_eq(walk.error, dialled() ? WEFT_OK : WEFT_ECLOSED); /* a client node had all of it, a page of many */
    }
}

/* --- descriptors ------------------------------------------------------------------------------ */

static bool readable(int fd)
{
    struct pollfd poller = {.fd = fd, .events = POLLIN};
    return poll(&poller, 1, 0) == 1;
}

static void descriptor_asked_for_after_the_end_is_readable(void **state)
{
    (void)state;
    int fd;
    weft_task *task;
    weft_event event;
    size_t count;
    weft_worker *worker;
    weft_subscription *subscription;
    weft_participant *participant;
    weft_node *node = open_node();
    weft_worker_options w = WEFT_WORKER_OPTIONS;
    weft_subscribe_options s = WEFT_SUBSCRIBE_OPTIONS;
    check_ok(weft_channel_declare(node, NEWS, NULL));
    check_ok(weft_participant_declare(node, "p", &participant));
    w.participant = s.participant = participant;
    check_ok(weft_worker_register(node, CHANNEL, NULL, NULL, &w, &worker));
    check_ok(weft_subscribe(node, NEWS, NULL, NULL, &s, &subscription));
    check_ok(weft_participant_dead(participant, 0));

    check_ok(weft_worker_fd(worker, &fd));
    check_true(readable(fd));
    check_err(weft_worker_next(worker, 0, &task), WEFT_EDEAD);
    check_ok(weft_subscription_fd(subscription, &fd));
    check_true(readable(fd));
    check_err(weft_subscription_next(subscription, 0, &event, 1, &count), WEFT_EDEAD);
    weft_participant_release(participant);
    close_node(node);
}

static void descriptor_of_a_pull_worker_tells_of_the_close(void **state)
{
    (void)state;
    int fd;
    uint64_t events;
    weft_task *task, *held;
    weft_node *node = open_node();
    check_ok(weft_channel_declare(node, OTHER, NULL));
    weft_worker *idle = register_worker(node, CHANNEL, NULL, NULL);
    weft_worker *busy = register_worker(node, OTHER, NULL, NULL);
    check_ok(weft_dispatch_async(node, OTHER, WEFT_TEXT("1"), NULL, NULL, NULL, 0, NULL));
    check_ok(weft_worker_next(busy, WEFT_FOREVER, &held));
    check_ok(weft_worker_fd(idle, &fd));
    while (read(fd, &events, sizeof events) > 0 || weft_worker_next(idle, 0, &task) != WEFT_EAGAIN)
        continue;
    check_true(!readable(fd));
    check_err(weft_node_close(node, 0), WEFT_EBUSY);
    check_true(readable(fd));
    check_err(weft_worker_next(idle, 0, &task), WEFT_ECLOSED);
    (void)weft_task_abandon(held);
    check_ok(weft_node_close(node, WEFT_FOREVER));
}

/* --- inside a call ---------------------------------------------------------------------------- */

struct caller {
    weft_node *node;
    pthread_t thread;
    struct event started;
    pid_t id;
};

static void *wait_for_room(void *argument)
{
    struct caller *caller = argument;
    weft_reply reply;
    caller->id = gettid();
    event_give(&caller->started);
    weft_error error = weft_dispatch(caller->node, OTHER, WEFT_TEXT("2"), NULL, &reply);
    if (!error) weft_reply_release(&reply);
    return NULL;
}

static bool sleeps(const struct caller *caller)
{
    char path[64], state = 0;
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)caller->id);
    FILE *file = fopen(path, "r");
    check_true(file && fscanf(file, "%*d (%*[^)]) %c", &state) == 1);
    fclose(file);
    return state == 'S';
}

/* It waits for room, and not for a lock: it sleeps, and still does after others have been inside. */
static void await_sleep(struct caller *caller)
{
    weft_channel_info info;
    event_await(&caller->started, 1);
    for (int seen = 0; seen < 3; seen = sleeps(caller) ? seen + 1 : 0)
        check_ok(weft_channel_info_get(caller->node, OTHER, &info));
}

static void who_waits_for_room_leaves_before_the_node_is_gone(void **state)
{
    (void)state;
    not_dialled("WEFT_BLOCK rejects what comes from a client node");
    enum { ROUNDS = 20, CALLERS = 4 };
    for (int i = 0; i < ROUNDS; i++) {
        struct caller callers[CALLERS] = {{.node = NULL}};
        weft_node *node = open_node();
        weft_channel_options options = WEFT_CHANNEL_OPTIONS;
        options.queue_full = WEFT_BLOCK;
        options.depth_max = 1;
        check_ok(weft_channel_declare(node, OTHER, &options));
        check_ok(weft_dispatch_async(node, OTHER, WEFT_TEXT("1"), NULL, NULL, NULL, 0, NULL));
        for (int k = 0; k < CALLERS; k++) {
            callers[k].node = node;
            callers[k].thread = start(wait_for_room, &callers[k]);
        }
        for (int k = 0; k < CALLERS; k++)
            await_sleep(&callers[k]);
        close_node(node);
        for (int k = 0; k < CALLERS; k++)
            join(callers[k].thread);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(end_is_told_on_a_group_without_threads),
        cmocka_unit_test(end_is_told_on_a_thread_that_is_lent),
        cmocka_unit_test(closing_from_what_a_call_calls_is_a_deadlock),
        cmocka_unit_test(walk_that_is_under_way_is_waited_for),
        cmocka_unit_test(descriptor_asked_for_after_the_end_is_readable),
        cmocka_unit_test(descriptor_of_a_pull_worker_tells_of_the_close),
        cmocka_unit_test(who_waits_for_room_leaves_before_the_node_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
