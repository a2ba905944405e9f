/* Everything at once, across processes, for as long as you like: SOAK_S seconds (default 4; by hand: make test T=wire_soak
 * SOAK_S=600 TIMEOUT=900). Promises:
 *   - each dispatch has one outcome at its caller, with the payload that it has to have; what is not to run again never does
 *   - memory has no slope: what a node holds when nothing is under way is in the last third of the run not more than in the
 *     middle third; nor its descriptors and threads; and of those who died no session is left
 *   - at the end each process gives back all of its memory
 *
 * There are two nodes: one that lives through the run, and is measured, and one that is killed now and then. Each has
 * callers and workers, over tcp and ipc, through relays and without. It goes in rounds: in each, workers and callers are
 * killed and stopped, connections cut, stalled and throttled, and the second node is started anew; then all that was asked comes
 * to its end. SEED=n again with the same rolls. */
#include "e2e/wire_soak_caller.h"
#include "e2e/wire_soak_worker.h"

enum { NODES = 2, ROUNDS_LEAST = 8, COUNTS = 10, SAMPLES_MAX = 4096, RESUME_MS = 500 };

/* --- a node, in a process of its own -------------------------------------------------------------- */

static void read_letters(weft_node *node)
{
    weft_letter letter;
    thread_check_ok(weft_letters_find(node, letters, see_letter, NULL));
    while (weft_letter_fetch(node, letters, 0, &letter) == WEFT_OK)
        weft_letter_release(&letter);
}

static void declare_channels(weft_node *node)
{
    weft_channel_options options = WEFT_CHANNEL_OPTIONS;
    thread_check_ok(weft_channel_declare(node, news, NULL));
    thread_check_ok(weft_channel_declare(node, letters, NULL));
    options.schedule_to_close_ms = 3000; /* all of its workers may be dead */
    options.cancel_grace_ms = 5;
    thread_check_ok(weft_channel_declare(node, pulled, &options));
    options.dedup_ms = 20;
    options.dedup_max = 8;
    thread_check_ok(weft_channel_declare(node, keyed, &options));
    options.dead_letter = letters;
    thread_check_ok(weft_channel_declare(node, channels[0], &options));
    options.on_crash = WEFT_CRASH_REDISPATCH;
    options.policy = WEFT_LEAST_LOADED;
    options.depth_max = 128;
    options.queue_full = WEFT_SHED_LOWEST;
    thread_check_ok(weft_channel_declare(node, channels[1], &options));
    options.overlapping = true;
    options.policy = WEFT_STICKY;
    thread_check_ok(weft_channel_declare(node, channels[2], &options));
}

static unsigned long long resident_kib(void)
{
    unsigned long long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    thread_check_true(file && fscanf(file, "%*u %llu", &pages) == 1);
    fclose(file);
    return pages * (unsigned long long)sysconf(_SC_PAGESIZE) / 1024;
}

/* When all has come to its end, and nobody is left of those who died. */
static void say_sample(weft_node *node, uint32_t participants)
{
    weft_node_stats stats = stats_of(node);
    uint64_t until_ms = now_ms() + 60000;
    for (; stats.dispatches_open || stats.attempts_running || stats.participants != participants;
         stats = stats_of(node)) {
        if (now_ms() > until_ms) {
            (void)fprintf(stderr, "%u dispatches are open, %u attempts run, %u participants instead of %u\n",
                          stats.dispatches_open, stats.attempts_running, stats.participants, participants);
            thread_check_str("something has come to no end", "all comes to its end");
        }
        usleep(2000);
    }
    read_letters(node);
    say("sample %lld %lld %llu %u %u %llu %llu %llu", (long long)live_bytes, (long long)live_blocks, resident_kib(),
        own_count("fd"), own_count("task"), (unsigned long long)stats.dispatched, (unsigned long long)stats.deaths,
        (unsigned long long)stats.redispatched);
}

