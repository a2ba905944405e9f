/* A client's calls: what goes out to the node, and what the node says of it.
 *
 *   - each call goes out once, in order, however many wait for the node
 *   - its outcome is the node's word: outcome, code, worker, attempts, admission, times, sentence; whatever words it uses
 *   - what the node says before that comes to the caller before it, in order, within the window, and in the node's count of
 *     attempts; and the node learns of each part that has gone, heard or not
 *   - a cancel asks the node; what was not sent is never sent
 *   - where the caller has gone the node is told so, and answers to nobody; the number of a call is never used twice
 *   - a node that is lost ends what was sent, and nothing else
 *   - while the node is away what has run out of time ends here; while it is there, that is the node's to say for a second
 *   - the uplink is in no page and no count, and does not keep what is there from being used
 */
#include <stdio.h>
#include <string.h>

#include "lib/fixture_client.h"

/* --- out and back ----------------------------------------------------------------------------- */

spec(calls_go_out_in_order_and_end_as_the_node_says)
{
    uplink();
    for (int i = 0; i < 3; i++)
        call(numbered("a", i));
    nothing_happens();
    send();
    then("0 a0 goes out", "0 a1 goes out", "0 a2 goes out");
    at(5);
    answer("a1", WEFT_COMPLETED, .worker = "w7", .attempts = 2);
    answer("a0", WEFT_FAILED, .code = "no", .sentence = "not so", .worker = "w8");
    answer("a2", WEFT_WORKER_DIED, .code = "worker_died", .worker = "w7", .attempts = 3);
    then("5 a1 completed by w7 #2", "5 a0 failed:no by w8 #1", "5 a2 worker_died:worker_died by w7 #3");
    send();
    nothing_happens();
}

spec(outcome_is_the_nodes_word_to_the_last_nanosecond)
{
    uplink();
    call("a");
    call("b");
    send();
    whatever();
    at(20);
    answer("a", WEFT_COMPLETED, .attempts = 4, .worker = "w7", .queued_ns = 11, .started_ns = 12, .run_ns = 13);
    then("20 a completed by w7 #4");
    struct core_outcome reply = reply_of("a");
    check_eq(reply.admission, WEFT_ADMISSION_DEFERRED);
    check_eq(reply.attempts, 4);
    check_eq(reply.queued_ns, 11);
    check_eq(reply.started_ns, 12);
    check_eq(reply.run_ns, 13);
    check_eq(reply.error, WEFT_OK);
    answer("b", WEFT_REJECTED, .code = "queue_full", .retry_after_ms = 70);
    then("20 b rejected:queue_full #1");
    check_eq(reply_of("b").retry_after_ms, 70);
}

spec(what_was_not_dispatched_at_all_says_why)
{
    uplink();
    call("a");
    send();
    whatever();
    gives(WEFT_EPROTOCOL, answer("a", WEFT_OUTCOME_NONE));
    gives(WEFT_EPROTOCOL, answer("a", WEFT_NODE_LOST + 1));
    gives(WEFT_EPROTOCOL, answer("a", WEFT_COMPLETED, .attempts = 17));
    char name[WEFT_NAME_MAX + 2] = "";
    memset(name, 'n', WEFT_NAME_MAX + 1);
    gives(WEFT_EPROTOCOL, answer("a", WEFT_COMPLETED, .worker = name));
    answer("a", WEFT_REJECTED, .error = WEFT_ENOCHANNEL, .code = "no_channel", .sentence = "there is none");
    then("0 a rejected:no_channel #1");
    check_eq(reply_of("a").error, WEFT_ENOCHANNEL);
}

spec(words_of_the_node_that_are_not_ours_are_kept)
{
    static const char *const words[] = {"schedule_to_close", "cancelled",          "queue_full",
                                        "content_type",      "a_word_of_tomorrow", "another"};
    uplink();
    for (int i = 0; i < 6; i++)
        call(numbered("a", i));
    send();
    whatever();
    for (int i = 0; i < 5; i++) {
        char line[64];
        answer(numbered("a", i), WEFT_TIMED_OUT, .code = words[i]);
        snprintf(line, sizeof line, "0 a%d timed_out:%s #1", i, words[i]);
        then(line);
    }
    answer("a5", WEFT_REJECTED, .code = words[5], .sentence = "with a sentence");
    then("0 a5 rejected:another #1");
}

