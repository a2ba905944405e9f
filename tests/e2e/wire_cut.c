/* Connections and nodes that are lost, over each transport, with a network of the test's own in between:
 *   - a cut of 300 ms costs nothing: nothing runs again, nothing is cancelled, no event is lost or comes twice; nor does one after
 *     the other, in the middle of frames, nor a connection of which one direction ends, nor one that is slow
 *   - one that loses every packet is noticed by its beats, and is a cut
 *   - a cut that is longer than resume_ms: the link fires, "link_lost"; calls end once; workers come back
 *   - one that is longer than the client's own lost_ms, and shorter than the node's: nothing is left behind at the node
 *   - a call that is made meanwhile ends when its time has run out, also where the connection stands and nothing comes
 *   - another node that answers, and refuses a worker and subscriptions: they end with its error, and the hooks tell
 *   - a node that is killed and started again under load: node_lost, once for each call that was open; workers serve again
 *   - the next address is dialled where the first is gone, or accepts and never answers; who gets no answer is told by whom not
 *   - what was done before a close is handed over, also where the connection breaks meanwhile
 *   - what was got and not acknowledged holds nobody up; nobody's memory is used when he ends before the node's answer */
#include "e2e/wire_relay.h"

enum { CUT_MS = 300 };

static void pause_ms(int ms)
{
    (void)poll(NULL, 0, ms); /* the length of the cut is what is tested */
}

/* --- load: calls that go through both ends, and events ---------------------------------------------- */

struct load {
    struct site site;
    struct relay relay;
    weft_node *client; /* behind the relay: it calls, works and subscribes */
    weft_node *direct; /* calls what the client works */
    weft_worker *near, *far;
    weft_completions *from_client, *from_direct;
    weft_subscription *subscription;
    atomic_uint ran[2][4096]; /* by number: a call of the client's, a task at the client */
    atomic_uint events;
    uint64_t event_last;
    atomic_bool disorder;
    struct event heard;
    unsigned sent;
};

#define FAR_CHANNEL "dispatch.test.far"
#define EVENTS "event.test.news"

static void count_run(weft_task *task, atomic_uint *ran)
{
    char text[16] = "";
    weft_bytes payload = weft_task_payload(task);
    memcpy(text, payload.data, payload.size < 15 ? payload.size : 15);
    atomic_fetch_add(&ran[strtoul(text, NULL, 10)], 1);
    (void)weft_task_complete(task, payload);
}

static void run_near(weft_task *task, void *context)
{
    struct load *load = context;
    count_run(task, load->ran[0]);
}

static void run_far(weft_task *task, void *context)
{
    struct load *load = context;
    count_run(task, load->ran[1]);
}

static void hear_event(const weft_event *event, void *context)
{
    struct load *load = context;
    if (event->number != ++load->event_last || event->dropped) atomic_store(&load->disorder, true);
    atomic_fetch_add(&load->events, 1);
    event_give(&load->heard);
}

static void open_load(struct load *load, const struct way *way, const weft_listen_options *options)
{
    weft_worker_options worker = WEFT_WORKER_OPTIONS;
    memset(load, 0, sizeof *load);
    open_site(&load->site, way, options);
    check_ok(weft_channel_declare(load->site.node, FAR_CHANNEL, NULL));
    check_ok(weft_channel_declare(load->site.node, EVENTS, NULL));
    open_relay(&load->relay, way, load->site.url);
    load->client = dial_named(load->relay.url, "client");
    load->direct = dial_named(load->site.url, "direct");
    worker.max_concurrent = 64;
    check_ok(weft_worker_register(load->site.node, CHANNEL, run_near, load, &worker, &load->near));
    check_ok(weft_worker_register(load->client, FAR_CHANNEL, run_far, load, &worker, &load->far));
    check_ok(weft_subscribe(load->client, EVENTS, hear_event, load, NULL, &load->subscription));
    check_ok(weft_completions_open(load->client, 8192, &load->from_client));
    check_ok(weft_completions_open(load->direct, 8192, &load->from_direct));
}

/* So many more calls each way, and events. */
static void send_more(struct load *load, unsigned count)
{
    for (; count; count--, load->sent++) {
        char text[16];
        (void)snprintf(text, sizeof text, "%u", load->sent);
        (void)submit(load->from_client, CHANNEL, text, load->sent);
        (void)submit(load->from_direct, FAR_CHANNEL, text, load->sent);
        check_ok(weft_publish(load->direct, EVENTS, weft_text(text), NULL, NULL));
    }
}

static void check_all(struct load *load, weft_completions *completions)
{
    unsigned char *seen = calloc(load->sent, 1);
    check_true(seen != NULL);
    for (unsigned i = 0; i < load->sent; i++) {
        char text[16];
        weft_reply reply = next_reply(completions);
        check_true(reply.token < load->sent && !seen[reply.token]);
        check_str(weft_outcome_name(reply.outcome), "completed");
        seen[reply.token] = 1;
        (void)snprintf(text, sizeof text, "%u", (unsigned)reply.token);
        check_eq(reply.attempts, 1);
        check_reply_text(&reply, text);
    }
    free(seen);
}

/* Everything ended as if there had been no network at all. */
static void check_cost_nothing(struct load *load)
{
    check_all(load, load->from_client);
    check_all(load, load->from_direct);
    event_await(&load->heard, load->sent);
    for (unsigned i = 0; i < load->sent; i++) {
        check_eq(atomic_load(&load->ran[0][i]), 1);
        check_eq(atomic_load(&load->ran[1][i]), 1);
    }
    check_true(!atomic_load(&load->disorder));
    check_eq(atomic_load(&load->events), load->sent);
    weft_node_stats stats = stats_of(load->site.node);
    check_eq(stats.cancelled + stats.worker_died + stats.redispatched + stats.deaths + stats.dropped, 0);
}

