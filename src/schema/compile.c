/* compile.c: schemas into nodes. A list of records is worked off: who needs the node of another schema gets its number at
 * once, and the schema goes to the end of the list. Every schema of the root document is compiled, so that a mistake is
 * found where it stands; of the sources what is referred to. */
#include "schema/compile.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "api/error.h"
#include "schema/number.h"
#include "schema/sentence.h"

enum { TYPES_ALL = (1 << (JSON_OBJECT + 1)) - 1 };

/* --- errors and memory --------------------------------------------------------------------------------------------- */

bool weft__compile_error(struct compiler *c, weft_error error, const char *format, ...)
{
    struct sentence sentence;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(sentence.text, sizeof sentence.text, format, arguments);
    va_end(arguments);
    c->error = weft__error(error, "%s", sentence.text);
    return false;
}

/* "base#/a/b/keyword", from the end; what is too long loses its beginning. */
static const char *place_text(const struct compiler *c, uint32_t record, const char *keyword, char *text, size_t size)
{
    char *at = text + size - 1;
    *at = '\0';
    for (const char *part = keyword; part; record = c->records.items[record].parent) {
        size_t part_size = strlen(part);
        if (part_size + 5 > (size_t)(at - text)) {
            memcpy(at -= 3, "...", 3);
            return at;
        }
        if (part_size) memcpy(at -= part_size, part, part_size);
        if (part_size) *--at = '/';
        if (c->records.items[record].parent == PROGRAM_NONE) break;
        part = c->records.items[record].token;
    }
    *--at = '#';
    return at;
}

bool weft__compile_error_at(struct compiler *c, weft_error error, uint32_t record, const char *keyword,
                            const char *format, ...)
{
    char place[256];
    struct sentence sentence;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(sentence.text, sizeof sentence.text, format, arguments);
    va_end(arguments);
    c->error = weft__error(error, "%.120s%s: %s", weft__record_resource(c, record)->uri,
                           place_text(c, record, keyword, place, sizeof place), sentence.text);
    return false;
}

void *weft__compile_alloc(struct compiler *c, size_t size_bytes)
{
    void *block = weft__arena_alloc(&c->arena, size_bytes);
    if (!block) weft__compile_error(c, WEFT_ENOMEM, "schema: out of memory");
    return block;
}

void *weft__list_room(struct compiler *c, void *items, size_t count, size_t *room, size_t n, size_t item_bytes)
{
    if (c->error) return items;
    if (count + n > *room) {
        size_t more = *room ? 2 * *room : 16;
        while (more < count + n)
            more *= 2;
        void *grown = weft__compile_alloc(c, more * item_bytes);
        if (!grown) return items;
        if (count) memcpy(grown, items, count * item_bytes);
        items = grown;
        *room = more;
    }
    memset((char *)items + count * item_bytes, 0, n * item_bytes);
    return items;
}

/* --- texts, constants, patterns ------------------------------------------------------------------------------------ */

static bool reserve_text(struct compiler *c, size_t size_bytes)
{
    c->texts.items = weft__list_room(c, c->texts.items, c->texts.count, &c->texts.room, size_bytes, 1);
    return !c->error;
}

/* With its size before and a terminator behind; text NULL: the bytes are written by who called. */
bool weft__text_add(struct compiler *c, const char *text, size_t size_bytes, uint32_t *index)
{
    uint32_t size = (uint32_t)size_bytes;
    if (!reserve_text(c, sizeof size + size_bytes + 1)) return false;
    char *to = c->texts.items + c->texts.count;
    memcpy(to, &size, sizeof size);
    if (text) memcpy(to + sizeof size, text, size_bytes);
    *index = (uint32_t)(c->texts.count + sizeof size);
    c->texts.count += sizeof size + size_bytes + 1;
    return true;
}

bool weft__text_of(struct compiler *c, const struct json_doc *doc, const struct json_value *string, uint32_t *index)
{
    char *text = weft__compile_alloc(c, string->size_bytes);
    return text && weft__text_add(c, text, weft__json_decode(doc, string, text), index);
}

static size_t copied_size(const struct json_doc *doc, const struct json_value *value)
{
    if (value->kind == JSON_STRING) return value->size_bytes;
    return value->kind == JSON_NUMBER ? weft__number_text_size(doc, value) : 0;
}

