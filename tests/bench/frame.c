/* Frames of the hot kinds, with a payload of 200 bytes: from bytes, and to bytes with their size asked first, as a line does. */
#include <string.h>

#include "bench.h"
#include "frame/frame.h"

enum { TIMES = 20000, ROOM = 1024, PAYLOAD = 200 };

static unsigned char payload[PAYLOAD], id[32];

static const struct frame dispatch = {.kind = FRAME_DISPATCH,
                                      .dispatch = {.call = 0x1234567890,
                                                   .schedule_to_close_ms = 30000,
                                                   .priority = 2,
                                                   .channel = "dispatch.media.resize",
                                                   .activity_type = "thumbnail",
                                                   .content_type = "application/json",
                                                   .payload = {payload, PAYLOAD}}};
static const struct frame task = {.kind = FRAME_TASK,
                                  .task = {.task = 17,
                                           .worker = 4,
                                           .id = {3, 0x1234567890},
                                           .attempt = 1,
                                           .remaining_ms = 29990,
                                           .timed = true,
                                           .schema_id = id,
                                           .activity_type = "thumbnail",
                                           .content_type = "application/json",
                                           .payload = {payload, PAYLOAD}}};
static const struct frame result = {.kind = FRAME_RESULT,
                                    .result = {.task = 17,
                                               .kind = FRAME_RESULT_COMPLETE,
                                               .run_ns = 123456,
                                               .content_type = "application/json",
                                               .payload = {payload, PAYLOAD}}};
static const struct frame outcome = {.kind = FRAME_OUTCOME,
                                     .outcome = {.call = 0x1234567890,
                                                 .outcome = WEFT_COMPLETED,
                                                 .admission = 1,
                                                 .attempts = 1,
                                                 .run_ns = 123456,
                                                 .worker = "worker-4",
                                                 .content_type = "application/json",
                                                 .payload = {payload, PAYLOAD}}};
static const struct frame event = {.kind = FRAME_EVENT,
                                   .event = {.subscription = 9,
                                             .number = 1000,
                                             .publisher = 3,
                                             .schema_id = id,
                                             .channel = "event.media.resized",
                                             .content_type = "application/json",
                                             .payload = {payload, PAYLOAD}}};

static double write_ns(const struct frame *frame)
{
    unsigned char bytes[ROOM];
    uint64_t from = bench_now_ns();
    for (int i = 0; i < TIMES; i++) {
        __asm__ volatile("" : : "r"(frame) : "memory");
        if (weft__frame_size(frame) > ROOM) bench_die("a frame is larger than it should be");
        (void)weft__frame_write(frame, false, bytes);
    }
    return (double)(bench_now_ns() - from) / TIMES;
}

static double read_ns(const struct frame *frame, char by)
{
    unsigned char bytes[ROOM];
    char sentence[FRAME_SENTENCE_MAX];
    size_t size = (size_t)(weft__frame_write(frame, false, bytes) - bytes), need;
    struct frame read;
    uint64_t from = bench_now_ns();
    for (int i = 0; i < TIMES; i++) {
        __asm__ volatile("" : : "r"(bytes) : "memory");
        if (weft__frame_read(bytes, size, by, ROOM, &read, &need, sentence) != FRAME_WHOLE) bench_die(sentence);
        __asm__ volatile("" : : "r"(&read) : "memory");
    }
    return (double)(bench_now_ns() - from) / TIMES;
}

#define MEASURE(frame, by)                                                                                             \
    static double frame##_read(void)                                                                                   \
    {                                                                                                                  \
        return read_ns(&frame, by);                                                                                    \
    }                                                                                                                  \
    static double frame##_write(void)                                                                                  \
    {                                                                                                                  \
        return write_ns(&frame);                                                                                       \
    }
MEASURE(dispatch, 'C')
MEASURE(task, 'N')
MEASURE(result, 'C')
MEASURE(outcome, 'N')
MEASURE(event, 'N')

#define ROW(frame, way)                                                                                                \
    {                                                                                                                  \
        .name = "frame_" #frame "_" #way, .metric = "a frame with 200 bytes of payload", .unit = "ns",                 \
        .measure = frame##_##way, .against = "50 ns", .goal = 50, .at_most = 1, .rounds = 41                           \
    }
#define ROWS(frame) ROW(frame, read), ROW(frame, write)

const struct bench bench_frame[] = {ROWS(dispatch), ROWS(task), ROWS(result), ROWS(outcome), ROWS(event), {0}};
