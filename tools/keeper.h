/* keeper.h: a process that outlives ours by a moment, to kill what we have started.
 *
 * A parent that is killed by SIGKILL can do nothing for its children; and a task whose worker has died is dispatched again, so
 * that the command of the first attempt must not go on. The keeper is forked before anything else, reads the numbers of process
 * groups from a pipe, and when that ends, which it does however we end, it kills those that are left. */
#ifndef WEFT_TOOLS_KEEPER_H
#define WEFT_TOOLS_KEEPER_H

#include <stdbool.h>
#include <sys/types.h>

enum { KEEPER_GROUPS_MAX = 1024 };

/* Before any thread is started. False: errno says what. */
bool keeper_start(void);

/* From now on it would be killed; and not any more, before its leader is reaped. Any thread. */
void keeper_add(pid_t group);
void keeper_remove(pid_t group);

#endif