/* A value with all that is in it, and its texts as they stand. */
static bool add_constant(struct compiler *c, uint32_t record, const struct json_value *from, uint32_t *index)
{
    const struct json_doc *doc = weft__record_doc(c, record);
    size_t count = (size_t)(weft__json_next(doc, from) - from);
    c->constants.items = weft__list_room(c, c->constants.items, c->constants.count, &c->constants.room, count,
                                         sizeof *c->constants.items);
    *index = (uint32_t)c->constants.count;
    uint32_t moved = *index - (uint32_t)(from - doc->values);
    for (size_t i = 0; i < count && !c->error; i++) {
        struct json_value *value = &c->constants.items[c->constants.count++];
        size_t size = copied_size(doc, from + i);
        c->constant_texts.items =
            weft__list_room(c, c->constant_texts.items, c->constant_texts.count, &c->constant_texts.room, size, 1);
        if (c->error) return false;
        *value = from[i];
        value->at = (uint32_t)c->constant_texts.count;
        if (size) memcpy(c->constant_texts.items + value->at, doc->text + from[i].at, size);
        c->constant_texts.count += size;
        if (value->kind >= JSON_ARRAY) value->next += moved;
    }
    return !c->error;
}

/* A pattern that was there lately is not compiled again. */
static bool find_regex(const struct compiler *c, uint32_t text, uint32_t *index)
{
    enum { LATELY = 32 };
    uint32_t size = weft__text_size(c, text);
    for (size_t i = c->regexes.count; i-- > 0 && i + LATELY >= c->regexes.count;) {
        uint32_t other = c->regex_texts.items[i];
        if (weft__text_size(c, other) != size || memcmp(c->texts.items + other, c->texts.items + text, size) != 0)
            continue;
        *index = (uint32_t)i;
        return true;
    }
    return false;
}

bool weft__regex_add(struct compiler *c, uint32_t record, const char *keyword, uint32_t text, uint32_t *index)
{
    if (find_regex(c, text, index)) return true;
    uint32_t *regex_text = LIST_ADD(c, &c->regex_texts);
    struct regex **regex = regex_text ? LIST_ADD(c, &c->regexes) : NULL;
    if (!regex) return false;
    const char *pattern = c->texts.items + text;
    struct regex_fault fault = {0};
    *index = (uint32_t)(c->regexes.count - 1);
    *regex_text = text;
    weft_error error = weft__regex_new(&c->mem, pattern, weft__text_size(c, text), regex, &fault);
    if (!error) return true;
    c->regexes.count--;
    if (error == WEFT_ENOMEM) return weft__compile_error(c, error, "schema: out of memory");
    return weft__compile_error_at(c, error, record, keyword, "the pattern \"%.100s\", at byte %zu: %s", pattern,
                                  fault.at, fault.sentence);
}

/* --- nodes --------------------------------------------------------------------------------------------------------- */

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

struct op *weft__emit(struct compiler *c, enum op_code code, enum keyword keyword)
{
    struct op *op = LIST_ADD(c, &c->pending);
    if (op) *op = (struct op){.code = (uint8_t)code, .keyword = (uint8_t)keyword};
    return op;
}

static bool emit_value(struct compiler *c, enum op_code code, enum keyword keyword, uint32_t a)
{
    struct op *op = weft__emit(c, code, keyword);
    if (op) op->a = a;
    return op;
}

/* The schema that is being compiled. */
struct schema {
    struct compiler *c;
    uint32_t record, source;
    const struct json_doc *doc;
    const struct json_value *at[KEYWORD_COUNT]; /* the values, by keyword */
};

/* The nodes of an array of schemas, as a list. */
static bool list_nodes(const struct schema *s, const struct json_value *array, uint32_t *list)
{
    struct compiler *c = s->c;
    *list = (uint32_t)c->lists.count;
    const struct json_value *value = array + 1;
    for (uint32_t i = 0; i < array->count; i++, value = weft__json_next(s->doc, value)) {
        uint32_t node, *item;
        if (!weft__node_at(c, s->source, value, &node) || !(item = LIST_ADD(c, &c->lists))) return false;
        *item = node;
    }
    return true;
}

