/* What channels ask of payloads, and who understands them. Promises:
 *
 *   - a payload is let in if it has met the contract that its channel has at that moment, and else nothing has changed
 *   - what was let in keeps the schema it met: in the queue, when it is dispatched again, as a letter, when that is put
 *     back, as an event; what comes meets the new one
 *   - a schema's name means one schema as long as a channel or template names it
 *   - a worker that names schemas gets only what has met one of them, or none; others wait, or go to others, in their
 *     order
 *   - mismatches are counted on their channel
 *
 * (Guards against: consumers that meet a payload of yesterday's schema; a validation that raced with a change of
 * schema.) */
#include <stdio.h>
#include <string.h>

#include "lib/fixture_contract.h"
#include "lib/fixture_event.h"

/* The schema that the payload of a task has met. */
static const char *schema_of(const char *task)
{
    const struct named_schema *schema = weft__message_schema(task_named(task)->payload);
    return schema ? schema->name : "none";
}

#define check_met(task, schema_name) check_str(schema_of(task), schema_name)

/* --- meeting ---------------------------------------------------------------------------------- */

spec(a_payload_that_has_met_nothing_is_stale_and_changes_nothing)
{
    schema("task");
    channel("dispatch.media.resize", .schema = "task");
    look("now");
    asks(NULL);
    look("nothing");
    asks("task");
    gives(WEFT_ESTALE, dispatch("a", .seen = "nothing"));
    gives(WEFT_ESTALE, dispatch("a", .seen = "now")); /* the same schema, and yet another contract */
    nothing_happens();
    check_eq(channel_now().dispatched, 0);
    look("again");
    dispatch("a", .seen = "again");
    then("0 a waits");
}

spec(a_payload_that_has_met_a_schema_is_stale_where_none_is_asked_for)
{
    schema("task");
    channel("dispatch.media.resize", .schema = "task");
    look("before");
    asks(NULL);
    gives(WEFT_ESTALE, dispatch("a", .seen = "before"));
    dispatch("a");
    then("0 a waits");
    worker("w1");
    take("w1");
    check_met("a#1", "none");
    complete("a#1");
    whatever();
}

spec(replacing_the_result_schema_makes_payloads_stale_too)
{
    schema("task");
    schema("receipt");
    channel("dispatch.media.resize", .schema = "task");
    look("before");
    asks_results("receipt");
    gives(WEFT_ESTALE, dispatch("a", .seen = "before"));
    asks_results("receipt"); /* no change */
    look("after");
    asks("task");
    dispatch("a", .seen = "after");
    then("0 a waits");
}

spec(what_is_too_large_is_not_looked_at)
{
    schema("task");
    channel("dispatch.media.resize", .schema = "task", .payload_bytes_max = 10);
    look("before");
    asks(NULL);
    dispatch("a", .bytes = 11, .seen = "before");
    then("0 a rejected:payload_too_large 0");
}

spec(a_repeat_of_a_key_meets_the_schema_before_it_joins)
{
    schema("task");
    schema("next");
    channel("dispatch.media.resize", .schema = "task");
    look("before");
    dispatch("a", .once = "k", .seen = "before");
    then("0 a waits");
    asks("next");
    gives(WEFT_ESTALE, dispatch("b", .once = "k", .seen = "before"));
    dispatch("b", .once = "k");
    then("0 b waits");
    worker("w1");
    take("w1");
    check_met("k#1", "task"); /* that of the first who asked */
    complete("k#1");
    then("0 k#1 to w1", "0 w1 takes k#1", "0 a completed by w1 #1", "0 b completed by w1 #1");
}

spec(what_a_blocked_caller_brings_meets_the_schema_that_is_asked_for_when_there_is_room)
{
    schema("task");
    schema("next");
    channel("dispatch.media.resize", .schema = "task", .depth_max = 1, .queue_full = WEFT_BLOCK);
    dispatch("a");
    dispatch("b", .waits = true);
    then("0 a waits", "0 b rejected:queue_full 100 blocks");
    check_true(wait_room("b comes"));
    look("before");
    asks("next"); /* somebody idle may understand it now */
    then("0 b comes woken");
    gives(WEFT_ESTALE, dispatch("b", .waits = true, .seen = "before"));
    dispatch("b", .waits = true);
    then("0 b rejected:queue_full 100 blocks");
}

