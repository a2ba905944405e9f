/* weft/types.h: words that every part of the interface uses.
 *
 * Ownership, in the comments of all headers:
 *   borrows  valid for this call only, nothing is kept        copies  we keep our own, yours is yours
 *   takes    ours if and only if the call returns WEFT_OK     gives   you own the result, free it with the named call
 *   lends    points into our memory until the named event
 *
 * Times are milliseconds and end in _ms, or nanoseconds and end in _ns. Strings are UTF-8 and end with a NUL. */
#ifndef WEFT_TYPES_H
#define WEFT_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weft/error.h>
#include <weft/version.h>

typedef struct weft_node weft_node;                 /* one fabric instance; every call on it is thread-safe */
typedef struct weft_participant weft_participant;   /* whoever can die: a process, a thread, or one the host declares */
typedef struct weft_group weft_group;               /* an executor group: threads that run handlers */
typedef struct weft_worker weft_worker;             /* the registration: the strong handle that owns a worker */
typedef struct weft_task weft_task;                 /* one attempt of a dispatch, as its worker sees it */
typedef struct weft_completions weft_completions;   /* a caller's queue of outcomes */
typedef struct weft_subscription weft_subscription; /* the strong handle that owns a subscriber's inbox */

/* A stretch of memory; data may be NULL where size is 0. */
typedef struct weft_bytes {
    const void *data;
    size_t size;
} weft_bytes;

/* The bytes of a string literal, without its terminator; the bytes of a string. */
#ifdef __cplusplus
#define WEFT_TEXT(literal) (weft_bytes{("" literal), sizeof(literal) - 1})
#else
#define WEFT_TEXT(literal) ((weft_bytes){("" literal), sizeof(literal) - 1})
#endif
WEFT_API weft_bytes weft_text(const char *text);

/* A dispatch, for as long as it is known: who called, and the caller's own count. {0, 0} is none. */
typedef struct weft_dispatch_id {
    uint64_t session;
    uint64_t number;
} weft_dispatch_id;

/* Memory for everything that is kept. alloc returns NULL on failure and memory aligned as malloc's; free accepts NULL.
 * Both are called from any thread, also while a node holds its lock: they must not call weft. */
typedef struct weft_allocator {
    void *(*alloc)(void *context, size_t size);
    void (*free)(void *context, void *block);
    void *context;
} weft_allocator;

/* Waits without a bound, where a call takes a timeout; no bound, where an option takes a time. */
#define WEFT_FOREVER UINT32_MAX

/* The longest name of a channel part, worker, participant, group, activity type or error code, in bytes; of a
 * content type, which is printable ASCII. Workers, participants, groups and error codes are named in [A-Za-z0-9_.-],
 * activity types in [A-Za-z0-9_.:/-]. */
enum { WEFT_NAME_MAX = 64, WEFT_CONTENT_TYPE_MAX = 127, WEFT_CHANNEL_NAME_MAX = 8 + 2 * (WEFT_NAME_MAX + 1) };

/* How a dispatch ended; exactly one of these, once. */
#define WEFT_OUTCOMES(X)                                                                                               \
    X(COMPLETED, 1, "completed")     /* the handler's result */                                                        \
    X(FAILED, 2, "failed")           /* the handler's own error; the worker stays healthy */                           \
    X(WORKER_DIED, 3, "worker_died") /* its participant died, or it gave the task up, and no attempt is left */        \
    X(TIMED_OUT, 4, "timed_out")     /* one of its four times ran out; the reply's code says which */                  \
    X(CANCELLED, 5, "cancelled")     /* by its caller, its caller's death, or the end of the node */                   \
    X(REJECTED, 6, "rejected")       /* never admitted, or shed from a full queue; the reply's code says which */      \
    X(NODE_LOST, 7, "node_lost") /* at a caller whose node cannot be reached, or has forgotten it: it may have run */

typedef enum weft_outcome {
    WEFT_OUTCOME_NONE = 0,
#define WEFT_OUTCOME_ENUM(name, number, text) WEFT_##name = number,
    WEFT_OUTCOMES(WEFT_OUTCOME_ENUM)
#undef WEFT_OUTCOME_ENUM
} weft_outcome;

/* Why a participant is dead. */
typedef enum weft_cause_kind {
    WEFT_CAUSE_UNKNOWN = 0,   /* gone; who reaped it knows more */
    WEFT_CAUSE_EXITED,        /* value is the exit code */
    WEFT_CAUSE_SIGNALED,      /* value is the signal; core says whether it dumped core */
    WEFT_CAUSE_THREAD_EXITED, /* return, pthread_exit or cancellation */
    WEFT_CAUSE_DECLARED,      /* the host said so; value is what it said */
    WEFT_CAUSE_RELEASED,      /* the host gave up the participant while workers or dispatches hung on it */
    WEFT_CAUSE_LINK_LOST      /* the connection of a remote session was lost, and it did not come back in time */
} weft_cause_kind;

typedef struct weft_cause {
    weft_cause_kind kind;
    int32_t value;
    bool core;
} weft_cause;

/* What a link watches. */
typedef enum weft_link_kind {
    WEFT_LINK_NODE = 1, /* nothing: it hangs on the node's own process */
    WEFT_LINK_PROCESS,  /* a pidfd; watched is the pid */
    WEFT_LINK_THREAD,   /* the end of a thread of this process; watched is its tid */
    WEFT_LINK_DECLARED, /* the host's word */
    WEFT_LINK_SESSION   /* the connection of a remote session; watched is the pid of a peer on this host */
} weft_link_kind;

#ifdef __cplusplus
extern "C" {
#endif

/* "completed" … ; "none" for 0. Static text; any thread. */
WEFT_API const char *weft_outcome_name(weft_outcome outcome);

/* "node", "process", "thread", "declared", "session"; "none" for 0. Static text; any thread. */
WEFT_API const char *weft_link_kind_name(weft_link_kind kind);

/* "exit code 3", "signal 9 (Killed)", "thread exited" … into text, cut to size bytes with a terminator. Returns
 * text. */
WEFT_API const char *weft_cause_text(weft_cause cause, char *text, size_t size);

#ifdef __cplusplus
}
#endif

#endif
