/* session.h: one end of a session with a peer: what the node's end (guest.h) and the client's (uplink.h) have in common.
 *
 *     pipe --read--> line --frames--> ops->frames --> core            the reading thread of the connection
 *     core --> dest --take--> ops->put --> line --write--> pipe       the pump: whoever woke it, one at a time
 *
 * A connection (struct conn) is a pipe in use. A session outlives its connections; it has at most one that is attached, and
 * one that waits until the last call of that is over. Reading: one read is outstanding, the next is asked for when the core has
 * taken the frames of the last (R5). Writing: one write is outstanding, what comes meanwhile leaves together.
 *
 * The pump is R2 of docs/architecture.md: who finds the destination empty leaves the waiter; who appends takes it off and
 * runs the pump after unlocking. Where the line is full the pump stops without leaving the waiter (stalled), and the write that
 * makes room goes on with it. So there is never more than one.
 *
 * All that is the life of connections and sessions happens on the remote's thread, in one order: greeting, attaching, up, down,
 * beats and other timers, the end. Other threads leave it an errand, whatever locks they have; what they hold (weft__conn_hold,
 * weft__session_hold) is not freed. */
#ifndef WEFT_REMOTE_SESSION_H
#define WEFT_REMOTE_SESSION_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/heap.h"
#include "base/list.h"
#include "base/lock.h"
#include "base/park.h"
#include "core/core.h"
#include "exec/gate.h"
#include "frame/line.h"
#include "net/pipe.h"

enum {
    HAUL_MAX = 64, /* items of one hold */
    GREETING_BYTES = 256,
    FIRST_BYTES = 448 /* the buffer of an idle connection: a greeting, and small frames */
};

/* For the remote's thread, from any other. On its way once at a time; then it is left again. */
struct errand {
    struct errand *next;
    void (*run)(struct errand *errand); /* without a lock */
};

/* What all sessions of a node share: the thread that their lives are on. */
struct remote {
    weft_node *node;
    _Atomic(struct errand *) errands; /* the newest first */
    atomic_uint leaving_count;        /* who leaves one this moment */
    _Atomic uint64_t half_bytes;      /* of memory for large frames of which some has come, of all sessions */
    uint64_t half_bytes_max;          /* then the next one that needs more of it loses its connection; 0 = no bound */
    struct lock lock;
    struct heap timers;                   /* (r) under the lock, as are all of these */
    uint32_t timers_count;                /* (r) that exist */
    struct list_node conns;               /* (r) all there are */
    struct list_node sessions;            /* (r) all there are */
    struct pipe *refused[8];              /* (r) pipes to be freed */
    uint32_t refused_count;               /* (r) */
    uint32_t conns_count, greeting_count; /* (r) of these: not greeted yet */
    bool stopping;                        /* (r) */
    struct park park;
    pthread_t thread;
};

struct timer {
    struct heap_node node;
    void (*due)(struct timer *timer,
                uint64_t now_ns); /* on the remote's thread, without a lock; set it again if need be */
};

struct session;

/* A pipe in use. */
struct conn {
    struct remote *remote;
    struct pipe *pipe;
    struct session *session; /* NULL until it is greeted; set under the remote's lock */
    const struct session_ops *ops;
    void *context; /* of who made it, until it is greeted */
    struct list_node on_remote;
    struct errand errand; /* its greeting is to be read; then: it is over */
    struct timer timer;   /* the greeting must come in time */
    atomic_bool closing;
    atomic_int busy;           /* who is in a call of its pipe's, or holds it; and one until it is closed */
    bool greeted;              /* its reader's, which is the remote's thread until it is attached */
    atomic_bool refused;       /* it is closed when its greeting was written */
    bool attached;             /* (s) it is session->conn */
    bool last;                 /* (s) it is closed when what is being written was, and the error behind it */
    uint64_t received;         /* what the other end has, as it says */
    _Atomic uint64_t heard_ns; /* when something came last */
    uint32_t small_reads;      /* its reader's: in a row */
    unsigned char *buffer;     /* its reader's */
    size_t room, have;
    _Atomic size_t greeting_size; /* of what is being written before the line's; set to 0 under the remote's lock */
    unsigned char *greeting;      /* GREETING_BYTES; a node's goes when it has greeted */
    unsigned char first[FIRST_BYTES];
};

/* What is told of a task. Copied under the core's lock: its worker may be gone when it is written. */
struct task_told {
    uint64_t handle, worker;
    weft_dispatch_id id;
    uint64_t deadline_ns;
    struct message *payload; /* held */
    uint32_t attempt;
    uint16_t window, room;
    bool timed, streams;
    bool too_large;                        /* no frame holds it: it ends here */
    bool gone;                             /* CANCEL: nobody waits for it */
    char activity_type[WEFT_NAME_MAX + 1]; /* "" = none */
};

