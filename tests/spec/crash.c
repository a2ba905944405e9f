/* Crashes: what becomes of work whose worker is gone.
 *
 *   - on_crash fail: worker_died, it ran at most once; redispatch: another attempt, up to attempts_max
 *   - attempts are numbered, reported, and fenced: only the last one's result counts
 *   - what was handed over and never begun spends no attempt; nor does waiting
 *   - an attempt that may still run is waited for, unless the channel is overlapping
 *   - a worker not yet tried goes first; if none comes within redispatch_wait a tried one will do
 *   - what comes back goes before what came after it
 */
#include "lib/fixture.h"

#define AGAIN .on_crash = WEFT_CRASH_REDISPATCH

/* --- fail or again ---------------------------------------------------------------------------- */

spec(work_runs_at_most_once_unless_asked_otherwise)
{
    channel("dispatch.media.resize");
    session("s1");
    worker("w1", .of = "s1");
    worker("w2");
    dispatch("a");
    take("w1");
    fire("s1");
    then("0 a#1 to w1", "0 w1 takes a#1", "0 a worker_died:worker_died by w1 #1");
    check_eq(channel_now().worker_died, 1);
    check_eq(channel_now().redispatched, 0);
}

spec(work_is_handed_out_again_where_the_channel_says_so)
{
    channel("dispatch.media.resize", AGAIN);
    session("s1");
    worker("w1", .of = "s1");
    worker("w2");
    dispatch("a");
    take("w1");
    at(20);
    fire("s1");
    take("w2");
    complete("a#2");
    then("0 a#1 to w1", "0 w1 takes a#1", "20 a#2 to w2", "20 w2 takes a#2", "20 a completed by w2 #2");
    check_eq(channel_now().redispatched, 1);
    check_eq(stats_now().redispatched, 1);
    check_eq(channel_now().worker_died, 0);
}

spec(what_the_dispatch_says_goes_before_what_the_channel_says)
{
    channel("dispatch.media.resize", AGAIN);
    session("s1");
    worker("w1", .of = "s1");
    worker("w2");
    dispatch("once", .on_crash = WEFT_CRASH_FAIL);
    take("w1");
    fire("s1");
    then("0 once#1 to w1", "0 w1 takes once#1", "0 once worker_died:worker_died by w1 #1");
    channel("dispatch.media.crop");
    worker("w3");
    dispatch("again", .on_crash = WEFT_CRASH_REDISPATCH);
    take("w3");
    abandon("again#1");
    then("0 again#1 to w3", "0 w3 takes again#1", "0 again#2 to w3");
}

spec(attempts_end_at_attempts_max)
{
    channel("dispatch.media.resize", AGAIN, .attempts_max = 2);
    worker("w1");
    worker("w2");
    worker("w3");
    dispatch("a");
    take("w1");
    abandon("a#1");
    take("w2");
    abandon("a#2");
    then("0 a#1 to w1", "0 w1 takes a#1", "0 a#2 to w2", "0 w2 takes a#2", "0 a worker_died:abandoned by w2 #2");
}

spec(dispatch_may_ask_for_more_or_fewer_attempts_than_the_channel)
{
    channel("dispatch.media.resize", AGAIN, .attempts_max = 2);
    worker("w1");
    worker("w2");
    worker("w3");
    dispatch("fewer", .attempts_max = 1);
    take("w1");
    abandon("fewer#1");
    dispatch("more", .attempts_max = 3);
    take("w2");
    abandon("more#1");
    take("w3");
    abandon("more#2");
    take("w1");
    abandon("more#3");
    then("0 fewer#1 to w1", "0 w1 takes fewer#1", "0 fewer worker_died:abandoned by w1 #1", "0 more#1 to w2",
         "0 w2 takes more#1", "0 more#2 to w3", "0 w3 takes more#2", "0 more#3 to w1", "0 w1 takes more#3",
         "0 more worker_died:abandoned by w1 #3");
}

spec(poison_ends_after_16_attempts_at_the_most)
{
    channel("dispatch.media.resize", AGAIN, .attempts_max = 16);
    dispatch("poison");
    whatever();
    for (int i = 1; i <= CORE_ATTEMPTS_MAX; i++) {
        const char *name = numbered("s", i);
        session(name);
        worker(name, .of = name);
        take(name);
        check_eq(task_named(numbered("poison#", i))->attempt, i);
        whatever();
        fire(name);
    }
    then("0 poison worker_died:worker_died by s16 #16");
    check_eq(channel_now().redispatched, 15);
    check_eq(channel_now().deaths, 16);
}

