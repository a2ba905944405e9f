/* state.h: the records of the core, for the files of this room and for the audit of the tests.
 *
 * Who owns whom: the core owns channels, sessions, workers, dispatches and tasks; a channel its classes and seats.
 * A session, worker, dispatch and task is a slot behind a handle. Pointers between live records are kept only where one
 * end outlives the other by construction; each such field says why.
 *
 *   channel --- class (one for each activity type, and `any`) --- seat (one for each group there) --- membership
 *                                                                                                       |
 *   session --- worker (weak: an upgrade passes session->state) ----------------------------------------+
 *                 |
 *                task (one attempt) --- dispatch --- destination of its outcome
 *
 * A worker that takes every type is a member of the class `any` alone; others of one class for each type. A dispatch is
 * queued in its class and in its channel: the worker of a type looks at its classes, one that takes all at the
 * channel. */
#ifndef WEFT_CORE_STATE_H
#define WEFT_CORE_STATE_H

#include "core/core.h"
#include "core/inbox.h"
#include "core/remote.h"
#include "core/ring.h"
#include "base/assert.h"

/* A worker's name, shared with the outcomes that tell it. Counted under the lock. */
struct name {
    const struct mem *mem;
    uint32_t refs;
    char text[];
};

enum work_kind {
    WORK_SESSION = 1,
    WORK_WORKER,
    WORK_CHANNEL,
    WORK_SUBSCRIPTION,
    WORK_SETTLE_ALL,
    WORK_LETTERS,
    WORK_KEYS,
    WORK_KEY
};

/* Something that takes more than one hold; stands on core->work until it is done. */
struct work {
    struct list_node on;
    enum work_kind kind;
};

struct core_session {
    struct slot slot;
    char *name;
    uint64_t name_hash;
    enum core_session_state state; /* the one store that every upgrade passes */
    weft_cause cause;
    uint64_t died_ns, died_wall_ns;
    enum core_bar bar; /* the same: why its workers are passed over though it is armed */
    uint32_t turn;     /* rises when it is armed, barred and un-barred: its workers are looked at then */
    bool declared;     /* nobody but a holder could declare it dead */
    weft_link_kind link;
    int32_t watched;
    uint32_t holders_count;
    uint32_t hanging_count;   /* records of workers and subscriptions, open dispatches: the session outlives them */
    struct list_node workers; /* those that have not ended */
    struct list_node dispatches;
    struct list_node subscriptions; /* those that have not ended */
    struct list_node *ended;        /* the shell's node */
    struct work work;
};

enum { RING_POINTS = 8 };

/* The schemas that some workers of a channel understand: one record for all that name the same. */
struct understanding {
    struct understanding *next; /* of the channel */
    uint32_t refs;              /* workers that have not ended */
    uint32_t count;
    unsigned char ids[][SCHEMA_ID_BYTES]; /* each once, in rising order */
};

/* Where the eligible workers of one class in one group stand that understand the same, ordered by the channel's
 * policy. */
struct seat {
    struct core_class *class;
    struct core_group *group;                /* NULL: its workers need no thread of ours */
    const struct understanding *understands; /* its members hold it; NULL: every schema */
    struct list_node on_class;
    struct list_node on_group;
    struct list_node on_hungry;
    uint32_t members_count;  /* registered */
    uint32_t draining_count; /* of these */
    uint32_t eligible_count; /* in the index */
    struct list_node turn;   /* round robin: longest unchosen first */
    struct heap loads;       /* least loaded */
    struct ring ring;        /* sticky */
};

struct membership {
    struct core_worker *worker;
    struct seat *seat;
    struct list_node on_turn;
    uint64_t stamp; /* of its place in the turn */
    struct heap_node on_loads;
};

struct core_worker {
    struct slot slot;
    /* what a dispatch touches, close together: among many workers each is cold when its turn comes */
    struct core_channel *channel; /* NULL once ended and idle */
    struct core_session *session; /* outlives its workers */
    struct list_node tasks;       /* not released, oldest first */
    struct core_dest *dest;
    struct core_group *group;
    void *context;
    struct membership *members;        /* of one class: own */
    struct understanding *understands; /* held until it has ended; NULL: every schema */
    struct name *name;
    uint32_t members_count;
    uint32_t max_concurrent;
    uint32_t in_flight;
    uint32_t orphaned;
    bool handled;
    bool draining;
    bool indexed; /* stands in its seats' indexes */
    bool ended;   /* off the registry: dead, removed */
    bool remote;
    bool left;          /* its client has said all of its tasks: what was sent besides has not begun */
    uint32_t seen_turn; /* of its session, when it was looked at */
    uint32_t reserved;  /* its share of core->capacity */
    uint64_t completed, errored;
    uint64_t seen_ns; /* when it last took a task, or said something of one */
    /* the rest */
    weft_worker_state end_state; /* why, once ended */
    weft_error refused;          /* by the node, at a client: so it drains */
    struct ring_point *points;   /* members_count x RING_POINTS; sticky only */
    uint64_t name_hash;
    uint64_t id;
    union {
        struct {
            struct list_node on_channel;
            struct list_node on_session;
        };
        struct core_item end_item; /* remote, ended and idle: in the FIFO of dest */
    };
    struct list_node idle_waiters;
    struct work work;
    struct membership own;
};

