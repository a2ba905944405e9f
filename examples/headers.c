/* headers: every header file under a directory (default /usr/include) is a task: the BLAKE2b-256 of its content. Tasks and
 * results are JSON, and the channel has a schema for each: what does not match reaches no worker and no caller.
 *
 * Several kinds of worker share the work, and some die holding a task, on purpose; it is their first, which each of them
 * gets however slow it is and however fast the others are:
 *   - callback workers, on threads of the node;
 *   - pull workers, each bound to a thread that fetches its own tasks; two of those threads return with it in hand;
 *   - callback workers in front of helper processes; one helper stops in the middle of it and is killed.
 *
 * At the end every task is accounted for, exactly once. Every figure comes from the run:
 *
 *   6103 header files, 6103 completed, 0 unaccounted for, 0 accounted for twice, in 0.8 s
 *   3 tasks were dispatched again after a death; each of 250 digests checked again is right
 *   ...
 *   one task more, {"path":7,"algorithm":"blake2b-256"}: rejected, schema_mismatch: /path: expected a string, got the number 7
 *
 * and then what weft itself lists of the node, and its answer to why a job waits; which is put to the test.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>
#include <weft/weft.h>

extern char **environ; /* NOLINT(readability-redundant-declaration): unistd.h has it with _GNU_SOURCE only */

#define CHANNEL "dispatch.demo.blake2b"

static const char task_schema[] =
    "{\"type\": \"object\", \"required\": [\"path\", \"algorithm\"],"
    " \"additionalProperties\": false, \"properties\": {"
    " \"path\": {\"type\": \"string\", \"pattern\": \"^/.*\\\\.h$\", \"maxLength\": 4095},"
    " \"algorithm\": {\"enum\": [\"blake2b-256\"]}}}";
static const char result_schema[] = "{\"type\": \"string\", \"pattern\": \"^[0-9a-f]{64}$\"}";
static const char task_format[] = "{\"path\":\"%s\",\"algorithm\":\"blake2b-256\"}";

enum {
    DIGEST = crypto_generichash_BYTES,
    DIGEST_TEXT = 2 * DIGEST + 2,
    PATH_BYTES = 4096,
    TASK_BYTES = PATH_BYTES + 64,
    CALLBACKS = 2,
    THREADS = 3,
    HELPERS = 2,
    LEAVING = 2, /* of the threads */
    DYING = LEAVING + 1,
    TALLY_MAX = 16
};

