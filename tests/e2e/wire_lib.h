/* wire_lib.h: what the tests of the wire share: processes of their own, and nodes and clients over each transport.
 *
 * A test program starts itself again with a role (spawn_role), and talks to it in lines: what it says ("ready", "took x 1") is
 * waited for, so nobody waits for a time. A child ends with its parent. */
#ifndef WEFT_TESTS_E2E_WIRE_LIB_H
#define WEFT_TESTS_E2E_WIRE_LIB_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include <weft/remote.h>

#include "e2e/api_lib.h"

/* --- transports ----------------------------------------------------------------------------------- */

struct way {
    const char *name;
    bool local;
};

static const struct way ipc = {"ipc", true};
static const struct way tcp = {"tcp", false};

/* A test once over each. */
#define OVER_EACH(test)                                                                                                \
    {#test " (ipc)", test, NULL, NULL, (void *)(uintptr_t)&ipc},                                                       \
    {                                                                                                                  \
#test " (tcp)", test, NULL, NULL, (void *)(uintptr_t)&tcp                                                      \
    }

static char scratch[64] = "/tmp/weft-wire-XXXXXX";
static pid_t scratch_owner;

static void scratch_remove(void)
{
    char command[96];
    if (getpid() != scratch_owner) return;
    (void)snprintf(command, sizeof command, "rm -rf %s", scratch);
    if (system(command)) (void)fprintf(stderr, "wire: %s was not removed\n", scratch);
}

static inline void scratch_make(void)
{
    check_true(mkdtemp(scratch) != NULL);
    scratch_owner = getpid();
    check_eq(atexit(scratch_remove), 0);
}

/* An address of that transport that nobody has used yet; of tcp any free port. */
static inline void new_url(const struct way *way, char *url)
{
    static atomic_uint number;
    if (way->local)
        (void)snprintf(url, WEFT_URL_MAX + 1, "ipc://%s/%u", scratch, atomic_fetch_add(&number, 1));
    else
        (void)snprintf(url, WEFT_URL_MAX + 1, "tcp://127.0.0.1:0");
}

static inline uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* How much of a heavy test is done: that many, or what the environment says. */
static inline unsigned rounds(const char *variable, unsigned usual)
{
    const char *said = getenv(variable);
    return said ? (unsigned)strtoul(said, NULL, 10) : usual;
}

/* --- nodes ---------------------------------------------------------------------------------------- */

/* A node of this process that listens. */
struct site {
    const struct way *way;
    weft_node *node;
    char url[WEFT_URL_MAX + 1];
};

static inline void listen_there(struct site *site, const struct way *way, const weft_listen_options *options)
{
    char url[WEFT_URL_MAX + 1];
    site->way = way;
    new_url(way, url);
    check_ok(weft_node_listen(site->node, url, options, site->url));
}

static inline void open_site(struct site *site, const struct way *way, const weft_listen_options *options)
{
    site->node = open_node();
    listen_there(site, way, options);
}

/* Beats as quick as a loaded machine bears, and a session that is given up soon after. */
static inline weft_listen_options quick(uint32_t resume_ms)
{
    weft_listen_options options = WEFT_LISTEN_OPTIONS;
    options.beat_ms = 100;
    options.beats_missed_max = 3;
    options.resume_ms = resume_ms;
    return options;
}

static inline weft_node *dial(const char *url, const weft_dial_options *options)
{
    weft_node *node;
    weft_error error = weft_node_dial(url, options, &node);
    if (error) print_error("%s\n", weft_error_message());
    thread_check_ok(error);
    return node;
}

static inline weft_node *dial_named(const char *url, const char *name)
{
    weft_dial_options options = WEFT_DIAL_OPTIONS;
    options.name = name;
    options.dial_timeout_ms = 30000;
    options.resume_ms = 30000; /* the node may allow less; a sanitizer on a busy machine needs more than 5 s */
    options.lost_ms = 60000;
    return dial(url, &options);
}

static inline void close_all_of(weft_node *node)
{
    thread_check_ok(weft_node_close(node, 20000));
}

/* Waits for something that no event tells of: looks again until it is so. As a last resort. */
#define await_true(expression)                                                                                         \
    for (uint64_t until_ms = now_ms() + 30000; !(expression);) {                                                       \
        thread_check_true(now_ms() < until_ms && #expression);                                                         \
        usleep(2000);                                                                                                  \
    }

static inline weft_node_stats stats_of(weft_node *node)
{
    weft_node_stats stats;
    thread_check_ok(weft_node_stats_get(node, &stats));
    return stats;
}

static inline weft_worker *register_named(weft_node *node, const char *name, uint32_t max_concurrent,
                                          weft_handler handler, void *context)
{
    weft_worker_options options = WEFT_WORKER_OPTIONS;
    weft_worker *worker;
    options.name = name;
    options.max_concurrent = max_concurrent;
    thread_check_ok(weft_worker_register(node, CHANNEL, handler, context, &options, &worker));
    return worker;
}

/* --- children ------------------------------------------------------------------------------------- */

struct child {
    pid_t pid;
    int in;     /* what it is told */
    FILE *said; /* what it says */
    char line[512];
};

/* In the child: says a line, which is whole even where several speak into one pipe. */
static inline void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static inline void say(const char *format, ...)
{
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(line, sizeof line - 1, format, arguments);
    va_end(arguments);
    thread_check_true(size >= 0 && (size_t)size < sizeof line - 1);
    line[size++] = '\n';
    thread_check_eq(write(STDOUT_FILENO, line, (size_t)size), (size_t)size);
}

/* In the child: the next line that it is told; false: the parent has no more to say. */
static inline bool hear(char *line, size_t size)
{
    size_t have = 0;
    for (char c; read(STDIN_FILENO, &c, 1) == 1;) {
        if (c == '\n') {
            line[have] = '\0';
            return true;
        }
        if (have + 1 < size) line[have++] = c;
    }
    return false;
}

/* arguments: up to 6, NULL behind the last. */
static inline void spawn_role(struct child *child, const char *role, const char *first, ...)
{
    int to[2], from[2];
    char *argv[10] = {(char *)(uintptr_t) "wire", (char *)(uintptr_t)role};
    int count = 2;
    va_list arguments;
    va_start(arguments, first);
    for (const char *argument = first; argument; argument = va_arg(arguments, const char *))
        argv[count++] = (char *)(uintptr_t)argument;
    va_end(arguments);
    check_eq(pipe2(to, O_CLOEXEC), 0);
    check_eq(pipe2(from, O_CLOEXEC), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, to[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, from[1], STDOUT_FILENO);
    check_eq(posix_spawn(&child->pid, "/proc/self/exe", &actions, NULL, argv, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(to[0]);
    close(from[1]);
    child->in = to[1];
    child->said = fdopen(from[0], "r");
    check_true(child->said != NULL);
}

/* The next thing that it says; NULL: nothing more. */
static inline const char *next_line(struct child *child)
{
    if (!fgets(child->line, sizeof child->line, child->said)) return NULL;
    child->line[strcspn(child->line, "\n")] = '\0';
    return child->line;
}

static inline void await_line(struct child *child, const char *expected)
{
    const char *line = next_line(child);
    check_str(line ? line : "(it has ended)", expected);
}

static inline void tell(struct child *child, const char *line)
{
    check_eq(dprintf(child->in, "%s\n", line), strlen(line) + 1);
}

/* Its exit code, or minus the signal that it died of. */
static inline int reap(struct child *child)
{
    int status;
    close(child->in);
    fclose(child->said);
    check_eq(waitpid(child->pid, &status, 0), child->pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* What a program's main begins with: in a child it plays the role, and does not return. WIRE_TEST chooses tests by a pattern. */
struct role {
    const char *name;
    int (*play)(char **arguments); /* NULL behind the last */
};

static inline void play_role(int argc, char **argv, const struct role *roles, size_t count)
{
    (void)signal(SIGPIPE, SIG_IGN);
    if (argc < 2) {
        if (getenv("WIRE_TEST")) cmocka_set_test_filter(getenv("WIRE_TEST"));
        scratch_make();
        return;
    }
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (size_t i = 0; i < count; i++)
        if (strcmp(argv[1], roles[i].name) == 0) _exit(roles[i].play(argv + 2));
    (void)fprintf(stderr, "there is no role %s\n", argv[1]);
    _exit(2);
}
#define PLAY_ROLE(argc, argv, roles) play_role(argc, argv, roles, sizeof(roles) / sizeof *(roles))

#endif
