/* weft/contract.h: what a channel asks of its payloads: schemas that the node knows by name.
 *
 * Register a schema under a name, name it in the options of a channel, and what does not match reaches nobody: a
 * dispatch is rejected ("schema_mismatch"), an event refused (WEFT_EMISMATCH), and a result that breaks the result
 * schema is its worker's failure ("result_schema_mismatch"). The message says where and what: "/customer/email:
 * expected a string, got the number 7". Payloads are looked at in the thread that brings them, outside the node's
 * locks, and are never rewritten.
 *
 * On a channel that names a schema for them, payloads are JSON: their content type is none, application/json, or
 * <something>+json, parameters aside; others are rejected ("content_type"), unless the channel is opaque: then they are
 * not looked at. Partial results and progress are not looked at either. A name stands once in its object, unless the
 * channel's schema was compiled with duplicate_keys: then the last counts for the schema, the payload goes on with all of
 * them, and the worker's parser must take the last as well.
 *
 * A channel's schema may be replaced at any time. What comes then meets the new one; what was let in keeps the one that
 * it met, in the queue, when it is dispatched again, as a dead letter, and when that is put back. So its worker should
 * know which: weft_task_schema; and it may name those that it understands (weft/worker.h). */
#ifndef WEFT_CONTRACT_H
#define WEFT_CONTRACT_H

#include <weft/schema.h>
#include <weft/types.h>

typedef enum weft_schema_role {
    WEFT_SCHEMA_REQUEST = 1, /* of what is dispatched or published */
    WEFT_SCHEMA_RESULT       /* of results, on a dispatch channel */
} weft_schema_role;

#ifdef __cplusplus
extern "C" {
#endif

/* Makes a schema known by that name, 1 to 64 of [A-Za-z0-9_.:/-]: holds it. name: copies. WEFT_OK also where it has
 * that name already; WEFT_EDIFFERS: another has: another by its id, so that texts which mean the same are the same (the
 * options and sources that it was compiled with are not in an id: a schema that differs in them needs a name, and
 * better an $id, of its own); WEFT_EINVAL; WEFT_EUNSUPPORTED: it has no id (see weft_schema_id); WEFT_ELIMIT:
 * schemas_max of the node; WEFT_ENOMEM; WEFT_ECLOSED. Any thread. */
WEFT_API weft_error weft_schema_register(weft_node *node, const char *name, weft_schema *schema);

/* Gives a reference to the schema of that name: release it. WEFT_ENOTFOUND; WEFT_EINVAL; WEFT_ECLOSED. Any thread. */
WEFT_API weft_error weft_schema_get(weft_node *node, const char *name, weft_schema **schema);

/* The name is free. WEFT_EBUSY: a channel or a template names it: a channel can be given another first. WEFT_ENOTFOUND;
 * WEFT_EINVAL; WEFT_ECLOSED. Any thread. */
WEFT_API weft_error weft_schema_unregister(weft_node *node, const char *name);

/* From now on the channel asks for that schema; name NULL: for none. Declaring it again then means: with this one.
 * WEFT_OK also where it does so already. WEFT_ENOCHANNEL; WEFT_ENOTFOUND: no schema of that name; WEFT_EINVAL: a result
 * schema for what is no dispatch channel; WEFT_ENOMEM; WEFT_ECLOSED. Any thread. */
WEFT_API weft_error weft_channel_schema_set(weft_node *node, const char *channel, weft_schema_role role,
                                            const char *name);

#ifdef __cplusplus
}
#endif

#endif
