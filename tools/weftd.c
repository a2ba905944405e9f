/* weftd.c: the daemon: a node of its own process, in the foreground, for who dials it. */
#include "weftd.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "verb.h"

enum { URLS_MAX = 16, CHANNELS_MAX = 1024, EXIT_NOT_STARTED = 1 };

struct daemon {
    const char *urls[URLS_MAX];
    uint32_t urls_count;
    struct {
        const char *text;
        bool template;
    } channels[CHANNELS_MAX]; /* in the order in which they were given: a dead-letter channel is declared before */
    uint32_t channels_count;
    weft_node_options node;
    weft_listen_options listen;
    uint32_t drain_ms;
    weft_log_level level;
};

static struct daemon options = {
    .node = WEFT_NODE_OPTIONS, .listen = WEFT_LISTEN_OPTIONS, .drain_ms = 10000, .level = WEFT_LOG_WARNING};

static const char help[] =
    "Runs a node in the foreground, for programs that dial it and for the weft tool. Nothing survives it.\n"
    "Once it listens it prints a line for each address, \"ready URL\", on the standard output. SIGTERM,\n"
    "SIGINT and SIGHUP drain it: it admits nothing more, and ends when what is open has ended, or after\n"
    "--drain-ms.\n"
    "\n"
    "Each client takes up to two descriptors. The soft limit of how many there may be is raised to the\n"
    "hard one at the start; who comes beyond that waits.\n"
    "\n"
    "Options:\n"
    "  --listen URL        where: tcp://ADDRESS:PORT (port 0: any that is free), ipc:///PATH, or\n"
    "                      tls+tcp://ADDRESS:PORT; of this host alone. May be repeated. Without it: a\n"
    "                      socket in $XDG_RUNTIME_DIR; for root always /run/weft.sock\n"
    "  --channel NAME[:SCHEMA.json][,KEY=VALUE]...\n"
    "                      declares a channel, which asks that requests match the schema. May be repeated;\n"
    "                      NAME is dispatch.NAMESPACE.NAME or event.NAMESPACE.NAME; for the keys see below\n"
    "  --template PATTERN[:SCHEMA.json][,KEY=VALUE]...\n"
    "                      how to make a channel that matches when a worker registers on it, or an event\n"
    "                      is published or subscribed to: \"dispatch.*.*\"\n"
    "  --drain-ms N        at the end wait so long for what is open (10000)\n"
    "  --resume-ms N       a client that has lost its connection may come back for so long (5000)\n"
    "  --beat-ms N         a sign of life to and from each client this often (5000); three missed: the\n"
    "                      connection is given up\n"
    "  --sessions-max N    clients at a time (10000)\n"
    "  --payload-max N     bytes of one payload, with what goes along (16781312)\n"
    "  --tls-cert-key FILE for tls+tcp: the certificate and its key, PEM\n"
    "  --tls-ca FILE       for tls+tcp: who must have signed the certificates of those who dial, PEM\n"
    "  --verbose           tells all that happens on the standard error, else only what is wrong\n"
    "  --quiet             tells errors only\n"
    "  --version           prints the version\n"
    "\n"
    "Keys of a channel, as in weft_channel(3); a time may be \"forever\":\n";

static const char help_end[] =
    "A schema is registered under its file's name, without the directories.\n"
    "\n"
    "Exit status:\n"
    "  0 drained; 1 it could not start; 2 wrong usage; 129, 130 or 143: a second SIGHUP, SIGINT or SIGTERM\n"
    "  came before it was drained, and it ended at once\n";

/* --- what happens ------------------------------------------------------------------------------------------------------- */

static void say(weft_log_level level, const char *sentence, void *context)
{
    (void)context;
    if (level > options.level) return;
    struct timespec now;
    struct tm day;
    char when[32];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &day);
    strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &day);
    flockfile(stderr);
    fprintf(stderr, "%s.%03ldZ %s ", when, now.tv_nsec / 1000000, weft_log_level_name(level));
    put_plain(stderr, sentence);
    fputc('\n', stderr);
    funlockfile(stderr);
}

/* --- options ------------------------------------------------------------------------------------------------------------ */

enum {
    LISTEN = 1,
    CHANNEL,
    TEMPLATE,
    DRAIN,
    RESUME,
    BEAT,
    SESSIONS,
    PAYLOAD,
    TLS_CERT_KEY,
    TLS_CA,
    VERBOSE,
    QUIET,
    VERSION
};

static const struct option known[] = {{"listen", required_argument, NULL, LISTEN},
                                      {"channel", required_argument, NULL, CHANNEL},
                                      {"template", required_argument, NULL, TEMPLATE},
                                      {"drain-ms", required_argument, NULL, DRAIN},
                                      {"resume-ms", required_argument, NULL, RESUME},
                                      {"beat-ms", required_argument, NULL, BEAT},
                                      {"sessions-max", required_argument, NULL, SESSIONS},
                                      {"payload-max", required_argument, NULL, PAYLOAD},
                                      {"tls-cert-key", required_argument, NULL, TLS_CERT_KEY},
                                      {"tls-ca", required_argument, NULL, TLS_CA},
                                      {"verbose", no_argument, NULL, VERBOSE},
                                      {"quiet", no_argument, NULL, QUIET},
                                      {"version", no_argument, NULL, VERSION},
                                      {0}};

