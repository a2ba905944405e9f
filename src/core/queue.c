/* queue.c: what waits, in which order it goes, and to whom.
 *
 * A queued dispatch stands twice: in the queue of its class and priority, and in that of its channel and priority, both
 * by arrival. A worker of certain types looks at the heads of its classes, one that takes all at the head of the
 * channel.
 *
 * The level rule: when an entry and the work it left are done, no dispatch waits that a worker could have. Whatever may
 * change that ends in one of four calls: place (a dispatch looks for a worker), serve_worker (a worker for dispatches),
 * serve_group (a freed thread for its hungry seats), serve_channel (a channel opens). A seat is hungry while it has an
 * eligible worker and something may wait for it, but its group had no free thread when that was looked at.
 *
 * Callers that wait for room are woken one for each dispatch that leaves the queue, and one more wherever a newcomer was
 * let in and left room over; all of them by a worker that has nothing to do. */
#include "core/state.h"

#include "base/clock.h"

enum { SERVE_MAX = 64, SKIP_MAX = 64, STARVED_TURN = 16 };

/* --- order ------------------------------------------------------------------------------------ */

static size_t charge(const struct core_dispatch *dispatch)
{
    return sizeof(*dispatch) + (dispatch->payload ? dispatch->payload->charge_bytes : 0);
}

/* A newcomer goes to the end at once; one that comes back has an old number, and its place is looked for from both ends. What
 * a participant had in hand comes back in order, so where one went is an end, too, for the next: they walk the queue once
 * in all, and not once each. */
static void insert_by_arrival(struct came_back *last, struct list_node *queue, struct list_node *node, size_t offset,
                              uint64_t arrival)
{
#define ARRIVAL(n) (((struct core_dispatch *)(void *)((char *)(n)-offset))->arrival)
    struct list_node *front = queue->next, *back = queue->prev;
    if (back == queue || ARRIVAL(back) < arrival) {
        list_push_back(queue, node);
        return;
    }
    if (last->queue == queue) {
        if (ARRIVAL(last->node) < arrival)
            front = last->node;
        else
            back = last->node;
    }
    while (ARRIVAL(back) > arrival && ARRIVAL(front) < arrival) {
        front = front->next;
        back = back->prev;
    }
    list_insert_before(ARRIVAL(back) < arrival ? back->next : front, node);
    *last = (struct came_back){queue, node};
#undef ARRIVAL
}

static void remove_from_queue(struct came_back *last, struct list_node *node)
{
    list_remove(node);
    if (last->node == node) *last = (struct came_back){0};
}

static void mark_hungry(struct seat *seat)
{
    if (seat->group && !weft__seat_free(seat) && seat->eligible_count > 0 && !list_linked(&seat->on_hungry))
        list_push_back(&seat->group->hungry, &seat->on_hungry);
}

static void mark_class_hungry(struct core_class *class)
{
    for (struct list_node *node = class->seats.next; node != &class->seats; node = node->next)
        mark_hungry(list_record(node, struct seat, on_class));
}

static void mark_worker_hungry(struct core_worker *worker)
{
    if (!worker->indexed || !worker->channel) return;
    if (worker->channel->queued == 0 && list_empty(&worker->channel->room_waiters)) return;
    for (uint32_t i = 0; i < worker->members_count; i++)
        mark_hungry(worker->members[i].seat);
}

void weft__queue_add(struct core *core, struct core_dispatch *dispatch)
{
    struct core_class *class = dispatch->class;
    struct core_channel *channel = weft__channel_of(dispatch);
    unsigned p = dispatch->priority;
    dispatch->state = DISPATCH_QUEUED;
    insert_by_arrival(&core->back_on_class, &class->queues[p], &dispatch->on_class,
                      offsetof(struct core_dispatch, on_class), dispatch->arrival);
    insert_by_arrival(&core->back_on_channel, &channel->queues[p], &dispatch->on_channel,
                      offsetof(struct core_dispatch, on_channel), dispatch->arrival);
    class->queued++;
    class->queued_by_priority[p]++;
    channel->queued++;
    channel->queued_by_priority[p]++;
    weft__note_level(core, channel);
    channel->queued_bytes += charge(dispatch);
    weft__keys_make_room(core, channel);
}

