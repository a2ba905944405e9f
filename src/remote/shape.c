#include "remote/shape.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "core/core.h"
#include "frame/frame.h"
#include "frame/wire.h"

enum { ROOM_FIRST = 512, TEXT_MAX = UINT16_MAX, ID_BYTES = SCHEMA_ID_BYTES };

/* The fields of a struct that is looked at as bytes. */
static const void *at(const void *record, size_t offset)
{
    return (const char *)record + offset;
}

static size_t count_of(const struct shape_field *field, const void *record)
{
    size_t count;
    memcpy(&count, at(record, field->count_at), sizeof count);
    return count;
}

static const void *pointer_of(const struct shape_field *field, const void *record)
{
    const void *pointer;
    memcpy(&pointer, at(record, field->offset), sizeof pointer);
    return pointer;
}

/* --- writing ---------------------------------------------------------------------------------- */

static bool grow(struct shape_out *out, size_t size)
{
    size_t room = out->room ? out->room : ROOM_FIRST;
    while (room < size)
        room *= 2;
    unsigned char *bytes = weft__mem_grow(out->mem, out->bytes, out->size, room);
    if (!bytes) {
        out->error = WEFT_ENOMEM;
        return false;
    }
    out->bytes = bytes;
    out->room = room;
    return true;
}

/* Where the next bytes go; NULL: nowhere, since they are only counted, or there is no room. */
static unsigned char *more(struct shape_out *out, size_t size)
{
    if (out->error) return NULL;
    if (size > out->most - out->size) {
        out->error = WEFT_ELIMIT;
        return NULL;
    }
    if (out->mem && out->size + size > out->room && !grow(out, out->size + size)) return NULL;
    unsigned char *to = out->mem ? out->bytes + out->size : NULL;
    out->size += size;
    return to;
}

static void put(struct shape_out *out, const void *bytes, size_t size)
{
    unsigned char *to = more(out, size);
    if (to && size) memcpy(to, bytes, size);
}

static void put8(struct shape_out *out, unsigned value)
{
    unsigned char byte = (unsigned char)(value > UINT8_MAX ? UINT8_MAX : value);
    put(out, &byte, 1);
}

static void put32(struct shape_out *out, uint32_t value)
{
    unsigned char *to = more(out, sizeof value);
    if (to) (void)wire_put32(to, value);
}

static void put64(struct shape_out *out, uint64_t value)
{
    unsigned char *to = more(out, sizeof value);
    if (to) (void)wire_put64(to, value);
}

static void put_count(struct shape_out *out, size_t count)
{
    if (count > UINT32_MAX)
        out->error = WEFT_ELIMIT;
    else
        put32(out, (uint32_t)count);
}

static void put_chars(struct shape_out *out, const char *text)
{
    size_t size = strlen(text);
    put8(out, (unsigned)size);
    if (size) put(out, text, size + 1);
}

static void put_text(struct shape_out *out, const char *text)
{
    size_t size = text ? strlen(text) + 1 : 0;
    if (size > TEXT_MAX) out->error = WEFT_EINVAL;
    unsigned char *to = more(out, sizeof(uint16_t));
    if (to) (void)wire_put16(to, (uint16_t)size);
    put(out, text, size);
}

static void put_ids(struct shape_out *out, const unsigned char *ids, size_t count)
{
    put_count(out, count);
    put(out, ids, count * ID_BYTES);
}

static void put_list(struct shape_out *out, const struct shape *of, const void *list, size_t count)
{
    put_count(out, count);
    for (size_t i = 0; i < count && !out->error; i++)
        weft__shape_write(out, of, at(list, i * of->bytes));
}

static void put_texts(struct shape_out *out, const char *const *texts, size_t count)
{
    put_count(out, count);
    for (size_t i = 0; i < count && !out->error; i++)
        put_text(out, texts[i]);
}

