/* cmd_work.c: weft work: a worker whose handler runs a command. */
#include "verb.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "command.h"
#include "keeper.h"

const char help_work[] =
    "Registers a worker on CHANNEL and runs the command for each task: the payload is its standard input,\n"
    "its standard output the result, and its exit status the outcome:\n"
    "  0                   completed\n"
    "  75                  (EX_TEMPFAIL) the task is given up, as if the worker had died: it is dispatched\n"
    "                      again where the channel says so\n"
    "  another             failed, \"exit_N\"; the message is the end of its standard error\n"
    "  killed by a signal  given up, like 75; with --exec also 128 and a signal's number, which is what the\n"
    "                      shell says of it\n"
    "  never started       failed, \"not_started\"; the message says why: the command was there at the\n"
    "                      beginning, and is not any more\n"
    "\n"
    "--exec COMMAND is for the shell (/bin/sh -c); what follows -- is run as it stands. The command is a\n"
    "process group of its own, which is killed when its task is cancelled (SIGTERM, and SIGKILL after\n"
    "--kill-ms), when its first process ends, and when weft work ends, also by SIGKILL. It finds in its\n"
    "environment WEFT_CHANNEL, WEFT_DISPATCH (an ID), WEFT_ATTEMPT, and, where there are such, WEFT_WORKER\n"
    "(--name), WEFT_ACTIVITY_TYPE, WEFT_CONTENT_TYPE and WEFT_REMAINING_MS.\n"
    "\n"
    "Once it is registered it prints \"ready CHANNEL\". SIGTERM, SIGINT and SIGHUP drain it: it takes no\n"
    "more tasks, and ends when those it has have ended, or after --drain-ms: then they are given up.\n"
    "When the node is lost it waits for it to come back; where that refuses the worker, it drains, too.\n"
    "\n"
    "Options:\n" PLACE_HELP "  --exec COMMAND      what to run\n"
    "  --concurrent N      so many tasks at a time, 1 to 1024 (1)\n"
    "  --type TYPE         an activity type that it takes; may be repeated; without it: every one\n"
    "  --name NAME         of the worker; unique on its channel\n"
    "  --content-type TYPE of the results\n"
    "  --result-max N      bytes of a result (16777216): beyond, the command is killed, and the task has\n"
    "                      failed, \"result_too_large\"\n"
    "  --kill-ms N         from SIGTERM to SIGKILL, when the task is cancelled (1000)\n"
    "  --drain-ms N        at the end wait so long for tasks (10000)\n"
    "\n"
    "Exit status:\n"
    "  0 drained; 1 tasks were given up at its end; 2 wrong usage, a command that cannot be run, or the\n"
    "  node refused the worker; 3 the node cannot be reached; 129, 130 or 143: a second SIGHUP, SIGINT or\n"
    "  SIGTERM: it ended at once\n";

struct work {
    const char *channel, *content_type;
    char *shell[4];
    char *const *argv;
    const char *types[WEFT_ACTIVITY_TYPES_MAX];
    weft_worker_options options;
    uint32_t kill_ms, drain_ms, result_max;
    int stop_fd;         /* readable: every command is to be killed */
    atomic_uint refused; /* the error with which a node that came back has refused the worker */
};

extern char **environ;

/* --- one task --------------------------------------------------------------------------------------------------------- */

enum { VARIABLES = 7, VARIABLE_BYTES = 192 };

struct variables {
    char texts[VARIABLES][VARIABLE_BYTES];
    char **all; /* with those of our own environment */
    int count;
};

__attribute__((format(printf, 3, 4))) static void add(struct variables *variables, const char *value,
                                                      const char *format, ...)
{
    va_list arguments;
    if (!value) return;
    va_start(arguments, format);
    vsnprintf(variables->texts[variables->count++], VARIABLE_BYTES, format, arguments);
    va_end(arguments);
}

/* False: out of memory. */
static bool make_environment(struct variables *variables, const struct work *work, const weft_task *task)
{
    weft_dispatch_id id = weft_task_dispatch(task);
    uint32_t remaining_ms = weft_task_remaining_ms(task);
    size_t count = 0, kept = 0;
    while (environ[count])
        count++;
    *variables = (struct variables){.all = calloc(count + VARIABLES + 1, sizeof(char *))};
    if (!variables->all) return false;
    add(variables, "", "WEFT_CHANNEL=%s", work->channel);
    add(variables, work->options.name, "WEFT_WORKER=%s", work->options.name);
    add(variables, "", "WEFT_DISPATCH=%" PRIu64 ":%" PRIu64, id.session, id.number);
    add(variables, "", "WEFT_ATTEMPT=%" PRIu32, weft_task_attempt(task));
    add(variables, weft_task_activity_type(task), "WEFT_ACTIVITY_TYPE=%s", weft_task_activity_type(task));
    add(variables, weft_task_content_type(task), "WEFT_CONTENT_TYPE=%s", weft_task_content_type(task));
    add(variables, remaining_ms == WEFT_FOREVER ? NULL : "", "WEFT_REMAINING_MS=%" PRIu32, remaining_ms);
    for (int i = 0; i < variables->count; i++)
        variables->all[kept++] = variables->texts[i];
    for (size_t i = 0; i < count; i++) { /* what a weft work above us said of its task is not said of this one */
        bool ours = strncmp(environ[i], "WEFT_", 5) == 0 && strncmp(environ[i], "WEFT_URL=", 9) != 0;
        if (!ours) variables->all[kept++] = environ[i];
    }
    return true;
}

