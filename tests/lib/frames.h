/* frames.h: frames of random content, and whether two say the same, by the layouts of their bodies. */
#ifndef WEFT_TESTS_FRAMES_H
#define WEFT_TESTS_FRAMES_H

#include "frame/frame.h"

enum frame_field_type {
    FIELD_FLAG,
    FIELD_MAGIC,
    FIELD_U8,
    FIELD_U16,
    FIELD_U32,
    FIELD_U64,
    FIELD_I32,
    FIELD_CHOICE,
    FIELD_KIND,
    FIELD_BYTES,
    FIELD_SCHEMA,
    FIELD_TEXT,
    FIELD_NAME,
    FIELD_SENTENCE,
    FIELD_NAMES,
    FIELD_SCHEMAS,
    FIELD_REST
};

struct frame_field {
    const char *name;
    enum frame_field_type type;
    unsigned argument;
    size_t at; /* in the body's struct */
};

struct frame_row {
    enum frame_kind kind;
    char by; /* 'C', 'N', 'B' */
    const char *name;
    const struct frame_field *(*fields)(void); /* the last has no name */
};

extern const struct frame_row frame_rows[];
extern const size_t frame_rows_count;
const struct frame_row *frame_row_named(const char *name); /* NULL: there is none */

void *frame_field_at(struct frame *frame, const struct frame_field *field);

/* What the texts and payloads of a frame point to. */
struct frame_content {
    char texts[40][FRAME_TEXT_MAX + 1];
    unsigned char schemas[8][32];
    unsigned char rest[2048];
};

void frame_random(struct frame *frame, struct frame_content *content, const struct frame_row *row, uint64_t *random);

/* weft__frame_read of a copy that ends at an unreadable page, which lasts until the next call. */
enum frame_reading frame_read_guarded(const unsigned char *bytes, size_t size, char by, size_t size_max,
                                      struct frame *frame, size_t *need, char *sentence);

/* Fails the test where they differ in any field. */
void check_frames_equal(const struct frame *a, const struct frame *b);

#endif
