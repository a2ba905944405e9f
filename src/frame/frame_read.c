/* frame_read.c: frames from bytes: a function for each body, made from its layout. What has its place is checked against the
 * end once; what has not, thing by thing. They only say whether all is well: frame_fault.c finds out what is not. */
#include "frame/frame.h"

#include "frame/frame_fault.h"
#include "frame/layout.h"
#include "frame/wire.h"

enum { C = 'C', N = 'N', B = 'B', KINDS = FRAME_ANSWER + 1, SCHEMA_ID = WEFT_SCHEMA_ID_BYTES };

static const struct {
    const char *name;
    char by;
} kinds[KINDS] = {
#define KIND_ROW(name, number, text, who, body) [number] = {text, who},
    FRAMES(KIND_ROW)
#undef KIND_ROW
};

const char *weft__frame_name(enum frame_kind kind)
{
    return (unsigned)kind < KINDS ? kinds[kind].name : NULL;
}

char weft__frame_by(unsigned kind)
{
    if (kind >= KINDS) return 0;
    return kinds[kind].by;
}

/* Each of these returns where the next thing stands; NULL: it is not as it has to be. */
static inline const unsigned char *read_text(const unsigned char *at, const unsigned char *end, const char **text)
{
    if (at == end) return NULL;
    size_t size = *at++;
    *text = NULL;
    if (size == 0) return at;
    if ((size_t)(end - at) <= size || at[size] != 0 || strlen((const char *)at) != size) return NULL;
    *text = (const char *)at;
    return at + size + 1;
}

static inline const unsigned char *read_name(const unsigned char *at, const unsigned char *end, const char **name)
{
    at = read_text(at, end, name);
    return at && *name ? at : NULL;
}

static inline const unsigned char *read_sentence(const unsigned char *at, const unsigned char *end, const char **text)
{
    const unsigned char *next = read_text(at, end, text);
    if (next && !*text) *text = (const char *)at;
    return next;
}

static const unsigned char *read_names(const unsigned char *at, const unsigned char *end, const char **names,
                                       uint32_t *count, uint32_t max)
{
    if (at == end || *at > max) return NULL;
    *count = *at++;
    for (uint32_t i = 0; at && i < *count; i++)
        at = read_name(at, end, &names[i]);
    return at;
}

static const unsigned char *read_schemas(const unsigned char *at, const unsigned char *end,
                                         const unsigned char (**ids)[SCHEMA_ID], uint32_t *count, uint32_t max)
{
    if (at == end || *at > max) return NULL;
    *count = *at++;
    *ids = *count ? (const unsigned char(*)[SCHEMA_ID])at : NULL;
    return (size_t)(end - at) >= (size_t)*count * SCHEMA_ID ? at + (size_t)*count * SCHEMA_ID : NULL;
}

static inline const unsigned char *read_schema(const unsigned char *at, const unsigned char *end, bool there,
                                               const unsigned char **id)
{
    *id = there ? at : NULL;
    if (!there) return at;
    return end - at >= SCHEMA_ID ? at + SCHEMA_ID : NULL;
}

#define WANTED(next)                                                                                                   \
    do {                                                                                                               \
        at = next;                                                                                                     \
        if (!at) return false;                                                                                         \
    } while (0)
#define READ_FLAG(field, bit) body->field = (flags & (bit)) != 0;
#define READ_MAGIC(field, arg)                                                                                         \
    if (wire_get32(at) != FRAME_MAGIC) return false;                                                                   \
    at += 4;
#define READ_U8(field, arg) body->field = *at++;
#define READ_U16(field, arg) body->field = wire_get16(at), at += 2;
#define READ_U32(field, arg) body->field = wire_get32(at), at += 4;
#define READ_U64(field, arg) body->field = wire_get64(at), at += 8;
#define READ_I32(field, arg) body->field = (int32_t)wire_get32(at), at += 4;
#define READ_CHOICE(field, last)                                                                                       \
    if (*at > (last)) return false;                                                                                    \
    body->field = *at++;
#define READ_KIND(field, last)                                                                                         \
    if (*at == 0 || *at > (last)) return false;                                                                        \
    body->field = *at++;
#define READ_BYTES(field, arg)                                                                                         \
    memcpy(body->field, at, INSTANCE_BYTES);                                                                           \
    at += INSTANCE_BYTES;
#define READ_SCHEMA(field, bit) WANTED(read_schema(at, end, (flags & (bit)) != 0, &body->field));
#define READ_TEXT(field, arg) WANTED(read_text(at, end, &body->field));
#define READ_NAME(field, arg) WANTED(read_name(at, end, &body->field));
#define READ_SENTENCE(field, arg) WANTED(read_sentence(at, end, &body->field));
#define READ_NAMES(field, max) WANTED(read_names(at, end, body->field, &body->field##_count, max));
#define READ_SCHEMAS(field, max) WANTED(read_schemas(at, end, &body->field, &body->field##_count, max));
#define READ_REST(field, arg) body->field = (weft_bytes){at, (size_t)(end - at)}, at = end;
#define READ(type, field, arg) READ_##type(field, arg)

#define READER(body_name, body_type)                                                                                   \
    static bool read_##body_name(const unsigned char *at, const unsigned char *end, unsigned flags, void *to)          \
    {                                                                                                                  \
        struct body_type *body = to;                                                                                   \
        (void)body;                                                                                                    \
        if (flags & ~(0u BODY_##body_name(FLAG_BIT))) return false;                                                    \
        if (end - at < (ptrdiff_t)(0 BODY_##body_name(PLACE_SIZE))) return false;                                      \
        BODY_##body_name(READ);                                                                                        \
        return at == end;                                                                                              \
    }
FRAME_BODIES(READER)

/* Into the frame's union, whose members all begin at one place. */
static bool (*const readers[KINDS])(const unsigned char *at, const unsigned char *end, unsigned flags, void *to) = {
#define READER_OF(name, number, text, who, body) [number] = read_##body,
    FRAMES(READER_OF)
#undef READER_OF
};

enum frame_reading weft__frame_read(const unsigned char *bytes, size_t size, char by, size_t size_max,
                                    struct frame *frame, size_t *need, char *sentence)
{
    if (size < FRAME_HEADER_BYTES) {
        *need = FRAME_HEADER_BYTES;
        return FRAME_MORE;
    }
    size_t whole = (size_t)wire_get32(bytes) + FRAME_HEADER_BYTES;
    char who = weft__frame_by(bytes[4]);
    if ((who != by && who != B) || wire_get16(bytes + 6) || whole > size_max) {
        weft__frame_fault(bytes, by, size_max, sentence);
        return FRAME_BAD;
    }
    if (size < whole) {
        *need = whole;
        return FRAME_MORE;
    }
    frame->kind = bytes[4];
    frame->size = whole;
    if (readers[bytes[4]](bytes + FRAME_HEADER_BYTES, bytes + whole, bytes[5], &frame->none)) return FRAME_WHOLE;
    weft__frame_fault(bytes, by, size_max, sentence);
    return FRAME_BAD;
}
