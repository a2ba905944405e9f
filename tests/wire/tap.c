/* tap.c: reads all that is written between clients and nodes, and holds it against what a session promises:
 *   - a frame of the session has one number: what is sent again is what was sent
 *   - nobody acknowledges what was not sent
 *   - no worker gets a task while it has as many as it takes
 *   - nothing of a session is written on a connection after its node has welcomed a newer one
 * and tells which results the workers know to have come. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "frame/frame.h"
#include "wire/pipes.h"
#include "wire/world.h"

enum { CONNECTIONS_MAX = 20000, SESSIONS_MAX = 4000, WORKERS_MAX = 1000 };

struct sent {
    uint64_t hash;
    uint8_t kind;
    uint8_t result; /* what it says, where it is one */
    uint8_t attempt;
    bool known; /* its job is */
    uint32_t job;
};

struct way {
    struct sent *sent; /* by number, from 1 */
    uint64_t count, room;
    uint64_t acknowledged;
};

struct task_known {
    uint64_t task, worker;
    uint32_t job, attempt;
};

struct worker_known {
    uint64_t worker;
    uint32_t max, has;
};

struct tapped_session {
    unsigned char instance[INSTANCE_BYTES];
    uint32_t node, node_life;
    uint32_t connection;
    struct way ways[2]; /* the node's, the client's */
    struct task_known *tasks;
    size_t tasks_count, tasks_room;
    struct worker_known workers[WORKERS_MAX];
    uint32_t workers_count;
};

struct bytes {
    unsigned char *bytes;
    size_t size;
};

struct tapped {
    uint32_t client, life, node, node_life;
    unsigned char instance[INSTANCE_BYTES];
    struct tapped_session *session; /* from its welcome on */
    bool greeted;
    struct {
        struct bytes whole, large;
        uint64_t number; /* of the last frame of the session */
    } ways[2];
};

static struct tapped *connections[CONNECTIONS_MAX];
static struct tapped_session *sessions[SESSIONS_MAX];
static uint32_t sessions_count;
static uint32_t node_lives[NODES_MAX];

static void append(struct bytes *to, const void *bytes, size_t size)
{
    unsigned char *more = realloc(to->bytes, to->size + size + 1);
    if (!more) abort();
    memcpy(more + to->size, bytes, size);
    to->bytes = more;
    to->size += size;
}

static uint64_t hash_of(const unsigned char *bytes, size_t size)
{
    uint64_t hash = UINT64_C(1469598103934665603);
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ bytes[i]) * UINT64_C(1099511628211);
    return hash;
}

/* --- sessions --------------------------------------------------------------------------------- */

static struct tapped_session *find(const struct tapped *tapped)
{
    for (uint32_t i = sessions_count; i-- > 0;) {
        struct tapped_session *session = sessions[i];
        if (session->node == tapped->node && session->node_life == tapped->node_life &&
            memcmp(session->instance, tapped->instance, INSTANCE_BYTES) == 0)
            return session;
    }
    return NULL;
}

static struct tapped_session *session_new(const struct tapped *tapped)
{
    struct tapped_session *session = calloc(1, sizeof *session);
    EXPECT(session && sessions_count < SESSIONS_MAX, "the tap has no room for sessions");
    session->node = tapped->node;
    session->node_life = tapped->node_life;
    memcpy(session->instance, tapped->instance, INSTANCE_BYTES);
    sessions[sessions_count++] = session;
    return session;
}

static const struct task_known *task_of(const struct tapped_session *session, uint64_t task)
{
    for (size_t i = session->tasks_count; i-- > 0;)
        if (session->tasks[i].task == task) return &session->tasks[i];
    return NULL;
}

static void learn_task(struct tapped_session *session, const struct frame_task *task)
{
    struct task_known known = {.task = task->task, .worker = task->worker, .attempt = task->attempt};
    if (!job_of(task->payload, &known.job)) return;
    if (session->tasks_count == session->tasks_room) {
        session->tasks_room = session->tasks_room * 2 + 64;
        session->tasks = realloc(session->tasks, session->tasks_room * sizeof *session->tasks);
    }
    session->tasks[session->tasks_count++] = known;
}

