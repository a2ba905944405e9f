/* turn.h: what a thread of a group does for a subscriber: some calls, in order, outside the lock. */
#ifndef WEFT_EXEC_TURN_H
#define WEFT_EXEC_TURN_H

#include "exec/group.h"

/* Inside: takes the next turn of the group; there is one. Its thread is not one for tasks meanwhile. */
void weft__turn_begin(struct executor *executor, uint64_t now_ns, struct core_turn *turn);

/* Makes the calls, until nobody wants them any more. */
void weft__turn_run(struct executor *executor, struct core_turn *turn);

/* Inside: hands it in. */
void weft__turn_end(struct executor *executor, uint64_t now_ns);

#endif
