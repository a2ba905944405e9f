/* gearmand.c: gearmand with one thread (-t 0: its threads only cost), its binary protocol pipelined. A packet is a magic
 * word, a type and a size, big-endian, and arguments that end with a zero. A worker asks for several jobs at once
 * (GRAB_JOB); each is answered by JOB_ASSIGN or NO_JOB; when there is none it sleeps (PRE_SLEEP) until NOOP. */
#include "contender.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>

enum {
    CAN_DO = 1,
    PRE_SLEEP = 4,
    NOOP = 6,
    SUBMIT_JOB = 7,
    JOB_CREATED = 8,
    GRAB_JOB = 9,
    NO_JOB = 10,
    JOB_ASSIGN = 11,
    WORK_COMPLETE = 13,
    ECHO_REQ = 16,
    ECHO_RES = 17,
    ERROR = 19
};
enum { HEADER = 12, GRABS_MAX = 48, MAGIC = 0x524551 }; /* "\0REQ" */
#define FUNCTION "bench"

static struct stream server;

static void launch(struct launch *l)
{
    launch_add(l, "-t");
    launch_add(l, "0");
    launch_add(l, "-L");
    launch_add(l, "127.0.0.1");
    launch_add(l, "-p");
    launch_add(l, "%d", l->port);
    launch_add(l, "-l");
    launch_add(l, "stderr");
    launch_add(l, "--pid-file=%s/pid", l->directory);
}

/* A packet whose data is a, then b. */
static void put(struct stream *s, uint32_t type, const void *a, size_t a_size, weft_bytes b)
{
    uint32_t header[3] = {htonl(MAGIC), htonl(type), htonl((uint32_t)(a_size + b.size))};
    char *to = stream_extend(s, HEADER + a_size + b.size);
    memcpy(to, header, sizeof(header));
    if (a_size) memcpy(to + HEADER, a, a_size);
    if (b.size) memcpy(to + HEADER + a_size, b.data, b.size);
}

static void put_empty(struct stream *s, uint32_t type)
{
    put(s, type, NULL, 0, (weft_bytes){0});
}

/* The next packet's type, or 0 when it is not all there. Its data stays until the next stream_fill(). */
static uint32_t take(struct stream *s, weft_bytes *data)
{
    weft_bytes unread = stream_unread(s);
    const char *text = unread.data;
    uint32_t type, size;
    if (unread.size < HEADER) return 0;
    memcpy(&type, text + 4, 4);
    memcpy(&size, text + 8, 4);
    *data = (weft_bytes){text + HEADER, ntohl(size)};
    if (unread.size < HEADER + data->size) return 0;
    stream_skip(s, HEADER + data->size);
    if (ntohl(type) == ERROR) fail("gearmand: %.*s", (int)data->size, (const char *)data->data);
    return ntohl(type);
}

/* What follows the next zero. */
static weft_bytes after_zero(weft_bytes data)
{
    const char *text = data.data, *zero = memchr(text, 0, data.size);
    if (!zero) fail("a packet without its arguments");
    return (weft_bytes){zero + 1, data.size - (size_t)(zero + 1 - text)};
}

static void open_client(int port)
{
    stream_open(&server, port);
}

static void submit(weft_bytes payload)
{
    put(&server, SUBMIT_JOB, FUNCTION "\0", sizeof(FUNCTION "\0"), payload); /* no unique id: nothing is coalesced */
}

static void flush(void)
{
    stream_flush(&server);
}

static int collect(void)
{
    weft_bytes data;
    int count = 0;
    while (count == 0) {
        stream_fill(&server);
        for (uint32_t type; (type = take(&server, &data)) != 0;) {
            if (type != WORK_COMPLETE) continue;
            reply_taken(after_zero(data));
            count++;
        }
    }
    return count;
}

static void register_worker(struct stream *s, int port)
{
    weft_bytes data;
    stream_open(s, port);
    put(s, CAN_DO, FUNCTION, strlen(FUNCTION), (weft_bytes){0});
    put_empty(s, PRE_SLEEP);
    put_empty(s, ECHO_REQ);
    stream_flush(s);
    for (uint32_t type = 0; type != ECHO_RES; type = take(s, &data))
        if (type == 0) stream_fill(s);
}

struct asking {
    int grabs, grabs_max;
    bool none, asleep;
};

static void answer(weft_bytes data)
{
    weft_bytes payload = after_zero(after_zero(data));
    const char *handle = data.data;
    put(&server, WORK_COMPLETE, handle, strlen(handle) + 1, payload);
}

static void heed(struct asking *a, uint32_t type, weft_bytes data)
{
    if (type == NOOP) a->asleep = a->none = false;
    if (type == NO_JOB || type == JOB_ASSIGN) a->grabs--;
    if (type == NO_JOB) a->none = true;
    if (type == JOB_ASSIGN) answer(data);
    if (type == JOB_ASSIGN && a->grabs_max == 1) a->none = true; /* there was one: asking again costs a turn */
}

static void work(int port, int window)
{
    struct asking a = {.grabs_max = window == 1 ? 1 : GRABS_MAX, .asleep = true};
    weft_bytes data;
    register_worker(&server, port);
    ready();
    for (;;) {
        stream_fill(&server);
        for (uint32_t type; (type = take(&server, &data)) != 0;)
            heed(&a, type, data);
        while (!a.asleep && !a.none && a.grabs < a.grabs_max) {
            put_empty(&server, GRAB_JOB);
            a.grabs++;
        }
        if (a.none && !a.asleep && a.grabs == 0) {
            put_empty(&server, PRE_SLEEP);
            a.asleep = true;
        }
        stream_flush(&server);
    }
}

static void hold(int port)
{
    weft_bytes data;
    register_worker(&server, port);
    ready();
    for (;;) {
        stream_fill(&server);
        for (uint32_t type; (type = take(&server, &data)) != 0;) {
            if (type == NOOP) put_empty(&server, GRAB_JOB);
            if (type == NO_JOB) put_empty(&server, PRE_SLEEP);
            if (type == JOB_ASSIGN) took();
        }
        stream_flush(&server);
    }
}

const struct contender contender_gearmand = {.name = "gearmand",
                                             .program = "gearmand",
                                             .launch = launch,
                                             .open = open_client,
                                             .submit = submit,
                                             .flush = flush,
                                             .collect = collect,
                                             .work = work,
                                             .hold = hold,
                                             .idle = register_worker};
