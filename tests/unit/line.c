/* Lines, one promise at a time (tests/prop/line_pair.c has them all at once, by chance). Promises:
 *   - frames arrive once and in order; what is put while a write is under way leaves together behind it
 *   - an acknowledgement leaves with the next stretch, by itself only where the other end might run out of window
 *   - window and waiting are bounded; a line that is full says so
 *   - large frames come in parts between the others, and neither overtake their lane nor wait for ever
 *   - on a new connection exactly what is missing comes again; what cannot be is refused
 *   - frames of the connection come first, and before the session's line is up
 *   - what a peer must not send is refused with a sentence; what it announces costs nothing until it comes
 *   - without memory nothing has changed; an idle line costs next to nothing */
#include "lib/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weft/weft.h>

#include "frame/line.h"
#include "lib/failmem.h"

enum { KIB = 1024, WIRE_MAX = 4 * 1024 * KIB, IDLE_BYTES = 1024 };

/* A client's line, a node's, and what is on its way between them. */
struct pair {
    struct failmem failmem;
    struct line *client, *node;
    unsigned char *wire;
    size_t wire_size;
};

static const struct line_limits roomy = {
    .window_bytes = 1024 * KIB, .waiting_bytes = 1024 * KIB, .frame_max = 2048 * KIB};

static void pair_open(struct pair *pair, const struct line_limits *limits)
{
    failmem_init(&pair->failmem);
    pair->client = weft__line_new(&pair->failmem.mem, 'C', limits);
    pair->node = weft__line_new(&pair->failmem.mem, 'N', limits);
    pair->wire = malloc(WIRE_MAX);
    pair->wire_size = 0;
    check_true(pair->client && pair->node && pair->wire);
    check_ok(weft__line_up(pair->client, 0));
    check_ok(weft__line_up(pair->node, 0));
}

static void pair_close(struct pair *pair)
{
    weft__line_free(pair->client);
    weft__line_free(pair->node);
    free(pair->wire);
    check_eq(atomic_load(&pair->failmem.live_blocks), 0);
}

/* --- putting: `number` is what the frame is known by ------------------------------------------- */

static weft_error put_bytes(struct line *line, uint64_t lane, uint64_t number, weft_bytes payload,
                            struct message *message)
{
    struct frame frame = {.kind = FRAME_PARTIAL, .said = {.task = number, .payload = payload}};
    return weft__line_put(line, lane, &frame, message);
}

/* A client's frame with so many bytes of payload, each of them its number. */
static weft_error put(struct pair *pair, uint64_t lane, uint64_t number, size_t size)
{
    unsigned char *bytes = malloc(size + 1);
    memset(bytes, (int)number, size);
    weft_error error = put_bytes(pair->client, lane, number, (weft_bytes){bytes, size}, NULL);
    free(bytes);
    return error;
}

static weft_error put_kib(struct pair *pair, uint64_t lane, uint64_t number, size_t size_kib)
{
    return put(pair, lane, number, size_kib * KIB);
}

static weft_error put_by_node(struct pair *pair, uint64_t number)
{
    struct frame frame = {.kind = FRAME_TASK_CANCEL, .of_task = {.task = number}};
    return weft__line_put(pair->node, number, &frame, NULL);
}

/* --- the wire ---------------------------------------------------------------------------------- */

/* One stretch onto the wire; how many bytes it has. */
static size_t write_one(struct pair *pair, struct line *line)
{
    weft_bytes stretch = weft__line_write(line);
    if (!stretch.size) return 0;
    check_true(pair->wire_size + stretch.size <= WIRE_MAX);
    memcpy(pair->wire + pair->wire_size, stretch.data, stretch.size);
    pair->wire_size += stretch.size;
    weft__line_written(line, stretch.size);
    return stretch.size;
}

static size_t write_all(struct pair *pair, struct line *line)
{
    size_t size = 0, one;
    while ((one = write_one(pair, line)))
        size += one;
    return size;
}

static uint64_t number_of(const struct frame *frame)
{
    return frame->kind == FRAME_PARTIAL ? frame->said.task : frame->of_task.task;
}

/* Reads what is on the wire. The frames' numbers, with a space before each. */
static const char *read_all(struct pair *pair, struct line *line, bool count)
{
    static char text[4096];
    char sentence[FRAME_SENTENCE_MAX] = "";
    weft_bytes bytes = {pair->wire, pair->wire_size};
    struct frame frame;
    size_t need, used = 0;
    weft_error error;
    text[0] = '\0';
    while (!(error = weft__line_read(line, &bytes, &frame, &need, sentence))) {
        weft_bytes payload = weft__frame_payload(&frame);
        for (size_t i = 0; i < payload.size; i++)
            if (((const unsigned char *)payload.data)[i] != (unsigned char)number_of(&frame)) fail();
        used += (size_t)snprintf(text + used, sizeof text - used, " %d", (int)number_of(&frame));
        check_true(used < sizeof text);
        if (count) weft__line_count(line, 1);
    }
    check_str(sentence, "");
    check_err(error, WEFT_EAGAIN);
    check_eq(bytes.size, 0);
    pair->wire_size = 0;
    return text;
}

