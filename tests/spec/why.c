/* Why something waits, checked by doing what it says: each rule is built, asked about, and what would help is done; then
 * the very dispatch must go.
 *
 *   - of each registered worker the first rule that refuses is told, in the order in which they are asked
 *   - of a request what admission would do with it, which changes nothing, and comes true when it is made
 *   - of a dispatch where it stands, how many go before it, and for how long it has waited
 */
#include <stdio.h>

#include "lib/fixture.h"

/* --- each rule, and what helps ---------------------------------------------------------------- */

spec(waits_for_a_link_to_be_armed_and_goes_when_it_is)
{
    channel("dispatch.media.resize");
    attach("s1");
    worker("w1", .of = "s1");
    dispatch("a");
    at(20);
    why("a");
    then("0 a waits", "20 a waits 20 ms, 0 ahead", "20   w1: link");
    arm("s1");
    then("20 a#1 to w1");
}

spec(waits_for_the_dead_and_goes_to_who_replaces_it)
{
    channel("dispatch.media.resize");
    session("s1");
    worker("w1", .of = "s1");
    dispatch("a");
    dispatch("b");
    whatever();
    stop_steps();
    fire("s1");
    why("b");
    then("0 b waits 0 ms, 0 ahead", "0   w1: link");
    run_steps();
    why("b");
    then("0 a#1 back from w1", "0 b waits 0 ms, 1 ahead");
    worker("w2", .capacity = 2);
    then("0 a#1 to w2", "0 b#1 to w2");
}

spec(waits_for_a_worker_of_its_type_and_goes_when_one_registers)
{
    channel("dispatch.media.resize");
    worker("w1", .types = {"resize", "thumbnail"});
    dispatch("a", .type = "ocr");
    why("a");
    then("0 a waits", "0 a waits 0 ms, 0 ahead", "0   w1: activity_type");
    worker("w2", .types = {"ocr"});
    then("0 a#1 to w2");
}

spec(waits_for_one_that_is_not_drained_and_goes_when_one_registers)
{
    channel("dispatch.media.resize");
    worker("w1");
    drain_worker("w1");
    dispatch("a");
    why("a");
    then("0 a waits", "0 a waits 0 ms, 0 ahead", "0   w1: draining");
    worker("w2");
    then("0 a#1 to w2");
}

spec(waits_for_one_it_has_not_died_of_and_goes_when_its_wait_is_over)
{
    channel("dispatch.media.resize", .on_crash = WEFT_CRASH_REDISPATCH, .redispatch_wait_ms = 50);
    worker("w1");
    dispatch("a");
    take("w1");
    abandon("a#1");
    at(20);
    whatever();
    why("a");
    then("20 a waits 20 ms, 0 ahead", "20   w1: excluded");
    at(50);
    then("50 a#2 to w1");
    take("w1");
    abandon("a#2");
    why("a");
    then("50 w1 takes a#2", "50 a waits 0 ms, 0 ahead", "50   w1: excluded");
    worker("w2");
    then("50 a#3 to w2");
}

spec(waits_for_a_slot_and_goes_when_one_is_free)
{
    channel("dispatch.media.resize");
    worker("w1", .capacity = 2);
    dispatch("a");
    dispatch("b");
    dispatch("c");
    take("w1");
    whatever();
    why("c");
    then("0 c waits 0 ms, 0 ahead", "0   w1: capacity");
    complete("a#1");
    then("0 a completed by w1 #1", "0 c#1 to w1");
}

spec(waits_for_a_thread_and_goes_when_a_handler_returns)
{
    channel("dispatch.media.resize");
    group("g", 1);
    worker("w1", .group = "g", .capacity = 9);
    worker("w2", .group = "g", .types = {"other"}, .capacity = 9);
    dispatch("a");
    dispatch("b");
    take("g");
    whatever();
    why("b");
    then("0 b waits 0 ms, 0 ahead", "0   w1: executor", "0   w2: activity_type");
    complete("a#1");
    then("0 a completed by w1 #1", "0 b#1 to w1");
}

spec(waits_on_a_paused_channel_though_a_worker_is_free_and_goes_when_it_is_resumed)
{
    channel("dispatch.media.resize");
    worker("w1");
    pause_channel();
    dispatch("a");
    why("a");
    would();
    then("0 a waits", "0 a waits 0 ms, 0 ahead", "0   w1: eligible", "0 deferred", "0   w1: eligible");
    resume_channel();
    then("0 a#1 to w1");
}

