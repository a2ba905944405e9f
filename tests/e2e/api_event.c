/* The public interface of events. Promises:
 *   - what is refused is refused with the code of its reason
 *   - an event reaches pulling and called subscribers whole, and lives until it is released
 *   - each subscriber sees the events of a publisher in order, and all see those of a channel in the same order
 *   - a stuck callback keeps one thread of its group and stops nobody else; it is cut off, and a slow one is not
 *   - a callback may block in calls on the node: its thread is replaced
 *   - tasks and callbacks of one thread take turns
 *   - a participant's death ends its subscriptions; so do deleting and closing, and each is told
 *   - a loop with the eventfd misses nothing
 *   - unsubscribing waits for the call under way, and no call comes after it
 *   - closing waits for callbacks, names one that does not return, and leaves nothing */
#include <poll.h>

#include "e2e/api_lib.h"
#include "exec/node.h" /* to see who is inside a call */
#include "exec/subscription.h"

#define NEWS "event.test.news"

static weft_node *open_news(void)
{
    weft_node *node = open_node();
    check_ok(weft_channel_declare(node, NEWS, NULL));
    return node;
}

static weft_subscription *listen(weft_node *node, const char *pattern,
                                 void (*heard)(const weft_event *event, void *context), void *context,
                                 const weft_subscribe_options *options)
{
    weft_subscription *subscription;
    check_ok(weft_subscribe(node, pattern, heard, context, options, &subscription));
    return subscription;
}

static uint32_t publish(weft_node *node, const char *text)
{
    uint32_t heard = 99;
    thread_check_ok(weft_publish(node, NEWS, weft_text(text), NULL, &heard));
    return heard;
}

/* Takes one and checks its text. */
static void check_next(weft_subscription *subscription, const char *text)
{
    weft_event event;
    size_t count;
    check_ok(weft_subscription_next(subscription, WEFT_FOREVER, &event, 1, &count));
    check_eq(count, 1);
    check_str(event.payload.data, text); /* a zero follows */
    weft_event_release(&event);
    check_true(!event.memory && !event.channel);
    weft_event_release(&event);
}

/* --- what is refused -------------------------------------------------------------------------- */

static void never(const weft_event *event, void *context)
{
    (void)event;
    (void)context;
    thread_check_true(false);
}

static void never_ends(weft_error why, void *context)
{
    (void)why;
    (void)context;
    thread_check_true(false);
}

static void subscribing_is_refused_with_the_reason(void **state)
{
    (void)state;
    weft_node *node = open_news();
    weft_node *stranger = open_node();
    weft_subscribe_options o;
    weft_subscription *s;
    weft_participant *foreign;
    weft_group *group;
    weft_event event;
    weft_subscription_info info;
    size_t count;
    int fd;
    check_ok(weft_participant_declare(stranger, "foreign", &foreign));
    check_ok(weft_group_open(stranger, NULL, &group));
#define REFUSED(field, value)                                                                                          \
    o = (weft_subscribe_options)WEFT_SUBSCRIBE_OPTIONS;                                                                \
    o.field = value;                                                                                                   \
    check_err(weft_subscribe(node, NEWS, never, NULL, &o, &s), WEFT_EINVAL)
    check_err(weft_subscribe(NULL, NEWS, never, NULL, NULL, &s), WEFT_EINVAL);
    check_err(weft_subscribe(node, NULL, never, NULL, NULL, &s), WEFT_EINVAL);
    check_err(weft_subscribe(node, NEWS, never, NULL, NULL, NULL), WEFT_EINVAL);
    check_err(weft_subscribe(node, "news", never, NULL, NULL, &s), WEFT_EINVAL);
    check_err(weft_subscribe(node, "news.*", never, NULL, NULL, &s), WEFT_EINVAL);
    check_err(weft_subscribe(node, CHANNEL, never, NULL, NULL, &s), WEFT_EINVAL);
    check_err(weft_subscribe(node, "event.test.absent", never, NULL, NULL, &s), WEFT_ENOCHANNEL);
    check_true(strstr(weft_error_message(), "event.test.absent") != NULL);
    REFUSED(version, 2);
    REFUSED(slow, (weft_slow)3);
    REFUSED(items_max, 0);
    REFUSED(items_max, WEFT_INBOX_MAX + 1);
    REFUSED(bytes_max, 0);
    REFUSED(flags, 64);
    REFUSED(participant, foreign);
    REFUSED(group, group);
    o = (weft_subscribe_options)WEFT_SUBSCRIBE_OPTIONS;
    o.slow = WEFT_DISCONNECT, o.stall_ms = 0;
    check_err(weft_subscribe(node, NEWS, NULL, NULL, &o, &s), WEFT_EINVAL);
    o = (weft_subscribe_options)WEFT_SUBSCRIBE_OPTIONS;
    o.ended = never_ends;
    check_err(weft_subscribe(node, NEWS, NULL, NULL, &o, &s), WEFT_EINVAL);

    s = listen(node, NEWS, never, NULL, NULL);
    check_err(weft_subscription_next(s, 0, &event, 1, &count), WEFT_EINVAL);
    check_err(weft_subscription_fd(s, &fd), WEFT_EINVAL);
    check_err(weft_subscription_next(NULL, 0, &event, 1, &count), WEFT_EINVAL);
    check_err(weft_subscription_info_get(s, NULL), WEFT_EINVAL);
    check_err(weft_subscription_info_get(NULL, &info), WEFT_EINVAL);
    check_ok(weft_subscription_info_get(s, &info));
    check_str(info.participant, "process");
    check_ok(weft_unsubscribe(s));
    check_ok(weft_unsubscribe(NULL));
    weft_participant_release(foreign);
    close_node(stranger);
    check_ok(weft_node_close(node, 10000));
}

