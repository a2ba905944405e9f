/* Who lives elsewhere: barred sessions, remote workers, the line of all that goes to one.
 *
 *   - from the instant it is barred no selection returns a worker of the session, whichever the policy
 *   - detached: what was assigned and not taken goes to others, the oldest first, and spends no attempt; what was taken stays
 *   - backlogged: it stays where it is
 *   - whose participant has died where it lives gets nothing more
 *   - which leaves: what its client has not said anything of has not begun, spends no attempt and goes to others
 *   - un-barred: what waits is served; a session may be barred and un-barred while either is still worked off
 *   - `why` tells it apart from a link that has fired, and asks it before the type
 *   - a task's slot is kept from its result until its handler has returned
 *   - what a remote worker held when it ends is released at once, and nobody keeps a record of it
 *   - what it is to be told of a task stands behind the task; not told is what was settled before
 *   - of a timed task the time counts from the entry of its handler
 *   - in one line everything comes in the order in which it was decided; events give way
 *   - the end of a remote worker, and of a subscription, is told there
 */
#include "base/clock.h"
#include "lib/fixture_remote.h"

/* --- barred ----------------------------------------------------------------------------------- */

static void barred_is_not_chosen(weft_policy policy)
{
    channel("dispatch.media.resize", .policy = policy);
    far_session("s1");
    worker("w1", .of = "s1", .far = true, .capacity = 8);
    worker("w2");
    stop_steps();
    detach("s1");
    check_eq(channel_now().workers_eligible, 2);
    dispatch("a", .key = "k");
    dispatch("b", .key = "k");
    then("0 a#1 to w2", "0 b waits");
    run_steps();
    check_eq(channel_now().workers_eligible, 0);
    unbar("s1");
    then("0 b#1 to w1");
}

spec(barred_worker_is_not_chosen_by_round_robin)
{
    barred_is_not_chosen(WEFT_ROUND_ROBIN);
}

spec(barred_worker_is_not_chosen_by_least_loaded)
{
    barred_is_not_chosen(WEFT_LEAST_LOADED);
}

spec(barred_worker_is_not_chosen_by_sticky)
{
    barred_is_not_chosen(WEFT_STICKY);
}

spec(barred_worker_gets_nothing_of_a_freed_slot_of_its_own)
{
    channel("dispatch.media.resize");
    far_session("s1");
    worker("w1", .of = "s1", .far = true);
    dispatch("a");
    dispatch("b");
    deliver("s1");
    then("0 a#1 to w1", "0 b waits", "0 s1 gets a#1");
    stop_steps();
    backlog("s1");
    complete("a#1");
    then("0 a completed by w1 #1");
    run_steps();
    nothing_happens();
    unbar("s1");
    then("0 b#1 to w1");
}

spec(what_a_detached_worker_has_not_taken_goes_to_others_the_oldest_first)
{
    channel("dispatch.media.resize");
    far_session("s1");
    worker("w1", .of = "s1", .far = true, .capacity = 4);
    dispatch("a");
    dispatch("b");
    dispatch("c");
    dispatch("d");
    deliver_up_to(1, "s1");
    whatever();
    worker("w2", .capacity = 2);
    detach("s1");
    then("0 b#1 back from w1", "0 c#1 back from w1", "0 d#1 back from w1", "0 b#1 to w2", "0 c#1 to w2");
    check_eq(waits_in_line("s1"), 0);
    unbar("s1");
    then("0 d#1 to w1");
    complete("a#1");
    then("0 a completed by w1 #1");
}

spec(what_a_detached_worker_has_taken_stays_its_own)
{
    channel("dispatch.media.resize");
    far_session("s1");
    worker("w1", .of = "s1", .far = true);
    worker("w2");
    dispatch("a");
    deliver("s1");
    then("0 a#1 to w1", "0 s1 gets a#1");
    detach("s1");
    at(1000);
    nothing_happens();
    check_eq(worker_now("w1").in_flight, 1);
    check_true(found("a#1", "s1"));
    unbar("s1");
    complete("a#1");
    then("1000 a completed by w1 #1");
}

