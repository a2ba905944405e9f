/* session_inside.h: what conn.c (connections, reading), pump.c (writing) and session.c say to one another. */
#ifndef WEFT_REMOTE_SESSION_INSIDE_H
#define WEFT_REMOTE_SESSION_INSIDE_H

#include "remote/session.h"

/* Under the session's lock: why its connection ends; what was said first stays. */
void weft__session_say(struct session *session, weft_error error, const char *sentence);

/* By who is in a call of it, or holds it. What ends one that is not attached is no news of the session's. */
void weft__conn_close_saying(struct conn *conn, struct session *session, weft_error error, const char *sentence);

/* Whether it was only to say the last word, which has to wait for what is being written. */
bool weft__conn_is_last(struct conn *conn, struct session *session);

/* Under the session's lock: who waits for room goes on. */
void weft__session_let_in(struct session *session);

/* Writes what the line has, as much as can be now. at_once: else only where the line is idle (Note BATCH of pump.c). */
void weft__session_write(struct session *session, bool at_once);

/* Between the two this thread pumps nobody, and then all that were woken meanwhile: what a whole read has for them leaves
 * together. go gets what hold has returned. */
bool weft__pumps_hold(void);
void weft__pumps_go(bool held);

/* Before something between the two that may take long: where that is so for a while already, whoever is due is pumped now. */
void weft__pumps_relieve(void);

/* The pump goes on: it was woken, or there is room again. Outside. Note PUMPS of pump.c. */
void weft__session_pump_woken(struct waiter *waiter);

#endif
