/* contract.c: the edge of weft/contract.h. */
#include <weft/contract.h>

#include "api/error.h"
#include "exec/contract.h"
#include "exec/node.h"
#include "remote/client_ask.h"

_Static_assert((int)SCHEMA_ID_BYTES == (int)WEFT_SCHEMA_ID_BYTES && (int)SCHEMA_NAME_MAX == (int)WEFT_NAME_MAX,
               "the same words");

static weft_error check_name(const char *call, const char *name)
{
    if (weft__word_valid(name, ".:/")) return WEFT_OK;
    return weft__error(WEFT_EINVAL, "%s: name %.80s: not 1 to 64 of [A-Za-z0-9_.:/-]", call, name);
}

weft_error weft_schema_register(weft_node *node, const char *name, weft_schema *schema)
{
    char sentence[ERROR_TEXT_MAX] = "";
    struct named_schema *named;
    if (weft__forked) return weft__error_forked(__func__);
    if (!node || !name || !schema) return weft__error_null(__func__, !node ? "node" : !name ? "name" : "schema");
    weft_error error = check_name(__func__, name);
    if (error) return error;
    if (node->uplink) return weft__client_schema_register(node, name, schema);
    error = weft__named_schema_new(node, name, schema, &named);
    if (error == WEFT_ENOMEM) return weft__error(error, "%s: no memory for a schema", name);
    if (error) return error; /* its sentence is said */
    weft__call_open(node);
    (void)weft__enter(node);
    error = weft__core_schema_register(node->core, named, sentence);
    weft__leave(node);
    weft__named_schema_drop(named);
    weft__schemas_reap(node);
    weft__call_close(node);
    return weft__error_told(error, name, sentence);
}

weft_error weft_schema_get(weft_node *node, const char *name, weft_schema **schema)
{
    if (weft__forked) return weft__error_forked(__func__);
    if (!node || !name || !schema) return weft__error_null(__func__, !node ? "node" : !name ? "name" : "schema");
    weft_error error = check_name(__func__, name);
    if (error) return error;
    if (node->uplink) return weft__client_schema_get(node, name, schema);
    (void)weft__enter(node);
    bool closing = weft__core_closing(node->core);
    struct named_schema *named = closing ? NULL : weft__core_schema_find(node->core, name);
    weft__leave(node);
    if (closing) return weft__error_plain(WEFT_ECLOSED, name);
    if (!named) return weft__error(WEFT_ENOTFOUND, "%s: no schema is registered by that name", name);
    *schema = weft_schema_hold(named->schema);
    weft__named_schema_drop(named);
    return WEFT_OK;
}

weft_error weft_schema_unregister(weft_node *node, const char *name)
{
    char sentence[ERROR_TEXT_MAX] = "";
    if (weft__forked) return weft__error_forked(__func__);
    if (!node || !name) return weft__error_null(__func__, !node ? "node" : "name");
    weft_error error = check_name(__func__, name);
    if (error) return error;
    if (node->uplink) return weft__client_ask_named(node, ASK_SCHEMA_UNREGISTER, name);
    weft__call_open(node);
    (void)weft__enter(node);
    error = weft__core_closing(node->core) ? WEFT_ECLOSED : weft__core_schema_unregister(node->core, name, sentence);
    weft__leave(node);
    weft__schemas_reap(node);
    weft__call_close(node);
    return weft__error_told(error, name, sentence);
}

weft_error weft_channel_schema_set(weft_node *node, const char *channel, weft_schema_role role, const char *name)
{
    char sentence[ERROR_TEXT_MAX] = "";
    if (weft__forked) return weft__error_forked(__func__);
    if (!node || !channel) return weft__error_null(__func__, !node ? "node" : "channel");
    if (role != WEFT_SCHEMA_REQUEST && role != WEFT_SCHEMA_RESULT)
        return weft__error(WEFT_EINVAL, "%s: role %d is none of weft_schema_role", channel, (int)role);
    weft_error error = name ? check_name(__func__, name) : WEFT_OK;
    if (error) return error;
    if (node->uplink) return weft__client_schema_set(node, channel, role, name);
    weft__call_open(node);
    uint64_t now_ns = weft__enter(node);
    error = weft__core_closing(node->core)
                ? WEFT_ECLOSED
                : weft__core_channel_schema_set(node->core, now_ns, channel, role, name, sentence);
    weft__leave(node);
    weft__schemas_reap(node);
    weft__call_close(node);
    return weft__error_told(error, channel, sentence);
}
