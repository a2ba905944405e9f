/* fixture_contract.h: the verbs of fixture.h that are about schemas:
 *
 *     schema("task");
 *     channel("dispatch.media.resize", .schema = "task");
 *     look("before");
 *     asks("task-v2");
 *     gives(WEFT_ESTALE, dispatch("a", .seen = "before"));
 *     dispatch("b");
 *
 * A schema is its name, from which its id follows. Who dispatches or publishes looks at what the channel asks for, as
 * often as he is told to, unless he comes with what he has `seen` before; what is mismatched is told by refuse. */
#ifndef WEFT_TESTS_FIXTURE_CONTRACT_H
#define WEFT_TESTS_FIXTURE_CONTRACT_H

#include "lib/fixture.h"

#define schema(name) world_verb(schema, name, name)              /* registers it */
#define schema_with(name, id_of) world_verb(schema, name, id_of) /* with the id of another */
#define unregister_schema(name) world_verb(unregister_schema, name)
#define schema_named(name) world_verb(schema_named, name)      /* what is registered; NULL: nothing */
#define asks(name) world_verb(asks, WEFT_SCHEMA_REQUEST, name) /* of the channel; NULL: for nothing */
#define asks_results(name) world_verb(asks, WEFT_SCHEMA_RESULT, name)
#define look(as) world_verb(look, as)
#define refuse(name, reason) world_verb(refuse, name, WEFT_REJECTED_##reason)
#define refuse_event() world_verb(refuse_event, 0)

void world_forget_looks(void); /* with fixture.c: a world ends */
void world_schema(const char *name, const char *id_of);
void world_unregister_schema(const char *name);
const struct named_schema *world_schema_named(const char *name);
void world_asks(weft_schema_role role, const char *name);
void world_look(const char *as);
void world_refuse(const char *name, weft_rejection reason);
void world_refuse_event(int unused);

/* fixture.c and fixture_event.c: what was seen then; NULL: nothing. The id of a schema of that name. */
struct contract *world_seen(const char *as);
void world_schema_id(const char *name, uint8_t id[SCHEMA_ID_BYTES]);

#endif
