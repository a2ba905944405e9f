/* update.h: telling callers of what their tasks send before the outcome. */
#ifndef WEFT_EXEC_UPDATE_H
#define WEFT_EXEC_UPDATE_H

#include <weft/types.h>

#include "core/core.h"
#include "exec/group.h"

/* Calls the caller's `updated`, and drops the message. Outside. */
void weft__update_tell(struct core_outcome *update);

/* The same for a call that waits or fetches: leaves, tells, and enters again; returns the time then. lent: the executor
 * whose thread the call has lent; NULL: none. completions: whose outcomes it fetches; NULL: none. The call is counted
 * (weft__call_begin): the node stays. */
uint64_t weft__update_between(weft_node *node, struct core_outcome *update, struct executor *lent,
                              const weft_completions *completions);

#endif
