#include "lib/calls.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/check.h"

/* --- the cast --------------------------------------------------------------------------------- */

static void lock(struct cast *cast)
{
    pthread_mutex_lock(&cast->mutex);
}

static void unlock(struct cast *cast)
{
    pthread_cond_broadcast(&cast->cond);
    pthread_mutex_unlock(&cast->mutex);
}

/* Memory may be refused while it runs; it is somebody else's turn to fail. */
static void echo(weft_task *task, void *context)
{
    (void)context;
    while (weft_task_complete(task, weft_task_payload(task)) == WEFT_ENOMEM)
        continue;
}

static void hold(weft_task *task, void *context)
{
    struct cast *cast = context;
    lock(cast);
    cast->held = task;
    unlock(cast);
    lock(cast);
    while (!cast->may_end)
        pthread_cond_wait(&cast->cond, &cast->mutex);
    cast->held = NULL;
    unlock(cast);
}

static weft_worker *work(struct cast *cast, const char *channel, weft_handler handler,
                         const weft_channel_options *channel_options)
{
    weft_worker_options options = WEFT_WORKER_OPTIONS;
    weft_worker *worker;
    options.max_concurrent = 4;
    thread_check_ok(weft_channel_declare(cast->node, channel, channel_options));
    thread_check_ok(weft_worker_register(cast->node, channel, handler, cast, &options, &worker));
    return worker;
}

static weft_dispatch_id submit(struct cast *cast, const char *channel)
{
    weft_ticket ticket;
    thread_check_ok(weft_dispatch_submit(cast->completions, channel, WEFT_TEXT("1"), NULL, 0, &ticket));
    return ticket.id;
}

static void updated(const weft_update *update, void *context)
{
    (void)update;
    (void)context;
}

static void submit_streaming(struct cast *cast, const char *channel)
{
    weft_dispatch_options options = WEFT_DISPATCH_OPTIONS;
    options.updated = updated;
    thread_check_ok(weft_dispatch_submit(cast->completions, channel, WEFT_TEXT("1"), &options, 0, NULL));
}

static void fetch_reply(struct cast *cast)
{
    size_t count;
    thread_check_ok(weft_completions_next(cast->completions, WEFT_FOREVER, &cast->reply, 1, &count));
}

static void hear(struct cast *cast)
{
    size_t count;
    thread_check_ok(weft_channel_declare(cast->node, CALLS_NEWS, NULL));
    thread_check_ok(weft_subscribe(cast->node, CALLS_NEWS, NULL, NULL, NULL, &cast->ear));
    thread_check_ok(weft_publish(cast->node, CALLS_NEWS, WEFT_TEXT("1"), NULL, NULL));
    thread_check_ok(weft_publish(cast->node, CALLS_NEWS, WEFT_TEXT("2"), NULL, NULL));
    thread_check_ok(weft_subscription_next(cast->ear, 0, &cast->event, 1, &count));
}

static void leave_letters(struct cast *cast)
{
    weft_channel_options options = WEFT_CHANNEL_OPTIONS;
    weft_task *task;
    options.dead_letter = CALLS_DEAD;
    thread_check_ok(weft_channel_declare(cast->node, CALLS_DEAD, NULL));
    thread_check_ok(weft_channel_declare(cast->node, CALLS_LATE, &options));
    weft_worker *worker = work(cast, CALLS_LATE, NULL, &options);
    for (int i = 0; i < 2; i++) {
        thread_check_ok(weft_dispatch_async(cast->node, CALLS_LATE, WEFT_TEXT("1"), NULL, NULL, NULL, 0, NULL));
        thread_check_ok(weft_worker_next(worker, WEFT_FOREVER, &task));
        thread_check_ok(weft_task_abandon(task));
    }
    thread_check_ok(weft_worker_unregister(worker));
    thread_check_ok(weft_letter_fetch(cast->node, CALLS_DEAD, 0, &cast->letter));
}

static void dispatch_detached(struct cast *cast)
{
    weft_dispatch_options options = WEFT_DISPATCH_OPTIONS;
    weft_ticket ticket;
    options.detached = true;
    thread_check_ok(weft_dispatch_async(cast->node, CALLS_ECHO, WEFT_TEXT("1"), &options, NULL, NULL, 0, &ticket));
    cast->detached = ticket.id;
}

static void ask_for_schemas(struct cast *cast)
{
    weft_schema_options schema = WEFT_SCHEMA_OPTIONS;
    weft_channel_options options = WEFT_CHANNEL_OPTIONS;
    schema.allocator = cast->allocator;
    thread_check_ok(
        weft_schema_compile(WEFT_TEXT("{\"required\":[\"thing\"],\"uniqueItems\":true}"), &schema, &cast->schema));
    thread_check_ok(weft_schema_register(cast->node, "thing", cast->schema));
    thread_check_ok(weft_schema_register(cast->node, "spare", cast->schema));
    options.schema = "thing";
    thread_check_ok(weft_channel_declare(cast->node, CALLS_SAYS, &options));
    options.result_schema = "thing";
    cast->asks = work(cast, CALLS_ASKS, echo, &options);
}

void cast_open(struct cast *cast, uint32_t threads, const weft_allocator *allocator)
{
    weft_node_options options = WEFT_NODE_OPTIONS;
    weft_group_options group = WEFT_GROUP_OPTIONS;
    weft_participant *opener;
    *cast = (struct cast){.home = getpid(), .mutex = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER};
    options.threads = threads;
    options.allocator = cast->allocator = allocator;
    group.threads = 0;
    thread_check_ok(weft_node_open(&options, &cast->node));
    thread_check_ok(weft_completions_open(cast->node, 16, &cast->completions));
    thread_check_ok(weft_participant_declare(cast->node, "somebody", &cast->participant));
    thread_check_ok(weft_participant_thread(cast->node, "opener", &opener)); /* so that WEFT_OWNER_THREAD finds it */
    weft_participant_release(opener);
    thread_check_ok(weft_group_open(cast->node, &group, &cast->group));
    thread_check_ok(weft_channel_declare(cast->node, CALLS_WAIT, NULL));
    thread_check_ok(weft_channel_declare(cast->node, CALLS_EMPTY, NULL));
    thread_check_ok(weft_channel_template(cast->node, CALLS_MADE, NULL));
    cast->echo = work(cast, CALLS_ECHO, echo, NULL);
    cast->hold = work(cast, CALLS_HOLD, hold, NULL);
    cast->pull = work(cast, CALLS_PULL, NULL, NULL);
    ask_for_schemas(cast);

    (void)submit(cast, CALLS_HOLD);
    lock(cast);
    while (!cast->held)
        pthread_cond_wait(&cast->cond, &cast->mutex);
    unlock(cast);
    submit_streaming(cast, CALLS_PULL);
    (void)submit(cast, CALLS_PULL);
    thread_check_ok(weft_worker_next(cast->pull, 0, &cast->task));
    (void)submit(cast, CALLS_ECHO);
    fetch_reply(cast);
    (void)submit(cast, CALLS_ECHO);
    dispatch_detached(cast);
    cast->open = submit(cast, CALLS_WAIT);
    hear(cast);
    leave_letters(cast);
    thread_check_ok(weft_node_inspect(cast->node, NULL, &cast->listing));
    thread_check_ok(weft_why_get(cast->node, cast->open, &cast->why));
    thread_check_ok(weft_listing_json(cast->listing, &cast->text, NULL));
    cast_settle(cast);
}

