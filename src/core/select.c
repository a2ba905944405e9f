/* select.c: who may do the work, and who does it next.
 *
 * refusal() is the one predicate. What it says of a worker alone (its link, its state, its capacity) decides whether it
 * stands in the index; what it says of a worker and a dispatch decides the rest; `why` asks it too.
 *
 * The index of a channel is its seats: one for each activity type, executor group and set of schemas understood there. A
 * seat whose group has no free thread is passed over as a whole, so that a busy group costs one look, however many
 * workers it has; and so is one whose workers do not understand what the dispatch met. In a seat the eligible members
 * stand in the order of the channel's policy:
 *   round robin    a list; whoever is chosen goes to its end, and so does whoever becomes eligible again
 *   least loaded   a heap by {attempts in flight, worker id}
 *   sticky         a consistent-hash ring with 8 points a worker
 * Over the few seats that can serve a dispatch the best first member wins.
 *
 * The death of a session is one store, long before its workers leave the index, and so is its barring: whoever meets one
 * of them here takes it out. */
#include "core/state.h"

/* --- the predicate ---------------------------------------------------------------------------- */

/* What a dispatch remembers of those it died of: a worker that gave it up, or a whole session, by its name. */
static uint64_t worker_key(const struct core_worker *worker)
{
    return worker->id * UINT64_C(0x9e3779b97f4a7c15) | 1;
}

static uint64_t session_key(const struct core_session *session)
{
    return session->name_hash & ~UINT64_C(1);
}

uint64_t weft__tried_key(const struct core_worker *worker, bool session)
{
    return session ? session_key(worker->session) : worker_key(worker);
}

unsigned weft__tries(const struct core_dispatch *dispatch, const struct core_worker *worker)
{
    unsigned n = 0;
    for (unsigned i = 0; i < dispatch->tried_count; i++)
        n += dispatch->extras->tried[i] == session_key(worker->session) ||
             dispatch->extras->tried[i] == worker_key(worker);
    return n;
}

/* Those it died of, while it waits for another. */
static bool excluded(const struct core *core, const struct core_dispatch *dispatch, const struct core_worker *worker)
{
    return dispatch->tried_count > 0 && core->now_ns < dispatch->extras->retry_ns && weft__tries(dispatch, worker) > 0;
}

static bool takes_type(const struct core_worker *worker, const struct core_class *class)
{
    for (uint32_t i = 0; i < worker->members_count; i++) {
        const struct core_class *member = worker->members[i].seat->class;
        if (member == class || !member->name) return true;
    }
    return false;
}

uint32_t weft__able_count(const struct core_class *class, const struct named_schema *met)
{
    if (!met || !class->channel->understandings) return class->workers_count - class->draining_count;
    uint32_t able = 0;
    for (struct list_node *node = class->seats.next; node != &class->seats; node = node->next) {
        const struct seat *seat = list_record(node, struct seat, on_class);
        if (weft__understood(seat->understands, met)) able += seat->members_count - seat->draining_count;
    }
    return able;
}

static bool understands(const struct understanding *understanding, const struct core_dispatch *dispatch)
{
    return !understanding || weft__understood(understanding, weft__message_schema(dispatch->payload));
}

/* dispatch NULL: asks only what concerns the worker alone. */
weft_rule weft__refusal(const struct core *core, const struct core_worker *worker, const struct core_dispatch *dispatch)
{
    if (worker->session->state != CORE_SESSION_ARMED) return WEFT_RULE_LINK;
    if (worker->session->bar == CORE_BAR_DETACHED) return WEFT_RULE_DETACHED;
    if (dispatch && !takes_type(worker, dispatch->class)) return WEFT_RULE_ACTIVITY_TYPE;
    if (dispatch && !understands(worker->understands, dispatch)) return WEFT_RULE_SCHEMA;
    if (worker->draining || worker->ended) return WEFT_RULE_DRAINING;
    if (dispatch && excluded(core, dispatch, worker)) return WEFT_RULE_EXCLUDED;
    if (worker->in_flight >= worker->max_concurrent) return WEFT_RULE_CAPACITY;
    if (dispatch && worker->group && worker->group->busy >= worker->group->limit) return WEFT_RULE_EXECUTOR;
    if (worker->session->bar == CORE_BAR_BACKLOGGED) return WEFT_RULE_BACKLOGGED;
    return WEFT_RULE_ELIGIBLE;
}

