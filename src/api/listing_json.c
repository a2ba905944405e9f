/* listing_json.c: a listing as one document: schemas/listing.schema.json. Members are called as the fields are; enums are
 * words, what has no bound or no name is null. */
#include <weft/inspect.h>

#include "api/error.h"
#include "api/inspect_json.h"

static void bound_ms(struct json *json, const char *name, uint32_t ms)
{
    if (ms == WEFT_FOREVER)
        weft__json_text(json, name, NULL);
    else
        weft__json_number(json, name, ms);
}

static const char *word(const char *const *words, unsigned value, unsigned count)
{
    return value < count ? words[value] : "none";
}

#define WORD(words, value) word(words, (unsigned)(value), sizeof(words) / sizeof(*(words)))
#define NUMBER(from, field) weft__json_number(json, #field, (from)->field);

static void by_priority32(struct json *json, const char *name, const uint32_t *counts)
{
    weft__json_open(json, name, '{');
    for (unsigned p = 0; p < 4; p++)
        weft__json_number(json, weft_priority_name((weft_priority)(p + 1)), counts[p]);
    weft__json_close(json, '}');
}

static void by_priority64(struct json *json, const char *name, const uint64_t *counts)
{
    weft__json_open(json, name, '{');
    for (unsigned p = 0; p < 4; p++)
        weft__json_number(json, weft_priority_name((weft_priority)(p + 1)), counts[p]);
    weft__json_close(json, '}');
}

/* --- the node --------------------------------------------------------------------------------- */

static void put_stats(struct json *json, const weft_node_stats *s)
{
    weft__json_open(json, "stats", '{');
    NUMBER(s, channels)
    NUMBER(s, workers)
    NUMBER(s, participants)
    NUMBER(s, dispatches_open)
    NUMBER(s, attempts_running)
    NUMBER(s, dispatched)
    NUMBER(s, completed)
    NUMBER(s, failed)
    NUMBER(s, worker_died)
    NUMBER(s, timed_out)
    NUMBER(s, cancelled)
    NUMBER(s, rejected)
    NUMBER(s, shed)
    NUMBER(s, redispatched)
    NUMBER(s, fenced)
    NUMBER(s, deaths)
    NUMBER(s, subscriptions)
    NUMBER(s, published)
    NUMBER(s, delivered)
    NUMBER(s, dropped)
    NUMBER(s, cut)
    NUMBER(s, joined)
    NUMBER(s, dead_lettered)
    NUMBER(s, letters_dropped)
    NUMBER(s, node_lost)
    weft__json_close(json, '}');
}

static void put_subscription(struct json *json, const weft_subscription_info *s)
{
    weft__json_open(json, NULL, '{');
    weft__json_text(json, "pattern", s->pattern);
    weft__json_text(json, "participant", s->participant);
    NUMBER(s, id)
    weft__json_text(json, "slow", weft_slow_name(s->slow));
    weft__json_text(json, "ended", s->ended ? weft_error_name(s->ended) : NULL);
    NUMBER(s, items)
    NUMBER(s, items_max)
    NUMBER(s, bytes)
    NUMBER(s, bytes_max)
    NUMBER(s, delivered)
    NUMBER(s, taken)
    NUMBER(s, dropped)
    NUMBER(s, last_seen_ns)
    weft__json_close(json, '}');
}

/* --- channels --------------------------------------------------------------------------------- */

