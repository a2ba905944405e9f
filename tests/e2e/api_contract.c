/* The public interface of contracts, with real threads. Promises:
 *   - what does not match reaches nobody: each way to dispatch, and to publish, says so with pointer and sentence, and
 *     counts it
 *   - other content types than JSON are refused, unless the channel is opaque; what is no JSON is told with its place; a name
 *     stands once in its object, unless the schema was compiled with duplicate_keys
 *   - a result that breaks its schema is its worker's failure, in each way to work
 *   - a schema that is replaced under load: no handler ever meets a payload that does not match the schema it is told of
 *   - workers that name schemas get what they understand; why and the listing say so
 *   - names mean one schema; nothing is left when the node is closed, and nothing allocated once it is warm */
#include <sched.h>

#include "base/utf8.h"
#include "e2e/api_lib.h"
#include "lib/failmem.h"

#define NEWS "event.test.news"

#define TASK                                                                                                           \
    "{\"type\":\"object\",\"required\":[\"customer\"],\"properties\":{\"customer\":{\"type\":\"object\","              \
    "\"properties\":{\"email\":{\"type\":\"string\"}}}}}"
#define GOOD "{\"customer\":{\"email\":\"a@b.example\"}}"
#define BAD "{\"customer\":{\"email\":7}}"
#define SENTENCE "/customer/email: expected a string, got the number 7"

static void register_schema(weft_node *node, const char *name, const char *text)
{
    weft_schema *schema;
    check_ok(weft_schema_compile(weft_text(text), NULL, &schema));
    check_ok(weft_schema_register(node, name, schema));
    weft_schema_release(schema);
}

static void id_of(weft_node *node, const char *name, uint8_t id[WEFT_SCHEMA_ID_BYTES])
{
    weft_schema *schema;
    check_ok(weft_schema_get(node, name, &schema));
    check_ok(weft_schema_id(schema, id));
    weft_schema_release(schema);
}

/* With the channel CHANNEL, which asks for tasks, and NEWS, which does, too. */
static weft_node *open_strict(const char *result_schema, bool opaque)
{
    weft_node *node;
    weft_channel_options options = WEFT_CHANNEL_OPTIONS;
    check_ok(weft_node_open(NULL, &node));
    register_schema(node, "task", TASK);
    register_schema(node, "receipt", "{\"required\":[\"receipt\"]}");
    options.schema = "task";
    options.opaque = opaque;
    check_ok(weft_channel_declare(node, NEWS, &options));
    options.result_schema = result_schema;
    check_ok(weft_channel_declare(node, CHANNEL, &options));
    return node;
}

static weft_reply dispatch_as(weft_node *node, const char *text, const char *content_type)
{
    weft_dispatch_options options = WEFT_DISPATCH_OPTIONS;
    weft_reply reply;
    options.content_type = content_type;
    check_ok(weft_dispatch(node, CHANNEL, weft_text(text), &options, &reply));
    return reply;
}

/* --- requests --------------------------------------------------------------------------------- */

static void never(weft_task *task, void *context)
{
    (void)task;
    (void)context;
    thread_check_str("a handler", "does not meet what does not match");
}

static void each_way_to_dispatch_says_where_and_what(void **state)
{
    (void)state;
    weft_node *node = open_strict(NULL, false);
    weft_worker *worker = register_worker(node, CHANNEL, never, NULL);
    weft_completions *completions;
    weft_dispatch_options options = WEFT_DISPATCH_OPTIONS;
    weft_reply reply = dispatch(node, CHANNEL, BAD);
    check_str(reply.message, SENTENCE);
    check_eq(reply.admission, WEFT_ADMISSION_REJECTED);
    check_eq(reply.retry_after_ms, 0);
    check_reply_code(&reply, WEFT_REJECTED, "schema_mismatch");

    struct refusal refusal = refused_async(node, CHANNEL, WEFT_TEXT(BAD), NULL);
    check_str(refusal.sentence, dialled() ? SENTENCE : CHANNEL ": rejected: schema_mismatch: " SENTENCE);
    check_str(refusal.reason, "schema_mismatch");

    check_ok(weft_completions_open(node, 1, &completions));
    for (int i = 0; i < 3; i++) /* and takes no place in the queue */
        check_refused(completions, CHANNEL, BAD, NULL, "schema_mismatch");
    options.key = "once";
    check_refused(completions, CHANNEL, BAD, &options, "schema_mismatch");

    weft_channel_info info = info_of(node, CHANNEL);
    check_eq(info.mismatched, 6);
    check_eq(info.rejected, 6);
    check_eq(info.rejected_by[WEFT_REJECTED_SCHEMA_MISMATCH], 6);
    check_eq(info.dispatched, 0);
    check_ok(weft_completions_close(completions));
    check_ok(weft_worker_unregister(worker));
    close_node(node);
}

