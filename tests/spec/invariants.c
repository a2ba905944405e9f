/* The invariants of docs/architecture.md that hold inside one core, each by a test of its own that fails without it:
 *
 *    1  armed before eligible                             invariant_01_armed_before_eligible
 *    2  no selection after the link has fired             invariant_02_no_selection_after_the_link_fired
 *    3  one outcome for each dispatch                     invariant_03_one_outcome_whatever_races
 *    4  0 <= in flight <= capacity                        invariant_04_in_flight_is_what_is_not_released
 *    5  everything is bounded; refusals are told          invariant_05_what_is_full_refuses_with_a_code_and_counts
 *    6  what does not match reaches nobody               invariant_06_what_has_met_another_contract_reaches_nobody
 *    7  a dead caller's tasks are cancelled               invariant_07_dead_callers_work_is_cancelled_unless_detached
 *    8  first in, first out, by arrival                   invariant_08_order_of_arrival_survives_every_way_back
 *    9  no silent retry                                   invariant_09_no_attempt_without_being_asked_and_told
 *   11  nothing is left                                   invariant_11_nothing_is_left
 *   12  nothing the world does stops the process          invariant_12_whatever_comes_is_answered_with_a_code
 *   13  payloads are never rewritten                      invariant_13_payload_and_result_are_handed_on_untouched
 *   14  effects of one destination keep their order       invariant_14_one_destination_one_order
 *
 * 10 (grants) is not the core's, and of 6 only that no payload comes in that has not met its channel's contract. What
 * concerns several threads or processes in 3, 5, 11 and 12 is tested in tests/e2e. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "lib/audit.h"
#include "lib/fixture_contract.h"
#include "lib/fixture_event.h"

static const weft_policy policies[] = {WEFT_ROUND_ROBIN, WEFT_LEAST_LOADED, WEFT_STICKY};

/* The world begins anew: one test looks at several. */
static void next_world(void)
{
    whatever();
    check_eq(world_close(NULL), 0);
    check_eq(world_open(NULL), 0);
}

/* --- 1 ---------------------------------------------------------------------------------------- */

/* Whatever makes the core look for a worker finds none before the link is armed. */
spec(invariant_01_armed_before_eligible)
{
    for (int i = 0; i < 6; i++) {
        channel("dispatch.media.resize", .policy = policies[i % 3], .schedule_to_start_ms = 10000);
        group("g", 4);
        attach("s1");
        if (i < 3)
            worker("w1", .of = "s1", .capacity = 4);
        else
            worker("w1", .of = "s1", .capacity = 4, .group = "g", .types = {"x"});
        dispatch("a", .type = "x");
        pause_channel();
        resume_channel();
        limit_group("g", 8);
        worker("other", .types = {"y"});
        dispatch("b", .type = "x");
        cancel("b");
        at(5);
        then("0 a waits", "0 b waits", "0 b cancelled:cancelled #0");
        check_eq(channel_now().workers_eligible, 1);
        arm("s1");
        then("5 a#1 to w1");

        attach("s2");
        worker("w2", .of = "s2");
        fire("s2");
        gives(WEFT_EDEAD, arm("s2"));
        unregister("w1");
        then("5 a#1 back from w1");
        next_world();
    }
}

/* --- 2 ---------------------------------------------------------------------------------------- */

/* The link has fired and none of it is worked off: whatever makes the core look for a worker passes over the dead. */
spec(invariant_02_no_selection_after_the_link_fired)
{
    for (int i = 0; i < 6; i++) {
        channel("dispatch.media.resize", .policy = policies[i % 3], .on_crash = WEFT_CRASH_REDISPATCH,
                .redispatch_wait_ms = 20);
        group("g", 1);
        session("s1");
        worker("alive");
        dispatch("busy");
        take("alive");
        if (i < 3)
            worker("dead", .of = "s1", .capacity = 9);
        else
            worker("dead", .of = "s1", .capacity = 9, .group = "g");
        whatever();
        stop_steps();
        fire("s1");
        dispatch("a");
        then("0 a waits");
        limit_group("g", 5);
        pause_channel();
        resume_channel();
        while (step())
            ;
        nothing_happens();
        abandon("busy#1");
        then("0 a#1 to alive");
        at(50);
        take("alive");
        complete("a#1");
        then("50 alive takes a#1", "50 a completed by alive #1", "50 busy#2 to alive");
        run_steps();
        worker("w2");
        dispatch("b");
        then("50 b#1 to w2");
        check_eq(worker_now("dead").in_flight, 0);
        next_world();
    }
}

