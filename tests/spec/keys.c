/* Idempotency keys: a repeat of a key is the same dispatch. (The attempts are the key's, "k#1"; who asked has a name and
 * a number of its own.)
 *
 *   - a repeat while it is open joins it; after its end, within dedup_ms, it gets the same outcome at once
 *   - with another payload or type it is a conflict
 *   - what no worker began is forgotten with its end
 *   - who asked leaves alone, by cancel, death or its own time; when the last has left, the work is cancelled
 *   - keys are bounded: the oldest that has ended makes room; if all are open, the newcomer is rejected
 *   - one execution, however many ask; counters of the channel count it once
 */
#include <stdio.h>

#include "lib/fixture.h"

#define JOB "dispatch.media.job"

/* --- joining ---------------------------------------------------------------------------------- */

spec(repeat_while_open_joins_and_all_who_asked_get_the_one_outcome)
{
    channel(JOB);
    worker("w1");
    dispatch("a", .once = "k");
    then("0 k#1 to w1");
    dispatch("b", .once = "k");
    take("w1");
    at(5);
    dispatch("c", .once = "k");
    complete("k#1");
    then("0 w1 takes k#1", "5 a completed by w1 #1", "5 b completed by w1 #1", "5 c completed by w1 #1");
    check_eq(reply_of("b").admission, WEFT_ADMISSION_ACCEPTED);
    check_eq(reply_of("c").run_ns, reply_of("a").run_ns);
    check_eq(channel_now().dispatched, 1);
    check_eq(channel_now().completed, 1);
    check_eq(channel_now().joined, 2);
    check_eq(stats_now().joined, 2);
    check_eq(channel_now().keys, 1);
}

spec(repeat_of_what_waits_waits_with_it)
{
    channel(JOB);
    dispatch("a", .once = "k");
    dispatch("b", .once = "k");
    then("0 a waits", "0 b waits");
    check_eq(channel_now().queued, 1);
    check_eq(stats_now().dispatches_open, 1);
    worker("w1");
    take("w1");
    fail_with("k#1", "no_such_file");
    then("0 k#1 to w1", "0 w1 takes k#1", "0 a failed:no_such_file by w1 #1", "0 b failed:no_such_file by w1 #1");
}

spec(repeat_after_the_end_gets_the_same_outcome_at_once)
{
    channel(JOB, .dedup_ms = 100);
    worker("w1");
    dispatch("a", .once = "k");
    take("w1");
    complete("k#1");
    whatever();
    at(99);
    dispatch("b", .once = "k");
    then("99 b completed by w1 #1");
    check_eq(reply_of("b").attempts, 1);
    check_eq(channel_now().joined, 1);
    check_eq(channel_now().dispatched, 1);
}

spec(key_is_forgotten_dedup_ms_after_its_end)
{
    channel(JOB, .dedup_ms = 100);
    worker("w1");
    dispatch("a", .once = "k");
    take("w1");
    at(50);
    complete("k#1");
    whatever();
    at(149);
    check_eq(channel_now().keys, 1);
    at(150);
    check_eq(channel_now().keys, 0);
    dispatch("b", .once = "k");
    then("150 k#1 to w1");
}

spec(key_whose_time_is_over_is_not_answered_though_no_tick_has_seen_it)
{
    channel(JOB, .dedup_ms = 100);
    worker("w1");
    dispatch("a", .once = "k");
    take("w1");
    complete("k#1");
    whatever();
    late_at(100);
    dispatch("b", .once = "k");
    then("100 k#1 to w1");
}

spec(keys_are_forgotten_in_the_order_in_which_they_ended)
{
    channel(JOB, .dedup_ms = 100);
    worker("w1", .capacity = 2);
    dispatch("a", .once = "k");
    dispatch("b", .once = "l");
    take_up_to(2, "w1");
    at(10);
    complete("l#1");
    at(20);
    complete("k#1");
    whatever();
    at(115);
    dispatch("c", .once = "k");
    then("115 c completed by w1 #1");
    dispatch("d", .once = "l");
    then("115 l#1 to w1");
}

spec(key_of_a_channel_without_dedup_ms_lives_as_long_as_its_dispatch)
{
    channel(JOB, .dedup_ms = 0);
    worker("w1");
    dispatch("a", .once = "k");
    dispatch("b", .once = "k");
    take("w1");
    complete("k#1");
    then("0 k#1 to w1", "0 w1 takes k#1", "0 a completed by w1 #1", "0 b completed by w1 #1");
    check_eq(channel_now().keys, 0);
    dispatch("c", .once = "k");
    then("0 k#1 to w1");
}

