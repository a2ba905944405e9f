/* dispatch.c: the life of a dispatch, from admission to its one outcome.
 *
 *                 place                  taken, result
 *   admitted --------------> ASSIGNED ------------------> SETTLED --> fetched, forgotten
 *      |                      ^    |  ^                      ^
 *      | no worker            |    |  +----- its attempt is lost: FENCED until that is released, then placed again
 *      +--------> QUEUED -----+    |                         |
 *                    |             |                         |
 *                    +-------------+--- timeout, cancel, caller dead, shed, node closed
 *
 * One that comes with a key goes the same way, for nobody: who asked for it stands beside it, JOINED (see key.c).
 *
 * settle() is the only way to the outcome, whoever brings it; whatever the dispatch held is given back there. */
#include "core/state.h"

#include <string.h>

#include "base/clock.h"

/* --- timers: one for each dispatch, set to the earliest of what can run out in its state ------ */

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static bool is_taken(const struct core_dispatch *dispatch)
{
    return dispatch->state == DISPATCH_ASSIGNED && dispatch->task->state == CORE_TASK_TAKEN;
}

static uint64_t after(uint64_t since_ns, uint32_t ms)
{
    return ms == WEFT_FOREVER ? CORE_NEVER : weft__clock_after_ms(since_ns, ms);
}

void weft__dispatch_timer(struct core *core, struct core_dispatch *dispatch)
{
    uint64_t at_ns = dispatch->close_deadline_ns;
    if (dispatch->state == DISPATCH_SETTLED || dispatch->state == DISPATCH_JOINED) {
        /* only when it is forgotten, or has waited long enough */
    } else if (is_taken(dispatch)) {
        if (!weft__task_awaited(dispatch->task)) {
            at_ns = earlier(at_ns, after(dispatch->entered_ns, dispatch->start_to_close_ms));
            at_ns = earlier(at_ns, after(dispatch->beat_ns, dispatch->heartbeat_ms));
        }
        if (dispatch->cancelling) at_ns = earlier(at_ns, dispatch->grace_ns);
    } else {
        if (!dispatch->started) at_ns = earlier(at_ns, dispatch->start_deadline_ns);
        if (dispatch->state == DISPATCH_QUEUED && dispatch->tried_count > 0 && dispatch->extras &&
            dispatch->extras->retry_ns > core->now_ns)
            at_ns = earlier(at_ns, dispatch->extras->retry_ns);
    }
    weft__timer_set(core, &dispatch->timer, at_ns);
}

void weft__dispatch_expired(struct core *core, struct core_dispatch *dispatch)
{
    uint64_t now_ns = core->now_ns;
    const char *ran_out = NULL;
    if (dispatch->state == DISPATCH_SETTLED) {
        weft__dispatch_forget(core, dispatch);
        return;
    }
    if (dispatch->state != DISPATCH_JOINED && weft__channel_of(dispatch)->hidden) {
        weft__uplink_expired(core, dispatch);
        return;
    }
    bool runs = is_taken(dispatch) && !weft__task_awaited(dispatch->task);
    if (is_taken(dispatch) && weft__stream_waits(dispatch)) dispatch->beat_ns = now_ns; /* it is alive */
    if (now_ns >= dispatch->close_deadline_ns || dispatch->state == DISPATCH_JOINED)
        ran_out = "schedule_to_close";
    else if (!dispatch->started && now_ns >= dispatch->start_deadline_ns)
        ran_out = "schedule_to_start";
    else if (runs && now_ns >= after(dispatch->entered_ns, dispatch->start_to_close_ms))
        ran_out = "start_to_close";
    else if (runs && now_ns >= after(dispatch->beat_ns, dispatch->heartbeat_ms))
        ran_out = "heartbeat";
    if (ran_out) {
        weft__settle(core, dispatch, WEFT_TIMED_OUT, ran_out, NULL);
        return;
    }
    if (is_taken(dispatch) && dispatch->cancelling && now_ns >= dispatch->grace_ns) {
        weft__settle(core, dispatch, WEFT_CANCELLED, "cancel_grace", NULL);
        return;
    }
    if (dispatch->state == DISPATCH_QUEUED) { /* it has waited for an untried worker: another will do now */
        weft__queue_remove(core, dispatch);
        weft__place(core, dispatch);
    }
    weft__dispatch_timer(core, dispatch);
}

/* --- admission -------------------------------------------------------------------------------- */

static const char *const rejections[] = {
#define REJECTION_TEXT(name, number, text) [number] = text,
    WEFT_REJECTIONS(REJECTION_TEXT)
#undef REJECTION_TEXT
};

static weft_error refuse(struct core_admitted *admitted, weft_rejection reason, uint32_t retry_after_ms)
{
    admitted->admission = WEFT_ADMISSION_REJECTED;
    admitted->reason = rejections[reason];
    admitted->retry_after_ms = retry_after_ms;
    return WEFT_EREJECTED;
}