static void put_info(struct json *json, const weft_channel_info *i)
{
    static const char *const reasons[] = {
#define REASON(name, number, text) [number] = text,
        WEFT_REJECTIONS(REASON)
#undef REASON
    };
    weft__json_open(json, "info", '{');
    weft__json_text(json, "name", i->name);
    weft__json_text(json, "state", weft_channel_state_name(i->state));
    weft__json_text(json, "policy", weft_policy_name(i->policy));
    NUMBER(i, workers)
    NUMBER(i, workers_eligible)
    NUMBER(i, queued)
    NUMBER(i, queued_bytes)
    by_priority32(json, "queued_by_priority", i->queued_by_priority);
    NUMBER(i, oldest_wait_ns)
    NUMBER(i, in_flight)
    NUMBER(i, orphaned)
    NUMBER(i, dispatched)
    NUMBER(i, completed)
    NUMBER(i, failed)
    NUMBER(i, worker_died)
    NUMBER(i, timed_out)
    NUMBER(i, cancelled)
    NUMBER(i, rejected)
    NUMBER(i, redispatched)
    NUMBER(i, deaths)
    NUMBER(i, shed)
    NUMBER(i, fenced)
    weft__json_open(json, "rejected_by", '{');
    for (unsigned r = 0; r < WEFT_REJECTIONS_COUNT; r++)
        weft__json_number(json, reasons[r], i->rejected_by[r]);
    weft__json_close(json, '}');
    NUMBER(i, joined)
    NUMBER(i, dead_lettered)
    NUMBER(i, letters)
    NUMBER(i, letters_bytes)
    NUMBER(i, letters_dropped)
    NUMBER(i, keys)
    NUMBER(i, subscribers)
    NUMBER(i, published)
    NUMBER(i, delivered)
    NUMBER(i, dropped)
    NUMBER(i, cut)
    NUMBER(i, mismatched)
    NUMBER(i, results_mismatched)
    weft__json_close(json, '}');
}

static void put_options(struct json *json, const weft_channel_options *o)
{
    static const char *const queue_fulls[] = {"reject", "shed_lowest", "block"};
    static const char *const crashes[] = {"inherit", "fail", "redispatch"};
    static const char *const no_workers[] = {"inherit", "wait", "reject"};
    weft__json_open(json, "options", '{');
    weft__json_text(json, "policy", weft_policy_name(o->policy));
    weft__json_text(json, "queue_full", WORD(queue_fulls, o->queue_full));
    NUMBER(o, depth_max)
    NUMBER(o, bytes_max)
    NUMBER(o, payload_bytes_max)
    weft__json_text(json, "on_crash", WORD(crashes, o->on_crash));
    NUMBER(o, attempts_max)
    bound_ms(json, "redispatch_wait_ms", o->redispatch_wait_ms);
    weft__json_bool(json, "overlapping", o->overlapping);
    weft__json_bool(json, "durable", o->durable);
    weft__json_text(json, "no_worker", WORD(no_workers, o->no_worker));
    bound_ms(json, "starve_ms", o->starve_ms);
    bound_ms(json, "cancel_grace_ms", o->cancel_grace_ms);
    bound_ms(json, "schedule_to_start_ms", o->schedule_to_start_ms);
    bound_ms(json, "start_to_close_ms", o->start_to_close_ms);
    bound_ms(json, "schedule_to_close_ms", o->schedule_to_close_ms);
    bound_ms(json, "heartbeat_ms", o->heartbeat_ms);
    weft__json_text(json, "dead_letter", o->dead_letter);
    bound_ms(json, "dedup_ms", o->dedup_ms);
    NUMBER(o, dedup_max)
    weft__json_text(json, "schema", o->schema);
    weft__json_text(json, "result_schema", o->result_schema);
    weft__json_bool(json, "opaque", o->opaque);
    weft__json_close(json, '}');
}

static void put_buckets(struct json *json, const char *name, const uint64_t *buckets)
{
    weft__json_open(json, name, '[');
    for (unsigned i = 0; i < WEFT_LATENCY_BUCKETS; i++)
        weft__json_number(json, NULL, buckets[i]);
    weft__json_close(json, ']');
}

static void put_queue(struct json *json, const weft_queue_info *q)
{
    weft__json_open(json, NULL, '{');
    weft__json_text(json, "activity_type", q->activity_type);
    by_priority32(json, "queued", q->queued);
    by_priority64(json, "head_wait_ns", q->head_wait_ns);
    weft__json_close(json, '}');
}

void weft__json_worker(struct json *json, const char *name, const weft_worker_info *w)
{
    weft__json_open(json, name, '{');
    weft__json_text(json, "name", w->name);
    weft__json_text(json, "participant", w->participant);
    NUMBER(w, id)
    weft__json_text(json, "state", weft_worker_state_name(w->state));
    NUMBER(w, max_concurrent)
    NUMBER(w, in_flight)
    NUMBER(w, orphaned)
    NUMBER(w, completed)
    NUMBER(w, errored)
    NUMBER(w, last_seen_ns)
    weft__json_text(json, "link", weft_link_kind_name(w->link));
    weft__json_signed(json, "watched", w->watched);
    weft__json_bool(json, "detached", w->detached);
    weft__json_close(json, '}');
}

