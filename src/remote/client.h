/* client.h: what the calls of a client node do besides, or instead: each asks the node, and says what it said. */
#ifndef WEFT_REMOTE_CLIENT_H
#define WEFT_REMOTE_CLIENT_H

#include <weft/weft.h>

#include "core/core.h"
#include "exec/subscription.h"
#include "exec/worker.h"

/* Whether a payload finds no room in a frame to the node, whatever goes along. */
bool weft__client_too_large(weft_node *node, size_t size_bytes);

/* The dispatch as a request to the local core, whose payload goes out. NULL: out of memory. */
struct message *weft__client_call(weft_node *node, const struct core_request *request, weft_bytes payload,
                                  const char *content_type);

/* A worker that is registered here: at the node, too. On an error it is nowhere, and its handle gone. */
weft_error weft__client_register(weft_worker *worker, const weft_worker_options *options);
/* It is to get no more; and, when nothing is in flight here any more: it is gone. */
void weft__client_drain(weft_worker *worker);
void weft__client_unregister(weft_worker *worker);

/* publisher: whose death here is the end of it. */
weft_error weft__client_publish(weft_node *node, const char *channel, weft_bytes payload,
                                const weft_publish_options *options, uint64_t publisher, uint32_t *heard);
weft_error weft__client_subscribe(weft_subscription *subscription, const weft_subscribe_options *options);
void weft__client_unsubscribe(weft_subscription *subscription);

/* Tells the node of workers and subscriptions that have ended here, with their participant, behind what they had to say. False:
 * some of that was not put by then: call it again. On the remote's thread. */
bool weft__client_bury(weft_node *node, uint64_t deadline_ns);

/* What the node said, or why there is no saying, as the call's result. of: what it was about. */
struct asking;
weft_error weft__client_told(const struct asking *asking, weft_error error, const char *of);

#endif