void weft__queue_remove(struct core *core, struct core_dispatch *dispatch)
{
    struct core_channel *channel = weft__channel_of(dispatch);
    remove_from_queue(&core->back_on_class, &dispatch->on_class);
    remove_from_queue(&core->back_on_channel, &dispatch->on_channel);
    WEFT_ASSERT(dispatch->class->queued > 0 && channel->queued > 0);
    dispatch->class->queued--;
    dispatch->class->queued_by_priority[dispatch->priority]--;
    channel->queued--;
    channel->queued_by_priority[dispatch->priority]--;
    weft__note_level(core, channel);
    channel->queued_bytes -= charge(dispatch);
    weft__wake(core, &channel->room_waiters, false);
    if (!channel->passed_over || channel->deleted) return;
    channel->passed_over = false;
    weft__work_add(core, &channel->work, WORK_CHANNEL);
}

/* --- whose turn it is ------------------------------------------------------------------------- */

/* What a worker has looked past. Exclusions are rare; it gives up at SKIP_MAX, which leaves a worker that killed 64
 * dispatches in a row without work from behind them. What waits in another schema's time stands together, and may be more:
 * at strange_max it gives up as well. */
struct look {
    uint32_t excluded, strange;
};

static bool gives_up(const struct core *core, struct look *look, weft_rule refusal)
{
    look->excluded += refusal == WEFT_RULE_EXCLUDED;
    look->strange += refusal == WEFT_RULE_SCHEMA;
    return look->excluded >= SKIP_MAX || look->strange >= core->limits.strange_max;
}

/* The first in the queue that the worker is not excluded from, and understands. Where it gives up, the channel is looked
 * at again when one of those before has gone. */
static struct core_dispatch *first_for(const struct core *core, struct core_worker *worker, struct list_node *queue,
                                       size_t offset)
{
    struct look look = {0};
    for (struct list_node *node = queue->next; node != queue; node = node->next) {
        struct core_dispatch *dispatch = (void *)((char *)node - offset);
        weft_rule refusal = weft__refusal(core, worker, dispatch);
        if (refusal == WEFT_RULE_ELIGIBLE) return dispatch;
        if (refusal != WEFT_RULE_EXCLUDED && refusal != WEFT_RULE_SCHEMA) return NULL;
        if (!gives_up(core, &look, refusal)) continue;
        worker->channel->passed_over = true;
        return NULL;
    }
    return NULL;
}

/* Whether the worker comes to that dispatch, which it may have, and which stands in the queue or is about to. What else it
 * may have goes first, and is nothing to give up for. */
bool weft__reaches(const struct core *core, const struct core_worker *worker, const struct core_dispatch *dispatch)
{
    bool any = !worker->members[0].seat->class->name;
    size_t offset = any ? offsetof(struct core_dispatch, on_channel) : offsetof(struct core_dispatch, on_class);
    const struct list_node *queue =
        any ? &worker->channel->queues[dispatch->priority] : &dispatch->class->queues[dispatch->priority];
    struct look look = {0};
    for (const struct list_node *node = queue->next; node != queue; node = node->next) {
        const struct core_dispatch *other = (const void *)((const char *)node - offset);
        weft_rule refusal = weft__refusal(core, worker, other);
        if (other->arrival >= dispatch->arrival) return true;
        if (refusal != WEFT_RULE_EXCLUDED && refusal != WEFT_RULE_SCHEMA) return true;
        if (gives_up(core, &look, refusal)) return false;
    }
    return true;
}

/* The oldest of that priority that the worker may have. */
static struct core_dispatch *head_for(const struct core *core, struct core_worker *worker, unsigned priority)
{
    if (!worker->members[0].seat->class->name)
        return first_for(core, worker, &worker->channel->queues[priority], offsetof(struct core_dispatch, on_channel));
    struct core_dispatch *oldest = NULL;
    for (uint32_t i = 0; i < worker->members_count; i++) {
        struct core_class *class = worker->members[i].seat->class;
        if (class->queued == 0) continue;
        struct core_dispatch *head =
            first_for(core, worker, &class->queues[priority], offsetof(struct core_dispatch, on_class));
        if (head && (!oldest || head->arrival < oldest->arrival)) oldest = head;
    }
    return oldest;
}

