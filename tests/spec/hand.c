/* A client's workers: tasks that the node hands them, and what the node is told of these; events that it sends.
 *
 *   - a task goes to the worker that the node chose, with the node's id and attempt, and to no other
 *   - what it says, and how it ends, goes to the node in order; each ends once
 *   - the node is told when the handler of what is timed has been entered, and when one that runs on has returned
 *   - a worker has no more in hand than its capacity, and its slot is free here before the node hears so
 *   - what was never begun is given back; what was, and is lost with its worker, is said to be so
 *   - the node's cancel is a cancel; its room is room
 *   - a mirror that nobody uses makes room for another
 *   - an event comes into its inbox as a publish would, with what was lost on the way
 */
#include <stdio.h>
#include <string.h>

#include "lib/fixture_client.h"

static void mirror_with_worker(void)
{
    uplink();
    mirror("dispatch.media.resize");
    worker("w1", .capacity = 3);
}

/* The first attempt of "a3". */
static const char *first_of(int i)
{
    static char name[16];
    snprintf(name, sizeof name, "a%d#1", i);
    return name;
}

/* --- from hand to result ---------------------------------------------------------------------- */

spec(task_goes_to_the_worker_the_node_chose)
{
    mirror_with_worker();
    worker("w2", .capacity = 3);
    hand("a", "w2");
    hand("b", "w2");
    hand("c", "w1");
    then("0 a#1 to w2", "0 b#1 to w2", "0 c#1 to w1");
    take_up_to(3, "w2");
    take("w1");
    whatever();
    check_eq(task_named("a#1")->id.session, 7000);
    check_eq(task_named("a#1")->id.number, 1);
    complete("b#1");
    fail_with("a#1", "no");
    complete("c#1");
    send();
    then("0 b#1 ends complete", "0 a#1 ends failed:no", "0 c#1 ends complete");
    check_eq(stats_now().attempts_running, 0);
    send();
    nothing_happens();
}

spec(attempt_and_deadline_are_the_nodes)
{
    mirror_with_worker();
    hand("a", "w1", .attempt = 16, .deadline_ms = 55, .type = "thumbnail");
    take("w1");
    then("0 a#16 to w1", "0 w1 takes a#16");
    check_eq(task_named("a#16")->deadline_ns, 55 * UINT64_C(1000000));
    check_str(type_of("a#16"), "thumbnail");
    at(3600000); /* times are the node's to look after */
    nothing_happens();
    complete("a#16");
    send();
    then("3600000 a#16 ends complete");
    gives(WEFT_EPROTOCOL, hand("b", "w1", .attempt = 17));
}

spec(each_way_to_end_has_its_word)
{
    mirror_with_worker();
    worker("w2", .capacity = 9);
    const char *const names[] = {"done", "failed", "mismatch", "abandoned", "unasked"};
    for (int i = 0; i < 5; i++)
        hand(names[i], "w2");
    take_up_to(9, "w2");
    whatever();
    complete("done#1");
    fail_with("failed#1", "no");
    mismatch("mismatch#1");
    abandon("abandoned#1");
    acknowledge("unasked#1");
    send();
    then("0 done#1 ends complete", "0 failed#1 ends failed:no", "0 mismatch#1 ends failed:result_schema_mismatch",
         "0 abandoned#1 ends abandoned:abandoned", "0 unasked#1 ends failed:not_cancelled");
}

spec(handler_that_ends_without_a_word_has_abandoned)
{
    mirror_with_worker();
    worker("w2", .handled = true);
    hand("a", "w2");
    take("w2");
    return_from("a#1");
    send();
    then("0 a#1 to w2", "0 w2 takes a#1", "0 a#1 ends abandoned:abandoned");
}

spec(timed_tasks_are_taken_alone_and_announced)
{
    mirror_with_worker();
    hand("a", "w1");
    hand("b", "w1", .timed = true);
    hand("c", "w1", .timed = true);
    take_up_to(3, "w1");
    send();
    then("0 a#1 to w1", "0 b#1 to w1", "0 c#1 to w1", "0 w1 takes a#1");
    at(4);
    take_up_to(3, "w1");
    send();
    then("4 w1 takes b#1", "4 b#1 starts");
    take_up_to(3, "w1");
    complete("b#1");
    complete("c#1"); /* its start was not told yet: the result says as much */
    send();
    then("4 w1 takes c#1", "4 b#1 ends complete", "4 c#1 ends complete");
    complete("a#1");
    send();
    whatever();
}

