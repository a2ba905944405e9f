/* Why something waits, through the public interface, checked by doing what it says: each rule is built with real
 * threads and processes, asked about, and what would help is done; then the very dispatch goes.
 *
 *   - the sentence names the rule's data; that of the whole says what would help
 *   - what is said of a request comes true when it is made
 */
#include <signal.h>
#include <sys/wait.h>

#include "api_lib.h"

/* --- asking ----------------------------------------------------------------------------------- */

struct waiting {
    weft_node *node;
    weft_completions *completions;
    weft_dispatch_id id;
};

static void submit_one(struct waiting *waiting, const char *type)
{
    weft_dispatch_options d = WEFT_DISPATCH_OPTIONS;
    weft_ticket ticket;
    d.activity_type = type;
    check_ok(weft_dispatch_submit(waiting->completions, CHANNEL, WEFT_TEXT("x"), &d, 0, &ticket));
    waiting->id = ticket.id;
}

static struct waiting open_waiting(const weft_channel_options *options)
{
    struct waiting waiting;
    check_ok(weft_node_open(NULL, &waiting.node));
    check_ok(weft_channel_declare(waiting.node, CHANNEL, options));
    check_ok(weft_completions_open(waiting.node, 16, &waiting.completions));
    return waiting;
}

static void close_waiting(struct waiting *waiting)
{
    check_ok(weft_completions_close(waiting->completions));
    check_ok(weft_node_close(waiting->node, WEFT_FOREVER));
}

static void check_part(const char *sentence, const char *part)
{
    if (strstr(sentence, part)) return;
    print_error("'%s' is not in: %s\n", part, sentence);
    fail();
}

/* It waits; the worker at that place is refused by the rule, with that in its sentence; the whole says what would
 * help. */
static void check_waits(const struct waiting *waiting, size_t at, weft_rule rule, const char *data, const char *helps)
{
    weft_why why;
    check_ok(weft_why_get(waiting->node, waiting->id, &why));
    check_str(weft_standing_name(why.standing), "queued");
    check_str(why.channel, CHANNEL);
    check_true(why.refusals_count > at);
    check_str(weft_rule_name(why.refusals[at].rule), weft_rule_name(rule));
    check_part(why.refusals[at].sentence, data);
    check_part(why.sentence, helps);
    weft_why_release(&why);
}

static void check_goes(struct waiting *waiting)
{
    weft_reply reply = next_reply(waiting->completions);
    check_str(weft_outcome_name(reply.outcome), "completed");
    check_true(reply.id.number == waiting->id.number);
    weft_reply_release(&reply);
}

/* --- each rule -------------------------------------------------------------------------------- */

static void free_a_slot_and_it_goes(void **state)
{
    (void)state;
    struct stop stop = {.began = {.count = 0}};
    struct waiting waiting = open_waiting(NULL);
    weft_worker *worker = register_worker(waiting.node, CHANNEL, halt, &stop);
    submit_one(&waiting, NULL);
    event_await(&stop.began, 1);
    struct waiting first = waiting;
    submit_one(&waiting, NULL);
    check_waits(&waiting, 0, WEFT_RULE_CAPACITY, "1 of 1 in flight", "a higher max_concurrent");
    event_give(&stop.go_on);
    check_goes(&first);
    check_goes(&waiting);
    check_ok(weft_worker_unregister(worker));
    close_waiting(&waiting);
}

