/* jobs.c: what is known of each dispatch: by its caller, by the handlers that were entered for it, and from the wire. A payload
 * says whose it is, and a result of which attempt. */
#include <stdlib.h>
#include <string.h>

#include "core/core.h"
#include "wire/world.h"

enum { MS = 1000000, BUFFER = 400000 };

struct job jobs[JOBS_MAX];
uint32_t jobs_count;

const char *const channel_names[CHANNELS] = {"dispatch.wire.a", "dispatch.wire.b", "dispatch.wire.c"};

static const uint64_t asked_magic = UINT64_C(0x6b73612d74666577), result_magic = UINT64_C(0x7365722d74666577);

/* What travels begins with it. */
struct mark {
    uint64_t magic;
    uint32_t job, attempt;
    uint32_t size, check;
};

static uint32_t draw(uint32_t n)
{
    return rng_below(&stage_rng, n);
}

static bool once_in(uint32_t n)
{
    return rng_once_in(&stage_rng, n);
}

/* --- what travels ----------------------------------------------------------------------------- */

/* A copy, since whoever made it may be interrupted while another is made. Free it. */
static weft_bytes make(uint64_t magic, uint32_t job, uint32_t attempt)
{
    uint32_t more = once_in(world.large_in) ? 60000 + draw(BUFFER - 60000) : draw(300);
    struct mark mark = {.magic = magic, .job = job, .attempt = attempt, .size = (uint32_t)sizeof mark + more};
    mark.check = mark.size ^ job;
    unsigned char *bytes = malloc(mark.size);
    EXPECT(bytes, "no memory for the test itself");
    memcpy(bytes, &mark, sizeof mark);
    memset(bytes + sizeof mark, (int)(job & 0xff), more);
    return (weft_bytes){bytes, mark.size};
}

static void unmake(weft_bytes bytes)
{
    free((void *)(uintptr_t)bytes.data);
}

static bool read_mark(weft_bytes payload, struct mark *mark)
{
    if (payload.size < sizeof *mark) return false;
    memcpy(mark, payload.data, sizeof *mark);
    if (mark->magic != asked_magic && mark->magic != result_magic) return false;
    const unsigned char *bytes = payload.data;
    EXPECT(mark->size == payload.size && mark->check == (mark->size ^ mark->job) && mark->job < jobs_count,
           "what travels has changed on its way");
    for (size_t i = sizeof *mark; i < payload.size; i++)
        EXPECT(bytes[i] == (mark->job & 0xff), "what travels has changed on its way, at byte %zu", i);
    return true;
}

bool job_of(weft_bytes payload, uint32_t *job)
{
    struct mark mark;
    if (!read_mark(payload, &mark) || mark.magic != asked_magic) return false;
    *job = mark.job;
    return true;
}

/* --- the caller's side ------------------------------------------------------------------------ */

static uint32_t number_of(const struct job *job)
{
    return (uint32_t)(job - jobs);
}

static uint32_t bits_below(uint32_t attempt)
{
    return (UINT32_C(1) << attempt) - 1;
}

/* A handler has returned without a word, or has said this. */
static bool some_said(const struct job *job, enum said said)
{
    for (uint32_t attempt = 1; attempt <= ATTEMPTS_MAX; attempt++)
        if ((job->entered & 1U << attempt) && job->tried[attempt] == said) return true;
    return false;
}

static void completed(const struct job *job, const weft_reply *reply)
{
    struct mark mark;
    EXPECT(read_mark(reply->payload, &mark) && mark.magic == result_magic && mark.job == number_of(job),
           "job %u has the result of another", number_of(job));
    EXPECT(mark.attempt <= ATTEMPTS_MAX && job->tried[mark.attempt] == SAID_COMPLETE,
           "job %u has a result of attempt %u, which has given none", number_of(job), mark.attempt);
    EXPECT(job->bounded || !(job->acknowledged & bits_below(mark.attempt)),
           "job %u completed by attempt %u, though the result of an earlier one was acknowledged", number_of(job),
           mark.attempt);
}

static void look_at_outcome(const struct job *job, const weft_reply *reply)
{
    uint32_t n = number_of(job);
    bool leaving = job->host->crashed || !job->host->up;
    switch (reply->outcome) {
    case WEFT_COMPLETED: completed(job, reply); break;
    case WEFT_FAILED:
        EXPECT(some_said(job, SAID_FAIL) || some_said(job, SAID_NONE) || some_said(job, SAID_CANCELLED),
               "job %u failed (%s), and no handler said so", n, reply->code);
        break;
    case WEFT_CANCELLED:
        EXPECT(job->cancel_asked || leaving || (job->caller && strcmp(reply->code, "node_closed") == 0),
               "job %u is cancelled (%s), and nobody asked for it", n, reply->code);
        break;
    case WEFT_TIMED_OUT: EXPECT(job->bounded, "job %u timed out (%s), and has no times", n, reply->code); break;
    case WEFT_NODE_LOST: EXPECT(job->caller, "job %u of a node is lost with a node", n); break;
    case WEFT_WORKER_DIED:
        EXPECT(!job->acknowledged || job->bounded || job->cancel_asked,
               "job %u: worker_died (%s), though a result of it was acknowledged", n, reply->code);
        break;
    case WEFT_REJECTED: EXPECT(!job->entered || leaving, "job %u is rejected (%s), and was run", n, reply->code); break;
    default: broken("job %u ends as %d", n, (int)reply->outcome);
    }
}