static struct worker_known *worker_of(struct tapped_session *session, uint64_t worker)
{
    for (uint32_t i = session->workers_count; i-- > 0;)
        if (session->workers[i].worker == worker) return &session->workers[i];
    return NULL;
}

/* One of a worker's slots is taken, or free again. What was sent first is known first, so a slot is free here before the node
 * hears so. */
static void take_slot(struct tapped_session *session, const struct frame_task *task)
{
    struct worker_known *worker = worker_of(session, task->worker);
    EXPECT(worker, "a task for a worker that was not registered");
    EXPECT(worker->has < worker->max, "worker %" PRIx64 " takes %u tasks at a time, and gets another", task->worker,
           worker->max);
    worker->has++;
}

static void free_slot(struct tapped_session *session, uint64_t task)
{
    const struct task_known *known = task_of(session, task);
    struct worker_known *worker = known ? worker_of(session, known->worker) : NULL;
    EXPECT(worker && worker->has, "a task ends that was none");
    worker->has--;
}

/* A frame that is new. */
static void note_slots(struct tapped_session *session, const struct frame *frame)
{
    switch (frame->kind) {
    case FRAME_REGISTER:
        EXPECT(session->workers_count < WORKERS_MAX, "the tap has no room for workers");
        session->workers[session->workers_count++] =
            (struct worker_known){.worker = frame->reg.worker, .max = frame->reg.max_concurrent};
        break;
    case FRAME_TASK: take_slot(session, &frame->task); break;
    case FRAME_RESULT:
        if (!frame->result.runs_on) free_slot(session, frame->result.task);
        break;
    case FRAME_RELEASED:
    case FRAME_GIVE_BACK: free_slot(session, frame->of_task.task); break;
    default: break;
    }
}

/* Of what goes the other way, everything up to that number has come. */
static void acknowledge(uint32_t connection, struct tapped_session *session, bool by_client, uint64_t received)
{
    struct way *way = &session->ways[!by_client];
    EXPECT(received <= way->count, "connection %u: the %s has got %" PRIu64 " frames, and %" PRIu64 " were sent",
           connection, by_client ? "client" : "node", received, way->count);
    for (; way->acknowledged < received; way->acknowledged++) {
        const struct sent *sent = &way->sent[way->acknowledged];
        if (!by_client && sent->kind == FRAME_RESULT && sent->known)
            job_acknowledged(sent->job, sent->attempt, sent->result);
    }
}

/* --- frames ----------------------------------------------------------------------------------- */

static struct sent look(struct tapped_session *session, const struct frame *frame, const unsigned char *bytes)
{
    struct sent sent = {.hash = hash_of(bytes, frame->size), .kind = (uint8_t)frame->kind};
    if (frame->kind == FRAME_TASK) learn_task(session, &frame->task);
    if (frame->kind != FRAME_RESULT) return sent;
    const struct task_known *known = task_of(session, frame->result.task);
    EXPECT(known, "a result of a task that was not sent");
    sent.result = frame->result.kind;
    sent.attempt = (uint8_t)known->attempt;
    sent.job = known->job;
    sent.known = true;
    return sent;
}

/* What it is about, by the number that stands first in its body. */
static uint64_t about(const struct frame *frame)
{
    switch (frame->kind) {
    case FRAME_REGISTER: return frame->reg.worker;
    case FRAME_UNREGISTER:
    case FRAME_DRAIN:
    case FRAME_WORKER_ENDED: return frame->worker.worker;
    case FRAME_DISPATCH: return frame->dispatch.call;
    case FRAME_OUTCOME: return frame->outcome.call;
    case FRAME_UPDATE: return frame->update.call;
    case FRAME_TASK: return frame->task.task;
    case FRAME_RESULT: return frame->result.task;
    case FRAME_PROGRESS:
    case FRAME_PARTIAL: return frame->said.task;
    case FRAME_ROOM:
    case FRAME_TASK_ROOM: return frame->room.number;
    case FRAME_CANCEL: return frame->call.call;
    case FRAME_ANSWER: return frame->answer.ask;
    default: return frame->of_task.task;
    }
}

