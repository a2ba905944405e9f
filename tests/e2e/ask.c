/* What a client node asks: each call that the node answers gives what the node would give in its own process, changes what it
 * changes, and fails as it fails; what is large comes in pages; what waits holds up nobody; and an end of the connection is one
 * of the call. */
#include "api_lib.h"

#include "exec/node.h"
#include "frame/frame.h"
#include "remote/client_ask.h"
#include "remote/uplink.h"

struct pair {
    weft_node *node, *client; /* the one that listens, and one that has dialled it */
};

static struct pair open_pair(void)
{
    static unsigned serial;
    struct pair pair;
    char url[64];
    weft_dial_options options = WEFT_DIAL_OPTIONS;
    options.name = "client";
    snprintf(url, sizeof url, "ipc:///tmp/weft-ask-%d-%u.sock", (int)getpid(), ++serial);
    check_ok(weft_node_open(NULL, &pair.node));
    check_ok(weft_node_listen(pair.node, url, NULL, NULL));
    check_ok(weft_node_dial(url, &options, &pair.client));
    return pair;
}

static void close_pair(struct pair *pair)
{
    check_ok(weft_node_close(pair->client, WEFT_FOREVER));
    check_ok(weft_node_close(pair->node, WEFT_FOREVER));
}

static void a_ping_tells_who_answers(void **state)
{
    (void)state;
    struct pair pair = open_pair();
    weft_ping ping;
    check_ok(weft_node_ping(pair.client, WEFT_FOREVER, &ping));
    check_true(ping.round_trip_ns > 0 && ping.round_trip_ns < UINT64_C(60000000000));
    check_str(ping.name, "client");
    check_str(ping.version, weft_version());
    check_true(strncmp(ping.url, "ipc:///tmp/weft-ask-", 20) == 0);
    check_eq(ping.pid, getpid());
    check_true(!ping.resumed);
    uint8_t none[16] = {0};
    check_true(memcmp(ping.node_id, none, sizeof none) != 0);
    check_err(weft_node_ping(pair.node, 0, &ping), WEFT_EINVAL);
    close_pair(&pair);
}

static bool count_channels(const weft_channel_info *info, void *context)
{
    check_true(info->name[0] != '\0');
    return ++*(unsigned *)context < 1500;
}

static void channels_are_the_nodes(void **state)
{
    (void)state;
    struct pair pair = open_pair();
    weft_channel_options options = WEFT_CHANNEL_OPTIONS;
    weft_channel_info info;
    weft_latency latency;
    weft_death deaths[4];
    size_t count = 99;
    options.policy = WEFT_STICKY;
    check_ok(weft_channel_declare(pair.client, OTHER, NULL));
    options.dead_letter = OTHER;
    check_ok(weft_channel_declare(pair.client, CHANNEL, &options));
    check_ok(weft_channel_declare(pair.node, CHANNEL, &options)); /* the same there */
    options.depth_max = 7;
    check_err(weft_channel_declare(pair.client, CHANNEL, &options), WEFT_EDIFFERS);
    check_true(strstr(weft_error_message(), "depth_max") != NULL);
    options.policy = (weft_policy)77;
    check_err(weft_channel_declare(pair.client, "dispatch.test.third", &options), WEFT_EINVAL);
    check_true(strstr(weft_error_message(), "policy") != NULL);
    check_ok(weft_channel_template(pair.client, "dispatch.made.*", NULL));
    check_ok(weft_channel_info_get(pair.client, CHANNEL, &info));
    check_str(info.name, CHANNEL);
    check_eq(info.policy, WEFT_STICKY);
    check_ok(weft_channel_pause(pair.client, CHANNEL));
    check_eq(info_of(pair.node, CHANNEL).state, WEFT_CHANNEL_PAUSED);
    check_ok(weft_channel_resume(pair.client, CHANNEL));
    check_eq(info_of(pair.client, CHANNEL).state, WEFT_CHANNEL_OPEN);
    check_ok(weft_channel_latency_get(pair.client, CHANNEL, &latency));
    check_ok(weft_channel_deaths(pair.client, CHANNEL, deaths, 4, &count));
    check_eq(count, 0);
    check_err(weft_channel_info_get(pair.client, "dispatch.test.absent", &info), WEFT_ENOCHANNEL);
    check_err(weft_channel_delete(pair.client, OTHER), WEFT_EBUSY);
    check_ok(weft_channel_delete(pair.client, CHANNEL));
    check_err(weft_channel_info_get(pair.node, CHANNEL, &info), WEFT_ENOCHANNEL);
    close_pair(&pair);
}

