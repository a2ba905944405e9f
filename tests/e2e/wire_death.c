/* Processes that die with work in their hands, over each transport. A victim in a process of its own has a task at one of these
 * stages, and comes to its end in one of these ways; every dispatch has one outcome, with the attempts that were made:
 *   - assigned, and not sent      SIGKILL, SIGSTOP                    goes to another, no attempt is spent
 *   - sent, and not got           SIGKILL, SIGSTOP                    worker_died, or another attempt
 *   - in its handler              SIGKILL, SIGSTOP, exit, a grandchild that keeps the socket
 *   - settled, the handler runs   the same                            completed; the slot is free again
 *   - its result is on the way    SIGKILL, exit, orderly exit         completed once it was got; never run again
 * And the same of callers: what they wait for is cancelled, unless it is detached. */
#include "e2e/wire_relay.h"

#include <sys/syscall.h>

enum { RESUME_MS = 400 };

enum end { KILL, STOP, EXIT, GRANDCHILD };

/* --- the victim ----------------------------------------------------------------------------------- */

static struct event go;

static void hold(weft_task *task, void *context)
{
    const char *settle_first = context;
    weft_bytes text = weft_task_payload(task);
    int size = text.size < 64 ? (int)text.size : 64;
    say("took %.*s %u", size, (const char *)text.data, weft_task_attempt(task));
    if (settle_first) (void)weft_task_complete(task, WEFT_TEXT("early"));
    if (settle_first) say("settled");
    event_await(&go, 1);
    if (!settle_first) (void)weft_task_complete(task, WEFT_TEXT("late"));
}

/* Keeps what this process has open until its parent has no more to say to it. */
static void leave_grandchild(void)
{
    char line[16];
    pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
    if (pid == 0) {
        while (hear(line, sizeof line))
            ;
        _exit(0);
    }
    say("grandchild %d", (int)pid);
}

/* victim URL NAME MAX [settle] */
static int play_victim(char **arguments)
{
    char line[64];
    weft_node *node = dial_named(arguments[0], arguments[1]);
    weft_worker_options options = WEFT_WORKER_OPTIONS;
    weft_worker *worker;
    options.name = arguments[1];
    options.max_concurrent = (uint32_t)strtoul(arguments[2], NULL, 10);
    thread_check_ok(weft_worker_register(node, CHANNEL, hold, arguments[3], &options, &worker));
    say("ready");
    while (hear(line, sizeof line)) {
        if (strcmp(line, "exit") == 0) _exit(3);
        if (strcmp(line, "fork") == 0) leave_grandchild();
        if (strcmp(line, "go") == 0) event_give(&go);
    }
    event_give(&go);
    return 0;
}

/* Brings it to its end. */
static void end_child(struct child *child, enum end end)
{
    switch (end) {
    case STOP: check_eq(kill(child->pid, SIGSTOP), 0); break;
    case EXIT: tell(child, "exit"); break;
    case GRANDCHILD:
        tell(child, "fork");
        check_true(strncmp(next_line(child), "grandchild ", 11) == 0);
        check_eq(kill(child->pid, SIGKILL), 0);
        break;
    default: check_eq(kill(child->pid, SIGKILL), 0); break;
    }
}

/* What is left of it; one that was stopped goes on first. */
static void bury(struct child *child, enum end end)
{
    if (end == STOP) check_eq(kill(child->pid, SIGCONT), 0);
    if (end == STOP) check_eq(kill(child->pid, SIGKILL), 0);
    check_eq(reap(child), end == EXIT ? 3 : -SIGKILL);
}

/* --- the scene ------------------------------------------------------------------------------------ */

struct scene {
    struct site site;
    weft_node *caller;
    weft_completions *completions;
    weft_worker *standby;
    atomic_uint served; /* by the one that stands by */
};

static void serve(weft_task *task, void *context)
{
    struct scene *scene = context;
    atomic_fetch_add(&scene->served, 1);
    thread_check_ok(weft_task_complete(task, WEFT_TEXT("standby")));
}

