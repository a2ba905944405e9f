/* contract: a channel that says what its payloads and results look like. What does not match reaches nobody.
 *
 * It prints:
 *
 *   {"of":3,"size":"large"}: completed: {"made":3}
 *   {"of":"three","size":"large"}: rejected: schema_mismatch: /of: expected an integer, got the string "three"
 *   {"of":0,"size":"small"}: failed: result_schema_mismatch: /made: expected at least 1, got the number 0
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weft/weft.h>

#define CHANNEL "dispatch.example.thumbnails"

static void must(weft_error error, const char *what)
{
    if (error == WEFT_OK) return;
    fprintf(stderr, "contract: %s: %s: %s\n", what, weft_error_name(error), weft_error_message());
    exit(1);
}

static void know(weft_node *node, const char *name, const char *text)
{
    weft_schema *schema;
    must(weft_schema_compile(weft_text(text), NULL, &schema), "compile a schema");
    must(weft_schema_register(node, name, schema), "register it");
    weft_schema_release(schema); /* the node holds it */
}

/* What it is given has matched: "of" is there, and a number. That it may be 0 was not thought of. */
static void make(weft_task *task, void *context)
{
    weft_bytes payload = weft_task_payload(task);
    char text[32];
    (void)context;
    snprintf(text, sizeof(text), "{\"made\":%d}", atoi((const char *)payload.data + strlen("{\"of\":")));
    if (weft_task_complete(task, weft_text(text)) == WEFT_EMISMATCH) return; /* it is settled: failed */
}

static void ask(weft_node *node, const char *what)
{
    weft_reply reply;
    must(weft_dispatch(node, CHANNEL, weft_text(what), NULL, &reply), "dispatch");
    printf("%s: %s: ", what, weft_outcome_name(reply.outcome));
    if (reply.outcome == WEFT_COMPLETED)
        printf("%.*s\n", (int)reply.payload.size, (const char *)reply.payload.data);
    else
        printf("%s: %s\n", reply.code, reply.message);
    weft_reply_release(&reply);
}

int main(void)
{
    weft_node *node;
    weft_worker *worker;
    weft_channel_options options = WEFT_CHANNEL_OPTIONS;
    must(weft_node_open(NULL, &node), "open a node");
    know(node, "thumbnails", "{\"required\": [\"of\"], \"properties\": {\"of\": {\"type\": \"integer\"}}}");
    know(node, "thumbnails-made", "{\"properties\": {\"made\": {\"minimum\": 1}}}");
    options.schema = "thumbnails";
    options.result_schema = "thumbnails-made";
    must(weft_channel_declare(node, CHANNEL, &options), "declare the channel");
    must(weft_worker_register(node, CHANNEL, make, NULL, NULL, &worker), "register a worker");
    ask(node, "{\"of\":3,\"size\":\"large\"}");
    ask(node, "{\"of\":\"three\",\"size\":\"large\"}");
    ask(node, "{\"of\":0,\"size\":\"small\"}");
    must(weft_worker_unregister(worker), "unregister the worker");
    must(weft_node_close(node, 1000), "close the node");
    return 0;
}