weft_error weft__reject(struct core *core, struct core_channel *channel, struct core_admitted *admitted,
                        weft_rejection reason, uint32_t retry_after_ms)
{
    if (!admitted->blocks) {
        channel->rejected++;
        channel->rejected_by[reason]++;
        core->stats.rejected++;
        if (reason == WEFT_REJECTED_QUEUE_FULL) weft__note_full(core, channel);
    }
    return refuse(admitted, reason, retry_after_ms);
}

/* When a place in the queue may be free: after a quarter of the queue at the pace of late, within 1 ms and 10 s. */
uint32_t weft__retry_after_ms(const struct core_channel *channel)
{
    if (channel->service_ns == 0) return 100;
    uint64_t ms = channel->service_ns * (1 + channel->queued / 4) / NS_PER_MS;
    return ms < 1 ? 1 : ms > 10000 ? 10000 : (uint32_t)ms;
}

static bool has_room(const struct core_channel *channel, size_t charge_bytes)
{
    return channel->queued < channel->options.depth_max &&
           channel->queued_bytes + charge_bytes <= channel->options.bytes_max;
}

/* How many of the newest of the lowest priorities below that one must go to make room. 0: all would not be enough. */
static uint32_t to_shed(const struct core_channel *channel, unsigned priority, size_t charge_bytes)
{
    uint32_t items = 0;
    uint64_t bytes = 0;
    for (unsigned p = CORE_PRIORITIES - 1; p > priority && items < CORE_HOLD_MAX; p--) {
        const struct list_node *queue = &channel->queues[p];
        for (const struct list_node *node = queue->prev; node != queue && items < CORE_HOLD_MAX; node = node->prev) {
            const struct core_dispatch *victim = list_record(node, struct core_dispatch, on_channel);
            items++;
            bytes += sizeof(*victim) + victim->payload->charge_bytes;
            if (channel->queued - items < channel->options.depth_max &&
                channel->queued_bytes - bytes + charge_bytes <= channel->options.bytes_max)
                return items;
        }
    }
    return 0;
}

/* All or nothing: what would not be enough is not shed. */
static bool shed(struct core *core, struct core_channel *channel, unsigned priority, size_t charge_bytes)
{
    uint32_t items = to_shed(channel, priority, charge_bytes);
    if (items == 0) return false;
    weft__note_full(core, channel);
    for (unsigned p = CORE_PRIORITIES - 1; items > 0; p--)
        for (struct list_node *queue = &channel->queues[p]; items > 0 && !list_empty(queue); items--)
            weft__settle(core, list_record(queue->prev, struct core_dispatch, on_channel), WEFT_REJECTED, "shed", NULL);
    return true;
}

static uint32_t inherit_ms(uint32_t asked_ms, uint32_t channel_ms)
{
    return asked_ms ? asked_ms : channel_ms;
}

static uint8_t inherit_u8(unsigned asked, unsigned channel)
{
    return (uint8_t)(asked ? asked : channel);
}

/* Whether it may need a timer while no attempt of it runs. */
static bool may_be_timed(const struct core_dispatch *dispatch)
{
    return dispatch->detached || dispatch->redispatches || dispatch->start_deadline_ns != CORE_NEVER ||
           dispatch->close_deadline_ns != CORE_NEVER;
}

static uint64_t session_half(const struct core *core, const struct core_request *request)
{
    return core->limits.public_session ? core->limits.public_session : request->session & ~CORE_STRANGE_SESSION;
}

void weft__dispatch_name(const struct core *core, struct core_dispatch *dispatch, const struct core_request *request)
{
    dispatch->strange = request->id.number != 0;
    dispatch->session_id = dispatch->strange ? request->id.session : session_half(core, request);
    if (dispatch->strange)
        dispatch->number = request->id.number;
    else
        dispatch->context2 = request->context2;
}

/* What a key stands for has a number of ours, whoever has asked. */
static void name_inner(const struct core *core, struct core_dispatch *dispatch, const struct core_request *request)
{
    dispatch->session_id = request->id.number ? 0 : session_half(core, request);
    dispatch->context2 = request->context2;
}

static void fill_in(struct core *core, struct core_dispatch *dispatch, const struct core_request *request,
                    struct core_class *class)
{
    struct core_channel *channel = class->channel;
    const weft_channel_options *o = &channel->options;
    dispatch->class = class;
    if (request->key)
        name_inner(core, dispatch, request);
    else
        weft__dispatch_name(core, dispatch, request);
    dispatch->dest = request->key ? NULL : request->dest;
    dispatch->payload = request->payload;
    dispatch->priority = request->priority;
    dispatch->detached = request->detached && !request->key;
    dispatch->token = request->token;
    dispatch->context = request->context;
    dispatch->sticky_hash = request->sticky_hash ? request->sticky_hash : core->arrival * UINT64_C(0x9e3779b97f4a7c15);
    dispatch->redispatches = inherit_u8(request->on_crash, o->on_crash) == WEFT_CRASH_REDISPATCH;
    dispatch->attempts_max = inherit_u8(
        request->attempts_max > CORE_ATTEMPTS_MAX ? CORE_ATTEMPTS_MAX : request->attempts_max, o->attempts_max);
    dispatch->start_to_close_ms = inherit_ms(request->start_to_close_ms, o->start_to_close_ms);
    dispatch->heartbeat_ms = inherit_ms(request->heartbeat_ms, o->heartbeat_ms);
    dispatch->start_deadline_ns =
        after(core->now_ns, inherit_ms(request->schedule_to_start_ms, o->schedule_to_start_ms));
    dispatch->close_deadline_ns =
        after(core->now_ns, inherit_ms(request->schedule_to_close_ms, o->schedule_to_close_ms));
    dispatch->timed = may_be_timed(dispatch);
    dispatch->waiting_since_ns = core->now_ns;
    list_init(&dispatch->item.on);
    list_init(&dispatch->on_session);
}