static void die(const char *what)
{
    fprintf(stderr, "headers: %s: %s\n", what, weft_error_message()[0] ? weft_error_message() : strerror(errno));
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* --- the work --------------------------------------------------------------------------------------------------------- */

static bool hash_file(const char *path, unsigned char digest[DIGEST])
{
    crypto_generichash_state state;
    unsigned char block[65536];
    ssize_t n;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    crypto_generichash_init(&state, NULL, 0, DIGEST);
    while ((n = read(fd, block, sizeof(block))) > 0)
        crypto_generichash_update(&state, block, (unsigned long long)n);
    crypto_generichash_final(&state, digest, DIGEST);
    close(fd);
    return n == 0;
}

/* The digest as a JSON string. */
static void digest_text(const unsigned char digest[DIGEST], char text[DIGEST_TEXT + 1])
{
    sodium_bin2hex(text + 1, DIGEST_TEXT, digest, DIGEST);
    text[0] = text[DIGEST_TEXT - 1] = '"';
    text[DIGEST_TEXT] = '\0';
}

/* It has matched the schema, so the path is there; and no path of ours needs an escape. */
static void task_path(weft_task *task, char path[PATH_BYTES])
{
    weft_bytes payload = weft_task_payload(task);
    const char *from = (const char *)payload.data + strlen("{\"path\":\"");
    size_t length = strcspn(from, "\"");
    memset(path, 0, PATH_BYTES);
    memcpy(path, from, length < PATH_BYTES ? length : PATH_BYTES - 1);
}

static void complete(weft_task *task, const unsigned char digest[DIGEST])
{
    char text[DIGEST_TEXT + 1];
    digest_text(digest, text);
    weft_task_complete(task, (weft_bytes){text, DIGEST_TEXT});
}

static void do_task(weft_task *task)
{
    char path[PATH_BYTES];
    unsigned char digest[DIGEST];
    task_path(task, path);
    if (hash_file(path, digest))
        complete(task, digest);
    else
        weft_task_fail(task, "unreadable", strerror(errno));
}

static void callback(weft_task *task, void *context)
{
    (void)context;
    do_task(task);
}

/* --- workers that are threads ----------------------------------------------------------------------------------------- */

struct thread_worker {
    weft_node *node;
    int number;
    bool leaves;      /* with its first task; false = works to the end */
    uint64_t left_ns; /* when it left */
    pthread_t thread;
    pthread_barrier_t *registered;
};

static void *thread_main(void *argument)
{
    struct thread_worker *self = argument;
    weft_worker_options options = WEFT_WORKER_OPTIONS;
    weft_participant *owner;
    weft_worker *worker;
    weft_task *task;
    char name[32];
    snprintf(name, sizeof(name), "thread-%d", self->number);
    if (weft_participant_thread(self->node, name, &owner)) die("watch a thread");
    options.name = name;
    options.participant = owner;
    if (weft_worker_register(self->node, CHANNEL, NULL, NULL, &options, &worker)) die("register a thread's worker");
    weft_participant_release(owner); /* the worker hangs on it now */
    pthread_barrier_wait(self->registered);
    while (weft_worker_next(worker, WEFT_FOREVER, &task) == WEFT_OK) {
        if (self->leaves) {
            self->left_ns = now_ns(); /* with a task in hand, which nobody will ever settle */
            return NULL;
        }
        do_task(task);
    }
    weft_worker_unregister(worker);
    return NULL;
}

/* --- workers that are processes --------------------------------------------------------------------------------------- */

/* What the helper process runs: a path in, a digest out. It stops itself in its first task if it is told to. */
static int helper_main(bool stops)
{
    char path[PATH_BYTES];
    while (read(0, path, sizeof(path)) == (ssize_t)sizeof(path)) {
        unsigned char digest[DIGEST] = {0};
        if (stops) raise(SIGSTOP);
        if (!hash_file(path, digest)) memset(digest, 0, sizeof(digest));
        if (write(1, digest, sizeof(digest)) != (ssize_t)sizeof(digest)) return 1;
    }
    return 0;
}

struct helper {
    pid_t pid;
    int socket;
    int far; /* the helper's end, which stays open here: its death is not told by an end of file, but by its link */
    uint64_t killed_ns;
    weft_participant *participant;
    weft_worker *worker;
};

/* Nobody waits for the task any more, since the process has died, say: the handler need not wait for it either. */
static void stop_waiting(weft_task *task, void *context)
{
    (void)task;
    shutdown(((struct helper *)context)->socket, SHUT_RDWR);
}

/* Hands the task to the process; if that is gone, so is the attempt. */
static void ask_helper(weft_task *task, void *context)
{
    struct helper *helper = context;
    char path[PATH_BYTES];
    unsigned char digest[DIGEST];
    task_path(task, path);
    weft_task_on_cancel(task, stop_waiting, helper);
    if (send(helper->socket, path, sizeof(path), MSG_NOSIGNAL) == (ssize_t)sizeof(path) &&
        recv(helper->socket, digest, sizeof(digest), MSG_WAITALL) == (ssize_t)sizeof(digest))
        complete(task, digest);
    else
        weft_task_abandon(task);
}

static void helper_start(struct helper *helper, weft_node *node, int number, bool stops)
{
    int pair[2];
    char name[32];
    char *argv[] = {"headers", "--helper", stops ? "stops" : "works", NULL};
    posix_spawn_file_actions_t actions;
    weft_worker_options options = WEFT_WORKER_OPTIONS;
    snprintf(name, sizeof(name), "helper-%d", number);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) die("socketpair");
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pair[1], 0);
    posix_spawn_file_actions_adddup2(&actions, pair[1], 1);
    if (posix_spawn(&helper->pid, "/proc/self/exe", &actions, NULL, argv, environ)) die("start a helper process");
    posix_spawn_file_actions_destroy(&actions);
    helper->socket = pair[0];
    helper->far = pair[1];
    options.name = name;
    if (weft_participant_process(node, name, helper->pid, 0, &helper->participant)) die("watch a helper process");
    options.participant = helper->participant;
    if (weft_worker_register(node, CHANNEL, ask_helper, helper, &options, &helper->worker)) die("register a helper");
}

