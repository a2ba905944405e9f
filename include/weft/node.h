/* weft/node.h: a node, its life, and the one of the process. */
#ifndef WEFT_NODE_H
#define WEFT_NODE_H

#include <weft/types.h>

/* What happens on a node, for whoever operates it. */
#define WEFT_NODE_EVENTS(X)                                                                                            \
    X(CHANNEL_DECLARED, 1, "channel_declared") /* or made from a template */                                           \
    X(CHANNEL_DELETED, 2, "channel_deleted")                                                                           \
    X(PAUSED, 3, "paused")                                                                                             \
    X(RESUMED, 4, "resumed")                                                                                           \
    X(DRAINED, 5, "drained")           /* nothing waits, nothing runs there */                                         \
    X(REGISTERED, 6, "registered")     /* a worker */                                                                  \
    X(UNREGISTERED, 7, "unregistered") /* by its owner, or with its channel */                                         \
    X(WORKER_LOST, 8, "lost")          /* a worker, by the death of its participant; count is what it held */          \
    X(DIED, 9, "died")                 /* a participant; cause says of what */                                         \
    X(DEGRADED, 10, "degraded")        /* work waits on the channel, and no worker is registered */                    \
    X(RECOVERED, 11, "recovered")      /* from that */                                                                 \
    X(FULL, 12, "full") /* the channel has begun to reject for want of room; once until its queue was half empty */    \
    X(LETTER, 13, "letter")                 /* a dead letter came; channel is the one that keeps it */                 \
    X(LETTER_DROPPED, 14, "letter_dropped") /* its oldest, for want of room */                                         \
    X(CUT, 15, "cut")                       /* a subscriber was cut off; channel is what it subscribed to */           \
    X(MISSED, 16, "missed")                 /* count of these could not be told: the hook was too slow */              \
    X(REFUSED, 17, "refused")               /* on a client node: an event that was published with WEFT_NO_WAIT */      \
    X(WORKER_REFUSED, 18, "worker_refused") /* there: a worker, by a node that came back; count is the weft_error */   \
    X(SUBSCRIBER_REFUSED, 19, "subscriber_refused") /* likewise; channel is what it subscribed to */                   \
    X(NO_DESCRIPTORS, 20, "no_descriptors")         /* are left: who dials waits. At most once a minute */

typedef enum weft_node_event_kind {
#define WEFT_NODE_EVENT_ENUM(name, number, text) WEFT_NODE_##name = number,
    WEFT_NODE_EVENTS(WEFT_NODE_EVENT_ENUM)
#undef WEFT_NODE_EVENT_ENUM
} weft_node_event_kind;

typedef struct weft_node_event {
    weft_node_event_kind kind;
    const char *channel;     /* "" where it concerns none. Lend, for the call: this and the next two. */
    const char *worker;      /* "" likewise */
    const char *participant; /* "" likewise */
    weft_cause cause;        /* DIED */
    uint64_t count;
    uint64_t at_ns; /* CLOCK_MONOTONIC */
} weft_node_event;

typedef enum weft_log_level { WEFT_LOG_ERROR = 1, WEFT_LOG_WARNING, WEFT_LOG_INFO } weft_log_level;

/* Both are called on the node's callback thread, one call at a time, in the order in which things happened, together
 * with the callbacks of outcomes; what they may call is what those may. log gets each event as a sentence. 1024 are kept
 * for a hook that is slow: what is more is missed, and counted. */
typedef struct weft_hooks {
    void (*log)(weft_log_level level, const char *sentence, void *context);
    void (*event)(const weft_node_event *event, void *context);
    void *context;
} weft_hooks;

typedef struct weft_node_options {
    uint32_t version;      /* filled in by WEFT_NODE_OPTIONS */
    uint32_t threads;      /* of the default group; 0 = as many as processors, at least 2 */
    uint32_t threads_max;  /* with the substitutes for blocked ones; 0 = four times threads */
    uint32_t channels_max; /* bounds: what exceeds one is refused with WEFT_ELIMIT */
    uint32_t workers_max;
    uint32_t participants_max;       /* the process itself included */
    uint32_t dispatches_max;         /* open ones, and ended ones whose outcome nobody took yet; a key takes one more
                                        while its dispatch is open */
    uint32_t outcome_keep_ms;        /* how long the outcome of a detached dispatch can be fetched */
    const weft_allocator *allocator; /* copies; NULL = malloc */
    const weft_hooks *hooks;         /* copies; NULL = none */
    uint32_t subscriptions_max;
    uint32_t schemas_max; /* registered by name */
} weft_node_options;