/* What would keep the node from closing. Nothing in a child, which has no thread to let go. */
static void let_go(struct cast *cast)
{
    if (getpid() != cast->home) return;
    lock(cast);
    cast->may_end = true;
    unlock(cast);
    do {
        if (cast->task && weft_task_abandon(cast->task) == WEFT_OK) cast->task = NULL;
    } while (weft_worker_next(cast->pull, 0, &cast->task) == WEFT_OK);
    weft_reply_release(&cast->reply);
    weft_event_release(&cast->event);
    weft_letter_release(&cast->letter);
    weft_listing_release(cast->listing);
    weft_why_release(&cast->why);
    weft_text_release(cast->text);
    cast->listing = NULL;
    cast->text = NULL;
}

/* Some dispatches wait for ever: they get a millisecond. */
static weft_error close_node(struct cast *cast)
{
    weft_error error;
    let_go(cast);
    while ((error = weft_node_close(cast->node, 1)) == WEFT_EBUSY)
        continue;
    if (!error) cast->node = NULL;
    return error;
}

void cast_close(struct cast *cast)
{
    if (getpid() == cast->home) weft_schema_release(cast->schema);
    if (cast->node) thread_check_ok(close_node(cast));
    pthread_mutex_destroy(&cast->mutex);
    pthread_cond_destroy(&cast->cond);
}

static uint32_t in_flight(weft_worker *worker)
{
    weft_worker_info info;
    if (!worker) return 0;
    thread_check_ok(weft_worker_info_get(worker, &info));
    return info.in_flight;
}

/* A handler's slot is free a moment after its outcome is there, which is the last that comes of a dispatch. */
void cast_settle(struct cast *cast)
{
    while (cast->node && (in_flight(cast->echo) || in_flight(cast->asks)))
        usleep(50);
}

struct page {
    char text[8192];
    size_t size;
};

__attribute__((format(printf, 2, 3))) static void write_line(struct page *page, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(page->text + page->size, sizeof page->text - page->size, format, arguments);
    va_end(arguments);
    page->size += (size_t)size;
    thread_check_true(page->size < sizeof page->text);
}

static bool write_channel(const weft_channel_info *info, void *context)
{
    write_line(context,
               "%s %d: workers %u %u queued %u %llu in flight %u %u: dispatched %llu completed %llu failed %llu died "
               "%llu timed out %llu cancelled %llu rejected %llu letters %u\n",
               info->name, (int)info->state, info->workers, info->workers_eligible, info->queued,
               (unsigned long long)info->queued_bytes, info->in_flight, info->orphaned,
               (unsigned long long)info->dispatched, (unsigned long long)info->completed,
               (unsigned long long)info->failed, (unsigned long long)info->worker_died,
               (unsigned long long)info->timed_out, (unsigned long long)info->cancelled,
               (unsigned long long)info->rejected, info->letters);
    return true;
}

static void write_worker(struct page *page, weft_worker *worker)
{
    weft_worker_info info;
    if (!worker) return;
    thread_check_ok(weft_worker_info_get(worker, &info));
    write_line(page, "%s of %s: %d %u of %u %llu %llu\n", info.name, info.participant, (int)info.state, info.in_flight,
               info.max_concurrent, (unsigned long long)info.completed, (unsigned long long)info.errored);
}

const char *cast_seen(struct cast *cast)
{
    if (!cast->node) return "closed";
    static struct page pages[2];
    static unsigned turn;
    struct page *page = &pages[turn++ % 2];
    weft_node_stats stats;
    page->size = 0;
    thread_check_ok(weft_node_stats_get(cast->node, &stats));
    write_line(
        page,
        "node: channels %u workers %u participants %u open %u running %u dispatched %llu completed %llu "
        "failed %llu died %llu cancelled %llu rejected %llu fenced %llu deaths %llu; subscriptions %u published "
        "%llu delivered %llu dropped %llu\n",
        stats.channels, stats.workers, stats.participants, stats.dispatches_open, stats.attempts_running,
        (unsigned long long)stats.dispatched, (unsigned long long)stats.completed, (unsigned long long)stats.failed,
        (unsigned long long)stats.worker_died, (unsigned long long)stats.cancelled, (unsigned long long)stats.rejected,
        (unsigned long long)stats.fenced, (unsigned long long)stats.deaths, stats.subscriptions,
        (unsigned long long)stats.published, (unsigned long long)stats.delivered, (unsigned long long)stats.dropped);
    thread_check_ok(weft_channel_find(cast->node, "*.*.*", write_channel, page));
    write_worker(page, cast->echo);
    write_worker(page, cast->hold);
    write_worker(page, cast->pull);
    return page->text;
}

/* --- the calls -------------------------------------------------------------------------------- */

/* What succeeds and gives something is tried, and given back; what fails has nothing to give back. */
#define CALL(name) static weft_error name(struct cast *cast)
#define UNUSED (void)cast

CALL(version)
{
    UNUSED;
    thread_check_str(weft_version(), WEFT_VERSION);
    return WEFT_OK;
}

CALL(error_name)
{
    UNUSED;
    thread_check_str(weft_error_name(WEFT_EFORKED), "WEFT_EFORKED");
    return WEFT_OK;
}

CALL(error_text)
{
    UNUSED;
    thread_check_true(strstr(weft_error_text(WEFT_EFORKED), "exec") != NULL);
    return WEFT_OK;
}

