/* Every interleaving, not a sample: two workers (one runs a handler on a group of one thread, one pulls), two callers
 * with a dispatch each (one at most once, one re-dispatched), and every order of
 *     register, arm, die, dispatch, take, result, return, cancel, unregister, die as a caller, and the core's own steps.
 *
 * Promises, looked at after every event:
 *   - all that tests/lib/audit.c knows of the core's records, the level rule among it
 *   - nothing is assigned to a worker that is not armed yet, or whose link has fired
 * and for every state, when everything is then worked off from there:
 *   - each dispatch has exactly one outcome, and one that is not to be dispatched again was handed out at most once
 *
 * The search is depth first over the states, each told apart by a digest of all that can matter to what comes after.
 * The core lives in an arena that is copied away before a branch and back after it: its addresses stay what they are.
 * DEPTH events at most (default 10; the whole graph, DEPTH=31, has 5 million states and takes some minutes). */
#include <stdlib.h>
#include <string.h>

#include "core/state.h"
#include "lib/audit.h"
#include "lib/check.h"

#define CHANNEL "dispatch.all.orders"

/* Less deep under sanitizers, which the fuller run without them does not need. */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
enum { DEPTH_DEFAULT = 7 };
#else
enum { DEPTH_DEFAULT = 10 };
#endif

enum { ARENA_BYTES = 1 << 18, STATES_ROOM = 1 << 23, WORKERS = 2, CALLERS = 2, HELD_MAX = 4 };

enum op {
    REGISTER, /* and the next, for the second worker; so for each of these */
    ARM = REGISTER + WORKERS,
    DIE = ARM + WORKERS,
    UNREGISTER = DIE + WORKERS,
    DISPATCH = UNREGISTER + WORKERS,
    CANCEL = DISPATCH + CALLERS,
    CALLER_DIES = CANCEL + CALLERS,
    ONCE, /* those before happen once at most */
    TAKE = ONCE,
    RESULT = TAKE + WORKERS,
    RETURN = RESULT + WORKERS,
    STEP,
    OPS
};

/* All that an event may change, so that a copy of it is a state to come back to. */
static struct world {
    struct core *core;
    uint64_t worker_sessions[WORKERS], caller_sessions[CALLERS];
    uint64_t workers[WORKERS], dispatches[CALLERS];
    struct core_group group;
    struct core_dest inbox, outbox;
    struct core_task *held[WORKERS][HELD_MAX];
    unsigned held_count[WORKERS];
    unsigned taken[CALLERS];
    unsigned in_flight_at_death[WORKERS];
    uint32_t done; /* a bit for each of ONCE */
    struct message *payload;
    size_t used_bytes;
    _Alignas(16) char arena[ARENA_BYTES];
} world;

static uint64_t *seen;
static unsigned long long states_count, events_count;
static int depth_max;

static void *arena_alloc(void *context, size_t size)
{
    (void)context;
    void *block = world.arena + world.used_bytes;
    world.used_bytes += (size + 15) & ~(size_t)15;
    return world.used_bytes <= ARENA_BYTES ? block : NULL;
}

static void arena_free(void *context, void *block)
{
    (void)context;
    (void)block;
}

static const struct mem arena = {arena_alloc, arena_free, NULL};

static size_t world_bytes(void)
{
    return offsetof(struct world, arena) + world.used_bytes;
}

static void world_open(void)
{
    static const char *const names[] = {"first", "second", "caller-1", "caller-2"};
    struct core_limits limits = {1, 4, 8, 4, 1000, 1, 1, 2, 0, 0};
    weft_channel_options options = WEFT_CHANNEL_OPTIONS;
    char message[ERROR_TEXT_MAX];
    memset(&world, 0, sizeof(world));
    options.attempts_max = 2;
    world.core = weft__core_new(&arena, &limits, 1);
    check_ok(weft__core_channel_declare(world.core, 1, CHANNEL, &options, message));
    check_ok(weft__core_group_add(world.core, &world.group, 1));
    for (int i = 0; i < WORKERS; i++) {
        check_ok(weft__core_session_attach(world.core, names[i], false, NULL, &world.worker_sessions[i]));
        check_ok(weft__core_session_attach(world.core, names[WORKERS + i], false, NULL, &world.caller_sessions[i]));
        check_ok(weft__core_session_armed(world.core, 1, world.caller_sessions[i]));
    }
    weft__core_dest_init(&world.inbox);
    weft__core_dest_init(&world.outbox);
    world.payload = weft__message_new(&arena, "x", 1, NULL);
}

