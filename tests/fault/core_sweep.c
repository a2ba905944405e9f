/* Memory: every entry of the core that may ask for some, refused each of its requests in turn; every other one, refused
 * all.
 *
 *   - an entry that is refused gives WEFT_ENOMEM and has changed nothing that can be seen; a retry works
 *   - what it had reserved by then is used by the retry: the end is the same as without the refusal, to the byte
 *   - refused again and again it keeps no more
 *   - what does not promise WEFT_ENOMEM asks for no memory
 */
#include <stdio.h>

#include "lib/audit.h"
#include "lib/fixture_client.h"
#include "lib/fixture_contract.h"
#include "lib/fixture_remote.h"

/* --- entries that may be refused -------------------------------------------------------------- */

/* An entry, in a world that the set-up has filled so far that some of what grows by steps is just full, or just not. */
struct swept {
    const char *name;
    void (*set_up)(int filled);
    void (*act)(void);
    bool undoes; /* makes a record and takes it back: the next one has another handle */
};

static void with_channels(int filled)
{
    for (int i = 0; i < filled; i++)
        channel(numbered("dispatch.media.c", i));
}

static void declares(void)
{
    channel("dispatch.media.resize", .policy = WEFT_STICKY);
}

static void with_templates(int filled)
{
    for (int i = 0; i < filled; i++) {
        char pattern[64];
        snprintf(pattern, sizeof(pattern), "dispatch.media%d.*", i);
        template(pattern);
    }
}

static void declares_template(void)
{
    template("dispatch.media.*");
}

static void with_sessions(int filled)
{
    for (int i = 0; i < filled; i++)
        attach(numbered("s", i));
}

static void attaches(void)
{
    attach("another");
}

static void with_workers(int filled)
{
    channel("dispatch.media.resize");
    group("g", 4);
    for (int i = 0; i < filled; i++)
        worker(numbered("w", i), .types = {"x", numbered("t", i)}, .capacity = 3);
}

static void with_loaded_workers(int filled)
{
    channel("dispatch.media.resize", .policy = WEFT_LEAST_LOADED);
    group("g", 4);
    for (int i = 0; i < filled; i++)
        worker(numbered("w", i), .types = {"x", "y"});
}

static void with_sticky_workers(int filled)
{
    channel("dispatch.media.resize", .policy = WEFT_STICKY);
    group("g", 4);
    for (int i = 0; i < filled; i++)
        worker(numbered("w", i), .types = {"x", "y"});
}

static void with_template(int filled)
{
    template("dispatch.media.*", .policy = WEFT_STICKY);
    with_channels(filled);
    on("dispatch.media.resize");
}

static void registers(void)
{
    worker("another");
}

static void registers_without_a_name(void)
{
    worker(NULL);
}

static void registers_with_types(void)
{
    worker("another", .types = {"x", "y", "z"}, .capacity = 40);
}

static void registers_in_a_group(void)
{
    worker("another", .types = {"x", "y"}, .capacity = 40, .group = "g");
}

static void with_dispatches(int filled)
{
    channel("dispatch.media.resize");
    for (int i = 0; i < filled; i++)
        dispatch("old", .type = numbered("t", i % 20));
}

static void with_sticky_and_busy(int filled)
{
    channel("dispatch.media.resize", .policy = WEFT_STICKY);
    worker("w1", .capacity = 9);
    for (int i = 0; i < filled; i++)
        dispatch("old", .type = "x");
}

static void with_full_queue(int filled)
{
    channel("dispatch.media.resize", .depth_max = (uint32_t)filled, .queue_full = WEFT_SHED_LOWEST);
    for (int i = 0; i < filled; i++)
        dispatch("old", .priority = WEFT_PRIORITY_LOW);
}

static void dispatches(void)
{
    dispatch("new");
}

static void dispatches_a_new_type(void)
{
    dispatch("new", .type = "new");
}

static void dispatches_with_everything(void)
{
    dispatch("new", .type = "new", .key = "k", .on_crash = WEFT_CRASH_REDISPATCH, .schedule_to_close_ms = 1000);
}

static void dispatches_and_listens(void)
{
    dispatch("new", .type = "new", .window = 16);
}

static void dispatches_urgently(void)
{
    dispatch("new", .type = "new", .on_crash = WEFT_CRASH_REDISPATCH, .priority = WEFT_PRIORITY_URGENT);
}

