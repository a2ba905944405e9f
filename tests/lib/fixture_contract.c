#include "lib/fixture_contract.h"

#include <stdio.h>
#include <string.h>

#include "lib/fixture_event.h"

#undef channel
#undef schema
#undef look

enum { LOOKS_MAX = 32 };

static struct {
    char name[24];
    struct contract *contract; /* held */
} looks[LOOKS_MAX];
static size_t looks_count;

void world_forget_looks(void)
{
    while (looks_count > 0)
        weft__contract_drop(looks[--looks_count].contract);
}

void world_schema_id(const char *name, uint8_t id[SCHEMA_ID_BYTES])
{
    memset(id, 0, SCHEMA_ID_BYTES);
    for (int i = 0; name[i] && i < SCHEMA_ID_BYTES; i++)
        id[i] = (uint8_t)name[i];
}

static void ended(struct named_schema *schema)
{
    weft__mem_free(&world.messages.mem, schema);
}

void world_schema(const char *name, const char *id_of)
{
    struct named_schema *made = weft__mem_zalloc(&world.messages.mem, sizeof *made);
    check_true_at(world_site(), made != NULL);
    atomic_init(&made->refs, 1);
    made->end = ended;
    snprintf(made->name, sizeof made->name, "%s", name);
    world_schema_id(id_of, made->id);
    weft_error error = weft__core_schema_register(world.core, made, world.message);
    weft__named_schema_drop(made);
    world_after_entry();
    world_result(error);
}

void world_unregister_schema(const char *name)
{
    weft_error error = weft__core_schema_unregister(world.core, name, world.message);
    world_after_entry();
    world_result(error);
}

const struct named_schema *world_schema_named(const char *name)
{
    struct named_schema *found = weft__core_schema_find(world.core, name);
    weft__named_schema_drop(found); /* the core holds it still */
    return found;
}

void world_asks(weft_schema_role role, const char *name)
{
    weft_error error =
        weft__core_channel_schema_set(world.core, world_now_ns(), world_channel_or(NULL), role, name, world.message);
    world_after_entry();
    world_result(error);
}

void world_look(const char *as)
{
    const char *name = world_channel_or(NULL);
    const struct core_channel *channel = weft__channel_find(world.core, weft__name_hash(name), name);
    check_true_at(world_site(), channel && looks_count < LOOKS_MAX);
    snprintf(looks[looks_count].name, sizeof looks[0].name, "%s", as);
    looks[looks_count++].contract = weft__contract_hold(channel->contract);
}

struct contract *world_seen(const char *as)
{
    for (size_t i = looks_count; i-- > 0;)
        if (strcmp(looks[i].name, as) == 0) return looks[i].contract;
    world_broken("nobody has looked", as);
    return NULL;
}

void world_refuse(const char *name, weft_rejection reason)
{
    struct core_admitted admitted;
    const struct core_request request = {.channel = world_channel_or(NULL),
                                         .channel_hash = weft__name_hash(world_channel_or(NULL))};
    weft_error error = weft__core_dispatch_refuse(world.core, world_now_ns(), &request, reason, &admitted);
    if (error == WEFT_EREJECTED) {
        char line[96];
        snprintf(line, sizeof line, "%s rejected:%s %u", name, admitted.reason, admitted.retry_after_ms);
        world_note(line);
    }
    world_after_entry();
    world_result(error == WEFT_EREJECTED ? WEFT_OK : error);
}

void world_refuse_event(int unused)
{
    (void)unused;
    weft__core_publish_refuse(world.core, world_channel_or(NULL), weft__name_hash(world_channel_or(NULL)));
    world_after_entry();
}