struct haul {
    struct core_taken items[HAUL_MAX];
    struct task_told tasks[HAUL_MAX]; /* of the items that are about one */
    size_t count;
    struct inbox_entry events[HAUL_MAX]; /* of the last item, where that is EVENTS */
    size_t events_count;
    weft_error events_ended; /* not WEFT_OK: it has ended, so */
    uint64_t era;            /* a client's: what was taken before a session was lost is not put into the next */
};

/* What an end does. None is called with a lock held, unless it says so. */
struct session_ops {
    char hears; /* whose frames it reads: 'C' or 'N' */
    /* The first frame of a connection: it answers by weft__conn_attach or weft__conn_refuse. On the remote's thread, as are up,
     * down, lost, failed, beat and free. */
    void (*greeted)(struct conn *conn, const struct frame *frame);
    /* Under the session's lock: what is written first on a connection that is attached now. NULL: nothing. */
    void (*welcome)(struct session *session, struct frame *frame);
    void (*up)(struct session *session); /* one was attached */
    /* Frames of the session, in order. Not WEFT_OK: the connection is closed with that sentence; *dealt says how many were dealt
     * with, all others come again. */
    weft_error (*frames)(struct session *session, const struct frame *frames, size_t count, size_t *dealt,
                         char *sentence);
    /* Inside: looks at an item of the haul while what it is about is there. NULL: nothing to be looked at. */
    void (*taken)(struct session *session, struct haul *haul, size_t index);
    /* Under the session's lock: writes what was taken into its line. */
    weft_error (*put)(struct session *session, struct haul *haul);
    /* Outside: gives back what the haul holds. */
    void (*spent)(struct session *session, struct haul *haul);
    void (*goodbye)(struct session *session);
    void (*delivered)(struct session *session); /* all that was put was got, where session->wants_delivered */
    /* No connection is attached any more; the sentence says why. */
    void (*down)(struct session *session, weft_error error, const char *sentence);
    /* One that was never attached. WEFT_ETIMEDOUT: it has not greeted in time. */
    void (*lost)(struct conn *conn, weft_error error, const char *sentence);
    /* By the pump, outside: the line is full; or the pump goes on. NULL: nobody minds. */
    void (*backlogged)(struct session *session, bool backlogged);
    /* What it was to be sent has been lost: the session cannot go on. Its connection was closed. */
    void (*failed)(struct session *session);
    void (*beat)(struct session *session, uint64_t now_ns); /* each beat_ms */
    void (*free)(struct session *session);                  /* nothing uses it any more */
};

struct session {
    struct remote *remote;
    const struct session_ops *ops;
    struct list_node on_remote;
    atomic_uint refs;
    struct core_dest dest;     /* (l) all that goes to the other end */
    struct waiter waiter;      /* on it, where the pump rests */
    struct session *next_pump; /* the pumping thread's */
    struct errand gone;        /* nothing uses it any more */
    struct errand broken;      /* ops->failed is to be called */
    atomic_bool failing;       /* that was left */
    uint32_t awaited_count;    /* (l) calls that wait for the pump */
    uint64_t taken_count;      /* (l) items that it has taken */
    uint64_t put_count;        /* (l) of these: known to have been put */
    bool pump_over;            /* (l) */
    uint64_t gathers_ns;   /* so long after the pump has rested what comes gathers, where there is much; 0 = never */
    uint64_t window_ns;    /* the pump's: when it began */
    uint32_t window_count; /* the pump's: items that it has taken since */
    bool bursts;           /* the pump's: there were many in the window before */
    struct timer timer;    /* beats, and what else has a time */

    struct lock lock;
    struct line *line;      /* (s) under the lock, as are all of these */
    struct conn *conn;      /* (s) */
    struct conn *next;      /* (s) attached when conn has ended */
    uint32_t generation;    /* (s) of the line: it is another for each session that was lost */
    bool writing;           /* (s) a write of the line's bytes is under way */
    struct list_node crowd; /* (s) who waits for room in the line */
    bool stalled;           /* (s) the pump waits for room */
    bool backlogged;        /* the pump's: ops->backlogged was told so */
    uint64_t half_bytes;    /* (s) counted in the remote's */
    bool wants_delivered;   /* (s) */
    bool over;              /* (s) nothing is put or attached any more */
    weft_error why;         /* (s) of the connection's end */
    char *sentence;         /* (s) NULL: that error's own, or there is no memory for it */
    uint32_t beat_ms, beats_missed_max;
    uint64_t beat_ns;       /* when it beat last; the remote's thread's, like the rest */
    uint32_t stall_ms;      /* a connection is closed that took nothing for so long; WEFT_FOREVER = never */
    uint64_t slow_since_ns; /* 0 = it takes */
    uint64_t seen_progress; /* of the line, at the last beat */
    /* (s) Where more was put without asking, the connection is closed; where twice that, since it came back for more, the session
       fails. 0 = no bound */
    uint64_t waiting_bytes_most;
    uint32_t asks_count; /* under the clerk's lock: that wait there */
    bool asks_over;      /* likewise: it is to take no more */
};