static void free_a_thread_and_it_goes(void **state)
{
    (void)state;
    not_dialled("a client node gets up to max_concurrent for a worker, whatever threads its group has");
    struct stop stop = {.began = {.count = 0}};
    struct waiting waiting = open_waiting(NULL);
    weft_group_options g = WEFT_GROUP_OPTIONS;
    weft_worker_options o = WEFT_WORKER_OPTIONS;
    weft_worker *worker;
    g.name = "media";
    g.threads = 1;
    check_ok(weft_group_open(waiting.node, &g, &o.group));
    o.max_concurrent = 5;
    check_ok(weft_worker_register(waiting.node, CHANNEL, halt, &stop, &o, &worker));
    submit_one(&waiting, NULL);
    event_await(&stop.began, 1);
    struct waiting first = waiting;
    submit_one(&waiting, NULL);
    check_waits(&waiting, 0, WEFT_RULE_EXECUTOR, "group media", "more threads");
    event_give(&stop.go_on);
    check_goes(&first);
    check_goes(&waiting);
    check_ok(weft_worker_unregister(worker));
    check_ok(weft_group_close(o.group));
    close_waiting(&waiting);
}

static void register_its_type_and_it_goes(void **state)
{
    (void)state;
    const char *types[] = {"resize", "thumbnail"}, *ocr[] = {"ocr"};
    struct waiting waiting = open_waiting(NULL);
    weft_worker_options o = WEFT_WORKER_OPTIONS;
    weft_worker *worker, *reader;
    o.activity_types = types;
    o.activity_types_count = 2;
    check_ok(weft_worker_register(waiting.node, CHANNEL, echo, NULL, &o, &worker));
    submit_one(&waiting, "ocr");
    check_waits(&waiting, 0, WEFT_RULE_ACTIVITY_TYPE, "takes resize, thumbnail; not ocr", "register one that does");
    o.activity_types = ocr;
    o.activity_types_count = 1;
    check_ok(weft_worker_register(waiting.node, CHANNEL, echo, NULL, &o, &reader));
    check_goes(&waiting);
    check_ok(weft_worker_unregister(worker));
    check_ok(weft_worker_unregister(reader));
    close_waiting(&waiting);
}

static void register_another_than_the_drained_one_and_it_goes(void **state)
{
    (void)state;
    struct waiting waiting = open_waiting(NULL);
    weft_worker *worker = register_worker(waiting.node, CHANNEL, echo, NULL);
    check_ok(weft_worker_drain(worker, WEFT_FOREVER));
    submit_one(&waiting, NULL);
    check_waits(&waiting, 0, WEFT_RULE_DRAINING, "0 in flight", "register another");
    weft_worker *other = register_worker(waiting.node, CHANNEL, echo, NULL);
    check_goes(&waiting);
    check_ok(weft_worker_unregister(worker));
    check_ok(weft_worker_unregister(other));
    close_waiting(&waiting);
}

static void register_another_than_it_died_of_and_it_goes(void **state)
{
    (void)state;
    weft_channel_options options = WEFT_CHANNEL_OPTIONS;
    weft_task *task;
    options.on_crash = WEFT_CRASH_REDISPATCH;
    options.redispatch_wait_ms = WEFT_FOREVER;
    struct waiting waiting = open_waiting(&options);
    weft_worker *worker = register_worker(waiting.node, CHANNEL, NULL, NULL);
    submit_one(&waiting, NULL);
    check_ok(weft_worker_next(worker, WEFT_FOREVER, &task));
    check_ok(weft_task_abandon(task));
    check_waits(&waiting, 0, WEFT_RULE_EXCLUDED, "has died of it, and waits for one", "another worker would help");
    weft_worker *other = register_worker(waiting.node, CHANNEL, echo, NULL);
    check_goes(&waiting);
    check_ok(weft_worker_unregister(worker));
    check_ok(weft_worker_unregister(other));
    close_waiting(&waiting);
}

static void resume_and_it_goes(void **state)
{
    (void)state;
    struct waiting waiting = open_waiting(NULL);
    weft_worker *worker = register_worker(waiting.node, CHANNEL, echo, NULL);
    check_ok(weft_channel_pause(waiting.node, CHANNEL));
    submit_one(&waiting, NULL);
    check_waits(&waiting, 0, WEFT_RULE_ELIGIBLE, "0 of 1 in flight", "paused: resume it");
    check_ok(weft_channel_resume(waiting.node, CHANNEL));
    check_goes(&waiting);
    check_ok(weft_worker_unregister(worker));
    close_waiting(&waiting);
}

