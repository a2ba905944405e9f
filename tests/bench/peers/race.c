/* race.c: see race.h. */
#include "payload.h"
#include "process.h"
#include "race.h"
#include "role.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { WORKERS_MAX = SUBSCRIBERS, START_SECONDS = 60, ANSWER_SECONDS = 20, SETTLE_US = 5000 };

struct race_size race_size = {1, 100, 1000};

/* --- starting and stopping -------------------------------------------------------------------- */

struct heat {
    const struct row *row;
    const struct contender *contender;
    int port;
    char directory[512];
    struct process server, client, workers[WORKERS_MAX];
};

/* Whatever role fails, its words are in the log. */
static bool lost(const struct heat *heat, const char *what)
{
    fprintf(stderr, "%s: %s: %s\n", heat->row->name, heat->contender->name, what);
    process_show_log();
    return false;
}

void launch_add(struct launch *launch, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (vasprintf(&launch->arguments[launch->count++], format, arguments) < 0) fail("memory");
    va_end(arguments);
}

void launch_add_file(struct launch *launch, const char *name, const char *format, ...)
{
    va_list arguments;
    launch_add(launch, "%s/%s", launch->directory, name);
    FILE *file = fopen(launch->arguments[launch->count - 1], "w");
    if (!file) fail("write %s: %s", name, strerror(errno));
    va_start(arguments, format);
    vfprintf(file, format, arguments);
    va_end(arguments);
    fclose(file);
}

static void start_role(const struct heat *heat, struct process *process, const char *role, int index)
{
    char port[16], payload[16], window[16], seconds[32], place[16];
    bool many = strncmp(role, "idle", 4) == 0;
    snprintf(port, sizeof(port), "%d", heat->port);
    snprintf(payload, sizeof(payload), "%d", heat->row->payload);
    snprintf(window, sizeof(window), "%d", many ? race_size.idle : heat->row->window);
    snprintf(seconds, sizeof(seconds), "%f", race_size.seconds);
    snprintf(place, sizeof(place), "%d", index);
    const char *arguments[] = {"bench-peers", "--role", role, heat->contender->name, port, payload, window,
                               seconds,       place,    NULL};
    process_start(process, (char *const *)arguments);
}

static void start_program(struct heat *heat)
{
    struct launch launch = {.port = heat->port, .directory = heat->directory};
    launch_add(&launch, "bench-peers");
    launch_add(&launch, "--role");
    launch_add(&launch, "program");
    launch_add(&launch, "%s", heat->contender->program);
    heat->contender->launch(&launch);
    process_start(&heat->server, launch.arguments);
    for (int i = 0; i < launch.count; i++)
        free(launch.arguments[i]);
}

/* Somebody else may take the port between our look and the server's. */
static bool start_server(struct heat *heat)
{
    static int heats;
    process_begin_log();
    for (int tries = 0; tries < 3; tries++) {
        snprintf(heat->directory, sizeof(heat->directory), "%s/%d", process_directory(), heats++);
        if (mkdir(heat->directory, 0700)) fail("make %s: %s", heat->directory, strerror(errno));
        heat->port = port_free();
        if (heat->contender->program)
            start_program(heat);
        else
            start_role(heat, &heat->server, "server", 0);
        if (port_await(heat->port, &heat->server, START_SECONDS)) return true;
        process_kill(&heat->server);
    }
    return lost(heat, "its server does not start");
}

static bool await_ready(const struct heat *heat, struct process *process)
{
    const char *line = process_line(process, ANSWER_SECONDS);
    return (line && strcmp(line, "ready") == 0) || lost(heat, "a process does not get ready");
}

static bool start_workers(struct heat *heat, const char *role, int count)
{
    for (int i = 0; i < count; i++) {
        start_role(heat, &heat->workers[i], role, i);
        if (!await_ready(heat, &heat->workers[i])) return false;
    }
    return true;
}

static void stop(struct heat *heat)
{
    process_send_kill(&heat->client);
    process_send_kill(&heat->server);
    process_kill(&heat->client);
    process_kill(&heat->server);
    for (int i = 0; i < WORKERS_MAX; i++)
        process_kill(&heat->workers[i]);
}

/* --- figures ---------------------------------------------------------------------------------- */

