/* epoll.c: the least that three processes can do: a relay of one thread on epoll, blocking sockets at the ends. What is
 * read at once leaves in one write for each destination. */
#include "contender.h"
#include "relay.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static struct stream connections[RELAY_CONNECTIONS];
static bool waiting[RELAY_CONNECTIONS]; /* for room to send */
static int connections_count, poller;

static int listen_at(int port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
        bind(fd, (struct sockaddr *)&at, sizeof(at)) || listen(fd, 128))
        fail("listen at port %d: %s", port, strerror(errno));
    return fd;
}

static void watch(int how, int fd, int index, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = index};
    if (epoll_ctl(poller, how, fd, &event)) fail("epoll: %s", strerror(errno));
}

static void take_connection(int listener)
{
    int on = 1, fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0 || connections_count == RELAY_CONNECTIONS || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)))
        fail("accept: %s", strerror(errno));
    connections[connections_count].fd = fd;
    watch(EPOLL_CTL_ADD, fd, connections_count++, EPOLLIN);
}

/* What the other side does not take now waits until it does. */
static void send_some(int to)
{
    struct stream *s = &connections[to];
    ssize_t size = send(s->fd, s->out, s->out_size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (size < 0 && errno != EAGAIN) return; /* it is gone, which its end of stream tells */
    if (size > 0) {
        s->out_size -= (size_t)size;
        memmove(s->out, s->out + size, s->out_size);
    }
    if ((s->out_size > 0) == waiting[to]) return;
    waiting[to] = !waiting[to];
    watch(EPOLL_CTL_MOD, s->fd, to, waiting[to] ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static void relay(int from)
{
    struct stream *s = &connections[from];
    struct relay_frame frame;
    const char *payload;
    uint64_t touched = 0;
    if (!stream_receive(s)) {
        epoll_ctl(poller, EPOLL_CTL_DEL, s->fd, NULL);
        return;
    }
    weft_bytes unread = stream_unread(s);
    while (relay_take(&unread, &frame, &payload)) {
        int to = relay_route(from, &frame);
        relay_put(&connections[to], frame, payload);
        touched |= UINT64_C(1) << to;
    }
    stream_skip(s, stream_unread(s).size - unread.size);
    for (int to = 0; touched; to++, touched >>= 1)
        if (touched & 1 && !waiting[to]) send_some(to);
}

static void serve(int port)
{
    struct epoll_event events[RELAY_CONNECTIONS];
    int listener = listen_at(port);
    poller = epoll_create1(EPOLL_CLOEXEC);
    watch(EPOLL_CTL_ADD, listener, -1, EPOLLIN);
    for (;;) {
        int count = epoll_wait(poller, events, RELAY_CONNECTIONS, -1);
        for (int i = 0; i < count; i++) {
            int from = events[i].data.fd;
            if (from < 0) take_connection(listener);
            if (from >= 0 && events[i].events & EPOLLOUT) send_some(from);
            if (from >= 0 && events[i].events & ~(uint32_t)EPOLLOUT) relay(from);
        }
    }
}

static struct stream server;

static void connect_as(uint32_t what, int port)
{
    stream_open(&server, port);
    relay_put(&server, (struct relay_frame){0, what}, "");
    stream_flush(&server);
    while (stream_unread(&server).size < sizeof(struct relay_frame))
        stream_fill(&server);
    stream_skip(&server, sizeof(struct relay_frame));
}

static void open_client(int port)
{
    connect_as(RELAY_CLIENT, port);
}

static void submit(weft_bytes payload)
{
    relay_put(&server, (struct relay_frame){(uint32_t)payload.size, 0}, payload.data);
}

static void flush(void)
{
    stream_flush(&server);
}

static int collect(void)
{
    struct relay_frame frame;
    const char *payload;
    int count = 0;
    while (count == 0) {
        stream_fill(&server);
        weft_bytes unread = stream_unread(&server);
        for (; relay_take(&unread, &frame, &payload); count++)
            reply_taken((weft_bytes){payload, frame.size});
        stream_skip(&server, stream_unread(&server).size - unread.size);
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
        stream_fill(&server);
        weft_bytes unread = stream_unread(&server);
        while (relay_take(&unread, &frame, &payload))
            relay_put(&server, frame, payload);
        stream_skip(&server, stream_unread(&server).size - unread.size);
        stream_flush(&server);
    }
}

const struct contender contender_epoll = {.name = "epoll relay",
                                          .bare = true,
                                          .serve = serve,
                                          .open = open_client,
                                          .submit = submit,
                                          .flush = flush,
                                          .collect = collect,
                                          .work = work};
