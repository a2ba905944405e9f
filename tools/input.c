/* input.c: files and lines, in bounded memory. */
#include "verb.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROOM_FIRST = 65536 };

/* read(2) that goes on after a signal. */
static ssize_t read_some(int fd, char *to, size_t size)
{
    ssize_t got;
    do
        got = read(fd, to, size);
    while (got < 0 && errno == EINTR);
    return got;
}

/* Doubles it, to bytes_max at most. */
static bool grow(char **buffer, size_t *room, size_t bytes_max)
{
    size_t wanted = *room ? *room * 2 : ROOM_FIRST;
    if (wanted > bytes_max) wanted = bytes_max;
    char *grown = realloc(*buffer, wanted);
    if (!grown) return false;
    *buffer = grown;
    *room = wanted;
    return true;
}

static bool read_all(int fd, size_t bytes_max, char **text, size_t *size)
{
    char *buffer = NULL;
    size_t room = 0, used = 0;
    for (;;) {
        if (used == room && !grow(&buffer, &room, bytes_max + 1)) break;
        ssize_t got = read_some(fd, buffer + used, room - used);
        if (got < 0) break;
        used += (size_t)got;
        if (used > bytes_max) {
            errno = EFBIG;
            break;
        }
        if (got > 0) continue;
        *text = buffer;
        *size = used;
        return true;
    }
    free(buffer);
    return false;
}

bool read_file(const char *path, size_t bytes_max, char **text, size_t *size, const char **why)
{
    bool ours = strcmp(path, "-") != 0;
    int fd = ours ? open(path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
    bool done = fd >= 0 && read_all(fd, bytes_max, text, size);
    if (!done) *why = strerror(errno);
    if (ours && fd >= 0) close(fd);
    return done;
}

bool lines_fill(struct lines *lines)
{
    if (lines->begin > 0) {
        memmove(lines->buffer, lines->buffer + lines->begin, lines->end - lines->begin);
        lines->end -= lines->begin;
        lines->begin = 0;
    }
    if (lines->end == lines->room && !grow(&lines->buffer, &lines->room, lines->bytes_max + 1)) return false;
    ssize_t got = read_some(lines->fd, lines->buffer + lines->end, lines->room - lines->end);
    if (got < 0) return false;
    lines->end += (size_t)got;
    lines->ended = got == 0;
    return true;
}

/* A line of that size has come, or passed. */
static enum line take_line(struct lines *lines, size_t size)
{
    bool too_long = lines->too_long;
    lines->begin += size;
    lines->number++;
    lines->looked = 0;
    lines->too_long = false;
    return too_long ? LINE_LONG : LINE_READ;
}

enum line lines_there(struct lines *lines, const char **text, size_t *size)
{
    size_t there = lines->end - lines->begin;
    const char *begin = there ? lines->buffer + lines->begin : NULL;
    const char *newline = there > lines->looked ? memchr(begin + lines->looked, '\n', there - lines->looked) : NULL;
    *text = begin;
    *size = newline ? (size_t)(newline - begin) : there;
    if (newline) return take_line(lines, *size + 1);
    if (lines->ended && there == 0 && !lines->too_long) return LINE_END;
    if (lines->ended) return take_line(lines, there);
    lines->looked = there;
    if (there > lines->bytes_max) {
        lines->too_long = true;
        lines->begin = lines->end = lines->looked = 0;
    }
    return LINE_NONE;
}

enum line lines_next(struct lines *lines, const char **text, size_t *size)
{
    for (;;) {
        enum line line = lines_there(lines, text, size);
        if (line != LINE_NONE) return line;
        fflush(stdout);
        if (!lines_fill(lines)) return LINE_ERROR;
    }
}

void lines_fini(struct lines *lines)
{
    free(lines->buffer);
}

bool is_blank(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (!strchr(" \t\r", text[i]) || !text[i]) return false;
    return true;
}
