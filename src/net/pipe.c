/* Note CLOSED. nng takes operations on a stream that was closed, and never ends them: those of TLS cannot even be
 * cancelled. So each pipe has a lock: nothing is begun after the close.
 *
 * Note ATTEMPT. A send is tried at once by nng, in the calling thread; but that it is done is told by a task thread, which costs a
 * wake-up for each write. So it is begun with an aio that tells nobody, and looked at: nearly always it is done. Where the
 * kernel has no room it is taken back, which nng does in the calling thread, too, and begun as one that tells. Such an aio is
 * in use within one call, so a few serve all pipes: an idle one does without.
 *
 * Note LOST. A TLS stream reads ahead. If that fails while no read of ours is there to be told, nng closes the
 * connection beneath and keeps silent, and later reads and writes wait for ever. So after each is begun we look
 * whether the connection still has another end. */
#include <arpa/inet.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/fork.h"
#include "base/lock.h"
#include "base/clock.h"
#include "base/park.h"
#include "net/reader.h"

/* BUSY: so many reads within BUSY_NS earn a pipe a reader. */
enum { OPERATION_MAX = 1 << 30, ATTEMPTS_KEPT = 4, BUSY_READS = 4 };
#define BUSY_NS (10 * NS_PER_MS)

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
    bool closed;           /* under the lock, as is reason */
    int reason;            /* nng's error that ended it; 0 = none yet */
    struct reader *reader; /* under the lock, as is what follows: whose the reads are; NULL = nng's */
    bool asked;            /* the reader has a read to do */
    struct park *gone;     /* who waits until it has left */
    uint32_t reads_count;  /* that began since */
    uint64_t reads_since_ns;
    enum url_kind kind;
    int32_t pid;
    int64_t uid, gid;
    bool v6;
    uint16_t port;
    unsigned char address[16];
};

static nng_aio *_Atomic attempts[ATTEMPTS_KEPT]; /* without a callback, that nobody uses */

static void read_ended(void *context);
static void write_ended(void *context);

/* While it has just been connected: getpeername says nothing of a connection that has ended. */
static void learn_peer(struct pipe *pipe)
{
    nng_sockaddr address;
    uint64_t id;
    pipe->uid = pipe->gid = -1;
    if (pipe->kind == URL_IPC) {
        if (!nng_stream_get_uint64(pipe->stream, NNG_OPT_IPC_PEER_PID, &id)) pipe->pid = (int32_t)id;
        if (!nng_stream_get_uint64(pipe->stream, NNG_OPT_IPC_PEER_UID, &id)) pipe->uid = (int64_t)id;
        if (!nng_stream_get_uint64(pipe->stream, NNG_OPT_IPC_PEER_GID, &id)) pipe->gid = (int64_t)id;
    } else if (!nng_stream_get_addr(pipe->stream, NNG_OPT_REMADDR, &address)) {
        pipe->v6 = address.s_family == NNG_AF_INET6;
        pipe->port = ntohs(pipe->v6 ? address.s_in6.sa_port : address.s_in.sa_port);
        if (pipe->v6)
            memcpy(pipe->address, address.s_in6.sa_addr, 16);
        else
            memcpy(pipe->address, &address.s_in.sa_addr, 4);
    }
}

struct pipe *weft__pipe_new(const struct mem *mem, nng_stream *stream, enum url_kind kind)
{
    struct pipe *pipe = weft__mem_zalloc(mem, sizeof *pipe);
    if (!pipe || nng_aio_alloc(&pipe->read.aio, read_ended, pipe) ||
        nng_aio_alloc(&pipe->write.aio, write_ended, pipe)) {
        if (pipe) nng_aio_free(pipe->read.aio);
        if (pipe) nng_aio_free(pipe->write.aio);
        weft__mem_free(mem, pipe);
        nng_stream_free(stream);
        return NULL;
    }
    pipe->mem = mem;
    pipe->stream = stream;
    pipe->kind = kind;
    weft__lock_init(&pipe->lock, LOCK_PIPE);
    learn_peer(pipe);
    if (kind != URL_IPC) {
        (void)nng_stream_set_bool(stream, NNG_OPT_TCP_NODELAY, true); /* fails where it has ended already */
        (void)nng_stream_set_bool(stream, NNG_OPT_TCP_KEEPALIVE, true);
    }
    atomic_fetch_add(&weft__net_living, 1);
    return pipe;
}

/* Called with the lock. */
static void close_for(struct pipe *pipe, int reason)
{
    if (!pipe->reason) pipe->reason = reason;
    if (pipe->closed) return;
    pipe->closed = true;
    nng_stream_close(pipe->stream);
}

/* Called with the lock. Note LOST. */
static bool lost(struct pipe *pipe)
{
    nng_sockaddr address;
    return pipe->kind == URL_TLS && nng_stream_get_addr(pipe->stream, NNG_OPT_REMADDR, &address) != 0;
}

