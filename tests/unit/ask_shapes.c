/* Structs as bytes, by the tables of remote/shapes.c: each field of each struct travels; what is read is what was written; what is
 * cut short, or too long, is refused; the tables of docs/protocol.md are these, and the vectors of schemas/wire/asks.json are read
 * and written as they stand there. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frame/frame.h"
#include "lib/check.h"
#include "remote/ask.h"

static const struct shape *const shapes[] = {
#define SHAPE_ROW(name, of) &weft__shape_##name,
    SHAPES(SHAPE_ROW)
#undef SHAPE_ROW
};
enum { SHAPES_COUNT = sizeof shapes / sizeof *shapes };

/* --- coverage --------------------------------------------------------------------------------- */

static size_t bytes_of(const struct shape_field *field)
{
    switch (field->type) {
    case SHAPE_BOOL: return sizeof(bool);
    case SHAPE_CHOICE:
    case SHAPE_U32:
    case SHAPE_I32: return sizeof(uint32_t);
    case SHAPE_U64: return sizeof(uint64_t);
    case SHAPE_BYTES: return sizeof(weft_bytes);
    case SHAPE_TEXT:
    case SHAPE_WORD:
    case SHAPE_ID:
    case SHAPE_LIST:
    case SHAPE_TEXTS:
    case SHAPE_IDS: return sizeof(void *);
    case SHAPE_PART: return field->of->bytes;
    default: return field->bytes;
    }
}

/* A member that is missing in the table leaves a hole that no alignment explains. */
static void each_member_stands_in_its_table(void **state)
{
    (void)state;
    for (size_t s = 0; s < SHAPES_COUNT; s++) {
        size_t end = 0;
        for (const struct shape_field *field = shapes[s]->fields; field->type; field++) {
            check_eq(field->bytes, bytes_of(field));
            if (field->offset < end || field->offset - end >= 8)
                print_error("%s: a hole before %s\n", shapes[s]->name, field->name);
            check_true(field->offset >= end && field->offset - end < 8);
            size_t align = field->bytes >= 8 ? 8 : field->bytes >= 4 ? 4 : 1;
            if (field->type == SHAPE_CHARS || field->type == SHAPE_RAW) align = 1;
            if (field->type == SHAPE_U32S || field->type == SHAPE_CHOICE || field->type == SHAPE_U32) align = 4;
            if (field->type == SHAPE_PART) align = 8;
            if (field->offset - end >= align) print_error("%s: a hole before %s\n", shapes[s]->name, field->name);
            check_true(field->offset - end < align);
            end = field->offset + field->bytes;
            if (field->type == SHAPE_LIST || field->type == SHAPE_TEXTS || field->type == SHAPE_IDS) {
                check_eq(field->count_at, end);
                end += sizeof(size_t);
            }
        }
        check_true(shapes[s]->bytes >= end && shapes[s]->bytes - end < 8);
    }
}

/* --- round trips ------------------------------------------------------------------------------ */

static uint64_t seed = 1;

static uint32_t roll(uint32_t sides)
{
    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % sides;
}

/* Bytes that the shape reads, made up at random. */
static void make_up(struct shape_out *out, const struct shape *shape, int depth);

static void add(struct shape_out *out, const void *bytes, size_t size)
{
    const struct shape_field field[] = {{.name = "", .type = SHAPE_RAW, .bytes = (uint16_t)size}, {.type = SHAPE_END}};
    const struct shape raw = {"raw", size, field};
    weft__shape_write(out, &raw, bytes);
}

static void add_number(struct shape_out *out, uint64_t value, size_t size)
{
    unsigned char bytes[8];
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)(value >> 8 * i);
    add(out, bytes, size);
}

static void add_letters(struct shape_out *out, size_t size)
{
    for (size_t i = 0; i < size; i++)
        add_number(out, 'a' + roll(26), 1);
}

