#include "net/socket_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "net/pipe.h"

enum { TRIES = 100, BETWEEN_NS = 10 * 1000 * 1000 };

static weft_error tell(char *sentence, weft_error error, const char *words)
{
    (void)snprintf(sentence, PIPE_SENTENCE_BYTES, "%s", words);
    return error;
}

static weft_error tell_errno(char *sentence, const char *what)
{
    char text[64];
    (void)snprintf(sentence, PIPE_SENTENCE_BYTES, "%s: %s", what, strerror_r(errno, text, sizeof text));
    return WEFT_ESYSTEM;
}

static weft_error lock_directory(const char *path, int *directory, char *sentence)
{
    char name[sizeof(((struct sockaddr_un *)0)->sun_path)];
    size_t size = (size_t)(strrchr(path, '/') - path);
    memcpy(name, path, size);
    memcpy(name + size, "/", 2);
    int fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return tell_errno(sentence, "the socket's directory cannot be opened");
    for (int tries = 0; flock(fd, LOCK_EX | LOCK_NB); tries++) {
        if (tries == TRIES || (errno != EWOULDBLOCK && errno != EINTR)) {
            weft_error error = tell_errno(sentence, "the socket's directory cannot be locked");
            close(fd);
            return error;
        }
        nanosleep(&(struct timespec){.tv_nsec = BETWEEN_NS}, NULL);
    }
    *directory = fd;
    return WEFT_OK;
}

/* Nobody listens at a socket that refuses connections: while the directory is locked none is just coming about. */
static weft_error remove_leftover(const char *path, char *sentence)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat status;
    if (lstat(path, &status)) return errno == ENOENT ? WEFT_OK : tell_errno(sentence, "the path");
    if (!S_ISSOCK(status.st_mode)) return tell(sentence, WEFT_EEXIST, "there is a file that is no socket");
    memcpy(address.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return tell_errno(sentence, "no socket can be made");
    int failed = connect(fd, (struct sockaddr *)&address, sizeof address) ? errno : 0;
    close(fd);
    if (failed != ECONNREFUSED) return tell(sentence, WEFT_EEXIST, "somebody listens there");
    if (unlink(path)) return tell_errno(sentence, "a socket that nobody listens at cannot be removed");
    return WEFT_OK;
}

weft_error weft__socket_file_free(const char *path, int *directory, char *sentence)
{
    weft_error error = lock_directory(path, directory, sentence);
    if (error) return error;
    error = remove_leftover(path, sentence);
    if (error) weft__socket_file_release(*directory);
    return error;
}

void weft__socket_file_release(int directory)
{
    close(directory);
}
