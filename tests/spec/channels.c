/* Channels: declared, made from templates, paused, drained, deleted.
 *
 *   - declaring the same again is fine; with other options it is refused, and the first difference is named
 *   - options that cannot be are refused, and what this version cannot do is not faked
 *   - a template makes a channel when a worker registers there; of several that match the first declared is used
 *   - paused: admits, and hands out nothing; draining: admits nothing, and works off; drained: nothing waits, nothing
 *     runs; resume opens any of them again
 *   - only a channel where nothing waits and nothing runs can be deleted; its workers are removed, its name is free
 *   - what is told of a channel is what is there
 */
#include <stdio.h>
#include <string.h>

#include "lib/fixture.h"

/* --- declaring -------------------------------------------------------------------------------- */

spec(channel_is_open_and_empty_when_declared)
{
    channel("dispatch.media.resize", .policy = WEFT_STICKY);
    weft_channel_info info = channel_now();
    check_str(info.name, "dispatch.media.resize");
    check_eq(info.state, WEFT_CHANNEL_OPEN);
    check_eq(info.policy, WEFT_STICKY);
    check_eq(info.workers + info.workers_eligible + info.queued + info.in_flight + info.orphaned, 0);
    check_eq(info.dispatched + info.completed + info.failed + info.worker_died + info.timed_out + info.cancelled, 0);
    check_eq(info.rejected + info.redispatched + info.fenced + info.deaths + info.queued_bytes, 0);
    check_eq(stats_now().channels, 1);
}

spec(channel_declared_the_same_again_is_the_same)
{
    channel("dispatch.media.resize", .depth_max = 7);
    dispatch("a");
    channel("dispatch.media.resize", .depth_max = 7);
    check_eq(channel_now().queued, 1);
    check_eq(stats_now().channels, 1);
    whatever();
}

spec(inherited_options_are_their_defaults)
{
    channel("dispatch.media.resize", .on_crash = WEFT_CRASH_INHERIT, .no_worker = WEFT_NO_WORKER_INHERIT);
    channel("dispatch.media.resize", .on_crash = WEFT_CRASH_FAIL, .no_worker = WEFT_NO_WORKER_WAIT);
    check_ok(weft__core_channel_declare(world.core, world_now_ns(), "dispatch.media.resize", NULL, world.message));
}

#define differs(text, ...)                                                                                             \
    do {                                                                                                               \
        gives(WEFT_EDIFFERS, channel("dispatch.media.resize", __VA_ARGS__));                                           \
        check_str(world.message, "dispatch.media.resize: " text);                                                      \
    } while (0)

spec(redeclaring_names_the_first_difference)
{
    channel("dispatch.media.resize");
    differs("policy is 0, and was declared again as 1", .policy = WEFT_LEAST_LOADED);
    differs("queue_full is 0, and was declared again as 2", .queue_full = WEFT_BLOCK);
    differs("depth_max is 1024, and was declared again as 5", .depth_max = 5);
    differs("bytes_max is 67108864, and was declared again as 9", .bytes_max = 9);
    differs("payload_bytes_max is 16777216, and was declared again as 8", .payload_bytes_max = 8);
    differs("on_crash is 1, and was declared again as 2", .on_crash = WEFT_CRASH_REDISPATCH);
    differs("attempts_max is 3, and was declared again as 4", .attempts_max = 4);
    differs("redispatch_wait_ms is 0, and was declared again as 10", .redispatch_wait_ms = 10);
    differs("overlapping is 0, and was declared again as 1", .overlapping = true);
    differs("no_worker is 1, and was declared again as 2", .no_worker = WEFT_NO_WORKER_REJECT);
    differs("starve_ms is 10000, and was declared again as 1", .starve_ms = 1);
    differs("cancel_grace_ms is 5000, and was declared again as 0", .cancel_grace_ms = 0);
    differs("schedule_to_start_ms is 4294967295, and was declared again as 1", .schedule_to_start_ms = 1);
    differs("start_to_close_ms is 4294967295, and was declared again as 1", .start_to_close_ms = 1);
    differs("schedule_to_close_ms is 4294967295, and was declared again as 1", .schedule_to_close_ms = 1);
    differs("heartbeat_ms is 4294967295, and was declared again as 1", .heartbeat_ms = 1);
    differs("depth_max is 1024, and was declared again as 5", .heartbeat_ms = 1, .depth_max = 5);
}

