#include "lib/failmem.h"

#include <stddef.h>
#include <stdlib.h>

#include "base/assert.h"

enum { MAGIC = 0x5eed };

/* Stands before each block. */
union header {
    struct {
        size_t size_bytes;
        unsigned magic;
    } block;
    max_align_t align;
};

static void *failmem_alloc(void *context, size_t size_bytes)
{
    struct failmem *failmem = context;
    uint64_t nth = ++failmem->allocations;
    if (failmem->first && nth >= failmem->first && nth <= failmem->last) {
        failmem->refused++;
        return NULL;
    }
    union header *header = malloc(sizeof *header + size_bytes);
    WEFT_ASSERT(header);
    header->block.size_bytes = size_bytes;
    header->block.magic = MAGIC;
    failmem->live_blocks++;
    failmem->live_bytes += size_bytes;
    return header + 1;
}

static void failmem_free(void *context, void *block)
{
    struct failmem *failmem = context;
    if (!block) return;
    union header *header = (union header *)block - 1;
    WEFT_ASSERT(header->block.magic == MAGIC);
    failmem->live_blocks--;
    failmem->live_bytes -= header->block.size_bytes;
    free(header);
}

static void refuse(struct failmem *failmem, uint64_t first, uint64_t last)
{
    failmem->allocations = 0;
    failmem->refused = 0;
    failmem->first = first;
    failmem->last = last;
}

void failmem_init(struct failmem *failmem)
{
    *failmem = (struct failmem){.mem = {.alloc = failmem_alloc, .free = failmem_free, .context = failmem}};
}

void failmem_fail_once(struct failmem *failmem, uint64_t nth)
{
    refuse(failmem, nth, nth);
}

void failmem_fail_from(struct failmem *failmem, uint64_t nth)
{
    refuse(failmem, nth, UINT64_MAX);
}
