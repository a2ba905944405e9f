/* ask.h: what a client asks a node to do or tell that is no dispatch, task or event: channels, schemas, letters, what there is.
 *
 * An ask names an operation and brings its arguments; the node calls the public function of its own, and answers with the
 * error, its sentence and what the function gave. Both ends are in one row of a table, so that neither can change alone.
 *
 *     client: weft__ask_...  -> ask{operation, arguments} -> weft__ask_serve: what only looks or takes long: the clerk (clerk.h)
 *                                                            the others: at once, in the thread that reads
 *             what it gave   <- answer{error, sentence, body} <-
 *
 * What changes something is done in the order in which it was asked, among the session's other frames; the others see things as
 * they were at some moment between the ask and its answer. All but a ping go behind what was put before them, however large that
 * is: with the answer the node has dealt with it. */
#ifndef WEFT_REMOTE_ASK_H
#define WEFT_REMOTE_ASK_H

#include <weft/weft.h>

#include "remote/shape.h"

enum ask_manner {
    ASK_AT_ONCE = 1,
    ASK_BY_CLERK,
    ASK_WAITS /* at once, and where it has to wait, by the clerk */
};

/* X(number, NAME, name, arguments, what it gives, manner). Numbers are never used again. */
#define ASKS(X)                                                                                                        \
    X(1, PING, ping, none, ping, ASK_AT_ONCE)                                                                          \
    X(2, NODE_STATS, node_stats, none, node_stats, ASK_AT_ONCE)                                                        \
    X(3, INSPECT, inspect, inspect, listed, ASK_BY_CLERK)                                                              \
    X(8, CHANNEL_DECLARE, channel_declare, declaration, none, ASK_AT_ONCE)                                             \
    X(9, CHANNEL_TEMPLATE, channel_template, declaration, none, ASK_AT_ONCE)                                           \
    X(10, CHANNEL_PAUSE, channel_pause, named, none, ASK_AT_ONCE)                                                      \
    X(11, CHANNEL_RESUME, channel_resume, named, none, ASK_AT_ONCE)                                                    \
    X(12, CHANNEL_DRAIN, channel_drain, drain, none, ASK_WAITS)                                                        \
    X(13, CHANNEL_DELETE, channel_delete, named, none, ASK_AT_ONCE)                                                    \
    X(14, CHANNEL_FIND, channel_find, find, found, ASK_BY_CLERK)                                                       \
    X(15, CHANNEL_INFO, channel_info, named, channel_info, ASK_AT_ONCE)                                                \
    X(16, CHANNEL_LATENCY, channel_latency, named, latency, ASK_AT_ONCE)                                               \
    X(17, CHANNEL_DEATHS, channel_deaths, deaths, died, ASK_AT_ONCE)                                                   \
    X(18, CHANNEL_SCHEMA_SET, channel_schema_set, schema_set, none, ASK_AT_ONCE)                                       \
    X(24, SCHEMA_REGISTER, schema_register, schema, none, ASK_AT_ONCE)                                                 \
    X(25, SCHEMA_GET, schema_get, named, schema_text, ASK_AT_ONCE)                                                     \
    X(26, SCHEMA_UNREGISTER, schema_unregister, named, none, ASK_AT_ONCE)                                              \
    X(32, DISPATCH_CANCEL, dispatch_cancel, dispatch, none, ASK_AT_ONCE)                                               \
    X(33, DISPATCH_FETCH, dispatch_fetch, fetch, reply, ASK_WAITS)                                                     \
    X(34, DISPATCH_WHY, dispatch_why, request, why, ASK_BY_CLERK)                                                      \
    X(35, WHY_GET, why_get, dispatch, why, ASK_BY_CLERK)                                                               \
    X(40, LETTERS_FIND, letters_find, letters, letters_found, ASK_BY_CLERK)                                            \
    X(41, LETTER_LOOK, letter_look, letter_of, letter, ASK_AT_ONCE)                                                    \
    X(42, LETTER_TAKE, letter_take, letter_of, none, ASK_AT_ONCE)                                                      \
    X(43, LETTER_PUT_BACK, letter_put_back, letter_of, ticket, ASK_AT_ONCE)                                            \
    X(48, WORKER_INFO, worker_info, number, worker_info, ASK_AT_ONCE)                                                  \
    X(49, SUBSCRIPTION_INFO, subscription_info, number, subscription_info, ASK_AT_ONCE)

enum ask_operation {
#define ASK_ENUM(number, name, lower, arguments, gives, manner) ASK_##name = number,
    ASKS(ASK_ENUM)
#undef ASK_ENUM
};

struct ask_none {
    unsigned char nothing; /* C wants a member; it does not travel */
};

struct ask_named {
    const char *name;
};

struct ask_declaration {
    const char *name; /* or pattern */
    weft_channel_options options;
};

struct ask_drain {
    const char *name;
    uint32_t timeout_ms;
};

struct ask_find {
    const char *pattern;
    uint64_t cursor; /* 0: from the beginning; else what the page before said */
};

struct ask_found {
    bool more;
    uint64_t cursor;
    const weft_channel_info *channels;
    size_t channels_count;
};

struct ask_deaths {
    const char *name;
    uint32_t max;
};

struct ask_died {
    const weft_death *deaths;
    size_t deaths_count;
};

struct ask_schema_text {
    weft_bytes json;
    weft_schema_options options;
};

struct ask_schema {
    const char *name;
    struct ask_schema_text text;
};

struct ask_schema_set {
    const char *channel;
    weft_schema_role role;
    const char *name; /* NULL = none */
};

struct ask_dispatch {
    weft_dispatch_id id;
};

struct ask_fetch {
    weft_dispatch_id id;
    uint32_t timeout_ms;
};

struct ask_request {
    const char *channel;
    weft_dispatch_options options;
};

/* A listing comes in pages of about bytes_max: where there is more, the next ask says what the last page ended with. */
struct ask_inspect {
    const char *pattern;   /* NULL = all */
    const char *channel;   /* NULL: from the beginning; else the last that was listed */
    uint64_t worker;       /* and the last of its workers */
    uint64_t subscription; /* and the last subscription; 0 = none yet */
    uint32_t bytes_max;
};

struct ask_listed {
    bool more;
    weft_listing
        listing; /* where the first channel is the one that the page before ended with, these are its next workers */
};

struct ask_letters {
    const char *channel;
    uint64_t after, last; /* ids: those behind the one, up to the other; 0, 0: from the beginning */
    uint32_t bytes_max;
};

struct ask_letters_found {
    bool more;
    uint64_t last; /* for the next page */
    const weft_letter *letters;
    size_t letters_count;
};

struct ask_letter {
    const char *channel;
    uint64_t id; /* 0 = the oldest */
};

struct ask_number {
    uint64_t number; /* the client's, of a worker or subscription */
};

union ask_arguments {
    struct ask_none none;
    struct ask_named named;
    struct ask_declaration declaration;
    struct ask_drain drain;
    struct ask_find find;
    struct ask_deaths deaths;
    struct ask_schema schema;
    struct ask_schema_set schema_set;
    struct ask_dispatch dispatch;
    struct ask_fetch fetch;
    struct ask_request request;
    struct ask_inspect inspect;
    struct ask_letters letters;
    struct ask_letter letter_of;
    struct ask_number number;
};

struct ask_row {
    uint16_t number;
    enum ask_manner manner;
    const char *name;
    const struct shape *arguments, *gives;
};

/* NULL: there is no such operation. rows: all there are, the last with a NULL name. */
const struct ask_row *weft__ask_row(unsigned number);
const struct ask_row *weft__ask_rows(void);

#endif
