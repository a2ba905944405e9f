/* Outcomes: a dispatch ends exactly once, in one of six ways, and its reply says how and why. (That no second outcome
 * of a dispatch ever comes, and that a result is the one its last attempt gave, the fixture checks at every box.)
 *
 *   - completed, failed, worker_died, rejected; a failed task leaves its worker healthy
 *   - each of the four times ends it when it has run out, to the millisecond, and the reply's code says which
 *   - a dispatch's own times go before the channel's
 *   - what is of no use to anyone any more is told so, and keeps its slot until it has really stopped
 *   - the reply says where the time went
 *   - a dead caller's dispatches are cancelled, detached ones go on and their outcome is kept for a while
 *   - outcomes come to a box in the order in which the dispatches ended; what was not fetched counts as open
 */
#include "base/clock.h"
#include "lib/fixture.h"

/* --- by what the worker says ------------------------------------------------------------------ */

spec(completed_carries_the_result_of_the_worker)
{
    channel("dispatch.media.resize");
    worker("w1");
    dispatch("a");
    take("w1");
    at(20);
    complete("a#1");
    then("0 a#1 to w1", "0 w1 takes a#1", "20 a completed by w1 #1");
    check_eq(reply_of("a").outcome, WEFT_COMPLETED);
    check_eq(reply_of("a").admission, WEFT_ADMISSION_ACCEPTED);
    check_eq(worker_now("w1").completed, 1);
    check_eq(channel_now().completed, 1);
    check_eq(stats_now().completed, 1);
}

spec(failed_leaves_its_worker_healthy)
{
    channel("dispatch.media.resize", .on_crash = WEFT_CRASH_REDISPATCH);
    worker("w1");
    dispatch("a");
    dispatch("b");
    take("w1");
    fail_with("a#1", "no_such_file");
    then("0 a#1 to w1", "0 b waits", "0 w1 takes a#1", "0 a failed:no_such_file by w1 #1", "0 b#1 to w1");
    check_eq(worker_now("w1").errored, 1);
    check_eq(worker_now("w1").state, WEFT_WORKER_READY);
    check_eq(channel_now().failed, 1);
    check_eq(channel_now().redispatched, 0);
}

spec(abandoned_is_as_a_death_for_that_task_alone)
{
    channel("dispatch.media.resize");
    worker("w1", .capacity = 2);
    dispatch("a");
    dispatch("b");
    take_up_to(2, "w1");
    whatever();
    abandon("a#1");
    then("0 a worker_died:abandoned by w1 #1");
    complete("b#1");
    then("0 b completed by w1 #1");
    check_eq(worker_now("w1").errored, 1);
    check_eq(channel_now().deaths, 0);
    check_eq(channel_now().worker_died, 1);
}

spec(handler_that_returns_without_settling_has_abandoned)
{
    channel("dispatch.media.resize");
    group("g", 1);
    worker("w1", .group = "g");
    dispatch("a");
    take("g");
    return_from("a#1");
    then("0 a#1 to w1", "0 g takes a#1", "0 a worker_died:abandoned by w1 #1");
    check_eq(channel_now().in_flight, 0);
}

spec(acknowledged_cancel_that_nobody_asked_for_is_a_failure)
{
    channel("dispatch.media.resize");
    worker("w1");
    dispatch("a");
    take("w1");
    acknowledge("a#1");
    then("0 a#1 to w1", "0 w1 takes a#1", "0 a failed:not_cancelled by w1 #1");
}

spec(task_settled_twice_is_refused_the_second_time)
{
    channel("dispatch.media.resize");
    group("g", 1);
    worker("w1", .group = "g");
    dispatch("a");
    take("g");
    complete_inside("a#1");
    then("0 a#1 to w1", "0 g takes a#1", "0 a completed by w1 #1");
    gives(WEFT_ESTALE, fail_with("a#1", "too_late"));
    nothing_happens();
    check_eq(channel_now().completed, 1);
    check_eq(channel_now().failed, 0);
}

/* --- by time ---------------------------------------------------------------------------------- */

spec(schedule_to_start_ends_what_waits_for_a_worker)
{
    channel("dispatch.media.resize", .schedule_to_start_ms = 100);
    dispatch("a");
    at(99);
    then("0 a waits");
    at(500);
    then("100 a timed_out:schedule_to_start #0");
    check_eq(channel_now().queued, 0);
    check_eq(channel_now().timed_out, 1);
}

