/* libuv: the same in a uv_loop: a uv_poll_t on the eventfd of the outcomes. The work is done on weft's threads, the
 * loop stays free for its timers and sockets.
 *
 * A timer asks for a square every few milliseconds; when the last outcome is there, everything is closed and the loop
 * ends. It prints:
 *
 *   1 x 1 = 1
 *   2 x 2 = 4
 *   3 x 3 = 9
 *   4 x 4 = 16
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <uv.h>
#include <weft/weft.h>

#define CHANNEL "dispatch.example.square"

enum { LAST = 4 };

struct program {
    weft_completions *completions;
    uv_poll_t outcomes;
    uv_timer_t timer;
    unsigned asked, answered;
};

static void must(weft_error error, const char *what)
{
    if (error == WEFT_OK) return;
    fprintf(stderr, "libuv: %s: %s: %s\n", what, weft_error_name(error), weft_error_message());
    exit(1);
}

/* A handler: it runs on a thread of weft's, never in the loop. */
static void square(weft_task *task, void *context)
{
    unsigned number, result;
    (void)context;
    memcpy(&number, weft_task_payload(task).data, sizeof(number));
    result = number * number;
    weft_task_complete(task, (weft_bytes){&result, sizeof(result)});
}

static void answered(struct program *program, weft_reply *reply)
{
    unsigned result = 0;
    if (reply->outcome == WEFT_COMPLETED) memcpy(&result, reply->payload.data, sizeof(result));
    printf("%llu x %llu = %u\n", (unsigned long long)reply->token, (unsigned long long)reply->token, result);
    weft_reply_release(reply);
    program->answered++;
}

/* In the loop: outcomes are there. */
static void outcomes_ready(uv_poll_t *poll, int status, int events)
{
    struct program *program = poll->data;
    weft_reply replies[16];
    size_t count;
    uint64_t told;
    uv_os_fd_t fd;
    (void)status, (void)events;
    uv_fileno((uv_handle_t *)poll, &fd);
    (void)!read(fd, &told, sizeof(told));
    do {
        if (weft_completions_next(program->completions, 0, replies, 16, &count)) count = 0;
        for (size_t i = 0; i < count; i++)
            answered(program, &replies[i]);
    } while (count == 16);
    if (program->answered == LAST) uv_close((uv_handle_t *)poll, NULL); /* before weft closes the descriptor */
}

/* In the loop: ask for the next one. It does not wait. */
static void timer_fired(uv_timer_t *timer)
{
    struct program *program = timer->data;
    unsigned number = ++program->asked;
    weft_bytes payload = {&number, sizeof(number)};
    must(weft_dispatch_submit(program->completions, CHANNEL, payload, NULL, number, NULL), "dispatch");
    if (number == LAST) uv_close((uv_handle_t *)timer, NULL);
}

int main(void)
{
    struct program program = {.asked = 0};
    weft_node *node;
    weft_worker *worker;
    int fd;
    must(weft_node_open(NULL, &node), "open a node");
    must(weft_channel_declare(node, CHANNEL, NULL), "declare the channel");
    must(weft_worker_register(node, CHANNEL, square, NULL, NULL, &worker), "register a worker");
    must(weft_completions_open(node, 64, &program.completions), "open a queue of outcomes");
    must(weft_completions_fd(program.completions, &fd), "an eventfd");

    uv_loop_t *loop = uv_default_loop();
    program.outcomes.data = program.timer.data = &program;
    uv_poll_init(loop, &program.outcomes, fd);
    uv_poll_start(&program.outcomes, UV_READABLE, outcomes_ready);
    uv_timer_init(loop, &program.timer);
    uv_timer_start(&program.timer, timer_fired, 0, 5);
    uv_run(loop, UV_RUN_DEFAULT);
    uv_loop_close(loop);

    must(weft_completions_close(program.completions), "close the queue of outcomes");
    must(weft_worker_unregister(worker), "unregister the worker");
    must(weft_node_close(node, 1000), "close the node");
    return 0;
}