static bool node_of_keyword(const struct schema *s, enum keyword keyword, uint32_t *node)
{
    *node = NODE_NONE;
    return !s->at[keyword] || weft__node_at(s->c, s->source, s->at[keyword], node);
}

static bool compile_ref(const struct schema *s)
{
    uint32_t target, node;
    const char *anchor;
    if (!s->at[KEYWORD_REF]) return true;
    return weft__resolve(s->c, s->record, "$ref", s->at[KEYWORD_REF], &target, &anchor) &&
           weft__node_of(s->c, target, &node) && emit_value(s->c, OP_CALL, KEYWORD_REF, node);
}

/* Without a $dynamicAnchor where it leads to it is a $ref. */
static bool compile_dynamic_ref(const struct schema *s)
{
    struct compiler *c = s->c;
    uint32_t target, node;
    const char *anchor;
    if (!s->at[KEYWORD_DYNAMIC_REF]) return true;
    if (!weft__resolve(c, s->record, "$dynamicRef", s->at[KEYWORD_DYNAMIC_REF], &target, &anchor) ||
        !weft__node_of(c, target, &node))
        return false;
    if (!anchor) return emit_value(c, OP_CALL, KEYWORD_DYNAMIC_REF, node);
    size_t use = 0;
    while (use < c->dynamic_uses.count && strcmp(c->dynamic_uses.items[use].name, anchor) != 0)
        use++;
    if (use == c->dynamic_uses.count) {
        struct dynamic_use *added = LIST_ADD(c, &c->dynamic_uses);
        if (!added) return false;
        added->name = anchor;
    }
    struct op *op = weft__emit(c, OP_DYNAMIC_CALL, KEYWORD_DYNAMIC_REF);
    if (!op) return false;
    op->a = node;
    op->b = (uint32_t)use; /* until it is known what there is: see compile_finish.c */
    return true;
}

static bool compile_all(const struct schema *s)
{
    const struct json_value *array = s->at[KEYWORD_ALL_OF];
    if (!array) return true;
    const struct json_value *value = array + 1;
    for (uint32_t i = 0; i < array->count; i++, value = weft__json_next(s->doc, value)) {
        uint32_t node;
        if (!weft__node_at(s->c, s->source, value, &node) || !emit_value(s->c, OP_CALL, KEYWORD_ALL_OF, node))
            return false;
    }
    return true;
}

static bool compile_choice(const struct schema *s, enum op_code code, enum keyword keyword)
{
    uint32_t list;
    if (!s->at[keyword]) return true;
    if (!list_nodes(s, s->at[keyword], &list)) return false;
    struct op *op = weft__emit(s->c, code, keyword);
    if (!op) return false;
    op->a = list;
    op->b = s->at[keyword]->count;
    return true;
}

static bool compile_node_op(const struct schema *s, enum op_code code, enum keyword keyword)
{
    uint32_t node;
    if (!s->at[keyword]) return true;
    return node_of_keyword(s, keyword, &node) && emit_value(s->c, code, keyword, node);
}

static bool compile_if(const struct schema *s)
{
    uint32_t node, then, otherwise;
    if (!s->at[KEYWORD_IF]) return true;
    if (!node_of_keyword(s, KEYWORD_IF, &node) || !node_of_keyword(s, KEYWORD_THEN, &then) ||
        !node_of_keyword(s, KEYWORD_ELSE, &otherwise))
        return false;
    struct op *op = weft__emit(s->c, OP_IF, KEYWORD_IF);
    if (!op) return false;
    op->a = node;
    op->b = then;
    op->c = otherwise;
    return true;
}

