/* weft_idle.c: workers that are only looked at: a thousand connections of them in one process, where client nodes would be three
 * thousand threads; and one that tells when a task has come, without a client's part in it. So these speak docs/protocol.md
 * themselves, by the frames of src/frame. To the node they are what any client is: it watches their process, and is told
 * what they have got. */
#include "weft.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "frame/frame.h"

static void put(struct stream *stream, const struct frame *frame)
{
    size_t size = weft__frame_size(frame);
    (void)weft__frame_write(frame, false, (unsigned char *)stream_extend(stream, size));
    stream_flush(stream);
}

/* The next frame of that kind; what else comes (beats) is skipped. It is gone with the next call. */
static struct frame await(struct stream *stream, enum frame_kind kind)
{
    char sentence[FRAME_SENTENCE_MAX];
    for (;;) {
        struct frame frame;
        size_t need;
        weft_bytes unread = stream_unread(stream);
        switch (weft__frame_read(unread.data, unread.size, 'N', FRAME_LARGE_MAX, &frame, &need, sentence)) {
        case FRAME_BAD: fail("weft: %s", sentence);
        case FRAME_MORE: stream_fill(stream); break;
        default:
            stream_skip(stream, frame.size);
            if (frame.kind == kind) return frame;
            if (frame.kind == FRAME_ERROR) fail("weft: %s", frame.error.sentence);
        }
    }
}

static void enrol(struct stream *stream, uint64_t number)
{
    const struct frame frame = {
        .kind = FRAME_REGISTER,
        .reg = {.ask = (uint32_t)number, .worker = number, .max_concurrent = 1, .channel = TASKS}};
    put(stream, &frame);
    if (await(stream, FRAME_ANSWER).answer.error) fail("weft: a worker is not let in");
    put(stream, &(struct frame){.kind = FRAME_BEAT, .beat = {.received = number}});
}

void weft_idle(struct stream *stream, int port)
{
    static uint64_t opened, start_time;
    struct frame hello = {.kind = FRAME_HELLO,
                          .hello = {.lowest = PROTOCOL_LOWEST,
                                    .highest = PROTOCOL_HIGHEST,
                                    .epoch = 1,
                                    .resume_ms = 5000,
                                    .pid = (int32_t)getpid()}};
    if (!start_time) weft_must(weft_process_start_time((int32_t)getpid(), &start_time));
    hello.hello.start_time = start_time;
    (void)snprintf((char *)hello.hello.instance, sizeof hello.hello.instance, "%d", (int)getpid());
    opened++;
    memcpy(hello.hello.instance + 8, &opened, sizeof opened);
    for (int i = 0; i < 8; i++) /* its first half names the session, to all */
        hello.hello.instance[i] ^= (unsigned char)(opened >> (8 * (i % 2)));
    hello.hello.instance[6] |= 0x10;
    stream_open(stream, port);
    put(stream, &hello);
    (void)await(stream, FRAME_WELCOME);
    enrol(stream, 1);
}

void weft_hold_bare(int port)
{
    struct stream stream;
    weft_idle(&stream, port);
    ready();
    (void)await(&stream, FRAME_TASK);
    took();
    (void)await(&stream, FRAME_TASK);
    fail("weft: more than one task");
}

void weft_idle_shared(struct stream *stream, int index)
{
    enrol(stream, (uint64_t)index + 2);
}
