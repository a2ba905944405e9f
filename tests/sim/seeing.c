/* seeing.c: those who look inside: why something waits, what admission would say, what there is, and what happened;
 * each held against what the model knows of it. */
#include "sim/seeing.h"

#include <string.h>

#include "sim/model.h"

enum { PAGE = 5 }; /* short: walks are of several pages */

struct page {
    char bytes[WEFT_ACTIVITY_TYPES_MAX * (WEFT_NAME_MAX + 1)];
    struct core_text text;
};

static struct core_text *page_text(struct page *page)
{
    page->text = (struct core_text){.bytes = page->bytes, .room = sizeof page->bytes};
    return &page->text;
}

/* --- eligibility, from what everybody did ----------------------------------------------------- */

static bool holds(const struct sim_task *task, const struct sim_worker *worker, const struct world *world)
{
    return &world->workers[task->worker] == worker && task->worker_serial == worker->serial;
}

/* Handed to it and not taken, or taken and not released. */
static uint32_t in_flight(const struct world *world, const struct sim_worker *worker)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < world->live_count; i++) {
        const struct sim_call *call = &world->calls[world->live[i]];
        count += call->life == CALL_OPEN && call->state == DISPATCH_ASSIGNED && !call->taken &&
                 &world->workers[call->worker] == worker && call->worker_serial == worker->serial;
    }
    for (uint32_t i = 0; i < world->tasks_count; i++)
        count += holds(&world->tasks[i], worker, world);
    return count;
}

/* The same, of a group: until the handler returns. */
static uint32_t busy(const struct world *world, uint32_t group)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < world->live_count; i++) {
        const struct sim_call *call = &world->calls[world->live[i]];
        if (call->life != CALL_OPEN || call->state != DISPATCH_ASSIGNED || call->taken) continue;
        const struct sim_worker *worker = &world->workers[call->worker];
        count += worker->kind == WORKER_GROUP && worker->group == group;
    }
    for (uint32_t i = 0; i < world->tasks_count; i++) {
        const struct sim_worker *worker = &world->workers[world->tasks[i].worker];
        count += !world->tasks[i].returned && holds(&world->tasks[i], worker, world) && worker->kind == WORKER_GROUP &&
                 worker->group == group;
    }
    return count;
}

static weft_rule first_rule(const struct world *world, const struct sim_worker *worker, const struct sim_call *call)
{
    const struct sim_session *session = &world->sessions[worker->session];
    if (!session->armed || session->fired) return WEFT_RULE_LINK;
    if (session->bar == CORE_BAR_DETACHED) return WEFT_RULE_DETACHED;
    if (!model_takes(worker, call)) return WEFT_RULE_ACTIVITY_TYPE;
    if (!model_understands(worker, call)) return WEFT_RULE_SCHEMA;
    if (worker->draining) return WEFT_RULE_DRAINING;
    if (model_excluded(world, call, worker)) return WEFT_RULE_EXCLUDED;
    if (in_flight(world, worker) >= worker->max_concurrent) return WEFT_RULE_CAPACITY;
    if (worker->kind == WORKER_GROUP && busy(world, worker->group) >= world->groups[worker->group].core.limit)
        return WEFT_RULE_EXECUTOR;
    return session->bar ? WEFT_RULE_BACKLOGGED : WEFT_RULE_ELIGIBLE;
}

static const struct sim_worker *worker_of(const struct world *world, uint64_t id)
{
    for (uint32_t i = 0; i < world->shape.workers; i++)
        if (world->workers[i].handle && world->workers[i].id == id) return &world->workers[i];
    return NULL;
}

