/* wire.h: one world of nodes, clients and the network between them, from a seed. */
#ifndef WEFT_WIRE_WIRE_H
#define WEFT_WIRE_WIRE_H

#include "wire/world.h"

/* Runs it to its end; stops the program where a promise is broken. tracing: NULL = silent. What it met is added to report. */
void wire_run(uint64_t seed, FILE *tracing);

#endif
