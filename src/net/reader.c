/* Note CANCEL. Who asks a reader to leave cancels its aio. nng looks up which stream that waits for first, and the stream must not be
 * freed in between: so that is done with the reader's lock, which the reader takes once before it lets its pipe go. */
#include "net/reader.h"

#include "base/clock.h"
#include "base/lock.h"
#include "base/park.h"
#include "base/thread.h"
#include "net/pipe_state.h"

enum { READERS_MAX = 16 };

/* Who has not read for so long may be asked to leave its pipe; and how often somebody looks for one. */
#define SILENT_NS (20 * NS_PER_MS)

struct reader {
    atomic_int state; /* enum state */
    nng_aio *aio;     /* tells nobody */
    struct pipe *pipe;
    struct park park;
    struct lock lock;         /* Note CANCEL */
    _Atomic uint64_t read_ns; /* when it has read last */
    pthread_t thread;
};

enum state {
    READER_NONE = 0, /* it was never started */
    READER_HELD,     /* somebody starts it, or gives it a pipe; or it is about to be free */
    READER_FREE,
    READER_READS,
    READER_ENDS
};

static struct reader readers[READERS_MAX];
static _Atomic uint64_t looked_ns; /* for one that is silent */

static bool turn(struct reader *reader, int from, int to)
{
    return atomic_compare_exchange_strong(&reader->state, &from, to);
}

static void *reader_main(void *argument)
{
    struct reader *reader = argument;
    for (;;) {
        (void)weft__park(&reader->park, PARK_FOREVER);
        int state = atomic_load(&reader->state);
        if (state == READER_ENDS) return NULL;
        if (state != READER_READS) continue;
        weft__pipe_read_on(reader->pipe, reader, reader->aio);
        atomic_store(&reader->state, READER_FREE);
    }
}

static bool start(struct reader *reader)
{
    if (!reader->aio && nng_aio_alloc(&reader->aio, NULL, NULL)) return false;
    weft__park_init(&reader->park);
    weft__lock_init(&reader->lock, LOCK_SEAT);
    if (weft__thread_start(&reader->thread, "weft-reader", reader_main, reader)) return true;
    weft__lock_fini(&reader->lock);
    return false;
}

static struct reader *take_free(void)
{
    for (int i = 0; i < READERS_MAX; i++)
        if (turn(&readers[i], READER_FREE, READER_HELD)) return &readers[i];
    for (int i = 0; i < READERS_MAX; i++) {
        if (!turn(&readers[i], READER_NONE, READER_HELD)) continue;
        if (start(&readers[i])) return &readers[i];
        atomic_store(&readers[i].state, READER_NONE);
        return NULL;
    }
    return NULL;
}

/* The one that has been silent for the longest is to leave its pipe, if that is long. Where it has just read something its next read
 * ends early, and its pipe earns another. */
static void dismiss_silent(uint64_t now_ns)
{
    struct reader *silent = NULL;
    uint64_t since_ns = now_ns - SILENT_NS, looked = atomic_load_explicit(&looked_ns, memory_order_relaxed);
    if (looked > since_ns || !atomic_compare_exchange_strong(&looked_ns, &looked, now_ns)) return;
    for (int i = 0; i < READERS_MAX; i++) {
        uint64_t read_ns = atomic_load_explicit(&readers[i].read_ns, memory_order_relaxed);
        if (atomic_load(&readers[i].state) != READER_READS || read_ns > since_ns) continue;
        since_ns = read_ns;
        silent = &readers[i];
    }
    if (!silent) return;
    weft__lock(&silent->lock);
    nng_aio_cancel(silent->aio);
    weft__unlock(&silent->lock);
}

void weft__reader_settle(struct reader *reader)
{
    weft__lock(&reader->lock);
    weft__unlock(&reader->lock);
}

struct reader *weft__reader_take(struct pipe *pipe)
{
    uint64_t now_ns = weft__clock_ns();
    struct reader *reader = take_free();
    if (!reader) {
        dismiss_silent(now_ns);
        return NULL;
    }
    reader->pipe = pipe;
    atomic_store_explicit(&reader->read_ns, now_ns, memory_order_relaxed);
    atomic_store(&reader->state, READER_READS);
    weft__unpark(&reader->park);
    return reader;
}

void weft__reader_has_read(struct reader *reader)
{
    atomic_store_explicit(&reader->read_ns, weft__clock_ns(), memory_order_relaxed);
}

void weft__readers_fini(void)
{
    for (int i = 0; i < READERS_MAX; i++) {
        struct reader *reader = &readers[i];
        while (!turn(reader, READER_FREE, READER_ENDS) && atomic_load(&reader->state) != READER_NONE)
            (void)sched_yield(); /* its last pipe is gone: so it is about to be free */
        if (atomic_load(&reader->state) == READER_ENDS) {
            weft__unpark(&reader->park);
            weft__thread_join(reader->thread);
            weft__lock_fini(&reader->lock);
        }
        nng_aio_free(reader->aio);
        reader->aio = NULL;
        atomic_store(&reader->state, READER_NONE);
    }
}
