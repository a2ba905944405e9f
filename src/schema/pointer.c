/* pointer.c: the way of a JSON Pointer through a source. An array or object of more than a few gets a table when a
 * pointer first leads through it, so that as many pointers as it has members take as many steps: of an array the places
 * of its elements, of an object those of its keys, by their hash. */
#include "schema/compile.h"

#include <string.h>

enum { FEW = 16 };

/* Objects: how many places their table has. Twice their members at least, so that some are free. */
static uint32_t table_room(const struct json_value *object)
{
    uint32_t room = 4 * FEW;
    while (room < 2 * (uint64_t)object->count)
        room *= 2;
    return room;
}

static void fill_elements(const struct json_doc *doc, const struct json_value *array, uint32_t *table)
{
    const struct json_value *value = array + 1;
    for (uint32_t i = 0; i < array->count; i++, value = weft__json_next(doc, value))
        table[i] = (uint32_t)(value - doc->values);
}

/* A place of 0 is free: no key stands there. */
static void fill_keys(const struct json_doc *doc, const struct json_value *object, uint32_t *table)
{
    uint32_t mask = table_room(object) - 1;
    const struct json_value *key = object + 1;
    for (uint32_t i = 0; i < object->count; i++, key = weft__json_next(doc, key + 1)) {
        uint32_t at = key->hash & mask;
        while (table[at])
            at = (at + 1) & mask;
        table[at] = (uint32_t)(key - doc->values);
    }
}

/* Made where there is none yet. NULL: out of memory. */
static const uint32_t *table_of(struct compiler *c, struct source *source, const struct json_value *container)
{
    const struct json_doc *doc = &source->doc;
    if (!source->tables) {
        source->tables = weft__compile_alloc(c, doc->count * sizeof *source->tables);
        if (!source->tables) return NULL;
        memset(source->tables, 0, doc->count * sizeof *source->tables);
    }
    uint32_t *begin = &source->tables[container - doc->values];
    if (*begin) return c->tables.items + *begin - 1;
    bool object = container->kind == JSON_OBJECT;
    uint32_t room = object ? table_room(container) : container->count;
    c->tables.items =
        weft__list_room(c, c->tables.items, c->tables.count, &c->tables.room, room, sizeof *c->tables.items);
    if (c->error) return NULL;
    uint32_t *table = c->tables.items + c->tables.count;
    *begin = (uint32_t)c->tables.count + 1;
    c->tables.count += room;
    (object ? fill_keys : fill_elements)(doc, container, table);
    return table;
}

static const struct json_value *member(struct compiler *c, struct source *source, const struct json_value *object,
                                       const char *name)
{
    if (object->count <= FEW) return weft__json_member(&source->doc, object, name);
    const uint32_t *table = table_of(c, source, object);
    size_t size = strlen(name);
    uint32_t hash = weft__json_hash(c->seed, name, size), mask = table_room(object) - 1;
    for (uint32_t at = hash & mask; table && table[at]; at = (at + 1) & mask) {
        const struct json_value *key = source->doc.values + table[at];
        if (key->hash == hash && weft__json_is(&source->doc, key, name, size)) return key + 1;
    }
    return NULL;
}

static const struct json_value *element(struct compiler *c, struct source *source, const struct json_value *array,
                                        const char *token)
{
    uint32_t index = 0;
    if (!*token || (token[0] == '0' && token[1])) return NULL;
    for (; *token; token++) {
        if (*token < '0' || *token > '9' || index > array->count / 10 + 1) return NULL;
        index = index * 10 + (uint32_t)(*token - '0');
    }
    if (index >= array->count) return NULL;
    const struct json_value *value = array + 1;
    if (array->count > FEW) {
        const uint32_t *table = table_of(c, source, array);
        return table ? source->doc.values + table[index] : NULL;
    }
    while (index--)
        value = weft__json_next(&source->doc, value);
    return value;
}

/* ~1 is /, ~0 is ~: RFC 6901, in place. False: another ~. */
static bool unescape(char *token)
{
    char *to = token;
    for (const char *at = token; *at; at++) {
        if (*at != '~') {
            *to++ = *at;
        } else {
            at++;
            if (*at != '0' && *at != '1') return false;
            *to++ = *at == '0' ? '~' : '/';
        }
    }
    *to = '\0';
    return true;
}

const struct json_value *weft__pointer_walk(struct compiler *c, const char *pointer, uint32_t *at, const char **rest)
{
    struct source *source = &c->sources.items[c->records.items[*at].source];
    const struct json_value *value = weft__record_value(c, *at);
    char *token = weft__compile_alloc(c, strlen(pointer) + 1);
    *rest = pointer;
    while (token && value && *pointer) {
        size_t size = strcspn(++pointer, "/");
        memcpy(token, pointer, size);
        token[size] = '\0';
        pointer += size;
        if (!unescape(token)) return NULL;
        if (value->kind == JSON_OBJECT)
            value = member(c, source, value, token);
        else
            value = value->kind == JSON_ARRAY ? element(c, source, value, token) : NULL;
        uint32_t record = value ? source->records[value - source->doc.values] : 0;
        if (!record) continue;
        *at = record - 1;
        *rest = pointer;
    }
    return token ? value : NULL;
}