/* --- what spends no attempt ------------------------------------------------------------------- */

spec(task_never_taken_spends_no_attempt)
{
    channel("dispatch.media.resize");
    session("s1");
    worker("w1", .of = "s1");
    worker("w2");
    dispatch("a");
    fire("s1");
    take("w2");
    complete("a#1");
    then("0 a#1 to w1", "0 a#1 back from w1", "0 a#1 to w2", "0 w2 takes a#1", "0 a completed by w2 #1");
    check_eq(channel_now().redispatched, 0);
}

spec(waiting_spends_no_attempts)
{
    channel("dispatch.media.resize", AGAIN, .attempts_max = 2);
    dispatch("a");
    at(10000000);
    worker("w1");
    take("w1");
    abandon("a#1");
    take("w1");
    complete("a#2");
    then("0 a waits", "10000000 a#1 to w1", "10000000 w1 takes a#1", "10000000 a#2 to w1", "10000000 w1 takes a#2",
         "10000000 a completed by w1 #2");
}

spec(task_taken_and_given_back_spends_no_attempt)
{
    channel("dispatch.media.resize", AGAIN, .attempts_max = 1);
    group("g", 2);
    worker("w1", .group = "g", .capacity = 2);
    worker("w2");
    dispatch("a");
    dispatch("b");
    dispatch("c");
    take_up_to(2, "g");
    whatever();
    limit_group("g", 1);
    give_back("c#1");
    then("0 c#1 back from w1");
    complete("a#1");
    take("g");
    complete("c#1");
    then("0 a completed by w1 #1", "0 c#1 to w1", "0 g takes c#1", "0 c completed by w1 #1");
}

spec(task_never_begun_spends_nothing_however_often_its_worker_dies)
{
    enum { DEATHS = 40 };
    channel("dispatch.media.resize", AGAIN, .attempts_max = 16);
    group("g", 1);
    dispatch("a");
    for (int i = 0; i < DEATHS; i++) {
        const char *name = numbered("s", i);
        session(name);
        worker(name, .of = name, .group = "g");
        take("g");
        fire(name);
        give_back("a#1");
    }
    whatever();
    worker("w1");
    take("w1");
    complete("a#1");
    then("0 a#1 to w1", "0 w1 takes a#1", "0 a completed by w1 #1");
}

/* --- fencing ---------------------------------------------------------------------------------- */

spec(attempt_that_may_still_run_is_waited_for)
{
    channel("dispatch.media.resize", AGAIN);
    group("g", 4);
    session("s1");
    worker("w1", .of = "s1", .group = "g");
    worker("w2", .group = "g");
    dispatch("a");
    take("g");
    at(10);
    fire("s1");
    at(500);
    then("0 a#1 to w1", "0 g takes a#1");
    gives(WEFT_ESTALE, beat("a#1"));
    check_eq(channel_now().orphaned, 1);
    check_eq(channel_now().in_flight, 1);
    gives(WEFT_ESTALE, complete("a#1"));
    then("500 a#2 to w2");
    check_eq(channel_now().fenced, 1);
    check_eq(channel_now().orphaned, 0);
    take("g");
    complete("a#2");
    then("500 g takes a#2", "500 a completed by w2 #2");
}

spec(attempt_that_may_still_run_is_not_waited_for_where_attempts_may_overlap)
{
    channel("dispatch.media.resize", AGAIN, .overlapping = true);
    group("g", 4);
    session("s1");
    worker("w1", .of = "s1", .group = "g");
    worker("w2", .group = "g");
    dispatch("a");
    take("g");
    at(10);
    fire("s1");
    take("g");
    then("0 a#1 to w1", "0 g takes a#1", "10 a#2 to w2", "10 g takes a#2");
    check_eq(channel_now().in_flight, 2);
    check_eq(channel_now().orphaned, 1);
    gives(WEFT_ESTALE, complete("a#1"));
    nothing_happens();
    check_eq(channel_now().fenced, 1);
    complete("a#2");
    then("10 a completed by w2 #2");
}

