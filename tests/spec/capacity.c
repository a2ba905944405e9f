/* Capacity: how much a worker and an executor group have at a time.
 *
 *   - never more than the worker's capacity; a slot is free when its task is settled and its handler has returned, in
 *     whichever order
 *   - a kept task frees its thread when the handler returns, its slot when it is settled
 *   - a group's limit holds for all its workers together, over all channels
 *   - a freed thread goes round the channels that wait for it: none keeps the group to itself
 *   - a limit that is lowered takes back what was not begun, and nothing is lost by it
 */
#include "lib/fixture.h"

/* --- slots ------------------------------------------------------------------------------------ */

spec(worker_never_has_more_than_its_capacity)
{
    channel("dispatch.media.resize");
    worker("w1", .capacity = 2);
    dispatch("a");
    dispatch("b");
    dispatch("c");
    then("0 a#1 to w1", "0 b#1 to w1", "0 c waits");
    check_eq(worker_now("w1").in_flight, 2);
    check_eq(worker_now("w1").max_concurrent, 2);
    check_eq(channel_now().workers_eligible, 0);
    take("w1");
    check_eq(worker_now("w1").in_flight, 2);
    complete("a#1");
    then("0 w1 takes a#1", "0 a completed by w1 #1", "0 c#1 to w1");
}

spec(nothing_is_handed_out_ahead_of_a_free_slot)
{
    channel("dispatch.media.resize");
    worker("w1");
    dispatch("a");
    dispatch("b");
    take("w1");
    whatever();
    gives(WEFT_EAGAIN, take("w1"));
    worker("w2");
    then("0 b#1 to w2");
}

spec(large_capacity_is_filled_in_several_holds)
{
    enum { WAITING = 200 };
    channel("dispatch.media.resize");
    for (int i = 0; i < WAITING; i++)
        dispatch("a");
    whatever();
    stop_steps();
    worker("w1", .capacity = WAITING);
    check_true(worker_now("w1").in_flight > 0);
    check_true(worker_now("w1").in_flight <= CORE_HOLD_MAX / 2);
    run_steps();
    check_eq(worker_now("w1").in_flight, WAITING);
    whatever();
}

spec(slot_is_free_when_the_handler_has_returned_after_settling)
{
    channel("dispatch.media.resize");
    group("g", 4);
    worker("w1", .group = "g");
    dispatch("a");
    dispatch("b");
    take("g");
    whatever();
    complete_inside("a#1");
    then("0 a completed by w1 #1");
    check_eq(worker_now("w1").in_flight, 1);
    return_from("a#1");
    then("0 b#1 to w1");
}

spec(slot_is_free_when_a_kept_task_is_settled_after_the_handler_has_returned)
{
    channel("dispatch.media.resize");
    group("g", 4);
    worker("w1", .group = "g");
    dispatch("a");
    dispatch("b");
    take("g");
    whatever();
    keep("a#1");
    nothing_happens();
    check_eq(worker_now("w1").in_flight, 1);
    complete("a#1");
    then("0 a completed by w1 #1", "0 b#1 to w1");
}

spec(slot_of_cancelled_work_is_free_when_it_has_stopped)
{
    channel("dispatch.media.resize", .cancel_grace_ms = 10);
    group("g", 4);
    worker("w1", .group = "g");
    dispatch("a");
    dispatch("b");
    take("g");
    cancel("a");
    at(100);
    whatever();
    acknowledge_inside("a#1");
    nothing_happens();
    return_from("a#1");
    then("100 b#1 to w1");
}

spec(in_flight_counts_what_is_handed_out_and_not_released)
{
    channel("dispatch.media.resize", .start_to_close_ms = 50);
    worker("w1", .capacity = 3);
    dispatch("a");
    dispatch("b");
    take("w1");
    at(50);
    whatever();
    check_eq(worker_now("w1").in_flight, 2);
    check_eq(worker_now("w1").orphaned, 1);
    check_eq(channel_now().in_flight, 2);
    check_eq(stats_now().attempts_running, 2);
    check_eq(stats_now().dispatches_open, 1);
}

/* --- groups ----------------------------------------------------------------------------------- */

spec(group_holds_no_more_than_its_limit_over_all_its_workers)
{
    channel("dispatch.media.crop");
    channel("dispatch.media.resize");
    group("g", 2);
    worker("w1", .group = "g", .capacity = 8);
    worker("w2", .group = "g", .capacity = 8, .on = "dispatch.media.crop");
    dispatch("a");
    dispatch("b", .on = "dispatch.media.crop");
    dispatch("c");
    then("0 a#1 to w1", "0 b#1 to w2", "0 c waits");
    take("g");
    complete("a#1");
    then("0 g takes a#1", "0 a completed by w1 #1", "0 c#1 to w1");
}

