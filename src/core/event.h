/* event.h: the part of core.h that is about events; see event.c. */
#ifndef WEFT_CORE_EVENT_H
#define WEFT_CORE_EVENT_H

#include "core/core.h"
#include "core/inbox.h"

enum { CORE_TURN_MAX = 64 }; /* events of one turn, at most */

/* What an event's message carries at its end. */
struct core_event {
    uint64_t number;
    uint64_t publisher; /* its half of a dispatch's id */
    uint64_t published_wall_ns;
    uint64_t channel_handle;
    const char *channel; /* in the message, too */
};

/* Copies; the core fills in the rest of the event when it is published. NULL: out of memory. */
struct message *weft__event_new(const struct mem *mem, const char *channel, const void *data, size_t size_bytes,
                                const char *content_type);

/* Fills in what its node has said of an event that was made for weft__core_deliver. */
void weft__event_stamp(struct message *message, uint64_t number, uint64_t publisher, uint64_t published_wall_ns);

static inline const struct core_event *weft__event_of(const struct message *message)
{
    return weft__message_extra(message, sizeof(struct core_event));
}

/* Borrows everything but the message. */
struct core_publication {
    const char *channel;
    uint64_t channel_hash;
    struct message *message; /* made by weft__event_new for that channel; takes, if it is WEFT_OK */
    uint64_t session;        /* the publisher's */
    uint64_t publisher;      /* its half of a dispatch's id, where that is another process's; 0 = the session's */
    uint64_t wall_ns;
    struct contract **wanted; /* with WEFT_ESTALE: gives what the message has to meet now; NULL = nothing */
};

struct core_subscription_spec {
    const char *pattern; /* or name; copies */
    uint64_t hash;       /* of it */
    uint64_t session;
    weft_slow slow;
    uint32_t items_max;
    uint64_t bytes_max;
    uint32_t stall_ms;
    uint32_t event_bytes_max; /* of a payload; a larger one is dropped and counted. 0 = no bound */
    struct core_group *group; /* where it is heard; NULL: pull */
    struct core_dest *dest;   /* pull: its owner waits there; outlives it */
    bool tells;               /* its end is to be told, in a turn; pull: by its item in dest, as events are */
    void *context;            /* the shell's; comes back with its turns */
};

struct core_subscription;

/* Some events of one subscription, for a thread of its group to call for. */
struct core_turn {
    struct core_subscription *subscription; /* there until the turn is done */
    void *context;
    size_t count;
    weft_error ended;                          /* not WEFT_OK: that is to be told, after the events */
    struct inbox_entry entries[CORE_TURN_MAX]; /* gives their references */
};

/* What the public header says of each. message gets the sentence of an error, if there is more to say than its code.
 * publish: WEFT_ESTALE: as weft__core_dispatch. refuse: counts one that the channel's contract refused. */
weft_error weft__core_publish(struct core *core, uint64_t now_ns, const struct core_publication *publication,
                              uint32_t *heard, char *message);
void weft__core_publish_refuse(struct core *core, const char *channel, uint64_t channel_hash);
/* Whether the channel is there and takes such a payload: to ask before it is copied. */
bool weft__core_publish_fits(struct core *core, const char *channel, uint64_t channel_hash, size_t size_bytes);
weft_error weft__core_subscribe(struct core *core, uint64_t now_ns, const struct core_subscription_spec *spec,
                                uint64_t *subscription, char *message);

/* Pull: up to max of the oldest. WEFT_EAGAIN: none now; else why there will be none any more. */
weft_error weft__core_events_take(struct core *core, uint64_t now_ns, uint64_t subscription,
                                  struct inbox_entry *entries, size_t max, size_t *count);

/* The next turn of the group. False: there is none. done: hands it in, after which it may come again; slow: it took so
 * long that the next shall be shorter. Who takes one and sees more work in the group wakes another of its threads; who
 * hands one in looks again. */
bool weft__core_turn_take(struct core *core, uint64_t now_ns, struct core_group *group, struct core_turn *turn);
void weft__core_turn_done(struct core *core, uint64_t now_ns, struct core_subscription *subscription, bool slow);
/* By who makes the calls of a turn, without the lock. begin: false: nothing of what is left is called any more. end: one
 * call has returned. */
bool weft__core_call_begin(struct core_subscription *subscription);
void weft__core_call_end(struct core_subscription *subscription);

/* Ends it: nothing is taken any more. wait_idle: leaves the waiter until no turn of it is under way; false: none is.
 * forget, then: its handle is stale; the inbox is the caller's to free, without the lock. */
void weft__core_unsubscribe(struct core *core, uint64_t now_ns, uint64_t subscription);
bool weft__core_subscription_wait_idle(struct core *core, uint64_t subscription, struct core_waiter *waiter);
void weft__core_subscription_forget(struct core *core, uint64_t subscription, struct inbox *inbox);

weft_error weft__core_subscription_info(struct core *core, uint64_t now_ns, uint64_t subscription,
                                        weft_subscription_info *info);
/* A page of subscriptions: at most max rows, their number in *count, perhaps none. *cursor starts at 0; false: no
 * more. */
bool weft__core_subscriptions_next(struct core *core, uint64_t now_ns, uint64_t *cursor, weft_subscription_info *rows,
                                   size_t max, size_t *count);
/* Some subscription in a turn, by its pattern, and when it was taken; as weft__core_any_task. */
bool weft__core_any_turn(const struct core *core, uint32_t *cursor, const char **pattern, uint64_t *since_ns);

#endif