static void many_channels_are_found_in_pages(void **state)
{
    (void)state;
    struct pair pair = open_pair();
    char name[64];
    unsigned count = 0;
    for (int i = 0; i < 2000; i++) {
        snprintf(name, sizeof name, "dispatch.many.c%d", i);
        check_ok(weft_channel_declare(pair.node, name, NULL));
    }
    check_ok(weft_channel_find(pair.client, "dispatch.many.*", count_channels, &count));
    check_eq(count, 1500); /* it had seen enough */
    check_err(weft_channel_find(pair.client, "nothing", count_channels, &count), WEFT_EINVAL);
    close_pair(&pair);
}

static void *drain_it(void *argument)
{
    thread_check_ok(weft_channel_drain(argument, CHANNEL, WEFT_FOREVER));
    return NULL;
}

static void who_drains_holds_up_nobody(void **state)
{
    (void)state;
    struct pair pair = open_pair();
    struct stop stop = {.began = {.count = 0}};
    check_ok(weft_channel_declare(pair.client, CHANNEL, NULL));
    weft_worker *worker = register_worker(pair.client, CHANNEL, halt, &stop);
    check_ok(weft_dispatch_async(pair.client, CHANNEL, WEFT_TEXT("1"), NULL, NULL, NULL, 0, NULL));
    event_await(&stop.began, 1);
    check_err(weft_channel_drain(pair.client, CHANNEL, 0), WEFT_ETIMEDOUT);
    check_err(weft_channel_drain(pair.client, CHANNEL, 5), WEFT_ETIMEDOUT);
    pthread_t thread = start(drain_it, pair.client);
    weft_ping ping;
    check_ok(weft_node_ping(pair.client, WEFT_FOREVER, &ping)); /* other asks go on */
    check_eq(info_of(pair.client, CHANNEL).state, WEFT_CHANNEL_DRAINING);
    event_give(&stop.go_on);
    join(thread);
    check_eq(info_of(pair.client, CHANNEL).state, WEFT_CHANNEL_DRAINED);
    check_ok(weft_channel_drain(pair.client, CHANNEL, 0));
    check_ok(weft_worker_unregister(worker));
    close_pair(&pair);
}

static void *drain_in_vain(void *argument)
{
    struct pair *pair = argument;
    weft_error error = weft_channel_drain(pair->client, CHANNEL, WEFT_FOREVER);
    thread_check_true(error == WEFT_ECLOSED || error == WEFT_ELOST);
    return NULL;
}

/* Who waits is woken by the end of either node. */
static void who_waits_learns_of_the_end(void **state)
{
    (void)state;
    for (int way = 0; way < 2; way++) {
        struct pair pair = open_pair();
        weft_worker *worker;
        weft_task *task;
        check_ok(weft_channel_declare(pair.node, CHANNEL, NULL));
        check_ok(weft_worker_register(pair.node, CHANNEL, NULL, NULL, NULL, &worker));
        check_ok(weft_dispatch_async(pair.node, CHANNEL, WEFT_TEXT("1"), NULL, NULL, NULL, 0, NULL));
        check_ok(weft_worker_next(worker, WEFT_FOREVER, &task));
        pthread_t thread = start(drain_in_vain, &pair);
        while (info_of(pair.node, CHANNEL).state != WEFT_CHANNEL_DRAINING)
            sched_yield();
        if (way == 0) {
            check_ok(weft_node_close(pair.client, 1000));
            join(thread);
            check_ok(weft_task_complete(task, WEFT_TEXT("1")));
            check_ok(weft_node_close(pair.node, WEFT_FOREVER));
        } else {
            check_err(weft_node_close(pair.node, 0), WEFT_EBUSY);
            join(thread);
            (void)weft_task_complete(task, WEFT_TEXT("1"));
            check_ok(weft_node_close(pair.node, WEFT_FOREVER));
            check_ok(weft_node_close(pair.client, 0));
        }
    }
}

