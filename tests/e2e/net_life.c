/* How connections come about, and what is left of them:
 *   - a dial ends once: connected, refused, out of time, cancelled
 *   - a listener goes on when descriptors or memory run out; nothing comes after its close
 *   - an ipc socket is the user's own; what a crash left makes way, what is in use or no socket stays, and so does what
 *     another has put in its place
 *   - a killed peer is noticed at once
 *   - where the transport's threads cannot be had, that is said; where they can, it begins
 *   - nothing is left behind; in a forked child nothing is touched */
#include "e2e/net_lib.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <time.h>

static weft_error dial_once(struct dialled *dialled, const char *url, uint32_t timeout_ms)
{
    begin_dial(dialled, url, NULL, timeout_ms);
    return end_dial(dialled);
}

/* --- dialling ----------------------------------------------------------------------------------- */

/* A socket of our own at a free port: bound, and listening with that backlog if it is not negative. */
static int raw_listener(int backlog, char *url)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    check_eq(bind(fd, (struct sockaddr *)&address, size), 0);
    check_eq(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    if (backlog >= 0) check_eq(listen(fd, backlog), 0);
    (void)snprintf(url, PIPE_URL_BYTES, "tcp://127.0.0.1:%u", (unsigned)ntohs(address.sin_port));
    return fd;
}

/* One that nobody accepts from, and that has no room for another connection. */
struct full {
    int listener, fillers[8];
    char url[PIPE_URL_BYTES];
};

static void make_full(struct full *full)
{
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    full->listener = raw_listener(0, full->url);
    check_eq(getsockname(full->listener, (struct sockaddr *)&address, &size), 0);
    for (int i = 0; i < 8; i++) {
        full->fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        (void)connect(full->fillers[i], (struct sockaddr *)&address, size);
    }
}

static void close_full(struct full *full)
{
    close(full->listener);
    for (int i = 0; i < 8; i++)
        close(full->fillers[i]);
}

static void a_dial_to_nobody_is_refused(void **state)
{
    (void)state;
    struct dialled dialled;
    char url[PIPE_URL_BYTES];
    int fd = raw_listener(-1, url);
    check_err(dial_once(&dialled, url, SOON_MS), WEFT_ELOST);
    check_str(dialled.sentence, "nobody listens there");
    close(fd);
    (void)snprintf(url, sizeof url, "ipc://%s", scratch_path("nobody"));
    check_err(dial_once(&dialled, url, SOON_MS), WEFT_ELOST);
    check_str(dialled.sentence, "nobody listens there");
    run_script("touch \"$1\"/file");
    (void)snprintf(url, sizeof url, "ipc://%s", scratch_path("file"));
    check_err(dial_once(&dialled, url, SOON_MS), WEFT_ELOST);
}

static void a_dial_that_is_not_answered_runs_out_of_time(void **state)
{
    (void)state;
    struct full full;
    struct dialled dialled;
    make_full(&full);
    check_err(dial_once(&dialled, full.url, 100), WEFT_ETIMEDOUT);
    check_str(dialled.sentence, "no answer within 100 ms");
    close_full(&full);
}

static void *cancel_it(void *dial)
{
    weft__dial_cancel(dial);
    return NULL;
}

static void cancel_ends_a_dial(void **state)
{
    (void)state;
    struct full full;
    struct dialled dialled;
    make_full(&full);
    for (int i = 0; i < 30; i++) {
        begin_dial(&dialled, full.url, NULL, SOON_MS);
        usleep((useconds_t)i * 50);
        pthread_t other = start(cancel_it, dialled.dial);
        weft__dial_cancel(dialled.dial);
        join(other);
        weft_error error = end_dial(&dialled);
        check_str(dialled.sentence, "closed");
        check_err(error, WEFT_ECLOSED);
    }
    close_full(&full);
}

static void cancel_races_with_a_connection(void **state)
{
    (void)state;
    FOR_EACH_WAY(way)
    {
        struct door door;
        unsigned seed = 9, connected = 0;
        if (!open_door(&door, way)) continue;
        for (int i = 0; i < 60; i++) {
            struct dialled dialled;
            begin_dial(&dialled, door.url, dialer_tls(way), SOON_MS);
            for (unsigned spins = roll(&seed, 20000); spins; spins--)
                __asm__ volatile("");
            pthread_t other = start(cancel_it, dialled.dial);
            event_await(&dialled.ended, 1);
            weft_error error = dialled.error;
            join(other);
            weft__dial_free(dialled.dial);
            check_true(error == WEFT_OK || error == WEFT_ECLOSED);
            connected += !error;
            weft__pipe_free(dialled.pipe);
        }
        event_await(&door.came, connected);
        close_door(&door);
        for (unsigned i = 0; i < door.count; i++)
            weft__pipe_free(door.pipes[i]);
    }
}

