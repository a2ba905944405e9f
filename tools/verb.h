/* verb.h: what the verbs of the weft tool share: how they are found and helped, what they read and how they answer.
 *
 * Exit statuses: 0 yes; 1 no: a document does not match; 2 it could not be done: wrong usage, a file, not JSON. */
#ifndef WEFT_TOOLS_VERB_H
#define WEFT_TOOLS_VERB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum { VERB_YES = 0, VERB_NO = 1, VERB_ERROR = 2 };

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

/* Runs the verb of the table that argv[0] names, or helps. path: the words before it, "weft schema". */
int verb_run(const struct verb *verbs, const char *path, int argc, char **argv);

/* Says on the standard error what is wrong. usage: and how to get help; returns VERB_ERROR. */
__attribute__((format(printf, 1, 2))) int verb_error(const char *format, ...);
__attribute__((format(printf, 1, 2))) int verb_usage(const char *format, ...);

/* What was printed reaches its reader; else that is an error, said once. Returns the status. */
int verb_end(int status);

/* Prints text with what steers a terminal, a line or the direction of reading escaped, and what is not UTF-8 replaced: as JSON's string, and for people. */
void put_json_string(const char *text);
void put_plain(FILE *to, const char *text);

/* The whole of a file, "-" is the standard input. Gives *text: free it. false: *why says why not. */
bool read_file(const char *path, size_t bytes_max, char **text, size_t *size, const char **why);

/* Lines of a descriptor, in a buffer that grows up to bytes_max. Flushes the standard output before it waits for more. */
struct lines {
    int fd;
    size_t bytes_max;
    char *buffer;
    size_t room, begin, end; /* what is there: of room bytes */
    size_t number;           /* of the line that was last read, from 1 */
    bool ended;
};

enum line { LINE_READ, LINE_END, LINE_LONG, LINE_ERROR };

/* The next line, without its end, lent until the next call. LINE_LONG: it was longer than bytes_max and was passed over.
 * LINE_ERROR: errno says what; there are no more. */
enum line lines_next(struct lines *lines, const char **text, size_t *size);
void lines_fini(struct lines *lines);

#endif
