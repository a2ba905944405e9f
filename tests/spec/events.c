/* Events: publish and subscribe.
 *
 *   - all subscribers of a channel have an event when it was published, in one order; who subscribes later has missed it
 *   - an event says its number, who published it, where and when; publishing into nothing is heard by 0
 *   - a pattern hears all event channels that match, those to come included
 *   - a full inbox does what its subscriber asked for, and says exactly how many were lost before each event
 *   - one that is slow but goes on is not cut off; one that takes nothing for stall_ms is, when the next event comes
 *   - the death of a participant ends its subscriptions: not one more event from that instant on
 *   - a channel's deletion ends those by its name; a drained channel takes no events
 *   - a callback is called for one event at a time, in order, in turns with the others of its group; its end comes last
 *   - who waits for events is woken; who learns of an end tells the next
 *   - closing: what is to be heard may be heard; then all subscriptions end
 *   - bounds have codes; one hold touches 256 records at most
 */
#include <stdio.h>

#include "lib/fixture.h"

#define DONE "event.media.done"
#define GONE "event.media.gone"

/* --- who hears what --------------------------------------------------------------------------- */

spec(all_subscribers_hear_all_events_in_one_order)
{
    channel(DONE);
    subscribe("s");
    subscribe("t");
    publish("a");
    publish("b");
    then("0 a heard by 2", "0 b heard by 2");
    take_events("s");
    take_events("t");
    then("0 s takes a", "0 s takes b", "0 t takes a", "0 t takes b");
    gives(WEFT_EAGAIN, take_events("s"));
}

spec(who_subscribes_later_has_missed_it)
{
    channel(DONE);
    subscribe("s");
    publish("a");
    subscribe("t");
    publish("b");
    then("0 a heard by 1", "0 b heard by 2");
    take_events("t");
    then("0 t takes b");
}

spec(publishing_into_nothing_is_heard_by_nobody)
{
    channel(DONE);
    publish("a");
    subscribe("s");
    unsubscribe("s");
    forget_subscription("s");
    publish("b");
    then("0 a heard by 0", "0 b heard by 0");
    check_eq(channel_now().published, 2);
    check_eq(channel_now().delivered, 0);
    check_eq(channel_now().subscribers, 0);
}

spec(event_says_its_number_publisher_channel_and_time)
{
    channel(GONE);
    channel(DONE);
    session("p");
    subscribe("s", .to = "event.media.*");
    publish("a");
    publish("x", .on = GONE);
    publish("b", .by = "p");
    whatever();
    take_events_up_to(1, "s");
    check_eq(last_event().number, 1);
    check_eq(last_event().publisher, handle_of("host"));
    check_eq(last_event().published_wall_ns, UINT64_C(7000000000));
    take_events_up_to(1, "s");
    check_eq(last_event().number, 1);
    check_str(last_event().channel, GONE);
    take_events("s");
    check_eq(last_event().number, 2);
    check_eq(last_event().publisher, handle_of("p"));
    check_str(last_event().channel, DONE);
    whatever();
}

spec(pattern_hears_the_event_channels_that_match_also_those_to_come)
{
    channel("dispatch.media.done");
    channel("event.other.done");
    channel(DONE);
    subscribe("all", .to = "*.media.*");
    subscribe("one");
    publish("a");
    publish("b", .on = "event.other.done");
    channel("event.media.more");
    publish("c");
    then("0 a heard by 2", "0 b heard by 0", "0 c heard by 1");
    take_events("all");
    then("0 all takes a", "0 all takes c");
    check_eq(channel_now().subscribers, 1);
    on(DONE);
    check_eq(channel_now().subscribers, 2);
    on("dispatch.media.done");
    check_eq(channel_now().subscribers, 0);
}

spec(subscriptions_that_change_are_heard_of_by_the_next_event)
{
    channel(DONE);
    subscribe("s");
    subscribe("p", .to = "event.*.*");
    publish("a");
    subscribe("t");
    subscribe("q", .to = "event.media.d*");
    publish("b");
    unsubscribe("p");
    publish("c");
    unsubscribe("s");
    publish("d");
    then("0 a heard by 2", "0 b heard by 4", "0 c heard by 3", "0 d heard by 2");
}

