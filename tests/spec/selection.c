/* Selection: which of the eligible workers gets a dispatch.
 *
 *   - round robin: the one that was chosen, or became free, longest ago, over activity types and groups too
 *   - least loaded: the fewest attempts in flight; of equals the one registered first
 *   - sticky: the same key goes to the same worker; when one leaves only its keys move; when it is full its keys go to
 *     the next on the ring and come back; without a key the dispatches are spread
 *   - a worker gets only the types it named; one that named none gets every type, and what has none
 */
#include <stdio.h>
#include <string.h>

#include "lib/fixture.h"

/* The worker that has the newest task, by who got it. */
static const char *chosen(const char *name)
{
    const struct core_dispatch *dispatch = weft__slotmap_find(&world.core->dispatches, id_of(name).number);
    const struct core_task *task = weft__task_of(dispatch);
    return task ? task->worker->name->text : "nobody";
}

/* --- round robin ------------------------------------------------------------------------------ */

spec(round_robin_gives_to_each_in_turn)
{
    channel("dispatch.media.resize");
    worker("w1", .capacity = 9);
    worker("w2", .capacity = 9);
    worker("w3", .capacity = 9);
    for (int i = 0; i < 7; i++)
        dispatch(numbered("a", i));
    then("0 a0#1 to w1", "0 a1#1 to w2", "0 a2#1 to w3", "0 a3#1 to w1", "0 a4#1 to w2", "0 a5#1 to w3",
         "0 a6#1 to w1");
}

spec(round_robin_gives_to_the_one_that_became_free_longest_ago)
{
    channel("dispatch.media.resize");
    worker("w1");
    worker("w2");
    worker("w3");
    dispatch("a");
    dispatch("b");
    dispatch("c");
    take("w1");
    take("w2");
    take("w3");
    complete("b#1");
    complete("c#1");
    complete("a#1");
    whatever();
    dispatch("d");
    dispatch("e");
    dispatch("f");
    then("0 d#1 to w2", "0 e#1 to w3", "0 f#1 to w1");
}

spec(round_robin_is_not_upset_by_a_full_worker)
{
    channel("dispatch.media.resize");
    worker("w1", .capacity = 1);
    worker("w2", .capacity = 9);
    worker("w3", .capacity = 9);
    for (int i = 0; i < 5; i++)
        dispatch(numbered("a", i));
    then("0 a0#1 to w1", "0 a1#1 to w2", "0 a2#1 to w3", "0 a3#1 to w2", "0 a4#1 to w3");
}

spec(round_robin_puts_a_newcomer_behind_the_others)
{
    channel("dispatch.media.resize");
    worker("w1", .capacity = 9);
    worker("w2", .capacity = 9);
    dispatch("a");
    worker("w3", .capacity = 9);
    dispatch("b");
    dispatch("c");
    dispatch("d");
    then("0 a#1 to w1", "0 b#1 to w2", "0 c#1 to w1", "0 d#1 to w3");
}

spec(round_robin_goes_over_activity_types)
{
    channel("dispatch.media.resize");
    worker("wx", .types = {"x"}, .capacity = 9);
    worker("wxy", .types = {"x", "y"}, .capacity = 9);
    worker("any", .capacity = 9);
    dispatch("x1", .type = "x");
    dispatch("y1", .type = "y");
    dispatch("x2", .type = "x");
    dispatch("x3", .type = "x");
    dispatch("y2", .type = "y");
    dispatch("none1");
    dispatch("x4", .type = "x");
    then("0 x1#1 to wx", "0 y1#1 to wxy", "0 x2#1 to any", "0 x3#1 to wx", "0 y2#1 to wxy", "0 none1#1 to any",
         "0 x4#1 to wx");
}

