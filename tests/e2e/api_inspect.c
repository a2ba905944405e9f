/* Seeing inside a node, through the public interface:
 *
 *   - a listing tells channels by name, what waits there, its workers in the order of registration, deaths and latencies;
 *     it is all its own, and outlives the node
 *   - its document, and that of why, match their schemas, which take nothing else
 *   - while threads dispatch, register and die, no listing contradicts itself, and no counter goes backwards
 *   - short of memory it says so, and nothing is left of it
 */
#include <signal.h>
#include <sys/wait.h>

#include "api_lib.h"

static pid_t start_child(void)
{
    pid_t pid = fork();
    check_true(pid >= 0);
    if (pid == 0) {
        for (;;)
            pause();
    }
    return pid;
}

static void end_child(pid_t pid)
{
    check_eq(kill(pid, SIGKILL), 0);
    check_eq(waitpid(pid, NULL, 0), pid);
}

static const weft_channel_listing *channel_of(const weft_listing *listing, const char *name)
{
    for (size_t i = 0; i < listing->channels_count; i++)
        if (strcmp(listing->channels[i].info.name, name) == 0) return &listing->channels[i];
    return NULL;
}

static weft_listing *inspect(weft_node *node, const char *pattern)
{
    weft_listing *listing;
    check_ok(weft_node_inspect(node, pattern, &listing));
    return listing;
}

/* --- a busy node ------------------------------------------------------------------------------ */

struct scene {
    weft_node *node;
    weft_group *group;
    weft_participant *process;
    weft_worker *halted, *puller, *inlined, *owned, *lost;
    weft_completions *completions;
    weft_subscription *subscription;
    struct stop stop;
    struct event died;
    pid_t living, dead;
};

static void died(const weft_node_event *event, void *context)
{
    if (event->kind == WEFT_NODE_WORKER_LOST) event_give(context);
}

/* One handler that runs, one task that a puller holds, some that wait, one worker that has died, counters of all
 * kinds. */
static void set_the_scene(struct scene *scene)
{
    const char *types[] = {"resize", "thumbnail"};
    weft_hooks hooks = {.event = died, .context = &scene->died};
    weft_node_options options = WEFT_NODE_OPTIONS;
    weft_group_options group = WEFT_GROUP_OPTIONS;
    weft_channel_options bounded = WEFT_CHANNEL_OPTIONS;
    options.hooks = &hooks;
    memset(scene, 0, sizeof *scene);
    check_ok(weft_node_open(&options, &scene->node));
    check_ok(weft_channel_declare(scene->node, CHANNEL, NULL));
    bounded.depth_max = 2;
    bounded.no_worker = WEFT_NO_WORKER_REJECT;
    bounded.on_crash = WEFT_CRASH_REDISPATCH;
    bounded.policy = WEFT_LEAST_LOADED;
    bounded.start_to_close_ms = 60000;
    check_ok(weft_channel_declare(scene->node, OTHER, &bounded));
    check_ok(weft_channel_declare(scene->node, "event.test.done", NULL));
    check_ok(weft_subscribe(scene->node, "event.test.*", NULL, NULL, NULL, &scene->subscription));
    check_ok(weft_publish(scene->node, "event.test.done", WEFT_TEXT("x"), NULL, NULL));
    group.name = "media";
    group.threads = 1;
    check_ok(weft_group_open(scene->node, &group, &scene->group));

    weft_worker_options o = WEFT_WORKER_OPTIONS;
    o.name = "halted";
    o.group = scene->group;
    o.max_concurrent = dialled() ? 1 : 3; /* over a wire what waits here for its group's one thread is assigned, too */
    o.activity_types = types;
    o.activity_types_count = 2;
    check_ok(weft_worker_register(scene->node, CHANNEL, halt, &scene->stop, &o, &scene->halted));
    o = (weft_worker_options){WEFT_WORKER_OPTIONS_VALUES};
    o.flags = WEFT_OWNER_THREAD;
    check_ok(weft_worker_register(scene->node, CHANNEL, NULL, NULL, &o, &scene->owned));
    check_ok(weft_worker_drain(scene->owned, 0));
    o.flags = WEFT_INLINE;
    check_ok(weft_worker_register(scene->node, OTHER, echo, NULL, &o, &scene->inlined));
    scene->living = start_child();
    check_ok(weft_participant_process(scene->node, NULL, scene->living, 0, &scene->process));
    o = (weft_worker_options){WEFT_WORKER_OPTIONS_VALUES};
    o.name = "puller";
    o.participant = scene->process;
    check_ok(weft_worker_register(scene->node, CHANNEL, NULL, NULL, &o, &scene->puller));
    scene->dead = start_child();
    weft_participant *short_lived;
    check_ok(weft_participant_process(scene->node, "short-lived", scene->dead, 0, &short_lived));
    o.name = "lost";
    o.participant = short_lived;
    check_ok(weft_worker_register(scene->node, OTHER, NULL, NULL, &o, &scene->lost));
    weft_participant_release(short_lived);
    end_child(scene->dead);
    event_await(&scene->died, 1);
    while (info_of(scene->node, OTHER).workers > 1) /* a client node tells its node of it */
        check_true(dialled());

    check_ok(weft_completions_open(scene->node, 100, &scene->completions));
    weft_dispatch_options d = WEFT_DISPATCH_OPTIONS;
    for (int i = 0; i < 5; i++) {
        d.activity_type = i < 3 ? types[0] : types[1];
        d.priority = i == 2 ? WEFT_PRIORITY_URGENT : WEFT_PRIORITY_NORMAL;
        check_ok(weft_dispatch_submit(scene->completions, CHANNEL, WEFT_TEXT("x"), &d, (uint64_t)i, NULL));
    }
    event_await(&scene->stop.began, 1);
    weft_reply reply = dispatch(scene->node, OTHER, "inline");
    check_reply_text(&reply, "inline");
    d = (weft_dispatch_options){WEFT_DISPATCH_OPTIONS_VALUES};
    check_ok(weft_channel_pause(scene->node, OTHER));
    check_ok(weft_dispatch_submit(scene->completions, OTHER, WEFT_TEXT("x"), &d, 7, NULL));
    check_ok(weft_dispatch_submit(scene->completions, OTHER, WEFT_TEXT("x"), &d, 8, NULL));
    check_refused(scene->completions, OTHER, "x", &d, "queue_full");
}

