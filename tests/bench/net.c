/* What the transport costs: a round trip of 200 bytes between two processes, each with a callback for its reads, against the
 * same with sockets and an epoll loop at both ends; and the memory of idle connections, nng's share included.
 *
 * The other process is this program, told by its environment what to do: a forked child could not use nng. */
#include "bench.h"

#include <arpa/inet.h>
#include <malloc.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/pipe.h"

enum { MESSAGE_BYTES = 200, TRIPS = 20000, WARM_UP = 1000, IDLE = 400 };

extern char **environ;

static double median_us(uint64_t *times, size_t count)
{
    qsort(times, count, sizeof *times, bench_by_time);
    return (double)times[(count - 1) / 2] / 1e3;
}

static pid_t spawn_peer(const char *how)
{
    char *argv[] = {"bench", NULL};
    pid_t pid;
    setenv("WEFT_BENCH_PEER", how, 1);
    if (posix_spawn(&pid, "/proc/self/exe", NULL, NULL, argv, environ)) bench_die("start the other process");
    unsetenv("WEFT_BENCH_PEER");
    return pid;
}

/* --- pipes: one function for both ends ---------------------------------------------------------- */

struct trip {
    struct pipe *pipe;
    char in[MESSAGE_BYTES], out[MESSAGE_BYTES];
    size_t have;
    bool echoes;
    unsigned done;
    uint64_t began_ns;
    atomic_uint ready; /* of the two that a write waits for */
    atomic_bool over;
    uint64_t times[TRIPS];
};

static void got(void *context, weft_error error, size_t size);

static void receive(struct trip *trip)
{
    weft__pipe_read(trip->pipe, trip->in + trip->have, sizeof trip->in - trip->have, got, trip);
}

static void written(void *context, weft_error error, size_t size);

/* Called when there is something to send, and when the write before has ended: the second of them sends. */
static void send_next(struct trip *trip)
{
    if (atomic_fetch_add(&trip->ready, 1) == 0) return;
    atomic_store(&trip->ready, 0);
    trip->began_ns = bench_now_ns();
    weft__pipe_write(trip->pipe, trip->out, sizeof trip->out, written, trip);
}

static void written(void *context, weft_error error, size_t size)
{
    if (error) return;
    if (size != MESSAGE_BYTES) bench_die("write a message at once");
    send_next(context);
}

static void got(void *context, weft_error error, size_t size)
{
    struct trip *trip = context;
    trip->have += size;
    if (error) {
        atomic_store(&trip->over, true);
    } else if (trip->have < MESSAGE_BYTES) {
        receive(trip);
    } else {
        trip->have = 0;
        if (!trip->echoes && trip->done >= WARM_UP) trip->times[trip->done - WARM_UP] = bench_now_ns() - trip->began_ns;
        if (!trip->echoes && ++trip->done == WARM_UP + TRIPS) {
            atomic_store(&trip->over, true);
            return;
        }
        send_next(trip);
        receive(trip);
    }
}

static void await(atomic_bool *what)
{
    while (!atomic_load(what))
        usleep(200);
}

struct meeting {
    struct pipe *pipe;
    atomic_bool there;
};

static void dialled(void *context, weft_error error, const char *sentence, struct pipe *pipe)
{
    struct meeting *meeting = context;
    if (error) bench_die(sentence);
    meeting->pipe = pipe;
    atomic_store(&meeting->there, true);
}

static void accepted(void *context, struct pipe *pipe)
{
    dialled(context, WEFT_OK, "", pipe);
}

static struct pipe *dial(const char *url)
{
    char sentence[PIPE_SENTENCE_BYTES];
    struct meeting meeting = {0};
    struct dial *dialling;
    if (weft__pipe_dial(&weft__mem_libc, url, NULL, 10000, dialled, &meeting, &dialling, sentence)) bench_die(sentence);
    await(&meeting.there);
    weft__dial_free(dialling);
    return meeting.pipe;
}

static struct acceptor *listen_at(const char *url, struct meeting *meeting, char *bound)
{
    char sentence[PIPE_SENTENCE_BYTES];
    struct acceptor *acceptor;
    if (weft__pipe_listen(&weft__mem_libc, url, NULL, accepted, meeting, &acceptor, bound, sentence))
        bench_die(sentence);
    return acceptor;
}

static void echo_by_pipe(const char *url)
{
    static struct trip trip = {.echoes = true};
    trip.pipe = dial(url);
    atomic_store(&trip.ready, 1);
    receive(&trip);
    await(&trip.over);
}

static double by_pipe_us(const char *url)
{
    static struct trip trip;
    char bound[PIPE_URL_BYTES];
    struct meeting meeting = {0};
    struct acceptor *acceptor = listen_at(url, &meeting, bound);
    pid_t pid = spawn_peer(bound);
    await(&meeting.there);
    memset(&trip, 0, sizeof trip);
    trip.pipe = meeting.pipe;
    receive(&trip);
    atomic_store(&trip.ready, 1);
    send_next(&trip);
    await(&trip.over);
    weft__pipe_free(trip.pipe);
    weft__acceptor_close(acceptor);
    waitpid(pid, NULL, 0);
    return median_us(trip.times, TRIPS);
}

/* --- bare sockets ------------------------------------------------------------------------------- */

static void read_by_epoll(int epoll, int fd, char *bytes)
{
    struct epoll_event event;
    for (size_t have = 0; have < MESSAGE_BYTES;) {
        if (epoll_wait(epoll, &event, 1, -1) < 0) continue;
        ssize_t size = read(fd, bytes + have, MESSAGE_BYTES - have);
        if (size <= 0) _exit(0);
        have += (size_t)size;
    }
}

