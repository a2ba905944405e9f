/* request.h: from a dispatch as the caller asks for it to the core's request. */
#ifndef WEFT_API_REQUEST_H
#define WEFT_API_REQUEST_H

#include <weft/dispatch.h>

#include "core/core.h"

/* Checks and copies; *request then owns a payload, until the core took it or weft__request_drop. Says what is wrong. */
weft_error weft__request_fill(weft_node *node, const char *channel, weft_bytes payload,
                              const weft_dispatch_options *options, struct core_request *request);
void weft__request_drop(struct core_request *request);

/* What the core returned for it, as the call's own result, with a sentence. */
weft_error weft__request_report(const struct core_request *request, weft_error error,
                                const struct core_admitted *admitted);

/* Fills the ticket, which may be NULL. */
void weft__ticket_fill(weft_ticket *ticket, const struct core_admitted *admitted);

#endif
