/* nng.c: the same relay on nng's streams, driven by their callbacks: the receive callback parses what came, appends it to
 * the destinations, and starts a send where none is outstanding; the send callback starts the next. Clients and workers
 * wait for their receives on their own thread, which costs one hand-over less than a callback, and send without waiting. */
#include "contender.h"
#include "relay.h"

#include <nng/nng.h>
#include <nng/supplemental/util/platform.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RECEIVE_BYTES = 64 * 1024 };

/* in is read by one receive at a time; out gathers what the outstanding send does not hold yet. Neither has a
 * descriptor. */
struct pipe {
    nng_stream *stream;
    nng_aio *receiving, *sending;
    struct stream in, out, leaving;
    pthread_mutex_t lock; /* out, leaving, busy */
    size_t left;          /* of leaving, sent already */
    bool busy;
    int index;
};

static void check(int error, const char *what)
{
    if (error) fail("nng: %s: %s", what, nng_strerror(error));
}

static void start_receive(struct pipe *p)
{
    struct stream *in = &p->in;
    size_t unread = in->in_end - in->in_start;
    if (in->in_room == 0 || unread > in->in_room - RECEIVE_BYTES) {
        in->in_room = (unread + RECEIVE_BYTES) * 2;
        in->in = realloc(in->in, in->in_room);
        if (!in->in) fail("memory");
    }
    if (unread && in->in_start) memmove(in->in, in->in + in->in_start, unread);
    in->in_start = 0;
    in->in_end = unread;
    nng_iov iov = {.iov_buf = in->in + unread, .iov_len = RECEIVE_BYTES};
    check(nng_aio_set_iov(p->receiving, 1, &iov), "receive");
    nng_stream_recv(p->stream, p->receiving);
}

static void send_rest(struct pipe *p)
{
    nng_iov iov = {.iov_buf = p->leaving.out + p->left, .iov_len = p->leaving.out_size - p->left};
    check(nng_aio_set_iov(p->sending, 1, &iov), "send");
    nng_stream_send(p->stream, p->sending);
}

/* What was gathered leaves; of the two buffers the empty one gathers on. */
static void swap_and_send(struct pipe *p)
{
    struct stream empty = p->leaving;
    empty.out_size = 0;
    p->leaving = p->out;
    p->out = empty;
    p->left = 0;
    send_rest(p);
}

static struct pipe *make_pipe(nng_stream *stream, void (*received)(void *), void (*sent)(void *))
{
    struct pipe *p = calloc(1, sizeof(*p));
    if (!p) fail("memory");
    p->stream = stream;
    pthread_mutex_init(&p->lock, NULL);
    check(nng_stream_set_bool(stream, NNG_OPT_TCP_NODELAY, true), "nodelay");
    check(nng_aio_alloc(&p->receiving, received, p), "make an aio");
    check(nng_aio_alloc(&p->sending, sent, p), "make an aio");
    return p;
}

/* --- the relay -------------------------------------------------------------------------------- */

static struct pipe *_Atomic pipes[RELAY_CONNECTIONS];
static int pipes_count;
static nng_stream_listener *listener;
static nng_aio *accepting;

static void flush_pipe(struct pipe *p)
{
    pthread_mutex_lock(&p->lock);
    if (!p->busy && p->out.out_size) {
        p->busy = true;
        swap_and_send(p);
    }
    pthread_mutex_unlock(&p->lock);
}

static void sent(void *argument)
{
    struct pipe *p = argument;
    if (nng_aio_result(p->sending)) return;
    pthread_mutex_lock(&p->lock);
    p->left += nng_aio_count(p->sending);
    if (p->left < p->leaving.out_size)
        send_rest(p);
    else if (p->out.out_size)
        swap_and_send(p);
    else
        p->busy = false;
    pthread_mutex_unlock(&p->lock);
}

/* Frames that follow each other to one destination are appended under one hold of its lock. */
static uint64_t relay_frames(struct pipe *p)
{
    weft_bytes unread = stream_unread(&p->in);
    struct relay_frame frame;
    const char *payload;
    uint64_t touched = 0;
    while (relay_take(&unread, &frame, &payload)) {
        int to = relay_route(p->index, &frame);
        pthread_mutex_lock(&pipes[to]->lock);
        relay_put(&pipes[to]->out, frame, payload);
        pthread_mutex_unlock(&pipes[to]->lock);
        touched |= UINT64_C(1) << to;
    }
    stream_skip(&p->in, stream_unread(&p->in).size - unread.size);
    return touched;
}