/* --- 3 ---------------------------------------------------------------------------------------- */

/* Ways in which a dispatch "a" may end, brought in whatever its state. They use what is there. */

static void by_completing(void)
{
    if (holds("a#1")) maybe(complete("a#1"));
}

static void by_failing(void)
{
    if (holds("a#1")) maybe(fail_with("a#1", "no"));
}

static void by_acknowledging(void)
{
    if (holds("a#1")) maybe(acknowledge("a#1"));
}

static void by_abandoning(void)
{
    if (holds("a#1")) maybe(abandon("a#1"));
}

static void by_cancelling(void)
{
    maybe(cancel("a"));
}

static void by_death_of_the_worker(void)
{
    maybe(fire("s1"));
}

static void by_death_of_the_caller(void)
{
    maybe(fire("caller"));
}

static void by_unregistering(void)
{
    unregister("w1");
}

static void by_time(void)
{
    at(100);
}

static void by_end_of_the_node(void)
{
    close_node();
    settle_all();
}

static void by_taking(void)
{
    maybe(take("w1"));
}

static void (*const ways[])(void) = {
    by_completing,          by_failing, by_acknowledging,   by_abandoning,    by_cancelling, by_death_of_the_worker,
    by_death_of_the_caller, by_time,    by_end_of_the_node, by_unregistering, by_taking};
enum { WAYS = sizeof(ways) / sizeof(*ways) };

/* How far the dispatch has come before they race. */
enum stage { WAITING, ASSIGNED, TAKEN, STAGES };

struct course {
    enum stage stage;
    bool handled, again, detached, late_steps;
};

static void run_course(struct course course, const int *race)
{
    channel("dispatch.media.resize", .on_crash = course.again ? WEFT_CRASH_REDISPATCH : WEFT_CRASH_FAIL,
            .schedule_to_close_ms = 100, .cancel_grace_ms = 10);
    session("s1");
    session("caller");
    worker("w1", .of = "s1", .handled = course.handled);
    if (course.stage == WAITING) pause_channel();
    dispatch("a", .by = "caller", .detached = course.detached);
    if (course.stage == WAITING) stop_steps();
    if (course.stage == WAITING) resume_channel();
    if (course.stage == TAKEN) take("w1");
    if (course.late_steps) stop_steps();
    ways[race[0]]();
    ways[race[1]]();
    run_steps();
    ways[race[2]]();
    by_end_of_the_node();
    for (int attempt = 1; attempt <= 3; attempt++)
        if (holds(numbered("a#", attempt))) maybe(acknowledge(numbered("a#", attempt)));
    if (course.detached) maybe(fetch("a"));
}

/* Every order of three of the ways out of every stage, further steps left undone between the first two or not. A second
 * outcome of the dispatch stops the fixture; at the end of the node there must be one. */
spec(invariant_03_one_outcome_whatever_races)
{
    for (int i = 0; i < STAGES * 16; i++) {
        struct course course = {
            .stage = (enum stage)(i / 16), .handled = i & 1, .again = i & 2, .detached = i & 4, .late_steps = i & 8};
        for (int j = 0; j < WAYS * WAYS * WAYS; j++) {
            const int race[] = {j % WAYS, j / WAYS % WAYS, j / WAYS / WAYS};
            if (race[0] == race[1] || race[1] == race[2] || race[0] == race[2]) continue;
            run_course(course, race);
            check_eq(ends_of("a"), 1);
            check_eq(stats_now().dispatches_open, 0);
            check_eq(stats_now().attempts_running, 0);
            next_world();
        }
    }
}

