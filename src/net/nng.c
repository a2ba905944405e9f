/* Byte streams by nng 1.5.2 (nng_stream: not its sockets and protocols). Nothing else includes its headers.
 *
 * How it calls back: nng_aio_finish queues an aio's callback for one of its task threads, two for each processor; no stream,
 * dialer or listener of it ends an aio that has a callback in any other way. So a callback is never inside the call that
 * began its operation, and holds none of nng's locks; and one that waits for another callback may wait for itself.
 *
 * Note CLOSED. nng takes operations on a stream that was closed, and never ends them: those of TLS cannot even be cancelled.
 * So each pipe has a lock: nothing is begun after the close.
 *
 * Note LOST. A TLS stream reads ahead. If that fails while no read of ours is there to be told, nng closes the connection
 * beneath and keeps silent, and later reads and writes wait for ever. So after each is begun we look whether the
 * connection still has another end.
 *
 * Note FRESH. A dialer whose dial was cancelled must not dial again (nng panics): each attempt has its own. An aio is not used
 * again before its callback has begun: the reply may come before the callback of the write that asked for it. */
#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <nng/nng.h>
#include <nng/supplemental/tls/tls.h>

#include "base/assert.h"
#include "base/fork.h"
#include "base/lock.h"
#include "net/socket_file.h"
#include "net/url.h"

enum { OPERATION_MAX = 1 << 30, SOCKET_MODE = 0600, REST_MS = 100 };

struct operation {
    nng_aio *aio;
    pipe_done done;
    void *context;
};

struct pipe {
    const struct mem *mem;
    nng_stream *stream;
    struct operation read, write;
    struct lock lock;
    bool closed; /* under the lock, as is reason */
    int reason;  /* nng's error that ended it; 0 = none yet */
    enum url_kind kind;
    int32_t pid;
    int64_t uid, gid;
    bool v6;
    uint16_t port;
    unsigned char address[16];
};

struct dial {
    const struct mem *mem;
    nng_stream_dialer *dialer;
    nng_aio *aio;
    dial_done done;
    void *context;
    enum url_kind kind;
    uint32_t timeout_ms;
    atomic_bool cancelled;
};

struct acceptor {
    const struct mem *mem;
    nng_stream_listener *listener;
    nng_aio *aio;
    void (*accepted)(void *context, struct pipe *pipe);
    void *context;
    enum url_kind kind;
    bool resting; /* the aio sleeps: the accept before could not be done */
};

static atomic_uint living; /* pipes, dials, acceptors */
static atomic_bool started;

/* --- what nng says ------------------------------------------------------------------------------ */

static const struct {
    int error;
    weft_error code; /* of a dial or listener */
    const char *words;
} meanings[] = {
    {NNG_ENOMEM, WEFT_ENOMEM, "out of memory"},
    {NNG_ENOFILES, WEFT_ESYSTEM, "no descriptors are left"},
    {NNG_EADDRINUSE, WEFT_EEXIST, "the address is in use"},
    {NNG_ECONNREFUSED, WEFT_ELOST, "nobody listens there"},
    {NNG_EADDRINVAL, WEFT_ELOST, "the host's name is not known, or its address not available"},
    {NNG_EUNREACHABLE, WEFT_ELOST, "the host cannot be reached"},
    {NNG_EAGAIN, WEFT_ELOST, "too many wait there to be accepted, or the host's name cannot be looked up now"},
    {NNG_EPERM, WEFT_ELOST, "not permitted"},
    {NNG_ECONNRESET, WEFT_ELOST, "the other end has cut the connection"},
    {NNG_ECONNSHUT, WEFT_ELOST, "the other end has closed the connection"},
    {NNG_ETIMEDOUT, WEFT_ETIMEDOUT, "the other end has not answered in time"},
    {NNG_ECLOSED, WEFT_ECLOSED, "closed"},
    {NNG_ECANCELED, WEFT_ECLOSED, "closed"},
    {NNG_EPEERAUTH, WEFT_ELOST, "the other end's certificate is not trusted, or it does not trust ours"},
    {NNG_ECRYPTO, WEFT_ELOST, "the other end does not speak TLS, or its certificate is not trusted"},
};