static bool compile_anything(const struct schema *s)
{
    uint32_t constant;
    if (s->at[KEYWORD_CONST] && (!add_constant(s->c, s->record, s->at[KEYWORD_CONST], &constant) ||
                                 !emit_value(s->c, OP_CONST, KEYWORD_CONST, constant)))
        return false;
    if (s->at[KEYWORD_ENUM] && (!add_constant(s->c, s->record, s->at[KEYWORD_ENUM], &constant) ||
                                !emit_value(s->c, OP_ENUM, KEYWORD_ENUM, constant)))
        return false;
    return compile_ref(s) && compile_dynamic_ref(s) && compile_all(s) && compile_choice(s, OP_ANY, KEYWORD_ANY_OF) &&
           compile_choice(s, OP_ONE, KEYWORD_ONE_OF) && compile_node_op(s, OP_NOT, KEYWORD_NOT) && compile_if(s) &&
           compile_node_op(s, OP_UNEVALUATED_ITEMS, KEYWORD_UNEVALUATED_ITEMS) &&
           compile_node_op(s, OP_UNEVALUATED_PROPERTIES, KEYWORD_UNEVALUATED_PROPERTIES);
}

static bool compile_constant(const struct schema *s, enum op_code code, enum keyword keyword)
{
    uint32_t constant;
    if (!s->at[keyword]) return true;
    return add_constant(s->c, s->record, s->at[keyword], &constant) && emit_value(s->c, code, keyword, constant);
}

static bool compile_count(const struct schema *s, enum op_code code, enum keyword keyword)
{
    uint32_t count = 0;
    if (!s->at[keyword]) return true;
    (void)weft__number_count(s->doc, s->at[keyword], &count); /* it is one: it was checked */
    return emit_value(s->c, code, keyword, count);
}

static bool compile_pattern(const struct schema *s)
{
    uint32_t text, regex;
    if (!s->at[KEYWORD_PATTERN]) return true;
    if (!weft__text_of(s->c, s->doc, s->at[KEYWORD_PATTERN], &text) ||
        !weft__regex_add(s->c, s->record, "pattern", text, &regex))
        return false;
    struct op *op = weft__emit(s->c, OP_PATTERN, KEYWORD_PATTERN);
    if (!op) return false;
    op->a = regex;
    op->b = text;
    return true;
}

/* An unknown format is an annotation, unless the meta-schema requires that formats are asserted. */
static bool compile_format(const struct schema *s)
{
    struct compiler *c = s->c;
    bool required = weft__record_resource(c, s->record)->vocabularies & VOCABULARY_ASSERTION;
    if (!s->at[KEYWORD_FORMAT] || (!required && !c->options->assert_formats)) return true;
    const char *name = weft__compile_string(c, s->record, "format", s->at[KEYWORD_FORMAT]);
    if (!name) return false;
    const struct format *format = weft__format_find(name, strlen(name));
    if (!format && required)
        return weft__compile_error_at(c, WEFT_EUNSUPPORTED, s->record, "format",
                                      "the format \"%.100s\" is not known, and must be asserted", name);
    const struct format **added = format ? LIST_ADD(c, &c->formats) : NULL;
    if (!added) return !c->error;
    *added = format;
    return emit_value(c, OP_FORMAT, KEYWORD_FORMAT, (uint32_t)(c->formats.count - 1));
}

/* prefixItems and items; in draft-07 an array of items and additionalItems. */
static bool compile_items(const struct schema *s)
{
    const struct json_value *items = s->at[KEYWORD_ITEMS_7];
    bool tuple = items && items->kind == JSON_ARRAY;
    const struct json_value *prefix = tuple ? items : s->at[KEYWORD_PREFIX_ITEMS];
    enum keyword rest = tuple ? KEYWORD_ADDITIONAL_ITEMS : items ? KEYWORD_ITEMS_7 : KEYWORD_ITEMS;
    uint32_t list = 0, node;
    if (!prefix && !s->at[rest]) return true;
    if ((prefix && !list_nodes(s, prefix, &list)) || !node_of_keyword(s, rest, &node)) return false;
    struct op *op = weft__emit(s->c, OP_ITEMS, rest);
    if (!op) return false;
    op->a = list;
    op->b = prefix ? prefix->count : 0;
    op->c = node;
    return true;
}

static bool compile_contains(const struct schema *s)
{
    uint32_t node, min = 1, max = UINT32_MAX;
    if (!s->at[KEYWORD_CONTAINS]) return true;
    if (s->at[KEYWORD_MIN_CONTAINS]) (void)weft__number_count(s->doc, s->at[KEYWORD_MIN_CONTAINS], &min);
    if (s->at[KEYWORD_MAX_CONTAINS]) (void)weft__number_count(s->doc, s->at[KEYWORD_MAX_CONTAINS], &max);
    if (!node_of_keyword(s, KEYWORD_CONTAINS, &node)) return false;
    struct op *op = weft__emit(s->c, OP_CONTAINS, KEYWORD_CONTAINS);
    if (!op) return false;
    op->a = node;
    op->b = min;
    op->c = max;
    return true;
}

