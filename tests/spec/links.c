/* Links: who can die, and what follows.
 *
 *   - a worker gets nothing before its link is armed, and what waits as soon as it is
 *   - a link may fire in every state, once; arming after that fails
 *   - from that instant no selection returns its workers, whichever the policy, though nothing is worked off yet
 *   - what the dead one held is settled at once: no time has to run out
 *   - its name is free at once
 *   - each channel remembers its last 16 deaths: who, of what, when, how many workers and attempts were lost
 *   - a link is disarmed when nothing hangs on its participant and nobody holds it, and not before
 *   - a declared participant that nobody holds any more is dead, if something hangs on it
 *   - a death of any size is worked off in holds of at most 256 records
 */
#include "base/clock.h"
#include "lib/fixture.h"

static size_t deaths_now(const char *channel, weft_death *deaths, size_t max)
{
    size_t count = 99;
    check_ok(weft__core_channel_deaths(world.core, channel, deaths, max, &count));
    return count;
}

/* --- arming ----------------------------------------------------------------------------------- */

spec(worker_gets_nothing_before_its_link_is_armed)
{
    channel("dispatch.media.resize");
    attach("s1");
    worker("w1", .of = "s1");
    check_eq(worker_now("w1").state, WEFT_WORKER_ARMING);
    check_eq(channel_now().workers, 1);
    check_eq(channel_now().workers_eligible, 0);
    dispatch("a");
    at(1000);
    then("0 a waits");
    arm("s1");
    then("1000 a#1 to w1");
    check_eq(worker_now("w1").state, WEFT_WORKER_READY);
}

spec(worker_registered_after_arming_is_eligible_at_once)
{
    channel("dispatch.media.resize");
    session("s1");
    worker("w1", .of = "s1");
    check_eq(channel_now().workers_eligible, 1);
    dispatch("a");
    then("0 a#1 to w1");
}

spec(arming_makes_every_worker_of_the_participant_eligible)
{
    channel("dispatch.media.crop");
    channel("dispatch.media.resize");
    attach("s1");
    worker("w1", .of = "s1");
    worker("w2", .of = "s1");
    worker("w3", .of = "s1", .on = "dispatch.media.crop");
    dispatch("a");
    dispatch("b");
    dispatch("c", .on = "dispatch.media.crop");
    whatever();
    arm("s1");
    then("0 a#1 to w1", "0 b#1 to w2", "0 c#1 to w3");
}

spec(arming_twice_changes_nothing)
{
    channel("dispatch.media.resize");
    session("s1");
    worker("w1", .of = "s1");
    arm("s1");
    check_eq(channel_now().workers_eligible, 1);
    nothing_happens();
}

spec(arming_of_more_workers_than_a_hold_allows_reaches_them_all)
{
    enum { WORKERS = 600 };
    channel("dispatch.media.resize");
    attach("s1");
    for (int i = 0; i < WORKERS; i++) {
        worker(numbered("w", i), .of = "s1");
    }
    stop_steps();
    arm("s1");
    check_eq(channel_now().workers_eligible, 0);
    check_true(step());
    check_true(channel_now().workers_eligible <= CORE_HOLD_MAX);
    check_true(step());
    check_true(channel_now().workers_eligible <= 2 * CORE_HOLD_MAX);
    run_steps();
    check_eq(channel_now().workers_eligible, WORKERS);
    nothing_happens();
}

/* --- firing in every state -------------------------------------------------------------------- */

spec(link_that_fired_before_it_was_armed_cannot_be_armed)
{
    channel("dispatch.media.resize");
    attach("s1");
    worker("w1", .of = "s1");
    dispatch("a");
    fire("s1");
    gives(WEFT_EDEAD, arm("s1"));
    check_eq(worker_now("w1").state, WEFT_WORKER_DEAD);
    check_eq(channel_now().workers, 0);
    then("0 a waits");
}

spec(link_fires_once)
{
    session("s1");
    fire("s1");
    gives(WEFT_EDEAD, fire("s1"));
    check_eq(stats_now().deaths, 1);
    nothing_happens();
}

spec(link_of_an_idle_worker_fires)
{
    channel("dispatch.media.resize");
    session("s1");
    worker("w1", .of = "s1");
    fire("s1");
    dispatch("a");
    then("0 a waits");
    check_eq(worker_now("w1").state, WEFT_WORKER_DEAD);
}

