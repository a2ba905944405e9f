#include "exec/scope.h"

#include <string.h>

#include "base/assert.h"
#include "exec/worker.h"

_Thread_local struct scope *weft__scope;

void weft__scope_push(struct scope *scope)
{
    scope->outer = weft__scope;
    weft__scope = scope;
}

void weft__scope_pop(struct scope *scope)
{
    WEFT_ASSERT(weft__scope == scope);
    weft__scope = scope->outer;
}

struct scope *weft__scope_find(const weft_node *node, enum scope_kind kind)
{
    struct scope *scope = weft__scope;
    while (scope && (scope->node != node || scope->kind != kind))
        scope = scope->outer;
    return scope;
}

bool weft__scope_in_node(const weft_node *node)
{
    const struct scope *scope = weft__scope;
    while (scope && scope->node != node)
        scope = scope->outer;
    return scope != NULL;
}

static bool in_handler(const struct scope *scope)
{
    return scope->kind == SCOPE_HANDLER || scope->kind == SCOPE_INLINE;
}

bool weft__scope_in_worker(const weft_worker *worker)
{
    const struct scope *scope = weft__scope;
    while (scope && !(in_handler(scope) && scope->worker == worker))
        scope = scope->outer;
    return scope != NULL;
}

bool weft__scope_in_subscription(const weft_subscription *subscription)
{
    const struct scope *scope = weft__scope;
    while (scope && !(scope->kind == SCOPE_HEARD && scope->subscription == subscription))
        scope = scope->outer;
    return scope != NULL;
}

bool weft__scope_in_channel(const weft_node *node, const char *channel)
{
    const struct scope *scope = weft__scope;
    while (scope && !(scope->node == node && in_handler(scope) && strcmp(scope->worker->channel, channel) == 0))
        scope = scope->outer;
    return scope != NULL;
}

struct scope *weft__scope_of_cancel(const struct core_task *task)
{
    struct scope *scope = weft__scope;
    while (scope && !(scope->kind == SCOPE_CANCEL && scope->task == task))
        scope = scope->outer;
    return scope;
}

bool weft__scope_in_completions(const weft_completions *completions)
{
    const struct scope *scope = weft__scope;
    while (scope && !(scope->kind == SCOPE_UPDATED && scope->completions == completions))
        scope = scope->outer;
    return scope != NULL;
}