static bool compile_numbers_and_strings(const struct schema *s)
{
    return compile_constant(s, OP_MAXIMUM, KEYWORD_MAXIMUM) &&
           compile_constant(s, OP_EXCLUSIVE_MAXIMUM, KEYWORD_EXCLUSIVE_MAXIMUM) &&
           compile_constant(s, OP_MINIMUM, KEYWORD_MINIMUM) &&
           compile_constant(s, OP_EXCLUSIVE_MINIMUM, KEYWORD_EXCLUSIVE_MINIMUM) &&
           compile_constant(s, OP_MULTIPLE_OF, KEYWORD_MULTIPLE_OF) &&
           compile_count(s, OP_MAX_LENGTH, KEYWORD_MAX_LENGTH) && compile_count(s, OP_MIN_LENGTH, KEYWORD_MIN_LENGTH) &&
           compile_format(s) && compile_pattern(s);
}

static bool compile_arrays_and_objects(const struct schema *s)
{
    const struct json_value *unique = s->at[KEYWORD_UNIQUE_ITEMS];
    if (!compile_count(s, OP_MAX_ITEMS, KEYWORD_MAX_ITEMS) || !compile_count(s, OP_MIN_ITEMS, KEYWORD_MIN_ITEMS) ||
        !compile_items(s) || !compile_contains(s))
        return false;
    if (unique && unique->kind == JSON_TRUE && !weft__emit(s->c, OP_UNIQUE_ITEMS, KEYWORD_UNIQUE_ITEMS)) return false;
    return compile_count(s, OP_MAX_PROPERTIES, KEYWORD_MAX_PROPERTIES) &&
           compile_count(s, OP_MIN_PROPERTIES, KEYWORD_MIN_PROPERTIES) &&
           weft__compile_object(s->c, s->record, s->at) &&
           weft__compile_dependents(s->c, s->record, s->at[KEYWORD_DEPENDENT_REQUIRED], KEYWORD_DEPENDENT_REQUIRED) &&
           weft__compile_dependents(s->c, s->record, s->at[KEYWORD_DEPENDENT_SCHEMAS], KEYWORD_DEPENDENT_SCHEMAS) &&
           weft__compile_dependents(s->c, s->record, s->at[KEYWORD_DEPENDENCIES], KEYWORD_DEPENDENCIES);
}

