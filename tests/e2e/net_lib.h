/* net_lib.h: what the tests of the transport share: certificates, listeners, and the two ends of a connection, whose
 * reads and writes can be waited for. */
#ifndef WEFT_TESTS_E2E_NET_LIB_H
#define WEFT_TESTS_E2E_NET_LIB_H

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "e2e/api_lib.h"
#include "lib/failmem.h"
#include "net/pipe.h"

enum { SOON_MS = 60000 }; /* never waited for */

/* Where the sockets and certificates of this program are. */
static char scratch[64];

static struct failmem memory;

struct way {
    const char *name;
    const char *url; /* to listen at */
    bool local, tls;
};

static const struct way ways[] = {{.name = "ipc", .local = true},
                                  {.name = "tcp", .url = "tcp://127.0.0.1:0"},
                                  {.name = "tcp6", .url = "tcp://[::1]:0"},
                                  {.name = "tls", .url = "tls+tcp://localhost:0", .tls = true}};

static inline char *scratch_path(const char *name)
{
    static _Thread_local char paths[4][128];
    static _Thread_local unsigned next;
    char *path = paths[next++ % 4];
    (void)snprintf(path, sizeof paths[0], "%s/%s", scratch, name);
    return path;
}

static inline void run_script(const char *script)
{
    char *argv[] = {"sh", "-ec", (char *)script, "sh", scratch, NULL};
    int status;
    pid_t pid;
    check_eq(posix_spawnp(&pid, "sh", NULL, NULL, argv, environ), 0);
    check_eq(waitpid(pid, &status, 0), pid);
    check_eq(status, 0);
}

/* ours.pem and other.pem: certificates that vouch for themselves, with their keys, for the names localhost and
 * elsewhere. */
static inline void make_certificates(void)
{
    run_script(
        "cd \"$1\"; for who in ours:localhost other:elsewhere; do"
        "    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=${who#*:}"
        "        -addext subjectAltName=DNS:${who#*:} -keyout key -out ${who%:*}.crt 2>log || { cat log; exit 1; };"
        "    cat ${who%:*}.crt key >${who%:*}.pem; done");
}

static inline int net_set_up(void **state)
{
    (void)state;
    strcpy(scratch, "/tmp/weft-net-XXXXXX");
    if (!mkdtemp(scratch)) return 1;
    make_certificates();
    failmem_init(&memory);
    return 0;
}

static inline int net_tear_down(void **state)
{
    (void)state;
    weft__net_fini();
    check_eq(memory.live_blocks, 0);
    run_script("rm -r \"$1\"");
    return 0;
}

/* --- one end of a connection ---------------------------------------------------------------------- */

struct op {
    struct event ended;
    unsigned begun;
    weft_error error;
    size_t size;
    pthread_t thread;
    bool inside; /* the call came in the call that began it */
};

struct end {
    struct pipe *pipe;
    struct op read, write;
};

static _Thread_local bool beginning;

static inline void op_ended(void *context, weft_error error, size_t size)
{
    struct op *op = context;
    op->error = error;
    op->size = size;
    op->thread = pthread_self();
    op->inside = beginning;
    event_give(&op->ended);
}

static inline void begin_read(struct end *end, void *bytes, size_t size)
{
    end->read.begun++;
    beginning = true;
    weft__pipe_read(end->pipe, bytes, size, op_ended, &end->read);
    beginning = false;
}

static inline void begin_write(struct end *end, const void *bytes, size_t size)
{
    end->write.begun++;
    beginning = true;
    weft__pipe_write(end->pipe, bytes, size, op_ended, &end->write);
    beginning = false;
}

/* The size, or 0 with the error in the operation. */
static inline size_t await_op(struct op *op)
{
    event_await(&op->ended, op->begun);
    thread_check_true(!op->inside);
    thread_check_eq(op->error, op->size ? WEFT_OK : WEFT_ECLOSED);
    return op->size;
}

static inline size_t read_some(struct end *end, void *bytes, size_t size)
{
    begin_read(end, bytes, size);
    size_t got = await_op(&end->read);
    thread_check_true(got <= size);
    return got;
}

static inline size_t write_some(struct end *end, const void *bytes, size_t size)
{
    begin_write(end, bytes, size);
    size_t put = await_op(&end->write);
    thread_check_true(put <= size);
    return put;
}

static inline void write_all(struct end *end, const void *bytes, size_t size)
{
    while (size) {
        size_t put = write_some(end, bytes, size);
        thread_check_true(put > 0);
        bytes = (const char *)bytes + put;
        size -= put;
    }
}

static inline void read_all(struct end *end, void *bytes, size_t size)
{
    while (size) {
        size_t got = read_some(end, bytes, size);
        thread_check_true(got > 0);
        bytes = (char *)bytes + got;
        size -= got;
    }
}

/* Reads to the end of the stream, which has so many bytes yet. */
static inline void check_ends(struct end *end, size_t left)
{
    char bytes[4096];
    size_t got, sum = 0;
    while ((got = read_some(end, bytes, sizeof bytes)) != 0)
        sum += got;
    thread_check_eq(sum, left);
}