spec(key_without_an_end_of_its_time_is_kept)
{
    channel(JOB, .dedup_ms = WEFT_FOREVER);
    worker("w1");
    dispatch("a", .once = "k");
    take("w1");
    complete("k#1");
    whatever();
    at(4000000);
    dispatch("b", .once = "k");
    then("4000000 b completed by w1 #1");
}

spec(keys_of_two_channels_are_two)
{
    channel("dispatch.media.other");
    channel(JOB);
    worker("w1");
    worker("w2", .on = "dispatch.media.other");
    dispatch("a", .once = "k");
    dispatch("b", .once = "k", .on = "dispatch.media.other");
    then("0 k#1 to w1", "0 k#1 to w2");
}

spec(what_came_without_a_key_is_never_joined)
{
    channel(JOB);
    worker("w1", .capacity = 2);
    dispatch("k");
    dispatch("a", .once = "k");
    then("0 k#1 to w1", "0 k#1 to w1");
}

/* --- conflict --------------------------------------------------------------------------------- */

spec(repeat_with_another_payload_or_type_is_a_conflict)
{
    channel(JOB);
    worker("w1");
    dispatch("a", .once = "k", .body = "pay 5");
    dispatch("b", .once = "k", .body = "pay 6");
    dispatch("c", .once = "k", .body = "pay 5", .type = "t");
    then("0 k#1 to w1", "0 b rejected:conflict 0", "0 c rejected:conflict 0");
    take("w1");
    complete("k#1");
    dispatch("d", .once = "k", .body = "pay 6");
    then("0 w1 takes k#1", "0 a completed by w1 #1", "0 d rejected:conflict 0");
    check_eq(channel_now().rejected_by[WEFT_REJECTED_CONFLICT], 3);
    check_eq(channel_now().rejected, 3);
    check_eq(channel_now().joined, 0);
}

/* --- what never ran --------------------------------------------------------------------------- */

spec(what_never_reached_a_worker_is_forgotten_with_its_end)
{
    channel(JOB, .queue_full = WEFT_SHED_LOWEST, .depth_max = 1);
    dispatch("a", .once = "k", .schedule_to_start_ms = 10);
    dispatch("b", .once = "k");
    at(10);
    then("0 a waits", "0 b waits", "10 a timed_out:schedule_to_start #0", "10 b timed_out:schedule_to_start #0");
    dispatch("c", .once = "k", .priority = WEFT_PRIORITY_LOW);
    dispatch("d", .priority = WEFT_PRIORITY_HIGH);
    then("10 c waits", "10 d waits", "10 c rejected:shed #0");
    check_eq(channel_now().keys, 0);
    cancel("d");
    dispatch("e", .once = "k");
    then("10 d cancelled:cancelled #0", "10 e waits");
}

spec(what_was_given_back_unbegun_has_not_reached_a_worker)
{
    channel(JOB);
    worker("w1");
    dispatch("a", .once = "k");
    unregister("w1");
    forget("w1");
    then("0 k#1 to w1", "0 k#1 back from w1");
    cancel("a");
    then("0 a cancelled:cancelled #0");
    check_eq(channel_now().keys, 0);
}

spec(what_a_worker_had_but_never_began_is_forgotten_with_its_end)
{
    channel(JOB);
    worker("w1");
    dispatch("a", .once = "k");
    cancel("a");
    then("0 k#1 to w1", "0 a cancelled:cancelled #0", "0 k#1 back from w1");
    dispatch("b", .once = "k", .schedule_to_start_ms = 10);
    at(10);
    then("0 k#1 to w1", "10 b timed_out:schedule_to_start by w1 #1", "10 k#1 back from w1");
    check_eq(channel_now().keys, 0);
}

spec(what_was_taken_ahead_and_cancelled_unbegun_is_forgotten_with_its_end)
{
    channel(JOB);
    group("g", 2);
    worker("w1", .group = "g", .capacity = 2);
    dispatch("x");
    dispatch("a", .once = "k");
    take_up_to(2, "g");
    cancel("a");
    give_back("k#1");
    complete("x#1");
    whatever();
    check_eq(channel_now().keys, 0);
    dispatch("b", .once = "k");
    then("0 k#1 to w1");
}

