/* validate.c: a document against a program. One function enters a node and runs its ops; what it calls enters the
 * nodes of members, items and subschemas. The C stack is as deep as these calls, which run->depth bounds; run->steps
 * bounds the time.
 *
 * Marks. A node with unevaluatedItems or unevaluatedProperties lays down a bit set, one bit for each item or member;
 * all that looks at the same value in place, from there on, marks what it evaluates. A branch that may fail without
 * the whole failing (anyOf, oneOf, if) marks in a set of its own, which is added only where it holds. Below the value
 * nobody marks: who enters items or members puts run->marks away. */
#include "schema/validate.h"

#include <string.h>

#include "schema/number.h"

static inline bool holds_integer(const struct run *run, const struct json_value *value)
{
    if (!(value->flags & JSON_LONG) && value->exponent == 0) return true;
    return weft__number_is_integer(run->doc, value);
}

bool weft__fail(struct run *run, uint32_t node, const struct op *op, const struct json_value *value, uint32_t x,
                uint32_t y)
{
    if (run->quiet) return false;
    return weft__run_fail(run, &(struct failure){node, op->keyword, op, value, x, y});
}

bool weft__fail_keyword(struct run *run, uint32_t node, const struct op *op, enum keyword keyword,
                        const struct json_value *value, uint32_t x)
{
    if (run->quiet) return false;
    return weft__run_fail(run, &(struct failure){node, keyword, op, value, x, 0});
}

static bool fail_type(struct run *run, uint32_t node, const struct json_value *value)
{
    if (run->quiet) return false;
    bool never = run->program->nodes[node].flags & NODE_FALSE;
    return weft__run_fail(run, &(struct failure){node, never ? KEYWORD_NONE : KEYWORD_TYPE, NULL, value, 0, 0});
}

/* --- branches ----------------------------------------------------------------------------------------------------- */

/* The answer alone. keep: what it has marked counts if it holds. */
bool weft__run_ask(struct run *run, uint32_t index, const struct json_value *value, bool keep)
{
    bool first = run->first, quiet = run->quiet;
    size_t marks = run->marks;
    run->first = run->quiet = true;
    bool holds;
    if (marks == MARKS_NONE || !keep) {
        run->marks = MARKS_NONE;
        holds = weft__check(run, index, value);
        run->marks = marks;
    } else {
        holds = weft__marks_push(run, value->count) && weft__check(run, index, value);
        weft__marks_pop(run, marks, value->count, holds);
    }
    run->first = first || run->stop;
    run->quiet = quiet;
    return holds;
}

/* To be told why none of them held: each says it in its turn. */
static bool tell_all(struct run *run, const struct op *op, const struct json_value *value)
{
    if (run->first || run->stop) return false;
    size_t marks = run->marks;
    run->marks = MARKS_NONE;
    for (uint32_t i = 0; i < op->b && !run->first; i++)
        (void)weft__check(run, run->program->lists[op->a + i], value);
    run->marks = marks;
    return false;
}

/* Where somebody asks for marks, each branch that holds counts. */
static bool run_any(struct run *run, uint32_t node, const struct op *op, const struct json_value *value)
{
    bool held = false;
    for (uint32_t i = 0; i < op->b && !(held && run->marks == MARKS_NONE); i++) {
        held |= weft__run_ask(run, run->program->lists[op->a + i], value, true);
        if (run->stop) return false;
    }
    if (held) return true;
    (void)weft__fail(run, node, op, value, 0, 0);
    return tell_all(run, op, value);
}

static bool run_one(struct run *run, uint32_t node, const struct op *op, const struct json_value *value)
{
    uint32_t held[2], count = 0;
    for (uint32_t i = 0; i < op->b && count < 2; i++) {
        if (weft__run_ask(run, run->program->lists[op->a + i], value, true)) held[count++] = i;
        if (run->stop) return false;
    }
    if (count == 1) return true;
    if (count == 2) return weft__fail(run, node, op, value, held[0], held[1]);
    (void)weft__fail(run, node, op, value, 0, 0);
    return tell_all(run, op, value);
}

static bool run_not(struct run *run, uint32_t node, const struct op *op, const struct json_value *value)
{
    if (!weft__run_ask(run, op->a, value, false)) return !run->stop;
    return weft__fail(run, node, op, value, 0, 0);
}

static bool run_if(struct run *run, const struct op *op, const struct json_value *value)
{
    uint32_t next = weft__run_ask(run, op->a, value, true) ? op->b : op->c;
    if (run->stop) return false;
    return next == NODE_NONE || weft__check(run, next, value);
}

/* The outermost resource of the dynamic scope that has such an anchor. */
static bool run_dynamic(struct run *run, const struct op *op, const struct json_value *value)
{
    const struct dynamic *dynamics = run->program->dynamics + op->b;
    for (uint32_t i = 0; i < run->scope_count; i++) {
        if (!weft__take(run, 1 + op->c / 8)) return false;
        for (uint32_t k = 0; k < op->c; k++)
            if (dynamics[k].resource == run->validator->scope.items[i])
                return weft__check(run, dynamics[k].node, value);
    }
    return weft__check(run, op->a, value);
}

