/* remote.h: what the sessions of a node share: a thread that keeps time and frees what has ended. */
#ifndef WEFT_REMOTE_REMOTE_H
#define WEFT_REMOTE_REMOTE_H

#include "remote/session.h"

/* For its thread: what nothing uses any more. */
void weft__session_free(struct session *session);
void weft__conn_free(struct conn *conn);

#endif
