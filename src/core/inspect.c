/* inspect.c: pages of what there is. See inspect.h.
 *
 * Channels and workers are walked by the index of their slot, which no death or birth moves. A channel's queues are
 * walked along its list of activity types; whoever goes on in a later hold finds his place by the name of the last. */
#include "core/state.h"

#include <stdio.h>
#include <string.h>

void *weft__next_live(const struct slotmap *map, uint32_t *cursor, int32_t *budget)
{
    while (*cursor<map->slots_made && * budget> 0) {
        struct slot *slot = weft__slotmap_at(map, (*cursor)++);
        --*budget;
        if (slot->live) return slot;
    }
    return NULL;
}

void weft__name_copy(char *to, size_t size, const char *name)
{
    size_t length = name ? strlen(name) : 0;
    WEFT_ASSERT(length < size);
    if (length) memcpy(to, name, length);
    to[length] = '\0';
}

/* --- how long --------------------------------------------------------------------------------- */

static unsigned bucket(uint64_t ns)
{
    unsigned log2 = ns ? 63 - (unsigned)__builtin_clzll(ns) : 0;
    return log2 < WEFT_LATENCY_BUCKETS ? log2 : WEFT_LATENCY_BUCKETS - 1;
}

void weft__latency_count(struct core_channel *channel, const struct core_dispatch *dispatch)
{
    channel->latency->queue[bucket(dispatch->queued_ns)]++;
    if (dispatch->outcome == WEFT_COMPLETED || dispatch->outcome == WEFT_FAILED)
        channel->latency->run[bucket(dispatch->run_ns)]++;
}

static void latency_fill(const struct core_channel *channel, weft_latency *latency)
{
    if (channel->latency)
        *latency = *channel->latency;
    else
        memset(latency, 0, sizeof(*latency));
}

weft_error weft__core_channel_latency(struct core *core, const char *name, weft_latency *latency)
{
    const struct core_channel *channel = weft__channel_find(core, weft__name_hash(name), name);
    if (!channel) return WEFT_ENOCHANNEL;
    latency_fill(channel, latency);
    return WEFT_OK;
}

/* --- channels --------------------------------------------------------------------------------- */

static void queue_fill(const struct core *core, const struct core_class *class, struct core_queue_row *row)
{
    weft__name_copy(row->activity_type, sizeof(row->activity_type), class->name);
    for (int p = 0; p < CORE_PRIORITIES; p++) {
        const struct list_node *head = list_first(&class->queues[p]);
        row->queued[p] = class->queued_by_priority[p];
        row->head_wait_ns[p] =
            head ? core->now_ns - list_record(head, struct core_dispatch, on_class)->waiting_since_ns : 0;
    }
}

/* From that type on, those with something in them; idle ones are passed over, and cost as much. */
static void queues_fill(const struct core *core, const struct core_channel *channel, const struct list_node *node,
                        struct core_channel_row *row, int32_t budget)
{
    row->queues_count = 0;
    for (; node != &channel->classes && row->queues_count < row->queues_max && budget > 0;
         node = node->next, budget--) {
        const struct core_class *class = list_record(node, struct core_class, on_channel);
        if (class->queued > 0 || row->queues_count + 1 == row->queues_max || budget == 1)
            queue_fill(core, class, &row->queues[row->queues_count++]);
    }
    row->more_queues = node != &channel->classes;
}

static void channel_row(struct core *core, const struct core_channel *channel, struct core_channel_row *row,
                        int32_t budget)
{
    row->handle = channel->slot.handle;
    weft__channel_fill(core, channel, &row->info);
    row->options = channel->options;
    row->options.dead_letter = row->options.schema = row->options.result_schema = NULL;
    weft__schema_row(channel->contract ? channel->contract->request : NULL, &row->schema);
    weft__schema_row(channel->contract ? channel->contract->result : NULL, &row->result_schema);
    row->generation = channel->contract ? channel->contract->generation : 0;
    snprintf(row->dead_letter, sizeof(row->dead_letter), "%s", channel->keeper ? channel->keeper->name : "");
    latency_fill(channel, &row->latency);
    row->deaths_count = weft__channel_deaths(channel, row->deaths, WEFT_DEATHS_KEPT);
    row->queues_count = 0;
    row->more_queues = false;
    bool typed = channel->any.queued < channel->queued;
    if (typed) {
        struct core_queue_row *rows = row->queues;
        bool untyped = channel->any.queued > 0;
        row->queues += untyped;
        row->queues_max -= untyped;
        queues_fill(core, channel, channel->classes.next, row, budget);
        row->queues -= untyped;
        row->queues_max += untyped;
        WEFT_ASSERT(rows == row->queues);
    }
    if (channel->any.queued == 0) return;
    queue_fill(core, &channel->any, &row->queues[0]);
    row->queues_count++;
}

