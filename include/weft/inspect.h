/* weft/inspect.h: looking into a node: what there is, how it does, and why something waits. */
#ifndef WEFT_INSPECT_H
#define WEFT_INSPECT_H

#include <weft/channel.h>
#include <weft/dispatch.h>
#include <weft/event.h>
#include <weft/node.h>
#include <weft/schema.h>
#include <weft/types.h>
#include <weft/worker.h>

/* What waits on a channel for one activity type. */
typedef struct weft_queue_info {
    const char *activity_type; /* NULL: those without one */
    uint32_t queued[4];        /* by priority; index: weft_priority - 1 */
    uint64_t head_wait_ns[4];  /* age of the head; 0 = none waits */
} weft_queue_info;

typedef struct weft_worker_listing {
    weft_worker_info info;
    const char *group;                                 /* of its handler; NULL: pull or inline */
    const char *const *activity_types;                 /* those it takes */
    size_t activity_types_count;                       /* 0 = it takes every type */
    const uint8_t (*schema_ids)[WEFT_SCHEMA_ID_BYTES]; /* those it understands */
    size_t schema_ids_count;                           /* 0 = every schema */
} weft_worker_listing;

typedef struct weft_channel_listing {
    weft_channel_info info;
    weft_channel_options options;
    const uint8_t *schema_id;        /* of options.schema; NULL = it has none. Of WEFT_SCHEMA_ID_BYTES, as the next: */
    const uint8_t *result_schema_id; /* of options.result_schema */
    uint64_t schema_generation;      /* rises with each replacement on the node; 0 = it has none */
    weft_latency latency;
    const weft_queue_info *queues; /* those with something in them */
    size_t queues_count;
    const weft_worker_listing *workers; /* in the order of registration */
    size_t workers_count;
    const weft_death *deaths; /* the last ones, newest first */
    size_t deaths_count;
} weft_channel_listing;

/* A node at a moment: a copy, and all its own. Each channel is consistent in itself, and so are each worker and each
 * subscription; between them time has gone on. (Of a channel with more than 250 activity types the queues are, too, of
 * several moments.) A worker that has ended is listed while attempts of it run. */
typedef struct weft_listing {
    weft_node_stats stats;
    uint64_t listed_wall_ns;              /* CLOCK_REALTIME since 1970 */
    const weft_channel_listing *channels; /* by name */
    size_t channels_count;
    const weft_subscription_info *subscriptions; /* in the order of subscribing */
    size_t subscriptions_count;
} weft_listing;

/* Why a worker does not get a dispatch: the first rule that refuses, in the order in which they are asked. */
#define WEFT_RULES(X)                                                                                                  \
    X(ELIGIBLE, 0, "eligible")           /* none: it would get it */                                                   \
    X(LINK, 1, "link")                   /* its link is not armed yet, or has fired */                                 \
    X(DETACHED, 8, "detached")           /* its session has no connection, and may come back */                        \
    X(ACTIVITY_TYPE, 2, "activity_type") /* it does not take that type */                                              \
    X(SCHEMA, 7, "schema")               /* it does not understand the schema that the dispatch met */                 \
    X(DRAINING, 3, "draining")           /* it takes nothing more */                                                   \
    X(EXCLUDED, 4, "excluded")           /* the dispatch has died of it, or of its participant */                      \
    X(CAPACITY, 5, "capacity")           /* max_concurrent attempts are in flight */                                   \
    X(EXECUTOR, 6, "executor")           /* its group has no free thread */                                            \
    X(BACKLOGGED, 9, "backlogged")       /* more waits for its session than its connection takes */

typedef enum weft_rule {
#define WEFT_RULE_ENUM(name, number, text) WEFT_RULE_##name = number,
    WEFT_RULES(WEFT_RULE_ENUM)
#undef WEFT_RULE_ENUM
} weft_rule;

typedef struct weft_refusal {
    weft_worker_info worker;
    weft_rule rule;
    char sentence[256]; /* with the rule's data: "3 of 3 in flight, 1 of them orphaned" */
} weft_refusal;

/* Where a dispatch stands. */
typedef enum weft_standing {
    WEFT_STANDING_REQUEST = 1, /* not asked yet: what would become of it */
    WEFT_STANDING_QUEUED,      /* waits for a worker */
    WEFT_STANDING_ASSIGNED,    /* a worker has it */
    WEFT_STANDING_FENCED,      /* its attempt is lost, and may still run: it waits for that to stop */
    WEFT_STANDING_ENDED        /* has its outcome, which nobody has taken yet; it stands on no channel any more */
} weft_standing;

