/* wire.h: one world of nodes, clients and the network between them, from a seed. */
#ifndef WEFT_WIRE_WIRE_H
#define WEFT_WIRE_WIRE_H

#include "wire/world.h"

/* Runs it to its end; stops the program where a promise is broken. tracing: NULL = silent. What it met is added to report.
 * Returns a digest of all that has happened: of a seed it is always the same. */
uint64_t wire_run(uint64_t seed, FILE *tracing);

/* From now on whatever stops the program says how to see it again. */
void wire_watch(void);

#endif
