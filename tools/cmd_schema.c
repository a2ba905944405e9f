/* cmd_schema.c: weft schema check, validate and id. */
#include "verb.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <weft/schema.h>

enum { SCHEMAS_BYTES_MAX = 16 << 20, REFERENCES_MAX = 4096 };

#define BUILTIN "weft:"
#define BUILTIN_URI "urn:weft:schema:"

struct job {
    weft_schema_options options;
    weft_schema_source references[REFERENCES_MAX]; /* each one's URI and text are ours */
    bool all, json;
    weft_schema *schema;
    weft_validator *validator;
    const char *where; /* the document: its file, or its line */
    bool first;        /* no mismatch of it was told yet */
    int status;        /* the worst so far */
};

static void worse(struct job *job, int status)
{
    if (job->status < status) job->status = status;
}

/* --- options ----------------------------------------------------------------------------------------------------------- */

enum {
    OPTION_ALL = 1,
    OPTION_JSON,
    OPTION_STEPS,
    OPTION_DUPLICATE_KEYS,
    OPTION_DRAFT,
    OPTION_ASSERT_FORMATS,
    OPTION_REF
};

static const struct option validate_options[] = {
    {"all", no_argument, NULL, OPTION_ALL},           {"json", no_argument, NULL, OPTION_JSON},
    {"steps", required_argument, NULL, OPTION_STEPS}, {"duplicate-keys", no_argument, NULL, OPTION_DUPLICATE_KEYS},
    {"draft", required_argument, NULL, OPTION_DRAFT}, {"assert-formats", no_argument, NULL, OPTION_ASSERT_FORMATS},
    {"ref", required_argument, NULL, OPTION_REF},     {0}};
static const struct option *const compile_options = validate_options + 4;

#define COMPILE_HELP                                                                                                   \
    "  --draft 7|2020-12   the draft, where the schema does not say by $schema (2020-12)\n"                            \
    "  --assert-formats    checks \"format\"; else it is an annotation\n"                                              \
    "  --ref URI=FILE      a schema that others refer to by this URI; may be repeated. Nothing is\n"                   \
    "                      ever fetched from the network\n"

#define SCHEMA_HELP                                                                                                    \
    "A FILE or SCHEMA is a JSON file, \"-\" for the standard input, or weft:NAME for one of weft's\n"                  \
    "own: " BUILTIN "envelope, weft:listing... (a wrong name lists them).\n"

static bool set_draft(struct job *job, const char *name)
{
    if (strcmp(name, "2020-12") == 0)
        job->options.draft = WEFT_DRAFT_2020_12;
    else if (strcmp(name, "7") == 0 || strcmp(name, "draft-07") == 0)
        job->options.draft = WEFT_DRAFT_7;
    else
        return verb_usage("--draft %s: it is 7 or 2020-12", name), false;
    return true;
}

static bool set_steps(struct job *job, const char *text)
{
    char *end;
    errno = 0;
    unsigned long long steps = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno || steps < 1 || steps > UINT32_MAX)
        return verb_usage("--steps %s: it is a number from 1 to %u", text, UINT32_MAX), false;
    job->options.steps_max = (uint32_t)steps;
    return true;
}

/* URI=FILE; a URI may hold a "=", so the last one counts. */
static bool add_reference(struct job *job, const char *argument)
{
    const char *equals = strrchr(argument, '=');
    if (!equals || equals == argument || strcmp(equals, "=-") == 0)
        return verb_usage("--ref %s: it is URI=FILE", argument), false;
    if (job->options.sources_count == REFERENCES_MAX)
        return verb_error("more than %d times --ref", REFERENCES_MAX), false;
    char *text;
    size_t size;
    const char *why;
    if (!read_file(equals + 1, SCHEMAS_BYTES_MAX, &text, &size, &why))
        return verb_error("%s: %s", equals + 1, why), false;
    char *uri = strndup(argument, (size_t)(equals - argument));
    if (!uri) return free(text), verb_error("out of memory"), false;
    job->references[job->options.sources_count++] = (weft_schema_source){uri, {text, size}};
    return true;
}