/* What of the frames that were put arrives, in one stretch after the other. */
static const char *carry(struct pair *pair, struct line *from, struct line *to)
{
    (void)write_all(pair, from);
    return read_all(pair, to, true);
}

static void cut(struct pair *pair)
{
    weft__line_down(pair->client);
    weft__line_down(pair->node);
    pair->wire_size = 0;
}

static void again(struct pair *pair)
{
    check_ok(weft__line_up(pair->client, weft__line_received(pair->node)));
    check_ok(weft__line_up(pair->node, weft__line_received(pair->client)));
}

/* A beat of the node's reaches the client. */
static void acknowledge(struct pair *pair)
{
    weft__line_beat(pair->node, false);
    check_str(carry(pair, pair->node, pair->client), "");
}

/* --- small frames ------------------------------------------------------------------------------ */

static void frames_arrive_once_and_in_order(void **state)
{
    struct pair pair;
    (void)state;
    pair_open(&pair, &roomy);
    for (unsigned i = 1; i <= 5; i++)
        check_ok(put(&pair, i, i, (size_t)i * 1000));
    check_eq(weft__line_unacknowledged(pair.client), 5);
    check_str(carry(&pair, pair.client, pair.node), " 1 2 3 4 5");
    check_eq(weft__line_received(pair.node), 5);
    check_str(carry(&pair, pair.client, pair.node), "");
    acknowledge(&pair);
    check_eq(weft__line_unacknowledged(pair.client), 0);
    check_ok(put(&pair, 1, 6, 10));
    check_str(carry(&pair, pair.client, pair.node), " 6");
    pair_close(&pair);
}

static void what_is_put_during_a_write_leaves_together_behind_it(void **state)
{
    struct pair pair;
    unsigned char was[1000];
    (void)state;
    pair_open(&pair, &roomy);
    check_ok(put(&pair, 1, 1, 100));
    weft_bytes stretch = weft__line_write(pair.client);
    check_true(stretch.size > 100 && stretch.size < sizeof was);
    memcpy(was, stretch.data, stretch.size);
    for (unsigned i = 2; i <= 8; i++)
        check_ok(put(&pair, 1, i, 100));
    check_eq(weft__line_write(pair.client).size, 0);
    check_true(memcmp(was, stretch.data, stretch.size) == 0);
    memcpy(pair.wire, was, pair.wire_size = stretch.size);
    weft__line_written(pair.client, stretch.size);
    check_eq(write_one(&pair, pair.client), 7 * stretch.size);
    check_str(read_all(&pair, pair.node, true), " 1 2 3 4 5 6 7 8");
    pair_close(&pair);
}

static void the_rest_of_a_write_comes_again_before_anything_else(void **state)
{
    struct pair pair;
    struct frame goodbye = {.kind = FRAME_GOODBYE};
    (void)state;
    pair_open(&pair, &roomy);
    check_ok(put(&pair, 1, 1, 1000));
    weft_bytes stretch = weft__line_write(pair.client);
    weft__line_written(pair.client, 600);
    check_ok(weft__line_put_now(pair.client, &goodbye));
    weft_bytes rest = weft__line_write(pair.client);
    check_true(rest.data == (const unsigned char *)stretch.data + 600);
    check_eq(rest.size, stretch.size - 600);
    weft__line_written(pair.client, rest.size);
    check_eq(weft__line_write(pair.client).size, FRAME_HEADER_BYTES);
    weft__line_written(pair.client, FRAME_HEADER_BYTES);
    pair_close(&pair);
}

static void an_early_acknowledgement_leaves_a_write_its_bytes(void **state)
{
    struct pair pair;
    unsigned char was[300];
    (void)state;
    pair_open(&pair, &roomy);
    check_ok(put(&pair, 1, 1, 200));
    weft_bytes stretch = weft__line_write(pair.client);
    memcpy(was, stretch.data, stretch.size);
    memcpy(pair.wire, stretch.data, pair.wire_size = stretch.size);
    check_str(read_all(&pair, pair.node, true), " 1");
    acknowledge(&pair);
    check_eq(weft__line_unacknowledged(pair.client), 0);
    for (unsigned i = 0; i < 300; i++)
        check_ok(put(&pair, 1, 2, 200));
    weft__line_beat(pair.client, false);
    weft__line_beat(pair.client, false);
    check_true(memcmp(was, stretch.data, stretch.size) == 0);
    weft__line_written(pair.client, stretch.size);
    pair_close(&pair);
}

/* --- acknowledgements --------------------------------------------------------------------------- */

