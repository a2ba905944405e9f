/* pipe.h: a connected stream of bytes, and how one comes about. The one room that does I/O with peers.
 *
 * URLs: tcp://host:port, tcp://[::1]:port, ipc:///path, tls+tcp://host:port; at most 159 bytes. An IPv6 address stands
 * in brackets, without a zone. The path of an ipc socket is absolute and has no more than 107 bytes.
 *
 * Of a pipe one write and one read may be under way at a time. Each ends with one call of its function, on a thread of
 * the transport's: never inside weft__pipe_read or weft__pipe_write, though it may come before these have returned.
 * Calls of one pipe may come on two threads at once (one for the read, one for the write). They must not block: the
 * transport has two threads for each processor. A function may read and write again in its own call; once it has done
 * so, the next call may come while this one runs.
 *
 * What waits (weft__pipe_free, weft__dial_free, weft__acceptor_close) waits for calls, so it is never called from one,
 * of this or of any other pipe, dial or acceptor. A pipe that was never read nor written may be freed anywhere.
 *
 * Keep a read under way: without one the end of a peer is not noticed, and a pipe that was neither read nor written
 * when its peer closed costs a processor until it is closed.
 *
 * In a forked child nothing here does anything: what returns an error returns WEFT_EFORKED, and no call comes. */
#ifndef WEFT_NET_PIPE_H
#define WEFT_NET_PIPE_H

#include <weft/types.h>

#include "base/mem.h"

struct pipe;
struct acceptor;
struct dial;

enum { PIPE_URL_BYTES = 160, PIPE_SENTENCE_BYTES = 160, PIPE_ADDRESS_BYTES = 80 };

/* For tls+tcp, which is TLS 1.2: files in PEM. Borrowed by the call that is given it; the files are read in it. */
struct pipe_tls {
    const char *ca_file; /* who may have signed the other end's certificate: of a dial always, see weft__pipe_dial; of
                                  a listener NULL = whoever dials needs none */
    const char *cert_key_file; /* our certificate, with what it needs to be trusted, and its key, in one file; of a dial
                                  NULL = none is shown */
    const char *server_name; /* of a dial: the name in the listener's certificate; NULL = the URL's host. Addresses are
                                  not found among a certificate's alternative names: give the name */
};

/* Who is at the other end, as far as the kernel says: of when it was connected. */
struct pipe_peer {
    bool local;                       /* ipc */
    int32_t pid;                      /* 0 = unknown; of the process that has made the connection, or the listener */
    int64_t uid, gid;                 /* -1 = unknown */
    char address[PIPE_ADDRESS_BYTES]; /* "127.0.0.1:40312", "[::1]:40312", "ipc pid 4711"; for people */
};

/* WEFT_OK and the size, more than 0; or WEFT_ECLOSED and 0. */
typedef void (*pipe_done)(void *context, weft_error error, size_t size);

/* Reads at least one byte, at most size, which is more than 0. WEFT_ECLOSED: the stream has ended, for whatever
 * reason, or was closed: nothing more comes, and the pipe is closed. */
void weft__pipe_read(struct pipe *pipe, void *bytes, size_t size, pipe_done done, void *context);

/* From now on threads that wait in weft__lead_park do the reads, one after the other, where it is busy. Before the first read.
 * Not with TLS. */
struct lead;
void weft__pipe_lead_by(struct pipe *pipe, struct lead *lead);

/* Writes at least one byte of these: who called writes the rest. What was written may still be on its way.
 * WEFT_ECLOSED: nothing more can be written; what the other end had sent before may still be read. */
void weft__pipe_write(struct pipe *pipe, const void *bytes, size_t size, pipe_done done, void *context);

/* Writes what can be written without waiting, while no write is under way: costs no switch of threads. Returns how many bytes;
 * 0: none now, or it has ended: weft__pipe_write tells. */
size_t weft__pipe_try_write(struct pipe *pipe, const void *bytes, size_t size);

void weft__pipe_peer(const struct pipe *pipe, struct pipe_peer *peer);