/* Leaves optind at the first operand. */
static bool parse(struct job *job, const struct option *options, int argc, char **argv)
{
    opterr = 0;
    for (int option; (option = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
        switch (option) {
        case OPTION_ALL: job->all = true; break;
        case OPTION_JSON: job->json = true; break;
        case OPTION_DUPLICATE_KEYS: job->options.duplicate_keys = true; break;
        case OPTION_ASSERT_FORMATS: job->options.assert_formats = true; break;
        case OPTION_STEPS:
            if (!set_steps(job, optarg)) return false;
            break;
        case OPTION_DRAFT:
            if (!set_draft(job, optarg)) return false;
            break;
        case OPTION_REF:
            if (!add_reference(job, optarg)) return false;
            break;
        case ':': return verb_usage("%s needs a value", argv[optind - 1]), false;
        default: return verb_usage("there is no option %s", argv[optind - 1]), false;
        }
    }
    return true;
}

/* Runs a verb on its operands with the options; it returns a status, or tells job->status of several. */
static int run(int argc, char **argv, const struct option *options, int (*verb)(struct job *, int, char **))
{
    struct job *job = calloc(1, sizeof(*job));
    if (!job) return verb_error("out of memory");
    job->options = (weft_schema_options)WEFT_SCHEMA_OPTIONS;
    job->options.schema_bytes_max = SCHEMAS_BYTES_MAX;
    job->options.sources = job->references;
    worse(job, parse(job, options, argc, argv) ? verb(job, argc - optind, argv + optind) : VERB_ERROR);
    int status = job->status;
    weft_validator_close(job->validator);
    weft_schema_release(job->schema);
    for (size_t i = 0; i < job->options.sources_count; i++) {
        free((char *)job->references[i].uri);
        free((char *)job->references[i].json.data);
    }
    free(job);
    return status;
}

/* --- schemas ----------------------------------------------------------------------------------------------------------- */

static bool compile(struct job *job, const char *path, weft_bytes json)
{
    weft_error error = weft_schema_compile(json, &job->options, &job->schema);
    if (error)
        verb_error("%s: %s%s", path, weft_error_message(),
                   error == WEFT_ENOTFOUND ? " (--ref URI=FILE says where a schema is)" : "");
    return !error;
}

static bool compile_builtin(struct job *job, const char *path)
{
    const char *name = path + strlen(BUILTIN), *uri;
    weft_bytes json;
    for (size_t i = 0; (uri = weft_schema_builtin(i, &json)); i++)
        if (strcmp(uri + strlen(BUILTIN_URI), name) == 0) return compile(job, path, json);
    char names[1024] = "";
    for (size_t i = 0; (uri = weft_schema_builtin(i, &json)); i++)
        snprintf(names + strlen(names), sizeof(names) - strlen(names), " " BUILTIN "%s", uri + strlen(BUILTIN_URI));
    verb_error("%s: there is no such schema; there are%s", path, names);
    return false;
}

static bool open_schema(struct job *job, const char *path)
{
    if (strncmp(path, BUILTIN, strlen(BUILTIN)) == 0) return compile_builtin(job, path);
    char *text;
    size_t size;
    const char *why;
    if (!read_file(path, SCHEMAS_BYTES_MAX, &text, &size, &why)) return verb_error("%s: %s", path, why), false;
    bool done = compile(job, path, (weft_bytes){text, size});
    free(text);
    return done;
}

static int check_operands(struct job *job, int count, char **operands)
{
    if (count == 0) return verb_usage("which FILE?");
    for (int i = 0; i < count; i++) {
        if (!open_schema(job, operands[i])) worse(job, VERB_ERROR);
        weft_schema_release(job->schema);
        job->schema = NULL;
    }
    return VERB_YES;
}

static int check(int argc, char **argv)
{
    return run(argc, argv, compile_options, check_operands);
}

static int id_operands(struct job *job, int count, char **operands)
{
    uint8_t bytes[WEFT_SCHEMA_ID_BYTES];
    if (count != 1) return verb_usage("one FILE is wanted");
    if (!open_schema(job, operands[0])) return VERB_ERROR;
    if (weft_schema_id(job->schema, bytes)) return verb_error("%s: %s", operands[0], weft_error_message());
    for (size_t i = 0; i < sizeof(bytes); i++)
        printf("%02x", bytes[i]);
    putchar('\n');
    return VERB_YES;
}

static int id(int argc, char **argv)
{
    return run(argc, argv, compile_options, id_operands);
}

/* --- documents --------------------------------------------------------------------------------------------------------- */

/* It could not be looked at. */
static void refused(struct job *job, const char *why)
{
    worse(job, VERB_ERROR);
    if (!job->json) {
        verb_error("%s: %s", job->where, why);
        return;
    }
    char *text;
    if (asprintf(&text, "%s: %s", job->where, why) < 0) {
        verb_error("out of memory");
        return;
    }
    fputs("{\"error\": ", stdout);
    put_json_string(text);
    fputs("}\n", stdout);
    free(text);
}

static void put_member(const char *before, const char *value)
{
    fputs(before, stdout);
    put_json_string(value);
}

static bool put_mismatch(const weft_mismatch *mismatch, void *context)
{
    struct job *job = context;
    if (job->json) {
        put_member(job->first ? "{\"instance\": " : ", {\"instance\": ", mismatch->instance);
        put_member(", \"schema\": ", mismatch->schema);
        put_member(", \"keyword\": ", mismatch->keyword);
        put_member(", \"message\": ", mismatch->message);
        putchar('}');
    } else {
        const char *parts[] = {job->where,        ": ", mismatch->instance, *mismatch->instance ? ": " : "",
                               mismatch->message, " (", mismatch->schema,   ")"};
        for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
            put_plain(stdout, parts[i]);
        putchar('\n');
    }
    job->first = false;
    return job->all && !ferror(stdout);
}

static void document(struct job *job, weft_bytes text)
{
    weft_error error = weft_validate(job->validator, job->schema, text);
    if (error == WEFT_OK) {
        if (job->json) puts("{\"valid\": true}");
        return;
    }
    if (error != WEFT_EMISMATCH) {
        refused(job, weft_error_message());
        return;
    }
    worse(job, VERB_NO);
    job->first = true;
    if (job->json) fputs("{\"valid\": false, \"errors\": [", stdout);
    error = weft_validate_all(job->validator, job->schema, text, put_mismatch, job);
    if (job->json) putchar(']');
    if (error != WEFT_EMISMATCH) { /* a bound, after the first */
        worse(job, VERB_ERROR);
        if (job->json)
            put_member(", \"error\": ", weft_error_message());
        else
            verb_error("%s: %s", job->where, weft_error_message());
    }
    if (job->json) fputs("}\n", stdout);
}

static void each_line(struct job *job)
{
    struct lines lines = {.fd = STDIN_FILENO, .bytes_max = job->options.document_bytes_max};
    char where[32], why[64];
    const char *text;
    size_t size;
    enum line line = LINE_READ;
    job->where = where;
    while (!ferror(stdout) && (line = lines_next(&lines, &text, &size)) != LINE_END && line != LINE_ERROR) {
        snprintf(where, sizeof(where), "line %zu", lines.number);
        if (line == LINE_LONG) {
            snprintf(why, sizeof(why), "longer than %zu bytes", lines.bytes_max);
            refused(job, why);
        } else if (!is_blank(text, size)) {
            document(job, (weft_bytes){text, size});
        }
    }
    if (line == LINE_ERROR) {
        job->where = "the standard input";
        refused(job, strerror(errno));
    }
    lines_fini(&lines);
}

static void each_file(struct job *job, const char *path)
{
    char *text;
    size_t size;
    const char *why;
    job->where = path;
    if (!read_file(path, job->options.document_bytes_max, &text, &size, &why)) {
        refused(job, why);
        return;
    }
    document(job, (weft_bytes){text, size});
    free(text);
}

/* Whether the standard input is wanted more than once. */
static bool input_twice(int count, char **operands)
{
    int times = count == 1; /* no INSTANCE */
    for (int i = 0; i < count; i++)
        times += strcmp(operands[i], "-") == 0;
    return times > 1;
}

static int validate_operands(struct job *job, int count, char **operands)
{
    if (count == 0) return verb_usage("which SCHEMA?");
    if (input_twice(count, operands)) return verb_usage("the standard input cannot be read twice");
    if (!open_schema(job, operands[0])) return VERB_ERROR;
    if (weft_validator_open(NULL, &job->validator)) return verb_error("%s", weft_error_message());
    if (count == 1) each_line(job);
    for (int i = 1; i < count && !ferror(stdout); i++) {
        if (strcmp(operands[i], "-") == 0)
            each_line(job);
        else
            each_file(job, operands[i]);
    }
    return VERB_YES;
}

static int validate(int argc, char **argv)
{
    return run(argc, argv, validate_options, validate_operands);
}

static const char check_help[] =
    "Says on the standard error what is wrong with a schema that does not compile, and nothing of\n"
    "one that does.\n"
    "\n" SCHEMA_HELP "\n"
    "Options:\n" COMPILE_HELP "\n"
    "Exit status:\n"
    "  0 all compile; 2 one does not, or cannot be read\n";

static const char validate_help[] =
    "Validates documents against a schema: each INSTANCE is a JSON file, or \"-\": the standard input,\n"
    "a document a line (NDJSON; blank lines are passed over). Without an INSTANCE that is read.\n"
    "\n"
    "Says of each document that does not match where and why: the place in the document as a JSON\n"
    "Pointer, a sentence, and in brackets the place in the schema. What is not JSON is told on the\n"
    "standard error, and the others are validated all the same.\n"
    "\n" SCHEMA_HELP "\n"
    "Options:\n"
    "  --all               all that does not match, not only the first\n"
    "  --json              an object a line for each document:\n"
    "                        {\"valid\": true}\n"
    "                        {\"valid\": false, \"errors\": [{\"instance\": POINTER, \"schema\": POINTER,\n"
    "                          \"keyword\": ..., \"message\": ...}]}, and behind the errors \"error\": ...\n"
    "                          where a bound was met before all were told\n"
    "                        {\"error\": ...} where it could not be looked at\n"
    "  --steps N           the steps that a document may take: a keyword on a value is one, or what\n"
    "                      costs as much (10000000). Beyond it the document could not be looked at\n"
    "  --duplicate-keys    a name may stand twice in its object, in documents: the last counts, and it is as\n"
    "                      if the others were not there\n" COMPILE_HELP "\n"
    "Exit status:\n"
    "  0 all match; 1 one does not; 2 one could not be looked at, or the schema does not compile\n"
    "\n"
    "A document and a line may have 16 MiB, the schema and what it refers to the same together;\n"
    "arrays and objects may be nested 256 deep. A large document under a large schema, or one with\n"
    "very many mismatches under --all, may take more steps: --steps. A pattern that takes too many\n"
    "on one string ends likewise.\n"
    "\n"
    "JSON is taken strictly (RFC 8259, I-JSON): a name that stands twice in its object (unless allowed),\n"
    "half of a surrogate pair and an exponent beyond 1000000000 are refused. What of JSON Schema is not\n"
    "to be had stands in docs/schema.md.\n";

static const char id_help[] =
    "Prints the id of a schema: the BLAKE2b-256 of its canonical form (RFC 8785), in hexadecimal. Texts\n"
    "that mean the same have the same id on every host.\n"
    "\n" SCHEMA_HELP "\n"
    "Options:\n" COMPILE_HELP "\n"
    "Exit status:\n"
    "  0 printed; 2 it does not compile, or has no id: a number in it has no canonical form\n";

const struct verb verb_schema[] = {
    {.name = "check",
     .arguments = "[OPTION...] FILE...",
     .summary = "says whether schemas compile",
     .help = check_help,
     .run = check},
    {.name = "validate",
     .arguments = "[OPTION...] SCHEMA [INSTANCE...]",
     .summary = "says whether documents match a schema",
     .help = validate_help,
     .run = validate},
    {.name = "id", .arguments = "[OPTION...] FILE", .summary = "prints the id of a schema", .help = id_help, .run = id},
    {0}};
