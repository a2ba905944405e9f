/* The core of a client in random order: calls go out and are answered, tasks are handed in and end, events come; callers,
 * participants and workers go at any time, and so does the node. The test plays both the shell and the node, and keeps no
 * more of the core than a node would. Promises:
 *   - each call has one outcome, which comes where it was asked for, after what was told of it; each that went out has
 *     one answer, whether somebody waits for it or not, and until then is found by its number
 *   - a node that sends a part only where it has been told of room is never refused one; and in the end it has been told
 *     of all the room there is
 *   - each task that was handed has one last word; it is followed by RELEASED if it says that the handler runs on, and by
 *     nothing else; STARTED comes before it, for what is timed alone, and once
 *   - a node that frees a slot when it is told so never finds a worker full, and no worker of ours has more in flight than
 *     the node believes
 *   - of what is sent to a subscription each is heard, or counted as lost, in order
 *   - all invariants of the audit hold after each step; in the end nothing is left
 *
 * Prints its seed first; core_client SEED runs that again, core_client SEED WORLDS more of it. */
#include "lib/check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "core/state.h"
#include "lib/audit.h"
#include "lib/failmem.h"
#include "sim/rng.h"

enum { CALLS = 400, TASKS = 400, WORKERS = 4, SESSIONS = 3, BOXES = 2, STEPS = 1500, NEWEST = 12, MS = 1000000 };
#define CHANNEL "dispatch.client.work"
#define EVENTS "event.client.news"

static uint64_t chosen_seed;
static unsigned worlds = 30;

struct call {
    uint64_t number;
    bool heard;              /* somebody waits for its outcome, in a box that is there */
    bool ended;              /* has had it */
    bool out;                /* and not answered */
    uint32_t window, unread; /* parts the node has sent, and was not told of */
    uint32_t attempt;
    uint64_t parts;
};

enum task_stands { NOWHERE, HANDED, ENDED, OVER };

struct task {
    enum task_stands stands; /* as the node sees it */
    uint32_t worker;
    bool timed, started, runs_on;
    uint32_t window, room; /* the node's; room: what was not told yet */
    uint32_t unread;       /* parts that came, for which no room was made */
    weft_dispatch_id local;
};

/* In the hands of the shell. */
struct held {
    struct core_task *task;
    bool begun, settled;
};

struct world {
    struct rng rng;
    struct failmem failmem, messages;
    struct core *core;
    uint64_t now_ns;
    struct core_dest wire, boxes[BOXES], inboxes[WORKERS], events;
    struct core_group group;
    uint64_t sessions[SESSIONS], sessions_made;
    uint64_t workers[WORKERS];                       /* 0: there is none */
    uint32_t capacities[WORKERS], believed[WORKERS]; /* the node's: in flight */
    uint32_t generations[WORKERS];
    struct call calls[CALLS];
    uint32_t calls_count;
    struct task tasks[TASKS];
    uint32_t tasks_count;
    struct held held[TASKS];
    uint32_t held_count;
    uint64_t subscription, sent, heard; /* of events: sent with those lost on the way, and heard with those lost */
    uint64_t answers, results, stale, restarts, given_back, released;
};

static struct message *text(struct world *w, const char *words)
{
    return weft__message_new(&w->messages.mem, words, strlen(words), NULL);
}

static void after_entry(struct world *w)
{
    while (weft__core_step(w->core, w->now_ns))
        ;
    while (list_pop_front(weft__core_wakes(w->core)))
        ;
    while (list_pop_front(weft__core_ended(w->core)))
        ;
    const char *broken = audit(w->core);
    if (broken) fail_msg("%s", broken);
    for (int i = 0; i < WORKERS; i++) {
        weft_worker_info info;
        if (!w->workers[i] || weft__core_worker_info(w->core, w->now_ns, w->workers[i], &info)) continue;
        check_true(info.in_flight <= w->believed[i]);
    }
}

/* --- participants and workers ----------------------------------------------------------------- */