/* --- 4 ---------------------------------------------------------------------------------------- */

static void capacity_is(uint32_t in_flight, uint32_t orphaned)
{
    check_eq(worker_now("w1").in_flight, in_flight);
    check_eq(worker_now("w1").orphaned, orphaned);
    check_eq(channel_now().in_flight, in_flight);
    check_eq(channel_now().orphaned, orphaned);
    check_eq(stats_now().attempts_running, in_flight);
    check_true(worker_now("w1").in_flight <= worker_now("w1").max_concurrent);
}

/* One way after the other in which an attempt begins and is released; between its two ends it is orphaned, and counts. */
spec(invariant_04_in_flight_is_what_is_not_released)
{
    channel("dispatch.media.resize", .cancel_grace_ms = 10);
    group("g", 8);
    worker("w1", .group = "g", .capacity = 2);
    for (int i = 0; i < 5; i++)
        dispatch(numbered("a", i));
    capacity_is(2, 0);
    check_eq(channel_now().queued, 3);
    take_up_to(2, "g");
    capacity_is(2, 0);
    complete_inside("a0#1");
    capacity_is(2, 1);
    return_from("a0#1");
    capacity_is(2, 0);
    keep("a1#1");
    capacity_is(2, 0);
    fail_with("a1#1", "no");
    capacity_is(2, 0);
    take_up_to(2, "g");
    cancel("a2");
    at(10);
    capacity_is(2, 1);
    gives(WEFT_ESTALE, complete("a2#1"));
    capacity_is(2, 0);
    take("g");
    abandon("a3#1");
    acknowledge("a4#1");
    capacity_is(0, 0);
    dispatch("b", .schedule_to_close_ms = 5);
    take("g");
    at(15);
    capacity_is(1, 1);
    acknowledge("b#1");
    capacity_is(0, 0);
    dispatch("c");
    capacity_is(1, 0);
    cancel("c");
    capacity_is(0, 0);
    dispatch("d");
    take("g");
    unregister("w1");
    capacity_is(1, 0);
    complete("d#1");
    capacity_is(0, 0);
    whatever();
}

/* --- 5 ---------------------------------------------------------------------------------------- */

/* Fills each bound, meets its code, and sees the counter and that nothing came in. What has no bound of its own
 * (inboxes, groups, FIFOs of outcomes) cannot grow past those of workers, groups and dispatches: that is looked at,
 * too. */
spec(invariant_05_what_is_full_refuses_with_a_code_and_counts)
{
    world.core->limits =
        (struct core_limits){.channels_max = 2, .workers_max = 2, .sessions_max = 2, .dispatches_max = 6};
    channel("dispatch.media.crop", .bytes_max = charge_of(10));
    channel("dispatch.media.resize", .depth_max = 2);
    gives(WEFT_ELIMIT, channel("dispatch.media.scan"));
    attach("s1");
    gives(WEFT_ELIMIT, attach("s2"));
    group("g", 1);
    worker("w1", .group = "g", .capacity = 9);
    worker("w2", .capacity = 2, .types = {"x"});
    gives(WEFT_ELIMIT, worker("w3"));

    dispatch("a");
    dispatch("b");
    dispatch("c");
    dispatch("d");
    then("0 a#1 to w1", "0 b waits", "0 c waits", "0 d rejected:queue_full 100");
    check_eq(destination("g")->items_count, 1);
    dispatch("x1", .type = "x");
    dispatch("x2", .type = "x");
    dispatch("x3", .type = "x");
    then("0 x1#1 to w2", "0 x2#1 to w2", "0 x3 rejected:queue_full 100");
    check_eq(destination("w2")->items_count, 2);
    check_eq(channel_now().rejected, 2);
    check_eq(channel_now().dispatched, 5);

    on("dispatch.media.crop");
    dispatch("e", .bytes = 11);
    dispatch("f", .bytes = 10);
    then("0 e rejected:queue_full 100", "0 f waits");
    check_eq(channel_now().queued_bytes, charge_of(10));
    world.core->limits.dispatches_max = 7;
    dispatch("h", .bytes = 1);
    then("0 h rejected:queue_full 100");
    world.core->limits.dispatches_max = 6;
    gives(WEFT_ELIMIT, dispatch("g"));
    check_eq(channel_now().rejected, 2);
    check_eq(channel_now().queued, 1);
    check_eq(stats_now().rejected, 4);
    check_eq(stats_now().dispatches_open, 6);
    check_eq(stats_now().channels, 2);
    check_eq(stats_now().workers, 2);
    check_eq(stats_now().participants, 2);
}

