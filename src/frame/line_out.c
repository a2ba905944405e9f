/* line_out.c: what leaves: stretches of the stream, parts of large frames between them, acknowledgements; and what becomes of
 * it: it is acknowledged, or sent again.
 *
 * Note ORDER. A large frame's last part is handed out only where everything that was put before the frame is out: of the
 * frames put directly into the stream no more wait than were put after it (elders; or after the last that is to stay
 * behind all, which follows it). Its own lane's frames behind it follow
 * at once, and the next large frame begins when those are out, on a new connection out again (followers). So whatever has
 * one lane leaves in the order in which it was put; and what was out leaves in the same order again, since the stream does
 * not change before the cursor. */
#include "frame/line_state.h"

#include <string.h>

#include "base/assert.h"

/* --- beats ------------------------------------------------------------------------------------ */

static bool has_news(const struct line *line)
{
    return line->beat_due || line->received != line->told;
}

static unsigned char *write_beat(struct line *line, unsigned char *to)
{
    struct frame frame;
    frame.kind = FRAME_BEAT;
    frame.beat = (struct frame_beat){.received = line->received, .wanted = line->beat_wanted};
    unsigned char *end = weft__frame_write(&frame, false, to);
    WEFT_ASSERT(end == to + BEAT_BYTES);
    line->told = line->received;
    line->told_bytes = line->even_bytes;
    line->beat_due = line->beat_wanted = false;
    return end;
}

/* Whether one has to leave though nothing else does. */
static bool beat_owed(const struct line *line)
{
    uint32_t bytes = line->limits.window_bytes / 4 < ACK_BYTES_MAX ? line->limits.window_bytes / 4 : ACK_BYTES_MAX;
    if (line->beat_due) return true;
    if (line->received == line->told) return false;
    return line->received - line->told >= ACK_FRAMES || line->read_bytes - line->told_bytes >= bytes;
}

/* --- stretches -------------------------------------------------------------------------------- */

static void note_sent(struct line *line, uint64_t number)
{
    line->sent = number;
    if (line->sent_max < number) line->sent_max = number;
}

static bool finished(const struct line *line, struct block *block)
{
    if (block->large) return block_large(block)->sent == block_large(block)->size;
    return line->at_offset == block->used;
}

/* Moves the cursor to the next block that has something to send, if there is one. */
static void go_forward(struct line *line)
{
    struct block *next;
    while ((!line->at || finished(line, line->at)) && (next = line->at ? line->at->next : line->stream.head)) {
        line->at = next;
        line->at_offset = next->settled_bytes;
        WEFT_ASSERT(!next->first || next->first + next->settled == line->sent + 1);
    }
}

static void take_now(struct line *line)
{
    struct block *block = line->now.head;
    line->now.head = block->next;
    if (!block->next) line->now.tail = NULL;
    line->pinned = block;
    line->pinned_left = true;
    line->rest = (weft_bytes){block_bytes(block), block->used};
}

static void take_stream(struct line *line)
{
    struct block *block = line->at;
    unsigned char *from = block_bytes(block) + line->at_offset;
    if (!block->first) block->first = line->sent + 1;
    line->waiting_bytes -= block->used - line->at_offset;
    if (has_news(line) && block->used <= block->size)
        block->used +=
            (uint32_t)(write_beat(line, block_bytes(block) + block->used) - (block_bytes(block) + block->used));
    line->rest = (weft_bytes){from, block->used - line->at_offset};
    line->under_way_bytes += line->rest.size;
    line->at_offset = block->used;
    line->pinned = block;
    line->part_next = true;
    note_sent(line, block->first + block->count - 1);
}

/* Of a large frame that ends now for the first time: it takes its place in the stream. */
static void link_large(struct line *line, struct large *large)
{
    struct block *last = large->behind.tail ? large->behind.tail : &large->block;
    struct block **place = line->at ? &line->at->next : &line->stream.head;
    line->larges = large->next;
    if (!line->larges) line->larges_tail = NULL;
    large->next = NULL;
    large->block.next = large->behind.head;
    last->next = *place;
    *place = &large->block;
    if (!last->next) line->stream.tail = last;
    line->stream.count += 1 + large->behind.count;
    line->followers = line->sent + 1 + large->behind.count;
    large->behind = (struct chain){0};
    large->block.first = line->sent + 1;
    line->at = &large->block;
    line->at_offset = 0;
}

static unsigned char *copy_of_large(const struct large *large, unsigned char *to, uint32_t from, uint32_t size)
{
    const unsigned char *head = (const unsigned char *)(large + 1);
    uint32_t of_head = from < large->head_size ? large->head_size - from : 0;
    if (of_head > size) of_head = size;
    if (of_head) memcpy(to, head + from, of_head);
    if (size > of_head) memcpy(to + of_head, large->payload + (from + of_head - large->head_size), size - of_head);
    return to + size;
}

static void take_part(struct line *line, struct large *large)
{
    uint32_t left = large->size - large->sent, size = left < LINE_PART_BYTES ? left : LINE_PART_BYTES;
    struct frame frame;
    frame.kind = FRAME_PART;
    frame.part =
        (struct frame_part){.first = !large->sent, .last = size == left, .total = large->size, .bytes = {.size = size}};
    unsigned char *end = weft__frame_write(&frame, true, line->part);
    WEFT_ASSERT(end == line->part + PART_HEAD_BYTES);
    end = copy_of_large(large, end, large->sent, size);
    large->sent += size;
    line->waiting_bytes -= size;
    if (frame.part.last) {
        if (large == line->larges) link_large(line, large);
        note_sent(line, large->block.first);
        line->under_way_bytes += large->size;
    }
    if (has_news(line)) end = write_beat(line, end);
    line->rest = (weft_bytes){line->part, (size_t)(end - line->part)};
    line->part_next = false;
}