static void with_keeper(int filled)
{
    with_channels(filled);
    channel("dispatch.media.dead");
}

static void declares_with_keeper(void)
{
    channel("dispatch.media.resize", .dead_letter = "dispatch.media.dead");
}

static void with_letters(int filled)
{
    channel("dispatch.media.dead");
    channel("dispatch.media.resize", .dead_letter = "dispatch.media.dead");
    for (int i = 0; i < filled; i++)
        dispatch("old", .type = "x", .schedule_to_start_ms = i % 2 ? 0 : 5);
    dispatch("dead", .type = "z", .schedule_to_start_ms = 5, .on_crash = WEFT_CRASH_REDISPATCH);
    at(5);
}

static void puts_back(void)
{
    on("dispatch.media.dead");
    put_back("dead", "again");
}

static void with_keys(int filled)
{
    channel("dispatch.media.resize", .dedup_max = 20);
    worker("w1");
    dispatch("first", .once = "open");
    for (int i = 0; i < filled && i < 19; i++)
        dispatch("old", .once = numbered("k", i));
    if (filled > 19) { /* one that has ended is to make room */
        take("w1");
        complete("open#1");
        dispatch("old", .once = "k19");
    }
}

static void with_dispatched_key(int filled)
{
    channel("dispatch.media.resize");
    dispatch("first", .once = "open");
    for (int i = 0; i < filled; i++)
        dispatch("old", .once = i % 2 ? "open" : NULL, .detached = true);
}

static void with_an_ended_key(int filled)
{
    channel("dispatch.media.resize");
    worker("w1");
    dispatch("first", .once = "open");
    take("w1");
    complete("open#1");
    for (int i = 0; i < filled; i++)
        dispatch("old");
}

static void dispatches_with_a_key(void)
{
    dispatch("new", .once = "new", .type = "new", .schedule_to_close_ms = 1000, .detached = true);
}

static void repeats(void)
{
    dispatch("again", .once = "open", .schedule_to_close_ms = 1000, .detached = true);
}

#define DONE "event.media.done"

static void with_subscribers(int filled)
{
    group("g", 1);
    channel(DONE);
    for (int i = 0; i < filled; i++)
        subscribe(numbered("s", i), .group = i % 2 ? "g" : NULL);
}

static void with_patterns(int filled)
{
    channel(DONE);
    for (int i = 0; i < filled; i++)
        subscribe(numbered("p", i), .to = "event.*.*");
}

static void with_event_template(int filled)
{
    template("event.media.*");
    for (int i = 0; i < filled; i++)
        channel(numbered("event.other.c", i));
    on(DONE);
}

/* Some of whose inboxes are about to need another chunk. */
static void with_waiting_events(int filled)
{
    with_subscribers(3);
    subscribe("p", .to = "event.*.*");
    for (int i = 0; i < filled + INBOX_CHUNK - 30; i++)
        publish("e");
}

static void subscribes(void)
{
    subscribe("more");
}

static void subscribes_by_pattern(void)
{
    subscribe("more", .to = "event.*.*");
}

static void publishes(void)
{
    publish("new");
}

static void opens_notes(void)
{
    open_notes();
}

static void with_schemas(int filled)
{
    schema("task");
    schema("next");
    for (int i = 0; i < filled; i++)
        schema(numbered("s", i));
    with_channels(filled);
    channel("dispatch.media.made", .schema = "task");
    on("dispatch.media.made");
}

static void registers_schema(void)
{
    schema("new");
}

static void asks_for_another(void)
{
    asks("next");
}

static void declares_with_schemas(void)
{
    channel("dispatch.media.resize", .schema = "task", .result_schema = "next");
}

static void declares_template_with_schemas(void)
{
    template("dispatch.media.*", .schema = "task", .result_schema = "next");
}

static void with_those_who_understand(int filled)
{
    with_schemas(2);
    for (int i = 0; i < filled; i++)
        worker(numbered("w", i), .understands = {numbered("s", i % 3), "task"});
}

static void registers_who_understands(void)
{
    worker("another", .types = {"x", "y"}, .understands = {"task", "next"});
}

