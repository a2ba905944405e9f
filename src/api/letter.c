/* letter.c: the edge of weft/letter.h. A letter that was fetched stands in one block, with its texts and attempts; the
 * payload is held by reference. */
#include <weft/letter.h>

#include "api/error.h"
#include "api/letter.h"
#include "api/request.h"
#include "base/clock.h"
#include "base/fork.h"
#include "exec/scope.h"
#include "exec/node.h"
#include "exec/participant.h"
#include "remote/client_ask.h"

/* The core knows no wall clock: it came as long ago as the other clock says. */
void weft__letter_date(struct core_letter_view *view)
{
    view->letter.came_wall_ns = weft__clock_wall_ns() - (weft__clock_ns() - view->came_ns);
}

weft_error weft_letters_find(weft_node *node, const char *channel,
                             bool (*found)(const weft_letter *letter, void *context), void *context)
{
    struct core_letter_walk walk;
    struct core_letter_view view;
    struct scope scope = {.kind = SCOPE_FOUND, .node = node};
    if (weft__forked) return weft__error_forked(__func__);
    if (!node || !channel || !found) return weft__error_null(__func__, !node ? "node" : !channel ? "channel" : "found");
    if (node->uplink) return weft__client_letters_find(node, channel, found, context);
    weft__call_open(node);
    (void)weft__enter(node);
    weft_error error =
        weft__core_closing(node->core) ? WEFT_ECLOSED : weft__core_letters_begin(node->core, channel, &walk);
    weft__leave(node);
    for (bool goes_on = !error; goes_on;) {
        (void)weft__enter(node);
        bool closed = weft__core_closing(node->core);
        bool more = !closed && weft__core_letters_next(&walk, &view);
        if (closed) weft__core_letters_end(&walk);
        weft__leave(node);
        if (closed) error = WEFT_ECLOSED;
        if (!more) break;
        weft__letter_date(&view);
        weft__scope_push(&scope);
        goes_on = found(&view.letter, context);
        weft__fork_check();
        weft__scope_pop(&scope);
        weft__message_drop(view.payload);
        if (goes_on) continue;
        (void)weft__enter(node);
        weft__core_letters_end(&walk);
        weft__leave(node);
    }
    weft__call_close(node);
    return weft__error_plain(error, channel);
}

weft_error weft_letter_fetch(weft_node *node, const char *channel, uint64_t id, weft_letter *letter)
{
    if (weft__forked) return weft__error_forked(__func__);
    if (!node || !channel || !letter)
        return weft__error_null(__func__, !node ? "node" : !channel ? "channel" : "letter");
    if (node->uplink) return weft__client_letter_fetch(node, channel, id, letter);
    struct core_letter_view *view = weft__mem_alloc(&node->mem, sizeof *view);
    if (!view) return weft__error(WEFT_ENOMEM, "%s: no memory for a letter", channel);
    (void)weft__enter(node);
    weft_error error =
        weft__core_closing(node->core) ? WEFT_ECLOSED : weft__core_letter_fetch(node->core, channel, id, view);
    weft__leave(node);
    if (error) {
        weft__mem_free(&node->mem, view);
        return weft__error_plain(error, channel);
    }
    weft__letter_date(view);
    view->letter.memory = view;
    *letter = view->letter;
    return WEFT_OK;
}

weft_error weft_letter_put_back(weft_node *node, const char *channel, uint64_t id, weft_ticket *ticket)
{
    struct core_admitted admitted;
    bool origin_gone;
    if (weft__forked) return weft__error_forked(__func__);
    if (!node || !channel) return weft__error_null(__func__, !node ? "node" : "channel");
    if (node->uplink) return weft__client_letter_put_back(node, channel, id, ticket);
    uint64_t now_ns = weft__enter(node);
    weft_error error =
        weft__core_letter_put_back(node->core, now_ns, channel, id, node->process->session, &admitted, &origin_gone);
    weft__leave(node);
    if (!error || error == WEFT_EREJECTED) weft__ticket_fill(node, ticket, &admitted);
    if (error == WEFT_EREJECTED) return weft__error(error, "%s: put back: rejected: %s", channel, admitted.reason);
    if (origin_gone) return weft__error(error, "%s: the channel that the letter came from is no more", channel);
    return weft__error_plain(error, channel);
}

void weft_letter_release(weft_letter *letter)
{
    if (!letter) return;
    struct core_letter_view *view = letter->memory;
    if (view && !weft__forked) { /* the allocator is the host's, and may take locks */
        const struct mem *mem = view->payload->mem;
        weft__message_drop(view->payload);
        weft__mem_free(mem, view);
    }
    *letter = (weft_letter){.id = 0};
}
