/* weft/task.h: a task, in the hands of its worker.
 *
 * A task is settled once, by one of complete, fail, acknowledge_cancel and abandon. For a pull task, and for one that
 * was kept, the handle and what it lends are gone with that call, also where it answers WEFT_ESTALE; in a handler, when
 * the handler returns. After WEFT_ENOMEM, or WEFT_EINVAL for an argument, the task is still yours; so it is after
 * WEFT_ESTALE from any other call: settle it. The slot it takes is free when it is settled and its handler has
 * returned. */
#ifndef WEFT_TASK_H
#define WEFT_TASK_H

#include <weft/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What the task is. Lend until it is settled. Any thread that holds the task. activity_type and content_type may be
 * NULL: the caller named none. attempt counts from 1 and is the fencing token. */
WEFT_API weft_bytes weft_task_payload(const weft_task *task);
WEFT_API const char *weft_task_content_type(const weft_task *task);
WEFT_API const char *weft_task_activity_type(const weft_task *task);
WEFT_API uint32_t weft_task_attempt(const weft_task *task);
WEFT_API weft_dispatch_id weft_task_dispatch(const weft_task *task);

/* The id (WEFT_SCHEMA_ID_BYTES) of the schema that the payload was found to match when it was dispatched, which need
 * not be the channel's any more; NULL: it met none. Lends likewise. */
WEFT_API const uint8_t *weft_task_schema(const weft_task *task);

/* Milliseconds until the dispatch times out, by whichever of its times ends first; WEFT_FOREVER = no bound. */
WEFT_API uint32_t weft_task_remaining_ms(const weft_task *task);

/* Whether somebody has asked that it stop, or nobody waits for the result any more: cancelled (its result still counts
 * within the channel's cancel_grace_ms), timed out, or run elsewhere. One atomic load. */
WEFT_API bool weft_task_cancelled(const weft_task *task);

/* Calls cancelled once when that becomes so, on the node's callback thread, or at once in this thread if it is so
 * already; never after the task was settled: settling waits for a call that is under way. One callback a task.
 * WEFT_EINVAL: settled, or a callback is set; WEFT_ESYSTEM: no callback thread to be had. */
WEFT_API weft_error weft_task_on_cancel(weft_task *task, void (*cancelled)(weft_task *task, void *context),
                                        void *context);

/* The task goes on: restarts its heartbeat time, where the dispatch set one. WEFT_ESTALE: nobody waits for it. */
WEFT_API weft_error weft_task_heartbeat(weft_task *task);

/* Whether the caller wants to be told of progress and partial results. Where not, the next two calls only count as
 * heartbeats; so they do once he has closed the queue that he would be told by, and the dispatch goes on detached. */
WEFT_API bool weft_task_streams(const weft_task *task);

/* Tells the caller how far the work is. payload: copies. Replaces what the caller has not fetched yet: it never waits.
 * Counts as a heartbeat. WEFT_ESTALE: nobody waits for it any more; WEFT_EINVAL: settled, or over the channel's
 * payload_bytes_max; WEFT_ELIMIT: it was not told, since a process lies in between, or the caller in another, and a frame of the
 * node's is too small: see frame_bytes_max in remote.h; WEFT_ENOMEM. Any thread that holds the task. */
WEFT_API weft_error weft_task_progress(weft_task *task, weft_bytes payload);

/* Sends a part of the result: each is told, in order, before the outcome, unless another attempt comes first. payload:
 * copies. Where the caller's window is full, waits for him up to timeout_ms; a handler's thread is replaced meanwhile,
 * if threads_max allows. Counts as a heartbeat, and so does all the time that it waits. WEFT_EAGAIN: full, timeout 0;
 * WEFT_ETIMEDOUT; WEFT_ESTALE: nobody waits for it any more, also where that became so meanwhile; WEFT_EINVAL: settled,
 * or over the channel's payload_bytes_max; WEFT_ELIMIT: as progress; WEFT_ENOMEM; WEFT_EDEADLK: it would wait in an
 * inline handler or on the callback thread. Any thread that holds the task. */
WEFT_API weft_error weft_task_partial(weft_task *task, weft_bytes payload, uint32_t timeout_ms);

/* In a handler: it will be settled after the handler has returned, by whoever holds the handle; the thread is free when
 * the handler returns, the slot when the task is settled. WEFT_EINVAL: settled, kept already, or a pull task. */
WEFT_API weft_error weft_task_keep(weft_task *task);

/* The four ways to settle.
 *   complete            outcome completed, with a result. result: copies. Where the dispatch met a channel with a result
 *                       schema that it does not match, the outcome is failed ("result_schema_mismatch"), and this call
 *                       returns WEFT_EMISMATCH: the message says where and what; the task is settled.
 *   complete_as         the same with a content type; NULL = none.
 *   fail                outcome failed, with a code (1 to 64 of [A-Za-z0-9_.-]) and a sentence. Both: copies.
 *   acknowledge_cancel  the work has stopped because of the cancel: outcome cancelled. Where none was asked for: fail.
 *                       Where the dispatch has gone on without this attempt, too: WEFT_OK.
 *   abandon             what did the work is gone (a helper process died): as a death of the worker, for this task.
 * WEFT_ESTALE: refused and counted: the dispatch went on without this attempt; nothing to be done. (A handler that runs
 * as one of several taken together may be told WEFT_OK, and be refused and counted when they are handed in.)
 * WEFT_ENOMEM: not settled, try again, or abandon, which needs no memory. WEFT_EINVAL: settled before, or a bad
 * code. */
WEFT_API weft_error weft_task_complete(weft_task *task, weft_bytes result);
WEFT_API weft_error weft_task_complete_as(weft_task *task, weft_bytes result, const char *content_type);
WEFT_API weft_error weft_task_fail(weft_task *task, const char *code, const char *message);
WEFT_API weft_error weft_task_acknowledge_cancel(weft_task *task);
WEFT_API weft_error weft_task_abandon(weft_task *task);

#ifdef __cplusplus
}
#endif

#endif
