/* Three hosts in network namespaces of their own: a node here, a worker on each of two others, over links that are cut:
 *   - for 300 ms, by taking the link down: nothing runs again, nothing is cancelled
 *   - in silence, packets going nowhere while no connection ends: noticed by its beats; and it costs nothing either
 *   - for longer than the session is kept: the work goes to the other host; and back when the link is
 *   - slow, and losing one packet in a hundred, where the kernel has netem
 * A node listens on its own host alone as yet, so what comes from another goes through a relay here. Needs to be root, `ip`, and a
 * kernel that lets it make namespaces: the tests are skipped elsewhere, and say why. */
#include "e2e/wire_relay.h"

#include <sched.h>

enum { HOSTS = 2 };

struct host {
    char netns[32], link[16], far_link[16], here[32], there[32];
    struct child worker;
};

static struct host hosts[HOSTS];

/* --- hosts ------------------------------------------------------------------------------------------ */

static bool run(const char *format, ...) __attribute__((format(printf, 1, 2)));
static bool run(const char *format, ...)
{
    char command[512];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(command, sizeof command - 16, format, arguments);
    va_end(arguments);
    check_true(size > 0 && (size_t)size < sizeof command - 16);
    strcat(command, " 2>/dev/null");
    return system(command) == 0;
}

static bool make_host(int number)
{
    struct host *host = &hosts[number];
    int net = (int)getpid() % 200 + 20;
    (void)snprintf(host->netns, sizeof host->netns, "weft-%d-%d", (int)getpid(), number);
    (void)snprintf(host->link, sizeof host->link, "wf%d%c", (int)getpid() % 1000000, 'a' + number);
    (void)snprintf(host->far_link, sizeof host->far_link, "wg%d%c", (int)getpid() % 1000000, 'a' + number);
    (void)snprintf(host->here, sizeof host->here, "10.231.%d.%d", net, 4 * number + 1);
    (void)snprintf(host->there, sizeof host->there, "10.231.%d.%d", net, 4 * number + 2);
    return run("ip netns add %s", host->netns) &&
           run("ip link add %s type veth peer name %s netns %s", host->link, host->far_link, host->netns) &&
           run("ip addr add %s/30 dev %s && ip link set %s up", host->here, host->link, host->link) &&
           run("ip -n %s addr add %s/30 dev %s", host->netns, host->there, host->far_link) &&
           run("ip -n %s link set %s up && ip -n %s link set lo up", host->netns, host->far_link, host->netns);
}

static void remove_hosts(void)
{
    for (int i = 0; i < HOSTS; i++) {
        if (!hosts[i].netns[0]) continue;
        (void)run("ip link del %s", hosts[i].link);
        (void)run("ip netns del %s", hosts[i].netns);
        hosts[i].netns[0] = '\0';
    }
}

/* worker NETNS URL NAME */
static void answer(weft_task *task, void *context)
{
    weft_bytes text = weft_task_payload(task);
    (void)context;
    say("ran %.*s", (int)text.size, (const char *)text.data);
    (void)weft_task_complete(task, text);
}

static int play_worker(char **arguments)
{
    char path[64], line[16];
    (void)snprintf(path, sizeof path, "/run/netns/%s", arguments[0]);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    thread_check_true(fd >= 0 && setns(fd, CLONE_NEWNET) == 0);
    weft_node *node = dial_named(arguments[1], arguments[2]);
    (void)register_named(node, arguments[2], 16, answer, NULL);
    say("ready");
    while (hear(line, sizeof line))
        ;
    return 0;
}

/* --- the scene -------------------------------------------------------------------------------------- */

struct scene {
    struct site site;
    struct relay relays[HOSTS];
    weft_completions *completions;
    unsigned sent;
};

static void start_host(struct scene *scene, int number)
{
    static const char *const names[HOSTS] = {"alpha", "beta"};
    struct host *host = &hosts[number];
    char url[WEFT_URL_MAX + 1];
    (void)snprintf(url, sizeof url, "tcp://%s:0", host->here);
    open_relay_at(&scene->relays[number], url, scene->site.url);
    spawn_role(&host->worker, "worker", host->netns, scene->relays[number].url, names[number], NULL);
    await_line(&host->worker, "ready");
}

static bool open_scene(struct scene *scene, uint32_t resume_ms)
{
    const weft_listen_options options = quick(resume_ms);
    if (geteuid() != 0 || !run("ip link show >/dev/null") || !make_host(0) || !make_host(1)) {
        remove_hosts();
        print_message("no hosts to be had: this needs root, ip (iproute2) and a kernel with namespaces and veth\n");
        return false;
    }
    memset(scene, 0, sizeof *scene);
    open_site(&scene->site, &tcp, &options);
    check_ok(weft_completions_open(scene->site.node, 4096, &scene->completions));
    return true;
}

static void close_scene(struct scene *scene, int running)
{
    check_ok(weft_completions_close(scene->completions));
    for (int i = 0; i < running; i++) {
        check_eq(kill(hosts[i].worker.pid, SIGKILL), 0);
        check_eq(reap(&hosts[i].worker), -SIGKILL);
        close_relay(&scene->relays[i]);
    }
    close_all_of(scene->site.node);
    remove_hosts();
}