static void close_load(struct load *load)
{
    relay_mend(&load->relay);
    check_ok(weft_unsubscribe(load->subscription));
    check_ok(weft_completions_close(load->from_client));
    check_ok(weft_completions_close(load->from_direct));
    check_ok(weft_worker_unregister(load->far));
    check_ok(weft_worker_unregister(load->near));
    close_all_of(load->client);
    close_all_of(load->direct);
    close_relay(&load->relay);
    close_all_of(load->site.node);
}

static struct load load; /* too large for a stack */

static void a_short_cut_costs_nothing(void **state)
{
    open_load(&load, *state, NULL);
    send_more(&load, 200);
    relay_cut(&load.relay);
    send_more(&load, 200);
    pause_ms(CUT_MS);
    relay_mend(&load.relay);
    send_more(&load, 200);
    check_cost_nothing(&load);
    close_load(&load);
}

static void cuts_in_the_middle_of_everything_cost_nothing(void **state)
{
    const unsigned cuts = rounds("WIRE_CUTS", 12);
    open_load(&load, *state, NULL);
    relay_slow(&load.relay, 0, 701); /* so that frames are in pieces */
    for (unsigned i = 0; i < cuts && load.sent + 150 < 4096; i++) {
        send_more(&load, 100);
        uint64_t accepted = relay_accepted(&load.relay);
        relay_drop(&load.relay);
        await_true(relay_accepted(&load.relay) > accepted);
    }
    relay_slow(&load.relay, 0, 0);
    check_cost_nothing(&load);
    close_load(&load);
}

static void one_direction_that_ends_costs_nothing(void **state)
{
    open_load(&load, *state, NULL);
    for (int side = 0; side < 2; side++) {
        uint64_t accepted = relay_accepted(&load.relay);
        send_more(&load, 100);
        relay_shut(&load.relay, side);
        send_more(&load, 100);
        await_true(relay_accepted(&load.relay) > accepted);
    }
    check_cost_nothing(&load);
    close_load(&load);
}

static void a_slow_network_costs_time(void **state)
{
    open_load(&load, *state, NULL);
    relay_slow(&load.relay, 30, 0);
    send_more(&load, 300);
    check_cost_nothing(&load);
    close_load(&load);
}

/* Nothing comes through, and no connection ends: beats tell. */
static void a_silent_network_is_a_cut(void **state)
{
    weft_listen_options options = quick(30000);
    open_load(&load, *state, &options);
    for (int directions = 1; directions <= 3; directions++) {
        uint64_t accepted = relay_accepted(&load.relay);
        relay_stall(&load.relay, directions & 1, directions & 2);
        send_more(&load, 50);
        await_true(relay_accepted(&load.relay) > accepted);
        relay_mend(&load.relay);
    }
    check_cost_nothing(&load);
    close_load(&load);
}

/* --- longer than the session is kept ----------------------------------------------------------------- */

struct holder {
    struct event began, go_on;
    atomic_uint cancelled;
};

static void hold_cancelled(weft_task *task, void *context)
{
    struct holder *holder = context;
    (void)task;
    atomic_fetch_add(&holder->cancelled, 1);
    event_give(&holder->go_on);
}

static void hold(weft_task *task, void *context)
{
    struct holder *holder = context;
    thread_check_ok(weft_task_on_cancel(task, hold_cancelled, holder));
    event_give(&holder->began);
    event_await(&holder->go_on, 1);
    (void)weft_task_complete(task, weft_task_payload(task));
}

/* The client holds a task, and waits for one of its own. What it lost is told once at either side; then it serves again. */
static void lose_the_session(const struct way *way, uint32_t resume_ms, uint32_t lost_ms, weft_outcome outcome)
{
    weft_listen_options options = WEFT_LISTEN_OPTIONS;
    struct site site;
    struct relay relay;
    struct holder near = {0}, far = {0};
    weft_dial_options dialling = WEFT_DIAL_OPTIONS;
    weft_completions *at_node, *at_client;
    options.resume_ms = resume_ms;
    open_site(&site, way, &options);
    check_ok(weft_channel_declare(site.node, FAR_CHANNEL, NULL));
    open_relay(&relay, way, site.url);
    dialling.lost_ms = lost_ms;
    dialling.resume_ms = resume_ms;
    dialling.name = "client";
    weft_node *client = dial(relay.url, &dialling);
    weft_worker *here = register_worker(site.node, CHANNEL, hold, &near);
    weft_worker *there = register_worker(client, FAR_CHANNEL, hold, &far);
    check_ok(weft_completions_open(site.node, 16, &at_node));
    check_ok(weft_completions_open(client, 16, &at_client));
    (void)submit(at_node, FAR_CHANNEL, "task", 1);
    (void)submit(at_client, CHANNEL, "call", 2);
    event_await(&near.began, 1);
    event_await(&far.began, 1);
    relay_cut(&relay);
    weft_reply reply;
    if (resume_ms < lost_ms) { /* the node gives up first */
        reply = next_reply(at_node);
        check_reply_code(&reply, WEFT_WORKER_DIED, "worker_died");
        relay_mend(&relay);
        reply = next_reply(at_client);
    } else { /* the client gives up first */
        reply = next_reply(at_client);
        check_str(weft_outcome_name(reply.outcome), "node_lost");
        event_await(&far.go_on, 1);
        relay_mend(&relay);
    }
    check_reply_code(&reply, outcome, weft_outcome_name(outcome));
    event_await(&near.go_on, 1); /* nobody waits for it */
    event_await(&far.go_on, 1);
    if (resume_ms >= lost_ms) {
        reply = next_reply(at_node);
        check_reply_code(&reply, WEFT_WORKER_DIED, "worker_died");
    }
    (void)submit(at_node, FAR_CHANNEL, "again", 3);
    reply = next_reply(at_node);
    check_reply_text(&reply, "again");
    (void)submit(at_client, CHANNEL, "again", 4);
    reply = next_reply(at_client);
    check_reply_text(&reply, "again");
    await_true(stats_of(site.node).attempts_running == 0 && stats_of(site.node).dispatches_open == 0);
    weft_death death;
    size_t count;
    char text[64];
    check_ok(weft_channel_deaths(site.node, FAR_CHANNEL, &death, 1, &count));
    check_eq(count, 1);
    check_eq(death.cause.kind, WEFT_CAUSE_LINK_LOST);
    check_true(strstr(weft_cause_text(death.cause, text, sizeof text), "lost") != NULL);
    check_eq(atomic_load(&near.cancelled), 1);
    check_eq(atomic_load(&far.cancelled), 1);
    size_t more;
    check_err(weft_completions_next(at_client, 0, &reply, 1, &more), WEFT_EAGAIN);
    check_err(weft_completions_next(at_node, 0, &reply, 1, &more), WEFT_EAGAIN);
    check_ok(weft_completions_close(at_node));
    check_ok(weft_completions_close(at_client));
    check_ok(weft_worker_unregister(there));
    close_all_of(client);
    check_ok(weft_worker_unregister(here));
    close_relay(&relay);
    close_all_of(site.node);
}