static int watch(int fd)
{
    struct epoll_event event = {.events = EPOLLIN};
    int epoll = epoll_create1(EPOLL_CLOEXEC), on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event)) bench_die("make an epoll loop");
    return epoll;
}

union address {
    struct sockaddr any;
    struct sockaddr_un local;
    struct sockaddr_in tcp;
};

/* "/path", or a port. */
static socklen_t address_of(const char *where, union address *address)
{
    memset(address, 0, sizeof *address);
    if (where[0] == '/') {
        address->local.sun_family = AF_UNIX;
        (void)snprintf(address->local.sun_path, sizeof address->local.sun_path, "%s", where);
        return sizeof address->local;
    }
    address->tcp.sin_family = AF_INET;
    address->tcp.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address->tcp.sin_port = htons((uint16_t)atoi(where));
    return sizeof address->tcp;
}

static void echo_by_socket(const char *where)
{
    union address address;
    char bytes[MESSAGE_BYTES];
    socklen_t size = address_of(where, &address);
    int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0), epoll;
    if (connect(fd, &address.any, size)) bench_die("connect");
    epoll = watch(fd);
    for (;;) {
        read_by_epoll(epoll, fd, bytes);
        if (write(fd, bytes, sizeof bytes) != sizeof bytes) _exit(1);
    }
}

static double by_socket_us(const char *where)
{
    static uint64_t times[TRIPS];
    union address address;
    char bytes[MESSAGE_BYTES] = "", bound[128];
    socklen_t size = address_of(where, &address);
    int listener = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(listener, &address.any, size) || listen(listener, 1) || getsockname(listener, &address.any, &size))
        bench_die("listen");
    (void)snprintf(bound, sizeof bound, "%s", where);
    if (where[0] != '/') (void)snprintf(bound, sizeof bound, "%u", (unsigned)ntohs(address.tcp.sin_port));
    pid_t pid = spawn_peer(bound);
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC), epoll = watch(fd);
    for (int i = 0; i < WARM_UP + TRIPS; i++) {
        uint64_t began_ns = bench_now_ns();
        if (write(fd, bytes, sizeof bytes) != sizeof bytes) bench_die("write");
        read_by_epoll(epoll, fd, bytes);
        if (i >= WARM_UP) times[i - WARM_UP] = bench_now_ns() - began_ns;
    }
    close(epoll);
    close(fd);
    close(listener);
    waitpid(pid, NULL, 0);
    return median_us(times, TRIPS);
}

__attribute__((constructor)) static void play_peer(void)
{
    const char *how = getenv("WEFT_BENCH_PEER");
    if (!how) return;
    if (strstr(how, "://"))
        echo_by_pipe(how);
    else
        echo_by_socket(how);
    _exit(0);
}

/* --- the rows ----------------------------------------------------------------------------------- */

static const char *path_of(const char *prefix)
{
    static char path[128];
    (void)snprintf(path, sizeof path, "%s/tmp/weft-bench-%d", prefix, (int)getpid());
    return path;
}

static double ipc_us(void)
{
    return by_pipe_us(path_of("ipc://"));
}

static double bare_ipc_us(void)
{
    const char *path = path_of("");
    double us = by_socket_us(path);
    (void)unlink(path);
    return us;
}

static double tcp_us(void)
{
    return by_pipe_us("tcp://127.0.0.1:0");
}

static double bare_tcp_us(void)
{
    return by_socket_us("0");
}

static size_t heap_bytes(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

static void ignore(void *context, weft_error error, size_t size)
{
    (void)context, (void)error, (void)size;
}

/* Both ends are ours, and count; each has a read under way, into one byte. */
static double idle_bytes(const char *url)
{
    static struct pipe *pipes[2 * IDLE];
    static char bytes[2 * IDLE];
    char bound[PIPE_URL_BYTES];
    struct meeting meeting = {0};
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    struct acceptor *acceptor = listen_at(url, &meeting, bound);
    size_t before = 0;
    for (int i = 0; i < 2 * IDLE; i += 2) {
        if (i == 2) before = heap_bytes();
        atomic_store(&meeting.there, false);
        pipes[i] = dial(bound);
        await(&meeting.there);
        pipes[i + 1] = meeting.pipe;
        weft__pipe_read(pipes[i], &bytes[i], 1, ignore, NULL);
        weft__pipe_read(pipes[i + 1], &bytes[i + 1], 1, ignore, NULL);
    }
    size_t after = heap_bytes();
    for (int i = 0; i < 2 * IDLE; i++)
        weft__pipe_free(pipes[i]);
    weft__acceptor_close(acceptor);
    return (double)(after - before) / (2 * IDLE - 2);
}

static double idle_ipc_bytes(void)
{
    return idle_bytes(path_of("ipc://"));
}

static double idle_tcp_bytes(void)
{
    return idle_bytes("tcp://127.0.0.1:0");
}

#define TRIP(what, function, bare)                                                                                     \
    {                                                                                                                  \
        .name = "net " what, .metric = "median round trip of 200 bytes, two processes", .unit = "us",                  \
        .measure = function, .against = "bare sockets and epoll", .measure_against = bare, .goal = 6, .at_most = 1,    \
        .rounds = 5                                                                                                    \
    }

#define IDLE_ROW(what, function)                                                                                       \
    {                                                                                                                  \
        .name = "net memory " what, .metric = "heap of an idle connection at one end, nng's share included",           \
        .unit = "bytes", .measure = function, .against = "what is allowed", .goal = 2560, .at_most = 1, .rounds = 3    \
    }

const struct bench bench_net[] = {TRIP("ipc", ipc_us, bare_ipc_us),
                                  TRIP("tcp", tcp_us, bare_tcp_us),
                                  IDLE_ROW("ipc", idle_ipc_bytes),
                                  IDLE_ROW("tcp", idle_tcp_bytes),
                                  {0}};
