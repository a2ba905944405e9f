/* station.h: the serving side of a node: where it listens, and the guests that it has. */
#ifndef WEFT_REMOTE_STATION_H
#define WEFT_REMOTE_STATION_H

#include "remote/clerk.h"
#include "remote/guest.h"

enum { STATION_URLS_MAX = 16, STATION_BUCKETS = 1024, GREETING_MAX = 256 };

struct station {
    struct remote remote;
    weft_node *node;
    weft_listen_options options;
    struct process_monitor monitor; /* of guests on this host */
    struct clerk clerk;
    unsigned char id[INSTANCE_BYTES];
    unsigned char hash_key[16];

    struct lock lock;
    struct acceptor *acceptors[STATION_URLS_MAX]; /* (t) under the lock */
    uint32_t acceptors_count;                     /* (t) */
    uint32_t guests_count;                        /* (t) */
    bool closing;                                 /* (t) */
    struct park *closer;                          /* (t) who waits for the last guest */
    struct list_node guests[STATION_BUCKETS];     /* (t) by instance */
};

/* Makes the node's, where it has none. WEFT_ENOMEM; WEFT_ESYSTEM. */
weft_error weft__station_open(weft_node *node, const weft_listen_options *options, struct station **station);

/* Nobody is let in any more; each guest is told goodbye behind what there was for it, and those are waited for that come
 * to their end by the deadline; the others end then. free: nothing of it runs any more. */
void weft__station_part(struct station *station, uint64_t deadline_ns);
void weft__station_free(struct station *station);

/* The guest has said goodbye, or is given up: nothing of it is left in the core when its memory goes. */
void weft__guest_end(struct guest *guest, weft_cause cause);

#endif