spec(link_fires_while_a_task_is_assigned_and_not_taken)
{
    channel("dispatch.media.resize");
    session("s1");
    worker("w1", .of = "s1");
    dispatch("a");
    fire("s1");
    then("0 a#1 to w1", "0 a#1 back from w1");
    gives(WEFT_EAGAIN, take("w1"));
    check_eq(channel_now().queued, 1);
    check_eq(channel_now().in_flight, 0);
}

spec(link_fires_while_a_task_is_taken_and_its_dispatch_ends_in_that_instant)
{
    channel("dispatch.media.resize");
    session("s1");
    worker("w1", .of = "s1");
    dispatch("a");
    take("w1");
    at(250);
    fire("s1");
    then("0 a#1 to w1", "0 w1 takes a#1", "250 a worker_died:worker_died by w1 #1");
    check_eq(channel_now().in_flight, 0);
}

spec(link_fires_while_its_worker_drains)
{
    channel("dispatch.media.resize");
    session("s1");
    worker("w1", .of = "s1");
    dispatch("a");
    take("w1");
    drain_worker("w1");
    whatever();
    fire("s1");
    then("0 a worker_died:worker_died by w1 #1");
    check_eq(worker_now("w1").state, WEFT_WORKER_DEAD);
}

spec(link_fires_after_its_worker_was_unregistered)
{
    channel("dispatch.media.resize");
    session("s1");
    worker("w1", .of = "s1");
    unregister("w1");
    fire("s1");
    check_eq(worker_now("w1").state, WEFT_WORKER_REMOVED);
    check_eq(channel_now().deaths, 0);
    nothing_happens();
}

spec(link_of_a_participant_that_is_gone_is_not_found)
{
    session("s1");
    release("s1");
    then("0 s1 disarmed");
    gives(WEFT_ENOTFOUND, fire("s1"));
    gives(WEFT_ENOTFOUND, arm("s1"));
}

spec(dead_participant_can_neither_work_nor_call)
{
    channel("dispatch.media.resize");
    session("s1");
    fire("s1");
    gives(WEFT_EDEAD, worker("w1", .of = "s1"));
    gives(WEFT_EDEAD, dispatch("a", .by = "s1"));
    check_eq(channel_now().dispatched, 0);
    nothing_happens();
}

spec(every_task_of_every_worker_of_the_dead_ends_at_once)
{
    channel("dispatch.media.crop");
    channel("dispatch.media.resize");
    session("s1");
    worker("w1", .of = "s1", .capacity = 2);
    worker("w2", .of = "s1");
    worker("w3", .of = "s1", .on = "dispatch.media.crop");
    dispatch("a");
    dispatch("b");
    dispatch("c");
    dispatch("d", .on = "dispatch.media.crop");
    take_up_to(2, "w1");
    take("w2");
    take("w3");
    whatever();
    fire("s1");
    then("0 a worker_died:worker_died by w1 #1", "0 c worker_died:worker_died by w1 #1",
         "0 b worker_died:worker_died by w2 #1", "0 d worker_died:worker_died by w3 #1");
    check_eq(stats_now().attempts_running, 0);
    check_eq(stats_now().dispatches_open, 0);
}

spec(what_waits_goes_to_a_replacement_and_the_living)
{
    channel("dispatch.media.resize", .on_crash = WEFT_CRASH_REDISPATCH);
    session("s1");
    worker("w1", .of = "s1");
    dispatch("a");
    dispatch("b");
    take("w1");
    fire("s1");
    whatever();
    session("s2");
    worker("w2", .of = "s2");
    then("0 a#2 to w2");
    take("w2");
    complete("a#2");
    then("0 w2 takes a#2", "0 a completed by w2 #2", "0 b#1 to w2");
}

/* --- no selection after firing, though nothing is worked off yet ------------------------------ */

static void selection_passes_over_the_dead(weft_policy policy)
{
    channel("dispatch.media.resize", .policy = policy);
    session("s1");
    session("s2");
    worker("w1", .of = "s1", .capacity = 8);
    worker("w2", .of = "s2", .capacity = 8);
    stop_steps();
    fire("s1");
    for (int i = 0; i < 8; i++) {
        dispatch("a");
        then("0 a#1 to w2");
    }
    dispatch("b");
    then("0 b waits");
    fire("s2");
    take("w2");
    complete("a#1");
    then("0 w2 takes a#1", "0 a completed by w2 #1");
    run_steps();
    whatever();
}

spec(dead_worker_is_not_chosen_by_round_robin)
{
    selection_passes_over_the_dead(WEFT_ROUND_ROBIN);
}

spec(dead_worker_is_not_chosen_by_least_loaded)
{
    selection_passes_over_the_dead(WEFT_LEAST_LOADED);
}

