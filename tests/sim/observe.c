/* observe.c: after each event: what has become of every dispatch, and of every destination.
 *
 * The observer looks into the core's records, but only to see what happened, never to learn what should have: that is the
 * model's to say. Besides it watches over order, which one dispatch's history cannot show:
 *   - a destination keeps the order of what stands in it, and new items stand behind old ones;
 *   - of two waiting dispatches of one channel, type and priority the older goes first, unless the worker is excluded
 *     from it. Where another worker gets what one was asked to serve (on sticky channels, and for dispatches that were
 *     tried), a tried one that was excluded from the first may be passed, too;
 *   - a higher priority goes before a lower one that the same worker could have, except that every 16th turn of a channel
 *     belongs to whichever head has waited longest, if that is at least starve_ms. */
#include <stdlib.h>

#include "base/clock.h"
#include "lib/audit.h"
#include "sim/contracts.h"
#include "sim/keys.h"
#include "sim/letters.h"
#include "sim/model.h"
#include "sim/seeing.h"

enum { STARVED_TURN = 16, HOLD_AND_A_HALF = CORE_HOLD_MAX * 3 / 2 };

/* --- what the entry left to be done ----------------------------------------------------------- */

/* Threads that sleep go before a loop that watches, which may not look. */
static void consumer_woken(struct world *world, struct sim_dest *dest, const struct sim_waiter *waiter)
{
    dest->waiting--;
    if (!waiter->core.watches) return;
    cover(COVER_WATCHER_WOKEN);
    for (int i = 0; i < CONSUMERS; i++)
        EXPECT(world, !dest->consumers[i].waiting || dest->consumers[i].core.watches,
               "a loop that watches was told, and a thread sleeps");
}

static void woken(struct world *world, struct sim_waiter *waiter)
{
    EXPECT(world, waiter->waiting, "a waiter was woken that did not wait");
    waiter->waiting = false;
    switch (waiter->kind) {
    case WAITS_DEST: consumer_woken(world, &world->dests[waiter->owner], waiter); break;
    case WAITS_ROOM:
        world->rooms[waiter->owner].woken = true;
        cover(COVER_BLOCK_WOKEN);
        break;
    case WAITS_WINDOW: world->senders[waiter->owner].woken = true; break;
    case WAITS_DUE: cover(COVER_SLEEPER_WOKEN); break;
    case WAITS_OUTCOME: cover(COVER_FETCH_WOKEN); break;
    case WAITS_EVENTS:
    case WAITS_NO_TURN: events_woken(world, waiter); break;
    case WAITS_IDLE:
    case WAITS_DRAINED:
    case WAITS_QUIET: break;
    }
}

static void take_wakes(struct world *world)
{
    struct list_node *wakes = weft__core_wakes(world->core);
    for (struct list_node *node; (node = list_pop_front(wakes));)
        woken(world, list_record(list_record(node, struct core_waiter, on), struct sim_waiter, core));
}

static bool hangs(const struct world *world, uint32_t session)
{
    if (world->sessions[session].workers || world->sessions[session].subscriptions) return true;
    for (uint32_t i = 0; i < world->live_count; i++) {
        const struct sim_call *call = &world->calls[world->live[i]];
        if (call->life == CALL_OPEN && call->session == session &&
            call->session_serial == world->sessions[session].serial &&
            !(call->detached && world->sessions[session].fired))
            return true;
    }
    return askers_hang(world, session);
}

static void take_ended(struct world *world)
{
    struct list_node *ended = weft__core_ended(world->core);
    for (struct list_node *node; (node = list_pop_front(ended));) {
        struct sim_session *session = list_record(node, struct sim_session, ended);
        uint32_t index = (uint32_t)(session - world->sessions);
        EXPECT(world, session->handle && !session->holders, "the record of a held session ended");
        EXPECT(world, !hangs(world, index), "a session ended under what hangs on it");
        session->handle = 0;
        world->sessions_count--;
        cover(COVER_SESSION_ENDED);
    }
}

/* --- dispatches ------------------------------------------------------------------------------- */

