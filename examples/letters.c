/* letters: what exceeded its attempts is kept whole, with its history, until somebody deals with it.
 *
 * A worker gives up a task twice; the letter is looked at, the worker is mended, and the letter is put back. It prints:
 *
 *   worker_died after 2 attempts
 *   letter: "bolt" from dispatch.example.dye: abandoned
 *     attempt 1: dyer: abandoned
 *     attempt 2: dyer: abandoned
 *   put back: completed after 1 attempt
 *   letters left: 0
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <weft/weft.h>

#define CHANNEL "dispatch.example.dye"
#define LETTERS "dispatch.example.dead"

static atomic_bool mended;

static void must(weft_error error, const char *what)
{
    if (error == WEFT_OK) return;
    fprintf(stderr, "letters: %s: %s: %s\n", what, weft_error_name(error), weft_error_message());
    exit(1);
}

static void dye(weft_task *task, void *context)
{
    (void)context;
    if (mended)
        weft_task_complete(task, WEFT_TEXT("red"));
    else
        weft_task_abandon(task);
}

/* Lent for the call. True: go on with the next. */
static bool show(const weft_letter *letter, void *context)
{
    uint64_t *id = context;
    printf("letter: \"%.*s\" from %s: %s\n", (int)letter->payload.size, (const char *)letter->payload.data,
           letter->channel, letter->code);
    for (size_t i = 0; i < letter->attempts_count; i++)
        printf("  attempt %u: %s: %s\n", letter->attempts[i].attempt, letter->attempts[i].worker,
               letter->attempts[i].code);
    *id = letter->id;
    return true;
}

int main(void)
{
    weft_channel_options options = WEFT_CHANNEL_OPTIONS;
    weft_worker_options dyer = WEFT_WORKER_OPTIONS;
    weft_channel_info info;
    weft_worker *worker;
    weft_node *node;
    weft_reply reply;
    weft_ticket ticket;
    uint64_t id = 0;
    must(weft_node_open(NULL, &node), "open a node");
    must(weft_channel_declare(node, LETTERS, NULL), "declare the dead-letter channel"); /* before those that name it */
    options.on_crash = WEFT_CRASH_REDISPATCH;
    options.attempts_max = 2;
    options.dead_letter = LETTERS;
    must(weft_channel_declare(node, CHANNEL, &options), "declare the channel");
    dyer.name = "dyer";
    must(weft_worker_register(node, CHANNEL, dye, NULL, &dyer, &worker), "register a worker");

    must(weft_dispatch(node, CHANNEL, WEFT_TEXT("bolt"), NULL, &reply), "dispatch");
    printf("%s after %u attempts\n", weft_outcome_name(reply.outcome), reply.attempts);
    weft_reply_release(&reply);

    must(weft_letters_find(node, LETTERS, show, &id), "look at the letters");
    mended = true;
    must(weft_letter_put_back(node, LETTERS, id, &ticket), "put it back");
    must(weft_dispatch_fetch(node, ticket.id, WEFT_FOREVER, &reply), "wait for its outcome");
    printf("put back: %s after %u attempt\n", weft_outcome_name(reply.outcome), reply.attempts);
    weft_reply_release(&reply);

    must(weft_channel_info_get(node, LETTERS, &info), "look at the channel");
    printf("letters left: %u\n", info.letters);
    must(weft_worker_unregister(worker), "unregister the worker");
    must(weft_node_close(node, 1000), "close the node");
    return 0;
}