static void clear_the_scene(struct scene *scene)
{
    event_give(&scene->stop.go_on);
    check_ok(weft_completions_close(scene->completions));
    check_ok(weft_unsubscribe(scene->subscription));
    weft_worker *workers[] = {scene->halted, scene->owned, scene->inlined, scene->puller, scene->lost};
    for (size_t i = 0; i < sizeof workers / sizeof *workers; i++)
        check_ok(weft_worker_unregister(workers[i]));
    weft_participant_release(scene->process);
    check_ok(weft_group_close(scene->group));
    check_ok(weft_node_close(scene->node, WEFT_FOREVER));
    end_child(scene->living);
}

static uint64_t sum(const uint64_t *buckets)
{
    uint64_t all = 0;
    for (int i = 0; i < WEFT_LATENCY_BUCKETS; i++)
        all += buckets[i];
    return all;
}

static void listing_tells_what_there_is(void **state)
{
    (void)state;
    struct scene scene;
    const bool here =
        !dialled(); /* else its node tells of what has no participants, groups and threads but the client */
    set_the_scene(&scene);
    weft_listing *listing = inspect(scene.node, NULL);
    check_eq(listing->channels_count, 3);
    check_str(listing->channels[0].info.name, OTHER);
    check_str(listing->channels[1].info.name, CHANNEL);
    check_str(listing->channels[2].info.name, "event.test.done");
    check_true(listing->listed_wall_ns > 1700000000000000000);
    check_eq(listing->stats.deaths, here ? 1 : 0);
    check_eq(listing->stats.channels, 3);

    const weft_channel_listing *work = channel_of(listing, CHANNEL);
    check_eq(work->workers_count, 3);
    check_eq(work->info.workers, 3);
    const weft_worker_listing *halted = &work->workers[0], *owned = &work->workers[1], *puller = &work->workers[2];
    check_str(halted->info.name, "halted");
    check_str(halted->group, here ? "media" : NULL);
    check_eq(halted->activity_types_count, 2);
    check_str(halted->activity_types[0], "resize");
    check_str(halted->activity_types[1], "thumbnail");
    check_eq(halted->info.in_flight, 1);
    check_eq(halted->info.link, here ? WEFT_LINK_NODE : WEFT_LINK_SESSION);
    check_eq(owned->info.state, WEFT_WORKER_DRAINING);
    check_eq(owned->info.link, here ? WEFT_LINK_THREAD : WEFT_LINK_SESSION);
    check_eq(owned->info.watched, here ? gettid() : getpid());
    check_eq(puller->info.link, here ? WEFT_LINK_PROCESS : WEFT_LINK_SESSION);
    check_eq(puller->info.watched, here ? scene.living : getpid());
    check_true(!puller->group && puller->activity_types_count == 0);
    check_eq(puller->info.in_flight, 1);

    check_eq(work->info.queued, 3);
    check_eq(work->queues_count, 2);
    check_str(work->queues[0].activity_type, "resize");
    check_eq(work->queues[0].queued[WEFT_PRIORITY_URGENT - 1], 1);
    check_str(work->queues[1].activity_type, "thumbnail");
    check_eq(work->queues[1].queued[WEFT_PRIORITY_NORMAL - 1], 2);
    check_true(work->queues[1].head_wait_ns[WEFT_PRIORITY_NORMAL - 1] > 0);
    check_eq(work->queues[1].head_wait_ns[WEFT_PRIORITY_LOW - 1], 0);

    const weft_channel_listing *other = channel_of(listing, OTHER);
    check_eq(other->info.state, WEFT_CHANNEL_PAUSED);
    check_eq(other->options.depth_max, 2);
    check_eq(other->info.rejected_by[WEFT_REJECTED_QUEUE_FULL], 1);
    check_eq(other->queues_count, 1);
    check_true(!other->queues[0].activity_type);
    check_eq(other->deaths_count, here ? 1 : 0);
    if (here) check_str(other->deaths[0].participant, "short-lived");
    if (here) check_eq(other->deaths[0].cause.kind, WEFT_CAUSE_SIGNALED);
    check_eq(sum(other->latency.queue), 1);
    check_eq(sum(other->latency.run), 1);
    check_eq(other->workers_count, 1);

    check_eq(listing->subscriptions_count, 1);
    check_str(listing->subscriptions[0].pattern, "event.test.*");
    check_eq(listing->subscriptions[0].items, here ? 1 : 0); /* else it waits at the client */
    check_eq(listing->subscriptions[0].ended, WEFT_OK);

    weft_listing *some = inspect(scene.node, "dispatch.*.o*");
    check_eq(some->channels_count, 1);
    check_eq(some->subscriptions_count, 0);
    check_str(some->channels[0].info.name, OTHER);
    check_eq(some->channels[0].workers_count, 1);
    weft_listing_release(some);
    some = inspect(scene.node, "dispatch.none.*");
    check_eq(some->channels_count, 0);
    weft_listing_release(some);

    weft_latency latency;
    check_ok(weft_channel_latency_get(scene.node, OTHER, &latency));
    check_eq(sum(latency.queue), 1);
    clear_the_scene(&scene);
    check_str(work->workers[0].info.name, "halted"); /* it outlives the node */
    check_str(work->queues[0].activity_type, "resize");
    weft_listing_release(listing);
}

