/* core.c: the core's life, its destinations, its timers, and the work that takes more than one hold. */
#include "core/state.h"

#include <string.h>

#include "base/clock.h"
#include "core/remote.h"

/* --- life ------------------------------------------------------------------------------------- */

struct core *weft__core_new(const struct mem *mem, const struct core_limits *limits, uint64_t now_ns)
{
    struct core *core = weft__mem_zalloc(mem, sizeof(*core));
    if (!core) return NULL;
    core->mem = mem;
    core->limits = *limits;
    if (!core->limits.strange_max) core->limits.strange_max = CORE_HOLD_MAX;
    core->now_ns = now_ns;
    core->sleeps_until_ns = CORE_NEVER;
    weft__slotmap_init(&core->channels, mem, sizeof(struct core_channel), limits->channels_max + 1);
    weft__slotmap_init(&core->sessions, mem, sizeof(struct core_session), limits->sessions_max);
    weft__slotmap_init(&core->workers, mem, sizeof(struct core_worker), limits->workers_max + 1);
    weft__slotmap_init(&core->dispatches, mem, sizeof(struct core_dispatch), limits->dispatches_max);
    weft__slotmap_init(&core->tasks, mem, sizeof(struct core_task), (1U << SLOT_INDEX_BITS) - 1);
    weft__slotmap_init(&core->subscriptions, mem, sizeof(struct core_subscription), limits->subscriptions_max);
    weft__slotmap_init(&core->letters, mem, sizeof(struct core_letter), (1U << SLOT_INDEX_BITS) - 1);
    weft__namemap_init(&core->channel_names, mem);
    weft__namemap_init(&core->session_names, mem);
    weft__namemap_init(&core->schema_names, mem);
    weft__heap_init(&core->timers, mem);
    weft__heap_init(&core->key_timers, mem);
    struct list_node *lists[] = {&core->channel_list, &core->templates,      &core->groups,        &core->work,
                                 &core->wakes,        &core->ended,          &core->fetch_waiters, &core->quiet_waiters,
                                 &core->sleepers,     &core->settle_work.on, &core->patterns};
    for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++)
        list_init(lists[i]);
    return core;
}

/* Drops what each record holds, without moving any state: the maps free the records themselves. */
void weft__core_free(struct core *core)
{
    if (!core) return;
    const struct mem *mem = core->mem;
    uint32_t cursor = 0;
    weft__subscriptions_free(core);
    for (struct core_task *task; (task = weft__slotmap_next(&core->tasks, &cursor));) {
        weft__message_drop(task->payload);
        weft__message_drop(task->shell.staged);
    }
    cursor = 0;
    for (struct core_dispatch *dispatch; (dispatch = weft__slotmap_next(&core->dispatches, &cursor));) {
        weft__message_drop(dispatch->payload);
        weft__name_drop(dispatch->worker_name);
        if (dispatch->extras) weft__stream_free(core, dispatch->extras->stream);
        weft__mem_free(mem, dispatch->extras);
    }
    cursor = 0;
    for (struct core_worker *worker; (worker = weft__slotmap_next(&core->workers, &cursor));) {
        weft__name_drop(worker->name);
        if (worker->members != &worker->own) weft__mem_free(mem, worker->members);
        weft__mem_free(mem, worker->points);
    }
    cursor = 0;
    for (struct core_session *session; (session = weft__slotmap_next(&core->sessions, &cursor));)
        weft__mem_free(mem, session->name);
    cursor = 0;
    for (struct core_channel *channel; (channel = weft__slotmap_next(&core->channels, &cursor));)
        weft__channel_free(core, channel);
    for (struct list_node *node; (node = list_pop_front(&core->templates));) {
        struct channel_template *template = list_record(node, struct channel_template, on_core);
        weft__contract_leave(template->contract);
        weft__mem_free(mem, template);
    }
    cursor = 0;
    for (struct core_letter *letter; (letter = weft__slotmap_next(&core->letters, &cursor));)
        weft__letter_give(core, letter);
    weft__slotmap_fini(&core->letters);
    weft__slotmap_fini(&core->tasks);
    weft__slotmap_fini(&core->dispatches);
    weft__slotmap_fini(&core->workers);
    weft__slotmap_fini(&core->sessions);
    weft__slotmap_fini(&core->channels);
    weft__namemap_fini(&core->channel_names);
    weft__namemap_fini(&core->session_names);
    weft__mem_free(core->mem, core->ids.entries);
    weft__schemas_free(core);
    weft__uplink_free(core);
    weft__heap_fini(&core->timers);
    weft__heap_fini(&core->key_timers);
    weft__mem_free(mem, core->notes);
    weft__mem_free(mem, core);
}

void weft__core_close(struct core *core)
{
    core->closing = true;
    weft__quiet_changed(core);
}

bool weft__core_closing(const struct core *core)
{
    return core->closing;
}

void weft__core_settle_all(struct core *core)
{
    core->settling = true;
    core->settle_cursor = core->settle_subscriptions_cursor = 0;
    weft__work_add(core, &core->settle_work, WORK_SETTLE_ALL);
}