static void what_is_no_json_is_told_with_its_place(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "{\"customer\":", "{\"customer\":{}}x", "[1,]",
                                        "{\"customer\":{\"a\":01}}"};
    weft_node *node = open_strict(NULL, false);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        weft_reply reply = dispatch(node, CHANNEL, wrong[i]);
        check_true(strstr(reply.message, "byte ") != NULL);
        check_reply_code(&reply, WEFT_REJECTED, "schema_mismatch");
    }
    weft_reply reply = dispatch(node, CHANNEL, "[]");
    check_true(strstr(reply.message, "expected an object") != NULL);
    check_reply_code(&reply, WEFT_REJECTED, "schema_mismatch");
    check_eq(info_of(node, CHANNEL).mismatched, 6);
    close_node(node);
}

/* As it came: the worker gets all of the name. */
static void names_may_stand_twice_where_the_schema_was_compiled_so(void **state)
{
    (void)state;
    weft_node *node = open_strict(NULL, false);
    weft_worker *worker = register_worker(node, CHANNEL, echo, NULL);
    static const char good[] = "{\"customer\":7,\"customer\":{\"email\":\"a\"}}",
                      bad[] = "{\"customer\":{\"email\":\"a\"},\"customer\":{\"email\":7}}";
    weft_reply reply = dispatch(node, CHANNEL, good);
    check_str(reply.message, "the document: byte 15: a key stands twice in its object");
    check_reply_code(&reply, WEFT_REJECTED, "schema_mismatch");

    weft_schema_options options = WEFT_SCHEMA_OPTIONS;
    weft_schema *schema;
    options.duplicate_keys = true;
    check_ok(weft_schema_compile(WEFT_TEXT(TASK), &options, &schema));
    check_ok(weft_schema_register(node, "lenient", schema));
    weft_schema_release(schema);
    check_ok(weft_channel_schema_set(node, CHANNEL, WEFT_SCHEMA_REQUEST, "lenient"));
    reply = dispatch(node, CHANNEL, good);
    check_reply_text(&reply, good);
    reply = dispatch(node, CHANNEL, bad);
    check_str(reply.message, SENTENCE);
    check_reply_code(&reply, WEFT_REJECTED, "schema_mismatch");
    check_ok(weft_worker_unregister(worker));
    close_node(node);
}

static void check_whole(const char *sentence)
{
    char shown[512];
    check_true(strlen(sentence) > (dialled() ? 250 : 300)); /* an answer's has 255 bytes */
    check_true(strlen(sentence) < sizeof shown);
    (void)weft__utf8_show(shown, sizeof shown, sentence, strlen(sentence));
    check_str(sentence, shown);
}

/* What is said has parts from the document and the schema, and more than it has room for. */
static void no_sentence_is_cut_inside_a_character(void **state)
{
    (void)state;
    for (size_t shift = 0; shift < 3; shift++) {
        char euros[1024] = "", schema[2200], document[2200];
        memset(euros, 'a', shift);
        while (strlen(euros) < 900)
            strcat(euros, "\xe2\x82\xac");
        (void)snprintf(schema, sizeof schema, "{\"additionalProperties\":{\"enum\":[\"%sb\",\"%sc\"]}}", euros, euros);
        (void)snprintf(document, sizeof document, "{\"%s\":\"%s\"}", euros, euros + shift);
        weft_node *node = open_strict(NULL, false);
        register_schema(node, "euros", schema);
        check_ok(weft_channel_schema_set(node, CHANNEL, WEFT_SCHEMA_REQUEST, "euros"));
        check_ok(weft_channel_schema_set(node, NEWS, WEFT_SCHEMA_REQUEST, "euros"));
        weft_reply reply = dispatch(node, CHANNEL, document);
        check_whole(reply.message);
        check_reply_code(&reply, WEFT_REJECTED, "schema_mismatch");
        check_err(weft_publish(node, NEWS, weft_text(document), NULL, NULL), WEFT_EMISMATCH);
        check_whole(weft_error_message());
        close_node(node);
    }
}