/* --- events ----------------------------------------------------------------------------------- */

static void do_register(int w)
{
    struct core_worker_spec spec = {.channel = CHANNEL,
                                    .channel_hash = weft__name_hash(CHANNEL),
                                    .max_concurrent = 1,
                                    .session = world.worker_sessions[w],
                                    .group = w == 0 ? &world.group : NULL,
                                    .dest = w == 0 ? &world.group.dest : &world.inbox,
                                    .handled = w == 0};
    char message[ERROR_TEXT_MAX];
    weft_error error = weft__core_worker_register(world.core, 1, &spec, &world.workers[w], message);
    check_eq(error, world.done >> (DIE + w) & 1 ? WEFT_EDEAD : WEFT_OK);
}

static void do_dispatch(int c)
{
    struct core_request request = {.channel = CHANNEL,
                                   .channel_hash = weft__name_hash(CHANNEL),
                                   .payload = weft__message_hold(world.payload),
                                   .session = world.caller_sessions[c],
                                   .dest = &world.outbox,
                                   .token = (uint64_t)c,
                                   .priority = 2,
                                   .on_crash = c == 0 ? WEFT_CRASH_FAIL : WEFT_CRASH_REDISPATCH};
    struct core_admitted admitted;
    weft_error error = weft__core_dispatch(world.core, 1, &request, &admitted);
    check_eq(error, c == 0 && world.done >> CALLER_DIES & 1 ? WEFT_EDEAD : WEFT_OK);
    world.dispatches[c] = admitted.id.number;
}

static void do_take(int w)
{
    struct core_task *task;
    size_t count = weft__core_take(world.core, 1, w == 0 ? &world.group.dest : &world.inbox, &task, 1);
    check_eq(count, 1);
    world.held[w][world.held_count[w]++] = task;
    world.taken[task->dispatch->token]++;
}

/* What the worker holds, except the one whose handler goes on after its result. */
static void let_go(int w, unsigned at)
{
    world.held_count[w]--;
    for (; at < world.held_count[w]; at++)
        world.held[w][at] = world.held[w][at + 1];
}

static int unsettled(int w)
{
    for (unsigned i = 0; i < world.held_count[w]; i++)
        if (!world.held[w][i]->settled) return (int)i;
    return -1;
}

static void do_result(int w)
{
    unsigned at = (unsigned)unsettled(w);
    struct core_task *task = world.held[w][at];
    bool mine = task->dispatch && !task->fenced;
    struct core_result result = {.task = task, .kind = CORE_RESULT_COMPLETE};
    weft__core_results(world.core, 1, &result, 1);
    check_eq(result.accepted, mine);
    if (w == 1) let_go(w, at); /* a pull task is gone with its result */
}

static void do_return(void)
{
    struct core_result result = {.task = world.held[0][0], .kind = CORE_RESULT_NONE, .returned = true};
    let_go(0, 0);
    weft__core_results(world.core, 1, &result, 1);
}

static bool possible(enum op op)
{
    if (op < ONCE && world.done >> op & 1) return false;
    if (op >= UNREGISTER && op < DISPATCH) return world.workers[op - UNREGISTER] != 0;
    if (op >= CANCEL && op < CALLER_DIES) return world.dispatches[op - CANCEL] != 0;
    if (op == TAKE) return world.group.dest.items_count > 0;
    if (op == TAKE + 1) return world.inbox.items_count > 0;
    if (op == RESULT || op == RESULT + 1) return unsettled((int)(op - RESULT)) >= 0;
    if (op == RETURN) return world.held_count[0] > 0;
    if (op == STEP) return weft__core_has_work(world.core);
    return true;
}

