/* events: published once, heard by everybody who subscribed, each with an inbox of its own.
 *
 * Two subscribers hear of orders: one is called back on a thread of the node, and has subscribed to all of them by a
 * pattern; one fetches in its own time, has room for two, and is told what it has lost. It prints:
 *
 *   nobody is there yet: heard by 0
 *   order 1: heard by 2
 *   order 2: heard by 2
 *   order 3: heard by 2
 *   order 4: heard by 2
 *   paid: heard by 1
 *   the slow one: order 3, after 2 lost
 *   the slow one: order 4
 *   the quick one: 5 events
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <weft/weft.h>

#define ORDERS "event.shop.order"
#define PAYMENTS "event.shop.payment"

struct quick {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    unsigned heard;
};

static void must(weft_error error, const char *what)
{
    if (error == WEFT_OK) return;
    fprintf(stderr, "events: %s: %s: %s\n", what, weft_error_name(error), weft_error_message());
    exit(1);
}

/* One call at a time, in order; the event is lent for the call. */
static void heard(const weft_event *event, void *context)
{
    struct quick *quick = context;
    (void)event;
    pthread_mutex_lock(&quick->mutex);
    quick->heard++;
    pthread_cond_signal(&quick->changed);
    pthread_mutex_unlock(&quick->mutex);
}

static void publish(weft_node *node, const char *channel, const char *what)
{
    uint32_t count;
    must(weft_publish(node, channel, weft_text(what), NULL, &count), "publish"); /* copies; does not wait for anybody */
    printf("%s: heard by %u\n", what, count);
}

/* Takes what is there; a program with a loop does this when the eventfd of weft_subscription_fd is readable. */
static void take(weft_subscription *subscription)
{
    weft_event events[16];
    size_t count;
    while (weft_subscription_next(subscription, 0, events, 16, &count) == WEFT_OK) {
        for (size_t i = 0; i < count; i++) {
            printf("the slow one: %.*s", (int)events[i].payload.size, (const char *)events[i].payload.data);
            if (events[i].dropped) printf(", after %u lost", events[i].dropped);
            printf("\n");
            weft_event_release(&events[i]); /* gives: each is ours to release */
        }
    }
}

int main(void)
{
    struct quick quick = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};
    weft_subscribe_options small = WEFT_SUBSCRIBE_OPTIONS;
    weft_subscription *quick_one, *slow_one;
    weft_node *node;
    must(weft_node_open(NULL, &node), "open a node");
    must(weft_channel_declare(node, ORDERS, NULL), "declare a channel");
    must(weft_channel_declare(node, PAYMENTS, NULL), "declare a channel");
    publish(node, ORDERS, "nobody is there yet"); /* events are not kept */

    small.items_max = 2; /* slow is WEFT_DROP_OLDEST: the oldest makes room */
    must(weft_subscribe(node, "event.shop.*", heard, &quick, NULL, &quick_one), "subscribe");
    must(weft_subscribe(node, ORDERS, NULL, NULL, &small, &slow_one), "subscribe");
    publish(node, ORDERS, "order 1");
    publish(node, ORDERS, "order 2");
    publish(node, ORDERS, "order 3");
    publish(node, ORDERS, "order 4");
    publish(node, PAYMENTS, "paid");

    take(slow_one);
    pthread_mutex_lock(&quick.mutex);
    while (quick.heard < 5)
        pthread_cond_wait(&quick.changed, &quick.mutex);
    pthread_mutex_unlock(&quick.mutex);
    printf("the quick one: %u events\n", quick.heard);

    must(weft_unsubscribe(quick_one), "unsubscribe"); /* waits for a call that is under way */
    must(weft_unsubscribe(slow_one), "unsubscribe");
    must(weft_node_close(node, 1000), "close the node");
    return 0;
}
