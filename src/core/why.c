/* why.c: why something waits. See inspect.h.
 *
 * What is said of a request is what admission would do, by its own rules (weft__would_admit); what is said of a worker is
 * what the one predicate says (weft__refusal), and the data that it looked at. */
#include "core/state.h"

#include <string.h>

static void channel_fill(struct core *core, const struct core_channel *channel, const struct core_dispatch *dispatch,
                         struct core_why *why)
{
    const struct core_class *class = dispatch->class;
    const struct named_schema *met = weft__message_schema(dispatch->payload);
    why->channel = channel->slot.handle;
    weft__name_copy(why->channel_name, sizeof(why->channel_name), channel->name);
    weft__name_copy(why->activity_type, sizeof(why->activity_type), class->name);
    why->channel_state = channel->state;
    why->workers = channel->workers_count;
    why->able = weft__able_count(&channel->any, met) + (class->name ? weft__able_count(class, met) : 0);
    weft__schema_row(met, &why->schema);
    why->queued = channel->queued;
    why->depth_max = channel->options.depth_max;
    why->has_death = channel->deaths && weft__channel_deaths(channel, &why->death, 1) > 0;
    why->death_ago_ns = why->has_death ? core->now_ns - why->death.seen_ns : 0;
}

/* --- a request -------------------------------------------------------------------------------- */

weft_error weft__core_why_request(struct core *core, uint64_t now_ns, const struct core_request *request,
                                  struct core_why *why)
{
    core->now_ns = now_ns;
    struct core_admitted admitted = {.admission = WEFT_ADMISSION_NONE};
    struct core_dispatch draft = {.attempts = 0};
    struct core_class unknown = {.refs = 0};
    struct core_worker *worker;
    *why = (struct core_why){.standing = WEFT_STANDING_REQUEST, .budget = CORE_HOLD_MAX};
    if (core->closing) return WEFT_ECLOSED;
    struct core_channel *channel = weft__channel_find(core, request->channel_hash, request->channel);
    if (!channel) return WEFT_ENOCHANNEL;
    if (channel->kind != CHANNEL_DISPATCH) return WEFT_EINVAL;
    weft__message_meet(request->payload, channel->contract); /* nobody else has it */
    weft_error error = weft__would_admit(core, channel, request, &draft, &unknown, &admitted, &worker);
    if (error && error != WEFT_EREJECTED) return error;
    channel_fill(core, channel, &draft, why);
    why->passed_over = weft__out_of_reach(core, &draft);
    why->admission = admitted.admission;
    why->reason = admitted.reason;
    why->retry_after_ms = admitted.retry_after_ms;
    why->blocks = admitted.blocks;
    if (worker) weft__name_copy(why->worker, sizeof(why->worker), worker->name->text);
    return WEFT_OK;
}

/* --- a dispatch ------------------------------------------------------------------------------- */

/* Those of higher priority, and those of its own that came before it: looks at no more than it says. */
static uint32_t ahead_of(const struct core_channel *channel, const struct core_dispatch *dispatch, int32_t *budget)
{
    uint32_t ahead = 0;
    for (unsigned p = 0; p < dispatch->priority; p++)
        ahead += channel->queued_by_priority[p];
    const struct list_node *node = channel->queues[dispatch->priority].next;
    for (; node != &dispatch->on_channel && ahead < WEFT_AHEAD_MAX; node = node->next, --*budget)
        ahead++;
    return ahead < WEFT_AHEAD_MAX ? ahead : WEFT_AHEAD_MAX;
}

static void task_fill(const struct core *core, const struct core_dispatch *dispatch, const struct core_task *task,
                      struct core_why *why)
{
    why->standing = dispatch->state == DISPATCH_FENCED ? WEFT_STANDING_FENCED : WEFT_STANDING_ASSIGNED;
    why->taken = task->state == CORE_TASK_TAKEN;
    why->attempt = task->attempt;
    why->waits_ns = core->now_ns - (why->taken ? dispatch->entered_ns : dispatch->waiting_since_ns);
    weft__name_copy(why->worker, sizeof(why->worker), task->worker->name->text);
}

/* Of one that has joined what a key stands for: that. NULL: there is none. ended: it has this outcome. */
static const struct core_dispatch *find(const struct core *core, weft_dispatch_id id, weft_outcome *ended)
{
    const struct core_dispatch *dispatch = weft__dispatch_find(core, id);
    *ended = WEFT_OUTCOME_NONE;
    if (!dispatch) return NULL;
    if (dispatch->state == DISPATCH_SETTLED) *ended = (weft_outcome)dispatch->outcome;
    if (dispatch->state != DISPATCH_JOINED) return dispatch;
    if (!dispatch->key->inner) *ended = (weft_outcome)dispatch->key->outcome;
    return dispatch->key->inner ? dispatch->key->inner : dispatch;
}