spec(schedule_to_start_ends_what_was_handed_over_and_not_begun)
{
    channel("dispatch.media.resize", .schedule_to_start_ms = 100);
    worker("w1");
    dispatch("a");
    at(500);
    then("0 a#1 to w1", "100 a timed_out:schedule_to_start by w1 #1", "100 a#1 back from w1");
    check_eq(channel_now().in_flight, 0);
}

spec(schedule_to_start_does_not_end_what_has_begun)
{
    channel("dispatch.media.resize", .schedule_to_start_ms = 100);
    worker("w1");
    dispatch("a");
    at(99);
    take("w1");
    at(5000);
    complete("a#1");
    then("0 a#1 to w1", "99 w1 takes a#1", "5000 a completed by w1 #1");
}

spec(schedule_to_start_is_not_what_ended_work_that_ran_past_it)
{
    channel("dispatch.media.resize", .schedule_to_start_ms = 100, .start_to_close_ms = 150);
    worker("w1");
    dispatch("a");
    at(50);
    take("w1");
    at(500);
    then("0 a#1 to w1", "50 w1 takes a#1", "200 a timed_out:start_to_close by w1 #1");
}

spec(schedule_to_start_does_not_end_what_has_begun_once_and_waits_again)
{
    channel("dispatch.media.resize", .schedule_to_start_ms = 100, .on_crash = WEFT_CRASH_REDISPATCH);
    session("s1");
    worker("w1", .of = "s1");
    dispatch("a");
    take("w1");
    fire("s1");
    at(1000);
    worker("w2");
    then("0 a#1 to w1", "0 w1 takes a#1", "1000 a#2 to w2");
}

spec(start_to_close_counts_from_the_beginning_of_the_work)
{
    channel("dispatch.media.resize", .start_to_close_ms = 100);
    worker("w1");
    dispatch("a");
    at(1000);
    take("w1");
    at(5000);
    then("0 a#1 to w1", "1000 w1 takes a#1", "1100 a timed_out:start_to_close by w1 #1");
}

spec(start_to_close_is_for_each_attempt)
{
    channel("dispatch.media.resize", .start_to_close_ms = 100, .on_crash = WEFT_CRASH_REDISPATCH);
    worker("w1");
    dispatch("a");
    take("w1");
    at(80);
    abandon("a#1");
    at(90);
    take("w1");
    at(5000);
    then("0 a#1 to w1", "0 w1 takes a#1", "80 a#2 to w1", "90 w1 takes a#2", "190 a timed_out:start_to_close by w1 #2");
}

spec(schedule_to_close_ends_what_waits)
{
    channel("dispatch.media.resize", .schedule_to_close_ms = 100);
    dispatch("a");
    at(200);
    then("0 a waits", "100 a timed_out:schedule_to_close #0");
}

spec(schedule_to_close_ends_what_runs_attempts_included)
{
    channel("dispatch.media.resize", .schedule_to_close_ms = 100, .on_crash = WEFT_CRASH_REDISPATCH);
    worker("w1");
    dispatch("a");
    at(10);
    take("w1");
    at(60);
    abandon("a#1");
    take("w1");
    at(200);
    then("0 a#1 to w1", "10 w1 takes a#1", "60 a#2 to w1", "60 w1 takes a#2",
         "100 a timed_out:schedule_to_close by w1 #2");
}

spec(task_knows_when_its_dispatch_ends_at_the_latest)
{
    channel("dispatch.media.resize", .schedule_to_close_ms = 100);
    worker("w1", .capacity = 2);
    dispatch("a");
    dispatch("b", .schedule_to_close_ms = WEFT_FOREVER);
    take_up_to(2, "w1");
    whatever();
    check_eq(task_named("a#1")->deadline_ns, world_now_ns() + 100 * NS_PER_MS);
    check_eq(task_named("b#1")->deadline_ns, CORE_NEVER);
}

spec(heartbeat_time_runs_from_the_beginning_and_from_each_beat)
{
    channel("dispatch.media.resize", .heartbeat_ms = 100);
    worker("w1");
    dispatch("a");
    at(500);
    take("w1");
    at(590);
    beat("a#1");
    at(689);
    beat("a#1");
    then("0 a#1 to w1", "500 w1 takes a#1");
    at(2000);
    then("789 a timed_out:heartbeat by w1 #1");
    gives(WEFT_ESTALE, beat("a#1"));
}

