/* The library's own schemas against the library: what they allow is what it says and takes. Promises:
 *   - the words of each enum are those that the library prints for the values of its C enum, no more and no fewer
 *   - the words of channel options are those that a listing has for their values
 *   - names, texts and numbers are tried on both: what a schema allows the library takes, and the other way about
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
                              weft_outcome_name(WEFT_CANCELLED),   weft_outcome_name(WEFT_REJECTED),
                              weft_outcome_name(WEFT_NODE_LOST)};
    CHECK_WORDS("dispatch-response", "properties outcome enum", outcomes, false);

    const char *admissions[] = {weft_admission_name(WEFT_ADMISSION_ACCEPTED),
                                weft_admission_name(WEFT_ADMISSION_DEFERRED),
                                weft_admission_name(WEFT_ADMISSION_REJECTED), weft_admission_name(WEFT_ADMISSION_SENT)};
    CHECK_WORDS("dispatch-response", "properties admission enum", admissions, false);
    CHECK_WORDS("dispatch-acknowledgement", "properties admission enum", admissions, false);
    check_words("why", "properties admission enum", admissions, 3, true); /* a node never says "sent" */

    const char *priorities[] = {weft_priority_name(WEFT_PRIORITY_URGENT), weft_priority_name(WEFT_PRIORITY_HIGH),
                                weft_priority_name(WEFT_PRIORITY_NORMAL), weft_priority_name(WEFT_PRIORITY_LOW)};
    CHECK_WORDS("envelope", "properties priority enum", priorities, true);

    const char *states[] = {weft_channel_state_name(WEFT_CHANNEL_OPEN), weft_channel_state_name(WEFT_CHANNEL_PAUSED),
                            weft_channel_state_name(WEFT_CHANNEL_DRAINING),
                            weft_channel_state_name(WEFT_CHANNEL_DRAINED)};
    CHECK_WORDS("listing", "$defs info properties state enum", states, false);
    CHECK_WORDS("why", "properties channel_state enum", states, true);

    const char *policies[] = {weft_policy_name(WEFT_ROUND_ROBIN), weft_policy_name(WEFT_LEAST_LOADED),
                              weft_policy_name(WEFT_STICKY)};
    CHECK_WORDS("listing", "$defs info properties policy enum", policies, false);
    CHECK_WORDS("listing", "$defs options properties policy enum", policies, false);

    const char *worker_states[] = {
        weft_worker_state_name(WEFT_WORKER_ARMING), weft_worker_state_name(WEFT_WORKER_READY),
        weft_worker_state_name(WEFT_WORKER_DRAINING), weft_worker_state_name(WEFT_WORKER_DEAD),
        weft_worker_state_name(WEFT_WORKER_REMOVED)};
    CHECK_WORDS("listing", "$defs worker_info properties state enum", worker_states, false);
    CHECK_WORDS("why", "$defs worker_info properties state enum", worker_states, false);

    const char *links[] = {weft_link_kind_name(WEFT_LINK_NODE), weft_link_kind_name(WEFT_LINK_PROCESS),
                           weft_link_kind_name(WEFT_LINK_THREAD), weft_link_kind_name(WEFT_LINK_DECLARED),
                           weft_link_kind_name(WEFT_LINK_SESSION)};
    CHECK_WORDS("listing", "$defs worker_info properties link enum", links, false);
    CHECK_WORDS("why", "$defs worker_info properties link enum", links, false);

    const char *slows[] = {weft_slow_name(WEFT_DROP_OLDEST), weft_slow_name(WEFT_DROP_NEWEST),
                           weft_slow_name(WEFT_DISCONNECT)};
    CHECK_WORDS("listing", "$defs subscription properties slow enum", slows, false);

    const char *standings[] = {weft_standing_name(WEFT_STANDING_REQUEST), weft_standing_name(WEFT_STANDING_QUEUED),
                               weft_standing_name(WEFT_STANDING_ASSIGNED), weft_standing_name(WEFT_STANDING_FENCED),
                               weft_standing_name(WEFT_STANDING_ENDED)};
    CHECK_WORDS("why", "properties standing enum", standings, false);

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
    const char *answers[WEFT_REJECTIONS_COUNT + 5] = {"no_channel", "limit", "no_memory", "closed",
                                                      "refused"}; /* of a client node */
    memcpy(answers + 5, reasons, sizeof reasons);
    CHECK_WORDS("dispatch-response", "allOf 4 then properties code enum", answers, false);
    json_t *schema = built_in("dispatch-acknowledgement"), *told = part(schema, "properties reason enum");
    check_eq(json_array_size(told), WEFT_REJECTIONS_COUNT); /* null, and not "shed" */
    for (size_t i = 0; i < WEFT_REJECTIONS_COUNT; i++)
        check_eq_at(CHECK_SITE(reasons[i]), times(told, reasons[i]), i != WEFT_REJECTED_SHED);
    json_decref(schema);
    schema = built_in("listing");
    check_eq(json_object_size(part(schema, "$defs info properties rejected_by properties")), WEFT_REJECTIONS_COUNT);
    json_decref(schema);
}