spec(group_that_is_busy_does_not_hold_up_other_workers)
{
    channel("dispatch.media.resize");
    group("g", 1);
    worker("w1", .group = "g", .capacity = 8);
    worker("w2", .capacity = 8);
    dispatch("a");
    dispatch("b");
    dispatch("c");
    then("0 a#1 to w1", "0 b#1 to w2", "0 c#1 to w2");
}

spec(thread_is_free_when_the_handler_returns_though_the_task_is_kept)
{
    channel("dispatch.media.resize");
    group("g", 1);
    worker("w1", .group = "g", .capacity = 2);
    dispatch("a");
    dispatch("b");
    take("g");
    whatever();
    keep("a#1");
    then("0 b#1 to w1");
    take("g");
    complete("b#1");
    complete("a#1");
    then("0 g takes b#1", "0 b completed by w1 #1", "0 a completed by w1 #1");
}

spec(settling_inside_a_handler_does_not_free_its_thread)
{
    channel("dispatch.media.resize");
    group("g", 1);
    worker("w1", .group = "g", .capacity = 2);
    dispatch("a");
    dispatch("b");
    take("g");
    complete_inside("a#1");
    then("0 a#1 to w1", "0 b waits", "0 g takes a#1", "0 a completed by w1 #1");
    return_from("a#1");
    then("0 b#1 to w1");
}

spec(pull_and_inline_workers_need_no_thread)
{
    channel("dispatch.media.resize");
    group("g", 0);
    worker("pull");
    worker("inline", .handled = true);
    worker("threaded", .group = "g");
    dispatch("a");
    dispatch("b");
    dispatch("c");
    then("0 a#1 to pull", "0 b#1 to inline", "0 c waits");
    limit_group("g", 1);
    then("0 c#1 to threaded");
}

spec(limit_that_is_raised_lets_in_what_waits)
{
    channel("dispatch.media.resize");
    group("g", 0);
    worker("w1", .group = "g", .capacity = 8);
    dispatch("a");
    dispatch("b");
    dispatch("c");
    whatever();
    limit_group("g", 2);
    then("0 a#1 to w1", "0 b#1 to w1");
    limit_group("g", 3);
    then("0 c#1 to w1");
}

spec(limit_that_is_lowered_takes_back_the_newest_that_was_not_begun)
{
    channel("dispatch.media.resize");
    group("g", 4);
    worker("w1", .group = "g", .capacity = 8);
    dispatch("a");
    dispatch("b");
    dispatch("c");
    dispatch("d");
    take("g");
    whatever();
    limit_group("g", 2);
    then("0 c#1 back from w1", "0 d#1 back from w1");
    check_eq(channel_now().queued, 2);
    take("g");
    complete("a#1");
    then("0 g takes b#1", "0 a completed by w1 #1", "0 c#1 to w1");
}

spec(of_what_a_lowered_limit_takes_back_a_free_worker_gets_the_oldest)
{
    channel("dispatch.media.resize");
    group("g", 3);
    worker("w1", .group = "g", .capacity = 8);
    dispatch("a");
    dispatch("b");
    dispatch("c");
    worker("w2");
    whatever();
    limit_group("g", 1);
    then("0 b#1 back from w1", "0 c#1 back from w1", "0 b#1 to w2");
}

spec(limit_that_is_lowered_below_what_runs_takes_nothing_from_it)
{
    channel("dispatch.media.resize");
    group("g", 2);
    worker("w1", .group = "g", .capacity = 8);
    dispatch("a");
    dispatch("b");
    take_up_to(2, "g");
    dispatch("c");
    whatever();
    limit_group("g", 0);
    complete("a#1");
    complete("b#1");
    then("0 a completed by w1 #1", "0 b completed by w1 #1");
    limit_group("g", 1);
    then("0 c#1 to w1");
}

spec(freed_thread_goes_round_the_channels_that_wait_for_it)
{
    char taken[32] = "";
    channel("dispatch.media.crop");
    channel("dispatch.media.scan");
    channel("dispatch.media.resize");
    group("g", 1);
    worker("wr", .group = "g", .capacity = 100);
    worker("wc", .group = "g", .capacity = 100, .on = "dispatch.media.crop");
    worker("ws", .group = "g", .capacity = 100, .on = "dispatch.media.scan");
    for (int i = 0; i < 20; i++)
        dispatch(numbered("r", i));
    for (int i = 0; i < 4; i++)
        dispatch(numbered("c", i), .on = "dispatch.media.crop");
    for (int i = 0; i < 4; i++)
        dispatch(numbered("s", i), .on = "dispatch.media.scan");
    for (int i = 0; i < 12; i++) {
        const char *task = take("g");
        taken[i] = task[0];
        complete(task);
    }
    whatever();
    check_str(taken, "rrcsrcsrcsrc");
}