spec(handler_that_runs_on_is_told_to_have_returned)
{
    mirror_with_worker();
    worker("w2", .handled = true);
    hand("a", "w2");
    take("w2");
    complete_inside("a#1");
    send();
    then("0 a#1 to w2", "0 w2 takes a#1", "0 a#1 ends complete, runs on");
    gives(WEFT_EBUSY, hand("b", "w2"));
    at(9);
    return_from("a#1");
    hand("b", "w2");
    send();
    then("9 b#1 to w2", "9 a#1 returns");
    take("w2");
    complete("b#1");
    send();
    then("9 w2 takes b#1", "9 b#1 ends complete");
}

spec(handler_that_has_returned_by_the_time_of_telling_did_not_run_on)
{
    mirror_with_worker();
    worker("w2", .handled = true);
    hand("a", "w2", .timed = true);
    take("w2");
    complete_inside("a#1");
    return_from("a#1");
    send();
    then("0 a#1 to w2", "0 w2 takes a#1", "0 a#1 ends complete");
}

spec(task_that_is_kept_ends_when_its_keeper_says_so)
{
    mirror_with_worker();
    worker("w2", .handled = true);
    hand("a", "w2");
    take("w2");
    keep("a#1");
    send();
    then("0 a#1 to w2", "0 w2 takes a#1");
    complete("a#1");
    send();
    then("0 a#1 ends complete");
}

/* --- capacity --------------------------------------------------------------------------------- */

spec(node_that_hands_more_than_it_may_is_told_so)
{
    mirror_with_worker();
    for (int i = 0; i < 3; i++)
        hand(numbered("a", i), "w1");
    gives(WEFT_EBUSY, hand("b", "w1"));
    take("w1");
    gives(WEFT_EBUSY, hand("b", "w1"));
    complete("a0#1");
    hand("b", "w1"); /* before the node has heard of it */
    take_up_to(3, "w1");
    complete("a1#1");
    complete("a2#1");
    complete("b#1");
    send();
    whatever();
    check_eq(worker_now("w1").completed, 4);
}

spec(what_is_more_than_a_groups_threads_waits_there)
{
    mirror_with_worker();
    group("g", 1);
    worker("w2", .group = "g", .capacity = 4);
    for (int i = 0; i < 4; i++)
        hand(numbered("a", i), "w2");
    then("0 a0#1 to w2", "0 a1#1 to w2", "0 a2#1 to w2", "0 a3#1 to w2");
    limit_group("g", 0); /* a thread blocks: what was handed stays */
    nothing_happens();
    limit_group("g", 2);
    for (int i = 0; i < 4; i++)
        complete(take("g"));
    send();
    then("0 g takes a0#1", "0 g takes a1#1", "0 g takes a2#1", "0 g takes a3#1", "0 a0#1 ends complete",
         "0 a1#1 ends complete", "0 a2#1 ends complete", "0 a3#1 ends complete");
}

spec(what_a_slow_batch_has_not_begun_waits_for_another_thread)
{
    mirror_with_worker();
    group("g", 8);
    worker("w2", .group = "g", .capacity = 8);
    for (int i = 0; i < 5; i++)
        hand(numbered("a", i), "w2");
    take_up_to(4, "g");
    whatever();
    check_true(!wait_for_task("thread", "g"));
    give_back("a1#1", "a2#1", "a3#1");
    whatever();
    take_up_to(2, "g");
    take_up_to(9, "g");
    send();
    then("0 g takes a1#1", "0 g takes a2#1", "0 g takes a3#1", "0 g takes a4#1");
    for (int i = 0; i < 5; i++)
        complete(first_of(i));
    send();
    whatever();
}

spec(task_waits_for_no_worker_and_takes_no_other)
{
    mirror_with_worker();
    session("s1");
    attach("s2");
    worker("w2", .of = "s1");
    worker("w3", .of = "s2");
    stop_steps();
    fire("s1");
    gives(WEFT_ENOTFOUND, hand("a", "w2"));
    run_steps();
    gives(WEFT_ENOTFOUND, hand("a", "w2"));
    gives(WEFT_ENOTFOUND, hand("a", "w3")); /* it is not armed yet */
    unregister("w1");
    gives(WEFT_ENOTFOUND, hand("a", "w1"));
    forget("w1");
    gives(WEFT_ENOTFOUND, hand("a", "w1"));
    close_node(); /* what is on its way is still taken, until all is settled */
    gives(WEFT_ENOTFOUND, hand("a", "w3"));
    settle_all();
    gives(WEFT_ECLOSED, hand("a", "w3"));
    whatever();
}

