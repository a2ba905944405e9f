/* stream.c: see stream.h. */
#include "contender.h"
#include "stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { READ_BYTES = 256 * 1024 };

void stream_open(struct stream *stream, int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int on = 1;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    memset(stream, 0, sizeof(*stream));
    stream->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (stream->fd < 0 || connect(stream->fd, (struct sockaddr *)&to, sizeof(to)) ||
        setsockopt(stream->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)))
        fail("connect to port %d: %s", port, strerror(errno));
}

void stream_trim(struct stream *stream)
{
    free(stream->in);
    free(stream->out);
    *stream = (struct stream){.fd = stream->fd};
}

char *stream_extend(struct stream *stream, size_t size)
{
    if (stream->out_room - stream->out_size < size) {
        stream->out_room = (stream->out_size + size) * 2;
        stream->out = realloc(stream->out, stream->out_room);
        if (!stream->out) fail("memory");
    }
    stream->out_size += size;
    return stream->out + stream->out_size - size;
}

void stream_put(struct stream *stream, const void *data, size_t size)
{
    memcpy(stream_extend(stream, size), data, size);
}

void stream_puts(struct stream *stream, const char *text)
{
    stream_put(stream, text, strlen(text));
}

void stream_put_number(struct stream *stream, unsigned long number)
{
    char digits[24];
    size_t at = sizeof(digits);
    do
        digits[--at] = (char)('0' + number % 10);
    while (number /= 10);
    stream_put(stream, digits + at, sizeof(digits) - at);
}

static void make_room(struct stream *stream)
{
    size_t unread = stream->in_end - stream->in_start;
    if (stream->in_room - stream->in_end >= READ_BYTES) return;
    if (unread) memmove(stream->in, stream->in + stream->in_start, unread);
    stream->in_start = 0;
    stream->in_end = unread;
    if (stream->in_room - unread >= READ_BYTES) return;
    stream->in_room = (unread + READ_BYTES) * 2;
    stream->in = realloc(stream->in, stream->in_room);
    if (!stream->in) fail("memory");
}

/* False at the end of the stream. */
static bool receive(struct stream *stream, int flags)
{
    /* What was parsed to its end is read over. */
    if (stream->in_start == stream->in_end) stream->in_start = stream->in_end = 0;
    make_room(stream);
    ssize_t size = recv(stream->fd, stream->in + stream->in_end, READ_BYTES, flags);
    if (size > 0) stream->in_end += (size_t)size;
    if (size < 0 && errno != EAGAIN && errno != EINTR && errno != ECONNRESET) fail("receive: %s", strerror(errno));
    return size > 0 || (size < 0 && errno != ECONNRESET);
}

bool stream_receive(struct stream *stream)
{
    return receive(stream, 0);
}

void stream_fill(struct stream *stream)
{
    if (!receive(stream, 0)) fail("the other side closed the connection");
}

void stream_flush(struct stream *stream)
{
    size_t sent = 0;
    while (sent < stream->out_size) {
        ssize_t size = send(stream->fd, stream->out + sent, stream->out_size - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (size >= 0) {
            sent += (size_t)size;
            continue;
        }
        if (errno != EAGAIN && errno != EINTR) fail("send: %s", strerror(errno));
        struct pollfd either = {.fd = stream->fd, .events = POLLIN | POLLOUT};
        if (poll(&either, 1, -1) == 1 && either.revents & POLLIN && !receive(stream, MSG_DONTWAIT))
            fail("the other side closed the connection");
    }
    stream->out_size = 0;
}

weft_bytes stream_line(const struct stream *stream)
{
    weft_bytes unread = stream_unread(stream);
    const char *text = unread.data, *end = unread.size ? memchr(text, '\n', unread.size) : NULL;
    return (weft_bytes){text, end ? (size_t)(end - text) - 1 : SIZE_MAX};
}

void stream_expect(struct stream *stream, const char *beginning)
{
    stream_flush(stream);
    for (;;) {
        weft_bytes line = stream_line(stream);
        if (line.size == SIZE_MAX) {
            stream_fill(stream);
            continue;
        }
        bool found = line.size >= strlen(beginning) && memcmp(line.data, beginning, strlen(beginning)) == 0;
        if (!found && (*(const char *)line.data == '-' || strstr("ERR", beginning)))
            fail("expected %s, got %.*s", beginning, (int)line.size, (const char *)line.data);
        stream_skip(stream, line.size + 2);
        if (found) return;
    }
}

unsigned long number_at(const char *text)
{
    unsigned long number = 0;
    for (; *text >= '0' && *text <= '9'; text++)
        number = number * 10 + (unsigned long)(*text - '0');
    return number;
}
