/* What a task tells its caller before the outcome.
 *
 *   - parts of the result arrive each, numbered from 1 in each attempt, in the order sent; of how far it is, the last
 *     word
 *   - all of it before the outcome, and only where the caller asked for it
 *   - a window bounds the parts that wait for the caller: beyond it a task is refused, or waits and is woken in turn
 *   - another attempt restarts the stream: the caller is told so first, and nothing of its predecessor comes after that
 *   - who speaks for a dispatch that has ended, or goes on without him, is stale, and is woken if he waits
 *   - each word is a sign of life, and so is waiting for the caller
 *   - who does not want to hear any more is told nothing, and keeps nobody waiting
 */
#include <stdio.h>

#include "lib/fixture.h"

/* --- order ------------------------------------------------------------------------------------ */

spec(parts_arrive_each_in_order_before_the_outcome)
{
    channel("dispatch.media.resize");
    worker("w1");
    box("mine");
    dispatch("a", .to = "mine", .window = 4);
    take("w1");
    whatever();
    partial("a#1", "x");
    partial("a#1", "y");
    at(7);
    partial("a#1", "z");
    complete("a#1");
    look_into("mine");
    then("7 a#1 part 1 x", "7 a#1 part 2 y", "7 a#1 part 3 z", "7 a completed by w1 #1");
}

spec(each_way_to_end_comes_after_what_was_said)
{
    channel("dispatch.media.resize", .cancel_grace_ms = 5);
    session("s1");
    session("s2");
    worker("w1", .capacity = 9);
    worker("w2", .of = "s1");
    box("mine");
    const char *const names[] = {"failed", "abandoned", "late", "cancelled", "orphan"};
    drain_worker("w2");
    for (int i = 0; i < 5; i++) {
        bool late = i == 2;
        dispatch(names[i], .to = "mine", .window = 2, .start_to_close_ms = late ? 10 : 0, .by = i == 4 ? "s2" : NULL);
        partial(take("w1"), "said");
    }
    whatever();
    fail_with("failed#1", "no");
    abandon("abandoned#1");
    cancel("cancelled");
    fire("s2");
    at(20);
    look_into("mine");
    then("20 failed#1 part 1 said", "20 abandoned#1 part 1 said", "20 late#1 part 1 said", "20 cancelled#1 part 1 said",
         "20 orphan#1 part 1 said", "20 failed failed:no by w1 #1", "20 abandoned worker_died:abandoned by w1 #1",
         "20 orphan cancelled:caller_died by w1 #1", "20 cancelled cancelled:cancel_grace by w1 #1",
         "20 late timed_out:start_to_close by w1 #1");
    gives(WEFT_ESTALE, complete("late#1"));
    gives(WEFT_ESTALE, complete("cancelled#1"));
    gives(WEFT_ESTALE, complete("orphan#1"));
}

spec(of_how_far_it_is_the_last_word_is_left)
{
    channel("dispatch.media.resize");
    worker("w1");
    box("mine");
    dispatch("a", .to = "mine", .window = 1);
    take("w1");
    whatever();
    for (int i = 0; i < 100; i++)
        progress("a#1", numbered("", i));
    look_into("mine");
    then("0 a#1 is at 99");
    progress("a#1", "100");
    progress("a#1", "101");
    complete("a#1");
    look_into("mine");
    then("0 a#1 is at 101", "0 a completed by w1 #1");
}

spec(what_is_left_comes_in_the_order_in_which_it_was_sent)
{
    channel("dispatch.media.resize");
    worker("w1");
    box("mine");
    dispatch("a", .to = "mine", .window = 4);
    take("w1");
    whatever();
    progress("a#1", "10");
    partial("a#1", "x");
    progress("a#1", "20");
    partial("a#1", "y");
    progress("a#1", "30");
    progress("a#1", "35");
    partial("a#1", "z");
    look_into("mine");
    then("0 a#1 part 1 x", "0 a#1 part 2 y", "0 a#1 is at 35", "0 a#1 part 3 z");
    complete("a#1");
    look_into("mine");
    whatever();
}

