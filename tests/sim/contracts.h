/* contracts.h: schemas by name, the contracts of channels, and who understands what; see contracts.c. */
#ifndef WEFT_SIM_CONTRACTS_H
#define WEFT_SIM_CONTRACTS_H

#include "sim/world.h"

void contracts_make(struct world *world);
void contracts_forget(struct world *world); /* what bringers have seen */
void contracts_end(struct world *world);    /* the core is freed */

/* Draws what a channel names: mostly what is registered. */
void contracts_draw(struct world *world, weft_channel_options *options, bool results);

/* Whether a declaration with these options finds its schemas. */
bool contracts_known(const struct world *world, const weft_channel_options *options);

/* One more template names what they name. */
void contracts_named(struct world *world, const weft_channel_options *options);

/* It was declared, made from a template, or given another schema: its contract is a new one, or that of the template. */
void contracts_renewed(struct world *world, const char *name, const weft_channel_options *options,
                       struct sim_contract *contract, bool from_template);

/* The message comes with what its bringer has seen of the channel, which may be long ago. */
void contracts_bring(struct world *world, const struct sim_contract *contract, struct message *message);

/* Whether it has met another contract than the channel has now. */
bool contracts_stale(const struct sim_contract *contract, const struct message *message);

/* The bringer was told to look again. Takes the reference. */
void contracts_look(struct world *world, struct sim_contract *contract, struct contract *wanted);

/* The schema that it has met, and that a new one would: 1 + index, 0 = none. */
uint32_t contracts_met(const struct world *world, const struct message *message);
uint32_t contracts_now(const struct world *world, const weft_channel_options *options, bool text);

uint32_t contracts_draw_understanding(struct world *world); /* 0 = every schema */
size_t contracts_ids(struct world *world, uint32_t understands,
                     uint8_t ids[][SCHEMA_ID_BYTES]); /* twice, now and then */

#endif
