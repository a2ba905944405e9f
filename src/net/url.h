/* url.h: where to connect, taken apart. */
#ifndef WEFT_NET_URL_H
#define WEFT_NET_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "net/pipe.h"

enum url_kind { URL_IPC, URL_TCP, URL_TLS };

struct url {
    enum url_kind kind;
    bool loopback;             /* this machine, by the look of it */
    uint16_t port;             /* 0 = any that is free */
    char host[PIPE_URL_BYTES]; /* without brackets; ipc: the path */
    bool v6;                   /* the host is an IPv6 address */
};

/* The scheme is in lower case; no user, path, query or fragment follows a port; a host is an IPv4 address of four
 * decimal numbers, an IPv6 address in brackets, or a name. False: the sentence says what is wrong. */
bool weft__url_parse(const char *text, struct url *url, char sentence[PIPE_SENTENCE_BYTES]);

#endif