static void put_field(struct shape_out *out, const struct shape_field *field, const void *record)
{
    const void *from = at(record, field->offset);
    const weft_bytes *bytes = from;
    switch (field->type) {
    case SHAPE_BOOL: put8(out, *(const bool *)from); break;
    case SHAPE_CHOICE: put8(out, *(const unsigned *)from); break;
    case SHAPE_U32:
    case SHAPE_I32: put32(out, *(const uint32_t *)from); break;
    case SHAPE_U64: put64(out, *(const uint64_t *)from); break;
    case SHAPE_U32S:
        for (size_t i = 0; i < field->bytes / sizeof(uint32_t); i++)
            put32(out, ((const uint32_t *)from)[i]);
        break;
    case SHAPE_U64S:
        for (size_t i = 0; i < field->bytes / sizeof(uint64_t); i++)
            put64(out, ((const uint64_t *)from)[i]);
        break;
    case SHAPE_RAW: put(out, from, field->bytes); break;
    case SHAPE_CHARS: put_chars(out, from); break;
    case SHAPE_TEXT:
    case SHAPE_WORD: put_text(out, pointer_of(field, record)); break;
    case SHAPE_BYTES:
        put_count(out, bytes->size);
        put(out, bytes->data, bytes->size);
        break;
    case SHAPE_ID:
        put8(out, pointer_of(field, record) != NULL);
        if (pointer_of(field, record)) put(out, pointer_of(field, record), ID_BYTES);
        break;
    case SHAPE_PART: weft__shape_write(out, field->of, from); break;
    case SHAPE_LIST: put_list(out, field->of, pointer_of(field, record), count_of(field, record)); break;
    case SHAPE_TEXTS: put_texts(out, pointer_of(field, record), count_of(field, record)); break;
    case SHAPE_IDS: put_ids(out, pointer_of(field, record), count_of(field, record)); break;
    case SHAPE_LEFT:
    case SHAPE_END: break;
    }
}

void weft__shape_write(struct shape_out *out, const struct shape *shape, const void *record)
{
    for (const struct shape_field *field = shape->fields; field->type && !out->error; field++)
        put_field(out, field, record);
}

void weft__shape_out_free(struct shape_out *out)
{
    weft__mem_free(out->mem, out->bytes);
    *out = (struct shape_out){.mem = out->mem, .most = out->most};
}

size_t weft__shape_size(const struct shape *shape, const void *record)
{
    struct shape_out out = {.mem = NULL, .most = SIZE_MAX};
    weft__shape_write(&out, shape, record);
    return out.size;
}

/* --- reading ---------------------------------------------------------------------------------- */

struct shape_in {
    const unsigned char *at, *end;
    struct arena *arena;
    bool copies;
    weft_error error;
    char *sentence;
};

static void read_shape(struct shape_in *in, const struct shape *shape, void *record);

/* The fewest bytes that the struct takes. */
static size_t least(const struct shape *shape)
{
    size_t size = 0;
    for (const struct shape_field *field = shape->fields; field->type; field++) {
        switch (field->type) {
        case SHAPE_BOOL:
        case SHAPE_CHOICE:
        case SHAPE_CHARS:
        case SHAPE_ID: size += 1; break;
        case SHAPE_TEXT:
        case SHAPE_WORD: size += sizeof(uint16_t); break;
        case SHAPE_BYTES:
        case SHAPE_LIST:
        case SHAPE_TEXTS:
        case SHAPE_IDS: size += sizeof(uint32_t); break;
        case SHAPE_PART: size += least(field->of); break;
        case SHAPE_LEFT:
        case SHAPE_END: break;
        default: size += field->bytes; break;
        }
    }
    return size;
}

__attribute__((format(printf, 2, 3))) static void bad(struct shape_in *in, const char *format, ...)
{
    if (in->error) return;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(in->sentence, FRAME_SENTENCE_MAX, format, arguments);
    va_end(arguments);
    in->error = WEFT_EPROTOCOL;
}

