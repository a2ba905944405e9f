/* compile_object.c: what a schema says of an object's members, in one op: their names in a hash table, with the schema
 * of each and whether it is required; then patterns, and what holds for the others and for the names. */
#include "schema/compile.h"

#include <string.h>

struct members {
    struct compiler *c;
    const struct json_doc *doc;
    uint32_t source, slots, mask;
};

/* The slot of a name, free or not. */
static struct slot *find_slot(const struct members *m, uint32_t hash, const char *name, size_t size)
{
    struct slot *slots = m->c->slots.items + m->slots;
    for (uint32_t at = hash & m->mask;; at = (at + 1) & m->mask) {
        uint32_t text = slots[at].name;
        if (!text) return &slots[at];
        if (slots[at].hash == hash && weft__text_size(m->c, text) == size &&
            memcmp(m->c->texts.items + text, name, size) == 0)
            return &slots[at];
    }
}

/* The slot of a name, which it has from now on. */
static struct slot *slot_of(const struct members *m, const struct json_value *string)
{
    struct compiler *c = m->c;
    char *name = weft__compile_alloc(c, string->size_bytes);
    if (!name) return NULL;
    size_t size = weft__json_decode(m->doc, string, name);
    uint32_t hash = weft__json_hash(c->seed, name, size);
    struct slot *slot = find_slot(m, hash, name, size);
    if (slot->name) return slot;
    *slot = (struct slot){.hash = hash, .node = NODE_NONE, .size_bytes = size < SLOT_HEAD ? (uint16_t)size : SLOT_HEAD};
    memcpy(slot->head, name, slot->size_bytes);
    if (size > SLOT_HEAD) slot->size_bytes = SLOT_HEAD + 1;
    return weft__text_add(c, name, size, &slot->name) ? slot : NULL;
}

static bool make_slots(struct members *m, uint32_t count)
{
    struct compiler *c = m->c;
    uint32_t room = 4;
    while (room < 2 * (uint64_t)count)
        room *= 2;
    c->slots.items = weft__list_room(c, c->slots.items, c->slots.count, &c->slots.room, room, sizeof *c->slots.items);
    m->slots = (uint32_t)c->slots.count;
    m->mask = room - 1;
    if (c->error) return false;
    for (uint32_t i = 0; i < room; i++)
        c->slots.items[c->slots.count++].node = NODE_NONE;
    return true;
}

static bool add_properties(const struct members *m, const struct json_value *map)
{
    const struct json_value *key = map + 1;
    for (uint32_t i = 0; i < map->count; i++, key = weft__json_next(m->doc, key + 1)) {
        struct slot *slot = slot_of(m, key);
        if (!slot || !weft__node_at(m->c, m->source, key + 1, &slot->node)) return false;
    }
    return true;
}

static bool add_required(const struct members *m, const struct json_value *names, struct object *object)
{
    struct compiler *c = m->c;
    object->required = (uint32_t)c->lists.count;
    object->required_count = names->count;
    for (uint32_t i = 0; i < names->count; i++) {
        struct slot *slot = slot_of(m, names + 1 + i);
        uint32_t *item = slot ? LIST_ADD(c, &c->lists) : NULL;
        if (!item) return false;
        slot->required = 1;
        *item = slot->name;
    }
    return true;
}

static bool add_patterns(const struct members *m, uint32_t record, const struct json_value *map, struct object *object)
{
    struct compiler *c = m->c;
    object->patterns = (uint32_t)c->patterns.count;
    object->patterns_count = map->count;
    const struct json_value *key = map + 1;
    for (uint32_t i = 0; i < map->count; i++, key = weft__json_next(m->doc, key + 1)) {
        struct pattern *pattern = LIST_ADD(c, &c->patterns);
        uint32_t text;
        if (!pattern || !weft__text_of(c, m->doc, key, &text) ||
            !weft__regex_add(c, record, "patternProperties", text, &pattern->regex) ||
            !weft__node_at(c, m->source, key + 1, &pattern->node))
            return false;
    }
    return true;
}

static bool node_of(const struct members *m, const struct json_value *value, uint32_t *node)
{
    *node = NODE_NONE;
    return !value || weft__node_at(m->c, m->source, value, node);
}

bool weft__compile_object(struct compiler *c, uint32_t record, const struct json_value *const *keywords)
{
    const struct json_value *properties = keywords[KEYWORD_PROPERTIES], *required = keywords[KEYWORD_REQUIRED],
                            *patterns = keywords[KEYWORD_PATTERN_PROPERTIES],
                            *additional = keywords[KEYWORD_ADDITIONAL_PROPERTIES],
                            *names = keywords[KEYWORD_PROPERTY_NAMES];
    struct members m = {.c = c, .source = c->records.items[record].source};
    struct object object = {0};
    m.doc = weft__record_doc(c, record);
    if (!properties && !required && !patterns && !additional && !names) return true;
    uint32_t count = (properties ? properties->count : 0) + (required ? required->count : 0);
    if (count && !make_slots(&m, count)) return false;
    if (properties && !add_properties(&m, properties)) return false;
    if (required && !add_required(&m, required, &object)) return false;
    if (patterns && !add_patterns(&m, record, patterns, &object)) return false;
    if (!node_of(&m, additional, &object.additional) || !node_of(&m, names, &object.names)) return false;
    object.slots = m.slots;
    object.mask = m.mask;

    struct object *added = LIST_ADD(c, &c->objects);
    struct op *op = added ? weft__emit(c, OP_OBJECT, KEYWORD_PROPERTIES) : NULL;
    if (!op) return false;
    *added = object;
    op->a = (uint32_t)(c->objects.count - 1);
    return true;
}

static bool compile_names(struct compiler *c, const struct json_doc *doc, const struct json_value *names, struct op op)
{
    op.b = (uint32_t)c->lists.count;
    op.c = names->count;
    for (uint32_t i = 0; i < names->count; i++) {
        uint32_t text, *item;
        if (!weft__text_of(c, doc, names + 1 + i, &text) || !(item = LIST_ADD(c, &c->lists))) return false;
        *item = text;
    }
    struct op *added = weft__emit(c, OP_DEPENDENT_REQUIRED, op.keyword);
    if (!added) return false;
    *added = op;
    return true;
}

bool weft__compile_dependents(struct compiler *c, uint32_t record, const struct json_value *map, enum keyword keyword)
{
    if (!map) return true;
    const struct json_doc *doc = weft__record_doc(c, record);
    const struct json_value *key = map + 1;
    for (uint32_t i = 0; i < map->count; i++, key = weft__json_next(doc, key + 1)) {
        struct op op = {.code = OP_DEPENDENT_REQUIRED, .keyword = (uint8_t)keyword};
        if (!weft__text_of(c, doc, key, &op.a)) return false;
        if (key[1].kind == JSON_ARRAY) {
            if (!compile_names(c, doc, key + 1, op)) return false;
            continue;
        }
        op.code = OP_DEPENDENT_SCHEMA;
        struct op *added = weft__emit(c, OP_DEPENDENT_SCHEMA, keyword);
        if (!added || !weft__node_at(c, c->records.items[record].source, key + 1, &op.b)) return false;
        *added = op; /* no op was added since */
    }
    return true;
}
