/* Dead letters: what exceeds its attempts or its time is kept whole, and can be put back.
 *
 *   - worker_died and timed_out leave a letter, other outcomes none; the caller learns its outcome all the same
 *   - the letter tells each attempt that was made: who had it, how it ended, how long it ran
 *   - the payload is the very one that was dispatched (nats-server 7817: a letter at the limit had lost its body)
 *   - a full channel drops the oldest; what can never fit is dropped; both are counted
 *   - what is put back goes where it came from, as it was, and the letter stays until that has room for it
 *   - a channel that keeps letters, or is to, is not deleted
 *   - a death needs no memory (rabbitmq-server 11937: a poison message ends, and ends as a letter)
 */
#include "lib/fixture.h"

#define DEAD "dispatch.media.dead"

static void media(void)
{
    channel(DEAD);
    channel("dispatch.media.resize", .dead_letter = DEAD);
}

/* Dispatched, begun, and its participant dead: a letter. */
static void dies(const char *name, const char *participant)
{
    session(participant);
    worker(participant, .of = participant);
    dispatch(name);
    take(participant);
    fire_of(participant, WEFT_CAUSE_SIGNALED, 9);
    forget(participant);
    release(participant);
    whatever();
}

/* --- which, and what they tell ---------------------------------------------------------------- */

spec(exhausted_attempts_leave_a_letter_with_the_history_of_each)
{
    channel(DEAD);
    channel("dispatch.media.resize", .dead_letter = DEAD, .on_crash = WEFT_CRASH_REDISPATCH, .attempts_max = 2);
    session("s1");
    session("s2");
    worker("w1", .of = "s1");
    dispatch("a");
    take("w1");
    at(30);
    fire_of("s1", WEFT_CAUSE_SIGNALED, 9);
    worker("w2", .of = "s2");
    take("w2");
    at(50);
    whatever();
    fire_of("s2", WEFT_CAUSE_EXITED, 3);
    then("50 a worker_died:worker_died by w2 #2");
    on(DEAD);
    read_letters();
    then("50 letter a worker_died:worker_died", "50 a#1 w1 of s1 worker_died 30", "50 a#2 w2 of s2 worker_died 20");
    check_eq(channel_now().letters, 1);
    check_eq(stats_now().dead_lettered, 1);
    on("dispatch.media.resize");
    check_eq(channel_now().dead_lettered, 1);
    check_eq(channel_now().worker_died, 1);
}

spec(letter_tells_the_cause_of_each_death)
{
    channel(DEAD);
    channel("dispatch.media.resize", .dead_letter = DEAD, .on_crash = WEFT_CRASH_REDISPATCH, .attempts_max = 3);
    session("s1");
    session("s2");
    worker("w1", .of = "s1");
    dispatch("a");
    take("w1");
    fire_of("s1", WEFT_CAUSE_SIGNALED, 9);
    worker("w2", .of = "s2");
    take("w2");
    fire_of("s2", WEFT_CAUSE_EXITED, 3);
    worker("w3");
    take("w3");
    abandon("a#3");
    whatever();
    struct core_letter_view view;
    check_ok(weft__core_letter_fetch(world.core, DEAD, 0, &view));
    check_eq(view.letter.attempts_count, 3);
    check_eq(view.attempts[0].cause.kind, WEFT_CAUSE_SIGNALED);
    check_eq(view.attempts[0].cause.value, 9);
    check_eq(view.attempts[1].cause.kind, WEFT_CAUSE_EXITED);
    check_eq(view.attempts[1].cause.value, 3);
    check_str(view.attempts[2].code, "abandoned");
    check_eq(view.attempts[2].cause.kind, WEFT_CAUSE_UNKNOWN);
    check_str(view.letter.channel, "dispatch.media.resize");
    check_str((const char *)view.payload->bytes, "a");
    weft__message_drop(view.payload);
}