spec(round_robin_goes_over_groups)
{
    channel("dispatch.media.resize");
    group("g", 9);
    group("h", 9);
    worker("w1", .group = "g", .capacity = 9);
    worker("w2", .group = "h", .capacity = 9);
    worker("w3", .capacity = 9);
    worker("w4", .group = "g", .capacity = 9);
    for (int i = 0; i < 6; i++)
        dispatch(numbered("a", i));
    check_str(chosen("a0"), "w1");
    check_str(chosen("a1"), "w2");
    check_str(chosen("a2"), "w3");
    check_str(chosen("a3"), "w4");
    check_str(chosen("a4"), "w1");
    check_str(chosen("a5"), "w2");
    whatever();
}

spec(second_worker_takes_its_share)
{
    channel("dispatch.media.resize");
    worker("w1", .capacity = 100);
    worker("w2", .capacity = 100);
    for (int i = 0; i < 100; i++)
        dispatch("a");
    check_eq(worker_now("w1").in_flight, 50);
    check_eq(worker_now("w2").in_flight, 50);
    whatever();
}

/* --- least loaded ----------------------------------------------------------------------------- */

spec(least_loaded_gives_to_the_fewest_in_flight)
{
    channel("dispatch.media.resize", .policy = WEFT_LEAST_LOADED);
    worker("w1", .capacity = 9);
    dispatch("a");
    dispatch("b");
    worker("w2", .capacity = 9);
    dispatch("c");
    dispatch("d");
    dispatch("e");
    then("0 a#1 to w1", "0 b#1 to w1", "0 c#1 to w2", "0 d#1 to w2", "0 e#1 to w1");
}

spec(least_loaded_gives_to_the_one_registered_first_of_equals)
{
    channel("dispatch.media.resize", .policy = WEFT_LEAST_LOADED);
    worker("z");
    worker("a");
    worker("m");
    dispatch("d1");
    dispatch("d2");
    dispatch("d3");
    then("0 d1#1 to z", "0 d2#1 to a", "0 d3#1 to m");
    take("m");
    take("a");
    complete("d3#1");
    complete("d2#1");
    whatever();
    dispatch("d4");
    then("0 d4#1 to a");
}

spec(least_loaded_follows_what_ends)
{
    channel("dispatch.media.resize", .policy = WEFT_LEAST_LOADED);
    worker("w1", .capacity = 9);
    worker("w2", .capacity = 9);
    for (int i = 0; i < 6; i++)
        dispatch(numbered("a", i));
    take_up_to(3, "w2");
    complete("a1#1");
    complete("a3#1");
    whatever();
    dispatch("b");
    dispatch("c");
    dispatch("d");
    then("0 b#1 to w2", "0 c#1 to w2", "0 d#1 to w1");
}

spec(least_loaded_goes_over_activity_types_and_groups)
{
    channel("dispatch.media.resize", .policy = WEFT_LEAST_LOADED);
    group("g", 9);
    worker("any", .capacity = 9);
    worker("wx", .types = {"x"}, .capacity = 9, .group = "g");
    worker("wxy", .types = {"x", "y"}, .capacity = 9);
    dispatch("none");
    dispatch("x1", .type = "x");
    dispatch("y1", .type = "y");
    check_str(chosen("none"), "any");
    check_str(chosen("x1"), "wx");
    check_str(chosen("y1"), "wxy");
    dispatch("y2", .type = "y");
    check_str(chosen("y2"), "any");
    dispatch("x2", .type = "x");
    check_str(chosen("x2"), "wx");
    whatever();
}

spec(least_loaded_of_those_it_has_not_died_of)
{
    channel("dispatch.media.resize", .policy = WEFT_LEAST_LOADED, .on_crash = WEFT_CRASH_REDISPATCH);
    worker("w1", .capacity = 9);
    worker("w2", .capacity = 9);
    worker("w3", .capacity = 9);
    worker("w4", .capacity = 9);
    for (int i = 0; i < 11; i++)
        dispatch(numbered("a", i));
    take_up_to(3, "w3");
    complete("a2#1");
    complete("a6#1");
    take_up_to(3, "w1");
    complete("a4#1");
    complete("a8#1");
    whatever();
    abandon("a0#1");
    then("0 a0#2 to w3");
}

/* --- sticky ----------------------------------------------------------------------------------- */

enum { KEYS = 400 };

