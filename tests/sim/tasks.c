/* tasks.c: the workers' side: taking tasks, running them, saying how it went. */
#include <stdlib.h>

#include "sim/model.h"

/* --- taking ----------------------------------------------------------------------------------- */

/* One of those who drain it has found nothing: a thread, which sleeps, or a host's loop, which watches. */
void dest_sleep(struct world *world, struct sim_dest *dest)
{
    struct sim_waiter *consumer = dest->consumers;
    while (consumer->waiting)
        consumer++;
    bool watches = once_in(world, 3);
    weft__core_waiter_init(&consumer->core);
    consumer->waiting = watches ? weft__core_dest_watch(dest->core, &consumer->core)
                                : weft__core_dest_wait(dest->core, &consumer->core);
    EXPECT(world, consumer->waiting, "an empty destination is not");
    dest->waiting++;
}

/* A consumer that is awake takes, or finds nothing and sleeps. */
void dest_take(struct world *world, uint32_t index, uint32_t max)
{
    struct sim_dest *dest = &world->dests[index];
    struct core_task *tasks[RESULTS_MAX];
    sim_enter(world, EV_TAKE, false);
    size_t count = weft__core_take(world->core, world->now_ns, dest->core, tasks, max);
    TRACE(world, "take up to %u from destination %u: %zu", max, index, count);
    uint32_t batch = ++world->batches;
    for (size_t i = 0; i < count; i++) {
        EXPECT(world, !tasks[i]->timed || count == 1, "a timed task is one of several");
        model_taken(world, tasks[i], batch);
    }
    if (count > 1) cover(COVER_TAKE_BATCH);
    if (count == 1 && max > 1 && tasks[0]->timed) cover(COVER_TAKE_TIMED);
    bool turns = dest->role == DEST_GROUP && !list_empty(&world->groups[dest->owner].core.turns);
    if (!count && !turns) dest_sleep(world, dest);
    sim_leave(world);
}

bool act_take(struct world *world)
{
    uint32_t first = 2 + world->shape.queues;
    uint32_t index = first - 1 + draw(world, world->dests_count - world->shape.sessions - first + 1);
    if (index == first - 1) index = 1; /* the inline tasks */
    struct sim_dest *dest = &world->dests[index];
    if (!dest->core || dest->waiting == CONSUMERS) return false;
    if (!dest->core->items_count && !once_in(world, 4)) return false;
    uint32_t max = 1 + draw(world, world->shape.take_max);
    if (world->tasks_count + max > world->tasks_room) return false;
    dest_take(world, index, max);
    return true;
}

static void enter_handler(struct world *world, struct sim_task *held)
{
    struct sim_call *call = model_current(world, held);
    held->begun = true;
    if (call) call->begun = true;
    if (held->far && (held->task->timed || once_in(world, 2))) {
        weft__core_started(world->core, world->now_ns, held->task);
        if (call) call->taken_ns = call->beat_ns = world->now_ns;
        if (call && call->awaited) cover(COVER_FAR_STARTED);
        if (call) call->awaited = false;
    } else if (!held->far && once_in(world, 2)) {
        held->task->started_ns = world->now_ns;
    }
}

static uint32_t any_task(struct world *world)
{
    return world->tasks_count ? draw(world, world->tasks_count) : NONE;
}

/* The next of a batch goes into its handler. */
void task_begin(struct world *world, uint32_t index)
{
    sim_enter(world, EV_BEGIN, false);
    TRACE(world, "begin a task of dispatch %llu", (unsigned long long)world->calls[world->tasks[index].call].arrival);
    enter_handler(world, &world->tasks[index]);
    sim_leave(world);
}

bool act_begin(struct world *world)
{
    uint32_t index = any_task(world);
    if (index == NONE || world->tasks[index].begun) return false;
    task_begin(world, index);
    return true;
}

/* --- results ---------------------------------------------------------------------------------- */

static bool is_cancelled(const struct sim_task *held)
{
    return atomic_load_explicit(&held->task->cancelled, memory_order_relaxed);
}

static enum core_result_kind draw_kind(struct world *world, const struct sim_task *held)
{
    uint32_t n = draw(world, 10);
    if (n < 5) return CORE_RESULT_COMPLETE;
    if (n < 7) return CORE_RESULT_FAIL;
    if (n < 8) return CORE_RESULT_ABANDON;
    return is_cancelled(held) || n == 9 ? CORE_RESULT_CANCEL_ACK : CORE_RESULT_COMPLETE;
}

/* What the holder of the task may say of it now. False: nothing. */
static bool draw_result(struct world *world, const struct sim_task *held, struct core_result *result)
{
    *result = (struct core_result){.task = held->task};
    if (held->sending) return false; /* he is still inside a call with it */
    bool in_handler = held->handled && !held->returned;
    if (!in_handler) {
        result->kind = draw_kind(world, held);
        return true;
    }
    if (!held->begun) {
        result->kind = CORE_RESULT_SKIPPED;
        result->returned = true;
        return is_cancelled(held);
    }
    uint32_t n = draw(world, 10);
    result->returned = n > 1;
    if (held->settled) {
        result->kept = once_in(world, 2);
        if (!result->returned) result->kind = CORE_RESULT_COMPLETE; /* twice */
        return true;
    }
    if (n > 3)
        result->kind = draw_kind(world, held);
    else if (n == 3)
        result->kept = true;
    else if (n < 2)
        result->kind = once_in(world, 2) ? CORE_RESULT_ABANDON : draw_kind(world, held);
    return true;
}

