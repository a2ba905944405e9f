/* fixture.h: a world with one core in it and a virtual clock, and verbs that make its specs read as a conversation:
 *
 *     channel("dispatch.media.resize", .depth_max = 2);
 *     worker("w1");
 *     dispatch("a");
 *     then("0 a#1 to w1");
 *     take("w1");
 *     at(20);
 *     complete("a#1");
 *     then("0 w1 takes a#1", "20 a completed by w1 #1");
 *
 * Everything has a name: participants, workers, groups, dispatches ("a"), their attempts ("a#1"), waiters. A verb
 * brings one event into the core, runs its steps as a shell does, takes what is in the callers' boxes, and writes down
 * what came of it; `then` compares that, line by line, with what must have, and begins a new page. A line is the time in
 * ms and one of
 *
 *     a#1 to w1                        handed to the worker (not yet taken)
 *     a#1 back from w1                 retracted before it was taken
 *     w1 takes a#1                     the work has begun ("g takes": a thread of the group)
 *     a waits                          admitted; no worker has it
 *     a rejected:queue_full 100        not admitted; worth another try in 100 ms ("blocks": or wait for room)
 *     a completed by w1 #1             its outcome: with which code, the last worker that had it, how many attempts
 *     w1 told to stop a#1              a cancel notice ("who had it": its worker is gone)
 *     a#1 is at half                   progress that came to the caller
 *     a#1 part 2 two                   a partial result that did, with its number
 *     a#2 restarts                     he is told that another attempt has begun
 *     x woken                          a waiter
 *     s1 disarmed                      nothing hangs on the participant any more
 *     letter a timed_out:heartbeat     a dead letter, and below it one line for each attempt:
 *     a#1 w1 of s1 worker_died 9       which worker, whose, how it ended and after how many ms of work
 *
 * Between destinations the core promises no order, so what one verb brought is written down in this one: what became of
 * the request, what the callers got, what workers lost, what they were handed, who was woken, who was disarmed. A
 * participant "host" is there from the start: callers and workers are its, unless another is named. After each verb the
 * whole state is audited; what was written down and not compared, and memory that did not come back, fail the test at
 * its end. */
#ifndef WEFT_TESTS_FIXTURE_H
#define WEFT_TESTS_FIXTURE_H

#include "core/state.h"
#include "lib/check.h"
#include "lib/failmem.h"

/* The verbs name the options that differ from their defaults. */
#pragma GCC diagnostic ignored "-Woverride-init"

struct world {
    struct core *core;
    struct failmem failmem;       /* the core's memory */
    struct failmem messages;      /* that of payloads and results, which are not the core's to make */
    weft_error error;             /* what the last verb gave */
    char message[ERROR_TEXT_MAX]; /* of the last that failed */
};
extern struct world world;

/* A spec, and its line in the table of its file. */
#define spec(promise) static void promise(void **state __attribute__((unused)))
#define promised(promise) cmocka_unit_test_setup_teardown(promise, world_open, world_close)

/* "w" and 3: "w3". Lends, until eight more were made. */
const char *numbered(const char *stem, int number);

/* --- what must have happened ------------------------------------------------------------------ */

#define then(...) world_then(CHECK_SITE("then(" #__VA_ARGS__ ")"), (const char *const[]){__VA_ARGS__, NULL})
#define nothing_happens() world_then(CHECK_SITE("nothing_happens()"), (const char *const[]){NULL})
#define whatever() world_turn_page() /* turns the page unread: what came before is not what the spec is about */

/* The verb gives that code instead of WEFT_OK. */
#define gives(code, verb) (world_expect(CHECK_SITE("gives(" #code ", " #verb ")"), code), (verb), world_expected())

/* The verb may give any code: the spec is about what comes of it. */
#define maybe(verb) (world_expect_any(), (verb))

/* --- time ------------------------------------------------------------------------------------- */

#define at(ms) world_verb(at, ms) /* goes on to that time, through all that falls due before; ms from the beginning */
#define late_at(ms) world_verb(late_at, ms) /* the same, but what falls due is not looked at yet */
#define stop_steps() world_steps(false)     /* from here on entries leave their further steps undone */
#define run_steps() world_steps(true)
#define step() world_verb(step, 0) /* one of them; whether there are more */

/* --- channels: of those that are not told which, the verbs mean the one declared last --------- */

