/* Queues: what waits, how much of it, and in which order it goes.
 *
 *   - first in, first out for each activity type and priority; urgent before high before normal before low
 *   - a level whose head has starved gets exactly every 16th turn, the one that has waited longest first
 *   - a queue is bounded in items and in bytes; what a worker can have at once needs no room
 *   - full: the newcomer is rejected with a time to retry after; or the newest of the lowest priority below its own is
 *     shed, all that is needed or nothing; or its caller waits for room, and is woken when there is some
 *   - no_worker reject refuses what no registered worker could ever take
 *   - what was not admitted is counted, and there is no outcome of it
 */
#include <string.h>

#include "base/clock.h"
#include "lib/fixture.h"

#define URGENT .priority = WEFT_PRIORITY_URGENT
#define HIGH .priority = WEFT_PRIORITY_HIGH
#define NORMAL .priority = WEFT_PRIORITY_NORMAL
#define LOW .priority = WEFT_PRIORITY_LOW

/* --- order ------------------------------------------------------------------------------------ */

spec(first_in_first_out)
{
    channel("dispatch.media.resize");
    dispatch("a");
    dispatch("b");
    dispatch("c");
    whatever();
    worker("w1");
    take("w1");
    complete("a#1");
    take("w1");
    complete("b#1");
    then("0 a#1 to w1", "0 w1 takes a#1", "0 a completed by w1 #1", "0 b#1 to w1", "0 w1 takes b#1",
         "0 b completed by w1 #1", "0 c#1 to w1");
}

spec(first_in_first_out_for_each_activity_type)
{
    channel("dispatch.media.resize");
    dispatch("x1", .type = "x");
    dispatch("y1", .type = "y");
    dispatch("x2", .type = "x");
    dispatch("y2", .type = "y");
    whatever();
    worker("wy", .types = {"y"}, .capacity = 2);
    then("0 y1#1 to wy", "0 y2#1 to wy");
    worker("wx", .types = {"x"}, .capacity = 2);
    then("0 x1#1 to wx", "0 x2#1 to wx");
}

spec(worker_of_several_types_gets_the_oldest_of_them)
{
    channel("dispatch.media.resize");
    dispatch("z1", .type = "z");
    dispatch("y1", .type = "y");
    dispatch("x1", .type = "x");
    dispatch("y2", .type = "y");
    dispatch("none");
    whatever();
    worker("w", .types = {"x", "y"}, .capacity = 5);
    then("0 y1#1 to w", "0 x1#1 to w", "0 y2#1 to w");
}

spec(worker_of_every_type_gets_the_oldest_of_all)
{
    channel("dispatch.media.resize");
    dispatch("z1", .type = "z");
    dispatch("none");
    dispatch("y1", .type = "y");
    whatever();
    worker("w", .capacity = 5);
    then("0 z1#1 to w", "0 none#1 to w", "0 y1#1 to w");
}

spec(higher_priority_goes_first)
{
    channel("dispatch.media.resize");
    dispatch("low", LOW);
    dispatch("normal", NORMAL);
    dispatch("high", HIGH);
    dispatch("urgent", URGENT);
    dispatch("urgent2", URGENT);
    whatever();
    check_eq(channel_now().queued_by_priority[0], 2);
    check_eq(channel_now().queued_by_priority[1], 1);
    check_eq(channel_now().queued_by_priority[2], 1);
    check_eq(channel_now().queued_by_priority[3], 1);
    worker("w", .capacity = 5);
    then("0 urgent#1 to w", "0 urgent2#1 to w", "0 high#1 to w", "0 normal#1 to w", "0 low#1 to w");
}

spec(newcomer_does_not_overtake_what_waits)
{
    channel("dispatch.media.resize");
    worker("w1");
    dispatch("a");
    dispatch("b");
    take("w1");
    whatever();
    stop_steps();
    complete("a#1");
    dispatch("c");
    then("0 a completed by w1 #1", "0 b#1 to w1", "0 c waits");
    run_steps();
}