/* Only a process that is stopped has to be noticed by its beats: a machine that is slow must not be taken for one. */
static void open_scene(struct scene *scene, const struct way *way, enum end end)
{
    const weft_listen_options options = quick(RESUME_MS);
    memset(scene, 0, sizeof *scene);
    open_site(&scene->site, way, end == STOP ? &options : NULL);
    scene->caller = dial_named(scene->site.url, "caller");
    check_ok(weft_completions_open(scene->caller, 256, &scene->completions));
}

/* All slots are free in the end, whatever happened. */
static void close_scene(struct scene *scene)
{
    await_true(stats_of(scene->site.node).attempts_running == 0);
    check_eq(stats_of(scene->site.node).dispatches_open, 0);
    check_ok(weft_completions_close(scene->completions));
    close_all_of(scene->caller);
    if (scene->standby) check_ok(weft_worker_unregister(scene->standby));
    close_all_of(scene->site.node);
}

static void stand_by(struct scene *scene)
{
    scene->standby = register_named(scene->site.node, "standby", 8, serve, scene);
}

static void submit_crash(struct scene *scene, const char *text, weft_crash on_crash)
{
    weft_dispatch_options options = WEFT_DISPATCH_OPTIONS;
    options.on_crash = on_crash;
    check_ok(weft_dispatch_submit(scene->completions, CHANNEL, weft_text(text), &options, 0, NULL));
}

static void spawn_victim(struct scene *scene, struct child *child, const char *max, const char *settle)
{
    spawn_role(child, "victim", scene->site.url, "victim", max, settle, NULL);
    await_line(child, "ready");
}

static void check_died(weft_reply *reply)
{
    check_eq(reply->attempts, 1);
    check_reply_code(reply, WEFT_WORKER_DIED, "worker_died");
}

static void check_served_again(weft_reply *reply, uint32_t attempts)
{
    check_eq(reply->attempts, attempts);
    check_str(reply->worker, "standby");
    check_reply_text(reply, "standby");
}

static void check_nothing_more(struct scene *scene)
{
    weft_reply reply;
    size_t count;
    check_err(weft_completions_next(scene->completions, 0, &reply, 1, &count), WEFT_EAGAIN);
}

static const char *cause_of_death(weft_node *node, char *text, size_t size)
{
    weft_death death;
    size_t count;
    check_ok(weft_channel_deaths(node, CHANNEL, &death, 1, &count));
    check_eq(count, 1);
    return weft_cause_text(death.cause, text, size);
}

/* --- in the handler ------------------------------------------------------------------------------- */

static void dies_in_its_handler(const struct way *way, enum end end)
{
    struct scene scene;
    struct child victim;
    open_scene(&scene, way, end);
    spawn_victim(&scene, &victim, "2", NULL);
    submit_crash(&scene, "once", WEFT_CRASH_FAIL);
    await_line(&victim, "took once 1");
    submit_crash(&scene, "again", WEFT_CRASH_REDISPATCH);
    await_line(&victim, "took again 1");
    stand_by(&scene);
    end_child(&victim, end);
    for (int i = 0; i < 2; i++) {
        weft_reply reply = next_reply(scene.completions);
        if (reply.outcome == WEFT_COMPLETED)
            check_served_again(&reply, 2);
        else
            check_died(&reply);
    }
    check_nothing_more(&scene);
    check_eq(atomic_load(&scene.served), 1);
    char text[64];
    check_eq(stats_of(scene.site.node).deaths, 1);
    const char *cause = cause_of_death(scene.site.node, text, sizeof text);
    check_true(end == STOP ? strstr(cause, "lost") != NULL : strstr(cause, "connection") == NULL);
    bury(&victim, end);
    close_scene(&scene);
}

