/* remote.h: the part of core.h that is about what lives in other processes.
 *
 * At the node, a session of a remote peer is a session like any other, with one destination for all that goes to it: tasks of
 * its workers, outcomes and updates of its dispatches, events, cancels: so they leave in the order in which they were decided.
 * It can be barred: then no selection returns its workers, which is one store, as with death; but nothing of it ends, and what
 * its workers have taken stays theirs.
 *
 * At the client, what another node decides is carried out by the core of this one: dispatches go out through one worker
 * of one hidden channel, the uplink, whose result is the outcome that came back; tasks come in by hand, to the worker that the
 * node has chosen, and their outcome is the result that goes out. */
#ifndef WEFT_CORE_REMOTE_H
#define WEFT_CORE_REMOTE_H

#include "core/core.h"

/* --- at the node ------------------------------------------------------------------------------ */

/* Sessions in ids (core_request.id.session): a stranger's has this bit, one that the core makes has not. */
#define CORE_STRANGE_SESSION (UINT64_C(1) << 52)
static inline bool weft__strange_session(uint64_t session)
{
    return session & CORE_STRANGE_SESSION;
}

/* Why a session's workers are passed over though its link is armed. */
enum core_bar {
    CORE_BAR_NONE = 0,
    CORE_BAR_DETACHED,  /* no connection: WEFT_RULE_DETACHED. What its remote workers have not taken goes to others */
    CORE_BAR_BACKLOGGED /* more waits for it than its connection takes: WEFT_RULE_BACKLOGGED */
};
/* From here on no selection returns its workers; with CORE_BAR_NONE they may be chosen again. The rest is done in steps.
 * No such session, or it is dead: nothing. */
void weft__core_session_bar(struct core *core, uint64_t now_ns, uint64_t session, enum core_bar bar);

/* Takes the oldest item of a destination that has all kinds. What is taken is the caller's as with the call that takes
 * only such. Records and what they point to may go with the lock: what is to be kept longer is held (the payload) or
 * copied before. 0: there is none.
 *
 *   TASK      a task of a remote worker (weft__core_take of one)
 *   CANCEL    one that was taken: nobody waits for its result any more, or its caller asks it to stop
 *   ROOM      one that was taken: its caller has room for so many more partial results
 *   OUTCOME, UPDATE   as weft__core_outcome_take
 *   EVENTS    a subscription that has something, or (`tells`) whose end is to be told: take its events now, with
 *             weft__core_events_take; it stands behind the others until nothing is left
 *   WORKER    a remote worker that has ended, and nothing of it is in flight: weft__core_worker_forget, when its end was
 *             told where that is wanted. It comes after everything else of that worker */
struct core_taken {
    enum core_item_kind kind;
    struct core_task *task;
    uint32_t room;   /* ROOM: so many more; TASK: so many it may send at first; 0: also where it does not stream */
    uint32_t window; /* TASK: of its caller; 0: it does not stream */
    struct core_outcome outcome; /* of a stranger's dispatch: token is its caller's, id.number the number it gave */
    uint64_t subscription;       /* its handle */
    void *subscription_context;
    uint64_t token;  /* STARTED, RELEASED: of what was handed */
    uint32_t count;  /* HEARD: of so many partial results of task, which went out, its caller has heard */
    uint64_t worker; /* its handle */
    void *worker_context;
};
enum core_item_kind weft__core_next(struct core *core, uint64_t now_ns, struct core_dest *dest,
                                    struct core_taken *taken);

/* Remote workers (core_worker_spec.remote). Each result says whether the handler has returned; one that has not keeps the
 * slot until CORE_RESULT_NONE with returned says so. A task that times out, is cancelled, or loses its caller once it was
 * taken has a CANCEL in dest, unless it was settled before that was taken. When the worker is unregistered, or its session
 * dies, what it holds is released, and settled or dispatched again as after any death: its handle is stale.
 *
 * find: by its handle, while a worker of that session has it: it was taken and not released. NULL: it has not, any more.
 * What a stranger says of it is looked at before: a settled one is not given back. */
struct core_task *weft__core_task_find(struct core *core, uint64_t session, uint64_t task);
uint64_t weft__core_task_handle(const struct core_task *task);