spec(what_is_refused_has_its_code_and_changes_nothing)
{
    channel("dispatch.media.resize");
    channel(DONE, .payload_bytes_max = 3);
    session("p");
    subscribe("s");
    fire("p");
    gives(WEFT_ENOCHANNEL, publish("a", .on = "event.no.such"));
    gives(WEFT_EINVAL, publish("a", .on = "dispatch.media.resize"));
    check_str(world.message, "dispatch.media.resize: only event channels carry events");
    gives(WEFT_ELIMIT, publish("long"));
    check_str(world.message, "event.media.done: 4 bytes are over its payload_bytes_max of 3");
    gives(WEFT_EDEAD, publish("a", .by = "p"));
    gives(WEFT_ENOCHANNEL, subscribe("t", .to = "event.no.such"));
    gives(WEFT_EINVAL, subscribe("t", .to = "dispatch.media.resize"));
    gives(WEFT_EINVAL, subscribe("t", .to = "event.*"));
    gives(WEFT_EDEAD, subscribe("t", .of = "p"));
    publish("abc");
    then("0 abc heard by 1");
    check_eq(stats_now().subscriptions, 1);
    check_eq(stats_now().published, 1);
}

spec(template_makes_the_channel_for_who_subscribes_or_publishes)
{
    template("*.made.*", .payload_bytes_max = 1);
    subscribe("s", .to = "event.made.done");
    publish("a", .on = "event.made.done");
    publish("b", .on = "event.made.more");
    then("0 a heard by 1", "0 b heard by 0");
    check_eq(stats_now().channels, 2);
    gives(WEFT_EINVAL, subscribe("t", .to = "dispatch.made.x"));
    gives(WEFT_EINVAL, publish("a", .on = "dispatch.made.x"));
    gives(WEFT_ELIMIT, publish("aa", .on = "event.made.x"));
    check_eq(stats_now().channels, 2);
}

/* --- full inboxes ----------------------------------------------------------------------------- */

spec(oldest_makes_room_and_the_next_says_how_many_are_lost)
{
    channel(DONE);
    subscribe("s", .items_max = 2);
    for (int i = 0; i < 5; i++)
        publish(numbered("e", i));
    then("0 e0 heard by 1", "0 e1 heard by 1", "0 e2 heard by 1", "0 e3 heard by 1", "0 e4 heard by 1");
    take_events_up_to(1, "s");
    publish("e5");
    publish("e6");
    take_events("s");
    then("0 s takes e3 after 3 lost", "0 e5 heard by 1", "0 e6 heard by 1", "0 s takes e5 after 1 lost",
         "0 s takes e6");
    check_eq(subscription_now("s").delivered, 7);
    check_eq(subscription_now("s").taken, 3);
    check_eq(subscription_now("s").dropped, 4);
    check_eq(channel_now().dropped, 4);
    check_eq(stats_now().dropped, 4);
}

spec(oldest_makes_room_for_the_bytes_of_the_newcomer)
{
    channel(DONE);
    uint64_t charge = event_charge(DONE, 100);
    subscribe("s", .bytes_max = 3 * charge);
    subscribe("one", .items_max = 1, .bytes_max = charge);
    publish("a", .bytes = 100);
    publish("b", .bytes = 100);
    publish("c", .bytes = 100);
    check_eq(subscription_now("s").bytes, 3 * charge);
    publish("d", .bytes = 120);
    then("0 a heard by 2", "0 b heard by 2", "0 c heard by 2", "0 d heard by 1");
    take_events("s");
    then("0 s takes c after 2 lost", "0 s takes d");
    take_events("one");
    then("0 one takes c after 2 lost");
    publish("e", .bytes = 100);
    take_events("one");
    then("0 e heard by 2", "0 one takes e after 1 lost");
}

spec(event_beyond_bytes_max_is_lost_and_nothing_else)
{
    channel(DONE);
    subscribe("s", .bytes_max = 2 * event_charge(DONE, 10));
    publish("a", .bytes = 10);
    publish("large", .bytes = 1000);
    publish("b", .bytes = 10);
    then("0 a heard by 1", "0 large heard by 0", "0 b heard by 1");
    take_events("s");
    then("0 s takes a", "0 s takes b after 1 lost");
}

