#include "wire/pipes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "net/lead.h"
#include "net/pipe.h"
#include "wire/stage.h"

enum { HOSTS_MAX = 16, PIPES_MAX = 1024, DIALS_MAX = 64, US = 1000 };

/* What one end has begun: a read or a write. */
struct doing {
    bool under_way;
    unsigned char *bytes;
    size_t size;
    pipe_done done;
    void *context;
    uint64_t at_ns; /* not before */
};

/* What is on its way to an end. */
struct stream {
    unsigned char *bytes;
    size_t size;
    uint64_t at_ns; /* when the first of it is there */
    bool over;      /* nothing comes behind it */
};

struct pipe {
    struct pipe *other; /* NULL: freed */
    uint32_t connection, client, life, node;
    bool of_client;
    bool closed;    /* here */
    bool lost;      /* nothing goes out any more */
    bool torn;      /* nothing that goes out comes */
    uint32_t calls; /* under way */
    struct doing read, write;
    struct lead *lead; /* whose threads may read it */
    struct stream in;
};

struct acceptor {
    void (*accepted)(void *context, struct pipe *pipe);
    void *context;
    uint32_t node;
    bool closed;
    bool calling;
};

struct dial {
    uint32_t client, life, node;
    uint64_t at_ns, end_ns;
    dial_done done;
    void *context;
    bool cancelled, calling, over;
};

static struct net_shape shape;
static struct pipe *pipes[PIPES_MAX];
static uint32_t pipes_count;
static struct dial *dials[DIALS_MAX];
static uint32_t dials_count;
static struct acceptor *acceptors[HOSTS_MAX];
static bool parted[HOSTS_MAX][HOSTS_MAX];
static uint32_t lives_over[HOSTS_MAX]; /* lives below are over */
static bool closing;
static uint32_t connections;
static uint64_t bytes_count;

static uint64_t later(uint32_t most_us)
{
    return stage_now_ns + (uint64_t)rng_below(&stage_rng, most_us + 1) * US;
}

/* --- pipes ------------------------------------------------------------------------------------ */

static bool is_parted(const struct pipe *pipe)
{
    return parted[pipe->client][pipe->node];
}

static bool can_read(const struct pipe *pipe)
{
    if (!pipe->read.under_way) return false;
    if (pipe->closed) return true;
    if (stage_now_ns < pipe->in.at_ns || is_parted(pipe)) return false;
    return pipe->in.size > 0 || pipe->in.over;
}

static size_t room_to(const struct pipe *pipe)
{
    const struct pipe *other = pipe->other;
    if (!other || other->closed || pipe->torn) return shape.room; /* nobody reads it */
    return other->in.size < shape.room ? shape.room - other->in.size : 0;
}

static bool can_write(const struct pipe *pipe)
{
    if (!pipe->write.under_way || stage_now_ns < pipe->write.at_ns) return false;
    return pipe->closed || pipe->lost || room_to(pipe) > 0;
}

static size_t a_piece(size_t most)
{
    if (most > shape.piece) most = shape.piece;
    return rng_once_in(&stage_rng, 3) ? 1 + rng_below(&stage_rng, (uint32_t)most) : most;
}

static size_t send(struct pipe *pipe, const unsigned char *bytes, size_t size)
{
    struct pipe *other = pipe->other;
    size_t room = room_to(pipe);
    size_t now = a_piece(size < room ? size : room);
    bytes_count += now;
    tap_written(pipe->connection, pipe->of_client, bytes, now);
    if (!other || other->closed || other->in.over || pipe->torn) return now;
    if (other->in.size == 0) other->in.at_ns = later(shape.delay_us);
    unsigned char *more = realloc(other->in.bytes, other->in.size + now);
    WEFT_ASSERT(more);
    memcpy(more + other->in.size, bytes, now);
    other->in.bytes = more;
    other->in.size += now;
    return now;
}