spec(waits_where_nobody_is_registered_and_goes_when_somebody_is)
{
    channel("dispatch.media.resize");
    dispatch("a");
    why("a");
    then("0 a waits", "0 a waits 0 ms, 0 ahead");
    worker("w1");
    then("0 a#1 to w1");
}

spec(a_merely_busy_worker_is_not_called_incompatible_nor_a_wrong_one_busy)
{
    channel("dispatch.media.resize");
    worker("busy", .types = {"x"});
    worker("wrong", .types = {"y"});
    dispatch("a", .type = "x");
    dispatch("b", .type = "y");
    dispatch("c", .type = "x");
    whatever();
    why("c");
    then("0 c waits 0 ms, 0 ahead", "0   busy: capacity", "0   wrong: activity_type");
}

/* --- where it stands -------------------------------------------------------------------------- */

spec(those_ahead_are_of_higher_priority_or_came_before)
{
    channel("dispatch.media.resize");
    dispatch("a", .type = "x");
    dispatch("b");
    dispatch("urgent", .priority = WEFT_PRIORITY_URGENT);
    dispatch("low", .priority = WEFT_PRIORITY_LOW);
    dispatch("c");
    whatever();
    why("a");
    why("c");
    why("low");
    why("urgent");
    then("0 a waits 0 ms, 1 ahead", "0 c waits 0 ms, 3 ahead", "0 low waits 0 ms, 4 ahead",
         "0 urgent waits 0 ms, 0 ahead");
}

spec(no_more_than_a_hold_is_looked_at_for_those_ahead)
{
    channel("dispatch.media.resize");
    worker("w1");
    for (int i = 0; i < 300; i++)
        dispatch(numbered("a", i));
    whatever();
    why("a255");
    why("a256");
    why("a299");
    then("0 a255 waits 0 ms, 254 ahead", "0   w1: capacity", "0 a256 waits 0 ms, 255 ahead", "0   w1: capacity",
         "0 a299 waits 0 ms, 256 ahead", "0   w1: capacity");
}

spec(why_tells_who_has_it_and_then_that_it_has_ended)
{
    channel("dispatch.media.resize");
    box("mine");
    worker("w1");
    dispatch("a", .to = "mine");
    why("a");
    take("w1");
    at(5);
    why("a");
    complete("a#1");
    why("a");
    then("0 a#1 to w1", "0 a at w1, 1 of 1", "0   w1: capacity", "0 w1 takes a#1", "5 a at w1, taken, 1 of 1",
         "5   w1: capacity", "5 a ended completed");
    look_into("mine");
    then("5 a completed by w1 #1");
    gives(WEFT_ENOTFOUND, why("a"));
}

spec(why_tells_that_it_waits_for_a_lost_attempt_to_stop)
{
    channel("dispatch.media.resize", .on_crash = WEFT_CRASH_REDISPATCH);
    session("s1");
    worker("w1", .of = "s1", .handled = true);
    worker("w2");
    dispatch("a");
    take("w1");
    fire("s1");
    whatever();
    why("a");
    then("0 a lost at w1, taken, 1 of 3", "0   w2: eligible");
    return_from("a#1");
    then("0 a#2 to w2");
}

spec(why_of_what_was_never_admitted_is_not_found)
{
    channel("dispatch.media.resize");
    dispatch("a");
    then("0 a waits");
    weft_dispatch_id id = id_of("a");
    struct core_why answer;
    check_err(
        weft__core_why_dispatch(world.core, world_now_ns(), (weft_dispatch_id){id.session + 1, id.number}, &answer),
        WEFT_ENOTFOUND);
    check_err(
        weft__core_why_dispatch(world.core, world_now_ns(), (weft_dispatch_id){id.session, id.number + 1}, &answer),
        WEFT_ENOTFOUND);
    check_err(weft__core_why_dispatch(world.core, world_now_ns(), (weft_dispatch_id){0, 0}, &answer), WEFT_ENOTFOUND);
}

