/* line.c: the life of a line, putting frames, and what its user may know of it. line_state.h draws what it is made of. */
#include "frame/line_state.h"

#include <string.h>

#include "base/assert.h"

struct line *weft__line_new(const struct mem *mem, char by, const struct line_limits *limits)
{
    WEFT_ASSERT(by == 'C' || by == 'N');
    WEFT_ASSERT(limits->window_bytes > 0);
    struct line *line = weft__mem_zalloc(mem, sizeof(*line));
    if (!line) return NULL;
    line->mem = mem;
    line->by = by;
    line->limits = *limits;
    line->memory_bytes = sizeof(*line);
    return line;
}

static void free_spares(struct line *line)
{
    struct chain spares = {.head = line->spares};
    line->spares = NULL;
    line->spares_count = SPARES_MAX; /* so that none comes back */
    weft__line_chain_free(line, &spares);
    line->spares_count = 0;
}

/* Everything but itself. */
static void clear(struct line *line)
{
    WEFT_ASSERT(!line->writing);
    struct large *next;
    weft__line_down(line);
    for (struct large *large = line->larges; large; large = next) {
        next = large->next;
        weft__line_block_free(line, &large->block);
    }
    weft__line_chain_free(line, &line->stream);
    weft__line_trim_part(line);
    free_spares(line);
    WEFT_ASSERT(line->memory_bytes == sizeof(*line));
}

void weft__line_free(struct line *line)
{
    if (!line) return;
    clear(line);
    weft__mem_free(line->mem, line);
}

void weft__line_reset(struct line *line)
{
    clear(line);
    *line = (struct line){.mem = line->mem, .by = line->by, .limits = line->limits, .memory_bytes = sizeof(*line)};
}

/* --- putting ---------------------------------------------------------------------------------- */

/* The last large frame of the lane that has not ended: behind it the lane's next frame goes. */
static struct large *large_of(struct line *line, uint64_t lane)
{
    struct large *last = NULL;
    for (struct large *large = line->larges; large; large = large->next)
        if (large->lane == lane || lane == LINE_BEHIND_ALL) last = large;
    return last;
}

static void note_put(struct line *line, size_t size)
{
    line->put++;
    line->waiting_bytes += size;
    line->beat_put_bytes += size;
}

static void write_frame(struct line *line, struct block *block, const struct frame *frame)
{
    unsigned char *to = block_bytes(block) + block->used;
    uint32_t size = (uint32_t)(weft__frame_write(frame, false, to) - to);
    block->used += size;
    block->count++;
    WEFT_ASSERT(block->used <= block->limit);
    note_put(line, size);
}

static weft_error put_small(struct line *line, uint64_t lane, const struct frame *frame, uint32_t size)
{
    struct large *large = line->larges ? large_of(line, lane) : NULL;
    struct chain *chain = large ? &large->behind : &line->stream;
    struct block *block = weft__line_room(line, chain, size);
    if (!block) return WEFT_ENOMEM;
    if (large && lane == LINE_BEHIND_ALL) large->elders = line->direct;
    write_frame(line, block, frame);
    chain->count++;
    if (!large) line->direct++;
    return WEFT_OK;
}

/* Most frames: there is room for it in any case, so that nobody has to ask how large it is, and no large one. */
static bool put_at_once(struct line *line, const struct frame *frame)
{
    struct block *block = line->stream.tail;
    if (line->larges || !block || block->used + weft__frame_size_most(frame) > block->limit) return false;
    write_frame(line, block, frame);
    line->stream.count++;
    line->direct++;
    return true;
}