static void an_acknowledgement_leaves_with_the_next_stretch(void **state)
{
    struct pair pair;
    (void)state;
    pair_open(&pair, &roomy);
    check_ok(put(&pair, 1, 1, 100));
    check_str(carry(&pair, pair.client, pair.node), " 1");
    check_eq(write_one(&pair, pair.node), 0); /* not by itself */
    check_ok(put_by_node(&pair, 7));
    check_eq(write_all(&pair, pair.node), 32);
    check_str(read_all(&pair, pair.client, true), " 7");
    check_eq(weft__line_unacknowledged(pair.client), 0);
    check_ok(put_by_node(&pair, 8));
    check_eq(write_all(&pair, pair.node), 16); /* and once */
    pair_close(&pair);
}

static void an_acknowledgement_leaves_by_itself_after_256_frames_or_64_kib(void **state)
{
    struct pair pair;
    (void)state;
    pair_open(&pair, &roomy);
    for (unsigned i = 1; i <= 256; i++) {
        check_ok(put(&pair, 1, 1, 10));
        check_str(carry(&pair, pair.client, pair.node), " 1");
        check_eq(write_one(&pair, pair.node), i == 256 ? 16 : 0);
    }
    (void)read_all(&pair, pair.client, true);
    check_eq(weft__line_unacknowledged(pair.client), 0);
    for (unsigned i = 1; i <= 8; i++) {
        check_ok(put_kib(&pair, 1, 1, 8));
        check_str(carry(&pair, pair.client, pair.node), " 1");
        check_eq(write_one(&pair, pair.node), i == 8 ? 16 : 0);
    }
    pair_close(&pair);
}

static void what_was_read_is_acknowledged_when_it_was_dealt_with(void **state)
{
    struct line_limits small = {.window_bytes = 4 * KIB, .waiting_bytes = 64 * KIB, .frame_max = 2048 * KIB};
    struct pair pair;
    (void)state;
    pair_open(&pair, &small);
    check_ok(put_kib(&pair, 1, 1, 2));
    check_ok(put_kib(&pair, 1, 2, 2));
    (void)write_all(&pair, pair.client);
    check_str(read_all(&pair, pair.node, false), " 1 2");
    weft__line_count(pair.node, 1);
    check_eq(write_all(&pair, pair.node), 16);
    (void)read_all(&pair, pair.client, true);
    check_eq(weft__line_unacknowledged(pair.client), 1);
    check_eq(write_all(&pair, pair.node), 0);
    weft__line_count(pair.node, 1);
    check_eq(write_all(&pair, pair.node), 16); /* its bytes were not forgotten with the first */
    pair_close(&pair);
}

static void a_beat_that_wants_an_answer_gets_it_at_once(void **state)
{
    struct pair pair;
    (void)state;
    pair_open(&pair, &roomy);
    weft__line_beat(pair.client, true);
    check_str(carry(&pair, pair.client, pair.node), "");
    check_eq(write_all(&pair, pair.node), 16);
    check_str(read_all(&pair, pair.client, true), "");
    check_eq(write_all(&pair, pair.client), 0);
    pair_close(&pair);
}

/* --- bounds ------------------------------------------------------------------------------------- */

static void nothing_leaves_beyond_the_window(void **state)
{
    struct line_limits small = {.window_bytes = 8 * KIB, .waiting_bytes = 64 * KIB, .frame_max = 2048 * KIB};
    struct pair pair;
    (void)state;
    pair_open(&pair, &small);
    for (unsigned i = 1; i <= 12; i++) {
        check_ok(put(&pair, 1, i, KIB));
        (void)write_all(&pair, pair.client);
    }
    check_str(read_all(&pair, pair.node, true), " 1 2 3 4 5 6 7 8");
    weft__line_beat(pair.client, false); /* which needs no window */
    check_eq(write_all(&pair, pair.client), 16);
    check_str(read_all(&pair, pair.node, true), "");
    check_eq(write_all(&pair, pair.node), 16);
    check_str(read_all(&pair, pair.client, true), "");
    check_str(carry(&pair, pair.client, pair.node), " 9 10 11 12");
    pair_close(&pair);
}

static void a_line_is_full_until_half_of_what_waits_has_left(void **state)
{
    struct line_limits small = {.window_bytes = 1024 * KIB, .waiting_bytes = 128 * KIB, .frame_max = 2048 * KIB};
    struct pair pair;
    unsigned count = 0;
    (void)state;
    pair_open(&pair, &small);
    check_true(weft__line_roomy(pair.client));
    for (; !weft__line_full(pair.client); count++)
        check_ok(put_kib(&pair, 1, 1, 4));
    check_eq(count, 32);
    check_true(!weft__line_roomy(pair.client));
    check_true(write_one(&pair, pair.client) > 0);
    check_true(!weft__line_full(pair.client) && !weft__line_roomy(pair.client));
    check_true(write_one(&pair, pair.client) > 0);
    check_true(weft__line_roomy(pair.client));
    pair_close(&pair);
}

