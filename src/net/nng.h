/* nng.h: byte streams by nng 1.5.2 (nng_stream: not its sockets and protocols). Nothing outside of src/net includes
 * its headers, and in it nothing but this.
 *
 * How nng calls back: nng_aio_finish queues an aio's callback for one of its task threads, two for each processor; no
 * stream, dialer or listener of it ends an aio that has a callback in any other way. So a callback is never inside the
 * call that began its operation, and holds none of nng's locks; and one that waits for another callback may wait for
 * itself. An aio is not used again before its callback has begun (nng panics): the reply may come before the callback
 * of the write that asked for it. */
#ifndef WEFT_NET_NNG_H
#define WEFT_NET_NNG_H

#include <pthread.h>
#include <stdatomic.h>

#include <nng/nng.h>
#include <nng/supplemental/tls/tls.h>

#include "net/pipe.h"
#include "net/url.h"

/* Nobody writes any more. */
void weft__attempts_free(void);

/* nng's error in words, and as what a dial or listener returns for it. */
weft_error weft__nng_tell(char *sentence, int error);

/* These words; returns the error. */
weft_error weft__nng_say(char *sentence, weft_error error, const char *words);

/* What is wrong with a file of struct pipe_tls. */
weft_error weft__nng_bad_file(char *sentence, int error, const char *path);

/* The first aio of a dial or acceptor. It starts nng's threads, which leave the host's signals to the host's
 * threads; where they cannot be had, it is an error, and nng was not called. */
int weft__nng_aio(nng_aio **aio, void (*ended)(void *context), void *context);

/* Takes the stream; NULL: no memory, and it is gone. */
struct pipe *weft__pipe_new(const struct mem *mem, nng_stream *stream, enum url_kind kind);

/* nng's locks must not be left to a thread that is cancelled inside of it. */
static inline int hold_cancel(void)
{
    int state;
    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    return state;
}

static inline void let_cancel(int state)
{
    (void)pthread_setcancelstate(state, &state);
}

#endif
