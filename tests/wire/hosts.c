/* hosts.c: the host programs: what each does with its node, from its beginning to its end, life after life. */
#include <stdlib.h>

#include "core/state.h"
#include "exec/node.h"
#include "lib/audit.h"
#include "remote/station.h"
#include "wire/hosts.h"
#include "wire/pipes.h"

enum { MS = 1000000, HOSTS_MAX = 600, WORKERS_MAX = 4, LAST_SIZE = 64, CALLERS_S = 15 };

static struct host *hosts[HOSTS_MAX]; /* all there have been */
static uint32_t hosts_count;

static uint32_t draw(uint32_t n)
{
    return rng_below(&stage_rng, n);
}

static bool once_in(uint32_t n)
{
    return rng_once_in(&stage_rng, n);
}

static void rest(uint32_t most_ms)
{
    stage_sleep((1 + (uint64_t)draw(most_ms * 1000)) * 1000);
}

/* --- opening and closing ---------------------------------------------------------------------- */

static struct host *host_new(bool dials, uint32_t number, uint32_t life)
{
    struct host *host = calloc(1, sizeof *host);
    EXPECT(host && hosts_count < HOSTS_MAX && life < LIVES_MAX, "the test has no room for hosts");
    host->dials = dials;
    host->number = number;
    host->life = life;
    failmem_init(&host->memory);
    hosts[hosts_count++] = host;
    return host;
}

static weft_node_options node_options(struct host *host, weft_allocator *allocator)
{
    weft_node_options options = WEFT_NODE_OPTIONS;
    *allocator = (weft_allocator){host->memory.mem.alloc, host->memory.mem.free, host->memory.mem.context};
    options.allocator = allocator;
    options.threads = 1 + draw(2);
    options.threads_max = options.threads + draw(3);
    return options;
}

static bool callers_gone(void *host)
{
    return ((struct host *)host)->callers == 0;
}

/* Until nothing is left of it. What has crashed gets no time: nobody waits for it. Callers that have not come back after so
 * long are inside, in a call to a node that nobody reaches any more, which closing ends. */
static void close_host(struct host *host)
{
    host->callers_wanted = false;
    (void)stage_await(callers_gone, host, stage_now_ns + CALLERS_S * UINT64_C(1000000000));
    host->up = false;
    TRACE("%s %u/%u is closed%s", host->dials ? "client" : "node", host->number, host->life,
          host->crashed ? ", after its crash" : "");
    while (weft_node_close(host->node, host->crashed ? 0 : draw(4000)) != WEFT_OK)
        rest(50);
    while (host->callers)
        (void)stage_await(callers_gone, host, STAGE_NEVER);
    host->node = NULL;
    host->over = true;
    EXPECT(!host->open_count, "%s %u/%u is closed, and %u of its jobs have no outcome", host->dials ? "client" : "node",
           host->number, host->life, host->open_count);
    EXPECT(!host->memory.live_blocks, "%s %u/%u is closed, and %llu blocks of it are left",
           host->dials ? "client" : "node", host->number, host->life, (unsigned long long)host->memory.live_blocks);
}

static void *ghost_main(void *host)
{
    close_host(host);
    world.people--;
    return NULL;
}

/* What is left of it goes where nobody sees it. */
static void leave_ghost(struct host *host)
{
    world.people++;
    stage_thread("ghost", ghost_main, host);
}

static void *caller_main(void *context)
{
    struct host *host = context;
    while (!host->crashed && !world.calm && host->callers_wanted) {
        (void)job_ask(host, true);
        rest(world.pace_ms);
    }
    host->callers--;
    world.people--;
    return NULL;
}

static void start_caller(struct host *host)
{
    host->callers_wanted = true;
    host->callers++;
    world.people++;
    stage_thread("caller", caller_main, host);
}

static void end_life(struct host *host)
{
    if (host->crashed)
        leave_ghost(host);
    else
        close_host(host);
}

/* --- a life ----------------------------------------------------------------------------------- */

static void worker_comes(struct host *host, weft_worker **worker, uint32_t channel, uint32_t size)
{
    weft_worker_options options = WEFT_WORKER_OPTIONS;
    options.max_concurrent = size;
    weft_error error = weft_worker_register(host->node, channel_names[channel], job_handle, host, &options, worker);
    TRACE("%s %u/%u registers a worker on %s: %s", host->dials ? "client" : "node", host->number, host->life,
          channel_names[channel], weft_error_name(error));
    if (error) *worker = NULL;
}

