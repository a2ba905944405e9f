/* weft/channel.h: channels: named queues of work with a policy, and names to publish on (weft/event.h).
 *
 * A name is <kind>.<namespace>.<name>; kinds are dispatch, event, signal and history, of which this version serves
 * dispatch and event. Parts are 1 to 64 of [A-Za-z0-9_-].
 * A pattern is a name in whose parts a * stands for any run of characters: "dispatch.media.*". */
#ifndef WEFT_CHANNEL_H
#define WEFT_CHANNEL_H

#include <weft/types.h>

typedef enum weft_policy {
    WEFT_ROUND_ROBIN = 0, /* the eligible worker that was chosen, or became free, longest ago */
    WEFT_LEAST_LOADED,    /* the one with the fewest attempts in flight; ties: the one registered first */
    WEFT_STICKY           /* by the dispatch's sticky key, on a consistent-hash ring of the eligible ones */
} weft_policy;

typedef enum weft_queue_full {
    WEFT_REJECT = 0,  /* the newcomer is rejected, with a time to retry after */
    WEFT_SHED_LOWEST, /* the newest of the lowest priority below the newcomer's is rejected instead, if there is one */
    WEFT_BLOCK        /* weft_dispatch waits for room, within its times; other forms are rejected */
} weft_queue_full;

typedef enum weft_crash {
    WEFT_CRASH_INHERIT = 0, /* in a dispatch: what the channel says; in a channel: WEFT_CRASH_FAIL */
    WEFT_CRASH_FAIL,        /* the outcome is worker_died: it ran at most once */
    WEFT_CRASH_REDISPATCH   /* another attempt, up to attempts_max: at least once, attempts fenced */
} weft_crash;

typedef enum weft_no_worker {
    WEFT_NO_WORKER_INHERIT = 0, /* in a dispatch: what the channel says; in a channel: WEFT_NO_WORKER_WAIT */
    WEFT_NO_WORKER_WAIT,        /* wait for one, within the times; waiting spends no attempts */
    WEFT_NO_WORKER_REJECT       /* rejected at once where no worker is registered that could ever take it */
} weft_no_worker;

/* Why a dispatch is rejected: a reply's code, a ticket's reason. */
#define WEFT_REJECTIONS(X)                                                                                             \
    X(QUEUE_FULL, 0, "queue_full")               /* try again later, or make the queue deeper */                       \
    X(SHED, 1, "shed")                           /* admitted, and given up for one of higher priority */               \
    X(NO_WORKER, 2, "no_worker")                 /* nobody is registered that could ever take it */                    \
    X(DRAINING, 3, "draining")                   /* the channel admits nothing */                                      \
    X(PAYLOAD_TOO_LARGE, 4, "payload_too_large") /* over payload_bytes_max */                                          \
    X(CONFLICT, 5, "conflict")                   /* its key stands for another payload */                              \
    X(KEYS_FULL, 6, "keys_full")                 /* dedup_max keys are of dispatches that are open */                  \
    X(SCHEMA_MISMATCH, 7, "schema_mismatch") /* no JSON, none that the channel's schema takes, or beyond its bounds */ \
    X(CONTENT_TYPE, 8, "content_type")       /* the channel has a schema, and this is not JSON */

typedef enum weft_rejection {
#define WEFT_REJECTION_ENUM(name, number, text) WEFT_REJECTED_##name = number,
    WEFT_REJECTIONS(WEFT_REJECTION_ENUM)
#undef WEFT_REJECTION_ENUM
        WEFT_REJECTIONS_COUNT
} weft_rejection;