static struct large *large_new(struct line *line, const struct frame *frame, uint32_t size, struct message *message)
{
    weft_bytes payload = weft__frame_payload(frame);
    size_t head_size = size - payload.size;
    struct large *large = weft__line_alloc(line, sizeof(*large) + head_size + (message ? 0 : payload.size));
    if (!large) return NULL;
    line->larges_count++;
    *large = (struct large){.block = {.large = true, .count = 1}, .size = size, .head_size = (uint32_t)head_size};
    unsigned char *head = (unsigned char *)(large + 1), *end = weft__frame_write(frame, true, head);
    WEFT_ASSERT(end == head + head_size);
    large->payload = message ? payload.data : end;
    large->message = weft__message_hold(message);
    if (message)
        line->memory_bytes += message->charge_bytes;
    else if (payload.size)
        memcpy(end, payload.data, payload.size);
    return large;
}

static weft_error put_large(struct line *line, uint64_t lane, const struct frame *frame, uint32_t size,
                            struct message *message)
{
    struct large *large = large_new(line, frame, size, message);
    if (!large) return WEFT_ENOMEM;
    if (!line->part) line->part = weft__line_alloc(line, PART_ROOM_BYTES);
    if (!line->part) {
        weft__line_block_free(line, &large->block);
        return WEFT_ENOMEM;
    }
    large->lane = lane;
    large->elders = line->direct;
    if (line->larges)
        line->larges_tail->next = large;
    else
        line->larges = large;
    line->larges_tail = large;
    note_put(line, size);
    return WEFT_OK;
}

void weft__line_frame_max(struct line *line, uint32_t bytes)
{
    line->limits.frame_max = bytes;
}

weft_error weft__line_put(struct line *line, uint64_t lane, const struct frame *frame, struct message *message)
{
    WEFT_ASSERT(frame->kind >= LINE_COUNTED);
    if (put_at_once(line, frame)) return WEFT_OK;
    size_t size = weft__frame_size(frame);
    if (size <= FRAME_BYTES_MAX) return put_small(line, lane, frame, (uint32_t)size);
    if (size > line->limits.frame_max) return WEFT_ELIMIT;
    return put_large(line, lane, frame, (uint32_t)size, message);
}

weft_error weft__line_put_now(struct line *line, const struct frame *frame)
{
    WEFT_ASSERT((int)frame->kind < LINE_COUNTED && frame->kind != FRAME_PART);
    uint32_t size = (uint32_t)weft__frame_size(frame);
    struct block *block = weft__line_room(line, &line->now, size);
    if (!block) return WEFT_ENOMEM;
    (void)weft__frame_write(frame, false, block_bytes(block) + block->used);
    block->used += size;
    return WEFT_OK;
}

/* --- what it is like -------------------------------------------------------------------------- */

bool weft__line_full(const struct line *line)
{
    return line->waiting_bytes >= line->limits.waiting_bytes;
}

bool weft__line_roomy(const struct line *line)
{
    return line->waiting_bytes < line->limits.waiting_bytes / 2;
}

bool weft__line_idle(const struct line *line)
{
    return line->sent == line->acknowledged;
}

uint64_t weft__line_received(const struct line *line)
{
    return line->received;
}

uint64_t weft__line_unacknowledged(const struct line *line)
{
    return line->put - line->acknowledged;
}

uint64_t weft__line_progress(const struct line *line)
{
    return line->sent + line->acknowledged + (line->larges ? line->larges->sent : 0);
}

uint64_t weft__line_waiting(const struct line *line)
{
    return line->waiting_bytes + line->rest.size;
}

uint64_t weft__line_half(const struct line *line)
{
    return line->whole_room;
}

uint64_t weft__line_bytes(const struct line *line)
{
    return line->memory_bytes;
}

/* --- time ------------------------------------------------------------------------------------- */

static void trim(struct line *line)
{
    struct block *block = line->stream.head;
    if (block && !block->next && !block->large && block->count == 0 && block != line->pinned) {
        line->stream.head = line->stream.tail = line->at = NULL;
        weft__line_block_free(line, block);
    }
    free_spares(line);
}

void weft__line_beat(struct line *line, bool wanted)
{
    if (line->beat_put_bytes < QUIET_BYTES) trim(line);
    line->beat_put_bytes = 0;
    if (!line->up) return;
    line->beat_due = true;
    line->beat_wanted |= wanted;
}