/* Waits until the helper has stopped with a task in hand, and kills it. */
static void *helper_killer(void *argument)
{
    struct helper *helper = argument;
    siginfo_t info = {0};
    if (waitid(P_PID, (id_t)helper->pid, &info, WSTOPPED | WEXITED | WNOWAIT) || info.si_code != CLD_STOPPED)
        return NULL;
    helper->killed_ns = now_ns();
    kill(helper->pid, SIGKILL);
    return NULL;
}

static void helper_end(struct helper *helper)
{
    weft_worker_unregister(helper->worker);
    weft_participant_release(helper->participant);
    shutdown(helper->socket, SHUT_RDWR);
    close(helper->socket);
    close(helper->far);
    waitpid(helper->pid, NULL, 0);
}

/* --- the tasks -------------------------------------------------------------------------------------------------------- */

static char **paths;
static size_t paths_count;

static int found(const char *path, const struct stat *status, int type, struct FTW *where)
{
    (void)where;
    size_t length = strlen(path);
    if (type != FTW_F || !S_ISREG(status->st_mode) || length >= PATH_BYTES) return 0;
    if (length < 2 || strcmp(path + length - 2, ".h") != 0 || strpbrk(path, "\"\\\n\r\t")) return 0;
    if (paths_count % 1024 == 0 && !(paths = realloc(paths, (paths_count + 1024) * sizeof(*paths)))) die("paths");
    if (!(paths[paths_count++] = strdup(path))) die("a path");
    return 0;
}

struct tally {
    unsigned *seen;               /* by task: how many outcomes */
    char (*digests)[DIGEST_TEXT]; /* JSON strings */
    unsigned completed, again;
    struct {
        char name[WEFT_NAME_MAX + 1];
        unsigned count;
    } workers[TALLY_MAX];
};

static void count_worker(struct tally *tally, const char *name)
{
    for (int i = 0; i < TALLY_MAX; i++) {
        if (tally->workers[i].count && strcmp(tally->workers[i].name, name) != 0) continue;
        snprintf(tally->workers[i].name, sizeof(tally->workers[i].name), "%s", name);
        tally->workers[i].count++;
        return;
    }
}

static size_t fetch(weft_completions *completions, struct tally *tally)
{
    weft_reply replies[64];
    size_t count = 0;
    if (weft_completions_next(completions, WEFT_FOREVER, replies, 64, &count)) die("fetch outcomes");
    for (size_t i = 0; i < count; i++) {
        weft_reply *reply = &replies[i];
        tally->seen[reply->token]++;
        if (reply->outcome == WEFT_COMPLETED && reply->payload.size == DIGEST_TEXT) {
            tally->completed++;
            tally->again += reply->attempts > 1;
            memcpy(tally->digests[reply->token], reply->payload.data, DIGEST_TEXT);
            count_worker(tally, reply->worker);
        } else {
            printf("  %s: %s (%s)\n", paths[reply->token], weft_outcome_name(reply->outcome),
                   reply->code ? reply->code : "no digest");
        }
        weft_reply_release(reply);
    }
    return count;
}

static void dispatch_all(weft_node *node, struct tally *tally)
{
    weft_completions *completions;
    if (weft_completions_open(node, 4096, &completions)) die("open a queue of outcomes");
    size_t done = 0;
    for (size_t i = 0; i < paths_count;) {
        char task[TASK_BYTES];
        snprintf(task, sizeof(task), task_format, paths[i]);
        weft_error error = weft_dispatch_submit(completions, CHANNEL, weft_text(task), NULL, i, NULL);
        if (error == WEFT_OK)
            i++;
        else if (error == WEFT_EREJECTED || error == WEFT_EAGAIN)
            done += fetch(completions, tally); /* full: wait */
        else
            die("dispatch");
    }
    while (done < paths_count)
        done += fetch(completions, tally);
    weft_completions_close(completions);
}

