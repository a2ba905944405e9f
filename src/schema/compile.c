/* compile.c: schemas into nodes. A list of records is worked off: who needs the node of another schema gets its number
 * at once, and the schema goes to the end of the list. Every schema of the root document is compiled, so that a
 * mistake is found where it stands; of the sources what is referred to. */
#include "schema/compile.h"

enum { TYPES_ALL = (1 << (JSON_OBJECT + 1)) - 1 };

bool weft__node_of(struct compiler *c, uint32_t record, uint32_t *node)
{
    *node = c->records.items[record].node;
    if (*node != NODE_NONE) return true;
    struct node *added = LIST_ADD(c, &c->nodes);
    uint32_t *node_record = added ? LIST_ADD(c, &c->node_records) : NULL;
    if (!node_record) return false;
    *node_record = record;
    *node = c->records.items[record].node = (uint32_t)(c->nodes.count - 1);
    return true;
}

bool weft__node_at(struct compiler *c, uint32_t source, const struct json_value *value, uint32_t *node)
{
    const struct source *from = &c->sources.items[source];
    return weft__node_of(c, from->records[value - from->doc.values] - 1, node);
}

/* The ops in the order of their codes, which is that of the groups. */
static bool place_ops(struct compiler *c, uint32_t index)
{
    size_t counts[OP_UNEVALUATED_PROPERTIES + 2] = {0}, total = c->pending.count, begin = c->ops.count;
    static const enum op_code groups[NODE_GROUPS] = {OP_MAXIMUM, OP_MAX_LENGTH, OP_MAX_ITEMS, OP_MAX_PROPERTIES,
                                                     OP_CONST};
    c->ops.items = weft__list_room(c, c->ops.items, begin, &c->ops.room, total, sizeof *c->ops.items);
    if (c->error) return false;
    for (size_t i = 0; i < total; i++)
        counts[c->pending.items[i].code + 1]++;
    for (size_t code = 1; code < sizeof counts / sizeof *counts; code++)
        counts[code] += counts[code - 1];
    struct node *node = &c->nodes.items[index];
    for (size_t group = 0; group < NODE_GROUPS; group++)
        node->ops[group] = (uint32_t)(begin + counts[groups[group]]);
    for (size_t i = 0; i < total; i++)
        c->ops.items[begin + counts[c->pending.items[i].code]++] = c->pending.items[i];
    c->ops.count += total;
    node->ops_end = (uint32_t)c->ops.count;
    if (node->ops_end != node->ops[NODE_GROUPS - 1] && c->ops.items[node->ops_end - 1].code >= OP_UNEVALUATED_ITEMS)
        node->flags |= NODE_UNEVALUATED;
    return true;
}

static bool compile_node(struct compiler *c, uint32_t index)
{
    uint32_t record = c->node_records.items[index];
    const struct resource *resource = weft__record_resource(c, record);
    if (!resource->draft)
        return weft__compile_error_at(c, WEFT_EUNSUPPORTED, resource->record, "$schema", "%s", resource->unknown);
    const struct json_value *value = weft__record_value(c, record);
    struct node *node = &c->nodes.items[index];
    node->resource = c->records.items[record].resource;
    node->types = value->kind == JSON_FALSE ? 0 : TYPES_ALL;
    if (value->kind == JSON_FALSE) node->flags |= NODE_FALSE;
    if (value->kind != JSON_TRUE && value->kind != JSON_FALSE && value->kind != JSON_OBJECT)
        return weft__compile_error_at(c, WEFT_EINVAL, record, "", "expected a schema: an object, true or false");
    c->pending.count = 0;
    if (!weft__dynamic_enter(c, c->records.items[record].resource)) return false;
    if (value->kind == JSON_OBJECT && !weft__compile_keywords(c, record, index)) return false;
    return place_ops(c, index);
}

/* --- all of them ------------------------------------------------------------------------------ */

static bool compile_from(struct compiler *c, size_t *done)
{
    while (*done < c->nodes.count)
        if (!compile_node(c, (uint32_t)(*done)++)) return false;
    return true;
}

bool weft__compile(struct compiler *c)
{
    size_t done = 0;
    uint32_t root, node;
    if (!LIST_ADD(c, &c->texts) || !LIST_ADD(c, &c->slots)) return false; /* text 0 is none, slot 0 is free */
    c->slots.items[0].node = NODE_NONE;
    root = c->sources.items[0].records[0] - 1;
    if (!weft__node_of(c, root, &node) || !compile_from(c, &done)) return false;
    for (uint32_t i = 0; i < c->records.count; i++) {
        if (c->records.items[i].source) continue;
        if (!weft__node_of(c, i, &node) || !compile_from(c, &done)) return false;
    }
    return true;
}
