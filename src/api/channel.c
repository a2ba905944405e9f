/* channel.c: the edge of weft/channel.h: the core does the work. */
#include <weft/channel.h>

#include <string.h>

#include "api/error.h"
#include "base/fork.h"
#include "exec/scope.h"
#include "exec/node.h"
#include "remote/client_ask.h"

weft_error weft_channel_declare(weft_node *node, const char *name, const weft_channel_options *options)
{
    char sentence[ERROR_TEXT_MAX] = "";
    if (weft__forked) return weft__error_forked(__func__);
    if (!node || !name) return weft__error_null(__func__, !node ? "node" : "name");
    if (!weft__channel_name_valid(name)) return weft__error_channel_name(name);
    if (node->uplink) return weft__client_declare(node, ASK_CHANNEL_DECLARE, name, options);
    uint64_t now_ns = weft__enter(node);
    weft_error error = weft__core_channel_declare(node->core, now_ns, name, options, sentence);
    weft__leave(node);
    return weft__error_told(error, name, sentence);
}

weft_error weft_channel_template(weft_node *node, const char *pattern, const weft_channel_options *options)
{
    char sentence[ERROR_TEXT_MAX] = "";
    if (weft__forked) return weft__error_forked(__func__);
    if (!node || !pattern) return weft__error_null(__func__, !node ? "node" : "pattern");
    if (!weft__pattern_valid(pattern)) return weft__error_channel_pattern(pattern);
    if (node->uplink) return weft__client_declare(node, ASK_CHANNEL_TEMPLATE, pattern, options);
    (void)weft__enter(node);
    weft_error error = weft__core_template_declare(node->core, pattern, options, sentence);
    weft__leave(node);
    return weft__error_told(error, pattern, sentence);
}

weft_error weft_channel_pause(weft_node *node, const char *name)
{
    if (weft__forked) return weft__error_forked(__func__);
    if (!node || !name) return weft__error_null(__func__, !node ? "node" : "name");
    if (node->uplink) return weft__client_ask_named(node, ASK_CHANNEL_PAUSE, name);
    uint64_t now_ns = weft__enter(node);
    weft_error error =
        weft__core_closing(node->core) ? WEFT_ECLOSED : weft__core_channel_pause(node->core, now_ns, name);
    weft__leave(node);
    const char *why = strncmp(name, "event.", strlen("event.")) == 0
                          ? "an event channel holds nothing that could wait: it cannot be paused"
                          : "the channel is draining or drained: resume it first";
    return weft__error_told(error, name, error == WEFT_EINVAL ? why : "");
}

weft_error weft_channel_resume(weft_node *node, const char *name)
{
    if (weft__forked) return weft__error_forked(__func__);
    if (!node || !name) return weft__error_null(__func__, !node ? "node" : "name");
    if (node->uplink) return weft__client_ask_named(node, ASK_CHANNEL_RESUME, name);
    uint64_t now_ns = weft__enter(node);
    weft_error error =
        weft__core_closing(node->core) ? WEFT_ECLOSED : weft__core_channel_resume(node->core, now_ns, name);
    weft__leave(node);
    return weft__error_told(error, name, "");
}

/* Woken: it is drained, somebody else resumed or deleted it, or the node closes. */
static weft_error after_wake(weft_node *node, uint64_t now_ns, const char *name)
{
    weft_channel_info info;
    if (node->closed) return WEFT_ECLOSED;
    weft_error error = weft__core_channel_info(node->core, now_ns, name, &info);
    if (error) return error;
    if (info.state == WEFT_CHANNEL_DRAINED) return WEFT_OK;
    return info.state == WEFT_CHANNEL_DRAINING ? WEFT_EAGAIN : WEFT_ETIMEDOUT;
}

static weft_error drain(weft_node *node, const char *name, uint32_t timeout_ms)
{
    struct waiter waiter;
    uint64_t now_ns = weft__enter(node);
    uint64_t deadline_ns = weft__deadline(now_ns, timeout_ms);
    weft__call_begin(node);
    weft_error error = WEFT_EAGAIN;
    while (error == WEFT_EAGAIN) {
        weft__waiter_init(&waiter);
        error = node->closed ? WEFT_ECLOSED : weft__core_channel_drain(node->core, now_ns, name, &waiter.core);
        if (error != WEFT_EAGAIN) break;
        error = weft__wait(node, &waiter, deadline_ns, &now_ns) ? after_wake(node, now_ns, name) : WEFT_ETIMEDOUT;
    }
    weft__leave_call(node);
    return weft__error_told(error, name, error == WEFT_ETIMEDOUT ? "the channel is not drained yet" : "");
}

