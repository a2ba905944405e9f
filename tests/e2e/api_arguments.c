/* What is refused at the edge. Promises:
 *   - a pointer that must not be NULL is named, with the call, where it is
 *   - a content type is printable ASCII, wherever one is given
 *   - a payload that is large, and larger than its channel takes, is refused before it is copied
 *   - a channel with bytes_max 0 lets nothing wait
 *   - a template for channels that cannot be is refused
 *   - a thread keeps the name by which it was first seen */
#include "e2e/api_lib.h"

/* The call returned WEFT_EINVAL, and says that this is NULL. */
static void check_names(weft_error error, const char *call, const char *argument)
{
    char expected[128];
    check_err(error, WEFT_EINVAL);
    snprintf(expected, sizeof expected, "%s: %s is NULL", call, argument);
    check_str(weft_error_message(), expected);
}

static bool find_none(const weft_channel_info *info, void *context)
{
    (void)info, (void)context;
    return false;
}

static void cancel_none(weft_task *task, void *context)
{
    (void)task, (void)context;
}

static void what_is_null_is_named(void **state)
{
    (void)state;
    weft_node *node = open_node();
    const weft_bytes nothing = {0}, hole = {NULL, 1};
    weft_channel_info info;
    weft_latency latency;
    weft_death death;
    weft_reply reply;
    weft_task *task;
    weft_completions *completions;
    weft_participant *participant;
    weft_worker *worker;
    weft_group *group;
    weft_worker_info worker_info;
    weft_node_stats stats;
    weft_listing *listing;
    weft_why why;
    weft_event event;
    weft_subscription *subscription;
    char *text;
    size_t count;
    uint64_t start_time;
    check_ok(weft_completions_open(node, 1, &completions));
    check_ok(weft_worker_register(node, CHANNEL, NULL, NULL, NULL, &worker));
    check_ok(weft_dispatch_async(node, CHANNEL, nothing, NULL, NULL, NULL, 0, NULL));
    check_ok(weft_worker_next(worker, soon(), &task));
#define NAMES(argument, name, ...) check_names(name(__VA_ARGS__), #name, argument)
    NAMES("node", weft_node_open, NULL, NULL);
    NAMES("node", weft_node_default, NULL);
    NAMES("node", weft_node_stats_get, NULL, &stats);
    NAMES("stats", weft_node_stats_get, node, NULL);
    NAMES("node", weft_channel_declare, NULL, CHANNEL, NULL);
    NAMES("name", weft_channel_declare, node, NULL, NULL);
    NAMES("pattern", weft_channel_template, node, NULL, NULL);
    NAMES("name", weft_channel_pause, node, NULL);
    NAMES("name", weft_channel_resume, node, NULL);
    NAMES("name", weft_channel_drain, node, NULL, 0);
    NAMES("name", weft_channel_delete, node, NULL);
    NAMES("node", weft_channel_find, NULL, "*.*.*", find_none, NULL);
    NAMES("pattern", weft_channel_find, node, NULL, find_none, NULL);
    NAMES("found", weft_channel_find, node, "*.*.*", NULL, NULL);
    NAMES("name", weft_channel_info_get, node, NULL, &info);
    NAMES("info", weft_channel_info_get, node, CHANNEL, NULL);
    NAMES("name", weft_channel_latency_get, node, NULL, &latency);
    NAMES("latency", weft_channel_latency_get, node, CHANNEL, NULL);
    NAMES("deaths", weft_channel_deaths, node, CHANNEL, NULL, 1, &count);
    NAMES("count", weft_channel_deaths, node, CHANNEL, &death, 1, NULL);
    NAMES("participant", weft_participant_dead, NULL, 0);
    NAMES("start_time", weft_process_start_time, getpid(), NULL);
    NAMES("group", weft_group_open, node, NULL, NULL);
    NAMES("node", weft_group_open, NULL, NULL, &group);
    NAMES("group", weft_group_run, NULL, 0);
    NAMES("node", weft_worker_register, NULL, CHANNEL, echo, NULL, NULL, &worker);
    NAMES("channel", weft_worker_register, node, NULL, echo, NULL, NULL, &worker);
    NAMES("worker", weft_worker_register, node, CHANNEL, echo, NULL, NULL, NULL);
    NAMES("worker", weft_worker_drain, NULL, 0);
    NAMES("worker", weft_worker_next, NULL, 0, &task);
    NAMES("task", weft_worker_next, worker, 0, NULL);
    NAMES("fd", weft_worker_fd, worker, NULL);
    NAMES("worker", weft_worker_info_get, NULL, &worker_info);
    NAMES("info", weft_worker_info_get, worker, NULL);
    NAMES("task", weft_task_on_cancel, NULL, cancel_none, NULL);
    NAMES("cancelled", weft_task_on_cancel, task, NULL, NULL);
    NAMES("task", weft_task_heartbeat, NULL);
    NAMES("task", weft_task_progress, NULL, nothing);
    NAMES("payload", weft_task_progress, task, hole);
    NAMES("payload", weft_task_partial, task, hole, 0);
    NAMES("task", weft_task_keep, NULL);
    NAMES("task", weft_task_complete_as, NULL, nothing, NULL);
    NAMES("result", weft_task_complete_as, task, hole, NULL);
    NAMES("task", weft_task_fail, NULL, "code", NULL);
    NAMES("code", weft_task_fail, task, NULL, NULL);
    NAMES("task", weft_task_acknowledge_cancel, NULL);
    NAMES("task", weft_task_abandon, NULL);
    NAMES("reply", weft_dispatch, node, CHANNEL, nothing, NULL, NULL);
    NAMES("node", weft_completions_open, NULL, 1, &completions);
    NAMES("completions", weft_completions_open, node, 1, NULL);
    NAMES("completions", weft_dispatch_submit, NULL, CHANNEL, nothing, NULL, 0, NULL);
    NAMES("completions", weft_completions_next, NULL, 0, &reply, 1, &count);
    NAMES("replies", weft_completions_next, completions, 0, NULL, 1, &count);
    NAMES("count", weft_completions_next, completions, 0, &reply, 1, NULL);
    NAMES("fd", weft_completions_fd, completions, NULL);
    NAMES("node", weft_dispatch_cancel, NULL, (weft_dispatch_id){0});
    NAMES("reply", weft_dispatch_fetch, node, (weft_dispatch_id){0}, 0, NULL);
    NAMES("node", weft_publish, NULL, "event.a.b", nothing, NULL, NULL);
    NAMES("channel", weft_publish, node, NULL, nothing, NULL, NULL);
    NAMES("payload", weft_publish, node, "event.a.b", hole, NULL, NULL);
    NAMES("pattern", weft_subscribe, node, NULL, NULL, NULL, NULL, &subscription);
    NAMES("subscription", weft_subscribe, node, "event.a.b", NULL, NULL, NULL, NULL);
    NAMES("subscription", weft_subscription_next, NULL, 0, &event, 1, &count);
    NAMES("listing", weft_node_inspect, node, NULL, NULL);
    NAMES("node", weft_node_inspect, NULL, NULL, &listing);
    NAMES("listing", weft_listing_json, NULL, &text, NULL);
    NAMES("why", weft_dispatch_why, node, CHANNEL, NULL, NULL);
    NAMES("node", weft_why_get, NULL, (weft_dispatch_id){0}, &why);
    NAMES("why", weft_why_json, NULL, &text, NULL);
    NAMES("found", weft_letters_find, node, CHANNEL, NULL, NULL);
    NAMES("letter", weft_letter_fetch, node, CHANNEL, 0, NULL);
    NAMES("channel", weft_letter_put_back, node, NULL, 0, NULL);
    /* These speak of what they are about, for several calls. */
    check_names(weft_dispatch(NULL, CHANNEL, nothing, NULL, &reply), "dispatch", "node");
    check_names(weft_dispatch(node, NULL, nothing, NULL, &reply), "dispatch", "channel");
    check_names(weft_dispatch(node, CHANNEL, hole, NULL, &reply), "dispatch", "payload");
    check_names(weft_participant_declare(NULL, "x", &participant), "participant", "node");
    check_names(weft_participant_thread(node, "x", NULL), "participant", "participant");
    check_err(weft_completions_next(completions, 0, &reply, 0, &count), WEFT_EINVAL);
    check_str(weft_error_message(), "weft_completions_next: max is 0");
    check_err(weft_process_start_time(0, &start_time), WEFT_EINVAL);
    check_str(weft_error_message(), "weft_process_start_time: 0 is no process");
    check_err(weft_dispatch(node, "event.test.news", nothing, NULL, &reply), WEFT_ENOCHANNEL);
    check_ok(weft_channel_declare(node, "event.test.news", NULL));
    check_err(weft_dispatch(node, "event.test.news", nothing, NULL, &reply), WEFT_EINVAL);
    check_str(weft_error_message(), "event.test.news: only a dispatch channel takes dispatches");
    check_ok(weft_task_complete(task, nothing));
    check_ok(weft_node_close(node, WEFT_FOREVER));
}

