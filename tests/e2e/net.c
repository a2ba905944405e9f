/* The transport with real sockets: ipc, tcp, tcp over IPv6, tls.
 *   - what is written is read, whatever the pieces; a write that cannot be done at once is done in part
 *   - a read or write ends with one call, never inside the call that began it
 *   - the other end is told, as far as the kernel knows it
 *   - close ends what is under way and what comes after, from any thread
 *   - the end of a stream is told, after the last byte, also to who was not reading then */
#include "e2e/net_lib.h"

static void both_ends_speak(void **state)
{
    (void)state;
    FOR_EACH_WAY(way)
    {
        struct pair pair;
        char bytes[16] = "";
        if (!open_pair(&pair, way)) continue;
        write_all(&pair.near, "question", 9);
        read_all(&pair.far, bytes, 9);
        check_str(bytes, "question");
        write_all(&pair.far, "answer", 7);
        read_all(&pair.near, bytes, 7);
        check_str(bytes, "answer");
        check_reason(&pair.near, "");
        close_pair(&pair);
    }
}

static void the_other_end_is_told(void **state)
{
    (void)state;
    FOR_EACH_WAY(way)
    {
        struct pair pair;
        struct pipe_peer peer;
        char expected[PIPE_ADDRESS_BYTES];
        if (!open_pair(&pair, way)) continue;
        for (int i = 0; i < 2; i++) {
            weft__pipe_peer(i ? pair.near.pipe : pair.far.pipe, &peer);
            check_eq(peer.local, way->local);
            check_eq(peer.pid, way->local ? getpid() : 0);
            check_eq(peer.uid, way->local ? (int64_t)getuid() : -1);
            check_eq(peer.gid, way->local ? (int64_t)getgid() : -1);
        }
        (void)snprintf(expected, sizeof expected, "ipc pid %d", (int)getpid());
        if (!way->local && !way->tls)
            (void)snprintf(expected, sizeof expected, "%.70s", strchr(pair.door.url, '/') + 2);
        if (way->tls) (void)snprintf(expected, sizeof expected, "127.0.0.1%s", strrchr(pair.door.url, ':'));
        if (way->tls && peer.address[0] == '[')
            (void)snprintf(expected, sizeof expected, "[::1]%s", strrchr(pair.door.url, ':'));
        check_str(peer.address, expected);
        weft__pipe_close(pair.near.pipe);
        weft__pipe_peer(pair.near.pipe, &peer);
        check_str(peer.address, expected);
        close_pair(&pair);
    }
}

/* --- large transfers ------------------------------------------------------------------------------ */

enum { LARGE = 6 * 1024 * 1024, PIECE_MAX = 200000 };

static unsigned char byte_at(size_t at)
{
    return (unsigned char)((at * 2654435761u) >> 13);
}

struct transfer {
    struct end *end;
    size_t size;
    unsigned seed;
};

static void *send_large(void *argument)
{
    struct transfer *transfer = argument;
    unsigned char *bytes = malloc(PIECE_MAX);
    for (size_t at = 0; at < transfer->size;) {
        size_t piece = 1 + roll(&transfer->seed, roll(&transfer->seed, 2) ? 100 : PIECE_MAX);
        if (piece > transfer->size - at) piece = transfer->size - at;
        for (size_t i = 0; i < piece; i++)
            bytes[i] = byte_at(at + i);
        size_t put = write_some(transfer->end, bytes, piece);
        thread_check_true(put > 0);
        at += put;
    }
    free(bytes);
    return NULL;
}

static void *receive_large(void *argument)
{
    struct transfer *transfer = argument;
    unsigned char *bytes = malloc(PIECE_MAX);
    for (size_t at = 0; at < transfer->size;) {
        size_t got = read_some(transfer->end, bytes, 1 + roll(&transfer->seed, PIECE_MAX));
        thread_check_true(got > 0);
        for (size_t i = 0; i < got; i++)
            if (bytes[i] != byte_at(at + i)) thread_check_eq(bytes[i], byte_at(at + i));
        at += got;
    }
    free(bytes);
    return NULL;
}

static void large_transfers_arrive_in_order_both_ways_at_once(void **state)
{
    (void)state;
    FOR_EACH_WAY(way)
    {
        struct pair pair;
        if (!open_pair(&pair, way)) continue;
        size_t size = way->tls ? LARGE / 4 : LARGE;
        struct transfer there = {&pair.near, size, 1}, back = {&pair.far, size, 2};
        struct transfer there_read = {&pair.far, size, 3}, back_read = {&pair.near, size, 4};
        pthread_t threads[] = {start(send_large, &there), start(receive_large, &there_read), start(send_large, &back),
                               start(receive_large, &back_read)};
        for (int i = 0; i < 4; i++)
            join(threads[i]);
        close_pair(&pair);
    }
}