static void publishing_is_refused_with_the_reason(void **state)
{
    (void)state;
    weft_node *node = open_news();
    weft_publish_options o = WEFT_PUBLISH_OPTIONS;
    weft_channel_options small = WEFT_CHANNEL_OPTIONS;
    weft_participant *dead;
    char *large = calloc(1, 100000);
    small.payload_bytes_max = 10;
    check_ok(weft_channel_declare(node, "event.test.small", &small));
    check_err(weft_publish(NULL, NEWS, WEFT_TEXT("x"), NULL, NULL), WEFT_EINVAL);
    check_err(weft_publish(node, NULL, WEFT_TEXT("x"), NULL, NULL), WEFT_EINVAL);
    check_err(weft_publish(node, NEWS, (weft_bytes){NULL, 1}, NULL, NULL), WEFT_EINVAL);
    check_err(weft_publish(node, "no name", WEFT_TEXT("x"), NULL, NULL), WEFT_EINVAL);
    check_err(weft_publish(node, CHANNEL, WEFT_TEXT("x"), NULL, NULL), WEFT_EINVAL);
    check_err(weft_publish(node, "event.test.absent", WEFT_TEXT("x"), NULL, NULL), WEFT_ENOCHANNEL);
    check_err(weft_publish(node, "event.test.small", WEFT_TEXT("12345678901"), NULL, NULL), WEFT_ELIMIT);
    check_err(weft_publish(node, "event.test.small", (weft_bytes){large, 100000}, NULL, NULL), WEFT_ELIMIT);
    check_ok(weft_publish(node, NEWS, (weft_bytes){large, 100000}, NULL, NULL));
    o.version = 2;
    check_err(weft_publish(node, NEWS, WEFT_TEXT("x"), &o, NULL), WEFT_EINVAL);
    o = (weft_publish_options)WEFT_PUBLISH_OPTIONS;
    o.content_type = "";
    check_err(weft_publish(node, NEWS, WEFT_TEXT("x"), &o, NULL), WEFT_EINVAL);
    o = (weft_publish_options)WEFT_PUBLISH_OPTIONS;
    check_ok(weft_participant_declare(node, "dead", &dead));
    check_ok(weft_participant_dead(dead, 0));
    o.participant = dead;
    check_err(weft_publish(node, NEWS, WEFT_TEXT("x"), &o, NULL), WEFT_EDEAD);
    o.flags = WEFT_OWNER_THREAD;
    check_err(weft_publish(node, NEWS, WEFT_TEXT("x"), &o, NULL), WEFT_EINVAL);
    check_err(weft_channel_pause(node, NEWS), WEFT_EINVAL);
    check_true(strstr(weft_error_message(), "event channel") != NULL);
    check_ok(weft_channel_drain(node, NEWS, 0));
    check_err(weft_publish(node, NEWS, WEFT_TEXT("x"), NULL, NULL), WEFT_ECLOSED);
    check_ok(weft_channel_resume(node, NEWS));
    check_eq(publish(node, "x"), 0);
    weft_participant_release(dead);
    free(large);
    check_ok(weft_node_close(node, 10000));
}

static void bounds_are_told(void **state)
{
    (void)state;
    weft_node_options options = WEFT_NODE_OPTIONS;
    weft_node *node;
    weft_subscription *s;
    options.subscriptions_max = 0;
    check_err(weft_node_open(&options, &node), WEFT_EINVAL);
    options.subscriptions_max = 1;
    check_ok(weft_node_open(&options, &node));
    check_ok(weft_channel_declare(node, NEWS, NULL));
    s = listen(node, NEWS, NULL, NULL, NULL);
    check_err(weft_subscribe(node, NEWS, NULL, NULL, NULL, &s), WEFT_ELIMIT);
    check_true(strstr(weft_error_message(), "subscriptions_max") != NULL);
    close_node(node);
}

/* --- what is heard ---------------------------------------------------------------------------- */