static void make_up_field(struct shape_out *out, const struct shape_field *field, int depth)
{
    uint32_t count = depth > 2 ? 0 : roll(4), size = roll(3) ? 1 + roll(12) : 0;
    switch (field->type) {
    case SHAPE_BOOL: add_number(out, roll(2), 1); break;
    case SHAPE_CHOICE: add_number(out, roll(field->most + 1U), 1); break;
    case SHAPE_CHARS:
        add_number(out, size, 1);
        add_letters(out, size);
        if (size) add_number(out, 0, 1);
        break;
    case SHAPE_TEXT:
    case SHAPE_WORD:
        add_number(out, size, 2);
        if (size) add_letters(out, size - 1);
        if (size) add_number(out, 0, 1);
        break;
    case SHAPE_BYTES:
        add_number(out, size, 4);
        add_letters(out, size);
        break;
    case SHAPE_ID:
        add_number(out, count > 0, 1);
        if (count) add_letters(out, 32);
        break;
    case SHAPE_PART: make_up(out, field->of, depth); break;
    case SHAPE_LIST:
        add_number(out, count, 4);
        for (uint32_t i = 0; i < count; i++)
            make_up(out, field->of, depth + 1);
        break;
    case SHAPE_TEXTS:
        add_number(out, count, 4);
        for (uint32_t i = 0; i < count; i++) {
            add_number(out, 3, 2);
            add_letters(out, 2);
            add_number(out, 0, 1);
        }
        break;
    case SHAPE_IDS:
        add_number(out, count, 4);
        add_letters(out, 32 * count);
        break;
    case SHAPE_LEFT:
    case SHAPE_END: break;
    default: add_letters(out, field->bytes); break;
    }
}

static void make_up(struct shape_out *out, const struct shape *shape, int depth)
{
    for (const struct shape_field *field = shape->fields; field->type; field++)
        make_up_field(out, field, depth);
}

static union {
    uint64_t aligned;
    char bytes[8192];
} record;

static weft_error read_back(const struct shape *shape, weft_bytes bytes, bool copies, struct shape_out *again)
{
    char sentence[FRAME_SENTENCE_MAX] = "";
    struct arena arena;
    unsigned char *own = malloc(bytes.size + 1); /* so that a sanitizer sees each byte too many */
    if (bytes.size) memcpy(own, bytes.data, bytes.size);
    weft__arena_init(&arena, &weft__mem_libc);
    check_true(shape->bytes <= sizeof record);
    weft_error error = weft__shape_read((weft_bytes){own, bytes.size}, shape, &arena, copies, &record, sentence);
    check_eq(error == WEFT_EPROTOCOL, sentence[0] != '\0');
    if (copies) memset(own, 0xee, bytes.size);
    if (!error && again) weft__shape_write(again, shape, &record);
    weft__arena_fini(&arena);
    free(own);
    return error;
}

static void what_is_read_is_what_was_written(void **state)
{
    (void)state;
    for (int round = 0; round < 200; round++) {
        for (size_t s = 0; s < SHAPES_COUNT; s++) {
            struct shape_out out = {.mem = &weft__mem_libc, .most = SIZE_MAX};
            struct shape_out again = out;
            make_up(&out, shapes[s], 0);
            check_ok(read_back(shapes[s], (weft_bytes){out.bytes, out.size}, round % 2, &again));
            check_eq(again.size, out.size);
            check_true(out.size == 0 || memcmp(again.bytes, out.bytes, out.size) == 0);
            weft__shape_out_free(&out);
            weft__shape_out_free(&again);
        }
        if (round == 0) seed = 20261121;
    }
}

