/* why.c: the edge of weft/inspect.h: why something waits. The first hold tells where it stands and begins with the
 * workers; where there are many, others follow, and where it has moved on meanwhile all of it is asked again, some
 * times. */
#include <weft/inspect.h>

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "api/error.h"
#include "api/request.h"
#include "api/why_text.h"
#include "exec/node.h"
#include "remote/client_ask.h"

enum { ROWS_A_PAGE = 64, TEXT_A_PAGE = 8192, TRIES_MAX = 4 };

struct asking {
    weft_node *node;
    const struct core_request *request; /* NULL: of a dispatch: */
    weft_dispatch_id id;
    struct arena arena;
    struct core_why answer;
    struct why_tally tally;
    weft_refusal *refusals;
    size_t refusals_count, refusals_room;
    uint64_t cursor;
    struct core_refusal_row rows[ROWS_A_PAGE];
    size_t rows_count;
    char text[TEXT_A_PAGE];
};

static bool add_rows(struct asking *asking)
{
    for (size_t i = 0; i < asking->rows_count; i++) {
        const struct core_refusal_row *row = &asking->rows[i];
        if (!weft__arena_grow(&asking->arena, (void **)&asking->refusals, asking->refusals_count,
                              &asking->refusals_room, sizeof(*asking->refusals)))
            return false;
        weft_refusal *refusal = &asking->refusals[asking->refusals_count++];
        refusal->worker = row->worker.info;
        refusal->rule = row->rule;
        weft__refusal_text(row, &asking->answer, refusal->sentence, sizeof(refusal->sentence));
        asking->tally.by_rule[row->rule]++;
    }
    return true;
}

/* Inside. */
static bool next_rows(struct asking *asking, uint64_t now_ns, bool *changed)
{
    struct core_text text = {.bytes = asking->text, .room = sizeof(asking->text)};
    return weft__core_refusals_next(asking->node->core, now_ns, asking->request, &asking->answer, &asking->cursor,
                                    asking->rows, ROWS_A_PAGE, &asking->rows_count, &text, changed);
}

static weft_error ask_once(struct asking *asking, bool *changed)
{
    weft_node *node = asking->node;
    asking->refusals_count = 0;
    asking->cursor = 0;
    memset(&asking->tally, 0, sizeof(asking->tally));
    uint64_t now_ns = weft__enter(node);
    weft_error error = asking->request ? weft__core_why_request(node->core, now_ns, asking->request, &asking->answer)
                                       : weft__core_why_dispatch(node->core, now_ns, asking->id, &asking->answer);
    if (!asking->request && weft__core_closing(node->core)) error = WEFT_ECLOSED;
    bool more = !error && next_rows(asking, now_ns, changed);
    weft__leave(node);
    while (!error && more) {
        if (!add_rows(asking)) return WEFT_ENOMEM;
        now_ns = weft__enter(node);
        asking->answer.budget = CORE_HOLD_MAX;
        more = next_rows(asking, now_ns, changed);
        weft__leave(node);
    }
    return error;
}

static int by_id(const void *a, const void *b)
{
    uint64_t x = ((const weft_refusal *)a)->worker.id, y = ((const weft_refusal *)b)->worker.id;
    return (x > y) - (x < y);
}

static void take_refusals(struct asking *asking, weft_why *why)
{
    /* Slots are used again: their order is not that of registration. */
    for (size_t i = 1; i < asking->refusals_count; i++) {
        if (asking->refusals[i - 1].worker.id < asking->refusals[i].worker.id) continue;
        qsort(asking->refusals, asking->refusals_count, sizeof(*asking->refusals), by_id);
        break;
    }
    why->refusals = asking->refusals;
    why->refusals_count = asking->refusals_count;
}