static void perform(enum op op)
{
    static const weft_cause killed = {.kind = WEFT_CAUSE_SIGNALED, .value = 9};
    struct core *core = world.core;
    if (op < ONCE) world.done |= UINT32_C(1) << op;
    if (op < ARM)
        do_register((int)(op - REGISTER));
    else if (op < DIE)
        check_eq(weft__core_session_armed(core, 1, world.worker_sessions[op - ARM]),
                 world.done >> (DIE + op - ARM) & 1 ? WEFT_EDEAD : WEFT_OK);
    else if (op < UNREGISTER)
        check_ok(weft__core_session_fired(core, 1, 1, world.worker_sessions[op - DIE], killed));
    else if (op < DISPATCH)
        weft__core_worker_unregister(core, 1, world.workers[op - UNREGISTER]);
    else if (op < CANCEL)
        do_dispatch((int)(op - DISPATCH));
    else if (op < CALLER_DIES)
        (void)weft__core_cancel(core, 1,
                                (weft_dispatch_id){world.caller_sessions[op - CANCEL], world.dispatches[op - CANCEL]});
    else if (op == CALLER_DIES)
        check_ok(weft__core_session_fired(core, 1, 1, world.caller_sessions[0], killed));
    else if (op < RESULT)
        do_take((int)(op - TAKE));
    else if (op < RETURN)
        do_result((int)(op - RESULT));
    else if (op == RETURN)
        do_return();
    else
        (void)weft__core_step(core, 1);
}

/* --- what must hold --------------------------------------------------------------------------- */

static void look(enum op op)
{
    const char *broken = audit(world.core);
    if (broken) print_error("after event %d: %s\n", (int)op, broken);
    check_true(!broken);
    for (int w = 0; w < WORKERS; w++) {
        const struct core_worker *worker = weft__slotmap_find(&world.core->workers, world.workers[w]);
        if (!worker) continue;
        bool armed = world.done >> (ARM + w) & 1, dead = world.done >> (DIE + w) & 1;
        if (op == (enum op)(DIE + w)) world.in_flight_at_death[w] = worker->in_flight;
        check_true(armed || worker->in_flight == 0);
        check_true(!dead || worker->in_flight <= world.in_flight_at_death[w]);
        if (dead) world.in_flight_at_death[w] = worker->in_flight;
    }
}

/* Whatever is still to happen happens, then the node closes: every dispatch must have ended, once. */
static void work_off(void)
{
    bool more = true;
    while (more) {
        more = false;
        for (enum op op = TAKE; op < OPS; op++)
            for (; possible(op); more = true)
                perform(op);
    }
    weft__core_close(world.core);
    weft__core_settle_all(world.core);
    while (weft__core_step(world.core, 1)) {
    }
    unsigned outcomes[CALLERS] = {0};
    struct core_outcome outcome;
    struct core_task *none;
    while (weft__core_outcome_take(world.core, 1, &world.outbox, &outcome, &none))
        outcomes[outcome.token]++;
    for (int c = 0; c < CALLERS; c++)
        check_eq(outcomes[c], world.dispatches[c] != 0);
    check_true(world.taken[0] <= 1 && world.taken[1] <= 2);
    check_eq(world.core->stats.attempts_running, 0);
    check_eq(world.core->stats.dispatches_open, 0);
}

/* --- the search ------------------------------------------------------------------------------- */

static uint64_t digest_value;