static void worker_goes(struct host *host, weft_worker **worker)
{
    TRACE("%s %u/%u unregisters a worker", host->dials ? "client" : "node", host->number, host->life);
    if (once_in(2)) (void)weft_worker_drain(*worker, draw(200));
    weft_error error = weft_worker_unregister(*worker);
    EXPECT(!error, "a worker cannot be unregistered: %s", weft_error_message());
    *worker = NULL;
}

static void act(struct host *host, weft_worker **workers)
{
    uint32_t i = draw(WORKERS_MAX);
    switch (draw(8)) {
    case 0:
        if (!workers[i]) worker_comes(host, &workers[i], draw(CHANNELS), 1 + draw(3));
        break;
    case 1:
        if (workers[i] && once_in(3)) worker_goes(host, &workers[i]);
        break;
    case 2: job_cancel_some(host); break;
    default: (void)job_ask(host, false); break;
    }
}

/* Until its end, or that of the world; in the end it serves whoever still waits. */
static void live(struct host *host)
{
    weft_worker *workers[WORKERS_MAX + CHANNELS] = {NULL};
    uint64_t end_ns = once_in(2) ? STAGE_NEVER : stage_now_ns + (uint64_t)draw(12000) * MS;
    if (once_in(3)) start_caller(host);
    for (uint32_t i = 0; i < 2; i++)
        if (host->dials || once_in(4)) worker_comes(host, &workers[i], draw(CHANNELS), 1 + draw(3));
    while (!world.calm && !host->crashed && stage_now_ns < end_ns) {
        act(host, workers);
        rest(world.pace_ms);
    }
    if (host->crashed || !world.calm) return;
    for (uint32_t i = 0; i < CHANNELS && !host->dials; i++)
        while (!workers[WORKERS_MAX + i])
            worker_comes(host, &workers[WORKERS_MAX + i], i, LAST_SIZE);
    host->rests = true;
    while (!world.done)
        rest(1000);
    for (uint32_t i = 0; i < WORKERS_MAX; i++)
        if (workers[i] && once_in(2)) worker_goes(host, &workers[i]);
}

static bool open_node(struct host *host)
{
    weft_allocator allocator;
    weft_node_options options = node_options(host, &allocator);
    weft_listen_options listen = WEFT_LISTEN_OPTIONS;
    weft_channel_options channel = WEFT_CHANNEL_OPTIONS;
    char url[64];
    listen.resume_ms = world.resume_ms;
    listen.beat_ms = world.beat_ms;
    channel.depth_max = once_in(4) ? 4 : 400;
    channel.cancel_grace_ms = 20 + draw(2000);
    channel.redispatch_wait_ms = draw(200);
    channel.overlapping = once_in(3);
    if (weft_node_open(&options, &host->node)) return false;
    for (uint32_t i = 0; i < CHANNELS; i++) {
        weft_error error = weft_channel_declare(host->node, channel_names[i], &channel);
        EXPECT(!error, "a channel cannot be declared: %s", weft_error_message());
    }
    (void)snprintf(url, sizeof url, "tcp://127.0.0.%u:7000", host->number);
    tap_node_new(host->number);
    weft_error error = weft_node_listen(host->node, url, &listen, NULL);
    EXPECT(!error, "a node cannot listen: %s", weft_error_message());
    return true;
}

static bool open_client(struct host *host)
{
    weft_allocator allocator;
    weft_node_options options = node_options(host, &allocator);
    weft_dial_options dial = WEFT_DIAL_OPTIONS;
    char urls[160], name[32];
    uint32_t node = host->number % world.nodes_count;
    (void)snprintf(urls, sizeof urls, "tcp://10.%u.%u.%u:7000", host->number, host->life, node);
    (void)snprintf(name, sizeof name, "client-%u", host->number);
    dial.node = &options;
    dial.name = once_in(4) ? name : NULL;
    dial.resume_ms = world.resume_ms;
    dial.lost_ms = world.lost_ms;
    dial.dial_timeout_ms = 500 + draw(5000);
    return weft_node_dial(urls, &dial, &host->node) == WEFT_OK;
}

