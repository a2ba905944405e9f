/* validate_branch.c: ops that hand the value itself on to other nodes. */
#include "schema/validate.h"

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
bool weft__run_any(struct run *run, uint32_t node, const struct op *op, const struct json_value *value)
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

bool weft__run_one(struct run *run, uint32_t node, const struct op *op, const struct json_value *value)
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

bool weft__run_not(struct run *run, uint32_t node, const struct op *op, const struct json_value *value)
{
    if (!weft__run_ask(run, op->a, value, false)) return !run->stop;
    return weft__fail(run, node, op, value, 0, 0);
}

bool weft__run_if(struct run *run, const struct op *op, const struct json_value *value)
{
    uint32_t next = weft__run_ask(run, op->a, value, true) ? op->b : op->c;
    if (run->stop) return false;
    return next == NODE_NONE || weft__check(run, next, value);
}

/* The outermost resource of the dynamic scope that has such an anchor. */
bool weft__run_dynamic(struct run *run, const struct op *op, const struct json_value *value)
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