spec(late_result_of_an_overlapped_attempt_is_refused_after_the_end_too)
{
    channel("dispatch.media.resize", AGAIN, .overlapping = true);
    group("g", 4);
    session("s1");
    worker("w1", .of = "s1", .group = "g");
    worker("w2", .group = "g");
    dispatch("a");
    take("g");
    fire("s1");
    take("g");
    complete("a#2");
    whatever();
    gives(WEFT_ESTALE, fail_with("a#1", "late"));
    nothing_happens();
    check_eq(channel_now().fenced, 1);
    check_eq(channel_now().in_flight, 0);
}

spec(dead_pull_worker_holds_nothing_though_its_task_is_still_held)
{
    channel("dispatch.media.resize", AGAIN);
    session("s1");
    worker("w1", .of = "s1");
    worker("w2");
    dispatch("a");
    take("w1");
    fire("s1");
    then("0 a#1 to w1", "0 w1 takes a#1", "0 a#2 to w2");
    check_eq(channel_now().in_flight, 1);
    gives(WEFT_ESTALE, complete("a#1"));
    nothing_happens();
    check_eq(stats_now().fenced, 1);
}

spec(handler_of_a_dead_participant_keeps_its_slot_while_the_outcome_is_out)
{
    channel("dispatch.media.resize");
    group("g", 1);
    session("s1");
    worker("w1", .of = "s1", .group = "g");
    worker("w2", .group = "g");
    dispatch("a");
    dispatch("b");
    take("g");
    whatever();
    fire("s1");
    then("0 a worker_died:worker_died by w1 #1");
    check_eq(channel_now().in_flight, 1);
    gives(WEFT_ESTALE, complete("a#1"));
    then("0 b#1 to w2");
}

spec(fenced_work_still_ends_by_its_times)
{
    channel("dispatch.media.resize", AGAIN, .schedule_to_close_ms = 100, .start_to_close_ms = 50);
    group("g", 1);
    session("s1");
    worker("w1", .of = "s1", .group = "g");
    dispatch("a");
    take("g");
    at(10);
    fire("s1");
    at(500);
    then("0 a#1 to w1", "0 g takes a#1", "100 a timed_out:schedule_to_close by w1 #1");
    gives(WEFT_ESTALE, complete("a#1"));
    nothing_happens();
}

/* --- who gets it next ------------------------------------------------------------------------- */

static void untried_goes_first(weft_policy policy)
{
    channel("dispatch.media.resize", AGAIN, .policy = policy);
    worker("w1", .capacity = 4);
    dispatch("a");
    take("w1");
    whatever();
    worker("w2", .capacity = 4);
    dispatch("b", .key = "b");
    dispatch("c", .key = "c");
    dispatch("d", .key = "d");
    whatever();
    abandon("a#1");
    then("0 a#2 to w2");
}

spec(worker_not_yet_tried_goes_first_by_round_robin)
{
    untried_goes_first(WEFT_ROUND_ROBIN);
}

spec(worker_not_yet_tried_goes_first_by_least_loaded)
{
    untried_goes_first(WEFT_LEAST_LOADED);
}

spec(worker_not_yet_tried_goes_first_by_sticky)
{
    untried_goes_first(WEFT_STICKY);
}

spec(tried_worker_will_do_at_once_where_nobody_else_is_eligible)
{
    channel("dispatch.media.resize", AGAIN);
    worker("w1");
    worker("w2");
    dispatch("busy");
    dispatch("a");
    take("w2");
    whatever();
    abandon("a#1");
    then("0 a#2 to w2");
}

spec(tried_worker_will_do_after_redispatch_wait)
{
    channel("dispatch.media.resize", AGAIN, .redispatch_wait_ms = 300);
    worker("w1");
    dispatch("a");
    take("w1");
    at(50);
    abandon("a#1");
    at(1000);
    then("0 a#1 to w1", "0 w1 takes a#1", "350 a#2 to w1");
}

spec(untried_worker_gets_it_within_redispatch_wait)
{
    channel("dispatch.media.resize", AGAIN, .redispatch_wait_ms = 300);
    worker("w1");
    dispatch("a");
    take("w1");
    at(50);
    abandon("a#1");
    at(100);
    worker("w2");
    then("0 a#1 to w1", "0 w1 takes a#1", "100 a#2 to w2");
    at(1000);
    nothing_happens();
}

