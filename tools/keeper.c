#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static int to_keeper = -1;

static void change(pid_t *groups, int *count, pid_t change)
{
    if (change > 0 && *count < KEEPER_GROUPS_MAX) groups[(*count)++] = change;
    for (int i = 0; change < 0 && i < *count; i++) {
        if (groups[i] != -change) continue;
        groups[i] = groups[--*count];
        return;
    }
}

static void keep(int from)
{
    pid_t groups[KEEPER_GROUPS_MAX], record;
    int count = 0;
    for (ssize_t got; (got = read(from, &record, sizeof(record))) != 0;) {
        if (got == sizeof(record))
            change(groups, &count, record);
        else if (errno != EINTR)
            break;
    }
    for (int i = 0; i < count; i++)
        kill(-groups[i], SIGKILL);
}

bool keeper_start(void)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC)) return false;
    pid_t pid = fork();
    if (pid < 0) return false;
    if (pid == 0) {
        sigset_t all;
        sigfillset(&all);
        sigprocmask(SIG_BLOCK, &all, NULL); /* what is meant for us is not for it */
        setpgid(0, 0);
        close(ends[1]);
        dup2(ends[0], STDIN_FILENO); /* it keeps nobody waiting at the other end of ours */
        close(ends[0]);
        close(STDOUT_FILENO);
        close(STDERR_FILENO);
        keep(STDIN_FILENO);
        _exit(0);
    }
    close(ends[0]);
    to_keeper = ends[1];
    return true;
}

/* A record is written in one piece (PIPE_BUF). */
static void tell(pid_t record)
{
    while (write(to_keeper, &record, sizeof(record)) < 0 && errno == EINTR) {
    }
}

void keeper_add(pid_t group)
{
    tell(group);
}

void keeper_remove(pid_t group)
{
    tell(-group);
}
