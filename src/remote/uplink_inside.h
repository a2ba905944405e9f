/* uplink_inside.h: what uplink.c, uplink_ask.c and uplink_open.c say to one another. */
#ifndef WEFT_REMOTE_UPLINK_INSIDE_H
#define WEFT_REMOTE_UPLINK_INSIDE_H

#include "remote/uplink.h"

extern const struct session_ops weft__uplink_ops;

/* With the lock: whoever waits for a change of what it guards. await: called with it, returns with it; false: the deadline has
 * passed. */
void weft__uplink_changed(struct uplink *uplink);
bool weft__uplink_await_change(struct uplink *uplink, uint64_t deadline_ns);

/* With the lock: what the address whose turn it is had to say. */
void weft__uplink_note(struct uplink *uplink, const char *sentence);
#define UPLINK_SILENT "it has not answered in time"

/* The next attempt; and when it is due, or what is open lost. Outside. */
void weft__uplink_dial_next(struct uplink *uplink);
void weft__uplink_set_timer(struct uplink *uplink);
void weft__uplink_again_due(struct timer *timer, uint64_t now_ns);

/* To a node that knows nothing of them: all workers and subscriptions that stand. */
void weft__uplink_announce_all(struct uplink *uplink);

/* Whoever waits for an answer gets that error. */
void weft__uplink_tell_all(struct uplink *uplink, weft_error error);

/* All that was put was got: the last word can be said. */
void weft__uplink_delivered(struct session *session);

#endif
