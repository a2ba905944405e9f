/* frame.h promises:
 *   - what was written is read as the same, whatever it says, and takes the size that was told
 *   - what follows a frame is not looked at; a beginning of one says how many bytes there have to be
 *   - whatever the bytes, reading stays within them; what it accepts is written as the same bytes, what it does not is told in
 *     a sentence that names the field and where it stands
 *   - kinds that do not exist, and those of the other end, are refused as soon as the header is there
 *   - a sentence is cut to fit, not inside a character
 */
#include "frame/frame.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/frames.h"

enum { SIZE_MAX_BYTES = 16384, ROUNDS = 60 };

static uint64_t seed = 20261121;
static struct frame_content content;
static unsigned char bytes[SIZE_MAX_BYTES], again[SIZE_MAX_BYTES];
static char sentence[FRAME_SENTENCE_MAX];

static char sender(const struct frame_row *row)
{
    return row->by == 'N' ? 'N' : 'C';
}

static size_t written(const struct frame *frame, unsigned char *to)
{
    return (size_t)(weft__frame_write(frame, false, to) - to);
}

/* What is refused has a sentence that says where. */
static enum frame_reading read_checked(const unsigned char *from, size_t size, char by, struct frame *frame,
                                       size_t *need)
{
    memset(sentence, '?', sizeof sentence);
    enum frame_reading reading = frame_read_guarded(from, size, by, SIZE_MAX_BYTES, frame, need, sentence);
    if (reading != FRAME_BAD) return reading;
    check_true(memchr(sentence, 0, sizeof sentence) != NULL);
    check_true(strstr(sentence, " byte") != NULL);
    check_true(strstr(sentence, " and 0 more") == NULL);
    return reading;
}

static size_t random_frame(struct frame *frame, const struct frame_row *row)
{
    frame_random(frame, &content, row, &seed);
    return written(frame, bytes);
}

static void a_frame_that_was_written_is_read_as_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < frame_rows_count; i++) {
        for (int round = 0; round < ROUNDS; round++) {
            struct frame frame, read;
            size_t need, size = random_frame(&frame, &frame_rows[i]);
            check_eq(size, weft__frame_size(&frame));
            check_true(size <= weft__frame_size_most(&frame));
            check_eq(read_checked(bytes, size, sender(&frame_rows[i]), &read, &need), FRAME_WHOLE);
            check_eq(read.size, size);
            check_frames_equal(&read, &frame);
            check_eq(written(&read, again), size);
            check_eq(memcmp(again, bytes, size), 0);
        }
    }
}

static void a_head_and_its_payload_are_the_frame(void **state)
{
    (void)state;
    for (size_t i = 0; i < frame_rows_count; i++) {
        struct frame frame;
        size_t size = random_frame(&frame, &frame_rows[i]);
        weft_bytes payload = weft__frame_payload(&frame);
        unsigned char *end = weft__frame_write(&frame, true, again);
        check_eq((size_t)(end - again) + payload.size, size);
        if (payload.size) memcpy(end, payload.data, payload.size);
        check_eq(memcmp(again, bytes, size), 0);
    }
}

static void the_beginning_of_a_frame_says_how_much_there_has_to_be(void **state)
{
    (void)state;
    for (size_t i = 0; i < frame_rows_count; i++) {
        struct frame frame, read;
        size_t size = random_frame(&frame, &frame_rows[i]);
        for (size_t part = 0; part < size; part++) {
            size_t need = 0;
            check_eq(read_checked(bytes, part, sender(&frame_rows[i]), &read, &need), FRAME_MORE);
            check_eq(need, part < FRAME_HEADER_BYTES ? FRAME_HEADER_BYTES : size);
        }
    }
}

static void what_follows_a_frame_is_not_looked_at(void **state)
{
    (void)state;
    for (size_t i = 0; i < frame_rows_count; i++) {
        struct frame frame, read;
        size_t need, size = random_frame(&frame, &frame_rows[i]);
        memset(bytes + size, 0xff, 100);
        check_eq(read_checked(bytes, size + 100, sender(&frame_rows[i]), &read, &need), FRAME_WHOLE);
        check_eq(read.size, size);
        check_frames_equal(&read, &frame);
    }
}

