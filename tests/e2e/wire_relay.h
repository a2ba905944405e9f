/* wire_relay.h: a network of the test's own: passes bytes on between clients and a node, and can lose the connections, refuse
 * new ones, hold bytes back, close one direction, delay and throttle. One thread; every call may come from any other. */
#ifndef WEFT_TESTS_E2E_WIRE_RELAY_H
#define WEFT_TESTS_E2E_WIRE_RELAY_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "e2e/wire_lib.h"

enum { RELAY_LINKS_MAX = 64, RELAY_BYTES = 65536 };

enum relay_direction { UPWARDS, DOWNWARDS }; /* from the client to the node; and back */

struct relay_link {
    int fd[2];               /* the client's, the node's; -1 = none */
    bool ended[2];           /* nothing more comes from that side */
    size_t have[2], from[2]; /* what came from that side and is not passed on */
    uint64_t due_ms[2];      /* it may be, from then on */
    unsigned char bytes[2][RELAY_BYTES];
};

struct relay {
    char url[WEFT_URL_MAX + 1];
    pthread_t thread;
    int listener, wake;
    pthread_mutex_t mutex; /* guards all that follows */
    char target[WEFT_URL_MAX + 1];
    bool refusing; /* who comes is turned away */
    bool stalled[2];
    bool stopping;
    uint32_t delay_ms;
    uint32_t chunk_max; /* bytes passed on at a time, a millisecond in between; 0 = no bound */
    uint64_t passed[2]; /* bytes */
    uint64_t accepted;
    struct relay_link *links[RELAY_LINKS_MAX];
};

/* --- sockets, of the way that an url says ------------------------------------------------------------- */

static inline socklen_t address_of(const char *url, struct sockaddr_storage *address)
{
    memset(address, 0, sizeof *address);
    if (strncmp(url, "ipc://", 6) == 0) {
        struct sockaddr_un *un = (struct sockaddr_un *)(void *)address;
        un->sun_family = AF_UNIX;
        thread_check_true(strlen(url + 6) < sizeof un->sun_path);
        memcpy(un->sun_path, url + 6, strlen(url + 6) + 1);
        return sizeof *un;
    }
    struct sockaddr_in *in = (struct sockaddr_in *)(void *)address;
    char host[64] = "";
    thread_check_eq(sscanf(url, "tcp://%63[0-9.]", host), 1);
    in->sin_family = AF_INET;
    thread_check_eq(inet_pton(AF_INET, host, &in->sin_addr), 1);
    in->sin_port = htons((uint16_t)strtoul(strrchr(url, ':') + 1, NULL, 10));
    return sizeof *in;
}

