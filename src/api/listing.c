/* listing.c: the edge of weft/inspect.h: a node at a moment.
 *
 *     collect    pages out of the core, each in a hold of its own, copied here when the lock is free again
 *     arrange    workers to their channels, channels by name
 *
 * Everything stands in one arena, which goes with the listing. */
#include <weft/inspect.h>

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "api/error.h"
#include "api/listing.h"
#include "base/arena.h"
#include "base/assert.h"
#include "base/clock.h"
#include "exec/node.h"
#include "remote/client_ask.h"

/* A page is shorter than a hold might be: a dispatch that comes meanwhile waits for some microseconds. */
enum {
    WORKERS_A_PAGE = 32,
    SUBSCRIPTIONS_A_PAGE = 32,
    QUEUES_A_PAGE = CORE_HOLD_MAX,
    TEXT_A_PAGE = 8192, /* more than what one worker's types need */
    QUEUES_TRIES = 4    /* of a channel with hundreds of types that come and go */
};

struct listing {
    weft_listing listed; /* what the user has: it comes first */
    struct arena arena;
};

/* As they are found; channels and queues are written into the arena at once. */
struct found_worker {
    uint64_t channel;
    weft_worker_listing listing;
};

struct collection {
    weft_node *node;
    struct arena *arena;
    weft_channel_listing *channels;
    uint64_t *handles; /* of these */
    size_t channels_count, channels_room, handles_room;
    struct found_worker *workers;
    size_t workers_count, workers_room;
    weft_subscription_info *subscriptions;
    size_t subscriptions_count, subscriptions_room;
    struct core_channel_row channel;
    struct core_queue_row queues[QUEUES_A_PAGE];
    struct core_worker_row rows[WORKERS_A_PAGE];
    weft_subscription_info found[SUBSCRIPTIONS_A_PAGE];
    char text[TEXT_A_PAGE];
};

/* --- collecting ------------------------------------------------------------------------------- */

static bool is_empty(const struct core_queue_row *row)
{
    return (row->queued[0] | row->queued[1] | row->queued[2] | row->queued[3]) == 0;
}

static bool add_queues(struct arena *arena, const struct core_channel_row *row, weft_channel_listing *listing,
                       size_t *room)
{
    for (size_t i = 0; i < row->queues_count; i++) {
        const struct core_queue_row *from = &row->queues[i];
        if (is_empty(from)) continue;
        void *array = (void *)(uintptr_t)listing->queues;
        if (!weft__arena_grow(arena, &array, listing->queues_count, room, sizeof(weft_queue_info))) return false;
        listing->queues = array;
        weft_queue_info *queue = (weft_queue_info *)array + listing->queues_count++;
        *queue = (weft_queue_info){.activity_type = NULL};
        if (from->activity_type[0] && !(queue->activity_type = weft__arena_text(arena, from->activity_type)))
            return false;
        memcpy(queue->queued, from->queued, sizeof(queue->queued));
        memcpy(queue->head_wait_ns, from->head_wait_ns, sizeof(queue->head_wait_ns));
    }
    return true;
}

/* "": none, which stays NULL. */
static bool copy_schema(struct arena *arena, const struct core_schema_row *row, const char **name, const uint8_t **id)
{
    if (!row->name[0]) return true;
    uint8_t *copy = weft__arena_alloc(arena, sizeof(row->id));
    *name = weft__arena_text(arena, row->name);
    if (copy) *id = memcpy(copy, row->id, sizeof(row->id));
    return *name && *id;
}

static bool fill_channel(struct arena *arena, const struct core_channel_row *row, weft_channel_listing *listing)
{
    *listing = (weft_channel_listing){
        .info = row->info, .options = row->options, .schema_generation = row->generation, .latency = row->latency};
    if (!copy_schema(arena, &row->schema, &listing->options.schema, &listing->schema_id) ||
        !copy_schema(arena, &row->result_schema, &listing->options.result_schema, &listing->result_schema_id))
        return false;
    if (row->dead_letter[0] && !(listing->options.dead_letter = weft__arena_text(arena, row->dead_letter)))
        return false;
    listing->deaths_count = row->deaths_count;
    if (row->deaths_count == 0) return true;
    size_t size_bytes = row->deaths_count * sizeof(weft_death);
    void *deaths = weft__arena_alloc(arena, size_bytes);
    if (deaths) listing->deaths = memcpy(deaths, row->deaths, size_bytes);
    return deaths != NULL;
}

/* The queues of a channel with many activity types come in several pages. Where the type is gone behind which the next
 * begins, the channel is begun again, some times; after that it is taken as far as it came. */
