/* key.c: idempotency keys: a repeat of a key is the same dispatch.
 *
 *   asker  asker  asker      JOINED: a number, a destination and a participant each, and no payload
 *      \     |     /
 *       core_key  ---------> inner dispatch: the queue's place, the times, the attempts; it has no caller of its own
 *
 *              first request                  inner settles                   dedup_ms later, or for want of room
 *   (unknown) --------------> open ---------------------------> ended ------------------------------------------>
 *   (unknown)
 *                              |  never begun by a worker                                                             ^
 *                              +---------------------------------> gone: until its askers are told -------------------+
 *
 * A repeat while open adds an asker; after the end it is answered from what the key remembers. An asker that is
 * cancelled, whose participant dies or whose time is over has an end of its own; when the last has left, the inner
 * dispatch is cancelled. Askers are told of the outcome in the order in which they came, some at once and the others by
 * steps.
 *
 * What makes two requests the same is a digest that comes with each. Ended keys stand in the order in which they ended,
 * which is that in which they are forgotten, so one timer for each channel will do. */
#include "core/state.h"

#include <string.h>

#include "base/clock.h"

enum { TOLD_AT_ONCE = 8, FORGOTTEN_AT_ONCE = 2 };

/* --- the channel's part ----------------------------------------------------------------------- */

static struct core_keys *keys_get(struct core *core, struct core_channel *channel)
{
    if (channel->keys) return channel->keys;
    if (!weft__heap_ensure(&core->key_timers, core->keyed_channels_count + 1)) return NULL;
    struct core_keys *keys = weft__mem_zalloc(core->mem, sizeof(*keys));
    if (!keys) return NULL;
    keys->channel = channel;
    weft__namemap_init(&keys->names, core->mem);
    list_init(&keys->open);
    list_init(&keys->ended);
    list_init(&keys->gone);
    list_init(&keys->work.on);
    core->keyed_channels_count++;
    channel->keys = keys;
    return keys;
}

static void key_free(struct core *core, struct core_key *key)
{
    list_remove(&key->on);
    list_remove(&key->work.on);
    weft__message_drop(key->result);
    weft__name_drop(key->worker_name);
    weft__mem_free(core->mem, key);
}

void weft__keys_free(struct core *core, struct core_channel *channel)
{
    struct core_keys *keys = channel->keys;
    if (!keys) return;
    struct list_node *const lists[] = {&keys->open, &keys->ended, &keys->gone};
    for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++)
        for (struct list_node *node; (node = list_first(lists[i]));)
            key_free(core, list_record(node, struct core_key, on));
    weft__heap_remove(&core->key_timers, &keys->timer);
    list_remove(&keys->work.on);
    weft__namemap_fini(&keys->names);
    weft__mem_free(core->mem, keys);
    core->keyed_channels_count--;
    channel->keys = NULL;
}

/* --- forgetting ------------------------------------------------------------------------------- */

/* When the first of the ended is to be forgotten. */
static void set_timer(struct core *core, struct core_keys *keys)
{
    struct list_node *node = list_first(&keys->ended);
    uint64_t at_ns = node ? list_record(node, struct core_key, on)->forget_ns : CORE_NEVER;
    weft__key_timer_set(core, &keys->timer, at_ns);
}

/* From now on it is unknown. Its record stays until those who asked have been told. */
static void forget(struct core *core, struct core_key *key)
{
    struct core_keys *keys = key->keys;
    weft__namemap_remove(&keys->names, key->hash, key->text);
    keys->ended_bytes -= key->charge_bytes;
    list_remove(&key->on);
    list_push_back(&keys->gone, &key->on);
    key->forgotten = true;
    set_timer(core, keys);
}

/* One whose askers have been told, if it is not being told. */
static void end_forgotten(struct core *core, struct core_key *key)
{
    if (key->forgotten && list_empty(&key->askers)) key_free(core, key);
}

static void forget_oldest(struct core *core, struct core_keys *keys)
{
    struct core_key *key = list_record(list_first(&keys->ended), struct core_key, on);
    forget(core, key);
    end_forgotten(core, key);
}

