/* core.h: the fabric as a deterministic state machine: what the shell and the simulator see of it.
 *
 * Each entry is one event. The caller holds the core's lock and says what time it is; the entry moves the state and
 * appends what is to be done to the FIFO of a destination. It makes no system call, reads no clock, starts no thread,
 * runs no code of the user's. Entries that may need memory reserve it first: on WEFT_ENOMEM nothing has changed.
 *
 * After each entry, still under the lock, the caller
 *   - takes the waiters on core->wakes (who is to be woken: see struct core_waiter) and wakes them after unlocking;
 *   - takes the nodes on core->ended (participants whose link can be disarmed) and disarms them after unlocking;
 *   - runs weft__core_step until it returns false, letting go of the lock between two steps: a step is at most
 *     CORE_HOLD_MAX records long.
 *
 * Records are referred to by handles that are upgraded under the lock. Where an entry hands out a pointer, the comment
 * says for how long.
 */
#ifndef WEFT_CORE_CORE_H
#define WEFT_CORE_CORE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <weft/weft.h>

#include "base/contract.h"
#include "base/heap.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/message.h"
#include "base/namemap.h"
#include "base/slotmap.h"

#define CORE_NEVER UINT64_MAX

enum {
    CORE_HOLD_MAX = 256, /* records an entry or a step may touch */
    CORE_ATTEMPTS_MAX = 16,
    CORE_TYPES_MAX = 1024, /* activity types known to a channel at a time */
    CORE_TEMPLATES_MAX = 256,
    CORE_GROUPS_MAX = 64,
    CORE_PRIORITIES = 4,
    CORE_DIGEST_BYTES = 32
};

struct core_limits {
    uint32_t channels_max;
    uint32_t workers_max;
    uint32_t sessions_max;
    uint32_t dispatches_max;
    uint32_t outcome_keep_ms;
    uint32_t subscriptions_max;
    uint32_t schemas_max;
    uint32_t strange_max;    /* so many that it does not understand, and a worker looks no further; 0 = CORE_HOLD_MAX */
    uint64_t public_session; /* the session half of the ids of its dispatches; 0 = the caller's handle */
    uint64_t seed;           /* so that nobody outside can choose ids that collide; 0 will do where nobody does */
};

/* Someone who waits for a destination to have something, or for a state. It stands on a list while it waits; the entry
 * that has news for it moves it to core->wakes. From then until it was woken it belongs to who took it off there. */
struct core_waiter {
    struct list_node on;
    bool watches; /* a host's loop, which may look or not: it stands behind the threads that sleep */
};

/* A destination: one FIFO, drained in order. Whoever finds it empty leaves a waiter (R1, R2 of
 * docs/architecture.md). */
enum { GATHERED_MAX = 256 };
struct core_dest {
    struct list_node fifo;
    struct list_node open; /* dispatches whose outcome will come here */
    struct list_node waiters;
    uint32_t items_count;
    uint64_t gathers_until_ns; /* before that an item wakes nobody, unless GATHERED_MAX stand there */
};

/* An executor group, embedded in the shell's. */
struct core_group {
    struct core_dest dest; /* its tasks, and nothing else */
    struct list_node on_core;
    struct list_node seats;
    struct list_node hungry; /* its seats that have a worker and may have work, but found no free thread */
    const char *name;        /* the shell's, as long as it is added; NULL = none */
    struct list_node turns;  /* subscriptions that are heard here, have something, and nobody in them */
    uint32_t subscriptions;  /* that are heard here */
    uint32_t limit;          /* tasks it may hold at a time: free threads times how many each takes ahead */
    uint32_t busy;           /* tasks handed to it whose handler has not returned */
};

