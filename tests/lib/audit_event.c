/* audit_event.c: subscriptions: what waits for them, where they stand, and whom a publish reaches. See audit.h. */
#include <string.h>

#include "lib/audit_internal.h"

static bool inbox_whole(const struct core_subscription *subscription)
{
    const struct inbox *inbox = &subscription->inbox;
    uint64_t bytes = 0, lost = subscription->gap;
    uint32_t items = 0, at = inbox->first;
    const struct inbox_chunk *chunk = inbox->head;
    for (; items < inbox->items; items++, at++) {
        if (at == INBOX_CHUNK) {
            chunk = chunk->next;
            at = 0;
        }
        HOLDS(chunk && chunk->entries[at].message, "subscription", subscription->id);
        bytes += weft__inbox_charge(chunk->entries[at].message);
        lost += chunk->entries[at].dropped;
    }
    HOLDS(bytes == inbox->bytes, "subscription", subscription->id);
    HOLDS(lost <= subscription->dropped, "subscription", subscription->id);
    HOLDS(!items || (chunk == inbox->tail && at == inbox->end), "subscription", subscription->id);
    HOLDS(items <= subscription->items_max, "subscription", subscription->id);
    HOLDS(bytes <= subscription->bytes_max || list_linked(&subscription->work.on), "subscription", subscription->id);
    return true;
}

/* A pull subscription's item stands where it has something; one that is heard is due a turn, or in one. */
static bool stands(struct tally *tally, const struct core_subscription *subscription)
{
    bool something = subscription->inbox.items > 0 && !subscription->unsubscribed;
    bool waits = list_linked(&subscription->on_turns);
    HOLDS(!subscription->group != !subscription->dest, "subscription", subscription->id);
    bool to_tell = subscription->ended && subscription->tells && !subscription->unsubscribed;
    if (!subscription->group) {
        something |= to_tell;
        HOLDS(!waits && !subscription->in_turn, "subscription", subscription->id);
        HOLDS(list_linked(&subscription->item.on) == something, "subscription", subscription->id);
        return !something || audit_item(tally, &subscription->item, subscription->dest);
    }
    HOLDS(!list_linked(&subscription->item.on), "subscription", subscription->id);
    HOLDS(!waits || !subscription->in_turn, "subscription", subscription->id);
    HOLDS(subscription->in_turn || waits == (something || to_tell), "subscription", subscription->id);
    HOLDS(subscription->in_turn || list_empty(&subscription->idle_waiters), "subscription", subscription->id);
    tally->turns_due += waits || subscription->in_turn;
    return true;
}

static bool audit_subscription(struct tally *tally, const struct core_subscription *subscription)
{
    const struct core_session *session = subscription->session;
    const struct core_channel *channel = subscription->channel;
    uint64_t id = subscription->id;
    tally->sessions_hanging[slot_number(&session->slot)]++;
    HOLDS(list_linked(&subscription->on_session) == !subscription->ended, "subscription", id);
    HOLDS(list_linked(&subscription->on_audience) == !subscription->ended, "subscription", id);
    HOLDS(!subscription->unsubscribed || subscription->ended, "subscription", id);
    HOLDS(!channel || !subscription->ended, "subscription", id);
    HOLDS(subscription->ended || !channel == (strchr(subscription->pattern, '*') != NULL), "subscription", id);
    HOLDS(subscription->ended || session->state != CORE_SESSION_DEAD || list_linked(&session->work.on), "subscription",
          id);
    HOLDS(!channel || !channel->deleted || list_linked(&channel->work.on), "subscription", id);
    HOLDS(!channel || strcmp(channel->name, subscription->pattern) == 0, "subscription", id);
    HOLDS(subscription->delivered == subscription->taken + subscription->inbox.items + subscription->evicted,
          "subscription", id);
    HOLDS(subscription->evicted <= subscription->dropped, "subscription", id);
    HOLDS(subscription->quantum >= 1 && subscription->quantum <= CORE_TURN_MAX, "subscription", id);
    return inbox_whole(subscription) && stands(tally, subscription);
}