struct core_class {
    struct core_channel *channel;
    char *name; /* NULL: `any`, and dispatches without a type */
    uint64_t name_hash;
    uint32_t refs; /* members, dispatches, tasks */
    uint32_t workers_count;
    uint32_t draining_count; /* of these */
    struct list_node on_channel;
    struct list_node seats;
    struct list_node queues[CORE_PRIORITIES]; /* by arrival */
    uint32_t queued;
    uint32_t queued_by_priority[CORE_PRIORITIES];
};

struct death {
    uint64_t session;
    char name[WEFT_NAME_MAX + 1];
    weft_cause cause;
    uint64_t seen_ns, seen_wall_ns;
    uint32_t workers_lost, attempts_held;
};

/* The first part of a channel's name. */
enum channel_kind { CHANNEL_DISPATCH = 1, CHANNEL_EVENT, CHANNEL_SIGNAL, CHANNEL_HISTORY };

struct core_channel {
    struct slot slot;
    enum channel_kind kind;
    char *name;
    uint64_t name_hash;
    uint64_t serial; /* rises in the order of declaration */
    weft_channel_options options;
    weft_channel_state state;
    bool deleted;
    bool hidden; /* the uplink: found by no name */
    bool mirror; /* made for those of this process: given up where nobody is there any more */
    struct list_node on_core;
    struct list_node workers;
    struct namemap worker_names;
    struct namemap class_names;
    struct list_node classes;
    uint32_t classes_count;
    struct core_class any;
    struct list_node queues[CORE_PRIORITIES]; /* every class, by arrival */
    uint32_t queued_by_priority[CORE_PRIORITIES];
    uint32_t queued;
    uint64_t queued_bytes;
    uint64_t turns;          /* dispatches taken from the queue: the starvation guard counts them */
    uint64_t stamp;          /* round robin's last */
    uint32_t open;           /* dispatches without an outcome */
    uint32_t workers_count;  /* registered */
    uint32_t hanging_count;  /* worker records and lost tasks that name it: it outlives them */
    uint32_t eligible_count; /* workers that stand in the index */
    uint32_t in_flight;
    uint32_t orphaned;
    uint64_t service_ns; /* moving average of the time between two ends */
    uint64_t last_end_ns;
    struct list_node room_waiters;
    struct list_node idle_waiters;
    struct death *deaths;  /* ring of WEFT_DEATHS_KEPT; made with the first worker */
    weft_latency *latency; /* made with the first dispatch */
    bool degraded;         /* something waits, and no worker is registered: was noted */
    bool full;             /* it rejects for want of room: was noted */
    bool passed_over;      /* somebody gave up before what it may have: looks again when one of that has gone */
    uint32_t deaths_count; /* ever; the next goes to deaths_count % WEFT_DEATHS_KEPT */
    uint64_t dispatched, completed, failed, worker_died, timed_out, cancelled, rejected, shed, redispatched, fenced,
        node_lost;
    uint64_t rejected_by[WEFT_REJECTIONS_COUNT];
    struct audience *audience; /* NULL: nobody subscribed to it or published on it yet */
    uint64_t dead_lettered;
    struct core_channel *keeper;  /* of its dead letters: it outlives this one, and options.dead_letter is its name */
    struct core_letters *letters; /* made when it becomes the keeper of another */
    struct core_keys *keys;       /* made with the first key */
    struct contract *contract;    /* held; NULL: it takes any payload. The names in options are those of its schemas */
    struct understanding *understandings;
    uint64_t mismatched, results_mismatched;
    struct work work;
};

/* Who hears an event channel. */
struct audience {
    struct list_node subscribers; /* by its name */
    uint32_t subscribers_count;
    uint32_t all_count, all_room;
    struct core_subscription **all; /* these and those by pattern, as of when it was put together */
    bool stale;                     /* subscribers have changed since */
    uint64_t patterns_generation;   /* as of then; the core's differs where patterns have */
    uint64_t published, delivered, dropped, cut;
};

