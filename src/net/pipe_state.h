/* pipe_state.h: what a pipe is made of. For pipe.c, which begins and ends operations, and read.c, which decides on whose thread a
 * read is done. */
#ifndef WEFT_NET_PIPE_STATE_H
#define WEFT_NET_PIPE_STATE_H

#include "base/lock.h"
#include "base/park.h"
#include "net/nng.h"

struct reader;

struct operation {
    nng_aio *aio;
    nng_iov iov;
    pipe_done done;
    void *context;
};

struct pipe {
    const struct mem *mem;
    nng_stream *stream;
    struct operation read, write;
    struct lock lock;
    bool closed;          /* under the lock, as is what follows */
    int reason;           /* nng's error that ended it; 0 = none yet */
    struct lead *lead;    /* who may read it in turn; NULL = readers may */
    nng_aio *led;         /* (c) where there is a lead: of who leads; tells nobody */
    bool held;            /* a reader or a leader has it */
    bool asked;           /* a read is to be done, by who has it or will */
    struct park *gone;    /* who waits until nobody has it */
    uint32_t reads_count; /* that began since: */
    uint64_t reads_since_ns;
    enum url_kind kind;
    int32_t pid;
    int64_t uid, gid;
    bool v6;
    uint16_t port;
    unsigned char address[16];
};

/* With the lock: begins what was prepared, on that aio. */
void weft__pipe_prepare(struct operation *operation, const void *bytes, size_t size, pipe_done done, void *context);
void weft__pipe_start(struct pipe *pipe, struct operation *operation, nng_aio *aio);

/* It has ended on that aio: calls its function, which may begin the next: nothing of the operation is looked at after it. */
void weft__pipe_ended(struct pipe *pipe, struct operation *operation, nng_aio *aio);

/* The pipe was closed, or is to be freed. */
void weft__pipe_read_closed(struct pipe *pipe);
void weft__pipe_read_await(struct pipe *pipe);

/* The loop of a reader: reads what the pipe was asked to, until it is asked nothing or its aio is cancelled. */
void weft__pipe_read_on(struct pipe *pipe, struct reader *reader, nng_aio *aio);

/* By a leader, with its lead's lock. hold: false: there is nothing to read. let_go: true: there still is. serve: nobody leads:
 * nng is to read. */
bool weft__pipe_hold(struct pipe *pipe);
bool weft__pipe_let_go(struct pipe *pipe);
void weft__pipe_serve(struct pipe *pipe);
bool weft__pipe_unserved(struct pipe *pipe);

/* Reads one it holds, until its permit is given, or the deadline, or there is nothing to read. Whoever gives the permit cancels
 * that aio. */
nng_aio *weft__pipe_led_aio(struct pipe *pipe);
bool weft__pipe_too_near(uint64_t deadline_ns); /* for nng's clock: who waits until then does not lead */
void weft__pipe_read_while(struct pipe *pipe, struct park *park, unsigned seat, uint64_t deadline_ns);

#endif
