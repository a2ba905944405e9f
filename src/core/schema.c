/* schema.c: schemas by name, the contracts that channels make of them, and what workers understand.
 *
 *     register        named in options, schema_set                met by a payload
 *   ----------> name -----------------------------> contract -----------------------> its message, to its end
 *
 * A contract never changes, and nothing here knows what a schema is: the shell looks at a payload before it comes, and
 * the message says which contract it has met. Where that is not the channel's, admission says so and changes nothing,
 * so a replacement is one store: what comes after it is held against the new one, what was let in before it is not
 * asked again. */
#include "core/state.h"

#include <stdio.h>
#include <string.h>

/* --- by name ---------------------------------------------------------------------------------- */

static struct named_schema *find(const struct core *core, const char *name)
{
    return weft__namemap_find(&core->schema_names, weft__name_hash(name), name);
}

weft_error weft__core_schema_register(struct core *core, struct named_schema *schema, char *message)
{
    if (core->closing) return WEFT_ECLOSED;
    const struct named_schema *known = find(core, schema->name);
    if (known && memcmp(known->id, schema->id, sizeof(known->id)) == 0) return WEFT_OK;
    if (known) {
        snprintf(message, ERROR_TEXT_MAX, "%s: a schema with another id has that name", schema->name);
        return WEFT_EDIFFERS;
    }
    if (core->schema_names.count >= core->limits.schemas_max) {
        snprintf(message, ERROR_TEXT_MAX, "%s: schemas_max of %u reached", schema->name, core->limits.schemas_max);
        return WEFT_ELIMIT;
    }
    if (!weft__namemap_reserve(&core->schema_names)) return WEFT_ENOMEM;
    weft__namemap_add(&core->schema_names, weft__name_hash(schema->name), schema->name,
                      weft__named_schema_hold(schema));
    return WEFT_OK;
}

struct named_schema *weft__core_schema_find(struct core *core, const char *name)
{
    return weft__named_schema_hold(find(core, name));
}

weft_error weft__core_schema_unregister(struct core *core, const char *name, char *message)
{
    struct named_schema *schema = find(core, name);
    if (!schema) {
        snprintf(message, ERROR_TEXT_MAX, "%.80s: no schema is registered by that name", name);
        return WEFT_ENOTFOUND;
    }
    if (schema->users > 0) {
        snprintf(message, ERROR_TEXT_MAX,
                 "%s: it is named by channels or templates, %u times in all: give the channels another, or delete them",
                 name, schema->users);
        return WEFT_EBUSY;
    }
    weft__namemap_remove(&core->schema_names, weft__name_hash(name), schema->name);
    weft__named_schema_drop(schema);
    return WEFT_OK;
}

void weft__schemas_free(struct core *core)
{
    struct namemap *map = &core->schema_names;
    for (uint32_t i = 0; i < map->room; i++)
        if (map->entries[i].name) weft__named_schema_drop(map->entries[i].record);
    weft__namemap_fini(map);
}

/* --- contracts -------------------------------------------------------------------------------- */

static void count_user(struct named_schema *schema, int more)
{
    if (schema) schema->users += (uint32_t)more;
}

void weft__contract_name(const struct contract *contract)
{
    if (!contract) return;
    count_user(contract->request, 1);
    count_user(contract->result, 1);
}

void weft__contract_leave(struct contract *contract)
{
    if (!contract) return;
    count_user(contract->request, -1);
    count_user(contract->result, -1);
    weft__contract_drop(contract);
}

static weft_error resolve(const struct core *core, const char *of, const char *name, struct named_schema **schema,
                          char *message)
{
    *schema = name ? find(core, name) : NULL;
    if (*schema || !name) return WEFT_OK;
    snprintf(message, ERROR_TEXT_MAX, "%.140s: no schema is registered as %.80s", of, name);
    return WEFT_ENOTFOUND;
}

weft_error weft__contract_make(struct core *core, const char *of, weft_channel_options *options,
                               struct contract **contract, char *message)
{
    struct named_schema *request, *result;
    *contract = NULL;
    weft_error error = resolve(core, of, options->schema, &request, message);
    if (!error) error = resolve(core, of, options->result_schema, &result, message);
    if (error) return error;
    if (!request && !result) return WEFT_OK;
    *contract = weft__contract_new(core->mem, core->contract_generation + 1, request, result, options->opaque);
    if (!*contract) return WEFT_ENOMEM;
    core->contract_generation++;
    weft__contract_name(*contract);
    options->schema = request ? request->name : NULL;
    options->result_schema = result ? result->name : NULL;
    return WEFT_OK;
}