spec(each_time_that_runs_out_leaves_a_letter_that_names_it)
{
    media();
    worker("w1", .capacity = 2);
    dispatch("close", .schedule_to_close_ms = 30);
    dispatch("never", .schedule_to_start_ms = 10);
    dispatch("start", .type = "t", .schedule_to_start_ms = 5);
    dispatch("long", .type = "t", .schedule_to_close_ms = 6);
    take("w1");
    at(100);
    whatever();
    drain_worker("w1");
    worker("w2", .capacity = 2);
    dispatch("slow", .start_to_close_ms = 20);
    dispatch("mute", .heartbeat_ms = 10);
    take("w2");
    take("w2");
    at(200);
    whatever();
    on(DEAD);
    read_letters();
    then("200 letter start timed_out:schedule_to_start", "200 letter long timed_out:schedule_to_close",
         "200 letter never timed_out:schedule_to_start", "200 never#1 w1 of host schedule_to_start 0",
         "200 letter close timed_out:schedule_to_close", "200 close#1 w1 of host schedule_to_close 30",
         "200 letter mute timed_out:heartbeat", "200 mute#1 w2 of host heartbeat 10",
         "200 letter slow timed_out:start_to_close", "200 slow#1 w2 of host start_to_close 20");
}

spec(other_outcomes_leave_no_letter)
{
    channel(DEAD);
    channel("dispatch.media.resize", .dead_letter = DEAD, .queue_full = WEFT_SHED_LOWEST, .depth_max = 1);
    worker("w1", .capacity = 2);
    dispatch("done");
    dispatch("failed");
    dispatch("shed", .priority = WEFT_PRIORITY_LOW);
    dispatch("cancelled");
    take_up_to(2, "w1");
    complete("done#1");
    fail_with("failed#1", "no_such_file");
    cancel("cancelled");
    on(DEAD);
    check_eq(channel_now().letters, 0);
    check_eq(stats_now().dead_lettered, 0);
    whatever();
}

spec(attempt_that_was_never_begun_is_not_in_the_history)
{
    channel(DEAD);
    channel("dispatch.media.resize", .dead_letter = DEAD, .on_crash = WEFT_CRASH_REDISPATCH, .attempts_max = 2);
    group("g", 2);
    session("s1");
    worker("w1", .of = "s1", .group = "g", .capacity = 2);
    dispatch("a");
    dispatch("b");
    take_up_to(2, "g");
    fire_of("s1", WEFT_CAUSE_DECLARED, 1);
    give_back("b#1"); /* in the batch behind a#1, whose handler still runs */
    worker("w2");
    take("w2");
    abandon("b#1");
    take("w2");
    whatever();
    abandon("b#2");
    on(DEAD);
    whatever();
    fetch_letter("b");
    then("0 letter b worker_died:abandoned", "0 b#1 w2 of host abandoned 0", "0 b#2 w2 of host abandoned 0");
    return_from("a#1");
    whatever();
}

spec(time_that_runs_out_between_two_attempts_leaves_the_history_of_the_first)
{
    channel(DEAD);
    channel("dispatch.media.resize", .dead_letter = DEAD, .on_crash = WEFT_CRASH_REDISPATCH);
    session("s1");
    worker("w1", .of = "s1");
    dispatch("a", .schedule_to_close_ms = 50);
    take("w1");
    at(10);
    fire("s1");
    whatever();
    at(50);
    then("50 a timed_out:schedule_to_close by w1 #1");
    on(DEAD);
    read_letters();
    then("50 letter a timed_out:schedule_to_close", "50 a#1 w1 of s1 worker_died 10");
}

spec(payload_of_a_letter_is_the_very_one_at_the_limit_of_the_channel)
{
    channel(DEAD, .payload_bytes_max = 1);
    channel("dispatch.media.resize", .dead_letter = DEAD, .payload_bytes_max = 200000);
    dispatch("a", .bytes = 200000, .schedule_to_start_ms = 5);
    at(5);
    whatever();
    struct core_letter_view view;
    check_ok(weft__core_letter_fetch(world.core, DEAD, 0, &view));
    check_eq(view.letter.payload.size, 200000);
    const char *bytes = view.letter.payload.data;
    for (size_t i = 0; i < 200000; i++)
        if (bytes[i] != 'x') check_eq(bytes[i], 'x');
    weft__message_drop(view.payload);
}