/* --- 6 ---------------------------------------------------------------------------------------- */

/* Whatever was looked at before the contract changed is sent back, by every way in, whether or not somebody is free. */
spec(invariant_06_what_has_met_another_contract_reaches_nobody)
{
    schema("task");
    schema("next");
    for (int i = 0; i < 4; i++) {
        channel(numbered("dispatch.media.c", i), .schema = i % 2 ? "task" : NULL, .policy = policies[i % 3]);
        look("before");
        asks(i < 3 ? "next" : NULL);
        uint64_t digest = audit_digest(world.core);
        gives(WEFT_ESTALE, dispatch("a", .seen = "before"));
        gives(WEFT_ESTALE, dispatch("a", .seen = "before", .once = "key"));
        gives(WEFT_ESTALE, dispatch("a", .seen = "before", .priority = WEFT_PRIORITY_URGENT, .waits = true));
        check_eq(audit_digest(world.core), digest);
        worker("w1");
        gives(WEFT_ESTALE, dispatch("a", .seen = "before", .detached = true));
        look("now");
        dispatch("a", .seen = "now");
        then("0 a#1 to w1");
        unregister("w1");
        cancel("a");
        whatever();
    }
    channel("event.media.done", .schema = "task");
    subscribe("s");
    look("before");
    asks("next");
    gives(WEFT_ESTALE, publish("e", .seen = "before"));
    gives(WEFT_EAGAIN, take_events("s"));
    nothing_happens();
}

/* --- 7 ---------------------------------------------------------------------------------------- */

/* In every state, by a death or by being let go of, and whoever else goes on. */
spec(invariant_07_dead_callers_work_is_cancelled_unless_detached)
{
    for (int i = 0; i < 8; i++) {
        channel("dispatch.media.resize", .on_crash = WEFT_CRASH_REDISPATCH);
        attach_declared("caller");
        arm("caller");
        session("s2");
        group("g", 8);
        worker("dying", .of = "s2", .group = "g", .types = {"f"});
        worker("w1", .types = {"r"});
        worker("w2", .types = {"a"});
        dispatch("fenced", .by = "caller", .type = "f");
        take("g");
        fire("s2");
        dispatch("running", .by = "caller", .type = "r");
        take("w1");
        dispatch("assigned", .by = "caller", .type = "a");
        dispatch("waiting", .by = "caller", .type = "w");
        dispatch("detached", .by = "caller", .type = "w", .detached = true);
        dispatch("another's", .type = "w");
        if (i & 1) pause_channel();
        if (i & 2) maybe(drain_channel("x"));
        whatever();
        if (i & 4) fire("caller");
        release("caller");
        then("0 fenced cancelled:caller_died by dying #1", "0 running cancelled:caller_died by w1 #1",
             "0 assigned cancelled:caller_died by w2 #1", "0 waiting cancelled:caller_died #0",
             "0 assigned#1 back from w2", "0 caller disarmed");
        check_true(is_cancelled("running#1"));
        check_eq(stats_now().dispatches_open, 2);
        check_eq(channel_now().cancelled, 4);
        gives(WEFT_EAGAIN, fetch("detached"));
        next_world();
    }
}

/* --- 8 ---------------------------------------------------------------------------------------- */