typedef struct weft_channel_options {
    uint32_t version; /* filled in by WEFT_CHANNEL_OPTIONS */
    weft_policy policy;
    weft_queue_full queue_full;
    uint32_t depth_max; /* dispatches waiting for a worker, besides those that came back; 0 = none: busy at once */
    uint64_t bytes_max; /* of what waits, envelopes included; 0 = nothing waits, as where depth_max is 0 */
    uint32_t payload_bytes_max; /* of one payload */
    weft_crash on_crash;
    uint32_t attempts_max;       /* where a crash re-dispatches; 1 to 16 */
    uint32_t redispatch_wait_ms; /* wait this long for a worker not yet tried, before a tried one will do;
                                    WEFT_FOREVER = none that it died of gets it again */
    bool overlapping;            /* re-dispatch at once, also while the old attempt may still be running */
    bool durable;                /* refused with WEFT_EUNSUPPORTED: nothing survives the node's process */
    weft_no_worker no_worker;
    uint32_t starve_ms; /* a priority whose head waited this long gets one turn in 16; not 0; WEFT_FOREVER = none */
    uint32_t cancel_grace_ms;      /* a running task has this long to acknowledge a cancel */
    uint32_t schedule_to_start_ms; /* defaults of its dispatches; WEFT_FOREVER = none */
    uint32_t start_to_close_ms;
    uint32_t schedule_to_close_ms;
    uint32_t heartbeat_ms;
    const char *dead_letter; /* copies; the dispatch channel, declared before, that keeps what ends worker_died or
                                timed_out here (weft/letter.h); NULL = none */
    uint32_t dedup_ms;  /* how long after its end a dispatch with a key answers for its repeats; 0 = as long as it is
                                open; WEFT_FOREVER = until it makes room */
    uint32_t dedup_max; /* keys remembered at a time: the oldest that has ended makes room, also where what is
                                remembered and what waits exceed bytes_max; 0 = no dispatch may have a key */
    const char *schema; /* copies; the registered schema (weft/contract.h) of requests or events; NULL = none */
    const char *result_schema; /* copies; that of results; NULL = none */
    bool opaque; /* payloads and results of other content types than JSON pass unseen, though there is a schema */
} weft_channel_options;

#define WEFT_CHANNEL_OPTIONS_VALUES                                                                                    \
    1, WEFT_ROUND_ROBIN, WEFT_REJECT, 1024, UINT64_C(67108864), 16777216, WEFT_CRASH_FAIL, 3, 0, false, false,         \
        WEFT_NO_WORKER_WAIT, 10000, 5000, WEFT_FOREVER, WEFT_FOREVER, WEFT_FOREVER, WEFT_FOREVER, 0, 60000, 16384, 0,  \
        0, false
#ifdef __cplusplus
#define WEFT_CHANNEL_OPTIONS (weft_channel_options{WEFT_CHANNEL_OPTIONS_VALUES})
#else
#define WEFT_CHANNEL_OPTIONS                                                                                           \
    {                                                                                                                  \
        WEFT_CHANNEL_OPTIONS_VALUES                                                                                    \
    }
#endif

typedef enum weft_channel_state {
    WEFT_CHANNEL_OPEN = 1,
    WEFT_CHANNEL_PAUSED,   /* admits, hands out nothing */
    WEFT_CHANNEL_DRAINING, /* admits nothing, works off what it has */
    WEFT_CHANNEL_DRAINED   /* nothing waits, nothing runs; resume opens it again */
} weft_channel_state;

typedef struct weft_channel_info {
    char name[WEFT_CHANNEL_NAME_MAX + 1];
    weft_channel_state state;
    weft_policy policy;
    uint32_t workers;          /* now: registered */
    uint32_t workers_eligible; /* now: registered, armed, with a free slot */
    uint32_t queued;           /* now: waiting for a worker */
    uint64_t queued_bytes;
    uint32_t queued_by_priority[4]; /* index: weft_priority - 1 */
    uint64_t oldest_wait_ns;        /* age of the oldest at the head of a priority; 0 = none waits */
    uint32_t in_flight;             /* now: attempts handed out and not released, orphaned ones included */
    uint32_t orphaned;              /* now: attempts whose dispatch has ended, or goes on without them */
    uint64_t dispatched, completed, failed, worker_died, timed_out, cancelled, rejected, redispatched, deaths;
    uint64_t shed;                               /* of those rejected: admitted before, and shed from the full queue */
    uint64_t fenced;                             /* late results of attempts that were given up, refused */
    uint64_t rejected_by[WEFT_REJECTIONS_COUNT]; /* rejected, by reason: index weft_rejection */
    uint64_t joined;                             /* repeats that were answered by the dispatch that had their key */
    uint64_t dead_lettered;                      /* of those that ended here: kept by the dead-letter channel */
    uint32_t letters;                            /* now: dead letters kept here */
    uint64_t letters_bytes;
    uint64_t letters_dropped;    /* the oldest, for want of room */
    uint32_t keys;               /* now: keys remembered */
    uint32_t subscribers;        /* now, of an event channel: by its name and by patterns */
    uint64_t published;          /* events */
    uint64_t delivered;          /* into inboxes */
    uint64_t dropped;            /* from or before inboxes that were full, or unheard when the node was closed */
    uint64_t cut;                /* subscribers cut off for lack of progress */
    uint64_t mismatched;         /* requests or events that were refused for their schema, or content type */
    uint64_t results_mismatched; /* of those failed: the result broke its schema */
} weft_channel_info;

