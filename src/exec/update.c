#include "exec/update.h"

#include "base/assert.h"
#include "base/fork.h"
#include "exec/scope.h"
#include "exec/gate.h"

void weft__update_tell(struct core_outcome *outcome)
{
    WEFT_ASSERT(outcome->update);
    struct message *message = outcome->message;
    weft_update update = {.kind = outcome->update,
                          .attempt = outcome->attempts,
                          .id = outcome->id,
                          .token = outcome->token,
                          .number = outcome->number};
    if (message) update.payload = (weft_bytes){.data = message->bytes, .size = message->size_bytes};
    outcome->updated(&update, outcome->updated_context);
    weft__fork_check();
    weft__message_drop(message);
    outcome->message = NULL;
}

uint64_t weft__update_between(weft_node *node, struct core_outcome *update, struct executor *lent,
                              const weft_completions *completions)
{
    struct scope scope = {.kind = SCOPE_UPDATED, .node = node, .executor = lent, .completions = completions};
    weft__leave(node);
    weft__scope_push(&scope);
    weft__update_tell(update);
    weft__scope_pop(&scope);
    return weft__enter(node);
}