/* Whoever sends chooses the names, and whoever runs the node looks at messages in a terminal. */
static void no_sentence_steers_a_terminal(void **state)
{
    (void)state;
    weft_node *node = open_strict(NULL, false);
    register_schema(node, "numbers", "{\"additionalProperties\":{\"type\":\"number\"}}");
    check_ok(weft_channel_schema_set(node, CHANNEL, WEFT_SCHEMA_REQUEST, "numbers"));
    weft_reply reply = dispatch(node, CHANNEL, "{\"\\u001b[31m\\u202e\":\"\x7f\xc2\x9b\xe2\x80\xa8\"}");
    check_str(reply.message, "/\\u001b[31m\\u202e: expected a number, got the string \"\\u007f\\u009b\\u2028\"");
    check_reply_code(&reply, WEFT_REJECTED, "schema_mismatch");
    close_node(node);
}

static void json_is_known_by_its_content_type(void **state)
{
    (void)state;
    static const char *const json[] = {NULL, "application/json", "Application/JSON ; charset=utf-8",
                                       "application/vnd.order+json", "application/cloudevents+JSON;v=1"};
    static const char *const other[] = {"text/plain", "application/jsonx",       "application/json-seq", "json",
                                        "+json",      "application/octet-stream"};
    weft_node *node = open_strict(NULL, false);
    weft_worker *worker = register_worker(node, CHANNEL, echo, NULL);
    for (size_t i = 0; i < sizeof json / sizeof *json; i++) {
        weft_reply reply = dispatch_as(node, GOOD, json[i]);
        check_reply_text(&reply, GOOD);
    }
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        weft_reply reply = dispatch_as(node, GOOD, other[i]);
        check_true(strstr(reply.message, other[i]) && strstr(reply.message, "takes JSON"));
        check_reply_code(&reply, WEFT_REJECTED, "content_type");
    }
    check_eq(info_of(node, CHANNEL).rejected_by[WEFT_REJECTED_CONTENT_TYPE], sizeof other / sizeof *other);
    check_ok(weft_worker_unregister(worker));
    close_node(node);
}

/* Completes with the payload as it is, and keeps whether it was told of a schema. */
static void note_schema(weft_task *task, void *context)
{
    *(bool *)context = weft_task_schema(task) != NULL;
    (void)weft_task_complete_as(task, weft_task_payload(task), weft_task_content_type(task));
}

static void an_opaque_channel_takes_what_is_no_json_unseen(void **state)
{
    (void)state;
    bool told = true;
    weft_node *node = open_strict("receipt", true);
    weft_worker *worker = register_worker(node, CHANNEL, note_schema, &told);
    weft_reply reply = dispatch_as(node, "\x89PNG", "image/png");
    check_str(reply.content_type, "image/png");
    check_reply_text(&reply, "\x89PNG"); /* its result was none of JSON either */
    check_true(!told);
    reply = dispatch_as(node, BAD, NULL);
    check_reply_code(&reply, WEFT_REJECTED, "schema_mismatch");
    reply = dispatch_as(node, GOOD, "application/json");
    check_true(told);
    check_reply_code(&reply, WEFT_FAILED, "result_schema_mismatch");
    check_ok(weft_worker_unregister(worker));
    close_node(node);
}

/* --- results ---------------------------------------------------------------------------------- */

struct answer {
    const char *text, *content_type;
    weft_error error;
    char message[256];
    bool keeps;
    struct event kept, given; /* the outcome may be there before the call has returned */
    weft_task *task;
};

static void give(struct answer *answer, weft_task *task)
{
    answer->error = weft_task_complete_as(task, weft_text(answer->text), answer->content_type);
    snprintf(answer->message, sizeof answer->message, "%s", answer->error ? weft_error_message() : "");
    event_give(&answer->given);
}

static void answer_it(weft_task *task, void *context)
{
    struct answer *answer = context;
    if (!answer->keeps) {
        give(answer, task);
        return;
    }
    thread_check_ok(weft_task_keep(task));
    answer->task = task;
    event_give(&answer->kept);
}

static void check_broken(weft_reply *reply, struct answer *answer, unsigned nth)
{
    event_await(&answer->given, nth);
    check_err(answer->error, dialled() ? WEFT_OK : WEFT_EMISMATCH); /* a client node's result meets the schema later */
    check_true(dialled() || strstr(answer->message, "receipt"));
    check_true(strstr(reply->message, "receipt") != NULL);
    check_str(reply->worker, "worker-1");
    check_reply_code(reply, WEFT_FAILED, "result_schema_mismatch");
}

