/* What the simulation found, as conversations. Promises:
 *   - one that waits for a worker it has not died of goes on waiting when such a worker leaves before it has begun
 *   - an older dispatch that takes the worker chosen for a newer one leaves another idle worker to that
 *   - a caller that waits for room is woken by a thread that is free for it, also where the queue has places but is full
 *   - what is given back does not go before what is more urgent and waits for the same worker
 *   - a worker that found no thread of its group when something came is asked when one is free, also where another worker
 *     has filled the group in between
 *   - a group that takes many more at once is served in several holds
 */
#include "lib/fixture.h"

spec(wait_for_an_untried_worker_outlasts_one_that_leaves)
{
    channel("dispatch.media.resize", .on_crash = WEFT_CRASH_REDISPATCH, .redispatch_wait_ms = 100);
    worker("w1");
    worker("w2");
    dispatch("a");
    take("w1");
    abandon("a#1");
    then("0 a#1 to w1", "0 w1 takes a#1", "0 a#2 to w2");
    at(20);
    unregister("w2");
    then("20 a#2 back from w2");
    at(99);
    nothing_happens();
    at(100);
    then("100 a#2 to w1");
}

spec(one_that_is_passed_over_goes_to_another_idle_worker)
{
    channel("dispatch.media.resize", .on_crash = WEFT_CRASH_REDISPATCH, .attempts_max = 4, .redispatch_wait_ms = 10);
    worker("w1");
    worker("w2");
    dispatch("a");
    take("w1");
    abandon("a#1");
    take("w2");
    abandon("a#2");
    whatever();
    late_at(20);
    dispatch("b");
    then("20 b waits", "20 a#3 to w1", "20 b#1 to w2");
}

spec(freed_thread_wakes_a_caller_that_waits_for_room)
{
    channel("dispatch.media.resize", .queue_full = WEFT_BLOCK, .depth_max = 1);
    group("g", 1);
    worker("w1", .group = "g", .capacity = 2, .types = {"crop"});
    dispatch("long", .type = "crop");
    dispatch("nobodys", .type = "turn");
    gives(WEFT_EREJECTED, dispatch("short", .type = "crop", .waits = true));
    check_true(wait_room("caller"));
    whatever();
    limit_group("g", 2);
    then("0 caller woken");
    dispatch("again", .type = "crop", .waits = true);
    then("0 again#1 to w1");
}

spec(what_is_given_back_does_not_go_before_what_is_more_urgent)
{
    channel("dispatch.media.resize");
    group("g", 1);
    worker("w1", .group = "g");
    dispatch("low", .priority = WEFT_PRIORITY_LOW);
    take("g");
    dispatch("urgent", .priority = WEFT_PRIORITY_URGENT);
    whatever();
    give_back("low#1");
    then("0 low#1 back from w1", "0 urgent#1 to w1");
}

spec(worker_whose_group_another_has_filled_is_asked_when_a_thread_is_free)
{
    channel("dispatch.media.resize", .policy = WEFT_LEAST_LOADED);
    group("g", 1);
    worker("all", .group = "g");
    worker("crops", .group = "g", .types = {"crop"});
    dispatch("a", .type = "crop");
    take("g");
    dispatch("b", .type = "turn", .priority = WEFT_PRIORITY_URGENT);
    whatever();
    give_back("a#1");
    then("0 a#1 back from all", "0 b#1 to all");
    limit_group("g", 2);
    then("0 a#1 to crops");
}

spec(group_that_takes_many_more_is_served_in_several_holds)
{
    enum { MANY = CORE_HOLD_MAX + 100 };
    channel("dispatch.media.resize", .depth_max = MANY);
    group("g", 0);
    worker("w1", .group = "g", .capacity = MANY);
    for (int i = 0; i < MANY; i++)
        dispatch(numbered("a", i));
    stop_steps();
    limit_group("g", MANY);
    check_eq(channel_now().queued, MANY - CORE_HOLD_MAX);
    run_steps();
    check_eq(channel_now().queued, 0);
    whatever();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        promised(wait_for_an_untried_worker_outlasts_one_that_leaves),
        promised(one_that_is_passed_over_goes_to_another_idle_worker),
        promised(freed_thread_wakes_a_caller_that_waits_for_room),
        promised(what_is_given_back_does_not_go_before_what_is_more_urgent),
        promised(worker_whose_group_another_has_filled_is_asked_when_a_thread_is_free),
        promised(group_that_takes_many_more_is_served_in_several_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