/* Whatever stands there. */
static enum frame_reading try(const unsigned char *from, size_t size, char by)
{
    struct frame frame;
    size_t need;
    enum frame_reading reading = read_checked(from, size, by, &frame, &need);
    if (reading == FRAME_WHOLE) {
        check_true(frame.size <= size);
        check_eq(weft__frame_size(&frame), frame.size);
        check_eq(written(&frame, again), frame.size);
        check_eq(memcmp(again, from, frame.size), 0);
    } else if (reading == FRAME_MORE) {
        check_true(need > size);
    }
    return reading;
}

static void a_body_that_is_cut_is_refused_or_has_less_payload(void **state)
{
    (void)state;
    for (size_t i = 0; i < frame_rows_count; i++) {
        struct frame frame;
        size_t size = random_frame(&frame, &frame_rows[i]), payload = weft__frame_payload(&frame).size;
        for (size_t part = FRAME_HEADER_BYTES; part < size; part++) {
            bytes[0] = (unsigned char)(part - FRAME_HEADER_BYTES);
            bytes[1] = (unsigned char)((part - FRAME_HEADER_BYTES) >> 8);
            bool cut = part < size - payload;
            check_eq(try(bytes, part, sender(&frame_rows[i])), cut ? FRAME_BAD : FRAME_WHOLE);
        }
    }
}

static void a_body_that_is_too_long_is_refused_or_has_more_payload(void **state)
{
    (void)state;
    for (size_t i = 0; i < frame_rows_count; i++) {
        struct frame frame;
        size_t size = random_frame(&frame, &frame_rows[i]);
        bool payload = weft__frame_payload(&frame).size > 0;
        bytes[size] = 0;
        size_t body = size + 1 - FRAME_HEADER_BYTES;
        bytes[0] = (unsigned char)body;
        bytes[1] = (unsigned char)(body >> 8);
        enum frame_reading reading = try(bytes, size + 1, sender(&frame_rows[i]));
        if (payload) check_eq(reading, FRAME_WHOLE);
        if (reading == FRAME_BAD) check_true(strstr(sentence, "should end at byte") != NULL);
    }
}

static void a_byte_that_is_wrong_does_no_harm(void **state)
{
    (void)state;
    for (size_t i = 0; i < frame_rows_count; i++) {
        for (int round = 0; round < 2; round++) {
            struct frame frame;
            size_t size = random_frame(&frame, &frame_rows[i]), head = size - weft__frame_payload(&frame).size;
            for (size_t at = 0; at < head; at++) {
                unsigned char right = bytes[at];
                for (unsigned bit = 0; bit < 8; bit++) {
                    bytes[at] = (unsigned char)(right ^ 1u << bit);
                    try(bytes, size, sender(&frame_rows[i]));
                }
                bytes[at] = 0;
                try(bytes, size, sender(&frame_rows[i]));
                bytes[at] = right;
            }
        }
    }
}

static void frames_are_of_those_who_may_send_them(void **state)
{
    (void)state;
    for (size_t i = 0; i < frame_rows_count; i++) {
        struct frame frame;
        size_t size = random_frame(&frame, &frame_rows[i]);
        for (const char *by = "CN"; *by; by++) {
            bool may = frame_rows[i].by == 'B' || frame_rows[i].by == *by;
            check_eq(try(bytes, size, *by), may ? FRAME_WHOLE : FRAME_BAD);
            if (!may) check_true(strstr(sentence, "is sent by") != NULL);
        }
    }
}

