#include "lib/dialled.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PAIRS_MAX = 1024 };

static struct pair {
    weft_node *client, *behind;
} pairs[PAIRS_MAX];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

bool dialled(void)
{
    return getenv("WEFT_TEST_DIAL") != NULL;
}

/* The place of that client; NULL: a free one. */
static struct pair *find(const weft_node *client)
{
    for (size_t i = 0; i < PAIRS_MAX; i++)
        if (pairs[i].client == client) return &pairs[i];
    return NULL;
}

weft_node *dialled_behind(const weft_node *node)
{
    pthread_mutex_lock(&mutex);
    struct pair *pair = node ? find(node) : NULL;
    weft_node *behind = pair ? pair->behind : NULL;
    pthread_mutex_unlock(&mutex);
    return behind;
}

static weft_error dial(const weft_node_options *options, weft_node *behind, weft_node **client)
{
    static unsigned serial;
    char url[128];
    weft_dial_options dial = WEFT_DIAL_OPTIONS;
    dial.node = options;
    dial.name = "client";
    snprintf(url, sizeof url, "ipc:///tmp/weft-dialled-%d-%u.sock", (int)getpid(),
             __atomic_add_fetch(&serial, 1, __ATOMIC_RELAXED));
    weft_error error = weft_node_listen(behind, url, NULL, NULL);
    return error ? error : weft_node_dial(url, &dial, client);
}

weft_error dialled_node_open(const weft_node_options *options, weft_node **node)
{
    weft_node_options own = WEFT_NODE_OPTIONS;
    weft_node *behind;
    if (!dialled() || !node) return weft_node_open(options, node);
    if (options) own = *options;
    own.hooks = NULL;
    own.allocator = NULL;
    weft_error error = weft_node_open(&own, &behind);
    if (error) return error;
    error = dial(options, behind, node);
    if (error) {
        (void)weft_node_close(behind, 0);
        return error;
    }
    pthread_mutex_lock(&mutex);
    struct pair *pair = find(NULL);
    if (!pair) abort();
    *pair = (struct pair){*node, behind};
    pthread_mutex_unlock(&mutex);
    return WEFT_OK;
}

weft_error dialled_node_close(weft_node *node, uint32_t timeout_ms)
{
    weft_node *behind = dialled_behind(node);
    weft_error error = weft_node_close(node, timeout_ms);
    if (error || !behind) return error;
    pthread_mutex_lock(&mutex);
    *find(node) = (struct pair){NULL, NULL};
    pthread_mutex_unlock(&mutex);
    while ((error = weft_node_close(behind, 0)) == WEFT_EBUSY) /* what the client said last is being dealt with */
        (void)sched_yield();
    return error;
}
