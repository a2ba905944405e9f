/* What goes over the wire, over each transport:
 *   - payloads and results of 1 byte to 16 MiB, several at once, with small ones meanwhile, which need not wait for them
 *   - streams: parts in order within their window, progress, restarts, callers that are slow or gone
 *   - cancels of what waits, of what runs, of what has ended; the grace; what the caller is told
 *   - keys: many who ask are one dispatch, wherever they are; detached calls, fetched
 *   - subscriptions with each policy for the slow: all, the newest, the oldest, none; each in order, what is missing counted
 *   - readers that are stuck: bounded memory at the node, and the others as ever
 *   - names and limits: what the node refuses, and how it says so
 *   - what is over the bound of a frame is told to who says it; an event that is, is counted
 *   - two client nodes in one process; and one that could not dial, of which nothing is left */
#include "e2e/wire_relay.h"

#define FAR_CHANNEL "dispatch.test.far"
#define EVENTS "event.test.news"

struct scene {
    struct site site;
    weft_node *caller, *host; /* two clients, of this process */
};

static void open_scene(struct scene *scene, const struct way *way)
{
    open_site(&scene->site, way, NULL);
    check_ok(weft_channel_declare(scene->site.node, EVENTS, NULL));
    scene->caller = dial_named(scene->site.url, "caller");
    scene->host = dial_named(scene->site.url, "host");
}

static void close_scene(struct scene *scene)
{
    close_all_of(scene->caller);
    close_all_of(scene->host);
    await_true(stats_of(scene->site.node).dispatches_open == 0 && stats_of(scene->site.node).attempts_running == 0);
    close_all_of(scene->site.node);
}

/* --- payloads --------------------------------------------------------------------------------------- */

enum { LARGEST = 16 * 1024 * 1024 };

static unsigned char *pattern(size_t size)
{
    unsigned char *bytes = malloc(size + 1);
    unsigned state = (unsigned)size;
    thread_check_true(bytes != NULL);
    for (size_t i = 0; i < size && i < 65537; i++)
        bytes[i] = (unsigned char)roll(&state, 256);
    for (size_t i = 65537; i < size; i += 65537) /* which no size of parts divides */
        memcpy(bytes + i, bytes, size - i < 65537 ? size - i : 65537);
    return bytes;
}

static void check_echo(weft_node *node, size_t size)
{
    unsigned char *bytes = pattern(size);
    weft_reply reply;
    thread_check_ok(weft_dispatch(node, CHANNEL, (weft_bytes){bytes, size}, NULL, &reply));
    thread_check_str(weft_outcome_name(reply.outcome), "completed");
    thread_check_eq(reply.payload.size, size);
    thread_check_true(memcmp(reply.payload.data, bytes, size) == 0);
    weft_reply_release(&reply);
    free(bytes);
}

struct pusher {
    weft_node *node;
    atomic_bool over;
    unsigned count;
    uint64_t longest_ms;
};

static void *push_large(void *argument)
{
    struct pusher *pusher = argument;
    for (unsigned i = 0; i < pusher->count; i++)
        check_echo(pusher->node, LARGEST / 4 + i);
    return NULL;
}

static void *push_small(void *argument)
{
    struct pusher *pusher = argument;
    while (!atomic_load(&pusher->over)) {
        uint64_t from = now_ms();
        check_echo(pusher->node, 100);
        uint64_t took = now_ms() - from;
        if (took > pusher->longest_ms) pusher->longest_ms = took;
        pusher->count++;
    }
    return NULL;
}

/* Three times what came. */
static void enlarge(weft_task *task, void *context)
{
    weft_bytes in = weft_task_payload(task);
    unsigned char *bytes = calloc(3, in.size);
    (void)context;
    thread_check_true(bytes != NULL);
    thread_check_ok(weft_task_complete(task, (weft_bytes){bytes, 3 * in.size}));
    free(bytes);
}

static void payloads_of_every_size(void **state)
{
    static const size_t sizes[] = {0,     1,     2,      255,    4096,    16384,   16385,  65527,
                                   65528, 65536, 100000, 262143, 1 << 20, 5 << 20, LARGEST};
    struct scene scene;
    open_scene(&scene, *state);
    weft_worker *worker = register_named(scene.host, "echo", 8, echo, NULL);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        check_echo(scene.caller, sizes[i]);
    struct pusher large[3], small = {.node = scene.caller};
    pthread_t threads[4];
    for (int i = 0; i < 3; i++) {
        large[i] = (struct pusher){.node = scene.caller, .count = rounds("WIRE_LARGE", 4)};
        threads[i] = start(push_large, &large[i]);
    }
    threads[3] = start(push_small, &small);
    for (int i = 0; i < 3; i++)
        join(threads[i]);
    atomic_store(&small.over, true);
    join(threads[3]);
    check_true(small.count > 3); /* they did not wait for the large ones */
    check_ok(weft_worker_unregister(worker));
    close_scene(&scene);
}

static void payloads_over_the_bound_are_rejected(void **state)
{
    struct scene scene;
    weft_reply reply;
    unsigned char *bytes = pattern(LARGEST + 5000);
    open_scene(&scene, *state);
    weft_worker *worker = register_named(scene.host, "echo", 8, echo, NULL);
    for (size_t over = 1; over <= 5000; over += 4999) { /* the channel's, and that of frames */
        check_ok(weft_dispatch(scene.caller, CHANNEL, (weft_bytes){bytes, LARGEST + over}, NULL, &reply));
        check_reply_code(&reply, WEFT_REJECTED, "payload_too_large");
    }
    check_echo(scene.caller, 10); /* and the connection stands */
    free(bytes);
    check_ok(weft_worker_unregister(worker));
    close_scene(&scene);
}

