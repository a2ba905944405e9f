#include "lib/fixture.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/namemap.h"
#include "lib/audit.h"
#include "lib/fixture_contract.h"
#include "lib/fixture_event.h"
#include "lib/fixture_remote.h"

/* The fixture calls the core, never its own verbs. */
#undef channel
#undef template
#undef worker
#undef dispatch
#undef group
#undef box
#undef on
#undef at
#undef list
#undef schema
#undef look

enum {
    SESSIONS_MAX = 640,
    WORKERS_MAX = 1024,
    GROUPS_MAX = 70,
    BOXES_MAX = 16,
    DISPATCHES_MAX = 8192,
    TASKS_MAX = 8192,
    WAITERS_MAX = 512,
    LINES_MAX = 8192,
    LINE_SIZE = 96,
    KNOWN_SIZE = 24
};

/* Virtual time begins here: a time of 0 would hide what confuses "never" with "at the beginning". */
#define BEGIN_NS (1000 * NS_PER_S)

struct known_session {
    char name[KNOWN_SIZE];
    uint64_t handle;
    struct core_dest box;  /* of its outcomes and cancel notices */
    struct core_dest line; /* of all that goes to it, if it is far away */
    struct list_node ended;
    bool gone;
};

struct known_group {
    char name[KNOWN_SIZE];
    struct core_group core;
};

struct known_worker {
    char name[KNOWN_SIZE];
    uint64_t handle;
    struct core_dest inbox;
    struct core_dest *dest; /* its inbox, or its group's */
};

struct known_box {
    char name[KNOWN_SIZE];
    struct core_dest dest;
};

struct known_dispatch {
    char name[KNOWN_SIZE];
    char once[KNOWN_SIZE]; /* its idempotency key, whose inner dispatch is known by that name */
    bool put_back, strange;
    weft_dispatch_id id;
    uint32_t ends;
    struct core_outcome outcome;
};

/* One that was taken. */
struct known_task {
    char name[KNOWN_SIZE];
    struct core_task *task;
    uint64_t handle;
};

/* One that stands in a FIFO. */
struct standing {
    uint64_t handle;
    char name[KNOWN_SIZE];
    const char *worker;
};

struct known_waiter {
    char name[KNOWN_SIZE];
    struct core_waiter core;
};

struct world world;

static struct {
    uint64_t now_ms;
    bool runs_steps;
    struct check_site site;
    bool expecting, expecting_any;
    weft_error expected;
    char channel[WEFT_CHANNEL_NAME_MAX + 1];
    char lines[LINES_MAX][LINE_SIZE];
    size_t lines_count;
    struct known_session sessions[SESSIONS_MAX];
    size_t sessions_count;
    struct known_worker workers[WORKERS_MAX];
    size_t workers_count;
    struct known_group groups[GROUPS_MAX];
    size_t groups_count;
    struct known_box boxes[BOXES_MAX];
    size_t boxes_count;
    struct known_dispatch dispatches[DISPATCHES_MAX];
    size_t dispatches_count;
    struct known_task tasks[TASKS_MAX];
    size_t tasks_count;
    struct standing standing[2][TASKS_MAX];
    size_t standing_count;
    int standing_at;
    struct known_waiter waiters[WAITERS_MAX];
    size_t waiters_count;
    struct core_dest notes;
} w;

/* --- writing down ----------------------------------------------------------------------------- */

/* The words stand in src/api, of which the mutants know nothing. */
static const char *const rule_words[] = {
#define RULE_WORD(name, number, text) [number] = text,
    WEFT_RULES(RULE_WORD)
#undef RULE_WORD
};
static const char *const event_words[] = {
#define EVENT_WORD(name, number, text) [number] = text,
    WEFT_NODE_EVENTS(EVENT_WORD)
#undef EVENT_WORD
};

static void broken(const char *sentence, const char *what)
{
    print_error("%s:%d: %s: %s: %s\n", w.site.file, w.site.line, w.site.text, sentence, what);
    _fail(w.site.file, w.site.line);
}

__attribute__((format(printf, 1, 2))) static void note(const char *format, ...)
{
    if (w.lines_count == LINES_MAX) broken("too many lines without a `then`", w.lines[0]);
    char *line = w.lines[w.lines_count++];
    int n = snprintf(line, LINE_SIZE, "%" PRIu64 " ", w.now_ms);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line + n, LINE_SIZE - (size_t)n, format, arguments);
    va_end(arguments);
}

void world_here(struct check_site site)
{
    w.site = site;
}

void world_turn_page(void)
{
    w.lines_count = 0;
}

void world_then(struct check_site site, const char *const *lines)
{
    size_t count = 0;
    bool same = true;
    while (lines[count])
        count++;
    for (size_t i = 0; i < count && i < w.lines_count; i++)
        same = same && strcmp(lines[i], w.lines[i]) == 0;
    if (same && count == w.lines_count) {
        w.lines_count = 0;
        return;
    }
    print_error("%s:%d: %s: it came otherwise:\n", site.file, site.line, site.text);
    for (size_t i = 0; i < count || i < w.lines_count; i++) {
        const char *expected = i < count ? lines[i] : "";
        const char *got = i < w.lines_count ? w.lines[i] : "";
        print_error("  %c %-44s | %s\n", strcmp(expected, got) ? '!' : ' ', expected, got);
    }
    w.lines_count = 0;
    _fail(site.file, site.line);
}

void world_expect(struct check_site site, weft_error error)
{
    w.site = site;
    w.expecting = true;
    w.expected = error;
}

/* What the verb's entry returned. */
static void result(weft_error error)
{
    weft_error expected = w.expecting ? w.expected : WEFT_OK;
    bool any = w.expecting_any;
    w.expecting = w.expecting_any = false;
    world.error = error;
    if (!any) check_error_at(w.site, error, expected);
}

void world_expect_any(void)
{
    w.expecting_any = true;
}

void world_expected(void)
{
    if (w.expecting) broken("the verb has no code to give", "");
}

/* --- who is who ------------------------------------------------------------------------------- */

const char *numbered(const char *stem, int number)
{
    static char made[8][KNOWN_SIZE + 12];
    static unsigned turn;
    char *name = made[turn++ % 8];
    snprintf(name, sizeof(made[0]), "%s%d", stem, number);
    return name;
}