CALL(error_message)
{
    UNUSED;
    thread_check_true(weft_error_message() != NULL);
    return WEFT_OK;
}

CALL(text)
{
    UNUSED;
    thread_check_eq(weft_text("abc").size, 3);
    return WEFT_OK;
}

CALL(outcome_name)
{
    UNUSED;
    thread_check_str(weft_outcome_name(WEFT_TIMED_OUT), "timed_out");
    return WEFT_OK;
}

CALL(cause_text)
{
    char text[64];
    UNUSED;
    thread_check_str(weft_cause_text((weft_cause){.kind = WEFT_CAUSE_EXITED, .value = 3}, text, sizeof text),
                     "exit code 3");
    return WEFT_OK;
}

/* event.h */

static void heard(const weft_event *event, void *context)
{
    (void)event;
    (void)context;
}

static weft_error subscribed(weft_error error, weft_subscription *subscription)
{
    if (!error) thread_check_ok(weft_unsubscribe(subscription));
    return error;
}

CALL(publish)
{
    uint32_t heard_by = 0;
    weft_error error = weft_publish(cast->node, CALLS_NEWS, WEFT_TEXT("3"), NULL, &heard_by);
    thread_check_eq(heard_by, !error);
    return error;
}

CALL(subscribe)
{
    weft_subscription *subscription;
    weft_error error = weft_subscribe(cast->node, CALLS_NEWS, heard, NULL, NULL, &subscription);
    return subscribed(error, subscription);
}

CALL(subscribe_pattern)
{
    weft_subscribe_options options = WEFT_SUBSCRIBE_OPTIONS;
    weft_subscription *subscription;
    options.participant = cast->participant;
    weft_error error = weft_subscribe(cast->node, "event.*.*", NULL, NULL, &options, &subscription);
    return subscribed(error, subscription);
}

CALL(unsubscribe)
{
    return weft_unsubscribe(cast->ear);
}

static weft_error taken(weft_error error, weft_event *event)
{
    if (!error) weft_event_release(event);
    return error;
}

CALL(subscription_next)
{
    weft_event event;
    size_t count;
    weft_error error = weft_subscription_next(cast->ear, WEFT_FOREVER, &event, 1, &count);
    return taken(error, &event);
}

CALL(subscription_next_now)
{
    weft_event event;
    size_t count;
    weft_error error = weft_subscription_next(cast->ear, 0, &event, 1, &count);
    return taken(error, &event);
}

CALL(subscription_fd)
{
    int fd;
    return weft_subscription_fd(cast->ear, &fd);
}

CALL(subscription_info_get)
{
    weft_subscription_info info;
    return weft_subscription_info_get(cast->ear, &info);
}

CALL(event_release)
{
    weft_event_release(&cast->event);
    thread_check_true(!cast->event.memory && !cast->event.payload.data);
    return WEFT_OK;
}

CALL(slow_name)
{
    UNUSED;
    thread_check_str(weft_slow_name(WEFT_DISCONNECT), "disconnect");
    return WEFT_OK;
}

/* letter.h */

static bool found_letter(const weft_letter *letter, void *context)
{
    thread_check_eq(letter->outcome, WEFT_WORKER_DIED);
    ++*(int *)context;
    return true;
}

CALL(letters_find)
{
    int count = 0;
    weft_error error = weft_letters_find(cast->node, CALLS_DEAD, found_letter, &count);
    thread_check_eq(count, !error);
    return error;
}

CALL(letter_fetch)
{
    weft_letter letter;
    weft_error error = weft_letter_fetch(cast->node, CALLS_DEAD, 0, &letter);
    if (!error) weft_letter_release(&letter);
    return error;
}

CALL(letter_put_back)
{
    weft_ticket ticket;
    return weft_letter_put_back(cast->node, CALLS_DEAD, 0, &ticket);
}

CALL(letter_release)
{
    weft_letter_release(&cast->letter);
    thread_check_true(!cast->letter.memory && !cast->letter.payload.data);
    return WEFT_OK;
}

/* inspect.h */

static weft_error listed(weft_error error, weft_listing *listing)
{
    if (!error) weft_listing_release(listing);
    return error;
}

CALL(node_inspect)
{
    weft_listing *listing;
    weft_error error = weft_node_inspect(cast->node, NULL, &listing);
    return listed(error, listing);
}

/* In a child it stays as it is, for the other rows. */
CALL(listing_release)
{
    weft_listing_release(cast->listing);
    if (getpid() == cast->home) cast->listing = NULL;
    return WEFT_OK;
}

static weft_error written(weft_error error, char *text)
{
    if (error) return error;
    thread_check_eq(text[0], '{');
    weft_text_release(text);
    return WEFT_OK;
}

CALL(listing_json)
{
    char *text;
    size_t size;
    weft_error error = weft_listing_json(cast->listing, &text, &size);
    return written(error, text);
}

static weft_error explained(weft_error error, weft_why *why)
{
    if (!error) weft_why_release(why);
    return error;
}

CALL(dispatch_why)
{
    weft_why why;
    weft_error error = weft_dispatch_why(cast->node, CALLS_ECHO, NULL, &why);
    return explained(error, &why);
}

CALL(why_get)
{
    weft_why why;
    weft_error error = weft_why_get(cast->node, cast->open, &why);
    return explained(error, &why);
}

CALL(why_json)
{
    char *text;
    weft_error error = weft_why_json(&cast->why, &text, NULL);
    return written(error, text);
}

CALL(why_release)
{
    weft_why_release(&cast->why);
    thread_check_true(!cast->why.memory && !cast->why.refusals);
    return WEFT_OK;
}

CALL(text_release)
{
    weft_text_release(cast->text);
    cast->text = NULL;
    return WEFT_OK;
}

/* Schemas need no node, and nothing of the cast but its memory. */
static weft_schema *compiled(struct cast *cast, weft_error *error)
{
    static const char text[] = "{\"$id\":\"https://example.org/s\",\"properties\":{\"a\":{\"$ref\":\"#/$defs/b\"},"
                               "\"c\":{\"uniqueItems\":true}},\"patternProperties\":{\"^x+$\":{\"enum\":[1,\"\\n\"]}},"
                               "\"unevaluatedProperties\":false,\"$defs\":{\"b\":{\"pattern\":\"^[a-z]*$\"}}}";
    weft_schema_options options = WEFT_SCHEMA_OPTIONS;
    weft_schema *schema = NULL;
    options.allocator = cast->allocator;
    *error = weft_schema_compile(weft_text(text), &options, &schema);
    return schema;
}

