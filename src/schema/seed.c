#include "schema/seed.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/random.h>
#include <time.h>

/* Where the system gives none (a seccomp filter, say), the time and an address are hard enough to guess. */
static uint32_t random_number(void)
{
    uint32_t number;
    int cancel;
    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel); /* getrandom is a cancellation point */
    ssize_t got = getrandom(&number, sizeof number, GRND_NONBLOCK);
    (void)pthread_setcancelstate(cancel, NULL);
    if (got == (ssize_t)sizeof number) return number;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint32_t)now.tv_nsec * UINT32_C(0x9e3779b1) ^ (uint32_t)((uintptr_t)&now >> 4);
}

uint32_t weft__schema_seed(void)
{
    static _Atomic uint32_t seed; /* 0 = not made yet */
    uint32_t known = atomic_load_explicit(&seed, memory_order_relaxed);
    if (known) return known;
    uint32_t made = random_number() | 1;
    return atomic_compare_exchange_strong(&seed, &known, made) ? made : known;
}
