/* Any bytes: what is read as a frame is written as the same bytes, what is refused is told with a place; and a stream that comes
 * in pieces is read as the same frames as one that comes at once, to the same end.
 *
 * The first byte says who sends, and whether the rest is a stream as it is or one body, to which a header is made: so the bodies
 * are reached without guessing a size. */
#include <stdlib.h>
#include <string.h>

#include "frame/frame.h"

enum { SIZE_MAX_BYTES = 4096, FRAME_MAX = 1024, FRAMES_MAX = SIZE_MAX_BYTES / FRAME_HEADER_BYTES + 1 };

struct reading {
    size_t frames, ends[FRAMES_MAX]; /* where each of them ends */
    enum frame_reading last;         /* FRAME_MORE or FRAME_BAD */
    char sentence[FRAME_SENTENCE_MAX];
};

static void expect(bool holds)
{
    if (!holds) abort();
}

static void check_whole(const struct frame *frame, const unsigned char *bytes)
{
    unsigned char written[FRAME_MAX];
    weft_bytes payload = weft__frame_payload(frame);
    expect(frame->size <= FRAME_MAX && weft__frame_size(frame) == frame->size);
    expect(weft__frame_write(frame, false, written) == written + frame->size);
    expect(memcmp(written, bytes, frame->size) == 0);
    unsigned char *end = weft__frame_write(frame, true, written);
    expect((size_t)(end - written) + payload.size == frame->size);
    expect(payload.size == 0 || (const unsigned char *)payload.data + payload.size == bytes + frame->size);
}

static void check_sentence(const char *sentence)
{
    expect(memchr(sentence, 0, FRAME_SENTENCE_MAX) != NULL);
    expect(strstr(sentence, " byte") != NULL && strstr(sentence, " and 0 more") == NULL);
}

/* In pieces of sizes that follow from *step; 0: all at once. A piece stands in memory of its own, so that nothing beyond it can
 * be looked at unnoticed. */
static void read_stream(const unsigned char *bytes, size_t size, char by, unsigned step, struct reading *reading)
{
    size_t at = 0, have = step ? 0 : size, need = 0;
    memset(reading, 0, sizeof *reading);
    for (;;) {
        struct frame frame;
        unsigned char *piece = malloc(have - at + 1);
        expect(piece != NULL);
        memcpy(piece, bytes + at, have - at);
        unsigned char *exact = realloc(piece, have - at ? have - at : 1);
        expect(exact != NULL);
        reading->last = weft__frame_read(exact, have - at, by, FRAME_MAX, &frame, &need, reading->sentence);
        if (reading->last == FRAME_WHOLE) check_whole(&frame, exact);
        if (reading->last == FRAME_BAD) check_sentence(reading->sentence);
        if (reading->last == FRAME_MORE) expect(need > have - at && need <= FRAME_MAX);
        free(exact);
        if (reading->last == FRAME_BAD) return;
        if (reading->last == FRAME_WHOLE) {
            at += frame.size;
            reading->ends[reading->frames++] = at;
        } else if (have == size) {
            return;
        } else {
            step = step * 1103515245 + 12345;
            size_t more = 1 + (step >> 16) % 40;
            have += more < size - have ? more : size - have;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static unsigned char bytes[SIZE_MAX_BYTES];
    static struct reading whole, pieces;
    if (size < 3 || size > SIZE_MAX_BYTES - FRAME_HEADER_BYTES) return 0;
    char by = data[0] & 1 ? 'C' : 'N';
    size_t head = 0;
    if (data[0] & 2) {
        size_t body = size - 3;
        const unsigned char header[FRAME_HEADER_BYTES] = {
            (unsigned char)body, (unsigned char)(body >> 8), 0, 0, data[1], data[2]};
        memcpy(bytes, header, head = sizeof header);
        memcpy(bytes + head, data + 3, size - 3);
        size = head + body;
    } else {
        memcpy(bytes, data + 1, --size);
    }
    read_stream(bytes, size, by, 0, &whole);
    read_stream(bytes, size, by, data[0] | 1u << 16, &pieces);
    expect(whole.last == pieces.last && whole.frames == pieces.frames);
    expect(memcmp(whole.ends, pieces.ends, whole.frames * sizeof *whole.ends) == 0);
    expect(strcmp(whole.sentence, pieces.sentence) == 0);
    return 0;
}