static void free_extras(struct core *core, struct core_extras *extras)
{
    if (!extras) return;
    weft__stream_free(core, extras->stream);
    weft__letter_give(core, extras->letter);
    weft__mem_free(core->mem, extras);
}

static bool make_extras(struct core *core, struct core_channel *channel, const struct core_request *request,
                        struct core_key *key, struct core_extras **extras)
{
    *extras = NULL;
    bool redispatches = inherit_u8(request->on_crash, channel->options.on_crash) == WEFT_CRASH_REDISPATCH;
    if (!redispatches && !key && !channel->keeper && !request->updated) return true;
    struct core_extras *made = weft__mem_zalloc(core->mem, sizeof(*made));
    if (!made) return false;
    made->key = key;
    if (request->updated) made->stream = weft__stream_new(core, request);
    if (channel->keeper) made->letter = weft__letter_reserve(core, channel, request);
    if ((request->updated && !made->stream) || (channel->keeper && !made->letter)) {
        free_extras(core, made);
        return false;
    }
    *extras = made;
    return true;
}

/* The uplink has one, which takes all. */
static struct core_worker *worker_for(struct core *core, const struct core_dispatch *dispatch)
{
    const struct core_channel *channel = weft__channel_of(dispatch);
    if (!channel->hidden) return channel->state == WEFT_CHANNEL_OPEN ? weft__select(core, dispatch) : NULL;
    struct core_worker *worker = core->uplink->worker;
    return weft__refusal(core, worker, NULL) == WEFT_RULE_ELIGIBLE ? worker : NULL;
}

/* key: whose inner dispatch it is to be; NULL = none. */
weft_error weft__admit(struct core *core, struct core_channel *channel, const struct core_request *request,
                       struct core_key *key, struct core_admitted *admitted, struct core_dispatch **made)
{
    if (core->dispatches.live_count >= core->limits.dispatches_max) return WEFT_ELIMIT;
    admitted->channel = channel->slot.handle;
    if (channel->state == WEFT_CHANNEL_DRAINING || channel->state == WEFT_CHANNEL_DRAINED)
        return weft__reject(core, channel, admitted, WEFT_REJECTED_DRAINING, 0);
    if (request->too_large || request->payload->size_bytes > channel->options.payload_bytes_max)
        return weft__reject(core, channel, admitted, WEFT_REJECTED_PAYLOAD_TOO_LARGE, 0);
    struct core_class *class = weft__class_find(channel, request->activity_type_hash, request->activity_type);
    const struct named_schema *met = weft__message_schema(request->payload);
    uint32_t workers = weft__able_count(&channel->any, met) + (class && class->name ? weft__able_count(class, met) : 0);
    if (workers == 0 && inherit_u8(request->no_worker, channel->options.no_worker) == WEFT_NO_WORKER_REJECT)
        return weft__reject(core, channel, admitted, WEFT_REJECTED_NO_WORKER, 0);

    struct core_extras *extras;
    weft_error error = WEFT_ENOMEM;
    if (!channel->latency) channel->latency = weft__mem_zalloc(core->mem, sizeof(*channel->latency));
    if (!channel->latency || !weft__slotmap_ensure(&core->dispatches, core->dispatches.live_count + 1) ||
        !weft__tasks_reserve(core, 0, CORE_ATTEMPTS_MAX) || !make_extras(core, channel, request, key, &extras))
        return WEFT_ENOMEM;
    if (!class) class = weft__class_get(core, channel, request->activity_type_hash, request->activity_type, &error);
    if (!class) {
        free_extras(core, extras);
        return error;
    }

    class->refs++;
    struct core_dispatch *dispatch = weft__slotmap_take(&core->dispatches);
    dispatch->extras = extras;
    if (extras && extras->stream) extras->stream->dispatch = dispatch;
    dispatch->arrival = core->arrival + 1;
    fill_in(core, dispatch, request, class);
    size_t charge_bytes = sizeof(*dispatch) + request->payload->charge_bytes;
    struct core_worker *worker = worker_for(core, dispatch);
    bool fits =
        has_room(channel, charge_bytes) || weft__reaching(core, dispatch, worker) ||
        (channel->options.queue_full == WEFT_SHED_LOWEST && shed(core, channel, dispatch->priority, charge_bytes));
    if (!fits) {
        weft__slotmap_give(&core->dispatches, dispatch);
        weft__class_drop(core, class);
        free_extras(core, extras);
        uint32_t start_ms = inherit_ms(request->schedule_to_start_ms, channel->options.schedule_to_start_ms);
        uint32_t close_ms = inherit_ms(request->schedule_to_close_ms, channel->options.schedule_to_close_ms);
        admitted->blocks =
            request->waits && channel->options.queue_full == WEFT_BLOCK && charge_bytes <= channel->options.bytes_max;
        admitted->block_ms = start_ms < close_ms ? start_ms : close_ms;
        return weft__reject(core, channel, admitted, WEFT_REJECTED_QUEUE_FULL, weft__retry_after_ms(channel));
    }