enum core_item_kind {
    CORE_ITEM_TASK = 1,
    CORE_ITEM_OUTCOME,
    CORE_ITEM_CANCEL,
    CORE_ITEM_UPDATE,
    CORE_ITEM_NOTES,
    CORE_ITEM_EVENTS,
    CORE_ITEM_ROOM,     /* for what a remote worker streams */
    CORE_ITEM_WORKER,   /* a remote worker has ended, and nothing of it is in flight */
    CORE_ITEM_STARTED,  /* a task that was handed, and is timed: its handler is entered */
    CORE_ITEM_RELEASED, /* one that was handed: its handler has returned, after its outcome */
    CORE_ITEM_HEARD     /* one that went out: its caller has heard of partial results */
};

/* What stands in a FIFO: embedded in the record it is about, which exists as long as the item stands there. */
struct core_item {
    struct list_node on;
    enum core_item_kind kind;
};

enum core_task_state {
    CORE_TASK_ASSIGNED = 1, /* in the FIFO of its destination: can be retracted */
    CORE_TASK_TAKEN,        /* in the hands of a worker */
    CORE_TASK_LOST          /* its worker is gone and its slot released, but somebody still holds the handle */
};

struct core_worker;
struct core_dispatch;
struct core_class;

/* One attempt. It is also what the user knows as weft_task: the shell's own fields stand at its end. */
struct core_task {
    struct slot slot;

    /* set at assignment, read by whoever holds the task */
    struct message *payload;  /* held */
    struct core_class *class; /* held: its name is the activity type */
    weft_dispatch_id id;
    uint32_t attempt;
    bool timed;           /* its run is bounded: it is taken alone */
    bool streams;         /* its caller wants to be told how it goes */
    uint64_t deadline_ns; /* when the dispatch ends at the latest; CORE_NEVER = unbounded */
    void *worker_context; /* what the shell gave at registration */
    uint64_t started_ns;  /* by its drainer, when its handler was entered; 0 until then */

    /* any thread */
    atomic_bool cancelled; /* nobody waits for the result any more */

    /* under the lock */
    struct core_item item; /* in the FIFO of dest, while assigned; with an origin, STARTED or HEARD later */
    struct core_dest *dest;
    struct core_item cancel_item;  /* in the FIFO of the callbacks */
    struct core_dest *cancel_dest; /* where to put it; NULL = nobody asked to be told */
    struct list_node on_worker;
    struct core_worker *worker;     /* NULL once lost */
    struct core_dispatch *origin;   /* of what went out, or was handed: its dispatch, to the end of the task */
    struct core_dispatch *dispatch; /* NULL once it has ended, or goes on without this attempt */
    enum core_task_state state;
    uint32_t heard;  /* of what went out: parts that its caller heard of, and the node was not told of */
    bool fenced;     /* its result will be refused, though the dispatch waits for its release */
    bool orphaned;   /* counted as such */
    bool in_handler; /* its handler may run: holds a thread of the worker's group */
    bool settled;    /* its worker has said how it went */
    bool seen_end;   /* looked at since its worker ended */

    /* the shell's; zero when the task is taken */
    struct {
        void *context; /* whose task it is */
        void (*on_cancel)(weft_task *task, void *context);
        void *on_cancel_context;
        void *executor;         /* whose batch it is in; NULL = none */
        struct message *staged; /* a result that waits for the batch to be returned */
        uint32_t staged_kind;
        uint32_t cancel_call; /* 0 = none, 1 = the callback runs, 2 = has run */
        bool kept;
    } shell;
};

enum core_result_kind {
    CORE_RESULT_NONE = 0, /* only the handler has returned */
    CORE_RESULT_COMPLETE,
    CORE_RESULT_FAIL,     /* message holds the sentence; its content type is the code */
    CORE_RESULT_MISMATCH, /* the same, where that is what the channel's contract says of the result */
    CORE_RESULT_CANCEL_ACK,
    CORE_RESULT_SKIPPED, /* cancelled before its handler was entered, which will not be */
    CORE_RESULT_ABANDON,
    CORE_RESULT_DIED,      /* its worker hung on somebody in another process, who has died */
    CORE_RESULT_GIVEN_BACK /* only in an outcome: it was never begun */
};