/* A node that takes less, and one end that does not know. */
static void each_end_keeps_to_the_nodes_bound(void **state)
{
    weft_listen_options options = WEFT_LISTEN_OPTIONS;
    struct site site;
    weft_reply reply;
    weft_worker *near;
    unsigned char *bytes = pattern(300000);
    options.frame_bytes_max = 200000;
    open_site(&site, *state, &options);
    check_ok(weft_channel_declare(site.node, OTHER, NULL));
    weft_node *caller = dial_named(site.url, "caller"), *host = dial_named(site.url, "host");
    weft_worker *far = register_named(host, "echo", 8, echo, NULL);
    check_ok(weft_worker_register(site.node, OTHER, enlarge, NULL, NULL, &near));
    check_ok(weft_dispatch(caller, CHANNEL, (weft_bytes){bytes, 250000}, NULL, &reply)); /* the call */
    check_reply_code(&reply, WEFT_REJECTED, "payload_too_large");
    check_ok(weft_dispatch(site.node, CHANNEL, (weft_bytes){bytes, 250000}, NULL, &reply)); /* the task */
    check_reply_code(&reply, WEFT_FAILED, "payload_too_large");
    check_ok(weft_dispatch(caller, OTHER, (weft_bytes){bytes, 100000}, NULL, &reply)); /* the outcome */
    check_reply_code(&reply, WEFT_FAILED, "payload_too_large");
    check_ok(weft_worker_unregister(far));
    far = register_named(host, "enlarge", 8, enlarge, NULL);
    check_ok(weft_dispatch(site.node, CHANNEL, (weft_bytes){bytes, 100000}, NULL, &reply)); /* the result */
    check_reply_code(&reply, WEFT_FAILED, "payload_too_large");
    check_ok(weft_worker_unregister(far));
    far = register_named(host, "echo", 8, echo, NULL);
    check_echo(caller, 199000);
    check_eq(stats_of(site.node).deaths, 0);
    check_ok(weft_worker_unregister(far));
    check_ok(weft_worker_unregister(near));
    close_all_of(caller);
    close_all_of(host);
    close_all_of(site.node);
    free(bytes);
}

/* Its clients learn that of it. */
static void a_node_may_take_more_than_by_default(void **state)
{
    weft_listen_options options = WEFT_LISTEN_OPTIONS;
    weft_channel_options larger = WEFT_CHANNEL_OPTIONS;
    struct site site;
    weft_reply reply;
    options.frame_bytes_max = LARGEST + (2 << 20);
    larger.payload_bytes_max = 2 * LARGEST;
    larger.bytes_max = 4 * (uint64_t)LARGEST;
    check_ok(weft_node_open(NULL, &site.node));
    check_ok(weft_channel_declare(site.node, CHANNEL, &larger));
    listen_there(&site, *state, &options);
    weft_node *caller = dial_named(site.url, "caller"), *host = dial_named(site.url, "host");
    weft_worker *far = register_named(host, "echo", 8, echo, NULL);
    check_echo(caller, LARGEST + (1 << 20));
    check_echo(site.node, LARGEST + (1 << 20));
    unsigned char *bytes = pattern(LARGEST + (3 << 20));
    check_ok(weft_dispatch(caller, CHANNEL, (weft_bytes){bytes, LARGEST + (3 << 20)}, NULL, &reply));
    check_reply_code(&reply, WEFT_REJECTED, "payload_too_large");
    check_ok(weft_dispatch(site.node, CHANNEL, (weft_bytes){bytes, LARGEST + (3 << 20)}, NULL, &reply));
    check_reply_code(&reply, WEFT_FAILED, "payload_too_large");
    check_eq(stats_of(site.node).deaths, 0);
    check_ok(weft_worker_unregister(far));
    close_all_of(caller);
    close_all_of(host);
    close_all_of(site.node);
    free(bytes);
}

static void says_too_much(weft_task *task, void *context)
{
    weft_bytes much = *(weft_bytes *)context;
    thread_check_eq(weft_task_progress(task, much), WEFT_ELIMIT);
    thread_check_true(strstr(weft_error_message(), "frame_bytes_max") && strstr(weft_error_message(), "198976"));
    thread_check_eq(weft_task_partial(task, much, WEFT_FOREVER), WEFT_ELIMIT);
    thread_check_true(strstr(weft_error_message(), "frame_bytes_max") && strstr(weft_error_message(), "198976"));
    thread_check_ok(weft_task_partial(task, (weft_bytes){much.data, 198976}, WEFT_FOREVER));
    (void)weft_task_complete(task, WEFT_TEXT("said"));
}

static void hear_how_much(const weft_update *update, void *context)
{
    size_t *heard = context;
    *heard += update->payload.size;
}

static void check_hears_what_fits(weft_node *caller, const char *channel)
{
    size_t heard = 0;
    weft_dispatch_options options = WEFT_DISPATCH_OPTIONS;
    weft_reply reply;
    options.updated = hear_how_much;
    options.updated_context = &heard;
    options.window = 4;
    check_ok(weft_dispatch(caller, channel, WEFT_TEXT("x"), &options, &reply));
    check_reply_text(&reply, "said");
    check_eq(heard, 198976);
}