static void send_more(struct scene *scene, unsigned count)
{
    for (; count; count--) {
        weft_dispatch_options options = WEFT_DISPATCH_OPTIONS;
        char text[16];
        (void)snprintf(text, sizeof text, "%u", scene->sent);
        options.on_crash = WEFT_CRASH_REDISPATCH;
        check_ok(weft_dispatch_submit(scene->completions, CHANNEL, weft_text(text), &options, scene->sent++, NULL));
    }
}

/* Each ran once, and completed. */
static void check_cost_nothing(struct scene *scene)
{
    unsigned char *ran = calloc(scene->sent, 1);
    check_true(ran != NULL);
    for (unsigned i = 0; i < scene->sent; i++) {
        weft_reply reply = next_reply(scene->completions);
        check_str(weft_outcome_name(reply.outcome), "completed");
        check_eq(reply.attempts, 1);
        weft_reply_release(&reply);
    }
    for (unsigned i = 0; i < scene->sent; i++) {
        unsigned number;
        check_eq(sscanf(next_line(&hosts[0].worker), "ran %u", &number), 1);
        check_true(number < scene->sent && !ran[number]);
        ran[number] = 1;
    }
    free(ran);
    weft_node_stats stats = stats_of(scene->site.node);
    check_eq(stats.deaths + stats.redispatched + stats.cancelled + stats.worker_died, 0);
}

static bool link_to(int number, const char *state)
{
    return run("ip link set %s %s", hosts[number].link, state);
}

/* --- tests ------------------------------------------------------------------------------------------ */

static void a_link_that_is_down_for_300_ms_costs_nothing(void **state)
{
    struct scene scene;
    (void)state;
    if (!open_scene(&scene, 60000)) skip();
    start_host(&scene, 0);
    send_more(&scene, 100);
    check_true(link_to(0, "down"));
    send_more(&scene, 100);
    (void)poll(NULL, 0, 300);
    check_true(link_to(0, "up"));
    send_more(&scene, 100);
    check_cost_nothing(&scene);
    close_scene(&scene, 1);
}

/* What is sent to the other host goes to an address that nobody has. */
static void a_link_that_loses_all_in_silence_costs_nothing(void **state)
{
    struct scene scene;
    (void)state;
    if (!open_scene(&scene, 60000)) skip();
    start_host(&scene, 0);
    send_more(&scene, 100);
    check_true(run("ip neigh replace %s lladdr 02:00:00:00:00:99 dev %s nud permanent", hosts[0].there, hosts[0].link));
    send_more(&scene, 100);
    await_true(info_of(scene.site.node, CHANNEL).workers_eligible == 0); /* its beats are missing */
    check_true(run("ip neigh del %s dev %s", hosts[0].there, hosts[0].link));
    send_more(&scene, 100);
    check_cost_nothing(&scene);
    close_scene(&scene, 1);
}

static void a_long_partition_moves_the_work(void **state)
{
    struct scene scene;
    (void)state;
    if (!open_scene(&scene, 300)) skip();
    start_host(&scene, 0);
    start_host(&scene, 1);
    check_true(link_to(0, "down"));
    send_more(&scene, 100);
    for (unsigned i = 0; i < 100; i++) {
        weft_reply reply = next_reply(scene.completions);
        check_str(weft_outcome_name(reply.outcome), "completed");
        check_str(reply.worker, "beta");
        check_true(reply.attempts <= 2);
        weft_reply_release(&reply);
    }
    check_true(stats_of(scene.site.node).deaths >= 1);
    check_true(link_to(0, "up"));
    await_true(info_of(scene.site.node, CHANNEL).workers == 2 &&
               info_of(scene.site.node, CHANNEL).workers_eligible == 2);
    bool alpha = false;
    while (!alpha) {
        send_more(&scene, 1);
        weft_reply reply = next_reply(scene.completions);
        check_str(weft_outcome_name(reply.outcome), "completed");
        alpha = strcmp(reply.worker, "alpha") == 0;
        weft_reply_release(&reply);
    }
    close_scene(&scene, 2);
}

static void a_bad_link_costs_time(void **state)
{
    struct scene scene;
    (void)state;
    if (!open_scene(&scene, 60000)) skip();
    if (!run("tc qdisc add dev %s root netem delay 20ms 5ms loss 1%%", hosts[0].link)) {
        check_ok(weft_completions_close(scene.completions));
        close_all_of(scene.site.node);
        remove_hosts();
        print_message("no netem in this kernel, or no tc\n");
        skip();
    }
    start_host(&scene, 0);
    send_more(&scene, 500);
    check_cost_nothing(&scene);
    close_scene(&scene, 1);
}

int main(int argc, char **argv)
{
    const struct role roles[] = {{"worker", play_worker}};
    PLAY_ROLE(argc, argv, roles);
    (void)atexit(remove_hosts);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_link_that_is_down_for_300_ms_costs_nothing),
        cmocka_unit_test(a_link_that_loses_all_in_silence_costs_nothing),
        cmocka_unit_test(a_long_partition_moves_the_work),
        cmocka_unit_test(a_bad_link_costs_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
