/* Many connections, over each transport:
 *   - hundreds that come, call, and go, in order or not, some in the middle of a greeting: all served, none left behind
 *   - hundreds that stand idle, in little memory, while others are served
 *   - descriptors run out: the node goes on, says so once, and serves again when there are some */
#include "e2e/wire_relay.h"

#include <sys/resource.h>

#include "frame/frame.h"
#include "lib/failmem.h"

enum { VISITORS = 8, IDLE_BYTES_MAX = 2400 };

struct visitor {
    const struct site *site;
    unsigned visits, seed;
};

/* Comes and goes, each time in another way. */
static void *visit(void *argument)
{
    struct visitor *visitor = argument;
    for (unsigned i = 0; i < visitor->visits; i++) {
        unsigned how = roll(&visitor->seed, 4);
        if (how == 0) { /* says half a word */
            int fd = connect_to(visitor->site->url);
            thread_check_true(fd >= 0);
            thread_check_eq(send(fd, "\x3d\0\0\0\1", 5, MSG_NOSIGNAL), 5);
            close(fd);
            continue;
        }
        weft_node *node = dial_named(visitor->site->url, NULL);
        weft_worker *worker = NULL;
        weft_subscription *subscription = NULL;
        weft_reply reply;
        if (how == 1) worker = register_named(node, NULL, 1, echo, NULL);
        if (how == 2) thread_check_ok(weft_subscribe(node, "event.test.news", NULL, NULL, NULL, &subscription));
        thread_check_ok(weft_dispatch(node, OTHER, WEFT_TEXT("hello"), NULL, &reply));
        thread_check_str(weft_outcome_name(reply.outcome), "completed");
        weft_reply_release(&reply);
        if (how == 1) thread_check_ok(weft_worker_unregister(worker));
        if (how == 2) thread_check_ok(weft_unsubscribe(subscription));
        close_all_of(node);
    }
    return NULL;
}

static void they_come_and_go(void **state)
{
    struct site site;
    struct visitor visitors[VISITORS];
    pthread_t threads[VISITORS];
    weft_worker *worker;
    open_site(&site, *state, NULL);
    check_ok(weft_channel_declare(site.node, OTHER, NULL));
    check_ok(weft_channel_declare(site.node, "event.test.news", NULL));
    check_ok(weft_worker_register(site.node, OTHER, echo, NULL, NULL, &worker));
    unsigned fds = own_count("fd");
    for (unsigned i = 0; i < VISITORS; i++) {
        visitors[i] = (struct visitor){.site = &site, .visits = rounds("WIRE_VISITS", 200) / VISITORS, .seed = i};
        threads[i] = start(visit, &visitors[i]);
    }
    for (unsigned i = 0; i < VISITORS; i++)
        join(threads[i]);
    await_true(stats_of(site.node).participants == 1);
    await_true(own_count("fd") <= fds + 2); /* what nng makes for itself */
    weft_node_stats stats = stats_of(site.node);
    check_eq(stats.workers, 1);
    check_eq(stats.subscriptions, 0);
    check_eq(stats.dispatches_open + stats.attempts_running, 0);
    check_ok(weft_worker_unregister(worker));
    close_all_of(site.node);
}

/* idlers URL COUNT: so many sessions, each no more than its greeting. */
static int play_idlers(char **arguments)
{
    unsigned count = (unsigned)strtoul(arguments[1], NULL, 10);
    for (unsigned i = 0; i < count; i++) {
        unsigned char bytes[256];
        struct frame frame = {.kind = FRAME_HELLO, .hello = {.lowest = 1, .highest = 1, .epoch = 1, .resume_ms = 200}};
        int fd = connect_to(arguments[0]);
        thread_check_true(fd >= 0);
        unsigned number = i + 1;
        memcpy(frame.hello.instance, &number, sizeof number);
        frame.hello.instance[6] = 0x10;
        size_t size = (size_t)(weft__frame_write(&frame, false, bytes) - bytes);
        thread_check_eq(send(fd, bytes, size, MSG_NOSIGNAL), size);
        thread_check_eq(recv(fd, bytes, FRAME_HEADER_BYTES, MSG_WAITALL), FRAME_HEADER_BYTES);
        thread_check_eq(bytes[4], FRAME_WELCOME);
    }
    say("ready");
    (void)hear((char[8]){0}, 8);
    return 0;
}

