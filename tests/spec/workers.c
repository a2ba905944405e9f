/* Workers: registration, drain, and the end.
 *
 *   - a name is unique on its channel while its worker is there; without one the core makes one that is free
 *   - ids rise in the order of registration
 *   - unregister: chosen no more; what it has not begun goes to others; what a handler runs may end; what is held
 *     without a handler is treated as by a death
 *   - drain: no more tasks, and who waits for its end is woken by the release of the last
 *   - the end of a worker is told to who waits for its next task
 *   - a registration outlives its worker until it is forgotten; then nothing of it is left
 */
#include "lib/fixture.h"

/* --- registering ------------------------------------------------------------------------------ */

spec(worker_needs_a_channel)
{
    gives(WEFT_ENOCHANNEL, worker("w1", .on = "dispatch.no.such"));
    gives(WEFT_ENOCHANNEL, worker("w1", .on = "no channel name"));
    check_eq(stats_now().workers, 0);
}

spec(worker_of_another_kind_of_channel_is_refused)
{
    channel("event.media.resized");
    gives(WEFT_EINVAL, worker("w1"));
    check_str(world.message, "event.media.resized: only a dispatch channel has workers");
}

spec(name_of_a_worker_is_unique_on_its_channel)
{
    channel("dispatch.media.crop");
    channel("dispatch.media.resize");
    worker("w1");
    gives(WEFT_EEXIST, worker("w1"));
    check_str(world.message, "dispatch.media.resize: there is a worker 'w1' already");
    worker("w1", .on = "dispatch.media.crop");
    check_eq(channel_now().workers, 1);
}

spec(name_of_a_worker_is_free_when_that_is_unregistered_dead_or_deleted)
{
    channel("dispatch.media.resize");
    session("s1");
    worker("w1");
    unregister("w1");
    worker("w1", .of = "s1");
    fire("s1");
    worker("w1");
    dispatch("a");
    take("w1");
    then("0 a#1 to w1", "0 w1 takes a#1");
}

spec(worker_without_a_name_gets_one_that_is_free)
{
    channel("dispatch.media.resize");
    worker(NULL);
    check_str(worker_now("worker-1").name, "worker-1");
    worker("worker-2");
    worker("worker-4");
    worker(NULL);
    check_str(worker_now("worker-5").name, "worker-5");
    check_eq(channel_now().workers, 4);
}

spec(ids_rise_in_the_order_of_registration)
{
    uint64_t last = 0;
    channel("dispatch.media.resize");
    for (int i = 0; i < 5; i++) {
        worker("w");
        check_true(worker_now("w").id > last);
        last = worker_now("w").id;
        unregister("w");
        forget("w");
    }
}

spec(workers_are_bounded)
{
    channel("dispatch.media.resize");
    world.core->limits.workers_max = 2;
    worker("w1");
    worker("w2");
    gives(WEFT_ELIMIT, worker("w3"));
    check_str(world.message, "dispatch.media.resize: workers_max of 2 reached");
    unregister("w1");
    gives(WEFT_ELIMIT, worker("w3"));
    forget("w1");
    worker("w3");
}

spec(worker_tells_how_it_does)
{
    channel("dispatch.media.resize");
    session("s1");
    worker("w1", .of = "s1", .capacity = 3);
    dispatch("a");
    dispatch("b");
    dispatch("c");
    take_up_to(3, "w1");
    complete("a#1");
    fail_with("b#1", "no");
    whatever();
    weft_worker_info info = worker_now("w1");
    check_str(info.name, "w1");
    check_str(info.participant, "s1");
    check_eq(info.state, WEFT_WORKER_READY);
    check_eq(info.max_concurrent, 3);
    check_eq(info.in_flight, 1);
    check_eq(info.orphaned, 0);
    check_eq(info.completed, 1);
    check_eq(info.errored, 1);
    drain_worker("w1");
    check_eq(worker_now("w1").state, WEFT_WORKER_DRAINING);
    fire("s1");
    check_eq(worker_now("w1").state, WEFT_WORKER_DEAD);
    whatever();
    forget("w1");
    gives(WEFT_ENOTFOUND, worker_now("w1"));
}

spec(worker_is_dead_from_the_instant_its_link_fires)
{
    channel("dispatch.media.resize");
    session("s1");
    worker("w1", .of = "s1");
    stop_steps();
    fire("s1");
    check_eq(worker_now("w1").state, WEFT_WORKER_DEAD);
    run_steps();
}