/* A process dies, and its worker with it: the sentence says of what. */
static void register_a_replacement_for_the_dead_and_it_goes(void **state)
{
    (void)state;
    struct waiting waiting = open_waiting(NULL);
    weft_worker_options o = WEFT_WORKER_OPTIONS;
    weft_worker *worker;
    weft_task *none;
    pid_t pid = fork();
    if (pid == 0) {
        for (;;)
            pause();
    }
    check_ok(weft_participant_process(waiting.node, "resizer", pid, 0, &o.participant));
    check_ok(weft_worker_register(waiting.node, CHANNEL, NULL, NULL, &o, &worker));
    check_eq(kill(pid, SIGKILL), 0);
    check_err(weft_worker_next(worker, WEFT_FOREVER, &none), WEFT_EDEAD);
    submit_one(&waiting, NULL);
    while (info_of(waiting.node, CHANNEL).workers > 0) /* a client node tells its node, for which it is no death */
        check_true(dialled());
    weft_why why;
    check_ok(weft_why_get(waiting.node, waiting.id, &why));
    check_eq(why.refusals_count, 0);
    check_part(why.sentence, "no worker is registered: register one");
    if (!dialled()) check_part(why.sentence, "of resizer, died");
    if (!dialled()) check_part(why.sentence, "signal 9 (Killed)");
    weft_why_release(&why);
    weft_worker *other = register_worker(waiting.node, CHANNEL, echo, NULL);
    check_goes(&waiting);
    check_ok(weft_worker_unregister(worker));
    check_ok(weft_worker_unregister(other));
    weft_participant_release(o.participant);
    check_eq(waitpid(pid, NULL, 0), pid);
    close_waiting(&waiting);
}

/* --- where it stands -------------------------------------------------------------------------- */

static void why_follows_a_dispatch_to_its_end(void **state)
{
    (void)state;
    weft_why why;
    weft_task *task;
    struct waiting waiting = open_waiting(NULL);
    submit_one(&waiting, NULL);
    struct waiting first = waiting;
    submit_one(&waiting, NULL);
    check_ok(weft_why_get(waiting.node, waiting.id, &why));
    check_eq(why.ahead, 1);
    check_true(why.waits_ns > 0);
    weft_why_release(&why);
    weft_worker *worker = register_worker(waiting.node, CHANNEL, NULL, NULL);
    check_ok(weft_why_get(waiting.node, first.id, &why));
    check_str(weft_standing_name(why.standing), "assigned");
    check_str(why.worker, "worker-1");
    if (!dialled())
        check_part(why.sentence, "which has not begun it yet"); /* it has been sent, which is all there is */
    weft_why_release(&why);
    check_ok(weft_worker_next(worker, WEFT_FOREVER, &task));
    check_ok(weft_dispatch_cancel(waiting.node, first.id));
    check_ok(weft_why_get(waiting.node, first.id, &why));
    check_part(why.sentence, "worker worker-1 has had attempt 1 of 1 for");
    check_part(why.sentence, "asked to stop");
    weft_why_release(&why);
    check_ok(weft_task_complete(task, WEFT_TEXT("")));
    check_ok(weft_why_get(waiting.node, first.id, &why));
    check_part(why.sentence, "has ended completed");
    check_str(why.channel, "");
    check_eq(why.refusals_count, 0);
    weft_why_release(&why);
    weft_reply reply = next_reply(waiting.completions);
    weft_reply_release(&reply);
    check_err(weft_why_get(waiting.node, first.id, &why), WEFT_ENOTFOUND);
    check_ok(weft_worker_unregister(worker));
    close_waiting(&waiting);
}

/* --- requests --------------------------------------------------------------------------------- */

static void check_would(weft_node *node, const weft_dispatch_options *options, weft_admission admission,
                        const char *part)
{
    weft_why why;
    check_ok(weft_dispatch_why(node, CHANNEL, options, &why));
    check_eq(why.standing, WEFT_STANDING_REQUEST);
    check_str(weft_admission_name(why.admission), weft_admission_name(admission));
    check_part(why.sentence, part);
    weft_why_release(&why);
}

