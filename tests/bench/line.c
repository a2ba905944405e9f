/* Frames through a pair of lines in memory, in hauls of 64: put, handed out for writing, read, counted, acknowledged. The
 * wire is the sender's own stretch. */
#include <string.h>

#include "bench.h"
#include "frame/line.h"

enum { HAUL = 64, HAULS = 3000, FRAMES = HAUL * HAULS, PAYLOAD_MAX = 4096 };

static const struct line_limits limits = {.window_bytes = 1 << 20, .waiting_bytes = 1 << 20, .frame_max = 1 << 24};

/* Carries what one has to write to the other; how many frames. */
static uint32_t carry(struct line *from, struct line *to)
{
    uint32_t count = 0;
    weft_bytes stretch;
    while ((stretch = weft__line_write(from)).size) {
        struct frame frame;
        char sentence[FRAME_SENTENCE_MAX];
        size_t need;
        weft_bytes bytes = stretch;
        weft_error error;
        for (; !(error = weft__line_read(to, &bytes, &frame, &need, sentence)); count++)
            __asm__ volatile("" : : "r"(&frame) : "memory");
        if (error != WEFT_EAGAIN || bytes.size) bench_die(sentence);
        weft__line_written(from, stretch.size);
    }
    weft__line_count(to, count);
    return count;
}

static double frame_ns(size_t payload_size)
{
    static unsigned char payload[PAYLOAD_MAX];
    const struct frame dispatch = {.kind = FRAME_DISPATCH,
                                   .dispatch = {.call = 0x1234567890,
                                                .schedule_to_close_ms = 30000,
                                                .priority = 2,
                                                .channel = "dispatch.media.resize",
                                                .content_type = "application/json",
                                                .payload = {payload, payload_size}}};
    struct line *client = weft__line_new(&weft__mem_libc, 'C', &limits);
    struct line *node = weft__line_new(&weft__mem_libc, 'N', &limits);
    if (!client || !node || weft__line_up(client, 0) || weft__line_up(node, 0)) bench_die("make lines");
    uint64_t from_ns = bench_now_ns();
    for (int i = 0; i < HAULS; i++) {
        for (uint64_t lane = 0; lane < HAUL; lane++)
            if (weft__line_put(client, lane, &dispatch, NULL)) bench_die("put a frame");
        if (carry(client, node) != HAUL) bench_die("carry the frames");
        (void)carry(node, client);
    }
    double ns = (double)(bench_now_ns() - from_ns) / FRAMES;
    weft__line_free(client);
    weft__line_free(node);
    return ns;
}

static double small(void)
{
    return frame_ns(200);
}

static double larger(void)
{
    return frame_ns(PAYLOAD_MAX);
}

const struct bench bench_line[] = {{.name = "line_200",
                                    .metric = "a frame with 200 bytes of payload, put, written and read",
                                    .unit = "ns",
                                    .measure = small,
                                    .against = "60 ns",
                                    .goal = 60,
                                    .at_most = 1,
                                    .rounds = 21},
                                   {.name = "line_4096",
                                    .metric = "the same with 4 KiB",
                                    .unit = "ns",
                                    .measure = larger,
                                    .against = "200 ns",
                                    .goal = 200,
                                    .at_most = 1,
                                    .rounds = 21},
                                   {0}};
