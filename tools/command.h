/* command.h: one run of a command, with a payload for its standard input.
 *
 * It is a process group of its own. Its end is that of the process which was started: what else of the group is there is killed
 * then. Input, output and errors move at the same time, so that none waits for another. */
#ifndef WEFT_TOOLS_COMMAND_H
#define WEFT_TOOLS_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <weft/weft.h>

enum { COMMAND_TAIL = 2048 };

struct command_options {
    char *const *argv;
    char *const *environment;
    int stop_fd;       /* readable: it is to be killed at once. Nobody reads it. */
    uint32_t kill_ms;  /* from SIGTERM to SIGKILL, where it is cancelled */
    size_t output_max; /* bytes */
};

struct command {
    const struct command_options *options;
    int cancel_fd; /* an eventfd: written, it is to end */
    pid_t pid;
    int pidfd, in, out, err;
    size_t sent;
    char *output; /* gives, with command_fini */
    size_t output_size, output_room;
    char tail[COMMAND_TAIL + 1]; /* of what it said on its standard error */
    size_t tail_size;
    int start_error;    /* errno: it could not be started */
    int status;         /* as waitpid's */
    int64_t kill_at_ms; /* where it is cancelled */
    bool cancelled, stopped, killed, too_large, no_memory;
};

/* 0: it could be started now, as found in PATH where it names no directory; else the errno that says why not. */
int command_look(const char *program);

/* init: false: errno says what. cancel: any thread, between init and fini. run: blocks until the end. */
bool command_init(struct command *command, const struct command_options *options);
void command_cancel(struct command *command);
void command_run(struct command *command, weft_bytes input);
void command_fini(struct command *command);

/* Whether our standard error takes a line without waiting. */
bool command_heard(void);

#endif
