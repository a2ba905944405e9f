/* letter.c: dead letters: what ended worker_died or timed_out on a channel that names another to keep it.
 *
 *   admitted           settles otherwise
 *   ---------> reserved -----------------> given back
 *                  |  worker_died, timed_out            fetched, put back, dropped for want of room
 *                  +------------------------> standing ---------------------------------------------> given back
 *
 * The record is reserved when the dispatch is admitted, with room for each attempt that may be made, so a death needs no
 * memory. Attempts are written down as they end; the payload is the dispatch's own, by reference.
 *
 * The channel that keeps letters is their keeper. It cannot be deleted while letters stand there or another names it, so
 * a reserved letter always finds it. */
#include "core/state.h"

#include <stdio.h>
#include <string.h>

enum { DROPS_AT_ONCE = 2 }; /* by the letter that came; the others by steps */

/* --- keepers ---------------------------------------------------------------------------------- */

bool weft__letters_ready(struct core *core, struct core_channel *keeper)
{
    if (keeper->letters) return true;
    struct core_letters *letters = weft__mem_zalloc(core->mem, sizeof(*letters));
    if (!letters) return false;
    letters->channel = keeper;
    list_init(&letters->standing);
    list_init(&letters->work.on);
    keeper->letters = letters;
    return true;
}

/* Its letters are gone, or the core is freed, and their records with it. Walks that stand there find that they ended. */
void weft__letters_free(struct core *core, struct core_channel *channel)
{
    struct core_letters *letters = channel->letters;
    if (!letters) return;
    while (list_pop_front(&letters->standing))
        continue;
    list_remove(&letters->work.on);
    weft__mem_free(core->mem, letters);
    channel->letters = NULL;
}

/* --- the record ------------------------------------------------------------------------------- */

struct core_letter *weft__letter_reserve(struct core *core, struct core_channel *channel,
                                         const struct core_request *request)
{
    const weft_channel_options *o = &channel->options;
    uint32_t attempts_max = request->attempts_max ? request->attempts_max : o->attempts_max;
    if (attempts_max > CORE_ATTEMPTS_MAX) attempts_max = CORE_ATTEMPTS_MAX;
    if ((request->on_crash ? request->on_crash : o->on_crash) != WEFT_CRASH_REDISPATCH) attempts_max = 1;
    size_t channel_bytes = strlen(channel->name) + 1;
    size_t type_bytes = request->activity_type ? strlen(request->activity_type) + 1 : 0;
    size_t attempts_bytes = attempts_max * sizeof(struct letter_attempt);
    size_t memory_bytes = attempts_bytes + channel_bytes + type_bytes;
    if (!weft__slotmap_ensure(&core->letters, core->letters.live_count + 1)) return NULL;
    char *memory = weft__mem_alloc(core->mem, memory_bytes);
    if (!memory) return NULL;

    struct core_letter *letter = weft__slotmap_take(&core->letters);
    list_init(&letter->place.on);
    letter->attempts = (struct letter_attempt *)(void *)memory;
    letter->memory_bytes = memory_bytes;
    letter->channel = memcpy(memory + attempts_bytes, channel->name, channel_bytes);
    if (type_bytes)
        letter->activity_type = memcpy(memory + attempts_bytes + channel_bytes, request->activity_type, type_bytes);
    return letter;
}

void weft__letter_give(struct core *core, struct core_letter *letter)
{
    if (!letter) return;
    for (unsigned i = 0; i < letter->attempts_count; i++)
        weft__name_drop(letter->attempts[i].worker);
    weft__message_drop(letter->payload);
    weft__mem_free(core->mem, letter->attempts);
    weft__slotmap_give(&core->letters, letter);
}

static struct core_letter *letter_of(const struct core_dispatch *dispatch)
{
    return dispatch->extras ? dispatch->extras->letter : NULL;
}

/* The attempt ends now, its dispatch with it or not. */
void weft__letter_attempt(const struct core *core, const struct core_task *task, const char *code)
{
    struct core_letter *letter = letter_of(task->dispatch);
    if (!letter) return;
    const struct core_session *session = task->worker->session;
    bool entered = !task->in_handler || (task->worker->remote && !task->timed) ||
                   __atomic_load_n(&task->started_ns, __ATOMIC_RELAXED);
    struct letter_attempt *attempt = &letter->attempts[letter->attempts_count++];
    *attempt = (struct letter_attempt){.worker = weft__name_hold(task->worker->name),
                                       .code = code,
                                       .attempt = task->attempt,
                                       .run_ns = entered ? core->now_ns - weft__entered_ns(core, task) : 0};
    snprintf(attempt->participant, sizeof(attempt->participant), "%s", session->name);
    if (session->state == CORE_SESSION_DEAD && strcmp(code, "worker_died") == 0) attempt->cause = session->cause;
}

void weft__letter_retract(const struct core_dispatch *dispatch)
{
    struct core_letter *letter = letter_of(dispatch);
    if (letter) weft__name_drop(letter->attempts[--letter->attempts_count].worker);
}

/* --- standing --------------------------------------------------------------------------------- */