spec(many_workers_of_the_node_are_told_apart)
{
    uplink();
    for (int i = 0; i < 300; i++)
        call(numbered("a", i));
    send();
    whatever();
    for (int i = 0; i < 300; i++) {
        char line[64], worker[16];
        snprintf(worker, sizeof worker, "w%d", i * 7 % 150);
        answer(numbered("a", i), WEFT_COMPLETED, .worker = worker);
        snprintf(line, sizeof line, "0 a%d completed by %s #1", i, worker);
        then(line);
    }
}

spec(call_is_admitted_whatever_waits)
{
    uplink();
    for (int i = 0; i < 2000; i++)
        call(numbered("a", i), .bytes = 4096);
    nothing_happens();
    check_eq(stats_now().dispatches_open, 2000);
    send();
    whatever();
    for (int i = 1999; i >= 0; i--)
        answer(numbered("a", i), WEFT_CANCELLED, .code = "cancelled");
    whatever();
    check_eq(stats_now().dispatches_open, 0);
}

spec(ids_are_of_the_public_session)
{
    world_close(NULL);
    check_eq(world_open_with(&(struct core_limits){.channels_max = 1,
                                                   .workers_max = 1,
                                                   .sessions_max = 8,
                                                   .dispatches_max = 8,
                                                   .outcome_keep_ms = 1,
                                                   .public_session = 77}),
             0);
    uplink();
    call("a");
    check_eq(id_of("a").session, 77);
    send();
    cancel("a");
    send();
    then("0 a goes out", "0 a is called off");
    answer("a", WEFT_CANCELLED, .code = "cancelled");
    then("0 a cancelled:cancelled #1");
}

/* --- what comes before the outcome ------------------------------------------------------------ */

spec(what_the_node_tells_comes_in_order_before_the_outcome)
{
    uplink();
    box("mine");
    call("a", .to = "mine", .window = 4);
    send();
    whatever();
    told_progress("a", 1, "begun");
    told_part("a", 1, 1, "x");
    told_progress("a", 1, "half");
    told_part("a", 1, 2, "y");
    answer("a", WEFT_COMPLETED, .worker = "w7");
    look_into("mine");
    then("0 a#1 part 1 x", "0 a#1 is at half", "0 a#1 part 2 y", "0 a completed by w7 #1");
}

spec(attempts_are_those_of_the_node)
{
    uplink();
    box("mine");
    call("a", .to = "mine", .window = 4);
    send();
    whatever();
    told_part("a", 1, 1, "x");
    told_part("a", 1, 2, "y");
    told_restart("a", 2);
    told_part("a", 2, 1, "x again");
    gives(WEFT_EPROTOCOL, told_part("a", 1, 3, "of the first"));
    gives(WEFT_EPROTOCOL, told_part("a", 2, 3, "out of order"));
    gives(WEFT_EPROTOCOL, told_restart("a", 2));
    gives(WEFT_EPROTOCOL, told_restart("a", 17));
    look_into("mine");
    then("0 a#2 restarts", "0 a#2 part 1 x again");
    told_restart("a", 5);
    told_progress("a", 5, "slow");
    answer("a", WEFT_COMPLETED, .worker = "w7", .attempts = 5);
    look_into("mine");
    then("0 a#5 restarts", "0 a#5 is at slow", "0 a completed by w7 #5");
}

spec(node_learns_of_each_part_that_has_gone)
{
    uplink();
    box("mine");
    call("a", .to = "mine", .window = 3);
    send();
    whatever();
    for (int i = 1; i <= 3; i++)
        told_part("a", 1, (uint64_t)i, "x");
    gives(WEFT_EPROTOCOL, told_part("a", 1, 4, "too much"));
    send();
    nothing_happens();
    look_into("mine");
    send();
    then("0 a#1 part 1 x", "0 a#1 part 2 x", "0 a#1 part 3 x", "0 a heard of 3");
    told_part("a", 1, 4, "x");
    told_part("a", 1, 5, "x");
    told_restart("a", 2); /* what is dropped unheard has gone, too */
    send();
    then("0 a heard of 2");
    told_part("a", 2, 1, "x");
    look_into("mine");
    answer("a", WEFT_COMPLETED, .worker = "w7", .attempts = 2);
    look_into("mine");
    send(); /* after the outcome nothing is to be said */
    then("0 a#2 restarts", "0 a#2 part 1 x", "0 a completed by w7 #2");
}