spec(talkative_task_keeps_no_other_from_being_heard)
{
    channel("dispatch.media.resize");
    worker("w1", .capacity = 2);
    box("mine");
    dispatch("a", .to = "mine", .window = 3);
    dispatch("b", .to = "mine", .window = 3);
    take_up_to(2, "w1");
    whatever();
    progress("a#1", "1");
    partial("a#1", "x");
    partial("b#1", "u");
    progress("a#1", "2");
    partial("a#1", "y");
    complete("b#1");
    partial("a#1", "z");
    complete("a#1");
    look_into("mine");
    then("0 a#1 part 1 x", "0 a#1 is at 2", "0 b#1 part 1 u", "0 a#1 part 2 y", "0 b completed by w1 #1",
         "0 a#1 part 3 z", "0 a completed by w1 #1");
}

spec(caller_that_waits_is_woken_by_what_is_said)
{
    channel("dispatch.media.resize");
    worker("w1");
    box("mine");
    dispatch("a", .to = "mine", .window = 1);
    take("w1");
    whatever();
    check_true(wait_for_outcome("x", "mine"));
    progress("a#1", "1");
    then("0 x woken");
    progress("a#1", "2");
    nothing_happens();
    check_true(!wait_for_outcome("x", "mine"));
    look_into("mine");
    check_true(wait_for_outcome("x", "mine"));
    partial("a#1", "p");
    then("0 a#1 is at 2", "0 x woken");
    complete("a#1");
    look_into("mine");
    then("0 a#1 part 1 p", "0 a completed by w1 #1");
}

spec(nobody_is_told_what_he_did_not_ask_for)
{
    channel("dispatch.media.resize");
    worker("w1");
    dispatch("a");
    take("w1");
    check_true(!task_named("a#1")->streams);
    whatever();
    progress("a#1", "1");
    for (int i = 0; i < 300; i++)
        partial("a#1", "x");
    nothing_happens();
    complete("a#1");
    then("0 a completed by w1 #1");
}

/* --- the window ------------------------------------------------------------------------------- */

spec(part_beyond_the_window_is_refused_until_the_caller_fetches)
{
    channel("dispatch.media.resize");
    worker("w1");
    box("mine");
    dispatch("a", .to = "mine", .window = 2);
    take("w1");
    whatever();
    partial("a#1", "x");
    partial("a#1", "y");
    gives(WEFT_EAGAIN, partial("a#1", "z"));
    progress("a#1", "1"); /* which has its own place */
    look_into("mine");
    then("0 a#1 part 1 x", "0 a#1 part 2 y", "0 a#1 is at 1");
    for (int i = 0; i < 5; i++) {
        partial("a#1", "z");
        if (i % 2 == 1) look_into("mine");
    }
    then("0 a#1 part 3 z", "0 a#1 part 4 z", "0 a#1 part 5 z", "0 a#1 part 6 z");
    complete("a#1");
    look_into("mine");
    then("0 a#1 part 7 z", "0 a completed by w1 #1");
}

spec(each_part_that_is_fetched_wakes_one_that_waits)
{
    struct core_outcome outcome;
    struct core_task *none;
    channel("dispatch.media.resize");
    worker("w1");
    box("mine");
    dispatch("a", .to = "mine", .window = 2);
    take("w1");
    partial("a#1", "1");
    partial("a#1", "2");
    whatever();
    gives(WEFT_EAGAIN, partial_or_wait("a#1", "3", "x"));
    gives(WEFT_EAGAIN, partial_or_wait("a#1", "4", "y"));
    gives(WEFT_EAGAIN, partial_or_wait("a#1", "5", "z"));
    check_eq(weft__core_outcome_take(world.core, world_now_ns(), box_named("mine"), &outcome, &none), CORE_ITEM_UPDATE);
    weft__message_drop(outcome.message);
    stop_steps();
    run_steps();
    then("0 x woken");
    partial_again("a#1", "3", "x");
    gives(WEFT_EAGAIN, partial("a#1", "6"));
    look_into("mine");
    then("0 a#1 part 2 2", "0 a#1 part 3 3", "0 y woken", "0 z woken");
    partial_again("a#1", "5", "z");
    partial_again("a#1", "4", "y");
    complete("a#1");
    look_into("mine");
    then("0 a#1 part 4 5", "0 a#1 part 5 4", "0 a completed by w1 #1");
}