/* A path that is a number: it is told where and what, and no worker ever sees it. */
static bool refuse_one(weft_node *node)
{
    static const char task[] = "{\"path\":7,\"algorithm\":\"blake2b-256\"}";
    weft_reply reply;
    if (weft_dispatch(node, CHANNEL, weft_text(task), NULL, &reply)) die("dispatch a bad task");
    bool refused = reply.outcome == WEFT_REJECTED;
    printf("one task more, %s: %s, %s: %s\n", task, weft_outcome_name(reply.outcome), reply.code ? reply.code : "-",
           reply.message ? reply.message : "-");
    weft_reply_release(&reply);
    return refused;
}

/* --- the account ------------------------------------------------------------------------------------------------------ */

static unsigned check_digests(const struct tally *tally, unsigned *checked)
{
    unsigned wrong = 0;
    size_t step = paths_count / 250 + 1;
    for (size_t i = 0; i < paths_count; i += step, ++*checked) {
        unsigned char digest[DIGEST];
        char text[DIGEST_TEXT + 1];
        bool hashed = hash_file(paths[i], digest);
        digest_text(digest, text);
        wrong += !hashed || memcmp(text, tally->digests[i], DIGEST_TEXT) != 0;
    }
    return wrong;
}

/* When that participant was made to die, by our own clock. */
static uint64_t died_ns(const char *name, const struct thread_worker *threads, const struct helper *helpers)
{
    char by[WEFT_NAME_MAX + 1];
    for (int i = 0; i < THREADS; i++) {
        snprintf(by, sizeof(by), "thread-%d", threads[i].number);
        if (strcmp(by, name) == 0) return threads[i].left_ns;
    }
    for (int i = 0; i < HELPERS; i++) {
        snprintf(by, sizeof(by), "helper-%d", i + 1);
        if (strcmp(by, name) == 0) return helpers[i].killed_ns;
    }
    return 0;
}

static void show_deaths(weft_node *node, const struct thread_worker *threads, const struct helper *helpers)
{
    weft_death deaths[WEFT_DEATHS_KEPT];
    size_t count = 0;
    char cause[64];
    weft_channel_deaths(node, CHANNEL, deaths, WEFT_DEATHS_KEPT, &count);
    printf("deaths, newest first:\n");
    for (size_t i = 0; i < count; i++) {
        const weft_death *death = &deaths[i];
        uint64_t since_ns = died_ns(death->participant, threads, helpers);
        printf("  %-10s %-18s holding %u, seen %.3f ms after %s\n", death->participant,
               weft_cause_text(death->cause, cause, sizeof(cause)), death->attempts_held,
               (double)(death->seen_ns - since_ns) / 1e6,
               death->cause.kind == WEFT_CAUSE_THREAD_EXITED ? "it returned" : "kill()");
    }
}

static bool show(weft_node *node, const struct tally *tally, double seconds, const struct thread_worker *threads,
                 const struct helper *helpers)
{
    unsigned missing = 0, twice = 0, checked = 0;
    for (size_t i = 0; i < paths_count; i++) {
        missing += tally->seen[i] == 0;
        twice += tally->seen[i] > 1;
    }
    unsigned wrong = check_digests(tally, &checked);
    printf("%zu header files, %u completed, %u unaccounted for, %u accounted for twice, in %.2f s\n", paths_count,
           tally->completed, missing, twice, seconds);
    printf("%u tasks were dispatched again after a death; of %u digests checked again %u are wrong\n", tally->again,
           checked, wrong);
    for (int i = 0; i < TALLY_MAX && tally->workers[i].count; i++)
        printf("  %-16s %u\n", tally->workers[i].name, tally->workers[i].count);
    show_deaths(node, threads, helpers);
    return missing == 0 && twice == 0 && wrong == 0;
}

/* --- looking inside --------------------------------------------------------------------------------------------------- */

/* The upper bound of the bucket in which that share of the times lies, in microseconds. */
static double within_us(const uint64_t *buckets, double share)
{
    uint64_t all = 0, sum = 0;
    for (int i = 0; i < WEFT_LATENCY_BUCKETS; i++)
        all += buckets[i];
    for (int i = 0; i < WEFT_LATENCY_BUCKETS; i++) {
        sum += buckets[i];
        if (all && (double)sum >= share * (double)all) return (double)(UINT64_C(2) << i) / 1e3;
    }
    return 0;
}