/* The highest priority goes first, but each 16th turn is for the one that has starved longest, if one has. */
static struct core_dispatch *next_for(const struct core *core, struct core_worker *worker)
{
    const struct core_channel *channel = worker->channel;
    struct core_dispatch *next = NULL;
    uint64_t starve_ms = channel->options.starve_ms;
    bool starved_turn = (channel->turns + 1) % STARVED_TURN == 0 && starve_ms != WEFT_FOREVER;
    for (unsigned p = 0; p < CORE_PRIORITIES; p++) {
        if (channel->queued_by_priority[p] == 0) continue;
        struct core_dispatch *head = head_for(core, worker, p);
        if (!head) continue;
        bool starved = core->now_ns - head->waiting_since_ns >= starve_ms * NS_PER_MS;
        if (!next || (starved && head->waiting_since_ns < next->waiting_since_ns)) next = head;
        if (!starved_turn) break;
    }
    return next;
}

static bool hands_out(const struct core_channel *channel)
{
    return channel && !channel->deleted &&
           (channel->state == WEFT_CHANNEL_OPEN || channel->state == WEFT_CHANNEL_DRAINING);
}

/* Gives the worker, or whoever is better for what is next, one dispatch. False: nothing to give, or nobody free. */
static bool serve_once(struct core *core, struct core_worker *worker)
{
    if (!worker->indexed || !hands_out(worker->channel) || worker->channel->queued == 0) return false;
    if (worker->group && worker->group->busy >= worker->group->limit) return false;
    struct core_dispatch *dispatch = next_for(core, worker);
    if (!dispatch) return false;
    if (weft__channel_of(dispatch)->options.policy == WEFT_STICKY || dispatch->tried_count > 0) {
        struct core_worker *better = weft__select(core, dispatch);
        if (better) worker = better;
    }
    weft__channel_of(dispatch)->turns++;
    weft__queue_remove(core, dispatch);
    weft__assign(core, dispatch, worker);
    return true;
}

/* The worker has nothing to do. Who waits for room may have something for it; in a queue of depth 0 no room ever comes
 * but this. */
static void offer(struct core *core, struct core_worker *worker)
{
    if (!worker->indexed || !hands_out(worker->channel) || worker->in_flight >= worker->max_concurrent) return;
    if (worker->group && worker->group->busy >= worker->group->limit) return;
    weft__wake(core, &worker->channel->room_waiters, true);
}

/* Somebody waits for room: where that is a worker, a freed thread must come by. */
void weft__room_wanted(struct core_channel *channel)
{
    mark_class_hungry(&channel->any);
    for (struct list_node *node = channel->classes.next; node != &channel->classes; node = node->next)
        mark_class_hungry(list_record(node, struct core_class, on_channel));
}

void weft__serve_worker(struct core *core, struct core_worker *worker)
{
    for (int served = 0; serve_once(core, worker); served++) {
        core->budget--;
        if (served < SERVE_MAX) continue;
        weft__work_add(core, &worker->work, WORK_WORKER);
        return;
    }
    offer(core, worker);
    mark_worker_hungry(worker);
}

/* The member whose turn it is was excluded from all that waits; another may not be: what has been tried looks for itself.
 * The first untried one ends the look: it was to be had, if the channel hands out. */
static bool serve_tried(struct core *core, const struct seat *seat)
{
    struct core_class *class = seat->class;
    size_t offset = class->name ? offsetof(struct core_dispatch, on_class) : offsetof(struct core_dispatch, on_channel);
    for (unsigned p = 0; p < CORE_PRIORITIES; p++) {
        struct list_node *queue = class->name ? &class->queues[p] : &class->channel->queues[p];
        int looked = 0;
        for (struct list_node *node = queue->next; node != queue && looked < SKIP_MAX; node = node->next, looked++) {
            struct core_dispatch *dispatch = (void *)((char *)node - offset);
            if (!weft__understood(seat->understands, weft__message_schema(dispatch->payload))) continue;
            if (dispatch->tried_count == 0) break;
            struct core_worker *worker = weft__select(core, dispatch);
            if (worker && serve_once(core, worker)) return true;
        }
    }
    return false;
}