static size_t charge(const struct core_letter *letter)
{
    return sizeof(*letter) + letter->memory_bytes + letter->payload->charge_bytes;
}

static void take_off(struct core_letter *letter)
{
    struct core_letters *letters = letter->at;
    WEFT_ASSERT(letters->count > 0);
    list_remove(&letter->place.on);
    letters->count--;
    letters->bytes -= charge(letter);
    letter->at = NULL;
}

static void count_dropped(struct core *core, struct core_letters *letters)
{
    letters->dropped++;
    core->stats.letters_dropped++;
    weft__note_channel(core, WEFT_NODE_LETTER_DROPPED, letters->channel);
}

/* NULL: none stands there. */
static struct core_letter *oldest(const struct core_letters *letters)
{
    for (struct list_node *node = letters->standing.next; node != &letters->standing; node = node->next) {
        struct letter_place *place = list_record(node, struct letter_place, on);
        if (!place->walks) return list_record(place, struct core_letter, place);
    }
    return NULL;
}

static bool too_many(const struct core_letters *letters)
{
    const weft_channel_options *o = &letters->channel->options;
    return letters->count > o->depth_max || letters->bytes > o->bytes_max;
}

static void drop_oldest(struct core *core, struct core_letters *letters)
{
    struct core_letter *letter = oldest(letters);
    take_off(letter);
    weft__letter_give(core, letter);
    count_dropped(core, letters);
}

/* What is too much goes, the oldest first. */
static void make_room(struct core *core, struct core_letters *letters, int32_t drops)
{
    while (too_many(letters)) {
        if (drops-- <= 0) {
            weft__work_add(core, &letters->work, WORK_LETTERS);
            return;
        }
        drop_oldest(core, letters);
    }
}

void weft__letters_work(struct core *core, struct core_letters *letters)
{
    uint32_t before = letters->count;
    make_room(core, letters, core->budget);
    core->budget -= (int32_t)(before - letters->count);
}

static void stand(struct core *core, struct core_channel *channel, struct core_letter *letter)
{
    struct core_letters *letters = channel->keeper->letters;
    const weft_channel_options *o = &letters->channel->options;
    if (o->depth_max == 0 || charge(letter) > o->bytes_max) { /* it can never fit */
        weft__letter_give(core, letter);
        count_dropped(core, letters);
        return;
    }
    uint32_t index = (uint32_t)letter->slot.handle & ((UINT32_C(1) << SLOT_INDEX_BITS) - 1);
    letter->id = ++core->letter_serial << SLOT_INDEX_BITS | index;
    letter->at = letters;
    list_push_back(&letters->standing, &letter->place.on);
    letters->count++;
    letters->bytes += charge(letter);
    channel->dead_lettered++;
    core->stats.dead_lettered++;
    weft__note_channel(core, WEFT_NODE_LETTER, letters->channel);
    make_room(core, letters, DROPS_AT_ONCE);
}

/* Its dispatch, which holds its payload still, settles with that outcome. */
void weft__letter_settle(struct core *core, struct core_dispatch *dispatch, weft_outcome outcome, const char *code)
{
    struct core_letter *letter = dispatch->extras->letter;
    struct core_task *task = weft__task_of(dispatch);
    if (outcome == WEFT_TIMED_OUT && task && !task->fenced) weft__letter_attempt(core, task, code);
    dispatch->extras->letter = NULL;
    if (outcome != WEFT_WORKER_DIED && outcome != WEFT_TIMED_OUT) {
        weft__letter_give(core, letter);
        return;
    }
    letter->payload = weft__message_hold(dispatch->payload);
    letter->dispatch = weft__dispatch_id(dispatch);
    letter->came_ns = core->now_ns;
    letter->queued_ns = dispatch->queued_ns;
    letter->sticky_hash = dispatch->sticky_hash;
    letter->code = code;
    letter->outcome = (uint8_t)outcome;
    letter->priority = dispatch->priority;
    letter->attempts_max = dispatch->attempts_max;
    letter->redispatches = dispatch->redispatches;
    stand(core, weft__channel_of(dispatch), letter);
}

/* --- who looks at them ------------------------------------------------------------------------ */

static void fill_view(struct core_letter_view *view, const struct core_letter *letter)
{
    weft_letter *told = &view->letter;
    *told = (weft_letter){.id = letter->id,
                          .dispatch = letter->dispatch,
                          .outcome = (weft_outcome)letter->outcome,
                          .code = letter->code,
                          .priority = (weft_priority)(letter->priority + 1),
                          .content_type = weft__message_content_type(letter->payload),
                          .payload = {letter->payload->bytes, letter->payload->size_bytes},
                          .queued_ns = letter->queued_ns,
                          .attempts = view->attempts,
                          .attempts_count = letter->attempts_count};
    snprintf(told->channel, sizeof(told->channel), "%s", letter->channel);
    if (letter->activity_type) {
        snprintf(view->activity_type, sizeof(view->activity_type), "%s", letter->activity_type);
        told->activity_type = view->activity_type;
    }
    const struct named_schema *met = weft__message_schema(letter->payload);
    told->schema_id = met ? met->id : NULL;
    view->payload = letter->payload;
    view->came_ns = letter->came_ns;
    for (unsigned i = 0; i < letter->attempts_count; i++) {
        const struct letter_attempt *attempt = &letter->attempts[i];
        view->attempts[i] = (weft_attempt){
            .attempt = attempt->attempt, .code = attempt->code, .cause = attempt->cause, .run_ns = attempt->run_ns};
        snprintf(view->attempts[i].worker, sizeof(view->attempts[i].worker), "%s", attempt->worker->text);
        memcpy(view->attempts[i].participant, attempt->participant, sizeof(attempt->participant));
    }
}

