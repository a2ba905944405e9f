/* weft/event.h: events: published once, heard by everybody who subscribed.
 *
 * An event goes into the inbox of each subscriber at the moment it is published, shared by reference; all of a channel's
 * subscribers see its events in the same order. An inbox is bounded in items and bytes, and says what it does when it is
 * full; nobody waits for anybody. Events are not kept: who subscribes later has missed them. */
#ifndef WEFT_EVENT_H
#define WEFT_EVENT_H

#include <weft/types.h>

/* What a full inbox does. */
typedef enum weft_slow {
    WEFT_DROP_OLDEST = 0, /* the oldest make room for the newcomer, unless it is over bytes_max itself: it is dropped */
    WEFT_DROP_NEWEST,     /* the newcomer is dropped */
    WEFT_DISCONNECT /* the newcomer is dropped; and a subscriber that has taken nothing for stall_ms, none of whose
                             calls of heard has returned either, is cut off. One that is slow but goes on is not. */
} weft_slow;

typedef struct weft_event {
    const char *channel;        /* where it was published. Lends, like all of it, until it is released. */
    uint64_t number;            /* the channel's count, from 1 */
    uint64_t publisher;         /* whose: as the session of a weft_dispatch_id */
    uint64_t published_wall_ns; /* CLOCK_REALTIME since 1970 */
    weft_bytes payload;
    const char *content_type; /* or NULL */
    uint32_t dropped;         /* events that this subscriber lost between the one before and this */
    const uint8_t *schema_id; /* of WEFT_SCHEMA_ID_BYTES: the schema that it matches; NULL: it met none */
    void *memory;             /* ours */
} weft_event;

typedef struct weft_subscribe_options {
    uint32_t version; /* filled in by WEFT_SUBSCRIBE_OPTIONS */
    weft_slow slow;
    uint32_t items_max;                           /* of its inbox, 1 to WEFT_INBOX_MAX */
    uint64_t bytes_max;                           /* of what waits there, envelopes included */
    uint32_t stall_ms;                            /* for WEFT_DISCONNECT, not 0; WEFT_FOREVER = nobody is cut off */
    uint32_t flags;                               /* WEFT_OWNER_THREAD: the calling thread is the participant */
    weft_participant *participant;                /* with whom it ends; NULL = the process */
    weft_group *group;                            /* where heard runs; NULL = the node's default group; not for pull */
    void (*ended)(weft_error why, void *context); /* callback subscribers: called once, after the last event, where it
        ended otherwise than by weft_unsubscribe: WEFT_ESLOW, WEFT_EDEAD, WEFT_ECLOSED. NULL = nobody wants to know */
} weft_subscribe_options;

#define WEFT_SUBSCRIBE_OPTIONS_VALUES 1, WEFT_DROP_OLDEST, 1024, UINT64_C(67108864), 10000, 0, 0, 0, 0
#ifdef __cplusplus
#define WEFT_SUBSCRIBE_OPTIONS (weft_subscribe_options{WEFT_SUBSCRIBE_OPTIONS_VALUES})
#else
#define WEFT_SUBSCRIBE_OPTIONS                                                                                         \
    {                                                                                                                  \
        WEFT_SUBSCRIBE_OPTIONS_VALUES                                                                                  \
    }
#endif

typedef struct weft_publish_options {
    uint32_t version;              /* filled in by WEFT_PUBLISH_OPTIONS */
    const char *content_type;      /* copies; NULL = none */
    weft_participant *participant; /* who publishes; NULL = the process */
    uint32_t flags;                /* WEFT_OWNER_THREAD: the calling thread; WEFT_NO_WAIT */
} weft_publish_options;

enum weft_publish_flags {
    WEFT_NO_WAIT =
        4 /* on a client node: WEFT_OK says that the event is on its way, in the order of such calls of this thread;
                        heard is not told; what the node refuses is told to the hooks (WEFT_NODE_REFUSED). Waits only while
                        the connection takes no more. Elsewhere: nothing. */
};

#define WEFT_PUBLISH_OPTIONS_VALUES 1, 0, 0, 0
#ifdef __cplusplus
#define WEFT_PUBLISH_OPTIONS (weft_publish_options{WEFT_PUBLISH_OPTIONS_VALUES})
#else
#define WEFT_PUBLISH_OPTIONS                                                                                           \
    {                                                                                                                  \
        WEFT_PUBLISH_OPTIONS_VALUES                                                                                    \
    }
#endif

/* Subscribers to one channel by its name, subscriptions by pattern of a node, items of an inbox: at most. A publish
 * reaches all of its subscribers in one hold of the node's lock, which is what bounds the first two. */