static void a_write_ends_in_part_where_there_is_no_more_room(void **state)
{
    (void)state;
    enum { SIZE = 64 * 1024 * 1024 };
    unsigned char *bytes = calloc(1, SIZE);
    FOR_EACH_WAY(way)
    {
        struct pair pair;
        if (!open_pair(&pair, way)) continue;
        size_t put = write_some(&pair.near, bytes, SIZE);
        check_true(put > 0 && put < SIZE);
        weft__pipe_close(pair.near.pipe);
        if (!way->tls) check_ends(&pair.far, put);
        close_pair(&pair);
    }
    free(bytes);
}

/* --- calls ---------------------------------------------------------------------------------------- */

/* The bytes are there already, so the kernel gives them at once: await_op says whether the call came inside. */
static void no_call_comes_inside_the_call_that_began_it(void **state)
{
    (void)state;
    FOR_EACH_WAY(way)
    {
        struct pair pair;
        char bytes[1000];
        if (!open_pair(&pair, way)) continue;
        memset(bytes, 7, sizeof bytes);
        for (int i = 0; i < 40; i++)
            write_all(&pair.near, bytes, sizeof bytes);
        for (int i = 0; i < 40; i++) {
            read_all(&pair.far, bytes, sizeof bytes);
            check_true(!pthread_equal(pair.far.read.thread, pthread_self()));
        }
        close_pair(&pair);
    }
}

/* Each call begins the next: the echo of a hundred bytes, one at a time, without a thread of ours. */
struct echoer {
    struct pipe *pipe;
    char byte;
    struct event over;
};

static void echo_read(void *context, weft_error error, size_t size);

static void echo_written(void *context, weft_error error, size_t size)
{
    struct echoer *echoer = context;
    if (error) return;
    thread_check_eq(size, 1);
    weft__pipe_read(echoer->pipe, &echoer->byte, 1, echo_read, echoer);
}

static void echo_read(void *context, weft_error error, size_t size)
{
    struct echoer *echoer = context;
    if (error) {
        event_give(&echoer->over);
        return;
    }
    thread_check_eq(size, 1);
    weft__pipe_write(echoer->pipe, &echoer->byte, 1, echo_written, echoer);
}

static void a_call_may_begin_the_next_operation(void **state)
{
    (void)state;
    FOR_EACH_WAY(way)
    {
        struct pair pair;
        struct echoer echoer = {0};
        if (!open_pair(&pair, way)) continue;
        echoer.pipe = pair.far.pipe;
        echo_written(&echoer, WEFT_OK, 1);
        for (int i = 0; i < 200; i++) {
            char byte = (char)i, back = 0;
            write_all(&pair.near, &byte, 1);
            read_all(&pair.near, &back, 1);
            check_eq(back, byte);
        }
        weft__pipe_close(pair.near.pipe);
        event_await(&echoer.over, 1);
        close_pair(&pair);
    }
}

/* --- ends ----------------------------------------------------------------------------------------- */

static void *close_it(void *pipe)
{
    weft__pipe_close(pipe);
    return NULL;
}

static void close_ends_a_read_and_what_comes_after(void **state)
{
    (void)state;
    FOR_EACH_WAY(way)
    {
        struct pair pair;
        char byte = 0;
        if (!open_pair(&pair, way)) continue;
        begin_read(&pair.near, &byte, 1);
        join(start(close_it, pair.near.pipe));
        check_eq(await_op(&pair.near.read), 0);
        check_reason(&pair.near, "closed");
        weft__pipe_close(pair.near.pipe);
        for (int i = 0; i < 3; i++) {
            check_eq(read_some(&pair.near, &byte, 1), 0);
            check_eq(write_some(&pair.near, &byte, 1), 0);
        }
        check_ends(&pair.far, 0);
        close_pair(&pair);
    }
}

static void close_ends_a_write_that_waits_for_room(void **state)
{
    (void)state;
    static unsigned char bytes[1024 * 1024];
    FOR_EACH_WAY(way)
    {
        struct pair pair;
        if (!open_pair(&pair, way)) continue;
        for (;;) { /* until one waits */
            begin_write(&pair.near, bytes, sizeof bytes);
            struct timespec until;
            clock_gettime(CLOCK_REALTIME, &until);
            until.tv_nsec += 50000000;
            if (until.tv_nsec >= 1000000000) {
                until.tv_sec++;
                until.tv_nsec -= 1000000000;
            }
            struct event *ended = &pair.near.write.ended;
            pthread_mutex_lock(&ended->mutex);
            while (ended->count < pair.near.write.begun && !pthread_cond_timedwait(&ended->cond, &ended->mutex, &until))
                continue;
            bool waits = ended->count < pair.near.write.begun;
            pthread_mutex_unlock(&ended->mutex);
            if (waits) break;
            check_true(await_op(&pair.near.write) > 0);
        }
        join(start(close_it, pair.near.pipe));
        check_eq(await_op(&pair.near.write), 0);
        close_pair(&pair);
    }
}