static size_t receive(struct pipe *pipe, unsigned char *to, size_t most)
{
    struct stream *in = &pipe->in;
    size_t size = a_piece(in->size < most ? in->size : most);
    memcpy(to, in->bytes, size);
    memmove(in->bytes, in->bytes + size, in->size - size);
    in->size -= size;
    in->at_ns = later(shape.delay_us / 8);
    return size;
}

/* The end of what comes to that end: from some byte of what is on its way. */
static void cut_stream(struct stream *in, bool whole)
{
    if (in->over) return;
    if (!whole && in->size) in->size = rng_below(&stage_rng, (uint32_t)in->size + 1);
    in->over = true;
    in->at_ns = later(shape.delay_us);
}

static void lose(struct pipe *pipe)
{
    pipe->lost = true;
    cut_stream(&pipe->in, false);
}

static struct pipe *pipe_new(uint32_t client, uint32_t life, uint32_t node, bool of_client)
{
    struct pipe *pipe = calloc(1, sizeof *pipe);
    WEFT_ASSERT(pipe && pipes_count < PIPES_MAX);
    pipe->connection = connections;
    pipe->client = client;
    pipe->life = life;
    pipe->node = node;
    pipe->of_client = of_client;
    pipes[pipes_count++] = pipe;
    return pipe;
}

static void begin(struct doing *doing, const void *bytes, size_t size, pipe_done done, void *context)
{
    WEFT_ASSERT(!doing->under_way && size > 0);
    *doing = (struct doing){.under_way = true,
                            .bytes = (unsigned char *)(uintptr_t)bytes,
                            .size = size,
                            .done = done,
                            .context = context,
                            .at_ns = later(shape.delay_us / 16)};
    if (rng_once_in(&stage_rng, 8)) stage_yield();
}

void weft__pipe_read(struct pipe *pipe, void *bytes, size_t size, pipe_done done, void *context)
{
    begin(&pipe->read, bytes, size, done, context);
}

void weft__pipe_write(struct pipe *pipe, const void *bytes, size_t size, pipe_done done, void *context)
{
    begin(&pipe->write, bytes, size, done, context);
}

size_t weft__pipe_try_write(struct pipe *pipe, const void *bytes, size_t size)
{
    WEFT_ASSERT(!pipe->write.under_way);
    if (pipe->closed || pipe->lost || !room_to(pipe) || rng_once_in(&stage_rng, 2)) return 0;
    return send(pipe, bytes, size);
}

void weft__pipe_peer(const struct pipe *pipe, struct pipe_peer *peer)
{
    *peer = (struct pipe_peer){.uid = -1, .gid = -1};
    (void)snprintf(peer->address, sizeof peer->address, "10.%u.%u.%u:7000", pipe->client, pipe->life, pipe->node);
}

void weft__pipe_reason(struct pipe *pipe, char sentence[PIPE_SENTENCE_BYTES])
{
    (void)snprintf(sentence, PIPE_SENTENCE_BYTES, "%s", pipe->closed ? "closed here" : "");
}

/* What it has written goes its way; or not all of it, where the other end's last words meet a closed one. */
void weft__pipe_close(struct pipe *pipe)
{
    if (pipe->closed) return;
    pipe->closed = true;
    if (!pipe->other || pipe->torn) return;
    pipe->other->lost = true;
    cut_stream(&pipe->other->in, !rng_once_in(&stage_rng, 4));
}

static bool is_quiet(void *context)
{
    const struct pipe *pipe = context;
    return !pipe->calls && !pipe->read.under_way && !pipe->write.under_way;
}

void weft__pipe_free(struct pipe *pipe)
{
    if (!pipe) return;
    weft__pipe_close(pipe);
    while (!is_quiet(pipe))
        (void)stage_await(is_quiet, pipe, STAGE_NEVER);
    if (pipe->other)
        pipe->other->other = NULL;
    else
        tap_ended(pipe->connection);
    for (uint32_t i = 0; i < pipes_count; i++)
        if (pipes[i] == pipe) pipes[i] = pipes[--pipes_count];
    free(pipe->in.bytes);
    free(pipe);
}