spec(oldest_that_waits_tells_its_age)
{
    channel("dispatch.media.resize");
    check_eq(channel_now().oldest_wait_ns, 0);
    at(10);
    dispatch("a", LOW);
    at(30);
    dispatch("b", URGENT);
    at(100);
    check_eq(channel_now().oldest_wait_ns, 90 * NS_PER_MS);
    cancel("a");
    check_eq(channel_now().oldest_wait_ns, 70 * NS_PER_MS);
    whatever();
}

/* --- starvation ------------------------------------------------------------------------------- */

/* Hands out `turns` dispatches one by one and returns the number of the turn in which that one came, counted from 1. */
static int turn_of(const char *task, int turns)
{
    for (int turn = 1; turn <= turns; turn++) {
        const char *taken = take("w1");
        complete(taken);
        if (strcmp(taken, task) == 0) return turn;
    }
    return 0;
}

static void fill(const char *stem, int count, weft_priority priority)
{
    for (int i = 0; i < count; i++)
        dispatch(numbered(stem, i), .priority = priority);
}

spec(starved_level_gets_exactly_every_16th_turn)
{
    channel("dispatch.media.resize", .starve_ms = 1000);
    fill("low", 3, WEFT_PRIORITY_LOW);
    at(1);
    fill("urgent", 60, WEFT_PRIORITY_URGENT);
    at(1000);
    worker("w1");
    check_eq(turn_of("low0#1", 60), 16);
    check_eq(turn_of("low1#1", 60), 16);
    check_eq(turn_of("low2#1", 60), 16);
    whatever();
}

spec(level_that_has_not_waited_long_enough_gets_no_turn)
{
    channel("dispatch.media.resize", .starve_ms = 1000);
    fill("low", 1, WEFT_PRIORITY_LOW);
    at(1);
    fill("urgent", 40, WEFT_PRIORITY_URGENT);
    at(999);
    worker("w1");
    check_eq(turn_of("low0#1", 60), 41);
    whatever();
}

spec(starvation_guard_can_be_switched_off)
{
    channel("dispatch.media.resize", .starve_ms = WEFT_FOREVER);
    fill("low", 1, WEFT_PRIORITY_LOW);
    at(1);
    fill("urgent", 40, WEFT_PRIORITY_URGENT);
    at(UINT64_C(10000000000));
    worker("w1");
    check_eq(turn_of("low0#1", 60), 41);
    whatever();
}

spec(of_starved_levels_the_one_that_waited_longest_goes_first)
{
    channel("dispatch.media.resize", .starve_ms = 1000);
    fill("normal", 1, WEFT_PRIORITY_NORMAL);
    at(10);
    fill("low", 1, WEFT_PRIORITY_LOW);
    at(20);
    fill("high", 1, WEFT_PRIORITY_HIGH);
    at(1500);
    fill("urgent", 60, WEFT_PRIORITY_URGENT);
    worker("w1");
    check_eq(turn_of("normal0#1", 60), 16);
    check_eq(turn_of("low0#1", 60), 16);
    check_eq(turn_of("high0#1", 60), 16);
    whatever();
}

spec(highest_level_keeps_the_16th_turn_if_it_has_waited_longest)
{
    channel("dispatch.media.resize", .starve_ms = 1000);
    fill("urgent", 40, WEFT_PRIORITY_URGENT);
    at(10);
    fill("low", 1, WEFT_PRIORITY_LOW);
    at(2000);
    worker("w1");
    check_eq(turn_of("low0#1", 60), 41);
    whatever();
}

/* --- bounds ----------------------------------------------------------------------------------- */

spec(queue_is_bounded_in_items)
{
    channel("dispatch.media.resize", .depth_max = 2);
    dispatch("a");
    dispatch("b");
    dispatch("c");
    then("0 a waits", "0 b waits", "0 c rejected:queue_full 100");
    check_eq(channel_now().queued, 2);
    check_eq(channel_now().rejected, 1);
    check_eq(channel_now().dispatched, 2);
    check_eq(stats_now().rejected, 1);
    cancel("a");
    dispatch("c");
    then("0 a cancelled:cancelled #0", "0 c waits");
}