spec(work_that_an_untried_worker_did_not_begin_waits_on_for_another)
{
    channel("dispatch.media.resize", AGAIN, .redispatch_wait_ms = 300);
    worker("w1");
    dispatch("a");
    take("w1");
    abandon("a#1");
    at(100);
    worker("w2");
    unregister("w2");
    then("0 a#1 to w1", "0 w1 takes a#1", "100 a#2 to w2", "100 a#2 back from w2");
    at(1000);
    then("300 a#2 to w1");
}

spec(redispatch_wait_may_be_for_ever)
{
    channel("dispatch.media.resize", AGAIN, .redispatch_wait_ms = WEFT_FOREVER);
    worker("w1");
    dispatch("a");
    take("w1");
    abandon("a#1");
    whatever();
    at(2 * (uint64_t)UINT32_MAX);
    nothing_happens();
    check_eq(weft__core_due(world.core), CORE_NEVER);
    worker("w2");
    then("8589934590 a#2 to w2");
}

spec(work_that_waits_for_an_untried_worker_does_not_hold_up_what_is_behind_it)
{
    channel("dispatch.media.resize", AGAIN, .redispatch_wait_ms = 300);
    worker("w1");
    dispatch("a");
    dispatch("b");
    take("w1");
    whatever();
    abandon("a#1");
    then("0 b#1 to w1");
    take("w1");
    complete("b#1");
    dispatch("c");
    then("0 w1 takes b#1", "0 b completed by w1 #1", "0 c#1 to w1");
}

spec(work_that_waits_for_an_untried_worker_does_not_take_the_place_of_a_newcomer)
{
    channel("dispatch.media.resize", AGAIN, .redispatch_wait_ms = 300, .depth_max = 0);
    worker("w1");
    dispatch("a");
    take("w1");
    whatever();
    abandon("a#1");
    dispatch("b");
    then("0 b#1 to w1");
}

spec(newcomer_gets_the_worker_that_is_left_when_what_was_before_it_becomes_ready)
{
    channel("dispatch.media.resize", AGAIN, .redispatch_wait_ms = 300);
    worker("w1");
    worker("w2");
    dispatch("a");
    take("w1");
    abandon("a#1");
    take("w2");
    abandon("a#2");
    whatever();
    late_at(300);
    dispatch("b");
    then("300 b waits", "300 a#3 to w1", "300 b#1 to w2");
}

spec(worker_who_is_alone_gets_it_as_often_as_there_are_attempts)
{
    channel("dispatch.media.resize", AGAIN, .attempts_max = 3);
    worker("w1");
    dispatch("a");
    take("w1");
    abandon("a#1");
    take("w1");
    abandon("a#2");
    take("w1");
    then("0 a#1 to w1", "0 w1 takes a#1", "0 a#2 to w1", "0 w1 takes a#2", "0 a#3 to w1", "0 w1 takes a#3");
    abandon("a#3");
    then("0 a worker_died:abandoned by w1 #3");
}

spec(tried_ones_wait_for_ever_where_the_channel_says_so)
{
    channel("dispatch.media.resize", AGAIN, .redispatch_wait_ms = WEFT_FOREVER);
    worker("w1");
    dispatch("a");
    take("w1");
    abandon("a#1");
    whatever();
    at(1000000);
    nothing_happens();
    dispatch("b");
    then("1000000 b#1 to w1");
    worker("w2");
    then("1000000 a#2 to w2");
}

spec(participant_that_comes_back_under_its_name_is_not_untried)
{
    channel("dispatch.media.resize", AGAIN, .redispatch_wait_ms = 300);
    session("s1");
    worker("w1", .of = "s1");
    dispatch("a");
    take("w1");
    fire("s1");
    session("s1");
    worker("again", .of = "s1");
    then("0 a#1 to w1", "0 w1 takes a#1");
    at(1000);
    then("300 a#2 to again");
}

spec(all_workers_of_the_dead_participant_are_tried)
{
    channel("dispatch.media.resize", AGAIN, .redispatch_wait_ms = 300, .attempts_max = 5);
    session("s1");
    worker("w1", .of = "s1");
    dispatch("a");
    take("w1");
    fire("s1");
    session("s1");
    worker("w2", .of = "s1");
    worker("w3", .of = "s1");
    at(299);
    then("0 a#1 to w1", "0 w1 takes a#1");
    worker("w4");
    then("299 a#2 to w4");
}