struct core_subscription {
    struct slot slot;
    /* what a publish touches */
    struct core_session *session; /* outlives its subscriptions */
    struct inbox inbox;
    uint64_t bytes_max;
    uint32_t items_max;
    uint32_t gap; /* lost since what stands last in the inbox */
    weft_slow slow;
    uint32_t event_bytes_max; /* 0 = no bound */
    weft_error ended;         /* WEFT_OK: it has not */
    struct core_dest *dest;   /* pull: its item stands there as long as the inbox has something */
    struct core_group *group; /* heard there; NULL: pull */
    struct core_item item;
    struct list_node on_turns; /* of the group */
    bool in_turn;              /* a thread of the group calls for it */
    bool tells;                /* somebody is to be told of the end, and was not yet */
    bool unsubscribed;
    uint64_t progress_ns; /* something was taken, or came into the empty inbox */
    uint64_t delivered, taken, dropped;
    uint64_t evicted;    /* of these dropped: delivered before */
    uint32_t calls_seen; /* when it was judged last */
    uint32_t quantum;    /* events it is given in a turn */
    atomic_uint calls;   /* made of what it was given: by who calls */
    atomic_bool silent;  /* nothing is called any more of what a turn has left */
    /* the rest */
    void *context;
    struct core_channel *channel; /* by name: which outlives it until it has ended; NULL: by pattern, or ended */
    char *pattern;
    uint64_t id;
    uint64_t taken_ns; /* or when it subscribed */
    uint32_t stall_ms;
    struct list_node on_audience; /* of the channel, or core->patterns */
    struct list_node on_session;
    struct list_node idle_waiters;
    struct work work; /* what the inbox has beyond its bytes */
};

struct channel_template {
    struct list_node on_core;
    weft_channel_options options; /* dead_letter stands behind the pattern; the schemas' names in the contract */
    struct contract *contract;    /* held: that of the channels it makes */
    char pattern[];
};

/* Something a task has sent that waits for its caller. */
struct core_update {
    struct core_item item; /* in the FIFO of the destination while it waits */
    struct core_stream *stream;
    struct message *message; /* held while it waits; a restart has none */
};

/* What the current attempt of a dispatch sends to its caller, where he asked for it: see stream.c. */
struct core_stream {
    struct core_dispatch *dispatch; /* which owns it */
    void (*updated)(const weft_update *update, void *context);
    void *updated_context;
    uint32_t attempt;         /* whose it is: the last that was taken */
    uint64_t sent;            /* partial results of that attempt */
    uint64_t progress_after;  /* so many of them were sent before the progress that waits */
    struct list_node waiters; /* for room in the window */
    uint32_t waiting_count;   /* calls that left one and have not come back */
    uint32_t window;
    uint32_t out; /* taken, and no room was made for it yet: where there is credit */
    bool credit;
    uint32_t said_bytes_max;    /* 0 = no bound */
    uint32_t first, count;      /* of the partials that wait: a ring */
    struct core_item room_item; /* in the FIFO of room_dest: of the worker, where that is remote */
    struct core_dest *room_dest;
    uint32_t room; /* not told to it yet */
    struct core_update progress, restart, partials[];
};

/* What a channel has that keeps the dead letters of others. */
struct core_letters {
    struct core_channel *channel;
    struct list_node standing; /* struct letter_place, oldest first */
    uint32_t count;
    uint32_t referrers_count; /* channels that name it */
    uint64_t bytes;
    uint64_t dropped;
    struct work work; /* there are too many */
};

/* One attempt, as its letter tells it. */
struct letter_attempt {
    struct name *worker; /* held */
    char participant[WEFT_NAME_MAX + 1];
    const char *code; /* static */
    weft_cause cause;
    uint32_t attempt;
    uint64_t run_ns;
};

/* A dead letter. Reserved when its dispatch is admitted, with room for every attempt; given back with the outcome,
 * unless it comes to stand in the channel that keeps it. */
struct core_letter {
    struct slot slot;
    struct letter_place place;
    struct core_letters *at;         /* NULL while reserved */
    struct letter_attempt *attempts; /* one block; the two texts stand behind them */
    const char *channel;
    const char *activity_type; /* NULL = none */
    struct message *payload;   /* held, once it stands */
    size_t memory_bytes;       /* of that block */
    uint64_t id;               /* serial << SLOT_INDEX_BITS | index of the slot; 0 while reserved */
    weft_dispatch_id dispatch;
    uint64_t came_ns, queued_ns;
    uint64_t sticky_hash;
    const char *code; /* static */
    uint8_t outcome;
    uint8_t priority;
    uint8_t attempts_max;
    uint8_t attempts_count;
    bool redispatches;
};

/* What a channel has where dispatches come with keys. */
struct core_keys {
    struct core_channel *channel;
    struct namemap names;   /* of the open and the ended */
    struct list_node open;  /* struct core_key, by `on`: its dispatch has no outcome yet */
    struct list_node ended; /* answers for repeats; the oldest first, which is the first to be forgotten */
    struct list_node gone;  /* forgotten, but some who asked have not been told yet */
    uint32_t askers_count;  /* of all */
    uint64_t ended_bytes;   /* what the ended are charged */
    uint64_t joined;
    struct heap_node timer; /* in core->key_timers: when the first of the ended is forgotten */
    struct work work;       /* there are too many ended */
};

/* A caller's key. Two records of dispatches stand behind it: the inner one, which has the queue's place, the times and
 * the attempts, and for each who asked an asker, which has a number, a destination and a participant. */