/* Notes the result in the event; whether it must be accepted. */
static bool foresee(struct world *world, const struct sim_task *held, const struct core_result *result)
{
    struct event *event = &world->event;
    uint32_t i = event->results_count++;
    event->results[i].call = held->call;
    event->results[i].call_serial = held->call_serial;
    event->results[i].attempt = held->attempt;
    event->results[i].kind = result->kind;
    event->results[i].returned = result->returned;
    event->results[i].kept = result->kept;
    event->results[i].settled_before = held->settled;
    event->results[i].message = result->message;
    bool unsettled = result->kind == CORE_RESULT_NONE && result->returned && !result->kept;
    if (unsettled && !held->settled) cover(COVER_RESULT_UNSETTLED);
    if (held->settled && result->kind) cover(COVER_RESULT_TWICE);
    if (held->kept && held->returned) cover(COVER_RESULT_AFTER_KEPT);
    if (held->task->state == CORE_TASK_LOST) cover(COVER_RESULT_OF_LOST);
    if (held->settled || (!unsettled && result->kind == CORE_RESULT_NONE)) return false;
    if (model_current(world, held)) return true;
    if (result->kind == CORE_RESULT_CANCEL_ACK || result->kind == CORE_RESULT_SKIPPED) return true;
    world->stats.fenced++;
    cover(COVER_RESULT_LATE);
    return false;
}

/* What the holder knows afterwards. */
static void said(struct world *world, uint32_t index, const struct core_result *result)
{
    struct sim_task *held = &world->tasks[index];
    bool unsettled = result->kind == CORE_RESULT_NONE && result->returned && !result->kept;
    bool in_handler = held->handled && !held->returned;
    if (result->kind != CORE_RESULT_NONE || unsettled) held->settled = true;
    if (in_handler && held->settled && !result->returned) cover(COVER_RESULT_IN_HANDLER);
    if (result->returned) {
        held->returned = true;
        held->kept = result->kept;
        if (result->kept && !held->settled) cover(COVER_RESULT_KEPT);
    }
    if (held->settled && (!held->handled || held->returned)) model_drop_task(world, index);
}

static int falling(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

void tasks_say(struct world *world, uint32_t *indexes, struct core_result *results, uint32_t count)
{
    static const char text[] = "done";
    bool accepted[RESULTS_MAX];
    uint32_t calls[RESULTS_MAX], serials[RESULTS_MAX];
    for (uint32_t i = 0; i < count; i++) {
        if (results[i].kind != CORE_RESULT_COMPLETE && results[i].kind != CORE_RESULT_FAIL) continue;
        results[i].message = weft__message_new(&world->memory.mem, text, sizeof text, NULL);
    }
    sim_enter(world, EV_RESULTS, false);
    if (count > 1) cover(COVER_RESULTS_MANY);
    for (uint32_t i = 0; i < count; i++) {
        const struct sim_task *held = &world->tasks[indexes[i]];
        TRACE(world, "result of dispatch %llu attempt %u: kind %d%s%s%s",
              (unsigned long long)world->calls[held->call].arrival, held->attempt, (int)results[i].kind,
              results[i].returned ? ", returned" : "", results[i].kept ? ", kept" : "",
              held->settled ? ", settled before" : "");
        accepted[i] = foresee(world, held, &results[i]);
        calls[i] = model_current(world, held) && accepted[i] ? held->call : NONE;
        serials[i] = held->call_serial;
    }
    weft__core_results(world->core, world->now_ns, results, count);
    for (uint32_t i = 0; i < count; i++)
        EXPECT(world, results[i].accepted == accepted[i], "a result was %s",
               accepted[i] ? "refused, and its attempt is the current one" : "accepted, and nobody waits for it");
    struct core_result by_index[RESULTS_MAX];
    uint32_t order[RESULTS_MAX];
    for (uint32_t i = 0; i < count; i++)
        order[i] = indexes[i];
    qsort(order, count, sizeof *order, falling); /* whoever leaves has the last put in its place */
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t j = 0; j < count; j++)
            if (indexes[j] == order[i]) by_index[i] = results[j];
    for (uint32_t i = 0; i < count; i++)
        said(world, order[i], &by_index[i]);
    sim_leave(world);
    for (uint32_t i = 0; i < count; i++) {
        if (calls[i] == NONE) continue;
        const struct sim_call *call = &world->calls[calls[i]];
        bool open = call->life == CALL_OPEN && call->serial == serials[i];
        EXPECT(world, !open || !call->taken, "a result was accepted, and dispatch %llu goes on",
               (unsigned long long)call->arrival);
    }
}