spec(who_finds_the_room_taken_waits_again)
{
    channel("dispatch.media.resize");
    worker("w1");
    box("mine");
    dispatch("a", .to = "mine", .window = 1);
    take("w1");
    partial("a#1", "1");
    whatever();
    gives(WEFT_EAGAIN, partial_or_wait("a#1", "2", "x"));
    look_into("mine");
    then("0 a#1 part 1 1", "0 x woken");
    partial("a#1", "quicker");
    gives(WEFT_EAGAIN, partial_again("a#1", "2", "x"));
    look_into("mine");
    then("0 a#1 part 2 quicker", "0 x woken");
    partial_again("a#1", "2", "x");
    complete("a#1");
    look_into("mine");
    then("0 a#1 part 3 2", "0 a completed by w1 #1");
}

/* --- another attempt -------------------------------------------------------------------------- */

spec(another_attempt_restarts_the_stream)
{
    channel("dispatch.media.resize", .on_crash = WEFT_CRASH_REDISPATCH);
    session("s1");
    worker("w1", .of = "s1");
    box("mine");
    dispatch("a", .to = "mine", .window = 4);
    take("w1");
    partial("a#1", "1");
    look_into("mine");
    partial("a#1", "2");
    progress("a#1", "half");
    partial("a#1", "3");
    worker("w2");
    whatever();
    fire("s1");
    then("0 a#2 to w2");
    take("w2");
    progress("a#2", "little");
    partial("a#2", "one");
    look_into("mine");
    then("0 w2 takes a#2", "0 a#2 restarts", "0 a#2 is at little", "0 a#2 part 1 one");
    complete("a#2");
    look_into("mine");
    then("0 a completed by w2 #2");
    gives(WEFT_ESTALE, complete("a#1"));
}

spec(what_the_lost_attempt_said_is_heard_until_the_next_begins)
{
    channel("dispatch.media.resize", .on_crash = WEFT_CRASH_REDISPATCH, .redispatch_wait_ms = 10);
    worker("w1");
    box("mine");
    dispatch("a", .to = "mine", .window = 4, .schedule_to_close_ms = 50);
    take("w1");
    partial("a#1", "1");
    partial("a#1", "2");
    abandon("a#1");
    whatever();
    at(10);
    then("10 a#2 to w1");
    look_into("mine");
    then("10 a#1 part 1 1", "10 a#1 part 2 2");
    take("w1");
    whatever();
    partial("a#2", "one");
    abandon("a#2");
    at(50);
    look_into("mine");
    then("20 a#3 to w1", "50 a#3 back from w1", "50 a#2 restarts", "50 a#2 part 1 one",
         "50 a timed_out:schedule_to_close by w1 #3");
}

spec(restart_that_nobody_has_heard_of_gives_way_to_the_next)
{
    channel("dispatch.media.resize", .on_crash = WEFT_CRASH_REDISPATCH, .attempts_max = 3);
    worker("w1");
    worker("w2");
    worker("w3");
    box("mine");
    dispatch("a", .to = "mine", .window = 2);
    take("w1");
    partial("a#1", "1");
    abandon("a#1");
    take("w2");
    partial("a#2", "one");
    partial("a#2", "two");
    abandon("a#2");
    take("w3");
    whatever();
    partial("a#3", "eins");
    complete("a#3");
    look_into("mine");
    then("0 a#3 restarts", "0 a#3 part 1 eins", "0 a completed by w3 #3");
}

