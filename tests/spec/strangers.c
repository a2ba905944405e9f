/* Dispatches that come from elsewhere: the ids that their callers made, and windows that have credit.
 *
 *   - such a dispatch is known by its caller's id wherever it is shown and asked for, and by no other
 *   - a second one with the id of one that is known is refused, until the outcome of that was taken; a refusal takes none
 *   - each session has its own numbers; what a key stands for has one of ours
 *   - any number of them come and go
 *   - with credit, taking a partial result makes no room: the caller does, for as many as he has taken, no more
 *   - a remote task is told what room there is when it is delivered, and each time that there is more
 *   - who has no room is alive, wherever it is
 */
#include "base/clock.h"
#include "lib/fixture_remote.h"

static weft_dispatch_id id(const char *session, uint64_t number)
{
    return (weft_dispatch_id){handle_of(session), number};
}

static bool same(weft_dispatch_id a, weft_dispatch_id b)
{
    return a.session == b.session && a.number == b.number;
}

/* --- ids -------------------------------------------------------------------------------------- */

spec(stranger_is_known_by_the_id_it_came_with)
{
    struct core_why answer;
    channel("dispatch.media.resize");
    far_session("s1");
    worker("w1");
    dispatch("a", .by = "s1", .number = 4711);
    check_true(same(id_of("a"), id("s1", 4711)));
    take("w1");
    check_true(same(task_named("a#1")->id, id("s1", 4711)));
    check_ok(weft__core_why_dispatch(world.core, world_now_ns(), id("s1", 4711), &answer));
    check_true(answer.standing == WEFT_STANDING_ASSIGNED && same(answer.id, id("s1", 4711)));
    cancel("a");
    complete("a#1");
    whatever();
    deliver("s1");
    then("0 a completed by w1 #1");
    check_true(same(reply_of("a").id, id("s1", 4711)));
    gives(WEFT_ENOTFOUND, cancel("a"));
}

spec(stranger_is_not_known_by_the_handle_it_has_here)
{
    channel("dispatch.media.resize");
    far_session("s1");
    dispatch("a", .by = "s1", .number = 4711);
    whatever();
    uint32_t cursor = 0;
    const struct core_dispatch *record = weft__slotmap_next(&world.core->dispatches, &cursor);
    weft_dispatch_id handle = {handle_of("s1"), record->slot.handle};
    check_err(weft__core_cancel(world.core, world_now_ns(), handle), WEFT_ENOTFOUND);
    check_err(weft__core_cancel(world.core, world_now_ns(), id("host", 4711)), WEFT_ENOTFOUND);
    check_ok(weft__core_cancel(world.core, world_now_ns(), id("s1", 4711)));
    deliver("s1");
    then("0 a cancelled:cancelled #0");
}

spec(detached_stranger_is_fetched_by_the_id_it_came_with)
{
    channel("dispatch.media.resize");
    far_session("s1");
    worker("w1");
    dispatch("a", .by = "s1", .number = 1, .unheard = true, .detached = true);
    take("w1");
    fire("s1");
    complete("a#1");
    whatever();
    fetch("a");
    then("0 a completed by w1 #1");
    gives(WEFT_ENOTFOUND, fetch("a"));
}

spec(letter_of_a_stranger_shows_the_id_it_came_with)
{
    channel("dispatch.media.dead");
    channel("dispatch.media.resize", .dead_letter = "dispatch.media.dead");
    far_session("s1");
    dispatch("a", .by = "s1", .number = 9, .schedule_to_start_ms = 5);
    at(5);
    deliver("s1");
    whatever();
    on("dispatch.media.dead");
    read_letters();
    then("5 letter a timed_out:schedule_to_start");
}