/* What the ended remember is charged like what waits, which goes before. */
static bool too_much(const struct core_keys *keys)
{
    const struct core_channel *channel = keys->channel;
    return keys->ended_bytes > 0 && keys->ended_bytes + channel->queued_bytes > channel->options.bytes_max;
}

static void make_room(struct core *core, struct core_keys *keys, int32_t forgets)
{
    while (too_much(keys)) {
        if (forgets-- <= 0) {
            weft__work_add(core, &keys->work, WORK_KEYS);
            return;
        }
        forget_oldest(core, keys);
    }
}

void weft__keys_work(struct core *core, struct core_keys *keys)
{
    uint32_t before = keys->names.count;
    make_room(core, keys, core->budget);
    core->budget -= (int32_t)(before - keys->names.count);
}

void weft__keys_expired(struct core *core, struct core_keys *keys)
{
    for (struct list_node *node; core->budget > 0 && (node = list_first(&keys->ended)); core->budget--) {
        if (list_record(node, struct core_key, on)->forget_ns > core->now_ns) return;
        forget_oldest(core, keys);
    }
}

bool weft__keys_clear(struct core *core, struct core_channel *channel)
{
    while (channel->keys && !list_empty(&channel->keys->ended)) {
        if (core->budget-- <= 0) return false;
        forget_oldest(core, channel->keys);
    }
    return true;
}

/* --- askers ----------------------------------------------------------------------------------- */

/* Memory for one was made ready. */
static struct core_dispatch *asker_new(struct core *core, struct core_key *key, const struct core_request *request,
                                       struct core_session *session, uint64_t close_deadline_ns)
{
    struct core_dispatch *asker = weft__slotmap_take(&core->dispatches);
    asker->state = DISPATCH_JOINED;
    asker->key = key;
    asker->session = session;
    weft__dispatch_name(core, asker, request);
    if (asker->strange) weft__ids_add(core, asker);
    asker->dest = request->dest;
    asker->priority = request->priority;
    asker->detached = request->detached;
    asker->token = request->token;
    asker->context = request->context;
    asker->waiting_since_ns = core->now_ns;
    asker->start_deadline_ns = CORE_NEVER;
    asker->close_deadline_ns = close_deadline_ns;
    asker->timed = asker->detached || close_deadline_ns != CORE_NEVER;
    core->timed_count += asker->timed;
    list_init(&asker->item.on);
    session->hanging_count++;
    list_push_back(&session->dispatches, &asker->on_session);
    if (asker->dest) list_push_back(&asker->dest->open, &asker->item.on);
    list_push_back(&key->askers, &asker->on_key);
    key->keys->askers_count++;
    core->askers_count++;
    return asker;
}

/* Off its key: SETTLED, with no outcome yet. */
void weft__key_detach(struct core *core, struct core_dispatch *asker)
{
    struct core_keys *keys = asker->key->keys;
    list_remove(&asker->on_key);
    WEFT_ASSERT(keys->askers_count > 0 && core->askers_count > 0);
    keys->askers_count--;
    core->askers_count--;
    asker->state = DISPATCH_SETTLED;
    asker->key = NULL;
    asker->started_ns = asker->run_ns = 0;
    asker->left = NULL;
    asker->retry_after_ms = asker->error = 0;
}

static void answer(struct core *core, const struct core_key *key, struct core_dispatch *asker)
{
    weft__key_detach(core, asker);
    asker->outcome = key->outcome;
    asker->code = key->code;
    asker->attempts = key->attempts;
    asker->result = weft__message_hold(key->result);
    asker->worker_name = key->worker_name ? weft__name_hold(key->worker_name) : NULL;
    asker->queued_ns = key->queued_ns;
    asker->started_ns = key->started_ns;
    asker->run_ns = key->run_ns;
    weft__dispatch_end(core, asker);
}