static void copy_name(char *to, const char *name)
{
    if (strlen(name) >= KNOWN_SIZE) broken("the name is too long for the fixture", name);
    memcpy(to, name, strlen(name) + 1);
}

/* The newest of that name: a replacement hides who bore it before. */
#define FIND(kind, table, count)                                                                                       \
    static struct kind *find_##kind(const char *name)                                                                  \
    {                                                                                                                  \
        for (size_t i = count; i-- > 0;)                                                                               \
            if (strcmp(table[i].name, name) == 0) return &table[i];                                                    \
        return NULL;                                                                                                   \
    }                                                                                                                  \
    static struct kind *the_##kind(const char *name)                                                                   \
    {                                                                                                                  \
        struct kind *known = find_##kind(name);                                                                        \
        if (!known) broken("there is no " #kind " of that name", name);                                                \
        return known;                                                                                                  \
    }                                                                                                                  \
    static struct kind *new_##kind(const char *name)                                                                   \
    {                                                                                                                  \
        if (count == sizeof(table) / sizeof(*table)) broken("the fixture has no room for another " #kind, name);       \
        struct kind *known = &table[count++];                                                                          \
        *known = (struct kind){0};                                                                                     \
        copy_name(known->name, name);                                                                                  \
        return known;                                                                                                  \
    }

FIND(known_session, w.sessions, w.sessions_count)
FIND(known_worker, w.workers, w.workers_count)
FIND(known_group, w.groups, w.groups_count)
FIND(known_box, w.boxes, w.boxes_count)
FIND(known_dispatch, w.dispatches, w.dispatches_count)
FIND(known_task, w.tasks, w.tasks_count)
FIND(known_waiter, w.waiters, w.waiters_count)

static struct known_dispatch *dispatch_of(weft_dispatch_id id)
{
    for (size_t i = w.dispatches_count; i-- > 0;)
        if (w.dispatches[i].id.number == id.number && w.dispatches[i].id.session == id.session) return &w.dispatches[i];
    broken("a dispatch nobody asked for", "");
    return NULL;
}

static void name_task(char *name, const struct core_task *task)
{
    char whole[KNOWN_SIZE + 12];
    snprintf(whole, sizeof(whole), "%s#%u", dispatch_of(task->id)->name, task->attempt);
    copy_name(name, whole);
}

static struct core_waiter *waiter_named(const char *name)
{
    struct known_waiter *waiter = find_known_waiter(name);
    if (!waiter) {
        waiter = new_known_waiter(name);
        weft__core_waiter_init(&waiter->core);
    }
    return &waiter->core;
}

static const char *waiter_of(const struct list_node *node)
{
    for (size_t i = 0; i < w.waiters_count; i++)
        if (&w.waiters[i].core.on == node) return w.waiters[i].name;
    broken("a waiter nobody left", "");
    return NULL;
}

static const char *channel_or(const char *named)
{
    return named ? named : w.channel;
}

/* --- after each entry, as a shell does -------------------------------------------------------- */

uint64_t world_now_ns(void)
{
    return BEGIN_NS + w.now_ms * NS_PER_MS;
}

static void hand_over(struct core_outcome *outcome)
{
    struct known_dispatch *known = dispatch_of(outcome->id);
    struct message *message = outcome->message;
    const char *code = outcome->code;
    if (!code && message) code = weft__message_content_type(message);
    check_eq_at(w.site, ++known->ends, 1);
    check_eq_at(w.site, outcome->token, known->put_back ? 0 : (uint64_t)(known - w.dispatches) + 1);
    check_true_at(w.site, known->put_back ||
                              (outcome->context == known && outcome->context2 == (known->strange ? NULL : &world)));
    check_eq_at(w.site, outcome->outcome == WEFT_COMPLETED, !code);
    if (outcome->outcome == WEFT_COMPLETED) {
        char expected[KNOWN_SIZE + 12];
        snprintf(expected, sizeof(expected), "%s#%u", *known->once ? known->once : known->name, outcome->attempts);
        check_str_at(w.site, (const char *)message->bytes, expected);
    }
    note("%s %s%s%s%s%s #%u", known->name, weft_outcome_name(outcome->outcome), code ? ":" : "", code ? code : "",
         outcome->worker[0] ? " by " : "", outcome->worker, outcome->attempts);
    weft__message_drop(message);
    known->outcome = *outcome;
    known->outcome.message = NULL;
}

/* Only to be named: the core never calls it. */
static void updated(const weft_update *update, void *context)
{
    (void)update;
    (void)context;
}

static void tell_update(struct core_outcome *outcome)
{
    struct known_dispatch *known = dispatch_of(outcome->id);
    const char *text = outcome->message ? (const char *)outcome->message->bytes : "";
    check_eq_at(w.site, known->ends, 0);
    check_eq_at(w.site, outcome->token, (uint64_t)(known - w.dispatches) + 1);
    check_true_at(w.site, outcome->context == known && outcome->context2 == (known->strange ? NULL : &world));
    check_true_at(w.site, outcome->updated == updated && outcome->updated_context == known);
    check_eq_at(w.site, outcome->number > 0, outcome->update == WEFT_UPDATE_PARTIAL);
    check_eq_at(w.site, outcome->message == NULL, outcome->update == WEFT_UPDATE_RESTARTED);
    switch (outcome->update) {
    case WEFT_UPDATE_PROGRESS: note("%s#%u is at %s", known->name, outcome->attempts, text); break;
    case WEFT_UPDATE_PARTIAL:
        note("%s#%u part %" PRIu64 " %s", known->name, outcome->attempts, outcome->number, text);
        break;
    case WEFT_UPDATE_RESTARTED: note("%s#%u restarts", known->name, outcome->attempts); break;
    }
    weft__message_drop(outcome->message);
}

void world_got(enum core_item_kind kind, struct core_outcome *outcome, struct core_task *cancelled)
{
    if (kind == CORE_ITEM_OUTCOME) hand_over(outcome);
    if (kind == CORE_ITEM_UPDATE) tell_update(outcome);
    if (kind != CORE_ITEM_CANCEL) return;
    char name[KNOWN_SIZE];
    name_task(name, cancelled);
    check_true_at(w.site, atomic_load(&cancelled->cancelled));
    note("%s told to stop %s", cancelled->worker ? cancelled->worker->name->text : "who had it", name);
}

static void empty(struct core_dest *dest)
{
    struct core_outcome outcome;
    struct core_task *cancelled;
    for (enum core_item_kind kind;
         (kind = weft__core_outcome_take(world.core, world_now_ns(), dest, &outcome, &cancelled));)
        world_got(kind, &outcome, cancelled);
}

static void stand(struct standing *now, size_t *count, const struct core_dest *dest, bool mixed)
{
    uint32_t items_count = 0;
    for (struct list_node *node = dest->fifo.next; node != &dest->fifo; node = node->next, items_count++) {
        struct core_item *item = list_record(node, struct core_item, on);
        if (mixed && item->kind != CORE_ITEM_TASK) continue;
        check_eq_at(w.site, item->kind, CORE_ITEM_TASK);
        const struct core_task *task = list_record(item, struct core_task, item);
        check_true_at(w.site, task->dest == dest && task->state == CORE_TASK_ASSIGNED);
        check_true_at(w.site, *count < TASKS_MAX);
        struct standing *standing = &now[(*count)++];
        standing->handle = task->slot.handle;
        standing->worker = task->worker->name->text;
        name_task(standing->name, task);
    }
    check_eq_at(w.site, dest->items_count, items_count);
}

static bool stands(const struct standing *list, size_t count, uint64_t handle)
{
    for (size_t i = 0; i < count; i++)
        if (list[i].handle == handle) return true;
    return false;
}

/* What has come to workers, or was taken from them, since the last look. */
static void compare_standing(void)
{
    struct standing *before = w.standing[w.standing_at];
    size_t before_count = w.standing_count;
    w.standing_at = !w.standing_at;
    struct standing *now = w.standing[w.standing_at];
    size_t count = 0;
    for (size_t i = 0; i < w.groups_count; i++)
        stand(now, &count, &w.groups[i].core.dest, false);
    for (size_t i = 0; i < w.workers_count; i++)
        if (w.workers[i].dest == &w.workers[i].inbox) stand(now, &count, &w.workers[i].inbox, false);
    for (size_t i = 0; i < w.sessions_count; i++)
        stand(now, &count, &w.sessions[i].line, true);
    for (size_t i = 0; i < before_count; i++)
        if (!stands(now, count, before[i].handle)) note("%s back from %s", before[i].name, before[i].worker);
    for (size_t i = 0; i < count; i++)
        if (!stands(before, before_count, now[i].handle)) note("%s to %s", now[i].name, now[i].worker);
    w.standing_count = count;
}

static void look(void)
{
    for (size_t i = 0; i < w.sessions_count; i++)
        empty(&w.sessions[i].box);
    compare_standing();
    for (struct list_node *node; (node = list_pop_front(weft__core_wakes(world.core)));)
        note("%s woken", waiter_of(node));
    for (struct list_node *node; (node = list_pop_front(weft__core_ended(world.core)));) {
        struct known_session *session = list_record(node, struct known_session, ended);
        check_true_at(w.site, !session->gone);
        session->gone = true;
        note("%s disarmed", session->name);
    }
}

static void look_closely(void)
{
    look();
    const char *rule = audit(world.core);
    if (rule) broken("after it an invariant does not hold", rule);
}

static void after_entry(void)
{
    while (w.runs_steps && weft__core_step(world.core, world_now_ns()))
        ;
    look_closely();
}

void world_steps(bool run)
{
    w.runs_steps = run;
    if (run) after_entry();
}

bool world_step(int unused)
{
    (void)unused;
    bool more = weft__core_step(world.core, world_now_ns());
    look_closely();
    return more;
}

void world_at(uint64_t ms)
{
    uint64_t target_ns = BEGIN_NS + ms * NS_PER_MS;
    check_true_at(w.site, ms >= w.now_ms);
    int ticks = 0;
    for (uint64_t due_ns; (due_ns = weft__core_due(world.core)) <= target_ns;) {
        if (due_ns > world_now_ns()) w.now_ms = (due_ns - BEGIN_NS + NS_PER_MS - 1) / NS_PER_MS;
        weft__core_tick(world.core, world_now_ns());
        after_entry();
        if (++ticks > 100000) broken("time does not go on: what is due stays due", "");
    }
    w.now_ms = ms;
}

void world_late_at(uint64_t ms)
{
    check_true_at(w.site, ms >= w.now_ms);
    w.now_ms = ms;
}

/* --- for the verbs of fixture_event.c --------------------------------------------------------- */

struct check_site world_site(void)
{
    return w.site;
}

void world_broken(const char *sentence, const char *what)
{
    broken(sentence, what);
}

void world_note(const char *sentence)
{
    note("%s", sentence);
}

void world_result(weft_error error)
{
    result(error);
}

void world_after_entry(void)
{
    after_entry();
}

const char *world_channel_or(const char *named)
{
    return channel_or(named);
}

struct core_group *world_group_named(const char *name)
{
    return &the_known_group(name)->core;
}

struct core_waiter *world_waiter_named(const char *name)
{
    return waiter_named(name);
}

void world_know(const char *name, weft_dispatch_id id)
{
    new_known_dispatch(name)->id = id;
}

const char *world_name_of(weft_dispatch_id id)
{
    return dispatch_of(id)->name;
}

/* --- life ------------------------------------------------------------------------------------- */

int world_open_with(const struct core_limits *limits)
{
    memset(&world, 0, sizeof(world));
    w.now_ms = 0;
    w.runs_steps = true;
    w.expecting = w.expecting_any = false;
    w.channel[0] = '\0';
    w.lines_count = w.sessions_count = w.workers_count = w.groups_count = w.boxes_count = 0;
    w.dispatches_count = w.tasks_count = w.standing_count = w.waiters_count = 0;
    world_forget_subscriptions();
    world_forget_node();
    failmem_init(&world.failmem);
    failmem_init(&world.messages);
    world.core = weft__core_new(&world.failmem.mem, limits, world_now_ns());
    if (!world.core) return -1;
    world_attach("host", false);
    world_arm("host");
    return 0;
}

void world_forget_names(void)
{
    w.sessions_count = 1;
    w.workers_count = w.groups_count = w.boxes_count = w.dispatches_count = w.tasks_count = w.waiters_count = 0;
}

int world_open(void **state)
{
    (void)state;
    return world_open_with(&(struct core_limits){.channels_max = 1024,
                                                 .workers_max = 65536,
                                                 .sessions_max = 4096,
                                                 .dispatches_max = 65536,
                                                 .outcome_keep_ms = 60000,
                                                 .subscriptions_max = 4096,
                                                 .schemas_max = 64});
}

int world_close(void **state)
{
    (void)state;
    bool unread = w.lines_count > 0;
    if (unread) print_error("what came at the end and no `then` has read:\n");
    for (size_t i = w.lines_count > 20 ? w.lines_count - 20 : 0; i < w.lines_count; i++)
        print_error("    %s\n", w.lines[i]);
    world_forget_looks();
    weft__core_free(world.core);
    world.core = NULL;
    uint64_t blocks = world.failmem.live_blocks + world.messages.live_blocks;
    if (blocks > 0)
        print_error("%" PRIu64 " blocks of %" PRIu64 " bytes did not come back\n", blocks,
                    world.failmem.live_bytes + world.messages.live_bytes);
    return unread || blocks > 0 ? -1 : 0;
}

/* --- channels --------------------------------------------------------------------------------- */

void world_channel(const char *name, const weft_channel_options *options)
{
    weft_error error = weft__core_channel_declare(world.core, world_now_ns(), name, options, world.message);
    after_entry();
    if (!error) world_on(name);
    result(error);
}

void world_template(const char *pattern, const weft_channel_options *options)
{
    weft_error error = weft__core_template_declare(world.core, pattern, options, world.message);
    after_entry();
    result(error);
}

void world_on(const char *name)
{
    snprintf(w.channel, sizeof(w.channel), "%s", name);
}

void world_pause_channel(int unused)
{
    (void)unused;
    weft_error error = weft__core_channel_pause(world.core, world_now_ns(), w.channel);
    after_entry();
    result(error);
}

void world_resume_channel(int unused)
{
    (void)unused;
    weft_error error = weft__core_channel_resume(world.core, world_now_ns(), w.channel);
    after_entry();
    result(error);
}

void world_drain_channel(const char *waiter)
{
    weft_error error = weft__core_channel_drain(world.core, world_now_ns(), w.channel, waiter_named(waiter));
    after_entry();
    result(error);
}

void world_delete_channel(int unused)
{
    (void)unused;
    weft_error error = weft__core_channel_delete(world.core, world_now_ns(), w.channel, world.message);
    after_entry();
    result(error);
}

weft_channel_info world_channel_now(int unused)
{
    (void)unused;
    weft_channel_info info = {.name = ""};
    result(weft__core_channel_info(world.core, world_now_ns(), w.channel, &info));
    return info;
}

weft_node_stats world_stats(void)
{
    weft_node_stats stats;
    weft__core_stats(world.core, &stats);
    return stats;
}

/* --- participants ----------------------------------------------------------------------------- */

void world_attach(const char *name, bool declared)
{
    struct known_session *session = new_known_session(name);
    weft__core_dest_init(&session->box);
    weft__core_dest_init(&session->line);
    list_init(&session->ended);
    weft_error error = weft__core_session_attach(world.core, name, declared, &session->ended, &session->handle);
    if (error) w.sessions_count--;
    after_entry();
    result(error);
}

void world_arm(const char *name)
{
    weft_error error = weft__core_session_armed(world.core, world_now_ns(), the_known_session(name)->handle);
    after_entry();
    result(error);
}

void world_fire(const char *name, weft_cause cause)
{
    uint64_t wall_ns = 7 * NS_PER_S + w.now_ms * NS_PER_MS;
    weft_error error =
        weft__core_session_fired(world.core, world_now_ns(), wall_ns, the_known_session(name)->handle, cause);
    after_entry();
    result(error);
}

void world_release(const char *name)
{
    weft__core_session_release(world.core, world_now_ns(), 0, the_known_session(name)->handle);
    after_entry();
}

uint64_t world_handle_of(const char *name)
{
    return the_known_session(name)->handle;
}

const char *world_participant_now(const char *name)
{
    const struct core_session *session = weft__slotmap_find(&world.core->sessions, the_known_session(name)->handle);
    if (!session) return "gone";
    switch (session->state) {
    case CORE_SESSION_ARMING: return "arming";
    case CORE_SESSION_ARMED: return "armed";
    case CORE_SESSION_DEAD: return "dead";
    }
    return "?";
}

/* --- workers and groups ----------------------------------------------------------------------- */

void world_worker(const char *name, const struct hired *hired)
{
    struct known_worker *worker = new_known_worker(name ? name : "");
    struct core_group *group = hired->group ? &the_known_group(hired->group)->core : NULL;
    struct core_worker_spec spec = {.channel = channel_or(hired->on),
                                    .channel_hash = weft__name_hash(channel_or(hired->on)),
                                    .name = name,
                                    .activity_types = hired->types,
                                    .max_concurrent = hired->capacity ? hired->capacity : 1,
                                    .session = the_known_session(hired->of ? hired->of : "host")->handle,
                                    .group = group,
                                    .handled = hired->handled || group,
                                    .remote = hired->far,
                                    .context = worker};
    while (spec.activity_types[spec.activity_types_count])
        spec.activity_types_count++;
    uint8_t ids[WEFT_SCHEMA_IDS_MAX][SCHEMA_ID_BYTES];
    spec.schema_ids = (const uint8_t(*)[SCHEMA_ID_BYTES])ids;
    for (; hired->understands[spec.schema_ids_count]; spec.schema_ids_count++)
        world_schema_id(hired->understands[spec.schema_ids_count], ids[spec.schema_ids_count]);
    weft__core_dest_init(&worker->inbox);
    struct core_dest *inbox = hired->far ? world_line_of(hired->of) : &worker->inbox;
    worker->dest = spec.dest = group ? &group->dest : inbox;
    weft_error error = weft__core_worker_register(world.core, world_now_ns(), &spec, &worker->handle, world.message);
    if (error) {
        w.workers_count--;
    } else if (!name) {
        weft_worker_info info;
        check_error_at(w.site, weft__core_worker_info(world.core, world_now_ns(), worker->handle, &info), WEFT_OK);
        copy_name(worker->name, info.name);
    }
    after_entry();
    result(error);
}

void world_drain_worker(const char *name)
{
    weft__core_worker_drain(world.core, the_known_worker(name)->handle);
    after_entry();
}

void world_unregister(const char *name)
{
    weft__core_worker_unregister(world.core, world_now_ns(), the_known_worker(name)->handle);
    after_entry();
}

void world_leave(const char *name)
{
    weft__core_worker_left(world.core, world_now_ns(), the_known_worker(name)->handle);
    after_entry();
}

void world_forget(const char *name)
{
    weft__core_worker_forget(world.core, the_known_worker(name)->handle);
    after_entry();
}

uint64_t world_handle_of_worker(const char *name)
{
    return the_known_worker(name)->handle;
}

weft_worker_info world_worker_now(const char *name)
{
    weft_worker_info info = {.name = ""};
    result(weft__core_worker_info(world.core, world_now_ns(), the_known_worker(name)->handle, &info));
    return info;
}

void world_group(const char *name, uint32_t limit)
{
    struct known_group *group = new_known_group(name);
    group->core.name = group->name;
    weft_error error = weft__core_group_add(world.core, &group->core, limit);
    if (error) w.groups_count--;
    after_entry();
    result(error);
}

void world_limit_group(const char *name, uint32_t limit)
{
    weft__core_group_limit(world.core, world_now_ns(), &the_known_group(name)->core, limit);
    after_entry();
}

void world_remove_group(const char *name)
{
    weft_error error = weft__core_group_remove(world.core, &the_known_group(name)->core, world.message);
    after_entry();
    result(error);
}

/* --- dispatches ------------------------------------------------------------------------------- */

static struct core_dest *box_for(const struct asked *asked, struct known_session *caller)
{
    if (asked->to) return &the_known_box(asked->to)->dest;
    if (asked->number && !asked->unheard) return &caller->line;
    return asked->detached || asked->unheard ? NULL : &caller->box;
}

static struct message *payload_for(const char *name, size_t bytes, const char *content_type)
{
    static char text[1 << 18];
    if (name && bytes == 0) return weft__message_new(&world.messages.mem, name, strlen(name), content_type);
    check_true_at(w.site, bytes <= sizeof(text));
    memset(text, 'x', bytes);
    return weft__message_new(&world.messages.mem, text, bytes, content_type);
}

/* Of what makes a repeat the same; the shell's is of better quality. */
static void digest(struct core_request *request)
{
    uint64_t sums[2] = {weft__name_hash((const char *)request->payload->bytes), request->activity_type_hash};
    memcpy(request->digest, sums, sizeof(sums));
}

/* The inner dispatch of the key, if it is a new one, is known by the key's name. */
static void know_inner(const char *channel_name, const char *once)
{
    const struct core_channel *channel = weft__channel_find(world.core, weft__name_hash(channel_name), channel_name);
    const struct core_key *key = weft__namemap_find(&channel->keys->names, weft__name_hash(once), once);
    const struct core_dispatch *inner = key ? key->inner : NULL;
    struct known_dispatch *known = find_known_dispatch(once);
    if (!inner || (known && known->id.number == inner->slot.handle)) return;
    new_known_dispatch(once)->id = (weft_dispatch_id){inner->session_id, inner->slot.handle};
}

void world_dispatch(const char *name, const struct asked *asked)
{
    struct known_dispatch *known = new_known_dispatch(name);
    const char *body = asked->body ? asked->body : asked->once ? asked->once : name;
    struct known_session *caller = the_known_session(asked->by ? asked->by : "host");
    struct core_request request = {.channel = channel_or(asked->on),
                                   .channel_hash = weft__name_hash(channel_or(asked->on)),
                                   .activity_type = asked->type,
                                   .activity_type_hash = asked->type ? weft__name_hash(asked->type) : 0,
                                   .payload = payload_for(body, asked->bytes, asked->content_type),
                                   .key = asked->once,
                                   .key_hash = asked->once ? weft__name_hash(asked->once) : 0,
                                   .sticky_hash = asked->key ? weft__name_hash(asked->key) : 0,
                                   .session = caller->handle,
                                   .dest = box_for(asked, caller),
                                   .token = (uint64_t)(known - w.dispatches) + 1,
                                   .context = known,
                                   .context2 = &world,
                                   .schedule_to_start_ms = asked->schedule_to_start_ms,
                                   .start_to_close_ms = asked->start_to_close_ms,
                                   .schedule_to_close_ms = asked->schedule_to_close_ms,
                                   .heartbeat_ms = asked->heartbeat_ms,
                                   .attempts_max = asked->attempts_max,
                                   .priority =
                                       (uint8_t)((asked->priority ? asked->priority : WEFT_PRIORITY_NORMAL) - 1),
                                   .on_crash = (uint8_t)asked->on_crash,
                                   .no_worker = (uint8_t)asked->no_worker,
                                   .detached = asked->detached,
                                   .updated = asked->window ? updated : NULL,
                                   .updated_context = known,
                                   .window = asked->window,
                                   .credit = asked->credit,
                                   .waits = asked->waits};
    struct core_admitted admitted;
    if (asked->number) request.id = (weft_dispatch_id){caller->handle, asked->number};
    known->strange = asked->number != 0;
    if (asked->once) digest(&request);
    if (asked->seen) weft__message_meet(request.payload, world_seen(asked->seen));
    weft_error error;
    while ((error = weft__core_dispatch(world.core, world_now_ns(), &request, &admitted)) == WEFT_ESTALE) {
        if (!asked->seen) weft__message_meet(request.payload, admitted.contract);
        weft__contract_drop(admitted.contract);
        if (asked->seen) break;
    }
    if (error) weft__message_drop(request.payload);
    check_eq_at(w.site, error == WEFT_OK, admitted.id.number != 0);
    check_eq_at(w.site, error == WEFT_EREJECTED, admitted.admission == WEFT_ADMISSION_REJECTED);
    if (error == WEFT_EREJECTED)
        note("%s rejected:%s %u%s", name, admitted.reason, admitted.retry_after_ms, admitted.blocks ? " blocks" : "");
    known->id = admitted.id;
    if (error) w.dispatches_count--;
    if (!error && asked->once) {
        copy_name(known->once, asked->once);
        know_inner(channel_or(asked->on), asked->once);
    }
    if (admitted.admission == WEFT_ADMISSION_DEFERRED) note("%s waits", name);
    after_entry();
    result(error == WEFT_EREJECTED && !w.expecting ? WEFT_OK : error);
}

void world_cancel(const char *name)
{
    weft_error error = weft__core_cancel(world.core, world_now_ns(), the_known_dispatch(name)->id);
    after_entry();
    result(error);
}

void world_fetch(const char *name, const char *waiter)
{
    struct core_outcome outcome;
    weft_error error = weft__core_outcome_fetch(world.core, the_known_dispatch(name)->id, &outcome,
                                                waiter ? waiter_named(waiter) : NULL);
    if (!error) hand_over(&outcome);
    after_entry();
    result(error);
}

void world_box(const char *name)
{
    weft__core_dest_init(&new_known_box(name)->dest);
}

weft_dispatch_id world_id_of(const char *name)
{
    return the_known_dispatch(name)->id;
}

struct core_dest *world_box_named(const char *name)
{
    return &the_known_box(name)->dest;
}

void world_look_into(const char *name)
{
    empty(&the_known_box(name)->dest);
    after_entry();
}

void world_close_box(const char *name)
{
    while (weft__core_dest_abandon(world.core, world_now_ns(), &the_known_box(name)->dest))
        after_entry();
    after_entry();
}

uint32_t world_ends_of(const char *name)
{
    return the_known_dispatch(name)->ends;
}

struct core_outcome world_reply_of(const char *name)
{
    struct known_dispatch *known = the_known_dispatch(name);
    if (!known->ends) broken("it has no outcome yet", name);
    return known->outcome;
}

/* --- dead letters ----------------------------------------------------------------------------- */

static void read_letter(const struct core_letter_view *view)
{
    const weft_letter *letter = &view->letter;
    const char *name = dispatch_of(letter->dispatch)->name;
    note("letter %s %s:%s", name, weft_outcome_name(letter->outcome), letter->code);
    for (size_t i = 0; i < letter->attempts_count; i++) {
        const weft_attempt *attempt = &letter->attempts[i];
        note("%s#%u %s of %s %s %u", name, attempt->attempt, attempt->worker, attempt->participant, attempt->code,
             (unsigned)(attempt->run_ns / NS_PER_MS));
        check_eq_at(w.site, attempt->cause.kind != WEFT_CAUSE_UNKNOWN,
                    strcmp(attempt->code, "worker_died") == 0 && attempt->cause.kind != WEFT_CAUSE_UNKNOWN);
    }
}

void world_read_letters(int unused)
{
    (void)unused;
    struct core_letter_walk walk;
    struct core_letter_view view;
    weft_error error = weft__core_letters_begin(world.core, w.channel, &walk);
    while (!error && weft__core_letters_next(&walk, &view)) {
        read_letter(&view);
        weft__message_drop(view.payload);
        after_entry();
    }
    result(error);
}

uint64_t world_letter_id(const char *name)
{
    struct core_letter_walk walk;
    struct core_letter_view view;
    uint64_t id = 0;
    if (weft__core_letters_begin(world.core, w.channel, &walk)) return 0;
    while (!id && weft__core_letters_next(&walk, &view)) {
        if (strcmp(dispatch_of(view.letter.dispatch)->name, name) == 0) id = view.letter.id;
        weft__message_drop(view.payload);
    }
    weft__core_letters_end(&walk);
    return id;
}

/* "" is the oldest; a name that no letter has is asked for all the same. */
static uint64_t asked_letter(const char *name)
{
    uint64_t id = *name ? world_letter_id(name) : 0;
    return *name && !id ? UINT64_MAX : id;
}

void world_fetch_letter(const char *name)
{
    struct core_letter_view view;
    weft_error error = weft__core_letter_fetch(world.core, w.channel, asked_letter(name), &view);
    if (!error) {
        read_letter(&view);
        weft__message_drop(view.payload);
    }
    after_entry();
    result(error);
}

void world_put_back(const char *name, const char *as)
{
    struct core_admitted admitted;
    bool origin_gone;
    struct known_dispatch *known = new_known_dispatch(as);
    known->put_back = true;
    weft_error error = weft__core_letter_put_back(world.core, world_now_ns(), w.channel, asked_letter(name),
                                                  the_known_session("host")->handle, &admitted, &origin_gone);
    known->id = admitted.id;
    if (error) w.dispatches_count--;
    if (error == WEFT_EREJECTED) note("%s rejected:%s %u", as, admitted.reason, admitted.retry_after_ms);
    if (admitted.admission == WEFT_ADMISSION_DEFERRED) note("%s waits", as);
    after_entry();
    result(error);
}

/* --- for the verbs of fixture_remote.c -------------------------------------------------------- */

struct core_dest *world_line_of(const char *name)
{
    return &the_known_session(name)->line;
}

const char *world_name_of_worker(const void *context)
{
    return ((const struct known_worker *)context)->name;
}

const char *world_name_of_task(const struct core_task *task)
{
    static char name[KNOWN_SIZE];
    name_task(name, task);
    return name;
}

/* --- tasks ------------------------------------------------------------------------------------ */

struct core_dest *world_destination(const char *name)
{
    struct known_group *group = find_known_group(name);
    return group ? &group->core.dest : the_known_worker(name)->dest;
}

static void no_longer_standing(const struct core_task *task)
{
    struct standing *list = w.standing[w.standing_at];
    for (size_t i = 0; i < w.standing_count; i++)
        if (list[i].handle == task->slot.handle) list[i--] = list[--w.standing_count];
}

static void remember(struct core_task *task)
{
    char name[KNOWN_SIZE];
    name_task(name, task);
    struct known_task *known = new_known_task(name);
    known->task = task;
    known->handle = weft__core_task_handle(task);
}

static void lets_go(struct known_task *task)
{
    *task = w.tasks[--w.tasks_count];
}

void world_lets_go_of(const char *name)
{
    lets_go(the_known_task(name));
}

bool world_found(const char *name, const char *session)
{
    const struct known_task *known = the_known_task(name);
    const struct core_task *task = weft__core_task_find(world.core, the_known_session(session)->handle, known->handle);
    check_true_at(w.site, !task || task == known->task);
    return task != NULL;
}

const char *world_got_task(struct core_task *task)
{
    no_longer_standing(task);
    remember(task);
    return w.tasks[w.tasks_count - 1].name;
}

const char *world_take(const char *from, size_t max)
{
    static char last[KNOWN_SIZE];
    struct core_task *tasks[256];
    check_true_at(w.site, max <= 256);
    size_t count = weft__core_take(world.core, world_now_ns(), world_destination(from), tasks, max);
    if (count) __atomic_store_n(&tasks[0]->started_ns, world_now_ns(), __ATOMIC_RELAXED); /* as who takes it does */
    for (size_t i = 0; i < count; i++) {
        no_longer_standing(tasks[i]);
        remember(tasks[i]);
        memcpy(last, w.tasks[w.tasks_count - 1].name, KNOWN_SIZE);
        note("%s takes %s", from, last);
    }
    after_entry();
    result(count ? WEFT_OK : WEFT_EAGAIN);
    return last;
}

void world_settle(const char *name, enum core_result_kind kind, const char *code, bool returns)
{
    struct known_task *known = the_known_task(name);
    bool in_handler = known->task->in_handler;
    struct core_result said = {.task = known->task, .kind = kind, .returned = returns && in_handler};
    if (kind == CORE_RESULT_COMPLETE || kind == CORE_RESULT_FAIL || kind == CORE_RESULT_MISMATCH) {
        said.message = weft__message_new(&world.messages.mem, name, strlen(name), code);
        check_true_at(w.site, said.message != NULL);
    }
    if (returns || !in_handler) lets_go(known);
    weft__core_results(world.core, world_now_ns(), &said, 1);
    after_entry();
    result(said.accepted ? WEFT_OK : WEFT_ESTALE);
}

void world_return_from(const char *name, bool kept)
{
    struct known_task *known = the_known_task(name);
    struct core_result said = {.task = known->task, .returned = true, .kept = kept};
    if (!kept) lets_go(known);
    weft__core_results(world.core, world_now_ns(), &said, 1);
    after_entry();
}

void world_give_back(const char *const *names)
{
    struct core_task *tasks[64];
    size_t count = 0;
    for (; names[count]; count++) {
        check_true_at(w.site, count < 64);
        struct known_task *known = the_known_task(names[count]);
        tasks[count] = known->task;
        note("%s back from %s", names[count], known->task->worker->name->text);
        lets_go(known);
    }
    weft__core_give_back(world.core, world_now_ns(), tasks, count);
    after_entry();
}

void world_beat(const char *name)
{
    bool goes_on = weft__core_heartbeat(world.core, world_now_ns(), the_known_task(name)->task);
    after_entry();
    result(goes_on ? WEFT_OK : WEFT_ESTALE);
}

static struct message *said(const char *text)
{
    struct message *message = weft__message_new(&world.messages.mem, text, strlen(text), NULL);
    check_true_at(w.site, message != NULL);
    return message;
}

void world_progress(const char *name, const char *text)
{
    struct message *message = said(text);
    weft_error error = weft__core_progress(world.core, world_now_ns(), the_known_task(name)->task, message);
    if (error) weft__message_drop(message);
    after_entry();
    result(error);
}

void world_partial(const char *name, const char *text, const char *waiter, bool waited)
{
    struct message *message = said(text);
    weft_error error = weft__core_partial(world.core, world_now_ns(), the_known_task(name)->task, message,
                                          waiter ? waiter_named(waiter) : NULL, waited);
    if (error) weft__message_drop(message);
    after_entry();
    result(error);
}

void world_listen_to(const char *name, const char *box)
{
    struct core_dest *dest = box ? &the_known_box(box)->dest : &the_known_session("host")->box;
    bool listens = weft__core_task_on_cancel(world.core, the_known_task(name)->task, dest);
    after_entry();
    result(listens ? WEFT_OK : WEFT_EEXIST);
}

struct core_task *world_task_named(const char *name)
{
    return the_known_task(name)->task;
}

bool world_holds(const char *name)
{
    return find_known_task(name) != NULL;
}

bool world_is_cancelled(const char *name)
{
    return atomic_load(&the_known_task(name)->task->cancelled);
}

const char *world_type_of(const char *name)
{
    return weft__core_task_type(the_known_task(name)->task);
}

/* --- waiting ---------------------------------------------------------------------------------- */

static bool waited(bool left)
{
    after_entry();
    return left;
}

bool world_wait_for_task(const char *waiter, const char *from)
{
    return waited(weft__core_dest_wait(world_destination(from), waiter_named(waiter)));
}

bool world_wait_for_outcome(const char *waiter, const char *of)
{
    struct known_box *known = find_known_box(of);
    struct core_dest *dest = known ? &known->dest : &the_known_session(of)->box;
    return waited(weft__core_dest_wait(dest, waiter_named(waiter)));
}

bool world_wait_idle(const char *waiter, const char *name)
{
    return waited(weft__core_worker_wait_idle(world.core, the_known_worker(name)->handle, waiter_named(waiter)));
}

bool world_wait_room(const char *waiter)
{
    const struct core_channel *channel = weft__channel_find(world.core, weft__name_hash(w.channel), w.channel);
    uint64_t handle = channel ? channel->slot.handle : 0;
    return waited(weft__core_channel_wait_room(world.core, handle, waiter_named(waiter)));
}

bool world_wait_quiet(const char *waiter, bool tasks)
{
    return waited(weft__core_wait_quiet(world.core, tasks, waiter_named(waiter)));
}

bool world_sleep_until_due(const char *waiter)
{
    weft__core_sleep(world.core, waiter_named(waiter), weft__core_due(world.core));
    return waited(true);
}

bool world_unwait(const char *waiter)
{
    return waited(weft__core_unwait(&the_known_waiter(waiter)->core));
}

/* --- seeing inside ---------------------------------------------------------------------------- */

enum { PAGE = 3 }; /* short, so that walks are of several holds */

static void note_refusals(const struct core_request *request, struct core_why *answer)
{
    struct core_refusal_row rows[PAGE];
    char bytes[WEFT_ACTIVITY_TYPES_MAX * (WEFT_NAME_MAX + 1)];
    uint64_t cursor = 0;
    size_t count;
    bool changed = false;
    for (bool more = true; more;) {
        struct core_text text = {.bytes = bytes, .room = sizeof(bytes)};
        more = weft__core_refusals_next(world.core, world_now_ns(), request, answer, &cursor, rows, PAGE, &count, &text,
                                        &changed);
        check_true_at(w.site, !changed && answer->budget >= 0);
        answer->budget = CORE_HOLD_MAX;
        for (size_t i = 0; i < count; i++)
            note("  %s: %s%s", rows[i].worker.info.name, rule_words[rows[i].rule],
                 rows[i].rule == WEFT_RULE_ELIGIBLE && answer->passed_over ? ", gives up before it" : "");
    }
}

void world_why(const char *name)
{
    struct core_why answer;
    weft_error error = weft__core_why_dispatch(world.core, world_now_ns(), the_known_dispatch(name)->id, &answer);
    if (!error) {
        unsigned long long ms = answer.waits_ns / NS_PER_MS;
        if (answer.standing == WEFT_STANDING_QUEUED)
            note("%s waits %llu ms, %u ahead", name, ms, answer.ahead);
        else if (answer.standing == WEFT_STANDING_ENDED)
            note("%s ended %s", name, weft_outcome_name(answer.outcome));
        else
            note("%s %s %s%s %u of %u", name, answer.standing == WEFT_STANDING_FENCED ? "lost at" : "at", answer.worker,
                 answer.taken ? ", taken," : ",", answer.attempt, answer.attempts_max);
        note_refusals(NULL, &answer);
    }
    after_entry();
    result(error);
}

void world_would(const struct asked *asked)
{
    struct core_why answer;
    struct core_request request = {.channel = channel_or(asked->on),
                                   .channel_hash = weft__name_hash(channel_or(asked->on)),
                                   .activity_type = asked->type,
                                   .activity_type_hash = asked->type ? weft__name_hash(asked->type) : 0,
                                   .sticky_hash = asked->key ? weft__name_hash(asked->key) : 0,
                                   .session = the_known_session(asked->by ? asked->by : "host")->handle,
                                   .priority =
                                       (uint8_t)((asked->priority ? asked->priority : WEFT_PRIORITY_NORMAL) - 1),
                                   .on_crash = (uint8_t)asked->on_crash,
                                   .no_worker = (uint8_t)asked->no_worker,
                                   .payload = weft__message_new(&world.messages.mem, NULL, 0, asked->content_type)};
    uint64_t before = audit_digest(world.core);
    weft_error error = weft__core_why_request(world.core, world_now_ns(), &request, &answer);
    if (!error) {
        if (answer.admission == WEFT_ADMISSION_REJECTED)
            note("rejected:%s %u%s", answer.reason, answer.retry_after_ms, answer.blocks ? " blocks" : "");
        else if (answer.admission == WEFT_ADMISSION_ACCEPTED)
            note("accepted by %s", answer.worker);
        else
            note("deferred");
        note_refusals(&request, &answer);
    }
    weft__message_drop(request.payload);
    check_eq_at(w.site, audit_digest(world.core), before);
    after_entry();
    result(error);
}

static void note_queues(struct core_channel_row *row)
{
    for (;;) {
        for (size_t i = 0; i < row->queues_count; i++) {
            const struct core_queue_row *queue = &row->queues[i];
            const uint32_t *n = queue->queued;
            if (n[0] + n[1] + n[2] + n[3] == 0) continue;
            note("  '%s': %u %u %u %u, oldest %" PRIu64 " ms", queue->activity_type, n[0], n[1], n[2], n[3],
                 queue->head_wait_ns[2] / NS_PER_MS);
        }
        if (!row->more_queues) return;
        check_true_at(w.site, weft__core_queues_next(world.core, world_now_ns(), row));
    }
}

void world_list(const char *pattern)
{
    static struct core_channel_row row;
    struct core_queue_row queues[PAGE];
    struct core_worker_row rows[PAGE];
    char bytes[WEFT_ACTIVITY_TYPES_MAX * (WEFT_NAME_MAX + 1)];
    uint64_t cursor = 0;
    size_t count;
    row.queues = queues;
    row.queues_max = PAGE;
    while (weft__core_channels_next(world.core, world_now_ns(), pattern, &cursor, &row)) {
        if (!row.handle) continue;
        note("%s: %u workers, %u wait", row.info.name, row.info.workers, row.info.queued);
        note_queues(&row);
    }
    cursor = 0;
    struct core_text text = {.bytes = bytes, .room = sizeof(bytes)};
    while (weft__core_workers_next(world.core, world_now_ns(), &cursor, rows, PAGE, &count, &text))
        for (size_t i = 0; i < count; i++) {
            const weft_worker_info *info = &rows[i].info;
            note("  %s of %s: %u of %u, seen %" PRIu64 " ms ago", info->name, info->participant, info->in_flight,
                 info->max_concurrent, info->last_seen_ns / NS_PER_MS);
            const char *type = rows[i].activity_types;
            for (uint32_t t = 0; t < rows[i].activity_types_count; t++, type += strlen(type) + 1)
                note("    takes %s", type);
        }
    after_entry();
}

weft_latency world_latency_now(int unused)
{
    (void)unused;
    weft_latency latency;
    result(weft__core_channel_latency(world.core, w.channel, &latency));
    return latency;
}

void world_open_notes(int unused)
{
    (void)unused;
    weft__core_dest_init(&w.notes);
    result(weft__core_notes_open(world.core, &w.notes));
}

void world_what_happened(int unused)
{
    (void)unused;
    while (w.notes.items_count > 0) {
        struct core_note taken;
        char cause[64] = "";
        weft__core_note_take(world.core, &taken);
        if (taken.cause.kind != WEFT_CAUSE_UNKNOWN) weft_cause_text(taken.cause, cause, sizeof(cause));
        note("noted %s%s%s%s%s%s%s%s%s %" PRIu64, event_words[taken.kind], *taken.channel ? " " : "", taken.channel,
             *taken.worker ? " " : "", taken.worker, *taken.participant ? ", " : "", taken.participant,
             *cause ? ", " : "", cause, taken.count);
    }
    after_entry();
}

/* --- the node --------------------------------------------------------------------------------- */

void world_close_node(int unused)
{
    (void)unused;
    weft__core_close(world.core);
    after_entry();
}

void world_settle_all(int unused)
{
    (void)unused;
    weft__core_settle_all(world.core);
    after_entry();
}
