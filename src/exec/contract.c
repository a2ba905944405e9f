#include "exec/contract.h"

#include <stdio.h>
#include <string.h>

#include "exec/node.h"

/* --- schemas ---------------------------------------------------------------------------------- */

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

/* --- examiners -------------------------------------------------------------------------------- */

/* Where a thread looks first: in another place than most others. */
static unsigned own_place(void)
{
    static _Thread_local char here;
    return (unsigned)((uintptr_t)&here >> 12) % EXAMINERS_KEPT;
}

static struct examiner *examiner_new(weft_node *node)
{
    const weft_allocator allocator = {node->mem.alloc, node->mem.free, node->mem.context};
    struct examiner *examiner = weft__mem_zalloc(&node->mem, sizeof(*examiner));
    if (examiner && !weft_validator_open(&allocator, &examiner->validator)) return examiner;
    weft__mem_free(&node->mem, examiner);
    return NULL;
}

static void examiner_free(weft_node *node, struct examiner *examiner)
{
    if (!examiner) return;
    weft__contract_drop(examiner->contract);
    weft_validator_close(examiner->validator);
    weft__mem_free(&node->mem, examiner);
}

static struct examiner *examiner_take(weft_node *node)
{
    unsigned first = own_place();
    for (unsigned i = 0; i < EXAMINERS_KEPT; i++) {
        _Atomic(struct examiner *) *place = &node->contracts.idle[(first + i) % EXAMINERS_KEPT];
        if (!atomic_load_explicit(place, memory_order_relaxed)) continue;
        struct examiner *examiner = atomic_exchange_explicit(place, NULL, memory_order_acquire);
        if (examiner) return examiner;
    }
    return examiner_new(node);
}

static void examiner_give(weft_node *node, struct examiner *examiner)
{
    unsigned first = own_place();
    uint64_t channel_hash = examiner->channel_hash; /* another thread's from the exchange on */
    for (unsigned i = 0; i < EXAMINERS_KEPT; i++) {
        unsigned place = (first + i) % EXAMINERS_KEPT;
        struct examiner *none = NULL;
        if (atomic_load_explicit(&node->contracts.idle[place], memory_order_relaxed)) continue;
        if (!atomic_compare_exchange_strong_explicit(&node->contracts.idle[place], &none, examiner,
                                                     memory_order_release, memory_order_relaxed))
            continue;
        atomic_store_explicit(&node->contracts.channel_hashes[place], channel_hash, memory_order_relaxed);
        return;
    }
    examiner_free(node, examiner);
}

static void remember(struct examiner *examiner, uint64_t channel_hash, struct contract *contract)
{
    examiner->channel_hash = channel_hash;
    if (examiner->contract == contract) return;
    weft__contract_drop(examiner->contract);
    examiner->contract = weft__contract_hold(contract);
}

void weft__contracts_fini(weft_node *node)
{
    for (unsigned i = 0; i < EXAMINERS_KEPT; i++)
        examiner_free(node, atomic_load_explicit(&node->contracts.idle[i], memory_order_acquire));
    weft__schemas_reap(node);
}

/* --- meeting ---------------------------------------------------------------------------------- */

static weft_error validate(struct examiner *examiner, const struct named_schema *schema, weft_bytes json,
                           struct mismatch *mismatch)
{
    weft_error error = weft_validate(examiner->validator, schema->schema, json);
    if (!error || error == WEFT_ENOMEM) return error;
    mismatch->reason = WEFT_REJECTED_SCHEMA_MISMATCH;
    snprintf(mismatch->sentence, sizeof mismatch->sentence, "%s", weft_error_message());
    return WEFT_EMISMATCH;
}

static weft_error hold_against(struct examiner *examiner, const struct contract *contract,
                               const struct named_schema *schema, weft_bytes bytes, const char *content_type,
                               struct mismatch *mismatch)
{
    if (!schema) return WEFT_OK;
    if (weft__content_type_json(content_type)) return validate(examiner, schema, bytes, mismatch);
    if (contract->opaque) return WEFT_OK;
    mismatch->reason = WEFT_REJECTED_CONTENT_TYPE;
    snprintf(mismatch->sentence, sizeof mismatch->sentence,
             "content type %s: the channel has the schema %s, and takes JSON", content_type, schema->name);
    return WEFT_EMISMATCH;
}

static weft_error hold_message_against(struct examiner *examiner, const struct message *message,
                                       const struct contract *contract, struct mismatch *mismatch)
{
    return hold_against(examiner, contract, contract->request,
                        (weft_bytes){.data = message->bytes, .size = message->size_bytes},
                        weft__message_content_type(message), mismatch);
}

weft_error weft__contract_meet(weft_node *node, struct message *message, uint64_t channel_hash,
                               struct contract *contract, struct mismatch *mismatch)
{
    struct examiner *examiner = contract ? examiner_take(node) : NULL;
    weft_error error = contract && !examiner ? WEFT_ENOMEM : WEFT_OK;
    if (examiner) {
        error = hold_message_against(examiner, message, contract, mismatch);
        remember(examiner, channel_hash, contract);
        examiner_give(node, examiner);
    }
    if (!error) weft__message_meet(message, contract);
    weft__contract_drop(contract);
    return error;
}

/* What it refuses, the channel may take by now: that is found out by who asks the core. */
void weft__contract_guess(weft_node *node, struct message *message, uint64_t channel_hash)
{
    struct mismatch unsaid;
    unsigned place = own_place();
    if (atomic_load_explicit(&node->contracts.channel_hashes[place], memory_order_relaxed) != channel_hash) return;
    struct examiner *examiner = atomic_exchange_explicit(&node->contracts.idle[place], NULL, memory_order_acquire);
    if (!examiner) return;
    struct contract *contract = examiner->channel_hash == channel_hash ? examiner->contract : NULL;
    if (contract && !hold_message_against(examiner, message, contract, &unsaid)) weft__message_meet(message, contract);
    examiner_give(node, examiner);
}

weft_error weft__contract_result(weft_node *node, const struct message *payload, weft_bytes result,
                                 const char *content_type, struct mismatch *mismatch)
{
    const struct contract *contract = payload->contract;
    if (!contract || !contract->result) return WEFT_OK;
    struct examiner *examiner = examiner_take(node);
    if (!examiner) return WEFT_ENOMEM;
    weft_error error = hold_against(examiner, contract, contract->result, result, content_type, mismatch);
    examiner_give(node, examiner);
    return error;
}