/* Called with the lock. Note CLOSED. */
static void start(struct pipe *pipe, struct operation *operation, nng_aio *aio)
{
    (void)nng_aio_set_iov(aio, 1, &operation->iov);
    if (pipe->closed) {
        if (nng_aio_begin(aio)) nng_aio_finish(aio, NNG_ECLOSED);
        return;
    }
    if (operation == &pipe->read)
        nng_stream_recv(pipe->stream, aio);
    else
        nng_stream_send(pipe->stream, aio);
    if (lost(pipe)) close_for(pipe, NNG_ECONNSHUT);
}

static void prepare(struct operation *operation, const void *bytes, size_t size, pipe_done done, void *context)
{
    WEFT_ASSERT(size > 0);
    operation->iov = (nng_iov){.iov_buf = (void *)bytes, .iov_len = size < OPERATION_MAX ? size : OPERATION_MAX};
    operation->done = done;
    operation->context = context;
}

/* Called with the lock: whether a reader reads. Note READER. */
static bool has_reader(struct pipe *pipe)
{
    if (pipe->reader) return true;
    if (pipe->closed) return false;
    uint64_t now_ns = weft__clock_ns();
    if (now_ns > pipe->reads_since_ns + BUSY_NS) {
        pipe->reads_since_ns = now_ns;
        pipe->reads_count = 0;
    }
    if (++pipe->reads_count < BUSY_READS) return false;
    pipe->reads_count = 0;
    pipe->reader = weft__reader_take(pipe);
    return pipe->reader != NULL;
}

void weft__pipe_read(struct pipe *pipe, void *bytes, size_t size, pipe_done done, void *context)
{
    if (weft__forked) return;
    int state = hold_cancel();
    weft__lock(&pipe->lock);
    prepare(&pipe->read, bytes, size, done, context);
    if (has_reader(pipe))
        pipe->asked = true;
    else
        start(pipe, &pipe->read, pipe->read.aio);
    weft__unlock(&pipe->lock);
    let_cancel(state);
}

/* NULL: no memory. */
static nng_aio *take_attempt(void)
{
    nng_aio *aio = NULL;
    for (int i = 0; i < ATTEMPTS_KEPT && !aio; i++)
        if (atomic_load_explicit(&attempts[i], memory_order_relaxed)) aio = atomic_exchange(&attempts[i], NULL);
    if (!aio && nng_aio_alloc(&aio, NULL, NULL)) return NULL;
    return aio;
}

static void give_attempt(nng_aio *aio)
{
    for (int i = 0; i < ATTEMPTS_KEPT && aio; i++) {
        nng_aio *none = NULL;
        if (atomic_compare_exchange_strong(&attempts[i], &none, aio)) aio = NULL;
    }
    nng_aio_free(aio);
}

/* The last pipe has gone. */
static void free_attempts(void)
{
    for (int i = 0; i < ATTEMPTS_KEPT; i++)
        nng_aio_free(atomic_exchange(&attempts[i], NULL));
}

/* Note ATTEMPT. */
static size_t attempt(struct pipe *pipe, const void *bytes, size_t size,
                      void (*operation)(nng_stream *stream, nng_aio *aio))
{
    if (pipe->kind == URL_TLS || weft__forked) return 0; /* TLS does nothing at once */
    nng_iov iov = {.iov_buf = (void *)bytes, .iov_len = size < OPERATION_MAX ? size : OPERATION_MAX};
    int state = hold_cancel();
    nng_aio *aio = take_attempt();
    if (aio) (void)nng_aio_set_iov(aio, 1, &iov);
    weft__lock(&pipe->lock);
    bool begun = aio && !pipe->closed;
    if (begun) operation(pipe->stream, aio);
    weft__unlock(&pipe->lock);
    size_t done = 0;
    if (begun) {
        if (!nng_aio_count(aio)) nng_aio_cancel(aio);
        nng_aio_wait(aio);
        if (!nng_aio_result(aio)) done = nng_aio_count(aio);
    }
    give_attempt(aio);
    let_cancel(state);
    return done;
}

size_t weft__pipe_try_write(struct pipe *pipe, const void *bytes, size_t size)
{
    return attempt(pipe, bytes, size, nng_stream_send);
}

size_t weft__pipe_try_read(struct pipe *pipe, void *bytes, size_t size)
{
    return attempt(pipe, bytes, size, nng_stream_recv);
}

void weft__pipe_write(struct pipe *pipe, const void *bytes, size_t size, pipe_done done, void *context)
{
    if (weft__forked) return;
    int state = hold_cancel();
    prepare(&pipe->write, bytes, size, done, context);
    weft__lock(&pipe->lock);
    start(pipe, &pipe->write, pipe->write.aio);
    weft__unlock(&pipe->lock);
    let_cancel(state);
}