static void a_cut_longer_than_resume_ms_ends_the_session(void **state)
{
    lose_the_session(*state, 200, 60000, WEFT_NODE_LOST);
}

static void a_client_that_gives_up_first_leaves_nothing_behind(void **state)
{
    lose_the_session(*state, 60000, 200, WEFT_NODE_LOST);
}

/* Whoever says how long it may take is told by then, also while nobody is there. */
static void a_call_into_a_cut_runs_out_of_time(void **state)
{
    const struct way *way = *state;
    const weft_listen_options options = quick(60000);
    struct site site;
    struct relay relay;
    weft_dial_options dialling = WEFT_DIAL_OPTIONS;
    weft_dispatch_options bounded = WEFT_DISPATCH_OPTIONS;
    weft_ping ping;
    weft_reply reply;
    open_site(&site, way, &options);
    open_relay(&relay, way, site.url);
    dialling.lost_ms = 60000;
    weft_node *client = dial(relay.url, &dialling);
    weft_worker *worker = register_worker(site.node, CHANNEL, echo, NULL);
    relay_cut(&relay);
    await_true(weft_node_ping(client, 0, &ping) == WEFT_ELOST);
    bounded.schedule_to_close_ms = 50;
    check_ok(weft_dispatch(client, CHANNEL, WEFT_TEXT("into the cut"), &bounded, &reply));
    check_reply_code(&reply, WEFT_TIMED_OUT, "schedule_to_close");
    relay_mend(&relay);
    bounded.schedule_to_close_ms = 60000;
    check_ok(weft_dispatch(client, CHANNEL, WEFT_TEXT("after it"), &bounded, &reply));
    check_reply_text(&reply, "after it");
    await_true(stats_of(site.node).dispatches_open == 0);
    check_ok(weft_worker_unregister(worker));
    close_all_of(client);
    close_relay(&relay);
    close_all_of(site.node);
}

/* A handler like echo, of a task that may have ended meanwhile. */
static void echo_late(weft_task *task, void *context)
{
    (void)context;
    weft_error error = weft_task_complete(task, weft_task_payload(task));
    thread_check_true(!error || error == WEFT_ESTALE);
}

/* No beat tells that nothing comes through. One call runs at the node, one is on its way there, and of the large ones some find no
 * room; what the node says of them later is too late for anybody. */
static void a_call_to_a_node_that_hangs_runs_out_of_time(void **state)
{
    enum { LARGE = 4, LARGE_BYTES = 900000 };
    const struct way *way = *state;
    weft_listen_options options = WEFT_LISTEN_OPTIONS;
    struct site site;
    struct relay relay;
    struct holder holder = {0};
    weft_dispatch_options bounded = WEFT_DISPATCH_OPTIONS;
    weft_completions *completions;
    weft_reply reply;
    size_t count;
    unsigned char *bytes = calloc(1, LARGE_BYTES);
    check_true(bytes != NULL);
    options.beat_ms = 3600000;
    open_site(&site, way, &options);
    open_relay(&relay, way, site.url);
    check_ok(weft_channel_declare(site.node, FAR_CHANNEL, NULL));
    weft_worker *held = register_worker(site.node, FAR_CHANNEL, hold, &holder);
    weft_worker *worker = register_worker(site.node, CHANNEL, echo_late, NULL);
    weft_node *client = dial_named(relay.url, "client");
    check_ok(weft_completions_open(client, 16, &completions));
    bounded.schedule_to_close_ms = 300;
    check_ok(weft_dispatch_submit(completions, FAR_CHANNEL, WEFT_TEXT("held"), &bounded, 1, NULL));
    event_await(&holder.began, 1);
    relay_stall(&relay, true, true);
    check_ok(weft_dispatch_submit(completions, CHANNEL, WEFT_TEXT("small"), &bounded, 2, NULL));
    for (uint64_t i = 0; i < LARGE; i++)
        check_ok(weft_dispatch_submit(completions, CHANNEL, (weft_bytes){bytes, LARGE_BYTES}, &bounded, 3 + i, NULL));
    for (int i = 0; i < 2 + LARGE; i++) {
        check_ok(weft_completions_next(completions, 15000, &reply, 1, &count));
        check_reply_code(&reply, WEFT_TIMED_OUT, "schedule_to_close");
    }
    event_await(&holder.go_on, 1); /* the node has ended it, too */
    relay_mend(&relay);
    bounded.schedule_to_close_ms = 60000;
    check_ok(weft_dispatch(client, CHANNEL, WEFT_TEXT("after it"), &bounded, &reply));
    check_reply_text(&reply, "after it");
    check_err(weft_completions_next(completions, 0, &reply, 1, &count), WEFT_EAGAIN);
    await_true(stats_of(site.node).dispatches_open == 0 && stats_of(site.node).attempts_running == 0);
    check_eq(relay_accepted(&relay), 1);
    check_ok(weft_completions_close(completions));
    check_ok(weft_worker_unregister(held));
    check_ok(weft_worker_unregister(worker));
    close_all_of(client);
    close_relay(&relay);
    close_all_of(site.node);
    free(bytes);
}

