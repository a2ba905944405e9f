/* world.h: one simulated world: a core, everybody who could stand around it, and what they know.
 *
 * A world is drawn from a seed: how many of each there are, how often each event happens, which options channels have. It
 * lives some thousand events, each of them one entry of the core with legal arguments, in an order no schedule of threads
 * could exceed (destinations are drained in any order, each in its own; steps come late; time jumps). After each event
 * the observer looks at what has become of every dispatch and holds it against the model, and the audit walks the core.
 * Then the world is closed and must leave nothing behind.
 *
 * The records here say what their owners know from what they did and were told; fields under "seen" are the
 * observer's. */
#ifndef WEFT_SIM_WORLD_H
#define WEFT_SIM_WORLD_H

#include <setjmp.h>
#include <stdio.h>

#include "base/clock.h"
#include "core/state.h"
#include "lib/failmem.h"
#include "sim/cover.h"
#include "sim/rng.h"

/* That long after; never, where it is to take for ever. */
static inline uint64_t sim_after(uint64_t since_ns, uint32_t ms)
{
    return ms == WEFT_FOREVER ? UINT64_MAX : since_ns + ms * NS_PER_MS;
}

enum { NONE = UINT32_MAX };

enum world_size { WORLD_SMALL = 1, WORLD_LARGE, WORLD_MIXED };

enum event_kind {
    EV_ATTACH,
    EV_ARM,
    EV_FIRE,
    EV_HOLD,
    EV_RELEASE,
    EV_GROUP_ADD,
    EV_GROUP_REMOVE,
    EV_GROUP_LIMIT,
    EV_REGISTER,
    EV_WORKER_DRAIN,
    EV_UNREGISTER,
    EV_FORGET,
    EV_DECLARE,
    EV_TEMPLATE,
    EV_PAUSE,
    EV_RESUME,
    EV_DRAIN,
    EV_DELETE,
    EV_DISPATCH,
    EV_CANCEL,
    EV_OUTCOME,
    EV_FETCH,
    EV_ABANDON,
    EV_TAKE,
    EV_BEGIN,
    EV_RESULTS,
    EV_GIVE_BACK,
    EV_HEARTBEAT,
    EV_ON_CANCEL,
    EV_PROGRESS,
    EV_PARTIAL,
    EV_EVENT_CHANNEL,
    EV_SUBSCRIBE,
    EV_PUBLISH,
    EV_EVENTS,
    EV_TURN,
    EV_TURN_DONE,
    EV_UNSUBSCRIBE,
    EV_FORGET_SUBSCRIPTION,
    EV_MOVE,
    EV_TICK,
    EV_JUMP,
    EV_STEP,
    EV_ASK,
    EV_LETTER,
    EV_KEY,
    EV_CONTRACT,
    EV_BAR,
    EV_DELIVER,
    EV_ROOM,
    EV_QUIET,
    EV_CLOSE,
    EV_SETTLE_ALL,
    EVENTS_COUNT
};

/* How much there is of each, and how the world's people behave. */
struct shape {
    uint32_t sessions, session_names, workers, channels, templated, groups, queues, calls;
    uint32_t subscriptions, event_channels;
    uint32_t types; /* activity types in use; 0 = none */
    uint32_t life;  /* events before it is closed */
    uint32_t audit_every;
    uint32_t pace_ns;       /* the usual time between two events, at most */
    uint32_t step_late;     /* a step that is due waits for other events once in so many times; 0 = never */
    uint32_t out_of_memory; /* an entry that may allocate is refused once in so many times */
    uint32_t take_max;
    uint32_t results_max;
    uint32_t detached, redispatch, sticky, streams; /* percent of the dispatches */
    uint32_t far;                                   /* of the workers, and of the dispatches */
    struct core_limits limits;
};

enum waiter_kind {
    WAITS_DEST,
    WAITS_ROOM,
    WAITS_WINDOW,
    WAITS_IDLE,
    WAITS_DRAINED,
    WAITS_QUIET,
    WAITS_OUTCOME,
    WAITS_DUE,
    WAITS_EVENTS,
    WAITS_NO_TURN
};

struct sim_waiter {
    struct core_waiter core;
    enum waiter_kind kind;
    uint32_t owner;
    bool waiting;
};

struct sim_session {
    uint64_t handle; /* 0 = none here */
    struct list_node ended;
    uint32_t name, serial, holders, workers, subscriptions, line;
    bool declared, armed, fired;
    enum core_bar bar;
};

enum worker_kind { WORKER_PULLS = 1, WORKER_GROUP, WORKER_INLINE, WORKER_FAR };