static void attach(struct world *w, uint32_t i)
{
    char name[32];
    snprintf(name, sizeof name, "s%" PRIu64, w->sessions_made++);
    check_ok(weft__core_session_attach(w->core, name, true, NULL, &w->sessions[i]));
    check_ok(weft__core_session_armed(w->core, w->now_ns, w->sessions[i]));
}

static void fire(struct world *w)
{
    uint32_t i = 1 + rng_below(&w->rng, SESSIONS - 1); /* the first is the host's own */
    check_ok(weft__core_session_fired(w->core, w->now_ns, 0, w->sessions[i], (weft_cause){.kind = WEFT_CAUSE_EXITED}));
    weft__core_session_release(w->core, w->now_ns, 0, w->sessions[i]);
    after_entry(w);
    attach(w, i);
}

static void go(struct world *w, uint32_t i)
{
    weft__core_worker_unregister(w->core, w->now_ns, w->workers[i]);
    after_entry(w);
}

/* Its record, when it is idle: then the node has been told of all it had, or will be. */
static void forget(struct world *w, uint32_t i)
{
    weft_worker_info info;
    if (weft__core_worker_info(w->core, w->now_ns, w->workers[i], &info)) return;
    bool ended = info.state == WEFT_WORKER_DEAD || info.state == WEFT_WORKER_REMOVED;
    if (!ended || info.in_flight > 0 || w->believed[i] > 0) return;
    weft__core_worker_forget(w->core, w->workers[i]);
    w->workers[i] = 0;
}

static void come(struct world *w, uint32_t i)
{
    char sentence[ERROR_TEXT_MAX];
    uint32_t kind = rng_below(&w->rng, 3); /* pull, inline, a group's */
    w->capacities[i] = rng_between(&w->rng, 1, 5);
    const struct core_worker_spec spec = {.channel = CHANNEL,
                                          .channel_hash = weft__name_hash(CHANNEL),
                                          .max_concurrent = w->capacities[i],
                                          .session = w->sessions[rng_below(&w->rng, SESSIONS)],
                                          .group = kind == 2 ? &w->group : NULL,
                                          .dest = kind == 2 ? &w->group.dest : &w->inboxes[i],
                                          .handled = kind > 0};
    check_ok(weft__core_mirror(w->core, CHANNEL, weft__name_hash(CHANNEL)));
    check_ok(weft__core_worker_register(w->core, w->now_ns, &spec, &w->workers[i], sentence));
    after_entry(w);
}

/* --- calls ------------------------------------------------------------------------------------ */

static void updated(const weft_update *update, void *context)
{
    (void)update;
    (void)context;
}

static void call(struct world *w)
{
    if (w->calls_count == CALLS) return;
    struct call *call = &w->calls[w->calls_count];
    uint32_t box = rng_below(&w->rng, BOXES + 1);
    call->heard = box < BOXES;
    call->window = call->heard && rng_once_in(&w->rng, 2) ? rng_between(&w->rng, 1, 4) : 0;
    call->attempt = 1;
    const struct core_request request = {.channel = WEFT_UPLINK_CHANNEL,
                                         .channel_hash = weft__name_hash(WEFT_UPLINK_CHANNEL),
                                         .payload = text(w, "what is to be done"),
                                         .session = w->sessions[rng_below(&w->rng, SESSIONS)],
                                         .dest = call->heard ? &w->boxes[box] : NULL,
                                         .token = w->calls_count,
                                         .updated = call->window ? updated : NULL,
                                         .window = call->window};
    struct core_admitted admitted;
    check_ok(weft__core_dispatch(w->core, w->now_ns, &request, &admitted));
    call->number = admitted.id.number;
    w->calls_count++;
    after_entry(w);
}

static void read_box(struct world *w, uint32_t box, uint32_t max)
{
    struct core_outcome outcome;
    struct core_task *none;
    enum core_item_kind kind;
    while (max-- > 0 && (kind = weft__core_outcome_take(w->core, w->now_ns, &w->boxes[box], &outcome, &none))) {
        struct call *call = &w->calls[outcome.token];
        check_true(call->heard && !call->ended && outcome.id.number == call->number);
        if (kind == CORE_ITEM_OUTCOME) call->ended = true;
        weft__message_drop(outcome.message);
    }
    after_entry(w);
}