/* -1: nobody is there. */
static inline int connect_to(const char *url)
{
    struct sockaddr_storage address;
    socklen_t size = address_of(url, &address);
    int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    thread_check_true(fd >= 0);
    if (connect(fd, (struct sockaddr *)&address, size)) {
        close(fd);
        return -1;
    }
    int on = 1;
    if (address.ss_family == AF_INET) (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

static inline int listen_at(const char *url, char *bound)
{
    struct sockaddr_storage address;
    socklen_t size = address_of(url, &address);
    int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    check_true(fd >= 0);
    check_eq(bind(fd, (struct sockaddr *)&address, size), 0);
    check_eq(listen(fd, 256), 0);
    (void)snprintf(bound, WEFT_URL_MAX + 1, "%s", url);
    if (address.ss_family == AF_UNIX) return fd;
    check_eq(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    size_t host_size = (size_t)(strrchr(url, ':') - url);
    (void)snprintf(bound + host_size, WEFT_URL_MAX + 1 - host_size, ":%u",
                   (unsigned)ntohs(((struct sockaddr_in *)(void *)&address)->sin_port));
    return fd;
}

/* --- the thread ------------------------------------------------------------------------------------- */

static inline void relay_link_free(struct relay *relay, int at)
{
    struct relay_link *link = relay->links[at];
    relay->links[at] = NULL;
    for (int side = 0; side < 2; side++)
        if (link->fd[side] >= 0) close(link->fd[side]);
    free(link);
}

static inline void relay_accept(struct relay *relay)
{
    int fd = accept4(relay->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    int at = 0;
    if (fd < 0) return;
    while (at < RELAY_LINKS_MAX && relay->links[at])
        at++;
    int far = relay->refusing || at == RELAY_LINKS_MAX ? -1 : connect_to(relay->target);
    if (far < 0) {
        close(fd);
        return;
    }
    int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    thread_check_eq(fcntl(far, F_SETFL, O_NONBLOCK), 0);
    struct relay_link *link = calloc(1, sizeof *link);
    thread_check_true(link != NULL);
    link->fd[0] = fd;
    link->fd[1] = far;
    relay->links[at] = link;
    relay->accepted++;
}

/* From that side on to the other. False: the connection is gone. */
static inline bool relay_pass(struct relay *relay, struct relay_link *link, int side)
{
    uint64_t now = now_ms();
    if (relay->stalled[side]) return true;
    if (!link->have[side] && !link->ended[side]) {
        ssize_t got = read(link->fd[side], link->bytes[side], RELAY_BYTES);
        if (got < 0) return errno == EAGAIN;
        link->ended[side] = got == 0;
        if (got == 0) (void)shutdown(link->fd[!side], SHUT_WR);
        link->have[side] = (size_t)got;
        link->from[side] = 0;
        link->due_ms[side] = relay->delay_ms ? now + relay->delay_ms : 0;
    }
    if (!link->have[side] || now < link->due_ms[side]) return !(link->ended[0] && link->ended[1]);
    size_t size = link->have[side];
    if (relay->chunk_max && size > relay->chunk_max) size = relay->chunk_max;
    ssize_t put = send(link->fd[!side], link->bytes[side] + link->from[side], size, MSG_NOSIGNAL);
    if (put < 0) return errno == EAGAIN;
    link->from[side] += (size_t)put;
    link->have[side] -= (size_t)put;
    relay->passed[side] += (uint64_t)put;
    if (relay->chunk_max) link->due_ms[side] = now + 1;
    return true;
}

/* Who is to be looked at; how long at most: -1 = until something comes. */
static inline int relay_polls(struct relay *relay, struct pollfd *polls, int *count)
{
    int timeout_ms = -1;
    uint64_t now = now_ms();
    polls[0] = (struct pollfd){.fd = relay->wake, .events = POLLIN};
    polls[1] = (struct pollfd){.fd = relay->listener, .events = POLLIN};
    *count = 2;
    for (int at = 0; at < RELAY_LINKS_MAX; at++) {
        const struct relay_link *link = relay->links[at];
        if (!link) continue;
        short events[2] = {0, 0};
        for (int side = 0; side < 2; side++) {
            if (relay->stalled[side]) continue;
            if (link->have[side] && link->due_ms[side] > now) {
                int wait = (int)(link->due_ms[side] - now);
                if (timeout_ms < 0 || wait < timeout_ms) timeout_ms = wait;
            } else if (link->have[side]) {
                events[!side] |= POLLOUT;
            } else if (!link->ended[side]) {
                events[side] |= POLLIN;
            }
        }
        for (int side = 0; side < 2; side++)
            if (events[side]) polls[(*count)++] = (struct pollfd){.fd = link->fd[side], .events = events[side]};
    }
    return timeout_ms;
}

static inline void *relay_main(void *argument)
{
    struct relay *relay = argument;
    struct pollfd polls[2 + 2 * RELAY_LINKS_MAX];
    for (bool over = false; !over;) {
        uint64_t woken;
        int count;
        pthread_mutex_lock(&relay->mutex);
        int timeout_ms = relay_polls(relay, polls, &count);
        pthread_mutex_unlock(&relay->mutex);
        (void)poll(polls, (nfds_t)count, timeout_ms);
        pthread_mutex_lock(&relay->mutex);
        if (polls[0].revents) (void)!read(relay->wake, &woken, sizeof woken);
        if (polls[1].revents) relay_accept(relay);
        for (int at = 0; at < RELAY_LINKS_MAX; at++)
            if (relay->links[at] && !(relay_pass(relay, relay->links[at], 0) && relay_pass(relay, relay->links[at], 1)))
                relay_link_free(relay, at);
        over = relay->stopping;
        pthread_mutex_unlock(&relay->mutex);
    }
    return NULL;
}

static inline void relay_wake(struct relay *relay)
{
    uint64_t one = 1;
    thread_check_eq(write(relay->wake, &one, sizeof one), sizeof one);
}

/* --- what a test does with it ----------------------------------------------------------------------- */

static inline void open_relay_at(struct relay *relay, const char *url, const char *target)
{
    memset(relay, 0, sizeof *relay);
    (void)snprintf(relay->target, sizeof relay->target, "%s", target);
    pthread_mutex_init(&relay->mutex, NULL);
    relay->listener = listen_at(url, relay->url);
    relay->wake = eventfd(0, EFD_CLOEXEC);
    relay->thread = start(relay_main, relay);
}

static inline void open_relay(struct relay *relay, const struct way *way, const char *target)
{
    char url[WEFT_URL_MAX + 1];
    new_url(way, url);
    open_relay_at(relay, url, target);
}

#define RELAY_CHANGE(relay, change)                                                                                    \
    do {                                                                                                               \
        pthread_mutex_lock(&(relay)->mutex);                                                                           \
        change;                                                                                                        \
        pthread_mutex_unlock(&(relay)->mutex);                                                                         \
        relay_wake(relay);                                                                                             \
    } while (0)

static inline void relay_drop_all(struct relay *relay)
{
    for (int at = 0; at < RELAY_LINKS_MAX; at++)
        if (relay->links[at]) relay_link_free(relay, at);
}

/* Every connection is lost; who comes is let in again. */
static inline void relay_drop(struct relay *relay)
{
    RELAY_CHANGE(relay, relay_drop_all(relay));
}

/* The same, and nobody is let in until it is mended. */
static inline void relay_cut(struct relay *relay)
{
    RELAY_CHANGE(relay, relay->refusing = true; relay_drop_all(relay));
}

static inline void relay_mend(struct relay *relay)
{
    RELAY_CHANGE(relay, relay->refusing = false; relay->stalled[0] = relay->stalled[1] = false);
}

/* Bytes are held back, connections stay: what a network does that loses every packet. */
static inline void relay_stall(struct relay *relay, bool upwards, bool downwards)
{
    RELAY_CHANGE(relay, relay->stalled[UPWARDS] = upwards; relay->stalled[DOWNWARDS] = downwards);
}

static inline void relay_shut(struct relay *relay, int side)
{
    RELAY_CHANGE(relay, for (int at = 0; at < RELAY_LINKS_MAX; at++) if (relay->links[at])(void)
                            shutdown(relay->links[at]->fd[side], SHUT_WR));
}

static inline void relay_slow(struct relay *relay, uint32_t delay_ms, uint32_t chunk_max)
{
    RELAY_CHANGE(relay, relay->delay_ms = delay_ms; relay->chunk_max = chunk_max);
}

static inline void relay_aim(struct relay *relay, const char *target)
{
    RELAY_CHANGE(relay, (void)snprintf(relay->target, sizeof relay->target, "%s", target));
}

static inline uint64_t relay_accepted(struct relay *relay)
{
    pthread_mutex_lock(&relay->mutex);
    uint64_t accepted = relay->accepted;
    pthread_mutex_unlock(&relay->mutex);
    return accepted;
}

static inline void close_relay(struct relay *relay)
{
    RELAY_CHANGE(relay, relay->stopping = true);
    join(relay->thread);
    relay_drop_all(relay);
    close(relay->listener);
    close(relay->wake);
    pthread_mutex_destroy(&relay->mutex);
}

#endif
