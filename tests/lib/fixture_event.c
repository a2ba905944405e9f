#include "lib/fixture_event.h"

#include "lib/fixture_contract.h"
#include "lib/fixture_remote.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/namemap.h"

/* The fixture calls the core, never its own verbs. */
#undef group
#undef turn
#undef channel

enum { SUBSCRIPTIONS_MAX = 512, NAME_SIZE = 24 };

struct known_subscription {
    char name[NAME_SIZE];
    uint64_t handle;
    struct core_dest inbox;
    struct core_turn turn;
    size_t called; /* of the turn */
    bool in_turn;
};

static struct known_subscription subscriptions[SUBSCRIPTIONS_MAX];
static size_t subscriptions_count;
static struct core_event last;
static char last_channel[WEFT_CHANNEL_NAME_MAX + 1];

void world_forget_subscriptions(void)
{
    subscriptions_count = 0;
}

/* The newest of that name. */
static struct known_subscription *the_known(const char *name)
{
    for (size_t i = subscriptions_count; i-- > 0;)
        if (strcmp(subscriptions[i].name, name) == 0) return &subscriptions[i];
    world_broken("there is no subscription of that name", name);
    return NULL;
}

__attribute__((format(printf, 1, 2))) static void note(const char *format, ...)
{
    char line[128];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    world_note(line);
}

/* --- subscribing ------------------------------------------------------------------------------ */

void world_subscribe(const char *name, const struct subscribed *subscribed)
{
    if (subscriptions_count == SUBSCRIPTIONS_MAX) world_broken("the fixture has no room for another", name);
    struct known_subscription *known = &subscriptions[subscriptions_count];
    memset(known, 0, sizeof *known);
    snprintf(known->name, sizeof known->name, "%s", name);
    weft__core_dest_init(&known->inbox);
    const char *pattern = world_channel_or(subscribed->to);
    const struct core_subscription_spec spec = {.pattern = pattern,
                                                .hash = weft__name_hash(pattern),
                                                .session = world_handle_of(subscribed->far  ? subscribed->far
                                                                           : subscribed->of ? subscribed->of
                                                                                            : "host"),
                                                .slow = subscribed->slow,
                                                .items_max = subscribed->items_max ? subscribed->items_max : 1024,
                                                .bytes_max = subscribed->bytes_max ? subscribed->bytes_max : 1 << 26,
                                                .stall_ms = subscribed->stall_ms ? subscribed->stall_ms : 10,
                                                .group =
                                                    subscribed->group ? world_group_named(subscribed->group) : NULL,
                                                .dest = subscribed->group ? NULL
                                                        : subscribed->far ? world_line_of(subscribed->far)
                                                                          : &known->inbox,
                                                .tells = subscribed->told,
                                                .context = known};
    weft_error error = weft__core_subscribe(world.core, world_now_ns(), &spec, &known->handle, world.message);
    if (!error) subscriptions_count++;
    world_after_entry();
    world_result(error);
}

void world_unsubscribe(const char *name)
{
    weft__core_unsubscribe(world.core, world_now_ns(), the_known(name)->handle);
    world_after_entry();
}

void world_forget_subscription(const char *name)
{
    struct inbox inbox;
    weft__core_subscription_forget(world.core, the_known(name)->handle, &inbox);
    weft__inbox_free(&inbox, world.core->mem);
    world_after_entry();
}

weft_subscription_info world_subscription_now(const char *name)
{
    weft_subscription_info info = {.pattern = ""};
    world_result(weft__core_subscription_info(world.core, world_now_ns(), the_known(name)->handle, &info));
    return info;
}

uint64_t world_subscription_handle(const char *name)
{
    return the_known(name)->handle;
}

struct core_subscription *world_subscription_named(const char *name)
{
    return weft__slotmap_find(&world.core->subscriptions, the_known(name)->handle);
}

/* --- publishing ------------------------------------------------------------------------------- */

static struct message *event_of(const char *channel, const char *name, size_t bytes)
{
    static char text[1 << 18];
    size_t length = strlen(name);
    check_true_at(world_site(), bytes <= sizeof text && length < sizeof text);
    memset(text, 0, bytes > length ? bytes : length);
    memcpy(text, name, length);
    return weft__event_new(&world.messages.mem, channel, text, bytes ? bytes : length, NULL);
}

uint64_t world_event_charge(const char *channel, size_t bytes)
{
    struct message *message = event_of(channel, "", bytes);
    uint64_t charge = weft__inbox_charge(message);
    weft__message_drop(message);
    return charge;
}

