/* serve_page.c: what may be more than one answer has room for: it goes in pages, each of which is made anew, from where the last
 * ended. So nothing is kept between them, and what came and went meanwhile may or may not be seen. */
#include <string.h>

#include "api/error.h"
#include "api/letter.h"
#include "exec/node.h"
#include "frame/wire.h"
#include "remote/serve.h"

static size_t page_bytes(uint32_t asked)
{
    return asked && asked < ASK_PAGE_BYTES ? asked : ASK_PAGE_BYTES;
}

/* --- listings --------------------------------------------------------------------------------- */

struct page {
    struct ask_call *call;
    const struct ask_inspect *from;
    size_t left; /* bytes */
    bool full;
    weft_channel_listing *channels;
    size_t channels_count;
};

/* Whether there is room: for the first there always is. */
static bool fits(struct page *page, size_t size, bool first)
{
    page->full = !first && size > page->left;
    if (!page->full) page->left -= size < page->left ? size : page->left;
    return !page->full;
}

/* As many of its workers as there is room for, behind those that were told. */
static void add_workers(struct page *page, const weft_channel_listing *from, weft_channel_listing *to, size_t told)
{
    to->workers = from->workers + told;
    to->workers_count = 0;
    while (told + to->workers_count < from->workers_count) {
        const weft_worker_listing *worker = &to->workers[to->workers_count];
        bool first = page->channels_count == 0 && to->workers_count == 0;
        if (!fits(page, weft__shape_size(&weft__shape_worker_listing, worker), first)) break;
        to->workers_count++;
    }
}

static void add_channel(struct page *page, const weft_channel_listing *from)
{
    const char *after = page->from->channel;
    int order = after ? strcmp(from->info.name, after) : 1;
    size_t told = 0;
    if (order < 0) return;
    while (order == 0 && told < from->workers_count && from->workers[told].info.id <= page->from->worker)
        told++;
    if (order == 0 && told == from->workers_count) return;
    weft_channel_listing *to = &page->channels[page->channels_count];
    *to = *from;
    to->workers_count = 0;
    if (!fits(page, weft__shape_size(&weft__shape_channel_listing, to), page->channels_count == 0)) return;
    add_workers(page, from, to, told);
    page->channels_count++;
}

/* Behind the last channel. */
static void add_subscriptions(struct page *page, const weft_listing *all, weft_listing *to)
{
    size_t told = 0;
    while (told < all->subscriptions_count && all->subscriptions[told].id <= page->from->subscription)
        told++;
    to->subscriptions = all->subscriptions + told;
    to->subscriptions_count = 0;
    while (!page->full && told + to->subscriptions_count < all->subscriptions_count) {
        const weft_subscription_info *next = &to->subscriptions[to->subscriptions_count];
        bool first = page->channels_count == 0 && to->subscriptions_count == 0;
        if (fits(page, weft__shape_size(&weft__shape_subscription_info, next), first)) to->subscriptions_count++;
    }
}

static weft_error give_page(struct page *page, const weft_listing *all)
{
    struct ask_listed listed = {.listing = *all};
    listed.listing.subscriptions_count = 0;
    page->channels = weft__arena_alloc(&page->call->arena, (all->channels_count + 1) * sizeof(*page->channels));
    if (!page->channels) return weft__error_plain(WEFT_ENOMEM, "weft_node_inspect");
    for (size_t i = 0; i < all->channels_count && !page->full; i++)
        add_channel(page, &all->channels[i]);
    if (!page->full) add_subscriptions(page, all, &listed.listing);
    listed.listing.channels = page->channels;
    listed.listing.channels_count = page->channels_count;
    listed.more = page->full;
    return weft__ask_give(page->call, &listed);
}

weft_error weft__serve_inspect(struct ask_call *call)
{
    struct page page = {.call = call, .from = &call->arguments.inspect};
    weft_listing *all;
    page.left = page_bytes(page.from->bytes_max);
    weft_error error = weft_node_inspect(call->node, page.from->pattern, &all);
    if (error) return error;
    error = give_page(&page, all);
    weft_listing_release(all);
    return error;
}

/* --- channels --------------------------------------------------------------------------------- */

