/* completions.c: a caller's queue of outcomes: many dispatches, one thread that fetches. */
#include "api/completions.h"

#include <errno.h>
#include <string.h>

#include "api/error.h"
#include "api/request.h"
#include "exec/scope.h"
#include "exec/node.h"
#include "exec/reply.h"
#include "exec/update.h"

/* A call that fetches. */
struct fetch {
    weft_completions *completions;
    struct executor *lent;
    bool counted; /* weft__call_begin was called */
    uint64_t now_ns;
};

weft_error weft_completions_open(weft_node *node, uint32_t outstanding_max, weft_completions **opened)
{
    if (weft__forked) return weft__error_forked(__func__);
    if (!node || !opened) return weft__error_null(__func__, !node ? "node" : "completions");
    if (!outstanding_max) return weft__error(WEFT_EINVAL, "weft_completions_open: outstanding_max is 0");
    weft_completions *completions = weft__mem_zalloc(&node->mem, sizeof(*completions));
    if (!completions) return weft__error(WEFT_ENOMEM, "weft_completions_open: no memory");
    completions->node = node;
    completions->outstanding_max = outstanding_max;
    weft__core_dest_init(&completions->dest);
    weft__waiter_init(&completions->watch);
    list_init(&completions->on_node);
    (void)weft__enter(node);
    bool closing = weft__core_closing(node->core);
    if (!closing) list_push_back(&node->completions, &completions->on_node);
    weft__leave(node);
    if (closing) {
        weft__mem_free(&node->mem, completions);
        return weft__error_plain(WEFT_ECLOSED, "weft_completions_open");
    }
    *opened = completions;
    return WEFT_OK;
}

void weft__completions_free(weft_completions *completions)
{
    weft__waiter_close(completions->node, &completions->watch);
    weft__mem_free(&completions->node->mem, completions);
}

weft_error weft_completions_close(weft_completions *completions)
{
    if (weft__forked) return weft__error_forked(__func__);
    if (!completions) return WEFT_OK;
    if (weft__scope_in_completions(completions))
        return weft__error(WEFT_EDEADLK, "weft_completions_close: from `updated`, while its outcomes are fetched");
    weft_node *node = completions->node;
    for (bool more = true; more;) {
        uint64_t now_ns = weft__enter(node);
        more = weft__core_dest_abandon(node->core, now_ns, &completions->dest);
        if (!more) list_remove(&completions->on_node);
        weft__leave(node);
    }
    weft__completions_free(completions);
    return WEFT_OK;
}

weft_error weft_dispatch_submit(weft_completions *completions, const char *channel, weft_bytes payload,
                                const weft_dispatch_options *options, uint64_t token, weft_ticket *ticket)
{
    struct core_request request;
    struct core_admitted admitted = {.admission = WEFT_ADMISSION_NONE};
    struct mismatch mismatch = {.counted = false};
    if (weft__forked) return weft__error_forked(__func__);
    if (!completions) return weft__error_null(__func__, "completions");
    weft_node *node = completions->node;
    weft_error error = weft__request_fill(node, channel, payload, options, &request);
    if (error) return error;
    request.dest = &completions->dest;
    request.token = token;
    weft__request_guess(node, &request);
    uint64_t now_ns = weft__enter(node);
    bool full = completions->outstanding_count >= completions->outstanding_max;
    error = WEFT_EAGAIN;
    if (!full) {
        completions->outstanding_count++; /* its place, should the lock be let go of */
        error = weft__request_dispatch(node, &request, &admitted, &mismatch, &now_ns);
        if (error) completions->outstanding_count--;
    }
    weft__request_leave(node, &request, error, &mismatch);
    if (!error || error == WEFT_EREJECTED) weft__ticket_fill(node, ticket, &admitted);
    if (full)
        return weft__error(error, "%s: %u are open or not fetched, as many as may be", channel,
                           completions->outstanding_max);
    return weft__request_report(&request, error, &admitted, &mismatch);
}

/* Inside: as many outcomes as there are. What tasks say in between is told on the way, outside; the call is counted
 * then, and from the first on fetch->counted says so. No more than what was there at the beginning: a task that says much
 * would keep who asks without waiting for ever. */