static void what_cannot_be_dialled_is_said_at_once(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        struct pipe_tls tls;
        const char *sentence;
    } cases[] = {
        {"tcp://127.0.0.1:0", {0}, "there is no port 0 to connect to"},
        {"ws://127.0.0.1:1", {0}, "ws:// is not spoken here: use ipc://, tcp:// or tls+tcp://"},
        {"tls+tcp://localhost:1", {0}, "tls+tcp needs to be told whose signature on a certificate is trusted"},
        {"tcp://localhost:1", {.ca_file = "/dev/null"}, "certificates are for tls+tcp alone"},
        {"tls+tcp://localhost:1", {.ca_file = "/nonexistent"}, "Entry not found in /nonexistent"},
        {"tls+tcp://localhost:1",
         {.ca_file = "/dev/null"},
         "there is nothing of the kind that is wanted, as PEM, in /dev/null"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char sentence[PIPE_SENTENCE_BYTES] = "";
        struct dial *dial = NULL;
        check_err(weft__pipe_dial(&memory.mem, cases[i].url, cases[i].tls.ca_file ? &cases[i].tls : NULL, SOON_MS,
                                  dial_over, NULL, &dial, sentence),
                  WEFT_EINVAL);
        check_str(sentence, cases[i].sentence);
        check_true(!dial);
    }
}

/* --- listening ---------------------------------------------------------------------------------- */

static void what_is_in_use_is_not_taken(void **state)
{
    (void)state;
    FOR_EACH_WAY(way)
    {
        struct door door, other = {0};
        if (!open_door(&door, way)) continue;
        check_err(try_listen(&other, way, door.url), WEFT_EEXIST);
        check_true(!other.acceptor);
        struct pipe *pipe = dial_door(&door); /* which still listens */
        weft__pipe_free(pipe);
        close_door(&door);
        for (unsigned i = 0; i < door.count; i++)
            weft__pipe_free(door.pipes[i]);
        check_ok(try_listen(&other, way, door.url));
        check_str(other.url, door.url);
        close_door(&other);
        for (unsigned i = 0; i < other.count; i++)
            weft__pipe_free(other.pipes[i]);
    }
}

static void a_socket_is_the_users_own_and_goes_with_its_listener(void **state)
{
    (void)state;
    struct door door;
    struct stat status;
    mode_t before = umask(0);
    check_true(open_door(&door, &ways[0]));
    umask(before);
    check_eq(lstat(scratch_path("door"), &status), 0);
    check_true(S_ISSOCK(status.st_mode));
    check_eq(status.st_mode & 07777, 0600);
    close_door(&door);
    check_eq(lstat(scratch_path("door"), &status), -1);
    check_eq(errno, ENOENT);
}

static ino_t inode_of(const char *path)
{
    struct stat status;
    check_eq(lstat(path, &status), 0);
    return status.st_ino;
}

/* The file is removed by somebody, a cleaner of /tmp, and another listens there before the first ends. */
static void what_has_taken_the_place_of_a_socket_stays(void **state)
{
    (void)state;
    struct door first, second, third = {0};
    struct stat status;
    char path[PIPE_URL_BYTES];
    (void)snprintf(path, sizeof path, "%s/door", scratch);
    for (int full = 0; full < 2; full++) {
        struct rlimit limit, low;
        weft__net_fini();
        check_true(open_door(&first, &ways[0]));
        check_eq(unlink(path), 0);
        check_true(open_door(&second, &ways[0]));
        ino_t inode = inode_of(path);
        check_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
        low = limit;
        low.rlim_cur = 0;
        if (full) check_eq(setrlimit(RLIMIT_NOFILE, &low), 0); /* the directory cannot be locked */
        close_door(&first);
        check_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
        check_eq(inode_of(path), inode);
        weft__pipe_free(dial_door(&second));
        check_err(try_listen(&third, &ways[0], second.url), WEFT_EEXIST);
        close_door(&second);
        for (unsigned i = 0; i < second.count; i++)
            weft__pipe_free(second.pipes[i]);
        check_eq(lstat(path, &status), -1);
    }
    check_true(open_door(&first, &ways[0]));
    run_script("cd \"$1\"; rm door; echo precious >door");
    close_door(&first);
    run_script("cd \"$1\"; grep -q precious door; rm door; ! ls | grep aside");
}