static void event_arrives_whole_and_lives_until_it_is_released(void **state)
{
    (void)state;
    weft_node *node = open_news();
    weft_publish_options o = WEFT_PUBLISH_OPTIONS;
    weft_event event;
    size_t count;
    uint32_t heard;
    weft_subscription *s = listen(node, NEWS, NULL, NULL, NULL);
    weft_subscription *all = listen(node, "event.*.*", NULL, NULL, NULL);
    o.content_type = "text/plain";
    o.flags = WEFT_OWNER_THREAD;
    check_ok(weft_publish(node, NEWS, WEFT_TEXT("hello"), &o, &heard));
    check_eq(heard, 2);
    check_ok(weft_subscription_next(s, soon(), &event, 1, &count));
    check_ok(weft_unsubscribe(s));
    check_ok(weft_unsubscribe(all));
    check_ok(weft_channel_delete(node, NEWS));
    check_str(event.channel, NEWS);
    check_str(event.payload.data, "hello");
    check_eq(event.payload.size, 5);
    check_str(event.content_type, "text/plain");
    check_eq(event.number, 1);
    check_eq(event.dropped, 0);
    check_true(event.publisher != 0 && event.published_wall_ns > UINT64_C(1500000000000000000));
    weft_event_release(&event);
    weft_event_release(NULL);
    close_node(node);
}

enum { PUBLISHERS = 4, EACH = 3000 };

struct said {
    uint32_t publisher, value;
};

struct crowd {
    weft_node *node;
    uint32_t publisher;
    weft_publish_options options;
};

static void *publish_many(void *argument)
{
    struct crowd *crowd = argument;
    struct said said = {.publisher = crowd->publisher};
    while (said.value++ < EACH)
        thread_check_ok(weft_publish(crowd->node, NEWS, (weft_bytes){&said, sizeof said}, &crowd->options, NULL));
    return NULL;
}

/* What one subscriber saw: in the order of numbers, and of each publisher. */
struct witness {
    uint64_t numbers, sessions[PUBLISHERS];
    uint32_t last[PUBLISHERS];
    unsigned seen;
    struct event all;
};

static void witness(const weft_event *event, void *context)
{
    struct witness *w = context;
    struct said said;
    memcpy(&said, event->payload.data, sizeof said);
    uint64_t *session = &w->sessions[said.publisher];
    if (!*session) *session = event->publisher;
    thread_check_eq(*session, event->publisher);
    thread_check_eq(said.value, w->last[said.publisher] + 1);
    w->last[said.publisher] = said.value;
    thread_check_eq(event->number, ++w->numbers);
    thread_check_eq(event->dropped, 0);
    if (++w->seen == PUBLISHERS * EACH) event_give(&w->all);
}

static void *pull_all(void *argument)
{
    struct {
        weft_subscription *subscription;
        struct witness *witness;
    } *puller = argument;
    while (puller->witness->seen < PUBLISHERS * EACH) {
        weft_event events[100];
        size_t count;
        thread_check_ok(weft_subscription_next(puller->subscription, WEFT_FOREVER, events, 100, &count));
        for (size_t i = 0; i < count; i++) {
            witness(&events[i], puller->witness);
            weft_event_release(&events[i]);
        }
    }
    return NULL;
}

static void each_sees_all_in_one_order_from_many_publishers(void **state)
{
    (void)state;
    weft_node *node = open_news();
    weft_subscribe_options options = WEFT_SUBSCRIBE_OPTIONS;
    static struct witness witnesses[5];
    struct crowd crowds[PUBLISHERS];
    pthread_t threads[PUBLISHERS + 1];
    char name[16];
    memset(witnesses, 0, sizeof witnesses);
    options.items_max = WEFT_INBOX_MAX;
    for (int i = 0; i < 4; i++)
        (void)listen(node, i % 2 ? NEWS : "event.test.*", witness, &witnesses[i], &options);
    struct {
        weft_subscription *subscription;
        struct witness *witness;
    } puller = {listen(node, NEWS, NULL, NULL, &options), &witnesses[4]};
    threads[PUBLISHERS] = start(pull_all, &puller);
    for (int i = 0; i < PUBLISHERS; i++) {
        crowds[i] = (struct crowd){node, (uint32_t)i, WEFT_PUBLISH_OPTIONS};
        snprintf(name, sizeof name, "p%d", i);
        check_ok(weft_participant_declare(node, name, &crowds[i].options.participant));
        threads[i] = start(publish_many, &crowds[i]);
    }
    for (int i = 0; i <= PUBLISHERS; i++)
        join(threads[i]);
    for (int i = 0; i < 5; i++) {
        event_await(&witnesses[i].all, 1);
        check_eq(witnesses[i].seen, PUBLISHERS * EACH);
    }
    for (int i = 0; i < PUBLISHERS; i++)
        weft_participant_release(crowds[i].options.participant);
    weft_node_stats stats;
    weft_channel_info info;
    check_ok(weft_node_stats_get(node, &stats));
    check_eq(stats.published, PUBLISHERS * EACH);
    check_eq(stats.delivered, 5 * PUBLISHERS * EACH);
    check_eq(stats.dropped, 0);
    check_eq(stats.subscriptions, 5);
    check_ok(weft_channel_info_get(node, NEWS, &info));
    check_eq(info.subscribers, 5);
    check_eq(info.delivered, stats.delivered);
    check_ok(weft_node_close(node, 10000));
}