/* Ten that wait, some of them handed out and come back in every way there is: then they are handed out by arrival. */
spec(invariant_08_order_of_arrival_survives_every_way_back)
{
    char order[32] = "";
    channel("dispatch.media.resize", .on_crash = WEFT_CRASH_REDISPATCH, .attempts_max = 9);
    group("g", 9);
    session("s1");
    session("s2");
    for (int i = 0; i < 9; i++)
        dispatch(numbered("", i));
    worker("dies", .of = "s1", .capacity = 2);
    worker("goes", .capacity = 2);
    worker("gives", .group = "g", .capacity = 2);
    worker("runs_on", .of = "s2", .handled = true);
    take("dies");
    take_up_to(2, "g");
    take("runs_on");
    pause_channel();
    dispatch("9", .priority = WEFT_PRIORITY_HIGH);
    fire("s2");
    give_back("4#1", "5#1");
    unregister("goes");
    fire("s1");
    gives(WEFT_ESTALE, complete("6#1"));
    unregister("gives");
    check_eq(channel_now().queued, 10);
    resume_channel();
    worker("last");
    for (int i = 0; i < 10; i++) {
        const char *task = take("last");
        order[i] = task[0];
        complete(task);
    }
    whatever();
    check_str(order, "9012345678");

    group("h", 2);
    unregister("last");
    worker("back", .group = "h", .capacity = 2);
    dispatch("a");
    dispatch("b");
    take_up_to(2, "h");
    worker("free");
    limit_group("h", 0);
    whatever();
    give_back("a#1", "b#1");
    then("0 a#1 back from back", "0 b#1 back from back", "0 a#1 to free");

    cancel("b");
    worker("leaves", .capacity = 2);
    dispatch("c");
    dispatch("d");
    take("free");
    complete("a#1");
    whatever();
    unregister("leaves");
    then("0 c#1 back from leaves", "0 d#1 back from leaves", "0 c#1 to free");
}

/* --- 9 ---------------------------------------------------------------------------------------- */

/* Every attempt that began is one the policy asked for, is numbered, counted and told; one that never began is none. */
spec(invariant_09_no_attempt_without_being_asked_and_told)
{
    channel("dispatch.media.resize", .attempts_max = 3);
    worker("w1");
    worker("w2");
    dispatch("once");
    dispatch("thrice", .on_crash = WEFT_CRASH_REDISPATCH);
    take("w1");
    take("w2");
    abandon("once#1");
    then("0 once#1 to w1", "0 thrice#1 to w2", "0 w1 takes once#1", "0 w2 takes thrice#1",
         "0 once worker_died:abandoned by w1 #1");
    check_eq(channel_now().redispatched, 0);
    abandon("thrice#1");
    check_eq(channel_now().redispatched, 1);
    unregister("w1");
    then("0 thrice#2 to w1", "0 thrice#2 back from w1", "0 thrice#2 to w2");
    check_eq(channel_now().redispatched, 1);
    take("w2");
    worker("w3");
    abandon("thrice#2");
    take("w3");
    abandon("thrice#3");
    then("0 w2 takes thrice#2", "0 thrice#3 to w3", "0 w3 takes thrice#3", "0 thrice worker_died:abandoned by w3 #3");
    check_eq(channel_now().redispatched, 2);
    check_eq(reply_of("thrice").attempts, 3);

    dispatch("timed", .on_crash = WEFT_CRASH_REDISPATCH, .start_to_close_ms = 5);
    dispatch("failed", .on_crash = WEFT_CRASH_REDISPATCH);
    take("w2");
    take("w3");
    fail_with("failed#1", "no");
    at(5);
    then("0 timed#1 to w2", "0 failed#1 to w3", "0 w2 takes timed#1", "0 w3 takes failed#1",
         "0 failed failed:no by w3 #1", "5 timed timed_out:start_to_close by w2 #1");
    check_eq(channel_now().redispatched, 2);
}

/* --- 11 --------------------------------------------------------------------------------------- */