struct core_key {
    struct core_keys *keys;
    struct list_node on;         /* open, ended or gone */
    struct core_dispatch *inner; /* NULL once it has its outcome, which is below then */
    struct list_node askers;     /* by on_key, in the order in which they came */
    struct work work;            /* the askers are to be told */
    uint64_t hash;
    uint64_t forget_ns;
    struct message *result;   /* held */
    struct name *worker_name; /* held */
    uint64_t queued_ns, started_ns, run_ns;
    size_t charge_bytes; /* once ended */
    uint8_t outcome, code, attempts, admission;
    bool forgotten; /* no longer among the names: it ends when its askers have been told */
    unsigned char digest[CORE_DIGEST_BYTES];
    char text[];
};

/* What few dispatches need: made at admission, so that nothing is short of memory later. */
struct core_extras {
    struct core_key *key;              /* whose inner dispatch it is; NULL = it came without a key */
    struct core_letter *letter;        /* kept for its death; NULL = nobody keeps dead letters of the channel */
    uint64_t retry_ns;                 /* tried: a worker it died of once will do from then on */
    struct core_stream *stream;        /* NULL: nobody wants to know how it goes */
    uint64_t tried[CORE_ATTEMPTS_MAX]; /* where a crash re-dispatches: keys of sessions and workers it died of */
};

enum dispatch_state {
    DISPATCH_QUEUED = 1, /* in the queues of its class and channel */
    DISPATCH_ASSIGNED,   /* a task has it */
    DISPATCH_FENCED,     /* its attempt is lost and not released: it waits for that, then queues again */
    DISPATCH_SETTLED,    /* has its outcome, and waits to be fetched */
    DISPATCH_JOINED      /* one who asked for what a key stands for: it gets the outcome of the key's inner dispatch */
};

struct core_dispatch {
    struct slot slot;
    union {
        struct core_class *class; /* held until settled; a channel cannot be deleted while it has open dispatches */
        struct core_key *key;     /* JOINED; NULL once settled */
    };
    struct core_session *session; /* NULL once settled; a session outlives its dispatches */
    struct core_dest *dest;       /* NULL: nobody waits for the outcome */
    union {                       /* held */
        struct message *payload;  /* until settled */
        struct message *result;   /* from then on */
    };
    struct core_item item; /* open: in the destination's `open`; settled: in its FIFO */
    union {                /* by state */
        struct {
            struct list_node on_class, on_channel; /* QUEUED */
        };
        struct list_node on_key; /* JOINED */
        struct {
            struct core_task *task; /* ASSIGNED, FENCED; NULL in between */
            uint64_t entered_ns;    /* when the attempt was taken */
            uint64_t beat_ns;       /* last sign of life of the attempt */
            uint64_t grace_ns;      /* cancelling: when its time to acknowledge that ends */
        };
        struct {
            uint64_t started_ns, run_ns; /* SETTLED: durations, as in the reply */
            struct core_task *left;      /* an origin's, and not released: the record stays until it is */
            uint32_t retry_after_ms;
            uint16_t error; /* weft_error: it was not dispatched at all */
        };
    };
    struct list_node on_session;
    struct heap_node timer;
    uint32_t start_to_close_ms;
    uint32_t heartbeat_ms;
    uint8_t priority;
    uint8_t state;
    uint8_t outcome;
    uint8_t admission;
    uint8_t attempts_max;
    uint8_t attempts; /* handed to a worker, this often */
    uint8_t tried_count;
    uint8_t code;      /* of the outcome: see codes in dispatch.c; 0 where completed, or in the result */
    uint8_t potential; /* tasks that it may still need at a time, besides those there are: see weft__potential */
    bool redispatches : 1;
    bool detached : 1;
    bool cancelling : 1;
    bool handed : 1;            /* a task of the node's, for a worker of ours: see hand.c */
    bool told : 1;              /* its outcome was handed out, and it waits for the end of its task */
    bool started : 1;           /* some attempt of it was taken */
    bool strange : 1;           /* its caller has made its id */
    bool timed : 1;             /* counted in core->timed_count: it may need a timer while no attempt of it runs */
    bool overdue : 1;           /* it went out, and its node should have ended it: its deadline is a later one */
    uint64_t session_id;        /* of the caller: half of the public id */
    uint64_t arrival;           /* the order of admission; kept on re-dispatch */
    uint64_t start_deadline_ns; /* until it is started */
    uint64_t close_deadline_ns; /* in all; once settled and detached: when the outcome is forgotten */
    uint64_t sticky_hash;
    uint64_t waiting_since_ns;  /* for a worker, or (assigned) for the handler */
    uint64_t queued_ns;         /* in all, as in the reply */
    struct name *worker_name;   /* held: the last that had it */
    struct core_extras *extras; /* NULL: nothing of it is asked for */
    uint64_t token;
    void *context;
    union {
        void *context2;
        uint64_t number; /* strange: half of the public id */
    };
};