static void close_box(struct world *w)
{
    uint32_t box = rng_below(&w->rng, BOXES);
    read_box(w, box, rng_below(&w->rng, 4));
    struct core_dest *dest = &w->boxes[box];
    for (uint32_t i = 0; i < w->calls_count; i++) {
        const struct core_dispatch *dispatch = weft__slotmap_find(&w->core->dispatches, w->calls[i].number);
        if (dispatch && dispatch->dest == dest) w->calls[i].heard = false;
    }
    while (weft__core_dest_abandon(w->core, w->now_ns, dest))
        after_entry(w);
    weft__core_dest_init(dest);
    after_entry(w);
}

/* Mostly one of the newest, of which something is left to be said. */
static struct call *some_call(struct world *w)
{
    if (w->calls_count == 0) return NULL;
    uint32_t newest = w->calls_count < NEWEST || rng_once_in(&w->rng, 4) ? w->calls_count : NEWEST;
    return &w->calls[w->calls_count - 1 - rng_below(&w->rng, newest)];
}

static void cancel(struct world *w)
{
    const struct call *call = some_call(w);
    if (!call) return;
    (void)weft__core_cancel(w->core, w->now_ns, (weft_dispatch_id){w->core->limits.public_session, call->number});
    after_entry(w);
}

static void tell(struct world *w, struct call *call)
{
    struct core_task *task = call->out ? weft__core_uplink_task(w->core, call->number) : NULL;
    if (!task || !call->window) return;
    uint32_t kind = rng_below(&w->rng, 8);
    struct core_said said = {.kind = WEFT_UPDATE_PARTIAL, .attempt = call->attempt};
    if (kind == 0 && call->attempt < CORE_ATTEMPTS_MAX) {
        said.kind = WEFT_UPDATE_RESTARTED;
        said.attempt = ++call->attempt;
        call->parts = 0;
        w->restarts++;
    } else if (kind < 3) {
        said.kind = WEFT_UPDATE_PROGRESS;
    } else {
        if (call->unread == call->window) return;
        said.number = ++call->parts;
        call->unread++;
    }
    if (said.kind != WEFT_UPDATE_RESTARTED) said.message = text(w, "so far");
    weft_error error = weft__core_update(w->core, w->now_ns, task, &said);
    if (error) weft__message_drop(said.message);
    check_true(error == WEFT_OK || error == WEFT_ESTALE);
    if (error) call->window = 0; /* nobody waits: nothing more is told, nor counted */
    after_entry(w);
}

static void lose_node(struct world *w)
{
    uint32_t most = UINT32_MAX;
    while (weft__core_uplink_lost(w->core, w->now_ns, &most))
        after_entry(w);
    for (uint32_t i = 0; i < w->calls_count; i++)
        w->calls[i].out = false;
    after_entry(w);
}

/* --- what goes to the node -------------------------------------------------------------------- */

static struct call *call_of(struct world *w, const struct core_task *task)
{
    for (uint32_t i = w->calls_count; i-- > 0;)
        if (w->calls[i].number == task->id.number) return &w->calls[i];
    fail_msg("a call that nobody made");
    return NULL;
}

static void over(struct world *w, struct task *task)
{
    task->stands = OVER;
    w->believed[task->worker]--;
}

static void hear_outcome(struct world *w, struct core_outcome *outcome)
{
    struct task *task = &w->tasks[outcome->token];
    check_eq(task->stands, HANDED);
    check_true(outcome->said != CORE_RESULT_GIVEN_BACK || !outcome->runs_on);
    task->stands = ENDED;
    task->runs_on = outcome->runs_on;
    w->given_back += outcome->said == CORE_RESULT_GIVEN_BACK;
    w->results++;
    if (!task->runs_on) over(w, task);
    weft__message_drop(outcome->message);
}

