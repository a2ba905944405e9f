/* pipe.h: a connected stream of bytes, and how one comes about. The one room that does I/O with peers.
 *
 * URLs: tcp://host:port, tcp://[::1]:port, ipc:///path, tls+tcp://host:port.
 *
 * Of a pipe one write and one read may be under way at a time. Each ends with one call of its function, on a thread of the
 * transport's, never inside weft__pipe_read or weft__pipe_write, and never while the caller's locks are held by it; calls of
 * one pipe may come on two threads at once (one for the read, one for the write). They must not block. */
#ifndef WEFT_NET_PIPE_H
#define WEFT_NET_PIPE_H

#include <weft/types.h>

#include "base/mem.h"

struct pipe;
struct acceptor;

/* Who is at the other end, as far as the kernel says. */
struct pipe_peer {
    bool local;       /* ipc */
    int32_t pid;      /* 0 = unknown */
    int64_t uid, gid; /* -1 = unknown */
    char address[80]; /* "127.0.0.1:40312", "ipc pid 4711"; for people */
};

typedef void (*pipe_done)(void *context, weft_error error, size_t size);

/* Reads at least one byte, at most size. WEFT_ECLOSED: the stream has ended, or was closed: nothing more comes. */
void weft__pipe_read(struct pipe *pipe, void *bytes, size_t size, pipe_done done, void *context);

/* Writes at least one byte of these: who called writes the rest. */
void weft__pipe_write(struct pipe *pipe, const void *bytes, size_t size, pipe_done done, void *context);

void weft__pipe_peer(const struct pipe *pipe, struct pipe_peer *peer);

/* Ends what is under way, with WEFT_ECLOSED. Any thread, in its own calls too; again is harmless. */
void weft__pipe_close(struct pipe *pipe);

/* Closes it, waits for its calls to return, and frees it. Not from a call of its own. Accepts NULL. */
void weft__pipe_free(struct pipe *pipe);

/* Calls done once, with the pipe or an error and a sentence (lent). timeout_ms bounds it. cancel: makes it end soon; it ends with
 * done in any case, WEFT_ECLOSED then. free: not before done was called, nor from within it. */
struct dial;
typedef void (*dial_done)(void *context, weft_error error, const char *sentence, struct pipe *pipe);
weft_error weft__pipe_dial(const struct mem *mem, const char *url, uint32_t timeout_ms, dial_done done, void *context,
                           struct dial **dial, char *sentence);
void weft__dial_cancel(struct dial *dial);
void weft__dial_free(struct dial *dial);

/* Listens, and gives each pipe that comes to accepted, which must not block. url_bound: the address, with the port that was
 * taken where it was 0; 160 bytes. close: no call after it has returned; not from accepted. WEFT_EINVAL: the url; WEFT_EEXIST:
 * the address is in use; WEFT_ESYSTEM. The sentence (160 bytes) says more. */
weft_error weft__pipe_listen(const struct mem *mem, const char *url, void (*accepted)(void *context, struct pipe *pipe),
                             void *context, struct acceptor **acceptor, char *url_bound, char *sentence);
void weft__acceptor_close(struct acceptor *acceptor);

/* Checks a URL without using it; false: the sentence says what is wrong. loopback: only ipc:// and 127.0.0.0/8, ::1 and
 * localhost pass: until there is encryption a node listens on nothing else. */
bool weft__url_check(const char *url, bool loopback, char *sentence);

/* Ends the transport's threads, when no pipe, dial or acceptor is left. */
void weft__net_fini(void);

#endif