static void a_kind_that_does_not_exist_is_named_at_once(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < 256; kind++) {
        const unsigned char header[FRAME_HEADER_BYTES] = {0, 1, 0, 0, (unsigned char)kind};
        const char *name = weft__frame_name(kind);
        check_eq(name != NULL, frame_row_named(name ? name : "") != NULL);
        if (name) continue;
        char expected[FRAME_SENTENCE_MAX];
        snprintf(expected, sizeof expected, "frame: kind %u at byte 4 is unknown to protocol version 1", kind);
        check_eq(try(header, sizeof header, 'C'), FRAME_BAD);
        check_str(sentence, expected);
        check_eq(try(header, sizeof header, 'N'), FRAME_BAD);
    }
    check_str(weft__frame_name(FRAME_GIVE_BACK), "give_back");
}

/* Larger than allowed: told from the header alone. */
static void a_frame_over_the_maximum_is_refused_before_it_comes(void **state)
{
    (void)state;
    unsigned char header[FRAME_HEADER_BYTES] = {0xf8, 0xff, 0, 0, FRAME_PUBLISH};
    struct frame frame;
    size_t need;
    check_eq(weft__frame_read(header, sizeof header, 'C', 65536, &frame, &need, sentence), FRAME_MORE);
    check_eq(need, 65536);
    header[0]++;
    check_eq(weft__frame_read(header, sizeof header, 'C', 65536, &frame, &need, sentence), FRAME_BAD);
    check_str(sentence, "publish: a body of 65529 bytes at byte 0 is over the maximum of 65528");
    memset(header, 0xff, 4);
    check_eq(weft__frame_read(header, sizeof header, 'C', FRAME_LARGE_MAX, &frame, &need, sentence), FRAME_BAD);
    check_str(sentence, "publish: a body of 4294967295 bytes at byte 0 is over the maximum of 16781304");
}

static void read_written(const struct frame *frame, struct frame *read)
{
    size_t need, size = written(frame, bytes);
    check_eq(size, weft__frame_size(frame));
    check_eq(weft__frame_read(bytes, size, 'N', SIZE_MAX_BYTES, read, &need, sentence), FRAME_WHOLE);
}

static void a_sentence_is_cut_between_characters(void **state)
{
    (void)state;
    for (size_t ascii = 250; ascii < 260; ascii++) {
        char text[300];
        memset(text, 'a', ascii);
        memcpy(text + ascii, "\xf0\x9f\xa7\xb5\xc3\xa9", 7);
        struct frame read, frame = {.kind = FRAME_ERROR, .error = {.code = 21, .sentence = text}};
        read_written(&frame, &read);
        size_t size = ascii <= 251 ? ascii + 4 : ascii < FRAME_TEXT_MAX ? ascii : FRAME_TEXT_MAX;
        if (ascii == 250) size = 254;
        check_eq(strlen(read.error.sentence), size);
        check_eq(memcmp(read.error.sentence, text, size), 0);
    }
}

static void nothing_is_null_or_an_empty_sentence(void **state)
{
    (void)state;
    struct frame read, frame = {.kind = FRAME_OUTCOME, .outcome = {.code = "", .worker = ""}};
    read_written(&frame, &read);
    check_str(read.outcome.code, NULL);
    check_str(read.outcome.worker, NULL);
    check_str(read.outcome.content_type, NULL);
    struct frame answer = {.kind = FRAME_ANSWER};
    read_written(&answer, &read);
    check_str(read.answer.sentence, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_that_was_written_is_read_as_the_same),
        cmocka_unit_test(a_head_and_its_payload_are_the_frame),
        cmocka_unit_test(the_beginning_of_a_frame_says_how_much_there_has_to_be),
        cmocka_unit_test(what_follows_a_frame_is_not_looked_at),
        cmocka_unit_test(a_body_that_is_cut_is_refused_or_has_less_payload),
        cmocka_unit_test(a_body_that_is_too_long_is_refused_or_has_more_payload),
        cmocka_unit_test(a_byte_that_is_wrong_does_no_harm),
        cmocka_unit_test(frames_are_of_those_who_may_send_them),
        cmocka_unit_test(a_kind_that_does_not_exist_is_named_at_once),
        cmocka_unit_test(a_frame_over_the_maximum_is_refused_before_it_comes),
        cmocka_unit_test(a_sentence_is_cut_between_characters),
        cmocka_unit_test(nothing_is_null_or_an_empty_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