bool act_results(struct world *world)
{
    uint32_t indexes[RESULTS_MAX], count = 0, wanted = 1 + draw(world, world->shape.results_max);
    struct core_result results[RESULTS_MAX];
    for (uint32_t tries = 0; tries < 2 * wanted && count < wanted; tries++) {
        uint32_t index = any_task(world);
        if (index == NONE) return false;
        bool known = false;
        for (uint32_t i = 0; i < count; i++)
            known |= indexes[i] == index;
        if (known || !draw_result(world, &world->tasks[index], &results[count])) continue;
        indexes[count++] = index;
    }
    if (!count) return false;
    tasks_say(world, indexes, results, count);
    return true;
}

/* --- giving back ------------------------------------------------------------------------------ */

static int by_order(const void *a, const void *b)
{
    const struct sim_task *x = *(struct sim_task *const *)a, *y = *(struct sim_task *const *)b;
    return x->order > y->order ? 1 : -1;
}

/* What of the batch is not begun goes back. */
static void give_back(struct world *world, uint32_t batch)
{
    struct sim_task *held[RESULTS_MAX];
    struct core_task *tasks[RESULTS_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < world->tasks_count && count < RESULTS_MAX; i++)
        if (world->tasks[i].batch == batch && !world->tasks[i].begun) held[count++] = &world->tasks[i];
    qsort(held, count, sizeof(struct sim_task *), by_order);
    sim_enter(world, EV_GIVE_BACK, false);
    for (uint32_t i = 0; i < count; i++) {
        struct sim_call *call = &world->calls[held[i]->call];
        TRACE(world, "give back dispatch %llu", (unsigned long long)call->arrival);
        if (model_current(world, held[i]) || model_fenced(call, held[i])) call->giving_back = true;
        tasks[i] = held[i]->task;
    }
    cover(COVER_GIVE_BACK);
    weft__core_give_back(world->core, world->now_ns, tasks, count);
    for (uint32_t i = world->tasks_count; i-- > 0;)
        if (world->tasks[i].batch == batch && !world->tasks[i].begun) model_drop_task(world, i);
    sim_leave(world);
    for (uint32_t i = 0; i < world->live_count; i++)
        world->calls[world->live[i]].giving_back = false;
}

bool act_give_back(struct world *world)
{
    uint32_t index = any_task(world);
    if (index == NONE || world->tasks[index].begun) return false;
    give_back(world, world->tasks[index].batch);
    return true;
}

void task_finish(struct world *world, uint32_t index)
{
    struct sim_task *held = &world->tasks[index];
    if (!held->begun && once_in(world, 2)) {
        give_back(world, held->batch);
        return;
    }
    if (!held->begun) task_begin(world, index);
    bool in_handler = held->handled && !held->returned;
    struct core_result result = {.task = held->task, .returned = in_handler};
    if (!held->settled) result.kind = CORE_RESULT_COMPLETE;
    tasks_say(world, &index, &result, 1);
}

/* --- what a holder asks ----------------------------------------------------------------------- */

bool act_heartbeat(struct world *world)
{
    uint32_t index = any_task(world);
    if (index == NONE || !world->tasks[index].begun || world->tasks[index].settled) return false;
    sim_enter(world, EV_HEARTBEAT, false);
    struct sim_call *call = model_current(world, &world->tasks[index]);
    bool heard = weft__core_heartbeat(world->core, world->now_ns, world->tasks[index].task);
    TRACE(world, "heartbeat: %d", heard);
    EXPECT(world, heard == (call != NULL), "a heartbeat of a %s task", call ? "current" : "stale");
    if (call) call->beat_ns = world->now_ns;
    cover(call ? COVER_HEARTBEAT : COVER_HEARTBEAT_STALE);
    sim_leave(world);
    return true;
}

bool act_on_cancel(struct world *world)
{
    uint32_t index = any_task(world);
    if (index == NONE) return false;
    struct sim_task *held = &world->tasks[index];
    if (!held->begun || held->settled || held->asked) return false;
    sim_enter(world, EV_ON_CANCEL, false);
    struct sim_call *call = model_current(world, held);
    bool waits = call && !call->cancelling;
    bool left = weft__core_task_on_cancel(world->core, held->task, world->dests[0].core);
    TRACE(world, "ask for a cancel notice: %d", left);
    EXPECT(world, left == waits, "a cancel notice is %s",
           left ? "to come, and nobody waits any more" : "late too early");
    held->asked = left;
    if (!left) cover(COVER_NOTICE_TOO_LATE);
    sim_leave(world);
    return true;
}

/* Inline tasks that no caller's thread will run go to a group's threads. */
bool act_move(struct world *world)
{
    uint32_t index = draw(world, world->shape.groups);
    if (!world->groups[index].added || !world->dests[1].core->items_count) return false;
    sim_enter(world, EV_MOVE, false);
    TRACE(world, "move inline tasks to group %u", index);
    weft__core_move(world->core, world->dests[1].core, world->dests[world->groups[index].dest].core);
    EXPECT(world, !world->dests[1].core->items_count, "moved, and still there");
    cover(COVER_INLINE_MOVED);
    sim_leave(world);
    return true;
}