static void a_content_type_is_printable(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "text\n", "\x1b[31mred", "text/\x7f", "\xc3\xa4", "a\tb"};
    weft_node *node = open_node();
    weft_worker *worker;
    weft_task *task;
    weft_dispatch_options options = WEFT_DISPATCH_OPTIONS;
    weft_publish_options publish = WEFT_PUBLISH_OPTIONS;
    char longest[WEFT_CONTENT_TYPE_MAX + 2];
    check_ok(weft_worker_register(node, CHANNEL, NULL, NULL, NULL, &worker));
    check_ok(weft_channel_declare(node, "event.test.news", NULL));
    memset(longest, 'x', sizeof longest);
    longest[WEFT_CONTENT_TYPE_MAX] = '\0';
    options.content_type = publish.content_type = longest;
    check_ok(weft_publish(node, "event.test.news", WEFT_TEXT("1"), &publish, NULL));
    check_ok(weft_dispatch_async(node, CHANNEL, WEFT_TEXT("1"), &options, NULL, NULL, 0, NULL));
    check_ok(weft_worker_next(worker, soon(), &task));
    longest[WEFT_CONTENT_TYPE_MAX] = 'x';
    longest[WEFT_CONTENT_TYPE_MAX + 1] = '\0';
    for (size_t i = 0; i <= sizeof bad / sizeof *bad; i++) {
        const char *type = i < sizeof bad / sizeof *bad ? bad[i] : longest;
        options.content_type = publish.content_type = type;
        check_err(weft_dispatch_async(node, CHANNEL, WEFT_TEXT("1"), &options, NULL, NULL, 0, NULL), WEFT_EINVAL);
        check_true(strstr(weft_error_message(), "content_type") != NULL);
        check_err(weft_publish(node, "event.test.news", WEFT_TEXT("1"), &publish, NULL), WEFT_EINVAL);
        check_err(weft_task_complete_as(task, WEFT_TEXT("1"), type), WEFT_EINVAL);
    }
    check_ok(weft_task_complete_as(task, WEFT_TEXT("1"), "application/json; charset=utf-8"));
    check_ok(weft_node_close(node, WEFT_FOREVER));
}

