/* The vectors of schemas/wire: each frame is read as the fields that stand beside it, and these are written as its bytes; each
 * kind has some; each bad frame is refused with the sentence that stands there. */
#include "frame/frame.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/frames.h"

enum { ROOM = 8192 };

static json_t *load(const char *name)
{
    const char *top = getenv("WEFT_TOP");
    char path[512];
    json_error_t error;
    snprintf(path, sizeof path, "%s/schemas/wire/%s.json", top ? top : ".", name);
    json_t *vectors = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (!vectors) print_error("%s:%d: %s\n", path, error.line, error.text);
    check_true(vectors != NULL);
    return vectors;
}

static size_t unhex(const json_t *text, unsigned char *bytes)
{
    const char *hex = json_string_value(text);
    check_true(hex != NULL);
    size_t size = strlen(hex) / 2;
    check_true(size <= ROOM);
    for (size_t i = 0; i < size; i++)
        check_eq(sscanf(hex + 2 * i, "%2hhx", &bytes[i]), 1);
    return size;
}

static unsigned char pool[64][ROOM]; /* of what the frame points to */
static size_t pooled;

static weft_bytes bytes_of(const json_t *text)
{
    check_true(pooled < 64);
    unsigned char *bytes = pool[pooled++];
    return (weft_bytes){bytes, unhex(text, bytes)};
}

static void set_names(struct frame_register *reg, const json_t *names)
{
    reg->activity_types_count = (uint32_t)json_array_size(names);
    for (uint32_t i = 0; i < reg->activity_types_count; i++)
        reg->activity_types[i] = json_string_value(json_array_get(names, i));
}

static void set_schemas(struct frame_register *reg, const json_t *ids)
{
    static unsigned char schemas[8][32];
    reg->schema_ids_count = (uint32_t)json_array_size(ids);
    for (uint32_t i = 0; i < reg->schema_ids_count; i++)
        check_eq(unhex(json_array_get(ids, i), schemas[i]), 32);
    reg->schema_ids = (const unsigned char(*)[32])schemas;
}

static void set_field(struct frame *frame, const struct frame_field *field, const json_t *value)
{
    void *at = frame_field_at(frame, field);
    json_int_t integer = json_integer_value(value);
    switch (field->type) {
    case FIELD_FLAG: *(bool *)at = json_is_true(value); break;
    case FIELD_MAGIC: break;
    case FIELD_U8:
    case FIELD_CHOICE:
    case FIELD_KIND: *(uint8_t *)at = (uint8_t)integer; break;
    case FIELD_U16: *(uint16_t *)at = (uint16_t)integer; break;
    case FIELD_U32: *(uint32_t *)at = (uint32_t)integer; break;
    case FIELD_I32: *(int32_t *)at = (int32_t)integer; break;
    case FIELD_U64: *(uint64_t *)at = strtoull(json_string_value(value), NULL, 10); break;
    case FIELD_BYTES: check_eq(unhex(value, at), INSTANCE_BYTES); break;
    case FIELD_SCHEMA: *(const void **)at = json_is_null(value) ? NULL : bytes_of(value).data; break;
    case FIELD_TEXT:
    case FIELD_NAME:
    case FIELD_SENTENCE: *(const char **)at = json_string_value(value); break;
    case FIELD_NAMES: set_names(&frame->reg, value); break;
    case FIELD_SCHEMAS: set_schemas(&frame->reg, value); break;
    case FIELD_REST: *(weft_bytes *)at = bytes_of(value); break;
    }
}

static void frame_of(const struct frame_row *row, const json_t *values, struct frame *frame)
{
    size_t known = 0;
    memset(frame, 0, sizeof *frame);
    frame->kind = row->kind;
    pooled = 0;
    for (const struct frame_field *field = row->fields(); field->name; field++) {
        if (field->type == FIELD_MAGIC) continue;
        const json_t *value = json_object_get(values, field->name);
        if (!value) print_error("%s: no %s\n", row->name, field->name);
        check_true(value != NULL);
        set_field(frame, field, value);
        known++;
    }
    check_eq(json_object_size(values), known);
}

static void check_vector(const struct frame_row *row, const json_t *vector)
{
    static unsigned char bytes[ROOM], written[ROOM];
    struct frame expected, read;
    char sentence[FRAME_SENTENCE_MAX] = "";
    size_t need, size = unhex(json_object_get(vector, "bytes"), bytes);
    frame_of(row, json_object_get(vector, "fields"), &expected);
    enum frame_reading reading =
        frame_read_guarded(bytes, size, row->by == 'N' ? 'N' : 'C', ROOM, &read, &need, sentence);
    check_str(sentence, "");
    check_eq(reading, FRAME_WHOLE);
    check_eq(read.size, size);
    check_frames_equal(&read, &expected);
    check_eq(weft__frame_size(&expected), size);
    check_eq((size_t)(weft__frame_write(&expected, false, written) - written), size);
    check_eq(memcmp(written, bytes, size), 0);
}

static void each_vector_is_read_and_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < frame_rows_count; i++) {
        const struct frame_row *row = &frame_rows[i];
        json_t *file = load(row->name), *vectors = json_object_get(file, "frames");
        check_eq(json_integer_value(json_object_get(file, "number")), row->kind);
        check_true(json_array_size(vectors) > 0);
        for (size_t v = 0; v < json_array_size(vectors); v++)
            check_vector(row, json_array_get(vectors, v));
        json_decref(file);
    }
}

static void each_bad_frame_is_refused_with_its_sentence(void **state)
{
    (void)state;
    static unsigned char bytes[ROOM];
    json_t *file = load("bad"), *vectors = json_object_get(file, "bad");
    check_true(json_array_size(vectors) > 0);
    for (size_t v = 0; v < json_array_size(vectors); v++) {
        const json_t *vector = json_array_get(vectors, v);
        struct frame read;
        char sentence[FRAME_SENTENCE_MAX] = "";
        size_t need, size = unhex(json_object_get(vector, "bytes"), bytes);
        char by = *json_string_value(json_object_get(vector, "by"));
        (void)frame_read_guarded(bytes, size, by, 65536, &read, &need, sentence);
        check_str(sentence, json_string_value(json_object_get(vector, "sentence")));
    }
    json_decref(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_vector_is_read_and_written),
        cmocka_unit_test(each_bad_frame_is_refused_with_its_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