/* The same life a hundred times: not a byte more after any. (That the end of a core leaves nothing every spec checks.) */
spec(invariant_11_nothing_is_left)
{
    uint64_t blocks = 0, bytes = 0;
    for (int round = 0; round < 100; round++) {
        channel("dispatch.media.resize", .policy = policies[round % 3], .on_crash = WEFT_CRASH_REDISPATCH);
        group("g", 4);
        session("s1");
        box("mine");
        worker("w1", .of = "s1", .types = {"x", "y"}, .capacity = 3);
        worker("w2", .group = "g", .capacity = 3);
        dispatch("a", .type = "x");
        dispatch("b", .type = "y", .to = "mine");
        dispatch("c", .type = "z");
        dispatch("d", .type = "x", .schedule_to_start_ms = 1);
        maybe(take("w1"));
        maybe(take("g"));
        fire("s1");
        at(10 * (uint64_t)round + 5);
        for (int attempt = 1; attempt <= 3; attempt++)
            for (const char *name = "abcd"; *name; name++) {
                char task[8];
                snprintf(task, sizeof(task), "%c#%d", *name, attempt % 10);
                if (holds(task)) maybe(complete(task));
            }
        close_box("mine");
        unregister("w2");
        for (const char *name = "acd"; *name; name++)
            maybe(cancel(((char[]){*name, '\0'})));
        forget("w1");
        forget("w2");
        release("s1");
        delete_channel();
        remove_group("g");
        whatever();
        world_forget_names();
        if (round == 9) blocks = world.failmem.live_blocks, bytes = world.failmem.live_bytes;
        if (round <= 9) continue;
        check_eq(world.failmem.live_blocks, blocks);
        check_eq(world.failmem.live_bytes, bytes);
    }
}

/* --- 12 --------------------------------------------------------------------------------------- */

