/* Cancel: a request that a dispatch end.
 *
 *   - what waits, and what was handed over and not begun, ends at once; the task is retracted: neither is sent
 *   - what runs is told, and the first of its result, its acknowledgement and the end of the grace decides
 *   - whatever decides, the slot is free when the work has really stopped
 *   - a cancel that comes twice is one, and one that comes too late finds nothing
 *   - who asks to be told of a cancel is told once, in order with what else comes to it, or learns that it is too late
 */
#include "lib/fixture.h"

spec(cancel_of_what_waits_ends_it_at_once)
{
    channel("dispatch.media.resize");
    dispatch("a");
    dispatch("b");
    at(10);
    cancel("a");
    then("0 a waits", "0 b waits", "10 a cancelled:cancelled #0");
    worker("w1");
    then("10 b#1 to w1");
}

spec(cancel_of_what_was_not_begun_sends_neither_task_nor_cancel)
{
    channel("dispatch.media.resize");
    worker("w1");
    dispatch("a");
    dispatch("b");
    cancel("a");
    then("0 a#1 to w1", "0 b waits", "0 a cancelled:cancelled by w1 #1", "0 a#1 back from w1", "0 b#1 to w1");
    take("w1");
    then("0 w1 takes b#1");
    gives(WEFT_EAGAIN, take("w1"));
}

spec(cancel_of_what_runs_tells_it_and_waits)
{
    channel("dispatch.media.resize");
    worker("w1");
    dispatch("a");
    take("w1");
    listen_to("a#1");
    whatever();
    check_true(!is_cancelled("a#1"));
    cancel("a");
    then("0 w1 told to stop a#1");
    check_true(is_cancelled("a#1"));
    check_eq(stats_now().dispatches_open, 1);
    at(4999);
    nothing_happens();
}

spec(cancel_is_decided_by_the_acknowledgement_if_that_comes_first)
{
    channel("dispatch.media.resize");
    worker("w1");
    dispatch("a");
    take("w1");
    cancel("a");
    whatever();
    at(30);
    acknowledge("a#1");
    then("30 a cancelled:cancelled by w1 #1");
    check_eq(channel_now().in_flight, 0);
    at(10000);
    nothing_happens();
}

spec(cancel_is_decided_by_the_result_if_that_comes_first)
{
    channel("dispatch.media.resize");
    worker("w1", .capacity = 2);
    dispatch("a");
    dispatch("b");
    take_up_to(2, "w1");
    cancel("a");
    cancel("b");
    whatever();
    at(30);
    complete("a#1");
    fail_with("b#1", "interrupted");
    then("30 a completed by w1 #1", "30 b failed:interrupted by w1 #1");
    at(10000);
    nothing_happens();
    check_eq(channel_now().cancelled, 0);
}

spec(cancel_is_decided_by_the_end_of_the_grace_if_nothing_comes)
{
    channel("dispatch.media.resize", .cancel_grace_ms = 200);
    worker("w1");
    dispatch("a");
    dispatch("b");
    take("w1");
    at(50);
    cancel("a");
    whatever();
    at(300);
    then("250 a cancelled:cancel_grace by w1 #1");
    check_eq(channel_now().in_flight, 1);
    check_eq(channel_now().orphaned, 1);
    gives(WEFT_ESTALE, complete("a#1"));
    then("300 b#1 to w1");
    check_eq(channel_now().fenced, 1);
    check_eq(channel_now().orphaned, 0);
}

spec(acknowledgement_after_the_grace_frees_the_slot_and_is_not_refused)
{
    channel("dispatch.media.resize", .cancel_grace_ms = 200);
    worker("w1");
    dispatch("a");
    dispatch("b");
    take("w1");
    cancel("a");
    at(300);
    whatever();
    acknowledge("a#1");
    then("300 b#1 to w1");
    check_eq(channel_now().fenced, 0);
}

spec(cancel_without_grace_ends_it_when_time_goes_on)
{
    channel("dispatch.media.resize", .cancel_grace_ms = 0);
    worker("w1");
    dispatch("a");
    take("w1");
    at(10);
    cancel("a");
    then("0 a#1 to w1", "0 w1 takes a#1");
    at(11);
    then("10 a cancelled:cancel_grace by w1 #1");
}