/* What its caller, its worker and everybody else know it by. */
static inline weft_dispatch_id weft__dispatch_id(const struct core_dispatch *dispatch)
{
    return (weft_dispatch_id){dispatch->session_id, dispatch->strange ? dispatch->number : dispatch->slot.handle};
}

/* NULL where no attempt of it is out. */
static inline struct core_task *weft__task_of(const struct core_dispatch *dispatch)
{
    return dispatch->state == DISPATCH_ASSIGNED || dispatch->state == DISPATCH_FENCED ? dispatch->task : NULL;
}

/* Of one that is neither settled nor joined. */
static inline struct core_channel *weft__channel_of(const struct core_dispatch *dispatch)
{
    return dispatch->class->channel;
}

/* What happens, kept for the node's hooks: note.c. */
struct core_notes {
    struct core_item item; /* in the FIFO of dest while there is something to take */
    struct core_dest *dest;
    uint32_t first, count;
    uint64_t missed; /* since the last one that was kept */
    uint64_t missed_ns;
    uint64_t shortage_ns; /* before it that no descriptors are left is not noted again */
    struct core_note ring[CORE_NOTES_MAX];
};

enum { UPLINK_NAMES = 64 };

/* What a core has that sends its dispatches to a node. */
struct core_uplink {
    struct core_channel *channel;
    struct core_worker *worker;
    bool away;                        /* the node cannot be reached */
    struct name *names[UPLINK_NAMES]; /* held: of workers there, as told of late, each at the place of its hash */
};

/* Dispatches by the ids that strangers have made: open addressing, as in base/namemap.h. */
struct core_ids {
    struct core_dispatch **entries;
    uint32_t count, room; /* a power of two, or 0 */
};

/* The last that came back into the middle of a queue, and stands there still: see queue.c. */
struct came_back {
    const struct list_node *queue; /* NULL: none */
    struct list_node *node;
};

struct core {
    const struct mem *mem;
    struct core_limits limits;
    uint64_t now_ns;
    bool closing;
    bool settling; /* what was open is settled */
    struct slotmap channels, sessions, workers, dispatches, tasks, subscriptions, letters;
    struct namemap channel_names, session_names;
    struct core_ids ids;
    struct list_node channel_list, templates, groups, work, wakes, ended;
    struct list_node fetch_waiters;
    struct list_node quiet_waiters;
    struct came_back back_on_class, back_on_channel;
    struct heap timers;
    struct heap key_timers; /* of channels whose ended keys are to be forgotten */
    struct list_node sleepers;
    int32_t budget; /* records this hold may still touch */
    uint64_t sleeps_until_ns;
    uint32_t templates_count, groups_count;
    uint64_t capacity;    /* of all workers */
    uint64_t potential;   /* tasks that dispatches may need besides those there are: see weft__tasks_reserve */
    uint32_t timed_count; /* dispatches that may need a timer while no attempt of theirs runs */
    uint32_t tasks_lost;  /* records whose worker is gone and whose handle somebody may still hold */
    uint32_t settle_cursor, settle_subscriptions_cursor;
    struct work settle_work;
    struct list_node patterns; /* subscriptions by pattern */
    uint32_t patterns_count;
    uint32_t turns_due; /* subscriptions that are in a turn or wait for one */
    uint64_t patterns_generation;
    uint64_t subscription_id;
    uint32_t keyed_channels_count;
    uint32_t askers_count; /* dispatches that are JOINED */
    uint64_t channel_serial, arrival, worker_id, session_serial, letter_serial;
    weft_node_stats stats;
    struct core_notes *notes; /* NULL: nobody wants to know */
    struct namemap schema_names;
    uint64_t contract_generation;
    struct core_uplink *uplink; /* NULL: this core sends nothing out */
};

/* Channels, or workers, that are nobody's: one each, the uplink's. */
static inline uint32_t weft__hidden_count(const struct core *core)
{
    return core->uplink != NULL;
}

/* uplink.c, hand.c */
void weft__uplink_free(struct core *core);
void weft__uplink_expired(struct core *core, struct core_dispatch *dispatch);                     /* its time is over */
void weft__uplink_heard(struct core *core, const struct core_dispatch *dispatch, uint32_t count); /* of parts */
void weft__origin_over(struct core *core, struct core_task *task); /* its task is being released */
void weft__origin_item_take(struct core *core, struct core_dest *dest, struct core_item *item,
                            struct core_taken *taken);
void weft__handed_started(struct core *core, struct core_task *task);
void weft__handed_back(struct core *core, struct core_dispatch *dispatch); /* released, and nobody has begun it */
void weft__handed_unheard(struct core_dispatch *dispatch);                 /* its destination goes */
void weft__handed_requeue(struct core *core, struct core_task *task);      /* taken, not begun: to be taken once more */