/* The remote of a node. WEFT_ENOMEM, WEFT_ESYSTEM. stop: closes every connection, waits for their ends, frees every session;
 * no timer fires after it. */
weft_error weft__remote_start(struct remote *remote, weft_node *node);
void weft__remote_stop(struct remote *remote);

/* Frees a pipe that nobody uses, on the remote's thread. */
void weft__remote_reap(struct remote *remote, struct pipe *pipe);

/* Timers. ready makes room for one more; false: out of memory. Any thread. */
bool weft__timer_ready(struct remote *remote, struct timer *timer, void (*due)(struct timer *timer, uint64_t now_ns));
void weft__timer_at(struct remote *remote, struct timer *timer, uint64_t at_ns); /* UINT64_MAX: never */
void weft__timer_gone(struct remote *remote, struct timer *timer);

/* A connection of that pipe, which it takes, whatever comes of it; it reads its first frame, within timeout_ms. greeting: what is
 * written at once; size 0 = nothing. NULL: out of memory. */
struct conn *weft__conn_new(struct remote *remote, const struct session_ops *ops, void *context, struct pipe *pipe,
                            uint32_t timeout_ms, const struct frame *greeting);
/* In `greeted`: the session has it from now on; the connection that it had is closed first, and this one attached when the last
 * of that is over. received: what the other end has. Where it cannot be taken up from there, and in refuse: an error frame, the
 * end, and then ops->lost. */
void weft__conn_attach(struct conn *conn, struct session *session, uint64_t received);
void weft__conn_refuse(struct conn *conn, weft_error error, const char *sentence);
void weft__conn_close(struct conn *conn);

/* By who has found it in a list, under that list's lock: it is not freed until release. False: its last call is over. */
bool weft__conn_hold(struct conn *conn);
void weft__conn_release(struct conn *conn);

/* A session with a line; one reference, the caller's. by: what it sends. WEFT_ENOMEM. */
weft_error weft__session_init(struct session *session, struct remote *remote, const struct session_ops *ops, char by,
                              const struct line_limits *limits);
void weft__session_hold(struct session *session);
void weft__session_drop(struct session *session); /* the last: ops->free, on the remote's thread */

/* Leaves the waiter for the first time, inside; so the pump runs from then on. */
void weft__session_pump_ready(struct session *session);
/* The line may have room that no write of its own made: another session has begun, or a connection has come and what was
   to be sent again may have been got. Who waited for that goes on. Outside. */
void weft__session_resume(struct session *session);
/* Of large frames, both ways. */
void weft__session_frame_max(struct session *session, uint32_t bytes);
/* Puts a frame of the session, any thread; outside. It must not be lost: where there is no memory the session has failed. */
weft_error weft__session_put(struct session *session, uint64_t lane, const struct frame *frame,
                             struct message *message);
/* The same, for who can do without: WEFT_ENOMEM, and nothing has changed; WEFT_ELOST: the line is of another generation. */
uint32_t weft__session_generation(struct session *session);
weft_error weft__session_try_put(struct session *session, uint32_t generation, uint64_t lane,
                                 const struct frame *frame);
/* What the other end was to get is lost: the connection is closed, and ops->failed is called. Any thread, any locks below the
 * session's. */
void weft__session_fail(struct session *session, weft_error error, const char *sentence);
/* The same, but waits while the line is full, or until the session is over or begins anew. */
weft_error weft__session_put_waiting(struct session *session, uint64_t lane, const struct frame *frame);
/* Closes the connection; with a sentence: an error frame goes first. WEFT_OK: a goodbye does. */
void weft__session_close(struct session *session, weft_error error, const char *sentence);
/* Nothing is put, attached or pumped any more. */
void weft__session_over(struct session *session);
void weft__session_flush(struct session *session);

/* Returns when all that stood in the destination has been put, or the session is over, or at the deadline. Outside; not
 * under a lock, nor in a pump. */
void weft__session_await_pump(struct session *session, uint64_t deadline_ns);
/* The same, of what stands there now; what comes meanwhile is not waited for. False: the deadline has passed. */
bool weft__session_await_put(struct session *session, uint64_t deadline_ns);
/* By the timer, each beat_ms: says that it lives, and closes a connection whose other end has not for too long. */
void weft__session_beat(struct session *session, uint64_t now_ns);

#endif