static void what_is_cut_or_too_long_is_refused(void **state)
{
    (void)state;
    for (size_t s = 0; s < SHAPES_COUNT; s++) {
        struct shape_out out = {.mem = &weft__mem_libc, .most = SIZE_MAX};
        make_up(&out, shapes[s], 1);
        for (size_t size = 0; size < out.size; size++)
            check_err(read_back(shapes[s], (weft_bytes){out.bytes, size}, false, NULL), WEFT_EPROTOCOL);
        add_number(&out, 0, 1);
        check_err(read_back(shapes[s], (weft_bytes){out.bytes, out.size}, false, NULL), WEFT_EPROTOCOL);
        weft__shape_out_free(&out);
    }
}

static void a_count_without_its_elements_takes_no_memory(void **state)
{
    (void)state;
    static const unsigned char bytes[] = {0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0};
    check_err(read_back(&weft__shape_died, (weft_bytes){bytes, sizeof bytes}, true, NULL), WEFT_EPROTOCOL);
}

static void what_is_more_than_there_is_room_for_says_so(void **state)
{
    (void)state;
    struct shape_out out = {.mem = &weft__mem_libc, .most = 4};
    weft__shape_write(&out, &weft__shape_number, &(struct ask_number){1});
    check_err(out.error, WEFT_ELIMIT);
    weft__shape_out_free(&out);
    static char text[70000];
    memset(text, 'x', sizeof text - 1);
    out.most = SIZE_MAX;
    weft__shape_write(&out, &weft__shape_named, &(struct ask_named){text});
    check_err(out.error, WEFT_EINVAL);
    weft__shape_out_free(&out);
}

/* --- the page --------------------------------------------------------------------------------- */

static void type_text(const struct shape_field *field, char text[64])
{
    switch (field->type) {
    case SHAPE_BOOL: snprintf(text, 64, "u8 0..1"); break;
    case SHAPE_CHOICE: snprintf(text, 64, field->most == 255 ? "u8" : "u8 0..%u", field->most); break;
    case SHAPE_U32: snprintf(text, 64, "u32"); break;
    case SHAPE_I32: snprintf(text, 64, "i32"); break;
    case SHAPE_U64: snprintf(text, 64, "u64"); break;
    case SHAPE_U32S: snprintf(text, 64, "u32 %zu times", field->bytes / sizeof(uint32_t)); break;
    case SHAPE_U64S: snprintf(text, 64, "u64 %zu times", field->bytes / sizeof(uint64_t)); break;
    case SHAPE_RAW: snprintf(text, 64, "bytes %u", field->bytes); break;
    case SHAPE_CHARS: snprintf(text, 64, "text"); break;
    case SHAPE_TEXT:
    case SHAPE_WORD: snprintf(text, 64, "string"); break;
    case SHAPE_BYTES: snprintf(text, 64, "blob"); break;
    case SHAPE_ID: snprintf(text, 64, "id"); break;
    case SHAPE_PART: snprintf(text, 64, "record %s", field->of->name); break;
    case SHAPE_LIST: snprintf(text, 64, "list of %s", field->of->name); break;
    case SHAPE_TEXTS: snprintf(text, 64, "strings"); break;
    case SHAPE_IDS: snprintf(text, 64, "ids"); break;
    default: *text = '\0'; break;
    }
}

static const char *manner_text(enum ask_manner manner)
{
    return manner == ASK_AT_ONCE ? "in order" : manner == ASK_WAITS ? "in order; waits" : "meanwhile";
}

/* What the page has to say between its marks. */
static char *page_text(void)
{
    static char text[65536];
    size_t size = 0;
#define LINE(...) size += (size_t)snprintf(text + size, sizeof text - size, __VA_ARGS__)
    LINE("| number | operation | arguments | gives | done |\n|---|---|---|---|---|\n");
    for (const struct ask_row *row = weft__ask_rows(); row->name; row++)
        LINE("| %u | `%s` | `%s` | `%s` | %s |\n", row->number, row->name, row->arguments->name, row->gives->name,
             manner_text(row->manner));
    for (size_t s = 0; s < SHAPES_COUNT; s++) {
        LINE("\n#### `%s`\n\n", shapes[s]->name);
        bool any = false;
        for (const struct shape_field *field = shapes[s]->fields; field->type; field++) {
            char type[64];
            type_text(field, type);
            if (!*type) continue;
            if (!any) LINE("| type | field |\n|---|---|\n");
            any = true;
            LINE("| `%s` | `%s` |\n", type, field->name);
        }
        if (!any) LINE("Nothing.\n");
    }
#undef LINE
    check_true(size < sizeof text);
    return text;
}