CALL(schema_compile)
{
    weft_error error;
    weft_schema_release(compiled(cast, &error));
    return error;
}

CALL(schema_hold)
{
    weft_error error;
    weft_schema *schema = compiled(cast, &error);
    if (schema) weft_schema_release(weft_schema_hold(schema));
    weft_schema_release(schema);
    return error;
}

CALL(schema_release)
{
    UNUSED;
    weft_schema_release(NULL);
    return WEFT_OK;
}

CALL(schema_id)
{
    uint8_t id[WEFT_SCHEMA_ID_BYTES];
    weft_error error;
    weft_schema *schema = compiled(cast, &error);
    if (schema) error = weft_schema_id(schema, id);
    weft_schema_release(schema);
    return error;
}

CALL(schema_builtin)
{
    UNUSED;
    weft_bytes json;
    thread_check_true(weft_schema_builtin(0, &json) != NULL && json.size > 0);
    return WEFT_OK;
}

CALL(validator_open)
{
    weft_validator *validator;
    weft_error error = weft_validator_open(cast->allocator, &validator);
    if (!error) weft_validator_close(validator);
    return error;
}

CALL(validator_close)
{
    UNUSED;
    weft_validator_close(NULL);
    return WEFT_OK;
}

static bool ignore_mismatch(const weft_mismatch *mismatch, void *context)
{
    (void)mismatch;
    (void)context;
    return true;
}

/* A document that mismatches, so that the sentence is made, too; or one that does not. */
static weft_error validated(struct cast *cast, bool all)
{
    static const char good[] = "{\"a\":\"\\u0061b\",\"c\":[1,2,3,4,5,6,7,8,9,\"\\u0061\"],\"xx\":\"\\n\"}";
    weft_error error;
    weft_schema *schema = compiled(cast, &error);
    weft_validator *validator = NULL;
    if (!error) error = weft_validator_open(cast->allocator, &validator);
    if (!error && all) {
        error = weft_validate_all(validator, schema, WEFT_TEXT("{\"\\u0061\":\"A\",\"b\":1}"), ignore_mismatch, NULL);
        if (error == WEFT_EMISMATCH) error = WEFT_OK;
    } else if (!error) {
        error = weft_validate(validator, schema, weft_text(good));
    }
    weft_validator_close(validator);
    weft_schema_release(schema);
    return error;
}

CALL(validate)
{
    return validated(cast, false);
}

CALL(validate_all)
{
    return validated(cast, true);
}

/* contract.h */

CALL(schema_register)
{
    return weft_schema_register(cast->node, "another", cast->schema);
}

CALL(schema_get)
{
    weft_schema *schema;
    weft_error error = weft_schema_get(cast->node, "thing", &schema);
    if (!error) weft_schema_release(schema);
    return error;
}

CALL(schema_unregister)
{
    return weft_schema_unregister(cast->node, "spare");
}

CALL(channel_schema_set)
{
    return weft_channel_schema_set(cast->node, CALLS_ASKS, WEFT_SCHEMA_REQUEST, "spare");
}

CALL(channel_declare_with_schemas)
{
    weft_channel_options options = WEFT_CHANNEL_OPTIONS;
    options.schema = options.result_schema = "thing";
    return weft_channel_declare(cast->node, "dispatch.cast.new", &options);
}

CALL(dispatch_with_a_schema)
{
    weft_reply reply;
    weft_error error = weft_dispatch(cast->node, CALLS_ASKS, WEFT_TEXT("{\"thing\":[1,2]}"), NULL, &reply);
    if (error) return error;
    thread_check_eq(reply.outcome, WEFT_COMPLETED);
    weft_reply_release(&reply);
    return WEFT_OK;
}

/* Where there is no memory for the sentence, the code must do. */
CALL(dispatch_mismatched)
{
    weft_reply reply;
    weft_error error = weft_dispatch(cast->node, CALLS_ASKS, WEFT_TEXT("{\"nothing\":0}"), NULL, &reply);
    if (error) return error;
    thread_check_str(reply.code, "schema_mismatch");
    weft_reply_release(&reply);
    return WEFT_OK;
}

CALL(publish_with_a_schema)
{
    return weft_publish(cast->node, CALLS_SAYS, WEFT_TEXT("{\"thing\":[1,2]}"), NULL, NULL);
}

CALL(publish_mismatched)
{
    weft_error error = weft_publish(cast->node, CALLS_SAYS, WEFT_TEXT("{\"nothing\":0}"), NULL, NULL);
    return error == WEFT_EMISMATCH ? WEFT_OK : error;
}

CALL(rule_name)
{
    UNUSED;
    thread_check_str(weft_rule_name(WEFT_RULE_LINK), "link");
    return WEFT_OK;
}

CALL(standing_name)
{
    UNUSED;
    thread_check_str(weft_standing_name(WEFT_STANDING_QUEUED), "queued");
    return WEFT_OK;
}

CALL(channel_state_name)
{
    UNUSED;
    thread_check_str(weft_channel_state_name(WEFT_CHANNEL_PAUSED), "paused");
    return WEFT_OK;
}

CALL(worker_state_name)
{
    UNUSED;
    thread_check_str(weft_worker_state_name(WEFT_WORKER_DEAD), "dead");
    return WEFT_OK;
}

CALL(policy_name)
{
    UNUSED;
    thread_check_str(weft_policy_name(WEFT_STICKY), "sticky");
    return WEFT_OK;
}

CALL(link_kind_name)
{
    UNUSED;
    thread_check_str(weft_link_kind_name(WEFT_LINK_THREAD), "thread");
    return WEFT_OK;
}

CALL(priority_name)
{
    UNUSED;
    thread_check_str(weft_priority_name(WEFT_PRIORITY_LOW), "low");
    return WEFT_OK;
}

CALL(admission_name)
{
    UNUSED;
    thread_check_str(weft_admission_name(WEFT_ADMISSION_DEFERRED), "deferred");
    return WEFT_OK;
}

/* node.h */

CALL(node_open)
{
    weft_node_options options = WEFT_NODE_OPTIONS;
    weft_node *node;
    options.allocator = cast->allocator;
    weft_error error = weft_node_open(&options, &node);
    if (!error) thread_check_ok(weft_node_close(node, WEFT_FOREVER));
    return error;
}