/* --- slow and stuck --------------------------------------------------------------------------- */

/* Says that it began, waits for leave to go on. */
struct pause {
    struct event began, go_on, ended;
    atomic_uint calls;
    atomic_int why;
};

static void stuck(const weft_event *event, void *context)
{
    struct pause *pause = context;
    (void)event;
    atomic_fetch_add(&pause->calls, 1);
    event_give(&pause->began);
    event_await(&pause->go_on, 1);
}

static void stepwise(const weft_event *event, void *context)
{
    struct pause *pause = context;
    (void)event;
    event_give(&pause->began);
    event_await(&pause->go_on, 1 + atomic_fetch_add(&pause->calls, 1));
}

static void tell(weft_error why, void *context)
{
    struct pause *pause = context;
    atomic_store(&pause->why, (int)why);
    event_give(&pause->ended);
}

struct count {
    struct event calls;
};

static void count(const weft_event *event, void *context)
{
    (void)event;
    event_give(&((struct count *)context)->calls);
}

static void stuck_callback_stops_nobody_else(void **state)
{
    (void)state;
    weft_node_options node_options = WEFT_NODE_OPTIONS;
    weft_node *node;
    node_options.threads = 2;
    check_ok(weft_node_open(&node_options, &node));
    check_ok(weft_channel_declare(node, NEWS, NULL));
    check_ok(weft_channel_declare(node, CHANNEL, NULL));
    struct pause pause = {.calls = 0};
    struct count others[2] = {{.calls = {.count = 0}}};
    weft_subscription *hangs = listen(node, NEWS, stuck, &pause, NULL);
    check_eq(publish(node, "0"), 1);
    event_await(&pause.began, 1);
    (void)listen(node, NEWS, count, &others[0], NULL);
    (void)listen(node, NEWS, count, &others[1], NULL);
    (void)register_worker(node, CHANNEL, echo, NULL);
    for (unsigned i = 1; i <= 200; i++) {
        check_eq(publish(node, "x"), 3);
        event_await(&others[0].calls, i);
        event_await(&others[1].calls, i);
        weft_reply reply = dispatch(node, CHANNEL, "task");
        check_reply_text(&reply, "task");
    }
    check_eq(atomic_load(&pause.calls), 1);
    event_give(&pause.go_on);
    check_ok(weft_unsubscribe(hangs));
    check_ok(weft_node_close(node, 10000));
}

static void stuck_one_is_cut_off_and_a_slow_one_is_not(void **state)
{
    (void)state;
    weft_node *node = open_news();
    struct pause hangs = {.calls = 0}, goes_on = {.calls = 0};
    weft_subscribe_options o = WEFT_SUBSCRIBE_OPTIONS;
    weft_group_options g = WEFT_GROUP_OPTIONS;
    weft_group *group;
    weft_subscription_info info;
    weft_channel_info channel;
    g.threads = 2;
    check_ok(weft_group_open(node, &g, &group));
    o.slow = WEFT_DISCONNECT;
    o.items_max = 4;
    o.stall_ms = 300;
    o.ended = tell;
    o.group = group;
    weft_subscription *cut = listen(node, NEWS, stuck, &hangs, &o);
    weft_subscription *slow = listen(node, NEWS, stepwise, &goes_on, &o);
    check_eq(publish(node, "first"), 2);
    event_await(&hangs.began, 1);
    event_await(&goes_on.began, 1);
    do { /* both inboxes are full all the time, and one goes on */
        for (int i = 0; i < 8; i++)
            (void)publish(node, "more");
        event_give(&goes_on.go_on);
        event_await(&goes_on.began, goes_on.go_on.count + 1);
        check_ok(weft_subscription_info_get(slow, &info));
        check_eq(info.ended, WEFT_OK);
        check_ok(weft_subscription_info_get(cut, &info));
    } while (!info.ended);
    check_eq(info.ended, WEFT_ESLOW);
    check_eq(info.items, 4);
    do { /* a client node cuts off its own, and tells its node, which had nothing to cut off */
        check_ok(weft_channel_info_get(node, NEWS, &channel));
    } while (dialled() && channel.subscribers == 2);
    check_eq(channel.cut, dialled() ? 0 : 1);
    check_eq(channel.subscribers, 1);
    check_eq(atomic_load(&hangs.calls), 1);
    event_give(&hangs.go_on);
    event_await(&hangs.ended, 1);
    check_eq(atomic_load(&hangs.why), WEFT_ESLOW);
    check_eq(atomic_load(&hangs.calls), 5); /* with what was in its inbox */
    for (int i = 0; i < 100; i++)
        event_give(&goes_on.go_on);
    check_ok(weft_unsubscribe(cut));
    check_ok(weft_unsubscribe(slow));
    check_eq(goes_on.ended.count, 0);
    check_ok(weft_group_close(group));
    check_ok(weft_node_close(node, 10000));
}

