/* weft/remote.h: nodes that work together across processes and hosts.
 *
 * A node that listens serves client nodes: their workers, dispatches and subscriptions are as those of its own process. A
 * client node is what weft_node_dial gives: every call of the other headers does the same on it as on an embedded node, at the
 * node that it has dialled. What differs, since there is a network in between:
 *
 *   - weft_dispatch_async and weft_dispatch_submit do not wait for the node's word: the ticket says `sent`, and what the node
 *     rejects comes as an outcome, `rejected`, with the code that says why.
 *   - An outcome may be `node_lost`: the node, or the session with it, is gone, and nobody knows whether the work was done. It
 *     is never sent again by itself.
 *   - weft_task_complete returns WEFT_OK when the result was handed to the connection, which delivers it once; that it came too
 *     late for anybody is counted at the node, and not told. What is on its way out of a process when that ends may be lost
 *     with it, and its worker has died: weft_node_close hands it over first, and returns when the node has it, or when its timeout,
 *     or 100 ms where that is less, is over.
 *
 *   - Calls and results that follow each other closely leave together: the first at once, what comes within 0.2 ms of the last that
 *     left when a thread of this process is about to wait in a call of weft's, or 256 stand there; at the latest some 2 ms later.
 *     That begins at some 30 in a millisecond, so it delays no single call; and never where an eventfd was asked for here. Who
 *     submits many and then fetches outcomes pays for few writes.
 *   - A thread that waits in a call of weft's reads what the node sends meanwhile, for the others, too: none of the host's code
 *     runs there, but its allocator.
 *   - Times are the node's to keep. Where that cannot be reached a dispatch ends `timed_out` here when its schedule_to_close_ms is
 *     over; where it can, and says nothing, as one that hangs, a second later. It may have run, or run yet, as any that is timed
 *     out. What its channel says only the node knows.
 *   - What the node alone knows is asked of it: such a call waits for the answer, up to lost_ms longer than its own timeout where
 *     there is no connection, and returns WEFT_ELOST where the node is lost meanwhile: it is not known whether it was done.
 *     WEFT_EPROTOCOL: the node has answered what cannot be read. The answer comes behind what was dispatched before: that was
 *     admitted by then, or is rejected here.
 *   - A detached dispatch that ends while its client is there is told to that, and its outcome is kept there, for
 *     weft_dispatch_fetch on it, and goes with it. One whose client has gone before is kept at the node, for whoever asks.
 *   - To the node this process is one participant: its workers, calls and events hang on that in listings, deaths and letters,
 *     whatever participants, threads and groups they have here; weft_worker_info_get alone tells of those. A worker whose
 *     participant here has died ends at the node, too, and is no death there. An event's publisher is this process. A worker
 *     without a name has one of the node's, by which listings, replies and weft_worker_info_get know it.
 *   - A worker gets up to max_concurrent tasks, which wait here for a thread of its group; it does not go from the node's listings
 *     before its handlers have returned. WEFT_INLINE handlers run on the default group.
 *   - A queue that is full and says WEFT_BLOCK rejects what comes from here, with a time to retry after.
 *   - A task that is told to stop does not wait for room for partial results any more: WEFT_ESTALE. That its caller has gone, or
 *     its time is over, comes as a cancel, a moment later; heartbeats and progress are WEFT_OK until then.
 *   - What was sent to a worker here counts as begun, unless the worker had gone, drained, or died, before it came: then it goes to
 *     others.
 *   - A bound of a channel on payloads is the node's: progress and partial results beyond it are not refused, but the task fails,
 *     `payload_too_large`. A result that breaks its schema likewise: weft_task_complete returns WEFT_OK.
 *   - An event that is still on its way here when a client node closes is not heard.
 *   - A subscriber that takes nothing is cut off here, and the node's `cut` does not count it.
 *   - Where the session is lost, workers and subscriptions are announced anew to the node that answers next. One that it refuses
 *     ends here: weft_worker_next, weft_subscription_next and `ended` say with which error, and the hooks of what
 *     (WEFT_NODE_WORKER_REFUSED, WEFT_NODE_SUBSCRIBER_REFUSED); weft_worker_info_get shows it draining. What was published
 *     meanwhile is not heard, nor counted as dropped: the event's number shows the gap, where the node is the same.
 *   - The hooks of a client node tell of this process's end alone, where a worker without a name may have another than at
 *     the node. weft_schema_get gives a copy, compiled here.
 *   - A schema that is registered from here has bounds of at most those of WEFT_SCHEMA_OPTIONS: else WEFT_ELIMIT.
 *   - At most 1024 calls of weft_dispatch_fetch, weft_channel_drain and others that wait at the node do so at a time: else WEFT_ELIMIT.
 *   - weft_dispatch_why and weft_why_get of a channel with more workers than one answer has room for (some 40,000) are WEFT_ELIMIT.
 *
 * A node that is started anew knows nothing of before. Workers and subscriptions are announced to it by themselves; channels are
 * not: those that a client has declared are to be declared again (WEFT_ENOCHANNEL says so to who dispatches there).
 *
 * A connection is made anew after 50 ms at first, and twice as long each time that it fails, up to 2 s; one that lived for less
 * than a second counts as one that failed.
 *
 * A connection that breaks costs nothing: the session goes on when it is made anew within resume_ms, and what was under way is
 * neither lost nor done twice.
 *
 * TLS: the transport offers tls+tcp://, with certificates of one end or both. But for now a node listens on this host only,
 * on ipc:// and loopback addresses, tls+tcp:// too: WEFT_EINVAL says so of any other. Encryption between hosts comes with the
 * next release. */
