/* note.c: what happens on the node, for its hooks.
 *
 * The ring has room for CORE_NOTES_MAX notes. What does not fit is counted, and told as one MISSED in its place in the
 * order: behind what was kept, before what comes when there is room again. */
#include "core/state.h"

#include <string.h>

#include "base/clock.h"

weft_error weft__core_notes_open(struct core *core, struct core_dest *dest)
{
    WEFT_ASSERT(!core->notes);
    core->notes = weft__mem_zalloc(core->mem, sizeof(*core->notes));
    if (!core->notes) return WEFT_ENOMEM;
    core->notes->dest = dest;
    list_init(&core->notes->item.on);
    return WEFT_OK;
}

static struct core_note *append(struct core_notes *notes, weft_node_event_kind kind, uint64_t count, uint64_t at_ns)
{
    struct core_note *note = &notes->ring[(notes->first + notes->count++) % CORE_NOTES_MAX];
    *note = (struct core_note){.kind = kind, .count = count, .at_ns = at_ns};
    return note;
}

void weft__note(struct core *core, weft_node_event_kind kind, const char *channel, const char *worker,
                const char *participant, weft_cause cause, uint64_t count)
{
    struct core_notes *notes = core->notes;
    if (!notes) return;
    uint32_t needed = notes->missed ? 2 : 1;
    if (notes->count + needed > CORE_NOTES_MAX) {
        if (!notes->missed++) notes->missed_ns = core->now_ns;
        return;
    }
    if (notes->missed) (void)append(notes, WEFT_NODE_MISSED, notes->missed, notes->missed_ns);
    notes->missed = 0;
    struct core_note *note = append(notes, kind, count, core->now_ns);
    note->cause = cause;
    weft__name_copy(note->channel, sizeof(note->channel), channel);
    weft__name_copy(note->worker, sizeof(note->worker), worker);
    weft__name_copy(note->participant, sizeof(note->participant), participant);
    if (!list_linked(&notes->item.on)) weft__dest_append(core, notes->dest, &notes->item, CORE_ITEM_NOTES);
}

void weft__core_note_take(struct core *core, struct core_note *note)
{
    struct core_notes *notes = core->notes;
    weft__dest_remove(notes->dest, &notes->item);
    if (notes->count > 0) {
        *note = notes->ring[notes->first];
        notes->first = (notes->first + 1) % CORE_NOTES_MAX;
        notes->count--;
    } else {
        *note = (struct core_note){.kind = WEFT_NODE_MISSED, .count = notes->missed, .at_ns = notes->missed_ns};
        notes->missed = 0;
    }
    if (notes->count > 0 || notes->missed) weft__dest_append(core, notes->dest, &notes->item, CORE_ITEM_NOTES);
}

void weft__core_no_descriptors(struct core *core, uint64_t now_ns)
{
    struct core_notes *notes = core->notes;
    core->now_ns = now_ns;
    if (!notes || now_ns < notes->shortage_ns) return;
    notes->shortage_ns = now_ns + 60 * NS_PER_S;
    weft__note(core, WEFT_NODE_NO_DESCRIPTORS, NULL, NULL, NULL, (weft_cause){.kind = WEFT_CAUSE_UNKNOWN}, 0);
}

/* --- of channels ------------------------------------------------------------------------------ */

void weft__note_channel(struct core *core, weft_node_event_kind kind, const struct core_channel *channel)
{
    weft__note(core, kind, channel->name, NULL, NULL, (weft_cause){.kind = WEFT_CAUSE_UNKNOWN}, 0);
}

void weft__note_level(struct core *core, struct core_channel *channel)
{
    bool degraded = channel->queued > 0 && channel->workers_count == 0;
    if (degraded == channel->degraded) return;
    channel->degraded = degraded;
    weft__note_channel(core, degraded ? WEFT_NODE_DEGRADED : WEFT_NODE_RECOVERED, channel);
}

void weft__note_full(struct core *core, struct core_channel *channel)
{
    if (channel->full) return;
    channel->full = true;
    weft__note_channel(core, WEFT_NODE_FULL, channel);
}

/* Half of the queue: one that is filled again with each place that becomes free is full all the time. */
void weft__note_room(struct core_channel *channel)
{
    if (channel->full && channel->queued <= channel->options.depth_max / 2 &&
        channel->queued_bytes <= channel->options.bytes_max / 2)
        channel->full = false;
}