/* --- large frames ------------------------------------------------------------------------------- */

static void small_frames_overtake_a_large_one_but_not_in_its_lane(void **state)
{
    struct pair pair;
    (void)state;
    pair_open(&pair, &roomy);
    check_ok(put(&pair, 1, 1, 10));
    check_ok(put_kib(&pair, 1, 2, 100));
    check_ok(put(&pair, 1, 3, 10));
    check_ok(put(&pair, 2, 4, 10));
    check_ok(put_kib(&pair, 1, 5, 70));
    check_ok(put(&pair, 1, 6, 10));
    check_ok(put_kib(&pair, 3, 7, 66));
    check_ok(put(&pair, 3, 8, 10));
    check_str(carry(&pair, pair.client, pair.node), " 1 4 2 3 5 6 7 8");
    check_eq(weft__line_received(pair.node), 8);
    acknowledge(&pair);
    check_eq(weft__line_unacknowledged(pair.client), 0);
    pair_close(&pair);
}

static void what_goes_behind_all_overtakes_nothing(void **state)
{
    struct pair pair;
    (void)state;
    pair_open(&pair, &roomy);
    check_ok(put_kib(&pair, 1, 1, 66)); /* its parts are out before all of the others */
    for (unsigned i = 2; i <= 9; i++)
        check_ok(put_kib(&pair, 2, i, 30));
    check_ok(put(&pair, LINE_BEHIND_ALL, 10, 10));
    check_ok(put(&pair, 2, 11, 10));
    check_str(carry(&pair, pair.client, pair.node), " 2 3 4 5 6 7 8 9 11 1 10");
    pair_close(&pair);
}

static void a_large_frame_does_not_overtake_what_was_put_before_it(void **state)
{
    struct pair pair;
    (void)state;
    pair_open(&pair, &roomy);
    for (unsigned i = 1; i <= 20; i++)
        check_ok(put_kib(&pair, 9, i, 30)); /* two blocks of 64 KiB hold four of them */
    check_ok(put_kib(&pair, 9, 21, 66));
    check_str(carry(&pair, pair.client, pair.node), " 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21");
    pair_close(&pair);
}

static void a_part_comes_after_each_stretch_of_others_and_the_last_one_too(void **state)
{
    struct pair pair;
    (void)state;
    pair_open(&pair, &roomy);
    check_ok(put_kib(&pair, 1, 1, 96)); /* four parts: it has a head */
    for (unsigned i = 0; i < 10; i++) {
        size_t size = write_one(&pair, pair.client);
        check_true(size <= 12 + LINE_PART_BYTES);
        check_eq(size > KIB, i == 0 || i == 2 || i == 4);
        check_ok(put(&pair, 2, 2, 10)); /* always something else, too */
    }
    check_str(read_all(&pair, pair.node, true), " 2 2 2 2 2 2 1 2 2 2");
    pair_close(&pair);
}

static void a_large_frame_holds_its_message_until_it_is_acknowledged(void **state)
{
    struct pair pair;
    unsigned char bytes[80 * KIB];
    (void)state;
    pair_open(&pair, &roomy);
    memset(bytes, 1, sizeof bytes);
    struct message *message = weft__message_new(&weft__mem_libc, bytes, sizeof bytes, NULL);
    weft_bytes payload = {message->bytes, message->size_bytes};
    check_ok(put_bytes(pair.client, 1, 1, (weft_bytes){message->bytes, 100}, message)); /* a small one is a copy */
    check_eq(atomic_load(&message->refs), 1);
    check_ok(put_bytes(pair.client, 1, 1, payload, message));
    check_eq(atomic_load(&message->refs), 2);
    check_true(weft__line_bytes(pair.client) > sizeof bytes);
    check_str(carry(&pair, pair.client, pair.node), " 1 1");
    check_eq(atomic_load(&message->refs), 2);
    acknowledge(&pair);
    check_eq(atomic_load(&message->refs), 1);
    weft__message_drop(message);
    pair_close(&pair);
}

static void a_frame_over_frame_max_is_refused(void **state)
{
    struct line_limits limits = {.window_bytes = KIB, .waiting_bytes = KIB, .frame_max = 100000};
    struct pair pair;
    (void)state;
    pair_open(&pair, &limits);
    check_ok(put(&pair, 1, 1, 100000 - 16));
    check_err(put(&pair, 1, 1, 100000 - 15), WEFT_ELIMIT);
    check_eq(weft__line_unacknowledged(pair.client), 1);
    check_str(carry(&pair, pair.client, pair.node), " 1");
    pair_close(&pair);
}

/* --- connections -------------------------------------------------------------------------------- */

