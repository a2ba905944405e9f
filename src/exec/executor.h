/* executor.h: what a thread of a group does, its own or the host's. */
#ifndef WEFT_EXEC_EXECUTOR_H
#define WEFT_EXEC_EXECUTOR_H

#include "exec/group.h"

void weft__executor_init(struct executor *executor, weft_group *group, bool lent);

/* The main function of a group's own thread; argument: its executor. */
void *weft__executor_main(void *argument);

/* Tells the core how many tasks the group may hold, after a change of what that depends on. Inside. */
void weft__group_update(weft_group *group, uint64_t now_ns);

#endif