/* --- seats ------------------------------------------------------------------------------------ */

/* Finds or makes the seat with room for one more member; NULL: out of memory. */
struct seat *weft__seat_get(struct core *core, struct core_class *class, struct core_group *group,
                            const struct understanding *understanding)
{
    struct seat *seat = NULL;
    for (struct list_node *node = class->seats.next; node != &class->seats; node = node->next) {
        struct seat *known = list_record(node, struct seat, on_class);
        if (known->group == group && known->understands == understanding) seat = known;
    }
    if (!seat) {
        seat = weft__mem_zalloc(core->mem, sizeof(*seat));
        if (!seat) return NULL;
        seat->class = class;
        seat->group = group;
        seat->understands = understanding;
        list_init(&seat->on_group);
        list_init(&seat->on_hungry);
        list_init(&seat->turn);
        weft__heap_init(&seat->loads, core->mem);
        weft__ring_init(&seat->ring, core->mem);
        list_push_back(&class->seats, &seat->on_class);
        if (group) list_push_back(&group->seats, &seat->on_group);
    }
    uint32_t members = seat->members_count + 1;
    weft_policy policy = class->channel->options.policy;
    if ((policy == WEFT_LEAST_LOADED && !weft__heap_ensure(&seat->loads, members)) ||
        (policy == WEFT_STICKY && !weft__ring_reserve(&seat->ring, members * RING_POINTS))) {
        if (seat->members_count == 0) weft__seat_free_memory(core, seat);
        return NULL;
    }
    seat->members_count++;
    return seat;
}

void weft__seat_free_memory(struct core *core, struct seat *seat)
{
    list_remove(&seat->on_class);
    list_remove(&seat->on_group);
    list_remove(&seat->on_hungry);
    weft__heap_fini(&seat->loads);
    weft__ring_fini(&seat->ring);
    weft__mem_free(core->mem, seat);
}

void weft__seat_drop(struct core *core, struct seat *seat)
{
    if (--seat->members_count == 0) weft__seat_free_memory(core, seat);
}

bool weft__seat_free(const struct seat *seat)
{
    return !seat->group || seat->group->busy < seat->group->limit;
}

/* --- the index -------------------------------------------------------------------------------- */

static uint64_t load_key(const struct core_worker *worker)
{
    return (uint64_t)worker->in_flight << 40 | (worker->id & ((UINT64_C(1) << 40) - 1));
}

static void member_add(struct membership *member, weft_policy policy)
{
    struct core_worker *worker = member->worker;
    struct seat *seat = member->seat;
    seat->eligible_count++;
    switch (policy) {
    case WEFT_ROUND_ROBIN:
        member->stamp = worker->channel->stamp;
        list_push_back(&seat->turn, &member->on_turn);
        break;
    case WEFT_LEAST_LOADED: weft__heap_set(&seat->loads, &member->on_loads, load_key(worker)); break;
    case WEFT_STICKY: {
        struct ring_point *points = &worker->points[(size_t)(member - worker->members) * RING_POINTS];
        for (int i = 0; i < RING_POINTS; i++)
            weft__ring_add(&seat->ring, &points[i]);
        break;
    }
    }
}

static void member_remove(struct membership *member, weft_policy policy)
{
    struct core_worker *worker = member->worker;
    struct seat *seat = member->seat;
    seat->eligible_count--;
    switch (policy) {
    case WEFT_ROUND_ROBIN: list_remove(&member->on_turn); break;
    case WEFT_LEAST_LOADED: weft__heap_remove(&seat->loads, &member->on_loads); break;
    case WEFT_STICKY: {
        struct ring_point *points = &worker->points[(size_t)(member - worker->members) * RING_POINTS];
        for (int i = 0; i < RING_POINTS; i++)
            weft__ring_remove(&seat->ring, &points[i]);
        break;
    }
    }
}

