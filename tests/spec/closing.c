/* Closing: the end of a node.
 *
 *   - from then on it admits, registers, attaches and declares nothing
 *   - what is open goes on; a death ends it, and starts nothing anew
 *   - settle all: whatever is left is cancelled, in holds of at most 256, and what still runs is told
 *   - who waits for quiet is woken when no dispatch is open; or when nobody living holds a task either
 *   - freeing the core frees everything, whatever its state
 */
#include <string.h>

#include "lib/fixture.h"

spec(closing_node_takes_nothing_new)
{
    channel("dispatch.media.resize");
    close_node();
    check_true(weft__core_closing(world.core));
    gives(WEFT_ECLOSED, dispatch("a"));
    gives(WEFT_ECLOSED, worker("w1"));
    gives(WEFT_ECLOSED, attach("s1"));
    gives(WEFT_ECLOSED, group("g", 1));
    gives(WEFT_ECLOSED, channel("dispatch.media.crop"));
    gives(WEFT_ECLOSED, template("dispatch.media.*"));
    check_eq(channel_now().rejected, 0);
}

spec(closing_node_lets_what_is_open_go_on)
{
    channel("dispatch.media.resize");
    worker("w1");
    dispatch("a");
    dispatch("b");
    close_node();
    take("w1");
    complete("a#1");
    take("w1");
    complete("b#1");
    then("0 a#1 to w1", "0 b waits", "0 w1 takes a#1", "0 a completed by w1 #1", "0 b#1 to w1", "0 w1 takes b#1",
         "0 b completed by w1 #1");
}

spec(closing_node_runs_nothing_again)
{
    channel("dispatch.media.resize", .on_crash = WEFT_CRASH_REDISPATCH);
    worker("w1");
    worker("w2");
    dispatch("a");
    take("w1");
    close_node();
    abandon("a#1");
    then("0 a#1 to w1", "0 w1 takes a#1", "0 a worker_died:abandoned by w1 #1");
}

spec(settle_all_cancels_whatever_is_left)
{
    channel("dispatch.media.resize", .on_crash = WEFT_CRASH_REDISPATCH);
    session("s1");
    group("g", 1);
    worker("fenced", .of = "s1", .group = "g", .types = {"x"});
    worker("w1", .capacity = 2, .types = {"y"});
    dispatch("fenced", .type = "x");
    take("g");
    fire("s1");
    dispatch("running", .type = "y");
    take("w1");
    listen_to("running#1");
    dispatch("assigned", .type = "y");
    dispatch("waiting", .type = "z");
    dispatch("detached", .detached = true);
    whatever();
    close_node();
    settle_all();
    check_eq(stats_now().dispatches_open, 0);
    check_eq(stats_now().cancelled, 5);
    then("0 fenced cancelled:node_closed by fenced #1", "0 w1 told to stop running#1",
         "0 running cancelled:node_closed by w1 #1", "0 assigned cancelled:node_closed by w1 #1",
         "0 waiting cancelled:node_closed #0", "0 assigned#1 back from w1");
    gives(WEFT_ESTALE, complete("fenced#1"));
    gives(WEFT_ESTALE, complete("running#1"));
    check_eq(stats_now().attempts_running, 0);
    fetch("detached");
    then("0 detached cancelled:node_closed #0");
}

spec(settle_all_takes_256_at_a_time)
{
    enum { WAITING = 1000 };
    channel("dispatch.media.resize");
    for (int i = 0; i < WAITING; i++)
        dispatch("a");
    whatever();
    close_node();
    stop_steps();
    settle_all();
    uint32_t open = WAITING;
    while (step()) {
        check_true(open - stats_now().dispatches_open <= CORE_HOLD_MAX);
        check_true(open > stats_now().dispatches_open);
        open = stats_now().dispatches_open;
    }
    check_eq(stats_now().dispatches_open, 0);
    whatever();
}

spec(settle_all_begins_behind_a_hold_of_other_work)
{
    channel("dispatch.media.resize");
    for (int i = 0; i < CORE_HOLD_MAX - 1; i++)
        worker(numbered("w", i), .types = {"other"});
    for (int i = 0; i < 10; i++)
        dispatch("a");
    whatever();
    close_node();
    stop_steps();
    for (int i = 0; i < CORE_HOLD_MAX - 1; i++)
        unregister(numbered("w", i));
    settle_all();
    run_steps();
    check_eq(stats_now().dispatches_open, 0);
    whatever();
}

spec(who_waits_for_quiet_is_woken_by_the_last_outcome)
{
    channel("dispatch.media.resize");
    worker("w1", .capacity = 2);
    check_true(!wait_quiet("x"));
    dispatch("a");
    dispatch("b");
    take_up_to(2, "w1");
    whatever();
    check_true(wait_quiet("x"));
    complete("a#1");
    then("0 a completed by w1 #1");
    complete("b#1");
    then("0 b completed by w1 #1", "0 x woken");
    check_true(!wait_quiet("x"));
}

spec(who_waits_for_tasks_too_waits_for_what_is_still_held)
{
    channel("dispatch.media.resize");
    worker("w1");
    dispatch("a");
    take("w1");
    close_node();
    settle_all();
    whatever();
    check_true(!wait_quiet("x"));
    check_true(wait_for_tasks("y"));
    gives(WEFT_ESTALE, complete("a#1"));
    then("0 y woken");
    check_true(!wait_for_tasks("y"));
}