spec(attempt_that_was_never_begun_is_announced_once)
{
    channel("dispatch.media.resize", .on_crash = WEFT_CRASH_REDISPATCH);
    group("g", 4);
    worker("w1", .group = "g");
    worker("w2", .group = "g");
    dispatch("a", .window = 2);
    take("g");
    abandon("a#1");
    whatever();
    take("g");
    then("0 g takes a#2", "0 a#2 restarts");
    give_back("a#2");
    take("g");
    then("0 a#2 back from w2", "0 a#2 to w2", "0 g takes a#2");
    partial("a#2", "one");
    complete("a#2");
    then("0 a#2 part 1 one", "0 a completed by w2 #2");
}

spec(what_drops_a_window_is_taken_alone)
{
    channel("dispatch.media.resize", .on_crash = WEFT_CRASH_REDISPATCH);
    worker("w1", .capacity = 4);
    worker("w2", .capacity = 4);
    box("mine");
    pause_channel();
    dispatch("a", .to = "mine", .window = 2);
    dispatch("b", .to = "mine", .window = 2);
    dispatch("c", .to = "mine");
    resume_channel();
    whatever();
    take_up_to(4, "w1");
    take_up_to(4, "w2");
    then("0 w1 takes a#1", "0 w1 takes c#1", "0 w2 takes b#1");
    abandon("a#1");
    abandon("c#1");
    whatever();
    take_up_to(4, "w2");
    then("0 w2 takes a#2");
    take_up_to(4, "w2");
    then("0 w2 takes c#2");
    close_box("mine");
    acknowledge("a#2");
    acknowledge("c#2");
    acknowledge("b#1");
    whatever();
}

/* --- stale ------------------------------------------------------------------------------------ */

spec(who_speaks_for_what_has_ended_is_stale)
{
    channel("dispatch.media.resize", .cancel_grace_ms = 0);
    worker("w1");
    dispatch("a", .window = 2);
    take("w1");
    cancel("a");
    at(1);
    whatever();
    gives(WEFT_ESTALE, progress("a#1", "1"));
    gives(WEFT_ESTALE, partial("a#1", "x"));
    gives(WEFT_ESTALE, partial_or_wait("a#1", "x", "y"));
    nothing_happens();
    acknowledge("a#1");
}

spec(who_is_fenced_or_lost_is_stale)
{
    channel("dispatch.media.resize", .on_crash = WEFT_CRASH_REDISPATCH);
    session("s1");
    session("s2");
    worker("w1", .of = "s1", .handled = true);
    worker("w2", .of = "s2");
    dispatch("a", .window = 2);
    dispatch("b", .window = 2);
    take("w1");
    take("w2");
    fire("s1");
    fire("s2");
    whatever();
    gives(WEFT_ESTALE, partial("a#1", "x"));
    gives(WEFT_ESTALE, progress("a#1", "x"));
    gives(WEFT_ESTALE, partial("b#1", "x"));
    gives(WEFT_ESTALE, progress("b#1", "x"));
    nothing_happens();
    gives(WEFT_ESTALE, complete("a#1"));
    gives(WEFT_ESTALE, complete("b#1"));
    worker("w3", .capacity = 2);
    take_up_to(2, "w3");
    take_up_to(2, "w3");
    whatever();
    complete("a#2");
    complete("b#2");
    whatever();
}

spec(settled_task_says_no_more)
{
    channel("dispatch.media.resize");
    worker("w1", .handled = true);
    dispatch("a", .window = 2);
    take("w1");
    complete_inside("a#1");
    whatever();
    gives(WEFT_EINVAL, progress("a#1", "1"));
    gives(WEFT_EINVAL, partial("a#1", "1"));
    return_from("a#1");
    nothing_happens();
}

spec(who_waits_for_a_caller_is_woken_when_it_becomes_stale)
{
    channel("dispatch.media.resize", .on_crash = WEFT_CRASH_REDISPATCH);
    session("s1");
    session("caller");
    worker("w1", .of = "s1");
    worker("w2", .capacity = 2);
    box("mine");
    dispatch("a", .to = "mine", .window = 1);
    take("w1");
    dispatch("b", .to = "mine", .window = 1, .by = "caller");
    dispatch("c", .to = "mine", .window = 1, .schedule_to_close_ms = 10);
    take_up_to(2, "w2");
    const char *const tasks[] = {"a#1", "b#1", "c#1"}, *const waiters[] = {"x", "y", "z"};
    for (int i = 0; i < 3; i++) {
        partial(tasks[i], "1");
        gives(WEFT_EAGAIN, partial_or_wait(tasks[i], "2", waiters[i]));
    }
    whatever();
    fire("s1"); /* lost, to be dispatched again */
    then("0 x woken");
    fire("caller");
    then("0 y woken");
    at(10);
    then("10 z woken");
    for (int i = 0; i < 3; i++) {
        gives(WEFT_ESTALE, partial_again(tasks[i], "2", waiters[i]));
        acknowledge(tasks[i]);
    }
    look_into("mine");
    whatever();
}