bool gives_up_before(const struct world *world, const struct sim_worker *worker, const struct sim_call *call,
                     bool lately)
{
    enum { EXCLUDED_MAX = 64 };
    uint32_t strange = 0, excluded = 0;
    for (uint32_t i = 0; i < world->live_count; i++) {
        const struct sim_call *other = &world->calls[world->live[i]];
        bool waits = other->life == CALL_OPEN && other->state == DISPATCH_QUEUED;
        if (!waits && !(lately && other->left_event == world->events)) continue;
        if (other->channel != call->channel || other->priority != call->priority) continue;
        if (other->arrival >= call->arrival || (worker->types && other->type != call->type)) continue;
        bool understood = model_understands(worker, other);
        strange += !understood;
        excluded += understood && model_excluded(world, other, worker);
    }
    return strange >= world->core->limits.strange_max || excluded >= EXCLUDED_MAX;
}

static uint32_t registered(const struct world *world, uint32_t channel)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < world->shape.workers; i++) {
        const struct sim_worker *worker = &world->workers[i];
        count += worker->handle && !worker_ended(world, worker) && worker->channel == channel &&
                 worker->channel_serial == world->channels[channel].serial;
    }
    return count;
}

/* --- why -------------------------------------------------------------------------------------- */

static void expect_rules(struct world *world, const struct core_request *request, struct core_why *why,
                         const struct sim_call *call)
{
    static const enum cover whys[] = {
        [WEFT_RULE_ELIGIBLE] = COVER_WHY_ELIGIBLE,  [WEFT_RULE_LINK] = COVER_WHY_LINK,
        [WEFT_RULE_ACTIVITY_TYPE] = COVER_WHY_TYPE, [WEFT_RULE_DRAINING] = COVER_WHY_DRAINING,
        [WEFT_RULE_EXCLUDED] = COVER_WHY_EXCLUDED,  [WEFT_RULE_CAPACITY] = COVER_WHY_CAPACITY,
        [WEFT_RULE_EXECUTOR] = COVER_WHY_EXECUTOR,  [WEFT_RULE_SCHEMA] = COVER_WHY_SCHEMA,
        [WEFT_RULE_DETACHED] = COVER_WHY_DETACHED,  [WEFT_RULE_BACKLOGGED] = COVER_WHY_BACKLOGGED,
    };
    struct page page;
    struct core_refusal_row rows[PAGE];
    uint64_t cursor = 0;
    size_t count;
    uint32_t met = 0;
    bool changed;
    while (weft__core_refusals_next(world->core, world->now_ns, request, why, &cursor, rows, PAGE, &count,
                                    page_text(&page), &changed)) {
        EXPECT(world, why->budget >= 0, "a page of why looked at more than it may");
        why->budget = CORE_HOLD_MAX;
        for (size_t i = 0; i < count; i++, met++) {
            const struct sim_worker *worker = worker_of(world, rows[i].worker.info.id);
            EXPECT(world, worker && strcmp(worker->name, rows[i].worker.info.name) == 0, "why tells of a stranger");
            weft_rule rule = first_rule(world, worker, call);
            EXPECT(world, rows[i].rule == rule, "why: %s is refused by rule %d, and should by %d", worker->name,
                   (int)rows[i].rule, (int)rule);
            cover(whys[rule]);
            bool owed = weft__core_has_work(world->core) || weft__core_due(world->core) <= world->now_ns ||
                        why->standing != WEFT_STANDING_QUEUED || why->channel_state == WEFT_CHANNEL_PAUSED;
            if (rule != WEFT_RULE_ELIGIBLE || owed) continue;
            EXPECT(world, gives_up_before(world, worker, call, false), "dispatch %llu waits, and %s is eligible",
                   (unsigned long long)call->arrival, worker->name);
            EXPECT(world, why->passed_over, "dispatch %llu waits, and nobody says that %s gives up before it",
                   (unsigned long long)call->arrival, worker->name);
            cover(COVER_WHY_PASSED_OVER);
        }
    }
    EXPECT(world, !changed, "a dispatch changed under who asked why");
    if (why->standing == WEFT_STANDING_ENDED) return;
    uint32_t there = registered(world, call->channel);
    if (!weft__core_has_work(world->core)) EXPECT(world, met == there, "why tells of %u workers of %u", met, there);
}

