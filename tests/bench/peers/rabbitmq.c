/* rabbitmq.c: RabbitMQ by its C library, a queue that is not durable, replies by its direct reply-to. Only the round trip
 * and the crash: it takes seconds to start, and is far behind where many are outstanding. Its server needs Erlang's port
 * mapper (epmd), which is given a port of its own and belongs to the same process group. */
#include "contender.h"

#include <amqp.h>
#include <amqp_tcp_socket.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SERVER "/usr/lib/rabbitmq/bin/rabbitmq-server" /* the one in PATH is Debian's, for the service */
#define TASKS amqp_cstring_bytes("tasks")
#define REPLIES amqp_cstring_bytes("amq.rabbitmq.reply-to")

static amqp_connection_state_t server;

static const char *missing(void)
{
    return access(SERVER, X_OK) ? "there is no " SERVER " here: make bench-peers ARGS=rabbitmq installs it" : NULL;
}

static void launch(struct launch *l)
{
    launch_add(l, "-c");
    launch_add(l,
               "export HOME='%s' RABBITMQ_MNESIA_BASE='%s' RABBITMQ_LOG_BASE='%s' RABBITMQ_LOGS=- "
               "RABBITMQ_ENABLED_PLUGINS_FILE='%s/plugins' RABBITMQ_CONF_ENV_FILE=/dev/null RUNNING_UNDER_SYSTEMD=1 "
               "RABBITMQ_NODENAME=bench%d@localhost RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 RABBITMQ_NODE_PORT=%d "
               "RABBITMQ_DIST_PORT=%d ERL_EPMD_PORT=%d ERL_EPMD_ADDRESS=127.0.0.1; setpriv --pdeathsig KILL epmd & "
               "exec " SERVER,
               l->directory, l->directory, l->directory, l->directory, l->port, l->port, l->port + 1, l->port + 2);
}

static void check(amqp_rpc_reply_t reply, const char *what)
{
    if (reply.reply_type != AMQP_RESPONSE_NORMAL) fail("rabbitmq: %s: reply %d", what, (int)reply.reply_type);
}

static void consume(amqp_bytes_t queue, bool acknowledges)
{
    amqp_basic_consume(server, 1, queue, amqp_empty_bytes, 0, !acknowledges, 0, amqp_empty_table);
    check(amqp_get_rpc_reply(server), "consume");
}

static void connect_to(int port)
{
    server = amqp_new_connection();
    amqp_socket_t *socket = amqp_tcp_socket_new(server);
    if (!socket || amqp_socket_open(socket, "127.0.0.1", port)) fail("rabbitmq: connect");
    check(amqp_login(server, "/", 1, 131072, 0, AMQP_SASL_METHOD_PLAIN, "guest", "guest"), "log in");
    amqp_channel_open(server, 1);
    check(amqp_get_rpc_reply(server), "open a channel");
    amqp_queue_declare(server, 1, TASKS, 0, 0, 0, 0, amqp_empty_table);
    check(amqp_get_rpc_reply(server), "declare a queue");
}

static void publish(amqp_bytes_t to, amqp_bytes_t reply_to, amqp_bytes_t body)
{
    amqp_basic_properties_t properties = {._flags = reply_to.len ? AMQP_BASIC_REPLY_TO_FLAG : 0, .reply_to = reply_to};
    if (amqp_basic_publish(server, 1, amqp_empty_bytes, to, 0, 0, &properties, body)) fail("rabbitmq: publish");
}

static void open_client(int port)
{
    connect_to(port);
    consume(REPLIES, false);
}

static void submit(weft_bytes payload)
{
    static char body[8192]; /* the library wants it writable */
    memcpy(body, payload.data, payload.size);
    publish(TASKS, REPLIES, (amqp_bytes_t){payload.size, body});
}

static void flush(void)
{
}

static int collect(void)
{
    amqp_envelope_t reply;
    amqp_maybe_release_buffers(server);
    check(amqp_consume_message(server, &reply, NULL, 0), "wait for a reply");
    reply_taken((weft_bytes){reply.message.body.bytes, reply.message.body.len});
    amqp_destroy_envelope(&reply);
    return 1;
}

static void work(int port, int window)
{
    amqp_envelope_t task;
    (void)window;
    connect_to(port);
    consume(TASKS, false);
    ready();
    for (;;) {
        amqp_maybe_release_buffers(server);
        check(amqp_consume_message(server, &task, NULL, 0), "wait for a task");
        publish(task.message.properties.reply_to, amqp_empty_bytes, task.message.body);
        amqp_destroy_envelope(&task);
    }
}

static void hold(int port)
{
    amqp_envelope_t task;
    connect_to(port);
    amqp_basic_qos(server, 1, 0, 1, 0);
    check(amqp_get_rpc_reply(server), "take one at a time");
    consume(TASKS, true);
    ready();
    check(amqp_consume_message(server, &task, NULL, 0), "wait for a task");
    took();
    for (;;)
        pause();
}

const struct contender contender_rabbitmq = {.name = "rabbitmq",
                                             .program = "sh",
                                             .heavy = true,
                                             .missing = missing,
                                             .launch = launch,
                                             .open = open_client,
                                             .submit = submit,
                                             .flush = flush,
                                             .collect = collect,
                                             .work = work,
                                             .hold = hold,
                                             .round_trip_only = true};