spec(worker_that_died_where_it_lives_gets_no_other_attempt_before_its_end_comes)
{
    channel("dispatch.media.resize", .on_crash = WEFT_CRASH_REDISPATCH, .attempts_max = 3);
    far_session("s1");
    worker("w1", .of = "s1", .far = true, .capacity = 2);
    dispatch("a");
    deliver("s1");
    then("0 a#1 to w1", "0 s1 gets a#1");
    dies_there("a#1");
    at(60000);
    deliver("s1");
    nothing_happens();
    unregister("w1");
    whatever();
    worker("w2");
    then("60000 a#2 to w2");
    take("w2");
    complete("a#2");
    then("60000 w2 takes a#2", "60000 a completed by w2 #2");
}

spec(what_was_not_said_of_a_worker_that_leaves_has_not_begun)
{
    channel("dispatch.media.resize", .on_crash = WEFT_CRASH_FAIL);
    far_session("s1");
    worker("w1", .of = "s1", .far = true, .capacity = 3);
    dispatch("a");
    dispatch("b");
    dispatch("c");
    deliver_up_to(2, "s1");
    complete("a#1");
    whatever();
    leave("w1");
    then("0 c#1 back from w1");
    worker("w2", .capacity = 2);
    then("0 b#1 to w2", "0 c#1 to w2");
}

spec(backlogged_worker_keeps_what_it_was_assigned)
{
    channel("dispatch.media.resize");
    far_session("s1");
    worker("w1", .of = "s1", .far = true, .capacity = 2);
    dispatch("a");
    backlog("s1");
    dispatch("b");
    then("0 a#1 to w1", "0 b waits");
    deliver("s1");
    then("0 s1 gets a#1");
    unbar("s1");
    then("0 b#1 to w1");
}

spec(backlogged_session_that_is_detached_gives_up_what_it_was_assigned)
{
    channel("dispatch.media.resize");
    far_session("s1");
    worker("w1", .of = "s1", .far = true);
    dispatch("a");
    backlog("s1");
    then("0 a#1 to w1");
    detach("s1");
    then("0 a#1 back from w1");
    backlog("s1");
    nothing_happens();
    unbar("s1");
    then("0 a#1 to w1");
}

spec(bar_that_is_lifted_before_it_was_worked_off_leaves_no_trace)
{
    channel("dispatch.media.resize");
    far_session("s1");
    worker("w1", .of = "s1", .far = true, .capacity = 2);
    dispatch("a");
    then("0 a#1 to w1");
    stop_steps();
    detach("s1");
    dispatch("b");
    then("0 b waits");
    unbar("s1");
    run_steps();
    then("0 b#1 to w1");
}

spec(retraction_of_many_tasks_is_worked_off_256_at_a_time)
{
    enum { TASKS = 700 };
    channel("dispatch.media.resize");
    far_session("s1");
    worker("w1", .of = "s1", .far = true, .capacity = TASKS);
    for (int i = 0; i < TASKS; i++)
        dispatch(numbered("a", i), .unheard = true);
    whatever();
    stop_steps();
    detach("s1");
    for (bool more = true; more;) {
        uint32_t queued = channel_now().queued;
        more = step();
        check_true(channel_now().queued - queued <= CORE_HOLD_MAX);
    }
    check_eq(channel_now().queued, TASKS);
    run_steps();
    unbar("s1");
    check_eq(channel_now().queued, 0);
    whatever();
}