static bool add_channel(struct collection *c, struct core_channel_row *row)
{
    size_t room = 0;
    weft_channel_listing *listing = &c->channels[c->channels_count];
    if (!fill_channel(c->arena, row, listing) || !add_queues(c->arena, row, listing, &room)) return false;
    for (int tries = 1; row->more_queues;) {
        uint64_t now_ns = weft__enter(c->node);
        bool goes_on = weft__core_queues_next(c->node->core, now_ns, row);
        bool again = !goes_on && tries++ < QUEUES_TRIES &&
                     weft__core_channel_row(c->node->core, now_ns, row->handle, row) == WEFT_OK;
        weft__leave(c->node);
        if (!goes_on && !again) break;
        if (again && !fill_channel(c->arena, row, listing)) return false;
        if (again) room = 0;
        if (!add_queues(c->arena, row, listing, &room)) return false;
    }
    c->handles[c->channels_count++] = row->handle;
    return true;
}

static weft_error collect_channels(struct collection *c, const char *pattern)
{
    uint64_t cursor = 0;
    c->channel.queues = c->queues;
    c->channel.queues_max = QUEUES_A_PAGE;
    for (;;) {
        uint64_t now_ns = weft__enter(c->node);
        bool closed = weft__core_closing(c->node->core);
        bool more = !closed && weft__core_channels_next(c->node->core, now_ns, pattern, &cursor, &c->channel);
        weft__leave(c->node);
        if (closed) return WEFT_ECLOSED;
        if (!more) return WEFT_OK;
        if (!c->channel.handle) continue;
        if (!weft__arena_grow(c->arena, (void **)&c->channels, c->channels_count, &c->channels_room,
                              sizeof(*c->channels)) ||
            !weft__arena_grow(c->arena, (void **)&c->handles, c->channels_count, &c->handles_room,
                              sizeof(*c->handles)) ||
            !add_channel(c, &c->channel))
            return WEFT_ENOMEM;
    }
}

static const char *const *copy_types(struct arena *arena, const struct core_worker_row *row)
{
    const char **types = weft__arena_alloc(arena, row->activity_types_count * sizeof(*types));
    char *text = weft__arena_alloc(arena, row->activity_types_bytes);
    if (!types || !text) return NULL;
    memcpy(text, row->activity_types, row->activity_types_bytes);
    for (size_t i = 0; i < row->activity_types_count; i++, text += strlen(text) + 1)
        types[i] = text;
    return types;
}

static bool same_types(const weft_worker_listing *known, const struct core_worker_row *row)
{
    if (known->activity_types_count != row->activity_types_count) return false;
    const char *first = known->activity_types[0], *last = known->activity_types[known->activity_types_count - 1];
    size_t bytes = (size_t)(last - first) + strlen(last) + 1;
    return bytes == row->activity_types_bytes && memcmp(first, row->activity_types, bytes) == 0;
}

static bool same_ids(const weft_worker_listing *known, const struct core_worker_row *row)
{
    return known->schema_ids_count == row->schema_ids_count &&
           memcmp(known->schema_ids, row->schema_ids, row->schema_ids_count * sizeof(*row->schema_ids)) == 0;
}

static bool copy_ids(struct arena *arena, const struct core_worker_row *row, const weft_worker_listing *known,
                     weft_worker_listing *listing)
{
    listing->schema_ids_count = row->schema_ids_count;
    if (row->schema_ids_count == 0) return true;
    size_t size_bytes = row->schema_ids_count * sizeof(*row->schema_ids);
    listing->schema_ids = known->schema_ids;
    if (same_ids(known, row)) return true;
    void *copy = weft__arena_alloc(arena, size_bytes);
    if (copy) listing->schema_ids = memcpy(copy, row->schema_ids, size_bytes);
    return copy != NULL;
}

/* Workers of a kind are registered together: what one shares with the one before is not copied again. */
static bool fill_worker(struct arena *arena, const struct core_worker_row *row, const struct found_worker *before,
                        struct found_worker *found)
{
    WEFT_ASSERT(found);
    const weft_worker_listing *known = before ? &before->listing : &(weft_worker_listing){.group = NULL};
    *found = (struct found_worker){.channel = row->channel,
                                   .listing = {.info = row->info, .activity_types_count = row->activity_types_count}};
    if (row->group[0]) {
        bool same = known->group && strcmp(known->group, row->group) == 0;
        found->listing.group = same ? known->group : weft__arena_text(arena, row->group);
        if (!found->listing.group) return false;
    }
    if (!copy_ids(arena, row, known, &found->listing)) return false;
    if (row->activity_types_count == 0) return true;
    found->listing.activity_types = same_types(known, row) ? known->activity_types : copy_types(arena, row);
    return found->listing.activity_types != NULL;
}

