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
 * A frame over FRAME_BODY_MAX goes in parts of at most LINE_PART_BYTES, one large frame at a time, a part after each block of
 * others: small frames overtake it, except those of its own lane, which stay behind it. A lane is a number that the caller
 * chooses: what must keep its order (a call and its cancel, a task and its result, a subscription's events) has the same one.
 * Frames of other lanes may change places with a large frame, and with what waits behind it; never with one another.
 *
 * What is counted: each frame of the session, once, at the place where it ends on the wire. Parts are not: a large frame has
 * the number that is due when its last part comes. So the numbers follow from the bytes alone, and both ends make them
 * alike. A large frame that had not ended when the connection broke has no number; it begins anew on the next one, and the
 * other end has forgotten its half. What had a number keeps it: it comes again at the same place, in parts if it is large.
 *
 * Acknowledgements: each stretch that leaves ends with a beat where something was received since the last one. By itself a
 * beat leaves only where 256 frames, or a quarter of the window and at most 64 KiB, have come meanwhile: then the other end
 * cannot run out of window before it hears of it. (Both ends of a pair have the same window; the welcome names it.)
 *
 * Pure: no I/O, no thread, no clock; its user guards it by a lock. Memory comes in blocks of 64 KiB that are used again, and
 * small ones for what is idle; it has what was put and not acknowledged, at most twice that in blocks half full, one stretch
 * above the window, and what has come of one large frame. */
#ifndef WEFT_FRAME_LINE_H
#define WEFT_FRAME_LINE_H

#include "base/mem.h"
#include "base/message.h"
#include "frame/frame.h"

/* Kinds from here on are frames of the session; below, of the connection. */
#define LINE_COUNTED FRAME_DISPATCH

/* The lane of what stays behind every frame that was put before, whatever its lane. */
#define LINE_BEHIND_ALL UINT64_MAX

enum { LINE_PART_BYTES = 32 * 1024 };

struct line_limits {
    uint32_t window_bytes;  /* sent and not acknowledged; once so much is, nothing is handed out for writing */
    uint32_t waiting_bytes; /* put and not sent: beyond it weft__line_full; a single large frame may go beyond */
    uint32_t frame_max;     /* of a large frame */
};

struct line;

/* by: what it sends: 'C' or 'N'. mem: holds. NULL: out of memory. It is down. free accepts NULL; no write may be under way. */
struct line *weft__line_new(const struct mem *mem, char by, const struct line_limits *limits);
void weft__line_free(struct line *line);

/* It is as new: down, with nothing in it and nothing counted. No write may be under way. Cannot fail. */
void weft__line_reset(struct line *line);

/* Instead of limits.frame_max, both ways; what was put stays. */
void weft__line_frame_max(struct line *line, uint32_t bytes);

/* Puts a frame of the session, up or down. message: whose payload the frame's is: a large one holds it until it is
 * acknowledged; NULL: the payload is copied at once, whatever its size. WEFT_ENOMEM: nothing has changed; WEFT_ELIMIT: over
 * frame_max. */
weft_error weft__line_put(struct line *line, uint64_t lane, const struct frame *frame, struct message *message);

/* Whether its user should stop putting; and whether he may go on: less than half of it waits. What has to be sent again
 * waits, too. */
bool weft__line_full(const struct line *line);
bool weft__line_roomy(const struct line *line);

/* Frames of the connection, which are not counted nor kept: written before anything else, and before weft__line_up, too.
 * (So a goodbye that is to come last is put when weft__line_unacknowledged is 0.) A line that goes down forgets them. A beat
 * is not put like this: weft__line_beat. WEFT_ENOMEM. */
weft_error weft__line_put_now(struct line *line, const struct frame *frame);

/* A connection has come: the other end has got `received` frames; what follows is sent again from there. It has been told, or
 * is told before anything else, what weft__line_received says. WEFT_EINVAL: it cannot be: more than were sent, or fewer than
 * it had acknowledged before. down: the connection is gone; again is harmless. Where a write is still under way then, its
 * bytes stay where they are until weft__line_written, and nothing is handed out before: up need not wait for it. */
weft_error weft__line_up(struct line *line, uint64_t received);
void weft__line_down(struct line *line);

/* What to write next: one stretch of bytes, which stays where it is until weft__line_written. Empty: nothing, or the window
 * is full, or a write is under way; where the line is down, frames of the connection only. To be asked again after each put,
 * written, read and beat. Never fails for want of memory. */
weft_bytes weft__line_write(struct line *line);
void weft__line_written(struct line *line, size_t size); /* so much of that; the rest comes again */

/* What has come: reads frames from the bytes. It returns WEFT_OK and the next frame of the session, or of the connection,
 * in *frame and moves *bytes on; FRAME_BEAT and FRAME_PART it deals with itself. WEFT_EAGAIN: no whole frame is left: keep
 * what *bytes still has, and bring it with what comes next; *need is how many bytes there should be room for. WEFT_EPROTOCOL:
 * the sentence (FRAME_SENTENCE_MAX) says why: close the connection. WEFT_ENOMEM: no room for a part; *bytes begins with it:
 * again later, or close. What *frame says of a large frame points into the line's memory until the next call, or
 * weft__line_down.
 * weft__line_count is to be called when frames of the session were dealt with, for so many: they are acknowledged from then on.
 * Those that were read and not counted when the other end is told weft__line_received come again. */
weft_error weft__line_read(struct line *line, weft_bytes *bytes, struct frame *frame, size_t *need, char *sentence);
void weft__line_count(struct line *line, uint32_t frames);

bool weft__line_idle(const struct line *line);               /* all that was sent has been got, as far as is known */
uint64_t weft__line_received(const struct line *line);       /* frames of the session, dealt with */
uint64_t weft__line_unacknowledged(const struct line *line); /* were put, and the other end may not have them */
uint64_t
weft__line_progress(const struct line *line); /* another where frames were handed out or acknowledged; beats are none */
uint64_t weft__line_waiting(const struct line *line); /* bytes that were put and not written */
uint64_t weft__line_half(const struct line *line);    /* bytes of memory for a large frame of which some has come */
uint64_t weft__line_bytes(const struct line *line);   /* of memory that it has now, held payloads included */

/* What time has to do with it; its user calls it each beat_ms. A beat is put where the line is up; wanted: the other end is
 * to answer at once, which its line does by itself. And a line that had next to nothing to do since the last call gives back
 * what memory it does not need. */
void weft__line_beat(struct line *line, bool wanted);

#endif
