/* client_list.c: what a client node gives its user of what its node has told: listings, reasons, letters; each in the same memory as
 * that of an embedded node, so that it is released alike. */
#include <string.h>

#include "api/error.h"
#include "api/listing.h"
#include "exec/node.h"
#include "exec/scope.h"
#include "remote/client_ask.h"
#include "remote/uplink.h"

/* Of each page; 0 = as the node likes. Tests make it less. */
uint32_t weft__client_page_bytes = 0;

/* --- listings --------------------------------------------------------------------------------- */

struct gathering {
    struct arena *arena;
    weft_listing *all;
    weft_channel_listing *channels;
    weft_subscription_info *subscriptions;
    size_t channels_room, subscriptions_room;
};

/* Its workers come behind those of the same channel that the page before ended with. */
static bool go_on_with(struct gathering *g, weft_channel_listing *last, const weft_channel_listing *more)
{
    size_t count = last->workers_count + more->workers_count;
    weft_worker_listing *workers = weft__arena_alloc(g->arena, (count + 1) * sizeof(*workers));
    if (!workers) return false;
    if (last->workers_count) memcpy(workers, last->workers, last->workers_count * sizeof(*workers));
    if (more->workers_count)
        memcpy(workers + last->workers_count, more->workers, more->workers_count * sizeof(*workers));
    last->workers = workers;
    last->workers_count = count;
    return true;
}

static bool add_channels(struct gathering *g, const weft_listing *page)
{
    for (size_t i = 0; i < page->channels_count; i++) {
        const weft_channel_listing *channel = &page->channels[i];
        weft_channel_listing *last = g->all->channels_count ? &g->channels[g->all->channels_count - 1] : NULL;
        if (last && strcmp(last->info.name, channel->info.name) == 0) {
            if (!go_on_with(g, last, channel)) return false;
            continue;
        }
        if (!weft__arena_grow(g->arena, (void **)&g->channels, g->all->channels_count, &g->channels_room,
                              sizeof(*g->channels)))
            return false;
        g->channels[g->all->channels_count++] = *channel;
    }
    return true;
}

static bool add_subscriptions(struct gathering *g, const weft_listing *page)
{
    for (size_t i = 0; i < page->subscriptions_count; i++) {
        if (!weft__arena_grow(g->arena, (void **)&g->subscriptions, g->all->subscriptions_count, &g->subscriptions_room,
                              sizeof(*g->subscriptions)))
            return false;
        g->subscriptions[g->all->subscriptions_count++] = page->subscriptions[i];
    }
    return true;
}

/* Where the next page begins. */
static void ask_on(struct ask_inspect *asked, const struct gathering *g)
{
    const weft_channel_listing *last = g->all->channels_count ? &g->channels[g->all->channels_count - 1] : NULL;
    asked->channel = last ? last->info.name : NULL;
    asked->worker = last && last->workers_count ? last->workers[last->workers_count - 1].info.id : 0;
    asked->subscription = g->all->subscriptions_count ? g->subscriptions[g->all->subscriptions_count - 1].id : 0;
}

static weft_error gather(weft_node *node, const char *pattern, struct gathering *g)
{
    struct ask_inspect asked = {.pattern = pattern, .bytes_max = weft__client_page_bytes};
    struct ask_listed page = {.more = true};
    for (bool first = true; page.more; first = false) {
        weft_error error = weft__client_ask(node, ASK_INSPECT, &asked, &page, g->arena, "weft_node_inspect");
        if (error) return error;
        if (first) {
            g->all->stats = page.listing.stats;
            g->all->listed_wall_ns = page.listing.listed_wall_ns;
        }
        if (!add_channels(g, &page.listing) || !add_subscriptions(g, &page.listing))
            return weft__error_plain(WEFT_ENOMEM, "weft_node_inspect");
        ask_on(&asked, g);
    }
    g->all->channels = g->channels;
    g->all->subscriptions = g->subscriptions;
    return WEFT_OK;
}

