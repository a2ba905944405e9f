/* anywhere: one program, in one process or across several. Without an argument its node is in this process; with the address
 * of one that listens (weftd --listen ipc:///tmp/weft.sock) this process is a client of that. Only open_node() knows which.
 *
 * Either way the same happens, and is told.
 *
 * It prints:
 *
 *   a request would be deferred
 *   this one is queued, 0 go before it
 *   completed by counter, attempt 1: three
 *   before that it said: one two three
 *   a subscriber heard: three
 *   dispatch.anywhere.count: 1 completed, 0 queued, 1 worker
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weft/weft.h>

#define CHANNEL "dispatch.anywhere.count"
#define EVENTS "event.anywhere.counted"

static void must(weft_error error, const char *what)
{
    if (error == WEFT_OK) return;
    fprintf(stderr, "anywhere: %s: %s: %s\n", what, weft_error_name(error), weft_error_message());
    exit(1);
}

/* All that differs. */
static weft_node *open_node(const char *url)
{
    weft_node *node;
    if (url)
        must(weft_node_dial(url, NULL, &node), "dial a node");
    else
        must(weft_node_open(NULL, &node), "open a node");
    return node;
}

/* A handler: sends each word, publishes the last, and completes with it. */
static void count(weft_task *task, void *context)
{
    static const char *const words[] = {"one", "two", "three"};
    weft_node *node = context;
    for (int i = 0; i < 3; i++)
        if (weft_task_partial(task, weft_text(words[i]), WEFT_FOREVER)) return;
    weft_publish(node, EVENTS, weft_text(words[2]), NULL, NULL);
    weft_task_complete(task, weft_text(words[2]));
}

/* In the thread that fetches, before the outcome. */
static void updated(const weft_update *update, void *context)
{
    char *words = context;
    size_t length = strlen(words);
    if (update->kind == WEFT_UPDATE_PARTIAL)
        snprintf(words + length, 64 - length, " %.*s", (int)update->payload.size, (const char *)update->payload.data);
}

static void ask_why(weft_node *node, weft_dispatch_id id)
{
    weft_why why;
    must(weft_why_get(node, id, &why), "ask why it waits");
    printf("this one is %s, %u go before it\n", weft_standing_name(why.standing), why.ahead);
    weft_why_release(&why);
}

static void show_reply(weft_completions *completions)
{
    weft_reply reply;
    size_t got;
    must(weft_completions_next(completions, WEFT_FOREVER, &reply, 1, &got), "wait for the outcome");
    printf("%s by %s, attempt %u: %.*s\n", weft_outcome_name(reply.outcome), reply.worker, reply.attempts,
           (int)reply.payload.size, (const char *)reply.payload.data);
    weft_reply_release(&reply);
}

static void show_event(weft_subscription *subscription)
{
    weft_event event;
    size_t got;
    must(weft_subscription_next(subscription, WEFT_FOREVER, &event, 1, &got), "wait for the event");
    printf("a subscriber heard: %.*s\n", (int)event.payload.size, (const char *)event.payload.data);
    weft_event_release(&event);
}

static void list(weft_node *node)
{
    weft_listing *listing;
    must(weft_node_inspect(node, CHANNEL, &listing), "list");
    for (size_t i = 0; i < listing->channels_count; i++) {
        const weft_channel_info *info = &listing->channels[i].info;
        printf("%s: %llu completed, %u queued, %u worker\n", info->name, (unsigned long long)info->completed,
               info->queued, info->workers);
    }
    weft_listing_release(listing);
}

int main(int argc, char **argv)
{
    weft_node *node = open_node(argc > 1 ? argv[1] : NULL);
    weft_dispatch_options asked = WEFT_DISPATCH_OPTIONS;
    weft_worker_options counter = WEFT_WORKER_OPTIONS;
    weft_completions *completions;
    weft_subscription *subscription;
    weft_worker *worker;
    weft_ticket ticket;
    weft_why why;
    char words[64] = "";
    must(weft_channel_declare(node, CHANNEL, NULL), "declare the channel");
    must(weft_channel_declare(node, EVENTS, NULL), "declare the channel of events");
    must(weft_subscribe(node, EVENTS, NULL, NULL, NULL, &subscription), "subscribe");
    must(weft_completions_open(node, 8, &completions), "open a completion queue");

    must(weft_dispatch_why(node, CHANNEL, NULL, &why), "ask what would become of a request");
    printf("a request would be %s\n", weft_admission_name(why.admission));
    weft_why_release(&why);
    asked.updated = updated;
    asked.updated_context = words;
    must(weft_dispatch_submit(completions, CHANNEL, WEFT_TEXT("to three"), &asked, 1, &ticket), "dispatch");
    ask_why(node, ticket.id);

    counter.name = "counter";
    must(weft_worker_register(node, CHANNEL, count, node, &counter, &worker), "register a worker");
    show_reply(completions);
    printf("before that it said:%s\n", words);
    show_event(subscription);
    list(node);

    must(weft_worker_unregister(worker), "unregister the worker");
    must(weft_unsubscribe(subscription), "unsubscribe");
    must(weft_completions_close(completions), "close the completion queue");
    must(weft_channel_delete(node, CHANNEL), "delete the channel"); /* the node may be there for others, later */
    must(weft_channel_delete(node, EVENTS), "delete the channel of events");
    must(weft_node_close(node, 1000), "close the node");
    return 0;
}