static weft_error collect_workers(struct collection *c)
{
    uint64_t cursor = 0;
    for (;;) {
        struct core_text text = {.bytes = c->text, .room = sizeof(c->text)};
        size_t count;
        uint64_t now_ns = weft__enter(c->node);
        bool more = weft__core_workers_next(c->node->core, now_ns, &cursor, c->rows, WORKERS_A_PAGE, &count, &text);
        weft__leave(c->node);
        if (!more) return WEFT_OK;
        for (size_t i = 0; i < count; i++) {
            if (!weft__arena_grow(c->arena, (void **)&c->workers, c->workers_count, &c->workers_room,
                                  sizeof(*c->workers)) ||
                !fill_worker(c->arena, &c->rows[i], c->workers_count ? &c->workers[c->workers_count - 1] : NULL,
                             &c->workers[c->workers_count]))
                return WEFT_ENOMEM;
            c->workers_count++;
        }
    }
}

static int by_subscription(const void *a, const void *b)
{
    uint64_t x = ((const weft_subscription_info *)a)->id, y = ((const weft_subscription_info *)b)->id;
    return (x > y) - (x < y);
}

static bool add_subscriptions(struct collection *c, const char *pattern, uint64_t *cursor, bool *more)
{
    size_t count;
    uint64_t now_ns = weft__enter(c->node);
    *more = weft__core_subscriptions_next(c->node->core, now_ns, cursor, c->found, SUBSCRIPTIONS_A_PAGE, &count);
    weft__leave(c->node);
    for (size_t i = 0; i < count; i++) {
        if (!weft__pattern_match(pattern, c->found[i].pattern)) continue;
        if (!weft__arena_grow(c->arena, (void **)&c->subscriptions, c->subscriptions_count, &c->subscriptions_room,
                              sizeof(*c->subscriptions)))
            return false;
        c->subscriptions[c->subscriptions_count++] = c->found[i];
    }
    return true;
}

static weft_error collect_subscriptions(struct collection *c, const char *pattern, weft_listing *listed)
{
    uint64_t cursor = 0;
    for (bool more = true; more;)
        if (!add_subscriptions(c, pattern, &cursor, &more)) return WEFT_ENOMEM;
    if (c->subscriptions_count > 1)
        qsort(c->subscriptions, c->subscriptions_count, sizeof(*c->subscriptions), by_subscription);
    listed->subscriptions = c->subscriptions;
    listed->subscriptions_count = c->subscriptions_count;
    return WEFT_OK;
}

/* --- arranging -------------------------------------------------------------------------------- */

static uint32_t index_of(uint64_t handle)
{
    return (uint32_t)handle & ((UINT32_C(1) << SLOT_INDEX_BITS) - 1);
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const weft_channel_listing *const *)a)->info.name,
                  (*(const weft_channel_listing *const *)b)->info.name);
}

static int by_id(const void *a, const void *b)
{
    uint64_t x = ((const weft_worker_listing *)a)->info.id, y = ((const weft_worker_listing *)b)->info.id;
    return (x > y) - (x < y);
}

/* Where in `channels` the channel of that slot stands, plus 1; 0: it was not listed, or is another by now. */
static bool channel_table(struct collection *c, uint32_t **table, size_t *size)
{
    *size = 0;
    for (size_t i = 0; i < c->channels_count; i++)
        if (index_of(c->handles[i]) >= *size) *size = index_of(c->handles[i]) + 1;
    *table = weft__arena_alloc(c->arena, (*size + 1) * sizeof(**table));
    if (!*table) return false;
    memset(*table, 0, (*size + 1) * sizeof(**table));
    for (size_t i = 0; i < c->channels_count; i++)
        (*table)[index_of(c->handles[i])] = (uint32_t)i + 1;
    return true;
}