enum { SIM_SCHEMAS = 4 };

struct sim_schema {
    struct named_schema named;
    bool registered, ended;
    uint32_t templates; /* that name it, once for each role */
};

/* What a channel asks of payloads. */
struct sim_contract {
    uint64_t generation;     /* 0 = nothing */
    struct contract *looked; /* held: what those who bring payloads have seen last */
};

struct sim_worker {
    uint64_t handle; /* 0 = none here */
    uint64_t id;
    char name[24];
    uint32_t serial, session, channel, channel_serial, group, dest, types, understands, max_concurrent;
    enum worker_kind kind;
    bool draining, unregistered, told_over;
    struct sim_waiter idle;
};

enum channel_life { CHANNEL_NONE, CHANNEL_OPEN, CHANNEL_PAUSED, CHANNEL_DRAINING };

struct sim_channel {
    char name[32];
    uint64_t hash;
    weft_channel_options options;
    enum channel_life life;
    uint32_t serial; /* changes with each declaration */
    struct sim_waiter drained;
    uint64_t turns;         /* seen */
    weft_channel_info told; /* when it was asked last */
    struct sim_contract contract;
};

struct sim_group {
    struct core_group core;
    uint32_t dest;
    bool added;
    bool awake; /* a thread has handed in a turn, and looks for the next */
};

enum dest_role { DEST_CALLBACKS = 1, DEST_INLINE, DEST_QUEUE, DEST_GROUP, DEST_INBOX, DEST_LINE };

enum { CONSUMERS = 2 };

struct sim_dest {
    struct core_dest *core; /* NULL = not in use */
    struct core_dest own;
    enum dest_role role;
    uint32_t owner; /* the group, worker or session */
    uint32_t serial;
    uint32_t waiting; /* of its consumers */
    struct sim_waiter consumers[CONSUMERS];
    uint64_t *shadow; /* seen: what stood there after the last event */
    uint32_t shadow_count, shadow_room;
};

enum { SIM_INBOX_MAX = 200 };

/* An event in an inbox, as the model has it. */
struct sim_entry {
    const struct message *message;
    uint64_t charge, number, generation;
    uint32_t dropped, channel, channel_serial;
};

struct sim_event_channel {
    char name[32];
    uint64_t hash, published, delivered, dropped, cut;
    uint32_t serial, payload_bytes_max;
    enum channel_life life;
    const char *schema;
    struct sim_contract contract;
};

struct sim_subscription {
    uint64_t handle;                                  /* 0 = none here */
    uint32_t session, channel, channel_serial, group; /* channel NONE: by pattern; group NONE: pulls */
    const char *pattern;
    weft_slow slow;
    uint32_t items_max, stall_ms;
    uint64_t bytes_max;
    bool told, tells, unsubscribed, cut, settled;
    struct sim_entry inbox[SIM_INBOX_MAX];
    uint32_t items, gap, quantum;
    uint64_t delivered, taken, dropped, evicted, progress_ns;
    struct core_dest dest;
    struct sim_waiter consumers[CONSUMERS], no_turn;
    struct core_turn turn;
    bool in_turn;
    size_t called;         /* of the turn */
    uint32_t unseen_calls; /* since it was judged last */
    uint64_t stamp;        /* seen: of its place among the turns; 0 = none */
};

enum call_life { CALL_FREE, CALL_OPEN, CALL_ENDED };

enum { WINDOW_MAX = 5, WORDS_MAX = WINDOW_MAX + 2, SENDERS = 6 };

/* What a task has said and its caller not heard. */
struct sim_word {
    weft_update_kind kind;
    uint32_t attempt;
    uint64_t number;
    const struct message *message;
};

struct sim_call {
    /* as asked for and admitted */
    weft_dispatch_id id;
    uint64_t arrival, admitted_ns, start_deadline_ns, close_deadline_ns;
    struct message *payload; /* only to compare */
    uint32_t serial, session, session_serial, channel, dest, type;
    uint32_t schema; /* that it has met: 1 + index; 0 = none */
    uint32_t start_to_close_ms, heartbeat_ms;
    uint32_t at_live; /* where it stands in live[] */
    uint8_t priority, attempts_max, admission;
    bool detached, redispatches, strange, credit;

