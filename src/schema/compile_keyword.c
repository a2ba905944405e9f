/* compile_keyword.c: the keywords of a schema into ops. */
#include "schema/compile.h"

#include <string.h>

#include "schema/number.h"

/* The schema that is being compiled. */
struct schema {
    struct compiler *c;
    uint32_t record, source;
    const struct json_doc *doc;
    const struct json_value *at[KEYWORD_COUNT]; /* the values, by keyword */
};

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
    uint32_t target, node, name;
    const char *anchor;
    if (!s->at[KEYWORD_DYNAMIC_REF]) return true;
    if (!weft__resolve(c, s->record, "$dynamicRef", s->at[KEYWORD_DYNAMIC_REF], &target, &anchor) ||
        !weft__node_of(c, target, &node))
        return false;
    if (!anchor) return emit_value(c, OP_CALL, KEYWORD_DYNAMIC_REF, node);
    if (!weft__dynamic_use(c, anchor, &name)) return false;
    struct op *op = weft__emit(c, OP_DYNAMIC_CALL, KEYWORD_DYNAMIC_REF);
    if (!op) return false;
    op->a = node;
    op->b = name; /* until it is known what there is: see dynamic.c */
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
    if (s->at[KEYWORD_CONST] && (!weft__constant_add(s->c, s->record, s->at[KEYWORD_CONST], &constant) ||
                                 !emit_value(s->c, OP_CONST, KEYWORD_CONST, constant)))
        return false;
    if (!weft__compile_enum(s->c, s->record, s->at[KEYWORD_ENUM])) return false;
    return compile_ref(s) && compile_dynamic_ref(s) && compile_all(s) && compile_choice(s, OP_ANY, KEYWORD_ANY_OF) &&
           compile_choice(s, OP_ONE, KEYWORD_ONE_OF) && compile_node_op(s, OP_NOT, KEYWORD_NOT) && compile_if(s) &&
           compile_node_op(s, OP_UNEVALUATED_ITEMS, KEYWORD_UNEVALUATED_ITEMS) &&
           compile_node_op(s, OP_UNEVALUATED_PROPERTIES, KEYWORD_UNEVALUATED_PROPERTIES);
}

static bool compile_constant(const struct schema *s, enum op_code code, enum keyword keyword)
{
    uint32_t constant;
    if (!s->at[keyword]) return true;
    return weft__constant_add(s->c, s->record, s->at[keyword], &constant) && emit_value(s->c, code, keyword, constant);
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
    return weft__text_of(s->c, s->doc, s->at[KEYWORD_PATTERN], &text) &&
           weft__regex_add(s->c, s->record, "pattern", text, &regex) &&
           emit_value(s->c, OP_PATTERN, KEYWORD_PATTERN, regex);
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
    struct program_format *added = format ? LIST_ADD(c, &c->formats) : NULL;
    if (!added) return !c->error;
    added->format = format;
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

bool weft__compile_keywords(struct compiler *c, uint32_t record, uint32_t node)
{
    uint32_t source = c->records.items[record].source;
    struct schema schema = {.c = c, .record = record, .source = source, .doc = &c->sources.items[source].doc},
                  *s = &schema;
    if (!read_keywords(s)) return false;
    bool alone = s->at[KEYWORD_REF] && weft__record_resource(c, record)->draft == WEFT_DRAFT_7;
    if (c->records.items[record].ignored) return true;
    if (alone) return compile_ref(s);
    compile_type(s, &c->nodes.items[node]);
    return compile_numbers_and_strings(s) && compile_arrays_and_objects(s) && compile_anything(s);
}
