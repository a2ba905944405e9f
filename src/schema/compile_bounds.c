/* compile_bounds.c: what the ops of a node come down to for a number or a string, where it is no more than a few
 * bounds. They may be narrower than what the ops say: who is not within them is left to the ops. */
#include "schema/compile.h"
#include "schema/numeral.h"

/* The largest integer that is no larger than the constant. False: it is too large for this. */
static bool floor_of(const struct json_value *number, int64_t *integer, bool *fraction)
{
    if (number->flags & JSON_LONG || number->exponent > 0 || number->exponent < -18) return false;
    int64_t scale = (int64_t)weft__numeral_tens[-number->exponent], rest = number->mantissa % scale;
    *fraction = rest != 0;
    *integer = number->mantissa / scale - (rest < 0);
    return true;
}

static bool add_number(const struct compiler *c, const struct op *op, struct bounds *bounds)
{
    int64_t low, high;
    bool fraction;
    if (op->code > OP_EXCLUSIVE_MINIMUM || !floor_of(&c->constants.items[op->a], &low, &fraction)) return false;
    high = low;
    if ((fraction || op->code == OP_EXCLUSIVE_MINIMUM) && __builtin_add_overflow(low, 1, &low)) return false;
    if (!fraction && op->code == OP_EXCLUSIVE_MAXIMUM && __builtin_sub_overflow(high, 1, &high)) return false;
    if (op->code >= OP_MINIMUM && low > bounds->number_min) bounds->number_min = low;
    if (op->code < OP_MINIMUM && high < bounds->number_max) bounds->number_max = high;
    return true;
}

static bool add_string(const struct compiler *c, const struct op *op, struct bounds *bounds)
{
    switch (op->code) {
    case OP_MAX_LENGTH:
        if (op->a < bounds->length_max) bounds->length_max = op->a;
        return true;
    case OP_MIN_LENGTH:
        if (op->a > bounds->length_min) bounds->length_min = op->a;
        return true;
    case OP_PATTERN:
        if (bounds->regex != PROGRAM_NONE || !weft__regex_is_fixed(c->regexes.items[op->a].regex)) return false;
        bounds->regex = op->a;
        return true;
    default: return false;
    }
}

/* Whether the bounds say all that the node's group of that kind does. */
static bool add_group(const struct compiler *c, struct node *node, enum json_kind kind)
{
    const uint32_t *group = &node->ops[kind - JSON_NUMBER];
    for (uint32_t i = group[0]; i < group[1]; i++) {
        const struct op *op = &c->ops.items[i];
        if (kind == JSON_NUMBER && add_number(c, op, &node->bounds)) continue;
        if (kind == JSON_STRING && add_string(c, op, &node->bounds)) continue;
        return false;
    }
    return true;
}

void weft__compile_bounds(const struct compiler *c, struct node *node)
{
    node->bounds = (struct bounds){
        .number_min = INT64_MIN, .number_max = INT64_MAX, .length_max = UINT32_MAX, .regex = PROGRAM_NONE};
    if (node->ops[NODE_GROUPS - 1] != node->ops_end) return;
    node->bounded = node->types;
    for (unsigned kind = JSON_NUMBER; kind <= JSON_OBJECT; kind++)
        if (!add_group(c, node, (enum json_kind)kind)) node->bounded &= (uint8_t) ~(1u << kind);
}