/* Handles that never were, that are stale, that are of another kind; names that are none; events that come too late. */
spec(invariant_12_whatever_comes_is_answered_with_a_code)
{
    channel("dispatch.media.resize");
    session("s1");
    worker("w1", .of = "s1");
    dispatch("a", .by = "s1");
    take("w1");
    uint64_t stale_session = handle_of("s1"), stale_worker = handle_of_worker("w1");
    weft_dispatch_id stale_dispatch = id_of("a");
    complete("a#1");
    fire("s1");
    forget("w1");
    release("s1");
    whatever();
    const uint64_t handles[] = {0,
                                1,
                                UINT64_MAX,
                                stale_session,
                                stale_worker,
                                stale_dispatch.number,
                                handle_of("host"),
                                handle_of("host") + (UINT64_C(1) << SLOT_INDEX_BITS),
                                handle_of("host") + 1000};
    uint64_t now_ns = world_now_ns();
    char message[ERROR_TEXT_MAX];
    struct core_waiter waiter;
    struct core_outcome outcome;
    weft_worker_info worker_info;
    weft_channel_info channel_info;
    weft__core_waiter_init(&waiter);
    for (size_t i = 0; i < sizeof(handles) / sizeof(*handles); i++) {
        uint64_t handle = handles[i];
        uint64_t before = audit_digest(world.core);
        if (handle != handle_of("host")) {
            check_err(weft__core_session_armed(world.core, now_ns, handle), WEFT_ENOTFOUND);
            check_err(weft__core_session_fired(world.core, now_ns, 0, handle, (weft_cause){0}), WEFT_ENOTFOUND);
            check_true(!weft__core_session_alive(world.core, handle, NULL, NULL));
            weft__core_session_hold(world.core, handle);
            struct core_worker_spec spec = {.channel = "dispatch.media.resize",
                                            .channel_hash = weft__name_hash("dispatch.media.resize"),
                                            .max_concurrent = 1,
                                            .session = handle};
            uint64_t made = 77;
            check_err(weft__core_worker_register(world.core, now_ns, &spec, &made, message), WEFT_EDEAD);
            check_eq(made, 77);
            struct core_request request = {.channel = "dispatch.media.resize",
                                           .channel_hash = weft__name_hash("dispatch.media.resize"),
                                           .session = handle};
            struct core_admitted admitted;
            check_err(weft__core_dispatch(world.core, now_ns, &request, &admitted), WEFT_EDEAD);
        }
        check_err(weft__core_worker_info(world.core, world_now_ns(), handle, &worker_info), WEFT_ENOTFOUND);
        weft__core_worker_drain(world.core, handle);
        weft__core_worker_unregister(world.core, now_ns, handle);
        weft__core_worker_forget(world.core, handle);
        check_true(!weft__core_worker_wait_idle(world.core, handle, &waiter));
        check_true(!weft__core_channel_wait_room(world.core, handle == handle_of("host") ? 0 : handle + 64, &waiter));
        for (size_t j = 0; j < sizeof(handles) / sizeof(*handles); j++) {
            weft_dispatch_id id = {handles[j], handle};
            check_err(weft__core_cancel(world.core, now_ns, id), WEFT_ENOTFOUND);
            check_err(weft__core_outcome_fetch(world.core, id, &outcome, &waiter), WEFT_ENOTFOUND);
        }
        check_eq(audit_digest(world.core), before);
    }
    const char *const names[] = {"", ".", "dispatch", "dispatch.media.none", "event.media.resize", "*.*.*", "\xff\xfe"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        uint64_t before = audit_digest(world.core);
        size_t count;
        weft_death deaths[1];
        check_err(weft__core_channel_pause(world.core, now_ns, names[i]), WEFT_ENOCHANNEL);
        check_err(weft__core_channel_resume(world.core, now_ns, names[i]), WEFT_ENOCHANNEL);
        check_err(weft__core_channel_delete(world.core, now_ns, names[i], message), WEFT_ENOCHANNEL);
        check_err(weft__core_channel_drain(world.core, now_ns, names[i], &waiter), WEFT_ENOCHANNEL);
        check_err(weft__core_channel_info(world.core, now_ns, names[i], &channel_info), WEFT_ENOCHANNEL);
        check_err(weft__core_channel_deaths(world.core, names[i], deaths, 1, &count), WEFT_ENOCHANNEL);
        gives(WEFT_ENOCHANNEL, dispatch("b", .on = names[i]));
        gives(WEFT_ENOCHANNEL, worker("w2", .on = names[i]));
        check_eq(audit_digest(world.core), before);
    }
    nothing_happens();

    session("s2");
    fire("s2");
    dispatch("open");
    weft_dispatch_id not_its_own = {handle_of("s2"), id_of("open").number};
    gives(WEFT_EDEAD, arm("s2"));
    gives(WEFT_EDEAD, fire("s2"));
    gives(WEFT_EDEAD, dispatch("b", .by = "s2"));
    gives(WEFT_EDEAD, worker("w2", .of = "s2"));
    check_err(weft__core_cancel(world.core, now_ns, not_its_own), WEFT_ENOTFOUND);
    check_err(weft__core_outcome_fetch(world.core, id_of("open"), &outcome, &waiter), WEFT_ENOTFOUND);
    then("0 open waits");
}

/* --- 13 --------------------------------------------------------------------------------------- */

