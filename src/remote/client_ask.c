#include "remote/client_ask.h"

#include <stdio.h>
#include <string.h>

#include "api/error.h"
#include "base/clock.h"
#include "exec/node.h"
#include "exec/reply.h"
#include "exec/scope.h"
#include "remote/client.h"
#include "remote/uplink.h"
#include "schema/origin.h"

enum { DRAIN_GRACE_MS = 1000 };

/* --- asking ----------------------------------------------------------------------------------- */

/* Those that an embedded node answers while it closes. */
static bool while_closing(enum ask_operation operation)
{
    switch (operation) {
    case ASK_PING:
    case ASK_NODE_STATS:
    case ASK_CHANNEL_DRAIN:
    case ASK_DISPATCH_CANCEL:
    case ASK_DISPATCH_FETCH:
    case ASK_WORKER_INFO:
    case ASK_SUBSCRIPTION_INFO: return true;
    default: return false;
    }
}

static weft_error check_open(weft_node *node, enum ask_operation operation)
{
    if (while_closing(operation)) return WEFT_OK;
    (void)weft__enter(node);
    bool closing = weft__core_closing(node->core);
    weft__leave(node);
    return closing ? WEFT_ECLOSED : WEFT_OK;
}

/* Reads what was given. */
static weft_error take_answer(const struct ask_row *row, const struct asking *asking, const struct mem *mem,
                              void *gives, struct arena *arena)
{
    char sentence[FRAME_SENTENCE_MAX] = "";
    struct arena none;
    struct ask_none nothing;
    weft__arena_init(&none, mem);
    const weft_bytes body = {asking->body, asking->body_size};
    weft_error error =
        weft__shape_read(body, row->gives, arena ? arena : &none, arena != NULL, gives ? gives : &nothing, sentence);
    weft__arena_fini(&none);
    if (error == WEFT_EPROTOCOL) return weft__error(error, "%s: the node's answer: %s", row->name, sentence);
    return weft__error_plain(error, row->name);
}

/* Asks with the arguments as bytes. */
static weft_error ask_bytes(weft_node *node, const struct ask_row *row, const struct shape_out *out,
                            uint32_t timeout_ms, struct asking *asking)
{
    struct frame frame = {.kind = FRAME_ASK, .ask = {.operation = row->number, .body = {out->bytes, out->size}}};
    if (row->number != ASK_PING) (void)weft__session_await_put(&node->uplink->session, PARK_FOREVER);
    return weft__uplink_ask(node->uplink, &frame, timeout_ms, asking);
}

static weft_error ask(weft_node *node, const struct ask_row *row, const void *arguments, uint32_t timeout_ms,
                      void *gives, struct arena *arena, const char *of)
{
    struct shape_out out = {.mem = &node->mem, .most = ASK_BODY_MAX};
    struct asking asking = {.error = WEFT_OK};
    weft_error error = check_open(node, row->number);
    if (!error) {
        weft__shape_write(&out, row->arguments, arguments);
        error = out.error;
    }
    if (!error) error = ask_bytes(node, row, &out, timeout_ms, &asking);
    weft__shape_out_free(&out);
    (void)weft__client_told(&asking, error, of);
    if (!error || (error == WEFT_EREJECTED && asking.body_size)) {
        weft_error bad = take_answer(row, &asking, &node->mem, gives, arena);
        if (bad) error = bad;
    }
    weft__mem_free(&node->mem, asking.body);
    return error;
}

static weft_error ask_for(weft_node *node, enum ask_operation operation, const void *arguments, uint32_t timeout_ms,
                          void *gives, struct arena *arena, const char *of)
{
    weft__call_open(node);
    weft_error error = ask(node, weft__ask_row(operation), arguments, timeout_ms, gives, arena, of);
    weft__call_close(node);
    return error;
}

weft_error weft__client_ask(weft_node *node, enum ask_operation operation, const void *arguments, void *gives,
                            struct arena *arena, const char *of)
{
    return ask_for(node, operation, arguments, WEFT_FOREVER, gives, arena, of);
}

weft_error weft__client_ask_named(weft_node *node, enum ask_operation operation, const char *name)
{
    return weft__client_ask(node, operation, &(struct ask_named){.name = name}, NULL, NULL, name);
}

weft_error weft_node_ping(weft_node *node, uint32_t timeout_ms, weft_ping *ping)
{
    weft_ping told = {0};
    if (weft__forked) return weft__error_forked(__func__);
    if (!node || !ping) return weft__error_null(__func__, !node ? "node" : "ping");
    struct uplink *uplink = node->uplink;
    if (!uplink) return weft__error(WEFT_EINVAL, "ping: this is an embedded node: there is nobody to ask");
    char said[ERROR_TEXT_MAX];
    weft__lock(&uplink->lock);
    weft_error error = uplink->down_ns ? WEFT_ELOST : WEFT_OK;
    weft__uplink_said(uplink, said, sizeof said);
    weft__unlock(&uplink->lock);
    if (error) return weft__error(error, "ping: no connection: %s", said[0] ? said : "dialling");
    uint64_t asked_ns = weft__clock_ns();
    error = ask_for(node, ASK_PING, &(struct ask_none){0}, timeout_ms, &told, NULL, "ping");
    if (error) return error;
    told.round_trip_ns = weft__clock_ns() - asked_ns;
    weft__lock(&uplink->lock);
    (void)snprintf(told.url, sizeof told.url, "%s", uplink->urls[uplink->url]);
    told.resumed = uplink->resumed;
    weft__unlock(&uplink->lock);
    *ping = told;
    return WEFT_OK;
}