    /* what is known of its course */
    enum call_life life;
    bool taken, begun; /* its attempt was taken; and a handler or puller has begun it */
    bool far, awaited; /* it runs elsewhere; and its time does not count, since nobody has told that it was begun */
    bool giving_back;  /* the event under way gives its attempt back, not begun */
    bool cancelling;   /* its end was asked for while it ran */
    bool retracted;    /* a loss of it turned out to be none */
    bool keyed;        /* the inner dispatch of a key: it has no caller */
    uint32_t key;      /* of keys[] */
    uint8_t spent;     /* attempts lost */
    uint8_t tried_count;
    uint64_t tried[CORE_ATTEMPTS_MAX]; /* names of dead sessions (even), ids of workers (odd) */
    uint64_t retry_ns, taken_ns, beat_ns, grace_ns;
    uint32_t worker, worker_serial; /* of the attempt */
    char worker_name[24];           /* the last that lost it, or had it at the end */

    /* what its caller must hear next; window 0: nothing, he does not listen */
    struct sim_word words[WORDS_MAX];
    uint32_t window, words_count, parts_count, announced;
    uint32_t out;     /* heard, and no room was made for them yet */
    uint64_t said;    /* parts of the attempt that was announced */
    uint32_t waiting; /* who wait for room, or were woken for it, and have not come back */

    /* its end */
    uint32_t ending; /* enum ending */
    uint32_t attempts;
    bool exact; /* nothing can have happened to it unseen before it ended */
    uint64_t ended_ns, keep_until_ns;
    const struct message *result;

    /* seen */
    uint8_t state;
    uint64_t task, waiting_ns;
    uint64_t queued_event, left_event, assigned_event, unassigned_event, taken_order, unassigned_order;
    uint32_t unassigned_worker;
};

/* A task in somebody's hands. */
struct sim_task {
    struct core_task *task;
    uint32_t call, call_serial, worker, worker_serial, attempt, batch;
    uint64_t order;   /* of taking */
    uint32_t sending; /* of the senders wait for its caller */
    bool far;
    uint64_t session, handle; /* far: by which it is found */
    uint32_t room;            /* far: for so many parts, as it was told */
    bool handled, begun, returned, settled, kept, asked, noticed;
};

enum { RESULTS_MAX = 16, ROOM_WAITERS = 3, FRESH_MAX = 512 };

struct room_waiter {
    struct sim_waiter waiter;
    uint64_t handle; /* the caller's session */
    uint32_t session, session_serial, channel, type, priority, size_bytes;
    bool busy, woken, text;
};

/* Who waits in a task's name for room in its caller's window. */
struct sender {
    struct sim_waiter waiter;
    uint64_t order; /* of its task */
    bool busy, woken;
};

/* A dispatch that is asked for. */
struct sim_request {
    struct core_request request; /* but for what follows from the others */
    uint32_t session, channel, dest, type, size_bytes;
    bool caller_dead;
    bool text, wrong;        /* its content type is not JSON; its channel's schema, if there is one, refuses it */
    struct sim_asker *asker; /* NULL = it comes without a key */
    uint32_t key, variant;
};

/* What should stand with the keeper. */
struct sim_letter {
    weft_dispatch_id dispatch;
    const struct message *payload; /* only to compare */
    uint64_t id, arrival;          /* 0 = not seen yet */
    uint32_t ending, channel, type, attempts;
    char worker_name[24]; /* of the last attempt; "" = not known */
    uint8_t priority, attempts_max;
    bool redispatches, known, seen;
};

enum { LETTERS_MAX = 16384, KEY_NAMES = 4, ASKERS_MAX = 24 };

enum key_life { KEY_UNKNOWN, KEY_OPEN, KEY_ENDED };

/* A key of a channel. */
struct sim_key {
    enum key_life life;
    uint32_t serial; /* of those who ask: changes with each inner dispatch */
    uint32_t call, variant, type;
    uint64_t forget_ns;
    bool wanted; /* seen: somebody asks, or has just been told */
    bool told;   /* its outcome is known: */
    uint8_t outcome, attempts;
    const char *code;
    const struct message *result;
    char worker_name[24];
};

/* One who asked with a key. */
struct sim_asker {
    bool used, ended, detached;
    weft_dispatch_id id;
    uint32_t key, key_serial, channel, session, session_serial, dest;
    uint64_t close_deadline_ns, keep_until_ns;
    uint8_t admission, outcome, attempts;
    const char *code;
    const struct message *result;
    char worker_name[24];
};

/* The entry under way: what a change may be blamed on. */
struct event {
    enum event_kind kind;
    bool had_work;
    uint32_t call, channel, dest, priority;
    struct {
        uint32_t call, call_serial, attempt;
        enum core_result_kind kind;
        bool returned, kept, settled_before;
        const struct message *message;
    } results[RESULTS_MAX];
    uint32_t results_count;
    bool may_allocate, refused;   /* it may need memory; some of which is refused */
    uint64_t digest, allocations; /* before */
};