weft_error weft_channel_drain(weft_node *node, const char *name, uint32_t timeout_ms)
{
    struct executor *lent;
    if (weft__forked) return weft__error_forked(__func__);
    if (!node || !name) return weft__error_null(__func__, !node ? "node" : "name");
    if (weft__scope_in_channel(node, name))
        return weft__error(WEFT_EDEADLK, "%s: drained from one of its own handlers, which it would wait for", name);
    (void)weft__lend(node, &lent); /* with no substitute to be had it waits all the same */
    weft_error error =
        node->uplink ? weft__client_drain_channel(node, name, timeout_ms) : drain(node, name, timeout_ms);
    weft__lend_end(lent);
    return error;
}

weft_error weft_channel_delete(weft_node *node, const char *name)
{
    char sentence[ERROR_TEXT_MAX] = "";
    if (weft__forked) return weft__error_forked(__func__);
    if (!node || !name) return weft__error_null(__func__, !node ? "node" : "name");
    if (node->uplink) return weft__client_ask_named(node, ASK_CHANNEL_DELETE, name);
    uint64_t now_ns = weft__enter(node);
    weft_error error =
        weft__core_closing(node->core) ? WEFT_ECLOSED : weft__core_channel_delete(node->core, now_ns, name, sentence);
    weft__leave(node);
    return weft__error_told(error, name, sentence);
}

weft_error weft_channel_find(weft_node *node, const char *pattern,
                             bool (*found)(const weft_channel_info *info, void *context), void *context)
{
    if (weft__forked) return weft__error_forked(__func__);
    if (!node || !pattern || !found) return weft__error_null(__func__, !node ? "node" : !pattern ? "pattern" : "found");
    if (!weft__pattern_valid(pattern)) return weft__error_channel_pattern(pattern);
    if (node->uplink) return weft__client_channel_find(node, pattern, found, context);
    struct scope scope = {.kind = SCOPE_FOUND, .node = node};
    uint64_t serial = 0;
    bool closed, goes_on = true;
    weft__call_open(node);
    do {
        weft_channel_info info;
        uint64_t now_ns = weft__enter(node);
        closed = weft__core_closing(node->core);
        bool more = !closed && weft__core_channel_next(node->core, now_ns, pattern, &serial, &info);
        weft__leave(node);
        if (!more) break;
        if (info.name[0] == '\0') continue; /* one hold has looked at as many as it may */
        weft__scope_push(&scope);
        goes_on = found(&info, context);
        weft__fork_check();
        weft__scope_pop(&scope);
    } while (goes_on);
    weft__call_close(node);
    return closed ? weft__error_plain(WEFT_ECLOSED, pattern) : WEFT_OK;
}

weft_error weft_channel_info_get(weft_node *node, const char *name, weft_channel_info *info)
{
    weft_channel_info now;
    if (weft__forked) return weft__error_forked(__func__);
    if (!node || !name || !info) return weft__error_null(__func__, !node ? "node" : !name ? "name" : "info");
    if (node->uplink) return weft__client_channel_info(node, name, info);
    uint64_t now_ns = weft__enter(node);
    weft_error error =
        weft__core_closing(node->core) ? WEFT_ECLOSED : weft__core_channel_info(node->core, now_ns, name, &now);
    weft__leave(node);
    if (!error) *info = now;
    return weft__error_told(error, name, "");
}

weft_error weft_channel_latency_get(weft_node *node, const char *name, weft_latency *latency)
{
    if (weft__forked) return weft__error_forked(__func__);
    if (!node || !name || !latency) return weft__error_null(__func__, !node ? "node" : !name ? "name" : "latency");
    if (node->uplink) return weft__client_channel_latency(node, name, latency);
    (void)weft__enter(node);
    weft_error error =
        weft__core_closing(node->core) ? WEFT_ECLOSED : weft__core_channel_latency(node->core, name, latency);
    weft__leave(node);
    return weft__error_told(error, name, "");
}

weft_error weft_channel_deaths(weft_node *node, const char *name, weft_death *deaths, size_t max, size_t *count)
{
    if (weft__forked) return weft__error_forked(__func__);
    if (!node || !name || (!deaths && max) || !count)
        return weft__error_null(__func__, !node ? "node" : !name ? "name" : (!deaths && max) ? "deaths" : "count");
    if (node->uplink) return weft__client_channel_deaths(node, name, deaths, max, count);
    (void)weft__enter(node);
    weft_error error =
        weft__core_closing(node->core) ? WEFT_ECLOSED : weft__core_channel_deaths(node->core, name, deaths, max, count);
    weft__leave(node);
    return weft__error_told(error, name, "");
}
