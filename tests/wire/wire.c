/* wire.c: the director: opens a world, lets things happen to it, and then leaves it in peace until all has ended. */
#include "wire/wire.h"

#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "frame/line.h"
#include "wire/hosts.h"
#include "wire/pipes.h"

enum { AUDIT_EVERY = 400, PEACE_S = 400 };

struct world world;
struct wire_report report;

static uint64_t steps, heal_ns[CLIENTS_MAX][NODES_MAX];
static struct {
    uint32_t part_in, cut_in, crash_client_in, crash_node_in, refuse_in;
} faults;

void broken(const char *format, ...)
{
    va_list arguments;
    fflush(stdout);
    fprintf(stderr, "broken: ");
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\n");
    abort();
}

void trace(const char *format, ...)
{
    va_list arguments;
    fprintf(world.trace, "%" PRIu64 " %10.6f ", steps, (double)stage_now_ns / 1e9);
    va_start(arguments, format);
    vfprintf(world.trace, format, arguments);
    va_end(arguments);
    fprintf(world.trace, "\n");
}

static uint32_t draw(uint32_t n)
{
    return rng_below(&stage_rng, n);
}

static bool once_in(uint32_t n)
{
    return rng_once_in(&stage_rng, n);
}

/* One of the numbers, by chance. */
#define ONE_OF(...) ((const uint32_t[]){__VA_ARGS__}[draw(sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))])

static void draw_world(void)
{
    world.nodes_count = 1 + once_in(4);
    world.clients_count = 1 + draw(CLIENTS_MAX);
    world.jobs_wanted = ONE_OF(60, 200, 400);
    world.times = once_in(2);
    world.large_in = ONE_OF(0, 0, 30, 4);
    world.window_bytes = ONE_OF(1 << 20, 2000, 20000, 150000);
    world.resume_ms = ONE_OF(300, 2000, 8000);
    world.lost_ms = ONE_OF(400, 3000, 10000);
    world.beat_ms = ONE_OF(100, 600, 2000);
    world.pace_ms = ONE_OF(5, 40, 150);
    faults.part_in = ONE_OF(0, 4000, 15000);
    faults.cut_in = ONE_OF(0, 1500, 6000);
    faults.crash_client_in = ONE_OF(0, 0, 20000);
    faults.crash_node_in = ONE_OF(0, 0, 40000);
    if (!faults.crash_client_in && once_in(6)) world.lost_ms = WEFT_FOREVER; /* whom nobody answers waits */
    faults.refuse_in = ONE_OF(0, 0, 200, 3000);
}

static void draw_net(struct net_shape *shape)
{
    *shape = (struct net_shape){.delay_us = ONE_OF(100, 2000, 30000),
                                .room = ONE_OF(300, 8000, 300000),
                                .piece = ONE_OF(7, 900, 100000),
                                .threads = 1 + draw(3),
                                .failures_in = ONE_OF(0, 0, 5)};
    if (world.large_in && shape->piece < 900) shape->piece = 900;
    if (world.large_in && shape->room < 8000) shape->room = 8000;
}

/* --- faults ----------------------------------------------------------------------------------- */

static void part(uint32_t client, uint32_t node, bool now)
{
    TRACE("client %u and node %u are %s", client, node, now ? "parted" : "together again");
    net_part(client, node, now);
    heal_ns[client][node] = now ? stage_now_ns + (uint64_t)draw(12000) * 1000000 : 0;
}

static void heal(void)
{
    for (uint32_t c = 0; c < world.clients_count; c++)
        for (uint32_t n = 0; n < world.nodes_count; n++)
            if (heal_ns[c][n] && stage_now_ns >= heal_ns[c][n]) part(c, n, false);
}

static void befall(void)
{
    uint32_t client = draw(world.clients_count), node = draw(world.nodes_count);
    if (once_in(faults.part_in)) part(client, node, true);
    if (once_in(faults.cut_in)) {
        TRACE("connections of client %u are lost", client);
        net_cut(client, node, 1 + draw(2));
    }
    if (once_in(faults.crash_client_in)) host_crash(world.clients[client]);
    if (once_in(faults.crash_node_in)) host_crash(world.nodes[node]);
    if (once_in(faults.refuse_in)) host_refuse(once_in(2) ? world.clients[client] : world.nodes[node]);
}

/* --- a world ---------------------------------------------------------------------------------- */