/* remote.h */

static const char *fresh_url(void)
{
    static char url[64];
    static unsigned serial;
    snprintf(url, sizeof url, "ipc:///tmp/weft-calls-%d-%u.sock", (int)getpid(), ++serial);
    return url;
}

CALL(node_listen)
{
    return weft_node_listen(cast->node, fresh_url(), NULL, NULL);
}

/* A client of a node; both have memory enough: what a connection is refused is asked for again, by threads of its own, until the
 * dial's time is over, so that which call fails is not to be told. */
static weft_error dial_and(struct cast *cast, weft_error (*call)(weft_node *client))
{
    weft_node *behind, *client;
    const char *url = fresh_url();
    if (getpid() != cast->home) return weft_node_dial(url, NULL, &client);
    thread_check_ok(weft_node_open(NULL, &behind));
    thread_check_ok(weft_node_listen(behind, url, NULL, NULL));
    weft_error error = weft_node_dial(url, NULL, &client);
    if (!error) {
        if (call) error = call(client);
        thread_check_ok(weft_node_close(client, WEFT_FOREVER));
    }
    thread_check_ok(weft_node_close(behind, 0));
    return error;
}

CALL(node_dial)
{
    return dial_and(cast, NULL);
}

static weft_error ping(weft_node *client)
{
    weft_ping told;
    weft_error error = weft_node_ping(client, WEFT_FOREVER, &told);
    if (!error) thread_check_true(told.round_trip_ns > 0 && told.pid == (int32_t)getpid() && told.version[0]);
    return error;
}

CALL(node_ping)
{
    weft_ping told;
    return getpid() == cast->home ? dial_and(cast, ping) : weft_node_ping(cast->node, 0, &told);
}

CALL(node_close)
{
    return close_node(cast);
}

CALL(node_close_null)
{
    UNUSED;
    return weft_node_close(NULL, 0);
}

CALL(node_default)
{
    weft_node *node;
    UNUSED;
    weft_error error = weft_node_default(&node);
    if (!error) thread_check_ok(weft_process_fini(WEFT_FOREVER));
    return error;
}

CALL(process_fini)
{
    UNUSED;
    return weft_process_fini(WEFT_FOREVER);
}

CALL(panic_hook)
{
    UNUSED;
    weft_panic_hook(NULL, NULL);
    return WEFT_OK;
}

CALL(node_event_name)
{
    UNUSED;
    thread_check_str(weft_node_event_name(WEFT_NODE_DIED), "died");
    return WEFT_OK;
}

CALL(log_level_name)
{
    UNUSED;
    thread_check_str(weft_log_level_name(WEFT_LOG_INFO), "info");
    return WEFT_OK;
}

CALL(node_stats_get)
{
    weft_node_stats stats;
    return weft_node_stats_get(cast->node, &stats);
}

/* channel.h */

CALL(channel_declare)
{
    return weft_channel_declare(cast->node, "dispatch.cast.new", NULL);
}

CALL(channel_declare_sticky)
{
    weft_channel_options options = WEFT_CHANNEL_OPTIONS;
    options.policy = WEFT_STICKY;
    return weft_channel_declare(cast->node, "dispatch.cast.sticky", &options);
}

CALL(channel_template)
{
    return weft_channel_template(cast->node, "dispatch.other.*", NULL);
}

CALL(channel_pause)
{
    return weft_channel_pause(cast->node, CALLS_ECHO);
}

CALL(channel_resume)
{
    return weft_channel_resume(cast->node, CALLS_ECHO);
}

CALL(channel_drain)
{
    return weft_channel_drain(cast->node, CALLS_ECHO, WEFT_FOREVER);
}

CALL(channel_delete)
{
    return weft_channel_delete(cast->node, CALLS_EMPTY);
}

static bool found_one(const weft_channel_info *info, void *context)
{
    (void)info;
    ++*(int *)context;
    return true;
}

CALL(channel_find)
{
    int count = 0;
    weft_error error = weft_channel_find(cast->node, "dispatch.cast.*", found_one, &count);
    thread_check_eq(count, error ? 0 : 8);
    return error;
}

CALL(channel_info_get)
{
    weft_channel_info info;
    return weft_channel_info_get(cast->node, CALLS_ECHO, &info);
}

CALL(channel_latency_get)
{
    weft_latency latency;
    return weft_channel_latency_get(cast->node, CALLS_ECHO, &latency);
}

CALL(channel_deaths)
{
    weft_death deaths[4];
    size_t count;
    return weft_channel_deaths(cast->node, CALLS_ECHO, deaths, 4, &count);
}

/* participant.h */

static weft_error attached(weft_error error, weft_participant *participant)
{
    if (!error) weft_participant_release(participant);
    return error;
}

CALL(participant_process)
{
    weft_participant *participant;
    weft_error error = weft_participant_process(cast->node, NULL, getpid(), 0, &participant);
    return attached(error, participant);
}

/* In a thread of its own, which is dead at its end; a child gets no thread that it does not need. */
struct thread_call {
    struct cast *cast;
    weft_error error;
};

static void *be_participant(void *argument)
{
    struct thread_call *call = argument;
    weft_participant *participant;
    call->error = weft_participant_thread(call->cast->node, "another", &participant);
    call->error = attached(call->error, participant);
    return NULL;
}

CALL(participant_thread)
{
    struct thread_call call = {.cast = cast};
    pthread_t thread;
    if (getpid() != cast->home) {
        (void)be_participant(&call);
        return call.error;
    }
    thread_check_eq(pthread_create(&thread, NULL, be_participant, &call), 0);
    thread_check_eq(pthread_join(thread, NULL), 0);
    return call.error;
}

CALL(participant_declare)
{
    weft_participant *participant;
    weft_error error = weft_participant_declare(cast->node, "another", &participant);
    return attached(error, participant);
}

CALL(participant_dead)
{
    return weft_participant_dead(cast->participant, 1);
}

CALL(participant_alive)
{
    weft_cause cause;
    thread_check_eq(weft_participant_alive(cast->participant, &cause), getpid() == cast->home);
    thread_check_eq(cause.kind, WEFT_CAUSE_UNKNOWN);
    return WEFT_OK;
}

CALL(participant_release)
{
    weft_participant_release(cast->participant);
    return WEFT_OK;
}