static bool client_says(struct heat *heat, const char *role, double *a, double *b)
{
    start_role(heat, &heat->client, role, 0);
    const char *line = process_line(&heat->client, race_size.seconds * 1.2 + ANSWER_SECONDS);
    return (line && sscanf(line, "%lf %lf", a, b) >= 1) || lost(heat, "its client has no figures");
}

static bool dispatch_round(struct heat *heat, double *values)
{
    double answered = 0;
    if (!start_server(heat) || !start_workers(heat, "worker", heat->row->workers)) return false;
    double cpu_s = process_cpu_s(heat->server.pid);
    if (!client_says(heat, "client", &values[0], heat->row->window == 1 ? &values[1] : &answered)) return false;
    if (heat->row->window > 1) values[1] = (process_cpu_s(heat->server.pid) - cpu_s) / answered * 1e5;
    return true;
}

static bool fan_out_round(struct heat *heat, double *values)
{
    double unused = 0;
    return start_server(heat) && start_workers(heat, "subscriber", SUBSCRIBERS) &&
           client_says(heat, "publisher", &values[0], &unused);
}

/* When the process took the task, in ns; 0 after the reason. */
static unsigned long long taken_at(const struct heat *heat, struct process *process)
{
    unsigned long long at_ns = 0;
    const char *line = process_line(process, ANSWER_SECONDS);
    if (!line || sscanf(line, "took %llu", &at_ns) != 1) lost(heat, "nobody was given the task");
    return at_ns;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Whether this process runs before all that have no such priority. False: it may not. */
static bool go_first(bool first)
{
    const struct sched_param priority = {.sched_priority = first};
    return sched_setscheduler(0, first ? SCHED_FIFO | SCHED_RESET_ON_FORK : SCHED_OTHER, &priority) == 0;
}

/* Kills it, and returns when it had ended, as somebody sees who does nothing but look, and before whom nobody runs: else it
 * would be seen late, by as much as what is measured. */
static uint64_t ended_at(struct process *process)
{
    struct pollfd ended = {.fd = (int)syscall(SYS_pidfd_open, process->pid, 0), .events = POLLIN};
    if (ended.fd < 0 || !go_first(true)) fail("watch a process: %s", strerror(errno));
    process_send_kill(process);
    while (poll(&ended, 1, 0) == 0)
        continue;
    uint64_t at_ns = now_ns();
    (void)go_first(false);
    close(ended.fd);
    return at_ns;
}

/* Who holds the task is killed while one other waits for it. That one is known to wait when it is ready; the pause lets
 * the machine come to rest after its start. The two change places. Returns the time in ms, or NAN after the reason. */
static double kill_holder(struct heat *heat, struct process **holder, struct process **next)
{
    start_role(heat, *next, heat->row->own ? "bare-holder" : "holder", 0);
    if (!await_ready(heat, *next)) return NAN;
    sleep_us(SETTLE_US);
    uint64_t since_ns = now_ns();
    if (heat->row->own)
        since_ns = ended_at(*holder);
    else
        process_send_kill(*holder);
    unsigned long long at_ns = taken_at(heat, *next);
    process_kill(*holder);
    struct process *was = *holder;
    *holder = *next;
    *next = was;
    return at_ns ? ((double)at_ns - (double)since_ns) / 1e6 : NAN;
}

/* One task goes from hand to hand, that often. */
static bool kill_chain(struct heat *heat, double *ms, int kills)
{
    struct process *holder = &heat->workers[0], *next = &heat->workers[1];
    if (!start_server(heat) || !start_workers(heat, heat->row->own ? "bare-holder" : "holder", 1)) return false;
    start_role(heat, &heat->client, "giver", 0);
    if (!await_ready(heat, &heat->client) || !taken_at(heat, holder)) return false;
    for (int i = 0; i < kills; i++)
        if (isnan(ms[i] = kill_holder(heat, &holder, &next))) return false;
    return true;
}

static bool crash_round(struct heat *heat, double *values)
{
    int kills = race_size.kills, most = heat->contender->hands_max ? heat->contender->hands_max : kills;
    double *ms = calloc((size_t)kills, sizeof(*ms));
    bool ok = ms;
    for (int done = 0; ok && done < kills; done += most) {
        stop(heat);
        ok = kill_chain(heat, ms + done, kills - done < most ? kills - done : most);
    }
    if (ok) {
        qsort(ms, (size_t)kills, sizeof(*ms), by_value);
        values[0] = ms[kills / 2];
        values[1] = ms[kills - 1];
    }
    free(ms);
    return ok;
}

/* What the server grew by for each, once it has grown by that before: the first thousand pay for what all share. */
static bool idle_round(struct heat *heat, double *values)
{
    if (!start_server(heat) || !start_workers(heat, "idle", 1)) return false;
    sleep(heat->contender->settle_s);
    double before = process_resident_bytes(heat->server.pid);
    start_role(heat, &heat->workers[1], "idle", 0);
    if (!await_ready(heat, &heat->workers[1])) return false;
    sleep(heat->contender->settle_s);
    values[0] = (process_resident_bytes(heat->server.pid) - before) / race_size.idle;
    if (!heat->contender->idle_shared) return true;
    start_role(heat, &heat->client, "idle-shared", 0);
    if (!await_ready(heat, &heat->client)) return false;
    before = process_resident_bytes(heat->server.pid);
    if (!await_ready(heat, &heat->client)) return false;
    sleep(heat->contender->settle_s);
    values[1] = (process_resident_bytes(heat->server.pid) - before) / race_size.idle;
    return true;
}

#define MEASURE(round)                                                                                                 \
    static bool measure_##round(const struct row *row, const struct contender *contender, double *values)              \
    {                                                                                                                  \
        struct heat heat = {.row = row, .contender = contender};                                                       \
        bool ok = round##_round(&heat, values);                                                                        \
        stop(&heat);                                                                                                   \
        return ok;                                                                                                     \
    }

MEASURE(dispatch)
MEASURE(fan_out)
MEASURE(crash)
MEASURE(idle)

/* --- rows ------------------------------------------------------------------------------------- */

static bool works(const struct contender *contender)
{
    return contender->work;
}

static bool works_in_batches(const struct contender *contender)
{
    return contender->work && !contender->round_trip_only;
}

static bool publishes(const struct contender *contender)
{
    return contender->publish;
}

static bool hands_over(const struct contender *contender)
{
    return contender->hold;
}

static bool hands_over_barely(const struct contender *contender)
{
    static bool told;
    bool may = go_first(true) && go_first(false);
    if (!may && !told) fprintf(stderr, "own_share: not measured: it needs the right to a real-time priority\n");
    told = true;
    return may && contender->hold_bare;
}

static bool idles(const struct contender *contender)
{
    return contender->idle;
}

#define THROUGHPUT(bytes, what)                                                                                        \
    .payload = (bytes), .window = 256, .workers = 2, .title = "dispatches, 256 outstanding, 2 workers, " what,         \
    .figures = {{"rate", "dispatches/s", false}, {"server_cpu", "CPU s/100,000", true}},                               \
    .takes_part = works_in_batches, .measure = measure_dispatch

const struct row rows[] = {
    {.name = "round_trip",
     .title = "round trip, 1 outstanding, 200 bytes",
     .window = 1,
     .workers = 1,
     .figures = {{"p50", "us", true}, {"p99", "us", true}},
     .takes_part = works,
     .measure = measure_dispatch},
    {.name = "throughput_200", THROUGHPUT(PAYLOAD_200, "200 bytes")},
    {.name = "throughput_4k", THROUGHPUT(PAYLOAD_4K, "4 KiB structured")},
    {.name = "throughput_4k_string", THROUGHPUT(PAYLOAD_4K_STRING, "4 KiB, one string")},
    {.name = "fan_out",
     .title = "fan-out to 4 subscribers, 200 bytes",
     .figures = {{"rate", "deliveries/s", false}},
     .takes_part = publishes,
     .measure = measure_fan_out},
    {.name = "crash",
     .title = "from kill(SIGKILL) to the task in another worker's hands",
     .figures = {{"p50", "ms", true}, {"max", "ms", true}},
     .takes_part = hands_over,
     .measure = measure_crash},
    {.name = "own_share",
     .title = "the server's share of that: from the end of the process, by its pidfd, to the task at another",
     .own = true,
     .figures = {{"p50", "ms", true}, {"max", "ms", true}},
     .takes_part = hands_over_barely,
     .measure = measure_crash},
    {.name = "idle",
     .title = "resident memory of the server for each idle worker",
     .figures = {{"own", "bytes, on a connection of its own", true}, {"shared", "bytes, on a shared one", true}},
     .takes_part = idles,
     .measure = measure_idle},
    {0}};