static void give(struct asking *asking, struct arena *memory, weft_why *why)
{
    const struct core_why *answer = &asking->answer;
    *why = (weft_why){.id = answer->id,
                      .standing = answer->standing,
                      .channel_state = answer->channel_state,
                      .admission = answer->admission,
                      .ahead = answer->ahead,
                      .waits_ns = answer->standing == WEFT_STANDING_QUEUED ? answer->waits_ns : 0};
    memcpy(why->channel, answer->channel_name, sizeof(why->channel));
    memcpy(why->worker, answer->worker, sizeof(why->worker));
    weft__why_text(answer, &asking->tally, why->sentence, sizeof(why->sentence));
    take_refusals(asking, why);
    *memory = asking->arena;
    why->memory = memory;
}

static weft_error ask(weft_node *node, const struct core_request *request, weft_dispatch_id id, weft_why *why)
{
    struct asking *asking = weft__mem_zalloc(&node->mem, sizeof(*asking));
    struct arena *memory = asking ? weft__mem_alloc(&node->mem, sizeof(*memory)) : NULL;
    weft_error error = memory ? WEFT_OK : WEFT_ENOMEM;
    if (!error) {
        asking->node = node;
        asking->request = request;
        asking->id = id;
        weft__arena_init(&asking->arena, &node->mem);
        bool changed = true;
        for (int tries = 0; !error && changed && tries < TRIES_MAX; tries++)
            error = ask_once(asking, &changed);
    }
    if (!error) {
        give(asking, memory, why);
    } else {
        if (memory) weft__arena_fini(&asking->arena);
        weft__mem_free(&node->mem, memory);
    }
    weft__mem_free(&node->mem, asking);
    return error;
}

/* Of a client node: all but who asks is the node's to look at. */
static weft_error elsewhere(weft_node *node, const char *channel, const weft_dispatch_options *options,
                            struct core_request *request, weft_why *why)
{
    (void)weft__enter(node);
    bool alive = weft__core_session_alive(node->core, request->session, NULL, NULL);
    weft__leave(node);
    weft__request_drop(request);
    if (!alive) return weft__error_plain(WEFT_EDEAD, channel);
    return weft__client_dispatch_why(node, channel, options, why);
}

/* What has ended here is known here alone. */
static weft_error get_elsewhere(weft_node *node, weft_dispatch_id id, weft_why *why)
{
    weft_why own;
    weft_error error = weft__client_why_get(node, id, why);
    if (error != WEFT_ENOTFOUND || ask(node, NULL, id, &own)) return error;
    if (own.standing == WEFT_STANDING_ENDED) {
        *why = own;
        return WEFT_OK;
    }
    weft_why_release(&own);
    return error;
}

weft_error weft_dispatch_why(weft_node *node, const char *channel, const weft_dispatch_options *options, weft_why *why)
{
    struct core_request request;
    const struct core_admitted none = {.admission = WEFT_ADMISSION_NONE};
    if (weft__forked) return weft__error_forked(__func__);
    if (!why) return weft__error_null(__func__, "why");
    weft_error error = weft__request_fill(node, channel, (weft_bytes){.size = 0}, options, &request);
    if (error) return error;
    if (node->uplink) return elsewhere(node, channel, options, &request, why);
    weft__call_open(node);
    error = ask(node, &request, (weft_dispatch_id){0, 0}, why);
    weft__request_drop(&request);
    weft__call_close(node);
    return weft__request_report(&request, error, &none, NULL);
}

weft_error weft_why_get(weft_node *node, weft_dispatch_id id, weft_why *why)
{
    if (weft__forked) return weft__error_forked(__func__);
    if (!node || !why) return weft__error_null(__func__, !node ? "node" : "why");
    weft__call_open(node);
    weft_error error = node->uplink ? get_elsewhere(node, id, why) : ask(node, NULL, id, why);
    weft__call_close(node);
    if (error && node->uplink) return error;
    return weft__error_plain(error, "weft_why_get");
}

void weft_why_release(weft_why *why)
{
    if (!why) return;
    struct arena *memory = why->memory;
    if (memory && !weft__forked) { /* the allocator is the host's, and may take locks */
        struct mem mem = memory->mem;
        weft__arena_fini(memory);
        weft__mem_free(&mem, memory);
    }
    memset(why, 0, sizeof(*why));
}