spec(sibling_of_a_worker_that_gave_up_is_untried)
{
    channel("dispatch.media.resize", AGAIN, .redispatch_wait_ms = 300);
    session("s1");
    worker("w1", .of = "s1");
    worker("w2", .of = "s1");
    dispatch("a");
    take("w1");
    abandon("a#1");
    then("0 a#1 to w1", "0 w1 takes a#1", "0 a#2 to w2");
}

/* --- its place -------------------------------------------------------------------------------- */

spec(work_that_comes_back_goes_before_what_came_after_it)
{
    channel("dispatch.media.resize", AGAIN);
    session("s1");
    dispatch("a");
    dispatch("b");
    dispatch("c");
    worker("w1", .of = "s1");
    take("w1");
    fire("s1");
    whatever();
    worker("w2", .capacity = 3);
    then("0 a#2 to w2", "0 b#1 to w2", "0 c#1 to w2");
}

spec(work_that_comes_back_from_several_goes_in_the_order_of_arrival)
{
    channel("dispatch.media.resize", AGAIN);
    session("s1");
    worker("w1", .of = "s1", .capacity = 2);
    worker("w2", .of = "s1", .capacity = 2);
    dispatch("a");
    dispatch("b");
    dispatch("c");
    dispatch("d");
    dispatch("e");
    take("w1");
    take("w2");
    fire("s1");
    whatever();
    worker("w3", .capacity = 5);
    then("0 a#2 to w3", "0 b#2 to w3", "0 c#1 to w3", "0 d#1 to w3", "0 e#1 to w3");
}

spec(of_what_a_dead_worker_had_a_free_one_gets_the_oldest)
{
    channel("dispatch.media.resize", AGAIN);
    session("s1");
    worker("w1", .of = "s1", .capacity = 4);
    dispatch("a");
    dispatch("b");
    dispatch("c");
    dispatch("d");
    take("w1");
    take("w1");
    worker("w2", .capacity = 2);
    whatever();
    fire("s1");
    then("0 c#1 back from w1", "0 d#1 back from w1", "0 a#2 to w2", "0 b#2 to w2");
    check_eq(channel_now().queued, 2);
}

spec(of_what_an_unregistered_worker_had_not_begun_a_free_one_gets_the_oldest)
{
    channel("dispatch.media.resize");
    worker("w1", .capacity = 3);
    dispatch("a");
    dispatch("b");
    dispatch("c");
    worker("w2");
    whatever();
    unregister("w1");
    then("0 a#1 back from w1", "0 b#1 back from w1", "0 c#1 back from w1", "0 a#1 to w2");
}

spec(what_is_given_back_goes_on_in_the_order_of_arrival)
{
    channel("dispatch.media.resize");
    group("g", 4);
    worker("w1", .group = "g", .capacity = 4);
    dispatch("a");
    dispatch("b");
    dispatch("c");
    take_up_to(3, "g");
    whatever();
    give_back("b#1", "c#1");
    then("0 b#1 back from w1", "0 c#1 back from w1", "0 b#1 to w1", "0 c#1 to w1");
    take_up_to(4, "g");
    then("0 g takes b#1", "0 g takes c#1");
}

spec(of_what_is_given_back_a_free_worker_gets_the_oldest)
{
    channel("dispatch.media.resize");
    group("g", 3);
    worker("w1", .group = "g", .capacity = 3);
    dispatch("a");
    dispatch("b");
    dispatch("c");
    take_up_to(3, "g");
    worker("w2");
    limit_group("g", 1);
    whatever();
    give_back("b#1", "c#1");
    then("0 b#1 back from w1", "0 c#1 back from w1", "0 b#1 to w2");
    check_eq(channel_now().queued, 1);
}

spec(work_that_comes_back_finds_room_in_a_full_queue)
{
    channel("dispatch.media.resize", AGAIN, .depth_max = 1);
    session("s1");
    worker("w1", .of = "s1");
    dispatch("a");
    dispatch("b");
    take("w1");
    fire("s1");
    then("0 a#1 to w1", "0 b waits", "0 w1 takes a#1");
    check_eq(channel_now().queued, 2);
    dispatch("c");
    then("0 c rejected:queue_full 100");
}