spec(a_woken_caller_that_has_to_look_again_passes_the_room_on)
{
    schema("task");
    channel("dispatch.media.resize", .schema = "task", .depth_max = 1, .queue_full = WEFT_BLOCK);
    look("before");
    asks(NULL);
    dispatch("a");
    dispatch("b", .waits = true);
    check_true(wait_room("b comes"));
    dispatch("c", .waits = true);
    check_true(wait_room("c comes"));
    whatever();
    cancel("a");
    then("0 a cancelled:cancelled #0", "0 b comes woken");
    gives(WEFT_ESTALE, dispatch("b", .waits = true, .seen = "before"));
    then("0 c comes woken");
}

/* --- keeping ---------------------------------------------------------------------------------- */

spec(what_is_queued_keeps_the_schema_it_met)
{
    schema("task");
    schema("next");
    channel("dispatch.media.resize", .schema = "task");
    dispatch("a");
    asks("next");
    dispatch("b");
    worker("w1", .capacity = 2);
    take_up_to(2, "w1");
    check_met("a#1", "task");
    check_met("b#1", "next");
    unregister_schema("task"); /* nothing names it any more; who holds it keeps it */
    check_true(schema_named("task") == NULL);
    check_met("a#1", "task");
    complete("a#1");
    complete("b#1");
    whatever();
}

spec(what_is_dispatched_again_keeps_the_schema_it_met)
{
    schema("task");
    schema("next");
    channel("dispatch.media.resize", .schema = "task", .on_crash = WEFT_CRASH_REDISPATCH);
    session("s1");
    worker("w1", .of = "s1");
    dispatch("a");
    take("w1");
    asks("next");
    fire("s1");
    worker("w2");
    take("w2");
    check_met("a#2", "task");
    complete("a#2");
    whatever();
}

spec(a_letter_that_is_put_back_keeps_the_schema_it_met)
{
    schema("task");
    schema("next");
    channel("dispatch.media.dead");
    channel("dispatch.media.resize", .schema = "task", .dead_letter = "dispatch.media.dead");
    worker("w1");
    dispatch("a");
    take("w1");
    abandon("a#1");
    asks("next");
    on("dispatch.media.dead");
    put_back("a", "b");
    take("w1");
    check_met("b#1", "task");
    complete("b#1");
    whatever();
}

spec(an_event_keeps_the_schema_it_met_and_a_stale_one_is_heard_by_nobody)
{
    schema("news");
    schema("next");
    channel("event.media.done", .schema = "news");
    subscribe("s");
    look("before");
    publish("a");
    asks("next");
    gives(WEFT_ESTALE, publish("b", .seen = "before"));
    publish("c");
    then("0 a heard by 1", "0 c heard by 1");
    struct core_subscription *subscription = subscription_named("s");
    check_str(weft__message_schema(weft__inbox_first(&subscription->inbox)->message)->name, "news");
    take_events("s");
    then("0 s takes a", "0 s takes c");
    check_eq(channel_now().published, 2);
}

/* --- opaque ----------------------------------------------------------------------------------- */

spec(what_is_opaque_has_met_no_schema)
{
    schema("task");
    channel("dispatch.media.resize", .schema = "task", .opaque = true);
    worker("w1", .capacity = 3);
    dispatch("a", .content_type = "image/png");
    dispatch("b", .content_type = "application/vnd.order+json; v=2");
    dispatch("c");
    take_up_to(3, "w1");
    check_met("a#1", "none");
    check_met("b#1", "task");
    check_met("c#1", "task");
    complete("a#1");
    complete("b#1");
    complete("c#1");
    whatever();
}

/* --- names ------------------------------------------------------------------------------------ */

