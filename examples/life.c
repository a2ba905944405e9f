/* life: a program from start to end: bounds of its own, memory of its own, every outcome handled, a signal, closing.
 *
 * It prints:
 *
 *   report "cloth": completed: 5
 *   report "": failed: empty: there is nothing to count
 *   report "thread": timed_out: start_to_close
 *   no channel: WEFT_ENOCHANNEL
 *   signal 15: admits nothing more
 *   closed, 0 bytes left
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <weft/weft.h>

#define CHANNEL "dispatch.example.report"

static void must(weft_error error, const char *what)
{
    if (error == WEFT_OK) return;
    fprintf(stderr, "life: %s: %s: %s\n", what, weft_error_name(error), weft_error_message());
    exit(1);
}

/* --- memory of its own ---------------------------------------------------------------------------------------------- */

/* Counts what weft uses, and gives it no more than bytes_max. Called from any thread, also under weft's lock: so it
 * takes no lock that is held around a call of weft, and calls nothing of weft's. */
struct budget {
    atomic_size_t used_bytes;
    size_t bytes_max;
};

union header { /* free is not told the size, so it is kept in front of the block */
    size_t size;
    max_align_t aligned;
};

static void *budget_alloc(void *context, size_t size)
{
    struct budget *budget = context;
    union header *header = NULL;
    if (atomic_fetch_add(&budget->used_bytes, size) + size <= budget->bytes_max)
        header = malloc(sizeof(*header) + size);
    if (!header) {
        atomic_fetch_sub(&budget->used_bytes, size);
        return NULL; /* the call that asked returns WEFT_ENOMEM, and has changed nothing */
    }
    header->size = size;
    return header + 1;
}

static void budget_free(void *context, void *block)
{
    struct budget *budget = context;
    if (!block) return;
    union header *header = (union header *)block - 1;
    atomic_fetch_sub(&budget->used_bytes, header->size);
    free(header);
}

/* --- the work ------------------------------------------------------------------------------------------------------- */

static void count_letters(weft_task *task, void *context)
{
    char text[32];
    (void)context;
    weft_bytes payload = weft_task_payload(task); /* lends: gone when the handler returns */
    if (payload.size == 0) {
        weft_task_fail(task, "empty", "there is nothing to count");
        return;
    }
    while (payload.size == 6 && !weft_task_cancelled(task)) /* "thread" takes too long: it looks whether to go on */
        usleep(1000);
    snprintf(text, sizeof(text), "%zu", payload.size);
    weft_task_complete(task, weft_text(text)); /* copies. WEFT_ESTALE where nobody waits any more */
}

/* Asks for a report, says how it ended. */
static void report(weft_node *node, const char *channel, const char *of, uint32_t within_ms)
{
    weft_dispatch_options options = WEFT_DISPATCH_OPTIONS; /* borrows: may go when the call returns */
    weft_reply reply;
    options.start_to_close_ms = within_ms; /* one attempt */
    options.schedule_to_close_ms = 60000;  /* in all; without one it waits as long as it takes */
    weft_error error = weft_dispatch(node, channel, weft_text(of), &options, &reply);
    if (error) { /* nothing was dispatched, and there is no reply to release */
        printf("no channel: %s\n", weft_error_name(error));
        return;
    }
    printf("report \"%s\": %s", of, weft_outcome_name(reply.outcome));
    switch (reply.outcome) {
    case WEFT_COMPLETED: /* the result */
        printf(": %.*s\n", (int)reply.payload.size, (const char *)reply.payload.data);
        break;
    case WEFT_FAILED: /* the handler says no; asking again will not help, unless its code says so */
        printf(": %s: %s\n", reply.code, reply.message);
        break;
    case WEFT_REJECTED: /* it never ran; retry_after_ms says when to try again, where that can help */
        printf(": %s, again in %u ms\n", reply.code, reply.retry_after_ms);
        break;
    default: /* WEFT_WORKER_DIED, WEFT_TIMED_OUT, WEFT_CANCELLED: it may have run in part, or whole */
        printf(": %s\n", reply.code);
    }
    weft_reply_release(&reply); /* gives: whatever the outcome was */
}

/* --- its life ------------------------------------------------------------------------------------------------------- */

static weft_node *open_node(struct budget *budget)
{
    weft_allocator allocator = {budget_alloc, budget_free, budget};
    weft_node_options options = WEFT_NODE_OPTIONS;
    weft_node *node;
    options.threads = 2;
    options.dispatches_max = 1000;
    options.allocator = &allocator;
    must(weft_node_open(&options, &node), "open a node");
    return node;
}

static void close_node(weft_node *node)
{
    weft_error error = weft_channel_drain(node, CHANNEL, 1000); /* what waits is worked off, for a second */
    if (error && error != WEFT_ETIMEDOUT) must(error, "drain");
    while ((error = weft_node_close(node, 1000)) == WEFT_EBUSY) /* a handler does not return */
        fprintf(stderr, "life: still waiting: %s\n", weft_error_message());
    must(error, "close the node");
}

int main(void)
{
    struct budget budget = {.bytes_max = 64 << 20};
    weft_channel_options channel = WEFT_CHANNEL_OPTIONS;
    weft_worker *worker;
    sigset_t signals;
    int signal_number;

    sigemptyset(
        &signals); /* before threads are started: they inherit the mask; weft's own threads block signals anyway */
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);

    weft_node *node = open_node(&budget);
    channel.depth_max = 100;
    channel.schedule_to_start_ms = 10000;
    must(weft_channel_declare(node, CHANNEL, &channel), "declare the channel");
    must(weft_worker_register(node, CHANNEL, count_letters, NULL, NULL, &worker), "register a worker");

    report(node, CHANNEL, "cloth", 10000);
    report(node, CHANNEL, "", 10000);
    report(node, CHANNEL, "thread", 50);
    report(node, "dispatch.example.nowhere", "cloth", 10000);

    kill(getpid(), SIGTERM); /* somebody's */
    sigwait(&signals, &signal_number);
    printf("signal %d: admits nothing more\n", signal_number);
    close_node(node); /* frees the workers' handles, too */
    printf("closed, %zu bytes left\n", atomic_load(&budget.used_bytes));
    return 0;
}