spec(bar_of_many_workers_is_worked_off_256_at_a_time_and_so_is_its_end)
{
    enum { WORKERS = 700 };
    channel("dispatch.media.resize");
    far_session("s1");
    for (int i = 0; i < WORKERS; i++)
        worker(numbered("w", i), .of = "s1", .far = true);
    stop_steps();
    backlog("s1");
    for (uint32_t seen = 0; seen < WORKERS;) {
        uint32_t eligible = channel_now().workers_eligible;
        (void)step();
        check_true(eligible - channel_now().workers_eligible <= CORE_HOLD_MAX);
        seen += eligible - channel_now().workers_eligible;
    }
    check_true(!step());
    unbar("s1");
    check_true(step());
    check_true(channel_now().workers_eligible <= CORE_HOLD_MAX);
    run_steps();
    check_eq(channel_now().workers_eligible, WORKERS);
    nothing_happens();
}

spec(worker_that_comes_while_its_session_is_barred_waits_for_the_end_of_that)
{
    channel("dispatch.media.resize");
    far_session("s1");
    detach("s1");
    worker("w1", .of = "s1", .far = true);
    dispatch("a");
    then("0 a waits");
    check_true(worker_now("w1").detached);
    unbar("s1");
    then("0 a#1 to w1");
    check_true(!worker_now("w1").detached);
}

spec(session_may_die_while_it_is_barred)
{
    channel("dispatch.media.resize");
    far_session("s1");
    worker("w1", .of = "s1", .far = true);
    dispatch("a");
    dispatch("b", .by = "s1", .number = 7);
    deliver("s1");
    whatever();
    detach("s1");
    fire_of("s1", WEFT_CAUSE_LINK_LOST, 0);
    then("0 a worker_died:worker_died by w1 #1");
    unbar("s1");
    check_str(participant_now("s1"), "dead");
    lets_go_of("a#1");
    deliver("s1");
    then("0 b cancelled:caller_died #0", "0 w1 is over");
    nothing_happens();
}

spec(why_tells_a_barred_worker_from_a_dead_one_and_one_of_the_wrong_type)
{
    channel("dispatch.media.resize");
    far_session("s1");
    far_session("s2");
    worker("w1", .of = "s1", .far = true, .types = {"probe"});
    worker("w2", .of = "s2", .far = true);
    detach("s1");
    backlog("s2");
    dispatch("a", .type = "encode");
    why("a");
    then("0 a waits", "0 a waits 0 ms, 0 ahead", "0   w1: detached", "0   w2: backlogged");
    stop_steps();
    fire("s1");
    why("a");
    then("0 a waits 0 ms, 0 ahead", "0   w1: link", "0   w2: backlogged");
    run_steps();
    whatever();
}

spec(why_asks_whether_a_session_is_behind_last_of_all)
{
    channel("dispatch.media.resize");
    far_session("s1");
    worker("w1", .of = "s1", .far = true, .types = {"probe"});
    worker("w2", .of = "s1", .far = true);
    worker("w3", .of = "s1", .far = true);
    dispatch("busy");
    drain_worker("w3");
    backlog("s1");
    dispatch("a", .type = "encode");
    whatever();
    why("a");
    then("0 a waits 0 ms, 0 ahead", "0   w1: activity_type", "0   w2: capacity", "0   w3: draining");
    deliver("s1");
    complete("busy#1");
    whatever();
    why("a");
    then("0 a waits 0 ms, 0 ahead", "0   w1: activity_type", "0   w2: backlogged", "0   w3: draining");
}

spec(time_runs_out_for_what_a_detached_worker_has_and_it_is_told_when_it_is_back)
{
    channel("dispatch.media.resize");
    far_session("s1");
    worker("w1", .of = "s1", .far = true);
    dispatch("a", .schedule_to_close_ms = 50);
    deliver("s1");
    whatever();
    detach("s1");
    at(50);
    then("50 a timed_out:schedule_to_close by w1 #1");
    check_eq(worker_now("w1").orphaned, 1);
    unbar("s1");
    deliver("s1");
    then("50 w1 told to stop a#1");
    gives(WEFT_ESTALE, complete("a#1"));
    check_eq(worker_now("w1").in_flight, 0);
}

/* --- remote workers --------------------------------------------------------------------------- */