#define refused(text, ...)                                                                                             \
    do {                                                                                                               \
        gives(WEFT_EINVAL, channel("dispatch.media.resize", __VA_ARGS__));                                             \
        check_str(world.message, text);                                                                                \
    } while (0)

spec(options_that_cannot_be_are_refused)
{
    refused("options.version is not 1: initialise them with WEFT_CHANNEL_OPTIONS", .version = 0);
    refused("options.version is not 1: initialise them with WEFT_CHANNEL_OPTIONS", .version = 2);
    refused("policy is none of weft_policy", .policy = (weft_policy)3);
    refused("queue_full is none of weft_queue_full", .queue_full = (weft_queue_full)3);
    refused("on_crash is none of weft_crash", .on_crash = (weft_crash)3);
    refused("no_worker is none of weft_no_worker", .no_worker = (weft_no_worker)3);
    refused("attempts_max is outside 1 to 16", .attempts_max = 0);
    refused("attempts_max is outside 1 to 16", .attempts_max = 17);
    refused("starve_ms is 0; WEFT_FOREVER switches the guard off", .starve_ms = 0);
    refused("schedule_to_start_ms is 0; WEFT_FOREVER means none", .schedule_to_start_ms = 0);
    refused("start_to_close_ms is 0; WEFT_FOREVER means none", .start_to_close_ms = 0);
    refused("schedule_to_close_ms is 0; WEFT_FOREVER means none", .schedule_to_close_ms = 0);
    refused("heartbeat_ms is 0; WEFT_FOREVER means none", .heartbeat_ms = 0);
    check_eq(stats_now().channels, 0);
}

spec(what_this_version_cannot_do_is_refused)
{
    gives(WEFT_EUNSUPPORTED, channel("dispatch.media.resize", .durable = true));
    check_str(world.message, "durable: nothing survives the node's process in this version");
    gives(WEFT_EUNSUPPORTED, channel("signal.media.stop"));
    gives(WEFT_EUNSUPPORTED, channel("history.media.jobs"));
    check_eq(stats_now().channels, 0);
}

spec(names_that_are_none_are_refused)
{
    gives(WEFT_EINVAL, channel("dispatch.media"));
    check_str(world.message, "'dispatch.media' is no channel name: <dispatch|event|signal|history>.<namespace>.<name>, "
                             "parts of 1 to 64 of [A-Za-z0-9_-]");
}

spec(channels_are_bounded)
{
    world.core->limits.channels_max = 2;
    channel("dispatch.a.a");
    channel("dispatch.a.b");
    gives(WEFT_ELIMIT, channel("dispatch.a.c"));
    check_str(world.message, "dispatch.a.c: channels_max of 2 reached");
    channel("dispatch.a.b");
    delete_channel();
    channel("dispatch.a.c");
}

spec(channel_of_another_kind_is_declared_and_takes_no_dispatch)
{
    channel("event.media.resized");
    gives(WEFT_EINVAL, dispatch("a"));
    check_eq(channel_now().dispatched, 0);
}

/* --- templates -------------------------------------------------------------------------------- */

spec(template_makes_the_channel_when_a_worker_registers)
{
    template("dispatch.media.*", .policy = WEFT_LEAST_LOADED, .depth_max = 3);
    on("dispatch.media.resize");
    gives(WEFT_ENOCHANNEL, channel_now());
    gives(WEFT_ENOCHANNEL, dispatch("a"));
    worker("w1");
    check_eq(channel_now().policy, WEFT_LEAST_LOADED);
    dispatch("a");
    then("0 a#1 to w1");
    channel("dispatch.media.resize", .policy = WEFT_LEAST_LOADED, .depth_max = 3);
    gives(WEFT_ENOCHANNEL, worker("w2", .on = "dispatch.other.resize"));
}

spec(template_declared_first_is_used)
{
    template("dispatch.*.resize", .depth_max = 1);
    template("dispatch.media.*", .depth_max = 2);
    template("dispatch.*.*", .depth_max = 3);
    worker("w1", .on = "dispatch.media.resize");
    worker("w1", .on = "dispatch.media.crop");
    worker("w1", .on = "dispatch.other.crop");
    channel("dispatch.media.resize", .depth_max = 1);
    channel("dispatch.media.crop", .depth_max = 2);
    channel("dispatch.other.crop", .depth_max = 3);
}