/* core.c */
void weft__key_timer_set(struct core *core, struct heap_node *timer, uint64_t at_ns);
void weft__work_add(struct core *core, struct work *work, enum work_kind kind);
void weft__wake(struct core *core, struct list_node *waiters, bool all);
void weft__dest_append(struct core *core, struct core_dest *dest, struct core_item *item, enum core_item_kind kind);
void weft__dest_remove(struct core_dest *dest, struct core_item *item);
void weft__timer_set(struct core *core, struct heap_node *timer, uint64_t at_ns);
void weft__quiet_changed(struct core *core);

/* channel.c. hidden: found by no name; NULL: out of memory. */
struct core_channel *weft__channel_hidden(struct core *core, const char *name, const weft_channel_options *options);
void weft__channel_forget(struct core *core, struct core_channel *channel);
struct core_channel *weft__channel_find(struct core *core, uint64_t hash, const char *name);
struct core_channel *weft__channel_for_worker(struct core *core, uint64_t hash, const char *name, weft_error *error,
                                              char *message);
struct core_class *weft__class_find(struct core_channel *channel, uint64_t hash, const char *name);
struct core_class *weft__class_get(struct core *core, struct core_channel *channel, uint64_t hash, const char *name,
                                   weft_error *error);
void weft__class_drop(struct core *core, struct core_class *class);
void weft__channel_changed(struct core *core, struct core_channel *channel); /* may be drained, or freed now */
void weft__channel_work(struct core *core, struct core_channel *channel);
void weft__channel_remove(struct core *core, struct core_channel *channel); /* off the names, and freed */
void weft__channel_free(struct core *core, struct core_channel *channel);
void weft__channel_death(struct core_channel *channel, const struct core_session *session, uint32_t workers,
                         uint32_t attempts);

/* session.c. Whether a selection may return its workers: the store that every upgrade passes. */
static inline bool weft__session_works(const struct core_session *session)
{
    return session->state == CORE_SESSION_ARMED && session->bar == CORE_BAR_NONE;
}
void weft__session_work(struct core *core, struct core_session *session);
void weft__session_changed(struct core *core, struct core_session *session); /* ended, if nothing hangs on it */

/* worker.c. make: on a channel of that kind; its session is alive. */
weft_error weft__worker_make(struct core *core, struct core_session *session, struct core_channel *channel,
                             const struct core_worker_spec *spec, struct core_worker **made, char *message);
void weft__worker_work(struct core *core, struct core_worker *worker);
void weft__worker_changed(struct core *core, struct core_worker *worker);
void weft__worker_end(struct core *core, struct core_worker *worker, weft_worker_state state);
bool weft__worker_retract(struct core *core, struct core_worker *worker); /* what was not taken; false: not all yet */

/* select.c */
uint64_t weft__tried_key(const struct core_worker *worker, bool session);
weft_rule weft__refusal(const struct core *core, const struct core_worker *worker,
                        const struct core_dispatch *dispatch);
unsigned weft__tries(const struct core_dispatch *dispatch, const struct core_worker *worker); /* it died of it */
struct seat *weft__seat_get(struct core *core, struct core_class *class, struct core_group *group,
                            const struct understanding *understands);
uint32_t weft__able_count(const struct core_class *class, const struct named_schema *met); /* may take it some day */
void weft__seat_drop(struct core *core, struct seat *seat);
void weft__seat_free_memory(struct core *core, struct seat *seat);
void weft__index_update(struct core *core, struct core_worker *worker); /* after any change of its state or load */
void weft__index_chosen(struct core_worker *worker);
struct core_worker *weft__select(struct core *core, const struct core_dispatch *dispatch);
struct core_worker *weft__reaching(struct core *core, const struct core_dispatch *dispatch, struct core_worker *chosen);
struct core_worker *weft__seat_first(struct core *core, struct seat *seat);
bool weft__seat_free(const struct seat *seat);

/* schema.c. Names that options mention: from the registry into a contract, which the options' texts are then of. NULL
 * where there is none. WEFT_ENOTFOUND, WEFT_EINVAL, WEFT_ENOMEM. leave: what named it names it no more; accepts
 * NULL. */
weft_error weft__contract_make(struct core *core, const char *of, weft_channel_options *options,
                               struct contract **contract, char *message);
void weft__contract_name(const struct contract *contract); /* one more names its schemas */
void weft__contract_leave(struct contract *contract);
void weft__schemas_free(struct core *core);
weft_error weft__understanding_get(struct core *core, struct core_channel *channel, const struct core_worker_spec *spec,
                                   struct understanding **understanding, char *message);
void weft__understanding_drop(struct core *core, struct core_channel *channel, struct understanding *understanding);
bool weft__understood(const struct understanding *understanding, const struct named_schema *met); /* both may be NULL */
void weft__schema_row(const struct named_schema *schema, struct core_schema_row *row);