static void job_ended(const weft_reply *reply, void *context)
{
    struct job *job = context;
    TRACE("job %u ends: %s %s", number_of(job), weft_outcome_name(reply->outcome), reply->code ? reply->code : "");
    EXPECT(!job->ended, "job %u ends twice: %s, then %s", number_of(job), weft_outcome_name(job->outcome),
           weft_outcome_name(reply->outcome));
    job->ended = true;
    job->outcome = reply->outcome;
    report.outcomes[reply->outcome]++;
    look_at_outcome(job, reply);
    job->host->open_count--;
}

static void job_updated(const weft_update *update, void *context)
{
    struct job *job = context;
    uint32_t n = number_of(job);
    EXPECT(!job->ended, "job %u is told something after its end", n);
    switch (update->kind) {
    case WEFT_UPDATE_RESTARTED:
        EXPECT(update->attempt > job->heard_attempt, "job %u: attempt %u is told of after %u", n, update->attempt,
               job->heard_attempt);
        job->heard_attempt = update->attempt;
        job->heard_parts = 0;
        break;
    case WEFT_UPDATE_PARTIAL:
        EXPECT(update->attempt == job->heard_attempt, "job %u: a part of attempt %u, in the middle of %u", n,
               update->attempt, job->heard_attempt);
        EXPECT(update->number == ++job->heard_parts, "job %u: part %llu, where %llu is due", n,
               (unsigned long long)update->number, (unsigned long long)job->heard_parts);
        break;
    case WEFT_UPDATE_PROGRESS: break;
    }
}

static void draw_options(struct job *job, weft_dispatch_options *options)
{
    job->redispatch = once_in(3);
    job->attempts_max = job->redispatch ? 1 + draw(4) : 1;
    job->streams = once_in(4);
    job->window = 1 + draw(6);
    job->heard_attempt = 1;
    options->on_crash = job->redispatch ? WEFT_CRASH_REDISPATCH : WEFT_CRASH_FAIL;
    options->attempts_max = job->attempts_max;
    options->priority = (weft_priority)(1 + draw(4));
    options->no_worker = once_in(8) ? WEFT_NO_WORKER_REJECT : WEFT_NO_WORKER_WAIT;
    options->content_type = once_in(4) ? "text/plain" : NULL;
    if (job->streams) {
        options->updated = job_updated;
        options->updated_context = job;
        options->window = job->window;
    }
    if (!world.times || !once_in(4)) return;
    job->bounded = true;
    if (once_in(2)) options->schedule_to_close_ms = 50 + draw(8000);
    if (once_in(3)) options->schedule_to_start_ms = 50 + draw(4000);
    if (once_in(3)) options->start_to_close_ms = 20 + draw(1500);
    if (once_in(4)) options->heartbeat_ms = 20 + draw(500);
}

/* In the calling thread, which waits. */
static void ask_and_wait(struct host *host, struct job *job, const char *channel, weft_bytes payload,
                         const weft_dispatch_options *options)
{
    weft_reply reply;
    weft_error error = weft_dispatch(host->node, channel, payload, options, &reply);
    if (error) {
        EXPECT(!job->ended && !job->entered, "job %u was not let in, and was run", number_of(job));
        host->open_count--;
        return;
    }
    job->admitted = true;
    job_ended(&reply, job);
    weft_reply_release(&reply);
}

bool job_ask(struct host *host, bool may_wait)
{
    weft_dispatch_options options = WEFT_DISPATCH_OPTIONS;
    weft_ticket ticket = {.admission = WEFT_ADMISSION_NONE};
    if (jobs_count == world.jobs_wanted || host->open_count > 60) return false;
    uint32_t n = jobs_count++;
    struct job *job = &jobs[n];
    *job = (struct job){.caller = host->dials ? host->number + 1 : 0, .life = host->life, .host = host};
    draw_options(job, &options);
    const char *channel = channel_names[draw(CHANNELS)];
    weft_bytes payload = make(asked_magic, n, 0);
    host->open_count++;
    report.jobs++;
    TRACE("%s %u/%u asks for job %u on %s%s%s", host->dials ? "client" : "node", host->number, host->life, n, channel,
          job->redispatch ? ", again if need be" : "", job->streams ? ", streams" : "");
    if (may_wait && once_in(2)) {
        if (!options.schedule_to_close_ms) options.schedule_to_close_ms = 3000 + draw(6000); /* closing waits for it */
        job->bounded = true;
        ask_and_wait(host, job, channel, payload, &options);
        unmake(payload);
        return true;
    }
    weft_error error = weft_dispatch_async(host->node, channel, payload, &options, job_ended, job, n, &ticket);
    unmake(payload);
    job->admitted = !error;
    if (!error) job->id = ticket.id;
    if (!error) return true;
    TRACE("job %u is not let in: %s", n, weft_error_name(error));
    EXPECT(!job->ended && !job->entered, "job %u was not let in, and was run", n);
    host->open_count--;
    return false;
}