/* --- dialling --------------------------------------------------------------------------------- */

static bool parse(const char *url, uint32_t *client, uint32_t *life, uint32_t *node)
{
    return sscanf(url, "tcp://10.%u.%u.%u:7000", client, life, node) == 3;
}

weft_error weft__pipe_dial(const struct mem *mem, const char *url, const struct pipe_tls *tls, uint32_t timeout_ms,
                           dial_done done, void *context, struct dial **made, char sentence[PIPE_SENTENCE_BYTES])
{
    (void)mem;
    (void)tls;
    if (rng_once_in(&stage_rng, shape.failures_in ? shape.failures_in * 4 : 0)) {
        (void)snprintf(sentence, PIPE_SENTENCE_BYTES, "no memory to dial");
        return WEFT_ENOMEM;
    }
    struct dial *dial = calloc(1, sizeof *dial);
    WEFT_ASSERT(dial && dials_count < DIALS_MAX);
    bool known = parse(url, &dial->client, &dial->life, &dial->node);
    WEFT_ASSERT(known);
    dial->at_ns = later(shape.delay_us * 2);
    dial->end_ns = stage_now_ns + (uint64_t)timeout_ms * 1000 * US;
    dial->done = done;
    dial->context = context;
    dials[dials_count++] = dial;
    *made = dial;
    return WEFT_OK;
}

void weft__dial_cancel(struct dial *dial)
{
    dial->cancelled = true;
}

static bool is_over(void *context)
{
    const struct dial *dial = context;
    return dial->over && !dial->calling;
}

void weft__dial_free(struct dial *dial)
{
    if (!dial) return;
    while (!is_over(dial))
        (void)stage_await(is_over, dial, STAGE_NEVER);
    for (uint32_t i = 0; i < dials_count; i++)
        if (dials[i] == dial) dials[i] = dials[--dials_count];
    free(dial);
}

static bool can_answer(const struct dial *dial)
{
    if (dial->over) return false;
    if (dial->cancelled || stage_now_ns >= dial->end_ns) return true;
    const struct acceptor *acceptor = acceptors[dial->node];
    return stage_now_ns >= dial->at_ns && !parted[dial->client][dial->node] && !(acceptor && acceptor->calling);
}

static struct acceptor *reached(const struct dial *dial)
{
    struct acceptor *acceptor = acceptors[dial->node];
    if (dial->life < lives_over[dial->client]) return NULL;
    return acceptor && !acceptor->closed ? acceptor : NULL;
}

static void answer(struct dial *dial)
{
    struct acceptor *acceptor = reached(dial);
    struct pipe *here = NULL, *there = NULL;
    weft_error error = WEFT_OK;
    dial->over = dial->calling = true;
    if (dial->cancelled)
        error = WEFT_ECLOSED;
    else if (!acceptor || rng_once_in(&stage_rng, shape.failures_in))
        error = WEFT_ELOST;
    else if (stage_now_ns >= dial->end_ns)
        error = WEFT_ETIMEDOUT;
    if (!error) {
        connections++;
        here = pipe_new(dial->client, dial->life, dial->node, true);
        there = pipe_new(dial->client, dial->life, dial->node, false);
        here->other = there;
        there->other = here;
        tap_dialled(connections, dial->client, dial->life, dial->node);
        acceptor->calling = true;
    }
    dial->done(dial->context, error, error ? "nobody is there" : "", here);
    dial->calling = false;
    if (error) return;
    acceptor->accepted(acceptor->context, there);
    acceptor->calling = false;
}

/* --- listening -------------------------------------------------------------------------------- */

