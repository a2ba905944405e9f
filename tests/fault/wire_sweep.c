/* Memory, over the wire: a node and a client of it, one of which is refused the Nth allocation while a call is under way, for
 * each N until nothing is refused any more. Promises:
 *   - the call ends, with an outcome or an error that says so: nobody waits for ever for a frame that could not be put or heard
 *   - afterwards another call succeeds, over the same session or the next
 *   - when both are closed, not a block is left */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/failmem.h"

#include <weft/weft.h>

#define CHANNEL "dispatch.test.sweep"

enum { LARGE = 200000 };

static void echo(weft_task *task, void *context)
{
    (void)context;
    while (weft_task_complete(task, weft_task_payload(task)) == WEFT_ENOMEM)
        continue;
}

struct pair {
    struct failmem failmem[2]; /* the node's, the client's */
    weft_allocator allocators[2];
    weft_node *node, *client;
    weft_worker *worker; /* the client's */
};

static void open_pair(struct pair *pair)
{
    char url[WEFT_URL_MAX + 1];
    weft_node_options options = WEFT_NODE_OPTIONS;
    weft_dial_options dial = WEFT_DIAL_OPTIONS;
    weft_channel_options channel = WEFT_CHANNEL_OPTIONS;
    for (int i = 0; i < 2; i++) {
        failmem_init(&pair->failmem[i]);
        const struct mem *mem = &pair->failmem[i].mem;
        pair->allocators[i] = (weft_allocator){mem->alloc, mem->free, mem->context};
    }
    options.allocator = &pair->allocators[0];
    check_ok(weft_node_open(&options, &pair->node));
    check_ok(weft_channel_declare(pair->node, CHANNEL, &channel));
    check_ok(weft_node_listen(pair->node, "tcp://127.0.0.1:0", NULL, url));
    options.allocator = &pair->allocators[1];
    dial.node = &options;
    check_ok(weft_node_dial(url, &dial, &pair->client));
    check_ok(weft_worker_register(pair->client, CHANNEL, echo, NULL, NULL, &pair->worker));
}

static void close_pair(struct pair *pair)
{
    check_ok(weft_node_close(pair->client, 10000));
    check_ok(weft_node_close(pair->node, 10000));
    for (int i = 0; i < 2; i++)
        check_eq(pair->failmem[i].live_blocks, 0);
}

/* From the client to the node and back to the client's worker: both ways of both ends. */
static weft_error call(struct pair *pair, size_t size, weft_outcome *outcome)
{
    static const char payload[LARGE];
    weft_reply reply;
    *outcome = WEFT_OUTCOME_NONE;
    weft_error error = weft_dispatch(pair->client, CHANNEL, (weft_bytes){payload, size}, NULL, &reply);
    if (!error) *outcome = reply.outcome;
    if (!error && reply.outcome == WEFT_COMPLETED) check_eq(reply.payload.size, size);
    if (!error) weft_reply_release(&reply);
    return error;
}

static void sweep(int who, size_t size)
{
    weft_outcome outcome;
    for (uint64_t nth = 1;; nth++) {
        struct pair *pair = calloc(1, sizeof *pair);
        open_pair(pair);
        failmem_fail_once(&pair->failmem[who], nth);
        (void)call(pair, size, &outcome); /* that it returns is the point */
        bool refused = pair->failmem[who].refused > 0;
        failmem_fail_once(&pair->failmem[who], 0);
        for (int tries = 0; tries < 200; tries++) { /* while it connects, and announces its worker, again */
            if (!call(pair, size, &outcome) && outcome == WEFT_COMPLETED) break;
            usleep(10000);
        }
        check_eq(outcome, WEFT_COMPLETED);
        close_pair(pair);
        free(pair);
        if (!refused) break;
    }
}

static void the_node_is_refused(void **state)
{
    (void)state;
    sweep(0, 100);
    sweep(0, LARGE);
}

static void the_client_is_refused(void **state)
{
    (void)state;
    sweep(1, 100);
    sweep(1, LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_node_is_refused),
        cmocka_unit_test(the_client_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
