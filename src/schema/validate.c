/* validate.c: a document against a program. One function enters a node and runs its ops; what it calls enters the nodes
 * of members, items and subschemas. The C stack is as deep as these calls, which run->depth bounds; run->steps bounds
 * the time.
 *
 * Marks. A node with unevaluatedItems or unevaluatedProperties lays down a bit set, one bit for each item or member; all
 * that looks at the same value in place, from there on, marks what it evaluates. A branch that may fail without the whole
 * failing (anyOf, oneOf, if) marks in a set of its own, which is added only where it holds. Below the value nobody marks:
 * who enters items or members puts run->marks away. */
#include "schema/validate.h"

#include "schema/number.h"

static inline bool holds_integer(const struct run *run, const struct json_value *value)
{
    if (!(value->flags & JSON_LONG) && value->exponent == 0) return true;
    return weft__number_is_integer(run->doc, value);
}

static bool fail_type(struct run *run, uint32_t node, const struct json_value *value)
{
    if (run->quiet) return false;
    bool never = run->program->nodes[node].flags & NODE_FALSE;
    return weft__run_fail(run, &(struct failure){node, never ? KEYWORD_NONE : KEYWORD_TYPE, NULL, value, 0, 0});
}

static bool run_op(struct run *run, uint32_t node, const struct op *op, const struct json_value *value)
{
    switch ((enum op_code)op->code) {
    case OP_MAXIMUM:
    case OP_EXCLUSIVE_MAXIMUM:
    case OP_MINIMUM:
    case OP_EXCLUSIVE_MINIMUM:
    case OP_MULTIPLE_OF: return weft__run_number(run, node, op, value);
    case OP_MAX_LENGTH:
    case OP_MIN_LENGTH: return weft__run_length(run, node, op, value);
    case OP_FORMAT: return weft__run_format(run, node, op, value);
    case OP_PATTERN: return weft__run_pattern(run, node, op, value);
    case OP_MAX_ITEMS:
    case OP_MAX_PROPERTIES: return value->count <= op->a || weft__fail(run, node, op, value, 0, 0);
    case OP_MIN_ITEMS:
    case OP_MIN_PROPERTIES: return value->count >= op->a || weft__fail(run, node, op, value, 0, 0);
    case OP_ITEMS: return weft__run_items(run, op, value);
    case OP_CONTAINS: return weft__run_contains(run, node, op, value);
    case OP_UNIQUE_ITEMS: return weft__run_unique(run, node, op, value);
    case OP_OBJECT: return weft__run_object(run, node, op, value);
    case OP_DEPENDENT_REQUIRED: return weft__run_dependent_required(run, node, op, value);
    case OP_DEPENDENT_SCHEMA: return weft__run_dependent_schema(run, op, value);
    case OP_CONST: return weft__run_const(run, node, op, value);
    case OP_ENUM: return weft__run_enum(run, node, op, value);
    case OP_CALL: return weft__check(run, op->a, value);
    case OP_DYNAMIC_CALL: return weft__run_dynamic(run, op, value);
    case OP_ANY: return weft__run_any(run, node, op, value);
    case OP_ONE: return weft__run_one(run, node, op, value);
    case OP_NOT: return weft__run_not(run, node, op, value);
    case OP_IF: return weft__run_if(run, op, value);
    case OP_UNEVALUATED_ITEMS: return value->kind != JSON_ARRAY || weft__run_unevaluated(run, op, value);
    case OP_UNEVALUATED_PROPERTIES: return value->kind != JSON_OBJECT || weft__run_unevaluated(run, op, value);
    }
    return true;
}

/* The ops from begin to end; *valid stays true where all of them hold. False: that is the answer. */
static inline bool run_group(struct run *run, uint32_t index, uint32_t begin, uint32_t end,
                             const struct json_value *value, bool *valid)
{
    const struct op *op = run->program->ops + begin, *op_end = run->program->ops + end;
    for (; op < op_end; op++) {
        if (run_op(run, index, op, value)) continue;
        *valid = false;
        if (run->first) return false;
    }
    return true;
}

static inline bool has_type(const struct run *run, const struct node *node, const struct json_value *value)
{
    return node->types & weft__type_bit(value) &&
           !(node->flags & NODE_INTEGER && value->kind == JSON_NUMBER && !holds_integer(run, value));
}

__attribute__((always_inline)) static inline bool run_ops(struct run *run, uint32_t index,
                                                          const struct json_value *value)
{
    const struct node *node = &run->program->nodes[index];
    bool valid = has_type(run, node, value);
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

static bool run_unscoped(struct run *run, uint32_t index, const struct json_value *value)
{
    bool marks = run->program->nodes[index].flags & NODE_UNEVALUATED && value->kind >= JSON_ARRAY;
    return marks ? run_marked(run, index, value) : run_ops(run, index, value);
}

static bool in_scope(struct run *run, uint32_t resource)
{
    if (!weft__take(run, run->scope_count / 8)) return true;
    for (uint32_t i = 0; i < run->scope_count; i++)
        if (run->validator->scope.items[i] == resource) return true;
    return false;
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