/* Counts, shares out the array, fills: a worker is moved once. */
static bool share_out(struct collection *c)
{
    uint32_t *table;
    size_t size, listed = 0;
    if (!channel_table(c, &table, &size)) return false;
    for (size_t i = 0; i < c->workers_count; i++) {
        uint64_t handle = c->workers[i].channel;
        uint32_t at = index_of(handle) < size ? table[index_of(handle)] : 0;
        if (at && c->handles[at - 1] != handle) at = 0;
        c->workers[i].channel = at;
        if (at) c->channels[at - 1].workers_count++;
        listed += at > 0;
    }
    weft_worker_listing *all = weft__arena_alloc(c->arena, (listed + 1) * sizeof(*all));
    weft_worker_listing **next = weft__arena_alloc(c->arena, (c->channels_count + 1) * sizeof(*next));
    if (!all || !next) return false;
    for (size_t i = 0; i < c->channels_count; i++) {
        c->channels[i].workers = next[i] = all;
        all += c->channels[i].workers_count;
    }
    for (size_t i = 0; i < c->workers_count; i++)
        if (c->workers[i].channel) *next[c->workers[i].channel - 1]++ = c->workers[i].listing;
    for (size_t i = 0; i < c->channels_count; i++) {
        weft_channel_listing *channel = &c->channels[i];
        bool sorted = true;
        for (size_t w = 1; w < channel->workers_count && sorted; w++)
            sorted = channel->workers[w - 1].info.id < channel->workers[w].info.id;
        if (!sorted)
            qsort((void *)(uintptr_t)channel->workers, channel->workers_count, sizeof(*channel->workers), by_id);
    }
    return true;
}

static bool sort_channels(struct collection *c, weft_listing *listed)
{
    const weft_channel_listing **order = weft__arena_alloc(c->arena, (c->channels_count + 1) * sizeof(*order));
    weft_channel_listing *sorted = weft__arena_alloc(c->arena, (c->channels_count + 1) * sizeof(*sorted));
    if (!order || !sorted) return false;
    for (size_t i = 0; i < c->channels_count; i++)
        order[i] = &c->channels[i];
    qsort(order, c->channels_count, sizeof(*order), by_name);
    for (size_t i = 0; i < c->channels_count; i++)
        sorted[i] = *order[i];
    listed->channels = sorted;
    listed->channels_count = c->channels_count;
    return true;
}

/* --- the edge --------------------------------------------------------------------------------- */

static weft_error list(weft_node *node, const char *pattern, struct listing *listing)
{
    struct collection *c = weft__mem_zalloc(&node->mem, sizeof(*c));
    if (!c) return WEFT_ENOMEM;
    c->node = node;
    c->arena = &listing->arena;
    listing->listed.listed_wall_ns = weft__clock_wall_ns();
    (void)weft__enter(node);
    weft__core_stats(node->core, &listing->listed.stats);
    weft__leave(node);
    c->workers_room = listing->listed.stats.workers;
    c->workers = weft__arena_alloc(c->arena, c->workers_room * sizeof(*c->workers));
    weft_error error = c->workers ? collect_channels(c, pattern) : WEFT_ENOMEM;
    if (!error) error = collect_workers(c);
    if (!error) error = collect_subscriptions(c, pattern, &listing->listed);
    if (!error && (!share_out(c) || !sort_channels(c, &listing->listed))) error = WEFT_ENOMEM;
    weft__mem_free(&node->mem, c);
    return error;
}

weft_listing *weft__listing_new(const struct mem *mem, struct arena **arena)
{
    struct listing *listing = weft__mem_zalloc(mem, sizeof(*listing));
    if (!listing) return NULL;
    weft__arena_init(&listing->arena, mem);
    *arena = &listing->arena;
    return &listing->listed;
}

weft_error weft_node_inspect(weft_node *node, const char *pattern, weft_listing **listed)
{
    if (weft__forked) return weft__error_forked(__func__);
    if (!node || !listed) return weft__error_null(__func__, !node ? "node" : "listing");
    if (pattern && !weft__pattern_valid(pattern)) return weft__error_channel_pattern(pattern);
    if (node->uplink) return weft__client_inspect(node, pattern, listed);
    struct arena *arena;
    struct listing *listing = (struct listing *)weft__listing_new(&node->mem, &arena);
    if (!listing) return weft__error_plain(WEFT_ENOMEM, "weft_node_inspect");
    weft__call_open(node);
    weft_error error = list(node, pattern ? pattern : "*.*.*", listing);
    if (error)
        weft_listing_release(&listing->listed);
    else
        *listed = &listing->listed;
    weft__call_close(node);
    return weft__error_plain(error, "weft_node_inspect");
}

void weft_listing_release(weft_listing *listed)
{
    struct listing *listing = (struct listing *)listed;
    if (!listing || weft__forked) return; /* the allocator is the host's, and may take locks */
    struct mem mem = listing->arena.mem;
    weft__arena_fini(&listing->arena);
    weft__mem_free(&mem, listing);
}
