/* Note THREADS. Where one of its threads cannot be started, nng crashes, aborts, or waits for ever in the midst of its
 * beginning. So before it begins as many threads of our own stand at once, and some to spare for who takes theirs
 * meanwhile; where they cannot be had nng is not called. Those of nng 1.5.2: two for each processor that run tasks, 16
 * at most; one for each that watches times, 256 at most; and 7 (reaper, timer, poller, 4 that look up names). One that
 * was joined counts against the limits until the kernel has it no more, a moment later: that is waited for. */
#include "net/nng.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fork.h"
#include "net/reader.h"

enum { TASKS_MAX = 16, TIMES_MAX = 256, OTHERS = 7, SPARE = 4, THREADS_MAX = TASKS_MAX + TIMES_MAX + OTHERS + SPARE };
enum { NO_THREADS = NNG_ESYSERR + EAGAIN, BURIALS_MAX = 10000 };

static atomic_uint living;
static atomic_bool started;
static pthread_mutex_t starting = PTHREAD_MUTEX_INITIALIZER;

static const struct {
    int error;
    weft_error code; /* of a dial or listener */
    const char *words;
} meanings[] = {
    {NNG_ENOMEM, WEFT_ENOMEM, "out of memory"},
    {NO_THREADS, WEFT_ESYSTEM, "no threads to be had"},
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

static void *stand(void *gate)
{
    pthread_mutex_lock(gate);
    pthread_mutex_unlock(gate);
    return (void *)syscall(SYS_gettid);
}

/* Note THREADS. */
static bool have_threads(void)
{
    pthread_t threads[THREADS_MAX];
    pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
    long processors = sysconf(_SC_NPROCESSORS_ONLN), count = 0;
    long wanted = (processors < TASKS_MAX / 2 ? 2 * processors : TASKS_MAX) +
                  (processors < TIMES_MAX ? processors : TIMES_MAX) + OTHERS + SPARE;
    pthread_mutex_lock(&gate);
    while (count < wanted && !pthread_create(&threads[count], NULL, stand, &gate))
        count++;
    pthread_mutex_unlock(&gate);
    for (long i = 0; i < count; i++) {
        void *tid;
        (void)pthread_join(threads[i], &tid);
        for (int tries = 0; tries < BURIALS_MAX && !syscall(SYS_tgkill, getpid(), (pid_t)(long)tid, 0); tries++)
            (void)sched_yield();
    }
    pthread_mutex_destroy(&gate);
    return count == wanted;
}

int weft__nng_aio(nng_aio **aio, void (*ended)(void *context), void *context)
{
    if (atomic_load(&started)) return nng_aio_alloc(aio, ended, context);
    sigset_t all, before;
    sigfillset(&all);
    pthread_mutex_lock(&starting);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = atomic_load(&started) || have_threads() ? nng_aio_alloc(aio, ended, context) : NO_THREADS;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!error) atomic_store(&started, true);
    pthread_mutex_unlock(&starting);
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
