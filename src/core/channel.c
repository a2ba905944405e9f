/* channel.c: channels: names, options, templates, states, activity types, what is told of them.
 *
 *             pause                      drain                      nothing open, nothing in flight
 *   OPEN <----------> PAUSED    any -------------> DRAINING ------------------------------------> DRAINED
 *    ^      resume                                    |                                              |
 *    +------------------------------------------------+----------------------------------------------+  resume */
#include "core/state.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

/* --- names and patterns ----------------------------------------------------------------------- */

static bool word_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

bool weft__word_valid(const char *word, const char *extra)
{
    size_t length = 0;
    for (; word[length]; length++)
        if (length >= WEFT_NAME_MAX || (!word_character(word[length]) && !strchr(extra, word[length]))) return false;
    return length > 0;
}

/* Whether name has three parts of word characters and those of extra, and the first satisfies kind_valid. */
static bool three_parts(const char *name, const char *extra, bool (*kind_valid)(const char *kind, size_t length))
{
    for (int part = 0; part < 3; part++) {
        size_t length = 0;
        while (word_character(name[length]) || (name[length] && strchr(extra, name[length])))
            length++;
        if (length == 0 || length > WEFT_NAME_MAX || (part == 0 && !kind_valid(name, length))) return false;
        name += length;
        if (*name != (part < 2 ? '.' : '\0')) return false;
        if (part < 2) name++;
    }
    return true;
}

/* 0: none of that name. */
static enum channel_kind kind_of(const char *kind, size_t length)
{
    static const char *const kinds[] = {[CHANNEL_DISPATCH] = "dispatch",
                                        [CHANNEL_EVENT] = "event",
                                        [CHANNEL_SIGNAL] = "signal",
                                        [CHANNEL_HISTORY] = "history"};
    for (size_t i = CHANNEL_DISPATCH; i < sizeof(kinds) / sizeof(*kinds); i++)
        if (strlen(kinds[i]) == length && memcmp(kinds[i], kind, length) == 0) return (enum channel_kind)i;
    return 0;
}

static bool kind_known(const char *kind, size_t length)
{
    return kind_of(kind, length) != 0;
}

static bool kind_any(const char *kind, size_t length)
{
    (void)kind;
    return length > 0;
}

bool weft__channel_name_valid(const char *name)
{
    return three_parts(name, "", kind_known);
}

bool weft__pattern_valid(const char *pattern)
{
    return three_parts(pattern, "*", kind_any);
}