spec(task_that_owes_no_heartbeat_may_send_one)
{
    channel("dispatch.media.resize");
    worker("w1");
    dispatch("a");
    take("w1");
    beat("a#1");
    at(1000000);
    complete("a#1");
    then("0 a#1 to w1", "0 w1 takes a#1", "1000000 a completed by w1 #1");
}

spec(heartbeat_of_another_attempt_is_stale)
{
    channel("dispatch.media.resize", .on_crash = WEFT_CRASH_REDISPATCH, .heartbeat_ms = 100);
    session("s1");
    worker("w1", .of = "s1");
    worker("w2");
    dispatch("a");
    take("w1");
    fire("s1");
    take("w2");
    at(60);
    gives(WEFT_ESTALE, beat("a#1"));
    at(200);
    then("0 a#1 to w1", "0 w1 takes a#1", "0 a#2 to w2", "0 w2 takes a#2", "100 a timed_out:heartbeat by w2 #2");
}

spec(of_several_times_the_first_to_run_out_ends_it)
{
    channel("dispatch.media.resize", .schedule_to_start_ms = 400, .start_to_close_ms = 400, .schedule_to_close_ms = 400,
            .heartbeat_ms = 400);
    worker("w1", .capacity = 4);
    dispatch("a", .heartbeat_ms = 20);
    dispatch("b", .start_to_close_ms = 30);
    dispatch("c", .schedule_to_close_ms = 40);
    dispatch("d", .schedule_to_start_ms = 50);
    take("w1");
    take("w1");
    take("w1");
    whatever();
    at(1000);
    then("20 a timed_out:heartbeat by w1 #1", "30 b timed_out:start_to_close by w1 #1",
         "40 c timed_out:schedule_to_close by w1 #1", "50 d timed_out:schedule_to_start by w1 #1",
         "50 d#1 back from w1");
}

spec(times_of_the_dispatch_go_before_those_of_the_channel)
{
    channel("dispatch.media.resize", .schedule_to_start_ms = 100, .start_to_close_ms = 100, .heartbeat_ms = 100);
    dispatch("sooner", .schedule_to_start_ms = 10);
    dispatch("later", .schedule_to_start_ms = 200);
    dispatch("never", .schedule_to_start_ms = WEFT_FOREVER);
    whatever();
    at(100000);
    then("10 sooner timed_out:schedule_to_start #0", "200 later timed_out:schedule_to_start #0");
    worker("w1");
    take("w1");
    at(200000);
    then("100000 never#1 to w1", "100000 w1 takes never#1", "100100 never timed_out:start_to_close by w1 #1");
}

spec(nothing_is_due_where_no_time_is_set)
{
    channel("dispatch.media.resize");
    worker("w1");
    dispatch("a");
    dispatch("b");
    take("w1");
    whatever();
    check_eq(weft__core_due(world.core), CORE_NEVER);
}

spec(timed_out_work_keeps_its_slot_until_it_stops)
{
    channel("dispatch.media.resize", .start_to_close_ms = 100);
    worker("w1");
    dispatch("a");
    dispatch("b");
    take("w1");
    listen_to("a#1");
    whatever();
    at(100);
    then("100 w1 told to stop a#1", "100 a timed_out:start_to_close by w1 #1");
    check_eq(channel_now().in_flight, 1);
    check_eq(channel_now().orphaned, 1);
    check_eq(worker_now("w1").orphaned, 1);
    at(5000);
    nothing_happens();
    gives(WEFT_ESTALE, complete("a#1"));
    then("5000 b#1 to w1");
    check_eq(channel_now().fenced, 1);
    check_eq(stats_now().fenced, 1);
    check_eq(channel_now().orphaned, 0);
}

/* --- where the time went ---------------------------------------------------------------------- */

spec(reply_says_how_long_it_waited_lay_and_ran)
{
    channel("dispatch.media.resize");
    dispatch("a");
    at(30);
    worker("w1");
    at(50);
    take("w1");
    at(90);
    complete("a#1");
    whatever();
    check_eq(reply_of("a").queued_ns, 30 * NS_PER_MS);
    check_eq(reply_of("a").started_ns, 20 * NS_PER_MS);
    check_eq(reply_of("a").run_ns, 40 * NS_PER_MS);
    check_eq(reply_of("a").admission, WEFT_ADMISSION_DEFERRED);
}