    core->arrival++;
    core->timed_count += dispatch->timed;
    weft__potential(core, dispatch);
    channel->open++;
    channel->dispatched++;
    core->stats.dispatched++;
    core->stats.dispatches_open++;
    *made = dispatch;
    if (dispatch->strange) weft__ids_add(core, dispatch);
    if (dispatch->dest) list_push_back(&dispatch->dest->open, &dispatch->item.on);
    /* Where others wait it goes behind them, and a worker that none of them may have takes it from there. */
    if (worker && channel->queued == 0)
        weft__assign(core, dispatch, worker);
    else
        weft__place(core, dispatch);
    if (dispatch->start_deadline_ns != CORE_NEVER || dispatch->close_deadline_ns != CORE_NEVER)
        weft__dispatch_timer(core, dispatch);
    dispatch->admission = dispatch->state == DISPATCH_ASSIGNED ? WEFT_ADMISSION_ACCEPTED : WEFT_ADMISSION_DEFERRED;
    if (channel->hidden) dispatch->admission = WEFT_ADMISSION_SENT;
    weft__note_room(channel);
    admitted->admission = (weft_admission)dispatch->admission;
    admitted->id = weft__dispatch_id(dispatch);
    return WEFT_OK;
}

/* For a caller of its own. */
static weft_error admit(struct core *core, struct core_channel *channel, const struct core_request *request,
                        struct core_session *session, struct core_admitted *admitted)
{
    struct core_dispatch *dispatch = NULL;
    session->hanging_count++; /* shedding may end others of its dispatches */
    weft_error error = weft__admit(core, channel, request, NULL, admitted, &dispatch);
    if (error) {
        session->hanging_count--;
        return error;
    }
    WEFT_ASSERT(dispatch);
    dispatch->session = session;
    list_push_back(&session->dispatches, &dispatch->on_session);
    return WEFT_OK;
}

/* As admit, before anything is known of the payload. draft and unknown are zeroed, and the caller's: the dispatch that it
 * would be, and its activity type where the channel does not know that. *worker: who would get it; NULL: nobody. */
weft_error weft__would_admit(struct core *core, struct core_channel *channel, const struct core_request *request,
                             struct core_dispatch *draft, struct core_class *unknown, struct core_admitted *admitted,
                             struct core_worker **worker)
{
    const weft_channel_options *o = &channel->options;
    struct core_session *session = weft__slotmap_find(&core->sessions, request->session);
    *worker = NULL;
    if (!session || session->state == CORE_SESSION_DEAD) return WEFT_EDEAD;
    if (core->dispatches.live_count >= core->limits.dispatches_max) return WEFT_ELIMIT;
    struct core_class *class = weft__class_find(channel, request->activity_type_hash, request->activity_type);
    const struct named_schema *met = weft__message_schema(request->payload);
    uint32_t workers = weft__able_count(&channel->any, met) + (class && class->name ? weft__able_count(class, met) : 0);
    bool types_full = !class && channel->classes_count >= CORE_TYPES_MAX;
    if (!class) {
        class = unknown;
        class->channel = channel;
        class->name = (char *)(uintptr_t)request->activity_type; /* only looked at */
        list_init(&class->seats);
    }
    fill_in(core, draft, request, class);
    draft->session = session;
    draft->arrival = core->arrival + 1;
    if (channel->state == WEFT_CHANNEL_DRAINING || channel->state == WEFT_CHANNEL_DRAINED)
        return refuse(admitted, WEFT_REJECTED_DRAINING, 0);
    if (workers == 0 && inherit_u8(request->no_worker, o->no_worker) == WEFT_NO_WORKER_REJECT)
        return refuse(admitted, WEFT_REJECTED_NO_WORKER, 0);
    if (types_full) return WEFT_ELIMIT;
    size_t charge_bytes = sizeof(*draft) + sizeof(struct message) + 1;
    struct core_worker *chosen = channel->state == WEFT_CHANNEL_OPEN ? weft__select(core, draft) : NULL;
    *worker = weft__reaching(core, draft, chosen);
    if (*worker && o->policy == WEFT_STICKY) *worker = chosen; /* whoever comes to it leaves it to the one of its key */
    admitted->admission = *worker ? WEFT_ADMISSION_ACCEPTED : WEFT_ADMISSION_DEFERRED;
    if (*worker || has_room(channel, charge_bytes) ||
        (o->queue_full == WEFT_SHED_LOWEST && to_shed(channel, request->priority, charge_bytes)))
        return WEFT_OK;
    admitted->blocks = o->queue_full == WEFT_BLOCK && charge_bytes <= o->bytes_max;
    return refuse(admitted, WEFT_REJECTED_QUEUE_FULL, weft__retry_after_ms(channel));
}