spec(freed_thread_goes_round_the_activity_types_that_wait_for_it)
{
    char taken[32] = "";
    channel("dispatch.media.resize");
    group("g", 1);
    worker("wx", .group = "g", .capacity = 100, .types = {"x"});
    worker("wy", .group = "g", .capacity = 100, .types = {"y"});
    for (int i = 0; i < 10; i++)
        dispatch(numbered("x", i), .type = "x");
    for (int i = 0; i < 4; i++)
        dispatch(numbered("y", i), .type = "y");
    for (int i = 0; i < 10; i++) {
        const char *task = take("g");
        taken[i] = task[0];
        complete(task);
    }
    whatever();
    check_str(taken, "xxyxyxyxyx");
}

spec(worker_of_a_busy_group_that_comes_late_gets_its_turn)
{
    channel("dispatch.media.crop");
    channel("dispatch.media.resize");
    group("g", 1);
    worker("w1", .group = "g", .capacity = 8);
    dispatch("a");
    dispatch("b");
    dispatch("c");
    dispatch("other", .on = "dispatch.media.crop");
    take("g");
    whatever();
    worker("late", .group = "g", .on = "dispatch.media.crop");
    nothing_happens();
    complete("a#1");
    take("g");
    complete("b#1");
    then("0 a completed by w1 #1", "0 b#1 to w1", "0 g takes b#1", "0 b completed by w1 #1", "0 other#1 to late");
}

spec(freed_thread_passes_over_a_paused_channel_that_gets_its_turn_when_it_resumes)
{
    channel("dispatch.media.crop");
    channel("dispatch.media.resize");
    group("g", 1);
    worker("w1", .group = "g");
    worker("other", .group = "g", .on = "dispatch.media.crop", .capacity = 2);
    dispatch("c1", .on = "dispatch.media.crop");
    dispatch("a");
    dispatch("c2", .on = "dispatch.media.crop");
    take("g");
    pause_channel();
    whatever();
    complete("c1#1");
    then("0 c1 completed by other #1", "0 c2#1 to other");
    resume_channel();
    take("g");
    complete("c2#1");
    then("0 g takes c2#1", "0 c2 completed by other #1", "0 a#1 to w1");
}

spec(group_with_workers_or_running_handlers_cannot_be_removed)
{
    channel("dispatch.media.resize");
    group("g", 1);
    worker("w1", .group = "g");
    worker("w2", .group = "g");
    gives(WEFT_EBUSY, remove_group("g"));
    check_str(world.message, "2 workers of dispatch.media.resize are registered on the group: unregister them first");
    dispatch("a");
    take("g");
    unregister("w1");
    unregister("w2");
    gives(WEFT_EBUSY, remove_group("g"));
    check_str(world.message, "1 handlers still run on the group");
    complete("a#1");
    whatever();
    remove_group("g");
}

spec(groups_are_bounded)
{
    for (int i = 0; i < CORE_GROUPS_MAX; i++)
        group(numbered("g", i), 1);
    gives(WEFT_ELIMIT, group("more", 1));
    remove_group("g0");
    group("more", 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        promised(worker_never_has_more_than_its_capacity),
        promised(nothing_is_handed_out_ahead_of_a_free_slot),
        promised(large_capacity_is_filled_in_several_holds),
        promised(slot_is_free_when_the_handler_has_returned_after_settling),
        promised(slot_is_free_when_a_kept_task_is_settled_after_the_handler_has_returned),
        promised(slot_of_cancelled_work_is_free_when_it_has_stopped),
        promised(in_flight_counts_what_is_handed_out_and_not_released),
        promised(group_holds_no_more_than_its_limit_over_all_its_workers),
        promised(group_that_is_busy_does_not_hold_up_other_workers),
        promised(thread_is_free_when_the_handler_returns_though_the_task_is_kept),
        promised(settling_inside_a_handler_does_not_free_its_thread),
        promised(pull_and_inline_workers_need_no_thread),
        promised(limit_that_is_raised_lets_in_what_waits),
        promised(limit_that_is_lowered_takes_back_the_newest_that_was_not_begun),
        promised(of_what_a_lowered_limit_takes_back_a_free_worker_gets_the_oldest),
        promised(limit_that_is_lowered_below_what_runs_takes_nothing_from_it),
        promised(freed_thread_goes_round_the_channels_that_wait_for_it),
        promised(freed_thread_goes_round_the_activity_types_that_wait_for_it),
        promised(worker_of_a_busy_group_that_comes_late_gets_its_turn),
        promised(freed_thread_passes_over_a_paused_channel_that_gets_its_turn_when_it_resumes),
        promised(group_with_workers_or_running_handlers_cannot_be_removed),
        promised(groups_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