spec(declared_channel_goes_before_a_template)
{
    template("dispatch.media.*", .depth_max = 2);
    channel("dispatch.media.resize", .depth_max = 1);
    worker("w1");
    channel("dispatch.media.resize", .depth_max = 1);
}

spec(template_declared_again_is_the_same_or_names_the_difference)
{
    template("dispatch.media.*", .depth_max = 2);
    template("dispatch.media.*", .depth_max = 2);
    gives(WEFT_EDIFFERS, template("dispatch.media.*", .depth_max = 3));
    check_str(world.message, "dispatch.media.*: depth_max is 2, and was declared again as 3");
}

spec(templates_are_checked_and_bounded)
{
    gives(WEFT_EINVAL, template("event.media.*", .dead_letter = "dispatch.media.dead"));
    gives(WEFT_EINVAL, template("*.media.*", .dead_letter = "dispatch.media.dead"));
    char pattern[64];
    gives(WEFT_EINVAL, template("dispatch.*"));
    check_str(world.message, "'dispatch.*' is no pattern: a channel name in which * stands for any characters");
    gives(WEFT_EINVAL, template("dispatch.media.*", .attempts_max = 0));
    gives(WEFT_EUNSUPPORTED, template("dispatch.media.*", .durable = true));
    for (int i = 0; i < CORE_TEMPLATES_MAX; i++) {
        snprintf(pattern, sizeof(pattern), "dispatch.media%d.*", i);
        template(pattern);
    }
    gives(WEFT_ELIMIT, template("dispatch.more.*"));
    check_str(world.message, "dispatch.more.*: there are 256 templates already");
}

spec(template_does_not_make_a_channel_for_a_worker_that_is_refused)
{
    template("*.media.*");
    gives(WEFT_EINVAL, worker("w1", .on = "event.media.resized"));
    check_eq(stats_now().channels, 0);
}

/* --- pausing ---------------------------------------------------------------------------------- */

spec(paused_channel_admits_and_hands_out_nothing)
{
    channel("dispatch.media.resize");
    worker("w1", .capacity = 9);
    dispatch("before");
    pause_channel();
    check_eq(channel_now().state, WEFT_CHANNEL_PAUSED);
    dispatch("a");
    dispatch("b");
    worker("w2", .capacity = 9);
    at(1000);
    then("0 before#1 to w1", "0 a waits", "0 b waits");
    resume_channel();
    check_eq(channel_now().state, WEFT_CHANNEL_OPEN);
    then("1000 a#1 to w1", "1000 b#1 to w2");
}

spec(paused_channel_lets_what_runs_end)
{
    channel("dispatch.media.resize");
    worker("w1");
    dispatch("a");
    dispatch("b");
    pause_channel();
    take("w1");
    complete("a#1");
    then("0 a#1 to w1", "0 b waits", "0 w1 takes a#1", "0 a completed by w1 #1");
    resume_channel();
    then("0 b#1 to w1");
}

spec(paused_channel_still_times_out)
{
    channel("dispatch.media.resize", .schedule_to_start_ms = 100);
    worker("w1");
    pause_channel();
    dispatch("a");
    at(200);
    then("0 a waits", "100 a timed_out:schedule_to_start #0");
}

spec(pausing_twice_is_once_and_resuming_what_is_open_is_nothing)
{
    channel("dispatch.media.resize");
    resume_channel();
    pause_channel();
    pause_channel();
    resume_channel();
    check_eq(channel_now().state, WEFT_CHANNEL_OPEN);
}

spec(resuming_a_deep_queue_takes_several_holds)
{
    enum { WAITING = 1000 };
    channel("dispatch.media.resize");
    worker("w1", .capacity = WAITING);
    pause_channel();
    for (int i = 0; i < WAITING; i++)
        dispatch("a");
    whatever();
    stop_steps();
    resume_channel();
    uint32_t running = 0;
    while (step()) {
        check_true(stats_now().attempts_running - running <= 2 * CORE_HOLD_MAX);
        running = stats_now().attempts_running;
    }
    check_true(running > 0);
    check_eq(stats_now().attempts_running, WAITING);
    whatever();
}