/* Closing, reading and writing race: every operation that was begun ends once. */
struct racer {
    struct end *end;
    unsigned spin;
};

static void *read_until_closed(void *argument)
{
    struct racer *racer = argument;
    char bytes[64];
    while (read_some(racer->end, bytes, sizeof bytes))
        continue;
    return NULL;
}

static void *write_until_closed(void *argument)
{
    struct racer *racer = argument;
    char bytes[64] = "";
    while (write_some(racer->end, bytes, sizeof bytes))
        continue;
    return NULL;
}

static void close_races_with_reads_and_writes(void **state)
{
    (void)state;
    FOR_EACH_WAY(way)
    {
        unsigned seed = 5;
        for (int round = 0; round < 25; round++) {
            struct pair pair;
            if (!open_pair(&pair, way)) break;
            struct racer near = {.end = &pair.near}, far = {.end = &pair.far};
            pthread_t threads[] = {start(read_until_closed, &near), start(write_until_closed, &near),
                                   start(read_until_closed, &far), start(write_until_closed, &far)};
            usleep(roll(&seed, 3000));
            join(start(close_it, round % 2 ? pair.near.pipe : pair.far.pipe));
            for (int i = 0; i < 4; i++)
                join(threads[i]);
            close_pair(&pair);
        }
    }
}

/* Also where some were read before the end came, with which nng closes what is beneath TLS, and where a write failed meanwhile. */
static void the_last_bytes_come_before_the_end(void **state)
{
    (void)state;
    static unsigned char bytes[10000];
    FOR_EACH_WAY(way)
    {
        for (size_t before = 0; before <= 2; before++) {
            struct pair pair;
            char byte = 0;
            if (!open_pair(&pair, way)) continue;
            write_all(&pair.near, &byte, 1);
            read_all(&pair.far, &byte, 1);
            write_all(&pair.near, bytes, sizeof bytes);
            if (before) read_all(&pair.far, &byte, 1);
            weft__pipe_free(pair.near.pipe);
            pair.near.pipe = NULL;
            if (before) usleep(20000); /* the other end gets round to it meanwhile */
            if (before == 2 && way->tls) (void)write_some(&pair.far, &byte, 1);
            check_ends(&pair.far, sizeof bytes - (before > 0));
            check_reason(&pair.far, "the other end has closed the connection");
            check_eq(read_some(&pair.far, &byte, 1), 0);
            close_pair(&pair);
        }
    }
}

/* nng reads TLS ahead and tells nobody when that fails: whoever reads or writes after it must not wait for ever. */
static void who_was_not_reading_is_told_of_the_end(void **state)
{
    (void)state;
    FOR_EACH_WAY(way)
    {
        for (int writes = 0; writes < 2; writes++) {
            struct pair pair;
            char byte = 0;
            if (!open_pair(&pair, way)) continue;
            write_all(&pair.near, &byte, 1);
            read_all(&pair.far, &byte, 1);
            weft__pipe_free(pair.near.pipe);
            pair.near.pipe = NULL;
            usleep(20000); /* the other end gets round to it meanwhile */
            if (writes) {
                while (write_some(&pair.far, &byte, 1))
                    continue;
            } else {
                check_eq(read_some(&pair.far, &byte, 1), 0);
            }
            close_pair(&pair);
        }
    }
}

static void what_came_before_a_write_failed_can_be_read(void **state)
{
    (void)state;
    static unsigned char bytes[10000];
    struct pair pair;
    check_true(open_pair(&pair, &ways[0]));
    write_all(&pair.near, bytes, sizeof bytes);
    weft__pipe_free(pair.near.pipe);
    pair.near.pipe = NULL;
    while (write_some(&pair.far, bytes, 1))
        continue;
    check_ends(&pair.far, sizeof bytes);
    close_pair(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ends_speak),
        cmocka_unit_test(the_other_end_is_told),
        cmocka_unit_test(large_transfers_arrive_in_order_both_ways_at_once),
        cmocka_unit_test(a_write_ends_in_part_where_there_is_no_more_room),
        cmocka_unit_test(no_call_comes_inside_the_call_that_began_it),
        cmocka_unit_test(a_call_may_begin_the_next_operation),
        cmocka_unit_test(close_ends_a_read_and_what_comes_after),
        cmocka_unit_test(close_ends_a_write_that_waits_for_room),
        cmocka_unit_test(close_races_with_reads_and_writes),
        cmocka_unit_test(the_last_bytes_come_before_the_end),
        cmocka_unit_test(who_was_not_reading_is_told_of_the_end),
        cmocka_unit_test(what_came_before_a_write_failed_can_be_read),
    };
    return cmocka_run_group_tests(tests, net_set_up, net_tear_down);
}
