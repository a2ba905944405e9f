/* zeromq.c: libzmq's own proxy between a ROUTER for clients and a DEALER for workers, which listens at the port after. */
#include "contender.h"

#include <stdio.h>
#include <string.h>
#include <zmq.h>

static void *context, *socket_;

static void *make(int type, int port, bool listens)
{
    char url[64];
    int none = 0;
    if (!context) context = zmq_ctx_new();
    void *made = zmq_socket(context, type);
    snprintf(url, sizeof(url), "tcp://127.0.0.1:%d", port);
    if (!made || zmq_setsockopt(made, ZMQ_SNDHWM, &none, sizeof(none)) ||
        zmq_setsockopt(made, ZMQ_RCVHWM, &none, sizeof(none)) ||
        (listens ? zmq_bind(made, url) : zmq_connect(made, url)))
        fail("zeromq at %s: %s", url, zmq_strerror(zmq_errno()));
    return made;
}

static void serve(int port)
{
    void *workers = make(ZMQ_DEALER, port + 1, true), *clients = make(ZMQ_ROUTER, port, true);
    zmq_proxy(clients, workers, NULL);
    fail("zeromq's proxy: %s", zmq_strerror(zmq_errno()));
}

static void open_client(int port)
{
    socket_ = make(ZMQ_DEALER, port, false);
}

static void submit(weft_bytes payload)
{
    if (zmq_send(socket_, payload.data, payload.size, 0) < 0) fail("zeromq: send: %s", zmq_strerror(zmq_errno()));
}

static void flush(void)
{
}

static int collect(void)
{
    zmq_msg_t message;
    int count = 0;
    zmq_msg_init(&message);
    while (zmq_msg_recv(&message, socket_, count ? ZMQ_DONTWAIT : 0) >= 0) {
        reply_taken((weft_bytes){zmq_msg_data(&message), zmq_msg_size(&message)});
        count++;
    }
    zmq_msg_close(&message);
    return count;
}

/* Sends back each part as it came: whose it is, and the payload. */
static void work(int port, int window)
{
    zmq_msg_t part;
    (void)window;
    socket_ = make(ZMQ_DEALER, port + 1, false);
    ready();
    zmq_msg_init(&part);
    for (;;) {
        if (zmq_msg_recv(&part, socket_, 0) < 0) fail("zeromq: receive: %s", zmq_strerror(zmq_errno()));
        if (zmq_msg_send(&part, socket_, zmq_msg_more(&part) ? ZMQ_SNDMORE : 0) < 0)
            fail("zeromq: send: %s", zmq_strerror(zmq_errno()));
    }
}

const struct contender contender_zeromq = {.name = "zeromq",
                                           .serve = serve,
                                           .open = open_client,
                                           .submit = submit,
                                           .flush = flush,
                                           .collect = collect,
                                           .work = work};