spec(a_name_means_one_schema)
{
    schema("task");
    schema_with("task", "task");
    gives(WEFT_EDIFFERS, schema_with("task", "next"));
    check_str(world.message, "task: a schema with another id has that name");
    unregister_schema("task");
    gives(WEFT_ENOTFOUND, unregister_schema("task"));
    schema_with("task", "next");
    world.core->limits.schemas_max = 1;
    gives(WEFT_ELIMIT, schema("another"));
    check_str(world.message, "another: schemas_max of 1 reached");
}

spec(what_is_named_cannot_be_unregistered)
{
    schema("task");
    schema("next");
    channel("dispatch.media.resize", .schema = "task", .result_schema = "task");
    template("dispatch.made.*", .schema = "task");
    gives(WEFT_EBUSY, unregister_schema("task"));
    check_str(world.message,
              "task: it is named by channels or templates, 3 times in all: give the channels another, or delete them");
    asks("next");
    asks_results(NULL);
    gives(WEFT_EBUSY, unregister_schema("task")); /* the template does */
    gives(WEFT_EBUSY, unregister_schema("next"));
    delete_channel();
    unregister_schema("next");
}

spec(a_channel_names_what_is_registered)
{
    gives(WEFT_ENOTFOUND, channel("dispatch.media.resize", .schema = "task"));
    check_str(world.message, "dispatch.media.resize: no schema is registered as task");
    gives(WEFT_ENOTFOUND, template("dispatch.media.*", .result_schema = "task"));
    channel("dispatch.media.resize");
    gives(WEFT_ENOTFOUND, asks("task"));
    schema("task");
    asks("task");
    gives(WEFT_EINVAL, channel("event.media.done", .result_schema = "task"));
    gives(WEFT_EINVAL, template("*.media.*", .result_schema = "task"));
    channel("event.media.done");
    gives(WEFT_EINVAL, asks_results("task"));
    check_str(world.message, "event.media.done: only a dispatch channel has results");
    on("dispatch.media.none");
    gives(WEFT_ENOCHANNEL, asks("task"));
}

spec(declaring_again_compares_with_what_it_asks_for_now)
{
    schema("task");
    schema("next");
    channel("dispatch.media.resize", .schema = "task");
    asks("next");
    channel("dispatch.media.resize", .schema = "next");
    gives(WEFT_EDIFFERS, channel("dispatch.media.resize", .schema = "task"));
    check_str(world.message, "dispatch.media.resize: schema is next, and was declared again as task");
    gives(WEFT_EDIFFERS, channel("dispatch.media.resize"));
    gives(WEFT_EDIFFERS, channel("dispatch.media.resize", .schema = "next", .opaque = true));
    gives(WEFT_EDIFFERS, channel("dispatch.media.resize", .schema = "next", .result_schema = "task"));
}

spec(a_channel_that_is_made_has_the_contract_of_its_template)
{
    schema("task");
    schema("next");
    template("*.media.*", .schema = "task");
    worker("w1", .on = "dispatch.media.resize");
    on("dispatch.media.resize");
    dispatch("a");
    take("w1");
    check_met("a#1", "task");
    asks("next"); /* its own affair */
    publish("e", .on = "event.media.done");
    gives(WEFT_ENOCHANNEL, dispatch("b", .on = "dispatch.media.other"));
    worker("w2", .on = "dispatch.media.other");
    dispatch("b", .on = "dispatch.media.other");
    take("w2");
    check_met("b#1", "task");
    complete("a#1");
    complete("b#1");
    whatever();
}

spec(an_event_that_is_refused_leaves_no_channel_behind)
{
    schema("news");
    template("event.media.*", .schema = "news");
    channel("event.other.one");
    look("nothing");
    gives(WEFT_ESTALE, publish("e", .on = "event.media.done", .seen = "nothing"));
    check_eq(stats_now().channels, 1);
    publish("e", .on = "event.media.done");
    check_eq(stats_now().channels, 2);
    then("0 e heard by 0");
}

/* --- what is counted -------------------------------------------------------------------------- */

