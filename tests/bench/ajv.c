/* ajv.c: see ajv.h. */
#include "ajv.h"
#include "bench.h"
#include "tasks.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static FILE *requests, *answers;
static pid_t pid;

/* Where `make bench` has put it. */
static bool installed(char *directory, size_t size)
{
    const char *given = getenv("WEFT_BENCH_AJV");
    char mark[PATH_MAX];
    if (!given) return false;
    snprintf(directory, size, "%s", given);
    snprintf(mark, sizeof(mark), "%s/installed", given);
    return access(mark, R_OK) == 0;
}

static void start(const char *directory)
{
    int to[2], from[2];
    char schema[PATH_MAX], script[PATH_MAX], sizes[16], variants[16];
    const char *top = getenv("WEFT_TOP");
    snprintf(script, sizeof(script), "%s/tests/bench/ajv/measure.js", top ? top : ".");
    snprintf(schema, sizeof(schema), "%s/tests/bench/data/task.schema.json", top ? top : ".");
    snprintf(sizes, sizeof(sizes), "%d", TASKS_SIZES);
    snprintf(variants, sizeof(variants), "%d", TASK_VARIANTS);
    const char *arguments[] = {"node", script, directory, schema, sizes, variants, NULL};
    posix_spawn_file_actions_t actions;
    if (pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC) || posix_spawn_file_actions_init(&actions) ||
        posix_spawn_file_actions_adddup2(&actions, to[0], STDIN_FILENO) ||
        posix_spawn_file_actions_adddup2(&actions, from[1], STDOUT_FILENO) ||
        posix_spawnp(&pid, "node", &actions, NULL, (char *const *)arguments, environ))
        bench_die("start node");
    posix_spawn_file_actions_destroy(&actions);
    signal(SIGPIPE, SIG_IGN); /* where it dies, its answer is missing */
    close(to[0]);
    close(from[1]);
    requests = fdopen(to[1], "w"); /* its end is the child's */
    answers = fdopen(from[0], "r");
    if (!requests || !answers) bench_die("talk to node");
    for (int size = 0; size < TASKS_SIZES; size++)
        for (int i = 0; i < TASK_VARIANTS; i++) {
            weft_bytes variant = bench_tasks(size)->variants[i];
            fwrite(variant.data, 1, variant.size, requests);
            putc('\n', requests);
        }
    if (fflush(requests)) bench_die("talk to node");
}

const char *bench_ajv_missing(void)
{
    char directory[PATH_MAX];
    if (requests) return NULL;
    if (!installed(directory, sizeof(directory)))
        return "ajv is not installed: make bench does that, with node and npm";
    start(directory);
    return NULL;
}

/* The time that its main thread has run: exact while it sleeps. */
static double ran_ns(void)
{
    char path[64];
    double ns;
    snprintf(path, sizeof(path), "/proc/%d/schedstat", (int)pid);
    FILE *file = fopen(path, "r");
    if (!file || fscanf(file, "%lf", &ns) != 1) bench_die("the time that node runs is not told");
    fclose(file);
    return ns;
}

static void await(void)
{
    if (getc(answers) != '\n') bench_die("node gave no answer");
}

double bench_ajv_ns(int size)
{
    static bool warm;
    if (!warm) await();
    warm = true;
    double before_ns = ran_ns();
    fprintf(requests, "%d %d\n", size, bench_tasks_count(size));
    if (fflush(requests)) bench_die("talk to node");
    await();
    return (ran_ns() - before_ns) / bench_tasks_count(size);
}
