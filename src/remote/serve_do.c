/* serve_do.c: each operation, by the public function that it stands for. */
#include "remote/serve.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/error.h"
#include "exec/node.h"
#include "exec/reply.h"
#include "remote/station.h"
#include "schema/origin.h"

/* --- channels --------------------------------------------------------------------------------- */

static weft_error do_channel_declare(struct ask_call *call)
{
    const struct ask_declaration *a = &call->arguments.declaration;
    return weft_channel_declare(call->node, a->name, &a->options);
}

static weft_error do_channel_template(struct ask_call *call)
{
    const struct ask_declaration *a = &call->arguments.declaration;
    return weft_channel_template(call->node, a->name, &a->options);
}

static weft_error do_channel_pause(struct ask_call *call)
{
    return weft_channel_pause(call->node, call->arguments.named.name);
}

static weft_error do_channel_resume(struct ask_call *call)
{
    return weft_channel_resume(call->node, call->arguments.named.name);
}

static weft_error do_channel_drain(struct ask_call *call)
{
    return weft_channel_drain(call->node, call->arguments.drain.name, 0);
}

static weft_error do_channel_delete(struct ask_call *call)
{
    return weft_channel_delete(call->node, call->arguments.named.name);
}

static weft_error do_channel_info(struct ask_call *call)
{
    weft_channel_info info;
    weft_error error = weft_channel_info_get(call->node, call->arguments.named.name, &info);
    return error ? error : weft__ask_give(call, &info);
}

static weft_error do_channel_latency(struct ask_call *call)
{
    weft_latency latency;
    weft_error error = weft_channel_latency_get(call->node, call->arguments.named.name, &latency);
    return error ? error : weft__ask_give(call, &latency);
}

static weft_error do_channel_deaths(struct ask_call *call)
{
    const struct ask_deaths *a = &call->arguments.deaths;
    weft_death deaths[WEFT_DEATHS_KEPT];
    size_t count, max = a->max < WEFT_DEATHS_KEPT ? a->max : WEFT_DEATHS_KEPT;
    weft_error error = weft_channel_deaths(call->node, a->name, deaths, max, &count);
    return error ? error : weft__ask_give(call, &(struct ask_died){.deaths = deaths, .deaths_count = count});
}

static weft_error do_channel_schema_set(struct ask_call *call)
{
    const struct ask_schema_set *a = &call->arguments.schema_set;
    return weft_channel_schema_set(call->node, a->channel, a->role, a->name);
}

/* --- schemas ---------------------------------------------------------------------------------- */

/* A client does not choose how long a node's threads are at one document. */
static weft_error check_bounds(const weft_schema_options *o)
{
    const weft_schema_options most = WEFT_SCHEMA_OPTIONS;
    if (o->steps_max <= most.steps_max && o->schema_bytes_max <= most.schema_bytes_max &&
        o->document_bytes_max <= most.document_bytes_max)
        return WEFT_OK;
    return weft__error(
        WEFT_ELIMIT, "schema_register: of a client steps_max is at most %u, schema_bytes_max %u, document_bytes_max %u",
        most.steps_max, most.schema_bytes_max, most.document_bytes_max);
}

static weft_error do_schema_register(struct ask_call *call)
{
    const struct ask_schema *a = &call->arguments.schema;
    weft_error wrong = check_bounds(&a->text.options);
    if (wrong) return wrong;
    const weft_allocator allocator = {call->node->mem.alloc, call->node->mem.free, call->node->mem.context};
    weft_schema_options options = a->text.options;
    weft_schema *schema;
    options.allocator = &allocator;
    weft_error error = weft_schema_compile(a->text.json, &options, &schema);
    if (error) return error;
    error = weft_schema_register(call->node, a->name, schema);
    weft_schema_release(schema);
    return error;
}

static weft_error do_schema_get(struct ask_call *call)
{
    weft_schema *schema;
    weft_error error = weft_schema_get(call->node, call->arguments.named.name, &schema);
    if (error) return error;
    const struct schema_origin *origin = weft__schema_origin(schema);
    error = weft__ask_give(call, &(struct ask_schema_text){.json = origin->json, .options = origin->options});
    weft_schema_release(schema);
    return error;
}

static weft_error do_schema_unregister(struct ask_call *call)
{
    return weft_schema_unregister(call->node, call->arguments.named.name);
}

