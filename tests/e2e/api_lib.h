/* api_lib.h: what the tests of the public interface share: events between threads, a node with a channel, handlers. */
#ifndef WEFT_TESTS_E2E_API_LIB_H
#define WEFT_TESTS_E2E_API_LIB_H

#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <weft/weft.h>

#include "lib/check.h"
#include "lib/dialled.h"

#define weft_node_open dialled_node_open
#define weft_node_close dialled_node_close

#define CHANNEL "dispatch.test.work"
#define OTHER "dispatch.test.other"

/* Something that happens a number of times, and can be waited for. Zeroed is ready. */
struct event {
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    unsigned count;
};

static inline void event_give(struct event *event)
{
    pthread_mutex_lock(&event->mutex);
    event->count++;
    pthread_cond_broadcast(&event->cond);
    pthread_mutex_unlock(&event->mutex);
}

/* Waits until it has happened so often. */
static inline void event_await(struct event *event, unsigned count)
{
    pthread_mutex_lock(&event->mutex);
    while (event->count < count)
        pthread_cond_wait(&event->cond, &event->mutex);
    pthread_mutex_unlock(&event->mutex);
}

static inline weft_node *open_node(void)
{
    weft_node *node;
    check_ok(weft_node_open(NULL, &node));
    check_ok(weft_channel_declare(node, CHANNEL, NULL));
    return node;
}

/* What a callback or a handler says may be heard before it has returned: then the node is closed a moment later. */
static inline void close_node(weft_node *node)
{
    weft_error error;
    while ((error = weft_node_close(node, 0)) == WEFT_EBUSY)
        (void)sched_yield();
    check_ok(error);
}

static inline weft_worker *register_worker(weft_node *node, const char *channel, weft_handler handler, void *context)
{
    weft_worker *worker;
    check_ok(weft_worker_register(node, channel, handler, context, NULL, &worker));
    return worker;
}

static inline pthread_t start(void *(*main)(void *argument), void *argument)
{
    pthread_t thread;
    check_eq(pthread_create(&thread, NULL, main, argument), 0);
    return thread;
}

static inline void join(pthread_t thread)
{
    check_eq(pthread_join(thread, NULL), 0);
}

/* Whether the first thread of the process sleeps. */
static inline bool main_sleeps(void)
{
    char path[64], text[128], state = 0;
    (void)snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)getpid());
    FILE *file = fopen(path, "re");
    if (file && fgets(text, sizeof(text), file) && strrchr(text, ')')) state = strrchr(text, ')')[2];
    if (file) fclose(file);
    return state == 'S';
}

/* A handler: completes with what came; perhaps nobody waits for it any more. */
static inline void echo(weft_task *task, void *context)
{
    (void)context;
    weft_error error = weft_task_complete(task, weft_task_payload(task));
    if (error != WEFT_ESTALE) thread_check_ok(error);
}

/* A handler: says that it began, waits for leave to go on, completes. */
struct stop {
    struct event began, go_on;
};

static inline void halt(weft_task *task, void *context)
{
    struct stop *stop = context;
    event_give(&stop->began);
    event_await(&stop->go_on, 1);
    (void)weft_task_complete(task, weft_task_payload(task));
}

static inline weft_reply dispatch(weft_node *node, const char *channel, const char *text)
{
    weft_reply reply;
    check_ok(weft_dispatch(node, channel, weft_text(text), NULL, &reply));
    return reply;
}

static inline weft_dispatch_id submit(weft_completions *completions, const char *channel, const char *text,
                                      uint64_t token)
{
    weft_ticket ticket;
    check_ok(weft_dispatch_submit(completions, channel, weft_text(text), NULL, token, &ticket));
    return ticket.id;
}

static inline weft_reply next_reply(weft_completions *completions)
{
    weft_reply reply;
    size_t count;
    check_ok(weft_completions_next(completions, WEFT_FOREVER, &reply, 1, &count));
    check_eq(count, 1);
    return reply;
}

/* A timeout: at once; of a client node, whose dispatches and results are on their way, when it comes. */
static inline uint32_t soon(void)
{
    return dialled() ? WEFT_FOREVER : 0;
}

/* The node admitted it so; a client node says that it was sent. */
static inline void check_admission(const weft_ticket *ticket, weft_admission expected)
{
    check_str(weft_admission_name(ticket->admission), weft_admission_name(dialled() ? WEFT_ADMISSION_SENT : expected));
}

/* How the node refused a dispatch: at once; of a client node, whose ticket says `sent`, with its outcome. */
struct refusal {
    char reason[64], sentence[512]; /* as said of a reply */
    uint32_t retry_after_ms;
};

static inline struct refusal refusal_of(weft_reply *reply)
{
    struct refusal refusal = {.retry_after_ms = reply->retry_after_ms};
    check_str(weft_outcome_name(reply->outcome), "rejected");
    check_eq(reply->attempts, 0);
    (void)snprintf(refusal.reason, sizeof refusal.reason, "%s", reply->code);
    (void)snprintf(refusal.sentence, sizeof refusal.sentence, "%s", reply->message ? reply->message : "");
    weft_reply_release(reply);
    return refusal;
}