static void changed(struct world *world, uint32_t index, struct sim_call *call, const struct core_dispatch *record)
{
    const struct core_task *out = weft__task_of(record);
    uint64_t task = out ? out->slot.handle : 0;
    uint8_t state = record->state;
    bool was_queued = call->state == DISPATCH_QUEUED;
    TRACE(world, "  dispatch %llu: state %u -> %u", (unsigned long long)call->arrival, call->state, state);
    if (call->state == DISPATCH_ASSIGNED) {
        if (call->taken && !call->giving_back)
            model_lost(world, call);
        else
            model_unassigned(world, call);
    }
    if (call->state == DISPATCH_FENCED && call->giving_back) model_never_lost(world, call);
    EXPECT(world, state != DISPATCH_FENCED || call->state == DISPATCH_ASSIGNED,
           "dispatch %llu is fenced without a task", (unsigned long long)call->arrival);
    if (state == DISPATCH_FENCED) cover(COVER_FENCED);
    if (state == DISPATCH_ASSIGNED) {
        model_assigned(world, call, out);
        EXPECT(world, world->fresh_count < FRESH_MAX, "more than %d tasks were assigned in one entry", FRESH_MAX);
        world->fresh[world->fresh_count++] = (struct fresh){.call = index, .from_queue = was_queued};
        if (was_queued) call->left_event = world->events;
    } else if (state == DISPATCH_QUEUED && !was_queued) {
        call->queued_event = world->events;
        call->waiting_ns = world->now_ns;
    }
    call->state = state;
    call->task = task;
}

/* False: it ended, and which way is for the others to be known first. */
static bool observe_call(struct world *world, uint32_t index, bool last)
{
    struct sim_call *call = &world->calls[index];
    const struct core_dispatch *record = weft__dispatch_find(world->core, call->id);
    if (call->life == CALL_ENDED) {
        bool forgotten = world->event.kind == EV_TICK && call->dest == NONE && world->now_ns >= call->keep_until_ns;
        if (!record && forgotten) {
            cover(COVER_OUTCOME_EXPIRED);
            model_forget(world, call);
            return true;
        }
        EXPECT(world, record && record->state == DISPATCH_SETTLED, "the outcome of dispatch %llu is gone",
               (unsigned long long)call->arrival);
        EXPECT(world, !forgotten || weft__core_due(world->core) <= world->now_ns,
               "the outcome of dispatch %llu is kept too long", (unsigned long long)call->arrival);
        return true;
    }
    if (!record || record->state == DISPATCH_SETTLED) {
        bool kept = call->dest != NONE || call->detached;
        EXPECT(world, record || !kept || world->event.kind == EV_ABANDON, "dispatch %llu is gone without an outcome",
               (unsigned long long)call->arrival);
        if (!record && !last && !model_sure(world, call)) return false;
        model_ended(world, call, record);
        return true;
    }
    const struct core_task *out = weft__task_of(record);
    uint64_t task = out ? out->slot.handle : 0;
    if (record->state == call->state && task == call->task) return true;
    changed(world, index, call, record);
    return true;
}

/* Backwards: an ended one may leave, and the last take its place. */
static void observe_calls(struct world *world)
{
    world->fresh_count = 0;
    world->losses = world->unassigns = world->hidden_losses = 0;
    bool sure = true;
    for (uint32_t i = world->live_count; i-- > 0;)
        sure &= observe_call(world, world->live[i], false);
    for (uint32_t i = world->live_count; !sure && i-- > 0;)
        (void)observe_call(world, world->live[i], true);
}

/* --- order ------------------------------------------------------------------------------------ */

/* Whether older, which waits, should have gone to the worker before fresh did. */
static bool waited(const struct world *world, const struct sim_call *older, const struct sim_call *fresh)
{
    if (older->life != CALL_OPEN || older->state != DISPATCH_QUEUED || older->channel != fresh->channel) return false;
    const struct sim_worker *worker = &world->workers[fresh->worker];
    return model_can(worker, older) && !model_excluded(world, older, worker) &&
           !gives_up_before(world, worker, older, true);
}

/* Whether both lost their tasks, not begun, in one stroke, the older one the task it had for longer. */
static bool came_back_together(const struct world *world, const struct sim_call *older, const struct sim_call *newer)
{
    return older->unassigned_event == world->events && newer->unassigned_event == world->events &&
           older->unassigned_order < newer->unassigned_order &&
           (world->event.kind == EV_GIVE_BACK || older->unassigned_worker == newer->unassigned_worker);
}