spec(what_a_thread_skips_for_its_callers_death_is_forgotten_with_its_end)
{
    channel(JOB);
    group("g", 2);
    session("s1");
    worker("w1", .group = "g", .capacity = 2);
    dispatch("x");
    dispatch("a", .once = "k", .by = "s1");
    take_up_to(2, "g");
    fire("s1");
    skip_unbegun("k#1");
    complete("x#1");
    whatever();
    dispatch("b", .once = "k");
    then("0 k#1 to w1");
}

spec(rejected_key_is_unknown)
{
    channel(JOB, .depth_max = 0);
    dispatch("a", .once = "k");
    then("0 a rejected:queue_full 100");
    check_eq(channel_now().keys, 0);
    worker("w1");
    dispatch("b", .once = "k", .body = "another");
    then("0 k#1 to w1");
}

spec(death_of_the_worker_is_remembered_like_any_outcome)
{
    channel(JOB);
    session("s1");
    worker("w1", .of = "s1");
    dispatch("a", .once = "k");
    take("w1");
    fire("s1");
    whatever();
    worker("w2");
    dispatch("b", .once = "k");
    then("0 b worker_died:worker_died by w1 #1");
}

spec(redispatch_of_the_work_keeps_all_who_asked)
{
    channel(JOB, .on_crash = WEFT_CRASH_REDISPATCH);
    session("s1");
    worker("w1", .of = "s1");
    dispatch("a", .once = "k");
    dispatch("b", .once = "k");
    take("w1");
    fire("s1");
    dispatch("c", .once = "k");
    worker("w2");
    take("w2");
    whatever();
    complete("k#2");
    then("0 a completed by w2 #2", "0 b completed by w2 #2", "0 c completed by w2 #2");
}

/* --- leaving ---------------------------------------------------------------------------------- */

spec(who_cancels_leaves_alone_and_the_work_goes_on)
{
    channel(JOB);
    worker("w1");
    dispatch("a", .once = "k");
    dispatch("b", .once = "k");
    take("w1");
    whatever();
    cancel("a");
    then("0 a cancelled:cancelled #0");
    check_true(!is_cancelled("k#1"));
    gives(WEFT_ENOTFOUND, cancel("a"));
    complete("k#1");
    then("0 b completed by w1 #1");
}

spec(when_the_last_has_left_running_work_is_cancelled_with_its_grace)
{
    channel(JOB, .cancel_grace_ms = 30);
    worker("w1");
    dispatch("a", .once = "k");
    dispatch("b", .once = "k");
    take("w1");
    listen_to("k#1");
    whatever();
    cancel("a");
    at(10);
    cancel("b");
    then("0 a cancelled:cancelled #0", "10 b cancelled:cancelled #0", "10 w1 told to stop k#1");
    check_eq(stats_now().dispatches_open, 1);
    at(39);
    check_eq(stats_now().dispatches_open, 1);
    at(40);
    check_eq(stats_now().dispatches_open, 0);
    check_eq(channel_now().cancelled, 1);
    dispatch("c", .once = "k");
    then("40 c cancelled:cancel_grace by w1 #1");
    acknowledge("k#1");
}

spec(when_the_last_has_left_waiting_work_is_gone)
{
    channel(JOB);
    dispatch("a", .once = "k");
    cancel("a");
    then("0 a waits", "0 a cancelled:cancelled #0");
    check_eq(channel_now().queued, 0);
    check_eq(channel_now().keys, 0);
}

spec(result_of_what_everybody_left_is_there_for_who_comes_back)
{
    channel(JOB);
    worker("w1");
    dispatch("a", .once = "k");
    take("w1");
    cancel("a");
    complete("k#1");
    whatever();
    dispatch("b", .once = "k");
    then("0 b completed by w1 #1");
}

spec(death_of_the_first_caller_leaves_it_to_the_others)
{
    channel(JOB);
    worker("w1");
    session("s1");
    dispatch("a", .once = "k", .by = "s1");
    dispatch("b", .once = "k");
    take("w1");
    whatever();
    fire("s1");
    release("s1");
    then("0 a cancelled:caller_died #0", "0 s1 disarmed");
    check_true(!is_cancelled("k#1"));
    complete("k#1");
    then("0 b completed by w1 #1");
}

spec(death_of_all_callers_cancels_the_work)
{
    channel(JOB);
    worker("w1");
    session("s1");
    session("s2");
    dispatch("a", .once = "k", .by = "s1");
    dispatch("b", .once = "k", .by = "s2");
    take("w1");
    fire("s1");
    check_true(!is_cancelled("k#1"));
    fire("s2");
    check_true(is_cancelled("k#1"));
    acknowledge("k#1");
    check_eq(channel_now().cancelled, 1);
    whatever();
}

