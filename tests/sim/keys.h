/* keys.h: idempotency keys, as the model knows them.
 *
 *   - Of a key there is one dispatch at a time, whoever asks. A repeat joins it, or is answered as it ended, until its
 *     time is over or it had to make room; one that nobody began is forgotten with its end.
 *   - Who asks ends as that dispatch did, or for a reason of its own, which does not touch the others. When all have
 *     left, it is cancelled. */
#ifndef WEFT_SIM_KEYS_H
#define WEFT_SIM_KEYS_H

#include "sim/model.h"

/* Who asks and has no outcome yet, on the channel (NONE: on all); of whom there is a record. */
uint32_t askers_open(const struct world *world, uint32_t channel);
uint32_t askers_known(const struct world *world);
bool askers_hang(const struct world *world, uint32_t session);

void askers_in_time(struct world *world);
void askers_abandoned(struct world *world, uint32_t dest);

/* Before the calls are observed, and after. */
void askers_observe(struct world *world);
void keys_observe(struct world *world);

/* Whether the outcome was an asker's, which is then forgotten. */
bool asker_outcome(struct world *world, const struct sim_dest *dest, const struct core_outcome *outcome);

/* The inner dispatch of a key: has ended, with that message; all who asked may have left it. */
void key_ended(struct world *world, const struct sim_call *call, enum ending ending, const struct message *message);
uint32_t keys_say(const struct world *world, const struct sim_call *call, uint32_t may); /* of endings, as a bit each */
bool key_unwanted(const struct world *world, const struct sim_call *call);
void keys_deleted(struct world *world, uint32_t channel);

/* The key as it is now: one whose time is over is unknown. */
struct sim_key *key_now(struct world *world, uint32_t key);
uint32_t keys_open(const struct world *world, uint32_t channel);
struct sim_asker *asker_free(struct world *world);

/* calls.c */
bool call_keyed(struct world *world);

#endif