static void what_is_missing_comes_again_and_nothing_else(void **state)
{
    struct pair pair;
    (void)state;
    pair_open(&pair, &roomy);
    for (unsigned i = 1; i <= 6; i++)
        check_ok(put(&pair, 1, i, 100));
    (void)write_all(&pair, pair.client);
    pair.wire_size = (size_t)3 * 116; /* the second half is lost */
    check_str(read_all(&pair, pair.node, true), " 1 2 3");
    cut(&pair);
    check_ok(put(&pair, 1, 7, 100));
    again(&pair);
    check_eq(weft__line_unacknowledged(pair.client), 4);
    check_str(carry(&pair, pair.client, pair.node), " 4 5 6 7");
    pair_close(&pair);
}

static void large_frames_begin_anew_and_keep_their_place(void **state)
{
    struct pair pair;
    (void)state;
    pair_open(&pair, &roomy);
    check_ok(put_kib(&pair, 1, 1, 100));
    check_ok(put(&pair, 1, 2, 10));
    check_ok(put_kib(&pair, 1, 3, 70));
    check_ok(put(&pair, 2, 4, 10));
    for (unsigned i = 0; i < 8; i++) /* 4, four parts of 1, 2, two of the three of 3 */
        check_true(write_one(&pair, pair.client) > 0);
    cut(&pair);
    again(&pair);
    check_str(carry(&pair, pair.client, pair.node), " 4 1 2 3");
    cut(&pair);
    again(&pair);
    check_str(carry(&pair, pair.client, pair.node), "");
    check_eq(weft__line_unacknowledged(pair.client), 0);
    pair_close(&pair);
}

static void half_a_large_frame_is_forgotten_with_its_connection(void **state)
{
    struct pair pair;
    (void)state;
    pair_open(&pair, &roomy);
    check_ok(put_kib(&pair, 1, 1, 100));
    (void)write_one(&pair, pair.client);
    check_str(read_all(&pair, pair.node, true), "");
    check_true(weft__line_bytes(pair.node) > LINE_PART_BYTES);
    cut(&pair);
    check_true(weft__line_bytes(pair.node) < IDLE_BYTES);
    again(&pair);
    check_str(carry(&pair, pair.client, pair.node), " 1");
    pair_close(&pair);
}

static void a_write_outlives_its_connection(void **state)
{
    struct pair pair;
    unsigned char was[300];
    (void)state;
    pair_open(&pair, &roomy);
    check_ok(put(&pair, 1, 1, 200));
    weft_bytes stretch = weft__line_write(pair.client);
    memcpy(was, stretch.data, stretch.size);
    cut(&pair);
    check_ok(put(&pair, 1, 2, 200));
    again(&pair);
    check_eq(weft__line_write(pair.client).size, 0); /* not before the old one is over */
    check_true(memcmp(was, stretch.data, stretch.size) == 0);
    weft__line_written(pair.client, 100);
    check_str(carry(&pair, pair.client, pair.node), " 1 2");
    pair_close(&pair);
}

static void what_was_not_dealt_with_comes_again(void **state)
{
    struct pair pair;
    (void)state;
    pair_open(&pair, &roomy);
    for (unsigned i = 1; i <= 4; i++)
        check_ok(put(&pair, 1, i, 100));
    (void)write_all(&pair, pair.client);
    check_str(read_all(&pair, pair.node, false), " 1 2 3 4");
    weft__line_count(pair.node, 3);
    cut(&pair);
    again(&pair);
    check_str(carry(&pair, pair.client, pair.node), " 4");
    check_eq(weft__line_received(pair.node), 4);
    check_eq(write_all(&pair, pair.node), 0); /* three were told at once, and one is not worth a beat */
    for (unsigned i = 1; i <= 16; i++) {
        check_ok(put_kib(&pair, 1, 5, 8));
        check_str(carry(&pair, pair.client, pair.node), " 5");
        check_eq(write_all(&pair, pair.node), i % 8 ? 0 : 16); /* and no more of them than before */
        pair.wire_size = 0;
    }
    pair_close(&pair);
}

static void a_count_that_cannot_be_is_refused(void **state)
{
    struct pair pair;
    (void)state;
    pair_open(&pair, &roomy);
    for (unsigned i = 1; i <= 3; i++)
        check_ok(put(&pair, 1, i, 100));
    (void)carry(&pair, pair.client, pair.node);
    acknowledge(&pair);
    check_ok(put(&pair, 1, 4, 100)); /* never handed out */
    cut(&pair);
    check_err(weft__line_up(pair.client, 2), WEFT_EINVAL);
    check_err(weft__line_up(pair.client, 4), WEFT_EINVAL);
    check_eq(weft__line_write(pair.client).size, 0);
    check_ok(weft__line_up(pair.client, 3));
    check_ok(weft__line_up(pair.node, 0));
    check_str(carry(&pair, pair.client, pair.node), " 4");
    pair_close(&pair);
}

