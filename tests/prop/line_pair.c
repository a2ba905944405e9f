/* Two lines and a wire between them that breaks at any byte, loses what is under way, and comes again; with small windows,
 * frames of all sizes, and memory that is refused now and then. Promises:
 *   - each frame that was put arrives once, as it was, and in the order of its lane, or behind all that was put before; also
 *     where a write, a large frame or the dealing with what was read was under way when the wire broke
 *   - bytes that are handed out for writing stay as they are until the write is over
 *   - what is refused for want of memory has changed nothing
 *   - memory is bounded; an idle line has next to nothing; at the end all of it has come back
 *   - nobody waits for ever: without a beat from outside everything arrives, however small the window
 *
 * Prints its seed first; line_pair SEED runs that again, line_pair SEED WORLDS more of it. */
#include "lib/check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <weft/weft.h>

#include "frame/line.h"
#include "lib/failmem.h"
#include "sim/rng.h"

enum {
    LANES = 5,
    BEHIND_ALL = LANES - 1,
    PENDING_MAX = 64,
    STEPS = 4000,
    WIRE_MAX = 1 << 20,
    IDLE_BYTES = 1024,
    SIZE_LARGEST = 300000,
    FRAME_MAX = 310000,
    BLOCK = 66000,
    STRETCH_MAX = 70000
};

static uint64_t chosen_seed;
static unsigned worlds = 40;

struct tag {
    uint64_t lane, number;
    uint64_t before[LANES]; /* what had been put */
};

struct end {
    struct line *line;
    struct end *other;
    char by;
    uint64_t put[LANES];          /* frames, of each lane */
    uint64_t dealt[LANES];        /* of the other's */
    struct tag read[PENDING_MAX]; /* and not yet dealt with */
    unsigned read_count;
    unsigned char *wire;    /* what comes to it */
    size_t wire_size, seen; /* bytes; of these it has so many */
    weft_bytes write;       /* under way */
    unsigned char *write_was;
    size_t write_size; /* of it that the wire takes */
    bool wire_has_it, stale;
};

struct world {
    struct rng rng;
    struct failmem failmem;
    struct line_limits limits;
    struct end ends[2];
    unsigned large_once_in, failing_once_in, cut_once_in, put_once_in, written_once_in, deal_once_in;
    bool up;
    uint64_t frames, larges, cuts, refused;
};

static unsigned char pattern(const struct tag *tag, size_t i)
{
    return (unsigned char)(tag->lane * 50 + tag->number * 7 + i * 3 + (i >> 8));
}

/* --- putting ---------------------------------------------------------------------------------- */

static size_t some_size(struct world *world)
{
    struct rng *rng = &world->rng;
    if (rng_once_in(rng, world->large_once_in))
        return rng_between(rng, 60000, rng_once_in(rng, 2) ? 150000 : SIZE_LARGEST);
    if (rng_once_in(rng, 50)) return rng_between(rng, 65480, 65560);
    if (rng_once_in(rng, 8)) return rng_between(rng, 1000, 20000);
    return rng_between(rng, sizeof(struct tag), 300);
}

static struct frame frame_of(const struct end *end, const struct tag *tag, weft_bytes payload)
{
    if (end->by == 'C') return (struct frame){.kind = FRAME_PARTIAL, .said = {.task = tag->lane, .payload = payload}};
    return (struct frame){
        .kind = FRAME_UPDATE,
        .update = {.call = tag->lane, .kind = WEFT_UPDATE_PARTIAL, .attempt = 1, .number = 1, .payload = payload}};
}