weft_error weft__pipe_listen(const struct mem *mem, const char *url, const struct pipe_tls *tls,
                             void (*accepted)(void *context, struct pipe *pipe), void *context, struct acceptor **made,
                             char url_bound[PIPE_URL_BYTES], char sentence[PIPE_SENTENCE_BYTES])
{
    struct acceptor *acceptor = calloc(1, sizeof *acceptor);
    (void)mem;
    (void)tls;
    (void)sentence;
    WEFT_ASSERT(acceptor);
    int found = sscanf(url, "tcp://127.0.0.%u:7000", &acceptor->node);
    WEFT_ASSERT(found == 1 && !acceptors[acceptor->node]);
    acceptor->accepted = accepted;
    acceptor->context = context;
    acceptors[acceptor->node] = acceptor;
    (void)snprintf(url_bound, PIPE_URL_BYTES, "%s", url);
    *made = acceptor;
    return WEFT_OK;
}

static bool calls_nobody(void *context)
{
    return !((struct acceptor *)context)->calling;
}

void weft__acceptor_close(struct acceptor *acceptor)
{
    if (!acceptor) return;
    acceptor->closed = true;
    while (acceptor->calling)
        (void)stage_await(calls_nobody, acceptor, STAGE_NEVER);
    if (acceptors[acceptor->node] == acceptor) acceptors[acceptor->node] = NULL;
    free(acceptor);
}

void weft__net_begin(void)
{
}

void weft__net_end(void)
{
}

bool weft__net_fini(void)
{
    return true;
}

/* --- what it does ----------------------------------------------------------------------------- */

struct chosen {
    struct pipe *pipe;
    struct doing *doing;
    struct dial *dial;
};

/* One of what can be done now, by chance; or whether there is any. */
static bool choose(struct chosen *chosen)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < pipes_count; i++) {
        struct pipe *pipe = pipes[i];
        if (can_read(pipe) && (!chosen || rng_below(&stage_rng, ++count) == 0)) {
            if (!chosen) return true;
            *chosen = (struct chosen){.pipe = pipe, .doing = &pipe->read};
        }
        if (can_write(pipe) && (!chosen || rng_below(&stage_rng, ++count) == 0)) {
            if (!chosen) return true;
            *chosen = (struct chosen){.pipe = pipe, .doing = &pipe->write};
        }
    }
    for (uint32_t i = 0; i < dials_count; i++)
        if (can_answer(dials[i]) && (!chosen || rng_below(&stage_rng, ++count) == 0)) {
            if (!chosen) return true;
            *chosen = (struct chosen){.dial = dials[i]};
        }
    return count > 0;
}

static bool has_something(void *unused)
{
    (void)unused;
    return closing || choose(NULL);
}

static void soonest(uint64_t at_ns, uint64_t *first_ns)
{
    if (at_ns > stage_now_ns && at_ns < *first_ns) *first_ns = at_ns;
}

static uint64_t due_ns(void)
{
    uint64_t first_ns = STAGE_NEVER;
    for (uint32_t i = 0; i < pipes_count; i++) {
        soonest(pipes[i]->in.at_ns, &first_ns);
        soonest(pipes[i]->write.at_ns, &first_ns);
    }
    for (uint32_t i = 0; i < dials_count; i++) {
        if (dials[i]->over) continue;
        soonest(dials[i]->at_ns, &first_ns);
        soonest(dials[i]->end_ns, &first_ns);
    }
    return first_ns;
}

static void finish(struct pipe *pipe, struct doing *doing)
{
    struct doing done = *doing;
    bool reads = doing == &pipe->read;
    bool ended = pipe->closed || (reads ? pipe->in.size == 0 : pipe->lost);
    size_t size = ended ? 0 : reads ? receive(pipe, done.bytes, done.size) : send(pipe, done.bytes, done.size);
    doing->under_way = false;
    pipe->calls++;
    done.done(done.context, ended ? WEFT_ECLOSED : WEFT_OK, size);
    pipe->calls--;
}

/* --- who reads for itself --------------------------------------------------------------------- */