/* Who drains is given no more, not what is on its way either: that goes to others. */
static void draining_takes_nothing_that_is_on_its_way(void **state)
{
    const struct way *way = *state;
    struct site site;
    struct relay relay;
    weft_task *task;
    weft_reply reply;
    weft_completions *completions;
    weft_dispatch_options options = WEFT_DISPATCH_OPTIONS;
    size_t count;
    open_site(&site, way, NULL);
    open_relay(&relay, way, site.url);
    weft_node *client = dial(relay.url, NULL);
    weft_worker *puller, *other;
    check_ok(weft_worker_register(client, CHANNEL, NULL, NULL, NULL, &puller));
    check_ok(weft_completions_open(site.node, 1, &completions));
    relay_stall(&relay, false, true);
    options.on_crash = WEFT_CRASH_FAIL;
    check_ok(weft_dispatch_submit(completions, CHANNEL, WEFT_TEXT("late"), &options, 0, NULL));
    check_ok(weft_worker_drain(puller, 15000));
    check_err(weft_worker_next(puller, 15000, &task), WEFT_ECLOSED);
    relay_stall(&relay, false, false);
    other = register_worker(site.node, CHANNEL, echo, NULL);
    check_ok(weft_completions_next(completions, 15000, &reply, 1, &count));
    check_eq(reply.attempts, 1);
    check_reply_text(&reply, "late");
    check_ok(weft_worker_drain(puller, 15000));
    check_ok(weft_worker_unregister(puller));
    check_ok(weft_worker_unregister(other));
    check_ok(weft_completions_close(completions));
    close_all_of(client);
    close_relay(&relay);
    close_all_of(site.node);
}

/* --- another node ---------------------------------------------------------------------------------------- */

struct refusals {
    weft_node_event_kind kinds[8];
    char channels[8][64];
    uint64_t counts[8];
    unsigned count;
    char last[512];
    struct event told, ended;
    weft_error why;
};

static void note_refusal(const weft_node_event *event, void *context)
{
    struct refusals *refusals = context;
    if (event->kind != WEFT_NODE_WORKER_REFUSED && event->kind != WEFT_NODE_SUBSCRIBER_REFUSED) return;
    unsigned n = refusals->count++;
    thread_check_true(n < 8);
    refusals->kinds[n] = event->kind;
    refusals->counts[n] = event->count;
    (void)snprintf(refusals->channels[n], sizeof refusals->channels[n], "%s %s", event->channel, event->worker);
}

static void note_sentence(weft_log_level level, const char *sentence, void *context)
{
    struct refusals *refusals = context;
    if (!strstr(sentence, "refuses")) return;
    thread_check_eq(level, WEFT_LOG_ERROR);
    (void)snprintf(refusals->last, sizeof refusals->last, "%s", sentence);
    event_give(&refusals->told);
}

static void hear_nothing(const weft_event *event, void *context)
{
    (void)event;
    (void)context;
}

static void note_end(weft_error why, void *context)
{
    struct refusals *refusals = context;
    refusals->why = why;
    event_give(&refusals->ended);
}

