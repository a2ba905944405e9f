/* frame.h: what travels on a connection, byte by byte: docs/protocol.md says it for those who write another client.
 *
 *     0  u32  size of the body in bytes
 *     4  u8   kind
 *     5  u8   flags, of the kind
 *     6  u16  zero
 *     8  the body
 *
 * All integers are little-endian. A text is u8 size, the bytes, and a zero, so that it can be used where it stands; where none
 * is given it is a zero alone, and NULL here. A payload is what is left of the body. Nothing is aligned. layout.h has the
 * bodies, field by field, in the order in which they travel.
 *
 * Pure: bytes in and out. Reading allocates nothing, copies nothing, and looks at every bound; the texts and the payload of
 * what was read point into the bytes. Frames of a session (from FRAME_DISPATCH on) are counted in each direction (line.h);
 * those of the connection are not. */
#ifndef WEFT_FRAME_FRAME_H
#define WEFT_FRAME_FRAME_H

#include <weft/types.h>

enum {
    FRAME_HEADER_BYTES = 8,
    FRAME_BODY_MAX = 65536 - FRAME_HEADER_BYTES, /* what is larger travels in parts */
    FRAME_LARGE_MAX = 16 * 1024 * 1024 + 4096,   /* of what travels in parts, by default */
    PROTOCOL_LOWEST = 1,
    PROTOCOL_HIGHEST = 1,
    INSTANCE_BYTES = 16,
    FRAME_TEXT_MAX =
        255 /* bytes of a text; a sentence is cut to it when written, anything else must be shorter already */
};

#define FRAME_MAGIC UINT32_C(0x54464557) /* "WEFT" */

/* Who sends it: C the client, N the node, B both; and which body it has: a member of struct frame. */
#define FRAMES(X)                                                                                                      \
    X(HELLO, 1, "hello", C, hello)                                                                                     \
    X(WELCOME, 2, "welcome", N, welcome)                                                                               \
    X(ERROR, 3, "error", B, error)    /* why the connection is closed now */                                           \
    X(GOODBYE, 4, "goodbye", B, none) /* the session ends in order; a client's is answered */                          \
    X(BEAT, 5, "beat", B, beat)       /* a sign of life, with the count of frames received */                          \
    X(PART, 8, "part", B, part)       /* of a large frame */                                                           \
    X(DISPATCH, 16, "dispatch", C, dispatch)                                                                           \
    X(CANCEL, 17, "cancel", C, call)                                                                                   \
    X(ROOM, 18, "room", C, room) /* the caller has heard of so many partial results */                                 \
    X(REGISTER, 20, "register", C, reg)                                                                                \
    X(UNREGISTER, 21, "unregister", C, worker)                                                                         \
    X(DRAIN, 22, "drain", C, worker) /* of a worker */                                                                 \
    X(STARTED, 24, "started", C, of_task)                                                                              \
    X(ALIVE, 25, "alive", C, of_task) /* a task's heartbeat */                                                         \
    X(PROGRESS, 26, "progress", C, said)                                                                               \
    X(PARTIAL, 27, "partial", C, said)                                                                                 \
    X(RESULT, 28, "result", C, result)                                                                                 \
    X(RELEASED, 29, "released", C, of_task)   /* the handler has returned, after its result */                         \
    X(GIVE_BACK, 30, "give_back", C, of_task) /* a task that was never begun */                                        \
    X(PUBLISH, 32, "publish", C, publish)                                                                              \
    X(SUBSCRIBE, 33, "subscribe", C, subscribe)                                                                        \
    X(UNSUBSCRIBE, 34, "unsubscribe", C, of_subscription)                                                              \
    X(ASK, 40, "ask", C, ask) /* everything else: see remote/ask.h */                                                  \
    X(OUTCOME, 48, "outcome", N, outcome)                                                                              \
    X(UPDATE, 49, "update", N, update)                                                                                 \
    X(TASK, 52, "task", N, task)                                                                                       \
    X(TASK_CANCEL, 53, "task_cancel", N, of_task)                                                                      \
    X(TASK_ROOM, 54, "task_room", N, room) /* room in the caller's window for partial results */                       \
    X(WORKER_ENDED, 55, "worker_ended", N, worker)                                                                     \
    X(EVENT, 56, "event", N, event)                                                                                    \
    X(SUBSCRIPTION_ENDED, 57, "subscription_ended", N, of_subscription)                                                \
    X(ANSWER, 60, "answer", N, answer) /* to what had a number in `ask` */

enum frame_kind {
#define FRAME_ENUM(name, number, text, by, body) FRAME_##name = number,
    FRAMES(FRAME_ENUM)
#undef FRAME_ENUM
};