/* What a task tells: by who would say it. */
static void who_tells_more_than_a_frame_holds_is_told(void **state)
{
    weft_listen_options options = WEFT_LISTEN_OPTIONS;
    struct site site;
    weft_worker *near;
    unsigned char *bytes = pattern(250000);
    weft_bytes much = {bytes, 250000};
    options.frame_bytes_max = 200000;
    open_site(&site, *state, &options);
    check_ok(weft_channel_declare(site.node, OTHER, NULL));
    weft_node *caller = dial_named(site.url, "caller"), *host = dial_named(site.url, "host");
    weft_worker *far = register_named(host, "far", 8, says_too_much, &much);
    check_ok(weft_worker_register(site.node, OTHER, says_too_much, &much, NULL, &near));
    check_hears_what_fits(caller, OTHER);
    check_hears_what_fits(caller, CHANNEL);
    check_hears_what_fits(site.node, CHANNEL);
    check_ok(weft_worker_unregister(far));
    check_ok(weft_worker_unregister(near));
    close_all_of(caller);
    close_all_of(host);
    close_all_of(site.node);
    free(bytes);
}

static void event_that_no_frame_holds_is_counted(void **state)
{
    static const char news[] = "event.test.news";
    weft_listen_options options = WEFT_LISTEN_OPTIONS;
    weft_subscribe_options roomy = WEFT_SUBSCRIBE_OPTIONS;
    weft_publish_options unasked = WEFT_PUBLISH_OPTIONS;
    struct site site;
    weft_subscription *far, *near;
    weft_event event;
    size_t count;
    uint32_t heard;
    unsigned char *bytes = pattern(250000);
    const weft_bytes much = {bytes, 250000};
    options.frame_bytes_max = 200000;
    roomy.bytes_max = 4 << 20;
    open_site(&site, *state, &options);
    check_ok(weft_channel_declare(site.node, news, NULL));
    weft_node *client = dial_named(site.url, "client");
    check_ok(weft_subscribe(client, news, NULL, NULL, &roomy, &far));
    check_ok(weft_subscribe(site.node, news, NULL, NULL, &roomy, &near));
    check_ok(weft_publish(site.node, news, much, NULL, &heard));
    check_eq(heard, 1); /* who is here */
    check_eq(info_of(site.node, news).dropped, 1);
    check_ok(weft_publish(site.node, news, WEFT_TEXT("small"), NULL, &heard));
    check_eq(heard, 2);
    check_ok(weft_subscription_next(far, WEFT_FOREVER, &event, 1, &count));
    check_eq(event.payload.size, 5);
    check_eq(event.dropped, 1);
    weft_event_release(&event);
    weft_subscription_info info;
    check_ok(weft_subscription_info_get(far, &info));
    check_eq(info.dropped, 1);
    weft_completions *calls;
    weft_ticket ticket;
    check_ok(weft_completions_open(client, 1, &calls));
    check_ok(weft_dispatch_submit(calls, CHANNEL, WEFT_TEXT("x"), NULL, 0, &ticket));
    check_ok(weft_publish(client, news, WEFT_TEXT("said"), NULL, &heard));
    check_eq(heard, 2);
    check_ok(weft_subscription_next(far, WEFT_FOREVER, &event, 1, &count));
    check_eq(event.publisher, ticket.id.session); /* whoever it is: his calls and his events say the same */
    weft_event_release(&event);
    check_err(weft_publish(client, news, much, NULL, &heard), WEFT_ELIMIT);
    check_true(strstr(weft_error_message(), "frame_bytes_max") && strstr(weft_error_message(), "200000"));
    unasked.flags = WEFT_NO_WAIT;
    check_err(weft_publish(client, news, much, &unasked, &heard), WEFT_ELIMIT);
    check_true(strstr(weft_error_message(), "frame_bytes_max") && strstr(weft_error_message(), "200000"));
    check_eq(info_of(site.node, news).published, 3);
    check_ok(weft_completions_close(calls));
    check_ok(weft_unsubscribe(far));
    check_ok(weft_unsubscribe(near));
    close_all_of(client);
    close_all_of(site.node);
    free(bytes);
}

/* --- streams ---------------------------------------------------------------------------------------- */

struct stream {
    unsigned parts, progress, restarts;
    uint64_t last;
    bool disorder;
    unsigned slow_ms;
    struct event first;
    struct event *wait;
};

static void hear_update(const weft_update *update, void *context)
{
    struct stream *stream = context;
    char text[16] = "";
    if (update->payload.size) memcpy(text, update->payload.data, update->payload.size < 15 ? update->payload.size : 15);
    switch (update->kind) {
    case WEFT_UPDATE_PARTIAL:
        stream->parts++;
        if (update->number != ++stream->last || strtoul(text, NULL, 10) != update->number) stream->disorder = true;
        break;
    case WEFT_UPDATE_PROGRESS: stream->progress++; break;
    default:
        stream->restarts++;
        stream->last = 0;
        break;
    }
    event_give(&stream->first);
    if (stream->slow_ms) (void)poll(NULL, 0, (int)stream->slow_ms);
}

struct speaker {
    unsigned parts;
    atomic_uint said, stopped;
    struct event full;
};

static void speak(weft_task *task, void *context)
{
    struct speaker *speaker = context;
    for (unsigned i = 1; i <= speaker->parts; i++) {
        char text[16];
        (void)snprintf(text, sizeof text, "%u", i);
        weft_error error = weft_task_partial(task, weft_text(text), 0);
        if (error == WEFT_EAGAIN) {
            event_give(&speaker->full);
            error = weft_task_partial(task, weft_text(text), WEFT_FOREVER);
        }
        if (error != WEFT_ESTALE) thread_check_ok(error);
        (void)weft_task_progress(task, weft_text(text)); /* or he has gone meanwhile */
        atomic_fetch_add(&speaker->said, 1);
    }
    if (weft_task_cancelled(task)) atomic_fetch_add(&speaker->stopped, 1);
    (void)weft_task_complete(task, WEFT_TEXT("spoken"));
}