static void worker_is_told_of_with_its_link_and_when_it_was_seen(void **state)
{
    (void)state;
    weft_worker_info info;
    weft_worker_options o = WEFT_WORKER_OPTIONS;
    weft_node *node = open_node();
    check_ok(weft_participant_declare(node, "robot", &o.participant));
    weft_worker *worker;
    weft_task *task;
    check_ok(weft_worker_register(node, CHANNEL, NULL, NULL, &o, &worker));
    check_ok(weft_worker_info_get(worker, &info));
    check_eq(info.link, WEFT_LINK_DECLARED);
    check_eq(info.watched, 0);
    check_ok(weft_dispatch_async(node, CHANNEL, WEFT_TEXT("x"), NULL, NULL, NULL, 0, NULL));
    weft_worker_info later;
    check_ok(weft_worker_info_get(worker, &later));
    check_true(dialled() || later.last_seen_ns >= info.last_seen_ns); /* its client has taken the task for it already */
    struct timespec pause = {.tv_nsec = 3000000};
    nanosleep(&pause, NULL);
    check_ok(weft_worker_next(worker, WEFT_FOREVER, &task));
    check_ok(weft_worker_info_get(worker, &info));
    nanosleep(&pause, NULL);
    check_ok(weft_worker_info_get(worker, &later));
    check_true(later.last_seen_ns >= info.last_seen_ns + 3000000);
    check_ok(weft_task_complete(task, WEFT_TEXT("")));
    check_ok(weft_worker_unregister(worker));
    weft_participant_release(o.participant);
    check_ok(weft_node_close(node, WEFT_FOREVER));
}