/* What a listener that crashed leaves. */
static void leave_a_socket(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    check_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    check_eq(listen(fd, 1), 0);
    close(fd);
}

struct starter {
    struct door door;
    char url[PIPE_URL_BYTES];
    weft_error error;
    pthread_barrier_t *together;
};

static void *start_listener(void *argument)
{
    struct starter *starter = argument;
    char sentence[PIPE_SENTENCE_BYTES];
    pthread_barrier_wait(starter->together);
    starter->error = weft__pipe_listen(&memory.mem, starter->url, NULL, came_in, &starter->door,
                                       &starter->door.acceptor, starter->door.url, sentence);
    return NULL;
}

static void of_many_that_start_where_one_crashed_one_gets_it(void **state)
{
    (void)state;
    enum { STARTERS = 8 };
    static struct starter starters[STARTERS];
    pthread_t threads[STARTERS];
    pthread_barrier_t together;
    pthread_barrier_init(&together, NULL, STARTERS);
    for (int round = 0; round < 20; round++) {
        unsigned got = 0;
        leave_a_socket(scratch_path("crashed"));
        memset(starters, 0, sizeof starters);
        for (int i = 0; i < STARTERS; i++) {
            starters[i].together = &together;
            (void)snprintf(starters[i].url, PIPE_URL_BYTES, "ipc://%s/crashed", scratch);
            threads[i] = start(start_listener, &starters[i]);
        }
        for (int i = 0; i < STARTERS; i++) {
            join(threads[i]);
            got += !starters[i].error;
            if (starters[i].error) check_err(starters[i].error, WEFT_EEXIST);
        }
        check_eq(got, 1);
        struct dialled dialled;
        check_ok(dial_once(&dialled, starters[0].url, SOON_MS));
        weft__pipe_free(dialled.pipe);
        for (int i = 0; i < STARTERS; i++) {
            weft__acceptor_close(starters[i].door.acceptor);
            for (unsigned k = 0; k < starters[i].door.count; k++)
                weft__pipe_free(starters[i].door.pipes[k]);
        }
    }
    pthread_barrier_destroy(&together);
}

static void what_is_no_socket_stays(void **state)
{
    (void)state;
    struct door door = {0};
    struct stat status;
    char url[PIPE_URL_BYTES];
    run_script("cd \"$1\"; echo precious >precious; mkdir directory; ln -s nowhere link");
    static const char *const names[] = {"precious", "directory", "link"};
    for (int i = 0; i < 3; i++) {
        (void)snprintf(url, sizeof url, "ipc://%s", scratch_path(names[i]));
        check_err(try_listen(&door, &ways[0], url), WEFT_EEXIST);
        check_eq(lstat(scratch_path(names[i]), &status), 0);
    }
    (void)snprintf(url, sizeof url, "ipc://%s/no/such", scratch);
    check_err(try_listen(&door, &ways[0], url), WEFT_ESYSTEM);
}

/* --- accepting ---------------------------------------------------------------------------------- */

struct caller {
    struct door *door;
    atomic_bool stop;
};

static void *dial_again_and_again(void *argument)
{
    struct caller *caller = argument;
    while (!atomic_load(&caller->stop)) {
        struct dialled dialled;
        begin_dial(&dialled, caller->door->url, NULL, SOON_MS);
        (void)end_dial(&dialled);
        weft__pipe_free(dialled.pipe);
    }
    return NULL;
}

static void nothing_comes_after_the_close_of_a_listener(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) {
        static struct door door;
        const struct way *way = &ways[round % 2];
        check_true(open_door(&door, way));
        struct caller caller = {.door = &door};
        pthread_t thread = start(dial_again_and_again, &caller);
        event_await(&door.came, (unsigned)round % 5);
        close_door(&door);
        unsigned count = door.count;
        atomic_store(&caller.stop, true);
        join(thread);
        check_eq(door.count, count);
        for (unsigned i = 0; i < count; i++)
            weft__pipe_free(door.pipes[i]);
    }
}

static int holes[64];