spec(death_needs_no_memory)
{
    media();
    session("s1");
    worker("w1", .of = "s1");
    dispatch("a");
    take("w1");
    whatever();
    failmem_fail_from(&world.failmem, 1);
    fire("s1");
    then("0 a worker_died:worker_died by w1 #1");
    on(DEAD);
    check_eq(channel_now().letters, 1);
}

/* --- room ------------------------------------------------------------------------------------- */

spec(full_channel_drops_its_oldest_letters)
{
    channel(DEAD, .depth_max = 2);
    channel("dispatch.media.resize", .dead_letter = DEAD);
    dies("a", "s1");
    dies("b", "s2");
    dies("c", "s3");
    on(DEAD);
    read_letters();
    then("0 letter b worker_died:worker_died", "0 b#1 s2 of s2 worker_died 0", "0 letter c worker_died:worker_died",
         "0 c#1 s3 of s3 worker_died 0");
    check_eq(channel_now().letters, 2);
    check_eq(channel_now().letters_dropped, 1);
    check_eq(stats_now().letters_dropped, 1);
    check_eq(stats_now().dead_lettered, 3);
}

spec(large_letter_drops_as_many_as_it_needs_by_steps)
{
    channel(DEAD, .depth_max = 1000, .bytes_max = 150000);
    channel("dispatch.media.resize", .dead_letter = DEAD);
    for (int i = 0; i < 300; i++)
        dispatch(numbered("a", i), .schedule_to_start_ms = 5);
    at(5);
    whatever();
    on(DEAD);
    check_eq(channel_now().letters, 300);
    stop_steps();
    on("dispatch.media.resize");
    dispatch("big", .bytes = 140000, .schedule_to_start_ms = 5);
    at(10);
    on(DEAD);
    check_true(channel_now().letters_bytes > 150000);
    check_true(channel_now().letters > 256);
    check_true(step());
    run_steps();
    check_true(channel_now().letters_bytes <= 150000);
    check_true(letter_id("big") != 0);
    check_eq(channel_now().letters + channel_now().letters_dropped, 301);
    whatever();
}

spec(letter_that_can_never_fit_is_dropped)
{
    channel(DEAD, .bytes_max = 2000);
    channel("dispatch.media.resize", .dead_letter = DEAD);
    dispatch("a", .schedule_to_start_ms = 5);
    dispatch("b", .bytes = 2000, .schedule_to_start_ms = 5);
    at(5);
    then("0 a waits", "0 b waits", "5 a timed_out:schedule_to_start #0", "5 b timed_out:schedule_to_start #0");
    check_eq(channel_now().dead_lettered, 1);
    on(DEAD);
    check_eq(channel_now().letters, 1);
    check_eq(channel_now().letters_dropped, 1);
}

spec(channel_of_depth_0_keeps_no_letter)
{
    channel(DEAD, .depth_max = 0);
    channel("dispatch.media.resize", .dead_letter = DEAD);
    dispatch("a", .schedule_to_start_ms = 5);
    at(5);
    whatever();
    on(DEAD);
    check_eq(channel_now().letters, 0);
    check_eq(channel_now().letters_dropped, 1);
}

spec(no_worker_of_the_dead_letter_channel_gets_a_letter)
{
    media();
    worker("w1", .on = DEAD);
    dies("a", "s1");
    worker("w2", .on = DEAD);
    nothing_happens();
    on(DEAD);
    check_eq(channel_now().queued, 0);
    check_eq(channel_now().letters, 1);
}

/* --- looking and fetching --------------------------------------------------------------------- */

