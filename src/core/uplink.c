/* uplink.c: dispatches that go out to a node, where they are decided. See remote.h.
 *
 *   weft__core_dispatch            taken from the uplink's destination                verdict
 *   -------------------> ASSIGNED -----------------------------------> TAKEN ---------------------> SETTLED, released
 *                           |                                            |
 *                           +-- cancelled, its caller dead: never sent   +-- its caller dead: SETTLED, but the record
 *                                                                            stays, by its number, to the verdict
 *
 * Here each is a task of the one worker of a hidden channel, which takes as many as come. Its times are the node's to look
 * after; but while that is away schedule_to_close ends it here, and a second later where it is there and has said nothing.
 * Nothing else settles it but the node, its caller's end and the end of this core. The node answers each that was taken
 * once, what is cancelled included; and the number by which it does so is the dispatch's handle, which is never given
 * to another. */
#include "core/state.h"

#include <string.h>

#include "base/clock.h"

enum { UPLINK_CAPACITY = INT32_MAX };
#define OVERDUE_NS (1000 * NS_PER_MS) /* of a call that the node should have ended: until it ends here */

static weft_channel_options uplink_options(void)
{
    weft_channel_options options = WEFT_CHANNEL_OPTIONS;
    options.depth_max = UINT32_MAX;
    options.bytes_max = UINT64_MAX;
    options.payload_bytes_max = UINT32_MAX;
    options.cancel_grace_ms = WEFT_FOREVER;
    options.attempts_max = CORE_ATTEMPTS_MAX; /* the node's to count */
    return options;
}

weft_error weft__core_uplink_open(struct core *core, uint64_t now_ns, uint64_t session_handle, struct core_dest *dest)
{
    core->now_ns = now_ns;
    WEFT_ASSERT(!core->uplink);
    struct core_session *session = weft__slotmap_find(&core->sessions, session_handle);
    if (!session || session->state == CORE_SESSION_DEAD) return WEFT_EDEAD;
    const struct core_worker_spec spec = {
        .name = WEFT_UPLINK_CHANNEL, .max_concurrent = UPLINK_CAPACITY, .session = session_handle, .dest = dest};
    const weft_channel_options options = uplink_options();
    char message[ERROR_TEXT_MAX];
    struct core_uplink *uplink = weft__mem_zalloc(core->mem, sizeof(*uplink));
    if (!uplink) return WEFT_ENOMEM;
    uplink->channel = weft__channel_hidden(core, WEFT_UPLINK_CHANNEL, &options);
    weft_error error = uplink->channel ? WEFT_OK : WEFT_ENOMEM;
    if (!error) error = weft__worker_make(core, session, uplink->channel, &spec, &uplink->worker, message);
    if (error) {
        if (uplink->channel) weft__channel_forget(core, uplink->channel);
        weft__mem_free(core->mem, uplink);
        return error;
    }
    core->uplink = uplink;
    weft__index_update(core, uplink->worker);
    return WEFT_OK;
}

void weft__uplink_free(struct core *core)
{
    if (!core->uplink) return;
    for (int i = 0; i < UPLINK_NAMES; i++)
        weft__name_drop(core->uplink->names[i]);
    weft__mem_free(core->mem, core->uplink);
}

void weft__core_uplink_away(struct core *core, bool away)
{
    core->uplink->away = away;
}

/* The node's own word may be on its way, and says more. Its second begins now: it may be this process that stood still. */
void weft__uplink_expired(struct core *core, struct core_dispatch *dispatch)
{
    const struct core_verdict late = {
        .outcome = WEFT_TIMED_OUT, .admission = WEFT_ADMISSION_SENT, .code = "schedule_to_close"};
    uint8_t code = 0;
    if (!core->uplink->away && !dispatch->overdue) {
        dispatch->overdue = true;
        dispatch->close_deadline_ns = core->now_ns + OVERDUE_NS;
        weft__dispatch_timer(core, dispatch);
        return;
    }
    (void)weft__code_find(late.code, &code);
    weft__settle_verdict(core, dispatch, &late, code, NULL);
}

