/* why_json.c: an answer as one document: schemas/why.schema.json. See listing_json.c. */
#include <weft/inspect.h>

#include "api/error.h"
#include "api/inspect_json.h"

static void put_id(struct json *json, const weft_why *why)
{
    if (why->standing == WEFT_STANDING_REQUEST) {
        weft__json_text(json, "id", NULL);
        return;
    }
    weft__json_open(json, "id", '{');
    weft__json_number(json, "session", why->id.session);
    weft__json_number(json, "number", why->id.number);
    weft__json_close(json, '}');
}

static void put_refusal(struct json *json, const weft_refusal *refusal)
{
    weft__json_open(json, NULL, '{');
    weft__json_worker(json, "worker", &refusal->worker);
    weft__json_text(json, "rule", weft_rule_name(refusal->rule));
    weft__json_text(json, "sentence", refusal->sentence);
    weft__json_close(json, '}');
}

weft_error weft_why_json(const weft_why *why, char **text, size_t *size)
{
    struct json json = {.text = NULL};
    if (!why || !text) return weft__error_null(__func__, !why ? "why" : "text");
    weft__json_open(&json, NULL, '{');
    weft__json_text(&json, "channel", why->channel[0] ? why->channel : NULL);
    put_id(&json, why);
    weft__json_text(&json, "standing", weft_standing_name(why->standing));
    weft__json_text(&json, "channel_state", why->channel_state ? weft_channel_state_name(why->channel_state) : NULL);
    weft__json_text(&json, "admission", why->admission ? weft_admission_name(why->admission) : NULL);
    weft__json_text(&json, "worker", why->worker[0] ? why->worker : NULL);
    weft__json_number(&json, "ahead", why->ahead);
    weft__json_number(&json, "waits_ns", why->waits_ns);
    weft__json_text(&json, "sentence", why->sentence);
    weft__json_open(&json, "refusals", '[');
    for (size_t i = 0; i < why->refusals_count; i++)
        put_refusal(&json, &why->refusals[i]);
    weft__json_close(&json, ']');
    weft__json_close(&json, '}');
    return weft__json_give(&json, text, size, "weft_why_json");
}
