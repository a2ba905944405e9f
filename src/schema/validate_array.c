/* validate_array.c: the items of an array, and what of an array or object nothing else has evaluated. */
#include "schema/validate.h"

bool weft__run_items(struct run *run, const struct op *op, const struct json_value *value)
{
    const uint32_t *prefix = run->program->lists + op->a;
    const struct json_value *item = value + 1;
    size_t marks = run->marks;
    bool valid = true;
    if (!weft__take(run, value->count)) return false;
    run->marks = MARKS_NONE;
    for (uint32_t i = 0; i < value->count; i++, item = weft__json_next(run->doc, item)) {
        uint32_t node = i < op->b ? prefix[i] : op->c;
        if (node == NODE_NONE) break;
        if (!weft__check(run, node, item)) {
            valid = false;
            if (run->first) break;
        }
        if (marks != MARKS_NONE) weft__mark(run, marks, i);
    }
    run->marks = marks;
    return valid;
}

/* Where somebody asks for marks, or for at most so many, all items are looked at. */
bool weft__run_contains(struct run *run, uint32_t node, const struct op *op, const struct json_value *value)
{
    const struct json_value *item = value + 1;
    uint32_t count = 0;
    size_t marks = run->marks;
    if (!weft__take(run, value->count)) return false;
    for (uint32_t i = 0; i < value->count; i++, item = weft__json_next(run->doc, item)) {
        if (count >= op->b && op->c == UINT32_MAX && marks == MARKS_NONE) return true;
        if (!weft__run_ask(run, op->a, item, false)) {
            if (run->stop) return false;
            continue;
        }
        count++;
        if (marks != MARKS_NONE) weft__mark(run, marks, i);
    }
    if (count < op->b)
        return weft__fail_keyword(run, node, op, op->b == 1 ? KEYWORD_CONTAINS : KEYWORD_MIN_CONTAINS, value, count);
    return count <= op->c || weft__fail_keyword(run, node, op, KEYWORD_MAX_CONTAINS, value, count);
}

bool weft__run_unique(struct run *run, uint32_t node, const struct op *op, const struct json_value *value)
{
    uint32_t x, y;
    if (value->count < 2) return true;
    if (weft__run_same_items(run, value, &x, &y)) return weft__fail(run, node, op, value, x, y);
    return !run->stop;
}

bool weft__run_unevaluated(struct run *run, const struct op *op, const struct json_value *value)
{
    const struct json_value *child = value + 1;
    bool members = op->code == OP_UNEVALUATED_PROPERTIES, valid = true;
    size_t marks = run->marks;
    if (!weft__take(run, value->count)) return false;
    run->marks = MARKS_NONE;
    for (uint32_t i = 0; i < value->count; i++, child = weft__json_next(run->doc, child + members)) {
        if (weft__marked(run, marks, i)) continue;
        weft__mark(run, marks, i);
        if (weft__check(run, op->a, child + members)) continue;
        valid = false;
        if (run->first) break;
    }
    run->marks = marks;
    return valid;
}
