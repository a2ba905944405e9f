/* shapes.c: the fields of what travels in asks and answers. Each struct stands here once. */
#include <stddef.h>

#include "remote/ask.h"

#define BYTES_OF(S, f) sizeof(((S *)0)->f)
#define PLAIN(S, f, t)                                                                                                 \
    {                                                                                                                  \
        .name = #f, .type = SHAPE_##t, .offset = offsetof(S, f), .bytes = BYTES_OF(S, f)                               \
    }
#define CHOICE(S, f, greatest)                                                                                         \
    {                                                                                                                  \
        .name = #f, .type = SHAPE_CHOICE, .offset = offsetof(S, f), .bytes = BYTES_OF(S, f), .most = (greatest)        \
    }
#define PART(S, f, shape)                                                                                              \
    {                                                                                                                  \
        .name = #f, .type = SHAPE_PART, .offset = offsetof(S, f), .bytes = BYTES_OF(S, f), .of = &weft__shape_##shape  \
    }
#define LIST_(S, f, t, shape)                                                                                          \
    {                                                                                                                  \
        .name = #f, .type = SHAPE_##t, .offset = offsetof(S, f), .bytes = BYTES_OF(S, f),                              \
        .count_at = offsetof(S, f##_count), .of = (shape)                                                              \
    }
#define LIST(S, f, shape) LIST_(S, f, LIST, &weft__shape_##shape)
#define END                                                                                                            \
    {                                                                                                                  \
        .type = SHAPE_END                                                                                              \
    }

/* What a user may have got wrong is the node's to say: any number travels. */
enum { ANY = UINT8_MAX };

static const struct shape_field fields_of_none[] = {PLAIN(struct ask_none, nothing, LEFT), END};

static const struct shape_field fields_of_dispatch_id[] = {
#define S weft_dispatch_id
    PLAIN(S, session, U64), PLAIN(S, number, U64), END
#undef S
};

static const struct shape_field fields_of_cause[] = {
#define S weft_cause
    CHOICE(S, kind, WEFT_CAUSE_LINK_LOST), PLAIN(S, value, I32), PLAIN(S, core, BOOL), END
#undef S
};

static const struct shape_field fields_of_channel_options[] = {
#define S weft_channel_options
    PLAIN(S, version, U32),
    CHOICE(S, policy, ANY),
    CHOICE(S, queue_full, ANY),
    PLAIN(S, depth_max, U32),
    PLAIN(S, bytes_max, U64),
    PLAIN(S, payload_bytes_max, U32),
    CHOICE(S, on_crash, ANY),
    PLAIN(S, attempts_max, U32),
    PLAIN(S, redispatch_wait_ms, U32),
    PLAIN(S, overlapping, BOOL),
    PLAIN(S, durable, BOOL),
    CHOICE(S, no_worker, ANY),
    PLAIN(S, starve_ms, U32),
    PLAIN(S, cancel_grace_ms, U32),
    PLAIN(S, schedule_to_start_ms, U32),
    PLAIN(S, start_to_close_ms, U32),
    PLAIN(S, schedule_to_close_ms, U32),
    PLAIN(S, heartbeat_ms, U32),
    PLAIN(S, dead_letter, TEXT),
    PLAIN(S, dedup_ms, U32),
    PLAIN(S, dedup_max, U32),
    PLAIN(S, schema, TEXT),
    PLAIN(S, result_schema, TEXT),
    PLAIN(S, opaque, BOOL),
    END
#undef S
};

static const struct shape_field fields_of_channel_info[] = {
#define S weft_channel_info
    PLAIN(S, name, CHARS),
    CHOICE(S, state, WEFT_CHANNEL_DRAINED),
    CHOICE(S, policy, WEFT_STICKY),
    PLAIN(S, workers, U32),
    PLAIN(S, workers_eligible, U32),
    PLAIN(S, queued, U32),
    PLAIN(S, queued_bytes, U64),
    PLAIN(S, queued_by_priority, U32S),
    PLAIN(S, oldest_wait_ns, U64),
    PLAIN(S, in_flight, U32),
    PLAIN(S, orphaned, U32),
    PLAIN(S, dispatched, U64),
    PLAIN(S, completed, U64),
    PLAIN(S, failed, U64),
    PLAIN(S, worker_died, U64),
    PLAIN(S, timed_out, U64),
    PLAIN(S, cancelled, U64),
    PLAIN(S, rejected, U64),
    PLAIN(S, redispatched, U64),
    PLAIN(S, deaths, U64),
    PLAIN(S, shed, U64),
    PLAIN(S, fenced, U64),
    PLAIN(S, rejected_by, U64S),
    PLAIN(S, joined, U64),
    PLAIN(S, dead_lettered, U64),
    PLAIN(S, letters, U32),
    PLAIN(S, letters_bytes, U64),
    PLAIN(S, letters_dropped, U64),
    PLAIN(S, keys, U32),
    PLAIN(S, subscribers, U32),
    PLAIN(S, published, U64),
    PLAIN(S, delivered, U64),
    PLAIN(S, dropped, U64),
    PLAIN(S, cut, U64),
    PLAIN(S, mismatched, U64),
    PLAIN(S, results_mismatched, U64),
    END
#undef S
};

static const struct shape_field fields_of_latency[] = {
#define S weft_latency
    PLAIN(S, queue, U64S), PLAIN(S, run, U64S), END
#undef S
};

static const struct shape_field fields_of_death[] = {
#define S weft_death
    PLAIN(S, participant, CHARS),
    PART(S, cause, cause),
    PLAIN(S, seen_wall_ns, U64),
    PLAIN(S, seen_ns, U64),
    PLAIN(S, workers_lost, U32),
    PLAIN(S, attempts_held, U32),
    END
#undef S
};

static const struct shape_field fields_of_node_stats[] = {
#define S weft_node_stats
    PLAIN(S, channels, U32),
    PLAIN(S, workers, U32),
    PLAIN(S, participants, U32),
    PLAIN(S, dispatches_open, U32),
    PLAIN(S, attempts_running, U32),
    PLAIN(S, dispatched, U64),
    PLAIN(S, completed, U64),
    PLAIN(S, failed, U64),
    PLAIN(S, worker_died, U64),
    PLAIN(S, timed_out, U64),
    PLAIN(S, cancelled, U64),
    PLAIN(S, rejected, U64),
    PLAIN(S, shed, U64),
    PLAIN(S, redispatched, U64),
    PLAIN(S, fenced, U64),
    PLAIN(S, deaths, U64),
    PLAIN(S, subscriptions, U32),
    PLAIN(S, published, U64),
    PLAIN(S, delivered, U64),
    PLAIN(S, dropped, U64),
    PLAIN(S, cut, U64),
    PLAIN(S, joined, U64),
    PLAIN(S, dead_lettered, U64),
    PLAIN(S, letters_dropped, U64),
    PLAIN(S, node_lost, U64),
    END
#undef S
};

static const struct shape_field fields_of_worker_info[] = {
#define S weft_worker_info
    PLAIN(S, name, CHARS),
    PLAIN(S, participant, CHARS),
    PLAIN(S, id, U64),
    CHOICE(S, state, WEFT_WORKER_REMOVED),
    PLAIN(S, max_concurrent, U32),
    PLAIN(S, in_flight, U32),
    PLAIN(S, orphaned, U32),
    PLAIN(S, completed, U64),
    PLAIN(S, errored, U64),
    PLAIN(S, last_seen_ns, U64),
    CHOICE(S, link, WEFT_LINK_SESSION),
    PLAIN(S, watched, I32),
    PLAIN(S, detached, BOOL),
    END
#undef S
};

static const struct shape_field fields_of_worker_listing[] = {
#define S weft_worker_listing
    PART(S, info, worker_info), PLAIN(S, group, TEXT), LIST_(S, activity_types, TEXTS, NULL),
    LIST_(S, schema_ids, IDS, NULL), END
#undef S
};

static const struct shape_field fields_of_queue_info[] = {
#define S weft_queue_info
    PLAIN(S, activity_type, TEXT), PLAIN(S, queued, U32S), PLAIN(S, head_wait_ns, U64S), END
#undef S
};

static const struct shape_field fields_of_channel_listing[] = {
#define S weft_channel_listing
    PART(S, info, channel_info),
    PART(S, options, channel_options),
    PLAIN(S, schema_id, ID),
    PLAIN(S, result_schema_id, ID),
    PLAIN(S, schema_generation, U64),
    PART(S, latency, latency),
    LIST(S, queues, queue_info),
    LIST(S, workers, worker_listing),
    LIST(S, deaths, death),
    END
#undef S
};

static const struct shape_field fields_of_subscription_info[] = {
#define S weft_subscription_info
    PLAIN(S, pattern, CHARS),
    PLAIN(S, participant, CHARS),
    PLAIN(S, id, U64),
    CHOICE(S, slow, WEFT_DISCONNECT),
    CHOICE(S, ended, ANY),
    PLAIN(S, items, U32),
    PLAIN(S, items_max, U32),
    PLAIN(S, bytes, U64),
    PLAIN(S, bytes_max, U64),
    PLAIN(S, delivered, U64),
    PLAIN(S, taken, U64),
    PLAIN(S, dropped, U64),
    PLAIN(S, last_seen_ns, U64),
    END
#undef S
};

static const struct shape_field fields_of_listing[] = {
#define S weft_listing
    PART(S, stats, node_stats), PLAIN(S, listed_wall_ns, U64), LIST(S, channels, channel_listing),
    LIST(S, subscriptions, subscription_info), END
#undef S
};

static const struct shape_field fields_of_refusal[] = {
#define S weft_refusal
    PART(S, worker, worker_info), CHOICE(S, rule, ANY), PLAIN(S, sentence, CHARS), END
#undef S
};

static const struct shape_field fields_of_why[] = {
#define S weft_why
    PLAIN(S, channel, CHARS),
    PART(S, id, dispatch_id),
    CHOICE(S, standing, WEFT_STANDING_ENDED),
    CHOICE(S, channel_state, WEFT_CHANNEL_DRAINED),
    CHOICE(S, admission, WEFT_ADMISSION_SENT),
    PLAIN(S, worker, CHARS),
    PLAIN(S, ahead, U32),
    PLAIN(S, waits_ns, U64),
    PLAIN(S, sentence, CHARS),
    LIST(S, refusals, refusal),
    PLAIN(S, memory, LEFT),
    END
#undef S
};

static const struct shape_field fields_of_dispatch_options[] = {
#define S weft_dispatch_options
    PLAIN(S, version, U32),
    CHOICE(S, priority, ANY),
    PLAIN(S, activity_type, TEXT),
    PLAIN(S, content_type, TEXT),
    PLAIN(S, sticky_key, TEXT),
    PLAIN(S, participant, LEFT),
    PLAIN(S, flags, LEFT),
    PLAIN(S, detached, BOOL),
    CHOICE(S, on_crash, ANY),
    CHOICE(S, no_worker, ANY),
    PLAIN(S, attempts_max, U32),
    PLAIN(S, schedule_to_start_ms, U32),
    PLAIN(S, start_to_close_ms, U32),
    PLAIN(S, schedule_to_close_ms, U32),
    PLAIN(S, heartbeat_ms, U32),
    PLAIN(S, updated, LEFT),
    PLAIN(S, updated_context, LEFT),
    PLAIN(S, window, U32),
    PLAIN(S, key, TEXT),
    END
#undef S
};

static const struct shape_field fields_of_schema_source[] = {
#define S weft_schema_source
    PLAIN(S, uri, TEXT), PLAIN(S, json, BYTES), END
#undef S
};

static const struct shape_field fields_of_schema_options[] = {
#define S weft_schema_options
    PLAIN(S, version, U32),
    CHOICE(S, draft, ANY),
    PLAIN(S, uri, TEXT),
    PLAIN(S, assert_formats, BOOL),
    LIST(S, sources, schema_source),
    PLAIN(S, schema_bytes_max, U32),
    PLAIN(S, duplicate_keys, BOOL),
    PLAIN(S, document_bytes_max, U32),
    PLAIN(S, depth_max, U32),
    PLAIN(S, steps_max, U32),
    PLAIN(S, allocator, LEFT),
    END
#undef S
};

static const struct shape_field fields_of_attempt[] = {
#define S weft_attempt
    PLAIN(S, attempt, U32),
    PLAIN(S, worker, CHARS),
    PLAIN(S, participant, CHARS),
    PLAIN(S, code, WORD),
    PART(S, cause, cause),
    PLAIN(S, run_ns, U64),
    END
#undef S
};

static const struct shape_field fields_of_letter[] = {
#define S weft_letter
    PLAIN(S, id, U64),
    PLAIN(S, channel, CHARS),
    PART(S, dispatch, dispatch_id),
    CHOICE(S, outcome, WEFT_NODE_LOST),
    PLAIN(S, code, WORD),
    CHOICE(S, priority, WEFT_PRIORITY_LOW),
    PLAIN(S, activity_type, TEXT),
    PLAIN(S, content_type, TEXT),
    PLAIN(S, schema_id, ID),
    PLAIN(S, payload, BYTES),
    PLAIN(S, came_wall_ns, U64),
    PLAIN(S, queued_ns, U64),
    LIST(S, attempts, attempt),
    PLAIN(S, memory, LEFT),
    END
#undef S
};

static const struct shape_field fields_of_ticket[] = {
#define S weft_ticket
    PART(S, id, dispatch_id), CHOICE(S, admission, WEFT_ADMISSION_SENT), PLAIN(S, retry_after_ms, U32),
    PLAIN(S, reason, WORD), END
#undef S
};

static const struct shape_field fields_of_reply[] = {
#define S weft_reply
    PART(S, id, dispatch_id),
    CHOICE(S, outcome, WEFT_NODE_LOST),
    CHOICE(S, admission, WEFT_ADMISSION_SENT),
    PLAIN(S, retry_after_ms, U32),
    PLAIN(S, attempts, U32),
    PLAIN(S, payload, BYTES),
    PLAIN(S, content_type, TEXT),
    PLAIN(S, code, WORD),
    PLAIN(S, message, TEXT),
    PLAIN(S, worker, CHARS),
    PLAIN(S, token, LEFT),
    PLAIN(S, queued_ns, U64),
    PLAIN(S, started_ns, U64),
    PLAIN(S, run_ns, U64),
    PLAIN(S, memory, LEFT),
    END
#undef S
};

static const struct shape_field fields_of_ping[] = {
#define S weft_ping
    PLAIN(S, round_trip_ns, LEFT),
    PLAIN(S, node_id, RAW),
    PLAIN(S, name, CHARS),
    PLAIN(S, version, CHARS),
    PLAIN(S, url, LEFT),
    PLAIN(S, pid, I32),
    PLAIN(S, resumed, LEFT),
    END
#undef S
};

/* --- of asks alone ---------------------------------------------------------------------------- */

static const struct shape_field fields_of_named[] = {PLAIN(struct ask_named, name, TEXT), END};

static const struct shape_field fields_of_declaration[] = {
#define S struct ask_declaration
    PLAIN(S, name, TEXT), PART(S, options, channel_options), END
#undef S
};

static const struct shape_field fields_of_drain[] = {
#define S struct ask_drain
    PLAIN(S, name, TEXT), PLAIN(S, timeout_ms, U32), END
#undef S
};

static const struct shape_field fields_of_find[] = {
#define S struct ask_find
    PLAIN(S, pattern, TEXT), PLAIN(S, cursor, U64), END
#undef S
};

static const struct shape_field fields_of_found[] = {
#define S struct ask_found
    PLAIN(S, more, BOOL), PLAIN(S, cursor, U64), LIST(S, channels, channel_info), END
#undef S
};

static const struct shape_field fields_of_deaths[] = {
#define S struct ask_deaths
    PLAIN(S, name, TEXT), PLAIN(S, max, U32), END
#undef S
};

static const struct shape_field fields_of_died[] = {LIST(struct ask_died, deaths, death), END};

static const struct shape_field fields_of_schema_text[] = {
#define S struct ask_schema_text
    PLAIN(S, json, BYTES), PART(S, options, schema_options), END
#undef S
};

static const struct shape_field fields_of_schema[] = {
#define S struct ask_schema
    PLAIN(S, name, TEXT), PART(S, text, schema_text), END
#undef S
};

static const struct shape_field fields_of_schema_set[] = {
#define S struct ask_schema_set
    PLAIN(S, channel, TEXT), CHOICE(S, role, ANY), PLAIN(S, name, TEXT), END
#undef S
};

static const struct shape_field fields_of_dispatch[] = {PART(struct ask_dispatch, id, dispatch_id), END};

static const struct shape_field fields_of_fetch[] = {
#define S struct ask_fetch
    PART(S, id, dispatch_id), PLAIN(S, timeout_ms, U32), END
#undef S
};

static const struct shape_field fields_of_request[] = {
#define S struct ask_request
    PLAIN(S, channel, TEXT), PART(S, options, dispatch_options), END
#undef S
};

static const struct shape_field fields_of_inspect[] = {
#define S struct ask_inspect
    PLAIN(S, pattern, TEXT),
    PLAIN(S, channel, TEXT),
    PLAIN(S, worker, U64),
    PLAIN(S, subscription, U64),
    PLAIN(S, bytes_max, U32),
    END
#undef S
};

static const struct shape_field fields_of_listed[] = {
#define S struct ask_listed
    PLAIN(S, more, BOOL), PART(S, listing, listing), END
#undef S
};

static const struct shape_field fields_of_letters[] = {
#define S struct ask_letters
    PLAIN(S, channel, TEXT), PLAIN(S, after, U64), PLAIN(S, last, U64), PLAIN(S, bytes_max, U32), END
#undef S
};

static const struct shape_field fields_of_letters_found[] = {
#define S struct ask_letters_found
    PLAIN(S, more, BOOL), PLAIN(S, last, U64), LIST(S, letters, letter), END
#undef S
};

static const struct shape_field fields_of_letter_of[] = {
#define S struct ask_letter
    PLAIN(S, channel, TEXT), PLAIN(S, id, U64), END
#undef S
};

static const struct shape_field fields_of_number[] = {PLAIN(struct ask_number, number, U64), END};

#define SHAPE_DEFINE(named, of) const struct shape weft__shape_##named = {#named, sizeof(of), fields_of_##named};
SHAPES(SHAPE_DEFINE)
#undef SHAPE_DEFINE

/* --- operations ------------------------------------------------------------------------------- */

static const struct ask_row rows[] = {
#define ASK_ROW(number, name, lower, arguments, gives, manner)                                                         \
    {number, manner, #lower, &weft__shape_##arguments, &weft__shape_##gives},
    ASKS(ASK_ROW)
#undef ASK_ROW
        {0, 0, NULL, NULL, NULL}};

const struct ask_row *weft__ask_row(unsigned number)
{
    for (const struct ask_row *row = rows; row->name; row++)
        if (row->number == number) return row;
    return NULL;
}

const struct ask_row *weft__ask_rows(void)
{
    return rows;
}