/* The next bytes; NULL: there are not so many, or something was wrong before. */
static const unsigned char *next(struct shape_in *in, size_t size, const struct shape_field *field)
{
    if (in->error) return NULL;
    if (size > (size_t)(in->end - in->at)) {
        bad(in, "%s runs over the end", field->name);
        return NULL;
    }
    const unsigned char *from = in->at;
    in->at += size;
    return from;
}

static uint32_t next32(struct shape_in *in, const struct shape_field *field)
{
    const unsigned char *from = next(in, sizeof(uint32_t), field);
    return from ? wire_get32(from) : 0;
}

/* Room for a list; NULL: there is none, or it is empty. */
static void *room(struct shape_in *in, const struct shape_field *field, size_t count, size_t least_bytes, size_t bytes)
{
    if (in->error || count == 0) return NULL;
    if (count > (size_t)(in->end - in->at) / least_bytes) {
        bad(in, "%s: there are not %zu", field->name, count);
        return NULL;
    }
    void *list = weft__arena_alloc(in->arena, count * bytes);
    if (!list) in->error = WEFT_ENOMEM;
    return list;
}

static const void *kept(struct shape_in *in, const void *from, size_t size)
{
    if (!in->copies || !from) return from;
    void *copy = weft__arena_alloc(in->arena, size);
    if (!copy) in->error = WEFT_ENOMEM;
    return copy ? memcpy(copy, from, size) : NULL;
}

static uint8_t read8(struct shape_in *in, const struct shape_field *field, unsigned most)
{
    const unsigned char *from = next(in, 1, field);
    if (from && *from > most) bad(in, "%s is %u, and at most %u", field->name, *from, most);
    return from ? *from : 0;
}

static bool is_text(const unsigned char *text, size_t size)
{
    return text[size] == 0 && !memchr(text, 0, size);
}

static void read_chars(struct shape_in *in, const struct shape_field *field, char *to)
{
    size_t size = read8(in, field, field->bytes - 1U);
    const unsigned char *text = size ? next(in, size + 1, field) : NULL;
    if (text && !is_text(text, size)) bad(in, "%s is no text", field->name);
    if (text && !in->error) memcpy(to, text, size + 1);
}

static const char *read_text(struct shape_in *in, const struct shape_field *field, bool word)
{
    const unsigned char *from = next(in, sizeof(uint16_t), field);
    size_t size = from ? wire_get16(from) : 0;
    const char *text = size ? (const char *)next(in, size, field) : NULL;
    if (!text) return NULL;
    if (!is_text((const unsigned char *)text, size - 1)) {
        bad(in, "%s is no text", field->name);
        return NULL;
    }
    const char *own = word ? weft__code_word(text) : NULL;
    return own ? own : kept(in, text, size);
}

static weft_bytes read_bytes(struct shape_in *in, const struct shape_field *field)
{
    size_t size = next32(in, field);
    const void *from = size ? next(in, size, field) : NULL;
    const void *own = from ? kept(in, from, size) : NULL;
    return (weft_bytes){own, own ? size : 0};
}

static void *read_list(struct shape_in *in, const struct shape_field *field, size_t *count)
{
    const struct shape *of = field->of;
    size_t stated = next32(in, field);
    char *list = room(in, field, stated, least(of), of->bytes);
    for (size_t i = 0; list && i < stated && !in->error; i++)
        read_shape(in, of, list + i * of->bytes);
    *count = list ? stated : 0;
    return list;
}

static const void *read_texts(struct shape_in *in, const struct shape_field *field, size_t *count)
{
    size_t stated = next32(in, field);
    const char **texts = room(in, field, stated, sizeof(uint16_t), sizeof(*texts));
    for (size_t i = 0; texts && i < stated && !in->error; i++) {
        texts[i] = read_text(in, field, false);
        if (!texts[i]) bad(in, "one of %s is none", field->name);
    }
    *count = texts ? stated : 0;
    return texts;
}

