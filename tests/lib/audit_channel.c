/* audit_channel.c: queues, seats and indexes of a channel, and the level rule. See audit.h. */
#include "lib/audit_internal.h"

enum { EXCLUDED_MAX = 64 }; /* a worker gives up at so many that it is excluded from (queue.c, SKIP_MAX) */

/* --- queues ----------------------------------------------------------------------------------- */

static bool channel_queue(struct channel_tally *sums, const struct core_channel *channel, unsigned priority)
{
    const struct list_node *queue = &channel->queues[priority];
    uint64_t before = 0;
    uint32_t count = 0;
    for (const struct list_node *node = queue->next; node != queue; node = node->next, count++) {
        const struct core_dispatch *dispatch = list_record(node, struct core_dispatch, on_channel);
        HOLDS(dispatch->arrival > before, "queued dispatch", dispatch->arrival);
        HOLDS(dispatch->state == DISPATCH_QUEUED, "queued dispatch", dispatch->arrival);
        HOLDS(weft__channel_of(dispatch) == channel && dispatch->priority == priority, "queued dispatch",
              dispatch->arrival);
        before = dispatch->arrival;
        sums->bytes += sizeof(*dispatch) + dispatch->payload->charge_bytes;
    }
    HOLDS(count == channel->queued_by_priority[priority], "channel", channel->serial);
    sums->queued += count;
    return true;
}

static bool class_queues(const struct core_class *class, uint32_t *queued)
{
    uint32_t count = 0;
    for (unsigned p = 0; p < CORE_PRIORITIES; p++) {
        uint64_t before = 0;
        uint32_t count_before = count;
        for (const struct list_node *node = class->queues[p].next; node != &class->queues[p]; node = node->next) {
            const struct core_dispatch *dispatch = list_record(node, struct core_dispatch, on_class);
            HOLDS(dispatch->arrival > before, "queued dispatch", dispatch->arrival);
            HOLDS(dispatch->class == class && dispatch->priority == p, "queued dispatch", dispatch->arrival);
            before = dispatch->arrival;
            count++;
        }
        HOLDS(count - count_before == class->queued_by_priority[p], "activity type of channel", class->channel->serial);
    }
    HOLDS(count == class->queued, "activity type of channel", class->channel->serial);
    *queued += count;
    return true;
}

/* --- seats ------------------------------------------------------------------------------------ */

static bool turn_whole(const struct seat *seat)
{
    uint64_t before = 0;
    uint32_t count = 0;
    for (const struct list_node *node = seat->turn.next; node != &seat->turn; node = node->next, count++) {
        const struct membership *member = list_record(node, struct membership, on_turn);
        HOLDS(member->seat == seat && member->worker->indexed, "worker in turn", member->worker->id);
        HOLDS(member->stamp > before, "worker in turn", member->worker->id);
        before = member->stamp;
    }
    HOLDS(before <= seat->class->channel->stamp, "seat of channel", seat->class->channel->serial);
    HOLDS(count == seat->eligible_count, "seat of channel", seat->class->channel->serial);
    return true;
}

static bool loads_whole(const struct seat *seat)
{
    const struct heap *heap = &seat->loads;
    for (uint32_t i = 0; i < heap->count; i++) {
        const struct heap_entry *entry = &heap->entries[i];
        const struct membership *member = list_record(entry->node, struct membership, on_loads);
        const struct core_worker *worker = member->worker;
        HOLDS(entry->node->position == i + 1, "worker by load", worker->id);
        HOLDS(member->seat == seat && worker->indexed, "worker by load", worker->id);
        HOLDS(entry->key == ((uint64_t)worker->in_flight << 40 | worker->id), "worker by load", worker->id);
        HOLDS(i == 0 || heap->entries[(i - 1) / 4].key <= entry->key, "worker by load", worker->id);
    }
    HOLDS(heap->count == seat->eligible_count, "seat of channel", seat->class->channel->serial);
    return true;
}

