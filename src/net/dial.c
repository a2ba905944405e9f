/* Note FRESH. A dialer whose dial was cancelled must not dial again (nng panics): each weft__pipe_dial has its own.
 *
 * Note EARLY. nng waits for a socket before it connects it, and the kernel says of such a one that it has hung up. If
 * nng's poller comes to hear that after the connect has begun, it asks for the socket's error, finds none, and takes
 * the connection for made. So we look whether it has another end, and dial again where it has not. (It may also have
 * had one, which was gone at once: so not for ever.) A poller that is awake meets the next one, too: after a few it is given the
 * time to fall asleep. */
#include <stdio.h>

#include "base/clock.h"
#include "base/fork.h"
#include "net/nng.h"

enum { TRIES_MAX = 32, TRIES_AT_ONCE = 4, REST_MS = 1 };

struct dial {
    const struct mem *mem;
    nng_stream_dialer *dialer;
    nng_aio *aio;
    dial_done done;
    void *context;
    enum url_kind kind;
    uint32_t timeout_ms;
    uint64_t until_ns;
    unsigned tries;
    bool rests; /* the aio sleeps, before the next try */
    atomic_bool cancelled;
};

static void begin(struct dial *dial)
{
    uint64_t now_ns = weft__clock_ns(), left_ms = (dial->until_ns - now_ns + 999999) / 1000000;
    if (now_ns >= dial->until_ns) left_ms = 1;
    nng_aio_set_timeout(dial->aio, left_ms < INT32_MAX ? (nng_duration)left_ms : INT32_MAX);
    nng_stream_dialer_dial(dial->dialer, dial->aio);
}

/* Note EARLY. */
static bool connected(const struct dial *dial, nng_stream *stream)
{
    nng_sockaddr address;
    return dial->kind == URL_IPC || !nng_stream_get_addr(stream, NNG_OPT_REMADDR, &address);
}

static void dial_ended(void *context)
{
    struct dial *dial = context;
    char sentence[PIPE_SENTENCE_BYTES] = "";
    struct pipe *pipe = NULL;
    int error = nng_aio_result(dial->aio);
    if (dial->rests) {
        dial->rests = false;
        begin(dial);
        return;
    }
    nng_stream *stream = error ? NULL : nng_aio_get_output(dial->aio, 0);
    if (stream && !connected(dial, stream)) {
        nng_stream_free(stream);
        stream = NULL;
        error = NNG_ECONNSHUT;
        if (++dial->tries < TRIES_MAX) {
            dial->rests = dial->tries >= TRIES_AT_ONCE;
            if (dial->rests)
                nng_sleep_aio(REST_MS, dial->aio);
            else
                begin(dial);
            return;
        }
    }
    if (atomic_load(&dial->cancelled)) {
        nng_stream_free(stream);
        error = NNG_ECLOSED;
    } else if (stream) {
        pipe = weft__pipe_new(dial->mem, stream, dial->kind);
        if (!pipe) error = NNG_ENOMEM;
    }
    weft_error code = error ? weft__nng_tell(sentence, error) : WEFT_OK;
    if (code == WEFT_ETIMEDOUT)
        (void)snprintf(sentence, sizeof sentence, "no answer within %u ms", (unsigned)dial->timeout_ms);
    dial->done(dial->context, code, sentence, pipe);
}

static weft_error secure_dialer(nng_stream_dialer *dialer, const struct pipe_tls *tls, char *sentence)
{
    int error = nng_stream_dialer_set_string(dialer, NNG_OPT_TLS_CA_FILE, tls->ca_file);
    if (error) return weft__nng_bad_file(sentence, error, tls->ca_file);
    if (tls->cert_key_file) error = nng_stream_dialer_set_string(dialer, NNG_OPT_TLS_CERT_KEY_FILE, tls->cert_key_file);
    if (error) return weft__nng_bad_file(sentence, error, tls->cert_key_file);
    if (tls->server_name) error = nng_stream_dialer_set_string(dialer, NNG_OPT_TLS_SERVER_NAME, tls->server_name);
    return error ? weft__nng_tell(sentence, error) : WEFT_OK;
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
    int error = weft__nng_aio(&dial->aio, dial_ended, dial);
    if (!error) error = nng_stream_dialer_alloc(&dial->dialer, url);
    if (error) return weft__nng_tell(sentence, error);
    if (tls) return secure_dialer(dial->dialer, tls, sentence);
    return WEFT_OK;
}

weft_error weft__pipe_dial(const struct mem *mem, const char *url, const struct pipe_tls *tls, uint32_t timeout_ms,
                           dial_done done, void *context, struct dial **dial, char sentence[PIPE_SENTENCE_BYTES])
{
    struct url parsed;
    if (weft__forked) return weft__nng_say(sentence, WEFT_EFORKED, weft_error_text(WEFT_EFORKED));
    if (!weft__url_parse(url, &parsed, sentence)) return WEFT_EINVAL;
    if (parsed.kind != URL_IPC && parsed.port == 0)
        return weft__nng_say(sentence, WEFT_EINVAL, "there is no port 0 to connect to");
    if (parsed.kind == URL_TLS && (!tls || !tls->ca_file))
        return weft__nng_say(sentence, WEFT_EINVAL,
                             "tls+tcp needs to be told whose signature on a certificate is trusted");
    if (parsed.kind != URL_TLS && tls)
        return weft__nng_say(sentence, WEFT_EINVAL, "certificates are for tls+tcp alone");
    struct dial *attempt = weft__mem_zalloc(mem, sizeof *attempt);
    if (!attempt || !weft__fork_arm()) {
        weft__mem_free(mem, attempt);
        return weft__nng_tell(sentence, NNG_ENOMEM);
    }
    *attempt =
        (struct dial){.mem = mem, .done = done, .context = context, .kind = parsed.kind, .timeout_ms = timeout_ms};
    int state = hold_cancel();
    weft_error error = new_dial(attempt, url, tls, sentence);
    if (error) {
        free_dial(attempt);
    } else {
        weft__net_begin();
        *dial = attempt;
        attempt->until_ns = weft__clock_after_ms(weft__clock_ns(), timeout_ms);
        begin(attempt);
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
    weft__net_end();
}