/* It has another idea of what there is. */
static void who_is_refused_by_the_next_node_is_told(void **state)
{
    const struct way *way = *state;
    const weft_listen_options options = quick(60000);
    static const char news[] = "event.test.news";
    struct site first, next;
    struct relay relay;
    struct refusals refusals = {0};
    const weft_hooks hooks = {.log = note_sentence, .event = note_refusal, .context = &refusals};
    weft_node_options own = WEFT_NODE_OPTIONS;
    weft_dial_options dialling = WEFT_DIAL_OPTIONS;
    weft_worker_options named = WEFT_WORKER_OPTIONS;
    weft_subscribe_options telling = WEFT_SUBSCRIBE_OPTIONS;
    weft_worker *refused;
    weft_subscription *heard, *pulled;
    weft_worker_info info;
    weft_event event;
    weft_task *task;
    size_t count;
    open_site(&first, way, &options);
    open_site(&next, way, &options);
    check_ok(weft_channel_declare(first.node, OTHER, NULL));
    check_ok(weft_channel_declare(first.node, news, NULL));
    open_relay(&relay, way, first.url);
    own.hooks = &hooks;
    dialling.node = &own;
    weft_node *client = dial(relay.url, &dialling);
    weft_worker *kept = register_worker(client, CHANNEL, echo, NULL);
    named.name = "unwanted";
    check_ok(weft_worker_register(client, OTHER, NULL, NULL, &named, &refused));
    telling.ended = note_end;
    check_ok(weft_subscribe(client, news, hear_nothing, &refusals, &telling, &heard));
    telling.ended = NULL;
    check_ok(weft_subscribe(client, news, NULL, NULL, &telling, &pulled));
    relay_aim(&relay, next.url);
    relay_drop(&relay);
    check_err(weft_worker_next(refused, WEFT_FOREVER, &task), WEFT_ENOCHANNEL);
    check_err(weft_subscription_next(pulled, WEFT_FOREVER, &event, 1, &count), WEFT_ENOCHANNEL);
    event_await(&refusals.ended, 1);
    check_eq(refusals.why, WEFT_ENOCHANNEL);
    event_await(&refusals.told, 3);
    check_eq(refusals.kinds[0], WEFT_NODE_WORKER_REFUSED);
    check_str(refusals.channels[0], OTHER " unwanted");
    check_eq(refusals.kinds[1], WEFT_NODE_SUBSCRIBER_REFUSED);
    check_str(refusals.channels[2], "event.test.news ");
    for (unsigned i = 0; i < 3; i++)
        check_eq(refusals.counts[i], WEFT_ENOCHANNEL);
    check_true(strstr(refusals.last, weft_error_text(WEFT_ENOCHANNEL)) && strstr(refusals.last, news));
    check_ok(weft_worker_info_get(refused, &info));
    check_eq(info.state, WEFT_WORKER_DRAINING);
    weft_reply reply = dispatch(next.node, CHANNEL, "kept");
    check_reply_text(&reply, "kept");
    check_ok(weft_worker_unregister(refused));
    check_ok(weft_worker_unregister(kept));
    check_ok(weft_unsubscribe(heard));
    check_ok(weft_unsubscribe(pulled));
    close_all_of(client);
    close_relay(&relay);
    close_all_of(first.node);
    close_all_of(next.node);
}

/* --- a node that goes ---------------------------------------------------------------------------------- */

static void say_where(weft_task *task, void *context)
{
    thread_check_ok(weft_task_complete(task, weft_text(context)));
}

/* node URL: a node of its own, killed at will; who calls OTHER learns where he is. */
static int play_node(char **arguments)
{
    char line[16], bound[WEFT_URL_MAX + 1];
    weft_node *node = open_node();
    weft_listen_options options = quick(2000);
    thread_check_ok(weft_node_listen(node, arguments[0], &options, bound));
    thread_check_ok(weft_channel_declare(node, OTHER, NULL));
    (void)register_worker(node, OTHER, say_where, bound);
    say("ready %s", bound);
    while (hear(line, sizeof line))
        ;
    return 0;
}

static void start_node(struct child *child, const char *url, char *bound)
{
    spawn_role(child, "node", url, NULL);
    const char *line = next_line(child);
    check_true(line && strncmp(line, "ready ", 6) == 0);
    (void)snprintf(bound, WEFT_URL_MAX + 1, "%s", line + 6);
}

enum { CALLERS = 2, WORKERS = 2, KILLS = 3, OPEN = 32 };

struct restarts {
    char url[WEFT_URL_MAX + 1];
    atomic_bool over;
    atomic_uint completed, lost;
    struct calling {
        struct restarts *restarts;
        atomic_uint open;
    } calling[CALLERS];
};

static void ended(const weft_reply *reply, void *context)
{
    struct calling *calling = context;
    bool lost = reply->outcome == WEFT_NODE_LOST;
    if (!lost) thread_check_str(weft_outcome_name(reply->outcome), "completed");
    atomic_fetch_add(lost ? &calling->restarts->lost : &calling->restarts->completed, 1);
    thread_check_true(atomic_fetch_sub(&calling->open, 1) > 0);
}

/* Keeps so many calls open. */
static void *call_on(void *argument)
{
    struct calling *calling = argument;
    struct restarts *restarts = calling->restarts;
    weft_node *node = dial_named(restarts->url, NULL);
    while (!atomic_load(&restarts->over)) {
        if (atomic_load(&calling->open) == OPEN) {
            (void)poll(NULL, 0, 1);
            continue;
        }
        atomic_fetch_add(&calling->open, 1);
        thread_check_ok(weft_dispatch_async(node, CHANNEL, WEFT_TEXT("x"), NULL, ended, calling, 0, NULL));
    }
    await_true(atomic_load(&calling->open) == 0);
    close_all_of(node);
    return NULL;
}

static void a_node_that_is_killed_under_load_loses_calls_once(void **state)
{
    static struct restarts restarts;
    const struct way *way = *state;
    struct child node;
    char url[WEFT_URL_MAX + 1];
    memset(&restarts, 0, sizeof restarts);
    new_url(way, url);
    start_node(&node, url, restarts.url);
    weft_node *workers[WORKERS];
    weft_worker *registered[WORKERS];
    pthread_t callers[CALLERS];
    for (int i = 0; i < WORKERS; i++) {
        workers[i] = dial_named(restarts.url, NULL);
        registered[i] = register_named(workers[i], NULL, 8, echo, NULL);
    }
    for (int i = 0; i < CALLERS; i++) {
        restarts.calling[i].restarts = &restarts;
        callers[i] = start(call_on, &restarts.calling[i]);
    }
    for (int i = 0; i < KILLS; i++) {
        unsigned completed = atomic_load(&restarts.completed);
        await_true(atomic_load(&restarts.completed) > completed + 200);
        check_eq(kill(node.pid, SIGKILL), 0);
        check_eq(reap(&node), -SIGKILL);
        start_node(&node, restarts.url, url);
    }
    unsigned completed = atomic_load(&restarts.completed);
    await_true(atomic_load(&restarts.completed) > completed + 200);
    atomic_store(&restarts.over, true);
    for (int i = 0; i < CALLERS; i++)
        join(callers[i]);
    check_true(atomic_load(&restarts.lost) > 0 && atomic_load(&restarts.lost) <= KILLS * OPEN * CALLERS);
    for (int i = 0; i < WORKERS; i++) {
        check_ok(weft_worker_unregister(registered[i]));
        close_all_of(workers[i]);
    }
    check_eq(kill(node.pid, SIGKILL), 0);
    check_eq(reap(&node), -SIGKILL);
}