/* node IPC_URL */
static int play_node(char **arguments)
{
    weft_node_options node_options = WEFT_NODE_OPTIONS;
    weft_listen_options options = quick(RESUME_MS);
    char line[64], url[WEFT_URL_MAX + 1];
    weft_node *node;
    node_options.allocator = &allocator;
    options.beat_ms = 200;
    thread_check_ok(weft_node_open(&node_options, &node));
    declare_channels(node);
    thread_check_ok(weft_node_listen(node, arguments[0], &options, NULL));
    thread_check_ok(weft_node_listen(node, "tcp://127.0.0.1:0", NULL, url));
    say("%s", url);
    while (hear(line, sizeof line) && strcmp(line, "end")) {
        if (strncmp(line, "measure ", 8) == 0) say_sample(node, (uint32_t)strtoul(line + 8, NULL, 10));
    }
    close_counted(node);
    say("closed");
    return 0;
}

/* --- the cast ------------------------------------------------------------------------------------- */

enum { BY_TCP = 0, BY_IPC = 1 };

struct place {
    struct child child;
    char ipc_url[WEFT_URL_MAX + 1], tcp_url[WEFT_URL_MAX + 1];
    struct relay *relays; /* BY_TCP, BY_IPC */
};

/* Who dials which node, and by which ways. */
struct actor {
    const char *role;
    int node;
    const char *ways; /* t, i: by the relay; I: directly. In that order */
    struct child child;
    bool mortal; /* it may be killed */
};

static struct {
    unsigned state; /* of the rolls */
    char ledger[96];
    struct place places[NODES];
    unsigned long long counts[COUNTS], kills, cuts, restarts, stops;
} stage;

static struct relay relays[NODES][2];
static struct actor cast[] = {{.role = "caller", .ways = "t"},
                              {.role = "caller", .ways = "it"},
                              {.role = "caller", .ways = "I", .mortal = true},
                              {.role = "caller", .node = 1, .ways = "ti"},
                              {.role = "worker", .ways = "t", .mortal = true},
                              {.role = "worker", .ways = "it", .mortal = true},
                              {.role = "worker", .ways = "I", .mortal = true},
                              {.role = "worker", .node = 1, .ways = "i", .mortal = true}};
enum { ACTORS = sizeof cast / sizeof *cast };

static bool is_caller(const struct actor *actor)
{
    return actor->role[0] == 'c';
}

static void start_node(struct place *place)
{
    spawn_role(&place->child, "node", place->ipc_url, NULL);
    const char *url = next_line(&place->child);
    check_true(url != NULL);
    (void)snprintf(place->tcp_url, sizeof place->tcp_url, "%.*s", WEFT_URL_MAX, url);
}

static void start_actor(struct actor *actor)
{
    char urls[3 * WEFT_URL_MAX] = "", number[16], seed[16];
    struct place *place = &stage.places[actor->node];
    for (const char *way = actor->ways; *way; way++) {
        const char *url = *way == 'I' ? place->ipc_url : place->relays[*way == 'i' ? BY_IPC : BY_TCP].url;
        (void)snprintf(urls + strlen(urls), sizeof urls - strlen(urls), "%s%s", *urls ? "," : "", url);
    }
    (void)snprintf(number, sizeof number, "%d", (int)(actor - cast));
    (void)snprintf(seed, sizeof seed, "%u", roll(&stage.state, 1u << 20));
    spawn_role(&actor->child, actor->role, urls, stage.ledger, number, seed, NULL);
}

static void raise_curtain(void)
{
    (void)snprintf(stage.ledger, sizeof stage.ledger, "%s/ledger", scratch);
    for (int n = 0; n < NODES; n++) {
        struct place *place = &stage.places[n];
        place->relays = relays[n];
        new_url(&ipc, place->ipc_url);
        start_node(place);
        open_relay(&place->relays[BY_TCP], &tcp, place->tcp_url);
        open_relay(&place->relays[BY_IPC], &ipc, place->ipc_url);
    }
    for (int i = 0; i < ACTORS; i++)
        start_actor(&cast[i]);
    for (int i = 0; i < ACTORS; i++)
        await_line(&cast[i].child, "ready");
}

/* --- what happens to them ------------------------------------------------------------------------- */

static void kill_child(struct child *child)
{
    check_eq(kill(child->pid, SIGKILL), 0);
    check_eq(reap(child), -SIGKILL);
}

/* Another comes in its place. It may have to wait for its node. */
static void kill_actor(struct actor *actor)
{
    kill_child(&actor->child);
    start_actor(actor);
    await_line(&actor->child, "ready");
    if (is_caller(actor)) tell(&actor->child, "go");
    stage.kills++;
}