/* The end of what it said, from a whole line on where there is one, as clean text. */
static const char *message_of(struct command *command, int code, char *own, size_t size)
{
    char *tail = command->tail;
    size_t length = command->tail_size;
    for (size_t i = 0; i < length; i++)
        if (!tail[i]) tail[i] = ' ';
    while (length && strchr(" \t\r\n", tail[length - 1]))
        tail[--length] = '\0';
    while (length && ((unsigned char)*tail & 0xc0) == 0x80) /* cut within a character */
        tail++, length--;
    if (length && is_text(tail, length)) return tail;
    snprintf(own, size, "exit status %d%s", code, length ? "; what it said is not UTF-8" : "");
    return own;
}

static void settle_exited(const struct work *work, weft_task *task, struct command *command)
{
    int code = WEXITSTATUS(command->status);
    bool killed = work->argv == work->shell && code > VERB_SIGNAL && code <= VERB_SIGNAL + SIGRTMAX;
    char word[32], own[64];
    snprintf(word, sizeof(word), "exit_%d", code);
    if (code == 75 || killed)
        (void)weft_task_abandon(task);
    else if (code)
        (void)weft_task_fail(task, word, message_of(command, code, own, sizeof(own)));
    else if (weft_task_complete_as(task, (weft_bytes){command->output, command->output_size}, work->content_type) ==
             WEFT_ENOMEM)
        (void)weft_task_abandon(task);
}

static void settle(const struct work *work, weft_task *task, struct command *command)
{
    if (command->start_error)
        (void)weft_task_fail(task, "not_started", strerror(command->start_error));
    else if (command->stopped || command->no_memory)
        (void)weft_task_abandon(task);
    else if (command->cancelled)
        (void)weft_task_acknowledge_cancel(task);
    else if (command->too_large)
        (void)weft_task_fail(task, "result_too_large", "the result is larger than --result-max");
    else if (WIFEXITED(command->status))
        settle_exited(work, task, command);
    else
        (void)weft_task_abandon(task);
}

static void cancelled(weft_task *task, void *context)
{
    (void)task;
    command_cancel(context);
}

static void handle(weft_task *task, void *context)
{
    const struct work *work = context;
    struct variables variables;
    struct command command;
    if (!make_environment(&variables, work, task)) {
        (void)weft_task_abandon(task);
        return;
    }
    const struct command_options options = {.argv = work->argv,
                                            .environment = variables.all,
                                            .stop_fd = work->stop_fd,
                                            .kill_ms = work->kill_ms,
                                            .output_max = work->result_max};
    if (command_init(&command, &options)) {
        (void)weft_task_on_cancel(task, cancelled, &command);
        command_run(&command, weft_task_payload(task));
        settle(work, task, &command); /* and no call of `cancelled` comes after that */
        command_fini(&command);
    } else {
        (void)weft_task_abandon(task);
    }
    free(variables.all);
}

/* --- its life --------------------------------------------------------------------------------------------------------- */

static sigset_t ending;

/* The keeper kills what runs. */
static void *end_at_once(void *argument)
{
    int signal;
    (void)argument;
    while (sigwait(&ending, &signal)) {
    }
    _exit(VERB_SIGNAL + signal);
}

static void await_end(void)
{
    pthread_t thread;
    int signal;
    while (sigwait(&ending, &signal)) {
    }
    if (pthread_create(&thread, NULL, end_at_once, NULL) == 0) pthread_detach(thread);
}

/* Kills what runs, and waits for it. */
static void give_up(struct work *work, weft_worker *worker)
{
    const uint64_t one = 1;
    (void)!write(work->stop_fd, &one, sizeof(one));
    (void)weft_worker_unregister(worker);
}

/* Waits for what runs; then for what was told to end. */
static int drain(struct work *work, weft_worker *worker)
{
    int status = weft_worker_drain(worker, work->drain_ms) == WEFT_ETIMEDOUT ? VERB_NO : VERB_YES;
    give_up(work, worker);
    if (status && command_heard()) verb_error("what ran after --drain-ms was given up");
    return status;
}

/* It has no worker any more: it ends as if told to. */
static void note(const weft_node_event *event, void *context)
{
    struct work *work = context;
    if (event->kind != WEFT_NODE_WORKER_REFUSED) return;
    atomic_store(&work->refused, (unsigned)event->count);
    (void)kill(getpid(), SIGTERM);
}