spec(cancel_with_grace_for_ever_waits_for_the_worker)
{
    channel("dispatch.media.resize", .cancel_grace_ms = WEFT_FOREVER);
    worker("w1");
    dispatch("a");
    take("w1");
    cancel("a");
    whatever();
    at(UINT64_C(10000000000));
    nothing_happens();
    acknowledge("a#1");
    then("10000000000 a cancelled:cancelled by w1 #1");
}

spec(cancelled_work_still_ends_by_its_times)
{
    channel("dispatch.media.resize", .schedule_to_close_ms = 100);
    worker("w1");
    dispatch("a");
    take("w1");
    at(50);
    cancel("a");
    whatever();
    at(200);
    then("100 a timed_out:schedule_to_close by w1 #1");
}

spec(cancel_twice_is_one_and_does_not_prolong_the_grace)
{
    channel("dispatch.media.resize", .cancel_grace_ms = 100);
    worker("w1");
    dispatch("a");
    take("w1");
    listen_to("a#1");
    cancel("a");
    at(60);
    cancel("a");
    at(500);
    then("0 a#1 to w1", "0 w1 takes a#1", "0 w1 told to stop a#1", "100 a cancelled:cancel_grace by w1 #1");
}

spec(cancel_of_what_has_ended_or_never_was_finds_nothing)
{
    channel("dispatch.media.resize");
    worker("w1");
    box("mine");
    dispatch("a");
    dispatch("unread", .to = "mine");
    take("w1");
    complete("a#1");
    take("w1");
    complete("unread#1");
    whatever();
    gives(WEFT_ENOTFOUND, cancel("a"));
    gives(WEFT_ENOTFOUND, cancel("unread"));
    check_err(weft__core_cancel(world.core, world_now_ns(), (weft_dispatch_id){0, 0}), WEFT_ENOTFOUND);
    nothing_happens();
}

spec(cancel_by_another_caller_finds_nothing)
{
    channel("dispatch.media.resize");
    session("s1");
    dispatch("a");
    weft_dispatch_id id = id_of("a");
    id.session = handle_of("s1");
    check_err(weft__core_cancel(world.core, world_now_ns(), id), WEFT_ENOTFOUND);
    check_eq(channel_now().queued, 1);
    then("0 a waits");
}

spec(cancelled_work_whose_worker_dies_is_cancelled_not_run_again)
{
    channel("dispatch.media.resize", .on_crash = WEFT_CRASH_REDISPATCH);
    session("s1");
    worker("w1", .of = "s1");
    worker("w2");
    dispatch("a");
    take("w1");
    cancel("a");
    whatever();
    fire("s1");
    then("0 a cancelled:cancelled by w1 #1");
    check_eq(channel_now().redispatched, 0);
}

spec(cancelled_work_that_is_given_back_is_cancelled)
{
    channel("dispatch.media.resize");
    group("g", 4);
    worker("w1", .group = "g", .capacity = 4);
    box("mine");
    dispatch("a");
    take("g");
    listen_at("a#1", "mine");
    cancel("a");
    whatever();
    check_eq(box_named("mine")->items_count, 1);
    give_back("a#1");
    then("0 a#1 back from w1", "0 a cancelled:cancelled by w1 #1");
    check_eq(box_named("mine")->items_count, 0);
    check_eq(channel_now().in_flight, 0);
}

spec(cancel_of_what_waits_for_the_release_of_a_lost_attempt_ends_it_at_once)
{
    channel("dispatch.media.resize", .on_crash = WEFT_CRASH_REDISPATCH);
    session("s1");
    group("g", 1);
    worker("w1", .of = "s1", .group = "g");
    worker("w2", .of = "host");
    dispatch("a");
    take("g");
    fire("s1");
    at(20);
    then("0 a#1 to w1", "0 g takes a#1");
    cancel("a");
    then("20 a cancelled:cancelled by w1 #1");
    gives(WEFT_ESTALE, complete("a#1"));
    nothing_happens();
}

/* --- being told ------------------------------------------------------------------------------- */

spec(who_asks_after_the_cancel_learns_that_it_is_too_late)
{
    channel("dispatch.media.resize");
    worker("w1");
    dispatch("a");
    take("w1");
    cancel("a");
    gives(WEFT_EEXIST, listen_to("a#1"));
    then("0 a#1 to w1", "0 w1 takes a#1");
}