static void killed_in_its_handler(void **state)
{
    dies_in_its_handler(*state, KILL);
}
static void stopped_in_its_handler(void **state)
{
    dies_in_its_handler(*state, STOP);
}
static void exits_in_its_handler(void **state)
{
    dies_in_its_handler(*state, EXIT);
}
static void killed_while_a_grandchild_keeps_its_socket(void **state)
{
    dies_in_its_handler(*state, GRANDCHILD);
}

/* One that was given up, and comes back: its result is nobody's, and it serves again under its name. */
static void stopped_and_continued_serves_again(void **state)
{
    struct scene scene;
    struct child victim;
    open_scene(&scene, *state, STOP);
    spawn_victim(&scene, &victim, "1", NULL);
    submit_crash(&scene, "first", WEFT_CRASH_REDISPATCH);
    await_line(&victim, "took first 1");
    stand_by(&scene);
    end_child(&victim, STOP);
    weft_reply reply = next_reply(scene.completions);
    check_served_again(&reply, 2);
    check_ok(weft_worker_unregister(scene.standby));
    scene.standby = NULL;
    check_eq(kill(victim.pid, SIGCONT), 0);
    tell(&victim, "go");
    submit_crash(&scene, "second", WEFT_CRASH_REDISPATCH);
    await_line(&victim, "took second 1");
    reply = next_reply(scene.completions);
    check_eq(reply.attempts, 1);
    check_reply_text(&reply, "late");
    check_nothing_more(&scene);
    check_eq(stats_of(scene.site.node).completed, 2);
    close(victim.in);
    victim.in = open("/dev/null", O_RDWR);
    check_eq(reap(&victim), 0);
    close_scene(&scene);
}

/* --- sent, assigned ------------------------------------------------------------------------------- */

static void dies_before_it_gets_it(const struct way *way, enum end end)
{
    struct scene scene;
    struct child victim;
    open_scene(&scene, way, end);
    spawn_victim(&scene, &victim, "2", NULL);
    check_eq(kill(victim.pid, SIGSTOP), 0);
    submit_crash(&scene, "once", WEFT_CRASH_FAIL);
    submit_crash(&scene, "again", WEFT_CRASH_REDISPATCH);
    await_true(stats_of(scene.site.node).attempts_running == 2);
    stand_by(&scene);
    if (end == KILL) check_eq(kill(victim.pid, SIGKILL), 0);
    for (int i = 0; i < 2; i++) {
        weft_reply reply = next_reply(scene.completions);
        if (reply.outcome == WEFT_COMPLETED)
            check_served_again(&reply, 2);
        else
            check_died(&reply);
    }
    check_nothing_more(&scene);
    check_eq(atomic_load(&scene.served), 1);
    bury(&victim, end);
    close_scene(&scene);
}

static void killed_before_it_gets_it(void **state)
{
    dies_before_it_gets_it(*state, KILL);
}
static void stopped_before_it_gets_it(void **state)
{
    dies_before_it_gets_it(*state, STOP);
}

/* What fills its connection was sent; what could not be sent any more goes to others, and nobody counts an attempt. */
static void dies_before_it_is_sent(const struct way *way, enum end end)
{
    enum { LARGE = 1 << 20, CALLS = 8 };
    struct scene scene;
    struct child victim;
    unsigned died = 0, served = 0;
    char *payload = malloc(LARGE);
    check_true(payload != NULL);
    memset(payload, 'x', LARGE);
    open_scene(&scene, way, end);
    spawn_victim(&scene, &victim, "8", NULL);
    check_eq(kill(victim.pid, SIGSTOP), 0);
    for (int i = 0; i < CALLS; i++)
        check_ok(weft_dispatch_submit(scene.completions, CHANNEL, (weft_bytes){payload, LARGE}, NULL, 0, NULL));
    bool sent = false; /* the first of two, and no more than fits: its session is backlogged; or it was missed before */
    await_true((sent = stats_of(scene.site.node).attempts_running > 1) || stats_of(scene.site.node).deaths > 0);
    stand_by(&scene);
    if (end == KILL) check_eq(kill(victim.pid, SIGKILL), 0);
    for (int i = 0; i < CALLS; i++) {
        weft_reply reply = next_reply(scene.completions);
        if (reply.outcome == WEFT_COMPLETED) {
            served++;
            check_served_again(&reply, 1);
        } else {
            died++;
            check_died(&reply);
        }
    }
    check_true(served > 0 && (died > 0 || !sent));
    check_eq(atomic_load(&scene.served), served);
    check_nothing_more(&scene);
    bury(&victim, end);
    free(payload);
    close_scene(&scene);
}

