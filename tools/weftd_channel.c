/* weftd_channel.c: a channel as an argument: "dispatch.media.resize:job.schema.json,on_crash=redispatch,depth_max=100". The keys
 * are the fields of weft_channel_options, as they stand in a listing. */
#include "weftd.h"

#include <stdlib.h>
#include <string.h>

#include "verb.h"

enum kind { NUMBER, TIME, BYTES, WORD, YES_NO, SCHEMA, CHANNEL };

struct key {
    const char *name;
    enum kind kind;
    size_t at;            /* in the options */
    const char *words[4]; /* those of a WORD, from the value first on */
    int first;
};

#define AT(field) .name = #field, .at = offsetof(weft_channel_options, field)

static const struct key keys[] = {
    {AT(policy), .kind = WORD, .words = {"round_robin", "least_loaded", "sticky"}, .first = WEFT_ROUND_ROBIN},
    {AT(queue_full), .kind = WORD, .words = {"reject", "shed_lowest", "block"}, .first = WEFT_REJECT},
    {AT(depth_max), .kind = NUMBER},
    {AT(bytes_max), .kind = BYTES},
    {AT(payload_bytes_max), .kind = NUMBER},
    {AT(on_crash), .kind = WORD, .words = {"fail", "redispatch"}, .first = WEFT_CRASH_FAIL},
    {AT(attempts_max), .kind = NUMBER},
    {AT(redispatch_wait_ms), .kind = TIME},
    {AT(overlapping), .kind = YES_NO},
    {AT(no_worker), .kind = WORD, .words = {"wait", "reject"}, .first = WEFT_NO_WORKER_WAIT},
    {AT(starve_ms), .kind = TIME},
    {AT(cancel_grace_ms), .kind = TIME},
    {AT(schedule_to_start_ms), .kind = TIME},
    {AT(start_to_close_ms), .kind = TIME},
    {AT(schedule_to_close_ms), .kind = TIME},
    {AT(heartbeat_ms), .kind = TIME},
    {AT(dead_letter), .kind = CHANNEL},
    {AT(dedup_ms), .kind = TIME},
    {AT(dedup_max), .kind = NUMBER},
    {AT(schema), .kind = SCHEMA},
    {AT(result_schema), .kind = SCHEMA},
    {AT(opaque), .kind = YES_NO}};

const char help_channel_keys[] =
    "  policy=round_robin|least_loaded|sticky  queue_full=reject|shed_lowest|block  depth_max=N\n"
    "  bytes_max=N  payload_bytes_max=N  on_crash=fail|redispatch  attempts_max=N\n"
    "  redispatch_wait_ms=N  overlapping=yes|no  no_worker=wait|reject  starve_ms=N\n"
    "  cancel_grace_ms=N  schedule_to_start_ms=N  start_to_close_ms=N  schedule_to_close_ms=N\n"
    "  heartbeat_ms=N  dead_letter=CHANNEL  dedup_ms=N  dedup_max=N  schema=FILE\n"
    "  result_schema=FILE  opaque=yes|no\n";

static bool no_value(const struct key *key, const char *value)
{
    char words[128] = "";
    for (int i = 0; i < 4 && key->words[i]; i++)
        snprintf(words + strlen(words), sizeof(words) - strlen(words), "%s%s", i ? ", " : "", key->words[i]);
    return verb_usage("%s=%s: it is one of %s", key->name, value, words), false;
}

static bool set_word(const struct key *key, const char *value, void *field)
{
    int count = 0;
    while (count < 4 && key->words[count] && strcmp(key->words[count], value) != 0)
        count++;
    if (count == 4 || !key->words[count]) return no_value(key, value);
    int word = key->first + count;
    memcpy(field, &word, sizeof(word)); /* enums are ints, as the assertions below have it */
    return true;
}

_Static_assert(sizeof(weft_policy) == sizeof(int) && sizeof(weft_queue_full) == sizeof(int) &&
                   sizeof(weft_crash) == sizeof(int) && sizeof(weft_no_worker) == sizeof(int),
               "a word is stored as an int");

