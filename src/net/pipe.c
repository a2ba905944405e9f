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
 * whether the connection still has another end. Where it has none nng does nothing more by itself: what is not done by
 * then will not be, and only closing ends it; what was read ahead can still be had. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/fork.h"
#include "net/pipe_state.h"

enum { OPERATION_MAX = 1 << 30, ATTEMPTS_KEPT = 4 };

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
    weft__net_begin();
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
void weft__pipe_start(struct pipe *pipe, struct operation *operation, nng_aio *aio)
{
    bool reads = operation == &pipe->read;
    (void)nng_aio_set_iov(aio, 1, &operation->iov);
    if (pipe->closed || (!reads && lost(pipe))) {
        if (nng_aio_begin(aio)) nng_aio_finish(aio, pipe->closed ? NNG_ECLOSED : NNG_ECONNSHUT);
        return;
    }
    if (reads)
        nng_stream_recv(pipe->stream, aio);
    else
        nng_stream_send(pipe->stream, aio);
    if (lost(pipe) && !nng_aio_count(aio) && !nng_aio_result(aio)) close_for(pipe, NNG_ECONNSHUT);
}

void weft__pipe_prepare(struct operation *operation, const void *bytes, size_t size, pipe_done done, void *context)
{
    WEFT_ASSERT(size > 0);
    operation->iov = (nng_iov){.iov_buf = (void *)bytes, .iov_len = size < OPERATION_MAX ? size : OPERATION_MAX};
    operation->done = done;
    operation->context = context;
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

void weft__attempts_free(void)
{
    for (int i = 0; i < ATTEMPTS_KEPT; i++)
        nng_aio_free(atomic_exchange(&attempts[i], NULL));
}

/* Note ATTEMPT. */
size_t weft__pipe_try_write(struct pipe *pipe, const void *bytes, size_t size)
{
    if (pipe->kind == URL_TLS || weft__forked) return 0; /* TLS does nothing at once */
    nng_iov iov = {.iov_buf = (void *)bytes, .iov_len = size < OPERATION_MAX ? size : OPERATION_MAX};
    int state = hold_cancel();
    nng_aio *aio = take_attempt();
    if (aio) (void)nng_aio_set_iov(aio, 1, &iov);
    weft__lock(&pipe->lock);
    bool begun = aio && !pipe->closed;
    if (begun) nng_stream_send(pipe->stream, aio);
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

void weft__pipe_write(struct pipe *pipe, const void *bytes, size_t size, pipe_done done, void *context)
{
    if (weft__forked) return;
    int state = hold_cancel();
    weft__pipe_prepare(&pipe->write, bytes, size, done, context);
    weft__lock(&pipe->lock);
    weft__pipe_start(pipe, &pipe->write, pipe->write.aio);
    weft__unlock(&pipe->lock);
    let_cancel(state);
}

/* The function may begin the next operation, and this one's callback run again beside it: nothing of the operation is
 * looked at after the call. */
void weft__pipe_ended(struct pipe *pipe, struct operation *operation, nng_aio *aio)
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
    weft__pipe_ended(pipe, &pipe->read, pipe->read.aio);
}

static void write_ended(void *context)
{
    struct pipe *pipe = context;
    weft__pipe_ended(pipe, &pipe->write, pipe->write.aio);
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
    weft__pipe_read_closed(pipe);
    let_cancel(state);
}

void weft__pipe_free(struct pipe *pipe)
{
    if (!pipe || weft__forked) return;
    weft__pipe_close(pipe);
    int state = hold_cancel();
    weft__pipe_read_await(pipe);
    nng_aio_free(pipe->led); /* waits */
    nng_aio_free(pipe->read.aio);
    nng_aio_free(pipe->write.aio);
    nng_stream_free(pipe->stream);
    let_cancel(state);
    weft__lock_fini(&pipe->lock);
    weft__mem_free(pipe->mem, pipe);
    weft__net_end();
}
