/* weft/dispatch.h: asking for work to be done, and learning how it ended.
 *
 * Admission comes first and at once: accepted (a worker has it), deferred (it waits in the queue) or rejected. The
 * outcome comes later, once, for what was admitted. Three ways to learn it: wait (weft_dispatch), be called
 * (weft_dispatch_async), or fetch (weft_completions_*).
 */
#ifndef WEFT_DISPATCH_H
#define WEFT_DISPATCH_H

#include <weft/channel.h>
#include <weft/types.h>

typedef enum weft_priority {
    WEFT_PRIORITY_URGENT = 1,
    WEFT_PRIORITY_HIGH = 2,
    WEFT_PRIORITY_NORMAL = 3,
    WEFT_PRIORITY_LOW = 4
} weft_priority;

/* What comes of a running task before its outcome, where the caller asked to be told. */
typedef enum weft_update_kind {
    WEFT_UPDATE_PROGRESS = 1, /* how far it is; of several that nobody has fetched only the last is left */
    WEFT_UPDATE_PARTIAL,      /* a part of the result: each one, in order */
    WEFT_UPDATE_RESTARTED     /* another attempt has it: what the one before sent is void, and no more of it comes */
} weft_update_kind;

typedef struct weft_update {
    weft_update_kind kind;
    uint32_t attempt; /* whose it is; where restarted, the new one */
    weft_dispatch_id id;
    uint64_t token;     /* what the caller gave along */
    uint64_t number;    /* of the partial result, from 1 in each attempt */
    weft_bytes payload; /* lends, for the call; empty where restarted */
} weft_update;

typedef struct weft_dispatch_options {
    uint32_t version; /* filled in by WEFT_DISPATCH_OPTIONS */
    weft_priority priority;
    const char *activity_type;     /* copies; NULL = none: only workers that take every type */
    const char *content_type;      /* copies; NULL = none */
    const char *sticky_key;        /* borrows; NULL = none; for WEFT_STICKY channels */
    weft_participant *participant; /* whose death cancels it; NULL = the process */
    uint32_t flags;                /* WEFT_OWNER_THREAD: the calling thread is the participant */
    bool detached; /* outlives its caller; an outcome that nobody else is told is kept for weft_dispatch_fetch */
    weft_crash on_crash;
    weft_no_worker no_worker;
    uint32_t attempts_max;         /* 0 = the channel's */
    uint32_t schedule_to_start_ms; /* in the queue; 0 = the channel's; WEFT_FOREVER = none. For all four. */
    uint32_t start_to_close_ms;    /* one attempt, from the entry of its handler */
    uint32_t schedule_to_close_ms; /* in all, attempts included */
    uint32_t heartbeat_ms;         /* between two heartbeats of the task, and from its start to the first */
    void (*updated)(const weft_update *update, void *context); /* progress and partial results, in order, before the
        outcome: called by whoever waits for that: weft_dispatch in its own thread, weft_dispatch_async on the callback
        thread, weft_completions_next in the thread that fetches. One call at a time for a dispatch. It may call
        anything that its thread may, but not close what calls it. NULL = nobody wants to know. */
    void *updated_context;                                     /* borrows until the outcome is told */
    uint32_t window; /* where updated is set: partial results that may wait for the caller, 1 to WEFT_WINDOW_MAX:
                              beyond, the task waits */
    const char *key; /* copies, 1 to WEFT_KEY_MAX bytes; NULL = none. A repeat of a key on its channel is the same
                         dispatch: joins it while it is open, and gets its outcome for the channel's dedup_ms after its end;
                         with another payload, type or content type it is rejected: "conflict". What no worker began is
                         forgotten with its end. Times, priority and policy are those of the first to ask; a repeat's
                         schedule_to_close_ms bounds its own wait. Each who asks has an id of its own, and leaves alone:
                         cancelled or dead it ends `cancelled` at once; when all have left, the work is cancelled, and
                         who asks before it has ended, too, gets what it ends as. Its tasks and its letter show the id
                         of what they share, by which it is cancelled for all. Not together with updated. */
} weft_dispatch_options;

enum { WEFT_WINDOW_MAX = 256, WEFT_KEY_MAX = 255 };

#define WEFT_DISPATCH_OPTIONS_VALUES                                                                                   \
    1, WEFT_PRIORITY_NORMAL, 0, 0, 0, 0, 0, false, WEFT_CRASH_INHERIT, WEFT_NO_WORKER_INHERIT, 0, 0, 0, 0, 0, 0, 0,    \
        16, 0