spec(who_has_left_keeps_no_part_waiting)
{
    uplink();
    box("mine");
    call("a", .to = "mine", .window = 2, .detached = true);
    send();
    whatever();
    told_part("a", 1, 1, "x");
    close_box("mine");
    told_part("a", 1, 2, "y");
    told_progress("a", 1, "half");
    told_restart("a", 2);
    told_part("a", 2, 1, "z");
    send();
    then("0 a heard of 3");
    answer("a", WEFT_COMPLETED, .worker = "w7", .attempts = 2);
    fetch("a");
    then("0 a completed by w7 #2");
}

spec(what_nobody_wants_to_hear_is_not_told)
{
    uplink();
    call("a");
    send();
    whatever();
    told_progress("a", 1, "half");
    told_part("a", 1, 1, "x");
    answer("a", WEFT_COMPLETED, .worker = "w7");
    then("0 a completed by w7 #1");
}

/* --- cancelling ------------------------------------------------------------------------------- */

spec(cancel_asks_the_node_and_waits_for_its_word)
{
    uplink();
    call("a");
    call("b");
    send();
    cancel("a");
    cancel("b");
    cancel("a");
    send();
    then("0 a goes out", "0 b goes out", "0 a is called off", "0 b is called off");
    at(3600000);
    nothing_happens();
    answer("a", WEFT_CANCELLED, .code = "cancelled", .worker = "w7");
    answer("b", WEFT_COMPLETED, .worker = "w7");
    then("3600000 a cancelled:cancelled by w7 #1", "3600000 b completed by w7 #1");
    gives(WEFT_ENOTFOUND, cancel("a"));
}

spec(what_was_not_sent_is_cancelled_here)
{
    uplink();
    call("a");
    call("b");
    cancel("a");
    then("0 a cancelled:cancelled #1");
    send();
    then("0 b goes out");
    check_true(!is_out("a"));
    answer("b", WEFT_COMPLETED, .worker = "w7");
    whatever();
}

spec(cancel_that_was_not_sent_is_not_when_the_answer_has_come)
{
    uplink();
    call("a");
    send();
    whatever();
    cancel("a");
    answer("a", WEFT_COMPLETED, .worker = "w7");
    send();
    then("0 a completed by w7 #1");
}

/* --- callers that go -------------------------------------------------------------------------- */

spec(dead_callers_calls_are_called_off_and_answered_to_nobody)
{
    uplink();
    session("s1");
    call("a", .by = "s1");
    call("b", .by = "s1");
    send_one();
    whatever();
    fire("s1");
    then("0 a cancelled:caller_died #1", "0 b cancelled:caller_died #1");
    send();
    then("0 a is called off");
    check_true(is_out("a") && !is_out("b"));
    gives(WEFT_ESTALE, told_progress("a", 1, "half"));
    gives(WEFT_ESTALE, told_part("a", 1, 1, "x"));
    gives(WEFT_ESTALE, answer("a", WEFT_CANCELLED, .code = "cancelled"));
    check_true(!is_out("a"));
    send();
    nothing_happens();
}

spec(caller_that_goes_after_it_has_cancelled_leaves_the_call_to_be_answered)
{
    uplink();
    box("mine");
    call("a", .to = "mine");
    send();
    cancel("a");
    send();
    then("0 a goes out", "0 a is called off");
    close_box("mine");
    send();
    nothing_happens();
    check_true(is_out("a"));
    gives(WEFT_ESTALE, answer("a", WEFT_CANCELLED, .code = "cancelled"));
    check_true(!is_out("a"));
}

spec(number_of_a_call_stands_until_it_is_answered)
{
    uplink();
    session("s1");
    call("old", .by = "s1");
    send();
    fire("s1");
    send();
    whatever();
    for (int i = 0; i < 100; i++) {
        call("new");
        check_true(id_of("new").number != id_of("old").number);
        send();
        answer("new", WEFT_COMPLETED, .worker = "w7");
    }
    whatever();
    check_true(is_out("old"));
    gives(WEFT_ESTALE, answer("old", WEFT_CANCELLED, .code = "cancelled"));
    check_true(!is_out("old"));
    nothing_happens();
}

spec(outcome_in_its_callers_box_waits_for_the_node_no_more_than_for_him)
{
    uplink();
    session("s1");
    box("mine");
    call("a", .by = "s1", .to = "mine");
    send();
    whatever();
    fire("s1");
    gives(WEFT_ESTALE, answer("a", WEFT_COMPLETED));
    look_into("mine");
    then("0 a cancelled:caller_died #1");
    check_true(!is_out("a"));
}