static void a_result_that_breaks_its_schema_is_its_workers_failure(void **state)
{
    (void)state;
    for (int way = 0; way < 3; way++) { /* a handler, an inline one, one that keeps its task */
        struct answer answer = {.text = "{}", .keeps = way == 2};
        weft_worker_options options = WEFT_WORKER_OPTIONS;
        weft_worker *worker;
        weft_reply reply;
        weft_completions *completions;
        weft_node *node = open_strict("receipt", false);
        if (way == 1) options.flags = WEFT_INLINE;
        check_ok(weft_worker_register(node, CHANNEL, answer_it, &answer, &options, &worker));
        check_ok(weft_completions_open(node, 4, &completions));
        (void)submit(completions, CHANNEL, GOOD, 1);
        if (answer.keeps) {
            event_await(&answer.kept, 1);
            give(&answer, answer.task);
        }
        reply = next_reply(completions);
        check_broken(&reply, &answer, 1);
        answer.keeps = false;
        answer.text = "receipt 1";
        answer.content_type = "text/plain";
        (void)submit(completions, CHANNEL, GOOD, 2);
        reply = next_reply(completions);
        check_true(strstr(reply.message, "text/plain") != NULL);
        check_broken(&reply, &answer, 2);
        answer.text = "{\"receipt\":1}";
        answer.content_type = NULL;
        (void)submit(completions, CHANNEL, GOOD, 3);
        reply = next_reply(completions);
        check_reply_text(&reply, "{\"receipt\":1}");
        weft_worker_info info;
        check_ok(weft_worker_drain(worker, WEFT_FOREVER));
        check_ok(weft_worker_info_get(worker, &info));
        check_eq(info.errored, 2);
        check_eq(info.completed, 1);
        check_eq(info_of(node, CHANNEL).results_mismatched, 2);
        check_ok(weft_completions_close(completions));
        check_ok(weft_worker_unregister(worker));
        check_ok(weft_node_close(node, 1000));
    }
}

static void a_result_is_held_against_what_the_request_met(void **state)
{
    (void)state;
    weft_node *node = open_strict("receipt", false);
    weft_worker *worker = register_worker(node, CHANNEL, NULL, NULL);
    weft_completions *completions;
    weft_task *task;
    check_ok(weft_completions_open(node, 4, &completions));
    (void)submit(completions, CHANNEL, GOOD, 1);
    check_ok(weft_channel_schema_set(node, CHANNEL, WEFT_SCHEMA_RESULT, NULL));
    (void)submit(completions, CHANNEL, GOOD, 2);
    for (int i = 0; i < 2; i++) {
        check_ok(weft_worker_next(worker, WEFT_FOREVER, &task));
        check_err(weft_task_complete(task, WEFT_TEXT("{}")), i || dialled() ? WEFT_OK : WEFT_EMISMATCH);
    }
    check_ok(weft_schema_unregister(node, "receipt"));
    weft_reply reply = next_reply(completions);
    check_reply_code(&reply, WEFT_FAILED, "result_schema_mismatch");
    reply = next_reply(completions);
    check_reply_text(&reply, "{}");
    check_ok(weft_completions_close(completions));
    check_ok(weft_worker_unregister(worker));
    close_node(node);
}

/* --- events ----------------------------------------------------------------------------------- */

static void an_event_that_does_not_match_is_heard_by_nobody(void **state)
{
    (void)state;
    uint8_t id[WEFT_SCHEMA_ID_BYTES];
    weft_node *node = open_strict(NULL, false);
    weft_subscription *subscription;
    weft_publish_options options = WEFT_PUBLISH_OPTIONS;
    weft_event event;
    uint32_t heard = 77;
    size_t count;
    check_ok(weft_subscribe(node, NEWS, NULL, NULL, NULL, &subscription));
    check_err(weft_publish(node, NEWS, WEFT_TEXT(BAD), NULL, &heard), WEFT_EMISMATCH);
    check_str(weft_error_message(), NEWS ": " SENTENCE);
    options.content_type = "text/plain";
    check_err(weft_publish(node, NEWS, WEFT_TEXT(GOOD), &options, &heard), WEFT_EMISMATCH);
    check_true(strstr(weft_error_message(), "text/plain") != NULL);
    check_eq(heard, 77);
    check_err(weft_subscription_next(subscription, 0, &event, 1, &count), WEFT_EAGAIN);
    check_ok(weft_publish(node, NEWS, WEFT_TEXT(GOOD), NULL, &heard));
    check_eq(heard, 1);
    check_ok(weft_subscription_next(subscription, soon(), &event, 1, &count));
    id_of(node, "task", id);
    check_true(event.schema_id && memcmp(event.schema_id, id, sizeof id) == 0);
    weft_event_release(&event);
    check_ok(weft_channel_schema_set(node, NEWS, WEFT_SCHEMA_REQUEST, NULL));
    check_ok(weft_publish(node, NEWS, WEFT_TEXT(BAD), &options, &heard));
    check_ok(weft_subscription_next(subscription, soon(), &event, 1, &count));
    check_true(!event.schema_id);
    weft_event_release(&event);
    check_eq(info_of(node, NEWS).mismatched, 2);
    check_eq(info_of(node, NEWS).published, 2);
    check_ok(weft_unsubscribe(subscription));
    close_node(node);
}