static void put(struct world *world, struct end *end)
{
    struct tag tag = {.lane = rng_below(&world->rng, LANES)};
    size_t size = some_size(world);
    bool failing = rng_once_in(&world->rng, world->failing_once_in);
    if (weft__line_full(end->line)) return;
    tag.number = end->put[tag.lane];
    memcpy(tag.before, end->put, sizeof tag.before);
    unsigned char *bytes = malloc(size);
    memcpy(bytes, &tag, sizeof tag);
    for (size_t i = sizeof tag; i < size; i++)
        bytes[i] = pattern(&tag, i);
    struct message *message =
        rng_once_in(&world->rng, 2) ? weft__message_new(&weft__mem_libc, bytes, size, NULL) : NULL;
    struct frame frame = frame_of(end, &tag, (weft_bytes){message ? message->bytes : bytes, size});
    uint64_t before = weft__line_unacknowledged(end->line), had = weft__line_bytes(end->line);
    if (failing) failmem_fail_once(&world->failmem, rng_between(&world->rng, 1, 2));
    weft_error error = weft__line_put(end->line, tag.lane == BEHIND_ALL ? LINE_BEHIND_ALL : tag.lane, &frame, message);
    failmem_fail_once(&world->failmem, 0);
    free(bytes);
    weft__message_drop(message);
    if (error) {
        check_err(error, WEFT_ENOMEM);
        check_true(failing);
        check_eq(weft__line_unacknowledged(end->line), before);
        check_eq(weft__line_bytes(end->line), had);
        world->refused++;
        return;
    }
    check_eq(weft__line_unacknowledged(end->line), before + 1);
    end->put[tag.lane]++;
    world->frames++;
    world->larges += size > FRAME_BODY_MAX;
}

/* --- the wire --------------------------------------------------------------------------------- */

static void to_wire(struct end *end)
{
    struct end *other = end->other;
    check_true(other->wire_size + end->write_size <= WIRE_MAX);
    memcpy(other->wire + other->wire_size, end->write_was, end->write_size);
    other->wire_size += end->write_size;
    end->wire_has_it = true;
}

static bool begin_write(struct world *world, struct end *end)
{
    if (end->write.size || end->other->wire_size > WIRE_MAX - STRETCH_MAX) return false;
    end->write = weft__line_write(end->line);
    if (!end->write.size) return false;
    check_true(end->write.size <= STRETCH_MAX);
    memcpy(end->write_was, end->write.data, end->write.size);
    end->write_size =
        rng_once_in(&world->rng, 3) ? rng_between(&world->rng, 1, (uint32_t)end->write.size) : end->write.size;
    end->wire_has_it = end->stale = false;
    if (rng_once_in(&world->rng, 2)) to_wire(end);
    return true;
}

static bool end_write(struct end *end)
{
    if (!end->write.size) return false;
    check_true(memcmp(end->write.data, end->write_was, end->write.size) == 0);
    if (!end->wire_has_it && !end->stale) to_wire(end);
    weft__line_written(end->line, end->write_size);
    end->write = (weft_bytes){0};
    return true;
}

/* --- reading ---------------------------------------------------------------------------------- */

static void take_frame(struct end *end, const struct frame *frame)
{
    weft_bytes payload = weft__frame_payload(frame);
    struct tag tag;
    check_true(payload.size >= sizeof tag);
    memcpy(&tag, payload.data, sizeof tag);
    check_true(tag.lane < LANES);
    check_eq(frame->kind == FRAME_PARTIAL ? frame->said.task : frame->update.call, tag.lane);
    const unsigned char *bytes = payload.data;
    size_t i = sizeof tag;
    while (i < payload.size && bytes[i] == pattern(&tag, i))
        i++;
    check_eq(i, payload.size);
    end->read[end->read_count++] = tag;
}

static bool deal(struct end *end, unsigned count)
{
    if (count > end->read_count) count = end->read_count;
    for (unsigned i = 0; i < count; i++) {
        const struct tag *tag = &end->read[i];
        for (int lane = 0; lane < LANES && tag->lane == BEHIND_ALL; lane++)
            check_true(end->dealt[lane] >= tag->before[lane]);
        check_eq(tag->number, end->dealt[tag->lane]++);
    }
    weft__line_count(end->line, count);
    end->read_count -= count;
    memmove(end->read, end->read + count, end->read_count * sizeof *end->read);
    return count > 0;
}