/* What is next for one worker may go to another, who is better for it: and who could have had something older that the
 * first does not understand. */
static bool passed_on(const struct world *world, const struct sim_call *older, const struct sim_call *fresh)
{
    bool sticky = world->channels[fresh->channel].options.policy == WEFT_STICKY;
    return (sticky || fresh->tried_count) && older->schema != fresh->schema;
}

static void expect_first_in_first_out(struct world *world, const struct sim_call *fresh)
{
    for (uint32_t i = 0; i < world->live_count; i++) {
        const struct sim_call *older = &world->calls[world->live[i]];
        if (older->arrival >= fresh->arrival || older->priority != fresh->priority || older->type != fresh->type)
            continue;
        if (!waited(world, older, fresh)) continue;
        bool sticky = world->channels[fresh->channel].options.policy == WEFT_STICKY;
        if (older->tried_count && (sticky || fresh->tried_count)) continue;
        if (passed_on(world, older, fresh)) continue;
        bool before = older->queued_event < world->events || came_back_together(world, older, fresh);
        EXPECT(world, !before, "dispatch %llu went before the older %llu of its priority and type",
               (unsigned long long)fresh->arrival, (unsigned long long)older->arrival);
    }
}

/* The head that the guard prefers to the fresh one, if it was its turn; and the highest above the fresh one. Nothing is
 * said of a priority where one waits that was tried: it may be waiting for an untried worker, or no longer. */
static void expect_priority(struct world *world, const struct sim_call *fresh, uint64_t fresh_waiting_ns,
                            uint64_t turns, uint64_t turn)
{
    const weft_channel_options *o = &world->channels[fresh->channel].options;
    uint64_t starve_ns = o->starve_ms == WEFT_FOREVER ? UINT64_MAX : o->starve_ms * NS_PER_MS;
    const struct sim_call *heads[CORE_PRIORITIES] = {NULL};
    unsigned unknown = 0;
    for (uint32_t i = 0; i < world->live_count; i++) {
        const struct sim_call *older = &world->calls[world->live[i]];
        if (!waited(world, older, fresh)) continue;
        bool just_came = older->queued_event >= world->events;
        unknown |= just_came || older->tried_count || passed_on(world, older, fresh) ? 1U << older->priority : 0;
        if (just_came) continue;
        const struct sim_call **head = &heads[older->priority];
        if (!*head || older->arrival < (*head)->arrival) *head = older;
    }
    bool starved_turn = turns / STARVED_TURN != turn / STARVED_TURN && starve_ns != UINT64_MAX;
    uint64_t fresh_waited_ns = world->now_ns - fresh_waiting_ns;
    /* Such an event may end the head that was looked at then, and another seems to have been it. */
    bool ended_others = world->event.kind == EV_TICK || world->event.kind == EV_STEP;
    for (unsigned p = 0; p < fresh->priority; p++) {
        if (!heads[p] || unknown & 1U << p) continue;
        EXPECT(world, starved_turn && fresh_waited_ns >= starve_ns,
               "dispatch %llu of priority %u went before %llu of priority %u", (unsigned long long)fresh->arrival,
               fresh->priority, (unsigned long long)heads[p]->arrival, p);
        cover(COVER_STARVED_TURN);
        break;
    }
    for (unsigned p = fresh->priority + 1U; p < CORE_PRIORITIES; p++) {
        if (!heads[p] || unknown & 1U << p) continue;
        cover(COVER_PRIORITY_TURN);
        bool starved = world->now_ns - heads[p]->waiting_ns >= starve_ns && heads[p]->waiting_ns < fresh_waiting_ns;
        if (ended_others) continue;
        EXPECT(world, !starved_turn || turns != turn + 1 || !starved,
               "dispatch %llu of priority %u went in the turn of the starved %llu of priority %u",
               (unsigned long long)fresh->arrival, fresh->priority, (unsigned long long)heads[p]->arrival, p);
    }
}