spec(mismatches_are_counted_on_their_channel)
{
    schema("task");
    channel("dispatch.media.resize", .schema = "task", .result_schema = "task");
    refuse("a", SCHEMA_MISMATCH);
    refuse("b", CONTENT_TYPE);
    then("0 a rejected:schema_mismatch 0", "0 b rejected:content_type 0");
    worker("w1");
    dispatch("c");
    take("w1");
    mismatch("c#1");
    then("0 c#1 to w1", "0 w1 takes c#1", "0 c failed:result_schema_mismatch by w1 #1");
    weft_channel_info info = channel_now();
    check_eq(info.rejected, 2);
    check_eq(info.rejected_by[WEFT_REJECTED_SCHEMA_MISMATCH], 1);
    check_eq(info.rejected_by[WEFT_REJECTED_CONTENT_TYPE], 1);
    check_eq(info.mismatched, 2);
    check_eq(info.results_mismatched, 1);
    check_eq(info.failed, 1);
    check_eq(worker_now("w1").errored, 1);

    dispatch("d");
    take("w1");
    cancel("d");
    unregister("w1");
    whatever();
    gives(WEFT_ESTALE, mismatch("d#1")); /* it went on without it: not counted */
    check_eq(channel_now().results_mismatched, 1);
    whatever();
    channel("event.media.done", .schema = "task");
    refuse_event();
    check_eq(channel_now().mismatched, 1);
}

/* --- who understands -------------------------------------------------------------------------- */

static const weft_policy policies[] = {WEFT_ROUND_ROBIN, WEFT_LEAST_LOADED, WEFT_STICKY};

spec(a_worker_gets_what_it_understands)
{
    schema("task");
    schema("next");
    for (int i = 0; i < 3; i++) {
        char name[64];
        snprintf(name, sizeof name, "dispatch.media.c%d", i);
        channel(name, .schema = "task", .policy = policies[i]);
        worker("old", .understands = {"task"}, .capacity = 9);
        worker("new", .understands = {"next"}, .capacity = 9);
        worker("both", .understands = {"next", "task"}, .capacity = 1);
        pause_channel();
        for (int j = 0; j < 4; j++)
            dispatch(numbered("a", 10 * i + j));
        asks("next");
        for (int j = 4; j < 8; j++)
            dispatch(numbered("a", 10 * i + j));
        resume_channel();
        whatever();
        for (int j = 0; j < 8; j++) {
            const struct core_dispatch *made =
                weft__slotmap_find(&world.core->dispatches, id_of(numbered("a", 10 * i + j)).number);
            const char *worker = made->task->worker->name->text;
            check_true(strcmp(worker, "both") == 0 || strcmp(worker, j < 4 ? "old" : "new") == 0);
        }
        unregister("old");
        unregister("new");
        unregister("both");
        whatever();
    }
}

spec(what_has_met_no_schema_goes_to_any)
{
    schema("task");
    channel("dispatch.media.resize", .schema = "task", .opaque = true);
    worker("w1", .understands = {"next"}, .capacity = 2);
    dispatch("a");
    dispatch("b", .content_type = "image/png");
    asks(NULL);
    dispatch("c");
    then("0 a waits", "0 b#1 to w1", "0 c#1 to w1");
    why("a");
    then("0 a waits 0 ms, 0 ahead", "0   w1: schema");
}

spec(what_nobody_understands_waits_for_who_does)
{
    schema("task");
    channel("dispatch.media.resize", .schema = "task");
    worker("w1", .understands = {"other"});
    dispatch("a");
    then("0 a waits");
    worker("w2", .understands = {"task"}, .types = {"x"});
    nothing_happens();
    worker("w3", .understands = {"other", "task"});
    then("0 a#1 to w3");
}

spec(what_is_not_understood_is_passed_by_what_is)
{
    schema("task");
    schema("next");
    channel("dispatch.media.resize", .schema = "task");
    group("g", 1);
    for (int i = 0; i < 70; i++)
        dispatch(numbered("a", i), .type = i % 2 ? "x" : NULL);
    asks("next");
    dispatch("b", .type = "x");
    whatever();
    worker("w1", .understands = {"next"});
    then("0 b#1 to w1");
    asks("task");
    dispatch("c");
    then("0 c waits");
    worker("w2", .group = "g");
    then("0 a0#1 to w2");
}