spec(newcomer_is_dropped_where_that_is_asked_for)
{
    channel(DONE);
    subscribe("s", .items_max = 2, .slow = WEFT_DROP_NEWEST);
    subscribe("t");
    for (int i = 0; i < 4; i++)
        publish(numbered("e", i));
    then("0 e0 heard by 2", "0 e1 heard by 2", "0 e2 heard by 1", "0 e3 heard by 1");
    take_events_up_to(1, "s");
    publish("e4");
    take_events("s");
    then("0 s takes e0", "0 e4 heard by 2", "0 s takes e1", "0 s takes e4 after 2 lost");
    check_eq(subscription_now("s").delivered, 3);
    check_eq(subscription_now("s").dropped, 2);
    check_eq(subscription_now("t").dropped, 0);
    check_eq(channel_now().delivered, 8);
    check_eq(channel_now().dropped, 2);
}

spec(event_lost_is_counted_where_it_was_published)
{
    channel(GONE);
    channel(DONE);
    subscribe("s", .to = "event.media.*", .items_max = 1);
    publish("a", .on = GONE);
    publish("b");
    check_eq(channel_now().dropped, 0);
    on(GONE);
    check_eq(channel_now().dropped, 1);
    delete_channel();
    channel(GONE);
    publish("c");
    check_eq(channel_now().dropped, 0);
    delete_channel();
    channel(GONE);
    publish("d"); /* drops what came on a channel that is no more */
    check_eq(channel_now().dropped, 0);
    check_eq(stats_now().dropped, 3);
    whatever();
}

/* --- lack of progress ------------------------------------------------------------------------- */

spec(one_that_takes_nothing_for_stall_ms_is_cut_off_by_the_next_event)
{
    channel(DONE);
    subscribe("s", .slow = WEFT_DISCONNECT, .items_max = 2, .stall_ms = 50);
    subscribe("t");
    publish("a");
    at(30);
    publish("b");
    at(49);
    publish("c");
    then("0 a heard by 2", "30 b heard by 2", "49 c heard by 1");
    check_true(wait_for_events("w", "t") == false);
    at(50);
    publish("d");
    publish("e");
    then("50 d heard by 1", "50 e heard by 1");
    check_eq(subscription_now("s").ended, WEFT_ESLOW);
    check_eq(channel_now().cut, 1);
    check_eq(stats_now().cut, 1);
    check_eq(channel_now().subscribers, 1);
    take_events("s");
    then("50 s takes a", "50 s takes b");
    gives(WEFT_ESLOW, take_events("s"));
    check_eq(subscription_now("s").dropped, 2);
}

spec(size_alone_cuts_nobody_off)
{
    channel(DONE);
    subscribe("s", .slow = WEFT_DISCONNECT, .items_max = 1, .stall_ms = 50);
    at(1000); /* it was empty all the time */
    publish("a");
    publish("b");
    at(1049);
    publish("c");
    take_events("s");
    at(2000);
    publish("d", .bytes = 10);
    at(2049);
    publish("e");
    at(2050);
    check_eq(subscription_now("s").ended, WEFT_OK);
    whatever();
}

spec(one_that_is_slow_but_goes_on_is_not_cut_off)
{
    channel(DONE);
    subscribe("s", .slow = WEFT_DISCONNECT, .items_max = 2, .stall_ms = 50);
    for (int i = 0; i < 20; i++) {
        at((uint64_t)i * 40);
        publish(numbered("a", i));
        publish(numbered("b", i));
        take_events_up_to(1, "s");
    }
    check_eq(subscription_now("s").ended, WEFT_OK);
    check_true(subscription_now("s").dropped > 10);
    whatever();
}

