#include "remote/clerk.h"

#include <string.h>

#include "api/error.h"
#include "base/clock.h"
#include "exec/node.h"
#include "base/thread.h"
#include "remote/serve.h"

struct job {
    struct list_node on_jobs;  /* (k) */
    struct list_node on_ready; /* (k) */
    struct heap_node due;      /* (k) */
    bool woken;                /* (k) since it was looked at */
    bool forgotten;            /* (k) */
    struct clerk *clerk;
    struct session *session; /* held */
    const struct ask_row *row;
    uint64_t deadline_ns;
    struct waiter waiter; /* in the core, where it waits */
    bool waits;           /* the clerk's: the waiter was left, and has not come back */
    uint32_t number;
    size_t size;
    unsigned char body[];
};

void weft__clerk_init(struct clerk *clerk, weft_node *node)
{
    *clerk = (struct clerk){.node = node};
    weft__lock_init(&clerk->lock, LOCK_CLERK);
    list_init(&clerk->ready);
    list_init(&clerk->jobs);
    weft__heap_init(&clerk->due, &node->mem);
    weft__park_init(&clerk->park);
}

/* --- one job ---------------------------------------------------------------------------------- */

/* Any thread that leaves the core. */
static void job_woken(struct waiter *waiter)
{
    struct job *job = list_record(waiter, struct job, waiter);
    struct clerk *clerk = job->clerk;
    weft__lock(&clerk->lock);
    job->woken = true;
    if (!list_linked(&job->on_ready)) list_push_back(&clerk->ready, &job->on_ready);
    weft__unlock(&clerk->lock);
    weft__unpark(&clerk->park);
}

/* Outside. The last: the job is gone. */
static void job_free(struct job *job)
{
    struct clerk *clerk = job->clerk;
    (void)weft__enter(clerk->node);
    list_remove(&job->waiter.on_node);
    weft__leave_inside(clerk->node);
    weft__lock(&clerk->lock);
    list_remove(&job->on_jobs);
    list_remove(&job->on_ready);
    weft__heap_remove(&clerk->due, &job->due);
    clerk->jobs_count--;
    job->session->asks_count--;
    if (!clerk->jobs_count && clerk->closer) weft__unpark(clerk->closer);
    weft__unlock(&clerk->lock);
    weft__session_drop(job->session);
    weft__mem_free(&clerk->node->mem, job);
}

/* Takes the waiter back. False: its wake is on its way, and the job has to stay until it came. */
static bool take_back(struct job *job)
{
    weft_node *node = job->clerk->node;
    (void)weft__enter(node);
    bool back = weft__core_unwait(&job->waiter.core);
    if (back) list_remove(&job->waiter.on_node);
    weft__leave_inside(node);
    if (back) job->waits = false;
    return back;
}

/* Looks whether what it waits for has come. WEFT_EAGAIN: not yet, and the waiter was left. */
static weft_error look(struct job *job, struct ask_call *call, struct core_outcome *outcome)
{
    weft_node *node = job->clerk->node;
    uint64_t now_ns = weft__enter(node);
    list_remove(&job->waiter.on_node);
    weft__waiter_init(&job->waiter);
    job->waiter.woken = job_woken;
    weft_error error = weft__ask_look(call, now_ns, &job->waiter.core, outcome);
    job->waits = error == WEFT_EAGAIN;
    if (job->waits) list_push_back(&node->callers, &job->waiter.on_node);
    weft__leave_inside(node);
    return error;
}

/* True: it waits on. */
static bool await(struct job *job, struct ask_call *call, uint64_t now_ns)
{
    struct core_outcome outcome;
    weft_error error = WEFT_EAGAIN;
    if (!job->waits) error = look(job, call, &outcome);
    if (error == WEFT_EAGAIN) {
        if (now_ns < job->deadline_ns || !take_back(job)) return true;
        error = WEFT_ETIMEDOUT;
    }
    weft__ask_answer(call, weft__ask_told(call, error, &outcome));
    return false;
}

static void run(struct job *job, uint64_t now_ns)
{
    struct ask_call call;
    char sentence[FRAME_SENTENCE_MAX] = "";
    bool waits = false;
    weft_error error =
        weft__ask_open(&call, job->session, job->row, job->number, (weft_bytes){job->body, job->size}, sentence);
    if (error && job->waits && !take_back(job))
        waits = true; /* it comes again, and is answered then */
    else if (error)
        weft__ask_answer(&call, weft__error_plain(error, job->row->name)); /* it was read before: no memory */
    else if (job->row->manner == ASK_BY_CLERK)
        weft__ask_answer(&call, weft__ask_do(&call));
    else
        waits = await(job, &call, now_ns);
    weft__ask_close(&call);
    if (!waits) job_free(job);
}

/* --- the thread ------------------------------------------------------------------------------- */