static weft_node *open_at(const char *url, char *bound)
{
    weft_node *node = open_node();
    check_ok(weft_channel_declare(node, "event.test.news", NULL));
    check_ok(weft_node_listen(node, url, NULL, bound));
    return node;
}

/* That the node closes is no end of what hangs on it elsewhere: it is the next one's. */
static void what_is_announced_outlives_a_node_that_closes(void **state)
{
    char url[WEFT_URL_MAX + 1], bound[WEFT_URL_MAX + 1], again[WEFT_URL_MAX + 1];
    weft_subscription *subscription;
    weft_event event;
    size_t count;
    uint32_t heard;
    new_url(*state, url);
    weft_node *node = open_at(url, bound);
    weft_node *client = dial_named(bound, NULL);
    weft_worker *worker = register_named(client, NULL, 1, echo, NULL);
    check_ok(weft_subscribe(client, "event.test.*", NULL, NULL, NULL, &subscription));
    close_all_of(node);
    node = open_at(bound, again);
    await_true(stats_of(node).subscriptions == 1 && stats_of(node).workers == 1);
    check_ok(weft_publish(node, "event.test.news", WEFT_TEXT("again"), NULL, &heard));
    check_eq(heard, 1);
    check_ok(weft_subscription_next(subscription, WEFT_FOREVER, &event, 1, &count));
    check_true(event.payload.size == 5 && memcmp(event.payload.data, "again", 5) == 0);
    weft_event_release(&event);
    weft_reply reply = dispatch(node, CHANNEL, "served");
    check_reply_text(&reply, "served");
    check_ok(weft_unsubscribe(subscription));
    check_ok(weft_worker_unregister(worker));
    close_all_of(client);
    close_all_of(node);
}

static void another_address_answers_where_the_first_is_gone(void **state)
{
    const struct way *way = *state;
    struct child first, second;
    char urls[2][WEFT_URL_MAX + 1], url[WEFT_URL_MAX + 1], both[2 * WEFT_URL_MAX + 3];
    weft_reply reply;
    new_url(way, url);
    start_node(&first, url, urls[0]);
    new_url(way, url);
    start_node(&second, url, urls[1]);
    (void)snprintf(both, sizeof both, "%s,%s", urls[0], urls[1]);
    weft_node *client = dial_named(both, "client");
    weft_worker *worker = register_named(client, "worker", 1, echo, NULL);
    reply = dispatch(client, OTHER, "where?");
    check_reply_text(&reply, urls[0]);
    check_eq(kill(first.pid, SIGKILL), 0);
    check_eq(reap(&first), -SIGKILL);
    while ((reply = dispatch(client, OTHER, "where?")).outcome == WEFT_NODE_LOST)
        weft_reply_release(&reply);
    check_reply_text(&reply, urls[1]);
    reply = dispatch(client, CHANNEL, "over there");
    check_reply_text(&reply, "over there");
    check_ok(weft_worker_unregister(worker));
    close_all_of(client);
    check_eq(kill(second.pid, SIGKILL), 0);
    check_eq(reap(&second), -SIGKILL);
}

/* --- addresses that accept, and never answer ------------------------------------------------------------- */

struct hung {
    int listener;
    char url[WEFT_URL_MAX + 1];
};

static void open_hung(struct hung *hung, const struct way *way)
{
    char url[WEFT_URL_MAX + 1];
    new_url(way, url);
    hung->listener = listen_at(url, hung->url);
}

static void two_that_hang_leave_time_for_the_third(void **state)
{
    const struct way *way = *state;
    struct hung hung[2];
    struct site site;
    weft_ping ping;
    weft_node *client;
    weft_dial_options options = WEFT_DIAL_OPTIONS;
    char urls[3 * (WEFT_URL_MAX + 1)];
    open_hung(&hung[0], way);
    open_hung(&hung[1], way);
    open_site(&site, way, NULL);
    (void)snprintf(urls, sizeof urls, "%s,%s,%s", hung[0].url, hung[1].url, site.url);
    weft_error error = WEFT_ELOST;
    for (uint32_t ms = 3000; error == WEFT_ELOST && ms <= 48000;
         ms *= 2) { /* a third may be short for a busy machine */
        options.dial_timeout_ms = ms;
        error = weft_node_dial(urls, &options, &client);
    }
    check_ok(error);
    check_ok(weft_node_ping(client, 30000, &ping));
    check_str(ping.url, site.url);
    close_all_of(client);
    close_all_of(site.node);
    close(hung[0].listener);
    close(hung[1].listener);
}

/* What the last error says of that address; "": it does not name it. */
static const char *said_of(const char *url)
{
    const char *named = strstr(weft_error_message(), url);
    return named ? named + strlen(url) : "";
}

/* It accepts, and is silent; or had no more of the time than a busy machine takes to connect. */
static void check_named_silent(const char *url)
{
    static const char silent[] = ": it has not answered in time", late[] = ": no answer within ";
    const char *said = said_of(url);
    bool right = strncmp(said, silent, strlen(silent)) == 0 || strncmp(said, late, strlen(late)) == 0;
    if (!right) print_error("%s\n", weft_error_message());
    check_true(right);
}

