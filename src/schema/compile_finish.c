/* compile_finish.c: what can be said only when all nodes are there: no schema refers to itself without end, what only
 * leads to another node is that node, what takes anything is NODE_TRUE; then the program, in one block. */
#include "schema/compile.h"

#include <sodium.h>
#include <string.h>

#include "schema/canonical.h"
#include "schema/regex.h"

enum { TYPES_ALL = (1 << (JSON_OBJECT + 1)) - 1 };

/* --- loops ------------------------------------------------------------------------------------ */

/* The nodes that an op applies to the same value, by their order; NODE_NONE behind the last. $dynamicRef is left to the
 * bound on depth: where it leads is not known here. */
static uint32_t in_place(const struct compiler *c, const struct op *op, uint32_t order)
{
    switch (op->code) {
    case OP_CALL:
    case OP_NOT: return order == 0 ? op->a : NODE_NONE;
    case OP_DEPENDENT_SCHEMA: return order == 0 ? op->b : NODE_NONE;
    case OP_ANY:
    case OP_ONE: return order < op->b ? c->lists.items[op->a + order] : NODE_NONE;
    case OP_IF:
        if (order > 2) return NODE_NONE;
        uint32_t node = order == 0 ? op->a : order == 1 ? op->b : op->c;
        return node != NODE_NONE ? node : in_place(c, op, order + 1);
    default: return NODE_NONE;
    }
}

/* A node on the way down: the next op of it to look at, and the next of that one's nodes. */
struct step {
    uint32_t node, op, order;
};

enum colour { NEW, ON_THE_WAY, DONE };

/* The next node below the step's, or NODE_NONE when it is done. */
static uint32_t advance(const struct compiler *c, struct step *step)
{
    for (; step->op < c->nodes.items[step->node].ops_end; step->op++, step->order = 0) {
        uint32_t node = in_place(c, &c->ops.items[step->op], step->order);
        step->order++;
        if (node != NODE_NONE) return node;
    }
    return NODE_NONE;
}

static bool find_loop(struct compiler *c, uint32_t root, uint8_t *colours, struct step *steps)
{
    uint32_t depth = 0, node = root;
    for (;;) {
        if (colours[node] == ON_THE_WAY)
            return weft__compile_error_at(c, WEFT_EINVAL, c->node_records.items[node], "",
                                          "the schema refers to itself without end");
        if (colours[node] == NEW) {
            colours[node] = ON_THE_WAY;
            steps[depth++] = (struct step){node, c->nodes.items[node].ops[0], 0};
        }
        while ((node = advance(c, &steps[depth - 1])) == NODE_NONE) {
            colours[steps[--depth].node] = DONE;
            if (!depth) return true;
        }
    }
}

static bool find_loops(struct compiler *c)
{
    uint8_t *colours = weft__compile_alloc(c, c->nodes.count);
    struct step *steps = colours ? weft__compile_alloc(c, c->nodes.count * sizeof *steps) : NULL;
    if (!steps) return false;
    memset(colours, NEW, c->nodes.count);
    for (uint32_t node = 0; node < c->nodes.count; node++)
        if (colours[node] == NEW && !find_loop(c, node, colours, steps)) return false;
    return true;
}

/* --- shortcuts -------------------------------------------------------------------------------- */

/* A node that does nothing but lead to another is that one; but not where the way to it enters a resource, which counts
 * for a $dynamicRef. */
static uint32_t led_to(const struct compiler *c, uint32_t index)
{
    const struct node *node = &c->nodes.items[index];
    if (node->flags || node->types != TYPES_ALL || node->ops_end != node->ops[0] + 1) return index;
    const struct op *op = &c->ops.items[node->ops[0]];
    if (op->code != OP_CALL || (c->uses_dynamics && c->nodes.items[op->a].resource != node->resource)) return index;
    return op->a;
}

static bool takes_anything(const struct node *node)
{
    return node->types == TYPES_ALL && !node->flags && node->ops[0] == node->ops_end;
}