static void with_contract_template(int filled)
{
    schema("task");
    template("dispatch.media.*", .schema = "task");
    for (int i = 0; i < filled; i++)
        channel(numbered("dispatch.other.c", i));
    on("dispatch.media.resize");
}

static void opens_uplink(void)
{
    uplink();
}

/* Some of whose answers were of workers that are known by now. */
static void with_calls(int filled)
{
    uplink();
    for (int i = 0; i < filled; i++)
        call(numbered("old", i));
    call("new");
    send();
    for (int i = 0; i < filled; i++)
        answer(numbered("old", i), WEFT_COMPLETED, .worker = numbered("w", i % 20));
}

static void calls_out(void)
{
    call("more", .window = 4);
}

static void is_answered(void)
{
    answer("new", WEFT_REJECTED, .worker = "w21", .code = "a_word_of_tomorrow");
}

static void with_mirrored_workers(int filled)
{
    uplink();
    mirror("dispatch.media.resize");
    worker("w", .capacity = 100, .types = {"x", "y"});
    for (int i = 0; i < filled; i++)
        hand(numbered("old", i), "w", .type = i % 2 ? "x" : NULL);
}

static void mirrors(void)
{
    mirror("dispatch.media.other");
}

static void is_handed(void)
{
    hand("new", "w", .type = "y", .window = 4);
}

static void with_delivered_events(int filled)
{
    uplink();
    mirror(DONE);
    subscribe("s");
    for (int i = 0; i < filled + INBOX_CHUNK - 30; i++)
        event_came("e", "s", 0);
}

static void is_delivered(void)
{
    event_came("new", "s", 3);
}

static void with_strangers(int filled)
{
    channel("dispatch.media.resize");
    far_session("far");
    for (int i = 0; i < filled; i++)
        dispatch(numbered("a", i), .by = "far", .number = 1000 + (uint64_t)i, .type = i % 2 ? "x" : NULL);
}

static void dispatches_from_far(void)
{
    dispatch("another", .by = "far", .number = 7, .window = 3, .credit = true);
}

static void dispatches_with_a_key_from_far(void)
{
    dispatch("another", .by = "far", .number = 7, .once = "key");
}

static void registers_from_far(void)
{
    worker("another", .of = "far", .far = true, .types = {"x", "y"}, .capacity = 40);
}

static void subscribes_from_far(void)
{
    subscribe("another", .to = DONE, .far = "far", .told = true);
}

static void with_far_subscribers(int filled)
{
    far_session("far");
    with_subscribers(filled);
}