static void streams_come_in_order_within_their_window(void **state)
{
    struct scene scene;
    struct speaker speaker = {.parts = 500};
    open_scene(&scene, *state);
    weft_worker *worker = register_named(scene.host, "speaker", 4, speak, &speaker);
    for (uint32_t window = 1; window <= 64; window *= 8) {
        struct stream stream = {0};
        weft_dispatch_options options = WEFT_DISPATCH_OPTIONS;
        weft_reply reply;
        options.updated = hear_update;
        options.updated_context = &stream;
        options.window = window;
        check_ok(weft_dispatch(scene.caller, CHANNEL, WEFT_TEXT("x"), &options, &reply));
        check_reply_text(&reply, "spoken");
        check_eq(stream.parts, 500);
        check_true(!stream.disorder && stream.progress > 0 && stream.restarts == 0);
    }
    check_ok(weft_worker_unregister(worker));
    close_scene(&scene);
}

/* He fetches nothing: the task is held at what the windows hold; then it goes on. */
static void a_slow_listener_holds_the_speaker(void **state)
{
    struct scene scene;
    struct speaker speaker = {.parts = 300};
    struct stream stream = {0};
    weft_completions *completions;
    weft_dispatch_options options = WEFT_DISPATCH_OPTIONS;
    weft_channel_options channel = WEFT_CHANNEL_OPTIONS;
    weft_worker *worker;
    open_scene(&scene, *state);
    channel.cancel_grace_ms = 50;
    check_ok(weft_channel_declare(scene.site.node, OTHER, &channel));
    check_ok(weft_worker_register(scene.host, OTHER, speak, &speaker, NULL, &worker));
    check_ok(weft_completions_open(scene.caller, 4, &completions));
    options.updated = hear_update;
    options.updated_context = &stream;
    options.window = 8;
    check_ok(weft_dispatch_submit(completions, OTHER, WEFT_TEXT("x"), &options, 0, NULL));
    event_await(&speaker.full, 1);
    check_true(atomic_load(&speaker.said) <= 3 * 8);
    check_eq(stream.parts, 0);
    weft_reply reply = next_reply(completions);
    check_reply_text(&reply, "spoken");
    check_true(stream.parts == 300 && !stream.disorder);
    /* And one who goes away. */
    unsigned said = atomic_load(&speaker.said);
    check_ok(weft_dispatch_submit(completions, OTHER, WEFT_TEXT("x"), &options, 0, NULL));
    await_true(atomic_load(&speaker.said) > said);
    check_ok(weft_completions_close(completions));
    await_true(atomic_load(&speaker.stopped) == 1);
    check_ok(weft_worker_unregister(worker));
    close_scene(&scene);
}

/* talker URL: says parts of each task, and never ends. */
static void talk(weft_task *task, void *context)
{
    (void)context;
    for (unsigned i = 1; i <= 3; i++) {
        char text[16];
        (void)snprintf(text, sizeof text, "%u", i);
        thread_check_ok(weft_task_partial(task, weft_text(text), WEFT_FOREVER));
    }
    pause();
}

static int play_talker(char **arguments)
{
    char line[16];
    weft_node *node = dial_named(arguments[0], "talker");
    (void)register_named(node, "talker", 1, talk, NULL);
    say("ready");
    while (hear(line, sizeof line))
        ;
    return 0;
}

static void a_killed_speaker_begins_anew_elsewhere(void **state)
{
    struct scene scene;
    struct child talker;
    struct speaker speaker = {.parts = 5};
    struct stream stream = {0};
    weft_dispatch_options options = WEFT_DISPATCH_OPTIONS;
    weft_completions *completions;
    weft_reply reply;
    size_t count;
    open_scene(&scene, *state);
    spawn_role(&talker, "talker", scene.site.url, NULL);
    await_line(&talker, "ready");
    check_ok(weft_completions_open(scene.caller, 4, &completions));
    options.updated = hear_update;
    options.updated_context = &stream;
    options.on_crash = WEFT_CRASH_REDISPATCH;
    check_ok(weft_dispatch_submit(completions, CHANNEL, WEFT_TEXT("x"), &options, 0, NULL));
    while (stream.parts < 3)
        check_err(weft_completions_next(completions, 20, &reply, 1, &count), WEFT_ETIMEDOUT);
    weft_worker *worker = register_named(scene.host, "speaker", 1, speak, &speaker);
    check_eq(kill(talker.pid, SIGKILL), 0);
    reply = next_reply(completions);
    check_eq(reply.attempts, 2);
    check_reply_text(&reply, "spoken");
    check_eq(stream.restarts, 1);
    check_eq(stream.parts, 3 + 5);
    check_true(!stream.disorder);
    check_eq(reap(&talker), -SIGKILL);
    check_ok(weft_completions_close(completions));
    check_ok(weft_worker_unregister(worker));
    close_scene(&scene);
}

/* --- cancels ---------------------------------------------------------------------------------------- */

struct obedient {
    struct event began, told, go_on;
    bool deaf;
};

struct order {
    struct obedient *obedient;
    struct event told;
};

static void tell_obedient(weft_task *task, void *context)
{
    struct order *order = context;
    (void)task;
    event_give(&order->obedient->told);
    event_give(&order->told);
}

static void obey(weft_task *task, void *context)
{
    struct obedient *obedient = context;
    struct order order = {.obedient = obedient};
    thread_check_ok(weft_task_on_cancel(task, tell_obedient, &order));
    event_give(&obedient->began);
    event_await(obedient->deaf ? &obedient->go_on : &order.told, 1);
    thread_check_true(weft_task_cancelled(task));
    weft_error error = weft_task_acknowledge_cancel(task);
    thread_check_true(error == WEFT_OK || error == WEFT_ESTALE);
}