static bool same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

weft_error weft__core_channel_schema_set(struct core *core, uint64_t now_ns, const char *name, weft_schema_role role,
                                         const char *schema, char *message)
{
    core->now_ns = now_ns;
    struct core_channel *channel = weft__channel_find(core, weft__name_hash(name), name);
    if (!channel) return WEFT_ENOCHANNEL;
    if (role == WEFT_SCHEMA_RESULT && channel->kind != CHANNEL_DISPATCH) {
        snprintf(message, ERROR_TEXT_MAX, "%s: only a dispatch channel has results", name);
        return WEFT_EINVAL;
    }
    weft_channel_options options = channel->options;
    const char **named = role == WEFT_SCHEMA_RESULT ? &options.result_schema : &options.schema;
    if (same(*named, schema)) return WEFT_OK;
    *named = schema;
    struct contract *contract;
    weft_error error = weft__contract_make(core, name, &options, &contract, message);
    if (error) return error;
    weft__contract_leave(channel->contract);
    channel->contract = contract;
    channel->options = options;
    weft__wake(core, &channel->room_waiters, true); /* an idle worker may understand what they come with now */
    return WEFT_OK;
}

void weft__schema_row(const struct named_schema *schema, struct core_schema_row *row)
{
    *row = (struct core_schema_row){.name = ""};
    if (!schema) return;
    memcpy(row->name, schema->name, sizeof(row->name));
    memcpy(row->id, schema->id, sizeof(row->id));
}

/* --- understanding ---------------------------------------------------------------------------- */

bool weft__understood(const struct understanding *understanding, const struct named_schema *met)
{
    if (!understanding || !met) return true;
    for (uint32_t i = 0; i < understanding->count; i++)
        if (memcmp(understanding->ids[i], met->id, SCHEMA_ID_BYTES) == 0) return true;
    return false;
}

/* In rising order, each once; how many there are. */
static uint32_t sort(const struct core_worker_spec *spec, unsigned char ids[][SCHEMA_ID_BYTES])
{
    uint32_t count = 0;
    for (size_t i = 0; i < spec->schema_ids_count; i++) {
        const unsigned char *id = spec->schema_ids[i];
        uint32_t at = 0;
        while (at < count && memcmp(ids[at], id, SCHEMA_ID_BYTES) < 0)
            at++;
        if (at < count && memcmp(ids[at], id, SCHEMA_ID_BYTES) == 0) continue;
        memmove(ids[at + 1], ids[at], (size_t)(count - at) * SCHEMA_ID_BYTES);
        memcpy(ids[at], id, SCHEMA_ID_BYTES);
        count++;
    }
    return count;
}

/* Holds it for the worker; NULL where that names none. */
weft_error weft__understanding_get(struct core *core, struct core_channel *channel, const struct core_worker_spec *spec,
                                   struct understanding **understanding, char *message)
{
    unsigned char ids[WEFT_SCHEMA_IDS_MAX + 1][SCHEMA_ID_BYTES];
    uint32_t sets = 0, count = sort(spec, ids);
    size_t bytes = count * (size_t)SCHEMA_ID_BYTES;
    *understanding = NULL;
    if (count == 0) return WEFT_OK;
    for (struct understanding *known = channel->understandings; known; known = known->next, sets++)
        if (known->count == count && memcmp(known->ids, ids, bytes) == 0) *understanding = known;
    if (!*understanding && sets >= WEFT_SCHEMA_SETS_MAX) {
        snprintf(message, ERROR_TEXT_MAX, "%s: its workers name %d different sets of schemas already", channel->name,
                 WEFT_SCHEMA_SETS_MAX);
        return WEFT_ELIMIT;
    }
    if (!*understanding) {
        struct understanding *made = weft__mem_zalloc(core->mem, sizeof(*made) + bytes);
        if (!made) return WEFT_ENOMEM;
        made->count = count;
        memcpy(made->ids, ids, bytes);
        made->next = channel->understandings;
        *understanding = channel->understandings = made;
    }
    (*understanding)->refs++;
    return WEFT_OK;
}

void weft__understanding_drop(struct core *core, struct core_channel *channel, struct understanding *understanding)
{
    if (!understanding || --understanding->refs > 0) return;
    struct understanding **at = &channel->understandings;
    while (*at != understanding)
        at = &(*at)->next;
    *at = understanding->next;
    weft__mem_free(core->mem, understanding);
}