bool weft__core_dispatch_fits(struct core *core, const char *name, uint64_t hash, size_t size_bytes)
{
    const struct core_channel *channel = weft__channel_find(core, hash, name);
    return !channel || channel->kind != CHANNEL_DISPATCH || size_bytes <= channel->options.payload_bytes_max;
}

/* Whoever was woken for the room may have taken less of it, or none: the next that waits is told. One that goes on
 * waiting has found too little, and another would not do better than by chance. */
static void leave_room(struct core *core, struct core_channel *channel)
{
    if (has_room(channel, sizeof(struct core_dispatch))) weft__wake(core, &channel->room_waiters, false);
}

/* What is too large is not looked at, and rejected. */
static bool is_stale(const struct core_channel *channel, const struct core_request *request)
{
    const struct message *payload = request->payload;
    return payload->contract != channel->contract && !request->met && !request->too_large &&
           payload->size_bytes <= channel->options.payload_bytes_max;
}

weft_error weft__core_dispatch_refuse(struct core *core, uint64_t now_ns, const struct core_request *request,
                                      weft_rejection reason, struct core_admitted *admitted)
{
    core->now_ns = now_ns;
    *admitted = (struct core_admitted){.admission = WEFT_ADMISSION_NONE};
    if (core->closing) return WEFT_ECLOSED;
    struct core_channel *channel = weft__channel_find(core, request->channel_hash, request->channel);
    if (!channel) return WEFT_ENOCHANNEL;
    channel->mismatched++;
    leave_room(core, channel);
    return weft__reject(core, channel, admitted, reason, 0);
}

/* The uplink is known here alone; no channel that has a name has its. */
static struct core_channel *requested(struct core *core, const struct core_request *request)
{
    if (core->uplink && strcmp(request->channel, WEFT_UPLINK_CHANNEL) == 0) return core->uplink->channel;
    return weft__channel_find(core, request->channel_hash, request->channel);
}

weft_error weft__core_dispatch(struct core *core, uint64_t now_ns, const struct core_request *request,
                               struct core_admitted *admitted)
{
    WEFT_ASSERT((request->id.number == 0) == (request->id.session == 0));
    core->now_ns = now_ns;
    *admitted = (struct core_admitted){.admission = WEFT_ADMISSION_NONE};
    if (core->closing) return WEFT_ECLOSED;
    struct core_channel *channel = requested(core, request);
    if (!channel) return WEFT_ENOCHANNEL;
    if (channel->kind != CHANNEL_DISPATCH) return WEFT_EINVAL;
    struct core_session *session = weft__slotmap_find(&core->sessions, request->session);
    weft_error error = WEFT_EDEAD;
    if (session && session->state != CORE_SESSION_DEAD) {
        if (is_stale(channel, request)) {
            admitted->contract = weft__contract_hold(channel->contract);
            error = WEFT_ESTALE;
        } else if (request->id.number && weft__dispatch_find(core, request->id)) {
            error = WEFT_EEXIST;
        } else if (request->id.number && !weft__ids_reserve(core)) {
            error = WEFT_ENOMEM;
        } else {
            error = request->key ? weft__key_dispatch(core, channel, request, session, admitted)
                                 : admit(core, channel, request, session, admitted);
        }
    }
    if (!admitted->blocks) leave_room(core, channel);
    return error;
}

/* --- the outcome ------------------------------------------------------------------------------ */

static void count(struct core *core, struct core_channel *channel, weft_outcome outcome)
{
    weft_node_stats *stats = &core->stats;
    switch (outcome) {
    case WEFT_COMPLETED: channel->completed++, stats->completed++; break;
    case WEFT_FAILED: channel->failed++, stats->failed++; break;
    case WEFT_WORKER_DIED: channel->worker_died++, stats->worker_died++; break;
    case WEFT_TIMED_OUT: channel->timed_out++, stats->timed_out++; break;
    case WEFT_CANCELLED: channel->cancelled++, stats->cancelled++; break;
    case WEFT_REJECTED:
        channel->rejected++, stats->rejected++, channel->shed++, stats->shed++;
        channel->rejected_by[WEFT_REJECTED_SHED]++;
        break;
    case WEFT_NODE_LOST: channel->node_lost++, stats->node_lost++; break;
    case WEFT_OUTCOME_NONE: WEFT_ASSERT(outcome != WEFT_OUTCOME_NONE);
    }
    if (outcome != WEFT_COMPLETED && outcome != WEFT_FAILED) return;
    uint64_t gap_ns = core->now_ns - channel->last_end_ns;
    if (channel->last_end_ns)
        channel->service_ns =
            channel->service_ns ? channel->service_ns - channel->service_ns / 16 + gap_ns / 16 : gap_ns;
    channel->last_end_ns = core->now_ns;
}

uint64_t weft__entered_ns(const struct core *core, const struct core_task *task)
{
    uint64_t entered_ns = __atomic_load_n(&task->started_ns, __ATOMIC_RELAXED); /* its drainer's, unlocked */
    if (task->state == CORE_TASK_ASSIGNED || entered_ns > core->now_ns) return core->now_ns;
    return entered_ns ? entered_ns : task->dispatch->entered_ns;
}