static uint32_t ahead_of(const struct world *world, const struct sim_call *call)
{
    uint32_t ahead = 0;
    for (uint32_t i = 0; i < world->live_count; i++) {
        const struct sim_call *other = &world->calls[world->live[i]];
        if (other->life != CALL_OPEN || other->state != DISPATCH_QUEUED || other->channel != call->channel) continue;
        ahead +=
            other->priority < call->priority || (other->priority == call->priority && other->arrival < call->arrival);
    }
    return ahead < WEFT_AHEAD_MAX ? ahead : WEFT_AHEAD_MAX;
}

/* Mostly any; or who came last of those that wait beside it: the most may be before that one. */
static uint32_t who_asks_why(struct world *world)
{
    uint32_t index = any_call(world);
    if (index == NONE || once_in(world, 3)) return index;
    const struct sim_call *call = &world->calls[index];
    uint64_t latest = 0;
    for (uint32_t i = 0; i < world->live_count; i++) {
        const struct sim_call *other = &world->calls[world->live[i]];
        bool beside = other->life == CALL_OPEN && other->state == DISPATCH_QUEUED && other->channel == call->channel &&
                      other->priority == call->priority;
        if (!beside || other->arrival < latest) continue;
        latest = other->arrival;
        index = world->live[i];
    }
    return index;
}

void ask_why(struct world *world)
{
    uint32_t index = who_asks_why(world);
    struct core_why why;
    if (index == NONE) return;
    const struct sim_call *call = &world->calls[index];
    weft_error error = weft__core_why_dispatch(world->core, world->now_ns, call->id, &why);
    EXPECT(world, !error, "why: %d", (int)error);
    static const weft_standing standings[] = {[DISPATCH_QUEUED] = WEFT_STANDING_QUEUED,
                                              [DISPATCH_ASSIGNED] = WEFT_STANDING_ASSIGNED,
                                              [DISPATCH_FENCED] = WEFT_STANDING_FENCED,
                                              [DISPATCH_SETTLED] = WEFT_STANDING_ENDED};
    unsigned long long number = (unsigned long long)call->arrival;
    EXPECT(world, why.standing == (call->life == CALL_ENDED ? WEFT_STANDING_ENDED : standings[call->state]),
           "why: dispatch %llu stands elsewhere", number);
    if (why.standing == WEFT_STANDING_ENDED) {
        EXPECT(world, why.outcome == model_outcome((enum ending)call->ending), "why: another outcome of %llu", number);
        cover(COVER_WHY_ENDED);
    } else if (why.standing == WEFT_STANDING_QUEUED) {
        EXPECT(world, why.ahead == ahead_of(world, call), "why: %u go before dispatch %llu, and should be %u",
               why.ahead, number, ahead_of(world, call));
        EXPECT(world, why.waits_ns == world->now_ns - call->waiting_ns, "why: dispatch %llu waits otherwise", number);
        cover(COVER_WHY_QUEUED);
    } else {
        EXPECT(world, strcmp(why.worker, world->workers[call->worker].name) == 0, "why: %s has dispatch %llu",
               why.worker, number);
        cover(why.standing == WEFT_STANDING_FENCED ? COVER_WHY_FENCED : COVER_WHY_ASSIGNED);
    }
    expect_rules(world, NULL, &why, call);
}

/* --- what admission would say ----------------------------------------------------------------- */

void forecast_make(struct world *world, const struct core_request *request, struct forecast *forecast)
{
    uint64_t digest = audit_digest(world->core);
    *forecast =
        (struct forecast){.asked = !weft__core_has_work(world->core) && weft__core_due(world->core) > world->now_ns};
    if (!forecast->asked) return;
    struct core_request asked = *request; /* about no payload in particular */
    asked.payload = weft__message_new(&weft__mem_libc, NULL, 0, weft__message_content_type(request->payload));
    WEFT_ASSERT(asked.payload);
    forecast->error = weft__core_why_request(world->core, world->now_ns, &asked, &forecast->why);
    weft__message_drop(asked.payload);
    EXPECT(world, audit_digest(world->core) == digest, "asking why has changed something");
}

