/* Every order of what two workers and two callers can do, from some beginnings on and up to a depth, each held against
 * the whole model of the simulation (tests/sim) and audited after every step. Promises:
 *   - in no order of registering, arming, dying, dispatching, taking, saying how it went, returning, cancelling and
 *     unregistering, with the core's steps anywhere between them, is a promise of the model broken
 *   - whatever came before, what can still be done is done when everybody goes on, and each dispatch has ended once
 * One worker pulls, the other has handlers. One caller's dispatch is dispatched again when its worker dies, the other's
 * is not. Each schedule is carried out by itself and to its end; exhaustive.c goes much deeper, with a smaller model,
 * by telling states apart. DEPTH=1 in the environment goes one deeper, and takes some ten times as long; sanitizers go
 * less deep. */
#include "lib/check.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "sim/model.h"

enum act {
    ARM_0,
    ARM_1,
    REGISTER_0,
    REGISTER_1,
    FIRE_0,
    FIRE_1,
    CALL_0,
    CALL_1,
    CALLER_DIES,
    TAKE_0,
    TAKE_1,
    SAY_0,
    SAY_1,
    RETURN_1,
    CANCEL,
    UNREGISTER_0,
    UNREGISTER_1,
    STEP,
    ACTS
};

static const char *const names[ACTS] = {
    "arm 0",  "arm 1",  "register 0", "register 1", "fire 0",   "fire 1", "call 0",       "call 1",       "caller dies",
    "take 0", "take 1", "say 0",      "say 1",      "return 1", "cancel", "unregister 0", "unregister 1", "step",
};

#ifndef __has_feature
#define __has_feature(feature) 0
#endif
#if defined __SANITIZE_THREAD__ || __has_feature(thread_sanitizer)
enum { SHALLOWER = 2 };
#elif defined __SANITIZE_ADDRESS__ || __has_feature(address_sanitizer)
enum { SHALLOWER = 1 };
#else
enum { SHALLOWER = 0 };
#endif

enum { DEPTH_MAX = 24, CALLER_0 = 2, CALLER_1 = 3, QUEUE = 2, HANDLED = 1 };

/* Where a search begins, and how deep it goes. */
struct start {
    const char *text;
    unsigned depth;
    enum act before[8];
    unsigned before_count;
    bool overlapping;
    enum core_result_kind says; /* worker 0, of its task */
};

struct search {
    const struct start *start;
    struct world world;
    jmp_buf failed;
    unsigned depth;
    uint32_t done; /* bit: the act cannot be done again */
    enum act path[DEPTH_MAX];
    uint64_t schedules, steps;
};

static struct search search; /* large */

/* --- a world ---------------------------------------------------------------------------------- */

static void make_world(struct search *s)
{
    struct world *w = &s->world;
    memset(w, 0, sizeof *w);
    w->failed = &s->failed;
    w->rng.state = 1;
    w->shape = (struct shape){.sessions = 4,
                              .session_names = 4,
                              .workers = 2,
                              .channels = 1,
                              .groups = 1,
                              .queues = 1,
                              .calls = 2,
                              .audit_every = 1,
                              .pace_ns = 1,
                              .limits = {64, 64, 64, 64, 1000, 64, 64, 0, 0, 0}};
    sim_make(w);
    weft_channel_options options = WEFT_CHANNEL_OPTIONS;
    options.overlapping = s->start->overlapping;
    channel_declare(w, 0, &options);
    for (uint32_t i = 0; i < 4; i++)
        session_attach(w, i, i, false);
    session_arm(w, CALLER_0);
    session_arm(w, CALLER_1);
    group_add(w, 0, 1);
    s->done = 0;
}

/* The task that the worker's people hold; NONE. */
static uint32_t held_by(const struct world *w, uint32_t worker)
{
    for (uint32_t i = 0; i < w->tasks_count; i++)
        if (w->tasks[i].worker == worker) return i;
    return NONE;
}

static bool open_call(const struct world *w)
{
    for (uint32_t i = 0; i < w->live_count; i++)
        if (w->calls[w->live[i]].session == CALLER_0 && w->calls[w->live[i]].life == CALL_OPEN) return true;
    return false;
}