static bool set_yes_no(const struct key *key, const char *value, bool *field)
{
    static const struct key yes_no = {.words = {"yes", "no"}};
    *field = strcmp(value, "yes") == 0;
    struct key asked = yes_no;
    asked.name = key->name;
    return *field || strcmp(value, "no") == 0 || no_value(&asked, value);
}

static bool set_number(const struct key *key, const char *value, void *field)
{
    uint32_t number;
    if (key->kind == TIME && strcmp(value, "forever") == 0)
        number = WEFT_FOREVER;
    else if (!option_number(key->name, value, 0, UINT32_MAX - 1, &number))
        return false;
    if (key->kind == BYTES)
        *(uint64_t *)field = number;
    else
        *(uint32_t *)field = number;
    return true;
}

/* Registers the schema of the file under the file's name. */
static bool set_schema(weft_node *node, const char *path, char *name, const char **field)
{
    const char *why, *base = strrchr(path, '/');
    char *text;
    size_t size;
    weft_schema *schema;
    base = base ? base + 1 : path;
    size_t length = strlen(base);
    if (length == 0 || length > WEFT_NAME_MAX)
        return verb_error("%s: a schema's file has a name of 1 to %d bytes", path, WEFT_NAME_MAX), false;
    for (size_t i = 0; i <= length; i++)
        name[i] = strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:-", base[i]) ? base[i] : '_';
    if (!read_file(path, DOCUMENT_BYTES_MAX, &text, &size, &why)) return verb_error("%s: %s", path, why), false;
    weft_error error = weft_schema_compile((weft_bytes){text, size}, NULL, &schema);
    free(text);
    if (!error) {
        error = weft_schema_register(node, name, schema);
        weft_schema_release(schema);
    }
    if (error == WEFT_EDIFFERS) verb_error("%s: another schema's file has this name: rename one", path);
    if (error && error != WEFT_EDIFFERS) verb_error("%s: %s", path, weft_error_message());
    *field = name;
    return !error;
}

struct described {
    weft_channel_options options;
    char schemas[2][WEFT_NAME_MAX + 1]; /* names: of requests, of results */
    bool given[sizeof(keys) / sizeof(*keys)];
};

static bool set(weft_node *node, struct described *channel, const char *name, char *value)
{
    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
        const struct key *key = &keys[i];
        void *field = (char *)&channel->options + key->at;
        if (strcmp(key->name, name) != 0) continue;
        if (channel->given[i]) return verb_usage("%s is given twice", name), false;
        channel->given[i] = true;
        switch (key->kind) {
        case WORD: return set_word(key, value, field);
        case YES_NO: return set_yes_no(key, value, field);
        case CHANNEL: *(const char **)field = value; return true;
        case SCHEMA: return set_schema(node, value, channel->schemas[strcmp(name, "schema") != 0], field);
        case NUMBER:
        case TIME:
        case BYTES: return set_number(key, value, field);
        }
    }
    return verb_usage("a channel has no %s", name), false;
}

/* Takes the text apart, in place. */
static bool describe(weft_node *node, struct described *channel, char *text)
{
    char *rest = strchr(text, ',');
    if (rest) *rest++ = '\0';
    char *schema = strchr(text, ':');
    if (schema) *schema++ = '\0';
    if (schema && !set(node, channel, "schema", schema)) return false;
    for (char *key; (key = strsep(&rest, ","));) {
        char *value = strchr(key, '=');
        if (!value) return verb_usage("%s: it is KEY=VALUE", key), false;
        *value++ = '\0';
        if (!set(node, channel, key, value)) return false;
    }
    return true;
}

bool declare_channel(weft_node *node, const char *text, bool template)
{
    struct described channel = {.options = WEFT_CHANNEL_OPTIONS};
    char *name = strdup(text);
    if (!name) return verb_error("out of memory"), false;
    bool done = describe(node, &channel, name);
    if (done) {
        weft_error error = template ? weft_channel_template(node, name, &channel.options)
                                    : weft_channel_declare(node, name, &channel.options);
        if (error)
            (error == WEFT_EINVAL ? verb_usage : verb_error)("--%s %s: %s", template ? "template" : "channel", name,
                                                             weft_error_message());
        done = !error;
    }
    free(name);
    return done;
}