#ifndef WEFT_REMOTE_H
#define WEFT_REMOTE_H

#include <weft/node.h>
#include <weft/types.h>

typedef struct weft_listen_options {
    uint32_t version;          /* filled in by WEFT_LISTEN_OPTIONS */
    uint32_t sessions_max;     /* of the node: client nodes at a time */
    uint32_t resume_ms;        /* how long a session outlives its connection, at most */
    uint32_t beat_ms;          /* a sign of life this often */
    uint32_t beats_missed_max; /* a connection is given up after so many without one */
    uint32_t drain_ms;    /* after the death of a process: for what it has sent, while another keeps its socket open */
    uint32_t greeting_ms; /* a connection that has not greeted by then is closed */
    uint32_t frame_bytes_max; /* of one payload with what goes along, to and from clients, who learn of it; what is
                                 larger is `payload_too_large`, rejected or failed, whatever its channel allows. What a
                                 task tells, and an event, has 1024 less: WEFT_ELIMIT to the task and to who publishes
                                 from elsewhere; to a subscriber elsewhere it is dropped, and counted so */
    uint32_t
        stall_ms; /* a connection whose other end takes nothing of what waits for it is closed after that; at least a
                          beat_ms more may go by. WEFT_FOREVER = never */
    uint64_t half_bytes_max;       /* of memory for large payloads of which some has come, of all client nodes; at least
                                      for one it is */
    const char *tls_cert_key_file; /* for tls+tcp: PEM, its certificate and key in one file. Borrows, as the next. */
    const char *tls_ca_file;       /* who may have signed the certificates of those who dial; NULL = they need none */
} weft_listen_options;

#define WEFT_LISTEN_OPTIONS_VALUES 1, 10000, 5000, 5000, 3, 100, 3000, 16781312, 30000, 268435456, 0, 0
#ifdef __cplusplus
#define WEFT_LISTEN_OPTIONS (weft_listen_options{WEFT_LISTEN_OPTIONS_VALUES})
#else
#define WEFT_LISTEN_OPTIONS                                                                                            \
    {                                                                                                                  \
        WEFT_LISTEN_OPTIONS_VALUES                                                                                     \
    }
#endif