/* Where the time went, up to now. */
static void account(const struct core *core, struct core_dispatch *dispatch, uint64_t *started_ns, uint64_t *run_ns)
{
    const struct core_task *task = weft__task_of(dispatch);
    *started_ns = *run_ns = 0;
    if (!task) {
        dispatch->queued_ns += core->now_ns - dispatch->waiting_since_ns;
        return;
    }
    uint64_t entered_ns = weft__entered_ns(core, task);
    *started_ns = entered_ns - dispatch->waiting_since_ns;
    *run_ns = core->now_ns - entered_ns;
}

/* Of outcomes that have no word in their result. */
static const char *const codes[] = {NULL,
                                    "worker_died",
                                    "abandoned",
                                    "schedule_to_start",
                                    "start_to_close",
                                    "schedule_to_close",
                                    "heartbeat",
                                    "cancelled",
                                    "cancel_grace",
                                    "caller_died",
                                    "caller_closed",
                                    "node_closed",
                                    "shed",
                                    "not_cancelled",
                                    "given_back",
                                    "node_lost",
#define REJECTION_CODE(name, number, text) text, /* a node says so of what went out */
                                    WEFT_REJECTIONS(REJECTION_CODE)
#undef REJECTION_CODE
};
_Static_assert(sizeof(codes) / sizeof(*codes) <= UINT8_MAX, "a code is a byte");

bool weft__code_find(const char *text, uint8_t *found)
{
    for (size_t code = 0; code < sizeof(codes) / sizeof(*codes); code++)
        if (codes[code] == text || (text && codes[code] && strcmp(codes[code], text) == 0)) {
            *found = (uint8_t)code;
            return true;
        }
    return false;
}

const char *weft__code_word(const char *text)
{
    uint8_t code;
    return weft__code_find(text, &code) ? codes[code] : NULL;
}

static uint8_t code_of(const char *text)
{
    uint8_t code;
    bool found = weft__code_find(text, &code);
    WEFT_ASSERT(found);
    return code;
}

const char *weft__code_text(const struct core_dispatch *dispatch)
{
    return codes[dispatch->code];
}

/* Where nobody waits for the outcome, the dispatch is forgotten at once. */
void weft__dispatch_end(struct core *core, struct core_dispatch *dispatch)
{
    struct core_session *session = dispatch->session;
    dispatch->session = NULL;
    if (session) {
        list_remove(&dispatch->on_session);
        session->hanging_count--;
        weft__session_changed(core, session);
    }
    dispatch->close_deadline_ns = CORE_NEVER;
    if (dispatch->dest) {
        list_remove(&dispatch->item.on);
        weft__dispatch_timer(core, dispatch);
        weft__dest_append(core, dispatch->dest, &dispatch->item, CORE_ITEM_OUTCOME);
    } else if (dispatch->detached) {
        dispatch->close_deadline_ns = weft__clock_after_ms(core->now_ns, core->limits.outcome_keep_ms);
        weft__dispatch_timer(core, dispatch);
        weft__wake(core, &core->fetch_waiters, true);
    } else {
        weft__dispatch_forget(core, dispatch);
    }
}

/* One of those who asked for what a key stands for has an end of its own. */
static void settle_asker(struct core *core, struct core_dispatch *asker, weft_outcome outcome, const char *code)
{
    struct core_key *key = asker->key;
    WEFT_ASSERT(outcome == WEFT_CANCELLED || outcome == WEFT_TIMED_OUT);
    weft__key_detach(core, asker);
    asker->outcome = (uint8_t)outcome;
    asker->code = code_of(code);
    asker->queued_ns = core->now_ns - asker->waiting_since_ns;
    weft__dispatch_end(core, asker);
    weft__key_left(core, key);
}

/* What the node has told, which is not as it looks from here. */
static void take_over(struct core_dispatch *dispatch, const struct core_verdict *verdict, struct name *worker)
{
    dispatch->attempts = (uint8_t)verdict->attempts;
    dispatch->admission = (uint8_t)verdict->admission;
    dispatch->queued_ns = verdict->queued_ns;
    dispatch->started_ns = verdict->started_ns;
    dispatch->run_ns = verdict->run_ns;
    dispatch->retry_after_ms = verdict->retry_after_ms;
    dispatch->error = (uint16_t)verdict->error;
    dispatch->worker_name = worker;
}

