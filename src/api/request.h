/* request.h: from a dispatch as the caller asks for it to the core's request. */
#ifndef WEFT_API_REQUEST_H
#define WEFT_API_REQUEST_H

#include <weft/dispatch.h>

#include "core/core.h"
#include "exec/contract.h"

/* Checks and copies; *request then owns a payload, until the core took it or weft__request_drop. Says what is wrong. */
weft_error weft__request_fill(weft_node *node, const char *channel, weft_bytes payload,
                              const weft_dispatch_options *options, struct core_request *request);
void weft__request_drop(struct core_request *request);

/* Before the core is asked: see weft__contract_guess. */
static inline void weft__request_guess(weft_node *node, struct core_request *request)
{
    if (!request->too_large) weft__contract_guess(node, request->payload, request->channel_hash);
}

/* weft__core_dispatch, whose WEFT_ESTALE it answers: holds the payload against what its channel asks of it now, outside.
 * Where that refuses it, WEFT_EREJECTED, and mismatch says why. Called inside, returns inside; *now_ns is the time
 * then. */
weft_error weft__request_dispatch(weft_node *node, struct core_request *request, struct core_admitted *admitted,
                                  struct mismatch *mismatch, uint64_t *now_ns);

/* Leaves after it: the payload is dropped where there was an error. The node may be gone then. */
void weft__request_leave(weft_node *node, struct core_request *request, weft_error error,
                         const struct mismatch *mismatch);

/* What that returned, as the call's own result, with a sentence. mismatch may be NULL. */
weft_error weft__request_report(const struct core_request *request, weft_error error,
                                const struct core_admitted *admitted, const struct mismatch *mismatch);

/* With a key: what a repeat is compared by. */
void weft__request_digest(struct core_request *request);

/* Fills the ticket, which may be NULL. */
void weft__ticket_fill(const weft_node *node, weft_ticket *ticket, const struct core_admitted *admitted);

#endif
