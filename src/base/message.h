/* message.h: immutable, reference-counted payload buffers.
 *
 * What travels: bytes with a content type, or an error with a code and a sentence. Filled once by who makes it, then
 * only read; shared by reference between threads; the last drop frees it. What a bound is charged is charge_bytes. */
#ifndef WEFT_BASE_MESSAGE_H
#define WEFT_BASE_MESSAGE_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/contract.h"
#include "base/mem.h"

struct message {
    const struct mem *mem;
    struct contract *contract; /* held: the one that the payload met; NULL = none. Set while one thread alone has it */
    atomic_uint refs;
    uint32_t content_type_offset; /* of the terminated content type in bytes; 0 = none given */
    size_t size_bytes;            /* of the payload, which starts at bytes */
    size_t charge_bytes;          /* whole allocation */
    unsigned char bytes[];        /* a zero follows the payload, so that text can be read as a string */
};

/* Copies. content_type may be NULL, and data where size_bytes, below 4 GiB, is 0. One reference, the caller's.
 * NULL: out of memory. */
struct message *weft__message_new(const struct mem *mem, const void *data, size_t size_bytes, const char *content_type);

/* The same with extra_bytes at the end that its maker fills in before anybody else sees it. It is found again by who
 * knows how much it is. Aligned for 8 bytes, as extra_bytes must be. */
struct message *weft__message_new_with_extra(const struct mem *mem, const void *data, size_t size_bytes,
                                             const char *content_type, size_t extra_bytes);
void *weft__message_extra(const struct message *message, size_t extra_bytes);

/* The content type, or NULL where none was given. Lends. */
const char *weft__message_content_type(const struct message *message);

/* Makes it the contract that the payload met; NULL = none. Holds. Only while nobody else has the message. */
void weft__message_meet(struct message *message, struct contract *contract);

/* The schema that the payload matches: NULL where nothing was asked of it, or it was not looked at. Lends. Accepts
 * NULL. */
const struct named_schema *weft__message_schema(const struct message *message);

struct message *weft__message_hold(struct message *message); /* returns it; accepts NULL */
void weft__message_hold_times(struct message *message, uint32_t times);
void weft__message_drop(struct message *message); /* accepts NULL */

#endif