/* --- numbers, strings, anything ----------------------------------------------------------------------------------- */

static inline int compare(const struct run *run, const struct json_value *value, uint32_t constant)
{
    const struct json_value *other = run->program->constants.values + constant;
    if (!((value->flags | other->flags) & JSON_LONG) && value->exponent == other->exponent)
        return (value->mantissa > other->mantissa) - (value->mantissa < other->mantissa);
    return weft__number_compare(run->doc, value, &run->program->constants, other);
}

static inline uint32_t points(struct run *run, const struct json_value *value)
{
    if ((value->flags & (JSON_ASCII | JSON_ESCAPED)) == JSON_ASCII) return value->size_bytes;
    return weft__take(run, value->size_bytes / 64) ? weft__json_points(run->doc, value) : 0;
}

static bool run_format(struct run *run, uint32_t node, const struct op *op, const struct json_value *value)
{
    size_t size_bytes;
    const char *text = weft__take(run, value->size_bytes / 16) ? weft__run_text(run, value, &size_bytes) : NULL;
    if (!text) return false;
    return run->program->formats[op->a].format->valid(text, size_bytes) || weft__fail(run, node, op, value, 0, 0);
}

bool weft__run_matches(struct run *run, uint32_t regex, const struct json_value *value)
{
    size_t size_bytes;
    const char *text = weft__run_text(run, value, &size_bytes);
    if (!text) return false;
    switch (weft__regex_match(run->program->regexes[regex].regex, run->validator->regex, text, size_bytes,
                              &run->regex_budget)) {
    case REGEX_YES: return true;
    case REGEX_NO: return false;
    case REGEX_TOO_HARD: break;
    }
    return weft__run_stop(run, WEFT_ELIMIT, value, "a pattern takes too many steps on this string");
}

static bool run_pattern(struct run *run, uint32_t node, const struct op *op, const struct json_value *value)
{
    if (weft__run_matches(run, op->a, value)) return true;
    return !run->stop && weft__fail(run, node, op, value, 0, 0);
}

static bool run_const(struct run *run, uint32_t node, const struct op *op, const struct json_value *value)
{
    const struct json_doc *constants = &run->program->constants;
    if (weft__run_equal(run, constants, constants->values + op->a, value)) return true;
    return !run->stop && weft__fail(run, node, op, value, 0, 0);
}

static bool same_text(const struct json_doc *constants, const struct json_value *constant, const struct json_doc *doc,
                      const struct json_value *value)
{
    return constant->size_bytes == value->size_bytes &&
           weft__same_bytes(weft__json_raw(constants, constant), weft__json_raw(doc, value), value->size_bytes);
}

/* A string's way is the one that is walked most. */
static bool run_enum(struct run *run, uint32_t node, const struct op *op, const struct json_value *value)
{
    const struct json_doc *constants = &run->program->constants;
    const struct json_value *array = constants->values + op->a, *item = array + 1;
    if (!weft__take(run, array->count / 8)) return false;
    bool plain = value->kind == JSON_STRING && !(value->flags & JSON_ESCAPED);
    for (uint32_t i = 0; i < array->count; i++, item = weft__json_next(constants, item)) {
        if (item->kind != value->kind) continue;
        if (plain && !(item->flags & JSON_ESCAPED)) {
            if (same_text(constants, item, run->doc, value)) return true;
        } else if (weft__run_equal(run, constants, item, value)) {
            return true;
        } else if (run->stop) {
            return false;
        }
    }
    return weft__fail(run, node, op, value, 0, 0);
}

/* --- nodes -------------------------------------------------------------------------------------------------------- */

/* What calls others or needs some stack: apart, so that what does not is quick. */
static __attribute__((noinline)) bool run_call(struct run *run, uint32_t node, const struct op *op,
                                               const struct json_value *value)
{
    switch ((enum op_code)op->code) {
    case OP_MULTIPLE_OF:
        return weft__number_is_multiple(run->doc, value, &run->program->constants,
                                        run->program->constants.values + op->a) ||
               weft__fail(run, node, op, value, 0, 0);
    case OP_FORMAT: return run_format(run, node, op, value);
    case OP_CONTAINS: return weft__run_contains(run, node, op, value);
    case OP_UNIQUE_ITEMS: return weft__run_unique(run, node, op, value);
    case OP_DEPENDENT_REQUIRED: return weft__run_dependent_required(run, node, op, value);
    case OP_DEPENDENT_SCHEMA: return weft__run_dependent_schema(run, op, value);
    case OP_CONST: return run_const(run, node, op, value);
    case OP_DYNAMIC_CALL: return run_dynamic(run, op, value);
    case OP_ANY: return run_any(run, node, op, value);
    case OP_ONE: return run_one(run, node, op, value);
    case OP_NOT: return run_not(run, node, op, value);
    case OP_IF: return run_if(run, op, value);
    case OP_UNEVALUATED_ITEMS: return value->kind != JSON_ARRAY || weft__run_unevaluated(run, op, value);
    case OP_UNEVALUATED_PROPERTIES: return value->kind != JSON_OBJECT || weft__run_unevaluated(run, op, value);
    default: return true;
    }
}