/* Dispatches once with each key and notes who got it. The tasks are taken back at the end. */
static void place_all_keys(char places[KEYS][24])
{
    box("keys");
    for (int i = 0; i < KEYS; i++) {
        const char *name = numbered("k", i);
        dispatch(name, .key = name, .to = "keys");
        snprintf(places[i], sizeof(places[i]), "%s", chosen(name));
    }
    close_box("keys");
    whatever();
}

static int moved(char before[KEYS][24], char after[KEYS][24])
{
    int n = 0;
    for (int i = 0; i < KEYS; i++)
        n += strcmp(before[i], after[i]) != 0;
    return n;
}

static int at_worker(char places[KEYS][24], const char *name)
{
    int n = 0;
    for (int i = 0; i < KEYS; i++)
        n += strcmp(places[i], name) == 0;
    return n;
}

static char before[KEYS][24], after[KEYS][24];

spec(sticky_sends_the_same_key_to_the_same_worker)
{
    channel("dispatch.media.resize", .policy = WEFT_STICKY);
    for (int i = 0; i < 10; i++)
        worker(numbered("w", i), .capacity = KEYS);
    place_all_keys(before);
    place_all_keys(after);
    check_eq(moved(before, after), 0);
}

spec(sticky_uses_every_worker)
{
    channel("dispatch.media.resize", .policy = WEFT_STICKY);
    for (int i = 0; i < 10; i++)
        worker(numbered("w", i), .capacity = KEYS);
    place_all_keys(before);
    for (int i = 0; i < 10; i++) {
        check_true(at_worker(before, numbered("w", i)) > 0);
        check_true(at_worker(before, numbered("w", i)) < KEYS / 2);
    }
}

spec(sticky_moves_only_the_keys_of_the_worker_that_leaves_and_gives_them_back)
{
    channel("dispatch.media.resize", .policy = WEFT_STICKY);
    for (int i = 0; i < 10; i++)
        worker(numbered("w", i), .capacity = KEYS);
    place_all_keys(before);
    unregister("w4");
    forget("w4");
    place_all_keys(after);
    check_eq(at_worker(after, "w4"), 0);
    check_eq(moved(before, after), at_worker(before, "w4"));
    worker("w4", .capacity = KEYS);
    place_all_keys(after);
    check_eq(moved(before, after), 0);
}

spec(sticky_moves_to_a_newcomer_only_what_is_its_own)
{
    channel("dispatch.media.resize", .policy = WEFT_STICKY);
    for (int i = 0; i < 10; i++)
        worker(numbered("w", i), .capacity = KEYS);
    place_all_keys(before);
    worker("new", .capacity = KEYS);
    place_all_keys(after);
    check_true(at_worker(after, "new") > 0);
    check_eq(moved(before, after), at_worker(after, "new"));
}

spec(sticky_goes_to_the_next_when_the_worker_is_full_and_comes_back)
{
    channel("dispatch.media.resize", .policy = WEFT_STICKY);
    worker("w1");
    worker("w2");
    worker("w3");
    dispatch("a", .key = "k");
    char first[24], second[24];
    snprintf(first, sizeof(first), "%s", chosen("a"));
    dispatch("b", .key = "k");
    snprintf(second, sizeof(second), "%s", chosen("b"));
    check_true(strcmp(first, second) != 0);
    take(first);
    complete("a#1");
    dispatch("c", .key = "k");
    check_str(chosen("c"), first);
    take(second);
    complete("b#1");
    dispatch("d", .key = "k");
    check_str(chosen("d"), second);
    whatever();
}

spec(sticky_is_the_same_over_groups_and_types)
{
    channel("dispatch.media.resize", .policy = WEFT_STICKY);
    for (int i = 0; i < 10; i++)
        worker(numbered("w", i), .capacity = KEYS);
    place_all_keys(before);
    channel("dispatch.media.crop", .policy = WEFT_STICKY);
    group("g", 5 * KEYS);
    for (int i = 0; i < 10; i++) {
        if (i % 2)
            worker(numbered("w", i), .capacity = KEYS, .group = "g");
        else
            worker(numbered("w", i), .capacity = KEYS);
    }
    place_all_keys(after);
    check_eq(moved(before, after), 0);
}