spec(each_of_several_that_wait_is_woken_by_the_end)
{
    channel("dispatch.media.resize");
    worker("w1");
    box("mine");
    dispatch("a", .to = "mine", .window = 1);
    take("w1");
    partial("a#1", "1");
    gives(WEFT_EAGAIN, partial_or_wait("a#1", "2", "x"));
    gives(WEFT_EAGAIN, partial_or_wait("a#1", "3", "y"));
    whatever();
    complete("a#1");
    then("0 x woken", "0 y woken");
    look_into("mine");
    then("0 a#1 part 1 1", "0 a completed by w1 #1");
}

/* --- signs of life ---------------------------------------------------------------------------- */

spec(each_word_is_a_sign_of_life)
{
    channel("dispatch.media.resize");
    worker("w1");
    dispatch("a", .heartbeat_ms = 10, .window = 1);
    take("w1");
    whatever();
    at(9);
    progress("a#1", "1");
    at(18);
    partial("a#1", "x");
    at(27);
    progress("a#1", "2");
    then("9 a#1 is at 1", "18 a#1 part 1 x", "27 a#1 is at 2");
    at(40);
    then("37 a timed_out:heartbeat by w1 #1");
    gives(WEFT_ESTALE, complete("a#1"));
}

spec(word_of_one_that_nobody_listens_to_is_a_sign_of_life)
{
    channel("dispatch.media.resize");
    worker("w1");
    dispatch("a", .heartbeat_ms = 10);
    take("w1");
    whatever();
    at(9);
    progress("a#1", "1");
    at(18);
    partial("a#1", "x");
    at(27);
    nothing_happens();
    at(28);
    then("28 a timed_out:heartbeat by w1 #1");
    gives(WEFT_ESTALE, complete("a#1"));
}

spec(who_waits_for_his_caller_is_alive)
{
    channel("dispatch.media.resize");
    worker("w1");
    box("mine");
    dispatch("a", .to = "mine", .heartbeat_ms = 10, .window = 1);
    take("w1");
    partial("a#1", "1");
    whatever();
    gives(WEFT_EAGAIN, partial_or_wait("a#1", "2", "x"));
    at(1000);
    nothing_happens();
    look_into("mine");
    at(1025); /* woken, but not back yet */
    then("1000 a#1 part 1 1", "1000 x woken");
    partial_again("a#1", "2", "x");
    at(1040);
    look_into("mine");
    then("1040 a#1 part 2 2", "1040 a timed_out:heartbeat by w1 #1");
    gives(WEFT_ESTALE, complete("a#1"));
}

spec(who_gave_up_waiting_has_his_time_again)
{
    channel("dispatch.media.resize");
    worker("w1");
    box("mine");
    dispatch("a", .to = "mine", .heartbeat_ms = 10, .window = 1);
    take("w1");
    partial("a#1", "1");
    whatever();
    gives(WEFT_EAGAIN, partial_or_wait("a#1", "2", "x"));
    at(104);
    check_true(unwait("x"));
    gives(WEFT_EAGAIN, partial_again("a#1", "2", NULL));
    at(113);
    nothing_happens();
    at(200);
    look_into("mine");
    then("200 a#1 part 1 1", "200 a timed_out:heartbeat by w1 #1");
    gives(WEFT_ESTALE, complete("a#1"));
}

/* --- not wanting to hear any more ------------------------------------------------------------- */

