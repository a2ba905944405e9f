/* Note PERMIT. The word changes only so:
 *
 *     EMPTY  -> GIVEN    unpark                         ASLEEP -> GIVEN    unpark, which then wakes
 *     EMPTY  -> ASLEEP   park, before it sleeps         ASLEEP -> EMPTY    park, past its deadline
 *     GIVEN  -> EMPTY    park, which takes the permit
 *     EMPTY  -> NUDGED   nudge                          ASLEEP -> NUDGED   nudge, which then wakes
 *     NUDGED -> EMPTY    park, without a permit         NUDGED -> GIVEN    unpark
 *     EMPTY  -> AWAY     away                           AWAY   -> GIVEN    unpark, which then rouses
 *     AWAY   -> EMPTY    back
 *
 * Nothing but park takes GIVEN away, and park then returns true: no permit is lost. The kernel puts the sleeper to
 * sleep only while the word is still ASLEEP, so an unpark between our store and our sleep is seen by one side or the
 * other: either the kernel refuses (EAGAIN), or the unpark finds ASLEEP and wakes. Every store of GIVEN is a release
 * and every load that takes it an acquire; a second unpark is a read-modify-write upon the first one's value and so
 * continues its release sequence: park synchronizes with both. */
#include "base/park.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/clock.h"

enum { EMPTY = 0, GIVEN = 1, ASLEEP = 2, NUDGED = 3, AWAY = 4 };

void (*_Atomic weft__park_rouse)(unsigned seat);

/* futex(2) takes the words and the timespec of the kernel, which are ours only where long has 64 bits. */
_Static_assert(sizeof(atomic_uint) == 4 && sizeof(long) == 8, "64-bit Linux");

static bool sleep_until(struct park *park, uint64_t deadline_ns);

void weft__park_init(struct park *park)
{
    atomic_init(&park->word, EMPTY);
}

bool weft__park(struct park *park, uint64_t deadline_ns)
{
    unsigned seen = EMPTY;
    bool sleeping =
        atomic_compare_exchange_strong_explicit(&park->word, &seen, ASLEEP, memory_order_relaxed, memory_order_relaxed);
    bool expired = false;
    while (sleeping && !expired) {
        expired = !sleep_until(park, deadline_ns);
        sleeping = atomic_load_explicit(&park->word, memory_order_relaxed) == ASLEEP;
    }
    return atomic_exchange_explicit(&park->word, EMPTY, memory_order_acquire) == GIVEN;
}

void weft__unpark(struct park *park)
{
    unsigned before = atomic_exchange_explicit(&park->word, GIVEN, memory_order_release);
    if (before >= AWAY) atomic_load_explicit(&weft__park_rouse, memory_order_relaxed)(before - AWAY);
    if (before != ASLEEP) return;
    /* The sleeper may have seen GIVEN by itself and be gone, with the memory: the address alone is used. */
    (void)syscall(SYS_futex, &park->word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0);
}

void weft__nudge(struct park *park)
{
    unsigned seen = atomic_load_explicit(&park->word, memory_order_relaxed);
    while ((seen == EMPTY || seen == ASLEEP) &&
           !atomic_compare_exchange_weak_explicit(&park->word, &seen, NUDGED, memory_order_relaxed,
                                                  memory_order_relaxed)) {
    }
    if (seen == ASLEEP) (void)syscall(SYS_futex, &park->word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0);
}

void weft__nudge_settled(struct park *park)
{
    unsigned seen = NUDGED;
    (void)atomic_compare_exchange_strong_explicit(&park->word, &seen, EMPTY, memory_order_relaxed,
                                                  memory_order_relaxed);
}

bool weft__park_away(struct park *park, unsigned seat)
{
    unsigned seen = EMPTY;
    return atomic_compare_exchange_strong_explicit(&park->word, &seen, AWAY + seat, memory_order_relaxed,
                                                   memory_order_relaxed);
}

bool weft__park_back(struct park *park)
{
    unsigned seen = atomic_load_explicit(&park->word, memory_order_relaxed);
    return seen == GIVEN || !atomic_compare_exchange_strong_explicit(&park->word, &seen, EMPTY, memory_order_relaxed,
                                                                     memory_order_relaxed);
}

bool weft__park_given(const struct park *park)
{
    return atomic_load_explicit(&park->word, memory_order_relaxed) == GIVEN;
}

/* False: the deadline has passed. True: woken, perhaps for nothing (EINTR, EAGAIN, a stray wake). */
static bool sleep_until(struct park *park, uint64_t deadline_ns)
{
    struct timespec deadline = {.tv_sec = (time_t)(deadline_ns / NS_PER_S), .tv_nsec = (long)(deadline_ns % NS_PER_S)};
    long result = syscall(SYS_futex, &park->word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, ASLEEP,
                          deadline_ns == PARK_FOREVER ? NULL : &deadline, NULL, FUTEX_BITSET_MATCH_ANY);
    if (result == 0) return true;
    WEFT_ASSERT(errno == EINTR || errno == EAGAIN || errno == ETIMEDOUT);
    return errno != ETIMEDOUT;
}
