/* relay: a stretch of network that can be cut. It accepts connections at a port of this host that it prints, and passes what comes to
 * the address it was given: relay 127.0.0.1 PORT.
 *
 * SIGUSR1 cuts it: every connection is dropped, and new ones are, too. SIGUSR2 mends it. It ends with its standard input.
 */
#define _GNU_SOURCE 1
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PAIRS_MAX = 32 };

static struct {
    int ends[2];
} pairs[PAIRS_MAX];
static int pairs_count;

static volatile sig_atomic_t cut;

static void on_signal(int number)
{
    cut = number == SIGUSR1;
}

static void die(const char *what)
{
    fprintf(stderr, "relay: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int loopback(struct sockaddr_in *address, const char *host, int port)
{
    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    if (inet_pton(AF_INET, host, &address->sin_addr) != 1) die(host);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) die("socket");
    return fd;
}

static void drop(int pair)
{
    close(pairs[pair].ends[0]);
    close(pairs[pair].ends[1]);
    pairs[pair] = pairs[--pairs_count];
}

static void take(int listener, const struct sockaddr_in *to)
{
    int near = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (near < 0) return;
    int far = cut || pairs_count == PAIRS_MAX ? -1 : socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (far < 0 || connect(far, (const struct sockaddr *)to, sizeof(*to))) {
        if (far >= 0) close(far);
        close(near);
        return;
    }
    setsockopt(near, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    setsockopt(far, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    pairs[pairs_count].ends[0] = near;
    pairs[pairs_count++].ends[1] = far;
}

/* False: the connection has ended. */
static int pass(int from, int to)
{
    char bytes[65536];
    ssize_t got = recv(from, bytes, sizeof(bytes), 0);
    if (got < 0 && errno == EINTR) return 1;
    for (ssize_t done = 0, sent; done < got; done += sent)
        if ((sent = send(to, bytes + done, (size_t)(got - done), MSG_NOSIGNAL)) <= 0) return 0;
    return got > 0;
}

static void serve(int listener, const struct sockaddr_in *to, const sigset_t *open)
{
    for (;;) {
        struct pollfd fds[2 + 2 * PAIRS_MAX] = {{.fd = 0, .events = POLLIN}, {.fd = listener, .events = POLLIN}};
        for (int i = 0; i < 2 * pairs_count; i++)
            fds[2 + i] = (struct pollfd){.fd = pairs[i / 2].ends[i % 2], .events = POLLIN};
        int count = pairs_count, ready = ppoll(fds, (nfds_t)(2 + 2 * count), NULL, open);
        while (cut && pairs_count)
            drop(0);
        if (ready < 0 || cut) count = 0;
        for (int i = count - 1; ready > 0 && i >= 0; i--) {
            const int *ends = pairs[i].ends;
            if ((fds[2 + 2 * i].revents && !pass(ends[0], ends[1])) ||
                (fds[3 + 2 * i].revents && !pass(ends[1], ends[0])))
                drop(i);
        }
        if (ready > 0 && fds[1].revents) take(listener, to);
        if (ready > 0 && fds[0].revents) return;
    }
}

int main(int argc, char **argv)
{
    struct sockaddr_in at, to;
    socklen_t size = sizeof(at);
    sigset_t open, both;
    if (argc != 3) return fprintf(stderr, "usage: relay ADDRESS PORT\n"), 2;
    close(loopback(&to, argv[1], atoi(argv[2])));
    int listener = loopback(&at, "127.0.0.1", 0);
    if (bind(listener, (struct sockaddr *)&at, sizeof(at)) || listen(listener, PAIRS_MAX)) die("listen");
    if (getsockname(listener, (struct sockaddr *)&at, &size)) die("getsockname");

    sigemptyset(&both); /* signals come while it waits, and not between */
    sigaddset(&both, SIGUSR1);
    sigaddset(&both, SIGUSR2);
    sigprocmask(SIG_BLOCK, &both, &open);
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGUSR2, &action, NULL);
    printf("%d\n", ntohs(at.sin_port));
    fflush(stdout);
    serve(listener, &to, &open);
    return 0;
}