CALL(process_start_time)
{
    uint64_t start_time;
    UNUSED;
    return weft_process_start_time(getpid(), &start_time);
}

/* group.h */

CALL(group_open)
{
    weft_group *group;
    weft_error error = weft_group_open(cast->node, NULL, &group);
    if (!error) thread_check_ok(weft_group_close(group));
    return error;
}

CALL(group_run)
{
    return weft_group_run(cast->group, 0);
}

CALL(group_close)
{
    return weft_group_close(cast->group);
}

/* worker.h */

static weft_error registered(weft_error error, weft_worker *worker)
{
    if (!error) thread_check_ok(weft_worker_unregister(worker));
    return error;
}

CALL(worker_register)
{
    weft_worker *worker;
    weft_error error = weft_worker_register(cast->node, CALLS_EMPTY, echo, NULL, NULL, &worker);
    return registered(error, worker);
}

static int states; /* made and not freed */

static void *state_new(void *context)
{
    states++;
    return context;
}

static void state_free(void *state)
{
    (void)state;
    states--;
}

CALL(worker_register_with_everything)
{
    static const char *const types[] = {"small", "large", "huge"};
    static const uint8_t ids[2][WEFT_SCHEMA_ID_BYTES] = {{1}, {2}};
    weft_worker_options options = WEFT_WORKER_OPTIONS;
    weft_worker *worker;
    options.name = "everything";
    options.max_concurrent = 100;
    options.activity_types = types;
    options.activity_types_count = 3;
    options.participant = cast->participant;
    options.group = cast->group;
    options.schema_ids = (const uint8_t(*)[WEFT_SCHEMA_ID_BYTES])ids;
    options.schema_ids_count = 2;
    options.state_new = state_new;
    options.state_free = state_free;
    weft_error error = weft_worker_register(cast->node, CALLS_EMPTY, echo, cast, &options, &worker);
    error = registered(error, worker);
    thread_check_eq(states, 0);
    return error;
}

CALL(worker_register_inline)
{
    weft_worker_options options = WEFT_WORKER_OPTIONS;
    weft_worker *worker;
    options.flags = WEFT_INLINE | WEFT_OWNER_THREAD;
    weft_error error = weft_worker_register(cast->node, CALLS_EMPTY, echo, NULL, &options, &worker);
    return registered(error, worker);
}

CALL(worker_register_pull)
{
    weft_worker *worker;
    weft_error error = weft_worker_register(cast->node, CALLS_EMPTY, NULL, NULL, NULL, &worker);
    return registered(error, worker);
}

/* On a channel that is made from a template now. */
CALL(worker_register_template)
{
    weft_worker *worker;
    weft_error error = weft_worker_register(cast->node, CALLS_MADE, echo, NULL, NULL, &worker);
    return registered(error, worker);
}

CALL(worker_unregister)
{
    weft_error error = weft_worker_unregister(cast->echo);
    if (!error) cast->echo = NULL;
    return error;
}

CALL(worker_drain)
{
    return weft_worker_drain(cast->echo, WEFT_FOREVER);
}

CALL(worker_next)
{
    weft_task *task;
    weft_error error = weft_worker_next(cast->pull, WEFT_FOREVER, &task);
    if (!error) thread_check_ok(weft_task_abandon(task));
    return error;
}

CALL(worker_next_now)
{
    weft_task *task;
    weft_error error = weft_worker_next(cast->pull, 0, &task);
    if (!error) thread_check_ok(weft_task_abandon(task));
    return error;
}

CALL(worker_fd)
{
    int fd;
    return weft_worker_fd(cast->pull, &fd);
}

CALL(worker_info_get)
{
    weft_worker_info info;
    return weft_worker_info_get(cast->echo, &info);
}

/* task.h */

CALL(task_payload)
{
    thread_check_eq(weft_task_payload(cast->task).size, 1);
    return WEFT_OK;
}

CALL(task_content_type)
{
    thread_check_str(weft_task_content_type(cast->task), NULL);
    return WEFT_OK;
}

CALL(task_activity_type)
{
    thread_check_str(weft_task_activity_type(cast->task), NULL);
    return WEFT_OK;
}

CALL(task_attempt)
{
    thread_check_eq(weft_task_attempt(cast->task), 1);
    return WEFT_OK;
}

CALL(task_schema)
{
    thread_check_true(!weft_task_schema(cast->task) && !weft_task_schema(NULL));
    return WEFT_OK;
}

CALL(task_dispatch)
{
    thread_check_true(weft_task_dispatch(cast->task).number > 0);
    return WEFT_OK;
}

CALL(task_remaining_ms)
{
    thread_check_eq(weft_task_remaining_ms(cast->task), WEFT_FOREVER);
    return WEFT_OK;
}

CALL(task_cancelled)
{
    thread_check_true(!weft_task_cancelled(cast->task));
    return WEFT_OK;
}

static void cancelled(weft_task *task, void *context)
{
    (void)task;
    (void)context;
}

CALL(task_on_cancel)
{
    return weft_task_on_cancel(cast->task, cancelled, NULL);
}

CALL(task_heartbeat)
{
    return weft_task_heartbeat(cast->task);
}

CALL(task_streams)
{
    thread_check_true(weft_task_streams(cast->task));
    return WEFT_OK;
}

CALL(task_progress)
{
    return weft_task_progress(cast->task, WEFT_TEXT("half of it"));
}

CALL(task_partial)
{
    return weft_task_partial(cast->task, WEFT_TEXT("a part"), 0);
}

CALL(task_keep)
{
    weft_error error = weft_task_keep(cast->held);
    if (!error) thread_check_ok(weft_task_abandon(cast->held));
    return error;
}

static weft_error settled(struct cast *cast, weft_error error)
{
    if (!error) cast->task = NULL;
    return error;
}

CALL(task_complete)
{
    return settled(cast, weft_task_complete(cast->task, WEFT_TEXT("done")));
}

CALL(task_complete_as)
{
    return settled(cast, weft_task_complete_as(cast->task, WEFT_TEXT("{}"), "application/json"));
}

CALL(task_fail)
{
    return settled(cast, weft_task_fail(cast->task, "bad", "it did not work"));
}

CALL(task_acknowledge_cancel)
{
    return settled(cast, weft_task_acknowledge_cancel(cast->task));
}

CALL(task_abandon)
{
    return settled(cast, weft_task_abandon(cast->task));
}

/* dispatch.h */