/* queue.c */
void weft__queue_add(struct core *core, struct core_dispatch *dispatch);
void weft__queue_remove(struct core *core, struct core_dispatch *dispatch);
void weft__serve_worker(struct core *core, struct core_worker *worker);
void weft__serve_freed(struct core *core, struct core_worker *worker);
void weft__serve_group(struct core *core, struct core_group *group);
void weft__serve_channel(struct core *core, struct core_channel *channel);
void weft__room_wanted(struct core_channel *channel);
void weft__place(struct core *core, struct core_dispatch *dispatch); /* to a worker, or into the queue */
bool weft__reaches(const struct core *core, const struct core_worker *worker, const struct core_dispatch *dispatch);
bool weft__out_of_reach(struct core *core, const struct core_dispatch *dispatch); /* though somebody may have it */

/* ids.c. Reserve, then add; find: NULL, or it has that id, be it a stranger's or ours. */
bool weft__ids_reserve(struct core *core);
void weft__ids_add(struct core *core, struct core_dispatch *dispatch);
void weft__ids_remove(struct core *core, const struct core_dispatch *dispatch);
struct core_dispatch *weft__dispatch_find(const struct core *core, weft_dispatch_id id);

/* dispatch.c */
void weft__dispatch_forget(struct core *core, struct core_dispatch *dispatch);
void weft__settle_verdict(struct core *core, struct core_dispatch *dispatch, const struct core_verdict *verdict,
                          uint8_t code, struct name *worker);
bool weft__code_find(const char *text, uint8_t *code); /* false: no word of ours */
void weft__settle(struct core *core, struct core_dispatch *dispatch, weft_outcome outcome, const char *code,
                  struct message *result);
void weft__dispatch_timer(struct core *core, struct core_dispatch *dispatch);
void weft__dispatch_expired(struct core *core, struct core_dispatch *dispatch);
/* Gives it its id. */
void weft__dispatch_name(const struct core *core, struct core_dispatch *dispatch, const struct core_request *request);
weft_error weft__would_admit(struct core *core, struct core_channel *channel, const struct core_request *request,
                             struct core_dispatch *draft, struct core_class *unknown, struct core_admitted *admitted,
                             struct core_worker **worker);

void weft__dispatch_cancel(struct core *core, struct core_dispatch *dispatch); /* as its caller may */
void weft__dispatch_end(struct core *core, struct core_dispatch *dispatch); /* with its outcome, to who waits for it */
uint64_t weft__entered_ns(const struct core *core, const struct core_task *task); /* now, where it was not */
uint32_t weft__retry_after_ms(const struct core_channel *channel);
weft_error weft__reject(struct core *core, struct core_channel *channel, struct core_admitted *admitted,
                        weft_rejection reason, uint32_t retry_after_ms);
weft_error weft__admit(struct core *core, struct core_channel *channel, const struct core_request *request,
                       struct core_key *key, struct core_admitted *admitted, struct core_dispatch **made);

/* letter.c */
bool weft__letters_ready(struct core *core, struct core_channel *keeper); /* makes its list; false: out of memory */
void weft__letters_work(struct core *core, struct core_letters *letters);
void weft__letters_free(struct core *core, struct core_channel *channel);
struct core_letter *weft__letter_reserve(struct core *core, struct core_channel *channel,
                                         const struct core_request *request);
void weft__letter_give(struct core *core, struct core_letter *letter); /* accepts NULL */
void weft__letter_attempt(const struct core *core, const struct core_task *task, const char *code);
void weft__letter_retract(const struct core_dispatch *dispatch); /* its last attempt was never begun */
void weft__letter_settle(struct core *core, struct core_dispatch *dispatch, weft_outcome outcome, const char *code);

/* key.c */
weft_error weft__key_dispatch(struct core *core, struct core_channel *channel, const struct core_request *request,
                              struct core_session *session, struct core_admitted *admitted);
void weft__key_ended(struct core *core, struct core_dispatch *inner);
void weft__key_detach(struct core *core, struct core_dispatch *asker); /* makes it SETTLED, with no outcome yet */
void weft__key_left(struct core *core, struct core_key *key); /* by an asker: its inner dispatch may be for nobody */
void weft__key_work(struct core *core, struct core_key *key);
void weft__keys_work(struct core *core, struct core_keys *keys);
void weft__keys_expired(struct core *core, struct core_keys *keys);
void weft__keys_make_room(struct core *core, struct core_channel *channel); /* what waits has grown */
bool weft__keys_clear(struct core *core, struct core_channel *channel); /* of a deleted channel; false: not all yet */
void weft__keys_free(struct core *core, struct core_channel *channel);

static inline uint32_t weft__askers_of(const struct core_channel *channel)
{
    return channel->keys ? channel->keys->askers_count : 0;
}

/* task.c */
void weft__assign(struct core *core, struct core_dispatch *dispatch, struct core_worker *worker);
void weft__task_leave(struct core *core, struct core_task *task);    /* its dispatch has ended */
void weft__task_unassign(struct core *core, struct core_task *task); /* never begun: its dispatch goes to others */
void weft__task_lost(struct core *core, struct core_task *task, uint64_t tried_key);
void weft__task_cancel(struct core *core, struct core_task *task); /* says so to who runs it */
void weft__task_over(struct core *core, struct core_task *task);   /* its dispatch has ended, and it is released */
void weft__task_take(struct core *core, struct core_task *task);   /* off its FIFO, into the hands of its worker */
/* It is timed and runs elsewhere, and nobody has told yet that its handler was entered: its time does not count. */
static inline bool weft__task_awaited(const struct core_task *task)
{
    return task->timed && task->worker->remote && !__atomic_load_n(&task->started_ns, __ATOMIC_RELAXED);
}
/* Makes sure that there are records for all tasks there can be, with so much more capacity and potential. False: out of
 * memory. */