static void what_is_said_of_a_request_comes_true(void **state)
{
    (void)state;
    weft_channel_options options = WEFT_CHANNEL_OPTIONS;
    weft_dispatch_options d = WEFT_DISPATCH_OPTIONS;
    weft_ticket ticket;
    options.depth_max = 1;
    struct waiting waiting = open_waiting(&options);
    d.no_worker = WEFT_NO_WORKER_REJECT;
    check_would(waiting.node, &d, WEFT_ADMISSION_REJECTED, "no_worker: nobody is registered that could ever take it");
    check_refused(waiting.completions, CHANNEL, "x", &d, "no_worker");
    weft_worker *worker = register_worker(waiting.node, CHANNEL, NULL, NULL);
    check_would(waiting.node, &d, WEFT_ADMISSION_ACCEPTED, "worker worker-1 would get it");
    check_ok(weft_dispatch_submit(waiting.completions, CHANNEL, WEFT_TEXT("x"), &d, 0, &ticket));
    check_admission(&ticket, WEFT_ADMISSION_ACCEPTED);
    check_would(waiting.node, NULL, WEFT_ADMISSION_DEFERRED, "it would wait: the slots of all 1 that take it");
    check_ok(weft_dispatch_submit(waiting.completions, CHANNEL, WEFT_TEXT("x"), NULL, 0, &ticket));
    check_admission(&ticket, WEFT_ADMISSION_DEFERRED);
    check_would(waiting.node, NULL, WEFT_ADMISSION_REJECTED, "queue_full: 1 wait");
    check_refused(waiting.completions, CHANNEL, "x", NULL, "queue_full");
    check_err(weft_channel_drain(waiting.node, CHANNEL, 0), WEFT_ETIMEDOUT);
    check_would(waiting.node, NULL, WEFT_ADMISSION_REJECTED, "draining: the channel admits nothing: resume it");
    check_refused(waiting.completions, CHANNEL, "x", NULL, "draining");
    weft_channel_info info;
    check_ok(weft_channel_info_get(waiting.node, CHANNEL, &info));
    check_eq(info.rejected, 3); /* asking counts nothing */
    check_eq(info.dispatched, 2);
    check_ok(weft_worker_unregister(worker));
    close_waiting(&waiting);
}

/* Of many workers, in holds that do not look at more than they may, in the order of registration. */
static void why_tells_of_each_of_many_workers_in_their_order(void **state)
{
    (void)state;
    enum { WORKERS = 600 };
    weft_worker *workers[WORKERS];
    struct waiting waiting = open_waiting(NULL);
    for (int i = 0; i < WORKERS; i++)
        workers[i] = register_worker(waiting.node, CHANNEL, NULL, NULL);
    for (int i = 0; i < WORKERS; i += 3) { /* others take their slots */
        check_ok(weft_worker_unregister(workers[i]));
        workers[i] = register_worker(waiting.node, CHANNEL, NULL, NULL);
    }
    weft_why why;
    check_ok(weft_dispatch_why(waiting.node, CHANNEL, NULL, &why));
    check_eq(why.refusals_count, WORKERS);
    for (int i = 1; i < WORKERS; i++)
        check_true(why.refusals[i - 1].worker.id < why.refusals[i].worker.id);
    weft_why_release(&why);
    for (int i = 0; i < WORKERS; i++)
        check_ok(weft_worker_unregister(workers[i]));
    close_waiting(&waiting);
}

/* Registers a schema that takes everything, and gives its id. */
static void know(weft_node *node, const char *name, const char *text, uint8_t id[WEFT_SCHEMA_ID_BYTES])
{
    weft_schema *schema;
    check_ok(weft_schema_compile(weft_text(text), NULL, &schema));
    check_ok(weft_schema_register(node, name, schema));
    check_ok(weft_schema_id(schema, id));
    weft_schema_release(schema);
}