/* An allocator that remembers the most that was asked of it at once. */
static _Atomic size_t most_bytes;

static void *measured_alloc(void *context, size_t size)
{
    (void)context;
    if (size > most_bytes) most_bytes = size;
    return malloc(size);
}

static void measured_free(void *context, void *block)
{
    (void)context;
    free(block);
}

static void a_payload_that_is_too_large_is_not_copied(void **state)
{
    (void)state;
    const weft_allocator allocator = {.alloc = measured_alloc, .free = measured_free};
    weft_node_options options = WEFT_NODE_OPTIONS;
    weft_channel_options channel = WEFT_CHANNEL_OPTIONS;
    weft_node *node;
    weft_reply reply;
    weft_channel_info info;
    enum { LIMIT = 1 << 20, LARGE = 64 << 20 };
    char *large = malloc(LARGE);
    check_true(large != NULL);
    memset(large, 'x', LARGE);
    options.allocator = &allocator;
    channel.payload_bytes_max = LIMIT;
    check_ok(weft_node_open(&options, &node));
    check_ok(weft_channel_declare(node, CHANNEL, &channel));
    weft_worker *worker = register_worker(node, CHANNEL, echo, NULL);
    most_bytes = 0;
    check_ok(weft_dispatch(node, CHANNEL, (weft_bytes){large, LARGE}, NULL, &reply));
    check_reply_code(&reply, WEFT_REJECTED, "payload_too_large");
    struct refusal refusal = refused_async(node, CHANNEL, (weft_bytes){large, LIMIT + 1}, NULL);
    check_str(refusal.reason, "payload_too_large");
    if (!dialled()) check_true(most_bytes < 65536); /* a client node knows no channel's bound */
    check_ok(weft_channel_info_get(node, CHANNEL, &info));
    check_eq(info.rejected_by[WEFT_REJECTED_PAYLOAD_TOO_LARGE], dialled() ? 1 : 2); /* what fits no frame stays here */
    check_err(weft_dispatch(node, "dispatch.test.absent", (weft_bytes){large, LIMIT}, NULL, &reply), WEFT_ENOCHANNEL);

    check_ok(weft_dispatch(node, CHANNEL, (weft_bytes){large, LIMIT}, NULL, &reply)); /* just what it takes */
    check_eq(reply.outcome, WEFT_COMPLETED);
    check_eq(reply.payload.size, LIMIT);
    check_true(memcmp(reply.payload.data, large, LIMIT) == 0);
    weft_reply_release(&reply);
    check_ok(weft_worker_unregister(worker));
    check_ok(weft_node_close(node, WEFT_FOREVER));
    free(large);
}