static bool read(struct world *world, struct end *end)
{
    weft_bytes bytes = {end->wire, end->seen};
    weft_error error = WEFT_OK;
    if (rng_once_in(&world->rng, world->failing_once_in)) failmem_fail_once(&world->failmem, 1);
    while (end->read_count < PENDING_MAX) {
        struct frame frame;
        char sentence[FRAME_SENTENCE_MAX] = "";
        size_t need = 0;
        error = weft__line_read(end->line, &bytes, &frame, &need, sentence);
        check_str(sentence, "");
        if (error) {
            check_true(error == WEFT_ENOMEM || (error == WEFT_EAGAIN && need > bytes.size));
            break;
        }
        check_true(frame.kind >= LINE_COUNTED);
        take_frame(end, &frame);
    }
    failmem_fail_once(&world->failmem, 0);
    size_t done = end->seen - bytes.size;
    memmove(end->wire, end->wire + done, end->wire_size - done);
    end->wire_size -= done;
    end->seen -= done;
    return done > 0;
}

static bool see(struct end *end, size_t bytes)
{
    if (bytes > end->wire_size - end->seen) bytes = end->wire_size - end->seen;
    end->seen += bytes;
    return bytes > 0;
}

/* --- connections ------------------------------------------------------------------------------ */

static void connect(struct world *world)
{
    uint64_t received[2];
    for (int i = 0; i < 2; i++)
        received[i] = weft__line_received(world->ends[i].line);
    for (int i = 0; i < 2; i++)
        check_ok(weft__line_up(world->ends[i].line, received[!i]));
    world->up = true;
}

/* Some of what is under way may still be read; what was read may be dealt with, or else it comes again. */
static void cut(struct world *world)
{
    for (int i = 0; i < 2; i++) {
        struct end *end = &world->ends[i];
        if (rng_once_in(&world->rng, 2)) {
            see(end, rng_below(&world->rng, 100000));
            read(world, end);
        }
        if (rng_once_in(&world->rng, 2)) deal(end, rng_below(&world->rng, PENDING_MAX));
        end->read_count = 0;
        end->wire_size = end->seen = 0;
        end->stale = true;
        if (rng_once_in(&world->rng, 2)) end_write(end);
        weft__line_down(end->line);
    }
    world->up = false;
    world->cuts++;
}

/* --- the world -------------------------------------------------------------------------------- */

static void step(struct world *world)
{
    struct rng *rng = &world->rng;
    struct end *end = &world->ends[rng_below(rng, 2)];
    switch (rng_below(rng, 8)) {
    case 0:
    case 1:
        for (unsigned i = rng_once_in(rng, world->put_once_in) ? rng_below(rng, 8) : 0; i > 0; i--)
            put(world, end);
        break;
    case 2:
    case 3:
        if (world->up) begin_write(world, end);
        break;
    case 4:
        if (rng_once_in(rng, world->written_once_in)) end_write(end);
        break;
    case 5:
        if (world->up && see(end, rng_once_in(rng, 4) ? rng_below(rng, 40) : rng_below(rng, 100000))) read(world, end);
        break;
    case 6:
        if (rng_once_in(rng, world->deal_once_in)) deal(end, rng_below(rng, PENDING_MAX));
        break;
    default:
        if (!world->up && rng_once_in(rng, 4)) connect(world);
        if (world->up && rng_once_in(rng, world->cut_once_in)) cut(world);
        if (rng_once_in(rng, 100)) weft__line_beat(end->line, rng_once_in(rng, 2));
    }
}

static void check_memory(struct world *world)
{
    const uint64_t large = FRAME_MAX, block = BLOCK;
    uint64_t out = world->limits.window_bytes + world->limits.waiting_bytes + 2 * large + 2 * block;
    uint64_t most = 2 * out + 8 * block + large, sum = 0;
    for (int i = 0; i < 2; i++) {
        check_true(weft__line_bytes(world->ends[i].line) <= most);
        sum += weft__line_bytes(world->ends[i].line);
    }
    check_true(atomic_load(&world->failmem.live_bytes) <= sum);
}