CALL(dispatch)
{
    weft_reply reply;
    weft_error error = weft_dispatch(cast->node, CALLS_ECHO, WEFT_TEXT("1"), NULL, &reply);
    if (error) return error;
    thread_check_eq(reply.outcome, WEFT_COMPLETED);
    weft_reply_release(&reply);
    return WEFT_OK;
}

/* Nobody takes it, and its time is over soon. */
CALL(dispatch_with_everything)
{
    weft_dispatch_options options = WEFT_DISPATCH_OPTIONS;
    weft_reply reply;
    options.activity_type = "rare";
    options.content_type = "text/plain";
    options.participant = cast->participant;
    options.on_crash = WEFT_CRASH_REDISPATCH;
    options.attempts_max = 2;
    options.schedule_to_start_ms = 1;
    options.schedule_to_close_ms = 2000;
    weft_error error = weft_dispatch(cast->node, CALLS_WAIT, WEFT_TEXT("1"), &options, &reply);
    if (error) return error;
    thread_check_eq(reply.outcome, WEFT_TIMED_OUT);
    weft_reply_release(&reply);
    return WEFT_OK;
}

CALL(dispatch_with_a_key)
{
    weft_dispatch_options options = WEFT_DISPATCH_OPTIONS;
    weft_reply reply;
    options.key = "once";
    weft_error error = weft_dispatch(cast->node, CALLS_ECHO, WEFT_TEXT("1"), &options, &reply);
    if (!error) weft_reply_release(&reply);
    return error;
}

CALL(dispatch_of_the_thread)
{
    weft_dispatch_options options = WEFT_DISPATCH_OPTIONS;
    weft_reply reply;
    options.flags = WEFT_OWNER_THREAD;
    weft_error error = weft_dispatch(cast->node, CALLS_ECHO, WEFT_TEXT("1"), &options, &reply);
    if (!error) weft_reply_release(&reply);
    return error;
}

static void tell_ended(const weft_reply *reply, void *context)
{
    struct cast *cast = context;
    (void)reply;
    lock(cast);
    unlock(cast);
}

CALL(dispatch_async)
{
    weft_ticket ticket;
    return weft_dispatch_async(cast->node, CALLS_ECHO, WEFT_TEXT("1"), NULL, tell_ended, cast, 0, &ticket);
}

CALL(dispatch_async_queued)
{
    return weft_dispatch_async(cast->node, CALLS_WAIT, WEFT_TEXT("1"), NULL, NULL, NULL, 0, NULL);
}

CALL(completions_open)
{
    weft_completions *completions;
    weft_error error = weft_completions_open(cast->node, 1, &completions);
    if (!error) thread_check_ok(weft_completions_close(completions));
    return error;
}

CALL(completions_close)
{
    return weft_completions_close(cast->completions);
}

CALL(dispatch_submit)
{
    weft_ticket ticket;
    return weft_dispatch_submit(cast->completions, CALLS_ECHO, WEFT_TEXT("1"), NULL, 0, &ticket);
}

static weft_error fetched(weft_error error, weft_reply *reply)
{
    if (!error) weft_reply_release(reply);
    return error;
}

CALL(completions_next)
{
    weft_reply reply;
    size_t count;
    weft_error error = weft_completions_next(cast->completions, WEFT_FOREVER, &reply, 1, &count);
    return fetched(error, &reply);
}

CALL(completions_next_now)
{
    weft_reply reply;
    size_t count;
    weft_error error = weft_completions_next(cast->completions, 0, &reply, 1, &count);
    return fetched(error, &reply);
}

CALL(completions_fd)
{
    int fd;
    return weft_completions_fd(cast->completions, &fd);
}

CALL(dispatch_cancel)
{
    return weft_dispatch_cancel(cast->node, cast->open);
}

CALL(dispatch_fetch)
{
    weft_reply reply;
    weft_error error = weft_dispatch_fetch(cast->node, cast->detached, WEFT_FOREVER, &reply);
    return fetched(error, &reply);
}

CALL(reply_release)
{
    weft_reply_release(&cast->reply);
    thread_check_true(!cast->reply.memory && !cast->reply.payload.data);
    return WEFT_OK;
}

/* --- the table -------------------------------------------------------------------------------- */

#define REFUSED(name)                                                                                                  \
    {                                                                                                                  \
        "weft_" #name, "", name, IN_CHILD_REFUSED                                                                      \
    }
#define REFUSED_AS(name, variant)                                                                                      \
    {                                                                                                                  \
        "weft_" #name, #variant, name##_##variant, IN_CHILD_REFUSED                                                    \
    }
#define HARMLESS(name)                                                                                                 \
    {                                                                                                                  \
        "weft_" #name, "", name, IN_CHILD_HARMLESS                                                                     \
    }

