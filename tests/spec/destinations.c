/* Destinations: FIFOs of what is to be done, and who waits for them. (R1 to R9: docs/architecture.md.)
 *
 *   - one FIFO for each destination, in the order in which things were decided                                    R1
 *   - who finds it empty leaves a waiter; each arrival wakes one, and only one that waits                        R1 R2
 *   - nothing is both taken and retracted: what was taken is followed by what came of it, what was not is gone     R6
 *   - between destinations nothing is promised: an old attempt is fenced, whichever is drained first               R8
 *   - a waiter taken back is not woken, and one that was woken cannot be taken back
 *   - who sleeps until the next time that runs out is woken by an earlier one, and by nothing else
 *   - tasks of limited time are taken one by one
 */
#include "base/clock.h"
#include "lib/fixture.h"

/* --- order and waking ------------------------------------------------------------------------- */

spec(tasks_come_to_a_worker_in_the_order_they_were_handed_out)
{
    channel("dispatch.media.resize");
    worker("w1", .capacity = 4);
    dispatch("a");
    dispatch("b", .priority = WEFT_PRIORITY_URGENT);
    dispatch("c");
    dispatch("d");
    cancel("b");
    whatever();
    take_up_to(2, "w1");
    take_up_to(2, "w1");
    then("0 w1 takes a#1", "0 w1 takes c#1", "0 w1 takes d#1");
}

spec(tasks_of_all_workers_of_a_group_come_in_one_order)
{
    channel("dispatch.media.resize");
    group("g", 9);
    worker("w1", .group = "g", .capacity = 4);
    worker("w2", .group = "g", .capacity = 4);
    for (int i = 0; i < 4; i++)
        dispatch(numbered("a", i));
    whatever();
    take_up_to(9, "g");
    then("0 g takes a0#1", "0 g takes a1#1", "0 g takes a2#1", "0 g takes a3#1");
}

spec(each_arrival_wakes_one_that_waits)
{
    channel("dispatch.media.resize");
    worker("w1", .capacity = 4);
    check_true(wait_for_task("x", "w1"));
    check_true(wait_for_task("y", "w1"));
    dispatch("a");
    then("0 a#1 to w1", "0 x woken");
    dispatch("b");
    then("0 b#1 to w1", "0 y woken");
    dispatch("c");
    then("0 c#1 to w1");
}

spec(who_finds_something_there_does_not_wait)
{
    channel("dispatch.media.resize");
    worker("w1", .capacity = 4);
    dispatch("a");
    check_true(!wait_for_task("x", "w1"));
    take("w1");
    whatever();
    check_true(wait_for_task("x", "w1"));
    unwait("x");
}

spec(parked_work_wakes_the_worker_that_replaces_another)
{
    channel("dispatch.media.resize");
    session("s1");
    worker("w1", .of = "s1");
    fire("s1");
    dispatch("a");
    worker("w2");
    then("0 a waits", "0 a#1 to w2");
    take("w2");
    check_true(wait_for_task("x", "w2"));
    complete("a#1");
    dispatch("b");
    then("0 w2 takes a#1", "0 a completed by w2 #1", "0 b#1 to w2", "0 x woken");
}

spec(waiter_taken_back_is_not_woken)
{
    channel("dispatch.media.resize");
    worker("w1", .capacity = 4);
    check_true(wait_for_task("x", "w1"));
    check_true(wait_for_task("y", "w1"));
    check_true(unwait("x"));
    check_true(!unwait("x"));
    dispatch("a");
    then("0 a#1 to w1", "0 y woken");
}

spec(waiter_that_was_woken_cannot_be_taken_back)
{
    channel("dispatch.media.resize");
    worker("w1", .capacity = 4);
    check_true(wait_for_task("x", "w1"));
    dispatch("a");
    then("0 a#1 to w1", "0 x woken");
    check_true(!unwait("x"));
}

/* --- taken or retracted ----------------------------------------------------------------------- */

spec(retracted_task_is_neither_taken_nor_cancelled)
{
    channel("dispatch.media.resize");
    worker("w1", .capacity = 4);
    dispatch("a");
    dispatch("b");
    cancel("a");
    whatever();
    take_up_to(4, "w1");
    then("0 w1 takes b#1");
}

