/* batch.h: the tasks that one thread has taken and runs one after the other.
 *
 *     tasks   [ handed in | done, result staged | in its handler | not begun ]
 *             0         handed              begun - 1        begun         count
 *
 * A result given in a batch of several is staged in its task, and all are handed to the core in one entry at the end.
 * Nobody waits for a stranger's slow handler meanwhile: whoever sees that the current one is slow (its own thread
 * before it blocks, or the service thread) unloads the batch: posts what is staged, gives back what is not begun; the
 * current task, the only one left, then talks to the core directly. */
#ifndef WEFT_EXEC_BATCH_H
#define WEFT_EXEC_BATCH_H

#include <stdint.h>

#include <weft/types.h>

#include "base/lock.h"
#include "core/core.h"
#include "exec/scope.h"
#include "exec/gate.h"

enum { BATCH_MAX = 16 };

#define BATCH_SLOW_NS UINT64_C(50000) /* a handler that ran longer ends its batch */

/* In task->shell.staged_kind: what its holder has said, apart from a core_result_kind that is staged. */
enum { SAID_NOTHING = 0, SAID_DIRECTLY = 255 };

/* In task->shell.cancel_call, under the core's lock. */
enum { CANCEL_SILENT = 0, CANCEL_RUNS = 1, CANCEL_RAN = 2 };

struct batch {
    weft_node *node;
    weft_group *group; /* NULL: an inline one */
    struct lock lock;  /* the rest is under it, but for what its thread alone uses */
    struct core_task *tasks[BATCH_MAX];
    uint32_t count, begun, handed;
    bool direct;         /* results go to the core at once */
    bool guarded;        /* (l) of several, neither handed in nor unloaded: the service thread looks after it */
    uint64_t begun_ns;   /* when the current handler was entered */
    uint64_t inside_ns;  /* its thread's: of the current handler's time, what it spent in the core to settle */
    uint64_t slowest_ns; /* its thread's: the longest handler of this batch */
};

/* What a thread brings back from a batch. */
struct harvest {
    struct core_result results[BATCH_MAX];
    struct core_task *rest[BATCH_MAX]; /* not begun, oldest first */
    size_t results_count, rest_count;
    uint64_t slowest_ns;
};

void weft__batch_init(struct batch *batch, weft_node *node, weft_group *group);
void weft__batch_fini(struct batch *batch);

/* Several were taken for it; or they were handed in, or unloaded. Inside. */
void weft__batch_guard(struct batch *batch, bool guarded, uint64_t now_ns);

/* Takes up the tasks. staging: results wait for the end of the batch. */
void weft__batch_load(struct batch *batch, struct core_task **tasks, size_t count, bool staging);

/* Runs the handlers, up to the first slow one of several, and brings in what there is to hand in. */
void weft__batch_run(struct batch *batch, struct scope *scope, struct harvest *harvest);

/* Says how a task went. Takes message, whatever comes of it. WEFT_EINVAL: settled before; WEFT_ESTALE. Waits for a cancel
 * callback under way. Any thread that holds the task; it may be gone after the call. */
weft_error weft__batch_settle(struct core_task *task, enum core_result_kind kind, struct message *message);

/* Unloads the batch if it has several and, where now_ns is not 0, its current handler has run too long by then. What is
 * to be done comes into the departure: act on it without the batch's lock. */
void weft__batch_unload(struct batch *batch, uint64_t now_ns, struct departure *departure);

#endif
