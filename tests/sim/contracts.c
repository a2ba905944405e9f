/* contracts.c: schemas come and go by name, channels are given others, and whoever brings a payload has looked at its
 * channel's contract some time before.
 *
 * A schema is but a name and an id here: that payloads match is the shell's affair. What is held against the core: a
 * payload is let in if and only if it has met the contract that the channel has at that moment; a schema can be
 * unregistered if and only if nothing names it; and no reference to a schema is left when the core is gone. */
#include "sim/contracts.h"

#include <string.h>

#include "sim/model.h"

static const char *const names[SIM_SCHEMAS] = {"task", "task-v2", "a/b:c", "z"};

static void ended(struct named_schema *named)
{
    struct sim_schema *schema = named->context;
    schema->ended = true;
}

void contracts_make(struct world *world)
{
    for (uint32_t i = 0; i < SIM_SCHEMAS; i++) {
        struct sim_schema *schema = &world->schemas[i];
        *schema = (struct sim_schema){.registered = false};
        atomic_init(&schema->named.refs, 1);
        schema->named.context = schema;
        schema->named.end = ended;
        memset(schema->named.id, (int)(0x40 * (i + 1) - 1), sizeof schema->named.id);
        snprintf(schema->named.name, sizeof schema->named.name, "%s", names[i]);
    }
}

static void forget(struct sim_contract *contract)
{
    weft__contract_drop(contract->looked);
    contract->looked = NULL;
}

void contracts_forget(struct world *world)
{
    for (uint32_t i = 0; i < world->channels_count; i++)
        forget(&world->channels[i].contract);
    for (uint32_t i = 0; i < world->shape.event_channels; i++)
        forget(&world->event_channels[i].contract);
}

void contracts_end(struct world *world)
{
    for (uint32_t i = 0; i < SIM_SCHEMAS; i++) {
        EXPECT(world, !world->schemas[i].ended, "the schema %s ended, and we hold it", names[i]);
        weft__named_schema_drop(&world->schemas[i].named);
        EXPECT(world, world->schemas[i].ended, "references to the schema %s are left", names[i]);
    }
}

/* 1 + index; 0 = none. */
static uint32_t number_of(const struct world *world, const char *name)
{
    for (uint32_t i = 0; name && i < SIM_SCHEMAS; i++)
        if (strcmp(world->schemas[i].named.name, name) == 0) return i + 1;
    return 0;
}

static const char *draw_name(struct world *world)
{
    uint32_t index = draw(world, SIM_SCHEMAS);
    return world->schemas[index].registered || once_in(world, 30) ? names[index] : NULL;
}

void contracts_draw(struct world *world, weft_channel_options *options, bool results)
{
    options->schema = once_in(world, 2) ? draw_name(world) : NULL;
    options->result_schema = results && once_in(world, 5) ? draw_name(world) : NULL;
    options->opaque = once_in(world, 4);
}

static bool known(const struct world *world, const char *name)
{
    return !name || world->schemas[number_of(world, name) - 1].registered;
}

bool contracts_known(const struct world *world, const weft_channel_options *options)
{
    return known(world, options->schema) && known(world, options->result_schema);
}

void contracts_named(struct world *world, const weft_channel_options *options)
{
    uint32_t request = number_of(world, options->schema), result = number_of(world, options->result_schema);
    if (request) world->schemas[request - 1].templates++;
    if (result) world->schemas[result - 1].templates++;
    if (request || result) world->generation = world->core->contract_generation;
}

/* --- what bringers know ----------------------------------------------------------------------- */

void contracts_renewed(struct world *world, const char *name, const weft_channel_options *options,
                       struct sim_contract *contract, bool from_template)
{
    const struct core_channel *record = weft__channel_find(world->core, weft__name_hash(name), name);
    bool asks = options->schema || options->result_schema;
    EXPECT(world, record && asks == (record->contract != NULL), "%s has a contract, or none, against its options",
           name);
    contract->generation = asks ? record->contract->generation : 0;
    if (!asks) return;
    EXPECT(world, from_template || contract->generation > world->generation, "a contract of an old generation");
    if (contract->generation > world->generation) world->generation = contract->generation;
    const struct named_schema *request = record->contract->request;
    EXPECT(world, strcmp(request ? request->name : "", options->schema ? options->schema : "") == 0,
           "%s asks for another schema than it was told to", name);
}

