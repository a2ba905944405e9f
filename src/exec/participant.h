/* participant.h: a participant of a node: a session of the core's with the link that watches it.
 *
 * attach (the core: ARMING) -> arm the link -> armed; fired is legal at any time from the arming on. The object goes when
 * the core says that nothing hangs on its session and nobody holds it: whichever thread leaves the core then frees it. */
#ifndef WEFT_EXEC_PARTICIPANT_H
#define WEFT_EXEC_PARTICIPANT_H

#include <weft/participant.h>

#include "base/list.h"
#include "link/process.h"
#include "link/thread.h"

enum participant_kind { PARTICIPANT_SELF = 1, PARTICIPANT_PROCESS, PARTICIPANT_THREAD, PARTICIPANT_DECLARED };

struct weft_participant {
    weft_node *node;
    enum participant_kind kind;
    uint64_t session;
    struct process_watch process;
    struct thread_watch thread;
    int32_t tid;              /* THREAD */
    struct list_node ended;   /* on the core's list, then a departure's */
    struct list_node on_node; /* (l) */
};

/* Makes one; PROCESS: pid and start time as in the header. Errors as there. The caller is its holder; one of a thread has
 * the thread itself as another holder, until it ends. */
weft_error weft__participant_new(weft_node *node, enum participant_kind kind, const char *name, int32_t pid,
                                 uint64_t start_time, weft_participant **participant);

/* The calling thread's on the node: found or made (name NULL: a name of its own). Gives no hold. */
weft_error weft__participant_of_thread(weft_node *node, const char *name, weft_participant **participant);

void weft__participant_release(weft_participant *participant);

/* For the gate. claim: inside; the node of `ended` came off the core's list: false: somebody else frees it. end: outside:
 * disarms and frees; may wait for a `fired` that runs in another thread. */
bool weft__participant_claim(struct list_node *ended);
void weft__participant_end(weft_node *node, struct list_node *ended);

/* With the node. fini: frees what is left; no link fires after it. Weft's other threads were joined. */
void weft__participants_init(weft_node *node);
void weft__participants_fini(weft_node *node);

#endif