spec(reply_counts_the_run_from_when_the_handler_says_it_was_entered)
{
    channel("dispatch.media.resize");
    worker("w1");
    dispatch("a");
    at(10);
    take("w1");
    at(15);
    task_named("a#1")->started_ns = world_now_ns();
    at(100);
    complete("a#1");
    whatever();
    check_eq(reply_of("a").started_ns, 15 * NS_PER_MS);
    check_eq(reply_of("a").run_ns, 85 * NS_PER_MS);
}

spec(reply_adds_up_all_waiting_and_tells_the_last_attempt)
{
    channel("dispatch.media.resize", .on_crash = WEFT_CRASH_REDISPATCH);
    session("s1");
    dispatch("a");
    at(10);
    worker("w1", .of = "s1");
    take("w1");
    at(100);
    fire("s1");
    at(107);
    worker("w2");
    at(110);
    take("w2");
    at(150);
    complete("a#2");
    whatever();
    check_eq(reply_of("a").queued_ns, 17 * NS_PER_MS);
    check_eq(reply_of("a").started_ns, 3 * NS_PER_MS);
    check_eq(reply_of("a").run_ns, 40 * NS_PER_MS);
    check_eq(reply_of("a").attempts, 2);
}

spec(reply_counts_as_waiting_the_time_with_a_worker_that_never_began)
{
    channel("dispatch.media.resize");
    worker("w1");
    dispatch("a");
    at(10);
    unregister("w1");
    at(15);
    worker("w2");
    at(17);
    take("w2");
    at(20);
    complete("a#1");
    whatever();
    check_eq(reply_of("a").queued_ns, 15 * NS_PER_MS);
    check_eq(reply_of("a").started_ns, 2 * NS_PER_MS);
    check_eq(reply_of("a").run_ns, 3 * NS_PER_MS);
}

spec(reply_of_what_never_ran_tells_its_waiting_alone)
{
    channel("dispatch.media.resize", .schedule_to_start_ms = 70);
    dispatch("a");
    at(70);
    whatever();
    check_eq(reply_of("a").queued_ns, 70 * NS_PER_MS);
    check_eq(reply_of("a").started_ns, 0);
    check_eq(reply_of("a").run_ns, 0);
    check_str(reply_of("a").worker, "");
    check_eq(reply_of("a").attempts, 0);
}

/* --- the caller dies -------------------------------------------------------------------------- */

spec(dispatches_of_a_dead_caller_are_cancelled_whatever_their_state)
{
    channel("dispatch.media.resize");
    session("s1");
    worker("w1", .capacity = 2);
    dispatch("running", .by = "s1");
    take("w1");
    listen_to("running#1");
    dispatch("assigned", .by = "s1");
    dispatch("others");
    dispatch("waiting", .by = "s1");
    whatever();
    fire("s1");
    then("0 w1 told to stop running#1", "0 running cancelled:caller_died by w1 #1",
         "0 assigned cancelled:caller_died by w1 #1", "0 waiting cancelled:caller_died #0", "0 assigned#1 back from w1",
         "0 others#1 to w1");
    check_eq(channel_now().cancelled, 3);
    gives(WEFT_ESTALE, complete("running#1"));
    check_eq(channel_now().in_flight, 1);
}

spec(detached_dispatch_outlives_its_caller)
{
    channel("dispatch.media.resize");
    session("s1");
    worker("w1");
    dispatch("a", .by = "s1", .detached = true);
    dispatch("b", .by = "s1", .detached = true);
    take("w1");
    fire("s1");
    release("s1");
    then("0 a#1 to w1", "0 b waits", "0 w1 takes a#1", "0 s1 disarmed");
    complete("a#1");
    then("0 b#1 to w1");
    fetch("a");
    then("0 a completed by w1 #1");
    gives(WEFT_EAGAIN, fetch("b"));
}

/* --- fetching a detached one ------------------------------------------------------------------ */

spec(outcome_of_a_detached_dispatch_is_fetched_once)
{
    channel("dispatch.media.resize");
    worker("w1");
    dispatch("a", .detached = true);
    gives(WEFT_EAGAIN, fetch("a"));
    take("w1");
    complete("a#1");
    whatever();
    fetch("a");
    then("0 a completed by w1 #1");
    gives(WEFT_ENOTFOUND, fetch("a"));
}