static void killed_before_it_is_sent(void **state)
{
    dies_before_it_is_sent(*state, KILL);
}
static void stopped_before_it_is_sent(void **state)
{
    dies_before_it_is_sent(*state, STOP);
}

/* --- settled -------------------------------------------------------------------------------------- */

static void dies_after_it_settled(const struct way *way, enum end end)
{
    struct scene scene;
    struct child victim;
    open_scene(&scene, way, end);
    spawn_victim(&scene, &victim, "1", "settle");
    submit_crash(&scene, "once", WEFT_CRASH_REDISPATCH);
    await_line(&victim, "took once 1");
    weft_reply reply = next_reply(scene.completions);
    check_eq(reply.attempts, 1);
    check_reply_text(&reply, "early");
    check_eq(info_of(scene.site.node, CHANNEL).in_flight, 1);
    await_line(&victim, "settled");
    stand_by(&scene);
    end_child(&victim, end);
    await_true(info_of(scene.site.node, CHANNEL).in_flight == 0);
    check_nothing_more(&scene);
    check_eq(atomic_load(&scene.served), 0);
    check_eq(stats_of(scene.site.node).worker_died, 0);
    check_eq(stats_of(scene.site.node).redispatched, 0);
    bury(&victim, end);
    close_scene(&scene);
}

static void killed_after_it_settled(void **state)
{
    dies_after_it_settled(*state, KILL);
}
static void stopped_after_it_settled(void **state)
{
    dies_after_it_settled(*state, STOP);
}
static void exits_after_it_settled(void **state)
{
    dies_after_it_settled(*state, EXIT);
}
static void killed_after_it_settled_with_a_grandchild(void **state)
{
    dies_after_it_settled(*state, GRANDCHILD);
}

/* --- answers, and exits --------------------------------------------------------------------------- */

/* answerer URL WAY: forks one process after the other, none of which has used weft before; each takes the one task that is of its type,
 * answers, and ends: exit: at once; kill: by SIGKILL; close: in order; grandchild: at once, and somebody keeps its socket. */
static void answer(const char *url, const char *how, const char *number)
{
    weft_task *task;
    weft_worker *worker;
    weft_worker_options options = WEFT_WORKER_OPTIONS;
    weft_node *node = dial_named(url, NULL);
    options.activity_types = &number;
    options.activity_types_count = 1;
    thread_check_ok(weft_worker_register(node, CHANNEL, NULL, NULL, &options, &worker));
    weft_error error = weft_worker_next(worker, 60000, &task);
    if (error) _exit(9);
    weft_bytes text = weft_task_payload(task);
    say("ran %.*s", (int)text.size, (const char *)text.data);
    if (strcmp(how, "grandchild") == 0 && syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL) == 0) {
        (void)poll(NULL, 0, 300);
        _exit(0);
    }
    thread_check_ok(weft_task_complete(task, WEFT_TEXT("answer")));
    if (strcmp(how, "kill") == 0) (void)kill(getpid(), SIGKILL);
    if (strcmp(how, "close") == 0) {
        thread_check_ok(weft_worker_unregister(worker));
        thread_check_ok(weft_node_close(node, 20000));
    }
    _exit(0);
}

static void reap_answerer(const char *how)
{
    int status;
    thread_check_true(wait(&status) > 0);
    bool well = strcmp(how, "kill") ? status == 0 : WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    if (!well) say("ended badly: %x", (unsigned)status);
}

