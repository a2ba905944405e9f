#include "api/why_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

enum { SHORT_ID_DIGITS = 16 };

struct sentence {
    char *text;
    size_t size, used;
};

__attribute__((format(printf, 2, 3))) static void say(struct sentence *s, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(s->text + s->used, s->size - s->used, format, arguments);
    va_end(arguments);
    s->used += (size_t)n < s->size - s->used ? (size_t)n : s->size - s->used - 1;
}

/* "35 ms", "1.2 s", "7 min". Returns text. */
static const char *span_text(uint64_t ns, char *text, size_t size)
{
    if (ns < NS_PER_S)
        (void)snprintf(text, size, "%u ms", (unsigned)(ns / NS_PER_MS));
    else if (ns < 120 * NS_PER_S)
        (void)snprintf(text, size, "%u.%u s", (unsigned)(ns / NS_PER_S), (unsigned)(ns % NS_PER_S / (NS_PER_S / 10)));
    else
        (void)snprintf(text, size, "%llu min", (unsigned long long)(ns / (60 * NS_PER_S)));
    return text;
}

/* The beginning of an id in hexadecimal digits. Returns text. */
static const char *short_id(const unsigned char *id, char text[SHORT_ID_DIGITS + 1])
{
    for (int i = 0; i < SHORT_ID_DIGITS; i += 2)
        (void)snprintf(text + i, 3, "%02x", id[i / 2]);
    return text;
}

#define SHORT_ID(id) short_id(id, (char[SHORT_ID_DIGITS + 1]){0})
#define SPAN(ns) span_text(ns, (char[24]){0}, 24)

/* --- of one worker ---------------------------------------------------------------------------- */

static void say_types(struct sentence *s, const struct core_worker_row *worker, const char *type)
{
    enum { NAMED_MAX = 4 };
    const char *name = worker->activity_types;
    say(s, "takes ");
    for (uint32_t i = 0; i < worker->activity_types_count && i < NAMED_MAX; i++, name += strlen(name) + 1)
        say(s, "%s%.40s", i ? ", " : "", name);
    if (worker->activity_types_count > NAMED_MAX) say(s, " and %u more", worker->activity_types_count - NAMED_MAX);
    say(s, "; not %s", type[0] ? type : "what has no type");
}

static void say_schema(struct sentence *s, const struct core_worker_row *worker, const struct core_schema_row *met)
{
    enum { NAMED_MAX = 4 };
    say(s, "understands ");
    for (uint32_t i = 0; i < worker->schema_ids_count && i < NAMED_MAX; i++)
        say(s, "%s%s", i ? ", " : "", SHORT_ID(worker->schema_ids[i]));
    if (worker->schema_ids_count > NAMED_MAX) say(s, " and %u more", worker->schema_ids_count - NAMED_MAX);
    say(s, "; not %s, which is %s", met->name, SHORT_ID(met->id));
}

static void say_link(struct sentence *s, const struct core_refusal_row *row)
{
    char cause[96];
    if (row->worker.info.state == WEFT_WORKER_ARMING)
        say(s, "its link is not armed yet");
    else
        say(s, "died %s ago: %s", SPAN(row->died_ago_ns), weft_cause_text(row->cause, cause, sizeof cause));
}

static void say_excluded(struct sentence *s, const struct core_refusal_row *row)
{
    if (row->retry_in_ns >= CORE_NEVER / 2)
        say(s, "the dispatch has died of it, and waits for one that it has not tried");
    else
        say(s, "the dispatch has died of it, and waits %s more for one that it has not tried", SPAN(row->retry_in_ns));
}

void weft__refusal_text(const struct core_refusal_row *row, const struct core_why *why, char *text, size_t size)
{
    struct sentence s = {.text = text, .size = size};
    const weft_worker_info *info = &row->worker.info;
    text[0] = '\0';
    switch (row->rule) {
    case WEFT_RULE_ELIGIBLE:
        say(&s, "may have it%s: %u of %u in flight", why->passed_over ? ", and gives up before it" : "",
            info->in_flight, info->max_concurrent);
        break;
    case WEFT_RULE_LINK: say_link(&s, row); break;
    case WEFT_RULE_DETACHED: say(&s, "its session has no connection: it may come back, and have more then"); break;
    case WEFT_RULE_ACTIVITY_TYPE: say_types(&s, &row->worker, why->activity_type); break;
    case WEFT_RULE_SCHEMA: say_schema(&s, &row->worker, &why->schema); break;
    case WEFT_RULE_DRAINING: say(&s, "takes nothing more, it is drained: %u in flight", info->in_flight); break;
    case WEFT_RULE_EXCLUDED: say_excluded(&s, row); break;
    case WEFT_RULE_CAPACITY:
        say(&s, "%u of %u in flight", info->in_flight, info->max_concurrent);
        if (info->orphaned) say(&s, ", %u of them orphaned", info->orphaned);
        break;
    case WEFT_RULE_EXECUTOR:
        say(&s, "no thread of its group %s is free: it has %u tasks, and takes %u now", row->worker.group,
            row->group_busy, row->group_limit);
        break;
    case WEFT_RULE_BACKLOGGED: say(&s, "more waits for its session than its connection takes"); break;
    }
}

/* --- of the whole ----------------------------------------------------------------------------- */

static void say_death(struct sentence *s, const struct core_why *why, uint64_t ago_ns)
{
    char cause[96];
    if (why->has_death)
        say(s, "; the last, of %s, died %s ago: %s", why->death.participant, SPAN(ago_ns),
            weft_cause_text(why->death.cause, cause, sizeof cause));
}

static void say_sessions(struct sentence *s, uint32_t count, const char *of_one, const char *of_more)
{
    if (count == 1)
        say(s, "the session of one worker %s", of_one);
    else
        say(s, "the sessions of %u workers %s", count, of_more);
}