spec(queue_is_bounded_in_bytes_envelopes_included)
{
    channel("dispatch.media.resize", .bytes_max = charge_of(100) + charge_of(50));
    dispatch("a", .bytes = 100);
    check_eq(channel_now().queued_bytes, charge_of(100));
    dispatch("b", .bytes = 51);
    dispatch("c", .bytes = 50);
    then("0 a waits", "0 b rejected:queue_full 100", "0 c waits");
    check_eq(channel_now().queued_bytes, charge_of(100) + charge_of(50));
    worker("w1");
    check_eq(channel_now().queued_bytes, charge_of(50));
    whatever();
}

spec(queue_of_depth_0_means_busy_at_once)
{
    channel("dispatch.media.resize", .depth_max = 0);
    dispatch("a");
    worker("w1");
    dispatch("b");
    dispatch("c");
    then("0 a rejected:queue_full 100", "0 b#1 to w1", "0 c rejected:queue_full 100");
}

spec(what_a_worker_can_have_at_once_needs_no_room)
{
    channel("dispatch.media.resize", .bytes_max = 10);
    worker("w1");
    dispatch("a", .bytes = 5000);
    dispatch("b", .bytes = 1);
    then("0 a#1 to w1", "0 b rejected:queue_full 100");
}

spec(payload_beyond_the_channels_bound_is_rejected_though_a_worker_is_free)
{
    channel("dispatch.media.resize", .payload_bytes_max = 100);
    worker("w1");
    dispatch("a", .bytes = 101);
    dispatch("b", .bytes = 100);
    then("0 a rejected:payload_too_large 0", "0 b#1 to w1");
    check_eq(channel_now().rejected, 1);
}

spec(rejected_dispatch_leaves_nothing_behind)
{
    channel("dispatch.media.resize", .depth_max = 0);
    dispatch("warm", .type = "warm", .on_crash = WEFT_CRASH_REDISPATCH);
    uint64_t blocks = world.failmem.live_blocks;
    dispatch("a", .type = "new", .on_crash = WEFT_CRASH_REDISPATCH);
    whatever();
    check_eq(world.failmem.live_blocks, blocks);
    check_eq(world.core->dispatches.live_count, 0);
}

/* --- when to try again ------------------------------------------------------------------------ */

spec(retry_after_follows_the_pace_of_the_channel)
{
    channel("dispatch.media.resize", .depth_max = 4);
    worker("w1");
    fill("a", 4, WEFT_PRIORITY_NORMAL);
    take("w1");
    at(100);
    complete("a0#1");
    take("w1");
    at(140);
    complete("a1#1"); /* 40 ms after the one before */
    fill("b", 3, WEFT_PRIORITY_NORMAL);
    whatever();
    dispatch("c"); /* a quarter of the four that wait, and one */
    then("140 c rejected:queue_full 80");
}

spec(retry_after_is_at_least_1_ms)
{
    channel("dispatch.media.resize", .depth_max = 0);
    worker("w1");
    dispatch("a");
    take("w1");
    complete("a#1");
    dispatch("b");
    take("w1");
    complete("b#1");
    dispatch("c");
    whatever();
    dispatch("d");
    then("0 d rejected:queue_full 100"); /* no pace to tell yet */
    at(1);
    take("w1");
    complete("c#1");
    dispatch("e");
    whatever();
    dispatch("f");
    then("1 f rejected:queue_full 1");
}

spec(retry_after_is_at_most_10_s)
{
    channel("dispatch.media.resize", .depth_max = 0);
    worker("w1");
    dispatch("a");
    take("w1");
    complete("a#1");
    dispatch("b");
    take("w1");
    at(1000000);
    complete("b#1");
    dispatch("c");
    whatever();
    dispatch("d");
    then("1000000 d rejected:queue_full 10000");
}

/* --- shedding --------------------------------------------------------------------------------- */

spec(newest_of_the_lowest_priority_below_is_shed)
{
    channel("dispatch.media.resize", .depth_max = 4, .queue_full = WEFT_SHED_LOWEST);
    dispatch("low1", LOW);
    dispatch("low2", LOW);
    dispatch("normal1", NORMAL);
    dispatch("normal2", NORMAL);
    whatever();
    dispatch("high1", HIGH);
    then("0 high1 waits", "0 low2 rejected:shed #0");
    dispatch("high2", HIGH);
    then("0 high2 waits", "0 low1 rejected:shed #0");
    dispatch("high3", HIGH);
    then("0 high3 waits", "0 normal2 rejected:shed #0");
    check_eq(channel_now().queued, 4);
    check_eq(channel_now().rejected, 3);
    check_eq(stats_now().rejected, 3);
}