static const struct swept entries[] = {
    {.name = "weft__core_dispatch, stranger", .set_up = with_strangers, .act = dispatches_from_far},
    {.name = "weft__core_dispatch, stranger with a key",
     .set_up = with_strangers,
     .act = dispatches_with_a_key_from_far},
    {.name = "weft__core_worker_register, remote", .set_up = with_strangers, .act = registers_from_far},
    {.name = "weft__core_subscribe, remote", .set_up = with_far_subscribers, .act = subscribes_from_far},
    {.name = "weft__core_uplink_open", .set_up = with_sessions, .act = opens_uplink, .undoes = true},
    {.name = "weft__core_dispatch, uplink", .set_up = with_calls, .act = calls_out},
    {.name = "weft__core_verdict", .set_up = with_calls, .act = is_answered},
    {.name = "weft__core_mirror", .set_up = with_mirrored_workers, .act = mirrors},
    {.name = "weft__core_hand", .set_up = with_mirrored_workers, .act = is_handed},
    {.name = "weft__core_deliver", .set_up = with_delivered_events, .act = is_delivered},
    {.name = "weft__core_schema_register", .set_up = with_schemas, .act = registers_schema},
    {.name = "weft__core_channel_schema_set", .set_up = with_schemas, .act = asks_for_another},
    {.name = "weft__core_channel_declare, schemas", .set_up = with_schemas, .act = declares_with_schemas},
    {.name = "weft__core_template_declare, schemas", .set_up = with_schemas, .act = declares_template_with_schemas},
    {.name = "weft__core_worker_register, schemas",
     .set_up = with_those_who_understand,
     .act = registers_who_understands},
    {.name = "weft__core_worker_register, template with schemas",
     .set_up = with_contract_template,
     .act = registers_who_understands,
     .undoes = true},
    {.name = "weft__core_dispatch, schema", .set_up = with_schemas, .act = dispatches_with_everything},
    {.name = "weft__core_channel_declare, dead letters", .set_up = with_keeper, .act = declares_with_keeper},
    {.name = "weft__core_dispatch, dead letters", .set_up = with_letters, .act = dispatches_with_everything},
    {.name = "weft__core_letter_put_back", .set_up = with_letters, .act = puts_back},
    {.name = "weft__core_dispatch, key", .set_up = with_keys, .act = dispatches_with_a_key},
    {.name = "weft__core_dispatch, repeat of what is open", .set_up = with_dispatched_key, .act = repeats},
    {.name = "weft__core_dispatch, repeat of what has ended", .set_up = with_an_ended_key, .act = repeats},
    {.name = "weft__core_channel_declare", .set_up = with_channels, .act = declares},
    {.name = "weft__core_template_declare", .set_up = with_templates, .act = declares_template},
    {.name = "weft__core_session_attach", .set_up = with_sessions, .act = attaches},
    {.name = "weft__core_worker_register", .set_up = with_workers, .act = registers},
    {.name = "weft__core_worker_register, name made", .set_up = with_workers, .act = registers_without_a_name},
    {.name = "weft__core_worker_register, types", .set_up = with_workers, .act = registers_with_types},
    {.name = "weft__core_worker_register, group", .set_up = with_workers, .act = registers_in_a_group},
    {.name = "weft__core_worker_register, least loaded", .set_up = with_loaded_workers, .act = registers_in_a_group},
    {.name = "weft__core_worker_register, sticky", .set_up = with_sticky_workers, .act = registers_with_types},
    {.name = "weft__core_worker_register, sticky, group", .set_up = with_sticky_workers, .act = registers_in_a_group},
    {.name = "weft__core_worker_register, template",
     .set_up = with_template,
     .act = registers_with_types,
     .undoes = true},
    {.name = "weft__core_dispatch", .set_up = with_dispatches, .act = dispatches},
    {.name = "weft__core_dispatch, new type", .set_up = with_dispatches, .act = dispatches_a_new_type},
    {.name = "weft__core_dispatch, redispatch and times", .set_up = with_dispatches, .act = dispatches_with_everything},
    {.name = "weft__core_dispatch, streams", .set_up = with_dispatches, .act = dispatches_and_listens},
    {.name = "weft__core_dispatch, to a worker", .set_up = with_sticky_and_busy, .act = dispatches_with_everything},
    {.name = "weft__core_dispatch, shedding", .set_up = with_full_queue, .act = dispatches_urgently},
    {.name = "weft__core_notes_open", .set_up = with_workers, .act = opens_notes},
    {.name = "weft__core_subscribe", .set_up = with_subscribers, .act = subscribes},
    {.name = "weft__core_subscribe, pattern", .set_up = with_patterns, .act = subscribes_by_pattern},
    {.name = "weft__core_subscribe, template", .set_up = with_event_template, .act = subscribes, .undoes = true},
    {.name = "weft__core_publish, to new subscribers", .set_up = with_subscribers, .act = publishes},
    {.name = "weft__core_publish, to new patterns", .set_up = with_patterns, .act = publishes},
    {.name = "weft__core_publish, to those who have some", .set_up = with_waiting_events, .act = publishes},
    {.name = "weft__core_publish, template", .set_up = with_event_template, .act = publishes, .undoes = true},
};

/* Every step up to 40 grows something: tables of 8 and 16, chunks of 32 records. */
enum { FILLED_MAX = 40 };

static void begin(const struct swept *entry, int filled)
{
    check_eq(world_open(NULL), 0);
    entry->set_up(filled);
    whatever();
}

static void end(void)
{
    failmem_fail_once(&world.failmem, 0);
    whatever();
    check_eq(world_close(NULL), 0);
}

/* The digest of the world after the entry, and the bytes of it, where nothing is refused. */
static void unhurt(const struct swept *entry, int filled, uint64_t *digest, uint64_t *bytes)
{
    begin(entry, filled);
    entry->act();
    *digest = audit_digest(world.core);
    *bytes = world.failmem.live_bytes;
    end();
}

