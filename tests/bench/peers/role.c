/* role.c: see role.h. */
#include "payload.h"
#include "process.h"
#include "role.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { ROUND_TRIPS_MAX = 1 << 20, EVENTS_AHEAD = 16384, EVENTS_BATCH = 256, DRAIN_SECONDS = 10 };

static struct role role;

void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("bench-peers: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    fflush(stdout);
}

void ready(void)
{
    say("ready");
}

void took(void)
{
    say("took %llu", (unsigned long long)now_ns());
}

void reply_taken(weft_bytes reply)
{
    weft_bytes sent = payload(role.payload);
    if (reply.size != sent.size || memcmp(reply.data, sent.data, sent.size) != 0)
        fail("a reply of %zu bytes is not the %zu that were sent", reply.size, sent.size);
}

__attribute__((noreturn)) static void stay(void)
{
    for (;;)
        pause();
}

/* --- clients ---------------------------------------------------------------------------------- */

static int by_time(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void round_trips(void)
{
    const struct contender *c = role.contender;
    uint64_t *took_ns = calloc(ROUND_TRIPS_MAX, sizeof(*took_ns)), begin_ns = now_ns(), warm_ns = 0;
    size_t count = 0;
    if (!took_ns) fail("memory");
    while (count < ROUND_TRIPS_MAX) {
        uint64_t start_ns = now_ns();
        c->submit(payload(role.payload));
        c->flush();
        if (c->collect() != 1) fail("more than one reply to one dispatch");
        uint64_t end_ns = now_ns();
        if (!warm_ns && (double)(end_ns - begin_ns) > role.seconds * 0.2e9) warm_ns = end_ns;
        if (warm_ns) took_ns[count++] = end_ns - start_ns;
        if (warm_ns && (double)(end_ns - warm_ns) > role.seconds * 1e9) break;
    }
    qsort(took_ns, count, sizeof(*took_ns), by_time);
    size_t p50 = count / 2, p99 = count * 99 / 100;
    say("%f %f", (double)took_ns[p50] / 1e3, (double)took_ns[p99] / 1e3);
}

static void miss(int signal)
{
    static const char text[] = "bench-peers: replies that were due never came\n";
    (void)signal;
    (void)!write(2, text, sizeof(text) - 1);
    _exit(1);
}

/* Waits for what is outstanding: a reply that is lost would make less and less of it. */
static int drain(int outstanding)
{
    int count = 0;
    signal(SIGALRM, miss);
    alarm(DRAIN_SECONDS);
    while (count < outstanding)
        count += role.contender->collect();
    alarm(0);
    return count;
}

/* Keeps `window` dispatches outstanding for that long. Returns how many were answered. */
static uint64_t keep_outstanding(int *outstanding, double seconds)
{
    const struct contender *c = role.contender;
    uint64_t until_ns = now_ns() + (uint64_t)(seconds * 1e9), answered = 0;
    while (now_ns() < until_ns) {
        for (; *outstanding < role.window; ++*outstanding)
            c->submit(payload(role.payload));
        c->flush();
        int count = c->collect();
        *outstanding -= count;
        answered += (uint64_t)count;
    }
    return answered;
}

static void throughput(void)
{
    int outstanding = 0;
    uint64_t warmed = keep_outstanding(&outstanding, role.seconds * 0.2), start_ns = now_ns();
    uint64_t answered = keep_outstanding(&outstanding, role.seconds);
    double seconds = (double)(now_ns() - start_ns) / 1e9;
    double all = (double)(warmed + answered) + drain(outstanding);
    say("%f %f", (double)answered / seconds, all);
}

static void run_client(void)
{
    role.contender->open(role.port);
    if (role.window == 1)
        round_trips();
    else
        throughput();
    stay();
}

/* One task for whoever holds it. */
static void run_giver(void)
{
    role.contender->open(role.port);
    role.contender->submit(payload(role.payload));
    role.contender->flush();
    ready();
    stay();
}

/* --- fan-out ---------------------------------------------------------------------------------- */

/* How many events each subscriber has taken, in memory that they and the publisher share. */
struct progress {
    _Alignas(64) atomic_ulong taken;
};

static struct progress *progress(void)
{
    int fd = open("progress", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    size_t size = SUBSCRIBERS * sizeof(struct progress);
    if (fd < 0 || ftruncate(fd, (off_t)size)) fail("share progress: %s", strerror(errno));
    struct progress *shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (shared == MAP_FAILED) fail("share progress: %s", strerror(errno));
    return shared;
}

static void run_subscriber(void)
{
    struct progress *own = &progress()[role.index];
    atomic_store(&own->taken, 0);
    role.contender->subscribe(role.port);
    ready();
    for (;;) {
        unsigned long count = (unsigned long)role.contender->heard();
        atomic_fetch_add_explicit(&own->taken, count, memory_order_relaxed);
    }
}

static unsigned long taken(struct progress *all, bool least)
{
    unsigned long sum = 0, min = (unsigned long)-1;
    for (int i = 0; i < SUBSCRIBERS; i++) {
        unsigned long one = atomic_load_explicit(&all[i].taken, memory_order_relaxed);
        sum += one;
        if (one < min) min = one;
    }
    return least ? min : sum;
}

/* Nobody gets further behind than a server surely keeps: what is measured is what everybody got. */
static void publish_for(struct progress *all, unsigned long *published, double seconds)
{
    uint64_t until_ns = now_ns() + (uint64_t)(seconds * 1e9);
    while (now_ns() < until_ns) {
        if (*published - taken(all, true) > EVENTS_AHEAD) {
            sleep_us(20);
            continue;
        }
        for (int i = 0; i < EVENTS_BATCH; i++)
            role.contender->publish(payload(role.payload));
        role.contender->flush();
        *published += EVENTS_BATCH;
    }
}

static void run_publisher(void)
{
    struct progress *all = progress();
    unsigned long published = 0;
    role.contender->open(role.port);
    publish_for(all, &published, role.seconds * 0.2);
    unsigned long before = taken(all, false);
    uint64_t start_ns = now_ns();
    publish_for(all, &published, role.seconds);
    unsigned long after = taken(all, false);
    say("%f", (double)(after - before) / ((double)(now_ns() - start_ns) / 1e9));
    stay();
}

/* --- idle workers ----------------------------------------------------------------------------- */

static void run_idle(void)
{
    for (int i = 0; i < role.window; i++) {
        struct stream stream;
        role.contender->idle(&stream, role.port);
        stream_trim(&stream);
    }
    ready();
    stay();
}

static void run_idle_shared(void)
{
    struct stream stream;
    role.contender->idle(&stream, role.port);
    ready(); /* the connection is there */
    for (int i = 0; i < role.window; i++)
        role.contender->idle_shared(&stream, i);
    ready();
    stay();
}

/* --- which ------------------------------------------------------------------------------------ */

static void run_server(void)
{
    role.contender->serve(role.port);
}

static void run_worker(void)
{
    role.contender->work(role.port, role.window);
}

static void run_holder(void)
{
    role.contender->hold(role.port);
}

static void run_bare_holder(void)
{
    role.contender->hold_bare(role.port);
}

static const struct {
    const char *name;
    void (*run)(void);
} roles[] = {{"server", run_server},          {"worker", run_worker},           {"client", run_client},
             {"holder", run_holder},          {"bare-holder", run_bare_holder}, {"giver", run_giver},
             {"publisher", run_publisher},    {"subscriber", run_subscriber},   {"idle", run_idle},
             {"idle-shared", run_idle_shared}};

void role_run(int argc, char **argv)
{
    if (argc > 3 && strcmp(argv[2], "program") == 0) process_become(argv + 3);
    process_bind();
    if (argc != 9 || !(role.contender = contender_named(argv[3]))) fail("a role has six arguments");
    role.port = atoi(argv[4]);
    role.payload = atoi(argv[5]);
    role.window = atoi(argv[6]);
    role.seconds = atof(argv[7]);
    role.index = atoi(argv[8]);
    for (size_t i = 0; i < sizeof(roles) / sizeof(*roles); i++)
        if (strcmp(roles[i].name, argv[2]) == 0) roles[i].run();
    fail("there is no role %s", argv[2]);
}
