/* fixture_event.h: the verbs of fixture.h that are about events:
 *
 *     channel("event.media.done");
 *     subscribe("s");
 *     subscribe("t", .group = "g");
 *     publish("a");
 *     then("0 a heard by 2");
 *     take_events("s");
 *     turn("g");
 *     then("0 s takes a", "0 g calls t", "0 t hears a");
 *
 * An event is called by its payload. The lines they write down:
 *
 *     a heard by 2                     published: so many inboxes have it
 *     s takes b after 2 lost           the subscriber got it, and has lost two before it
 *     g calls t                        a thread of the group has begun a turn of the subscription
 *     t hears a                        a call of it
 *     t told WEFT_EDEAD                its end is told */
#ifndef WEFT_TESTS_FIXTURE_EVENT_H
#define WEFT_TESTS_FIXTURE_EVENT_H

#include "lib/fixture.h"

struct subscribed {
    const char *to, *of; /* name or pattern, participant */
    const char *group;   /* a callback; NULL: pull */
    const char *far;     /* pull, in the line of that session: see fixture_remote.h */
    weft_slow slow;
    uint32_t items_max; /* 0 = 1024 */
    uint64_t bytes_max; /* 0 = plenty */
    uint32_t stall_ms;  /* 0 = 10 */
    bool told;          /* wants to know of its end */
};
#define subscribe(name, ...)                                                                                           \
    (world_here(CHECK_SITE("subscribe(" #name ")")), world_subscribe(name, &(struct subscribed){__VA_ARGS__}))
#define unsubscribe(name) world_verb(unsubscribe, name)
#define forget_subscription(name) world_verb(forget_subscription, name)
#define subscription_now(name) world_verb(subscription_now, name)     /* its weft_subscription_info */
#define subscription_named(name) world_verb(subscription_named, name) /* the core's record */

struct published {
    const char *on, *by;
    size_t bytes;     /* of the payload; 0 = as many as the name has */
    const char *seen; /* see fixture_contract.h */
};
#define publish(name, ...)                                                                                             \
    (world_here(CHECK_SITE("publish(" #name ")")), world_publish(name, &(struct published){__VA_ARGS__}))
#define event_charge(channel, bytes) world_event_charge(channel, bytes) /* what an inbox is charged for such a one */

#define take_events(name) world_verb(take_events, name, 256) /* WEFT_EAGAIN, or why there are none any more */
#define take_events_up_to(max, name) world_verb(take_events, name, max)
#define last_event() world_last_event() /* of the one taken last: its envelope; valid until the next is taken */

#define begin_turn(group) world_verb(begin_turn, group)  /* WEFT_EAGAIN: there is none */
#define hear(name) world_verb(hear, name)                /* one call of the turn; whether there is one to make */
#define end_turn(name) world_verb(end_turn, name, false) /* what is left of it */
#define end_turn_slowly(name) world_verb(end_turn, name, true)
#define turn(group) world_verb(turn, group)

#define wait_for_events(waiter, name) world_verb(wait_for_events, waiter, name)
#define watch_for_events(waiter, name) world_verb(watch_for_events, waiter, name)
#define wait_for_turn(waiter, group) world_verb(wait_for_turn, waiter, group) /* as wait_for_task, of a thread */
#define wait_no_turn(waiter, name) world_verb(wait_no_turn, waiter, name)     /* until no turn of it is under way */

void world_forget_subscriptions(void); /* with fixture.c: a new world */
void world_subscribe(const char *name, const struct subscribed *subscribed);
void world_unsubscribe(const char *name);
void world_forget_subscription(const char *name);
weft_subscription_info world_subscription_now(const char *name);
struct core_subscription *world_subscription_named(const char *name);
void world_publish(const char *name, const struct published *published);
uint64_t world_event_charge(const char *channel, size_t bytes);
void world_take_events(const char *name, size_t max);
struct core_event world_last_event(void);
void world_begin_turn(const char *group);
bool world_hear(const char *name);
void world_end_turn(const char *name, bool slow);
void world_turn(const char *group);
bool world_wait_for_events(const char *waiter, const char *name);
bool world_watch_for_events(const char *waiter, const char *name);
bool world_wait_for_turn(const char *waiter, const char *group);
bool world_wait_no_turn(const char *waiter, const char *name);

/* fixture.c, for fixture_event.c */
struct check_site world_site(void);
void world_broken(const char *sentence, const char *what);
void world_note(const char *sentence);
void world_result(weft_error error);
void world_after_entry(void);
const char *world_channel_or(const char *named);
struct core_group *world_group_named(const char *name);
struct core_waiter *world_waiter_named(const char *name);

/* The same, for fixture_client.c. */
void world_forget_node(void);
void world_know(const char *name, weft_dispatch_id id); /* a dispatch that the node has made */
const char *world_name_of(weft_dispatch_id id);
uint64_t world_subscription_handle(const char *name);

#endif