#define channel(name, ...)                                                                                             \
    (world_here(CHECK_SITE("channel(" #name ")")),                                                                     \
     world_channel(name, &(weft_channel_options){WEFT_CHANNEL_OPTIONS_VALUES, __VA_ARGS__}))
#define template(pattern, ...)                                                                                         \
    (world_here(CHECK_SITE("template(" #pattern ")")),                                                                 \
     world_template(pattern, &(weft_channel_options){WEFT_CHANNEL_OPTIONS_VALUES, __VA_ARGS__}))
#define on(name) world_on(name)
#define pause_channel() world_verb(pause_channel, 0)
#define resume_channel() world_verb(resume_channel, 0)
#define drain_channel(waiter) world_verb(drain_channel, waiter) /* WEFT_EAGAIN: the waiter was left */
#define delete_channel() world_verb(delete_channel, 0)
#define channel_now() world_verb(channel_now, 0) /* its weft_channel_info */
#define stats_now() world_stats()                /* the weft_node_stats */

/* --- participants ----------------------------------------------------------------------------- */

#define session(name) (attach(name), arm(name))
#define attach(name) world_verb(attach, name, false)
#define attach_declared(name) world_verb(attach, name, true)
#define arm(name) world_verb(arm, name)
#define fire(name) world_verb(fire, name, (weft_cause){.kind = WEFT_CAUSE_DECLARED})
#define fire_of(name, why, what) world_verb(fire, name, (weft_cause){.kind = (why), .value = (what)})
#define release(name) world_verb(release, name)
#define handle_of(name) world_verb(handle_of, name)
#define participant_now(name) world_verb(participant_now, name) /* "arming", "armed", "dead", "gone" */

/* --- workers and groups ----------------------------------------------------------------------- */

struct hired {
    const char *on, *of; /* channel, participant */
    const char *group;   /* a callback worker; NULL: pull, or inline */
    bool handled;        /* inline */
    bool far;            /* remote, see fixture_remote.h */
    uint32_t capacity;   /* 0 = 1 */
    const char *types[WEFT_ACTIVITY_TYPES_MAX + 1];
    const char *understands[WEFT_SCHEMA_IDS_MAX + 1]; /* schemas, see fixture_contract.h */
};
#define worker(name, ...)                                                                                              \
    (world_here(CHECK_SITE("worker(" #name ")")), world_worker(name, &(struct hired){__VA_ARGS__}))
#define drain_worker(name) world_verb(drain_worker, name)
#define unregister(name) world_verb(unregister, name)
#define leave(name) world_verb(leave, name) /* a remote one, of whose tasks all has been said */
#define forget(name) world_verb(forget, name)
#define handle_of_worker(name) world_verb(handle_of_worker, name)
#define worker_now(name) world_verb(worker_now, name) /* its weft_worker_info */
#define group(name, limit) world_verb(group, name, limit)
#define limit_group(name, limit) world_verb(limit_group, name, limit)
#define remove_group(name) world_verb(remove_group, name)

/* --- dispatches ------------------------------------------------------------------------------- */

struct asked {
    const char *on, *by; /* channel, caller */
    const char *to;      /* the box of the outcome; NULL = the caller's, which is emptied after each verb */
    const char *type, *key;
    const char *once; /* its idempotency key: the attempts are the key's, "k#1" */
    const char *body; /* the payload; NULL = the dispatch's name, or its key's */
    const char *content_type;
    const char *seen;       /* see fixture_contract.h */
    weft_priority priority; /* 0 = normal */
    size_t bytes;           /* of the payload; 0 = the dispatch's name */
    weft_crash on_crash;
    weft_no_worker no_worker;
    uint32_t attempts_max, schedule_to_start_ms, start_to_close_ms, schedule_to_close_ms, heartbeat_ms;
    bool detached;   /* and nobody waits for it, unless `to` is named */
    bool unheard;    /* nobody waits for it */
    bool waits;      /* its caller would wait for room */
    uint32_t window; /* he wants to know how it goes, and so many partial results may wait for him; 0 = he does not */
    bool credit;     /* taking one makes no room for the next: see fixture_remote.h, as number */
    uint64_t number; /* his own, who is far away; 0 = the core makes one */
};
#define dispatch(name, ...)                                                                                            \
    (world_here(CHECK_SITE("dispatch(" #name ")")), world_dispatch(name, &(struct asked){__VA_ARGS__}))
#define cancel(name) world_verb(cancel, name)
#define fetch(name) world_verb(fetch, name, NULL)
#define fetch_or_wait(name, waiter) world_verb(fetch, name, waiter)
#define box(name) world_verb(box, name) /* a caller's queue that is emptied only by */
#define look_into(name) world_verb(look_into, name)
#define close_box(name) world_verb(close_box, name)
#define id_of(name) world_verb(id_of, name)
#define box_named(name) world_verb(box_named, name)
#define ends_of(name) world_verb(ends_of, name)   /* how many outcomes it had */
#define reply_of(name) world_verb(reply_of, name) /* the struct core_outcome it ended with, without its message */

/* What a dispatch of that many payload bytes is charged while it waits. */
#define charge_of(payload_bytes) (sizeof(struct core_dispatch) + sizeof(struct message) + (payload_bytes) + 1)

/* --- dead letters of the channel, by the name of what died ------------------------------------ */

#define read_letters() world_verb(read_letters, 0)
#define fetch_letter(name) world_verb(fetch_letter, name) /* the oldest of that name; "": the oldest of all */
#define put_back(name, as) world_verb(put_back, name, as) /* under another name: its caller is the host */
#define letter_id(name) world_verb(letter_id, name)       /* 0 = there is none */

/* --- tasks ------------------------------------------------------------------------------------ */

#define take(from) world_verb(take, from, 1) /* a worker, or its group: the task's name. WEFT_EAGAIN */
#define take_up_to(max, from) world_verb(take, from, max)
#define complete(task) world_verb(settle, task, CORE_RESULT_COMPLETE, NULL, true)
#define fail_with(task, code) world_verb(settle, task, CORE_RESULT_FAIL, code, true)
#define mismatch(task) world_verb(settle, task, CORE_RESULT_MISMATCH, "result_schema_mismatch", true)
#define acknowledge(task) world_verb(settle, task, CORE_RESULT_CANCEL_ACK, NULL, true)
#define dies_there(task)                                                                                               \
    world_verb(settle, task, CORE_RESULT_DIED, NULL, true) /* with whom its remote worker hung on */
#define abandon(task) world_verb(settle, task, CORE_RESULT_ABANDON, NULL, true)
#define complete_inside(task) world_verb(settle, task, CORE_RESULT_COMPLETE, NULL, false) /* its handler still runs */
#define skip_unbegun(task) world_verb(settle, task, CORE_RESULT_SKIPPED, NULL, true)
#define acknowledge_inside(task) world_verb(settle, task, CORE_RESULT_CANCEL_ACK, NULL, false)
#define return_from(task) world_verb(return_from, task, false)
#define keep(task) world_verb(return_from, task, true) /* its handler returns, and has kept it */
#define give_back(...) world_verb(give_back, (const char *const[]){__VA_ARGS__, NULL})
#define beat(task) world_verb(beat, task)                 /* WEFT_ESTALE */
#define listen_to(task) world_verb(listen_to, task, NULL) /* WEFT_EEXIST: it is cancelled already */
#define listen_at(task, box) world_verb(listen_to, task, box)
#define progress(task, text) world_verb(progress, task, text)            /* WEFT_ESTALE, WEFT_EINVAL */
#define partial(task, text) world_verb(partial, task, text, NULL, false) /* WEFT_EAGAIN: its window is full */
#define partial_or_wait(task, text, waiter)                                                                            \
    world_verb(partial, task, text, waiter, false)                                      /* then the waiter was left */
#define partial_again(task, text, waiter) world_verb(partial, task, text, waiter, true) /* comes back from waiting */
#define task_named(task) world_verb(task_named, task)
#define destination(name) world_verb(destination, name) /* of a worker or group */
#define holds(task) world_verb(holds, task)
#define is_cancelled(task) world_verb(is_cancelled, task)
#define type_of(task) world_verb(type_of, task)

/* --- waiting: true where the waiter was left -------------------------------------------------- */

#define wait_for_task(waiter, from) world_verb(wait_for_task, waiter, from)
#define wait_for_outcome(waiter, of) world_verb(wait_for_outcome, waiter, of)
#define wait_idle(waiter, name) world_verb(wait_idle, waiter, name)
#define wait_room(waiter) world_verb(wait_room, waiter)
#define wait_quiet(waiter) world_verb(wait_quiet, waiter, false)
#define wait_for_tasks(waiter) world_verb(wait_quiet, waiter, true)
#define sleep_until_due(waiter) world_verb(sleep_until_due, waiter)
#define unwait(waiter) world_verb(unwait, waiter)

/* --- seeing inside ---------------------------------------------------------------------------- */

/* Writes down what is answered: where it stands ("a waits 20 ms, 2 ahead", "a at w1", "a lost at w1", "a ended"; of a
 * request "accepted by w1", "deferred", "rejected:draining"), and of each worker of the channel the first rule that
 * refuses. */
#define why(name) world_verb(why, name)
#define would(...) (world_here(CHECK_SITE("would(" #__VA_ARGS__ ")")), world_would(&(struct asked){__VA_ARGS__}))

/* Writes down all pages: "channel: ..." with its queues, and its workers. */
#define list(pattern) world_verb(list, pattern)
#define latency_now() world_verb(latency_now, 0)

/* From open_notes on what happens is kept; what_happened writes it down: "noted died, s1" … */
#define open_notes() world_verb(open_notes, 0)
#define what_happened() world_verb(what_happened, 0)

/* --- the node --------------------------------------------------------------------------------- */

#define close_node() world_verb(close_node, 0)
#define settle_all() world_verb(settle_all, 0)

/* --- what the verbs are made of --------------------------------------------------------------- */

#define world_verb(verb, ...) (world_here(CHECK_SITE(#verb "(" #__VA_ARGS__ ")")), world_##verb(__VA_ARGS__))

int world_open(void **state);
int world_open_with(const struct core_limits *limits);
int world_close(void **state);
void world_here(struct check_site site);
void world_then(struct check_site site, const char *const *lines);
void world_turn_page(void);
void world_expect(struct check_site site, weft_error error);
void world_expected(void);
void world_expect_any(void);
void world_forget_names(void); /* of all but the host, none of whom is there any more */
void world_steps(bool run);
bool world_step(int unused);
void world_at(uint64_t ms);
void world_late_at(uint64_t ms);
uint64_t world_now_ns(void);

void world_channel(const char *name, const weft_channel_options *options);
void world_template(const char *pattern, const weft_channel_options *options);
void world_on(const char *name);
void world_pause_channel(int unused);
void world_resume_channel(int unused);
void world_drain_channel(const char *waiter);
void world_delete_channel(int unused);
weft_channel_info world_channel_now(int unused);
weft_node_stats world_stats(void);

void world_attach(const char *name, bool declared);
void world_arm(const char *name);
void world_fire(const char *name, weft_cause cause);
void world_release(const char *name);
uint64_t world_handle_of(const char *name);
const char *world_participant_now(const char *name);

void world_worker(const char *name, const struct hired *hired);
void world_drain_worker(const char *name);
void world_unregister(const char *name);
void world_leave(const char *name);
void world_forget(const char *name);
uint64_t world_handle_of_worker(const char *name);
weft_worker_info world_worker_now(const char *name);
void world_group(const char *name, uint32_t limit);
void world_limit_group(const char *name, uint32_t limit);
void world_remove_group(const char *name);

void world_dispatch(const char *name, const struct asked *asked);
void world_cancel(const char *name);
void world_fetch(const char *name, const char *waiter);
void world_box(const char *name);
weft_dispatch_id world_id_of(const char *name);
struct core_dest *world_box_named(const char *name);
void world_look_into(const char *name);
void world_close_box(const char *name);
uint32_t world_ends_of(const char *name);
struct core_outcome world_reply_of(const char *name);

void world_read_letters(int unused);
void world_fetch_letter(const char *name);
void world_put_back(const char *name, const char *as);
uint64_t world_letter_id(const char *name);

const char *world_take(const char *from, size_t max);
void world_settle(const char *name, enum core_result_kind kind, const char *code, bool returns);
void world_return_from(const char *name, bool kept);
void world_give_back(const char *const *names);
void world_beat(const char *name);
void world_listen_to(const char *name, const char *box);
void world_progress(const char *name, const char *text);
void world_partial(const char *name, const char *text, const char *waiter, bool waited);
struct core_task *world_task_named(const char *name);
struct core_dest *world_destination(const char *name);
bool world_holds(const char *name);
bool world_is_cancelled(const char *name);
const char *world_type_of(const char *name);

bool world_wait_for_task(const char *waiter, const char *from);
bool world_wait_for_outcome(const char *waiter, const char *of);
bool world_wait_idle(const char *waiter, const char *name);
bool world_wait_room(const char *waiter);
bool world_wait_quiet(const char *waiter, bool tasks);
bool world_sleep_until_due(const char *waiter);
bool world_unwait(const char *waiter);

void world_why(const char *name);
void world_would(const struct asked *asked);
void world_list(const char *pattern);
weft_latency world_latency_now(int unused);
void world_open_notes(int unused);
void world_what_happened(int unused);

void world_close_node(int unused);
void world_settle_all(int unused);

#include "lib/fixture_event.h"

#endif
