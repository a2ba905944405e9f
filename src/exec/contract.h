/* contract.h: payloads and results are held against their channel's contract, by the thread that brings them, without a
 * lock.
 *
 * An examiner has the memory to validate with, for one thread at a time, and remembers the last contract that a payload
 * met, and whose it was: with many payloads for one channel its guess is right, and the core need not be asked first.
 * The node keeps those that are idle in a few places, each an atomic pointer: who needs one takes what stands in a
 * place, and leaves it in a free one afterwards; so once there are as many as threads that validate at a time nothing
 * is allocated any more. Schemas whose last reference goes may go under a lock, or in the middle of another's call:
 * they wait in a list for a call that is about contracts, or for the end of the node. */
#ifndef WEFT_EXEC_CONTRACT_H
#define WEFT_EXEC_CONTRACT_H

#include <stdatomic.h>

#include <weft/schema.h>

#include "core/core.h"

enum { EXAMINERS_KEPT = 16 };

struct examiner {
    weft_validator *validator;
    uint64_t channel_hash;     /* whose contract it was: */
    struct contract *contract; /* held; NULL = none yet */
};

struct contracts {
    _Atomic(struct examiner *) idle[EXAMINERS_KEPT];
    _Atomic uint64_t channel_hashes[EXAMINERS_KEPT]; /* of what stands there, or stood there: a hint */
    _Atomic(struct named_schema *) ended;
};

/* Why a payload is refused. */
struct mismatch {
    bool counted; /* the call is one that closing waits for: set by who has counted it, or by who lets go of the lock */
    bool inside;  /* the thread is one of weft's, or of the transport's: no users' code runs on it */
    weft_rejection reason;
    char sentence[ERROR_TEXT_MAX]; /* "" = none */
};

/* The schema by that name, for the registry: holds the schema. One reference, the caller's. WEFT_ENOMEM, and what
 * weft_schema_id returns. */
weft_error weft__named_schema_new(weft_node *node, const char *name, weft_schema *schema, struct named_schema **made);

/* Holds the payload against the contract, which is its channel's now (NULL: it asks for nothing), and makes it the one
 * that the message has met. Takes the reference to the contract. WEFT_EMISMATCH: with the reason; WEFT_ENOMEM.
 * Outside. */
weft_error weft__contract_meet(weft_node *node, struct message *message, uint64_t channel_hash,
                               struct contract *contract, struct mismatch *mismatch);

/* Before the core is asked: if the contract that was the channel's the last time takes the payload, it has met that.
 * Costs a look where the channel has none. Outside. */
void weft__contract_guess(weft_node *node, struct message *message, uint64_t channel_hash);

/* The same of a result, where its task's payload has met a contract that asks for something. */
weft_error weft__contract_result(weft_node *node, const struct message *payload, weft_bytes result,
                                 const char *content_type, struct mismatch *mismatch);

void weft__schemas_reap(weft_node *node);   /* frees those that have ended. Outside */
void weft__contracts_fini(weft_node *node); /* after the core is gone */

#endif