/* The word that the listing has for an option of the only channel. */
static void word_of(weft_node *node, const char *option, char *word, size_t size_bytes)
{
    char *text, path[64];
    size_t text_bytes;
    weft_listing *listing;
    check_ok(weft_node_inspect(node, NULL, &listing));
    check_ok(weft_listing_json(listing, &text, &text_bytes));
    json_t *json = json_loadb(text, text_bytes, 0, NULL);
    (void)snprintf(path, sizeof path, "channels 0 options %s", option);
    (void)snprintf(word, size_bytes, "%s", json_string_value(part(json, path)));
    json_decref(json);
    weft_text_release(text);
    weft_listing_release(listing);
}

static void words_of_options_are_those_of_a_listing(void **state)
{
    (void)state;
    enum { ROWS = 3, WORD_BYTES = 32 };
    static const char *const options[ROWS] = {"queue_full", "on_crash", "no_worker"};
    static const size_t counts[ROWS] = {3, 2, 2};
    char words[ROWS][3][WORD_BYTES];
    for (unsigned i = 0; i < 3; i++) {
        weft_node *node;
        weft_channel_options set = WEFT_CHANNEL_OPTIONS;
        set.queue_full = (weft_queue_full)i;
        set.on_crash = (weft_crash)(i % 2 + 1);
        set.no_worker = (weft_no_worker)(i % 2 + 1);
        check_ok(weft_node_open(NULL, &node));
        check_ok(weft_channel_declare(node, CHANNEL, &set));
        for (size_t row = 0; row < ROWS; row++)
            word_of(node, options[row], words[row][i], WORD_BYTES);
        close_node(node);
    }
    for (size_t row = 0; row < ROWS; row++) {
        char path[64];
        const char *all[] = {words[row][0], words[row][1], words[row][2]};
        (void)snprintf(path, sizeof path, "$defs options properties %s enum", options[row]);
        check_words("listing", path, all, counts[row], false);
        if (row == 0) continue; /* of channels alone */
        all[2] = "inherit";
        (void)snprintf(path, sizeof path, "properties %s enum", options[row]);
        check_words("dispatch-request", path, all, 3, false);
    }
}

/* --- tried on both -------------------------------------------------------------------------------------------------- */

static bool registers(weft_node *node, const char *channel, const weft_worker_options *options)
{
    weft_worker *worker;
    if (weft_worker_register(node, channel, echo, NULL, options, &worker) != WEFT_OK) return false;
    check_ok(weft_worker_unregister(worker));
    return true;
}

/* What is admitted ends: the first worker takes it. */
static bool dispatches(weft_node *node, const weft_dispatch_options *options)
{
    weft_reply reply;
    weft_error error = weft_dispatch(node, CHANNEL, weft_text("1"), options, &reply);
    if (error) return false;
    weft_reply_release(&reply);
    return true;
}

static bool worker_name(weft_node *node, const char *text)
{
    weft_worker_options options = WEFT_WORKER_OPTIONS;
    options.name = text;
    return registers(node, OTHER, &options);
}

static bool worker_type(weft_node *node, const char *text)
{
    weft_worker_options options = WEFT_WORKER_OPTIONS;
    options.activity_types = &text;
    options.activity_types_count = 1;
    return registers(node, OTHER, &options);
}