spec(a_dispatch_that_moves_on_between_two_pages_is_told_of)
{
    struct core_why answer;
    struct core_refusal_row rows[1];
    char bytes[WEFT_ACTIVITY_TYPES_MAX * (WEFT_NAME_MAX + 1)];
    struct core_text text = {.bytes = bytes, .room = sizeof(bytes)};
    uint64_t cursor = 0;
    size_t count;
    bool changed;
    channel("dispatch.media.resize");
    worker("w1");
    worker("w2");
    dispatch("a");
    dispatch("b");
    dispatch("c");
    take("w1");
    whatever();
    check_ok(weft__core_why_dispatch(world.core, world_now_ns(), id_of("c"), &answer));
    check_true(
        weft__core_refusals_next(world.core, world_now_ns(), NULL, &answer, &cursor, rows, 1, &count, &text, &changed));
    check_true(count == 1 && !changed);
    complete("a#1");
    then("0 a completed by w1 #1", "0 c#1 to w1");
    check_true(!weft__core_refusals_next(world.core, world_now_ns(), NULL, &answer, &cursor, rows, 1, &count, &text,
                                         &changed));
    check_true(count == 0 && changed);
}

/* --- what would become of a request ----------------------------------------------------------- */

spec(a_request_would_go_to_the_worker_whose_turn_it_is_and_does)
{
    channel("dispatch.media.resize");
    worker("w1", .capacity = 2);
    worker("w2", .capacity = 2);
    for (int i = 0; i < 2; i++) {
        would();
        would();
        dispatch(numbered("a", i));
    }
    then("0 accepted by w1", "0   w1: eligible", "0   w2: eligible", "0 accepted by w1", "0   w1: eligible",
         "0   w2: eligible", "0 a0#1 to w1", "0 accepted by w2", "0   w1: eligible", "0   w2: eligible",
         "0 accepted by w2", "0   w1: eligible", "0   w2: eligible", "0 a1#1 to w2");
}

spec(a_request_would_go_to_the_worker_of_its_key_and_does)
{
    channel("dispatch.media.resize", .policy = WEFT_STICKY);
    for (int i = 0; i < 5; i++)
        worker(numbered("w", i), .capacity = 9);
    for (int i = 0; i < 8; i++) {
        struct core_why answer;
        const char *key = i < 6 ? numbered("key", i) : NULL; /* without one, too */
        struct core_request request = {.channel = "dispatch.media.resize",
                                       .channel_hash = weft__name_hash("dispatch.media.resize"),
                                       .sticky_hash = key ? weft__name_hash(key) : 0,
                                       .session = handle_of("host"),
                                       .priority = 2,
                                       .payload = weft__message_new(&world.messages.mem, NULL, 0, NULL)};
        check_ok(weft__core_why_request(world.core, world_now_ns(), &request, &answer));
        weft__message_drop(request.payload);
        dispatch(numbered("a", i), .key = key);
        const struct core_dispatch *made = weft__slotmap_find(&world.core->dispatches, id_of(numbered("a", i)).number);
        check_str(made->task->worker->name->text, answer.worker);
        whatever();
    }
}

spec(a_request_would_be_rejected_by_a_draining_channel_and_is_not_after_resume)
{
    channel("dispatch.media.resize");
    worker("w1");
    dispatch("a");
    gives(WEFT_EAGAIN, drain_channel("drainer"));
    would();
    dispatch("b");
    then("0 a#1 to w1", "0 rejected:draining 0", "0   w1: capacity", "0 b rejected:draining 0");
    resume_channel();
    would();
    then("0 drainer woken", "0 deferred", "0   w1: capacity");
    dispatch("b");
    then("0 b waits");
}

spec(a_request_would_be_rejected_for_want_of_a_worker_and_is_not_with_one)
{
    channel("dispatch.media.resize", .no_worker = WEFT_NO_WORKER_REJECT);
    worker("w1", .types = {"x"});
    would(.type = "ocr");
    dispatch("a", .type = "ocr");
    would(.type = "ocr", .no_worker = WEFT_NO_WORKER_WAIT);
    then("0 rejected:no_worker 0", "0   w1: activity_type", "0 a rejected:no_worker 0", "0 deferred",
         "0   w1: activity_type");
    worker("w2", .types = {"ocr"});
    would(.type = "ocr");
    dispatch("a", .type = "ocr");
    then("0 accepted by w2", "0   w1: activity_type", "0   w2: eligible", "0 a#1 to w2");
}