spec(slot_of_a_remote_worker_is_free_when_its_handler_has_returned)
{
    channel("dispatch.media.resize");
    far_session("s1");
    worker("w1", .of = "s1", .far = true);
    dispatch("a");
    dispatch("b");
    deliver("s1");
    whatever();
    complete_inside("a#1");
    then("0 a completed by w1 #1");
    check_eq(worker_now("w1").in_flight, 1);
    check_eq(worker_now("w1").orphaned, 1);
    at(30);
    return_from("a#1");
    then("30 b#1 to w1");
}

spec(remote_handler_that_returns_without_a_word_has_abandoned_its_task)
{
    channel("dispatch.media.resize");
    far_session("s1");
    worker("w1", .of = "s1", .far = true);
    dispatch("a");
    deliver("s1");
    whatever();
    return_from("a#1");
    then("0 a worker_died:abandoned by w1 #1");
    check_eq(worker_now("w1").in_flight, 0);
}

spec(what_a_remote_worker_held_is_released_at_its_death_and_nobody_keeps_it)
{
    channel("dispatch.media.resize", .on_crash = WEFT_CRASH_REDISPATCH, .attempts_max = 2);
    far_session("s1");
    worker("w1", .of = "s1", .far = true, .capacity = 3);
    dispatch("a");
    dispatch("b", .on_crash = WEFT_CRASH_FAIL);
    dispatch("c");
    deliver("s1");
    complete_inside("c#1");
    whatever();
    worker("w2");
    fire("s1");
    then("0 b worker_died:worker_died by w1 #1", "0 a#2 to w2");
    check_eq(stats_now().attempts_running, 1);
    check_true(!found("a#1", "s1"));
    check_true(!found("b#1", "s1"));
    check_true(!found("c#1", "s1"));
    check_eq(world.core->tasks_lost, 0);
    deliver("s1");
    then("0 w1 is over");
    take("w2");
    complete("a#2");
    whatever();
}

spec(what_a_remote_worker_held_is_released_when_it_is_unregistered)
{
    channel("dispatch.media.resize");
    far_session("s1");
    worker("w1", .of = "s1", .far = true, .capacity = 2);
    dispatch("a");
    deliver("s1");
    dispatch("b");
    whatever();
    unregister("w1");
    then("0 a worker_died:worker_died by w1 #1", "0 b#1 back from w1");
    check_true(!found("a#1", "s1"));
    check_eq(world.core->tasks_lost, 0);
    deliver("s1");
    then("0 w1 is over");
}

spec(remote_worker_of_a_deleted_channel_is_told_so)
{
    channel("dispatch.media.resize");
    far_session("s1");
    worker("w1", .of = "s1", .far = true);
    nothing_happens();
    check_eq(waits_in_line("s1"), 0);
    delete_channel();
    deliver("s1");
    then("0 w1 is over");
}

spec(end_of_a_remote_worker_comes_behind_all_that_is_told_of_its_tasks)
{
    channel("dispatch.media.resize");
    far_session("s1");
    worker("w1", .of = "s1", .far = true);
    worker("w2", .of = "s1", .far = true);
    dispatch("a");
    dispatch("b");
    deliver("s1");
    whatever();
    cancel("a");
    unregister("w1");
    then("0 a cancelled:cancelled by w1 #1");
    complete("b#1");
    deliver("s1"); /* of a#1 nothing is said any more: the worker knows that it is gone */
    then("0 b completed by w2 #1", "0 w1 is over");
}