/* --- callbacks and the group ------------------------------------------------------------------ */

struct asker {
    weft_node *node;
    struct event answered;
};

static void ask(const weft_event *event, void *context)
{
    struct asker *asker = context;
    weft_reply reply;
    thread_check_ok(weft_dispatch(asker->node, CHANNEL, event->payload, NULL, &reply));
    thread_check_str(weft_outcome_name(reply.outcome), "completed");
    weft_reply_release(&reply);
    event_give(&asker->answered);
}

static weft_node *open_narrow(uint32_t threads, uint32_t threads_max)
{
    weft_node_options options = WEFT_NODE_OPTIONS;
    weft_node *node;
    options.threads = threads;
    options.threads_max = threads_max;
    check_ok(weft_node_open(&options, &node));
    check_ok(weft_channel_declare(node, CHANNEL, NULL));
    check_ok(weft_channel_declare(node, NEWS, NULL));
    return node;
}

static void callback_that_blocks_lends_its_thread(void **state)
{
    (void)state;
    weft_node *node = open_narrow(1, 2);
    struct asker asker = {.node = node};
    (void)register_worker(node, CHANNEL, echo, NULL);
    (void)listen(node, NEWS, ask, &asker, NULL);
    for (unsigned i = 1; i <= 50; i++) {
        check_eq(publish(node, "x"), 1);
        if (i % 5 == 0) event_await(&asker.answered, i);
    }
    check_ok(weft_node_close(node, 10000));
}

/* Publishes the next event and dispatches the next task: both never end by themselves. */
struct chain {
    weft_node *node;
    struct event heard, handled;
    atomic_bool stop;
};

/* The node may have begun to close since it was asked. */
static void check_goes_on(struct chain *chain, weft_error error)
{
    thread_check_true(!error || (error == WEFT_ECLOSED && atomic_load(&chain->stop)));
}

static void hear_on(const weft_event *event, void *context)
{
    struct chain *chain = context;
    (void)event;
    event_give(&chain->heard);
    if (!atomic_load(&chain->stop)) check_goes_on(chain, weft_publish(chain->node, NEWS, WEFT_TEXT("x"), NULL, NULL));
}

static void handle_on(weft_task *task, void *context)
{
    struct chain *chain = context;
    event_give(&chain->handled);
    if (!atomic_load(&chain->stop))
        check_goes_on(chain, weft_dispatch_async(chain->node, CHANNEL, WEFT_TEXT("x"), NULL, NULL, NULL, 0, NULL));
    thread_check_ok(weft_task_complete(task, WEFT_TEXT("")));
}

static void await_more(struct event *event, unsigned count)
{
    pthread_mutex_lock(&event->mutex);
    count += event->count;
    pthread_mutex_unlock(&event->mutex);
    event_await(event, count);
}

static void tasks_and_callbacks_of_one_thread_take_turns(void **state)
{
    (void)state;
    weft_node *node = open_narrow(1, 1);
    struct chain chain = {.node = node};
    (void)register_worker(node, CHANNEL, handle_on, &chain);
    (void)listen(node, NEWS, hear_on, &chain, NULL);
    for (int i = 0; i < 5; i++) {
        check_eq(publish(node, "x"), 1);
        check_ok(weft_dispatch_async(node, CHANNEL, WEFT_TEXT("x"), NULL, NULL, NULL, 0, NULL));
    }
    for (unsigned i = 1; i <= 20; i++) {
        await_more(&chain.heard, 5);
        await_more(&chain.handled, 5);
    }
    atomic_store(&chain.stop, true);
    check_ok(weft_node_close(node, 10000));
}

static void *lend(void *argument)
{
    thread_check_err(weft_group_run(argument, WEFT_FOREVER), WEFT_ECLOSED);
    return NULL;
}

static void lent_thread_of_the_hosts_hears(void **state)
{
    (void)state;
    weft_node *node = open_news();
    weft_group_options g = WEFT_GROUP_OPTIONS;
    weft_subscribe_options o = WEFT_SUBSCRIBE_OPTIONS;
    weft_group *group;
    struct count counted = {.calls = {.count = 0}};
    g.threads = 0;
    check_ok(weft_group_open(node, &g, &group));
    o.group = group;
    weft_subscription *s = listen(node, NEWS, count, &counted, &o);
    check_eq(publish(node, "a"), 1);
    pthread_t thread = start(lend, group);
    event_await(&counted.calls, 1);
    check_eq(publish(node, "b"), 1);
    event_await(&counted.calls, 2);
    check_err(weft_group_close(group), WEFT_EBUSY);
    check_ok(weft_unsubscribe(s));
    while (weft_node_close(node, 10000))
        ;
    join(thread);
}

/* --- ends ------------------------------------------------------------------------------------- */