void forecast_check(struct world *world, const struct forecast *forecast, weft_error error,
                    const struct core_admitted *admitted, const weft_channel_info *before)
{
    enum { CALL_BYTES = 2048 };
    const struct core_why *why = &forecast->why;
    if (!forecast->asked || error == WEFT_ESTALE || error == WEFT_EEXIST) return;
    bool too_large = error == WEFT_EREJECTED && strcmp(admitted->reason, "payload_too_large") == 0;
    if (forecast->error || (error && error != WEFT_EREJECTED)) {
        EXPECT(world, forecast->error == error || too_large, "it would give %d, and gives %d", (int)forecast->error,
               (int)error);
        return;
    }
    if (too_large) return; /* the payload is not asked about */
    const struct core_channel *channel = weft__slotmap_find(&world->core->channels, why->channel);
    bool bytes_short = before->queued_bytes + CALL_BYTES > channel->options.bytes_max;
    if (why->admission == WEFT_ADMISSION_DEFERRED && error == WEFT_EREJECTED && bytes_short) return;
    EXPECT(world, why->admission == admitted->admission, "its admission would be %d, and is %d", (int)why->admission,
           (int)admitted->admission);
    if (why->admission == WEFT_ADMISSION_REJECTED) {
        EXPECT(world, strcmp(why->reason, admitted->reason) == 0, "it would be rejected: %s, and is: %s", why->reason,
               admitted->reason);
        cover(COVER_WOULD_REJECT);
    } else if (why->admission == WEFT_ADMISSION_ACCEPTED) {
        const struct core_dispatch *record = weft__dispatch_find(world->core, admitted->id);
        EXPECT(world, !why->passed_over, "who would get it gives up before it");
        EXPECT(world, strcmp(why->worker, record->task->worker->name->text) == 0, "%s would get it, and %s does",
               why->worker, record->task->worker->name->text);
        cover(COVER_WOULD_ACCEPT);
    } else {
        cover(why->passed_over ? COVER_WOULD_PASS_OVER : COVER_WOULD_DEFER);
    }
}

/* --- what there is ---------------------------------------------------------------------------- */

static uint32_t queues_sum(struct world *world, struct core_channel_row *row)
{
    uint32_t sum = 0;
    for (;;) {
        for (size_t i = 0; i < row->queues_count; i++)
            for (unsigned p = 0; p < CORE_PRIORITIES; p++)
                sum += row->queues[i].queued[p];
        if (!row->more_queues) return sum;
        if (row->queues[row->queues_count - 1].activity_type[0])
            EXPECT(world, weft__core_queues_next(world->core, world->now_ns, row), "a page of queues is not there");
        else
            return row->info.queued; /* the page ended with what has no type: whoever lists has more room */
    }
}