spec(unknown_channel_cannot_be_told_anything)
{
    on("dispatch.no.such");
    gives(WEFT_ENOCHANNEL, pause_channel());
    gives(WEFT_ENOCHANNEL, resume_channel());
    gives(WEFT_ENOCHANNEL, drain_channel("x"));
    gives(WEFT_ENOCHANNEL, delete_channel());
    gives(WEFT_ENOCHANNEL, channel_now());
    gives(WEFT_ENOCHANNEL, dispatch("a"));
}

/* --- draining --------------------------------------------------------------------------------- */

spec(draining_channel_admits_nothing_and_works_off_what_it_has)
{
    channel("dispatch.media.resize");
    worker("w1");
    dispatch("a");
    dispatch("b");
    whatever();
    gives(WEFT_EAGAIN, drain_channel("x"));
    check_eq(channel_now().state, WEFT_CHANNEL_DRAINING);
    dispatch("c");
    take("w1");
    complete("a#1");
    take("w1");
    then("0 c rejected:draining 0", "0 w1 takes a#1", "0 a completed by w1 #1", "0 b#1 to w1", "0 w1 takes b#1");
    complete("b#1");
    then("0 b completed by w1 #1", "0 x woken");
    check_eq(channel_now().state, WEFT_CHANNEL_DRAINED);
    dispatch("d");
    then("0 d rejected:draining 0");
    drain_channel("x");
}

spec(channel_is_not_drained_while_work_of_no_use_runs_there)
{
    channel("dispatch.media.resize", .start_to_close_ms = 50);
    worker("w1");
    dispatch("a");
    take("w1");
    at(50);
    whatever();
    gives(WEFT_EAGAIN, drain_channel("x"));
    nothing_happens();
    gives(WEFT_ESTALE, complete("a#1"));
    then("50 x woken");
}

spec(empty_channel_is_drained_at_once)
{
    channel("dispatch.media.resize");
    worker("w1");
    drain_channel("x");
    check_eq(channel_now().state, WEFT_CHANNEL_DRAINED);
    nothing_happens();
}

spec(drained_channel_resumed_is_open_again)
{
    channel("dispatch.media.resize");
    worker("w1");
    drain_channel("x");
    resume_channel();
    check_eq(channel_now().state, WEFT_CHANNEL_OPEN);
    dispatch("a");
    then("0 a#1 to w1");
}

spec(draining_channel_resumed_wakes_who_waits_for_its_end)
{
    channel("dispatch.media.resize");
    dispatch("a");
    gives(WEFT_EAGAIN, drain_channel("x"));
    gives(WEFT_EAGAIN, drain_channel("y"));
    whatever();
    resume_channel();
    then("0 x woken", "0 y woken");
    check_eq(channel_now().state, WEFT_CHANNEL_OPEN);
}

spec(paused_channel_that_drains_hands_out_what_waits)
{
    channel("dispatch.media.resize");
    worker("w1");
    pause_channel();
    dispatch("a");
    whatever();
    gives(WEFT_EAGAIN, drain_channel("x"));
    then("0 a#1 to w1");
}

spec(draining_channel_cannot_be_paused)
{
    channel("dispatch.media.resize");
    dispatch("a");
    gives(WEFT_EAGAIN, drain_channel("x"));
    gives(WEFT_EINVAL, pause_channel());
    cancel("a");
    gives(WEFT_EINVAL, pause_channel());
    check_eq(channel_now().state, WEFT_CHANNEL_DRAINED);
    whatever();
}

spec(draining_channel_runs_again_what_its_dead_had)
{
    channel("dispatch.media.resize", .on_crash = WEFT_CRASH_REDISPATCH);
    worker("w1");
    worker("w2");
    dispatch("a");
    take("w1");
    whatever();
    gives(WEFT_EAGAIN, drain_channel("x"));
    abandon("a#1");
    take("w2");
    complete("a#2");
    then("0 a#2 to w2", "0 w2 takes a#2", "0 a completed by w2 #2", "0 x woken");
}

/* --- deleting --------------------------------------------------------------------------------- */

