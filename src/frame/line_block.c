/* line_block.c: the memory of a line's frames. */
#include "frame/line_state.h"

#include "base/assert.h"
#include "frame/wire.h"

void *weft__line_alloc(struct line *line, size_t size)
{
    void *memory = weft__mem_alloc(line->mem, size);
    if (memory) line->memory_bytes += size;
    return memory;
}

void weft__line_dealloc(struct line *line, void *memory, size_t size)
{
    if (!memory) return;
    line->memory_bytes -= size;
    weft__mem_free(line->mem, memory);
}

static size_t block_memory(uint32_t bytes)
{
    return sizeof(struct block) + bytes + BEAT_BYTES;
}

struct block *weft__line_block_new(struct line *line, uint32_t bytes)
{
    struct block *block = bytes == BLOCK_BYTES ? line->spares : NULL;
    WEFT_ASSERT(bytes <= BLOCK_BYTES);
    if (block) {
        line->spares = block->next;
        line->spares_count--;
    } else {
        block = weft__line_alloc(line, block_memory(bytes));
        if (!block) return NULL;
    }
    *block = (struct block){.limit = bytes, .size = bytes};
    return block;
}

static void large_free(struct line *line, struct large *large)
{
    weft__line_chain_free(line, &large->behind);
    size_t copied = large->message ? 0 : large->size - large->head_size;
    if (large->message) line->memory_bytes -= large->message->charge_bytes;
    weft__message_drop(large->message);
    line->larges_count--;
    weft__line_dealloc(line, large, sizeof(*large) + large->head_size + copied);
}

void weft__line_block_free(struct line *line, struct block *block)
{
    if (block->large) {
        large_free(line, block_large(block));
    } else if (block->size == BLOCK_BYTES && line->spares_count < SPARES_MAX) {
        block->next = line->spares;
        line->spares = block;
        line->spares_count++;
    } else {
        weft__line_dealloc(line, block, block_memory(block->size));
    }
}

void weft__line_chain_free(struct line *line, struct chain *chain)
{
    struct block *next;
    for (struct block *block = chain->head; block; block = next) {
        next = block->next;
        weft__line_block_free(line, block);
    }
    chain->head = chain->tail = NULL;
}

/* A small one for the beginning, unless a large one is there anyway. */
struct block *weft__line_room(struct line *line, struct chain *chain, uint32_t bytes)
{
    struct block *block = chain->tail;
    if (block && !block->large && block->used + bytes <= block->limit) return block;
    bool small = !chain->head && !line->spares && bytes <= BLOCK_SMALL_BYTES;
    block = weft__line_block_new(line, small ? BLOCK_SMALL_BYTES : BLOCK_BYTES);
    if (!block) return NULL;
    if (chain->tail)
        chain->tail->next = block;
    else
        chain->head = block;
    chain->tail = block;
    return block;
}

/* A beat behind an acknowledged frame is done with, too. */
uint32_t weft__line_settle(struct line *line)
{
    struct block *block = line->stream.head;
    if (!block || block->large || !block->first) return 0;
    uint32_t before = block->settled_bytes;
    while (block->settled_bytes < block->used) {
        const unsigned char *frame = block_bytes(block) + block->settled_bytes;
        if (frame[4] >= LINE_COUNTED) {
            if (block->first + block->settled > line->acknowledged) break;
            block->settled++;
        }
        block->settled_bytes += FRAME_HEADER_BYTES + wire_get32(frame);
    }
    return block->settled_bytes - before;
}

void weft__line_trim_part(struct line *line)
{
    if (!line->part || line->larges_count || line->writing || line->rest.size) return;
    weft__line_dealloc(line, line->part, PART_ROOM_BYTES);
    line->part = NULL;
}