void ask_listing(struct world *world)
{
    static struct core_channel_row row;
    struct core_queue_row queues[PAGE];
    struct core_worker_row rows[PAGE];
    struct page page;
    uint64_t cursor = 0;
    size_t count;
    uint32_t channels = 0, workers = 0, there = 0;
    row.queues = queues;
    row.queues_max = PAGE;
    while (weft__core_channels_next(world->core, world->now_ns, "dispatch.*.c*", &cursor, &row)) {
        if (!row.handle) continue;
        channels++;
        EXPECT(world, queues_sum(world, &row) == row.info.queued, "the queues of %s are not what waits there",
               row.info.name);
    }
    for (uint32_t i = 0; i < world->channels_count; i++)
        there += world->channels[i].life != CHANNEL_NONE;
    EXPECT(world, channels == there, "%u channels were listed of %u", channels, there);
    cursor = 0;
    while (weft__core_workers_next(world->core, world->now_ns, &cursor, rows, PAGE, &count, page_text(&page)))
        for (size_t i = 0; i < count; i++) {
            const struct sim_worker *worker = worker_of(world, rows[i].info.id);
            EXPECT(world, worker, "a worker is listed that is not there");
            EXPECT(world, rows[i].info.max_concurrent == worker->max_concurrent, "a worker with another capacity");
            EXPECT(world, rows[i].info.last_seen_ns <= world->now_ns, "a worker that was seen before time began");
            bool ended = worker_ended(world, worker);
            if (!ended)
                EXPECT(world, rows[i].info.in_flight == in_flight(world, worker), "%s has %u in flight, and says %u",
                       worker->name, in_flight(world, worker), rows[i].info.in_flight);
            workers += !ended;
        }
    there = 0;
    for (uint32_t i = 0; i < world->shape.workers; i++)
        there += world->workers[i].handle && !worker_ended(world, &world->workers[i]);
    EXPECT(world, workers == there, "%u workers were listed of %u", workers, there);
    cover(COVER_LISTED);
}

/* --- what happened ---------------------------------------------------------------------------- */

void notes_open(struct world *world)
{
    weft__core_dest_init(&world->notes.dest);
    WEFT_ASSERT(weft__core_notes_open(world->core, &world->notes.dest) == WEFT_OK);
}

static void expect_note(struct world *world, const struct core_note *note)
{
    struct sim_notes *notes = &world->notes;
    EXPECT(world, note->at_ns == world->now_ns, "a note of another time");
    switch (note->kind) {
    case WEFT_NODE_CHANNEL_DECLARED: notes->channels++; break;
    case WEFT_NODE_CHANNEL_DELETED: notes->channels--; break;
    case WEFT_NODE_REGISTERED: notes->workers++; break;
    case WEFT_NODE_WORKER_LOST:
        cover(COVER_NOTED_LOST);
        notes->workers--;
        break;
    case WEFT_NODE_UNREGISTERED: notes->workers--; break;
    case WEFT_NODE_DIED: notes->deaths++; break;
    case WEFT_NODE_DEGRADED: notes->degraded++; break;
    case WEFT_NODE_RECOVERED:
        cover(COVER_NOTED_RECOVERED);
        notes->degraded--;
        break;
    case WEFT_NODE_FULL: cover(COVER_NOTED_FULL); break;
    case WEFT_NODE_MISSED: sim_fail(world, "a note was missed, and they were taken all the time"); break;
    default: break;
    }
    bool of_channel = note->kind != WEFT_NODE_DIED;
    EXPECT(world, !of_channel == !note->channel[0], "a note of no channel");
}

void observe_notes(struct world *world)
{
    struct sim_notes *notes = &world->notes;
    if (!world->core->notes) return;
    while (notes->dest.items_count) {
        struct core_note note;
        weft__core_note_take(world->core, &note);
        expect_note(world, &note);
    }
    uint32_t channels = 0, workers = 0, degraded = 0;
    const struct list_node *all = &world->core->channel_list;
    for (const struct list_node *node = all->next; node != all; node = node->next) {
        const struct core_channel *channel = list_record(node, struct core_channel, on_core);
        channels++;
        workers += channel->workers_count;
        degraded += channel->queued > 0 && channel->workers_count == 0;
    }
    EXPECT(world, notes->channels == channels, "%u channels were noted of %u", notes->channels, channels);
    EXPECT(world, notes->degraded == degraded, "%u channels were noted degraded of %u", notes->degraded, degraded);
    EXPECT(world, notes->deaths == world->stats.deaths, "a death was not noted, or twice");
    if (!weft__core_has_work(world->core)) /* those of deleted channels are on their way */
        EXPECT(world, notes->workers == workers, "%u workers were noted of %u", notes->workers, workers);
}