static char *read_file(const char *name)
{
    const char *top = getenv("WEFT_TOP");
    char path[512];
    snprintf(path, sizeof path, "%s/%s", top ? top : ".", name);
    FILE *file = fopen(path, "r");
    check_true(file != NULL);
    char *text = NULL;
    size_t room = 0;
    check_true(getdelim(&text, &room, EOF, file) > 0);
    fclose(file);
    return text;
}

/* WEFT_PAGE=1 prints what should stand there. */
static void the_page_has_these_tables(void **state)
{
    (void)state;
    const char *expected = page_text();
    if (getenv("WEFT_PAGE")) printf("%s", expected);
    char *page = read_file("docs/protocol.md");
    check_true(strstr(page, expected) != NULL);
    free(page);
}

/* --- vectors ---------------------------------------------------------------------------------- */

static void check_vector(const json_t *vector, bool *seen)
{
    static unsigned char bytes[8192];
    const char *hex = json_string_value(json_object_get(vector, "bytes"));
    const char *name = json_string_value(json_object_get(vector, "record"));
    size_t size = strlen(hex) / 2, s = 0;
    while (s < SHAPES_COUNT && strcmp(shapes[s]->name, name) != 0)
        s++;
    check_true(s < SHAPES_COUNT && size <= sizeof bytes);
    seen[s] = true;
    for (size_t i = 0; i < size; i++)
        check_eq(sscanf(hex + 2 * i, "%2hhx", &bytes[i]), 1);
    struct shape_out again = {.mem = &weft__mem_libc, .most = SIZE_MAX};
    check_ok(read_back(shapes[s], (weft_bytes){bytes, size}, true, &again));
    check_eq(again.size, size);
    check_true(size == 0 || memcmp(again.bytes, bytes, size) == 0);
    weft__shape_out_free(&again);
}

/* WEFT_VECTORS=1 prints bytes for a vector of each, made up. */
static void vectors_are_read_and_written_as_they_stand_there(void **state)
{
    (void)state;
    bool seen[SHAPES_COUNT] = {false};
    seed = 7;
    for (size_t s = 0; getenv("WEFT_VECTORS") && s < SHAPES_COUNT; s++) {
        struct shape_out out = {.mem = &weft__mem_libc, .most = SIZE_MAX};
        make_up(&out, shapes[s], 1);
        printf("VECTOR %s ", shapes[s]->name);
        for (size_t i = 0; i < out.size; i++)
            printf("%02x", out.bytes[i]);
        printf("\n");
        weft__shape_out_free(&out);
    }
    char *text = read_file("schemas/wire/asks/records.json");
    json_t *vectors = json_loads(text, 0, NULL);
    check_true(json_is_array(vectors));
    for (size_t i = 0; i < json_array_size(vectors); i++)
        check_vector(json_array_get(vectors, i), seen);
    for (size_t s = 0; s < SHAPES_COUNT; s++)
        check_true(seen[s]);
    json_decref(vectors);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_member_stands_in_its_table),
                                       cmocka_unit_test(what_is_read_is_what_was_written),
                                       cmocka_unit_test(what_is_cut_or_too_long_is_refused),
                                       cmocka_unit_test(a_count_without_its_elements_takes_no_memory),
                                       cmocka_unit_test(what_is_more_than_there_is_room_for_says_so),
                                       cmocka_unit_test(the_page_has_these_tables),
                                       cmocka_unit_test(vectors_are_read_and_written_as_they_stand_there)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
