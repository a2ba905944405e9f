/* epoll: one thread and one loop. Outcomes, tasks and events come to the program's own epoll, by their eventfds.
 *
 * The thread asks for words to be turned round, is the worker that does it and publishes that, and subscribes to what
 * is published; a program of one's own is mostly one of these. It prints:
 *
 *   asked: weft is deferred
 *   asked: warp is deferred
 *   asked: loom is deferred
 *   did: weft
 *   did: warp
 *   did: loom
 *   word 1: completed: tfew
 *   word 2: completed: praw
 *   word 3: completed: mool
 *   heard of 3
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <weft/weft.h>

#define CHANNEL "dispatch.example.reverse"
#define NEWS "event.example.reversed"

enum { WORDS = 3, WORD_BYTES = 64 };

struct program {
    weft_node *node;
    weft_worker *worker;
    weft_completions *completions;
    weft_subscription *subscription;
    int worker_fd, completions_fd, subscription_fd;
    unsigned open; /* asked for, and no outcome yet */
    unsigned heard;
};

static void must(weft_error error, const char *what)
{
    if (error == WEFT_OK) return;
    fprintf(stderr, "epoll: %s: %s: %s\n", what, weft_error_name(error), weft_error_message());
    exit(1);
}

static void do_task(struct program *program, weft_task *task)
{
    char reversed[WORD_BYTES];
    weft_bytes word = weft_task_payload(task);
    const char *letters = word.data;
    if (word.size > sizeof(reversed)) {
        weft_task_fail(task, "too_long", "a word has at most 64 letters");
        return;
    }
    printf("did: %.*s\n", (int)word.size, letters);
    for (size_t i = 0; i < word.size; i++)
        reversed[i] = letters[word.size - 1 - i];
    must(weft_publish(program->node, NEWS, (weft_bytes){reversed, word.size}, NULL, NULL), "publish");
    weft_task_complete(task, (weft_bytes){reversed, word.size});
}

/* The worker's eventfd is readable: take tasks until there are none. */
static void tasks_ready(struct program *program)
{
    weft_task *task;
    uint64_t told;
    (void)!read(program->worker_fd, &told, sizeof(told)); /* first the eventfd, then what it tells of */
    while (weft_worker_next(program->worker, 0, &task) == WEFT_OK)
        do_task(program, task);
}

/* The eventfd of the outcomes is readable: fetch until fewer came than were asked for. */
static void outcomes_ready(struct program *program)
{
    weft_reply replies[16];
    size_t count;
    uint64_t told;
    (void)!read(program->completions_fd, &told, sizeof(told));
    do {
        if (weft_completions_next(program->completions, 0, replies, 16, &count)) count = 0;
        for (size_t i = 0; i < count; i++) {
            const weft_reply *reply = &replies[i];
            printf("word %llu: %s: %.*s\n", (unsigned long long)reply->token, weft_outcome_name(reply->outcome),
                   (int)reply->payload.size, (const char *)reply->payload.data);
            weft_reply_release(&replies[i]);
        }
        program->open -= (unsigned)count;
    } while (count == 16);
}

/* The eventfd of the subscription is readable: take events until there are none. */
static void events_ready(struct program *program)
{
    weft_event events[16];
    size_t count;
    uint64_t told;
    (void)!read(program->subscription_fd, &told, sizeof(told));
    while (weft_subscription_next(program->subscription, 0, events, 16, &count) == WEFT_OK) {
        for (size_t i = 0; i < count; i++)
            weft_event_release(&events[i]);
        program->heard += (unsigned)count;
    }
}

static void ask(struct program *program, const char *word, uint64_t number)
{
    weft_ticket ticket;
    must(weft_dispatch_submit(program->completions, CHANNEL, weft_text(word), NULL, number, &ticket), "dispatch");
    printf("asked: %s is %s\n", word, weft_admission_name(ticket.admission));
    program->open++;
}

static void watch(int loop, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (!epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event)) return;
    perror("epoll_ctl");
    exit(1);
}

static void run(struct program *program)
{
    int loop = epoll_create1(EPOLL_CLOEXEC);
    watch(loop, program->worker_fd);
    watch(loop, program->completions_fd);
    watch(loop, program->subscription_fd);
    while (program->open > 0 || program->heard < WORDS) {
        struct epoll_event ready[8];
        int count = epoll_wait(loop, ready, 8, -1);
        for (int i = 0; i < count; i++) {
            if (ready[i].data.fd == program->worker_fd) tasks_ready(program);
            if (ready[i].data.fd == program->completions_fd) outcomes_ready(program);
            if (ready[i].data.fd == program->subscription_fd) events_ready(program);
        }
    }
    close(loop); /* before the descriptors that weft closes */
}

int main(void)
{
    static const char *const words[WORDS] = {"weft", "warp", "loom"};
    struct program program = {.open = 0};
    must(weft_node_open(NULL, &program.node), "open a node");
    weft_node *node = program.node;
    must(weft_channel_declare(node, CHANNEL, NULL), "declare a channel");
    must(weft_channel_declare(node, NEWS, NULL), "declare a channel");
    must(weft_completions_open(node, 64, &program.completions), "open a queue of outcomes");
    must(weft_completions_fd(program.completions, &program.completions_fd), "an eventfd");
    for (uint64_t i = 0; i < WORDS; i++)
        ask(&program, words[i], i + 1);
    must(weft_worker_register(node, CHANNEL, NULL, NULL, NULL, &program.worker), "register a pull worker");
    must(weft_worker_fd(program.worker, &program.worker_fd), "an eventfd");
    must(weft_subscribe(node, NEWS, NULL, NULL, NULL, &program.subscription), "subscribe");
    must(weft_subscription_fd(program.subscription, &program.subscription_fd), "an eventfd");

    run(&program);
    printf("heard of %u\n", program.heard);

    must(weft_completions_close(program.completions), "close the queue of outcomes");
    must(weft_unsubscribe(program.subscription), "unsubscribe");
    must(weft_worker_unregister(program.worker), "unregister the worker");
    must(weft_node_close(node, 1000), "close the node");
    return 0;
}