/* --- channels --------------------------------------------------------------------------------- */

weft_error weft__client_declare(weft_node *node, enum ask_operation operation, const char *name,
                                const weft_channel_options *options)
{
    const weft_channel_options defaults = WEFT_CHANNEL_OPTIONS;
    const struct ask_declaration asked = {.name = name, .options = options ? *options : defaults};
    return weft__client_ask(node, operation, &asked, NULL, NULL, name);
}

/* Where there is no connection, or the answer is late, the time runs here, too. */
weft_error weft__client_drain_channel(weft_node *node, const char *name, uint32_t timeout_ms)
{
    const struct ask_drain asked = {.name = name, .timeout_ms = timeout_ms};
    uint32_t wait_ms = timeout_ms > WEFT_FOREVER - DRAIN_GRACE_MS ? WEFT_FOREVER : timeout_ms + DRAIN_GRACE_MS;
    return ask_for(node, ASK_CHANNEL_DRAIN, &asked, wait_ms, NULL, NULL, name);
}

/* False: he has seen enough. */
static bool tell_found(weft_node *node, const struct ask_found *page,
                       bool (*found)(const weft_channel_info *info, void *context), void *context)
{
    struct scope scope = {.kind = SCOPE_FOUND, .node = node};
    bool goes_on = true;
    for (size_t i = 0; i < page->channels_count && goes_on; i++) {
        weft__scope_push(&scope);
        goes_on = found(&page->channels[i], context);
        weft__fork_check();
        weft__scope_pop(&scope);
    }
    return goes_on;
}

weft_error weft__client_channel_find(weft_node *node, const char *pattern,
                                     bool (*found)(const weft_channel_info *info, void *context), void *context)
{
    struct ask_find asked = {.pattern = pattern};
    weft_error error = WEFT_OK;
    weft__call_open(node);
    for (bool goes_on = true; goes_on && !error;) {
        struct ask_found page;
        struct arena arena;
        weft__arena_init(&arena, &node->mem);
        error = weft__client_ask(node, ASK_CHANNEL_FIND, &asked, &page, &arena, pattern);
        goes_on = !error && tell_found(node, &page, found, context) && page.more;
        asked.cursor = error ? 0 : page.cursor;
        weft__arena_fini(&arena);
    }
    weft__call_close(node);
    return error;
}

weft_error weft__client_channel_info(weft_node *node, const char *name, weft_channel_info *info)
{
    weft_channel_info told;
    weft_error error = weft__client_ask(node, ASK_CHANNEL_INFO, &(struct ask_named){.name = name}, &told, NULL, name);
    if (!error) *info = told;
    return error;
}

weft_error weft__client_channel_latency(weft_node *node, const char *name, weft_latency *latency)
{
    weft_latency told;
    weft_error error =
        weft__client_ask(node, ASK_CHANNEL_LATENCY, &(struct ask_named){.name = name}, &told, NULL, name);
    if (!error) *latency = told;
    return error;
}

weft_error weft__client_channel_deaths(weft_node *node, const char *name, weft_death *deaths, size_t max, size_t *count)
{
    const struct ask_deaths asked = {.name = name, .max = max < WEFT_DEATHS_KEPT ? (uint32_t)max : WEFT_DEATHS_KEPT};
    struct ask_died told;
    struct arena arena;
    weft__arena_init(&arena, &node->mem);
    weft_error error = weft__client_ask(node, ASK_CHANNEL_DEATHS, &asked, &told, &arena, name);
    if (!error) {
        *count = told.deaths_count < max ? told.deaths_count : max;
        if (*count) memcpy(deaths, told.deaths, *count * sizeof *deaths);
    }
    weft__arena_fini(&arena);
    return error;
}

/* --- schemas ---------------------------------------------------------------------------------- */

weft_error weft__client_schema_register(weft_node *node, const char *name, const weft_schema *schema)
{
    const struct schema_origin *origin = weft__schema_origin(schema);
    uint8_t id[WEFT_SCHEMA_ID_BYTES];
    weft_error error = weft_schema_id(schema, id);
    if (error) return error;
    const struct ask_schema asked = {.name = name, .text = {.json = origin->json, .options = origin->options}};
    return weft__client_ask(node, ASK_SCHEMA_REGISTER, &asked, NULL, NULL, name);
}

