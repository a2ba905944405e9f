/* frame_write.c: frames to bytes: their sizes, their heads and their payloads, made from the layouts. */
#include "frame/frame.h"

#include "base/assert.h"
#include "frame/layout.h"
#include "frame/wire.h"

static inline size_t text_size(const char *text)
{
    size_t size = text ? strlen(text) : 0;
    WEFT_ASSERT(size <= FRAME_TEXT_MAX);
    return size;
}

/* What is cut is not cut inside a character. */
static size_t sentence_size(const char *text)
{
    size_t size = text ? strnlen(text, FRAME_TEXT_MAX + 1) : 0;
    if (size <= FRAME_TEXT_MAX) return size;
    size = FRAME_TEXT_MAX;
    while (size > FRAME_TEXT_MAX - 3 && ((unsigned char)text[size] & 0xc0) == 0x80)
        size--;
    return size;
}

/* With its size and its zero. */
static inline size_t text_bytes(size_t size)
{
    return size ? 1 + size + 1 : 1;
}

static size_t names_bytes(const char *const *names, uint32_t count)
{
    size_t bytes = 1;
    for (uint32_t i = 0; i < count; i++)
        bytes += text_bytes(text_size(names[i]));
    return bytes;
}

static inline unsigned char *put_text(unsigned char *to, const char *text, size_t size)
{
    *to++ = (unsigned char)size;
    if (size == 0) return to;
    memcpy(to, text, size);
    to[size] = 0;
    return to + size + 1;
}

static inline unsigned char *put_name(unsigned char *to, const char *name)
{
    size_t size = text_size(name);
    WEFT_ASSERT(size > 0);
    return put_text(to, name, size);
}

static unsigned char *put_names(unsigned char *to, const char *const *names, uint32_t count, uint32_t max)
{
    WEFT_ASSERT(count <= max);
    *to++ = (unsigned char)count;
    for (uint32_t i = 0; i < count; i++)
        to = put_name(to, names[i]);
    return to;
}

static unsigned char *put_bytes(unsigned char *to, const void *bytes, size_t size)
{
    if (size) memcpy(to, bytes, size);
    return to + size;
}

static unsigned char *put_schemas(unsigned char *to, const void *ids, uint32_t count, uint32_t max)
{
    WEFT_ASSERT(count <= max);
    *to++ = (unsigned char)count;
    return put_bytes(to, ids, (size_t)count * WEFT_SCHEMA_ID_BYTES);
}

#define SIZE_FLAG(field, bit)
#define SIZE_MAGIC(field, arg)
#define SIZE_U8(field, arg)
#define SIZE_U16(field, arg)
#define SIZE_U32(field, arg)
#define SIZE_U64(field, arg)
#define SIZE_I32(field, arg)
#define SIZE_CHOICE(field, last)
#define SIZE_KIND(field, last)
#define SIZE_BYTES(field, arg)
#define SIZE_SCHEMA(field, bit) size += body->field ? WEFT_SCHEMA_ID_BYTES : 0;
#define SIZE_TEXT(field, arg) size += text_bytes(text_size(body->field));
#define SIZE_NAME(field, arg) size += text_bytes(text_size(body->field));
#define SIZE_SENTENCE(field, arg) size += text_bytes(sentence_size(body->field));
#define SIZE_NAMES(field, max) size += names_bytes(body->field, body->field##_count);
#define SIZE_SCHEMAS(field, max) size += 1 + (size_t)body->field##_count * WEFT_SCHEMA_ID_BYTES;
#define SIZE_REST(field, arg) size += body->field.size;
#define SIZE(type, field, arg) SIZE_##type(field, arg)

#define SIZER(body_name, body_type)                                                                                    \
    static size_t size_##body_name(const void *from)                                                                   \
    {                                                                                                                  \
        const struct body_type *body = from;                                                                           \
        (void)body;                                                                                                    \
        size_t size = 0 BODY_##body_name(PLACE_SIZE);                                                                  \
        BODY_##body_name(SIZE);                                                                                        \
        return size;                                                                                                   \
    }
FRAME_BODIES(SIZER)

#define WRITE_FLAG(field, bit) *flags |= body->field ? (bit) : 0;
#define WRITE_MAGIC(field, arg) to = wire_put32(to, FRAME_MAGIC);
#define WRITE_U8(field, arg) *to++ = body->field;
#define WRITE_U16(field, arg) to = wire_put16(to, body->field);
#define WRITE_U32(field, arg) to = wire_put32(to, body->field);
#define WRITE_U64(field, arg) to = wire_put64(to, body->field);
#define WRITE_I32(field, arg) to = wire_put32(to, (uint32_t)body->field);
#define WRITE_CHOICE(field, last)                                                                                      \
    WEFT_ASSERT(body->field <= (last));                                                                                \
    *to++ = body->field;
#define WRITE_KIND(field, last)                                                                                        \
    WEFT_ASSERT(body->field > 0 && body->field <= (last));                                                             \
    *to++ = body->field;
#define WRITE_BYTES(field, arg) to = put_bytes(to, body->field, INSTANCE_BYTES);
#define WRITE_SCHEMA(field, bit)                                                                                       \
    if (body->field) {                                                                                                 \
        *flags |= (bit);                                                                                               \
        to = put_bytes(to, body->field, WEFT_SCHEMA_ID_BYTES);                                                         \
    }
