/* task.c: the edge of weft/task.h. A weft_task is a core_task: what it was given at assignment is read as it is, what
 * changes goes through the batch or the core. */
#include <weft/task.h>

#include <errno.h>
#include <string.h>

#include "api/error.h"
#include "base/clock.h"
#include "exec/batch.h"
#include "exec/node.h"

static struct core_task *core_of(weft_task *task)
{
    return (struct core_task *)task;
}

static const struct core_task *core_of_const(const weft_task *task)
{
    return (const struct core_task *)task;
}

/* --- what it is ------------------------------------------------------------------------------- */

weft_bytes weft_task_payload(const weft_task *task)
{
    if (!task) return (weft_bytes){.size = 0};
    const struct message *payload = core_of_const(task)->payload;
    return (weft_bytes){.data = payload->bytes, .size = payload->size_bytes};
}

const char *weft_task_content_type(const weft_task *task)
{
    return task ? weft__message_content_type(core_of_const(task)->payload) : NULL;
}

const char *weft_task_activity_type(const weft_task *task)
{
    return task ? weft__core_task_type(core_of_const(task)) : NULL;
}

uint32_t weft_task_attempt(const weft_task *task)
{
    return task ? core_of_const(task)->attempt : 0;
}

weft_dispatch_id weft_task_dispatch(const weft_task *task)
{
    return task ? core_of_const(task)->id : (weft_dispatch_id){0, 0};
}

const uint8_t *weft_task_schema(const weft_task *task)
{
    const struct named_schema *met = task ? weft__message_schema(core_of_const(task)->payload) : NULL;
    return met ? met->id : NULL;
}