/* One that went out to another node, and is to outlive its caller: it ends here, and nobody is told to stop. */
static bool let_go(struct core *core, const struct core_dispatch *dispatch)
{
    const struct core_verdict closed = {
        .outcome = WEFT_CANCELLED, .admission = WEFT_ADMISSION_SENT, .code = "node_closed"};
    struct core_task *task =
        core->uplink && dispatch->detached ? weft__core_uplink_task(core, dispatch->slot.handle) : NULL;
    return task && weft__core_verdict(core, core->now_ns, task, &closed) == WEFT_OK;
}

static void settle_all_work(struct core *core)
{
    uint32_t *cursor = &core->settle_cursor;
    for (struct core_dispatch *next; (next = weft__next_live(&core->dispatches, cursor, &core->budget));)
        if (next->state != DISPATCH_SETTLED && !let_go(core, next))
            weft__settle(core, next, WEFT_CANCELLED, "node_closed", NULL);
    if (*cursor < core->dispatches.slots_made || !weft__subscriptions_settle(core))
        weft__work_add(core, &core->settle_work, WORK_SETTLE_ALL);
}

/* What went out runs no code here: nobody waits for the node's word on what has ended. */
static bool quiet(const struct core *core, bool tasks)
{
    uint32_t out = core->uplink ? core->uplink->worker->in_flight : 0;
    return core->stats.dispatches_open == 0 && core->askers_count == 0 && core->turns_due == 0 &&
           (!tasks || core->tasks.live_count == core->tasks_lost + out);
}

bool weft__core_wait_quiet(struct core *core, bool tasks, struct core_waiter *waiter)
{
    if (quiet(core, tasks)) return false;
    list_push_back(&core->quiet_waiters, &waiter->on);
    return true;
}

/* A waiter that asked for more than holds now looks again and waits again. */
void weft__quiet_changed(struct core *core)
{
    if (!list_empty(&core->quiet_waiters) && quiet(core, false)) weft__wake(core, &core->quiet_waiters, true);
}

bool weft__core_any_task(const struct core *core, uint32_t *cursor, const struct core_task **task, const char **worker,
                         const char **channel)
{
    int32_t budget = CORE_HOLD_MAX;
    while ((*task = weft__next_live(&core->tasks, cursor, &budget)) &&
           ((*task)->state == CORE_TASK_LOST || (*task)->worker->channel->hidden))
        ;
    if (!*task) return *cursor >= core->tasks.slots_made;
    *worker = (*task)->worker->name->text;
    *channel = (*task)->worker->channel->name;
    return true;
}

void weft__core_stats(const struct core *core, weft_node_stats *stats)
{
    *stats = core->stats;
    stats->channels = core->channels.live_count - weft__hidden_count(core);
    stats->workers = core->workers.live_count - weft__hidden_count(core);
    stats->participants = core->sessions.live_count;
    stats->subscriptions = core->subscriptions.live_count;
}

/* --- destinations and waiters ----------------------------------------------------------------- */

struct list_node *weft__core_wakes(struct core *core)
{
    return &core->wakes;
}

struct list_node *weft__core_ended(struct core *core)
{
    return &core->ended;
}

void weft__core_waiter_init(struct core_waiter *waiter)
{
    list_init(&waiter->on);
    waiter->watches = false;
}

bool weft__core_unwait(struct core_waiter *waiter)
{
    /* One that was woken stands on core->wakes until the entry that woke it has taken it off, under the same lock: so
     * what is still linked here is still waiting. */
    if (!list_linked(&waiter->on)) return false;
    list_remove(&waiter->on);
    return true;
}

void weft__wake(struct core *core, struct list_node *waiters, bool all)
{
    for (struct list_node *node; (node = list_pop_front(waiters));) {
        list_push_back(&core->wakes, node);
        if (!all) return;
    }
}

void weft__core_dest_init(struct core_dest *dest)
{
    list_init(&dest->fifo);
    list_init(&dest->open);
    list_init(&dest->waiters);
    dest->items_count = 0;
    dest->gathers_until_ns = 0;
}

bool weft__core_dest_wait(struct core_dest *dest, struct core_waiter *waiter)
{
    if (!list_empty(&dest->fifo)) return false;
    struct list_node *before = &dest->waiters;
    while (before->prev != &dest->waiters && list_record(before->prev, struct core_waiter, on)->watches)
        before = before->prev;
    list_insert_before(before, &waiter->on);
    return true;
}

bool weft__core_dest_watch(struct core_dest *dest, struct core_waiter *waiter)
{
    if (!list_empty(&dest->fifo)) return false;
    waiter->watches = true;
    list_push_back(&dest->waiters, &waiter->on);
    return true;
}

void weft__core_dest_wake(struct core *core, struct core_dest *dest)
{
    weft__wake(core, &dest->waiters, false);
}

