/* weft/node.h: a node, its life, and the one of the process. */
#ifndef WEFT_NODE_H
#define WEFT_NODE_H

#include <weft/types.h>

/* Memory for everything a node keeps. alloc returns NULL on failure and memory aligned as malloc's; free accepts NULL.
 * Both are called from any thread, also while the node holds its lock: they must not call weft. */
typedef struct weft_allocator {
    void *(*alloc)(void *context, size_t size);
    void (*free)(void *context, void *block);
    void *context;
} weft_allocator;

typedef struct weft_node_options {
    uint32_t version;      /* filled in by WEFT_NODE_OPTIONS */
    uint32_t threads;      /* of the default group; 0 = as many as processors, at least 2 */
    uint32_t threads_max;  /* with the substitutes for blocked ones; 0 = four times threads */
    uint32_t channels_max; /* bounds: what exceeds one is refused with WEFT_ELIMIT */
    uint32_t workers_max;
    uint32_t participants_max;
    uint32_t dispatches_max;         /* open ones, and ended ones whose outcome nobody took yet */
    uint32_t outcome_keep_ms;        /* how long the outcome of a detached dispatch can be fetched */
    const weft_allocator *allocator; /* copies; NULL = malloc */
} weft_node_options;

#define WEFT_NODE_OPTIONS_VALUES 1, 0, 0, 65536, 1048576, 65536, 4194304, 60000, 0
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
    uint64_t rejected;     /* refused at admission, or shed from a full queue */
    uint64_t shed;         /* of these: admitted before, and shed */
    uint64_t redispatched; /* attempts made again after a death */
    uint64_t fenced;       /* late results of old attempts, refused */
    uint64_t deaths;       /* participants whose link fired */
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
 * (timeout_ms where that is less), to return. Blocking calls of other threads return WEFT_ECLOSED; they must
 * have returned, and pull tasks must have been settled, those of unregistered workers too, before the close that
 * returns WEFT_OK; only what was held by a participant that died need not be, and must not be any more after it.
 * WEFT_EBUSY: handlers are still running, or a thread is inside a call: the message names one; everything is settled,
 * nothing it uses was freed; call again, as often as you are willing to wait. WEFT_EINVAL: it is the node of the
 * process. WEFT_EDEADLK: called from a handler or callback of this node. NULL:
 * WEFT_OK. */
WEFT_API weft_error weft_node_close(weft_node *node, uint32_t timeout_ms);

/* The node of the process, opened with defaults at the first call, for who wants just one. Gives no ownership: it ends
 * with weft_process_fini. Errors as weft_node_open. Any thread. */
WEFT_API weft_error weft_node_default(weft_node **node);

/* Closes the node of the process, if there is one, as weft_node_close does. Afterwards nothing of weft's is left. */
WEFT_API weft_error weft_process_fini(uint32_t timeout_ms);

/* What it counted. Never blocks for long; any thread. WEFT_EINVAL. */
WEFT_API weft_error weft_node_stats_get(weft_node *node, weft_node_stats *stats);

#ifdef __cplusplus
}
#endif

#endif