/* What a drainer says of a task. */
struct core_result {
    struct core_task *task;
    struct message *message; /* takes, whatever comes of it; NULL = none */
    enum core_result_kind kind;
    bool returned; /* the handler has returned (CORE_RESULT_NONE on a task that is not kept: unsettled) */
    bool kept;     /* the task outlives its handler */
    bool accepted; /* out: the result was this attempt's to give */
};

/* A request to dispatch. Borrows everything but payload. */
struct core_request {
    const char *channel;
    uint64_t channel_hash;     /* weft__name_hash of it */
    const char *activity_type; /* NULL = none */
    uint64_t activity_type_hash;
    struct message *payload; /* takes, if it is admitted */
    uint64_t sticky_hash;
    uint64_t session;       /* the caller's */
    struct core_dest *dest; /* where the outcome goes; NULL = nowhere */
    uint64_t token;
    void *context; /* the shell's, comes back with the outcome */
    void *context2;
    uint32_t schedule_to_start_ms; /* 0 = the channel's; for all four */
    uint32_t start_to_close_ms;
    uint32_t schedule_to_close_ms;
    uint32_t heartbeat_ms;
    uint32_t attempts_max; /* 0 = the channel's */
    uint8_t priority;      /* 0 = urgent … 3 = low */
    uint8_t on_crash;      /* weft_crash */
    uint8_t no_worker;     /* weft_no_worker */
    const char *key;       /* NULL = none */
    uint64_t key_hash;
    unsigned char digest[CORE_DIGEST_BYTES]; /* with a key: of what makes two requests the same */
    bool detached;
    weft_dispatch_id id; /* not {0, 0}: its caller, who is elsewhere, knows it by this id: neither half is 0, and
                            the first names its caller alone. Then context2 is not kept. {0, 0}: the core makes one */
    void (*updated)(const weft_update *update, void *context); /* NULL: it does not stream; else dest is named */
    void *updated_context;
    uint32_t window;         /* 1 to WEFT_WINDOW_MAX, where it streams */
    bool credit;             /* taking a partial result makes no room for another: weft__core_room does */
    uint32_t said_bytes_max; /* of one update's payload, where it streams; 0 = no bound */
    bool too_large;          /* the payload was not copied, since its channel would not take it: it is rejected */
    bool waits;              /* the caller waits where the queue is full, if it may: that is no rejection yet */
    bool met; /* the payload keeps the contract that it has met, though the channel may have another by now */
};

/* How it was admitted. */
struct core_admitted {
    weft_dispatch_id id;
    weft_admission admission;
    uint32_t retry_after_ms;
    const char *reason; /* where rejected; static */
    bool blocks;        /* rejected for want of room, but the caller may wait for it and ask again */
    uint32_t block_ms;  /* for so long: the shorter of its two times to start and to close; WEFT_FOREVER = no bound */
    uint64_t channel;   /* its handle */
    struct contract *contract; /* gives, with WEFT_ESTALE: what the payload has to meet now; NULL = nothing */
};

/* What became of a dispatch: handed out once; owns message and the name. Or, where update is set, what its task says
 * before that: then id, attempts (the number of the attempt), message, token and the contexts are filled in, too. */
struct core_outcome {
    weft_dispatch_id id;
    weft_outcome outcome;
    weft_admission admission;
    uint32_t attempts;
    const char *code;        /* static text, or in message */
    struct message *message; /* gives: the result, or the sentence of an error (its content type is the code) */
    char worker[WEFT_NAME_MAX + 1];
    uint64_t token;
    void *context;
    void *context2;
    uint64_t queued_ns, started_ns, run_ns;
    weft_error error;           /* not WEFT_OK, where it went out: the node has not dispatched it at all */
    uint32_t retry_after_ms;    /* where it went out and was rejected */
    enum core_result_kind said; /* where it was handed: what the node is to be told */
    bool runs_on;               /* and its handler has not returned: CORE_ITEM_RELEASED follows */
    weft_update_kind update;    /* 0 = it is an outcome */
    uint64_t number;            /* of a partial result */
    void (*updated)(const weft_update *update, void *context);
    void *updated_context;
};

