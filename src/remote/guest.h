/* guest.h: a session of a remote peer, at the node that serves it.
 *
 *     hello -> ATTACHED <----- hello of a larger epoch ----- DETACHED --- resume_ms ---> ENDED
 *                 |  connection lost, or its process died       |                          ^
 *                 +---------------------------------------------+                          |
 *                 +---------------- goodbye -----------------------------------------------+
 *
 * To the core it is a participant like any other, with one destination (session->dest). What the client calls by numbers of
 * its own stands in tables here, under the core's lock; what the node numbers (tasks) are the core's handles. */
#ifndef WEFT_REMOTE_GUEST_H
#define WEFT_REMOTE_GUEST_H

#include <weft/remote.h>

#include "link/process.h"
#include "remote/numbers.h"
#include "remote/session.h"

struct station;

enum guest_bar { GUEST_DETACHED = 1, GUEST_DIED = 2, GUEST_BACKLOGGED = 4 };

struct guest {
    struct session session;
    struct station *station;
    struct list_node on_station; /* (t) under the station's lock */
    unsigned char instance[INSTANCE_BYTES];
    uint64_t epoch;          /* (t) of its newest connection */
    uint64_t public_session; /* half of the public ids of its dispatches: the beginning of the instance */
    uint64_t core_session;
    uint32_t resume_ms;
    struct process_watch process;
    struct timer drain;           /* after the death of its process */
    uint64_t detached_ns;         /* (t) since when; 0: it is attached */
    bool died;                    /* (t) its process */
    bool resumed;                 /* (t) it has been attached before */
    bool ended;                   /* (t) */
    bool parting;                 /* (t) it was told that the node closes */
    uint16_t version;             /* (t) the highest that both speak */
    weft_cause cause;             /* (t) where died */
    unsigned bars;                /* (l) of enum guest_bar: why its workers are passed over */
    bool gone;                    /* (l) nothing of it enters the core any more */
    struct numbers workers;       /* (l) the client's numbers -> the core's handles */
    struct numbers subscriptions; /* (l) likewise */
    char name[];
};

/* guest.c. delivered: everything that it was to be told has been got. process_fired: of the station's monitor. */
extern const struct session_ops weft__guest_ops;
void weft__guest_delivered(struct session *session);
void weft__guest_process_fired(void *context, struct process_watch *watch, weft_cause cause);

/* guest_hears.c: frames -> core. */
weft_error weft__guest_frames(struct session *session, const struct frame *frames, size_t count, size_t *dealt,
                              char *sentence);

/* guest_check.c: what is wrong with it; NULL: nothing. */
const char *weft__guest_check(const struct frame *frame);

/* guest_tells.c: core -> frames. */
void weft__guest_taken(struct session *session, struct haul *haul, size_t index);
weft_error weft__guest_put(struct session *session, struct haul *haul);
void weft__guest_spent(struct session *session, struct haul *haul);

#endif
