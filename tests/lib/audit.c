/* audit.c: the walk over all records, and the sums. See audit.h. */
#include "lib/audit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "lib/audit_internal.h"

/* --- scratch, which only grows ---------------------------------------------------------------- */

static char sentence[512];

static struct {
    void *memory;
    size_t size_bytes;
} scratch;

bool audit_broken(const char *file, int line, const char *expression, const char *about, uint64_t number)
{
    const char *slash = strrchr(file, '/');
    snprintf(sentence, sizeof sentence, "%s:%d: %s (%llu) breaks: %s", slash ? slash + 1 : file, line, about,
             (unsigned long long)number, expression);
    return false;
}

static void tally_init(struct tally *tally, const struct core *core)
{
    size_t channels = core->channels.slots_made, sessions = core->sessions.slots_made;
    size_t need = channels * sizeof(struct channel_tally) + sessions * sizeof(uint32_t);
    if (need > scratch.size_bytes) {
        free(scratch.memory);
        scratch.size_bytes = 2 * need;
        scratch.memory = malloc(scratch.size_bytes);
        WEFT_ASSERT(scratch.memory);
    }
    memset(scratch.memory, 0, need);
    *tally = (struct tally){.core = core, .has_work = weft__core_has_work(core), .channels = scratch.memory};
    tally->sessions_hanging = (uint32_t *)(void *)(tally->channels + channels);
}

/* --- what concerns the whole ------------------------------------------------------------------ */

static bool heap_whole(const struct heap *heap)
{
    for (uint32_t i = 0; i < heap->count; i++) {
        HOLDS(heap->entries[i].node->position == i + 1, "heap entry", i);
        HOLDS(i == 0 || heap->entries[(i - 1) / 4].key <= heap->entries[i].key, "heap entry", i);
    }
    return true;
}

/* After the dispatches and tasks: their sums. */
static bool channel_sums(const struct tally *tally, const struct core_channel *channel)
{
    const struct channel_tally *sums = &tally->channels[slot_number(&channel->slot)];
    HOLDS(channel->workers_count == sums->workers, "channel", channel->serial);
    HOLDS(channel->eligible_count == sums->eligible, "channel", channel->serial);
    HOLDS(channel->in_flight == sums->in_flight, "channel", channel->serial);
    HOLDS(channel->orphaned == sums->orphaned, "channel", channel->serial);
    HOLDS(channel->open == sums->open, "channel", channel->serial);
    HOLDS(channel->queued == sums->queued, "channel", channel->serial);
    HOLDS(channel->queued_bytes == sums->bytes, "channel", channel->serial);
    HOLDS(channel->hanging_count == sums->hanging, "channel", channel->serial);
    uint64_t ended = channel->completed + channel->failed + channel->worker_died + channel->timed_out +
                     channel->cancelled + channel->node_lost;
    HOLDS(channel->dispatched == ended + channel->shed + channel->open, "channel", channel->serial);
    HOLDS(channel->shed <= channel->rejected, "channel", channel->serial);
    HOLDS(channel->degraded == (channel->queued > 0 && channel->workers_count == 0), "channel", channel->serial);
    uint64_t waits = 0, runs = 0;
    for (int i = 0; channel->latency && i < WEFT_LATENCY_BUCKETS; i++) {
        waits += channel->latency->queue[i];
        runs += channel->latency->run[i];
    }
    HOLDS(waits == ended + channel->shed, "latency of channel", channel->serial);
    HOLDS(runs == channel->completed + channel->failed, "latency of channel", channel->serial);
    HOLDS(!channel->deleted || sums->hanging > 0 || list_linked(&channel->work.on), "deleted channel", channel->serial);
    HOLDS(sums->draining == 0, "draining members less those of workers, channel", channel->serial);
    HOLDS(sums->members == 0, "members less those of workers, channel", channel->serial);
    HOLDS(sums->eligible_members == 0, "eligible members less those of workers, channel", channel->serial);
    HOLDS(sums->class_refs == 0, "references to types less those held, channel", channel->serial);
    return true;
}

static bool group_sums(const struct tally *tally)
{
    const struct list_node *groups = &tally->core->groups;
    uint32_t i = 0;
    for (const struct list_node *node = groups->next; node != groups; node = node->next, i++) {
        const struct core_group *group = list_record(node, struct core_group, on_core);
        HOLDS(group->busy == tally->groups_busy[i], "group", i);
        HOLDS(!list_empty(&group->dest.fifo) || group->dest.items_count == 0, "group", i);
    }
    HOLDS(tally->core->groups_count == i, "groups", i);
    return true;
}

static bool totals(const struct tally *tally)
{
    const struct core *core = tally->core;
    HOLDS(core->capacity == tally->reserved, "capacity", core->capacity);
    HOLDS(core->potential == tally->potential, "potential", core->potential);
    uint64_t slots = core->capacity + core->tasks_lost, needs = core->tasks.live_count + core->potential;
    HOLDS(core->tasks_lost == tally->lost, "tasks lost", core->tasks_lost);
    HOLDS(core->tasks.live_count <= slots, "tasks", core->tasks.live_count);
    HOLDS(core->tasks.slots_count >= slots || core->tasks.slots_count >= needs, "tasks", core->tasks.slots_count);
    HOLDS(core->timers.room >= core->timed_count + core->tasks.live_count, "timers", core->timers.room);
    HOLDS(core->stats.dispatches_open == tally->open, "dispatches open", core->stats.dispatches_open);
    HOLDS(core->stats.attempts_running == tally->in_flight, "attempts running", core->stats.attempts_running);
    HOLDS(tally->items == tally->walked_items, "items in destinations", tally->items);
    HOLDS(core->timers.count == tally->timers, "timers", core->timers.count);
    HOLDS(list_empty(&core->sleepers) || weft__core_due(core) >= core->sleeps_until_ns, "sleepers", 0);
    HOLDS(list_empty(&core->quiet_waiters) || core->stats.dispatches_open > 0 || core->askers_count > 0 ||
              core->tasks.live_count > core->tasks_lost || core->turns_due > 0,
          "waiters for quiet", 0);
    return true;
}

