/* audit_letters.c: dead letters and idempotency keys. See audit.h. */
#include "lib/audit_internal.h"

/* --- letters ---------------------------------------------------------------------------------- */

static const struct core_letter *letter_of(const struct core_dispatch *dispatch)
{
    return dispatch->extras ? dispatch->extras->letter : NULL;
}

/* Whoever may die on a channel with a keeper has its letter ready, with the attempts that ended. */
bool audit_reserved(const struct core_dispatch *dispatch)
{
    const struct core_letter *letter = letter_of(dispatch);
    uint64_t name = dispatch->arrival;
    if (dispatch->state == DISPATCH_SETTLED) {
        HOLDS(!letter, "settled dispatch (its letter)", name);
        return true;
    }
    HOLDS((letter != NULL) == (weft__channel_of(dispatch)->keeper != NULL), "open dispatch (its letter)", name);
    if (!letter) return true;
    HOLDS(letter->slot.live && !letter->at && letter->id == 0 && !letter->payload, "open dispatch (its letter)", name);
    HOLDS(letter->attempts_count == dispatch->tried_count, "open dispatch (its letter)", name);
    return true;
}

static bool letters_whole(const struct core *core, const struct core_channel *channel, uint32_t *standing)
{
    const struct core_letters *letters = channel->letters;
    uint32_t count = 0, referrers = 0;
    uint64_t bytes = 0, before = 0;
    for (const struct list_node *node = letters->standing.next; node != &letters->standing; node = node->next) {
        const struct letter_place *place = list_record(node, struct letter_place, on);
        if (place->walks) continue;
        const struct core_letter *letter = list_record(place, struct core_letter, place);
        HOLDS(letter->slot.live && letter->at == letters && letter->payload, "letter", letter->id);
        HOLDS(letter->id > before && letter->id >> SLOT_INDEX_BITS <= core->letter_serial, "letter", letter->id);
        HOLDS((letter->id & ((1U << SLOT_INDEX_BITS) - 1)) == slot_number(&letter->slot), "letter", letter->id);
        HOLDS(letter->outcome == WEFT_WORKER_DIED || letter->outcome == WEFT_TIMED_OUT, "letter", letter->id);
        before = letter->id;
        bytes += sizeof(*letter) + letter->memory_bytes + letter->payload->charge_bytes;
        count++;
    }
    HOLDS(count == letters->count && bytes == letters->bytes, "letters of channel", channel->serial);
    bool fits = count <= channel->options.depth_max && bytes <= channel->options.bytes_max;
    HOLDS(fits || list_linked(&letters->work.on), "letters of channel", channel->serial);
    for (const struct list_node *node = core->channel_list.next; node != &core->channel_list; node = node->next)
        referrers += list_record(node, struct core_channel, on_core)->keeper == channel;
    HOLDS(letters->referrers_count == referrers, "letters of channel", channel->serial);
    HOLDS(!channel->deleted || (count == 0 && referrers == 0), "letters of channel", channel->serial);
    *standing += count;
    return true;
}

/* --- keys ------------------------------------------------------------------------------------- */

static bool key_whole(const struct core_key *key, const struct core_keys *keys, uint32_t *askers)
{
    uint64_t name = key->hash;
    HOLDS(key->keys == keys, "key", name);
    for (const struct list_node *node = key->askers.next; node != &key->askers; node = node->next, ++*askers) {
        const struct core_dispatch *asker = list_record(node, struct core_dispatch, on_key);
        HOLDS(asker->slot.live && asker->state == DISPATCH_JOINED && asker->key == key, "key", name);
    }
    HOLDS(key->forgotten || weft__namemap_find(&keys->names, key->hash, key->text) == key, "key", name);
    return true;
}

static bool open_whole(const struct core_key *key)
{
    const struct core_dispatch *inner = key->inner;
    HOLDS(inner && inner->slot.live && inner->state != DISPATCH_SETTLED, "open key", key->hash);
    HOLDS(inner->extras && inner->extras->key == key && !inner->dest && !inner->detached, "open key", key->hash);
    HOLDS(!list_empty(&key->askers) || inner->cancelling, "open key", key->hash);
    HOLDS(!key->forgotten && !key->result && key->charge_bytes == 0, "open key", key->hash);
    return true;
}

static bool ended_whole(const struct core_key *key)
{
    HOLDS(!key->inner && key->outcome != 0 && key->attempts > 0 && !key->forgotten, "ended key", key->hash);
    HOLDS(list_empty(&key->askers) || list_linked(&key->work.on), "ended key", key->hash);
    return true;
}

static bool keys_whole(const struct core *core, const struct core_channel *channel)
{
    const struct core_keys *keys = channel->keys;
    uint32_t count = 0, askers = 0;
    uint64_t bytes = 0, before = 0, due_ns = CORE_NEVER;
    for (const struct list_node *node = keys->open.next; node != &keys->open; node = node->next, count++) {
        const struct core_key *key = list_record(node, struct core_key, on);
        if (!key_whole(key, keys, &askers) || !open_whole(key)) return false;
    }
    for (const struct list_node *node = keys->ended.next; node != &keys->ended; node = node->next, count++) {
        const struct core_key *key = list_record(node, struct core_key, on);
        if (!key_whole(key, keys, &askers) || !ended_whole(key)) return false;
        HOLDS(key->forget_ns >= before, "ended key", key->hash);
        if (!before) due_ns = key->forget_ns;
        before = key->forget_ns;
        bytes += key->charge_bytes;
    }
    for (const struct list_node *node = keys->gone.next; node != &keys->gone; node = node->next) {
        const struct core_key *key = list_record(node, struct core_key, on);
        if (!key_whole(key, keys, &askers)) return false;
        HOLDS(key->forgotten && !key->inner, "forgotten key", key->hash);
        HOLDS(!list_empty(&key->askers) && list_linked(&key->work.on), "forgotten key", key->hash);
    }
    HOLDS(count == keys->names.count && count <= channel->options.dedup_max, "keys of channel", channel->serial);
    HOLDS(askers == keys->askers_count && bytes == keys->ended_bytes, "keys of channel", channel->serial);
    bool fits = bytes == 0 || bytes + channel->queued_bytes <= channel->options.bytes_max;
    HOLDS(fits || list_linked(&keys->work.on), "keys of channel", channel->serial);
    uint32_t position = keys->timer.position;
    HOLDS((due_ns == CORE_NEVER) == (position == 0), "timer of keys of channel", channel->serial);
    HOLDS(!position || core->key_timers.entries[position - 1].key == due_ns, "timer of keys of channel",
          channel->serial);
    HOLDS(!channel->deleted || askers == 0, "keys of channel", channel->serial);
    return true;
}

/* --- the sums --------------------------------------------------------------------------------- */

/* After the dispatches. */
bool audit_letters(const struct tally *tally)
{
    const struct core *core = tally->core;
    uint32_t cursor = 0, standing = 0, keyed = 0, joined = 0;
    for (const struct core_channel *channel; (channel = weft__slotmap_next(&core->channels, &cursor));) {
        if (channel->letters && !letters_whole(core, channel, &standing)) return false;
        if (channel->keys && !keys_whole(core, channel)) return false;
        keyed += channel->keys != NULL;
        joined += weft__askers_of(channel);
    }
    HOLDS(core->letters.live_count == standing + tally->reserved_letters, "letters", core->letters.live_count);
    HOLDS(core->askers_count == joined && joined == tally->joined, "askers", joined);
    HOLDS(core->keyed_channels_count == keyed, "channels with keys", keyed);
    return true;
}
