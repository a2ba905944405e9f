/* reader.h: threads that read for the pipes that have the most to read.
 *
 * What nng reads for a pipe its poller reads, and one of its task threads tells of: two switches of threads, and a queue that
 * all pipes share. A reader has one pipe, waits for it alone, and calls its function itself: one switch, and none where
 * there is something already. There are few of them, so a pipe has to earn one, and who is silent for long may lose
 * it to another. */
#ifndef WEFT_NET_READER_H
#define WEFT_NET_READER_H

#include "net/nng.h"

struct reader;

/* A free one, for that pipe: it calls weft__pipe_read_on soon. NULL: none is free, or there is no memory; one that has not
 * read for long is asked to leave its pipe, so that there may be one later. Any thread, any locks below the log's. */
struct reader *weft__reader_take(struct pipe *pipe);

/* By weft__pipe_read_on, each time that it has read something. */
void weft__reader_has_read(struct reader *reader);

/* By weft__pipe_read_on, after its last read: waits for who asks it to leave. */
void weft__reader_settle(struct reader *reader);

/* Ends them all. No pipe is there any more. */
void weft__readers_fini(void);

#endif