static int play_answerer(char **arguments)
{
    char line[16];
    unsigned running = 0;
    while (hear(line, sizeof line)) {
        if (running == 3) {
            reap_answerer(arguments[1]);
            running--;
        }
        pid_t pid = fork();
        thread_check_true(pid >= 0);
        if (pid == 0) {
            (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
            answer(arguments[0], arguments[1], line);
        }
        running++;
    }
    for (; running; running--)
        reap_answerer(arguments[1]);
    return 0;
}

/* What the answerer says of one that has run. False: it says nothing more. */
static bool hear_run(struct child *answerer, unsigned char *ran, unsigned count)
{
    unsigned number;
    const char *line = next_line(answerer);
    if (!line) return false;
    if (strncmp(line, "ran ", 4)) check_str(line, "ran ...");
    check_eq(sscanf(line, "ran %u", &number), 1);
    check_true(number < count);
    check_eq(ran[number], 0); /* it would have run again */
    ran[number] = 1;
    return true;
}

/* Nothing runs again, whatever happens. Of those that do not close, the answer may still be on its way out of the process when that
 * goes: then it is told that the worker died, and never both. */
static void answers_and_ends(const struct way *way, const char *how)
{
    const unsigned count = rounds("WIRE_ANSWERS", 100);
    unsigned lost = 0;
    struct scene scene;
    struct child answerer;
    unsigned char *ran = calloc(count, 1), *ended = calloc(count, 1);
    check_true(ran && ended);
    open_scene(&scene, way, EXIT);
    spawn_role(&answerer, "answerer", scene.site.url, how, NULL);
    unsigned sent = 0, replies = 0;
    for (; replies < count; replies++) {
        for (; sent < count && sent < replies + 6; sent++) {
            weft_dispatch_options options = WEFT_DISPATCH_OPTIONS;
            char text[16];
            (void)snprintf(text, sizeof text, "%u", sent);
            options.activity_type = text;
            check_ok(weft_dispatch_submit(scene.completions, CHANNEL, weft_text(text), &options, sent, NULL));
            tell(&answerer, text);
        }
        weft_reply reply = next_reply(scene.completions);
        check_true(reply.token < count && !ended[reply.token]);
        ended[reply.token] = 1;
        check_eq(reply.attempts, 1);
        if (reply.outcome == WEFT_COMPLETED) {
            check_reply_text(&reply, "answer");
        } else {
            check_died(&reply);
            lost++;
        }
        check_true(hear_run(&answerer, ran, count)); /* said before the answer, this or another */
    }
    close(answerer.in);
    answerer.in = open("/dev/null", O_RDWR);
    while (hear_run(&answerer, ran, count)) {
    }
    for (unsigned i = 0; i < count; i++)
        check_eq(ran[i], 1);
    check_true(lost <= (strcmp(how, "close") ? 2 + count / 20 : 0));
    check_eq(reap(&answerer), 0);
    check_eq(stats_of(scene.site.node).redispatched, 0);
    free(ran);
    free(ended);
    close_scene(&scene);
}

static void answers_and_exits(void **state)
{
    answers_and_ends(*state, "exit");
}
static void answers_and_is_killed(void **state)
{
    answers_and_ends(*state, "kill");
}
static void answers_and_closes(void **state)
{
    answers_and_ends(*state, "close");
}
static void answers_and_exits_while_a_grandchild_keeps_its_socket(void **state)
{
    answers_and_ends(*state, "grandchild");
}

/* --- callers -------------------------------------------------------------------------------------- */

static struct event ended;

static void told(const weft_reply *reply, void *context)
{
    (void)context;
    say("ended %s", weft_outcome_name(reply->outcome));
    event_give(&ended);
}

/* caller URL COUNT: dispatches so many, and as many detached ones. */
static int play_caller(char **arguments)
{
    char line[64];
    weft_node *node = dial_named(arguments[0], "dying");
    for (unsigned i = 0; i < strtoul(arguments[1], NULL, 10) * 2; i++) {
        weft_dispatch_options options = WEFT_DISPATCH_OPTIONS;
        options.detached = i % 2;
        thread_check_ok(weft_dispatch_async(node, CHANNEL, WEFT_TEXT("work"), &options, told, NULL, 0, NULL));
    }
    say("ready");
    while (hear(line, sizeof line)) {
        if (strcmp(line, "exit") == 0) _exit(3);
        if (strcmp(line, "fork") == 0) leave_grandchild();
    }
    return 0;
}

struct watched {
    struct event began, stopped, go_on;
};

static void cancelled(weft_task *task, void *context)
{
    struct watched *watched = context;
    (void)task;
    event_give(&watched->stopped);
}

static void work_on(weft_task *task, void *context)
{
    struct watched *watched = context;
    thread_check_ok(weft_task_on_cancel(task, cancelled, watched));
    event_give(&watched->began);
    event_await(&watched->go_on, 1);
    (void)weft_task_complete(task, WEFT_TEXT("done"));
}

/* Two of its calls run, two wait. */
static void caller_dies(const struct way *way, enum end end)
{
    struct scene scene;
    struct child caller;
    struct watched watched = {0};
    open_scene(&scene, way, end);
    weft_worker *worker = register_named(scene.site.node, "worker", 2, work_on, &watched);
    spawn_role(&caller, "caller", scene.site.url, "2", NULL);
    await_line(&caller, "ready");
    event_await(&watched.began, 2);
    await_true(info_of(scene.site.node, CHANNEL).queued == 2);
    end_child(&caller, end);
    event_await(&watched.stopped, 1); /* the running one that is not detached */
    await_true(info_of(scene.site.node, CHANNEL).queued == 1);
    check_eq(stats_of(scene.site.node).cancelled, 2);
    event_give(&watched.go_on);
    await_true(stats_of(scene.site.node).dispatches_open == 0 && stats_of(scene.site.node).attempts_running == 0);
    check_eq(stats_of(scene.site.node).completed, 2);
    check_eq(watched.stopped.count, 1);
    bury(&caller, end);
    check_ok(weft_worker_unregister(worker));
    close_scene(&scene);
}

static void caller_is_killed(void **state)
{
    caller_dies(*state, KILL);
}
static void caller_is_stopped(void **state)
{
    caller_dies(*state, STOP);
}
static void caller_exits(void **state)
{
    caller_dies(*state, EXIT);
}
static void caller_is_killed_while_a_grandchild_keeps_its_socket(void **state)
{
    caller_dies(*state, GRANDCHILD);
}

int main(int argc, char **argv)
{
    const struct role roles[] = {{"victim", play_victim}, {"answerer", play_answerer}, {"caller", play_caller}};
    PLAY_ROLE(argc, argv, roles);
    const struct CMUnitTest tests[] = {
        OVER_EACH(killed_in_its_handler),
        OVER_EACH(stopped_in_its_handler),
        OVER_EACH(exits_in_its_handler),
        OVER_EACH(killed_while_a_grandchild_keeps_its_socket),
        OVER_EACH(stopped_and_continued_serves_again),
        OVER_EACH(killed_before_it_gets_it),
        OVER_EACH(stopped_before_it_gets_it),
        OVER_EACH(killed_before_it_is_sent),
        OVER_EACH(stopped_before_it_is_sent),
        OVER_EACH(killed_after_it_settled),
        OVER_EACH(stopped_after_it_settled),
        OVER_EACH(exits_after_it_settled),
        OVER_EACH(killed_after_it_settled_with_a_grandchild),
        OVER_EACH(answers_and_exits),
        OVER_EACH(answers_and_is_killed),
        OVER_EACH(answers_and_closes),
        OVER_EACH(answers_and_exits_while_a_grandchild_keeps_its_socket),
        OVER_EACH(caller_is_killed),
        OVER_EACH(caller_is_stopped),
        OVER_EACH(caller_exits),
        OVER_EACH(caller_is_killed_while_a_grandchild_keeps_its_socket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