static void list_channel(const weft_channel_listing *channel)
{
    const weft_channel_info *info = &channel->info;
    printf("%s  %s, %s: %u workers, %u queued, %u in flight, %u orphaned\n", info->name,
           weft_channel_state_name(info->state), weft_policy_name(info->policy), info->workers, info->queued,
           info->in_flight, info->orphaned);
    printf(
        "  dispatched %llu, completed %llu, failed %llu, redispatched %llu, late results refused %llu, rejected %llu, "
        "deaths %llu\n",
        (unsigned long long)info->dispatched, (unsigned long long)info->completed, (unsigned long long)info->failed,
        (unsigned long long)info->redispatched, (unsigned long long)info->fenced, (unsigned long long)info->rejected,
        (unsigned long long)info->deaths);
    printf("  queue time under %.0f us for half, %.0f us for 99 of 100; run time under %.0f us, %.0f us\n",
           within_us(channel->latency.queue, 0.5), within_us(channel->latency.queue, 0.99),
           within_us(channel->latency.run, 0.5), within_us(channel->latency.run, 0.99));
    printf("  %-12s %-9s %-10s %-14s %9s %10s %8s\n", "worker", "state", "link", "participant", "in flight",
           "completed", "errored");
    for (size_t i = 0; i < channel->workers_count; i++) {
        const weft_worker_info *worker = &channel->workers[i].info;
        printf("  %-12s %-9s %-10s %-14s %4u of %-3u %9llu %8llu\n", worker->name,
               weft_worker_state_name(worker->state), weft_link_kind_name(worker->link), worker->participant,
               worker->in_flight, worker->max_concurrent, (unsigned long long)worker->completed,
               (unsigned long long)worker->errored);
    }
}

static void list(weft_node *node)
{
    weft_listing *listing;
    if (weft_node_inspect(node, NULL, &listing)) die("list the node");
    printf("\nthe listing:\n");
    for (size_t i = 0; i < listing->channels_count; i++)
        list_channel(&listing->channels[i]);
    weft_listing_release(listing);
}

static weft_worker *pull_worker(weft_node *node, const char *channel, const char *name, const char *type)
{
    weft_worker *worker;
    weft_worker_options options = WEFT_WORKER_OPTIONS;
    options.name = name;
    options.activity_types = &type;
    options.activity_types_count = 1;
    if (weft_worker_register(node, channel, NULL, NULL, &options, &worker)) die("register a worker");
    return worker;
}

/* Two jobs, and one worker who could do them, one at a time. Asks why the second waits, does what the answer says, and
 * expects the job to go. */
static bool ask_why(weft_node *node)
{
    static const char channel[] = "dispatch.demo.render";
    weft_ticket tickets[2];
    weft_task *task;
    weft_why why;
    weft_reply reply;
    weft_dispatch_options options = WEFT_DISPATCH_OPTIONS;
    options.activity_type = "render";
    options.detached = true;
    if (weft_channel_declare(node, channel, NULL)) die("declare a channel");
    weft_worker *gpu = pull_worker(node, channel, "gpu-1", "render");
    weft_worker *cpu = pull_worker(node, channel, "cpu-1", "preview");
    for (int i = 0; i < 2; i++)
        if (weft_dispatch_async(node, channel, WEFT_TEXT("scene"), &options, NULL, NULL, 0, &tickets[i]))
            die("dispatch");
    if (weft_worker_next(gpu, 1000, &task)) die("fetch the first job");

    if (weft_why_get(node, tickets[1].id, &why)) die("ask why");
    printf("\nwhy does the second job on %s wait? %s\n", channel, why.sentence);
    for (size_t i = 0; i < why.refusals_count; i++)
        printf("  %-12s %-14s %s\n", why.refusals[i].worker.name, weft_rule_name(why.refusals[i].rule),
               why.refusals[i].sentence);
    weft_why_release(&why);

    if (weft_task_complete(task, WEFT_TEXT("image")) || weft_worker_next(gpu, 1000, &task) ||
        weft_task_complete(task, WEFT_TEXT("image")) || weft_dispatch_fetch(node, tickets[1].id, 1000, &reply))
        die("do what it says");
    bool gone = reply.outcome == WEFT_COMPLETED;
    printf("the first job was finished, and the second %s\n", gone ? "went: completed" : "did not go");
    weft_reply_release(&reply);
    weft_worker_unregister(gpu);
    weft_worker_unregister(cpu);
    return gone;
}

