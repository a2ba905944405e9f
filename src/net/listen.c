#include <stdio.h>
#include <string.h>

#include "base/fork.h"
#include "net/nng.h"
#include "net/socket_file.h"

enum { SOCKET_MODE = 0600, REST_MS = 100 };

struct acceptor {
    const struct mem *mem;
    nng_stream_listener *listener;
    nng_aio *aio;
    void (*accepted)(void *context, struct pipe *pipe);
    void *context;
    enum url_kind kind;
    struct socket_file file; /* of ipc */
    bool resting;            /* the aio sleeps: the accept before could not be done */
};

static void accept_ended(void *context)
{
    struct acceptor *acceptor = context;
    int error = nng_aio_result(acceptor->aio);
    bool rested = acceptor->resting;
    acceptor->resting = false;
    if (error == NNG_ECLOSED || error == NNG_ECANCELED) return;
    if (error && !rested) {
        if (error == NNG_ENOFILES) acceptor->accepted(acceptor->context, NULL);
        acceptor->resting = true;
        nng_sleep_aio(REST_MS, acceptor->aio);
        return;
    }
    if (!rested) {
        struct pipe *pipe = weft__pipe_new(acceptor->mem, nng_aio_get_output(acceptor->aio, 0), acceptor->kind);
        if (pipe) acceptor->accepted(acceptor->context, pipe);
    }
    nng_stream_listener_accept(acceptor->listener, acceptor->aio);
}

static weft_error secure_listener(nng_stream_listener *listener, const struct pipe_tls *tls, char *sentence)
{
    int error = nng_stream_listener_set_string(listener, NNG_OPT_TLS_CERT_KEY_FILE, tls->cert_key_file);
    if (error) return weft__nng_bad_file(sentence, error, tls->cert_key_file);
    if (!tls->ca_file) return WEFT_OK;
    error = nng_stream_listener_set_string(listener, NNG_OPT_TLS_CA_FILE, tls->ca_file);
    if (error) return weft__nng_bad_file(sentence, error, tls->ca_file);
    error = nng_stream_listener_set_int(listener, NNG_OPT_TLS_AUTH_MODE, NNG_TLS_AUTH_MODE_REQUIRED);
    return error ? weft__nng_tell(sentence, error) : WEFT_OK;
}

static weft_error listen_at(struct acceptor *acceptor, const struct url *url, char *sentence)
{
    nng_stream_listener *listener = acceptor->listener;
    int error = 0;
    if (url->kind == URL_IPC) {
        weft_error in_the_way = weft__socket_file_free(&acceptor->file, url->host, sentence);
        if (in_the_way) return in_the_way;
        error = nng_stream_listener_set_int(listener, NNG_OPT_IPC_PERMISSIONS, SOCKET_MODE);
    }
    if (!error) error = nng_stream_listener_listen(listener);
    if (url->kind == URL_IPC) weft__socket_file_bound(&acceptor->file);
    if (!error) return WEFT_OK;
    weft_error code = weft__nng_tell(sentence, error);
    return code == WEFT_ELOST ? WEFT_ESYSTEM : code;
}

static weft_error open_acceptor(struct acceptor *acceptor, const char *text, const struct url *url,
                                const struct pipe_tls *tls, char *sentence)
{
    int error = weft__nng_aio(&acceptor->aio, accept_ended, acceptor);
    if (!error) error = nng_stream_listener_alloc(&acceptor->listener, text);
    if (error == NNG_EADDRINVAL) return weft__nng_say(sentence, WEFT_EINVAL, "the host's name is not known");
    if (error) return weft__nng_tell(sentence, error) == WEFT_ENOMEM ? WEFT_ENOMEM : WEFT_ESYSTEM;
    weft_error code = tls ? secure_listener(acceptor->listener, tls, sentence) : WEFT_OK;
    return code ? code : listen_at(acceptor, url, sentence);
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
                             struct acceptor **acceptor, char url_bound[PIPE_URL_BYTES],
                             char sentence[PIPE_SENTENCE_BYTES])
{
    struct url parsed;
    if (weft__forked) return weft__nng_say(sentence, WEFT_EFORKED, weft_error_text(WEFT_EFORKED));
    if (!weft__url_parse(url, &parsed, sentence)) return WEFT_EINVAL;
    if (parsed.kind == URL_TLS && (!tls || !tls->cert_key_file))
        return weft__nng_say(sentence, WEFT_EINVAL, "tls+tcp needs a certificate and its key");
    if (parsed.kind != URL_TLS && tls)
        return weft__nng_say(sentence, WEFT_EINVAL, "certificates are for tls+tcp alone");
    struct acceptor *opened = weft__mem_zalloc(mem, sizeof *opened);
    if (!opened || !weft__fork_arm()) {
        weft__mem_free(mem, opened);
        return weft__nng_tell(sentence, NNG_ENOMEM);
    }
    *opened = (struct acceptor){.mem = mem, .accepted = accepted, .context = context, .kind = parsed.kind};
    int state = hold_cancel();
    weft_error error = open_acceptor(opened, url, &parsed, tls, sentence);
    if (error) {
        free_acceptor(opened);
    } else {
        weft__net_begin();
        tell_bound(opened, url, &parsed, url_bound);
        *acceptor = opened;
        nng_stream_listener_accept(opened->listener, opened->aio);
    }
    let_cancel(state);
    return error;
}

/* nng unlinks the path of an ipc listener in its close. */
static void close_listener(struct acceptor *acceptor)
{
    if (acceptor->kind == URL_IPC) weft__socket_file_leave(&acceptor->file);
    nng_stream_listener_close(acceptor->listener);
    if (acceptor->kind == URL_IPC) weft__socket_file_left(&acceptor->file);
}

void weft__acceptor_close(struct acceptor *acceptor)
{
    if (!acceptor || weft__forked) return;
    int state = hold_cancel();
    close_listener(acceptor);
    nng_aio_stop(acceptor->aio); /* waits; it sleeps, or its accept has just begun again */
    free_acceptor(acceptor);
    let_cancel(state);
    weft__net_end();
}