/* --- replaced under load ---------------------------------------------------------------------- */

/* Payloads are {"v": n}; the schema "even" takes even numbers, "odd" odd ones. Who dispatches sends both, all the
 * time. */
struct load {
    weft_node *node;
    uint8_t even[WEFT_SCHEMA_ID_BYTES], odd[WEFT_SCHEMA_ID_BYTES];
    atomic_uint met[2], refused;
    atomic_bool stop;
};

static int number_in(weft_bytes payload)
{
    return atoi((const char *)payload.data + strlen("{\"v\":"));
}

static void check_matches(struct load *load, weft_bytes payload, const uint8_t *id)
{
    int odd = number_in(payload) % 2;
    thread_check_true(id && memcmp(id, odd ? load->odd : load->even, WEFT_SCHEMA_ID_BYTES) == 0);
    atomic_fetch_add(&load->met[odd], 1);
}

static void meet_task(weft_task *task, void *context)
{
    check_matches(context, weft_task_payload(task), weft_task_schema(task));
    thread_check_ok(weft_task_complete(task, WEFT_TEXT("1")));
}

static void meet_event(const weft_event *event, void *context)
{
    check_matches(context, event->payload, event->schema_id);
}

/* Fetches until so few are open. */
static size_t fetch_down_to(struct load *load, weft_completions *completions, size_t open, size_t few)
{
    weft_reply replies[16];
    size_t count = 1;
    while (count > 0 && open > 0) {
        if (weft_completions_next(completions, open > few ? WEFT_FOREVER : 0, replies, 16, &count)) count = 0;
        for (size_t i = 0; i < count; i++, open--) {
            bool rejected = dialled() && replies[i].outcome == WEFT_REJECTED;
            if (rejected) atomic_fetch_add(&load->refused, 1);
            if (!rejected) thread_check_eq(replies[i].outcome, WEFT_COMPLETED);
            weft_reply_release(&replies[i]);
        }
    }
    return open;
}

static void *send_both(void *argument)
{
    struct load *load = argument;
    weft_completions *completions;
    size_t open = 0;
    thread_check_ok(weft_completions_open(load->node, 64, &completions));
    for (unsigned i = 0; !atomic_load(&load->stop); i++) {
        char text[32];
        snprintf(text, sizeof text, "{\"v\":%u}", i);
        weft_error error = weft_dispatch_submit(completions, CHANNEL, weft_text(text), NULL, 0, NULL);
        thread_check_true(error == WEFT_OK || error == WEFT_EREJECTED);
        open += !error;
        if (error == WEFT_EREJECTED) atomic_fetch_add(&load->refused, 1);
        error = weft_publish(load->node, NEWS, weft_text(text), NULL, NULL);
        thread_check_true(error == WEFT_OK || error == WEFT_EMISMATCH);
        open = fetch_down_to(load, completions, open, 32);
    }
    thread_check_eq(fetch_down_to(load, completions, open, 0), 0);
    thread_check_ok(weft_completions_close(completions));
    return NULL;
}

static void replaced_under_load_nobody_meets_what_does_not_match(void **state)
{
    (void)state;
    enum { SENDERS = 3, REPLACED = 400 };
    pthread_t senders[SENDERS];
    weft_channel_options options = WEFT_CHANNEL_OPTIONS;
    struct load load = {.node = NULL};
    weft_subscription *subscription;
    check_ok(weft_node_open(NULL, &load.node));
    register_schema(load.node, "even", "{\"properties\":{\"v\":{\"multipleOf\":2}},\"required\":[\"v\"]}");
    register_schema(load.node, "odd", "{\"properties\":{\"v\":{\"not\":{\"multipleOf\":2}}},\"required\":[\"v\"]}");
    id_of(load.node, "even", load.even);
    id_of(load.node, "odd", load.odd);
    options.schema = "even";
    check_ok(weft_channel_declare(load.node, CHANNEL, &options));
    check_ok(weft_channel_declare(load.node, NEWS, &options));
    weft_worker *worker = register_worker(load.node, CHANNEL, meet_task, &load);
    check_ok(weft_subscribe(load.node, NEWS, meet_event, &load, NULL, &subscription));
    for (int i = 0; i < SENDERS; i++)
        senders[i] = start(send_both, &load);
    for (int i = 0; i < REPLACED || atomic_load(&load.met[0]) < 50 || atomic_load(&load.met[1]) < 50; i++) {
        const char *name = i % 2 ? "even" : "odd";
        check_ok(weft_channel_schema_set(load.node, CHANNEL, WEFT_SCHEMA_REQUEST, name));
        check_ok(weft_channel_schema_set(load.node, NEWS, WEFT_SCHEMA_REQUEST, name));
        (void)sched_yield();
    }
    atomic_store(&load.stop, true);
    for (int i = 0; i < SENDERS; i++)
        join(senders[i]);
    check_true(atomic_load(&load.refused) > 0);
    check_eq(info_of(load.node, CHANNEL).failed, 0);
    check_ok(weft_unsubscribe(subscription));
    check_ok(weft_worker_drain(worker, WEFT_FOREVER));
    check_ok(weft_worker_unregister(worker));
    check_ok(weft_node_close(load.node, 1000));
}