static void say(uint32_t connection, const struct tapped *tapped, const char *who, uint64_t number,
                const struct frame *frame)
{
    const struct task_known *known = frame->kind >= FRAME_STARTED ? task_of(tapped->session, about(frame)) : NULL;
    char job[40] = "", worker[40] = "";
    if (frame->kind == FRAME_TASK) (void)snprintf(worker, sizeof worker, " to %" PRIx64, frame->task.worker);
    if (known && frame->kind != FRAME_OUTCOME && frame->kind != FRAME_UPDATE && frame->kind != FRAME_ANSWER)
        (void)snprintf(job, sizeof job, ", job %u attempt %u", known->job, known->attempt);
    trace("    %s %u %s #%" PRIu64 " on %u: %" PRIx64 "%s%s%s", who, tapped->client, weft__frame_name(frame->kind),
          number, connection, about(frame), worker, job, frame->size > FRAME_BODY_MAX ? ", large" : "");
}

static void counted(uint32_t connection, struct tapped *tapped, bool by_client, const struct frame *frame,
                    const unsigned char *bytes)
{
    struct tapped_session *session = tapped->session;
    const char *who = by_client ? "client" : "node";
    EXPECT(session, "connection %u: %s by the %s before the welcome", connection, weft__frame_name(frame->kind), who);
    EXPECT(by_client || session->connection == connection,
           "connection %u: %s of a session whose connection is %u by now", connection, weft__frame_name(frame->kind),
           session->connection);
    struct way *way = &session->ways[by_client];
    uint64_t number = ++tapped->ways[by_client].number;
    struct sent sent = look(session, frame, bytes);
    report.frames++;
    if (world.trace) say(connection, tapped, who, number, frame);
    if (number <= way->count) {
        report.resent++;
        EXPECT(way->sent[number - 1].hash == sent.hash,
               "connection %u: frame %" PRIu64 " of the %s was a %s, and is a %s", connection, number, who,
               weft__frame_name((enum frame_kind)way->sent[number - 1].kind), weft__frame_name(frame->kind));
        return;
    }
    EXPECT(number == way->count + 1, "connection %u: the %s goes on at %" PRIu64 " after %" PRIu64, connection, who,
           number, way->count);
    note_slots(session, frame);
    if (way->count == way->room) {
        way->room = way->room * 2 + 64;
        way->sent = realloc(way->sent, way->room * sizeof *way->sent);
    }
    way->sent[way->count++] = sent;
}

static void welcomed(uint32_t connection, struct tapped *tapped, const struct frame_welcome *welcome)
{
    struct tapped_session *session = welcome->resumed ? find(tapped) : NULL;
    EXPECT(session || !welcome->resumed || !welcome->received, "connection %u: a session is resumed that never was",
           connection);
    if (!session) session = session_new(tapped); /* or its first welcome was not written */
    EXPECT(session->connection < connection, "connection %u: taken up after connection %u, which is newer", connection,
           session->connection);
    tapped->session = session;
    session->connection = connection;
    tapped->ways[true].number = welcome->received;
    acknowledge(connection, session, false, welcome->received);
    *(welcome->resumed ? &report.resumed : &report.anew) += 1;
    TRACE("    node welcomes client %u on %u: %s, %" PRIu64 " received", tapped->client, connection,
          welcome->resumed ? "resumed" : "anew", welcome->received);
}