spec(outcome_of_a_detached_dispatch_is_kept_for_outcome_keep_ms)
{
    channel("dispatch.media.resize");
    worker("w1", .capacity = 2);
    dispatch("a", .detached = true);
    dispatch("b", .detached = true);
    take_up_to(2, "w1");
    whatever();
    at(1000);
    complete("a#1");
    complete("b#1");
    at(60999);
    fetch("a");
    then("60999 a completed by w1 #1");
    at(61000);
    gives(WEFT_ENOTFOUND, fetch("b"));
    check_eq(world.core->dispatches.live_count, 0);
}

spec(who_waits_for_a_detached_dispatch_is_woken_by_its_end)
{
    channel("dispatch.media.resize", .schedule_to_start_ms = 100);
    dispatch("a", .detached = true);
    gives(WEFT_EAGAIN, fetch_or_wait("a", "x"));
    at(500);
    then("0 a waits", "100 x woken");
    fetch("a");
    then("500 a timed_out:schedule_to_start #0");
}

spec(outcome_that_goes_to_a_box_is_not_to_be_fetched)
{
    channel("dispatch.media.resize");
    dispatch("a");
    dispatch("b", .unheard = true);
    gives(WEFT_ENOTFOUND, fetch("a"));
    gives(WEFT_ENOTFOUND, fetch("b"));
    then("0 a waits", "0 b waits");
}

spec(outcome_that_nobody_wants_is_forgotten_at_once)
{
    channel("dispatch.media.resize");
    worker("w1");
    dispatch("a", .unheard = true);
    take("w1");
    complete("a#1");
    then("0 a#1 to w1", "0 w1 takes a#1");
    check_eq(world.core->dispatches.live_count, 0);
    check_eq(channel_now().completed, 1);
}

/* --- boxes ------------------------------------------------------------------------------------ */

spec(outcomes_come_to_a_box_in_the_order_in_which_the_dispatches_ended)
{
    channel("dispatch.media.resize");
    worker("w1", .capacity = 3);
    box("mine");
    dispatch("a", .to = "mine");
    dispatch("b", .to = "mine");
    dispatch("c", .to = "mine");
    take_up_to(3, "w1");
    complete("c#1");
    complete("a#1");
    fail_with("b#1", "no");
    whatever();
    look_into("mine");
    then("0 c completed by w1 #1", "0 a completed by w1 #1", "0 b failed:no by w1 #1");
}

spec(who_waits_at_an_empty_box_is_woken_by_the_first_outcome)
{
    channel("dispatch.media.resize");
    worker("w1", .capacity = 2);
    box("mine");
    dispatch("a", .to = "mine");
    dispatch("b", .to = "mine");
    take_up_to(2, "w1");
    whatever();
    check_true(wait_for_outcome("x", "mine"));
    check_true(wait_for_outcome("y", "mine"));
    complete("a#1");
    then("0 x woken");
    complete("b#1");
    then("0 y woken");
    check_true(!wait_for_outcome("z", "mine"));
    look_into("mine");
    then("0 a completed by w1 #1", "0 b completed by w1 #1");
}

spec(dispatches_are_bounded_and_unfetched_outcomes_count)
{
    channel("dispatch.media.resize");
    worker("w1");
    box("mine");
    world.core->limits.dispatches_max = 2;
    dispatch("a", .to = "mine");
    dispatch("b", .to = "mine");
    gives(WEFT_ELIMIT, dispatch("c"));
    take("w1");
    complete("a#1");
    gives(WEFT_ELIMIT, dispatch("c"));
    whatever();
    look_into("mine");
    then("0 a completed by w1 #1");
    dispatch("c");
    then("0 c waits");
}

spec(closing_a_box_cancels_what_is_open_and_forgets_what_was_not_fetched)
{
    channel("dispatch.media.resize");
    worker("w1", .capacity = 3);
    box("mine");
    dispatch("ended", .to = "mine");
    dispatch("running", .to = "mine");
    take_up_to(2, "w1");
    complete("ended#1");
    listen_to("running#1");
    dispatch("assigned", .to = "mine");
    dispatch("detached", .detached = true);
    dispatch("waiting", .to = "mine");
    dispatch("others");
    whatever();
    close_box("mine");
    then("0 w1 told to stop running#1", "0 assigned#1 back from w1", "0 others#1 to w1");
    check_eq(stats_now().dispatches_open, 2);
    check_eq(stats_now().cancelled, 3);
    check_eq(world.core->dispatches.live_count, 2);
}

