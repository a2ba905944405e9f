/* contract.h: what a channel asks of the payloads that come to it, and of the results that its workers give.
 *
 * A contract never changes: a channel whose schema is replaced gets another one, of a later generation. A payload holds
 * the contract that it was found to match, wherever it goes. What a schema is its maker alone knows: here it has a name
 * and an id. Both are shared by reference between threads. */
#ifndef WEFT_BASE_CONTRACT_H
#define WEFT_BASE_CONTRACT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/mem.h"

enum { SCHEMA_ID_BYTES = 32, SCHEMA_NAME_MAX = 64 };

struct named_schema {
    atomic_uint refs;
    uint32_t users; /* under the core's lock: channels and templates that name it */
    /* its maker's: */
    void *schema;
    void *context;
    struct named_schema *next;
    void (*end)(struct named_schema *schema); /* the last reference is gone: in any thread, whatever lock it holds */
    unsigned char id[SCHEMA_ID_BYTES];
    char name[SCHEMA_NAME_MAX + 1];
};

struct contract {
    const struct mem *mem;
    atomic_uint refs;
    bool opaque; /* other content types than JSON pass, and are not looked at */
    uint64_t generation;
    struct named_schema *request, *result; /* held; NULL = whatever comes */
};

struct named_schema *weft__named_schema_hold(struct named_schema *schema); /* returns it; accepts NULL */
void weft__named_schema_drop(struct named_schema *schema);                 /* accepts NULL */

/* Holds the schemas. One reference, the caller's. NULL: out of memory. */
struct contract *weft__contract_new(const struct mem *mem, uint64_t generation, struct named_schema *request,
                                    struct named_schema *result, bool opaque);
struct contract *weft__contract_hold(struct contract *contract); /* returns it; accepts NULL */
void weft__contract_drop(struct contract *contract);             /* accepts NULL */

/* Whether that is JSON: none given, application/json, or <something>+json; parameters do not matter. */
bool weft__content_type_json(const char *content_type);

/* Whether it can be one: 1 to WEFT_CONTENT_TYPE_MAX of printable ASCII; NULL, which is none, can. */
bool weft__content_type_valid(const char *content_type);

#endif