void contracts_bring(struct world *world, const struct sim_contract *contract, struct message *message)
{
    if (once_in(world, 8)) return; /* has never looked */
    weft__message_meet(message, contract->looked);
}

bool contracts_stale(const struct sim_contract *contract, const struct message *message)
{
    return (message->contract ? message->contract->generation : 0) != contract->generation;
}

void contracts_look(struct world *world, struct sim_contract *contract, struct contract *wanted)
{
    EXPECT(world, (wanted ? wanted->generation : 0) == contract->generation, "shown another contract than it has");
    weft__contract_drop(contract->looked);
    contract->looked = wanted;
    cover(COVER_STALE);
}

uint32_t contracts_met(const struct world *world, const struct message *message)
{
    const struct contract *contract = message->contract;
    if (!contract || !contract->request || (contract->opaque && message->content_type_offset)) return 0;
    return number_of(world, contract->request->name);
}

uint32_t contracts_now(const struct world *world, const weft_channel_options *options, bool text)
{
    return text && options->opaque ? 0 : number_of(world, options->schema);
}

/* --- who understands -------------------------------------------------------------------------- */

uint32_t contracts_draw_understanding(struct world *world)
{
    return once_in(world, 3) ? draw(world, (1U << SIM_SCHEMAS) - 1) + 1 : 0;
}

size_t contracts_ids(struct world *world, uint32_t understands, uint8_t ids[][SCHEMA_ID_BYTES])
{
    size_t count = 0;
    for (uint32_t i = SIM_SCHEMAS; i-- > 0;)
        for (bool again = true; again && understands & 1U << i; again = once_in(world, 6) && count < SIM_SCHEMAS)
            memcpy(ids[count++], world->schemas[i].named.id, SCHEMA_ID_BYTES);
    return count;
}

/* --- the registry ----------------------------------------------------------------------------- */

static uint32_t users(const struct world *world, uint32_t index)
{
    const char *name = names[index];
    uint32_t count = 0;
    for (uint32_t i = 0; i < world->channels_count; i++) {
        const struct sim_channel *channel = &world->channels[i];
        if (channel->life == CHANNEL_NONE) continue;
        count += number_of(world, channel->options.schema) == index + 1;
        count += number_of(world, channel->options.result_schema) == index + 1;
    }
    for (uint32_t i = 0; i < world->shape.event_channels; i++)
        count += world->event_channels[i].life != CHANNEL_NONE && world->event_channels[i].schema &&
                 strcmp(world->event_channels[i].schema, name) == 0;
    return count + world->schemas[index].templates;
}

static void register_one(struct world *world, uint32_t index)
{
    struct sim_schema *schema = &world->schemas[index];
    struct named_schema other = {.context = schema, .end = ended};
    char message[ERROR_TEXT_MAX];
    bool differs = schema->registered && once_in(world, 3);
    atomic_init(&other.refs, 1);
    memset(other.id, 0x11, sizeof other.id);
    memcpy(other.name, schema->named.name, sizeof other.name);
    sim_enter(world, EV_CONTRACT, true);
    weft_error expected = WEFT_OK;
    uint32_t registered = 0;
    for (uint32_t i = 0; i < SIM_SCHEMAS; i++)
        registered += world->schemas[i].registered;
    if (world->closing)
        expected = WEFT_ECLOSED;
    else if (schema->registered)
        expected = differs ? WEFT_EDIFFERS : WEFT_OK;
    else if (registered >= world->shape.limits.schemas_max)
        expected = WEFT_ELIMIT;
    weft_error error = weft__core_schema_register(world->core, differs ? &other : &schema->named, message);
    TRACE(world, "register schema %s: %d", schema->named.name, (int)error);
    if (!sim_ran_out(world, error, COVER_ENOMEM_CONTRACT))
        EXPECT(world, error == expected, "register: %d and not %d", (int)error, (int)expected);
    EXPECT(world, atomic_load_explicit(&other.refs, memory_order_relaxed) == 1, "a refused schema is held");
    if (error == WEFT_EDIFFERS) cover(COVER_EDIFFERS);
    if (error == WEFT_ELIMIT) cover(COVER_ELIMIT);
    if (!error) schema->registered = true;
    sim_leave(world);
}