/* A * stands for any run of characters of its part. Goes back to the last star only: linear for each star. */
bool weft__pattern_match(const char *pattern, const char *name)
{
    const char *star = NULL;
    const char *resume = NULL;
    while (*name) {
        if (*pattern == '*') {
            star = ++pattern;
            resume = name;
        } else if (*pattern == *name) {
            if (*name == '.') star = NULL;
            pattern++;
            name++;
        } else if (star && *resume != '.') {
            pattern = star;
            name = ++resume;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return !*pattern;
}

/* --- options ---------------------------------------------------------------------------------- */

static weft_error options_check(const weft_channel_options *o, char *message)
{
    const char *wrong = NULL;
    if (o->version != 1)
        wrong = "options.version is not 1: initialise them with WEFT_CHANNEL_OPTIONS";
    else if ((unsigned)o->policy > WEFT_STICKY)
        wrong = "policy is none of weft_policy";
    else if ((unsigned)o->queue_full > WEFT_BLOCK)
        wrong = "queue_full is none of weft_queue_full";
    else if ((unsigned)o->on_crash > WEFT_CRASH_REDISPATCH)
        wrong = "on_crash is none of weft_crash";
    else if ((unsigned)o->no_worker > WEFT_NO_WORKER_REJECT)
        wrong = "no_worker is none of weft_no_worker";
    else if (o->attempts_max < 1 || o->attempts_max > CORE_ATTEMPTS_MAX)
        wrong = "attempts_max is outside 1 to 16";
    else if (o->starve_ms == 0)
        wrong = "starve_ms is 0; WEFT_FOREVER switches the guard off";
    else if (o->schedule_to_start_ms == 0)
        wrong = "schedule_to_start_ms is 0; WEFT_FOREVER means none";
    else if (o->start_to_close_ms == 0)
        wrong = "start_to_close_ms is 0; WEFT_FOREVER means none";
    else if (o->schedule_to_close_ms == 0)
        wrong = "schedule_to_close_ms is 0; WEFT_FOREVER means none";
    else if (o->heartbeat_ms == 0)
        wrong = "heartbeat_ms is 0; WEFT_FOREVER means none";
    else if (o->dead_letter && !weft__channel_name_valid(o->dead_letter))
        wrong = "dead_letter is no channel name";
    if (wrong) {
        snprintf(message, ERROR_TEXT_MAX, "%s", wrong);
        return WEFT_EINVAL;
    }
    if (o->durable) {
        snprintf(message, ERROR_TEXT_MAX, "durable: nothing survives the node's process in this version");
        return WEFT_EUNSUPPORTED;
    }
    return WEFT_OK;
}

/* What is declared with "inherit" means its default, and is the same as declaring that. */
static weft_channel_options normalised(const weft_channel_options *options)
{
    weft_channel_options o = WEFT_CHANNEL_OPTIONS;
    if (options) o = *options;
    if (o.on_crash == WEFT_CRASH_INHERIT) o.on_crash = WEFT_CRASH_FAIL;
    if (o.no_worker == WEFT_NO_WORKER_INHERIT) o.no_worker = WEFT_NO_WORKER_WAIT;
    return o;
}

static weft_error options_same(const char *name, const weft_channel_options *a, const weft_channel_options *b,
                               char *message)
{
#define DIFFERENCE(field)                                                                                              \
    if (a->field != b->field) {                                                                                        \
        snprintf(message, ERROR_TEXT_MAX, "%s: " #field " is %llu, and was declared again as %llu", name,              \
                 (unsigned long long)a->field, (unsigned long long)b->field);                                          \
        return WEFT_EDIFFERS;                                                                                          \
    }
    DIFFERENCE(policy)
    DIFFERENCE(queue_full)
    DIFFERENCE(depth_max)
    DIFFERENCE(bytes_max)
    DIFFERENCE(payload_bytes_max)
    DIFFERENCE(on_crash)
    DIFFERENCE(attempts_max)
    DIFFERENCE(redispatch_wait_ms)
    DIFFERENCE(overlapping)
    DIFFERENCE(no_worker)
    DIFFERENCE(starve_ms)
    DIFFERENCE(cancel_grace_ms)
    DIFFERENCE(schedule_to_start_ms)
    DIFFERENCE(start_to_close_ms)
    DIFFERENCE(schedule_to_close_ms)
    DIFFERENCE(heartbeat_ms)
    DIFFERENCE(dedup_ms)
    DIFFERENCE(dedup_max)
    DIFFERENCE(opaque)
#undef DIFFERENCE
    const struct {
        const char *option, *now, *again;
    } names[] = {{"dead_letter", a->dead_letter, b->dead_letter},
                 {"schema", a->schema, b->schema},
                 {"result_schema", a->result_schema, b->result_schema}};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        const char *now = names[i].now ? names[i].now : "none", *again = names[i].again ? names[i].again : "none";
        if (strcmp(now, again) == 0) continue;
        snprintf(message, ERROR_TEXT_MAX, "%.140s: %s is %.140s, and was declared again as %.140s", name,
                 names[i].option, now, again);
        return WEFT_EDIFFERS;
    }
    return WEFT_OK;
}

/* --- declaring and deleting ------------------------------------------------------------------- */

static void class_init(struct core_class *class, struct core_channel *channel)
{
    class->channel = channel;
    list_init(&class->on_channel);
    list_init(&class->seats);
    for (int p = 0; p < CORE_PRIORITIES; p++)
        list_init(&class->queues[p]);
}

/* The channel that is to keep the dead letters of another, ready for them; NULL where none is asked for. */
static weft_error keeper_find(struct core *core, const char *name, const weft_channel_options *options,
                              struct core_channel **keeper, char *message)
{
    const char *wanted = options->dead_letter;
    *keeper = NULL;
    if (!wanted) return WEFT_OK;
    *keeper = weft__channel_find(core, weft__name_hash(wanted), wanted);
    if (!*keeper) {
        snprintf(message, ERROR_TEXT_MAX, "%.140s: its dead-letter channel %.140s is not declared", name, wanted);
        return WEFT_ENOCHANNEL;
    }
    if (kind_of(name, strcspn(name, ".")) == CHANNEL_DISPATCH && (*keeper)->kind == CHANNEL_DISPATCH) return WEFT_OK;
    snprintf(message, ERROR_TEXT_MAX, "%.140s: only a dispatch channel has dead letters, or keeps them", name);
    return WEFT_EINVAL;
}

/* template: what it is made from, else NULL. */
static weft_error contract_find(struct core *core, const char *name, weft_channel_options *options,
                                const struct channel_template *template, struct contract **contract, char *message)
{
    if (!template) {
        if (options->result_schema && kind_of(name, strcspn(name, ".")) != CHANNEL_DISPATCH) {
            snprintf(message, ERROR_TEXT_MAX, "%s: only a dispatch channel has results", name);
            return WEFT_EINVAL;
        }
        return weft__contract_make(core, name, options, contract, message);
    }
    *contract = weft__contract_hold(template->contract);
    weft__contract_name(*contract);
    return WEFT_OK;
}

/* Its record, which there is memory for; takes the name. */
static struct core_channel *channel_take(struct core *core, char *own, uint64_t hash,
                                         const weft_channel_options *options)
{
    struct core_channel *channel = weft__slotmap_take(&core->channels);
    channel->name = own;
    channel->name_hash = hash;
    channel->kind = kind_of(own, strcspn(own, "."));
    channel->serial = ++core->channel_serial;
    channel->options = *options;
    channel->state = WEFT_CHANNEL_OPEN;
    list_init(&channel->workers);
    list_init(&channel->classes);
    list_init(&channel->room_waiters);
    list_init(&channel->idle_waiters);
    list_init(&channel->work.on);
    weft__namemap_init(&channel->worker_names, core->mem);
    weft__namemap_init(&channel->class_names, core->mem);
    class_init(&channel->any, channel);
    for (int p = 0; p < CORE_PRIORITIES; p++)
        list_init(&channel->queues[p]);
    list_push_back(&core->channel_list, &channel->on_core);
    return channel;
}

struct core_channel *weft__channel_hidden(struct core *core, const char *name, const weft_channel_options *options)
{
    char *own = weft__mem_text(core->mem, name);
    if (!own || !weft__slotmap_ensure(&core->channels, core->channels.live_count + 1)) {
        weft__mem_free(core->mem, own);
        return NULL;
    }
    struct core_channel *channel = channel_take(core, own, weft__name_hash(name), options);
    channel->kind = CHANNEL_DISPATCH;
    channel->hidden = true;
    return channel;
}

void weft__channel_forget(struct core *core, struct core_channel *channel)
{
    list_remove(&channel->on_core);
    weft__channel_free(core, channel);
}

static weft_error channel_new(struct core *core, uint64_t hash, const char *name, weft_channel_options *options,
                              const struct channel_template *template, char *message)
{
    if (kind_of(name, strcspn(name, ".")) > CHANNEL_EVENT) {
        snprintf(message, ERROR_TEXT_MAX, "%s: signal and history channels are not served by this version", name);
        return WEFT_EUNSUPPORTED;
    }
    if (core->channels.live_count - weft__hidden_count(core) >= core->limits.channels_max) {
        snprintf(message, ERROR_TEXT_MAX, "%s: channels_max of %u reached", name, core->limits.channels_max);
        return WEFT_ELIMIT;
    }
    struct core_channel *keeper;
    struct contract *contract;
    weft_error error = keeper_find(core, name, options, &keeper, message);
    if (!error) error = contract_find(core, name, options, template, &contract, message);
    if (error) return error;
    char *own = weft__mem_text(core->mem, name);
    if (!own || !weft__slotmap_ensure(&core->channels, core->channels.live_count + 1) ||
        !weft__namemap_reserve(&core->channel_names) || (keeper && !weft__letters_ready(core, keeper))) {
        weft__mem_free(core->mem, own);
        weft__contract_leave(contract);
        snprintf(message, ERROR_TEXT_MAX, "%s: out of memory", name);
        return WEFT_ENOMEM;
    }
    struct core_channel *channel = channel_take(core, own, hash, options);
    channel->keeper = keeper;
    channel->contract = contract;
    if (keeper) {
        channel->options.dead_letter = keeper->name;
        keeper->letters->referrers_count++;
    }
    weft__namemap_add(&core->channel_names, hash, own, channel);
    return WEFT_OK;
}

weft_error weft__core_channel_declare(struct core *core, uint64_t now_ns, const char *name,
                                      const weft_channel_options *options, char *message)
{
    core->now_ns = now_ns;
    if (core->closing) return WEFT_ECLOSED;
    if (!weft__channel_name_valid(name)) {
        snprintf(message, ERROR_TEXT_MAX,
                 "'%.200s' is no channel name: <dispatch|event|signal|history>.<namespace>.<name>, parts of 1 to 64 of "
                 "[A-Za-z0-9_-]",
                 name);
        return WEFT_EINVAL;
    }
    weft_channel_options o = normalised(options);
    weft_error error = options_check(&o, message);
    if (error) return error;
    uint64_t hash = weft__name_hash(name);
    struct core_channel *channel = weft__channel_find(core, hash, name);
    if (channel) return options_same(name, &channel->options, &o, message);
    error = channel_new(core, hash, name, &o, NULL, message);
    if (!error) weft__note_channel(core, WEFT_NODE_CHANNEL_DECLARED, weft__channel_find(core, hash, name));
    return error;
}

/* --- mirrors of a node's channels -------------------------------------------------------------- */

static bool is_unused(const struct core_channel *channel)
{
    return channel->mirror && channel->open == 0 && channel->hanging_count == 0 && !list_linked(&channel->work.on) &&
           (!channel->audience || channel->audience->subscribers_count == 0);
}

/* Makes room for another by giving up one that nobody uses; looks at some, and next time at the others. */
static void give_up_mirror(struct core *core)
{
    for (int looked = 0; looked < CORE_HOLD_MAX; looked++) {
        struct list_node *node = list_first(&core->channel_list);
        if (!node) return;
        struct core_channel *channel = list_record(node, struct core_channel, on_core);
        if (is_unused(channel)) {
            weft__channel_remove(core, channel);
            return;
        }
        list_remove(node);
        list_push_back(&core->channel_list, node);
    }
}

enum { MIRROR_PAYLOAD_MAX = 16 * 1024 * 1024 };

weft_error weft__core_mirror(struct core *core, const char *name, uint64_t hash)
{
    weft_channel_options options = WEFT_CHANNEL_OPTIONS;
    char message[ERROR_TEXT_MAX];
    options.cancel_grace_ms = WEFT_FOREVER;
    options.payload_bytes_max = MIRROR_PAYLOAD_MAX; /* of progress and partial results */
    if (core->closing) return WEFT_ECLOSED;
    if (!weft__channel_name_valid(name)) return WEFT_EINVAL;
    if (weft__channel_find(core, hash, name)) return WEFT_OK;
    if (core->channels.live_count - weft__hidden_count(core) >= core->limits.channels_max) give_up_mirror(core);
    weft_error error = channel_new(core, hash, name, &options, NULL, message);
    if (!error) weft__channel_find(core, hash, name)->mirror = true;
    return error;
}

/* A pattern whose kind has no star must name one that there are channels of; one that could make others than dispatch
 * channels names no keeper. */
static weft_error template_kind_check(const char *pattern, const weft_channel_options *options, char *message)
{
    size_t length = strcspn(pattern, ".");
    bool any = memchr(pattern, '*', length);
    enum channel_kind kind = any ? 0 : kind_of(pattern, length);
    if (kind != CHANNEL_DISPATCH && (options->dead_letter || options->result_schema)) {
        snprintf(message, ERROR_TEXT_MAX, "%.200s: only dispatch channels have %s: begin it with dispatch.", pattern,
                 options->dead_letter ? "dead letters" : "results");
        return WEFT_EINVAL;
    }
    if (any || kind == CHANNEL_DISPATCH || kind == CHANNEL_EVENT) return WEFT_OK;
    snprintf(message, ERROR_TEXT_MAX,
             kind ? "%s: signal and history channels are not served by this version"
                  : "%s: no channel has a name like that: kinds are dispatch, event, signal and history",
             pattern);
    return kind ? WEFT_EUNSUPPORTED : WEFT_EINVAL;
}

weft_error weft__core_template_declare(struct core *core, const char *pattern, const weft_channel_options *options,
                                       char *message)
{
    if (core->closing) return WEFT_ECLOSED;
    if (!weft__pattern_valid(pattern)) {
        snprintf(message, ERROR_TEXT_MAX, "'%.200s' is no pattern: a channel name in which * stands for any characters",
                 pattern);
        return WEFT_EINVAL;
    }
    weft_channel_options o = normalised(options);
    weft_error error = options_check(&o, message);
    if (error) return error;
    error = template_kind_check(pattern, &o, message);
    if (error) return error;
    for (struct list_node *node = core->templates.next; node != &core->templates; node = node->next) {
        struct channel_template *known = list_record(node, struct channel_template, on_core);
        if (strcmp(known->pattern, pattern) == 0) return options_same(pattern, &known->options, &o, message);
    }
    if (core->templates_count >= CORE_TEMPLATES_MAX) {
        snprintf(message, ERROR_TEXT_MAX, "%s: there are %d templates already", pattern, CORE_TEMPLATES_MAX);
        return WEFT_ELIMIT;
    }
    struct contract *contract;
    error = weft__contract_make(core, pattern, &o, &contract, message);
    if (error) return error;
    size_t pattern_bytes = strlen(pattern) + 1, keeper_bytes = o.dead_letter ? strlen(o.dead_letter) + 1 : 0;
    struct channel_template *template = weft__mem_alloc(core->mem, sizeof(*template) + pattern_bytes + keeper_bytes);
    if (!template) {
        weft__contract_leave(contract);
        return WEFT_ENOMEM;
    }
    template->options = o;
    template->contract = contract;
    memcpy(template->pattern, pattern, pattern_bytes);
    if (keeper_bytes)
        template->options.dead_letter = memcpy(template->pattern + pattern_bytes, o.dead_letter, keeper_bytes);
    list_push_back(&core->templates, &template->on_core);
    core->templates_count++;
    return WEFT_OK;
}

struct core_channel *weft__channel_find(struct core *core, uint64_t hash, const char *name)
{
    return weft__namemap_find(&core->channel_names, hash, name);
}

struct core_channel *weft__channel_for_worker(struct core *core, uint64_t hash, const char *name, weft_error *error,
                                              char *message)
{
    struct core_channel *channel = weft__channel_find(core, hash, name);
    *error = WEFT_ENOCHANNEL;
    if (channel || !weft__channel_name_valid(name)) return channel;
    for (struct list_node *node = core->templates.next; node != &core->templates; node = node->next) {
        struct channel_template *template = list_record(node, struct channel_template, on_core);
        if (!weft__pattern_match(template->pattern, name)) continue;
        *error = channel_new(core, hash, name, &template->options, template, message);
        return *error ? NULL : weft__channel_find(core, hash, name);
    }
    return NULL;
}

/* Frees what it holds and gives back its slot. Its classes are gone with its workers, unless the core is freed. */
void weft__channel_free(struct core *core, struct core_channel *channel)
{
    for (struct list_node *node; (node = list_pop_front(&channel->classes));) {
        struct core_class *class = list_record(node, struct core_class, on_channel);
        for (struct list_node *seat; (seat = list_first(&class->seats));)
            weft__seat_free_memory(core, list_record(seat, struct seat, on_class));
        weft__mem_free(core->mem, class->name);
        weft__mem_free(core->mem, class);
    }
    for (struct list_node *seat; (seat = list_first(&channel->any.seats));)
        weft__seat_free_memory(core, list_record(seat, struct seat, on_class));
    weft__namemap_fini(&channel->worker_names);
    weft__namemap_fini(&channel->class_names);
    weft__audience_free(core, channel);
    weft__letters_free(core, channel);
    weft__keys_free(core, channel);
    weft__contract_leave(channel->contract);
    for (struct understanding *set; (set = channel->understandings);) { /* where the core is freed */
        channel->understandings = set->next;
        weft__mem_free(core->mem, set);
    }
    weft__mem_free(core->mem, channel->deaths);
    weft__mem_free(core->mem, channel->latency);
    weft__mem_free(core->mem, channel->name);
    weft__slotmap_give(&core->channels, channel);
}

/* Nothing of it will die any more. */
static void leave_keeper(struct core_channel *channel)
{
    if (channel->keeper) channel->keeper->letters->referrers_count--;
    channel->keeper = NULL;
    channel->options.dead_letter = NULL;
}

void weft__channel_remove(struct core *core, struct core_channel *channel)
{
    leave_keeper(channel);
    weft__namemap_remove(&core->channel_names, channel->name_hash, channel->name);
    weft__channel_forget(core, channel);
}

/* Whether something is to be told or done yet. */
static bool is_idle(const struct core_channel *channel)
{
    return channel->open == 0 && channel->in_flight == 0 && weft__askers_of(channel) == 0;
}

static weft_error busy(const struct core_channel *channel, char *message)
{
    const struct core_letters *letters = channel->letters;
    if (!is_idle(channel))
        snprintf(message, ERROR_TEXT_MAX, "%s: %u dispatches are open and %u attempts run: drain it first",
                 channel->name, channel->open, channel->in_flight);
    else if (letters && letters->referrers_count > 0)
        snprintf(message, ERROR_TEXT_MAX, "%s: it is the dead-letter channel of %u others: delete them first",
                 channel->name, letters->referrers_count);
    else if (letters && letters->count > 0)
        snprintf(message, ERROR_TEXT_MAX, "%s: %u dead letters stand there: fetch them, or put them back",
                 channel->name, letters->count);
    else
        return WEFT_OK;
    return WEFT_EBUSY;
}

weft_error weft__core_channel_delete(struct core *core, uint64_t now_ns, const char *name, char *message)
{
    core->now_ns = now_ns;
    struct core_channel *channel = weft__channel_find(core, weft__name_hash(name), name);
    if (!channel) return WEFT_ENOCHANNEL;
    weft_error error = busy(channel, message);
    if (error) return error;
    leave_keeper(channel);
    weft__contract_leave(channel->contract);
    channel->contract = NULL;
    channel->options.schema = channel->options.result_schema = NULL;
    channel->deleted = true;
    weft__note_channel(core, WEFT_NODE_CHANNEL_DELETED, channel);
    weft__namemap_remove(&core->channel_names, channel->name_hash, channel->name);
    list_remove(&channel->on_core);
    weft__wake(core, &channel->room_waiters, true);
    weft__wake(core, &channel->idle_waiters, true);
    weft__work_add(core, &channel->work, WORK_CHANNEL);
    return WEFT_OK;
}

/* --- states ----------------------------------------------------------------------------------- */

weft_error weft__core_channel_pause(struct core *core, uint64_t now_ns, const char *name)
{
    core->now_ns = now_ns;
    struct core_channel *channel = weft__channel_find(core, weft__name_hash(name), name);
    if (!channel) return WEFT_ENOCHANNEL;
    if (channel->kind == CHANNEL_EVENT) return WEFT_EINVAL; /* it holds nothing that could wait */
    if (channel->state != WEFT_CHANNEL_OPEN && channel->state != WEFT_CHANNEL_PAUSED) return WEFT_EINVAL;
    if (channel->state == WEFT_CHANNEL_OPEN) weft__note_channel(core, WEFT_NODE_PAUSED, channel);
    channel->state = WEFT_CHANNEL_PAUSED;
    return WEFT_OK;
}

weft_error weft__core_channel_resume(struct core *core, uint64_t now_ns, const char *name)
{
    core->now_ns = now_ns;
    struct core_channel *channel = weft__channel_find(core, weft__name_hash(name), name);
    if (!channel) return WEFT_ENOCHANNEL;
    if (channel->state != WEFT_CHANNEL_OPEN) weft__note_channel(core, WEFT_NODE_RESUMED, channel);
    channel->state = WEFT_CHANNEL_OPEN;
    weft__wake(core, &channel->idle_waiters, true);
    weft__work_add(core, &channel->work, WORK_CHANNEL);
    return WEFT_OK;
}

weft_error weft__core_channel_drain(struct core *core, uint64_t now_ns, const char *name, struct core_waiter *waiter)
{
    core->now_ns = now_ns;
    struct core_channel *channel = weft__channel_find(core, weft__name_hash(name), name);
    if (!channel) return WEFT_ENOCHANNEL;
    if (channel->state == WEFT_CHANNEL_PAUSED) weft__work_add(core, &channel->work, WORK_CHANNEL);
    if (channel->state != WEFT_CHANNEL_DRAINED) channel->state = WEFT_CHANNEL_DRAINING;
    weft__wake(core, &channel->room_waiters, true);
    weft__channel_changed(core, channel);
    if (channel->state == WEFT_CHANNEL_DRAINED) return WEFT_OK;
    list_push_back(&channel->idle_waiters, &waiter->on);
    return WEFT_EAGAIN;
}

void weft__channel_changed(struct core *core, struct core_channel *channel)
{
    if (channel->state == WEFT_CHANNEL_DRAINING && is_idle(channel)) {
        channel->state = WEFT_CHANNEL_DRAINED;
        weft__note_channel(core, WEFT_NODE_DRAINED, channel);
        weft__wake(core, &channel->idle_waiters, true);
    }
    if (channel->deleted && channel->hanging_count == 0 && !list_linked(&channel->work.on))
        weft__channel_free(core, channel);
}

/* Deleted: its workers and subscriptions end. Resumed, or draining from a pause: what waits is handed out. */
void weft__channel_work(struct core *core, struct core_channel *channel)
{
    if (!channel->deleted) {
        weft__serve_channel(core, channel);
        return;
    }
    for (struct list_node *node; (node = list_first(&channel->workers));) {
        if (core->budget-- <= 0) {
            weft__work_add(core, &channel->work, WORK_CHANNEL);
            return;
        }
        struct core_worker *worker = list_record(node, struct core_worker, on_channel);
        weft__worker_end(core, worker, WEFT_WORKER_REMOVED);
    }
    weft__audience_end(core, channel);
    if (!weft__keys_clear(core, channel)) {
        weft__work_add(core, &channel->work, WORK_CHANNEL);
        return;
    }
    weft__channel_changed(core, channel);
}

bool weft__core_channel_wait_room(struct core *core, uint64_t handle, struct core_waiter *waiter)
{
    struct core_channel *channel = weft__slotmap_find(&core->channels, handle);
    if (!channel || channel->deleted) return false;
    list_push_back(&channel->room_waiters, &waiter->on);
    weft__room_wanted(channel);
    return true;
}

/* --- activity types --------------------------------------------------------------------------- */

struct core_class *weft__class_find(struct core_channel *channel, uint64_t hash, const char *name)
{
    return name ? weft__namemap_find(&channel->class_names, hash, name) : &channel->any;
}

/* Finds or makes it. One that was made and not held by anybody is given back with weft__class_drop after a hold. */
struct core_class *weft__class_get(struct core *core, struct core_channel *channel, uint64_t hash, const char *name,
                                   weft_error *error)
{
    struct core_class *class = weft__class_find(channel, hash, name);
    if (class) return class;
    WEFT_ASSERT(name); /* what has no type has its class always */
    *error = WEFT_ELIMIT;
    if (channel->classes_count >= CORE_TYPES_MAX) return NULL;
    *error = WEFT_ENOMEM;
    char *own = weft__mem_text(core->mem, name);
    class = own ? weft__mem_zalloc(core->mem, sizeof(*class)) : NULL;
    if (!class || !weft__namemap_reserve(&channel->class_names)) {
        weft__mem_free(core->mem, class);
        weft__mem_free(core->mem, own);
        return NULL;
    }
    class_init(class, channel);
    class->name = own;
    class->name_hash = hash;
    list_push_back(&channel->classes, &class->on_channel);
    channel->classes_count++;
    weft__namemap_add(&channel->class_names, hash, own, class);
    return class;
}

void weft__class_drop(struct core *core, struct core_class *class)
{
    WEFT_ASSERT(class->refs > 0);
    if (--class->refs > 0 || !class->name) return;
    struct core_channel *channel = class->channel;
    weft__namemap_remove(&channel->class_names, class->name_hash, class->name);
    list_remove(&class->on_channel);
    channel->classes_count--;
    weft__mem_free(core->mem, class->name);
    weft__mem_free(core->mem, class);
}

/* --- what is told ----------------------------------------------------------------------------- */

/* One more worker of the session is lost. The first makes the record; the ring forgets the oldest. */
void weft__channel_death(struct core_channel *channel, const struct core_session *session, uint32_t workers,
                         uint32_t attempts)
{
    struct death *death = NULL;
    uint32_t kept = channel->deaths_count < WEFT_DEATHS_KEPT ? channel->deaths_count : WEFT_DEATHS_KEPT;
    for (uint32_t i = 0; i < kept && !death; i++)
        if (channel->deaths[i].session == session->slot.handle) death = &channel->deaths[i];
    if (!death) {
        death = &channel->deaths[channel->deaths_count++ % WEFT_DEATHS_KEPT];
        *death = (struct death){.session = session->slot.handle,
                                .cause = session->cause,
                                .seen_ns = session->died_ns,
                                .seen_wall_ns = session->died_wall_ns};
        snprintf(death->name, sizeof(death->name), "%s", session->name);
    }
    death->workers_lost += workers;
    death->attempts_held += attempts;
}

size_t weft__channel_deaths(const struct core_channel *channel, weft_death *deaths, size_t max)
{
    size_t kept = channel->deaths_count < WEFT_DEATHS_KEPT ? channel->deaths_count : WEFT_DEATHS_KEPT;
    size_t n = 0;
    for (; n < kept && n < max; n++) {
        const struct death *death = &channel->deaths[(channel->deaths_count - 1 - n) % WEFT_DEATHS_KEPT];
        deaths[n] = (weft_death){.cause = death->cause,
                                 .seen_wall_ns = death->seen_wall_ns,
                                 .seen_ns = death->seen_ns,
                                 .workers_lost = death->workers_lost,
                                 .attempts_held = death->attempts_held};
        memcpy(deaths[n].participant, death->name, sizeof(deaths[n].participant));
    }
    return n;
}

weft_error weft__core_channel_deaths(struct core *core, const char *name, weft_death *deaths, size_t max, size_t *count)
{
    const struct core_channel *channel = weft__channel_find(core, weft__name_hash(name), name);
    if (!channel) return WEFT_ENOCHANNEL;
    *count = weft__channel_deaths(channel, deaths, max);
    return WEFT_OK;
}

void weft__channel_fill(const struct core *core, const struct core_channel *channel, weft_channel_info *info)
{
    uint64_t oldest_ns = core->now_ns;
    for (int p = 0; p < CORE_PRIORITIES; p++) {
        struct list_node *node = list_first(&channel->queues[p]);
        if (!node) continue;
        uint64_t since_ns = list_record(node, struct core_dispatch, on_channel)->waiting_since_ns;
        if (since_ns < oldest_ns) oldest_ns = since_ns;
    }
    *info = (weft_channel_info){.state = channel->state,
                                .policy = channel->options.policy,
                                .workers = channel->workers_count,
                                .workers_eligible = channel->eligible_count,
                                .queued = channel->queued,
                                .queued_bytes = channel->queued_bytes,
                                .oldest_wait_ns = core->now_ns - oldest_ns,
                                .in_flight = channel->in_flight,
                                .orphaned = channel->orphaned,
                                .dispatched = channel->dispatched,
                                .completed = channel->completed,
                                .failed = channel->failed,
                                .worker_died = channel->worker_died,
                                .timed_out = channel->timed_out,
                                .cancelled = channel->cancelled,
                                .rejected = channel->rejected,
                                .shed = channel->shed,
                                .redispatched = channel->redispatched,
                                .fenced = channel->fenced,
                                .deaths = channel->deaths_count,
                                .mismatched = channel->mismatched,
                                .results_mismatched = channel->results_mismatched};
    snprintf(info->name, sizeof(info->name), "%s", channel->name);
    for (int p = 0; p < CORE_PRIORITIES; p++)
        info->queued_by_priority[p] = channel->queued_by_priority[p];
    memcpy(info->rejected_by, channel->rejected_by, sizeof(info->rejected_by));
    weft__audience_info(core, channel, info);
    info->dead_lettered = channel->dead_lettered;
    if (channel->letters) {
        info->letters = channel->letters->count;
        info->letters_bytes = channel->letters->bytes;
        info->letters_dropped = channel->letters->dropped;
    }
    if (channel->keys) {
        info->keys = channel->keys->names.count;
        info->joined = channel->keys->joined;
    }
}

weft_error weft__core_channel_info(struct core *core, uint64_t now_ns, const char *name, weft_channel_info *info)
{
    core->now_ns = now_ns;
    struct core_channel *channel = weft__channel_find(core, weft__name_hash(name), name);
    if (!channel) return WEFT_ENOCHANNEL;
    weft__channel_fill(core, channel, info);
    return WEFT_OK;
}

bool weft__core_channel_next(struct core *core, uint64_t now_ns, const char *pattern, uint64_t *cursor,
                             weft_channel_info *info)
{
    core->now_ns = now_ns;
    uint32_t index = (uint32_t)*cursor;
    info->name[0] = '\0';
    int32_t budget = CORE_HOLD_MAX;
    for (struct core_channel *channel; (channel = weft__next_live(&core->channels, &index, &budget));) {
        if (channel->deleted || !weft__pattern_match(pattern, channel->name)) continue;
        weft__channel_fill(core, channel, info);
        break;
    }
    *cursor = index;
    return index < core->channels.slots_made || info->name[0];
}