spec(dead_worker_is_not_chosen_by_sticky)
{
    selection_passes_over_the_dead(WEFT_STICKY);
}

spec(work_left_by_the_dead_goes_on_to_the_living_behind_many_dead)
{
    enum { DEAD = 600 };
    channel("dispatch.media.resize");
    session("s1");
    for (int i = 0; i < DEAD; i++) {
        worker(numbered("w", i), .of = "s1");
    }
    worker("alive");
    stop_steps();
    fire("s1");
    dispatch("a");
    then("0 a waits");
    run_steps();
    then("0 a#1 to alive");
}

/* --- names ------------------------------------------------------------------------------------ */

spec(name_of_a_living_participant_is_taken)
{
    attach("s1");
    gives(WEFT_EEXIST, attach("s1"));
    arm("s1");
    gives(WEFT_EEXIST, attach("s1"));
    nothing_happens();
}

spec(name_of_the_dead_is_free_before_anything_is_worked_off)
{
    channel("dispatch.media.resize");
    session("s1");
    worker("w1", .of = "s1");
    dispatch("a");
    take("w1");
    whatever();
    stop_steps();
    fire("s1");
    session("s1");
    check_str(participant_now("s1"), "armed");
    run_steps();
    then("0 a worker_died:worker_died by w1 #1");
    check_str(participant_now("s1"), "armed");
    worker("w1", .of = "s1");
    dispatch("b");
    then("0 b#1 to w1");
}

spec(name_of_a_participant_that_is_gone_is_free)
{
    session("s1");
    release("s1");
    session("s1");
    then("0 s1 disarmed");
}

spec(handle_of_the_dead_does_not_reach_who_lives_in_its_place)
{
    session("s1");
    uint64_t old = handle_of("s1");
    uint64_t index = old & ((UINT64_C(1) << SLOT_INDEX_BITS) - 1);
    fire("s1");
    release("s1");
    do {
        session("s1");
        if ((handle_of("s1") & ((UINT64_C(1) << SLOT_INDEX_BITS) - 1)) == index) break;
        release("s1");
    } while (true);
    whatever();
    check_true(handle_of("s1") != old);
    check_err(weft__core_session_fired(world.core, world_now_ns(), 0, old, (weft_cause){0}), WEFT_ENOTFOUND);
    check_err(weft__core_session_armed(world.core, world_now_ns(), old), WEFT_ENOTFOUND);
    check_true(!weft__core_session_alive(world.core, old, NULL, NULL));
    check_str(participant_now("s1"), "armed");
}

spec(participants_are_bounded)
{
    while (stats_now().participants < 3)
        attach(stats_now().participants == 1 ? "s1" : "s2");
    world.core->limits.sessions_max = 3;
    gives(WEFT_ELIMIT, attach("s3"));
    fire("s1");
    release("s1");
    attach("s3");
    then("0 s1 disarmed");
}

/* --- records of deaths ------------------------------------------------------------------------ */

spec(death_is_recorded_with_its_cause_and_what_it_cost)
{
    weft_death deaths[WEFT_DEATHS_KEPT];
    channel("dispatch.media.crop");
    channel("dispatch.media.resize");
    session("s1");
    worker("w1", .of = "s1", .capacity = 3);
    worker("w2", .of = "s1");
    worker("w3", .of = "s1", .on = "dispatch.media.crop");
    dispatch("a");
    dispatch("b");
    dispatch("c");
    take("w1");
    at(40);
    fire_of("s1", WEFT_CAUSE_SIGNALED, 9);
    whatever();
    check_eq(deaths_now("dispatch.media.resize", deaths, WEFT_DEATHS_KEPT), 1);
    check_str(deaths[0].participant, "s1");
    check_eq(deaths[0].cause.kind, WEFT_CAUSE_SIGNALED);
    check_eq(deaths[0].cause.value, 9);
    check_eq(deaths[0].workers_lost, 2);
    check_eq(deaths[0].attempts_held, 3);
    check_eq(deaths[0].seen_ns, world_now_ns());
    check_eq(deaths[0].seen_wall_ns, 7040 * NS_PER_MS);
    check_eq(deaths_now("dispatch.media.crop", deaths, WEFT_DEATHS_KEPT), 1);
    check_eq(deaths[0].workers_lost, 1);
    check_eq(deaths[0].attempts_held, 0);
    check_eq(channel_now().deaths, 1);
    check_eq(stats_now().deaths, 1);
}

