/* stream.h: a connection to 127.0.0.1 that gathers what is written and keeps what was read until it is skipped. Whatever
 * goes wrong fails the role. */
#ifndef WEFT_TESTS_BENCH_PEERS_STREAM_H
#define WEFT_TESTS_BENCH_PEERS_STREAM_H

#include <stdbool.h>
#include <stddef.h>

#include <weft/types.h>

struct stream {
    int fd;
    char *in, *out;
    size_t in_start, in_end, in_room;
    size_t out_size, out_room;
};

void stream_open(struct stream *stream, int port);
/* Lets go of the buffers; the connection stays. */
void stream_trim(struct stream *stream);

void stream_put(struct stream *stream, const void *data, size_t size);
void stream_puts(struct stream *stream, const char *text);
void stream_put_number(struct stream *stream, unsigned long number); /* decimal */
char *stream_extend(struct stream *stream, size_t size);             /* room to write to, until the next call */
/* Writes all of it; reads meanwhile when the other side does not take it. */
void stream_flush(struct stream *stream);

/* Waits for more bytes. The first returns false at the end of the stream, the second fails there. */
bool stream_receive(struct stream *stream);
void stream_fill(struct stream *stream);
static inline weft_bytes stream_unread(const struct stream *stream)
{
    return (weft_bytes){stream->in + stream->in_start, stream->in_end - stream->in_start};
}
static inline void stream_skip(struct stream *stream, size_t size)
{
    stream->in_start += size;
}

/* Up to the next \r\n, or of size SIZE_MAX when it is not there yet. */
weft_bytes stream_line(const struct stream *stream);
/* Flushes, and waits for a line that begins so; skips what comes before, and it. */
void stream_expect(struct stream *stream, const char *beginning);

/* Of decimal digits at text. */
unsigned long number_at(const char *text);

#endif