static void *wait_for_next(void *argument)
{
    weft_event event;
    size_t count;
    weft_error error = weft_subscription_next(argument, WEFT_FOREVER, &event, 1, &count);
    if (!error) weft_event_release(&event);
    return (void *)(uintptr_t)error;
}

static void await_inside(weft_subscription *subscription, unsigned count)
{
    for (bool inside = false; !inside;) {
        (void)weft__enter(subscription->node);
        inside = subscription->callers_count == count;
        weft__leave(subscription->node);
    }
}

static void check_told(pthread_t thread, weft_error expected)
{
    void *told;
    check_eq(pthread_join(thread, &told), 0);
    check_err((weft_error)(uintptr_t)told, expected);
}

static void death_of_the_participant_ends_its_subscriptions(void **state)
{
    (void)state;
    weft_node *node = open_news();
    weft_subscribe_options o = WEFT_SUBSCRIBE_OPTIONS;
    weft_participant *person;
    struct pause pause = {.calls = 0};
    check_ok(weft_participant_declare(node, "person", &person));
    o.participant = person;
    weft_subscription *pulls = listen(node, NEWS, NULL, NULL, &o);
    o.ended = tell;
    event_give(&pause.go_on);
    weft_subscription *called = listen(node, "*.*.*", stuck, &pause, &o);
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        threads[i] = start(wait_for_next, pulls);
    check_ok(weft_participant_dead(person, 0));
    while (publish(node, "x") > 0) /* the node of a client node is told */
        check_true(dialled());
    for (int i = 0; i < 3; i++)
        check_told(threads[i], WEFT_EDEAD);
    event_await(&pause.ended, 1);
    check_eq(atomic_load(&pause.why), WEFT_EDEAD);
    check_eq(atomic_load(&pause.calls), 0);
    check_ok(weft_unsubscribe(pulls));
    check_ok(weft_unsubscribe(called));
    weft_participant_release(person);
    check_ok(weft_node_close(node, 10000));
}

static void *subscribes_for_itself(void *argument)
{
    weft_subscribe_options o = WEFT_SUBSCRIBE_OPTIONS;
    weft_subscription *s;
    o.flags = WEFT_OWNER_THREAD;
    thread_check_ok(weft_subscribe(argument, NEWS, NULL, NULL, &o, &s));
    return s;
}

static void thread_that_ends_takes_its_subscriptions_with_it(void **state)
{
    (void)state;
    weft_node *node = open_news();
    pthread_t thread = start(subscribes_for_itself, node);
    void *subscription;
    check_eq(pthread_join(thread, &subscription), 0);
    check_told(start(wait_for_next, subscription), WEFT_EDEAD);
    while (publish(node, "x") > 0) /* the node of a client node is told */
        check_true(dialled());
    check_ok(weft_unsubscribe(subscription));
    check_ok(weft_node_close(node, 10000));
}

static void deleting_the_channel_is_told(void **state)
{
    (void)state;
    weft_node *node = open_news();
    weft_event event;
    size_t taken;
    weft_subscription *s = listen(node, NEWS, NULL, NULL, NULL);
    check_eq(publish(node, "left"), 1);
    check_ok(weft_channel_delete(node, NEWS));
    check_next(s, "left");
    check_err(weft_subscription_next(s, WEFT_FOREVER, &event, 1, &taken), WEFT_ECLOSED);
    check_err(weft_subscription_next(s, 0, &event, 1, &taken), WEFT_ECLOSED);
    close_node(node);
}

static void waiting_ends_in_time_or_with_the_subscription(void **state)
{
    (void)state;
    weft_node *node = open_news();
    weft_event event;
    size_t taken;
    weft_subscription *s = listen(node, NEWS, NULL, NULL, NULL);
    check_err(weft_subscription_next(s, 0, &event, 1, &taken), WEFT_EAGAIN);
    check_err(weft_subscription_next(s, 1, &event, 1, &taken), WEFT_ETIMEDOUT);
    check_err(weft_subscription_next(s, 1, &event, 0, &taken), WEFT_EINVAL);
    pthread_t threads[2] = {start(wait_for_next, s), start(wait_for_next, s)};
    await_inside(s, 2);
    check_ok(weft_unsubscribe(s));
    check_told(threads[0], WEFT_ECLOSED);
    check_told(threads[1], WEFT_ECLOSED);
    close_node(node);
}

/* --- a loop of the host's --------------------------------------------------------------------- */

enum { LOOPED = 20000 };

static void *publish_looped(void *argument)
{
    for (unsigned i = 0; i < LOOPED; i++)
        thread_check_eq(publish(argument, "x"), 1);
    return NULL;
}

