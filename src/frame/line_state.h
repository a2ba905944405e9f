/* line_state.h: what a line is made of; for line.c (its life, and putting), line_block.c (blocks), line_out.c (writing,
 * acknowledgements, connections) and line_in.c (reading).
 *
 * The stream is a chain of blocks, in the order of the wire. A block is either bytes, some frames and now and then a beat, or
 * one large frame that has ended:
 *
 *     head                      at                                 tail
 *     [f4 f5 f6 beat] -> [large: f7] -> [f8 f9 beat | f10 f11] -> [f12 ...]        number = linked: 12
 *         ^ acknowledged: 5                         ^ at_offset, sent: 9
 *
 * A large frame that has not ended stands in `larges`, first come, first served, with a chain of its own: the frames of its
 * lane that were put behind it. When its last part is handed out it is linked into the stream behind `at`, its chain after
 * it. So what comes behind the cursor may still change, and a block learns the number of its first frame when the cursor
 * enters it. What the cursor has passed never changes: it is sent again as it was. */
#ifndef WEFT_FRAME_LINE_STATE_H
#define WEFT_FRAME_LINE_STATE_H

#include "frame/line.h"

enum {
    BEAT_BYTES = FRAME_HEADER_BYTES + 8,
    PART_HEAD_BYTES = FRAME_HEADER_BYTES + 4,
    FRAME_BYTES_MAX = FRAME_HEADER_BYTES + FRAME_BODY_MAX, /* of what travels whole */
    BLOCK_BYTES = FRAME_BYTES_MAX,
    BLOCK_SMALL_BYTES = 960,
    SPARES_MAX = 2,
    PART_ROOM_BYTES = PART_HEAD_BYTES + LINE_PART_BYTES + BEAT_BYTES,
    ACK_FRAMES = 256,
    ACK_BYTES_MAX = 64 * 1024,
    QUIET_BYTES = 4096 /* put between two beats: less is next to nothing */
};

/* Its bytes follow it: size of them, and room for one beat more. */
struct block {
    struct block *next;
    uint64_t first;   /* number of its first frame; 0 = the cursor was never in it */
    uint32_t count;   /* frames of the session in it */
    uint32_t settled; /* of these acknowledged, as far as somebody looked; they have settled_bytes */
    uint32_t settled_bytes;
    uint32_t used;
    uint32_t limit; /* frames go up to here; size, or used where nothing more is to come in */
    uint32_t size;
    bool large; /* it is a struct large and has no bytes */
};

struct chain {
    struct block *head, *tail;
    uint64_t count; /* frames that were put into it; of the stream: since ever */
};

/* Its head (all but the payload) follows it, and the payload where it is a copy. */
struct large {
    struct block block; /* for the stream */
    struct large *next;
    uint64_t lane;
    uint64_t elders; /* line->direct when it was put, or what stays behind all: those go before its last part */
    struct chain behind;
    struct message *message; /* NULL: the payload is ours */
    const unsigned char *payload;
    uint32_t size, head_size, sent; /* bytes, of the whole frame */
};

struct line {
    const struct mem *mem; /* set at new */
    struct line_limits limits;
    char by;

    bool up;
    bool writing;   /* the stretch was handed out and not yet accounted for */
    bool stale;     /* of a connection that has gone since */
    bool part_next; /* of stream and large frames, whose turn it is */
    bool beat_due, beat_wanted;
    bool answer_due;    /* a beat was asked for, and is due when what came before it has been dealt with: */
    uint64_t answer_at; /* so many frames */

    /* out */
    struct chain stream, now; /* a stretch of `now` has left it */
    struct block *at;         /* the cursor's; NULL = before the head */
    uint32_t at_offset;
    struct large *larges, *larges_tail;
    uint32_t larges_count; /* of those in the stream, too */
    unsigned char *part;   /* one part and a beat; there as long as there are large frames */
    weft_bytes rest;       /* of the stretch */
    struct block *pinned;  /* the stretch is in it: it may leave its chain, but not go */
    bool pinned_left;      /* it has left it */
    struct block *spares;
    uint32_t spares_count;
    unsigned char beat[BEAT_BYTES];

    uint64_t put;            /* frames, of all time */
    uint64_t direct;         /* of these put into the stream at once */
    uint64_t sent, sent_max; /* number of the last that was handed out: on this connection, ever */
    uint64_t followers;      /* number of the last frame behind the last large one; the next one waits for it */
    uint64_t acknowledged;
    uint64_t waiting_bytes;   /* put and not handed out on this connection */
    uint64_t under_way_bytes; /* handed out on it and, as far as somebody looked, not acknowledged */
    uint64_t beat_put_bytes;  /* put since the last beat */
    uint64_t memory_bytes;

    /* in */
    uint64_t read, received, told; /* frames: read, dealt with, and what the other end was told */
    uint64_t read_bytes;
    uint64_t even_bytes,
        told_bytes;       /* read_bytes when all that was read was dealt with; and of what was told, at least */
    unsigned char *whole; /* a large frame; NULL = none */
    uint32_t whole_size, whole_have, whole_room;
    bool whole_given; /* to the user, until the next call */
};

static inline unsigned char *block_bytes(struct block *block)
{
    return (unsigned char *)(block + 1);
}

static inline struct large *block_large(struct block *block)
{
    return (struct large *)(void *)block; /* its first member */
}

/* line_block.c. alloc and dealloc count memory_bytes. */
void *weft__line_alloc(struct line *line, size_t size);
void weft__line_dealloc(struct line *line, void *memory, size_t size);

/* bytes: of frames, BLOCK_BYTES or less. NULL: out of memory. */
struct block *weft__line_block_new(struct line *line, uint32_t bytes);
void weft__line_block_free(struct line *line, struct block *block);
void weft__line_chain_free(struct line *line, struct chain *chain);

/* The chain's last block, with room for a frame of so many bytes; a new one where there is none. NULL: out of memory. */
struct block *weft__line_room(struct line *line, struct chain *chain, uint32_t bytes);

/* Finds out which of the first block's frames are acknowledged. Returns the bytes of those that were found now. */
uint32_t weft__line_settle(struct line *line);

/* Gives back the memory for parts when there is no large frame. */
void weft__line_trim_part(struct line *line);

/* line_out.c: the other end has got so many; everything that is not acknowledged is to be sent again; nothing of the stretch
 * is left to be written. */
void weft__line_acknowledged(struct line *line, uint64_t received);
void weft__line_rewind(struct line *line);
void weft__line_stretch_over(struct line *line);

/* line_in.c */
void weft__line_forget_whole(struct line *line);

#endif
