/* inline.h: tasks of inline workers: run by the thread whose entry brought them, after it left the core. */
#ifndef WEFT_EXEC_INLINE_H
#define WEFT_EXEC_INLINE_H

#include <weft/types.h>

/* Runs what there is, one at a time. Does nothing inside an inline handler of the node: what it brings is run by the same
 * thread after it, so that they do not pile up on the stack. */
void weft__inline_run(weft_node *node);

/* In weft's own threads: moves it to the default group. */
void weft__inline_move(weft_node *node);

#endif