weft_error weft__client_schema_get(weft_node *node, const char *name, weft_schema **schema)
{
    const weft_allocator allocator = {node->mem.alloc, node->mem.free, node->mem.context};
    struct ask_schema_text told;
    struct arena arena;
    weft__call_open(node);
    weft__arena_init(&arena, &node->mem);
    weft_error error = weft__client_ask(node, ASK_SCHEMA_GET, &(struct ask_named){.name = name}, &told, &arena, name);
    told.options.allocator = &allocator;
    if (!error) error = weft_schema_compile(told.json, &told.options, schema);
    weft__arena_fini(&arena);
    weft__call_close(node);
    return error;
}

weft_error weft__client_schema_set(weft_node *node, const char *channel, weft_schema_role role, const char *name)
{
    const struct ask_schema_set asked = {.channel = channel, .role = role, .name = name};
    return weft__client_ask(node, ASK_CHANNEL_SCHEMA_SET, &asked, NULL, NULL, channel);
}

/* --- dispatches ------------------------------------------------------------------------------- */

weft_error weft__client_cancel(weft_node *node, weft_dispatch_id id)
{
    return weft__client_ask(node, ASK_DISPATCH_CANCEL, &(struct ask_dispatch){.id = id}, NULL, NULL,
                            "weft_dispatch_cancel");
}

/* A word that is none of ours is in the message, as a failure's is. */
static weft_error fill_reply(weft_node *node, const weft_reply *told, weft_reply *reply)
{
    bool completed = told->outcome == WEFT_COMPLETED;
    const char *word = told->code ? weft__code_word(told->code) : NULL;
    struct core_outcome outcome = {.id = told->id,
                                   .outcome = told->outcome,
                                   .admission = told->admission,
                                   .attempts = told->attempts,
                                   .code = word,
                                   .queued_ns = told->queued_ns,
                                   .started_ns = told->started_ns,
                                   .run_ns = told->run_ns};
    weft_bytes bytes = completed ? told->payload : weft_text(told->message);
    bool needed = completed || told->message || (told->code && !word);
    memcpy(outcome.worker, told->worker, sizeof outcome.worker);
    if (needed)
        outcome.message = weft__message_new(&node->mem, bytes.data, bytes.size,
                                            completed ? told->content_type
                                            : word    ? NULL
                                                      : told->code);
    if (needed && !outcome.message) return weft__error_plain(WEFT_ENOMEM, "weft_dispatch_fetch");
    weft__reply_fill(reply, &outcome);
    return WEFT_OK;
}

weft_error weft__client_fetch(weft_node *node, weft_dispatch_id id, uint32_t timeout_ms, weft_reply *reply)
{
    const struct ask_fetch asked = {.id = id, .timeout_ms = timeout_ms};
    struct arena arena;
    weft_reply told;
    weft__call_open(node);
    weft__arena_init(&arena, &node->mem);
    weft_error error = weft__client_ask(node, ASK_DISPATCH_FETCH, &asked, &told, &arena, "weft_dispatch_fetch");
    if (!error) error = fill_reply(node, &told, reply);
    weft__arena_fini(&arena);
    weft__call_close(node);
    return error;
}

/* --- what is the client's own ----------------------------------------------------------------- */

static bool is_up(struct uplink *uplink)
{
    weft__lock(&uplink->lock);
    bool up = !uplink->down_ns;
    weft__unlock(&uplink->lock);
    return up;
}

weft_error weft__client_node_stats(weft_node *node, weft_node_stats *stats)
{
    weft_node_stats told, own;
    weft_error error =
        weft__client_ask(node, ASK_NODE_STATS, &(struct ask_none){0}, &told, NULL, "weft_node_stats_get");
    if (error) return error;
    (void)weft__enter(node);
    weft__core_stats(node->core, &own);
    weft__leave(node);
    told.node_lost = own.node_lost;
    *stats = told;
    return WEFT_OK;
}

void weft__client_worker_info(weft_worker *worker, weft_worker_info *info)
{
    const struct ask_number asked = {.number = worker->handle};
    weft_node *node = worker->node;
    weft_worker_info told;
    info->detached =
        !is_up(node->uplink) || weft__client_ask(node, ASK_WORKER_INFO, &asked, &told, NULL, worker->channel);
    if (info->detached) return;
    memcpy(info->name, told.name, sizeof info->name);
    info->id = told.id;
    if (info->state <= WEFT_WORKER_READY) info->state = told.state;
    info->in_flight = told.in_flight;
    info->orphaned = told.orphaned;
    info->completed = told.completed;
    info->errored = told.errored;
    info->last_seen_ns = told.last_seen_ns;
    info->detached = told.detached;
}

/* What is on its way between the two is in neither inbox. */
void weft__client_subscription_info(weft_subscription *subscription, weft_subscription_info *info)
{
    const struct ask_number asked = {.number = subscription->handle};
    weft_node *node = subscription->node;
    weft_subscription_info told;
    if (!is_up(node->uplink) ||
        weft__client_ask(node, ASK_SUBSCRIPTION_INFO, &asked, &told, NULL, subscription->pattern))
        return;
    info->id = told.id;
    if (!info->ended) info->ended = told.ended;
    info->items += told.items;
    info->bytes += told.bytes;
    if (told.delivered > info->delivered) info->delivered = told.delivered;
    if (told.dropped > info->dropped) info->dropped = told.dropped;
}