static void each_that_does_not_answer_is_named(void **state)
{
    const struct way *way = *state;
    struct hung hung[3];
    weft_node *client;
    weft_dial_options options = WEFT_DIAL_OPTIONS;
    char urls[3 * (WEFT_URL_MAX + 1)];
    options.dial_timeout_ms = 1200;
    for (int i = 0; i < 3; i++)
        open_hung(&hung[i], way);
    check_err(weft_node_dial(hung[0].url, &options, &client), WEFT_ELOST);
    check_named_silent(hung[0].url);
    (void)snprintf(urls, sizeof urls, "%s,%s,%s", hung[0].url, hung[1].url, hung[2].url);
    check_err(weft_node_dial(urls, &options, &client), WEFT_ELOST);
    for (int i = 0; i < 3; i++)
        check_named_silent(hung[i].url);
    close(hung[1].listener); /* nobody is there any more */
    check_err(weft_node_dial(urls, &options, &client), WEFT_ELOST);
    check_named_silent(hung[0].url);
    check_true(strncmp(said_of(hung[1].url), ": ", 2) == 0);
    check_named_silent(hung[2].url);
    close(hung[0].listener);
    close(hung[2].listener);
}

/* Those that hang are passed within lost_ms: so no more is lost than what the first had. */
static void those_that_hang_are_passed_when_the_first_is_gone(void **state)
{
    const struct way *way = *state;
    struct hung hung[2];
    struct site first, last;
    struct relay relay;
    weft_dial_options options = WEFT_DIAL_OPTIONS;
    weft_reply reply;
    unsigned lost = 0;
    char urls[4 * (WEFT_URL_MAX + 1)];
    open_site(&first, way, NULL);
    open_site(&last, way, NULL);
    open_relay(&relay, way, first.url);
    open_hung(&hung[0], way);
    open_hung(&hung[1], way);
    weft_worker *worker = register_worker(last.node, CHANNEL, echo, NULL);
    (void)snprintf(urls, sizeof urls, "%s,%s,%s,%s", relay.url, hung[0].url, hung[1].url, last.url);
    options.lost_ms = 4000;
    options.dial_timeout_ms = 60000; /* a quarter of it is the first one's */
    weft_node *client = dial(urls, &options);
    relay_cut(&relay);
    while ((reply = dispatch(client, CHANNEL, "x")).outcome == WEFT_NODE_LOST) {
        weft_reply_release(&reply);
        lost++;
    }
    check_reply_text(&reply, "x");
    check_true(lost <= 2);
    close_all_of(client);
    close_relay(&relay);
    check_ok(weft_worker_unregister(worker));
    close_all_of(first.node);
    close_all_of(last.node);
    close(hung[0].listener);
    close(hung[1].listener);
}

/* --- closing ------------------------------------------------------------------------------------------- */

static void what_was_done_is_handed_over_though_the_connection_breaks(void **state)
{
    struct site site;
    struct relay relay;
    weft_completions *completions;
    weft_worker *worker;
    weft_task *task;
    open_site(&site, *state, NULL);
    open_relay(&relay, *state, site.url);
    weft_node *client = dial_named(relay.url, "client");
    check_ok(weft_worker_register(client, CHANNEL, NULL, NULL, NULL, &worker));
    check_ok(weft_completions_open(site.node, 16, &completions));
    (void)submit(completions, CHANNEL, "done", 1);
    check_ok(weft_worker_next(worker, WEFT_FOREVER, &task));
    relay_cut(&relay);
    check_ok(weft_task_complete(task, WEFT_TEXT("done")));
    check_ok(weft_worker_unregister(worker));
    pthread_t closer = start((void *(*)(void *))(void *)close_all_of, client);
    pause_ms(100);
    relay_mend(&relay);
    weft_reply reply = next_reply(completions);
    check_reply_text(&reply, "done");
    join(closer);
    check_ok(weft_completions_close(completions));
    close_relay(&relay);
    close_all_of(site.node);
}

/* What is open has 300 ms; what is cancelled then ends as soon as the machine lets it. */
static void close_with_patience(weft_node *node)
{
    weft_error error = weft_node_close(node, 300);
    if (error != WEFT_EBUSY) check_ok(error);
    if (error) close_all_of(node);
}

/* Calls are open and tasks run on either side. */
static void close_in_the_middle(const struct way *way, bool node_first)
{
    struct site site;
    struct holder near = {0}, far = {0};
    weft_completions *at_node, *at_client;
    open_site(&site, way, NULL);
    check_ok(weft_channel_declare(site.node, FAR_CHANNEL, NULL));
    weft_node *client = dial_named(site.url, "client");
    weft_worker *here = register_worker(site.node, CHANNEL, hold, &near);
    weft_worker *there = register_worker(client, FAR_CHANNEL, hold, &far);
    check_ok(weft_completions_open(site.node, 16, &at_node));
    check_ok(weft_completions_open(client, 16, &at_client));
    (void)submit(at_node, FAR_CHANNEL, "task", 1);
    (void)submit(at_client, CHANNEL, "call", 2);
    event_await(&near.began, 1);
    event_await(&far.began, 1);
    weft_reply reply;
    if (node_first) {
        close_with_patience(site.node);
        reply = next_reply(at_client);
        check_true(reply.outcome == WEFT_CANCELLED || reply.outcome == WEFT_NODE_LOST);
        weft_reply_release(&reply);
        event_await(&far.go_on, 1);
    }
    close_with_patience(client);
    if (node_first) return;
    event_await(&near.go_on, 1);
    event_await(&far.go_on, 1);
    reply = next_reply(at_node);
    check_true(reply.outcome == WEFT_CANCELLED || reply.outcome == WEFT_WORKER_DIED || reply.outcome == WEFT_COMPLETED);
    weft_reply_release(&reply);
    await_true(stats_of(site.node).attempts_running == 0 && stats_of(site.node).dispatches_open == 0);
    await_true(stats_of(site.node).participants == 1);
    (void)here;
    (void)there;
    close_with_patience(site.node);
}

