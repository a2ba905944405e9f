/* random_schema.h: schemas and documents by chance, from few names and values, so that they meet. */
#ifndef WEFT_TESTS_RANDOM_SCHEMA_H
#define WEFT_TESTS_RANDOM_SCHEMA_H

#include <jansson.h>

#include <weft/schema.h>

#include "sim/rng.h"

enum { RANDOM_NAMES = 5 };

/* A schema with resources in it, anchors and references that lead somewhere, of a size that a person can read. Appends
 * the values that it mentions to pool, an array. Gives: json_decref. */
json_t *random_schema(struct rng *rng, weft_draft draft, json_t *pool);

/* A document that may take values from the pool; NULL: there is none. Gives: json_decref. */
json_t *random_document(struct rng *rng, json_t *pool);

json_t *random_number(struct rng *rng);              /* so many quarters */
extern const char *const random_names[RANDOM_NAMES]; /* of properties */

/* One of the texts that mean it: members in any order, blanks, escapes, 1 as 1.0 or 10e-1. Free it. */
char *random_text(struct rng *rng, json_t *value);

/* The same for readers who take the last of each name: before some members stand others of that name. These may have
 * values of the pool, an array; NULL: there are none. Free it. */
char *random_text_twice(struct rng *rng, json_t *value, json_t *pool);

#endif