/* Each point stands in the arc of its place, in order, and the bitmap of two levels tells the arcs that have one. */
static bool ring_whole(const struct seat *seat)
{
    const struct ring *ring = &seat->ring;
    uint32_t points = 0;
    size_t arcs = ring->arcs ? (size_t)1 << ring->bits : 0;
    for (size_t arc = 0; arc < arcs; arc++) {
        const struct ring_point *point = ring->arcs[arc];
        HOLDS((ring->filled[arc / 64] >> arc % 64 & 1) == (point != NULL), "arc", arc);
        HOLDS(!point || (ring->summary[arc / 4096] >> arc / 64 % 64 & 1), "arc", arc);
        for (; point; point = point->next, points++) {
            HOLDS(point->worker->indexed, "worker on the ring", point->worker->id);
            HOLDS(point->place >> (64 - ring->bits) == arc, "worker on the ring", point->worker->id);
            HOLDS(!point->next || point->place <= point->next->place, "worker on the ring", point->worker->id);
        }
    }
    HOLDS(points == ring->count && points == seat->eligible_count * RING_POINTS, "seat of channel",
          seat->class->channel->serial);
    return true;
}

static bool seat_whole(const struct seat *seat, weft_policy policy)
{
    HOLDS(seat->members_count > 0, "seat of channel", seat->class->channel->serial);
    HOLDS(seat->eligible_count <= seat->members_count, "seat of channel", seat->class->channel->serial);
    switch (policy) {
    case WEFT_ROUND_ROBIN: return turn_whole(seat);
    case WEFT_LEAST_LOADED: return loads_whole(seat);
    case WEFT_STICKY: return ring_whole(seat);
    }
    return true;
}

static bool class_whole(struct channel_tally *sums, const struct core_class *class, uint32_t *queued)
{
    const struct core_channel *channel = class->channel;
    uint32_t members = 0, draining = 0;
    for (const struct list_node *node = class->seats.next; node != &class->seats; node = node->next) {
        const struct seat *seat = list_record(node, struct seat, on_class);
        HOLDS(seat->class == class, "seat of channel", channel->serial);
        if (!seat_whole(seat, channel->options.policy)) return false;
        members += seat->members_count;
        draining += seat->draining_count;
        sums->eligible_members += seat->eligible_count;
    }
    HOLDS(class->workers_count == members, "activity type of channel", channel->serial);
    HOLDS(class->draining_count <= class->workers_count, "activity type of channel", channel->serial);
    HOLDS(class->draining_count == draining, "activity type of channel", channel->serial);
    HOLDS(class->refs > 0 || !class->name, "activity type of channel", channel->serial);
    sums->members += members;
    sums->draining += class->draining_count;
    sums->class_refs += class->refs;
    return class_queues(class, queued);
}

/* --- schemas ---------------------------------------------------------------------------------- */

static bool understandings_whole(const struct core_channel *channel)
{
    uint32_t sets = 0;
    for (const struct understanding *set = channel->understandings; set; set = set->next, sets++) {
        uint32_t refs = 0;
        for (const struct list_node *node = channel->workers.next; node != &channel->workers; node = node->next)
            refs += list_record(node, struct core_worker, on_channel)->understands == set;
        HOLDS(set->refs == refs && refs > 0, "schemas understood on channel", channel->serial);
    }
    HOLDS(sets <= WEFT_SCHEMA_SETS_MAX, "schemas understood on channel", channel->serial);
    return true;
}

static bool same_name(const char *option, const struct named_schema *schema)
{
    return schema ? option == schema->name : !option;
}

static bool contract_whole(const struct core_channel *channel)
{
    const struct contract *contract = channel->contract;
    HOLDS(same_name(channel->options.schema, contract ? contract->request : NULL), "contract of channel",
          channel->serial);
    HOLDS(same_name(channel->options.result_schema, contract ? contract->result : NULL), "contract of channel",
          channel->serial);
    HOLDS(!contract || contract->request || contract->result, "contract of channel", channel->serial);
    HOLDS(!channel->deleted || !contract, "contract of deleted channel", channel->serial);
    return true;
}

static uint32_t named_by(const struct contract *contract, const struct named_schema *schema)
{
    return contract ? (contract->request == schema) + (uint32_t)(contract->result == schema) : 0;
}

bool audit_schemas(const struct core *core)
{
    const struct namemap *map = &core->schema_names;
    for (uint32_t i = 0; i < map->room; i++) {
        const struct named_schema *schema = map->entries[i].record;
        if (!map->entries[i].name) continue;
        uint32_t users = 0, cursor = 0;
        for (const struct core_channel *c; (c = weft__slotmap_next(&core->channels, &cursor));)
            users += named_by(c->contract, schema);
        for (const struct list_node *node = core->templates.next; node != &core->templates; node = node->next)
            users += named_by(list_record(node, struct channel_template, on_core)->contract, schema);
        HOLDS(schema->users == users, "users of schema", i);
        HOLDS(atomic_load(&schema->refs) > 0, "references to schema", i);
    }
    HOLDS(map->count <= core->limits.schemas_max, "schemas", map->count);
    return true;
}

