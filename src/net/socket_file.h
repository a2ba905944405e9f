/* socket_file.h: the place of an ipc socket. A listener that crashed leaves its file behind, and nobody can bind there
 * until it is gone; but what somebody listens at, and what is no socket, must stay. */
#ifndef WEFT_NET_SOCKET_FILE_H
#define WEFT_NET_SOCKET_FILE_H

#include <stdbool.h>
#include <sys/types.h>
#include <sys/un.h>

#include <weft/error.h>

struct socket_file {
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
    dev_t device; /* with inode: what was bound there; both 0: it was gone at once */
    ino_t inode;
    int directory; /* locked; -1: it could not be */
    bool aside;    /* what is somebody else's */
};

/* Makes the path free for a bind, and keeps others that ask the same from the directory until bound is called, or two
 * that start at once would each take the other's new socket for a leftover. Waits up to a second for them. WEFT_EEXIST:
 * somebody listens there, or it is no socket; WEFT_ESYSTEM. The sentence (PIPE_SENTENCE_BYTES) says more. */
weft_error weft__socket_file_free(struct socket_file *file, const char *path, char *sentence);

/* It was bound there, or that has failed. */
void weft__socket_file_bound(struct socket_file *file);

/* Before and after what unlinks the path. Our socket may have been removed, and another be there that somebody listens at:
 * it is kept, and is away from its place in between. Waits as above; a directory that cannot be locked is no reason
 * not to end. */
void weft__socket_file_leave(struct socket_file *file);
void weft__socket_file_left(struct socket_file *file);

#endif