spec(draining_worker_takes_nothing_that_was_on_its_way)
{
    mirror_with_worker();
    hand("a", "w1");
    drain_worker("w1");
    gives(WEFT_ENOTFOUND, hand("b", "w1"));
    complete(take("w1"));
    send();
    then("0 a#1 to w1", "0 w1 takes a#1", "0 a#1 ends complete");
}

/* --- workers that go -------------------------------------------------------------------------- */

spec(unregistered_worker_gives_back_what_it_has_not_begun)
{
    mirror_with_worker();
    worker("w2", .handled = true, .capacity = 3);
    worker("other", .capacity = 9);
    for (int i = 0; i < 3; i++) {
        hand(numbered("a", i), "w1");
        hand(numbered("b", i), "w2", .timed = true);
    }
    take("w1");
    take("w2");
    whatever();
    unregister("w1");
    then("0 a1#1 back from w1", "0 a2#1 back from w1");
    send();
    then("0 b0#1 starts", "0 a0#1 ends lost:worker_died", "0 a1#1 given back", "0 a2#1 given back");
    unregister("w2"); /* whose handler goes on */
    send();
    then("0 b1#1 back from w2", "0 b2#1 back from w2", "0 b1#1 given back", "0 b2#1 given back");
    complete("b0#1");
    send();
    then("0 b0#1 ends complete");
    gives(WEFT_ESTALE, complete("a0#1"));
    send();
    nothing_happens();
}

spec(batch_of_a_worker_that_has_ended_is_given_back)
{
    mirror_with_worker();
    group("g", 4);
    worker("w2", .group = "g", .capacity = 4);
    for (int i = 0; i < 3; i++)
        hand(numbered("a", i), "w2");
    take_up_to(3, "g");
    unregister("w2");
    give_back("a1#1", "a2#1");
    complete("a0#1");
    whatever();
    send();
    then("0 a1#1 given back", "0 a2#1 given back", "0 a0#1 ends complete");
}

spec(death_of_a_participant_here_is_told_at_once)
{
    mirror_with_worker();
    session("s1");
    worker("w2", .of = "s1", .capacity = 3);
    worker("w3", .of = "s1", .handled = true, .capacity = 2);
    for (int i = 0; i < 3; i++)
        hand(numbered("a", i), "w2", .window = 1);
    hand("b", "w3");
    take_up_to(2, "w2");
    take("w3");
    progress("a0#1", "half");
    complete_inside("b#1");
    whatever();
    fire("s1");
    then("0 a2#1 back from w2");
    send();
    then("0 a0#1 says half", "0 b#1 ends complete, runs on", "0 a0#1 ends lost:worker_died",
         "0 a1#1 ends lost:worker_died", "0 a2#1 given back");
    gives(WEFT_ESTALE, complete("a0#1"));
    gives(WEFT_ESTALE, fail_with("a1#1", "no"));
    return_from("b#1");
    send();
    then("0 b#1 returns");
}

spec(handler_of_the_dead_runs_on_until_it_returns)
{
    mirror_with_worker();
    session("s1");
    worker("w2", .of = "s1", .handled = true);
    hand("a", "w2");
    take("w2");
    whatever();
    fire("s1");
    send();
    then("0 a#1 ends lost:worker_died, runs on");
    gives(WEFT_ESTALE, complete("a#1"));
    send();
    then("0 a#1 returns");
}

spec(end_of_the_core_gives_back_and_abandons)
{
    mirror_with_worker();
    for (int i = 0; i < 2; i++)
        hand(numbered("a", i), "w1");
    take("w1");
    whatever();
    close_node();
    settle_all();
    send();
    then("0 a1#1 back from w1", "0 a0#1 ends abandoned:node_closed, runs on", "0 a1#1 given back");
    gives(WEFT_ESTALE, complete("a0#1"));
    send();
    then("0 a0#1 returns");
}