#define WRITE_TEXT(field, arg) to = put_text(to, body->field, text_size(body->field));
#define WRITE_NAME(field, arg) to = put_name(to, body->field);
#define WRITE_SENTENCE(field, arg) to = put_text(to, body->field, sentence_size(body->field));
#define WRITE_NAMES(field, max) to = put_names(to, body->field, body->field##_count, max);
#define WRITE_SCHEMAS(field, max) to = put_schemas(to, body->field, body->field##_count, max);
#define WRITE_REST(field, arg)
#define WRITE(type, field, arg) WRITE_##type(field, arg)

/* All but the rest. */
#define WRITER(body_name, body_type)                                                                                   \
    static unsigned char *write_##body_name(unsigned char *to, unsigned *flags, const void *from)                      \
    {                                                                                                                  \
        const struct body_type *body = from;                                                                           \
        (void)body, (void)flags;                                                                                       \
        BODY_##body_name(WRITE);                                                                                       \
        return to;                                                                                                     \
    }
FRAME_BODIES(WRITER)

#define REST_FLAG(field)
#define REST_MAGIC(field)
#define REST_U8(field)
#define REST_U16(field)
#define REST_U32(field)
#define REST_U64(field)
#define REST_I32(field)
#define REST_CHOICE(field)
#define REST_KIND(field)
#define REST_BYTES(field)
#define REST_SCHEMA(field)
#define REST_TEXT(field)
#define REST_NAME(field)
#define REST_SENTENCE(field)
#define REST_NAMES(field)
#define REST_SCHEMAS(field)
#define REST_REST(field) rest = body->field;
#define REST(type, field, arg) REST_##type(field)

#define RESTER(body_name, body_type)                                                                                   \
    static weft_bytes rest_##body_name(const void *from)                                                               \
    {                                                                                                                  \
        const struct body_type *body = from;                                                                           \
        (void)body;                                                                                                    \
        weft_bytes rest = {NULL, 0};                                                                                   \
        BODY_##body_name(REST);                                                                                        \
        return rest;                                                                                                   \
    }
FRAME_BODIES(RESTER)

#define MOST_FLAG(bit) 0
#define MOST_MAGIC(arg) PLACE_MAGIC
#define MOST_U8(arg) PLACE_U8
#define MOST_U16(arg) PLACE_U16
#define MOST_U32(arg) PLACE_U32
#define MOST_U64(arg) PLACE_U64
#define MOST_I32(arg) PLACE_I32
#define MOST_CHOICE(last) PLACE_CHOICE
#define MOST_KIND(last) PLACE_KIND
#define MOST_BYTES(arg) PLACE_BYTES
#define MOST_SCHEMA(bit) WEFT_SCHEMA_ID_BYTES
#define MOST_TEXT(arg) (1 + FRAME_TEXT_MAX + 1)
#define MOST_NAME(arg) (1 + FRAME_TEXT_MAX + 1)
#define MOST_SENTENCE(arg) (1 + FRAME_TEXT_MAX + 1)
#define MOST_NAMES(max) (1 + (max) * (1 + FRAME_TEXT_MAX + 1))
#define MOST_SCHEMAS(max) (1 + (max)*WEFT_SCHEMA_ID_BYTES)
#define MOST_REST(arg) 0
#define MOST(type, field, arg) +MOST_##type(arg)

/* From the frame's union, whose members all begin at one place. */
static const struct row {
    size_t (*size)(const void *from);
    unsigned char *(*write)(unsigned char *to, unsigned *flags, const void *from);
    weft_bytes (*rest)(const void *from);
    size_t most; /* bytes of its body, but for the rest, at the most */
} rows[] = {
#define ROW(name, number, text, by, body) [number] = {size_##body, write_##body, rest_##body, 0 BODY_##body(MOST)},
    FRAMES(ROW)
#undef ROW
};

static const struct row *row_of(const struct frame *frame)
{
    WEFT_ASSERT((unsigned)frame->kind < sizeof rows / sizeof *rows);
    WEFT_ASSERT(rows[frame->kind].size != NULL);
    return &rows[frame->kind];
}

size_t weft__frame_size_most(const struct frame *frame)
{
    const struct row *row = row_of(frame);
    return FRAME_HEADER_BYTES + row->most + row->rest(&frame->none).size;
}

size_t weft__frame_size(const struct frame *frame)
{
    return FRAME_HEADER_BYTES + row_of(frame)->size(&frame->none);
}

unsigned char *weft__frame_write(const struct frame *frame, bool head_only, unsigned char *to)
{
    const struct row *row = row_of(frame);
    unsigned flags = 0;
    unsigned char *end = row->write(to + FRAME_HEADER_BYTES, &flags, &frame->none);
    weft_bytes rest = row->rest(&frame->none);
    size_t size = (size_t)(end - to) - FRAME_HEADER_BYTES + rest.size;
    WEFT_ASSERT(size <= UINT32_MAX);
    wire_put32(to, (uint32_t)size);
    to[4] = (unsigned char)frame->kind;
    to[5] = (unsigned char)flags;
    wire_put16(to + 6, 0);
    return head_only ? end : put_bytes(end, rest.data, rest.size);
}

weft_bytes weft__frame_payload(const struct frame *frame)
{
    return row_of(frame)->rest(&frame->none);
}