spec(calls_of_a_turn_are_progress)
{
    channel(DONE);
    group("g", 1);
    subscribe("s", .group = "g", .slow = WEFT_DISCONNECT, .items_max = 4, .stall_ms = 50, .told = true);
    for (int i = 0; i < 4; i++) { /* so that turns are longer */
        publish("x");
        turn("g");
    }
    for (int i = 0; i < 4; i++)
        publish("a");
    begin_turn("g");
    for (int i = 0; i < 4; i++)
        publish("b");
    for (uint64_t ms = 40; ms <= 160; ms += 40) {
        at(ms);
        check_true(hear("s"));
        publish("c");
    }
    check_eq(subscription_now("s").ended, WEFT_OK);
    at(209);
    publish("d");
    check_eq(subscription_now("s").ended, WEFT_OK);
    at(210); /* no call more since the one at 160 */
    publish("e");
    check_eq(subscription_now("s").ended, WEFT_ESLOW);
    whatever();
    end_turn("s");
    turn("g");
    then("210 g calls s", "210 s hears b", "210 s hears b", "210 s hears b", "210 s hears b", "210 s told WEFT_ESLOW");
    gives(WEFT_EAGAIN, turn("g"));
}

spec(cut_and_channels_that_are_made_are_noted)
{
    template("event.made.*");
    channel(DONE);
    session("p");
    open_notes();
    subscribe("s", .to = "event.made.a");
    publish("a", .on = "event.made.b");
    publish("a", .on = "event.made.b");
    subscribe("slow", .slow = WEFT_DISCONNECT, .items_max = 1, .of = "p");
    publish("a");
    at(10);
    publish("b");
    whatever();
    what_happened();
    then("10 noted channel_declared event.made.a 0", "10 noted channel_declared event.made.b 0",
         "10 noted cut event.media.done, p 0");
}

/* --- ends ------------------------------------------------------------------------------------- */

spec(no_event_after_the_link_fired)
{
    channel(DONE);
    session("p");
    subscribe("s", .of = "p");
    subscribe("t");
    publish("a");
    stop_steps();
    fire("p");
    publish("b");
    then("0 a heard by 2", "0 b heard by 1");
    check_eq(subscription_now("s").ended, WEFT_EDEAD);
    run_steps();
    take_events("s");
    then("0 s takes a");
    gives(WEFT_EDEAD, take_events("s"));
    check_eq(subscription_now("s").ended, WEFT_EDEAD);
    release("p");
    nothing_happens();
    unsubscribe("s");
    forget_subscription("s");
    then("0 p disarmed");
}

spec(deleting_ends_subscriptions_by_name_not_by_pattern)
{
    channel(DONE);
    subscribe("s");
    subscribe("p", .to = "event.media.*");
    publish("a");
    delete_channel();
    take_events("s");
    gives(WEFT_ECLOSED, take_events("s"));
    then("0 a heard by 2", "0 s takes a");
    channel(DONE);
    publish("b");
    then("0 b heard by 1");
    take_events("p");
    then("0 p takes a", "0 p takes b");
    check_eq(last_event().number, 1); /* of the new one */
}

spec(many_subscribers_of_a_deleted_channel_end_in_steps)
{
    channel(DONE);
    for (int i = 0; i < WEFT_SUBSCRIBERS_MAX; i++)
        subscribe(numbered("s", i));
    for (int i = 0; i < 2; i++)
        subscribe(numbered("p", i), .to = "event.*.*");
    stop_steps();
    delete_channel();
    gives(WEFT_ENOCHANNEL, publish("a", .on = DONE));
    channel(DONE); /* beside the old one */
    publish("b");
    then("0 b heard by 2");
    subscribe("new");
    run_steps();
    publish("c");
    then("0 c heard by 3");
    gives(WEFT_ECLOSED, take_events("s0"));
}

spec(drained_channel_takes_no_events_until_it_is_resumed)
{
    channel(DONE);
    subscribe("s");
    publish("a");
    gives(WEFT_EINVAL, pause_channel());
    drain_channel("w");
    check_eq(channel_now().state, WEFT_CHANNEL_DRAINED);
    gives(WEFT_ECLOSED, publish("b"));
    gives(WEFT_EINVAL, pause_channel());
    resume_channel();
    publish("c");
    take_events("s");
    then("0 a heard by 1", "0 c heard by 1", "0 s takes a", "0 s takes c");
}

