/* inbox.h: what waits for one subscriber: a queue of shared messages, each with how many were lost before it.
 *
 *     head: [ taken | first ... ] -> [ ... ] -> tail: [ ... end | free ]
 *
 * In chunks, so that it grows by one allocation of a fixed size, and neither growing nor shrinking moves what stands
 * there. An empty one keeps a chunk: who drains its inbox asks for memory once. Bytes are what the messages are charged
 * and the entries. Not locked: the owner's lock guards it. */
#ifndef WEFT_CORE_INBOX_H
#define WEFT_CORE_INBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/message.h"

struct inbox_entry {
    struct message *message; /* held */
    uint32_t dropped;        /* lost between the one before and this */
};

enum { INBOX_CHUNK = 63 };

struct inbox_chunk {
    struct inbox_chunk *next;
    struct inbox_entry entries[INBOX_CHUNK];
};

/* Zeroed is empty. */
struct inbox {
    struct inbox_chunk *head, *tail; /* NULL: none yet */
    struct inbox_chunk *spare;
    uint16_t first, end; /* in the head, in the tail */
    uint32_t items;
    uint64_t bytes;
};

/* What an entry of the message costs. */
static inline uint64_t weft__inbox_charge(const struct message *message)
{
    return message->charge_bytes + sizeof(struct inbox_entry);
}

/* Makes room for one more. False: out of memory, nothing changed. */
bool weft__inbox_reserve(struct inbox *inbox, const struct mem *mem);

/* Appends; room was reserved. Takes a reference. */
void weft__inbox_push(struct inbox *inbox, struct message *message, uint32_t dropped);

/* Takes the oldest; there is one. Gives its reference. */
struct inbox_entry weft__inbox_pop(struct inbox *inbox, const struct mem *mem);

/* The oldest, to look at; NULL where it is empty. */
struct inbox_entry *weft__inbox_first(const struct inbox *inbox);

/* Drops everything and frees the chunks. It is empty then. */
void weft__inbox_free(struct inbox *inbox, const struct mem *mem);

#endif