spec(sticky_keeps_what_waits_for_a_free_worker_in_order)
{
    channel("dispatch.media.resize", .policy = WEFT_STICKY);
    worker("w1");
    dispatch("a", .key = "x");
    dispatch("b", .key = "y");
    dispatch("c", .key = "z");
    take("w1");
    complete("a#1");
    take("w1");
    complete("b#1");
    then("0 a#1 to w1", "0 b waits", "0 c waits", "0 w1 takes a#1", "0 a completed by w1 #1", "0 b#1 to w1",
         "0 w1 takes b#1", "0 b completed by w1 #1", "0 c#1 to w1");
}

spec(sticky_gives_what_waits_to_the_worker_of_its_key_where_several_are_free)
{
    channel("dispatch.media.resize", .policy = WEFT_STICKY);
    for (int i = 0; i < 10; i++)
        worker(numbered("w", i), .capacity = KEYS);
    place_all_keys(before);
    pause_channel();
    for (int i = 0; i < 50; i++)
        dispatch(numbered("k", i), .key = numbered("k", i));
    resume_channel();
    for (int i = 0; i < 50; i++)
        check_str(chosen(numbered("k", i)), before[i]);
    whatever();
}

spec(sticky_spreads_what_has_no_key)
{
    channel("dispatch.media.resize", .policy = WEFT_STICKY);
    for (int i = 0; i < 4; i++)
        worker(numbered("w", i), .capacity = 100);
    for (int i = 0; i < 100; i++)
        dispatch("a");
    for (int i = 0; i < 4; i++)
        check_true(worker_now(numbered("w", i)).in_flight > 0);
    whatever();
}

/* --- types ------------------------------------------------------------------------------------ */

spec(worker_gets_only_the_types_it_named)
{
    channel("dispatch.media.resize");
    worker("wx", .types = {"x"}, .capacity = 9);
    dispatch("x", .type = "x");
    dispatch("y", .type = "y");
    dispatch("none");
    then("0 x#1 to wx", "0 y waits", "0 none waits");
}

spec(worker_that_named_no_type_gets_every_type_and_what_has_none)
{
    channel("dispatch.media.resize");
    worker("any", .capacity = 9);
    dispatch("x", .type = "x");
    dispatch("none");
    then("0 x#1 to any", "0 none#1 to any");
    take_up_to(2, "any");
    check_str(type_of("x#1"), "x");
    check_true(type_of("none#1") == NULL);
    whatever();
}

spec(type_named_twice_is_named_once)
{
    channel("dispatch.media.resize");
    worker("w", .types = {"x", "x", "y", "x"}, .capacity = 2);
    dispatch("a", .type = "x");
    unregister("w");
    then("0 a#1 to w", "0 a#1 back from w");
    check_eq(channel_now().workers, 0);
}

spec(types_that_nobody_needs_any_more_are_forgotten)
{
    channel("dispatch.media.resize");
    uint64_t blocks = 0;
    for (int i = 0; i < 3000; i++) {
        dispatch(numbered("a", i), .type = numbered("type", i));
        cancel(numbered("a", i));
        if (i == 100) blocks = world.failmem.live_blocks;
    }
    whatever();
    check_eq(world.failmem.live_blocks, blocks);
}

spec(types_of_a_channel_are_bounded)
{
    channel("dispatch.media.resize", .depth_max = 5000);
    for (int i = 0; i < CORE_TYPES_MAX; i++)
        dispatch("a", .type = numbered("type", i));
    whatever();
    gives(WEFT_ELIMIT, dispatch("b", .type = "more"));
    gives(WEFT_ELIMIT, worker("w", .types = {"type1", "more"}));
    check_str(world.message, "dispatch.media.resize: it has 1024 activity types already");
    dispatch("c", .type = "type7");
    then("0 c waits");
    check_eq(channel_now().workers, 0);
}

/* --- the predicate ---------------------------------------------------------------------------- */

