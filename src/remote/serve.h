/* serve.h: the node's side of asks. */
#ifndef WEFT_REMOTE_SERVE_H
#define WEFT_REMOTE_SERVE_H

#include "core/core.h"
#include "remote/ask.h"
#include "remote/guest.h"

/* What a page may have, at most, whatever is asked for. */
enum { ASK_PAGE_BYTES = 4 * 1024 * 1024, ASK_FIND_MAX = 1024 };

/* One ask, while it is being done. */
struct ask_call {
    weft_node *node;
    struct guest *guest;
    const struct ask_row *row;
    uint32_t number; /* of the ask */
    union ask_arguments arguments;
    struct arena arena;   /* for what it takes meanwhile */
    struct shape_out out; /* what goes back */
};

/* At the node, outside, in the thread that reads: does it, or has the clerk do it, and answers. WEFT_EPROTOCOL: arguments that are
 * none. */
weft_error weft__ask_serve(struct session *session, const struct frame_ask *ask, char *sentence);

/* Reads the arguments, which the call then borrows. close: after any result of open. */
weft_error weft__ask_open(struct ask_call *call, struct session *session, const struct ask_row *row, uint32_t number,
                          weft_bytes body, char *sentence);
void weft__ask_close(struct ask_call *call);

/* Does what needs no waiting, by the public functions: the error is theirs, and so is weft_error_message(). What waits
 * is begun: WEFT_ETIMEDOUT (drain), WEFT_EAGAIN (fetch): not yet. */
weft_error weft__ask_do(struct ask_call *call);

/* Of what waits: looks again. Inside. WEFT_EAGAIN: not yet, and the waiter was left. told: outside: what came of it, as the
 * result of the public function. */
weft_error weft__ask_look(struct ask_call *call, uint64_t now_ns, struct core_waiter *waiter,
                          struct core_outcome *outcome);
weft_error weft__ask_told(struct ask_call *call, weft_error error, struct core_outcome *outcome);

/* Puts the answer, with weft_error_message() where there is an error. */
void weft__ask_answer(struct ask_call *call, weft_error error);

/* Writes what goes back. */
weft_error weft__ask_give(struct ask_call *call, const void *given);

/* Takes the reply, and writes it; of one that is too large, that it has failed for that: it was fetched, and is nobody else's. */
weft_error weft__ask_give_reply(struct ask_call *call, weft_reply *reply);

/* serve_page.c: what comes in pages. */
weft_error weft__serve_inspect(struct ask_call *call);
weft_error weft__serve_channel_find(struct ask_call *call);
weft_error weft__serve_letters_find(struct ask_call *call);
weft_error weft__serve_letter_look(struct ask_call *call);

#endif