static void step(void)
{
    steps++;
    report.steps++;
    bool alive = stage_step();
    EXPECT(alive, "everybody sleeps for ever");
    if (steps % AUDIT_EVERY == 0) hosts_audit(false);
}

static void print_open(void)
{
    fflush(stdout);
    jobs_print_open();
    hosts_print();
    stage_print();
    fflush(stdout);
}

/* Nothing happens to anybody any more: all that is open comes to its end. */
static void come_to_rest(void)
{
    TRACE("calm");
    for (uint32_t c = 0; c < world.clients_count; c++)
        for (uint32_t n = 0; n < world.nodes_count; n++)
            if (heal_ns[c][n]) part(c, n, false);
    net_calm();
    world.calm = true;
    for (uint64_t end_ns = stage_now_ns + PEACE_S * UINT64_C(1000000000); !hosts_settled();) {
        if (stage_now_ns > end_ns) print_open();
        EXPECT(stage_now_ns <= end_ns, "%u jobs never end, or a slot is never free again", jobs_open());
        step();
    }
    EXPECT(!jobs_open(), "%u jobs have no outcome", jobs_open());
    hosts_audit(true);
    TRACE("done");
    world.done = true;
    for (uint64_t end_ns = stage_now_ns + PEACE_S * UINT64_C(1000000000); world.people;) {
        if (stage_now_ns > end_ns) print_open();
        EXPECT(stage_now_ns <= end_ns, "somebody cannot be closed");
        step();
    }
}

static uint64_t real_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint64_t wire_run(uint64_t seed, FILE *tracing)
{
    struct net_shape shape;
    uint64_t start_ns = real_ns();
    world = (struct world){.seed = seed, .trace = tracing};
    steps = 0;
    jobs_count = 0;
    memset(heal_ns, 0, sizeof heal_ns);
    stage_open(seed);
    stage_interrupt(ONE_OF(0, 3, 20, 200));
    draw_world();
    draw_net(&shape);
    TRACE(
        "%u nodes, %u clients, window %u, resume %u ms, lost %u ms, beat %u ms; network: %u us, %u bytes, pieces of %u",
        world.nodes_count, world.clients_count, world.window_bytes, world.resume_ms, world.lost_ms, world.beat_ms,
        shape.delay_us, shape.room, shape.piece);
    net_open(&shape);
    tap_open();
    hosts_open();
    while (jobs_count < world.jobs_wanted && stage_now_ns < UINT64_C(200000000000)) {
        heal();
        befall();
        step();
    }
    come_to_rest();
    net_close();
    while (stage_step())
        ;
    const char *left = stage_close();
    EXPECT(!left, "thread %s has not ended", left);
    EXPECT(!net_pipes_count(), "%u pipes are left", net_pipes_count());
    hosts_close();
    tap_close();
    report.worlds++;
    report.bytes = net_bytes();
    report.nanoseconds += real_ns() - start_ns;
    return stage_rng.state;
}

/* --- when it is broken ------------------------------------------------------------------------ */

static void say_where(void)
{
    char text[120];
    int length = snprintf(text, sizeof text, "again: sim-wire --worlds 1 --seed 0x%" PRIx64 "\n", world.seed);
    ssize_t ignored = write(STDERR_FILENO, text, (size_t)length);
    (void)ignored;
}

static void on_signal(int number)
{
    say_where();
    if (number == SIGABRT) _exit(1);
    (void)signal(number, SIG_DFL); /* the fault comes again */
}

/* Of the sanitizers, where there is one. */
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

void wire_watch(void)
{
    (void)signal(SIGABRT, on_signal);
    if (__sanitizer_set_death_callback) {
        __sanitizer_set_death_callback(say_where);
        return;
    }
    (void)signal(SIGSEGV, on_signal);
    (void)signal(SIGBUS, on_signal);
}

/* --- in the line's place ---------------------------------------------------------------------- */

struct line *__real_weft__line_new(const struct mem *mem, char by, const struct line_limits *limits);
struct line *__wrap_weft__line_new(const struct mem *mem, char by, const struct line_limits *limits);

/* Small windows: both ends have the same. */
struct line *__wrap_weft__line_new(const struct mem *mem, char by, const struct line_limits *limits)
{
    struct line_limits small = *limits;
    small.window_bytes = small.waiting_bytes = world.window_bytes;
    return __real_weft__line_new(mem, by, &small);
}