/* Tells so many of those who asked; the others by steps. Ends the record where it is forgotten, too. */
static void tell(struct core *core, struct core_key *key, int32_t max)
{
    for (struct list_node *node; (node = list_first(&key->askers));) {
        if (max-- <= 0) {
            weft__work_add(core, &key->work, WORK_KEY);
            return;
        }
        answer(core, key, list_record(node, struct core_dispatch, on_key));
    }
    end_forgotten(core, key);
}

void weft__key_work(struct core *core, struct core_key *key)
{
    struct core_channel *channel = key->keys->channel;
    uint32_t before = core->askers_count;
    tell(core, key, core->budget);
    core->budget -= (int32_t)(before - core->askers_count);
    weft__channel_changed(core, channel);
    weft__quiet_changed(core);
}

void weft__key_left(struct core *core, struct core_key *key)
{
    struct core_channel *channel = key->keys->channel;
    if (list_empty(&key->askers) && key->inner)
        weft__dispatch_cancel(core, key->inner);
    else
        end_forgotten(core, key);
    weft__channel_changed(core, channel);
    weft__quiet_changed(core);
}

/* The inner dispatch has its outcome, and is about to be forgotten. */
void weft__key_ended(struct core *core, struct core_dispatch *inner)
{
    struct core_key *key = inner->extras->key;
    struct core_keys *keys = key->keys;
    uint32_t dedup_ms = keys->channel->options.dedup_ms;
    key->inner = NULL;
    key->outcome = inner->outcome;
    key->code = inner->code;
    key->attempts = inner->attempts;
    key->admission = inner->admission;
    key->queued_ns = inner->queued_ns;
    key->started_ns = inner->started_ns;
    key->run_ns = inner->run_ns;
    key->result = inner->result;
    key->worker_name = inner->worker_name;
    inner->result = NULL;
    inner->worker_name = NULL;
    list_remove(&key->on);
    list_push_back(&keys->ended, &key->on);
    key->charge_bytes = sizeof(*key) + strlen(key->text) + 1 + (key->result ? key->result->charge_bytes : 0);
    keys->ended_bytes += key->charge_bytes;
    key->forget_ns = dedup_ms == WEFT_FOREVER ? CORE_NEVER : weft__clock_after_ms(core->now_ns, dedup_ms);
    if (dedup_ms == 0 || !inner->started)
        forget(core, key);
    else
        set_timer(core, keys);
    tell(core, key, TOLD_AT_ONCE);
    make_room(core, keys, FORGOTTEN_AT_ONCE);
}

/* --- requests --------------------------------------------------------------------------------- */

static weft_error repeat(struct core *core, struct core_key *key, const struct core_request *request,
                         struct core_session *session, struct core_admitted *admitted)
{
    struct core_channel *channel = key->keys->channel;
    if (memcmp(key->digest, request->digest, sizeof(key->digest)) != 0)
        return weft__reject(core, channel, admitted, WEFT_REJECTED_CONFLICT, 0);
    if (core->dispatches.live_count >= core->limits.dispatches_max) return WEFT_ELIMIT;
    if (!weft__slotmap_ensure(&core->dispatches, core->dispatches.live_count + 1) || !weft__tasks_reserve(core, 0, 0))
        return WEFT_ENOMEM;

    uint32_t close_ms =
        request->schedule_to_close_ms ? request->schedule_to_close_ms : channel->options.schedule_to_close_ms;
    uint64_t deadline_ns = close_ms == WEFT_FOREVER ? CORE_NEVER : weft__clock_after_ms(core->now_ns, close_ms);
    struct core_dispatch *asker = asker_new(core, key, request, session, deadline_ns);
    weft__message_drop(request->payload); /* the inner one has it, or had */
    key->keys->joined++;
    core->stats.joined++;
    weft_admission admission = (weft_admission)key->admission;
    if (key->inner)
        admission = key->inner->state == DISPATCH_ASSIGNED ? WEFT_ADMISSION_ACCEPTED : WEFT_ADMISSION_DEFERRED;
    asker->admission = (uint8_t)admission;
    admitted->admission = admission;
    admitted->id = weft__dispatch_id(asker);
    if (key->inner)
        weft__dispatch_timer(core, asker);
    else
        answer(core, key, asker);
    return WEFT_OK;
}

