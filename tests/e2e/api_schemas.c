/* The library's own schemas against the library: what they allow is what it says and takes. Promises:
 *   - the words of each enum are those that the library prints for the values of its C enum, no more and no fewer
 *   - bounds that have a name in the headers are the same in the schemas
 *
 * That what the library writes matches them is tested where it is written: api_inspect, api_contract, soak. */
#include <jansson.h>

#include "e2e/api_lib.h"

static json_t *built_in(const char *name)
{
    const char *uri;
    weft_bytes json;
    for (size_t i = 0; (uri = weft_schema_builtin(i, &json)); i++)
        if (strcmp(strrchr(uri, ':') + 1, name) == 0) return json_loadb(json.data, json.size, 0, NULL);
    print_error("there is no schema %s\n", name);
    fail();
    return NULL;
}

/* path: names of members, with blanks between; where a name is a number it is an element's. */
static json_t *part(json_t *schema, const char *path)
{
    char copy[256], *rest = NULL;
    (void)snprintf(copy, sizeof copy, "%s", path);
    for (char *name = strtok_r(copy, " ", &rest); name; name = strtok_r(NULL, " ", &rest)) {
        bool index = json_is_array(schema);
        schema = index ? json_array_get(schema, (size_t)atoi(name)) : json_object_get(schema, name);
        if (!schema) print_error("%s: there is no %s\n", path, name);
        check_true(schema != NULL);
    }
    return schema;
}

/* How often the word is one of them. */
static size_t times(json_t *words, const char *word)
{
    size_t i, count = 0;
    json_t *one;
    json_array_foreach(words, i, one)
    {
        count += json_is_string(one) && strcmp(json_string_value(one), word) == 0;
    }
    return count;
}

/* count words, which may be told twice, and null if it may be. */
static void check_words(const char *name, const char *path, const char *const *words, size_t count, bool null)
{
    json_t *schema = built_in(name), *allowed = part(schema, path);
    check_eq_at(CHECK_SITE(path), json_array_size(allowed), count + null);
    for (size_t i = 0; i < count; i++)
        check_eq_at(CHECK_SITE(words[i]), times(allowed, words[i]), 1);
    json_decref(schema);
}

#define CHECK_WORDS(name, path, words, null) check_words(name, path, words, sizeof(words) / sizeof *(words), null)

static void the_words_of_enums_are_those_that_are_printed(void **state)
{
    (void)state;
    const char *outcomes[] = {weft_outcome_name(WEFT_COMPLETED),   weft_outcome_name(WEFT_FAILED),
                              weft_outcome_name(WEFT_WORKER_DIED), weft_outcome_name(WEFT_TIMED_OUT),
                              weft_outcome_name(WEFT_CANCELLED),   weft_outcome_name(WEFT_REJECTED)};
    CHECK_WORDS("dispatch-response", "properties outcome enum", outcomes, false);

    const char *admissions[] = {weft_admission_name(WEFT_ADMISSION_ACCEPTED),
                                weft_admission_name(WEFT_ADMISSION_DEFERRED),
                                weft_admission_name(WEFT_ADMISSION_REJECTED)};
    CHECK_WORDS("dispatch-response", "properties admission enum", admissions, false);
    CHECK_WORDS("dispatch-acknowledgement", "properties admission enum", admissions, false);
    CHECK_WORDS("why", "properties admission enum", admissions, true);

    const char *priorities[] = {weft_priority_name(WEFT_PRIORITY_URGENT), weft_priority_name(WEFT_PRIORITY_HIGH),
                                weft_priority_name(WEFT_PRIORITY_NORMAL), weft_priority_name(WEFT_PRIORITY_LOW)};
    CHECK_WORDS("envelope", "properties priority enum", priorities, true);

    const char *states[] = {weft_channel_state_name(WEFT_CHANNEL_OPEN), weft_channel_state_name(WEFT_CHANNEL_PAUSED),
                            weft_channel_state_name(WEFT_CHANNEL_DRAINING),
                            weft_channel_state_name(WEFT_CHANNEL_DRAINED)};
    CHECK_WORDS("listing", "$defs info properties state enum", states, false);
    CHECK_WORDS("why", "properties channel_state enum", states, true);

    const char *rules[] = {
#define RULE(name, number, text) weft_rule_name(WEFT_RULE_##name),
        WEFT_RULES(RULE)
#undef RULE
    };
    CHECK_WORDS("why", "properties refusals items properties rule enum", rules, false);
}

/* A ticket tells all of them but "shed": that comes to who was let in. */
static void each_reason_to_reject_is_known(void **state)
{
    (void)state;
    const char *reasons[] = {
#define REASON(name, number, text) text,
        WEFT_REJECTIONS(REASON)
#undef REASON
    };
    CHECK_WORDS("dispatch-response", "allOf 4 then properties code enum", reasons, false);
    json_t *schema = built_in("dispatch-acknowledgement"), *told = part(schema, "properties reason enum");
    check_eq(json_array_size(told), WEFT_REJECTIONS_COUNT); /* null, and not "shed" */
    for (size_t i = 0; i < WEFT_REJECTIONS_COUNT; i++)
        check_eq_at(CHECK_SITE(reasons[i]), times(told, reasons[i]), i != WEFT_REJECTED_SHED);
    json_decref(schema);
    schema = built_in("listing");
    check_eq(json_object_size(part(schema, "$defs info properties rejected_by properties")), WEFT_REJECTIONS_COUNT);
    json_decref(schema);
}

static void bounds_are_those_of_the_headers(void **state)
{
    (void)state;
    static const struct {
        const char *name, *path;
        json_int_t bound;
    } rows[] = {
        {"dispatch-request", "properties window maximum", WEFT_WINDOW_MAX},
        {"dispatch-request", "properties key maxLength", WEFT_KEY_MAX},
        {"dispatch-request", "properties start_to_close_ms maximum", (json_int_t)WEFT_FOREVER - 1},
        {"worker-capacity", "properties max_concurrent maximum", WEFT_CONCURRENT_MAX},
        {"worker-capacity", "properties activity_types maxItems", WEFT_ACTIVITY_TYPES_MAX},
        {"worker-capacity", "properties schemas maxItems", WEFT_SCHEMA_IDS_MAX},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *schema = built_in(rows[i].name);
        check_true_at(CHECK_SITE(rows[i].path), json_integer_value(part(schema, rows[i].path)) == rows[i].bound);
        json_decref(schema);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_words_of_enums_are_those_that_are_printed),
        cmocka_unit_test(each_reason_to_reject_is_known),
        cmocka_unit_test(bounds_are_those_of_the_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
