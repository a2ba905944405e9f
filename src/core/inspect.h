/* inspect.h: seeing inside the core: pages of what there is, and why something waits. Part of core.h.
 *
 * A page is a copy, made in one hold of at most CORE_HOLD_MAX records; a walk takes as many holds as it needs, and its
 * cursor stays good whatever happens between two of them. What came meanwhile may be on a page or not; what was there all
 * the time is there, once. These entries ask for no memory and change nothing, but for the dead that they take out of the
 * index on their way. */
#ifndef WEFT_CORE_INSPECT_H
#define WEFT_CORE_INSPECT_H

#include "core/core.h"

/* A page's room for the names of activity types: one after another, each with its terminator. */
struct core_text {
    char *bytes;
    size_t room, used;
};

struct core_queue_row {
    char activity_type[WEFT_NAME_MAX + 1]; /* "": those without one */
    uint32_t queued[CORE_PRIORITIES];
    uint64_t head_wait_ns[CORE_PRIORITIES];
};

/* "": none. */
struct core_schema_row {
    char name[SCHEMA_NAME_MAX + 1];
    unsigned char id[SCHEMA_ID_BYTES];
};

struct core_channel_row {
    uint64_t handle;
    weft_channel_info info;
    weft_channel_options options; /* dead_letter and the schemas: NULL; see the next */
    char dead_letter[WEFT_CHANNEL_NAME_MAX + 1];
    struct core_schema_row schema, result_schema;
    uint64_t generation; /* of its contract; 0 = none */
    weft_latency latency;
    weft_death deaths[WEFT_DEATHS_KEPT]; /* newest first */
    size_t deaths_count;
    struct core_queue_row *queues; /* the caller's memory */
    size_t queues_max, queues_count;
    bool more_queues; /* go on with weft__core_queues_next */
};

struct core_worker_row {
    uint64_t channel; /* its handle */
    weft_worker_info info;
    char group[WEFT_NAME_MAX + 1]; /* "": none */
    const char *activity_types;    /* in the page's text */
    uint32_t activity_types_count; /* 0 = it takes every type */
    uint32_t activity_types_bytes; /* terminators included */
    uint32_t schema_ids_count;     /* 0 = it understands every schema */
    unsigned char schema_ids[WEFT_SCHEMA_IDS_MAX][SCHEMA_ID_BYTES];
};

/* The next channel that matches: *cursor starts at 0; false: no more. row->handle is 0 where this call found none: call
 * again. row->queues and queues_max are set by the caller. */
bool weft__core_channels_next(struct core *core, uint64_t now_ns, const char *pattern, uint64_t *cursor,
                              struct core_channel_row *row);

/* More queues of that channel, behind the activity type of the row before (in its last element). False: that type is
 * gone; begin again with a row of the channel, or do without. */
bool weft__core_queues_next(struct core *core, uint64_t now_ns, struct core_channel_row *row);

/* The channel's row from its beginning. WEFT_ENOTFOUND: it is gone. */
weft_error weft__core_channel_row(struct core *core, uint64_t now_ns, uint64_t channel, struct core_channel_row *row);

/* A page of workers that have a channel, ended ones too while attempts of theirs run: at most max rows, their number in
 * *count. *cursor starts at 0; false: no more. */
bool weft__core_workers_next(struct core *core, uint64_t now_ns, uint64_t *cursor, struct core_worker_row *rows,
                             size_t max, size_t *count, struct core_text *text);

weft_error weft__core_channel_latency(struct core *core, const char *name, weft_latency *latency);

/* --- why -------------------------------------------------------------------------------------- */

struct core_why {
    uint64_t channel; /* its handle; 0: none any more */
    char channel_name[WEFT_CHANNEL_NAME_MAX + 1];
    char activity_type[WEFT_NAME_MAX + 1]; /* "": none */
    weft_dispatch_id id;                   /* {0, 0}: a request */
    weft_standing standing;
    weft_channel_state channel_state;
    uint32_t workers;              /* registered there */
    uint32_t able;                 /* of these: take the type, understand the schema, and are not draining */
    struct core_schema_row schema; /* that the dispatch met, or a request would meet now */
    uint32_t queued, depth_max;
    bool passed_over; /* who may have it gives up before it: too many before it that it may not have */
    bool has_death;   /* somebody with workers there has died: */
    weft_death death;
    uint64_t death_ago_ns;

    /* REQUEST */
    weft_admission admission;
    const char *reason; /* where rejected; static */
    uint32_t retry_after_ms;
    bool blocks;                    /* weft_dispatch waits for room */
    char worker[WEFT_NAME_MAX + 1]; /* who would get it; ASSIGNED, FENCED: who has it */

    /* a known one */
    uint32_t ahead;
    uint64_t waits_ns; /* for a worker; ASSIGNED: for its handler, or (taken) it runs for so long */
    bool taken, cancelling;
    uint32_t attempt, attempts_max;
    weft_outcome outcome;

    /* how it was when the walk began: the walk is of one moment where nothing of this has changed */
    uint8_t state, attempts;
    int32_t budget; /* of this hold */
};

struct core_refusal_row {
    struct core_worker_row worker;
    weft_rule rule;
    weft_cause cause;     /* LINK, where it has fired */
    uint64_t died_ago_ns; /* likewise; 0: it is not armed yet */
    uint64_t retry_in_ns; /* EXCLUDED: until it will do; about CORE_NEVER: never */
    uint32_t group_busy, group_limit;
};

/* What admission would do with the request, whose payload is not looked at. WEFT_ENOCHANNEL; WEFT_EINVAL; WEFT_EDEAD;
 * WEFT_ELIMIT; WEFT_ECLOSED, as weft__core_dispatch. */
weft_error weft__core_why_request(struct core *core, uint64_t now_ns, const struct core_request *request,
                                  struct core_why *why);

/* Where the dispatch stands. WEFT_ENOTFOUND. */
weft_error weft__core_why_dispatch(struct core *core, uint64_t now_ns, weft_dispatch_id id, struct core_why *why);

/* Of each registered worker of the channel the first rule that refuses. As weft__core_workers_next; in the hold of the
 * entry before it keeps to what that left of the budget, in others the caller sets why->budget to CORE_HOLD_MAX. request:
 * the one asked about, else NULL. False: no more. *changed: the dispatch stands elsewhere by now: ask again. */
bool weft__core_refusals_next(struct core *core, uint64_t now_ns, const struct core_request *request,
                              struct core_why *why, uint64_t *cursor, struct core_refusal_row *rows, size_t max,
                              size_t *count, struct core_text *text, bool *changed);

/* --- what happens ----------------------------------------------------------------------------- */

enum { CORE_NOTES_MAX = 1024 };

struct core_note {
    weft_node_event_kind kind;
    weft_cause cause;
    uint64_t count, at_ns;
    char channel[WEFT_CHANNEL_NAME_MAX + 1];
    char worker[WEFT_NAME_MAX + 1];
    char participant[WEFT_NAME_MAX + 1];
};

/* From now on what happens is noted: an item of the kind CORE_ITEM_NOTES stands in the destination while there is
 * something to take. WEFT_ENOMEM. */
weft_error weft__core_notes_open(struct core *core, struct core_dest *dest);

/* Takes the item out of the destination, where it stands first, and the oldest note. The item goes to the end of the FIFO
 * again where there are more. */
void weft__core_note_take(struct core *core, struct core_note *note);

/* Somebody cannot be let in for want of descriptors; noted once a minute. */
void weft__core_no_descriptors(struct core *core, uint64_t now_ns);

#endif