static inline void check_reason(struct end *end, const char *expected)
{
    char sentence[PIPE_SENTENCE_BYTES];
    weft__pipe_reason(end->pipe, sentence);
    check_str(sentence, expected);
}

/* --- coming together ------------------------------------------------------------------------------ */

struct door {
    struct acceptor *acceptor;
    struct event came, shortage;
    struct pipe *pipes[1024];
    _Atomic unsigned count;
    const struct way *way;
    char url[PIPE_URL_BYTES];
};

static inline void came_in(void *context, struct pipe *pipe)
{
    struct door *door = context;
    if (!pipe) {
        event_give(&door->shortage);
        return;
    }
    unsigned at = atomic_fetch_add(&door->count, 1);
    thread_check_true(at < sizeof door->pipes / sizeof *door->pipes);
    door->pipes[at] = pipe;
    event_give(&door->came);
}

static inline const struct pipe_tls *listener_tls(const struct way *way)
{
    static _Thread_local struct pipe_tls tls;
    tls = (struct pipe_tls){.cert_key_file = scratch_path("ours.pem")};
    return way->tls ? &tls : NULL;
}

static inline const struct pipe_tls *dialer_tls(const struct way *way)
{
    static _Thread_local struct pipe_tls tls;
    tls = (struct pipe_tls){.ca_file = scratch_path("ours.crt")};
    return way->tls ? &tls : NULL;
}

static inline weft_error try_listen(struct door *door, const struct way *way, const char *url)
{
    char sentence[PIPE_SENTENCE_BYTES] = "";
    weft_error error =
        weft__pipe_listen(&memory.mem, url, listener_tls(way), came_in, door, &door->acceptor, door->url, sentence);
    check_true(!error == !sentence[0]);
    return error;
}

/* False: this machine has no such way. */
static inline bool open_door(struct door *door, const struct way *way)
{
    char url[PIPE_URL_BYTES];
    memset(door, 0, sizeof *door);
    door->way = way;
    (void)snprintf(url, sizeof url, "ipc://%s/door", scratch);
    weft_error error = try_listen(door, way, way->local ? url : way->url);
    if (error && strcmp(way->name, "tcp6") == 0) {
        print_message("no IPv6 here\n");
        return false;
    }
    check_ok(error);
    return true;
}

static inline void close_door(struct door *door)
{
    weft__acceptor_close(door->acceptor);
}

struct dialled {
    struct event ended;
    struct dial *dial;
    struct pipe *pipe;
    weft_error error;
    char sentence[PIPE_SENTENCE_BYTES];
};

static inline void dial_over(void *context, weft_error error, const char *sentence, struct pipe *pipe)
{
    struct dialled *dialled = context;
    thread_check_true(!beginning);
    thread_check_true(!error == (pipe != NULL));
    thread_check_true(!error == !sentence[0]);
    dialled->error = error;
    dialled->pipe = pipe;
    (void)snprintf(dialled->sentence, sizeof dialled->sentence, "%s", sentence);
    event_give(&dialled->ended);
}

static inline void begin_dial(struct dialled *dialled, const char *url, const struct pipe_tls *tls, uint32_t timeout_ms)
{
    char sentence[PIPE_SENTENCE_BYTES];
    memset(dialled, 0, sizeof *dialled);
    beginning = true;
    thread_check_ok(weft__pipe_dial(&memory.mem, url, tls, timeout_ms, dial_over, dialled, &dialled->dial, sentence));
    beginning = false;
}

static inline weft_error end_dial(struct dialled *dialled)
{
    event_await(&dialled->ended, 1);
    weft__dial_free(dialled->dial);
    return dialled->error;
}

static inline struct pipe *dial_door(const struct door *door)
{
    struct dialled dialled;
    begin_dial(&dialled, door->url, dialer_tls(door->way), SOON_MS);
    thread_check_ok(end_dial(&dialled));
    return dialled.pipe;
}

struct pair {
    struct door door;
    struct end near, far; /* who dialled; who listened */
};

/* That takes both ends: one that only writes waits for the other to read. */
static inline void shake_hands(struct pair *pair)
{
    char byte = 0;
    begin_read(&pair->far, &byte, 1);
    write_all(&pair->near, &byte, 1);
    check_eq(await_op(&pair->far.read), 1);
}

static inline bool open_pair(struct pair *pair, const struct way *way)
{
    memset(pair, 0, sizeof *pair);
    if (!open_door(&pair->door, way)) return false;
    pair->near.pipe = dial_door(&pair->door);
    event_await(&pair->door.came, 1);
    pair->far.pipe = pair->door.pipes[0];
    if (way->tls) shake_hands(pair);
    return true;
}

static inline void close_pair(struct pair *pair)
{
    weft__pipe_free(pair->near.pipe);
    weft__pipe_free(pair->far.pipe);
    close_door(&pair->door);
}

#define FOR_EACH_WAY(way) for (const struct way *way = ways; way < ways + sizeof ways / sizeof *ways; way++)

#endif