struct core_worker_spec {
    const char *channel;
    uint64_t channel_hash;
    const char *name; /* NULL = the core makes one */
    const char *const *activity_types;
    size_t activity_types_count;
    uint32_t max_concurrent;
    uint64_t session;
    struct core_group *group; /* NULL = none: pull, inline */
    struct core_dest *dest;   /* where its tasks go */
    bool handled;             /* a handler in this process runs them, so death of the session does not end them */
    bool remote; /* they run in another process: see remote.h. dest has all kinds of items, group is NULL */
    const uint8_t (*schema_ids)[SCHEMA_ID_BYTES]; /* those it understands */
    size_t schema_ids_count;                      /* 0 = every schema; at most WEFT_SCHEMA_IDS_MAX */
    void *context;                                /* the shell's; in each task as worker_context */
};

enum core_session_state { CORE_SESSION_ARMING = 1, CORE_SESSION_ARMED, CORE_SESSION_DEAD };

struct core;

/* mem: holds. Gives: free it with weft__core_free. NULL: out of memory. */
struct core *weft__core_new(const struct mem *mem, const struct core_limits *limits, uint64_t now_ns);

/* Frees everything, whatever its state. Accepts NULL. */
void weft__core_free(struct core *core);

/* The two lists that the caller empties after each entry. */
struct list_node *weft__core_wakes(struct core *core);
struct list_node *weft__core_ended(struct core *core);

/* Whether there is more to do, and doing CORE_HOLD_MAX records of it. */
bool weft__core_has_work(const struct core *core);
bool weft__core_step(struct core *core, uint64_t now_ns);

/* When tick is due: CORE_NEVER = not at all. Who sleeps until then says so with its waiter, which is woken when
 * something becomes due earlier than due_ns. Ticks: ends what has run out of time. */
uint64_t weft__core_due(const struct core *core);
void weft__core_sleep(struct core *core, struct core_waiter *waiter, uint64_t due_ns);
void weft__core_tick(struct core *core, uint64_t now_ns);

/* Destinations. The memory is the caller's, and outlives what is appended. wait: leaves the waiter if the FIFO is empty
 * (true), else does nothing (false). unwait: takes a waiter back; false: it was woken, or is about to be. */
void weft__core_dest_init(struct core_dest *dest);
bool weft__core_dest_wait(struct core_dest *dest, struct core_waiter *waiter);
bool weft__core_dest_watch(struct core_dest *dest, struct core_waiter *waiter); /* the same, behind those that sleep */
void weft__core_waiter_init(struct core_waiter *waiter);
bool weft__core_unwait(struct core_waiter *waiter);
void weft__core_dest_wake(struct core *core, struct core_dest *dest); /* one waiter, without an item */

/* channel.c. What the public header says of each. message (ERROR_TEXT_MAX bytes) gets the sentence of an error. */
enum { ERROR_TEXT_MAX = 512 };
weft_error weft__core_channel_declare(struct core *core, uint64_t now_ns, const char *name,
                                      const weft_channel_options *options, char *message);
weft_error weft__core_template_declare(struct core *core, const char *pattern, const weft_channel_options *options,
                                       char *message);
weft_error weft__core_channel_pause(struct core *core, uint64_t now_ns, const char *name);
weft_error weft__core_channel_resume(struct core *core, uint64_t now_ns, const char *name);
weft_error weft__core_channel_delete(struct core *core, uint64_t now_ns, const char *name, char *message);
/* Starts draining; WEFT_EAGAIN: the waiter was left, and is woken when it is drained, resumed or deleted. */
weft_error weft__core_channel_drain(struct core *core, uint64_t now_ns, const char *name, struct core_waiter *waiter);
/* Leaves the waiter until there is room in the queue, a worker has nothing to do, or the channel is drained or deleted.
 * False: no channel. */