static size_t take(struct fetch *fetch, weft_reply *replies, size_t max)
{
    weft_completions *completions = fetch->completions;
    struct core_outcome outcome;
    struct core_task *none;
    size_t count = 0;
    enum core_item_kind kind;
    for (uint32_t items = completions->dest.items_count; items > 0 && count < max && count < CORE_HOLD_MAX; items--) {
        kind = weft__core_outcome_take(completions->node->core, fetch->now_ns, &completions->dest, &outcome, &none);
        if (kind == CORE_ITEM_OUTCOME) {
            weft__reply_fill(&replies[count++], &outcome);
            completions->outstanding_count--;
        } else if (kind == CORE_ITEM_UPDATE) {
            if (!fetch->counted) weft__call_begin(completions->node);
            fetch->counted = true;
            fetch->now_ns = weft__update_between(completions->node, &outcome, fetch->lent, completions);
        }
    }
    return count;
}

/* Inside, with nothing to fetch: what is open is still to come, even while the node closes. */
static weft_error why_none(const weft_completions *completions)
{
    return completions->node->closed && list_empty(&completions->dest.open) ? WEFT_ECLOSED : WEFT_EAGAIN;
}

static weft_error next_now(weft_completions *completions, weft_reply *replies, size_t max, size_t *count)
{
    struct fetch fetch = {.completions = completions};
    weft_node *node = completions->node;
    fetch.now_ns = weft__enter(node);
    *count = take(&fetch, replies, max);
    weft_error error = *count ? WEFT_OK : why_none(completions);
    if (error == WEFT_EAGAIN ||
        (!error && *count < max)) { /* the queue is empty now: the eventfd tells what comes next */
        weft__leave_watching(node, &completions->dest, &completions->watch);
    } else {
        weft__leave(node);
    }
    if (fetch.counted) {
        (void)weft__enter(node);
        weft__leave_call(node);
    }
    return weft__error_plain(error, "weft_completions_next");
}

weft_error weft_completions_next(weft_completions *completions, uint32_t timeout_ms, weft_reply *replies, size_t max,
                                 size_t *count)
{
    struct fetch fetch = {.completions = completions, .counted = true};
    struct waiter waiter;
    if (weft__forked) return weft__error_forked(__func__);
    if (!completions || !replies || !count)
        return weft__error_null(__func__, !completions ? "completions" : !replies ? "replies" : "count");
    if (!max) return weft__error(WEFT_EINVAL, "weft_completions_next: max is 0");
    if (!timeout_ms) return next_now(completions, replies, max, count);
    weft_node *node = completions->node;
    (void)weft__lend(node, &fetch.lent); /* with no substitute to be had it waits all the same */
    fetch.now_ns = weft__enter(node);
    uint64_t deadline_ns = weft__deadline(fetch.now_ns, timeout_ms);
    weft_error error = WEFT_OK;
    weft__call_begin(node);
    while (!(*count = take(&fetch, replies, max))) {
        error = why_none(completions);
        if (error != WEFT_EAGAIN) break;
        error = fetch.now_ns < deadline_ns ? WEFT_OK : WEFT_ETIMEDOUT;
        if (error) break;
        weft__waiter_init(&waiter);
        if (!weft__core_dest_wait(&completions->dest, &waiter.core)) continue;
        if (weft__wait(node, &waiter, deadline_ns, &fetch.now_ns)) continue;
        error = WEFT_ETIMEDOUT;
        break;
    }
    weft__leave_call(node);
    weft__lend_end(fetch.lent);
    return weft__error_plain(error, "weft_completions_next");
}

weft_error weft_completions_fd(weft_completions *completions, int *fd)
{
    if (weft__forked) return weft__error_forked(__func__);
    if (!completions || !fd) return weft__error_null(__func__, !completions ? "completions" : "fd");
    if (weft__waiter_watch(completions->node, &completions->dest, &completions->watch, fd)) return WEFT_OK;
    return weft__error(WEFT_ESYSTEM, "weft_completions_fd: no eventfd: %s", strerror(errno));
}
