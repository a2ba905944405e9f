/* calls.h: every call of the public interface, once, as a row of a table: for tests that hold each of them to the
 * same contract (forked children, memory that is refused).
 *
 * A row is made on a cast: a node with something of everything, in which each row's call succeeds. It may use up
 * what is in it; so each row gets a cast of its own where that matters. calls_check_complete notices a call that has
 * no row. */
#ifndef WEFT_TESTS_CALLS_H
#define WEFT_TESTS_CALLS_H

#include <pthread.h>

#include <weft/weft.h>

#define CALLS_ECHO "dispatch.cast.echo" /* one worker with a handler; nothing waits or runs there */
#define CALLS_HOLD "dispatch.cast.hold" /* one whose handler holds `held` until the cast is closed */
#define CALLS_PULL                                                                                                     \
    "dispatch.cast.pull" /* a pull worker: `task`, which streams, is taken, another one waits in its inbox */
#define CALLS_WAIT "dispatch.cast.wait"   /* nobody works there: `open` waits */
#define CALLS_EMPTY "dispatch.cast.empty" /* nothing */
#define CALLS_LATE "dispatch.cast.late"   /* nobody works there any more; its dead letters go to: */
#define CALLS_DEAD "dispatch.cast.dead"   /* one letter stands there, `letter` was fetched */
#define CALLS_NEWS "event.cast.news"      /* `ear` hears it */
#define CALLS_ASKS "dispatch.cast.asks" /* asks for schemas, of requests and results, that nobody has met yet; echoed */
#define CALLS_SAYS "event.cast.says"    /* asks for one, too */
#define CALLS_MADE "dispatch.cast.made" /* is made from a template when somebody registers */

struct cast {
    weft_node *node;
    weft_group *group; /* without threads, and without workers */
    weft_worker *echo, *hold, *pull, *asks;
    weft_schema *schema; /* registered as "thing"; and as "spare", which nobody names */
    weft_task *held, *task;
    weft_completions *completions; /* one outcome can be fetched; `open` is its other dispatch */
    weft_subscription *ear; /* pulls the events of CALLS_NEWS: `event` is taken, another one waits in its inbox */
    weft_dispatch_id open;
    weft_dispatch_id detached; /* its outcome can be fetched */
    weft_participant *participant;
    weft_reply reply; /* not released yet; nor are these: */
    weft_event event;
    weft_letter letter;
    weft_listing *listing;
    weft_why why;
    char *text;
    pid_t home;                      /* the process that opened it */
    const weft_allocator *allocator; /* of its node */

    pthread_mutex_t mutex; /* guards what its threads tell each other */
    pthread_cond_t cond;
    bool may_end;
};

/* threads of the default group, at least 2: one is held. allocator: NULL = malloc. Close accepts what rows have used
 * up. */
void cast_open(struct cast *cast, uint32_t threads, const weft_allocator *allocator);
void cast_close(struct cast *cast);

/* Waits until nothing moves any more: what a call set off has come to its end. */
void cast_settle(struct cast *cast);

/* All of the node's that can be seen and that time does not change, as text. Static memory. */
const char *cast_seen(struct cast *cast);

enum in_child {
    IN_CHILD_REFUSED = 0, /* returns WEFT_EFORKED */
    IN_CHILD_HARMLESS     /* cannot say so, or has no need to: the row checks what it does, and returns WEFT_OK */
};

struct call {
    const char *name;    /* of the function */
    const char *variant; /* "" or how it is called */
    weft_error (*call)(struct cast *cast);
    enum in_child in_child;
};

extern const struct call calls[];
extern const size_t calls_count;

/* Fails, with their names, where functions that include/weft declares and the library has stand in no row. */
void calls_check_complete(void);

#endif
