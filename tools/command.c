#include "command.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "keeper.h"

enum { PIECE = 65536 };

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void close_fd(int *fd)
{
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

bool command_init(struct command *command, const struct command_options *options)
{
    *command = (struct command){.options = options, .pidfd = -1, .in = -1, .out = -1, .err = -1};
    command->cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return command->cancel_fd >= 0;
}

void command_cancel(struct command *command)
{
    const uint64_t one = 1;
    (void)!write(command->cancel_fd, &one, sizeof(one)); /* it cannot be full */
}

void command_fini(struct command *command)
{
    close_fd(&command->cancel_fd);
    free(command->output);
}

/* --- looking ---------------------------------------------------------------------------------------------------------- */

static int look_at(const char *path)
{
    struct stat status;
    if (stat(path, &status)) return errno;
    if (!S_ISREG(status.st_mode)) return EACCES;
    return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) ? errno : 0;
}

/* As execvp does: an empty directory is this one, and the first that may be run counts. */
int command_look(const char *program)
{
    const char *path = getenv("PATH");
    char usual[64], file[PATH_MAX];
    int error = ENOENT;
    if (!*program) return ENOENT;
    if (strchr(program, '/')) return look_at(program);
    if (!path) (void)confstr(_CS_PATH, usual, sizeof(usual));
    for (const char *at = path ? path : usual;; at++) {
        size_t size = strcspn(at, ":");
        int length = snprintf(file, sizeof(file), "%.*s%s%s", (int)size, at, size ? "/" : "", program);
        int found = length < (int)sizeof(file) ? look_at(file) : ENAMETOOLONG;
        if (!found) return 0;
        if (found == EACCES) error = EACCES;
        at += size;
        if (!*at) return error;
    }
}

/* --- starting --------------------------------------------------------------------------------------------------------- */

static bool set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    return posix_spawnattr_setflags(attributes,
                                    POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF) == 0 &&
           posix_spawnattr_setpgroup(attributes, 0) == 0 && posix_spawnattr_setsigmask(attributes, &none) == 0 &&
           posix_spawnattr_setsigdefault(attributes, &all) == 0;
}

static int spawn(struct command *command, const int theirs[3])
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int error = posix_spawn_file_actions_init(&actions);
    if (error) return error;
    error = posix_spawnattr_init(&attributes);
    if (!error) {
        if (!set_attributes(&attributes)) error = EINVAL;
        for (int i = 0; i < 3 && !error; i++)
            error = posix_spawn_file_actions_adddup2(&actions, theirs[i], i);
        if (!error)
            error = posix_spawnp(&command->pid, command->options->argv[0], &actions, &attributes,
                                 command->options->argv, command->options->environment);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

static bool start(struct command *command)
{
    int in[2] = {-1, -1}, out[2] = {-1, -1}, err[2] = {-1, -1};
    bool piped = !pipe2(in, O_CLOEXEC) && !pipe2(out, O_CLOEXEC) && !pipe2(err, O_CLOEXEC);
    const int theirs[3] = {in[0], out[1], err[1]};
    command->start_error = piped ? spawn(command, theirs) : errno;
    bool started = command->start_error == 0;
    if (started) keeper_add(command->pid);
    close_fd(&in[0]);
    close_fd(&out[1]);
    close_fd(&err[1]);
    command->in = in[1];
    command->out = out[0];
    command->err = err[0];
    if (started) command->pidfd = (int)syscall(SYS_pidfd_open, command->pid, 0);
    int *ours[] = {&command->in, &command->out, &command->err};
    for (int i = 0; i < 3 && *ours[i] >= 0; i++)
        (void)fcntl(*ours[i], F_SETFL, O_NONBLOCK);
    return started;
}

/* --- moving bytes ----------------------------------------------------------------------------------------------------- */

/* It need not read its input to the end. */
static void send_some(struct command *command, weft_bytes input)
{
    size_t left = input.size - command->sent;
    ssize_t sent = left ? write(command->in, (const char *)input.data + command->sent, left) : 0;
    if (sent < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (sent > 0) command->sent += (size_t)sent;
    if (sent < 0 || command->sent == input.size) close_fd(&command->in);
}

static bool output_room(struct command *command)
{
    if (command->output_size < command->output_room) return true;
    size_t room = command->output_room ? command->output_room * 2 : PIECE;
    if (room > command->options->output_max + 1) room = command->options->output_max + 1;
    char *grown = realloc(command->output, room);
    if (!grown) return false;
    command->output = grown;
    command->output_room = room;
    return true;
}

/* False: there is nothing more now, or ever. */
static bool receive_some(struct command *command)
{
    if (command->out < 0) return false;
    if (!output_room(command)) return !(command->no_memory = true);
    ssize_t got =
        read(command->out, command->output + command->output_size, command->output_room - command->output_size);
    if (got < 0 && errno == EINTR) return true;
    if (got < 0 && errno == EAGAIN) return false;
    if (got <= 0) close_fd(&command->out);
    if (got <= 0) return false;
    command->output_size += (size_t)got;
    command->too_large = command->output_size > command->options->output_max;
    return !command->too_large;
}

bool command_heard(void)
{
    struct pollfd err = {.fd = STDERR_FILENO, .events = POLLOUT};
    return poll(&err, 1, 0) > 0;
}

/* Nobody need listen: what our own would have to wait for is dropped. Where a pipe has room, it takes PIPE_BUF at once; one task
 * at a time, as the room is for one. (It is shared with who started us, so O_NONBLOCK is not ours to set.) */
static void pass_on(const char *piece, size_t size)
{
    static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&one);
    if (command_heard()) (void)!write(STDERR_FILENO, piece, size);
    pthread_mutex_unlock(&one);
}

/* Goes to our own, and its end is kept. How much it was; 0: there is nothing more now, or ever. */
static size_t hear_some(struct command *command)
{
    char piece[PIPE_BUF];
    if (command->err < 0) return 0;
    ssize_t got = read(command->err, piece, sizeof(piece));
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) return 0;
    if (got <= 0) close_fd(&command->err);
    if (got <= 0) return 0;
    pass_on(piece, (size_t)got);
    size_t size = (size_t)got < COMMAND_TAIL ? (size_t)got : COMMAND_TAIL;
    size_t keep = command->tail_size + size > COMMAND_TAIL ? COMMAND_TAIL - size : command->tail_size;
    memmove(command->tail, command->tail + command->tail_size - keep, keep);
    memcpy(command->tail + keep, piece + (size_t)got - size, size);
    command->tail_size = keep + size;
    command->tail[command->tail_size] = '\0';
    return (size_t)got;
}