/* Whether there was an nth request to refuse. */
static bool refuse_nth(const struct swept *entry, int filled, uint64_t nth, uint64_t digest_after, uint64_t bytes_after)
{
    begin(entry, filled);
    uint64_t digest = audit_digest(world.core);
    failmem_fail_once(&world.failmem, nth);
    maybe(entry->act());
    bool refused = world.failmem.refused > 0;
    if (refused) {
        check_eq(world.error, WEFT_ENOMEM);
        check_eq(audit_digest(world.core), digest);
        nothing_happens();
        uint64_t blocks = world.failmem.live_blocks, bytes = world.failmem.live_bytes;
        for (int again = 0; again < 3; again++) {
            failmem_fail_from(&world.failmem, 1);
            maybe(entry->act());
            check_eq(world.error, WEFT_ENOMEM);
            check_eq(world.failmem.live_blocks, blocks);
            check_eq(world.failmem.live_bytes, bytes);
        }
        failmem_fail_once(&world.failmem, 0);
        entry->act();
    }
    check_eq(world.error, WEFT_OK);
    if (!entry->undoes) check_eq(audit_digest(world.core), digest_after);
    check_eq(world.failmem.live_bytes, bytes_after);
    end();
    return refused;
}

static void entry_refused_any_of_its_memory_has_changed_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(entries) / sizeof(*entries); i++) {
        uint64_t requests = 0;
        for (int filled = 0; filled <= FILLED_MAX; filled++) {
            uint64_t digest, bytes, nth = 1;
            unhurt(&entries[i], filled, &digest, &bytes);
            while (refuse_nth(&entries[i], filled, nth, digest, bytes))
                nth++;
            requests += nth - 1;
        }
        print_message("%s: %llu requests refused\n", entries[i].name, (unsigned long long)requests);
        check_true(requests > 0);
    }
}

/* A set-up as above, refused all memory before the entry: what it had made stays as it was, to the end. */
static void entry_refused_all_memory_can_be_followed_by_the_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(entries) / sizeof(*entries); i++)
        for (uint64_t nth = 1; nth <= 12; nth++) {
            begin(&entries[i], 32);
            failmem_fail_from(&world.failmem, nth);
            maybe(entries[i].act());
            end();
        }
}

static void core_refused_its_memory_is_none(void **state)
{
    (void)state;
    static const struct core_limits limits = {1, 1, 1, 1, 1, 1, 1, 0, 0, 0};
    struct failmem failmem;
    failmem_init(&failmem);
    failmem_fail_once(&failmem, 1);
    check_true(weft__core_new(&failmem.mem, &limits, 0) == NULL);
    check_eq(failmem.live_blocks, 0);
    failmem_fail_once(&failmem, 2);
    struct core *core = weft__core_new(&failmem.mem, &limits, 0);
    check_true(core != NULL);
    check_eq(failmem.refused, 0);
    weft__core_free(core);
    weft__core_free(NULL);
    check_eq(failmem.live_blocks, 0);
}

/* --- entries that ask for none ---------------------------------------------------------------- */

static void no_more_memory(void)
{
    failmem_fail_from(&world.failmem, 1);
}

static void none_was_asked_for(void)
{
    check_eq(world.failmem.allocations, 0);
    whatever();
}

