/* A line whose peer sends anything, in pieces of any size, over connections that break: it reads within bounds (the bytes end
 * where memory does), its memory follows what has come, what it hands out is frames, and all of it comes back.
 *
 * The input is a row of steps: a byte says what, and how much of the input belongs to it. */
#include <stdlib.h>
#include <string.h>

#include "frame/line.h"
#include "lib/failmem.h"

enum { FRAME_MAX = 200000, SIZE_MAX_BYTES = 1 << 17 };

struct peer {
    struct failmem failmem;
    struct line *line;
    unsigned char have[2 * SIZE_MAX_BYTES]; /* read by nobody yet */
    size_t have_size;
    size_t put_bytes;
    uint64_t put;
    char by;
};

static void expect(bool holds)
{
    if (!holds) abort();
}

/* Each byte is looked at. */
static void touch(weft_bytes bytes)
{
    static volatile unsigned char sum;
    for (size_t i = 0; i < bytes.size; i++)
        sum = (unsigned char)(sum ^ ((const unsigned char *)bytes.data)[i]);
}

static bool up(struct peer *peer)
{
    uint64_t unacknowledged = weft__line_unacknowledged(peer->line);
    peer->have_size = 0;
    return weft__line_up(peer->line, peer->put - unacknowledged) == WEFT_OK;
}

static void put(struct peer *peer, uint8_t what)
{
    static unsigned char payload[FRAME_MAX];
    size_t size = (size_t)what * what;
    struct frame frame = {.kind = FRAME_PARTIAL,
                          .said = {.task = what, .payload = {payload, what > 250 ? 100000 : size}}};
    if (peer->by == 'N') frame = (struct frame){.kind = FRAME_TASK_ROOM, .room = {.number = what}};
    if (weft__line_full(peer->line)) return;
    expect(weft__line_put(peer->line, what % 3, &frame, NULL) == WEFT_OK);
    peer->put_bytes += weft__frame_size(&frame);
    peer->put++;
}

static void take(struct peer *peer, uint8_t part)
{
    weft_bytes stretch = weft__line_write(peer->line);
    if (!stretch.size) return;
    size_t size = part ? stretch.size * part / 255 : stretch.size;
    touch(stretch);
    weft__line_written(peer->line, size);
}

/* Against the end of a block, so that reading beyond it is seen. False: the connection is to be closed. */
static bool hear(struct peer *peer, const uint8_t *data, size_t size)
{
    expect(peer->have_size + size <= sizeof peer->have);
    memcpy(peer->have + peer->have_size, data, size);
    peer->have_size += size;
    unsigned char *exact = malloc(peer->have_size);
    memcpy(exact, peer->have, peer->have_size);
    weft_bytes bytes = {exact, peer->have_size};
    struct frame frame;
    char sentence[FRAME_SENTENCE_MAX];
    size_t need = 0;
    weft_error error;
    uint32_t frames = 0;
    while (!(error = weft__line_read(peer->line, &bytes, &frame, &need, sentence))) {
        touch(weft__frame_payload(&frame));
        frames += frame.kind >= LINE_COUNTED;
    }
    weft__line_count(peer->line, frames);
    if (error == WEFT_EAGAIN) {
        expect(need > bytes.size && need <= 65536);
        memmove(peer->have, bytes.data, bytes.size);
        peer->have_size = bytes.size;
    } else {
        expect(error == WEFT_EPROTOCOL && strnlen(sentence, sizeof sentence) < sizeof sentence && sentence[0]);
    }
    free(exact);
    return error == WEFT_EAGAIN;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct peer peer;
    const struct line_limits limits = {.window_bytes = 20000, .waiting_bytes = 40000, .frame_max = FRAME_MAX};
    if (size < 2 || size > SIZE_MAX_BYTES) return 0;
    memset(&peer, 0, sizeof peer);
    failmem_init(&peer.failmem);
    peer.by = data[0] & 1 ? 'C' : 'N';
    peer.line = weft__line_new(&peer.failmem.mem, peer.by, &limits);
    expect(peer.line && up(&peer));
    for (size_t at = 1; at + 1 < size;) {
        uint8_t what = data[at], more = data[at + 1];
        size_t bytes = (size_t)(what >> 3) << 8 | more;
        at += 2;
        if (bytes > size - at) bytes = size - at;
        switch (what & 7) {
        case 0: put(&peer, more); break;
        case 1: take(&peer, more); break;
        case 2: weft__line_beat(peer.line, more & 1); break;
        case 3:
            weft__line_down(peer.line);
            expect(up(&peer));
            break;
        default:
            if (!hear(&peer, data + at, bytes)) {
                weft__line_down(peer.line);
                expect(up(&peer));
            }
            at += bytes;
        }
        expect(weft__line_bytes(peer.line) <= 2 * (peer.put_bytes + size) + 655360);
    }
    weft__line_free(peer.line);
    expect(atomic_load(&peer.failmem.live_blocks) == 0);
    return 0;
}
