/* Seeing inside: pages of what there is, how long things took, and what happened.
 *
 *   - a walk meets everything that was there all the time, once, whatever comes and goes between its holds
 *   - no hold looks at more than CORE_HOLD_MAX records
 *   - queues are told by activity type and priority, with the age of their heads
 *   - a worker was seen when it took a task, said something of one, or came
 *   - each dispatch that ended is in the histograms, once
 *   - what happens is noted once, in order; what does not fit is counted and told
 */
#include <stdio.h>
#include <string.h>

#include "lib/fixture.h"
#include "lib/fixture_event.h"

/* --- pages ------------------------------------------------------------------------------------ */

spec(list_tells_channels_queues_and_workers)
{
    channel("dispatch.media.resize");
    channel("dispatch.media.ocr");
    session("s1");
    worker("w1", .on = "dispatch.media.resize", .of = "s1", .types = {"x", "y"}, .capacity = 2);
    worker("w2", .on = "dispatch.media.ocr");
    at(10);
    dispatch("a", .on = "dispatch.media.resize", .type = "x");
    dispatch("b", .on = "dispatch.media.resize");
    dispatch("c", .on = "dispatch.media.resize", .priority = WEFT_PRIORITY_LOW);
    dispatch("d", .on = "dispatch.media.resize", .type = "z", .priority = WEFT_PRIORITY_URGENT);
    whatever();
    at(30);
    list("*.*.*");
    then("30 dispatch.media.resize: 1 workers, 3 wait", "30   '': 0 0 1 1, oldest 20 ms",
         "30   'z': 1 0 0 0, oldest 0 ms", "30 dispatch.media.ocr: 1 workers, 0 wait",
         "30   w1 of s1: 1 of 2, seen 30 ms ago", "30     takes x", "30     takes y",
         "30   w2 of host: 0 of 1, seen 30 ms ago");
    list("*.*.none");
    then("30   w1 of s1: 1 of 2, seen 30 ms ago", "30     takes x", "30     takes y",
         "30   w2 of host: 0 of 1, seen 30 ms ago");
}

spec(worker_was_seen_when_it_took_settled_or_beat)
{
    channel("dispatch.media.resize");
    worker("w1", .capacity = 2);
    at(10);
    dispatch("a");
    whatever();
    check_eq(worker_now("w1").last_seen_ns, 10000000);
    take("w1");
    check_eq(worker_now("w1").last_seen_ns, 0);
    at(15);
    check_eq(worker_now("w1").last_seen_ns, 5000000);
    beat("a#1");
    check_eq(worker_now("w1").last_seen_ns, 0);
    at(18);
    complete("a#1");
    check_eq(worker_now("w1").last_seen_ns, 0);
    at(19);
    check_eq(worker_now("w1").last_seen_ns, 1000000);
    whatever();
}

spec(worker_tells_what_its_link_watches)
{
    channel("dispatch.media.resize");
    attach("s1");
    weft__core_session_link(world.core, handle_of("s1"), WEFT_LINK_PROCESS, 4711);
    attach_declared("s2");
    worker("w1", .of = "s1");
    worker("w2", .of = "s2");
    worker("w3");
    check_eq(worker_now("w1").link, WEFT_LINK_PROCESS);
    check_eq(worker_now("w1").watched, 4711);
    check_eq(worker_now("w2").link, WEFT_LINK_DECLARED);
    check_eq(worker_now("w3").link, WEFT_LINK_NODE);
    check_eq(worker_now("w3").watched, 0);
}

/* An ended worker is told of as long as a handler of it runs; then it has no channel any more. */
spec(ended_workers_are_listed_while_something_of_theirs_runs)
{
    channel("dispatch.media.resize");
    session("s1");
    worker("w1", .of = "s1", .handled = true);
    dispatch("a");
    take("w1");
    fire("s1");
    whatever();
    list("*.*.none");
    then("0   w1 of s1: 1 of 1, seen 0 ms ago");
    check_eq(worker_now("w1").state, WEFT_WORKER_DEAD);
    return_from("a#1");
    list("*.*.none");
    nothing_happens();
}

