/* model.h: what may become of a dispatch, from its history alone. It knows nothing of queues, indexes and slots.
 *
 *   - Admitted once, ended once; how it may end depends on what has just happened: a result of its own attempt, a time of
 *     its own that is over, a cancel that was asked for, a death, the end of the node.
 *   - Attempts are numbered from 1. A number is spent when what ran it is lost; one that was never begun is used again.
 *     A new attempt needs a loss, a crash policy that says so, and that the old attempt can run no more, unless the
 *     channel lets attempts overlap. What was begun and not lost is never handed out again.
 *   - Who gets it: a registered worker of the type, that understands the schema it has met, not draining, with a free
 *     slot, on an armed link; and not one that it died of, but for the second chance that redispatch_wait_ms gives. */
#ifndef WEFT_SIM_MODEL_H
#define WEFT_SIM_MODEL_H

#include "sim/world.h"

/* How a dispatch can end: an outcome and its code. In the order of the covers. */
enum ending {
    END_COMPLETED,
    END_FAILED,
    END_NOT_CANCELLED,
    END_WORKER_DIED,
    END_ABANDONED,
    END_LATE_CLOSE,
    END_LATE_START,
    END_LATE_RUN,
    END_LATE_BEAT,
    END_CANCELLED,
    END_CALLER_DIED,
    END_CALLER_CLOSED,
    END_GRACE,
    END_NODE_CLOSED,
    END_SHED,
    ENDINGS_COUNT
};

/* The ending of that outcome and code; ENDINGS_COUNT: no dispatch ends so. */
enum ending model_ending(weft_outcome outcome, const char *code);
weft_outcome model_outcome(enum ending ending);
const char *model_code(enum ending ending); /* NULL where there is none */

/* Life. */
uint32_t model_admit(struct world *world, const struct core_request *request, const struct core_admitted *admitted,
                     uint32_t session, uint32_t channel, uint32_t dest, uint32_t type);
void model_assigned(struct world *world, struct sim_call *call, const struct core_task *task);
void model_unassigned(struct world *world, struct sim_call *call);
void model_lost(struct world *world, struct sim_call *call);
void model_never_lost(struct world *world, struct sim_call *call); /* what was lost is given back, not begun */
void model_ended(struct world *world, struct sim_call *call, const struct core_dispatch *record);
void model_forget(struct world *world, struct sim_call *call);

/* The task was taken: makes the record of who holds it. */
void model_taken(struct world *world, struct core_task *task, uint32_t batch);
void model_drop_task(struct world *world, uint32_t task);

/* The call of a held task while it is open and the task its current attempt; NULL: nobody waits for its result. */
struct sim_call *model_current(struct world *world, const struct sim_task *task);

/* streams.c: what callers must hear. Its attempt was taken; its attempt is lost, or it has ended: nobody waits for its
 * caller any more; its caller does not listen any more. One that is heard, which must be the next. */
void model_announce(struct world *world, struct sim_call *call, uint32_t attempt);
void model_broken(struct sim_call *call);
void model_deaf(struct world *world, struct sim_call *call);
void model_heard(struct world *world, struct sim_call *call, const struct core_outcome *update);
void model_updated(const weft_update *update, void *context); /* never called: only compared */

/* After each event: nobody waits without a reason. */
void observe_senders(struct world *world);

/* far.c: whether its window is full; and its task, elsewhere, may be waiting for that to change. After each event: first
 * what was released, then the others. */
bool model_full(const struct sim_call *call);
bool model_far_waits(const struct sim_call *call);
void far_released(struct world *world);
void observe_far(struct world *world);

/* Whether it is known how a dispatch has ended of which no record is left. */
bool model_sure(const struct world *world, const struct sim_call *call);

/* Whether the task is the attempt whose loss the call waits to be released. */
bool model_fenced(const struct sim_call *call, const struct sim_task *task);

/* What has run out by now. */
enum ending model_overdue(const struct world *world, const struct sim_call *call);

/* What a dispatch that dies remembers: the name of a dead session (even), or the worker that gave it up (odd). */
uint64_t model_key_of_worker(const struct sim_worker *worker);
uint64_t model_key_of_session(const struct world *world, const struct sim_worker *worker);

/* Whether the worker is one it died of and may not have it now. */
bool model_excluded(const struct world *world, const struct sim_call *call, const struct sim_worker *worker);
bool model_takes(const struct sim_worker *worker, const struct sim_call *call);
bool model_understands(const struct sim_worker *worker, const struct sim_call *call);
bool model_can(const struct sim_worker *worker, const struct sim_call *call); /* both */

#endif