spec(letters_are_fetched_by_their_id_or_oldest_first)
{
    media();
    dies("a", "s1");
    dies("b", "s2");
    dies("c", "s3");
    on(DEAD);
    check_true(letter_id("a") < letter_id("b") && letter_id("b") < letter_id("c"));
    fetch_letter("b");
    whatever();
    gives(WEFT_ENOTFOUND, fetch_letter("b"));
    fetch_letter("");
    then("0 letter a worker_died:worker_died", "0 a#1 s1 of s1 worker_died 0");
    fetch_letter("");
    whatever();
    gives(WEFT_ENOTFOUND, fetch_letter(""));
    on("dispatch.media.resize");
    gives(WEFT_ENOTFOUND, fetch_letter(""));
    on("dispatch.media.nowhere");
    gives(WEFT_ENOCHANNEL, fetch_letter(""));
    gives(WEFT_ENOCHANNEL, read_letters());
}

spec(id_of_a_fetched_letter_is_not_found_once_its_slot_has_another)
{
    media();
    dies("a", "s1");
    on(DEAD);
    uint64_t id = letter_id("a");
    fetch_letter("a");
    for (int i = 0; i < 40; i++) { /* round the slots of the map */
        on("dispatch.media.resize");
        dies(numbered("b", i), numbered("p", i));
        on(DEAD);
        fetch_letter("");
    }
    whatever();
    struct core_letter_view view;
    check_err(weft__core_letter_fetch(world.core, DEAD, id, &view), WEFT_ENOTFOUND);
}

spec(walk_goes_on_while_letters_come_and_go)
{
    media();
    dies("a", "s1");
    dies("b", "s2");
    dies("c", "s3");
    struct core_letter_walk walk, other;
    struct core_letter_view view;
    check_ok(weft__core_letters_begin(world.core, DEAD, &walk));
    check_true(weft__core_letters_next(&walk, &view));
    weft__message_drop(view.payload);
    check_ok(weft__core_letters_begin(world.core, DEAD, &other));
    check_true(weft__core_letters_next(&other, &view));
    weft__message_drop(view.payload);
    on(DEAD);
    fetch_letter("a"); /* where both walks stand */
    fetch_letter("b"); /* where they would go next */
    on("dispatch.media.resize");
    dies("d", "s4"); /* after they began */
    check_true(weft__core_letters_next(&walk, &view));
    check_eq(view.letter.dispatch.number, id_of("c").number);
    weft__message_drop(view.payload);
    check_true(!weft__core_letters_next(&walk, &view));
    check_true(!weft__core_letters_next(&walk, &view));
    weft__core_letters_end(&other);
}

/* --- putting back ----------------------------------------------------------------------------- */

spec(letter_that_is_put_back_is_dispatched_again_and_completes)
{
    media();
    dies("a", "s1");
    worker("w2");
    on(DEAD);
    put_back("a", "a2");
    then("0 a2#1 to w2");
    check_eq(channel_now().letters, 0);
    take("w2");
    complete("a2#1");
    fetch("a2");
    then("0 w2 takes a2#1", "0 a2 completed by w2 #1");
}

spec(put_back_keeps_payload_type_priority_and_policy)
{
    channel(DEAD);
    channel("dispatch.media.resize", .dead_letter = DEAD, .start_to_close_ms = 40);
    session("s1");
    worker("w1", .of = "s1");
    dispatch("a", .type = "thumb", .priority = WEFT_PRIORITY_HIGH, .on_crash = WEFT_CRASH_REDISPATCH, .attempts_max = 2,
             .start_to_close_ms = 10, .bytes = 77);
    take("w1");
    at(10);
    fire("s1");
    whatever();
    on(DEAD);
    put_back("", "a2");
    then("10 a2 waits");
    on("dispatch.media.resize");
    check_eq(channel_now().queued_by_priority[WEFT_PRIORITY_HIGH - 1], 1);
    session("s2");
    worker("w2", .of = "s2", .types = {"other"});
    nothing_happens();
    worker("w3", .of = "s2", .types = {"thumb"});
    take("w3");
    then("10 a2#1 to w3", "10 w3 takes a2#1");
    check_eq(task_named("a2#1")->payload->size_bytes, 77);
    fire("s2");
    worker("w4");
    take("w4");
    then("10 a2#2 to w4", "10 w4 takes a2#2");
    at(50); /* the channel's time, not the dispatch's own */
    fetch("a2");
    then("50 a2 timed_out:start_to_close by w4 #2");
    on(DEAD);
    read_letters();
    then("50 letter a2 timed_out:start_to_close", "50 a2#1 w3 of s2 worker_died 0",
         "50 a2#2 w4 of host start_to_close 40");
    acknowledge("a2#2");
}