static inline bool run_op(struct run *run, uint32_t node, const struct op *op, const struct json_value *value)
{
    uint32_t length = 0;
    bool holds;
    switch ((enum op_code)op->code) {
    case OP_MAXIMUM: holds = compare(run, value, op->a) <= 0; break;
    case OP_EXCLUSIVE_MAXIMUM: holds = compare(run, value, op->a) < 0; break;
    case OP_MINIMUM: holds = compare(run, value, op->a) >= 0; break;
    case OP_EXCLUSIVE_MINIMUM: holds = compare(run, value, op->a) > 0; break;
    case OP_MAX_LENGTH: holds = (length = points(run, value)) <= op->a; break;
    case OP_MIN_LENGTH: holds = (length = points(run, value)) >= op->a; break;
    case OP_MAX_ITEMS:
    case OP_MAX_PROPERTIES: holds = value->count <= op->a; break;
    case OP_MIN_ITEMS:
    case OP_MIN_PROPERTIES: holds = value->count >= op->a; break;
    case OP_PATTERN: return run_pattern(run, node, op, value);
    case OP_ENUM: return run_enum(run, node, op, value);
    case OP_ITEMS: return weft__run_items(run, op, value);
    case OP_OBJECT: return weft__run_object(run, node, op, value);
    case OP_CALL: return weft__check(run, op->a, value);
    default: return run_call(run, node, op, value);
    }
    return holds || weft__fail(run, node, op, value, length, 0);
}

/* The ops from begin to end; *valid stays true where all of them hold. False: that is the answer. */
static inline bool run_group(struct run *run, uint32_t index, uint32_t begin, uint32_t end,
                             const struct json_value *value, bool *valid)
{
    const struct op *ops = run->program->ops;
    for (uint32_t i = begin; i < end; i++) {
        if (run_op(run, index, &ops[i], value)) continue;
        *valid = false;
        if (run->first) return false;
    }
    return true;
}

static inline bool run_ops(struct run *run, uint32_t index, const struct json_value *value)
{
    const struct node *node = &run->program->nodes[index];
    bool valid = (node->types & weft__type_bit(value)) &&
                 !(node->flags & NODE_INTEGER && value->kind == JSON_NUMBER && !holds_integer(run, value));
    if (!valid) {
        (void)fail_type(run, index, value);
        if (run->first) return false;
    }
    if (value->kind >= JSON_NUMBER) {
        const uint32_t *group = &node->ops[value->kind - JSON_NUMBER];
        if (!run_group(run, index, group[0], group[1], value, &valid)) return false;
    }
    (void)run_group(run, index, node->ops[NODE_GROUPS - 1], node->ops_end, value, &valid);
    return valid;
}

static bool run_marked(struct run *run, uint32_t index, const struct json_value *value)
{
    size_t outer = run->marks;
    bool valid = weft__marks_push(run, value->count) && run_ops(run, index, value);
    weft__marks_pop(run, outer, value->count, valid && outer != MARKS_NONE);
    return valid;
}

static bool in_scope(struct run *run, uint32_t resource)
{
    if (!weft__take(run, run->scope_count / 8)) return true;
    for (uint32_t i = 0; i < run->scope_count; i++)
        if (run->validator->scope.items[i] == resource) return true;
    return false;
}

static bool run_unscoped(struct run *run, uint32_t index, const struct json_value *value)
{
    const struct node *node = &run->program->nodes[index];
    if (node->flags & NODE_UNEVALUATED && value->kind >= JSON_ARRAY) return run_marked(run, index, value);
    return run_ops(run, index, value);
}

/* Enters the node's resource, which leaves the dynamic scope again if this was the first time. */
static bool run_scoped(struct run *run, uint32_t index, const struct json_value *value)
{
    uint32_t outer = run->resource, count = run->scope_count, resource = run->program->nodes[index].resource;
    if (resource != outer) {
        if (!in_scope(run, resource)) {
            if (!RUN_ROOM(run, &run->validator->scope, (size_t)count + 1)) return false;
            run->validator->scope.items[run->scope_count++] = resource;
        }
        run->resource = resource;
    }
    bool valid = run_unscoped(run, index, value);
    run->resource = outer;
    run->scope_count = count;
    return valid;
}

bool weft__run_node(struct run *run, uint32_t index, const struct json_value *value)
{
    const struct node *node = &run->program->nodes[index];
    if (!run->depth)
        return weft__run_stop(run, WEFT_ELIMIT, value, "schemas refer to each other without end, or too deep");
    if (!weft__take(run, 1 + node->ops_end - node->ops[0])) return false;
    run->depth--;
    bool valid = run->program->uses_scope         ? run_scoped(run, index, value)
                 : node->flags & NODE_UNEVALUATED ? run_unscoped(run, index, value)
                                                  : run_ops(run, index, value);
    run->depth++;
    return valid;
}

bool weft__run(struct run *run, uint32_t node, const struct json_value *value)
{
    return weft__check(run, node, value);
}
