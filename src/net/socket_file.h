/* socket_file.h: the place of an ipc socket. A listener that crashed leaves its file behind, and nobody can bind there
 * until it is gone; but what somebody listens at, and what is no socket, must stay. */
#ifndef WEFT_NET_SOCKET_FILE_H
#define WEFT_NET_SOCKET_FILE_H

#include <weft/error.h>

/* Makes the path free for a bind, and keeps others that ask the same from the directory until it is released, or two
 * that start at once would each take the other's new socket for a leftover. Waits up to a second for them. WEFT_EEXIST:
 * somebody listens there, or it is no socket; WEFT_ESYSTEM. The sentence (PIPE_SENTENCE_BYTES) says more. */
weft_error weft__socket_file_free(const char *path, int *directory, char *sentence);
void weft__socket_file_release(int directory);

#endif