/* Between two pages half of the workers go and others come. */
spec(walk_meets_who_was_there_all_the_time_once)
{
    enum { WORKERS = 300 };
    bool met[WORKERS] = {false};
    struct core_worker_row rows[16];
    char bytes[WEFT_ACTIVITY_TYPES_MAX * (WEFT_NAME_MAX + 1)];
    struct core_text text = {.bytes = bytes, .room = sizeof(bytes)};
    uint64_t cursor = 0;
    size_t count;
    channel("dispatch.media.resize");
    for (int i = 0; i < WORKERS; i++)
        worker(numbered("w", i));
    for (int round = 0; weft__core_workers_next(world.core, world_now_ns(), &cursor, rows, 16, &count, &text);
         round++) {
        check_true(count <= 16);
        for (size_t i = 0; i < count; i++) {
            int number;
            if (sscanf(rows[i].info.name, "w%d", &number) != 1) continue;
            check_true(!met[number]);
            met[number] = true;
        }
        int gone = 2 * round + 1; /* an odd one; its slot is another's next time */
        if (gone < WORKERS) {
            unregister(numbered("w", gone));
            forget(numbered("w", gone));
            worker(numbered("new", round));
        }
    }
    for (int i = 0; i < WORKERS; i += 2)
        check_true(met[i]);
}

spec(hold_looks_at_no_more_than_it_may)
{
    static struct core_queue_row queues[2000];
    static struct core_worker_row rows[2000];
    static char bytes[1 << 18];
    struct core_text text = {.bytes = bytes, .room = sizeof(bytes)};
    static struct core_channel_row row = {.queues = queues, .queues_max = 2000};
    static const char *const types[WEFT_ACTIVITY_TYPES_MAX] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k",
                                                               "l", "m", "n", "o", "p", "q", "r", "s", "t", "u", "v"};
    uint64_t cursor = 0;
    size_t count;
    channel("dispatch.media.resize");
    for (int i = 0; i < 1000; i++)
        dispatch("a", .type = numbered("type", i));
    whatever();
    check_true(weft__core_channels_next(world.core, world_now_ns(), "*.*.*", &cursor, &row));
    check_true(row.more_queues && row.queues_count > 0 && row.queues_count <= CORE_HOLD_MAX);
    size_t met = row.queues_count;
    while (row.more_queues) {
        check_true(weft__core_queues_next(world.core, world_now_ns(), &row));
        check_true(row.queues_count > 0 && row.queues_count <= CORE_HOLD_MAX);
        met += row.queues_count;
    }
    check_eq(met, 1000);

    channel("dispatch.media.other");
    for (int i = 0; i < 40; i++) {
        struct hired hired = {.on = NULL};
        memcpy(hired.types, types, sizeof(types));
        world_worker(numbered("w", i), &hired);
    }
    cursor = 0;
    check_true(weft__core_workers_next(world.core, world_now_ns(), &cursor, rows, 2000, &count, &text));
    check_eq(count, CORE_HOLD_MAX / 23); /* itself and 22 memberships */
}

/* The type behind which the next page begins may be gone: whoever lists begins that channel again. */
spec(queues_go_on_behind_a_type_or_say_that_it_is_gone)
{
    struct core_queue_row queues[2];
    static struct core_channel_row row;
    row.queues = queues;
    row.queues_max = 2;
    uint64_t cursor = 0;
    channel("dispatch.media.resize");
    for (int i = 0; i < 5; i++)
        dispatch(numbered("a", i), .type = numbered("t", i));
    whatever();
    check_true(weft__core_channels_next(world.core, world_now_ns(), "*.*.*", &cursor, &row));
    check_str(row.queues[1].activity_type, "t1");
    cancel("a1");
    check_true(!weft__core_queues_next(world.core, world_now_ns(), &row));
    check_ok(weft__core_channel_row(world.core, world_now_ns(), row.handle, &row));
    check_str(row.queues[1].activity_type, "t2");
    cancel("a3");
    check_true(weft__core_queues_next(world.core, world_now_ns(), &row));
    check_eq(row.queues_count, 1);
    check_str(row.queues[0].activity_type, "t4");
    check_true(!row.more_queues);
    for (int i = 0; i < 5; i += 2)
        cancel(numbered("a", i));
    whatever();
    delete_channel();
    check_err(weft__core_channel_row(world.core, world_now_ns(), row.handle, &row), WEFT_ENOTFOUND);
    check_true(!weft__core_queues_next(world.core, world_now_ns(), &row));
}

/* --- how long --------------------------------------------------------------------------------- */

static uint64_t sum(const uint64_t *buckets)
{
    uint64_t all = 0;
    for (int i = 0; i < WEFT_LATENCY_BUCKETS; i++)
        all += buckets[i];
    return all;
}

static unsigned log2_of_ms(unsigned ms)
{
    return 63 - (unsigned)__builtin_clzll(ms * 1000000ULL);
}