/* The client's first, and the node's answer. */
struct frame_hello {
    bool anew;                /* flag 1: what the node may still know of the instance is given up: a new session */
    uint16_t lowest, highest; /* versions spoken */
    uint32_t features;
    unsigned char instance[INSTANCE_BYTES]; /* random, once per client node */
    uint64_t epoch;                         /* rises with each connection of the instance; 1 is a new session */
    uint64_t received;                      /* frames of the node's that this session has got */
    uint32_t resume_ms;                     /* how long the session should outlive its connection */
    int32_t pid;                            /* of its host; looked at only where the transport says the same */
    uint64_t start_time;                    /* of that process */
    const char *name;                       /* of the participant; NULL = the node makes one */
};

struct frame_welcome {
    uint16_t version;
    bool resumed; /* flag 1; else it is a new session: nothing of an older one is known */
    uint32_t features;
    uint64_t received; /* frames of the client's */
    uint64_t session;  /* its number: the other half of the ids of its dispatches */
    uint32_t resume_ms, beat_ms, beats_missed_max;
    uint32_t frame_max;                 /* of what travels in parts */
    uint32_t window;                    /* bytes that may be under way without an acknowledgement */
    unsigned char node[INSTANCE_BYTES]; /* which node, and which run of it */
    const char *name;                   /* the participant's */
};

/* code: weft_error: EPROTOCOL: what came is not allowed; EUNSUPPORTED: no version in common; ESTALE: the instance has a newer
 * connection: do not come back with this one; ECLOSED: the node closes; ELIMIT, ENOMEM: no room for this session; EINVAL,
 * EEXIST: its name; ESLOW: nothing was taken for too long; ETIMEDOUT: no hello in time, or no sign of life. */
struct frame_error {
    uint16_t code;
    uint8_t kind;         /* of the frame that was bad; 0 = none */
    const char *sentence; /* "" where none came */
};

struct frame_beat {
    uint64_t received;
    bool wanted; /* flag 1: an answer, at once */
};

/* flag 1: the first, 2: the last. total is of the whole frame, header included. */
struct frame_part {
    bool first, last;
    uint32_t total; /* where it is the first */
    weft_bytes bytes;
};

/* Options as in weft_dispatch_options, 0 = the channel's. flags: 1 detached, 2 streams. window and attempts_max are any
 * numbers here: their bounds are the node's to check, and are told with the outcome. */
struct frame_dispatch {
    uint64_t call; /* the caller's number for it: half of its id */
    uint64_t sticky_hash;
    uint32_t schedule_to_start_ms, start_to_close_ms, schedule_to_close_ms, heartbeat_ms;
    uint8_t priority; /* 0 = urgent … 3 = low */
    uint8_t on_crash, no_worker, attempts_max;
    uint16_t window;
    bool detached, streams;
    const char *channel, *activity_type, *content_type, *key;
    weft_bytes payload;
};

/* CANCEL. flag 1: its caller is gone: it ends at once, whatever its task does. */
struct frame_call {
    uint64_t call;
    bool gone;
};

struct frame_room { /* ROOM, TASK_ROOM: call, or task */
    uint64_t number;
    uint32_t count;
};

struct frame_outcome {
    uint64_t call;
    uint16_t error; /* weft_error: it was not dispatched at all; 0 = here is how it ended */
    uint8_t outcome, admission, attempts;
    uint32_t retry_after_ms;
    uint64_t queued_ns, started_ns, run_ns;
    const char *code, *worker, *content_type;
    weft_bytes payload; /* the result, or a sentence */
};

struct frame_update {
    uint64_t call;
    uint8_t kind; /* weft_update_kind */
    uint32_t attempt;
    uint64_t number;
    weft_bytes payload;
};

/* worker is the client's number for it, never used twice in a session. */
struct frame_register {
    uint32_t ask;
    uint64_t worker;
    uint32_t max_concurrent;
    const char *channel, *name;
    const char *activity_types[32];
    uint32_t activity_types_count;
    const unsigned char (*schema_ids)[32];
    uint32_t schema_ids_count;
};

/* UNREGISTER, DRAIN; WORKER_ENDED (ask = weft_error). flag 1, of UNREGISTER: all has been said of its tasks. */
struct frame_worker {
    uint32_t ask;
    uint64_t worker;
    bool told;
};

/* task is the node's number for the attempt. flags: 1 timed: `started` is wanted, 2 streams. */
struct frame_task {
    uint64_t task, worker;
    weft_dispatch_id id;
    uint32_t attempt;
    uint32_t remaining_ms; /* WEFT_FOREVER = no bound */
    uint16_t window,
        room; /* where it streams: partial results that may wait for the caller; for so many there is room now */
    bool timed, streams;
    const unsigned char *schema_id; /* flag 4: 32 bytes; NULL = none */
    const char *activity_type, *content_type;
    weft_bytes payload;
};

struct frame_of_task { /* STARTED, ALIVE, RELEASED, GIVE_BACK, TASK_CANCEL */
    uint64_t task;
};