/* What one worker's entry shares with that of the one before it must not be mixed up with what only looks like it. */
static void listing_tells_each_workers_own_types_and_group(void **state)
{
    (void)state;
    static const char *const kinds[][3] = {{"a", "bc"}, {"ab", "c"}, {"ab", "c"}, {"a", "b", "c"},
                                           {"a"},       {"ab"},      {NULL},      {"a", "bc"}};
    enum { KINDS = sizeof kinds / sizeof *kinds };
    weft_worker *workers[KINDS];
    weft_node *node = open_node();
    weft_group_options g = WEFT_GROUP_OPTIONS;
    weft_group *group;
    g.name = "media";
    g.threads = 0;
    check_ok(weft_group_open(node, &g, &group));
    for (int i = 0; i < KINDS; i++) {
        weft_worker_options o = WEFT_WORKER_OPTIONS;
        o.activity_types = kinds[i];
        while (o.activity_types_count < 3 && kinds[i][o.activity_types_count])
            o.activity_types_count++;
        o.group = i % 3 == 1 ? group : NULL;
        check_ok(weft_worker_register(node, CHANNEL, i % 3 ? echo : NULL, NULL, &o, &workers[i]));
    }
    weft_listing *listing = inspect(node, NULL);
    check_eq(listing->channels[0].workers_count, KINDS);
    for (int i = 0; i < KINDS; i++) {
        const weft_worker_listing *worker = &listing->channels[0].workers[i];
        size_t count = 0;
        for (; count < 3 && kinds[i][count]; count++)
            check_str(worker->activity_types[count], kinds[i][count]);
        check_eq(worker->activity_types_count, count);
        if (!dialled()) check_str(worker->group, i % 3 == 1 ? "media" : i % 3 == 2 ? "weft-default" : NULL);
        if (dialled()) check_str(worker->group, NULL);
    }
    weft_listing_release(listing);
    for (int i = 0; i < KINDS; i++)
        check_ok(weft_worker_unregister(workers[i]));
    check_ok(weft_group_close(group));
    check_ok(weft_node_close(node, 0));
}

/* More types than a page of queues has room for. */
static void listing_tells_queues_of_more_types_than_a_hold_looks_at(void **state)
{
    (void)state;
    enum { TYPES = 1000 };
    weft_node *node = open_node();
    weft_dispatch_options d = WEFT_DISPATCH_OPTIONS;
    char type[16];
    d.activity_type = type;
    for (int i = 0; i < TYPES; i++) {
        snprintf(type, sizeof type, "t%d", i);
        check_ok(weft_dispatch_async(node, CHANNEL, WEFT_TEXT("x"), &d, NULL, NULL, 0, NULL));
    }
    d.activity_type = NULL;
    check_ok(weft_dispatch_async(node, CHANNEL, WEFT_TEXT("x"), &d, NULL, NULL, 0, NULL));
    weft_listing *listing = inspect(node, NULL);
    check_eq(listing->channels[0].queues_count, TYPES + 1);
    check_true(!listing->channels[0].queues[0].activity_type);
    for (int i = 0; i < TYPES; i++) {
        snprintf(type, sizeof type, "t%d", i);
        check_str(listing->channels[0].queues[i + 1].activity_type, type);
        check_eq(listing->channels[0].queues[i + 1].queued[WEFT_PRIORITY_NORMAL - 1], 1);
    }
    weft_listing_release(listing);
    check_ok(weft_node_close(node, 0));
}

/* --- the documents ---------------------------------------------------------------------------- */

