/* weft.c: the weft tool: one program with verbs, each a row of a table. */
#include "verb.h"

#include <string.h>

#include <weft/version.h>

static const struct verb tool_verbs[] = {{.name = "ping",
                                          .arguments = "[OPTION...]",
                                          .summary = "asks the node for a sign of life",
                                          .help = help_ping,
                                          .run = cmd_ping},
                                         {.name = "ls",
                                          .arguments = "[OPTION...] [PATTERN]",
                                          .summary = "lists channels, their workers and deaths",
                                          .help = help_ls,
                                          .run = cmd_ls},
                                         {.name = "why",
                                          .arguments = "[OPTION...] ID|CHANNEL",
                                          .summary = "says why a dispatch waits, or a request would",
                                          .help = help_why,
                                          .run = cmd_why},
                                         {.name = "call",
                                          .arguments = "[OPTION...] CHANNEL [PAYLOAD]",
                                          .summary = "dispatches, and prints the result",
                                          .help = help_call,
                                          .run = cmd_call},
                                         {.name = "work",
                                          .arguments = "[OPTION...] CHANNEL --exec COMMAND | -- PROGRAM [ARGUMENT...]",
                                          .summary = "runs a command for each task",
                                          .help = help_work,
                                          .run = cmd_work},
                                         {.name = "schema",
                                          .arguments = "VERB [ARGUMENT...]",
                                          .summary = "compiles JSON Schemas, validates documents, tells ids",
                                          .verbs = verb_schema},
                                         {0}};

static void list(FILE *to, const struct verb *table, const char *path)
{
    fprintf(to, "usage: %s VERB [ARGUMENT...]\n\nVerbs:\n", path);
    for (const struct verb *verb = table; verb->name; verb++)
        fprintf(to, "  %-12s %s\n", verb->name, verb->summary);
    fprintf(to, "\n%s VERB --help says more of each.%s\n", path,
            table == tool_verbs ? " weft --version prints the version." : "");
}

static int run(const struct verb *verbs, const char *path, int argc, char **argv)
{
    if (argc == 0) {
        list(stderr, verbs, path);
        return VERB_ERROR;
    }
    if (verb_is(argv[0], "--help") || verb_is(argv[0], "-h")) {
        list(stdout, verbs, path);
        return VERB_YES;
    }
    const struct verb *verb = verbs;
    while (verb->name && !verb_is(argv[0], verb->name))
        verb++;
    verb_path(path);
    if (!verb->name) return verb_usage("there is no verb %s", argv[0]);
    char here[64];
    snprintf(here, sizeof(here), "%s %s", path, verb->name);
    if (verb->verbs) return run(verb->verbs, here, argc - 1, argv + 1);
    if (verb_wants_help(argc, argv)) {
        printf("usage: %s %s\n\n%s", here, verb->arguments, verb->help);
        return VERB_YES;
    }
    verb_path(here);
    return verb->run(argc, argv);
}

int main(int argc, char **argv)
{
    verb_descriptors();
    if (argc > 1 && verb_is(argv[1], "--version")) {
        printf("weft %s\n", weft_version());
        return verb_end(VERB_YES);
    }
    return verb_end(run(tool_verbs, "weft", argc - 1, argv + 1));
}
