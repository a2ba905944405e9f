/* uplink.h: a client node's session with the node that it has dialled.
 *
 *     DIALLING --welcome--> UP --connection lost--> DOWN --welcome, resumed--> UP
 *                                                    |--welcome, a new session--> everything open is lost; UP
 *                                                    |--lost_ms--> everything open is lost; DOWN
 *
 * What is open is lost at once, in one order: what stands in the line goes, calls end `node_lost`, tasks in hand are cancelled
 * and what they say is dropped, asks end WEFT_ELOST; then workers and subscriptions are announced anew. While it stays down that
 * happens again each lost_ms, so no call waits longer. All of it is on the remote's thread: greeting, up, down, losing. */
#ifndef WEFT_REMOTE_UPLINK_H
#define WEFT_REMOTE_UPLINK_H

#include <weft/remote.h>

#include "remote/numbers.h"
#include "net/lead.h"
#include "remote/session.h"

enum { UPLINK_URLS_MAX = 16, SAID_MAX = 121, UPLINK_CONTRACTS = 8, ASK_BODY_MAX = FRAME_LARGE_MAX - 4096 };

/* Somebody who waits for an answer. On his stack. */
struct asking {
    struct list_node on; /* (u) */
    uint32_t ask;
    struct standing *standing; /* what it announces; NULL = nothing */
    bool done;                 /* (u) */
    weft_error error;          /* (u) with the sentence, as the node said it; WEFT_ELOST, WEFT_ECLOSED: as we do */
    uint32_t value;            /* (u) */
    char sentence[ERROR_TEXT_MAX];
    unsigned char *body; /* (u) gives: free it with the node's mem */
    size_t body_size;
    struct park park;
};

/* A registration or subscription, as it was announced: to be announced again to a new session. */
struct standing {
    struct list_node on;  /* (u) */
    enum frame_kind kind; /* REGISTER, SUBSCRIBE */
    bool stands;          /* (u) the node has said so: till then its ask announces it, to whichever session has that */
    struct list_node on_anew; /* (u) it was announced anew, by this ask, and is to be answered */
    uint32_t asked;           /* (u) */
    uint64_t number;
    size_t size;
    unsigned char bytes[]; /* the frame */
};

struct uplink {
    struct session session;
    struct remote remote;
    struct lead lead; /* its connection is read by who waits here */
    weft_node *node;
    struct line *spare; /* the remote's thread's: of the next session */
    unsigned char instance[INSTANCE_BYTES];
    uint64_t public_session;      /* (c) half of the ids of its dispatches: the beginning of the instance */
    weft_dial_options options;    /* (c) node and name are not its */
    char name[WEFT_NAME_MAX + 1]; /* (c) "" = none asked for */
    uint64_t start_time;          /* (c) of this process */
    char *urls[UPLINK_URLS_MAX];  /* (c) in texts */
    uint32_t urls_count;
    char *texts;
    struct pipe_tls tls; /* (c) its names are in tls_texts */
    char *tls_texts[3];
    bool seated;         /* (c) its session stands: else it could not even be made */
    struct timer buries; /* somebody here has died: what hung on him is the node's no more */
    struct timer again;  /* the next attempt; or what is open is lost */

    struct lock lock;
    uint64_t epoch;                        /* (u) under the lock, as are all of these */
    struct dial *dial;                     /* (u) under way */
    bool starting;                         /* (u) it is being set up */
    bool dialling;                         /* (u) it has not called back yet */
    uint32_t url;                          /* (u) the next, or the one that answered */
    uint32_t tried;                        /* (u) of this round: before it */
    uint64_t first_ns;                     /* (u) when the first connection is wanted by */
    uint64_t turn_ns;                      /* (u) when the one that is dialled must have answered */
    uint32_t failures;                     /* (u) in a row */
    uint64_t again_ns;                     /* (u) when the next attempt is due; 0 = none is */
    uint64_t down_ns;                      /* (u) since when; 0 = up */
    bool was_up;                           /* (u) ever */
    uint64_t up_ns;                        /* (u) when it came up last */
    uint64_t lost_ns;                      /* (u) when everything open was lost last */
    bool lost;                             /* (u) since it is down: the session is given up */
    bool closing;                          /* (u) */
    bool hushed;                           /* (u) nothing is asked any more */
    bool broken;                           /* (u) it is to be lost when it is down */
    bool parting;                          /* (u) goodbye is to be said, or was, and is waited for */
    bool parted;                           /* (u) it was said: there is no way back */
    uint32_t greeting_count;               /* (u) connections that are being greeted this moment */
    weft_error refused;                    /* (u) the node said that it will never do: WEFT_OK = it has not */
    char said[UPLINK_URLS_MAX][SAID_MAX];  /* (u) of each address: what its last failure was; "" = none */
    unsigned char node_id[INSTANCE_BYTES]; /* (u) */
    char own_name[WEFT_NAME_MAX + 1];      /* (u) as the node has it */
    bool resumed;                          /* (u) */
    uint32_t ask_number;                   /* (u) */
    struct list_node asking;               /* (u) */
    struct list_node standing;             /* (u) in the order in which they came */
    struct list_node anew;    /* (u) of these: announced to this session, and not answered yet; in that order */
    struct list_node waiters; /* (u) parks of who waits for it to be up, or gone */