/* The function may begin the next operation, and this one's callback run again beside it: nothing of the operation is
 * looked at after the call. */
static void ended(struct pipe *pipe, struct operation *operation, nng_aio *aio)
{
    pipe_done done = operation->done;
    void *context = operation->context;
    size_t size = nng_aio_count(aio);
    int error = nng_aio_result(aio);
    if ((!error && !size) || error == NNG_ECONNREFUSED) error = NNG_ECONNSHUT; /* how TLS says it */
    if (error) {
        weft__lock(&pipe->lock);
        if (operation == &pipe->read)
            close_for(pipe, error);
        else if (!pipe->reason)
            pipe->reason = error;
        weft__unlock(&pipe->lock);
    }
    done(context, error ? WEFT_ECLOSED : WEFT_OK, error ? 0 : size);
}

static void read_ended(void *context)
{
    struct pipe *pipe = context;
    ended(pipe, &pipe->read, pipe->read.aio);
}

static void write_ended(void *context)
{
    struct pipe *pipe = context;
    ended(pipe, &pipe->write, pipe->write.aio);
}

/* Whether there is a read to be done; else the pipe is nobody's now, and may be gone. */
static bool next_read(struct pipe *pipe, nng_aio *aio)
{
    weft__lock(&pipe->lock);
    struct park *gone = NULL;
    bool asked = pipe->asked;
    pipe->asked = false;
    if (asked) {
        start(pipe, &pipe->read, aio);
    } else {
        pipe->reader = NULL;
        gone = pipe->gone;
    }
    weft__unlock(&pipe->lock);
    if (gone) weft__unpark(gone);
    return asked;
}

/* The reader is to leave: nng reads on. */
static void leave_to_nng(struct pipe *pipe)
{
    weft__lock(&pipe->lock);
    struct park *gone = pipe->gone;
    pipe->reader = NULL;
    start(pipe, &pipe->read, pipe->read.aio);
    weft__unlock(&pipe->lock);
    if (gone) weft__unpark(gone);
}

void weft__pipe_read_on(struct pipe *pipe, struct reader *reader, nng_aio *aio)
{
    while (next_read(pipe, aio)) {
        nng_aio_wait(aio);
        if (nng_aio_result(aio) == NNG_ECANCELED) {
            leave_to_nng(pipe);
            return;
        }
        weft__reader_has_read(reader);
        ended(pipe, &pipe->read, aio);
        (void)sched_yield(); /* Note READER */
    }
}

static void await_reader(struct pipe *pipe)
{
    struct park park;
    weft__park_init(&park);
    weft__lock(&pipe->lock);
    bool there = pipe->reader != NULL;
    if (there) pipe->gone = &park;
    weft__unlock(&pipe->lock);
    if (there) (void)weft__park(&park, PARK_FOREVER);
}

void weft__pipe_peer(const struct pipe *pipe, struct pipe_peer *peer)
{
    char host[INET6_ADDRSTRLEN] = "";
    *peer = (struct pipe_peer){.local = pipe->kind == URL_IPC, .pid = pipe->pid, .uid = pipe->uid, .gid = pipe->gid};
    if (peer->local) {
        (void)snprintf(peer->address, sizeof peer->address, "ipc pid %d", (int)pipe->pid);
        return;
    }
    (void)inet_ntop(pipe->v6 ? AF_INET6 : AF_INET, pipe->address, host, sizeof host);
    (void)snprintf(peer->address, sizeof peer->address, pipe->v6 ? "[%s]:%u" : "%s:%u", host, (unsigned)pipe->port);
}

void weft__pipe_reason(struct pipe *pipe, char sentence[PIPE_SENTENCE_BYTES])
{
    sentence[0] = '\0';
    if (weft__forked) return;
    weft__lock(&pipe->lock);
    int reason = pipe->reason;
    weft__unlock(&pipe->lock);
    if (reason) (void)weft__nng_tell(sentence, reason);
}

void weft__pipe_close(struct pipe *pipe)
{
    if (weft__forked) return;
    int state = hold_cancel();
    weft__lock(&pipe->lock);
    close_for(pipe, NNG_ECLOSED);
    weft__unlock(&pipe->lock);
    let_cancel(state);
}

void weft__pipe_free(struct pipe *pipe)
{
    if (!pipe || weft__forked) return;
    weft__pipe_close(pipe);
    int state = hold_cancel();
    await_reader(pipe);
    nng_aio_free(pipe->read.aio); /* waits */
    nng_aio_free(pipe->write.aio);
    nng_stream_free(pipe->stream);
    let_cancel(state);
    weft__lock_fini(&pipe->lock);
    weft__mem_free(pipe->mem, pipe);
    if (atomic_fetch_sub(&weft__net_living, 1) == 1) free_attempts();
}