static void one(uint32_t connection, struct tapped *tapped, bool by_client, const struct frame *frame,
                const unsigned char *bytes)
{
    struct bytes *large = &tapped->ways[by_client].large;
    switch (frame->kind) {
    case FRAME_HELLO:
        memcpy(tapped->instance, frame->hello.instance, INSTANCE_BYTES);
        tapped->ways[false].number = frame->hello.received;
        break;
    case FRAME_WELCOME:
        if (!frame->welcome.resumed) tapped->ways[false].number = 0;
        welcomed(connection, tapped, &frame->welcome);
        break;
    case FRAME_BEAT:
        EXPECT(tapped->session, "connection %u: a beat before the welcome", connection);
        acknowledge(connection, tapped->session, by_client, frame->beat.received);
        break;
    case FRAME_ERROR:
    case FRAME_GOODBYE:
        TRACE("    %s on %u: %s %s", by_client ? "client" : "node", connection, weft__frame_name(frame->kind),
              frame->kind == FRAME_ERROR && frame->error.sentence ? frame->error.sentence : "");
        break;
    case FRAME_PART: {
        struct frame whole;
        size_t need;
        char sentence[FRAME_SENTENCE_MAX];
        if (frame->part.first) large->size = 0;
        append(large, frame->part.bytes.data, frame->part.bytes.size);
        if (!frame->part.last) break;
        EXPECT(weft__frame_read(large->bytes, large->size, by_client ? 'C' : 'N', SIZE_MAX, &whole, &need, sentence) ==
                   FRAME_WHOLE,
               "connection %u: the parts of a large frame make none", connection);
        counted(connection, tapped, by_client, &whole, large->bytes);
        break;
    }
    default: counted(connection, tapped, by_client, frame, bytes); break;
    }
}

void tap_written(uint32_t connection, bool by_client, const unsigned char *bytes, size_t size)
{
    struct tapped *tapped = connections[connection];
    struct bytes *whole = &tapped->ways[by_client].whole;
    size_t at = 0;
    append(whole, bytes, size);
    while (at < whole->size) {
        struct frame frame;
        size_t need;
        char sentence[FRAME_SENTENCE_MAX];
        enum frame_reading reading = weft__frame_read(whole->bytes + at, whole->size - at, by_client ? 'C' : 'N',
                                                      SIZE_MAX, &frame, &need, sentence);
        EXPECT(reading != FRAME_BAD, "connection %u: the %s has written what is none: %s", connection,
               by_client ? "client" : "node", sentence);
        if (reading == FRAME_MORE) break;
        one(connection, tapped, by_client, &frame, whole->bytes + at);
        at += frame.size;
    }
    memmove(whole->bytes, whole->bytes + at, whole->size - at);
    whole->size -= at;
}

/* --- life ------------------------------------------------------------------------------------- */

void tap_node_new(uint32_t node)
{
    node_lives[node]++;
}

void tap_dialled(uint32_t connection, uint32_t client, uint32_t life, uint32_t node)
{
    struct tapped *tapped = calloc(1, sizeof *tapped);
    EXPECT(tapped && connection < CONNECTIONS_MAX, "the tap has no room for connections");
    *tapped = (struct tapped){.client = client, .life = life, .node = node, .node_life = node_lives[node]};
    connections[connection] = tapped;
    report.connections++;
    TRACE("    client %u reaches node %u: connection %u", client, node, connection);
}

void tap_ended(uint32_t connection)
{
    struct tapped *tapped = connections[connection];
    for (int by = 0; by < 2; by++) {
        free(tapped->ways[by].whole.bytes);
        free(tapped->ways[by].large.bytes);
    }
    free(tapped);
    connections[connection] = NULL;
}

void tap_open(void)
{
    memset(node_lives, 0, sizeof node_lives);
}

void tap_close(void)
{
    for (uint32_t i = 0; i < sessions_count; i++) {
        free(sessions[i]->ways[0].sent);
        free(sessions[i]->ways[1].sent);
        free(sessions[i]->tasks);
        free(sessions[i]);
    }
    sessions_count = 0;
}
