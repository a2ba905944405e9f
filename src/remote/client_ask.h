/* client_ask.h: the calls of a client node that the node that it has dialled answers. Each is the public function of that name,
 * after its arguments were looked at, and returns what that returns; besides WEFT_ELOST, WEFT_EPROTOCOL and WEFT_ENOMEM. Outside;
 * each waits for the answer. */
#ifndef WEFT_REMOTE_CLIENT_ASK_H
#define WEFT_REMOTE_CLIENT_ASK_H

#include "exec/subscription.h"
#include "exec/worker.h"
#include "remote/ask.h"

/* Asks, and reads what was given into gives; its texts and lists come from the arena, which is given where it has any. of: what it
 * is about, for the sentence of an error. What went out before from this thread is there first. */
weft_error weft__client_ask(weft_node *node, enum ask_operation operation, const void *arguments, void *gives,
                            struct arena *arena, const char *of);

/* Of those that take a name, and give nothing. */
weft_error weft__client_ask_named(weft_node *node, enum ask_operation operation, const char *name);

weft_error weft__client_declare(weft_node *node, enum ask_operation operation, const char *name,
                                const weft_channel_options *options);
weft_error weft__client_drain_channel(weft_node *node, const char *name, uint32_t timeout_ms);
weft_error weft__client_channel_find(weft_node *node, const char *pattern,
                                     bool (*found)(const weft_channel_info *info, void *context), void *context);
weft_error weft__client_channel_info(weft_node *node, const char *name, weft_channel_info *info);
weft_error weft__client_channel_latency(weft_node *node, const char *name, weft_latency *latency);
weft_error weft__client_channel_deaths(weft_node *node, const char *name, weft_death *deaths, size_t max,
                                       size_t *count);

weft_error weft__client_schema_register(weft_node *node, const char *name, const weft_schema *schema);
weft_error weft__client_schema_get(weft_node *node, const char *name, weft_schema **schema);
weft_error weft__client_schema_set(weft_node *node, const char *channel, weft_schema_role role, const char *name);

weft_error weft__client_cancel(weft_node *node, weft_dispatch_id id);
weft_error weft__client_fetch(weft_node *node, weft_dispatch_id id, uint32_t timeout_ms, weft_reply *reply);
weft_error weft__client_dispatch_why(weft_node *node, const char *channel, const weft_dispatch_options *options,
                                     weft_why *why);
weft_error weft__client_why_get(weft_node *node, weft_dispatch_id id, weft_why *why);

weft_error weft__client_letters_find(weft_node *node, const char *channel,
                                     bool (*found)(const weft_letter *letter, void *context), void *context);
weft_error weft__client_letter_fetch(weft_node *node, const char *channel, uint64_t id, weft_letter *letter);
weft_error weft__client_letter_put_back(weft_node *node, const char *channel, uint64_t id, weft_ticket *ticket);

extern uint32_t weft__client_page_bytes; /* of each page; 0 = as the node likes; for tests */
weft_error weft__client_node_stats(weft_node *node, weft_node_stats *stats);
weft_error weft__client_inspect(weft_node *node, const char *pattern, weft_listing **listing);

/* Adds to what is known here what the node alone knows. Where there is no connection it stays as it is, and detached. */
void weft__client_worker_info(weft_worker *worker, weft_worker_info *info);
void weft__client_subscription_info(weft_subscription *subscription, weft_subscription_info *info);

#endif