static weft_rule refusal(const char *name, const char *asked)
{
    const struct core_worker *by = weft__slotmap_find(&world.core->workers, handle_of_worker(name));
    const struct core_dispatch *of = asked ? weft__slotmap_find(&world.core->dispatches, id_of(asked).number) : NULL;
    return weft__refusal(world.core, by, of);
}

/* Each rule alone, and before the ones that follow: a worker that is merely busy is not called incompatible. */
spec(predicate_names_the_first_rule_that_refuses)
{
    channel("dispatch.media.resize", .on_crash = WEFT_CRASH_REDISPATCH, .redispatch_wait_ms = 1000);
    group("g", 1);
    attach("s1");
    worker("w1", .of = "s1", .group = "g", .types = {"x"}, .capacity = 2);
    worker("other", .group = "g", .types = {"o"}, .capacity = 2);
    dispatch("y", .type = "y");
    dispatch("died", .type = "x");
    check_eq(refusal("w1", "y"), WEFT_RULE_LINK);
    arm("s1");
    take("g");
    abandon("died#1");
    check_eq(refusal("w1", NULL), WEFT_RULE_ELIGIBLE);
    check_eq(refusal("w1", "y"), WEFT_RULE_ACTIVITY_TYPE);
    check_eq(refusal("w1", "died"), WEFT_RULE_EXCLUDED);
    dispatch("a", .type = "x");
    dispatch("b", .type = "x");
    check_eq(refusal("w1", "b"), WEFT_RULE_EXECUTOR);
    check_eq(refusal("w1", NULL), WEFT_RULE_ELIGIBLE);
    limit_group("g", 2);
    dispatch("c", .type = "x");
    check_eq(refusal("w1", "c"), WEFT_RULE_CAPACITY);
    check_eq(refusal("w1", NULL), WEFT_RULE_CAPACITY);
    check_eq(refusal("w1", "died"), WEFT_RULE_EXCLUDED);
    drain_worker("w1");
    check_eq(refusal("w1", "died"), WEFT_RULE_DRAINING);
    check_eq(refusal("w1", "y"), WEFT_RULE_ACTIVITY_TYPE);
    unregister("w1");
    check_eq(refusal("w1", NULL), WEFT_RULE_DRAINING);
    fire("s1");
    check_eq(refusal("w1", NULL), WEFT_RULE_LINK);
    whatever();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        promised(round_robin_gives_to_each_in_turn),
        promised(round_robin_gives_to_the_one_that_became_free_longest_ago),
        promised(round_robin_is_not_upset_by_a_full_worker),
        promised(round_robin_puts_a_newcomer_behind_the_others),
        promised(round_robin_goes_over_activity_types),
        promised(round_robin_goes_over_groups),
        promised(second_worker_takes_its_share),
        promised(least_loaded_gives_to_the_fewest_in_flight),
        promised(least_loaded_gives_to_the_one_registered_first_of_equals),
        promised(least_loaded_follows_what_ends),
        promised(least_loaded_goes_over_activity_types_and_groups),
        promised(least_loaded_of_those_it_has_not_died_of),
        promised(sticky_sends_the_same_key_to_the_same_worker),
        promised(sticky_uses_every_worker),
        promised(sticky_moves_only_the_keys_of_the_worker_that_leaves_and_gives_them_back),
        promised(sticky_moves_to_a_newcomer_only_what_is_its_own),
        promised(sticky_goes_to_the_next_when_the_worker_is_full_and_comes_back),
        promised(sticky_is_the_same_over_groups_and_types),
        promised(sticky_keeps_what_waits_for_a_free_worker_in_order),
        promised(sticky_gives_what_waits_to_the_worker_of_its_key_where_several_are_free),
        promised(sticky_spreads_what_has_no_key),
        promised(worker_gets_only_the_types_it_named),
        promised(worker_that_named_no_type_gets_every_type_and_what_has_none),
        promised(type_named_twice_is_named_once),
        promised(types_that_nobody_needs_any_more_are_forgotten),
        promised(types_of_a_channel_are_bounded),
        promised(predicate_names_the_first_rule_that_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