/* --- who understands -------------------------------------------------------------------------- */

static weft_worker *register_who_understands(weft_node *node, const char *name, const uint8_t *id)
{
    weft_worker_options options = WEFT_WORKER_OPTIONS;
    weft_worker *worker;
    options.name = name;
    options.max_concurrent = 8;
    options.schema_ids = (const uint8_t(*)[WEFT_SCHEMA_ID_BYTES])id;
    options.schema_ids_count = 1;
    check_ok(weft_worker_register(node, CHANNEL, NULL, NULL, &options, &worker));
    return worker;
}

static void check_json(const char *text, const char *part)
{
    if (strstr(text, part)) return;
    print_error("no %s in\n%s\n", part, text);
    fail();
}

static void a_worker_gets_what_it_understands_and_why_says_so(void **state)
{
    (void)state;
    uint8_t task_id[WEFT_SCHEMA_ID_BYTES], receipt_id[WEFT_SCHEMA_ID_BYTES];
    char hex[2 * WEFT_SCHEMA_ID_BYTES + 1], part[192], *text;
    weft_node *node = open_strict("receipt", false);
    weft_completions *completions;
    weft_listing *listing;
    weft_task *task;
    weft_why why;
    id_of(node, "task", task_id);
    id_of(node, "receipt", receipt_id);
    weft_worker *old = register_who_understands(node, "old", receipt_id);
    check_ok(weft_completions_open(node, 8, &completions));
    weft_dispatch_id id = submit(completions, CHANNEL, GOOD, 1);
    check_ok(weft_why_get(node, id, &why));
    check_eq(why.refusals_count, 1);
    check_eq(why.refusals[0].rule, WEFT_RULE_SCHEMA);
    for (int i = 0; i < WEFT_SCHEMA_ID_BYTES; i++)
        snprintf(hex + 2 * i, 3, "%02x", task_id[i]);
    snprintf(part, sizeof part, "not task, which is %.16s", hex);
    check_json(why.refusals[0].sentence, part);
    check_json(why.sentence, "none of the 1 workers that take what has no type understands the schema task");
    check_ok(weft_why_json(&why, &text, NULL));
    check_json(text, "\"rule\":\"schema\"");
    check_built_in("why", text);
    weft_text_release(text);
    weft_why_release(&why);
    check_ok(weft_dispatch_why(node, CHANNEL, NULL, &why));
    check_eq(why.admission, WEFT_ADMISSION_DEFERRED);
    check_eq(why.refusals[0].rule, WEFT_RULE_SCHEMA);
    weft_why_release(&why);

    weft_worker *new = register_who_understands(node, "new", task_id);
    check_ok(weft_worker_next(new, WEFT_FOREVER, &task));
    check_true(memcmp(weft_task_schema(task), task_id, sizeof task_id) == 0);
    check_ok(weft_task_complete(task, WEFT_TEXT("{\"receipt\":1}")));
    check_err(weft_worker_next(old, 0, &task), WEFT_EAGAIN);

    check_ok(weft_node_inspect(node, CHANNEL, &listing));
    const weft_channel_listing *channel = &listing->channels[0];
    check_str(channel->options.schema, "task");
    check_str(channel->options.result_schema, "receipt");
    check_true(memcmp(channel->schema_id, task_id, sizeof task_id) == 0);
    check_true(memcmp(channel->result_schema_id, receipt_id, sizeof task_id) == 0);
    check_true(channel->schema_generation > 0);
    check_eq(channel->workers[1].schema_ids_count, 1);
    check_true(memcmp(channel->workers[1].schema_ids[0], task_id, sizeof task_id) == 0);
    check_ok(weft_listing_json(listing, &text, NULL));
    snprintf(part, sizeof part, "\"schema_id\":\"%s\"", hex);
    check_json(text, part);
    snprintf(part, sizeof part, "\"schema_ids\":[\"%s\"]", hex);
    check_json(text, part);
    check_built_in("listing", text);
    weft_text_release(text);
    weft_listing_release(listing);

    weft_reply reply = next_reply(completions);
    check_reply_text(&reply, "{\"receipt\":1}");
    check_ok(weft_completions_close(completions));
    check_ok(weft_worker_unregister(old));
    check_ok(weft_worker_unregister(new));
    close_node(node);
}