spec(latency_counts_waits_and_runs_by_powers_of_two)
{
    channel("dispatch.media.resize");
    worker("w1");
    dispatch("a");
    dispatch("b");
    take("w1");
    at(3);
    complete("a#1");
    take("w1");
    at(8);
    fail_with("b#1", "no");
    whatever();
    weft_latency latency = latency_now();
    check_eq(latency.queue[0], 1); /* a: not at all */
    check_eq(latency.queue[log2_of_ms(3)], 1);
    check_eq(latency.run[log2_of_ms(3)], 1);
    check_eq(latency.run[log2_of_ms(5)], 1);
    check_eq(sum(latency.queue), 2);
    check_eq(sum(latency.run), 2);
}

spec(latency_counts_each_that_has_ended_and_runs_of_those_that_completed_or_failed)
{
    channel("dispatch.media.resize", .depth_max = 3, .queue_full = WEFT_SHED_LOWEST);
    check_eq(sum(latency_now().queue), 0);
    dispatch("late", .schedule_to_start_ms = 5);
    dispatch("low", .priority = WEFT_PRIORITY_LOW);
    dispatch("cancelled");
    dispatch("sheds");
    cancel("cancelled");
    at(5);
    session("s1");
    worker("w1", .of = "s1");
    take("w1");
    fire("s1");
    dispatch("rejected", .no_worker = WEFT_NO_WORKER_REJECT);
    weft_channel_info info = channel_now();
    check_eq(info.timed_out + info.cancelled + info.worker_died + info.shed, 4);
    check_eq(sum(latency_now().queue), 4);
    check_eq(sum(latency_now().run), 0);
    whatever();
}

spec(latency_beyond_the_last_bucket_is_in_it)
{
    channel("dispatch.media.resize");
    dispatch("a");
    at(20 * 60 * 1000);
    cancel("a");
    whatever();
    check_eq(latency_now().queue[WEFT_LATENCY_BUCKETS - 1], 1);
}

/* --- what happened ---------------------------------------------------------------------------- */

spec(what_happens_is_noted_in_order)
{
    open_notes();
    channel("dispatch.media.resize");
    session("s1");
    worker("w1", .of = "s1", .capacity = 2);
    worker("w2");
    dispatch("a");
    dispatch("b");
    take("w1");
    fire_of("s1", WEFT_CAUSE_SIGNALED, 9);
    take("w2");
    complete("b#1");
    unregister("w2");
    whatever();
    what_happened();
    then("0 noted channel_declared dispatch.media.resize 0", "0 noted registered dispatch.media.resize w1, s1 0",
         "0 noted registered dispatch.media.resize w2, host 0", "0 noted died, s1, signal 9 (Killed) 0",
         "0 noted lost dispatch.media.resize w1, s1, signal 9 (Killed) 1",
         "0 noted unregistered dispatch.media.resize w2, host 0");
}

spec(states_of_a_channel_are_noted_when_they_change)
{
    open_notes();
    channel("dispatch.media.resize");
    channel("dispatch.media.resize");
    pause_channel();
    pause_channel();
    resume_channel();
    resume_channel();
    drain_channel("drainer");
    resume_channel();
    delete_channel();
    what_happened();
    then("0 noted channel_declared dispatch.media.resize 0", "0 noted paused dispatch.media.resize 0",
         "0 noted resumed dispatch.media.resize 0", "0 noted drained dispatch.media.resize 0",
         "0 noted resumed dispatch.media.resize 0", "0 noted channel_deleted dispatch.media.resize 0");
}

spec(a_channel_made_from_a_template_is_noted_and_one_that_was_not_made_is_not)
{
    open_notes();
    template("event.media.*");
    template("dispatch.media.*");
    gives(WEFT_EINVAL, worker("w1", .on = "event.media.done"));
    worker("w1", .on = "dispatch.media.resize");
    what_happened();
    then("0 noted channel_declared dispatch.media.resize 0", "0 noted registered dispatch.media.resize w1, host 0");
}

spec(degraded_and_recovered_are_noted_once_each)
{
    channel("dispatch.media.resize");
    open_notes();
    dispatch("a");
    dispatch("b");
    worker("w1");
    what_happened();
    then("0 a waits", "0 b waits", "0 a#1 to w1", "0 noted degraded dispatch.media.resize 0",
         "0 noted registered dispatch.media.resize w1, host 0", "0 noted recovered dispatch.media.resize 0");
    unregister("w1");
    cancel("a");
    cancel("b");
    whatever();
    what_happened();
    then("0 noted unregistered dispatch.media.resize w1, host 1", "0 noted degraded dispatch.media.resize 0",
         "0 noted recovered dispatch.media.resize 0");
}