/* Until nothing moves; no beat, nothing new. */
static void run_out(struct world *world)
{
    bool moves;
    world->failing_once_in = 0;
    do {
        moves = false;
        for (int i = 0; i < 2; i++) {
            struct end *end = &world->ends[i];
            moves |= end_write(end);
            moves |= begin_write(world, end);
            moves |= see(end, WIRE_MAX);
            moves |= read(world, end);
            moves |= deal(end, PENDING_MAX);
        }
    } while (moves);
}

static void check_all_arrived(struct world *world)
{
    for (int i = 0; i < 2; i++)
        for (int lane = 0; lane < LANES; lane++)
            check_eq(world->ends[i].dealt[lane], world->ends[!i].put[lane]);
}

static void open_end(struct world *world, int which)
{
    struct end *end = &world->ends[which];
    end->by = which ? 'N' : 'C';
    end->other = &world->ends[!which];
    end->line = weft__line_new(&world->failmem.mem, end->by, &world->limits);
    end->wire = malloc(WIRE_MAX);
    end->write_was = malloc(STRETCH_MAX);
    check_true(end->line && end->wire && end->write_was);
}

static void close_end(struct end *end)
{
    weft__line_free(end->line);
    free(end->wire);
    free(end->write_was);
}

static void run_world(struct world *world)
{
    static const uint32_t sizes[] = {64, 2000, 20000, 100000, 1000000};
    struct rng *rng = &world->rng;
    failmem_init(&world->failmem);
    world->limits = (struct line_limits){
        .window_bytes = sizes[rng_below(rng, 5)], .waiting_bytes = sizes[rng_below(rng, 5)], .frame_max = FRAME_MAX};
    world->large_once_in = rng_once_in(rng, 3) ? 0 : rng_between(rng, 2, 40);
    world->failing_once_in = rng_once_in(rng, 2) ? 0 : rng_between(rng, 2, 20);
    world->cut_once_in = rng_once_in(rng, 4) ? 0 : rng_between(rng, 1, 60);
    world->put_once_in = rng_once_in(rng, 2) ? 1 : rng_between(rng, 2, 50);
    world->written_once_in = rng_once_in(rng, 2) ? 1 : rng_between(rng, 2, 30);
    world->deal_once_in = rng_once_in(rng, 2) ? 1 : rng_between(rng, 2, 60);
    open_end(world, 0);
    open_end(world, 1);
    for (unsigned i = 0; i < STEPS; i++) {
        step(world);
        check_memory(world);
    }
    if (!world->up) connect(world);
    run_out(world);
    check_all_arrived(world);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 2; i++)
            weft__line_beat(world->ends[i].line, false);
        run_out(world);
    }
    for (int i = 0; i < 2; i++) {
        check_eq(weft__line_unacknowledged(world->ends[i].line), 0);
        check_true(weft__line_bytes(world->ends[i].line) <= IDLE_BYTES);
        close_end(&world->ends[i]);
    }
    check_eq(atomic_load(&world->failmem.live_blocks), 0);
}

static void lines_lose_nothing_and_repeat_nothing_over_wires_that_break(void **state)
{
    (void)state;
    uint64_t seed = chosen_seed, frames = 0, larges = 0, cuts = 0, refused = 0;
    if (!seed && getrandom(&seed, sizeof seed, 0) != sizeof seed) fail();
    seed &= UINT64_C(0xffffffffffff);
    printf("seed %" PRIu64 "\n", seed);
    for (unsigned i = 0; i < worlds; i++) {
        static struct world world;
        memset(&world, 0, sizeof world);
        world.rng.state = seed + i;
        run_world(&world);
        frames += world.frames;
        larges += world.larges;
        cuts += world.cuts;
        refused += world.refused;
    }
    printf("%" PRIu64 " frames, of these %" PRIu64 " large; %" PRIu64 " cuts, %" PRIu64 " refused; seed %" PRIu64 "\n",
           frames, larges, cuts, refused, seed);
    check_true(frames > 0 && larges > 0 && cuts > 0 && refused > 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_lose_nothing_and_repeat_nothing_over_wires_that_break),
    };
    if (argc > 1) chosen_seed = strtoull(argv[1], NULL, 0);
    if (argc > 2) worlds = (unsigned)strtoul(argv[2], NULL, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