weft_error weft__serve_channel_find(struct ask_call *call)
{
    const struct ask_find *from = &call->arguments.find;
    weft_node *node = call->node;
    struct ask_found found = {.more = true, .cursor = from->cursor};
    bool closed = false;
    if (!from->pattern) return weft__error_null("weft_channel_find", "pattern");
    if (!weft__pattern_valid(from->pattern)) return weft__error_channel_pattern(from->pattern);
    weft_channel_info *infos = weft__arena_alloc(&call->arena, ASK_FIND_MAX * sizeof(*infos));
    if (!infos) return weft__error_plain(WEFT_ENOMEM, from->pattern);
    while (found.more && !closed && found.channels_count < ASK_FIND_MAX) {
        weft_channel_info *info = &infos[found.channels_count];
        uint64_t now_ns = weft__enter(node);
        closed = weft__core_closing(node->core);
        found.more = !closed && weft__core_channel_next(node->core, now_ns, from->pattern, &found.cursor, info);
        weft__leave_inside(node);
        if (found.more && info->name[0]) found.channels_count++;
    }
    if (closed) return weft__error_plain(WEFT_ECLOSED, from->pattern);
    found.channels = infos;
    return weft__ask_give(call, &found);
}

/* --- letters ---------------------------------------------------------------------------------- */

/* The next letter between the two; false: there is none, or the node closes. */
static bool next_letter(struct ask_call *call, struct core_letter_walk *walk, struct core_letter_view *view,
                        bool *closed)
{
    const struct ask_letters *from = &call->arguments.letters;
    weft_node *node = call->node;
    for (;;) {
        (void)weft__enter(node);
        *closed = weft__core_closing(node->core);
        bool more = !*closed && weft__core_letters_next(walk, view);
        if (*closed) weft__core_letters_end(walk);
        weft__leave_inside(node);
        if (!more) return false;
        if (view->letter.id > from->after && view->letter.id <= walk->last_id) break;
        weft__message_drop(view->payload);
    }
    weft__letter_date(view);
    return true;
}

/* Letters are written one by one, since each is there for a moment: behind a head that is written again at the end. */
static weft_error write_letters(struct ask_call *call, struct core_letter_walk *walk)
{
    struct ask_letters_found head = {.last = walk->last_id};
    struct core_letter_view view;
    size_t most = page_bytes(call->arguments.letters.bytes_max);
    bool closed = false;
    weft__shape_write(&call->out, call->row->gives, &head);
    size_t head_bytes = call->out.size;
    while (!head.more && !call->out.error && next_letter(call, walk, &view, &closed)) {
        size_t size = call->out.size + weft__shape_size(&weft__shape_letter, &view.letter);
        head.more = head.letters_count > 0 && size > most;
        if (!head.more) {
            weft__shape_write(&call->out, &weft__shape_letter, &view.letter);
            head.letters_count++;
        }
        weft__message_drop(view.payload);
    }
    if (call->out.error) return weft__ask_give(call, &head); /* which says why */
    if (!head.more && closed) return weft__error_plain(WEFT_ECLOSED, call->arguments.letters.channel);
    call->out.bytes[0] = head.more;
    (void)wire_put32(call->out.bytes + head_bytes - sizeof(uint32_t), (uint32_t)head.letters_count);
    return WEFT_OK;
}

weft_error weft__serve_letters_find(struct ask_call *call)
{
    const struct ask_letters *from = &call->arguments.letters;
    weft_node *node = call->node;
    struct core_letter_walk walk;
    if (!from->channel) return weft__error_null("weft_letters_find", "channel");
    (void)weft__enter(node);
    weft_error error =
        weft__core_closing(node->core) ? WEFT_ECLOSED : weft__core_letters_begin(node->core, from->channel, &walk);
    weft__leave_inside(node);
    if (error) return weft__error_plain(error, from->channel);
    if (from->last && from->last < walk.last_id) walk.last_id = from->last;
    error = write_letters(call, &walk);
    (void)weft__enter(node);
    weft__core_letters_end(&walk);
    weft__leave_inside(node);
    return error;
}

weft_error weft__serve_letter_look(struct ask_call *call)
{
    const struct ask_letter *a = &call->arguments.letter_of;
    weft_node *node = call->node;
    struct core_letter_view view;
    if (!a->channel) return weft__error_null("weft_letter_fetch", "channel");
    (void)weft__enter(node);
    weft_error error =
        weft__core_closing(node->core) ? WEFT_ECLOSED : weft__core_letter_look(node->core, a->channel, a->id, &view);
    weft__leave_inside(node);
    if (error) return weft__error_plain(error, a->channel);
    weft__letter_date(&view);
    error = weft__ask_give(call, &view.letter);
    weft__message_drop(view.payload);
    return error;
}