/* "integer" has no bit of its own. */
static unsigned type_bits(const struct json_doc *doc, const struct json_value *name, bool *integer)
{
    static const struct {
        const char *name;
        unsigned bits;
    } rows[] = {{"string", 1u << JSON_STRING},
                {"object", 1u << JSON_OBJECT},
                {"array", 1u << JSON_ARRAY},
                {"number", 1u << JSON_NUMBER},
                {"boolean", 1u << JSON_TRUE | 1u << JSON_FALSE},
                {"null", 1u << JSON_NULL}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (weft__json_is(doc, name, rows[i].name, strlen(rows[i].name))) return rows[i].bits;
    *integer = true;
    return 0;
}

static void compile_type(const struct schema *s, struct node *node)
{
    const struct json_value *type = s->at[KEYWORD_TYPE];
    bool integer = false;
    unsigned types = 0;
    node->types = TYPES_ALL;
    if (!type) return;
    if (type->kind == JSON_STRING) types = type_bits(s->doc, type, &integer);
    for (uint32_t i = 0; type->kind == JSON_ARRAY && i < type->count; i++)
        types |= type_bits(s->doc, type + 1 + i, &integer);
    if (integer && !(types & 1u << JSON_NUMBER)) {
        types |= 1u << JSON_NUMBER;
        node->flags |= NODE_INTEGER;
    }
    node->types = (uint8_t)types;
}

/* The values by their keywords, each of which is what it should be. */
static bool read_keywords(struct schema *s)
{
    struct compiler *c = s->c;
    const struct resource *resource = weft__record_resource(c, s->record);
    const struct json_value *object = weft__record_value(c, s->record), *key = object + 1;
    for (uint32_t i = 0; i < object->count; i++, key = weft__json_next(s->doc, key + 1)) {
        const struct keyword_row *row =
            weft__keyword_find(&c->keywords, s->doc, key, resource->draft, resource->vocabularies);
        if (!row->keyword) continue;
        if (!weft__keyword_check(c, s->record, row, key + 1)) return false;
        s->at[row->keyword] = key + 1;
    }
    return true;
}

static bool compile_keywords(struct schema *s, uint32_t node)
{
    if (!read_keywords(s)) return false;
    const struct record *record = &s->c->records.items[s->record];
    bool alone = s->at[KEYWORD_REF] && weft__record_resource(s->c, s->record)->draft == WEFT_DRAFT_7;
    if (record->ignored) return true;
    if (alone) return compile_ref(s);
    compile_type(s, &s->c->nodes.items[node]);
    return compile_numbers_and_strings(s) && compile_arrays_and_objects(s) && compile_anything(s);
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
    struct schema s = {.c = c, .record = c->node_records.items[index]};
    const struct resource *resource = weft__record_resource(c, s.record);
    if (!resource->draft)
        return weft__compile_error_at(c, WEFT_EUNSUPPORTED, resource->record, "$schema", "%s", resource->unknown);
    const struct json_value *value = weft__record_value(c, s.record);
    s.source = c->records.items[s.record].source;
    s.doc = &c->sources.items[s.source].doc;
    struct node *node = &c->nodes.items[index];
    node->resource = c->records.items[s.record].resource;
    node->types = value->kind == JSON_FALSE ? 0 : TYPES_ALL;
    if (value->kind == JSON_FALSE) node->flags |= NODE_FALSE;
    if (value->kind != JSON_TRUE && value->kind != JSON_FALSE && value->kind != JSON_OBJECT)
        return weft__compile_error_at(c, WEFT_EINVAL, s.record, "", "expected a schema: an object, true or false");
    c->pending.count = 0;
    if (value->kind == JSON_OBJECT && !compile_keywords(&s, index)) return false;
    if (!place_ops(c, index)) return false;
    node = &c->nodes.items[index];
    if (node->ops[0] == node->ops_end && !node->flags) node->flags |= NODE_PLAIN;
    return true;
}

/* --- all of them --------------------------------------------------------------------------------------------------- */

/* For each name that a $dynamicRef looks for: the $dynamicAnchors of that name in resources that are in use. */
static bool find_dynamics(struct compiler *c)
{
    bool *entered = weft__compile_alloc(c, c->resources.count);
    if (!entered) return false;
    memset(entered, 0, c->resources.count);
    for (size_t i = 0; i < c->nodes.count; i++)
        entered[c->nodes.items[i].resource] = true;
    for (size_t i = 0; i < c->dynamic_anchors.count; i++) {
        const struct dynamic_anchor *anchor = &c->dynamic_anchors.items[i];
        uint32_t node;
        if (!entered[c->records.items[anchor->record].resource]) continue;
        for (size_t use = 0; use < c->dynamic_uses.count; use++)
            if (strcmp(c->dynamic_uses.items[use].name, anchor->name) == 0 && !weft__node_of(c, anchor->record, &node))
                return false;
    }
    return true;
}

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
    if (!reserve_text(c, 1)) return false;
    c->texts.count = 1;                        /* index 0 is none */
    if (!LIST_ADD(c, &c->slots)) return false; /* a free one, for objects without names */
    root = c->sources.items[0].records[0] - 1;
    if (!weft__node_of(c, root, &node) || !compile_from(c, &done)) return false;
    for (uint32_t i = 0; i < c->records.count; i++) {
        if (c->records.items[i].source) continue;
        if (!weft__node_of(c, i, &node) || !compile_from(c, &done)) return false;
    }
    for (size_t before = 0; before < done;) {
        before = done;
        if (c->dynamic_uses.count && (!find_dynamics(c) || !compile_from(c, &done))) return false;
    }
    return true;
}
