#include "net/nng.h"

#include <signal.h>
#include <stdio.h>

#include "base/fork.h"
#include "net/reader.h"

static atomic_uint living;
static atomic_bool started;

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

weft_error weft__nng_tell(char *sentence, int error)
{
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++)
        if (meanings[i].error == error) {
            (void)snprintf(sentence, PIPE_SENTENCE_BYTES, "%s", meanings[i].words);
            return meanings[i].code;
        }
    (void)snprintf(sentence, PIPE_SENTENCE_BYTES, "%s", nng_strerror(error));
    return WEFT_ESYSTEM;
}

weft_error weft__nng_say(char *sentence, weft_error error, const char *words)
{
    (void)snprintf(sentence, PIPE_SENTENCE_BYTES, "%s", words);
    return error;
}

weft_error weft__nng_bad_file(char *sentence, int error, const char *path)
{
    if (error == NNG_ENOMEM) return weft__nng_tell(sentence, error);
    (void)snprintf(sentence, PIPE_SENTENCE_BYTES, "%s in %.100s",
                   error == NNG_ECRYPTO ? "there is nothing of the kind that is wanted, as PEM," : nng_strerror(error),
                   path);
    return WEFT_EINVAL;
}

int weft__nng_aio(nng_aio **aio, void (*ended)(void *context), void *context)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = nng_aio_alloc(aio, ended, context);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!error) atomic_store(&started, true);
    return error;
}

void weft__net_begin(void)
{
    atomic_fetch_add(&living, 1);
}

void weft__net_end(void)
{
    atomic_fetch_sub(&living, 1);
}

bool weft__net_fini(void)
{
    if (atomic_load(&living) > 0) return false;
    if (weft__forked || !atomic_exchange(&started, false)) return true;
    int state = hold_cancel();
    weft__readers_fini();
    weft__attempts_free();
    nng_fini();
    let_cancel(state);
    return true;
}