/* What overtook it was out, and is out again before its last part: it has a number, and the large one has none. */
static void a_large_frame_that_begins_anew_stays_behind_what_overtook_it(void **state)
{
    struct pair pair;
    (void)state;
    pair_open(&pair, &roomy);
    for (unsigned i = 1; i <= 6; i++) /* three blocks */
        check_ok(put_kib(&pair, 9, i, 31));
    (void)write_all(&pair, pair.client);
    check_ok(put_kib(&pair, 1, 7, 70)); /* three parts */
    check_ok(put_kib(&pair, 2, 8, 31)); /* in another block */
    for (int i = 0; i < 3; i++)
        check_true(write_one(&pair, pair.client) > 0);
    cut(&pair);
    again(&pair);
    check_str(carry(&pair, pair.client, pair.node), " 1 2 3 4 5 6 8 7");
    pair_close(&pair);
}

static void frames_of_the_connection_come_first_and_before_it_is_up(void **state)
{
    struct pair pair;
    struct frame hello = {.kind = FRAME_HELLO, .hello = {.lowest = 1, .highest = 1, .epoch = 1}}, got;
    char sentence[FRAME_SENTENCE_MAX];
    size_t need;
    (void)state;
    pair_open(&pair, &roomy);
    check_ok(put(&pair, 1, 1, 100));
    cut(&pair);
    check_eq(weft__line_write(pair.client).size, 0);
    check_ok(weft__line_put_now(pair.client, &hello));
    check_eq(write_all(&pair, pair.client), weft__frame_size(&hello));
    weft_bytes bytes = {pair.wire, pair.wire_size};
    check_ok(weft__line_read(pair.node, &bytes, &got, &need, sentence));
    check_eq(got.kind, FRAME_HELLO);
    check_eq(weft__line_received(pair.node), 0);
    check_ok(weft__line_put_now(pair.client, &hello));
    weft__line_down(pair.client); /* forgotten */
    pair.wire_size = 0;
    again(&pair);
    check_str(carry(&pair, pair.client, pair.node), " 1");
    pair_close(&pair);
}

/* --- what a peer must not send ------------------------------------------------------------------ */

/* The node reads these frames of a client; the sentence of the one that it refuses, or "". */
static const char *node_reads(struct pair *pair, const struct frame *frames, size_t count)
{
    static char sentence[FRAME_SENTENCE_MAX];
    unsigned char *end = pair->wire;
    struct frame frame;
    size_t need;
    weft_error error;
    for (size_t i = 0; i < count; i++)
        end = weft__frame_write(&frames[i], false, end);
    weft_bytes bytes = {pair->wire, (size_t)(end - pair->wire)};
    sentence[0] = '\0';
    while (!(error = weft__line_read(pair->node, &bytes, &frame, &need, sentence)))
        weft__line_count(pair->node, 1);
    check_err(error, sentence[0] ? WEFT_EPROTOCOL : WEFT_EAGAIN);
    weft__line_down(pair->node);
    check_true(weft__line_bytes(pair->node) < UINT64_C(2) * IDLE_BYTES);
    return sentence;
}

static struct frame part(bool first, bool last, uint32_t total, uint32_t size)
{
    static unsigned char bytes[64 * KIB];
    return (struct frame){.kind = FRAME_PART,
                          .part = {.first = first, .last = last, .total = total, .bytes = {bytes, size}}};
}