spec(detached_call_outlives_its_caller)
{
    uplink();
    session("s1");
    call("a", .by = "s1", .detached = true);
    send();
    fire("s1");
    send();
    then("0 a goes out");
    release("s1");
    then("0 s1 disarmed");
    answer("a", WEFT_COMPLETED, .worker = "w7");
    fetch("a");
    then("0 a completed by w7 #1");
}

spec(end_of_the_core_calls_off_what_is_out)
{
    uplink();
    call("a");
    call("b");
    send_one();
    whatever();
    close_node();
    settle_all();
    then("0 a cancelled:node_closed #1", "0 b cancelled:node_closed #1");
    send();
    then("0 a is called off");
    lose_node();
    check_true(!is_out("a"));
    nothing_happens();
    check_true(!wait_for_tasks("x"));
}

/* --- the node is lost ------------------------------------------------------------------------- */

spec(lost_node_ends_what_was_sent_and_nothing_else)
{
    uplink();
    box("mine");
    session("s1");
    call("a");
    call("b", .to = "mine", .window = 2);
    call("c", .by = "s1");
    call("d");
    for (int i = 0; i < 3; i++)
        send_one();
    told_part("b", 1, 1, "x");
    cancel("d");
    call("e");
    fire("s1");
    whatever();
    lose_node();
    look_into("mine");
    then("0 a node_lost:node_lost #0", "0 b#1 part 1 x", "0 b node_lost:node_lost #0");
    check_true(!is_out("c"));
    send();
    then("0 e goes out");
    answer("e", WEFT_COMPLETED, .worker = "w7");
    then("0 e completed by w7 #1");
}

spec(lost_node_ends_many_a_hold_at_a_time)
{
    uplink();
    for (int i = 0; i < CORE_HOLD_MAX + 10; i++)
        call(numbered("a", i));
    send();
    whatever();
    uint32_t most = UINT32_MAX;
    check_true(weft__core_uplink_lost(world.core, world_now_ns(), &most));
    check_eq(stats_now().dispatches_open, 10);
    most = 4;
    check_true(!weft__core_uplink_lost(world.core, world_now_ns(), &most));
    check_eq(stats_now().dispatches_open, 6);
    lose_node();
    check_eq(stats_now().dispatches_open, 0);
    whatever();
}

/* --- it is not there -------------------------------------------------------------------------- */

spec(time_runs_out_here_while_the_node_is_away)
{
    uplink();
    call("a", .schedule_to_close_ms = 10);
    call("b", .schedule_to_close_ms = 30);
    call("c");
    send();
    whatever();
    node_away(true);
    call("d", .schedule_to_close_ms = 10);
    at(9);
    nothing_happens();
    at(10);
    then("10 a timed_out:schedule_to_close #0", "10 d timed_out:schedule_to_close #0");
    check_true(is_out("a"));
    check_true(!is_out("d"));
    send();
    then("10 a is called off");
    gives(WEFT_ESTALE, answer("a", WEFT_COMPLETED, .worker = "w7"));
    check_true(!is_out("a"));
    node_away(false);
    at(1029);
    nothing_happens();
    answer("b", WEFT_COMPLETED, .worker = "w7");
    then("1029 b completed by w7 #1");
    node_away(true);
    at(90000);
    nothing_happens();
    answer("c", WEFT_COMPLETED, .worker = "w7");
    then("90000 c completed by w7 #1");
}

spec(time_that_ran_out_before_the_node_went_is_noticed_after)
{
    uplink();
    call("a", .schedule_to_close_ms = 10);
    send();
    whatever();
    at(500);
    node_away(true);
    at(1009);
    nothing_happens();
    at(1010);
    then("1010 a timed_out:schedule_to_close #0");
}

