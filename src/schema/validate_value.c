/* validate_value.c: numbers and strings, and what is compared with constants. */
#include <string.h>

#include "schema/number.h"
#include "schema/validate.h"

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

bool weft__run_number(struct run *run, uint32_t node, const struct op *op, const struct json_value *value)
{
    bool valid = true;
    switch ((enum op_code)op->code) {
    case OP_MAXIMUM: valid = compare(run, value, op->a) <= 0; break;
    case OP_EXCLUSIVE_MAXIMUM: valid = compare(run, value, op->a) < 0; break;
    case OP_MINIMUM: valid = compare(run, value, op->a) >= 0; break;
    case OP_EXCLUSIVE_MINIMUM: valid = compare(run, value, op->a) > 0; break;
    case OP_MULTIPLE_OF:
        valid =
            weft__number_is_multiple(run->doc, value, &run->program->constants, run->program->constants.values + op->a);
        break;
    default: break;
    }
    return valid || weft__fail(run, node, op, value, 0, 0);
}

bool weft__run_length(struct run *run, uint32_t node, const struct op *op, const struct json_value *value)
{
    uint32_t length = points(run, value);
    bool valid = op->code == OP_MAX_LENGTH ? length <= op->a : length >= op->a;
    return valid || weft__fail(run, node, op, value, length, 0);
}

bool weft__run_format(struct run *run, uint32_t node, const struct op *op, const struct json_value *value)
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

bool weft__run_pattern(struct run *run, uint32_t node, const struct op *op, const struct json_value *value)
{
    if (weft__run_matches(run, op->a, value)) return true;
    return !run->stop && weft__fail(run, node, op, value, 0, 0);
}

bool weft__run_const(struct run *run, uint32_t node, const struct op *op, const struct json_value *value)
{
    const struct json_doc *constants = &run->program->constants;
    if (weft__run_equal(run, constants, constants->values + op->a, value)) return true;
    return !run->stop && weft__fail(run, node, op, value, 0, 0);
}