spec(notice_that_was_not_delivered_goes_with_its_task)
{
    channel("dispatch.media.resize");
    worker("w1");
    box("mine");
    dispatch("a");
    take("w1");
    listen_at("a#1", "mine");
    cancel("a");
    whatever();
    check_eq(box_named("mine")->items_count, 1);
    acknowledge("a#1");
    check_eq(box_named("mine")->items_count, 0);
    look_into("mine");
    then("0 a cancelled:cancelled by w1 #1");
}

spec(nobody_is_told_of_a_cancel_after_the_task_was_settled)
{
    channel("dispatch.media.resize");
    worker("w1", .handled = true);
    box("mine");
    dispatch("a");
    take("w1");
    listen_at("a#1", "mine");
    cancel("a");
    complete_inside("a#1");
    whatever();
    look_into("mine");
    nothing_happens();
    return_from("a#1");
    nothing_happens();
}

spec(work_is_told_when_its_dispatch_goes_on_without_it)
{
    channel("dispatch.media.resize", .on_crash = WEFT_CRASH_REDISPATCH, .overlapping = true);
    session("s1");
    group("g", 2);
    worker("w1", .of = "s1", .group = "g");
    worker("w2", .group = "g");
    dispatch("a");
    take("g");
    listen_to("a#1");
    whatever();
    fire("s1");
    then("0 w1 told to stop a#1", "0 a#2 to w2");
}

spec(work_is_not_told_of_the_end_that_its_own_result_brought)
{
    channel("dispatch.media.resize");
    group("g", 1);
    worker("w1", .group = "g");
    dispatch("a");
    take("g");
    listen_to("a#1");
    complete_inside("a#1");
    then("0 a#1 to w1", "0 g takes a#1", "0 a completed by w1 #1");
    check_true(!is_cancelled("a#1"));
    return_from("a#1");
    nothing_happens();
}

spec(notices_and_outcomes_of_one_destination_come_in_the_order_they_were_made)
{
    channel("dispatch.media.resize");
    worker("w1", .capacity = 3);
    box("mine");
    dispatch("a", .to = "mine");
    dispatch("b", .to = "mine");
    dispatch("c", .to = "mine");
    take_up_to(3, "w1");
    listen_at("b#1", "mine");
    listen_at("c#1", "mine");
    cancel("c");
    complete("a#1");
    cancel("b");
    complete("c#1");
    whatever();
    look_into("mine");
    then("0 a completed by w1 #1", "0 w1 told to stop b#1", "0 c completed by w1 #1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        promised(cancel_of_what_waits_ends_it_at_once),
        promised(cancel_of_what_was_not_begun_sends_neither_task_nor_cancel),
        promised(cancel_of_what_runs_tells_it_and_waits),
        promised(cancel_is_decided_by_the_acknowledgement_if_that_comes_first),
        promised(cancel_is_decided_by_the_result_if_that_comes_first),
        promised(cancel_is_decided_by_the_end_of_the_grace_if_nothing_comes),
        promised(acknowledgement_after_the_grace_frees_the_slot_and_is_not_refused),
        promised(cancel_without_grace_ends_it_when_time_goes_on),
        promised(cancel_with_grace_for_ever_waits_for_the_worker),
        promised(cancelled_work_still_ends_by_its_times),
        promised(cancel_twice_is_one_and_does_not_prolong_the_grace),
        promised(cancel_of_what_has_ended_or_never_was_finds_nothing),
        promised(cancel_by_another_caller_finds_nothing),
        promised(cancelled_work_whose_worker_dies_is_cancelled_not_run_again),
        promised(cancelled_work_that_is_given_back_is_cancelled),
        promised(cancel_of_what_waits_for_the_release_of_a_lost_attempt_ends_it_at_once),
        promised(who_asks_after_the_cancel_learns_that_it_is_too_late),
        promised(notice_that_was_not_delivered_goes_with_its_task),
        promised(nobody_is_told_of_a_cancel_after_the_task_was_settled),
        promised(work_is_told_when_its_dispatch_goes_on_without_it),
        promised(work_is_not_told_of_the_end_that_its_own_result_brought),
        promised(notices_and_outcomes_of_one_destination_come_in_the_order_they_were_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