static void write_file(const char *name, const char *text, size_t size)
{
    check_eq(strlen(text), size);
    FILE *file = fopen(name, "w");
    check_true(file && fwrite(text, 1, size, file) == size && fclose(file) == 0);
}

static void check_schema(const char *schema, const char *const *texts, size_t count)
{
    const char *top = getenv("WEFT_TOP");
    char command[4096], files[8][64];
    if (!top) top = ".";
    int used = snprintf(command, sizeof command,
                        "unset LD_PRELOAD; python3 '%s/tests/lib/schema_check.py' '%s/schemas/%s'", top, top, schema);
    for (size_t i = 0; i < count; i++) {
        snprintf(files[i], sizeof files[i], "/tmp/weft-%d-%zu.json", (int)getpid(), i);
        write_file(files[i], texts[i], strlen(texts[i]));
        used += snprintf(command + used, sizeof command - (size_t)used, " '%s'", files[i]);
    }
    int status = system(command);
    for (size_t i = 0; i < count; i++)
        unlink(files[i]);
    check_eq(status, 0);
}

static void listing_document_matches_its_schema_and_nothing_else_does(void **state)
{
    (void)state;
    struct scene scene;
    set_the_scene(&scene);
    weft_node *quiet;
    char *texts[2];
    size_t size;
    weft_listing *listing = inspect(scene.node, NULL);
    check_ok(weft_listing_json(listing, &texts[0], &size));
    check_eq(strlen(texts[0]), size);
    weft_listing_release(listing);
    check_ok(weft_node_open(NULL, &quiet));
    listing = inspect(quiet, NULL);
    check_ok(weft_listing_json(listing, &texts[1], NULL));
    weft_listing_release(listing);
    check_ok(weft_node_close(quiet, 0));
    clear_the_scene(&scene);
    check_schema("listing.schema.json", (const char *const *)texts, 2);
    for (int i = 0; i < 2; i++) {
        check_built_in("listing", texts[i]);
        weft_text_release(texts[i]);
    }
}

static char *why_text(weft_why *why)
{
    char *text;
    size_t size;
    check_ok(weft_why_json(why, &text, &size));
    check_eq(strlen(text), size);
    weft_why_release(why);
    return text;
}

static void why_document_matches_its_schema_and_nothing_else_does(void **state)
{
    (void)state;
    struct scene scene;
    set_the_scene(&scene);
    weft_why why;
    weft_ticket ticket;
    weft_dispatch_options d = WEFT_DISPATCH_OPTIONS;
    char *texts[6];
    check_ok(weft_dispatch_why(scene.node, CHANNEL, NULL, &why));
    texts[0] = why_text(&why);
    d.activity_type = "ocr";
    d.detached = true;
    check_ok(weft_dispatch_submit(scene.completions, CHANNEL, WEFT_TEXT("x"), &d, 0, &ticket));
    check_ok(weft_why_get(scene.node, ticket.id, &why));
    texts[1] = why_text(&why);
    check_ok(weft_dispatch_cancel(scene.node, ticket.id));
    check_ok(weft_why_get(scene.node, ticket.id, &why));
    check_eq(why.standing, WEFT_STANDING_ENDED);
    texts[2] = why_text(&why);
    check_ok(weft_dispatch_why(scene.node, OTHER, NULL, &why));
    check_eq(why.admission, WEFT_ADMISSION_REJECTED);
    texts[3] = why_text(&why);
    weft_task *task;
    check_ok(weft_worker_next(scene.puller, WEFT_FOREVER, &task));
    check_ok(weft_why_get(scene.node, weft_task_dispatch(task), &why));
    check_eq(why.standing, WEFT_STANDING_ASSIGNED);
    texts[4] = why_text(&why);
    check_ok(weft_task_complete(task, WEFT_TEXT("")));
    clear_the_scene(&scene);
    check_schema("why.schema.json", (const char *const *)texts, 5);
    for (int i = 0; i < 5; i++) {
        check_built_in("why", texts[i]);
        weft_text_release(texts[i]);
    }
}

/* --- under fire ------------------------------------------------------------------------------- */

enum { CALLERS = 2, CALLS = 400, HIRES = 60, CHANNELS = 3 };