void weft__lead_init(struct lead *lead, void (*watch)(void *context), void *context)
{
    *lead = (struct lead){.watch = watch, .context = context};
}

void weft__lead_fini(struct lead *lead)
{
    (void)lead;
}

void weft__pipe_lead_by(struct pipe *pipe, struct lead *lead)
{
    pipe->lead = lead;
}

void weft__lead_share(struct lead *lead)
{
    lead->shared = true;
}

bool weft__lead_tick(struct lead *lead, uint64_t now_ns)
{
    (void)lead;
    (void)now_ns;
    return false;
}

struct leader {
    struct lead *lead;
    struct park *park;
};

static struct pipe *readable(const struct lead *lead)
{
    for (uint32_t i = 0; i < pipes_count; i++)
        if (pipes[i]->lead == lead && can_read(pipes[i])) return pipes[i];
    return NULL;
}

static bool leads_or_goes(void *context)
{
    struct leader *leader = context;
    return weft__park_given(leader->park) || readable(leader->lead);
}

/* It competes with the threads that call: which of them reads is chance. */
bool weft__lead_park(struct lead *lead, struct park *park, uint64_t deadline_ns)
{
    struct leader leader = {lead, park};
    while (!weft__park_given(park) && stage_now_ns < deadline_ns) {
        (void)stage_await(leads_or_goes, &leader, deadline_ns);
        struct pipe *pipe = readable(lead);
        if (pipe && !weft__park_given(park)) finish(pipe, &pipe->read);
    }
    return weft__park(park, 0);
}

/* --- its threads ------------------------------------------------------------------------------ */

static void *net_main(void *unused)
{
    (void)unused;
    while (!closing) {
        struct chosen chosen = {.pipe = NULL};
        if (!choose(&chosen))
            (void)stage_await(has_something, NULL, STAGE_NEVER);
        else if (chosen.dial)
            answer(chosen.dial);
        else
            finish(chosen.pipe, chosen.doing);
    }
    return NULL;
}

/* --- the world's ------------------------------------------------------------------------------ */

void net_open(const struct net_shape *s)
{
    shape = *s;
    closing = false;
    memset(parted, 0, sizeof parted);
    memset(lives_over, 0, sizeof lives_over);
    stage_due(due_ns);
    for (uint32_t i = 0; i < shape.threads; i++)
        stage_thread("net", net_main, NULL);
}

void net_close(void)
{
    closing = true;
}

void net_calm(void)
{
    shape.failures_in = 0;
    memset(parted, 0, sizeof parted);
}

void net_part(uint32_t client, uint32_t node, bool now)
{
    parted[client][node] = now;
}

void net_cut(uint32_t client, uint32_t node, uint32_t one_in)
{
    for (uint32_t i = 0; i < pipes_count; i++) {
        struct pipe *pipe = pipes[i];
        if (pipe->client != client || pipe->node != node || !pipe->of_client || !rng_once_in(&stage_rng, one_in))
            continue;
        uint32_t who = rng_below(&stage_rng, 3); /* both ends hear of it, or one, which may be long before the other */
        if (who != 1) lose(pipe);
        if (who != 2 && pipe->other) lose(pipe->other);
        pipe->torn = true;
        if (pipe->other) pipe->other->torn = true;
    }
}

void net_client_gone(uint32_t client, uint32_t life)
{
    lives_over[client] = life + 1;
    for (uint32_t i = 0; i < pipes_count; i++)
        if (pipes[i]->client == client && pipes[i]->life <= life) lose(pipes[i]);
}

void net_node_gone(uint32_t node)
{
    if (acceptors[node]) acceptors[node]->closed = true;
    acceptors[node] = NULL;
    for (uint32_t i = 0; i < pipes_count; i++)
        if (pipes[i]->node == node) lose(pipes[i]);
}

uint64_t net_bytes(void)
{
    return bytes_count;
}

uint32_t net_pipes_count(void)
{
    return pipes_count;
}