static void restart_node(void)
{
    struct place *place = &stage.places[1];
    kill_child(&place->child);
    relay_drop(&place->relays[BY_TCP]);
    relay_drop(&place->relays[BY_IPC]);
    start_node(place);
    relay_aim(&place->relays[BY_TCP], place->tcp_url);
    stage.restarts++;
}

static void stop_actor(struct actor *actor, unsigned ms)
{
    check_eq(kill(actor->child.pid, SIGSTOP), 0);
    usleep(ms * 1000); /* as long as it stands still */
    check_eq(kill(actor->child.pid, SIGCONT), 0);
    stage.stops++;
}

static void disturb_relay(struct relay *relay)
{
    unsigned *state = &stage.state;
    unsigned ms = roll(state, 8) ? 10 + roll(state, 100) : RESUME_MS + 300;
    stage.cuts++;
    switch (roll(state, 4)) {
    case 0: relay_drop(relay); break;
    case 1:
        relay_cut(relay);
        usleep(ms * 1000); /* as long as it is cut */
        relay_mend(relay);
        break;
    case 2:
        relay_stall(relay, roll(state, 2), roll(state, 2));
        usleep(ms * 1000); /* as long as nothing comes through */
        relay_mend(relay);
        break;
    default:
        relay_slow(relay, roll(state, 3), 4096);
        usleep(ms * 1000); /* as long as it is slow */
        relay_slow(relay, 0, 0);
        break;
    }
}

static void disturb(void)
{
    unsigned *state = &stage.state, what = roll(state, 20);
    struct actor *actor = &cast[roll(state, ACTORS)];
    if (what < 8)
        disturb_relay(&stage.places[roll(state, NODES)].relays[roll(state, 2)]);
    else if (what < 13 && actor->mortal)
        kill_actor(actor);
    else if (what < 15)
        stop_actor(actor, roll(state, 4) ? roll(state, 100) : RESUME_MS + 300);
    else if (what == 15)
        restart_node();
    else
        usleep(roll(state, 30) * 1000); /* peace */
}

/* --- rounds --------------------------------------------------------------------------------------- */

static void hear_rested(struct actor *actor)
{
    unsigned long long n[COUNTS] = {0};
    const char *line = next_line(&actor->child);
    check_true(line && sscanf(line, "rested %llu %llu %llu %llu %llu %llu %llu %llu %llu %llu", &n[0], &n[1], &n[2],
                              &n[3], &n[4], &n[5], &n[6], &n[7], &n[8], &n[9]) == COUNTS);
    for (int i = 0; i < COUNTS; i++)
        stage.counts[i] += n[i];
}

static void play_round(unsigned ms)
{
    uint64_t until_ms = now_ms() + ms;
    for (int i = 0; i < ACTORS; i++)
        if (is_caller(&cast[i])) tell(&cast[i].child, "go");
    while (now_ms() < until_ms)
        disturb();
    for (int i = 0; i < ACTORS; i++)
        if (is_caller(&cast[i])) tell(&cast[i].child, "rest");
    for (int i = 0; i < ACTORS; i++)
        if (is_caller(&cast[i])) hear_rested(&cast[i]);
}

/* --- measuring ------------------------------------------------------------------------------------ */

enum { LIVE_BYTES, LIVE_BLOCKS, RESIDENT_KIB, DESCRIPTORS, THREADS, DISPATCHED, DEATHS, REDISPATCHED, FIGURES };

static struct sample {
    double at_s;
    unsigned long long figures[FIGURES];
} samples[SAMPLES_MAX];
static size_t samples_count;

static void measure(double at_s)
{
    struct child *node = &stage.places[0].child;
    unsigned participants = 1; /* itself */
    char line[64];
    struct sample sample = {.at_s = at_s};
    unsigned long long *f = sample.figures;
    for (int i = 0; i < ACTORS; i++)
        participants += cast[i].node == 0;
    (void)snprintf(line, sizeof line, "measure %u", participants);
    tell(node, line);
    const char *said = next_line(node);
    check_true(said && sscanf(said, "sample %llu %llu %llu %llu %llu %llu %llu %llu", &f[0], &f[1], &f[2], &f[3], &f[4],
                              &f[5], &f[6], &f[7]) == FIGURES);
    if (samples_count < SAMPLES_MAX) samples[samples_count++] = sample;
}