static void *host_main(void *first)
{
    struct host *host = first;
    bool dials = host->dials;
    uint32_t number = host->number;
    for (;;) {
        bool open = dials ? open_client(host) : open_node(host);
        TRACE("%s %u/%u %s", dials ? "client" : "node", number, host->life, open ? "is up" : "cannot be opened");
        if (open) {
            host->up = true;
            live(host);
            end_life(host);
        } else {
            host->over = true;
            EXPECT(!host->memory.live_blocks, "%s %u/%u was never up, and %llu blocks of it are left",
                   dials ? "client" : "node", number, host->life, (unsigned long long)host->memory.live_blocks);
        }
        if (!world.done) rest(1500);
        if (world.done || (world.calm && dials)) break;
        host = host_new(dials, number, host->life + 1);
        *(dials ? &world.clients[number] : &world.nodes[number]) = host;
    }
    world.people--;
    return NULL;
}

void hosts_open(void)
{
    hosts_count = 0;
    for (uint32_t i = 0; i < world.nodes_count + world.clients_count; i++) {
        bool dials = i >= world.nodes_count;
        uint32_t number = dials ? i - world.nodes_count : i;
        struct host *host = host_new(dials, number, 0);
        *(dials ? &world.clients[number] : &world.nodes[number]) = host;
        world.people++;
        stage_thread(dials ? "client" : "node", host_main, host);
    }
}

void hosts_close(void)
{
    for (uint32_t i = 0; i < hosts_count; i++) {
        EXPECT(hosts[i]->over, "a host is left");
        free(hosts[i]);
    }
}

/* --- the director's --------------------------------------------------------------------------- */

void host_crash(struct host *host)
{
    if (!host->up || host->crashed) return;
    TRACE("%s %u/%u crashes", host->dials ? "client" : "node", host->number, host->life);
    host->crashed = true;
    if (host->dials)
        net_client_gone(host->number, host->life);
    else
        net_node_gone(host->number);
}

void host_refuse(struct host *host)
{
    if (!host->up) return;
    TRACE("memory is refused to %s %u/%u", host->dials ? "client" : "node", host->number, host->life);
    failmem_fail_once(&host->memory, 1 + draw(40));
}

/* Between two entries: nobody is in the core. */
static bool is_free(weft_node *node)
{
    if (pthread_mutex_trylock(&node->core_lock.mutex)) return false;
    pthread_mutex_unlock(&node->core_lock.mutex);
    return true;
}

/* Nothing is assigned to a session that has no connection. */
static void look_at_guests(const struct host *host)
{
    const struct station *station = host->node->station;
    for (uint32_t i = 0; station && i < STATION_BUCKETS; i++) {
        const struct list_node *guests = &station->guests[i];
        for (struct list_node *on = guests->next; on != guests; on = on->next) {
            const struct guest *guest = list_record(on, struct guest, on_station);
            const struct core_session *session = weft__slotmap_find(&host->node->core->sessions, guest->core_session);
            EXPECT(!session || !guest->detached_ns || guest->session.conn || session->bar,
                   "node %u/%u: a session without a connection is not barred", host->number, host->life);
        }
    }
}

void hosts_audit(bool all)
{
    for (uint32_t i = 0; i < hosts_count; i++) {
        const struct host *host = hosts[i];
        if (!host->up || host->over || !host->node || !is_free(host->node) || (!all && !once_in(4))) continue;
        const char *wrong = audit(host->node->core);
        EXPECT(!wrong, "%s %u/%u: %s", host->dials ? "client" : "node", host->number, host->life, wrong);
        look_at_guests(host);
    }
}

bool hosts_settled(void)
{
    for (uint32_t i = 0; i < hosts_count; i++) {
        const struct host *host = hosts[i];
        weft_node_stats stats;
        if (host->over) continue;
        if (host->crashed || !host->rests || host->callers || host->open_count || !is_free(host->node)) return false;
        weft__core_stats(host->node->core, &stats);
        if (stats.attempts_running || stats.dispatches_open) return false;
    }
    return true;
}

void hosts_print(void)
{
    for (uint32_t i = 0; i < hosts_count; i++) {
        const struct host *host = hosts[i];
        weft_node_stats stats = {0};
        if (host->over) continue;
        if (host->up) weft__core_stats(host->node->core, &stats);
        printf("  %s %u/%u:%s%s %u jobs open, %u callers; in its core %u open, %u running\n",
               host->dials ? "client" : "node", host->number, host->life, host->up ? "" : " not up,",
               host->crashed ? " crashed," : "", host->open_count, host->callers, stats.dispatches_open,
               stats.attempts_running);
    }
}