static bool add_channel(const char *text, bool template)
{
    if (options.channels_count == CHANNELS_MAX)
        return verb_usage("more than %d channels and templates", CHANNELS_MAX), false;
    options.channels[options.channels_count].text = text;
    options.channels[options.channels_count++].template = template;
    return true;
}

static bool add_url(const char *url)
{
    if (options.urls_count == URLS_MAX) return verb_usage("more than %d addresses", URLS_MAX), false;
    options.urls[options.urls_count++] = url;
    return true;
}

static bool take(int option)
{
    weft_listen_options *listen = &options.listen;
    switch (option) {
    case LISTEN: return add_url(optarg);
    case CHANNEL: return add_channel(optarg, false);
    case TEMPLATE: return add_channel(optarg, true);
    case DRAIN: return option_number("--drain-ms", optarg, 0, WEFT_FOREVER - 1, &options.drain_ms);
    case RESUME: return option_number("--resume-ms", optarg, 0, WEFT_FOREVER - 1, &listen->resume_ms);
    case BEAT: return option_number("--beat-ms", optarg, 10, 3600000, &listen->beat_ms);
    case SESSIONS: return option_number("--sessions-max", optarg, 1, 1000000, &listen->sessions_max);
    case PAYLOAD: return option_number("--payload-max", optarg, 65536, UINT32_MAX, &listen->frame_bytes_max);
    case TLS_CERT_KEY: listen->tls_cert_key_file = optarg; return true;
    case TLS_CA: listen->tls_ca_file = optarg; return true;
    case VERBOSE: options.level = WEFT_LOG_INFO; return true;
    case QUIET: options.level = WEFT_LOG_ERROR; return true;
    default: return false;
    }
}

/* --- its life ----------------------------------------------------------------------------------------------------------- */

static bool declare_all(weft_node *node)
{
    for (uint32_t i = 0; i < options.channels_count; i++)
        if (!declare_channel(node, options.channels[i].text, options.channels[i].template)) return false;
    return true;
}

static int listen_at(weft_node *node, const char *url, char *bound)
{
    weft_error error = weft_node_listen(node, url, &options.listen, bound);
    if (!error) return 0;
    return (error == WEFT_EINVAL ? verb_usage : verb_error)("--listen %s: %s", url, weft_error_message());
}

static bool listen_all(weft_node *node)
{
    char bound[URLS_MAX][WEFT_URL_MAX + 1];
    if (!options.urls_count && !(options.urls[options.urls_count++] = place_default())) return false;
    for (uint32_t i = 0; i < options.urls_count; i++)
        if (listen_at(node, options.urls[i], bound[i])) return false;
    for (uint32_t i = 0; i < options.urls_count; i++)
        printf("ready %s\n", bound[i]);
    return verb_end(VERB_YES) == VERB_YES;
}

static sigset_t ending;

static void *end_at_once(void *argument)
{
    int signal;
    (void)argument;
    while (sigwait(&ending, &signal)) {
    }
    verb_error("a second signal: ended at once");
    _exit(VERB_SIGNAL + signal);
}

static void await_end(void)
{
    char sentence[128];
    pthread_t thread;
    int signal;
    while (sigwait(&ending, &signal)) {
    }
    snprintf(sentence, sizeof(sentence), "%s: draining, for at most %u ms", strsignal(signal), options.drain_ms);
    say(WEFT_LOG_INFO, sentence, NULL);
    if (pthread_create(&thread, NULL, end_at_once, NULL) == 0) pthread_detach(thread);
}

static int drain(weft_node *node)
{
    weft_node_stats stats = {0};
    (void)weft_node_stats_get(node, &stats);
    uint32_t open = stats.dispatches_open;
    weft_error error;
    while ((error = weft_node_close(node, options.drain_ms)) == WEFT_EBUSY) {
    }
    char sentence[128];
    snprintf(sentence, sizeof(sentence), "drained: %u were open", open);
    if (!error) say(WEFT_LOG_INFO, sentence, NULL);
    return error ? verb_error("%s", weft_error_message()) : 0;
}

/* The soft limit is low for the sake of programs that select(2); each connection takes up to two. */
static void raise_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit)) return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv)
{
    weft_node *node;
    const weft_hooks hooks = {.log = say};
    verb_descriptors();
    verb_path("weftd");
    if (verb_wants_help(argc, argv)) {
        printf("usage: weftd [OPTION...]\n\n%s%s%s", help, help_channel_keys, help_end);
        return verb_end(VERB_YES);
    }
    for (int option; (option = option_next(argc, argv, known)) != -1;) {
        if (option == VERSION) {
            printf("weftd %s\n", weft_version());
            return verb_end(VERB_YES);
        }
        if (option == '?' || !take(option)) return VERB_ERROR;
    }
    if (optind < argc) return verb_usage("what is %s? Addresses are given with --listen", argv[optind]);

    sigemptyset(&ending);
    sigaddset(&ending, SIGTERM);
    sigaddset(&ending, SIGINT);
    sigaddset(&ending, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &ending, NULL);
    signal(SIGPIPE, SIG_IGN);
    raise_descriptors();
    options.node.hooks = &hooks;
    if (weft_node_open(&options.node, &node)) return verb_error("%s", weft_error_message()), EXIT_NOT_STARTED;
    if (!declare_all(node) || !listen_all(node)) {
        (void)weft_node_close(node, 0);
        return verb_status(EXIT_NOT_STARTED);
    }
    await_end();
    return drain(node);
}