/* One death, as the channel remembers it. */
typedef struct weft_death {
    char participant[WEFT_NAME_MAX + 1];
    weft_cause cause;
    uint64_t seen_wall_ns;  /* when the link fired, CLOCK_REALTIME since 1970 */
    uint64_t seen_ns;       /* the same, CLOCK_MONOTONIC */
    uint32_t workers_lost;  /* of this channel */
    uint32_t attempts_held; /* of this channel, at that moment */
} weft_death;

enum { WEFT_DEATHS_KEPT = 16 };

#ifdef __cplusplus
extern "C" {
#endif

/* Declares a channel. name: copies; options: copies, NULL = defaults. Declaring the same again is WEFT_OK.
 * WEFT_EDIFFERS: it stands with other options, the message names the first that differs; WEFT_EINVAL: the name or an
 * option; WEFT_ENOCHANNEL: its dead-letter channel is not declared; WEFT_ENOTFOUND: no schema has the name;
 * WEFT_EUNSUPPORTED: durable; WEFT_ELIMIT: channels_max; WEFT_ENOMEM; WEFT_ECLOSED. Any thread. */
WEFT_API weft_error weft_channel_declare(weft_node *node, const char *name, const weft_channel_options *options);

/* Says how to make channels that match the pattern when a worker registers, or an event is published or subscribed to, on
 * one that nobody declared; a dispatch makes none. Of several templates that match, the one declared first is used.
 * Errors as weft_channel_declare, WEFT_EUNSUPPORTED also for signal and history; at most 256 templates. */
WEFT_API weft_error weft_channel_template(weft_node *node, const char *pattern, const weft_channel_options *options);

/* Pause hands out nothing, but admits; resume makes a paused, draining or drained channel open again.
 * WEFT_ENOCHANNEL; WEFT_EINVAL: draining or drained, or an event channel, which holds nothing that could wait;
 * WEFT_ECLOSED. Any thread. */
WEFT_API weft_error weft_channel_pause(weft_node *node, const char *name);
WEFT_API weft_error weft_channel_resume(weft_node *node, const char *name);

/* Admits nothing more and waits until nothing waits or runs there. WEFT_ETIMEDOUT: not yet (or somebody resumed it); it
 * goes on draining, call again to wait again. WEFT_EDEADLK: called from a handler of that channel. WEFT_ENOCHANNEL;
 * WEFT_ECLOSED. Blocks. */
WEFT_API weft_error weft_channel_drain(weft_node *node, const char *name, uint32_t timeout_ms);

/* Deletes a channel and its workers' entries: their weft_worker_next returns WEFT_ECLOSED; each registration is
 * still its owner's to unregister. Subscriptions to its name end. WEFT_EBUSY: dispatches wait or run there: drain it
 * first; or dead letters stand there, or it is the dead-letter channel of another. WEFT_ENOCHANNEL; WEFT_ECLOSED. */
WEFT_API weft_error weft_channel_delete(weft_node *node, const char *name);

/* Calls found for each channel that matches the pattern, in no promised order, until it returns false. It runs in
 * the calling thread without any lock of weft's; what is declared or deleted meanwhile may or may not be seen.
 * WEFT_EINVAL: the pattern; WEFT_ENOMEM; WEFT_ECLOSED. */
WEFT_API weft_error weft_channel_find(weft_node *node, const char *pattern,
                                      bool (*found)(const weft_channel_info *info, void *context), void *context);

/* The state of one channel, consistent in itself. WEFT_ENOCHANNEL; WEFT_ECLOSED. Any thread. */
WEFT_API weft_error weft_channel_info_get(weft_node *node, const char *name, weft_channel_info *info);

/* How long dispatches of the channel waited and ran: element i counts those of 2^i to 2^(i+1) - 1 ns, the first also
 * those of less, the last those of more. queue: all that were admitted and have ended, by the queued_ns of their reply:
 * waiting for a worker, for all attempts; run: those that completed or failed, by its run_ns. WEFT_EINVAL;
 * WEFT_ENOCHANNEL; WEFT_ECLOSED. Any thread. */
enum { WEFT_LATENCY_BUCKETS = 40 };
typedef struct weft_latency {
    uint64_t queue[WEFT_LATENCY_BUCKETS];
    uint64_t run[WEFT_LATENCY_BUCKETS];
} weft_latency;
WEFT_API weft_error weft_channel_latency_get(weft_node *node, const char *name, weft_latency *latency);

/* The last deaths of participants with workers there, newest first: at most max, their number in *count.
 * WEFT_ENOCHANNEL; WEFT_ECLOSED. */
WEFT_API weft_error weft_channel_deaths(weft_node *node, const char *name, weft_death *deaths, size_t max,
                                        size_t *count);

#ifdef __cplusplus
}
#endif

#endif