enum { WEFT_SUBSCRIBERS_MAX = 192, WEFT_PATTERNS_MAX = 64, WEFT_INBOX_MAX = 65536 };

typedef struct weft_subscription_info {
    char pattern[WEFT_CHANNEL_NAME_MAX + 1]; /* or name */
    char participant[WEFT_NAME_MAX + 1];
    uint64_t id; /* rises in the order of subscribing; never used again */
    weft_slow slow;
    weft_error ended;   /* WEFT_OK while it lives; else why it ended */
    uint32_t items;     /* now: in its inbox */
    uint32_t items_max; /* its bounds */
    uint64_t bytes, bytes_max;
    uint64_t delivered;    /* into its inbox */
    uint64_t taken;        /* from it */
    uint64_t dropped;      /* from it or before it */
    uint64_t last_seen_ns; /* since it last took something, or since it subscribed */
} weft_subscription_info;

#ifdef __cplusplus
extern "C" {
#endif

/* Publishes an event. payload: copies. options: borrows, NULL = defaults. *heard (may be NULL) is the number of
 * subscribers who have it in their inbox now; 0 is no error. Never blocks for long, whoever is slow.
 * WEFT_ENOCHANNEL: not declared, and no template makes it; WEFT_EINVAL: no event channel, or an option; WEFT_ELIMIT: over
 * the channel's payload_bytes_max; WEFT_EMISMATCH: its schema refuses it, the message says where and what, or its content
 * type; WEFT_ECLOSED: the node closes, or the channel is drained; WEFT_EDEAD: the
 * participant; WEFT_ENOMEM: nobody has it. Any thread, handlers and callbacks too. */
WEFT_API weft_error weft_publish(weft_node *node, const char *channel, weft_bytes payload,
                                 const weft_publish_options *options, uint32_t *heard);

/* Subscribes to an event channel by its name, or to all whose names match a pattern, those to come included. heard is
 * called with each event on a thread of the group, one call at a time and in order; the event is lent for the call.
 * heard NULL: the subscriber pulls with weft_subscription_next. options: copies, NULL = defaults. Gives: end it with
 * weft_unsubscribe. A subscriber that blocks in heard keeps a thread of its group: give it one of its own.
 * WEFT_ENOCHANNEL: a name that is not declared, and no template makes it; WEFT_EINVAL; WEFT_EDEAD: the participant;
 * WEFT_ELIMIT: the message names the bound; WEFT_ENOMEM; WEFT_ESYSTEM: no thread; WEFT_ECLOSED. Any thread. */
WEFT_API weft_error weft_subscribe(weft_node *node, const char *pattern,
                                   void (*heard)(const weft_event *event, void *context), void *context,
                                   const weft_subscribe_options *options, weft_subscription **subscription);

/* Ends it: no event comes after, what is in the inbox is gone, and the handle. Waits for a call of heard under way; calls
 * of weft_subscription_next return WEFT_ECLOSED first.
 * WEFT_EDEADLK: called from there: nothing has changed. NULL: WEFT_OK. */
WEFT_API weft_error weft_unsubscribe(weft_subscription *subscription);

/* Takes up to max events from the inbox, 256 at most, oldest first. Gives *count events: release each. timeout_ms 0
 * asks without waiting. What is left in the inbox of a subscription that has ended can still be taken. WEFT_EAGAIN:
 * none now (timeout 0); WEFT_ETIMEDOUT; WEFT_ESLOW: cut off; WEFT_EDEAD: its participant died; WEFT_ECLOSED: its
 * channel was deleted, or the node closes; WEFT_EINVAL: has a callback. Any thread, several at once; blocks. */
WEFT_API weft_error weft_subscription_next(weft_subscription *subscription, uint32_t timeout_ms, weft_event *events,
                                           size_t max, size_t *count);

/* An eventfd that is readable when weft_subscription_next may have something, or an end to tell: for the host's own loop.
 * Read it, then call weft_subscription_next(subscription, 0, …) until WEFT_EAGAIN. Lends until weft_unsubscribe.
 * WEFT_EINVAL: has a callback; WEFT_ESYSTEM. */
WEFT_API weft_error weft_subscription_fd(weft_subscription *subscription, int *fd);

/* Gives back what the event holds, and clears it. Accepts NULL and a cleared or zeroed event. Any thread; before the
 * node is closed. */
WEFT_API void weft_event_release(weft_event *event);

/* How it does. WEFT_EINVAL. Any thread. */
WEFT_API weft_error weft_subscription_info_get(weft_subscription *subscription, weft_subscription_info *info);

/* "drop_oldest", "drop_newest", "disconnect". Static text; any thread. */
WEFT_API const char *weft_slow_name(weft_slow slow);

#ifdef __cplusplus
}
#endif

#endif
