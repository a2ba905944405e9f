/* mosquitto.c: MQTT 3.1.1 at QoS 0. Workers have a shared subscription; replies come to one topic. */
#include "contender.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { CONNECT = 0x10, CONNACK = 0x20, PUBLISH = 0x30, SUBSCRIBE = 0x82, SUBACK = 0x90 };

static struct stream server;

static void launch(struct launch *l)
{
    launch_add(l, "-c");
    launch_add_file(l, "mosquitto.conf",
                    "listener %d 127.0.0.1\nallow_anonymous true\npersistence false\nset_tcp_nodelay true\n"
                    "max_queued_messages 0\nsys_interval 0\nlog_dest stderr\nlog_type error\n%s",
                    l->port, getuid() == 0 ? "user root\n" : "");
}

static void put_header(struct stream *s, uint8_t kind, size_t size)
{
    stream_put(s, &kind, 1);
    do {
        uint8_t seven = (uint8_t)(size & 0x7f);
        size >>= 7;
        if (size) seven |= 0x80;
        stream_put(s, &seven, 1);
    } while (size);
}

static void put_string(struct stream *s, const char *text)
{
    size_t size = strlen(text);
    uint8_t length[2] = {(uint8_t)(size >> 8), (uint8_t)size};
    stream_put(s, length, 2);
    stream_put(s, text, size);
}

/* Takes the next packet's kind, or 0 when it is not all there. Of a PUBLISH the payload. */
static uint8_t take(struct stream *s, weft_bytes *payload)
{
    weft_bytes unread = stream_unread(s);
    const uint8_t *bytes = unread.data;
    size_t size = 0, at = 1;
    for (int shift = 0;; shift += 7, at++) {
        if (at >= unread.size) return 0;
        size |= (size_t)(bytes[at] & 0x7f) << shift;
        if (!(bytes[at] & 0x80)) break;
    }
    at++;
    if (unread.size < at + size) return 0;
    stream_skip(s, at + size);
    if (bytes[0] == PUBLISH) {
        size_t topic = (size_t)bytes[at] << 8 | bytes[at + 1];
        *payload = (weft_bytes){bytes + at + 2 + topic, size - 2 - topic};
    }
    return bytes[0];
}

static void await(struct stream *s, uint8_t kind)
{
    weft_bytes payload;
    uint8_t got;
    stream_flush(s);
    while ((got = take(s, &payload)) == 0)
        stream_fill(s);
    if (got != kind) fail("mosquitto: packet %#x where %#x was due", got, kind);
}

static void connect_to(struct stream *s, int port)
{
    static int connections;
    char id[40];
    snprintf(id, sizeof(id), "%d-%d", (int)getpid(), connections++);
    stream_open(s, port);
    put_header(s, CONNECT, 10 + 2 + strlen(id));
    put_string(s, "MQTT");
    stream_put(s, "\x04\x02\0\0", 4); /* 3.1.1, a clean session, no keep-alive */
    put_string(s, id);
    await(s, CONNACK);
}

static void subscribe_to(struct stream *s, const char *topic)
{
    put_header(s, SUBSCRIBE, 2 + 2 + strlen(topic) + 1);
    stream_put(s, "\0\1", 2);
    put_string(s, topic);
    stream_put(s, "\0", 1);
    await(s, SUBACK);
}

static void put_message(const char *topic, weft_bytes payload)
{
    put_header(&server, PUBLISH, 2 + strlen(topic) + payload.size);
    put_string(&server, topic);
    stream_put(&server, payload.data, payload.size);
}

static void open_client(int port)
{
    connect_to(&server, port);
    subscribe_to(&server, "replies");
}

static void submit(weft_bytes payload)
{
    put_message("tasks", payload);
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
        for (; take(&server, &payload) == PUBLISH; count++)
            reply_taken(payload);
    }
    return count;
}

static void work(int port, int window)
{
    weft_bytes payload;
    (void)window;
    connect_to(&server, port);
    subscribe_to(&server, "$share/workers/tasks");
    ready();
    for (;;) {
        stream_fill(&server);
        while (take(&server, &payload) == PUBLISH)
            put_message("replies", payload);
        stream_flush(&server);
    }
}

static void publish(weft_bytes payload)
{
    put_message("event", payload);
}

static void subscribe(int port)
{
    connect_to(&server, port);
    subscribe_to(&server, "event");
}

static void idle(struct stream *s, int port)
{
    connect_to(s, port);
    subscribe_to(s, "$share/workers/tasks");
}

static void idle_shared(struct stream *s, int index)
{
    char topic[64];
    snprintf(topic, sizeof(topic), "$share/workers/tasks/%d", index);
    subscribe_to(s, topic);
}

const struct contender contender_mosquitto = {.name = "mosquitto",
                                              .program = "mosquitto",
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