spec(life_of_what_was_admitted_asks_for_no_memory)
{
    channel("dispatch.media.resize", .on_crash = WEFT_CRASH_REDISPATCH, .redispatch_wait_ms = 10, .cancel_grace_ms = 5,
            .attempts_max = 16);
    group("g", 2);
    attach("s1");
    session("s2");
    session("caller");
    box("mine");
    worker("w1", .of = "s1", .capacity = 4);
    worker("w2", .of = "s2", .group = "g", .types = {"x"}, .capacity = 4);
    worker("w3", .group = "g", .types = {"x", "y"}, .capacity = 4);
    for (int i = 0; i < 8; i++)
        dispatch(numbered("x", i), .type = "x", .to = i % 2 ? "mine" : NULL);
    for (int i = 0; i < 8; i++)
        dispatch(numbered("n", i), .by = "caller", .detached = i == 7);
    dispatch("beats", .type = "y", .heartbeat_ms = 50);
    dispatch("late", .schedule_to_start_ms = 3);
    open_notes();

    no_more_memory();
    list("*.*.*");
    would(.type = "never heard of");
    why("x7");
    arm("s1");
    check_true(wait_idle("idle", "w1"));
    check_true(wait_room("room"));
    check_true(wait_quiet("quiet"));
    check_true(wait_for_tasks("tasks"));
    sleep_until_due("sleeper");
    take_up_to(2, "g");
    take_up_to(4, "w1");
    gives(WEFT_EAGAIN, drain_channel("drained"));
    resume_channel();
    pause_channel();
    resume_channel();
    limit_group("g", 4);
    limit_group("g", 1);
    listen_to("x0#1");
    cancel("x0");
    cancel("x7");
    give_back("x1#1");
    at(4);
    acknowledge("x0#1");
    abandon("x2#1");
    fire("s2");
    at(20);
    limit_group("g", 8);
    maybe(take("g"));
    fire("caller");
    drain_worker("w3");
    unregister("w1");
    close_box("mine");
    check_true(channel_now().name[0] != '\0');
    gives(WEFT_EAGAIN, fetch_or_wait("n7", "fetcher"));
    weft__core_session_hold(world.core, handle_of("s2"));
    release("s2");
    close_node();
    settle_all();
    fetch("n7");
    at(1000);
    check_eq(stats_now().dispatches_open, 0);
    what_happened();
    none_was_asked_for();
}

spec(results_beats_moves_and_ends_ask_for_no_memory)
{
    channel("dispatch.media.resize", .policy = WEFT_STICKY, .on_crash = WEFT_CRASH_REDISPATCH, .overlapping = true);
    session("s1");
    worker("w1", .capacity = 9);
    worker("w2", .of = "s1", .handled = true, .capacity = 9);
    worker("w3", .handled = true, .capacity = 9);
    for (int i = 0; i < 12; i++)
        dispatch(numbered("a", i), .heartbeat_ms = i == 3 ? 40 : 0);
    whatever();

    no_more_memory();
    weft__core_move(world.core, destination("w3"), destination("w2"));
    maybe(take_up_to(9, "w1"));
    while (destination("w2")->items_count > 0)
        take_up_to(9, "w2");
    at(10);
    for (int i = 0; i < 12; i++) {
        char name[16];
        snprintf(name, sizeof(name), "a%d#1", i);
        if (!holds(name)) continue;
        beat(name);
        if (i % 4 == 0) maybe(complete(name));
        if (i % 4 == 1) maybe(fail_with(name, "no"));
        if (i % 4 == 2) maybe(abandon(name));
    }
    fire("s1");
    at(100);
    unregister("w1");
    unregister("w3");
    none_was_asked_for();
}

spec(what_comes_of_calls_and_of_tasks_of_the_node_asks_for_no_memory)
{
    uplink();
    mirror("dispatch.media.resize");
    group("g", 2);
    session("s1");
    session("caller");
    box("mine");
    worker("w1", .capacity = 9);
    worker("w2", .of = "s1", .capacity = 9);
    worker("w3", .group = "g", .capacity = 9);
    for (int i = 0; i < 8; i++)
        call(numbered("c", i), .by = i % 2 ? "caller" : NULL, .to = i % 4 ? "mine" : NULL, .window = i % 4 ? 2 : 0);
    for (int i = 0; i < 12; i++)
        hand(numbered("a", i), numbered("w", i % 3 + 1), .timed = i % 4 == 0, .window = 2);
    whatever();

    no_more_memory();
    for (int i = 0; i < 8; i++)
        send_one();
    told_part("c5", 1, 1, "x");
    told_restart("c5", 2);
    told_progress("c5", 2, "half");
    look_into("mine");
    cancel("c2");
    answer("c0", WEFT_COMPLETED);
    for (int i = 0; i < 4; i++) {
        maybe(take_up_to(9, "w1"));
        maybe(take_up_to(9, "w2"));
        maybe(take_up_to(9, "g"));
    }
    maybe(partial("a0#1", "x"));
    maybe(progress("a1#1", "half"));
    maybe(complete_inside("a2#1"));
    give_back("a5#1", "a11#1");
    call_off("a3#1");
    send();
    make_room("a0#1", 1);
    fire("s1");
    fire("caller");
    unregister("w1");
    limit_group("g", 1);
    return_from("a2#1");
    unregister("w3");
    send();
    lose_node();
    close_box("mine");
    close_node();
    settle_all();
    send();
    close_wire();
    none_was_asked_for();
}

