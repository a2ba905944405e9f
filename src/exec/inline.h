/* inline.h: tasks of inline workers: run by the user's thread whose entry brought them, after it left the core.
 *
 * The hold that brought them takes them, so that another thread cannot. Inside an inline handler nothing is taken: what
 * the handler brings is taken by the run it is in, so that handlers do not pile up on the stack. */
#ifndef WEFT_EXEC_INLINE_H
#define WEFT_EXEC_INLINE_H

#include <stddef.h>

#include <weft/types.h>

#include "core/core.h"

enum { INLINE_MAX = 16 };

/* Inside: takes up to INLINE_MAX; how many. */
size_t weft__inline_take(weft_node *node, struct core_task **tasks);

/* Runs them. Called outside, returns inside. */
void weft__inline_run(weft_node *node, struct core_task **tasks, size_t count);

/* In weft's own threads. due, inside: whether there are tasks that no user's thread comes to. move: to the default group.
 * Called outside, returns inside. */
bool weft__inline_move_due(weft_node *node);
void weft__inline_move(weft_node *node);

#endif