static bool send(struct world *w)
{
    struct core_taken taken;
    struct task *task;
    enum core_item_kind kind = weft__core_next(w->core, w->now_ns, &w->wire, &taken);
    switch (kind) {
    case CORE_ITEM_TASK:
        check_true(!call_of(w, taken.task)->out);
        call_of(w, taken.task)->out = true;
        break;
    case CORE_ITEM_CANCEL: check_true(call_of(w, taken.task)->out); break;
    case CORE_ITEM_HEARD:
        check_true(taken.count > 0 && taken.count <= call_of(w, taken.task)->unread);
        call_of(w, taken.task)->unread -= taken.count;
        break;
    case CORE_ITEM_OUTCOME: hear_outcome(w, &taken.outcome); break;
    case CORE_ITEM_UPDATE:
        task = &w->tasks[taken.outcome.token];
        check_true(task->stands == HANDED && task->window > 0);
        if (taken.outcome.update == WEFT_UPDATE_PARTIAL) check_true(++task->unread <= task->window);
        weft__message_drop(taken.outcome.message);
        break;
    case CORE_ITEM_STARTED:
        task = &w->tasks[taken.token];
        check_true(task->stands == HANDED && task->timed && !task->started);
        task->started = true;
        break;
    case CORE_ITEM_RELEASED:
        task = &w->tasks[taken.token];
        check_true(task->stands == ENDED && task->runs_on);
        over(w, task);
        w->released++;
        break;
    default: check_eq(kind, 0);
    }
    return kind;
}

static void send_some(struct world *w, uint32_t max)
{
    while (max-- > 0 && send(w))
        ;
    after_entry(w);
}

/* Where all that came was heard, and all that waits is sent, the node knows of all the room there is. */
static void expect_room(struct world *w, const struct call *call)
{
    for (uint32_t box = 0; box < BOXES; box++)
        read_box(w, box, UINT32_MAX);
    send_some(w, UINT32_MAX);
    const struct core_task *task = weft__core_uplink_task(w->core, call->number);
    if (task && task->dispatch && call->window) check_eq(call->unread, 0);
}

static void answer(struct world *w, struct call *call)
{
    if (call->window && rng_once_in(&w->rng, 4)) expect_room(w, call);
    struct core_task *task = weft__core_uplink_task(w->core, call->number);
    check_eq(task != NULL, call->out);
    if (!task) return;
    static const weft_outcome outcomes[] = {WEFT_COMPLETED, WEFT_FAILED, WEFT_REJECTED, WEFT_TIMED_OUT};
    weft_outcome outcome = outcomes[rng_below(&w->rng, 4)];
    const struct core_verdict verdict = {.outcome = outcome,
                                         .attempts = call->attempt,
                                         .worker = rng_once_in(&w->rng, 2) ? "worker-1" : "worker-2",
                                         .code = rng_once_in(&w->rng, 4) ? "new_word" : "shed",
                                         .message = outcome == WEFT_COMPLETED ? text(w, "done") : NULL};
    weft_error error = weft__core_verdict(w->core, w->now_ns, task, &verdict);
    if (error) weft__message_drop(verdict.message);
    check_true(error == WEFT_OK || error == WEFT_ESTALE);
    w->stale += error == WEFT_ESTALE;
    w->answers++;
    call->out = false;
    after_entry(w);
}

/* --- tasks ------------------------------------------------------------------------------------ */

static void hand(struct world *w)
{
    uint32_t i = rng_below(&w->rng, WORKERS);
    if (w->tasks_count == TASKS || !w->workers[i] || w->believed[i] == w->capacities[i]) return;
    struct task *task = &w->tasks[w->tasks_count];
    *task = (struct task){.worker = i, .timed = rng_once_in(&w->rng, 3)};
    task->window = rng_once_in(&w->rng, 2) ? rng_between(&w->rng, 1, 4) : 0;
    task->unread = task->window ? rng_below(&w->rng, task->window + 1) : 0; /* by another attempt */
    const struct core_hand hand = {.worker = w->workers[i],
                                   .id = {9, w->tasks_count + 1},
                                   .attempt = rng_between(&w->rng, 1, CORE_ATTEMPTS_MAX),
                                   .deadline_ns = CORE_NEVER,
                                   .timed = task->timed,
                                   .streams = task->window > 0,
                                   .window = task->window,
                                   .room = task->window - task->unread,
                                   .payload = text(w, "what is to be done"),
                                   .dest = &w->wire,
                                   .token = w->tasks_count};
    weft_error error = weft__core_hand(w->core, w->now_ns, &hand, &task->local);
    if (error) {
        check_err(error, WEFT_ENOTFOUND);
        weft__message_drop(hand.payload);
        return;
    }
    task->stands = HANDED;
    w->tasks_count++;
    w->believed[i]++;
    after_entry(w);
}