spec(what_comes_and_goes_in_lines_asks_for_no_memory)
{
    channel(DONE);
    channel("dispatch.media.resize", .on_crash = WEFT_CRASH_REDISPATCH);
    far_session("s1");
    far_session("s2");
    worker("w1", .of = "s1", .far = true, .capacity = 6);
    worker("w2", .of = "s2", .far = true, .capacity = 6);
    subscribe("s", .to = DONE, .far = "s1", .told = true);
    for (int i = 0; i < 14; i++)
        dispatch(numbered("a", i), .by = "s2", .number = 1 + (uint64_t)i, .window = 2, .credit = true,
                 .start_to_close_ms = i % 4 ? 0 : 40);
    publish("e", .on = DONE);
    whatever();

    no_more_memory();
    deliver_up_to(4, "s1");
    deliver_up_to(4, "s2");
    detach("s2");
    backlog("s1");
    unbar("s1");
    for (int i = 0; i < 14; i++) {
        const char *task = numbered("a", i);
        char name[16];
        snprintf(name, sizeof name, "%s#1", task);
        if (!holds(name)) continue;
        enters(name);
        maybe(partial(name, "part"));
        maybe(progress(name, "half"));
        deliver("s2");
        room_for(1, task);
        if (i % 3 == 0) maybe(complete_inside(name));
        if (i % 3 == 1) cancel(task);
    }
    deliver("s1");
    unbar("s2");
    at(100);
    unregister("w1");
    fire("s2");
    delete_channel();
    deliver("s1");
    close_line("s2");
    close_node();
    settle_all();
    deliver("s1");
    none_was_asked_for();
}

spec(letters_and_keys_that_were_admitted_ask_for_no_memory)
{
    channel("dispatch.media.dead", .depth_max = 2);
    channel("dispatch.media.resize", .dead_letter = "dispatch.media.dead", .on_crash = WEFT_CRASH_REDISPATCH,
            .attempts_max = 2, .dedup_ms = 50, .bytes_max = 4000);
    session("s1");
    session("s2");
    session("caller");
    worker("w1", .of = "s1", .capacity = 8);
    worker("w2", .of = "s2", .capacity = 8);
    for (int i = 0; i < 8; i++)
        dispatch(numbered("a", i), .once = i % 2 ? numbered("k", i / 2) : NULL, .start_to_close_ms = i == 3 ? 5 : 0,
                 .by = i % 3 ? "caller" : "host", .detached = i == 5);
    for (int i = 0; i < 40; i++)
        dispatch(numbered("b", i), .once = "k0");
    take_up_to(4, "w1");
    for (int i = 0; i < 4; i++)
        maybe(take_up_to(4, "w2"));

    no_more_memory();
    cancel("a1");
    at(5);
    complete("k3#1");
    fire("s1");
    maybe(take_up_to(8, "w2"));
    fire("caller");
    fire("s2");
    at(30);
    on("dispatch.media.dead");
    read_letters();
    fetch_letter("");
    check_true(channel_now().letters_dropped > 0);
    at(1000);
    on("dispatch.media.resize");
    close_node();
    settle_all();
    at(2000);
    check_eq(channel_now().keys, 0);
    check_eq(stats_now().dispatches_open, 0);
    none_was_asked_for();
}

spec(what_tasks_say_asks_for_no_memory)
{
    channel("dispatch.media.resize", .on_crash = WEFT_CRASH_REDISPATCH);
    session("s1");
    worker("w1", .of = "s1", .capacity = 4);
    box("mine");
    for (int i = 0; i < 4; i++)
        dispatch(numbered("a", i), .to = "mine", .window = 3, .heartbeat_ms = 20, .detached = i == 3);
    worker("w2", .capacity = 4);

    no_more_memory();
    while (destination("w1")->items_count > 0)
        take("w1");
    for (int i = 0; i < 4; i++) {
        char task[16];
        snprintf(task, sizeof task, "a%d#1", i);
        for (int n = 0; n < 4; n++) {
            progress(task, "far");
            maybe(partial_or_wait(task, "part", i == 3 ? "x" : NULL));
        }
    }
    at(10);
    fire("s1");
    while (destination("w2")->items_count > 0)
        take("w2");
    progress("a0#2", "far");
    partial("a1#2", "part");
    complete("a1#2");
    look_into("mine");
    for (int n = 0; n < 4; n++)
        maybe(partial_or_wait("a3#2", "part", n == 3 ? "y" : NULL));
    close_box("mine");
    partial("a3#2", "unheard");
    settle_all();
    none_was_asked_for();
}