spec(unsubscribed_is_gone_with_what_waits_for_it)
{
    channel(DONE);
    subscribe("s");
    publish("a");
    unsubscribe("s");
    gives(WEFT_ECLOSED, take_events("s"));
    publish("b");
    then("0 a heard by 1", "0 b heard by 0");
    forget_subscription("s");
    gives(WEFT_ECLOSED, take_events("s"));
    gives(WEFT_ENOTFOUND, subscription_now("s"));
    unsubscribe("s");
    check_eq(stats_now().subscriptions, 0);
}

/* --- turns ------------------------------------------------------------------------------------ */

spec(callbacks_of_a_group_take_turns)
{
    channel(DONE);
    group("g", 2);
    subscribe("s", .group = "g");
    subscribe("t", .group = "g");
    publish("a");
    publish("b");
    then("0 a heard by 2", "0 b heard by 2");
    turn("g");
    turn("g");
    turn("g");
    turn("g");
    then("0 g calls s", "0 s hears a", "0 g calls t", "0 t hears a", "0 g calls s", "0 s hears b", "0 g calls t",
         "0 t hears b");
    gives(WEFT_EAGAIN, turn("g"));
}

spec(one_thread_is_in_a_subscription_at_a_time)
{
    channel(DONE);
    group("g", 2);
    subscribe("s", .group = "g");
    publish("a");
    begin_turn("g");
    publish("b");
    gives(WEFT_EAGAIN, begin_turn("g"));
    then("0 a heard by 1", "0 g calls s", "0 b heard by 1");
    end_turn("s");
    begin_turn("g");
    then("0 s hears a", "0 g calls s");
    end_turn("s");
    then("0 s hears b");
}

spec(turns_are_longer_while_they_are_quick)
{
    channel(DONE);
    group("g", 1);
    subscribe("s", .group = "g");
    for (int i = 0; i < 130; i++)
        publish("x");
    whatever();
    uint64_t before = 0;
    for (uint64_t expected = 1; expected <= 64; expected *= 2) {
        turn("g");
        check_eq(subscription_now("s").taken - before, expected);
        before = subscription_now("s").taken;
    }
    for (int i = 0; i < 70; i++)
        publish("x");
    begin_turn("g");
    end_turn_slowly("s");
    check_eq(subscription_now("s").taken - before, 64);
    turn("g");
    check_eq(subscription_now("s").taken - before, 65);
    whatever();
    unsubscribe("s");
}

spec(who_is_being_called_is_found_in_short_holds)
{
    const char *pattern;
    uint64_t since_ns;
    uint32_t cursor = 0;
    group("g", 1);
    channel("event.media.begun");
    channel("event.media.half");
    for (int i = 0; i < CORE_HOLD_MAX; i++)
        subscribe(numbered("s", i), .to = i % 2 ? "event.media.begun" : "event.media.half", .group = "g");
    channel(DONE);
    subscribe("last", .group = "g");
    publish("a");
    at(20);
    begin_turn("g");
    whatever();
    check_true(!weft__core_any_turn(world.core, &cursor, &pattern, &since_ns));
    check_true(!pattern);
    check_eq(cursor, CORE_HOLD_MAX);
    check_true(weft__core_any_turn(world.core, &cursor, &pattern, &since_ns));
    check_str(pattern, DONE);
    check_eq(since_ns, subscription_named("last")->taken_ns);
    end_turn("last");
    whatever();
    cursor = 0;
    check_true(!weft__core_any_turn(world.core, &cursor, &pattern, &since_ns));
    check_true(weft__core_any_turn(world.core, &cursor, &pattern, &since_ns) && !pattern);
}

spec(end_is_told_once_after_the_last_event)
{
    channel(DONE);
    group("g", 1);
    subscribe("s", .group = "g", .told = true);
    subscribe("quiet", .group = "g");
    publish("a");
    publish("b");
    begin_turn("g");
    delete_channel();
    end_turn("s");
    turn("g");
    then("0 a heard by 2", "0 b heard by 2", "0 g calls s", "0 s hears a", "0 g calls quiet", "0 quiet hears a");
    turn("g");
    then("0 g calls s", "0 s hears b", "0 s told WEFT_ECLOSED");
    turn("g");
    then("0 g calls quiet", "0 quiet hears b");
    gives(WEFT_EAGAIN, turn("g"));
    unsubscribe("s");
    gives(WEFT_EAGAIN, turn("g"));
}