spec(nothing_is_shed_for_an_equal_or_lower_priority)
{
    channel("dispatch.media.resize", .depth_max = 2, .queue_full = WEFT_SHED_LOWEST);
    dispatch("normal1", NORMAL);
    dispatch("normal2", NORMAL);
    whatever();
    dispatch("normal3", NORMAL);
    dispatch("low", LOW);
    then("0 normal3 rejected:queue_full 100", "0 low rejected:queue_full 100");
}

spec(as_many_are_shed_as_the_bytes_need)
{
    channel("dispatch.media.resize", .bytes_max = 4 * charge_of(100), .queue_full = WEFT_SHED_LOWEST);
    dispatch("low1", LOW, .bytes = 100);
    dispatch("low2", LOW, .bytes = 100);
    dispatch("normal1", NORMAL, .bytes = 100);
    dispatch("normal2", NORMAL, .bytes = 100);
    whatever();
    dispatch("urgent", URGENT, .bytes = 100 + 2 * charge_of(100));
    then("0 urgent waits", "0 low2 rejected:shed #0", "0 low1 rejected:shed #0", "0 normal2 rejected:shed #0");
}

spec(as_many_are_shed_as_a_queue_that_came_to_hold_too_much_needs)
{
    channel("dispatch.media.resize", .depth_max = 1, .queue_full = WEFT_SHED_LOWEST);
    worker("w1");
    dispatch("a", LOW);
    dispatch("b", LOW);
    unregister("w1");
    check_eq(channel_now().queued, 2);
    whatever();
    dispatch("urgent", URGENT);
    then("0 urgent waits", "0 b rejected:shed #0", "0 a rejected:shed #0");
}

spec(nothing_is_shed_where_it_would_not_be_enough)
{
    channel("dispatch.media.resize", .bytes_max = 4 * charge_of(100), .queue_full = WEFT_SHED_LOWEST);
    dispatch("low1", LOW, .bytes = 100);
    dispatch("low2", LOW, .bytes = 100);
    dispatch("urgent1", URGENT, .bytes = 100);
    whatever();
    dispatch("urgent2", URGENT, .bytes = 101 + 2 * charge_of(100));
    then("0 urgent2 rejected:queue_full 100");
    check_eq(channel_now().queued, 3);
    check_eq(channel_now().rejected, 1);
}

spec(shedding_never_touches_what_a_worker_has)
{
    channel("dispatch.media.resize", .depth_max = 1, .queue_full = WEFT_SHED_LOWEST);
    worker("w1");
    dispatch("low1", LOW);
    dispatch("low2", LOW);
    dispatch("urgent", URGENT);
    then("0 low1#1 to w1", "0 low2 waits", "0 urgent waits", "0 low2 rejected:shed #0");
}

spec(no_more_is_shed_at_a_time_than_a_hold_allows)
{
    enum { WAITING = 300 };
    channel("dispatch.media.resize", .depth_max = WAITING, .bytes_max = WAITING * charge_of(100),
            .queue_full = WEFT_SHED_LOWEST);
    for (int i = 0; i < WAITING; i++)
        dispatch("low", LOW, .bytes = 100);
    whatever();
    dispatch("urgent", URGENT, .bytes = CORE_HOLD_MAX * charge_of(100));
    then("0 urgent rejected:queue_full 100");
    check_eq(channel_now().queued, WAITING);
    dispatch("urgent", URGENT, .bytes = 10 * charge_of(100));
    whatever();
    check_eq(channel_now().queued, WAITING - 11 + 1);
}

/* --- waiting for room ------------------------------------------------------------------------- */

spec(caller_that_cannot_wait_is_rejected_where_others_may)
{
    channel("dispatch.media.resize", .depth_max = 1, .queue_full = WEFT_BLOCK);
    dispatch("a");
    dispatch("b");
    dispatch("c", .waits = true);
    then("0 a waits", "0 b rejected:queue_full 100", "0 c rejected:queue_full 100 blocks");
    check_eq(channel_now().rejected, 1);
}