/* --- names ------------------------------------------------------------------------------------ */

static void check_same(const weft_schema *a, const weft_schema *b)
{
    uint8_t ids[2][WEFT_SCHEMA_ID_BYTES];
    check_ok(weft_schema_id(a, ids[0]));
    check_ok(weft_schema_id(b, ids[1]));
    check_true(memcmp(ids[0], ids[1], WEFT_SCHEMA_ID_BYTES) == 0);
}

static void names_mean_one_schema(void **state)
{
    (void)state;
    weft_node_options node_options = WEFT_NODE_OPTIONS;
    weft_node *node;
    weft_schema *schema, *same, *other, *numbers, *got;
    node_options.schemas_max = 2;
    check_ok(weft_node_open(&node_options, &node));
    check_ok(weft_schema_compile(WEFT_TEXT("{\"minimum\":10}"), NULL, &schema));
    check_ok(weft_schema_compile(WEFT_TEXT(" { \"minimum\" : 1e1 } "), NULL, &same));
    check_ok(weft_schema_compile(WEFT_TEXT("{\"minimum\":11}"), NULL, &other));
    check_ok(weft_schema_register(node, "s", schema));
    check_ok(weft_schema_register(node, "s", same));
    check_err(weft_schema_register(node, "s", other), WEFT_EDIFFERS);
    check_ok(weft_schema_get(node, "s", &got));
    check_true((got == schema) == !dialled());
    check_same(got, schema);
    weft_schema_release(got);
    check_err(weft_schema_get(node, "t", &got), WEFT_ENOTFOUND);
    check_err(weft_schema_register(node, "no name", other), WEFT_EINVAL);
    check_err(weft_schema_register(NULL, "s", other), WEFT_EINVAL);
    check_err(weft_schema_register(node, "t", NULL), WEFT_EINVAL);
    check_ok(weft_schema_compile(WEFT_TEXT("{\"minimum\":123456789012345678901234567890}"), NULL, &numbers));
    check_err(weft_schema_register(node, "t", numbers), WEFT_EUNSUPPORTED);
    check_ok(weft_schema_register(node, "t", other));
    check_err(weft_schema_register(node, "u", other), WEFT_ELIMIT);
    check_true(strstr(weft_error_message(), "schemas_max") != NULL);
    check_ok(weft_schema_unregister(node, "t"));
    check_err(weft_schema_unregister(node, "t"), WEFT_ENOTFOUND);
    check_ok(weft_schema_register(node, "u", other));
    weft_channel_options options = WEFT_CHANNEL_OPTIONS;
    options.schema = "u";
    check_ok(weft_channel_template(node, "dispatch.made.*", &options));
    check_err(weft_schema_unregister(node, "u"), WEFT_EBUSY);
    options.schema = "none";
    check_err(weft_channel_declare(node, CHANNEL, &options), WEFT_ENOTFOUND);
    check_true(strstr(weft_error_message(), "none") != NULL);
    check_ok(weft_channel_declare(node, CHANNEL, NULL));
    check_err(weft_channel_schema_set(node, CHANNEL, (weft_schema_role)3, "s"), WEFT_EINVAL);
    check_err(weft_channel_schema_set(node, CHANNEL, WEFT_SCHEMA_REQUEST, "none"), WEFT_ENOTFOUND);
    check_err(weft_channel_schema_set(node, OTHER, WEFT_SCHEMA_REQUEST, "s"), WEFT_ENOCHANNEL);
    check_ok(weft_channel_schema_set(node, CHANNEL, WEFT_SCHEMA_REQUEST, "s"));
    check_err(weft_channel_declare(node, CHANNEL, NULL), WEFT_EDIFFERS);
    weft_schema_release(schema);
    weft_schema_release(same);
    weft_schema_release(other);
    weft_schema_release(numbers);
    close_node(node);
}