weft_error weft__core_why_dispatch(struct core *core, uint64_t now_ns, weft_dispatch_id id, struct core_why *why)
{
    core->now_ns = now_ns;
    weft_outcome ended;
    const struct core_dispatch *dispatch = find(core, id, &ended);
    *why = (struct core_why){.id = id, .budget = CORE_HOLD_MAX};
    if (!dispatch) return WEFT_ENOTFOUND;
    why->state = dispatch->state;
    why->attempts = dispatch->attempts;
    why->attempts_max = dispatch->redispatches ? dispatch->attempts_max : 1;
    why->cancelling = dispatch->cancelling;
    if (ended) {
        why->standing = WEFT_STANDING_ENDED;
        why->outcome = ended;
        return WEFT_OK;
    }
    const struct core_channel *channel = weft__channel_of(dispatch);
    channel_fill(core, channel, dispatch, why);
    if (dispatch->state == DISPATCH_QUEUED) {
        why->standing = WEFT_STANDING_QUEUED;
        why->attempt = dispatch->attempts;
        why->waits_ns = now_ns - dispatch->waiting_since_ns;
        why->passed_over = weft__out_of_reach(core, dispatch);
        why->ahead = ahead_of(channel, dispatch, &why->budget);
    } else {
        task_fill(core, dispatch, weft__task_of(dispatch), why);
    }
    return WEFT_OK;
}

/* --- each worker ------------------------------------------------------------------------------ */

/* What the rule looked at. */
static void data_fill(const struct core *core, const struct core_worker *worker, const struct core_dispatch *dispatch,
                      struct core_refusal_row *row)
{
    const struct core_session *session = worker->session;
    row->cause = session->cause;
    row->died_ago_ns = session->state == CORE_SESSION_DEAD ? core->now_ns - session->died_ns : 0;
    row->retry_in_ns = 0;
    if (dispatch->extras && weft__tries(dispatch, worker) > 0 && dispatch->extras->retry_ns > core->now_ns)
        row->retry_in_ns = dispatch->extras->retry_ns - core->now_ns;
    row->group_busy = worker->group ? worker->group->busy : 0;
    row->group_limit = worker->group ? worker->group->limit : 0;
}

static bool refusals(struct core *core, const struct core_dispatch *dispatch, struct core_why *why, uint64_t *cursor,
                     struct core_refusal_row *rows, size_t max, size_t *count, struct core_text *text)
{
    uint32_t index = (uint32_t)*cursor;
    while (*count < max) {
        const struct core_worker *worker = weft__next_live(&core->workers, &index, &why->budget);
        if (!worker) break;
        if (worker->ended || worker->channel->slot.handle != why->channel) continue;
        struct core_refusal_row *row = &rows[*count];
        if (!weft__worker_row(core, worker, &row->worker, text, &why->budget)) {
            index--;
            break;
        }
        row->rule = weft__refusal(core, worker, dispatch);
        data_fill(core, worker, dispatch, row);
        ++*count;
    }
    *cursor = index;
    return index < core->workers.slots_made || *count > 0;
}

bool weft__core_refusals_next(struct core *core, uint64_t now_ns, const struct core_request *request,
                              struct core_why *why, uint64_t *cursor, struct core_refusal_row *rows, size_t max,
                              size_t *count, struct core_text *text, bool *changed)
{
    core->now_ns = now_ns;
    text->used = 0;
    *count = 0;
    *changed = false;
    if (!request) {
        weft_outcome ended;
        const struct core_dispatch *dispatch = find(core, why->id, &ended);
        *changed = !dispatch || dispatch->state != why->state || dispatch->attempts != why->attempts;
        if (*changed || ended) return false;
        return refusals(core, dispatch, why, cursor, rows, max, count, text);
    }
    struct core_dispatch draft = {.payload = request->payload};
    struct core_class unknown = {.refs = 0};
    struct core_channel *channel = weft__slotmap_find(&core->channels, why->channel);
    *changed = !channel || channel->deleted || channel->contract != request->payload->contract;
    if (*changed) return false;
    draft.class = weft__class_find(channel, request->activity_type_hash, request->activity_type);
    if (!draft.class) draft.class = &unknown;
    return refusals(core, &draft, why, cursor, rows, max, count, text);
}