static const char *const fire_channels[CHANNELS] = {"dispatch.fire.a", "dispatch.fire.b", "dispatch.fire.c"};

struct fire {
    weft_node *node;
    atomic_uint running;
};

static void *fire_caller(void *argument)
{
    struct fire *fire = argument;
    weft_dispatch_options d = WEFT_DISPATCH_OPTIONS;
    d.schedule_to_close_ms = 200;
    for (int i = 0; i < CALLS; i++) {
        weft_reply reply;
        thread_check_ok(weft_dispatch(fire->node, fire_channels[i % CHANNELS], WEFT_TEXT("x"), &d, &reply));
        weft_reply_release(&reply);
    }
    atomic_fetch_sub(&fire->running, 1);
    return NULL;
}

static void *fire_mortal(void *argument)
{
    struct fire *fire = argument;
    weft_worker_options o = WEFT_WORKER_OPTIONS;
    weft_worker *worker;
    weft_task *task;
    o.flags = WEFT_OWNER_THREAD;
    thread_check_ok(weft_worker_register(fire->node, fire_channels[0], NULL, NULL, &o, &worker));
    (void)weft_worker_next(worker, 1, &task); /* and dies with it */
    return worker;
}

static void *fire_hirer(void *argument)
{
    struct fire *fire = argument;
    for (int i = 0; i < HIRES; i++) {
        weft_worker *worker;
        void *mortal;
        pthread_t thread = start(fire_mortal, fire);
        thread_check_ok(weft_worker_register(fire->node, fire_channels[i % CHANNELS], echo, NULL, NULL, &worker));
        thread_check_eq(pthread_join(thread, &mortal), 0);
        thread_check_ok(weft_worker_unregister(worker));
        thread_check_ok(weft_worker_unregister(mortal));
    }
    atomic_fetch_sub(&fire->running, 1);
    return NULL;
}

static void check_consistent(const weft_channel_listing *channel)
{
    const weft_channel_info *i = &channel->info;
    uint64_t ended = i->completed + i->failed + i->worker_died + i->timed_out + i->cancelled + i->shed;
    uint32_t queued = 0;
    for (size_t q = 0; q < channel->queues_count; q++)
        for (int p = 0; p < 4; p++)
            queued += channel->queues[q].queued[p];
    check_eq(queued, i->queued);
    check_eq(sum(channel->latency.queue), ended);
    check_eq(sum(channel->latency.run), i->completed + i->failed);
    check_true(ended + i->queued <= i->dispatched);
    check_true(i->workers_eligible <= i->workers);
    for (size_t w = 0; w < channel->workers_count; w++) {
        const weft_worker_info *worker = &channel->workers[w].info;
        check_true(worker->in_flight <= worker->max_concurrent && worker->orphaned <= worker->in_flight);
        check_true(w == 0 || channel->workers[w - 1].info.id < worker->id);
        check_true(worker->name[0] && worker->participant[0]);
    }
}

static void check_forward(const weft_channel_info *before, const weft_channel_info *after)
{
    check_true(after->dispatched >= before->dispatched && after->completed >= before->completed);
    check_true(after->failed >= before->failed && after->worker_died >= before->worker_died);
    check_true(after->timed_out >= before->timed_out && after->cancelled >= before->cancelled);
    check_true(after->rejected >= before->rejected && after->redispatched >= before->redispatched);
    check_true(after->fenced >= before->fenced && after->deaths >= before->deaths);
}