spec(taken_task_is_followed_by_its_cancel)
{
    channel("dispatch.media.resize");
    worker("w1");
    dispatch("a");
    take("w1");
    listen_to("a#1");
    cancel("a");
    then("0 a#1 to w1", "0 w1 takes a#1", "0 w1 told to stop a#1");
}

spec(every_way_to_end_before_the_beginning_retracts)
{
    channel("dispatch.media.resize", .schedule_to_start_ms = 10);
    session("s1");
    session("s2");
    worker("w1", .of = "s1", .capacity = 9);
    box("mine");
    dispatch("cancelled");
    dispatch("late");
    dispatch("orphan", .by = "s2");
    dispatch("closed", .to = "mine");
    dispatch("moved", .schedule_to_start_ms = WEFT_FOREVER);
    whatever();
    cancel("cancelled");
    then("0 cancelled cancelled:cancelled by w1 #1", "0 cancelled#1 back from w1");
    fire("s2");
    then("0 orphan cancelled:caller_died by w1 #1", "0 orphan#1 back from w1");
    close_box("mine");
    then("0 closed#1 back from w1");
    at(10);
    then("10 late timed_out:schedule_to_start by w1 #1", "10 late#1 back from w1");
    fire("s1");
    then("10 moved#1 back from w1");
    gives(WEFT_EAGAIN, take("w1"));
    check_eq(channel_now().queued, 1);
}

/* The old worker's result is drained after the new worker has already answered, and before: the same outcome. */
spec(late_result_is_fenced_whichever_destination_is_drained_first)
{
    for (int late_first = 0; late_first < 2; late_first++) {
        channel(late_first ? "dispatch.media.crop" : "dispatch.media.resize", .on_crash = WEFT_CRASH_REDISPATCH,
                .overlapping = true);
        group("g", 9);
        attach(late_first ? "s1" : "s2");
        arm(late_first ? "s1" : "s2");
        worker("w1", .of = late_first ? "s1" : "s2", .group = "g");
        worker("w2", .group = "g");
        dispatch("a");
        take("g");
        fire(late_first ? "s1" : "s2");
        take("g");
        if (late_first) gives(WEFT_ESTALE, complete("a#1"));
        complete("a#2");
        if (!late_first) gives(WEFT_ESTALE, complete("a#1"));
        then("0 a#1 to w1", "0 g takes a#1", "0 a#2 to w2", "0 g takes a#2", "0 a completed by w2 #2");
        check_eq(channel_now().fenced, 1);
    }
}

/* --- tasks of limited time -------------------------------------------------------------------- */

spec(task_of_limited_time_is_taken_alone)
{
    channel("dispatch.media.resize");
    worker("w1", .capacity = 9);
    dispatch("a");
    dispatch("b");
    dispatch("timed", .start_to_close_ms = 100);
    dispatch("beating", .heartbeat_ms = 100);
    dispatch("c");
    whatever();
    take_up_to(9, "w1");
    then("0 w1 takes a#1", "0 w1 takes b#1");
    take_up_to(9, "w1");
    then("0 w1 takes timed#1");
    take_up_to(9, "w1");
    then("0 w1 takes beating#1");
    take_up_to(9, "w1");
    then("0 w1 takes c#1");
}

spec(no_more_tasks_are_taken_than_asked_for)
{
    channel("dispatch.media.resize");
    worker("w1", .capacity = 9);
    for (int i = 0; i < 5; i++)
        dispatch(numbered("a", i));
    whatever();
    take_up_to(3, "w1");
    then("0 w1 takes a0#1", "0 w1 takes a1#1", "0 w1 takes a2#1");
    take_up_to(3, "w1");
    then("0 w1 takes a3#1", "0 w1 takes a4#1");
}

spec(tasks_moved_to_another_destination_keep_their_order)
{
    channel("dispatch.media.resize");
    worker("w1", .capacity = 3, .handled = true);
    worker("w2", .capacity = 3, .handled = true);
    pause_channel();
    for (int i = 0; i < 6; i++)
        dispatch(numbered("a", i));
    resume_channel();
    whatever();
    check_true(!wait_for_task("x", "w2"));
    weft__core_move(world.core, destination("w1"), destination("w2"));
    take_up_to(9, "w2");
    then("0 w2 takes a1#1", "0 w2 takes a3#1", "0 w2 takes a5#1", "0 w2 takes a0#1", "0 w2 takes a2#1",
         "0 w2 takes a4#1");
    cancel("a0");
    acknowledge("a0#1");
    then("0 a0 cancelled:cancelled by w1 #1");
}