spec(task_is_found_by_the_session_of_its_worker_while_that_has_it)
{
    channel("dispatch.media.resize");
    far_session("s1");
    far_session("s2");
    worker("w1", .of = "s1", .far = true);
    worker("pull");
    dispatch("a");
    dispatch("b");
    take("pull");
    check_true(!found("b#1", "host"));
    deliver("s1");
    check_true(found("a#1", "s1"));
    check_true(!found("a#1", "s2"));
    check_true(weft__core_task_find(world.core, handle_of("s1"), 0) == NULL);
    complete_inside("a#1");
    check_true(found("a#1", "s1"));
    uint64_t handle = weft__core_task_handle(task_named("a#1"));
    return_from("a#1");
    check_true(weft__core_task_find(world.core, handle_of("s1"), handle) == NULL);
    dispatch("c");
    const struct core_item *item = list_record(list_first(&world_line_of("s1")->fifo), struct core_item, on);
    handle = weft__core_task_handle(list_record(item, struct core_task, item));
    check_true(weft__core_task_find(world.core, handle_of("s1"), handle) == NULL); /* not delivered yet */
    whatever();
}

spec(task_that_was_delivered_and_not_begun_can_be_given_back)
{
    channel("dispatch.media.resize");
    far_session("s1");
    worker("w1", .of = "s1", .far = true);
    dispatch("a");
    deliver("s1");
    whatever();
    drain_worker("w1");
    worker("w2");
    give_back("a#1");
    then("0 a#1 back from w1", "0 a#1 to w2");
    check_eq(worker_now("w1").in_flight, 0);
}

/* --- what it is told -------------------------------------------------------------------------- */

spec(cancelled_task_is_told_to_its_remote_worker_without_being_asked)
{
    channel("dispatch.media.resize", .cancel_grace_ms = 100);
    far_session("s1");
    worker("w1", .of = "s1", .far = true);
    dispatch("a");
    deliver("s1");
    whatever();
    cancel("a");
    nothing_happens();
    deliver("s1");
    then("0 w1 told to stop a#1");
    acknowledge("a#1");
    then("0 a cancelled:cancelled by w1 #1");
}

spec(task_cancelled_before_it_was_delivered_is_not_told_at_all)
{
    channel("dispatch.media.resize");
    far_session("s1");
    worker("w1", .of = "s1", .far = true);
    dispatch("a");
    cancel("a");
    then("0 a#1 to w1", "0 a cancelled:cancelled by w1 #1", "0 a#1 back from w1");
    check_eq(waits_in_line("s1"), 0);
}

spec(cancel_notice_is_retracted_when_the_task_is_settled_before_it_was_delivered)
{
    channel("dispatch.media.resize");
    far_session("s1");
    worker("w1", .of = "s1", .far = true);
    dispatch("a");
    deliver("s1");
    whatever();
    cancel("a");
    complete("a#1");
    then("0 a completed by w1 #1");
    check_eq(waits_in_line("s1"), 0);
}

spec(remote_worker_is_told_when_nobody_waits_for_its_task_any_more)
{
    channel("dispatch.media.resize", .cancel_grace_ms = 10);
    far_session("s1");
    session("caller");
    worker("w1", .of = "s1", .far = true, .capacity = 3);
    dispatch("a", .by = "caller");
    dispatch("b", .start_to_close_ms = 20);
    dispatch("c");
    deliver("s1");
    enters("b#1");
    whatever();
    fire("caller");
    then("0 a cancelled:caller_died by w1 #1");
    deliver("s1");
    then("0 w1 told to stop a#1");
    cancel("c");
    deliver("s1");
    then("0 w1 told to stop c#1");
    at(20);
    then("10 c cancelled:cancel_grace by w1 #1", "20 b timed_out:start_to_close by w1 #1");
    deliver("s1"); /* c#1 was told before */
    then("20 w1 told to stop b#1");
}

spec(all_that_goes_to_one_session_comes_in_the_order_in_which_it_was_decided)
{
    channel("dispatch.media.crop");
    worker("here", .on = "dispatch.media.crop");
    channel("dispatch.media.resize");
    far_session("s1");
    worker("w1", .of = "s1", .far = true, .capacity = 3);
    dispatch("mine", .on = "dispatch.media.crop", .by = "s1", .number = 1, .window = 2);
    take("here");
    dispatch("a");
    whatever();
    deliver_up_to(1, "s1");
    then("0 s1 gets a#1");
    partial("mine#1", "one");
    cancel("a");
    dispatch("b");
    progress("mine#1", "half");
    complete("mine#1");
    dispatch("c");
    whatever();
    deliver("s1");
    then("0 mine#1 part 1 one", "0 w1 told to stop a#1", "0 s1 gets b#1", "0 mine#1 is at half",
         "0 mine completed by here #1", "0 s1 gets c#1");
}

