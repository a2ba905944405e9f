/* looking: what happens on a node, what there is, and why something waits.
 *
 * It prints:
 *
 *   a request would be deferred
 *     spinner refuses: capacity
 *   this one is queued, 0 go before it
 *     spinner refuses: capacity
 *   dispatch.example.spin: 1 queued, 1 in flight, 1 worker
 *   what happened:
 *     channel_declared dispatch.example.spin
 *     registered dispatch.example.spin spinner
 *     unregistered dispatch.example.spin spinner
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weft/weft.h>

#define CHANNEL "dispatch.example.spin"

static void must(weft_error error, const char *what)
{
    if (error == WEFT_OK) return;
    fprintf(stderr, "looking: %s: %s: %s\n", what, weft_error_name(error), weft_error_message());
    exit(1);
}

/* --- what happens --------------------------------------------------------------------------------------------------- */

struct diary {
    char text[1024];
};

/* On the callback thread, one call at a time, in the order in which things happened. */
static void happened(const weft_node_event *event, void *context)
{
    struct diary *diary = context;
    size_t length = strlen(diary->text);
    snprintf(diary->text + length, sizeof(diary->text) - length, "  %s %s%s%s\n", weft_node_event_name(event->kind),
             event->channel, *event->worker ? " " : "", event->worker);
}

/* The same as a sentence, for a log. */
static void logged(weft_log_level level, const char *sentence, void *context)
{
    (void)context;
    if (level != WEFT_LOG_INFO) fprintf(stderr, "%s: %s\n", weft_log_level_name(level), sentence);
}

/* An invariant of weft's own is broken, and the process is about to be aborted. It calls nothing of weft's. */
static void panicked(const char *sentence, void *context)
{
    (void)context;
    fprintf(stderr, "looking: %s\n", sentence);
}

/* --- what there is, and why ----------------------------------------------------------------------------------------- */

static void show_refusals(const weft_why *why)
{
    for (size_t i = 0; i < why->refusals_count; i++)
        printf("  %s refuses: %s\n", why->refusals[i].worker.name, weft_rule_name(why->refusals[i].rule));
}

/* What would become of a dispatch, without asking for it. */
static void would(weft_node *node)
{
    weft_why why;
    must(weft_dispatch_why(node, CHANNEL, NULL, &why), "ask why");
    printf("a request would be %s\n", weft_admission_name(why.admission));
    show_refusals(&why);
    weft_why_release(&why);
}

/* Why this one has no worker yet; why.sentence is the answer for people. */
static void why_it_waits(weft_node *node, weft_dispatch_id id)
{
    weft_why why;
    must(weft_why_get(node, id, &why), "ask why it waits");
    printf("this one is %s, %u go before it\n", weft_standing_name(why.standing), why.ahead);
    show_refusals(&why);
    weft_why_release(&why);
}

static void list(weft_node *node)
{
    weft_listing *listing;
    must(weft_node_inspect(node, "dispatch.example.*", &listing), "list");
    for (size_t i = 0; i < listing->channels_count; i++) {
        const weft_channel_info *info = &listing->channels[i].info;
        printf("%s: %u queued, %u in flight, %u worker\n", info->name, info->queued, info->in_flight, info->workers);
    }
    weft_listing_release(listing); /* weft_listing_json makes a document of it */
}

int main(void)
{
    static struct diary diary;
    weft_hooks hooks = {.log = logged, .event = happened, .context = &diary};
    weft_node_options options = WEFT_NODE_OPTIONS;
    weft_worker_options spinner = WEFT_WORKER_OPTIONS;
    weft_ticket ticket;
    weft_worker *worker;
    weft_node *node;
    weft_task *task;
    weft_panic_hook(panicked, NULL);
    options.hooks = &hooks; /* copies */
    must(weft_node_open(&options, &node), "open a node");
    must(weft_channel_declare(node, CHANNEL, NULL), "declare the channel");
    spinner.name = "spinner";
    must(weft_worker_register(node, CHANNEL, NULL, NULL, &spinner, &worker), "register a pull worker");

    must(weft_dispatch_async(node, CHANNEL, WEFT_TEXT("wool"), NULL, NULL, NULL, 0, NULL), "dispatch");
    must(weft_worker_next(worker, WEFT_FOREVER, &task), "take the task"); /* and hold it */
    would(node);
    must(weft_dispatch_async(node, CHANNEL, WEFT_TEXT("flax"), NULL, NULL, NULL, 0, &ticket), "dispatch");
    why_it_waits(node, ticket.id);
    list(node);

    weft_task_complete(task, WEFT_TEXT("yarn"));
    must(weft_worker_next(worker, WEFT_FOREVER, &task), "take the other task");
    weft_task_complete(task, WEFT_TEXT("thread"));
    must(weft_worker_unregister(worker), "unregister the worker");
    must(weft_node_close(node, 1000), "close the node"); /* after it no hook is called any more */
    printf("what happened:\n%s", diary.text);
    return 0;
}
