/* weft/worker.h: workers: who does the work of a channel, and how much at a time. */
#ifndef WEFT_WORKER_H
#define WEFT_WORKER_H

#include <weft/schema.h>
#include <weft/types.h>

/* Runs one task. It settles the task once, in this call or later from any thread; one that returns with the task
 * neither settled nor kept (weft_task_keep) has failed it. Runs on a thread of its group, never under a lock of weft's,
 * and may call anything, except what its contract forbids to handlers. */
typedef void (*weft_handler)(weft_task *task, void *context);

typedef enum weft_worker_flags {
    WEFT_OWNER_THREAD = 1, /* hangs on the calling thread: ends with it */
    WEFT_INLINE = 2 /* the handler runs in the thread that dispatches, inside its call: no switch of threads. It must
                       be short, must not block, and may run in several threads at once, up to max_concurrent. A
                       re-dispatch that no caller's thread brings runs on the default group. */
} weft_worker_flags;

enum { WEFT_ACTIVITY_TYPES_MAX = 32, WEFT_CONCURRENT_MAX = 65536, WEFT_SCHEMA_IDS_MAX = 8, WEFT_SCHEMA_SETS_MAX = 16 };

typedef struct weft_worker_options {
    uint32_t version;                  /* filled in by WEFT_WORKER_OPTIONS */
    const char *name;                  /* copies; unique on the channel; NULL = "worker-<number>" */
    uint32_t max_concurrent;           /* tasks at a time, 1 to WEFT_CONCURRENT_MAX */
    const char *const *activity_types; /* copies; those it takes */
    size_t activity_types_count;       /* 0 = it takes every type, and dispatches without one */
    uint32_t flags;                    /* of weft_worker_flags */
    weft_participant *participant;     /* what it hangs on; NULL = the process */
    weft_group *group;                 /* where its handler runs; NULL = the node's default group; not for pull */
    void *(*state_new)(
        void *context);              /* a fresh state for this worker, made in the registering thread; NULL = failed */
    void (*state_free)(void *state); /* called once, when the worker is gone and no handler of it runs */
    const uint8_t (*schema_ids)[WEFT_SCHEMA_ID_BYTES]; /* copies; the schemas that it understands: it gets nothing that
        matched another when it was dispatched; what met no schema it gets. While a channel goes over from one schema to the
        next, workers that name both keep what waits moving: a worker looks past at most 255 that it does not understand */
    size_t schema_ids_count; /* at most WEFT_SCHEMA_IDS_MAX; 0 = it understands every schema */
} weft_worker_options;

#define WEFT_WORKER_OPTIONS_VALUES 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0
#ifdef __cplusplus
#define WEFT_WORKER_OPTIONS (weft_worker_options{WEFT_WORKER_OPTIONS_VALUES})
#else
#define WEFT_WORKER_OPTIONS                                                                                            \
    {                                                                                                                  \
        WEFT_WORKER_OPTIONS_VALUES                                                                                     \
    }
#endif

typedef enum weft_worker_state {
    WEFT_WORKER_ARMING = 1, /* registered; its link is not armed yet */
    WEFT_WORKER_READY,
    WEFT_WORKER_DRAINING,
    WEFT_WORKER_DEAD,   /* its link fired */
    WEFT_WORKER_REMOVED /* unregistered, or its channel deleted */
} weft_worker_state;

typedef struct weft_worker_info {
    char name[WEFT_NAME_MAX + 1];
    char participant[WEFT_NAME_MAX + 1];
    uint64_t id; /* rises in the order of registration; never used again */
    weft_worker_state state;
    uint32_t max_concurrent;
    uint32_t in_flight; /* attempts handed out and not released */
    uint32_t orphaned;  /* of those: no longer of use to anyone */
    uint64_t completed, errored;
    uint64_t last_seen_ns; /* since it last took a task, said something of one, or was registered */
    weft_link_kind link;   /* what its participant's link watches */
    int32_t watched;       /* the pid or tid, where there is one */
    bool detached;         /* it is remote, and has no connection, or one that is behind: it gets nothing meanwhile */
} weft_worker_info;

#ifdef __cplusplus
extern "C" {
#endif

/* Registers a worker. channel: declared, or made from a template now. handler NULL: a pull worker, whose tasks are
 * fetched with weft_worker_next. context goes to the handler (state_new's result instead, where that is set). options:
 * copies, NULL = defaults. Gives *worker: end it with weft_worker_unregister. It is eligible when this returns, unless
 * its participant has died by then (WEFT_EDEAD).
 * WEFT_EEXIST: the name is taken on that channel; WEFT_ENOCHANNEL; WEFT_EDEAD; WEFT_EINVAL; WEFT_ELIMIT: the message
 * names the bound (the workers of a channel name at most WEFT_SCHEMA_SETS_MAX different sets of schemas); WEFT_ENOMEM
 * (also where state_new failed); WEFT_ESYSTEM: no thread; WEFT_ECLOSED. Any thread, handlers too. */
WEFT_API weft_error weft_worker_register(weft_node *node, const char *channel, weft_handler handler, void *context,
                                         const weft_worker_options *options, weft_worker **worker);

/* Removes the worker at once: it is chosen no more; what it has not begun goes to others without spending an attempt;
 * what a callback handler of it runs may end, and this call waits for that; pull tasks and kept ones still held are
 * treated as by a death (their results are refused, but each must still be settled before the node is closed). The
 * handle is gone. WEFT_EDEADLK: called from a handler of this worker: nothing has changed. NULL: WEFT_OK. Blocks as
 * long as handlers run; weft_worker_drain first to bound that. */
WEFT_API weft_error weft_worker_unregister(weft_worker *worker);

/* Gives it no more tasks and waits until those it has are released. WEFT_ETIMEDOUT: not yet; it goes on draining.
 * WEFT_EDEADLK: called from a handler of this worker. WEFT_ECLOSED. There is no way back: register again. */
WEFT_API weft_error weft_worker_drain(weft_worker *worker, uint32_t timeout_ms);

/* The next task of a pull worker. Gives *task: settle it once; one that nobody settles, since who held it has died, keeps
 * its memory until the node is closed. timeout_ms 0 asks without waiting.
 * WEFT_EAGAIN: none now (timeout 0); WEFT_ETIMEDOUT; WEFT_EDEAD: its participant died; WEFT_ECLOSED: draining and
 * empty, deleted, or the node closes; of a client node whose node came back and refuses it: that error, as register has it;
 * WEFT_EINVAL: has a handler. Any thread, several at once; blocks. */
WEFT_API weft_error weft_worker_next(weft_worker *worker, uint32_t timeout_ms, weft_task **task);

/* An eventfd that is readable when weft_worker_next may have something, or an end to tell: for the host's own loop.
 * Read it, then call weft_worker_next(worker, 0, …) until WEFT_EAGAIN. Lends the descriptor until unregister.
 * WEFT_EINVAL: has a handler; WEFT_ESYSTEM. */
WEFT_API weft_error weft_worker_fd(weft_worker *worker, int *fd);

/* Its health, in one call. WEFT_EINVAL. Any thread. */
WEFT_API weft_error weft_worker_info_get(weft_worker *worker, weft_worker_info *info);

#ifdef __cplusplus
}
#endif

#endif
