/* letters.h: dead letters, as the model knows them. */
#ifndef WEFT_SIM_LETTERS_H
#define WEFT_SIM_LETTERS_H

#include "sim/model.h"

/* The keeper, in most worlds; channels that are drawn after it may name it. */
void letters_declare(struct world *world);

/* The call ended so; known: its attempts and code, too, are not guessed. */
void letters_ended(struct world *world, const struct sim_call *call, enum ending ending, bool known);

/* Of the ways in which it may have ended, those that its letter, or that there is none, leaves. */
uint32_t letters_say(const struct world *world, const struct sim_call *call, uint32_t may);

void letters_observe(struct world *world);

/* calls.c */
bool call_put_back(struct world *world, const char *keeper, uint32_t letter);

#endif