void weft__index_update(struct core *core, struct core_worker *worker)
{
    bool belongs = weft__refusal(core, worker, NULL) == WEFT_RULE_ELIGIBLE;
    if (!belongs && !worker->indexed) return;
    struct core_channel *channel = worker->channel;
    weft_policy policy = channel->options.policy;
    if (belongs && worker->indexed) {
        if (policy == WEFT_LEAST_LOADED)
            for (uint32_t i = 0; i < worker->members_count; i++)
                weft__heap_set(&worker->members[i].seat->loads, &worker->members[i].on_loads, load_key(worker));
        return;
    }
    worker->indexed = belongs;
    if (belongs) {
        channel->eligible_count++;
        channel->stamp++;
        for (uint32_t i = 0; i < worker->members_count; i++)
            member_add(&worker->members[i], policy);
    } else {
        channel->eligible_count--;
        for (uint32_t i = 0; i < worker->members_count; i++)
            member_remove(&worker->members[i], policy);
    }
}

/* What a dispatch touches of a worker, which was last touched a whole round ago. */
static void prefetch(const struct core_worker *worker)
{
    __builtin_prefetch(worker, 1);
    __builtin_prefetch((const char *)worker + 64, 1);
    __builtin_prefetch((const char *)worker + 128, 1);
}

/* After it was given a task: its next turn comes after everybody else's. */
void weft__index_chosen(struct core_worker *worker)
{
    struct core_channel *channel = worker->channel;
    if (!worker->indexed || channel->options.policy != WEFT_ROUND_ROBIN) return;
    channel->stamp++;
    for (uint32_t i = 0; i < worker->members_count; i++) {
        struct membership *member = &worker->members[i];
        list_remove(&member->on_turn);
        list_push_back(&member->seat->turn, &member->on_turn);
        member->stamp = channel->stamp;
    }
    /* The next to be chosen: it is fetched while there is other work to do. */
    struct list_node *next = list_first(&worker->members[0].seat->turn);
    struct membership *member = list_record(next, struct membership, on_turn);
    prefetch(member->worker);
}

/* --- selection -------------------------------------------------------------------------------- */

/* Who of the seat would be refused for this dispatch; untried_only: or has been tried. */
static bool unwanted(const struct core *core, const struct core_dispatch *dispatch, const struct core_worker *worker,
                     bool untried_only)
{
    if (!dispatch || dispatch->tried_count == 0) return false;
    return untried_only ? weft__tries(dispatch, worker) > 0 : excluded(core, dispatch, worker);
}

/* Takes a worker whose session has died or was barred out of the index; true: it did, look again. What that costs is bounded by the
 * pickers' looks; as one of them may give up before it comes to the living, the channel is looked at again. */
static bool is_out(struct core *core, struct core_worker *worker)
{
    if (weft__session_works(worker->session)) return false;
    struct core_channel *channel = worker->channel;
    weft__index_update(core, worker);
    if (channel->queued > 0 || channel->eligible_count > 0) weft__work_add(core, &channel->work, WORK_CHANNEL);
    return true;
}

static struct core_worker *pick_turn(struct core *core, struct seat *seat, const struct core_dispatch *dispatch,
                                     bool untried_only, uint64_t *key)
{
    struct list_node *node = seat->turn.next;
    for (int looked = 0; node != &seat->turn && looked < CORE_HOLD_MAX; looked++) {
        struct membership *member = list_record(node, struct membership, on_turn);
        node = node->next;
        if (is_out(core, member->worker) || unwanted(core, dispatch, member->worker, untried_only)) continue;
        *key = member->stamp;
        return member->worker;
    }
    return NULL;
}

static struct core_worker *pick_load(struct core *core, struct seat *seat, const struct core_dispatch *dispatch,
                                     bool untried_only, uint64_t *key)
{
    struct heap_node *first;
    for (int looked = 0; looked < CORE_HOLD_MAX && (first = weft__heap_first(&seat->loads, key)); looked++) {
        struct core_worker *worker = list_record(first, struct membership, on_loads)->worker;
        if (is_out(core, worker)) continue;
        if (!unwanted(core, dispatch, worker, untried_only)) return worker;
        break;
    }
    /* The first is one it died of, which is rare: look at the others in no order, for the least loaded of them. */
    struct core_worker *best = NULL;
    for (uint32_t i = 0; i < seat->loads.count && i < CORE_HOLD_MAX; i++) {
        struct core_worker *worker = list_record(seat->loads.entries[i].node, struct membership, on_loads)->worker;
        if (!weft__session_works(worker->session) || unwanted(core, dispatch, worker, untried_only) ||
            (best && seat->loads.entries[i].key >= *key))
            continue;
        best = worker;
        *key = seat->loads.entries[i].key;
    }
    return best;
}