/* Takes each free descriptor below that one. */
static unsigned fill_holes(void)
{
    unsigned count = 0;
    int fd;
    while ((fd = dup(0)) >= 0) {
        check_true(count < 64);
        holes[count++] = fd;
    }
    return count;
}

static void free_holes(unsigned count)
{
    while (count)
        close(holes[--count]);
}

static void a_listener_waits_for_descriptors(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct door door;
        struct rlimit limit, low;
        weft__net_fini(); /* what was freed is closed */
        check_true(open_door(&door, &ways[i]));
        union {
            struct sockaddr any;
            struct sockaddr_un local;
            struct sockaddr_in tcp;
        } address = {0};
        address.any.sa_family = i ? AF_INET : AF_UNIX;
        int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (i) {
            address.tcp.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
            address.tcp.sin_port = htons((uint16_t)atoi(strrchr(door.url, ':') + 1));
        } else {
            (void)snprintf(address.local.sun_path, sizeof address.local.sun_path, "%s", scratch_path("door"));
        }
        check_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
        low = limit;
        low.rlim_cur = (rlim_t)fd + 1;
        check_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
        unsigned filled = fill_holes();
        check_eq(connect(fd, &address.any, i ? sizeof address.tcp : sizeof address.local), 0);
        event_await(&door.shortage, 2); /* it tries more than once */
        check_eq(door.count, 0);
        check_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
        free_holes(filled);
        event_await(&door.came, 1);
        struct end far = {.pipe = door.pipes[0]};
        check_eq(send(fd, "x", 1, 0), 1);
        close(fd);
        check_ends(&far, 1);
        close_door(&door);
        weft__pipe_free(far.pipe);
    }
}

static void a_listener_is_closed_while_it_waits_for_descriptors(void **state)
{
    (void)state;
    struct door door;
    struct rlimit limit, low;
    weft__net_fini();
    check_true(open_door(&door, &ways[0]));
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", scratch_path("door"));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    check_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    low = limit;
    low.rlim_cur = (rlim_t)fd + 1;
    check_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
    unsigned filled = fill_holes();
    check_eq(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    usleep(20000);
    close_door(&door);
    check_eq(door.count, 0);
    check_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    free_holes(filled);
    close(fd);
}

static void nothing_is_lost_without_memory(void **state)
{
    (void)state;
    uint64_t refused = 1;
    for (uint64_t nth = 1; refused; nth++) {
        char sentence[PIPE_SENTENCE_BYTES], url[PIPE_URL_BYTES];
        static struct door door;
        struct dialled dialled = {0};
        uint64_t live = memory.live_blocks;
        memset(&door, 0, sizeof door);
        (void)snprintf(url, sizeof url, "ipc://%s/door", scratch);
        failmem_fail_once(&memory, nth);
        weft_error error =
            weft__pipe_listen(&memory.mem, url, NULL, came_in, &door, &door.acceptor, door.url, sentence);
        if (!error) {
            weft_error dialling =
                weft__pipe_dial(&memory.mem, url, NULL, SOON_MS, dial_over, &dialled, &dialled.dial, sentence);
            if (!dialling) dialling = end_dial(&dialled);
            if (dialling) check_err(dialling, WEFT_ENOMEM);
            struct end near = {.pipe = dialled.pipe};
            if (!dialling && memory.refused) check_ends(&near, 0); /* it was not accepted for want of memory */
            weft__pipe_free(dialled.pipe);
        } else {
            check_err(error, WEFT_ENOMEM);
        }
        weft__acceptor_close(door.acceptor);
        for (unsigned i = 0; i < door.count; i++)
            weft__pipe_free(door.pipes[i]);
        check_eq(memory.live_blocks, live);
        refused = memory.refused;
    }
    failmem_fail_once(&memory, 0);
}

/* --- ends --------------------------------------------------------------------------------------- */

/* This program as a child: connects, says so, and waits to be killed. */
static int play(const char *url)
{
    failmem_init(&memory);
    struct dialled dialled;
    begin_dial(&dialled, url, NULL, SOON_MS);
    if (end_dial(&dialled)) return 1;
    struct end end = {.pipe = dialled.pipe};
    write_all(&end, "here", 4);
    for (;;)
        pause();
}

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void a_killed_peer_is_noticed_at_once(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct door door;
        uint64_t least_ns = UINT64_MAX;
        check_true(open_door(&door, &ways[i]));
        for (unsigned round = 0; round < 10; round++) {
            char *argv[] = {"net_life", door.url, NULL}, bytes[4];
            pid_t pid;
            struct pipe_peer peer;
            check_eq(posix_spawn(&pid, "/proc/self/exe", NULL, NULL, argv, environ), 0);
            event_await(&door.came, round + 1);
            struct end far = {.pipe = door.pipes[round]};
            weft__pipe_peer(far.pipe, &peer);
            check_eq(peer.pid, i ? 0 : pid);
            read_all(&far, bytes, 4);
            begin_read(&far, bytes, 1);
            uint64_t killed_ns = now_ns();
            check_eq(kill(pid, SIGKILL), 0);
            check_eq(await_op(&far.read), 0);
            uint64_t took_ns = now_ns() - killed_ns;
            if (took_ns < least_ns) least_ns = took_ns;
            check_eq(waitpid(pid, NULL, 0), pid);
            weft__pipe_free(far.pipe);
        }
        print_message("%s: told %u us after the kill at best\n", ways[i].name, (unsigned)(least_ns / 1000));
        check_true(least_ns < 200000000);
        close_door(&door);
    }
}

