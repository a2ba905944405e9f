/* process.c: see process.h. */
#include "contender.h"
#include "process.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PROCESSES_MAX = 64, LOG_SHOWN_BYTES = 2000 };

static pid_t alive[PROCESSES_MAX];
static char directory[256], log_path[300];
static long log_begins;
static volatile sig_atomic_t interrupted;

uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

void sleep_us(unsigned us)
{
    nanosleep(&(struct timespec){us / 1000000, (long)(us % 1000000) * 1000}, NULL);
}

/* --- the directory ---------------------------------------------------------------------------- */

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)status, (void)kind, (void)place;
    return remove(path);
}

static void clean_up(void)
{
    for (int i = 0; i < PROCESSES_MAX; i++)
        if (alive[i] && kill(-alive[i], SIGKILL) == 0) waitpid(alive[i], NULL, 0);
    nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *process_directory(void)
{
    const char *temporary = getenv("TMPDIR");
    if (directory[0]) return directory;
    snprintf(directory, sizeof(directory), "%s/weft-peers-XXXXXX", temporary ? temporary : "/tmp");
    if (!mkdtemp(directory)) fail("make %s: %s", directory, strerror(errno));
    snprintf(log_path, sizeof(log_path), "%s/log", directory);
    atexit(clean_up);
    return directory;
}

void process_begin_log(void)
{
    struct stat status;
    log_begins = stat(log_path, &status) ? 0 : status.st_size;
}

void process_show_log(void)
{
    char line[512];
    FILE *log = fopen(log_path, "r");
    if (!log) return;
    fseek(log, 0, SEEK_END);
    long size = ftell(log), from = size - LOG_SHOWN_BYTES;
    bool cut = from > log_begins;
    fseek(log, cut ? from : log_begins, SEEK_SET);
    if (cut) (void)!fgets(line, sizeof(line), log); /* the rest of a line */
    while (fgets(line, sizeof(line), log))
        fprintf(stderr, "    %s", line);
    fclose(log);
}

/* --- start and end ---------------------------------------------------------------------------- */

static void interrupt(int signal)
{
    interrupted = signal;
}

void process_catch_signals(void)
{
    struct sigaction action = {.sa_handler = interrupt};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    sigaction(SIGPIPE, &action, NULL);
}

static void end_if_interrupted(void)
{
    if (interrupted) exit(128 + interrupted);
}

static void remember(pid_t was, pid_t is)
{
    for (int i = 0; i < PROCESSES_MAX; i++)
        if (alive[i] == was) {
            alive[i] = is;
            return;
        }
    fail("too many processes");
}

void process_start(struct process *process, char *const arguments[])
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    int out[2];
    process_directory();
    end_if_interrupted();
    sigemptyset(&none);
    if (pipe2(out, O_CLOEXEC) || posix_spawn_file_actions_init(&actions) ||
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0) ||
        posix_spawn_file_actions_adddup2(&actions, out[1], 1) ||
        posix_spawn_file_actions_addchdir_np(&actions, directory) ||
        posix_spawn_file_actions_addopen(&actions, 2, log_path, O_WRONLY | O_CREAT | O_APPEND, 0600) ||
        posix_spawnattr_init(&attributes) || posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP) ||
        posix_spawn(&process->pid, "/proc/self/exe", &actions, &attributes, arguments, environ))
        fail("start a process: %s", strerror(errno));
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    close(out[1]);
    process->out = out[0];
    process->line_size = 0;
    remember(0, process->pid);
}

void process_bind(void)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == 1) exit(1); /* it went before */
}

void process_become(char *const arguments[])
{
    process_bind();
    dup2(2, 1); /* what a server says is the log's */
    execvp(arguments[0], arguments);
    fail("run %s: %s", arguments[0], strerror(errno));
}

void process_send_kill(struct process *process)
{
    if (process->pid) kill(-process->pid, SIGKILL);
}

