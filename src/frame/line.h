/* line.h: frames that arrive once and in order, over connections that come and go.
 *
 * One of a pair: each end of a session has a line, which outlives the connections. Frames are numbered by counting, from 1
 * on in each direction. What was sent is kept until the other end has said that it got it ("received", in beats and in the
 * hello and welcome of a new connection); then, on a new connection, what is missing is sent again. So a connection that
 * breaks costs nothing but time, and neither side ever has to ask what became of a frame.
 *
 *     put -> [ acknowledged | sent | being written | waiting ]   blocks of bytes, each with the number of its first frame
 *              freed                                     ^ append
 *
 * A frame over FRAME_BODY_MAX goes in parts, one large frame at a time, a part after each block of others: small frames
 * overtake it, except those of its own lane, which stay behind it. A lane is a number that the caller chooses: what must keep
 * its order (a call and its cancel, a task and its result, a subscription's events) has the same one.
 *
 * Pure: no I/O, no thread, no clock; its user guards it by a lock. Memory comes in blocks of 64 KiB that are used again, and
 * small ones for what is idle. */
#ifndef WEFT_FRAME_LINE_H
#define WEFT_FRAME_LINE_H

#include "base/list.h"
#include "base/mem.h"
#include "base/message.h"
#include "frame/frame.h"

struct line_limits {
    uint32_t window_bytes;  /* sent and not acknowledged; beyond it nothing is handed out for writing */
    uint32_t waiting_bytes; /* put and not sent: beyond it weft__line_full; a single large frame may go beyond */
    uint32_t frame_max;     /* of a large frame */
};

struct line;

/* by: what it sends: 'C' or 'N'. mem: holds. NULL: out of memory. free accepts NULL. */
struct line *weft__line_new(const struct mem *mem, char by, const struct line_limits *limits);
void weft__line_free(struct line *line);

/* Puts a frame of the session. message: whose payload the frame's is, held while a large one is under way; NULL: the payload
 * is copied at once, whatever its size. WEFT_ENOMEM: nothing has changed; WEFT_ELIMIT: over frame_max. */
weft_error weft__line_put(struct line *line, uint64_t lane, const struct frame *frame, struct message *message);

/* Whether its user should stop putting; and whether he may go on: less than half of it waits. */
bool weft__line_full(const struct line *line);
bool weft__line_roomy(const struct line *line);

/* Frames of the connection, which are not counted nor kept: written before anything else. */
weft_error weft__line_put_now(struct line *line, const struct frame *frame);

/* A connection has come: the other end has got `received` frames; what follows is sent again from there. WEFT_EINVAL: it
 * cannot be: more than were sent, or fewer than it had acknowledged before. down: it is gone. */
weft_error weft__line_up(struct line *line, uint64_t received);
void weft__line_down(struct line *line);

/* What to write next: one stretch of bytes, which stays where it is until weft__line_written. Empty: nothing, or the window
 * is full, or the line is down, or a write is under way. An acknowledgement is put before it where one is due. */
weft_bytes weft__line_write(struct line *line);
void weft__line_written(struct line *line, size_t size); /* so much of that; the rest comes again */

/* What has come: reads frames from the bytes. It returns WEFT_OK and the next frame of the session, or of the connection,
 * in *frame and moves *bytes on; FRAME_BEAT and FRAME_PART it deals with itself. WEFT_EAGAIN: no whole frame is left: keep
 * what *bytes still has, and bring it with what comes next; *need is how many bytes there should be room for. WEFT_EPROTOCOL:
 * the sentence says why. What *frame says of a large frame points into the line's memory until the next call.
 * weft__line_count is to be called when the frame was dealt with: it is acknowledged from then on. */
weft_error weft__line_read(struct line *line, weft_bytes *bytes, struct frame *frame, size_t *need, char *sentence);
void weft__line_count(struct line *line);

uint64_t weft__line_received(const struct line *line); /* frames of the session, dealt with */
uint64_t
weft__line_unacknowledged(const struct line *line); /* frames that were put and that the other end may not have */
uint64_t weft__line_bytes(const struct line *line); /* of memory that it has now, half-received ones included */

/* What time has to do with it: a beat is put where the line is up. Its user calls it each beat_ms. */
void weft__line_beat(struct line *line, bool wanted);

#endif
