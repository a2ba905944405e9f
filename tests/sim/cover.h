/* cover.h: how often each thing worth meeting was met. A long run that never met one of them is not to be trusted. */
#ifndef WEFT_SIM_COVER_H
#define WEFT_SIM_COVER_H

#include <stdint.h>

/* The endings of a dispatch come first, in the order of enum ending (model.h). */
#define COVERS(X)                                                                                                      \
    X(COMPLETED, "ended completed")                                                                                    \
    X(FAILED, "ended failed")                                                                                          \
    X(NOT_CANCELLED, "ended failed: not_cancelled")                                                                    \
    X(WORKER_DIED, "ended worker_died")                                                                                \
    X(ABANDONED, "ended worker_died: abandoned")                                                                       \
    X(LATE_CLOSE, "ended timed_out: schedule_to_close")                                                                \
    X(LATE_START, "ended timed_out: schedule_to_start")                                                                \
    X(LATE_RUN, "ended timed_out: start_to_close")                                                                     \
    X(LATE_BEAT, "ended timed_out: heartbeat")                                                                         \
    X(CANCELLED, "ended cancelled")                                                                                    \
    X(CALLER_DIED, "ended cancelled: caller_died")                                                                     \
    X(CALLER_CLOSED, "ended cancelled: caller_closed")                                                                 \
    X(GRACE, "ended cancelled: cancel_grace")                                                                          \
    X(NODE_CLOSED, "ended cancelled: node_closed")                                                                     \
    X(SHED, "ended rejected: shed")                                                                                    \
    X(ADMITTED_ACCEPTED, "admitted: accepted")                                                                         \
    X(ADMITTED_DEFERRED, "admitted: deferred")                                                                         \
    X(REFUSED_DRAINING, "not admitted: draining")                                                                      \
    X(REFUSED_PAYLOAD, "not admitted: payload_too_large")                                                              \
    X(REFUSED_NO_WORKER, "not admitted: no_worker")                                                                    \
    X(REFUSED_QUEUE_FULL, "not admitted: queue_full")                                                                  \
    X(BLOCK_WAIT, "a blocked caller waits for room")                                                                   \
    X(BLOCK_WOKEN, "a blocked caller is woken and tries again")                                                        \
    X(ECLOSED, "WEFT_ECLOSED")                                                                                         \
    X(EBUSY, "WEFT_EBUSY")                                                                                             \
    X(EEXIST, "WEFT_EEXIST")                                                                                           \
    X(EDIFFERS, "WEFT_EDIFFERS")                                                                                       \
    X(ENOCHANNEL, "WEFT_ENOCHANNEL")                                                                                   \
    X(ENOTFOUND, "WEFT_ENOTFOUND")                                                                                     \
    X(ELIMIT, "WEFT_ELIMIT")                                                                                           \
    X(EDEAD, "WEFT_EDEAD")                                                                                             \
    X(EINVAL, "WEFT_EINVAL")                                                                                           \
    X(EUNSUPPORTED, "WEFT_EUNSUPPORTED")                                                                               \
    X(EAGAIN, "WEFT_EAGAIN")                                                                                           \
    X(ENOMEM_ATTACH, "WEFT_ENOMEM: attach")                                                                            \
    X(ENOMEM_DECLARE, "WEFT_ENOMEM: declare")                                                                          \
    X(ENOMEM_TEMPLATE, "WEFT_ENOMEM: template")                                                                        \
    X(ENOMEM_REGISTER, "WEFT_ENOMEM: register")                                                                        \
    X(ENOMEM_DISPATCH, "WEFT_ENOMEM: dispatch")                                                                        \
    X(WHY_ELIGIBLE, "asked why: eligible")                                                                             \
    X(WHY_LINK, "asked why: link")                                                                                     \
    X(WHY_TYPE, "asked why: activity type")                                                                            \
    X(WHY_DRAINING, "asked why: draining")                                                                             \
    X(WHY_EXCLUDED, "asked why: excluded")                                                                             \
    X(WHY_CAPACITY, "asked why: capacity")                                                                             \
    X(WHY_EXECUTOR, "asked why: executor")                                                                             \
    X(WHY_QUEUED, "asked why of one that waits")                                                                       \
    X(WHY_ASSIGNED, "asked why of one that is assigned")                                                               \
    X(WHY_FENCED, "asked why of one whose attempt is lost")                                                            \
    X(WHY_ENDED, "asked why of one that has ended")                                                                    \
    X(WOULD_ACCEPT, "foretold: accepted")                                                                              \
    X(WOULD_DEFER, "foretold: deferred")                                                                               \
    X(WOULD_REJECT, "foretold: rejected")                                                                              \
    X(LISTED, "all was listed")                                                                                        \
    X(NOTED_LOST, "a lost worker was noted")                                                                           \
    X(NOTED_RECOVERED, "a channel was noted degraded, and recovered")                                                  \
    X(NOTED_FULL, "a full channel was noted")                                                                          \
    X(FIRED_ARMING, "fired before armed")                                                                              \
    X(ARMED_LATE, "armed after it fired")                                                                              \
    X(ARMED_WITH_WORKERS, "armed with workers registered")                                                             \
    X(DIED_BY_RELEASE, "died by the last release")                                                                     \
    X(SESSION_REPLACED, "a name comes back before its dead session is gone")                                           \
    X(SESSION_ENDED, "a session's record ended")                                                                       \
    X(DEATH_QUEUED, "caller dies: dispatch queued")                                                                    \
    X(DEATH_ASSIGNED, "caller dies: dispatch assigned")                                                                \
    X(DEATH_TAKEN, "caller dies: dispatch taken")                                                                      \
    X(DEATH_DETACHED, "caller dies: dispatch goes on")                                                                 \
    X(WORKER_END_ASSIGNED, "worker ends: task not taken")                                                              \
    X(WORKER_END_TAKEN, "worker ends: task in the hands of a puller")                                                  \
    X(WORKER_END_HANDLER, "worker ends: task in its handler")                                                          \
    X(WORKER_END_BATCH, "worker ends: task in a batch, not begun")                                                     \
    X(UNASSIGNED, "a task not begun goes to others")                                                                   \
    X(REDISPATCHED, "another attempt after a loss")                                                                    \
    X(FENCED, "a lost attempt waits for its release")                                                                  \
    X(OVERLAPPING, "another attempt while the old one runs")                                                           \
    X(ATTEMPTS_SPENT, "the last attempt is lost")                                                                      \
    X(RETRY_TRIED, "a worker it died of gets it again")                                                                \
    X(RETRY_WAITED, "waited in vain for an untried worker")                                                            \
    X(RESULT_LATE, "a late result is refused")                                                                         \
    X(RESULT_TWICE, "a result after it was settled")                                                                   \
    X(RESULT_IN_HANDLER, "settled before its handler returned")                                                        \
    X(RESULT_UNSETTLED, "returned neither settled nor kept")                                                           \
    X(RESULT_KEPT, "returned and kept")                                                                                \
    X(RESULT_AFTER_KEPT, "settled after it was kept")                                                                  \
    X(RESULT_OF_LOST, "a lost task's handle is given back")                                                            \
    X(RESULTS_MANY, "several results in one entry")                                                                    \
    X(TAKE_BATCH, "several tasks in one take")                                                                         \
    X(TAKE_TIMED, "a timed task is taken alone")                                                                       \
    X(GIVE_BACK, "given back")                                                                                         \
    X(GIVE_BACK_FENCED, "given back after its worker ended")                                                           \
    X(HEARTBEAT, "heartbeat")                                                                                          \
    X(HEARTBEAT_STALE, "heartbeat of a stale task")                                                                    \
    X(PROGRESS_HEARD, "progress is heard")                                                                             \
    X(PROGRESS_REPLACED, "progress replaces what was not heard")                                                       \
    X(PROGRESS_MOVED, "progress goes behind parts sent since")                                                         \
    X(PART_HEARD, "a part is heard")                                                                                   \
    X(RESTART_HEARD, "a restart is heard")                                                                             \
    X(HEARD_AT_THE_END, "something is heard after the end")                                                            \
    X(WORDS_DROPPED, "a restart drops what was not heard")                                                             \
    X(WORDS_DEAF, "said to who has stopped listening")                                                                 \
    X(WORDS_UNASKED, "said to who did not ask")                                                                        \
    X(WORDS_STALE, "said by a stale task")                                                                             \
    X(WORDS_SETTLED, "said by a settled task")                                                                         \
    X(WINDOW_FULL, "a window is full")                                                                                 \
    X(WINDOW_WAIT, "wait for room in a window")                                                                        \
    X(WINDOW_SENT, "who waited for room in a window sends")                                                            \
    X(WINDOW_AGAIN, "who was woken for room in a window waits again")                                                  \
    X(WINDOW_STALE, "who waited for room in a window is stale")                                                        \
    X(WINDOW_GIVEN_UP, "who waited for room in a window gives up")                                                     \
    X(WINDOW_ALIVE, "who waits for room is not late with his heartbeat")                                               \
    X(NOTICE, "cancel notice")                                                                                         \
    X(NOTICE_TOO_LATE, "asked for a cancel notice when cancelled")                                                     \
    X(CANCEL_RUNNING, "cancel of a running dispatch")                                                                  \
    X(CANCEL_TWICE, "cancel again")                                                                                    \
    X(OUTCOME_TAKEN, "outcome taken")                                                                                  \
    X(FETCHED, "outcome of a detached one fetched")                                                                    \
    X(FETCH_EARLY, "fetch of an open one")                                                                             \
    X(FETCH_WOKEN, "who waits to fetch is woken")                                                                      \
    X(OUTCOME_EXPIRED, "outcome kept too long is forgotten")                                                           \
    X(DEST_ABANDONED, "a queue of outcomes is abandoned")                                                              \
    X(INLINE_MOVED, "inline tasks move to a group")                                                                    \
    X(PAUSED, "pause")                                                                                                 \
    X(RESUMED, "resume")                                                                                               \
    X(DRAINING, "drain")                                                                                               \
    X(DRAINED, "drained")                                                                                              \
    X(DELETED, "delete")                                                                                               \
    X(DELETED_WITH_WORKERS, "delete with workers registered")                                                          \
    X(FROM_TEMPLATE, "made from a template")                                                                           \
    X(WORKER_DRAINED, "worker drained")                                                                                \
    X(WORKER_IDLE_WAIT, "wait for a worker to be idle")                                                                \
    X(GROUP_SHRUNK, "a group takes fewer")                                                                             \
    X(GROUP_GROWN, "a group takes more")                                                                               \
    X(GROUP_REMOVED, "a group is removed")                                                                             \
    X(PRIORITY_TURN, "a higher priority went first")                                                                   \
    X(LEAST_LOADED, "the least loaded was looked for")                                                                 \
    X(STARVED_TURN, "a starved priority went first")                                                                   \
    X(STEP_DELAYED, "another event between an entry and its step")                                                     \
    X(STEP_MORE, "a step that left more to do")                                                                        \
    X(WATCHER_WOKEN, "a loop that watches a destination is told")                                                      \
    X(SLEEPER_WOKEN, "a timer due earlier wakes the sleeper")                                                          \
    X(TICK_LATE, "a tick later than it was due")                                                                       \
    X(LETTER_HISTORY, "a letter with attempts")                                                                        \
    X(LETTER_DROPPED, "a letter was dropped")                                                                          \
    X(LETTER_FETCHED, "a letter was fetched")                                                                          \
    X(LETTER_PUT_BACK, "a letter was put back")                                                                        \
    X(LETTER_STAYS, "a letter that was put back was not admitted")                                                     \
    X(ENOMEM_CONTRACT, "WEFT_ENOMEM: a schema or contract")                                                            \
    X(STALE, "a payload has met a contract that is no longer its channel's")                                           \
    X(REFUSED_MISMATCH, "not admitted: schema_mismatch, content_type")                                                 \
    X(SCHEMA_REPLACED, "a channel was given another schema")                                                           \
    X(SCHEMA_BUSY, "unregister of a schema that is named")                                                             \
    X(SCHEMA_UNREGISTERED, "a schema was unregistered")                                                                \
    X(WHY_SCHEMA, "why: schema")                                                                                       \
    X(WHY_PASSED_OVER, "why: too many before it that it may not have")                                                 \
    X(WOULD_PASS_OVER, "foretold: who may have it gives up before it")                                                 \
    X(KEY_FIRST, "a new key")                                                                                          \
    X(KEY_JOINED, "a repeat joins")                                                                                    \
    X(KEY_ANSWERED, "a repeat is answered after the end")                                                              \
    X(KEY_CONFLICT, "not admitted: conflict")                                                                          \
    X(KEYS_FULL, "not admitted: keys_full")                                                                            \
    X(KEY_EVICTED, "a key was forgotten for want of room")                                                             \
    X(KEY_LEFT, "one who asked leaves alone")                                                                          \
    X(KEY_ABANDONED, "all who asked have left what runs")                                                              \
    X(WHY_DETACHED, "why: detached")                                                                                   \
    X(WHY_BACKLOGGED, "why: backlogged")                                                                               \
    X(DETACHED, "a session is detached")                                                                               \
    X(BACKLOGGED, "a session is backlogged")                                                                           \
    X(UNBARRED, "a session is barred no more")                                                                         \
    X(FAR_TAKEN, "a task goes elsewhere")                                                                              \
    X(FAR_STARTED, "its time counts from here")                                                                        \
    X(FAR_ROOM, "a task elsewhere is told of room")                                                                    \
    X(FAR_OVER, "a worker elsewhere has ended")                                                                        \
    X(FAR_RELEASED, "what a worker elsewhere had when it ended is released")                                           \
    X(CREDIT, "a caller makes room")                                                                                   \
    X(STRANGER_KNOWN, "a second dispatch with the id of another")                                                      \
    X(QUIET_WAIT, "wait for quiet")                                                                                    \
    X(ENOMEM_SUBSCRIBE, "WEFT_ENOMEM: subscribe")                                                                      \
    X(ENOMEM_PUBLISH, "WEFT_ENOMEM: publish")                                                                          \
    X(PUBLISHED, "published and heard")                                                                                \
    X(PUBLISHED_NOWHERE, "published into nothing")                                                                     \
    X(PUBLISHED_TO_DEAD, "published to one whose link has fired")                                                      \
    X(PUBLISHED_DRAINED, "published on a drained channel")                                                             \
    X(EVENT_LARGE, "an event beyond its channel's payload_bytes_max")                                                  \
    X(EVICTED, "the oldest event made room")                                                                           \
    X(EVICTED_MANY, "several made room for one")                                                                       \
    X(NEWEST_DROPPED, "the newest event was dropped")                                                                  \
    X(CUT, "a subscriber was cut off")                                                                                 \
    X(NOT_CUT, "a full one was not cut off")                                                                           \
    X(NOT_CUT_CALLED, "one was not cut off because it made calls")                                                     \
    X(GAP_TOLD, "an event says that others were lost before it")                                                       \
    X(EVENTS_TAKEN, "events taken")                                                                                    \
    X(EVENTS_WAKE, "who waits for events is woken")                                                                    \
    X(ENDED_TOLD, "who pulls learns of the end")                                                                       \
    X(TURN, "a turn")                                                                                                  \
    X(TURN_ENDED, "a turn that tells the end")                                                                         \
    X(TURN_BROKEN_OFF, "a turn that stops before its end")                                                             \
    X(UNSUBSCRIBED_IN_TURN, "unsubscribed while called")                                                               \
    X(UNSUBSCRIBED_FULL, "unsubscribed with events waiting")                                                           \
    X(EVENT_CHANNEL_DELETED, "an event channel with subscribers is deleted")                                           \
    X(SETTLED_UNHEARD, "closed with events unheard")                                                                   \
    X(CLOSED_BUSY, "closed with dispatches open")

enum cover {
#define COVER_ENUM(name, text) COVER_##name,
    COVERS(COVER_ENUM)
#undef COVER_ENUM
        COVERS_COUNT
};

extern uint64_t covers[COVERS_COUNT];
extern const char *const cover_texts[COVERS_COUNT];

static inline void cover(enum cover what)
{
    covers[what]++;
}

#endif
