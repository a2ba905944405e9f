/* remote.h: what the sessions of a node share: a thread that keeps time and frees what has ended. */
#ifndef WEFT_REMOTE_REMOTE_H
#define WEFT_REMOTE_REMOTE_H

#include "remote/session.h"

/* Has it run on the remote's thread, soon. Any thread, with any locks. */
void weft__remote_leave(struct remote *remote, struct errand *errand);

#endif