static const void *read_ids(struct shape_in *in, const struct shape_field *field, size_t *count)
{
    size_t stated = next32(in, field);
    if (stated > (size_t)(in->end - in->at) / ID_BYTES) bad(in, "%s: there are not %zu", field->name, stated);
    const void *ids = stated ? next(in, stated * ID_BYTES, field) : NULL;
    ids = ids ? kept(in, ids, stated * ID_BYTES) : NULL;
    *count = ids ? stated : 0;
    return ids;
}

static void set_pointer(const struct shape_field *field, void *record, const void *pointer)
{
    memcpy((char *)record + field->offset, &pointer, sizeof pointer);
}

static void set_list(const struct shape_field *field, void *record, const void *list, size_t count)
{
    set_pointer(field, record, list);
    memcpy((char *)record + field->count_at, &count, sizeof count);
}

static void read_field(struct shape_in *in, const struct shape_field *field, void *record)
{
    void *to = (char *)record + field->offset;
    const unsigned char *from;
    const void *list;
    size_t count = 0;
    switch (field->type) {
    case SHAPE_BOOL: *(bool *)to = read8(in, field, 1); break;
    case SHAPE_CHOICE: *(unsigned *)to = read8(in, field, field->most); break;
    case SHAPE_U32:
    case SHAPE_I32: *(uint32_t *)to = next32(in, field); break;
    case SHAPE_U64:
        from = next(in, sizeof(uint64_t), field);
        if (from) *(uint64_t *)to = wire_get64(from);
        break;
    case SHAPE_U32S:
        from = next(in, field->bytes, field);
        for (size_t i = 0; from && i < field->bytes / sizeof(uint32_t); i++)
            ((uint32_t *)to)[i] = wire_get32(from + i * sizeof(uint32_t));
        break;
    case SHAPE_U64S:
        from = next(in, field->bytes, field);
        for (size_t i = 0; from && i < field->bytes / sizeof(uint64_t); i++)
            ((uint64_t *)to)[i] = wire_get64(from + i * sizeof(uint64_t));
        break;
    case SHAPE_RAW:
        from = next(in, field->bytes, field);
        if (from) memcpy(to, from, field->bytes);
        break;
    case SHAPE_CHARS: read_chars(in, field, to); break;
    case SHAPE_TEXT:
    case SHAPE_WORD: set_pointer(field, record, read_text(in, field, field->type == SHAPE_WORD)); break;
    case SHAPE_BYTES: *(weft_bytes *)to = read_bytes(in, field); break;
    case SHAPE_ID:
        from = read8(in, field, 1) ? next(in, ID_BYTES, field) : NULL;
        set_pointer(field, record, from ? kept(in, from, ID_BYTES) : NULL);
        break;
    case SHAPE_PART: read_shape(in, field->of, to); break;
    case SHAPE_LIST:
        list = read_list(in, field, &count);
        set_list(field, record, list, count);
        break;
    case SHAPE_TEXTS:
        list = read_texts(in, field, &count);
        set_list(field, record, list, count);
        break;
    case SHAPE_IDS:
        list = read_ids(in, field, &count);
        set_list(field, record, list, count);
        break;
    case SHAPE_LEFT:
    case SHAPE_END: break;
    }
}

static void read_shape(struct shape_in *in, const struct shape *shape, void *record)
{
    memset(record, 0, shape->bytes);
    for (const struct shape_field *field = shape->fields; field->type && !in->error; field++)
        read_field(in, field, record);
}

weft_error weft__shape_read(weft_bytes bytes, const struct shape *shape, struct arena *arena, bool copies, void *record,
                            char *sentence)
{
    struct shape_in in = {.at = bytes.data, .arena = arena, .copies = copies, .sentence = sentence};
    in.end = in.at + bytes.size;
    read_shape(&in, shape, record);
    if (!in.error && in.at != in.end) bad(&in, "%zu bytes behind the end of it", (size_t)(in.end - in.at));
    return in.error;
}