    _Atomic uint32_t frame_max; /* bytes of one to the node */

    struct contract *contracts[UPLINK_CONTRACTS]; /* its reader's */
    uint32_t contracts_next;

    uint64_t era;         /* (l and its line's lock, both) how many sessions were lost */
    uint32_t out;         /* (l) calls that were taken, and have no verdict */
    uint64_t serial;      /* (l) of the last task that came */
    struct numbers tasks; /* (l) the node's numbers of tasks -> their local dispatches */
    struct numbers hands; /* (l) serials -> the node's numbers */
};

/* Asks, and waits for the answer. The frame's ask is filled in. *asking then holds it: the body is the caller's.
 * WEFT_ELOST, WEFT_ECLOSED, WEFT_ENOMEM, WEFT_ETIMEDOUT; else what the node said. Outside. */
weft_error weft__uplink_ask(struct uplink *uplink, struct frame *frame, uint32_t timeout_ms, struct asking *asking);

/* Sends a frame that wants no answer; waits while the line is full. WEFT_ELOST, WEFT_ECLOSED, WEFT_ENOMEM. */
weft_error weft__uplink_send(struct uplink *uplink, uint64_t lane, const struct frame *frame);

/* Announces a worker or a subscription, and keeps the frame to announce it again. Its errors are the node's. gone: not any
 * more; kind is UNREGISTER or UNSUBSCRIBE; told: of a worker of whose tasks all has been put. Does not wait for the answer of
 * that. */
weft_error weft__uplink_announce(struct uplink *uplink, struct frame *frame, uint64_t number, struct asking *asking);
void weft__uplink_gone(struct uplink *uplink, enum frame_kind kind, uint64_t number, bool told);
/* The node says that it has ended; kind is REGISTER or SUBSCRIBE. */
void weft__uplink_forget(struct uplink *uplink, enum frame_kind kind, uint64_t number);

/* With the lock: what each address that has not answered had to say last; "" = there is none. */
void weft__uplink_said(const struct uplink *uplink, char *text, size_t size);

/* part: what was put so far is delivered, and goodbye said, by the deadline. close: nothing of it runs any more. destroy:
 * after the core is gone. */
void weft__uplink_hush(
    struct uplink *uplink); /* before them: who waits for an answer, or asks from now on, gets WEFT_ECLOSED */
void weft__uplink_part(struct uplink *uplink, uint64_t deadline_ns);
void weft__uplink_close(struct uplink *uplink);
void weft__uplink_destroy(struct uplink *uplink);

/* uplink_tells.c: what a dispatch is while it waits to go out: its payload's message, with all the rest at its end. NULL: out of
 * memory. */
struct message *weft__call_new(const struct mem *mem, const struct frame_dispatch *call);

/* uplink_hears.c, uplink_tells.c: frames -> core -> frames. lose: everything open is lost; what comes from now on goes into the
 * spare line. */
weft_error weft__uplink_frames(struct session *session, const struct frame *frames, size_t count, size_t *dealt,
                               char *sentence);
void weft__uplink_taken(struct session *session, struct haul *haul, size_t index);
weft_error weft__uplink_put(struct session *session, struct haul *haul);
void weft__uplink_spent(struct session *session, struct haul *haul);
void weft__uplink_lose(struct uplink *uplink);
void weft__uplink_tell_lost(struct uplink *uplink); /* whoever waits for an answer */
void weft__uplink_answered(struct uplink *uplink, const struct frame_answer *answer);

#endif