static bool worker_concurrent(weft_node *node, const char *text)
{
    weft_worker_options options = WEFT_WORKER_OPTIONS;
    options.max_concurrent = (uint32_t)atoi(text);
    return registers(node, OTHER, &options);
}

static bool channel_namespace(weft_node *node, const char *text)
{
    char name[512];
    (void)snprintf(name, sizeof name, "dispatch.%s.b", text);
    return weft_channel_declare(node, name, NULL) == WEFT_OK;
}

static bool channel_last(weft_node *node, const char *text)
{
    char name[512];
    (void)snprintf(name, sizeof name, "dispatch.b.%s", text);
    return weft_channel_declare(node, name, NULL) == WEFT_OK;
}

static bool request_type(weft_node *node, const char *text)
{
    weft_dispatch_options options = WEFT_DISPATCH_OPTIONS;
    options.activity_type = text;
    return dispatches(node, &options);
}

static bool request_content_type(weft_node *node, const char *text)
{
    weft_dispatch_options options = WEFT_DISPATCH_OPTIONS;
    options.content_type = text;
    return dispatches(node, &options);
}

static bool request_key(weft_node *node, const char *text)
{
    weft_dispatch_options options = WEFT_DISPATCH_OPTIONS;
    options.key = text;
    return dispatches(node, &options);
}

static bool request_attempts(weft_node *node, const char *text)
{
    weft_dispatch_options options = WEFT_DISPATCH_OPTIONS;
    options.attempts_max = (uint32_t)atoi(text);
    return dispatches(node, &options);
}

static void no_update(const weft_update *update, void *context)
{
    (void)update, (void)context;
}

static bool request_window(weft_node *node, const char *text)
{
    weft_dispatch_options options = WEFT_DISPATCH_OPTIONS;
    options.updated = no_update;
    options.window = (uint32_t)atoi(text);
    return dispatches(node, &options);
}

/* A handler: fails with the code that is its payload, or completes where that is none. */
static void fail_as_told(weft_task *task, void *context)
{
    char code[300];
    weft_bytes payload = weft_task_payload(task);
    (void)context;
    (void)snprintf(code, sizeof code, "%.*s", (int)payload.size, (const char *)payload.data);
    if (weft_task_fail(task, code, NULL)) thread_check_ok(weft_task_complete(task, payload));
}

static bool failure_code(weft_node *node, const char *text)
{
    weft_worker *worker = register_worker(node, OTHER, fail_as_told, NULL);
    weft_reply reply = dispatch(node, OTHER, text);
    bool failed = reply.outcome == WEFT_FAILED;
    weft_reply_release(&reply);
    check_ok(weft_worker_unregister(worker));
    return failed;
}

/* A document of that schema is what stands before a value, the value, and what stands after. */
struct trial {
    const char *schema, *before, *after;
    bool (*taken)(weft_node *node, const char *text);
};

static bool allowed(const struct trial *trial, const char *value)
{
    char document[1024], reference[64];
    weft_schema *schema;
    weft_validator *validator;
    (void)snprintf(document, sizeof document, "%s%s%s", trial->before, value, trial->after);
    (void)snprintf(reference, sizeof reference, "{\"$ref\":\"urn:weft:schema:%s\"}", trial->schema);
    check_ok(weft_schema_compile(weft_text(reference), NULL, &schema));
    check_ok(weft_validator_open(NULL, &validator));
    weft_error error = weft_validate(validator, schema, weft_text(document));
    check_true(error == WEFT_OK || error == WEFT_EMISMATCH);
    weft_validator_close(validator);
    weft_schema_release(schema);
    return error == WEFT_OK;
}

/* Each value is tried in each row, and each row has values of both kinds. */
static void try_on_both(const struct trial *trials, size_t trials_count, const char *const *values, size_t values_count)
{
    weft_node *node = open_node();
    check_ok(weft_channel_declare(node, OTHER, NULL));
    weft_worker *worker = register_worker(node, CHANNEL, echo, NULL);
    for (size_t i = 0; i < trials_count; i++) {
        size_t taken_count = 0;
        for (size_t v = 0; v < values_count; v++) {
            bool taken = trials[i].taken(node, values[v]);
            taken_count += taken;
            if (allowed(&trials[i], values[v]) != taken)
                print_error("%s%s%s: %s\n", trials[i].before, values[v], trials[i].after,
                            taken ? "not allowed" : weft_error_message());
            check_eq(allowed(&trials[i], values[v]), taken);
        }
        check_true(taken_count > 0 && taken_count < values_count);
    }
    check_ok(weft_worker_unregister(worker));
    close_node(node);
}

