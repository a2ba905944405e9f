/* bench-peers: weft beside what a user could pick instead, in one run on this machine. For each row, round by round, each
 * contender has its turn: so what the machine does meanwhile meets all of them. The figures are medians of the rounds,
 * beside them the least and the most; a ratio is the median of the rounds' ratios. */
#include "payload.h"
#include "process.h"
#include "race.h"
#include "report.h"
#include "role.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <weft/error.h>
#include <weft/schema.h>

static const char usage[] =
    "usage: bench-peers [--json] [--quick] [--rounds N] [--seconds S] [--against NAME] [--list] [WORD...]\n\n"
    "Races weft and its peers, N (5) rounds of S (1) seconds. A WORD chooses the rows or the contenders whose name\n"
    "begins with it; a heavy contender is raced only when it is chosen. --quick: one short round. --against: whom\n"
    "the ratios are to (weft, or where that is not raced the best peer). --json: one object a line.\n";

static struct {
    bool json;
    int rounds, words_count;
    const char *against;
    char **words;
} options = {.rounds = 5};

/* --- what is raced ---------------------------------------------------------------------------- */

static bool begins(const char *name, const char *word)
{
    return strncmp(name, word, strlen(word)) == 0;
}

static bool is_word_of_row(const char *word)
{
    for (const struct row *row = rows; row->name; row++)
        if (begins(row->name, word)) return true;
    return false;
}

static bool is_word_of_contender(const char *word)
{
    for (const struct contender *const *c = contenders; *c; c++)
        if (begins((*c)->name, word)) return true;
    return false;
}

/* Among the words that are of this kind; all where there is none. */
static bool is_chosen(const char *name, bool (*is_of_kind)(const char *), bool by_name_only)
{
    bool all = !by_name_only;
    for (int i = 0; i < options.words_count; i++) {
        if (!is_of_kind(options.words[i])) continue;
        if (begins(name, options.words[i])) return true;
        all = false;
    }
    return all;
}

static const char *in_path(const char *program)
{
    static char path[4096];
    char directories[4096];
    snprintf(directories, sizeof(directories), "%s", getenv("PATH"));
    for (char *rest = directories, *one; (one = strsep(&rest, ":")) != NULL;) {
        snprintf(path, sizeof(path), "%s/%s", one, program);
        if (access(path, X_OK) == 0) return path;
    }
    return NULL;
}

/* Why not, or NULL. */
static const char *missing(const struct contender *contender)
{
    static char reason[128];
    if (contender->missing) return contender->missing();
    if (!contender->program || in_path(contender->program)) return NULL;
    snprintf(reason, sizeof(reason), "there is no %s here: make bench-peers installs it where it can",
             contender->program);
    return reason;
}

static const struct contender *raced[CONTENDERS_MAX];
static int raced_count;

static void choose(void)
{
    for (const struct contender *const *c = contenders; *c; c++) {
        if (!is_chosen((*c)->name, is_word_of_contender, (*c)->heavy)) continue;
        const char *reason = missing(*c);
        if (reason)
            fprintf(stderr, "%s: not raced: %s\n", (*c)->name, reason);
        else
            raced[raced_count++] = *c;
    }
}

/* --- the race --------------------------------------------------------------------------------- */

/* True if every heat gave its figures. */
static bool race(const struct row *row)
{
    static struct result results[CONTENDERS_MAX];
    int count = 0;
    bool whole = true;
    for (int i = 0; i < raced_count; i++)
        if (row->takes_part(raced[i])) results[count++] = (struct result){.contender = raced[i]};
    for (int round = 0; round < options.rounds; round++)
        for (int i = 0; i < count; i++) {
            double values[FIGURES_MAX] = {NAN, NAN};
            if (results[i].lost) continue;
            results[i].lost = !row->measure(row, results[i].contender, values);
            for (int f = 0; f < FIGURES_MAX; f++)
                results[i].values[f][round] = values[f];
        }
    report_print(&(struct report){row, results, count, options.rounds, options.against, options.json});
    for (int i = 0; i < count; i++)
        whole = whole && !results[i].lost;
    return whole;
}

/* A payload that its schema refuses would race weft's refusals. */
static void check_payloads(void)
{
    weft_schema *schema;
    weft_validator *validator;
    if (weft_schema_compile(payload_schema(), NULL, &schema) || weft_validator_open(NULL, &validator))
        fail("the schema of the payloads: %s", weft_error_message());
    for (int i = 0; i < PAYLOADS; i++)
        if (weft_validate(validator, schema, payload(i))) fail("payload %d: %s", i, weft_error_message());
    weft_validator_close(validator);
    weft_schema_release(schema);
}

static void list(void)
{
    for (const struct row *row = rows; row->name; row++)
        printf("%-24s %s\n", row->name, row->title);
    for (const struct contender *const *c = contenders; *c; c++) {
        const char *reason = missing(*c);
        printf("%-24s %s%s%s\n", (*c)->name, (*c)->heavy ? "when chosen by name" : "contender",
               reason ? "; missing: " : "", reason ? reason : "");
    }
    exit(0);
}

static const char *value_of(int argc, char **argv, int *i)
{
    if (++*i == argc) fail("%s wants a value\n%s", argv[*i - 1], usage);
    return argv[*i];
}

static void read_options(int argc, char **argv)
{
    options.words = calloc((size_t)argc, sizeof(*options.words));
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            options.json = true;
        } else if (strcmp(argv[i], "--quick") == 0) {
            options.rounds = 1;
            race_size = (struct race_size){0.2, 5, 200};
        } else if (strcmp(argv[i], "--rounds") == 0) {
            options.rounds = atoi(value_of(argc, argv, &i));
        } else if (strcmp(argv[i], "--seconds") == 0) {
            race_size.seconds = atof(value_of(argc, argv, &i));
        } else if (strcmp(argv[i], "--against") == 0) {
            options.against = value_of(argc, argv, &i);
        } else if (strcmp(argv[i], "--list") == 0) {
            list();
        } else if (strcmp(argv[i], "--help") == 0) {
            fputs(usage, stdout);
            exit(0);
        } else if (!is_word_of_row(argv[i]) && !is_word_of_contender(argv[i])) {
            fail("no row or contender begins with '%s'\n%s", argv[i], usage);
        } else {
            options.words[options.words_count++] = argv[i];
        }
    }
    if (options.rounds < 1 || options.rounds > ROUNDS_MAX) fail("1 to %d rounds", ROUNDS_MAX);
    if (!(race_size.seconds > 0 && race_size.seconds <= 60)) fail("more than 0 and at most 60 seconds");
}

/* An idle connection is a descriptor in two processes. */
static void raise_limits(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
}

/* Debian's servers are not in everybody's PATH. */
static void extend_path(void)
{
    char path[4096];
    const char *given = getenv("PATH");
    snprintf(path, sizeof(path), "%s:/usr/sbin", given ? given : "/usr/bin:/bin");
    setenv("PATH", path, 1);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--role") == 0) role_run(argc, argv);
    extend_path();
    read_options(argc, argv);
    check_payloads();
    raise_limits();
    choose();
    process_catch_signals();
    bool whole = true;
    for (const struct row *row = rows; row->name; row++)
        if (is_chosen(row->name, is_word_of_row, false)) whole = race(row) && whole;
    return !whole;
}