spec(wire_that_is_closed_forgets_what_it_would_have_told)
{
    mirror_with_worker();
    worker("w2", .handled = true, .capacity = 9);
    for (int i = 0; i < 5; i++)
        hand(numbered("a", i), "w2", .timed = i == 2, .window = i == 0 ? 2 : 0);
    take_up_to(2, "w2");
    take("w2");
    partial("a0#1", "x");
    complete_inside("a1#1");
    send(); /* a1 runs on */
    complete_inside("a0#1");
    return_from("a0#1");
    take("w2");
    complete_inside("a3#1");
    whatever();
    close_wire();
    then("0 a4#1 back from w2");
    send();
    nothing_happens();
    return_from("a1#1");
    return_from("a3#1");
    gives(WEFT_ESTALE, complete("a2#1"));
    send();
    nothing_happens();
    check_eq(stats_now().attempts_running, 0);
    check_eq(world.core->dispatches.live_count, 0);
}

/* --- what the node sends meanwhile ------------------------------------------------------------ */

spec(cancel_of_the_node_is_a_cancel)
{
    mirror_with_worker();
    for (int i = 0; i < 3; i++)
        hand(numbered("a", i), "w1");
    take_up_to(2, "w1");
    listen_to("a0#1");
    whatever();
    for (int i = 0; i < 3; i++)
        call_off(first_of(i));
    then("0 w1 told to stop a0#1", "0 a2#1 back from w1");
    check_true(is_cancelled("a1#1"));
    send();
    then("0 a2#1 ends cancelled");
    at(3600000);
    nothing_happens();
    acknowledge("a0#1");
    complete("a1#1");
    send();
    then("3600000 a0#1 ends cancelled", "3600000 a1#1 ends complete");
    gives(WEFT_ENOTFOUND, call_off("a0#1"));
}

spec(cancelled_task_of_a_batch_is_not_taken_again)
{
    mirror_with_worker();
    hand("a", "w1");
    take("w1");
    call_off("a#1");
    give_back("a#1");
    send();
    whatever();
    check_eq(stats_now().attempts_running, 0);
}

spec(what_a_task_says_goes_to_the_node_as_it_has_room)
{
    mirror_with_worker();
    hand("a", "w1", .window = 3, .taken = 1);
    take("w1");
    whatever();
    partial("a#1", "x");
    progress("a#1", "half");
    partial("a#1", "y");
    gives(WEFT_EAGAIN, partial_or_wait("a#1", "z", "waiter"));
    send();
    then("0 a#1 part 1 x", "0 a#1 says half", "0 a#1 part 2 y");
    make_room("a#1", 1);
    then("0 waiter woken");
    partial_again("a#1", "z", "waiter");
    gives(WEFT_EAGAIN, partial("a#1", "more"));
    make_room("a#1", 5); /* no more than were sent */
    for (int i = 0; i < 2; i++)
        partial("a#1", "p");
    gives(WEFT_EAGAIN, partial("a#1", "more"));
    complete("a#1");
    send();
    then("0 a#1 part 3 z", "0 a#1 part 4 p", "0 a#1 part 5 p", "0 a#1 ends complete");
    make_room("a#1", 1);
    nothing_happens();
}

spec(later_attempt_streams_from_its_beginning)
{
    mirror_with_worker();
    hand("a", "w1", .window = 2, .attempt = 3);
    take("w1");
    whatever();
    partial("a#3", "x");
    send();
    then("0 a#3 part 1 x");
    gives(WEFT_EPROTOCOL, hand("b", "w1", .window = 1, .taken = 2));
    complete("a#3");
    send();
    whatever();
}

/* --- mirrors ---------------------------------------------------------------------------------- */

spec(mirror_is_made_once_and_only_of_channels)
{
    uplink();
    mirror("dispatch.media.resize");
    mirror("dispatch.media.resize");
    mirror("event.media.done");
    check_eq(stats_now().channels, 2);
    gives(WEFT_EINVAL, mirror("uplink"));
    gives(WEFT_EUNSUPPORTED, mirror("signal.media.stop"));
    close_node();
    gives(WEFT_ECLOSED, mirror("dispatch.media.other"));
}

spec(mirror_that_nobody_uses_makes_room_for_another)
{
    world_close(NULL);
    check_eq(world_open_with(&(struct core_limits){.channels_max = 3,
                                                   .workers_max = 9,
                                                   .sessions_max = 9,
                                                   .dispatches_max = 9,
                                                   .subscriptions_max = 9,
                                                   .outcome_keep_ms = 1}),
             0);
    uplink();
    mirror("dispatch.media.resize");
    worker("w1", .handled = true);
    mirror("event.media.done");
    subscribe("s");
    for (int i = 0; i < 9; i++)
        mirror(numbered("dispatch.media.c", i));
    worker("w2");
    gives(WEFT_ELIMIT, mirror("dispatch.media.one"));
    hand("a", "w1");
    take("w1");
    unregister("w1");
    gives(WEFT_ELIMIT, mirror("dispatch.media.one")); /* whose handler runs yet */
    complete("a#1");
    mirror("dispatch.media.one");
    worker("w3");
    gives(WEFT_ELIMIT, mirror("dispatch.media.two"));
    unsubscribe("s");
    mirror("dispatch.media.two");
    send();
    whatever();
}

