/* process.h: the processes of a race, and the directory they share. They lead process groups of their own, so that ^C
 * reaches only the race, which ends them; and they die with it, however it ends. */
#ifndef WEFT_TESTS_BENCH_PEERS_PROCESS_H
#define WEFT_TESTS_BENCH_PEERS_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct process {
    pid_t pid; /* 0: none */
    int out;   /* its standard output */
    char line[512];
    size_t line_size;
};

/* Made by the first call, removed when the program ends. */
const char *process_directory(void);
/* What the processes write to stderr is in one log; the end of what they wrote since the first call, on our stderr. */
void process_begin_log(void);
void process_show_log(void);

/* Starts this program, in that directory. */
void process_start(struct process *process, char *const arguments[]);
/* In the new process: becomes a program. */
__attribute__((noreturn)) void process_become(char *const arguments[]);
/* In the new process: dies with the race. */
void process_bind(void);

/* Waits for a line; NULL: it ended, or did not say anything in that time. Ends the race when it was interrupted. */
const char *process_line(struct process *process, double seconds);
/* With SIGKILL, and waits for its end. Harmless without one. */
void process_kill(struct process *process);
void process_send_kill(struct process *process); /* does not wait */

double process_cpu_s(pid_t pid); /* what its threads have run */
double process_resident_bytes(pid_t pid);

/* A port of 127.0.0.1 that is free, as are the two after it. */
int port_free(void);
/* Until somebody listens there; false: the process ended, or it took too long. */
bool port_await(int port, struct process *process, double seconds);

uint64_t now_ns(void);
void sleep_us(unsigned us);
/* From SIGINT, SIGTERM, SIGHUP and SIGPIPE on: the next wait ends the program. */
void process_catch_signals(void);

#endif