/* --- time ------------------------------------------------------------------------------------- */

spec(run_of_a_remote_task_is_timed_from_the_entry_of_its_handler)
{
    channel("dispatch.media.resize");
    far_session("s1");
    worker("w1", .of = "s1", .far = true);
    dispatch("a", .start_to_close_ms = 20, .heartbeat_ms = 15);
    deliver("s1");
    whatever();
    at(1000);
    nothing_happens();
    enters("a#1");
    at(1010);
    beat("a#1");
    enters("a#1"); /* again: it was before */
    at(1030);
    then("1020 a timed_out:start_to_close by w1 #1");
    check_eq(reply_of("a").started_ns, 1000 * NS_PER_MS);
    check_eq(reply_of("a").run_ns, 20 * NS_PER_MS);
}

spec(heartbeat_of_a_remote_task_is_due_from_the_entry_of_its_handler)
{
    channel("dispatch.media.resize");
    far_session("s1");
    worker("w1", .of = "s1", .far = true);
    dispatch("a", .heartbeat_ms = 15);
    deliver("s1");
    whatever();
    at(100);
    enters("a#1");
    at(120);
    then("115 a timed_out:heartbeat by w1 #1");
}

spec(whole_time_of_a_remote_task_runs_before_its_handler_is_entered)
{
    channel("dispatch.media.resize");
    far_session("s1");
    worker("w1", .of = "s1", .far = true);
    dispatch("a", .start_to_close_ms = 20, .schedule_to_close_ms = 60);
    deliver("s1");
    at(60);
    then("0 a#1 to w1", "0 s1 gets a#1", "60 a timed_out:schedule_to_close by w1 #1");
}

/* --- events ----------------------------------------------------------------------------------- */

spec(events_of_a_remote_subscription_give_way_to_what_else_there_is)
{
    channel("dispatch.media.resize");
    far_session("s1");
    worker("w1", .of = "s1", .far = true);
    channel("event.media.done");
    subscribe("s", .far = "s1");
    publish("e");
    publish("f");
    on("dispatch.media.resize");
    dispatch("a");
    whatever();
    deliver("s1");
    then("0 s takes e", "0 s1 gets a#1", "0 s takes f");
}

spec(end_of_a_remote_subscription_is_told_behind_its_events)
{
    channel("event.media.done");
    far_session("s1");
    subscribe("s", .far = "s1", .told = true);
    publish("e");
    then("0 e heard by 1");
    delete_channel();
    deliver("s1");
    then("0 s takes e", "0 s told WEFT_ECLOSED");
    unsubscribe("s");
    forget_subscription("s");
    check_eq(waits_in_line("s1"), 0);
}

spec(unsubscribed_is_told_of_no_end)
{
    channel("event.media.done");
    far_session("s1");
    subscribe("s", .far = "s1", .told = true);
    publish("e");
    unsubscribe("s");
    deliver("s1");
    then("0 e heard by 1");
    forget_subscription("s");
}

/* --- the end ---------------------------------------------------------------------------------- */