spec(second_with_the_id_of_one_that_is_known_is_refused)
{
    channel("dispatch.media.resize");
    far_session("s1");
    worker("w1");
    dispatch("a", .by = "s1", .number = 1);
    gives(WEFT_EEXIST, dispatch("b", .by = "s1", .number = 1));
    take("w1");
    complete("a#1");
    gives(WEFT_EEXIST, dispatch("b", .by = "s1", .number = 1));
    whatever();
    check_eq(stats_now().dispatched, 1);
    deliver("s1");
    then("0 a completed by w1 #1");
    dispatch("b", .by = "s1", .number = 1);
    then("0 b#1 to w1");
}

spec(refused_dispatch_leaves_its_id_free)
{
    channel("dispatch.media.resize", .depth_max = 0);
    far_session("s1");
    dispatch("a", .by = "s1", .number = 1);
    then("0 a rejected:queue_full 100");
    gives(WEFT_ENOCHANNEL, dispatch("a", .on = "dispatch.media.none", .by = "s1", .number = 1));
    check_eq(world.core->ids.count, 0);
    worker("w1");
    dispatch("a", .by = "s1", .number = 1);
    then("0 a#1 to w1");
}

spec(each_session_has_its_own_numbers)
{
    channel("dispatch.media.resize");
    far_session("s1");
    far_session("s2");
    dispatch("a", .by = "s1", .number = 1);
    dispatch("b", .by = "s2", .number = 1);
    dispatch("c");
    whatever();
    cancel("b");
    deliver("s1");
    nothing_happens();
    deliver("s2");
    then("0 b cancelled:cancelled #0");
    cancel("c");
    then("0 c cancelled:cancelled #0");
}

spec(what_a_key_stands_for_has_a_number_of_ours)
{
    channel("dispatch.media.resize");
    far_session("s1");
    far_session("s2");
    worker("w1");
    dispatch("a", .by = "s1", .number = 1, .once = "k");
    dispatch("b", .by = "s2", .number = 1, .once = "k");
    gives(WEFT_EEXIST, dispatch("c", .by = "s2", .number = 1, .once = "k"));
    check_eq(id_of("k").session, 0);
    take("w1");
    then("0 k#1 to w1", "0 w1 takes k#1");
    check_true(same(task_named("k#1")->id, id_of("k")));
    cancel("b");
    deliver("s2");
    then("0 b cancelled:cancelled #0");
    complete("k#1");
    deliver("s1");
    then("0 a completed by w1 #1");
    dispatch("c", .by = "s2", .number = 1, .once = "k"); /* a repeat is answered at once */
    deliver("s2");
    then("0 c completed by w1 #1");
    check_eq(world.core->ids.count, 0);
}

/* In any order, so that what stands in others' places is moved back. */
spec(thousands_of_strangers_come_and_go)
{
    enum { COUNT = 3000, STEP = 1237 };
    static weft_dispatch_id ids[COUNT];
    channel("dispatch.media.resize", .depth_max = COUNT);
    far_session("s1");
    for (uint64_t i = 0; i < COUNT; i++) {
        dispatch("a", .by = "s1", .number = 1 + i * i, .unheard = true);
        ids[i] = id_of("a");
    }
    whatever();
    check_eq(world.core->ids.count, COUNT);
    for (uint64_t n = 0, i = 0; n < COUNT; n++, i = (i + STEP) % COUNT) {
        check_ok(weft__core_cancel(world.core, world_now_ns(), ids[i]));
        check_err(weft__core_cancel(world.core, world_now_ns(), ids[i]), WEFT_ENOTFOUND);
        uint64_t other = (i + STEP) % COUNT;
        check_eq(weft__dispatch_find(world.core, ids[other]) != NULL, n + 1 < COUNT);
    }
    check_eq(world.core->ids.count, 0);
}

/* --- credit ----------------------------------------------------------------------------------- */