static weft_error tell(char *sentence, int error)
{
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++)
        if (meanings[i].error == error) {
            (void)snprintf(sentence, PIPE_SENTENCE_BYTES, "%s", meanings[i].words);
            return meanings[i].code;
        }
    (void)snprintf(sentence, PIPE_SENTENCE_BYTES, "%s", nng_strerror(error));
    return WEFT_ESYSTEM;
}

static weft_error say(char *sentence, weft_error error, const char *words)
{
    (void)snprintf(sentence, PIPE_SENTENCE_BYTES, "%s", words);
    return error;
}

/* --- the caller's thread ------------------------------------------------------------------------ */

/* nng's locks must not be left to a thread that is cancelled inside of it. */
static int hold_cancel(void)
{
    int state;
    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    return state;
}

static void let_cancel(int state)
{
    (void)pthread_setcancelstate(state, &state);
}

/* The first aio starts nng's threads: they leave the host's signals to the host's threads. */
static int new_aio(nng_aio **aio, void (*ended)(void *context), void *context)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = nng_aio_alloc(aio, ended, context);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!error) atomic_store(&started, true);
    return error;
}

/* --- pipes -------------------------------------------------------------------------------------- */

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

/* Takes the stream; NULL: no memory, and it is gone. */
static struct pipe *new_pipe(const struct mem *mem, nng_stream *stream, enum url_kind kind)
{
    struct pipe *pipe = weft__mem_zalloc(mem, sizeof *pipe);
    if (!pipe || nng_aio_alloc(&pipe->read.aio, read_ended, pipe) ||
        nng_aio_alloc(&pipe->write.aio, write_ended, pipe)) {
        if (pipe) nng_aio_free(pipe->read.aio);
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
    atomic_fetch_add(&living, 1);
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

static void begin(struct pipe *pipe, struct operation *operation, const void *bytes, size_t size, pipe_done done,
                  void *context)
{
    if (weft__forked) return;
    WEFT_ASSERT(size > 0);
    nng_iov iov = {.iov_buf = (void *)bytes, .iov_len = size < OPERATION_MAX ? size : OPERATION_MAX};
    operation->done = done;
    operation->context = context;
    int state = hold_cancel();
    (void)nng_aio_set_iov(operation->aio, 1, &iov);
    weft__lock(&pipe->lock);
    if (pipe->closed) { /* Note CLOSED */
        if (nng_aio_begin(operation->aio)) nng_aio_finish(operation->aio, NNG_ECLOSED);
    } else {
        if (operation == &pipe->read)
            nng_stream_recv(pipe->stream, operation->aio);
        else
            nng_stream_send(pipe->stream, operation->aio);
        if (lost(pipe)) close_for(pipe, NNG_ECONNSHUT);
    }
    weft__unlock(&pipe->lock);
    let_cancel(state);
}

void weft__pipe_read(struct pipe *pipe, void *bytes, size_t size, pipe_done done, void *context)
{
    begin(pipe, &pipe->read, bytes, size, done, context);
}

void weft__pipe_write(struct pipe *pipe, const void *bytes, size_t size, pipe_done done, void *context)
{
    begin(pipe, &pipe->write, bytes, size, done, context);
}

/* The function may begin the next operation, and this one's callback run again beside it: nothing of the operation is
 * looked at after the call. */
static void ended(struct pipe *pipe, struct operation *operation)
{
    pipe_done done = operation->done;
    void *context = operation->context;
    size_t size = nng_aio_count(operation->aio);
    int error = nng_aio_result(operation->aio);
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
    ended(pipe, &pipe->read);
}

static void write_ended(void *context)
{
    struct pipe *pipe = context;
    ended(pipe, &pipe->write);
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
    if (reason) (void)tell(sentence, reason);
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
    nng_aio_free(pipe->read.aio); /* waits */
    nng_aio_free(pipe->write.aio);
    nng_stream_free(pipe->stream);
    let_cancel(state);
    weft__lock_fini(&pipe->lock);
    weft__mem_free(pipe->mem, pipe);
    atomic_fetch_sub(&living, 1);
}

/* --- dialling ----------------------------------------------------------------------------------- */

static void dial_ended(void *context)
{
    struct dial *dial = context;
    char sentence[PIPE_SENTENCE_BYTES] = "";
    struct pipe *pipe = NULL;
    int error = nng_aio_result(dial->aio);
    nng_stream *stream = error ? NULL : nng_aio_get_output(dial->aio, 0);
    if (atomic_load(&dial->cancelled)) {
        nng_stream_free(stream);
        error = NNG_ECLOSED;
    } else if (stream) {
        pipe = new_pipe(dial->mem, stream, dial->kind);
        if (!pipe) error = NNG_ENOMEM;
    }
    weft_error code = error ? tell(sentence, error) : WEFT_OK;
    if (code == WEFT_ETIMEDOUT)
        (void)snprintf(sentence, sizeof sentence, "no answer within %u ms", (unsigned)dial->timeout_ms);
    dial->done(dial->context, code, sentence, pipe);
}

static weft_error bad_file(char *sentence, int error, const char *path)
{
    if (error == NNG_ENOMEM) return tell(sentence, error);
    (void)snprintf(sentence, PIPE_SENTENCE_BYTES, "%s in %.100s",
                   error == NNG_ECRYPTO ? "there is nothing of the kind that is wanted, as PEM," : nng_strerror(error),
                   path);
    return WEFT_EINVAL;
}

static weft_error secure_dialer(nng_stream_dialer *dialer, const struct pipe_tls *tls, char *sentence)
{
    int error = nng_stream_dialer_set_string(dialer, NNG_OPT_TLS_CA_FILE, tls->ca_file);
    if (error) return bad_file(sentence, error, tls->ca_file);
    if (tls->cert_key_file) error = nng_stream_dialer_set_string(dialer, NNG_OPT_TLS_CERT_KEY_FILE, tls->cert_key_file);
    if (error) return bad_file(sentence, error, tls->cert_key_file);
    if (tls->server_name) error = nng_stream_dialer_set_string(dialer, NNG_OPT_TLS_SERVER_NAME, tls->server_name);
    return error ? tell(sentence, error) : WEFT_OK;
}

static void free_dial(struct dial *dial)
{
    nng_stream_dialer_free(dial->dialer);
    nng_aio_free(dial->aio);
    weft__mem_free(dial->mem, dial);
}

/* A dial that can begin, or an error and a sentence. */
static weft_error new_dial(struct dial *dial, const char *url, const struct pipe_tls *tls, char *sentence)
{
    int error = new_aio(&dial->aio, dial_ended, dial);
    if (!error) error = nng_stream_dialer_alloc(&dial->dialer, url);
    if (error) return tell(sentence, error);
    if (dial->kind == URL_TLS) return secure_dialer(dial->dialer, tls, sentence);
    return WEFT_OK;
}

weft_error weft__pipe_dial(const struct mem *mem, const char *url, const struct pipe_tls *tls, uint32_t timeout_ms,
                           dial_done done, void *context, struct dial **result, char sentence[PIPE_SENTENCE_BYTES])
{
    struct url parsed;
    if (weft__forked) return say(sentence, WEFT_EFORKED, weft_error_text(WEFT_EFORKED));
    if (!weft__url_parse(url, &parsed, sentence)) return WEFT_EINVAL;
    if (parsed.kind != URL_IPC && parsed.port == 0)
        return say(sentence, WEFT_EINVAL, "there is no port 0 to connect to");
    if (parsed.kind == URL_TLS && (!tls || !tls->ca_file))
        return say(sentence, WEFT_EINVAL, "tls+tcp needs to be told whose signature on a certificate is trusted");
    if (parsed.kind != URL_TLS && tls) return say(sentence, WEFT_EINVAL, "certificates are for tls+tcp alone");
    struct dial *dial = weft__mem_zalloc(mem, sizeof *dial);
    if (!dial || !weft__fork_arm()) {
        weft__mem_free(mem, dial);
        return tell(sentence, NNG_ENOMEM);
    }
    *dial = (struct dial){.mem = mem, .done = done, .context = context, .kind = parsed.kind, .timeout_ms = timeout_ms};
    int state = hold_cancel();
    weft_error error = new_dial(dial, url, tls, sentence);
    if (error) {
        free_dial(dial);
    } else {
        atomic_fetch_add(&living, 1);
        *result = dial;
        nng_aio_set_timeout(dial->aio, timeout_ms < INT32_MAX ? (nng_duration)timeout_ms : INT32_MAX);
        nng_stream_dialer_dial(dial->dialer, dial->aio);
    }
    let_cancel(state);
    return error;
}

/* By closing the dialer, since an aio that is cancelled just before nng goes on to the next step may be lost on it. */
void weft__dial_cancel(struct dial *dial)
{
    if (weft__forked) return;
    int state = hold_cancel();
    atomic_store(&dial->cancelled, true);
    nng_stream_dialer_close(dial->dialer);
    let_cancel(state);
}

void weft__dial_free(struct dial *dial)
{
    if (!dial || weft__forked) return;
    int state = hold_cancel();
    nng_aio_wait(dial->aio);
    free_dial(dial);
    let_cancel(state);
    atomic_fetch_sub(&living, 1);
}

/* --- listening ---------------------------------------------------------------------------------- */

static void accept_ended(void *context)
{
    struct acceptor *acceptor = context;
    int error = nng_aio_result(acceptor->aio);
    bool rested = acceptor->resting;
    acceptor->resting = false;
    if (error == NNG_ECLOSED || error == NNG_ECANCELED) return;
    if (error && !rested) {
        acceptor->resting = true;
        nng_sleep_aio(REST_MS, acceptor->aio);
        return;
    }
    if (!rested) {
        struct pipe *pipe = new_pipe(acceptor->mem, nng_aio_get_output(acceptor->aio, 0), acceptor->kind);
        if (pipe) acceptor->accepted(acceptor->context, pipe);
    }
    nng_stream_listener_accept(acceptor->listener, acceptor->aio);
}

static weft_error secure_listener(nng_stream_listener *listener, const struct pipe_tls *tls, char *sentence)
{
    int error = nng_stream_listener_set_string(listener, NNG_OPT_TLS_CERT_KEY_FILE, tls->cert_key_file);
    if (error) return bad_file(sentence, error, tls->cert_key_file);
    if (!tls->ca_file) return WEFT_OK;
    error = nng_stream_listener_set_string(listener, NNG_OPT_TLS_CA_FILE, tls->ca_file);
    if (error) return bad_file(sentence, error, tls->ca_file);
    error = nng_stream_listener_set_int(listener, NNG_OPT_TLS_AUTH_MODE, NNG_TLS_AUTH_MODE_REQUIRED);
    return error ? tell(sentence, error) : WEFT_OK;
}

static weft_error listen_at(nng_stream_listener *listener, const struct url *url, char *sentence)
{
    int directory = -1, error = 0;
    if (url->kind == URL_IPC) {
        weft_error in_the_way = weft__socket_file_free(url->host, &directory, sentence);
        if (in_the_way) return in_the_way;
        error = nng_stream_listener_set_int(listener, NNG_OPT_IPC_PERMISSIONS, SOCKET_MODE);
    }
    if (!error) error = nng_stream_listener_listen(listener);
    if (url->kind == URL_IPC) weft__socket_file_release(directory);
    if (!error) return WEFT_OK;
    weft_error code = tell(sentence, error);
    return code == WEFT_ELOST ? WEFT_ESYSTEM : code;
}

static weft_error open_acceptor(struct acceptor *acceptor, const char *text, const struct url *url,
                                const struct pipe_tls *tls, char *sentence)
{
    int error = new_aio(&acceptor->aio, accept_ended, acceptor);
    if (!error) error = nng_stream_listener_alloc(&acceptor->listener, text);
    if (error == NNG_EADDRINVAL) return say(sentence, WEFT_EINVAL, "the host's name is not known");
    if (error) return tell(sentence, error) == WEFT_ENOMEM ? WEFT_ENOMEM : WEFT_ESYSTEM;
    weft_error code = url->kind == URL_TLS ? secure_listener(acceptor->listener, tls, sentence) : WEFT_OK;
    return code ? code : listen_at(acceptor->listener, url, sentence);
}

static void free_acceptor(struct acceptor *acceptor)
{
    nng_aio_free(acceptor->aio);
    nng_stream_listener_free(acceptor->listener);
    weft__mem_free(acceptor->mem, acceptor);
}

static void tell_bound(const struct acceptor *acceptor, const char *text, const struct url *url, char *bound)
{
    int port = url->port;
    (void)snprintf(bound, PIPE_URL_BYTES, "%s", text);
    if (url->kind == URL_IPC || url->port) return;
    (void)nng_stream_listener_get_int(acceptor->listener, NNG_OPT_TCP_BOUND_PORT, &port);
    size_t size = strlen(bound) - 1; /* up to the 0 */
    (void)snprintf(bound + size, PIPE_URL_BYTES - size, "%d", port);
}

weft_error weft__pipe_listen(const struct mem *mem, const char *url, const struct pipe_tls *tls,
                             void (*accepted)(void *context, struct pipe *pipe), void *context,
                             struct acceptor **result, char url_bound[PIPE_URL_BYTES],
                             char sentence[PIPE_SENTENCE_BYTES])
{
    struct url parsed;
    if (weft__forked) return say(sentence, WEFT_EFORKED, weft_error_text(WEFT_EFORKED));
    if (!weft__url_parse(url, &parsed, sentence)) return WEFT_EINVAL;
    if (parsed.kind == URL_TLS && (!tls || !tls->cert_key_file))
        return say(sentence, WEFT_EINVAL, "tls+tcp needs a certificate and its key");
    if (parsed.kind != URL_TLS && tls) return say(sentence, WEFT_EINVAL, "certificates are for tls+tcp alone");
    struct acceptor *acceptor = weft__mem_zalloc(mem, sizeof *acceptor);
    if (!acceptor || !weft__fork_arm()) {
        weft__mem_free(mem, acceptor);
        return tell(sentence, NNG_ENOMEM);
    }
    *acceptor = (struct acceptor){.mem = mem, .accepted = accepted, .context = context, .kind = parsed.kind};
    int state = hold_cancel();
    weft_error error = open_acceptor(acceptor, url, &parsed, tls, sentence);
    if (error) {
        free_acceptor(acceptor);
    } else {
        atomic_fetch_add(&living, 1);
        tell_bound(acceptor, url, &parsed, url_bound);
        *result = acceptor;
        nng_stream_listener_accept(acceptor->listener, acceptor->aio);
    }
    let_cancel(state);
    return error;
}

void weft__acceptor_close(struct acceptor *acceptor)
{
    if (!acceptor || weft__forked) return;
    int state = hold_cancel();
    nng_stream_listener_close(acceptor->listener);
    nng_aio_stop(acceptor->aio); /* waits; it sleeps, or its accept has just begun again */
    free_acceptor(acceptor);
    let_cancel(state);
    atomic_fetch_sub(&living, 1);
}

void weft__net_fini(void)
{
    if (weft__forked || !atomic_exchange(&started, false)) return;
    WEFT_ASSERT(atomic_load(&living) == 0);
    int state = hold_cancel();
    nng_fini();
    let_cancel(state);
}
