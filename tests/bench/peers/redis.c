/* redis.c: Redis without persistence. Tasks and replies are two lists; a batch is pushed by one RPUSH and popped by one
 * BLMPOP, which blocks its connection: so the client has two. Fan-out is its PUBLISH. */
#include "contender.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { POP_MAX = 128 };
#define TASKS "tasks"
#define REPLIES "reply"
#define POP(list) "*7\r\n$6\r\nBLMPOP\r\n$1\r\n0\r\n$1\r\n1\r\n$5\r\n" list "\r\n$4\r\nLEFT\r\n$5\r\nCOUNT\r\n"
_Static_assert(sizeof(TASKS) == 6 && sizeof(REPLIES) == 6, "their sizes stand in the commands");

static struct stream pushing, popping, batch; /* batch has no connection */
static int batched;

static void launch(struct launch *l)
{
    const char *const arguments[] = {"--bind",
                                     "127.0.0.1",
                                     "--save",
                                     "",
                                     "--appendonly",
                                     "no",
                                     "--daemonize",
                                     "no",
                                     "--dir",
                                     l->directory,
                                     "--client-output-buffer-limit",
                                     "pubsub 0 0 0"};
    launch_add(l, "--port");
    launch_add(l, "%d", l->port);
    for (size_t i = 0; i < sizeof(arguments) / sizeof(*arguments); i++)
        launch_add(l, "%s", arguments[i]);
}

static void put_string(struct stream *s, weft_bytes text)
{
    stream_put(s, "$", 1);
    stream_put_number(s, text.size);
    stream_put(s, "\r\n", 2);
    stream_put(s, text.data, text.size);
    stream_put(s, "\r\n", 2);
}

static void put_pop(struct stream *s, const char *pop, int most)
{
    char number[24];
    stream_puts(s, pop);
    put_string(s, (weft_bytes){number, (size_t)snprintf(number, sizeof(number), "%d", most)});
}

static void put_push(struct stream *s, const char *list)
{
    stream_put(s, "*", 1);
    stream_put_number(s, (unsigned long)batched + 2);
    stream_puts(s, "\r\n$5\r\nRPUSH\r\n$5\r\n");
    stream_puts(s, list);
    stream_put(s, "\r\n", 2);
    stream_put(s, batch.out, batch.out_size);
    batch.out_size = 0;
    batched = 0;
}

static void submit(weft_bytes payload)
{
    put_string(&batch, payload);
    batched++;
}

/* Takes a line that begins with mark and a number, at offset *at. False: it is not all there. */
static bool take_number(weft_bytes unread, size_t *at, char mark, unsigned long *number)
{
    const char *text = (const char *)unread.data + *at;
    const char *end = *at < unread.size ? memchr(text, '\n', unread.size - *at) : NULL;
    if (!end) return false;
    if (*text != mark) fail("redis: %.*s", (int)(end - text), text);
    *number = number_at(text + 1);
    *at += (size_t)(end + 1 - text);
    return true;
}

static bool take_string(weft_bytes unread, size_t *at, weft_bytes *string)
{
    if (!take_number(unread, at, '$', &string->size) || unread.size - *at < string->size + 2) return false;
    string->data = (const char *)unread.data + *at;
    *at += string->size + 2;
    return true;
}

/* Takes what BLMPOP popped, if it is all there; returns how many. */
static int take_popped(struct stream *s, void (*taken)(weft_bytes))
{
    weft_bytes unread = stream_unread(s), strings[256], list;
    unsigned long two, count;
    size_t at = 0;
    if (!take_number(unread, &at, '*', &two) || !take_string(unread, &at, &list) ||
        !take_number(unread, &at, '*', &count))
        return 0;
    if (two != 2 || count > 256) fail("redis: an answer that was not asked for");
    for (unsigned long i = 0; i < count; i++)
        if (!take_string(unread, &at, &strings[i])) return 0;
    for (unsigned long i = 0; i < count; i++)
        taken(strings[i]);
    stream_skip(s, at);
    return (int)count;
}

static void open_client(int port)
{
    stream_open(&pushing, port);
    stream_open(&popping, port);
    stream_puts(&pushing, "CLIENT REPLY OFF\r\n");
    stream_flush(&pushing);
    put_pop(&popping, POP(REPLIES), 256);
    stream_flush(&popping);
}

static void flush(void)
{
    if (batched) put_push(&pushing, TASKS);
    stream_flush(&pushing);
}

static int collect(void)
{
    int count;
    while ((count = take_popped(&popping, reply_taken)) == 0)
        stream_fill(&popping);
    put_pop(&popping, POP(REPLIES), 256);
    stream_flush(&popping);
    return count;
}

/* The number that its RPUSH is answered with. */
static void skip_pushed(void)
{
    weft_bytes line;
    while (line = stream_line(&popping), line.size == SIZE_MAX)
        stream_fill(&popping);
    if (*(const char *)line.data != ':') fail("redis: %.*s", (int)line.size, (const char *)line.data);
    stream_skip(&popping, line.size + 2);
}

static void work(int port, int window)
{
    stream_open(&popping, port);
    put_pop(&popping, POP(TASKS), window == 1 ? 1 : POP_MAX);
    stream_flush(&popping);
    ready();
    for (;;) {
        while (take_popped(&popping, submit) == 0)
            stream_fill(&popping);
        put_push(&popping, REPLIES);
        put_pop(&popping, POP(TASKS), window == 1 ? 1 : POP_MAX);
        stream_flush(&popping);
        skip_pushed();
    }
}

static void publish(weft_bytes payload)
{
    stream_puts(&pushing, "*3\r\n$7\r\nPUBLISH\r\n$5\r\nevent\r\n");
    put_string(&pushing, payload);
}

static void subscribe(int port)
{
    stream_open(&popping, port);
    stream_puts(&popping, "SUBSCRIBE event\r\n");
    stream_expect(&popping, ":1");
}

static int heard(void)
{
    int count = 0;
    while (count == 0) {
        stream_fill(&popping);
        for (;;) {
            weft_bytes unread = stream_unread(&popping), message, channel, payload;
            unsigned long three;
            size_t at = 0;
            if (!take_number(unread, &at, '*', &three) || !take_string(unread, &at, &message) ||
                !take_string(unread, &at, &channel) || !take_string(unread, &at, &payload))
                break;
            reply_taken(payload);
            stream_skip(&popping, at);
            count++;
        }
    }
    return count;
}

static void idle(struct stream *s, int port)
{
    stream_open(s, port);
    stream_puts(s, "PING\r\n");
    stream_expect(s, "+PONG");
    put_pop(s, POP(TASKS), 1);
    stream_flush(s);
}

const struct contender contender_redis = {.name = "redis",
                                          .program = "redis-server",
                                          .launch = launch,
                                          .open = open_client,
                                          .submit = submit,
                                          .flush = flush,
                                          .collect = collect,
                                          .work = work,
                                          .publish = publish,
                                          .subscribe = subscribe,
                                          .heard = heard,
                                          .idle = idle};
