/* weft.h: what weft's contenders share. */
#ifndef WEFT_TESTS_BENCH_PEERS_WEFT_H
#define WEFT_TESTS_BENCH_PEERS_WEFT_H

#include <weft/weft.h>

#include "contender.h"

void weft_must(weft_error error);
weft_node *weft_race_dial(int port);
void weft_race_listen(weft_node *node, int port);
int weft_race_collect(weft_completions *completions);
void weft_race_answer(weft_task *task, void *context); /* a handler */

/* weft_idle.c: as in struct contender. */
void weft_idle(struct stream *stream, int port);
void weft_hold_bare(int port);
void weft_idle_shared(struct stream *stream, int index);

#define TASKS "dispatch.race.tasks"

#endif