static void no_listing_contradicts_itself_while_threads_dispatch_register_and_die(void **state)
{
    (void)state;
    struct fire fire = {.running = CALLERS + 1};
    weft_channel_info before[CHANNELS] = {{.name = ""}};
    weft_node_stats stats = {.deaths = 0};
    pthread_t threads[CALLERS + 1];
    check_ok(weft_node_open(NULL, &fire.node));
    weft_worker *standing[CHANNELS];
    for (int i = 0; i < CHANNELS; i++) {
        check_ok(weft_channel_declare(fire.node, fire_channels[i], NULL));
        standing[i] = register_worker(fire.node, fire_channels[i], echo, NULL);
    }
    for (int i = 0; i < CALLERS; i++)
        threads[i] = start(fire_caller, &fire);
    threads[CALLERS] = start(fire_hirer, &fire);
    unsigned rounds = 0;
    for (bool last = false; !last; rounds++) {
        last = atomic_load(&fire.running) == 0;
        weft_listing *listing = inspect(fire.node, NULL);
        check_eq(listing->channels_count, CHANNELS);
        check_true(listing->stats.dispatched >= stats.dispatched && listing->stats.deaths >= stats.deaths);
        stats = listing->stats;
        for (int i = 0; i < CHANNELS; i++) {
            check_consistent(&listing->channels[i]);
            check_forward(&before[i], &listing->channels[i].info);
            before[i] = listing->channels[i].info;
        }
        weft_listing_release(listing);
        weft_why why;
        check_ok(weft_dispatch_why(fire.node, fire_channels[rounds % CHANNELS], NULL, &why));
        check_true(why.sentence[0]);
        weft_why_release(&why);
    }
    for (int i = 0; i < CALLERS + 1; i++)
        join(threads[i]);
    weft_listing *listing = inspect(fire.node, NULL);
    uint64_t dispatched = 0;
    for (int i = 0; i < CHANNELS; i++)
        dispatched += listing->channels[i].info.dispatched;
    check_eq(dispatched, CALLERS * CALLS);
    check_eq(listing->stats.deaths, dialled() ? 0 : HIRES); /* of a participant of the client's own: no death there */
    weft_listing_release(listing);
    for (int i = 0; i < CHANNELS; i++)
        check_ok(weft_worker_unregister(standing[i]));
    check_ok(weft_node_close(fire.node, WEFT_FOREVER));
}

/* --- refusals --------------------------------------------------------------------------------- */

static void arguments_that_are_wrong_are_refused(void **state)
{
    (void)state;
    weft_node *node = open_node();
    weft_listing *listing = NULL;
    weft_why why;
    weft_latency latency;
    char *text;
    check_err(weft_node_inspect(NULL, NULL, &listing), WEFT_EINVAL);
    check_err(weft_node_inspect(node, NULL, NULL), WEFT_EINVAL);
    check_err(weft_node_inspect(node, "no pattern", &listing), WEFT_EINVAL);
    check_true(!listing);
    check_err(weft_listing_json(NULL, &text, NULL), WEFT_EINVAL);
    check_err(weft_why_json(NULL, &text, NULL), WEFT_EINVAL);
    check_err(weft_dispatch_why(node, CHANNEL, NULL, NULL), WEFT_EINVAL);
    check_err(weft_dispatch_why(NULL, CHANNEL, NULL, &why), WEFT_EINVAL);
    check_err(weft_dispatch_why(node, "nonsense", NULL, &why), WEFT_EINVAL);
    check_err(weft_dispatch_why(node, "dispatch.test.none", NULL, &why), WEFT_ENOCHANNEL);
    check_err(weft_why_get(node, (weft_dispatch_id){1, 2}, &why), WEFT_ENOTFOUND);
    check_err(weft_why_get(NULL, (weft_dispatch_id){1, 2}, &why), WEFT_EINVAL);
    check_err(weft_why_get(node, (weft_dispatch_id){1, 2}, NULL), WEFT_EINVAL);
    check_err(weft_channel_latency_get(node, "dispatch.test.none", &latency), WEFT_ENOCHANNEL);
    check_err(weft_channel_latency_get(node, CHANNEL, NULL), WEFT_EINVAL);
    weft_listing_release(NULL);
    weft_why_release(NULL);
    weft_text_release(NULL);
    check_ok(weft_dispatch_why(node, CHANNEL, NULL, &why));
    weft_why_release(&why);
    weft_why_release(&why);
    check_ok(weft_node_close(node, 0));
}