weft_error weft__client_inspect(weft_node *node, const char *pattern, weft_listing **listing)
{
    struct gathering g = {.arena = NULL};
    weft__call_open(node);
    g.all = weft__listing_new(&node->mem, &g.arena);
    weft_error error = g.all ? gather(node, pattern, &g) : weft__error_plain(WEFT_ENOMEM, "weft_node_inspect");
    if (error)
        weft_listing_release(g.all);
    else
        *listing = g.all;
    weft__call_close(node);
    return error;
}

/* --- why -------------------------------------------------------------------------------------- */

static weft_error ask_why(weft_node *node, enum ask_operation operation, const void *arguments, weft_why *why,
                          const char *of)
{
    struct arena *memory = weft__mem_alloc(&node->mem, sizeof(*memory));
    weft_why told;
    if (!memory) return weft__error_plain(WEFT_ENOMEM, of);
    weft__arena_init(memory, &node->mem);
    weft_error error = weft__client_ask(node, operation, arguments, &told, memory, of);
    if (error) {
        weft__arena_fini(memory);
        weft__mem_free(&node->mem, memory);
        return error;
    }
    told.memory = memory;
    *why = told;
    return WEFT_OK;
}

weft_error weft__client_dispatch_why(weft_node *node, const char *channel, const weft_dispatch_options *options,
                                     weft_why *why)
{
    const weft_dispatch_options defaults = WEFT_DISPATCH_OPTIONS;
    const struct ask_request asked = {.channel = channel, .options = options ? *options : defaults};
    weft__call_open(node);
    weft_error error = ask_why(node, ASK_DISPATCH_WHY, &asked, why, channel);
    weft__call_close(node);
    return error;
}

weft_error weft__client_why_get(weft_node *node, weft_dispatch_id id, weft_why *why)
{
    return ask_why(node, ASK_WHY_GET, &(struct ask_dispatch){.id = id}, why, "weft_why_get");
}

/* --- letters ---------------------------------------------------------------------------------- */

/* Words that are told are static text: those that are none of ours, of a newer node, all have one name. */
static const char *own_word(const char *word)
{
    const char *own = word ? weft__code_word(word) : NULL;
    return own || !word ? own : "other";
}

static bool tell_letters(weft_node *node, const struct ask_letters_found *page,
                         bool (*found)(const weft_letter *letter, void *context), void *context)
{
    struct scope scope = {.kind = SCOPE_FOUND, .node = node};
    bool goes_on = true;
    for (size_t i = 0; i < page->letters_count && goes_on; i++) {
        weft__scope_push(&scope);
        goes_on = found(&page->letters[i], context);
        weft__fork_check();
        weft__scope_pop(&scope);
    }
    return goes_on;
}

weft_error weft__client_letters_find(weft_node *node, const char *channel,
                                     bool (*found)(const weft_letter *letter, void *context), void *context)
{
    struct ask_letters asked = {.channel = channel, .bytes_max = weft__client_page_bytes};
    weft_error error = WEFT_OK;
    weft__call_open(node);
    for (bool goes_on = true; goes_on && !error;) {
        struct ask_letters_found page;
        struct arena arena;
        weft__arena_init(&arena, &node->mem);
        error = weft__client_ask(node, ASK_LETTERS_FIND, &asked, &page, &arena, channel);
        goes_on = !error && tell_letters(node, &page, found, context) && page.more && page.letters_count;
        if (goes_on) asked.after = page.letters[page.letters_count - 1].id;
        if (goes_on) asked.last = page.last;
        weft__arena_fini(&arena);
    }
    weft__call_close(node);
    return error;
}

/* In one block, as an embedded node's: with its texts and attempts; the payload is a message. */
struct own_letter {
    struct core_letter_view view;
    uint8_t schema_id[WEFT_SCHEMA_ID_BYTES];
};