bool weft__core_channel_wait_room(struct core *core, uint64_t channel, struct core_waiter *waiter);
weft_error weft__core_channel_info(struct core *core, uint64_t now_ns, const char *name, weft_channel_info *info);
weft_error weft__core_channel_deaths(struct core *core, const char *name, weft_death *deaths, size_t max,
                                     size_t *count);
/* A walk over the channels that match the pattern, CORE_HOLD_MAX records a call: *cursor starts at 0; false: no more.
 * info->name is "" where this call found none: call again. */
bool weft__core_channel_next(struct core *core, uint64_t now_ns, const char *pattern, uint64_t *cursor,
                             weft_channel_info *info);
bool weft__pattern_valid(const char *pattern);
bool weft__pattern_match(const char *pattern, const char *name);
bool weft__channel_name_valid(const char *name);
bool weft__word_valid(const char *word, const char *extra); /* 1 to 64 of [A-Za-z0-9_-] and extra */

/* schema.c: schemas by name, and the contracts that channels make of them. What the public header says of each; message
 * as above. register holds the schema, if no other has its name; find gives a reference: NULL: none. */
weft_error weft__core_schema_register(struct core *core, struct named_schema *schema, char *message);
struct named_schema *weft__core_schema_find(struct core *core, const char *name);
weft_error weft__core_schema_unregister(struct core *core, const char *name, char *message);
weft_error weft__core_channel_schema_set(struct core *core, uint64_t now_ns, const char *channel, weft_schema_role role,
                                         const char *name, char *message);

/* session.c. Attach makes a session ARMING with one holder; ended is pushed on core->ended when nothing hangs on it and
 * nobody holds it: then the handle is stale. name: copies. */
weft_error weft__core_session_attach(struct core *core, const char *name, bool declared, struct list_node *ended,
                                     uint64_t *session);
weft_error weft__core_session_armed(struct core *core, uint64_t now_ns, uint64_t session); /* WEFT_EDEAD: it fired */
/* Its link has fired: from here on no selection returns its workers. WEFT_EDEAD: it had before; WEFT_ENOTFOUND. */
weft_error weft__core_session_fired(struct core *core, uint64_t now_ns, uint64_t wall_ns, uint64_t session,
                                    weft_cause cause);
/* What its link watches, to be told; without it: the host's word where it is declared, else nothing. */
void weft__core_session_link(struct core *core, uint64_t session, weft_link_kind link, int32_t watched);
void weft__core_session_hold(struct core *core, uint64_t session);
void weft__core_session_release(struct core *core, uint64_t now_ns, uint64_t wall_ns, uint64_t session);
bool weft__core_session_alive(const struct core *core, uint64_t session, weft_cause *cause, const char **name);

/* worker.c */
weft_error weft__core_group_add(struct core *core, struct core_group *group, uint32_t limit);
weft_error weft__core_group_remove(struct core *core, struct core_group *group, char *message); /* WEFT_EBUSY */
/* Sets how many tasks it may hold; lower: what was not taken and is too much goes to others. */
void weft__core_group_limit(struct core *core, uint64_t now_ns, struct core_group *group, uint32_t limit);
weft_error weft__core_worker_register(struct core *core, uint64_t now_ns, const struct core_worker_spec *spec,
                                      uint64_t *worker, char *message);
void weft__core_worker_drain(struct core *core, uint64_t worker);
/* Begins its end: what it has not begun goes to others; see weft_worker_unregister. */
void weft__core_worker_unregister(struct core *core, uint64_t now_ns, uint64_t worker);
/* The same of a remote worker whose client has said all that there was to say of its tasks: what it was sent besides has not
 * begun, and goes to others, too. */