static void put_worker(struct json *json, const weft_worker_listing *w)
{
    weft__json_open(json, NULL, '{');
    weft__json_worker(json, "info", &w->info);
    weft__json_text(json, "group", w->group);
    weft__json_open(json, "activity_types", '[');
    for (size_t i = 0; i < w->activity_types_count; i++)
        weft__json_text(json, NULL, w->activity_types[i]);
    weft__json_close(json, ']');
    weft__json_open(json, "schema_ids", '[');
    for (size_t i = 0; i < w->schema_ids_count; i++)
        weft__json_id(json, NULL, w->schema_ids[i]);
    weft__json_close(json, ']');
    weft__json_close(json, '}');
}

static void put_death(struct json *json, const weft_death *d)
{
    static const char *const kinds[] = {"unknown",  "exited",   "signaled", "thread_exited",
                                        "declared", "released", "link_lost"};
    char text[96];
    weft__json_open(json, NULL, '{');
    weft__json_text(json, "participant", d->participant);
    weft__json_open(json, "cause", '{');
    weft__json_text(json, "kind", WORD(kinds, d->cause.kind));
    weft__json_signed(json, "value", d->cause.value);
    weft__json_bool(json, "core", d->cause.core);
    weft__json_text(json, "text", weft_cause_text(d->cause, text, sizeof text));
    weft__json_close(json, '}');
    NUMBER(d, seen_wall_ns)
    NUMBER(d, seen_ns)
    NUMBER(d, workers_lost)
    NUMBER(d, attempts_held)
    weft__json_close(json, '}');
}

static void put_channel(struct json *json, const weft_channel_listing *c)
{
    weft__json_open(json, NULL, '{');
    put_info(json, &c->info);
    put_options(json, &c->options);
    weft__json_id(json, "schema_id", c->schema_id);
    weft__json_id(json, "result_schema_id", c->result_schema_id);
    NUMBER(c, schema_generation)
    weft__json_open(json, "latency", '{');
    put_buckets(json, "queue", c->latency.queue);
    put_buckets(json, "run", c->latency.run);
    weft__json_close(json, '}');
    weft__json_open(json, "queues", '[');
    for (size_t i = 0; i < c->queues_count; i++)
        put_queue(json, &c->queues[i]);
    weft__json_close(json, ']');
    weft__json_open(json, "workers", '[');
    for (size_t i = 0; i < c->workers_count; i++)
        put_worker(json, &c->workers[i]);
    weft__json_close(json, ']');
    weft__json_open(json, "deaths", '[');
    for (size_t i = 0; i < c->deaths_count; i++)
        put_death(json, &c->deaths[i]);
    weft__json_close(json, ']');
    weft__json_close(json, '}');
}

/* --- the edge --------------------------------------------------------------------------------- */

weft_error weft__json_give(struct json *json, char **text, size_t *size, const char *call)
{
    if (json->failed) {
        weft__json_drop(json);
        return weft__error_plain(WEFT_ENOMEM, call);
    }
    *text = json->text;
    if (size) *size = json->used;
    return WEFT_OK;
}

weft_error weft_listing_json(const weft_listing *listing, char **text, size_t *size)
{
    struct json json = {.text = NULL};
    if (!listing || !text) return weft__error_null(__func__, !listing ? "listing" : "text");
    weft__json_open(&json, NULL, '{');
    put_stats(&json, &listing->stats);
    weft__json_number(&json, "listed_wall_ns", listing->listed_wall_ns);
    weft__json_open(&json, "channels", '[');
    for (size_t i = 0; i < listing->channels_count; i++)
        put_channel(&json, &listing->channels[i]);
    weft__json_close(&json, ']');
    weft__json_open(&json, "subscriptions", '[');
    for (size_t i = 0; i < listing->subscriptions_count; i++)
        put_subscription(&json, &listing->subscriptions[i]);
    weft__json_close(&json, ']');
    weft__json_close(&json, '}');
    return weft__json_give(&json, text, size, "weft_listing_json");
}

void weft_text_release(char *text)
{
    if (!text) return;
    struct json json = {.text = text};
    weft__json_drop(&json);
}