/* --- time ------------------------------------------------------------------------------------- */

spec(nothing_falls_due_before_its_time_and_everything_at_it)
{
    channel("dispatch.media.resize");
    dispatch("a", .schedule_to_start_ms = 30);
    dispatch("b", .schedule_to_start_ms = 10);
    dispatch("c", .schedule_to_start_ms = 20);
    dispatch("d", .schedule_to_start_ms = 10);
    whatever();
    check_eq(weft__core_due(world.core), world_now_ns() + 10 * NS_PER_MS);
    weft__core_tick(world.core, world_now_ns() + 10 * NS_PER_MS - 1);
    nothing_happens();
    at(100);
    then("10 b timed_out:schedule_to_start #0", "10 d timed_out:schedule_to_start #0",
         "20 c timed_out:schedule_to_start #0", "30 a timed_out:schedule_to_start #0");
    check_eq(weft__core_due(world.core), CORE_NEVER);
}

spec(who_sleeps_until_something_is_due_is_woken_by_an_earlier_time)
{
    channel("dispatch.media.resize");
    dispatch("a", .schedule_to_start_ms = 100);
    sleep_until_due("x");
    dispatch("later", .schedule_to_start_ms = 200);
    dispatch("same", .schedule_to_start_ms = 100);
    dispatch("none");
    then("0 a waits", "0 later waits", "0 same waits", "0 none waits");
    dispatch("earlier", .schedule_to_start_ms = 99);
    then("0 earlier waits", "0 x woken");
    sleep_until_due("x");
    cancel("earlier");
    then("0 earlier cancelled:cancelled #0");
    check_true(unwait("x"));
}

spec(who_sleeps_for_ever_is_woken_by_the_first_time_that_is_set)
{
    channel("dispatch.media.resize");
    worker("w1");
    sleep_until_due("x");
    dispatch("a", .start_to_close_ms = 50);
    then("0 a#1 to w1");
    take("w1");
    then("0 w1 takes a#1", "0 x woken");
}

spec(tick_ends_no_more_at_a_time_than_a_hold_allows)
{
    enum { WAITING = 700 };
    channel("dispatch.media.resize");
    for (int i = 0; i < WAITING; i++)
        dispatch("a", .schedule_to_start_ms = 10);
    whatever();
    stop_steps();
    weft__core_tick(world.core, world_now_ns() + 10 * NS_PER_MS);
    check_eq(stats_now().timed_out, CORE_HOLD_MAX);
    check_eq(weft__core_due(world.core), world_now_ns() + 10 * NS_PER_MS);
    at(10);
    check_eq(stats_now().timed_out, WAITING);
    whatever();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        promised(tasks_come_to_a_worker_in_the_order_they_were_handed_out),
        promised(tasks_of_all_workers_of_a_group_come_in_one_order),
        promised(each_arrival_wakes_one_that_waits),
        promised(who_finds_something_there_does_not_wait),
        promised(parked_work_wakes_the_worker_that_replaces_another),
        promised(waiter_taken_back_is_not_woken),
        promised(waiter_that_was_woken_cannot_be_taken_back),
        promised(retracted_task_is_neither_taken_nor_cancelled),
        promised(taken_task_is_followed_by_its_cancel),
        promised(every_way_to_end_before_the_beginning_retracts),
        promised(late_result_is_fenced_whichever_destination_is_drained_first),
        promised(task_of_limited_time_is_taken_alone),
        promised(no_more_tasks_are_taken_than_asked_for),
        promised(tasks_moved_to_another_destination_keep_their_order),
        promised(nothing_falls_due_before_its_time_and_everything_at_it),
        promised(who_sleeps_until_something_is_due_is_woken_by_an_earlier_time),
        promised(who_sleeps_for_ever_is_woken_by_the_first_time_that_is_set),
        promised(tick_ends_no_more_at_a_time_than_a_hold_allows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