uint32_t weft_task_remaining_ms(const weft_task *task)
{
    if (!task) return 0;
    uint64_t deadline_ns = core_of_const(task)->deadline_ns;
    if (deadline_ns == CORE_NEVER) return WEFT_FOREVER;
    uint64_t now_ns = weft__clock_ns();
    if (deadline_ns <= now_ns) return 0;
    uint64_t remaining_ms = (deadline_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS;
    return remaining_ms < WEFT_FOREVER ? (uint32_t)remaining_ms : WEFT_FOREVER - 1;
}

bool weft_task_cancelled(const weft_task *task)
{
    return task && atomic_load_explicit(&core_of_const(task)->cancelled, memory_order_acquire);
}

/* --- while it runs ---------------------------------------------------------------------------- */

weft_error weft_task_on_cancel(weft_task *task, void (*cancelled)(weft_task *task, void *context), void *context)
{
    if (weft__forked) return weft__error_forked(__func__);
    if (!task || !cancelled) return weft__error_null(__func__, !task ? "task" : "cancelled");
    struct core_task *core_task = core_of(task);
    weft_error error = weft__callbacks_start(core_task->shell.context);
    if (error) return weft__error(error, "weft_task_on_cancel: no callback thread: %s", strerror(errno));
    error = weft__callbacks_on_cancel(core_task, cancelled, context);
    return weft__error(error, "weft_task_on_cancel: the task is settled, or has a callback already");
}

weft_error weft_task_heartbeat(weft_task *task)
{
    if (weft__forked) return weft__error_forked(__func__);
    if (!task) return weft__error_null(__func__, "task");
    weft_node *node = core_of(task)->shell.context;
    uint64_t now_ns = weft__enter(node);
    bool fresh = weft__core_heartbeat(node->core, now_ns, core_of(task));
    weft__leave(node);
    return fresh ? WEFT_OK : weft__error_plain(WEFT_ESTALE, "weft_task_heartbeat");
}

/* From here on it talks to the core directly: its batch may be handed in before it is settled. */
weft_error weft_task_keep(weft_task *task)
{
    if (weft__forked) return weft__error_forked(__func__);
    if (!task) return weft__error_null(__func__, "task");
    struct core_task *core_task = core_of(task);
    struct batch *batch = core_task->shell.executor;
    if (!batch) return weft__error(WEFT_EINVAL, "weft_task_keep: the task is kept already, or was pulled");
    weft__lock(&batch->lock);
    bool keeps = core_task->shell.staged_kind == SAID_NOTHING;
    if (keeps) {
        core_task->shell.kept = true;
        core_task->shell.executor = NULL;
    }
    weft__unlock(&batch->lock);
    return keeps ? WEFT_OK : weft__error(WEFT_EINVAL, "weft_task_keep: the task is settled");
}

/* --- settling --------------------------------------------------------------------------------- */

static weft_error settle(weft_task *task, enum core_result_kind kind, struct message *message)
{
    weft_error error = weft__batch_settle(core_of(task), kind, message);
    if (error == WEFT_EINVAL) return weft__error(error, "the task was settled before");
    return weft__error_plain(error, "task");
}

/* The result breaks the channel's contract: that is how it failed. */
static weft_error settle_mismatch(weft_task *task, const struct mismatch *mismatch)
{
    weft_node *node = core_of(task)->shell.context;
    struct message *message =
        weft__message_new(&node->mem, mismatch->sentence, strlen(mismatch->sentence), "result_schema_mismatch");
    if (!message) return weft__error(WEFT_ENOMEM, "weft_task_complete: no memory for the message");
    weft_error error = settle(task, CORE_RESULT_MISMATCH, message);
    return error ? error : weft__error(WEFT_EMISMATCH, "task: result_schema_mismatch: %s", mismatch->sentence);
}

weft_error weft_task_complete(weft_task *task, weft_bytes result)
{
    if (weft__forked) return weft__error_forked(__func__);
    return weft_task_complete_as(task, result, NULL);
}

weft_error weft_task_complete_as(weft_task *task, weft_bytes result, const char *content_type)
{
    if (weft__forked) return weft__error_forked(__func__);
    if (!task || (!result.data && result.size)) return weft__error_null(__func__, !task ? "task" : "result");
    if (result.size >= UINT32_MAX) return weft__error(WEFT_EINVAL, "weft_task_complete: the result is 4 GiB or more");
    weft_error error = weft__error_content_type("weft_task_complete", content_type);
    if (error) return error;
    weft_node *node = core_of(task)->shell.context;
    struct mismatch mismatch;
    error = weft__contract_result(node, core_of(task)->payload, result, content_type, &mismatch);
    if (error == WEFT_EMISMATCH) return settle_mismatch(task, &mismatch);
    if (error) return weft__error(error, "weft_task_complete: no memory to look at the result");
    struct message *message = weft__message_new(&node->mem, result.data, result.size, content_type);
    if (!message) return weft__error(WEFT_ENOMEM, "weft_task_complete: no memory for %zu bytes", result.size);
    return settle(task, CORE_RESULT_COMPLETE, message);
}

weft_error weft_task_fail(weft_task *task, const char *code, const char *sentence)
{
    if (weft__forked) return weft__error_forked(__func__);
    if (!task || !code) return weft__error_null(__func__, !task ? "task" : "code");
    if (!weft__word_valid(code, "."))
        return weft__error(WEFT_EINVAL, "weft_task_fail: code %.80s: not 1 to 64 of [A-Za-z0-9_.-]", code);
    weft_node *node = core_of(task)->shell.context;
    size_t size = sentence ? strlen(sentence) : 0;
    if (size >= UINT32_MAX) return weft__error(WEFT_EINVAL, "weft_task_fail: the message is 4 GiB or more");
    struct message *message = weft__message_new(&node->mem, sentence, size, code);
    if (!message) return weft__error(WEFT_ENOMEM, "weft_task_fail: no memory for the message");
    return settle(task, CORE_RESULT_FAIL, message);
}

weft_error weft_task_acknowledge_cancel(weft_task *task)
{
    if (weft__forked) return weft__error_forked(__func__);
    static const char sentence[] = "the task acknowledged a cancel that nobody had asked for";
    if (!task) return weft__error_null(__func__, "task");
    if (!weft_task_cancelled(task)) return weft_task_fail(task, "not_cancelled", sentence);
    return settle(task, CORE_RESULT_CANCEL_ACK, NULL);
}

weft_error weft_task_abandon(weft_task *task)
{
    if (weft__forked) return weft__error_forked(__func__);
    if (!task) return weft__error_null(__func__, "task");
    return settle(task, CORE_RESULT_ABANDON, NULL);
}