/* On a least-loaded channel nobody else could have had the newcomer who had less to do, or as little and came earlier. */
static void expect_least_loaded(struct world *world, const struct sim_call *fresh)
{
    const struct sim_worker *chosen = &world->workers[fresh->worker];
    const struct core_worker *its = weft__slotmap_find(&world->core->workers, chosen->handle);
    for (uint32_t i = 0; i < world->shape.workers; i++) {
        const struct sim_worker *worker = &world->workers[i];
        if (worker == chosen || !worker->handle || worker->channel != fresh->channel || !model_can(worker, fresh))
            continue;
        const struct core_worker *other = weft__slotmap_find(&world->core->workers, worker->handle);
        bool could = other->indexed && !world->sessions[worker->session].bar && !worker_ended(world, worker) &&
                     (!other->group || other->group->busy < other->group->limit);
        bool less = other->in_flight < its->in_flight - 1 ||
                    (other->in_flight == its->in_flight - 1 && worker->id < chosen->id);
        EXPECT(world, !could || !less || gives_up_before(world, worker, fresh, true),
               "%s was chosen with %u tasks, and %s has %u", chosen->name, its->in_flight - 1, worker->name,
               other->in_flight);
    }
    cover(COVER_LEAST_LOADED);
}

static void observe_order(struct world *world)
{
    EXPECT(world, world->fresh_count <= HOLD_AND_A_HALF, "%u tasks were assigned in one hold", world->fresh_count);
    for (uint32_t i = 0; i < world->fresh_count; i++) {
        const struct sim_call *call = &world->calls[world->fresh[i].call];
        const struct sim_worker *worker = &world->workers[call->worker];
        expect_first_in_first_out(world, call);
        if (worker->kind == WORKER_GROUP) {
            const struct core_group *group = &world->groups[worker->group].core;
            EXPECT(world, group->busy <= group->limit, "a group got %u tasks, and takes %u", group->busy, group->limit);
        }
    }
    /* Priorities and turns: exact where this was the one thing that happened on the channel, and nothing was owed. */
    for (uint32_t i = 0; i < world->fresh_count; i++) {
        const struct sim_call *call = &world->calls[world->fresh[i].call];
        struct sim_channel *channel = &world->channels[call->channel];
        const struct core_dispatch *record = weft__dispatch_find(world->core, call->id);
        uint64_t turns = weft__channel_of(record)->turns;
        bool alone = world->fresh_count == 1 && !world->event.had_work && !call->tried_count &&
                     channel->options.policy != WEFT_STICKY;
        if (alone) {
            uint64_t waiting_ns = world->fresh[i].from_queue ? call->waiting_ns : world->now_ns;
            expect_priority(world, call, waiting_ns, turns, channel->turns);
            if (channel->options.policy == WEFT_LEAST_LOADED && world->event.kind == EV_DISPATCH)
                expect_least_loaded(world, call);
        }
        channel->turns = turns;
    }
}

/* --- destinations ----------------------------------------------------------------------------- */

static uint64_t item_key(const struct core_item *item)
{
    switch (item->kind) {
    case CORE_ITEM_TASK: return list_record(item, struct core_task, item)->slot.handle << 2;
    case CORE_ITEM_OUTCOME: return list_record(item, struct core_dispatch, item)->slot.handle << 2 | 1;
    case CORE_ITEM_CANCEL: return list_record(item, struct core_task, cancel_item)->slot.handle << 2 | 2;
    case CORE_ITEM_NOTES: break;
    case CORE_ITEM_UPDATE: return (uint64_t)(uintptr_t)item << 2 | 3;
    case CORE_ITEM_EVENTS: return list_record(item, struct core_subscription, item)->slot.handle << 2 | 3;
    case CORE_ITEM_ROOM:
    case CORE_ITEM_WORKER:
    case CORE_ITEM_STARTED:
    case CORE_ITEM_RELEASED:
    case CORE_ITEM_HEARD: return (uint64_t)(uintptr_t)item << 2 | 3;
    }
    return 0;
}

/* It may go behind what its task has sent since, and so past others. */
static bool is_progress(const struct core_item *item)
{
    if (item->kind != CORE_ITEM_UPDATE) return false;
    const struct core_update *update = list_record(item, struct core_update, item);
    return update == &update->stream->progress;
}