#ifdef __cplusplus
#define WEFT_DISPATCH_OPTIONS (weft_dispatch_options{WEFT_DISPATCH_OPTIONS_VALUES})
#else
#define WEFT_DISPATCH_OPTIONS                                                                                          \
    {                                                                                                                  \
        WEFT_DISPATCH_OPTIONS_VALUES                                                                                   \
    }
#endif

typedef enum weft_admission {
    WEFT_ADMISSION_NONE = 0,
    WEFT_ADMISSION_ACCEPTED, /* a worker has it */
    WEFT_ADMISSION_DEFERRED, /* it waits in the queue */
    WEFT_ADMISSION_REJECTED, /* there will be no outcome but this */
    WEFT_ADMISSION_SENT      /* on its way to another node, whose word comes with the outcome, `rejected` included */
} weft_admission;

/* How admission went. */
typedef struct weft_ticket {
    weft_dispatch_id id; /* {0, 0} where rejected */
    weft_admission admission;
    uint32_t retry_after_ms; /* where rejected: when it may be worth another try; 0 = when something else changes */
    const char *reason;      /* where rejected: "queue_full", "no_worker", "draining", … ; else NULL. Static text. */
} weft_ticket;

/* How it ended. Filled in by us; release it with weft_reply_release. The code is one of these:
 *   failed       the handler's own, or "unsettled", "not_cancelled" (it acknowledged a cancel that nobody asked for),
 *                "result_schema_mismatch" (the result is not what the channel promises; the message says where),
 *                "payload_too_large" (no frame holds the task, or its result: see frame_bytes_max in remote.h)
 *   worker_died  "worker_died", "abandoned"
 *   timed_out    "schedule_to_start", "start_to_close", "schedule_to_close", "heartbeat"
 *   cancelled    "cancelled", "cancel_grace" (it did not acknowledge in time), "caller_died", "caller_closed",
 * "node_closed"
 *   rejected     the words of WEFT_REJECTIONS in channel.h; with "schema_mismatch" and "content_type" the message says
 *                where and what; of an asynchronous dispatch of a client node also what the others are told as an error:
 *                "no_channel", "limit", "no_memory", "closed", "refused"
 *   node_lost    "node_lost"
 * The message may be NULL, where the code says all that there is to say: with "queue_full", "no_worker", "conflict",
 * "node_lost" and "abandoned", among others. */
typedef struct weft_reply {
    weft_dispatch_id id;
    weft_outcome outcome;
    weft_admission admission;       /* SENT: a client's, which the node has not answered */
    uint32_t retry_after_ms;        /* where rejected */
    uint32_t attempts;              /* handed to a worker, this often; where admission is SENT nobody here knows: 0 */
    weft_bytes payload;             /* the result, where completed */
    const char *content_type;       /* of the result, or NULL */
    const char *code;               /* where not completed: why, as a word; NULL where completed */
    const char *message;            /* and as a sentence; NULL where there is none */
    char worker[WEFT_NAME_MAX + 1]; /* the last that had it; "" = none */
    uint64_t token;                 /* what the caller gave along */
    uint64_t queued_ns;             /* where the time went: waiting for a worker */
    uint64_t started_ns;            /* from its assignment to the entry of its handler, last attempt */
    uint64_t run_ns;                /* from that to its end, last attempt */
    void *memory;                   /* ours */
} weft_reply;