spec(letter_stays_where_putting_it_back_is_rejected)
{
    channel(DEAD);
    channel("dispatch.media.resize", .dead_letter = DEAD, .depth_max = 1);
    dies("a", "s1");
    dispatch("b");
    whatever();
    on(DEAD);
    gives(WEFT_EREJECTED, put_back("a", "a2"));
    then("0 a2 rejected:queue_full 100");
    check_eq(channel_now().letters, 1);
    cancel("b");
    put_back("a", "a3");
    then("0 b cancelled:cancelled #0", "0 a3 waits");
    check_eq(channel_now().letters, 0);
    gives(WEFT_ENOTFOUND, put_back("a", "a4"));
}

spec(letter_of_a_deleted_channel_can_be_read_and_put_back_once_that_is_there_again)
{
    media();
    dies("a", "s1");
    delete_channel();
    on(DEAD);
    gives(WEFT_ENOCHANNEL, put_back("a", "a2"));
    read_letters();
    then("0 letter a worker_died:worker_died", "0 a#1 s1 of s1 worker_died 0");
    channel("dispatch.media.resize");
    on(DEAD);
    put_back("a", "a3");
    then("0 a3 waits");
}

/* --- which channel ---------------------------------------------------------------------------- */

spec(dead_letter_channel_is_declared_before)
{
    gives(WEFT_ENOCHANNEL, channel("dispatch.media.resize", .dead_letter = DEAD));
    check_str(world.message, "dispatch.media.resize: its dead-letter channel " DEAD " is not declared");
    gives(WEFT_ENOCHANNEL, channel("dispatch.media.resize", .dead_letter = "dispatch.media.resize"));
    gives(WEFT_EINVAL, channel("dispatch.media.resize", .dead_letter = "dead"));
    channel("event.media.dead");
    gives(WEFT_EINVAL, channel("dispatch.media.resize", .dead_letter = "event.media.dead"));
    channel(DEAD);
    gives(WEFT_EINVAL, channel("event.media.resize", .dead_letter = DEAD));
}

spec(dead_letter_is_compared_as_text_when_declared_again)
{
    media();
    char same[] = DEAD;
    channel("dispatch.media.resize", .dead_letter = same);
    gives(WEFT_EDIFFERS, channel("dispatch.media.resize"));
    check_str(world.message, "dispatch.media.resize: dead_letter is " DEAD ", and was declared again as none");
    gives(WEFT_EDIFFERS, channel("dispatch.media.resize", .dead_letter = DEAD, .dedup_ms = 7));
}

spec(template_names_a_dead_letter_channel_that_is_looked_up_when_a_channel_is_made)
{
    char name[] = DEAD;
    template("dispatch.media.*", .dead_letter = name);
    name[0] = 'x'; /* it was copied */
    on("dispatch.media.resize");
    gives(WEFT_ENOCHANNEL, worker("w1"));
    channel(DEAD);
    on("dispatch.media.resize");
    worker("w1");
    dispatch("a", .type = "t", .schedule_to_start_ms = 5);
    at(5);
    whatever();
    on(DEAD);
    check_eq(channel_now().letters, 1);
    template("dispatch.media.*", .dead_letter = DEAD);
    gives(WEFT_EDIFFERS, template("dispatch.media.*"));
}