/* Whether it is the turn of the first of the large frames. Note ORDER. */
static bool large_goes(struct line *line)
{
    const struct large *large = line->larges;
    if (!large || line->sent < line->followers) return false;
    uint64_t waiting = line->stream.count - line->sent;
    if (waiting > 0 && !line->part_next) return false;
    if (large->size - large->sent > LINE_PART_BYTES) return true;
    if (line->sent < line->sent_max) return false; /* what was out leaves as it was, and where it was */
    if (waiting > line->direct - large->elders) return false;
    if (!line->at || finished(line, line->at)) return true;
    line->at->limit = line->at->used; /* it ends behind this block, so nothing more goes into it */
    return false;
}

static bool window_open(struct line *line)
{
    if (line->under_way_bytes < line->limits.window_bytes) return true;
    line->under_way_bytes -= weft__line_settle(line);
    return line->under_way_bytes < line->limits.window_bytes;
}

static void take_frames(struct line *line)
{
    if (large_goes(line)) {
        take_part(line, line->larges);
        return;
    }
    go_forward(line);
    if (!line->at || finished(line, line->at)) return;
    if (line->at->large)
        take_part(line, block_large(line->at));
    else
        take_stream(line);
}

weft_bytes weft__line_write(struct line *line)
{
    if (line->writing) return (weft_bytes){0};
    if (!line->rest.size && line->now.head) {
        take_now(line);
    } else if (!line->rest.size && line->up) {
        if (window_open(line)) take_frames(line);
        if (!line->rest.size && beat_owed(line))
            line->rest = (weft_bytes){line->beat, (size_t)(write_beat(line, line->beat) - line->beat)};
    }
    line->writing = line->rest.size > 0;
    return line->rest;
}

void weft__line_written(struct line *line, size_t size)
{
    WEFT_ASSERT(line->writing);
    WEFT_ASSERT(size <= line->rest.size);
    line->writing = false;
    line->rest.data = (const unsigned char *)line->rest.data + size;
    line->rest.size -= size;
    if (line->stale || !line->rest.size) weft__line_stretch_over(line);
}

void weft__line_stretch_over(struct line *line)
{
    if (line->pinned_left) weft__line_block_free(line, line->pinned);
    line->pinned = NULL;
    line->pinned_left = line->stale = false;
    line->rest = (weft_bytes){0};
    weft__line_trim_part(line);
}

/* --- what becomes of it ----------------------------------------------------------------------- */

/* Whether all of the first block is acknowledged. An empty one is the last, unless a large frame has come behind it. */
static bool acknowledged(const struct line *line, const struct block *block)
{
    if (block->count == 0) return block->next != NULL;
    return block->first && block->first + block->count - 1 <= line->acknowledged;
}

static void empty_block(struct line *line, struct block *block)
{
    *block = (struct block){.limit = block->size, .size = block->size};
    line->at_offset = 0;
}

void weft__line_acknowledged(struct line *line, uint64_t received)
{
    struct block *block;
    line->acknowledged = received;
    while ((block = line->stream.head) && acknowledged(line, block)) {
        line->under_way_bytes -= block->large ? block_large(block)->size : block->used - block->settled_bytes;
        if (!block->next && !block->large && block != line->pinned) {
            empty_block(line, block); /* for what comes next */
            break;
        }
        line->stream.head = block->next;
        if (!block->next) line->stream.tail = NULL;
        if (line->at == block) line->at = NULL;
        if (block == line->pinned)
            line->pinned_left = true;
        else
            weft__line_block_free(line, block);
    }
    weft__line_trim_part(line);
}

static uint64_t chain_bytes(const struct chain *chain)
{
    uint64_t bytes = 0;
    for (struct block *block = chain->head; block; block = block->next) {
        if (block->large) block_large(block)->sent = 0;
        bytes += block->large ? block_large(block)->size : block->used - block->settled_bytes;
    }
    return bytes;
}

void weft__line_rewind(struct line *line)
{
    line->sent = line->acknowledged;
    line->at = NULL;
    line->at_offset = 0;
    line->part_next = false;
    (void)weft__line_settle(line);
    line->under_way_bytes = 0;
    line->waiting_bytes = chain_bytes(&line->stream);
    for (struct large *large = line->larges; large; large = large->next) {
        large->sent = 0;
        line->waiting_bytes += large->size + chain_bytes(&large->behind);
    }
}

weft_error weft__line_up(struct line *line, uint64_t received)
{
    if (line->up) weft__line_down(line);
    if (received < line->acknowledged || received > line->sent_max) return WEFT_EINVAL;
    weft__line_acknowledged(line, received);
    weft__line_rewind(line);
    line->up = true;
    line->read = line->told = line->received;
    line->even_bytes = line->told_bytes = line->read_bytes;
    return WEFT_OK;
}

void weft__line_down(struct line *line)
{
    line->up = line->beat_due = line->beat_wanted = line->answer_due = false;
    weft__line_chain_free(line, &line->now);
    weft__line_forget_whole(line);
    weft__line_rewind(line);
    if (line->writing)
        line->stale = true;
    else
        weft__line_stretch_over(line);
}
