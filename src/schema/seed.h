/* seed.h: the seed of the hashes of member names. One for the process, so that a schema that one thread compiled finds
 * the names that the parser of another has hashed; random, so that nobody outside can choose names that collide. */
#ifndef WEFT_SCHEMA_SEED_H
#define WEFT_SCHEMA_SEED_H

#include <stdint.h>

/* Made by the first call. Any thread. */
uint32_t weft__schema_seed(void);

#endif