spec(caller_that_waits_for_room_is_woken_by_room_first_come_first_served)
{
    channel("dispatch.media.resize", .depth_max = 1, .queue_full = WEFT_BLOCK);
    dispatch("a");
    check_true(wait_room("x"));
    check_true(wait_room("y"));
    worker("w1");
    then("0 a waits", "0 a#1 to w1", "0 x woken");
    dispatch("b");
    then("0 b waits");
    take("w1");
    complete("a#1");
    then("0 w1 takes a#1", "0 a completed by w1 #1", "0 b#1 to w1", "0 y woken");
}

spec(each_way_out_of_the_queue_makes_room)
{
    channel("dispatch.media.resize", .depth_max = 3, .queue_full = WEFT_BLOCK);
    session("s1");
    dispatch("a");
    dispatch("b", .schedule_to_start_ms = 50);
    dispatch("c", .by = "s1");
    whatever();
    check_true(wait_room("x"));
    check_true(wait_room("y"));
    check_true(wait_room("z"));
    cancel("a");
    then("0 a cancelled:cancelled #0", "0 x woken");
    at(50);
    then("50 b timed_out:schedule_to_start #0", "50 y woken");
    fire("s1");
    then("50 c cancelled:caller_died #0", "50 z woken");
}

spec(room_that_one_leaves_over_goes_to_the_next_that_waits)
{
    channel("dispatch.media.resize", .bytes_max = charge_of(1000), .queue_full = WEFT_BLOCK);
    dispatch("large", .bytes = 1000);
    check_true(wait_room("x"));
    check_true(wait_room("y"));
    check_true(wait_room("z"));
    worker("w1");
    then("0 large waits", "0 large#1 to w1", "0 x woken");
    dispatch("small", .bytes = 10);
    then("0 small waits", "0 y woken");
}

spec(room_that_the_one_woken_cannot_use_goes_to_the_next_that_waits)
{
    channel("dispatch.media.resize", .depth_max = 1, .queue_full = WEFT_BLOCK);
    session("s1");
    dispatch("a");
    check_true(wait_room("x"));
    check_true(wait_room("y"));
    fire("s1");
    cancel("a");
    then("0 a waits", "0 a cancelled:cancelled #0", "0 x woken");
    gives(WEFT_EDEAD, dispatch("b", .by = "s1", .waits = true));
    then("0 y woken");
}

spec(caller_of_what_no_room_would_ever_hold_is_rejected)
{
    channel("dispatch.media.resize", .bytes_max = charge_of(1000), .queue_full = WEFT_BLOCK);
    dispatch("a", .bytes = 1001, .waits = true);
    then("0 a rejected:queue_full 100");
}

spec(caller_that_waits_on_a_queue_of_depth_0_is_woken_by_a_worker_with_nothing_to_do)
{
    channel("dispatch.media.resize", .depth_max = 0, .queue_full = WEFT_BLOCK);
    worker("w1");
    dispatch("a");
    dispatch("b", .waits = true);
    check_true(wait_room("x"));
    take("w1");
    then("0 a#1 to w1", "0 b rejected:queue_full 100 blocks", "0 w1 takes a#1");
    complete("a#1");
    then("0 a completed by w1 #1", "0 x woken");
    dispatch("b", .waits = true);
    then("0 b#1 to w1");
    check_true(wait_room("x"));
    worker("w2");
    then("0 x woken");
}

spec(caller_that_waits_on_a_queue_of_depth_0_is_woken_by_a_free_thread)
{
    channel("dispatch.media.crop");
    channel("dispatch.media.resize", .depth_max = 0, .queue_full = WEFT_BLOCK);
    group("g", 1);
    worker("other", .group = "g", .on = "dispatch.media.crop");
    worker("w1", .group = "g");
    dispatch("busy", .on = "dispatch.media.crop");
    take("g");
    dispatch("a", .waits = true);
    check_true(wait_room("x"));
    then("0 busy#1 to other", "0 g takes busy#1", "0 a rejected:queue_full 100 blocks");
    complete("busy#1");
    then("0 busy completed by other #1", "0 x woken");
    dispatch("a", .waits = true);
    then("0 a#1 to w1");
}