const struct call calls[] = {
    HARMLESS(version),
    HARMLESS(error_name),
    HARMLESS(error_text),
    HARMLESS(error_message),
    HARMLESS(text),
    HARMLESS(outcome_name),
    HARMLESS(cause_text),
    REFUSED(node_open),
    REFUSED(node_close),
    REFUSED_AS(node_close, null),
    REFUSED(node_default),
    REFUSED(process_fini),
    HARMLESS(panic_hook),
    HARMLESS(node_event_name),
    HARMLESS(log_level_name),
    REFUSED(node_stats_get),
    REFUSED(node_listen),
    REFUSED(node_dial),
    REFUSED(node_ping),
    REFUSED(channel_declare),
    REFUSED_AS(channel_declare, sticky),
    REFUSED(channel_template),
    REFUSED(channel_pause),
    REFUSED(channel_resume),
    REFUSED(channel_drain),
    REFUSED(channel_delete),
    REFUSED(channel_find),
    REFUSED(channel_info_get),
    REFUSED(channel_latency_get),
    REFUSED(channel_deaths),
    REFUSED(participant_process),
    REFUSED(participant_thread),
    REFUSED(participant_declare),
    REFUSED(participant_dead),
    HARMLESS(participant_alive), /* it is not */
    HARMLESS(participant_release),
    HARMLESS(process_start_time), /* needs no node: a child may tell its parent who it is */
    REFUSED(group_open),
    REFUSED(group_run),
    REFUSED(group_close),
    REFUSED(worker_register),
    REFUSED_AS(worker_register, with_everything),
    REFUSED_AS(worker_register, inline),
    REFUSED_AS(worker_register, pull),
    REFUSED_AS(worker_register, template),
    REFUSED(worker_unregister),
    REFUSED(worker_drain),
    REFUSED(worker_next),
    REFUSED_AS(worker_next, now),
    REFUSED(worker_fd),
    REFUSED(worker_info_get),
    HARMLESS(task_payload),
    HARMLESS(task_content_type),
    HARMLESS(task_activity_type),
    HARMLESS(task_attempt),
    HARMLESS(task_dispatch),
    HARMLESS(task_remaining_ms),
    HARMLESS(task_cancelled),
    REFUSED(task_on_cancel),
    REFUSED(task_heartbeat),
    HARMLESS(task_streams),
    REFUSED(task_progress),
    REFUSED(task_partial),
    REFUSED(task_keep),
    REFUSED(task_complete),
    REFUSED(task_complete_as),
    REFUSED(task_fail),
    REFUSED(task_acknowledge_cancel),
    REFUSED(task_abandon),
    REFUSED(dispatch),
    REFUSED_AS(dispatch, with_everything),
    REFUSED_AS(dispatch, with_a_key),
    REFUSED_AS(dispatch, of_the_thread),
    REFUSED(dispatch_async),
    REFUSED_AS(dispatch_async, queued),
    REFUSED(completions_open),
    REFUSED(completions_close),
    REFUSED(dispatch_submit),
    REFUSED(completions_next),
    REFUSED_AS(completions_next, now),
    REFUSED(completions_fd),
    REFUSED(dispatch_cancel),
    REFUSED(dispatch_fetch),
    HARMLESS(reply_release),
    HARMLESS(priority_name),
    HARMLESS(admission_name),
    REFUSED(publish),
    REFUSED(subscribe),
    REFUSED_AS(subscribe, pattern),
    REFUSED(unsubscribe),
    REFUSED(subscription_next),
    REFUSED_AS(subscription_next, now),
    REFUSED(subscription_fd),
    REFUSED(subscription_info_get),
    HARMLESS(event_release),
    HARMLESS(slow_name),
    REFUSED(letters_find),
    REFUSED(letter_fetch),
    REFUSED(letter_put_back),
    HARMLESS(letter_release),
    REFUSED(node_inspect),
    HARMLESS(listing_json), /* needs no node, like why_json */
    HARMLESS(listing_release),
    REFUSED(dispatch_why),
    REFUSED(why_get),
    HARMLESS(why_json),
    HARMLESS(why_release),
    HARMLESS(text_release),
    HARMLESS(rule_name),
    HARMLESS(standing_name),
    HARMLESS(channel_state_name),
    HARMLESS(worker_state_name),
    HARMLESS(policy_name),
    HARMLESS(link_kind_name),
    REFUSED(schema_register),
    REFUSED(schema_get),
    REFUSED(schema_unregister),
    REFUSED(channel_schema_set),
    REFUSED_AS(channel_declare, with_schemas),
    REFUSED_AS(dispatch, with_a_schema),
    REFUSED_AS(dispatch, mismatched),
    REFUSED_AS(publish, with_a_schema),
    REFUSED_AS(publish, mismatched),
    HARMLESS(task_schema),
    HARMLESS(schema_compile), /* schemas need no node */
    HARMLESS(schema_hold),
    HARMLESS(schema_release),
    HARMLESS(schema_id),
    HARMLESS(schema_builtin),
    HARMLESS(validator_open),
    HARMLESS(validator_close),
    HARMLESS(validate),
    HARMLESS(validate_all),
};
const size_t calls_count = sizeof calls / sizeof *calls;

/* --- is it complete? -------------------------------------------------------------------------- */

/* The whole of a file, or of what a command prints; free it. */
static char *read_all(FILE *file)
{
    char *text = NULL;
    size_t size = 0;
    thread_check_true(file != NULL);
    thread_check_true(getdelim(&text, &size, EOF, file) > 0);
    return text;
}

static bool has_row(const char *name)
{
    for (size_t i = 0; i < calls_count; i++)
        if (strcmp(calls[i].name, name) == 0) return true;
    return false;
}

/* The name of the next function that is marked WEFT_API in the text; NULL: none is left. */
static const char *next_declared(const char **text, char name[64])
{
    const char *at = strstr(*text, "\nWEFT_API ");
    if (!at) return NULL;
    const char *end = strchr(at, '(');
    const char *begin = end;
    thread_check_true(end != NULL);
    while (strchr("abcdefghijklmnopqrstuvwxyz_0123456789", begin[-1]))
        begin--;
    thread_check_true(end > begin && end - begin < 64);
    snprintf(name, 64, "%.*s", (int)(end - begin), begin);
    *text = end;
    return name;
}

static const char *variable(const char *name, const char *otherwise)
{
    const char *value = getenv(name);
    return value ? value : otherwise;
}

/* The functions of one header. symbols: what nm says of the library. */
static unsigned check_header(const char *path, const char *symbols, unsigned *missing)
{
    FILE *file = fopen(path, "r");
    char *text = read_all(file), name[64], defined[80];
    const char *at = text;
    unsigned count = 0;
    for (; next_declared(&at, name); count++) {
        snprintf(defined, sizeof defined, " T %s\n", name);
        if (has_row(name) || !strstr(symbols, defined)) continue;
        fprintf(stderr, "%s: %s has no row in tests/lib/calls.c\n", path, name);
        ++*missing;
    }
    free(text);
    fclose(file);
    return count;
}

void calls_check_complete(void)
{
    char command[4096], path[4096];
    unsigned count = 0, missing = 0;
    snprintf(command, sizeof command, "nm -g --defined-only '%s/libweft.a' 2>&1",
             variable("WEFT_BUILD", "build/debug"));
    FILE *nm = popen(command, "r");
    char *symbols = read_all(nm);
    thread_check_eq(pclose(nm), 0);

    const char *top = variable("WEFT_TOP", ".");
    snprintf(path, sizeof path, "%s/include/weft", top);
    DIR *directory = opendir(path);
    thread_check_true(directory != NULL);
    for (struct dirent *entry; (entry = readdir(directory));) {
        if (!strstr(entry->d_name, ".h")) continue;
        snprintf(path, sizeof path, "%s/include/weft/%s", top, entry->d_name);
        count += check_header(path, symbols, &missing);
    }
    closedir(directory);
    free(symbols);
    thread_check_true(count >= 60);
    thread_check_eq(missing, 0);
}