/* Cannot fail: the item is part of a record that exists (R1). */
void weft__dest_append(struct core *core, struct core_dest *dest, struct core_item *item, enum core_item_kind kind)
{
    item->kind = kind;
    list_push_back(&dest->fifo, &item->on);
    dest->items_count++;
    if (core->now_ns >= dest->gathers_until_ns || dest->items_count >= GATHERED_MAX)
        weft__wake(core, &dest->waiters, false);
}

void weft__dest_remove(struct core_dest *dest, struct core_item *item)
{
    WEFT_ASSERT(list_linked(&item->on) && dest->items_count > 0);
    list_remove(&item->on);
    dest->items_count--;
}

/* --- time ------------------------------------------------------------------------------------- */

uint64_t weft__core_due(const struct core *core)
{
    uint64_t due_ns = CORE_NEVER, key_due_ns = CORE_NEVER;
    (void)weft__heap_first(&core->timers, &due_ns);
    (void)weft__heap_first(&core->key_timers, &key_due_ns);
    return due_ns < key_due_ns ? due_ns : key_due_ns;
}

void weft__core_sleep(struct core *core, struct core_waiter *waiter, uint64_t due_ns)
{
    core->sleeps_until_ns = due_ns;
    list_push_back(&core->sleepers, &waiter->on);
}

static void set_in(struct core *core, struct heap *timers, struct heap_node *timer, uint64_t at_ns)
{
    if (at_ns == CORE_NEVER) {
        weft__heap_remove(timers, timer);
        return;
    }
    weft__heap_set(timers, timer, at_ns);
    if (at_ns < core->sleeps_until_ns && !list_empty(&core->sleepers)) {
        core->sleeps_until_ns = CORE_NEVER;
        weft__wake(core, &core->sleepers, true);
    }
}

void weft__timer_set(struct core *core, struct heap_node *timer, uint64_t at_ns)
{
    set_in(core, &core->timers, timer, at_ns);
}

void weft__key_timer_set(struct core *core, struct heap_node *timer, uint64_t at_ns)
{
    set_in(core, &core->key_timers, timer, at_ns);
}

static struct heap_node *first_due(const struct core *core, const struct heap *timers)
{
    uint64_t due_ns;
    struct heap_node *timer = weft__heap_first(timers, &due_ns);
    return timer && due_ns <= core->now_ns ? timer : NULL;
}

void weft__core_tick(struct core *core, uint64_t now_ns)
{
    core->now_ns = now_ns;
    core->budget = CORE_HOLD_MAX;
    struct heap_node *timer;
    while (core->budget-- > 0 && (timer = first_due(core, &core->timers)))
        weft__dispatch_expired(core, list_record(timer, struct core_dispatch, timer));
    while (core->budget-- > 0 && (timer = first_due(core, &core->key_timers)))
        weft__keys_expired(core, list_record(timer, struct core_keys, timer));
}

/* --- work that takes more than one hold ------------------------------------------------------- */

void weft__work_add(struct core *core, struct work *work, enum work_kind kind)
{
    if (list_linked(&work->on)) return;
    work->kind = kind;
    list_push_back(&core->work, &work->on);
}

bool weft__core_has_work(const struct core *core)
{
    return !list_empty(&core->work);
}

bool weft__core_step(struct core *core, uint64_t now_ns)
{
    core->now_ns = now_ns;
    core->budget = CORE_HOLD_MAX;
    while (core->budget > 0) {
        struct list_node *node = list_pop_front(&core->work);
        if (!node) return false;
        core->budget--;
        struct work *work = list_record(node, struct work, on);
        switch (work->kind) {
        case WORK_SESSION: weft__session_work(core, list_record(work, struct core_session, work)); break;
        case WORK_WORKER: weft__worker_work(core, list_record(work, struct core_worker, work)); break;
        case WORK_CHANNEL: weft__channel_work(core, list_record(work, struct core_channel, work)); break;
        case WORK_SUBSCRIPTION: weft__subscription_work(core, list_record(work, struct core_subscription, work)); break;
        case WORK_SETTLE_ALL: settle_all_work(core); break;
        case WORK_LETTERS: weft__letters_work(core, list_record(work, struct core_letters, work)); break;
        case WORK_KEYS: weft__keys_work(core, list_record(work, struct core_keys, work)); break;
        case WORK_KEY: weft__key_work(core, list_record(work, struct core_key, work)); break;
        }
    }
    return !list_empty(&core->work);
}

/* --- names ------------------------------------------------------------------------------------ */

struct name *weft__name_new(const struct mem *mem, const char *text)
{
    size_t length = strlen(text);
    struct name *name = weft__mem_alloc(mem, sizeof(*name) + length + 1);
    if (!name) return NULL;
    name->mem = mem;
    name->refs = 1;
    memcpy(name->text, text, length + 1);
    return name;
}

struct name *weft__name_hold(struct name *name)
{
    name->refs++;
    return name;
}

void weft__name_drop(struct name *name)
{
    if (name && --name->refs == 0) weft__mem_free(name->mem, name);
}
