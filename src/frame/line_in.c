/* line_in.c: what comes: frames from bytes, large ones from parts, acknowledgements from beats. */
#include "frame/line_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"

enum { WHOLE_FIRST_BYTES = 64 * 1024 };

/* --- large frames ----------------------------------------------------------------------------- */

void weft__line_forget_whole(struct line *line)
{
    weft__line_dealloc(line, line->whole, line->whole_room);
    line->whole = NULL;
    line->whole_size = line->whole_have = line->whole_room = 0;
    line->whole_given = false;
}

static weft_error refuse(char *sentence, const char *what)
{
    (void)snprintf(sentence, FRAME_SENTENCE_MAX, "%s", what);
    return WEFT_EPROTOCOL;
}

/* Room for so many bytes of it. It doubles: who announces much and sends little costs little. */
static bool make_room(struct line *line, uint32_t total, uint32_t bytes)
{
    if (bytes <= line->whole_room) return true;
    uint64_t room = line->whole_room ? (uint64_t)line->whole_room * 2 : WHOLE_FIRST_BYTES;
    while (room < bytes)
        room *= 2;
    if (room > total) room = total;
    unsigned char *whole = weft__line_alloc(line, (size_t)room);
    if (!whole) return false;
    if (line->whole_have) memcpy(whole, line->whole, line->whole_have);
    weft__line_dealloc(line, line->whole, line->whole_room);
    line->whole = whole;
    line->whole_room = (uint32_t)room;
    return true;
}

static weft_error check_part(const struct line *line, const struct frame_part *part, char *sentence)
{
    bool under_way = line->whole != NULL;
    if (part->first == under_way)
        return refuse(sentence, under_way ? "a part begins a large frame within another" : "a part of no large frame");
    uint32_t total = part->first ? part->total : line->whole_size;
    if (total > line->limits.frame_max) {
        (void)snprintf(sentence, FRAME_SENTENCE_MAX,
                       "a large frame of %" PRIu32 " bytes, where %" PRIu32 " are allowed", total,
                       line->limits.frame_max);
        return WEFT_EPROTOCOL;
    }
    if (total <= FRAME_BYTES_MAX) return refuse(sentence, "a frame in parts that is small enough to come whole");
    uint32_t left = total - line->whole_have;
    if (part->bytes.size == 0 || part->bytes.size > left || (part->bytes.size == left) != part->last)
        return refuse(sentence, "the parts of a large frame are not as long as it is");
    return WEFT_OK;
}

static weft_error take_part(struct line *line, const struct frame_part *part, char *sentence)
{
    weft_error error = check_part(line, part, sentence);
    if (error) return error;
    uint32_t total = part->first ? part->total : line->whole_size, size = (uint32_t)part->bytes.size;
    if (!make_room(line, total, line->whole_have + size)) return WEFT_ENOMEM;
    memcpy(line->whole + line->whole_have, part->bytes.data, size);
    line->whole_size = total;
    line->whole_have += size;
    return WEFT_OK;
}

/* The large frame that has ended. */
static weft_error give_whole(struct line *line, char by, struct frame *frame, char *sentence)
{
    size_t need;
    line->whole_given = true;
    switch (weft__frame_read(line->whole, line->whole_size, by, line->limits.frame_max, frame, &need, sentence)) {
    case FRAME_MORE: return refuse(sentence, "a large frame is longer than its parts");
    case FRAME_BAD: return WEFT_EPROTOCOL;
    default: break;
    }
    if (frame->size != line->whole_size) return refuse(sentence, "a large frame is shorter than its parts");
    if ((int)frame->kind < LINE_COUNTED) return refuse(sentence, "a frame of the connection in parts");
    return WEFT_OK;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* Not before what came in front of it was dealt with: who asks wants to hear of that. */
static void answer(struct line *line)
{
    if (!line->answer_due || line->received < line->answer_at) return;
    line->answer_due = false;
    line->beat_due = true;
}

static weft_error take_beat(struct line *line, const struct frame_beat *beat, char *sentence)
{
    if (beat->received > line->sent) {
        (void)snprintf(sentence, FRAME_SENTENCE_MAX, "%" PRIu64 " frames are acknowledged, and %" PRIu64 " were sent",
                       beat->received, line->sent);
        return WEFT_EPROTOCOL;
    }
    if (beat->received > line->acknowledged) weft__line_acknowledged(line, beat->received);
    if (beat->wanted) {
        line->answer_due = true;
        line->answer_at = line->read;
        answer(line);
    }
    return WEFT_OK;
}

weft_error weft__line_read(struct line *line, weft_bytes *bytes, struct frame *frame, size_t *need, char *sentence)
{
    char by = line->by == 'C' ? 'N' : 'C';
    if (line->whole_given) weft__line_forget_whole(line);
    for (;;) {
        switch (weft__frame_read(bytes->data, bytes->size, by, FRAME_BYTES_MAX, frame, need, sentence)) {
        case FRAME_MORE: return WEFT_EAGAIN;
        case FRAME_BAD: return WEFT_EPROTOCOL;
        default: break;
        }
        if (frame->kind >= FRAME_BEAT && !line->up) return refuse(sentence, "a frame before the greeting");
        size_t size = frame->size;
        weft_error error = WEFT_OK;
        bool given = true;
        if (frame->kind == FRAME_BEAT) {
            error = take_beat(line, &frame->beat, sentence);
            given = false;
        } else if (frame->kind == FRAME_PART) {
            given = frame->part.last;
            error = take_part(line, &frame->part, sentence);
            if (!error && given) error = give_whole(line, by, frame, sentence);
        }
        if (error) return error;
        bytes->data = (const unsigned char *)bytes->data + size;
        bytes->size -= size;
        if (!given) continue;
        if ((int)frame->kind >= LINE_COUNTED) {
            line->read++;
            line->read_bytes += frame->size;
        }
        return WEFT_OK;
    }
}

void weft__line_count(struct line *line, uint32_t frames)
{
    line->received += frames;
    WEFT_ASSERT(line->received <= line->read);
    answer(line);
    if (line->received == line->read) line->even_bytes = line->read_bytes;
}