spec(busy_channel_cannot_be_deleted)
{
    channel("dispatch.media.resize");
    dispatch("a");
    gives(WEFT_EBUSY, delete_channel());
    check_str(world.message, "dispatch.media.resize: 1 dispatches are open and 0 attempts run: drain it first");
    worker("w1");
    take("w1");
    whatever();
    gives(WEFT_EBUSY, delete_channel());
    complete("a#1");
    whatever();
    delete_channel();
    gives(WEFT_ENOCHANNEL, channel_now());
    check_eq(worker_now("w1").state, WEFT_WORKER_REMOVED);
    check_eq(stats_now().channels, 0);
}

spec(channel_where_work_of_no_use_still_runs_cannot_be_deleted)
{
    channel("dispatch.media.resize", .start_to_close_ms = 50);
    worker("w1");
    dispatch("a");
    take("w1");
    at(50);
    whatever();
    gives(WEFT_EBUSY, delete_channel());
    gives(WEFT_ESTALE, complete("a#1"));
    delete_channel();
}

spec(name_of_a_deleted_channel_is_free_at_once)
{
    channel("dispatch.media.resize", .depth_max = 1);
    worker("w1");
    worker("w2");
    stop_steps();
    delete_channel();
    channel("dispatch.media.resize", .depth_max = 2);
    worker("w1");
    dispatch("a");
    then("0 a#1 to w1");
    run_steps();
    check_eq(channel_now().workers, 1);
    check_eq(stats_now().channels, 1);
}

spec(channel_of_many_workers_is_deleted_with_them_all)
{
    enum { WORKERS = 600 };
    channel("dispatch.media.resize");
    for (int i = 0; i < WORKERS; i++)
        worker(numbered("w", i));
    delete_channel();
    check_eq(stats_now().channels, 0);
    for (int i = 0; i < WORKERS; i++) {
        check_eq(worker_now(numbered("w", i)).state, WEFT_WORKER_REMOVED);
        forget(numbered("w", i));
    }
    check_eq(stats_now().workers, 0);
}

spec(channel_outlives_the_lost_tasks_that_name_it)
{
    channel("dispatch.media.resize");
    session("s1");
    worker("w1", .of = "s1", .types = {"x"});
    worker("w2", .of = "s1");
    dispatch("a", .type = "x");
    dispatch("b");
    take("w1");
    take("w2");
    fire("s1");
    whatever();
    delete_channel();
    forget("w1");
    forget("w2");
    for (int i = 0; i < 40; i++)
        channel(numbered("dispatch.new.c", i));
    check_str(type_of("a#1"), "x");
    check_true(type_of("b#1") == NULL);
    gives(WEFT_ESTALE, complete("a#1"));
    check_eq(stats_now().channels, 41);
    gives(WEFT_ESTALE, complete("b#1"));
    check_eq(stats_now().channels, 40);
}

spec(who_waits_for_the_drain_of_a_deleted_channel_is_woken)
{
    channel("dispatch.media.resize");
    dispatch("a");
    gives(WEFT_EAGAIN, drain_channel("x"));
    cancel("a");
    then("0 a waits", "0 a cancelled:cancelled #0", "0 x woken");
    delete_channel();
    gives(WEFT_ENOCHANNEL, drain_channel("x"));
}

/* --- what is told ----------------------------------------------------------------------------- */

spec(counters_add_up)
{
    channel("dispatch.media.resize", .depth_max = 2, .on_crash = WEFT_CRASH_REDISPATCH, .attempts_max = 2);
    session("s1");
    worker("w1", .capacity = 2);
    dispatch("completed");
    dispatch("failed");
    take_up_to(2, "w1");
    complete("completed#1");
    fail_with("failed#1", "no");
    dispatch("died");
    take("w1");
    abandon("died#1");
    take("w1");
    abandon("died#2");
    dispatch("timed_out", .start_to_close_ms = 10);
    take("w1");
    at(10);
    gives(WEFT_ESTALE, complete("timed_out#1"));
    dispatch("cancelled");
    cancel("cancelled");
    dispatch("r1");
    dispatch("r2");
    dispatch("w1");
    dispatch("w2");
    dispatch("rejected");
    whatever();
    weft_channel_info info = channel_now();
    check_eq(info.dispatched, 9);
    check_eq(info.completed, 1);
    check_eq(info.failed, 1);
    check_eq(info.worker_died, 1);
    check_eq(info.timed_out, 1);
    check_eq(info.cancelled, 1);
    check_eq(info.rejected, 1);
    check_eq(info.redispatched, 1);
    check_eq(info.fenced, 1);
    check_eq(info.queued, 2);
    check_eq(info.in_flight, 2);
    weft_node_stats stats = stats_now();
    check_eq(stats.dispatched, 9);
    check_eq(stats.completed + stats.failed + stats.worker_died + stats.timed_out + stats.cancelled, 5);
    check_eq(stats.rejected, 1);
    check_eq(stats.redispatched, 1);
    check_eq(stats.fenced, 1);
    check_eq(stats.dispatches_open, 4);
    check_eq(stats.attempts_running, 2);
    check_eq(stats.channels, 1);
    check_eq(stats.workers, 1);
    check_eq(stats.participants, 2);
}