spec(node_that_is_there_and_says_nothing_has_a_second_to)
{
    uplink();
    box("mine");
    call("a", .schedule_to_close_ms = 10);
    call("b", .to = "mine", .window = 2, .schedule_to_close_ms = 11);
    call("c", .schedule_to_close_ms = 12);
    call("d", .schedule_to_close_ms = 13);
    call("e");
    for (int i = 0; i < 3; i++)
        send_one(); /* there is no room for the rest */
    whatever();
    at(500);
    cancel("c"); /* gives it no other time */
    at(1009);
    nothing_happens();
    at(1010);
    then("1010 a timed_out:schedule_to_close #0");
    at(1013);
    look_into("mine");
    then("1012 c timed_out:schedule_to_close #0", "1013 d timed_out:schedule_to_close #0",
         "1013 b timed_out:schedule_to_close #0");
    check_true(is_out("a") && is_out("b") && is_out("c") && !is_out("d"));
    send();
    then("1013 e goes out", "1013 c is called off", "1013 a is called off", "1013 b is called off");
    gives(WEFT_ESTALE, told_part("b", 1, 1, "x"));
    gives(WEFT_ESTALE, answer("a", WEFT_COMPLETED, .worker = "w7"));
    gives(WEFT_ESTALE, answer("b", WEFT_TIMED_OUT, .code = "schedule_to_close"));
    gives(WEFT_ESTALE, answer("c", WEFT_CANCELLED, .code = "cancelled"));
    check_true(!is_out("a") && !is_out("b") && !is_out("c"));
    answer("e", WEFT_COMPLETED, .worker = "w7");
    then("1013 e completed by w7 #1");
    check_eq(stats_now().dispatches_open, 0);
}

spec(uplink_is_in_no_page_and_no_count)
{
    uplink();
    open_notes();
    call("a");
    send();
    whatever();
    list("*.*.*");
    nothing_happens();
    check_eq(stats_now().channels, 0);
    check_eq(stats_now().workers, 0);
    what_happened();
    nothing_happens();
    on(WEFT_UPLINK_CHANNEL);
    gives(WEFT_ENOCHANNEL, pause_channel());
    gives(WEFT_ENOCHANNEL, delete_channel());
    gives(WEFT_ENOCHANNEL, drain_channel("x"));
    gives(WEFT_ENOCHANNEL, channel_now());
    gives(WEFT_ENOCHANNEL, worker("w1"));
    answer("a", WEFT_COMPLETED, .worker = "w7");
    whatever();
}

spec(uplink_takes_nobodys_place)
{
    world_close(NULL);
    check_eq(world_open_with(&(struct core_limits){
                 .channels_max = 1, .workers_max = 1, .sessions_max = 1, .dispatches_max = 1, .outcome_keep_ms = 1}),
             0);
    uplink();
    mirror("dispatch.media.resize");
    worker("w1");
    gives(WEFT_ELIMIT, worker("w2"));
    gives(WEFT_ELIMIT, mirror("dispatch.media.other"));
    call("a");
    gives(WEFT_ELIMIT, call("b"));
    send();
    whatever();
    answer("a", WEFT_COMPLETED, .worker = "w7");
    whatever();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        promised(calls_go_out_in_order_and_end_as_the_node_says),
        promised(outcome_is_the_nodes_word_to_the_last_nanosecond),
        promised(what_was_not_dispatched_at_all_says_why),
        promised(words_of_the_node_that_are_not_ours_are_kept),
        promised(many_workers_of_the_node_are_told_apart),
        promised(call_is_admitted_whatever_waits),
        promised(ids_are_of_the_public_session),
        promised(what_the_node_tells_comes_in_order_before_the_outcome),
        promised(attempts_are_those_of_the_node),
        promised(node_learns_of_each_part_that_has_gone),
        promised(who_has_left_keeps_no_part_waiting),
        promised(what_nobody_wants_to_hear_is_not_told),
        promised(cancel_asks_the_node_and_waits_for_its_word),
        promised(what_was_not_sent_is_cancelled_here),
        promised(cancel_that_was_not_sent_is_not_when_the_answer_has_come),
        promised(dead_callers_calls_are_called_off_and_answered_to_nobody),
        promised(caller_that_goes_after_it_has_cancelled_leaves_the_call_to_be_answered),
        promised(number_of_a_call_stands_until_it_is_answered),
        promised(outcome_in_its_callers_box_waits_for_the_node_no_more_than_for_him),
        promised(detached_call_outlives_its_caller),
        promised(end_of_the_core_calls_off_what_is_out),
        promised(lost_node_ends_what_was_sent_and_nothing_else),
        promised(lost_node_ends_many_a_hold_at_a_time),
        promised(time_runs_out_here_while_the_node_is_away),
        promised(time_that_ran_out_before_the_node_went_is_noticed_after),
        promised(node_that_is_there_and_says_nothing_has_a_second_to),
        promised(uplink_is_in_no_page_and_no_count),
        promised(uplink_takes_nobodys_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