static void cancels_reach_every_stage(void **state)
{
    struct scene scene;
    struct obedient obedient = {0};
    weft_completions *completions;
    weft_reply reply;
    open_scene(&scene, *state);
    check_ok(weft_completions_open(scene.caller, 8, &completions));
    /* waiting */
    weft_dispatch_id id = submit(completions, CHANNEL, "waits", 1);
    await_true(info_of(scene.site.node, CHANNEL).queued == 1);
    check_ok(weft_dispatch_cancel(scene.caller, id));
    reply = next_reply(completions);
    check_reply_code(&reply, WEFT_CANCELLED, "cancelled");
    check_eq(info_of(scene.site.node, CHANNEL).queued, 0);
    /* running */
    weft_worker *worker = register_named(scene.host, "obedient", 1, obey, &obedient);
    id = submit(completions, CHANNEL, "runs", 2);
    event_await(&obedient.began, 1);
    check_ok(weft_dispatch_cancel(scene.caller, id));
    reply = next_reply(completions);
    check_reply_code(&reply, WEFT_CANCELLED, "cancelled");
    check_eq(obedient.told.count, 1);
    /* ended */
    check_err(weft_dispatch_cancel(scene.caller, id), WEFT_ENOTFOUND);
    /* as soon as it is sent */
    for (int i = 0; i < 50; i++) {
        id = submit(completions, CHANNEL, "at once", 3);
        check_ok(weft_dispatch_cancel(scene.caller, id));
        reply = next_reply(completions);
        check_reply_code(&reply, WEFT_CANCELLED, "cancelled");
    }
    check_ok(weft_worker_unregister(worker));
    check_ok(weft_completions_close(completions));
    close_scene(&scene);
}

static void the_grace_of_a_cancel_is_the_nodes(void **state)
{
    struct scene scene;
    struct obedient obedient = {.deaf = true};
    weft_completions *completions;
    weft_worker *worker;
    weft_channel_options channel = WEFT_CHANNEL_OPTIONS;
    open_scene(&scene, *state);
    channel.cancel_grace_ms = 50;
    check_ok(weft_channel_declare(scene.site.node, OTHER, &channel));
    check_ok(weft_completions_open(scene.caller, 8, &completions));
    check_ok(weft_worker_register(scene.host, OTHER, obey, &obedient, NULL, &worker));
    weft_dispatch_id id = submit(completions, OTHER, "runs", 1);
    event_await(&obedient.began, 1);
    check_ok(weft_dispatch_cancel(scene.caller, id));
    weft_reply reply = next_reply(completions);
    check_reply_code(&reply, WEFT_CANCELLED, "cancel_grace");
    check_eq(info_of(scene.site.node, OTHER).orphaned, 1); /* its slot is still taken */
    event_give(&obedient.go_on);
    await_true(info_of(scene.site.node, OTHER).in_flight == 0);
    check_ok(weft_worker_unregister(worker));
    check_ok(weft_completions_close(completions));
    close_scene(&scene);
}

static void times_run_out_over_the_wire(void **state)
{
    struct scene scene;
    struct obedient obedient = {0};
    weft_dispatch_options options = WEFT_DISPATCH_OPTIONS;
    weft_reply reply;
    open_scene(&scene, *state);
    options.schedule_to_start_ms = 50;
    check_ok(weft_dispatch(scene.caller, CHANNEL, WEFT_TEXT("x"), &options, &reply));
    check_reply_code(&reply, WEFT_TIMED_OUT, "schedule_to_start");
    weft_worker *worker = register_named(scene.host, "obedient", 2, obey, &obedient);
    options = (weft_dispatch_options)WEFT_DISPATCH_OPTIONS;
    options.start_to_close_ms = 50;
    check_ok(weft_dispatch(scene.caller, CHANNEL, WEFT_TEXT("x"), &options, &reply));
    check_reply_code(&reply, WEFT_TIMED_OUT, "start_to_close");
    options = (weft_dispatch_options)WEFT_DISPATCH_OPTIONS;
    options.heartbeat_ms = 50;
    check_ok(weft_dispatch(scene.caller, CHANNEL, WEFT_TEXT("x"), &options, &reply));
    check_reply_code(&reply, WEFT_TIMED_OUT, "heartbeat");
    check_ok(weft_worker_unregister(worker));
    close_scene(&scene);
}

/* --- keys, detached --------------------------------------------------------------------------------- */

static atomic_uint key_runs;

static void run_key(weft_task *task, void *context)
{
    struct event *go_on = context;
    atomic_fetch_add(&key_runs, 1);
    event_await(go_on, 1);
    thread_check_ok(weft_task_complete(task, WEFT_TEXT("one for all")));
}

static void a_key_is_one_dispatch_wherever_it_is_asked(void **state)
{
    struct scene scene;
    struct event go_on = {0};
    weft_completions *completions[3];
    weft_dispatch_options options = WEFT_DISPATCH_OPTIONS;
    atomic_store(&key_runs, 0);
    open_scene(&scene, *state);
    weft_node *nodes[3] = {scene.caller, scene.host, scene.site.node};
    weft_worker *worker = register_named(scene.host, "keyed", 8, run_key, &go_on);
    options.key = "the key";
    for (int i = 0; i < 3; i++) {
        check_ok(weft_completions_open(nodes[i], 4, &completions[i]));
        check_ok(weft_dispatch_submit(completions[i], CHANNEL, WEFT_TEXT("same"), &options, 0, NULL));
    }
    await_true(info_of(scene.site.node, CHANNEL).joined == 2);
    event_give(&go_on);
    for (int i = 0; i < 3; i++) {
        weft_reply reply = next_reply(completions[i]);
        check_reply_text(&reply, "one for all");
        check_ok(weft_completions_close(completions[i]));
    }
    check_eq(atomic_load(&key_runs), 1);
    weft_reply reply;
    check_ok(weft_dispatch(scene.caller, CHANNEL, WEFT_TEXT("other"), &options, &reply));
    check_reply_code(&reply, WEFT_REJECTED, "conflict");
    check_ok(weft_worker_unregister(worker));
    close_scene(&scene);
}