spec(a_request_would_be_rejected_by_a_full_queue_and_is_not_when_there_is_room)
{
    channel("dispatch.media.resize", .depth_max = 1);
    worker("w1");
    dispatch("a");
    dispatch("b");
    would();
    dispatch("c");
    then("0 a#1 to w1", "0 b waits", "0 rejected:queue_full 100", "0   w1: capacity", "0 c rejected:queue_full 100");
    take("w1");
    complete("a#1");
    would();
    dispatch("c");
    then("0 w1 takes a#1", "0 a completed by w1 #1", "0 b#1 to w1", "0 deferred", "0   w1: capacity", "0 c waits");
}

spec(a_request_of_higher_priority_would_shed_and_one_of_equal_would_be_rejected)
{
    channel("dispatch.media.resize", .depth_max = 1, .queue_full = WEFT_SHED_LOWEST);
    dispatch("a");
    would();
    would(.priority = WEFT_PRIORITY_HIGH);
    then("0 a waits", "0 rejected:queue_full 100", "0 deferred");
    dispatch("b", .priority = WEFT_PRIORITY_HIGH);
    then("0 b waits", "0 a rejected:shed #0");
}

spec(a_request_would_wait_for_room_where_callers_may)
{
    channel("dispatch.media.resize", .depth_max = 0, .queue_full = WEFT_BLOCK);
    would();
    then("0 rejected:queue_full 100 blocks");
}

spec(a_request_for_a_type_that_nobody_knows_leaves_no_trace)
{
    channel("dispatch.media.resize");
    worker("w1", .types = {"x"});
    worker("all");
    would(.type = "never-heard-of");
    then("0 accepted by all", "0   w1: activity_type", "0   all: eligible");
    const struct core_channel *channel =
        weft__channel_find(world.core, weft__name_hash("dispatch.media.resize"), "dispatch.media.resize");
    check_eq(channel->classes_count, 1);
}

spec(a_request_that_is_wrong_gives_the_code_that_the_dispatch_would)
{
    gives(WEFT_ENOCHANNEL, would(.on = "dispatch.media.none"));
    channel("event.media.done");
    gives(WEFT_EINVAL, would());
    channel("dispatch.media.resize");
    session("s1");
    session("s1b");
    fire("s1");
    gives(WEFT_EDEAD, would(.by = "s1"));
    for (int i = 0; i < CORE_TYPES_MAX; i++)
        dispatch("a", .type = numbered("t", i));
    whatever();
    gives(WEFT_ELIMIT, would(.type = "one-more"));
    close_node();
    gives(WEFT_ECLOSED, would());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        promised(waits_for_a_link_to_be_armed_and_goes_when_it_is),
        promised(waits_for_the_dead_and_goes_to_who_replaces_it),
        promised(waits_for_a_worker_of_its_type_and_goes_when_one_registers),
        promised(waits_for_one_that_is_not_drained_and_goes_when_one_registers),
        promised(waits_for_one_it_has_not_died_of_and_goes_when_its_wait_is_over),
        promised(waits_for_a_slot_and_goes_when_one_is_free),
        promised(waits_for_a_thread_and_goes_when_a_handler_returns),
        promised(waits_on_a_paused_channel_though_a_worker_is_free_and_goes_when_it_is_resumed),
        promised(waits_where_nobody_is_registered_and_goes_when_somebody_is),
        promised(a_merely_busy_worker_is_not_called_incompatible_nor_a_wrong_one_busy),
        promised(those_ahead_are_of_higher_priority_or_came_before),
        promised(no_more_than_a_hold_is_looked_at_for_those_ahead),
        promised(why_tells_who_has_it_and_then_that_it_has_ended),
        promised(why_tells_that_it_waits_for_a_lost_attempt_to_stop),
        promised(why_of_what_was_never_admitted_is_not_found),
        promised(a_dispatch_that_moves_on_between_two_pages_is_told_of),
        promised(a_request_would_go_to_the_worker_whose_turn_it_is_and_does),
        promised(a_request_would_go_to_the_worker_of_its_key_and_does),
        promised(a_request_would_be_rejected_by_a_draining_channel_and_is_not_after_resume),
        promised(a_request_would_be_rejected_for_want_of_a_worker_and_is_not_with_one),
        promised(a_request_would_be_rejected_by_a_full_queue_and_is_not_when_there_is_room),
        promised(a_request_of_higher_priority_would_shed_and_one_of_equal_would_be_rejected),
        promised(a_request_would_wait_for_room_where_callers_may),
        promised(a_request_for_a_type_that_nobody_knows_leaves_no_trace),
        promised(a_request_that_is_wrong_gives_the_code_that_the_dispatch_would),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
