/* message.h promises:
 *   - the payload and the content type are copies, and a zero follows the payload
 *   - no content type is NULL, and differs from an empty one, for an empty payload too
 *   - charge_bytes is what was asked of the allocator, in one piece
 *   - the last drop frees, whichever thread makes it, and no drop before that; hold and drop accept NULL
 *   - out of memory is NULL
 */
#include "base/message.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/failmem.h"

static struct failmem failmem;

static int set_up(void **state)
{
    (void)state;
    failmem_init(&failmem);
    return 0;
}

static int nothing_leaked(void **state)
{
    (void)state;
    return failmem.live_blocks == 0 ? 0 : -1;
}

static void message_copies_payload_and_content_type(void **state)
{
    (void)state;
    char data[] = "payload", content_type[] = "text/plain";
    struct message *message = weft__message_new(&failmem.mem, data, 7, content_type);
    memset(data, 'x', 7);
    memset(content_type, 'x', 10);
    check_eq(message->size_bytes, 7);
    check_str((const char *)message->bytes, "payload");
    check_str(weft__message_content_type(message), "text/plain");
    weft__message_drop(message);
}

static void message_tells_no_content_type_from_an_empty_one(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 5};
    for (size_t i = 0; i < 3; i++) {
        struct message *none = weft__message_new(&failmem.mem, "12345", sizes[i], NULL);
        struct message *empty = weft__message_new(&failmem.mem, "12345", sizes[i], "");
        check_str(weft__message_content_type(none), NULL);
        check_str(weft__message_content_type(empty), "");
        weft__message_drop(none);
        weft__message_drop(empty);
    }
}

static void message_of_no_bytes_needs_no_data(void **state)
{
    (void)state;
    struct message *message = weft__message_new(&failmem.mem, NULL, 0, "application/json");
    check_eq(message->size_bytes, 0);
    check_eq(message->bytes[0], 0);
    check_str(weft__message_content_type(message), "application/json");
    weft__message_drop(message);
}

static void message_keeps_zero_bytes_and_large_payloads(void **state)
{
    (void)state;
    enum { SIZE = 3 << 20 };
    unsigned char *data = malloc(SIZE);
    for (size_t i = 0; i < SIZE; i++)
        data[i] = (unsigned char)(i * 7 >> 3);
    struct message *message = weft__message_new(&failmem.mem, data, SIZE, "application/octet-stream");
    check_eq(message->size_bytes, SIZE);
    check_eq(memcmp(message->bytes, data, SIZE), 0);
    check_str(weft__message_content_type(message), "application/octet-stream");
    weft__message_drop(message);
    free(data);
}

static void message_charges_its_one_allocation(void **state)
{
    (void)state;
    struct message *message = weft__message_new(&failmem.mem, "12345", 5, "text/plain");
    check_eq(failmem.live_blocks, 1);
    check_eq(message->charge_bytes, failmem.live_bytes);
    weft__message_drop(message);
}

static void message_is_freed_by_the_last_drop(void **state)
{
    (void)state;
    struct message *message = weft__message_new(&failmem.mem, "1", 1, NULL);
    check_true(weft__message_hold(message) == message);
    check_true(weft__message_hold(message) == message);
    weft__message_drop(message);
    weft__message_drop(message);
    check_eq(failmem.live_blocks, 1);
    check_str((const char *)message->bytes, "1");
    weft__message_drop(message);
    check_eq(failmem.live_blocks, 0);
}

static void message_hold_and_drop_accept_null(void **state)
{
    (void)state;
    check_true(weft__message_hold(NULL) == NULL);
    weft__message_drop(NULL);
}

static void message_new_is_null_when_out_of_memory(void **state)
{
    (void)state;
    failmem_fail_once(&failmem, 1);
    check_true(weft__message_new(&failmem.mem, "1", 1, NULL) == NULL);
}

/* Reads, takes a reference for itself for a while, and drops the one it was given. */
static void *reader_body(void *argument)
{
    struct message *message = argument;
    struct message *mine = weft__message_hold(message);
    thread_check_str((const char *)mine->bytes, "shared");
    weft__message_drop(message);
    thread_check_str(weft__message_content_type(mine), "text/plain");
    weft__message_drop(mine);
    return NULL;
}

static void message_shared_by_threads_is_freed_once(void **state)
{
    (void)state;
    enum { ROUNDS = 300, THREADS = 3 };
    for (int round = 0; round < ROUNDS; round++) {
        struct message *message = weft__message_new(&failmem.mem, "shared", 6, "text/plain");
        pthread_t threads[THREADS];
        for (int i = 0; i < THREADS; i++)
            check_eq(pthread_create(&threads[i], NULL, reader_body, weft__message_hold(message)), 0);
        weft__message_drop(message);
        for (int i = 0; i < THREADS; i++)
            check_eq(pthread_join(threads[i], NULL), 0);
        check_eq(failmem.live_blocks, 0);
    }
}

#define message_test(body) cmocka_unit_test_setup_teardown(body, set_up, nothing_leaked)

int main(void)
{
    const struct CMUnitTest tests[] = {
        message_test(message_copies_payload_and_content_type),
        message_test(message_tells_no_content_type_from_an_empty_one),
        message_test(message_of_no_bytes_needs_no_data),
        message_test(message_keeps_zero_bytes_and_large_payloads),
        message_test(message_charges_its_one_allocation),
        message_test(message_is_freed_by_the_last_drop),
        message_test(message_hold_and_drop_accept_null),
        message_test(message_new_is_null_when_out_of_memory),
        message_test(message_shared_by_threads_is_freed_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