static void a_detached_call_outlives_its_caller(void **state)
{
    struct scene scene;
    weft_dispatch_options options = WEFT_DISPATCH_OPTIONS;
    weft_ticket ticket;
    weft_reply reply;
    open_scene(&scene, *state);
    weft_node *short_lived = dial_named(scene.site.url, "short-lived");
    options.detached = true;
    check_ok(weft_dispatch_async(short_lived, CHANNEL, WEFT_TEXT("x"), &options, NULL, NULL, 0, &ticket));
    check_str(weft_admission_name(ticket.admission), "sent");
    check_ok(weft_node_close(short_lived, 100));
    weft_worker *worker = register_named(scene.host, "echo", 8, echo, NULL);
    check_ok(weft_dispatch_fetch(scene.site.node, ticket.id, 20000, &reply));
    check_reply_text(&reply, "x");
    check_err(weft_dispatch_fetch(scene.site.node, ticket.id, 0, &reply), WEFT_ENOTFOUND);
    check_ok(weft_worker_unregister(worker));
    close_scene(&scene);
}

/* --- events ----------------------------------------------------------------------------------------- */

static void publish_so_many(weft_node *node, unsigned count, size_t size)
{
    unsigned char *bytes = pattern(size);
    for (unsigned i = 0; i < count; i++)
        check_ok(weft_publish(node, EVENTS, (weft_bytes){bytes, size}, NULL, NULL));
    free(bytes);
}

/* Takes what comes until the event of that number, or the end; adds up what is missing. */
static weft_error take_until(weft_subscription *subscription, uint64_t number, uint64_t *taken, uint64_t *dropped)
{
    uint64_t last = 0;
    for (*taken = *dropped = 0; last < number;) {
        weft_event events[64];
        size_t count;
        weft_error error = weft_subscription_next(subscription, 20000, events, 64, &count);
        if (error) return error;
        for (size_t i = 0; i < count; i++) {
            thread_check_true(events[i].number > last);
            thread_check_eq(events[i].number - last - 1, events[i].dropped);
            last = events[i].number;
            *dropped += events[i].dropped;
            ++*taken;
            weft_event_release(&events[i]);
        }
    }
    return WEFT_OK;
}

static void a_subscriber_who_keeps_up_misses_nothing(void **state)
{
    enum { COUNT = 3000 };
    struct scene scene;
    weft_subscription *subscription;
    weft_subscribe_options options = WEFT_SUBSCRIBE_OPTIONS;
    uint64_t taken, dropped;
    open_scene(&scene, *state);
    options.items_max = COUNT;
    check_ok(weft_subscribe(scene.host, EVENTS, NULL, NULL, &options, &subscription));
    publish_so_many(scene.caller, COUNT / 2, 10);
    publish_so_many(scene.site.node, COUNT / 2, 10);
    check_ok(take_until(subscription, COUNT, &taken, &dropped));
    check_eq(taken, COUNT);
    check_eq(dropped, 0);
    check_ok(weft_unsubscribe(subscription));
    close_scene(&scene);
}

/* Nothing is taken while more is published than all the inboxes and the connection hold. */
static void slow_subscribers_lose_what_they_chose(void **state)
{
    enum { COUNT = 400, BYTES = 50000 };
    static const weft_slow policies[] = {WEFT_DROP_OLDEST, WEFT_DROP_NEWEST};
    for (int i = 0; i < 2; i++) {
        struct scene scene;
        weft_subscription *slow, *quick_one;
        weft_subscribe_options options = WEFT_SUBSCRIBE_OPTIONS;
        uint64_t taken, dropped;
        open_scene(&scene, *state);
        options.items_max = COUNT + 1;
        check_ok(weft_subscribe(scene.caller, EVENTS, NULL, NULL, &options, &quick_one));
        options.items_max = 16;
        options.slow = policies[i];
        check_ok(weft_subscribe(scene.host, EVENTS, NULL, NULL, &options, &slow));
        publish_so_many(scene.site.node, COUNT, BYTES);
        check_ok(take_until(quick_one, COUNT, &taken, &dropped)); /* whoever else is slow */
        check_eq(taken, COUNT);
        publish_so_many(scene.site.node, 1, 1);
        weft_error error = take_until(slow, policies[i] == WEFT_DROP_OLDEST ? COUNT + 1 : 1, &taken, &dropped);
        check_ok(error);
        if (policies[i] == WEFT_DROP_OLDEST) {
            check_true(dropped > 0);
            check_eq(taken + dropped, COUNT + 1);
        }
        check_ok(weft_unsubscribe(slow));
        check_ok(weft_unsubscribe(quick_one));
        close_scene(&scene);
    }
}