/* Once; and again when the queue was half empty in between: a queue that is filled up again with each place that becomes
 * free is full all the time. */
spec(full_is_noted_once_until_there_was_room)
{
    channel("dispatch.media.resize", .depth_max = 4);
    open_notes();
    for (int i = 0; i < 7; i++)
        dispatch(numbered("a", i));
    cancel("a0");
    dispatch("b0");
    dispatch("b1");
    whatever();
    what_happened();
    then("0 noted degraded dispatch.media.resize 0", "0 noted full dispatch.media.resize 0");
    for (int i = 1; i < 4; i++)
        cancel(numbered("a", i));
    for (int i = 0; i < 4; i++)
        dispatch(numbered("c", i));
    whatever();
    what_happened();
    then("0 noted full dispatch.media.resize 0");
}

spec(shedding_is_noted_as_full)
{
    channel("dispatch.media.resize", .depth_max = 1, .queue_full = WEFT_SHED_LOWEST);
    worker("w1");
    open_notes();
    dispatch("a");
    dispatch("b");
    dispatch("c", .priority = WEFT_PRIORITY_URGENT);
    whatever();
    what_happened();
    then("0 noted full dispatch.media.resize 0");
}

spec(a_subscriber_that_is_cut_off_is_noted_and_so_is_an_event_channel_made_from_a_template)
{
    open_notes();
    template("event.media.*");
    session("s1");
    subscribe("s", .to = "event.media.done", .of = "s1", .slow = WEFT_DISCONNECT, .items_max = 1, .stall_ms = 50);
    publish("a", .on = "event.media.done");
    publish("b", .on = "event.media.other");
    at(50);
    publish("c", .on = "event.media.done");
    whatever();
    what_happened();
    then("50 noted channel_declared event.media.done 0", "50 noted channel_declared event.media.other 0",
         "50 noted cut event.media.done, s1 0");
}

spec(notes_that_do_not_fit_are_counted_and_told_in_their_place)
{
    open_notes();
    channel("dispatch.media.resize");
    for (int i = 0; i < CORE_NOTES_MAX / 2; i++) {
        pause_channel();
        resume_channel();
    }
    pause_channel(); /* 1 + 1024 + 1: two too many */
    struct core_note taken;
    struct core_dest *dest = world.core->notes->dest;
    for (int i = 0; i < 2; i++)
        weft__core_note_take(world.core, &taken);
    channel("dispatch.media.later");
    check_eq(dest->items_count, 1);
    for (int i = 2; i < CORE_NOTES_MAX; i++) {
        weft__core_note_take(world.core, &taken);
        check_eq(taken.kind, i % 2 ? WEFT_NODE_PAUSED : WEFT_NODE_RESUMED);
    }
    what_happened();
    then("0 noted missed 2", "0 noted channel_declared dispatch.media.later 0");
    for (int i = 0; i < CORE_NOTES_MAX + 5; i++)
        i % 2 ? pause_channel() : resume_channel();
    whatever();
    uint64_t told = 0;
    for (; dest->items_count > 0; told++)
        weft__core_note_take(world.core, &taken);
    check_eq(told, CORE_NOTES_MAX + 1);
    check_eq(taken.kind, WEFT_NODE_MISSED); /* also where nothing comes behind it */
    check_eq(taken.count, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        promised(list_tells_channels_queues_and_workers),
        promised(worker_was_seen_when_it_took_settled_or_beat),
        promised(worker_tells_what_its_link_watches),
        promised(ended_workers_are_listed_while_something_of_theirs_runs),
        promised(walk_meets_who_was_there_all_the_time_once),
        promised(hold_looks_at_no_more_than_it_may),
        promised(queues_go_on_behind_a_type_or_say_that_it_is_gone),
        promised(latency_counts_waits_and_runs_by_powers_of_two),
        promised(latency_counts_each_that_has_ended_and_runs_of_those_that_completed_or_failed),
        promised(latency_beyond_the_last_bucket_is_in_it),
        promised(what_happens_is_noted_in_order),
        promised(states_of_a_channel_are_noted_when_they_change),
        promised(a_channel_made_from_a_template_is_noted_and_one_that_was_not_made_is_not),
        promised(degraded_and_recovered_are_noted_once_each),
        promised(full_is_noted_once_until_there_was_room),
        promised(shedding_is_noted_as_full),
        promised(a_subscriber_that_is_cut_off_is_noted_and_so_is_an_event_channel_made_from_a_template),
        promised(notes_that_do_not_fit_are_counted_and_told_in_their_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