static unsigned settled(const char *what)
{
    weft__net_fini();
    return own_count(what);
}

static void nothing_is_left(void **state)
{
    (void)state;
    unsigned descriptors = settled("fd"), threads = settled("task");
    uint64_t blocks = memory.live_blocks;
    FOR_EACH_WAY(way)
    {
        struct door door;
        if (!open_door(&door, way)) continue;
        for (unsigned i = 0; i < 200; i++) {
            struct end near = {.pipe = dial_door(&door)}, far;
            event_await(&door.came, i + 1);
            far = (struct end){.pipe = door.pipes[i]};
            char byte = 0;
            if (i % 2) begin_read(&far, &byte, 1);
            if (i % 3) write_all(&near, "x", way->tls && i % 2 == 0 ? 0 : 1);
            if (i % 2 && i % 3) check_eq(await_op(&far.read), 1);
            weft__pipe_free(i % 4 < 2 ? near.pipe : far.pipe);
            weft__pipe_free(i % 4 < 2 ? far.pipe : near.pipe);
        }
        close_door(&door);
        check_eq(memory.live_blocks, blocks);
        check_true(own_count("task") > threads);
        check_eq(settled("task"), threads);
        check_eq(own_count("fd"), descriptors);
    }
    weft__net_fini(); /* again is harmless */
}

static void what_is_kept_for_the_next_write_ends_with_the_transport(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct door door;
        check_true(open_door(&door, &ways[1]));
        struct pipe *near = dial_door(&door);
        event_await(&door.came, 1);
        check_eq(weft__pipe_try_write(near, "x", 1), 1);
        weft__pipe_free(near);
        weft__pipe_free(door.pipes[0]);
        check_true(!weft__net_fini());
        close_door(&door); /* goes last */
        check_true(weft__net_fini());
    }
}

/* What the kernel has no room for: the next threads cannot be started. */
static void set_stack(size_t size)
{
    pthread_attr_t attributes;
    check_eq(pthread_attr_init(&attributes), 0);
    check_eq(pthread_attr_setstacksize(&attributes, size), 0);
    check_eq(pthread_setattr_default_np(&attributes), 0);
    check_eq(pthread_attr_destroy(&attributes), 0);
}

static void the_transport_begins_when_its_threads_can_be_had(void **state)
{
    (void)state;
    pthread_attr_t usual;
    size_t size;
    struct door door = {0};
    struct dial *dial = NULL;
    char sentence[PIPE_SENTENCE_BYTES] = "";
    check_eq(pthread_getattr_default_np(&usual), 0);
    check_eq(pthread_attr_getstacksize(&usual, &size), 0);
    check_true(weft__net_fini());
    unsigned threads = own_count("task");
    set_stack((size_t)1 << 50);
    check_err(weft__pipe_dial(&memory.mem, "tcp://127.0.0.1:1", NULL, SOON_MS, dial_over, NULL, &dial, sentence),
              WEFT_ESYSTEM);
    check_str(sentence, "no threads to be had");
    check_err(try_listen(&door, &ways[1], ways[1].url), WEFT_ESYSTEM);
    check_true(!dial && !door.acceptor);
    set_stack(size);
    check_eq(own_count("task"), threads);
    check_true(open_door(&door, &ways[1]));
    struct pipe *near = dial_door(&door);
    event_await(&door.came, 1);
    check_true(!weft__net_fini());
    close_door(&door);
    weft__pipe_free(near);
    weft__pipe_free(door.pipes[0]);
}

