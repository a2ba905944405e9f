/* stage.h: the library's own threads, run one at a time in an order that a seed decides, by a clock that stands still while
 * anybody has something to do.
 *
 * stage.c takes the place of base/lock.c, base/park.c, base/clock.c, base/thread.c and schema/seed.c, pipes.c that of the
 * room src/net: a program that is linked with them ahead of the library has all the rest of it as it is. Each thread is a real
 * one, and all but one of them sleep. The director, which is the thread that has called stage_open, chooses who goes on; that
 * one goes on until it has to wait, or is interrupted at one of the places where threads meet: a lock, a wake-up, a pipe. So
 * what happens follows from the seed alone. */
#ifndef WEFT_WIRE_STAGE_H
#define WEFT_WIRE_STAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/rng.h"

#define STAGE_NEVER UINT64_MAX

extern struct rng stage_rng; /* whoever runs may draw from it */
extern uint64_t stage_now_ns;

/* interrupt: a thread is interrupted at one such place of so many; 0 = never. close: NULL: all threads have ended; else the
 * name of one that has not. */
void stage_open(uint64_t seed);
void stage_interrupt(uint32_t one_in);
/* When something that threads wait for will be so by itself, whoever waits for it: a time to come; STAGE_NEVER: never. */
void stage_due(uint64_t (*when)(void));
const char *stage_close(void);

/* A thread of the test's own. */
void stage_thread(const char *name, void *(*main)(void *argument), void *argument);

/* The director: lets one thread go on, or time pass until one can. False: none ever will. */
bool stage_step(void);
/* Who could not go on at the last step, and why, for people; to stdout. */
void stage_print(void);

/* Any thread but the director: lets others run; until it is ready, or that time has come (then false); for so long. ready is
 * asked by the director, again and again, and changes nothing. */
void stage_yield(void);
bool stage_await(bool (*ready)(void *context), void *context, uint64_t until_ns);
void stage_sleep(uint64_t for_ns);

#endif