/* The one end. Takes result, and worker. verdict: the node's, of what went out; else NULL. */
static void settle(struct core *core, struct core_dispatch *dispatch, weft_outcome outcome, uint8_t code,
                   struct message *result, const struct core_verdict *verdict, struct name *worker)
{
    WEFT_ASSERT(dispatch->state != DISPATCH_SETTLED && dispatch->state != DISPATCH_JOINED);
    struct core_channel *channel = weft__channel_of(dispatch);
    struct core_task *task = weft__task_of(dispatch);
    uint64_t started_ns, run_ns;
    account(core, dispatch, &started_ns, &run_ns);
    if (dispatch->state == DISPATCH_QUEUED) weft__queue_remove(core, dispatch);
    if (dispatch->extras && dispatch->extras->letter) weft__letter_settle(core, dispatch, outcome, codes[code]);
    weft__message_drop(dispatch->payload);
    weft__stream_broken(core, dispatch);
    dispatch->state = DISPATCH_SETTLED;
    dispatch->outcome = (uint8_t)outcome;
    dispatch->code = code;
    dispatch->result = result;
    dispatch->started_ns = started_ns;
    dispatch->run_ns = run_ns;
    dispatch->left = task && task->origin ? task : NULL;
    dispatch->retry_after_ms = dispatch->error = 0;
    weft__potential(core, dispatch);
    if (task) weft__task_leave(core, task);
    if (verdict) take_over(dispatch, verdict, worker);
    count(core, channel, outcome);
    weft__latency_count(channel, dispatch);
    weft__class_drop(core, dispatch->class);
    dispatch->class = NULL;
    channel->open--;
    core->stats.dispatches_open--;
    if (dispatch->extras && dispatch->extras->key) weft__key_ended(core, dispatch);
    weft__dispatch_end(core, dispatch);
    weft__channel_changed(core, channel);
    weft__quiet_changed(core);
}

void weft__settle(struct core *core, struct core_dispatch *dispatch, weft_outcome outcome, const char *code,
                  struct message *result)
{
    if (dispatch->state == DISPATCH_JOINED)
        settle_asker(core, dispatch, outcome, code);
    else
        settle(core, dispatch, outcome, code_of(code), result, NULL, NULL);
}

void weft__settle_verdict(struct core *core, struct core_dispatch *dispatch, const struct core_verdict *verdict,
                          uint8_t code, struct name *worker)
{
    settle(core, dispatch, verdict->outcome, code, verdict->message, verdict, worker);
}

/* Of a remote one whose task goes on the record stays: what comes of that is found by it. One that was handed has more to
 * tell to where its outcome went; one that went out has not. */
static void forget_but(struct core_dispatch *dispatch)
{
    dispatch->told = true;
    dispatch->detached = dispatch->timed = false;
    dispatch->result = NULL;
    dispatch->worker_name = NULL;
    dispatch->extras = NULL;
    dispatch->close_deadline_ns = CORE_NEVER;
    if (!dispatch->handed) dispatch->dest = NULL;
    if (dispatch->dest) list_push_back(&dispatch->dest->open, &dispatch->item.on);
}

void weft__dispatch_forget(struct core *core, struct core_dispatch *dispatch)
{
    WEFT_ASSERT(dispatch->state == DISPATCH_SETTLED);
    core->timed_count -= dispatch->timed;
    if (dispatch->strange) weft__ids_remove(core, dispatch);
    weft__heap_remove(&core->timers, &dispatch->timer);
    weft__message_drop(dispatch->result);
    weft__name_drop(dispatch->worker_name);
    free_extras(core, dispatch->extras);
    if (dispatch->left)
        forget_but(dispatch);
    else
        weft__slotmap_give(&core->dispatches, dispatch);
}

/* What the node is to be told of a task that it has handed to us. */
static enum core_result_kind said_of(const struct core_dispatch *dispatch)
{
    const char *code = weft__code_text(dispatch);
    switch ((weft_outcome)dispatch->outcome) {
    case WEFT_COMPLETED: return CORE_RESULT_COMPLETE;
    case WEFT_FAILED: return CORE_RESULT_FAIL;
    case WEFT_CANCELLED:
        if (strcmp(code, "cancelled") == 0) return CORE_RESULT_CANCEL_ACK;
        return strcmp(code, "given_back") == 0 || !dispatch->started ? CORE_RESULT_GIVEN_BACK : CORE_RESULT_ABANDON;
    case WEFT_WORKER_DIED: return strcmp(code, "worker_died") == 0 ? CORE_RESULT_DIED : CORE_RESULT_ABANDON;
    default: return CORE_RESULT_ABANDON;
    }
}

static void hand_out(struct core *core, struct core_dispatch *dispatch, struct core_outcome *outcome)
{
    *outcome = (struct core_outcome){.id = weft__dispatch_id(dispatch),
                                     .outcome = (weft_outcome)dispatch->outcome,
                                     .admission = (weft_admission)dispatch->admission,
                                     .attempts = dispatch->attempts,
                                     .code = weft__code_text(dispatch),
                                     .message = dispatch->result,
                                     .token = dispatch->token,
                                     .context = dispatch->context,
                                     .context2 = dispatch->strange ? NULL : dispatch->context2,
                                     .queued_ns = dispatch->queued_ns,
                                     .started_ns = dispatch->started_ns,
                                     .run_ns = dispatch->run_ns,
                                     .error = (weft_error)dispatch->error,
                                     .retry_after_ms = dispatch->retry_after_ms};
    if (dispatch->handed) {
        outcome->said = said_of(dispatch);
        outcome->runs_on = dispatch->left != NULL;
    }
    if (dispatch->worker_name) weft__name_copy(outcome->worker, sizeof(outcome->worker), dispatch->worker_name->text);
    dispatch->result = NULL;
    weft__dispatch_forget(core, dispatch);
}

