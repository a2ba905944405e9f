/* keys: asked twice, done once. A dispatch with a key that its channel knows is the same dispatch.
 *
 * It prints:
 *
 *   pay 10: completed: receipt 1
 *   pay 10: completed: receipt 1
 *   pay 99: rejected: conflict
 */
#include <stdio.h>
#include <stdlib.h>

#include <weft/weft.h>

#define CHANNEL "dispatch.example.pay"

static void must(weft_error error, const char *what)
{
    if (error == WEFT_OK) return;
    fprintf(stderr, "keys: %s: %s: %s\n", what, weft_error_name(error), weft_error_message());
    exit(1);
}

static void pay(weft_task *task, void *context)
{
    unsigned *receipts = context; /* one handler at a time: max_concurrent is 1 */
    char text[32];
    snprintf(text, sizeof(text), "receipt %u", ++*receipts);
    weft_task_complete(task, weft_text(text));
}

static void ask(weft_node *node, const char *what, const char *key)
{
    weft_dispatch_options options = WEFT_DISPATCH_OPTIONS;
    weft_reply reply;
    options.key = key;
    must(weft_dispatch(node, CHANNEL, weft_text(what), &options, &reply), "dispatch");
    printf("%s: %s: ", what, weft_outcome_name(reply.outcome));
    if (reply.outcome == WEFT_COMPLETED)
        printf("%.*s\n", (int)reply.payload.size, (const char *)reply.payload.data);
    else
        printf("%s\n", reply.code);
    weft_reply_release(&reply);
}

int main(void)
{
    unsigned receipts = 0;
    weft_node *node;
    weft_worker *worker;
    must(weft_node_open(NULL, &node), "open a node");
    must(weft_channel_declare(node, CHANNEL, NULL), "declare the channel"); /* a key is known for 60 s after the end */
    must(weft_worker_register(node, CHANNEL, pay, &receipts, NULL, &worker), "register a worker");
    ask(node, "pay 10", "invoice 4711");
    ask(node, "pay 10", "invoice 4711"); /* the caller has not heard, and asks again */
    ask(node, "pay 99", "invoice 4711"); /* a mistake: this key stands for something else */
    must(weft_worker_unregister(worker), "unregister the worker");
    must(weft_node_close(node, 1000), "close the node");
    return 0;
}
