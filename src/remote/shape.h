/* shape.h: structs as bytes, by tables of their fields: each struct that travels in an ask or its answer is described once, and
 * written and read from that description, at either end. docs/protocol.md has the same tables for those who write another
 * client.
 *
 * Integers are little-endian; nothing is aligned; a list is its count and its elements. Reading looks at every bound, and gives
 * out no more memory than some times what there is to read: a count for which there are not enough bytes is refused before. */
#ifndef WEFT_REMOTE_SHAPE_H
#define WEFT_REMOTE_SHAPE_H

#include <weft/types.h>

#include "base/arena.h"

enum shape_type {
    SHAPE_END = 0,
    SHAPE_BOOL,   /* u8, 0 or 1 */
    SHAPE_CHOICE, /* u8: an enum; what is over 255 travels as 255, which no enum has */
    SHAPE_U32,
    SHAPE_I32,
    SHAPE_U64,
    SHAPE_U32S,  /* as many as the array has */
    SHAPE_U64S,  /* likewise */
    SHAPE_RAW,   /* the bytes of an array */
    SHAPE_CHARS, /* u8 n, n bytes and a zero, n = 0: a zero alone: a text that stands in the struct */
    SHAPE_TEXT,  /* u16 n; 0: NULL; else n bytes, the last of which is zero */
    SHAPE_WORD,  /* the same, of a static text: where it is one of ours it is that again */
    SHAPE_BYTES, /* u32 n, n bytes: weft_bytes */
    SHAPE_ID,    /* u8 0: NULL; 1: the 32 bytes that it points to */
    SHAPE_PART,  /* another struct that stands in it */
    SHAPE_LIST,  /* u32 n, n structs: a pointer and a size_t */
    SHAPE_TEXTS, /* u32 n, n texts, none of them NULL: a pointer to pointers, and a size_t */
    SHAPE_IDS,   /* u32 n, n of 32 bytes: a pointer, and a size_t */
    SHAPE_LEFT   /* does not travel: zero where it is read */
};

struct shape_field {
    const char *name;
    enum shape_type type;
    uint16_t offset, bytes; /* in the struct */
    uint16_t most;          /* CHOICE: the greatest that there is */
    uint16_t count_at;      /* of lists: where their size_t stands */
    const struct shape *of;
};

struct shape {
    const char *name;
    size_t bytes;                     /* of the struct */
    const struct shape_field *fields; /* in the order in which they travel, then SHAPE_END */
};

/* Bytes that are being written. Zeroed but for mem and most; mem NULL: they are only counted. */
struct shape_out {
    const struct mem *mem;
    size_t most; /* beyond it WEFT_ELIMIT */
    unsigned char *bytes;
    size_t size, room;
    weft_error
        error; /* WEFT_ENOMEM, WEFT_ELIMIT; WEFT_EINVAL: a text of 64 KiB or more. Then nothing more is written */
};

/* Appends the struct. free: gives the bytes back, and zeroes. */
void weft__shape_write(struct shape_out *out, const struct shape *shape, const void *record);
void weft__shape_out_free(struct shape_out *out);

/* How many bytes it takes. */
size_t weft__shape_size(const struct shape *shape, const void *record);

/* Reads the struct that these bytes are, all of them. Lists come from the arena, and texts, ids and bytes too where copies is
 * set; else they point into the bytes. WEFT_EPROTOCOL: they are none, and the sentence (FRAME_SENTENCE_MAX bytes) says why;
 * WEFT_ENOMEM. Then the record is not to be looked at. */
weft_error weft__shape_read(weft_bytes bytes, const struct shape *shape, struct arena *arena, bool copies, void *record,
                            char *sentence);

/* shapes.c. X(name, struct): of the public headers, and of asks (ask.h). */
#define SHAPES(X)                                                                                                      \
    X(none, struct ask_none)                                                                                           \
    X(dispatch_id, weft_dispatch_id)                                                                                   \
    X(cause, weft_cause)                                                                                               \
    X(channel_options, weft_channel_options)                                                                           \
    X(channel_info, weft_channel_info)                                                                                 \
    X(latency, weft_latency)                                                                                           \
    X(death, weft_death)                                                                                               \
    X(node_stats, weft_node_stats)                                                                                     \
    X(worker_info, weft_worker_info)                                                                                   \
    X(worker_listing, weft_worker_listing)                                                                             \
    X(queue_info, weft_queue_info)                                                                                     \
    X(channel_listing, weft_channel_listing)                                                                           \
    X(subscription_info, weft_subscription_info)                                                                       \
    X(listing, weft_listing)                                                                                           \
    X(refusal, weft_refusal)                                                                                           \
    X(why, weft_why)                                                                                                   \
    X(dispatch_options, weft_dispatch_options)                                                                         \
    X(schema_source, weft_schema_source)                                                                               \
    X(schema_options, weft_schema_options)                                                                             \
    X(attempt, weft_attempt)                                                                                           \
    X(letter, weft_letter)                                                                                             \
    X(ticket, weft_ticket)                                                                                             \
    X(reply, weft_reply)                                                                                               \
    X(ping, weft_ping)                                                                                                 \
    X(named, struct ask_named)                                                                                         \
    X(declaration, struct ask_declaration)                                                                             \
    X(drain, struct ask_drain)                                                                                         \
    X(find, struct ask_find)                                                                                           \
    X(found, struct ask_found)                                                                                         \
    X(deaths, struct ask_deaths)                                                                                       \
    X(died, struct ask_died)                                                                                           \
    X(schema, struct ask_schema)                                                                                       \
    X(schema_text, struct ask_schema_text)                                                                             \
    X(schema_set, struct ask_schema_set)                                                                               \
    X(dispatch, struct ask_dispatch)                                                                                   \
    X(fetch, struct ask_fetch)                                                                                         \
    X(request, struct ask_request)                                                                                     \
    X(inspect, struct ask_inspect)                                                                                     \
    X(listed, struct ask_listed)                                                                                       \
    X(letters, struct ask_letters)                                                                                     \
    X(letters_found, struct ask_letters_found)                                                                         \
    X(letter_of, struct ask_letter)                                                                                    \
    X(number, struct ask_number)

#define SHAPE_EXTERN(name, of) extern const struct shape weft__shape_##name;
SHAPES(SHAPE_EXTERN)
#undef SHAPE_EXTERN

#endif
