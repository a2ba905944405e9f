/* reply.h: from what the core says of an outcome to what the caller gets. */
#ifndef WEFT_EXEC_REPLY_H
#define WEFT_EXEC_REPLY_H

#include <weft/dispatch.h>

#include "core/core.h"

/* Of WEFT_EINVAL, where nothing else was said of it. */
#define REPLY_NOT_DISPATCH "only a dispatch channel takes dispatches"

/* Takes the outcome's message: it is the reply's memory. */
void weft__reply_fill(weft_reply *reply, struct core_outcome *outcome);

#endif
