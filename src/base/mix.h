/* mix.h: the finalizer of splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014): each bit of
 * the result depends on each of x. */
#ifndef WEFT_BASE_MIX_H
#define WEFT_BASE_MIX_H

#include <stdint.h>

static inline uint64_t weft__mix(uint64_t x)
{
    x ^= x >> 30;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    x ^= x >> 27;
    x *= UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

#endif