struct frame_said { /* PROGRESS, PARTIAL */
    uint64_t task;
    weft_bytes payload;
};

/* What a result says, with the numbers of core_result_kind. */
enum frame_result_kind {
    FRAME_RESULT_COMPLETE = 1,
    FRAME_RESULT_FAIL,       /* code, and a sentence as payload */
    FRAME_RESULT_MISMATCH,   /* the same, of what the channel's contract says of the result */
    FRAME_RESULT_CANCEL_ACK, /* the work has stopped because of the cancel */
    FRAME_RESULT_SKIPPED,    /* cancelled before its handler was entered, which will not be */
    FRAME_RESULT_ABANDON,    /* what did the work is gone */
    FRAME_RESULT_DIED        /* and that is since its participant died, of which the node does not know */
};

/* flag 1: the handler runs on: `released` follows. */
struct frame_result {
    uint64_t task;
    uint8_t kind; /* frame_result_kind */
    bool runs_on;
    uint64_t run_ns; /* from the entry of the handler */
    const char *code, *content_type;
    weft_bytes payload; /* the result, or a sentence */
};

struct frame_publish {
    uint32_t ask; /* 0 = no answer wanted */
    const char *channel, *content_type;
    weft_bytes payload;
};

struct frame_subscribe {
    uint32_t ask;
    uint64_t subscription; /* the client's number */
    uint8_t slow;
    uint32_t items_max, stall_ms;
    uint64_t bytes_max;
    const char *pattern;
};

struct frame_of_subscription { /* UNSUBSCRIBE; SUBSCRIPTION_ENDED (ask = weft_error) */
    uint32_t ask;
    uint64_t subscription;
};

struct frame_event {
    uint64_t subscription;
    uint64_t number, publisher, published_wall_ns;
    uint32_t dropped;
    const unsigned char *schema_id; /* flag 1; NULL = none */
    const char *channel, *content_type;
    weft_bytes payload;
};

struct frame_ask {
    uint32_t ask;
    uint16_t operation;
    weft_bytes body;
};

struct frame_answer {
    uint32_t ask;
    uint16_t error;       /* weft_error */
    uint32_t value;       /* of a publish: heard by so many */
    const char *sentence; /* "" where none came */
    weft_bytes body;
};

struct frame_none {        /* GOODBYE */
    unsigned char nothing; /* C wants a member; neither read nor written */
};

struct frame {
    enum frame_kind kind;
    size_t size; /* header included; set by reading */
    union {
        struct frame_hello hello;
        struct frame_welcome welcome;
        struct frame_error error;
        struct frame_none none;
        struct frame_beat beat;
        struct frame_part part;
        struct frame_dispatch dispatch;
        struct frame_call call;
        struct frame_room room;
        struct frame_outcome outcome;
        struct frame_update update;
        struct frame_register reg;
        struct frame_worker worker;
        struct frame_task task;
        struct frame_of_task of_task;
        struct frame_said said;
        struct frame_result result;
        struct frame_publish publish;
        struct frame_subscribe subscribe;
        struct frame_of_subscription of_subscription;
        struct frame_event event;
        struct frame_ask ask;
        struct frame_answer answer;
    };
};

enum frame_reading {
    FRAME_WHOLE = 1, /* one was read */
    FRAME_MORE, /* these bytes are the beginning of one: *need says how many there have to be, as far as is known */
    FRAME_BAD   /* the sentence says why, and where */
};

enum { FRAME_SENTENCE_MAX = 160 };

/* Reads the frame that begins there. by: whose frames these may be, 'C' or 'N'. size_max: of a whole frame. What it says
 * points into bytes; *frame is filled in where FRAME_WHOLE, *need where FRAME_MORE, sentence (FRAME_SENTENCE_MAX bytes) where
 * FRAME_BAD. What its first eight bytes say is judged as soon as they are there. Texts that a frame cannot do without (the
 * channel of a dispatch) are not NULL, and choices (priority, outcome) are numbers that exist. */
enum frame_reading weft__frame_read(const unsigned char *bytes, size_t size, char by, size_t size_max,
                                    struct frame *frame, size_t *need, char *sentence);

/* How many bytes it takes, payload included, header included. And writing it: all but the payload where head_only, which
 * then has to follow. The caller has that much room. Returns the end. frame->size is not looked at. */
size_t weft__frame_size(const struct frame *frame);
size_t weft__frame_size_most(const struct frame *frame); /* whatever its texts are: known without looking at them */
unsigned char *weft__frame_write(const struct frame *frame, bool head_only, unsigned char *to);
weft_bytes weft__frame_payload(const struct frame *frame); /* what stands last; empty where the kind has none */

const char *weft__frame_name(enum frame_kind kind); /* "dispatch" …; NULL for an unknown kind */

#endif
