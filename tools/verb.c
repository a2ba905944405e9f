/* verb.c: what every verb and the daemon say alike: help, what went wrong, and how it ended. */
#include "verb.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

static char path_now[64] = "weft"; /* the words of what runs: "weft schema check" */

void verb_path(const char *path)
{
    snprintf(path_now, sizeof(path_now), "%s", path);
}

bool verb_is(const char *word, const char *name)
{
    return word && strcmp(word, name) == 0;
}

bool verb_wants_help(int argc, char **argv)
{
    for (int i = 1; i < argc && !verb_is(argv[i], "--"); i++)
        if (verb_is(argv[i], "--help") || verb_is(argv[i], "-h")) return true;
    return false;
}

int verb_error(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char text[4096];
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    fflush(stdout);
    fprintf(stderr, "%.*s: ", (int)strcspn(path_now, " "), path_now);
    put_plain(stderr, text);
    fputc('\n', stderr);
    return VERB_ERROR;
}

static bool usage_said;

int verb_status(int status)
{
    return usage_said ? VERB_ERROR : status;
}

int verb_usage(const char *format, ...)
{
    usage_said = true;
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
    static bool said;
    if (fflush(stdout) == 0 && !ferror(stdout)) return status;
    if (said) return VERB_ERROR;
    said = true;
    return verb_error("the output cannot be written: %s", strerror(errno));
}

/* Each that was closed is opened the wrong way, so that using it is the error that it would have been. */
void verb_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0) (void)open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}