/* Of the tasks that came in this event, and were waiting or came back together, the older stands before the newer. */
static void expect_arrival(struct world *world, const struct core_dest *dest, const struct core_item *item)
{
    const struct core_task *task = list_record(item, struct core_task, item);
    const struct sim_call *newer = &world->calls[task->dispatch->token];
    for (const struct list_node *node = item->on.next; node != &dest->fifo; node = node->next) {
        const struct core_item *next = list_record(node, struct core_item, on);
        const struct core_task *behind = list_record(next, struct core_task, item);
        const struct sim_call *older = &world->calls[behind->dispatch->token];
        if (older->arrival > newer->arrival || older->channel != newer->channel || older->type != newer->type ||
            older->priority != newer->priority || older->tried_count || newer->tried_count ||
            older->schema != newer->schema) /* one may have gone to who does not understand the other */
            continue;
        bool waited = older->left_event == world->events && newer->left_event == world->events;
        EXPECT(world, !waited && !came_back_together(world, older, newer),
               "dispatch %llu was put before the older %llu of its priority and type",
               (unsigned long long)newer->arrival, (unsigned long long)older->arrival);
    }
}

static void expect_order(struct world *world, const struct sim_dest *dest, bool tasks)
{
    const struct core_dest *core = dest->core;
    uint32_t old = 0;
    bool new_ones = false;
    for (const struct list_node *node = core->fifo.next; node != &core->fifo; node = node->next) {
        const struct core_item *item = list_record(node, struct core_item, on);
        uint64_t key = item_key(item);
        uint32_t at = old;
        if (is_progress(item)) continue;
        while (at < dest->shadow_count && dest->shadow[at] != key)
            at++;
        if (at < dest->shadow_count) {
            EXPECT(world, !new_ones, "a destination put a new item before an old one");
            old = at + 1;
            continue;
        }
        new_ones = true;
        if (tasks && world->fresh_count > 1) expect_arrival(world, core, item);
    }
}

static void observe_dest(struct world *world, struct sim_dest *dest)
{
    const struct core_dest *core = dest->core;
    uint32_t count = 0;
    expect_order(world, dest, dest->role != DEST_CALLBACKS && dest->role != DEST_QUEUE && dest->role != DEST_LINE);
    if (core->items_count > dest->shadow_room) {
        dest->shadow_room = 2 * core->items_count;
        dest->shadow = realloc(dest->shadow, dest->shadow_room * sizeof *dest->shadow);
        WEFT_ASSERT(dest->shadow);
    }
    for (const struct list_node *node = core->fifo.next; node != &core->fifo; node = node->next, count++) {
        EXPECT(world, count < core->items_count, "a destination holds more than it counts");
        dest->shadow[count] = item_key(list_record(node, struct core_item, on));
    }
    EXPECT(world, count == core->items_count, "a destination holds %u items and counts %u", count, core->items_count);
    dest->shadow_count = count;
    EXPECT(world, count == 0 || dest->waiting < CONSUMERS,
           "all who drain a destination sleep, and %u items stand there", count);
}

/* --- the whole -------------------------------------------------------------------------------- */

static void observe_stats(struct world *world)
{
    const weft_node_stats *is = &world->core->stats;
    weft_node_stats *should = &world->stats;
    uint64_t hidden = is->redispatched - should->redispatched;
    if (hidden <= world->hidden_losses) should->redispatched += hidden;
#define SAME(field)                                                                                                    \
    EXPECT(world, is->field == should->field, #field " counts %llu and should %llu", (unsigned long long)is->field,    \
           (unsigned long long)should->field)
    SAME(dispatches_open);
    SAME(dispatched);
    SAME(completed);
    SAME(failed);
    SAME(worker_died);
    SAME(timed_out);
    SAME(cancelled);
    SAME(rejected);
    SAME(redispatched);
    SAME(fenced);
    SAME(deaths);
    SAME(joined);
    SAME(published);
    SAME(delivered);
    SAME(dropped);
    SAME(cut);
#undef SAME
    uint32_t known = world->live_count + askers_known(world);
    EXPECT(world, world->core->dispatches.live_count == known, "%u dispatches are kept, and should be %u",
           world->core->dispatches.live_count, known);
}

/* A blocked caller sleeps only while the queue is full and no worker is free for it that would come to it, or another that was woken has yet to
 * try. Where bytes are short nothing is promised: the one that was woken may need more of them than the others. */