spec(caller_that_waits_on_a_queue_of_depth_0_is_woken_when_slot_and_thread_are_both_free)
{
    channel("dispatch.media.crop");
    channel("dispatch.media.resize", .depth_max = 0, .queue_full = WEFT_BLOCK);
    group("g", 1);
    worker("w1", .group = "g");
    worker("other", .group = "g", .on = "dispatch.media.crop");
    dispatch("kept");
    dispatch("next", .on = "dispatch.media.crop");
    take("g");
    check_true(wait_room("x"));
    keep("kept#1");
    take("g");
    complete("kept#1");
    then("0 kept#1 to w1", "0 next waits", "0 g takes kept#1", "0 next#1 to other", "0 g takes next#1",
         "0 kept completed by w1 #1");
    complete("next#1");
    then("0 next completed by other #1", "0 x woken");
}

spec(caller_that_waits_behind_what_nobody_takes_is_woken_by_a_worker_of_its_own)
{
    channel("dispatch.media.crop");
    channel("dispatch.media.resize", .depth_max = 1, .queue_full = WEFT_BLOCK);
    group("g", 1);
    worker("other", .group = "g", .on = "dispatch.media.crop");
    worker("w1", .group = "g", .types = {"x"});
    dispatch("y", .type = "y");
    dispatch("busy", .on = "dispatch.media.crop");
    take("g");
    dispatch("a", .type = "x", .waits = true);
    check_true(wait_room("x"));
    whatever();
    complete("busy#1");
    then("0 busy completed by other #1", "0 x woken");
    dispatch("a", .type = "x", .waits = true);
    then("0 a#1 to w1");
}

spec(caller_that_waits_on_a_paused_queue_of_depth_0_is_woken_when_it_resumes)
{
    channel("dispatch.media.resize", .depth_max = 0, .queue_full = WEFT_BLOCK);
    worker("w1");
    pause_channel();
    dispatch("a", .waits = true);
    check_true(wait_room("x"));
    then("0 a rejected:queue_full 100 blocks");
    resume_channel();
    then("0 x woken");
}

spec(callers_that_wait_for_room_learn_of_the_end_of_the_channel)
{
    channel("dispatch.media.resize", .depth_max = 1, .queue_full = WEFT_BLOCK);
    dispatch("a");
    check_true(wait_room("x"));
    check_true(wait_room("y"));
    whatever();
    gives(WEFT_EAGAIN, drain_channel("d"));
    then("0 x woken", "0 y woken");
    cancel("a");
    whatever();
    check_true(wait_room("z"));
    delete_channel();
    then("0 z woken");
    check_true(!wait_room("z"));
}

/* --- where there is no worker ----------------------------------------------------------------- */

spec(dispatch_waits_for_a_worker_unless_asked_otherwise)
{
    channel("dispatch.media.resize");
    dispatch("a");
    dispatch("b", .no_worker = WEFT_NO_WORKER_REJECT);
    then("0 a waits", "0 b rejected:no_worker 0");
}

spec(dispatch_is_rejected_where_nobody_could_ever_take_it)
{
    channel("dispatch.media.resize", .no_worker = WEFT_NO_WORKER_REJECT);
    worker("wx", .types = {"x"});
    dispatch("a", .type = "y");
    dispatch("b");
    dispatch("c", .no_worker = WEFT_NO_WORKER_WAIT);
    then("0 a rejected:no_worker 0", "0 b rejected:no_worker 0", "0 c waits");
    check_eq(channel_now().rejected, 2);
}

spec(dispatch_waits_where_somebody_could_take_it_later)
{
    channel("dispatch.media.resize", .no_worker = WEFT_NO_WORKER_REJECT);
    worker("busy", .types = {"x"});
    dispatch("a", .type = "x");
    dispatch("b", .type = "x");
    attach("s1");
    worker("arming", .of = "s1", .types = {"y"});
    dispatch("c", .type = "y");
    then("0 a#1 to busy", "0 b waits", "0 c waits");
    worker("any");
    dispatch("d", .type = "z");
    then("0 b#1 to any", "0 d waits");
}