static bool possible(const struct search *s, enum act act)
{
    const struct world *w = &s->world;
    if (s->done & 1U << act) return false;
    uint32_t held;
    switch (act) {
    case ARM_0:
    case ARM_1:
    case FIRE_0:
    case FIRE_1: return w->sessions[act == ARM_1 || act == FIRE_1].handle != 0;
    case REGISTER_0:
    case REGISTER_1:
    case CALL_0:
    case CALL_1:
    case CALLER_DIES: return true;
    case TAKE_0: return w->dests[w->workers[0].dest].core && w->dests[w->workers[0].dest].core->items_count;
    case TAKE_1: return w->groups[0].core.dest.items_count > 0;
    case SAY_0: return held_by(w, 0) != NONE;
    case SAY_1: held = held_by(w, 1); return held != NONE && !w->tasks[held].settled;
    case RETURN_1: return held_by(w, 1) != NONE;
    case CANCEL: return open_call(w);
    case UNREGISTER_0:
    case UNREGISTER_1: return w->workers[act == UNREGISTER_1].handle != 0;
    case STEP: return weft__core_has_work(w->core);
    case ACTS: break;
    }
    return false;
}

static void register_worker(struct world *w, uint32_t index)
{
    struct sim_worker wanted = {
        .session = index, .kind = index == HANDLED ? WORKER_GROUP : WORKER_PULLS, .max_concurrent = 1};
    worker_register(w, index, &wanted, NULL);
}

static void call(struct world *w, uint32_t caller)
{
    struct sim_request request = {.session = caller,
                                  .dest = caller == CALLER_0 ? QUEUE : NONE,
                                  .size_bytes = 8,
                                  .caller_dead = w->sessions[caller].fired,
                                  .request = {.session = w->sessions[caller].handle,
                                              .on_crash = caller == CALLER_0 ? WEFT_CRASH_REDISPATCH : WEFT_CRASH_FAIL,
                                              .attempts_max = 3}};
    call_dispatch(w, &request);
}

static void say(struct world *w, uint32_t worker, enum core_result_kind kind, bool returned)
{
    uint32_t held = held_by(w, worker);
    struct core_result result = {.task = w->tasks[held].task, .kind = kind, .returned = returned};
    if (w->tasks[held].handled && !w->tasks[held].begun) task_begin(w, held);
    tasks_say(w, &held, &result, 1);
}

static void do_act(struct search *s, enum act act)
{
    struct world *w = &s->world;
    static const uint32_t once = 1U << ARM_0 | 1U << ARM_1 | 1U << REGISTER_0 | 1U << REGISTER_1 | 1U << FIRE_0 |
                                 1U << FIRE_1 | 1U << CALL_0 | 1U << CALL_1 | 1U << CALLER_DIES | 1U << CANCEL |
                                 1U << UNREGISTER_0 | 1U << UNREGISTER_1;
    s->done |= once & 1U << act;
    switch (act) {
    case ARM_0:
    case ARM_1: session_arm(w, act == ARM_1); break;
    case REGISTER_0:
    case REGISTER_1: register_worker(w, act == REGISTER_1); break;
    case FIRE_0:
    case FIRE_1: session_fire(w, act == FIRE_1); break;
    case CALL_0:
    case CALL_1: call(w, act == CALL_0 ? CALLER_0 : CALLER_1); break;
    case CALLER_DIES: session_fire(w, CALLER_0); break;
    case TAKE_0: dest_take(w, w->workers[0].dest, 1); break;
    case TAKE_1: dest_take(w, w->groups[0].dest, 1); break;
    case SAY_0: say(w, 0, s->start->says, false); break;
    case SAY_1: say(w, 1, CORE_RESULT_COMPLETE, false); break;
    case RETURN_1: say(w, 1, CORE_RESULT_NONE, true); break;
    case CANCEL: call_cancel(w, w->live[0], false); break;
    case UNREGISTER_0:
    case UNREGISTER_1: worker_unregister(w, act == UNREGISTER_1); break;
    case STEP: (void)act_step(w); break;
    case ACTS: break;
    }
}