spec(detached_one_who_asked_stays_when_its_participant_dies)
{
    channel(JOB);
    worker("w1");
    session("s1");
    dispatch("a", .once = "k", .by = "s1", .detached = true);
    dispatch("b", .once = "k");
    take("w1");
    fire("s1");
    cancel("b");
    check_true(!is_cancelled("k#1"));
    gives(WEFT_EAGAIN, fetch_or_wait("a", "x"));
    complete("k#1");
    whatever();
    fetch("a");
    then("0 a completed by w1 #1");
    gives(WEFT_ENOTFOUND, fetch("a"));
}

spec(closed_box_leaves_alone)
{
    channel(JOB);
    worker("w1");
    box("x");
    dispatch("a", .once = "k", .to = "x");
    dispatch("b", .once = "k");
    take("w1");
    close_box("x");
    check_true(!is_cancelled("k#1"));
    complete("k#1");
    then("0 k#1 to w1", "0 w1 takes k#1", "0 b completed by w1 #1");
}

spec(own_time_of_a_repeat_bounds_its_own_wait)
{
    channel(JOB);
    worker("w1");
    dispatch("a", .once = "k");
    take("w1");
    at(10);
    dispatch("b", .once = "k", .schedule_to_close_ms = 20);
    at(30);
    then("0 k#1 to w1", "0 w1 takes k#1", "30 b timed_out:schedule_to_close #0");
    complete("k#1");
    then("30 a completed by w1 #1");
    check_eq(channel_now().timed_out, 0);
}

spec(times_of_the_first_are_those_of_the_work)
{
    channel(JOB);
    dispatch("a", .once = "k", .schedule_to_close_ms = 20);
    dispatch("b", .once = "k", .schedule_to_close_ms = 50);
    at(20);
    then("0 a waits", "0 b waits", "20 a timed_out:schedule_to_close #0", "20 b timed_out:schedule_to_close #0");
}

spec(cancel_of_the_number_that_the_task_shows_ends_it_for_all)
{
    channel(JOB);
    worker("w1");
    dispatch("a", .once = "k");
    dispatch("b", .once = "k");
    take("w1");
    cancel("k");
    acknowledge("k#1");
    then("0 k#1 to w1", "0 w1 takes k#1", "0 a cancelled:cancelled by w1 #1", "0 b cancelled:cancelled by w1 #1");
}

spec(unheard_one_who_asked_keeps_the_work_alive)
{
    channel(JOB);
    worker("w1");
    dispatch("a", .once = "k", .unheard = true);
    dispatch("b", .once = "k");
    take("w1");
    cancel("b");
    check_true(!is_cancelled("k#1"));
    complete("k#1");
    whatever();
}

/* --- bounds ----------------------------------------------------------------------------------- */

spec(oldest_ended_key_makes_room_for_a_new_one)
{
    channel(JOB, .dedup_max = 2);
    worker("w1");
    dispatch("a", .once = "k");
    take("w1");
    complete("k#1");
    dispatch("b", .once = "l");
    take("w1");
    complete("l#1");
    whatever();
    dispatch("c", .once = "m");
    then("0 m#1 to w1");
    check_eq(channel_now().keys, 2);
    dispatch("d", .once = "l");
    then("0 d completed by w1 #1");
    dispatch("e", .once = "k");
    then("0 e waits");
    check_eq(channel_now().keys, 2);
}

spec(key_is_rejected_where_all_are_open)
{
    channel(JOB, .dedup_max = 2);
    dispatch("a", .once = "k");
    dispatch("b", .once = "l");
    dispatch("c", .once = "m");
    then("0 a waits", "0 b waits", "0 c rejected:keys_full 100");
    dispatch("d", .once = "k");
    then("0 d waits");
    check_eq(channel_now().rejected_by[WEFT_REJECTED_KEYS_FULL], 1);
    dispatch("e");
    then("0 e waits");
}

spec(rejected_newcomer_evicts_no_key)
{
    channel(JOB, .dedup_max = 1, .depth_max = 0);
    worker("w1");
    dispatch("a", .once = "k");
    take("w1");
    complete("k#1");
    drain_worker("w1");
    whatever();
    dispatch("b", .once = "l");
    then("0 b rejected:queue_full 100");
    dispatch("c", .once = "k");
    then("0 c completed by w1 #1");
}