/* Each attempt is lent the very buffer the caller gave, and the caller is given the very one the worker made. */
spec(invariant_13_payload_and_result_are_handed_on_untouched)
{
    static const char bytes[] = "{\"a\" : 1.0,\t\"b\":\"\\u00e9\"}";
    channel("dispatch.media.resize", .on_crash = WEFT_CRASH_REDISPATCH, .overlapping = true);
    worker("w1");
    worker("w2");
    box("mine");
    struct message *payload = weft__message_new(&world.messages.mem, bytes, sizeof(bytes) - 1, "application/json");
    struct core_request request = {.channel = "dispatch.media.resize",
                                   .channel_hash = weft__name_hash("dispatch.media.resize"),
                                   .payload = payload,
                                   .session = handle_of("host"),
                                   .dest = box_named("mine")};
    struct core_admitted admitted;
    struct core_task *task = NULL;
    uint64_t now_ns = world_now_ns();
    check_ok(weft__core_dispatch(world.core, now_ns, &request, &admitted));
    check_eq(weft__core_take(world.core, now_ns, destination("w1"), &task, 1), 1);
    check_true(task->payload == payload);
    struct core_result gone = {.task = task, .kind = CORE_RESULT_ABANDON};
    weft__core_results(world.core, now_ns, &gone, 1);
    check_eq(weft__core_take(world.core, now_ns, destination("w2"), &task, 1), 1);
    check_true(task->payload == payload);
    check_eq(payload->size_bytes, sizeof(bytes) - 1);
    check_eq(memcmp(payload->bytes, bytes, sizeof(bytes) - 1), 0);
    check_str(weft__message_content_type(payload), "application/json");

    struct message *answer = weft__message_new(&world.messages.mem, "[1]", 3, "text/x-list");
    struct core_result result = {.task = task, .kind = CORE_RESULT_COMPLETE, .message = answer};
    struct core_outcome outcome;
    struct core_task *cancelled;
    weft__core_results(world.core, now_ns, &result, 1);
    check_true(result.accepted);
    check_eq(weft__core_outcome_take(world.core, now_ns, box_named("mine"), &outcome, &cancelled), CORE_ITEM_OUTCOME);
    check_true(outcome.message == answer);
    check_eq(memcmp(answer->bytes, "[1]", 3), 0);
    check_str(weft__message_content_type(answer), "text/x-list");
    weft__message_drop(answer);
}

/* --- 14 --------------------------------------------------------------------------------------- */

/* Outcomes and notices for one caller, tasks for one group, each come in the order in which they were decided, whatever
 * is retracted between them. */
spec(invariant_14_one_destination_one_order)
{
    channel("dispatch.media.resize", .cancel_grace_ms = 10);
    group("g", 16);
    worker("w1", .group = "g", .capacity = 8);
    worker("w2", .group = "g", .capacity = 8);
    box("mine");
    for (int i = 0; i < 8; i++)
        dispatch(numbered("a", i), .to = "mine");
    whatever();
    cancel("a6");
    cancel("a1");
    take_up_to(3, "g");
    dispatch("a8", .to = "mine");
    cancel("a4");
    take_up_to(16, "g");
    then("0 a6#1 back from w1", "0 a1#1 back from w2", "0 g takes a0#1", "0 g takes a2#1", "0 g takes a3#1",
         "0 a8#1 to w1", "0 a4#1 back from w1", "0 g takes a5#1", "0 g takes a7#1", "0 g takes a8#1");
    listen_at("a3#1", "mine");
    listen_at("a7#1", "mine");
    listen_at("a2#1", "mine");
    complete("a5#1");
    cancel("a7");
    fail_with("a0#1", "no");
    cancel("a3");
    acknowledge("a7#1");
    cancel("a2");
    at(10);
    complete("a8#1");
    whatever();
    look_into("mine");
    then("10 a6 cancelled:cancelled by w1 #1", "10 a1 cancelled:cancelled by w2 #1",
         "10 a4 cancelled:cancelled by w1 #1", "10 a5 completed by w2 #1", "10 a0 failed:no by w1 #1",
         "10 w2 told to stop a3#1", "10 a7 cancelled:cancelled by w2 #1", "10 w1 told to stop a2#1",
         "10 a3 cancelled:cancel_grace by w2 #1", "10 a2 cancelled:cancel_grace by w1 #1", "10 a8 completed by w1 #1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        promised(invariant_01_armed_before_eligible),
        promised(invariant_02_no_selection_after_the_link_fired),
        promised(invariant_03_one_outcome_whatever_races),
        promised(invariant_04_in_flight_is_what_is_not_released),
        promised(invariant_05_what_is_full_refuses_with_a_code_and_counts),
        promised(invariant_06_what_has_met_another_contract_reaches_nobody),
        promised(invariant_07_dead_callers_work_is_cancelled_unless_detached),
        promised(invariant_08_order_of_arrival_survives_every_way_back),
        promised(invariant_09_no_attempt_without_being_asked_and_told),
        promised(invariant_11_nothing_is_left),
        promised(invariant_12_whatever_comes_is_answered_with_a_code),
        promised(invariant_13_payload_and_result_are_handed_on_untouched),
        promised(invariant_14_one_destination_one_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
