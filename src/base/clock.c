#include "base/clock.h"

#include <time.h>

static uint64_t read_clock_ns(clockid_t id)
{
    struct timespec now;
    (void)clock_gettime(id, &now); /* fails only on an unknown clock */
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

uint64_t weft__clock_ns(void)
{
    return read_clock_ns(CLOCK_MONOTONIC);
}

uint64_t weft__clock_wall_ns(void)
{
    return read_clock_ns(CLOCK_REALTIME);
}

uint64_t weft__clock_after_ms(uint64_t now_ns, uint64_t ms)
{
    if (ms > (UINT64_MAX - now_ns) / NS_PER_MS) return UINT64_MAX;
    return now_ns + ms * NS_PER_MS;
}
