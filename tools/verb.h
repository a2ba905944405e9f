/* verb.h: what the verbs of the weft tool, and the daemon, share: how they are found and helped, what they read, where their node
 * is, and how they answer.
 *
 * Exit statuses: 0 yes; 1 no: a document does not match, a task has failed; 2 it could not be done: wrong usage, a file, not
 * JSON; 3 there is no node to be reached. The others are outcomes of weft call. */
#ifndef WEFT_TOOLS_VERB_H
#define WEFT_TOOLS_VERB_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <weft/weft.h>

enum {
    VERB_YES = 0,
    VERB_NO = 1,
    VERB_ERROR = 2,
    VERB_LOST = 3,
    VERB_WORKER_DIED = 4,
    VERB_TIMED_OUT = 5,
    VERB_CANCELLED = 6,
    VERB_REJECTED = 7,
    VERB_NODE_LOST = 8,
    VERB_SIGNAL = 128 /* and the signal's number */
};

enum { DOCUMENT_BYTES_MAX = 16 << 20 };

/* A verb does something, or has verbs of its own. */
struct verb {
    const char *name;
    const char *arguments;             /* "[OPTION...] FILE..." */
    const char *summary;               /* "says whether schemas compile" */
    const char *help;                  /* options and all else; ends with a newline */
    int (*run)(int argc, char **argv); /* argv[0] is the name; calls verb_usage when the arguments are no good */
    const struct verb *verbs;          /* ends with a row without a name */
};

extern const struct verb verb_schema[];
extern const char help_ping[], help_ls[], help_why[], help_call[], help_work[];
int cmd_ping(int argc, char **argv);
int cmd_ls(int argc, char **argv);
int cmd_why(int argc, char **argv);
int cmd_call(int argc, char **argv);
int cmd_work(int argc, char **argv);

/* What runs, in words, for what is said of it: "weft schema check". Copies. */
void verb_path(const char *path);

bool verb_is(const char *word, const char *name);
bool verb_wants_help(int argc, char **argv);

/* Says on the standard error what is wrong. usage: and how to get help; returns VERB_ERROR. */
__attribute__((format(printf, 1, 2))) int verb_error(const char *format, ...);
__attribute__((format(printf, 1, 2))) int verb_usage(const char *format, ...);

/* What to exit with where something has failed, for that reason: VERB_ERROR if verb_usage was called, else status. */
int verb_status(int status);

/* What was printed reaches its reader; else that is an error, said once. Returns the status. */
int verb_end(int status);

/* The standard descriptors are open afterwards, so that nothing else becomes one of them. */
void verb_descriptors(void);

/* Prints text with what steers a terminal, a line or the direction of reading escaped, and what is not UTF-8 replaced: as
 * JSON's string, and for people. */
void put_json_string(const char *text);
void put_json(const char *text); /* what stands between its quotes */
void put_plain(FILE *to, const char *text);
bool is_text(const char *bytes, size_t size); /* UTF-8, without a NUL */

/* --- what is read ----------------------------------------------------------------------------------------------------- */

/* The whole of a file, "-" is the standard input. Gives *text: free it. false: *why says why not. */
bool read_file(const char *path, size_t bytes_max, char **text, size_t *size, const char **why);

/* Lines of a descriptor, in a buffer that grows up to bytes_max. */
struct lines {
    int fd;
    size_t bytes_max;
    char *buffer;
    size_t room, begin, end; /* what is there: of room bytes */
    size_t looked;           /* of that: holds no newline */
    size_t number;           /* of the line that was last read, from 1 */
    bool too_long;           /* the line that is being read */
    bool ended;
};

enum line { LINE_READ, LINE_END, LINE_LONG, LINE_ERROR, LINE_NONE };

/* The next line, without its end, lent until the next call. LINE_LONG: it was longer than bytes_max and was passed over.
 * LINE_ERROR: errno says what; there are no more. next flushes the standard output before it waits for more; there does not
 * wait: LINE_NONE: fill first, which reads once. */
enum line lines_next(struct lines *lines, const char **text, size_t *size);
enum line lines_there(struct lines *lines, const char **text, size_t *size);
bool lines_fill(struct lines *lines);
void lines_fini(struct lines *lines);

bool is_blank(const char *text, size_t size);

/* --- options ---------------------------------------------------------------------------------------------------------- */

/* The next option, as getopt_long's; '?' where it is none, or has no value: that was said. Operands are where optind says. */
int option_next(int argc, char **argv, const struct option *options);

/* A whole number. False: that was said, with the option's name. */
bool option_number(const char *name, const char *text, uint32_t least, uint32_t most, uint32_t *number);

/* The word of --priority, --no-worker, --on-crash. */
bool option_priority(const char *text, weft_priority *priority);
bool option_no_worker(const char *text, weft_no_worker *no_worker);
bool option_on_crash(const char *text, weft_crash *on_crash);

/* --- the node --------------------------------------------------------------------------------------------------------- */

/* Where the node is, for who dials it. */
struct place {
    const char *urls; /* NULL: of the environment, or the default */
    const char *name; /* of this process at the node; NULL: any */
    const char *tls_ca_file, *tls_cert_key_file;
    uint32_t wait_ms, lost_ms;
    const weft_hooks *hooks; /* NULL: none */
};

enum { PLACE_CONNECT = 1000, PLACE_WAIT, PLACE_LOST, PLACE_TLS_CA, PLACE_TLS_CERT_KEY };

#define PLACE_OPTIONS                                                                                                  \
    {"connect", required_argument, NULL, PLACE_CONNECT}, {"connect-ms", required_argument, NULL, PLACE_WAIT},          \
        {"lost-ms", required_argument, NULL, PLACE_LOST}, {"tls-ca", required_argument, NULL, PLACE_TLS_CA},           \
    {                                                                                                                  \
        "tls-cert-key", required_argument, NULL, PLACE_TLS_CERT_KEY                                                    \
    }

#define PLACE_HELP                                                                                                     \
    "  --connect URL       the node: tcp://HOST:PORT, ipc:///PATH or tls+tcp://HOST:PORT; several,\n"                  \
    "                      separated by commas, are tried in order. Without it WEFT_URL of the\n"                      \
    "                      environment says where; and without that, or where it is empty, it is\n"                    \
    "                      the socket that weftd listens on by default\n"                                              \
    "  --connect-ms N      wait for a connection so long (2000)\n"                                                     \
    "  --lost-ms N         when the connection was lost: be without one for so long, before what is\n"                 \
    "                      open is given up (10000)\n"                                                                 \
    "  --tls-ca FILE       who has signed the node's certificate, PEM\n"                                               \
    "  --tls-cert-key FILE this end's own certificate and key, PEM\n"

#define PLACE_VALUES                                                                                                   \
    {                                                                                                                  \
        .wait_ms = 2000, .lost_ms = 10000                                                                              \
    }

/* Takes one of those options. False: its value is no good, and that was said. */
bool place_option(struct place *place, int option, const char *value);

/* A client node. Returns a status: VERB_YES, or what was said. */
int place_dial(const struct place *place, weft_node **node);

/* Where weftd listens, and everybody looks, unless told: in $XDG_RUNTIME_DIR; for root always /run/weft.sock. NULL: nowhere,
 * which was said. Static. */
const char *place_default(void);

/* Says what the last call of weft had to say, and returns the status. */
int verb_failed(weft_error error);

#endif
