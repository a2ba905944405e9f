#include "exec/contract.h"

#include <stdio.h>
#include <string.h>

#include "exec/node.h"

/* --- schemas ------------------------------------------------------------------------------------------------------- */

/* Any thread, any lock. */
static void ended(struct named_schema *schema)
{
    weft_node *node = schema->context;
    struct named_schema *first = atomic_load_explicit(&node->contracts.ended, memory_order_relaxed);
    do {
        schema->next = first;
    } while (!atomic_compare_exchange_weak_explicit(&node->contracts.ended, &first, schema, memory_order_release,
                                                    memory_order_relaxed));
}

void weft__schemas_reap(weft_node *node)
{
    struct named_schema *schema = atomic_exchange_explicit(&node->contracts.ended, NULL, memory_order_acquire);
    while (schema) {
        struct named_schema *next = schema->next;
        weft_schema_release(schema->schema);
        weft__mem_free(&node->mem, schema);
        schema = next;
    }
}

weft_error weft__named_schema_new(weft_node *node, const char *name, weft_schema *schema, struct named_schema **made)
{
    unsigned char id[SCHEMA_ID_BYTES];
    weft_error error = weft_schema_id(schema, id);
    if (error) return error;
    struct named_schema *named = weft__mem_zalloc(&node->mem, sizeof(*named));
    if (!named) return WEFT_ENOMEM;
    atomic_init(&named->refs, 1);
    named->schema = weft_schema_hold(schema);
    named->context = node;
    named->end = ended;
    memcpy(named->id, id, sizeof id);
    snprintf(named->name, sizeof named->name, "%s", name);
    *made = named;
    return WEFT_OK;
}

/* --- validators ---------------------------------------------------------------------------------------------------- */

/* Where a thread looks first: in another place than most others. */
static unsigned own_place(void)
{
    static _Thread_local char here;
    return (unsigned)((uintptr_t)&here >> 12) % VALIDATORS_KEPT;
}

static weft_validator *validator_take(weft_node *node)
{
    weft_validator *validator;
    unsigned first = own_place();
    for (unsigned i = 0; i < VALIDATORS_KEPT; i++) {
        _Atomic(weft_validator *) *place = &node->contracts.validators[(first + i) % VALIDATORS_KEPT];
        if (!atomic_load_explicit(place, memory_order_relaxed)) continue;
        validator = atomic_exchange_explicit(place, NULL, memory_order_acquire);
        if (validator) return validator;
    }
    const weft_allocator allocator = {node->mem.alloc, node->mem.free, node->mem.context};
    return weft_validator_open(&allocator, &validator) ? NULL : validator;
}

static void validator_give(weft_node *node, weft_validator *validator)
{
    unsigned first = own_place();
    for (unsigned i = 0; i < VALIDATORS_KEPT; i++) {
        _Atomic(weft_validator *) *place = &node->contracts.validators[(first + i) % VALIDATORS_KEPT];
        weft_validator *none = NULL;
        if (atomic_load_explicit(place, memory_order_relaxed)) continue;
        if (atomic_compare_exchange_strong_explicit(place, &none, validator, memory_order_release,
                                                    memory_order_relaxed))
            return;
    }
    weft_validator_close(validator);
}

void weft__contracts_fini(weft_node *node)
{
    weft__schemas_reap(node);
    for (unsigned i = 0; i < VALIDATORS_KEPT; i++)
        weft_validator_close(atomic_load_explicit(&node->contracts.validators[i], memory_order_relaxed));
}

/* --- meeting ------------------------------------------------------------------------------------------------------- */

static weft_error validate(weft_node *node, const struct named_schema *schema, weft_bytes json,
                           struct mismatch *mismatch)
{
    weft_validator *validator = validator_take(node);
    if (!validator) return WEFT_ENOMEM;
    weft_error error = weft_validate(validator, schema->schema, json);
    validator_give(node, validator);
    if (!error || error == WEFT_ENOMEM) return error;
    mismatch->reason = WEFT_REJECTED_SCHEMA_MISMATCH;
    snprintf(mismatch->sentence, sizeof mismatch->sentence, "%s", weft_error_message());
    return WEFT_EMISMATCH;
}

static weft_error hold_against(weft_node *node, const struct contract *contract, const struct named_schema *schema,
                               weft_bytes bytes, const char *content_type, struct mismatch *mismatch)
{
    if (!schema) return WEFT_OK;
    if (weft__content_type_json(content_type)) return validate(node, schema, bytes, mismatch);
    if (contract->opaque) return WEFT_OK;
    mismatch->reason = WEFT_REJECTED_CONTENT_TYPE;
    snprintf(mismatch->sentence, sizeof mismatch->sentence,
             "content type %s: the channel has the schema %s, and takes JSON", content_type, schema->name);
    return WEFT_EMISMATCH;
}

weft_error weft__contract_meet(weft_node *node, struct message *message, struct contract *contract,
                               struct mismatch *mismatch)
{
    weft_error error = WEFT_OK;
    if (contract)
        error = hold_against(node, contract, contract->request,
                             (weft_bytes){.data = message->bytes, .size = message->size_bytes},
                             weft__message_content_type(message), mismatch);
    if (!error) weft__message_meet(message, contract);
    weft__contract_drop(contract);
    return error;
}

weft_error weft__contract_result(weft_node *node, const struct message *payload, weft_bytes result,
                                 const char *content_type, struct mismatch *mismatch)
{
    const struct contract *contract = payload->contract;
    if (!contract) return WEFT_OK;
    return hold_against(node, contract, contract->result, result, content_type, mismatch);
}