spec(walk_over_channels_finds_each_that_matches_once)
{
    weft_channel_info info;
    uint64_t cursor = 0;
    int found = 0, calls = 0;
    for (int i = 0; i < 300; i++) {
        channel(numbered("dispatch.other.c", i));
        channel(numbered("dispatch.media.c", i));
    }
    delete_channel();
    while (weft__core_channel_next(world.core, world_now_ns(), "dispatch.media.*", &cursor, &info)) {
        calls++;
        if (!info.name[0]) continue;
        check_true(strncmp(info.name, "dispatch.media.c", 16) == 0);
        found++;
    }
    check_eq(found, 299);
    check_true(calls < 310);
}

spec(walk_over_channels_that_do_not_match_takes_several_calls)
{
    weft_channel_info info;
    uint64_t cursor = 0;
    int calls = 0;
    for (int i = 0; i < 600; i++)
        channel(numbered("dispatch.other.c", i));
    while (weft__core_channel_next(world.core, world_now_ns(), "dispatch.media.*", &cursor, &info)) {
        check_str(info.name, "");
        calls++;
    }
    check_eq(calls, 600 / CORE_HOLD_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        promised(channel_is_open_and_empty_when_declared),
        promised(channel_declared_the_same_again_is_the_same),
        promised(inherited_options_are_their_defaults),
        promised(redeclaring_names_the_first_difference),
        promised(options_that_cannot_be_are_refused),
        promised(what_this_version_cannot_do_is_refused),
        promised(names_that_are_none_are_refused),
        promised(channels_are_bounded),
        promised(channel_of_another_kind_is_declared_and_takes_no_dispatch),
        promised(template_makes_the_channel_when_a_worker_registers),
        promised(template_declared_first_is_used),
        promised(declared_channel_goes_before_a_template),
        promised(template_declared_again_is_the_same_or_names_the_difference),
        promised(templates_are_checked_and_bounded),
        promised(template_does_not_make_a_channel_for_a_worker_that_is_refused),
        promised(paused_channel_admits_and_hands_out_nothing),
        promised(paused_channel_lets_what_runs_end),
        promised(paused_channel_still_times_out),
        promised(pausing_twice_is_once_and_resuming_what_is_open_is_nothing),
        promised(resuming_a_deep_queue_takes_several_holds),
        promised(unknown_channel_cannot_be_told_anything),
        promised(draining_channel_admits_nothing_and_works_off_what_it_has),
        promised(channel_is_not_drained_while_work_of_no_use_runs_there),
        promised(empty_channel_is_drained_at_once),
        promised(drained_channel_resumed_is_open_again),
        promised(draining_channel_resumed_wakes_who_waits_for_its_end),
        promised(paused_channel_that_drains_hands_out_what_waits),
        promised(draining_channel_cannot_be_paused),
        promised(draining_channel_runs_again_what_its_dead_had),
        promised(busy_channel_cannot_be_deleted),
        promised(channel_where_work_of_no_use_still_runs_cannot_be_deleted),
        promised(name_of_a_deleted_channel_is_free_at_once),
        promised(channel_of_many_workers_is_deleted_with_them_all),
        promised(channel_outlives_the_lost_tasks_that_name_it),
        promised(who_waits_for_the_drain_of_a_deleted_channel_is_woken),
        promised(counters_add_up),
        promised(walk_over_channels_finds_each_that_matches_once),
        promised(walk_over_channels_that_do_not_match_takes_several_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
