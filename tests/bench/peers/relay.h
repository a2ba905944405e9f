/* relay.h: the wire of the two bare relays: what any dispatcher at least does. A frame is its payload's size, whose it
 * is, and the payload. Who connects tells with an empty frame what it is, and gets it back. A client's frame goes to the
 * next worker, a worker's to the client that it names. */
#ifndef WEFT_TESTS_BENCH_PEERS_RELAY_H
#define WEFT_TESTS_BENCH_PEERS_RELAY_H

#include <stdbool.h>
#include <stdint.h>

#include "stream.h"

enum { RELAY_CLIENT = 1, RELAY_WORKER, RELAY_CONNECTIONS = 64 };

struct relay_frame {
    uint32_t size, from;
};

/* Takes the next frame from unread, *unread then begins behind it. False: it is not all there. */
bool relay_take(weft_bytes *unread, struct relay_frame *frame, const char **payload);
/* Where to; sets frame->from. May be called by several threads. */
int relay_route(int from, struct relay_frame *frame);
void relay_put(struct stream *to, struct relay_frame frame, const char *payload);

#endif