/* Why it has ended: "the other end has closed it", "closed here", "the other end's certificate is not trusted" …; ""
 * where it has not. */
void weft__pipe_reason(struct pipe *pipe, char sentence[PIPE_SENTENCE_BYTES]);

/* Ends what is under way, with WEFT_ECLOSED; does not wait. Any thread, in its own calls too; again is harmless. */
void weft__pipe_close(struct pipe *pipe);

/* Closes it, waits for its calls to return, and frees it. Its descriptor is closed soon after. Accepts NULL. */
void weft__pipe_free(struct pipe *pipe);

/* Connects, once. Calls done once, with the pipe or an error and a sentence (lent): WEFT_ELOST: nobody is there, or
 * the host's name is not known; WEFT_ETIMEDOUT: no answer for timeout_ms, which is more than 0; WEFT_ECLOSED:
 * cancelled; WEFT_ENOMEM; WEFT_ESYSTEM. With tls+tcp, who the other end is turns out with the first read or write:
 * until then the connection is one with anybody. (Both ends must read or write for that: a first write waits for the
 * other end to read.)
 *
 * tls: NULL for other URLs; else with its ca_file. Returns WEFT_EINVAL (the URL, what tls names), WEFT_ENOMEM,
 * WEFT_ESYSTEM, WEFT_EFORKED with a sentence: then there will be no call. */
typedef void (*dial_done)(void *context, weft_error error, const char *sentence, struct pipe *pipe);
weft_error weft__pipe_dial(const struct mem *mem, const char *url, const struct pipe_tls *tls, uint32_t timeout_ms,
                           dial_done done, void *context, struct dial **dial, char sentence[PIPE_SENTENCE_BYTES]);

/* Makes it end soon: with done in any case, and WEFT_ECLOSED unless that was called already. Any thread, any number of
 * times, until it is freed. */
void weft__dial_cancel(struct dial *dial);

/* After done was called: waits for it to return. Accepts NULL. */
void weft__dial_free(struct dial *dial);

/* Listens, and gives each pipe that comes to accepted, one at a time, which must not block; the first may come before
 * this returns. Up to 128 connections wait for that. Where there are no descriptors or no memory left they wait
 * longer: it is tried again 10 times a second, and where it is descriptors, accepted is given NULL each time.
 *
 * An ipc socket is for the user's own processes (mode 0600); what a crashed listener has left is removed, any other
 * file is not. tls: for tls+tcp, with its cert_key_file. url_bound: the address, with the port that was taken where it
 * was 0.
 *
 * May block, while a host's name is looked up or somebody holds a lock on the directory (a second). WEFT_EINVAL: the
 * URL, what tls names; WEFT_EEXIST: the address is in use; WEFT_ENOMEM, WEFT_ESYSTEM, WEFT_EFORKED. The sentence says
 * more. */
weft_error weft__pipe_listen(const struct mem *mem, const char *url, const struct pipe_tls *tls,
                             void (*accepted)(void *context, struct pipe *pipe), void *context,
                             struct acceptor **acceptor, char url_bound[PIPE_URL_BYTES],
                             char sentence[PIPE_SENTENCE_BYTES]);

/* No call after it has returned. Removes the socket's file, unless another has taken its place; as above it waits for a
 * lock on the directory. Accepts NULL. */
void weft__acceptor_close(struct acceptor *acceptor);

/* Checks a URL without using it; false: the sentence says what is wrong. loopback: only ipc:// and 127.0.0.0/8, ::1 and
 * localhost pass, whatever the scheme. */
bool weft__url_check(const char *url, bool loopback, char sentence[PIPE_SENTENCE_BYTES]);

/* From begin to end somebody uses the transport, or may: each pipe, dial and acceptor, and whoever makes them by himself. */
void weft__net_begin(void);
void weft__net_end(void);

/* Ends the transport's threads, and closes its descriptors; they come again when they are needed. False: somebody uses it,
 * and nothing was done. Nobody makes one meanwhile. Where the host itself uses nng, its sockets end as well: then it
 * must not be called. Waits; from no call of the transport's. */
bool weft__net_fini(void);

#endif