static void take(struct world *w)
{
    uint32_t i = rng_below(&w->rng, WORKERS + 1);
    struct core_task *tasks[4];
    struct core_dest *dest = i == WORKERS ? &w->group.dest : &w->inboxes[i];
    size_t count = weft__core_take(w->core, w->now_ns, dest, tasks, rng_between(&w->rng, 1, 4));
    for (size_t n = 0; n < count; n++)
        w->held[w->held_count++] = (struct held){.task = tasks[n], .begun = n == 0};
    if (count) __atomic_store_n(&tasks[0]->started_ns, w->now_ns, __ATOMIC_RELAXED);
    after_entry(w);
}

static void let_go(struct world *w, struct held *held)
{
    *held = w->held[--w->held_count];
}

/* Says something of it, and perhaps that its handler has returned. */
static void say(struct world *w, struct held *held, bool last)
{
    static const enum core_result_kind kinds[] = {CORE_RESULT_COMPLETE, CORE_RESULT_FAIL, CORE_RESULT_CANCEL_ACK,
                                                  CORE_RESULT_ABANDON, CORE_RESULT_NONE};
    struct core_task *task = held->task;
    bool handled = task->in_handler;
    enum core_result_kind kind = held->settled ? CORE_RESULT_NONE : kinds[rng_below(&w->rng, handled ? 5 : 4)];
    struct core_result result = {.task = task, .kind = kind};
    result.returned = handled && (last || held->settled || kind == CORE_RESULT_NONE || rng_once_in(&w->rng, 2));
    result.kept = !last && kind == CORE_RESULT_NONE && !held->settled && rng_once_in(&w->rng, 2);
    if (kind == CORE_RESULT_COMPLETE) result.message = text(w, "done");
    if (kind == CORE_RESULT_FAIL) result.message = weft__message_new(&w->messages.mem, "not so", 6, "no");
    held->begun = true;
    held->settled |= kind != CORE_RESULT_NONE || !result.kept;
    bool done = held->settled && (!handled || result.returned);
    if (done) let_go(w, held);
    weft__core_results(w->core, w->now_ns, &result, 1);
    after_entry(w);
}

static void speak(struct world *w, struct held *held)
{
    struct message *message = text(w, "so far");
    weft_error error = rng_once_in(&w->rng, 3)
                           ? weft__core_progress(w->core, w->now_ns, held->task, message)
                           : weft__core_partial(w->core, w->now_ns, held->task, message, NULL, false);
    if (error) weft__message_drop(message);
    after_entry(w);
}

static void give_back(struct world *w, struct held *held)
{
    struct core_task *task = held->task;
    if (held->begun || held->settled || task->state != CORE_TASK_TAKEN) return;
    let_go(w, held);
    weft__core_give_back(w->core, w->now_ns, &task, 1);
    after_entry(w);
}

static void work(struct world *w)
{
    if (w->held_count == 0) return;
    struct held *held = &w->held[rng_below(&w->rng, w->held_count)];
    switch (rng_below(&w->rng, 4)) {
    case 0: speak(w, held); break;
    case 1: give_back(w, held); break;
    default: say(w, held, false);
    }
}