static inline struct refusal refusal_at_once(weft_error error, const weft_ticket *ticket)
{
    struct refusal refusal = {.retry_after_ms = ticket->retry_after_ms};
    check_err(error, WEFT_EREJECTED);
    check_str(weft_admission_name(ticket->admission), "rejected");
    check_eq(ticket->id.number, 0);
    (void)snprintf(refusal.reason, sizeof refusal.reason, "%s", ticket->reason);
    (void)snprintf(refusal.sentence, sizeof refusal.sentence, "%s", weft_error_message());
    return refusal;
}

/* completions: nothing else ends there meanwhile. */
static inline struct refusal refused(weft_completions *completions, const char *channel, const char *text,
                                     const weft_dispatch_options *options)
{
    weft_ticket ticket;
    weft_error error = weft_dispatch_submit(completions, channel, weft_text(text), options, 0, &ticket);
    if (!dialled()) return refusal_at_once(error, &ticket);
    check_ok(error);
    check_admission(&ticket, WEFT_ADMISSION_REJECTED);
    weft_reply reply = next_reply(completions);
    return refusal_of(&reply);
}

static inline void check_refused(weft_completions *completions, const char *channel, const char *text,
                                 const weft_dispatch_options *options, const char *reason)
{
    struct refusal refusal = refused(completions, channel, text, options);
    check_str(refusal.reason, reason);
}

struct heard_refusal {
    struct event event;
    struct refusal refusal;
};

static inline void hear_refusal(const weft_reply *reply, void *context)
{
    struct heard_refusal *heard = context;
    weft_reply own = *reply;
    own.memory = NULL; /* its memory is not ours */
    heard->refusal = refusal_of(&own);
    event_give(&heard->event);
}

/* The same by weft_dispatch_async. */
static inline struct refusal refused_async(weft_node *node, const char *channel, weft_bytes payload,
                                           const weft_dispatch_options *options)
{
    struct heard_refusal heard = {.event.count = 0};
    weft_ticket ticket;
    weft_error error = weft_dispatch_async(node, channel, payload, options, hear_refusal, &heard, 0, &ticket);
    if (!dialled()) {
        check_eq(heard.event.count, 0);
        return refusal_at_once(error, &ticket);
    }
    check_ok(error);
    check_admission(&ticket, WEFT_ADMISSION_REJECTED);
    event_await(&heard.event, 1);
    return heard.refusal;
}

/* The reply is completed with that text; releases it. */
static inline void check_reply_text(weft_reply *reply, const char *text)
{
    check_str(weft_outcome_name(reply->outcome), "completed");
    check_eq(reply->payload.size, strlen(text));
    check_true(memcmp(reply->payload.data, text, strlen(text)) == 0);
    check_true(!reply->code && !reply->message);
    weft_reply_release(reply);
}

/* It ended in another way; releases it. */
static inline void check_reply_code(weft_reply *reply, weft_outcome outcome, const char *code)
{
    check_str(weft_outcome_name(reply->outcome), weft_outcome_name(outcome));
    check_str(reply->code, code);
    check_eq(reply->payload.size, 0);
    weft_reply_release(reply);
}

/* The document matches one of the library's own schemas, as it is in the library. */
static inline void check_built_in(const char *name, const char *text)
{
    char reference[128];
    weft_schema *schema;
    weft_validator *validator;
    (void)snprintf(reference, sizeof reference, "{\"$ref\":\"urn:weft:schema:%s\"}", name);
    check_ok(weft_schema_compile(weft_text(reference), NULL, &schema));
    check_ok(weft_validator_open(NULL, &validator));
    weft_error error = weft_validate(validator, schema, weft_text(text));
    if (error) print_error("%s: %s\n%s\n", name, weft_error_message(), text);
    check_ok(error);
    weft_validator_close(validator);
    weft_schema_release(schema);
}

/* 0 to sides - 1, from a state that is the thread's own. */
static inline unsigned roll(unsigned *state, unsigned sides)
{
    *state = *state * 1664525u + 1013904223u;
    return (*state >> 8) % sides;
}

/* A child that does nothing until it is killed. */
static inline pid_t spawn_sleeper(void)
{
    char *argv[] = {"sleep", "1000", NULL};
    pid_t pid;
    check_eq(posix_spawnp(&pid, "sleep", NULL, NULL, argv, environ), 0);
    return pid;
}

static inline weft_channel_info info_of(weft_node *node, const char *channel)
{
    weft_channel_info info;
    check_ok(weft_channel_info_get(node, channel, &info));
    return info;
}

/* How many entries a directory of /proc/self has: threads ("task"), descriptors ("fd"). */
static inline unsigned own_count(const char *what)
{
    char path[64];
    unsigned count = 0;
    snprintf(path, sizeof path, "/proc/self/%s", what);
    DIR *directory = opendir(path);
    check_true(directory != NULL);
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

/* There are as many as before; where there was a wire, its transport closes them a moment later. */
static inline void await_descriptors(unsigned before)
{
    while (dialled() && own_count("fd") > before) {
    }
    if (!dialled()) check_eq(own_count("fd"), before);
}

#endif