spec(cause_of_death_can_be_asked_for_as_long_as_somebody_holds_the_dead)
{
    session("s1");
    uint64_t handle = handle_of("s1");
    weft_cause cause;
    const char *name;
    check_true(weft__core_session_alive(world.core, handle, &cause, &name));
    check_str(name, "s1");
    fire_of("s1", WEFT_CAUSE_EXITED, 3);
    check_true(!weft__core_session_alive(world.core, handle, &cause, &name));
    check_eq(cause.kind, WEFT_CAUSE_EXITED);
    check_eq(cause.value, 3);
    check_str(name, "s1");
    release("s1");
    then("0 s1 disarmed");
    check_true(!weft__core_session_alive(world.core, handle, NULL, NULL));
}

spec(death_of_a_mere_caller_is_no_death_of_the_channel)
{
    weft_death deaths[1];
    channel("dispatch.media.resize");
    worker("w1");
    session("s1");
    dispatch("a", .by = "s1");
    fire("s1");
    whatever();
    check_eq(channel_now().deaths, 0);
    check_eq(stats_now().deaths, 1);
    check_eq(deaths_now("dispatch.media.resize", deaths, 1), 0);
}

spec(channel_remembers_its_last_16_deaths_newest_first)
{
    enum { DEATHS = 21 };
    weft_death deaths[WEFT_DEATHS_KEPT + 1];
    channel("dispatch.media.resize");
    for (int i = 0; i < DEATHS; i++) {
        const char *name = numbered("s", i);
        session(name);
        worker("w", .of = name);
        at((uint64_t)i);
        fire_of(name, WEFT_CAUSE_EXITED, i);
    }
    check_eq(deaths_now("dispatch.media.resize", deaths, WEFT_DEATHS_KEPT + 1), WEFT_DEATHS_KEPT);
    for (int i = 0; i < WEFT_DEATHS_KEPT; i++) {
        check_str(deaths[i].participant, numbered("s", DEATHS - 1 - i));
        check_eq(deaths[i].cause.value, DEATHS - 1 - i);
        check_eq(deaths[i].workers_lost, 1);
    }
    check_eq(deaths_now("dispatch.media.resize", deaths, 2), 2);
    check_str(deaths[1].participant, "s19");
    check_eq(channel_now().deaths, DEATHS);
    nothing_happens();
}

spec(deaths_of_an_unknown_channel_are_not_to_be_had)
{
    weft_death deaths[1];
    size_t count = 7;
    check_err(weft__core_channel_deaths(world.core, "dispatch.no.such", deaths, 1, &count), WEFT_ENOCHANNEL);
    check_eq(count, 7);
}

/* --- when a link is disarmed ------------------------------------------------------------------ */

spec(participant_goes_when_its_last_worker_is_forgotten)
{
    channel("dispatch.media.resize");
    session("s1");
    worker("w1", .of = "s1");
    release("s1");
    nothing_happens();
    check_str(participant_now("s1"), "armed");
    unregister("w1");
    nothing_happens();
    forget("w1");
    then("0 s1 disarmed");
    check_str(participant_now("s1"), "gone");
}

spec(participant_goes_when_its_last_dispatch_has_ended)
{
    channel("dispatch.media.resize");
    worker("w1");
    session("s1");
    dispatch("a", .by = "s1");
    release("s1");
    take("w1");
    then("0 a#1 to w1", "0 w1 takes a#1");
    complete("a#1");
    then("0 a completed by w1 #1", "0 s1 disarmed");
}

spec(participant_that_somebody_holds_stays)
{
    channel("dispatch.media.resize");
    session("s1");
    weft__core_session_hold(world.core, handle_of("s1"));
    worker("w1", .of = "s1");
    unregister("w1");
    forget("w1");
    release("s1");
    nothing_happens();
    release("s1");
    then("0 s1 disarmed");
}

spec(dead_participant_stays_until_it_is_worked_off)
{
    channel("dispatch.media.resize");
    session("s1");
    dispatch("a", .by = "s1");
    release("s1");
    stop_steps();
    fire("s1");
    then("0 a waits");
    run_steps();
    then("0 a cancelled:caller_died #0", "0 s1 disarmed");
}

spec(declared_participant_that_nobody_holds_is_dead)
{
    weft_death deaths[1];
    channel("dispatch.media.resize");
    attach_declared("s1");
    arm("s1");
    worker("w1", .of = "s1");
    dispatch("a");
    take("w1");
    whatever();
    release("s1");
    then("0 a worker_died:worker_died by w1 #1");
    check_eq(deaths_now("dispatch.media.resize", deaths, 1), 1);
    check_eq(deaths[0].cause.kind, WEFT_CAUSE_RELEASED);
    forget("w1");
    then("0 s1 disarmed");
}