#define WEFT_NODE_OPTIONS_VALUES 1, 0, 0, 65536, 1048576, 65536, 4194304, 60000, 0, 0, 65536, 1024
#ifdef __cplusplus
#define WEFT_NODE_OPTIONS (weft_node_options{WEFT_NODE_OPTIONS_VALUES})
#else
#define WEFT_NODE_OPTIONS                                                                                              \
    {                                                                                                                  \
        WEFT_NODE_OPTIONS_VALUES                                                                                       \
    }
#endif

/* What a node counted since it was opened; none ever goes backwards, except the gauges that say "now". */
typedef struct weft_node_stats {
    uint32_t channels, workers, participants; /* now */
    uint32_t dispatches_open;                 /* now: admitted, no outcome yet */
    uint32_t attempts_running;                /* now: handed out and not released */
    uint64_t dispatched;                      /* admitted */
    uint64_t completed, failed, worker_died, timed_out, cancelled;
    uint64_t rejected;                           /* refused at admission, or shed from a full queue */
    uint64_t shed;                               /* of these: admitted before, and shed */
    uint64_t redispatched;                       /* deaths, and tasks given up, after which another attempt was due */
    uint64_t fenced;                             /* late results of old attempts, refused */
    uint64_t deaths;                             /* participants whose link fired */
    uint32_t subscriptions;                      /* now */
    uint64_t published, delivered, dropped, cut; /* events, as in weft_channel_info */
    uint64_t joined, dead_lettered, letters_dropped; /* likewise */
    uint64_t node_lost;                              /* ended so: only where dispatches go out to another node */
} weft_node_stats;

#ifdef __cplusplus
extern "C" {
#endif

/* Opens a node. options: borrows, NULL = defaults. Gives *node: close it with weft_node_close. Starts one thread; those
 * of executor groups come with the first worker that needs them.
 * WEFT_EINVAL: an option; WEFT_ENOMEM; WEFT_ESYSTEM: no thread or descriptor to be had. Any thread. */
WEFT_API weft_error weft_node_open(const weft_node_options *options, weft_node **node);

/* Closes a node and frees all that is its. New dispatches are refused from now on; those open may end within
 * timeout_ms; what is left is then settled `cancelled`, and its handlers have what is left of the time, 100 ms at least
 * (timeout_ms where that is less), to return. So with subscribers: what waits for a callback is heard within
 * timeout_ms, the rest is dropped, and their end is told. Blocking calls of other threads return WEFT_ECLOSED; they
 * must have returned, and pull tasks must have been settled, those of unregistered workers too, before the close that
 * returns WEFT_OK; only what was held by a participant that died need not be, and must not be any more after it.
 * WEFT_EBUSY: handlers or callbacks are still running, or a thread is inside a call: the message names one; everything
 * is settled, nothing it uses was freed; call again, as often as you are willing to wait. WEFT_EINVAL: it is the node
 * of the process. WEFT_EDEADLK: called from a handler or callback of this node. NULL: WEFT_OK. */
WEFT_API weft_error weft_node_close(weft_node *node, uint32_t timeout_ms);

/* The node of the process, opened with defaults at the first call, for who wants just one. Gives no ownership: it ends
 * with weft_process_fini. Errors as weft_node_open. Any thread. */
WEFT_API weft_error weft_node_default(weft_node **node);

/* Closes the node of the process, if there is one, as weft_node_close does. Afterwards nothing of weft's is left. */
WEFT_API weft_error weft_process_fini(uint32_t timeout_ms);

/* Called with one line when an invariant of weft's own is broken, in the thread that found it, whatever it holds; the
 * process is aborted when it returns. For the host's crash report: it calls nothing of weft's. One for the process;
 * NULL = none. Any thread. */
WEFT_API void weft_panic_hook(void (*panic)(const char *sentence, void *context), void *context);

/* "registered", "died" …; "none" for no kind. "error", "warning", "info". Static text; any thread. */
WEFT_API const char *weft_node_event_name(weft_node_event_kind kind);
WEFT_API const char *weft_log_level_name(weft_log_level level);

/* What it counted. Never blocks for long; any thread. WEFT_EINVAL. */
WEFT_API weft_error weft_node_stats_get(weft_node *node, weft_node_stats *stats);

#ifdef __cplusplus
}
#endif

#endif