static void schemas_are_the_nodes(void **state)
{
    (void)state;
    struct pair pair = open_pair();
    weft_schema_options options = WEFT_SCHEMA_OPTIONS;
    const weft_schema_source source = {"urn:test:part", WEFT_TEXT("{\"type\":\"integer\"}")};
    weft_schema *schema, *got;
    uint8_t id[WEFT_SCHEMA_ID_BYTES], got_id[WEFT_SCHEMA_ID_BYTES];
    weft_reply reply;
    options.sources = &source;
    options.sources_count = 1;
    check_ok(weft_schema_compile(WEFT_TEXT("{\"items\":{\"$ref\":\"urn:test:part\"}}"), &options, &schema));
    check_ok(weft_schema_register(pair.client, "list", schema));
    check_ok(weft_schema_register(pair.client, "list", schema)); /* it has that name */
    check_ok(weft_schema_get(pair.client, "list", &got));
    check_ok(weft_schema_id(schema, id));
    check_ok(weft_schema_id(got, got_id));
    check_true(memcmp(id, got_id, sizeof id) == 0);
    check_ok(weft_channel_declare(pair.client, CHANNEL, NULL));
    check_ok(weft_channel_schema_set(pair.client, CHANNEL, WEFT_SCHEMA_REQUEST, "list"));
    check_ok(weft_dispatch(pair.client, CHANNEL, WEFT_TEXT("[1,\"x\"]"), NULL, &reply));
    check_str(reply.code, "schema_mismatch");
    check_true(reply.message && strstr(reply.message, "/1") != NULL);
    weft_reply_release(&reply);
    check_err(weft_schema_unregister(pair.client, "list"), WEFT_EBUSY);
    check_ok(weft_channel_schema_set(pair.client, CHANNEL, WEFT_SCHEMA_REQUEST, NULL));
    check_ok(weft_schema_unregister(pair.client, "list"));
    check_err(weft_schema_get(pair.client, "list", &schema), WEFT_ENOTFOUND);
    weft_schema_release(got);
    weft_schema_release(schema);
    close_pair(&pair);
}

static void dispatches_of_others_are_fetched_cancelled_and_explained(void **state)
{
    (void)state;
    struct pair pair = open_pair();
    weft_dispatch_options detached = WEFT_DISPATCH_OPTIONS;
    weft_ticket kept, open;
    weft_reply reply;
    weft_why why;
    detached.detached = true;
    check_ok(weft_channel_declare(pair.node, CHANNEL, NULL));
    check_ok(weft_dispatch_async(pair.node, CHANNEL, WEFT_TEXT("kept"), &detached, NULL, NULL, 0, &kept));
    check_ok(weft_dispatch_async(pair.node, CHANNEL, WEFT_TEXT("open"), NULL, NULL, NULL, 0, &open));
    check_err(weft_dispatch_fetch(pair.client, kept.id, 0, &reply), WEFT_EAGAIN);
    check_err(weft_dispatch_fetch(pair.client, kept.id, 5, &reply), WEFT_ETIMEDOUT);
    check_ok(weft_why_get(pair.client, open.id, &why));
    check_str(weft_standing_name(why.standing), "queued");
    check_eq(why.ahead, 1);
    weft_why_release(&why);
    check_ok(weft_dispatch_cancel(pair.client, open.id));
    check_err(weft_dispatch_cancel(pair.client, open.id), WEFT_ENOTFOUND);
    weft_worker *worker = register_worker(pair.node, CHANNEL, echo, NULL);
    check_ok(weft_dispatch_fetch(pair.client, kept.id, WEFT_FOREVER, &reply));
    check_true(kept.id.session == reply.id.session && kept.id.number == reply.id.number);
    check_str(reply.worker, "worker-1");
    check_reply_text(&reply, "kept");
    check_err(weft_dispatch_fetch(pair.client, kept.id, 0, &reply), WEFT_ENOTFOUND);
    check_ok(weft_dispatch_why(pair.client, CHANNEL, NULL, &why));
    check_str(weft_standing_name(why.standing), "request");
    check_str(why.worker, "worker-1");
    check_eq(why.refusals_count, 1);
    check_str(why.refusals[0].worker.name, "worker-1");
    weft_why_release(&why);
    check_ok(weft_worker_unregister(worker));
    close_pair(&pair);
}