spec(workers_that_are_gone_dead_or_draining_could_never_take_it)
{
    channel("dispatch.media.resize", .no_worker = WEFT_NO_WORKER_REJECT);
    session("s1");
    worker("dead", .of = "s1");
    worker("gone");
    worker("draining");
    worker("draining_x", .types = {"x"});
    dispatch("a");
    take("dead");
    whatever();
    fire("s1");
    unregister("gone");
    drain_worker("draining");
    drain_worker("draining");
    drain_worker("draining_x");
    whatever();
    dispatch("b");
    dispatch("c", .type = "x");
    then("0 b rejected:no_worker 0", "0 c rejected:no_worker 0");
    unregister("draining");
    unregister("draining_x");
    worker("fresh");
    dispatch("d");
    then("0 d#1 to fresh");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        promised(first_in_first_out),
        promised(first_in_first_out_for_each_activity_type),
        promised(worker_of_several_types_gets_the_oldest_of_them),
        promised(worker_of_every_type_gets_the_oldest_of_all),
        promised(higher_priority_goes_first),
        promised(newcomer_does_not_overtake_what_waits),
        promised(oldest_that_waits_tells_its_age),
        promised(starved_level_gets_exactly_every_16th_turn),
        promised(level_that_has_not_waited_long_enough_gets_no_turn),
        promised(starvation_guard_can_be_switched_off),
        promised(of_starved_levels_the_one_that_waited_longest_goes_first),
        promised(highest_level_keeps_the_16th_turn_if_it_has_waited_longest),
        promised(queue_is_bounded_in_items),
        promised(queue_is_bounded_in_bytes_envelopes_included),
        promised(queue_of_depth_0_means_busy_at_once),
        promised(what_a_worker_can_have_at_once_needs_no_room),
        promised(payload_beyond_the_channels_bound_is_rejected_though_a_worker_is_free),
        promised(rejected_dispatch_leaves_nothing_behind),
        promised(retry_after_follows_the_pace_of_the_channel),
        promised(retry_after_is_at_least_1_ms),
        promised(retry_after_is_at_most_10_s),
        promised(newest_of_the_lowest_priority_below_is_shed),
        promised(nothing_is_shed_for_an_equal_or_lower_priority),
        promised(as_many_are_shed_as_the_bytes_need),
        promised(as_many_are_shed_as_a_queue_that_came_to_hold_too_much_needs),
        promised(nothing_is_shed_where_it_would_not_be_enough),
        promised(shedding_never_touches_what_a_worker_has),
        promised(no_more_is_shed_at_a_time_than_a_hold_allows),
        promised(caller_that_cannot_wait_is_rejected_where_others_may),
        promised(caller_that_waits_for_room_is_woken_by_room_first_come_first_served),
        promised(each_way_out_of_the_queue_makes_room),
        promised(room_that_one_leaves_over_goes_to_the_next_that_waits),
        promised(room_that_the_one_woken_cannot_use_goes_to_the_next_that_waits),
        promised(caller_of_what_no_room_would_ever_hold_is_rejected),
        promised(caller_that_waits_on_a_queue_of_depth_0_is_woken_by_a_worker_with_nothing_to_do),
        promised(caller_that_waits_on_a_queue_of_depth_0_is_woken_by_a_free_thread),
        promised(caller_that_waits_on_a_queue_of_depth_0_is_woken_when_slot_and_thread_are_both_free),
        promised(caller_that_waits_behind_what_nobody_takes_is_woken_by_a_worker_of_its_own),
        promised(caller_that_waits_on_a_paused_queue_of_depth_0_is_woken_when_it_resumes),
        promised(callers_that_wait_for_room_learn_of_the_end_of_the_channel),
        promised(dispatch_waits_for_a_worker_unless_asked_otherwise),
        promised(dispatch_is_rejected_where_nobody_could_ever_take_it),
        promised(dispatch_waits_where_somebody_could_take_it_later),
        promised(workers_that_are_gone_dead_or_draining_could_never_take_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