void weft__core_worker_left(struct core *core, uint64_t now_ns, uint64_t worker);
/* Leaves the waiter until nothing of it is in flight. False: nothing is (or no such worker). */
bool weft__core_worker_wait_idle(struct core *core, uint64_t worker, struct core_waiter *waiter);
/* Frees the record of an unregistered, idle worker: the handle is stale. */
void weft__core_worker_forget(struct core *core, uint64_t worker);
weft_error weft__core_worker_info(struct core *core, uint64_t now_ns, uint64_t worker, weft_worker_info *info);

/* task.c. take: up to max tasks of a destination whose every item is a task; one that is timed is taken alone, so the
 * result may be fewer. handled: they go to handlers, and hold threads of their group (where they have one). */
size_t weft__core_take(struct core *core, uint64_t now_ns, struct core_dest *dest, struct core_task **tasks,
                       size_t max);
/* Moves what stands in one task destination to the end of another. */
void weft__core_move(struct core *core, struct core_dest *from, struct core_dest *to);
void weft__core_results(struct core *core, uint64_t now_ns, struct core_result *results, size_t count);
/* Tasks that were taken but never begun, oldest first: they go to others, no attempt is spent. */
void weft__core_give_back(struct core *core, uint64_t now_ns, struct core_task **tasks, size_t count);
bool weft__core_heartbeat(struct core *core, uint64_t now_ns, struct core_task *task); /* false: stale */
/* Asks that the task's cancel_item be appended to dest when it is cancelled. False: it is already. */
bool weft__core_task_on_cancel(struct core *core, struct core_task *task, struct core_dest *dest);
const char *weft__core_task_type(const struct core_task *task);
uint64_t
weft__core_payload_max(const struct core_task *task); /* of its channel. Both without the lock, by its holder */

/* stream.c. What a task tells its caller; both count as heartbeats, and are no more than that where nobody wants to know
 * (any more). Take the message where they return WEFT_OK; it may be NULL where the task does not stream. WEFT_EINVAL:
 * settled; WEFT_ESTALE; WEFT_ELIMIT: over core_request.said_bytes_max. partial: WEFT_EAGAIN: the window is full; the waiter (if given) was left, and is woken when there
 * is room or the task is stale: call again, waited, once for each waiter left. Who waits is alive. */
weft_error weft__core_progress(struct core *core, uint64_t now_ns, struct core_task *task, struct message *message);
weft_error weft__core_partial(struct core *core, uint64_t now_ns, struct core_task *task, struct message *message,
                              struct core_waiter *waiter, bool waited);
uint32_t weft__core_said_max(const struct core_task *task); /* bytes of what it tells; 0 = no bound */

/* dispatch.c. Whether the channel takes a payload of that size, as far as is known. */
bool weft__core_dispatch_fits(struct core *core, const char *channel, uint64_t hash, size_t size_bytes);

/* WEFT_EREJECTED: admitted says why; WEFT_EINVAL: a channel of another kind; WEFT_ESTALE: the payload has not met the
 * contract that the channel has now (admitted->contract): look at it, weft__message_meet, and ask again; WEFT_EEXIST: one
 * with that id is known. */
weft_error weft__core_dispatch(struct core *core, uint64_t now_ns, const struct core_request *request,
                               struct core_admitted *admitted);
/* Rejects it for what its payload is: SCHEMA_MISMATCH or CONTENT_TYPE. WEFT_EREJECTED; WEFT_ENOCHANNEL: it is gone. */
weft_error weft__core_dispatch_refuse(struct core *core, uint64_t now_ns, const struct core_request *request,
                                      weft_rejection reason, struct core_admitted *admitted);