spec(end_of_an_idle_one_is_told_in_a_turn_of_its_own)
{
    channel(DONE);
    group("g", 1);
    session("p");
    subscribe("s", .group = "g", .told = true, .of = "p");
    check_true(wait_for_turn("thread", "g"));
    fire("p");
    then("0 thread woken");
    check_true(wait_quiet("quiet"));
    turn("g");
    then("0 g calls s", "0 s told WEFT_EDEAD", "0 quiet woken");
    gives(WEFT_EAGAIN, turn("g"));
}

spec(unsubscribe_ends_the_turn_at_the_call_under_way)
{
    channel(DONE);
    group("g", 1);
    subscribe("s", .group = "g", .told = true);
    for (int i = 0; i < 3; i++)
        publish(numbered("e", i));
    turn("g");
    begin_turn("g");
    check_true(hear("s"));
    whatever();
    check_true(wait_no_turn("w", "s"));
    unsubscribe("s");
    check_true(!hear("s"));
    nothing_happens();
    end_turn("s");
    then("0 w woken");
    gives(WEFT_EAGAIN, turn("g"));
    check_true(!wait_no_turn("w", "s"));
    forget_subscription("s");
    remove_group("g");
}

spec(group_that_is_heard_on_is_not_removed)
{
    channel(DONE);
    group("g", 1);
    subscribe("s", .group = "g");
    gives(WEFT_EBUSY, remove_group("g"));
    check_str(world.message, "1 subscriptions are heard on the group: unsubscribe them first");
    unsubscribe("s");
    gives(WEFT_EBUSY, remove_group("g"));
    forget_subscription("s");
    remove_group("g");
}

/* --- waiting ---------------------------------------------------------------------------------- */

spec(waiting_thread_is_woken_and_a_loop_that_watches_behind_it)
{
    channel(DONE);
    subscribe("s");
    check_true(watch_for_events("loop", "s"));
    check_true(wait_for_events("w1", "s"));
    check_true(wait_for_events("w2", "s"));
    publish("a");
    publish("b");
    then("0 a heard by 1", "0 w1 woken", "0 b heard by 1");
    take_events_up_to(1, "s"); /* and leaves something for the next */
    then("0 s takes a", "0 w2 woken");
    take_events("s");
    then("0 s takes b");
    publish("c");
    then("0 c heard by 1", "0 loop woken");
    check_true(!wait_for_events("w1", "s"));
}

spec(who_learns_of_the_end_tells_the_next)
{
    channel(DONE);
    subscribe("s");
    check_true(wait_for_events("w1", "s"));
    check_true(wait_for_events("w2", "s"));
    delete_channel();
    then("0 w1 woken");
    gives(WEFT_ECLOSED, take_events("s"));
    then("0 w2 woken");
}

spec(one_event_wakes_one_thread_of_a_group)
{
    channel(DONE);
    group("g", 2);
    subscribe("s", .group = "g");
    check_true(wait_for_turn("t1", "g"));
    check_true(wait_for_turn("t2", "g"));
    publish("a");
    publish("b");
    then("0 a heard by 1", "0 t1 woken", "0 b heard by 1");
    check_true(!wait_for_turn("t1", "g"));
    begin_turn("g");
    end_turn("s");
    check_true(!wait_for_turn("t1", "g"));
    unwait("t2");
    whatever();
}

/* --- closing ---------------------------------------------------------------------------------- */

spec(closing_waits_for_what_is_to_be_heard)
{
    channel(DONE);
    group("g", 1);
    subscribe("s", .group = "g", .told = true);
    subscribe("p");
    publish("a");
    close_node();
    gives(WEFT_ECLOSED, publish("b"));
    gives(WEFT_ECLOSED, subscribe("t"));
    check_true(wait_quiet("quiet"));
    turn("g");
    then("0 a heard by 2", "0 g calls s", "0 s hears a", "0 quiet woken");
    settle_all();
    turn("g");
    then("0 g calls s", "0 s told WEFT_ECLOSED");
    take_events("p");
    then("0 p takes a");
    gives(WEFT_ECLOSED, take_events("p"));
}