/* Assigned in the event under way. */
struct fresh {
    uint32_t call;
    bool from_queue; /* where it stood before the event */
};

/* What was noted so far. */
struct sim_notes {
    struct core_dest dest;
    uint32_t channels, workers, degraded;
    uint64_t deaths;
};

struct world {
    struct rng rng;
    struct failmem memory;
    struct core *core;
    struct shape shape;
    uint64_t seed, now_ns, events;
    bool closing, settling;
    bool settle_works; /* some step of it may be left */

    struct sim_session *sessions;
    struct sim_worker *workers;
    struct sim_channel *channels; /* those with templates behind the others */
    struct sim_group *groups;
    struct sim_event_channel *event_channels;
    struct sim_subscription *subscriptions;
    uint64_t turn_stamp;
    struct sim_dest *dests; /* callbacks, inline, the queues, the groups', the workers' */
    struct sim_call *calls;
    struct sim_task *tasks;
    uint32_t *live; /* calls that are not free */
    uint32_t *free_calls;
    uint32_t dests_count, live_count, free_count, tasks_count, tasks_room, channels_count;
    uint64_t taken_count;
    uint32_t serial, batches, sessions_count, templates;
    weft_channel_options template_options;
    bool patterns_declared[4];
    struct sim_schema schemas[SIM_SCHEMAS];
    uint64_t generation; /* the highest contract's */
    struct room_waiter rooms[ROOM_WAITERS];
    const char *keeper; /* of dead letters; NULL = none */
    weft_channel_options keeper_options;
    struct sim_letter *letters;
    uint32_t letters_count;
    uint64_t letters_taken, letters_counted;
    bool keyed;           /* some dispatch with keys */
    struct sim_key *keys; /* KEY_NAMES of each channel */
    struct sim_asker askers[ASKERS_MAX];
    uint32_t asker; /* whose cancel is under way; NONE */
    struct sender senders[SENDERS];
    struct sim_waiter sleeper, quiet, fetcher;
    uint32_t fetched_call, fetched_serial;

    weft_node_stats stats; /* the model's */
    struct sim_notes notes;
    struct event event;
    struct fresh fresh[FRESH_MAX];
    uint32_t fresh_count;
    uint64_t losses, unassigns; /* seen in this event */
    uint64_t hidden_losses;     /* that may have been in it */
    uint8_t lottery[256];
    FILE *trace;     /* NULL = none */
    jmp_buf *failed; /* where a failure goes */
    char sentence[1024];
};

#define TRACE(world, ...)                                                                                              \
    do {                                                                                                               \
        if (__builtin_expect((world)->trace != NULL, 0)) sim_trace(world, __VA_ARGS__);                                \
    } while (0)