spec(closed_box_drops_what_was_said_and_wakes_who_waits)
{
    channel("dispatch.media.resize", .on_crash = WEFT_CRASH_REDISPATCH);
    worker("w1", .capacity = 4);
    box("mine");
    dispatch("a", .to = "mine", .window = 1);
    dispatch("b", .to = "mine", .window = 2, .detached = true);
    dispatch("c", .to = "mine", .window = 2);
    take_up_to(4, "w1");
    progress("a#1", "1");
    partial("a#1", "1");
    partial("b#1", "1");
    partial("b#1", "2");
    partial("c#1", "2");
    complete("c#1");
    gives(WEFT_EAGAIN, partial_or_wait("a#1", "2", "x"));
    gives(WEFT_EAGAIN, partial_or_wait("b#1", "3", "y"));
    whatever();
    close_box("mine");
    then("0 x woken", "0 y woken");
    gives(WEFT_ESTALE, partial_again("a#1", "2", "x"));
    partial_again("b#1", "3", "y"); /* it goes on, and nobody listens */
    for (int i = 0; i < 9; i++)
        partial("b#1", "4");
    progress("b#1", "4");
    complete("b#1");
    nothing_happens();
    fetch("b");
    then("0 b completed by w1 #1");
    acknowledge("a#1");
    nothing_happens();
}

spec(many_words_are_dropped_hold_by_hold)
{
    channel("dispatch.media.resize");
    worker("w1", .capacity = 8);
    box("mine");
    for (int i = 0; i < 8; i++) {
        dispatch(numbered("a", i), .to = "mine", .window = WEFT_WINDOW_MAX);
        const char *task = take("w1");
        for (int n = 0; n < WEFT_WINDOW_MAX; n++)
            partial(task, "x");
        if (i % 2) complete(task);
    }
    whatever();
    uint32_t left = box_named("mine")->items_count;
    check_eq(left, 8 * WEFT_WINDOW_MAX + 4);
    while (weft__core_dest_abandon(world.core, world_now_ns(), box_named("mine"))) {
        uint32_t now = box_named("mine")->items_count;
        check_true(left - now <= CORE_HOLD_MAX + WEFT_WINDOW_MAX + 2);
        left = now;
    }
    check_eq(box_named("mine")->items_count, 0);
    for (int i = 0; i < 8; i += 2) {
        char task[16];
        snprintf(task, sizeof task, "a%d#1", i);
        acknowledge(task);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        promised(parts_arrive_each_in_order_before_the_outcome),
        promised(each_way_to_end_comes_after_what_was_said),
        promised(of_how_far_it_is_the_last_word_is_left),
        promised(what_is_left_comes_in_the_order_in_which_it_was_sent),
        promised(talkative_task_keeps_no_other_from_being_heard),
        promised(caller_that_waits_is_woken_by_what_is_said),
        promised(nobody_is_told_what_he_did_not_ask_for),
        promised(part_beyond_the_window_is_refused_until_the_caller_fetches),
        promised(each_part_that_is_fetched_wakes_one_that_waits),
        promised(who_finds_the_room_taken_waits_again),
        promised(another_attempt_restarts_the_stream),
        promised(what_the_lost_attempt_said_is_heard_until_the_next_begins),
        promised(restart_that_nobody_has_heard_of_gives_way_to_the_next),
        promised(attempt_that_was_never_begun_is_announced_once),
        promised(what_drops_a_window_is_taken_alone),
        promised(who_speaks_for_what_has_ended_is_stale),
        promised(who_is_fenced_or_lost_is_stale),
        promised(settled_task_says_no_more),
        promised(who_waits_for_a_caller_is_woken_when_it_becomes_stale),
        promised(each_of_several_that_wait_is_woken_by_the_end),
        promised(each_word_is_a_sign_of_life),
        promised(word_of_one_that_nobody_listens_to_is_a_sign_of_life),
        promised(who_waits_for_his_caller_is_alive),
        promised(who_gave_up_waiting_has_his_time_again),
        promised(closed_box_drops_what_was_said_and_wakes_who_waits),
        promised(many_words_are_dropped_hold_by_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
