#include "core/inbox.h"

#include "base/assert.h"

bool weft__inbox_reserve(struct inbox *inbox, const struct mem *mem)
{
    if ((inbox->tail && inbox->end < INBOX_CHUNK) || inbox->spare) return true;
    inbox->spare = weft__mem_alloc(mem, sizeof(*inbox->spare));
    return inbox->spare != NULL;
}

void weft__inbox_push(struct inbox *inbox, struct message *message, uint32_t dropped)
{
    if (!inbox->tail || inbox->end == INBOX_CHUNK) {
        struct inbox_chunk *chunk = inbox->spare;
        WEFT_ASSERT(chunk);
        inbox->spare = NULL;
        chunk->next = NULL;
        if (inbox->tail)
            inbox->tail->next = chunk;
        else
            inbox->head = chunk;
        inbox->tail = chunk;
        inbox->end = 0;
    }
    inbox->tail->entries[inbox->end++] = (struct inbox_entry){.message = message, .dropped = dropped};
    inbox->items++;
    inbox->bytes += weft__inbox_charge(message);
}

struct inbox_entry *weft__inbox_first(const struct inbox *inbox)
{
    return inbox->items ? &inbox->head->entries[inbox->first] : NULL;
}

struct inbox_entry weft__inbox_pop(struct inbox *inbox, const struct mem *mem)
{
    WEFT_ASSERT(inbox->items > 0);
    struct inbox_chunk *chunk = inbox->head;
    struct inbox_entry entry = chunk->entries[inbox->first++];
    inbox->items--;
    inbox->bytes -= weft__inbox_charge(entry.message);
    if (!inbox->items) {
        inbox->first = inbox->end = 0;
    } else if (inbox->first == INBOX_CHUNK) {
        inbox->head = chunk->next;
        inbox->first = 0;
        if (inbox->spare)
            weft__mem_free(mem, chunk);
        else
            inbox->spare = chunk;
    }
    return entry;
}

void weft__inbox_free(struct inbox *inbox, const struct mem *mem)
{
    while (inbox->items)
        weft__message_drop(weft__inbox_pop(inbox, mem).message);
    weft__mem_free(mem, inbox->head); /* an empty one has at most one, and a spare */
    weft__mem_free(mem, inbox->spare);
    *inbox = (struct inbox){0};
}