static struct core_key *key_new(struct core *core, struct core_keys *keys, const struct core_request *request)
{
    size_t text_bytes = strlen(request->key) + 1;
    struct core_key *key = weft__mem_zalloc(core->mem, sizeof(*key) + text_bytes);
    if (!key) return NULL;
    key->keys = keys;
    key->hash = request->key_hash;
    list_init(&key->on);
    list_init(&key->askers);
    list_init(&key->work.on);
    memcpy(key->digest, request->digest, sizeof(key->digest));
    memcpy(key->text, request->key, text_bytes);
    return key;
}

static weft_error reserve(struct core *core, struct core_channel *channel, const struct core_request *request,
                          struct core_key **key)
{
    struct core_keys *keys = keys_get(core, channel);
    if (!keys || !weft__namemap_reserve(&keys->names) ||
        !weft__slotmap_ensure(&core->dispatches, core->dispatches.live_count + 2))
        return WEFT_ENOMEM;
    *key = key_new(core, keys, request);
    return *key ? WEFT_OK : WEFT_ENOMEM;
}

/* The timer of the asker is reserved together with that of its inner dispatch; and while room is shed for it, its
 * participant must not end. */
static weft_error admit_inner(struct core *core, struct core_channel *channel, const struct core_request *request,
                              struct core_session *session, struct core_key *key, struct core_admitted *admitted)
{
    core->timed_count++;
    session->hanging_count++;
    weft_error error = weft__admit(core, channel, request, key, admitted, &key->inner);
    session->hanging_count--;
    core->timed_count--;
    return error;
}

static weft_error first(struct core *core, struct core_channel *channel, const struct core_request *request,
                        struct core_session *session, struct core_admitted *admitted)
{
    struct core_key *key;
    uint32_t count = channel->keys ? channel->keys->names.count : 0;
    if (count >= channel->options.dedup_max && (count == 0 || list_empty(&channel->keys->ended)))
        return weft__reject(core, channel, admitted, WEFT_REJECTED_KEYS_FULL,
                            channel->options.dedup_max ? weft__retry_after_ms(channel) : 0);
    if (core->dispatches.live_count + 2 > core->limits.dispatches_max) return WEFT_ELIMIT;
    weft_error error = reserve(core, channel, request, &key);
    if (error) return error;
    error = admit_inner(core, channel, request, session, key, admitted);
    if (error) {
        key_free(core, key);
        return error;
    }
    struct core_keys *keys = key->keys;
    struct core_key *expired = weft__namemap_find(&keys->names, key->hash, key->text);
    if (expired) {
        forget(core, expired);
        end_forgotten(core, expired);
    }
    if (keys->names.count >= channel->options.dedup_max) forget_oldest(core, keys);
    list_push_back(&keys->open, &key->on);
    weft__namemap_add(&keys->names, key->hash, key->text, key);
    struct core_dispatch *asker = asker_new(core, key, request, session, CORE_NEVER);
    asker->admission = key->inner->admission;
    admitted->id = weft__dispatch_id(asker);
    return WEFT_OK;
}

weft_error weft__key_dispatch(struct core *core, struct core_channel *channel, const struct core_request *request,
                              struct core_session *session, struct core_admitted *admitted)
{
    struct core_key *key =
        channel->keys ? weft__namemap_find(&channel->keys->names, request->key_hash, request->key) : NULL;
    bool expired = key && !key->inner && key->forget_ns <= core->now_ns; /* though no tick has seen it yet */
    return key && !expired ? repeat(core, key, request, session, admitted)
                           : first(core, channel, request, session, admitted);
}

void weft__keys_make_room(struct core *core, struct core_channel *channel)
{
    if (channel->keys) make_room(core, channel->keys, FORGOTTEN_AT_ONCE);
}