spec(deleting_and_forgetting_asks_for_no_memory)
{
    static const weft_policy policies[] = {WEFT_ROUND_ROBIN, WEFT_LEAST_LOADED, WEFT_STICKY};
    weft_death deaths[WEFT_DEATHS_KEPT];
    weft_channel_info info;
    uint64_t cursor = 0;
    size_t count;
    group("g", 1);
    for (int i = 0; i < 3; i++) {
        channel(numbered("dispatch.media.c", i), .policy = policies[i]);
        session(numbered("s", i));
        worker(numbered("v", i), .of = numbered("s", i), .types = {"x", "y"}, .capacity = 40);
        worker(numbered("w", i), .group = "g", .types = {"z"});
    }

    no_more_memory();
    check_ok(weft__core_channel_deaths(world.core, "dispatch.media.c0", deaths, WEFT_DEATHS_KEPT, &count));
    while (weft__core_channel_next(world.core, world_now_ns(), "*.*.*", &cursor, &info))
        ;
    for (int i = 0; i < 3; i++) {
        on(numbered("dispatch.media.c", i));
        fire_of(numbered("s", i), WEFT_CAUSE_SIGNALED, 11);
        release(numbered("s", i));
        check_ok(weft__core_channel_deaths(world.core, numbered("dispatch.media.c", i), deaths, 1, &count));
        check_eq(count, 1);
        delete_channel();
        forget(numbered("v", i));
        forget(numbered("w", i));
    }
    remove_group("g");
    check_eq(stats_now().channels, 0);
    check_eq(stats_now().workers, 0);
    none_was_asked_for();
}

spec(hearing_and_ends_of_subscriptions_ask_for_no_memory)
{
    channel("event.media.gone");
    channel(DONE);
    group("g", 1);
    session("p");
    subscribe("pulls", .items_max = 3);
    subscribe("called", .group = "g", .told = true);
    subscribe("cut", .slow = WEFT_DISCONNECT, .items_max = 5);
    subscribe("dies", .of = "p");
    subscribe("all", .to = "event.*.*", .group = "g", .told = true);
    subscribe("gone", .to = "event.media.gone", .group = "g", .told = true);
    for (int i = 0; i < 5; i++)
        publish("e");
    publish("x", .on = "event.media.gone");

    no_more_memory();
    at(50);
    publish("e"); /* evicts, cuts off, and finds room */
    check_true(!wait_for_events("w", "pulls"));
    take_events_up_to(2, "pulls");
    take_events("pulls");
    check_true(wait_for_events("w", "pulls"));
    for (int i = 0; i < 4; i++)
        turn("g");
    begin_turn("g");
    fire("p");
    maybe(take_events("dies"));
    unsubscribe("dies");
    forget_subscription("dies");
    on("event.media.gone");
    delete_channel();
    unsubscribe("pulls");
    check_true(subscription_now("all").items > 0);
    check_eq(subscription_now("cut").ended, WEFT_ESLOW);
    close_node();
    settle_all();
    check_true(wait_quiet("quiet"));
    none_was_asked_for();
    failmem_fail_once(&world.failmem, 0);
    end_turn("all");
    maybe(turn("g"));
    whatever();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entry_refused_any_of_its_memory_has_changed_nothing),
        cmocka_unit_test(entry_refused_all_memory_can_be_followed_by_the_end),
        cmocka_unit_test(core_refused_its_memory_is_none),
        promised(life_of_what_was_admitted_asks_for_no_memory),
        promised(results_beats_moves_and_ends_ask_for_no_memory),
        promised(what_comes_of_calls_and_of_tasks_of_the_node_asks_for_no_memory),
        promised(what_comes_and_goes_in_lines_asks_for_no_memory),
        promised(letters_and_keys_that_were_admitted_ask_for_no_memory),
        promised(what_tasks_say_asks_for_no_memory),
        promised(deleting_and_forgetting_asks_for_no_memory),
        promised(hearing_and_ends_of_subscriptions_ask_for_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
