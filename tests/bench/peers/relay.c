/* relay.c: see relay.h. */
#include "contender.h"
#include "relay.h"

#include <stdatomic.h>
#include <string.h>

static atomic_int is[RELAY_CONNECTIONS], workers[RELAY_CONNECTIONS], workers_count;
static atomic_uint turn;

bool relay_take(weft_bytes *unread, struct relay_frame *frame, const char **payload)
{
    if (unread->size < sizeof(*frame)) return false;
    memcpy(frame, unread->data, sizeof(*frame));
    size_t size = sizeof(*frame) + frame->size;
    if (unread->size < size) return false;
    *payload = (const char *)unread->data + sizeof(*frame);
    *unread = (weft_bytes){(const char *)unread->data + size, unread->size - size};
    return true;
}

int relay_route(int from, struct relay_frame *frame)
{
    int count = atomic_load_explicit(&workers_count, memory_order_acquire);
    if (frame->size == 0) { /* at start, one after the other */
        atomic_store(&is[from], (int)frame->from);
        if (frame->from == RELAY_WORKER) {
            atomic_store(&workers[count], from);
            atomic_store(&workers_count, count + 1);
        }
        return from;
    }
    if (atomic_load_explicit(&is[from], memory_order_relaxed) == RELAY_WORKER) return (int)frame->from;
    if (count == 0) fail("a relay without workers");
    frame->from = (uint32_t)from;
    return workers[atomic_fetch_add_explicit(&turn, 1, memory_order_relaxed) % (unsigned)count];
}

void relay_put(struct stream *to, struct relay_frame frame, const char *payload)
{
    char *room = stream_extend(to, sizeof(frame) + frame.size);
    memcpy(room, &frame, sizeof(frame));
    memcpy(room + sizeof(frame), payload, frame.size);
}
