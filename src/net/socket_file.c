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

static void unlock_directory(struct socket_file *file)
{
    if (file->directory >= 0) close(file->directory);
    file->directory = -1;
}

weft_error weft__socket_file_free(struct socket_file *file, const char *path, char *sentence)
{
    *file = (struct socket_file){.directory = -1};
    (void)snprintf(file->path, sizeof file->path, "%s", path);
    weft_error error = lock_directory(path, &file->directory, sentence);
    if (error) return error;
    error = remove_leftover(path, sentence);
    if (error) unlock_directory(file);
    return error;
}

void weft__socket_file_bound(struct socket_file *file)
{
    struct stat status;
    if (!lstat(file->path, &status)) {
        file->device = status.st_dev;
        file->inode = status.st_ino;
    }
    unlock_directory(file);
}

/* In the same directory; of this process, and whoever holds the lock. */
static const char *name_aside(const struct socket_file *file, char *name, size_t size)
{
    (void)snprintf(name, size, "%s.%ld.aside", file->path, (long)getpid());
    return name;
}

/* Moved, not linked: who may unlink it may do that, and need not own it. */
void weft__socket_file_leave(struct socket_file *file)
{
    char sentence[PIPE_SENTENCE_BYTES], name[sizeof file->path + 32];
    struct stat status;
    (void)lock_directory(file->path, &file->directory, sentence);
    /* As long as ours is open nobody else's has its inode. */
    bool gone = lstat(file->path, &status);
    bool ours = !gone && status.st_dev == file->device && status.st_ino == file->inode;
    file->aside = !gone && !ours && rename(file->path, name_aside(file, name, sizeof name)) == 0;
}

void weft__socket_file_left(struct socket_file *file)
{
    char name[sizeof file->path + 32];
    if (file->aside) (void)rename(name_aside(file, name, sizeof name), file->path);
    unlock_directory(file);
}
