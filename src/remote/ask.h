/* ask.h: what a client asks a node to do or tell that is no dispatch, task or event: channels, schemas, letters, what there is.
 *
 * An ask names an operation and brings its arguments; the node calls the public function of its own, and answers with the
 * error, its sentence and what the function gave. Both ends are in one row of a table, so that neither can change alone. */
#ifndef WEFT_REMOTE_ASK_H
#define WEFT_REMOTE_ASK_H

#include "remote/session.h"

/* At the node, outside: does it, and puts the answer. WEFT_EPROTOCOL: no such operation, or arguments that are none. */
weft_error weft__ask_serve(struct session *session, const struct frame_ask *ask, char *sentence);

#endif