spec(task_of_the_dead_that_is_still_held_is_not_waited_for)
{
    channel("dispatch.media.resize");
    session("s1");
    worker("w1", .of = "s1");
    dispatch("a");
    take("w1");
    check_true(wait_for_tasks("x"));
    whatever();
    fire("s1");
    then("0 a worker_died:worker_died by w1 #1", "0 x woken");
    check_true(!wait_for_tasks("x"));
    gives(WEFT_ESTALE, complete("a#1"));
}

/* The task that somebody has, looked for in so many holds. */
static const struct core_task *any_task(const char **worker_name, const char **channel_name, unsigned *holds)
{
    const struct core_task *task;
    uint32_t cursor = 0;
    for (*holds = 1; !weft__core_any_task(world.core, &cursor, &task, worker_name, channel_name); ++*holds)
        check_true(!task && cursor == *holds * CORE_HOLD_MAX);
    return task;
}

spec(task_that_holds_up_the_end_is_named)
{
    const char *worker_name, *channel_name;
    unsigned holds;
    channel("dispatch.media.resize");
    session("s1");
    worker("dead", .of = "s1");
    worker("w1");
    check_true(any_task(&worker_name, &channel_name, &holds) == NULL);
    dispatch("lost");
    take("dead");
    fire("s1");
    check_true(any_task(&worker_name, &channel_name, &holds) == NULL);
    dispatch("a");
    take("w1");
    whatever();
    const struct core_task *task = any_task(&worker_name, &channel_name, &holds);
    check_true(task == task_named("a#1"));
    check_str(worker_name, "w1");
    check_str(channel_name, "dispatch.media.resize");
    check_eq(holds, 1);
}

/* Tasks of the dead that are still held are looked past, and subscriptions that nobody is called for. */
spec(what_holds_up_the_end_is_looked_for_in_short_holds)
{
    enum { MANY = 3 * CORE_HOLD_MAX };
    const char *worker_name, *channel_name;
    unsigned holds;
    channel("dispatch.media.resize");
    session("s1");
    worker("dead", .of = "s1", .capacity = MANY);
    for (int i = 0; i < MANY; i++) {
        dispatch(numbered("a", i));
        take("dead");
    }
    worker("w1");
    dispatch("last");
    take("w1");
    fire("s1");
    whatever();
    check_true(any_task(&worker_name, &channel_name, &holds) == task_named("last#1"));
    check_eq(holds, 4);
    complete("last#1");
    whatever();
    check_true(any_task(&worker_name, &channel_name, &holds) == NULL);
    check_eq(holds, 4);
}

/* That nothing is left is checked at the end of each spec: this one leaves something of every kind. */
spec(freed_core_leaves_nothing_whatever_its_state)
{
    template("dispatch.media.*");
    channel("dispatch.media.sticky", .policy = WEFT_STICKY, .on_crash = WEFT_CRASH_REDISPATCH);
    channel("dispatch.media.loaded", .policy = WEFT_LEAST_LOADED);
    channel("dispatch.media.deleted");
    worker("d1");
    session("s1");
    session("dead");
    attach("arming");
    group("g", 3);
    box("mine");
    on("dispatch.media.sticky");
    worker("w1", .group = "g", .types = {"x", "y"}, .capacity = 9);
    worker("w2", .of = "dead", .capacity = 2, .types = {"lost"});
    worker("w3", .of = "arming");
    dispatch("lost", .type = "lost");
    take("w2");
    dispatch("taken", .type = "x", .to = "mine");
    dispatch("kept", .type = "y");
    dispatch("cancelling", .type = "y");
    take_up_to(3, "g");
    keep("kept#1");
    cancel("cancelling");
    dispatch("assigned", .type = "x");
    for (int i = 0; i < 5; i++)
        dispatch("waiting", .type = "z");
    dispatch("detached", .detached = true, .on = "dispatch.media.loaded");
    cancel("detached");
    dispatch("unread", .to = "mine");
    cancel("unread");
    worker("w4", .on = "dispatch.media.from_template");
    worker("w5", .on = "dispatch.media.loaded", .group = "g");
    stop_steps();
    fire("dead");
    unregister("w1");
    on("dispatch.media.deleted");
    delete_channel();
    settle_all();
    whatever();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        promised(closing_node_takes_nothing_new),
        promised(closing_node_lets_what_is_open_go_on),
        promised(closing_node_runs_nothing_again),
        promised(settle_all_cancels_whatever_is_left),
        promised(settle_all_takes_256_at_a_time),
        promised(settle_all_begins_behind_a_hold_of_other_work),
        promised(who_waits_for_quiet_is_woken_by_the_last_outcome),
        promised(who_waits_for_tasks_too_waits_for_what_is_still_held),
        promised(task_of_the_dead_that_is_still_held_is_not_waited_for),
        promised(task_that_holds_up_the_end_is_named),
        promised(what_holds_up_the_end_is_looked_for_in_short_holds),
        promised(freed_core_leaves_nothing_whatever_its_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