typedef struct weft_dial_options {
    uint32_t version;              /* filled in by WEFT_DIAL_OPTIONS */
    const weft_node_options *node; /* borrows; NULL = defaults: threads, allocator, hooks of this process's end */
    const char *name;              /* of this process at the node, unique there; NULL = the node makes one */
    uint32_t dial_timeout_ms;      /* for the first connection; WEFT_FOREVER = until there is one */
    uint32_t resume_ms;            /* how long the session should outlive a connection; the node may allow less */
    uint32_t lost_ms;              /* without a connection for so long: what is open ends `node_lost` */
    const char *tls_ca_file; /* for tls+tcp: who has signed the node's certificate, PEM. Copies, as the next two. */
    const char *tls_cert_key_file; /* this process's own; NULL = none is shown */
    const char *tls_server_name;   /* the name in the node's certificate; NULL = the host of the address */
} weft_dial_options;

#define WEFT_DIAL_OPTIONS_VALUES 1, 0, 0, 5000, 5000, 10000, 0, 0, 0
#ifdef __cplusplus
#define WEFT_DIAL_OPTIONS (weft_dial_options{WEFT_DIAL_OPTIONS_VALUES})
#else
#define WEFT_DIAL_OPTIONS                                                                                              \
    {                                                                                                                  \
        WEFT_DIAL_OPTIONS_VALUES                                                                                       \
    }
#endif

enum { WEFT_URL_MAX = 159 };

/* Who answered, and how long it took. */
typedef struct weft_ping {
    uint64_t round_trip_ns;
    uint8_t node_id[16];          /* which node, and which run of it */
    char name[WEFT_NAME_MAX + 1]; /* this process's, at the node */
    char version[32];             /* of weft, there */
    char url[WEFT_URL_MAX + 1];   /* of those that were dialled: the one that answered */
    int32_t pid;                  /* of the node's process, as it says */
    bool resumed;                 /* the session is older than its connection */
} weft_ping;

#ifdef __cplusplus
extern "C" {
#endif

/* Listens on an address, until the node is closed: tcp://127.0.0.1:7000 (port 0: any that is free), tcp://[::1]:7000,
 * ipc:///run/weft.sock (the file is made, for this user only). May be called for several. options: borrows, NULL = defaults;
 * those of the first call hold for all. bound: WEFT_URL_MAX + 1 bytes, or NULL: gets the address with its port. WEFT_EINVAL: the
 * url, or an address that is not of this host alone; WEFT_EEXIST: somebody listens there; WEFT_ESYSTEM; WEFT_ENOMEM; WEFT_ECLOSED.
 * Any thread. */
WEFT_API weft_error weft_node_listen(weft_node *node, const char *url, const weft_listen_options *options, char *bound);

/* Opens a client node: dials the addresses, separated by commas, in their order, until one answers. Gives *node: close it with
 * weft_node_close, which hands over what was done first. Reconnects by itself, after 50 ms at first and 2 s at most, over all
 * addresses. Of several each has its share of the time that is left, of dial_timeout_ms, or until what is open is lost: so one
 * that accepts and never answers does not use up that of the others. options: borrows, NULL = defaults; their hooks are called
 * from when it has answered. WEFT_ELOST: none answered in time, the message says what each had to say; WEFT_EINVAL; WEFT_EEXIST:
 * the name is taken there; WEFT_ENOMEM; WEFT_ESYSTEM. Blocks up to dial_timeout_ms. */
WEFT_API weft_error weft_node_dial(const char *urls, const weft_dial_options *options, weft_node **node);

/* Asks the node that was dialled for an answer. WEFT_ELOST: no connection; WEFT_ETIMEDOUT; WEFT_EINVAL: it is an embedded one.
 * Blocks up to timeout_ms. */
WEFT_API weft_error weft_node_ping(weft_node *node, uint32_t timeout_ms, weft_ping *ping);

/* Ends the threads of the transport and closes its descriptors, which are the process's and outlive its nodes; a later call
 * that needs them makes them again. Of use before a library that holds weft is unloaded, and to tools that look for leaks.
 * WEFT_EBUSY: a node of this process still listens, or has dialled. The transport is nng: a host that uses nng itself must
 * not call this, since its own sockets would end, too; that is why weft_process_fini does not. Not while another thread calls
 * weft_node_listen or weft_node_dial, nor from a callback. Waits for threads that end. */
WEFT_API weft_error weft_transport_fini(void);

#ifdef __cplusplus
}
#endif

#endif
