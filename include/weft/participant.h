/* weft/participant.h: who can die, and how weft learns of it.
 *
 * Each worker, dispatch and subscription hangs on a participant; where none is named, on the process itself. When a
 * participant's link fires, its workers cannot be chosen from that instant on, their tasks are re-dispatched or settled
 * `worker_died`, its own dispatches are cancelled, unless detached, and its subscriptions end. */
#ifndef WEFT_PARTICIPANT_H
#define WEFT_PARTICIPANT_H

#include <weft/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A process of this host, child or not, watched by a pidfd. start_time guards against a reused pid: what
 * weft_process_start_time said of the process that is meant, or 0 to take whoever has the pid now. Gives *participant:
 * release it with weft_participant_release. The cause of death has the exit code or signal where the process is a child
 * of this one that was not yet reaped; weft never reaps; of a process that is no child the cause may be unknown. One
 * that has exited and was not reaped yet is not found. name: copies, NULL = "pid-<pid>".
 * WEFT_ENOTFOUND: no such process, or another start time; WEFT_EEXIST: the name; WEFT_ELIMIT; WEFT_ESYSTEM: no pidfd;
 * WEFT_ENOMEM; WEFT_ECLOSED. Any thread. */
WEFT_API weft_error weft_participant_process(weft_node *node, const char *name, int32_t pid, uint64_t start_time,
                                             weft_participant **participant);

/* The calling thread: dead when it returns, calls pthread_exit or is cancelled. name: copies, NULL = "thread-<tid>".
 * What WEFT_OWNER_THREAD asks for is this, made once for each thread and node; it stays, also where the call that asked
 * for it fails. Gives. Errors as above; WEFT_EEXIST too where this thread has another name already, be it one that
 * WEFT_OWNER_THREAD made up: a participant keeps the name by which it was first seen, so name a thread before that. */
WEFT_API weft_error weft_participant_thread(weft_node *node, const char *name, weft_participant **participant);

/* One that only the host can watch: alive until weft_participant_dead. name: copies, not NULL. Gives. Errors as
 * above. */
WEFT_API weft_error weft_participant_declare(weft_node *node, const char *name, weft_participant **participant);

/* The host declares it dead. value is kept as the cause's value. Returns when no selection can return its workers any
 * more. Any participant may be declared dead; WEFT_EDEAD: it was dead before. Any thread. */
WEFT_API weft_error weft_participant_dead(weft_participant *participant, int32_t value);

/* Whether it lives, and if not, why (cause may be NULL). Any thread. */
WEFT_API bool weft_participant_alive(const weft_participant *participant, weft_cause *cause);

/* Gives the handle back. What still hangs on it goes on, and its link stays armed for as long as that; so releasing
 * right after registering is fine. A declared participant that nobody holds any more is dead (WEFT_CAUSE_RELEASED),
 * since nobody could declare it so. NULL is accepted. Any thread; not after the node was closed. */
WEFT_API void weft_participant_release(weft_participant *participant);

/* When the process was started, in the kernel's clock ticks since boot (field 22 of /proc/<pid>/stat), so that the pair
 * {pid, start time} names one process for ever. WEFT_EINVAL: pid is not positive; WEFT_ENOTFOUND: no such process;
 * WEFT_ESYSTEM: no descriptor to be had. Any thread. */
WEFT_API weft_error weft_process_start_time(int32_t pid, uint64_t *start_time);

#ifdef __cplusplus
}
#endif

#endif
