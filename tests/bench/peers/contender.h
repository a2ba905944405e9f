/* contender.h: what is raced, and what each contender brings. A race has three kinds of process: a server, workers and a
 * client, all of them this program in a role, or for the server the peer's own. A role process serves one contender, so
 * a contender keeps its connections in static variables of its file. To add one: a file, and a line in contenders.c. */
#ifndef WEFT_TESTS_BENCH_PEERS_CONTENDER_H
#define WEFT_TESTS_BENCH_PEERS_CONTENDER_H

#include <stdbool.h>
#include <stddef.h>

#include <weft/types.h>

#include "stream.h"

/* The command line of a server, and the directory it may write to. */
struct launch {
    int port; /* on 127.0.0.1; the two after it are free as well */
    const char *directory;
    int count;
    char *arguments[32];
};

__attribute__((format(printf, 2, 3))) void launch_add(struct launch *launch, const char *format, ...);
/* Writes a file into the directory and adds its path. */
__attribute__((format(printf, 3, 4))) void launch_add_file(struct launch *launch, const char *name, const char *format,
                                                           ...);

struct contender {
    const char *name;
    const char *program;          /* the server's; NULL: serve() */
    bool heavy;                   /* raced only when it is asked for by name */
    bool bare;                    /* not something to use in place of weft: never the best of a row */
    const char *(*missing)(void); /* why it cannot be raced here, or NULL; NULL = when there is no program */

    void (*launch)(struct launch *launch);
    void (*serve)(int port); /* never returns */

    /* The client. What is submitted may wait until flush(). collect() waits for at least one reply and gives each that
     * is there to reply_taken(). */
    void (*open)(int port);
    void (*submit)(weft_bytes payload);
    void (*flush)(void);
    int (*collect)(void); /* how many */

    /* A worker that answers each task with its payload, from `window` in all that are outstanding. Tells ready(), never
     * returns. NULL: it has no workers. */
    void (*work)(int port, int window);

    /* A worker that takes one task and tells took() at once, but never answers it. NULL: the contender does not hand the
     * task of a dead worker to another. */
    void (*hold)(int port);
    void (*hold_bare)(int port); /* the same, but with the least code that can take one; NULL: none */
    int hands_max;               /* how often one task is handed on; 0 = always */

    /* Fan-out; NULL: none. The publisher uses open() and flush(). heard() waits for at least one event and returns how
     * many were taken. */
    void (*publish)(weft_bytes payload);
    void (*subscribe)(int port); /* until the server knows it */
    int (*heard)(void);

    /* A worker that waits on a connection of its own, and one more on a connection that has some. Both return when the
     * server knows. NULL: not measured. */
    void (*idle)(struct stream *stream, int port);
    void (*idle_shared)(struct stream *stream, int index);
    unsigned settle_s; /* from then on it is idle to the server, too: after so many seconds */

    bool round_trip_only; /* and crash, where it can hold */
};

extern const struct contender *const contenders[]; /* ends with NULL */
const struct contender *contender_named(const char *name);

extern const struct contender contender_weft, contender_weft_opaque, contender_epoll, contender_nng, contender_gearmand,
    contender_redis, contender_nats, contender_beanstalkd, contender_zeromq, contender_mosquitto, contender_rabbitmq,
    contender_weft_ten, contender_weft_many;

/* What a role tells the race. */
void ready(void);
void took(void);
void reply_taken(weft_bytes reply); /* fails the role unless it is what was submitted */

/* Fails the role with a sentence on stderr. */
__attribute__((noreturn, format(printf, 1, 2))) void fail(const char *format, ...);

#endif