struct core_task *weft__core_uplink_task(struct core *core, uint64_t call)
{
    const struct core_dispatch *dispatch = weft__slotmap_find(&core->dispatches, call);
    if (!dispatch || dispatch->handed) return NULL;
    struct core_task *task = dispatch->state == DISPATCH_SETTLED ? dispatch->left : weft__task_of(dispatch);
    return task && task->origin && task->state == CORE_TASK_TAKEN ? task : NULL;
}

/* --- verdicts --------------------------------------------------------------------------------- */

/* Few workers do most of the work, so most names are known. NULL: out of memory. */
static struct name *name_of(struct core *core, const char *text)
{
    struct name **known = &core->uplink->names[weft__name_hash(text) % UPLINK_NAMES];
    if (*known && strcmp((*known)->text, text) == 0) return weft__name_hold(*known);
    struct name *name = weft__name_new(core->mem, text);
    if (!name) return NULL;
    weft__name_drop(*known);
    *known = weft__name_hold(name);
    return name;
}

/* A word that is none of ours stands where that of a failure does: as a content type. False: out of memory. */
static bool keep_code(struct core *core, struct core_verdict *verdict, uint8_t *code)
{
    const struct message *message = verdict->message;
    *code = 0;
    if (verdict->outcome == WEFT_COMPLETED || !verdict->code || weft__code_find(verdict->code, code)) return true;
    if (message && weft__message_content_type(message)) return true;
    verdict->message =
        weft__message_new(core->mem, message ? message->bytes : NULL, message ? message->size_bytes : 0, verdict->code);
    return verdict->message != NULL;
}

static bool is_possible(const struct core_verdict *verdict)
{
    return verdict->outcome > WEFT_OUTCOME_NONE && verdict->outcome <= WEFT_NODE_LOST &&
           verdict->attempts <= CORE_ATTEMPTS_MAX && (!verdict->worker || strlen(verdict->worker) <= WEFT_NAME_MAX);
}

weft_error weft__core_verdict(struct core *core, uint64_t now_ns, struct core_task *task,
                              const struct core_verdict *verdict)
{
    core->now_ns = now_ns;
    WEFT_ASSERT(task->origin && !task->origin->handed && task->state == CORE_TASK_TAKEN);
    if (!is_possible(verdict)) return WEFT_EPROTOCOL;
    if (!task->dispatch) {
        weft__task_over(core, task);
        return WEFT_ESTALE;
    }
    struct core_verdict kept = *verdict;
    uint8_t code;
    bool named = kept.worker && *kept.worker;
    struct name *worker = named ? name_of(core, kept.worker) : NULL;
    if ((named && !worker) || !keep_code(core, &kept, &code)) {
        weft__name_drop(worker);
        return WEFT_ENOMEM;
    }
    if (kept.message != verdict->message) weft__message_drop(verdict->message);
    task->settled = true; /* so nobody is told to stop */
    weft__settle_verdict(core, task->dispatch, &kept, code, worker);
    weft__task_over(core, task);
    return WEFT_OK;
}

bool weft__core_uplink_lost(struct core *core, uint64_t now_ns, uint32_t *most)
{
    const struct core_verdict lost = {.outcome = WEFT_NODE_LOST, .admission = WEFT_ADMISSION_SENT, .code = "node_lost"};
    if (!core->uplink) return false;
    for (int n = 0; n < CORE_HOLD_MAX; n++, --*most) {
        if (*most == 0) return false;
        struct list_node *node = list_first(&core->uplink->worker->tasks);
        struct core_task *task = node ? list_record(node, struct core_task, on_worker) : NULL;
        if (!task || task->state != CORE_TASK_TAKEN) return false;
        (void)weft__core_verdict(core, now_ns, task, &lost);
    }
    return core->uplink != NULL;
}

