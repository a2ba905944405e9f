/* failmem.h: an allocator that fails when told to and knows what has not come back.
 *
 * Refuse the Nth allocation for N = 1, 2, 3 ... until a run has refused none; each time check the code, that nothing
 * has changed and that live_blocks is what it was. Any thread may allocate and free; it must stay where it was
 * initialised. */
#ifndef WEFT_TESTS_FAILMEM_H
#define WEFT_TESTS_FAILMEM_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/mem.h"

struct failmem {
    struct mem mem;               /* for the code under test */
    _Atomic uint64_t allocations; /* asked for since fail_once or fail_from, refused ones too */
    _Atomic uint64_t refused;     /* of these */
    _Atomic uint64_t live_blocks; /* given out and not yet freed, since init */
    _Atomic uint64_t live_bytes;
    _Atomic uint64_t first; /* 1-based; 0 = refuses none */
    _Atomic uint64_t last;
};

void failmem_init(struct failmem *failmem); /* refuses none */

/* Refuses the nth allocation from now, 1 being the next; or that one and all that follow. 0: none. */
void failmem_fail_once(struct failmem *failmem, uint64_t nth);
void failmem_fail_from(struct failmem *failmem, uint64_t nth);

#endif