/* How many threads have named themselves as nng's; each of them takes no signal of the host's. */
static unsigned deaf_threads(void)
{
    unsigned seen = 0;
    DIR *directory = opendir("/proc/self/task");
    for (struct dirent *entry; (entry = readdir(directory));) {
        char path[300], line[256];
        (void)snprintf(path, sizeof path, "/proc/self/task/%s/status", entry->d_name);
        FILE *file = entry->d_name[0] == '.' ? NULL : fopen(path, "r");
        if (!file) continue;
        bool ours = false;
        while (fgets(line, sizeof line, file)) {
            if (strncmp(line, "Name:\tnng:", 10) == 0) ours = true;
            if (!ours || strncmp(line, "SigBlk:", 7) != 0) continue;
            seen++;
            check_true(strtoull(line + 7, NULL, 16) & (1ull << (SIGTERM - 1)));
        }
        fclose(file);
    }
    closedir(directory);
    return seen;
}

static void the_transports_threads_are_deaf(void **state)
{
    (void)state;
    struct door door;
    check_true(open_door(&door, &ways[0]));
    while (deaf_threads() < 10) /* they name themselves when they run first */
        sched_yield();
    close_door(&door);
}

static void a_forked_child_touches_nothing(void **state)
{
    (void)state;
    struct pair pair;
    struct dialled dialled = {0};
    char sentence[PIPE_SENTENCE_BYTES], bound[PIPE_URL_BYTES], byte = 0;
    struct acceptor *acceptor;
    int status;
    check_true(open_pair(&pair, &ways[0]));
    pid_t pid = fork();
    if (pid == 0) {
        bool right = weft__pipe_dial(&memory.mem, pair.door.url, NULL, 1, dial_over, NULL, &dialled.dial, sentence) ==
                         WEFT_EFORKED &&
                     weft__pipe_listen(&memory.mem, "tcp://127.0.0.1:0", NULL, came_in, NULL, &acceptor, bound,
                                       sentence) == WEFT_EFORKED;
        weft__pipe_read(pair.near.pipe, &byte, 1, op_ended, &pair.near.read);
        weft__pipe_write(pair.near.pipe, &byte, 1, op_ended, &pair.near.write);
        weft__pipe_reason(pair.near.pipe, sentence);
        weft__pipe_close(pair.near.pipe);
        weft__pipe_free(pair.near.pipe);
        weft__acceptor_close(pair.door.acceptor);
        weft__net_fini();
        _exit(right && !sentence[0] ? 0 : 1);
    }
    check_eq(waitpid(pid, &status, 0), pid);
    check_eq(status, 0);
    write_all(&pair.near, "x", 1);
    read_all(&pair.far, &byte, 1);
    close_pair(&pair);
}

int main(int argc, char **argv)
{
    if (argc > 1) return play(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dial_to_nobody_is_refused),
        cmocka_unit_test(a_dial_that_is_not_answered_runs_out_of_time),
        cmocka_unit_test(cancel_ends_a_dial),
        cmocka_unit_test(cancel_races_with_a_connection),
        cmocka_unit_test(what_cannot_be_dialled_is_said_at_once),
        cmocka_unit_test(what_is_in_use_is_not_taken),
        cmocka_unit_test(a_socket_is_the_users_own_and_goes_with_its_listener),
        cmocka_unit_test(what_has_taken_the_place_of_a_socket_stays),
        cmocka_unit_test(of_many_that_start_where_one_crashed_one_gets_it),
        cmocka_unit_test(what_is_no_socket_stays),
        cmocka_unit_test(nothing_comes_after_the_close_of_a_listener),
        cmocka_unit_test(a_listener_waits_for_descriptors),
        cmocka_unit_test(a_listener_is_closed_while_it_waits_for_descriptors),
        cmocka_unit_test(nothing_is_lost_without_memory),
        cmocka_unit_test(a_killed_peer_is_noticed_at_once),
        cmocka_unit_test(nothing_is_left),
        cmocka_unit_test(what_is_kept_for_the_next_write_ends_with_the_transport),
        cmocka_unit_test(the_transport_begins_when_its_threads_can_be_had),
        cmocka_unit_test(the_transports_threads_are_deaf),
        cmocka_unit_test(a_forked_child_touches_nothing),
    };
    return cmocka_run_group_tests(tests, net_set_up, net_tear_down);
}