/* --- events ----------------------------------------------------------------------------------- */

spec(event_of_the_node_comes_with_what_was_lost_on_the_way)
{
    uplink();
    mirror("event.media.done");
    subscribe("s", .items_max = 2);
    subscribe("p", .to = "event.*.*");
    event_came("a", "s", 0);
    event_came("b", "s", 3);
    take_events("s");
    then("0 s takes a", "0 s takes b after 3 lost");
    check_eq(last_event().number, 1);
    check_eq(last_event().publisher, 7000);
    event_came("c", "p", 0);
    take_events("p");
    then("0 p takes c");
    event_came("d", "s", 1);
    event_came("e", "s", 0);
    event_came("f", "s", 2);
    take_events("s");
    then("0 s takes e after 2 lost", "0 s takes f after 2 lost");
    check_eq(subscription_now("s").dropped, 7);
    check_eq(stats_now().dropped, 7);
}

spec(subscriber_that_does_not_go_on_is_cut_off_here_too)
{
    uplink();
    mirror("event.media.done");
    subscribe("s", .items_max = 1, .slow = WEFT_DISCONNECT, .stall_ms = 5);
    subscribe("n", .items_max = 1, .slow = WEFT_DROP_NEWEST);
    event_came("a", "s", 0);
    event_came("a", "n", 0);
    event_came("b", "n", 0);
    at(9);
    gives(WEFT_ESLOW, event_came("b", "s", 0));
    gives(WEFT_ENOTFOUND, event_came("c", "s", 0));
    take_events("s");
    take_events("n");
    event_came("c", "n", 0);
    take_events("n");
    then("9 s takes a", "9 n takes a", "9 n takes c after 1 lost");
    gives(WEFT_ESLOW, take_events("s"));
}

spec(event_reaches_nobody_who_has_gone)
{
    uplink();
    session("s1");
    mirror("event.media.done");
    subscribe("s", .of = "s1");
    subscribe("u");
    stop_steps();
    fire("s1");
    gives(WEFT_ENOTFOUND, event_came("a", "s", 0));
    run_steps();
    unsubscribe("u");
    gives(WEFT_ENOTFOUND, event_came("a", "u", 0));
    whatever();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        promised(task_goes_to_the_worker_the_node_chose),
        promised(attempt_and_deadline_are_the_nodes),
        promised(each_way_to_end_has_its_word),
        promised(handler_that_ends_without_a_word_has_abandoned),
        promised(timed_tasks_are_taken_alone_and_announced),
        promised(handler_that_runs_on_is_told_to_have_returned),
        promised(handler_that_has_returned_by_the_time_of_telling_did_not_run_on),
        promised(task_that_is_kept_ends_when_its_keeper_says_so),
        promised(node_that_hands_more_than_it_may_is_told_so),
        promised(what_is_more_than_a_groups_threads_waits_there),
        promised(what_a_slow_batch_has_not_begun_waits_for_another_thread),
        promised(task_waits_for_no_worker_and_takes_no_other),
        promised(draining_worker_takes_nothing_that_was_on_its_way),
        promised(unregistered_worker_gives_back_what_it_has_not_begun),
        promised(batch_of_a_worker_that_has_ended_is_given_back),
        promised(death_of_a_participant_here_is_told_at_once),
        promised(handler_of_the_dead_runs_on_until_it_returns),
        promised(end_of_the_core_gives_back_and_abandons),
        promised(wire_that_is_closed_forgets_what_it_would_have_told),
        promised(cancel_of_the_node_is_a_cancel),
        promised(cancelled_task_of_a_batch_is_not_taken_again),
        promised(what_a_task_says_goes_to_the_node_as_it_has_room),
        promised(later_attempt_streams_from_its_beginning),
        promised(mirror_is_made_once_and_only_of_channels),
        promised(mirror_that_nobody_uses_makes_room_for_another),
        promised(event_of_the_node_comes_with_what_was_lost_on_the_way),
        promised(subscriber_that_does_not_go_on_is_cut_off_here_too),
        promised(event_reaches_nobody_who_has_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