static void a_stuck_subscriber_is_cut_off(void **state)
{
    struct scene scene;
    weft_subscription *subscription;
    weft_subscribe_options options = WEFT_SUBSCRIBE_OPTIONS;
    uint64_t taken, dropped;
    open_scene(&scene, *state);
    options.slow = WEFT_DISCONNECT;
    options.items_max = 4;
    options.stall_ms = 50;
    check_ok(weft_subscribe(scene.host, EVENTS, NULL, NULL, &options, &subscription));
    weft_subscription_info info;
    for (uint64_t until = now_ms() + 20000;;) {
        publish_so_many(scene.site.node, 20, 10);
        (void)poll(NULL, 0, 20);
        check_ok(weft_subscription_info_get(subscription, &info));
        if (info.ended) break;
        check_true(now_ms() < until);
    }
    check_str(weft_error_name(info.ended), "WEFT_ESLOW");
    check_err(take_until(subscription, UINT64_MAX, &taken, &dropped), WEFT_ESLOW);
    await_true(info_of(scene.site.node, EVENTS).subscribers == 0);
    check_ok(weft_unsubscribe(subscription));
    close_scene(&scene);
}

/* --- readers that are stuck ------------------------------------------------------------------------- */

static atomic_size_t heap_now, heap_most;

static void *count_alloc(void *context, size_t size)
{
    (void)context;
    size_t *block = malloc(size + 16);
    if (!block) return NULL;
    *block = size;
    size_t now = atomic_fetch_add(&heap_now, size) + size;
    if (now > atomic_load(&heap_most)) atomic_store(&heap_most, now);
    return (char *)block + 16;
}

static void count_free(void *context, void *memory)
{
    (void)context;
    if (!memory) return;
    size_t *block = (size_t *)(void *)((char *)memory - 16);
    atomic_fetch_sub(&heap_now, *block);
    free(block);
}

/* A subscriber and a worker behind a network that passes nothing on: what stands at the node for them is bounded. */
static void a_stuck_reader_is_bounded_and_harms_nobody(void **state)
{
    enum { EVENTS_COUNT = 600, BYTES = 60000 };
    const weft_allocator allocator = {count_alloc, count_free, NULL};
    weft_node_options options = WEFT_NODE_OPTIONS;
    weft_subscribe_options subscribing = WEFT_SUBSCRIBE_OPTIONS;
    struct site site;
    struct relay relay;
    weft_subscription *stuck, *well;
    uint64_t taken, dropped;
    options.allocator = &allocator;
    check_ok(weft_node_open(&options, &site.node));
    check_ok(weft_channel_declare(site.node, CHANNEL, NULL));
    check_ok(weft_channel_declare(site.node, EVENTS, NULL));
    listen_there(&site, *state, NULL);
    open_relay(&relay, *state, site.url);
    weft_node *behind = dial_named(relay.url, "behind"), *beside = dial_named(site.url, "beside");
    weft_worker *worker = register_named(beside, "echo", 8, echo, NULL);
    subscribing.bytes_max = 2 << 20;
    check_ok(weft_subscribe(behind, EVENTS, NULL, NULL, &subscribing, &stuck));
    subscribing.bytes_max = UINT64_C(64) << 20;
    check_ok(weft_subscribe(beside, EVENTS, NULL, NULL, &subscribing, &well));
    relay_stall(&relay, false, true);
    atomic_store(&heap_most, atomic_load(&heap_now));
    size_t before = atomic_load(&heap_now);
    publish_so_many(site.node, EVENTS_COUNT, BYTES);
    check_ok(take_until(well, EVENTS_COUNT, &taken, &dropped));
    check_eq(taken, EVENTS_COUNT);
    uint64_t from = now_ms();
    weft_reply reply = dispatch(beside, CHANNEL, "as ever");
    check_reply_text(&reply, "as ever");
    check_true(now_ms() - from < 5000);
    size_t most = atomic_load(&heap_most) - before;
    check_true(most < (size_t)48 << 20);
    await_true(atomic_load(&heap_now) < before + ((size_t)8 << 20)); /* what the others got is gone */
    relay_mend(&relay);
    publish_so_many(site.node, 1, 1);
    check_ok(take_until(stuck, EVENTS_COUNT + 1, &taken, &dropped));
    check_true(dropped > 0);
    check_eq(taken + dropped, EVENTS_COUNT + 1);
    check_ok(weft_unsubscribe(stuck));
    check_ok(weft_unsubscribe(well));
    check_ok(weft_worker_unregister(worker));
    close_all_of(behind);
    close_all_of(beside);
    close_relay(&relay);
    close_all_of(site.node);
}

/* --- names and limits ------------------------------------------------------------------------------- */

static void what_the_node_refuses_is_told(void **state)
{
    struct scene scene;
    weft_worker *worker, *other;
    weft_worker_options options = WEFT_WORKER_OPTIONS;
    weft_subscription *subscription;
    weft_node *twin;
    weft_dial_options dialling = WEFT_DIAL_OPTIONS;
    weft_completions *completions;
    weft_reply reply;
    size_t count;
    open_scene(&scene, *state);
    options.name = "the one";
    check_err(weft_worker_register(scene.host, CHANNEL, echo, NULL, &options, &worker), WEFT_EINVAL);
    options.name = "the-one";
    check_err(weft_worker_register(scene.host, "dispatch.no.such", echo, NULL, &options, &worker), WEFT_ENOCHANNEL);
    check_ok(weft_worker_register(scene.host, CHANNEL, echo, NULL, &options, &worker));
    check_err(weft_worker_register(scene.caller, CHANNEL, echo, NULL, &options, &other), WEFT_EEXIST);
    check_true(strstr(weft_error_message(), "the-one") != NULL);
    check_err(weft_subscribe(scene.host, "event.no.such", NULL, NULL, NULL, &subscription), WEFT_ENOCHANNEL);
    check_err(weft_publish(scene.host, "event.no.such", WEFT_TEXT("x"), NULL, NULL), WEFT_ENOCHANNEL);
    check_err(weft_dispatch(scene.caller, "dispatch.no.such", WEFT_TEXT("x"), NULL, &reply), WEFT_ENOCHANNEL);
    check_ok(weft_completions_open(scene.caller, 1, &completions));
    check_ok(weft_dispatch_submit(completions, "dispatch.no.such", WEFT_TEXT("x"), NULL, 0, NULL));
    check_ok(weft_completions_next(completions, WEFT_FOREVER, &reply, 1, &count));
    check_str(weft_admission_name(reply.admission), "rejected");
    check_reply_code(&reply, WEFT_REJECTED, "no_channel");
    check_ok(weft_completions_close(completions));
    dialling.name = "caller";
    check_err(weft_node_dial(scene.site.url, &dialling, &twin), WEFT_EEXIST);
    reply = dispatch(scene.caller, CHANNEL, "fine");
    check_str(reply.worker, "the-one");
    check_reply_text(&reply, "fine");
    check_ok(weft_worker_unregister(worker));
    /* The name is free as soon as the node has heard of it. */
    await_true(weft_worker_register(scene.caller, CHANNEL, echo, NULL, &options, &other) == WEFT_OK);
    check_ok(weft_worker_unregister(other));
    close_scene(&scene);
}

