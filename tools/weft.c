/* weft.c: the weft tool: one program with verbs, each a row of a table. */
#include "verb.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include <weft/version.h>

static const struct verb tool_verbs[] = {{.name = "schema",
                                          .arguments = "VERB [ARGUMENT...]",
                                          .summary = "compiles JSON Schemas, validates documents, tells ids",
                                          .verbs = verb_schema},
                                         {0}};

static char path_now[64] = "weft"; /* the words of the verb that runs */

static void list(FILE *to, const struct verb *table, const char *path)
{
    fprintf(to, "usage: %s VERB [ARGUMENT...]\n\nVerbs:\n", path);
    for (const struct verb *verb = table; verb->name; verb++)
        fprintf(to, "  %-12s %s\n", verb->name, verb->summary);
    fprintf(to, "\n%s VERB --help says more of each.%s\n", path,
            table == tool_verbs ? " weft --version prints the version." : "");
}

static bool is(const char *word, const char *name)
{
    return word && strcmp(word, name) == 0;
}

int verb_run(const struct verb *verbs, const char *path, int argc, char **argv)
{
    if (argc == 0) {
        list(stderr, verbs, path);
        return VERB_ERROR;
    }
    if (is(argv[0], "--help") || is(argv[0], "-h")) {
        list(stdout, verbs, path);
        return VERB_YES;
    }
    const struct verb *verb = verbs;
    while (verb->name && !is(argv[0], verb->name))
        verb++;
    snprintf(path_now, sizeof(path_now), "%s", path);
    if (!verb->name) return verb_usage("there is no verb %s", argv[0]);
    char here[sizeof(path_now)];
    snprintf(here, sizeof(here), "%s %s", path, verb->name);
    if (verb->verbs) return verb_run(verb->verbs, here, argc - 1, argv + 1);
    for (int i = 1; i < argc && !is(argv[i], "--"); i++) {
        if (!is(argv[i], "--help") && !is(argv[i], "-h")) continue;
        printf("usage: %s %s\n\n%s", here, verb->arguments, verb->help);
        return VERB_YES;
    }
    snprintf(path_now, sizeof(path_now), "%s", here);
    return verb->run(argc, argv);
}

int verb_error(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char text[4096];
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    fflush(stdout);
    fputs("weft: ", stderr);
    put_plain(stderr, text);
    fputc('\n', stderr);
    return VERB_ERROR;
}

int verb_usage(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char text[4096];
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    verb_error("%s", text);
    fprintf(stderr, "Try: %s --help\n", path_now);
    return VERB_ERROR;
}

int verb_end(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout)) return status;
    return verb_error("the output cannot be written: %s", strerror(errno));
}

int main(int argc, char **argv)
{
    if (argc > 1 && is(argv[1], "--version")) {
        printf("weft %s\n", weft_version());
        return verb_end(VERB_YES);
    }
    return verb_end(verb_run(tool_verbs, "weft", argc - 1, argv + 1));
}