bool audit_channel(struct tally *tally, const struct core_channel *channel)
{
    struct channel_tally *sums = &tally->channels[slot_number(&channel->slot)];
    uint32_t queued = 0, classes = 0;
    for (unsigned p = 0; p < CORE_PRIORITIES; p++)
        if (!channel_queue(sums, channel, p)) return false;
    if (!class_whole(sums, &channel->any, &queued)) return false;
    for (const struct list_node *node = channel->classes.next; node != &channel->classes; node = node->next, classes++)
        if (!class_whole(sums, list_record(node, struct core_class, on_channel), &queued)) return false;
    HOLDS(classes == channel->classes_count && classes == channel->class_names.count, "channel", channel->serial);
    HOLDS(queued == sums->queued, "channel", channel->serial);
    if (!understandings_whole(channel) || !contract_whole(channel)) return false;

    bool idle = channel->open == 0 && channel->in_flight == 0 && weft__askers_of(channel) == 0;
    HOLDS(channel->state != WEFT_CHANNEL_DRAINED || idle, "channel", channel->serial);
    HOLDS(channel->state != WEFT_CHANNEL_DRAINING || !idle, "channel", channel->serial);
    HOLDS(!channel->deleted || idle, "channel", channel->serial);
    HOLDS(channel->deleted == !list_linked(&channel->on_core), "channel", channel->serial);
    HOLDS(list_empty(&channel->idle_waiters) || channel->state == WEFT_CHANNEL_DRAINING, "channel", channel->serial);
    HOLDS(!channel->deleted || list_empty(&channel->room_waiters), "channel", channel->serial);
    HOLDS(tally->has_work || !list_linked(&channel->work.on), "channel", channel->serial);
    return true;
}

/* --- the level rule --------------------------------------------------------------------------- */

/* One whose time to wait for an untried worker has passed unnoticed is looked at by the tick that is due. */
static bool tick_is_due(const struct core *core, const struct core_dispatch *dispatch)
{
    return dispatch->timer.position && core->timers.entries[dispatch->timer.position - 1].key <= core->now_ns;
}

static bool level(const struct core *core, const struct core_worker *worker, const struct list_node *queue,
                  size_t offset)
{
    uint32_t excluded = 0, strange = 0;
    for (const struct list_node *node = queue->next; node != queue; node = node->next) {
        const struct core_dispatch *dispatch = (const void *)((const char *)node - offset);
        weft_rule refusal = weft__refusal(core, worker, dispatch);
        HOLDS(refusal != WEFT_RULE_ELIGIBLE || tick_is_due(core, dispatch), "waiting dispatch", dispatch->arrival);
        excluded += refusal == WEFT_RULE_EXCLUDED;
        strange += refusal == WEFT_RULE_SCHEMA;
        if (excluded >= EXCLUDED_MAX || strange >= core->limits.strange_max) break;
    }
    return true;
}

static bool worker_level(const struct core *core, const struct core_worker *worker)
{
    if (!worker->indexed || (worker->group && worker->group->busy >= worker->group->limit)) return true;
    for (unsigned p = 0; p < CORE_PRIORITIES; p++)
        for (uint32_t i = 0; i < worker->members_count; i++) {
            const struct core_class *class = worker->members[i].seat->class;
            const struct list_node *queue = class->name ? &class->queues[p] : &worker->channel->queues[p];
            size_t offset =
                class->name ? offsetof(struct core_dispatch, on_class) : offsetof(struct core_dispatch, on_channel);
            if (!level(core, worker, queue, offset)) return false;
        }
    return true;
}

bool audit_levels(const struct tally *tally)
{
    if (tally->has_work) return true;
    const struct list_node *channels = &tally->core->channel_list;
    for (const struct list_node *node = channels->next; node != channels; node = node->next) {
        const struct core_channel *channel = list_record(node, struct core_channel, on_core);
        if (channel->queued == 0 || channel->eligible_count == 0) continue;
        if (channel->state != WEFT_CHANNEL_OPEN && channel->state != WEFT_CHANNEL_DRAINING) continue;
        for (const struct list_node *on = channel->workers.next; on != &channel->workers; on = on->next)
            if (!worker_level(tally->core, list_record(on, struct core_worker, on_channel))) return false;
    }
    return true;
}
