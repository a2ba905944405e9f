#include "lib/frames.h"

#include <string.h>

#include "frame/layout.h"
#include "lib/check.h"
#include "lib/json_text.h"

#define magic lowest /* which is in no struct */
#define FIELD(type, field, argument) {#field, FIELD_##type, argument, offsetof(body_type, field)},
#define FIELDS(body, type)                                                                                             \
    static const struct frame_field *fields_##body(void)                                                               \
    {                                                                                                                  \
        typedef struct type body_type;                                                                                 \
        static const struct frame_field fields[] = {BODY_##body(FIELD){NULL, FIELD_FLAG, 0, sizeof(body_type)}};       \
        return fields;                                                                                                 \
    }
FRAME_BODIES(FIELDS)
#undef magic

const struct frame_row frame_rows[] = {
#define ROW(name, number, text, by, body) {FRAME_##name, #by[0], text, fields_##body},
    FRAMES(ROW)
#undef ROW
};
const size_t frame_rows_count = sizeof frame_rows / sizeof *frame_rows;

void *frame_field_at(struct frame *frame, const struct frame_field *field)
{
    return (char *)&frame->hello + field->at; /* where all bodies begin */
}

static const char *body(const struct frame *frame)
{
    return (const char *)&frame->hello;
}

const struct frame_row *frame_row_named(const char *name)
{
    for (size_t i = 0; i < frame_rows_count; i++)
        if (strcmp(frame_rows[i].name, name) == 0) return &frame_rows[i];
    return NULL;
}

static uint64_t below(uint64_t *random, uint64_t bound)
{
    return json_random(random) % bound;
}

/* Of any bytes but zero; short ones and the longest are likely. */
static const char *random_text(char *text, bool wanted, uint64_t *random)
{
    size_t size = below(random, 4)   ? below(random, 24)
                  : below(random, 8) ? below(random, FRAME_TEXT_MAX)
                                     : FRAME_TEXT_MAX;
    if (wanted && size == 0) size = 1;
    for (size_t i = 0; i < size; i++)
        text[i] = (char)(1 + below(random, 255));
    text[size] = 0;
    return size ? text : NULL;
}

static void random_bytes(void *bytes, size_t size, uint64_t *random)
{
    for (size_t i = 0; i < size; i++)
        ((unsigned char *)bytes)[i] = (unsigned char)json_random(random);
}

static void random_lists(struct frame_register *reg, struct frame_content *content, uint64_t *random)
{
    reg->activity_types_count = (uint32_t)below(random, WEFT_ACTIVITY_TYPES_MAX + 1);
    for (uint32_t i = 0; i < reg->activity_types_count; i++)
        reg->activity_types[i] = random_text(content->texts[8 + i], true, random);
    random_bytes(content->schemas, sizeof content->schemas, random);
    reg->schema_ids_count = (uint32_t)below(random, WEFT_SCHEMA_IDS_MAX + 1);
    reg->schema_ids = reg->schema_ids_count ? (const unsigned char(*)[32])content->schemas : NULL;
}

static void random_field(struct frame *frame, const struct frame_field *field, int index, struct frame_content *content,
                         uint64_t *random)
{
    void *at = frame_field_at(frame, field);
    switch (field->type) {
    case FIELD_FLAG: *(bool *)at = below(random, 2); break;
    case FIELD_MAGIC: break;
    case FIELD_U8: random_bytes(at, 1, random); break;
    case FIELD_U16: random_bytes(at, 2, random); break;
    case FIELD_U32:
    case FIELD_I32: random_bytes(at, 4, random); break;
    case FIELD_U64: random_bytes(at, 8, random); break;
    case FIELD_CHOICE: *(uint8_t *)at = (uint8_t)below(random, field->argument + 1); break;
    case FIELD_KIND: *(uint8_t *)at = (uint8_t)(1 + below(random, field->argument)); break;
    case FIELD_BYTES: random_bytes(at, INSTANCE_BYTES, random); break;
    case FIELD_SCHEMA:
        random_bytes(content->schemas[0], 32, random);
        *(const unsigned char **)at = below(random, 2) ? content->schemas[0] : NULL;
        break;
    case FIELD_TEXT:
    case FIELD_SENTENCE: *(const char **)at = random_text(content->texts[index % 8], false, random); break;
    case FIELD_NAME: *(const char **)at = random_text(content->texts[index % 8], true, random); break;
    case FIELD_NAMES: random_lists(&frame->reg, content, random); break;
    case FIELD_SCHEMAS: break;
    case FIELD_REST: {
        size_t size = below(random, 2) ? below(random, 40) : below(random, sizeof content->rest + 1);
        random_bytes(content->rest, size, random);
        *(weft_bytes *)at = (weft_bytes){content->rest, size};
        break;
    }
    }
}

void frame_random(struct frame *frame, struct frame_content *content, const struct frame_row *row, uint64_t *random)
{
    memset(frame, 0, sizeof *frame);
    frame->kind = row->kind;
    const struct frame_field *fields = row->fields();
    for (int i = 0; fields[i].name; i++)
        random_field(frame, &fields[i], i, content, random);
}

enum frame_reading frame_read_guarded(const unsigned char *bytes, size_t size, char by, size_t size_max,
                                      struct frame *frame, size_t *need, char *sentence)
{
    const unsigned char *guarded = (const unsigned char *)json_guarded((const char *)bytes, size);
    return weft__frame_read(guarded, size, by, size_max, frame, need, sentence);
}

static const struct frame_row *row_of(enum frame_kind kind)
{
    for (size_t i = 0; i < frame_rows_count; i++)
        if (frame_rows[i].kind == kind) return &frame_rows[i];
    return NULL;
}

/* None is NULL or "". */
static void check_texts_equal(const char *a, const char *b)
{
    check_str(a && *a ? a : NULL, b && *b ? b : NULL);
}

static void check_lists_equal(const struct frame_register *a, const struct frame_register *b)
{
    check_eq(a->activity_types_count, b->activity_types_count);
    for (uint32_t i = 0; i < a->activity_types_count; i++)
        check_str(a->activity_types[i], b->activity_types[i]);
    check_eq(a->schema_ids_count, b->schema_ids_count);
    if (a->schema_ids_count) check_eq(memcmp(a->schema_ids, b->schema_ids, a->schema_ids_count * (size_t)32), 0);
}

static void check_schemas_equal(const unsigned char *a, const unsigned char *b)
{
    check_eq(a != NULL, b != NULL);
    if (a && b) check_eq(memcmp(a, b, 32), 0);
}

static void check_rests_equal(const weft_bytes *a, const weft_bytes *b)
{
    check_eq(a->size, b->size);
    if (a->size) check_eq(memcmp(a->data, b->data, a->size), 0);
}

static void check_field_equal(const struct frame *one, const struct frame *other, const struct frame_field *field)
{
    const void *a = body(one) + field->at, *b = body(other) + field->at;
    switch (field->type) {
    case FIELD_FLAG: check_eq(*(const bool *)a, *(const bool *)b); break;
    case FIELD_MAGIC: break;
    case FIELD_U8:
    case FIELD_CHOICE:
    case FIELD_KIND: check_eq(*(const uint8_t *)a, *(const uint8_t *)b); break;
    case FIELD_U16: check_eq(*(const uint16_t *)a, *(const uint16_t *)b); break;
    case FIELD_U32:
    case FIELD_I32: check_eq(*(const uint32_t *)a, *(const uint32_t *)b); break;
    case FIELD_U64: check_eq(*(const uint64_t *)a, *(const uint64_t *)b); break;
    case FIELD_BYTES: check_eq(memcmp(a, b, INSTANCE_BYTES), 0); break;
    case FIELD_SCHEMA: check_schemas_equal(*(const unsigned char *const *)a, *(const unsigned char *const *)b); break;
    case FIELD_TEXT:
    case FIELD_SENTENCE:
    case FIELD_NAME: check_texts_equal(*(const char *const *)a, *(const char *const *)b); break;
    case FIELD_NAMES: check_lists_equal(&one->reg, &other->reg); break;
    case FIELD_SCHEMAS: break;
    case FIELD_REST: check_rests_equal(a, b); break;
    }
}

void check_frames_equal(const struct frame *a, const struct frame *b)
{
    check_eq(a->kind, b->kind);
    for (const struct frame_field *field = row_of(a->kind)->fields(); field->name; field++)
        check_field_equal(a, b, field);
}