static void know(weft_node *node, const char *name, const char *text)
{
    weft_schema *schema;
    if (weft_schema_compile(weft_text(text), NULL, &schema) || weft_schema_register(node, name, schema)) die(name);
    weft_schema_release(schema);
}

int main(int argc, char **argv)
{
    if (sodium_init() < 0) die("libsodium");
    if (argc == 3 && strcmp(argv[1], "--helper") == 0) return helper_main(strcmp(argv[2], "stops") == 0);
    const char *root = argc > 1 ? argv[1] : "/usr/include";
    if (nftw(root, found, 32, FTW_PHYS)) die(root);
    if (paths_count < 100) {
        fprintf(stderr, "headers: %zu header files under %s; the demonstration wants at least 100\n", paths_count,
                root);
        return 1;
    }
    printf("%zu header files under %s: each is a task\n", paths_count, root);

    weft_node *node;
    weft_channel_options options = WEFT_CHANNEL_OPTIONS;
    options.on_crash = WEFT_CRASH_REDISPATCH;
    options.attempts_max = DYING + 1; /* the same task may be the first of each who dies */
    options.schema = "digest-task";
    options.result_schema = "digest";
    if (weft_node_open(NULL, &node)) die("open a node");
    know(node, options.schema, task_schema);
    know(node, options.result_schema, result_schema);
    if (weft_channel_declare(node, CHANNEL, &options)) die("declare the channel");

    weft_worker *callbacks[CALLBACKS];
    struct thread_worker threads[THREADS];
    struct helper helpers[HELPERS] = {0};
    pthread_t killer;
    pthread_barrier_t registered;
    for (int i = 0; i < HELPERS;
         i++) /* before the callback workers, whose threads they share: theirs is the first turn */
        helper_start(&helpers[i], node, i + 1, i == 0);
    for (int i = 0; i < CALLBACKS; i++) {
        weft_worker_options named = WEFT_WORKER_OPTIONS;
        char name[32];
        snprintf(name, sizeof(name), "callback-%d", i + 1);
        named.name = name;
        if (weft_worker_register(node, CHANNEL, callback, NULL, &named, &callbacks[i])) die("register a worker");
    }
    pthread_barrier_init(&registered, NULL, THREADS + 1);
    for (int i = 0; i < THREADS; i++) {
        threads[i] =
            (struct thread_worker){.node = node, .number = i + 1, .leaves = i < LEAVING, .registered = &registered};
        if (pthread_create(&threads[i].thread, NULL, thread_main, &threads[i])) die("start a thread");
    }
    if (pthread_create(&killer, NULL, helper_killer, &helpers[0])) die("start a thread");
    pthread_barrier_wait(&registered);
    pthread_barrier_destroy(&registered);

    struct tally tally = {.seen = calloc(paths_count, sizeof(unsigned)), .digests = calloc(paths_count, DIGEST_TEXT)};
    if (!tally.seen || !tally.digests) die("the account");
    uint64_t start_ns = now_ns();
    dispatch_all(node, &tally);
    double seconds = (double)(now_ns() - start_ns) / 1e9;
    pthread_join(killer, NULL);
    bool right = show(node, &tally, seconds, threads, helpers);
    right = refuse_one(node) && right;
    list(node);
    right = ask_why(node) && right;

    weft_channel_drain(node, CHANNEL, 1000);
    weft_channel_delete(node, CHANNEL); /* the pull workers' threads end */
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i].thread, NULL);
    for (int i = 0; i < HELPERS; i++)
        helper_end(&helpers[i]);
    for (int i = 0; i < CALLBACKS; i++)
        weft_worker_unregister(callbacks[i]);
    if (weft_node_close(node, 1000)) die("close the node");
    for (size_t i = 0; i < paths_count; i++)
        free(paths[i]);
    free(paths);
    free(tally.seen);
    free(tally.digests);
    return right ? 0 : 1;
}