/* The handler of a task was entered, now. Of one that is timed: start_to_close and heartbeat count from here, and not at all
 * before. */
void weft__core_started(struct core *core, uint64_t now_ns, struct core_task *task);

/* A stranger's dispatch (core_request.id) is known by that id wherever it is shown, weft__core_cancel, why and fetch know it
 * by it, and a second one with it is WEFT_EEXIST until its outcome was taken. Where it comes with a key, what the key stands
 * for has an id of ours, whose session is 0. */

/* The caller's window has room for so many more partial results of that dispatch: as taking them would have said. Where
 * core_request.credit is set, taking one from the destination makes no room by itself; one that a later attempt made void
 * counts as any other. Unknown, or more than were taken: nothing. */
void weft__core_room(struct core *core, uint64_t now_ns, weft_dispatch_id id, uint32_t count);

/* --- at the client ----------------------------------------------------------------------------
 *
 * What the destinations of the two get is taken with weft__core_next: they may be one. Besides tasks, cancel notices,
 * outcomes and updates that is
 *   STARTED    taken.token's handler, which is timed, has been entered
 *   RELEASED   taken.token's handler has returned, and its outcome said before that it runs on
 *   HEARD      the caller of taken.task has heard of taken.count partial results more: the node can send as many */

/* Makes the hidden channel and its worker, whose tasks go to dest, on that session: once. Its name is WEFT_UPLINK_CHANNEL,
 * for core_request.channel; it is found by no other entry, and shown in no page or count. Such a request is admitted if
 * there is memory, whatever waits; its payload is what the shell makes of it. The times, the key, retries and the
 * like are the node's to look after: they stay 0 here, but for schedule_to_close_ms, which ends it here while the node is away,
 * or when there was no verdict for a second more: then the cancel notice says so, as where its caller is gone. The task has its
 * cancel notice in dest from the start. WEFT_EDEAD, WEFT_ENOMEM.
 *
 * The number of a call is its id's (core_admitted.id, core_task.id), which is never used twice. What was taken is the
 * shell's until a verdict, though its caller may have gone meanwhile: then the cancel notice says so, and the verdict is
 * WEFT_ESTALE. */
#define WEFT_UPLINK_CHANNEL "uplink"
weft_error weft__core_uplink_open(struct core *core, uint64_t now_ns, uint64_t session, struct core_dest *dest);

/* Whether the node cannot be reached; at first it can. Where it goes when a time has run out already, the second goes by first. */
void weft__core_uplink_away(struct core *core, bool away);

/* The task of a call that was taken and has no verdict yet. NULL: there is none, and never will be. */
struct core_task *weft__core_uplink_task(struct core *core, uint64_t call);

/* What the node said of a dispatch that went out by a task of the uplink. */
struct core_verdict {
    weft_outcome outcome;
    weft_admission admission;
    weft_error error; /* not WEFT_OK: it was not dispatched at all; the outcome is WEFT_REJECTED then */
    uint32_t attempts, retry_after_ms;
    uint64_t queued_ns, started_ns, run_ns;
    const char *code;        /* copied, unless it is a word of ours or in the message; NULL = none */
    const char *worker;      /* copied; "" or NULL = none */
    struct message *message; /* takes: the result, or the sentence of an error (its content type is the code) */
};
/* WEFT_ESTALE: nobody waits for it any more. The task is over in either case; but not where it is WEFT_ENOMEM, or
 * WEFT_EPROTOCOL: no such outcome, more attempts than there can be, a name that is too long: then nothing has changed. */
weft_error weft__core_verdict(struct core *core, uint64_t now_ns, struct core_task *task,
                              const struct core_verdict *verdict);

/* The node is gone, or knows nothing of them: those that were taken end WEFT_NODE_LOST, the oldest first, CORE_HOLD_MAX a
 * call; those that were not stay. *most: so many at most, counted down. True = call again. Also when the core ends: nothing else ends
 * what nobody will answer. */
bool weft__core_uplink_lost(struct core *core, uint64_t now_ns, uint32_t *most);