static void many_stand_idle(void **state)
{
    const unsigned idle = rounds("WIRE_IDLE", 300);
    struct rlimit limit = {4096, 4096};
    struct site site;
    struct child idlers;
    struct failmem memory;
    char count[16];
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    failmem_init(&memory);
    weft_allocator allocator = {memory.mem.alloc, memory.mem.free, memory.mem.context};
    weft_node_options options = WEFT_NODE_OPTIONS;
    options.allocator = &allocator;
    check_ok(weft_node_open(&options, &site.node));
    check_ok(weft_channel_declare(site.node, CHANNEL, NULL));
    listen_there(&site, *state, NULL);
    uint64_t before = atomic_load(&memory.live_bytes);
    (void)snprintf(count, sizeof count, "%u", idle);
    spawn_role(&idlers, "idlers", site.url, count, NULL);
    await_line(&idlers, "ready");
    check_eq(stats_of(site.node).participants, idle + 1);
    await_true(atomic_load(&memory.live_bytes) - before <= (uint64_t)idle * IDLE_BYTES_MAX);
    weft_node *node = dial_named(site.url, "another");
    weft_worker *worker = register_named(node, "echo", 4, echo, NULL);
    for (int i = 0; i < 50; i++) {
        weft_reply reply = dispatch(node, CHANNEL, "as ever");
        check_reply_text(&reply, "as ever");
    }
    check_eq(kill(idlers.pid, SIGKILL), 0); /* all of them at once */
    check_eq(reap(&idlers), -SIGKILL);
    await_true(stats_of(site.node).participants == 2);
    weft_reply reply = dispatch(node, CHANNEL, "as ever");
    check_reply_text(&reply, "as ever");
    check_ok(weft_worker_unregister(worker));
    close_all_of(node);
    close_all_of(site.node);
    check_eq(atomic_load(&memory.live_blocks), 0);
}

struct shortage {
    struct event told;
    atomic_uint events, sentences;
};

static void note_shortage(const weft_node_event *event, void *context)
{
    struct shortage *shortage = context;
    if (event->kind == WEFT_NODE_NO_DESCRIPTORS) atomic_fetch_add(&shortage->events, 1);
}

static void note_sentence(weft_log_level level, const char *sentence, void *context)
{
    struct shortage *shortage = context;
    if (strcmp(sentence, "no descriptors are left: connections wait") != 0) return;
    thread_check_eq(level, WEFT_LOG_ERROR);
    atomic_fetch_add(&shortage->sentences, 1);
    event_give(&shortage->told);
}

static void descriptors_run_out(void **state)
{
    enum { MOST = 64 };
    struct site site = {0};
    struct shortage shortage = {0};
    const weft_hooks hooks = {.log = note_sentence, .event = note_shortage, .context = &shortage};
    weft_node_options options = WEFT_NODE_OPTIONS;
    struct rlimit before, none;
    int fds[MOST];
    options.hooks = &hooks;
    check_ok(weft_node_open(&options, &site.node));
    check_ok(weft_channel_declare(site.node, CHANNEL, NULL));
    listen_there(&site, *state, NULL);
    weft_node *node = dial_named(site.url, "client");
    weft_worker *worker = register_named(node, "echo", 4, echo, NULL);
    for (int i = 0; i < MOST; i++) /* ours are there before, the node's are not */
        fds[i] = socket(site.way->local ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    check_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = (rlim_t)fds[MOST - 1] + 3;
    check_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    struct sockaddr_storage address;
    socklen_t size = address_of(site.url, &address);
    for (int i = 0; i < MOST; i++)
        (void)connect(fds[i], (struct sockaddr *)&address, size);
    for (int i = 0; i < 20; i++) {
        weft_reply reply = dispatch(node, CHANNEL, "as ever");
        check_reply_text(&reply, "as ever");
    }
    event_await(&shortage.told, 1);
    usleep(250000); /* it tries more than once */
    for (int i = 0; i < MOST; i++)
        close(fds[i]);
    check_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    weft_node *another = dial_named(site.url, "another");
    weft_reply reply = dispatch(another, CHANNEL, "again");
    check_reply_text(&reply, "again");
    close_all_of(another);
    check_ok(weft_worker_unregister(worker));
    close_all_of(node);
    close_all_of(site.node);
    check_eq(atomic_load(&shortage.events), 1);
    check_eq(atomic_load(&shortage.sentences), 1);
}

int main(int argc, char **argv)
{
    const struct role roles[] = {{"idlers", play_idlers}};
    PLAY_ROLE(argc, argv, roles);
    const struct CMUnitTest tests[] = {
        OVER_EACH(they_come_and_go),
        OVER_EACH(many_stand_idle),
        OVER_EACH(descriptors_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