static void words_are_told_for_all_values(void **state)
{
    (void)state;
    check_str(weft_rule_name(WEFT_RULE_ELIGIBLE), "eligible");
    check_str(weft_rule_name(WEFT_RULE_EXECUTOR), "executor");
    check_str(weft_rule_name((weft_rule)77), "none");
    check_str(weft_standing_name(WEFT_STANDING_REQUEST), "request");
    check_str(weft_standing_name(WEFT_STANDING_ENDED), "ended");
    check_str(weft_channel_state_name((weft_channel_state)0), "none");
    check_str(weft_channel_state_name(WEFT_CHANNEL_DRAINED), "drained");
    check_str(weft_worker_state_name(WEFT_WORKER_REMOVED), "removed");
    check_str(weft_policy_name(WEFT_STICKY), "sticky");
    check_str(weft_link_kind_name((weft_link_kind)0), "none");
    check_str(weft_link_kind_name(WEFT_LINK_DECLARED), "declared");
    check_str(weft_node_event_name(WEFT_NODE_MISSED), "missed");
    check_str(weft_node_event_name((weft_node_event_kind)0), "none");
    check_str(weft_log_level_name(WEFT_LOG_INFO), "info");
    check_str(weft_log_level_name((weft_log_level)-1), "none");
}

/* --- short of memory -------------------------------------------------------------------------- */

static struct {
    atomic_ulong live;
    unsigned long fail_at, count;
    bool failing;
} memory;

static void *scarce_alloc(void *context, size_t size)
{
    (void)context;
    if (memory.failing && ++memory.count == memory.fail_at) return NULL;
    void *block = malloc(size);
    if (block) atomic_fetch_add(&memory.live, 1);
    return block;
}

static void scarce_free(void *context, void *block)
{
    (void)context;
    if (block) atomic_fetch_sub(&memory.live, 1);
    free(block);
}

static void short_of_memory_it_says_so_and_leaves_nothing(void **state)
{
    (void)state;
    not_dialled("the session allocates meanwhile, and is refused it, too: tests/fault/wire_sweep.c");
    const weft_allocator allocator = {scarce_alloc, scarce_free, NULL};
    weft_node_options options = WEFT_NODE_OPTIONS;
    weft_node *node;
    weft_listing *listing;
    weft_why why;
    options.allocator = &allocator;
    check_ok(weft_node_open(&options, &node));
    for (int i = 0; i < 20; i++) {
        char name[32];
        snprintf(name, sizeof name, "dispatch.test.c%d", i);
        check_ok(weft_channel_declare(node, name, NULL));
    }
    weft_worker_options o = WEFT_WORKER_OPTIONS;
    const char *types[] = {"x", "y"};
    weft_worker *workers[20];
    o.activity_types = types;
    o.activity_types_count = 2;
    for (int i = 0; i < 20; i++)
        check_ok(weft_worker_register(node, "dispatch.test.c7", NULL, NULL, &o, &workers[i]));
    check_ok(weft_dispatch_async(node, "dispatch.test.c8", WEFT_TEXT("x"), NULL, NULL, NULL, 0, NULL));
    unsigned long live = atomic_load(&memory.live), refused = 0;
    for (int call = 0; call < 2; call++)
        for (memory.fail_at = 1;; memory.fail_at++) {
            memory.count = 0;
            memory.failing = true;
            weft_error error = call ? weft_dispatch_why(node, "dispatch.test.c7", NULL, &why)
                                    : weft_node_inspect(node, NULL, &listing);
            memory.failing = false;
            if (!error && call) weft_why_release(&why);
            if (!error && !call) weft_listing_release(listing);
            check_eq(atomic_load(&memory.live), live);
            if (!error) break;
            check_eq(error, WEFT_ENOMEM);
            refused++;
        }
    check_true(refused >= 10);
    for (int i = 0; i < 20; i++)
        check_ok(weft_worker_unregister(workers[i]));
    check_ok(weft_node_close(node, 0));
    check_eq(atomic_load(&memory.live), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(listing_tells_what_there_is),
        cmocka_unit_test(worker_is_told_of_with_its_link_and_when_it_was_seen),
        cmocka_unit_test(listing_tells_each_workers_own_types_and_group),
        cmocka_unit_test(listing_tells_queues_of_more_types_than_a_hold_looks_at),
        cmocka_unit_test(listing_document_matches_its_schema_and_nothing_else_does),
        cmocka_unit_test(why_document_matches_its_schema_and_nothing_else_does),
        cmocka_unit_test(no_listing_contradicts_itself_while_threads_dispatch_register_and_die),
        cmocka_unit_test(arguments_that_are_wrong_are_refused),
        cmocka_unit_test(words_are_told_for_all_values),
        cmocka_unit_test(short_of_memory_it_says_so_and_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