static void expect_no_room(struct world *world, const struct room_waiter *room)
{
    const struct sim_channel *channel = &world->channels[room->channel];
    const struct core_channel *record = weft__channel_find(world->core, channel->hash, channel->name);
    EXPECT(world, record, "a caller waits for room on a channel that is not there");
    for (uint32_t i = 0; i < ROOM_WAITERS; i++)
        if (world->rooms[i].woken && world->rooms[i].channel == room->channel) return;
    enum { CALL_BYTES = 2048 };
    bool room_left =
        record->queued < record->options.depth_max && record->queued_bytes + CALL_BYTES <= record->options.bytes_max;
    EXPECT(world, !room_left, "a caller waits for room on %s, and there is", channel->name);
    const struct sim_call call = {.channel = room->channel,
                                  .type = room->type,
                                  .schema = contracts_now(world, &channel->options, room->text),
                                  .priority = (uint8_t)room->priority,
                                  .arrival = UINT64_MAX};
    for (uint32_t i = 0; i < world->shape.workers && channel->life == CHANNEL_OPEN; i++) {
        const struct sim_worker *worker = &world->workers[i];
        if (!worker->handle || worker_ended(world, worker) || worker->channel != room->channel) continue;
        const struct core_worker *idle = weft__slotmap_find(&world->core->workers, worker->handle);
        bool free = idle->indexed && !world->sessions[worker->session].bar &&
                    (!idle->group || idle->group->busy < idle->group->limit);
        EXPECT(world, !free || !model_can(worker, &call) || gives_up_before(world, worker, &call, false),
               "a caller waits for room on %s, and %s is idle", channel->name, worker->name);
    }
}

/* Nothing is owed: what had to follow has followed. */
static void observe_done(struct world *world)
{
    for (uint32_t i = 0; i < world->live_count; i++) {
        const struct sim_call *call = &world->calls[world->live[i]];
        if (call->life != CALL_OPEN) continue;
        EXPECT(world, !world->settling, "dispatch %llu is open after all were settled",
               (unsigned long long)call->arrival);
        if (call->detached || call->keyed) continue;
        const struct sim_session *session = &world->sessions[call->session];
        EXPECT(world, session->serial == call->session_serial && session->handle && !session->fired,
               "dispatch %llu outlives its caller", (unsigned long long)call->arrival);
    }
    const struct sim_call *fetched = &world->calls[world->fetched_call];
    EXPECT(world, !world->fetcher.waiting || fetched->serial != world->fetched_serial || fetched->life != CALL_ENDED,
           "who waits to fetch dispatch %llu sleeps, and it has ended", (unsigned long long)fetched->arrival);
    for (uint32_t i = 0; i < ROOM_WAITERS; i++)
        if (world->rooms[i].waiter.waiting && !world->closing) expect_no_room(world, &world->rooms[i]);
    for (uint32_t i = 0; i < world->tasks_count; i++) {
        const struct sim_task *held = &world->tasks[i];
        if (!held->asked || held->noticed || held->settled) continue;
        bool cancelled = atomic_load_explicit(&held->task->cancelled, memory_order_relaxed);
        EXPECT(world, cancelled == list_linked(&held->task->cancel_item.on), "a cancelled task's notice is missing");
    }
    for (uint32_t i = 0; i < world->shape.sessions; i++)
        EXPECT(world, !world->sessions[i].handle || world->sessions[i].holders || hangs(world, i),
               "a session that nobody needs has not ended");
}

void observe(struct world *world)
{
    far_released(world);
    askers_observe(world);
    observe_calls(world);
    keys_observe(world);
    letters_observe(world);
    take_wakes(world);
    take_ended(world);
    if (world->fresh_count) observe_order(world);
    for (uint32_t i = 0; i < world->dests_count; i++)
        if (world->dests[i].core && (world->dests[i].core->items_count || world->dests[i].shadow_count))
            observe_dest(world, &world->dests[i]);
    observe_senders(world);
    observe_far(world);
    observe_events(world);
    observe_stats(world);
    observe_notes(world);
    bool large = world->shape.audit_every > 1;
    if (large && world->events % world->shape.audit_every) return;
    if (!weft__core_has_work(world->core)) observe_done(world);
    const char *broken = audit(world->core);
    EXPECT(world, !broken, "%s", broken);
}