static void with_no_bytes_nothing_waits(void **state)
{
    (void)state;
    weft_node *node;
    weft_channel_options channel = WEFT_CHANNEL_OPTIONS;
    weft_worker *worker;
    weft_task *task;
    weft_reply reply;
    channel.bytes_max = 0;
    for (int full = WEFT_REJECT; full <= WEFT_BLOCK; full++) {
        channel.queue_full = (weft_queue_full)full;
        check_ok(weft_node_open(NULL, &node));
        check_ok(weft_channel_declare(node, CHANNEL, &channel));
        check_ok(weft_dispatch(node, CHANNEL, (weft_bytes){0}, NULL, &reply)); /* nobody there */
        check_reply_code(&reply, WEFT_REJECTED, "queue_full");
        check_ok(weft_worker_register(node, CHANNEL, NULL, NULL, NULL, &worker));
        check_ok(weft_dispatch_async(node, CHANNEL, WEFT_TEXT("1"), NULL, NULL, NULL, 0, NULL));
        check_ok(weft_worker_next(worker, soon(), &task));
        check_ok(weft_dispatch(node, CHANNEL, WEFT_TEXT("1"), NULL, &reply)); /* busy */
        check_reply_code(&reply, WEFT_REJECTED, "queue_full");
        check_ok(weft_task_complete(task, (weft_bytes){0}));
        check_ok(weft_node_close(node, WEFT_FOREVER));
    }
}

static void templates_of_kinds_that_are_not_served_are_refused(void **state)
{
    (void)state;
    weft_node *node = open_node();
    check_err(weft_channel_template(node, "signal.media.*", NULL), WEFT_EUNSUPPORTED);
    check_true(strstr(weft_error_message(), "signal.media.*") != NULL);
    check_err(weft_channel_template(node, "history.*.*", NULL), WEFT_EUNSUPPORTED);
    check_err(weft_channel_template(node, "dipsatch.media.*", NULL), WEFT_EINVAL);
    check_true(strstr(weft_error_message(), "dispatch") != NULL);
    check_ok(weft_channel_template(node, "dispatch.media.*", NULL));
    check_ok(weft_channel_template(node, "event.media.*", NULL));
    check_ok(weft_channel_template(node, "*.all.*", NULL)); /* the kinds that are served */
    check_ok(weft_node_close(node, WEFT_FOREVER));
}

static void *be_named(void *argument)
{
    weft_node *node = argument;
    weft_worker_options options = WEFT_WORKER_OPTIONS;
    weft_participant *participant;
    weft_worker *worker;
    options.flags = WEFT_OWNER_THREAD;
    thread_check_ok(weft_worker_register(node, CHANNEL, echo, NULL, &options, &worker));
    thread_check_err(weft_participant_thread(node, "late", &participant), WEFT_EEXIST);
    thread_check_true(strstr(weft_error_message(), "this thread is participant thread-") != NULL);
    thread_check_ok(weft_participant_thread(node, NULL, &participant));
    weft_participant_release(participant);
    thread_check_ok(weft_worker_unregister(worker));
    return NULL;
}

static void a_thread_keeps_the_name_by_which_it_was_first_seen(void **state)
{
    (void)state;
    weft_node *node = open_node();
    join(start(be_named, node));
    check_ok(weft_node_close(node, WEFT_FOREVER));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_null_is_named),
        cmocka_unit_test(a_content_type_is_printable),
        cmocka_unit_test(a_payload_that_is_too_large_is_not_copied),
        cmocka_unit_test(with_no_bytes_nothing_waits),
        cmocka_unit_test(templates_of_kinds_that_are_not_served_are_refused),
        cmocka_unit_test(a_thread_keeps_the_name_by_which_it_was_first_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