weft_error weft__core_cancel(struct core *core, uint64_t now_ns, weft_dispatch_id id);
/* Its caller, who is elsewhere, is gone: it ends `cancelled` now, unless it is detached. WEFT_ENOTFOUND. */
weft_error weft__core_gone(struct core *core, uint64_t now_ns, weft_dispatch_id id);
const char *weft__code_word(const char *text); /* the static text of a code of ours; NULL: it is none */
/* The oldest outcome, update or cancel notice in the FIFO, if there is one: an outcome is handed out, and its dispatch is
 * forgotten; an update is handed out in outcome, too: where that makes room for its task, from now on.
 * Where the item is a cancel notice, *cancelled is the task, and it stays valid until the task is settled. */
enum core_item_kind weft__core_outcome_take(struct core *core, uint64_t now_ns, struct core_dest *dest,
                                            struct core_outcome *outcome, struct core_task **cancelled);
/* The outcome of a detached one. WEFT_EAGAIN: still open; the waiter (if given) was left. */
weft_error weft__core_outcome_fetch(struct core *core, weft_dispatch_id id, struct core_outcome *outcome,
                                    struct core_waiter *waiter);
/* Nobody wants the outcomes that go there any more: open ones are cancelled, the others forgotten. A step at a time:
 * true = call again. After it the destination's memory is no longer used. */
bool weft__core_dest_abandon(struct core *core, uint64_t now_ns, struct core_dest *dest);

/* letter.c. A letter, copied; texts and attempts stand in the view, so it is not to be moved. payload: gives; drop it. */
struct core_letter_view {
    weft_letter letter; /* came_wall_ns and memory are the shell's */
    struct message *payload;
    uint64_t came_ns;
    char activity_type[WEFT_NAME_MAX + 1];
    weft_attempt attempts[CORE_ATTEMPTS_MAX];
};

/* Where a letter stands, or a walk over them. */
struct letter_place {
    struct list_node on;
    bool walks;
};

/* A walk over the letters of a channel that stand there when it begins, oldest first; it stands among them from begin
 * until next returns false, or end. Its memory is the caller's. */
struct core_letters;
struct core_letter_walk {
    struct letter_place place;
    struct core_letters *at;
    uint64_t last_id;
};
weft_error weft__core_letters_begin(struct core *core, const char *channel, struct core_letter_walk *walk);
bool weft__core_letters_next(struct core_letter_walk *walk, struct core_letter_view *view);
void weft__core_letters_end(struct core_letter_walk *walk);
/* id 0: the oldest. look: leaves it there. fetch: takes it off. WEFT_ENOCHANNEL, WEFT_ENOTFOUND. */
weft_error weft__core_letter_look(struct core *core, const char *channel, uint64_t id, struct core_letter_view *view);
weft_error weft__core_letter_fetch(struct core *core, const char *channel, uint64_t id, struct core_letter_view *view);
/* session: who is its caller from then on. origin_gone: the channel that is not there is the one it came from. */
weft_error weft__core_letter_put_back(struct core *core, uint64_t now_ns, const char *channel, uint64_t id,
                                      uint64_t session, struct core_admitted *admitted, bool *origin_gone);

/* core.c. close: admits and registers nothing more; settle: what is open is settled in steps. */
void weft__core_close(struct core *core);
void weft__core_settle_all(struct core *core);
/* Leaves the waiter until no dispatch is open and nothing is to be heard (or, with tasks, no task is held either, but by
 * the dead). False: so it is. */
bool weft__core_wait_quiet(struct core *core, bool tasks, struct core_waiter *waiter);
bool weft__core_closing(const struct core *core);
/* Some task that is still in a handler, or held: the worker's name, and its channel's. Looks at no more than CORE_HOLD_MAX
 * records, from *cursor on, which starts at 0. False: none among them (*task is NULL), and there are more. */
bool weft__core_any_task(const struct core *core, uint32_t *cursor, const struct core_task **task, const char **worker,
                         const char **channel);
void weft__core_stats(const struct core *core, weft_node_stats *stats);

#include "core/event.h"
#include "core/inspect.h"
#include "core/remote.h"

#endif