enum core_item_kind weft__core_outcome_take(struct core *core, uint64_t now_ns, struct core_dest *dest,
                                            struct core_outcome *outcome, struct core_task **cancelled)
{
    core->now_ns = now_ns;
    struct list_node *node = list_first(&dest->fifo);
    if (!node) return 0;
    struct core_item *item = list_record(node, struct core_item, on);
    enum core_item_kind kind = item->kind;
    WEFT_ASSERT(kind == CORE_ITEM_OUTCOME || kind == CORE_ITEM_UPDATE || kind == CORE_ITEM_CANCEL);
    weft__dest_remove(dest, item);
    if (kind == CORE_ITEM_CANCEL)
        *cancelled = list_record(item, struct core_task, cancel_item);
    else if (kind == CORE_ITEM_UPDATE)
        weft__update_hand_out(core, list_record(item, struct core_update, item), outcome);
    else
        hand_out(core, list_record(item, struct core_dispatch, item), outcome);
    return kind;
}

weft_error weft__core_outcome_fetch(struct core *core, weft_dispatch_id id, struct core_outcome *outcome,
                                    struct core_waiter *waiter)
{
    struct core_dispatch *dispatch = weft__dispatch_find(core, id);
    if (!dispatch || !dispatch->detached || dispatch->dest) return WEFT_ENOTFOUND;
    if (dispatch->state == DISPATCH_SETTLED) {
        hand_out(core, dispatch, outcome);
        return WEFT_OK;
    }
    if (waiter) list_push_back(&core->fetch_waiters, &waiter->on);
    return WEFT_EAGAIN;
}

/* --- cancelling ------------------------------------------------------------------------------- */

void weft__dispatch_cancel(struct core *core, struct core_dispatch *dispatch)
{
    if (!is_taken(dispatch)) {
        weft__settle(core, dispatch, WEFT_CANCELLED, "cancelled", NULL);
        return;
    }
    if (dispatch->cancelling) return;
    uint32_t grace_ms = weft__channel_of(dispatch)->options.cancel_grace_ms;
    dispatch->cancelling = true;
    dispatch->grace_ns = after(core->now_ns, grace_ms);
    weft__task_cancel(core, dispatch->task);
    weft__stream_stop(core, dispatch);
    weft__dispatch_timer(core, dispatch);
}

weft_error weft__core_cancel(struct core *core, uint64_t now_ns, weft_dispatch_id id)
{
    core->now_ns = now_ns;
    struct core_dispatch *dispatch = weft__dispatch_find(core, id);
    if (!dispatch || dispatch->state == DISPATCH_SETTLED) return WEFT_ENOTFOUND;
    weft__dispatch_cancel(core, dispatch);
    return WEFT_OK;
}

weft_error weft__core_gone(struct core *core, uint64_t now_ns, weft_dispatch_id id)
{
    core->now_ns = now_ns;
    struct core_dispatch *dispatch = weft__dispatch_find(core, id);
    if (!dispatch || dispatch->state == DISPATCH_SETTLED) return WEFT_ENOTFOUND;
    if (!dispatch->detached) weft__settle(core, dispatch, WEFT_CANCELLED, "caller_died", NULL);
    return WEFT_OK;
}

static void forget_unheard(struct core *core, struct core_dispatch *dispatch)
{
    dispatch->dest = NULL;
    weft__dispatch_forget(core, dispatch);
}

static void forget_item(struct core *core, struct core_dest *dest, struct core_item *item)
{
    if (item->kind == CORE_ITEM_TASK) {
        weft__task_unassign(core, list_record(item, struct core_task, item));
        return;
    }
    weft__dest_remove(dest, item);
    if (item->kind == CORE_ITEM_UPDATE)
        weft__update_forget(core, list_record(item, struct core_update, item));
    else if (item->kind == CORE_ITEM_OUTCOME || item->kind == CORE_ITEM_RELEASED)
        forget_unheard(core, list_record(item, struct core_dispatch, item));
    else if (item->kind == CORE_ITEM_ROOM)
        list_record(item, struct core_stream, room_item)->room = 0;
    else if (item->kind == CORE_ITEM_WORKER)
        weft__core_worker_forget(core, list_record(item, struct core_worker, end_item)->slot.handle);
}

bool weft__core_dest_abandon(struct core *core, uint64_t now_ns, struct core_dest *dest)
{
    core->now_ns = now_ns;
    struct list_node *node;
    for (uint32_t moved = 0; moved < CORE_HOLD_MAX; moved++) {
        if ((node = list_first(&dest->open))) { /* these first, or what their tasks send might go on for ever */
            struct core_dispatch *dispatch =
                list_record(list_record(node, struct core_item, on), struct core_dispatch, item);
            if (dispatch->handed) weft__handed_unheard(dispatch);
            moved += weft__stream_end(core, dispatch);
            list_remove(node);
            dispatch->dest = NULL;
            if (!dispatch->detached && !dispatch->told)
                weft__settle(core, dispatch, WEFT_CANCELLED, "caller_closed", NULL);
        } else if ((node = list_first(&dest->fifo))) {
            forget_item(core, dest, list_record(node, struct core_item, on));
        } else {
            return false;
        }
    }
    return true;
}