/* Where it is not to be put together anew, it is who it would be. */
static bool audit_audience(const struct core *core, const struct core_channel *channel)
{
    const struct audience *audience = channel->audience;
    bool current = !audience->stale && audience->patterns_generation == core->patterns_generation;
    uint32_t count = 0, all = 0;
    HOLDS(channel->kind == CHANNEL_EVENT, "audience of channel", channel->serial);
    for (const struct list_node *node = audience->subscribers.next; node != &audience->subscribers; node = node->next) {
        const struct core_subscription *by_name = list_record(node, struct core_subscription, on_audience);
        HOLDS(by_name->channel == channel, "audience of channel", channel->serial);
        HOLDS(!current || (all < audience->all_count && audience->all[all] == by_name), "audience of channel",
              channel->serial);
        all++;
        count++;
    }
    HOLDS(count == audience->subscribers_count && count <= WEFT_SUBSCRIBERS_MAX, "audience of channel",
          channel->serial);
    for (const struct list_node *node = core->patterns.next; node != &core->patterns; node = node->next) {
        const struct core_subscription *by_pattern = list_record(node, struct core_subscription, on_audience);
        if (!weft__pattern_match(by_pattern->pattern, channel->name)) continue;
        HOLDS(!current || (all < audience->all_count && audience->all[all] == by_pattern), "audience of channel",
              channel->serial);
        all++;
    }
    HOLDS(!current || all == audience->all_count, "audience of channel", channel->serial);
    HOLDS(audience->all_count <= audience->all_room, "audience of channel", channel->serial);
    return true;
}

static bool groups_right(const struct core *core)
{
    for (const struct list_node *node = core->groups.next; node != &core->groups; node = node->next) {
        const struct core_group *group = list_record(node, struct core_group, on_core);
        uint32_t count = 0, waiting = 0, cursor = 0;
        for (const struct core_subscription *s; (s = weft__slotmap_next(&core->subscriptions, &cursor));) {
            count += s->group == group;
            waiting += s->group == group && list_linked(&s->on_turns);
        }
        for (const struct list_node *turn = group->turns.next; turn != &group->turns; turn = turn->next)
            waiting--;
        HOLDS(count == group->subscriptions, "subscriptions of a group", count);
        HOLDS(waiting == 0, "turns of a group", waiting);
    }
    return true;
}

bool audit_events(struct tally *tally)
{
    const struct core *core = tally->core;
    uint32_t cursor = 0, patterns = 0;
    for (const struct core_subscription *s; (s = weft__slotmap_next(&core->subscriptions, &cursor));)
        if (!audit_subscription(tally, s)) return false;
    cursor = 0;
    for (const struct core_channel *channel; (channel = weft__slotmap_next(&core->channels, &cursor));)
        if (channel->audience && !audit_audience(core, channel)) return false;
    for (const struct list_node *node = core->patterns.next; node != &core->patterns; node = node->next)
        patterns++;
    HOLDS(patterns == core->patterns_count && patterns <= WEFT_PATTERNS_MAX, "patterns", patterns);
    HOLDS(core->turns_due == tally->turns_due, "turns due", core->turns_due);
    bool hears = core->stats.published > 0 || core->uplink;
    HOLDS(core->stats.dropped == 0 || hears, "dropped", core->stats.dropped);
    return groups_right(core);
}

uint64_t audit_events_digest(const struct core *core, uint64_t digest)
{
    const weft_node_stats *stats = &core->stats;
    const uint64_t values[] = {core->subscriptions.live_count,
                               core->subscription_id,
                               core->patterns_count,
                               core->turns_due,
                               stats->published,
                               stats->delivered,
                               stats->dropped,
                               stats->cut};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        digest = audit_stir(digest, values[i]);
    uint32_t cursor = 0;
    for (const struct core_subscription *s; (s = weft__slotmap_next(&core->subscriptions, &cursor));) {
        const uint64_t its[] = {s->slot.handle, s->inbox.items, s->inbox.bytes, s->gap,        s->delivered,
                                s->taken,       s->dropped,     s->ended,       s->progress_ns};
        for (size_t i = 0; i < sizeof its / sizeof *its; i++)
            digest = audit_stir(digest, its[i]);
    }
    return digest;
}