spec(with_credit_taking_makes_no_room)
{
    channel("dispatch.media.resize");
    far_session("s1");
    worker("w1");
    dispatch("a", .by = "s1", .number = 1, .window = 2, .credit = true);
    take("w1");
    partial("a#1", "one");
    partial("a#1", "two");
    gives(WEFT_EAGAIN, partial_or_wait("a#1", "three", "sender"));
    whatever();
    deliver("s1");
    then("0 a#1 part 1 one", "0 a#1 part 2 two");
    room_for(1, "a");
    then("0 sender woken");
    partial_again("a#1", "three", "sender");
    gives(WEFT_EAGAIN, partial("a#1", "four"));
    deliver("s1");
    then("0 a#1 part 3 three");
    room_for(2, "a");
    partial("a#1", "four");
    partial("a#1", "five");
    gives(WEFT_EAGAIN, partial("a#1", "six"));
    deliver("s1");
    whatever();
}

spec(caller_makes_room_for_no_more_than_he_has_taken)
{
    channel("dispatch.media.resize");
    far_session("s1");
    worker("w1");
    dispatch("a", .by = "s1", .number = 1, .window = 2, .credit = true);
    take("w1");
    room_for(100, "a");
    partial("a#1", "one");
    deliver("s1");
    room_for(100, "a");
    partial("a#1", "two");
    partial("a#1", "three");
    gives(WEFT_EAGAIN, partial("a#1", "four"));
    complete("a#1");
    deliver("s1");
    room_for(1, "a"); /* of what is not known any more: nothing */
    whatever();
}

spec(part_of_an_earlier_attempt_takes_room_until_its_caller_says)
{
    channel("dispatch.media.resize", .on_crash = WEFT_CRASH_REDISPATCH);
    far_session("s1");
    worker("w1");
    dispatch("a", .by = "s1", .number = 1, .window = 2, .credit = true);
    take("w1");
    partial("a#1", "one");
    deliver("s1");
    abandon("a#1");
    take("w1");
    whatever();
    deliver("s1");
    then("0 a#2 restarts");
    partial("a#2", "one");
    gives(WEFT_EAGAIN, partial("a#2", "two"));
    room_for(1, "a");
    partial("a#2", "two");
    deliver("s1");
    then("0 a#2 part 1 one", "0 a#2 part 2 two");
}

spec(remote_task_is_told_what_room_there_is_and_each_time_there_is_more)
{
    channel("dispatch.media.resize");
    far_session("s1");
    worker("w1", .of = "s1", .far = true);
    box("slow");
    dispatch("a", .window = 3, .to = "slow");
    deliver("s1");
    then("0 a#1 to w1", "0 s1 gets a#1 with room 3");
    partial("a#1", "one");
    partial("a#1", "two");
    partial("a#1", "three");
    gives(WEFT_EAGAIN, partial("a#1", "four"));
    nothing_happens();
    look_into("slow");
    then("0 a#1 part 1 one", "0 a#1 part 2 two", "0 a#1 part 3 three");
    deliver("s1");
    then("0 a#1 has room for 3 more");
    partial("a#1", "four");
    look_into("slow");
    then("0 a#1 part 4 four");
    complete("a#1"); /* nobody is told of room any more */
    look_into("slow");
    deliver("s1");
    then("0 a completed by w1 #1");
}

spec(room_made_by_a_stranger_is_told_to_a_remote_worker)
{
    channel("dispatch.media.resize");
    far_session("caller");
    far_session("s1");
    worker("w1", .of = "s1", .far = true);
    dispatch("a", .by = "caller", .number = 1, .window = 1, .credit = true);
    deliver("s1");
    partial("a#1", "one");
    deliver("caller");
    deliver("s1");
    then("0 a#1 to w1", "0 s1 gets a#1 with room 1", "0 a#1 part 1 one");
    room_for(1, "a");
    deliver("s1");
    then("0 a#1 has room for 1 more");
}