static struct core_worker *pick_point(struct core *core, struct seat *seat, const struct core_dispatch *dispatch,
                                      bool untried_only, uint64_t *key)
{
    uint64_t hash = dispatch ? dispatch->sticky_hash : 0;
    struct ring_point *point = weft__ring_at(&seat->ring, hash);
    if (point) prefetch(point->worker);
    const struct ring_point *first = point;
    for (int looked = 0; point && looked < CORE_HOLD_MAX; looked++) {
        struct core_worker *worker = point->worker;
        if (is_out(core, worker)) {
            first = point = weft__ring_at(&seat->ring, hash);
            continue;
        }
        if (!unwanted(core, dispatch, worker, untried_only)) {
            *key = point->place - hash;
            return worker;
        }
        point = weft__ring_after(&seat->ring, point);
        if (point == first) break;
    }
    return NULL;
}

static struct core_worker *pick(struct core *core, struct seat *seat, const struct core_dispatch *dispatch,
                                bool untried_only, uint64_t *key)
{
    if (seat->eligible_count == 0 || !weft__seat_free(seat)) return NULL;
    if (dispatch && !understands(seat->understands, dispatch)) return NULL;
    switch (seat->class->channel->options.policy) {
    case WEFT_LEAST_LOADED: return pick_load(core, seat, dispatch, untried_only, key);
    case WEFT_STICKY: return pick_point(core, seat, dispatch, untried_only, key);
    default: return pick_turn(core, seat, dispatch, untried_only, key);
    }
}

/* What is asked of those that may be chosen, besides that they may have it. */
enum wish { ANY, UNTRIED, REACHING };

static void better(struct core *core, struct core_class *class, const struct core_dispatch *dispatch, enum wish wish,
                   struct core_worker **best, uint64_t *best_key)
{
    for (struct list_node *node = class->seats.next; node != &class->seats; node = node->next) {
        uint64_t key = 0;
        struct seat *seat = list_record(node, struct seat, on_class);
        struct core_worker *worker = pick(core, seat, dispatch, wish == UNTRIED, &key);
        if (!worker || (*best && key >= *best_key)) continue;
        if (wish == REACHING && !weft__reaches(core, worker, dispatch)) continue;
        *best = worker;
        *best_key = key;
    }
}

static struct core_worker *best(struct core *core, const struct core_dispatch *dispatch, enum wish wish)
{
    struct core_worker *found = NULL;
    uint64_t key = 0;
    better(core, dispatch->class, dispatch, wish, &found, &key);
    if (dispatch->class->name) better(core, &weft__channel_of(dispatch)->any, dispatch, wish, &found, &key);
    return found;
}

/* The worker that gets the dispatch now: an untried one before any other; NULL: none may. */
struct core_worker *weft__select(struct core *core, const struct core_dispatch *dispatch)
{
    struct core_worker *untried = dispatch->tried_count > 0 ? best(core, dispatch, UNTRIED) : NULL;
    return untried ? untried : best(core, dispatch, ANY);
}

/* The one that was chosen for it, or NULL, if it comes to it past those that wait before; or another that does. */
struct core_worker *weft__reaching(struct core *core, const struct core_dispatch *dispatch, struct core_worker *chosen)
{
    if (!chosen || chosen->channel->queued == 0 || weft__reaches(core, chosen, dispatch)) return chosen;
    return best(core, dispatch, REACHING);
}

/* The member whose turn it is, for whatever dispatch it can serve; NULL: none, or no free thread. */
struct core_worker *weft__seat_first(struct core *core, struct seat *seat)
{
    uint64_t key = 0;
    return pick(core, seat, NULL, false, &key);
}
