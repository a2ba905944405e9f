/* stream: a task tells how far it is, and sends its result in parts, before it ends.
 *
 * The first attempt sends a part and is given up; the second starts anew, so what the first one sent is void.
 * It prints:
 *
 *   half done
 *   completed after 2 attempts: over under over
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weft/weft.h>

#define CHANNEL "dispatch.example.weave"

static void must(weft_error error, const char *what)
{
    if (error == WEFT_OK) return;
    fprintf(stderr, "stream: %s: %s: %s\n", what, weft_error_name(error), weft_error_message());
    exit(1);
}

/* Sends a part, and waits where as many as the caller's window holds are on their way. False: nobody wants it. */
static bool send_part(weft_task *task, const char *part)
{
    return weft_task_partial(task, weft_text(part), WEFT_FOREVER) == WEFT_OK;
}

static void weave(weft_task *task, void *context)
{
    (void)context;
    if (!send_part(task, "over ")) return;
    if (weft_task_attempt(task) == 1) { /* as if a helper process of ours had died */
        weft_task_abandon(task);
        return;
    }
    if (!send_part(task, "under ")) return;
    weft_task_progress(task, WEFT_TEXT("half done")); /* the last one counts: it never waits */
    if (!send_part(task, "over")) return;
    weft_task_complete(task, WEFT_TEXT(""));
}

struct cloth {
    char text[64];
};

/* In the thread that waits in weft_dispatch, before that returns; the payload is lent for the call. */
static void updated(const weft_update *update, void *context)
{
    struct cloth *cloth = context;
    size_t length = strlen(cloth->text);
    int size = (int)update->payload.size;
    const char *bytes = update->payload.data;
    switch (update->kind) {
    case WEFT_UPDATE_PROGRESS: printf("%.*s\n", size, bytes); break;
    case WEFT_UPDATE_PARTIAL: snprintf(cloth->text + length, sizeof(cloth->text) - length, "%.*s", size, bytes); break;
    case WEFT_UPDATE_RESTARTED:
        cloth->text[0] = 0; /* what the attempt before sent is void */
        break;
    }
}

int main(void)
{
    struct cloth cloth = {""};
    weft_dispatch_options options = WEFT_DISPATCH_OPTIONS;
    weft_node *node;
    weft_worker *worker;
    weft_reply reply;
    must(weft_node_open(NULL, &node), "open a node");
    must(weft_channel_declare(node, CHANNEL, NULL), "declare the channel");
    must(weft_worker_register(node, CHANNEL, weave, NULL, NULL, &worker), "register a worker");

    options.on_crash = WEFT_CRASH_REDISPATCH;
    options.updated = updated;
    options.updated_context = &cloth;
    options.window = 2;
    must(weft_dispatch(node, CHANNEL, WEFT_TEXT(""), &options, &reply), "dispatch");
    printf("%s after %u attempts: %s\n", weft_outcome_name(reply.outcome), reply.attempts, cloth.text);
    weft_reply_release(&reply);

    must(weft_worker_unregister(worker), "unregister the worker");
    must(weft_node_close(node, 1000), "close the node");
    return 0;
}