spec(who_looks_for_work_passes_at_most_so_many_that_it_does_not_understand)
{
    schema("task");
    schema("next");
    channel("dispatch.media.resize", .schema = "task");
    for (int i = 0; i < CORE_HOLD_MAX; i++)
        dispatch(numbered("a", i));
    asks("next");
    dispatch("b");
    whatever();
    worker("w1", .understands = {"next"});
    nothing_happens();
    cancel("a0"); /* one less stands before it */
    then("0 a0 cancelled:cancelled #0", "0 b#1 to w1");
}

spec(a_request_behind_too_many_that_the_free_worker_does_not_understand_would_wait_and_does)
{
    schema("task");
    schema("next");
    channel("dispatch.media.resize", .schema = "task");
    for (int i = 0; i < CORE_HOLD_MAX; i++)
        dispatch(numbered("a", i));
    whatever();
    asks("next");
    worker("w1", .understands = {"next"});
    would();
    then("0 deferred", "0   w1: eligible, gives up before it");
    dispatch("b");
    why("b");
    then("0 b waits", "0 b waits 0 ms, 256 ahead", "0   w1: eligible, gives up before it");
    would(.priority = WEFT_PRIORITY_HIGH); /* before them all */
    then("0 accepted by w1", "0   w1: eligible");
    cancel("a0");
    then("0 a0 cancelled:cancelled #0", "0 b#1 to w1");
}

/* In the queue of its own type there is nothing before it. */
spec(a_request_goes_to_a_worker_of_its_type_past_what_one_of_any_type_gives_up_before)
{
    schema("task");
    schema("next");
    channel("dispatch.media.resize", .schema = "task");
    for (int i = 0; i < CORE_HOLD_MAX; i++)
        dispatch(numbered("a", i));
    whatever();
    asks("next");
    worker("any", .understands = {"next"});
    worker("typed", .understands = {"next"}, .types = {"x"});
    would(.type = "x");
    then("0 accepted by typed", "0   any: eligible", "0   typed: eligible");
    dispatch("b", .type = "x");
    then("0 b#1 to typed");
}

spec(a_full_queue_stays_full_though_a_worker_is_free_that_gives_up_before_the_end)
{
    schema("task");
    schema("next");
    channel("dispatch.media.resize", .schema = "task", .depth_max = CORE_HOLD_MAX);
    for (int i = 0; i < CORE_HOLD_MAX; i++)
        dispatch(numbered("a", i));
    whatever();
    asks("next");
    worker("w1", .understands = {"next"});
    would();
    then("0 rejected:queue_full 100", "0   w1: eligible, gives up before it");
    gives(WEFT_EREJECTED, dispatch("b"));
    then("0 b rejected:queue_full 100");
    cancel("a0");
    then("0 a0 cancelled:cancelled #0");
    dispatch("c");
    then("0 c#1 to w1");
}

/* When a thread is free again it is the turn of the one that it died of; the other must be asked, too. */
spec(what_died_of_one_goes_to_another_that_understands_it_past_what_neither_does)
{
    schema("task");
    schema("next");
    group("g", 3);
    channel("dispatch.media.other");
    worker("w3", .group = "g");
    channel("dispatch.media.resize", .schema = "task", .on_crash = WEFT_CRASH_REDISPATCH, .redispatch_wait_ms = 1000);
    worker("w1", .understands = {"next"}, .group = "g");
    worker("w2", .understands = {"next"}, .group = "g");
    dispatch("old");
    asks("next");
    dispatch("a");
    dispatch("b");
    dispatch("c", .on = "dispatch.media.other");
    take_up_to(3, "g");
    whatever();
    limit_group("g", 1);
    abandon("a#1");
    complete("b#1");
    then("0 b completed by w2 #1");
    complete("c#1");
    then("0 c completed by w3 #1", "0 a#2 to w2");
}