spec(kept_results_count_against_bytes_max_and_give_way_to_what_waits)
{
    channel(JOB, .bytes_max = 2000);
    worker("w1");
    for (int i = 0; i < 20; i++) {
        dispatch(numbered("a", i), .once = numbered("k", i));
        take("w1");
        char task[16];
        snprintf(task, sizeof(task), "k%d#1", i);
        complete(task);
    }
    uint32_t kept = channel_now().keys;
    check_true(kept > 2 && kept < 20);
    drain_worker("w1");
    whatever();
    dispatch("b", .once = "k19");
    then("0 b completed by w1 #1");
    dispatch("c", .bytes = 1500);
    check_eq(channel_now().queued, 1);
    check_true(channel_now().keys < kept);
    cancel("c");
    whatever();
}

spec(dispatches_are_bounded_and_one_with_a_key_counts_twice)
{
    channel(JOB);
    dispatch("a", .once = "k");
    world.core->limits.dispatches_max = 3;
    dispatch("b", .once = "k");
    gives(WEFT_ELIMIT, dispatch("c", .once = "k"));
    gives(WEFT_ELIMIT, dispatch("d", .once = "l"));
    whatever();
}

/* --- many ------------------------------------------------------------------------------------- */

spec(a_thousand_who_asked_are_told_by_steps_and_in_order)
{
    channel(JOB);
    worker("w1");
    box("x");
    for (int i = 0; i < 1000; i++)
        dispatch(numbered("a", i), .once = "k", .to = "x");
    take("w1");
    whatever();
    stop_steps();
    complete("k#1");
    check_true(box_named("x")->items_count < 256);
    dispatch("late", .once = "k", .to = "x"); /* answered at once, before those that wait for their step */
    gives(WEFT_EBUSY, delete_channel());
    gives(WEFT_EAGAIN, drain_channel("d"));
    step();
    check_true(box_named("x")->items_count < 600);
    run_steps();
    then("0 d woken");
    look_into("x");
    check_eq(ends_of("late"), 1);
    check_eq(ends_of("a999"), 1);
    whatever();
    delete_channel();
}

spec(keys_forgotten_while_their_askers_are_told)
{
    channel(JOB, .dedup_ms = 10);
    worker("w1");
    box("x");
    for (int i = 0; i < 40; i++)
        dispatch(numbered("a", i), .once = "k", .to = "x");
    take("w1");
    stop_steps();
    complete("k#1");
    at(10);
    check_eq(channel_now().keys, 0);
    whatever();
    dispatch("b", .once = "k", .to = "x");
    cancel("a39");
    run_steps();
    then("10 k#1 to w1");
    look_into("x");
    whatever();
    check_eq(reply_of("a38").outcome, WEFT_COMPLETED);
    check_eq(reply_of("a39").outcome, WEFT_CANCELLED);
    check_eq(ends_of("b"), 0);
}

spec(a_thousand_keys_of_a_deleted_channel_go_by_steps)
{
    channel(JOB);
    worker("w1");
    for (int i = 0; i < 1000; i++) {
        char task[16];
        dispatch("a", .once = numbered("k", i));
        take("w1");
        snprintf(task, sizeof(task), "k%d#1", i);
        complete(task);
        whatever();
    }
    unregister("w1");
    forget("w1");
    stop_steps();
    delete_channel();
    check_true(step());
    check_true(step());
    run_steps();
    check_eq(world.core->channels.live_count, 0);
}

/* --- with others ------------------------------------------------------------------------------ */

spec(what_came_with_a_key_leaves_one_letter)
{
    channel("dispatch.media.dead");
    channel(JOB, .dead_letter = "dispatch.media.dead");
    session("s1");
    worker("w1", .of = "s1");
    dispatch("a", .once = "k");
    dispatch("b", .once = "k");
    take("w1");
    fire("s1");
    whatever();
    on("dispatch.media.dead");
    check_eq(channel_now().letters, 1);
    worker("w2", .on = JOB);
    put_back("", "a2"); /* it has no key now */
    then("0 a2#1 to w2");
    dispatch("c", .on = JOB, .once = "k");
    then("0 c worker_died:worker_died by w1 #1");
}