spec(worker_unregistered_after_its_link_fired_has_died)
{
    weft_death death;
    size_t count;
    channel("dispatch.media.resize");
    session("s1");
    worker("w1", .of = "s1", .handled = true);
    dispatch("a");
    take("w1");
    whatever();
    stop_steps();
    fire("s1");
    unregister("w1");
    run_steps();
    then("0 a worker_died:worker_died by w1 #1");
    check_eq(worker_now("w1").state, WEFT_WORKER_DEAD);
    check_ok(weft__core_channel_deaths(world.core, "dispatch.media.resize", &death, 1, &count));
    check_eq(count, 1);
    check_eq(death.workers_lost, 1);
    check_eq(death.attempts_held, 1);
    gives(WEFT_ESTALE, complete("a#1"));
}

/* --- unregistering ---------------------------------------------------------------------------- */

spec(unregistered_worker_is_chosen_no_more)
{
    channel("dispatch.media.resize");
    worker("w1", .capacity = 9);
    worker("w2");
    unregister("w1");
    dispatch("a");
    dispatch("b");
    then("0 a#1 to w2", "0 b waits");
    check_eq(channel_now().workers, 1);
    check_eq(worker_now("w1").state, WEFT_WORKER_REMOVED);
}

spec(what_an_unregistered_worker_has_not_begun_goes_to_others)
{
    channel("dispatch.media.resize");
    worker("w1", .capacity = 2);
    dispatch("a");
    dispatch("b");
    worker("w2", .capacity = 2);
    unregister("w1");
    then("0 a#1 to w1", "0 b#1 to w1", "0 a#1 back from w1", "0 b#1 back from w1", "0 a#1 to w2", "0 b#1 to w2");
    check_eq(channel_now().redispatched, 0);
}

spec(what_a_handler_of_an_unregistered_worker_runs_may_end)
{
    channel("dispatch.media.resize");
    group("g", 2);
    worker("w1", .group = "g", .capacity = 2);
    dispatch("a");
    dispatch("b");
    take_up_to(2, "g");
    whatever();
    unregister("w1");
    check_true(!is_cancelled("a#1"));
    check_eq(worker_now("w1").in_flight, 2);
    check_true(wait_idle("x", "w1"));
    complete("a#1");
    then("0 a completed by w1 #1");
    fail_with("b#1", "no");
    then("0 b failed:no by w1 #1", "0 x woken");
    check_true(!wait_idle("x", "w1"));
}

spec(pull_task_of_an_unregistered_worker_is_treated_as_by_a_death)
{
    channel("dispatch.media.resize");
    worker("w1");
    dispatch("a");
    take("w1");
    listen_to("a#1");
    whatever();
    unregister("w1");
    then("0 who had it told to stop a#1", "0 a worker_died:worker_died by w1 #1");
    check_eq(worker_now("w1").in_flight, 0);
    check_true(!wait_idle("x", "w1"));
    gives(WEFT_ESTALE, complete("a#1"));
    check_eq(stats_now().fenced, 1);
}

spec(kept_task_of_an_unregistered_worker_is_treated_as_by_a_death)
{
    channel("dispatch.media.resize");
    group("g", 1);
    worker("w1", .group = "g");
    dispatch("a");
    take("g");
    keep("a#1");
    whatever();
    unregister("w1");
    then("0 a worker_died:worker_died by w1 #1");
    gives(WEFT_ESTALE, complete("a#1"));
}

spec(task_kept_after_its_worker_was_unregistered_is_treated_as_by_a_death)
{
    channel("dispatch.media.resize");
    group("g", 1);
    worker("w1", .group = "g");
    dispatch("a");
    take("g");
    unregister("w1");
    check_true(wait_idle("x", "w1"));
    whatever();
    keep("a#1");
    then("0 a worker_died:worker_died by w1 #1", "0 x woken");
    gives(WEFT_ESTALE, complete("a#1"));
}

spec(task_abandoned_by_an_unregistered_worker_goes_to_another)
{
    channel("dispatch.media.resize", .on_crash = WEFT_CRASH_REDISPATCH);
    group("g", 1);
    worker("w1", .group = "g");
    dispatch("a");
    take("g");
    unregister("w1");
    worker("w2");
    abandon("a#1");
    then("0 a#1 to w1", "0 g takes a#1", "0 a#2 to w2");
}

spec(unregistering_twice_or_what_is_dead_changes_nothing)
{
    channel("dispatch.media.resize");
    session("s1");
    worker("w1", .of = "s1");
    worker("w2");
    unregister("w2");
    unregister("w2");
    fire("s1");
    unregister("w1");
    check_eq(worker_now("w1").state, WEFT_WORKER_DEAD);
    check_eq(worker_now("w2").state, WEFT_WORKER_REMOVED);
}