static void a_node_is_closed_with_work_under_way(void **state)
{
    close_in_the_middle(*state, true);
}
static void a_client_is_closed_with_work_under_way(void **state)
{
    close_in_the_middle(*state, false);
}

/* --- what a new connection says ----------------------------------------------------------------- */

static void count_one(weft_task *task, void *context)
{
    atomic_fetch_add((atomic_uint *)context, 1);
    (void)weft_task_complete(task, WEFT_TEXT("done"));
}

/* More than the line holds was got, and the acknowledgements were lost: when the connection is back nothing is to be sent again, so
 * no write tells that there is room. (Nor does a beat: there is none.) */
static void what_was_got_makes_room(void **state)
{
    struct site site;
    struct relay relay;
    weft_worker *worker;
    weft_completions *completions;
    weft_listen_options options = WEFT_LISTEN_OPTIONS;
    atomic_uint ran = 0;
    unsigned char *bytes = calloc(1, 900000);
    options.beat_ms = 3600000;
    open_site(&site, *state, &options);
    check_ok(weft_worker_register(site.node, CHANNEL, count_one, &ran, NULL, &worker));
    open_relay(&relay, *state, site.url);
    weft_node *client = dial_named(relay.url, "client");
    check_ok(weft_completions_open(client, 8, &completions));
    relay_stall(&relay, false, true);
    check_ok(weft_dispatch_submit(completions, CHANNEL, (weft_bytes){bytes, 900000}, NULL, 1, NULL));
    check_ok(weft_dispatch_submit(completions, CHANNEL, (weft_bytes){bytes, 500000}, NULL, 2, NULL));
    await_true(atomic_load(&ran) == 2);
    relay_cut(&relay);
    pause_ms(CUT_MS);
    check_ok(weft_dispatch_submit(completions, CHANNEL, WEFT_TEXT("x"), NULL, 3, NULL));
    relay_mend(&relay);
    for (int i = 0; i < 3; i++) {
        weft_reply reply = next_reply(completions);
        check_reply_text(&reply, "done");
    }
    check_ok(weft_completions_close(completions));
    check_ok(weft_worker_unregister(worker));
    close_all_of(client);
    close_relay(&relay);
    close_all_of(site.node);
    free(bytes);
}

struct comer {
    weft_node *client;
    weft_participant *who;
};

static void *register_one(void *argument)
{
    const struct comer *comer = argument;
    weft_worker_options options = WEFT_WORKER_OPTIONS;
    weft_worker *worker = NULL;
    options.participant = comer->who;
    weft_error error = weft_worker_register(comer->client, CHANNEL, echo, NULL, &options, &worker);
    thread_check_true(!error || error == WEFT_EDEAD);
    thread_check_ok(weft_worker_unregister(worker));
    return NULL;
}

/* While the node's answer is on its way. */
static void a_participant_dies_while_its_worker_registers(void **state)
{
    struct site site;
    struct relay relay;
    open_site(&site, *state, NULL);
    open_relay(&relay, *state, site.url);
    struct comer comer = {.client = dial_named(relay.url, "client")};
    relay_slow(&relay, 5, 0);
    for (int i = 0; i < 10; i++) {
        check_ok(weft_participant_declare(comer.client, "somebody", &comer.who));
        pthread_t thread = start(register_one, &comer);
        pause_ms(i % 5); /* the answer takes 10 */
        check_ok(weft_participant_dead(comer.who, 1));
        join(thread);
        weft_participant_release(comer.who);
    }
    close_all_of(comer.client);
    close_relay(&relay);
    close_all_of(site.node);
}

int main(int argc, char **argv)
{
    const struct role roles[] = {{"node", play_node}};
    PLAY_ROLE(argc, argv, roles);
    const struct CMUnitTest tests[] = {
        OVER_EACH(a_short_cut_costs_nothing),
        OVER_EACH(cuts_in_the_middle_of_everything_cost_nothing),
        OVER_EACH(one_direction_that_ends_costs_nothing),
        OVER_EACH(a_slow_network_costs_time),
        OVER_EACH(a_silent_network_is_a_cut),
        OVER_EACH(a_cut_longer_than_resume_ms_ends_the_session),
        OVER_EACH(a_client_that_gives_up_first_leaves_nothing_behind),
        OVER_EACH(a_call_into_a_cut_runs_out_of_time),
        OVER_EACH(a_call_to_a_node_that_hangs_runs_out_of_time),
        OVER_EACH(who_is_refused_by_the_next_node_is_told),
        OVER_EACH(a_node_that_is_killed_under_load_loses_calls_once),
        OVER_EACH(what_is_announced_outlives_a_node_that_closes),
        OVER_EACH(another_address_answers_where_the_first_is_gone),
        OVER_EACH(two_that_hang_leave_time_for_the_third),
        OVER_EACH(each_that_does_not_answer_is_named),
        OVER_EACH(those_that_hang_are_passed_when_the_first_is_gone),
        OVER_EACH(what_was_done_is_handed_over_though_the_connection_breaks),
        OVER_EACH(what_was_got_makes_room),
        OVER_EACH(draining_takes_nothing_that_is_on_its_way),
        OVER_EACH(a_participant_dies_while_its_worker_registers),
        OVER_EACH(a_node_is_closed_with_work_under_way),
        OVER_EACH(a_client_is_closed_with_work_under_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