spec(channel_that_keeps_letters_is_not_deleted)
{
    media();
    dies("a", "s1");
    on(DEAD);
    gives(WEFT_EBUSY, delete_channel());
    check_str(world.message, DEAD ": it is the dead-letter channel of 1 others: delete them first");
    on("dispatch.media.resize");
    delete_channel();
    on(DEAD);
    gives(WEFT_EBUSY, delete_channel());
    check_str(world.message, DEAD ": 1 dead letters stand there: fetch them, or put them back");
    fetch_letter("a");
    whatever();
    delete_channel();
}

spec(walk_over_a_channel_that_is_deleted_ends)
{
    media();
    dies("a", "s1");
    delete_channel();
    struct core_letter_walk walk;
    struct core_letter_view view;
    check_ok(weft__core_letters_begin(world.core, DEAD, &walk));
    on(DEAD);
    fetch_letter("a");
    whatever();
    delete_channel();
    check_true(!weft__core_letters_next(&walk, &view));
    weft__core_letters_end(&walk);
}

spec(draining_channel_still_keeps_letters)
{
    media();
    on(DEAD);
    drain_channel("x");
    on("dispatch.media.resize");
    dies("a", "s1");
    on(DEAD);
    check_eq(channel_now().state, WEFT_CHANNEL_DRAINED);
    check_eq(channel_now().letters, 1);
}

spec(attempt_whose_handler_was_not_entered_has_not_run)
{
    channel(DEAD);
    channel("dispatch.media.resize", .dead_letter = DEAD, .schedule_to_close_ms = 20);
    group("g", 2);
    worker("w1", .group = "g", .capacity = 2);
    dispatch("x");
    dispatch("a");
    take_up_to(2, "g");
    at(20);
    whatever();
    on(DEAD);
    fetch_letter("x");
    fetch_letter("a");
    then("20 letter x timed_out:schedule_to_close", "20 x#1 w1 of host schedule_to_close 20",
         "20 letter a timed_out:schedule_to_close", "20 a#1 w1 of host schedule_to_close 0");
    give_back("a#1");
    return_from("x#1");
    whatever();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        promised(exhausted_attempts_leave_a_letter_with_the_history_of_each),
        promised(letter_tells_the_cause_of_each_death),
        promised(each_time_that_runs_out_leaves_a_letter_that_names_it),
        promised(other_outcomes_leave_no_letter),
        promised(attempt_that_was_never_begun_is_not_in_the_history),
        promised(time_that_runs_out_between_two_attempts_leaves_the_history_of_the_first),
        promised(payload_of_a_letter_is_the_very_one_at_the_limit_of_the_channel),
        promised(death_needs_no_memory),
        promised(full_channel_drops_its_oldest_letters),
        promised(large_letter_drops_as_many_as_it_needs_by_steps),
        promised(letter_that_can_never_fit_is_dropped),
        promised(channel_of_depth_0_keeps_no_letter),
        promised(no_worker_of_the_dead_letter_channel_gets_a_letter),
        promised(letters_are_fetched_by_their_id_or_oldest_first),
        promised(id_of_a_fetched_letter_is_not_found_once_its_slot_has_another),
        promised(walk_goes_on_while_letters_come_and_go),
        promised(letter_that_is_put_back_is_dispatched_again_and_completes),
        promised(put_back_keeps_payload_type_priority_and_policy),
        promised(letter_stays_where_putting_it_back_is_rejected),
        promised(letter_of_a_deleted_channel_can_be_read_and_put_back_once_that_is_there_again),
        promised(dead_letter_channel_is_declared_before),
        promised(dead_letter_is_compared_as_text_when_declared_again),
        promised(template_names_a_dead_letter_channel_that_is_looked_up_when_a_channel_is_made),
        promised(channel_that_keeps_letters_is_not_deleted),
        promised(walk_over_a_channel_that_is_deleted_ends),
        promised(draining_channel_still_keeps_letters),
        promised(attempt_whose_handler_was_not_entered_has_not_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