/* Ends the world: what was expected does not hold. */
_Noreturn void sim_fail(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));
void sim_trace(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define EXPECT(world, expression, ...)                                                                                 \
    do {                                                                                                               \
        if (__builtin_expect(!(expression), 0)) sim_fail(world, __VA_ARGS__);                                          \
    } while (0)

/* world.c: the life of the world of that seed, at most events_max events of it. Its failure; NULL: all promises were
 * kept. */
const char *sim_live(struct world *world, uint64_t seed, enum world_size size, uint64_t events_max);

/* Its parts: drawing, making, and the end, when everything is settled and given back, and nothing may be left. Whoever
 * calls these has set `failed`. */
void sim_draw(struct shape *shape, struct rng *rng, enum world_size size);
void sim_make(struct world *world);
void sim_steps(struct world *world);
void sim_end(struct world *world, uint32_t last_events); /* so many happen meanwhile, at most */

/* Around each entry: enter moves the time on, and says whether it may need memory, which then may run out; leave acts on
 * what it left to be done, observes and audits. ran_out: whether memory ran out, so that it must have said so. */
void sim_enter(struct world *world, enum event_kind kind, bool may_allocate);
bool sim_ran_out(struct world *world, weft_error error, enum cover what);
void sim_leave(struct world *world);

/* people.c, workers.c, channels.c, calls.c, outcomes.c, tasks.c, streams.c, events.c, clockwork.c: the events. False:
 * there was nothing to do it to. */
typedef bool (*sim_action)(struct world *world);
bool act_attach(struct world *world);
bool act_arm(struct world *world);
bool act_fire(struct world *world);
bool act_hold(struct world *world);
bool act_release(struct world *world);
bool act_group_add(struct world *world);
bool act_group_remove(struct world *world);
bool act_group_limit(struct world *world);
bool act_register(struct world *world);
bool act_worker_drain(struct world *world);
bool act_unregister(struct world *world);
bool act_forget(struct world *world);
bool act_declare(struct world *world);
bool act_template(struct world *world);
bool act_pause(struct world *world);
bool act_resume(struct world *world);
bool act_drain(struct world *world);
bool act_delete(struct world *world);
bool act_dispatch(struct world *world);
bool act_cancel(struct world *world);
bool act_outcome(struct world *world);
bool act_fetch(struct world *world);
bool act_abandon(struct world *world);
bool act_take(struct world *world);
bool act_begin(struct world *world);
bool act_results(struct world *world);
bool act_give_back(struct world *world);
bool act_heartbeat(struct world *world);
bool act_on_cancel(struct world *world);
bool act_progress(struct world *world);
bool act_partial(struct world *world);
bool act_move(struct world *world);
bool act_tick(struct world *world);
bool act_jump(struct world *world);
bool act_step(struct world *world);
bool act_ask(struct world *world);
bool act_letter(struct world *world);
bool act_key(struct world *world);
bool act_contract(struct world *world);
bool act_bar(struct world *world);
bool act_deliver(struct world *world);
bool act_room(struct world *world);
bool act_quiet(struct world *world);

/* The same, done to one that is chosen. */
uint32_t likely_session(struct world *world);
uint32_t likely_channel(struct world *world);
uint32_t any_call(struct world *world);
void session_attach(struct world *world, uint32_t index, uint32_t name, bool declared);
void session_arm(struct world *world, uint32_t index);
void session_fire(struct world *world, uint32_t index);
void session_release(struct world *world, uint32_t index);
void worker_register(struct world *world, uint32_t index, const struct sim_worker *wanted, const char *name);
void worker_unregister(struct world *world, uint32_t index);
bool worker_forget(struct world *world, uint32_t index);
void cover_end(const struct world *world, uint32_t worker); /* what the worker's end meets */
bool worker_ended(const struct world *world, const struct sim_worker *worker);
void group_add(struct world *world, uint32_t index, uint32_t limit);
void group_limit(struct world *world, uint32_t index, uint32_t limit);
bool group_remove(struct world *world, uint32_t index);
void dest_open(struct world *world, uint32_t index, struct core_dest *core);
void dest_close(struct world *world, uint32_t index);
void dest_sleep(struct world *world, struct sim_dest *dest);
void dest_take(struct world *world, uint32_t index, uint32_t max);
void dest_drain(struct world *world, uint32_t index, uint32_t max);
void dest_abandon(struct world *world, uint32_t index);
void outcome_got(struct world *world, const struct sim_dest *dest, enum core_item_kind kind,
                 struct core_outcome *outcome, const struct core_task *cancelled);
bool line_deliver(struct world *world, uint32_t session); /* false: it is empty */
void call_dispatch(struct world *world, struct sim_request *draft);
void call_cancel(struct world *world, uint32_t index, bool wrong);
void task_begin(struct world *world, uint32_t index);
void tasks_say(struct world *world, uint32_t *indexes, struct core_result *results, uint32_t count);
void task_finish(struct world *world, uint32_t index);
void tick_all(struct world *world);
void senders_give_up(struct world *world); /* all of them */
bool act_event_channel(struct world *world);
bool act_subscribe(struct world *world);
bool act_publish(struct world *world);
bool act_events(struct world *world);
bool act_turn(struct world *world);
bool act_turn_done(struct world *world);
bool act_unsubscribe(struct world *world);
bool act_forget_subscription(struct world *world);
void events_make(struct world *world);
void events_empty(struct world *world); /* nobody is subscribed any more */
void events_woken(struct world *world, struct sim_waiter *waiter);
void observe_events(struct world *world);
void channel_declare(struct world *world, uint32_t index, const weft_channel_options *options);
bool channel_same(weft_channel_options a, weft_channel_options b);
void channel_draw(struct world *world, weft_channel_options *options);

/* observe.c: what has changed since the last event, held against the model. */
void observe(struct world *world);

static inline uint32_t draw(struct world *world, uint32_t n)
{
    return rng_below(&world->rng, n);
}

static inline bool once_in(struct world *world, uint32_t n)
{
    return rng_once_in(&world->rng, n);
}

static inline bool percent(struct world *world, uint32_t share)
{
    return rng_below(&world->rng, 100) < share;
}

#endif