static void leave_letter(weft_node *node, const char *text)
{
    weft_worker *worker;
    weft_task *task;
    check_ok(weft_worker_register(node, CHANNEL, NULL, NULL, NULL, &worker));
    check_ok(weft_dispatch_async(node, CHANNEL, weft_text(text), NULL, NULL, NULL, 0, NULL));
    check_ok(weft_worker_next(worker, WEFT_FOREVER, &task));
    check_ok(weft_task_abandon(task));
    check_ok(weft_worker_unregister(worker));
}

static bool note_letter(const weft_letter *letter, void *context)
{
    strncat(context, letter->payload.data, letter->payload.size);
    check_eq(letter->attempts_count, 1);
    check_str(letter->attempts[0].code, "abandoned");
    return true;
}

static void letters_are_found_fetched_and_put_back(void **state)
{
    (void)state;
    struct pair pair = open_pair();
    weft_channel_options options = WEFT_CHANNEL_OPTIONS;
    weft_letter letter;
    weft_ticket ticket, back;
    char seen[64] = "";
    check_ok(weft_channel_declare(pair.node, OTHER, NULL));
    options.dead_letter = OTHER;
    check_ok(weft_channel_declare(pair.node, CHANNEL, &options));
    static const char *const texts[] = {"a", "b", "c", "d"};
    for (int i = 0; i < 4; i++)
        leave_letter(pair.node, texts[i]);
    weft__client_page_bytes = 1; /* a letter a page */
    check_ok(weft_letters_find(pair.client, OTHER, note_letter, seen));
    weft__client_page_bytes = 0;
    check_str(seen, "abcd");
    check_ok(weft_letter_fetch(pair.client, OTHER, 0, &letter));
    check_str(letter.channel, CHANNEL);
    check_str(letter.code, "abandoned");
    check_true(letter.payload.size == 1 && memcmp(letter.payload.data, "a", 1) == 0);
    check_eq(info_of(pair.node, OTHER).letters, 3);
    check_err(weft_letter_fetch(pair.client, OTHER, letter.id, &letter), WEFT_ENOTFOUND);
    weft_letter_release(&letter);
    check_ok(weft_letter_put_back(pair.client, OTHER, 0, &back));
    check_str(weft_admission_name(back.admission), "deferred");
    check_err(weft_channel_drain(pair.client, CHANNEL, 0), WEFT_ETIMEDOUT);
    check_err(weft_letter_put_back(pair.client, OTHER, 0, &ticket), WEFT_EREJECTED);
    check_str(ticket.reason, "draining");
    check_ok(weft_dispatch_cancel(pair.client, back.id));
    close_pair(&pair);
}

static void a_listing_comes_in_pages_and_is_whole(void **state)
{
    (void)state;
    struct pair pair = open_pair();
    weft_worker_options options = WEFT_WORKER_OPTIONS;
    weft_listing *own, *told;
    weft_subscription *subscription;
    static const char *const types[] = {"resize", "crop"};
    weft_worker *worker;
    options.activity_types = types;
    options.activity_types_count = 2;
    check_ok(weft_channel_declare(pair.node, CHANNEL, NULL));
    check_ok(weft_channel_declare(pair.node, OTHER, NULL));
    check_ok(weft_channel_declare(pair.node, "event.test.news", NULL));
    for (int i = 0; i < 50; i++)
        check_ok(weft_worker_register(i % 2 ? pair.node : pair.client, i % 3 ? CHANNEL : OTHER, echo, NULL, &options,
                                      &worker));
    for (int i = 0; i < 5; i++)
        check_ok(weft_subscribe(pair.node, "event.test.*", NULL, NULL, NULL, &subscription));
    for (uint32_t bytes = 0; bytes < 3000; bytes += 1000) {
        weft__client_page_bytes = bytes;
        check_ok(weft_node_inspect(pair.node, NULL, &own));
        check_ok(weft_node_inspect(pair.client, NULL, &told));
        weft__client_page_bytes = 0;
        check_eq(told->channels_count, 3);
        check_eq(told->subscriptions_count, own->subscriptions_count);
        for (size_t c = 0; c < 3; c++) {
            check_str(told->channels[c].info.name, own->channels[c].info.name);
            check_eq(told->channels[c].workers_count, own->channels[c].workers_count);
            for (size_t w = 0; w < own->channels[c].workers_count; w++) {
                check_str(told->channels[c].workers[w].info.name, own->channels[c].workers[w].info.name);
                check_str(told->channels[c].workers[w].info.participant, own->channels[c].workers[w].info.participant);
                check_str(told->channels[c].workers[w].activity_types[1], "crop");
            }
        }
        weft_listing_release(own);
        weft_listing_release(told);
    }
    check_ok(weft_node_inspect(pair.client, "event.*.*", &told));
    check_eq(told->channels_count, 1);
    weft_listing_release(told);
    close_pair(&pair);
}

