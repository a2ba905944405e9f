#include "base/contract.h"

#include <string.h>
#include <strings.h>

#include <weft/types.h>

struct named_schema *weft__named_schema_hold(struct named_schema *schema)
{
    if (schema) atomic_fetch_add_explicit(&schema->refs, 1, memory_order_relaxed);
    return schema;
}

void weft__named_schema_drop(struct named_schema *schema)
{
    if (schema && atomic_fetch_sub_explicit(&schema->refs, 1, memory_order_acq_rel) == 1) schema->end(schema);
}

struct contract *weft__contract_new(const struct mem *mem, uint64_t generation, struct named_schema *request,
                                    struct named_schema *result, bool opaque)
{
    struct contract *contract = weft__mem_alloc(mem, sizeof(*contract));
    if (!contract) return NULL;
    contract->mem = mem;
    atomic_init(&contract->refs, 1);
    contract->opaque = opaque;
    contract->generation = generation;
    contract->request = weft__named_schema_hold(request);
    contract->result = weft__named_schema_hold(result);
    return contract;
}

struct contract *weft__contract_hold(struct contract *contract)
{
    if (contract) atomic_fetch_add_explicit(&contract->refs, 1, memory_order_relaxed);
    return contract;
}

void weft__contract_drop(struct contract *contract)
{
    if (!contract || atomic_fetch_sub_explicit(&contract->refs, 1, memory_order_acq_rel) > 1) return;
    weft__named_schema_drop(contract->request);
    weft__named_schema_drop(contract->result);
    weft__mem_free(contract->mem, contract);
}

bool weft__content_type_json(const char *content_type)
{
    static const char json[] = "application/json", suffix[] = "+json";
    if (!content_type) return true;
    size_t length = strcspn(content_type, ";");
    while (length > 0 && content_type[length - 1] == ' ')
        length--;
    if (length == sizeof json - 1 && strncasecmp(content_type, json, length) == 0) return true;
    return length > sizeof suffix - 1 &&
           strncasecmp(content_type + length - (sizeof suffix - 1), suffix, sizeof suffix - 1) == 0;
}

bool weft__content_type_valid(const char *content_type)
{
    size_t length = 0;
    if (!content_type) return true;
    while (content_type[length] >= ' ' && content_type[length] <= '~' && length <= WEFT_CONTENT_TYPE_MAX)
        length++;
    return length > 0 && length <= WEFT_CONTENT_TYPE_MAX && !content_type[length];
}