spec(line_that_nobody_drains_any_more_is_emptied_of_all_kinds)
{
    channel("event.media.done");
    channel("dispatch.media.crop");
    worker("here", .on = "dispatch.media.crop", .capacity = 3);
    channel("dispatch.media.resize");
    far_session("s1");
    worker("w1", .of = "s1", .far = true, .capacity = 4);
    subscribe("s", .to = "event.media.done", .far = "s1");
    dispatch("mine", .on = "dispatch.media.crop", .by = "s1", .number = 1, .window = 2);
    dispatch("kept", .on = "dispatch.media.crop", .by = "s1", .number = 2, .detached = true);
    dispatch("streamed", .window = 1);
    dispatch("a");
    take("here");
    take("here");
    deliver("s1");
    partial("mine#1", "one");
    partial("streamed#1", "one"); /* its caller takes it: there is room again */
    complete("mine#1");
    cancel("a");
    dispatch("b");
    publish("e", .on = "event.media.done");
    whatever();
    fire("s1");
    whatever();
    unsubscribe("s");
    close_line("s1");
    check_eq(waits_in_line("s1"), 0);
    check_eq(world.core->workers.live_count, 1);
    complete("kept#1");
    fetch("kept");
    then("0 kept completed by here #1");
    forget_subscription("s");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        promised(barred_worker_is_not_chosen_by_round_robin),
        promised(barred_worker_is_not_chosen_by_least_loaded),
        promised(barred_worker_is_not_chosen_by_sticky),
        promised(barred_worker_gets_nothing_of_a_freed_slot_of_its_own),
        promised(what_a_detached_worker_has_not_taken_goes_to_others_the_oldest_first),
        promised(what_a_detached_worker_has_taken_stays_its_own),
        promised(worker_that_died_where_it_lives_gets_no_other_attempt_before_its_end_comes),
        promised(what_was_not_said_of_a_worker_that_leaves_has_not_begun),
        promised(backlogged_worker_keeps_what_it_was_assigned),
        promised(backlogged_session_that_is_detached_gives_up_what_it_was_assigned),
        promised(bar_that_is_lifted_before_it_was_worked_off_leaves_no_trace),
        promised(retraction_of_many_tasks_is_worked_off_256_at_a_time),
        promised(bar_of_many_workers_is_worked_off_256_at_a_time_and_so_is_its_end),
        promised(worker_that_comes_while_its_session_is_barred_waits_for_the_end_of_that),
        promised(session_may_die_while_it_is_barred),
        promised(why_tells_a_barred_worker_from_a_dead_one_and_one_of_the_wrong_type),
        promised(why_asks_whether_a_session_is_behind_last_of_all),
        promised(time_runs_out_for_what_a_detached_worker_has_and_it_is_told_when_it_is_back),
        promised(slot_of_a_remote_worker_is_free_when_its_handler_has_returned),
        promised(remote_handler_that_returns_without_a_word_has_abandoned_its_task),
        promised(what_a_remote_worker_held_is_released_at_its_death_and_nobody_keeps_it),
        promised(what_a_remote_worker_held_is_released_when_it_is_unregistered),
        promised(remote_worker_of_a_deleted_channel_is_told_so),
        promised(end_of_a_remote_worker_comes_behind_all_that_is_told_of_its_tasks),
        promised(task_is_found_by_the_session_of_its_worker_while_that_has_it),
        promised(task_that_was_delivered_and_not_begun_can_be_given_back),
        promised(cancelled_task_is_told_to_its_remote_worker_without_being_asked),
        promised(task_cancelled_before_it_was_delivered_is_not_told_at_all),
        promised(cancel_notice_is_retracted_when_the_task_is_settled_before_it_was_delivered),
        promised(remote_worker_is_told_when_nobody_waits_for_its_task_any_more),
        promised(all_that_goes_to_one_session_comes_in_the_order_in_which_it_was_decided),
        promised(run_of_a_remote_task_is_timed_from_the_entry_of_its_handler),
        promised(heartbeat_of_a_remote_task_is_due_from_the_entry_of_its_handler),
        promised(whole_time_of_a_remote_task_runs_before_its_handler_is_entered),
        promised(events_of_a_remote_subscription_give_way_to_what_else_there_is),
        promised(end_of_a_remote_subscription_is_told_behind_its_events),
        promised(unsubscribed_is_told_of_no_end),
        promised(line_that_nobody_drains_any_more_is_emptied_of_all_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