static void a_letter_tells_the_schema_it_met(void **state)
{
    (void)state;
    weft_node *node;
    weft_task *task;
    weft_letter letter;
    uint8_t id[WEFT_SCHEMA_ID_BYTES];
    weft_channel_options options = WEFT_CHANNEL_OPTIONS;
    check_ok(weft_node_open(NULL, &node));
    register_schema(node, "task", TASK);
    check_ok(weft_channel_declare(node, OTHER, NULL));
    options.schema = "task";
    options.dead_letter = OTHER;
    check_ok(weft_channel_declare(node, CHANNEL, &options));
    weft_worker *worker = register_worker(node, CHANNEL, NULL, NULL);
    check_ok(weft_dispatch_async(node, CHANNEL, WEFT_TEXT(GOOD), NULL, NULL, NULL, 0, NULL));
    check_ok(weft_worker_next(worker, WEFT_FOREVER, &task));
    check_ok(weft_task_abandon(task));
    id_of(node, "task", id);
    check_ok(weft_channel_schema_set(node, CHANNEL, WEFT_SCHEMA_REQUEST, NULL));
    check_ok(weft_schema_unregister(node, "task")); /* the letter holds it */
    check_ok(weft_letter_put_back(node, OTHER, 0, NULL));
    check_ok(weft_worker_next(worker, WEFT_FOREVER, &task));
    check_true(memcmp(weft_task_schema(task), id, sizeof id) == 0);
    check_ok(weft_task_abandon(task));
    check_ok(weft_letter_fetch(node, OTHER, 0, &letter));
    check_true(letter.schema_id && memcmp(letter.schema_id, id, sizeof id) == 0);
    weft_letter_release(&letter);
    check_ok(weft_worker_unregister(worker));
    close_node(node);
}

/* --- memory ----------------------------------------------------------------------------------- */

/* A dispatch asks for one block, its payload's, and its result for one; with a schema for no more. */
static void once_warm_validation_allocates_nothing(void **state)
{
    (void)state;
    not_dialled("the session allocates meanwhile, and the payloads are validated at the node");
    static struct failmem failmem;
    failmem_init(&failmem);
    const weft_allocator allocator = {failmem.mem.alloc, failmem.mem.free, failmem.mem.context};
    uint64_t asked[2];
    weft_node_options node_options = WEFT_NODE_OPTIONS;
    weft_channel_options options = WEFT_CHANNEL_OPTIONS;
    weft_node *node;
    node_options.allocator = &allocator;
    check_ok(weft_node_open(&node_options, &node));
    register_schema(node, "task", TASK);
    check_ok(weft_channel_declare(node, OTHER, NULL));
    options.schema = options.result_schema = "task";
    check_ok(weft_channel_declare(node, CHANNEL, &options));
    for (int validated = 0; validated < 2; validated++) {
        const char *channel = validated ? CHANNEL : OTHER;
        weft_worker *worker = register_worker(node, channel, echo, NULL);
        for (int i = 0; i < 300; i++) {
            if (i == 100) failmem_fail_once(&failmem, 0); /* counts from here */
            weft_reply reply = dispatch(node, channel, GOOD);
            check_reply_text(&reply, GOOD);
        }
        asked[validated] = failmem.allocations;
        check_ok(weft_worker_unregister(worker));
    }
    check_eq(asked[1], asked[0]);
    close_node(node);
    check_eq(failmem.live_blocks, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_way_to_dispatch_says_where_and_what),
        cmocka_unit_test(what_is_no_json_is_told_with_its_place),
        cmocka_unit_test(names_may_stand_twice_where_the_schema_was_compiled_so),
        cmocka_unit_test(no_sentence_is_cut_inside_a_character),
        cmocka_unit_test(no_sentence_steers_a_terminal),
        cmocka_unit_test(json_is_known_by_its_content_type),
        cmocka_unit_test(an_opaque_channel_takes_what_is_no_json_unseen),
        cmocka_unit_test(a_result_that_breaks_its_schema_is_its_workers_failure),
        cmocka_unit_test(a_result_is_held_against_what_the_request_met),
        cmocka_unit_test(an_event_that_does_not_match_is_heard_by_nobody),
        cmocka_unit_test(replaced_under_load_nobody_meets_what_does_not_match),
        cmocka_unit_test(a_worker_gets_what_it_understands_and_why_says_so),
        cmocka_unit_test(names_mean_one_schema),
        cmocka_unit_test(a_letter_tells_the_schema_it_met),
        cmocka_unit_test(once_warm_validation_allocates_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
