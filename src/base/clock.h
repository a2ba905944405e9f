/* clock.h: the clocks. Times inside weft are CLOCK_MONOTONIC nanoseconds; the wall clock stands only in records. */
#ifndef WEFT_BASE_CLOCK_H
#define WEFT_BASE_CLOCK_H

#include <stdint.h>

#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S UINT64_C(1000000000)

uint64_t weft__clock_ns(void);      /* CLOCK_MONOTONIC */
uint64_t weft__clock_wall_ns(void); /* CLOCK_REALTIME, since 1970 */

/* now + ms; a value that would overflow, or ms == UINT64_MAX, is UINT64_MAX. */
uint64_t weft__clock_after_ms(uint64_t now_ns, uint64_t ms);

#endif