/* What the node said of it before that. Takes the message where it is WEFT_OK. WEFT_ESTALE: nobody waits for it any more;
 * WEFT_EPROTOCOL: of an attempt that was not announced, out of order, or more than the window. */
struct core_said {
    weft_update_kind kind;
    uint32_t attempt;
    uint64_t number;         /* of a partial result */
    struct message *message; /* NULL: RESTARTED */
};
weft_error weft__core_update(struct core *core, uint64_t now_ns, struct core_task *task, const struct core_said *said);

/* A channel of that name for workers or subscriptions of this process, made if there is none: without bounds, schema or
 * policy. In the hold in which they come: one that nobody uses may be given up for another. WEFT_EINVAL: it is no name;
 * WEFT_EUNSUPPORTED; WEFT_ELIMIT: channels_max; WEFT_ECLOSED; WEFT_ENOMEM. */
weft_error weft__core_mirror(struct core *core, const char *channel, uint64_t channel_hash);

/* Hands a task that the node has assigned to that worker. Its outcome goes to dest with that token (the node's number for
 * the task), and says what the node is to be told: core_outcome.said and runs_on. So do its progress and partial results,
 * where it streams, and, where timed, STARTED. Its window is the caller's: weft__core_room makes room. Any other code than
 * WEFT_OK: the node should be told `give_back`:
 *   WEFT_ENOTFOUND   no such worker, or it drains, or has ended
 *   WEFT_EBUSY       it has as many as its max_concurrent: the node frees a slot when it is told of its release, which
 *                    is after it was released here, so it has broken the protocol
 *   WEFT_EPROTOCOL   an attempt, or a window, that cannot be
 *   WEFT_ELIMIT      dispatches_max, or too many activity types; WEFT_ECLOSED; WEFT_ENOMEM
 * What is not begun of it goes to nobody else: it waits for a thread of the worker's group, or is given back. */
struct core_hand {
    uint64_t worker; /* its handle */
    weft_dispatch_id id;
    uint32_t attempt; /* 1 to CORE_ATTEMPTS_MAX */
    uint64_t deadline_ns;
    bool timed, streams;
    uint32_t window;         /* 1 to WEFT_WINDOW_MAX, where it streams: the caller's */
    uint32_t room;           /* of which so many are free now: core_taken.room at the node */
    uint32_t said_bytes_max; /* as core_request's */
    const char *activity_type;
    uint64_t activity_type_hash;
    struct message *payload; /* takes, if it is WEFT_OK */
    struct core_dest *dest;
    uint64_t token;
};
weft_error weft__core_hand(struct core *core, uint64_t now_ns, const struct core_hand *hand, weft_dispatch_id *local);

/* What the node sends meanwhile, by the local id: cancel: weft__core_cancel; room: weft__core_room. */

/* The node has refused an event of this process that nobody waits for the word on: the hooks are told. */
void weft__core_refused(struct core *core, uint64_t now_ns, const char *channel);

/* The node has ended that subscription of this process: as if it had been ended here. */
void weft__core_subscription_over(struct core *core, uint64_t now_ns, uint64_t subscription, weft_error why);

/* The node, when it was to have them anew, has refused a worker or a subscription of this process: the hooks are told. A worker
 * drains, and `why` says so from then on: WEFT_OK: it was not refused. */
void weft__core_worker_refused(struct core *core, uint64_t now_ns, uint64_t worker, weft_error why);
weft_error weft__core_worker_why(const struct core *core, uint64_t worker);
void weft__core_subscription_refused(struct core *core, uint64_t now_ns, uint64_t subscription, weft_error why);

/* An event that the node has sent for a subscription of this process: into its inbox, as a publish would. dropped: lost
 * before it. The message is made by weft__event_new, and stamped; takes it where it is WEFT_OK. WEFT_ENOTFOUND: it has
 * ended; WEFT_ESLOW: it was cut off now: the node should be told `unsubscribe`; WEFT_ENOMEM: nothing has changed; count
 * it among those dropped before the next. */
weft_error weft__core_deliver(struct core *core, uint64_t now_ns, uint64_t subscription, struct message *message,
                              uint32_t dropped);

#endif