bool weft__tasks_reserve(struct core *core, uint64_t capacity, uint64_t potential);
void weft__potential(struct core *core, struct core_dispatch *dispatch); /* after a change of what it depends on */
const char *weft__code_text(const struct core_dispatch *dispatch);       /* dispatch.c; NULL where there is none */

/* note.c: what happens, for the node's hooks. Names are copied; NULL = "". Cannot fail. */
void weft__note(struct core *core, weft_node_event_kind kind, const char *channel, const char *worker,
                const char *participant, weft_cause cause, uint64_t count);
void weft__note_channel(struct core *core, weft_node_event_kind kind, const struct core_channel *channel);
/* After a change of what waits on the channel, or of who is registered: degraded, or recovered. */
void weft__note_level(struct core *core, struct core_channel *channel);
void weft__note_full(struct core *core, struct core_channel *channel); /* something was rejected for want of room */
void weft__note_room(struct core_channel *channel);                    /* something was admitted */

/* inspect.c */
void weft__worker_fill(const struct core *core, const struct core_worker *worker, weft_worker_info *info);
void weft__channel_fill(const struct core *core, const struct core_channel *channel, weft_channel_info *info);
/* A page's next row; false: it does not fit. */
bool weft__worker_row(const struct core *core, const struct core_worker *worker, struct core_worker_row *row,
                      struct core_text *text, int32_t *budget);
size_t weft__channel_deaths(const struct core_channel *channel, weft_death *deaths, size_t max); /* channel.c, too */
/* weft__slotmap_next, for walks of several holds: each slot costs one of the budget; NULL where that is spent, too. */
void *weft__next_live(const struct slotmap *map, uint32_t *cursor, int32_t *budget);
void weft__name_copy(char *to, size_t size, const char *name);                                /* which fits; NULL: "" */
void weft__latency_count(struct core_channel *channel, const struct core_dispatch *dispatch); /* it has ended */

/* The worker took it, or said something of it. */
static inline void weft__seen(const struct core *core, const struct core_task *task)
{
    if (task->worker) task->worker->seen_ns = core->now_ns;
}

/* stream.c */
static inline struct core_stream *weft__stream_of(const struct core_dispatch *dispatch)
{
    return dispatch->extras ? dispatch->extras->stream : NULL;
}
struct core_stream *weft__stream_new(struct core *core, const struct core_request *request); /* NULL: no memory */
void weft__stream_free(struct core *core, struct core_stream *stream); /* nothing of it waits, or the core ends */
bool weft__stream_restarts(const struct core_task *task); /* taking it drops what its predecessor has sent */
void weft__stream_taken(struct core *core, const struct core_task *task);
uint32_t
weft__stream_room(const struct core_dispatch *dispatch); /* for so many parts; 0: also where it has no stream */
void weft__stream_room_made(struct core *core, struct core_dispatch *dispatch, uint32_t count); /* by its caller */
void weft__stream_room_forget(struct core_dispatch *dispatch); /* its attempt was not begun: another will be told */
void weft__stream_broken(struct core *core, struct core_dispatch *dispatch); /* its attempt may not send any more */
void weft__stream_stop(struct core *core, struct core_dispatch *dispatch);
uint32_t weft__stream_end(struct core *core, struct core_dispatch *dispatch); /* dropped and freed: so many records */
bool weft__stream_waits(const struct core_dispatch *dispatch);                /* its attempt waits for its caller */
void weft__stream_restarted(struct core *core, struct core_stream *stream, uint32_t attempt);
void weft__update_hand_out(struct core *core, struct core_update *update, struct core_outcome *outcome);
void weft__update_forget(struct core *core, struct core_update *update);

/* event.c */
void weft__subscription_end(struct core *core, struct core_subscription *subscription, weft_error why);
void weft__subscription_work(struct core *core, struct core_subscription *subscription);
bool weft__subscriptions_settle(struct core *core); /* false: more than this hold's budget */
void weft__subscriptions_free(struct core *core);
void weft__audience_end(struct core *core, struct core_channel *channel); /* within the budget; see `subscribers` */
void weft__audience_info(const struct core *core, const struct core_channel *channel, weft_channel_info *info);
void weft__audience_free(struct core *core, struct core_channel *channel);

/* names */
struct name *weft__name_new(const struct mem *mem, const char *text);
struct name *weft__name_hold(struct name *name);
void weft__name_drop(struct name *name); /* accepts NULL */

#endif
