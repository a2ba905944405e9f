/* Note PANIC. The hook's two words are read by a thread that may hold any lock, so none guards them: they stand in a
 * sequence lock. Who sets them makes the sequence odd, writes, and makes it even again; who reads tries until it has
 * read both within one even number. No setter can be the reader's own thread: nothing in between can fail. */
#include "base/assert.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef void (*panic_function)(const char *sentence, void *context);

static atomic_uint sequence;
static _Atomic(panic_function) panic_hook;
static _Atomic(void *) panic_context;
static atomic_flag panicking = ATOMIC_FLAG_INIT;
static _Thread_local bool panics_here;

void weft__panic_set(panic_function panic, void *context)
{
    unsigned even = atomic_load(&sequence) & ~1U;
    while (!atomic_compare_exchange_weak(&sequence, &even, even + 1))
        even &= ~1U;
    atomic_store(&panic_hook, panic);
    atomic_store(&panic_context, context);
    atomic_store(&sequence, even + 2);
}

static void call_panic(const char *sentence)
{
    for (;;) {
        unsigned before = atomic_load(&sequence);
        panic_function panic = atomic_load(&panic_hook);
        void *context = atomic_load(&panic_context);
        if (before & 1 || atomic_load(&sequence) != before) continue;
        if (panic) panic(sentence, context);
        return;
    }
}

/* One write(2) from the stack: it works with a broken heap, and lines of several processes do not mix. The first thread
 * speaks for all: others wait for its abort, so that its hook can finish; what breaks inside the hook ends at once. */
_Noreturn void weft__assert_failed(const char *file, int line, const char *expression)
{
    char text[512];
    if (panics_here) abort();
    panics_here = true;
    while (atomic_flag_test_and_set(&panicking))
        (void)pause();
    int length = snprintf(text, sizeof text - 1, "weft: %s:%d: broken invariant: %s", file, line, expression);
    size_t size_bytes = (size_t)length < sizeof text - 2 ? (size_t)length : sizeof text - 2;
    text[size_bytes] = '\n';
    ssize_t ignored = write(STDERR_FILENO, text, size_bytes + 1);
    (void)ignored;
    text[size_bytes] = '\0';
    call_panic(text);
    abort();
}
