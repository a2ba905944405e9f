/* net_flow.h: a pipe that is read on and on, whose bytes are counted, and on which thread they came is noted. */
#ifndef WEFT_TESTS_E2E_NET_FLOW_H
#define WEFT_TESTS_E2E_NET_FLOW_H

#include <sched.h>

#include "base/clock.h"
#include "e2e/net_lib.h"

/* What is sent: the byte at each place of the stream. */
static inline unsigned char byte_at(uint64_t place)
{
    return (unsigned char)(place * 31 + (place >> 8));
}

struct flow {
    struct pair pair; /* near is read, far is written */
    unsigned char bytes[1000];
    uint64_t sent;
    struct event called; /* once for each call of the function, after it has asked for more */
    unsigned awaited;    /* calls */
    _Atomic uint64_t came;
    _Atomic pthread_t thread; /* of the last call */
    atomic_bool by_reader;    /* its name */
    atomic_bool ended;        /* with WEFT_ECLOSED */
    struct stop *stop;        /* the next call waits there; NULL = it does not */
};

static inline bool on_reader(void)
{
    char name[16] = "";
    thread_check_eq(pthread_getname_np(pthread_self(), name, sizeof name), 0);
    return strcmp(name, "weft-reader") == 0;
}

static inline void flow_came(void *context, weft_error error, size_t size)
{
    struct flow *flow = context;
    uint64_t came = atomic_load(&flow->came);
    for (size_t i = 0; i < size; i++)
        thread_check_eq(flow->bytes[i], byte_at(came + i));
    atomic_store(&flow->thread, pthread_self());
    atomic_store(&flow->by_reader, on_reader());
    if (flow->stop) {
        event_give(&flow->stop->began);
        event_await(&flow->stop->go_on, 1);
    }
    if (error) {
        thread_check_eq(error, WEFT_ECLOSED);
        thread_check_true(!atomic_exchange(&flow->ended, true));
    } else {
        atomic_store(&flow->came, came + size);
        weft__pipe_read(flow->pair.near.pipe, flow->bytes, sizeof flow->bytes, flow_came, flow);
    }
    event_give(&flow->called);
}

/* lead: who may read it; NULL = nobody. */
static inline struct flow *open_flow(const struct way *way, struct lead *lead)
{
    struct flow *flow = calloc(1, sizeof *flow);
    check_true(flow != NULL);
    check_true(open_pair(&flow->pair, way));
    if (lead) weft__pipe_lead_by(flow->pair.near.pipe, lead);
    weft__pipe_read(flow->pair.near.pipe, flow->bytes, sizeof flow->bytes, flow_came, flow);
    return flow;
}

static inline void close_flow(struct flow *flow)
{
    close_pair(&flow->pair);
    thread_check_true(atomic_load(&flow->ended));
    free(flow);
}

static inline void flow_send(struct flow *flow, size_t size)
{
    unsigned char bytes[1000];
    for (size_t i = 0; i < size; i++)
        bytes[i] = byte_at(flow->sent + i);
    write_all(&flow->pair.far, bytes, size);
    flow->sent += size;
}

/* One more call has come, with what was sent, and has asked for more. */
static inline void flow_await_call(struct flow *flow)
{
    event_await(&flow->called, ++flow->awaited);
}

static inline void flow_bounce(struct flow *flow)
{
    flow_send(flow, 1);
    flow_await_call(flow);
    thread_check_eq(atomic_load(&flow->came), flow->sent);
}

/* All that was sent has come, in any number of calls. */
static inline void flow_await_bytes(struct flow *flow)
{
    while (atomic_load(&flow->came) < flow->sent)
        sched_yield();
}

/* How many threads of this process have that name. */
static inline unsigned threads_named(const char *name)
{
    unsigned count = 0;
    DIR *directory = opendir("/proc/self/task");
    check_true(directory != NULL);
    for (struct dirent *entry; (entry = readdir(directory));) {
        char path[300], said[32] = "";
        (void)snprintf(path, sizeof path, "/proc/self/task/%s/comm", entry->d_name);
        FILE *file = fopen(path, "r");
        if (!file) continue; /* it has just ended */
        if (fgets(said, sizeof said, file)) said[strcspn(said, "\n")] = '\0';
        count += strcmp(said, name) == 0;
        (void)fclose(file);
    }
    (void)closedir(directory);
    return count;
}

#endif