/* --- dispatches ------------------------------------------------------------------------------- */

static weft_error do_dispatch_cancel(struct ask_call *call)
{
    return weft_dispatch_cancel(call->node, call->arguments.dispatch.id);
}

static weft_error do_dispatch_fetch(struct ask_call *call)
{
    weft_reply reply;
    weft_error error = weft_dispatch_fetch(call->node, call->arguments.fetch.id, 0, &reply);
    return error ? error : weft__ask_give_reply(call, &reply);
}

static weft_error give_why(struct ask_call *call, weft_why *why)
{
    weft_error error = weft__ask_give(call, why);
    weft_why_release(why);
    return error;
}

static weft_error do_dispatch_why(struct ask_call *call)
{
    const struct ask_request *a = &call->arguments.request;
    weft_why why;
    weft_error error = weft_dispatch_why(call->node, a->channel, &a->options, &why);
    return error ? error : give_why(call, &why);
}

static weft_error do_why_get(struct ask_call *call)
{
    weft_why why;
    weft_error error = weft_why_get(call->node, call->arguments.dispatch.id, &why);
    return error ? error : give_why(call, &why);
}

/* --- letters ---------------------------------------------------------------------------------- */

static weft_error do_letter_take(struct ask_call *call)
{
    weft_letter letter;
    weft_error error =
        weft_letter_fetch(call->node, call->arguments.letter_of.channel, call->arguments.letter_of.id, &letter);
    if (!error) weft_letter_release(&letter);
    return error;
}

/* The ticket says why it was not admitted. */
static weft_error do_letter_put_back(struct ask_call *call)
{
    const struct ask_letter *a = &call->arguments.letter_of;
    weft_ticket ticket;
    weft_error error = weft_letter_put_back(call->node, a->channel, a->id, &ticket);
    if (error && error != WEFT_EREJECTED) return error;
    weft__shape_write(&call->out, call->row->gives, &ticket);
    return call->out.error ? call->out.error : error;
}

/* --- the node, and what is the guest's -------------------------------------------------------- */

static weft_error do_ping(struct ask_call *call)
{
    weft_ping ping = {.pid = (int32_t)getpid()};
    memcpy(ping.node_id, call->guest->station->id, sizeof ping.node_id);
    (void)snprintf(ping.name, sizeof ping.name, "%s", call->guest->name);
    (void)snprintf(ping.version, sizeof ping.version, "%s", weft_version());
    return weft__ask_give(call, &ping);
}

static weft_error do_node_stats(struct ask_call *call)
{
    weft_node_stats stats;
    weft_error error = weft_node_stats_get(call->node, &stats);
    return error ? error : weft__ask_give(call, &stats);
}

static weft_error do_worker_info(struct ask_call *call)
{
    weft_worker_info info;
    uint64_t now_ns = weft__enter(call->node);
    uint64_t handle = weft__numbers_find(&call->guest->workers, call->arguments.number.number);
    weft_error error = handle ? weft__core_worker_info(call->node->core, now_ns, handle, &info) : WEFT_ENOTFOUND;
    weft__leave_inside(call->node);
    return error ? weft__error_plain(error, "worker") : weft__ask_give(call, &info);
}

static weft_error do_subscription_info(struct ask_call *call)
{
    weft_subscription_info info;
    uint64_t now_ns = weft__enter(call->node);
    uint64_t handle = weft__numbers_find(&call->guest->subscriptions, call->arguments.number.number);
    weft_error error = handle ? weft__core_subscription_info(call->node->core, now_ns, handle, &info) : WEFT_ENOTFOUND;
    weft__leave_inside(call->node);
    return error ? weft__error_plain(error, "subscription") : weft__ask_give(call, &info);
}

/* --- all of them ------------------------------------------------------------------------------ */

#define do_inspect weft__serve_inspect
#define do_channel_find weft__serve_channel_find
#define do_letters_find weft__serve_letters_find
#define do_letter_look weft__serve_letter_look

weft_error weft__ask_do(struct ask_call *call)
{
    static weft_error (*const does[])(struct ask_call * call) = {
#define ASK_DOES(number, name, lower, arguments, gives, manner) [number] = do_##lower,
        ASKS(ASK_DOES)
#undef ASK_DOES
    };
    bool own = weft__gate_own(true);
    weft_error error = does[call->row->number](call);
    (void)weft__gate_own(own);
    return error;
}