static void received(void *argument)
{
    struct pipe *p = argument;
    if (nng_aio_result(p->receiving)) return;
    p->in.in_end += nng_aio_count(p->receiving);
    uint64_t touched = relay_frames(p);
    for (int to = 0; touched; to++, touched >>= 1)
        if (touched & 1) flush_pipe(pipes[to]);
    start_receive(p);
}

static void accepted(void *unused)
{
    (void)unused;
    check(nng_aio_result(accepting), "accept");
    if (pipes_count == RELAY_CONNECTIONS) fail("nng: too many connections");
    struct pipe *p = make_pipe(nng_aio_get_output(accepting, 0), received, sent);
    p->index = pipes_count;
    atomic_store(&pipes[pipes_count++], p);
    start_receive(p);
    nng_stream_listener_accept(listener, accepting);
}

static void serve(int port)
{
    char url[64];
    snprintf(url, sizeof(url), "tcp://127.0.0.1:%d", port);
    check(nng_stream_listener_alloc(&listener, url), url);
    check(nng_stream_listener_listen(listener), url);
    check(nng_aio_alloc(&accepting, accepted, NULL), "make an aio");
    nng_stream_listener_accept(listener, accepting);
    for (;;)
        nng_msleep(1000);
}

/* --- its ends --------------------------------------------------------------------------------- */

static struct pipe *server;

static void flush(void)
{
    if (server->out.out_size == 0) return;
    while (server->busy) {
        nng_aio_wait(server->sending);
        check(nng_aio_result(server->sending), "send");
        server->left += nng_aio_count(server->sending);
        server->busy = server->left < server->leaving.out_size;
        if (server->busy) send_rest(server);
    }
    server->busy = true;
    swap_and_send(server);
}

static void fill(void)
{
    start_receive(server);
    nng_aio_wait(server->receiving);
    check(nng_aio_result(server->receiving), "receive");
    server->in.in_end += nng_aio_count(server->receiving);
}

static void connect_as(uint32_t what, int port)
{
    nng_stream_dialer *dialer;
    nng_aio *dialing;
    char url[64];
    snprintf(url, sizeof(url), "tcp://127.0.0.1:%d", port);
    check(nng_stream_dialer_alloc(&dialer, url), url);
    check(nng_aio_alloc(&dialing, NULL, NULL), "make an aio");
    nng_stream_dialer_dial(dialer, dialing);
    nng_aio_wait(dialing);
    check(nng_aio_result(dialing), url);
    server = make_pipe(nng_aio_get_output(dialing, 0), NULL, NULL);
    relay_put(&server->out, (struct relay_frame){0, what}, "");
    flush();
    while (stream_unread(&server->in).size < sizeof(struct relay_frame))
        fill();
    stream_skip(&server->in, sizeof(struct relay_frame));
}

static void open_client(int port)
{
    connect_as(RELAY_CLIENT, port);
}

static void submit(weft_bytes payload)
{
    relay_put(&server->out, (struct relay_frame){(uint32_t)payload.size, 0}, payload.data);
}

static int collect(void)
{
    struct relay_frame frame;
    const char *payload;
    int count = 0;
    while (count == 0) {
        fill();
        weft_bytes unread = stream_unread(&server->in);
        for (; relay_take(&unread, &frame, &payload); count++)
            reply_taken((weft_bytes){payload, frame.size});
        stream_skip(&server->in, stream_unread(&server->in).size - unread.size);
    }
    return count;
}

static void work(int port, int window)
{
    struct relay_frame frame;
    const char *payload;
    (void)window;
    connect_as(RELAY_WORKER, port);
    ready();
    for (;;) {
        fill();
        weft_bytes unread = stream_unread(&server->in);
        while (relay_take(&unread, &frame, &payload))
            relay_put(&server->out, frame, payload);
        stream_skip(&server->in, stream_unread(&server->in).size - unread.size);
        flush();
    }
}

const struct contender contender_nng = {.name = "nng relay",
                                        .bare = true,
                                        .serve = serve,
                                        .open = open_client,
                                        .submit = submit,
                                        .flush = flush,
                                        .collect = collect,
                                        .work = work};