/* The next that is ready or due, taken off; NULL: none, and *until_ns says until when. */
static struct job *next_job(struct clerk *clerk, uint64_t now_ns, uint64_t *until_ns, bool *over)
{
    struct list_node *on = list_pop_front(&clerk->ready);
    if (on) {
        struct job *job = list_record(on, struct job, on_ready);
        if (job->woken) job->waits = false;
        job->woken = false;
        *over = job->forgotten || clerk->stopping;
        return job;
    }
    *until_ns = PARK_FOREVER;
    struct heap_node *first = weft__heap_first(&clerk->due, until_ns);
    if (!first || *until_ns > now_ns) return NULL;
    weft__heap_remove(&clerk->due, first);
    struct job *job = list_record(first, struct job, due);
    *over = job->forgotten || clerk->stopping;
    return job;
}

static void *clerk_main(void *argument)
{
    struct clerk *clerk = argument;
    for (;;) {
        uint64_t until_ns, now_ns = weft__clock_ns();
        bool over = false;
        weft__lock(&clerk->lock);
        struct job *job = next_job(clerk, now_ns, &until_ns, &over);
        bool ends = clerk->stopping && !clerk->jobs_count;
        weft__unlock(&clerk->lock);
        if (job && !over)
            run(job, now_ns);
        else if (job && (!job->waits || take_back(job)))
            job_free(job);
        else if (!job && ends)
            return NULL;
        else if (!job)
            (void)weft__park(&clerk->park, until_ns);
    }
}

/* --- what others call ------------------------------------------------------------------------- */

static weft_error enlist(struct clerk *clerk, struct job *job)
{
    weft_error error = WEFT_OK;
    weft__lock(&clerk->lock);
    if (clerk->stopping || job->session->asks_over)
        error = WEFT_ECLOSED;
    else if (clerk->jobs_count >= CLERK_JOBS_MAX || job->session->asks_count >= CLERK_SHARE_MAX)
        error = WEFT_ELIMIT;
    else if (!weft__heap_ensure(&clerk->due, clerk->jobs_count + 1))
        error = WEFT_ENOMEM;
    else if (!clerk->started && !weft__thread_start(&clerk->thread, "weft-clerk", clerk_main, clerk))
        error = WEFT_ESYSTEM;
    if (!error) {
        clerk->started = true;
        clerk->jobs_count++;
        job->session->asks_count++;
        list_push_back(&clerk->jobs, &job->on_jobs);
        list_push_back(&clerk->ready, &job->on_ready);
        if (job->deadline_ns != PARK_FOREVER) weft__heap_set(&clerk->due, &job->due, job->deadline_ns);
    }
    weft__unlock(&clerk->lock);
    return error;
}

weft_error weft__clerk_take(struct clerk *clerk, struct session *session, const struct ask_row *row,
                            const struct frame_ask *ask, uint32_t timeout_ms)
{
    const struct mem *mem = &clerk->node->mem;
    struct job *job = weft__mem_alloc(mem, sizeof(*job) + ask->body.size);
    if (!job) return weft__error_plain(WEFT_ENOMEM, row->name);
    *job = (struct job){.clerk = clerk, .session = session, .row = row, .number = ask->ask, .size = ask->body.size};
    job->deadline_ns = weft__deadline(weft__clock_ns(), timeout_ms);
    if (job->size) memcpy(job->body, ask->body.data, job->size);
    list_init(&job->on_jobs);
    list_init(&job->on_ready);
    weft__waiter_init(&job->waiter);
    weft__session_hold(session);
    weft_error error = enlist(clerk, job);
    if (!error) {
        weft__unpark(&clerk->park);
        return WEFT_OK;
    }
    weft__session_drop(session);
    weft__mem_free(mem, job);
    if (error == WEFT_ELIMIT)
        return weft__error(error, "%s: as many asks wait as may: %d of all clients, or %d of this one", row->name,
                           CLERK_JOBS_MAX, CLERK_SHARE_MAX);
    return weft__error_plain(error, row->name);
}

void weft__clerk_forget(struct clerk *clerk, struct session *session)
{
    weft__lock(&clerk->lock);
    if (session) session->asks_over = true;
    for (struct list_node *on = clerk->jobs.next; on != &clerk->jobs; on = on->next) {
        struct job *job = list_record(on, struct job, on_jobs);
        if (session && job->session != session) continue;
        job->forgotten = true;
        if (!list_linked(&job->on_ready)) list_push_back(&clerk->ready, &job->on_ready);
    }
    weft__unlock(&clerk->lock);
    weft__unpark(&clerk->park);
}

void weft__clerk_finish(struct clerk *clerk, uint64_t deadline_ns)
{
    struct park park;
    weft__lock(&clerk->lock);
    for (bool in_time = true; clerk->jobs_count && in_time;) {
        weft__park_init(&park);
        clerk->closer = &park;
        weft__unlock(&clerk->lock);
        in_time = weft__park(&park, deadline_ns);
        weft__lock(&clerk->lock);
        clerk->closer = NULL;
    }
    weft__unlock(&clerk->lock);
}

void weft__clerk_stop(struct clerk *clerk)
{
    weft__lock(&clerk->lock);
    clerk->stopping = true;
    bool started = clerk->started;
    weft__unlock(&clerk->lock);
    if (started) {
        weft__clerk_forget(clerk, NULL);
        weft__thread_join(clerk->thread);
    }
}

void weft__clerk_fini(struct clerk *clerk)
{
    weft__heap_fini(&clerk->due);
    weft__lock_fini(&clerk->lock);
}