static void own_texts(struct own_letter *own)
{
    struct core_letter_view *view = &own->view;
    weft_letter *letter = &view->letter;
    if (letter->activity_type) {
        memcpy(view->activity_type, letter->activity_type, strlen(letter->activity_type) + 1);
        letter->activity_type = view->activity_type;
    }
    if (letter->schema_id) letter->schema_id = memcpy(own->schema_id, letter->schema_id, sizeof own->schema_id);
    if (letter->attempts_count)
        memcpy(view->attempts, letter->attempts, letter->attempts_count * sizeof *letter->attempts);
    for (size_t i = 0; i < letter->attempts_count; i++)
        view->attempts[i].code = own_word(view->attempts[i].code);
    letter->attempts = view->attempts;
    letter->code = own_word(letter->code);
    letter->content_type = weft__message_content_type(view->payload);
    letter->payload = (weft_bytes){view->payload->bytes, view->payload->size_bytes};
    letter->memory = view;
}

static weft_error keep_letter(weft_node *node, const weft_letter *told, struct own_letter **kept)
{
    bool fits = told->attempts_count <= CORE_ATTEMPTS_MAX &&
                (!told->activity_type || strlen(told->activity_type) <= WEFT_NAME_MAX);
    if (!fits) return weft__error(WEFT_EPROTOCOL, "letter: the node's answer is more than a letter has room for");
    struct own_letter *own = weft__mem_alloc(&node->mem, sizeof(*own));
    struct message *payload =
        own ? weft__message_new(&node->mem, told->payload.data, told->payload.size, told->content_type) : NULL;
    if (!payload) {
        weft__mem_free(&node->mem, own);
        return weft__error(WEFT_ENOMEM, "%s: no memory for a letter", told->channel);
    }
    own->view.letter = *told;
    own->view.payload = payload;
    own_texts(own);
    *kept = own;
    return WEFT_OK;
}

/* Looks at it first, and takes it when there is room for it here: so none is lost on the way. *gone: somebody else took it
 * meanwhile. */
static weft_error fetch_letter(weft_node *node, const struct ask_letter *asked, weft_letter *letter, bool *gone)
{
    struct own_letter *own = NULL;
    struct arena arena;
    weft_letter told;
    *gone = false;
    weft__arena_init(&arena, &node->mem);
    weft_error error = weft__client_ask(node, ASK_LETTER_LOOK, asked, &told, &arena, asked->channel);
    if (!error) error = keep_letter(node, &told, &own);
    weft__arena_fini(&arena);
    if (error) return error;
    const struct ask_letter taken = {.channel = asked->channel, .id = own->view.letter.id};
    weft_letter fetched = own->view.letter;
    error = weft__client_ask(node, ASK_LETTER_TAKE, &taken, NULL, NULL, asked->channel);
    *gone = error == WEFT_ENOTFOUND;
    if (error)
        weft_letter_release(&fetched);
    else
        *letter = fetched;
    return error;
}

weft_error weft__client_letter_fetch(weft_node *node, const char *channel, uint64_t id, weft_letter *letter)
{
    const struct ask_letter asked = {.channel = channel, .id = id};
    weft_error error;
    bool gone;
    weft__call_open(node);
    do
        error = fetch_letter(node, &asked, letter, &gone);
    while (gone && id == 0);
    weft__call_close(node);
    return error;
}

weft_error weft__client_letter_put_back(weft_node *node, const char *channel, uint64_t id, weft_ticket *ticket)
{
    const struct ask_letter asked = {.channel = channel, .id = id};
    struct arena arena;
    weft_ticket told = {.admission = WEFT_ADMISSION_NONE};
    weft__call_open(node);
    weft__arena_init(&arena, &node->mem);
    weft_error error = weft__client_ask(node, ASK_LETTER_PUT_BACK, &asked, &told, &arena, channel);
    if (!error || error == WEFT_EREJECTED) {
        told.reason = own_word(told.reason);
        if (ticket) *ticket = told;
    }
    weft__arena_fini(&arena);
    weft__call_close(node);
    return error;
}