void process_kill(struct process *process)
{
    if (!process->pid) return;
    process_send_kill(process);
    while (waitpid(process->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    remember(process->pid, 0);
    close(process->out);
    process->pid = 0;
}

/* --- what they say ---------------------------------------------------------------------------- */

/* Moves the first line out of the way of those that follow. */
static const char *take_line(struct process *p)
{
    static char line[sizeof(p->line)];
    char *end = memchr(p->line, '\n', p->line_size);
    if (!end) return NULL;
    size_t size = (size_t)(end - p->line);
    memcpy(line, p->line, size);
    line[size] = 0;
    p->line_size -= size + 1;
    memmove(p->line, end + 1, p->line_size);
    return line;
}

const char *process_line(struct process *p, double seconds)
{
    uint64_t until_ns = now_ns() + (uint64_t)(seconds * 1e9);
    for (;;) {
        const char *line = take_line(p);
        uint64_t now = now_ns();
        if (line) return line;
        if (now >= until_ns || p->line_size == sizeof(p->line)) return NULL;
        struct pollfd readable = {.fd = p->out, .events = POLLIN};
        if (poll(&readable, 1, (int)((until_ns - now) / 1000000) + 1) > 0) {
            ssize_t size = read(p->out, p->line + p->line_size, sizeof(p->line) - p->line_size);
            if (size == 0) return NULL;
            if (size > 0) p->line_size += (size_t)size;
        }
        end_if_interrupted();
    }
}

/* --- what they take --------------------------------------------------------------------------- */

double process_cpu_s(pid_t pid)
{
    char path[64], file_path[400];
    double sum_ns = 0, ns;
    snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    DIR *threads = opendir(path);
    if (!threads) return 0;
    for (struct dirent *thread; (thread = readdir(threads)) != NULL;) {
        if (thread->d_name[0] == '.') continue;
        snprintf(file_path, sizeof(file_path), "%s/%s/schedstat", path, thread->d_name);
        FILE *file = fopen(file_path, "r");
        if (!file) continue;
        if (fscanf(file, "%lf", &ns) == 1) sum_ns += ns;
        fclose(file);
    }
    closedir(threads);
    return sum_ns / 1e9;
}

double process_resident_bytes(pid_t pid)
{
    char path[64], line[256];
    long kib = 0;
    snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof(line), file))
        if (sscanf(line, "Rss: %ld", &kib) == 1) break;
    if (file) fclose(file);
    return (double)kib * 1024;
}

/* --- ports ------------------------------------------------------------------------------------ */

static int socket_at(int port, bool binds)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0) return -1;
    if ((binds ? bind(fd, (struct sockaddr *)&at, sizeof(at)) : connect(fd, (struct sockaddr *)&at, sizeof(at))) == 0)
        return fd;
    close(fd);
    return -1;
}

static int number_of(int fd)
{
    struct sockaddr_in at = {0};
    socklen_t size = sizeof(at);
    return getsockname(fd, (struct sockaddr *)&at, &size) ? 65535 : ntohs(at.sin_port);
}

int port_free(void)
{
    for (int tries = 0; tries < 100; tries++) {
        int first = socket_at(0, true), port = number_of(first);
        int second = port < 65533 ? socket_at(port + 1, true) : -1;
        int third = second >= 0 ? socket_at(port + 2, true) : -1;
        close(first);
        if (second >= 0) close(second);
        if (third >= 0) close(third);
        if (third >= 0) return port;
    }
    fail("no free ports");
}

static bool has_ended(pid_t pid)
{
    siginfo_t info = {0};
    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid;
}

bool port_await(int port, struct process *process, double seconds)
{
    uint64_t until_ns = now_ns() + (uint64_t)(seconds * 1e9);
    while (now_ns() < until_ns && !has_ended(process->pid)) {
        int fd = socket_at(port, false);
        if (fd >= 0) {
            close(fd);
            return true;
        }
        end_if_interrupted();
        sleep_us(2000);
    }
    return false;
}