static bool audit_all(struct tally *tally)
{
    const struct core *core = tally->core;
    uint32_t cursor = 0;
    for (const struct core_channel *channel; (channel = weft__slotmap_next(&core->channels, &cursor));)
        if (!audit_channel(tally, channel)) return false;
    cursor = 0;
    for (const struct core_worker *worker; (worker = weft__slotmap_next(&core->workers, &cursor));)
        if (!audit_worker(tally, worker)) return false;
    cursor = 0;
    for (const struct core_dispatch *dispatch; (dispatch = weft__slotmap_next(&core->dispatches, &cursor));)
        if (!audit_dispatch(tally, dispatch)) return false;
    cursor = 0;
    for (const struct core_task *task; (task = weft__slotmap_next(&core->tasks, &cursor));)
        if (!audit_task(tally, task)) return false;
    if (!audit_events(tally)) return false;
    cursor = 0;
    for (const struct core_session *session; (session = weft__slotmap_next(&core->sessions, &cursor));)
        if (!audit_session(tally, session)) return false;
    cursor = 0;
    for (const struct core_channel *channel; (channel = weft__slotmap_next(&core->channels, &cursor));)
        if (!channel_sums(tally, channel)) return false;
    if (core->notes && !audit_notes(tally, core->notes)) return false;
    return group_sums(tally) && totals(tally) && heap_whole(&core->timers) && heap_whole(&core->key_timers) &&
           audit_letters(tally) && audit_ids(tally) && audit_schemas(core) && audit_levels(tally);
}

const char *audit(const struct core *core)
{
    struct tally tally;
    tally_init(&tally, core);
    return audit_all(&tally) ? NULL : sentence;
}

/* --- the digest ------------------------------------------------------------------------------- */

uint64_t audit_stir(uint64_t digest, uint64_t value)
{
    digest = (digest ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    return digest ^ digest >> 29;
}

static uint64_t digest_channel(const struct core_channel *channel)
{
    const uint64_t values[] = {channel->slot.handle,
                               channel->state,
                               channel->workers_count,
                               channel->classes_count,
                               channel->queued,
                               channel->queued_bytes,
                               channel->turns,
                               channel->open,
                               channel->eligible_count,
                               channel->in_flight,
                               channel->orphaned,
                               channel->dispatched,
                               channel->completed,
                               channel->failed,
                               channel->worker_died,
                               channel->timed_out,
                               channel->cancelled,
                               channel->rejected,
                               channel->redispatched,
                               channel->fenced,
                               channel->any.refs,
                               channel->deleted,
                               channel->options.schema ? weft__name_hash(channel->options.schema) : 0,
                               channel->options.result_schema ? weft__name_hash(channel->options.result_schema) : 0,
                               channel->mismatched,
                               channel->results_mismatched,
                               channel->any.workers_count};
    uint64_t digest = 0;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        digest = audit_stir(digest, values[i]);
    /* what is made for them and empty is as nothing */
    const struct core_letters *letters = channel->letters;
    const struct core_keys *keys = channel->keys;
    digest = audit_stir(digest, letters ? letters->bytes + letters->referrers_count : 0);
    return audit_stir(digest, keys ? keys->ended_bytes + keys->names.count : 0);
}

uint64_t audit_digest(const struct core *core)
{
    const weft_node_stats *stats = &core->stats;
    const uint64_t values[] = {core->channels.live_count,
                               core->sessions.live_count,
                               core->workers.live_count,
                               core->tasks.live_count,
                               core->dispatches.live_count,
                               core->timers.count,
                               core->channel_names.count,
                               core->session_names.count,
                               core->schema_names.count,
                               core->templates_count,
                               core->groups_count,
                               core->capacity,
                               core->potential,
                               core->timed_count,
                               core->arrival,
                               core->worker_id,
                               stats->dispatches_open,
                               stats->attempts_running,
                               stats->dispatched,
                               stats->completed,
                               stats->failed,
                               stats->worker_died,
                               stats->timed_out,
                               stats->cancelled,
                               stats->rejected,
                               stats->redispatched,
                               stats->fenced,
                               stats->deaths,
                               core->tasks_lost,
                               core->letters.live_count,
                               core->letter_serial,
                               core->askers_count,
                               core->ids.count,
                               core->key_timers.count,
                               stats->joined,
                               stats->dead_lettered,
                               stats->letters_dropped,
                               !list_empty(&core->work),
                               !list_empty(&core->ended)};
    uint64_t digest = 0;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        digest = audit_stir(digest, values[i]);
    uint32_t cursor = 0;
    for (const struct core_channel *channel; (channel = weft__slotmap_next(&core->channels, &cursor));)
        digest = audit_stir(digest, digest_channel(channel));
    cursor = 0;
    for (const struct core_session *session; (session = weft__slotmap_next(&core->sessions, &cursor));)
        digest = audit_stir(digest, session->slot.handle ^ ((uint64_t)session->bar << 32) ^ session->hanging_count ^
                                        session->holders_count);
    return audit_events_digest(core, digest);
}