/* What is there now: somebody outside of the group may write for ever. */
static void hear_rest(struct command *command)
{
    int left = 0;
    if (command->err < 0 || ioctl(command->err, FIONREAD, &left)) return;
    for (size_t got = 1; got && left > 0; left -= (int)got)
        got = hear_some(command);
}

/* --- the end ---------------------------------------------------------------------------------------------------------- */

/* Who was started has ended: what it left in the pipes is taken, whoever else holds them; and the group's number is its own until
 * it is reaped. */
static void finish(struct command *command)
{
    siginfo_t info;
    while (waitid(P_PID, (id_t)command->pid, &info, WEXITED | WNOWAIT) && errno == EINTR) {
    }
    kill(-command->pid, SIGKILL);
    while (receive_some(command)) {
    }
    hear_rest(command);
    keeper_remove(command->pid);
    while (waitpid(command->pid, &command->status, 0) < 0 && errno == EINTR) {
    }
}

/* Sees to what somebody wants of it. */
static void look_at_wishes(struct command *command, bool cancel, bool stop)
{
    if (stop) command->stopped = true;
    if (cancel && !command->cancelled) {
        command->cancelled = true;
        command->kill_at_ms = now_ms() + command->options->kill_ms;
        kill(-command->pid, SIGTERM);
    }
    bool now = command->stopped || command->too_large || command->no_memory ||
               (command->cancelled && now_ms() >= command->kill_at_ms);
    if (!now || command->killed) return;
    command->killed = true;
    kill(-command->pid, SIGKILL);
}

/* Waits for something to do, and does it. False: it has ended. */
static bool go_on(struct command *command, weft_bytes input)
{
    struct pollfd fds[] = {{.fd = command->pidfd, .events = POLLIN},
                           {.fd = command->cancelled ? -1 : command->cancel_fd, .events = POLLIN},
                           {.fd = command->stopped ? -1 : command->options->stop_fd, .events = POLLIN},
                           {.fd = command->in, .events = POLLOUT},
                           {.fd = command->killed ? -1 : command->out, .events = POLLIN},
                           {.fd = command->err, .events = POLLIN}};
    int64_t wait_ms = command->cancelled && !command->killed ? command->kill_at_ms - now_ms() : -1;
    if (command->cancelled && !command->killed && wait_ms < 0) wait_ms = 0;
    if (poll(fds, 6, (int)wait_ms) < 0) return true;
    if (fds[3].revents) send_some(command, input);
    if (fds[4].revents) (void)receive_some(command);
    if (fds[5].revents) (void)hear_some(command);
    if (fds[0].revents) return false;
    look_at_wishes(command, fds[1].revents, fds[2].revents);
    return true;
}

void command_run(struct command *command, weft_bytes input)
{
    if (start(command)) {
        if (command->pidfd < 0) look_at_wishes(command, false, true); /* no descriptor is left */
        while (command->pidfd >= 0 && go_on(command, input)) {
        }
        finish(command);
    }
    close_fd(&command->pidfd);
    close_fd(&command->in);
    close_fd(&command->out);
    close_fd(&command->err);
}