/* What each node is in the end, by its index. */
static uint32_t *make_shortcuts(struct compiler *c)
{
    uint32_t *ends = weft__compile_alloc(c, c->nodes.count * sizeof *ends);
    if (!ends) return NULL;
    for (uint32_t i = 0; i < c->nodes.count; i++)
        ends[i] = NODE_NONE;
    for (uint32_t i = 0; i < c->nodes.count; i++) {
        uint32_t end = i;
        while (ends[end] == NODE_NONE && led_to(c, end) != end)
            end = led_to(c, end);
        if (ends[end] != NODE_NONE)
            end = ends[end];
        else
            end = ends[end] = takes_anything(&c->nodes.items[end]) ? NODE_TRUE : end;
        for (uint32_t at = i; at != end && ends[at] == NODE_NONE;) {
            ends[at] = end;
            at = led_to(c, at);
        }
    }
    return ends;
}

static void shorten(const uint32_t *ends, uint32_t *node)
{
    if (*node < NODE_TRUE) *node = ends[*node];
}

static void shorten_op(const struct compiler *c, const uint32_t *ends, struct op *op)
{
    switch (op->code) {
    case OP_ITEMS: shorten(ends, &op->c); /* fall through */
    case OP_ANY:
    case OP_ONE:
        for (uint32_t i = 0; i < op->b; i++)
            shorten(ends, &c->lists.items[op->a + i]);
        break;
    case OP_IF: shorten(ends, &op->c); /* fall through */
    case OP_DEPENDENT_SCHEMA:
        shorten(ends, &op->b);
        if (op->code != OP_IF) break; /* fall through */
    case OP_CONTAINS:
    case OP_CALL:
    case OP_DYNAMIC_CALL:
    case OP_NOT:
    case OP_UNEVALUATED_ITEMS:
    case OP_UNEVALUATED_PROPERTIES: shorten(ends, &op->a); break;
    default: break;
    }
}

static bool shorten_all(struct compiler *c)
{
    uint32_t *ends = make_shortcuts(c);
    if (!ends) return false;
    for (size_t i = 0; i < c->ops.count; i++)
        shorten_op(c, ends, &c->ops.items[i]);
    for (size_t i = 0; i < c->slots.count; i++)
        shorten(ends, &c->slots.items[i].node);
    for (size_t i = 0; i < c->patterns.count; i++)
        shorten(ends, &c->patterns.items[i].node);
    for (size_t i = 0; i < c->objects.count; i++) {
        shorten(ends, &c->objects.items[i].additional);
        shorten(ends, &c->objects.items[i].names);
    }
    return true;
}

/* --- places ----------------------------------------------------------------------------------- */

/* As deep as the schema is nested. */
static bool place_of(struct compiler *c, uint32_t index, uint32_t *place)
{
    struct record record = c->records.items[index];
    *place = record.place;
    if (*place != PROGRAM_NONE) return true;
    struct place made = {.parent = PROGRAM_NONE};
    const char *text = record.parent == PROGRAM_NONE ? weft__record_resource(c, index)->uri : record.token;
    if (record.parent != PROGRAM_NONE && !place_of(c, record.parent, &made.parent)) return false;
    if (!weft__text_add(c, text, strlen(text), &made.text)) return false;
    struct place *added = LIST_ADD(c, &c->places);
    if (!added) return false;
    *added = made;
    *place = c->records.items[index].place = (uint32_t)(c->places.count - 1);
    return true;
}

static bool place_nodes(struct compiler *c)
{
    for (size_t i = 0; i < c->nodes.count; i++)
        if (!place_of(c, c->node_records.items[i], &c->node_records.items[i])) return false;
    return true;
}

/* --- the block -------------------------------------------------------------------------------- */

struct part {
    const void **at; /* in the program */
    const void *items;
    size_t size_bytes;
};