#ifdef __cplusplus
extern "C" {
#endif

/* Dispatches and waits for the outcome. payload: copies, below 4 GiB. options: borrows, NULL = defaults. WEFT_OK: there
 * is an outcome, `rejected` included; gives the reply: release it. Other codes: nothing was dispatched:
 * WEFT_EINVAL; WEFT_ENOCHANNEL; WEFT_ENOMEM; WEFT_ELIMIT: dispatches_max; WEFT_EDEAD: the participant;
 * WEFT_ECLOSED; WEFT_EDEADLK: called from the callback thread, from an inline handler, or from a handler where
 * threads_max - threads handlers of its group wait like this already: more threads_max is the way out. Blocks until the
 * outcome, without bound unless schedule_to_close_ms is set. Any other thread. */
WEFT_API weft_error weft_dispatch(weft_node *node, const char *channel, weft_bytes payload,
                                  const weft_dispatch_options *options, weft_reply *reply);

/* Dispatches; `ended` is called once with the outcome, on the node's callback thread, one call at a time, in the order
 * of the outcomes; the reply is lent for that call. ended NULL: nobody wants to know (detached: it can be fetched);
 * with options.updated that is WEFT_EINVAL. token comes back in the reply. WEFT_OK: admitted; ticket (may be NULL) says
 * how. WEFT_EREJECTED: not admitted, ended is not called, ticket says why (and weft_error_message() in a sentence).
 * WEFT_ESYSTEM: no callback thread to be had. Other codes as weft_dispatch, without WEFT_EDEADLK. Never blocks for
 * long. Any thread, handlers and callbacks too. */
WEFT_API weft_error weft_dispatch_async(weft_node *node, const char *channel, weft_bytes payload,
                                        const weft_dispatch_options *options,
                                        void (*ended)(const weft_reply *reply, void *context), void *context,
                                        uint64_t token, weft_ticket *ticket);

/* A queue of outcomes that the caller fetches: for its own loop, or for many at a time. outstanding_max bounds what is
 * open or unfetched. Gives: close it. WEFT_EINVAL; WEFT_ENOMEM; WEFT_ECLOSED. */
WEFT_API weft_error weft_completions_open(weft_node *node, uint32_t outstanding_max, weft_completions **completions);

/* Cancels what is open, forgets what was not fetched, and frees the queue. No other call on it may be under way.
 * WEFT_EDEADLK: from an `updated` that its weft_completions_next calls: nothing has changed. NULL: WEFT_OK. */
WEFT_API weft_error weft_completions_close(weft_completions *completions);

/* Dispatches; the outcome goes to the queue. As weft_dispatch_async otherwise; WEFT_EAGAIN: outstanding_max are open or
 * unfetched: fetch first. Any thread. */
WEFT_API weft_error weft_dispatch_submit(weft_completions *completions, const char *channel, weft_bytes payload,
                                         const weft_dispatch_options *options, uint64_t token, weft_ticket *ticket);

/* Fetches up to max outcomes in the order they came. Gives *count replies: release each. timeout_ms 0 asks without
 * waiting. What tasks say meanwhile is told on the way, by calls of `updated`: of each dispatch before its reply is
 * returned, and also where no reply is. WEFT_EAGAIN: none now (timeout 0); WEFT_ETIMEDOUT; WEFT_ECLOSED: *count is 0
 * then. One thread at a time; `updated` may call it, too. */
WEFT_API weft_error weft_completions_next(weft_completions *completions, uint32_t timeout_ms, weft_reply *replies,
                                          size_t max, size_t *count);

/* An eventfd that is readable when weft_completions_next may have something: for the host's own loop. Read it, then
 * call weft_completions_next(completions, 0, …) until it fetches less than max, or nothing. Threads may wait in
 * weft_completions_next besides; what they fetch the eventfd need not tell. Lends until close. WEFT_ESYSTEM. */
WEFT_API weft_error weft_completions_fd(weft_completions *completions, int *fd);

/* Asks that the dispatch end. Waiting: it ends `cancelled` now. Running: its task is told, and the first of its result,
 * its acknowledgement and cancel_grace_ms decides. Of several who asked with one key it ends this one alone, now.
 * WEFT_ENOTFOUND: it has ended, or never was. Any thread. */
WEFT_API weft_error weft_dispatch_cancel(weft_node *node, weft_dispatch_id id);

/* The outcome of a detached dispatch that nobody else is told: of weft_dispatch_async without ended, of a letter put
 * back, or of a queue that was closed while it was open. Once: waits for it up to timeout_ms; then it is forgotten
 * here, too, also where a client node loses its session before the answer has come. Gives the reply. WEFT_ETIMEDOUT:
 * still open (WEFT_EAGAIN with timeout 0); WEFT_ENOTFOUND: unknown, not detached, told elsewhere, fetched, or ended
 * longer than outcome_keep_ms ago; WEFT_EDEADLK as weft_dispatch; WEFT_ECLOSED. */
WEFT_API weft_error weft_dispatch_fetch(weft_node *node, weft_dispatch_id id, uint32_t timeout_ms, weft_reply *reply);

/* Gives back what the reply holds, and clears it. Accepts NULL and a cleared or zeroed reply. Any thread; before the
 * node is closed. */
WEFT_API void weft_reply_release(weft_reply *reply);

/* "urgent", "high", "normal", "low"; "accepted", "deferred", "rejected", "sent"; any other: "none". Static text. */
WEFT_API const char *weft_priority_name(weft_priority priority);
WEFT_API const char *weft_admission_name(weft_admission admission);

#ifdef __cplusplus
}
#endif

#endif