spec(forgotten_worker_leaves_nothing)
{
    channel("dispatch.media.resize");
    worker("warm", .types = {"x", "y"}, .capacity = 4);
    dispatch("a", .type = "x");
    unregister("warm");
    cancel("a");
    forget("warm");
    uint64_t blocks = world.failmem.live_blocks;
    uint64_t bytes = world.failmem.live_bytes;
    for (int i = 0; i < 50; i++) {
        worker("w", .types = {"x", "y"}, .capacity = 4);
        dispatch("a", .type = "x");
        take("w");
        complete("a#1");
        unregister("w");
        forget("w");
    }
    whatever();
    check_eq(world.failmem.live_blocks, blocks);
    check_eq(world.failmem.live_bytes, bytes);
    check_eq(stats_now().workers, 0);
}

/* --- draining --------------------------------------------------------------------------------- */

spec(draining_worker_gets_nothing_more_and_keeps_what_it_has)
{
    channel("dispatch.media.resize");
    worker("w1", .capacity = 3);
    dispatch("a");
    dispatch("b");
    take("w1");
    drain_worker("w1");
    dispatch("c");
    then("0 a#1 to w1", "0 b#1 to w1", "0 w1 takes a#1", "0 c waits");
    take("w1");
    complete("a#1");
    complete("b#1");
    then("0 w1 takes b#1", "0 a completed by w1 #1", "0 b completed by w1 #1");
}

spec(who_waits_for_a_worker_to_be_idle_is_woken_by_the_last_release)
{
    channel("dispatch.media.resize");
    worker("w1", .capacity = 2);
    check_true(!wait_idle("x", "w1"));
    dispatch("a");
    dispatch("b");
    take_up_to(2, "w1");
    drain_worker("w1");
    whatever();
    check_true(wait_idle("x", "w1"));
    check_true(wait_idle("y", "w1"));
    complete("a#1");
    then("0 a completed by w1 #1");
    complete("b#1");
    then("0 b completed by w1 #1", "0 x woken", "0 y woken");
}

spec(worker_that_ended_is_idle_when_it_is_worked_off)
{
    channel("dispatch.media.resize");
    worker("w1", .capacity = 2);
    dispatch("a");
    whatever();
    stop_steps();
    unregister("w1");
    check_true(wait_idle("x", "w1"));
    nothing_happens();
    run_steps();
    then("0 a#1 back from w1", "0 x woken");
}

spec(who_waits_for_a_task_learns_of_the_end_of_the_worker)
{
    channel("dispatch.media.resize");
    session("s1");
    worker("dies", .of = "s1");
    worker("drains");
    worker("leaves");
    check_true(wait_for_task("x", "dies"));
    check_true(wait_for_task("y", "drains"));
    check_true(wait_for_task("z", "leaves"));
    fire("s1");
    then("0 x woken");
    drain_worker("drains");
    then("0 y woken");
    unregister("leaves");
    then("0 z woken");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        promised(worker_needs_a_channel),
        promised(worker_of_another_kind_of_channel_is_refused),
        promised(name_of_a_worker_is_unique_on_its_channel),
        promised(name_of_a_worker_is_free_when_that_is_unregistered_dead_or_deleted),
        promised(worker_without_a_name_gets_one_that_is_free),
        promised(ids_rise_in_the_order_of_registration),
        promised(workers_are_bounded),
        promised(worker_tells_how_it_does),
        promised(worker_is_dead_from_the_instant_its_link_fires),
        promised(worker_unregistered_after_its_link_fired_has_died),
        promised(unregistered_worker_is_chosen_no_more),
        promised(what_an_unregistered_worker_has_not_begun_goes_to_others),
        promised(what_a_handler_of_an_unregistered_worker_runs_may_end),
        promised(pull_task_of_an_unregistered_worker_is_treated_as_by_a_death),
        promised(kept_task_of_an_unregistered_worker_is_treated_as_by_a_death),
        promised(task_kept_after_its_worker_was_unregistered_is_treated_as_by_a_death),
        promised(task_abandoned_by_an_unregistered_worker_goes_to_another),
        promised(unregistering_twice_or_what_is_dead_changes_nothing),
        promised(forgotten_worker_leaves_nothing),
        promised(draining_worker_gets_nothing_more_and_keeps_what_it_has),
        promised(who_waits_for_a_worker_to_be_idle_is_woken_by_the_last_release),
        promised(worker_that_ended_is_idle_when_it_is_worked_off),
        promised(who_waits_for_a_task_learns_of_the_end_of_the_worker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