spec(closing_a_box_leaves_the_detached_to_be_fetched)
{
    channel("dispatch.media.resize");
    worker("w1", .capacity = 2);
    box("mine");
    dispatch("open", .to = "mine", .detached = true);
    dispatch("ended", .to = "mine", .detached = true);
    take_up_to(2, "w1");
    complete("ended#1");
    whatever();
    gives(WEFT_ENOTFOUND, fetch("open"));
    gives(WEFT_ENOTFOUND, fetch("ended"));
    close_box("mine");
    nothing_happens();
    gives(WEFT_EAGAIN, fetch("open"));
    gives(WEFT_ENOTFOUND, fetch("ended"));
    complete("open#1");
    fetch("open");
    then("0 open completed by w1 #1");
}

spec(closing_a_box_of_a_thousand_takes_several_holds)
{
    enum { DISPATCHES = 1000 };
    channel("dispatch.media.resize");
    box("mine");
    for (int i = 0; i < DISPATCHES; i++)
        dispatch("a", .to = "mine");
    whatever();
    int calls = 1;
    while (weft__core_dest_abandon(world.core, world_now_ns(), box_named("mine")))
        check_true(stats_now().dispatches_open >= DISPATCHES - (uint32_t)calls++ * CORE_HOLD_MAX);
    check_eq(calls, DISPATCHES / CORE_HOLD_MAX + 1);
    check_eq(stats_now().dispatches_open, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        promised(completed_carries_the_result_of_the_worker),
        promised(failed_leaves_its_worker_healthy),
        promised(abandoned_is_as_a_death_for_that_task_alone),
        promised(handler_that_returns_without_settling_has_abandoned),
        promised(acknowledged_cancel_that_nobody_asked_for_is_a_failure),
        promised(task_settled_twice_is_refused_the_second_time),
        promised(schedule_to_start_ends_what_waits_for_a_worker),
        promised(schedule_to_start_ends_what_was_handed_over_and_not_begun),
        promised(schedule_to_start_does_not_end_what_has_begun),
        promised(schedule_to_start_is_not_what_ended_work_that_ran_past_it),
        promised(schedule_to_start_does_not_end_what_has_begun_once_and_waits_again),
        promised(start_to_close_counts_from_the_beginning_of_the_work),
        promised(start_to_close_is_for_each_attempt),
        promised(schedule_to_close_ends_what_waits),
        promised(schedule_to_close_ends_what_runs_attempts_included),
        promised(task_knows_when_its_dispatch_ends_at_the_latest),
        promised(heartbeat_time_runs_from_the_beginning_and_from_each_beat),
        promised(task_that_owes_no_heartbeat_may_send_one),
        promised(heartbeat_of_another_attempt_is_stale),
        promised(of_several_times_the_first_to_run_out_ends_it),
        promised(times_of_the_dispatch_go_before_those_of_the_channel),
        promised(nothing_is_due_where_no_time_is_set),
        promised(timed_out_work_keeps_its_slot_until_it_stops),
        promised(reply_says_how_long_it_waited_lay_and_ran),
        promised(reply_counts_the_run_from_when_the_handler_says_it_was_entered),
        promised(reply_adds_up_all_waiting_and_tells_the_last_attempt),
        promised(reply_counts_as_waiting_the_time_with_a_worker_that_never_began),
        promised(reply_of_what_never_ran_tells_its_waiting_alone),
        promised(dispatches_of_a_dead_caller_are_cancelled_whatever_their_state),
        promised(detached_dispatch_outlives_its_caller),
        promised(outcome_of_a_detached_dispatch_is_fetched_once),
        promised(outcome_of_a_detached_dispatch_is_kept_for_outcome_keep_ms),
        promised(who_waits_for_a_detached_dispatch_is_woken_by_its_end),
        promised(outcome_that_goes_to_a_box_is_not_to_be_fetched),
        promised(outcome_that_nobody_wants_is_forgotten_at_once),
        promised(outcomes_come_to_a_box_in_the_order_in_which_the_dispatches_ended),
        promised(who_waits_at_an_empty_box_is_woken_by_the_first_outcome),
        promised(dispatches_are_bounded_and_unfetched_outcomes_count),
        promised(closing_a_box_cancels_what_is_open_and_forgets_what_was_not_fetched),
        promised(closing_a_box_leaves_the_detached_to_be_fetched),
        promised(closing_a_box_of_a_thousand_takes_several_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
