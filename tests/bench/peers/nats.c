/* nats.c: NATS. Workers share a queue group; all replies come to one inbox (a reply subject per request costs it 40%). */
#include "contender.h"

#include <stdint.h>
#include <string.h>

#define CONNECT "CONNECT {\"verbose\":false,\"pedantic\":false,\"echo\":false}\r\n"
#define INBOX "_INBOX.bench"

static struct stream server;

static void launch(struct launch *l)
{
    launch_add(l, "-a");
    launch_add(l, "127.0.0.1");
    launch_add(l, "-p");
    launch_add(l, "%d", l->port);
}

/* Connected, and the server has seen that. */
static void connect_with(struct stream *s, int port, const char *subscription)
{
    stream_open(s, port);
    stream_puts(s, CONNECT);
    stream_puts(s, subscription);
    stream_puts(s, "PING\r\n");
    stream_expect(s, "PONG");
}

static void put_message(const char *to, weft_bytes payload)
{
    stream_puts(&server, to);
    stream_put_number(&server, payload.size);
    stream_put(&server, "\r\n", 2);
    stream_put(&server, payload.data, payload.size);
    stream_put(&server, "\r\n", 2);
}

static const char *last_word(const char *text, size_t size)
{
    const char *word = text + size;
    while (word > text && word[-1] != ' ')
        word--;
    return word;
}

/* Takes the next message's payload. PING is answered. */
static bool take(weft_bytes *payload)
{
    for (;;) {
        weft_bytes line = stream_line(&server);
        const char *text = line.data;
        if (line.size == SIZE_MAX) return false;
        if (text[0] == 'M') {
            size_t size = number_at(last_word(text, line.size));
            if (stream_unread(&server).size < line.size + 2 + size + 2) return false;
            *payload = (weft_bytes){text + line.size + 2, size};
            stream_skip(&server, line.size + 2 + size + 2);
            return true;
        }
        if (text[0] == '-') fail("nats: %.*s", (int)line.size, text);
        if (memcmp(text, "PING", 4) == 0) stream_puts(&server, "PONG\r\n");
        stream_skip(&server, line.size + 2);
    }
}

static void open_client(int port)
{
    connect_with(&server, port, "SUB " INBOX " 1\r\n");
}

static void submit(weft_bytes payload)
{
    put_message("PUB tasks " INBOX " ", payload);
}

static void flush(void)
{
    stream_flush(&server);
}

static int collect(void)
{
    weft_bytes payload;
    int count = 0;
    while (count == 0) {
        stream_fill(&server);
        for (; take(&payload); count++)
            reply_taken(payload);
    }
    return count;
}

static void work(int port, int window)
{
    weft_bytes payload;
    (void)window;
    connect_with(&server, port, "SUB tasks workers 1\r\n");
    ready();
    for (;;) {
        stream_fill(&server);
        while (take(&payload))
            put_message("PUB " INBOX " ", payload);
        stream_flush(&server);
    }
}

static void publish(weft_bytes payload)
{
    put_message("PUB event ", payload);
}

static void subscribe(int port)
{
    connect_with(&server, port, "SUB event 1\r\n");
}

static void idle(struct stream *s, int port)
{
    connect_with(s, port, "SUB tasks workers 1\r\n");
}

static void idle_shared(struct stream *s, int index)
{
    stream_puts(s, "SUB tasks.");
    stream_put_number(s, (unsigned long)index);
    stream_puts(s, " workers ");
    stream_put_number(s, (unsigned long)index + 2);
    stream_puts(s, "\r\nPING\r\n");
    stream_expect(s, "PONG");
}

const struct contender contender_nats = {.name = "nats",
                                         .program = "nats-server",
                                         .launch = launch,
                                         .open = open_client,
                                         .submit = submit,
                                         .flush = flush,
                                         .collect = collect,
                                         .work = work,
                                         .publish = publish,
                                         .subscribe = subscribe,
                                         .heard = collect,
                                         .idle = idle,
                                         .idle_shared = idle_shared};