static void meddle(struct world *w)
{
    if (w->tasks_count == 0) return;
    struct task *task = &w->tasks[rng_below(&w->rng, w->tasks_count)];
    if (rng_once_in(&w->rng, 3)) {
        (void)weft__core_cancel(w->core, w->now_ns, task->local);
    } else if (task->unread > 0 && task->stands == HANDED) {
        uint32_t room = rng_between(&w->rng, 1, task->unread);
        task->unread -= room;
        weft__core_room(w->core, w->now_ns, task->local, room);
    }
    after_entry(w);
}

/* --- events ----------------------------------------------------------------------------------- */

static void read_events(struct world *w)
{
    struct inbox_entry entries[8];
    size_t count = 0;
    (void)weft__core_events_take(w->core, w->now_ns, w->subscription, entries, 8, &count);
    for (size_t i = 0; i < count; i++) {
        w->heard += entries[i].dropped + 1;
        check_eq(weft__event_of(entries[i].message)->number, w->heard);
        weft__message_drop(entries[i].message);
    }
    after_entry(w);
}

static void deliver(struct world *w)
{
    uint32_t lost = rng_once_in(&w->rng, 4) ? rng_below(&w->rng, 5) : 0;
    struct message *message = weft__event_new(&w->messages.mem, EVENTS, "news", 4, NULL);
    w->sent += lost + 1;
    weft__event_stamp(message, w->sent, 9, 1);
    check_ok(weft__core_deliver(w->core, w->now_ns, w->subscription, message, lost));
    after_entry(w);
}

/* --- a world ---------------------------------------------------------------------------------- */

static void open_world(struct world *w)
{
    const struct core_limits limits = {.channels_max = 2,
                                       .workers_max = WORKERS,
                                       .sessions_max = 64,
                                       .dispatches_max = CALLS + TASKS,
                                       .outcome_keep_ms = 1,
                                       .subscriptions_max = 1,
                                       .public_session = 77};
    char sentence[ERROR_TEXT_MAX];
    failmem_init(&w->failmem);
    failmem_init(&w->messages);
    w->now_ns = MS;
    w->core = weft__core_new(&w->failmem.mem, &limits, w->now_ns);
    weft__core_dest_init(&w->wire);
    weft__core_dest_init(&w->events);
    for (int i = 0; i < BOXES; i++)
        weft__core_dest_init(&w->boxes[i]);
    for (int i = 0; i < WORKERS; i++)
        weft__core_dest_init(&w->inboxes[i]);
    for (uint32_t i = 0; i < SESSIONS; i++)
        attach(w, i);
    check_ok(weft__core_group_add(w->core, &w->group, 2));
    check_ok(weft__core_uplink_open(w->core, w->now_ns, w->sessions[0], &w->wire));
    check_ok(weft__core_mirror(w->core, EVENTS, weft__name_hash(EVENTS)));
    const struct core_subscription_spec spec = {.pattern = EVENTS,
                                                .hash = weft__name_hash(EVENTS),
                                                .session = w->sessions[0],
                                                .slow = rng_once_in(&w->rng, 2) ? WEFT_DROP_OLDEST : WEFT_DROP_NEWEST,
                                                .items_max = 5,
                                                .bytes_max = 1 << 20,
                                                .stall_ms = 10,
                                                .dest = &w->events};
    check_ok(weft__core_subscribe(w->core, w->now_ns, &spec, &w->subscription, sentence));
}

static void step(struct world *w)
{
    uint32_t worker = rng_below(&w->rng, WORKERS);
    struct call *call_chosen = some_call(w);
    w->now_ns += rng_below(&w->rng, MS);
    switch (rng_below(&w->rng, 20)) {
    case 0:
    case 1: call(w); break;
    case 2:
    case 3: send_some(w, rng_between(&w->rng, 1, 6)); break;
    case 4: read_box(w, rng_below(&w->rng, BOXES), rng_between(&w->rng, 1, 4)); break;
    case 5:
    case 6:
        for (uint32_t n = rng_between(&w->rng, 1, 6); call_chosen && n > 0; n--)
            tell(w, call_chosen);
        break;
    case 7:
    case 8: call_chosen ? answer(w, call_chosen) : (void)0; break;
    case 9: cancel(w); break;
    case 10:
    case 11: hand(w); break;
    case 12: take(w); break;
    case 13:
    case 14: work(w); break;
    case 15: meddle(w); break;
    case 16: rng_once_in(&w->rng, 2) ? deliver(w) : read_events(w); break;
    case 17: w->workers[worker] ? forget(w, worker) : come(w, worker); break;
    case 18: rng_once_in(&w->rng, 4) ? weft__core_group_limit(w->core, w->now_ns, &w->group, worker) : take(w); break;
    default:
        if (rng_once_in(&w->rng, 6)) fire(w);
        if (rng_once_in(&w->rng, 6) && w->workers[worker]) go(w, worker);
        if (rng_once_in(&w->rng, 20)) close_box(w);
        if (rng_once_in(&w->rng, 40)) lose_node(w);
    }
}

