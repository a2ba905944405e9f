/* world.h: nodes, clients and their work on a stage, and what has to be true of them.
 *
 * The library is all there: a node and its clients are opened, dialled, used and closed by the public interface, as the host
 * programs of several machines would. What happens to them (partitions, lost connections, crashes, restarts, memory that is
 * refused) is the director's to decide. A crash is a host that the network does not let through any more; what is left of it
 * is closed where nobody sees it. */
#ifndef WEFT_WIRE_WORLD_H
#define WEFT_WIRE_WORLD_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <weft/weft.h>

#include "lib/failmem.h"
#include "sim/rng.h"
#include "wire/stage.h"

enum { NODES_MAX = 2, CLIENTS_MAX = 4, CHANNELS = 3, JOBS_MAX = 6000, ATTEMPTS_MAX = 16, LIVES_MAX = 250 };

/* Says what is broken, where and when, and stops the program. */
_Noreturn void broken(const char *format, ...) __attribute__((format(printf, 1, 2)));
#define EXPECT(condition, ...) ((condition) ? (void)0 : broken(__VA_ARGS__))

#define TRACE(...)                                                                                                     \
    do {                                                                                                               \
        if (world.trace) trace(__VA_ARGS__);                                                                           \
    } while (0)
void trace(const char *format, ...) __attribute__((format(printf, 1, 2)));

struct job;

/* One run of a host program that has a node or has dialled one. */
struct host {
    uint32_t number; /* of the node, or the client */
    bool dials;
    uint32_t life;
    bool up, crashed, over;
    bool rests; /* it has nothing more to do before the world's end */
    weft_node *node;
    struct failmem memory;
    uint32_t open_count; /* jobs that it has asked for, and that have no outcome */
    uint32_t callers;    /* threads that ask, besides its own */
    bool callers_wanted;
};

struct world {
    uint64_t seed;
    FILE *trace;
    uint32_t nodes_count, clients_count;
    uint32_t jobs_wanted;
    bool times; /* some jobs have bounds, or are cancelled */
    bool calm;  /* no more faults, no more work */
    bool done;
    uint32_t large_in; /* a payload in so many is large; 0 = none */
    uint32_t window_bytes;
    uint32_t resume_ms, lost_ms, beat_ms, pace_ms;
    struct host *nodes[NODES_MAX], *clients[CLIENTS_MAX]; /* in their newest lives */
    uint32_t people;                                      /* threads of the test's own that are not over */
};
extern struct world world;

/* jobs.c: dispatches, from all that is known of each. */

enum said { SAID_NONE = 0, SAID_COMPLETE, SAID_FAIL, SAID_CANCELLED, SAID_ABANDON };

struct job {
    uint32_t caller; /* 1 + the client's number; 0: asked for at a node */
    uint32_t life;   /* of the caller */
    bool redispatch; /* on_crash */
    uint32_t attempts_max;
    bool bounded; /* it has times */
    bool cancel_asked;
    bool streams;
    uint32_t window;
    bool admitted, ended;
    weft_outcome outcome;
    weft_dispatch_id id;
    uint32_t entered;                /* bits: attempts whose handler was entered */
    uint8_t said[ATTEMPTS_MAX + 1];  /* what the handler of an attempt has said, and was told WEFT_OK */
    uint8_t tried[ATTEMPTS_MAX + 1]; /* what it has tried to say */
    uint32_t acknowledged;           /* bits: attempts whose result the worker's line was told that it was got */
    uint32_t heard_attempt;
    uint64_t heard_parts;
    struct host *host; /* of the caller, while it is open */
};

extern struct job jobs[JOBS_MAX];
extern uint32_t jobs_count;

extern const char *const channel_names[CHANNELS];

/* Dispatches one, some way or other; false: it was not let in. may_wait: until its outcome, perhaps. */
bool job_ask(struct host *host, bool may_wait);
void job_cancel_some(struct host *host);
void job_handle(weft_task *task, void *host);   /* a weft_handler */
bool job_of(weft_bytes payload, uint32_t *job); /* false: no payload of ours */

/* tap.c tells. */
void job_acknowledged(uint32_t job, uint32_t attempt, uint8_t kind);

uint32_t jobs_open(void);
void jobs_print_open(void);

/* tap.c */
void tap_open(void);
void tap_close(void);
void tap_node_new(uint32_t node);

/* wire.c */
struct wire_report {
    uint64_t steps, worlds, jobs, frames, bytes, connections, resumed, anew, resent, nanoseconds;
    uint64_t outcomes[8];
};
extern struct wire_report report;

#endif
