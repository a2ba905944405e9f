/* fork.h: a child of fork() has our memory, none of our threads, and our locks as they were at that moment: held for
 * ever, maybe. So in a child nothing of weft's is used: each entry point asks weft__forked first, before it touches
 * anything, and weft__lock stops a child that gets that far by another way: by returning from users' code in which
 * it was made. */
#ifndef WEFT_BASE_FORK_H
#define WEFT_BASE_FORK_H

#include <stdbool.h>

/* Whether this process is a child, at any remove, of one that had armed, without an exec between. Constant in a
 * process. */
extern bool weft__forked;

/* From now on children are marked. Called before the first lock or thread is made; any thread, any number of times.
 * False: no memory. */
bool weft__fork_arm(void);

/* Says in one line that the child came back from users' code, and aborts it. */
_Noreturn void weft__fork_stop(void);

/* To be called where users' code has returned and the next thing is not a lock. */
static inline void weft__fork_check(void)
{
    if (__builtin_expect(weft__forked, 0)) weft__fork_stop();
}

#endif