static void keep_who_understands_the_old_and_it_goes(void **state)
{
    (void)state;
    enum { MANY = 256 };
    static const char cause[] =
        "a worker is free, but gives up before it: it looks past 255 that it does not understand, "
        "and 63 that it is kept from; keep one that takes those before";
    uint8_t ids[2][WEFT_SCHEMA_ID_BYTES];
    weft_node *node;
    weft_completions *completions;
    weft_ticket ticket;
    weft_why why;
    weft_worker *workers[2];
    char sentence[sizeof why.sentence];
    check_ok(weft_node_open(NULL, &node));
    know(node, "old", "{\"title\": \"old\"}", ids[0]);
    know(node, "new", "{\"title\": \"new\"}", ids[1]);
    weft_channel_options options = WEFT_CHANNEL_OPTIONS;
    options.schema = "old";
    options.depth_max = MANY + 1;
    check_ok(weft_channel_declare(node, CHANNEL, &options));
    check_ok(weft_completions_open(node, MANY + 2, &completions));
    for (int i = 0; i < MANY; i++)
        check_ok(weft_dispatch_submit(completions, CHANNEL, WEFT_TEXT("1"), NULL, 0, NULL));
    check_ok(weft_channel_schema_set(node, CHANNEL, WEFT_SCHEMA_REQUEST, "new"));
    weft_worker_options w = WEFT_WORKER_OPTIONS;
    w.schema_ids_count = 1;
    w.schema_ids = &ids[1];
    check_ok(weft_worker_register(node, CHANNEL, echo, NULL, &w, &workers[1]));

    check_ok(weft_dispatch_why(node, CHANNEL, NULL, &why));
    check_eq(why.admission, WEFT_ADMISSION_DEFERRED);
    snprintf(sentence, sizeof sentence, "it would wait: %s", cause);
    check_str(why.sentence, sentence);
    check_str(why.refusals[0].sentence, "may have it, and gives up before it: 0 of 1 in flight");
    weft_why_release(&why);
    check_ok(weft_dispatch_submit(completions, CHANNEL, WEFT_TEXT("1"), NULL, 0, &ticket));
    check_admission(&ticket, WEFT_ADMISSION_DEFERRED);
    check_ok(weft_why_get(node, ticket.id, &why));
    check_true(strstr(why.sentence, cause) != NULL);
    weft_why_release(&why);
    check_refused(completions, CHANNEL, "1", NULL, "queue_full");

    w.schema_ids = &ids[0];
    check_ok(weft_worker_register(node, CHANNEL, echo, NULL, &w, &workers[0]));
    for (int i = 0; i <= MANY; i++) {
        weft_reply reply;
        size_t count;
        check_ok(weft_completions_next(completions, 10000, &reply, 1, &count));
        check_eq(reply.outcome, WEFT_COMPLETED);
        weft_reply_release(&reply);
    }
    for (int i = 0; i < 2; i++)
        check_ok(weft_worker_unregister(workers[i]));
    check_ok(weft_completions_close(completions));
    check_ok(weft_node_close(node, 10000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(free_a_slot_and_it_goes),
        cmocka_unit_test(free_a_thread_and_it_goes),
        cmocka_unit_test(register_its_type_and_it_goes),
        cmocka_unit_test(register_another_than_the_drained_one_and_it_goes),
        cmocka_unit_test(register_another_than_it_died_of_and_it_goes),
        cmocka_unit_test(resume_and_it_goes),
        cmocka_unit_test(register_a_replacement_for_the_dead_and_it_goes),
        cmocka_unit_test(why_follows_a_dispatch_to_its_end),
        cmocka_unit_test(what_is_said_of_a_request_comes_true),
        cmocka_unit_test(why_tells_of_each_of_many_workers_in_their_order),
        cmocka_unit_test(keep_who_understands_the_old_and_it_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