spec(what_is_not_heard_when_all_is_settled_is_not_heard_at_all)
{
    channel(DONE);
    group("g", 1);
    subscribe("s", .group = "g", .told = true);
    subscribe("t", .group = "g");
    for (int i = 0; i < 1000; i++)
        publish("x");
    turn("g");
    turn("g");
    begin_turn("g");
    whatever();
    close_node();
    stop_steps();
    settle_all();
    check_true(step());
    run_steps();
    check_true(wait_quiet("quiet"));
    check_true(!hear("s"));
    end_turn("s");
    nothing_happens();
    turn("g");
    then("0 g calls s", "0 s told WEFT_ECLOSED", "0 quiet woken");
    gives(WEFT_EAGAIN, turn("g"));
    check_eq(subscription_now("t").dropped, 999);
    check_eq(subscription_now("s").dropped, 997);
}

/* --- bounds ----------------------------------------------------------------------------------- */

spec(subscribers_and_patterns_have_bounds)
{
    channel(DONE);
    for (int i = 0; i < WEFT_SUBSCRIBERS_MAX; i++)
        subscribe(numbered("s", i));
    gives(WEFT_ELIMIT, subscribe("more"));
    check_str(world.message, "event.media.done: it has 192 subscribers by its name already");
    for (int i = 0; i < WEFT_PATTERNS_MAX; i++)
        subscribe(numbered("p", i), .to = "event.*.*");
    gives(WEFT_ELIMIT, subscribe("more", .to = "event.*.*"));
    check_str(world.message, "event.*.*: there are 64 subscriptions by pattern already");
    publish("a");
    then("0 a heard by 256");
    unsubscribe("p3");
    subscribe("more", .to = "event.*.*");
    unsubscribe("s3");
    subscribe("more");
    world.core->limits.subscriptions_max = stats_now().subscriptions;
    channel(GONE);
    gives(WEFT_ELIMIT, subscribe("still more"));
}

spec(large_event_evicts_many_small_ones_in_holds_of_256)
{
    channel(DONE);
    uint64_t small = event_charge(DONE, 1);
    subscribe("s", .items_max = 2000, .bytes_max = 2000 * small);
    for (int i = 0; i < 1000; i++)
        publish("x");
    whatever();
    stop_steps();
    publish("large", .bytes = (size_t)(1999 * small - event_charge(DONE, 0)));
    uint32_t left = subscription_now("s").items;
    check_true(left >= 1001 - CORE_HOLD_MAX - 1);
    while (step()) {
        check_true(left - subscription_now("s").items <= CORE_HOLD_MAX);
        left = subscription_now("s").items;
    }
    run_steps();
    check_true(subscription_now("s").bytes <= 2000 * small);
    check_true(subscription_now("s").items <= 2);
    check_eq(subscription_now("s").dropped, 1001 - subscription_now("s").items);
    whatever();
}

spec(many_subscriptions_of_the_dead_end_in_steps)
{
    channel(DONE);
    session("p");
    for (int i = 0; i < 150; i++)
        subscribe(numbered("s", i), .of = "p");
    for (int i = 0; i < 3; i++) {
        channel(numbered("event.media.c", i));
        for (int n = 0; n < 100; n++)
            subscribe("more", .of = "p");
    }
    stop_steps();
    fire("p");
    publish("a");
    then("0 a heard by 0");
    check_true(step());
    check_true(!step());
    check_eq(channel_now().subscribers, 0);
    run_steps();
}

spec(walk_tells_of_each_subscription_in_the_order_of_subscribing)
{
    weft_subscription_info info;
    uint64_t cursor = 0;
    size_t count;
    channel(DONE);
    session("p");
    subscribe("s", .of = "p", .items_max = 7, .bytes_max = 9999);
    subscribe("t", .to = "event.*.*", .slow = WEFT_DISCONNECT);
    publish("a");
    at(3);
    check_true(weft__core_subscriptions_next(world.core, world_now_ns(), &cursor, &info, 1, &count));
    check_eq(count, 1);
    check_str(info.pattern, DONE);
    check_str(info.participant, "p");
    check_eq(info.items_max, 7);
    check_eq(info.bytes_max, 9999);
    check_eq(info.items, 1);
    check_eq(info.bytes, event_charge(DONE, 1));
    check_eq(info.last_seen_ns, 3000000);
    check_true(weft__core_subscriptions_next(world.core, world_now_ns(), &cursor, &info, 1, &count));
    check_str(info.pattern, "event.*.*");
    check_str(info.participant, "host");
    check_eq(info.id, 2);
    check_eq(info.slow, WEFT_DISCONNECT);
    check_true(!weft__core_subscriptions_next(world.core, world_now_ns(), &cursor, &info, 1, &count));
    whatever();
}