#define ENVELOPE "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/a\",\"type\":\"b\",\"channel\":\""
#define REQUEST "{\"envelope\":" ENVELOPE CHANNEL "\"},"
#define CAPACITY "{\"channel\":\"" CHANNEL "\","
#define RESPONSE                                                                                                       \
    "{\"request\":\"1\",\"id\":{\"session\":1,\"number\":1},\"outcome\":\"failed\",\"admission\":\"accepted\","        \
    "\"retry_after_ms\":0,\"attempts\":1,\"result\":null,\"message\":null,\"queued_ns\":0,\"started_ns\":0,"           \
    "\"run_ns\":0,"

static void texts_are_allowed_where_the_library_takes_them(void **state)
{
    (void)state;
    static const struct trial trials[] = {
        {"worker-capacity", CAPACITY "\"max_concurrent\":1,\"name\":\"", "\"}", worker_name},
        {"worker-capacity", CAPACITY "\"max_concurrent\":1,\"activity_types\":[\"", "\"]}", worker_type},
        {"worker-capacity", "{\"max_concurrent\":1,\"channel\":\"dispatch.", ".b\"}", channel_namespace},
        {"worker-capacity", "{\"max_concurrent\":1,\"channel\":\"dispatch.b.", "\"}", channel_last},
        {"envelope", ENVELOPE "dispatch.", ".b\"}", channel_namespace},
        {"envelope", ENVELOPE "dispatch.b.", "\"}", channel_last},
        {"envelope", ENVELOPE CHANNEL "\",\"datacontenttype\":\"", "\"}", request_content_type},
        {"dispatch-request", REQUEST "\"activity_type\":\"", "\"}", request_type},
        {"dispatch-request", REQUEST "\"key\":\"", "\"}", request_key},
        {"dispatch-response", RESPONSE "\"code\":\"a\",\"worker\":\"", "\"}", worker_name},
        {"dispatch-response", RESPONSE "\"worker\":null,\"code\":\"", "\"}", failure_code},
    };
    static char long_ones[6][257];
    static const size_t sizes[] = {WEFT_NAME_MAX, WEFT_NAME_MAX + 1, WEFT_CONTENT_TYPE_MAX, WEFT_CONTENT_TYPE_MAX + 1,
                                   WEFT_KEY_MAX,  WEFT_KEY_MAX + 1};
    const char *values[] = {"",           "a",          "Z9",         "a_b-9",      "a.b",       "a/b",
                            "a:b",        "a b",        "~",          "\x7f",       "\xc3\xa9",  long_ones[0],
                            long_ones[1], long_ones[2], long_ones[3], long_ones[4], long_ones[5]};
    for (size_t i = 0; i < 6; i++)
        memset(long_ones[i], 'a', sizes[i]);
    try_on_both(trials, sizeof trials / sizeof *trials, values, sizeof values / sizeof *values);
}

static void numbers_are_allowed_where_the_library_takes_them(void **state)
{
    (void)state;
    static const struct trial trials[] = {
        {"worker-capacity", CAPACITY "\"max_concurrent\":", "}", worker_concurrent},
        {"dispatch-request", REQUEST "\"attempts_max\":", "}", request_attempts},
        {"dispatch-request", REQUEST "\"window\":", "}", request_window},
    };
    static const char *const values[] = {"0", "1", "16", "17", "256", "257", "65536", "65537"};
    try_on_both(trials, sizeof trials / sizeof *trials, values, sizeof values / sizeof *values);
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
        cmocka_unit_test(words_of_options_are_those_of_a_listing),
        cmocka_unit_test(texts_are_allowed_where_the_library_takes_them),
        cmocka_unit_test(numbers_are_allowed_where_the_library_takes_them),
        cmocka_unit_test(bounds_are_those_of_the_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