spec(who_rejects_where_nobody_could_take_it_counts_who_understands)
{
    schema("task");
    channel("dispatch.media.resize", .schema = "task", .no_worker = WEFT_NO_WORKER_REJECT);
    worker("w1", .understands = {"other"});
    would();
    dispatch("a");
    then("0 rejected:no_worker 0", "0   w1: schema", "0 a rejected:no_worker 0");
    worker("w2", .understands = {"task"}, .types = {"x"});
    dispatch("b");
    dispatch("c", .type = "x");
    drain_worker("w2");
    dispatch("d", .type = "x");
    then("0 b rejected:no_worker 0", "0 c#1 to w2", "0 d rejected:no_worker 0");
    asks(NULL);
    dispatch("e");
    then("0 e#1 to w1");
}

spec(the_rule_comes_after_the_type_and_before_the_others)
{
    schema("task");
    channel("dispatch.media.resize", .schema = "task");
    session("s1");
    attach("s2");
    worker("link", .of = "s2", .understands = {"other"});
    worker("type", .understands = {"other"}, .types = {"x"});
    worker("schema", .understands = {"other"});
    worker("draining", .understands = {"other"});
    drain_worker("draining");
    dispatch("a");
    whatever();
    why("a");
    then("0 a waits 0 ms, 0 ahead", "0   link: link", "0   type: activity_type", "0   schema: schema",
         "0   draining: schema");
}

spec(workers_of_a_channel_name_so_many_sets_of_schemas)
{
    channel("dispatch.media.resize");
    for (int i = 0; i < WEFT_SCHEMA_SETS_MAX; i++)
        worker(numbered("w", i), .understands = {numbered("s", i), "task"});
    gives(WEFT_ELIMIT, worker("another", .understands = {"task"}));
    check_str(world.message, "dispatch.media.resize: its workers name 16 different sets of schemas already");
    worker("same", .understands = {"task", "s3", "task"}); /* of which order, and how often, does not matter */
    worker("all");
    unregister("w5");
    worker("another", .understands = {"task"});
    channel("dispatch.media.other");
    worker("another", .understands = {"task"});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        promised(a_payload_that_has_met_nothing_is_stale_and_changes_nothing),
        promised(a_payload_that_has_met_a_schema_is_stale_where_none_is_asked_for),
        promised(replacing_the_result_schema_makes_payloads_stale_too),
        promised(what_is_too_large_is_not_looked_at),
        promised(a_repeat_of_a_key_meets_the_schema_before_it_joins),
        promised(what_a_blocked_caller_brings_meets_the_schema_that_is_asked_for_when_there_is_room),
        promised(a_woken_caller_that_has_to_look_again_passes_the_room_on),
        promised(what_is_queued_keeps_the_schema_it_met),
        promised(what_is_dispatched_again_keeps_the_schema_it_met),
        promised(a_letter_that_is_put_back_keeps_the_schema_it_met),
        promised(an_event_keeps_the_schema_it_met_and_a_stale_one_is_heard_by_nobody),
        promised(what_is_opaque_has_met_no_schema),
        promised(a_name_means_one_schema),
        promised(what_is_named_cannot_be_unregistered),
        promised(a_channel_names_what_is_registered),
        promised(declaring_again_compares_with_what_it_asks_for_now),
        promised(a_channel_that_is_made_has_the_contract_of_its_template),
        promised(an_event_that_is_refused_leaves_no_channel_behind),
        promised(mismatches_are_counted_on_their_channel),
        promised(a_worker_gets_what_it_understands),
        promised(what_has_met_no_schema_goes_to_any),
        promised(what_nobody_understands_waits_for_who_does),
        promised(what_is_not_understood_is_passed_by_what_is),
        promised(who_looks_for_work_passes_at_most_so_many_that_it_does_not_understand),
        promised(a_request_behind_too_many_that_the_free_worker_does_not_understand_would_wait_and_does),
        promised(a_request_goes_to_a_worker_of_its_type_past_what_one_of_any_type_gives_up_before),
        promised(a_full_queue_stays_full_though_a_worker_is_free_that_gives_up_before_the_end),
        promised(what_died_of_one_goes_to_another_that_understands_it_past_what_neither_does),
        promised(who_rejects_where_nobody_could_take_it_counts_who_understands),
        promised(the_rule_comes_after_the_type_and_before_the_others),
        promised(workers_of_a_channel_name_so_many_sets_of_schemas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