weft_error weft__core_letters_begin(struct core *core, const char *name, struct core_letter_walk *walk)
{
    const struct core_channel *channel = weft__channel_find(core, weft__name_hash(name), name);
    if (!channel) return WEFT_ENOCHANNEL;
    if (channel->kind != CHANNEL_DISPATCH) return WEFT_EINVAL;
    walk->place.walks = true;
    walk->last_id = core->letter_serial << SLOT_INDEX_BITS | ((UINT32_C(1) << SLOT_INDEX_BITS) - 1);
    list_init(&walk->place.on);
    walk->at = channel->letters;
    if (walk->at) list_push_front(&walk->at->standing, &walk->place.on);
    return WEFT_OK;
}

void weft__core_letters_end(struct core_letter_walk *walk)
{
    list_remove(&walk->place.on);
}

/* What came after it began is not told: it would never end where each look brings another. */
bool weft__core_letters_next(struct core_letter_walk *walk, struct core_letter_view *view)
{
    struct list_node *own = &walk->place.on;
    while (list_linked(own) && own->next != &walk->at->standing) {
        struct letter_place *place = list_record(own->next, struct letter_place, on);
        struct list_node *behind = place->on.next;
        list_remove(own);
        list_insert_before(behind, own);
        if (place->walks) continue;
        const struct core_letter *letter = list_record(place, struct core_letter, place);
        if (letter->id > walk->last_id) break;
        fill_view(view, letter);
        (void)weft__message_hold(view->payload);
        return true;
    }
    list_remove(own);
    return false;
}

static weft_error find(struct core *core, const char *name, uint64_t id, struct core_letter **found)
{
    const struct core_channel *channel = weft__channel_find(core, weft__name_hash(name), name);
    if (!channel) return WEFT_ENOCHANNEL;
    *found = NULL;
    if (channel->letters && id == 0) *found = oldest(channel->letters);
    uint32_t index = (uint32_t)id & ((UINT32_C(1) << SLOT_INDEX_BITS) - 1);
    if (channel->letters && id != 0 && index < core->letters.slots_made) {
        struct core_letter *letter = (struct core_letter *)(void *)weft__slotmap_at(&core->letters, index);
        if (letter->slot.live && letter->id == id && letter->at == channel->letters) *found = letter;
    }
    return *found ? WEFT_OK : WEFT_ENOTFOUND;
}

weft_error weft__core_letter_look(struct core *core, const char *channel, uint64_t id, struct core_letter_view *view)
{
    struct core_letter *letter;
    weft_error error = find(core, channel, id, &letter);
    if (error) return error;
    fill_view(view, letter);
    (void)weft__message_hold(view->payload);
    return WEFT_OK;
}

weft_error weft__core_letter_fetch(struct core *core, const char *channel, uint64_t id, struct core_letter_view *view)
{
    struct core_letter *letter;
    weft_error error = find(core, channel, id, &letter);
    if (error) return error;
    fill_view(view, letter);
    take_off(letter);
    letter->payload = NULL; /* the view's now */
    weft__letter_give(core, letter);
    return WEFT_OK;
}

/* Its times are 0, which means the channel's; so is what to do where no worker is. */
weft_error weft__core_letter_put_back(struct core *core, uint64_t now_ns, const char *channel, uint64_t id,
                                      uint64_t session, struct core_admitted *admitted, bool *origin_gone)
{
    struct core_letter *letter;
    *admitted = (struct core_admitted){.admission = WEFT_ADMISSION_NONE};
    *origin_gone = false;
    if (core->closing) return WEFT_ECLOSED;
    weft_error error = find(core, channel, id, &letter);
    if (error) return error;
    const struct core_request request = {.channel = letter->channel,
                                         .channel_hash = weft__name_hash(letter->channel),
                                         .activity_type = letter->activity_type,
                                         .activity_type_hash =
                                             letter->activity_type ? weft__name_hash(letter->activity_type) : 0,
                                         .payload = letter->payload,
                                         .sticky_hash = letter->sticky_hash,
                                         .session = session,
                                         .attempts_max = letter->attempts_max,
                                         .priority = letter->priority,
                                         .on_crash = letter->redispatches ? WEFT_CRASH_REDISPATCH : WEFT_CRASH_FAIL,
                                         .detached = true,
                                         .met = true};
    error = weft__core_dispatch(core, now_ns, &request, admitted);
    *origin_gone = error == WEFT_ENOCHANNEL;
    if (error) return error;
    take_off(letter);
    letter->payload = NULL; /* the dispatch's now */
    weft__letter_give(core, letter);
    return WEFT_OK;
}