/* Everybody goes on: what can be taken is taken, what is held ends well. Then the world ends. */
static void complete(struct search *s)
{
    struct world *w = &s->world;
    for (bool more = true; more;) {
        sim_steps(w);
        more = false;
        if (possible(s, TAKE_0)) do_act(s, TAKE_0), more = true;
        if (possible(s, TAKE_1)) do_act(s, TAKE_1), more = true;
        while (w->tasks_count)
            task_finish(w, 0), more = true;
    }
    sim_end(w, 0);
    s->schedules++;
}

/* --- the search ------------------------------------------------------------------------------- */

/* What was audited the first time need not be again. */
static void again(struct search *s, unsigned depth)
{
    make_world(s);
    s->world.shape.audit_every = UINT32_MAX;
    for (unsigned i = 0; i < s->start->before_count; i++)
        do_act(s, s->start->before[i]);
    for (unsigned i = 0; i < depth; i++)
        do_act(s, s->path[i]);
    s->world.shape.audit_every = 1;
}

/* The world is what the first `depth` acts of the path have made of it; it is gone afterwards. */
static void explore(struct search *s, unsigned depth)
{
    uint32_t ways = 0;
    for (unsigned act = 0; act < ACTS && depth < s->depth; act++)
        if (possible(s, (enum act)act)) ways |= 1U << act;
    bool first = true;
    for (unsigned act = 0; act < ACTS; act++) {
        if (!(ways & 1U << act)) continue;
        if (!first) again(s, depth);
        first = false;
        s->path[depth] = (enum act)act;
        do_act(s, (enum act)act);
        s->steps++;
        explore(s, depth + 1);
    }
    if (!first) return;
    s->path[depth] = ACTS;
    complete(s);
}

static void every_order(const struct start *start)
{
    const char *deeper = getenv("DEPTH");
    search.start = start;
    search.depth = start->depth + (deeper ? (unsigned)atoi(deeper) : 0) - SHALLOWER;
    search.schedules = search.steps = 0;
    if (search.depth > DEPTH_MAX - 1) search.depth = DEPTH_MAX - 1;
    for (unsigned i = 0; i < DEPTH_MAX; i++)
        search.path[i] = ACTS;
    if (setjmp(search.failed)) {
        print_error("broken: %s\nafter:", search.world.sentence);
        for (unsigned i = 0; i < start->before_count; i++)
            print_error(" %s,", names[start->before[i]]);
        for (unsigned i = 0; i < DEPTH_MAX && search.path[i] != ACTS; i++)
            print_error(" %s,", names[search.path[i]]);
        print_error(" all the rest\n");
        fail();
    }
    again(&search, 0);
    explore(&search, 0);
    print_message("%s: %" PRIu64 " schedules, %" PRIu64 " steps, depth %u\n", start->text, search.schedules,
                  search.steps, search.depth);
    check_true(search.schedules > 100);
}

static void every_order_from_the_beginning(void **state)
{
    (void)state;
    static const struct start start = {.text = "from the beginning", .depth = 5, .says = CORE_RESULT_COMPLETE};
    every_order(&start);
}

static void every_order_with_workers_ready(void **state)
{
    (void)state;
    static const struct start start = {.text = "workers are ready",
                                       .depth = 7,
                                       .before = {REGISTER_0, ARM_0, STEP, ARM_1, REGISTER_1},
                                       .before_count = 5,
                                       .says = CORE_RESULT_COMPLETE};
    every_order(&start);
}

static void every_order_with_overlapping_attempts(void **state)
{
    (void)state;
    static const struct start start = {.text = "attempts may overlap, worker 0 gives up what it has",
                                       .depth = 6,
                                       .before = {ARM_0, ARM_1, REGISTER_1, CALL_0, TAKE_1, REGISTER_0},
                                       .before_count = 6,
                                       .overlapping = true,
                                       .says = CORE_RESULT_ABANDON};
    every_order(&start);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_order_from_the_beginning),
        cmocka_unit_test(every_order_with_workers_ready),
        cmocka_unit_test(every_order_with_overlapping_attempts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