static void mix_in(uint64_t value)
{
    digest_value = (digest_value ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    digest_value ^= digest_value >> 29;
}

static uint64_t which(const struct core_dispatch *dispatch)
{
    return dispatch ? dispatch->token + 1 : 0;
}

static void mix_task(const struct core_task *task)
{
    mix_in(which(task->dispatch) | (uint64_t)task->state << 2 | (uint64_t)task->fenced << 5 |
           (uint64_t)task->orphaned << 6 | (uint64_t)task->in_handler << 7 | (uint64_t)task->settled << 8 |
           (uint64_t)task->seen_end << 9 | (uint64_t)task->cancelled << 10 | (uint64_t)task->attempt << 12);
}

static void mix_worker(int w)
{
    const struct core_worker *worker = weft__slotmap_find(&world.core->workers, world.workers[w]);
    if (!worker) return;
    mix_in((uint64_t)worker->indexed | (uint64_t)worker->ended << 1 |
           (uint64_t)(worker->seen_turn == worker->session->turn) << 2 | (uint64_t)list_linked(&worker->work.on) << 3 |
           worker->in_flight << 4 | (uint64_t)worker->end_state << 8);
    for (const struct list_node *on = worker->tasks.next; on != &worker->tasks; on = on->next)
        mix_task(list_record(on, struct core_task, on_worker));
    if (!worker->members) return;
    const struct seat *seat = worker->members[0].seat;
    mix_in((uint64_t)list_linked(&seat->on_hungry) | worker->members[0].stamp << 1);
}

static void mix_dispatch(int c)
{
    const struct core_dispatch *dispatch = weft__slotmap_find(&world.core->dispatches, world.dispatches[c]);
    if (!dispatch) return;
    mix_in(dispatch->state | (uint64_t)dispatch->outcome << 4 | (uint64_t)dispatch->attempts << 8 |
           (uint64_t)dispatch->tried_count << 16 | (uint64_t)dispatch->cancelling << 24 | dispatch->arrival << 32);
    for (unsigned i = 0; i < dispatch->tried_count; i++)
        mix_in(dispatch->extras->tried[i]);
}

static uint64_t digest(void)
{
    const struct core *core = world.core;
    digest_value = world.done;
    for (int i = 0; i < WORKERS; i++) {
        mix_worker(i);
        mix_dispatch(i);
        mix_in(world.held_count[i]);
        for (unsigned h = 0; h < world.held_count[i]; h++)
            mix_task(world.held[i][h]);
        mix_in(world.taken[i]);
    }
    for (const struct list_node *on = core->work.next; on != &core->work; on = on->next)
        mix_in((uint64_t)((const char *)on - world.arena));
    for (const struct list_node *on = world.outbox.fifo.next; on != &world.outbox.fifo; on = on->next)
        mix_in(which(list_record(list_record(on, struct core_item, on), struct core_dispatch, item)));
    mix_in(world.group.busy);
    return digest_value ? digest_value : 1;
}

/* False: seen before, with at least as many events left. */
static bool is_new(uint64_t state, int left)
{
    uint64_t tagged = (state & ~UINT64_C(31)) | (uint64_t)left;
    for (size_t at = state >> 41;; at = (at + 1) % STATES_ROOM) {
        if (seen[at] == 0) {
            check_true(states_count < STATES_ROOM * 3 / 4);
            seen[at] = tagged;
            states_count++;
            return true;
        }
        if ((seen[at] ^ tagged) & ~UINT64_C(31)) continue;
        if ((seen[at] & 31) >= (uint64_t)left) return false;
        seen[at] = tagged;
        return true;
    }
}

static void explore(int left, char *copies)
{
    size_t bytes = world_bytes();
    memcpy(copies, &world, bytes);
    work_off();
    memcpy(&world, copies, bytes);
    for (enum op op = 0; left > 0 && op < OPS; op++) {
        if (!possible(op)) continue;
        perform(op);
        events_count++;
        look(op);
        if (is_new(digest(), left - 1)) explore(left - 1, copies + sizeof(world));
        memcpy(&world, copies, bytes);
    }
}

static void every_order_of_events_ends_each_dispatch_once(void **state)
{
    (void)state;
    const char *depth = getenv("DEPTH");
    depth_max = depth && *depth ? atoi(depth) : DEPTH_DEFAULT;
    check_true(depth_max > 0 && depth_max < 32);
    seen = calloc(STATES_ROOM, sizeof(*seen));
    char *copies = malloc((size_t)(depth_max + 1) * sizeof(world));
    check_true(seen && copies);
    world_open();
    explore(depth_max, copies);
    print_message("%llu states, %llu events, up to %d in a row\n", states_count, events_count, depth_max);
    free(copies);
    free(seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_order_of_events_ends_each_dispatch_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