spec(walk_over_what_was_forgotten_is_no_long_hold)
{
    enum { MANY = CORE_HOLD_MAX + 10 };
    weft_subscription_info info;
    uint64_t cursor = 0;
    size_t count;
    char names[MANY][16];
    channel(DONE);
    channel(GONE);
    for (int i = 0; i < MANY; i++) {
        snprintf(names[i], sizeof names[i], "s%d", i);
        subscribe(names[i], .to = i % 2 ? DONE : GONE);
    }
    for (int i = 0; i < MANY; i++) {
        unsubscribe(names[i]);
        forget_subscription(names[i]);
    }
    check_true(weft__core_subscriptions_next(world.core, world_now_ns(), &cursor, &info, 1, &count));
    check_eq(cursor, CORE_HOLD_MAX);
    check_eq(count, 0);
    check_true(!weft__core_subscriptions_next(world.core, world_now_ns(), &cursor, &info, 1, &count));
    whatever();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        promised(all_subscribers_hear_all_events_in_one_order),
        promised(who_subscribes_later_has_missed_it),
        promised(publishing_into_nothing_is_heard_by_nobody),
        promised(event_says_its_number_publisher_channel_and_time),
        promised(pattern_hears_the_event_channels_that_match_also_those_to_come),
        promised(subscriptions_that_change_are_heard_of_by_the_next_event),
        promised(what_is_refused_has_its_code_and_changes_nothing),
        promised(template_makes_the_channel_for_who_subscribes_or_publishes),
        promised(oldest_makes_room_and_the_next_says_how_many_are_lost),
        promised(oldest_makes_room_for_the_bytes_of_the_newcomer),
        promised(event_beyond_bytes_max_is_lost_and_nothing_else),
        promised(newcomer_is_dropped_where_that_is_asked_for),
        promised(event_lost_is_counted_where_it_was_published),
        promised(one_that_takes_nothing_for_stall_ms_is_cut_off_by_the_next_event),
        promised(size_alone_cuts_nobody_off),
        promised(one_that_is_slow_but_goes_on_is_not_cut_off),
        promised(calls_of_a_turn_are_progress),
        promised(cut_and_channels_that_are_made_are_noted),
        promised(no_event_after_the_link_fired),
        promised(deleting_ends_subscriptions_by_name_not_by_pattern),
        promised(many_subscribers_of_a_deleted_channel_end_in_steps),
        promised(drained_channel_takes_no_events_until_it_is_resumed),
        promised(unsubscribed_is_gone_with_what_waits_for_it),
        promised(callbacks_of_a_group_take_turns),
        promised(one_thread_is_in_a_subscription_at_a_time),
        promised(turns_are_longer_while_they_are_quick),
        promised(who_is_being_called_is_found_in_short_holds),
        promised(end_is_told_once_after_the_last_event),
        promised(end_of_an_idle_one_is_told_in_a_turn_of_its_own),
        promised(unsubscribe_ends_the_turn_at_the_call_under_way),
        promised(group_that_is_heard_on_is_not_removed),
        promised(waiting_thread_is_woken_and_a_loop_that_watches_behind_it),
        promised(who_learns_of_the_end_tells_the_next),
        promised(one_event_wakes_one_thread_of_a_group),
        promised(closing_waits_for_what_is_to_be_heard),
        promised(what_is_not_heard_when_all_is_settled_is_not_heard_at_all),
        promised(subscribers_and_patterns_have_bounds),
        promised(large_event_evicts_many_small_ones_in_holds_of_256),
        promised(many_subscriptions_of_the_dead_end_in_steps),
        promised(walk_tells_of_each_subscription_in_the_order_of_subscribing),
        promised(walk_over_what_was_forgotten_is_no_long_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
