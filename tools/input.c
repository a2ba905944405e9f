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

/* More bytes behind those that are there. */
static bool fill(struct lines *lines)
{
    if (lines->begin > 0) {
        memmove(lines->buffer, lines->buffer + lines->begin, lines->end - lines->begin);
        lines->end -= lines->begin;
        lines->begin = 0;
    }
    if (lines->end == lines->room && !grow(&lines->buffer, &lines->room, lines->bytes_max + 1)) return false;
    fflush(stdout);
    ssize_t got = read_some(lines->fd, lines->buffer + lines->end, lines->room - lines->end);
    if (got < 0) return false;
    lines->end += (size_t)got;
    lines->ended = got == 0;
    return true;
}

enum line lines_next(struct lines *lines, const char **text, size_t *size)
{
    size_t looked = 0; /* of what is there: holds no newline */
    bool too_long = false;
    for (;;) {
        size_t there = lines->end - lines->begin;
        const char *begin = there ? lines->buffer + lines->begin : NULL;
        const char *newline = there > looked ? memchr(begin + looked, '\n', there - looked) : NULL;
        if (newline || (lines->ended && there > 0)) {
            *text = begin;
            *size = newline ? (size_t)(newline - begin) : there;
            lines->begin += *size + (newline != NULL);
            lines->number++;
            return too_long ? LINE_LONG : LINE_READ;
        }
        if (lines->ended) return too_long ? (lines->number++, LINE_LONG) : LINE_END;
        looked = there;
        if (there > lines->bytes_max) {
            too_long = true;
            lines->begin = lines->end = looked = 0;
        }
        if (!fill(lines)) return LINE_ERROR;
    }
}

void lines_fini(struct lines *lines)
{
    free(lines->buffer);
}