static void loop_with_the_eventfd_misses_nothing(void **state)
{
    (void)state;
    weft_node *node = open_news();
    weft_subscribe_options o = WEFT_SUBSCRIBE_OPTIONS;
    weft_error error = WEFT_OK;
    unsigned seen = 0;
    int fd, again;
    o.items_max = WEFT_INBOX_MAX;
    weft_subscription *s = listen(node, NEWS, NULL, NULL, &o);
    check_ok(weft_subscription_fd(s, &fd));
    check_ok(weft_subscription_fd(s, &again));
    check_eq(fd, again);
    pthread_t thread = start(publish_looped, node);
    bool deleted = false;
    while (error != WEFT_ECLOSED) {
        struct pollfd look = {.fd = fd, .events = POLLIN};
        uint64_t times;
        weft_event events[16];
        size_t n;
        check_eq(poll(&look, 1, -1), 1);
        check_eq(read(fd, &times, sizeof times), sizeof times);
        while (!(error = weft_subscription_next(s, 0, events, 16, &n)))
            for (size_t i = 0; i < n; i++) {
                check_eq(events[i].number, ++seen);
                weft_event_release(&events[i]);
            }
        if (seen == LOOPED && !deleted) {
            check_ok(weft_channel_delete(node, NEWS)); /* its end is told, too */
            deleted = true;
        }
    }
    join(thread);
    check_eq(seen, LOOPED);
    check_ok(weft_unsubscribe(s));
    close_node(node);
}

/* --- unsubscribing ---------------------------------------------------------------------------- */

struct fleeting {
    weft_subscription *subscription;
    struct event calls;
    atomic_bool gone, inside;
};

static void not_after_the_end(const weft_event *event, void *context)
{
    struct fleeting *f = context;
    (void)event;
    thread_check_true(!atomic_load(&f->gone));
    thread_check_true(!atomic_exchange(&f->inside, true)); /* one at a time */
    event_give(&f->calls);
    atomic_store(&f->inside, false);
}

struct flow {
    weft_node *node;
    atomic_bool stop;
};

static void *flow(void *argument)
{
    struct flow *f = argument;
    while (!atomic_load(&f->stop))
        thread_check_ok(weft_publish(f->node, NEWS, WEFT_TEXT("x"), NULL, NULL));
    return NULL;
}

static void no_call_comes_after_unsubscribe_while_events_flow(void **state)
{
    (void)state;
    weft_node *node = open_news();
    struct flow flowing = {.node = node};
    pthread_t threads[2] = {start(flow, &flowing), start(flow, &flowing)};
    for (int round = 0; round < 100; round++) {
        struct fleeting f[3];
        memset(f, 0, sizeof f);
        weft_subscribe_options o = WEFT_SUBSCRIBE_OPTIONS;
        o.items_max = 64;
        for (int i = 0; i < 3; i++) {
            pthread_mutex_init(&f[i].calls.mutex, NULL);
            pthread_cond_init(&f[i].calls.cond, NULL);
            f[i].subscription = listen(node, i ? NEWS : "event.*.news", not_after_the_end, &f[i], &o);
        }
        weft_subscription *pulls = listen(node, NEWS, NULL, NULL, &o);
        event_await(&f[round % 3].calls, 3);
        for (int i = 0; i < 3; i++) {
            check_ok(weft_unsubscribe(f[i].subscription));
            atomic_store(&f[i].gone, true);
        }
        check_ok(weft_unsubscribe(pulls));
    }
    atomic_store(&flowing.stop, true);
    join(threads[0]);
    join(threads[1]);
    weft_node_stats stats;
    check_ok(weft_node_stats_get(node, &stats));
    check_eq(stats.subscriptions, 0);
    check_ok(weft_node_close(node, 10000));
}

struct self {
    weft_node *node;
    weft_subscription *itself, *other;
    struct event done;
};

static void end_itself(const weft_event *event, void *context)
{
    struct self *self = context;
    (void)event;
    thread_check_err(weft_unsubscribe(self->itself), WEFT_EDEADLK);
    thread_check_err(weft_node_close(self->node, 0), WEFT_EDEADLK);
    if (self->other) thread_check_ok(weft_unsubscribe(self->other));
    self->other = NULL;
    event_give(&self->done);
}

static void from_its_own_callback_it_is_a_deadlock(void **state)
{
    (void)state;
    weft_node *node = open_news();
    struct self self = {.node = node};
    struct count counted = {.calls = {.count = 0}};
    self.other = listen(node, NEWS, count, &counted, NULL);
    self.itself = listen(node, NEWS, end_itself, &self, NULL);
    check_eq(publish(node, "x"), 2);
    event_await(&self.done, 1);
    check_eq(publish(node, "x"), 1);
    event_await(&self.done, 2);
    check_ok(weft_unsubscribe(self.itself));
    check_ok(weft_node_close(node, 10000));
}

/* --- closing ---------------------------------------------------------------------------------- */

