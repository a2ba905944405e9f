/* dynamic.c: $dynamicAnchors. A $dynamicRef may lead to each anchor of its name whose resource validation can enter; so
 * an anchor is compiled as soon as somebody looks for its name and its resource has a node. Each of the two looks
 * through the anchors that it concerns, once. */
#include "schema/compile.h"

static bool dynamic_name(struct compiler *c, const char *name, uint32_t *number)
{
    uint64_t key = weft__name_key(c, name);
    const uint32_t *known = weft__namemap_find(&c->dynamics, key, name);
    if (known) {
        *number = *known;
        return true;
    }
    uint32_t *kept = weft__compile_alloc(c, sizeof *kept);
    if (!kept || !LIST_ADD(c, &c->dynamic_names)) return false;
    if (!weft__namemap_reserve(&c->dynamics)) return weft__compile_error(c, WEFT_ENOMEM, "schema: out of memory");
    *number = *kept = (uint32_t)(c->dynamic_names.count - 1);
    weft__namemap_add(&c->dynamics, key, name, kept);
    return true;
}

/* Its node, if it is wanted by now. */
static bool consider(struct compiler *c, const struct dynamic_anchor *anchor)
{
    uint32_t node;
    return !c->dynamic_names.items[anchor->name].used || !c->resources.items[anchor->resource].entered ||
           weft__node_of(c, anchor->record, &node);
}

bool weft__dynamic_anchor_add(struct compiler *c, uint32_t record, const char *text)
{
    struct dynamic_anchor *anchor = LIST_ADD(c, &c->dynamic_anchors);
    uint32_t number = 0;
    if (!anchor || !dynamic_name(c, text, &number)) return false;
    struct dynamic_name *name = &c->dynamic_names.items[number];
    uint32_t index = c->records.items[record].resource, place = (uint32_t)c->dynamic_anchors.count;
    struct resource *resource = &c->resources.items[index];
    *anchor = (struct dynamic_anchor){
        .record = record, .resource = index, .name = number, .next_of_resource = resource->anchors};
    resource->anchors = place;
    if (name->last)
        c->dynamic_anchors.items[name->last - 1].next_of_name = place;
    else
        name->first = place;
    name->last = place;
    return consider(c, anchor);
}

bool weft__dynamic_use(struct compiler *c, const char *text, uint32_t *number)
{
    c->uses_dynamics = true;
    if (!dynamic_name(c, text, number)) return false;
    struct dynamic_name *name = &c->dynamic_names.items[*number];
    if (name->used) return true;
    name->used = true;
    for (uint32_t at = name->first; at; at = c->dynamic_anchors.items[at - 1].next_of_name)
        if (!consider(c, &c->dynamic_anchors.items[at - 1])) return false;
    return true;
}

bool weft__dynamic_enter(struct compiler *c, uint32_t index)
{
    struct resource *resource = &c->resources.items[index];
    if (resource->entered) return true;
    resource->entered = true;
    for (uint32_t at = resource->anchors; at; at = c->dynamic_anchors.items[at - 1].next_of_resource)
        if (!consider(c, &c->dynamic_anchors.items[at - 1])) return false;
    return true;
}

/* The first anchor of a resource comes first, and is the one that counts. */
static uint32_t gather(const struct compiler *c, const struct dynamic_name *name, struct dynamic *to)
{
    uint32_t count = 0, next;
    for (uint32_t at = name->first; at; at = next) {
        const struct dynamic_anchor *anchor = &c->dynamic_anchors.items[at - 1];
        const struct record *record = &c->records.items[anchor->record];
        next = anchor->next_of_name;
        if (record->node != NODE_NONE) to[count++] = (struct dynamic){record->resource, record->node};
    }
    return count;
}

bool weft__dynamics_place(struct compiler *c, struct dynamic **all, uint32_t *count)
{
    *all = weft__compile_alloc(c, c->dynamic_anchors.count * sizeof **all);
    *count = 0;
    if (!*all) return false;
    for (size_t i = 0; i < c->dynamic_names.count; i++) {
        struct dynamic_name *name = &c->dynamic_names.items[i];
        if (!name->used) continue;
        name->begin = *count;
        name->count = gather(c, name, *all + *count);
        *count += name->count;
    }
    for (size_t i = 0; i < c->ops.count; i++) {
        struct op *op = &c->ops.items[i];
        if (op->code != OP_DYNAMIC_CALL) continue;
        const struct dynamic_name *name = &c->dynamic_names.items[op->b];
        op->b = name->begin;
        op->c = name->count;
    }
    return true;
}