static void sessions_are_bounded(void **state)
{
    weft_listen_options options = WEFT_LISTEN_OPTIONS;
    weft_dial_options dialling = WEFT_DIAL_OPTIONS;
    struct site site;
    weft_node *nodes[3], *more;
    options.sessions_max = 3;
    open_site(&site, *state, &options);
    for (int i = 0; i < 3; i++)
        nodes[i] = dial_named(site.url, NULL);
    dialling.dial_timeout_ms = 1000;
    check_err(weft_node_dial(site.url, &dialling, &more), WEFT_ELOST);
    check_true(strstr(weft_error_message(), "sessions_max") != NULL);
    close_all_of(nodes[0]);
    more = dial_named(site.url, NULL);
    close_all_of(more);
    close_all_of(nodes[1]);
    close_all_of(nodes[2]);
    close_all_of(site.node);
}

static void never_told(const weft_node_event *event, void *context)
{
    (void)event;
    (void)context;
    thread_check_true(false);
}

static bool thread_named(const char *name)
{
    struct dirent *entry;
    bool found = false;
    DIR *tasks = opendir("/proc/self/task");
    check_true(tasks != NULL);
    while (!found && (entry = readdir(tasks))) {
        char path[300], comm[32] = "";
        (void)snprintf(path, sizeof path, "/proc/self/task/%s/comm", entry->d_name);
        FILE *file = fopen(path, "r");
        if (file) found = fgets(comm, sizeof comm, file) && strncmp(comm, name, strlen(name)) == 0;
        if (file) (void)fclose(file);
    }
    (void)closedir(tasks);
    return found;
}

struct dial_to_nowhere {
    atomic_bool over;
};

static void *dial_nowhere(void *argument)
{
    struct dial_to_nowhere *nowhere = argument;
    const weft_hooks hooks = {.event = never_told};
    weft_node_options own = WEFT_NODE_OPTIONS;
    weft_dial_options dialling = WEFT_DIAL_OPTIONS;
    weft_node *node;
    own.hooks = &hooks;
    dialling.node = &own;
    dialling.dial_timeout_ms = 300;
    thread_check_eq(weft_node_dial("ipc:///nobody/is/there", &dialling, &node), WEFT_ELOST);
    atomic_store(&nowhere->over, true);
    return NULL;
}

/* Its hooks cannot be busy when a node that nobody was given is closed: they have no thread. */
static void a_dial_that_fails_calls_no_hook(void **state)
{
    struct dial_to_nowhere nowhere = {0};
    (void)state;
    pthread_t thread = start(dial_nowhere, &nowhere);
    await_true(thread_named("weft-service"));
    while (!atomic_load(&nowhere.over))
        check_true(!thread_named("weft-callbacks"));
    join(thread);
    check_true(!thread_named("weft-service")); /* and nothing of it is left */
}

int main(int argc, char **argv)
{
    const struct role roles[] = {{"talker", play_talker}};
    PLAY_ROLE(argc, argv, roles);
    const struct CMUnitTest tests[] = {
        OVER_EACH(payloads_of_every_size),
        OVER_EACH(payloads_over_the_bound_are_rejected),
        OVER_EACH(each_end_keeps_to_the_nodes_bound),
        OVER_EACH(a_node_may_take_more_than_by_default),
        OVER_EACH(who_tells_more_than_a_frame_holds_is_told),
        OVER_EACH(event_that_no_frame_holds_is_counted),
        OVER_EACH(streams_come_in_order_within_their_window),
        OVER_EACH(a_slow_listener_holds_the_speaker),
        OVER_EACH(a_killed_speaker_begins_anew_elsewhere),
        OVER_EACH(cancels_reach_every_stage),
        OVER_EACH(the_grace_of_a_cancel_is_the_nodes),
        OVER_EACH(times_run_out_over_the_wire),
        OVER_EACH(a_key_is_one_dispatch_wherever_it_is_asked),
        OVER_EACH(a_detached_call_outlives_its_caller),
        OVER_EACH(a_subscriber_who_keeps_up_misses_nothing),
        OVER_EACH(slow_subscribers_lose_what_they_chose),
        OVER_EACH(a_stuck_subscriber_is_cut_off),
        OVER_EACH(a_stuck_reader_is_bounded_and_harms_nobody),
        OVER_EACH(what_the_node_refuses_is_told),
        OVER_EACH(sessions_are_bounded),
        cmocka_unit_test(a_dial_that_fails_calls_no_hook),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
