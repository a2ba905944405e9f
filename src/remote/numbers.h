/* numbers.h: from the numbers that one end gives its things to the handles that the other knows them by. Open addressing,
 * linear probing; not locked. */
#ifndef WEFT_REMOTE_NUMBERS_H
#define WEFT_REMOTE_NUMBERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mem.h"

struct numbers {
    const struct mem *mem;
    uint64_t seed; /* the other end chooses the numbers, and is not to choose where they stand */
    struct number_pair {
        uint64_t number, handle; /* handle 0: free */
    } * pairs;
    uint32_t room; /* 0, or a power of two */
    uint32_t count;
};

void weft__numbers_init(struct numbers *numbers, const struct mem *mem);
void weft__numbers_fini(struct numbers *numbers);

/* Makes room for one more. False: out of memory; nothing has changed. */
bool weft__numbers_ready(struct numbers *numbers);

/* Room was made; the number is not there yet; handle is not 0. */
void weft__numbers_add(struct numbers *numbers, uint64_t number, uint64_t handle);

uint64_t weft__numbers_find(const struct numbers *numbers, uint64_t number); /* 0: none */
uint64_t weft__numbers_remove(struct numbers *numbers, uint64_t number);     /* its handle; 0: none */

#endif
