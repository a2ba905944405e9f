/* One block:  struct message | payload | 0 | content type | 0 | padding | extra
 *
 * The zero after the payload lets bytes be read as text, and keeps the content type's offset from ever being 0. */
#include "base/message.h"

#include <string.h>

#include "base/assert.h"

enum { EXTRA_ALIGN = 8 };

struct message *weft__message_new(const struct mem *mem, const void *data, size_t size_bytes, const char *content_type)
{
    return weft__message_new_with_extra(mem, data, size_bytes, content_type, 0);
}

struct message *weft__message_new_with_extra(const struct mem *mem, const void *data, size_t size_bytes,
                                             const char *content_type, size_t extra_bytes)
{
    WEFT_ASSERT(size_bytes < UINT32_MAX && extra_bytes % EXTRA_ALIGN == 0);
    size_t content_type_bytes = content_type ? strlen(content_type) + 1 : 0;
    size_t charge_bytes = sizeof(struct message) + size_bytes + 1 + content_type_bytes;
    if (extra_bytes) charge_bytes = (charge_bytes + EXTRA_ALIGN - 1) / EXTRA_ALIGN * EXTRA_ALIGN + extra_bytes;
    struct message *message = weft__mem_alloc(mem, charge_bytes);
    if (!message) return NULL;

    message->mem = mem;
    message->contract = NULL;
    atomic_init(&message->refs, 1);
    message->content_type_offset = content_type ? (uint32_t)size_bytes + 1 : 0;
    message->size_bytes = size_bytes;
    message->charge_bytes = charge_bytes;
    if (size_bytes) memcpy(message->bytes, data, size_bytes);
    message->bytes[size_bytes] = 0;
    if (content_type) memcpy(message->bytes + size_bytes + 1, content_type, content_type_bytes);
    return message;
}

void *weft__message_extra(const struct message *message, size_t extra_bytes)
{
    WEFT_ASSERT(message->charge_bytes >= sizeof(*message) + message->size_bytes + 1 + extra_bytes);
    return (char *)message + message->charge_bytes - extra_bytes;
}

const char *weft__message_content_type(const struct message *message)
{
    return message->content_type_offset ? (const char *)message->bytes + message->content_type_offset : NULL;
}

void weft__message_meet(struct message *message, struct contract *contract)
{
    if (message->contract == contract) return;
    weft__contract_drop(message->contract);
    message->contract = weft__contract_hold(contract);
}

const struct named_schema *weft__message_schema(const struct message *message)
{
    const struct contract *contract = message ? message->contract : NULL;
    if (!contract) return NULL;
    bool looked_at = !contract->opaque || weft__content_type_json(weft__message_content_type(message));
    return looked_at ? contract->request : NULL;
}

struct message *weft__message_hold(struct message *message)
{
    if (message) atomic_fetch_add_explicit(&message->refs, 1, memory_order_relaxed);
    return message;
}

void weft__message_hold_times(struct message *message, uint32_t times)
{
    if (times) atomic_fetch_add_explicit(&message->refs, times, memory_order_relaxed);
}

/* Who reads 1 holds the only reference, so nobody can add one behind its back: no read-modify-write is needed. The
 * acquire, here and in the slow path, orders the reads of those that dropped before us ahead of the free. */
void weft__message_drop(struct message *message)
{
    if (!message) return;
    if (atomic_load_explicit(&message->refs, memory_order_acquire) == 1 ||
        atomic_fetch_sub_explicit(&message->refs, 1, memory_order_acq_rel) == 1) {
        weft__contract_drop(message->contract);
        weft__mem_free(message->mem, message);
    }
}