bool weft__core_channels_next(struct core *core, uint64_t now_ns, const char *pattern, uint64_t *cursor,
                              struct core_channel_row *row)
{
    core->now_ns = now_ns;
    uint32_t index = (uint32_t)*cursor;
    int32_t budget = CORE_HOLD_MAX;
    row->handle = 0;
    for (const struct core_channel *channel; (channel = weft__next_live(&core->channels, &index, &budget));) {
        if (channel->deleted || !weft__pattern_match(pattern, channel->name)) continue;
        channel_row(core, channel, row, budget);
        break;
    }
    *cursor = index;
    return index < core->channels.slots_made || row->handle;
}

weft_error weft__core_channel_row(struct core *core, uint64_t now_ns, uint64_t handle, struct core_channel_row *row)
{
    core->now_ns = now_ns;
    const struct core_channel *channel = weft__slotmap_find(&core->channels, handle);
    if (!channel || channel->deleted) return WEFT_ENOTFOUND;
    channel_row(core, channel, row, CORE_HOLD_MAX - 1);
    return WEFT_OK;
}

bool weft__core_queues_next(struct core *core, uint64_t now_ns, struct core_channel_row *row)
{
    core->now_ns = now_ns;
    const struct core_channel *channel = weft__slotmap_find(&core->channels, row->handle);
    if (!channel || channel->deleted || row->queues_count == 0) return false;
    const char *last = row->queues[row->queues_count - 1].activity_type;
    const struct core_class *class = weft__namemap_find(&channel->class_names, weft__name_hash(last), last);
    if (!class) return false;
    queues_fill(core, channel, class->on_channel.next, row, CORE_HOLD_MAX);
    return true;
}

/* --- workers ---------------------------------------------------------------------------------- */

static weft_worker_state state_of(const struct core_worker *worker)
{
    if (worker->ended) return worker->end_state;
    if (worker->session->state == CORE_SESSION_DEAD) return WEFT_WORKER_DEAD;
    if (worker->session->state == CORE_SESSION_ARMING) return WEFT_WORKER_ARMING;
    return worker->draining ? WEFT_WORKER_DRAINING : WEFT_WORKER_READY;
}

void weft__worker_fill(const struct core *core, const struct core_worker *worker, weft_worker_info *info)
{
    info->id = worker->id;
    info->state = state_of(worker);
    info->max_concurrent = worker->max_concurrent;
    info->in_flight = worker->in_flight;
    info->orphaned = worker->orphaned;
    info->completed = worker->completed;
    info->errored = worker->errored;
    info->last_seen_ns = core->now_ns - worker->seen_ns;
    info->link = worker->session->link;
    info->watched = worker->session->watched;
    info->detached = worker->session->bar != CORE_BAR_NONE;
    weft__name_copy(info->name, sizeof(info->name), worker->name->text);
    weft__name_copy(info->participant, sizeof(info->participant), worker->session->name);
}

static void types_fill(const struct core_worker *worker, struct core_worker_row *row, struct core_text *text)
{
    row->activity_types = text->bytes + text->used;
    row->activity_types_count = 0;
    for (uint32_t i = 0; i < worker->members_count; i++) {
        const char *name = worker->members[i].seat->class->name;
        if (!name) continue;
        size_t size = strlen(name) + 1;
        memcpy(text->bytes + text->used, name, size);
        text->used += size;
        row->activity_types_count++;
    }
    row->activity_types_bytes = (uint32_t)(text->bytes + text->used - row->activity_types);
}

bool weft__worker_row(const struct core *core, const struct core_worker *worker, struct core_worker_row *row,
                      struct core_text *text, int32_t *budget)
{
    size_t names_max = (size_t)worker->members_count * (WEFT_NAME_MAX + 1);
    if (text->used + names_max > text->room || *budget < (int32_t)worker->members_count) return false;
    *budget -= (int32_t)worker->members_count;
    row->channel = worker->channel->slot.handle;
    weft__worker_fill(core, worker, &row->info);
    weft__name_copy(row->group, sizeof(row->group), worker->group ? worker->group->name : NULL);
    types_fill(worker, row, text);
    row->schema_ids_count = worker->understands ? worker->understands->count : 0;
    if (row->schema_ids_count)
        memcpy(row->schema_ids, worker->understands->ids, row->schema_ids_count * sizeof(*row->schema_ids));
    return true;
}

/* The caller's page has room for one worker at least. One that has none any more ends the page, and begins the next. */
bool weft__core_workers_next(struct core *core, uint64_t now_ns, uint64_t *cursor, struct core_worker_row *rows,
                             size_t max, size_t *count, struct core_text *text)
{
    core->now_ns = now_ns;
    uint32_t index = (uint32_t)*cursor;
    int32_t budget = CORE_HOLD_MAX;
    text->used = 0;
    *count = 0;
    while (*count < max) {
        const struct core_worker *worker = weft__next_live(&core->workers, &index, &budget);
        if (!worker) break;
        if (!worker->channel || worker->channel->hidden) continue;
        if (!weft__worker_row(core, worker, &rows[*count], text, &budget)) {
            index--;
            break;
        }
        ++*count;
    }
    *cursor = index;
    return index < core->workers.slots_made || *count > 0;
}