/* What is under way comes to its end. */
static void end(struct world *w)
{
    for (uint32_t i = 0; i < WORKERS; i++)
        if (w->workers[i]) go(w, i);
    while (w->held_count > 0)
        say(w, &w->held[w->held_count - 1], true);
    send_some(w, UINT32_MAX);
    for (uint32_t box = 0; box < BOXES; box++)
        read_box(w, box, UINT32_MAX);
    send_some(w, UINT32_MAX);
    for (uint32_t i = 0; i < w->calls_count; i++) {
        expect_room(w, &w->calls[i]);
        answer(w, &w->calls[i]);
    }
    for (uint32_t box = 0; box < BOXES; box++)
        read_box(w, box, UINT32_MAX);
    for (uint32_t i = 0; i < w->calls_count; i++)
        check_eq(w->calls[i].ended, w->calls[i].heard);
    for (uint32_t i = 0; i < w->tasks_count; i++)
        check_eq(w->tasks[i].stands, OVER);
    read_events(w);
    for (uint32_t i = 0; i < WORKERS; i++)
        if (w->workers[i]) forget(w, i);
    check_eq(w->core->dispatches.live_count, 0);
    check_eq(w->core->tasks.live_count, 0);
    check_eq(w->core->workers.live_count, 1); /* the uplink's */
    struct inbox inbox;
    weft__core_unsubscribe(w->core, w->now_ns, w->subscription);
    weft__core_subscription_forget(w->core, w->subscription, &inbox);
    weft__inbox_free(&inbox, w->core->mem);
    weft__core_free(w->core);
    check_eq(atomic_load(&w->failmem.live_blocks), 0);
    check_eq(atomic_load(&w->messages.live_blocks), 0);
}

static void clients_core_keeps_its_word_in_any_order(void **state)
{
    (void)state;
    uint64_t seed = chosen_seed, answers = 0, stale = 0, restarts = 0, results = 0, given_back = 0, released = 0;
    if (!seed && getrandom(&seed, sizeof seed, 0) != sizeof seed) fail();
    seed &= UINT64_C(0xffffffffffff);
    printf("seed %" PRIu64 "\n", seed);
    for (unsigned i = 0; i < worlds; i++) {
        static struct world world;
        memset(&world, 0, sizeof world);
        world.rng.state = seed + i;
        open_world(&world);
        for (int n = 0; n < STEPS; n++)
            step(&world);
        end(&world);
        answers += world.answers;
        stale += world.stale;
        restarts += world.restarts;
        results += world.results;
        given_back += world.given_back;
        released += world.released;
    }
    printf("%" PRIu64 " answers, of these %" PRIu64 " to nobody; %" PRIu64 " restarts; %" PRIu64
           " results, of these %" PRIu64 " given back; %" PRIu64 " ran on; seed %" PRIu64 "\n",
           answers, stale, restarts, results, given_back, released, seed);
    check_true(answers > 0 && stale > 0 && restarts > 0 && results > 0 && given_back > 0 && released > 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clients_core_keeps_its_word_in_any_order),
    };
    if (argc > 1) chosen_seed = strtoull(argv[1], NULL, 0);
    if (argc > 2) worlds = (unsigned)strtoul(argv[2], NULL, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