static size_t aligned(size_t size_bytes)
{
    return (size_bytes + 15) & ~(size_t)15;
}

static struct weft_schema *lay_out(struct compiler *c, struct program *program, const struct part *parts, size_t count)
{
    size_t size_bytes = aligned(sizeof(struct weft_schema));
    for (size_t i = 0; i < count; i++)
        size_bytes += aligned(parts[i].size_bytes);
    struct weft_schema *schema = weft__mem_alloc(&c->mem, size_bytes);
    if (!schema) {
        weft__compile_error(c, WEFT_ENOMEM, "schema: out of memory");
        return NULL;
    }
    char *to = (char *)schema + aligned(sizeof *schema);
    for (size_t i = 0; i < count; i++) {
        if (parts[i].size_bytes) memcpy(to, parts[i].items, parts[i].size_bytes);
        *parts[i].at = to;
        to += aligned(parts[i].size_bytes);
    }
    *schema = (struct weft_schema){.references = 1, .mem = c->mem, .program = *program};
    return schema;
}

#define PART(field, list)                                                                                              \
    {                                                                                                                  \
        (const void **)&program.field, (list).items, (list).count * sizeof *(list).items                               \
    }

static struct weft_schema *make_schema(struct compiler *c, const struct dynamic *dynamics, uint32_t dynamics_count)
{
    struct program program = {
        .constants = {.size_bytes = (uint32_t)c->constant_texts.count, .count = (uint32_t)c->constants.count},
        .nodes_count = (uint32_t)c->nodes.count,
        .regexes_count = (uint32_t)c->regexes.count,
        .resources_count = (uint32_t)c->resources.count,
        .uses_scope = c->uses_dynamics};
    const struct part parts[] = {PART(nodes, c->nodes),
                                 PART(ops, c->ops),
                                 PART(lists, c->lists),
                                 PART(objects, c->objects),
                                 PART(slots, c->slots),
                                 PART(patterns, c->patterns),
                                 {(const void **)&program.dynamics, dynamics, dynamics_count * sizeof *dynamics},
                                 PART(places, c->places),
                                 PART(node_places, c->node_records),
                                 PART(texts, c->texts),
                                 PART(regexes, c->regexes),
                                 PART(formats, c->formats),
                                 PART(constants.text, c->constant_texts),
                                 PART(constants.values, c->constants)};
    return lay_out(c, &program, parts, sizeof parts / sizeof *parts);
}

static bool make_id(struct compiler *c, struct weft_schema *schema)
{
    char *text;
    size_t size_bytes;
    weft_error error = weft__json_canonical(&c->mem, &c->sources.items[0].doc, &text, &size_bytes, &schema->id_fault);
    if (error == WEFT_ENOMEM) return weft__compile_error(c, error, "schema: out of memory");
    schema->has_id = !error;
    if (error) return true;
    crypto_generichash(schema->id, sizeof schema->id, (const unsigned char *)text, size_bytes, NULL, 0);
    weft__mem_free(&c->mem, text);
    return true;
}

bool weft__compile_finish(struct compiler *c, struct weft_schema **schema)
{
    struct dynamic *dynamics;
    uint32_t count;
    if (!find_loops(c) || !shorten_all(c) || !weft__dynamics_place(c, &dynamics, &count) || !place_nodes(c))
        return false;
    for (size_t i = 0; i < c->nodes.count; i++)
        weft__compile_bounds(c, &c->nodes.items[i]);
    struct weft_schema *made = make_schema(c, dynamics, count);
    if (!made) return false;
    if (!make_id(c, made)) {
        weft__mem_free(&c->mem, made);
        return false;
    }
    made->document_bytes_max = c->options->document_bytes_max;
    made->depth_max = c->options->depth_max;
    made->steps_max = c->options->steps_max;
    made->duplicate_keys = c->options->duplicate_keys;
    c->regexes.count = 0; /* they are the program's now */
    *schema = made;
    return true;
}
