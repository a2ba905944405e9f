#include "exec/turn.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/fork.h"
#include "exec/executor.h"
#include "exec/scope.h"
#include "exec/node.h"
#include "exec/subscription.h"

#define SLOW_NS NS_PER_MS /* the turns of a subscriber that keeps a thread for longer become short */

void weft__event_fill(weft_event *event, const struct inbox_entry *entry)
{
    const struct message *message = entry->message;
    const struct core_event *published = weft__event_of(message);
    const struct named_schema *met = weft__message_schema(message);
    *event = (weft_event){.channel = published->channel,
                          .number = published->number,
                          .publisher = published->publisher,
                          .published_wall_ns = published->published_wall_ns,
                          .payload = {.data = message->bytes, .size = message->size_bytes},
                          .content_type = weft__message_content_type(message),
                          .dropped = entry->dropped,
                          .schema_id = met ? met->id : NULL,
                          .memory = entry->message};
}

void weft__turn_begin(struct executor *executor, uint64_t now_ns, struct core_turn *turn)
{
    weft_group *group = executor->group;
    bool taken = weft__core_turn_take(group->node->core, now_ns, &group->core, turn);
    WEFT_ASSERT(taken && !executor->hearing);
    executor->hearing = true;
    executor->hears = turn->subscription;
    group->turns_count++;
    weft__group_update(group, now_ns);
}

void weft__turn_end(struct executor *executor, uint64_t now_ns)
{
    weft_group *group = executor->group;
    WEFT_ASSERT(group->turns_count > 0);
    executor->hearing = false;
    executor->heard_last = true;
    group->turns_count--;
    weft__core_turn_done(group->node->core, now_ns, executor->hears, executor->hears_slowly);
    weft__group_update(group, now_ns);
}

void weft__turn_run(struct executor *executor, struct core_turn *turn)
{
    weft_subscription *subscription = turn->context;
    struct scope scope = {
        .kind = SCOPE_HEARD, .node = executor->group->node, .executor = executor, .subscription = subscription};
    uint64_t begin_ns = weft__clock_ns();
    weft__scope_push(&scope);
    size_t i = 0;
    for (; i < turn->count && weft__core_call_begin(turn->subscription); i++) {
        weft_event event;
        weft__event_fill(&event, &turn->entries[i]);
        subscription->heard(&event, subscription->context);
        weft__fork_check();
        weft__core_call_end(turn->subscription);
        weft__message_drop(turn->entries[i].message);
    }
    for (; i < turn->count; i++)
        weft__message_drop(turn->entries[i].message);
    if (turn->ended) subscription->ended(turn->ended, subscription->context);
    weft__scope_pop(&scope);
    executor->hears_slowly = weft__clock_ns() - begin_ns > SLOW_NS;
}
