/* beanstalkd.c: beanstalkd without its log. Tasks and replies are two tubes. A reserve blocks its connection, so who wants
 * a batch asks once to wait and then, in the same write, for what is there besides (reserve-with-timeout 0); and the
 * client has a second connection to put on. */
#include "contender.h"

#include <stdint.h>
#include <string.h>

enum { BATCH_MAX = 64, JOB_SECONDS = 3600 };

static struct stream putting, reserving;
static int asked; /* reserves that were not answered yet */

static void launch(struct launch *l)
{
    launch_add(l, "-l");
    launch_add(l, "127.0.0.1");
    launch_add(l, "-p");
    launch_add(l, "%d", l->port);
}

static void use(struct stream *s, const char *use, const char *watch)
{
    stream_puts(s, "use ");
    stream_puts(s, use);
    stream_puts(s, "\r\nwatch ");
    stream_puts(s, watch);
    stream_puts(s, "\r\nignore default\r\n");
    stream_expect(s, "USING");
    stream_expect(s, "WATCHING 2");
    stream_expect(s, "WATCHING 1");
}

static void put_job(struct stream *s, weft_bytes payload)
{
    stream_puts(s, "put 0 0 ");
    stream_put_number(s, JOB_SECONDS);
    stream_put(s, " ", 1);
    stream_put_number(s, payload.size);
    stream_put(s, "\r\n", 2);
    stream_put(s, payload.data, payload.size);
    stream_put(s, "\r\n", 2);
}

static void ask(int count)
{
    stream_puts(&reserving, "reserve\r\n");
    for (int i = 1; i < count; i++)
        stream_puts(&reserving, "reserve-with-timeout 0\r\n");
    asked = count;
}

static bool begins(weft_bytes line, const char *beginning)
{
    return line.size >= strlen(beginning) && memcmp(line.data, beginning, strlen(beginning)) == 0;
}

/* Takes one answer to a reserve; the job's text, or of size 0 for none. False: it is not there yet. */
static bool take(unsigned long *id, weft_bytes *job)
{
    for (;;) {
        weft_bytes line = stream_line(&reserving);
        const char *text = line.data;
        if (line.size == SIZE_MAX) return false;
        *job = (weft_bytes){0};
        if (begins(line, "RESERVED ")) {
            const char *size = memchr(text + 9, ' ', line.size - 9);
            job->size = number_at(size + 1);
            job->data = text + line.size + 2;
            if (stream_unread(&reserving).size < line.size + 2 + job->size + 2) return false;
            *id = number_at(text + 9);
            stream_skip(&reserving, job->size + 2);
        } else if (!begins(line, "DELETED") && !begins(line, "INSERTED") && !begins(line, "TIMED_OUT")) {
            fail("beanstalkd: %.*s", (int)line.size, text);
        }
        stream_skip(&reserving, line.size + 2);
        if (text[0] == 'R' || text[0] == 'T') return true;
    }
}

/* Waits for all answers to what was asked. Returns how many jobs. */
static int take_batch(void (*taken)(weft_bytes))
{
    unsigned long id;
    weft_bytes job;
    int count = 0;
    while (asked > 0) {
        if (!take(&id, &job)) {
            stream_fill(&reserving);
            continue;
        }
        asked--;
        if (!job.size) continue;
        taken(job);
        stream_puts(&reserving, "delete ");
        stream_put_number(&reserving, id);
        stream_put(&reserving, "\r\n", 2);
        count++;
    }
    return count;
}

static int batch; /* jobs to ask for */

static void open_client(int port)
{
    stream_open(&putting, port);
    stream_open(&reserving, port);
    use(&putting, "tasks", "unused");
    use(&reserving, "tasks", "replies");
    ask(1);
    stream_flush(&reserving);
    batch = 1;
}

static void submit(weft_bytes payload)
{
    put_job(&putting, payload);
}

static void flush(void)
{
    stream_flush(&putting);
}

/* Asks for twice what came, to have little more asked than there is. */
static void ask_again(int came)
{
    batch = came < batch ? came : 2 * came;
    if (batch > BATCH_MAX) batch = BATCH_MAX;
    if (batch < 1) batch = 1;
    ask(batch);
    stream_flush(&reserving);
}

static int collect(void)
{
    int count = take_batch(reply_taken);
    ask_again(count);
    return count;
}

static void answer(weft_bytes payload)
{
    put_job(&reserving, payload);
}

static void work(int port, int window)
{
    stream_open(&reserving, port);
    use(&reserving, "replies", "tasks");
    ask(1);
    stream_flush(&reserving);
    ready();
    for (;;) {
        int count = take_batch(answer);
        ask_again(window == 1 ? 0 : count);
    }
}

static void told(weft_bytes payload)
{
    (void)payload;
    took();
}

static void hold(int port)
{
    stream_open(&reserving, port);
    use(&reserving, "replies", "tasks");
    ask(1);
    stream_flush(&reserving);
    ready();
    (void)take_batch(told);
    stream_fill(&reserving);
    fail("beanstalkd: more than was asked for");
}

static void idle(struct stream *s, int port)
{
    stream_open(s, port);
    use(s, "replies", "tasks");
    stream_puts(s, "reserve\r\n");
    stream_flush(s);
}

const struct contender contender_beanstalkd = {.name = "beanstalkd",
                                               .program = "beanstalkd",
                                               .launch = launch,
                                               .open = open_client,
                                               .submit = submit,
                                               .flush = flush,
                                               .collect = collect,
                                               .work = work,
                                               .hold = hold,
                                               .idle = idle};