void world_publish(const char *name, const struct published *published)
{
    const char *channel = world_channel_or(published->on);
    struct core_publication publication = {.channel = channel,
                                           .channel_hash = weft__name_hash(channel),
                                           .message = event_of(channel, name, published->bytes),
                                           .session = world_handle_of(published->by ? published->by : "host"),
                                           .wall_ns = 7 * NS_PER_S};
    uint32_t heard = 0;
    struct contract *wanted = NULL;
    publication.wanted = &wanted;
    if (published->seen) weft__message_meet(publication.message, world_seen(published->seen));
    weft_error error;
    while ((error = weft__core_publish(world.core, world_now_ns(), &publication, &heard, world.message)) ==
           WEFT_ESTALE) {
        if (!published->seen) weft__message_meet(publication.message, wanted);
        weft__contract_drop(wanted);
        if (published->seen) break;
    }
    if (error)
        weft__message_drop(publication.message);
    else
        note("%s heard by %u", name, heard);
    world_after_entry();
    world_result(error);
}

/* --- taking ----------------------------------------------------------------------------------- */

static void got(const char *who, const char *verb, const struct inbox_entry *entry)
{
    const struct core_event *event = weft__event_of(entry->message);
    last = *event;
    snprintf(last_channel, sizeof last_channel, "%s", event->channel);
    last.channel = last_channel;
    if (entry->dropped)
        note("%s %s %s after %u lost", who, verb, (const char *)entry->message->bytes, entry->dropped);
    else
        note("%s %s %s", who, verb, (const char *)entry->message->bytes);
    weft__message_drop(entry->message);
}

struct core_event world_last_event(void)
{
    return last;
}

/* One at a time, so that it stands behind the others in between. */
void world_take_far_events(void *context)
{
    struct known_subscription *known = context;
    struct inbox_entry entry;
    size_t count = 0;
    weft_error error = weft__core_events_take(world.core, world_now_ns(), known->handle, &entry, 1, &count);
    check_true_at(world_site(), error != WEFT_EAGAIN);
    if (error)
        note("%s told WEFT_%s", known->name, error == WEFT_EDEAD ? "EDEAD" : error == WEFT_ESLOW ? "ESLOW" : "ECLOSED");
    else
        got(known->name, "takes", &entry);
}

void world_take_events(const char *name, size_t max)
{
    struct inbox_entry entries[CORE_HOLD_MAX];
    size_t count = 0;
    weft_error error =
        weft__core_events_take(world.core, world_now_ns(), the_known(name)->handle, entries, max, &count);
    for (size_t i = 0; i < count; i++)
        got(name, "takes", &entries[i]);
    check_eq_at(world_site(), error == WEFT_OK, count > 0);
    world_after_entry();
    world_result(error);
}

/* --- turns ------------------------------------------------------------------------------------ */

static struct known_subscription *begin(const char *group)
{
    struct core_turn turn;
    if (!weft__core_turn_take(world.core, world_now_ns(), world_group_named(group), &turn)) return NULL;
    struct known_subscription *known = turn.context;
    check_true_at(world_site(), !known->in_turn);
    known->turn = turn;
    known->called = 0;
    known->in_turn = true;
    note("%s calls %s", group, known->name);
    world_after_entry();
    return known;
}

static bool call(struct known_subscription *known)
{
    if (known->called == known->turn.count || !weft__core_call_begin(known->turn.subscription)) return false;
    got(known->name, "hears", &known->turn.entries[known->called++]);
    weft__core_call_end(known->turn.subscription);
    return true;
}

static void end(struct known_subscription *known, bool slow)
{
    while (call(known))
        ;
    while (known->called < known->turn.count)
        weft__message_drop(known->turn.entries[known->called++].message);
    if (known->turn.ended) note("%s told %s", known->name, weft_error_name(known->turn.ended));
    known->in_turn = false;
    weft__core_turn_done(world.core, world_now_ns(), known->turn.subscription, slow);
    world_after_entry();
}

void world_begin_turn(const char *group)
{
    world_result(begin(group) ? WEFT_OK : WEFT_EAGAIN);
}

bool world_hear(const char *name)
{
    return call(the_known(name));
}

void world_end_turn(const char *name, bool slow)
{
    struct known_subscription *known = the_known(name);
    if (!known->in_turn) world_broken("it is in no turn", name);
    end(known, slow);
}

void world_turn(const char *group)
{
    struct known_subscription *known = begin(group);
    if (known) end(known, false);
    world_result(known ? WEFT_OK : WEFT_EAGAIN);
}

/* --- waiting ---------------------------------------------------------------------------------- */

static bool waited(bool left)
{
    world_after_entry();
    return left;
}

bool world_wait_for_events(const char *waiter, const char *name)
{
    return waited(weft__core_dest_wait(&the_known(name)->inbox, world_waiter_named(waiter)));
}

bool world_watch_for_events(const char *waiter, const char *name)
{
    return waited(weft__core_dest_watch(&the_known(name)->inbox, world_waiter_named(waiter)));
}

bool world_wait_for_turn(const char *waiter, const char *group)
{
    struct core_group *waits = world_group_named(group);
    return waited(list_empty(&waits->turns) && weft__core_dest_wait(&waits->dest, world_waiter_named(waiter)));
}

bool world_wait_no_turn(const char *waiter, const char *name)
{
    return waited(weft__core_subscription_wait_idle(world.core, the_known(name)->handle, world_waiter_named(waiter)));
}