static int compare(const void *a, const void *b)
{
    unsigned long long x = *(const unsigned long long *)a, y = *(const unsigned long long *)b;
    return (x > y) - (x < y);
}

static unsigned long long median(size_t from, size_t to, int figure)
{
    static unsigned long long values[SAMPLES_MAX];
    for (size_t i = from; i < to; i++)
        values[i - from] = samples[i].figures[figure];
    qsort(values, to - from, sizeof *values, compare);
    return values[(to - from) / 2];
}

/* slack: what a third of any length may add, since tables keep room for the largest crowd that there was. */
static void check_no_slope(const char *what, int figure, unsigned long long slack)
{
    unsigned long long middle = median(samples_count / 3, 2 * samples_count / 3, figure);
    unsigned long long last = median(2 * samples_count / 3, samples_count, figure);
    print_message("%s: %llu in the middle third, %llu in the last\n", what, middle, last);
    check_true(last <= middle + middle / 50 + slack);
}

static void print_samples(void)
{
    print_message("       s   live bytes   blocks   rss KiB  fds  threads  dispatched   deaths  redispatched\n");
    size_t step = samples_count > 20 ? samples_count / 20 : 1;
    for (size_t i = 0; i < samples_count; i += step) {
        const unsigned long long *f = samples[i].figures;
        print_message("%8.1f %12llu %8llu %9llu %4llu %8llu %11llu %8llu %13llu\n", samples[i].at_s, f[0], f[1], f[2],
                      f[3], f[4], f[5], f[6], f[7]);
    }
    const unsigned long long *n = stage.counts;
    print_message(
        "%llu completed, %llu failed, %llu died, %llu timed out, %llu cancelled, %llu rejected, %llu node_lost; "
        "%llu asks; %llu parts; %llu published; %llu kills, %llu stops, %llu disturbances, %llu restarts\n",
        n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7], n[8], n[9], stage.kills, stage.stops, stage.cuts,
        stage.restarts);
}

/* --- all of it ------------------------------------------------------------------------------------ */

static void lower_curtain(void)
{
    for (int i = 0; i < ACTORS; i++) {
        tell(&cast[i].child, "end");
        await_line(&cast[i].child, "closed");
        check_eq(reap(&cast[i].child), 0);
    }
    for (int n = 0; n < NODES; n++) {
        struct place *place = &stage.places[n];
        tell(&place->child, "end");
        await_line(&place->child, "closed");
        check_eq(reap(&place->child), 0);
        close_relay(&place->relays[BY_TCP]);
        close_relay(&place->relays[BY_IPC]);
    }
}

static void every_dispatch_is_accounted_for_and_memory_has_no_slope(void **unused)
{
    (void)unused;
    const char *seconds = getenv("SOAK_S"), *seed = getenv("SEED");
    double length_s = seconds && *seconds ? atof(seconds) : 4;
    stage.state = seed && *seed ? (unsigned)strtoul(seed, NULL, 0) : (unsigned)time(NULL);
    print_message("SEED=%u\n", stage.state);
    raise_curtain();
    uint64_t since_ms = now_ms();
    unsigned round_ms = length_s < 20 ? 300 : length_s < 120 ? 700 : 1500;
    for (unsigned number = 1; number <= ROUNDS_LEAST || (double)(now_ms() - since_ms) < length_s * 1e3; number++) {
        play_round(round_ms);
        measure((double)(now_ms() - since_ms) / 1e3);
    }
    print_samples();
    check_true(stage.counts[0] > 0);
    check_no_slope("bytes held by the node", LIVE_BYTES, 1 << 20); /* lines keep room for a while */
    check_no_slope("blocks", LIVE_BLOCKS, 64);
    check_no_slope("descriptors", DESCRIPTORS, 2);
    check_no_slope("threads", THREADS, 2);
    lower_curtain();
}

static const struct role roles[] = {{"node", play_node}, {"caller", play_caller}, {"worker", play_worker}};

/* The first report of a sanitizer ends its process, and so the test. */
int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_dispatch_is_accounted_for_and_memory_has_no_slope)};
    const char *given = getenv("TSAN_OPTIONS");
    char with[512];
    (void)snprintf(with, sizeof with, "%s:halt_on_error=1", given ? given : "");
    (void)setenv("TSAN_OPTIONS", with, 1);
    PLAY_ROLE(argc, argv, roles);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