spec(declared_participant_on_which_nothing_hangs_just_goes)
{
    attach_declared("s1");
    arm("s1");
    release("s1");
    then("0 s1 disarmed");
    check_eq(stats_now().deaths, 0);
}

/* --- holds ------------------------------------------------------------------------------------ */

spec(death_of_a_caller_of_a_thousand_is_worked_off_256_at_a_time)
{
    enum { DISPATCHES = 1000 };
    channel("dispatch.media.resize");
    session("s1");
    for (int i = 0; i < DISPATCHES; i++)
        dispatch("a", .by = "s1");
    whatever();
    stop_steps();
    fire("s1");
    check_eq(stats_now().dispatches_open, DISPATCHES);
    uint32_t open = DISPATCHES;
    while (step()) {
        check_true(open - stats_now().dispatches_open <= CORE_HOLD_MAX);
        check_true(open > stats_now().dispatches_open);
        open = stats_now().dispatches_open;
    }
    check_eq(stats_now().dispatches_open, 0);
    check_eq(stats_now().cancelled, DISPATCHES);
    whatever();
}

spec(death_of_a_worker_of_a_thousand_is_worked_off_256_at_a_time)
{
    enum { TASKS = 1000 };
    channel("dispatch.media.resize");
    session("s1");
    worker("w1", .of = "s1", .capacity = TASKS);
    for (int i = 0; i < TASKS; i++)
        dispatch("a");
    for (int i = 0; i < TASKS; i++)
        take("w1");
    whatever();
    stop_steps();
    fire("s1");
    uint32_t running = TASKS;
    while (step()) {
        check_true(running - stats_now().attempts_running <= CORE_HOLD_MAX);
        running = stats_now().attempts_running;
    }
    check_eq(running > 0, true);
    check_eq(stats_now().attempts_running, 0);
    check_eq(stats_now().worker_died, TASKS);
    whatever();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        promised(worker_gets_nothing_before_its_link_is_armed),
        promised(worker_registered_after_arming_is_eligible_at_once),
        promised(arming_makes_every_worker_of_the_participant_eligible),
        promised(arming_twice_changes_nothing),
        promised(arming_of_more_workers_than_a_hold_allows_reaches_them_all),
        promised(link_that_fired_before_it_was_armed_cannot_be_armed),
        promised(link_fires_once),
        promised(link_of_an_idle_worker_fires),
        promised(link_fires_while_a_task_is_assigned_and_not_taken),
        promised(link_fires_while_a_task_is_taken_and_its_dispatch_ends_in_that_instant),
        promised(link_fires_while_its_worker_drains),
        promised(link_fires_after_its_worker_was_unregistered),
        promised(link_of_a_participant_that_is_gone_is_not_found),
        promised(dead_participant_can_neither_work_nor_call),
        promised(every_task_of_every_worker_of_the_dead_ends_at_once),
        promised(what_waits_goes_to_a_replacement_and_the_living),
        promised(dead_worker_is_not_chosen_by_round_robin),
        promised(dead_worker_is_not_chosen_by_least_loaded),
        promised(dead_worker_is_not_chosen_by_sticky),
        promised(work_left_by_the_dead_goes_on_to_the_living_behind_many_dead),
        promised(name_of_a_living_participant_is_taken),
        promised(name_of_the_dead_is_free_before_anything_is_worked_off),
        promised(name_of_a_participant_that_is_gone_is_free),
        promised(handle_of_the_dead_does_not_reach_who_lives_in_its_place),
        promised(participants_are_bounded),
        promised(death_is_recorded_with_its_cause_and_what_it_cost),
        promised(cause_of_death_can_be_asked_for_as_long_as_somebody_holds_the_dead),
        promised(death_of_a_mere_caller_is_no_death_of_the_channel),
        promised(channel_remembers_its_last_16_deaths_newest_first),
        promised(deaths_of_an_unknown_channel_are_not_to_be_had),
        promised(participant_goes_when_its_last_worker_is_forgotten),
        promised(participant_goes_when_its_last_dispatch_has_ended),
        promised(participant_that_somebody_holds_stays),
        promised(dead_participant_stays_until_it_is_worked_off),
        promised(declared_participant_that_nobody_holds_is_dead),
        promised(declared_participant_on_which_nothing_hangs_just_goes),
        promised(death_of_a_caller_of_a_thousand_is_worked_off_256_at_a_time),
        promised(death_of_a_worker_of_a_thousand_is_worked_off_256_at_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