static void bad_parts_are_refused(void **state)
{
    const uint32_t large = 70000, half = 35000;
    const struct {
        struct frame frames[2];
        size_t count;
        const char *sentence;
    } cases[] = {
        {{part(true, false, large, half), part(true, false, large, half)},
         2,
         "a part begins a large frame within another"},
        {{part(false, false, large, half)}, 1, "a part of no large frame"},
        {{part(true, false, 2048 * KIB + 1, half)}, 1, "a large frame of 2097153 bytes, where 2097152 are allowed"},
        {{part(true, false, 65536, half)}, 1, "a frame in parts that is small enough to come whole"},
        {{part(true, false, large, 0)}, 1, "the parts of a large frame are not as long as it is"},
        {{part(true, false, large, half), part(false, true, 0, half - 1)},
         2,
         "the parts of a large frame are not as long as it is"},
        {{part(true, false, large, half), part(false, false, 0, half)},
         2,
         "the parts of a large frame are not as long as it is"},
        {{part(true, false, large, half), part(false, false, 0, half + 1)},
         2,
         "the parts of a large frame are not as long as it is"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pair pair;
        pair_open(&pair, &roomy);
        check_str(node_reads(&pair, cases[i].frames, cases[i].count), cases[i].sentence);
        pair_close(&pair);
    }
}

/* Two parts that are a frame of that kind, whose body is told to have so many bytes. */
static const char *node_reads_whole(enum frame_kind kind, uint32_t body)
{
    static char sentence[FRAME_SENTENCE_MAX];
    static unsigned char bytes[70000];
    struct frame frames[2] = {part(true, false, sizeof bytes, 35000), part(false, true, 0, 35000)};
    struct pair pair;
    memset(bytes, 0, sizeof bytes);
    for (unsigned i = 0; i < 4; i++)
        bytes[i] = (unsigned char)(body >> 8 * i);
    bytes[4] = (unsigned char)kind;
    frames[0].part.bytes.data = bytes;
    frames[1].part.bytes.data = bytes + 35000;
    pair_open(&pair, &roomy);
    memcpy(sentence, node_reads(&pair, frames, 2), sizeof sentence);
    pair_close(&pair);
    return sentence;
}

static void a_large_frame_that_is_none_is_refused(void **state)
{
    (void)state;
    check_str(node_reads_whole(FRAME_PARTIAL, 70000 - 8), "");
    check_str(node_reads_whole(FRAME_PARTIAL, 70000), "a large frame is longer than its parts");
    check_str(node_reads_whole(FRAME_PARTIAL, 60000), "a large frame is shorter than its parts");
    check_true(*node_reads_whole(FRAME_PART, 70000 - 8));
    check_true(*node_reads_whole(FRAME_BEAT, 70000 - 8));
    check_true(*node_reads_whole((enum frame_kind)255, 70000 - 8));
}

static void an_acknowledgement_of_what_was_not_sent_is_refused(void **state)
{
    struct frame beat = {.kind = FRAME_BEAT, .beat = {.received = 2}};
    struct pair pair;
    (void)state;
    pair_open(&pair, &roomy);
    check_ok(put_by_node(&pair, 1));
    (void)write_all(&pair, pair.node);
    check_ok(put_by_node(&pair, 2));
    pair.wire_size = 0;
    check_str(node_reads(&pair, &beat, 1), "2 frames are acknowledged, and 1 were sent");
    pair_close(&pair);
}

static void an_older_acknowledgement_says_nothing(void **state)
{
    struct frame beats[2] = {{.kind = FRAME_BEAT, .beat = {.received = 1}}, {.kind = FRAME_BEAT}};
    struct pair pair;
    (void)state;
    pair_open(&pair, &roomy);
    check_ok(put_by_node(&pair, 1));
    (void)write_all(&pair, pair.node);
    pair.wire_size = 0;
    check_str(node_reads(&pair, beats, 2), "");
    check_eq(weft__line_unacknowledged(pair.node), 0);
    pair_close(&pair);
}

static void frames_of_a_session_wait_for_the_greeting(void **state)
{
    struct frame beat = {.kind = FRAME_BEAT}, alive = {.kind = FRAME_ALIVE}, large = part(true, false, 70000, 100);
    struct pair pair;
    (void)state;
    pair_open(&pair, &roomy);
    weft__line_down(pair.node);
    check_str(node_reads(&pair, &beat, 1), "a frame before the greeting");
    check_str(node_reads(&pair, &alive, 1), "a frame before the greeting");
    check_str(node_reads(&pair, &large, 1), "a frame before the greeting");
    pair_close(&pair);
}

static void what_is_announced_costs_nothing_until_it_comes(void **state)
{
    struct frame frame = part(true, false, 2048 * KIB, 100), got;
    struct pair pair;
    char sentence[FRAME_SENTENCE_MAX];
    size_t need;
    (void)state;
    pair_open(&pair, &roomy);
    for (uint32_t have = 100; have < 1000 * KIB; have += 60000) {
        size_t size = (size_t)(weft__frame_write(&frame, false, pair.wire) - pair.wire);
        weft_bytes bytes = {pair.wire, size};
        check_err(weft__line_read(pair.node, &bytes, &got, &need, sentence), WEFT_EAGAIN);
        check_true(weft__line_bytes(pair.node) <= 2 * have + 65 * KIB);
        frame = part(false, false, 0, 60000);
    }
    weft__line_down(pair.node);
    check_true(weft__line_bytes(pair.node) <= IDLE_BYTES);
    pair_close(&pair);
}

/* --- memory ------------------------------------------------------------------------------------- */

static void without_memory_nothing_has_changed(void **state)
{
    const size_t sizes[] = {10, 60000, 100000};
    struct pair pair;
    (void)state;
    pair_open(&pair, &roomy);
    for (unsigned i = 0; i < 3; i++) {
        weft_error error = WEFT_ENOMEM;
        for (uint64_t nth = 1; error; nth++) {
            uint64_t bytes = weft__line_bytes(pair.client);
            failmem_fail_once(&pair.failmem, nth);
            error = put(&pair, 1, i + 1, sizes[i]);
            failmem_fail_once(&pair.failmem, 0);
            if (!error) break;
            check_err(error, WEFT_ENOMEM);
            check_eq(weft__line_bytes(pair.client), bytes);
            check_eq(weft__line_unacknowledged(pair.client), i);
        }
    }
    struct frame goodbye = {.kind = FRAME_GOODBYE};
    failmem_fail_once(&pair.failmem, 1);
    check_err(weft__line_put_now(pair.client, &goodbye), WEFT_ENOMEM);
    failmem_fail_from(&pair.failmem, 1);
    check_true(write_all(&pair, pair.client) > 160000); /* writing needs none */
    failmem_fail_once(&pair.failmem, 0);
    check_str(read_all(&pair, pair.node, true), " 1 2 3");
    pair_close(&pair);
}

static void a_part_without_memory_is_read_again(void **state)
{
    struct pair pair;
    struct frame frame;
    char sentence[FRAME_SENTENCE_MAX];
    size_t need;
    (void)state;
    pair_open(&pair, &roomy);
    check_ok(put_kib(&pair, 1, 1, 300));
    (void)write_all(&pair, pair.client);
    weft_bytes bytes = {pair.wire, pair.wire_size};
    failmem_fail_from(&pair.failmem, 2);
    check_err(weft__line_read(pair.node, &bytes, &frame, &need, sentence), WEFT_ENOMEM);
    check_true(bytes.size > 0 && bytes.size < pair.wire_size);
    check_err(weft__line_read(pair.node, &bytes, &frame, &need, sentence), WEFT_ENOMEM);
    failmem_fail_once(&pair.failmem, 0);
    check_ok(weft__line_read(pair.node, &bytes, &frame, &need, sentence));
    check_eq(frame.said.payload.size, (size_t)300 * KIB);
    pair_close(&pair);
}

static void an_idle_line_costs_next_to_nothing(void **state)
{
    struct pair pair;
    (void)state;
    pair_open(&pair, &roomy);
    for (unsigned i = 0; i < 100; i++)
        check_ok(put_kib(&pair, 1, 1, 10));
    check_true(weft__line_bytes(pair.client) > 1000000);
    (void)carry(&pair, pair.client, pair.node);
    acknowledge(&pair);
    check_true(weft__line_bytes(pair.client) < 200000); /* some is kept for what may come */
    weft__line_beat(pair.client, false);
    check_true(weft__line_bytes(pair.client) > 60000);
    weft__line_beat(pair.client, false);
    check_true(weft__line_bytes(pair.client) <= IDLE_BYTES);
    check_ok(put(&pair, 1, 1, 100)); /* and one with little to do costs little */
    check_true(weft__line_bytes(pair.client) <= UINT64_C(2) * IDLE_BYTES);
    pair_close(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_arrive_once_and_in_order),
        cmocka_unit_test(what_is_put_during_a_write_leaves_together_behind_it),
        cmocka_unit_test(the_rest_of_a_write_comes_again_before_anything_else),
        cmocka_unit_test(an_early_acknowledgement_leaves_a_write_its_bytes),
        cmocka_unit_test(an_acknowledgement_leaves_with_the_next_stretch),
        cmocka_unit_test(an_acknowledgement_leaves_by_itself_after_256_frames_or_64_kib),
        cmocka_unit_test(what_was_read_is_acknowledged_when_it_was_dealt_with),
        cmocka_unit_test(a_beat_that_wants_an_answer_gets_it_at_once),
        cmocka_unit_test(nothing_leaves_beyond_the_window),
        cmocka_unit_test(a_line_is_full_until_half_of_what_waits_has_left),
        cmocka_unit_test(small_frames_overtake_a_large_one_but_not_in_its_lane),
        cmocka_unit_test(what_goes_behind_all_overtakes_nothing),
        cmocka_unit_test(a_large_frame_does_not_overtake_what_was_put_before_it),
        cmocka_unit_test(a_part_comes_after_each_stretch_of_others_and_the_last_one_too),
        cmocka_unit_test(a_large_frame_holds_its_message_until_it_is_acknowledged),
        cmocka_unit_test(a_frame_over_frame_max_is_refused),
        cmocka_unit_test(what_is_missing_comes_again_and_nothing_else),
        cmocka_unit_test(large_frames_begin_anew_and_keep_their_place),
        cmocka_unit_test(half_a_large_frame_is_forgotten_with_its_connection),
        cmocka_unit_test(a_write_outlives_its_connection),
        cmocka_unit_test(what_was_not_dealt_with_comes_again),
        cmocka_unit_test(a_count_that_cannot_be_is_refused),
        cmocka_unit_test(a_large_frame_that_begins_anew_stays_behind_what_overtook_it),
        cmocka_unit_test(frames_of_the_connection_come_first_and_before_it_is_up),
        cmocka_unit_test(bad_parts_are_refused),
        cmocka_unit_test(a_large_frame_that_is_none_is_refused),
        cmocka_unit_test(an_acknowledgement_of_what_was_not_sent_is_refused),
        cmocka_unit_test(an_older_acknowledgement_says_nothing),
        cmocka_unit_test(frames_of_a_session_wait_for_the_greeting),
        cmocka_unit_test(what_is_announced_costs_nothing_until_it_comes),
        cmocka_unit_test(without_memory_nothing_has_changed),
        cmocka_unit_test(a_part_without_memory_is_read_again),
        cmocka_unit_test(an_idle_line_costs_next_to_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