void job_cancel_some(struct host *host)
{
    if (!jobs_count) return;
    uint32_t newest = jobs_count < 100 ? jobs_count : 100;
    struct job *job = &jobs[jobs_count - 1 - draw(newest)];
    if (job->host != host || !job->admitted || job->ended || !job->id.number) return;
    TRACE("job %u is called off", number_of(job));
    job->cancel_asked = true;
    (void)weft_dispatch_cancel(host->node, job->id);
}

/* --- the worker's side ------------------------------------------------------------------------ */

static void enter(struct job *job, const weft_task *task)
{
    uint32_t n = number_of(job), attempt = weft_task_attempt(task);
    weft_dispatch_id id = weft_task_dispatch(task);
    EXPECT(attempt >= 1 && attempt <= ATTEMPTS_MAX, "job %u is run as attempt %u", n, attempt);
    EXPECT(!(job->entered & 1U << attempt), "job %u: attempt %u is run twice", n, attempt);
    EXPECT(!job->entered || job->redispatch, "job %u is run twice, and nobody asked for that", n);
    job->entered |= 1U << attempt;
    EXPECT((uint32_t)__builtin_popcount(job->entered) <= job->attempts_max, "job %u is run more than %u times", n,
           job->attempts_max);
    EXPECT(!job->id.number || (job->id.number == id.number && job->id.session == id.session),
           "job %u is known to its worker by another id", n);
}

static void rest(uint32_t most_ms)
{
    if (most_ms) stage_sleep((uint64_t)draw(most_ms * 1000) * 1000);
}

static void stream(weft_task *task)
{
    for (uint32_t left = draw(8); left-- > 0 && !weft_task_cancelled(task);) {
        if (once_in(3))
            (void)weft_task_progress(task, weft_text("so far"));
        else
            (void)weft_task_partial(task, weft_text("a part"), draw(3000));
        if (once_in(2)) rest(40);
        if (once_in(5)) (void)weft_task_heartbeat(task);
    }
}

static weft_error say(weft_task *task, uint32_t n, enum said said)
{
    weft_error error;
    weft_bytes result;
    switch (said) {
    case SAID_COMPLETE:
        result = make(result_magic, n, weft_task_attempt(task));
        error = weft_task_complete_as(task, result, once_in(3) ? "text/plain" : NULL);
        unmake(result);
        return error;
    case SAID_FAIL: return weft_task_fail(task, "no", "it could not be done");
    case SAID_CANCELLED: return weft_task_acknowledge_cancel(task);
    case SAID_ABANDON: return weft_task_abandon(task);
    default: return WEFT_OK;
    }
}

void job_handle(weft_task *task, void *context)
{
    const struct host *host = context;
    uint32_t n;
    bool ours = job_of(weft_task_payload(task), &n);
    EXPECT(ours, "a task with a payload of nobody's");
    struct job *job = &jobs[n];
    uint32_t attempt = weft_task_attempt(task);
    TRACE("job %u, attempt %u, is run by %s %u/%u", n, attempt, host->dials ? "client" : "node", host->number,
          host->life);
    enter(job, task);
    if (once_in(2)) rest(once_in(6) ? 1500 : 60);
    if (weft_task_streams(task)) stream(task);
    enum said said = once_in(10) ? SAID_FAIL : once_in(20) ? SAID_ABANDON : once_in(30) ? SAID_NONE : SAID_COMPLETE;
    if (weft_task_cancelled(task) && once_in(2)) said = SAID_CANCELLED;
    job->tried[attempt] = (uint8_t)said;
    while (say(task, n, said) == WEFT_ENOMEM) {
        rest(5);
        if (!once_in(4)) continue;
        job->tried[attempt] = said = SAID_ABANDON;
    }
    if (once_in(6)) rest(300); /* the handler runs on */
}

/* --- from the wire ---------------------------------------------------------------------------- */

void job_acknowledged(uint32_t n, uint32_t attempt, uint8_t kind)
{
    struct job *job = &jobs[n];
    if (kind != CORE_RESULT_COMPLETE && kind != CORE_RESULT_FAIL) return;
    if (!job->ended) job->acknowledged |= 1U << attempt;
}

uint32_t jobs_open(void)
{
    uint32_t open = 0;
    for (uint32_t i = 0; i < jobs_count; i++)
        open += jobs[i].admitted && !jobs[i].ended;
    return open;
}

void jobs_print_open(void)
{
    for (uint32_t i = 0; i < jobs_count; i++) {
        const struct job *job = &jobs[i];
        if (!job->admitted || job->ended) continue;
        printf("  job %u of %s %u/%u is open; attempts entered %x, acknowledged %x, said", i,
               job->caller ? "client" : "node", job->host->number, job->life, job->entered, job->acknowledged);
        for (uint32_t attempt = 1; attempt <= ATTEMPTS_MAX; attempt++)
            if (job->entered & 1U << attempt) printf(" %u", job->tried[attempt]);
        printf("\n");
    }
}