static int run(struct work *work, weft_node *node)
{
    weft_group_options group = WEFT_GROUP_OPTIONS;
    weft_worker *worker;
    group.name = "work";
    group.threads = group.threads_max = work->options.max_concurrent;
    group.batch_max = 1;
    weft_error error = weft_group_open(node, &group, &work->options.group);
    if (!error) error = weft_worker_register(node, work->channel, handle, work, &work->options, &worker);
    if (error) return verb_failed(error);
    printf("ready %s\n", work->channel);
    int status = verb_end(VERB_YES);
    if (status) {
        give_up(work, worker); /* nobody knows of it who was to wait for that line */
        return status;
    }
    await_end();
    unsigned refused = atomic_load(&work->refused);
    if (refused && command_heard())
        verb_error("%s: the node that came back has refused the worker: %s", work->channel,
                   weft_error_text((weft_error)refused));
    status = drain(work, worker);
    return refused ? VERB_ERROR : status;
}

static int start(struct work *work, struct place *place)
{
    weft_node *node;
    sigemptyset(&ending);
    sigaddset(&ending, SIGTERM);
    sigaddset(&ending, SIGINT);
    sigaddset(&ending, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &ending, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGCHLD, SIG_DFL); /* it may have been inherited as ignored */
    work->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (work->stop_fd < 0 || !keeper_start()) return verb_error("cannot start: %s", strerror(errno));
    const weft_hooks hooks = {.event = note, .context = work};
    place->hooks = &hooks;
    int status = place_dial(place, &node);
    if (status) return status;
    status = run(work, node);
    while (weft_node_close(node, 1000) == WEFT_EBUSY) {
    }
    return status;
}

/* --- options ---------------------------------------------------------------------------------------------------------- */

enum { EXEC = 1, CONCURRENT, TYPE, NAME, CONTENT_TYPE, RESULT_MAX, KILL, DRAIN };

static const struct option known[] = {PLACE_OPTIONS,
                                      {"exec", required_argument, NULL, EXEC},
                                      {"concurrent", required_argument, NULL, CONCURRENT},
                                      {"type", required_argument, NULL, TYPE},
                                      {"name", required_argument, NULL, NAME},
                                      {"content-type", required_argument, NULL, CONTENT_TYPE},
                                      {"result-max", required_argument, NULL, RESULT_MAX},
                                      {"kill-ms", required_argument, NULL, KILL},
                                      {"drain-ms", required_argument, NULL, DRAIN},
                                      {0}};

static bool add_type(struct work *work, const char *type)
{
    weft_worker_options *o = &work->options;
    if (o->activity_types_count == WEFT_ACTIVITY_TYPES_MAX)
        return verb_usage("more than %d activity types", WEFT_ACTIVITY_TYPES_MAX), false;
    work->types[o->activity_types_count++] = type;
    return true;
}

static bool take_content_type(struct work *work, const char *type)
{
    size_t length = strlen(type);
    bool good = length > 0 && length <= WEFT_CONTENT_TYPE_MAX;
    for (size_t i = 0; i < length; i++)
        good = good && type[i] >= ' ' && type[i] <= '~';
    work->content_type = type;
    return good ||
           (verb_usage("--content-type: it is not 1 to %d characters of printable ASCII", WEFT_CONTENT_TYPE_MAX),
            false);
}

static bool take(struct work *work, struct place *place, int option)
{
    switch (option) {
    case EXEC: work->shell[2] = optarg; return true;
    case CONCURRENT: return option_number("--concurrent", optarg, 1, KEEPER_GROUPS_MAX, &work->options.max_concurrent);
    case TYPE: return add_type(work, optarg);
    case NAME: work->options.name = optarg; return true;
    case CONTENT_TYPE: return take_content_type(work, optarg);
    case RESULT_MAX: return option_number("--result-max", optarg, 0, UINT32_MAX - 1, &work->result_max);
    case KILL: return option_number("--kill-ms", optarg, 0, 3600000, &work->kill_ms);
    case DRAIN: return option_number("--drain-ms", optarg, 0, WEFT_FOREVER - 1, &work->drain_ms);
    default: return place_option(place, option, optarg);
    }
}

int cmd_work(int argc, char **argv)
{
    struct place place = PLACE_VALUES;
    struct work work = {.shell = {"/bin/sh", "-c", NULL, NULL},
                        .options = WEFT_WORKER_OPTIONS,
                        .kill_ms = 1000,
                        .drain_ms = 10000,
                        .result_max = DOCUMENT_BYTES_MAX};
    work.options.activity_types = work.types;
    for (int option; (option = option_next(argc, argv, known)) != -1;)
        if (!take(&work, &place, option)) return VERB_ERROR;
    if (optind == argc) return verb_usage("which CHANNEL?");
    work.channel = argv[optind++];
    work.argv = optind < argc ? argv + optind : work.shell;
    if (!work.shell[2] == (optind == argc)) return verb_usage("one command is wanted: --exec COMMAND, or -- PROGRAM");
    int error = command_look(work.argv[0]);
    if (error) return verb_error("%s: cannot be run: %s", work.argv[0], strerror(error));
    return start(&work, &place);
}