/* --- what comes before them ------------------------------------------------------------------- */

/* The node counts what it sends, and waits for room where the window is full: so each part that has gone from here, and
 * be it unheard, is made known to it once. */
static void make_room_known(struct core *core, struct core_task *task, uint32_t count)
{
    task->heard += count;
    if (!list_linked(&task->item.on)) weft__dest_append(core, task->dest, &task->item, CORE_ITEM_HEARD);
}

void weft__uplink_heard(struct core *core, const struct core_dispatch *dispatch, uint32_t count)
{
    struct core_task *task = weft__task_of(dispatch);
    if (count > 0 && task && task->origin && !dispatch->handed) make_room_known(core, task, count);
}

static weft_error part(struct core *core, struct core_task *task, const struct core_said *said)
{
    const struct core_stream *stream = weft__stream_of(task->dispatch);
    if (!stream) {
        make_room_known(core, task, 1);
        weft__message_drop(said->message);
        return WEFT_OK;
    }
    if (said->number != stream->sent + 1) return WEFT_EPROTOCOL;
    weft_error error = weft__core_partial(core, core->now_ns, task, said->message, NULL, false);
    return error == WEFT_EAGAIN ? WEFT_EPROTOCOL : error;
}

weft_error weft__core_update(struct core *core, uint64_t now_ns, struct core_task *task, const struct core_said *said)
{
    core->now_ns = now_ns;
    WEFT_ASSERT(task->origin && !task->origin->handed && task->state == CORE_TASK_TAKEN);
    if (!task->dispatch) return WEFT_ESTALE;
    struct core_stream *stream = weft__stream_of(task->dispatch);
    if (said->kind == WEFT_UPDATE_RESTARTED) {
        if (!stream) return WEFT_OK;
        if (said->attempt <= stream->attempt || said->attempt > CORE_ATTEMPTS_MAX) return WEFT_EPROTOCOL;
        weft__stream_restarted(core, stream, said->attempt);
        return WEFT_OK;
    }
    if (stream && said->attempt != stream->attempt) return WEFT_EPROTOCOL;
    if (said->kind == WEFT_UPDATE_PARTIAL) return part(core, task, said);
    return weft__core_progress(core, now_ns, task, said->message);
}

/* --- both ways -------------------------------------------------------------------------------- */

void weft__origin_item_take(struct core *core, struct core_dest *dest, struct core_item *item, struct core_taken *taken)
{
    weft__dest_remove(dest, item);
    if (item->kind == CORE_ITEM_RELEASED) {
        struct core_dispatch *dispatch = list_record(item, struct core_dispatch, item);
        taken->token = dispatch->token;
        dispatch->dest = NULL;
        weft__dispatch_forget(core, dispatch);
        return;
    }
    taken->task = list_record(item, struct core_task, item);
    if (item->kind == CORE_ITEM_STARTED) taken->token = taken->task->origin->token;
    if (item->kind == CORE_ITEM_HEARD) {
        taken->count = taken->task->heard;
        taken->task->heard = 0;
    }
}

void weft__origin_over(struct core *core, struct core_task *task)
{
    struct core_dispatch *dispatch = task->origin;
    bool goes_on = task->dispatch != NULL;
    if (task->state == CORE_TASK_TAKEN && list_linked(&task->item.on))
        weft__dest_remove(task->item.kind == CORE_ITEM_STARTED ? dispatch->dest : task->dest, &task->item);
    task->origin = NULL;
    if (goes_on) return;
    dispatch->left = NULL;
    if (!dispatch->told) return;
    list_remove(&dispatch->item.on);
    if (dispatch->dest)
        weft__dest_append(core, dispatch->dest, &dispatch->item, CORE_ITEM_RELEASED);
    else
        weft__dispatch_forget(core, dispatch);
}