/* One dispatch for the seat. */
static bool serve_seat(struct core *core, struct seat *seat)
{
    struct core_worker *worker = weft__seat_first(core, seat);
    if (!worker) return false;
    if (serve_once(core, worker) || serve_tried(core, seat)) return true;
    offer(core, worker);
    return false;
}

/* Each hungry seat in turn, so that no channel of the group waits for another's queue to end. What is more than a hold is
 * left to steps. */
void weft__serve_group(struct core *core, struct core_group *group)
{
    int served = 0;
    for (struct list_node *node; group->busy < group->limit && (node = list_pop_front(&group->hungry));) {
        struct seat *seat = list_record(node, struct seat, on_hungry);
        if (served == CORE_HOLD_MAX) {
            weft__work_add(core, &seat->class->channel->work, WORK_CHANNEL);
        } else if (serve_seat(core, seat)) {
            list_push_back(&group->hungry, node);
            served++;
        }
    }
}

/* A slot of the worker, and a thread of its group, are free again: the hungry seats come first, its own behind them, or
 * a deep queue of one channel would keep the group to itself. */
void weft__serve_freed(struct core *core, struct core_worker *worker)
{
    struct core_group *group = worker->group;
    if (group && !list_empty(&group->hungry)) {
        for (uint32_t i = 0; worker->indexed && i < worker->members_count; i++) {
            struct seat *seat = worker->members[i].seat;
            if (!list_linked(&seat->on_hungry)) list_push_back(&group->hungry, &seat->on_hungry);
        }
        weft__serve_group(core, group);
    }
    weft__serve_worker(core, worker);
}

static bool serve_class(struct core *core, struct core_class *class)
{
    for (struct list_node *node = class->seats.next; node != &class->seats; node = node->next) {
        struct seat *seat = list_record(node, struct seat, on_class);
        while (serve_seat(core, seat))
            if (core->budget-- <= 0) return false;
        mark_hungry(seat);
    }
    return true;
}

void weft__serve_channel(struct core *core, struct core_channel *channel)
{
    bool done = serve_class(core, &channel->any);
    for (struct list_node *node = channel->classes.next; done && node != &channel->classes; node = node->next)
        done = serve_class(core, list_record(node, struct core_class, on_channel));
    if (!done) weft__work_add(core, &channel->work, WORK_CHANNEL);
}

void weft__place(struct core *core, struct core_dispatch *dispatch)
{
    const struct core_channel *channel = weft__channel_of(dispatch);
    struct core_worker *free = hands_out(channel) ? weft__select(core, dispatch) : NULL;
    struct core_worker *worker = weft__reaching(core, dispatch, free);
    if (worker && channel->queued == 0) { /* else the worker may be due to one more urgent, or older */
        weft__assign(core, dispatch, worker);
        return;
    }
    weft__queue_add(core, dispatch);
    if (worker) weft__serve_worker(core, worker);
    if (dispatch->state != DISPATCH_QUEUED) return;
    struct core_class *class = dispatch->class;
    mark_class_hungry(class);
    if (class->name) mark_class_hungry(&class->channel->any);
    if (!free) return;
    free = weft__select(core, dispatch);
    if (weft__reaching(core, dispatch, free)) /* another had that worker, and there is one more */
        weft__work_add(core, &class->channel->work, WORK_CHANNEL);
    else if (free)
        class->channel->passed_over = true;
}

bool weft__out_of_reach(struct core *core, const struct core_dispatch *dispatch)
{
    struct core_worker *free = hands_out(weft__channel_of(dispatch)) ? weft__select(core, dispatch) : NULL;
    return free && !weft__reaching(core, dispatch, free);
}