static void what_is_the_clients_own_is_told_with_what_the_node_knows(void **state)
{
    (void)state;
    struct pair pair = open_pair();
    weft_worker_info worker_info;
    weft_subscription_info info;
    weft_subscription *subscription;
    weft_node_stats stats;
    uint32_t heard;
    check_ok(weft_channel_declare(pair.client, CHANNEL, NULL));
    check_ok(weft_channel_declare(pair.client, "event.test.news", NULL));
    weft_worker *worker = register_worker(pair.client, CHANNEL, echo, NULL);
    for (int i = 0; i < 3; i++) {
        weft_reply reply = dispatch(pair.node, CHANNEL, "x");
        check_reply_text(&reply, "x");
    }
    check_ok(weft_worker_info_get(worker, &worker_info));
    check_eq(worker_info.completed, 3);
    check_true(!worker_info.detached);
    check_ok(weft_subscribe(pair.client, "event.test.news", NULL, NULL, NULL, &subscription));
    check_ok(weft_publish(pair.client, "event.test.news", WEFT_TEXT("1"), NULL, &heard));
    check_eq(heard, 1);
    check_ok(weft_subscription_info_get(subscription, &info));
    check_eq(info.delivered, 1);
    check_str(info.pattern, "event.test.news");
    check_ok(weft_node_stats_get(pair.client, &stats));
    check_eq(stats.channels, 2);
    check_eq(stats.completed, 3);
    check_eq(stats.participants, 2);
    check_ok(weft_unsubscribe(subscription));
    check_ok(weft_worker_unregister(worker));
    close_pair(&pair);
}

static void an_operation_that_is_none_is_refused_by_its_number(void **state)
{
    (void)state;
    struct pair pair = open_pair();
    struct asking asking;
    struct frame frame = {.kind = FRAME_ASK, .ask = {.operation = 4711}};
    weft_ping ping;
    check_err(weft__uplink_ask(pair.client->uplink, &frame, WEFT_FOREVER, &asking), WEFT_EUNSUPPORTED);
    check_true(strstr(asking.sentence, "4711") != NULL);
    check_ok(weft_node_ping(pair.client, WEFT_FOREVER, &ping)); /* the connection stays */
    check_true(!ping.resumed);
    close_pair(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_ping_tells_who_answers),
                                       cmocka_unit_test(channels_are_the_nodes),
                                       cmocka_unit_test(many_channels_are_found_in_pages),
                                       cmocka_unit_test(who_drains_holds_up_nobody),
                                       cmocka_unit_test(who_waits_learns_of_the_end),
                                       cmocka_unit_test(schemas_are_the_nodes),
                                       cmocka_unit_test(dispatches_of_others_are_fetched_cancelled_and_explained),
                                       cmocka_unit_test(letters_are_found_fetched_and_put_back),
                                       cmocka_unit_test(a_listing_comes_in_pages_and_is_whole),
                                       cmocka_unit_test(what_is_the_clients_own_is_told_with_what_the_node_knows),
                                       cmocka_unit_test(an_operation_that_is_none_is_refused_by_its_number)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