/* The rule that comes last in the order is the nearest to "eligible": what helps against it is what is said. */
static void say_nearest(struct sentence *s, const struct core_why *why, const struct why_tally *tally)
{
    const uint32_t *n = tally->by_rule;
    const char *type = why->activity_type[0] ? why->activity_type : "what has no type";
    if (n[WEFT_RULE_ELIGIBLE] && why->passed_over)
        say(s,
            "a worker is free, but gives up before it: it looks past 255 that it does not understand, and 63 that it "
            "is kept from; keep one that takes those before");
    else if (n[WEFT_RULE_ELIGIBLE])
        say(s, "a worker is free, and about to get what is next");
    else if (n[WEFT_RULE_BACKLOGGED])
        say_sessions(s, n[WEFT_RULE_BACKLOGGED], "is behind: a faster connection would help, or another worker",
                     "are behind: a faster connection would help, or another worker");
    else if (n[WEFT_RULE_EXECUTOR])
        say(s,
            "of %u workers %u have a free slot, but no thread: more threads in their group would help (weft_group_run "
            "lends one), or a handler or subscriber that returns",
            why->workers, n[WEFT_RULE_EXECUTOR]);
    else if (n[WEFT_RULE_CAPACITY])
        say(s, "the slots of all %u that take it are in use: a higher max_concurrent would help, or another worker",
            n[WEFT_RULE_CAPACITY]);
    else if (n[WEFT_RULE_EXCLUDED])
        say(s, "it has died of all %u that take it: another worker would help", n[WEFT_RULE_EXCLUDED]);
    else if (n[WEFT_RULE_DRAINING])
        say(s, "all %u that take %s are being drained: register another", n[WEFT_RULE_DRAINING], type);
    else if (n[WEFT_RULE_SCHEMA])
        say(s, "none of the %u workers that take %s understands the schema %s (%s): register one that does",
            n[WEFT_RULE_SCHEMA], type, why->schema.name, SHORT_ID(why->schema.id));
    else if (n[WEFT_RULE_ACTIVITY_TYPE])
        say(s, "no worker of %u takes %s: register one that does", n[WEFT_RULE_ACTIVITY_TYPE], type);
    else if (n[WEFT_RULE_DETACHED])
        say_sessions(s, n[WEFT_RULE_DETACHED],
                     "has no connection: it waits for that to come back, or for another worker",
                     "have no connection: it waits for them to come back, or for another worker");
    else
        say(s, "no link of the %u workers is armed: they have died, or have just come", n[WEFT_RULE_LINK]);
}

static void say_cause(struct sentence *s, const struct core_why *why, const struct why_tally *tally)
{
    uint32_t looked_at = 0;
    for (int rule = 0; rule < WHY_RULES; rule++)
        looked_at += tally->by_rule[rule];
    if (why->channel_state == WEFT_CHANNEL_PAUSED)
        say(s, "the channel is paused: resume it");
    else if (looked_at == 0)
        say(s, "no worker is registered: register one");
    else
        say_nearest(s, why, tally);
    if (looked_at == 0 || tally->by_rule[WEFT_RULE_LINK]) say_death(s, why, why->death_ago_ns);
}

static void say_rejection(struct sentence *s, const struct core_why *why)
{
    say(s, "it would be rejected: %s: ", why->reason);
    if (strcmp(why->reason, "draining") == 0)
        say(s, "the channel admits nothing: resume it");
    else if (strcmp(why->reason, "no_worker") == 0)
        say(s, "%s could ever take it: register one, or let it wait for one",
            why->workers ? "none of its workers" : "nobody is registered that");
    else
        say(s, "%u wait, and its bounds in items (%u) or bytes are reached: try again in %u ms, or make it deeper%s",
            why->queued, why->depth_max, why->retry_after_ms, why->blocks ? "; weft_dispatch waits for room" : "");
}

static void say_assigned(struct sentence *s, const struct core_why *why)
{
    if (why->taken)
        say(s, "worker %s has had attempt %u of %u for %s%s", why->worker, why->attempt, why->attempts_max,
            SPAN(why->waits_ns), why->cancelling ? ", and is asked to stop" : "");
    else
        say(s, "attempt %u of %u was handed to worker %s %s ago, which has not begun it yet", why->attempt,
            why->attempts_max, why->worker, SPAN(why->waits_ns));
}

void weft__why_text(const struct core_why *why, const struct why_tally *tally, char *text, size_t size)
{
    struct sentence s = {.text = text, .size = size};
    text[0] = '\0';
    switch (why->standing) {
    case WEFT_STANDING_REQUEST:
        if (why->admission == WEFT_ADMISSION_ACCEPTED) {
            say(&s, "it would be accepted: worker %s would get it", why->worker);
        } else if (why->admission == WEFT_ADMISSION_REJECTED) {
            say_rejection(&s, why);
        } else {
            say(&s, "it would wait: ");
            say_cause(&s, why, tally);
        }
        break;
    case WEFT_STANDING_QUEUED:
        say(&s, "it has waited %s, and %s%u go before it: ", SPAN(why->waits_ns),
            why->ahead == WEFT_AHEAD_MAX ? "at least " : "", why->ahead);
        say_cause(&s, why, tally);
        break;
    case WEFT_STANDING_ASSIGNED: say_assigned(&s, why); break;
    case WEFT_STANDING_FENCED:
        say(&s, "attempt %u of %u is lost with worker %s, and may still run: it goes to another when that has stopped",
            why->attempt, why->attempts_max, why->worker);
        break;
    case WEFT_STANDING_ENDED:
        say(&s, "it has ended %s, and nobody has taken the outcome yet", weft_outcome_name(why->outcome));
        break;
    }
}