typedef struct weft_why {
    char channel[WEFT_CHANNEL_NAME_MAX + 1]; /* "" where ENDED */
    weft_dispatch_id id;                     /* {0, 0}: a request */
    weft_standing standing;
    weft_channel_state channel_state;
    weft_admission admission;       /* REQUEST: what it would be */
    char worker[WEFT_NAME_MAX + 1]; /* ASSIGNED, FENCED: who has it; REQUEST: who would get it */
    uint32_t ahead;                 /* QUEUED: dispatches of its channel that go before it, at most WEFT_AHEAD_MAX */
    uint64_t waits_ns;              /* QUEUED: for so long */
    char sentence[256];             /* the answer, in one sentence, and what would help */
    const weft_refusal *refusals;   /* of each registered worker of the channel, in the order of registration */
    size_t refusals_count;
    void *memory; /* ours */
} weft_why;

enum { WEFT_AHEAD_MAX = 256 };

#ifdef __cplusplus
extern "C" {
#endif

/* Lists the channels that match the pattern (NULL = all), what belongs to them, and the subscriptions whose own name or
 * pattern matches it as a text. Gives *listing: release it. Holds the node's lock for at most 256 records at a time, and
 * not while it arranges them. WEFT_EINVAL; WEFT_ENOMEM; WEFT_ECLOSED. Any thread. */
WEFT_API weft_error weft_node_inspect(weft_node *node, const char *pattern, weft_listing **listing);

/* Gives the listing back. Accepts NULL. It may outlive the node, unless that has an allocator of its own. */
WEFT_API void weft_listing_release(weft_listing *listing);

/* The listing as one JSON document that matches schemas/listing.schema.json: *text ends with a NUL; gives: free it with
 * weft_text_release. WEFT_EINVAL; WEFT_ENOMEM. Any thread. */
WEFT_API weft_error weft_listing_json(const weft_listing *listing, char **text, size_t *size);

/* Why a request would wait, or be rejected: asks what weft_dispatch would, changes nothing, and tells of each worker of
 * the channel the first rule that refuses it, from the predicate that decides. Of the payload and the key nothing is
 * asked: it is taken to match the schema that the channel has now. (With WEFT_OWNER_THREAD the thread becomes a
 * participant, as in weft_dispatch.) options: borrows, NULL = defaults. Gives *why: release it. WEFT_ENOCHANNEL;
 * WEFT_EINVAL; WEFT_ENOMEM; WEFT_EDEAD; WEFT_ELIMIT: dispatches_max, or the channel's activity types; WEFT_ECLOSED. Any
 * thread. */
WEFT_API weft_error weft_dispatch_why(weft_node *node, const char *channel, const weft_dispatch_options *options,
                                      weft_why *why);

/* The same for a dispatch that is known. Where it moves on meanwhile it is asked again, some times. WEFT_ENOTFOUND: it
 * never was, or has ended and been taken; WEFT_EINVAL; WEFT_ENOMEM; WEFT_ECLOSED. Any thread. */
WEFT_API weft_error weft_why_get(weft_node *node, weft_dispatch_id id, weft_why *why);

/* As a JSON document that matches schemas/why.schema.json; see weft_listing_json. */
WEFT_API weft_error weft_why_json(const weft_why *why, char **text, size_t *size);

/* Gives back what it holds, and clears it. Accepts NULL and a cleared or zeroed one. */
WEFT_API void weft_why_release(weft_why *why);

/* Accepts NULL. */
WEFT_API void weft_text_release(char *text);

/* "link", "capacity" …; "request", "queued" …; "open", "paused" …; "ready", "dead" …; "round_robin" …. Static text; any
 * thread. */
WEFT_API const char *weft_rule_name(weft_rule rule);
WEFT_API const char *weft_standing_name(weft_standing standing);
WEFT_API const char *weft_channel_state_name(weft_channel_state state);
WEFT_API const char *weft_worker_state_name(weft_worker_state state);
WEFT_API const char *weft_policy_name(weft_policy policy);

#ifdef __cplusplus
}
#endif

#endif