static void unregister_one(struct world *world, uint32_t index)
{
    struct sim_schema *schema = &world->schemas[index];
    char message[ERROR_TEXT_MAX];
    sim_enter(world, EV_CONTRACT, false);
    weft_error expected = users(world, index) ? WEFT_EBUSY : WEFT_OK;
    if (!schema->registered) expected = WEFT_ENOTFOUND;
    weft_error error = weft__core_schema_unregister(world->core, schema->named.name, message);
    TRACE(world, "unregister schema %s: %d", schema->named.name, (int)error);
    EXPECT(world, error == expected, "unregister: %d and not %d", (int)error, (int)expected);
    if (error == WEFT_EBUSY) cover(COVER_SCHEMA_BUSY);
    if (error == WEFT_ENOTFOUND) cover(COVER_ENOTFOUND);
    if (!error) {
        schema->registered = false;
        cover(COVER_SCHEMA_UNREGISTERED);
    }
    sim_leave(world);
}

/* --- replacing -------------------------------------------------------------------------------- */

static bool same(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

/* options: those of the channel, as the model has them; NULL: there is none. */
static void set(struct world *world, const char *channel, weft_channel_options *options, bool events,
                struct sim_contract *contract)
{
    char message[ERROR_TEXT_MAX];
    const char *name = draw_name(world);
    weft_schema_role role = once_in(world, 4) ? WEFT_SCHEMA_RESULT : WEFT_SCHEMA_REQUEST;
    const char **named = role == WEFT_SCHEMA_RESULT ? &options->result_schema : &options->schema;
    sim_enter(world, EV_CONTRACT, true);
    weft_error expected = WEFT_OK;
    if (!contract)
        expected = WEFT_ENOCHANNEL;
    else if (events && role == WEFT_SCHEMA_RESULT)
        expected = WEFT_EINVAL;
    else if (!known(world, name))
        expected = WEFT_ENOTFOUND;
    bool changes = !expected && !same(*named, name);
    weft_error error = weft__core_channel_schema_set(world->core, world->now_ns, channel, role, name, message);
    TRACE(world, "%s asks %s for %s: %d", channel, role == WEFT_SCHEMA_RESULT ? "results" : "requests",
          name ? name : "nothing", (int)error);
    if (!sim_ran_out(world, error, COVER_ENOMEM_CONTRACT))
        EXPECT(world, error == expected, "set: %d and not %d", (int)error, (int)expected);
    if (!error && changes) {
        *named = name;
        contracts_renewed(world, channel, options, contract, false);
        cover(COVER_SCHEMA_REPLACED);
    }
    sim_leave(world);
}

static void set_on_some(struct world *world)
{
    weft_channel_options options = WEFT_CHANNEL_OPTIONS;
    if (world->shape.event_channels && once_in(world, 4)) {
        struct sim_event_channel *channel = &world->event_channels[draw(world, world->shape.event_channels)];
        options.schema = channel->schema;
        set(world, channel->name, &options, true, channel->life == CHANNEL_NONE ? NULL : &channel->contract);
        channel->schema = options.schema;
        return;
    }
    struct sim_channel *channel = &world->channels[draw(world, world->channels_count)];
    bool there = channel->life != CHANNEL_NONE;
    set(world, channel->name, there ? &channel->options : &options, false, there ? &channel->contract : NULL);
}

bool act_contract(struct world *world)
{
    uint32_t index = draw(world, SIM_SCHEMAS);
    if (!world->schemas[index].registered || once_in(world, 20)) {
        register_one(world, index);
    } else if (once_in(world, 8)) {
        unregister_one(world, index);
    } else if (once_in(world, 3)) {
        set_on_some(world);
    } else {
        return false;
    }
    return true;
}