spec(room_that_was_made_meanwhile_goes_to_the_next_attempt)
{
    channel("dispatch.media.resize", .on_crash = WEFT_CRASH_REDISPATCH);
    far_session("caller");
    far_session("s1");
    worker("w1", .of = "s1", .far = true);
    dispatch("a", .by = "caller", .number = 1, .window = 2, .credit = true);
    deliver("s1");
    partial("a#1", "one");
    partial("a#1", "two");
    deliver("caller");
    room_for(1, "a");
    abandon("a#1");
    whatever();
    deliver("s1"); /* the room was not told to the first */
    then("0 s1 gets a#2 with room 1");
    deliver("caller");
    then("0 a#2 restarts");
}

spec(room_is_not_told_of_a_task_that_was_given_back)
{
    channel("dispatch.media.resize", .on_crash = WEFT_CRASH_REDISPATCH);
    far_session("caller");
    far_session("s1");
    worker("w1", .of = "s1", .far = true);
    dispatch("a", .by = "caller", .number = 1, .window = 2, .credit = true);
    deliver("s1");
    partial("a#1", "one");
    deliver("caller");
    abandon("a#1");
    deliver("s1");
    whatever();
    room_for(1, "a");
    drain_worker("w1");
    give_back("a#2");
    then("0 a#2 back from w1");
    check_eq(waits_in_line("s1"), 0);
    worker("w2", .of = "s1", .far = true);
    deliver("s1");
    then("0 a#2 to w2", "0 s1 gets a#2 with room 2");
    deliver("caller");
    then("0 a#2 restarts");
}

spec(remote_task_without_room_is_alive)
{
    channel("dispatch.media.resize");
    far_session("s1");
    worker("w1", .of = "s1", .far = true);
    box("slow");
    dispatch("a", .window = 1, .to = "slow", .heartbeat_ms = 10);
    deliver("s1");
    enters("a#1");
    partial("a#1", "one");
    whatever();
    at(500);
    nothing_happens();
    look_into("slow");
    at(509);
    then("500 a#1 part 1 one");
    at(520);
    look_into("slow");
    then("520 a timed_out:heartbeat by w1 #1");
    deliver("s1");
    then("520 w1 told to stop a#1");
}

spec(time_of_a_remote_task_begins_anew_when_room_is_made_and_not_before)
{
    channel("dispatch.media.resize");
    far_session("s1");
    worker("w1", .of = "s1", .far = true);
    box("slow");
    dispatch("a", .window = 1, .to = "slow", .heartbeat_ms = 10);
    deliver("s1");
    enters("a#1");
    partial("a#1", "one");
    whatever();
    at(505); /* the core was last entered at 500 */
    look_into("slow");
    then("505 a#1 part 1 one");
    at(514);
    partial("a#1", "two");
    at(527);
    look_into("slow");
    then("527 a#1 part 2 two");
    at(537);
    look_into("slow");
    then("537 a timed_out:heartbeat by w1 #1");
    deliver("s1");
    whatever();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        promised(stranger_is_known_by_the_id_it_came_with),
        promised(stranger_is_not_known_by_the_handle_it_has_here),
        promised(detached_stranger_is_fetched_by_the_id_it_came_with),
        promised(letter_of_a_stranger_shows_the_id_it_came_with),
        promised(second_with_the_id_of_one_that_is_known_is_refused),
        promised(refused_dispatch_leaves_its_id_free),
        promised(each_session_has_its_own_numbers),
        promised(what_a_key_stands_for_has_a_number_of_ours),
        promised(thousands_of_strangers_come_and_go),
        promised(with_credit_taking_makes_no_room),
        promised(caller_makes_room_for_no_more_than_he_has_taken),
        promised(part_of_an_earlier_attempt_takes_room_until_its_caller_says),
        promised(remote_task_is_told_what_room_there_is_and_each_time_there_is_more),
        promised(room_made_by_a_stranger_is_told_to_a_remote_worker),
        promised(room_that_was_made_meanwhile_goes_to_the_next_attempt),
        promised(room_is_not_told_of_a_task_that_was_given_back),
        promised(remote_task_without_room_is_alive),
        promised(time_of_a_remote_task_begins_anew_when_room_is_made_and_not_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