spec(work_that_comes_back_waits_while_its_channel_is_paused)
{
    channel("dispatch.media.resize", AGAIN);
    worker("w1");
    worker("w2");
    dispatch("a");
    take("w1");
    pause_channel();
    abandon("a#1");
    then("0 a#1 to w1", "0 w1 takes a#1");
    resume_channel();
    then("0 a#2 to w2");
}

/* Both workers of the group are free and the group is not. The one whose turn it is may have nothing of what waits; the
 * other may not have the first, but the second. */
spec(freed_thread_goes_to_a_worker_that_may_have_what_waits)
{
    channel("dispatch.media.resize", AGAIN, .redispatch_wait_ms = WEFT_FOREVER);
    group("g", 2);
    worker("w1", .group = "g");
    worker("w2", .group = "g");
    dispatch("both");
    for (int attempt = 1; attempt <= 2; attempt++) {
        take("g");
        abandon(numbered("both#", attempt));
    }
    dispatch("one");
    dispatch("long");
    take_up_to(2, "g");
    abandon("one#1");
    check_eq(channel_now().queued, 2);
    limit_group("g", 1);
    channel("dispatch.media.crop");
    worker("other", .group = "g");
    dispatch("short");
    whatever();
    complete("long#1");
    take("g");
    then("0 long completed by w2 #1", "0 short#1 to other", "0 g takes short#1");
    complete("short#1");
    then("0 short completed by other #1", "0 one#2 to w2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        promised(work_runs_at_most_once_unless_asked_otherwise),
        promised(work_is_handed_out_again_where_the_channel_says_so),
        promised(what_the_dispatch_says_goes_before_what_the_channel_says),
        promised(attempts_end_at_attempts_max),
        promised(dispatch_may_ask_for_more_or_fewer_attempts_than_the_channel),
        promised(poison_ends_after_16_attempts_at_the_most),
        promised(task_never_taken_spends_no_attempt),
        promised(waiting_spends_no_attempts),
        promised(task_taken_and_given_back_spends_no_attempt),
        promised(task_never_begun_spends_nothing_however_often_its_worker_dies),
        promised(attempt_that_may_still_run_is_waited_for),
        promised(attempt_that_may_still_run_is_not_waited_for_where_attempts_may_overlap),
        promised(late_result_of_an_overlapped_attempt_is_refused_after_the_end_too),
        promised(dead_pull_worker_holds_nothing_though_its_task_is_still_held),
        promised(handler_of_a_dead_participant_keeps_its_slot_while_the_outcome_is_out),
        promised(fenced_work_still_ends_by_its_times),
        promised(worker_not_yet_tried_goes_first_by_round_robin),
        promised(worker_not_yet_tried_goes_first_by_least_loaded),
        promised(worker_not_yet_tried_goes_first_by_sticky),
        promised(tried_worker_will_do_at_once_where_nobody_else_is_eligible),
        promised(tried_worker_will_do_after_redispatch_wait),
        promised(untried_worker_gets_it_within_redispatch_wait),
        promised(work_that_an_untried_worker_did_not_begin_waits_on_for_another),
        promised(redispatch_wait_may_be_for_ever),
        promised(work_that_waits_for_an_untried_worker_does_not_hold_up_what_is_behind_it),
        promised(work_that_waits_for_an_untried_worker_does_not_take_the_place_of_a_newcomer),
        promised(newcomer_gets_the_worker_that_is_left_when_what_was_before_it_becomes_ready),
        promised(worker_who_is_alone_gets_it_as_often_as_there_are_attempts),
        promised(tried_ones_wait_for_ever_where_the_channel_says_so),
        promised(participant_that_comes_back_under_its_name_is_not_untried),
        promised(all_workers_of_the_dead_participant_are_tried),
        promised(sibling_of_a_worker_that_gave_up_is_untried),
        promised(work_that_comes_back_goes_before_what_came_after_it),
        promised(work_that_comes_back_from_several_goes_in_the_order_of_arrival),
        promised(of_what_a_dead_worker_had_a_free_one_gets_the_oldest),
        promised(of_what_an_unregistered_worker_had_not_begun_a_free_one_gets_the_oldest),
        promised(what_is_given_back_goes_on_in_the_order_of_arrival),
        promised(of_what_is_given_back_a_free_worker_gets_the_oldest),
        promised(work_that_comes_back_finds_room_in_a_full_queue),
        promised(work_that_comes_back_waits_while_its_channel_is_paused),
        promised(freed_thread_goes_to_a_worker_that_may_have_what_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