spec(repeat_on_a_draining_channel_is_answered)
{
    channel(JOB);
    worker("w1");
    dispatch("a", .once = "k");
    take("w1");
    gives(WEFT_EAGAIN, drain_channel("x"));
    dispatch("b", .once = "k");
    dispatch("c", .once = "l");
    then("0 k#1 to w1", "0 w1 takes k#1", "0 c rejected:draining 0");
    complete("k#1");
    then("0 a completed by w1 #1", "0 b completed by w1 #1", "0 x woken");
}

spec(closing_settles_all_who_asked)
{
    channel(JOB);
    worker("w1", .capacity = 2);
    dispatch("a", .once = "k");
    dispatch("b", .once = "k");
    dispatch("c", .once = "l");
    take("w1");
    whatever();
    close_node();
    check_true(wait_quiet("q"));
    settle_all();
    then("0 a cancelled:node_closed by w1 #1", "0 b cancelled:node_closed by w1 #1",
         "0 c cancelled:node_closed by w1 #1", "0 l#1 back from w1", "0 q woken");
    acknowledge("k#1");
}

spec(caller_that_waits_for_room_asks_again_with_its_key)
{
    channel(JOB, .queue_full = WEFT_BLOCK, .depth_max = 0);
    worker("w1");
    dispatch("a");
    dispatch("b", .once = "k", .waits = true);
    then("0 a#1 to w1", "0 b rejected:queue_full 100 blocks");
    check_eq(channel_now().keys, 0);
    take("w1");
    complete("a#1");
    dispatch("b", .once = "k", .waits = true);
    then("0 w1 takes a#1", "0 a completed by w1 #1", "0 k#1 to w1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        promised(repeat_while_open_joins_and_all_who_asked_get_the_one_outcome),
        promised(repeat_of_what_waits_waits_with_it),
        promised(repeat_after_the_end_gets_the_same_outcome_at_once),
        promised(key_is_forgotten_dedup_ms_after_its_end),
        promised(key_whose_time_is_over_is_not_answered_though_no_tick_has_seen_it),
        promised(keys_are_forgotten_in_the_order_in_which_they_ended),
        promised(key_of_a_channel_without_dedup_ms_lives_as_long_as_its_dispatch),
        promised(key_without_an_end_of_its_time_is_kept),
        promised(keys_of_two_channels_are_two),
        promised(what_came_without_a_key_is_never_joined),
        promised(repeat_with_another_payload_or_type_is_a_conflict),
        promised(what_never_reached_a_worker_is_forgotten_with_its_end),
        promised(what_was_given_back_unbegun_has_not_reached_a_worker),
        promised(what_a_worker_had_but_never_began_is_forgotten_with_its_end),
        promised(what_was_taken_ahead_and_cancelled_unbegun_is_forgotten_with_its_end),
        promised(what_a_thread_skips_for_its_callers_death_is_forgotten_with_its_end),
        promised(rejected_key_is_unknown),
        promised(death_of_the_worker_is_remembered_like_any_outcome),
        promised(redispatch_of_the_work_keeps_all_who_asked),
        promised(who_cancels_leaves_alone_and_the_work_goes_on),
        promised(when_the_last_has_left_running_work_is_cancelled_with_its_grace),
        promised(when_the_last_has_left_waiting_work_is_gone),
        promised(result_of_what_everybody_left_is_there_for_who_comes_back),
        promised(death_of_the_first_caller_leaves_it_to_the_others),
        promised(death_of_all_callers_cancels_the_work),
        promised(detached_one_who_asked_stays_when_its_participant_dies),
        promised(closed_box_leaves_alone),
        promised(own_time_of_a_repeat_bounds_its_own_wait),
        promised(times_of_the_first_are_those_of_the_work),
        promised(cancel_of_the_number_that_the_task_shows_ends_it_for_all),
        promised(unheard_one_who_asked_keeps_the_work_alive),
        promised(oldest_ended_key_makes_room_for_a_new_one),
        promised(key_is_rejected_where_all_are_open),
        promised(rejected_newcomer_evicts_no_key),
        promised(kept_results_count_against_bytes_max_and_give_way_to_what_waits),
        promised(dispatches_are_bounded_and_one_with_a_key_counts_twice),
        promised(a_thousand_who_asked_are_told_by_steps_and_in_order),
        promised(keys_forgotten_while_their_askers_are_told),
        promised(a_thousand_keys_of_a_deleted_channel_go_by_steps),
        promised(what_came_with_a_key_leaves_one_letter),
        promised(repeat_on_a_draining_channel_is_answered),
        promised(closing_settles_all_who_asked),
        promised(caller_that_waits_for_room_asks_again_with_its_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