static void closing_hears_out_and_tells_the_end(void **state)
{
    (void)state;
    weft_node *node = open_news();
    struct pause pause = {.calls = 0};
    weft_subscribe_options o = WEFT_SUBSCRIBE_OPTIONS;
    weft_event event;
    size_t taken;
    o.ended = tell;
    event_give(&pause.go_on);
    (void)listen(node, NEWS, stuck, &pause, &o);
    weft_subscription *pulls = listen(node, NEWS, NULL, NULL, NULL);
    for (int i = 0; i < 300; i++)
        check_eq(publish(node, "x"), 2);
    check_ok(weft_subscription_next(pulls, soon(), &event, 1, &taken));
    weft_event_release(&event);
    while (dialled() &&
           atomic_load(&pause.calls) < 300) /* what is still on its way to a client node is not heard out */
        sched_yield();
    check_ok(weft_node_close(node, 10000));
    check_eq(atomic_load(&pause.calls), 300);
    check_eq(pause.ended.count, 1);
    check_eq(atomic_load(&pause.why), WEFT_ECLOSED);
}

static void closing_names_a_callback_that_does_not_return(void **state)
{
    (void)state;
    weft_node *node = open_news();
    struct pause pause = {.calls = 0};
    weft_subscribe_options o = WEFT_SUBSCRIBE_OPTIONS;
    weft_subscription *quiet;
    o.ended = tell;
    (void)listen(node, "event.test.*", stuck, &pause, &o);
    quiet = listen(node, NEWS, NULL, NULL, NULL);
    for (int i = 0; i < 10; i++)
        check_eq(publish(node, "x"), 2);
    event_await(&pause.began, 1);
    check_told(start(wait_for_next, quiet), WEFT_OK); /* nine are left */
    check_err(weft_node_close(node, 0), WEFT_EBUSY);
    check_true(strstr(weft_error_message(), "event.test.*") != NULL);
    check_err(weft_publish(node, NEWS, WEFT_TEXT("x"), NULL, NULL), WEFT_ECLOSED);
    check_told(start(wait_for_next, quiet), WEFT_OK);
    event_give(&pause.go_on);
    check_ok(weft_node_close(node, 10000));
    check_eq(atomic_load(&pause.calls), 1); /* the rest was given up when its time was over */
    check_eq(atomic_load(&pause.why), WEFT_ECLOSED);
}

static void closing_ends_those_who_wait(void **state)
{
    (void)state;
    weft_node *node = open_news();
    weft_subscription *s = listen(node, NEWS, NULL, NULL, NULL);
    pthread_t threads[2] = {start(wait_for_next, s), start(wait_for_next, s)};
    await_inside(s, 2);
    weft_error error;
    while ((error = weft_node_close(node, 100)) == WEFT_EBUSY)
        ;
    check_ok(error);
    check_told(threads[0], WEFT_ECLOSED);
    check_told(threads[1], WEFT_ECLOSED);
}

static void closing_leaves_nothing(void **state)
{
    (void)state;
    unsigned threads = own_count("task"), descriptors = own_count("fd");
    weft_node *node = open_news();
    struct count counted = {.calls = {.count = 0}};
    int fd;
    (void)listen(node, NEWS, count, &counted, NULL);
    weft_subscription *s = listen(node, "event.*.*", NULL, NULL, NULL);
    check_ok(weft_subscription_fd(s, &fd));
    check_eq(publish(node, "x"), 2);
    check_ok(weft_node_close(node, 10000));
    check_eq(own_count("task"), threads);
    await_descriptors(descriptors);
    check_str(weft_slow_name(WEFT_DROP_OLDEST), "drop_oldest");
    check_str(weft_slow_name(WEFT_DROP_NEWEST), "drop_newest");
    check_str(weft_slow_name(WEFT_DISCONNECT), "disconnect");
    check_str(weft_slow_name((weft_slow)7), "none");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(subscribing_is_refused_with_the_reason),
        cmocka_unit_test(publishing_is_refused_with_the_reason),
        cmocka_unit_test(bounds_are_told),
        cmocka_unit_test(event_arrives_whole_and_lives_until_it_is_released),
        cmocka_unit_test(each_sees_all_in_one_order_from_many_publishers),
        cmocka_unit_test(stuck_callback_stops_nobody_else),
        cmocka_unit_test(stuck_one_is_cut_off_and_a_slow_one_is_not),
        cmocka_unit_test(callback_that_blocks_lends_its_thread),
        cmocka_unit_test(tasks_and_callbacks_of_one_thread_take_turns),
        cmocka_unit_test(lent_thread_of_the_hosts_hears),
        cmocka_unit_test(death_of_the_participant_ends_its_subscriptions),
        cmocka_unit_test(thread_that_ends_takes_its_subscriptions_with_it),
        cmocka_unit_test(deleting_the_channel_is_told),
        cmocka_unit_test(waiting_ends_in_time_or_with_the_subscription),
        cmocka_unit_test(loop_with_the_eventfd_misses_nothing),
        cmocka_unit_test(no_call_comes_after_unsubscribe_while_events_flow),
        cmocka_unit_test(from_its_own_callback_it_is_a_deadlock),
        cmocka_unit_test(closing_hears_out_and_tells_the_end),
        cmocka_unit_test(closing_names_a_callback_that_does_not_return),
        cmocka_unit_test(closing_ends_those_who_wait),
        cmocka_unit_test(closing_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
